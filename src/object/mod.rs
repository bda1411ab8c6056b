//! Commits, tags and trees as bytes: the strict grammar, what was signed and the signature. Pure.
//!
//! What git would read leniently is a defect here: a header out of its place can hide a commit's parents from git while
//! its signature still verifies.

mod commit;
mod headers;
mod person;
mod signed;
mod tag;
mod tree;

pub use commit::{Commit, parents_as_git_reads_them, tree_as_git_reads_it};
pub use person::Person;
pub use signed::{Signed, Slot};
pub use tag::{Tag, TargetKind};
pub use tree::{Mode, TreeEntry, tree_entries};

/// Why an object does not have the grammar of its kind; a sentence without a subject, lower case ("has two `tree` headers").
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub struct Malformed(pub String);
