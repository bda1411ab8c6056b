//! The ledger's database: one SQLite file. All SQL is below this module.
//!
//! An append is one transaction: records, the nodes of the tree above them, what can be looked up of them, and the signed
//! checkpoint of all, or nothing.

mod chain;
mod closing;
mod contents;
mod database;
mod debts;
mod derived;
mod fault;
mod former;
mod log;
mod memory;
mod queries;
mod reading;
mod receipts;
mod reindex;
mod restoring;
mod rotating;
mod verify;
mod writing;

pub use chain::RecordId;
pub use closing::Closed;
pub use debts::Debt;
pub use memory::{Memory, OpenDecision, Standing};
pub use queries::{Brought, Subject, Wanted};
pub use restoring::Restoring;
pub use verify::{Computed, Damage, Place};
use writing::Before;
pub use writing::{Appended, Writing};

use super::{
    folder::{LedgerFolder, Making},
    key::SigningKey,
    record::{Continued, Opening, Record},
};
use crate::{Undecided, push::Timestamp, trusted::TrustedFiles};
use fault::Fault;
use rusqlite::{Connection, TransactionBehavior};
use std::{
    path::Path,
    sync::{Mutex, PoisonError},
    time::Instant,
};

/// What was recorded, open to be read and, unless opened by [`Ledger::read`], to be added to.
#[derive(Debug)]
pub struct Ledger {
    connection: Mutex<Connection>,
    /// `None` if it is read alone.
    key: Option<SigningKey>,
    folder: LedgerFolder,
    /// Of the file that is open.
    identity: (u64, u64),
    /// How many came before it.
    generation: u64,
    former: Option<chain::Former>,
    /// The checkpoint that was last when it was looked at.
    signed: Option<reading::Signed>,
    reading: String,
    writing: String,
}

impl Ledger {
    /// Opens the ledger in `folder`, which is made if there is none. Of several who find none one makes it.
    ///
    /// # Errors
    /// Others can write there; a part is missing or cannot be read; the database is damaged, or of another version; its last
    /// checkpoint was not signed with its key; it cannot be made; the ledger that it continues is not there, or not as it was
    /// left.
    pub fn open(folder: &Path, trusted: &TrustedFiles, making: &Making) -> Result<Self, Undecided> {
        let folder = match LedgerFolder::open(folder, trusted)? {
            Some(folder) => folder,
            None => LedgerFolder::make(folder, trusted, &making.origin, |file, key| {
                create(file, key, making, None, &|_| Ok(()))
                    .map_err(|fault| fault.of(&format!("making the ledger `{}`", folder.display())))
            })?,
        };
        let key = folder.key()?;
        let mut ledger = Self::over(folder, Some(key), |folder| database::open(&folder.database()))?;
        rotating::settle(&mut ledger).map_err(|fault| fault.of(&ledger.reading))?;
        let mut signed = None;
        let connection = ledger.connection();
        if let Some(key) = &ledger.key {
            let mut last = || {
                let transaction = connection.unchecked_transaction()?;
                reading::last(&transaction, key.verifier(), &mut signed)
            };
            last().map_err(|fault| fault.of(&ledger.reading))?;
        }
        drop(connection);
        ledger.signed = signed;
        ledger.open_former(trusted);
        ledger.chain()?;
        Ok(ledger)
    }

    /// Opens the ledger in `folder` to be read alone; `None` if there is none. Makes and changes nothing, and needs no key.
    ///
    /// # Errors
    /// Others can write there; the database is damaged, or of another version. What is wrong with a ledger that it continues,
    /// [`Ledger::former`] says.
    pub fn read(folder: &Path, trusted: &TrustedFiles) -> Result<Option<Self>, Undecided> {
        let Some(mut ledger) = Self::read_alone(folder, trusted)? else { return Ok(None) };
        ledger.open_former(trusted);
        Ok(Some(ledger))
    }

    /// The same without the ledgers that it continues.
    fn read_alone(folder: &Path, trusted: &TrustedFiles) -> Result<Option<Self>, Undecided> {
        let Some(folder) = LedgerFolder::open_to_read(folder, trusted)? else { return Ok(None) };
        Self::over(folder, None, |folder| {
            let file = folder.database();
            match folder.log()? {
                None => database::open_to_read(&file, true),
                // A copy where nothing can be written has no place for the locks.
                Some(0) => database::open_to_read(&file, false).or_else(|_| database::open_to_read(&file, true)),
                Some(_) => database::open_to_read(&file, false),
            }
        })
        .map(Some)
    }

    fn over(
        folder: LedgerFolder,
        key: Option<SigningKey>,
        open: impl FnOnce(&LedgerFolder) -> Result<Connection, Fault>,
    ) -> Result<Self, Undecided> {
        let shown = folder.path().display();
        let (reading, writing) = (format!("reading the ledger `{shown}`"), format!("writing the ledger `{shown}`"));
        let identity = folder.identity()?;
        let connection = open(&folder).map_err(|fault| fault.of(&reading))?;
        let connection = Mutex::new(connection);
        let ledger =
            Self { connection, key, folder, identity, generation: 0, former: None, signed: None, reading, writing };
        check_place(&ledger.folder, identity, &ledger.reading)?;
        Ok(ledger)
    }

