//! Reads values, collecting problems instead of stopping at the first.

use super::{Problem, Value, What, nearest::nearest};
use crate::push::{ObjectId, Timestamp};
use std::{
    collections::BTreeMap,
    ops::{Range, RangeInclusive},
};
use toml::de::{DeTable, DeValue};

/// The members of each group, as written: ids, emails, or `@name` of another group.
pub type Groups = BTreeMap<String, Vec<String>>;

/// The longest duration that can be asked for, in seconds: a hundred years.
const LONGEST_DURATION: i64 = 36_525 * 86_400;

/// The largest size that can be asked for, in bytes: a million GiB.
const LARGEST_SIZE: u64 = 1_000_000 << 30;

/// A person named in the file, to be looked up by whoever knows the signers.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Mention {
    /// An id or email, as written.
    pub name: String,
    /// Where.
    pub place: Range<usize>,
}

/// Collects what is wrong while values are read.
#[derive(Debug)]
pub struct Reader<'a> {
    groups: &'a Groups,
    problems: Vec<Problem>,
    mentions: Vec<Mention>,
}

/// One table being read: the keys asked for are the keys allowed, and all others are problems once it was read. Made by
/// [`Reader::table`] alone.
#[derive(Debug)]
pub struct Fields<'r, 'a, 'v> {
    /// For problems that are about more than one value.
    pub reader: &'r mut Reader<'a>,
    table: &'v DeTable<'v>,
    place: Range<usize>,
    asked: Vec<&'static str>,
}

impl<'a> Reader<'a> {
    pub(super) fn new(groups: &'a Groups) -> Self {
        Self { groups, problems: Vec::new(), mentions: Vec::new() }
    }

    pub(super) fn into_problems(self) -> Vec<Problem> {
        self.problems
    }

