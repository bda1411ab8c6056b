//! What a record's bytes say, read as strictly as they are written. Pure.

use super::{
    record::{Digest, SCHEMA},
    review::{ChangedPaths, CountedApproval, Emergency, Settlement},
};
use crate::push::{ObjectId, RefName, Timestamp};
use base64ct::{Base64, Encoding};
use serde_json::{Map, Value};
use std::{error::Error, fmt};

/// A record as the ledger holds it.
#[derive(Clone, PartialEq, Debug)]
pub struct Entry {
    number: u64,
    time: Timestamp,
    clock_behind: Option<Timestamp>,
    kind: String,
    fields: Map<String, Value>,
}

/// A list of what was brought: docs/ledger.md, "list of what a push brought".
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct BroughtList {
    /// Sorted, none twice.
    pub objects: Vec<ObjectId>,
    /// The registered people who signed.
    pub signers: Vec<String>,
    /// The keys they signed with.
    pub keys: Vec<String>,
    /// Keys that were nobody's.
    pub unknown_keys: Vec<String>,
}

/// What is not as a record of this version must be.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Unreadable(String);

/// The words in `type`.
pub const KINDS: [&str; 8] = ["opened", "decision", "outcome", "moved", "policy", "adopted", "rotated", "closed"];

impl Entry {
    /// Reads a record.
    ///
    /// # Errors
    /// It is not what this version writes, to the byte.
    pub fn read(body: &[u8]) -> Result<Self, Unreadable> {
        let Ok(Value::Object(fields)) = serde_json::from_slice(body) else { return unreadable("it is no JSON object") };
        let written = Value::Object(fields);
        if written.to_string().as_bytes() != body {
            return unreadable("it is not in the form that records have: white space, or a key twice");
        }
        let Value::Object(fields) = written else { return unreadable("it is no JSON object") };
        let first = fields.keys().take(3).map(String::as_str);
        if !first.eq(["schema", "number", "time"]) {
            return unreadable("it does not begin with `schema`, `number` and `time`");
        }
        if fields.get("schema") != Some(&SCHEMA.into()) {
            return unreadable("its `schema` is not that of this version");
        }
        let reader = Self { number: 0, time: Timestamp(0), clock_behind: None, kind: String::new(), fields };
        let kind = reader.text("type")?.to_owned();
        if !KINDS.contains(&kind.as_str()) {
            return unreadable(format!("its type is `{kind}`"));
        }
        let clock_behind = reader.some("clock-behind").map(|_| reader.moment("clock-behind")).transpose()?;
        Ok(Self { number: reader.number_of("number")?, time: reader.moment("time")?, clock_behind, kind, ..reader })
    }

    /// All that it says.
    pub fn to_json(&self) -> Value {
        Value::Object(self.fields.clone())
    }

    /// Its place in the ledger.
    pub fn number(&self) -> u64 {
        self.number
    }

    /// The server's clock.
    pub fn time(&self) -> Timestamp {
        self.time
    }

    /// The moment that was recorded already, where the clock stood before it.
    pub fn clock_behind(&self) -> Option<Timestamp> {
        self.clock_behind
    }

    /// The moment that counts.
    pub fn moment_that_counts(&self) -> Timestamp {
        self.clock_behind.unwrap_or(self.time)
    }

    /// The word in `type`.
    pub fn kind(&self) -> &str {
        &self.kind
    }

    /// What `key` says; `None` if it is left out.
    pub fn some(&self, key: &str) -> Option<&Value> {
        self.fields.get(key)
    }

    /// A string.
    ///
    /// # Errors
    /// There is none.
    pub fn text(&self, key: &str) -> Result<&str, Unreadable> {
        self.fields.get(key).and_then(Value::as_str).ok_or_else(|| wrong(key))
    }

    /// A number.
    ///
    /// # Errors
    /// There is none.
    pub fn number_of(&self, key: &str) -> Result<u64, Unreadable> {
        self.fields.get(key).and_then(Value::as_u64).ok_or_else(|| wrong(key))
    }

    /// Bytes that somebody else chose.
    ///
    /// # Errors
    /// There are none.
    pub fn bytes(&self, key: &str) -> Result<Vec<u8>, Unreadable> {
        self.fields.get(key).and_then(bytes).ok_or_else(|| wrong(key))
    }

    /// A ref's name.
    ///
    /// # Errors
    /// There is none.
    pub fn ref_name(&self, key: &str) -> Result<RefName, Unreadable> {
        RefName::new(&self.bytes(key)?).ok_or_else(|| wrong(key))
    }

