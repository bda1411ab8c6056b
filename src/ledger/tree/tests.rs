use super::*;
use std::{collections::HashMap, convert::Infallible};

/// A tree in memory, made by appending.
pub(crate) struct Leaves {
    nodes: HashMap<(u32, u64), Hash>,
    size: u64,
}

impl Leaves {
    pub(crate) fn of(records: &[Vec<u8>]) -> Self {
        let mut leaves = Self { nodes: HashMap::new(), size: 0 };
        records.iter().for_each(|record| leaves.append(record));
        leaves
    }

    /// Of so many records that differ.
    pub(crate) fn numbered(size: u64) -> Self {
        Self::of(&(0..size).map(Self::record).collect::<Vec<_>>())
    }

    pub(crate) fn record(number: u64) -> Vec<u8> {
        format!("record {number}").into_bytes()
    }

    fn append(&mut self, record: &[u8]) {
        let nodes = completed(self.size, Hash::leaf(record), &mut self.reader()).unwrap();
        for node in nodes {
            let earlier = self.nodes.insert((node.level, node.index), node.hash);
            assert_eq!(earlier, None, "a node is stored twice");
        }
        self.size += 1;
    }

    /// Fails on a node that is not stored.
    pub(crate) fn reader(&self) -> impl FnMut(u32, u64) -> Result<Hash, Infallible> {
        |level, index| Ok(self.nodes[&(level, index)])
    }

    fn root(&self, size: u64) -> Hash {
        root(size, &mut self.reader()).unwrap()
    }
}

/// `MTH`, as section 2.1 defines it.
fn by_definition(records: &[Vec<u8>]) -> Hash {
    match records {
        [] => Hash::empty(),
        [record] => Hash::leaf(record),
        _ => {
            let (left, right) = records.split_at(records.len().next_power_of_two() / 2);
            Hash::node(by_definition(left), by_definition(right))
        }
    }
}

// The tree of certificate-transparency's merkle_tree_test.cc: leaves, and the root at each size.
const LEAVES: [&str; 8] =
    ["", "\x00", "\x10", "\x20\x21", "\x30\x31", "\x40\x41\x42\x43", "PQRSTUVW", "`abcdefghijklmno"];
const ROOTS: [&str; 9] = [
    "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855",
    "6e340b9cffb37a989ca544e6bb780a2c78901d3fb33738768511a30617afa01d",
    "fac54203e7cc696cf0dfcb42c92a1d9dbaf70ad9e621f4bd8d98662f00e3c125",
    "aeb6bcfe274b70a14fb067a5e5578264db0fa9b51af5e0ba159158f329e06e77",
    "d37ee418976dd95753c1c73862b9398fa2a2cf9b4ff0fdfe8b30cd95209614b7",
    "4e3bbb1f7b478dcfe71fb631631519a3bca12c9aefca1612bfce4c13a86264d4",
    "76e67dadbcdf1e10e1b74ddc608abd2f98dfb16fbce75277b5232a127f2087ef",
    "ddb89be403809e325750d3d263cd78929c2942b7942a34b77e122c9594a74c8c",
    "5dc9da79a70659a9ad559cb701ded9a2ab9d823aad2f4960cfe370eff4604328",
];

fn hex(text: &str) -> Hash {
    Hash::from_hex(text).unwrap()
}

