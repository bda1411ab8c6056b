//! `[[key]]` in `signers.toml`: keys that are out of use, or in other hands.

use super::{
    signers::{LineStarts, fingerprint},
    window::written,
};
use crate::{
    document::{Fields, Reader, Value, What},
    push::Timestamp,
    signature::Fingerprint,
};
use std::{collections::HashMap, ops::Range};

/// One `[[key]]`.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(super) struct StatedKey {
    /// Of an SSH key or authority, an OpenPGP certificate (its primary key's) or one subkey.
    pub(super) fingerprint: Fingerprint,
    pub(super) state: KeyState,
    /// The first second of receipt for which it counts no more.
    pub(super) since: Timestamp,
    /// For people.
    pub(super) note: Option<String>,
    /// Where it stands, counted from one.
    pub(super) line: usize,
}

/// Why a key counts no more; the graver one last.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub(super) enum KeyState {
    Retired,
    Compromised,
}

/// All of them, in the order of the file.
#[derive(Debug, Default)]
pub(super) struct KeyStates {
    pub(super) keys: Vec<StatedKey>,
    by_fingerprint: HashMap<Fingerprint, usize>,
}

impl KeyState {
    pub(super) fn name(self) -> &'static str {
        match self {
            Self::Retired => "retired",
            Self::Compromised => "compromised",
        }
    }
}

impl KeyStates {
    pub(super) fn new(keys: Vec<StatedKey>) -> Self {
        let by_fingerprint = keys.iter().enumerate().map(|(place, key)| (key.fingerprint.clone(), place)).collect();
        Self { keys, by_fingerprint }
    }

    /// What is said of one key.
    pub(super) fn of(&self, fingerprint: &Fingerprint) -> Option<&StatedKey> {
        self.by_fingerprint.get(fingerprint).and_then(|&place| self.keys.get(place))
    }

    /// The gravest of what is said of keys that stand behind one signature and holds for what was received then.
    pub(super) fn gravest(&self, keys: &[Fingerprint], received: Timestamp) -> Option<&StatedKey> {
        let stated = keys.iter().filter_map(|key| self.of(key)).filter(|stated| stated.since <= received);
        // The first of equals: the key itself comes before its authority.
        stated.reduce(|gravest, other| if other.state > gravest.state { other } else { gravest })
    }
}

impl StatedKey {
    /// `since 2026-05-01T00:00:00Z: replaced by her new token`
    pub(super) fn since_and_why(&self) -> String {
        let note = self.note.as_ref().map(|note| format!(": {note}")).unwrap_or_default();
        format!("since {}{note}", written(self.since))
    }
}

/// Reads the list of `[[key]]`; every fingerprint once.
pub(super) fn read(value: &Value<'_>, reader: &mut Reader<'_>, lines: &LineStarts) -> Option<Vec<StatedKey>> {
    let mut places: HashMap<Fingerprint, Range<usize>> = HashMap::new();
    reader.list(value, |value, reader| {
        reader.table(value, |fields| read_one(fields, lines.line(fields.place().start), &mut places))
    })
}

fn read_one(
    fields: &mut Fields<'_, '_, '_>,
    line: usize,
    places: &mut HashMap<Fingerprint, Range<usize>>,
) -> Option<StatedKey> {
    const STATES: &[(&str, KeyState)] = &[("retired", KeyState::Retired), ("compromised", KeyState::Compromised)];
    let key = fields.required("fingerprint", |value, reader| {
        let key = fingerprint(value, reader)?;
        if let Some(first) = places.get(&key) {
            let what = What::Duplicate { sort: "fingerprint", name: key.to_string(), first: first.clone() };
            reader.problem(value.span(), what);
            return None;
        }
        places.insert(key.clone(), value.span());
        Some(key)
    });
    let state = fields.required("state", |value, reader| reader.choice(value, STATES));
    // Without it, an entry would have to mean either all times, or whenever it is read.
    let since = fields.required("since", |value, reader| reader.moment(value));
    let note = fields.optional("note", |value, reader| reader.text(value).map(str::to_owned));
    Some(StatedKey { fingerprint: key?, state: state?, since: since?, note, line })
}

