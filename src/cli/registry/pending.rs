//! `registry pending`: unknown keys that were seen on pushes.

use super::super::{
    Common, Form, Outcome, kept,
    output::Output,
    place::{Files, now},
};
use crate::{
    Undecided,
    ledger::{Entry, Ledger, Subject, UnknownKey, Wanted, bytes, bytes_of},
    registry::Registry,
    report::{SCHEMA, escaped},
};
use clap::Args;
use serde_json::{Value, json};
use std::{
    collections::{BTreeSet, HashSet},
    path::{Path, PathBuf},
};

/// Lists keys that the registry did not know when something signed by them was pushed, and does not know now: with who
/// pushed it, the names in what they signed, the refs, and when. `registry accept` enrols one.
#[derive(Args, Debug)]
pub(in crate::cli) struct Pending {
    /// The ledger's folder [default: that of the policy in force; outside a repository, of the site's]
    #[arg(long, value_name = "DIR")]
    ledger: Option<PathBuf>,
    /// The registry folder [default: that of the policy in force]
    #[arg(long, value_name = "DIR")]
    registry: Option<PathBuf>,
}

/// Records of one key that are read; of the others only the first is.
const READ: usize = 100;

pub(super) fn run(common: &Common, arguments: &Pending, output: &mut Output) -> Result<Outcome, Undecided> {
    let ledger = kept::to_ask(common, arguments.ledger.as_deref())?;
    let registries = registries(common, arguments.registry.as_deref())?;
    let (now, mut known) = (now()?, HashSet::new());
    for registry in &registries {
        known.extend(registry.list(now).into_iter().map(|entry| entry.key.to_string()));
    }
    let mut pending = Vec::new();
    let ledgers = ledger.chain()?;
    let mut unknown = BTreeSet::new();
    for ledger in &ledgers {
        unknown.extend(ledger.unknown_keys()?);
    }
    for key in unknown.into_iter().filter(|key| !known.contains(key)) {
        pending.extend(Seen::of(&ledgers, key)?);
    }
    // Whoever waits pushed last.
    pending.sort_by(|one, other| other.last.cmp(&one.last));
    match common.format {
        Form::Json => {
            let keys: Vec<_> = pending.iter().map(Seen::to_json).collect();
            output.line(&json!({ "schema": SCHEMA, "keys": keys }).to_string())?;
        }
        Form::Human | Form::Porcelain | Form::Csv | Form::Html | Form::Prometheus => {
            for seen in &pending {
                seen.write(output)?;
            }
            if pending.is_empty() {
                output.line("no unknown key was seen that the registry does not know now")?;
            }
        }
    }
    Ok(Outcome::Good)
}

fn registries(common: &Common, folder: Option<&Path>) -> Result<Vec<Registry>, Undecided> {
    let files = Files::new(common)?;
    match folder {
        Some(folder) => Ok(vec![files.setup().registry(folder, &[])?]),
        None => Ok(files.policies_here(common)?.into_iter().map(|loaded| loaded.registry).collect()),
    }
}

/// The unknown keys of a record.
pub(super) fn keys_of(ledger: &Ledger, entry: &Entry) -> Result<Vec<UnknownKey>, Undecided> {
    let damaged = |error| Undecided::server(format!("reading record {}", entry.number()), error);
    if entry.some("keys").is_none() {
        return Ok(Vec::new());
    }
    let list = ledger.content(entry.digest("keys").map_err(damaged)?)?;
    list.map(|list| UnknownKey::read_list(&list)).transpose().map_err(damaged).map(Option::unwrap_or_default)
}

/// The decisions that an unknown key is about, the newest first, at most so many, each with its ledger.
pub(super) fn decisions<'a>(
    ledgers: &[&'a Ledger],
    key: &str,
    at_most: usize,
) -> Result<Vec<(&'a Ledger, Entry)>, Undecided> {
    let wanted = Wanted { conditions: vec![vec![Subject::UnknownKey(key.to_owned())]], ..Wanted::default() };
    let mut decisions = Vec::new();
    for &ledger in ledgers {
        for number in ledger.find(&wanted, None, at_most.saturating_sub(decisions.len()))? {
            decisions.extend(ledger.entry(number)?.map(|entry| (ledger, entry)));
        }
    }
    Ok(decisions)
}

