//! Writing of the files that decide what is let in: whole or not at all, and never over what somebody else wrote
//! meanwhile.

use super::{NO_FILE, TrustedFiles, failed};
use crate::{Undecided, bounds::Bounds};
use rustix::{
    fs::{
        AtFlags, FlockOperation, Gid, Mode, OFlags, Stat, Uid, fchmod, fchown, flock, fstat, fsync, openat, renameat,
        unlinkat,
    },
    io::Errno,
};
use std::{
    ffi::OsString,
    fs::File,
    io::{Read, Write},
    os::fd::{AsFd, OwnedFd},
    path::Path,
};

/// Of a file that was not there.
const NEW_MODE: u32 = 0o644;

impl TrustedFiles {
    /// Puts `new` in the place of what a file held when it was read, `None` where it was not there. The new file is
    /// written beside the old one and renamed, so that a reader finds one or the other, whole; it keeps owner and mode.
    /// The folder is locked meanwhile (flock(2)) against others who write by this function.
    ///
    /// # Errors
    /// The place is not to be trusted, somebody else changes it now or has changed it since, or it cannot be written.
    pub fn replace(&self, path: &Path, held: Option<&[u8]>, new: &[u8]) -> Result<(), Undecided> {
        self.replace_file(path, held, new)
            .map_err(|why| Undecided::server(format!("writing `{}`", path.display()), why))
    }

    /// Makes a folder that only its owner may write, if it is not there.
    ///
    /// # Errors
    /// The place is not to be trusted, or the folder cannot be made.
    pub fn make_folder(&self, path: &Path) -> Result<(), Undecided> {
        let doing = || format!("making `{}`", path.display());
        if self.exists(path)? {
            return self.list(path).map(|_| ());
        }
        let parent = path.parent().ok_or_else(|| Undecided::server(doing(), "it has no place"))?;
        self.list(parent)?;
        let mode = Mode::from_raw_mode(0o755);
        let flags = OFlags::RDONLY | OFlags::DIRECTORY | OFlags::NOFOLLOW | OFlags::CLOEXEC;
        // The hook may run as another user, whatever the umask of whoever calls this.
        rustix::fs::mkdir(path, mode)
            .and_then(|()| rustix::fs::open(path, flags, Mode::empty()))
            .and_then(|folder| fchmod(folder, mode))
            .map_err(|error| Undecided::server(doing(), std::io::Error::from(error)))
    }

    fn replace_file(&self, path: &Path, held: Option<&[u8]>, new: &[u8]) -> Result<(), String> {
        let (place, name) = match self.walk(path)? {
            Some(mut place) => {
                let name = place.file.take().ok_or(NO_FILE)?;
                (place, name)
            }
            None => {
                let parent = path.parent().filter(|parent| !parent.as_os_str().is_empty()).unwrap_or(Path::new("."));
                let place = self.walk(parent)?.filter(|place| place.file.is_none());
                (place.ok_or("its folder is not there")?, path.file_name().ok_or(NO_FILE)?.to_owned())
            }
        };
        let folder = place.folders.last().ok_or(NO_FILE)?;
        let flags = OFlags::RDONLY | OFlags::DIRECTORY | OFlags::CLOEXEC;
        let handle = openat(&folder.handle, ".", flags, Mode::empty()).map_err(|error| failed(&folder.path, error))?;
        let found = fstat(&handle).map_err(|error| failed(&folder.path, error))?;
        self.check(&folder.path, &found)?;
        match flock(&handle, FlockOperation::NonBlockingLockExclusive) {
            Ok(()) => {}
            Err(Errno::WOULDBLOCK) => return Err("somebody else is changing it just now: try again".into()),
            Err(error) => return Err(failed(&folder.path, error)),
        }
        let file = folder.path.join(&name);
        let (old, bytes) = self.old(&handle, &name, &file)?.unzip();
        if bytes.as_deref() != held {
            return Err("somebody else has changed it meanwhile: it stays as it is, try again".into());
        }
        // One name, so that what a killed process left does not pile up; others wait for the lock.
        let mut temporary = OsString::from(".");
        temporary.push(&name);
        temporary.push(".new");
        match unlinkat(&handle, &temporary, AtFlags::empty()) {
            Ok(()) | Err(Errno::NOENT) => {}
            Err(error) => return Err(failed(&folder.path.join(&temporary), error)),
        }
        let written = write_new(&handle, &temporary, old.as_ref(), new)
            .and_then(|()| renameat(&handle, &temporary, &handle, &name).map_err(|error| failed(&file, error)));
        if let Err(why) = written {
            // What went wrong first is told; a leftover is removed by the next writer.
            let _ = unlinkat(&handle, &temporary, AtFlags::empty());
            return Err(why);
        }
        fsync(&handle).map_err(|error| failed(&folder.path, error))
    }

    /// What stands there under the lock.
    fn old(&self, folder: &OwnedFd, name: &OsString, file: &Path) -> Result<Option<(Stat, Vec<u8>)>, String> {
        let flags = OFlags::RDONLY | OFlags::NOFOLLOW | OFlags::NONBLOCK | OFlags::NOCTTY | OFlags::CLOEXEC;
        let handle = match openat(folder, name, flags, Mode::empty()) {
            Ok(handle) => handle,
            Err(Errno::NOENT) => return Ok(None),
            Err(error) => return Err(failed(file, error)),
        };
        let found = fstat(&handle).map_err(|error| failed(file, error))?;
        self.check(file, &found)?;
        let mut bytes = Vec::new();
        let most = u64::try_from(Bounds::KEY_FILE).unwrap_or(u64::MAX).saturating_add(1);
        let read = File::from(handle).take(most).read_to_end(&mut bytes);
        read.map_err(|error| format!("`{}`: {error}", file.display()))?;
        Ok(Some((found, bytes)))
    }
}

