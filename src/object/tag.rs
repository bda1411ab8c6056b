//! The grammar of annotated tags.

use super::{
    Malformed, Person, Signed, Slot,
    headers::{Headers, malformed},
    signed,
};
use crate::push::{ObjectFormat, ObjectId};
use std::borrow::Cow;

/// What kind of object a tag says it points at.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub enum TargetKind {
    /// A commit.
    Commit,
    /// A tree.
    Tree,
    /// A blob.
    Blob,
    /// Another tag.
    Tag,
}

/// A tag that follows the grammar: `object`, `type`, `tag`, `tagger`, the rest, a blank line, the message.
#[derive(Debug)]
pub struct Tag<'a> {
    /// What it points at.
    pub target: ObjectId,
    /// What kind of object it says that is.
    pub kind: TargetKind,
    /// The name the tag gives itself.
    pub name: &'a [u8],
    /// Git once made tags without.
    pub tagger: Option<Person<'a>>,
    /// The message without the signature.
    pub message: &'a [u8],
    /// The armor at the end of the message.
    pub signature: Slot<'a>,
}

impl<'a> Tag<'a> {
    /// Reads a whole tag, without the `tag <size>` that loose objects begin with.
    ///
    /// # Errors
    /// The first thing found that the grammar does not allow.
    pub fn parse(bytes: &'a [u8], format: ObjectFormat) -> Result<Self, Malformed> {
        let mut headers = Headers::read(bytes, &["object", "type", "tag", "tagger"])?;
        let target = headers.required("object")?.id(format)?;
        let kind = match headers.required("type")?.line()? {
            b"commit" => TargetKind::Commit,
            b"tree" => TargetKind::Tree,
            b"blob" => TargetKind::Blob,
            b"tag" => TargetKind::Tag,
            _ => return malformed("has a `type` header that names no kind of object"),
        };
        let name = headers.required("tag")?.line()?;
        if name.is_empty() {
            return malformed("has an empty `tag` header");
        }
        let tagger = headers.next_if("tagger").map(|header| header.person()).transpose()?;
        headers.refuse_later("tagger", "tag")?;
        let (message, signature) = split_signature(bytes, &headers)?;
        Ok(Self { target, kind, name, tagger, message, signature })
    }
}

/// Parts message and signature where git does: at the last line that begins an armor, in either object format.
///
/// A signature header in a tag is that of the other object format, which git takes out of the payload (git's commit.c,
/// `remove_signature`): beside an armor it makes two signatures, alone it is none.
fn split_signature<'a>(bytes: &'a [u8], headers: &Headers<'a>) -> Result<(&'a [u8], Slot<'a>), Malformed> {
    // Git looks for the armor in the headers, too, and would take the message for a part of it.
    if headers.all().any(|header| bytes.get(header.range.clone()).is_some_and(signed::begins_armor)) {
        return malformed("has a signature among its headers");
    }
    let body = headers.body;
    let (count, last) = signed::armors(body);
    let Some((message, armor)) = last.and_then(|at| body.split_at_checked(at)) else { return Ok((body, Slot::Empty)) };
    if signed::has_text_after_end(armor) {
        return malformed("has text after its signature");
    }
    if count > 1 || headers.all().any(|header| header.is_signature()) {
        return Ok((message, Slot::Several));
    }
    let payload = bytes.get(..bytes.len() - armor.len()).unwrap_or_default();
    Ok((message, Slot::One(Signed { payload: Cow::Borrowed(payload), signature: Cow::Borrowed(armor) })))
}
