//! What is known of a push when its rules are judged: borrowed, judged at once and dropped, so memory stays flat.

use crate::{
    object::{Commit, Malformed, Tag},
    push::{ObjectId, RefName, RefUpdate, Timestamp},
    registry::Registry,
    signature::Signature,
};

/// What every judgement under one policy may look at.
#[derive(Clone, Copy, Debug)]
pub struct Context<'a> {
    /// The registry of this policy.
    pub registry: &'a Registry,
    /// The server's clock when the push arrived.
    pub now: Timestamp,
}

/// One commit that the rule judges.
#[derive(Clone, Copy, Debug)]
pub struct CommitFacts<'a> {
    /// Its id; its bytes hash to it.
    pub id: ObjectId,
    /// Its headers and message.
    pub commit: &'a Commit<'a>,
    /// Which key signed it.
    pub signature: &'a Signature,
    /// Where it stands in what the update brings.
    pub standing: Standing,
}

/// Where a commit stands in what an update brings.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Standing {
    /// It is the ref's new value, peeled.
    pub tip: bool,
    /// The ref gains it; false only for what `first-parent` judges beside that.
    pub gained: bool,
    /// It is the tip, or reached from it by first parents alone.
    pub first_parent: bool,
}

/// What kind of object a ref's value is once tags are peeled.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub enum TargetKind {
    /// A commit.
    Commit,
    /// A tree.
    Tree,
    /// A blob.
    Blob,
}

impl TargetKind {
    /// With its article, for sentences.
    pub fn described(self) -> &'static str {
        match self {
            Self::Commit => "a commit",
            Self::Tree => "a tree",
            Self::Blob => "a blob",
        }
    }
}

/// One annotated tag between a ref and what it points at in the end.
#[derive(Debug)]
pub struct TagFacts<'a> {
    /// The tag object's id.
    pub id: ObjectId,
    /// Its headers and message.
    pub tag: &'a Tag<'a>,
    /// Which key signed it.
    pub signature: &'a Signature,
}

/// An update as a whole, known once all its commits were seen.
#[derive(Debug)]
pub struct UpdateFacts<'a> {
    /// What was asked for.
    pub update: &'a RefUpdate,
    /// The ref that is written: the update's, or where that leads to if it is symbolic.
    pub written: &'a RefName,
    /// The tags from the ref's new value inwards, outermost first; empty for a lightweight tag or a branch.
    pub layers: &'a [TagFacts<'a>],
    /// What the new value is in the end; `None` for a deletion, and for what could not be peeled.
    pub target: Option<TargetKind>,
    /// The object that the new value is in the end.
    pub peeled: Option<ObjectId>,
    /// Whether the old value is a commit that the new one descends from (true where there is no old value).
    pub fast_forward: bool,
    /// Whether the commit that it is in the end has its parent's tree; looked for only where a commit was found wanting.
    pub changes_nothing: bool,
    /// Whether the target is reachable, before or after this push, from a ref that the rule asks about (`tags.on`).
    pub contained: bool,
}

impl<'a> UpdateFacts<'a> {
    /// What follows `refs/tags/`, if a tag is written, or what leads to it is one.
    pub fn tag_name(&self) -> Option<&'a [u8]> {
        self.update.name.tag_name().or(self.written.tag_name())
    }

    /// Whether a branch is written, or what leads to it is one.
    pub fn is_branch(&self) -> bool {
        self.update.name.is_branch() || self.written.is_branch()
    }
}

/// What no rule's mode softens: the objects themselves are not what they must be.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub enum Defect {
    /// The object breaks the grammar of its kind.
    Malformed(Malformed),
    /// More than one signature.
    TwoSignatures,
    /// Larger than what is read, in bytes.
    TooLarge(u64),
    /// A tag says it points at another kind of object than it does: what it says, what it is.
    DeclaredType(&'static str, &'static str),
    /// More tags of tags than are followed.
    TooDeep,
    /// The push brings a shallow boundary: what lies behind it cannot be judged.
    Shallow,
}
