//! Who made what a push brought, and with which keys that nobody had registered: docs/ledger.md, "list of what a push
//! brought" and "list of unknown keys". Pure.

use super::{
    entry::{BroughtList, Unreadable},
    record::SCHEMA,
};
use crate::push::ObjectId;
use serde_json::{Value, json};

/// Each object of a list, with who made it.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Bringing {
    people: Vec<Person>,
    /// The place in `people`.
    makers: Vec<(ObjectId, Option<usize>)>,
}

/// Who made an object, as far as its signature and its headers say.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Person {
    /// What the signature was found to be.
    pub status: String,
    /// The signer's id.
    pub signer: Option<String>,
    /// The fingerprint of the key.
    pub key: Option<String>,
    /// The signature's format.
    pub format: Option<String>,
    /// `Name <email>`, raw bytes.
    pub author: Vec<u8>,
    /// `Name <email>`, raw bytes.
    pub committer: Vec<u8>,
}

impl Bringing {
    /// Reads a list.
    ///
    /// # Errors
    /// It is none.
    pub fn read(bytes: &[u8]) -> Result<Self, Unreadable> {
        let objects = BroughtList::read(bytes)?.objects;
        let mut lines = bytes.split(|&byte| byte == b'\n');
        let head: Value =
            lines.next().and_then(|line| serde_json::from_slice(line).ok()).ok_or_else(Unreadable::list)?;
        let people =
            head.get("people").and_then(Value::as_array).filter(|_| head.get("schema") == Some(&SCHEMA.into()));
        let people = people.map(|people| people.iter().map(Person::read).collect::<Option<Vec<_>>>());
        let people = people.flatten().ok_or_else(Unreadable::list)?;
        let mut makers = Vec::with_capacity(objects.len());
        for (object, line) in objects.into_iter().zip(lines) {
            let place = line.rsplit(|&byte| byte == b' ').next().and_then(|place| str::from_utf8(place).ok());
            let place = match place.ok_or_else(Unreadable::list)? {
                "-" => None,
                place => Some(place.parse().ok().filter(|&place| place < people.len()).ok_or_else(Unreadable::list)?),
            };
            makers.push((object, place));
        }
        Ok(Self { people, makers })
    }

    /// The objects, sorted, and who made them; `None` of what no rule had judged.
    pub fn objects(&self) -> impl Iterator<Item = (ObjectId, Option<&Person>)> {
        self.makers.iter().map(|(object, place)| (*object, place.and_then(|place| self.people.get(place))))
    }

    /// Who made one of them.
    pub fn maker(&self, object: ObjectId) -> Option<&Person> {
        let at = self.makers.binary_search_by_key(&object, |(object, _)| *object).ok()?;
        self.people.get(self.makers.get(at)?.1?)
    }
}

impl Person {
    fn read(person: &Value) -> Option<Self> {
        let text = |key| person.get(key).and_then(Value::as_str).map(str::to_owned);
        let bytes = |key| person.get(key).and_then(super::entry::bytes);
        Some(Self {
            status: text("status")?,
            signer: text("signer"),
            key: text("key"),
            format: text("format"),
            author: bytes("author").unwrap_or_default(),
            committer: bytes("committer").unwrap_or_default(),
        })
    }
}

/// A key that nobody had registered when something signed by it was pushed.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct UnknownKey {
    /// As it is called.
    pub fingerprint: String,
    /// The signature's format.
    pub format: Option<String>,
    /// The public key, `ssh-ed25519 AAAA…`, where it stands in the signature.
    pub key: Option<String>,
    /// Committers and taggers of what it signed, `Name <email>`, raw bytes.
    pub names: Vec<Vec<u8>>,
    /// How many objects of the push it signed.
    pub objects: u64,
}

impl UnknownKey {
    /// The list of some, as it is kept.
    pub fn write_list(keys: &[Self]) -> Vec<u8> {
        let keys = keys.iter().map(|key| {
            let names = key.names.iter().map(|name| super::record::bytes(name));
            json!({
                "fingerprint": key.fingerprint, "format": key.format, "key": key.key, "names": names.collect::<Vec<_>>(),
                "objects": key.objects,
            })
        });
        json!({ "schema": SCHEMA, "keys": keys.collect::<Vec<_>>() }).to_string().into_bytes()
    }

    /// Reads such a list.
    ///
    /// # Errors
    /// It is none.
    pub fn read_list(bytes: &[u8]) -> Result<Vec<Self>, Unreadable> {
        let list: Value = serde_json::from_slice(bytes).map_err(|_| Unreadable::keys())?;
        let keys = list.get("keys").and_then(Value::as_array).filter(|_| list.get("schema") == Some(&SCHEMA.into()));
        keys.ok_or_else(Unreadable::keys)?.iter().map(|key| Self::read(key).ok_or_else(Unreadable::keys)).collect()
    }

    fn read(key: &Value) -> Option<Self> {
        let text = |name| key.get(name).and_then(Value::as_str).map(str::to_owned);
        Some(Self {
            fingerprint: text("fingerprint")?,
            format: text("format"),
            key: text("key"),
            names: key.get("names")?.as_array()?.iter().map(super::entry::bytes).collect::<Option<_>>()?,
            objects: key.get("objects")?.as_u64()?,
        })
    }
}
