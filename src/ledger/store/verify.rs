//! Whether the database is what it was left as: everything in it is computed anew from the records' bytes.

mod walk;

use super::{database, derived, fault::Fault};
use crate::ledger::{key::VerifierKey, record::Digest, tree::Hash};
use rusqlite::{Connection, ErrorCode, types::Value};
use std::{
    collections::{BTreeMap, BTreeSet},
    fmt,
};
use walk::Walk;

/// Something that is not as it was left.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Damage {
    /// Where.
    pub place: Place,
    /// What is wrong with it.
    pub what: String,
}

/// Where in the database.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Place {
    /// The file, as SQLite sees it.
    File,
    /// A record, by its number.
    Record(u64),
    /// A node of the tree.
    Node {
        /// From 1.
        level: u32,
        /// On its level, from 0.
        position: u64,
    },
    /// All nodes together.
    Nodes,
    /// A checkpoint, by how many records it covers.
    Checkpoint(u64),
    /// A content.
    Content(Digest),
    /// A derived table; `reindex` makes it anew.
    Derived(&'static str),
}

/// What was computed from the records, whatever the checkpoints say.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Computed {
    /// How many records there are.
    pub size: u64,
    /// The root hash of the tree of all.
    pub root: Hash,
    /// The last checkpoint, a signed note, if there is one.
    pub checkpoint: Option<String>,
    /// The key that signs after the last record; `None` if no record says which.
    pub key: Option<VerifierKey>,
}

/// Reads all of the database once, in memory that does not grow with it, and tells `found` what is damaged.
pub(super) fn verify(
    connection: &Connection,
    found: &mut dyn FnMut(Damage),
    step: &dyn Fn(),
) -> Result<Computed, Fault> {
    // Ends without a trace: the derived tables that are compared are temporary ones, which hide those of the same name.
    let transaction = connection.unchecked_transaction()?;
    report(integrity(&transaction, found), Place::File, found)?;
    let other = report(schema(&transaction, found), Place::File, found)?.unwrap_or_default();
    transaction.execute_batch(&temporary(database::DERIVED))?;
    // In KiB; SQLite's own measure, 2 MB, has the rows of a big ledger written over and over.
    transaction.execute_batch("PRAGMA temp.cache_size = -65536")?;
    let mut walk = Walk::new(&transaction);
    let checkpoint = report(walk.records(found, step), Place::File, found)?.flatten();
    report(contents(&transaction, found), Place::File, found)?;
    for table in derived::TABLES.into_iter().filter(|table| !other.contains(*table)) {
        report(compare(&transaction, table, found), Place::Derived(table), found)?;
    }
    let (size, root, key) = walk.end();
    Ok(Computed { size, root, checkpoint, key })
}

/// What SQLite itself finds damaged is a finding, and no error: the rest may be readable.
fn report<T>(result: Result<T, Fault>, place: Place, found: &mut dyn FnMut(Damage)) -> Result<Option<T>, Fault> {
    let what = match result {
        Ok(value) => return Ok(Some(value)),
        Err(Fault::Damaged(what)) => what,
        Err(Fault::Sqlite(error)) if is_damage(&error) => error.to_string(),
        Err(fault) => return Err(fault),
    };
    found(Damage { place, what });
    Ok(None)
}

/// Whether this is about what the file holds, rather than about reading it.
fn is_damage(error: &rusqlite::Error) -> bool {
    matches!(
        error,
        rusqlite::Error::InvalidColumnType(..)
            | rusqlite::Error::FromSqlConversionFailure(..)
            | rusqlite::Error::IntegralValueOutOfRange(..)
            | rusqlite::Error::Utf8Error(..)
    ) || matches!(
        error.sqlite_error_code(),
        Some(ErrorCode::DatabaseCorrupt | ErrorCode::NotADatabase | ErrorCode::ConstraintViolation)
    )
}

fn integrity(connection: &Connection, found: &mut dyn FnMut(Damage)) -> Result<(), Fault> {
    let mut check = connection.prepare("PRAGMA main.integrity_check(100)")?;
    let mut rows = check.query([])?;
    while let Some(row) = rows.next()? {
        let what: String = row.get(0)?;
        if what != "ok" {
            found(Damage { place: Place::File, what });
        }
    }
    Ok(())
}