#[test]
fn certificate_transparencys_vectors_hold() {
    let tree = Leaves::of(&LEAVES.map(|leaf| leaf.as_bytes().to_vec()));
    for (size, expected) in (0..).zip(ROOTS) {
        assert_eq!(tree.root(size), hex(expected), "size {size}");
    }
    let [a, b, c, d, e] = [
        "bc1a0643b12e4d2d7c77918f44e0f4f79a838b6cf9ec5b5c283e1f4d88599e6b",
        "ca854ea128ed050b41b35ffc1b87b8eb2bde461e9e3b5596ece6b9d5975a0ae0",
        "d37ee418976dd95753c1c73862b9398fa2a2cf9b4ff0fdfe8b30cd95209614b7",
        "5f083f0a1a33ca076a95279832580db3e0ef4584bdff1f54c8a360f50de3031e",
        "6b47aaf29ee3c2af9af889bc1fb9254dabd31177f16232dd6aab035ca39bf6e4",
    ]
    .map(hex);
    let first = hex("96a296d224f285c67bee93c30f8a309157f0daa35dc5b87e410b78630a09cfc7");
    let included = |index, size| inclusion(index, size, &mut tree.reader()).unwrap().unwrap();
    assert_eq!(included(0, 1), []);
    assert_eq!(included(0, 8), [first, d, e]);
    assert_eq!(included(5, 8), [a, b, c]);
    let consistent = |from, to| consistency(from, to, &mut tree.reader()).unwrap().unwrap();
    assert_eq!(consistent(2, 5), [d, a]);
    assert_eq!(consistent(2, 8), [d, e]);
    assert_eq!(consistent(1, 8), [first, d, e]);
}

#[test]
fn roots_are_as_defined() {
    let records: Vec<_> = (0..70).map(Leaves::record).collect();
    let tree = Leaves::of(&records);
    for (size, count) in (0..).zip(0..=records.len()) {
        assert_eq!(tree.root(size), by_definition(&records[..count]), "size {size}");
    }
}

#[test]
fn an_inclusion_proof_shows_its_leaf_in_its_place_alone() {
    let tree = Leaves::numbered(70);
    for size in 0..=70 {
        let root = tree.root(size);
        for index in 0..size {
            let proof = inclusion(index, size, &mut tree.reader()).unwrap().unwrap();
            let leaf = Hash::leaf(&Leaves::record(index));
            let check = |leaf, index, proof: &[Hash]| check_inclusion(leaf, index, size, proof, root);
            assert_eq!(check(leaf, index, &proof), Ok(()), "{index} of {size}");
            let more = [proof.as_slice(), &[leaf]].concat();
            assert_eq!(check(leaf, index, &more), Err(Unproven::Length));
            assert_eq!(check(Hash::leaf(b"other"), index, &proof), Err(Unproven::OtherRoot));
            assert_eq!(check(leaf, size, &proof), Err(Unproven::Outside));
            if let Some((_, fewer)) = proof.split_last() {
                assert_eq!(check(leaf, index, fewer), Err(Unproven::Length));
                assert!(check(leaf, index ^ 1, &proof).is_err(), "{index} of {size}");
            }
            for at in 0..proof.len() {
                let mut spoiled = proof.clone();
                spoiled[at].0[at] ^= 1;
                assert_eq!(check(leaf, index, &spoiled), Err(Unproven::OtherRoot));
            }
        }
        assert_eq!(inclusion(size, size, &mut tree.reader()).unwrap(), None);
    }
}

#[test]
fn a_consistency_proof_shows_two_trees_of_one_log_alone() {
    let tree = Leaves::numbered(70);
    for to in 0..=70 {
        for from in 0..=to {
            let proof = consistency(from, to, &mut tree.reader()).unwrap().unwrap();
            let check = |proof: &[Hash]| check_consistency(from, tree.root(from), to, tree.root(to), proof);
            assert_eq!(check(&proof), Ok(()), "{from} to {to}");
            assert_eq!(check(&[proof.as_slice(), &[Hash::empty()]].concat()), Err(Unproven::Length));
            if let Some((_, fewer)) = proof.split_last() {
                assert_eq!(check(fewer), Err(Unproven::Length), "{from} to {to}");
            }
            for at in 0..proof.len() {
                let mut spoiled = proof.clone();
                spoiled[at].0[at] ^= 1;
                assert_eq!(check(&spoiled), Err(Unproven::OtherRoot), "{from} to {to}");
            }
            let other = Hash::leaf(b"other");
            let with = |from_root, to_root| check_consistency(from, from_root, to, to_root, &proof);
            assert_eq!(with(other, tree.root(to)), Err(Unproven::OtherRoot), "{from} to {to}");
            // What began with nothing is consistent with nothing, whatever it became.
            let any = if from == 0 && to > 0 { Ok(()) } else { Err(Unproven::OtherRoot) };
            assert_eq!(with(tree.root(from), other), any, "{from} to {to}");
        }
        assert_eq!(consistency(to + 1, to, &mut tree.reader()).unwrap(), None);
        let backwards = check_consistency(to + 1, tree.root(0), to, tree.root(to), &[]);
        assert_eq!(backwards, Err(Unproven::Outside));
    }
}

