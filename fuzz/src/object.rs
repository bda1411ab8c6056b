//! Commits and tags.

use super::{assert_escapable, known, signature::assert_sealed};
use countersign::{
    object::{Commit, Person, Signed, Slot, Tag, parents_as_git_reads_them},
    push::ObjectFormat,
    signature::{self, Signature},
};

const FORMATS: [ObjectFormat; 2] = [ObjectFormat::Sha1, ObjectFormat::Sha256];

/// A commit in either object format. What is accepted has the grammar; git sees the same parents; payload and signature
/// are those that git's own reading finds, and together the commit.
pub fn commit(input: &[u8]) {
    let read = FORMATS.map(|format| Commit::parse(input, format));
    assert!(read.iter().filter(|commit| commit.is_ok()).count() < 2, "ids have one length");
    for (commit, format) in read.iter().zip(FORMATS) {
        let again = Commit::parse(input, format);
        assert_eq!(format!("{commit:?}"), format!("{again:?}"));
        match commit {
            Ok(commit) => well_formed(commit, input, format),
            Err(malformed) => assert_escapable(&malformed.0),
        }
    }
}

fn well_formed(commit: &Commit<'_>, input: &[u8], format: ObjectFormat) {
    assert!(!input.contains(&0));
    assert_eq!(commit.parents, parents_as_git_reads_them(input, format));
    let ids: String = commit.parents.iter().map(|parent| format!("parent {parent}\n")).collect();
    let rest = input.strip_prefix(format!("tree {}\n{ids}", commit.tree).as_bytes()).unwrap();
    let rest = after_person(rest, b"author ", &commit.author);
    let rest = after_person(rest, b"committer ", &commit.committer);
    let headers = rest.strip_suffix(commit.message).unwrap();
    assert!(headers == b"\n" || headers.ends_with(b"\n\n") && !headers.starts_with(b"\n"));
    assert!(!headers.strip_suffix(b"\n").unwrap().windows(2).any(|pair| pair == b"\n\n"));
    if let Some(encoding) = commit.encoding {
        assert!(contains(headers, &[b"encoding ", encoding, b"\n"].concat()));
    }
    assert!(commit.subject().len() <= 200);
    assert_escapable(&String::from_utf8_lossy(&commit.subject()));
    let (payload, armor) = as_git_parts_it(input, format);
    match &commit.signature {
        Slot::Empty => assert_eq!(armor, b"", "git sees a signature"),
        Slot::Several => {}
        Slot::One(signed) => {
            assert_eq!((&*signed.payload, &*signed.signature), (&payload[..], &armor[..]));
            assert_eq!(payload.len() + folded(signed, format).len(), input.len());
            assert!(contains(headers, &folded(signed, format)));
            let unsigned = Commit::parse(&payload, format).unwrap();
            assert_eq!(unsigned.signature, Slot::Empty);
            assert_eq!((unsigned.tree, &unsigned.parents), (commit.tree, &commit.parents));
            assert_eq!((unsigned.author, unsigned.committer), (commit.author, commit.committer));
            assert_eq!((unsigned.encoding, unsigned.message), (commit.encoding, commit.message));
        }
    }
    judge(&commit.signature);
}

/// Whatever else is on the line, name and email stand in it, and nobody can read another person from it.
fn after_person<'a>(rest: &'a [u8], header: &[u8], person: &Person<'_>) -> &'a [u8] {
    let end = rest.iter().position(|&byte| byte == b'\n').unwrap();
    let line = rest[..end].strip_prefix(header).unwrap();
    assert!(contains(line, person.name) && contains(line, &[b"<", person.email, b"> "].concat()));
    assert_eq!(line.iter().filter(|&&byte| byte == b'<' || byte == b'>').count(), 2);
    assert!(person.time.0 >= 0);
    &rest[end + 1..]
}

fn folded(signed: &Signed<'_>, format: ObjectFormat) -> Vec<u8> {
    let mut header = [format.signature_header(), b" "].concat();
    for (number, line) in signed.signature.split_inclusive(|&byte| byte == b'\n').enumerate() {
        header.extend(if number == 0 { &b""[..] } else { b" " });
        header.extend(line);
    }
    header
}

