//! What is known of one repository from what was recorded.

use super::{debts, derived, fault::Fault, receipts};
use crate::{
    Undecided,
    ledger::record::{Digest, InForce},
    push::{ObjectId, RefName, Timestamp},
};
use rusqlite::{Connection, OptionalExtension, params};
use std::{
    collections::HashMap,
    os::unix::ffi::OsStrExt,
    path::Path,
    sync::{Mutex, PoisonError},
};

/// What was recorded of one repository so far. Of the objects, what counts is the first completed decision or adoption
/// that brought them.
#[derive(Debug)]
pub struct Memory<'a> {
    pub(super) connection: &'a Mutex<Connection>,
    pub(super) doing: &'a str,
    /// `None` if nothing was recorded of it.
    repository: Option<i64>,
    /// What was recorded from this number and moment on is not known yet.
    pub(super) as_of: Option<(u64, Timestamp)>,
}

/// The value that a ref was last recorded to have.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Standing {
    /// `None` if it went.
    pub value: Option<ObjectId>,
    /// The record that says so: a completed decision, a move or an adoption.
    pub number: u64,
}

/// A decision that accepted, of which it is not recorded what became of it.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct OpenDecision {
    /// Its number.
    pub number: u64,
    /// The number of the first decision of the same push.
    pub push: u64,
    /// The ref.
    pub name: RefName,
    /// The value it had.
    pub old: Option<ObjectId>,
    /// The value it gets.
    pub new: Option<ObjectId>,
    /// When it was recorded.
    pub time: Timestamp,
}

impl<'a> Memory<'a> {
    pub(super) fn new(connection: &'a Mutex<Connection>, doing: &'a str, path: &Path) -> Result<Self, Undecided> {
        let repository = repository(&connection.lock().unwrap_or_else(PoisonError::into_inner), path)
            .map_err(|fault| fault.of(doing))?;
        Ok(Self { connection, doing, repository, as_of: None })
    }

    /// What was known when a record was written: its number, and the moment that counts for it.
    pub fn as_of(self, number: u64, moment: Timestamp) -> Self {
        Self { as_of: Some((number, moment)), ..self }
    }

    /// Whether it is as of a moment of the past.
    pub fn is_of_the_past(&self) -> bool {
        self.as_of.is_some()
    }

    /// When an object was received, if it was.
    ///
    /// # Errors
    /// The database's.
    pub fn received(&self, object: ObjectId) -> Result<Option<Timestamp>, Undecided> {
        Ok(self.received_of(&[object])?.remove(&object))
    }

    /// When each of these objects was received; those that were not are not in it. Many at once take a microsecond each.
    ///
    /// # Errors
    /// The database's.
    pub fn received_of(&self, objects: &[ObjectId]) -> Result<HashMap<ObjectId, Timestamp>, Undecided> {
        let received = self.look(|connection, repository| receipts::read(connection, repository, objects))?;
        let mut received = received.unwrap_or_default();
        if let Some((_, moment)) = self.as_of {
            received.retain(|_, received| *received < moment);
        }
        Ok(received)
    }

    /// The value that a ref was last recorded to have; `None` if nothing was recorded of it.
    ///
    /// # Errors
    /// The database's.
    pub fn standing(&self, name: &RefName) -> Result<Option<Standing>, Undecided> {
        if self.as_of.is_some() {
            return Ok(self.standings()?.into_iter().find(|(other, _)| other == name).map(|(_, standing)| standing));
        }
        self.look(|connection, repository| standing(connection, repository, name)).map(Option::flatten)
    }

    /// The same of all refs of which anything was recorded, sorted by name.
    ///
    /// # Errors
    /// The database's.
    pub fn standings(&self) -> Result<Vec<(RefName, Standing)>, Undecided> {
        let before = self.as_of.map_or(i64::MAX.unsigned_abs(), |(number, _)| number);
        self.look(|connection, repository| standings(connection, repository, before)).map(Option::unwrap_or_default)
    }

    /// Whether decision `number` accepted with nothing found by this rule of the policy at this path, or with what an emergency
    /// waived and a review has settled since; or is an adoption, which stands for every rule.
    ///
    /// # Errors
    /// The database's.
    pub fn is_satisfied(&self, number: u64, policy: &[u8], rule: &str) -> Result<bool, Undecided> {
        let found = self.look(|connection, _| {
            let mut select = connection.prepare_cached(
                "SELECT EXISTS (SELECT 1 FROM satisfied WHERE number = ?1 AND policy = ?2 AND rule = ?3)
                     OR EXISTS (SELECT 1 FROM entry WHERE number = ?1 AND kind = 'adopted')",
            )?;
            let satisfied: bool = select.query_row(params![number, policy, rule], |row| row.get(0))?;
            Ok(satisfied || debts::is_settled(connection, number, policy, rule)?)
        });
        found.map(|found| found == Some(true))
    }

    /// Whether a push was accepted with a push certificate of which this is the digest of what is signed.
    ///
    /// # Errors
    /// The database's.
    pub fn is_certificate_seen(&self, certificate: Digest) -> Result<bool, Undecided> {
        let connection = self.connection.lock().unwrap_or_else(PoisonError::into_inner);
        let found: Result<Option<u64>, _> = connection
            .prepare_cached("SELECT push FROM certificate WHERE digest = ?1")
            .and_then(|mut select| select.query_row([certificate.0], |row| row.get(0)).optional());
        found.map(|found| found.is_some()).map_err(|error| Fault::from(error).of(self.doing))
    }

