//! What is found: a word that stays the same, how bad it is, where, in a sentence, and the way out.

use super::super::Outcome;
use std::path::{Path, PathBuf};

/// How bad it is; the statuses of monitoring plugins. What could not be found out is worse than a warning: anything may be
/// behind it.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub(super) enum Severity {
    Ok,
    Warning,
    Unknown,
    Critical,
}

/// One thing that is not as it should be, or could not be found out.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(super) struct Finding {
    /// One of [`CODES`].
    pub(super) code: &'static str,
    pub(super) severity: Severity,
    /// The file or folder that it is about.
    pub(super) place: PathBuf,
    /// In one sentence.
    pub(super) what: String,
    /// What to do about it.
    pub(super) way_out: String,
}

/// Every word that a finding can have.
pub(super) const CODES: &[&str] = &[
    "canary-accepted",
    "canary-failed",
    "canary-present",
    "canary-refused-otherwise",
    "certificate-nonce",
    "certificate-slop",
    "disk-full",
    "disk-low",
    "fsck-off",
    "hook-changed",
    "hook-missing",
    "hook-not-executable",
    "hook-not-first",
    "hook-not-ours",
    "hook-outdated",
    "hook-repointed",
    "hook-unknown",
    "hook-writable",
    "hooks-path",
    "ledger-missing",
    "ledger-owner",
    "ledger-unreadable",
    "ledger-unwritable",
    "log-unwritable",
    "no-repositories",
    "no-size-limit",
    "not-installed",
    "not-permitted",
    "policy-broken",
    "policy-not-recorded",
    "policy-warning",
    "program-differs",
    "program-fails",
    "program-missing",
    "program-writable",
    "refs-unknown",
    "ref-moved",
    "ref-unrecorded",
    "registry-warning",
    "repository-not-recorded",
    "repository-unreadable",
    "settings-unknown",
    "wrapper-changed",
];

impl Severity {
    pub(super) fn name(self) -> &'static str {
        match self {
            Self::Ok => "ok",
            Self::Warning => "warning",
            Self::Unknown => "unknown",
            Self::Critical => "critical",
        }
    }

    /// As the exit status of monitoring plugins has it.
    pub(super) fn number(self) -> u8 {
        match self {
            Self::Ok => 0,
            Self::Warning => 1,
            Self::Critical => 2,
            Self::Unknown => 3,
        }
    }

    pub(super) fn outcome(self) -> Outcome {
        match self {
            Self::Ok => Outcome::Good,
            Self::Warning => Outcome::NotGood,
            Self::Critical => Outcome::Critical,
            Self::Unknown => Outcome::Unknown,
        }
    }

    /// The worst of all.
    pub(super) fn of<'a>(findings: impl IntoIterator<Item = &'a Finding>) -> Self {
        findings.into_iter().map(|finding| finding.severity).max().unwrap_or(Self::Ok)
    }
}

impl Finding {
    pub(super) fn critical(
        code: &'static str,
        place: &Path,
        what: impl Into<String>,
        way_out: impl Into<String>,
    ) -> Self {
        Self::new(code, Severity::Critical, place, what.into(), way_out.into())
    }

    pub(super) fn warning(
        code: &'static str,
        place: &Path,
        what: impl Into<String>,
        way_out: impl Into<String>,
    ) -> Self {
        Self::new(code, Severity::Warning, place, what.into(), way_out.into())
    }

    /// What could not be found out is never taken for good.
    pub(super) fn unknown(
        code: &'static str,
        place: &Path,
        what: impl Into<String>,
        way_out: impl Into<String>,
    ) -> Self {
        Self::new(code, Severity::Unknown, place, what.into(), way_out.into())
    }

    pub(super) fn note(code: &'static str, place: &Path, what: impl Into<String>, way_out: impl Into<String>) -> Self {
        Self::new(code, Severity::Ok, place, what.into(), way_out.into())
    }

    fn new(code: &'static str, severity: Severity, place: &Path, what: String, way_out: String) -> Self {
        debug_assert!(CODES.contains(&code), "`{code}` is in no list of codes");
        Self { code, severity, place: place.to_owned(), what, way_out }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::{collections::BTreeSet, fs};

    #[test]
    fn what_could_not_be_found_out_is_never_ok() {
        let at = Path::new("/x");
        let warning = Finding::warning("fsck-off", at, "", "");
        let unknown = Finding::unknown("settings-unknown", at, "", "");
        let critical = Finding::critical("hook-missing", at, "", "");
        assert_eq!(Severity::of([]), Severity::Ok);
        assert_eq!(Severity::of([&unknown, &warning]), Severity::Unknown);
        assert_eq!(Severity::of([&unknown, &critical, &warning]), Severity::Critical);
        assert_eq!(
            [Severity::Ok, Severity::Warning, Severity::Critical, Severity::Unknown].map(Severity::number),
            [0, 1, 2, 3]
        );
    }

    /// Each has a heading on its page, and there are no others.
    #[test]
    fn every_code_is_explained() {
        let page = fs::read_to_string(Path::new(env!("CARGO_MANIFEST_DIR")).join("docs/doctor.md")).unwrap();
        let headings: BTreeSet<&str> = page.lines().filter_map(|line| line.strip_prefix("### ")).collect();
        assert_eq!(headings, CODES.iter().copied().collect());
    }
}
