//! Loose objects: a file each, in 256 folders (gitrepository-layout(5), `objects/[0-9a-f][0-9a-f]`).
#![expect(clippy::disallowed_methods, reason = "reads the repository")]

use crate::Undecided;
use gix::{
    hash::{Kind, oid},
    odb::loose,
};
use std::{
    cell::{Cell, RefCell},
    collections::{HashMap, HashSet},
    fs,
    io::ErrorKind,
    path::{Path, PathBuf},
};

/// Whether an object is there is asked of the system so often; then its folder is listed, once.
const ASKED_ONE_BY_ONE: u32 = 64;

/// The loose objects of one object folder.
pub(super) struct Loose {
    pub(super) store: loose::Store,
    path: PathBuf,
    asked: Cell<u32>,
    /// The names of files in those of the 256 folders that were listed, by the first byte of the ids.
    listed: RefCell<HashMap<u8, HashSet<Vec<u8>>>>,
}

impl Loose {
    pub(super) fn at(path: &Path, hash: Kind) -> Self {
        let store = loose::Store::at(path, hash);
        Self { store, path: path.to_owned(), asked: Cell::new(0), listed: RefCell::default() }
    }

    /// Whether there is a file for this object. What comes while folders are listed may be missed, as it would be had it come
    /// after the question.
    pub(super) fn contains(&self, id: &oid) -> Result<bool, Undecided> {
        let asked = self.asked.get();
        if asked < ASKED_ONE_BY_ONE {
            self.asked.set(asked + 1);
            return Ok(self.store.contains(id));
        }
        let first = id.first_byte();
        let mut listed = self.listed.borrow_mut();
        let names = match listed.get(&first) {
            Some(names) => names,
            None => listed.entry(first).or_insert(self.list(first)?),
        };
        if names.is_empty() {
            return Ok(false);
        }
        let hex = id.to_string();
        Ok(hex.as_bytes().get(2..).is_some_and(|rest| names.contains(rest)))
    }

    /// What was listed may have changed.
    pub(super) fn forget(&self) {
        self.listed.borrow_mut().clear();
    }

    fn list(&self, first: u8) -> Result<HashSet<Vec<u8>>, Undecided> {
        use std::os::unix::ffi::OsStringExt;
        let folder = self.path.join(format!("{first:02x}"));
        let failed = |error| Undecided::server(format!("listing {}", folder.display()), error);
        let entries = match fs::read_dir(&folder) {
            Ok(entries) => entries,
            Err(error) if error.kind() == ErrorKind::NotFound => return Ok(HashSet::new()),
            Err(error) => return Err(failed(error)),
        };
        entries.map(|entry| entry.map(|entry| entry.file_name().into_vec()).map_err(failed)).collect()
    }
}
