//! The ledger's folder: its database, its key, and how they are made.

mod next;

pub use next::NextFolder;

use super::key::{SigningKey, VerifierKey};
use crate::{
    Undecided,
    push::Timestamp,
    trusted::{OwnFolder, TrustedFiles},
};
use std::path::{Path, PathBuf};

/// The database.
pub const DATABASE: &str = "ledger.sqlite";

const KEY: &str = "key";
const PUBLIC_KEY: &str = "key.pub";
const NEW_DATABASE: &str = "ledger.sqlite.new";
const NEW_KEY: &str = "key.new";
const NEXT_KEY: &str = "key.next";

/// The public half of a key that signed before.
fn former_key(number: u64) -> String {
    format!("key.former-{number}.pub")
}

/// A key's text is some 100 bytes and its name.
const KEY_AT_MOST: usize = 4096;

/// What the first record of a ledger says.
#[derive(Clone, Debug)]
pub struct Making {
    /// The name under which its checkpoints are signed, which no other ledger has: a URL without its scheme, or a host's.
    pub origin: String,
    /// Whether a hook makes it, that found none.
    pub by_hook: bool,
    /// The number of the user who makes it.
    pub user: u32,
    /// The server's clock.
    pub now: Timestamp,
}

/// The folder of a ledger that is there.
#[derive(Debug)]
pub struct LedgerFolder {
    folder: OwnFolder,
}

impl LedgerFolder {
    /// The folder of a ledger that is to be written; `None` if there is none in it.
    ///
    /// # Errors
    /// Somebody else can write there; a part is missing.
    pub fn open(path: &Path, trusted: &TrustedFiles) -> Result<Option<Self>, Undecided> {
        let Some(folder) = trusted.open_folder(path)? else { return Ok(None) };
        match (folder.holds(DATABASE)?, folder.holds(KEY)?) {
            (true, true) => Self::with_database(folder).map(Some),
            (_, false) if folder.holds(next::CONTINUING)? => Err(incomplete(&folder, next::UNFINISHED)),
            // What a writer that was ended while it made the ledger leaves: the next one ends its work.
            (true, false) if folder.holds(NEW_KEY)? => Ok(None),
            (false, false) => Ok(None),
            (true, false) => Err(incomplete(&folder, "its key is gone: put `key` back from a backup")),
            (false, true) => Err(incomplete(
                &folder,
                "its database is gone: put `ledger.sqlite` back from a backup. Only if nothing was ever recorded, remove `key`",
            )),
        }
    }

    /// The folder of a ledger that is read only, for which the database is enough.
    ///
    /// # Errors
    /// Somebody else can write there.
    pub fn open_to_read(path: &Path, trusted: &TrustedFiles) -> Result<Option<Self>, Undecided> {
        match trusted.open_folder(path)? {
            Some(folder) if folder.holds(DATABASE)? => Self::with_database(folder).map(Some),
            Some(_) | None => Ok(None),
        }
    }

    fn with_database(folder: OwnFolder) -> Result<Self, Undecided> {
        // SQLite opens them by name.
        for beside in ["-wal", "-shm"] {
            folder.holds(&format!("{DATABASE}{beside}"))?;
        }
        Ok(Self { folder })
    }

    /// Makes a ledger, or waits until another has made it. `fill` makes the database in the file that it is given, which
    /// is empty.
    ///
    /// # Errors
    /// Those of [`LedgerFolder::open`]; nothing can be written there; those of `fill`.
    pub fn make(
        path: &Path,
        trusted: &TrustedFiles,
        origin: &str,
        fill: impl FnOnce(&Path, &SigningKey) -> Result<(), Undecided>,
    ) -> Result<Self, Undecided> {
        let folder = trusted.make_own_folder(path)?;
        let _lock = folder.lock()?;
        if Self::open(path, trusted)?.is_none() {
            if !folder.holds(DATABASE)? {
                let key = draw(&folder, origin)?;
                keep(&folder, NEW_KEY, &key)?;
                Self::prepare(&folder, &key, |file| fill(file, &key))?;
                folder.rename(NEW_DATABASE, DATABASE)?;
            }
            // Last: a database without its key is one whose making was not ended.
            folder.rename(NEW_KEY, KEY)?;
        }
        Self::open(path, trusted)?
            .ok_or_else(|| Undecided::server(format!("making the ledger `{}`", path.display()), "it has gone again"))
    }

    /// Puts a ledger there that was elsewhere, and its key. `fill` makes the database in the file that it is given.
    ///
    /// # Errors
    /// There is one; nothing can be written there; those of `fill`.
    pub fn restore(
        path: &Path,
        trusted: &TrustedFiles,
        key: &SigningKey,
        fill: impl FnOnce(&Path) -> Result<(), Undecided>,
    ) -> Result<(), Undecided> {
        let folder = trusted.make_own_folder(path)?;
        let _lock = folder.lock()?;
        for name in [DATABASE, KEY] {
            if folder.holds(name)? {
                let why = format!("there is a `{name}` already: move the folder away, or name another");
                return Err(Undecided::server(format!("restoring the ledger `{}`", path.display()), why));
            }
        }
        keep(&folder, NEW_KEY, key)?;
        Self::prepare(&folder, key, fill)?;
        folder.rename(NEW_DATABASE, DATABASE)?;
        folder.rename(NEW_KEY, KEY)
    }

