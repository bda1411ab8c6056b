//! Whether a commit is on one of the refs that a rule asks about, before or after the push.

use super::{Loaded, tip};
use crate::{
    Undecided,
    git::{References, Repository},
    policy::DEFAULT_BRANCH,
    push::{ObjectId, ObjectIdSet, Push, RefName},
};
use std::collections::BTreeMap;

/// So many commits are looked for one by one, which ends as soon as each is found; for more, all that the refs hold is
/// listed once, or a push of thousands of tags would walk the same history for each.
const LOOKED_FOR_ALONE: usize = 4;

/// Answers for one push under one policy; refs are read when they are first asked for.
pub(super) struct Containment<'a> {
    pub(super) push: &'a Push,
    pub(super) repository: &'a Repository,
    pub(super) references: &'a References,
    pub(super) loaded: &'a Loaded,
    pub(super) repository_name: Option<&'a [u8]>,
    /// By the rule's place in the policy.
    holders: BTreeMap<usize, Holders>,
}

struct Holders {
    tips: Vec<ObjectId>,
    asked: usize,
    held: Option<ObjectIdSet>,
}

impl<'a> Containment<'a> {
    pub(super) fn new(
        push: &'a Push,
        repository: &'a Repository,
        references: &'a References,
        loaded: &'a Loaded,
        repository_name: Option<&'a [u8]>,
    ) -> Self {
        Self { push, repository, references, loaded, repository_name, holders: BTreeMap::new() }
    }

    /// Whether the commit is reachable from a ref that this rule asks about.
    pub(super) fn holds(&mut self, rule: usize, commit: ObjectId) -> Result<bool, Undecided> {
        if !self.holders.contains_key(&rule) {
            let tips = self.tips(rule)?;
            self.holders.insert(rule, Holders { tips, asked: 0, held: None });
        }
        let Some(holders) = self.holders.get_mut(&rule) else { return Ok(false) };
        holders.asked += 1;
        if holders.asked <= LOOKED_FOR_ALONE {
            return self.repository.is_ancestor_of_any(commit, &holders.tips);
        }
        if holders.held.is_none() {
            holders.held = Some(self.repository.reachable(&holders.tips, &|| ())?);
        }
        Ok(holders.held.as_ref().is_some_and(|held| held.contains(&commit)))
    }

    /// The commits that the refs in question point at. A ref is asked about under each of its names.
    fn tips(&self, rule: usize) -> Result<Vec<ObjectId>, Undecided> {
        let mut values = self.repository.all_refs()?;
        // Git refuses by itself an update whose old value is not the ref's, and takes the others: it counts for nothing.
        let present: BTreeMap<_, _> = values.iter().cloned().collect();
        let updates = self.push.updates.iter();
        let in_time = updates
            .filter(|update| present.get(&self.references.written(&update.name)).copied() == update.change.old());
        values.extend(in_time.filter_map(|update| Some((update.name.clone(), update.change.new()?))));
        let mut asked: Vec<ObjectId> = Vec::new();
        for (name, value) in values {
            let names = self.references.names_of(&name);
            let is_default = self.references.head.as_ref().is_some_and(|head| names.contains(head));
            let mut names = names.iter().map(RefName::as_bytes).chain(is_default.then_some(DEFAULT_BRANCH.as_bytes()));
            if names.any(|name| self.loaded.asks_about(rule, name)) {
                asked.push(value);
            }
        }
        asked.sort();
        asked.dedup();
        let mut tips = Vec::new();
        for value in asked {
            tips.extend(tip::commit_of(&self.repository.peel(value)?));
        }
        Ok(tips)
    }
}
