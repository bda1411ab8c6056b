//! What a registry's list of files names; docs/ledger.md has its form. Pure.

use super::record::Digest;

/// The files of a registry, by their digests, with their names in its folder.
pub fn files_of(list: &[u8]) -> Vec<(Digest, String)> {
    let list = String::from_utf8_lossy(list);
    let lines = list.lines().filter_map(|line| line.split_once("  "));
    lines.filter_map(|(digest, name)| Some((Digest::parse(digest)?, name.to_owned()))).collect()
}
