//! What was received, and when: written with each record, and looked up.

use super::fault::Fault;
use crate::push::{ObjectId, Timestamp};
use rusqlite::{Connection, OptionalExtension, params};
use std::collections::{BTreeMap, HashMap, btree_map::Entry as Place};

/// Up to so many objects a row each is cheaper than 256 blocks.
const ROWS: usize = 256;

/// That record `number` brought these objects, sorted.
pub(super) fn write(connection: &Connection, repository: i64, number: u64, objects: &[ObjectId]) -> Result<(), Fault> {
    if objects.len() <= ROWS {
        let mut insert = connection.prepare_cached("INSERT INTO receipt VALUES (?1, ?2, ?3)")?;
        for object in objects {
            insert.execute(params![repository, object.as_bytes(), number])?;
        }
        return Ok(());
    }
    let mut insert = connection.prepare_cached("INSERT INTO receipt_block VALUES (?1, ?2, ?3, ?4)")?;
    for block in objects.chunk_by(|a, b| prefix(*a) == prefix(*b)) {
        let ids: Vec<u8> = block.iter().flat_map(|id| id.as_bytes()).copied().collect();
        insert.execute(params![repository, block.first().copied().map(prefix), number, ids])?;
    }
    Ok(())
}

/// When each of these objects was received first, of those that were.
pub(super) fn read(
    connection: &Connection,
    repository: i64,
    objects: &[ObjectId],
) -> Result<HashMap<ObjectId, Timestamp>, Fault> {
    // In the order of the tables, so that neighbours are read together.
    let mut objects = objects.to_vec();
    objects.sort_unstable();
    objects.dedup();
    let mut counting = Counting { connection, known: BTreeMap::new() };
    let mut first: Vec<Option<(u64, Timestamp)>> = Vec::with_capacity(objects.len());
    let mut select = connection
        .prepare_cached("SELECT number FROM receipt WHERE repository = ?1 AND object = ?2 ORDER BY number")?;
    for object in &objects {
        let mut rows = select.query(params![repository, object.as_bytes()])?;
        let mut found = None;
        while let Some(row) = rows.next()? {
            let number = row.get(0)?;
            found = counting.time(number)?.map(|time| (number, time));
            if found.is_some() {
                break;
            }
        }
        first.push(found);
    }
    let mut select = connection.prepare_cached(
        "SELECT number, objects FROM receipt_block WHERE repository = ?1 AND prefix = ?2 ORDER BY number",
    )?;
    let mut places = first.iter_mut();
    for wanted in objects.chunk_by(|a, b| prefix(*a) == prefix(*b)) {
        let mut wanted: Vec<_> = wanted.iter().zip(places.by_ref()).collect();
        let mut rows = select.query(params![repository, wanted.first().map(|(object, _)| prefix(**object))])?;
        while let Some(row) = rows.next()? {
            let number: u64 = row.get(0)?;
            let block = row.get_ref(1)?.as_blob().map_err(rusqlite::Error::from)?;
            for (object, place) in &mut wanted {
                let earlier = place.is_none_or(|(earlier, _)| number < earlier);
                if earlier
                    && holds(block, object.as_bytes())
                    && let Some(time) = counting.time(number)?
                {
                    **place = Some((number, time));
                }
            }
        }
    }
    Ok(objects.into_iter().zip(first).filter_map(|(object, found)| Some((object, found?.1))).collect())
}

/// Which records give receipts.
struct Counting<'a> {
    connection: &'a Connection,
    known: BTreeMap<u64, Option<Timestamp>>,
}

impl Counting<'_> {
    /// The moment of a completed decision or an adoption; `None` of all else.
    fn time(&mut self, number: u64) -> Result<Option<Timestamp>, Fault> {
        match self.known.entry(number) {
            Place::Occupied(known) => Ok(*known.get()),
            Place::Vacant(place) => {
                let mut select = self.connection.prepare_cached(
                    "SELECT time FROM entry LEFT JOIN decision USING (number)
                     WHERE number = ?1 AND (kind = 'adopted' OR state = 'completed')",
                )?;
                let time = select.query_row([number], |row| row.get(0)).optional()?.map(Timestamp);
                Ok(*place.insert(time))
            }
        }
    }
}

/// The records that brought an object, the earliest first, whatever became of them.
pub(super) fn bringing(connection: &Connection, repository: i64, object: ObjectId) -> Result<Vec<u64>, Fault> {
    let mut numbers = Vec::new();
    let mut select = connection.prepare_cached("SELECT number FROM receipt WHERE repository = ?1 AND object = ?2")?;
    for number in select.query_map(params![repository, object.as_bytes()], |row| row.get(0))? {
        numbers.push(number?);
    }
    let mut select =
        connection.prepare_cached("SELECT number, objects FROM receipt_block WHERE repository = ?1 AND prefix = ?2")?;
    let mut rows = select.query(params![repository, prefix(object)])?;
    while let Some(row) = rows.next()? {
        if holds(row.get_ref(1)?.as_blob().map_err(rusqlite::Error::from)?, object.as_bytes()) {
            numbers.push(row.get(0)?);
        }
    }
    numbers.sort_unstable();
    Ok(numbers)
}

fn prefix(object: ObjectId) -> u8 {
    object.as_bytes().first().copied().unwrap_or_default()
}

/// Whether a block of sorted ids of one length has this one.
fn holds(block: &[u8], id: &[u8]) -> bool {
    let (mut from, mut to) = (0, block.len() / id.len());
    while from < to {
        let middle = from + (to - from) / 2;
        let start = middle * id.len();
        match block.get(start..start + id.len()).map(|here| here.cmp(id)) {
            Some(std::cmp::Ordering::Less) => from = middle + 1,
            Some(std::cmp::Ordering::Greater) => to = middle,
            Some(std::cmp::Ordering::Equal) => return true,
            None => return false,
        }
    }
    false
}
