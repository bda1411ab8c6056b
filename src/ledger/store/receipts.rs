//! What was received, and when: written once it is completed, and looked up.
//!
//! Receipts stand in rows as they were written: those that one record gave together, and after those of the record before it. So
//! does what is looked up together, mostly. An index says in which rows an object may be, by the head of its id; the row says
//! whether it is.

mod entries;
mod index;

use super::fault::Fault;
use crate::push::{ObjectFormat, ObjectId, Timestamp};
use entries::Wanted;
use index::Index;
use rusqlite::{Connection, params};
use std::{
    cmp::Ordering,
    collections::{BTreeSet, HashMap},
};

/// How many objects are in a row at most: those of SHA-1 fit into its page.
const TOGETHER: usize = 200;

/// Rows with no more than so many between them are read in turn, rather than found each.
const NEAR: u64 = 4;

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

/// A receipt, as it was found.
struct Found {
    /// Of the object, among those looked for.
    place: usize,
    row: u64,
    number: u64,
    time: i64,
}

/// That these objects, sorted, were received.
pub(super) fn add(connection: &Connection, source: Source, objects: &[ObjectId]) -> Result<(), Fault> {
    let mut insert = connection.prepare_cached("INSERT INTO receipt (number, time, objects) VALUES (?1, ?2, ?3)")?;
    for (format, objects) in by_format(objects) {
        let mut entries = Vec::new();
        for objects in objects.chunks(TOGETHER) {
            let ids: Vec<u8> = objects.iter().flat_map(ObjectId::as_bytes).copied().collect();
            insert.execute(params![source.number, source.time, ids])?;
            let row = u64::try_from(connection.last_insert_rowid()).unwrap_or(u64::MAX);
            for object in objects {
                match entries::entry(object.as_bytes(), row) {
                    // Of two objects whose ids begin alike, one is enough.
                    Some(entry) if entries.last() == Some(&entry) => {}
                    Some(entry) => entries.push(entry),
                    None => return Fault::damaged("there are more receipts than can be"),
                }
            }
        }
        Index::of(connection, source.repository, format).add(&entries.concat())?;
    }
    Ok(())
}

