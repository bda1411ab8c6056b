//! The yearly report: what was pushed, refused and signed in a period, and by which rules. The data, gathered once, and how it is
//! written.

mod html;
mod json;
mod text;

pub use html::html;
pub use json::json;
pub use text::text;

use super::register::{Moment, Register};
use crate::push::Timestamp;
use std::collections::BTreeMap;

/// All that the report says.
#[derive(Clone, PartialEq, Debug)]
pub struct Audit {
    /// The register of the same period, with what both cover.
    pub register: Register,
    /// Pushes by their verdict: `accepted`, `refused`, `undecided`.
    pub pushes: BTreeMap<String, u64>,
    /// Changes of refs by what became of them: `completed`, `open`, `failed`, `refused`.
    pub changes: BTreeMap<String, u64>,
    /// By the path of the git directory.
    pub repositories: BTreeMap<Vec<u8>, Tally>,
    /// By the pusher's id, else what is known of them.
    pub pushers: BTreeMap<Pusher, Tally>,
    /// By the reason's code: in how many changes it refused, and in how many it warned or was recorded alone.
    pub reasons: BTreeMap<String, Reasons>,
    /// By the signer's id.
    pub signers: BTreeMap<String, Signed>,
    /// How many commits and tags were brought, by what their signature was found to be; `not judged` by no rule.
    pub statuses: BTreeMap<String, u64>,
    /// Changes of policies and registries: the record, the path, and the sentences on what became weaker then.
    pub policies: Vec<PolicyChange>,
    /// Keys of the registries last in force that end soon, or have ended.
    pub keys: Vec<Key>,
}

/// How often something was accepted and refused.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub struct Tally {
    /// Changes that git made.
    pub accepted: u64,
    /// Changes that were refused, or could not be decided.
    pub refused: u64,
}

/// Who pushed.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub enum Pusher {
    /// Somebody in the registry.
    Known(String),
    /// An account of the Git server that is nobody's.
    Account(String),
    /// Nothing is known.
    Unknown,
}

/// How often a reason was found.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub struct Reasons {
    /// Where it refused.
    pub refused: u64,
    /// Where it warned, or was recorded alone.
    pub told: u64,
    /// Where an emergency waived it.
    pub waived: u64,
}

/// What somebody signed.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct Signed {
    /// Commits and tags that were brought.
    pub objects: u64,
    /// With these keys, each so many.
    pub keys: BTreeMap<String, u64>,
}

/// A policy or a registry that changed.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct PolicyChange {
    /// The record of the push that met it.
    pub record: Moment,
    /// The policy's path.
    pub path: Vec<u8>,
    /// Whether the policy's text is another; else the registry is.
    pub is_policy: bool,
    /// What may be accepted since that was not before, as it was recorded.
    pub weaker: Vec<String>,
}

/// A key that ends soon, or has ended.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub struct Key {
    /// From when it counts no more; `None` where it counts no more already.
    pub ends: Option<Timestamp>,
    /// Whose it is.
    pub signer: String,
    /// The fingerprint.
    pub key: String,
    /// In words.
    pub state: String,
}

impl Audit {
    /// How far the report looks for keys that end, in seconds from when it is made: a quarter of a year.
    pub const AHEAD: i64 = 91 * 24 * 60 * 60;
}

impl Pusher {
    fn id(&self) -> Option<&str> {
        match self {
            Self::Known(id) => Some(id),
            Self::Account(_) | Self::Unknown => None,
        }
    }

    fn account(&self) -> Option<&str> {
        match self {
            Self::Account(account) => Some(account),
            Self::Known(_) | Self::Unknown => None,
        }
    }
}
