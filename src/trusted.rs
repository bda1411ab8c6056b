//! The files that decide what is let in: read only where nobody else can have written them.
//!
//! A policy that a stranger can change is no policy. The way to a file is walked folder by folder on open handles, so
//! what was checked is what is read: between the check and the reading there is no name to swap.
#![expect(clippy::disallowed_methods, reason = "reads `/etc/group`; all else goes through open handles")]

mod open_folder;
mod own_folder;
mod replacing;

pub use open_folder::{FileState, OpenFolder};
pub use own_folder::{Lock, OwnFolder};

use crate::{Undecided, bounds::Bounds};
use open_folder::read_bounded;
use rustix::{
    fs::{CWD, FileType, Mode, OFlags, Stat, fstat, openat, readlinkat},
    io::Errno,
};
use std::{
    ffi::{OsStr, OsString},
    fs::File,
    os::{fd::OwnedFd, unix::ffi::OsStringExt},
    path::{Component, Path, PathBuf},
};

/// Who may own what decides, and who else may write it.
///
/// A file, and every folder above it, belongs to root or to the user the hook runs as, and is writable by nobody else,
/// but for the groups that the administrator allowed. A sticky folder of root's (`/tmp`) is fine above a file: in it one
/// removes only what is one's own. Links are followed; the way to a link and the way to its target are checked alike.
/// Access control lists show in the group's permission bits (acl(5), the mask) and are judged by them.
#[derive(Clone, Debug)]
pub struct TrustedFiles {
    user: u32,
    groups: Vec<u32>,
}

impl TrustedFiles {
    /// For the effective user of this process and groups by name (`/etc/group`) or number.
    ///
    /// # Errors
    /// A group that does not exist.
    pub fn new(allowed_group_names: &[String]) -> Result<Self, Undecided> {
        let groups = match allowed_group_names {
            [] => Vec::new(),
            names => {
                let known =
                    std::fs::read("/etc/group").map_err(|error| Undecided::server("reading `/etc/group`", error))?;
                names.iter().map(|name| group_id(&known, name)).collect::<Result<_, _>>()?
            }
        };
        Ok(Self::owned_by(rustix::process::geteuid().as_raw(), &groups))
    }

    /// For a given user and given groups, by number.
    pub fn owned_by(user: u32, groups: &[u32]) -> Self {
        Self { user, groups: groups.to_vec() }
    }

    /// The whole of a regular file of at most `at_most` bytes.
    ///
    /// # Errors
    /// It is not there, not a regular file, too large, or somebody else could have written it.
    pub fn read(&self, path: &Path, at_most: usize) -> Result<Vec<u8>, Undecided> {
        self.read_file(path, u64::try_from(at_most).unwrap_or(u64::MAX))
            .map_err(|why| Undecided::server(reading(path), why))
    }

    /// The paths of all that is in a folder, hidden entries too, sorted by their bytes.
    ///
    /// # Errors
    /// It is not there, not a folder, or somebody else could put a file into it.
    pub fn list(&self, folder: &Path) -> Result<Vec<PathBuf>, Undecided> {
        self.list_folder(folder).map_err(|why| Undecided::server(reading(folder), why))
    }

    /// Whether there is anything at `path`.
    ///
    /// # Errors
    /// Somebody else could have put it there or have removed it, or it is a link to nothing: what an administrator
    /// linked is meant to be read.
    pub fn exists(&self, path: &Path) -> Result<bool, Undecided> {
        self.walk(path).map(|place| place.is_some()).map_err(|why| Undecided::server(reading(path), why))
    }

    fn read_file(&self, path: &Path, at_most: u64) -> Result<Vec<u8>, String> {
        let Some(place) = self.walk(path)? else { return Err(NOT_THERE.into()) };
        let (Some(name), Some(folder)) = (place.file, place.folders.last()) else { return Err(NO_FILE.into()) };
        let file = folder.path.join(&name);
        // Not blocking: should a pipe have taken the file's place meanwhile, opening it would hang.
        let flags = OFlags::RDONLY | OFlags::NOFOLLOW | OFlags::NONBLOCK | OFlags::NOCTTY | OFlags::CLOEXEC;
        let handle = openat(&folder.handle, &name, flags, Mode::empty()).map_err(|error| failed(&file, error))?;
        let found = fstat(&handle).map_err(|error| failed(&file, error))?;
        if FileType::from_raw_mode(found.st_mode) != FileType::RegularFile {
            return Err(NO_FILE.into());
        }
        self.check(&file, &found)?;
        read_bounded(File::from(handle), &found, at_most)
            .map_err(|why| why.unwrap_or_else(|error| format!("`{}`: {error}", file.display())))
    }

    fn list_folder(&self, path: &Path) -> Result<Vec<PathBuf>, String> {
        let names = self.open_listed(path)?.listed()?;
        Ok(names.into_iter().map(|name| path.join(name)).collect())
    }

