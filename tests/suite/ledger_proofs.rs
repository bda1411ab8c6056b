//! Proofs that `tests/verify_proof.py` checks: another program in another language, by the specifications alone.

use crate::{
    fuzz::targets::ledger::{RECORD, WITNESS},
    support::{Dice, run},
};
use base64ct::{Base64, Encoding};
use countersign::ledger::{
    checkpoint::Checkpoint,
    key::{Signed, SigningKey, VerifierKey},
    note::Note,
    proof::Proof,
    tiles,
    tree::{self, Hash, Node},
    witness,
};
use std::{collections::HashMap, convert::Infallible, env, fs, path::Path, process::Command};

const SCRIPT: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/verify_proof.py");

fn key() -> SigningKey {
    SigningKey::from_seed("ledger.example", &[7; 32]).unwrap()
}

fn record(number: u64) -> Vec<u8> {
    format!("record {number}\n").into_bytes()
}

fn proof(index: u64, size: u64, key: &SigningKey) -> Proof {
    let mut nodes = HashMap::new();
    for number in 0..size {
        let mut read = |level, index| Ok::<_, Infallible>(nodes[&(level, index)]);
        for Node { level, index, hash } in tree::completed(number, Hash::leaf(&record(number)), &mut read).unwrap() {
            nodes.insert((level, index), hash);
        }
    }
    let mut read = |level, index| Ok::<_, Infallible>(nodes[&(level, index)]);
    let hashes = tree::inclusion(index, size, &mut read).unwrap().unwrap();
    let root = tree::root(size, &mut read).unwrap();
    Proof { index, hashes, checkpoint: Checkpoint::sign(size, root, key).unwrap() }
}

/// What the script says, and its exit status.
fn checked(proof: &[u8], record: &[u8], key: &str) -> (String, i32) {
    let folder = tempfile::tempdir().unwrap();
    let (proof_file, record_file) = (folder.path().join("a.tlog-proof"), folder.path().join("record"));
    fs::write(&proof_file, proof).unwrap();
    fs::write(&record_file, record).unwrap();
    let mut command = Command::new("python3");
    command.arg(SCRIPT).args([&proof_file, &record_file]).arg(key);
    let output = run(command, b"");
    assert_eq!(String::from_utf8_lossy(&output.stderr), "");
    (String::from_utf8(output.stdout).unwrap().trim_end().to_owned(), output.status.code().unwrap())
}

fn good(text: &str) -> (String, i32) {
    (format!("good: {text}"), 0)
}

fn wrong(text: &str) -> (String, i32) {
    (format!("wrong: {text}"), 1)
}

#[test]
fn the_script_finds_good_proofs_good() {
    for (index, size) in [(0, 1), (1, 2), (2, 3), (6, 7), (4, 7), (255, 256), (256, 257), (100, 300)] {
        let proof = proof(index, size, &key()).to_string();
        let found = checked(proof.as_bytes(), &record(index), &key().verifier().to_string());
        assert_eq!(found, good(&format!("record {index} of {size}")));
    }
    let folder = tempfile::tempdir().unwrap();
    let key_file = folder.path().join("ledger.pub");
    fs::write(&key_file, format!("{}\n", key().verifier())).unwrap();
    let by_file = checked(proof(3, 5, &key()).to_string().as_bytes(), &record(3), key_file.to_str().unwrap());
    assert_eq!(by_file, good("record 3 of 5"));
    let with_extra = proof(3, 5, &key()).to_string().replacen("index", "extra YWdl\nindex", 1);
    let cosigned = proof(3, 5, &key());
    let other = SigningKey::from_seed("witness.example", &[8; 32]).unwrap();
    let cosigned = Proof { checkpoint: cosigned.checkpoint.and_sign(&other).unwrap(), ..cosigned };
    for proof in [with_extra, cosigned.to_string()] {
        let found = checked(proof.as_bytes(), &record(3), &key().verifier().to_string());
        assert_eq!(found, good("record 3 of 5"));
    }
}

