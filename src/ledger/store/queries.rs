//! Records found by what they are about, the newest first.
//!
//! Each condition is answered by an index that says which record up to a number is the last to meet it. Those that meet all
//! are found by leaping from one answer to the next, so that what is found costs the same in a ledger of any size.

use super::{Ledger, fault::Fault, memory, reading};
use crate::{
    Undecided,
    ledger::{entry::Entry, record::Digest},
    push::{ObjectId, RefName, Timestamp},
};
use rusqlite::{Connection, OptionalExtension, Params, params};
use std::path::Path;

/// What a record is about.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Subject {
    /// A ref, of any repository.
    Ref(RefName),
    /// A repository, by the path of its git directory.
    Repository(Vec<u8>),
    /// Who pushed: a registered signer's id.
    Pusher(String),
    /// Who pushed: what the Git server calls them.
    Account(String),
    /// Who signed something that was brought: a registered signer's id.
    Signer(String),
    /// The key that signed something that was brought, and that was somebody's.
    Key(String),
    /// The key that signed something that was pushed, and that was nobody's.
    UnknownKey(String),
    /// The record's type.
    Kind(String),
    /// A decision with this verdict.
    Verdict(&'static str),
    /// A decision that accepted what an emergency waived a rule for.
    Emergency,
}

/// Which records are wanted.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct Wanted {
    /// Of each list, one must be what the record is about.
    pub conditions: Vec<Vec<Subject>>,
    /// Not before this moment.
    pub since: Option<Timestamp>,
    /// Before this moment.
    pub until: Option<Timestamp>,
}

/// A record that brought an object.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Brought {
    /// Its number.
    pub number: u64,
    /// Of a decision that accepted, `open`, `completed` or `failed`; `None` of an adoption.
    pub state: Option<String>,
}

impl Ledger {
    /// The numbers of records that are wanted, the newest first, at most so many, of those before a number.
    ///
    /// # Errors
    /// The database's.
    pub fn find(&self, wanted: &Wanted, before: Option<u64>, at_most: usize) -> Result<Vec<u64>, Undecided> {
        find(&self.connection(), wanted, before, at_most).map_err(|fault| fault.of(&self.reading))
    }

    /// The numbers of the first record from `since` on, and of the last one before `until`; `None` if there is none between.
    ///
    /// # Errors
    /// The database's.
    pub fn span(&self, since: Option<Timestamp>, until: Option<Timestamp>) -> Result<Option<(u64, u64)>, Undecided> {
        let span = || {
            let (from, end) = bounds(&self.connection(), since, until)?;
            Ok(end.checked_sub(1).filter(|last| from <= *last).map(|last| (from, last)))
        };
        span().map_err(|fault: Fault| fault.of(&self.reading))
    }

    /// A record; `None` if there are not so many.
    ///
    /// # Errors
    /// It is damaged; the database's.
    pub fn entry(&self, number: u64) -> Result<Option<Entry>, Undecided> {
        let entry = || Ok(reading::body(&self.connection(), number)?.map(|body| Entry::read(&body)).transpose()?);
        entry().map_err(|fault: Fault| fault.of(&self.reading))
    }

    /// The bytes of a record; `None` if there are not so many.
    ///
    /// # Errors
    /// The database's.
    pub fn body(&self, number: u64) -> Result<Option<Vec<u8>>, Undecided> {
        reading::body(&self.connection(), number).map_err(|fault| fault.of(&self.reading))
    }

    /// What became of a decision: `refused`, `open`, `completed` or `failed`; `None` of other records.
    ///
    /// # Errors
    /// The database's.
    pub fn state(&self, number: u64) -> Result<Option<String>, Undecided> {
        state(&self.connection(), number).map_err(|fault| fault.of(&self.reading))
    }

    /// The first record that says that this became of a decision: `completed` or `failed`.
    ///
    /// # Errors
    /// The database's.
    pub fn outcome_of(&self, number: u64, state: &str) -> Result<Option<Entry>, Undecided> {
        let outcome = || {
            let connection = self.connection();
            let mut select = connection.prepare_cached(
                "SELECT body FROM entry JOIN record USING (number) WHERE kind = 'outcome' AND number > ?1 ORDER BY number",
            )?;
            let mut rows = select.query([number])?;
            while let Some(row) = rows.next()? {
                let entry = Entry::read(row.get_ref(0)?.as_blob().map_err(rusqlite::Error::from)?)?;
                if entry.ranges(state)?.iter().any(|range| range.contains(&number)) {
                    return Ok(Some(entry));
                }
            }
            Ok(None)
        };
        outcome().map_err(|fault: Fault| fault.of(&self.reading))
    }

