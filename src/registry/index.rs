//! What is known of the files of `openpgp/` from the last push: where each is as it was, which costs one stat(2), it is not read
//! until a signature asks for a certificate in it.
//!
//! The index is kept in the ledger's folder, where only the hook's own user can write. One that is missing, damaged or of
//! another version is as good as none: all is read, and it is written anew.

use crate::{
    Undecided,
    signature::{openpgp::OfOtherVersion, sha256},
    trusted::{FileState, OwnFolder, TrustedFiles},
};
use std::{
    ffi::{OsStr, OsString},
    os::unix::ffi::{OsStrExt, OsStringExt},
    path::Path,
};

/// What an index begins with; the number is that of its form.
const MAGIC: &[u8] = b"countersign registry index 1\n";

/// Bytes that are read of one at most.
const LARGEST: usize = 64 * 1024 * 1024;

/// Seconds that a file must have been left alone before the index was written: within the grain of its clock a file system
/// may give two changes one time (git's Documentation/technical/racy-git).
const SETTLED: i64 = 2;

/// A file as it was read.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(super) struct Known {
    pub(super) name: OsString,
    /// `None`: it is behind a link, and has to be read each time.
    pub(super) state: Option<FileState>,
    pub(super) sha256: [u8; 32],
    /// What [`index`](crate::signature::openpgp::index) wrote.
    pub(super) certificates: Vec<u8>,
    pub(super) others: Vec<OfOtherVersion>,
}

/// The index of one registry.
pub(super) struct Index {
    place: OwnFolder,
    name: String,
    /// Sorted by name.
    files: Vec<Known>,
    /// When it was written; seconds and nanoseconds.
    written: (i64, i64),
}

impl Index {
    /// Looks for the index of the registry at `registry`. `None` if `folder` is not there, or not to be trusted: whoever needs
    /// it for more will say so.
    pub(super) fn open(trusted: &TrustedFiles, folder: &Path, registry: &Path) -> Option<Self> {
        let place = trusted.open_folder(folder).ok().flatten()?;
        let digest = sha256(registry.as_os_str().as_bytes());
        let digits: String = digest.iter().take(8).map(|byte| format!("{byte:02x}")).collect();
        let name = format!("registry-{digits}.index");
        let read = || {
            // Should it be replaced meanwhile, it is taken for older than it is.
            let written = place.modified(&name).ok().flatten()?;
            Some((decode(&place.read_secret(&name, LARGEST).ok()?)?, written))
        };
        let (files, written) = read().unwrap_or_default();
        Some(Self { place, name, files, written })
    }

    /// What is known of a file that is in this state.
    pub(super) fn find(&self, name: &OsStr, state: &FileState) -> Option<&Known> {
        let at = self.files.binary_search_by(|known| known.name.as_os_str().cmp(name)).ok()?;
        let (seconds, nanoseconds) = state.changed;
        let is_settled = (seconds.saturating_add(SETTLED), nanoseconds) <= self.written;
        self.files.get(at).filter(|known| known.state == Some(*state) && is_settled)
    }

    /// How many files it knows.
    pub(super) fn len(&self) -> usize {
        self.files.len()
    }

    /// Keeps what is known now; `files` are sorted by name.
    pub(super) fn keep(&self, files: &[Known]) -> Result<(), Undecided> {
        let Some(bytes) = encode(files).filter(|bytes| bytes.len() <= LARGEST) else { return Ok(()) };
        let new = format!("{}.new", self.name);
        self.place.write(&new, &bytes, true)?;
        self.place.rename(&new, &self.name)
    }
}