#[test]
fn a_log_that_was_rewritten_is_not_consistent() {
    let records: Vec<_> = (0..20).map(Leaves::record).collect();
    let tree = Leaves::of(&records);
    for changed in 0..10 {
        let mut rewritten = records.clone();
        rewritten[changed] = b"something else".to_vec();
        let rewritten = Leaves::of(&rewritten);
        let proof = consistency(10, 20, &mut rewritten.reader()).unwrap().unwrap();
        let checked = check_consistency(10, tree.root(10), 20, rewritten.root(20), &proof);
        assert_eq!(checked, Err(Unproven::OtherRoot), "{changed}");
    }
}

#[test]
fn the_largest_sizes_overflow_nothing() {
    let mut any = |_, _| Ok::<_, Infallible>(Hash::empty());
    for size in [u64::MAX, u64::MAX - 1, 1 << 63, (1 << 63) + 1] {
        let last = *completed(size, Hash::empty(), &mut any).unwrap().last().unwrap();
        assert_eq!((last.level, last.index & 1), (size.trailing_ones(), 0));
        root(size, &mut any).unwrap();
        for index in [0, size / 2, size - 1] {
            let proof = inclusion(index, size, &mut any).unwrap().unwrap();
            assert!(proof.len() <= 64);
            assert_eq!(check_inclusion(Hash::empty(), index, size, &proof, Hash::empty()), Err(Unproven::OtherRoot));
        }
        for from in [1, size / 2, size - 1] {
            let proof = consistency(from, size, &mut any).unwrap().unwrap();
            assert!(proof.len() <= 65);
            let checked = check_consistency(from, Hash::empty(), size, Hash::leaf(b""), &proof);
            assert_eq!(checked, Err(Unproven::OtherRoot));
        }
    }
}

#[test]
fn a_hash_is_read_as_it_is_written() {
    let hash = Hash::leaf(b"");
    assert_eq!(hash.to_string(), "bjQLnP+zepicpUTmu3gKLHiQHT+zNzh2hRGjBhevoB0=");
    assert_eq!(Hash::from_base64(&hash.to_string()), Some(hash));
    assert_eq!(Hash::from_hex(ROOTS[1]), Some(hash));
    assert_eq!(Hash::from_bytes(hash.as_bytes()), Some(hash));
    for text in [
        "",
        "bjQLnP+zepicpUTmu3gKLHiQHT+zNzh2hRGjBhevoB0",
        "bjQLnP+zepicpUTmu3gKLHiQHT+zNzh2hRGjBhevoB1=",
        "bjQLnP-zepicpUTmu3gKLHiQHT-zNzh2hRGjBhevoB0=",
        " bjQLnP+zepicpUTmu3gKLHiQHT+zNzh2hRGjBhevoB0=",
        "bjQLnP+zepicpUTmu3gKLHiQHT+zNzh2hRGjBhevoB0=\n",
        "bjQLnP+zepicpUTmu3gKLHiQHT+zNzh2hRGjBhevoA==",
    ] {
        assert_eq!(Hash::from_base64(text), None, "{text}");
    }
    let upper = ROOTS[1].to_uppercase();
    for text in ["", "6e", &ROOTS[1][1..], &upper, &format!("{}0", ROOTS[1]), &ROOTS[1].replace('6', "g")] {
        assert_eq!(Hash::from_hex(text), None, "{text}");
    }
}
