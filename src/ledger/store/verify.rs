//! Whether the database is what it was left as: everything in it is computed anew from the records' bytes.

use super::{database, derived, fault::Fault};
use crate::ledger::{
    checkpoint::Checkpoint,
    entry::Entry,
    key::VerifierKey,
    note::Note,
    record::Digest,
    tree::{self, Hash},
};
use crate::push::Timestamp;
use rusqlite::{Connection, ErrorCode, params, types::Value};
use std::{
    collections::{BTreeMap, BTreeSet},
    fmt,
};

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
pub(super) fn verify(connection: &Connection, found: &mut dyn FnMut(Damage)) -> Result<Computed, Fault> {
    // Ends without a trace: the derived tables that are compared are temporary ones, which hide those of the same name.
    let transaction = connection.unchecked_transaction()?;
    report(integrity(&transaction, found), Place::File, found)?;
    let other = report(schema(&transaction, found), Place::File, found)?.unwrap_or_default();
    transaction.execute_batch(&temporary(database::DERIVED))?;
    let mut walk = Walk { connection: &transaction, tree: Tree::default(), keys: Keys::default(), latest: None };
    let checkpoint = report(walk.records(found), Place::File, found)?.flatten();
    report(contents(&transaction, found), Place::File, found)?;
    for table in derived::TABLES.into_iter().filter(|table| !other.contains(*table)) {
        report(compare(&transaction, table, found), Place::Derived(table), found)?;
    }
    let Walk { tree, keys, .. } = walk;
    Ok(Computed { size: tree.size, root: tree.root(), checkpoint, key: keys.current })
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

struct Walk<'a> {
    connection: &'a Connection,
    tree: Tree,
    keys: Keys,
    latest: Option<Timestamp>,
}