    /// Adds records, in one transaction that `write` fills; it is durable when this returns. `None` if `write` added none:
    /// then nothing is written. `clock` is asked once the ledger could be written.
    ///
    /// # Errors
    /// Those of `write`; another held the ledger too long; the database is damaged or cannot be written; the ledger was
    /// opened to be read. Nothing is written then.
    pub fn append(
        &mut self,
        clock: &dyn Fn() -> Timestamp,
        write: impl FnOnce(&mut Writing<'_>) -> Result<(), Undecided>,
    ) -> Result<Option<Appended>, Undecided> {
        self.append_and_sign(clock, |writing, _| write(writing).map(|()| None))
    }

    /// The same; what is written may name the next key, which signs it, too.
    fn append_and_sign(
        &mut self,
        clock: &dyn Fn() -> Timestamp,
        write: impl FnOnce(&mut Writing<'_>, &LedgerFolder) -> Result<Option<SigningKey>, Undecided>,
    ) -> Result<Option<Appended>, Undecided> {
        let Some(key) = &mut self.key else {
            return Err(Undecided::server(&self.writing, "it was opened to be read"));
        };
        let before = chain::opened(self.former.as_ref(), &self.reading)?;
        let before = Before { former: before, generation: self.generation };
        let connection = self.connection.get_mut().unwrap_or_else(PoisonError::into_inner);
        let append = || {
            #[expect(clippy::disallowed_methods, reason = "how long others held the lock is known here alone")]
            let begin = Instant::now();
            let transaction = connection.transaction_with_behavior(TransactionBehavior::Immediate)?;
            let waited = u64::try_from(begin.elapsed().as_millis()).unwrap_or(u64::MAX);
            check_place(&self.folder, self.identity, &self.writing)?;
            // It may have been another's turn since it was read.
            rotating::settled(&transaction, &self.folder, key)?;
            let last = reading::last(&transaction, key.verifier(), &mut self.signed)?;
            if last.kind() == "closed" {
                return Err(Undecided::server(&self.writing, chain::closed(&chain::read_closing(&last)?)).into());
            }
            let mut writing = Writing::new(&transaction, &self.writing, before, Some(&last), clock(), waited);
            let next = write(&mut writing, &self.folder)?;
            let appended = writing.finish(key, next.as_ref())?;
            if appended.is_some() {
                transaction.commit()?;
                check_place(&self.folder, self.identity, &self.writing)?;
                let _ = database::shorten_log(connection);
            }
            Ok(appended)
        };
        append().map_err(|fault: Fault| fault.of(&self.writing))
    }

    /// What was recorded so far of the repository whose git directory is at this path.
    ///
    /// # Errors
    /// The database's.
    pub fn memory(&self, repository: &Path) -> Result<Memory<'_>, Undecided> {
        Memory::new(self, repository)
    }

    /// Reads everything and computes it anew. What is damaged is told to `found`, in no certain order; nothing means that all
    /// is as it was left, but for what came after the last checkpoint that somebody else holds.
    ///
    /// # Errors
    /// The database cannot be read.
    pub fn verify(&self, found: &mut dyn FnMut(Damage)) -> Result<Computed, Undecided> {
        self.verify_in_steps(found, &|| ())
    }

    /// The same; `step` is called for each record.
    ///
    /// # Errors
    /// Those of [`Ledger::verify`].
    pub fn verify_in_steps(&self, found: &mut dyn FnMut(Damage), step: &dyn Fn()) -> Result<Computed, Undecided> {
        verify::verify(&self.connection(), found, step).map_err(|fault| fault.of(&self.reading))
    }

    /// Makes anew what can be looked up, from the records.
    ///
    /// # Errors
    /// A record is damaged; the database cannot be written.
    pub fn reindex(&mut self) -> Result<(), Undecided> {
        let connection = self.connection.get_mut().unwrap_or_else(PoisonError::into_inner);
        let mut reindex = || {
            let transaction = connection.transaction_with_behavior(TransactionBehavior::Immediate)?;
            reindex::reindex(&transaction)?;
            transaction.commit()?;
            database::shorten_log(connection)
        };
        reindex().map_err(|fault: Fault| fault.of(&self.writing))
    }

    /// The name under which its checkpoints are signed; empty if it was opened to be read.
    pub fn origin(&self) -> &str {
        self.key.as_ref().map_or("", |key| key.verifier().name())
    }

    /// Where it is, without links.
    pub fn folder(&self) -> &Path {
        self.folder.path()
    }

    fn connection(&self) -> std::sync::MutexGuard<'_, Connection> {
        // Who panicked while it held the connection left a transaction that was not ended, and SQLite rolled it back.
        self.connection.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// What is written into a file that was moved away, or removed, is recorded nowhere; SQLite does not look.
fn check_place(folder: &LedgerFolder, identity: (u64, u64), doing: &str) -> Result<(), Undecided> {
    if folder.identity()? == identity {
        return Ok(());
    }
    Err(Undecided::server(doing, "another database was put in its place meanwhile: try again"))
}

/// `continued`: what the ledger continues, if it does, and the latest moment recorded there. `fill` writes what comes after the
/// first record.
fn create(
    file: &Path,
    key: &SigningKey,
    making: &Making,
    continued: Option<(Continued, Timestamp)>,
    fill: &dyn Fn(&mut Writing<'_>) -> Result<(), Undecided>,
) -> Result<(), Fault> {
    let mut connection = database::create(file)?;
    let transaction = connection.transaction_with_behavior(TransactionBehavior::Immediate)?;
    let mut writing = Writing::new(&transaction, "making the ledger", Before::default(), None, making.now, 0);
    let continues = continued.map(|(continued, latest)| {
        writing.count_from(latest);
        continued
    });
    writing.record(&Record::Opened(Opening {
        origin: making.origin.clone(),
        key: key.verifier().to_string(),
        user: making.user,
        by_hook: making.by_hook,
        continues,
    }))?;
    fill(&mut writing)?;
    writing.finish(key, None)?;
    transaction.commit()?;
    // So that the file alone is the database. Closing would do it too, and not say so if it failed.
    database::empty_log(&connection)?;
    connection.close().map_err(|(_, error)| Fault::from(error))
}