/// That these objects, sorted, were not received after all, by this record.
pub(super) fn remove(connection: &Connection, source: Source, objects: &[ObjectId]) -> Result<(), Fault> {
    let found = find(connection, source.repository, objects)?;
    let rows: BTreeSet<u64> =
        found.iter().filter(|found| found.number == source.number).map(|found| found.row).collect();
    for (format, objects) in by_format(objects) {
        Index::of(connection, source.repository, format).remove(&heads(objects), &rows)?;
    }
    let mut delete = connection.prepare_cached("DELETE FROM receipt WHERE row = ?1")?;
    for row in rows {
        delete.execute([row])?;
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

/// The same with the numbers of the records; sorted.
pub(super) fn first(connection: &Connection, repository: i64, objects: &[ObjectId]) -> Result<Vec<Receipt>, Fault> {
    let mut objects = objects.to_vec();
    objects.sort_unstable();
    objects.dedup();
    let mut first: Vec<Option<(u64, i64)>> = vec![None; objects.len()];
    for Found { place, number, time, .. } in find(connection, repository, &objects)? {
        if let Some(place) = first.get_mut(place).filter(|place| place.is_none_or(|(least, _)| number < least)) {
            *place = Some((number, time));
        }
    }
    let receipt = |object, (number, time)| Receipt { object, number, moment: Timestamp(time) };
    let found = objects.into_iter().zip(first);
    Ok(found.filter_map(|(object, first)| first.map(|first| receipt(object, first))).collect())
}

/// The completed decisions and adoptions that brought an object, the earliest first.
pub(super) fn bringing(connection: &Connection, repository: i64, object: ObjectId) -> Result<Vec<u64>, Fault> {
    let found = find(connection, repository, &[object])?;
    let mut numbers: Vec<_> = found.into_iter().map(|found| found.number).collect();
    numbers.sort_unstable();
    Ok(numbers)
}

/// Those of each format: a repository may be made anew with another.
fn by_format(objects: &[ObjectId]) -> impl Iterator<Item = (ObjectFormat, &[ObjectId])> {
    let formats = objects.chunk_by(|a, b| a.format() == b.format());
    formats.filter_map(|objects| Some((objects.first()?.format(), objects)))
}

fn heads(objects: &[ObjectId]) -> Vec<Wanted> {
    objects.iter().map(|object| entries::head(object.as_bytes())).collect()
}

/// All receipts of these objects, sorted.
fn find(connection: &Connection, repository: i64, objects: &[ObjectId]) -> Result<Vec<Found>, Fault> {
    // As one transaction: else each look-up takes and gives back the lock of a reader.
    let transaction = connection.is_autocommit().then(|| connection.unchecked_transaction()).transpose()?;
    let mut select = connection
        .prepare_cached("SELECT row, number, time, objects FROM receipt WHERE row BETWEEN ?1 AND ?2 ORDER BY row")?;
    let (mut found, mut passed) = (Vec::new(), 0);
    for (format, objects) in by_format(objects) {
        let rows = Index::of(connection, repository, format).find(&heads(objects))?;
        for near in rows.chunk_by(|(one, _), (next, _)| next - one <= NEAR) {
            let (Some((first, _)), Some((last, _))) = (near.first(), near.last()) else { continue };
            let mut rows = select.query([first, last])?;
            for here in near.chunk_by(|(one, _), (next, _)| one == next) {
                let wanted = here.first().map(|(row, _)| *row);
                let row = loop {
                    let Some(row) = rows.next()? else { return Fault::damaged("a receipt is gone") };
                    if wanted == Some(row.get(0)?) {
                        break row;
                    }
                };
                let (number, time) = (row.get(1)?, row.get(2)?);
                let ids = row.get_ref(3)?.as_blob().map_err(rusqlite::Error::from)?;
                let there =
                    here.iter().filter(|(_, place)| objects.get(*place).is_some_and(|object| is_in(ids, object)));
                found.extend(there.map(|&(row, place)| Found { place: passed + place, row, number, time }));
            }
        }
        passed += objects.len();
    }
    drop(transaction);
    Ok(found)
}

/// Whether an object is one of those with these ids, sorted, with nothing between them.
fn is_in(ids: &[u8], object: &ObjectId) -> bool {
    let id = object.as_bytes();
    let (mut low, mut high) = (0, ids.len() / id.len());
    while low < high {
        let middle = low + (high - low) / 2;
        match ids.get(middle * id.len()..(middle + 1) * id.len()).map(|here| here.cmp(id)) {
            Some(Ordering::Less) => low = middle + 1,
            Some(Ordering::Equal) => return true,
            Some(Ordering::Greater) | None => high = middle,
        }
    }
    false
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::ledger::{Digest, store::database};
    use std::collections::BTreeMap;

    type NamedBy = fn(u64) -> ObjectId;

    fn database() -> Connection {
        let connection = Connection::open_in_memory().unwrap();
        connection.execute_batch(database::DERIVED).unwrap();
        connection
    }

    fn id(number: u64) -> ObjectId {
        ObjectId::from_bytes(&Digest::of(&number.to_be_bytes()).0[..20]).unwrap()
    }

    /// Of the same head, whatever the number.
    fn alike(number: u64) -> ObjectId {
        let mut id = [7; 20];
        id[12..].copy_from_slice(&number.to_be_bytes());
        ObjectId::from_bytes(&id).unwrap()
    }

    fn long(number: u64) -> ObjectId {
        ObjectId::from_bytes(&Digest::of(&number.to_be_bytes()).0).unwrap()
    }

    fn source(repository: i64, number: u64) -> Source {
        Source { repository, number, time: i64::try_from(number).unwrap() - 500 }
    }

    fn sorted_ids(numbers: impl Iterator<Item = u64>, id: fn(u64) -> ObjectId) -> Vec<ObjectId> {
        let mut objects: Vec<_> = numbers.map(id).collect();
        objects.sort_unstable();
        objects.dedup();
        objects
    }

    /// No entry is of a row that is not there, no node is much fuller than full, and how many nodes there are.
    fn check_index(connection: &Connection) -> usize {
        let mut rows = BTreeSet::new();
        let mut select = connection.prepare("SELECT row FROM receipt").unwrap();
        let kept: BTreeSet<u64> = select.query_map([], |row| row.get(0)).unwrap().map(Result::unwrap).collect();
        let mut select = connection.prepare("SELECT entries FROM receipt_node").unwrap();
        let nodes: Vec<Vec<u8>> = select.query_map([], |row| row.get(0)).unwrap().map(Result::unwrap).collect();
        for node in &nodes {
            assert!(node.len() <= 4 * 4032, "{}", node.len());
            for entry in entries::held(node).chunks_exact(9) {
                let row = u64::from_be_bytes([&[0; 3], &entry[4..]].concat().try_into().unwrap());
                rows.insert(row);
            }
        }
        assert_eq!(rows, kept);
        nodes.len()
    }

    /// Against a model, with pushes small and big in no order, objects brought more than once, and records that failed after all.
    #[test]
    fn the_oldest_receipt_of_each_object_is_found_whatever_was_written_and_removed() {
        let mut seed = 0x9e37_79b9_7f4a_7c15_u64;
        let mut random = |below: u64| {
            seed ^= seed << 13;
            seed ^= seed >> 7;
            seed ^= seed << 17;
            seed % below
        };
        let connection = database();
        let mut model: BTreeMap<(i64, ObjectId), BTreeMap<u64, i64>> = BTreeMap::new();
        let mut records: Vec<(Source, Vec<ObjectId>)> = Vec::new();
        let kinds: [(i64, NamedBy, u64); 4] = [(1, id, 9_000), (1, alike, 60), (1, long, 900), (2, id, 900)];
        for step in 0..160 {
            let (repository, id, many) = kinds[usize::try_from(random(4)).unwrap()];
            let count = [1, 3, 30, 900][usize::try_from(random(4)).unwrap()];
            // Outcomes come in another order than decisions.
            let source = source(repository, 1_000 + (step * 7) % 160);
            let objects = sorted_ids((0..count).map(|_| random(many)), id);
            add(&connection, source, &objects).unwrap();
            for object in &objects {
                model.entry((repository, *object)).or_default().insert(source.number, source.time);
            }
            records.push((source, objects));
            if random(5) == 0 {
                let (source, objects) =
                    records.swap_remove(usize::try_from(random(u64::try_from(records.len()).unwrap())).unwrap());
                remove(&connection, source, &objects).unwrap();
                for object in &objects {
                    model.get_mut(&(source.repository, *object)).unwrap().remove(&source.number);
                }
            }
            if step % 32 == 31 {
                check_index(&connection);
                for (repository, id, many) in kinds {
                    let objects: Vec<_> = (0..many + 50).map(id).collect();
                    let known = |object: &ObjectId| model.get(&(repository, *object));
                    let expected: HashMap<_, _> = objects
                        .iter()
                        .filter_map(|object| Some((*object, Timestamp(*known(object)?.first_key_value()?.1))))
                        .collect();
                    assert!(read(&connection, repository, &objects).unwrap() == expected, "{repository} after {step}");
                    for object in objects.iter().step_by(97) {
                        let numbers: Vec<u64> = known(object).into_iter().flat_map(|by| by.keys()).copied().collect();
                        assert_eq!(bringing(&connection, repository, *object).unwrap(), numbers);
                    }
                }
                assert_eq!(read(&connection, 3, &[self::id(1)]).unwrap(), HashMap::new());
            }
        }
        for (source, objects) in records {
            remove(&connection, source, &objects).unwrap();
        }
        check_index(&connection);
        assert_eq!(connection.query_row("SELECT count(*) FROM receipt", [], |row| row.get::<_, u64>(0)).unwrap(), 0);
    }

    #[test]
    fn what_a_push_writes_does_not_grow_with_what_is_there() {
        let connection = database();
        let changes = |objects: &[ObjectId], number| {
            let before = connection.total_changes();
            add(&connection, source(1, number), objects).unwrap();
            connection.total_changes() - before
        };
        let mut most = 0;
        for number in 0..10_000 {
            let objects = match number % 1_000 {
                999 => sorted_ids((0..5_000).map(|place| number << 32 | place), id),
                _ => vec![id(number)],
            };
            let changes = changes(&objects, number);
            if objects.len() == 1 {
                most = most.max(changes);
            } else {
                assert!(changes < 1_000, "{changes} for 5,000");
            }
        }
        let nodes = check_index(&connection);
        assert!(nodes > 150, "{nodes}");
        // A row, and at each of five levels a node, those below it and four new ones.
        assert!((10..=40).contains(&most), "{most} for one");
    }

    #[test]
    fn an_index_that_lacks_a_part_or_goes_in_circles_is_damaged() {
        let fails = |sql: &str, why: &str| {
            let connection = database();
            let objects = sorted_ids(0..2_000, id);
            add(&connection, source(1, 5), &objects).unwrap();
            connection.execute_batch(sql).unwrap();
            match read(&connection, 1, &objects) {
                Err(Fault::Damaged(what)) => assert_eq!(what, why),
                other => panic!("{sql}: {other:?}"),
            }
        };
        fails("DELETE FROM receipt WHERE row = 3", "a receipt is gone");
        fails("DELETE FROM receipt_node WHERE node = 3", "a part of the index of receipts is gone");
        fails("UPDATE receipt_node SET below = 1 WHERE node = 3", "the index of receipts is no tree");
    }
}
