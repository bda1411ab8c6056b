//! The ledger of the policies in force.

use super::{
    Common,
    place::{Files, now},
};
use crate::{
    Undecided,
    git::Repository,
    ledger::{Ledger, Making, Memory},
    push::Timestamp,
    run::Loaded,
};
use std::{
    os::unix::fs::MetadataExt,
    path::{Path, PathBuf},
};

/// What was recorded of a repository, if there is a ledger.
pub(super) struct Kept {
    ledger: Option<Ledger>,
    /// The path of the git directory, without links: what records call it.
    pub(super) place: PathBuf,
}

impl Kept {
    /// Opens the ledger without writing anything.
    pub(super) fn to_read(common: &Common, repository: &Repository, policies: &[Loaded]) -> Result<Self, Undecided> {
        let place = place_of(repository)?;
        let ledger = match folder(policies) {
            Some(folder) => read(folder, &Files::new(common)?)?,
            None => None,
        };
        Ok(Self { ledger, place })
    }

    /// What it says of the repository.
    pub(super) fn memory(&self) -> Result<Option<Memory<'_>>, Undecided> {
        self.ledger.as_ref().map(|ledger| ledger.memory(&self.place)).transpose()
    }
}

/// The same as [`to_ask`], where it may be missing.
pub(super) fn if_there(common: &Common, named: Option<&Path>) -> Result<Option<Ledger>, Undecided> {
    let files = Files::new(common)?;
    let folder = match named {
        Some(folder) => folder.to_owned(),
        None => folder_of(&files.policies_here(common)?)?,
    };
    read(&folder, &files)
}

/// Opens the ledger in this folder to be read, if there is one.
pub(super) fn read(folder: &Path, files: &Files) -> Result<Option<Ledger>, Undecided> {
    check_ours(folder)?;
    Ledger::read(folder, files.trusted())
}

/// Whether whoever runs this is the one whom the folder belongs to, as whom the hook runs. What another makes there, root too, the hook
/// could not use, and nobody else is to own it.
fn check_ours(folder: &Path) -> Result<(), Undecided> {
    let Ok(owner) = folder.metadata().map(|found| found.uid()) else { return Ok(()) };
    let us = rustix::process::geteuid().as_raw();
    if owner == us || owner == 0 {
        return Ok(());
    }
    let users = std::fs::read_to_string("/etc/passwd").unwrap_or_default();
    // passwd(5): name, password, number.
    let named = users.lines().map(|line| line.split(':').collect::<Vec<_>>());
    let name = named.into_iter().find_map(|fields| match fields.as_slice() {
        [name, _, number, ..] if *number == owner.to_string() => Some((*name).to_owned()),
        _ => None,
    });
    let user = name.unwrap_or_else(|| format!("'#{owner}'"));
    let why = format!(
        "it belongs to user {owner}, as whom the hook runs, and this runs as user {us}: run it as that user, sudo -u {user} countersign …"
    );
    Err(Undecided::server(format!("opening the ledger `{}`", folder.display()), why))
}

/// Opens the ledger to be asked, in the folder that is named, else the one of the policies in force.
pub(super) fn to_ask(common: &Common, named: Option<&Path>) -> Result<Ledger, Undecided> {
    let none = || {
        let why = "there is none yet: the first push makes it, or `countersign ledger adopt`";
        Undecided::server("opening the ledger", why)
    };
    if_there(common, named)?.ok_or_else(none)
}

/// Opens the ledger that a hook records in; one that is missing is made.
pub(super) fn open_in_hook(policies: &[Loaded], files: &Files, now: Timestamp) -> Result<Ledger, Undecided> {
    let ledger = Ledger::open(&folder_of(policies)?, files.trusted(), &making(true, now))?;
    // Before the push is judged for nothing.
    ledger.check_open()?;
    Ok(ledger)
}

/// How a ledger is made that is missing: its origin is this machine's name and a part that no other ledger has.
pub(super) fn making(by_hook: bool, now: Timestamp) -> Making {
    let host = rustix::system::uname().nodename().to_string_lossy().into_owned();
    let named = |character: char| character.is_ascii_alphanumeric() || matches!(character, '-' | '.');
    let host: String = host.chars().filter(|&character| named(character)).collect();
    let process = rustix::process::getpid().as_raw_nonzero();
    let origin = format!("{host}/countersign/{:x}-{process:x}", now.0);
    Making { origin, by_hook, user: rustix::process::geteuid().as_raw(), now }
}

/// The same, where there has to be one.
pub(super) fn folder_of(policies: &[Loaded]) -> Result<PathBuf, Undecided> {
    let folder = folder(policies).map(Path::to_owned);
    folder.ok_or_else(|| Undecided::server("opening the ledger", "no policy names one"))
}

/// The folder of the one ledger that decisions are recorded in: the site policy's, where a repository has one of its own
/// beside it.
pub(super) fn folder(policies: &[Loaded]) -> Option<&Path> {
    policies.first().map(|loaded| loaded.ledger.as_path())
}

/// The path of the git directory, without links.
pub(super) fn place_of(repository: &Repository) -> Result<PathBuf, Undecided> {
    let git_dir = repository.git_dir();
    let canonical = git_dir.canonicalize();
    canonical.map_err(|error| Undecided::server(format!("finding the place of {}", git_dir.display()), error))
}

/// Opens the ledger to be added to by a command, which makes none.
pub(super) fn to_write(common: &Common, named: Option<&Path>) -> Result<Ledger, Undecided> {
    let folder = to_ask(common, named)?.folder().to_owned();
    Ledger::open(&folder, Files::new(common)?.trusted(), &making(false, now()?))
}

/// Where the ledger is, or is to be.
pub(super) fn place_named(common: &Common, named: Option<&Path>) -> Result<PathBuf, Undecided> {
    match named {
        Some(folder) => Ok(folder.to_owned()),
        None => folder_of(&Files::new(common)?.policies_here(common)?),
    }
}
