//! Where the receipts of an object may be: a tree of nodes for each repository, each a row of one page (a buffer tree: Lars
//! Arge, 1995). What is written goes into the root. A node that would hold more than a page gives it all to the four below
//! it, by the next two bits: so a page is written for many receipts at once, where rows of their own would touch one each. Who
//! looks for an object goes the way of its bits down from the root.

use super::entries::{self, Wanted};
use crate::{ledger::store::fault::Fault, push::ObjectFormat};
use rusqlite::{Connection, OptionalExtension, params};
use std::{cmp::Reverse, collections::BTreeSet, ops::Range};

/// How many bytes of entries a node may hold before it gives them down: 448 entries, for which a page has room. (SQLite's file
/// format, "B-tree pages": a row of up to 4,061 bytes is all on its page.)
const FULL: usize = 4032;

/// That of one repository, of objects of one format.
pub(super) struct Index<'a> {
    connection: &'a Connection,
    root: i64,
}

/// One that is to be written.
struct Node {
    number: i64,
    /// The first of the four below it.
    below: Option<i64>,
    /// How many are above it.
    depth: usize,
    entries: Vec<u8>,
}

/// The first of the four nodes below one, and what that holds itself.
type Held = (Option<i64>, Vec<u8>);

impl<'a> Index<'a> {
    pub fn of(connection: &'a Connection, repository: i64, format: ObjectFormat) -> Self {
        let format = match format {
            ObjectFormat::Sha1 => 0,
            ObjectFormat::Sha256 => 1,
        };
        Self { connection, root: repository.saturating_mul(-2).saturating_sub(format) }
    }

    /// Adds entries.
    pub fn add(&self, new: &[u8]) -> Result<(), Fault> {
        let (below, held) = self.node(self.root)?.unwrap_or_default();
        self.put(Node { number: self.root, below, depth: 0, entries: entries::merged(&held, new) })
    }

    /// Takes away all entries of these rows, whose objects these are.
    pub fn remove(&self, wanted: &[Wanted], rows: &BTreeSet<u64>) -> Result<(), Fault> {
        let mut changed = Vec::new();
        self.walk(wanted, |node, below, held, _| {
            let left = entries::without(held, rows);
            if left.len() < held.len() {
                changed.push((node, below, left));
            }
        })?;
        changed.into_iter().try_for_each(|(node, below, left)| self.write(node, below, &left))
    }

    /// In which rows the objects may be: the rows and the places of the objects, sorted.
    pub fn find(&self, wanted: &[Wanted]) -> Result<Vec<(u64, usize)>, Fault> {
        let mut found = Vec::new();
        self.walk(wanted, |_, _, held, range| {
            let here = wanted.get(range.clone()).unwrap_or_default();
            entries::find(held, here, |row, place| found.push((row, range.start + place)));
        })?;
        found.sort_unstable();
        Ok(found)
    }

    /// Tells of each node that may have entries of these objects, the upper ones first: its number, the first below it, what it
    /// holds, and which of the objects may be there.
    fn walk(
        &self,
        wanted: &[Wanted],
        mut tell: impl FnMut(i64, Option<i64>, &[u8], Range<usize>),
    ) -> Result<(), Fault> {
        let mut select = self.connection.prepare_cached(
            "SELECT node, below, entries FROM receipt_node WHERE node BETWEEN ?1 AND ?2 ORDER BY node",
        )?;
        // Those below one node stand beside each other: they are read in turn, rather than found each.
        let mut together = vec![vec![(self.root, 0..wanted.len())]];
        for depth in 0..=entries::DEPTH {
            for nodes in std::mem::take(&mut together) {
                let (Some((first, _)), Some((last, _))) = (nodes.first(), nodes.last()) else { continue };
                let mut rows = select.query([first, last])?;
                for (node, range) in nodes {
                    let row = loop {
                        match rows.next()? {
                            Some(row) if row.get::<_, i64>(0)? == node => break row,
                            Some(_) => {}
                            None if depth == 0 => return Ok(()),
                            None => return gone(),
                        }
                    };
                    let below: Option<i64> = row.get(1)?;
                    let held = row.get_ref(2)?.as_blob().map_err(rusqlite::Error::from)?;
                    tell(node, below, held, range.clone());
                    let Some(below) = below else { continue };
                    // They were made after it.
                    if below <= node {
                        return no_tree();
                    }
                    let parts = entries::parts(wanted.get(range.clone()).unwrap_or_default(), depth);
                    let parts = (below..).zip(parts).filter(|(_, part)| !part.is_empty());
                    let place = |part: Range<usize>| range.start + part.start..range.start + part.end;
                    together.push(parts.map(|(node, part)| (node, place(part))).collect());
                }
            }
        }
        if together.is_empty() { Ok(()) } else { no_tree() }
    }

    /// Writes a node, or gives what it holds to those below it. Of these in turn, the fullest do so at once, one for each full
    /// page that is given down: so what is written for a receipt is bounded, and so is by how much a node is fuller than full.
    fn put(&self, Node { number, below, depth, entries }: Node) -> Result<(), Fault> {
        if entries.len() <= FULL || depth >= entries::DEPTH {
            return self.write(number, below, &entries);
        }
        let first = below.map_or_else(|| self.four(), Ok)?;
        self.write(number, Some(first), &[])?;
        let mut nodes = Vec::new();
        for (number, part) in (first..).zip(entries::quarters(&entries, depth)) {
            let Some((below, held)) = self.node(number)? else { return gone() };
            nodes.push(Node { number, below, depth: depth + 1, entries: entries::merged(&held, part) });
        }
        nodes.sort_by_key(|node| Reverse(node.entries.len()));
        let give = entries.len() / FULL;
        for (place, node) in nodes.into_iter().enumerate() {
            if place < give {
                self.put(node)?;
            } else {
                self.write(node.number, node.below, &node.entries)?;
            }
        }
        Ok(())
    }

    /// The first of the four below a node and what it holds, if it is there.
    fn node(&self, node: i64) -> Result<Option<Held>, Fault> {
        let mut select = self.connection.prepare_cached("SELECT below, entries FROM receipt_node WHERE node = ?1")?;
        let node =
            select.query_row([node], |row| Ok((row.get(0)?, entries::held(row.get_ref(1)?.as_blob()?).to_vec())));
        Ok(node.optional()?)
    }

    /// All nodes but the root of a small index have a page from the beginning: they are written in place.
    fn write(&self, node: i64, below: Option<i64>, entries: &[u8]) -> Result<(), Fault> {
        let length = if node < 0 && below.is_none() { 0 } else { FULL };
        let mut replace = self.connection.prepare_cached("INSERT OR REPLACE INTO receipt_node VALUES (?1, ?2, ?3)")?;
        replace.execute(params![node, below, entries::padded(entries, length)])?;
        Ok(())
    }

    /// Makes four nodes; the number of the first.
    fn four(&self) -> Result<i64, Fault> {
        let mut last = self.connection.prepare_cached("SELECT max(0, max(node)) FROM receipt_node")?;
        let last: Option<i64> = last.query_row([], |row| row.get(0))?;
        let first = last.unwrap_or_default().saturating_add(1);
        for node in first..first.saturating_add(4) {
            self.write(node, None, &[])?;
        }
        Ok(first)
    }
}

fn gone<T>() -> Result<T, Fault> {
    Fault::damaged("a part of the index of receipts is gone")
}

fn no_tree<T>() -> Result<T, Fault> {
    Fault::damaged("the index of receipts is no tree")
}
