//! The signed tags at `refs/approvals/` and `refs/emergencies/`: those that stand, those that the push brings, and whether it
//! may.

use super::{Case, Loaded, past::Past};
use crate::{
    Undecided,
    git::{Comparer, ObjectKind, Read, Repository},
    ledger::Debt,
    object::{Commit, Tag, parents_as_git_reads_them, tree_as_git_reads_it},
    policy::{
        Rule, Who,
        approval::{Approval, Approved},
        built_in::{BuiltIn, TagFault},
        declaration::{Declaration, settles},
        facts::{Pusher, Via},
        rules::Needs,
    },
    push::{ApprovalName, Change, EmergencyName, ObjectId, Push, RefName, RefUpdate, Timestamp},
    registry::{Registry, SignerId, VerifyTime, When},
    signature::{self, Signature},
};
use std::{
    cell::OnceCell,
    collections::{BTreeMap, BTreeSet},
    os::unix::ffi::OsStrExt,
};

/// Bytes of an approval or of a tag that declares an emergency: whoever may push them must not keep others waiting.
const LARGEST_TAG: u64 = 64 * 1024;

/// So many updates look for their tags one by one; for more, all approvals are read once.
const LOOKED_FOR_ALONE: usize = 8;

/// What the tags of one push say, as one policy's registry knows people.
pub(super) struct SignedTags<'a> {
    repository: &'a Repository,
    push: &'a Push,
    policies: &'a [Loaded],
    loaded: &'a Loaded,
    registry: &'a Registry,
    now: Timestamp,
    pusher: &'a Pusher,
    /// All approvals once the push is through, where many updates ask for theirs.
    approvals: OnceCell<BTreeMap<RefName, ObjectId>>,
}

/// A debt that an approval settles.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Settled {
    /// The record that opened it.
    pub decision: u64,
    /// The place of the rule's policy among those of that record.
    pub place: usize,
    /// The rule that was waived.
    pub rule: String,
    /// Who approves.
    pub approver: SignerId,
    /// The tag object.
    pub tag: ObjectId,
}

impl<'a> SignedTags<'a> {
    pub(super) fn new(case: &Case<'a>, loaded: &'a Loaded, pusher: &'a Pusher) -> Self {
        let Case { repository, push, policies, now, .. } = *case;
        let (registry, approvals) = (&loaded.registry, OnceCell::new());
        Self { repository, push, policies, loaded, registry, now, pusher, approvals }
    }

    /// The refs below a folder once the push is through.
    fn below(&self, folder: &[u8]) -> Result<BTreeMap<RefName, ObjectId>, Undecided> {
        let all = ApprovalName::BELOW.as_bytes();
        if self.push.updates.len() <= LOOKED_FOR_ALONE || !folder.starts_with(all) {
            return self.read_below(folder);
        }
        if self.approvals.get().is_none() {
            drop(self.approvals.set(self.read_below(all)?));
        }
        let held = self.approvals.get().into_iter().flatten();
        let inside = held.filter(|(name, _)| name.as_bytes().starts_with(folder));
        Ok(inside.map(|(name, id)| (name.clone(), *id)).collect())
    }

    fn read_below(&self, folder: &[u8]) -> Result<BTreeMap<RefName, ObjectId>, Undecided> {
        let mut refs: BTreeMap<_, _> = self.repository.refs_below(folder)?.into_iter().collect();
        for update in self.push.updates.iter().filter(|update| update.name.as_bytes().starts_with(folder)) {
            match update.change.new() {
                Some(new) => refs.insert(update.name.clone(), new),
                None => refs.remove(&update.name),
            };
        }
        Ok(refs)
    }

