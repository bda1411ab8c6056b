//! What became of decisions that accepted: as git says, or as the refs show.

use crate::{
    Undecided,
    git::Repository,
    ledger::{Ledger, Move, OpenDecision, Outcome, Record, Writing},
    push::{ObjectId, RefName, RefUpdate, Timestamp},
};
use std::{collections::BTreeSet, os::unix::ffi::OsStrExt, path::Path};

/// Seconds after which a decision has failed if its ref does not have the new value: git changes refs right after the hook,
/// and what serves it gives up long before.
const FAILED_AFTER: i64 = 600;

/// A change of a ref that git says it made.
#[derive(Clone, Debug)]
pub struct Done {
    /// The ref.
    pub name: RefName,
    /// The value it had; `None` also where git did not look.
    pub old: Option<ObjectId>,
    /// The value it has now.
    pub new: Option<ObjectId>,
}

impl From<&RefUpdate> for Done {
    fn from(update: &RefUpdate) -> Self {
        Self { name: update.name.clone(), old: update.change.old(), new: update.change.new() }
    }
}

/// Settles by the values of the refs what nobody told the outcome of: a client that hung up, a machine that went down.
///
/// # Errors
/// The refs cannot be read, or the ledger cannot be written.
pub fn settle(
    ledger: &mut Ledger,
    place: &Path,
    repository: &Repository,
    clock: &dyn Fn() -> Timestamp,
) -> Result<(), Undecided> {
    let open = ledger.memory(place)?.open_decisions()?;
    if open.is_empty() {
        return Ok(());
    }
    let references = repository.references()?;
    let written: Vec<_> = open.iter().map(|decision| references.written(&decision.name)).collect();
    let present = repository.ref_values(&written)?;
    let has_new = |decision: &OpenDecision| present.get(&references.written(&decision.name)).copied() == decision.new;
    let is_over = |decision: &OpenDecision| clock().0.saturating_sub(decision.time.0) > FAILED_AFTER;
    if !open.iter().any(|decision| has_new(decision) || is_over(decision)) {
        return Ok(());
    }
    let read: BTreeSet<u64> = open.iter().map(|decision| decision.number).collect();
    let write = |writing: &mut Writing<'_>| {
        let (mut completed, mut failed) = (BTreeSet::new(), BTreeSet::new());
        let mut explained = BTreeSet::new();
        // Another hook may have settled some meanwhile. Those that came since the refs were read are not looked at.
        let open = writing.open_decisions(place)?;
        for decision in open.iter().rev().filter(|decision| read.contains(&decision.number)) {
            // Of several that gave the ref this value one did: the last. What was recorded later has it from elsewhere.
            let standing = writing.standing(place, &decision.name)?;
            let is_last = standing.is_none_or(|standing| standing.record < writing.id(decision.number));
            if has_new(decision) && is_last && explained.insert(&decision.name) {
                completed.insert(decision.number);
            } else if is_over(decision) {
                failed.insert(decision.number);
            }
        }
        outcome(writing, "value", completed, failed)
    };
    ledger.append(clock, write).map(drop)
}

/// Records what git says that it did: these changes, and of the pushes that they belong to, no others. `reference-transaction` is
/// also told of changes that nobody decided on.
///
/// # Errors
/// The refs cannot be read, or the ledger cannot be written.
pub fn settle_as_told(
    ledger: &mut Ledger,
    place: &Path,
    repository: &Repository,
    told: &[Done],
    by: &'static str,
    clock: &dyn Fn() -> Timestamp,
) -> Result<(), Undecided> {
    let references = repository.references()?;
    let after_push = by == POST_RECEIVE;
    // A transaction names what a symbolic ref leads to.
    let is_name =
        |decided: &RefName, done: &RefName| decided == done || (!after_push && references.written(decided) == *done);
    let is_old = |decided, done: Option<ObjectId>| decided == done || (!after_push && done.is_none());
    let write = |writing: &mut Writing<'_>| {
        let open = writing.open_decisions(place)?;
        let (mut completed, mut moved) = (BTreeSet::new(), Vec::new());
        for done in told {
            let candidate = open
                .iter()
                .rev()
                .find(|open| is_name(&open.name, &done.name) && open.new == done.new && is_old(open.old, done.old));
            // Where a later decision on the same change was completed, that one is meant.
            let decided = match candidate {
                Some(open) => {
                    let later = writing.last_decision(place, &open.name, open.old, open.new, "completed")?;
                    later.is_none_or(|later| later < open.number).then_some(open.number)
                }
                None => None,
            };
            match decided {
                Some(decided) => drop(completed.insert(decided)),
                None if after_push => completed.extend(taken_for_failed(writing, place, done)?),
                None => moved.push(done),
            }
        }
        // After a push git tells all that it did of it at once; a transaction may be a part of it.
        let pushes: BTreeSet<u64> =
            open.iter().filter(|open| completed.contains(&open.number)).map(|open| open.push).collect();
        let left = open.iter().filter(|open| after_push && pushes.contains(&open.push));
        let failed = left.map(|open| open.number).filter(|number| !completed.contains(number)).collect();
        outcome(writing, by, completed, failed)?;
        if moved.is_empty() {
            return Ok(());
        }
        let names: Vec<_> = moved.iter().map(|done| done.name.clone()).collect();
        let present = repository.ref_values(&names)?;
        for Done { name, new: found, .. } in moved {
            // When git packs refs it tells old values as set and, before version 2.36, packed ones as deleted.
            let is_so = present.get(name) == found.as_ref();
            let recorded = writing.standing(place, name)?.and_then(|standing| standing.value);
            if is_so && recorded != *found {
                let repository = place.as_os_str().as_bytes().to_vec();
                let (name, found) = (name.clone(), *found);
                writing.record(&Record::Moved(Move { repository, name, recorded, found, by }))?;
            }
        }
        Ok(())
    };
    ledger.append(clock, write).map(drop)
}

/// A decision that another push took for failed, since git took so long; nothing of its ref is recorded since.
fn taken_for_failed(writing: &Writing<'_>, place: &Path, done: &Done) -> Result<Option<u64>, Undecided> {
    let failed = writing.last_decision(place, &done.name, done.old, done.new, "failed")?;
    let standing = writing.standing(place, &done.name)?.map(|standing| standing.record);
    Ok(failed.filter(|failed| standing.is_none_or(|standing| standing < writing.id(*failed))))
}

fn outcome(
    writing: &mut Writing<'_>,
    by: &'static str,
    completed: BTreeSet<u64>,
    failed: BTreeSet<u64>,
) -> Result<(), Undecided> {
    if completed.is_empty() && failed.is_empty() {
        return Ok(());
    }
    let (completed, failed) = (completed.into_iter().collect(), failed.into_iter().collect());
    writing.record(&Record::Outcome(Outcome { by, completed, failed })).map(drop)
}

/// The words for `by`.
pub const POST_RECEIVE: &str = "post-receive";
/// The words for `by`.
pub const REFERENCE_TRANSACTION: &str = "reference-transaction";
