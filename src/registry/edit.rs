//! Edits of `signers.toml`, from source to source. Pure. Only what an edit is about is written anew: comments, order,
//! formatting and line ends of all else stay as they are, byte for byte.

use super::{key_states::KeyState, people::People, signers::read_text, window::written};
use crate::{
    document::{Document, Fields, Groups, Problem, Reader, Value},
    push::Timestamp,
    signature::Fingerprint,
};
use std::ops::Range;

/// A `signers.toml` under edit. It can be read at any time: an edit after which it could not be is not made.
#[derive(Debug)]
pub(super) struct SignersFile {
    source: String,
    people: People,
}

/// Why an edit is not made.
#[derive(Debug)]
pub(super) enum NotEdited {
    /// The file as it is has mistakes.
    Broken(Vec<Problem>),
    /// What stands in the way, as a sentence without its full stop.
    Because(String),
}

/// The lists of a `[[signer]]` that grow.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum List {
    Emails,
    Accounts,
    Groups,
    Keys,
}

/// A `[[signer]]` to be.
#[derive(Debug, Default)]
pub(super) struct NewSigner {
    pub(super) id: String,
    pub(super) name: Option<String>,
    pub(super) lists: Vec<(List, Vec<String>)>,
    /// As it is written.
    pub(super) kind: Option<&'static str>,
    pub(super) until: Option<Timestamp>,
}

impl List {
    fn key(self) -> &'static str {
        match self {
            Self::Emails => "emails",
            Self::Accounts => "accounts",
            Self::Groups => "groups",
            Self::Keys => "keys",
        }
    }
}

impl SignersFile {
    pub(super) fn new(source: String) -> Result<Self, NotEdited> {
        let people = read_text(&source).map_err(NotEdited::Broken)?;
        Ok(Self { source, people })
    }

    pub(super) fn source(&self) -> &str {
        &self.source
    }

    pub(super) fn people(&self) -> &People {
        &self.people
    }

    /// The place of the `[[signer]]` with this id among all.
    pub(super) fn signer(&self, id: &str) -> Option<usize> {
        self.people.entries.iter().position(|entry| entry.signer.id.0 == id)
    }

    /// Adds a `[[signer]]` at the end.
    pub(super) fn add_signer(&mut self, new: &NewSigner) -> Result<(), NotEdited> {
        let mut lines = vec![("id", string(&new.id))];
        lines.extend(new.name.as_ref().map(|name| ("name", string(name))));
        for (list, texts) in &new.lists {
            let texts: Vec<_> = texts.iter().map(|text| string(text)).collect();
            lines.extend((!texts.is_empty()).then(|| (list.key(), format!("[{}]", texts.join(", ")))));
        }
        lines.extend(new.kind.map(|kind| ("kind", string(kind))));
        lines.extend(new.until.map(|until| ("until", written(until))));
        self.add("signer", &lines)
    }

    pub(super) fn name(&mut self, signer: usize, name: &str) -> Result<(), NotEdited> {
        self.set("signer", signer, "name", &string(name))
    }

    /// `kind`: as it is written.
    pub(super) fn kind(&mut self, signer: usize, kind: &str) -> Result<(), NotEdited> {
        self.set("signer", signer, "kind", &string(kind))
    }

    pub(super) fn until(&mut self, signer: usize, until: Timestamp) -> Result<(), NotEdited> {
        self.set("signer", signer, "until", &written(until))
    }