    /// An object id, or that there is none.
    ///
    /// # Errors
    /// It says neither.
    pub fn object(&self, key: &str) -> Result<Option<ObjectId>, Unreadable> {
        match self.fields.get(key) {
            Some(Value::Null) => Ok(None),
            Some(value) => object_id(value).map(Some).ok_or_else(|| wrong(key)),
            None => Err(wrong(key)),
        }
    }

    /// A digest.
    ///
    /// # Errors
    /// There is none.
    pub fn digest(&self, key: &str) -> Result<Digest, Unreadable> {
        self.fields.get(key).and_then(digest).ok_or_else(|| wrong(key))
    }

    /// A list; one that is left out is empty.
    ///
    /// # Errors
    /// It is something else.
    pub fn list(&self, key: &str) -> Result<&[Value], Unreadable> {
        match self.fields.get(key) {
            None => Ok(&[]),
            Some(Value::Array(values)) => Ok(values),
            Some(_) => Err(wrong(key)),
        }
    }

    /// Numbers of decisions, as `[first, last]`, ascending and without overlap.
    ///
    /// # Errors
    /// They are something else.
    pub fn ranges(&self, key: &str) -> Result<Vec<std::ops::RangeInclusive<u64>>, Unreadable> {
        let mut ranges = Vec::new();
        let mut from = 0;
        for range in self.list(key)? {
            let pair = range.as_array().map(Vec::as_slice);
            let Some([first, last]) = pair else { return Err(wrong(key)) };
            let (Some(first), Some(last)) = (first.as_u64(), last.as_u64()) else { return Err(wrong(key)) };
            // What became of a decision is recorded after it.
            if first < from || last < first || last >= self.number {
                return Err(wrong(key));
            }
            from = last.saturating_add(1);
            ranges.push(first..=last);
        }
        Ok(ranges)
    }

    /// What was brought: the digest of the list, and how many objects it has.
    ///
    /// # Errors
    /// It says something else.
    pub fn brought(&self) -> Result<Option<(Digest, u64)>, Unreadable> {
        let Some(brought) = self.fields.get("brought") else { return Ok(None) };
        let list = brought.get("list").and_then(digest);
        let objects = brought.get("objects").and_then(Value::as_u64);
        list.zip(objects).map(Some).ok_or_else(|| wrong("brought"))
    }

    /// Approvals that counted.
    ///
    /// # Errors
    /// They are something else.
    pub fn approvals(&self) -> Result<Vec<CountedApproval>, Unreadable> {
        self.each("approvals", CountedApproval::read)
    }

    /// The rules that an emergency waived.
    ///
    /// # Errors
    /// They are something else.
    pub fn emergencies(&self) -> Result<Vec<Emergency>, Unreadable> {
        self.each("emergencies", Emergency::read)
    }

    /// The paths that an emergency changed.
    ///
    /// # Errors
    /// They are something else.
    pub fn paths(&self) -> Result<Option<ChangedPaths>, Unreadable> {
        self.some("paths").map(|paths| ChangedPaths::read(paths).ok_or_else(|| wrong("paths"))).transpose()
    }

    /// The debts that an approval settles.
    ///
    /// # Errors
    /// They are something else.
    pub fn settles(&self) -> Result<Vec<Settlement>, Unreadable> {
        self.each("settles", Settlement::read)
    }

    fn each<T>(&self, key: &str, read: impl Fn(&Value) -> Option<T>) -> Result<Vec<T>, Unreadable> {
        self.list(key)?.iter().map(|value| read(value).ok_or_else(|| wrong(key))).collect()
    }

    /// Every content that it names and that the ledger keeps: of a push that is not accepted, neither its certificate nor
    /// what has to do with approvals and emergencies.
    ///
    /// # Errors
    /// A place for a digest holds something else.
    pub fn digests(&self) -> Result<Vec<Digest>, Unreadable> {
        let accepted = self.some("verdict").and_then(Value::as_str) == Some("accepted");
        let mut digests = Vec::new();
        for key in ["policy", "registry", "former-policy", "former-registry", "tip", "keys", "certificate"] {
            if self.some(key).is_some() && (key != "certificate" || accepted) {
                digests.push(self.digest(key)?);
            }
        }
        for policy in self.list("policies")? {
            for key in ["policy", "registry"] {
                digests.push(policy.get(key).and_then(digest).ok_or_else(|| wrong("policies"))?);
            }
        }
        digests.extend(self.brought()?.map(|(list, _)| list));
        if accepted {
            digests.extend(self.approvals()?.iter().map(|approval| approval.tag));
            digests.extend(self.emergencies()?.iter().map(|emergency| emergency.declaration));
            digests.extend(self.paths()?.map(|paths| paths.list));
            digests.extend(self.settles()?.iter().map(|settlement| settlement.tag));
        }
        Ok(digests)
    }

