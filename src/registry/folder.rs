//! The registry folder on disk (the only I/O of the registry).

use super::{
    Parts, Registry,
    index::{Index, Known},
};
use crate::{
    Undecided,
    bounds::Bounds,
    signature::{
        Certificates,
        openpgp::{self, OfOtherVersion},
        sha256,
    },
    trusted::{OpenFolder, TrustedFiles},
};
use jiff::tz::TimeZone;
use std::{
    cell::RefCell,
    collections::BTreeSet,
    ffi::{OsStr, OsString},
    path::{Path, PathBuf},
};

pub(super) const ALLOWED_SIGNERS: &str = "allowed_signers";
pub(super) const REVOKED_KEYS: &str = "revoked_keys";
pub(super) const OPENPGP: &str = "openpgp";
pub(super) const SIGNERS: &str = "signers.toml";

/// The parts that this version reads; `registry-require` may name them.
const PARTS: [&str; 4] = [ALLOWED_SIGNERS, REVOKED_KEYS, OPENPGP, SIGNERS];

impl Registry {
    /// Reads the folder, which has to be there. `required`: parts (by the name of the file or folder) that have to be
    /// there, too. `zone`: of windows in `allowed_signers` that name none.
    ///
    /// # Errors
    /// The folder or a required part is missing, or a part cannot be read or trusted. A broken `signers.toml` has
    /// [`BrokenSigners`](super::BrokenSigners) as its cause.
    pub fn load(
        trusted: &TrustedFiles,
        folder: &Path,
        required: &[String],
        zone: &TimeZone,
    ) -> Result<Self, Undecided> {
        Self::load_indexed(trusted, folder, required, zone, None)
    }

    /// The same, which need not read OpenPGP certificates that it knows from the last time. `index`: the folder where that is
    /// kept, if it is there.
    ///
    /// # Errors
    /// Those of [`Registry::load`]. What cannot be read when it is asked for is told by [`Registry::check_read`].
    pub fn load_indexed(
        trusted: &TrustedFiles,
        folder: &Path,
        required: &[String],
        zone: &TimeZone,
        index: Option<&Path>,
    ) -> Result<Self, Undecided> {
        let folder = Folder::open(trusted, folder, index)?;
        for part in required {
            folder.require(part)?;
        }
        let parts = folder.parts()?;
        folder.registry(parts, zone)
    }

    /// Reads the folder as it would be with other contents of some parts.
    pub(super) fn load_with(
        trusted: &TrustedFiles,
        folder: &Path,
        zone: &TimeZone,
        change: impl FnOnce(&mut Parts) -> Result<(), Undecided>,
    ) -> Result<Self, Undecided> {
        let folder = Folder::open(trusted, folder, None)?;
        let (mut parts, of_other_versions) = folder.parts()?;
        change(&mut parts)?;
        folder.registry((parts, of_other_versions), zone)
    }
}

impl Registry {
    /// What it was read from, a line each file: `sha256:`, the digest in hexadecimal, two spaces, and the path below the folder, in which
    /// whatever is not printable is escaped as in Rust.
    pub fn file_list(&self) -> String {
        const DIGITS: &[u8; 16] = b"0123456789abcdef";
        let digit = |number: u8| DIGITS.get(usize::from(number)).copied().map_or('0', char::from);
        let mut list = String::with_capacity(self.files.len() * 128);
        for file in &self.files {
            list.push_str("sha256:");
            for byte in file.sha256 {
                list.push(digit(byte >> 4));
                list.push(digit(byte & 15));
            }
            list.push_str("  ");
            let name = file.name.to_string_lossy();
            match name.contains(char::is_control) {
                true => name.chars().for_each(|character| match character.is_control() {
                    true => list.extend(character.escape_default()),
                    false => list.push(character),
                }),
                false => list.push_str(&name),
            }
            list.push('\n');
        }
        list
    }

    /// Fails if a file could not be read when something in it was asked for: what was judged meanwhile was judged without it.
    ///
    /// # Errors
    /// Why.
    pub fn check_read(&self) -> Result<(), Undecided> {
        let doing = || format!("reading the registry `{}` again", self.folder.display());
        self.certificates.check().map_err(|why| Undecided::server(doing(), why))
    }

    /// The contents of these files, read again.
    ///
    /// # Errors
    /// One of them cannot be read any more, or is not what it was.
    pub fn contents(&self, trusted: &TrustedFiles) -> Result<Vec<Vec<u8>>, Undecided> {
        let read = |file: &ReadFile| {
            let path = self.folder.join(&file.name);
            let bytes = trusted.read(&path, file.at_most)?;
            match sha256(&bytes) == file.sha256 {
                true => Ok(bytes),
                false => {
                    let changed = "it changed while the push was judged";
                    Err(Undecided::server(format!("recording the registry's file `{}`", path.display()), changed))
                }
            }
        };
        self.files.iter().map(read).collect()
    }
}

