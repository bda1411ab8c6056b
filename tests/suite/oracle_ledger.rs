//! The ledger's tree, tiles, notes and checkpoints, here and by Cloudflare's `tlog_tiles` and `signed_note`, which are ports of
//! Go's `sumdb`.

use crate::support::Dice;
use countersign::ledger::{
    checkpoint::Checkpoint,
    key::SigningKey,
    note::Note,
    tiles::{self, Holds},
    tree::{self, Hash, Node},
};
use std::{collections::HashMap, convert::Infallible};
use tlog_tiles::{HashReader, TileReader};

/// So many records, the nodes that we stored and the hashes that they store.
struct Logs {
    nodes: HashMap<(u32, u64), Hash>,
    theirs: Vec<tlog_tiles::Hash>,
}

struct Stored<'a>(&'a [tlog_tiles::Hash]);

impl HashReader for Stored<'_> {
    fn read_hashes(&self, indexes: &[u64]) -> Result<Vec<tlog_tiles::Hash>, tlog_tiles::Error> {
        Ok(indexes.iter().map(|&index| self.0[usize::try_from(index).unwrap()]).collect())
    }
}

fn hash(theirs: &tlog_tiles::Hash) -> Hash {
    Hash::from_bytes(&theirs.0).unwrap()
}

fn hashes(theirs: &[tlog_tiles::Hash]) -> Vec<Hash> {
    theirs.iter().map(hash).collect()
}

fn record(number: u64, dice: &mut Dice) -> Vec<u8> {
    let mut record = number.to_string().into_bytes();
    record.resize(record.len() + dice.below(100), b'.');
    record
}

impl Logs {
    /// Appends to both; each append stores the same nodes in the same order.
    fn of(size: u64) -> Self {
        let mut logs = Self { nodes: HashMap::new(), theirs: Vec::new() };
        let mut dice = Dice(size | 1);
        for number in 0..size {
            let record = record(number, &mut dice);
            let completed = tree::completed(number, Hash::leaf(&record), &mut logs.reader()).unwrap();
            let stored = tlog_tiles::stored_hashes(number, &record, &Stored(&logs.theirs)).unwrap();
            assert_eq!(completed.iter().map(|node| node.hash).collect::<Vec<_>>(), hashes(&stored), "record {number}");
            for Node { level, index, hash } in completed {
                let at = tlog_tiles::stored_hash_index(u8::try_from(level).unwrap(), index);
                assert_eq!(at, logs.theirs.len() as u64 + u64::from(level), "level {level} of record {number}");
                logs.nodes.insert((level, index), hash);
            }
            logs.theirs.extend(stored);
        }
        logs
    }

    fn reader(&self) -> impl FnMut(u32, u64) -> Result<Hash, Infallible> {
        |level, index| Ok(self.nodes[&(level, index)])
    }

    fn root(&self, size: u64) -> Hash {
        tree::root(size, &mut self.reader()).unwrap()
    }

    fn their_root(&self, size: u64) -> tlog_tiles::Hash {
        tlog_tiles::tree_hash(size, &Stored(&self.theirs)).unwrap()
    }

    fn compare_inclusion(&self, index: u64, size: u64) {
        let ours = tree::inclusion(index, size, &mut self.reader()).unwrap().unwrap();
        let theirs = tlog_tiles::prove_record(size, index, &Stored(&self.theirs)).unwrap();
        assert_eq!(ours, hashes(&theirs), "{index} of {size}");
        tree::check_inclusion(self.nodes[&(0, index)], index, size, &hashes(&theirs), self.root(size)).unwrap();
        let leaf = tlog_tiles::Hash(*self.nodes[&(0, index)].as_bytes());
        tlog_tiles::check_record(&theirs, size, self.their_root(size), index, leaf).unwrap();
    }

    /// `from` is not 0, which they do not take.
    fn compare_consistency(&self, from: u64, to: u64) {
        let ours = tree::consistency(from, to, &mut self.reader()).unwrap().unwrap();
        let theirs = tlog_tiles::prove_tree(to, from, &Stored(&self.theirs)).unwrap();
        assert_eq!(ours, hashes(&theirs), "{from} to {to}");
        tree::check_consistency(from, self.root(from), to, self.root(to), &hashes(&theirs)).unwrap();
        tlog_tiles::check_tree(&theirs, to, self.their_root(to), from, self.their_root(from)).unwrap();
    }
}

#[test]
fn trees_up_to_300_and_their_proofs_are_the_same() {
    let logs = Logs::of(300);
    for size in 0..=300 {
        assert_eq!(logs.root(size), hash(&logs.their_root(size)), "{size}");
        // All of the small ones; of the others each third.
        for index in (0..size).step_by(if size < 70 { 1 } else { 3 }) {
            logs.compare_inclusion(index, size);
            logs.compare_consistency(index + 1, size);
        }
    }
}

