//! A folder whose files are asked for one after another: the way to it is walked once.

use super::{NO_FILE, NOT_THERE, TrustedFiles, failed, reading};
use crate::{Undecided, bounds::Bounds};
use rustix::{
    fs::{AtFlags, Dir, FileType, Mode, OFlags, Stat, fstat, openat, statat},
    io::Errno,
};
use std::{
    ffi::{OsStr, OsString},
    fs::File,
    io::Read,
    os::{fd::OwnedFd, unix::ffi::OsStrExt},
    path::PathBuf,
};

/// An open folder into which nobody else can put a file.
#[derive(Debug)]
pub struct OpenFolder {
    files: TrustedFiles,
    handle: OwnedFd,
    path: PathBuf,
}

/// What changes with the contents of a regular file: the system sets `changed` by its own clock, whatever a program asks for
/// (stat(2), `st_ctim`).
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct FileState {
    /// Device and number.
    pub identity: (u64, u64),
    /// In bytes.
    pub size: u64,
    /// Seconds since 1970, and nanoseconds.
    pub modified: (i64, i64),
    /// The same.
    pub changed: (i64, i64),
}

impl TrustedFiles {
    /// Opens a folder to read what is in it.
    ///
    /// # Errors
    /// It is not there, not a folder, or somebody else could put a file into it.
    pub fn open_to_read(&self, path: &std::path::Path) -> Result<OpenFolder, Undecided> {
        self.open_listed(path).map_err(|why| Undecided::server(reading(path), why))
    }

    pub(super) fn open_listed(&self, path: &std::path::Path) -> Result<OpenFolder, String> {
        let Some(place) = self.walk(path)? else { return Err(NOT_THERE.into()) };
        let (None, Some(folder)) = (place.file, place.folders.last()) else { return Err("it is not a folder".into()) };
        let flags = OFlags::RDONLY | OFlags::DIRECTORY | OFlags::CLOEXEC;
        let handle = openat(&folder.handle, ".", flags, Mode::empty()).map_err(|error| failed(&folder.path, error))?;
        let found = fstat(&handle).map_err(|error| failed(&folder.path, error))?;
        // Sticky does not help here: others could not remove a file, but they could add one.
        self.check(&folder.path, &found)?;
        Ok(OpenFolder { files: self.clone(), handle, path: path.to_owned() })
    }
}

impl OpenFolder {
    /// The names of all that is in it, hidden entries too, sorted by their bytes.
    ///
    /// # Errors
    /// It cannot be read, or has too many.
    pub fn names(&self) -> Result<Vec<OsString>, Undecided> {
        self.listed().map_err(|why| Undecided::server(reading(&self.path), why))
    }

    pub(super) fn listed(&self) -> Result<Vec<OsString>, String> {
        let mut names = Vec::new();
        for entry in Dir::read_from(&self.handle).map_err(|error| failed(&self.path, error))? {
            let entry = entry.map_err(|error| failed(&self.path, error))?;
            let name = entry.file_name().to_bytes();
            if name != b"." && name != b".." {
                names.push(OsStr::from_bytes(name).to_owned());
            }
            if names.len() > Bounds::FILES {
                return Err(format!("it has more than {} entries", Bounds::FILES));
            }
        }
        names.sort_unstable();
        Ok(names)
    }

    /// What is known of a file without reading it; `None`: it is a link, and leads elsewhere.
    ///
    /// # Errors
    /// It is not there, neither file nor link, or somebody else could have written it.
    pub fn state(&self, name: &OsStr) -> Result<Option<FileState>, Undecided> {
        let look = || {
            let found = statat(&self.handle, name, AtFlags::SYMLINK_NOFOLLOW).map_err(|error| match error {
                Errno::NOENT => NOT_THERE.to_owned(),
                error => failed(&self.path.join(name), error),
            })?;
            self.state_of(name, &found)
        };
        look().map_err(|why| Undecided::server(reading(&self.path.join(name)), why))
    }

    fn state_of(&self, name: &OsStr, found: &Stat) -> Result<Option<FileState>, String> {
        match FileType::from_raw_mode(found.st_mode) {
            FileType::RegularFile => {}
            FileType::Symlink => return Ok(None),
            FileType::Directory
            | FileType::Fifo
            | FileType::Socket
            | FileType::CharacterDevice
            | FileType::BlockDevice
            | FileType::Unknown => return Err(NO_FILE.into()),
        }
        self.files.check_named(|| self.path.join(name), found)?;
        Ok(Some(FileState {
            identity: (found.st_dev, found.st_ino),
            size: u64::try_from(found.st_size).map_err(|_| NO_FILE)?,
            modified: (found.st_mtime, i64::try_from(found.st_mtime_nsec).unwrap_or(i64::MAX)),
            changed: (found.st_ctime, i64::try_from(found.st_ctime_nsec).unwrap_or(i64::MAX)),
        }))
    }

    /// The whole of a file of at most `at_most` bytes, and its state as it was read; `None`: it is behind a link.
    ///
    /// # Errors
    /// Those of [`TrustedFiles::read`].
    pub fn read(&self, name: &OsStr, at_most: usize) -> Result<(Vec<u8>, Option<FileState>), Undecided> {
        let path = self.path.join(name);
        // Not blocking: should a pipe have taken the file's place meanwhile, opening it would hang.
        let flags = OFlags::RDONLY | OFlags::NOFOLLOW | OFlags::NONBLOCK | OFlags::NOCTTY | OFlags::CLOEXEC;
        let handle = match openat(&self.handle, name, flags, Mode::empty()) {
            Ok(handle) => handle,
            Err(Errno::LOOP) => return Ok((self.files.read(&path, at_most)?, None)),
            Err(Errno::NOENT) => return Err(Undecided::server(reading(&path), NOT_THERE)),
            Err(error) => return Err(Undecided::server(reading(&path), failed(&path, error))),
        };
        let read = || {
            let found = fstat(&handle).map_err(|error| failed(&path, error))?;
            let state = self.state_of(name, &found)?;
            let bytes = read_bounded(File::from(handle), &found, u64::try_from(at_most).unwrap_or(u64::MAX))
                .map_err(|why| why.unwrap_or_else(|error| format!("`{}`: {error}", path.display())))?;
            Ok((bytes, state))
        };
        read().map_err(|why: String| Undecided::server(reading(&path), why))
    }
}

/// All of an open file, of which `found` is known.
///
/// # Errors
/// It is too large, in words, or the system's error.
pub(super) fn read_bounded(file: File, found: &Stat, at_most: u64) -> Result<Vec<u8>, Result<String, std::io::Error>> {
    let too_large = || Ok(format!("it is larger than {at_most} bytes"));
    let size = u64::try_from(found.st_size).ok().filter(|size| *size <= at_most).ok_or_else(too_large)?;
    let mut bytes = Vec::with_capacity(usize::try_from(size).map_err(|_| too_large())?);
    // It may have grown since.
    let length = file.take(at_most.saturating_add(1)).read_to_end(&mut bytes).map_err(Err)?;
    if u64::try_from(length).is_ok_and(|length| length <= at_most) { Ok(bytes) } else { Err(too_large()) }
}