/// The tables and indexes that are not as this program makes them.
fn schema(connection: &Connection, found: &mut dyn FnMut(Damage)) -> Result<BTreeSet<String>, Fault> {
    let tables = |connection: &Connection| -> Result<BTreeMap<String, Option<String>>, Fault> {
        let mut select = connection.prepare("SELECT name, sql FROM main.sqlite_schema")?;
        let rows = select.query_map([], |row| Ok((row.get(0)?, row.get(1)?)))?;
        Ok(rows.collect::<Result<_, _>>()?)
    };
    let model = Connection::open_in_memory()?;
    model.execute_batch(database::RECORDED)?;
    model.execute_batch(database::DERIVED)?;
    let (made, kept) = (tables(&model)?, tables(connection)?);
    let names: BTreeSet<_> = made.keys().chain(kept.keys()).collect();
    let other = names.into_iter().filter(|name| made.get(*name) != kept.get(*name));
    let other: BTreeSet<String> = other.cloned().collect();
    for name in &other {
        let place = derived::TABLES.into_iter().find(|table| table == name).map_or(Place::File, Place::Derived);
        found(Damage { place, what: format!("`{name}` is not as this program makes it") });
    }
    Ok(other)
}

/// The same tables, to hide those of the database until the transaction ends.
fn temporary(tables: &str) -> String {
    tables.replace("CREATE TABLE ", "CREATE TABLE temp.").replace("CREATE INDEX ", "CREATE INDEX temp.")
}

fn contents(connection: &Connection, found: &mut dyn FnMut(Damage)) -> Result<(), Fault> {
    let mut select = connection.prepare("SELECT digest, bytes FROM content NOT INDEXED")?;
    let mut rows = select.query([])?;
    while let Some(row) = rows.next()? {
        let digest = Digest(row.get(0)?);
        let bytes = row.get_ref(1)?.as_blob().map_err(rusqlite::Error::from)?;
        if Digest::of(bytes) != digest {
            found(Damage { place: Place::Content(digest), what: "its SHA-256 is another".into() });
        }
    }
    Ok(())
}

/// Row by row; one finding is enough to have the table made anew.
fn compare(connection: &Connection, table: &'static str, found: &mut dyn FnMut(Damage)) -> Result<(), Fault> {
    let rows_of = |schema| connection.prepare(&format!("SELECT * FROM {schema}.{table} NOT INDEXED"));
    let (mut kept, mut made) = (rows_of("main")?, rows_of("temp")?);
    let columns = made.column_count();
    let (mut kept, mut made) = (kept.query([])?, made.query([])?);
    for number in 1_u64.. {
        let (kept, made) = (kept.next()?, made.next()?);
        let what = match (kept, made) {
            (None, None) => break,
            (Some(_), None) => format!("it has more than {} rows", number.saturating_sub(1)),
            (None, Some(_)) => format!("it has no row {number}"),
            (Some(kept), Some(made)) => {
                let value = |row: &rusqlite::Row<'_>, column| row.get::<_, Value>(column);
                let mut same = true;
                for column in 0..columns {
                    same &= value(kept, column)? == value(made, column)?;
                }
                if same {
                    continue;
                }
                format!("row {number} is not what the records say")
            }
        };
        found(Damage { place: Place::Derived(table), what });
        break;
    }
    Ok(())
}

impl fmt::Display for Damage {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {}", self.place, self.what)
    }
}

impl fmt::Display for Place {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::File => f.write_str("the database file"),
            Self::Record(number) => write!(f, "record {number}"),
            Self::Node { level, position } => write!(f, "node {position} of level {level}"),
            Self::Nodes => f.write_str("the nodes of the tree"),
            Self::Checkpoint(size) => write!(f, "the checkpoint of {size} records"),
            Self::Content(digest) => write!(f, "content {digest}"),
            Self::Derived(table) => write!(f, "derived table `{table}`"),
        }
    }
}