    /// Goes to `path` over checked folders and links. `None`: nothing is there.
    fn walk(&self, path: &Path) -> Result<Option<Place>, String> {
        let path = std::path::absolute(path).map_err(|error| error.to_string())?;
        let mut place = Place { folders: vec![self.enter(CWD, OsStr::new("/"), PathBuf::from("/"))?], file: None };
        // What is still to be walked, last first, and whether a link says so.
        let mut steps: Vec<(OsString, bool)> = steps(&path, false);
        let mut links = 0;
        while let Some((name, linked)) = steps.pop() {
            if name == ".." {
                if place.folders.len() > 1 {
                    place.folders.pop();
                }
                continue;
            }
            let Some(folder) = place.folders.last() else { return Err(NOT_THERE.into()) };
            let here = folder.path.join(&name);
            let handle =
                match openat(&folder.handle, &name, OFlags::PATH | OFlags::NOFOLLOW | OFlags::CLOEXEC, Mode::empty()) {
                    Ok(handle) => handle,
                    Err(Errno::NOENT) if linked => {
                        return Err(format!("a link leads to `{}`, which is not there", here.display()));
                    }
                    Err(Errno::NOENT) => return Ok(None),
                    Err(error) => return Err(failed(&here, error)),
                };
            let found = fstat(&handle).map_err(|error| failed(&here, error))?;
            let kind = FileType::from_raw_mode(found.st_mode);
            if kind == FileType::Symlink {
                self.check_owner(&here, &found)?;
                links += 1;
                if links > Bounds::LINKS {
                    return Err(format!("`{}`: too many links", here.display()));
                }
                let target = readlinkat(&handle, "", Vec::new()).map_err(|error| failed(&here, error))?;
                let target = PathBuf::from(OsString::from_vec(target.into_bytes()));
                if target.is_absolute() {
                    place.folders.truncate(1);
                }
                steps.extend(self::steps(&target, true));
            } else if kind == FileType::Directory {
                let folder = self.enter(&handle, OsStr::new("."), here)?;
                place.folders.push(folder);
            } else if steps.is_empty() {
                place.file = Some(name);
            } else {
                return Err(format!("`{}` is not a folder", here.display()));
            }
        }
        Ok(Some(place))
    }

    /// Opens a folder on the way, not to read it: one may pass through folders that one may not list.
    fn enter(&self, at: impl std::os::fd::AsFd, name: &OsStr, path: PathBuf) -> Result<Folder, String> {
        let flags = OFlags::PATH | OFlags::DIRECTORY | OFlags::NOFOLLOW | OFlags::CLOEXEC;
        let handle = openat(at, name, flags, Mode::empty()).map_err(|error| failed(&path, error))?;
        let found = fstat(&handle).map_err(|error| failed(&path, error))?;
        let sticky = found.st_uid == 0 && Mode::from_raw_mode(found.st_mode).contains(Mode::SVTX);
        if !sticky {
            self.check(&path, &found)?;
        }
        Ok(Folder { handle, path })
    }

    fn check(&self, path: &Path, found: &Stat) -> Result<(), String> {
        self.check_named(|| path.to_owned(), found)
    }

    /// The same of many files, whose paths are only made to be told.
    fn check_named(&self, path: impl Fn() -> PathBuf, found: &Stat) -> Result<(), String> {
        if !self.may_own(found) {
            return self.check_owner(&path(), found);
        }
        let mode = Mode::from_raw_mode(found.st_mode);
        let at = || path().display().to_string();
        if mode.contains(Mode::WOTH) {
            let shown = at();
            return Err(format!("everybody can write `{shown}`; mend it: chmod o-w {shown}"));
        }
        if mode.contains(Mode::WGRP) && !self.groups.contains(&found.st_gid) {
            let (group, shown) = (found.st_gid, at());
            return Err(format!(
                "group {group} can write `{shown}`; mend it: chmod g-w {shown} (or name the group with `--allow-group`)"
            ));
        }
        Ok(())
    }

    fn may_own(&self, found: &Stat) -> bool {
        found.st_uid == 0 || found.st_uid == self.user
    }

    fn check_owner(&self, path: &Path, found: &Stat) -> Result<(), String> {
        if self.may_own(found) {
            return Ok(());
        }
        let (owner, user, shown) = (found.st_uid, self.user, path.display());
        Err(format!(
            "`{shown}` belongs to user {owner}, neither to root nor to the user this runs as ({user}); mend it: chown -h root {shown}"
        ))
    }
}

const NOT_THERE: &str = "it is not there";
const NO_FILE: &str = "it is not a regular file";

/// Where a path led.
struct Place {
    /// The folders on the way, the root first.
    folders: Vec<Folder>,
    /// The name in the last of them, if the path leads to anything but a folder.
    file: Option<OsString>,
}

struct Folder {
    handle: OwnedFd,
    path: PathBuf,
}

/// The names on the way, last first.
fn steps(path: &Path, linked: bool) -> Vec<(OsString, bool)> {
    let names = path.components().filter_map(|component| match component {
        Component::Normal(name) => Some(name.to_owned()),
        Component::ParentDir => Some("..".into()),
        Component::RootDir | Component::CurDir | Component::Prefix(_) => None,
    });
    let mut steps: Vec<_> = names.map(|name| (name, linked)).collect();
    steps.reverse();
    steps
}

fn group_id(known: &[u8], name: &str) -> Result<u32, Undecided> {
    if let Ok(number) = name.parse() {
        return Ok(number);
    }
    // group(5): name:password:number:members
    let number = known.split(|&byte| byte == b'\n').find_map(|line| {
        let mut fields = line.split(|&byte| byte == b':');
        let matches = fields.next() == Some(name.as_bytes());
        matches.then(|| fields.nth(1)).flatten().and_then(|number| std::str::from_utf8(number).ok()?.parse().ok())
    });
    number.ok_or_else(|| {
        Undecided::server(format!("looking up group `{name}`"), "`/etc/group` has no such group; give its number")
    })
}

fn reading(path: &Path) -> String {
    format!("reading `{}`", path.display())
}

fn failed(path: &Path, error: Errno) -> String {
    format!("`{}`: {}", path.display(), std::io::Error::from(error))
}

#[cfg(test)]
mod tests;
