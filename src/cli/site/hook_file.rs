//! One hook file: whose it is, and how it comes and goes without a moment at which neither it nor a former one stands.

use super::{Account, Repository, Server, text::is_as_installed};
use rustix::{
    fs::{
        AtFlags, CWD, FileType, Mode, OFlags, fchmod, fchown, fstat, linkat, mkdirat, openat, renameat, statat,
        unlinkat,
    },
    io::Errno,
    process::{Gid, Uid, geteuid},
};
use std::{
    fs::File,
    io::{self, Read, Write},
    os::fd::OwnedFd,
    path::{Path, PathBuf},
};

/// Where a former hook is kept that ours runs; beside ours.
const FORMER: &str = "pre-receive.before-countersign";

/// The same, where all in the folder of the hook would be linked into every repository.
const FORMER_ABOVE: &str = "../pre-receive.before-countersign";

/// More than any hook that people write, in bytes. One that is larger is theirs.
const LARGEST: u64 = 1024 * 1024;

/// Where a hook is, and who it is for.
#[derive(Clone, Debug)]
pub(in crate::cli) struct HookFile {
    /// The repository, or the folder that is for all.
    base: PathBuf,
    /// The folders below it, which are made if they are not there; no link is followed.
    folders: &'static [&'static str],
    name: &'static str,
    /// Where a former hook goes, from its folder; `None`: the server runs every file of the folder.
    former: Option<&'static str>,
    /// Whether folders that are empty go with it.
    keeps_folders: bool,
}

/// What stands where the hook is to be.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(in crate::cli) enum Standing {
    None,
    /// Ours, as it is to be.
    Current,
    /// The same, and nobody may execute it: git passes it over.
    NotExecutable,
    /// Ours, as it was installed by another version or with other options.
    Older,
    /// Ours, and somebody changed it.
    Changed,
    Theirs,
    /// It, or a folder on the way to it, is a link.
    Link,
    NotAFile,
}

impl HookFile {
    /// The one of a single repository.
    pub(in crate::cli) fn in_repository(server: Server, repository: &Repository) -> Self {
        let base = repository.path.clone();
        match server {
            Server::Plain | Server::Http | Server::Gitolite => Self::plain(base),
            Server::Gitea | Server::Forgejo => Self {
                base,
                folders: &["hooks", "pre-receive.d"],
                name: "countersign",
                former: None,
                keeps_folders: true,
            },
            Server::Gitlab => Self {
                base,
                folders: &["custom_hooks", "pre-receive.d"],
                name: "countersign",
                former: None,
                keeps_folders: false,
            },
        }
    }

    /// The one for all repositories, in Gitolite's `LOCAL_CODE` or GitLab's `custom_hooks_dir`.
    pub(in crate::cli) fn shared(server: Server, folder: &Path) -> Self {
        let base = folder.to_owned();
        if server == Server::Gitolite {
            let folders = &["hooks", "common"];
            return Self { base, folders, name: "pre-receive", former: Some(FORMER_ABOVE), keeps_folders: false };
        }
        Self { base, folders: &["pre-receive.d"], name: "countersign", former: None, keeps_folders: false }
    }

    /// The one in a template folder, from which git makes new repositories.
    pub(in crate::cli) fn in_template(folder: &Path) -> Self {
        Self::plain(folder.to_owned())
    }

    /// The one in a folder of Gitolite's triggers, named `VREF/countersign` in its configuration.
    pub(in crate::cli) fn vref(local_code: &Path) -> Self {
        let base = local_code.to_owned();
        Self { base, folders: &["VREF"], name: "countersign", former: None, keeps_folders: false }
    }

    fn plain(base: PathBuf) -> Self {
        Self { base, folders: &["hooks"], name: "pre-receive", former: Some(FORMER), keeps_folders: true }
    }

    pub(in crate::cli) fn path(&self) -> PathBuf {
        self.folder().join(self.name)
    }

    /// From its repository or shared folder.
    pub(in crate::cli) fn name(&self) -> String {
        [self.folders, &[self.name]].concat().join("/")
    }

    /// Where a former hook is kept, if the server runs but one.
    pub(in crate::cli) fn former(&self) -> Option<PathBuf> {
        let former = self.former?;
        Some(match former.strip_prefix("../") {
            Some(name) => self.folder().parent().unwrap_or(&self.base).join(name),
            None => self.folder().join(former),
        })
    }

    /// Whether there is a former hook, or anything else of its name.
    pub(in crate::cli) fn has_former(&self) -> bool {
        self.former().is_some_and(|former| former.symlink_metadata().is_ok())
    }

    /// Whether the former hook that is kept is another than the one that stands here.
    pub(super) fn has_another_former(&self) -> bool {
        let Some(former) = self.former().filter(|_| self.has_former()) else { return false };
        let read = |path: &Path| std::fs::read(path).ok();
        let kept = read(&former);
        kept.is_none() || kept != read(&self.path())
    }

    fn folder(&self) -> PathBuf {
        self.folders.iter().fold(self.base.clone(), |path, name| path.join(name))
    }

