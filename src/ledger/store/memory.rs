//! What is known of one repository from what was recorded.

use super::{Ledger, RecordId, debts, derived, fault::Fault, receipts};
use crate::{
    Undecided,
    ledger::record::{Digest, InForce},
    push::{ObjectId, RefName, Timestamp},
};
use rusqlite::{Connection, OptionalExtension, params};
use std::{
    collections::{BTreeMap, HashMap},
    os::unix::ffi::OsStrExt,
    path::Path,
};

/// What was recorded of one repository so far, in a ledger and in those before it. Of the objects, what counts is the first
/// completed decision or adoption that brought them.
#[derive(Debug)]
pub struct Memory<'a> {
    /// The oldest first.
    pub(super) layers: Vec<Layer<'a>>,
    /// What was recorded from this record and moment on is not known yet.
    pub(super) as_of: Option<(RecordId, Timestamp)>,
}

/// What one ledger says of it.
#[derive(Debug)]
pub(super) struct Layer<'a> {
    pub ledger: &'a Ledger,
    /// `None` if nothing was recorded of it there.
    repository: Option<i64>,
}

/// The value that a ref was last recorded to have.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Standing {
    /// `None` if it went.
    pub value: Option<ObjectId>,
    /// The record that says so: a completed decision, a move or an adoption.
    pub record: RecordId,
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
    pub(super) fn new(ledger: &'a Ledger, path: &Path) -> Result<Self, Undecided> {
        let layer = |ledger: &'a Ledger| {
            let repository = repository(&ledger.connection(), path).map_err(|fault| fault.of(&ledger.reading))?;
            Ok(Layer { ledger, repository })
        };
        let layers = ledger.chain()?.into_iter().rev().map(layer);
        Ok(Self { layers: layers.collect::<Result<_, Undecided>>()?, as_of: None })
    }

    /// What was known when a record was written, and the moment that counts for it.
    pub fn as_of(self, record: RecordId, moment: Timestamp) -> Self {
        Self { as_of: Some((record, moment)), ..self }
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
        let mut received = HashMap::new();
        // What an older ledger knows, a newer one can only say of later.
        let mut left: Option<Vec<ObjectId>> = None;
        for layer in &self.layers {
            let found = layer.look(|connection, repository| {
                receipts::read(connection, repository, left.as_deref().unwrap_or(objects))
            })?;
            match found {
                Some(found) if received.is_empty() => received = found,
                Some(found) => received.extend(found),
                None => continue,
            }
            if self.layers.len() > 1 {
                let known = |object: &&ObjectId| !received.contains_key(*object);
                left = Some(objects.iter().filter(known).copied().collect());
            }
        }
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
        for layer in self.layers.iter().rev() {
            let generation = layer.ledger.generation;
            let found = layer.look(|connection, repository| standing(connection, repository, name, generation))?;
            if let Some(standing) = found.flatten() {
                return Ok(Some(standing));
            }
        }
        Ok(None)
    }

    /// The same of all refs of which anything was recorded, sorted by name.
    ///
    /// # Errors
    /// The database's.
    pub fn standings(&self) -> Result<Vec<(RefName, Standing)>, Undecided> {
        let mut all: BTreeMap<RefName, Standing> = BTreeMap::new();
        for layer in &self.layers {
            let generation = layer.ledger.generation;
            let before = match self.as_of {
                Some((record, _)) if record.ledger < generation => continue,
                Some((record, _)) if record.ledger == generation => record.number,
                Some(_) | None => i64::MAX.unsigned_abs(),
            };
            let found = layer.look(|connection, repository| standings(connection, repository, before, generation))?;
            let found = found.unwrap_or_default();
            if self.layers.len() == 1 {
                return Ok(found);
            }
            all.extend(found);
        }
        Ok(all.into_iter().collect())
    }

    /// Refs that were once the last recorded to have this value, sixteen of each ledger at most; [`Self::standing`] knows whether
    /// one still is.
    ///
    /// # Errors
    /// The database's.
    pub fn holding(&self, value: ObjectId) -> Result<Vec<RefName>, Undecided> {
        let mut names = Vec::new();
        for layer in self.layers.iter().rev() {
            let found = layer.look(|connection, repository| holding(connection, repository, value))?;
            names.extend(found.unwrap_or_default());
        }
        Ok(names)
    }

    /// Whether a decision accepted with nothing found by this rule of the policy at this path, or with what an emergency
    /// waived and a review has settled since; or is an adoption, which stands for every rule.
    ///
    /// # Errors
    /// The database's.
    pub fn is_satisfied(&self, record: RecordId, policy: &[u8], rule: &str) -> Result<bool, Undecided> {
        let Some(layer) = self.layers.iter().find(|layer| layer.ledger.generation == record.ledger) else {
            return Ok(false);
        };
        let found = layer.look(|connection, _| {
            let mut select = connection.prepare_cached(
                "SELECT EXISTS (SELECT 1 FROM satisfied WHERE number = ?1 AND policy = ?2 AND rule = ?3)
                     OR EXISTS (SELECT 1 FROM entry WHERE number = ?1 AND kind = 'adopted')",
            )?;
            let satisfied: bool = select.query_row(params![record.number, policy, rule], |row| row.get(0))?;
            Ok(satisfied || debts::is_settled(connection, record.number, policy, rule)?)
        });
        found.map(|found| found == Some(true))
    }

    /// Whether a push was accepted with a push certificate of which this is the digest of what is signed.
    ///
    /// # Errors
    /// The database's.
    pub fn is_certificate_seen(&self, certificate: Digest) -> Result<bool, Undecided> {
        self.layers.last().map_or(Ok(false), |layer| layer.ledger.is_certificate_seen(certificate))
    }

    /// The decisions that accepted, and of which it is not recorded what became of them; the earliest first.
    ///
    /// # Errors
    /// The database's.
    pub fn open_decisions(&self) -> Result<Vec<OpenDecision>, Undecided> {
        // A ledger that is continued has none, but of repositories that are gone.
        let found = self.layers.last().map_or(Ok(None), |layer| layer.look(open_decisions));
        found.map(Option::unwrap_or_default)
    }

    /// Whether anything of the repository is recorded: a value of a ref, or an accepted decision of which it is not known what became.
    ///
    /// # Errors
    /// The database's.
    pub fn knows_repository(&self) -> Result<bool, Undecided> {
        Ok(!self.standings()?.is_empty() || !self.open_decisions()?.is_empty())
    }

    pub(super) fn is_known(&self, record: RecordId) -> bool {
        self.as_of.is_none_or(|(as_of, _)| record < as_of)
    }
}

