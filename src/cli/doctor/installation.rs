//! What all repositories need: the program, the policy with its registry, the ledger and the log. It is tried as whom the hook
//! runs.

use super::{
    examined::{Ledger as Seen, Policy, Site},
    finding::Finding,
    settings::shell_word,
};
use crate::{
    Undecided,
    cli::{
        kept, log,
        place::Files,
        site::{Account, Manifest, is_program},
    },
    ledger::{Digest, Ledger},
    policy::lints,
    push::Timestamp,
    run::Loaded,
    trusted::TrustedFiles,
};
use std::{
    io::ErrorKind,
    os::unix::{ffi::OsStrExt, fs::MetadataExt},
    path::{Path, PathBuf},
};

/// So little room, in bytes, and a ledger may not be able to take one more push; SQLite writes a log before the database.
const FULL: u64 = 32 * 1024 * 1024;

/// So little that somebody should look, where it is also less than a tenth of the disk.
const LOW: u64 = 1024 * 1024 * 1024;

/// So few files more, where the file system counts them.
const FEW_FILES: u64 = 64;

/// The program that hooks start.
pub(super) fn program(manifest: &Manifest, owner: &Account) -> Vec<Finding> {
    let program = &manifest.call.program;
    let again = "install it again: install.sh";
    if !is_program(program) {
        let what = "the program is not there or not executable, so every push is refused";
        return vec![Finding::critical("program-missing", program, what, again)];
    }
    let mut found = Vec::new();
    let trusted = TrustedFiles::owned_by(owner.user, &[]);
    let written = match program.metadata() {
        Ok(found) if found.mode() & 0o022 != 0 => Some("everybody or a group can write it".to_owned()),
        Ok(found) if found.uid() != 0 && found.uid() != owner.user => {
            Some(format!("it belongs to user {}", found.uid()))
        }
        Ok(_) => trusted.exists(program).err().map(|undecided| undecided.cause.to_string()),
        Err(error) => Some(error.to_string()),
    };
    if let Some(why) = written {
        let what = format!("others than root and the repositories' owner can change the program: {why}");
        let way_out = "take that right away, and install it again: install.sh";
        found.push(Finding::critical("program-writable", program, what, way_out));
    }
    let told = owner.answer(program.as_os_str(), |command| {
        command.arg("--version");
    });
    let version = match &told {
        Ok(Ok(told)) => String::from_utf8_lossy(told).trim().to_owned(),
        Ok(Err(failed)) => format!("it ended with {}", failed.status),
        Err(undecided) => undecided.cause.to_string(),
    };
    let ours = concat!("countersign ", env!("CARGO_PKG_VERSION"));
    if !version.starts_with("countersign ") {
        let what = format!("the program does not run, so every push is refused: {version}");
        found.push(Finding::critical("program-fails", program, what, again));
    } else if version != ours {
        let what = format!("hooks run {version}, and this is {ours}");
        found.push(Finding::warning("program-differs", program, what, again));
    }
    found
}

/// The log that hooks write: one that cannot be opened refuses every push.
pub(super) fn log(manifest: &Manifest) -> Vec<Finding> {
    let Some(path) = &manifest.call.log else { return Vec::new() };
    let unwritable = |undecided: Undecided| {
        let what = format!("the hook cannot write its log, so every push is refused: {}", undecided.cause);
        let way_out = "give it to the user whom the hook runs as, or install with another --log";
        Finding::critical("log-unwritable", path, what, way_out)
    };
    log::check(path).err().map(unwritable).into_iter().collect()
}

/// A policy that cannot be used.
pub(super) fn broken(at: &Path, why: &str) -> Finding {
    let what = format!("no push can be decided, so every push is refused: {why}");
    Finding::critical("policy-broken", at, what, "mend what it says, or countersign policy rollback")
}