struct Folder<'a> {
    trusted: &'a TrustedFiles,
    path: &'a Path,
    entries: BTreeSet<String>,
    /// Where the index is kept.
    index: Option<&'a Path>,
    /// What was read.
    files: RefCell<Vec<ReadFile>>,
}

/// A file as it was when the registry was read.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(super) struct ReadFile {
    /// Its path below the folder.
    name: PathBuf,
    sha256: [u8; 32],
    at_most: usize,
}

/// Names that are not UTF-8 are none of a part's.
fn entries(trusted: &TrustedFiles, folder: &Path) -> Result<BTreeSet<String>, Undecided> {
    let name = |path: PathBuf| path.file_name().map(|name| name.to_string_lossy().into_owned());
    Ok(trusted.list(folder)?.into_iter().filter_map(name).collect())
}

impl<'a> Folder<'a> {
    fn open(trusted: &'a TrustedFiles, path: &'a Path, index: Option<&'a Path>) -> Result<Self, Undecided> {
        Ok(Self { trusted, path, entries: entries(trusted, path)?, index, files: RefCell::default() })
    }

    fn parts(&self) -> Result<(Parts, Vec<(String, OfOtherVersion)>), Undecided> {
        let (certificates, of_other_versions) = self.certificates()?;
        let parts = Parts {
            signers: self.part(SIGNERS, Bounds::SIGNERS_FILE)?,
            allowed_signers: self.part(ALLOWED_SIGNERS, Bounds::KEY_FILE)?,
            revoked_keys: self.part(REVOKED_KEYS, Bounds::KEY_FILE)?,
            certificates,
        };
        Ok((parts, of_other_versions))
    }

    fn registry(
        &self,
        (parts, of_other_versions): (Parts, Vec<(String, OfOtherVersion)>),
        zone: &TimeZone,
    ) -> Result<Registry, Undecided> {
        let unused = self.entries.iter().filter(|name| !PARTS.contains(&name.as_str())).cloned().collect();
        let files = self.files.take();
        Ok(Registry { unused, of_other_versions, files, ..Registry::from_parts(self.path, parts, zone)? })
    }

    fn read(&self, name: &Path, at_most: usize) -> Result<Vec<u8>, Undecided> {
        let bytes = self.trusted.read(&self.path.join(name), at_most)?;
        self.files.borrow_mut().push(ReadFile { name: name.to_owned(), sha256: sha256(&bytes), at_most });
        Ok(bytes)
    }

    fn require(&self, part: &str) -> Result<(), Undecided> {
        let missing = if !PARTS.contains(&part) {
            "this version knows no such part of a registry"
        } else if !self.entries.contains(part) {
            "it is not there, and `registry-require` names it"
        } else {
            return Ok(());
        };
        Err(self.broken(part, missing.into()))
    }

    /// What is not there is empty.
    fn part(&self, name: &str, at_most: usize) -> Result<Vec<u8>, Undecided> {
        match self.entries.contains(name) {
            true => self.read(Path::new(name), at_most),
            false => Ok(Vec::new()),
        }
    }

    /// A file that is no keyring refuses all: a revocation may be in it. Those that are not read, because nothing is
    /// verified with them, are told with their file's path below the folder.
    fn certificates(&self) -> Result<(Certificates, Vec<(String, OfOtherVersion)>), Undecided> {
        let (mut certificates, mut of_other_versions) = (Certificates::default(), Vec::new());
        if !self.entries.contains(OPENPGP) {
            return Ok((certificates, of_other_versions));
        }
        let path = self.path.join(OPENPGP);
        let folder = self.trusted.open_to_read(&path)?;
        let is_hidden = |name: &OsString| name.as_encoded_bytes().starts_with(b".");
        let names: Vec<_> = folder.names()?.into_iter().filter(|name| !is_hidden(name)).collect();
        if let Some(index) = self.index.and_then(|place| Index::open(self.trusted, place, self.path)) {
            return self.indexed(folder, names, &index);
        }
        for name in names {
            let (bytes, _) = folder.read(&name, Bounds::KEY_FILE)?;
            self.note(&name, sha256(&bytes));
            let others = certificates.add_file(&bytes).map_err(|why| unreadable(&path, &name, why))?;
            of_other_versions.extend(others.into_iter().map(|other| (shown(&name), other)));
        }
        Ok((certificates, of_other_versions))
    }

