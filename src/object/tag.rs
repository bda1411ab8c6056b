//! The grammar of annotated tags.
use super::{Malformed, Person, Slot};
use crate::push::{ObjectFormat, ObjectId};

/// What kind of object a tag says it points at.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub enum TargetKind { Commit, Tree, Blob, Tag }

/// A tag that follows the grammar: `object`, `type`, `tag`, `tagger`, the rest, a blank line, the message.
#[derive(Debug)]
pub struct Tag<'a> {
    pub target: ObjectId,
    pub kind: TargetKind,
    /// The name the tag gives itself.
    pub name: &'a [u8],
    /// Git once made tags without.
    pub tagger: Option<Person<'a>>,
    /// The message without the signature.
    pub message: &'a [u8],
    pub signature: Slot<'a>,
}

impl<'a> Tag<'a> {
    pub fn parse(bytes: &'a [u8], format: ObjectFormat) -> Result<Self, Malformed> { let _ = (bytes, format); todo!() }
}