#[cfg(test)]
mod tests {
    use super::{super::signers, *};
    use crate::document::Problem;

    const KEY: &str = "SHA256:AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA";
    const OTHER: &str = "openpgp:0A0A0A0A0A0A0A0A0A0A0A0A0A0A0A0A0A0A0A0A";

    fn problems(source: &str) -> Vec<String> {
        let problems = signers::read_text(source).err().unwrap_or_default();
        let line = |problem: &Problem| source[..problem.place.start].matches('\n').count() + 1;
        problems.iter().map(|problem| format!("{}: {}", line(problem), problem.what)).collect()
    }

    fn entry(key: &str, rest: &str) -> String {
        format!("[[key]]\nfingerprint = '{key}'\n{rest}\n")
    }

    #[test]
    fn a_whole_entry() {
        let source = entry(KEY, "state = 'retired'\nsince = 2026-05-01T00:00:00Z\nnote = 'new token'")
            + &entry(OTHER, "state = 'compromised'\nsince = 2026-05-01");
        let states = signers::read_text(&source).unwrap().states;
        let [retired, compromised] = states.keys.as_slice() else { panic!("{states:?}") };
        let since = Timestamp(1_777_593_600);
        assert_eq!((retired.state, retired.since, retired.line), (KeyState::Retired, since, 1));
        assert_eq!(retired.since_and_why(), "since 2026-05-01T00:00:00Z: new token");
        assert_eq!((compromised.state, compromised.since, compromised.line), (KeyState::Compromised, since, 6));
        assert_eq!(compromised.since_and_why(), "since 2026-05-01T00:00:00Z");
    }

    #[test]
    fn every_mistake_is_told_with_its_line() {
        let source = "[[key]]\nnote = ''\n[[key]]\nfingerprint = 'SHA256:abc'\nstate = 'stolen'\nsince = '2026-05-01'\n\
                      why = 'x'\n";
        assert_eq!(
            problems(source),
            [
                "1: `fingerprint` is missing",
                "1: `state` is missing",
                "1: `since` is missing",
                "2: this may not be empty",
                "4: `SHA256:abc` is not a fingerprint such as \"SHA256:…\" (`ssh-keygen -l`) or \"openpgp:…\", whole",
                "5: `stolen` is not one of `retired`, `compromised`",
                "6: this has to be a date or a time with its offset, without quotes: 2027-01-31 or \
                 2027-01-31T18:00:00Z, and is a string",
                "7: unknown key `why`",
            ]
        );
        assert_eq!(problems("[key]\n"), ["1: this has to be a list, and is a table"]);
    }

    #[test]
    fn one_key_has_one_state() {
        let rest = "state = 'retired'\nsince = 2026-05-01";
        assert_eq!(
            problems(&(entry(OTHER, rest) + &entry(&OTHER.to_lowercase(), rest))),
            [format!("6: the fingerprint `{OTHER}` is used twice")]
        );
        assert_eq!(problems(&(entry(KEY, rest) + &entry(OTHER, rest))), [""; 0]);
    }

    #[test]
    fn the_gravest_that_holds_counts() {
        let [key, other] = [KEY, OTHER].map(|key| Fingerprint::parse(key).unwrap());
        let source = entry(KEY, "state = 'retired'\nsince = 1970-01-01T00:00:10Z")
            + &entry(OTHER, "state = 'compromised'\nsince = 1970-01-01T00:00:20Z");
        let states = signers::read_text(&source).unwrap().states;
        let gravest =
            |received| states.gravest(&[key.clone(), other.clone()], Timestamp(received)).map(|key| key.state);
        assert_eq!(gravest(9), None);
        assert_eq!(gravest(10), Some(KeyState::Retired));
        assert_eq!(gravest(19), Some(KeyState::Retired));
        assert_eq!(gravest(20), Some(KeyState::Compromised));
        assert!(states.gravest(&[Fingerprint::Ssh([9; 32])], Timestamp(20)).is_none());
    }
}