    /// Adds to the end of a list, which is made if it is not there.
    pub(super) fn extend(&mut self, signer: usize, list: List, texts: &[String]) -> Result<(), NotEdited> {
        let texts: Vec<_> = texts.iter().map(|text| string(text)).collect();
        if texts.is_empty() {
            return Ok(());
        }
        let table = self.table("signer", signer)?;
        let Some(value) = table.values.iter().find(|value| value.key == list.key()) else {
            return self.set("signer", signer, list.key(), &format!("[{}]", texts.join(", ")));
        };
        let Some(last) = value.elements.last() else {
            // After the bracket.
            let place = value.place.start + 1;
            return self.splice(place..place, &texts.join(", "));
        };
        let (end, gap) = (last.end, self.gap_before(last.start));
        let rest = self.source.get(end..value.place.end).unwrap_or_default();
        let line = rest.split('\n').next().unwrap_or_default().trim_end_matches('\r');
        let is_remark = |text: &str| gap != " " && text.trim_start().starts_with('#');
        // A remark on the last element stays beside it.
        match line.trim_start().strip_prefix(',') {
            Some(more) if is_remark(more) => {
                let text: String = texts.iter().map(|text| format!("{gap}{text},")).collect();
                let place = end + line.len();
                self.splice(place..place, &text)
            }
            None if is_remark(line) => {
                let text = texts.iter().map(|text| format!("{gap}{text}")).collect::<Vec<_>>().join(",");
                let text = format!(",{line}{text}");
                self.splice(end..end + line.len(), &text)
            }
            Some(_) | None => {
                let text: String = texts.iter().map(|text| format!(",{gap}{text}")).collect();
                self.splice(end..end, &text)
            }
        }
    }

    /// Gives the signer a list of keys with none in it.
    pub(super) fn empty_keys(&mut self, signer: usize) -> Result<(), NotEdited> {
        self.set("signer", signer, List::Keys.key(), "[]")
    }

    /// Says of a key that it is retired or compromised; what is said of it already is replaced.
    pub(super) fn state(
        &mut self,
        key: &Fingerprint,
        state: KeyState,
        since: Timestamp,
        note: Option<&str>,
    ) -> Result<(), NotEdited> {
        let Some(place) = self.people.states.keys.iter().position(|stated| stated.fingerprint == *key) else {
            let mut lines = vec![
                ("fingerprint", string(&key.to_string())),
                ("state", string(state.name())),
                ("since", written(since)),
            ];
            lines.extend(note.map(|note| ("note", string(note))));
            return self.add("key", &lines);
        };
        self.set("key", place, "state", &string(state.name()))?;
        self.set("key", place, "since", &written(since))?;
        note.map_or(Ok(()), |note| self.set("key", place, "note", &string(note)))
    }

    /// Replaces the value of a key, or adds the key after the last one of its table.
    fn set(&mut self, list: &str, number: usize, key: &str, value: &str) -> Result<(), NotEdited> {
        let table = self.table(list, number)?;
        if let Some(found) = table.values.iter().find(|found| found.key == key) {
            return self.splice(found.place.clone(), value);
        }
        let last = table.values.iter().map(|value| &value.place).max_by_key(|place| place.end);
        let last = last.unwrap_or(&table.header).clone();
        let indent = self.indent(last.start).to_owned();
        let rest = self.source.get(last.end..).unwrap_or_default();
        let (end, before, after) = match rest.find('\n') {
            Some(end) => (last.end + end + 1, "", self.line_end()),
            None => (self.source.len(), self.line_end(), ""),
        };
        self.splice(end..end, &format!("{before}{indent}{key} = {value}{after}"))
    }

    /// Adds a table at the end of the file.
    fn add(&mut self, list: &str, lines: &[(&str, String)]) -> Result<(), NotEdited> {
        let end = self.line_end();
        let mut text = String::new();
        if !self.source.is_empty() && !self.source.ends_with('\n') {
            text.push_str(end);
        }
        if !self.source.trim_start_matches('\u{feff}').is_empty() {
            text.push_str(end);
        }
        text.push_str(&format!("[[{list}]]{end}"));
        for (key, value) in lines {
            text.push_str(&format!("{key} = {value}{end}"));
        }
        let place = self.source.len();
        self.splice(place..place, &text)
    }

    /// Makes the edit, if the file can be read with it.
    fn splice(&mut self, place: Range<usize>, text: &str) -> Result<(), NotEdited> {
        let (Some(before), Some(after)) = (self.source.get(..place.start), self.source.get(place.end..)) else {
            return Err(NotEdited::Because("the place of the entry was not found".into()));
        };
        let source = format!("{before}{text}{after}");
        let people = read_text(&source).map_err(|problems| {
            let first = problems.first().map(|problem| problem.what.to_string()).unwrap_or_default();
            NotEdited::Because(format!("`signers.toml` could not be read any more with this edit: {first}"))
        })?;
        *self = Self { source, people };
        Ok(())
    }

