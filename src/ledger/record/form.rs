//! The bytes of a record: keys in the order of `docs/ledger.md`, and nothing that says nothing.

use super::{Brought, Decision, Digest, Effect, KnownBy, Record, Recorded, RuleOutcome, SCHEMA, Verdict, Witness};
use crate::ledger::review::{ChangedPaths, CountedApproval, Emergency, Settlement};
use crate::push::{ObjectId, Timestamp};
use base64ct::{Base64, Encoding};
use serde_json::{Map, Value, json};

impl Record {
    /// The word in `type`.
    pub fn kind(&self) -> &'static str {
        match self {
            Self::Opened(_) => "opened",
            Self::Decision(_) => "decision",
            Self::Outcome(_) => "outcome",
            Self::Moved(_) => "moved",
            Self::Policy(_) => "policy",
            Self::Adopted(_) => "adopted",
            Self::Rotated(_) => "rotated",
            Self::Closed(_) => "closed",
        }
    }

    /// The bytes to be kept. `latest`: the latest moment that is recorded already, if the clock stands before it.
    pub fn to_bytes(&self, number: u64, time: Timestamp, latest: Option<Timestamp>) -> Vec<u8> {
        let mut record = Map::new();
        record.insert("schema".into(), json!(SCHEMA));
        record.insert("number".into(), json!(number));
        record.insert("time".into(), json!(moment(time)));
        if let Some(latest) = latest {
            record.insert("clock-behind".into(), json!(moment(latest)));
        }
        record.insert("type".into(), json!(self.kind()));
        self.write(&mut Fields(&mut record));
        Value::Object(record).to_string().into_bytes()
    }

    fn write(&self, fields: &mut Fields<'_>) {
        match self {
            Self::Opened(opening) => {
                fields.add("origin", json!(opening.origin));
                fields.add("key", json!(opening.key));
                fields.add("program", json!(concat!("countersign ", env!("CARGO_PKG_VERSION"))));
                fields.add("user", json!(opening.user));
                fields.add("by", json!(if opening.by_hook { "hook" } else { "command" }));
                if let Some(continued) = &opening.continues {
                    fields.add("continues", json!(continued.checkpoint));
                    fields.add("former", bytes(&continued.folder));
                }
            }
            Self::Decision(decision) => decision.write(fields),
            Self::Outcome(outcome) => {
                fields.add("by", json!(outcome.by));
                fields.add_list("completed", ranges(&outcome.completed));
                fields.add_list("failed", ranges(&outcome.failed));
            }
            Self::Moved(moved) => {
                fields.add("repository", bytes(&moved.repository));
                fields.add("ref", bytes(moved.name.as_bytes()));
                fields.add("recorded", object_id(moved.recorded));
                fields.add("found", object_id(moved.found));
                fields.add("by", json!(moved.by));
            }
            Self::Policy(change) => {
                fields.add("path", bytes(&change.to.path));
                fields.add("policy", digest(change.to.policy));
                fields.add("registry", digest(change.to.registry));
                fields.add_some("former-policy", change.from.map(|(policy, _)| digest(policy)));
                fields.add_some("former-registry", change.from.map(|(_, registry)| digest(registry)));
                fields.add_list("weaker", change.weaker.iter().map(|sentence| json!(sentence)).collect());
            }
            Self::Adopted(adoption) => {
                fields.add("repository", bytes(&adoption.repository));
                let refs = adoption.refs.iter();
                let refs =
                    refs.map(|(name, value)| json!({ "ref": bytes(name.as_bytes()), "value": value.to_string() }));
                fields.add("refs", refs.collect());
                fields.add_some("brought", adoption.brought.map(brought));
                fields.add("user", json!(adoption.user));
            }
            Self::Rotated(key) => fields.add("key", json!(key)),
            Self::Closed(closing) => {
                fields.add("next", json!(closing.next));
                fields.add("key", json!(closing.key));
                fields.add("folder", bytes(&closing.folder));
            }
        }
    }
}