    /// What `@name` may stand for.
    pub fn groups(&self) -> &'a Groups {
        self.groups
    }

    /// Reports a problem.
    pub fn problem(&mut self, place: Range<usize>, what: What) {
        self.problems.push(Problem { place, what });
    }

    /// Reports that a value is right, but not for this version. `key`: as one would write it.
    pub fn not_supported(&mut self, value: &Value<'_>, key: &str) {
        self.problem(value.span(), What::NotSupported { key: key.to_owned() });
    }

    /// Notes a person's name, so that one whom nobody knows can be told of.
    pub fn mention(&mut self, name: &str, place: Range<usize>) {
        self.mentions.push(Mention { name: name.to_owned(), place });
    }

    /// The names noted so far, which are then forgotten.
    pub fn take_mentions(&mut self) -> Vec<Mention> {
        std::mem::take(&mut self.mentions)
    }

    /// Reads a table; `read` asks for its keys.
    pub fn table<T>(
        &mut self,
        value: &Value<'_>,
        read: impl FnOnce(&mut Fields<'_, 'a, '_>) -> Option<T>,
    ) -> Option<T> {
        match value.get_ref().as_table() {
            Some(table) => self.fields(table, value.span(), read),
            None => self.wrong_type(value, "a table"),
        }
    }

    pub(super) fn fields<T>(
        &mut self,
        table: &DeTable<'_>,
        place: Range<usize>,
        read: impl FnOnce(&mut Fields<'_, 'a, '_>) -> Option<T>,
    ) -> Option<T> {
        let mut fields = Fields { reader: self, table, place, asked: Vec::new() };
        let result = read(&mut fields);
        let asked = fields.asked;
        for (key, _) in table.iter() {
            let name: &str = key.get_ref();
            if !asked.contains(&name) {
                let nearest = nearest(name, asked.iter().copied()).map(str::to_owned);
                self.problem(key.span(), What::UnknownKey { key: name.to_owned(), nearest });
            }
        }
        result
    }

    /// Reads every element, also after a bad one; `None` if any was bad.
    pub fn list<T>(
        &mut self,
        value: &Value<'_>,
        mut read: impl FnMut(&Value<'_>, &mut Self) -> Option<T>,
    ) -> Option<Vec<T>> {
        let Some(items) = value.get_ref().as_array() else { return self.wrong_type(value, "a list") };
        // First all, then whether all were good: `Option`'s own collecting would stop at the first bad one.
        let read: Vec<Option<T>> = items.iter().map(|item| read(item, self)).collect();
        read.into_iter().collect()
    }

    /// Reads any string.
    pub fn string<'v>(&mut self, value: &'v Value<'_>) -> Option<&'v str> {
        match value.get_ref().as_str() {
            Some(string) => Some(string),
            None => self.wrong_type(value, "a string"),
        }
    }

    /// Reads a string of one line that says something: not empty or blank, no control characters.
    pub fn text<'v>(&mut self, value: &'v Value<'_>) -> Option<&'v str> {
        let text = self.string(value)?;
        if text.trim().is_empty() {
            self.problem(value.span(), What::Other("this may not be empty".into()));
            return None;
        }
        if text.chars().any(char::is_control) {
            self.problem(value.span(), What::Other("this may not hold line breaks or control characters".into()));
            return None;
        }
        Some(text)
    }

    /// Reads `true` or `false`.
    pub fn boolean(&mut self, value: &Value<'_>) -> Option<bool> {
        match value.get_ref().as_bool() {
            Some(boolean) => Some(boolean),
            None => self.wrong_type(value, "`true` or `false`"),
        }
    }

    /// Reads a whole number within `range`.
    pub fn whole(&mut self, value: &Value<'_>, range: RangeInclusive<u64>) -> Option<u64> {
        let Some(integer) = value.get_ref().as_integer() else { return self.wrong_type(value, "a whole number") };
        let number = u64::from_str_radix(integer.as_str(), integer.radix()).ok();
        let number = number.filter(|number| range.contains(number));
        if number.is_none() {
            let wanted = format!("a whole number from {} to {}", range.start(), range.end());
            self.problem(value.span(), What::OutOfRange { found: integer.as_str().to_owned(), wanted });
        }
        number
    }

    /// Reads one of the strings that are allowed, and what it stands for.
    pub fn choice<T: Clone>(&mut self, value: &Value<'_>, allowed: &[(&'static str, T)]) -> Option<T> {
        let found = self.string(value)?;
        if let Some((_, meaning)) = allowed.iter().find(|(name, _)| *name == found) {
            return Some(meaning.clone());
        }
        let allowed: Vec<&'static str> = allowed.iter().map(|(name, _)| *name).collect();
        let nearest = nearest(found, allowed.iter().copied()).map(str::to_owned);
        self.problem(value.span(), What::NotOneOf { found: found.to_owned(), allowed, nearest });
        None
    }

    /// Reads a duration such as `"72h"` (`s`, `m`, `h`, `d`), in seconds; at most a hundred years.
    pub fn duration(&mut self, value: &Value<'_>) -> Option<i64> {
        const WANTED: &str = "a duration such as \"90s\", \"15m\", \"72h\" or \"30d\"";
        let Some(text) = value.get_ref().as_str() else { return self.wrong_type(value, WANTED) };
        let seconds = seconds(text);
        if seconds.is_none() {
            let wanted = format!("{WANTED}, at most 36525 days");
            self.problem(value.span(), What::OutOfRange { found: text.to_owned(), wanted });
        }
        seconds
    }

    /// Reads a size such as `"10 MiB"` (`B`, `KiB`, `MiB`, `GiB`), in bytes; at most a million GiB.
    pub fn size(&mut self, value: &Value<'_>) -> Option<u64> {
        const WANTED: &str = "a size such as \"500 B\", \"64 KiB\", \"10 MiB\" or \"2 GiB\"";
        let Some(text) = value.get_ref().as_str() else { return self.wrong_type(value, WANTED) };
        let bytes = bytes(text);
        if bytes.is_none() {
            let wanted = format!("{WANTED}, at most 1000000 GiB");
            self.problem(value.span(), What::OutOfRange { found: text.to_owned(), wanted });
        }
        bytes
    }

    /// Reads a date (`2027-01-31`, meaning 00:00 UTC of that day) or a time with its offset (`2027-01-31T18:00:00Z`);
    /// unquoted, as TOML has types for both. Fractions of a second are dropped.
    pub fn moment(&mut self, value: &Value<'_>) -> Option<Timestamp> {
        const WANTED: &str = "a date or a time with its offset, without quotes: 2027-01-31 or 2027-01-31T18:00:00Z";
        let DeValue::Datetime(written) = value.get_ref() else { return self.wrong_type(value, WANTED) };
        let written = written.to_string();
        let moment = moment(&written);
        if moment.is_none() {
            self.problem(value.span(), What::OutOfRange { found: written, wanted: WANTED.to_owned() });
        }
        moment
    }

    /// Reads a full object id of either format.
    pub fn object_id(&mut self, value: &Value<'_>) -> Option<ObjectId> {
        let text = self.string(value)?;
        let id = ObjectId::from_hex(text.as_bytes());
        if id.is_none() {
            let wanted = "a full object id: 40 or 64 lower-case hexadecimal digits, not all zero".to_owned();
            self.problem(value.span(), What::OutOfRange { found: text.to_owned(), wanted });
        }
        id
    }

    /// Reports a value of another type than `wanted` (with its article).
    pub fn wrong_type<T>(&mut self, value: &Value<'_>, wanted: &'static str) -> Option<T> {
        let found = match value.get_ref() {
            DeValue::String(_) => "a string",
            DeValue::Integer(_) => "a whole number",
            DeValue::Float(_) => "a number with a fraction",
            DeValue::Boolean(true) => "`true`",
            DeValue::Boolean(false) => "`false`",
            DeValue::Datetime(_) => "a date or time",
            DeValue::Array(_) => "a list",
            DeValue::Table(_) => "a table",
        };
        self.problem(value.span(), What::WrongType { wanted, found });
        None
    }
}

