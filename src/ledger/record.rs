//! The records: what each says, and the bytes that the ledger keeps and signs. `docs/ledger.md` describes the form, which
//! has to be readable in ten years without this program.

use crate::push::{ObjectId, RefName, Timestamp};
use base64ct::{Base64, Encoding};
use serde_json::{Map, Value, json};
use std::fmt;

/// The version of the form.
pub const SCHEMA: u32 = 1;

/// The longest record in bytes: an entry bundle of C2SP tlog-tiles states the length in 16 bits.
pub const LONGEST: usize = 65_535;

/// The SHA-256 of a content.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Digest(pub [u8; 32]);

/// One record, without its number and time.
#[derive(Clone, PartialEq, Debug)]
pub enum Record {
    /// The first one.
    Opened(Opening),
    /// What was decided of one ref of a push.
    Decision(Box<Decision>),
    /// What became of decisions that accepted.
    Outcome(Outcome),
    /// A ref whose value changed without a decision.
    Moved(Move),
    /// A policy or its registry is not what was last seen in force.
    Policy(Change),
    /// What is there is received now.
    Adopted(Adoption),
    /// Another key signs from here on: its verifier key.
    Rotated(String),
    /// The last one of a ledger that another continues: that one's origin.
    Closed(String),
}

/// How a ledger begins.
#[derive(Clone, PartialEq, Debug)]
pub struct Opening {
    /// The name under which its checkpoints are signed.
    pub origin: String,
    /// The verifier key.
    pub key: String,
    /// The number of the user who made it.
    pub user: u32,
    /// Whether a hook made it that found none.
    pub by_hook: bool,
    /// The last checkpoint of the ledger that this one continues.
    pub continues: Option<String>,
}

/// What was decided of one ref.
#[derive(Clone, PartialEq, Debug)]
pub struct Decision {
    /// The number of the first decision of the same push.
    pub push: u64,
    /// What is the same for all refs of the push.
    pub pushed: Pushed,
    /// The ref.
    pub name: RefName,
    /// The value it had.
    pub old: Option<ObjectId>,
    /// The value it gets.
    pub new: Option<ObjectId>,
    /// How `old` compares with what was last recorded.
    pub recorded: Recorded,
    /// The rules that matched, and what became of each.
    pub rules: Vec<RuleOutcome>,
    /// As in the JSON of a verdict, without hints; see [`crate::report`].
    pub findings: Vec<Value>,
    /// How many more there were.
    pub findings_left_out: u64,
    /// What the ref gained that was not received before.
    pub brought: Option<Brought>,
    /// The raw object that a deletion or a change that is no fast-forward took away.
    pub tip: Option<Digest>,
    /// Keys that nobody had registered, where the push has findings about such: the list of them.
    pub keys: Option<Digest>,
}

/// What is the same for all refs of a push.
#[derive(Clone, PartialEq, Debug)]
pub struct Pushed {
    /// The path of the git directory.
    pub repository: Vec<u8>,
    /// What the policy knows it by.
    pub repository_name: Option<Vec<u8>>,
    /// Of the push as a whole.
    pub verdict: Verdict,
    /// Who pushed.
    pub pusher: Witness,
    /// How it came about: `push`, `merge`, `edit` or `web`.
    pub via: Option<&'static str>,
    /// The push certificate.
    pub certificate: Option<Digest>,
    /// The policies in force.
    pub policies: Vec<InForce>,
    /// Milliseconds until the ledger could be written.
    pub waited: u64,
}

/// What was decided of a push as a whole.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Verdict {
    /// It was let in.
    Accepted,
    /// It was not.
    Refused,
    /// It was not, since it could not be decided: why.
    Undecided(String),
}

/// Who pushed, and how that is known.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct Witness {
    /// The registered signer's id.
    pub id: Option<String>,
    /// What the Git server calls them.
    pub account: Option<String>,
    /// By what evidence the id is known.
    pub known_by: Option<KnownBy>,
    /// Why not, where it is not.
    pub unknown: Option<String>,
}

/// By what evidence a pusher is known; the strongest first.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum KnownBy {
    /// A push certificate.
    Certificate,
    /// The key that sshd authenticated.
    Sshd,
    /// The Git server's word alone.
    Server,
}

/// A policy in force.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct InForce {
    /// The file.
    pub path: Vec<u8>,
    /// Its text.
    pub policy: Digest,
    /// Its registry's list of files.
    pub registry: Digest,
}

/// How a ref's old value compares with what was last recorded.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Recorded {
    /// It is that.
    Same,
    /// It is another.
    Other,
    /// Nothing is recorded of the ref.
    Never,
}

/// A rule that matched.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct RuleOutcome {
    /// The place of its policy among those in force, from 0.
    pub policy: usize,
    /// Its name.
    pub name: String,
    /// Where it stands in its file, from 1.
    pub line: usize,
    /// `enforce`, `warn` or `observe`, as it acted.
    pub mode: &'static str,
    /// What became of it.
    pub effect: Effect,
}

/// What became of a rule.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub enum Effect {
    /// Nothing was found.
    Satisfied,
    /// Something was, which is recorded only.
    Observed,
    /// Something was, which the pusher is told.
    Warns,
    /// Something was, which refuses.
    Refuses,
}

/// What a ref gained that this repository had not received.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Brought {
    /// How many commits and tags.
    pub objects: u64,
    /// The list of them.
    pub list: Digest,
}

/// What became of decisions that accepted.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Outcome {
    /// `post-receive`, `reference-transaction` or `value`.
    pub by: &'static str,
    /// Numbers of decisions, ascending.
    pub completed: Vec<u64>,
    /// Numbers of decisions, ascending.
    pub failed: Vec<u64>,
}

/// A ref whose value changed without a decision.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Move {
    /// The path of the git directory.
    pub repository: Vec<u8>,
    /// The ref.
    pub name: RefName,
    /// The value that was recorded.
    pub recorded: Option<ObjectId>,
    /// The value that it has.
    pub found: Option<ObjectId>,
    /// `reference-transaction` or `push`.
    pub by: &'static str,
}

/// A policy or its registry is not what was last seen in force.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Change {
    /// What is in force now.
    pub to: InForce,
    /// What was, the policy first.
    pub from: Option<(Digest, Digest)>,
    /// What may be accepted now and was not before, in sentences.
    pub weaker: Vec<String>,
}

/// An administrator declares that what is there is received now.
#[derive(Clone, PartialEq, Debug)]
pub struct Adoption {
    /// The path of the git directory.
    pub repository: Vec<u8>,
    /// The refs and their values.
    pub refs: Vec<(RefName, ObjectId)>,
    /// What they hold that was not received before.
    pub brought: Option<Brought>,
    /// The number of the user who ran the command.
    pub user: u32,
}

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
                fields.add_some("continues", opening.continues.as_ref().map(|checkpoint| json!(checkpoint)));
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
            Self::Closed(next) => fields.add("next", json!(next)),
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
            Self::Refuses => "refuses",
        }
    }
}

impl Digest {
    /// The digest of these bytes.
    pub fn of(bytes: &[u8]) -> Self {
        Self(crate::signature::sha256(bytes))
    }

    /// As records write it.
    pub fn parse(text: &str) -> Option<Self> {
        super::tree::Hash::from_hex(text.strip_prefix("sha256:")?).map(|hash| Self(*hash.as_bytes()))
    }
}

impl fmt::Display for Digest {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("sha256:")?;
        self.0.iter().try_for_each(|byte| write!(f, "{byte:02x}"))
    }
}

impl fmt::Debug for Digest {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
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
