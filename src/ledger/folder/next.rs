//! The folder of a ledger that continues another, while it is made.

use super::{DATABASE, KEY, LedgerFolder, NEW_DATABASE, draw, keep, read_key};
use crate::{
    Undecided,
    ledger::key::SigningKey,
    trusted::{Lock, OwnFolder, TrustedFiles},
};
use std::path::Path;

/// The next ledger's key, until that ledger is whole. It is on the disk before the former ledger is closed, and only who has it can
/// make the ledger that the former names: so there are never two that continue it. While it is there, no hook makes a
/// ledger of its own in the folder.
pub(super) const CONTINUING: &str = "key.continuing";

pub(super) const UNFINISHED: &str = "the ledger that is to continue another one is not made yet: run `countersign ledger close` again, as \
                                     before. If that one is not to be closed after all, remove `key.continuing`";

/// A folder in which the next ledger is made; nobody else makes one there meanwhile.
#[derive(Debug)]
pub struct NextFolder {
    folder: OwnFolder,
    _lock: Lock,
}

impl NextFolder {
    /// Takes the folder, which is made if nothing is there.
    ///
    /// # Errors
    /// Somebody else can write there.
    pub fn take(path: &Path, trusted: &TrustedFiles) -> Result<Self, Undecided> {
        let folder = trusted.make_own_folder(path)?;
        let lock = folder.lock()?;
        Ok(Self { folder, _lock: lock })
    }

    /// Where it is, without links.
    pub fn path(&self) -> &Path {
        self.folder.path()
    }

    /// A new key, which waits here for the ledger.
    ///
    /// # Errors
    /// There is a ledger; it cannot be drawn or written.
    pub fn draw_key(&self, origin: &str) -> Result<SigningKey, Undecided> {
        for name in [DATABASE, KEY] {
            if self.folder.holds(name)? {
                let why = format!("there is a `{name}` already: name another folder");
                return Err(Undecided::server(making(self.path()), why));
            }
        }
        let key = draw(&self.folder, origin)?;
        keep(&self.folder, CONTINUING, &key)?;
        Ok(key)
    }

    /// The key of the ledger that was made here, if one was.
    ///
    /// # Errors
    /// It cannot be read.
    pub fn key_of_made(&self) -> Result<Option<SigningKey>, Undecided> {
        match self.folder.holds(KEY)? && self.folder.holds(DATABASE)? {
            true => read_key(&self.folder, KEY).map(Some),
            false => Ok(None),
        }
    }

    /// The key that waits here since a former ledger was closed, whose last record names it so.
    ///
    /// # Errors
    /// It is not there, or is another's.
    pub fn waiting_key(&self, named: &str) -> Result<SigningKey, Undecided> {
        let gone = "the ledger is closed, and the one that continues it is not here, nor the key to make it: put back what was";
        if !self.folder.holds(CONTINUING)? {
            return Err(Undecided::server(making(self.path()), gone));
        }
        let key = read_key(&self.folder, CONTINUING)?;
        match key.verifier().to_string() == named {
            true => Ok(key),
            false => Err(Undecided::server(making(self.path()), "`key.continuing` is that of another ledger")),
        }
    }

    /// Makes the ledger. `fill` makes the database in the file that it is given, which is empty.
    ///
    /// # Errors
    /// Nothing can be written there; those of `fill`.
    pub fn finish(self, key: &SigningKey, fill: impl FnOnce(&Path) -> Result<(), Undecided>) -> Result<(), Undecided> {
        if !self.folder.holds(DATABASE)? {
            LedgerFolder::prepare(&self.folder, key, fill)?;
            self.folder.rename(NEW_DATABASE, DATABASE)?;
        }
        // Last: a database without its key is one whose making was not ended.
        self.folder.rename(CONTINUING, KEY)
    }
}

fn making(folder: &Path) -> String {
    format!("making the next ledger in `{}`", folder.display())
}