    /// The records that brought an object into a repository, the earliest first.
    ///
    /// # Errors
    /// The database's.
    pub fn bringing(&self, repository: &Path, object: ObjectId) -> Result<Vec<Brought>, Undecided> {
        let bringing = || {
            let connection = self.connection();
            let Some(repository) = memory::repository(&connection, repository)? else { return Ok(Vec::new()) };
            let numbers = super::receipts::bringing(&connection, repository, object)?;
            let brought = |number| Ok(Brought { number, state: state(&connection, number)? });
            numbers.into_iter().map(brought).collect::<Result<_, Fault>>()
        };
        bringing().map_err(|fault: Fault| fault.of(&self.reading))
    }

    /// The paths of all repositories of which anything was recorded.
    ///
    /// # Errors
    /// The database's.
    pub fn repositories(&self) -> Result<Vec<Vec<u8>>, Undecided> {
        let repositories = || {
            let connection = self.connection();
            let mut select = connection.prepare_cached("SELECT path FROM repository ORDER BY path")?;
            let paths = select.query_map([], |row| row.get(0))?;
            Ok(paths.collect::<Result<_, _>>()?)
        };
        repositories().map_err(|fault: Fault| fault.of(&self.reading))
    }

    /// The first record after `number` since which a ref has had this value; `None` if it has not had it since.
    ///
    /// # Errors
    /// The database's.
    pub fn had_value(
        &self,
        repository: &Path,
        name: &RefName,
        value: Option<ObjectId>,
        number: u64,
    ) -> Result<Option<u64>, Undecided> {
        let had = || {
            let connection = self.connection();
            let Some(repository) = memory::repository(&connection, repository)? else { return Ok(None) };
            let mut select = connection.prepare_cached(
                "SELECT min(number) FROM value WHERE repository = ?1 AND name = ?2 AND value IS ?3 AND number > ?4",
            )?;
            let value = value.as_ref().map(ObjectId::as_bytes);
            Ok(select.query_row(params![repository, name.as_bytes(), value, number], |row| row.get(0))?)
        };
        had().map_err(|fault: Fault| fault.of(&self.reading))
    }

    /// The keys that were nobody's when something signed by them was pushed, sorted.
    ///
    /// # Errors
    /// The database's.
    pub fn unknown_keys(&self) -> Result<Vec<String>, Undecided> {
        let keys = || {
            let connection = self.connection();
            let mut select = connection
                .prepare_cached("SELECT DISTINCT value FROM mention WHERE kind = 'unknown-key' ORDER BY value")?;
            let keys = select.query_map([], |row| row.get(0))?;
            Ok(keys.collect::<Result<_, _>>()?)
        };
        keys().map_err(|fault: Fault| fault.of(&self.reading))
    }

    /// The first record on each ref of a repository, sorted by ref.
    ///
    /// # Errors
    /// One of them is damaged; the database's.
    pub fn first_of_refs(&self, repository: &Path) -> Result<Vec<Entry>, Undecided> {
        let first = || {
            let connection = self.connection();
            let Some(repository) = memory::repository(&connection, repository)? else { return Ok(Vec::new()) };
            let mut select = connection.prepare_cached(
                "SELECT body FROM (SELECT name, min(number) AS number FROM subject WHERE repository = ?1 GROUP BY name)
                 JOIN record USING (number) ORDER BY name",
            )?;
            let mut rows = select.query([repository])?;
            let mut entries = Vec::new();
            while let Some(row) = rows.next()? {
                entries.push(Entry::read(row.get_ref(0)?.as_blob().map_err(rusqlite::Error::from)?)?);
            }
            Ok(entries)
        };
        first().map_err(|fault: Fault| fault.of(&self.reading))
    }

    /// The contents whose digest begins so, in hexadecimal; two are enough to know that it is not one.
    ///
    /// # Errors
    /// The database's.
    pub fn contents_like(&self, prefix: &str) -> Result<Vec<Digest>, Undecided> {
        let contents = || {
            let connection = self.connection();
            let mut select = connection.prepare_cached(
                "SELECT digest FROM content WHERE substr(lower(hex(digest)), 1, length(?1)) = ?1 ORDER BY digest LIMIT 2",
            )?;
            let digests = select.query_map([prefix], |row| row.get(0).map(Digest))?;
            Ok(digests.collect::<Result<_, _>>()?)
        };
        contents().map_err(|fault: Fault| fault.of(&self.reading))
    }
}