/// What a policy and its registry have to say that is no mistake.
pub(super) fn warnings(loaded: &Loaded, now: Timestamp) -> Vec<Finding> {
    let mut found = Vec::new();
    let surprises = lints(&loaded.policy, &loaded.registry, now);
    if let Some(first) = surprises.first() {
        let what = format!(
            "`policy check` has something to say ({}), first: line {}: {}",
            surprises.len(),
            first.line,
            first.what
        );
        let way_out = format!("countersign policy check {}", shell_word(&loaded.path));
        found.push(Finding::warning("policy-warning", &loaded.path, what, way_out));
    }
    let lints = loaded.registry.check(now);
    if let Some(first) = lints.first() {
        let line = first.line.map(|line| format!(":{line}")).unwrap_or_default();
        let what = format!(
            "`registry check` has something to say ({}), first: {}{line}: {}",
            lints.len(),
            first.file,
            first.what
        );
        let way_out = format!("countersign registry check --policy {}", shell_word(&loaded.path));
        found.push(Finding::warning("registry-warning", &loaded.path, what, way_out));
    }
    found
}

/// Whether a policy is what the ledger last saw in force: each push tells.
pub(super) fn policy(loaded: &Loaded, ledger: Option<&Ledger>, site: &mut Site) {
    let digest = Digest::of(loaded.source.as_bytes());
    let recorded = ledger.map(|ledger| ledger.in_force(loaded.path.as_os_str().as_bytes()));
    let is_recorded = match recorded {
        Some(Ok(in_force)) => Some(in_force.is_some_and(|in_force| in_force.policy == digest)),
        // Of a ledger that cannot be read another finding tells.
        Some(Err(_)) | None => None,
    };
    if is_recorded == Some(false) {
        let what = "no push has met this policy yet: the next one records it, and what became weaker";
        site.findings.push(Finding::note("policy-not-recorded", &loaded.path, what, "nothing is to be done"));
    }
    site.policies.push(Policy { path: loaded.path.clone(), digest: digest.to_string(), is_recorded });
}

/// What is in a ledger's folder.
pub(super) enum Opened {
    Ledger(Box<Ledger>),
    /// None yet.
    Missing,
    /// What no hook could use.
    Unusable,
}

impl Opened {
    pub(super) fn ledger(&self) -> Option<&Ledger> {
        match self {
            Self::Ledger(ledger) => Some(ledger),
            Self::Missing | Self::Unusable => None,
        }
    }
}

/// Opens the ledger in a folder as a hook does, but makes none.
pub(super) fn ledger(folder: &Path, files: &Files, owner: &Account, now: Timestamp, site: &mut Site) -> Opened {
    let (opened, findings) = open(folder, files, owner, now);
    site.findings.extend(findings);
    let free = free(folder);
    match &free {
        Ok(free) => site.findings.extend(free.finding(folder)),
        Err(why) => {
            let what = format!("how much room is left could not be found out: {why}");
            site.findings.push(Finding::unknown("disk-full", folder, what, "run doctor as root"));
        }
    }
    let records = opened.ledger().and_then(|ledger| records(&ledger.last_checkpoint().ok()?));
    site.ledgers.push(Seen { folder: folder.to_owned(), records, free: free.ok().map(|free| free.bytes) });
    opened
}

fn open(folder: &Path, files: &Files, owner: &Account, now: Timestamp) -> (Opened, Vec<Finding>) {
    match folder.metadata() {
        Ok(found) if found.uid() != owner.user => {
            let name = owner.name.clone().unwrap_or_else(|| owner.user.to_string());
            let what = format!("it belongs to user {}, and hooks run as {name}: every push is refused", found.uid());
            let way_out = format!("chown -R {name} {}", shell_word(folder));
            return (Opened::Unusable, vec![Finding::critical("ledger-owner", folder, what, way_out)]);
        }
        Ok(_) => {}
        Err(error) if error.kind() == ErrorKind::NotFound => return (Opened::Missing, vec![missing(folder)]),
        Err(error) => return (Opened::Unusable, vec![unreadable(folder, &error.to_string())]),
    }
    match Ledger::read(folder, files.trusted()) {
        Ok(Some(_)) => {}
        // A part of one that is gone is told as a hook tells it.
        Ok(None) if !is_begun(folder) => return (Opened::Missing, vec![missing(folder)]),
        Ok(None) => {}
        Err(undecided) => return (Opened::Unusable, vec![unreadable(folder, &undecided.cause.to_string())]),
    }
    let opened = Ledger::open(folder, files.trusted(), &kept::making(false, now));
    let mut ledger = match opened.and_then(|ledger| ledger.check_open().map(|()| ledger)) {
        Ok(ledger) => ledger,
        Err(undecided) => return (Opened::Unusable, vec![unreadable(folder, &undecided.cause.to_string())]),
    };
    // Locks it as a push would, and writes nothing.
    let written = ledger.append(&|| now, |_| Ok(()));
    let unwritable = |undecided: Undecided| {
        let what = format!("nothing can be recorded, so every push is refused: {}", undecided.cause);
        Finding::critical("ledger-unwritable", folder, what, "mend what it says")
    };
    let findings = written.err().map(unwritable).into_iter().collect();
    (Opened::Ledger(Box::new(ledger)), findings)
}

