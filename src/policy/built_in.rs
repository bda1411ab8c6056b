//! The built-in rule for `refs/approvals/**` and `refs/emergencies/**`: signed as described to create, never moved, deleted
//! only by their signer. No policy softens it.

use super::{
    approval::Approval,
    declaration,
    facts::Pusher,
    sentences::{Explanation, Said, explain_fault, shell_word},
};
use crate::{
    object::Tag,
    push::{ApprovalName, Change, EmergencyName, ObjectId, RefName, Timestamp},
    registry::{Fault, Registry, SignerId},
    signature::Signature,
};
use std::fmt;

/// A name that the rule covers.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum BuiltIn {
    /// An approval.
    Approval(ApprovalName),
    /// A declared emergency.
    Emergency(EmergencyName),
    /// Below `refs/approvals/` or `refs/emergencies/`, and neither; in words, how such a name is made.
    Neither(&'static str),
}

/// Why a tag may not stand, move or go as is asked.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub enum TagFault {
    /// The ref's name is not made as it must be: how that is.
    Name(&'static str),
    /// It is no annotated tag of a commit.
    NoTag,
    /// The tag's own name, raw, is another than the ref's.
    OtherName(Vec<u8>),
    /// The tag points at another object than its name says.
    OtherTarget(ObjectId),
    /// The tag points at no commit.
    NoCommit,
    /// It is not signed.
    Unsigned,
    /// Its signature does not count.
    Signature(Fault),
    /// The name says another signer: who signed, and where an approval of theirs stands.
    OtherSigner {
        /// Who signed.
        signer: SignerId,
        /// Where theirs would stand.
        right: Option<ApprovalName>,
    },
    /// Who signed is no person in `signers.toml`.
    NoPerson(SignerId),
    /// It declares nothing: why.
    Declaration(String),
    /// It declares another ticket than its name says, raw bytes.
    OtherTicket(Vec<u8>),
    /// It says that it settles what it does not: in words.
    Settles(String),
    /// It would move.
    Moved,
    /// It was taken back, and another brings it again: who the pusher is taken for, in words.
    Withdrawn(String),
    /// It is another's: who the pusher is taken for, in words.
    NotYours(String),
}

/// Every word that a fault can have, but for those of signatures.
pub const CODES: &[&str] = &[
    "approval-form",
    "approval-signer",
    "approval-settles",
    "emergency-tag",
    "signed-tag-moved",
    "signed-tag-deleted",
    "signed-tag-withdrawn",
];

impl BuiltIn {
    /// `None`: the rule does not cover the ref.
    pub fn of(name: &RefName) -> Option<Self> {
        let bytes = name.as_bytes();
        if bytes.starts_with(ApprovalName::BELOW.as_bytes()) {
            return Some(
                ApprovalName::parse(name).map_or(
                    Self::Neither("`refs/approvals/<full ref>/<full commit id>/<signer's id>`"),
                    Self::Approval,
                ),
            );
        }
        bytes.starts_with(EmergencyName::BELOW.as_bytes()).then(|| {
            EmergencyName::parse(name).map_or(Self::Neither("`refs/emergencies/<ticket>/<number>`"), Self::Emergency)
        })
    }