fn find(connection: &Connection, wanted: &Wanted, before: Option<u64>, at_most: usize) -> Result<Vec<u64>, Fault> {
    let (from, end) = bounds(connection, wanted.since, wanted.until)?;
    let mut next = end.min(before.unwrap_or(end)).checked_sub(1);
    let mut found = Vec::new();
    while let Some(number) = next.filter(|number| *number >= from && found.len() < at_most) {
        let meets = last_that_meets(connection, &wanted.conditions, number)?;
        match meets {
            Some(last) if last == number => {
                found.push(number);
                next = number.checked_sub(1);
            }
            Some(_) | None => next = meets,
        }
    }
    Ok(found)
}

/// The first record from `since` on, and the first from `until` on, where there may be none yet.
fn bounds(connection: &Connection, since: Option<Timestamp>, until: Option<Timestamp>) -> Result<(u64, u64), Fault> {
    let size: u64 =
        connection.prepare_cached("SELECT coalesce(max(number) + 1, 0) FROM entry")?.query_row([], |row| row.get(0))?;
    let from = since.map(|since| first_at(connection, size, since)).transpose()?.unwrap_or(0);
    let end = until.map(|until| first_at(connection, size, until)).transpose()?.unwrap_or(size);
    Ok((from, end))
}

/// The number itself if it meets all conditions; else one below which nothing that meets them is passed over.
fn last_that_meets(connection: &Connection, conditions: &[Vec<Subject>], number: u64) -> Result<Option<u64>, Fault> {
    let mut lowest = number;
    for condition in conditions {
        let mut last = None;
        for subject in condition {
            last = last.max(subject.last(connection, lowest)?);
        }
        let Some(last) = last else { return Ok(None) };
        lowest = lowest.min(last);
    }
    Ok(Some(lowest))
}

/// The first record that counts from this moment on; moments never go back.
fn first_at(connection: &Connection, size: u64, moment: Timestamp) -> Result<u64, Fault> {
    let mut select = connection.prepare_cached("SELECT time FROM entry WHERE number = ?1")?;
    let (mut from, mut to) = (0, size);
    while from < to {
        let middle = from.midpoint(to);
        let time: i64 = select.query_row([middle], |row| row.get(0))?;
        if time < moment.0 {
            from = middle.saturating_add(1);
        } else {
            to = middle;
        }
    }
    Ok(from)
}

impl Subject {
    /// The last record up to a number that is about this.
    fn last(&self, connection: &Connection, number: u64) -> Result<Option<u64>, Fault> {
        let mention = |kind: &str, value: &str| {
            last(
                connection,
                "SELECT max(number) FROM mention WHERE kind = ?1 AND value = ?2 AND number <= ?3",
                params![kind, value, number],
            )
        };
        match self {
            Self::Ref(name) => last(
                connection,
                "SELECT max(number) FROM subject WHERE name = ?1 AND number <= ?2",
                params![name.as_bytes(), number],
            ),
            Self::Repository(path) => last(
                connection,
                "SELECT max(number) FROM subject WHERE repository = (SELECT id FROM repository WHERE path = ?1)
                 AND number <= ?2",
                params![path, number],
            ),
            Self::Pusher(id) => mention("pusher", id),
            Self::Account(account) => mention("account", account),
            Self::Signer(id) => mention("signer", id),
            Self::Key(key) => mention("key", key),
            Self::UnknownKey(key) => mention("unknown-key", key),
            Self::Kind(kind) => last(
                connection,
                "SELECT max(number) FROM entry WHERE kind = ?1 AND number <= ?2",
                params![kind, number],
            ),
            Self::Verdict(verdict) => last(
                connection,
                "SELECT max(number) FROM decision WHERE verdict = ?1 AND verdict <> 'accepted' AND number <= ?2",
                params![verdict, number],
            ),
            Self::Emergency => last(connection, "SELECT max(number) FROM emergency WHERE number <= ?1", [number]),
        }
    }
}

fn last(connection: &Connection, select: &str, params: impl Params) -> Result<Option<u64>, Fault> {
    Ok(connection.prepare_cached(select)?.query_row(params, |row| row.get(0))?)
}

fn state(connection: &Connection, number: u64) -> Result<Option<String>, Fault> {
    let mut select = connection.prepare_cached("SELECT state FROM decision WHERE number = ?1")?;
    Ok(select.query_row([number], |row| row.get(0)).optional()?)
}