impl Walk<'_> {
    /// Every record in turn, and the checkpoints between them; the last of these.
    fn records(&mut self, found: &mut dyn FnMut(Damage)) -> Result<Option<String>, Fault> {
        let mut checkpoints = self.connection.prepare("SELECT size, note FROM checkpoint NOT INDEXED ORDER BY size")?;
        let mut checkpoints = checkpoints.query([])?;
        let mut checkpoint: Option<(u64, Vec<u8>)> = None;
        let mut last = None;
        let mut select =
            self.connection.prepare("SELECT number, body, leaf FROM record NOT INDEXED ORDER BY number")?;
        let mut rows = select.query([])?;
        while let Some(row) = rows.next()? {
            let (number, body, leaf): (u64, Vec<u8>, Vec<u8>) = (row.get(0)?, row.get(1)?, row.get(2)?);
            let place = Place::Record(number);
            if number != self.tree.size {
                let what = format!("after it should come number {}", self.tree.size);
                found(Damage { place: place.clone(), what: format!("it is out of turn: {what}") });
            }
            let hash = Hash::leaf(&body);
            if leaf != hash.as_bytes() {
                found(Damage { place: place.clone(), what: "its hash is another".into() });
            }
            self.nodes(hash, found)?;
            let said = self.entry(number, &body, found);
            report(said, place, found)?;
            loop {
                if checkpoint.is_none() {
                    checkpoint = match checkpoints.next()? {
                        Some(row) => Some((row.get(0)?, row.get(1)?)),
                        None => break,
                    };
                }
                match checkpoint.take_if(|(size, _)| *size <= self.tree.size) {
                    Some((size, note)) => last = Some(self.checkpoint(size, &note, found)),
                    None => break,
                }
            }
        }
        while let Some((size, _)) = checkpoint.take() {
            found(Damage { place: Place::Checkpoint(size), what: "it covers more records than there are".into() });
            if let Some(row) = checkpoints.next()? {
                checkpoint = Some((row.get(0)?, row.get(1)?));
            }
        }
        self.ending(last.as_ref(), found)?;
        Ok(last.map(|(_, note)| note))
    }

    fn ending(&self, last: Option<&(u64, String)>, found: &mut dyn FnMut(Damage)) -> Result<(), Fault> {
        let size = self.tree.size;
        if last.is_none_or(|(covered, _)| *covered != size) {
            let what = "no checkpoint covers it";
            found(Damage { place: Place::Record(size.saturating_sub(1)), what: what.into() });
        }
        // A tree of `size` leaves has one node less for each of its complete trees.
        let expected = size.saturating_sub(size.count_ones().into());
        let nodes: u64 = self.connection.query_row("SELECT count(*) FROM node", [], |row| row.get(0))?;
        if nodes != expected {
            found(Damage { place: Place::Nodes, what: format!("there are {nodes}, and should be {expected}") });
        }
        Ok(())
    }

    fn nodes(&mut self, leaf: Hash, found: &mut dyn FnMut(Damage)) -> Result<(), Fault> {
        let mut select = self.connection.prepare_cached("SELECT hash FROM node WHERE level = ?1 AND position = ?2")?;
        for node in self.tree.push(leaf)?.iter().filter(|node| node.level > 0) {
            let mut rows = select.query(params![node.level, node.index])?;
            let stored: Option<Vec<u8>> = rows.next()?.map(|row| row.get(0)).transpose()?;
            let what = match stored {
                Some(stored) if stored == node.hash.as_bytes() => continue,
                Some(_) => "its hash is another",
                None => "it is gone",
            };
            let place = Place::Node { level: node.level, position: node.index };
            found(Damage { place, what: what.into() });
        }
        Ok(())
    }

    /// What a record says, by itself and after those before it.
    fn entry(&mut self, number: u64, body: &[u8], found: &mut dyn FnMut(Damage)) -> Result<(), Fault> {
        let entry = Entry::read(body)?;
        let mut tell = |what: &str| found(Damage { place: Place::Record(number), what: what.into() });
        if entry.number() != number {
            tell("it says that it has another number");
        }
        if (entry.kind() == "opened") != (number == 0) {
            tell("the first record, and no other, says how the ledger began");
        }
        let behind = self.latest.filter(|latest| entry.time() < *latest);
        if entry.clock_behind() != behind {
            tell("its times do not follow those before it");
        }
        self.latest = self.latest.max(Some(entry.moment_that_counts()));
        if ["opened", "rotated"].contains(&entry.kind()) {
            match VerifierKey::parse(entry.text("key")?) {
                Ok(key) => self.keys.add(key),
                Err(error) => tell(&format!("its `key`: {error}")),
            }
        }
        for digest in entry.digests()? {
            let mut select = self.connection.prepare_cached("SELECT 1 FROM content WHERE digest = ?1")?;
            if !select.exists([digest.0])? {
                tell(&format!("it names a content that is gone: {digest}"));
            }
        }
        derived::add(self.connection, &entry)
    }

    fn checkpoint(&mut self, size: u64, bytes: &[u8], found: &mut dyn FnMut(Damage)) -> (u64, String) {
        if let Err(what) = self.check(size, bytes) {
            found(Damage { place: Place::Checkpoint(size), what });
        }
        self.keys.covered();
        (size, String::from_utf8_lossy(bytes).into_owned())
    }

    fn check(&self, size: u64, bytes: &[u8]) -> Result<(), String> {
        let note = Note::parse(bytes).map_err(|error| error.to_string())?;
        if note.to_string().as_bytes() != bytes {
            return Err("it is not written as notes are".into());
        }
        if self.keys.signing().next().is_none() {
            return Err("no record says which key signs it".into());
        }
        for key in self.keys.signing() {
            let (checkpoint, _) = Checkpoint::open(&note, key, &[]).map_err(|error| error.to_string())?;
            if checkpoint.size() != size {
                return Err(format!("it is of {} records", checkpoint.size()));
            }
            if size != self.tree.size || checkpoint.root() != self.tree.root() {
                return Err("its root hash is not that of the records".into());
            }
        }
        Ok(())
    }
}

/// The hashes of the tree so far that the rest needs: those of its complete trees.
#[derive(Default)]
struct Tree {
    size: u64,
    complete: BTreeMap<u32, Hash>,
}

impl Tree {
    /// The nodes that the next leaf completes.
    fn push(&mut self, leaf: Hash) -> Result<Vec<tree::Node>, Fault> {
        let nodes = tree::completed(self.size, leaf, &mut |level, _| self.hash(level))?;
        self.size = self.size.saturating_add(1);
        if let Some(top) = nodes.last() {
            self.complete.retain(|level, _| *level >= top.level);
            self.complete.insert(top.level, top.hash);
        }
        Ok(nodes)
    }

    fn root(&self) -> Hash {
        tree::root(self.size, &mut |level, _| self.hash(level)).unwrap_or_else(|_| Hash::empty())
    }

    fn hash(&self, level: u32) -> Result<Hash, Fault> {
        self.complete.get(&level).copied().map_or_else(|| Fault::damaged("the tree has no such node"), Ok)
    }
}

/// Which keys have to sign: the current one, and with it, the next checkpoint, those that records named since.
#[derive(Default)]
struct Keys {
    current: Option<VerifierKey>,
    next: Vec<VerifierKey>,
}

impl Keys {
    fn add(&mut self, key: VerifierKey) {
        if self.current.is_none() {
            self.current = Some(key);
        } else {
            self.next.push(key);
        }
    }

    fn signing(&self) -> impl Iterator<Item = &VerifierKey> {
        self.current.iter().chain(&self.next)
    }

    fn covered(&mut self) {
        if let Some(last) = self.next.pop() {
            self.next.clear();
            self.current = Some(last);
        }
    }
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
