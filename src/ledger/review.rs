//! Two people, as a decision records them: approvals that counted, rules that an emergency waived, debts that an approval
//! settled. `docs/ledger.md` has their form. Pure.
//!
//! A record has room for all of it because each part is bounded, by whoever gathers it, with the numbers below.

use super::{
    entry::{self, bytes, digest, moment_of, object_id},
    record::{self, Digest},
};
use crate::push::{ObjectId, Timestamp};
use serde_json::{Map, Value, json};

/// How many approvals that counted one decision names.
pub const APPROVALS: usize = 64;

/// Bytes of a ticket; an emergency with a longer one is none.
pub const TICKET: usize = 128;

/// Bytes of a reason that are recorded; the rest is cut off. The object that declares the emergency is kept whole.
pub const REASON: usize = 1024;

/// How many persons a list of an emergency names. With more who may not review it, it is none: one left out could.
pub const PERSONS: usize = 128;

/// How many paths the list of those that an emergency changed holds.
pub const PATHS: usize = 10_000;

/// An approval that counted for a review, or for dual control.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct CountedApproval {
    /// The place of the rule's policy among those in force, from 0.
    pub policy: usize,
    /// The rule's name.
    pub rule: String,
    /// Who approved.
    pub signer: String,
    /// The fingerprint of the key.
    pub key: String,
    /// The commit that is approved.
    pub object: ObjectId,
    /// The raw tag.
    pub tag: Digest,
}

/// A rule that an emergency waived, and what it owes for it.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Emergency {
    /// The place of the rule's policy among those in force, from 0.
    pub policy: usize,
    /// The rule's name.
    pub rule: String,
    /// A claim, which nobody checked; [`TICKET`] bytes at most.
    pub ticket: Vec<u8>,
    /// [`REASON`] bytes at most.
    pub reason: Vec<u8>,
    /// Who declared it.
    pub signer: String,
    /// The fingerprint of the key.
    pub key: String,
    /// The commit or tag that declares it.
    pub object: ObjectId,
    /// The raw bytes of that.
    pub declaration: Digest,
    /// What is signed of it, which is good for one use, ever: without the signature, whose bytes others can vary. Not kept.
    pub signed: Digest,
    /// `commit` or `tag`.
    pub form: &'static str,
    /// The tip that it is about: the new one, of a deletion the old one.
    pub commit: ObjectId,
    /// The kinds of requirement, sorted.
    pub waived: Vec<String>,
    /// Who may not review it; [`PERSONS`] at most.
    pub excluded: Vec<String>,
    /// Who may, with groups resolved; `*` is every registered person. [`PERSONS`] at most.
    pub reviewers: Vec<String>,
    /// Until when it is to be reviewed.
    pub due: Timestamp,
    /// Who had approved it already, so that nothing is owed.
    pub settled_by: Vec<String>,
}

/// The paths that an emergency changed between a ref's old and new value.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct ChangedPaths {
    /// How many.
    pub count: u64,
    /// The list of them, [`PATHS`] at most.
    pub list: Digest,
}

/// What an approval that is pushed settles.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Settlement {
    /// The number of the decision that owed a review.
    pub decision: u64,
    /// The place of the rule's policy among those of that decision, from 0.
    pub policy: usize,
    /// The rule's name.
    pub rule: String,
    /// Who approved.
    pub signer: String,
    /// The raw tag.
    pub tag: Digest,
}

impl CountedApproval {
    pub(super) fn to_json(&self) -> Value {
        json!({
            "policy": self.policy, "rule": self.rule, "signer": self.signer, "key": self.key,
            "object": self.object.to_string(), "tag": self.tag.to_string(),
        })
    }

    pub(super) fn read(value: &Value) -> Option<Self> {
        Some(Self {
            policy: place(value)?,
            rule: text(value, "rule")?,
            signer: text(value, "signer")?,
            key: text(value, "key")?,
            object: object_id(value.get("object")?)?,
            tag: digest(value.get("tag")?)?,
        })
    }
}

