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

/// That an object was received.
pub(super) struct Receipt {
    pub object: ObjectId,
    /// The record that brought it.
    pub number: u64,
    /// The moment that counts.
    pub moment: Timestamp,
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
    let first = first(connection, repository, objects)?;
    Ok(first.into_iter().map(|receipt| (receipt.object, receipt.moment)).collect())
}

/// The same with the numbers of the records; sorted by object.
pub(super) fn first(connection: &Connection, repository: i64, objects: &[ObjectId]) -> Result<Vec<Receipt>, Fault> {
    // In the order of the tables, so that neighbours are read together.
    let mut objects = objects.to_vec();
    objects.sort_unstable();
    objects.dedup();
    // As one transaction: else each look-up takes and gives back the lock of a reader.
    let transaction = connection.is_autocommit().then(|| connection.unchecked_transaction()).transpose()?;
    let mut first = in_rows(connection, repository, &objects)?;
    let mut select = connection.prepare_cached(
        "SELECT number, time, objects FROM receipt_block WHERE repository = ?1 AND prefix = ?2 ORDER BY number",
    )?;
    let mut places = first.as_mut_slice();
    for wanted in objects.chunk_by(|a, b| prefix(a) == prefix(b)) {
        let (here, rest) = places.split_at_mut_checked(wanted.len()).unwrap_or_default();
        places = rest;
        let mut rows = select.query(params![repository, wanted.first().map(prefix)])?;
        while let Some(row) = rows.next()? {
            let (number, time) = (row.get(0)?, row.get(1)?);
            let block = row.get_ref(2)?.as_blob().map_err(rusqlite::Error::from)?;
            in_block(block, wanted, |place| {
                if let Some(place) = here.get_mut(place).filter(|place| place.is_none_or(|(least, _)| number < least)) {
                    *place = Some((number, time));
                }
            });
        }
    }
    drop(transaction);
    let receipt = |object, (number, time)| Receipt { object, number, moment: Timestamp(time) };
    let found = objects.into_iter().zip(first);
    Ok(found.filter_map(|(object, found)| found.map(|found| receipt(object, found))).collect())
}

/// Of each of these objects, sorted, the first record that brought it and has a row for it, and its moment.
fn in_rows(connection: &Connection, repository: i64, objects: &[ObjectId]) -> Result<Vec<Option<(u64, i64)>>, Fault> {
    // One statement to which they are a table is no faster: finding the rows is what takes the time.
    let mut select = connection.prepare_cached(
        "SELECT number, time FROM receipt WHERE repository = ?1 AND object = ?2 ORDER BY number LIMIT 1",
    )?;
    let mut first = Vec::with_capacity(objects.len());
    for object in objects {
        let mut rows = select.query(params![repository, object.as_bytes()])?;
        first.push(rows.next()?.map(|row| Ok::<_, Fault>((row.get(0)?, row.get(1)?))).transpose()?);
    }
    Ok(first)
}

/// Tells the places of those objects, sorted, that are in a block of sorted ids.
fn in_block(block: &[u8], wanted: &[ObjectId], mut found: impl FnMut(usize)) {
    let Some(length) = wanted.first().map(|object| object.as_bytes().len()) else { return };
    if block.len() / length > wanted.len().saturating_mul(FEW) {
        let mut at = 0;
        for (place, object) in wanted.iter().enumerate() {
            at = seek(block, at, object.as_bytes());
            if id_at(block, at, length) == Some(object.as_bytes()) {
                found(place);
            }
        }
        return;
    }
    let mut ids = block.chunks_exact(length);
    let mut next = ids.next();
    for (place, object) in wanted.iter().enumerate() {
        let object = object.as_bytes();
        while next.is_some_and(|id| is_before(id, object)) {
            next = ids.next();
        }
        match next {
            None => return,
            Some(id) if id == object => found(place),
            Some(_) => {}
        }
    }
}

/// In a block with more ids for each object that is looked for than so many, it is faster to leap than to go through it.
const FEW: usize = 16;