/// `None`: a length does not fit.
fn encode(files: &[Known]) -> Option<Vec<u8>> {
    let mut body = Vec::new();
    for known in files {
        part(&mut body, known.name.as_bytes())?;
        body.push(known.state.is_some().into());
        if let Some(FileState { identity, size, modified, changed }) = known.state {
            for number in [identity.0, identity.1, size] {
                body.extend(number.to_le_bytes());
            }
            for number in [modified.0, modified.1, changed.0, changed.1] {
                body.extend(number.to_le_bytes());
            }
        }
        body.extend(known.sha256);
        part(&mut body, &known.certificates)?;
        body.extend(u32::try_from(known.others.len()).ok()?.to_le_bytes());
        for OfOtherVersion { number, version, user } in &known.others {
            body.extend(u64::try_from(*number).ok()?.to_le_bytes());
            body.push(*version);
            body.push(user.is_some().into());
            part(&mut body, user.as_deref().unwrap_or_default().as_bytes())?;
        }
    }
    Some([MAGIC, &crc32fast::hash(&body).to_le_bytes(), &body].concat())
}

fn decode(bytes: &[u8]) -> Option<Vec<Known>> {
    let (sum, mut body) = bytes.strip_prefix(MAGIC)?.split_first_chunk()?;
    if crc32fast::hash(body) != u32::from_le_bytes(*sum) {
        return None;
    }
    let mut files = Vec::new();
    let from = &mut body;
    while !from.is_empty() {
        let name = OsString::from_vec(take(from)?.to_vec());
        let state = match u8::from_le_bytes(chunk(from)?) {
            0 => None,
            _ => Some(FileState {
                identity: (u64::from_le_bytes(chunk(from)?), u64::from_le_bytes(chunk(from)?)),
                size: u64::from_le_bytes(chunk(from)?),
                modified: (i64::from_le_bytes(chunk(from)?), i64::from_le_bytes(chunk(from)?)),
                changed: (i64::from_le_bytes(chunk(from)?), i64::from_le_bytes(chunk(from)?)),
            }),
        };
        let sha256 = chunk(from)?;
        let certificates = take(from)?.to_vec();
        let mut others = Vec::new();
        for _ in 0..u32::from_le_bytes(chunk(from)?) {
            let number = usize::try_from(u64::from_le_bytes(chunk(from)?)).ok()?;
            let [version, has_user] = chunk(from)?;
            let user = String::from_utf8(take(from)?.to_vec()).ok()?;
            others.push(OfOtherVersion { number, version, user: (has_user == 1).then_some(user) });
        }
        files.push(Known { name, state, sha256, certificates, others });
    }
    files.is_sorted_by(|one, next| one.name < next.name).then_some(files)
}

fn part(body: &mut Vec<u8>, part: &[u8]) -> Option<()> {
    body.extend(u32::try_from(part.len()).ok()?.to_le_bytes());
    body.extend(part);
    Some(())
}

fn chunk<const N: usize>(from: &mut &[u8]) -> Option<[u8; N]> {
    let (chunk, rest) = from.split_first_chunk()?;
    *from = rest;
    Some(*chunk)
}

fn take<'b>(from: &mut &'b [u8]) -> Option<&'b [u8]> {
    let length = usize::try_from(u32::from_le_bytes(chunk(from)?)).ok()?;
    let (part, rest) = from.split_at_checked(length)?;
    *from = rest;
    Some(part)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn known(name: &str, state: Option<FileState>) -> Known {
        let others = vec![
            OfOtherVersion { number: 2, version: 3, user: Some("Old <old@example.com>".into()) },
            OfOtherVersion { number: 3, version: 5, user: None },
        ];
        Known { name: name.into(), state, sha256: [7; 32], certificates: vec![1, 2, 3], others }
    }

    #[test]
    fn it_is_read_as_it_was_written_or_not_at_all() {
        let state = FileState { identity: (1, 2), size: 3, modified: (-4, 5), changed: (6, 7) };
        let files = [known("a", Some(state)), known("b", None)];
        let written = encode(&files).unwrap();
        assert_eq!(decode(&written).as_deref(), Some(&files[..]));
        assert_eq!(decode(&encode(&[]).unwrap()), Some(Vec::new()));
        for end in 0..written.len() {
            assert_eq!(decode(&written[..end]), None, "cut at {end}");
        }
        for at in 0..written.len() {
            let mut damaged = written.clone();
            damaged[at] ^= 1;
            assert_eq!(decode(&damaged), None, "changed at {at}");
        }
        let unsorted = encode(&[known("b", None), known("a", None)]).unwrap();
        assert_eq!(decode(&unsorted), None);
    }
}
