//! What was received, and when: written once it is completed, and looked up.

use super::fault::Fault;
use crate::push::{ObjectId, Timestamp};
use rusqlite::{Connection, params};
use std::collections::HashMap;

/// Up to so many objects a row each is cheaper than 256 blocks.
const ROWS: usize = 256;

/// The record that brought something.
#[derive(Clone, Copy)]
pub(super) struct Source {
    pub repository: i64,
    pub number: u64,
    /// The moment that counts.
    pub time: i64,
}

/// That these objects, sorted, were received.
pub(super) fn add(connection: &Connection, source: Source, objects: &[ObjectId]) -> Result<(), Fault> {
    let Source { repository, number, time } = source;
    if objects.len() <= ROWS {
        let mut insert = connection.prepare_cached("INSERT INTO receipt VALUES (?1, ?2, ?3, ?4)")?;
        for object in objects {
            insert.execute(params![repository, object.as_bytes(), number, time])?;
        }
        return Ok(());
    }
    let mut insert = connection.prepare_cached("INSERT INTO receipt_block VALUES (?1, ?2, ?3, ?4, ?5)")?;
    for block in objects.chunk_by(|a, b| prefix(a) == prefix(b)) {
        let ids: Vec<u8> = block.iter().flat_map(|id| id.as_bytes()).copied().collect();
        insert.execute(params![repository, block.first().map(prefix), number, time, ids])?;
    }
    Ok(())
}

/// That these objects were not received after all, by this record.
pub(super) fn remove(connection: &Connection, source: Source, objects: &[ObjectId]) -> Result<(), Fault> {
    let Source { repository, number, .. } = source;
    let mut row =
        connection.prepare_cached("DELETE FROM receipt WHERE repository = ?1 AND object = ?2 AND number = ?3")?;
    let mut block =
        connection.prepare_cached("DELETE FROM receipt_block WHERE repository = ?1 AND prefix = ?2 AND number = ?3")?;
    for object in objects {
        if objects.len() <= ROWS {
            row.execute(params![repository, object.as_bytes(), number])?;
        } else {
            block.execute(params![repository, prefix(object), number])?;
        }
    }
    Ok(())
}

/// When each of these objects was received first, of those that were: at the moment of the record with the least number.
pub(super) fn read(
    connection: &Connection,
    repository: i64,
    objects: &[ObjectId],
) -> Result<HashMap<ObjectId, Timestamp>, Fault> {
    let first = first(connection, repository, objects)?.into_iter();
    Ok(first.map(|(object, (_, moment))| (object, moment)).collect())
}

/// The same with the numbers of the records.
pub(super) fn first(
    connection: &Connection,
    repository: i64,
    objects: &[ObjectId],
) -> Result<HashMap<ObjectId, (u64, Timestamp)>, Fault> {
    // In the order of the tables, so that neighbours are read together.
    let mut objects = objects.to_vec();
    objects.sort_unstable();
    objects.dedup();
    let mut first: Vec<Option<(u64, i64)>> = Vec::with_capacity(objects.len());
    let mut select = connection.prepare_cached(
        "SELECT number, time FROM receipt WHERE repository = ?1 AND object = ?2 ORDER BY number LIMIT 1",
    )?;
    for object in &objects {
        let mut rows = select.query(params![repository, object.as_bytes()])?;
        first.push(rows.next()?.map(|row| Ok::<_, Fault>((row.get(0)?, row.get(1)?))).transpose()?);
    }
    let mut select = connection.prepare_cached(
        "SELECT number, time, objects FROM receipt_block WHERE repository = ?1 AND prefix = ?2 ORDER BY number",
    )?;
    let mut places = first.iter_mut();
    for wanted in objects.chunk_by(|a, b| prefix(a) == prefix(b)) {
        let mut rows = select.query(params![repository, wanted.first().map(prefix)])?;
        let mut wanted: Vec<_> = wanted.iter().zip(places.by_ref()).collect();
        while let Some(row) = rows.next()? {
            let (number, time) = (row.get(0)?, row.get(1)?);
            let block = row.get_ref(2)?.as_blob().map_err(rusqlite::Error::from)?;
            for (object, place) in &mut wanted {
                if place.is_none_or(|(earlier, _)| number < earlier) && holds(block, object.as_bytes()) {
                    **place = Some((number, time));
                }
            }
        }
    }
    let found = objects.into_iter().zip(first);
    Ok(found.filter_map(|(object, found)| found.map(|(number, time)| (object, (number, Timestamp(time))))).collect())
}

fn prefix(object: &ObjectId) -> u8 {
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_id_of_a_block_is_found_and_no_other() {
        for count in 0..20_u8 {
            let block: Vec<u8> = (0..count).flat_map(|number| [number * 2 + 1; 20]).collect();
            for number in 0..count * 2 + 3 {
                assert_eq!(holds(&block, &[number; 20]), number % 2 == 1 && number < count * 2, "{number} of {count}");
            }
        }
    }
}
