use super::*;
use crate::ledger::checkpoint::Checkpoint;
use aws_lc_rs::signature::{Ed25519KeyPair, KeyPair};

// The example of golang.org/x/mod/sumdb/note.
const SECRET: &str = "PRIVATE+KEY+PeterNeumann+c74f20a3+AYEKFALVFGyNhPJEMzD1QIDr+Y7hfZx09iUvxdXHKDFz";
const TEXT: &str =
    "If you think cryptography is the answer to your problem,\nthen you don't know what your problem is.\n";
const LINE: &str =
    "— PeterNeumann x08go/ZJkuBS9UG/SffcvIAQxVBtiFupLLr8pAcElZInNIuGUgYN1FFYC2pZSNXgKvqfqdngotpRZb6KE6RyyBwJnAM=\n";

// A checkpoint of a test log of Google's, cosigned by a public witness in July 2026.
const WITNESSED: &str = "coachandhorses2026h1.staging.certificate.transparency.goog\n185550722\n\
    YXAM0VmnrfvLaBCOOYSJhCaE5F10oGBOo+hkbDa1kng=\n\n\
    — witness.navigli.sunlight.geomys.org \
    o+AP4gAAAABqb7DzNrGFRJnQ9vrJ8xpnwZytnr/ZYczDIsvwvouiSjwOjn7a72ccxBk+lKnZ7dKqkYKER1s/KxLTaVwQD7lJZTC/CQ==\n";
const WITNESS: &str = "witness.navigli.sunlight.geomys.org+a3e00fe2+BNy/co4C1Hn1p+INwJrfUlgz7W55dSZReusH/GhUhJ/G";

/// A witness, as another program would be one.
pub(crate) struct Cosigner {
    pub(crate) key: VerifierKey,
    pair: Ed25519KeyPair,
}

pub(crate) fn cosigner(name: &str, seed: u8) -> Cosigner {
    let pair = Ed25519KeyPair::from_seed_unchecked(&[seed; 32]).unwrap();
    let public = [&[4], pair.public_key().as_ref()].concat();
    let hashed = [name.as_bytes(), b"\n", &public].concat();
    let id: String = aws_lc_rs::digest::digest(&aws_lc_rs::digest::SHA256, &hashed).as_ref()[..4]
        .iter()
        .map(|byte| format!("{byte:02x}"))
        .collect();
    let key = VerifierKey::parse(&format!("{name}+{id}+{}", Base64::encode_string(&public))).unwrap();
    Cosigner { key, pair }
}

/// The line of `cosignature/v1`.
pub(crate) fn cosignature(by: &Cosigner, note: &Note, time: u64) -> String {
    let signature = by.pair.sign(format!("cosignature/v1\ntime {time}\n{}", note.text).as_bytes());
    let timed = [&time.to_be_bytes(), signature.as_ref()].concat();
    SignatureLine::new(by.key.name(), by.key.id(), timed).to_string()
}

fn peter() -> SigningKey {
    SigningKey::parse(SECRET).unwrap()
}

fn open(note: &str, keys: &[&VerifierKey]) -> Result<Opened, NoteError> {
    Note::parse(note.as_bytes())?.open(&keys.iter().map(|&key| key.clone()).collect::<Vec<_>>())
}

#[test]
fn the_example_is_signed_and_opened_as_others_do() {
    let note = Note::sign(TEXT, &peter()).unwrap();
    assert_eq!(note.to_string(), format!("{TEXT}\n{LINE}"));
    let opened = open(&note.to_string(), &[peter().verifier()]).unwrap();
    assert_eq!(opened.text(), TEXT);
    assert_eq!(opened.signed().iter().map(Signed::key).collect::<Vec<_>>(), [peter().verifier()]);
    assert_eq!(opened.signed()[0].time(), None);
    // The specification's.
    let foo = VerifierKey::parse("example.com/foo+530d903a+AekyeRrm56hApGFkyQR4ZCbV54Id2LKaANYcrnKv3U2k").unwrap();
    let note = "This is an example message.\n\n— example.com/foo \
        Uw2QOkn8srV1yJGh2VYRlL1Tnagv1YEq6TfXppzi2ONncAlTgK7Ztg1ERYNZXsYjOBH3mFXmRKuwHjG1Yu72IneyaQM=\n";
    assert_eq!(open(note, &[&foo]).unwrap().text(), "This is an example message.\n");
}

