//! One transaction of the ledger.

use super::{Ledger, RecordId, debts, derived, fault::Fault, memory, memory::Standing, reading};
use crate::{
    Undecided,
    ledger::{
        checkpoint::Checkpoint,
        entry::Entry,
        key::SigningKey,
        record::{Digest, InForce, LONGEST, Record},
        tree::{self, Hash},
    },
    push::{ObjectId, RefName, Timestamp},
};
use rusqlite::{Connection, params};
use std::path::Path;

/// The end of the ledger, while nobody else writes. What is written becomes part of it all at once, or not at all.
#[derive(Debug)]
pub struct Writing<'a> {
    connection: &'a Connection,
    doing: &'a str,
    before: Before<'a>,
    now: Timestamp,
    /// The latest moment that was recorded.
    latest: Option<Timestamp>,
    first: u64,
    next: u64,
    waited: u64,
    /// Something of a record may be there that is not whole.
    failed: bool,
}

/// What came before a ledger.
#[derive(Clone, Copy, Default, Debug)]
pub(super) struct Before<'a> {
    /// The ledger that it continues.
    pub former: Option<&'a Ledger>,
    /// How many there are.
    pub generation: u64,
}

/// What an append has made durable.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Appended {
    /// The number of the first record.
    pub first: u64,
    /// The number of the last one.
    pub last: u64,
    /// How many records there are.
    pub size: u64,
    /// The root hash of the tree of all.
    pub root: Hash,
    /// The checkpoint, a signed note.
    pub checkpoint: String,
    /// Milliseconds until the ledger could be written.
    pub waited: u64,
}

impl<'a> Writing<'a> {
    /// After `last`, the end of what was recorded; `None` of a new ledger.
    pub(super) fn new(
        connection: &'a Connection,
        doing: &'a str,
        before: Before<'a>,
        last: Option<&Entry>,
        now: Timestamp,
        waited: u64,
    ) -> Self {
        let first = last.map_or(0, |last| last.number().saturating_add(1));
        let latest = last.map(Entry::moment_that_counts);
        Self { connection, doing, before, now, latest, first, next: first, waited, failed: false }
    }

    /// That this moment is recorded already, in the ledger that this one continues.
    pub(super) fn count_from(&mut self, latest: Timestamp) {
        self.latest = Some(latest);
    }

    /// Adds a record. What it names by digest has been added before, by [`Writing::content`].
    ///
    /// Who reads what was recorded finds what the record says at once: what a decision or an adoption brought is read from
    /// its list.
    ///
    /// # Errors
    /// It is longer than a record can be; what it names is not there, or is not so; the database's. Nothing is written then.
    pub fn record(&mut self, record: &Record) -> Result<u64, Undecided> {
        let number = self.next;
        let behind = self.latest.filter(|latest| self.now < *latest);
        let body = record.to_bytes(number, self.now, behind);
        if body.len() > LONGEST {
            let cause = format!("a record of {} bytes is longer than records can be ({LONGEST})", body.len());
            return Err(Undecided::server(self.doing, cause));
        }
        // Until it is whole.
        let failed = std::mem::replace(&mut self.failed, true);
        self.add(number, &body).map_err(|fault| fault.of(self.doing))?;
        self.failed = failed;
        self.latest = self.latest.max(Some(self.now));
        self.next = number.saturating_add(1);
        Ok(number)
    }

    fn add(&self, number: u64, body: &[u8]) -> Result<(), Fault> {
        leaf(self.connection, number, body)?;
        derived::add(self.connection, &Entry::read(body)?)
    }

    /// Keeps a content, if it is not there already.
    ///
    /// # Errors
    /// The database's.
    pub fn content(&self, bytes: &[u8]) -> Result<Digest, Undecided> {
        content(self.connection, bytes).map_err(|fault| fault.of(self.doing))
    }

    /// The name under which checkpoints are signed.
    pub(super) fn origin(&self) -> Result<String, Undecided> {
        let keys = super::log::keys(self.connection).map_err(|fault| fault.of(self.doing))?;
        let first = keys.first().map(|(_, key)| key.name().to_owned());
        first.ok_or_else(|| Undecided::server(self.doing, "no record says which key signs"))
    }

    /// The number that the next record gets.
    pub fn next_number(&self) -> u64 {
        self.next
    }

    /// The record of that number, of this ledger.
    pub fn id(&self, number: u64) -> RecordId {
        RecordId { ledger: self.before.generation, number }
    }

    /// The server's clock, once the ledger could be written.
    pub fn now(&self) -> Timestamp {
        self.now
    }

    /// Milliseconds until the ledger could be written.
    pub fn waited(&self) -> u64 {
        self.waited
    }

    /// What a ref's value was last recorded to be; see [`super::Memory::standing`].
    ///
    /// # Errors
    /// The database's.
    pub fn standing(&self, repository: &Path, name: &RefName) -> Result<Option<Standing>, Undecided> {
        let standing = || match memory::repository(self.connection, repository)? {
            Some(repository) => memory::standing(self.connection, repository, name, self.before.generation),
            None => Ok(None),
        };
        match (standing().map_err(|fault: Fault| fault.of(self.doing))?, self.before.former) {
            (None, Some(former)) => former.memory(repository)?.standing(name),
            (standing, _) => Ok(standing),
        }
    }

