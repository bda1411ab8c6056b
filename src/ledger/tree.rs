//! The Merkle tree of RFC 6962, section 2.1: roots, and proofs that a leaf is in it and that it was only appended to. Pure.
//!
//! A node is addressed by its level (0: the leaf hashes) and its index on that level: it is over the leaves from
//! `index << level` on, `1 << level` of them. Only complete nodes are stored; what is not complete is put together from
//! them whenever it is asked for. So nothing that was stored is ever changed.

use aws_lc_rs::digest::{Context, SHA256};
use base64ct::{Base64, Encoding};
use std::{error::Error, fmt};

/// A SHA-256 hash of a leaf, of a node or of a whole tree.
#[derive(Clone, Copy, PartialEq, Eq, Hash)]
pub struct Hash([u8; 32]);

impl Hash {
    /// How many bytes it has.
    pub const LEN: usize = 32;

    /// Of a leaf, from a record's bytes: `SHA-256(0x00 || record)`.
    pub fn leaf(record: &[u8]) -> Self {
        Self::of(&[&[0], record])
    }

    /// Of a node above two others: `SHA-256(0x01 || left || right)`.
    pub fn node(left: Self, right: Self) -> Self {
        Self::of(&[&[1], &left.0, &right.0])
    }

    /// The root of the tree that has no leaves: the hash of no bytes.
    pub fn empty() -> Self {
        Self::of(&[])
    }

    fn of(parts: &[&[u8]]) -> Self {
        let mut context = Context::new(&SHA256);
        parts.iter().for_each(|part| context.update(part));
        let mut hash = [0; Self::LEN];
        hash.copy_from_slice(context.finish().as_ref());
        Self(hash)
    }

    /// From its 32 bytes; `None` for another length.
    pub fn from_bytes(bytes: &[u8]) -> Option<Self> {
        bytes.try_into().ok().map(Self)
    }

    /// Reads what `Display` writes: standard base64 (RFC 4648, section 4), padded, with no bit to spare.
    pub fn from_base64(text: &str) -> Option<Self> {
        Self::from_bytes(&Base64::decode_vec(text).ok()?)
    }

    /// Reads 64 lower-case hexadecimal digits.
    pub fn from_hex(text: &str) -> Option<Self> {
        let (pairs, []) = text.as_bytes().as_chunks() else { return None };
        let bytes: Option<Vec<u8>> = pairs.iter().map(|[high, low]| Some(digit(*high)? << 4 | digit(*low)?)).collect();
        Self::from_bytes(&bytes?)
    }

    /// Its 32 bytes.
    pub fn as_bytes(&self) -> &[u8; 32] {
        &self.0
    }
}

impl fmt::Display for Hash {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&Base64::encode_string(&self.0))
    }
}

impl fmt::Debug for Hash {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

fn digit(byte: u8) -> Option<u8> {
    match byte {
        b'0'..=b'9' => Some(byte - b'0'),
        b'a'..=b'f' => Some(byte - b'a' + 10),
        _ => None,
    }
}

/// A node to be stored.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Node {
    /// 0 for a leaf hash; 64 at most.
    pub level: u32,
    /// On its level, from 0.
    pub index: u64,
    /// Of all that is below it.
    pub hash: Hash,
}

/// The nodes that are complete once leaf number `size` is appended to a tree of `size` leaves: the leaf, then upwards.
///
/// # Errors
/// Those of `read`, which is asked for nodes that were complete before.
pub fn completed<E>(size: u64, leaf: Hash, read: &mut dyn FnMut(u32, u64) -> Result<Hash, E>) -> Result<Vec<Node>, E> {
    let mut node = Node { level: 0, index: size, hash: leaf };
    let mut nodes = vec![node];
    // A right child completes its parent.
    while node.index & 1 == 1 {
        let left = read(node.level, node.index ^ 1)?;
        node = Node { level: node.level.saturating_add(1), index: node.index >> 1, hash: Hash::node(left, node.hash) };
        nodes.push(node);
    }
    Ok(nodes)
}

/// The root of the tree's first `size` leaves (`MTH`).
///
/// # Errors
/// Those of `read`, which is asked for nodes complete at that size.
pub fn root<E>(size: u64, read: &mut dyn FnMut(u32, u64) -> Result<Hash, E>) -> Result<Hash, E> {
    Ok(rest(u64::BITS, size, read)?.unwrap_or_else(Hash::empty))
}

/// The proof that leaf `index` is in the tree of `size` leaves: hashes from the leaf's sibling upwards (section 2.1.1,
/// `PATH`). `None` if that tree has no such leaf.
///
/// # Errors
/// Those of `read`, which is asked for nodes complete at that size.
pub fn inclusion<E>(
    index: u64,
    size: u64,
    read: &mut dyn FnMut(u32, u64) -> Result<Hash, E>,
) -> Result<Option<Vec<Hash>>, E> {
    if index >= size {
        return Ok(None);
    }
    siblings(index, 0, size)
        .map(|(level, sibling)| subtree(level, sibling, size, read))
        .collect::<Result<_, _>>()
        .map(Some)
}