#[test]
fn a_public_witnesss_cosignature_verifies() {
    let witness = VerifierKey::parse(WITNESS).unwrap();
    let opened = open(WITNESSED, &[&witness]).unwrap();
    assert_eq!(opened.signed()[0].time(), Some(0x6a6f_b0f3));
    assert_eq!(Checkpoint::parse(opened.text()).unwrap().size(), 185_550_722);
    // The time is signed.
    let later = WITNESSED.replace("o+AP4gAAAABqb7Dz", "o+AP4gAAAABqb7D0");
    assert_eq!(open(&later, &[&witness]), Err(NoteError::Key(KeyError::BadSignature)));
    let before_time = WITNESSED.replace("o+AP4gAAAABqb7Dz", "o+AP4oAAAABqb7Dz");
    assert_eq!(open(&before_time, &[&witness]), Err(NoteError::Key(KeyError::BadSignature)));
}

#[test]
fn unknown_keys_are_passed_over_and_known_ones_never() {
    let (peter, other) = (peter(), SigningKey::from_seed("other.example", &[1; 32]).unwrap());
    // Of Peter's name, and another key.
    let namesake = SigningKey::from_seed("PeterNeumann", &[2; 32]).unwrap();
    let note = Note::sign(TEXT, &peter).unwrap().and_sign(&other).unwrap().and_sign(&namesake).unwrap();
    let written = note.to_string();
    assert_eq!(Note::parse(written.as_bytes()).unwrap(), note);
    assert_eq!(open(&written, &[peter.verifier()]).unwrap().signed().len(), 1);
    assert_eq!(open(&written, &[peter.verifier(), other.verifier()]).unwrap().signed().len(), 2);
    assert_eq!(open(&written, &[]), Err(NoteError::NotSignedBy));
    let nobodys = SigningKey::from_seed("nobody.example", &[3; 32]).unwrap();
    assert_eq!(open(&written, &[nobodys.verifier()]), Err(NoteError::NotSignedBy));
    // One bad signature by a known key spoils the others.
    let spoiled = written.replace("x08go/ZJ", "x08go/ZK");
    assert_eq!(open(&spoiled, &[peter.verifier(), other.verifier()]), Err(NoteError::Key(KeyError::BadSignature)));
    assert_eq!(open(&spoiled, &[other.verifier()]).unwrap().signed().len(), 1);
    // A signature twice is one.
    let twice = format!("{TEXT}\n{LINE}{LINE}");
    assert_eq!(open(&twice, &[peter.verifier()]).unwrap().signed().len(), 1);
    assert_eq!(note.clone().and_sign(&other).unwrap(), note);
}

#[test]
fn no_byte_of_a_note_can_be_changed() {
    let witness = cosigner("witness.example", 9);
    let note = Note::sign(TEXT, &peter()).unwrap();
    let written = format!("{note}{}", cosignature(&witness, &note, 1_700_000_000)).into_bytes();
    let keys = [peter().verifier().clone(), witness.key];
    assert_eq!(Note::parse(&written).unwrap().open(&keys).unwrap().signed().len(), 2);
    for at in 0..written.len() {
        for bit in 0..8 {
            let mut spoiled = written.clone();
            spoiled[at] ^= 1 << bit;
            // In the name of one key it makes the signature a stranger's.
            let signers = Note::parse(&spoiled).and_then(|note| note.open(&keys)).map(|opened| opened.signed().len());
            assert!(!matches!(signers, Ok(2)), "bit {bit} of byte {at}");
        }
    }
}