    /// The entry of that number in a list of tables; the reader has found no mistake in it.
    fn table(&self, list: &str, number: usize) -> Result<Table, NotEdited> {
        let mut tables = Vec::new();
        let read = Document::parse_at_most(&self.source, usize::MAX).read(&Groups::new(), |fields| {
            for name in ["signer", "key"] {
                let found = fields.optional(name, |value, reader| {
                    reader.list(value, |value, reader| reader.table(value, |fields| Some(Table::read(fields))))
                });
                if name == list {
                    tables = found.unwrap_or_default();
                }
            }
            Some(())
        });
        let table = match read {
            Ok(()) if number < tables.len() => tables.swap_remove(number),
            Ok(()) => return Err(NotEdited::Because("the place of the entry was not found".into())),
            Err(problems) => return Err(NotEdited::Broken(problems)),
        };
        match self.source.get(table.header.clone()).is_some_and(|header| header.starts_with("[[")) {
            true => Ok(table),
            false => Err(NotEdited::Because(format!(
                "the entry stands in a list on one line, which is not edited here: write each entry under a line \
                 `[[{list}]]`"
            ))),
        }
    }

    fn line_end(&self) -> &'static str {
        let first = self.source.find('\n').and_then(|end| self.source.get(..end));
        if first.is_some_and(|line| line.ends_with('\r')) { "\r\n" } else { "\n" }
    }

    /// The spaces that the line begins with on which this place is.
    fn indent(&self, place: usize) -> &str {
        let before = self.source.get(..place).unwrap_or_default();
        let line = before.rsplit('\n').next().unwrap_or_default();
        line.get(..line.len() - line.trim_start_matches([' ', '\t']).len()).unwrap_or_default()
    }

    /// What parts elements of a list: a line end, if this one begins a line.
    fn gap_before(&self, element: usize) -> String {
        let indent = self.indent(element);
        let before = self.source.get(..element).unwrap_or_default();
        let begins_line = before.rsplit('\n').next() == Some(indent);
        if begins_line { format!("{}{indent}", self.line_end()) } else { " ".to_owned() }
    }
}

/// Where the parts of a table stand.
#[derive(Debug)]
struct Table {
    header: Range<usize>,
    values: Vec<Placed>,
}

#[derive(Debug)]
struct Placed {
    key: &'static str,
    place: Range<usize>,
    /// Of a list.
    elements: Vec<Range<usize>>,
}

impl Table {
    fn read(fields: &mut Fields<'_, '_, '_>) -> Self {
        const LISTS: [&str; 4] = ["emails", "accounts", "groups", "keys"];
        const OTHERS: [&str; 8] = ["id", "name", "kind", "until", "fingerprint", "state", "since", "note"];
        let elements = |value: &Value<'_>, reader: &mut Reader<'_>| reader.list(value, |value, _| Some(value.span()));
        let mut values = Vec::new();
        for key in LISTS {
            values.extend(fields.optional(key, |value, reader| {
                let elements = elements(value, reader)?;
                Some(Placed { key, place: value.span(), elements })
            }));
        }
        for key in OTHERS {
            values.extend(
                fields.optional(key, |value, _| Some(Placed { key, place: value.span(), elements: Vec::new() })),
            );
        }
        Self { header: fields.place(), values }
    }
}

/// A basic string (TOML 1.0, String).
fn string(text: &str) -> String {
    let mut written = String::from("\"");
    for character in text.chars() {
        match character {
            '"' | '\\' => written.extend(['\\', character]),
            control if control.is_control() => written.push_str(&format!("\\u{:04X}", u32::from(control))),
            other => written.push(other),
        }
    }
    written.push('"');
    written
}

#[cfg(test)]
mod tests;
