//! The log as files that never change, for public tools to read: c2sp.org/tlog-tiles. Pure.
//!
//! A hash tile is up to 256 hashes of one level of the tree, of every eighth level: tile level 1 holds the nodes of level
//! 8. An entry bundle is the records below a hash tile of level 0. The last of each level may be partial.

use super::{
    checkpoint::decimal,
    tree::{self, Hash},
};
use std::{error::Error, fmt};

/// Hashes in a full tile, entries in a full bundle.
pub const WIDTH: u16 = 256;

/// How many levels of the tree one level of tiles spans: 256 is 2 to the power of 8.
const HEIGHT: u32 = 8;

/// What a tile holds.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Holds {
    /// Nodes of the tree's level `8 * level`; tile levels are 0 to 7 (the specification has room for 63).
    Hashes {
        /// The tile's.
        level: u32,
    },
    /// Records.
    Entries,
}

/// One file of the log.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Tile {
    /// What is in it.
    pub holds: Holds,
    /// Which of its level, from 0.
    pub index: u64,
    /// How many hashes or entries: 1 to [`WIDTH`]; a partial tile has fewer than that.
    pub width: u16,
}

impl Tile {
    /// Reads a path, as `Display` writes it; `None` for anything else.
    pub fn parse(path: &str) -> Option<Self> {
        let (level, rest) = path.strip_prefix("tile/")?.split_once('/')?;
        let holds = match level {
            "entries" => Holds::Entries,
            level => Holds::Hashes { level: u32::try_from(decimal(level)?).ok().filter(|&level| level < 8)? },
        };
        let (index, width) = match rest.split_once(".p/") {
            Some((index, width)) => {
                (index, u16::try_from(decimal(width)?).ok().filter(|width| (1..WIDTH).contains(width))?)
            }
            None => (rest, WIDTH),
        };
        let digits: String = index.split('/').map(|group| group.strip_prefix('x').unwrap_or(group)).collect();
        let tile = Self { holds, index: digits.parse().ok()?, width };
        (tile.to_string() == path).then_some(tile)
    }

    /// The number of its first hash on its level, or of its first record.
    pub fn first(&self) -> u64 {
        self.index.saturating_mul(u64::from(WIDTH))
    }

    /// The numbers of its hashes on its level, or of its records.
    pub fn numbers(&self) -> std::ops::Range<u64> {
        self.first()..self.first().saturating_add(u64::from(self.width))
    }
}

/// The path: `tile/<level>/<index>` or `tile/entries/<index>`, the index in groups of three digits, `x` before all but the
/// last, and `.p/<width>` after it where the tile is partial.
impl fmt::Display for Tile {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.holds {
            Holds::Hashes { level } => write!(f, "tile/{level}/")?,
            Holds::Entries => f.write_str("tile/entries/")?,
        }
        let mut groups = vec![self.index % 1000];
        let mut rest = self.index / 1000;
        while rest > 0 {
            groups.push(rest % 1000);
            rest /= 1000;
        }
        for (below, group) in groups.iter().enumerate().rev() {
            if below > 0 { write!(f, "x{group:03}/")? } else { write!(f, "{group:03}")? }
        }
        if self.width < WIDTH { write!(f, ".p/{}", self.width) } else { Ok(()) }
    }
}

/// All the tiles of a tree of `size` leaves: entry bundles, then hash tiles from level 0 upwards, each level from the left.
pub fn tiles(size: u64) -> impl Iterator<Item = Tile> {
    let hashes = (0..u64::BITS / HEIGHT).map(|level| Holds::Hashes { level });
    [Holds::Entries].into_iter().chain(hashes).flat_map(move |holds| level(holds, size))
}

fn level(holds: Holds, size: u64) -> impl Iterator<Item = Tile> {
    let nodes = match holds {
        Holds::Hashes { level } => size >> level.saturating_mul(HEIGHT),
        Holds::Entries => size,
    };
    let (full, partial) = (nodes / u64::from(WIDTH), nodes % u64::from(WIDTH));
    let partial = u16::try_from(partial).ok().filter(|&width| width > 0);
    let full_tiles = (0..full).map(move |index| Tile { holds, index, width: WIDTH });
    full_tiles.chain(partial.map(|width| Tile { holds, index: full, width }))
}

/// The bytes of a hash tile, its hashes one after another; for an entry bundle, those of the hash tile beside it.
///
/// # Errors
/// Those of `read`, which is asked for stored nodes by the tree's level and index.
pub fn hash_tile<E>(tile: Tile, read: &mut dyn FnMut(u32, u64) -> Result<Hash, E>) -> Result<Vec<u8>, E> {
    let level = match tile.holds {
        Holds::Hashes { level } => level.saturating_mul(HEIGHT),
        Holds::Entries => 0,
    };
    let mut bytes = Vec::new();
    for index in tile.numbers() {
        bytes.extend_from_slice(read(level, index)?.as_bytes());
    }
    Ok(bytes)
}

