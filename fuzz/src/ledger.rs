//! What others hand to the ledger: proofs, checkpoints, answers of witnesses, tiles.

use countersign::ledger::{
    checkpoint::Checkpoint,
    key::{SigningKey, VerifierKey},
    note::Note,
    proof::Proof,
    tiles::{Tile, append_entry, read_entries},
    witness::{Answer, answer},
};

/// The log that the seeds are of, and the one record whose proof they hold.
pub fn key() -> SigningKey {
    SigningKey::from_seed("ledger.example", &[7; 32]).unwrap()
}

pub const RECORD: &[u8] = b"record 5\n";

/// A witness of which the seeds have cosignatures, from another program's key of 32 times the byte 9.
pub const WITNESS: &str = "witness.example/w+d0a590be+BP0XJDhaoMdbZPt4zWAvodmR/ev3axPFjtcC6sg16fYY";

/// Whatever is read is written as it was, and only what was signed is believed.
pub fn ledger(input: &[u8]) {
    proof(input);
    note(input);
    answers(input);
    tile(input);
    for width in [0, 1, 2, 256] {
        if let Ok(entries) = read_entries(input, width) {
            assert_eq!(entries.len(), usize::from(width));
            let mut bundle = Vec::new();
            entries.iter().for_each(|entry| append_entry(&mut bundle, entry).unwrap());
            assert_eq!(bundle, input);
        }
    }
}

fn proof(input: &[u8]) {
    let Ok(proof) = Proof::parse(input) else { return };
    let written = proof.to_string();
    assert_eq!(Proof::parse(written.as_bytes()).as_ref(), Ok(&proof));
    // All that is passed over is one line.
    let extra = input.split(|&byte| byte == b'\n').nth(1).filter(|line| line.starts_with(b"extra "));
    assert_eq!(written.len() + extra.map_or(0, |line| line.len() + 1), input.len());
    if let Ok(checkpoint) = proof.check(RECORD, key().verifier()) {
        assert_eq!((proof.index, checkpoint.size(), checkpoint.origin()), (5, 13, "ledger.example"));
    }
    // No seed holds a proof of it.
    assert!(proof.check(b"another record", key().verifier()).is_err());
}

fn note(input: &[u8]) {
    let Ok(note) = Note::parse(input) else { return };
    assert_eq!(note.to_string().as_bytes(), input);
    let keys = [key().verifier().clone(), VerifierKey::parse(WITNESS).unwrap()];
    if let Ok(opened) = note.open(&keys) {
        let checkpoint = Checkpoint::parse(opened.text()).unwrap();
        assert_eq!((checkpoint.size(), checkpoint.to_string().as_str()), (13, opened.text()));
    }
}

fn answers(input: &[u8]) {
    let witness = VerifierKey::parse(WITNESS).unwrap();
    let note = Checkpoint::sign(13, countersign::ledger::tree::Hash::leaf(RECORD), &key()).unwrap();
    for status in [200, 409, 500] {
        match answer(status, input, &note, std::slice::from_ref(&witness)) {
            Ok(Answer::Cosigned { checkpoint, signed }) => {
                assert_eq!(status, 200);
                assert_eq!(checkpoint.open(std::slice::from_ref(&witness)).unwrap().signed(), signed);
                assert!(checkpoint.to_string().starts_with(&note.to_string()));
            }
            Ok(Answer::Behind { size }) => assert_eq!((409, format!("{size}\n").as_bytes()), (status, input)),
            Ok(Answer::Refused { status: told }) => assert!(told == status && status != 200),
            Err(_) => assert!(status == 200 || input.len() > countersign::bounds::Bounds::NOTE),
        }
    }
}

fn tile(input: &[u8]) {
    let Some(tile) = std::str::from_utf8(input).ok().and_then(Tile::parse) else { return };
    assert_eq!(tile.to_string().as_bytes(), input);
    assert!((1..=256).contains(&tile.width));
}