    /// Whether the tag `id` may come to stand there.
    ///
    /// # Errors
    /// Why not.
    pub fn may_create(
        &self,
        (id, tag, signature): (ObjectId, &Tag<'_>, &Signature),
        registry: &Registry,
        now: Timestamp,
    ) -> Result<(), TagFault> {
        match self {
            Self::Neither(form) => Err(TagFault::Name(form)),
            Self::Approval(name) => Approval::read(name, (id, tag, signature), registry, now).map(drop),
            Self::Emergency(name) => declaration::check(name, (tag, signature), registry, now),
        }
    }

    /// Whether the pusher may bring back a tag where one was taken away: theirs alone.
    ///
    /// # Errors
    /// Why not.
    pub fn may_bring_back(pusher: &Pusher, signer: Option<&SignerId>) -> Result<(), TagFault> {
        Self::may_delete(pusher, signer).map_err(|_| TagFault::Withdrawn(pusher.described()))
    }

    /// Whether the pusher may take the tag away: theirs alone.
    ///
    /// # Errors
    /// Why not.
    pub fn may_delete(pusher: &Pusher, signer: Option<&SignerId>) -> Result<(), TagFault> {
        match (&pusher.signer, signer) {
            (Some(pusher), Some(signer)) if pusher.id == *signer => Ok(()),
            (_, _) => Err(TagFault::NotYours(pusher.described())),
        }
    }
}

impl fmt::Display for TagFault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Name(form) => write!(f, "its name is not made so: {form}"),
            Self::NoTag => f.write_str("it is no annotated tag of a commit, of 64 KiB at most"),
            Self::OtherName(own) => write!(f, "the signed tag calls itself `{}`", String::from_utf8_lossy(own)),
            Self::OtherTarget(commit) => write!(f, "the signed tag points at another object than the commit {commit}"),
            Self::NoCommit => f.write_str("the signed tag points at no commit"),
            Self::Unsigned => f.write_str("the tag is not signed"),
            Self::Signature(fault) => write!(f, "the tag's signature does not count ({})", fault.status.name()),
            Self::OtherSigner { signer, .. } => {
                write!(f, "its name states another signer than `{}`, who signed it", signer.0)
            }
            Self::NoPerson(signer) => {
                write!(f, "`{}`, who signed it, is no person in `signers.toml`: only such may approve", signer.0)
            }
            Self::Declaration(why) => write!(f, "the tag declares no emergency: {why}"),
            Self::OtherTicket(ticket) => {
                write!(f, "the tag's trailer `Emergency` has another ticket, `{}`", String::from_utf8_lossy(ticket))
            }
            Self::Settles(why) => f.write_str(why),
            Self::Moved => f.write_str("an approval or a declared emergency is never moved"),
            Self::Withdrawn(pusher) => {
                write!(f, "it was taken back; only who signed it may bring it again, and {pusher}")
            }
            Self::NotYours(pusher) => write!(f, "only who signed it may delete it, and {pusher}"),
        }
    }
}

/// What is said of a fault.
pub(super) fn explain(fault: &TagFault, said: &Said<'_>) -> Explanation {
    let is_approval = said.update.name.as_bytes().starts_with(ApprovalName::BELOW.as_bytes());
    let form = if is_approval { "approval-form" } else { "emergency-tag" };
    let code = match fault {
        TagFault::Unsigned => "unsigned",
        TagFault::Signature(fault) => return explain_fault(fault, said, "the tag is", Vec::new(), None),
        TagFault::OtherSigner { .. } | TagFault::NoPerson(_) => "approval-signer",
        TagFault::Settles(_) => "approval-settles",
        TagFault::Moved => "signed-tag-moved",
        TagFault::Withdrawn(_) => "signed-tag-withdrawn",
        TagFault::NotYours(_) => "signed-tag-deleted",
        TagFault::Name(_)
        | TagFault::NoTag
        | TagFault::OtherName(_)
        | TagFault::OtherTarget(_)
        | TagFault::NoCommit
        | TagFault::Declaration(_)
        | TagFault::OtherTicket(_) => form,
    };
    Explanation { code, lines: vec![fault.to_string()], hints: hints(fault, said) }
}

fn hints(fault: &TagFault, said: &Said<'_>) -> Vec<String> {
    let approve = |name: &ApprovalName, options: &str| {
        let to = shell_word(name.name().as_bytes())?;
        Some(format!("countersign approve {} --for {to}{options}", name.commit()))
    };
    match (fault, &said.update.change) {
        (TagFault::OtherSigner { right: Some(right), .. }, Change::Create { .. }) => {
            let id = shell_word(right.signer().as_bytes());
            id.and_then(|id| approve(right, &format!(" --as {id}"))).into_iter().collect()
        }
        (TagFault::Unsigned | TagFault::NoTag | TagFault::OtherName(_), Change::Create { .. }) => {
            ApprovalName::parse(&said.update.name).and_then(|name| approve(&name, "")).into_iter().collect()
        }
        (_, _) => Vec::new(),
    }
}