/// Reads the bytes of a hash tile of that width.
///
/// # Errors
/// [`TileError::Length`].
pub fn read_hash_tile(bytes: &[u8], width: u16) -> Result<Vec<Hash>, TileError> {
    let hashes: Option<Vec<_>> = bytes.chunks(Hash::LEN).map(Hash::from_bytes).collect();
    hashes.filter(|hashes| hashes.len() == usize::from(width)).ok_or(TileError::Length)
}

/// Appends a record to the bytes of an entry bundle: its length in two bytes, big-endian, then itself.
///
/// # Errors
/// [`TileError::EntryTooLong`].
pub fn append_entry(bundle: &mut Vec<u8>, record: &[u8]) -> Result<(), TileError> {
    let length = u16::try_from(record.len()).map_err(|_| TileError::EntryTooLong)?;
    bundle.extend_from_slice(&length.to_be_bytes());
    bundle.extend_from_slice(record);
    Ok(())
}

/// Reads the records of an entry bundle of that width.
///
/// # Errors
/// [`TileError::Length`].
pub fn read_entries(bundle: &[u8], width: u16) -> Result<Vec<&[u8]>, TileError> {
    let (mut rest, mut entries) = (bundle, Vec::new());
    while let Some((length, after)) = rest.split_first_chunk() {
        let (entry, after) = after.split_at_checked(u16::from_be_bytes(*length).into()).ok_or(TileError::Length)?;
        entries.push(entry);
        rest = after;
    }
    if rest.is_empty() && entries.len() == usize::from(width) { Ok(entries) } else { Err(TileError::Length) }
}

/// Holds all the tiles of a tree against its root: the records have the hashes in the tiles, each tile's hash is in the one
/// above, and all together have the root. Keeps the leaf hashes, 32 bytes a record.
///
/// # Errors
/// Those of `load`, which is asked for a tile's bytes; the first tile that does not fit.
pub fn check<E: From<TileError>>(
    size: u64,
    root: Hash,
    load: &mut dyn FnMut(Tile) -> Result<Vec<u8>, E>,
) -> Result<(), E> {
    let mut leaves = Vec::new();
    for tile in level(Holds::Entries, size) {
        leaves.extend(read_entries(&load(tile)?, tile.width)?.into_iter().map(Hash::leaf));
    }
    // What must stand on each level of tiles, by what is below.
    let mut levels = vec![leaves];
    for number in 0..u64::BITS / HEIGHT {
        let Some(expected) = levels.last() else { break };
        let mut hashes = expected.iter();
        let mut above = Vec::new();
        for tile in level(Holds::Hashes { level: number }, size) {
            let stored = read_hash_tile(&load(tile)?, tile.width)?;
            if !stored.iter().eq(hashes.by_ref().take(stored.len())) {
                return Err(TileError::OtherHash(tile).into());
            }
            if tile.width == WIDTH {
                above.push(subtree(&stored));
            }
        }
        levels.push(above);
    }
    let found = tree::root(size, &mut |level, index| {
        let (tile_level, within) = (level / HEIGHT, level % HEIGHT);
        let hashes = usize::try_from(tile_level).ok().and_then(|at| levels.get(at));
        let first = usize::try_from(index << within).ok();
        let hashes = hashes.zip(first).and_then(|(hashes, first)| hashes.get(first..)?.get(..1 << within));
        hashes.map(subtree).ok_or(TileError::Length)
    })?;
    if found == root { Ok(()) } else { Err(TileError::OtherRoot.into()) }
}

/// The node above a power of two of hashes.
pub(super) fn subtree(hashes: &[Hash]) -> Hash {
    match hashes {
        [] => Hash::empty(),
        [hash] => *hash,
        _ => {
            let (left, right) = hashes.split_at(hashes.len() / 2);
            Hash::node(subtree(left), subtree(right))
        }
    }
}

/// Why a tile cannot be written or is not to be believed.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum TileError {
    /// A record of more than 65,535 bytes: the format has no room for it.
    EntryTooLong,
    /// More or fewer hashes or entries than the tile should have.
    Length,
    /// The tile's hashes are not those of what is below it.
    OtherHash(Tile),
    /// The tiles fit each other, and have another root.
    OtherRoot,
}

impl fmt::Display for TileError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::EntryTooLong => f.write_str("a record of more than 65,535 bytes fits no entry bundle"),
            Self::Length => f.write_str("a tile is not of the length that it must have"),
            Self::OtherHash(tile) => write!(f, "{tile} has other hashes than what is below it"),
            Self::OtherRoot => f.write_str("the tiles have another root hash"),
        }
    }
}

impl Error for TileError {}

#[cfg(test)]
mod tests;
