//! Which object folders a repository reads from: its own and its alternates, followed as git does.
#![expect(clippy::disallowed_methods, reason = "reads the repository")]

use gix::{bstr::ByteSlice, quote::ansi_c};
use std::{
    ffi::OsStr,
    fs,
    io::ErrorKind,
    os::unix::ffi::OsStrExt,
    path::{Path, PathBuf},
};

/// How far alternates of alternates are followed (git's `link_alt_odb_entries` in `object-file.c`).
const DEEPEST: usize = 5;

/// The folders of all objects that were there before the push, canonical, each once, the repository's own first.
///
/// `environment` is the value of `GIT_ALTERNATE_OBJECT_DIRECTORIES`; `apart` is left out wherever it is named.
pub(super) fn settled_folders(own: &Path, environment: &[u8], apart: Option<&Path>) -> Result<Vec<PathBuf>, String> {
    let mut found = Found { folders: Vec::new(), apart };
    found.add(own.to_owned(), 0)?;
    for entry in entries(environment, b':') {
        found.follow(None, &entry, 0)?;
    }
    Ok(found.folders)
}

struct Found<'a> {
    folders: Vec<PathBuf>,
    apart: Option<&'a Path>,
}

impl Found<'_> {
    /// Adds a folder and those that its `info/alternates` names.
    fn add(&mut self, folder: PathBuf, depth: usize) -> Result<(), String> {
        if self.apart == Some(folder.as_path()) || self.folders.contains(&folder) {
            return Ok(());
        }
        self.folders.push(folder.clone());
        let listed = folder.join("info/alternates");
        let listed = match fs::read(&listed) {
            Ok(listed) => listed,
            Err(error) if matches!(error.kind(), ErrorKind::NotFound | ErrorKind::NotADirectory) => return Ok(()),
            Err(error) => return Err(format!("reading {}: {error}", listed.display())),
        };
        for entry in entries(&listed, b'\n') {
            self.follow(Some(&folder), &entry, depth)?;
        }
        Ok(())
    }

    fn follow(&mut self, base: Option<&Path>, entry: &[u8], depth: usize) -> Result<(), String> {
        if depth > DEEPEST {
            return Err(format!("alternates of alternates are nested more than {DEEPEST} deep"));
        }
        let path = Path::new(OsStr::from_bytes(entry));
        let path = base.map_or_else(|| path.to_owned(), |base| base.join(path));
        match path.canonicalize() {
            Ok(folder) if folder.is_dir() => self.add(folder, depth + 1),
            // Git says so on standard error and goes on; an object that only it had will be missing, which is an error.
            Ok(_) => Ok(()),
            Err(error) if matches!(error.kind(), ErrorKind::NotFound | ErrorKind::NotADirectory) => Ok(()),
            Err(error) => Err(format!("following the alternate {}: {error}", path.display())),
        }
    }
}

/// Splits a list of alternates (git's `parse_alt_odb_entry`): `#` begins a comment, `"` a C-style quoted path; an entry
/// that cannot be unquoted is taken as it stands.
fn entries(list: &[u8], separator: u8) -> Vec<Vec<u8>> {
    let mut found = Vec::new();
    let mut rest = list;
    while !rest.is_empty() {
        let plain = || rest.find_byte(separator).unwrap_or(rest.len());
        let unquoted = rest.starts_with(b"\"").then(|| ansi_c::undo(rest.as_bstr()).ok()).flatten();
        let length = match unquoted {
            Some((path, consumed)) => {
                found.push(path.to_vec());
                consumed
            }
            None => {
                let length = plain();
                found.extend(rest.get(..length).filter(|entry| !entry.starts_with(b"#")).map(<[u8]>::to_vec));
                length
            }
        };
        rest = rest.get(length..).unwrap_or_default();
        rest = rest.strip_prefix(&[separator]).unwrap_or(rest);
    }
    found.retain(|entry| !entry.is_empty());
    found
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn entries_are_split_and_unquoted_as_git_does() {
        for (list, expected) in [
            (&b""[..], vec![]),
            (b"/a:/b", vec!["/a", "/b"]),
            (b"::/a:", vec!["/a"]),
            (b"\"/a:b\":/c", vec!["/a:b", "/c"]),
            (b"\"/\\303\\274\\n\":/c", vec!["/ü\n", "/c"]),
            (b"\"/a:b", vec!["\"/a", "b"]),
            (b"#/a:/b", vec!["/b"]),
        ] {
            let found: Vec<_> =
                entries(list, b':').into_iter().map(|entry| String::from_utf8(entry).unwrap()).collect();
            assert_eq!(found, expected, "{:?}", list.as_bstr());
        }
        assert_eq!(entries(b"# note\n\n../x\n/y:z\n", b'\n'), [b"../x".to_vec(), b"/y:z".to_vec()]);
    }
}