impl Decision {
    fn write(&self, fields: &mut Fields<'_>) {
        let pushed = &self.pushed;
        fields.add("push", json!(self.push));
        fields.add("repository", bytes(&pushed.repository));
        fields.add_some("name", pushed.repository_name.as_deref().map(bytes));
        fields.add("ref", bytes(self.name.as_bytes()));
        fields.add("old", object_id(self.old));
        fields.add("new", object_id(self.new));
        fields.add("recorded", json!(self.recorded.word()));
        fields.add("verdict", json!(pushed.verdict.word()));
        if let Verdict::Undecided(cause) = &pushed.verdict {
            fields.add("cause", json!(cause));
        }
        fields.add("pusher", pushed.pusher.to_json());
        fields.add_some("via", pushed.via.map(|via| json!(via)));
        fields.add_some("certificate", pushed.certificate.map(digest));
        let policies = pushed.policies.iter().map(
            |policy| json!({"path": bytes(&policy.path), "policy": digest(policy.policy), "registry": digest(policy.registry)}),
        );
        fields.add_list("policies", policies.collect());
        fields.add_list("rules", self.rules.iter().map(RuleOutcome::to_json).collect());
        fields.add_list("findings", self.findings.clone());
        fields.add_some("findings-left-out", (self.findings_left_out > 0).then(|| json!(self.findings_left_out)));
        fields.add_some("brought", self.brought.map(brought));
        fields.add_some("tip", self.tip.map(digest));
        fields.add_some("keys", self.keys.map(digest));
        fields.add_list("approvals", self.approvals.iter().map(CountedApproval::to_json).collect());
        fields.add_list("emergencies", self.emergencies.iter().map(Emergency::to_json).collect());
        fields.add_some("paths", self.paths.map(ChangedPaths::to_json));
        fields.add_list("settles", self.settles.iter().map(Settlement::to_json).collect());
        fields.add_some("waited-ms", (pushed.waited >= 100).then(|| json!(pushed.waited)));
    }
}

impl Witness {
    fn to_json(&self) -> Value {
        let mut pusher = Map::new();
        let mut fields = Fields(&mut pusher);
        fields.add_some("id", self.id.as_ref().map(|id| json!(id)));
        fields.add_some("account", self.account.as_ref().map(|account| json!(account)));
        fields.add_some("known-by", self.known_by.map(|known_by| json!(known_by.word())));
        fields.add_some("unknown", self.unknown.as_ref().map(|why| json!(why)));
        Value::Object(pusher)
    }
}

impl RuleOutcome {
    fn to_json(&self) -> Value {
        json!({
            "policy": self.policy, "name": self.name, "line": self.line, "mode": self.mode, "effect": self.effect.word(),
        })
    }
}

impl Verdict {
    /// As it stands in a record.
    pub fn word(&self) -> &'static str {
        match self {
            Self::Accepted => "accepted",
            Self::Refused => "refused",
            Self::Undecided(_) => "undecided",
        }
    }
}

impl Recorded {
    fn word(self) -> &'static str {
        match self {
            Self::Same => "same",
            Self::Other => "other",
            Self::Never => "never",
        }
    }
}

impl KnownBy {
    fn word(self) -> &'static str {
        match self {
            Self::Certificate => "certificate",
            Self::Sshd => "sshd",
            Self::Server => "server",
        }
    }
}

impl Effect {
    fn word(self) -> &'static str {
        match self {
            Self::Satisfied => "satisfied",
            Self::Observed => "observed",
            Self::Warns => "warns",
            Self::Waived => "waived",
            Self::Refuses => "refuses",
        }
    }
}

/// The keys of a record, in the order they are added.
struct Fields<'a>(&'a mut Map<String, Value>);

impl Fields<'_> {
    fn add(&mut self, key: &str, value: Value) {
        self.0.insert(key.to_owned(), value);
    }

    fn add_some(&mut self, key: &str, value: Option<Value>) {
        if let Some(value) = value {
            self.add(key, value);
        }
    }

    /// An empty list says nothing.
    fn add_list(&mut self, key: &str, values: Vec<Value>) {
        self.add_some(key, (!values.is_empty()).then_some(Value::Array(values)));
    }
}

/// In UTC; for one that no calendar has, its seconds.
pub fn moment(moment: Timestamp) -> String {
    jiff::Timestamp::from_second(moment.0).map_or_else(|_| moment.0.to_string(), |moment| moment.to_string())
}

/// A string if they are UTF-8, else base64 in an object.
pub fn bytes(bytes: &[u8]) -> Value {
    match std::str::from_utf8(bytes) {
        Ok(text) => json!(text),
        Err(_) => json!({ "base64": Base64::encode_string(bytes) }),
    }
}

fn object_id(id: Option<ObjectId>) -> Value {
    id.map_or(Value::Null, |id| json!(id.to_string()))
}

fn digest(digest: Digest) -> Value {
    json!(digest.to_string())
}

fn brought(brought: Brought) -> Value {
    json!({ "objects": brought.objects, "list": digest(brought.list) })
}

/// Ascending numbers as `[first, last]`.
fn ranges(numbers: &[u64]) -> Vec<Value> {
    let mut ranges: Vec<(u64, u64)> = Vec::new();
    for &number in numbers {
        match ranges.last_mut() {
            Some((_, last)) if last.checked_add(1) == Some(number) => *last = number,
            Some(_) | None => ranges.push((number, number)),
        }
    }
    ranges.into_iter().map(|(first, last)| json!([first, last])).collect()
}
