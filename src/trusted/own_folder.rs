//! A folder of the program's own, in which it keeps what it writes by itself.

use super::{NO_FILE, TrustedFiles, failed};
use crate::Undecided;
use rustix::{
    fs::{
        AtFlags, FileType, FlockOperation, Mode, OFlags, Stat, flock, fstat, fsync, lstat, mkdir, openat, renameat,
        statat, unlinkat,
    },
    io::Errno,
};
use std::{
    fs::File,
    io::{Read, Write},
    os::fd::OwnedFd,
    path::{Path, PathBuf},
};

/// An open folder, whose way is trusted, and into which nobody but root and the user this runs as can write, no group
/// either. So a name in it leads to what they put there.
#[derive(Debug)]
pub struct OwnFolder {
    handle: OwnedFd,
    path: PathBuf,
    files: TrustedFiles,
}

/// Held until it is dropped. Of others who lock the same folder, one at a time goes on.
#[derive(Debug)]
pub struct Lock(#[expect(dead_code, reason = "closing it unlocks")] OwnedFd);

impl TrustedFiles {
    /// Opens a folder; `None` if nothing is there.
    ///
    /// # Errors
    /// It is no folder, or somebody else can write into it or has a say on the way to it.
    pub fn open_folder(&self, path: &Path) -> Result<Option<OwnFolder>, Undecided> {
        let doing = || format!("opening `{}`", path.display());
        let Some(mut place) = self.walk(path).map_err(|why| Undecided::server(doing(), why))? else { return Ok(None) };
        let (None, Some(folder)) = (place.file, place.folders.pop()) else {
            return Err(Undecided::server(doing(), "it is not a folder"));
        };
        let flags = OFlags::RDONLY | OFlags::DIRECTORY | OFlags::CLOEXEC;
        let opened = openat(&folder.handle, ".", flags, Mode::empty())
            .and_then(|handle| fstat(&handle).map(|found| (handle, found)))
            .map_err(|error| failed(&folder.path, error));
        let (handle, found) = opened.map_err(|why| Undecided::server(doing(), why))?;
        let files = Self::owned_by(self.user, &[]);
        files.check(&folder.path, &found).map_err(|why| Undecided::server(doing(), why))?;
        Ok(Some(OwnFolder { handle, path: folder.path, files }))
    }

    /// Opens a folder, which is made if nothing is there: nobody but its owner may enter it.
    ///
    /// # Errors
    /// Those of [`TrustedFiles::open_folder`]; it cannot be made.
    pub fn make_own_folder(&self, path: &Path) -> Result<OwnFolder, Undecided> {
        let doing = || format!("making `{}`", path.display());
        if let Some(folder) = self.open_folder(path)? {
            return Ok(folder);
        }
        match mkdir(path, Mode::RWXU) {
            // Another may have made it meanwhile.
            Ok(()) | Err(Errno::EXIST) => {}
            Err(error) => return Err(Undecided::server(doing(), std::io::Error::from(error))),
        }
        self.open_folder(path)?.ok_or_else(|| Undecided::server(doing(), "it has gone again"))
    }
}

impl OwnFolder {
    /// Where it is, without links.
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// Whether it holds a file of this name. Of a regular one, which is not a link, nobody else can write.
    ///
    /// # Errors
    /// It is something else, or can be written.
    pub fn holds(&self, name: &str) -> Result<bool, Undecided> {
        self.find(name).map(|found| found.is_some()).map_err(|why| self.error("reading", name, why))
    }

    /// The length in bytes of a file; `None` if there is none.
    ///
    /// # Errors
    /// Those of [`OwnFolder::holds`].
    pub fn length(&self, name: &str) -> Result<Option<u64>, Undecided> {
        let found = self.find(name).map_err(|why| self.error("reading", name, why))?;
        Ok(found.map(|found| u64::try_from(found.st_size).unwrap_or(u64::MAX)))
    }

    /// When a file was last written, in seconds since 1970 and nanoseconds by the system's clock; `None` if there is none.
    ///
    /// # Errors
    /// Those of [`OwnFolder::holds`].
    pub fn modified(&self, name: &str) -> Result<Option<(i64, i64)>, Undecided> {
        let found = self.find(name).map_err(|why| self.error("reading", name, why))?;
        Ok(found.map(|found| (found.st_mtime, i64::try_from(found.st_mtime_nsec).unwrap_or(i64::MAX))))
    }

    /// Which file is there under this name: device and number. It is looked for by the folder's path, so that a folder that
    /// was moved meanwhile is not taken for the one that is there.
    ///
    /// # Errors
    /// There is none; it is no regular file.
    pub fn identity(&self, name: &str) -> Result<(u64, u64), Undecided> {
        let path = self.path.join(name);
        let found = lstat(&path).map_err(|error| self.error("reading", name, std::io::Error::from(error)))?;
        if FileType::from_raw_mode(found.st_mode) != FileType::RegularFile {
            return Err(self.error("reading", name, NO_FILE));
        }
        Ok((found.st_dev, found.st_ino))
    }

    /// The whole of a file of at most `at_most` bytes that nobody but its owner may read.
    ///
    /// # Errors
    /// It is not there, too large, or others can read or write it.
    pub fn read_secret(&self, name: &str, at_most: usize) -> Result<Vec<u8>, Undecided> {
        let path = self.path.join(name);
        let read = || {
            let found = self.find(name)?.ok_or(super::NOT_THERE)?;
            if Mode::from_raw_mode(found.st_mode).intersects(Mode::RWXG | Mode::RWXO) {
                let shown = path.display();
                return Err(format!("others than its owner can read `{shown}`; mend it: chmod 600 {shown}"));
            }
            let flags = OFlags::RDONLY | OFlags::NOFOLLOW | OFlags::NONBLOCK | OFlags::NOCTTY | OFlags::CLOEXEC;
            let handle = openat(&self.handle, name, flags, Mode::empty()).map_err(|error| failed(&path, error))?;
            let most = u64::try_from(at_most).unwrap_or(u64::MAX).saturating_add(1);
            let mut bytes = Vec::new();
            let read = File::from(handle).take(most).read_to_end(&mut bytes);
            read.map_err(|error| format!("`{}`: {error}", path.display()))?;
            if bytes.len() > at_most { Err(format!("it is larger than {at_most} bytes")) } else { Ok(bytes) }
        };
        read().map_err(|why| self.error("reading", name, why))
    }

    /// Puts a new file there, in the place of any that has its name, and brings it to the disk. It is not whole until
    /// this returns.
    ///
    /// # Errors
    /// It cannot be written.
    pub fn write(&self, name: &str, bytes: &[u8], secret: bool) -> Result<(), Undecided> {
        let mode = Mode::from_raw_mode(if secret { 0o600 } else { 0o644 });
        self.remove(name)?;
        let flags = OFlags::WRONLY | OFlags::CREATE | OFlags::EXCL | OFlags::NOFOLLOW | OFlags::CLOEXEC;
        let mut file = openat(&self.handle, name, flags, mode)
            .map(File::from)
            .map_err(|error| self.error("writing", name, std::io::Error::from(error)))?;
        file.write_all(bytes).and_then(|()| file.sync_all()).map_err(|error| self.error("writing", name, error))
    }

    /// Gives a file its final name. When this returns, the folder is on the disk.
    ///
    /// # Errors
    /// The system's.
    pub fn rename(&self, from: &str, to: &str) -> Result<(), Undecided> {
        renameat(&self.handle, from, &self.handle, to)
            .and_then(|()| fsync(&self.handle))
            .map_err(|error| self.error("writing", to, std::io::Error::from(error)))
    }

    /// Removes a file, if it is there.
    ///
    /// # Errors
    /// The system's.
    pub fn remove(&self, name: &str) -> Result<(), Undecided> {
        match unlinkat(&self.handle, name, AtFlags::empty()) {
            Ok(()) | Err(Errno::NOENT) => Ok(()),
            Err(error) => Err(self.error("removing", name, std::io::Error::from(error))),
        }
    }

    /// Waits until no other holds it.
    ///
    /// # Errors
    /// The system's.
    pub fn lock(&self) -> Result<Lock, Undecided> {
        let flags = OFlags::RDONLY | OFlags::DIRECTORY | OFlags::CLOEXEC;
        openat(&self.handle, ".", flags, Mode::empty())
            .and_then(|handle| flock(&handle, FlockOperation::LockExclusive).map(|()| Lock(handle)))
            .map_err(|error| self.error("locking", "", std::io::Error::from(error)))
    }

    fn find(&self, name: &str) -> Result<Option<Stat>, String> {
        let path = self.path.join(name);
        let found = match statat(&self.handle, name, AtFlags::SYMLINK_NOFOLLOW) {
            Ok(found) => found,
            Err(Errno::NOENT) => return Ok(None),
            Err(error) => return Err(failed(&path, error)),
        };
        if FileType::from_raw_mode(found.st_mode) != FileType::RegularFile {
            return Err(NO_FILE.into());
        }
        self.files.check(&path, &found)?;
        Ok(Some(found))
    }

    fn error(&self, doing: &str, name: &str, cause: impl Into<Box<dyn std::error::Error + Send + Sync>>) -> Undecided {
        Undecided::server(format!("{doing} `{}`", self.path.join(name).display()), cause)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::{
        fs,
        os::unix::fs::{PermissionsExt, symlink},
    };

    fn why<T: std::fmt::Debug>(result: Result<T, Undecided>) -> String {
        result.unwrap_err().cause.to_string()
    }

    #[test]
    fn it_is_made_for_its_owner_alone() {
        let ground = tempfile::tempdir().unwrap();
        let files = TrustedFiles::new(&[]).unwrap();
        let path = ground.path().join("ledger");
        assert!(files.open_folder(&path).unwrap().is_none());
        let folder = files.make_own_folder(&path).unwrap();
        assert_eq!(fs::metadata(folder.path()).unwrap().permissions().mode() & 0o777, 0o700);
        files.make_own_folder(&path).unwrap();
        assert!(why(files.make_own_folder(&ground.path().join("no/ledger"))).starts_with("No such file"));
    }

    #[test]
    fn no_group_may_write_in_it_allowed_or_not() {
        let ground = tempfile::tempdir().unwrap();
        let group = fs::metadata(ground.path()).map(|found| std::os::unix::fs::MetadataExt::gid(&found)).unwrap();
        let files = TrustedFiles::owned_by(rustix::process::geteuid().as_raw(), &[group]);
        fs::set_permissions(ground.path(), PermissionsExt::from_mode(0o770)).unwrap();
        assert!(why(files.open_folder(ground.path())).contains("can write"));
        fs::set_permissions(ground.path(), PermissionsExt::from_mode(0o700)).unwrap();
        assert!(files.open_folder(ground.path()).unwrap().is_some());
    }

    #[test]
    fn a_secret_that_others_can_read_is_none() {
        let ground = tempfile::tempdir().unwrap();
        let folder = TrustedFiles::new(&[]).unwrap().open_folder(ground.path()).unwrap().unwrap();
        assert_eq!(why(folder.read_secret("key", 9)), "it is not there");
        folder.write("key", b"text", true).unwrap();
        assert_eq!(folder.read_secret("key", 4).unwrap(), b"text");
        assert_eq!(why(folder.read_secret("key", 3)), "it is larger than 3 bytes");
        for mode in [0o640, 0o604] {
            fs::set_permissions(folder.path().join("key"), PermissionsExt::from_mode(mode)).unwrap();
            assert!(why(folder.read_secret("key", 9)).starts_with("others than its owner can read"));
        }
        for mode in [0o620, 0o602] {
            fs::set_permissions(folder.path().join("key"), PermissionsExt::from_mode(mode)).unwrap();
            assert!(why(folder.holds("key")).contains("can write"));
        }
        symlink("key", folder.path().join("link")).unwrap();
        assert_eq!(why(folder.holds("link")), "it is not a regular file");
    }
}
