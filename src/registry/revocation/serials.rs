//! Serial numbers of certificates. However many a range spans, it is one entry; a bitmap stays one.

/// A set of serial numbers. Zero is never among them: authorities give it to all that they do not number (OpenSSH's krl.c,
/// `is_cert_revoked`).
#[derive(Debug, Default)]
pub(super) struct Serials {
    /// In order; none overlaps or touches another.
    ranges: Vec<Range>,
    /// In order; none overlaps another.
    bitmaps: Vec<Bitmap>,
}

/// Serial numbers in the order in which they are read.
#[derive(Debug, Default)]
pub(super) struct Unsorted {
    ranges: Vec<Range>,
    bitmaps: Vec<Bitmap>,
}

/// Both ends are in it.
#[derive(Clone, Copy, Debug)]
struct Range {
    first: u64,
    last: u64,
}

/// Bit `n`, counted from the lowest of the first byte, stands for `first + n`.
#[derive(Debug)]
struct Bitmap {
    first: u64,
    /// That of the highest bit.
    last: u64,
    bits: Vec<u8>,
}

impl Unsorted {
    pub(super) fn add(&mut self, serial: u64) -> Result<(), String> {
        self.add_range(serial, serial)
    }

    pub(super) fn add_range(&mut self, first: u64, last: u64) -> Result<(), String> {
        if first == 0 {
            return Err(ZERO.into());
        }
        if last < first {
            return Err(format!("the serials {first} to {last} are none"));
        }
        // What ssh-keygen writes is in order: the numbers of a list become one range where they can.
        match self.ranges.last_mut() {
            Some(range) if range.last.checked_add(1) == Some(first) => range.last = last,
            Some(_) | None => self.ranges.push(Range { first, last }),
        }
        Ok(())
    }

    /// `bits`: a number, big-endian, without leading zeros.
    pub(super) fn add_bitmap(&mut self, first: u64, bits: &[u8]) -> Result<(), String> {
        let (Some(highest), Some(lowest)) = (bits.first(), bits.last()) else {
            return Ok(());
        };
        if first == 0 && lowest & 1 != 0 {
            return Err(ZERO.into());
        }
        let width = u64::try_from(bits.len()).ok().and_then(|bytes| bytes.checked_mul(8));
        let span = width.and_then(|width| width.checked_sub(1 + u64::from(highest.leading_zeros())));
        let last = span.and_then(|span| first.checked_add(span)).ok_or("a bitmap runs beyond the largest serial")?;
        self.bitmaps.push(Bitmap { first, last, bits: bits.iter().rev().copied().collect() });
        Ok(())
    }

    pub(super) fn sorted(mut self) -> Serials {
        let mut serials = Serials::default();
        self.ranges.sort_unstable_by_key(|range| range.first);
        for range in self.ranges {
            match serials.ranges.last_mut() {
                Some(before) if range.first <= before.last.saturating_add(1) => {
                    before.last = before.last.max(range.last)
                }
                Some(_) | None => serials.ranges.push(range),
            }
        }
        self.bitmaps.sort_unstable_by_key(|bitmap| bitmap.first);
        for bitmap in self.bitmaps {
            match serials.bitmaps.last_mut() {
                Some(before) if bitmap.first <= before.last => before.absorb(&bitmap),
                Some(_) | None => serials.bitmaps.push(bitmap),
            }
        }
        serials
    }
}

const ZERO: &str = "serial 0 cannot be revoked";

impl Serials {
    pub(super) fn contains(&self, serial: u64) -> bool {
        let range = self.ranges.get(self.ranges.partition_point(|range| range.last < serial));
        let bitmap = self.bitmaps.get(self.bitmaps.partition_point(|bitmap| bitmap.last < serial));
        range.is_some_and(|range| range.first <= serial) || bitmap.is_some_and(|bitmap| bitmap.contains(serial))
    }
}

impl Bitmap {
    fn contains(&self, serial: u64) -> bool {
        let Some(distance) = serial.checked_sub(self.first) else {
            return false;
        };
        let byte = usize::try_from(distance / 8).ok().and_then(|at| self.bits.get(at));
        byte.is_some_and(|byte| byte >> (distance % 8) & 1 != 0)
    }

