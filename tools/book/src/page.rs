//! What a rendered page is to those that link to it and from it.

use html5ever::{
    tendril::StrTendril,
    tokenizer::{
        BufferQueue, Tag, TagKind, Token, TokenSink, TokenSinkResult, Tokenizer, TokenizerOpts, states::RawKind,
    },
};
use std::{cell::RefCell, collections::BTreeSet};

/// Ids, links and reasons of one page.
#[derive(Default)]
pub struct Page {
    pub ids: BTreeSet<String>,
    /// Each `href` and `src`, as it stands there, but that of `base`.
    pub links: Vec<String>,
    /// The ids and the texts of the headings of the second level that its author wrote.
    pub sections: Vec<(String, String)>,
    in_main: bool,
    in_heading: bool,
}

impl Page {
    pub fn parse(html: &str) -> Self {
        let input = BufferQueue::default();
        input.push_back(StrTendril::from(html));
        let tokenizer = Tokenizer::new(Reader::default(), TokenizerOpts::default());
        let _ = tokenizer.feed(&input);
        tokenizer.end();
        tokenizer.sink.0.take()
    }

    fn read_tag(&mut self, tag: &Tag) {
        let starts = tag.kind == TagKind::StartTag;
        let id = tag.attrs.iter().find(|attribute| &*attribute.name.local == "id");
        let id = id.map(|id| id.value.to_string()).unwrap_or_default();
        match &*tag.name {
            "main" => self.in_main = starts,
            "h2" if self.in_main => {
                self.in_heading = starts;
                self.sections.extend(starts.then(|| (id.clone(), String::new())));
            }
            // `404.html` is shown in any folder, and says that its links are from the root.
            "base" => return,
            _ => {}
        }
        let links = tag.attrs.iter().filter(|attribute| matches!(&*attribute.name.local, "href" | "src"));
        self.links.extend(links.map(|link| link.value.to_string()));
        self.ids.insert(id);
    }
}

#[derive(Default)]
struct Reader(RefCell<Page>);

impl TokenSink for Reader {
    type Handle = ();

    fn process_token(&self, token: Token, _line: u64) -> TokenSinkResult<()> {
        let mut page = self.0.borrow_mut();
        match token {
            Token::TagToken(tag) => {
                page.read_tag(&tag);
                // What is in a script is no markup.
                if tag.kind == TagKind::StartTag && &*tag.name == "script" {
                    return TokenSinkResult::RawData(RawKind::ScriptData);
                }
            }
            Token::CharacterTokens(text) if page.in_heading => {
                if let Some((_, heading)) = page.sections.last_mut() {
                    heading.push_str(&text);
                }
            }
            _ => {}
        }
        TokenSinkResult::Continue
    }
}
