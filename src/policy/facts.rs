//! What is known of a push when its rules are judged: borrowed, judged at once and dropped, so memory stays flat.

use super::{
    approval::Approval,
    whose::{self, Whose},
};
use crate::{
    object::{Commit, Malformed, Tag},
    push::{ObjectId, RefName, RefUpdate, Timestamp},
    registry::{Registry, Signer, SignerId, VerifyTime},
    signature::Signature,
};
use std::{collections::BTreeSet, sync::Arc};

/// What every judgement under one policy may look at.
#[derive(Clone, Copy, Debug)]
pub struct Context<'a> {
    /// The registry of this policy.
    pub registry: &'a Registry,
    /// The server's clock when the push arrived.
    pub now: Timestamp,
    /// Who pushed, as far as this policy and its registry know.
    pub pusher: &'a Pusher,
    /// On which terms the rule that judges takes a commit for its signer's.
    pub terms: Terms,
}

/// On which terms a rule takes a commit for its signer's; all its requirements share them.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Terms {
    /// When the key must be valid.
    pub verify_time: VerifyTime,
    /// Seconds after its end that a key that merely expired still counts.
    pub grace: i64,
    /// Which commits a forge may sign for whoever acts on it.
    pub forge: Forges,
}

/// Which commits a forge may sign for whoever acts on it; they are judged as that person's.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Forges {
    /// None: its signature is its own.
    Refuse,
    /// Merges of two parents that change nothing of their own.
    Merges,
    /// All.
    All,
}

impl Terms {
    /// As `signatures` writes it.
    pub(super) fn verify_time_name(&self) -> &'static str {
        match self.verify_time {
            VerifyTime::Receipt => "receipt",
            VerifyTime::Signature => "signature",
        }
    }

    /// As `signatures` writes it.
    pub(super) fn forge_name(&self) -> &'static str {
        match self.forge {
            Forges::Refuse => "refuse",
            Forges::Merges => "merges",
            Forges::All => "all",
        }
    }
}

impl Default for Terms {
    fn default() -> Self {
        Self { verify_time: VerifyTime::Receipt, grace: 0, forge: Forges::Refuse }
    }
}

/// Who pushed, by the strongest evidence there is.
#[derive(Clone, Debug, Default)]
pub struct Pusher {
    /// The registered one whose account, key or push certificate it is; `None`: unknown.
    pub signer: Option<Arc<Signer>>,
    /// What the Git server calls them, if it says.
    pub account: Option<String>,
    /// What becomes of the push certificate.
    pub certified: Certified,
    /// How the change came about, if the Git server says.
    pub via: Option<Via>,
    /// Where `signer` is not known, why: a sentence's end. Empty: nothing says who it is.
    pub why_unknown: String,
}

impl Pusher {
    /// Who they are taken for, to themselves: "you pushed as `alice`".
    pub fn described(&self) -> String {
        match &self.signer {
            Some(signer) => format!("you pushed as `{}`", signer.id.0),
            None if self.why_unknown.is_empty() => "who you are is not known here: nothing says so".to_owned(),
            None => format!("who you are is not known here: {}", self.why_unknown),
        }
    }
}

/// What becomes of a push certificate.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub enum Certified {
    /// There is none.
    #[default]
    No,
    /// There is one, and it does not count: refused as such, whatever the rules say.
    Refused,
    /// It counts.
    Yes,
}

/// How a change came about, as the Git server says.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub enum Via {
    /// Somebody pushed.
    Push,
    /// A merge in its web interface.
    Merge,
    /// An edit in its web interface.
    Edit,
    /// Something in its web interface; whether a merge or an edit, it does not say.
    Web,
}

/// A path that a commit gives other content, type or mode.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Changed {
    /// From the root of the tree, raw bytes.
    pub path: Vec<u8>,
    /// What was there; of a merge, in the first parent that has another than the merge. `None`: nothing.
    pub before: Option<Held>,
    /// What is there now. `None`: nothing.
    pub after: Option<Held>,
}

/// What a tree holds under a name.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Held {
    /// The entry's mode as git counts it: `0o100644`, `0o100755`, `0o120000` (symbolic link), `0o160000` (submodule).
    pub mode: u32,
    /// The blob, or the submodule's commit.
    pub id: ObjectId,
    /// Bytes of the blob, where a rule asks for them.
    pub size: Option<u64>,
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
    /// When this server first received it; `None`: it has no receipt that counts, and is received now.
    pub received: Option<Timestamp>,
    /// Where it stands in what the update brings.
    pub standing: Standing,
    /// The paths that it changes; of a merge, those that it changes of its own. `None`: not looked for.
    pub changes: Option<&'a [Changed]>,
    /// The tags that a merge says it merged, in their order; empty where they are not looked for.
    pub merge_tags: &'a [TagFacts<'a>],
}

impl CommitFacts<'_> {
    /// Whose the commit is on the rule's terms.
    pub fn signer(&self, context: &Context<'_>) -> Whose {
        whose::whose(self, context)
    }
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
    /// When this server first received it, or the merge that bears it; `None`: it has no receipt that counts.
    pub received: Option<Timestamp>,
}

/// An update as a whole, known once all its commits were seen.
#[derive(Clone, Copy, Debug)]
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
    /// How many commits the rule judged.
    pub commits: u64,
    /// How many of them the ref gains.
    pub gained: u64,
    /// The commit that has to be approved: what the ref is in the end; of a deletion, what it was.
    pub about: Option<ObjectId>,
    /// The approvals for this ref that stand, or that the push brings; empty where they are not looked for.
    pub approvals: &'a [Approval],
    /// Who had a hand in it, of those in the registry: the pusher; signers, authors and committers of the commits gained. Empty
    /// where no rule asks.
    pub involved: &'a BTreeSet<SignerId>,
    /// The entries of `review` of which a commit gained changes paths, by their place.
    pub touched: &'a BTreeSet<usize>,
    /// A branch that any commit may be pushed to, for others to look at what nobody but the pusher has so far.
    pub open_branch: Option<&'a str>,
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
    /// A commit changes more than is looked through: a sentence about it ("it changes more than …").
    ChangesTooMuch(String),
    /// A tag says it points at another kind of object than it does: what it says, what it is.
    DeclaredType(&'static str, &'static str),
    /// More tags of tags than are followed.
    TooDeep,
    /// The push brings a shallow boundary: what lies behind it cannot be judged.
    Shallow,
}