/// What was seen of a key.
struct Seen {
    key: String,
    format: Option<String>,
    /// Whether the public key is kept.
    is_kept: bool,
    /// The signers' ids, accounts in parentheses.
    pushers: BTreeSet<String>,
    names: BTreeSet<Vec<u8>>,
    /// Repository and ref.
    refs: BTreeSet<(Vec<u8>, Vec<u8>)>,
    first: String,
    last: String,
    pushes: usize,
    /// Whether there were more pushes than were read.
    is_more: bool,
}

impl Seen {
    /// `None` if no push is known that it was found wanting in: it came beside signatures that no rule asked for.
    fn of(ledgers: &[&Ledger], key: String) -> Result<Option<Self>, Undecided> {
        let entries = decisions(ledgers, &key, READ.saturating_add(1))?;
        let is_more = entries.len() > READ;
        let (mut pushes, mut seen) = (HashSet::new(), None::<Self>);
        for (ledger, entry) in entries.iter().take(READ) {
            let Some(unknown) = keys_of(ledger, entry)?.into_iter().find(|unknown| unknown.fingerprint == key) else {
                continue;
            };
            let time = crate::ledger::moment(entry.moment_that_counts());
            let seen = seen.get_or_insert_with(|| Self {
                key: key.clone(),
                format: unknown.format.clone(),
                is_kept: false,
                pushers: BTreeSet::new(),
                names: BTreeSet::new(),
                refs: BTreeSet::new(),
                first: time.clone(),
                last: time.clone(),
                pushes: 0,
                is_more,
            });
            seen.is_kept |= unknown.key.is_some();
            seen.names.extend(unknown.names);
            seen.first = time;
            let said = |what| entry.some("pusher").and_then(|pusher| pusher.get(what)).and_then(Value::as_str);
            let pusher = said("id").map(str::to_owned).or(said("account").map(|account| format!("({account})")));
            seen.pushers.extend(pusher);
            let place = |what| entry.some(what).and_then(bytes_of).unwrap_or_default();
            seen.refs.insert((place("repository"), place("ref")));
            pushes.insert(entry.number_of("push").ok().map(|push| ledger.id(push)));
            seen.pushes = pushes.len();
        }
        Ok(seen)
    }

    fn write(&self, output: &mut Output) -> Result<(), Undecided> {
        let shown = |bytes: &Vec<u8>| escaped(&String::from_utf8_lossy(bytes));
        output.line(&format!("{} {}", self.format.as_deref().unwrap_or("key"), escaped(&self.key)))?;
        let pushers: Vec<_> = self.pushers.iter().map(|pusher| escaped(pusher)).collect();
        let pushers = if pushers.is_empty() { "(unknown)".to_owned() } else { pushers.join(", ") };
        output.line(&format!("  pushed by  {pushers}"))?;
        for name in &self.names {
            output.line(&format!("  as         {}", shown(name)))?;
        }
        for (repository, name) in &self.refs {
            output.line(&format!("  to         {} of {}", shown(name), shown(repository)))?;
        }
        let pushes = match (self.pushes, self.is_more) {
            (_, true) => format!("more than {READ} times"),
            (1, false) => "once".to_owned(),
            (pushes, false) => format!("{pushes} times"),
        };
        let when = if self.first == self.last { self.last.clone() } else { format!("{} to {}", self.first, self.last) };
        output.line(&format!("  seen       {pushes}, {when}"))?;
        let person = match self.pushers.iter().next() {
            Some(person) if self.pushers.len() == 1 && !person.starts_with('(') => escaped(person),
            Some(_) | None => "ID".to_owned(),
        };
        output.line(&match self.is_kept {
            true => format!("  accept     countersign registry accept {} --for {person}", escaped(&self.key)),
            false => {
                format!("  accept     get the key from its owner: countersign registry import FILE --for {person}")
            }
        })
    }

    fn to_json(&self) -> Value {
        let names: Vec<_> = self.names.iter().map(|name| bytes(name)).collect();
        let refs = self.refs.iter();
        let refs = refs.map(|(repository, name)| json!({ "repository": bytes(repository), "ref": bytes(name) }));
        json!({
            "fingerprint": self.key, "format": self.format, "kept": self.is_kept, "pushers": self.pushers, "names": names,
            "refs": refs.collect::<Vec<_>>(), "first": self.first, "last": self.last, "pushes": self.pushes,
            "more": self.is_more,
        })
    }
}