impl Layer<'_> {
    /// `None` if nothing was recorded of the repository there.
    pub(super) fn look<T>(
        &self,
        look: impl FnOnce(&Connection, i64) -> Result<T, Fault>,
    ) -> Result<Option<T>, Undecided> {
        let Some(repository) = self.repository else { return Ok(None) };
        look(&self.ledger.connection(), repository).map(Some).map_err(|fault| fault.of(&self.ledger.reading))
    }
}

pub(super) fn is_certificate_seen(connection: &Connection, certificate: Digest) -> Result<bool, Fault> {
    Ok(connection.prepare_cached("SELECT 1 FROM certificate WHERE digest = ?1")?.exists([certificate.0])?)
}

/// The numbers of all decisions that are open, whatever repository they are of.
pub(super) fn all_open(connection: &Connection) -> Result<Vec<u64>, Fault> {
    let mut select = connection.prepare_cached("SELECT number FROM decision WHERE state = 'open' ORDER BY number")?;
    let numbers = select.query_map([], |row| row.get(0))?.collect::<Result<_, _>>()?;
    Ok(numbers)
}

pub(super) fn repository(connection: &Connection, path: &Path) -> Result<Option<i64>, Fault> {
    derived::find_repository(connection, path.as_os_str().as_bytes())
}

pub(super) fn standing(
    connection: &Connection,
    repository: i64,
    name: &RefName,
    generation: u64,
) -> Result<Option<Standing>, Fault> {
    let mut select =
        connection.prepare_cached("SELECT value, number FROM standing WHERE repository = ?1 AND name = ?2")?;
    let mut rows = select.query(params![repository, name.as_bytes()])?;
    match rows.next()? {
        Some(row) => {
            let record = RecordId { ledger: generation, number: row.get(1)? };
            Ok(Some(Standing { value: object(row.get(0)?)?, record }))
        }
        None => Ok(None),
    }
}

fn holding(connection: &Connection, repository: i64, value: ObjectId) -> Result<Vec<RefName>, Fault> {
    let mut select =
        connection.prepare_cached("SELECT name FROM standing WHERE repository = ?1 AND value = ?2 LIMIT 16")?;
    let mut rows = select.query(params![repository, value.as_bytes()])?;
    let mut names = Vec::new();
    while let Some(row) = rows.next()? {
        names.push(ref_name(row.get(0)?)?);
    }
    Ok(names)
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

pub(super) fn all_in_force(connection: &Connection) -> Result<Vec<InForce>, Fault> {
    let mut select = connection.prepare("SELECT path, policy, registry FROM in_force ORDER BY path")?;
    let rows = select.query_map([], |row| {
        Ok(InForce { path: row.get(0)?, policy: Digest(row.get(1)?), registry: Digest(row.get(2)?) })
    })?;
    Ok(rows.collect::<Result<_, _>>()?)
}

/// By records before this number.
fn standings(
    connection: &Connection,
    repository: i64,
    before: u64,
    generation: u64,
) -> Result<Vec<(RefName, Standing)>, Fault> {
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
        let record = RecordId { ledger: generation, number: row.get(2)? };
        standings.push((ref_name(row.get(0)?)?, Standing { value: object(row.get(1)?)?, record }));
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
