//! What a register covers, and what not.

use super::{Moment, shown, spoken};
use crate::push::{RefName, Timestamp};

/// What the register covers.
#[derive(Clone, PartialEq, Debug)]
pub struct Coverage {
    /// When it was made.
    pub made: Timestamp,
    /// From when, as it was asked for.
    pub from: Option<Timestamp>,
    /// Before when.
    pub to: Option<Timestamp>,
    /// Only this ref.
    pub name: Option<RefName>,
    /// Only these repositories.
    pub repositories: Option<Vec<Vec<u8>>>,
    /// Only emergencies whose review is overdue; then nothing else is listed.
    pub overdue_alone: bool,
    /// The ledger's first record.
    pub begun: Moment,
    /// The folder of the ledger that this one continues, if it does.
    pub former: Option<Vec<u8>>,
    /// The first and last record of the period, and how many there are; `None` if there are none.
    pub records: Option<(Moment, Moment, u64)>,
    /// Accepted pushes of the period of which it is not recorded what git did.
    pub open: u64,
    /// The last checkpoint.
    pub checkpoint: Checkpoint,
    /// Who else has signed one, as far as the ledger's folder knows.
    pub witnesses: Vec<Witness>,
    /// Repositories that could not be read, in which commits that revert something are not found.
    pub unread: Vec<Vec<u8>>,
    /// Versions of policies that could not be compared: the records that name them.
    pub uncompared: Vec<u64>,
}

/// The signed head of the ledger.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Checkpoint {
    /// The ledger's name.
    pub origin: String,
    /// How many records it covers.
    pub size: u64,
    /// The root hash, base64.
    pub root: String,
    /// The verifier key.
    pub key: String,
    /// The signed note.
    pub note: String,
}

/// A checkpoint that a witness signed.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Witness {
    /// Whose names its signatures bear.
    pub names: Vec<String>,
    /// How many records it covers.
    pub size: u64,
    /// Why the ledger is not what it is a checkpoint of, if it is not.
    pub differs: Option<String>,
}

impl Coverage {
    /// What the register does not cover, a sentence each.
    pub fn limits(&self) -> Vec<String> {
        let mut limits = vec![
            "It knows what hooks of Countersign recorded. Of a repository without them, and of what moved a ref while they \
             were not there, it knows only what a later push found moved."
                .to_owned(),
            match &self.former {
                Some(folder) => {
                    format!("What was recorded before it stands in the ledger that it continues, in {}.", shown(folder))
                }
                None => format!("Before {} nothing was recorded.", spoken(self.begun.time)),
            },
            "Tickets and reasons are what the declaration says: nobody checked them.".to_owned(),
            "When a policy changed is when a push first met it. What changed in a registry is recorded, and not compared."
                .to_owned(),
            "A later revert is found where a record gave the ref its old value again, or where a commit of the ref says \
             `This reverts commit` of one that was brought, not where one took it back by hand."
                .to_owned(),
        ];
        if self.witnesses.is_empty() {
            limits.push(
                "No checkpoint is known to be held elsewhere. Who holds the ledger's key and its disk can have written all \
                 of it anew: compare it with what pushers were told (`ledger verify --against`)."
                    .to_owned(),
            );
        } else if let Some(size) = self.witnesses.iter().map(|witness| witness.size).max()
            && size < self.checkpoint.size
        {
            limits.push(format!(
                "Witnesses signed {size} records. The {} since then nobody else has seen.",
                self.checkpoint.size - size
            ));
        }
        if !self.witnesses.is_empty() {
            limits.push(
                "What witnesses signed was verified when it was published; with their keys, `ledger verify --witness-key` \
                 shows it again."
                    .to_owned(),
            );
        }
        if self.open > 0 {
            let changes =
                if self.open == 1 { "1 accepted change".to_owned() } else { format!("{} accepted changes", self.open) };
            limits.push(format!("Of {changes} it is not recorded whether git made it."));
        }
        if !self.unread.is_empty() {
            limits.push(format!(
                "Commits that revert something were not looked for in {}, which cannot be read here.",
                self.unread.iter().map(|path| shown(path)).collect::<Vec<_>>().join(", ")
            ));
        }
        if !self.uncompared.is_empty() {
            let numbers = self.uncompared.iter().map(u64::to_string).collect::<Vec<_>>().join(", ");
            limits.push(format!(
                "What rules did is not known from the policies of records {numbers}: they are not kept, or this version \
                 does not read them."
            ));
        }
        limits
    }

    /// Which part was asked for, in words; `None` if all.
    pub fn part(&self) -> Option<String> {
        let mut parts = Vec::new();
        if self.overdue_alone {
            parts.push("emergencies whose review is overdue".to_owned());
        }
        if let Some(name) = &self.name {
            parts.push(format!("the ref {}", shown(name.as_bytes())));
        }
        if let Some(repositories) = &self.repositories {
            let repositories = repositories.iter().map(|path| shown(path)).collect::<Vec<_>>().join(", ");
            parts.push(format!("the repositories {repositories}"));
        }
        (!parts.is_empty()).then(|| parts.join("; "))
    }
}
