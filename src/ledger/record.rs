//! The records: what each says, and the bytes that the ledger keeps and signs. `docs/ledger.md` describes the form, which
//! has to be readable in ten years without this program.

mod form;

pub use form::{bytes, moment};

use super::review::{ChangedPaths, CountedApproval, Emergency, Settlement};
use crate::push::{ObjectId, RefName};
use serde_json::Value;
use std::fmt;

/// The version of the form.
pub const SCHEMA: u32 = 1;

/// The longest record in bytes: an entry bundle of C2SP tlog-tiles states the length in 16 bits.
pub const LONGEST: usize = 65_535;

/// The SHA-256 of a content.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Digest(pub [u8; 32]);

/// One record, without its number and time.
#[derive(Clone, PartialEq, Debug)]
pub enum Record {
    /// The first one.
    Opened(Opening),
    /// What was decided of one ref of a push.
    Decision(Box<Decision>),
    /// What became of decisions that accepted.
    Outcome(Outcome),
    /// A ref whose value changed without a decision.
    Moved(Move),
    /// A policy or its registry is not what was last seen in force.
    Policy(Change),
    /// What is there is received now.
    Adopted(Adoption),
    /// Another key signs from here on: its verifier key.
    Rotated(String),
    /// The last one of a ledger that another continues.
    Closed(Closing),
}

/// How a ledger begins.
#[derive(Clone, PartialEq, Debug)]
pub struct Opening {
    /// The name under which its checkpoints are signed.
    pub origin: String,
    /// The verifier key.
    pub key: String,
    /// The number of the user who made it.
    pub user: u32,
    /// Whether a hook made it that found none.
    pub by_hook: bool,
    /// The ledger that this one continues.
    pub continues: Option<Continued>,
}

/// A ledger that is continued by the one that says so.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Continued {
    /// Its last checkpoint, a signed note.
    pub checkpoint: String,
    /// The path of its folder.
    pub folder: Vec<u8>,
}

/// The ledger that continues the one that says so.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Closing {
    /// The name under which its checkpoints are signed.
    pub next: String,
    /// The verifier key that it begins with.
    pub key: String,
    /// The path of its folder.
    pub folder: Vec<u8>,
}

/// What was decided of one ref.
#[derive(Clone, PartialEq, Debug)]
pub struct Decision {
    /// The number of the first decision of the same push.
    pub push: u64,
    /// What is the same for all refs of the push.
    pub pushed: Pushed,
    /// The ref.
    pub name: RefName,
    /// The value it had.
    pub old: Option<ObjectId>,
    /// The value it gets.
    pub new: Option<ObjectId>,
    /// How `old` compares with what was last recorded.
    pub recorded: Recorded,
    /// The rules that matched, and what became of each.
    pub rules: Vec<RuleOutcome>,
    /// As in the JSON of a verdict, without hints; see [`crate::report`].
    pub findings: Vec<Value>,
    /// How many more there were.
    pub findings_left_out: u64,
    /// What the ref gained that was not received before.
    pub brought: Option<Brought>,
    /// The raw object that a deletion or a change that is no fast-forward took away.
    pub tip: Option<Digest>,
    /// Keys that nobody had registered, where the push has findings about such: the list of them.
    pub keys: Option<Digest>,
    /// Approvals that counted.
    pub approvals: Vec<CountedApproval>,
    /// The rules that an emergency waived, one for each.
    pub emergencies: Vec<Emergency>,
    /// What an emergency changed.
    pub paths: Option<ChangedPaths>,
    /// Of an approval: the debts that it settles.
    pub settles: Vec<Settlement>,
}

/// What is the same for all refs of a push.
#[derive(Clone, PartialEq, Debug)]
pub struct Pushed {
    /// The path of the git directory.
    pub repository: Vec<u8>,
    /// What the policy knows it by.
    pub repository_name: Option<Vec<u8>>,
    /// Of the push as a whole.
    pub verdict: Verdict,
    /// Who pushed.
    pub pusher: Witness,
    /// How it came about: `push`, `merge`, `edit` or `web`.
    pub via: Option<&'static str>,
    /// The push certificate.
    pub certificate: Option<Digest>,
    /// The policies in force.
    pub policies: Vec<InForce>,
    /// Milliseconds until the ledger could be written.
    pub waited: u64,
}

