//! One object folder: its packs and its loose objects.
//!
//! gix's own object database joins nested relative alternates to the wrong folder and takes an index that it cannot
//! read for an empty one. So packs and loose objects are looked up here, through gix's readers of each.
#![expect(clippy::disallowed_methods, reason = "reads the repository")]

use super::{ObjectKind, loose::Loose, opening::described};
use crate::Undecided;
use data::decode::{entry::ResolvedBase as EntryBase, header::ResolvedBase as HeaderBase};
use gix::{
    hash::{Kind, oid},
    odb::pack::{data, index},
    zlib::Inflate,
};
use std::{
    cell::{Cell, OnceCell, RefCell},
    fs,
    io::ErrorKind,
    path::{Path, PathBuf},
    rc::Rc,
};

/// An object folder (`objects`, or a quarantine), listed when it was opened.
pub(super) struct Folder {
    path: PathBuf,
    hash: Kind,
    loose: Loose,
    packs: RefCell<Vec<Rc<Pack>>>,
    /// The pack that had the last object: the next is most often beside it.
    last: Cell<usize>,
}

pub(super) struct Pack {
    index_path: PathBuf,
    index: OnceCell<index::File>,
    data: OnceCell<data::File>,
}

/// Where in a folder an object is.
pub(super) enum Place {
    Loose,
    Packed(Rc<Pack>, data::Offset),
}

/// What the packs that were listed say.
enum Packed {
    At(Place),
    Not,
    /// None of them has it, but one is gone: its objects are elsewhere now.
    Repacked,
}

/// Working memory for inflating.
#[derive(Default)]
pub(super) struct Scratch {
    pub(super) inflate: Inflate,
    pub(super) deltas: Deltas,
}

/// Bases of deltas that were just inflated.
pub(super) struct Deltas(gix::odb::pack::cache::lru::StaticLinkedList<64>);

/// A chain of deltas is followed without inflating its bases anew; in bytes.
const MOST_CACHED: usize = 4 * 1024 * 1024;

impl Default for Deltas {
    fn default() -> Self {
        Self(gix::odb::pack::cache::lru::StaticLinkedList::new(MOST_CACHED))
    }
}

impl Folder {
    pub(super) fn open(path: PathBuf, hash: Kind) -> Result<Self, Undecided> {
        let folder = Self { loose: Loose::at(&path, hash), packs: RefCell::default(), last: Cell::new(0), path, hash };
        folder.list_again()?;
        Ok(folder)
    }

    /// Looks for packs anew: a repack may have replaced those that were there.
    pub(super) fn list_again(&self) -> Result<(), Undecided> {
        self.loose.forget();
        let folder = self.path.join("pack");
        let failed = |error| Undecided::server(format!("listing {}", folder.display()), error);
        let entries = match fs::read_dir(&folder) {
            Ok(entries) => entries,
            Err(error) if error.kind() == ErrorKind::NotFound => return Ok(()),
            Err(error) => return Err(failed(error)),
        };
        let mut paths = Vec::new();
        for entry in entries {
            let path = entry.map_err(failed)?.path();
            if path.extension().is_some_and(|extension| extension == "idx") {
                paths.push(path);
            }
        }
        paths.sort();
        let mut packs = self.packs.borrow_mut();
        packs.retain(|pack| paths.contains(&pack.index_path));
        for index_path in paths {
            if !packs.iter().any(|pack| pack.index_path == index_path) {
                packs.push(Rc::new(Pack { index_path, index: OnceCell::new(), data: OnceCell::new() }));
            }
        }
        Ok(())
    }

    /// Finds an object among packs, then among loose objects.
    pub(super) fn locate(&self, id: &oid) -> Result<Option<Place>, Undecided> {
        let found = match self.locate_packed(id)? {
            Packed::At(place) => Some(place),
            Packed::Not => None,
            Packed::Repacked => {
                self.list_again()?;
                match self.locate_packed(id)? {
                    Packed::At(place) => Some(place),
                    Packed::Not | Packed::Repacked => None,
                }
            }
        };
        Ok(match found {
            Some(place) => Some(place),
            None => self.loose.contains(id)?.then_some(Place::Loose),
        })
    }

    fn locate_packed(&self, id: &oid) -> Result<Packed, Undecided> {
        let packs = self.packs.borrow();
        let last = self.last.get();
        let mut not_found = Packed::Not;
        for number in (last..packs.len()).chain(0..last.min(packs.len())) {
            let Some(pack) = packs.get(number) else { continue };
            let Some(index) = pack.index(self.hash)? else {
                not_found = Packed::Repacked;
                continue;
            };
            let Some(at) = index.lookup(id) else { continue };
            if pack.data(self.hash)?.is_none() {
                not_found = Packed::Repacked;
                continue;
            }
            self.last.set(number);
            return Ok(Packed::At(Place::Packed(Rc::clone(pack), index.pack_offset_at_index(at))));
        }
        Ok(not_found)
    }