    /// The list of the registry that it says is in force from then on: with the list, the ledger keeps the files that this names.
    ///
    /// # Errors
    /// The place for its digest holds something else.
    pub fn new_registry(&self) -> Result<Option<Digest>, Unreadable> {
        (self.kind == "policy").then(|| self.digest("registry")).transpose()
    }

    fn moment(&self, key: &str) -> Result<Timestamp, Unreadable> {
        self.fields.get(key).and_then(moment_of).ok_or_else(|| wrong(key))
    }
}

impl BroughtList {
    /// Reads a list.
    ///
    /// # Errors
    /// It is none.
    pub fn read(bytes: &[u8]) -> Result<Self, Unreadable> {
        let no_list = Unreadable::list;
        let bytes = bytes.strip_suffix(b"\n").ok_or_else(no_list)?;
        let mut lines = bytes.split(|&byte| byte == b'\n');
        let people: Value = lines.next().and_then(|line| serde_json::from_slice(line).ok()).ok_or_else(no_list)?;
        if people.get("schema") != Some(&SCHEMA.into()) {
            return Err(no_list());
        }
        let mut list = Self::default();
        for person in people.get("people").and_then(Value::as_array).ok_or_else(no_list)? {
            let text = |key| person.get(key).and_then(Value::as_str).map(str::to_owned);
            let unknown = text("status").ok_or_else(no_list)? == "unknown-key";
            list.signers.extend(text("signer"));
            if unknown {
                list.unknown_keys.extend(text("key"));
            } else {
                list.keys.extend(text("key"));
            }
        }
        for line in lines {
            let id = line.iter().position(|&byte| byte == b' ').and_then(|end| line.get(..end)).ok_or_else(no_list)?;
            let id = ObjectId::from_hex(id).ok_or_else(no_list)?;
            if list.objects.last().is_some_and(|last| *last >= id) {
                return unreadable("a list of what was brought is not sorted");
            }
            list.objects.push(id);
        }
        Ok(list)
    }
}

impl Unreadable {
    pub(super) fn list() -> Self {
        Self("a list of what was brought is none".into())
    }
}

impl Unreadable {
    pub(super) fn keys() -> Self {
        Self("a list of unknown keys is none".into())
    }

    pub(super) fn paths() -> Self {
        Self("a list of paths is none".into())
    }
}

