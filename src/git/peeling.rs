//! From a ref's value through annotated tags to what it is in the end.

use super::{ObjectKind, Read, Repository};
use crate::{
    Undecided,
    bounds::Bounds,
    object::{Malformed, Tag, TargetKind},
    push::ObjectId,
};

/// What lies between an object's name and what it is in the end.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Peeled {
    /// The well-formed tags on the way, outermost first: their ids and bytes, whose hash was checked.
    pub layers: Vec<(ObjectId, Vec<u8>)>,
    /// What it is in the end; `None` where a fault stopped the peeling.
    pub target: Option<(ObjectId, ObjectKind)>,
    /// What is wrong, and with which tag.
    pub fault: Option<(ObjectId, Fault)>,
}

/// Why a tag cannot be followed.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Fault {
    /// It breaks the grammar; it is not among the layers.
    Malformed(Malformed),
    /// It is larger than [`Bounds::OBJECT`]: its size in bytes. Not among the layers.
    TooLarge(u64),
    /// It says it points at one kind of object and points at another.
    DeclaredType {
        /// Its `type` header.
        says: ObjectKind,
        /// What its target is.
        is: ObjectKind,
    },
    /// There are more tags of tags than are followed; this one was not.
    TooDeep,
}

pub(super) fn peel(repository: &Repository, id: ObjectId) -> Result<Peeled, Undecided> {
    let mut peeled = Peeled { layers: Vec::new(), target: None, fault: None };
    let (mut at, mut declared) = (id, None);
    let missing = |at| Undecided::server(format!("peeling {id}"), format!("the object {at} is missing"));
    loop {
        let (kind, size) = repository.header(at)?.ok_or_else(|| missing(at))?;
        if let Some((tag, says)) = declared
            && says != kind
        {
            peeled.fault = Some((tag, Fault::DeclaredType { says, is: kind }));
            return Ok(peeled);
        }
        if kind != ObjectKind::Tag {
            peeled.target = Some((at, kind));
            return Ok(peeled);
        }
        let too_deep = peeled.layers.len() == Bounds::TAG_LAYERS;
        if too_deep || size > Bounds::OBJECT {
            peeled.fault = Some((at, if too_deep { Fault::TooDeep } else { Fault::TooLarge(size) }));
            return Ok(peeled);
        }
        let mut bytes = Vec::new();
        match repository.read(at, &mut bytes)? {
            Read::Object(_) => {}
            Read::TooLarge { .. } | Read::Missing => return Err(missing(at)),
        }
        let (target, says) = match Tag::parse(&bytes, repository.format()) {
            Ok(tag) => (tag.target, kind_of(tag.kind)),
            Err(malformed) => {
                peeled.fault = Some((at, Fault::Malformed(malformed)));
                return Ok(peeled);
            }
        };
        declared = Some((at, says));
        peeled.layers.push((at, bytes));
        at = target;
    }
}

fn kind_of(declared: TargetKind) -> ObjectKind {
    match declared {
        TargetKind::Commit => ObjectKind::Commit,
        TargetKind::Tree => ObjectKind::Tree,
        TargetKind::Blob => ObjectKind::Blob,
        TargetKind::Tag => ObjectKind::Tag,
    }
}
