//! The grammar of commits.

use super::{
    Malformed, Person, Signed, Slot,
    headers::{Headers, split_line},
    signed,
};
use crate::push::{ObjectFormat, ObjectId};
use std::borrow::Cow;

/// Bytes of a subject that are worth showing.
const LONGEST_SUBJECT: usize = 200;

/// A commit that follows the grammar: `tree`, `parent`*, `author`, `committer`, the rest, a blank line, the message.
#[derive(Debug)]
pub struct Commit<'a> {
    /// The root tree.
    pub tree: ObjectId,
    /// In their order; as git sees them, since nothing stands between them and `tree`.
    pub parents: Vec<ObjectId>,
    /// Who wrote the change.
    pub author: Person<'a>,
    /// Who made the commit.
    pub committer: Person<'a>,
    /// The raw `encoding` header.
    pub encoding: Option<&'a [u8]>,
    /// All after the first blank line, as it stands.
    pub message: &'a [u8],
    /// The signature in the header that this object format has for it.
    pub signature: Slot<'a>,
}

impl<'a> Commit<'a> {
    /// Reads a whole commit, without the `commit <size>` that loose objects begin with.
    ///
    /// # Errors
    /// The first thing found that the grammar does not allow.
    pub fn parse(bytes: &'a [u8], format: ObjectFormat) -> Result<Self, Malformed> {
        let mut headers = Headers::read(bytes, &["tree", "author", "committer", "encoding"])?;
        let tree = headers.required("tree")?.id(format)?;
        let mut parents = Vec::new();
        while let Some(parent) = headers.next_if("parent") {
            parents.push(parent.id(format)?);
        }
        let author = headers.required("author")?.person()?;
        let committer = headers.required("committer")?.person()?;
        headers.refuse_later("parent", "committer")?;
        let encoding = headers.rest().find(|header| header.is("encoding")).map(|header| header.line()).transpose()?;
        let signature = slot(bytes, &headers, format);
        Ok(Self { tree, parents, author, committer, encoding, message: headers.body, signature })
    }

    /// The first paragraph's lines joined by a space, as `git log --format=%s` has it, raw bytes; no more than 200 of
    /// them.
    pub fn subject(&self) -> Vec<u8> {
        let mut lines = self.message.split(|&byte| byte == b'\n').map(trim_end).skip_while(|line| line.is_empty());
        let mut subject = Vec::new();
        for line in lines.by_ref().take_while(|line| !line.is_empty()) {
            if !subject.is_empty() {
                subject.push(b' ');
            }
            // One byte more than is shown tells whether a character is cut in two.
            subject.extend(line.iter().take((LONGEST_SUBJECT + 1).saturating_sub(subject.len())));
            if subject.len() > LONGEST_SUBJECT {
                let is_inside = |at: usize| subject.get(at).is_some_and(|byte| byte & 0b1100_0000 == 0b1000_0000);
                let end = (LONGEST_SUBJECT - 3..=LONGEST_SUBJECT).rev().find(|&at| !is_inside(at));
                subject.truncate(end.unwrap_or(LONGEST_SUBJECT));
                break;
            }
        }
        subject
    }
}

/// The signature of this object format, and what it is over: git cuts out every signature header, of whatever format
/// (git's commit.c, `parse_buffer_signed_by_header`).
///
/// With two of them, one is not covered by the other, and which of them a reader believes depends on the reader:
/// several, also where git itself wrote both, for a repository of two object formats (`extensions.compatObjectFormat`).
/// The other format's header alone is none: git sees no signature there either, and since there is no payload, nothing
/// escapes it.
fn slot<'a>(bytes: &'a [u8], headers: &Headers<'a>, format: ObjectFormat) -> Slot<'a> {
    let mut found = headers.all().filter(|header| header.is_signature());
    let Some(header) = found.next() else { return Slot::Empty };
    if found.next().is_some() {
        return Slot::Several;
    }
    if header.name != format.signature_header() {
        return Slot::Empty;
    }
    let signature = header.unfolded(bytes);
    if signed::armors(&signature).0 > 1 {
        return Slot::Several;
    }
    let before = bytes.get(..header.range.start).unwrap_or_default();
    let after = bytes.get(header.range.end..).unwrap_or_default();
    Slot::One(Signed { payload: Cow::Owned([before, after].concat()), signature })
}

/// Without the white space at its end, in git's sense (its `sane_ctype`).
fn trim_end(line: &[u8]) -> &[u8] {
    let end = line.iter().rposition(|byte| !b" \t\r\n".contains(byte)).map_or(0, |last| last + 1);
    line.get(..end).unwrap_or_default()
}

/// The parents git sees, also of a commit that does not follow the grammar (git's `commit.c`, `parse_commit_buffer`):
/// those on the lines directly after `tree`. Empty where git would read no parent or no commit; where git gives up at a
/// broken `parent` line, those before it.
pub fn parents_as_git_reads_them(bytes: &[u8], format: ObjectFormat) -> Vec<ObjectId> {
    let id_after = |line: &[u8], name: &[u8]| {
        let hex = line.strip_prefix(name).filter(|hex| hex.len() == format.hex_len())?;
        ObjectId::from_hex(&hex.to_ascii_lowercase())
    };
    let Some((tree, mut rest)) = split_line(bytes) else { return Vec::new() };
    if id_after(tree, b"tree ").is_none() {
        return Vec::new();
    }
    let mut parents = Vec::new();
    while let Some((line, after)) = split_line(rest) {
        let Some(parent) = id_after(line, b"parent ") else { break };
        parents.push(parent);
        rest = after;
    }
    parents
}