/// Whether one id comes before another. Almost always the first eight bytes tell.
fn is_before(one: &[u8], other: &[u8]) -> bool {
    match (
        one.first_chunk().map(|head| u64::from_be_bytes(*head)),
        other.first_chunk().map(|head| u64::from_be_bytes(*head)),
    ) {
        (Some(head), Some(others)) if head != others => head < others,
        _ => one < other,
    }
}

/// The completed decisions and adoptions that brought an object, the earliest first.
pub(super) fn bringing(connection: &Connection, repository: i64, object: ObjectId) -> Result<Vec<u64>, Fault> {
    let mut numbers = Vec::new();
    let mut select = connection.prepare_cached("SELECT number FROM receipt WHERE repository = ?1 AND object = ?2")?;
    for number in select.query_map(params![repository, object.as_bytes()], |row| row.get(0))? {
        numbers.push(number?);
    }
    let mut select =
        connection.prepare_cached("SELECT number, objects FROM receipt_block WHERE repository = ?1 AND prefix = ?2")?;
    let mut rows = select.query(params![repository, prefix(&object)])?;
    while let Some(row) = rows.next()? {
        let (block, id) = (row.get_ref(1)?.as_blob().map_err(rusqlite::Error::from)?, object.as_bytes());
        if id_at(block, seek(block, 0, id), id.len()) == Some(id) {
            numbers.push(row.get(0)?);
        }
    }
    numbers.sort_unstable();
    Ok(numbers)
}

fn prefix(object: &ObjectId) -> u8 {
    object.as_bytes().first().copied().unwrap_or_default()
}

fn id_at(block: &[u8], place: usize, length: usize) -> Option<&[u8]> {
    let start = place.checked_mul(length)?;
    block.get(start..start.checked_add(length)?)
}

/// The place, from `low` on, of the first id in a block of sorted ids that does not come before this one. What is near is
/// found in few steps, since many are looked for in turn.
fn seek(block: &[u8], mut low: usize, id: &[u8]) -> usize {
    let count = block.len() / id.len();
    let is_before = |place| id_at(block, place, id.len()).is_some_and(|here| here < id);
    let mut step = 1;
    while is_before(low + step - 1) {
        low += step;
        step *= 2;
    }
    let mut high = count.min(low + step - 1);
    while low < high {
        let middle = low + (high - low) / 2;
        if is_before(middle) { low = middle + 1 } else { high = middle }
    }
    low
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_id_of_a_block_is_found_from_wherever_one_looks() {
        for count in 0..20_u8 {
            let block: Vec<u8> = (0..count).flat_map(|number| [number * 2 + 1; 20]).collect();
            for number in 0..count * 2 + 3 {
                let first = usize::from(count.min(number / 2));
                for from in 0..=first {
                    assert_eq!(seek(&block, from, &[number; 20]), first, "{number} of {count} from {from}");
                }
                let found = id_at(&block, first, 20) == Some(&[number; 20]);
                assert_eq!(found, number % 2 == 1 && number < count * 2, "{number} of {count}");
            }
        }
    }

    /// Ids that differ in their first bytes or, as somebody may make them, in their last ones alone.
    #[test]
    fn those_of_a_block_are_told_apart_however_many_are_looked_for() {
        let id = |number: u8, at: usize| {
            let mut id = [7; 20];
            id[at] = number;
            id
        };
        for at in [1, 7, 8, 19] {
            for (count, step) in [(0, 1), (1, 1), (30, 1), (30, 2), (200, 3)] {
                let block: Vec<u8> = (0..count).flat_map(|number| id(number, at)).collect();
                for every in [1, 2, 7, 250] {
                    let wanted: Vec<u8> = (0..=250).step_by(every).filter(|number| number % step != 1).collect();
                    let objects: Vec<_> =
                        wanted.iter().map(|number| ObjectId::from_bytes(&id(*number, at)).unwrap()).collect();
                    let mut found = Vec::new();
                    in_block(&block, &objects, |place| found.push(wanted[place]));
                    let expected: Vec<u8> = wanted.iter().copied().filter(|number| *number < count).collect();
                    assert_eq!(found, expected, "{count} by byte {at}, every {every}");
                }
            }
        }
    }
}
