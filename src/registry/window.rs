//! When a key may be used: windows of time, and which moment is held against them.
use super::{VerifyTime, When};
use crate::{document::CALENDAR_CYCLE, push::Timestamp};
use jiff::{SignedDuration, civil, tz::TimeZone};

/// From when until when. Both ends are seconds that still count.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) struct Window {
    pub(super) first: Timestamp,
    pub(super) last: Timestamp,
}

/// Where a moment lies.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Phase {
    NotYet,
    Within,
    /// After the last second.
    Ended(Timestamp),
}

impl Window {
    /// For ever.
    pub(super) const OPEN: Self = Self { first: Timestamp(i64::MIN), last: Timestamp(i64::MAX) };

    /// Whether a key may be used at the judged moment, grace included.
    pub(super) fn phase(&self, moment: &Moment) -> Phase {
        if moment.at < self.first {
            return Phase::NotYet;
        }
        if moment.at <= self.last {
            return Phase::Within;
        }
        let stated_within = moment.stated.is_some_and(|stated| stated >= self.first && stated <= self.last);
        let in_grace = moment.received.0 <= self.last.0.saturating_add(moment.grace.max(0));
        if stated_within && in_grace { Phase::Within } else { Phase::Ended(self.last) }
    }

    /// When it ends, if ever.
    pub(super) fn end(&self) -> Option<Timestamp> {
        (self.last != Self::OPEN.last).then_some(self.last)
    }
}

/// The moment a key must be valid at, and what grace needs.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) struct Moment {
    pub(super) at: Timestamp,
    pub(super) received: Timestamp,
    pub(super) stated: Option<Timestamp>,
    pub(super) grace: i64,
}

/// Seconds by which the clock of whoever signed may be ahead of ours.
const CLOCK_DIFFERENCE: i64 = 300;

impl Moment {
    /// `None`: what counts is dated ahead of the clock. The committer's date counts only where the policy says so; by
    /// default it is whatever the pusher wrote.
    pub(super) fn of_ssh(when: &When) -> Option<Self> {
        // A receipt is ahead of the clock if that was set back since.
        let stated = when.stated.filter(|_| when.verify_time == VerifyTime::Signature);
        (!stated.is_some_and(|stated| is_ahead(stated, when.now))).then_some(Self {
            at: stated.unwrap_or(when.receipt()),
            received: when.receipt(),
            stated: when.stated,
            grace: when.grace,
        })
    }

    /// `made`: when the signature itself says it was made.
    pub(super) fn of_openpgp(made: Timestamp, when: &When) -> Option<Self> {
        let at = match when.verify_time {
            VerifyTime::Receipt => when.receipt(),
            VerifyTime::Signature => made,
        };
        (!is_ahead(made, when.now)).then_some(Self {
            at,
            received: when.receipt(),
            stated: Some(made),
            grace: when.grace,
        })
    }

    /// Now, without grace: for lists of what is there.
    pub(super) fn plain(at: Timestamp) -> Self {
        Self { at, received: at, stated: None, grace: 0 }
    }
}

pub(super) fn is_ahead(stated: Timestamp, now: Timestamp) -> bool {
    stated.0 > now.0.saturating_add(CLOCK_DIFFERENCE)
}

/// `2027-03-01T18:00:00Z`
pub(super) fn written(at: Timestamp) -> String {
    let in_calendar = |seconds| jiff::Timestamp::from_second(seconds).ok().map(|moment| moment.to_string());
    let at_its_end = || {
        let earlier = in_calendar(at.0.checked_sub(CALENDAR_CYCLE)?)?;
        earlier.strip_prefix("9599").map(|rest| format!("9999{rest}"))
    };
    in_calendar(at.0).or_else(at_its_end).unwrap_or_else(|| format!("second {}", at.0))
}

/// Reads `YYYYMMDD[HHMM[SS]][Z]` (OpenSSH's misc.c, `parse_absolute_time`): local time unless `Z` or `UTC` follows. As
/// there, days and seconds beyond their month or minute run on, and nothing up to 1970-01-01T00:00:00Z is a time.
pub(super) fn absolute_time(text: &str, local: &TimeZone) -> Option<Timestamp> {
    let lower = text.to_ascii_lowercase();
    let (digits, zone) = match lower.strip_suffix('z').or_else(|| lower.strip_suffix("utc")) {
        Some(digits) => (digits, &TimeZone::UTC),
        None => (lower.as_str(), local),
    };
    let whole = matches!(digits.len(), 8 | 12 | 14) && digits.bytes().all(|byte| byte.is_ascii_digit());
    if !whole {
        return None;
    }
    let field = |from: usize, to: usize| digits.get(from..to).map_or(Some(0), |field| field.parse::<i16>().ok());
    let small = |from: usize| field(from, from + 2).and_then(|field| i8::try_from(field).ok());
    let (year, month, day) = (field(0, 4)?, small(4)?, small(6)?);
    let (hour, minute, second) = (small(8)?, small(10)?, small(12)?);
    if !(1..=31).contains(&day) || !(0..=61).contains(&second) {
        return None;
    }
    // Jiff's moments end a day before the year 9999 does, and people write the end of that year for never.
    let (year, later) = if year == 9999 { (year - 400, CALENDAR_CYCLE) } else { (year, 0) };
    let start = civil::Date::new(year, month, 1).ok()?.to_datetime(civil::Time::new(hour, minute, 0, 0).ok()?);
    let beyond = i64::from(day - 1) * 86_400 + i64::from(second);
    let time = start.checked_add(SignedDuration::from_secs(beyond)).ok()?;
    let moment = zone.to_timestamp(time).ok()?;
    let moment = match standard_offset(zone, moment) {
        Some(offset) => offset.to_timestamp(time).ok()?,
        None => moment,
    };
    (moment.as_second() > 0).then_some(Timestamp(moment.as_second() + later))
}