impl fmt::Display for Unreadable {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl Error for Unreadable {}

/// Bytes that somebody else chose, as `record::bytes` writes them.
pub fn bytes(value: &Value) -> Option<Vec<u8>> {
    match value {
        Value::String(text) => Some(text.as_bytes().to_vec()),
        Value::Object(object) => Base64::decode_vec(object.get("base64")?.as_str()?).ok(),
        Value::Null | Value::Bool(_) | Value::Number(_) | Value::Array(_) => None,
    }
}

/// A moment, as `record::moment` writes it.
pub fn moment_of(value: &Value) -> Option<Timestamp> {
    let text = value.as_str()?;
    let seconds = text.parse().ok().or_else(|| text.parse().ok().map(|moment: jiff::Timestamp| moment.as_second()));
    seconds.map(Timestamp).filter(|moment| super::record::moment(*moment) == text)
}

/// An object id in hexadecimal.
pub fn object_id(value: &Value) -> Option<ObjectId> {
    ObjectId::from_hex(value.as_str()?.as_bytes())
}

/// A digest.
pub fn digest(value: &Value) -> Option<Digest> {
    Digest::parse(value.as_str()?)
}

fn unreadable<T>(why: impl Into<String>) -> Result<T, Unreadable> {
    Err(Unreadable(why.into()))
}

fn wrong(key: &str) -> Unreadable {
    Unreadable(format!("`{key}` is not what it must be"))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::ledger::record::{Adoption, Brought, Outcome, Record};

    fn adoption() -> Record {
        let id = ObjectId::from_bytes(&[7; 20]).unwrap();
        let brought = Some(Brought { objects: 2, list: Digest([9; 32]) });
        let refs = vec![(RefName::new(b"refs/heads/\xff").unwrap(), id)];
        Record::Adopted(Adoption { repository: b"/srv/\xfe.git".to_vec(), refs, brought, user: 0 })
    }

    #[test]
    fn a_record_is_read_as_it_is_written() {
        let entry = Entry::read(&adoption().to_bytes(7, Timestamp(-5), Some(Timestamp(60)))).unwrap();
        assert_eq!((entry.number(), entry.kind(), entry.time()), (7, "adopted", Timestamp(-5)));
        assert_eq!((entry.clock_behind(), entry.moment_that_counts()), (Some(Timestamp(60)), Timestamp(60)));
        assert_eq!(entry.bytes("repository"), Ok(b"/srv/\xfe.git".to_vec()));
        assert_eq!(bytes(&entry.list("refs").unwrap()[0]["ref"]), Some(b"refs/heads/\xff".to_vec()));
        assert_eq!(entry.brought(), Ok(Some((Digest([9; 32]), 2))));
        assert_eq!(entry.digests(), Ok(vec![Digest([9; 32])]));
        // Moments that no calendar has are numbers.
        let entry = Entry::read(&adoption().to_bytes(7, Timestamp(i64::MAX), None)).unwrap();
        assert_eq!(entry.time(), Timestamp(i64::MAX));
    }

    #[test]
    fn what_this_version_does_not_write_it_does_not_read() {
        let written = String::from_utf8(adoption().to_bytes(7, Timestamp(0), None)).unwrap();
        let why = |text: String| Entry::read(text.as_bytes()).unwrap_err().to_string();
        let form = "it is not in the form that records have: white space, or a key twice";
        for (from, to, expected) in [
            ("{\"schema\":1", "{\"schema\": 1", form),
            ("{\"schema\":1", "{\"schema\":1,\"schema\":1", form),
            ("adopted", "\\u0061dopted", form),
            ("\"schema\":1", "\"schema\":2", "its `schema` is not that of this version"),
            ("\"schema\":1,", "", "it does not begin with `schema`, `number` and `time`"),
            ("\"number\":7", "\"number\":-7", "`number` is not what it must be"),
            ("1970-01-01T00:00:00Z", "1970-01-01T00:00:00.5Z", "`time` is not what it must be"),
            ("1970-01-01T00:00:00Z", "1970-01-01T00:00:00+00:00", "`time` is not what it must be"),
            ("1970-01-01T00:00:00Z", "+0", "`time` is not what it must be"),
            ("\"adopted\"", "\"adapted\"", "its type is `adapted`"),
            ("{", "[", "it is no JSON object"),
        ] {
            assert_eq!(why(written.replacen(from, to, 1)), expected, "{to}");
        }
        assert_eq!(why(format!("{written}\n")), form);
    }

    #[test]
    fn an_outcome_is_of_earlier_decisions_in_order() {
        let outcome = Outcome { by: "value", completed: vec![1, 2, 3, 5], failed: vec![] };
        let written = String::from_utf8(Record::Outcome(outcome).to_bytes(9, Timestamp(0), None)).unwrap();
        assert_eq!(Entry::read(written.as_bytes()).unwrap().ranges("completed"), Ok(vec![1..=3, 5..=5]));
        for bad in ["[[1,3],[3,5]]", "[[3,1]]", "[[1,9]]", "[[1]]", "[1]", "[[1,2,3]]", "{}", "[[-1,2]]"] {
            let entry = Entry::read(written.replace("[[1,3],[5,5]]", bad).as_bytes()).unwrap();
            assert_eq!(
                entry.ranges("completed").unwrap_err().to_string(),
                "`completed` is not what it must be",
                "{bad}"
            );
        }
    }

    #[test]
    fn a_list_says_what_was_brought_and_by_whom() {
        let (one, two) = ("1".repeat(40), "2".repeat(40));
        let people = r#"{"schema":1,"people":[{"status":"good","signer":"a","key":"k"},{"status":"unknown-key","key":"u"},{"status":"unsigned"}]}"#;
        let list = BroughtList::read(format!("{people}\n{one} 0\n{two} -\n").as_bytes()).unwrap();
        assert_eq!(list.objects.iter().map(ToString::to_string).collect::<Vec<_>>(), [one.clone(), two.clone()]);
        assert_eq!(
            (list.signers, list.keys, list.unknown_keys),
            (vec!["a".into()], vec!["k".into()], vec!["u".into()])
        );
        assert_eq!(BroughtList::read(format!("{people}\n").as_bytes()).unwrap().objects, []);
        let why = |text: String| BroughtList::read(text.as_bytes()).unwrap_err().to_string();
        assert_eq!(why(format!("{people}\n{two} 0\n{one} 0\n")), "a list of what was brought is not sorted");
        assert_eq!(why(format!("{people}\n{one} 0\n{one} 0\n")), "a list of what was brought is not sorted");
        for bad in
            [people.to_owned(), format!("{people}\n{one}\n"), format!("{people}\n12 0\n"), "\n".into(), String::new()]
        {
            assert_eq!(why(bad), "a list of what was brought is none");
        }
    }
}
