//! When a rule was off, warned only, or was weaker than before: from the policies that the ledger keeps.

use super::{Asked, record};
use crate::{
    Undecided,
    cli::ledger::then,
    ledger::{Digest, Entry, Ledger, Subject},
    policy::{
        self, Mode, Policy,
        diff::{self, Difference, Direction},
    },
    push::Timestamp,
    report::register::{Laxity, Moment, Period},
};
use std::collections::BTreeMap;

/// One version of a policy, since a push first met it.
struct Version {
    since: Moment,
    policy: Digest,
    registry: Digest,
    /// `None` where it is not kept, or this program does not read it.
    compiled: Option<Policy>,
}

/// Those that touch the period, the earliest first, and the records of policies that could not be compared.
pub(in crate::cli::ledger) fn periods(
    ledger: &Ledger,
    asked: &Asked,
    now: Timestamp,
) -> Result<(Vec<Period>, Vec<u64>), Undecided> {
    let mut policies: BTreeMap<Vec<u8>, Vec<Version>> = BTreeMap::new();
    // What was in force in the period was recorded before it, perhaps, and ended after it.
    for entry in super::entries(ledger, &Asked::default(), Some(Subject::Kind("policy".to_owned())))? {
        let (path, version) = version(ledger, &entry)?;
        policies.entry(path).or_default().push(version);
    }
    let (mut periods, mut uncompared) = (Vec::new(), Vec::new());
    for (path, versions) in &policies {
        uncompared.extend(versions.iter().filter(|one| one.compiled.is_none()).map(|one| one.since.number));
        modes(path, versions, now, &mut periods);
        weaker(path, versions, &mut periods);
    }
    periods.retain(|period| {
        asked.to.is_none_or(|to| period.from.time < to)
            && asked.from.is_none_or(|from| period.until.is_none_or(|(until, _)| from < until))
    });
    periods.sort_by(|one, other| (one.from, &one.rule, one.how).cmp(&(other.from, &other.rule, other.how)));
    uncompared.sort_unstable();
    Ok((periods, uncompared))
}

fn version(ledger: &Ledger, entry: &Entry) -> Result<(Vec<u8>, Version), Undecided> {
    let damaged = |error| super::damaged(entry, error);
    let (path, policy) = (entry.bytes("path").map_err(damaged)?, entry.digest("policy").map_err(damaged)?);
    let registry = entry.digest("registry").map_err(damaged)?;
    let source = ledger.content(policy)?.and_then(|source| String::from_utf8(source).ok());
    let groups = then::registry(ledger, registry)?.map(|registry| registry.groups());
    let compiled = source.zip(groups).and_then(|(source, groups)| policy::compile(&source, &groups).ok());
    Ok((path, Version { since: record(entry), policy, registry, compiled }))
}

/// The modes that refuse nothing. One that goes on through versions is one period.
fn modes(path: &[u8], versions: &[Version], now: Timestamp, periods: &mut Vec<Period>) {
    let first = periods.len();
    for (at, version) in versions.iter().enumerate() {
        let next = versions.get(at + 1).map(|next| next.since);
        for rule in version.compiled.iter().flat_map(|policy| &policy.rules) {
            let (how, stated) = match rule.mode {
                Mode::Off => (Laxity::Off, None),
                Mode::Observe => (Laxity::Observed, None),
                Mode::Warn => (Laxity::Warned, None),
                Mode::Enforce => match rule.warn_until.filter(|until| version.since.time < *until) {
                    Some(until) => (Laxity::Warned, Some(until)),
                    None => continue,
                },
            };
            let until = match (next, stated) {
                (Some(next), Some(stated)) if stated <= next.time => Some((stated, None)),
                (Some(next), _) => Some((next.time, Some(next.number))),
                (None, Some(stated)) if stated <= now => Some((stated, None)),
                (None, _) => None,
            };
            let mine = periods.iter_mut().skip(first);
            let mut going_on = mine.filter(|one| one.rule.as_ref() == Some(&rule.name) && one.how == how);
            let before = going_on.find(|one| one.until.is_some_and(|(_, number)| number == Some(version.since.number)));
            if let Some(before) = before {
                before.until = until;
                continue;
            }
            let what = match (how, stated) {
                (Laxity::Warned, Some(until)) => {
                    format!("it warns before {} and refuses from then on", crate::ledger::moment(until))
                }
                (Laxity::Off, _) => "its mode is `off`: it matches nothing".to_owned(),
                (Laxity::Observed, _) => "its mode is `observe`: what it finds is recorded alone".to_owned(),
                (Laxity::Warned | Laxity::Weaker, _) => "its mode is `warn`: it refuses nothing".to_owned(),
            };
            let (policy, rule) = (path.to_vec(), Some(rule.name.clone()));
            periods.push(Period { policy, rule, how, what, from: version.since, until });
        }
    }
}

/// What a version takes back of the one before it, until a later one no longer does.
fn weaker(path: &[u8], versions: &[Version], periods: &mut Vec<Period>) {
    let compiled: Vec<_> = versions.iter().filter_map(|version| Some((version, version.compiled.as_ref()?))).collect();
    for (at, pair) in compiled.windows(2).enumerate() {
        let [(before, former), (after, policy)] = pair else { continue };
        if (before.policy, before.registry) == (after.policy, after.registry) {
            continue;
        }
        for difference in diff::differences(former, policy).into_iter().filter(is_weaker) {
            let is_over = |later: &Policy| {
                let mut still = diff::differences(former, later).into_iter().filter(is_weaker);
                still.all(|still| (&still.rule, &still.key) != (&difference.rule, &difference.key))
            };
            let over = compiled.iter().skip(at + 2).find(|(_, later)| is_over(later));
            periods.push(Period {
                policy: path.to_vec(),
                rule: difference.rule.clone(),
                how: Laxity::Weaker,
                what: difference.to_string(),
                from: after.since,
                until: over.map(|(later, _)| (later.since.time, Some(later.since.number))),
            });
        }
    }
}

/// Modes are periods of their own.
fn is_weaker(difference: &Difference) -> bool {
    matches!(difference.direction, Direction::Weaker | Direction::Changed)
        && !["mode", "warn-until"].contains(&difference.key.as_str())
}