    /// The decisions that accepted, and of which it is not recorded what became of them; see
    /// [`super::Memory::open_decisions`].
    ///
    /// # Errors
    /// The database's.
    pub fn open_decisions(&self, repository: &Path) -> Result<Vec<memory::OpenDecision>, Undecided> {
        let open = || match memory::repository(self.connection, repository)? {
            Some(repository) => memory::open_decisions(self.connection, repository),
            None => Ok(Vec::new()),
        };
        open().map_err(|fault: Fault| fault.of(self.doing))
    }

    /// The last decision on this change of a ref that is `open`, `completed` or `failed`, as `state` says.
    ///
    /// # Errors
    /// The database's.
    pub fn last_decision(
        &self,
        repository: &Path,
        name: &RefName,
        old: Option<ObjectId>,
        new: Option<ObjectId>,
        state: &'static str,
    ) -> Result<Option<u64>, Undecided> {
        let last = || match memory::repository(self.connection, repository)? {
            Some(repository) => memory::last_decision(self.connection, repository, (name, old, new), state),
            None => Ok(None),
        };
        last().map_err(|fault: Fault| fault.of(self.doing))
    }

    /// The policy and registry that were last recorded to be in force at this path of a policy.
    ///
    /// # Errors
    /// The database's.
    pub fn in_force(&self, path: &[u8]) -> Result<Option<InForce>, Undecided> {
        memory::in_force(self.connection, path).map_err(|fault| fault.of(self.doing))
    }

    /// Whether a push was accepted with a push certificate of which this is the digest of what is signed; see
    /// [`super::Memory::is_certificate_seen`].
    ///
    /// # Errors
    /// The database's.
    pub fn is_certificate_seen(&self, certificate: Digest) -> Result<bool, Undecided> {
        let here = memory::is_certificate_seen(self.connection, certificate).map_err(|fault| fault.of(self.doing))?;
        match self.before.former {
            Some(former) if !here => former.is_certificate_seen(certificate),
            Some(_) | None => Ok(here),
        }
    }

    /// The numbers of all decisions that accepted, and of which it is not recorded what became of them.
    ///
    /// # Errors
    /// The database's.
    pub(super) fn all_open(&self) -> Result<Vec<u64>, Undecided> {
        memory::all_open(self.connection).map_err(|fault| fault.of(self.doing))
    }

    /// The decision that used up an emergency's declaration, if one did; see [`super::Memory::declaration_used`].
    ///
    /// # Errors
    /// The database's.
    pub fn declaration_used(&self, signed: Digest) -> Result<Option<u64>, Undecided> {
        let here = debts::declaration_used(self.connection, signed, u64::MAX).map_err(|fault| fault.of(self.doing))?;
        let mut former = self.before.former;
        let mut used = here;
        while let (None, Some(ledger)) = (used, former) {
            used = ledger.declaration_used(signed, u64::MAX)?;
            former = ledger.former()?;
        }
        Ok(used)
    }

    /// The numbers of all decisions that owe a review.
    ///
    /// # Errors
    /// The database's.
    pub(super) fn owing(&self) -> Result<Vec<u64>, Undecided> {
        debts::owing(self.connection).map_err(|fault| fault.of(self.doing))
    }

    /// A content; `None` if it is not there.
    ///
    /// # Errors
    /// The database's.
    pub fn content_of(&self, digest: Digest) -> Result<Option<Vec<u8>>, Undecided> {
        derived::content(self.connection, digest).map_err(|fault| fault.of(self.doing))
    }

    /// Signs what is there now; with the `next` key, too, if one is named in it. `None` if no record was added.
    pub(super) fn finish(self, key: &SigningKey, next: Option<&SigningKey>) -> Result<Option<Appended>, Fault> {
        if self.failed {
            return Err(Fault::Other(Undecided::server(self.doing, "a record could not be written")));
        }
        let (first, size) = (self.first, self.next);
        let Some(last) = size.checked_sub(1).filter(|last| *last >= first) else { return Ok(None) };
        let root = tree::root(size, &mut |level, index| reading::hash(self.connection, level, index))?;
        let note = Checkpoint::sign(size, root, key)
            .and_then(|note| next.map_or(Ok(note.clone()), |next| note.and_sign(next)))
            .map_err(|error| Fault::Other(Undecided::server(self.doing, error)))?
            .to_string();
        self.connection
            .prepare_cached("INSERT INTO checkpoint VALUES (?1, ?2)")?
            .execute(params![size, note.as_bytes()])?;
        Ok(Some(Appended { first, last, size, root, checkpoint: note, waited: self.waited }))
    }
}

/// Adds a record's bytes, and the nodes of the tree that it completes.
pub(super) fn leaf(connection: &Connection, number: u64, body: &[u8]) -> Result<(), Fault> {
    let leaf = Hash::leaf(body);
    connection.prepare_cached("INSERT INTO record VALUES (?1, ?2, ?3)")?.execute(params![
        number,
        body,
        leaf.as_bytes()
    ])?;
    let mut insert = connection.prepare_cached("INSERT INTO node VALUES (?1, ?2, ?3)")?;
    for node in tree::completed(number, leaf, &mut |level, index| reading::hash(connection, level, index))? {
        if node.level > 0 {
            insert.execute(params![node.level, node.index, node.hash.as_bytes()])?;
        }
    }
    Ok(())
}

/// Keeps a content, if it is not there already.
pub(super) fn content(connection: &Connection, bytes: &[u8]) -> Result<Digest, Fault> {
    let digest = Digest::of(bytes);
    connection
        .prepare_cached("INSERT INTO content VALUES (?1, ?2) ON CONFLICT DO NOTHING")?
        .execute(params![digest.0, bytes])?;
    Ok(digest)
}
