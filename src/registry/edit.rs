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
mod tests {
    use super::*;

    const KEY: &str = "SHA256:AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA";
    const OTHER: &str = "openpgp:0A0A0A0A0A0A0A0A0A0A0A0A0A0A0A0A0A0A0A0A";
    const SINCE: Timestamp = Timestamp(1_777_593_600);

    const SOURCE: &str = "# people, by team\n\n  [[signer]] # hers\n  id = 'alice'   # as in the directory\n  emails = [\n    \
                          \"alice@x.org\",  # work\n  ]\n  name='Alice'\n# end of hers\n\n[[key]]\nfingerprint = \
                          'SHA256:AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA'\nsince = 2026-01-01 # then\nstate = \
                          \"retired\"\n\n[[signer]]\nid = \"bob\"\nkeys = []\ngroups = [\"a\", 'b']";

    fn file(source: &str) -> SignersFile {
        SignersFile::new(source.to_owned()).unwrap()
    }

    fn edited(source: &str, edit: impl Fn(&mut SignersFile) -> Result<(), NotEdited>) -> String {
        let mut file = file(source);
        edit(&mut file).unwrap();
        // So it is with the line ends of another system.
        let mut other = self::file(&source.replace('\n', "\r\n"));
        edit(&mut other).unwrap();
        assert_eq!(other.source, file.source.replace('\n', "\r\n"));
        file.source
    }

    fn carol() -> NewSigner {
        let emails = texts(&["carol@x.org", "c@x.org"]);
        let lists = vec![(List::Emails, emails), (List::Groups, Vec::new())];
        NewSigner { id: "carol".into(), name: None, lists, kind: Some("bot"), until: Some(SINCE) }
    }

    fn key(text: &str) -> Fingerprint {
        Fingerprint::parse(text).unwrap()
    }

    fn texts(texts: &[&str]) -> Vec<String> {
        texts.iter().map(|&text| text.to_owned()).collect()
    }

    #[test]
    fn a_new_entry_comes_last_and_all_else_stays() {
        let retired = edited(SOURCE, |file| file.state(&key(OTHER), KeyState::Compromised, SINCE, Some("a \"b\" \\")));
        let entry = format!(
            "\n\n[[key]]\nfingerprint = \"{OTHER}\"\nstate = \"compromised\"\nsince = 2026-05-01T00:00:00Z\nnote = \"a \\\"b\\\" \
             \\\\\"\n"
        );
        assert_eq!(retired, format!("{SOURCE}{entry}"));
        let added = edited(SOURCE, |file| file.add_signer(&carol()));
        let entry = "[[signer]]\nid = \"carol\"\nemails = [\"carol@x.org\", \"c@x.org\"]\nkind = \"bot\"\nuntil = \
                     2026-05-01T00:00:00Z\n";
        assert_eq!(added, format!("{SOURCE}\n\n{entry}"));
        let mut empty = file("");
        empty.add_signer(&carol()).unwrap();
        assert_eq!(empty.source, entry);
    }

    #[test]
    fn a_value_is_replaced_where_it_stands() {
        let compromised = edited(SOURCE, |file| file.state(&key(KEY), KeyState::Compromised, SINCE, None));
        let expected = SOURCE
            .replace("2026-01-01 # then", "2026-05-01T00:00:00Z # then")
            .replace("\"retired\"", "\"compromised\"");
        assert_eq!(compromised, expected);
        let named = edited(SOURCE, |file| file.name(0, "Alice Example"));
        assert_eq!(named, SOURCE.replace("name='Alice'", "name=\"Alice Example\""));
    }

    #[test]
    fn a_new_key_stands_after_the_last_of_its_entry() {
        let left = edited(SOURCE, |file| file.until(0, SINCE));
        assert_eq!(left, SOURCE.replace("name='Alice'\n", "name='Alice'\n  until = 2026-05-01T00:00:00Z\n"));
        let left = edited(SOURCE, |file| file.until(1, SINCE));
        assert_eq!(left, format!("{SOURCE}\nuntil = 2026-05-01T00:00:00Z"));
        let noted = edited(SOURCE, |file| file.state(&key(KEY), KeyState::Retired, SINCE, Some("n")));
        assert!(noted.contains("state = \"retired\"\nnote = \"n\"\n\n[[signer]]"), "{noted}");
    }

    #[test]
    fn lists_grow_in_their_own_layout() {
        let more = edited(SOURCE, |file| file.extend(0, List::Emails, &texts(&["a@y.org", "a@z.org"])));
        let expected =
            SOURCE.replace("\"alice@x.org\",  # work", "\"alice@x.org\",  # work\n    \"a@y.org\",\n    \"a@z.org\",");
        assert_eq!(more, expected);
        let last = SOURCE.replace("\"alice@x.org\",  # work", "\"alice@x.org\"  # work, mostly");
        let more = edited(&last, |file| file.extend(0, List::Emails, &texts(&["a@y.org", "a@z.org"])));
        let expected = "\"alice@x.org\",  # work, mostly\n    \"a@y.org\",\n    \"a@z.org\"\n  ]";
        assert!(more.contains(expected), "{more}");
        let parted = SOURCE.replace("\"alice@x.org\",  # work", "\"alice@x.org\"  # work\n  ,");
        let more = edited(&parted, |file| file.extend(0, List::Emails, &texts(&["a@y.org"])));
        assert!(more.contains("\"alice@x.org\",  # work\n    \"a@y.org\"\n  ,\n  ]"), "{more}");
        let more = edited(SOURCE, |file| file.extend(1, List::Keys, &texts(&[KEY])));
        assert_eq!(more, SOURCE.replace("keys = []", &format!("keys = [\"{KEY}\"]")));
        let more = edited(SOURCE, |file| file.extend(1, List::Groups, &texts(&["c"])));
        assert_eq!(more, SOURCE.replace("[\"a\", 'b']", "[\"a\", 'b', \"c\"]"));
        let more = edited(SOURCE, |file| file.extend(1, List::Accounts, &texts(&["bob", "b"])));
        assert_eq!(more, format!("{SOURCE}\naccounts = [\"bob\", \"b\"]"));
        assert_eq!(edited(SOURCE, |file| file.extend(1, List::Accounts, &[])), SOURCE);
    }

    #[test]
    fn what_cannot_be_edited_is_said_and_left_alone() {
        let inline = "signer = [{ id = 'alice' }]\n";
        let mut file = file(inline);
        let NotEdited::Because(why) = file.until(0, SINCE).unwrap_err() else { panic!() };
        assert!(why.starts_with("the entry stands in a list on one line, which is not edited here"), "{why}");
        let NotEdited::Because(why) = file.add_signer(&carol()).unwrap_err() else { panic!() };
        assert!(why.starts_with("`signers.toml` could not be read any more with this edit: "), "{why}");
        assert_eq!(file.source, inline);
        let NotEdited::Because(why) =
            self::file(SOURCE).add_signer(&NewSigner { id: "@all".into(), ..NewSigner::default() }).unwrap_err()
        else {
            panic!()
        };
        assert!(why.contains("`@all` is not a name"), "{why}");
        assert!(
            matches!(SignersFile::new("[[signer]]\nidd = 1\n".into()), Err(NotEdited::Broken(problems)) if problems.len() == 2)
        );
    }
}
