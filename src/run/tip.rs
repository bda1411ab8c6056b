//! What a ref would point at: tags peeled, verified, and their defects named.

use super::{makers::Makers, past::Past};
use crate::{
    Undecided,
    git::{Fault, ObjectKind, Peeled, Read, Repository},
    object::{Commit, Slot, Tag},
    policy::facts::{Defect, TagFacts, TargetKind},
    push::{ObjectFormat, ObjectId, Timestamp},
    registry::{Registry, VerifyTime, When},
    signature::{self, Signature},
};

/// The new value of a ref.
pub(super) struct Tip {
    layers: Vec<Layer>,
    /// What it is in the end.
    pub(super) target: Option<TargetKind>,
    /// Which object that is.
    pub(super) peeled: Option<ObjectId>,
    /// The commit, if that is what it is.
    pub(super) commit: Option<ObjectId>,
    /// What no rule's mode softens.
    pub(super) defects: Vec<(ObjectId, Defect)>,
}

struct Layer {
    id: ObjectId,
    bytes: Vec<u8>,
    signature: Signature,
    received: Option<Timestamp>,
}

impl Tip {
    /// Reads and verifies the tags between `id` and what it points at in the end.
    pub(super) fn read(past: &Past<'_>, id: ObjectId, registry: &Registry) -> Result<Self, Undecided> {
        let repository = past.repository;
        let peeled = repository.peel(id)?;
        let commit = commit_of(&peeled);
        let object = peeled.target.map(|(id, _)| id);
        let target = peeled.target.map(|(_, kind)| match kind {
            ObjectKind::Commit => TargetKind::Commit,
            ObjectKind::Tree => TargetKind::Tree,
            ObjectKind::Blob | ObjectKind::Tag => TargetKind::Blob,
        });
        let defects = peeled.fault.map(|(id, fault)| (id, defect(fault)));
        let mut tip =
            Self { layers: Vec::new(), target, peeled: object, commit, defects: defects.into_iter().collect() };
        for (id, bytes) in peeled.layers {
            let signature = match Tag::parse(&bytes, repository.format()) {
                Ok(tag) => {
                    if tag.signature == Slot::Several {
                        tip.defects.push((id, Defect::TwoSignatures));
                    }
                    signature::verify(&tag.signature, registry.certificates())
                }
                Err(malformed) => {
                    tip.defects.push((id, Defect::Malformed(malformed)));
                    continue;
                }
            };
            let received = match &past.receipts {
                Some(receipts) => receipts.of(&[id], &signature)?,
                None => None,
            };
            tip.layers.push(Layer { id, bytes, signature, received });
        }
        Ok(tip)
    }

    /// Notes who made the tags, for the record.
    pub(super) fn note_makers(&self, format: ObjectFormat, registry: &Registry, now: Timestamp, makers: &mut Makers) {
        for Layer { id, bytes, signature, received } in &self.layers {
            let Ok(tag) = Tag::parse(bytes, format) else { continue };
            let stated = tag.tagger.as_ref().map(|tagger| tagger.time);
            let when = When { now, received: *received, verify_time: VerifyTime::Receipt, grace: 0, stated };
            makers.note_tag(*id, &tag, signature, &registry.attribute(signature, &when));
        }
    }

    /// Hands the tags, read, to `judge`.
    pub(super) fn with_facts<T>(&self, format: ObjectFormat, judge: impl FnOnce(&[TagFacts<'_>]) -> T) -> T {
        let tags: Vec<_> = self.layers.iter().filter_map(|layer| Tag::parse(&layer.bytes, format).ok()).collect();
        let facts = self.layers.iter().zip(&tags);
        let facts = facts.map(|(Layer { id, signature, received, .. }, tag)| TagFacts {
            id: *id,
            tag,
            signature,
            received: *received,
        });
        judge(&facts.collect::<Vec<_>>())
    }
}

fn defect(fault: Fault) -> Defect {
    match fault {
        Fault::Malformed(malformed) => Defect::Malformed(malformed),
        Fault::TooLarge(bytes) => Defect::TooLarge(bytes),
        Fault::DeclaredType { says, is } => Defect::DeclaredType(says.name(), is.name()),
        Fault::TooDeep => Defect::TooDeep,
    }
}

/// The commit that a ref's value is in the end.
pub(super) fn commit_of(peeled: &Peeled) -> Option<ObjectId> {
    match peeled.target {
        Some((id, ObjectKind::Commit)) => Some(id),
        Some((_, ObjectKind::Tree | ObjectKind::Blob | ObjectKind::Tag)) | None => None,
    }
}

/// Whether a commit has its only parent's tree, or is a root of an empty one: what git calls an empty commit.
pub(super) fn changes_nothing(repository: &Repository, commit: ObjectId) -> Result<bool, Undecided> {
    let Some((tree, parents)) = tree_and_parents(repository, commit)? else { return Ok(false) };
    match parents.as_slice() {
        [] => Ok(matches!(repository.header(tree)?, Some((_, 0)))),
        [parent] => Ok(tree_and_parents(repository, *parent)?.is_some_and(|(parents_tree, _)| parents_tree == tree)),
        _ => Ok(false),
    }
}

/// `None` for what cannot be read as a commit.
fn tree_and_parents(repository: &Repository, id: ObjectId) -> Result<Option<(ObjectId, Vec<ObjectId>)>, Undecided> {
    let mut bytes = Vec::new();
    Ok(match repository.read(id, &mut bytes)? {
        Read::Object(ObjectKind::Commit) => {
            Commit::parse(&bytes, repository.format()).ok().map(|commit| (commit.tree, commit.parents))
        }
        Read::Object(_) | Read::TooLarge { .. } | Read::Missing => None,
    })
}
