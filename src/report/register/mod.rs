//! The emergency register: what an auditor asks for of a period. The data, gathered once, and how it is written: for people,
//! for programs, for a spreadsheet, and as one page.

mod coverage;
mod csv;
mod html;
mod json;
mod standing;
mod text;

pub use coverage::{Checkpoint, Coverage, Witness};
pub use csv::csv;
pub use html::html;
pub(super) use html::{badge, page};
pub use json::{json, waiver as waiver_json};
pub use standing::{Laxity, Standing};
pub(super) use text::{coverage as coverage_lines, others as other_lines};
pub use text::{text, waiver as waiver_lines};

use crate::{
    ledger::{ChangedPaths, CountedApproval, Digest, Emergency, Settlement},
    push::{ObjectId, RefName, Timestamp},
};

/// All that the register says. Of every list, the earliest first.
#[derive(Clone, PartialEq, Debug)]
pub struct Register {
    /// What it covers, and what not.
    pub coverage: Coverage,
    /// What was let in with a rule waived.
    pub uses: Vec<Use>,
    /// Emergencies that were refused.
    pub attempts: Vec<Attempt>,
    /// Refs that moved without a decision.
    pub moves: Vec<Moved>,
    /// When rules did not refuse what they refused before, or would refuse.
    pub periods: Vec<Period>,
    /// Of decisions before the period whose review is still owed: number, and whether it is overdue.
    pub earlier: Vec<(u64, bool)>,
}

/// A record and the moment that counts for it.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub struct Moment {
    /// The record's number.
    pub number: u64,
    /// When it was written.
    pub time: Timestamp,
}

/// One use of an emergency: a decision that accepted.
#[derive(Clone, PartialEq, Debug)]
pub struct Use {
    /// Its record.
    pub record: Moment,
    /// What was changed.
    pub change: RefChange,
    /// What became of it: `open`, `completed` or `failed`.
    pub state: String,
    /// Who pushed.
    pub pusher: Pusher,
    /// The push certificate, if there was one.
    pub certificate: Option<Digest>,
    /// The rules that were waived.
    pub waivers: Vec<Waiver>,
    /// The approvals that counted.
    pub approvals: Vec<CountedApproval>,
    /// What was changed in the tree: how many paths and the digest of their list; those that it names.
    pub paths: Option<(ChangedPaths, Vec<Vec<u8>>)>,
    /// How many commits and tags were brought that were not received before.
    pub objects: u64,
    /// Who signed those.
    pub signers: Vec<String>,
    /// What was taken back since.
    pub reverts: Vec<Revert>,
    /// The record's bytes, and the proof that it is in the ledger; `None` while no checkpoint covers it.
    pub proof: Option<Proof>,
}

/// A ref, and the values it had and got.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct RefChange {
    /// The path of the git directory.
    pub repository: Vec<u8>,
    /// What the policy knows it by.
    pub repository_name: Option<Vec<u8>>,
    /// The ref.
    pub name: RefName,
    /// `None` where it did not exist.
    pub old: Option<ObjectId>,
    /// `None` where it went.
    pub new: Option<ObjectId>,
}

/// Who pushed, and how that is known.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct Pusher {
    /// The registered signer's id.
    pub id: Option<String>,
    /// What the Git server calls them.
    pub account: Option<String>,
    /// `certificate`, `sshd` or `server`.
    pub known_by: Option<String>,
    /// Why not, where they are not known.
    pub unknown: Option<String>,
    /// `push`, `merge`, `edit` or `web`, if the server says.
    pub via: Option<String>,
}

/// A rule that was waived.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Waiver {
    /// The path of the policy.
    pub policy: Vec<u8>,
    /// What the record says.
    pub emergency: Emergency,
    /// How it was reviewed since: the record of each review.
    pub reviews: Vec<(Moment, Settlement)>,
    /// Where that leaves it.
    pub standing: Standing,
}

/// What was taken back.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Revert {
    /// The ref has had its old value since this record; its type.
    SetBack(Moment, String),
    /// A later commit of the ref says that it reverts one of those that were brought.
    Commit {
        /// That commit.
        commit: ObjectId,
        /// The one that it names.
        reverts: ObjectId,
        /// When it was received, if it was.
        received: Option<Timestamp>,
    },
}

/// What shows that a record is in the ledger.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Proof {
    /// The record's bytes.
    pub record: String,
    /// c2sp.org/tlog-proof.
    pub proof: String,
}

/// An emergency that was refused, or whose push was.
#[derive(Clone, PartialEq, Debug)]
pub struct Attempt {
    /// Its record.
    pub record: Moment,
    /// What was to be changed.
    pub change: RefChange,
    /// Who pushed.
    pub pusher: Pusher,
    /// The codes of the reasons.
    pub codes: Vec<String>,
    /// What the pusher was told.
    pub told: Vec<String>,
}