    fn indexed(
        &self,
        folder: OpenFolder,
        names: Vec<OsString>,
        index: &Index,
    ) -> Result<(Certificates, Vec<(String, OfOtherVersion)>), Undecided> {
        let (mut files, mut is_as_it_was) = (Vec::with_capacity(names.len()), names.len() == index.len());
        for name in names {
            let state = folder.state(&name)?;
            if let Some(known) = state.and_then(|state| index.find(&name, &state)) {
                files.push(known.clone());
                continue;
            }
            let (bytes, state) = folder.read(&name, Bounds::KEY_FILE)?;
            is_as_it_was &= state.is_none();
            let scanned = openpgp::index(&bytes);
            let (certificates, others) = scanned.map_err(|why| unreadable(&self.path.join(OPENPGP), &name, why))?;
            files.push(Known { name, state, sha256: sha256(&bytes), certificates, others });
        }
        if !is_as_it_was && let Err(undecided) = index.keep(&files) {
            tracing::warn!(%undecided, "the registry's index could not be kept");
        }
        let (mut certificates, mut of_other_versions, mut places) = (Vec::new(), Vec::new(), Vec::new());
        for Known { name, sha256, certificates: written, others, .. } in files {
            self.note(&name, sha256);
            of_other_versions.extend(others.into_iter().map(|other| (shown(&name), other)));
            certificates.push(written);
            places.push((name, sha256));
        }
        let path = self.path.join(OPENPGP);
        let read = move |number: usize| {
            let changed = |path: &Path| format!("`{}` changed while the push was judged", path.display());
            let (name, digest) = places.get(number).ok_or_else(|| changed(&path))?;
            let (bytes, _) = folder.read(name, Bounds::KEY_FILE).map_err(|undecided| undecided.to_string())?;
            if sha256(&bytes) == *digest { Ok(bytes) } else { Err(changed(&path.join(name))) }
        };
        Ok((Certificates::known(certificates, read), of_other_versions))
    }

    fn note(&self, name: &OsStr, sha256: [u8; 32]) {
        let name = Path::new(OPENPGP).join(name);
        self.files.borrow_mut().push(ReadFile { name, sha256, at_most: Bounds::KEY_FILE });
    }

    fn broken(&self, part: &str, why: String) -> Undecided {
        Undecided::server(format!("reading `{}`", self.path.join(part).display()), why)
    }
}

fn unreadable(folder: &Path, name: &OsStr, why: String) -> Undecided {
    Undecided::server(format!("reading `{}`", folder.join(name).display()), why)
}

/// A file of certificates, from the registry's folder on.
fn shown(name: &OsStr) -> String {
    format!("{OPENPGP}/{}", name.to_string_lossy())
}

#[cfg(test)]
#[expect(clippy::disallowed_methods, reason = "the folders to be read are made here")]
mod tests {
    use super::*;
    use std::fs::{create_dir, write};

    fn load(folder: &Path, required: &[&str]) -> Result<Registry, String> {
        let files = TrustedFiles::new(&[]).unwrap();
        let required: Vec<_> = required.iter().map(|&part| part.to_owned()).collect();
        Registry::load(&files, folder, &required, &TimeZone::UTC).map_err(|undecided| undecided.to_string())
    }

    #[test]
    fn the_folder_has_to_be_there_and_all_its_parts_are_optional() {
        let folder = tempfile::tempdir().unwrap();
        assert_eq!(load(folder.path(), &[]).unwrap().signers().count(), 0);
        let missing = load(&folder.path().join("registry"), &[]).unwrap_err();
        assert!(missing.ends_with("/registry`: it is not there"), "{missing}");
    }

    #[test]
    fn a_required_part_has_to_be_there() {
        for part in PARTS {
            let folder = tempfile::tempdir().unwrap();
            let missing = load(folder.path(), &[part]).unwrap_err();
            assert!(
                missing.ends_with(&format!("/{part}`: it is not there, and `registry-require` names it")),
                "{missing}"
            );
            match part {
                OPENPGP => create_dir(folder.path().join(part)).unwrap(),
                _ => write(folder.path().join(part), "").unwrap(),
            }
            assert!(load(folder.path(), &[part]).is_ok(), "{part}");
        }
        let folder = tempfile::tempdir().unwrap();
        let unknown = load(folder.path(), &["revoked-keys"]).unwrap_err();
        assert!(unknown.ends_with("this version knows no such part of a registry"), "{unknown}");
    }

    #[test]
    fn a_part_that_cannot_be_read_refuses_all() {
        let folder = tempfile::tempdir().unwrap();
        create_dir(folder.path().join(OPENPGP)).unwrap();
        write(folder.path().join("openpgp/.gitkeep"), "").unwrap();
        assert!(load(folder.path(), &[]).is_ok());
        create_dir(folder.path().join("openpgp/more")).unwrap();
        assert!(load(folder.path(), &[]).unwrap_err().ends_with("/openpgp/more`: it is not a regular file"));
        let folder = tempfile::tempdir().unwrap();
        write(folder.path().join(SIGNERS), "[[signer]]\nid = 3\n").unwrap();
        let broken = load(folder.path(), &[]).unwrap_err();
        assert!(broken.ends_with("/signers.toml`: line 2, column 6: this has to be a string, and is a whole number"));
    }

    #[test]
    fn what_is_no_part_is_told_and_not_read() {
        let folder = tempfile::tempdir().unwrap();
        create_dir(folder.path().join("x509")).unwrap();
        write(folder.path().join("allowed_signers~"), "garbage").unwrap();
        let lints = load(folder.path(), &[]).unwrap().check(crate::push::Timestamp(0));
        let files: Vec<_> = lints.iter().map(|lint| lint.file.rsplit('/').next().unwrap()).collect();
        assert_eq!(files, ["allowed_signers~", "x509"]);
    }
}