/// What was decided of a push as a whole.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Verdict {
    /// It was let in.
    Accepted,
    /// It was not.
    Refused,
    /// It was not, since it could not be decided: why.
    Undecided(String),
}

/// Who pushed, and how that is known.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct Witness {
    /// The registered signer's id.
    pub id: Option<String>,
    /// What the Git server calls them.
    pub account: Option<String>,
    /// By what evidence the id is known.
    pub known_by: Option<KnownBy>,
    /// Why not, where it is not.
    pub unknown: Option<String>,
}

/// By what evidence a pusher is known; the strongest first.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum KnownBy {
    /// A push certificate.
    Certificate,
    /// The key that sshd authenticated.
    Sshd,
    /// The Git server's word alone.
    Server,
}

/// A policy in force.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct InForce {
    /// The file.
    pub path: Vec<u8>,
    /// Its text.
    pub policy: Digest,
    /// Its registry's list of files.
    pub registry: Digest,
}

/// How a ref's old value compares with what was last recorded.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Recorded {
    /// It is that.
    Same,
    /// It is another.
    Other,
    /// Nothing is recorded of the ref.
    Never,
}

/// A rule that matched.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct RuleOutcome {
    /// The place of its policy among those in force, from 0.
    pub policy: usize,
    /// Its name.
    pub name: String,
    /// Where it stands in its file, from 1.
    pub line: usize,
    /// `enforce`, `warn` or `observe`, as it acted.
    pub mode: &'static str,
    /// What became of it.
    pub effect: Effect,
}

/// What became of a rule.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub enum Effect {
    /// Nothing was found.
    Satisfied,
    /// Something was, which is recorded only.
    Observed,
    /// Something was, which the pusher is told.
    Warns,
    /// Something was, which would refuse, and an emergency waived it.
    Waived,
    /// Something was, which refuses.
    Refuses,
}

/// What a ref gained that this repository had not received.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Brought {
    /// How many commits and tags.
    pub objects: u64,
    /// The list of them.
    pub list: Digest,
}

/// What became of decisions that accepted.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Outcome {
    /// `post-receive`, `reference-transaction` or `value`.
    pub by: &'static str,
    /// Numbers of decisions, ascending.
    pub completed: Vec<u64>,
    /// Numbers of decisions, ascending.
    pub failed: Vec<u64>,
}

/// A ref whose value changed without a decision.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Move {
    /// The path of the git directory.
    pub repository: Vec<u8>,
    /// The ref.
    pub name: RefName,
    /// The value that was recorded.
    pub recorded: Option<ObjectId>,
    /// The value that it has.
    pub found: Option<ObjectId>,
    /// `reference-transaction` or `push`.
    pub by: &'static str,
}

/// A policy or its registry is not what was last seen in force.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Change {
    /// What is in force now.
    pub to: InForce,
    /// What was, the policy first.
    pub from: Option<(Digest, Digest)>,
    /// What may be accepted now and was not before, in sentences.
    pub weaker: Vec<String>,
}

/// An administrator declares that what is there is received now.
#[derive(Clone, PartialEq, Debug)]
pub struct Adoption {
    /// The path of the git directory.
    pub repository: Vec<u8>,
    /// The refs and their values.
    pub refs: Vec<(RefName, ObjectId)>,
    /// What they hold that was not received before.
    pub brought: Option<Brought>,
    /// The number of the user who ran the command.
    pub user: u32,
}

impl Digest {
    /// The digest of these bytes.
    pub fn of(bytes: &[u8]) -> Self {
        Self(crate::signature::sha256(bytes))
    }

    /// As records write it.
    pub fn parse(text: &str) -> Option<Self> {
        super::tree::Hash::from_hex(text.strip_prefix("sha256:")?).map(|hash| Self(*hash.as_bytes()))
    }
}

impl fmt::Display for Digest {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("sha256:")?;
        self.0.iter().try_for_each(|byte| write!(f, "{byte:02x}"))
    }
}

impl fmt::Debug for Digest {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}