/// A ref that moved without a decision.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Moved {
    /// Its record.
    pub record: Moment,
    /// From the value that was recorded to the one that was found.
    pub change: RefChange,
    /// What found it: `push` or `reference-transaction`.
    pub by: String,
}

/// A time in which a rule did less than it did before, or than it can.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Period {
    /// The path of the policy.
    pub policy: Vec<u8>,
    /// The rule; `None`: the policy as a whole.
    pub rule: Option<String>,
    /// How.
    pub how: Laxity,
    /// In a sentence.
    pub what: String,
    /// Since when, as the ledger saw it: the record of a push that met this policy.
    pub from: Moment,
    /// Until when; `None`: it still is so. Without a record where the policy itself states the day.
    pub until: Option<(Timestamp, Option<u64>)>,
}

impl Register {
    /// Whether a review is overdue.
    pub fn is_overdue(&self) -> bool {
        self.uses.iter().any(|one| one.standing() == Standing::Overdue)
            || self.earlier.iter().any(|(_, overdue)| *overdue)
    }

    /// How many uses are as this says.
    pub fn count(&self, is: impl Fn(Standing) -> bool) -> usize {
        self.uses.iter().filter(|one| is(one.standing())).count()
    }

    /// From when to when it reaches.
    pub fn span(&self) -> (Timestamp, Timestamp) {
        let from = self.coverage.from.unwrap_or(self.coverage.begun.time).max(self.coverage.begun.time);
        let to = self.coverage.to.map_or(self.coverage.made, |to| to.min(self.coverage.made));
        (from, to.max(from))
    }
}

impl Use {
    /// That of its rules for which it is worst.
    pub fn standing(&self) -> Standing {
        self.waivers.iter().map(|waiver| waiver.standing).max().unwrap_or(Standing::NotDone)
    }

    /// Each reason given, with its ticket; once.
    pub fn claims(&self) -> Vec<(&[u8], &[u8])> {
        let mut claims: Vec<(&[u8], &[u8])> = Vec::new();
        for waiver in &self.waivers {
            let claim = (waiver.emergency.ticket.as_slice(), waiver.emergency.reason.as_slice());
            if !claims.contains(&claim) {
                claims.push(claim);
            }
        }
        claims
    }

    /// What kind of change it is, in a word.
    pub fn kind(&self) -> &'static str {
        match (self.change.old, self.change.new) {
            (None, _) => "created",
            (Some(_), None) => "deleted",
            (Some(_), Some(_)) => "changed",
        }
    }
}

impl RefChange {
    /// The repository's name, else its path.
    pub fn repository(&self) -> &[u8] {
        self.repository_name.as_deref().unwrap_or(&self.repository)
    }
}

impl Pusher {
    /// In words, without the account.
    pub fn described(&self) -> String {
        let account = self.account.as_ref().map(|account| format!(", the server's account {account}"));
        let account = account.unwrap_or_default();
        match (&self.id, &self.unknown) {
            (Some(id), _) => format!("{id}, {}{account}", self.evidence()),
            (None, Some(why)) => format!("unknown: {why}{account}"),
            (None, None) => format!("unknown{account}"),
        }
    }

    /// How strong the evidence is, in words.
    pub fn evidence(&self) -> &'static str {
        match self.known_by.as_deref() {
            Some("certificate") => "known by a push certificate that they signed",
            Some("sshd") => "known by the key that sshd authenticated",
            Some(_) => "known by the server's word alone",
            None => "not known",
        }
    }
}

impl Revert {
    /// In a sentence.
    pub fn described(&self) -> String {
        match self {
            Self::SetBack(record, kind) => {
                format!("the ref had its old value again at {}: record {} ({kind})", spoken(record.time), record.number)
            }
            Self::Commit { commit, reverts, received } => {
                let received = received.map(|received| format!(", received {}", spoken(received)));
                format!("commit {commit} says that it reverts {reverts}{}", received.unwrap_or_default())
            }
        }
    }
}

/// A moment, for people.
pub(super) fn spoken(time: Timestamp) -> String {
    moment(time).replacen('T', " ", 1).replacen('Z', " UTC", 1)
}

/// A moment, as records write it.
fn moment(time: Timestamp) -> String {
    crate::ledger::moment(time)
}

/// Bytes that somebody else chose, for people, on one line on which nothing acts.
pub(super) fn shown(bytes: &[u8]) -> String {
    super::escaped(&String::from_utf8_lossy(bytes))
}

/// So many objects, in words.
fn brought(objects: u64) -> String {
    if objects == 1 { "1 commit or tag".to_owned() } else { format!("{objects} commits and tags") }
}

/// An object id, `none` where there is none.
fn object(id: Option<ObjectId>) -> String {
    id.map_or_else(|| "none".to_owned(), |id| id.to_string())
}