/// The proof that the tree of `to` leaves begins with the tree of `from` leaves (section 2.1.2, `PROOF`); no hashes if
/// `from` is 0 or equals `to`. `None` if `from` is greater than `to`.
///
/// # Errors
/// Those of `read`, which is asked for nodes complete at size `to`.
pub fn consistency<E>(
    from: u64,
    to: u64,
    read: &mut dyn FnMut(u32, u64) -> Result<Hash, E>,
) -> Result<Option<Vec<Hash>>, E> {
    if from > to {
        return Ok(None);
    }
    let Some(last) = from.checked_sub(1).filter(|_| from < to) else { return Ok(Some(Vec::new())) };
    // The last node of the smaller tree that is complete by itself. If it is that whole tree, the verifier has it.
    let level = from.trailing_zeros();
    let mut proof = Vec::new();
    if !from.is_power_of_two() {
        proof.push(read(level, last >> level)?);
    }
    for (level, sibling) in siblings(last, level, to) {
        proof.push(subtree(level, sibling, to, read)?);
    }
    Ok(Some(proof))
}

/// Holds `proof` against a root: leaf `index` of the tree of `size` leaves has the hash `leaf`.
///
/// # Errors
/// Why the proof does not show it; a proof with a hash too many or too few shows nothing.
pub fn check_inclusion(leaf: Hash, index: u64, size: u64, proof: &[Hash], root: Hash) -> Result<(), Unproven> {
    if index >= size {
        return Err(Unproven::Outside);
    }
    let mut hashes = proof.iter();
    let mut hash = leaf;
    for (_, sibling) in siblings(index, 0, size) {
        hash = beside(hash, sibling, *hashes.next().ok_or(Unproven::Length)?);
    }
    ended(hashes)?;
    if hash == root { Ok(()) } else { Err(Unproven::OtherRoot) }
}

/// Holds `proof` against two roots: the tree of `to` leaves begins with the tree of `from` leaves.
///
/// # Errors
/// Why the proof does not show it; a proof with a hash too many or too few shows nothing.
pub fn check_consistency(from: u64, from_root: Hash, to: u64, to_root: Hash, proof: &[Hash]) -> Result<(), Unproven> {
    if from > to {
        return Err(Unproven::Outside);
    }
    let mut hashes = proof.iter();
    let (mut old, mut new) = (from_root, from_root);
    if let Some(last) = from.checked_sub(1).filter(|_| from < to) {
        if !from.is_power_of_two() {
            old = *hashes.next().ok_or(Unproven::Length)?;
            new = old;
        }
        for (_, sibling) in siblings(last, from.trailing_zeros(), to) {
            let hash = *hashes.next().ok_or(Unproven::Length)?;
            new = beside(new, sibling, hash);
            // What stands to the right came later.
            if is_left(sibling) {
                old = beside(old, sibling, hash);
            }
        }
    } else if from == 0 {
        old = Hash::empty();
        // Any tree begins with the empty one; the other is it, too, or there is nothing to compare it with.
        new = if to == 0 { old } else { to_root };
    }
    ended(hashes)?;
    if old == from_root && new == to_root { Ok(()) } else { Err(Unproven::OtherRoot) }
}

/// Why a proof does not show what it should.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Unproven {
    /// The tree has no such leaf, or no such smaller tree.
    Outside,
    /// It has more or fewer hashes than a proof for these numbers has.
    Length,
    /// It leads to another root.
    OtherRoot,
}

impl fmt::Display for Unproven {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Outside => "the tree is not as large as that",
            Self::Length => "the proof has not as many hashes as it must have",
            Self::OtherRoot => "the proof leads to another root hash",
        })
    }
}

impl Error for Unproven {}

fn ended(mut hashes: std::slice::Iter<'_, Hash>) -> Result<(), Unproven> {
    hashes.next().map_or(Ok(()), |_| Err(Unproven::Length))
}

/// The siblings of the nodes above `leaf` in a tree of `size` leaves, from `lowest` upwards, as level and index. The last
/// node of a level may have none: it goes up as it is.
fn siblings(leaf: u64, lowest: u32, size: u64) -> impl Iterator<Item = (u32, u64)> {
    let last = size.saturating_sub(1);
    (lowest..u64::BITS)
        .map(move |level| (level, (leaf >> level) ^ 1))
        .filter(move |(level, sibling)| *sibling <= last >> level)
}

fn is_left(index: u64) -> bool {
    index & 1 == 0
}

/// The node above `hash` and its sibling.
fn beside(hash: Hash, sibling: u64, other: Hash) -> Hash {
    if is_left(sibling) { Hash::node(other, hash) } else { Hash::node(hash, other) }
}

/// The hash of what is below a node in a tree of `size` leaves, some of which are: the node itself if it is complete.
fn subtree<E>(level: u32, index: u64, size: u64, read: &mut dyn FnMut(u32, u64) -> Result<Hash, E>) -> Result<Hash, E> {
    if index < size >> level {
        return read(level, index);
    }
    Ok(rest(level, size, read)?.unwrap_or_else(Hash::empty))
}

/// The hash of the last leaves of a tree, those after its last complete node of level `below`: one complete node for each
/// bit of the size, the smallest to the right. `None` if there are none.
fn rest<E>(below: u32, size: u64, read: &mut dyn FnMut(u32, u64) -> Result<Hash, E>) -> Result<Option<Hash>, E> {
    let mut hash = None;
    for level in (0..below).filter(|level| size >> level & 1 == 1) {
        let left = read(level, (size >> level) ^ 1)?;
        hash = Some(hash.map_or(left, |right| Hash::node(left, right)));
    }
    Ok(hash)
}

#[cfg(test)]
pub(super) mod tests;
