//! Chains of first parents, and where one meets another.
//!
//! Links are taken newest first, so that of several chains the one is found that is met first; nothing relies on dates.

use super::{
    Repository,
    ancestry::{LEAST_DOUBTED, MOST_DOUBTED, committed, read_commit},
};
use crate::{Undecided, object::parents_as_git_reads_them, push::ObjectId};
use std::collections::{BinaryHeap, HashMap, HashSet};

/// One commit of a chain.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Link {
    date: i64,
    id: ObjectId,
    /// Its first parent.
    pub(super) next: Option<ObjectId>,
}

/// Reads a link.
pub(super) fn link(repository: &Repository, id: ObjectId, buffer: &mut Vec<u8>) -> Result<Link, Undecided> {
    read_commit(repository, id, None, buffer)?;
    let next = parents_as_git_reads_them(buffer, repository.format()).into_iter().next();
    Ok(Link { date: committed(buffer), id, next })
}

/// Whether a commit is among the first so many of the chain from `first` on.
pub(super) fn begins_with(
    repository: &Repository,
    first: ObjectId,
    commit: ObjectId,
    at_most: usize,
) -> Result<bool, Undecided> {
    let mut buffer = Vec::new();
    let mut next = Some(first);
    for _ in 0..at_most {
        let Some(here) = next else { break };
        if here == commit {
            return Ok(true);
        }
        next = link(repository, here, &mut buffer)?.next;
    }
    Ok(false)
}

/// The chain from `first` on, before the first commit that is on the chain of one of the others, or that `holds` holds.
///
/// A commit is only left out if it truly is on such a chain. Where dates ascend, the first that is met is found; where they lie,
/// thousands of links more are taken, and beyond that too much may be judged, never too little.
pub(super) fn before_meeting(
    repository: &Repository,
    first: ObjectId,
    others: &[ObjectId],
    holds: &dyn Fn(ObjectId) -> Result<bool, Undecided>,
) -> Result<Vec<ObjectId>, Undecided> {
    let mut buffer = Vec::new();
    let mut waiting = BinaryHeap::new();
    for &other in others {
        waiting.push(link(repository, other, &mut buffer)?);
    }
    let mut chain = Vec::new();
    let (mut on_ours, mut on_others) = (HashMap::new(), HashSet::new());
    let mut ours = Some(link(repository, first, &mut buffer)?);
    let (mut oldest, mut beyond) = (i64::MAX, 0);
    loop {
        let other = waiting.peek().copied();
        if let Some(here) = ours
            && other.is_none_or(|other: Link| other.date < here.date)
        {
            ours = None;
            if !on_others.contains(&here.id) && !holds(here.id)? {
                on_ours.insert(here.id, chain.len());
                chain.push(here.id);
                oldest = oldest.min(here.date);
                ours = here.next.map(|next| link(repository, next, &mut buffer)).transpose()?;
            }
            continue;
        }
        let Some(other) = other else { break };
        if ours.is_none() {
            let enough = if other.date < oldest { LEAST_DOUBTED } else { MOST_DOUBTED };
            if chain.is_empty() || beyond >= enough {
                break;
            }
            beyond += 1;
        }
        waiting.pop();
        if let Some(&met) = on_ours.get(&other.id) {
            // All of this chain from here on is ours, too.
            chain.truncate(met);
            ours = None;
        } else if on_others.insert(other.id)
            && let Some(next) = other.next
        {
            // Where two of the others meet, they go on as one.
            waiting.push(link(repository, next, &mut buffer)?);
        }
    }
    Ok(chain)
}
