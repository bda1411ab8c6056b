//! What an examination came to: of the installation, and of each repository.

use super::finding::{Finding, Severity};
use crate::push::Timestamp;
use std::path::PathBuf;

/// All of it.
#[derive(Debug)]
pub(super) struct Examined {
    pub(super) now: Timestamp,
    pub(super) site: Site,
    /// Sorted by path.
    pub(super) repositories: Vec<Repository>,
}

/// What all repositories have in common.
#[derive(Debug, Default)]
pub(super) struct Site {
    pub(super) findings: Vec<Finding>,
    /// The policies that were read, by file.
    pub(super) policies: Vec<Policy>,
    pub(super) ledgers: Vec<Ledger>,
}

/// A policy in force.
#[derive(Debug)]
pub(super) struct Policy {
    pub(super) path: PathBuf,
    /// `sha256:…`, as records name it.
    pub(super) digest: String,
    /// Whether it is what the ledger last saw in force; `None`: there is no ledger that could tell.
    pub(super) is_recorded: Option<bool>,
}

/// A ledger.
#[derive(Debug)]
pub(super) struct Ledger {
    pub(super) folder: PathBuf,
    /// How many records there are; `None`: it could not be read.
    pub(super) records: Option<u64>,
    /// Bytes that are free for it; `None`: it could not be found out.
    pub(super) free: Option<u64>,
}

/// One repository.
#[derive(Debug)]
pub(super) struct Repository {
    pub(super) path: PathBuf,
    pub(super) findings: Vec<Finding>,
    /// Whether git runs a hook there that is ours, and nothing keeps it from that; `None`: it could not be found out.
    pub(super) has_hook: Option<bool>,
    /// Refs that a rule covers and whose value no record explains; `None`: it could not be found out.
    pub(super) unrecorded: Option<u64>,
    /// What a canary showed, if one was pushed.
    pub(super) canary: Option<Canary>,
}

/// What came of a canary.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Canary {
    /// Refused as one.
    Refused,
    /// Let in, or refused by something else.
    NotRefused,
    /// It could not be pushed.
    NotPushed,
}

impl Examined {
    pub(super) fn findings(&self) -> impl Iterator<Item = &Finding> {
        self.site.findings.iter().chain(self.repositories.iter().flat_map(|repository| &repository.findings))
    }

    /// Takes warnings of these codes away.
    pub(super) fn leave_out(&mut self, codes: &[String]) {
        let stays =
            |finding: &Finding| finding.severity != Severity::Warning || !codes.iter().any(|code| code == finding.code);
        self.site.findings.retain(stays);
        self.repositories.iter_mut().for_each(|one| one.findings.retain(stays));
    }

    pub(super) fn severity(&self) -> Severity {
        Severity::of(self.findings())
    }
}

impl Canary {
    pub(super) fn name(self) -> &'static str {
        match self {
            Self::Refused => "refused",
            Self::NotRefused => "not refused",
            Self::NotPushed => "not pushed",
        }
    }
}
