//! The files of an export, in a folder.

use crate::Undecided;
use std::{
    fs::{self, File},
    io::{ErrorKind, Read, Write},
    path::{Path, PathBuf},
};

/// Holds an export. Its files are read and written by names such as `tile/0/000`.
pub(super) struct Files {
    folder: PathBuf,
}

/// Of one file: the longest value that the ledger's database holds (sqlite.org/limits.html, `SQLITE_MAX_LENGTH`).
const LONGEST: u64 = 1_000_000_000;

/// What a file is called until it is whole.
const UNFINISHED: &str = ".unfinished";

impl Files {
    pub(super) fn at(folder: &Path) -> Self {
        Self { folder: folder.to_owned() }
    }

    pub(super) fn path(&self) -> &Path {
        &self.folder
    }

    pub(super) fn has(&self, name: &str) -> bool {
        self.folder.join(name).is_file()
    }

    /// The whole of a file, or in words why not.
    pub(super) fn load(&self, name: &str) -> Result<Vec<u8>, String> {
        let file = File::open(self.folder.join(name)).map_err(|error| {
            if error.kind() == ErrorKind::NotFound { "it is missing".to_owned() } else { error.to_string() }
        })?;
        let mut bytes = Vec::new();
        file.take(LONGEST.saturating_add(1)).read_to_end(&mut bytes).map_err(|error| error.to_string())?;
        if u64::try_from(bytes.len()).is_ok_and(|length| length <= LONGEST) {
            Ok(bytes)
        } else {
            Err("it is larger than any that was written".into())
        }
    }

    /// Puts a file there, whole and on the disk or not at all.
    pub(super) fn put(&self, name: &str, bytes: &[u8]) -> Result<(), Undecided> {
        let path = self.folder.join(name);
        let unfinished = self.folder.join(format!("{name}{UNFINISHED}"));
        let write = || {
            let parent = path.parent().unwrap_or(&self.folder);
            fs::create_dir_all(parent)?;
            let mut file = File::create(&unfinished)?;
            file.write_all(bytes)?;
            file.sync_all()?;
            fs::rename(&unfinished, &path)?;
            File::open(parent)?.sync_all()
        };
        write().map_err(|error: std::io::Error| Undecided::server(format!("writing `{}`", path.display()), error))
    }

    /// Removes the partial tiles of `folder` but the one that is called `kept`, and what was left unfinished.
    pub(super) fn remove_partial(&self, folder: &str, kept: Option<&str>) -> Result<(), Undecided> {
        let folder = self.folder.join(folder);
        let kept = kept.map(|name| self.folder.join(name));
        let remove = || {
            let entries = match fs::read_dir(&folder) {
                Err(error) if error.kind() == ErrorKind::NotFound => return Ok(()),
                entries => entries?,
            };
            for entry in entries {
                let path = entry?.path();
                if Some(&path) != kept.as_ref() {
                    fs::remove_file(path)?;
                }
            }
            if kept.is_none() { fs::remove_dir(&folder) } else { Ok(()) }
        };
        remove().map_err(|error: std::io::Error| Undecided::server(format!("tidying `{}`", folder.display()), error))
    }
}
