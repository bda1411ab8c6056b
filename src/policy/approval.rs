//! Approvals: signed tags at `refs/approvals/`, each bound by its name to a ref, a commit and its approver.

use super::{built_in::TagFault, declaration};
use crate::{
    object::{Tag, TargetKind},
    push::{ApprovalName, ObjectId, Timestamp},
    registry::{Attribution, Registry, Signer, SignerId, VerifiedSigner, VerifyTime, When},
    signature::{Fingerprint, Signature},
};
use std::{collections::BTreeSet, sync::Arc};

/// An approval that counts, if its approver is one of those asked for: a person of `signers.toml`, whose key is good now.
#[derive(Clone, Debug)]
pub struct Approval {
    /// The tag object.
    pub tag: ObjectId,
    /// The commit that it approves.
    pub commit: ObjectId,
    /// Who approves.
    pub approver: Arc<Signer>,
    /// The key they signed with.
    pub key: Fingerprint,
    /// What makes it one of the update.
    pub of: Approved,
    /// Whether it says that it settles what an emergency owes: then it is that review, and no other approval.
    pub settles: bool,
    /// Whether it may have been given before the ref got the value that it has: then it does not mean that to be taken back.
    pub is_old: bool,
}

/// What of an update an approval is of.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Approved {
    /// The commit that the ref's new value is in the end; of a deletion, its old one.
    Tip,
    /// What a forge merges: the second parent of such a merge.
    MergedTip,
    /// Another commit with the same tree.
    SameTree,
}

impl Approval {
    /// Reads the tag `id` that stands at `name`.
    ///
    /// # Errors
    /// Why it approves nothing.
    pub fn read(
        name: &ApprovalName,
        (id, tag, signature): (ObjectId, &Tag<'_>, &Signature),
        registry: &Registry,
        now: Timestamp,
    ) -> Result<Self, TagFault> {
        if tag.name != name.tag_name() {
            return Err(TagFault::OtherName(tag.name.to_vec()));
        }
        if tag.kind != TargetKind::Commit || tag.target != name.commit() {
            return Err(TagFault::OtherTarget(name.commit()));
        }
        let signer = signer(tag, signature, registry, now)?;
        if signer.id().0 != name.signer() {
            let right = ApprovalName::new(name.name(), name.commit(), &signer.id().0);
            return Err(TagFault::OtherSigner { signer: signer.id().clone(), right });
        }
        let Some(approver) = registry.person(signer.id()) else {
            return Err(TagFault::NoPerson(signer.id().clone()));
        };
        let (approver, key) = (Arc::clone(approver), signer.proof().key().clone());
        let settles = declaration::settles(tag).is_some();
        Ok(Self { tag: id, commit: tag.target, approver, key, of: Approved::Tip, settles, is_old: false })
    }
}

/// Whose a tag is now, whenever it was received: what it grants, it grants now.
pub(super) fn signer(
    tag: &Tag<'_>,
    signature: &Signature,
    registry: &Registry,
    now: Timestamp,
) -> Result<VerifiedSigner, TagFault> {
    match attribute(tag, signature, registry, now) {
        Attribution::Good(signer) => Ok(signer),
        Attribution::Unsigned => Err(TagFault::Unsigned),
        Attribution::NotGood(fault) => Err(TagFault::Signature(fault)),
    }
}

/// The same, with what does not count.
pub fn attribute(tag: &Tag<'_>, signature: &Signature, registry: &Registry, now: Timestamp) -> Attribution {
    let stated = tag.tagger.as_ref().map(|tagger| tagger.time);
    let when = When { now, received: None, verify_time: VerifyTime::Receipt, grace: 0, stated };
    registry.attribute(signature, &when)
}

/// Who of these approvals' approvers may be counted: each person once, whatever number of tags, and none who had a hand in what
/// is approved.
pub fn approvers<'a>(
    approvals: impl IntoIterator<Item = &'a Approval>,
    involved: &BTreeSet<SignerId>,
    may: impl Fn(&Signer) -> bool,
) -> Vec<&'a Approval> {
    let mut counted: Vec<&Approval> = Vec::new();
    for approval in approvals {
        let approver = &approval.approver;
        let is_new = counted.iter().all(|held| held.approver.id != approver.id);
        if is_new && !approval.settles && may(approver) && !involved.contains(&approver.id) {
            counted.push(approval);
        }
    }
    counted
}