/// The winter's offset, if it is summer time then: that is how OpenSSH takes a local time (misc.c calls mktime(3) with
/// `tm_isdst` 0).
fn standard_offset(zone: &TimeZone, moment: jiff::Timestamp) -> Option<jiff::tz::Offset> {
    if !zone.to_offset_info(moment).dst().is_dst() {
        return None;
    }
    zone.preceding(moment).find(|transition| !transition.dst().is_dst()).map(|transition| transition.offset())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn utc(text: &str) -> Option<i64> {
        absolute_time(text, &TimeZone::UTC).map(|time| time.0)
    }

    #[test]
    fn times_as_openssh_reads_them() {
        for (text, seconds) in [
            ("20260101", 1_767_225_600),
            ("20260101Z", 1_767_225_600),
            ("20260101z", 1_767_225_600),
            ("20260101utc", 1_767_225_600),
            ("202601010203", 1_767_232_980),
            ("20260101020304Z", 1_767_232_984),
            // Runs on: 2026-02-30 is 2026-03-02.
            ("20260230", 1_772_409_600),
            ("20260101000060", 1_767_225_660),
            // What people write for never.
            ("99991231", 253_402_214_400),
            ("99991231235959Z", 253_402_300_799),
            ("999912312359", 253_402_300_740),
            ("99991230", 253_402_128_000),
            ("99991231235960", 253_402_300_800),
        ] {
            assert_eq!(utc(text), Some(seconds), "{text}");
        }
        for text in [
            "",
            "Z",
            "2026",
            "2026010",
            "2026-01-01",
            "20261301",
            "20260132",
            "202601012460",
            "202601012400",
            "20260101000062",
            "19700101",
            "19691231",
            "2026010102",
            "+2026101",
            "20260101ZZ",
            "２０２６0101",
        ] {
            assert_eq!(utc(text), None, "{text}");
        }
    }

    #[test]
    fn local_time_unless_told_otherwise() {
        let east = TimeZone::fixed(jiff::tz::Offset::constant(2));
        assert_eq!(absolute_time("20260101", &east), Some(Timestamp(1_767_225_600 - 7200)));
        assert_eq!(absolute_time("20260101Z", &east), Some(Timestamp(1_767_225_600)));
        let west = TimeZone::fixed(jiff::tz::Offset::constant(-5));
        assert_eq!(absolute_time("99991231", &west), Some(Timestamp(253_402_214_400 + 5 * 3600)));
    }

    #[test]
    fn moments_are_written_to_the_end_of_the_calendar() {
        for (seconds, text) in [
            (1_803_924_000, "2027-03-01T18:00:00Z"),
            (253_402_214_400, "9999-12-31T00:00:00Z"),
            (253_402_300_799, "9999-12-31T23:59:59Z"),
            (253_402_300_800, "second 253402300800"),
            (i64::MAX, "second 9223372036854775807"),
            (i64::MIN, "second -9223372036854775808"),
        ] {
            assert_eq!(written(Timestamp(seconds)), text);
        }
    }

    fn moment(at: i64, stated: Option<i64>, grace: i64) -> Moment {
        Moment { at: Timestamp(at), received: Timestamp(at), stated: stated.map(Timestamp), grace }
    }

    #[test]
    fn both_ends_of_a_window_count() {
        let window = Window { first: Timestamp(10), last: Timestamp(20) };
        assert_eq!(window.phase(&moment(9, None, 0)), Phase::NotYet);
        assert_eq!(window.phase(&moment(10, None, 0)), Phase::Within);
        assert_eq!(window.phase(&moment(20, None, 0)), Phase::Within);
        assert_eq!(window.phase(&moment(21, None, 0)), Phase::Ended(Timestamp(20)));
    }

    #[test]
    fn grace_needs_a_stated_time_within_and_ends() {
        let window = Window { first: Timestamp(10), last: Timestamp(20) };
        assert_eq!(window.phase(&moment(25, Some(15), 5)), Phase::Within);
        assert_eq!(window.phase(&moment(26, Some(15), 5)), Phase::Ended(Timestamp(20)));
        assert_eq!(window.phase(&moment(25, Some(21), 5)), Phase::Ended(Timestamp(20)));
        assert_eq!(window.phase(&moment(25, Some(9), 5)), Phase::Ended(Timestamp(20)));
        assert_eq!(window.phase(&moment(25, None, 5)), Phase::Ended(Timestamp(20)));
        assert_eq!(window.phase(&moment(9, Some(15), 5)), Phase::NotYet);
    }

    #[test]
    fn a_committers_date_counts_only_where_the_policy_says_so() {
        let when = |verify_time, stated| {
            let now = Timestamp(1000);
            When { now, received: None, verify_time, grace: 0, stated: Some(Timestamp(stated)) }
        };
        assert_eq!(Moment::of_ssh(&when(VerifyTime::Receipt, 9999)).unwrap().at, Timestamp(1000));
        assert_eq!(Moment::of_ssh(&when(VerifyTime::Signature, 1300)).unwrap().at, Timestamp(1300));
        assert_eq!(Moment::of_ssh(&when(VerifyTime::Signature, 1301)), None);
        assert_eq!(Moment::of_openpgp(Timestamp(1301), &when(VerifyTime::Receipt, 0)), None);
        assert_eq!(Moment::of_openpgp(Timestamp(1300), &when(VerifyTime::Receipt, 0)).unwrap().at, Timestamp(1000));
    }
}
