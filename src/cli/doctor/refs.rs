//! Refs that have a value which no record explains: what came while there was no hook, or beside it.

use super::{finding::Finding, settings::shell_word};
use crate::{
    Undecided,
    git::Repository,
    ledger::{Memory, OpenDecision, Standing},
    policy::{built_in::BuiltIn, canary},
    push::{ObjectId, RefName},
    run::{self, Loaded},
};
use std::{
    collections::{BTreeMap, BTreeSet},
    path::Path,
    thread,
    time::Duration,
};

/// How many refs are named; all are counted.
const NAMED: usize = 16;

/// Between two looks at what may be a push that is just being let in.
const A_MOMENT: Duration = Duration::from_millis(300);

/// A ref whose value is not the one that was last recorded of it.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Debug)]
struct Gap {
    name: RefName,
    /// What was recorded last, or accepted; outer `None`: nothing at all.
    recorded: Option<Option<ObjectId>>,
    /// What it is; `None`: it is not there.
    found: Option<ObjectId>,
}

/// Whose refs are looked at.
#[derive(Clone, Copy)]
pub(super) struct Covered<'a> {
    pub(super) repository: &'a Repository,
    pub(super) policies: &'a [Loaded],
    /// What rules know it by; `None`: unknown, and all rules for named repositories are taken to be for this one.
    pub(super) name: Option<&'a [u8]>,
}

/// How many there are, and what is said of them. `memory`: `None` if nothing was ever recorded; `at`: the repository's path.
///
/// # Errors
/// The repository or the ledger cannot be read.
pub(super) fn unrecorded(
    covered: Covered<'_>,
    memory: Option<&Memory<'_>>,
    at: &Path,
) -> Result<(u64, Vec<Finding>), Undecided> {
    let mut found = canaries(covered.repository, at)?;
    let mut gaps = look(covered, memory)?;
    if !gaps.is_empty() {
        // Refs and records are not read in one moment. What a push does in between is gone at the second look.
        thread::sleep(A_MOMENT);
        gaps = &gaps & &look(covered, memory)?;
    }
    let count = u64::try_from(gaps.len()).unwrap_or(u64::MAX);
    let adopt = format!("countersign ledger adopt --repo {}", shell_word(at));
    if count > 0 && !memory.map_or(Ok(false), Memory::knows_repository)? {
        let what = format!("no record knows this repository, of which rules cover refs ({count})");
        found.push(Finding::warning("repository-not-recorded", at, what, format!("{adopt} --all")));
        return Ok((count, found));
    }
    for Gap { name, recorded, found: value } in gaps.iter().take(NAMED) {
        let is = value.map_or_else(|| "is not there".to_owned(), |value| format!("is at {value}"));
        found.push(match recorded {
            None => Finding::critical(
                "ref-unrecorded",
                at,
                format!("{name} {is}, and no record knows it: it came past the hook"),
                format!("see what it holds: git --git-dir {0} log {name}; then delete it, or {adopt} {name}", shell_word(at)),
            ),
            Some(recorded) => {
                let was = recorded.map_or_else(|| "to be gone".to_owned(), |value| format!("to be at {value}"));
                let range = recorded.map(|recorded| format!("{recorded}..")).unwrap_or_default();
                Finding::critical(
                    "ref-moved",
                    at,
                    format!("{name} {is}, and was last recorded {was}: it was changed past the hook"),
                    format!(
                        "see what came: git --git-dir {} log {range}{name}; then put it back by a push, or {adopt} {name}",
                        shell_word(at)
                    ),
                )
            }
        });
    }
    if gaps.len() > NAMED {
        let what = format!("{} more refs have a value that no record explains", gaps.len().saturating_sub(NAMED));
        found.push(Finding::critical("ref-moved", at, what, format!("see `--format json`; {adopt} --all adopts them")));
    }
    Ok((count, found))
}

/// What must never be there.
fn canaries(repository: &Repository, at: &Path) -> Result<Vec<Finding>, Undecided> {
    let found = repository.refs_below(canary::BELOW.as_bytes())?.into_iter().map(|(name, _)| {
        let what = format!("{name} was let in, which must not be");
        let way_out = format!("git --git-dir {} update-ref -d {name}, and see which hook runs", shell_word(at));
        Finding::critical("canary-present", at, what, way_out)
    });
    Ok(found.take(NAMED).collect())
}

fn look(covered: Covered<'_>, memory: Option<&Memory<'_>>) -> Result<BTreeSet<Gap>, Undecided> {
    let Covered { repository, policies, name: repository_name } = covered;
    let references = repository.references()?;
    let is_covered = |name: &RefName| {
        BuiltIn::of(name).is_some()
            || policies.iter().any(|loaded| !run::rules_in_force(loaded, name, &references, repository_name).is_empty())
    };
    let present: BTreeMap<RefName, ObjectId> = repository.all_refs()?.into_iter().collect();
    // A decision that accepted, and of which nobody said yet what became of it, explains a value as well.
    let mut open: BTreeMap<RefName, Vec<OpenDecision>> = BTreeMap::new();
    for decision in memory.map_or_else(|| Ok(Vec::new()), Memory::open_decisions)? {
        open.entry(references.written(&decision.name)).or_default().push(decision);
    }
    let standings: BTreeMap<RefName, Standing> =
        memory.map_or_else(|| Ok(Vec::new()), Memory::standings)?.into_iter().collect();
    let names: BTreeSet<&RefName> = present.keys().chain(standings.keys()).collect();
    let gap = |name: &RefName| {
        let found = present.get(name).copied();
        let open = open.get(name).map(Vec::as_slice).unwrap_or_default();
        let recorded = standings.get(name).map(|standing| standing.value);
        let explains = recorded.unwrap_or(None) == found && (recorded.is_some() || found.is_none())
            || open.iter().any(|open| open.new == found);
        let recorded = recorded.or_else(|| open.last().map(|open| open.new));
        (!explains && is_covered(name)).then(|| Gap { name: name.clone(), recorded, found })
    };
    Ok(names.into_iter().filter_map(gap).collect())
}