fn write_new(folder: impl AsFd, name: &OsString, old: Option<&Stat>, new: &[u8]) -> Result<(), String> {
    let shown = Path::new(name);
    let flags = OFlags::WRONLY | OFlags::CREATE | OFlags::EXCL | OFlags::NOFOLLOW | OFlags::CLOEXEC;
    let handle = openat(folder, name, flags, Mode::from_raw_mode(0o600)).map_err(|error| failed(shown, error))?;
    if let Some(old) = old {
        let made = fstat(&handle).map_err(|error| failed(shown, error))?;
        if (made.st_uid, made.st_gid) != (old.st_uid, old.st_gid) {
            fchown(&handle, Some(Uid::from_raw(old.st_uid)), Some(Gid::from_raw(old.st_gid))).map_err(|error| {
                let (user, group) = (old.st_uid, old.st_gid);
                format!(
                    "giving it to user {user} and group {group}, as the file before: {}",
                    std::io::Error::from(error)
                )
            })?;
        }
    }
    let mode = old.map_or(NEW_MODE, |old| old.st_mode & 0o7777);
    fchmod(&handle, Mode::from_raw_mode(mode)).map_err(|error| failed(shown, error))?;
    let mut file = File::from(handle);
    file.write_all(new).and_then(|()| file.sync_all()).map_err(|error| format!("`{}`: {error}", shown.display()))
}

#[cfg(test)]
#[expect(clippy::disallowed_methods, reason = "the files to be replaced are made here")]
mod tests {
    use super::*;
    use std::{
        fs,
        os::unix::fs::{MetadataExt, PermissionsExt, symlink},
    };

    fn ground() -> (tempfile::TempDir, TrustedFiles, std::path::PathBuf) {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("file");
        fs::write(&file, "old").unwrap();
        fs::set_permissions(&file, fs::Permissions::from_mode(0o640)).unwrap();
        (folder, TrustedFiles::new(&[]).unwrap(), file)
    }

    fn why(result: Result<(), Undecided>) -> String {
        result.unwrap_err().cause.to_string()
    }

    fn names(folder: &Path) -> Vec<String> {
        let mut names: Vec<_> =
            fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().file_name().into_string().unwrap()).collect();
        names.sort();
        names
    }

    #[test]
    fn a_file_is_replaced_whole_and_keeps_its_mode() {
        let (folder, files, file) = ground();
        fs::write(folder.path().join(".file.new"), "half of what a killed process").unwrap();
        files.replace(&file, Some(b"old"), b"new").unwrap();
        assert_eq!(fs::read(&file).unwrap(), b"new");
        assert_eq!(fs::metadata(&file).unwrap().mode() & 0o7777, 0o640);
        assert_eq!(names(folder.path()), ["file"]);
    }

    #[test]
    fn a_file_that_was_not_there_is_made() {
        let (folder, files, file) = ground();
        let other = folder.path().join("other");
        files.replace(&other, None, b"new").unwrap();
        assert_eq!(fs::read(&other).unwrap(), b"new");
        assert_eq!(fs::metadata(&other).unwrap().mode() & 0o7777, 0o644);
        assert!(why(files.replace(&file, None, b"new")).starts_with("somebody else has changed it meanwhile"));
    }

    #[test]
    fn what_changed_meanwhile_is_not_overwritten() {
        let (folder, files, file) = ground();
        assert!(
            why(files.replace(&file, Some(b"older"), b"new")).starts_with("somebody else has changed it meanwhile")
        );
        assert_eq!(fs::read(&file).unwrap(), b"old");
        let lock = File::open(folder.path()).unwrap();
        flock(&lock, FlockOperation::LockExclusive).unwrap();
        assert_eq!(why(files.replace(&file, Some(b"old"), b"new")), "somebody else is changing it just now: try again");
        drop(lock);
        files.replace(&file, Some(b"old"), b"new").unwrap();
    }

    #[test]
    fn a_link_stays_one() {
        let (folder, files, file) = ground();
        let link = folder.path().join("link");
        symlink("file", &link).unwrap();
        files.replace(&link, Some(b"old"), b"new").unwrap();
        assert!(fs::symlink_metadata(&link).unwrap().is_symlink());
        assert_eq!(fs::read(&file).unwrap(), b"new");
    }

    #[test]
    fn where_others_can_write_nothing_is_written() {
        let (folder, files, file) = ground();
        fs::set_permissions(folder.path(), fs::Permissions::from_mode(0o777)).unwrap();
        assert!(why(files.replace(&file, Some(b"old"), b"new")).starts_with("everybody can write"));
        fs::set_permissions(folder.path(), fs::Permissions::from_mode(0o755)).unwrap();
        fs::set_permissions(&file, fs::Permissions::from_mode(0o666)).unwrap();
        assert!(why(files.replace(&file, Some(b"old"), b"new")).starts_with("everybody can write"));
        assert_eq!((fs::read(&file).unwrap(), names(folder.path())), (b"old".to_vec(), vec!["file".to_owned()]));
    }
}
