//! All object folders as one: the quarantine first, then what was there before.

use super::{
    ObjectKind, Read,
    folder::{Folder, Place, Scratch},
};
use crate::{
    Undecided,
    bounds::Bounds,
    push::{ObjectFormat, ObjectId},
};
use gix::hash::oid;
use std::cell::RefCell;

pub(super) struct Objects {
    quarantine: Option<Folder>,
    settled: Vec<Folder>,
    format: ObjectFormat,
    scratch: RefCell<Scratch>,
}

impl Objects {
    pub(super) fn new(quarantine: Option<Folder>, settled: Vec<Folder>, format: ObjectFormat) -> Self {
        Self { quarantine, settled, format, scratch: RefCell::default() }
    }

    pub(super) fn has_quarantine(&self) -> bool {
        self.quarantine.is_some()
    }

    /// Whether the push brings this object, and it was not there before.
    pub(super) fn is_new(&self, id: ObjectId) -> Result<bool, Undecided> {
        let Some(hash) = self.known_hash(&id) else { return Ok(false) };
        if self.is_settled(id)? {
            return Ok(false);
        }
        if let Some(quarantine) = &self.quarantine
            && quarantine.locate(hash)?.is_some()
        {
            return Ok(true);
        }
        // It is nowhere: either it is missing, or it was repacked since the folders were listed.
        self.settled.iter().try_for_each(Folder::list_again)?;
        Ok(!self.is_settled(id)?)
    }

    /// Whether the object was there before the push, which may bring it again.
    pub(super) fn is_settled(&self, id: ObjectId) -> Result<bool, Undecided> {
        let Some(id) = self.known_hash(&id) else { return Ok(false) };
        for folder in &self.settled {
            if folder.locate(id)?.is_some() {
                return Ok(true);
            }
        }
        Ok(false)
    }

    pub(super) fn header(&self, id: ObjectId) -> Result<Option<(ObjectKind, u64)>, Undecided> {
        let Some(hash) = self.known_hash(&id) else { return Ok(None) };
        self.with_located(hash, |folder, place| folder.header(hash, place, &mut self.scratch.borrow_mut()))
    }

    pub(super) fn read(&self, id: ObjectId, buffer: &mut Vec<u8>) -> Result<Read, Undecided> {
        let Some(hash) = self.known_hash(&id) else { return Ok(Read::Missing) };
        let read = self.with_located(hash, |folder, place| {
            let mut scratch = self.scratch.borrow_mut();
            let Some((kind, size)) = folder.header(hash, place, &mut scratch)? else { return Ok(None) };
            if size > Bounds::OBJECT {
                return Ok(Some(Read::TooLarge { kind, size }));
            }
            Ok(folder.read(hash, place, &mut scratch, buffer)?.map(Read::Object))
        })?;
        match read {
            Some(Read::Object(kind)) => verify_hash(hash, kind, buffer).map(|()| Read::Object(kind)),
            Some(other) => Ok(other),
            None => Ok(Read::Missing),
        }
    }

    /// Finds the object and hands its place over; looks for new packs once before it counts as missing.
    fn with_located<T>(
        &self,
        id: &oid,
        mut use_it: impl FnMut(&Folder, &Place) -> Result<Option<T>, Undecided>,
    ) -> Result<Option<T>, Undecided> {
        for again in [false, true] {
            for folder in self.quarantine.iter().chain(&self.settled) {
                if again {
                    folder.list_again()?;
                }
                let found = folder.locate(id)?.map(|place| use_it(folder, &place)).transpose()?.flatten();
                if found.is_some() {
                    return Ok(found);
                }
            }
        }
        Ok(None)
    }

    /// An id of the other format names nothing here.
    fn known_hash<'a>(&self, id: &'a ObjectId) -> Option<&'a oid> {
        (id.format() == self.format).then(|| oid::try_from_bytes(id.as_bytes()).ok()).flatten()
    }
}

/// A loose file or a pack entry under another object's name reads as fine; git looks at the hash in git-fsck(1) alone.
fn verify_hash(id: &oid, kind: ObjectKind, bytes: &[u8]) -> Result<(), Undecided> {
    let doing = || format!("reading the object {id}");
    let actual = hash(id.kind(), kind, bytes).map_err(|why| Undecided::server(doing(), why))?;
    match *actual == *id {
        true => Ok(()),
        false => Err(Undecided::server(doing(), format!("its content is that of {actual}; the repository is damaged"))),
    }
}

/// The id that an object with this content has; `None` for content that is made to collide with another's.
pub fn id_of(format: ObjectFormat, kind: ObjectKind, bytes: &[u8]) -> Option<ObjectId> {
    let format = match format {
        ObjectFormat::Sha1 => gix::hash::Kind::Sha1,
        ObjectFormat::Sha256 => gix::hash::Kind::Sha256,
    };
    ObjectId::from_hex(hash(format, kind, bytes).ok()?.to_string().as_bytes())
}

fn hash(format: gix::hash::Kind, kind: ObjectKind, bytes: &[u8]) -> Result<gix::ObjectId, String> {
    let kind = match kind {
        ObjectKind::Commit => gix::objs::Kind::Commit,
        ObjectKind::Tree => gix::objs::Kind::Tree,
        ObjectKind::Blob => gix::objs::Kind::Blob,
        ObjectKind::Tag => gix::objs::Kind::Tag,
    };
    gix::objs::compute_hash(format, kind, bytes).map_err(|error| super::opening::described(&error))
}