    /// The decisions that accepted, and of which it is not recorded what became of them; the earliest first.
    ///
    /// # Errors
    /// The database's.
    pub fn open_decisions(&self) -> Result<Vec<OpenDecision>, Undecided> {
        self.look(open_decisions).map(Option::unwrap_or_default)
    }

    /// `None` if nothing was recorded of the repository.
    pub(super) fn look<T>(
        &self,
        look: impl FnOnce(&Connection, i64) -> Result<T, Fault>,
    ) -> Result<Option<T>, Undecided> {
        let Some(repository) = self.repository else { return Ok(None) };
        // Who panicked while it looked something up has left nothing half done.
        let connection = self.connection.lock().unwrap_or_else(PoisonError::into_inner);
        look(&connection, repository).map(Some).map_err(|fault| fault.of(self.doing))
    }
}

pub(super) fn repository(connection: &Connection, path: &Path) -> Result<Option<i64>, Fault> {
    derived::find_repository(connection, path.as_os_str().as_bytes())
}

pub(super) fn standing(connection: &Connection, repository: i64, name: &RefName) -> Result<Option<Standing>, Fault> {
    let mut select =
        connection.prepare_cached("SELECT value, number FROM standing WHERE repository = ?1 AND name = ?2")?;
    let mut rows = select.query(params![repository, name.as_bytes()])?;
    match rows.next()? {
        Some(row) => Ok(Some(Standing { value: object(row.get(0)?)?, number: row.get(1)? })),
        None => Ok(None),
    }
}

pub(super) fn open_decisions(connection: &Connection, repository: i64) -> Result<Vec<OpenDecision>, Fault> {
    let mut select = connection.prepare_cached(
        "SELECT number, name, old, new, time, push FROM decision JOIN entry USING (number)
         WHERE repository = ?1 AND state = 'open' ORDER BY number",
    )?;
    let mut rows = select.query([repository])?;
    let mut open = Vec::new();
    while let Some(row) = rows.next()? {
        open.push(OpenDecision {
            number: row.get(0)?,
            name: ref_name(row.get(1)?)?,
            old: object(row.get(2)?)?,
            new: object(row.get(3)?)?,
            time: Timestamp(row.get(4)?),
            push: row.get(5)?,
        });
    }
    Ok(open)
}

pub(super) fn last_decision(
    connection: &Connection,
    repository: i64,
    (name, old, new): (&RefName, Option<ObjectId>, Option<ObjectId>),
    state: &'static str,
) -> Result<Option<u64>, Fault> {
    let mut select = connection.prepare_cached(
        "SELECT number FROM decision
         WHERE repository = ?1 AND name = ?2 AND old IS ?3 AND new IS ?4 AND state = ?5 ORDER BY number DESC LIMIT 1",
    )?;
    let (old, new) = (old.as_ref().map(ObjectId::as_bytes), new.as_ref().map(ObjectId::as_bytes));
    Ok(select.query_row(params![repository, name.as_bytes(), old, new, state], |row| row.get(0)).optional()?)
}

pub(super) fn in_force(connection: &Connection, path: &[u8]) -> Result<Option<InForce>, Fault> {
    let mut select = connection.prepare_cached("SELECT policy, registry FROM in_force WHERE path = ?1")?;
    let found = select.query_row([path], |row| Ok((row.get(0)?, row.get(1)?))).optional()?;
    Ok(found.map(|(policy, registry)| InForce {
        path: path.to_vec(),
        policy: Digest(policy),
        registry: Digest(registry),
    }))
}

/// By records before this number.
fn standings(connection: &Connection, repository: i64, before: u64) -> Result<Vec<(RefName, Standing)>, Fault> {
    // Where `max` is the only aggregate, SQLite takes the other columns from its row (lang_select.html, "bare columns").
    let mut select = connection.prepare_cached(match before == i64::MAX.unsigned_abs() {
        true => "SELECT name, value, number FROM standing WHERE repository = ?1 AND number < ?2 ORDER BY name",
        false => {
            "SELECT name, value, max(number) FROM value WHERE repository = ?1 AND number < ?2 GROUP BY name ORDER BY name"
        }
    })?;
    let mut rows = select.query(params![repository, before])?;
    let mut standings = Vec::new();
    while let Some(row) = rows.next()? {
        standings.push((ref_name(row.get(0)?)?, Standing { value: object(row.get(1)?)?, number: row.get(2)? }));
    }
    Ok(standings)
}

fn object(raw: Option<Vec<u8>>) -> Result<Option<ObjectId>, Fault> {
    match raw {
        None => Ok(None),
        Some(raw) => {
            ObjectId::from_bytes(&raw).map_or_else(|| Fault::damaged("an object id is none"), |id| Ok(Some(id)))
        }
    }
}

pub(super) fn ref_name(raw: Vec<u8>) -> Result<RefName, Fault> {
    RefName::new(&raw).map_or_else(|| Fault::damaged("a ref's name is none"), Ok)
}
