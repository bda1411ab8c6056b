//! Text on its way into a page.

use std::fmt::Write;

/// Part of a page. Text gets in through [`Markup::text`] alone; what is written as it is stands in this program.
#[derive(Default)]
pub(in crate::report) struct Markup(String);

impl Markup {
    /// Markup of ours.
    pub(in crate::report) fn raw(&mut self, markup: &str) -> &mut Self {
        self.0.push_str(markup);
        self
    }

    /// Text of anybody's: nothing in it is markup or acts on the page, and what acts on a reader unseen is shown.
    pub(in crate::report) fn text(&mut self, text: &str) -> &mut Self {
        self.0.push_str(&safe(text));
        self
    }

    /// An element that holds text alone, set apart from what is written in another direction beside it.
    pub(in crate::report) fn element(&mut self, name: &str, class: &str, text: &str) -> &mut Self {
        let class = if class.is_empty() { String::new() } else { format!(" class=\"{class}\"") };
        // Writing to a string cannot fail.
        let _ = write!(self.0, "<{name}{class}><bdi>{}</bdi></{name}>", safe(text));
        self
    }

    /// A term and what is to be said of it; nothing for an empty text.
    pub(in crate::report) fn fact(&mut self, term: &str, text: &str) -> &mut Self {
        if !text.is_empty() {
            self.raw("<dt>").text(term).raw("</dt>").element("dd", "", text);
        }
        self
    }

    /// The same for what is to be compared or copied character by character.
    pub(in crate::report) fn exact(&mut self, term: &str, text: &str) -> &mut Self {
        if !text.is_empty() {
            self.raw("<dt>").text(term).raw("</dt><dd>").element("code", "", text).raw("</dd>");
        }
        self
    }

    pub(in crate::report) fn done(self) -> String {
        self.0
    }
}

/// Text as it may stand between tags and within an attribute's quotation marks.
pub(super) fn safe(text: &str) -> String {
    let mut safe = String::with_capacity(text.len());
    for character in crate::report::escaped(text).chars() {
        match character {
            '&' => safe.push_str("&amp;"),
            '<' => safe.push_str("&lt;"),
            '>' => safe.push_str("&gt;"),
            '"' => safe.push_str("&quot;"),
            '\'' => safe.push_str("&#39;"),
            other => safe.push(other),
        }
    }
    safe
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no_text_is_markup_or_acts_unseen() {
        assert_eq!(safe("</bdi><script>a&b</script>"), "&lt;/bdi&gt;&lt;script&gt;a&amp;b&lt;/script&gt;");
        assert_eq!(safe("\" onload='x"), "&quot; onload=&#39;x");
        assert_eq!(safe("a\u{202e}b\u{0}c\n"), "a\\u{202e}b\\u{0}c\\u{a}");
        let mut page = Markup::default();
        page.fact("who", "<b>").fact("nothing", "").exact("id", "x");
        assert_eq!(
            page.done(),
            "<dt>who</dt><dd><bdi>&lt;b&gt;</bdi></dd><dt>id</dt><dd><code><bdi>x</bdi></code></dd>"
        );
    }
}