    /// Takes in one that begins within this one, so both together are no longer than they were apart.
    fn absorb(&mut self, other: &Self) {
        let distance = other.first - self.first;
        let whole = usize::try_from(distance / 8).unwrap_or(usize::MAX);
        self.bits.resize(self.bits.len().max(whole.saturating_add(other.bits.len() + 1)), 0);
        let mut carried = 0;
        for (own, theirs) in self.bits.iter_mut().skip(whole).zip(other.bits.iter().chain(&[0])) {
            let [high, low] = (u16::from(*theirs) << (distance % 8)).to_be_bytes();
            *own |= low | carried;
            carried = high;
        }
        self.last = self.last.max(other.last);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::collections::BTreeSet;

    #[test]
    fn ranges_in_any_order_that_overlap_touch_or_lie_within_each_other() {
        let mut unsorted = Unsorted::default();
        for (first, last) in [(40, 50), (10, 20), (21, 25), (45, 60), (12, 13), (60, 60), (u64::MAX, u64::MAX), (1, 1)]
        {
            unsorted.add_range(first, last).unwrap();
        }
        let serials = unsorted.sorted();
        assert_eq!(serials.ranges.len(), 4);
        let held = (0..70).filter(|&serial| serials.contains(serial)).collect::<Vec<_>>();
        assert_eq!(held, [1].into_iter().chain(10..=25).chain(40..=60).collect::<Vec<_>>());
        assert!(serials.contains(u64::MAX) && !serials.contains(u64::MAX - 1));
    }

    #[test]
    fn all_serials_are_one_range() {
        let mut unsorted = Unsorted::default();
        unsorted.add_range(1, u64::MAX).unwrap();
        unsorted.add_range(5, 9).unwrap();
        unsorted.add(u64::MAX).unwrap();
        let serials = unsorted.sorted();
        assert_eq!(serials.ranges.len(), 1);
        assert!(!serials.contains(0) && serials.contains(1) && serials.contains(u64::MAX));
    }

    #[test]
    fn a_list_in_order_is_one_range_as_it_is_read() {
        let mut unsorted = Unsorted::default();
        (5..1000).for_each(|serial| unsorted.add(serial).unwrap());
        assert_eq!(unsorted.ranges.len(), 1);
        unsorted.add(u64::MAX).unwrap();
        // Nothing comes after the largest.
        unsorted.add(1).unwrap();
        assert_eq!(unsorted.ranges.len(), 3);
    }

    #[test]
    fn zero_is_no_serial_that_can_be_revoked_and_no_range_ends_before_it_begins() {
        let mut unsorted = Unsorted::default();
        let zero = "serial 0 cannot be revoked";
        assert_eq!(unsorted.add(0).unwrap_err(), zero);
        assert_eq!(unsorted.add_range(0, 9).unwrap_err(), zero);
        assert_eq!(unsorted.add_bitmap(0, &[0b11]).unwrap_err(), zero);
        assert_eq!(unsorted.add_range(9, 8).unwrap_err(), "the serials 9 to 8 are none");
        unsorted.add_bitmap(0, &[0b10]).unwrap();
        let serials = unsorted.sorted();
        assert!(!serials.contains(0) && serials.contains(1) && !serials.contains(2));
    }

    #[test]
    fn a_bitmap_ends_with_the_largest_serial() {
        let bitmap = |first, bits: &[u8]| {
            let mut unsorted = Unsorted::default();
            unsorted.add_bitmap(first, bits).map(|()| unsorted.sorted())
        };
        let serials = bitmap(u64::MAX - 8, &[1, 0b0000_0001]).unwrap();
        assert!(serials.contains(u64::MAX) && serials.contains(u64::MAX - 8) && !serials.contains(u64::MAX - 1));
        assert_eq!(bitmap(u64::MAX - 8, &[2, 0]).unwrap_err(), "a bitmap runs beyond the largest serial");
        assert!(bitmap(u64::MAX, &[1]).unwrap().contains(u64::MAX));
        assert!(!bitmap(u64::MAX, &[]).unwrap().contains(u64::MAX));
    }

    #[test]
    fn bitmaps_that_lie_apart_stay_apart_however_far() {
        let mut unsorted = Unsorted::default();
        unsorted.add_bitmap(u64::MAX - 7, &[0x81]).unwrap();
        unsorted.add_bitmap(1, &[0x81]).unwrap();
        unsorted.add_bitmap(9, &[1]).unwrap();
        let serials = unsorted.sorted();
        assert_eq!(serials.bitmaps.iter().map(|bitmap| bitmap.bits.len()).collect::<Vec<_>>(), [1, 1, 1]);
        let held = [1, 2, 8, 9, 10, u64::MAX - 7, u64::MAX - 1, u64::MAX].map(|serial| serials.contains(serial));
        assert_eq!(held, [true, false, true, true, false, true, false, true]);
    }

    /// Every way two or three bitmaps can lie to each other within a few bytes.
    #[test]
    fn bitmaps_that_overlap_hold_what_each_of_them_holds() {
        let places = [1, 2, 7, 8, 9, 16, 17, 24, 30, 40, 41];
        let patterns: [&[u8]; 5] = [&[1], &[0x80], &[0xff, 0x01], &[0x01, 0x00, 0x81], &[0xaa, 0x55, 0xaa]];
        for (round, one) in places.into_iter().enumerate() {
            for (turn, two) in places.into_iter().enumerate() {
                let mut unsorted = Unsorted::default();
                let mut expected = BTreeSet::new();
                for (first, pattern) in [(one, round), (two, turn), (20, round + turn)] {
                    let bits = patterns[pattern % patterns.len()];
                    unsorted.add_bitmap(first, bits).unwrap();
                    let set = |bit: u64| bits[bits.len() - 1 - usize::try_from(bit / 8).unwrap()] >> (bit % 8) & 1 != 0;
                    expected.extend(
                        (0..8 * u64::try_from(bits.len()).unwrap()).filter(|&bit| set(bit)).map(|bit| first + bit),
                    );
                }
                let serials = unsorted.sorted();
                let held: BTreeSet<_> = (0..100).filter(|&serial| serials.contains(serial)).collect();
                assert_eq!(held, expected, "{one} {two}");
                assert!(serials.bitmaps.is_sorted_by(|one, two| one.last < two.first));
            }
        }
    }
}
