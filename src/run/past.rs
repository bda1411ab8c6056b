//! What the ledger knows of the repository, as the rules of one policy ask for it.

use super::{Loaded, receipts::Receipts, rules_in_force, tip};
use crate::{
    Undecided,
    git::{References, Repository},
    ledger::{Debt, Digest, Memory, RecordId},
    push::{ObjectId, Push, RefName, RefUpdate, Timestamp},
};
use std::{
    cell::{OnceCell, RefCell},
    collections::BTreeMap,
    os::unix::ffi::OsStrExt,
    sync::Arc,
};

/// Commits of which it is asked one by one what holds them.
const FEW: usize = 16;

/// So far is a commit looked for behind the default branch on its line of first parents, which counts for every rule, before all
/// refs are read instead, which takes about as long.
const NEAR: usize = 1024;

/// What was recorded before the push. Without a ledger, nothing was.
pub(super) struct Past<'a> {
    memory: Option<&'a Memory<'a>>,
    /// When objects were received.
    pub(super) receipts: Option<Arc<Receipts<'a>>>,
    pub(super) repository: &'a Repository,
    references: &'a References,
    loaded: &'a Loaded,
    repository_name: Option<&'a [u8]>,
    push: &'a Push,
    /// Read when a walk first meets commits that were there before.
    settled: OnceCell<Vec<SettledRef>>,
    /// The commits that refs vouch for, by rule: it is the same for all refs of a push.
    vouched: RefCell<BTreeMap<usize, Vec<ObjectId>>>,
}

/// A ref that had, before the push, the value which was last recorded of it.
struct SettledRef {
    name: RefName,
    /// The rules that cover it.
    rules: Vec<usize>,
    value: ObjectId,
    /// The record that says so.
    record: RecordId,
}

impl<'a> Past<'a> {
    pub(super) fn new(
        memory: Option<&'a Memory<'a>>,
        repository: &'a Repository,
        references: &'a References,
        loaded: &'a Loaded,
        repository_name: Option<&'a [u8]>,
        push: &'a Push,
    ) -> Self {
        let (settled, vouched) = (OnceCell::new(), RefCell::default());
        let policy = loaded.path.as_os_str().as_bytes();
        let receipts = memory.map(|memory| Arc::new(Receipts::new(memory, policy)));
        Self { memory, receipts, repository, references, loaded, repository_name, push, settled, vouched }
    }

    /// Whether nothing is known of any past.
    pub(super) fn is_blank(&self) -> bool {
        self.memory.is_none()
    }

    /// Whether this server received an object before a moment.
    pub(super) fn was_received_before(&self, id: ObjectId, moment: Timestamp) -> Result<bool, Undecided> {
        let received = self.memory.map_or(Ok(None), |memory| memory.received(id))?;
        Ok(received.is_some_and(|received| received < moment))
    }

    /// These rules, those together for which the same refs vouch, with the commits that those hold.
    ///
    /// A ref vouches for a rule if the rule covers it, it is not symbolic, and its present value was recorded as accepted by the
    /// rule of this name with nothing found, or adopted.
    ///
    /// `met` are the commits that were there before and that the walk met. Most often each is what a ref holds; then no other
    /// ref need be looked at.
    pub(super) fn vouching(
        &self,
        rules: &[usize],
        met: &[ObjectId],
    ) -> Result<BTreeMap<Vec<ObjectId>, Vec<usize>>, Undecided> {
        if self.vouch_for_each(rules, met)? {
            return Ok(BTreeMap::from([(met.to_vec(), rules.to_vec())]));
        }
        let mut groups: BTreeMap<Vec<ObjectId>, Vec<usize>> = BTreeMap::new();
        for &rule in rules {
            let known = self.vouched.borrow().get(&rule).cloned();
            let tips = known.map_or_else(|| self.vouching_for(rule), Ok)?;
            self.vouched.borrow_mut().insert(rule, tips.clone());
            groups.entry(tips).or_default().push(rule);
        }
        Ok(groups)
    }

    /// Whether a ref was there and went, as far as is recorded.
    pub(super) fn is_gone(&self, name: &RefName) -> Result<bool, Undecided> {
        let standing = self.memory.map_or(Ok(None), |memory| memory.standing(name))?;
        Ok(standing.is_some_and(|standing| standing.value.is_none()))
    }

    /// Whether a ref is recorded to have got its value after another got its own.
    pub(super) fn came_after(&self, name: &RefName, other: &RefName) -> Result<bool, Undecided> {
        let Some(memory) = self.memory else { return Ok(false) };
        let (ours, theirs) = (memory.standing(name)?, memory.standing(other)?);
        Ok(ours.is_some_and(|ours| theirs.is_none_or(|theirs| theirs.record < ours.record)))
    }

    /// The ref that is written under this name: what records call it.
    pub(super) fn written(&self, name: &RefName) -> RefName {
        self.references.written(name)
    }

    /// The record of the update that used a declared emergency up.
    pub(super) fn declaration_used(&self, payload: [u8; 32]) -> Result<Option<u64>, Undecided> {
        self.memory.map_or(Ok(None), |memory| memory.declaration_used(Digest(payload)))
    }

    /// Whether an approval, the raw tag, was counted for another value than `new` that a ref got, or at all.
    pub(super) fn is_approval_spent(&self, tag: &[u8], new: Option<ObjectId>) -> Result<bool, Undecided> {
        self.memory.map_or(Ok(false), |memory| memory.is_approval_spent(Digest::of(tag), new))
    }

