//! A ledger made again from what was kept of it: records, contents and checkpoints. All else is computed from these.

use super::{Ledger, database, fault::Fault, reindex, verify, writing};
use crate::{
    Undecided,
    ledger::{folder::LedgerFolder, key::SigningKey, record::Digest},
    trusted::TrustedFiles,
};
use rusqlite::{Connection, TransactionBehavior, params};
use std::path::Path;

/// A ledger that is being made again.
#[derive(Debug)]
pub struct Restoring<'a> {
    connection: &'a Connection,
    doing: &'a str,
    size: u64,
}

impl Restoring<'_> {
    /// Adds the next record, as it was.
    ///
    /// # Errors
    /// The database's.
    pub fn record(&mut self, body: &[u8]) -> Result<(), Undecided> {
        writing::leaf(self.connection, self.size, body).map_err(|fault| fault.of(self.doing))?;
        self.size = self.size.saturating_add(1);
        Ok(())
    }

    /// Adds what a record names.
    ///
    /// # Errors
    /// The database's.
    pub fn content(&self, bytes: &[u8]) -> Result<Digest, Undecided> {
        writing::content(self.connection, bytes).map_err(|fault| fault.of(self.doing))
    }

    /// Adds the signed checkpoint of the first `size` records.
    ///
    /// # Errors
    /// There is one of that size; the database's.
    pub fn checkpoint(&self, size: u64, note: &[u8]) -> Result<(), Undecided> {
        let insert = self.connection.execute("INSERT INTO checkpoint VALUES (?1, ?2)", params![size, note]);
        insert.map(|_| ()).map_err(|error| Fault::from(error).of(self.doing))
    }
}

impl Ledger {
    /// Makes a ledger again in `folder`, in which there is none. `fill` gives what was kept of it, and `key` signs what comes
    /// after. Nothing is there unless all of it is as it was left, and `key` is the one that signed last.
    ///
    /// # Errors
    /// There is a ledger; what is damaged, in words; those of `fill`; it cannot be written.
    pub fn restore(
        folder: &Path,
        trusted: &TrustedFiles,
        key: &SigningKey,
        fill: &mut dyn FnMut(&mut Restoring<'_>) -> Result<(), Undecided>,
    ) -> Result<(), Undecided> {
        let doing = format!("restoring the ledger `{}`", folder.display());
        LedgerFolder::restore(folder, trusted, key, |file| {
            write(file, key, &doing, fill).map_err(|fault| fault.of(&doing))
        })
    }

    /// Gives what the copy of a database holds, a file that nobody changes meanwhile.
    ///
    /// # Errors
    /// It is damaged, or no ledger's.
    pub fn copy_from(file: &Path, restoring: &mut Restoring<'_>) -> Result<(), Undecided> {
        copy(file, restoring).map_err(|fault| fault.of(&format!("reading the copy `{}`", file.display())))
    }
}

fn copy(file: &Path, restoring: &mut Restoring<'_>) -> Result<(), Fault> {
    let from = database::open_to_read(file, true)?;
    let mut contents = from.prepare("SELECT bytes FROM content")?;
    let mut rows = contents.query([])?;
    while let Some(row) = rows.next()? {
        restoring.content(row.get_ref(0)?.as_blob().map_err(rusqlite::Error::from)?)?;
    }
    let mut records = from.prepare("SELECT body FROM record ORDER BY number")?;
    let mut rows = records.query([])?;
    while let Some(row) = rows.next()? {
        restoring.record(row.get_ref(0)?.as_blob().map_err(rusqlite::Error::from)?)?;
    }
    let mut checkpoints = from.prepare("SELECT size, note FROM checkpoint")?;
    let mut rows = checkpoints.query([])?;
    while let Some(row) = rows.next()? {
        restoring.checkpoint(row.get(0)?, row.get_ref(1)?.as_blob().map_err(rusqlite::Error::from)?)?;
    }
    Ok(())
}

fn write(
    file: &Path,
    key: &SigningKey,
    doing: &str,
    fill: &mut dyn FnMut(&mut Restoring<'_>) -> Result<(), Undecided>,
) -> Result<(), Fault> {
    let mut connection = database::create(file)?;
    let transaction = connection.transaction_with_behavior(TransactionBehavior::Immediate)?;
    fill(&mut Restoring { connection: &transaction, doing, size: 0 })?;
    match reindex::reindex(&transaction) {
        Err(Fault::Damaged(what)) => return Err(not_whole(doing, &what)),
        made => made?,
    }
    transaction.commit()?;
    let (mut damages, mut more) = (Vec::new(), 0_u64);
    let computed = verify::verify(
        &connection,
        &mut |damage| match damages.len() {
            0..10 => damages.push(damage.to_string()),
            _ => more = more.saturating_add(1),
        },
        &|| (),
    )?;
    if more > 0 {
        damages.push(format!("and {more} more"));
    }
    if damages.is_empty() && computed.key.as_ref() != Some(key.verifier()) {
        let signed = computed.key.map_or_else(String::new, |signed| format!(": that was {signed}"));
        damages.push(format!("the key given is not the one that signed last{signed}"));
    }
    if !damages.is_empty() {
        return Err(not_whole(doing, &damages.join("; ")));
    }
    // So that the file alone is the database. Closing would do it too, and not say so if it failed.
    database::empty_log(&connection)?;
    connection.close().map_err(|(_, error)| Fault::from(error))
}

fn not_whole(doing: &str, what: &str) -> Fault {
    Fault::Other(Undecided::server(doing, format!("what was kept of it is not whole: {what}")))
}