/// Payload and signature by git's rules (commit.c, `parse_buffer_signed_by_header`): line by line, up to the blank one,
/// the lines of every header that begins with `gpgsig` are left out, and those of this format's are the signature.
fn as_git_parts_it(object: &[u8], format: ObjectFormat) -> (Vec<u8>, Vec<u8>) {
    let header = [format.signature_header(), b" "].concat();
    let (mut payload, mut signature) = (Vec::new(), Vec::new());
    let (mut ours, mut left_out, mut in_body) = (false, false, false);
    for line in object.split_inclusive(|&byte| byte == b'\n') {
        in_body |= line == b"\n";
        if !in_body && !line.starts_with(b" ") {
            ours = line.starts_with(&header);
            left_out = line.starts_with(b"gpgsig");
        }
        if in_body || !left_out {
            payload.extend(line);
        } else if ours {
            signature.extend(line.strip_prefix(&header[..]).or(line.strip_prefix(b" ")).unwrap());
        }
    }
    (payload, signature)
}

/// A tag in either object format. What is accepted has the grammar; message and signature are parted at the last line
/// that begins an armor, and payload and signature together are the tag.
pub fn tag(input: &[u8]) {
    let read = FORMATS.map(|format| Tag::parse(input, format));
    assert!(read.iter().filter(|tag| tag.is_ok()).count() < 2, "ids have one length");
    for (tag, format) in read.iter().zip(FORMATS) {
        assert_eq!(format!("{tag:?}"), format!("{:?}", Tag::parse(input, format)));
        match tag {
            Ok(tag) => well_formed_tag(tag, input, format),
            Err(malformed) => assert_escapable(&malformed.0),
        }
    }
}

fn well_formed_tag(tag: &Tag<'_>, input: &[u8], format: ObjectFormat) {
    assert!(!input.contains(&0) && !tag.name.is_empty() && !tag.name.contains(&b'\n'));
    let head = format!("object {}\ntype {}\ntag ", tag.target, format!("{:?}", tag.kind).to_ascii_lowercase());
    let rest = input.strip_prefix(&[head.as_bytes(), tag.name, b"\n"].concat()[..]).unwrap();
    if let Some(tagger) = &tag.tagger {
        after_person(rest, b"tagger ", tagger);
    }
    let last_armor = last_armor(input);
    match &tag.signature {
        Slot::Empty => assert_eq!(last_armor, None),
        Slot::Several => {}
        Slot::One(signed) => {
            assert_eq!(last_armor, Some(signed.payload.len()));
            assert_eq!([&*signed.payload, &*signed.signature].concat(), input);
            assert!(signed.payload.ends_with(tag.message));
            let unsigned = Tag::parse(&signed.payload, format).unwrap();
            assert_eq!(unsigned.signature, Slot::Empty);
            assert_eq!((unsigned.target, unsigned.kind, unsigned.name), (tag.target, tag.kind, tag.name));
            assert_eq!((unsigned.tagger, unsigned.message), (tag.tagger, tag.message));
        }
    }
    judge(&tag.signature);
}

/// Where git takes the signature to begin (gpg-interface.c, `parse_signed_buffer`).
pub fn last_armor(text: &[u8]) -> Option<usize> {
    let kinds = ["PGP SIGNATURE", "PGP MESSAGE", "SIGNED MESSAGE", "SSH SIGNATURE"];
    let begins = kinds.map(|kind| format!("-----BEGIN {kind}-----").into_bytes());
    let mut at = text.len();
    for line in text.split_inclusive(|&byte| byte == b'\n').rev() {
        at -= line.len();
        if begins.iter().any(|begin| line.starts_with(begin)) {
            return Some(at);
        }
    }
    None
}

fn judge(slot: &Slot<'_>) {
    let found = signature::verify(slot, known::REGISTRY.certificates());
    known::judged(&found);
    match (slot, &found) {
        (Slot::Empty, Signature::Absent) | (Slot::Several, Signature::Bad(_)) => {}
        (Slot::One(signed), Signature::Verified(_)) => assert_sealed(&signed.payload, &signed.signature),
        (Slot::One(_), Signature::Bad(_)) => {}
        _ => panic!("{slot:?} is {found:?}"),
    }
}

pub fn contains(text: &[u8], wanted: &[u8]) -> bool {
    wanted.is_empty() || text.windows(wanted.len()).any(|window| window == wanted)
}