    /// What stands there, `text` being what should.
    ///
    /// # Errors
    /// The system's: it cannot be read.
    pub(in crate::cli) fn standing(&self, text: &[u8]) -> io::Result<Standing> {
        let folder = match self.open() {
            Ok(folder) => folder,
            Err(Errno::NOENT) => return Ok(Standing::None),
            Err(Errno::LOOP | Errno::NOTDIR) => return Ok(Standing::Link),
            Err(error) => return Err(error.into()),
        };
        let found = match statat(&folder, self.name, AtFlags::SYMLINK_NOFOLLOW) {
            Ok(found) => found,
            Err(Errno::NOENT) => return Ok(Standing::None),
            Err(error) => return Err(error.into()),
        };
        match FileType::from_raw_mode(found.st_mode) {
            FileType::RegularFile => {}
            FileType::Symlink => return Ok(Standing::Link),
            FileType::Directory
            | FileType::Fifo
            | FileType::Socket
            | FileType::CharacterDevice
            | FileType::BlockDevice
            | FileType::Unknown => return Ok(Standing::NotAFile),
        }
        let (bytes, found) = self.read(&folder)?;
        let is_executable = Mode::from_raw_mode(found).intersects(Mode::XUSR | Mode::XGRP | Mode::XOTH);
        Ok(match is_as_installed(&bytes) {
            Some(true) if bytes == text && is_executable => Standing::Current,
            Some(true) if bytes == text => Standing::NotExecutable,
            Some(true) => Standing::Older,
            Some(false) => Standing::Changed,
            None => Standing::Theirs,
        })
    }

    /// All of it and its mode; of one that is too large to be ours, the beginning.
    fn read(&self, folder: &OwnedFd) -> io::Result<(Vec<u8>, u32)> {
        // Not blocking: should a pipe have taken the file's place meanwhile, opening it would hang.
        let flags = OFlags::RDONLY | OFlags::NOFOLLOW | OFlags::NONBLOCK | OFlags::NOCTTY | OFlags::CLOEXEC;
        let handle = openat(folder, self.name, flags, Mode::empty())?;
        let mode = fstat(&handle)?.st_mode;
        let mut bytes = Vec::new();
        File::from(handle).take(LARGEST).read_to_end(&mut bytes)?;
        Ok((bytes, mode))
    }

    /// Its folder, over no links.
    fn open(&self) -> Result<OwnedFd, Errno> {
        let flags = OFlags::RDONLY | OFlags::DIRECTORY | OFlags::CLOEXEC;
        let base = openat(CWD, &self.base, flags, Mode::empty())?;
        self.folders
            .iter()
            .try_fold(base, |folder, name| openat(&folder, *name, flags | OFlags::NOFOLLOW, Mode::empty()))
    }

    /// The same; folders that are missing are made, for `owner`.
    fn make(&self, owner: &Account) -> Result<OwnedFd, Errno> {
        let flags = OFlags::RDONLY | OFlags::DIRECTORY | OFlags::CLOEXEC;
        let base = openat(CWD, &self.base, flags, Mode::empty())?;
        self.folders.iter().try_fold(base, |folder, name| {
            let made = match mkdirat(&folder, *name, Mode::from_raw_mode(0o755)) {
                Ok(()) => true,
                Err(Errno::EXIST) => false,
                Err(error) => return Err(error),
            };
            let inner = openat(&folder, *name, flags | OFlags::NOFOLLOW, Mode::empty())?;
            if made && geteuid().is_root() {
                fchown(&inner, Some(Uid::from_raw(owner.user)), Some(Gid::from_raw(owner.group)))?;
            }
            Ok(inner)
        })
    }

    /// Puts it there, in the place of one that is ours, or beside a former one, which gets its second name first.
    ///
    /// # Errors
    /// The system's; all is as it was.
    pub(super) fn put(&self, text: &[u8], standing: Standing, owner: &Account) -> io::Result<()> {
        let folder = self.make(owner)?;
        let former = self.former.filter(|_| standing == Standing::Theirs);
        let mut kept = None;
        if let Some(former) = former {
            match linkat(&folder, self.name, &folder, former, AtFlags::empty()) {
                Ok(()) => kept = Some(former),
                Err(Errno::EXIST) => {}
                // A file system without second names.
                Err(_) => {
                    let (bytes, mode) = self.read(&folder)?;
                    write_new(&folder, former, &bytes, Mode::from_raw_mode(mode))?;
                    kept = Some(former);
                }
            }
        }
        let temporary = format!(".countersign.{}", std::process::id());
        let put = write_new(&folder, &temporary, text, Mode::from_raw_mode(0o755))
            .and_then(|()| renameat(&folder, &temporary, &folder, self.name).map_err(io::Error::from));
        if put.is_err() {
            // What matters is told already.
            let _ = unlinkat(&folder, &temporary, AtFlags::empty());
            if let Some(former) = kept {
                let _ = unlinkat(&folder, former, AtFlags::empty());
            }
        }
        put
    }

    /// Takes it away, and puts a former one back.
    ///
    /// # Errors
    /// The system's.
    pub(super) fn remove(&self) -> io::Result<()> {
        let folder = self.open()?;
        match self.former.filter(|_| self.has_former()) {
            Some(former) => renameat(&folder, former, &folder, self.name)?,
            None => unlinkat(&folder, self.name, AtFlags::empty())?,
        }
        if !self.keeps_folders {
            // Those that hold something else stay.
            let mut path = self.folder();
            while path != self.base && std::fs::remove_dir(&path).is_ok() && path.pop() {}
        }
        Ok(())
    }
}

/// A new file in a folder, with exactly this mode.
fn write_new(folder: &OwnedFd, name: &str, bytes: &[u8], mode: Mode) -> io::Result<()> {
    let flags = OFlags::WRONLY | OFlags::CREATE | OFlags::EXCL | OFlags::NOFOLLOW | OFlags::CLOEXEC;
    let mut file = File::from(openat(folder, name, flags, Mode::RUSR | Mode::WUSR)?);
    file.write_all(bytes)?;
    fchmod(&file, mode)?;
    file.sync_all()
}