    /// The database under a name of its own, and the public key; the secret one is there already.
    fn prepare(
        folder: &OwnFolder,
        key: &SigningKey,
        fill: impl FnOnce(&Path) -> Result<(), Undecided>,
    ) -> Result<(), Undecided> {
        folder.write(PUBLIC_KEY, format!("{}\n", key.verifier()).as_bytes(), false)?;
        for beside in ["-wal", "-shm"] {
            folder.remove(&format!("{NEW_DATABASE}{beside}"))?;
        }
        folder.write(NEW_DATABASE, b"", true)?;
        fill(&folder.path().join(NEW_DATABASE))
    }

    /// A new key of the same name, which waits in a file of its own until it is named in the ledger.
    ///
    /// # Errors
    /// It cannot be drawn or written.
    pub fn next_key(&self, name: &str) -> Result<SigningKey, Undecided> {
        let key = draw(&self.folder, name)?;
        keep(&self.folder, NEXT_KEY, &key)?;
        Ok(key)
    }

    /// The key that signs, which has to be `named`, as the ledger says: if it is the one that waits, it takes the place of the
    /// former, whose public half is kept. While this is done, nobody else writes the ledger.
    ///
    /// # Errors
    /// A key cannot be read or written.
    pub fn settle_key(&self, named: &VerifierKey) -> Result<SigningKey, Undecided> {
        let former = self.key()?;
        if former.verifier() == named || !self.folder.holds(NEXT_KEY)? {
            return Ok(former);
        }
        let next = self.read_key(NEXT_KEY)?;
        if next.verifier() != named {
            return Ok(former);
        }
        let line = |key: &SigningKey| format!("{}\n", key.verifier());
        let mut number = 1_u64;
        while self.folder.holds(&former_key(number))? {
            number = number.saturating_add(1);
        }
        self.folder.write(&former_key(number), line(&former).as_bytes(), false)?;
        self.folder.write(PUBLIC_KEY, line(&next).as_bytes(), false)?;
        self.folder.rename(NEXT_KEY, KEY)?;
        Ok(next)
    }

    /// The key that signs.
    ///
    /// # Errors
    /// It cannot be read, others can read it, or it is none.
    pub fn key(&self) -> Result<SigningKey, Undecided> {
        self.read_key(KEY)
    }

    fn read_key(&self, name: &str) -> Result<SigningKey, Undecided> {
        read_key(&self.folder, name)
    }

    /// The database's file.
    pub fn database(&self) -> PathBuf {
        self.folder.path().join(DATABASE)
    }

    /// Which file the database is. Another takes its place if the ledger is moved away or put back.
    ///
    /// # Errors
    /// It is not there.
    pub fn identity(&self) -> Result<(u64, u64), Undecided> {
        self.folder.identity(DATABASE)
    }

    /// Where it is, without links.
    pub fn path(&self) -> &Path {
        self.folder.path()
    }

    /// The length in bytes of the log beside the database, which has what was written last; `None` if there is none.
    ///
    /// # Errors
    /// Somebody else can write it.
    pub fn log(&self) -> Result<Option<u64>, Undecided> {
        self.folder.length(&format!("{DATABASE}-wal"))
    }
}

fn incomplete(folder: &OwnFolder, why: &'static str) -> Undecided {
    Undecided::server(format!("opening the ledger `{}`", folder.path().display()), why)
}

fn read_key(folder: &OwnFolder, name: &str) -> Result<SigningKey, Undecided> {
    let bytes = folder.read_secret(name, KEY_AT_MOST)?;
    let why = |cause: Box<dyn std::error::Error + Send + Sync>| {
        Undecided::server(format!("reading `{}`", folder.path().join(name).display()), cause)
    };
    let text = str::from_utf8(&bytes).map_err(|_| why("it is no key of a signed note".into()))?;
    SigningKey::parse(text).map_err(|error| why(error.into()))
}

fn draw(folder: &OwnFolder, name: &str) -> Result<SigningKey, Undecided> {
    let doing = || format!("making a key for the ledger `{}`", folder.path().display());
    let mut seed = [0; 32];
    aws_lc_rs::rand::fill(&mut seed).map_err(|_| Undecided::server(doing(), "the system gives no random numbers"))?;
    SigningKey::from_seed(name, &seed).map_err(|error| Undecided::server(doing(), error))
}

fn keep(folder: &OwnFolder, name: &str, key: &SigningKey) -> Result<(), Undecided> {
    let secret = key.secret();
    let secret =
        secret.map_err(|error| Undecided::server(format!("keeping a key in `{}`", folder.path().display()), error))?;
    folder.write(name, format!("{secret}\n").as_bytes(), true)
}