impl<'a> Fields<'_, 'a, '_> {
    /// Whether the key is there, whatever its value.
    pub fn has(&self, key: &str) -> bool {
        self.table.contains_key(key)
    }

    /// Where the table stands; of a `[[table]]`, its header.
    pub fn place(&self) -> Range<usize> {
        self.place.clone()
    }

    /// Reads a key that may be absent. `None` also where its value is bad: ask [`Fields::has`] before giving a default
    /// to what must not be weaker than what was written (no such default is used once a problem was reported).
    pub fn optional<T>(
        &mut self,
        key: &'static str,
        read: impl FnOnce(&Value<'_>, &mut Reader<'a>) -> Option<T>,
    ) -> Option<T> {
        self.asked.push(key);
        let value = self.table.get(key)?;
        read(value, self.reader)
    }

    /// Reads a key that must be there.
    pub fn required<T>(
        &mut self,
        key: &'static str,
        read: impl FnOnce(&Value<'_>, &mut Reader<'a>) -> Option<T>,
    ) -> Option<T> {
        if !self.has(key) {
            self.reader.problem(self.place.clone(), What::Missing { key });
        }
        self.optional(key, read)
    }
}

/// A duration such as `72h` (`s`, `m`, `h`, `d`), in seconds; none for what is no such thing, or over a hundred years.
pub fn seconds(text: &str) -> Option<i64> {
    let unit = text.chars().last()?;
    let number = text.strip_suffix(unit)?;
    let each = match unit {
        's' => 1,
        'm' => 60,
        'h' => 3600,
        'd' => 86_400,
        _ => return None,
    };
    if number.is_empty() || !number.bytes().all(|byte| byte.is_ascii_digit()) {
        return None;
    }
    number.parse::<i64>().ok()?.checked_mul(each).filter(|seconds| *seconds <= LONGEST_DURATION)
}

/// With or without a space before the unit.
fn bytes(text: &str) -> Option<u64> {
    let end = text.find(|character: char| !character.is_ascii_digit())?;
    let (number, unit) = text.split_at(end);
    let each = match unit.strip_prefix(' ').unwrap_or(unit) {
        "B" => 1,
        "KiB" => 1 << 10,
        "MiB" => 1 << 20,
        "GiB" => 1 << 30,
        _ => return None,
    };
    number.parse::<u64>().ok()?.checked_mul(each).filter(|bytes| *bytes <= LARGEST_SIZE)
}

/// The seconds of 400 years, after which days and weekdays come again as they were.
pub const CALENDAR_CYCLE: i64 = 146_097 * 86_400;

/// `written`: TOML's forms of RFC 3339. A date means its first second, a time without an offset means nothing.
fn moment(written: &str) -> Option<Timestamp> {
    // Jiff's moments end a day before the year 9999 does, and people write the end of that year for never.
    if let Some(rest) = written.strip_prefix("9999-") {
        return moment(&format!("9599-{rest}")).map(|earlier| Timestamp(earlier.0 + CALENDAR_CYCLE));
    }
    if let Ok(moment) = written.parse::<jiff::Timestamp>() {
        return Some(Timestamp(moment.as_second()));
    }
    // jiff would take the date of a time without an offset.
    let day = Some(written).filter(|written| written.len() == "2027-01-31".len())?;
    let day = day.parse::<jiff::civil::Date>().ok()?;
    let midnight = day.to_zoned_datetime(jiff::tz::TimeZone::UTC).ok()?;
    Some(Timestamp(midnight.timestamp().as_second()))
}

#[cfg(test)]
mod tests;