    /// The records of emergencies that somebody declared and that nobody reviewed in time.
    pub(super) fn overdue(&self, signer: &str, now: Timestamp) -> Result<Vec<u64>, Undecided> {
        self.memory.map_or_else(|| Ok(Vec::new()), |memory| memory.overdue(signer, now))
    }

    /// What is owed for emergencies under the policy of this registry, or under one that is not in force any more.
    pub(super) fn debts(&self) -> Result<Vec<Debt>, Undecided> {
        self.memory.map_or_else(|| Ok(Vec::new()), Memory::debts)
    }

    /// Whether for each of these commits and rules a ref vouches that holds the commit itself, or the default branch, if that moved
    /// on from it lately. All refs are not read for it.
    fn vouch_for_each(&self, rules: &[usize], met: &[ObjectId]) -> Result<bool, Undecided> {
        let Some(memory) = self.memory else { return Ok(false) };
        if memory.is_of_the_past() || self.settled.get().is_some() || met.len() > FEW {
            return Ok(false);
        }
        let debts = memory.debts()?;
        for &commit in met {
            let mut left = rules.to_vec();
            let names = memory.holding(commit)?;
            let present = self.repository.ref_values(&names)?;
            for name in names.iter().filter(|name| present.get(*name) == Some(&commit)) {
                self.strike_out(&mut left, memory, &debts, name, commit)?;
                if left.is_empty() {
                    break;
                }
            }
            if !left.is_empty() {
                let Some(head) = &self.references.head else { return Ok(false) };
                let present = self.repository.ref_values(std::slice::from_ref(head))?;
                let Some(&value) = present.get(head) else { return Ok(false) };
                self.strike_out(&mut left, memory, &debts, head, value)?;
                if !left.is_empty() || !self.repository.is_on_first_parents(value, commit, NEAR)? {
                    return Ok(false);
                }
            }
        }
        Ok(!met.is_empty())
    }

    /// Takes out the rules that a ref vouches for with the value that it has.
    fn strike_out(
        &self,
        left: &mut Vec<usize>,
        memory: &Memory<'_>,
        debts: &[Debt],
        name: &RefName,
        value: ObjectId,
    ) -> Result<(), Undecided> {
        let is_old =
            |update: &RefUpdate| self.references.written(&update.name) != *name || update.change.old() == Some(value);
        let Some(standing) = memory.standing(name)?.filter(|standing| standing.value == Some(value)) else {
            return Ok(());
        };
        if self.push.updates.iter().all(is_old) {
            for rule in rules_in_force(self.loaded, name, self.references, self.repository_name) {
                if left.contains(&rule) && self.vouches(memory, debts, name, standing.record, rule)? {
                    left.retain(|other| *other != rule);
                }
            }
        }
        Ok(())
    }

    /// Whether a ref that a rule covers, with the value that this record says, owes it no review and was found good by it.
    fn vouches(
        &self,
        memory: &Memory<'_>,
        debts: &[Debt],
        name: &RefName,
        record: RecordId,
        rule: usize,
    ) -> Result<bool, Undecided> {
        let policy = self.loaded.path.as_os_str().as_bytes();
        let Some(rule) = self.loaded.policy.rules.get(rule) else { return Ok(false) };
        let owes = |debt: &Debt| debt.name == *name && debt.policy == policy && debt.rule == rule.name;
        Ok(!debts.iter().any(owes) && memory.is_satisfied(record, policy, &rule.name)?)
    }

    fn vouching_for(&self, number: usize) -> Result<Vec<ObjectId>, Undecided> {
        let Some(memory) = self.memory else { return Ok(Vec::new()) };
        let debts = memory.debts()?;
        let mut tips = Vec::new();
        for settled in self.settled(memory)? {
            // A policy of today is tried on the past as if it had been in force, and what its refs held then had been accepted.
            if settled.rules.contains(&number)
                && (memory.is_of_the_past() || self.vouches(memory, &debts, &settled.name, settled.record, number)?)
            {
                tips.extend(tip::commit_of(&self.repository.peel(settled.value)?));
            }
        }
        tips.sort();
        tips.dedup();
        Ok(tips)
    }

    fn settled(&self, memory: &Memory<'_>) -> Result<&[SettledRef], Undecided> {
        if let Some(settled) = self.settled.get() {
            return Ok(settled);
        }
        let mut present: BTreeMap<_, _> = self.repository.all_refs()?.into_iter().collect();
        // What is judged again has been pushed already: before that, the ref had its old value.
        for update in &self.push.updates {
            let name = self.references.written(&update.name);
            if present.get(&name).copied() != update.change.old() {
                present.remove(&name);
            }
        }
        let is_present = |name: &RefName, value: ObjectId| match memory.is_of_the_past() {
            false => Ok(present.get(name) == Some(&value)),
            true => self.repository.header(value).map(|header| header.is_some()),
        };
        let mut settled = Vec::new();
        for (name, standing) in memory.standings()? {
            if let Some(value) = standing.value
                && is_present(&name, value)?
            {
                let rules = rules_in_force(self.loaded, &name, self.references, self.repository_name);
                settled.push(SettledRef { name, rules, value, record: standing.record });
            }
        }
        Ok(self.settled.get_or_init(|| settled))
    }
}
