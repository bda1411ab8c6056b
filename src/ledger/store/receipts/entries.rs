//! What a node of the index holds, as bytes: entries, sorted, with nothing between them. An entry is the head of an object's id,
//! four bytes, and the number of the row in which its receipt is, five bytes with the highest first. Pure.
//!
//! Rows are numbered from 1. Entries of row 0 come first and stand for none: they are room.

use std::{cmp::Ordering, collections::BTreeSet, ops::Range};

const HEAD: usize = 4;
const ENTRY: usize = 9;

/// Of bits, in a byte.
const PAIRS: usize = 4;

/// In how many pairs of bits entries can differ.
pub(super) const DEPTH: usize = ENTRY * PAIRS;

/// What is looked for: the head of an object's id.
pub(super) type Wanted = u32;

pub(super) fn head(id: &[u8]) -> Wanted {
    id.first_chunk().map_or(0, |head| u32::from_be_bytes(*head))
}

/// `None` for a number that no table reaches.
pub(super) fn entry(id: &[u8], row: u64) -> Option<[u8; ENTRY]> {
    let [0, 0, 0, a, b, c, d, e] = row.to_be_bytes() else { return None };
    let [w, x, y, z] = head(id).to_be_bytes();
    Some([w, x, y, z, a, b, c, d, e])
}

fn read(entry: &[u8]) -> Option<(Wanted, u64)> {
    let &[w, x, y, z, a, b, c, d, e] = entry else { return None };
    Some((u32::from_be_bytes([w, x, y, z]), u64::from_be_bytes([0, 0, 0, a, b, c, d, e])))
}

/// The same, as so many bytes at least.
pub(super) fn padded(entries: &[u8], length: usize) -> Vec<u8> {
    let mut padded = vec![0; length.saturating_sub(entries.len())];
    padded.extend_from_slice(entries);
    padded
}

/// Without the room.
pub(super) fn held(node: &[u8]) -> &[u8] {
    let first = leap(node.len() / ENTRY, 0, |place| at(node, place).is_some_and(|entry| entry == [0; ENTRY]));
    node.get(first * ENTRY..).unwrap_or_default()
}

/// All entries of two, each once.
pub(super) fn merged(one: &[u8], other: &[u8]) -> Vec<u8> {
    let mut merged = Vec::with_capacity(one.len() + other.len());
    let (mut these, mut those) = (one.chunks_exact(ENTRY), other.chunks_exact(ENTRY));
    let (mut this, mut that) = (these.next(), those.next());
    loop {
        let order = match (this, that) {
            (Some(this), Some(that)) => this.cmp(that),
            (Some(_), None) => Ordering::Less,
            (None, Some(_)) => Ordering::Greater,
            (None, None) => return merged,
        };
        merged.extend_from_slice(if order.is_le() { this } else { that }.unwrap_or_default());
        if order.is_le() {
            this = these.next();
        }
        if order.is_ge() {
            that = those.next();
        }
    }
}

/// Those that are of none of these rows.
pub(super) fn without(entries: &[u8], rows: &BTreeSet<u64>) -> Vec<u8> {
    let stays = |entry: &&[u8]| read(entry).is_none_or(|(_, row)| !rows.contains(&row));
    entries.chunks_exact(ENTRY).filter(stays).flatten().copied().collect()
}

/// The four parts of entries that begin with the same `depth` pairs of bits, by the next two.
pub(super) fn quarters(entries: &[u8], depth: usize) -> [&[u8]; 4] {
    let count = entries.len() / ENTRY;
    let end = |quarter| ENTRY * leap(count, 0, |place| at(entries, place).is_some_and(|e| pair(e, depth) <= quarter));
    let (one, two, three) = (end(0), end(1), end(2));
    [0..one, one..two, two..three, three..entries.len()].map(|range| entries.get(range).unwrap_or_default())
}

/// The four parts of what is looked for, sorted, that begins with the same `depth` pairs of bits, by the next two. Where those
/// are of the row, each part is all.
pub(super) fn parts(wanted: &[Wanted], depth: usize) -> [Range<usize>; 4] {
    let all = wanted.len();
    if depth >= HEAD * PAIRS {
        return [(); 4].map(|()| 0..all);
    }
    let end = |quarter| wanted.partition_point(|head| pair(&head.to_be_bytes(), depth) <= quarter);
    let (one, two, three) = (end(0), end(1), end(2));
    [0..one, one..two, two..three, three..all]
}

