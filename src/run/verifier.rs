//! What the threads of a walk do: parse, verify and judge the commits of a chunk.

use super::{makers::Makers, receipts::Receipts};
use crate::{
    Undecided,
    bounds::Bounds,
    git::{self, ObjectKind},
    object::{Commit, Slot, Tag},
    policy::{
        Judgement,
        facts::{Changed, CommitFacts, Defect, Standing, TagFacts},
        rules::Needs,
    },
    push::{ObjectFormat, ObjectId, ObjectIdMap, Timestamp},
    registry::{Attribution, Fault, Registry, VerifyTime, When},
    signature::{self, Signature},
};
use std::{
    ops::Range,
    sync::{Arc, Mutex, PoisonError},
};

/// Signatures remembered at most between the refs of one push.
const REMEMBERED: usize = 65_536;

/// What the threads share.
pub(super) struct Verifier<'a> {
    pub(super) registry: &'a Registry,
    pub(super) format: ObjectFormat,
    /// What is known of commits that several refs of the push bring; `None` where only one ref is pushed.
    pub(super) known: Option<Mutex<ObjectIdMap<Signature>>>,
    /// `None`: there is no ledger, and nobody asks who made what.
    pub(super) receipts: Option<Arc<Receipts<'a>>>,
    pub(super) now: Timestamp,
    /// Why a receipt could not be looked up.
    pub(super) trouble: Mutex<Option<Undecided>>,
}

/// Which update and rules a walk is for.
#[derive(Clone, Copy)]
pub(super) struct Purpose<'a> {
    pub(super) update: usize,
    pub(super) rules: &'a [usize],
    pub(super) tip: ObjectId,
    pub(super) needs: Needs,
}

#[derive(Default)]
pub(super) struct Chunk {
    pub(super) bytes: Vec<u8>,
    pub(super) commits: Vec<Entry>,
    /// Bytes that the paths take which the commits change.
    pub(super) paths: usize,
}

pub(super) struct Entry {
    pub(super) sequence: u64,
    pub(super) id: ObjectId,
    pub(super) standing: Standing,
    /// `None`: larger than what is read.
    pub(super) bytes: Option<Range<usize>>,
    /// The paths that it changes, if they are asked for, or why they cannot be judged.
    pub(super) changes: Option<Result<Vec<Changed>, Defect>>,
}

impl Chunk {
    pub(super) fn size(&self) -> usize {
        self.bytes.len() + self.paths
    }
}

impl Verifier<'_> {
    pub(super) fn judge(
        &self,
        chunk: &Chunk,
        purpose: Purpose<'_>,
        judgement: &mut Judgement<'_>,
        makers: &mut Makers,
    ) {
        for entry in &chunk.commits {
            let Some(bytes) = entry.bytes.clone().and_then(|range| chunk.bytes.get(range)) else {
                let defect = Defect::TooLarge(Bounds::OBJECT);
                judgement.defective_commit(purpose.update, purpose.rules, entry.sequence, entry.id, &defect);
                continue;
            };
            let commit = match Commit::parse(bytes, self.format) {
                Ok(commit) => commit,
                Err(malformed) => {
                    let defect = Defect::Malformed(malformed);
                    judgement.defective_commit(purpose.update, purpose.rules, entry.sequence, entry.id, &defect);
                    continue;
                }
            };
            let changes = match &entry.changes {
                None => None,
                Some(Ok(changes)) => Some(changes.as_slice()),
                Some(Err(defect)) => {
                    judgement.defective_commit(purpose.update, purpose.rules, entry.sequence, entry.id, defect);
                    continue;
                }
            };
            let signature = self.verify(entry.id, &commit.signature);
            let received = self.received(entry.id, &commit, &signature, makers);
            self.with_merge_tags(purpose.needs, entry.id, &commit, |merge_tags| {
                let facts = CommitFacts {
                    id: entry.id,
                    commit: &commit,
                    signature: &signature,
                    received,
                    standing: entry.standing,
                    changes,
                    merge_tags,
                };
                judgement.commit(purpose.update, purpose.rules, entry.sequence, &facts);
            });
        }
    }

    /// Hands over, verified, the tags of parents that a merge bears, as far as they can be read.
    fn with_merge_tags(&self, needs: Needs, merge: ObjectId, commit: &Commit<'_>, judge: impl FnOnce(&[TagFacts<'_>])) {
        if !needs.merge_tags || commit.parents.len() < 2 {
            return judge(&[]);
        }
        let bytes: Vec<_> = commit.merge_tags().flatten().collect();
        let tags = bytes.iter().filter_map(|bytes| {
            let tag = Tag::parse(bytes, self.format).ok().filter(|tag| commit.parents.contains(&tag.target))?;
            let signature = signature::verify(&tag.signature, self.registry.certificates());
            Some((git::id_of(self.format, ObjectKind::Tag, bytes)?, tag, signature))
        });
        let tags: Vec<_> = tags.collect();
        let facts = tags.iter().map(|(id, tag, signature)| {
            let stated = tag.tagger.as_ref().map(|tagger| tagger.time);
            // It came with the merge, if not before it.
            let receipts = self.receipts.as_deref();
            let received = receipts.and_then(|receipts| self.attributed(receipts, &[*id, merge], signature, stated).0);
            TagFacts { id: *id, tag, signature, received }
        });
        judge(&facts.collect::<Vec<_>>());
    }

    /// When the commit was first received, as far as that matters.
    fn received(
        &self,
        id: ObjectId,
        commit: &Commit<'_>,
        signature: &Signature,
        makers: &mut Makers,
    ) -> Option<Timestamp> {
        let stated = Some(commit.committer.time);
        let (received, attribution) = self.attributed(self.receipts.as_deref()?, &[id], signature, stated);
        makers.note(id, commit, signature, &attribution);
        received
    }

    /// When the first of these objects was received, and what is then to be said of a signature that came with each of them.
    /// It is looked up only for one that does not count now: no other is helped by it.
    fn attributed(
        &self,
        receipts: &Receipts<'_>,
        objects: &[ObjectId],
        signature: &Signature,
        stated: Option<Timestamp>,
    ) -> (Option<Timestamp>, Attribution) {
        let judged = |received| {
            let when = When { now: self.now, received, verify_time: VerifyTime::Receipt, grace: 0, stated };
            self.registry.attribute(signature, &when)
        };
        let now = judged(None);
        let Attribution::NotGood(Fault { status, .. }) = &now else { return (None, now) };
        if !status.depends_on_time() {
            return (None, now);
        }
        match receipts.of(objects, signature) {
            Ok(Some(moment)) => (Some(moment), judged(Some(moment))),
            Ok(None) => (None, now),
            Err(undecided) => {
                self.trouble.lock().unwrap_or_else(PoisonError::into_inner).get_or_insert(undecided);
                (None, now)
            }
        }
    }

    /// Fails if a receipt could not be looked up.
    pub(super) fn check(&self) -> Result<(), Undecided> {
        self.trouble.lock().unwrap_or_else(PoisonError::into_inner).take().map_or(Ok(()), Err)
    }

    fn verify(&self, id: ObjectId, slot: &Slot<'_>) -> Signature {
        let Some(known) = &self.known else { return signature::verify(slot, self.registry.certificates()) };
        let held = known.lock().unwrap_or_else(PoisonError::into_inner).get(&id).cloned();
        held.unwrap_or_else(|| {
            let signature = signature::verify(slot, self.registry.certificates());
            let mut known = known.lock().unwrap_or_else(PoisonError::into_inner);
            if known.len() < REMEMBERED {
                known.insert(id, signature.clone());
            }
            signature
        })
    }
}
