//! Trees: what a folder holds, by name.

use super::{Malformed, headers::malformed};
use crate::push::{ObjectFormat, ObjectId};
use memchr::memchr;
use std::cmp::Ordering;

/// What a tree holds under one name.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct TreeEntry<'a> {
    /// What it is.
    pub mode: Mode,
    /// One component of a path, raw bytes.
    pub name: &'a [u8],
    /// The tree, the blob, or the submodule's commit.
    pub id: ObjectId,
}

/// What a tree's entry is, as git counts it: of a file's permissions, only whether its owner may execute it (git's
/// `cache.h`, `canon_mode`).
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Mode {
    /// A folder.
    Tree,
    /// A file.
    File,
    /// A file that may be executed.
    Executable,
    /// A symbolic link.
    Link,
    /// A commit of another repository.
    Submodule,
}

impl Mode {
    /// As git writes it.
    pub fn bits(self) -> u32 {
        match self {
            Self::Tree => 0o040_000,
            Self::File => 0o100_644,
            Self::Executable => 0o100_755,
            Self::Link => 0o120_000,
            Self::Submodule => 0o160_000,
        }
    }

    /// Git takes any type that it does not know for a submodule; nobody writes such a one.
    fn from_bits(bits: u32) -> Option<Self> {
        match bits & 0o170_000 {
            0o040_000 => Some(Self::Tree),
            0o100_000 if bits & 0o100 == 0 => Some(Self::File),
            0o100_000 => Some(Self::Executable),
            0o120_000 => Some(Self::Link),
            0o160_000 => Some(Self::Submodule),
            _ => None,
        }
    }
}

/// Reads a tree; the entries come sorted by their names alone, folders among files.
///
/// # Errors
/// What git reads in one way here and in another there: names twice or not in git's order, which git may then look for
/// in vain (git's `tree-walk.c`, `find_tree_entry`), and names that no path can have. Odd modes of old clients (`100664`,
/// `040000`) are read as git reads them.
pub fn tree_entries(bytes: &[u8], format: ObjectFormat) -> Result<Vec<TreeEntry<'_>>, Malformed> {
    let id_len = format.hex_len() / 2;
    let mut entries: Vec<TreeEntry<'_>> = Vec::new();
    let mut rest = bytes;
    while !rest.is_empty() {
        let (mode, after) = split_mode(rest)?;
        let Some((name, after)) = split_at_byte(after, 0) else { return malformed("is cut short") };
        let Some((id, after)) = after.split_at_checked(id_len) else { return malformed("is cut short") };
        check_name(name)?;
        let Some(id) = ObjectId::from_bytes(id) else { return malformed("holds an entry of the null id") };
        let entry = TreeEntry { mode, name, id };
        if entries.last().is_some_and(|last| in_gits_order(last, &entry) == Ordering::Greater) {
            return malformed("holds entries that are not in order");
        }
        entries.push(entry);
        rest = after;
    }
    // A file and a folder of one name are in order also where others stand between them.
    entries.sort_by_key(|entry| entry.name);
    if entries.windows(2).any(|pair| matches!(pair, [one, other] if one.name == other.name)) {
        return malformed("holds two entries of one name");
    }
    Ok(entries)
}

/// Octal digits up to a space.
fn split_mode(bytes: &[u8]) -> Result<(Mode, &[u8]), Malformed> {
    // Six digits, and a zero that some write before them.
    let digits = bytes.iter().take(8).position(|&byte| byte == b' ').filter(|&length| length > 0);
    let Some((digits, rest)) = digits.and_then(|length| Some((bytes.get(..length)?, bytes.get(length + 1..)?))) else {
        return malformed("holds an entry without a mode");
    };
    let mut bits: u32 = 0;
    for &digit in digits {
        match digit {
            b'0'..=b'7' => bits = bits << 3 | u32::from(digit - b'0'),
            _ => return malformed("holds an entry without a mode"),
        }
    }
    match Mode::from_bits(bits).filter(|_| bits <= 0o177_777) {
        Some(mode) => Ok((mode, rest)),
        None => malformed("holds an entry whose mode is of no kind"),
    }
}

/// Names that git never checks out (git's `read-cache.c`, `verify_path`).
fn check_name(name: &[u8]) -> Result<(), Malformed> {
    if name.is_empty() {
        return malformed("holds an entry without a name");
    }
    if memchr(b'/', name).is_some() {
        return malformed("holds an entry with a `/` in its name");
    }
    if [&b"."[..], b".."].contains(&name) || name.eq_ignore_ascii_case(b".git") {
        return malformed("holds an entry called `.`, `..` or `.git`");
    }
    Ok(())
}

