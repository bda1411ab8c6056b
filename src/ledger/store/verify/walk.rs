//! The records in turn, with the nodes above them and the checkpoints between them.

use super::{Damage, Place, report};
use crate::{
    ledger::{
        checkpoint::Checkpoint,
        entry::Entry,
        key::VerifierKey,
        note::Note,
        registries::files_of,
        store::{derived, fault::Fault},
        tree::{self, Hash},
    },
    push::Timestamp,
};
use rusqlite::{Connection, params};
use std::collections::BTreeMap;

/// How far it has come.
pub(super) struct Walk<'a> {
    connection: &'a Connection,
    tree: Tree,
    keys: Keys,
    latest: Option<Timestamp>,
    is_closed: bool,
}

impl<'a> Walk<'a> {
    pub fn new(connection: &'a Connection) -> Self {
        Self { connection, tree: Tree::default(), keys: Keys::default(), latest: None, is_closed: false }
    }

    /// How many records there are, the root hash of the tree of all, and the key that signs now.
    pub fn end(self) -> (u64, Hash, Option<VerifierKey>) {
        (self.tree.size, self.tree.root(), self.keys.current)
    }

    /// Every record in turn, and the checkpoints between them; the last of these.
    pub fn records(&mut self, found: &mut dyn FnMut(Damage), step: &dyn Fn()) -> Result<Option<String>, Fault> {
        let mut checkpoints = self.connection.prepare("SELECT size, note FROM checkpoint NOT INDEXED ORDER BY size")?;
        let mut checkpoints = checkpoints.query([])?;
        let mut checkpoint: Option<(u64, Vec<u8>)> = None;
        let mut last = None;
        let mut select =
            self.connection.prepare("SELECT number, body, leaf FROM record NOT INDEXED ORDER BY number")?;
        let mut rows = select.query([])?;
        while let Some(row) = rows.next()? {
            step();
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
        if self.is_closed {
            tell("it comes after the one that closed the ledger");
        }
        self.is_closed |= entry.kind() == "closed";
        // A ledger that continues another begins after that one's latest moment, which is recorded there.
        let latest = self.latest.or(entry.clock_behind().filter(|_| entry.some("continues").is_some()));
        let behind = latest.filter(|latest| entry.time() < *latest);
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
        let registry = entry.new_registry()?.map(|list| derived::content(self.connection, list)).transpose()?.flatten();
        for (file, name) in registry.map(|list| files_of(&list)).unwrap_or_default() {
            let mut select = self.connection.prepare_cached("SELECT 1 FROM content WHERE digest = ?1")?;
            if !select.exists([file.0])? {
                tell(&format!("a file of the registry that it names is gone, `{name}`: {file}"));
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