#[test]
fn the_script_says_what_is_wrong() {
    let (proof, public) = (proof(3, 5, &key()), key().verifier().to_string());
    let text = proof.to_string();
    let at = |proof: &str| checked(proof.as_bytes(), &record(3), &public);
    assert_eq!(checked(text.as_bytes(), &record(4), &public), wrong("the proof leads to another root hash"));
    let another = SigningKey::from_seed("ledger.example", &[8; 32]).unwrap().verifier().to_string();
    assert_eq!(checked(text.as_bytes(), &record(3), &another), wrong("the checkpoint is not signed by this key"));
    assert_eq!(at(&text.replacen("index 3", "index 2", 1)), wrong("the proof leads to another root hash"));
    assert_eq!(at(&text.replacen("index 3", "index 5", 1)), wrong("the tree is not as large as that"));
    assert_eq!(at(&text.replacen("index 3", "index 18446744073709551616", 1)), wrong("the index is too large"));
    assert_eq!(at(&text.replacen("\n5\n", "\n6\n", 1)), wrong("the signature of the checkpoint is not good"));
    let hash = format!("{}\n", proof.hashes[1]);
    assert_eq!(at(&text.replacen(&hash, "", 1)), wrong("the proof has too few hashes"));
    assert_eq!(at(&text.replacen(&hash, &hash.repeat(2), 1)), wrong("the proof has too many hashes"));
    let elsewhere = Proof { checkpoint: self::proof(3, 6, &key()).checkpoint, ..proof };
    assert_eq!(at(&elsewhere.to_string()), wrong("the proof leads to another root hash"));
}

#[test]
fn the_script_and_the_program_agree_on_spoiled_proofs() {
    let (good, public) = (proof(2, 7, &key()).to_string().into_bytes(), key().verifier().clone());
    let mut dice = Dice(5);
    for _ in 0..40 {
        let spoiled = dice.mutated(&good);
        let ours = Proof::parse(&spoiled).and_then(|proof| proof.check(&record(2), &public));
        let (told, status) = checked(&spoiled, &record(2), &public.to_string());
        assert_eq!(ours.is_ok(), status == 0, "{told}: {}", String::from_utf8_lossy(&spoiled));
    }
}

/// The seeds of the fuzz target, each a good one of its kind. The witness signs by a library that is not ours.
#[test]
fn the_seeds_of_the_fuzz_target_are_good() {
    use aws_lc_rs::{digest, signature::Ed25519KeyPair, signature::KeyPair};
    let proof = proof(5, 13, &key());
    let pair = Ed25519KeyPair::from_seed_unchecked(&[9; 32]).unwrap();
    let public = [&[4], pair.public_key().as_ref()].concat();
    let id = digest::digest(&digest::SHA256, &[b"witness.example/w\n", public.as_slice()].concat());
    let cosignature = |note: &Note| {
        let text = note.to_string().rsplit_once("\n\n").unwrap().0.to_owned();
        let signature = pair.sign(format!("cosignature/v1\ntime 1767225600\n{text}\n").as_bytes());
        let bytes = [&id.as_ref()[..4], &1_767_225_600_u64.to_be_bytes(), signature.as_ref()].concat();
        format!("— witness.example/w {}\n", Base64::encode_string(&bytes))
    };
    let witness = VerifierKey::parse(WITNESS).unwrap();
    assert!(WITNESS.ends_with(&Base64::encode_string(&public)), "{}", Base64::encode_string(&public));

    let cosigned = format!("{proof}{}", cosignature(&proof.checkpoint));
    let read = Proof::parse(cosigned.as_bytes()).unwrap();
    let (_, signed) = Checkpoint::open(&read.checkpoint, key().verifier(), std::slice::from_ref(&witness)).unwrap();
    assert_eq!(signed.iter().filter_map(Signed::time).collect::<Vec<_>>(), [1_767_225_600]);
    assert_eq!(read.check(RECORD, key().verifier()).unwrap().size(), 13);
    let asked = Checkpoint::sign(13, Hash::leaf(RECORD), &key()).unwrap();
    let answered = witness::answer(200, cosignature(&asked).as_bytes(), &asked, &[witness]).unwrap();
    assert!(matches!(answered, witness::Answer::Cosigned { .. }), "{answered:?}");

    let mut bundle = Vec::new();
    [RECORD, b""].iter().for_each(|record| tiles::append_entry(&mut bundle, record).unwrap());
    let seeds: [(&str, Vec<u8>); 8] = [
        ("proof", proof.to_string().into()),
        ("proof-extra", proof.to_string().replacen("index", "extra YWdl\nindex", 1).into()),
        ("proof-cosigned", cosigned.into()),
        ("checkpoint", proof.checkpoint.to_string().into()),
        ("answer", cosignature(&asked).into()),
        ("answer-behind", b"20852014\n".to_vec()),
        ("path", b"tile/entries/x001/x234/067.p/17".to_vec()),
        ("bundle", bundle),
    ];
    for (name, bytes) in seeds {
        let file = Path::new(env!("CARGO_MANIFEST_DIR")).join("fuzz/seeds/ledger").join(name);
        if env::var_os("UPDATE_GOLDENS").is_some() {
            fs::write(&file, &bytes).unwrap();
        }
        assert!(fs::read(&file).unwrap() == bytes, "{name}: UPDATE_GOLDENS=1 cargo test --test suite ledger_proofs");
    }
}