/// Tells in which rows those looked for, sorted, may be: the row and the place.
pub(super) fn find(entries: &[u8], wanted: &[Wanted], mut found: impl FnMut(u64, usize)) {
    let count = entries.len() / ENTRY;
    let head_at = |place| at(entries, place).map(head);
    let (mut next, mut place) = (0, 0);
    // By turns, one leaps to where the other stands: so it costs little if either are few.
    while let Some(&looked_for) = wanted.get(place) {
        next = leap(count, next, |place| head_at(place).is_some_and(|head| head < looked_for));
        let Some(here) = head_at(next) else { return };
        if here == looked_for {
            let same = (next..count).map_while(|place| at(entries, place).and_then(read));
            for (_, row) in same.take_while(|(head, _)| *head == looked_for).filter(|(_, row)| *row > 0) {
                found(row, place);
            }
            place += 1;
        } else {
            place = leap(wanted.len(), place, |place| wanted.get(place).is_some_and(|head| *head < here));
        }
    }
}

fn at(entries: &[u8], place: usize) -> Option<&[u8]> {
    let start = place.checked_mul(ENTRY)?;
    entries.get(start..start.checked_add(ENTRY)?)
}

fn pair(bytes: &[u8], depth: usize) -> u8 {
    let byte = bytes.get(depth / PAIRS).copied().unwrap_or_default();
    (byte >> (6 - 2 * (depth % PAIRS))) & 3
}

/// The first place from `low` on that is not before what is looked for. What is near is found in few steps.
fn leap(count: usize, mut low: usize, is_before: impl Fn(usize) -> bool) -> usize {
    let mut step = 1;
    while low + step <= count && is_before(low + step - 1) {
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

    fn bytes(entries: &[(u32, u64)]) -> Vec<u8> {
        let mut entries: Vec<_> = entries.iter().map(|(head, row)| entry(&head.to_be_bytes(), *row).unwrap()).collect();
        entries.sort_unstable();
        entries.concat()
    }

    /// Heads that differ in their first bits or, as somebody may make them, in their last ones alone, or not at all.
    #[test]
    fn each_head_is_found_with_all_its_rows_however_many_are_looked_for() {
        for (shift, times) in [(24, 1), (8, 1), (0, 1), (0, 3), (24, 2)] {
            for (count, step) in [(0, 1), (1, 1), (30, 1), (30, 2), (200, 3)] {
                let held: Vec<_> = (0..count).flat_map(|n| (1..=times).map(move |row| (n << shift, row + 7))).collect();
                for every in [1, 2, 7, 250] {
                    let wanted: Vec<u32> =
                        (0..=250).step_by(every).filter(|n| n % step != 1).map(|n| n << shift).collect();
                    let expected: Vec<_> = wanted
                        .iter()
                        .enumerate()
                        .flat_map(|(place, head)| {
                            held.iter().filter(|held| held.0 == *head).map(move |held| (held.1, place))
                        })
                        .collect();
                    for room in [0, 9 * 300] {
                        let mut found = Vec::new();
                        find(&padded(&bytes(&held), room), &wanted, |row, place| found.push((row, place)));
                        assert_eq!(found, expected, "{count} by {shift} bits, every {every}");
                    }
                }
            }
        }
    }

    #[test]
    fn parts_are_by_the_next_two_bits_and_leave_nothing_out() {
        let heads = [0, 1, 0x3fff_ffff, 0x4000_0000, 0x4000_0001, 0xc000_0000, 0xffff_ffff];
        let entries = bytes(&heads.map(|head| (head, u64::from(head) + 1)));
        assert_eq!(quarters(&entries, 0).map(|part| part.len() / ENTRY), [3, 2, 0, 2]);
        assert_eq!(quarters(&entries, 0).concat(), entries);
        assert_eq!(parts(&heads, 0), [0..3, 3..5, 5..5, 5..7]);
        // Where the head ends, the row is looked at, and who looks for a head looks in all.
        let same = bytes(&[(5, 1), (5, 2), (5, 0xff_ffff_ffff)]);
        assert_eq!(quarters(&same, 16).map(|part| part.len() / ENTRY), [2, 0, 0, 1]);
        assert_eq!(quarters(&same, DEPTH - 1).map(|part| part.len() / ENTRY), [0, 1, 1, 1]);
        assert_eq!(parts(&[5], 16), [0..1, 0..1, 0..1, 0..1]);
    }

    #[test]
    fn two_are_merged_and_some_taken_away() {
        let (one, other) = (bytes(&[(1, 1), (3, 1), (3, 2)]), bytes(&[(0, 9), (3, 1), (4, 4)]));
        assert_eq!(merged(&one, &other), bytes(&[(0, 9), (1, 1), (3, 1), (3, 2), (4, 4)]));
        assert_eq!(merged(&other, &one), merged(&one, &other));
        assert_eq!((merged(&one, &[]), merged(&[], &one)), (one.clone(), one.clone()));
        assert_eq!(without(&one, &BTreeSet::from([1, 9])), bytes(&[(3, 2)]));
        assert_eq!(held(&padded(&one, 100 * ENTRY)), one);
        assert_eq!((padded(&one, 1), held(&[])), (one, &[][..]));
        assert_eq!(entry(&[1, 2, 3, 4, 5], 1 << 40), None);
    }
}
