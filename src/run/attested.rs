//! What a record keeps of approvals, and of emergencies.

use super::{Case, UpdateAccount, tip::commit_of};
use crate::{
    Undecided,
    git::{Comparer, ObjectKind, Read, Repository},
    ledger::{APPROVALS, ChangedPaths, CountedApproval, Digest, Emergency, PATHS, PERSONS, Settlement},
    object::tree_as_git_reads_it,
    policy::{AcceptedPush, Waived, declaration::Form},
    push::{ObjectId, RefUpdate},
};

/// Approvals and emergencies of one update.
#[derive(Default)]
pub(super) struct Attested {
    pub(super) approvals: Vec<CountedApproval>,
    pub(super) emergencies: Vec<Emergency>,
    pub(super) paths: Option<ChangedPaths>,
    pub(super) settles: Vec<Settlement>,
    /// What these name by digest.
    pub(super) contents: Vec<Vec<u8>>,
}

impl Attested {
    /// Whether an emergency is used up, or what one owes is settled.
    pub(super) fn grants(&self) -> bool {
        !self.emergencies.is_empty() || !self.settles.is_empty()
    }

    /// Of the update at this place in an accepted push.
    pub(super) fn of(
        case: &Case<'_>,
        accepted: &AcceptedPush,
        (at, update): (usize, &RefUpdate),
        told: &UpdateAccount,
    ) -> Result<Self, Undecided> {
        let mut attested = Self::default();
        let rule = |policy: usize, rule: usize| {
            let rule = case.policies.get(policy).and_then(|loaded| loaded.policy.rules.get(rule));
            rule.map(|rule| rule.name.clone()).unwrap_or_default()
        };
        for counted in accepted.approvals().iter().filter(|counted| counted.update == at).take(APPROVALS) {
            let approval = &counted.approval;
            let tag = attested.keep(case.repository, approval.tag)?;
            attested.approvals.push(CountedApproval {
                policy: counted.policy,
                rule: rule(counted.policy, counted.rule),
                signer: approval.approver.id.0.clone(),
                key: approval.key.to_string(),
                object: approval.commit,
                tag,
            });
        }
        for Waived { policy, rule: number, waiver, .. } in
            accepted.waivers().iter().filter(|waived| waived.update == at)
        {
            let ids = |ids: &[crate::registry::SignerId]| ids.iter().map(|id| id.0.clone()).take(PERSONS).collect();
            let declaration = attested.keep(case.repository, waiver.declaration)?;
            attested.emergencies.push(Emergency {
                policy: *policy,
                rule: rule(*policy, *number),
                ticket: waiver.ticket.clone(),
                reason: waiver.reason.clone(),
                signer: waiver.signer.0.clone(),
                key: waiver.key.to_string(),
                object: waiver.declaration,
                declaration,
                signed: Digest(waiver.payload),
                form: match waiver.form {
                    Form::Commit => "commit",
                    Form::Tag => "tag",
                },
                commit: waiver.commit,
                waived: waiver.waived.iter().map(|&kind| kind.to_owned()).collect(),
                excluded: ids(&waiver.involved),
                reviewers: waiver.reviewers.iter().take(PERSONS).cloned().collect(),
                due: waiver.due,
                settled_by: ids(&waiver.settled_by),
            });
        }
        if !attested.emergencies.is_empty() {
            attested.paths = attested.changed(case.repository, update)?;
        }
        for settled in &told.settled {
            let tag = attested.keep(case.repository, settled.tag)?;
            attested.settles.push(Settlement {
                decision: settled.decision,
                policy: settled.place,
                rule: settled.rule.clone(),
                signer: settled.approver.0.clone(),
                tag,
            });
        }
        Ok(attested)
    }

    /// Keeps the raw bytes of an object that was read to judge by.
    fn keep(&mut self, repository: &Repository, id: ObjectId) -> Result<Digest, Undecided> {
        let mut bytes = Vec::new();
        match repository.read(id, &mut bytes)? {
            Read::Object(_) => {}
            Read::TooLarge { .. } | Read::Missing => {
                return Err(Undecided::server("recording what was judged by", format!("{id} is not there any more")));
            }
        }
        let digest = Digest::of(&bytes);
        self.contents.push(bytes);
        Ok(digest)
    }

    /// The paths in which the ref's old and new value differ; `None` where that cannot be told.
    fn changed(&mut self, repository: &Repository, update: &RefUpdate) -> Result<Option<ChangedPaths>, Undecided> {
        let tree = |value: Option<ObjectId>| -> Result<Option<ObjectId>, Undecided> {
            let peeled = value.map(|value| repository.peel(value)).transpose()?;
            let Some(commit) = peeled.as_ref().and_then(commit_of) else { return Ok(None) };
            let mut bytes = Vec::new();
            Ok(match repository.read(commit, &mut bytes)? {
                Read::Object(ObjectKind::Commit) => tree_as_git_reads_it(&bytes, repository.format()),
                Read::Object(_) | Read::TooLarge { .. } | Read::Missing => None,
            })
        };
        let (from, to) = (tree(update.change.old())?, tree(update.change.new())?);
        let Ok(changed) = Comparer::new(repository).between(from, to)? else { return Ok(None) };
        let list = ChangedPaths::write_list(changed.iter().take(PATHS).map(|changed| changed.path.as_slice()));
        let count = u64::try_from(changed.len()).unwrap_or(u64::MAX);
        let changed = ChangedPaths { count, list: Digest::of(&list) };
        self.contents.push(list);
        Ok(Some(changed))
    }
}
