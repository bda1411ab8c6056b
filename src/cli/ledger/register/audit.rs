//! What the yearly report says beside the register.

use super::{Asked, gather, pusher, read, record};
use crate::{
    Undecided,
    cli::ledger::then,
    ledger::{Bringing, Digest, Entry, Ledger, Subject},
    push::Timestamp,
    report::audit::{Audit, Key, PolicyChange, Pusher},
};
use serde_json::Value;
use std::collections::{BTreeMap, BTreeSet};

/// The report, as of `now`. Decisions are read one after another.
pub(in crate::cli::ledger) fn audit(ledger: &Ledger, asked: &Asked, now: Timestamp) -> Result<Audit, Undecided> {
    let mut audit = Audit {
        register: gather(ledger, asked, now)?,
        pushes: BTreeMap::new(),
        changes: BTreeMap::new(),
        repositories: BTreeMap::new(),
        pushers: BTreeMap::new(),
        reasons: BTreeMap::new(),
        signers: BTreeMap::new(),
        statuses: BTreeMap::new(),
        policies: policies(ledger, asked)?,
        keys: keys(ledger, now)?,
    };
    let mut numbers = ledger.find(&asked.wanted(Some(Subject::Kind("decision".to_owned()))), None, usize::MAX)?;
    numbers.reverse();
    let mut last_push = None;
    for number in numbers {
        let entry = read(ledger, number)?;
        let push = entry.number_of("push").map_err(|error| super::damaged(&entry, error))?;
        // The decisions of a push stand together.
        let is_first = last_push.replace(push) != Some(push);
        count(ledger, &entry, is_first, &mut audit)?;
    }
    Ok(audit)
}

fn count(ledger: &Ledger, entry: &Entry, is_first: bool, audit: &mut Audit) -> Result<(), Undecided> {
    let damaged = |error| super::damaged(entry, error);
    let verdict = entry.text("verdict").map_err(damaged)?;
    if is_first {
        *audit.pushes.entry(verdict.to_owned()).or_default() += 1;
    }
    let state = ledger.state(entry.number())?.unwrap_or_default();
    let pusher = pusher(entry);
    let who = match (pusher.id, pusher.account) {
        (Some(id), _) => Pusher::Known(id),
        (None, Some(account)) => Pusher::Account(account),
        (None, None) => Pusher::Unknown,
    };
    let repository = entry.bytes("repository").map_err(damaged)?;
    for tally in [audit.repositories.entry(repository).or_default(), audit.pushers.entry(who).or_default()] {
        match state.as_str() {
            "completed" => tally.accepted += 1,
            "refused" => tally.refused += 1,
            _ => {}
        }
    }
    let mut told = BTreeSet::new();
    for finding in entry.list("findings").map_err(damaged)? {
        let text = |key| finding.get(key).and_then(Value::as_str).unwrap_or_default();
        // Once for a change, however many objects or rules found it.
        if !told.insert((text("reason"), text("effect"))) {
            continue;
        }
        let found = audit.reasons.entry(text("reason").to_owned()).or_default();
        match text("effect") {
            "refuses" => found.refused += 1,
            "waived" => found.waived += 1,
            _ => found.told += 1,
        }
    }
    if state == "completed"
        && let Some((list, _)) = entry.brought().map_err(damaged)?
    {
        let list = ledger.content(list)?.ok_or_else(|| super::damaged(entry, "the list of what it brought is gone"))?;
        for (_, person) in Bringing::read(&list).map_err(damaged)?.objects() {
            let status = person.map_or("not judged", |person| person.status.as_str());
            *audit.statuses.entry(status.to_owned()).or_default() += 1;
            let Some((signer, key)) = person.and_then(|person| Some((person.signer.as_ref()?, person.key.as_ref()?)))
            else {
                continue;
            };
            let signed = audit.signers.entry(signer.clone()).or_default();
            signed.objects += 1;
            *signed.keys.entry(key.clone()).or_default() += 1;
        }
    }
    *audit.changes.entry(state).or_default() += 1;
    Ok(())
}

/// Policies are of no repository and of no ref.
fn policies(ledger: &Ledger, asked: &Asked) -> Result<Vec<PolicyChange>, Undecided> {
    let period = Asked { from: asked.from, to: asked.to, ..Asked::default() };
    let change = |entry: &Entry| {
        let damaged = |error| super::damaged(entry, error);
        let former = entry.digest("former-policy").ok();
        let weaker = entry.list("weaker").map_err(damaged)?.iter();
        Ok(PolicyChange {
            record: record(entry),
            path: entry.bytes("path").map_err(damaged)?,
            is_policy: former != Some(entry.digest("policy").map_err(damaged)?),
            weaker: weaker.filter_map(Value::as_str).map(str::to_owned).collect(),
        })
    };
    super::entries(ledger, &period, Some(Subject::Kind("policy".to_owned())))?.iter().map(change).collect()
}

/// Of the registries that were last in force, also where that was after the period: who has to act does so now.
fn keys(ledger: &Ledger, now: Timestamp) -> Result<Vec<Key>, Undecided> {
    let mut registries: BTreeMap<Vec<u8>, Digest> = BTreeMap::new();
    for entry in super::entries(ledger, &Asked::default(), Some(Subject::Kind("policy".to_owned())))? {
        let damaged = |error| super::damaged(&entry, error);
        registries.insert(entry.bytes("path").map_err(damaged)?, entry.digest("registry").map_err(damaged)?);
    }
    let lists: BTreeSet<Digest> = registries.into_values().collect();
    let mut keys = Vec::new();
    let last = Timestamp(now.0.saturating_add(Audit::AHEAD));
    for list in lists {
        for entry in then::registry(ledger, list)?.map(|registry| registry.list(now)).unwrap_or_default() {
            let is_over = entry.ends.is_none() && !entry.state.starts_with("good");
            let Some(signer) = entry.signer.filter(|_| is_over || entry.ends.is_some_and(|end| end <= last)) else {
                continue;
            };
            keys.push(Key { ends: entry.ends, signer: signer.0, key: entry.key.to_string(), state: entry.state });
        }
    }
    keys.sort();
    keys.dedup();
    Ok(keys)
}