#[test]
fn the_form_is_strict() {
    let long = format!("{TEXT}\n{}", LINE.repeat(Bounds::NOTE_SIGNATURES + 1));
    for (note, why) in [
        (String::new(), NoteError::Unsigned),
        (TEXT.into(), NoteError::Unsigned),
        (format!("{TEXT}{LINE}"), NoteError::Unsigned),
        (format!("{TEXT}\n"), NoteError::Line),
        (format!("{TEXT}\n{}", LINE.trim_end()), NoteError::Line),
        (format!("{TEXT}\n{LINE}\n"), NoteError::Line),
        (format!("{TEXT}\n{LINE}more text\n"), NoteError::Line),
        (format!("{TEXT}\n{}", LINE.replace('—', "-")), NoteError::Line),
        (format!("{TEXT}\n{}", LINE.replace("— ", "—")), NoteError::Line),
        (format!("{TEXT}\n{}", LINE.replace("PeterNeumann", "Peter+Neumann")), NoteError::Line),
        (format!("{TEXT}\n{}", LINE.replace("PeterNeumann", "")), NoteError::Line),
        (format!("{TEXT}\n{}", LINE.replace("AM=", "AN=")), NoteError::Line),
        (format!("{TEXT}\n{}", LINE.replace("AM=", "A")), NoteError::Line),
        (format!("{TEXT}\n{}", LINE.replace("AM=", "AM= ")), NoteError::Line),
        (format!("{TEXT}\n— PeterNeumann x08goA==\n"), NoteError::Line),
        (format!("{TEXT}\n{LINE}").replace('\n', "\r\n"), NoteError::Text),
        (format!("{TEXT}\u{85}\n\n{LINE}"), NoteError::Text),
        (long, NoteError::TooManySignatures),
        (" ".repeat(Bounds::NOTE + 1), NoteError::TooLarge),
    ] {
        assert_eq!(Note::parse(note.as_bytes()).unwrap_err(), why, "{note:?}");
    }
    assert_eq!(Note::parse(b"\xff\n\n").unwrap_err(), NoteError::Text);
    let sixteen = format!("{TEXT}\n{}", LINE.repeat(16));
    assert_eq!(open(&sixteen, &[peter().verifier()]).unwrap().signed().len(), 1);
}

#[test]
fn only_lines_of_text_are_signed() {
    for text in ["", "no newline", "a\r\n", "a\tb\n", "\0\n"] {
        assert_eq!(Note::sign(text, &peter()).unwrap_err(), NoteError::Text, "{text:?}");
    }
    let long = format!("{}\n", "a".repeat(Bounds::NOTE));
    assert_eq!(Note::sign(&long, &peter()).unwrap_err(), NoteError::TooLarge);
    // Empty lines are text; the last parts it from the signatures.
    let note = Note::sign("one\n\n\ntwo\n\n", &peter()).unwrap().to_string();
    assert_eq!(open(&note, &[peter().verifier()]).unwrap().text(), "one\n\n\ntwo\n\n");
}

#[test]
fn there_are_not_too_many_signatures() {
    let mut note = Note::sign(TEXT, &peter()).unwrap();
    for seed in 1..64 {
        note = note.and_sign(&SigningKey::from_seed("other.example", &[seed; 32]).unwrap()).unwrap();
    }
    let one_more = note.clone().and_sign(&SigningKey::from_seed("other.example", &[64; 32]).unwrap());
    assert_eq!(one_more.unwrap_err(), NoteError::TooManySignatures);
    assert_eq!(Note::parse(note.to_string().as_bytes()).unwrap(), note);
    // What is nearly too large to be written is, with another signature, too large to be read.
    let room = Bounds::NOTE - Note::sign("\n", &peter()).unwrap().to_string().len();
    let large = Note::sign(&format!("{}\n", "a".repeat(room)), &peter()).unwrap();
    assert_eq!(large.to_string().len(), Bounds::NOTE);
    assert_eq!(Note::parse(large.to_string().as_bytes()).unwrap(), large);
    let other = SigningKey::from_seed("other.example", &[1; 32]).unwrap();
    assert_eq!(large.and_sign(&other).unwrap_err(), NoteError::TooLarge);
}