    /// Hands over an annotated tag, read and verified; `None` if the object is none that can be read as such.
    fn with_tag<T>(&self, id: ObjectId, hand: impl FnOnce(&Tag<'_>, &Signature) -> T) -> Result<Option<T>, Undecided> {
        self.with_tag_of(id, None, hand)
    }

    /// The same of a tag that points at `target`, if one is given: no other is verified.
    fn with_tag_of<T>(
        &self,
        id: ObjectId,
        target: Option<ObjectId>,
        hand: impl FnOnce(&Tag<'_>, &Signature) -> T,
    ) -> Result<Option<T>, Undecided> {
        match self.repository.header(id)? {
            Some((ObjectKind::Tag, size)) if size <= LARGEST_TAG => {}
            Some(_) => return Ok(None),
            None => return Err(Undecided::server("reading a signed tag", format!("{id} is missing"))),
        }
        let mut bytes = Vec::new();
        match self.repository.read(id, &mut bytes)? {
            Read::Object(ObjectKind::Tag) => {}
            Read::Object(_) | Read::TooLarge { .. } | Read::Missing => return Ok(None),
        }
        let Ok(tag) = Tag::parse(&bytes, self.repository.format()) else { return Ok(None) };
        if target.is_some_and(|target| target != tag.target) {
            return Ok(None);
        }
        let signature = signature::verify(&tag.signature, self.registry.certificates());
        Ok(Some(hand(&tag, &signature)))
    }

    fn approval(&self, name: &ApprovalName, id: ObjectId) -> Result<Option<Approval>, Undecided> {
        let read =
            self.with_tag(id, |tag, signature| Approval::read(name, (id, tag, signature), self.registry, self.now))?;
        match read {
            Some(Ok(approval)) => Ok(Some(approval)),
            Some(Err(why)) => {
                tracing::debug!(name = ?name.to_ref(), ?why, "an approval does not count");
                Ok(None)
            }
            None => Ok(None),
        }
    }

    /// The approvals of an update that gives `about` to the ref `written` in place of the commit `old`.
    pub(super) fn of_update(
        &self,
        update: &RefUpdate,
        written: &RefName,
        about: ObjectId,
        old: Option<ObjectId>,
        needs: Needs,
        past: &Past<'_>,
    ) -> Result<Vec<Approval>, Undecided> {
        let names = [Some(&update.name), (update.name != *written).then_some(written)];
        let names: Vec<_> = names.into_iter().flatten().collect();
        let merged = match update.change {
            Change::Move { .. } => self.merged(about, old)?,
            Change::Create { .. } | Change::Delete { .. } => None,
        };
        let mut found = Vec::new();
        for name in names {
            found.extend(self.of_commits(name, written, about, merged, past)?);
            if needs.same_tree {
                let new = update.change.new().unwrap_or(about);
                found.extend(self.of_same_tree(name, about, (old, new), past)?);
            }
        }
        Ok(found)
    }

    /// The approvals of `about` for a ref, and of what a forge merges.
    fn of_commits(
        &self,
        name: &RefName,
        written: &RefName,
        about: ObjectId,
        merged: Option<ObjectId>,
        past: &Past<'_>,
    ) -> Result<Vec<Approval>, Undecided> {
        let mut found = Vec::new();
        let commits = [Some((about, Approved::Tip)), merged.map(|merged| (merged, Approved::MergedTip))];
        for (commit, of) in commits.into_iter().flatten() {
            let folder = [&Self::folder_of(name)[..], commit.to_string().as_bytes(), b"/"].concat();
            for (at, id) in self.below(&folder)? {
                let at = ApprovalName::parse(&at).filter(|at| at.name() == name && at.commit() == commit);
                let Some(at) = at else { continue };
                let Some(approval) = self.approval(&at, id)? else { continue };
                let is_old = self.is_old(id, at.to_ref(), written, past)?;
                found.push(Approval { of, is_old, ..approval });
            }
        }
        Ok(found)
    }

    /// Whether an approval may have been given before the ref `written` got its present value.
    fn is_old(&self, tag: ObjectId, at: &RefName, written: &RefName, past: &Past<'_>) -> Result<bool, Undecided> {
        let comes_now = self.push.updates.iter().any(|update| update.name == *at);
        if comes_now && self.repository.ref_values(std::slice::from_ref(at))?.is_empty() {
            return Ok(false);
        }
        Ok(!past.came_after(at, written)? || self.is_spent(tag, None, past)?)
    }

    /// The approvals of other commits with the tree of `about` for a ref. One that was counted for another value than `new` does
    /// not bring that back later.
    fn of_same_tree(
        &self,
        name: &RefName,
        about: ObjectId,
        (old, new): (Option<ObjectId>, ObjectId),
        past: &Past<'_>,
    ) -> Result<Vec<Approval>, Undecided> {
        let mut found = Vec::new();
        let Some(tree) = self.tree(about)? else { return Ok(found) };
        for (at, id) in self.below(&Self::folder_of(name))? {
            let at = ApprovalName::parse(&at).filter(|at| at.name() == name && at.commit() != about);
            let Some(at) = at else { continue };
            if self.tree(at.commit())? != Some(tree) || self.is_spent(id, Some(new), past)? {
                continue;
            }
            // What the ref has had is not brought back by what was approved then.
            if let Some(old) = old
                && self.repository.is_ancestor(at.commit(), old)?
            {
                continue;
            }
            // Of what cannot be read nobody can tell who made it.
            let Some(makers) = self.makers(at.commit())? else { continue };
            let approval = self.approval(&at, id)?.filter(|approval| !makers.contains(&approval.approver.id));
            found.extend(approval.map(|approval| Approval { of: Approved::SameTree, ..approval }));
        }
        Ok(found)
    }

    /// Who made a commit: a squash of it bears another's name. `None`: it cannot be read as one.
    fn makers(&self, commit: ObjectId) -> Result<Option<BTreeSet<SignerId>>, Undecided> {
        let mut bytes = Vec::new();
        if !matches!(self.repository.read(commit, &mut bytes)?, Read::Object(ObjectKind::Commit)) {
            return Ok(None);
        }
        let Ok(commit) = Commit::parse(&bytes, self.repository.format()) else { return Ok(None) };
        let signature = signature::verify(&commit.signature, self.registry.certificates());
        let when = When {
            now: self.now,
            received: None,
            verify_time: VerifyTime::Receipt,
            grace: 0,
            stated: Some(commit.committer.time),
        };
        let signer = self.registry.attribute(&signature, &when).signer().cloned();
        let named = [commit.author.email, commit.committer.email];
        let named = named.iter().flat_map(|email| self.registry.with_email(email).cloned());
        Ok(Some(named.chain(signer).collect()))
    }

    /// Where the approvals for a ref stand.
    fn folder_of(name: &RefName) -> Vec<u8> {
        [ApprovalName::BELOW.as_bytes(), name.as_bytes(), b"/"].concat()
    }

    /// Whether an approval was counted for another value of a ref than `new`, or at all.
    fn is_spent(&self, tag: ObjectId, new: Option<ObjectId>, past: &Past<'_>) -> Result<bool, Undecided> {
        let mut bytes = Vec::new();
        match self.repository.read(tag, &mut bytes)? {
            Read::Object(_) => past.is_approval_spent(&bytes, new),
            Read::TooLarge { .. } | Read::Missing => Ok(true),
        }
    }

    /// `None` for what is not here, or no commit.
    fn tree(&self, commit: ObjectId) -> Result<Option<ObjectId>, Undecided> {
        let mut bytes = Vec::new();
        Ok(match self.repository.read(commit, &mut bytes)? {
            Read::Object(ObjectKind::Commit) => tree_as_git_reads_it(&bytes, self.repository.format()),
            Read::Object(_) | Read::TooLarge { .. } | Read::Missing => None,
        })
    }

    /// What a forge merges, if the new tip is its merge of one commit into the old one, and changes nothing beside.
    fn merged(&self, tip: ObjectId, old: Option<ObjectId>) -> Result<Option<ObjectId>, Undecided> {
        if !matches!(self.pusher.via, Some(Via::Merge | Via::Web)) {
            return Ok(None);
        }
        let mut bytes = Vec::new();
        match self.repository.read(tip, &mut bytes)? {
            Read::Object(ObjectKind::Commit) => {}
            Read::Object(_) | Read::TooLarge { .. } | Read::Missing => return Ok(None),
        }
        let parents = parents_as_git_reads_them(&bytes, self.repository.format());
        let [first, second] = parents.as_slice() else { return Ok(None) };
        if Some(*first) != old || tree_as_git_reads_it(&bytes, self.repository.format()).is_none() {
            return Ok(None);
        }
        let changes = Comparer::new(self.repository).changes(tip, &bytes)?;
        Ok(changes.is_ok_and(|changes| changes.is_empty()).then_some(*second))
    }

    /// Every emergency that is declared of `about`: by the new value itself, and by tags.
    pub(super) fn declarations(
        &self,
        new: Option<ObjectId>,
        about: ObjectId,
        past: &Past<'_>,
    ) -> Result<Vec<Declaration>, Undecided> {
        let mut found = Vec::new();
        if let Some(new) = new {
            found.extend(self.declared_by(new)?);
        }
        for (at, id) in self.below(EmergencyName::BELOW.as_bytes())? {
            let Some(name) = EmergencyName::parse(&at) else { continue };
            found.extend(self.with_tag_of(id, Some(about), |tag, signature| {
                Declaration::of_tag(&name, (id, tag, signature), self.registry, self.now)
            })?);
        }
        for declaration in &mut found {
            declaration.used = past.declaration_used(declaration.payload)?;
            let signer = declaration.signer().map(|signer| signer.id().0.clone());
            declaration.overdue = signer.map_or_else(|| Ok(Vec::new()), |signer| past.overdue(&signer, self.now))?;
        }
        Ok(found)
    }

    /// What a commit or an annotated tag declares that a ref gets.
    fn declared_by(&self, new: ObjectId) -> Result<Option<Declaration>, Undecided> {
        let mut bytes = Vec::new();
        match self.repository.read(new, &mut bytes)? {
            Read::Object(ObjectKind::Commit) => {
                let Ok(commit) = Commit::parse(&bytes, self.repository.format()) else { return Ok(None) };
                let signature = signature::verify(&commit.signature, self.registry.certificates());
                Ok(Declaration::of_commit(new, &commit, &signature, self.registry, self.now))
            }
            Read::Object(ObjectKind::Tag) => {
                let of_new_tag = |tag: &Tag<'_>, signature: &Signature| {
                    Declaration::of_new_tag(new, tag, signature, self.registry, self.now)
                };
                Ok(self.with_tag(new, of_new_tag)?.flatten())
            }
            Read::Object(_) | Read::TooLarge { .. } | Read::Missing => Ok(None),
        }
    }

    /// Judges an update by the built-in rule, if that covers it; `None`: it does not. Else the debts that are settled by it.
    pub(super) fn judge_built_in(
        &self,
        update: &RefUpdate,
        names: &[RefName],
        past: &Past<'_>,
    ) -> Result<Option<Result<Vec<Settled>, TagFault>>, Undecided> {
        let Some(built_in) = names.iter().find_map(BuiltIn::of) else { return Ok(None) };
        // A repository's own policy that asks for neither may know nobody who is to approve for the site's.
        let uses = |loaded: &Loaded| loaded.policy.rules.iter().any(Rule::asks_who_had_a_hand);
        if !uses(self.loaded) && self.policies.iter().any(uses) {
            return Ok(Some(Ok(Vec::new())));
        }
        let judged = match update.change {
            Change::Move { .. } => Err(TagFault::Moved),
            Change::Delete { old } => {
                let signer = self.with_tag(old, |tag, signature| self.signer(tag, signature))?.flatten();
                BuiltIn::may_delete(self.pusher, signer.as_ref()).map(|()| Vec::new())
            }
            Change::Create { new } => {
                let was_taken_back = past.is_gone(&update.name)?;
                let may = self.with_tag(new, |tag, signature| {
                    built_in.may_create((new, tag, signature), self.registry, self.now)?;
                    if was_taken_back {
                        BuiltIn::may_bring_back(self.pusher, self.signer(tag, signature).as_ref())?;
                    }
                    Ok(settles(tag))
                })?;
                match (may.unwrap_or(Err(TagFault::NoTag)), &built_in) {
                    (Ok(settles), BuiltIn::Approval(name)) => self.settled(name, new, settles, past)?,
                    (Ok(_), BuiltIn::Emergency(_) | BuiltIn::Neither(_)) => Ok(Vec::new()),
                    (Err(fault), _) => Err(fault),
                }
            }
        };
        Ok(Some(judged))
    }

    /// Whose a tag is, also if the key does not count any more.
    fn signer(&self, tag: &Tag<'_>, signature: &Signature) -> Option<SignerId> {
        crate::policy::approval::attribute(tag, signature, self.registry, self.now).signer().cloned()
    }

    /// Whether it is for this policy to say that a debt is settled: for the one that was waived, or, where that is not in
    /// force any more, for any.
    fn judges(&self, debt: &Debt) -> bool {
        let is_its = |loaded: &Loaded| loaded.path.as_os_str().as_bytes() == debt.policy;
        is_its(self.loaded) || !self.policies.iter().any(is_its)
    }

    /// The debts that an approval settles. `stated`: the records that it says it settles.
    fn settled(
        &self,
        name: &ApprovalName,
        tag: ObjectId,
        stated: Option<Result<u64, String>>,
        past: &Past<'_>,
    ) -> Result<Result<Vec<Settled>, TagFault>, Undecided> {
        let stated = match stated.transpose() {
            Ok(stated) => stated,
            Err(text) => {
                return Ok(Err(TagFault::Settles(format!("its trailer `Settles` has no record's number: `{text}`"))));
            }
        };
        let Some(approval) = self.approval(name, tag)? else { return Ok(Ok(Vec::new())) };
        let (debts, written) = (past.debts()?, past.written(name.name()));
        let of_commit = |debt: &&Debt| debt.name == written && debt.commit == name.commit() && self.judges(debt);
        let (mut settled, mut refused) = (Vec::new(), None);
        let is_meant = |debt: &&Debt| stated.is_none_or(|stated| debt.number == stated);
        for debt in debts.iter().filter(of_commit).filter(is_meant) {
            match may_settle(&approval, debt) {
                Ok(()) => settled.push(Settled {
                    decision: debt.number,
                    place: debt.place,
                    rule: debt.rule.clone(),
                    approver: approval.approver.id.clone(),
                    tag,
                }),
                Err(why) => refused = refused.or(Some((debt.number, why))),
            }
        }
        let Some(stated) = stated.filter(|stated| !settled.iter().any(|settled| settled.decision == *stated)) else {
            return Ok(Ok(settled));
        };
        Ok(Err(TagFault::Settles(match refused.filter(|(number, _)| *number == stated) {
            Some((_, why)) => format!("it does not settle record {stated}: {why}"),
            None => format!("record {stated} owes no review of {} for {}", name.commit(), name.name()),
        })))
    }
}

/// Whether an approval is one of those that a debt asks for; why not.
fn may_settle(approval: &Approval, debt: &Debt) -> Result<(), String> {
    let id = &approval.approver.id.0;
    if debt.excluded.contains(id) {
        return Err(format!("`{id}` had a hand in it"));
    }
    match Who::of_names(&debt.reviewers).includes(&approval.approver) {
        true => Ok(()),
        false => Err(format!("`{id}` is none of those who may review it")),
    }
}

/// A branch that the policy lets anybody push any commit to, if there is one.
pub(super) fn open_branch(commit: ObjectId, is_open: impl Fn(&RefName) -> bool) -> Option<String> {
    let name = format!("refs/heads/for-review/{}", commit.short());
    is_open(&RefName::new(name.as_bytes())?).then_some(name)
}
