//! What became of decisions that accepted: as git says, or as the refs show.

use crate::{
    Undecided,
    git::Repository,
    ledger::{Ledger, Move, OpenDecision, Outcome, Record},
    push::{Push, RefName, RefUpdate, Timestamp},
};
use std::{collections::BTreeSet, os::unix::ffi::OsStrExt, path::Path};

/// Seconds after which a decision has failed if its ref does not have the new value: git changes refs right after the hook,
/// and what serves it gives up long before.
const FAILED_AFTER: i64 = 600;

/// Settles by the values of the refs what nobody told the outcome of: a client that hung up, a machine that went down.
///
/// # Errors
/// The refs cannot be read, or the ledger cannot be written.
pub fn settle(ledger: &mut Ledger, place: &Path, repository: &Repository, now: Timestamp) -> Result<(), Undecided> {
    let open = ledger.memory(place)?.open_decisions()?;
    if open.is_empty() {
        return Ok(());
    }
    let references = repository.references()?;
    let written: Vec<_> = open.iter().map(|decision| references.written(&decision.name)).collect();
    let present = repository.ref_values(&written)?;
    let has_new = |decision: &OpenDecision| present.get(&references.written(&decision.name)).copied() == decision.new;
    let (mut completed, mut failed) = (Vec::new(), Vec::new());
    for decision in &open {
        if has_new(decision) {
            completed.push(decision.number);
        } else if now.0.saturating_sub(decision.time.0) > FAILED_AFTER {
            failed.push(decision.number);
        }
    }
    if completed.is_empty() && failed.is_empty() {
        return Ok(());
    }
    let outcome = Outcome { by: "value", completed, failed };
    ledger.append(&|| now, |writing| writing.record(&Record::Outcome(outcome)).map(drop)).map(drop)
}

/// Records what git says that it did: these updates, and of the pushes that they belong to, no others. `reference-transaction` is
/// also told of changes that nobody decided on.
///
/// # Errors
/// The ledger cannot be written.
pub fn settle_as_told(
    ledger: &mut Ledger,
    place: &Path,
    told: &Push,
    by: &'static str,
    clock: &dyn Fn() -> Timestamp,
) -> Result<(), Undecided> {
    let open = ledger.memory(place)?.open_decisions()?;
    let decided = |update: &RefUpdate| {
        let same = |open: &&OpenDecision| open.name == update.name && open.new == update.change.new();
        open.iter().rev().find(same)
    };
    let (done, undecided): (Vec<_>, Vec<_>) = told.updates.iter().partition(|update| decided(update).is_some());
    let completed: BTreeSet<u64> = done.iter().filter_map(|update| decided(update)).map(|open| open.number).collect();
    // After a push git tells all that it did of it at once; a transaction may be a part of it.
    let pushes: BTreeSet<u64> =
        open.iter().filter(|open| completed.contains(&open.number)).map(|open| open.push).collect();
    let left = open
        .iter()
        .filter(|open| by == POST_RECEIVE && pushes.contains(&open.push) && !completed.contains(&open.number));
    let failed: Vec<u64> = left.map(|open| open.number).collect();
    let moved = match by {
        REFERENCE_TRANSACTION => undecided,
        _ => Vec::new(),
    };
    if completed.is_empty() && moved.is_empty() {
        return Ok(());
    }
    ledger
        .append(clock, |writing| {
            if !completed.is_empty() {
                let completed = completed.into_iter().collect();
                writing.record(&Record::Outcome(Outcome { by, completed, failed }))?;
            }
            for update in moved {
                let repository = place.as_os_str().as_bytes().to_vec();
                let recorded = writing.standing(place, &update.name)?.and_then(|standing| standing.value);
                let (name, found): (RefName, _) = (update.name.clone(), update.change.new());
                if recorded != found {
                    writing.record(&Record::Moved(Move { repository, name, recorded, found, by }))?;
                }
            }
            Ok(())
        })
        .map(drop)
}

/// The words for `by`.
pub const POST_RECEIVE: &str = "post-receive";
/// The words for `by`.
pub const REFERENCE_TRANSACTION: &str = "reference-transaction";
