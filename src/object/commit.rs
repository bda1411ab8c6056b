//! The grammar of commits.
use super::{Malformed, Person, Slot};
use crate::push::{ObjectFormat, ObjectId};

/// A commit that follows the grammar: `tree`, `parent`*, `author`, `committer`, the rest, a blank line, the message.
#[derive(Debug)]
pub struct Commit<'a> {
    pub tree: ObjectId,
    pub parents: Vec<ObjectId>,
    pub author: Person<'a>,
    pub committer: Person<'a>,
    /// The raw `encoding` header.
    pub encoding: Option<&'a [u8]>,
    /// All after the first blank line, as it stands.
    pub message: &'a [u8],
    pub signature: Slot<'a>,
}

impl<'a> Commit<'a> {
    pub fn parse(bytes: &'a [u8], format: ObjectFormat) -> Result<Self, Malformed> { let _ = (bytes, format); todo!() }
    /// The first paragraph's lines joined by a space, as `git log --format=%s` has it, raw bytes.
    pub fn subject(&self) -> Vec<u8> { todo!() }
}

/// The parents git sees, also of a commit that does not follow the grammar (git's `commit.c`, `parse_commit_buffer`).
pub fn parents_as_git_reads_them(bytes: &[u8], format: ObjectFormat) -> Vec<ObjectId> { let _ = (bytes, format); todo!() }