#[test]
fn larger_trees_and_their_proofs_are_the_same() {
    let (logs, mut dice) = (Logs::of(20_000), Dice(20_261));
    let mut below = |bound: u64| dice.below(usize::try_from(bound).unwrap()) as u64;
    for _ in 0..500 {
        let size = 1 + below(20_000);
        assert_eq!(logs.root(size), hash(&logs.their_root(size)), "{size}");
        logs.compare_inclusion(below(size), size);
        logs.compare_consistency(1 + below(size), size);
    }
}

/// Our tiles, read by them.
struct Tiles(HashMap<String, Vec<u8>>);

/// They write the height into the path, as Go's checksum database does.
fn our_path(tile: &tlog_tiles::Tile) -> String {
    tile.path().replacen("tile/8/", "tile/", 1)
}

impl TileReader for Tiles {
    fn height(&self) -> u8 {
        8
    }

    fn read_tiles(&self, tiles: &[tlog_tiles::Tile]) -> Result<Vec<Vec<u8>>, tlog_tiles::Error> {
        Ok(tiles.iter().map(|tile| self.0[&our_path(tile)].clone()).collect())
    }

    fn save_tiles(&self, _: &[tlog_tiles::Tile], _: &[Vec<u8>]) {}
}

#[test]
fn they_read_our_tiles() {
    let logs = Logs::of(66_000);
    for size in [1, 2, 255, 256, 257, 511, 512, 1000, 65_535, 65_536, 65_537, 66_000] {
        let hash_tiles = tiles::tiles(size).filter(|tile| tile.holds != Holds::Entries);
        let ours: HashMap<_, _> =
            hash_tiles.map(|tile| (tile.to_string(), tiles::hash_tile(tile, &mut logs.reader()).unwrap())).collect();
        let theirs = tlog_tiles::Tile::new_tiles(8, 0, size);
        let (mut our_paths, mut their_paths): (Vec<_>, Vec<_>) =
            (ours.keys().cloned().collect(), theirs.iter().map(our_path).collect());
        our_paths.sort();
        their_paths.sort();
        assert_eq!(our_paths, their_paths, "{size}");
        for tile in &theirs {
            assert_eq!(ours[&our_path(tile)], tile.read_data(&Stored(&logs.theirs)).unwrap(), "{}", tile.path());
        }
        // Their reader holds each tile against the root.
        let read = Tiles(ours);
        let reader = tlog_tiles::TileHashReader::new(size, logs.their_root(size), &read);
        for index in [0, size / 3, size - 1] {
            let proof = tlog_tiles::prove_record(size, index, &reader).unwrap();
            let ours = tree::inclusion(index, size, &mut logs.reader()).unwrap().unwrap();
            assert_eq!(ours, hashes(&proof), "{index} of {size}");
        }
    }
}

#[test]
fn they_read_our_checkpoints_and_we_theirs() {
    for seed in 0..50 {
        let ours = SigningKey::from_seed("ledger.example/main", &[seed; 32]).unwrap();
        let theirs = signed_note::StandardSigner::new(&ours.secret().unwrap()).unwrap();
        let known = || signed_note::StandardVerifier::new(&ours.verifier().to_string()).unwrap();
        let (size, root) = (u64::from(seed) * 1_000_003, Hash::leaf(&[seed]));
        let note = Checkpoint::sign(size, root, &ours).unwrap();

        let read = signed_note::Note::from_bytes(note.to_string().as_bytes()).unwrap();
        let (verified, _) = read.verify(&signed_note::VerifierList::new(vec![Box::new(known())])).unwrap();
        assert_eq!(verified.len(), 1);
        let head = tlog_tiles::Checkpoint::from_bytes(read.text()).unwrap();
        assert_eq!((head.origin(), head.size(), hash(head.hash())), ("ledger.example/main", size, root));

        let mut signed = signed_note::Note::new(read.text(), &[]).unwrap();
        signed.add_sigs(&[&theirs]).unwrap();
        assert_eq!(String::from_utf8(signed.to_bytes()).unwrap(), note.to_string());
    }
}

/// What they refuse of a spoiled note, we do. We refuse more: base64 and control characters are exact.
#[test]
fn no_spoiled_note_is_opened_here_that_they_refuse() {
    let key = SigningKey::from_seed("ledger.example", &[7; 32]).unwrap();
    let known = [key.verifier().clone()];
    let good = Checkpoint::sign(12, Hash::leaf(b"x"), &key).unwrap().to_string().into_bytes();
    let mut dice = Dice(7);
    let (mut opened, mut refused) = (0, 0);
    for _ in 0..20_000 {
        let spoiled = dice.mutated(&good);
        let theirs = signed_note::Note::from_bytes(&spoiled).is_ok_and(|note| {
            let verifier = signed_note::StandardVerifier::new(&known[0].to_string()).unwrap();
            note.verify(&signed_note::VerifierList::new(vec![Box::new(verifier)])).is_ok()
        });
        let ours = Note::parse(&spoiled).and_then(|note| note.open(&known)).is_ok();
        assert!(theirs || !ours, "{}", String::from_utf8_lossy(&spoiled));
        *if ours { &mut opened } else { &mut refused } += 1;
    }
    // A signature line twice is no harm.
    assert!(refused > 19_000 && opened > 0, "{opened} opened");
}
