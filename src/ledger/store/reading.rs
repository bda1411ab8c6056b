//! What was recorded, as it is: records, hashes and the last checkpoint.

use super::fault::Fault;
use crate::ledger::{
    checkpoint::Checkpoint,
    entry::Entry,
    key::VerifierKey,
    note::Note,
    tree::{self, Hash},
};
use rusqlite::{Connection, OptionalExtension, params};

/// A complete node of the tree; level 0 has the leaves.
pub(super) fn hash(connection: &Connection, level: u32, index: u64) -> Result<Hash, Fault> {
    let found: Option<Vec<u8>> = if level == 0 {
        let mut select = connection.prepare_cached("SELECT leaf FROM record WHERE number = ?1")?;
        select.query_row([index], |row| row.get(0)).optional()?
    } else {
        let mut select = connection.prepare_cached("SELECT hash FROM node WHERE level = ?1 AND position = ?2")?;
        select.query_row(params![level, index], |row| row.get(0)).optional()?
    };
    let hash = found.and_then(|bytes| Hash::from_bytes(&bytes));
    hash.map_or_else(|| Fault::damaged(format!("a hash of the tree is gone: level {level}, number {index}")), Ok)
}

/// The bytes of a record; `None` if there are not so many.
pub(super) fn body(connection: &Connection, number: u64) -> Result<Option<Vec<u8>>, Fault> {
    let mut select = connection.prepare_cached("SELECT body FROM record WHERE number = ?1")?;
    Ok(select.query_row([number], |row| row.get(0)).optional()?)
}

/// Whether the last checkpoint bears one signature, and that key's name.
pub(super) fn is_signed_alone(connection: &Connection, key: &VerifierKey) -> Result<bool, Fault> {
    let Some(note) = last_note(connection)? else { return Ok(false) };
    Ok(Note::parse(&note).is_ok_and(|note| matches!(note.lines(), [line] if line.is_by(key))))
}

pub(super) fn last_note(connection: &Connection) -> Result<Option<Vec<u8>>, Fault> {
    let mut select = connection.prepare_cached("SELECT note FROM checkpoint ORDER BY size DESC LIMIT 1")?;
    Ok(select.query_row([], |row| row.get(0)).optional()?)
}

/// A checkpoint whose signature was good.
#[derive(Debug)]
pub(super) struct Signed {
    note: Vec<u8>,
    key: VerifierKey,
    checkpoint: Checkpoint,
}

/// The last record, if the last checkpoint's signature is `key`'s, it covers all that was recorded, and its root is that of
/// the tree. `known` is the checkpoint that was last, whose signature is not verified again where it still is.
pub(super) fn last(connection: &Connection, key: &VerifierKey, known: &mut Option<Signed>) -> Result<Entry, Fault> {
    let note = last_note(connection)?;
    let note = note.map_or_else(|| Fault::damaged("it has no checkpoint"), Ok)?;
    if let Some(known) = known.as_ref().filter(|known| known.note == note && known.key == *key) {
        return covered(connection, &known.checkpoint);
    }
    let opened = Note::parse(&note).map_err(|error| error.to_string());
    let checkpoint = opened.and_then(|note| Checkpoint::open(&note, key, &[]).map_err(|error| error.to_string()));
    let (checkpoint, _) = match checkpoint {
        Ok(checkpoint) => checkpoint,
        Err(why) => return Fault::damaged(format!("the last checkpoint and the ledger's `key` do not fit: {why}")),
    };
    let last = covered(connection, &checkpoint)?;
    *known = Some(Signed { note, key: key.clone(), checkpoint });
    Ok(last)
}

/// The last record, if the checkpoint covers all that was recorded, and its root is that of the tree.
pub(super) fn covered(connection: &Connection, checkpoint: &Checkpoint) -> Result<Entry, Fault> {
    let size = checkpoint.size();
    let last = size.checked_sub(1);
    let numbered: Option<u64> =
        connection.prepare_cached("SELECT max(number) FROM record")?.query_row([], |row| row.get(0))?;
    if last != numbered {
        return Fault::damaged(format!("its last checkpoint covers {size} records, and it has others"));
    }
    if tree::root(size, &mut |level, index| hash(connection, level, index))? != checkpoint.root() {
        return Fault::damaged("its tree is not that of its last checkpoint");
    }
    let body = last.map(|last| body(connection, last)).transpose()?.flatten();
    let Some(body) = body.filter(|body| Some(Hash::leaf(body)) == leaf(connection, last).ok()) else {
        return Fault::damaged("its last record is not that of its tree");
    };
    Ok(Entry::read(&body)?)
}

fn leaf(connection: &Connection, number: Option<u64>) -> Result<Hash, Fault> {
    hash(connection, 0, number.unwrap_or_default())
}