impl Emergency {
    pub(super) fn to_json(&self) -> Value {
        let mut object = Map::new();
        let mut add = |key: &str, value| drop(object.insert(key.to_owned(), value));
        add("policy", json!(self.policy));
        add("rule", json!(self.rule));
        add("ticket", record::bytes(&self.ticket));
        add("reason", record::bytes(&self.reason));
        add("signer", json!(self.signer));
        add("key", json!(self.key));
        add("object", json!(self.object.to_string()));
        add("declaration", json!(self.declaration.to_string()));
        add("signed", json!(self.signed.to_string()));
        add("form", json!(self.form));
        add("commit", json!(self.commit.to_string()));
        add("waived", json!(self.waived));
        add("excluded", json!(self.excluded));
        add("reviewers", json!(self.reviewers));
        add("due", json!(record::moment(self.due)));
        add("settled-by", json!(self.settled_by));
        Value::Object(object)
    }

    pub(super) fn read(value: &Value) -> Option<Self> {
        Some(Self {
            policy: place(value)?,
            rule: text(value, "rule")?,
            ticket: bytes(value.get("ticket")?)?,
            reason: bytes(value.get("reason")?)?,
            signer: text(value, "signer")?,
            key: text(value, "key")?,
            object: object_id(value.get("object")?)?,
            declaration: digest(value.get("declaration")?)?,
            signed: digest(value.get("signed")?)?,
            form: match value.get("form")?.as_str()? {
                "commit" => "commit",
                "tag" => "tag",
                _ => return None,
            },
            commit: object_id(value.get("commit")?)?,
            waived: texts(value, "waived")?,
            excluded: texts(value, "excluded")?,
            reviewers: texts(value, "reviewers")?,
            due: moment_of(value.get("due")?)?,
            settled_by: texts(value, "settled-by")?,
        })
    }
}

impl ChangedPaths {
    pub(super) fn to_json(self) -> Value {
        json!({ "count": self.count, "list": self.list.to_string() })
    }

    pub(super) fn read(value: &Value) -> Option<Self> {
        Some(Self { count: value.get("count")?.as_u64()?, list: digest(value.get("list")?)? })
    }

    /// The list of some paths, as it is kept.
    pub fn write_list<'a>(paths: impl IntoIterator<Item = &'a [u8]>) -> Vec<u8> {
        let lines = paths.into_iter().take(PATHS).map(|path| format!("{}\n", record::bytes(path)));
        lines.collect::<String>().into_bytes()
    }

    /// Reads such a list.
    ///
    /// # Errors
    /// It is none.
    pub fn read_list(list: &[u8]) -> Result<Vec<Vec<u8>>, entry::Unreadable> {
        let lines = list.split_inclusive(|&byte| byte == b'\n');
        let path = |line: &[u8]| bytes(&serde_json::from_slice(line.strip_suffix(b"\n")?).ok()?);
        lines.map(path).collect::<Option<_>>().ok_or_else(entry::Unreadable::paths)
    }
}

impl Settlement {
    pub(super) fn to_json(&self) -> Value {
        json!({
            "decision": self.decision, "policy": self.policy, "rule": self.rule, "signer": self.signer,
            "tag": self.tag.to_string(),
        })
    }

    pub(super) fn read(value: &Value) -> Option<Self> {
        Some(Self {
            decision: value.get("decision")?.as_u64()?,
            policy: place(value)?,
            rule: text(value, "rule")?,
            signer: text(value, "signer")?,
            tag: digest(value.get("tag")?)?,
        })
    }
}

fn place(value: &Value) -> Option<usize> {
    value.get("policy")?.as_u64()?.try_into().ok()
}

fn text(value: &Value, key: &str) -> Option<String> {
    value.get(key)?.as_str().map(str::to_owned)
}

fn texts(value: &Value, key: &str) -> Option<Vec<String>> {
    value.get(key)?.as_array()?.iter().map(|text| text.as_str().map(str::to_owned)).collect()
}
