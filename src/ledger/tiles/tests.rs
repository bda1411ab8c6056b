use super::*;
use crate::ledger::tree::tests::Leaves;
use std::collections::HashMap;

#[test]
fn paths_are_read_as_they_are_written() {
    let hashes = |level, index, width| Tile { holds: Holds::Hashes { level }, index, width };
    let entries = |index, width| Tile { holds: Holds::Entries, index, width };
    for (path, tile) in [
        ("tile/0/000", hashes(0, 0, 256)),
        ("tile/0/x001/x234/067", hashes(0, 1_234_067, 256)),
        ("tile/1/x001/000.p/17", hashes(1, 1000, 17)),
        ("tile/7/000.p/1", hashes(7, 0, 1)),
        ("tile/entries/999.p/255", entries(999, 255)),
        ("tile/entries/x018/x446/x744/x073/x709/x551/615", entries(u64::MAX, 256)),
    ] {
        assert_eq!(tile.to_string(), path);
        assert_eq!(Tile::parse(path), Some(tile));
    }
    for path in [
        "",
        "tile/0/0",
        "tile/0/0000",
        "tile/0/x000/000",
        "tile/0/001/000",
        "tile/0/x001/x000",
        "tile/0/x01/000",
        "tile/00/000",
        "tile/8/000",
        "tile/-1/000",
        "tile/0/000.p/0",
        "tile/0/000.p/256",
        "tile/0/000.p/01",
        "tile/0/000.p/",
        "tile/0/+00",
        "tile/0/../000",
        "tile/data/000",
        "/tile/0/000",
        "tile/0/000/",
        "tile/entries/x018/x446/x744/x073/x709/x551/616",
    ] {
        assert_eq!(Tile::parse(path), None, "{path}");
    }
}

#[test]
fn the_specifications_trees_have_their_tiles() {
    let of = |size| {
        let mut widths: HashMap<String, Vec<u16>> = HashMap::new();
        for tile in tiles(size) {
            widths.entry(format!("{:?}", tile.holds)).or_default().push(tile.width);
        }
        let mut widths: Vec<_> = widths.into_values().map(|widths| (widths.len(), widths[widths.len() - 1])).collect();
        widths.sort_unstable();
        widths
    };
    // "273 full level 0 tiles, one partial level 0 tile of width 112, one full level 1 tile, one partial level 1 tile of
    // width 17, and one partial level 2 tile of width 1"
    assert_eq!(of(70_000), [(1, 1), (2, 17), (274, 112), (274, 112)]);
    // "a full level 0 tile and a partial level 1 tile of width 1"
    assert_eq!(of(256), [(1, 1), (1, 256), (1, 256)]);
    assert_eq!(tiles(0).count(), 0);
    let one: Vec<_> = tiles(1).map(|tile| tile.to_string()).collect();
    assert_eq!(one, ["tile/entries/000.p/1", "tile/0/000.p/1"]);
}

#[test]
fn an_entry_bundle_is_read_as_it_is_written() {
    let longest = vec![7; 65_535];
    let records: [&[u8]; 4] = [b"", b"a", &longest, b"bc"];
    let mut bundle = Vec::new();
    records.iter().for_each(|record| append_entry(&mut bundle, record).unwrap());
    assert_eq!(bundle[..5], [0, 0, 0, 1, b'a']);
    assert_eq!(read_entries(&bundle, 4).unwrap(), records);
    for (bytes, width) in [(&bundle[..], 3), (&bundle, 5), (&bundle[..bundle.len() - 1], 4), (&[0], 0), (&[0, 1], 1)] {
        assert_eq!(read_entries(bytes, width), Err(TileError::Length), "{width}");
    }
    let before = bundle.clone();
    assert_eq!(append_entry(&mut bundle, &vec![7; 65_536]), Err(TileError::EntryTooLong));
    assert_eq!(bundle, before);
}

#[test]
fn a_hash_tile_is_of_its_width() {
    let hashes = [Hash::leaf(b"a"), Hash::leaf(b"b")];
    let bytes: Vec<_> = hashes.iter().flat_map(|hash| *hash.as_bytes()).collect();
    assert_eq!(read_hash_tile(&bytes, 2).unwrap(), hashes);
    for (bytes, width) in [(&bytes[..], 1), (&bytes, 3), (&bytes[..63], 2), (&bytes[..0], 1)] {
        assert_eq!(read_hash_tile(bytes, width), Err(TileError::Length));
    }
}

/// All files of the tree of so many numbered records, and its root.
fn files(size: u64) -> (HashMap<String, Vec<u8>>, Hash) {
    let tree = Leaves::numbered(size);
    let mut files = HashMap::new();
    for tile in tiles(size) {
        let bytes = match tile.holds {
            Holds::Hashes { .. } => hash_tile(tile, &mut tree.reader()).unwrap(),
            Holds::Entries => tile.numbers().fold(Vec::new(), |mut bundle, number| {
                append_entry(&mut bundle, &Leaves::record(number)).unwrap();
                bundle
            }),
        };
        files.insert(tile.to_string(), bytes);
    }
    (files, tree::root(size, &mut tree.reader()).unwrap())
}

fn checked(size: u64, root: Hash, files: &HashMap<String, Vec<u8>>) -> Result<(), TileError> {
    check(size, root, &mut |tile: Tile| Ok(files[&tile.to_string()].clone()))
}

#[test]
fn the_tiles_of_a_tree_have_its_root() {
    for size in [0, 1, 2, 255, 256, 257, 300, 513, 1000, 65_536, 65_537] {
        let (files, root) = files(size);
        assert_eq!(checked(size, root, &files), Ok(()), "{size}");
        assert_eq!(checked(size, Hash::leaf(b""), &files), Err(TileError::OtherRoot), "{size}");
    }
}

#[test]
fn no_byte_of_a_tile_can_be_changed() {
    let (files, root) = files(515);
    let mut found = HashMap::new();
    for (path, bytes) in &files {
        // Every byte of the small ones, some of the large.
        for at in (0..bytes.len()).step_by(1 + bytes.len() / 100) {
            let mut spoiled = files.clone();
            spoiled.get_mut(path).unwrap()[at] ^= 1 << (at % 8);
            let error = checked(515, root, &spoiled).unwrap_err();
            *found.entry(std::mem::discriminant(&error)).or_insert(0) += 1;
            if path.starts_with("tile/1/") {
                assert_eq!(error, TileError::OtherHash(Tile::parse(path).unwrap()), "{path}, byte {at}");
            }
        }
    }
    assert_eq!(found.len(), 2, "other hashes, and lengths");
}