/// Whether a part of a ledger is there.
fn is_begun(folder: &Path) -> bool {
    ["ledger.sqlite", "key"].iter().any(|name| folder.join(name).symlink_metadata().is_ok())
}

fn missing(folder: &Path) -> Finding {
    let what = "there is no ledger: the next push begins one, which knows nothing of what was before";
    let way_out = "if nothing was ever recorded, all is well; else countersign ledger restore, before anybody pushes";
    Finding::warning("ledger-missing", folder, what, way_out)
}

fn unreadable(folder: &Path, why: &str) -> Finding {
    let what = format!("the ledger cannot be used, so every push is refused: {why}");
    Finding::critical("ledger-unreadable", folder, what, "mend what it says; countersign ledger verify says more")
}

/// The second line of a checkpoint (c2sp.org/tlog-checkpoint) is the size of the tree.
fn records(checkpoint: &[u8]) -> Option<u64> {
    String::from_utf8_lossy(checkpoint).lines().nth(1)?.parse().ok()
}

/// What is left of a disk for whom the hook runs as.
struct Free {
    bytes: u64,
    of: u64,
    /// `None`: the file system does not count them.
    files: Option<u64>,
}

/// Of the folder, or where it is to be made.
fn free(folder: &Path) -> Result<Free, String> {
    let there = folder.ancestors().find(|path| path.exists()).map_or_else(|| PathBuf::from("/"), Path::to_owned);
    let found = rustix::fs::statvfs(&there).map_err(|error| std::io::Error::from(error).to_string())?;
    let bytes = |blocks: u64| blocks.saturating_mul(found.f_frsize);
    let files = (found.f_files > 0).then_some(found.f_favail);
    Ok(Free { bytes: bytes(found.f_bavail), of: bytes(found.f_blocks), files })
}

impl Free {
    fn finding(&self, folder: &Path) -> Option<Finding> {
        let way_out = "make room, or move the ledger to another disk (countersign ledger close)";
        let mib = self.bytes / (1024 * 1024);
        if self.bytes < FULL || self.files.is_some_and(|files| files < FEW_FILES) {
            let what =
                format!("the disk of the ledger is full ({mib} MiB are free), and without a record nothing is let in");
            return Some(Finding::critical("disk-full", folder, what, way_out));
        }
        let is_low = self.bytes < LOW && self.bytes < self.of / 10;
        let what = || format!("{mib} MiB are free on the disk of the ledger");
        is_low.then(|| Finding::warning("disk-low", folder, what(), way_out))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_disk_is_full_before_nothing_fits() {
        const GIB: u64 = 1024 * 1024 * 1024;
        let code = |bytes: u64, of: u64, files: Option<u64>| {
            Free { bytes, of, files }.finding(Path::new("/l")).map(|finding| finding.code)
        };
        assert_eq!(code(GIB, 100 * GIB, Some(1_000)), None);
        assert_eq!(code(GIB - 1, 100 * GIB, None), Some("disk-low"));
        assert_eq!(code(GIB - 1, 2 * GIB, None), None, "half of a small disk");
        assert_eq!(code(FULL - 1, 100 * FULL, None), Some("disk-full"));
        assert_eq!(code(50 * GIB, 100 * GIB, Some(FEW_FILES - 1)), Some("disk-full"));
        assert_eq!(records(b"origin\n42\nhash\n\n\xe2\x80\x94 x\n"), Some(42));
    }
}
