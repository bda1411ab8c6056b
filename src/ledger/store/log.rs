//! The ledger as a log: its tree, its checkpoints and its keys, for proofs and for what others keep of it.

use super::{Ledger, fault::Fault, reading};
use crate::{
    Undecided,
    ledger::{entry::Entry, key::VerifierKey, tree::Hash},
};
use rusqlite::{Connection, OptionalExtension};

impl Ledger {
    /// A complete node of the tree; level 0 has the leaves.
    ///
    /// # Errors
    /// There is none; the database's.
    pub fn hash(&self, level: u32, index: u64) -> Result<Hash, Undecided> {
        reading::hash(&self.connection(), level, index).map_err(|fault| fault.of(&self.reading))
    }

    /// The last signed checkpoint.
    ///
    /// # Errors
    /// There is none; the database's.
    pub fn last_checkpoint(&self) -> Result<Vec<u8>, Undecided> {
        let note = note(&self.connection(), "SELECT note FROM checkpoint ORDER BY size DESC LIMIT 1", None);
        let note = note.and_then(|note| note.map_or_else(|| Fault::damaged("it has no checkpoint"), Ok));
        note.map_err(|fault| fault.of(&self.reading))
    }

    /// The signed checkpoint of the first `size` records; `None` if none was made of just so many.
    ///
    /// # Errors
    /// The database's.
    pub fn checkpoint_of(&self, size: u64) -> Result<Option<Vec<u8>>, Undecided> {
        note(&self.connection(), "SELECT note FROM checkpoint WHERE size = ?1", Some(size))
            .map_err(|fault| fault.of(&self.reading))
    }

    /// The first signed checkpoint that covers record `number`; `None` if none does.
    ///
    /// # Errors
    /// The database's.
    pub fn checkpoint_over(&self, number: u64) -> Result<Option<Vec<u8>>, Undecided> {
        note(&self.connection(), "SELECT note FROM checkpoint WHERE size > ?1 ORDER BY size LIMIT 1", Some(number))
            .map_err(|fault| fault.of(&self.reading))
    }

    /// The keys that signed its checkpoints, the first first, each with the number of the record that names it.
    ///
    /// # Errors
    /// A record that names one is damaged; the database's.
    pub fn keys(&self) -> Result<Vec<(u64, VerifierKey)>, Undecided> {
        keys(&self.connection()).map_err(|fault| fault.of(&self.reading))
    }
}

fn note(connection: &Connection, select: &str, size: Option<u64>) -> Result<Option<Vec<u8>>, Fault> {
    Ok(connection.prepare_cached(select)?.query_row(rusqlite::params_from_iter(size), |row| row.get(0)).optional()?)
}

pub(super) fn keys(connection: &Connection) -> Result<Vec<(u64, VerifierKey)>, Fault> {
    let select = "SELECT number FROM entry WHERE kind IN ('opened', 'rotated') ORDER BY number";
    let numbers: Vec<u64> = connection.prepare(select)?.query_map([], |row| row.get(0))?.collect::<Result<_, _>>()?;
    numbers.into_iter().map(|number| Ok((number, key(connection, number)?))).collect()
}

/// The key that a record names.
fn key(connection: &Connection, number: u64) -> Result<VerifierKey, Fault> {
    let body = reading::body(connection, number)?;
    let body = body.map_or_else(|| Fault::damaged(format!("record {number} is gone")), Ok)?;
    match VerifierKey::parse(Entry::read(&body)?.text("key")?) {
        Ok(key) => Ok(key),
        Err(error) => Fault::damaged(format!("record {number}: its `key`: {error}")),
    }
}