/// Git sorts folders as if their names ended in a slash (git's `read-cache.c`, `base_name_compare`).
fn in_gits_order(one: &TreeEntry<'_>, other: &TreeEntry<'_>) -> Ordering {
    let common = one.name.len().min(other.name.len());
    let (prefix, others_prefix) = (one.name.get(..common), other.name.get(..common));
    let next = |entry: &TreeEntry<'_>| match entry.name.get(common) {
        Some(&byte) => byte,
        None if entry.mode == Mode::Tree => b'/',
        None => 0,
    };
    prefix.cmp(&others_prefix).then_with(|| next(one).cmp(&next(other)))
}

fn split_at_byte(bytes: &[u8], byte: u8) -> Option<(&[u8], &[u8])> {
    let at = memchr(byte, bytes)?;
    Some((bytes.get(..at)?, bytes.get(at + 1..)?))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn tree(entries: &[(&str, &str)]) -> Vec<u8> {
        let entry = |(mode, name): &(&str, &str)| [mode.as_bytes(), b" ", name.as_bytes(), b"\0", &[7; 20]].concat();
        entries.iter().flat_map(entry).collect()
    }

    fn read(entries: &[(&str, &str)]) -> Result<Vec<(String, u32)>, String> {
        let bytes = tree(entries);
        let read = tree_entries(&bytes, ObjectFormat::Sha1).map_err(|malformed| malformed.0)?;
        Ok(read.iter().map(|entry| (String::from_utf8_lossy(entry.name).into(), entry.mode.bits())).collect())
    }

    #[test]
    fn entries_come_by_name_with_modes_as_git_counts_them() {
        let all = [
            ("100644", "a"),
            ("100664", "a-b"),
            ("40000", "a.d"),
            ("040000", "b"),
            ("100755", "c"),
            ("120000", "d"),
            ("0160000", "e"),
        ];
        let modes = [0o100_644, 0o100_644, 0o40_000, 0o40_000, 0o100_755, 0o120_000, 0o160_000];
        let expected: Vec<_> = all.iter().zip(modes).map(|((_, name), mode)| ((*name).to_owned(), mode)).collect();
        assert_eq!(read(&all).unwrap(), expected);
        assert_eq!(read(&[]).unwrap(), []);
        // Git's order, and then by name.
        let names: Vec<_> =
            read(&[("100644", "a-b"), ("40000", "a")]).unwrap().into_iter().map(|(name, _)| name).collect();
        assert_eq!(names, ["a", "a-b"]);
        assert!(read(&[("100644", ".gitignore"), ("100644", "...")]).is_err());
        assert!(read(&[("100644", "..."), ("100644", ".gitignore"), ("40000", "git")]).is_ok());
        assert!(tree_entries(&[b"100644 a\0", &[7; 32][..]].concat(), ObjectFormat::Sha256).is_ok());
    }

    #[test]
    fn what_has_two_readings_is_refused() {
        for (entries, why) in [
            (&[("100644", "a"), ("100644", "a")][..], "holds two entries of one name"),
            (&[("100644", "a"), ("100644", "a-b"), ("40000", "a")], "holds two entries of one name"),
            (&[("100644", "b"), ("100644", "a")], "holds entries that are not in order"),
            (&[("40000", "a"), ("100644", "a-b")], "holds entries that are not in order"),
            (&[("100644", "")], "holds an entry without a name"),
            (&[("100644", "a/b")], "holds an entry with a `/` in its name"),
            (&[("40000", ".")], "holds an entry called `.`, `..` or `.git`"),
            (&[("40000", "..")], "holds an entry called `.`, `..` or `.git`"),
            (&[("40000", ".GiT")], "holds an entry called `.`, `..` or `.git`"),
            (&[("0", "a")], "holds an entry whose mode is of no kind"),
            (&[("10000", "a")], "holds an entry whose mode is of no kind"),
            (&[("1100644", "a")], "holds an entry whose mode is of no kind"),
            (&[("100648", "a")], "holds an entry without a mode"),
            (&[("", "a")], "holds an entry without a mode"),
            (&[("0000100644", "a")], "holds an entry without a mode"),
        ] {
            assert_eq!(read(entries).unwrap_err(), why, "{entries:?}");
        }
        let whole = tree(&[("100644", "a")]);
        for length in 1..whole.len() {
            assert!(tree_entries(&whole[..length], ObjectFormat::Sha1).is_err(), "{length}");
        }
        let null = [&b"100644 a\0"[..], &[0; 20]].concat();
        assert_eq!(
            tree_entries(&null, ObjectFormat::Sha1).unwrap_err(),
            Malformed("holds an entry of the null id".into())
        );
    }
}