    /// Kind and size; `None` if it has gone since it was located.
    pub(super) fn header(
        &self,
        id: &oid,
        place: &Place,
        scratch: &mut Scratch,
    ) -> Result<Option<(ObjectKind, u64)>, Undecided> {
        let failed = |error: gix::Error| unreadable(id, &self.path, &error);
        match place {
            Place::Loose => {
                let header = self.loose.store.try_header(id).map_err(failed)?;
                Ok(header.map(|(size, kind)| (ObjectKind::from(kind), size)))
            }
            Place::Packed(pack, offset) => {
                let (Some(index), Some(data)) = (pack.index(self.hash)?, pack.data(self.hash)?) else {
                    return Ok(None);
                };
                let entry = data.entry(*offset).map_err(failed)?;
                let resolve = |base: &oid| in_pack(index, data, base).map(|entry| entry.map(HeaderBase::InPack));
                let header = data.decode_header(entry, &mut scratch.inflate, &resolve).map_err(failed)?;
                Ok(Some((ObjectKind::from(header.kind), header.object_size)))
            }
        }
    }

    /// The object's bytes, whatever their hash; `None` if it has gone since it was located.
    pub(super) fn read(
        &self,
        id: &oid,
        place: &Place,
        scratch: &mut Scratch,
        buffer: &mut Vec<u8>,
    ) -> Result<Option<ObjectKind>, Undecided> {
        let failed = |error: gix::Error| unreadable(id, &self.path, &error);
        match place {
            Place::Loose => {
                let object = self.loose.store.try_find(id, buffer).map_err(failed)?;
                Ok(object.map(|object| ObjectKind::from(object.kind)))
            }
            Place::Packed(pack, offset) => {
                let (Some(index), Some(data)) = (pack.index(self.hash)?, pack.data(self.hash)?) else {
                    return Ok(None);
                };
                let entry = data.entry(*offset).map_err(failed)?;
                let resolve =
                    |base: &oid, _: &mut Vec<u8>| in_pack(index, data, base).map(|entry| entry.map(EntryBase::InPack));
                let Scratch { inflate, deltas } = scratch;
                let decoded = data.decode_entry(entry, buffer, inflate, &resolve, &mut deltas.0).map_err(failed)?;
                Ok(Some(ObjectKind::from(decoded.kind)))
            }
        }
    }
}

/// The base of a delta: a pack on disk holds all its bases (gitformat-pack(5)).
fn in_pack(index: &index::File, data: &data::File, base: &oid) -> Result<Option<data::Entry>, gix::Error> {
    index.lookup(base).map(|at| data.entry(index.pack_offset_at_index(at))).transpose()
}

impl Pack {
    fn index(&self, hash: Kind) -> Result<Option<&index::File>, Undecided> {
        opened(&self.index, &self.index_path, |path| index::File::at(path, hash))
    }

    fn data(&self, hash: Kind) -> Result<Option<&data::File>, Undecided> {
        opened(&self.data, &self.index_path.with_extension("pack"), |path| data::File::at(path, hash))
    }
}

/// Opens a file when it is first needed; `None` if there is no such file any more.
fn opened<'a, T>(
    cell: &'a OnceCell<T>,
    path: &Path,
    open: impl FnOnce(&Path) -> Result<T, gix::Error>,
) -> Result<Option<&'a T>, Undecided> {
    if let Some(file) = cell.get() {
        return Ok(Some(file));
    }
    match open(path) {
        Ok(file) => Ok(Some(cell.get_or_init(|| file))),
        Err(_) if matches!(path.try_exists(), Ok(false)) => Ok(None),
        Err(error) => Err(Undecided::server(format!("opening {}", path.display()), described(&error))),
    }
}

fn unreadable(id: &oid, folder: &Path, error: &gix::Error) -> Undecided {
    Undecided::server(format!("reading the object {id} in {}", folder.display()), described(error))
}

impl From<gix::objs::Kind> for ObjectKind {
    fn from(kind: gix::objs::Kind) -> Self {
        match kind {
            gix::objs::Kind::Commit => Self::Commit,
            gix::objs::Kind::Tree => Self::Tree,
            gix::objs::Kind::Blob => Self::Blob,
            gix::objs::Kind::Tag => Self::Tag,
        }
    }
}
