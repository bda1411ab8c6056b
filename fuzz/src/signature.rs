//! Signatures over a payload that is known, and SSH certificates.

use super::{known, wire};
use countersign::{
    registry::Attribution,
    signature::{Evidence, Fingerprint, Format, Signature, Verified},
};
use known::{AUTHORITY, PAYLOAD, is_good, judged, verified};

/// Bits that are turned in each good signature and payload: spread over all of it, and few enough to be quick.
const FLIPS: usize = 12;

/// An armored signature of any format. A good one is by a key that is held, over this payload and no other, and has one
/// reading: what its base64 stands for, armored anew, is as good.
pub fn armor(input: &[u8]) {
    let signature = verified(PAYLOAD, input);
    assert_eq!(format!("{signature:?}"), format!("{:?}", verified(PAYLOAD, input)));
    let attribution = judged(&signature);
    let Signature::Verified(proof) = &signature else {
        assert!(!matches!(attribution, Attribution::Good(_)));
        return;
    };
    assert_sealed(PAYLOAD, input);
    assert_known(proof, &attribution);
    if proof.format() != Format::OpenPgp {
        let blob = wire::dearmored(input).unwrap();
        assert_one_reading(&blob);
        assert!(is_good(PAYLOAD, &wire::ssh_armor(&blob)));
    }
}

/// The bytes of an SSHSIG. A good one has the format, is for `git`, and is good no more once a bit of it is turned.
pub fn sshsig(input: &[u8]) {
    let signature = verified(PAYLOAD, &wire::ssh_armor(input));
    let attribution = judged(&signature);
    let Signature::Verified(proof) = &signature else { return };
    assert_known(proof, &attribution);
    assert_one_reading(input);
    assert_sealed(PAYLOAD, &wire::ssh_armor(input));
    for flipped in flipped(input) {
        assert!(!is_good(PAYLOAD, &wire::ssh_armor(&flipped)), "{flipped:?}");
    }
}

/// The packet of an OpenPGP signature. A good one is by a key that is held, and is good no more once its number is another.
pub fn openpgp_signature(input: &[u8]) {
    let signature = verified(PAYLOAD, &wire::openpgp_armor(input));
    let attribution = judged(&signature);
    let Signature::Verified(proof) = &signature else { return };
    assert_known(proof, &attribution);
    assert_sealed(PAYLOAD, &wire::openpgp_armor(input));
    let (rest, number) = input.split_at(input.len() - 16);
    for flipped in flipped(number) {
        assert!(!is_good(PAYLOAD, &wire::openpgp_armor(&[rest, &flipped].concat())));
    }
}

/// No other payload is good with this signature.
pub fn assert_sealed(payload: &[u8], armor: &[u8]) {
    let shorter = payload.get(1..).unwrap_or(b"x").to_vec();
    for other in flipped(payload).chain([shorter, [payload, b"\n"].concat(), [payload, b"\0"].concat()]) {
        assert!(!is_good(&other, armor), "{other:?}");
    }
}

/// Copies with one bit turned, each another, from all parts of it.
fn flipped(bytes: &[u8]) -> impl Iterator<Item = Vec<u8>> {
    let step = (bytes.len() / FLIPS).max(1);
    let places = (0..bytes.len()).step_by(step).chain(bytes.len().checked_sub(1));
    places.map(|at| {
        let mut other = bytes.to_vec();
        other[at] ^= 1 << (at % 8);
        other
    })
}

/// A good signature is by a key that is known here; whose it is agrees with the key.
fn assert_known(proof: &Verified, attribution: &Attribution) {
    let key = proof.key().to_string();
    match attribution {
        Attribution::Unsigned => panic!("{proof:?} is unsigned"),
        Attribution::NotGood(fault) => assert_eq!(fault.key.as_ref(), Some(proof.key())),
        Attribution::Good(signer) => match (proof.evidence(), signer.id().0.as_str()) {
            (Evidence::OpenPgp(_), "dave@example.com") => assert_eq!(key, known::DAVE_FINGERPRINT),
            (Evidence::OpenPgp(_), "erin@example.com") => assert_eq!(key, known::ERIN_FINGERPRINT),
            (Evidence::Ssh(_), "alice@example.com") => assert_eq!(*proof.key(), fingerprint(known::ALICE)),
            (Evidence::Ssh(_), "bob@example.com") => assert_eq!(*proof.key(), fingerprint(known::BOB)),
            (Evidence::SshCert(certificate), id) => {
                assert_eq!(certificate.authority.fingerprint(), fingerprint(AUTHORITY));
                assert!(certificate.is_user && certificate.principals.iter().any(|principal| principal == id));
            }
            (_, id) => panic!("{proof:?} is by `{id}`"),
        },
    }
}

pub fn fingerprint(line: &str) -> Fingerprint {
    let mut fields = line.split(' ');
    let (algorithm, base64) = (fields.next().unwrap(), fields.next().unwrap());
    countersign::signature::ssh::PublicKey::from_fields(algorithm, base64.trim_end()).unwrap().fingerprint()
}

/// PROTOCOL.sshsig: the magic, version 1, five strings, and nothing else; put together again, it is the same.
fn assert_one_reading(blob: &[u8]) {
    let fields = wire::strings(blob.strip_prefix(b"SSHSIG\0\0\0\x01").unwrap()).unwrap();
    let [_key, namespace, _reserved, hash, _signature] = fields[..] else { panic!("{fields:?}") };
    assert!(namespace == b"git" && [&b"sha256"[..], b"sha512"].contains(&hash));
    assert_eq!([b"SSHSIG\0\0\0\x01", &wire::joined(&fields)[..]].concat(), blob);
}

/// An SSH certificate (PROTOCOL.certkeys): as it stands, and as one that the authority has signed, whatever it says. A
/// signature with it counts only if it is a user's, in its window, for somebody whom the authority may name, and asks for
/// nothing that is not known.
pub fn certificate(input: &[u8]) {
    judged(&verified(PAYLOAD, &signed_with(input)));
    let mut completed = input.to_vec();
    wire::put(&mut completed, &wire::public_key(AUTHORITY));
    let signature = wire::joined(&[b"ssh-ed25519", &known::sign_as_authority(&completed)]);
    wire::put(&mut completed, &signature);
    let attribution = judged(&verified(PAYLOAD, &signed_with(&completed)));
    let Attribution::Good(signer) = attribution else { return };
    let certificate = Fields::read(input).unwrap();
    assert_eq!(certificate.kind, 1);
    let principals = wire::strings(certificate.principals).unwrap();
    assert!(principals.contains(&signer.id().0.as_bytes()));
    assert!(signer.id().0.ends_with("@example.com"));
    let now = known::NOW.0 as u64;
    assert!(certificate.valid_after <= now && now < certificate.valid_before);
    let options = wire::strings(certificate.critical_options).unwrap();
    assert!(options.len().is_multiple_of(2));
    for option in options.iter().step_by(2) {
        assert!([&b"force-command"[..], b"source-address"].contains(option), "{}", option.escape_ascii());
    }
    for flipped in flipped(&completed) {
        assert!(!is_good(PAYLOAD, &signed_with(&flipped)), "{flipped:?}");
    }
}

/// A signature by Alice's key, with this for her key.
fn signed_with(certificate: &[u8]) -> Vec<u8> {
    let sha256 = aws_lc_rs::digest::digest(&aws_lc_rs::digest::SHA256, PAYLOAD);
    let signed = [&b"SSHSIG"[..], &wire::joined(&[b"git", b"", b"sha256", sha256.as_ref()])].concat();
    let signature = wire::joined(&[b"ssh-ed25519", &known::sign_as_alice(&signed)]);
    let fields = wire::joined(&[certificate, b"git", b"", b"sha256", &signature]);
    wire::ssh_armor(&[b"SSHSIG\0\0\0\x01", &fields[..]].concat())
}

/// What an Ed25519 certificate says, up to its authority.
struct Fields<'a> {
    kind: u32,
    principals: &'a [u8],
    valid_after: u64,
    valid_before: u64,
    critical_options: &'a [u8],
}

impl<'a> Fields<'a> {
    fn read(mut rest: &'a [u8]) -> Option<Self> {
        let rest = &mut rest;
        let [_name, _nonce, _point] = [wire::string(rest)?, wire::string(rest)?, wire::string(rest)?];
        let _serial = number::<8>(rest)?;
        let kind = u32::from_be_bytes(number(rest)?);
        let [_id, principals] = [wire::string(rest)?, wire::string(rest)?];
        let [valid_after, valid_before] = [number(rest)?, number(rest)?].map(u64::from_be_bytes);
        let [critical_options, _extensions, _reserved] =
            [wire::string(rest)?, wire::string(rest)?, wire::string(rest)?];
        rest.is_empty().then_some(Self { kind, principals, valid_after, valid_before, critical_options })
    }
}

fn number<const N: usize>(rest: &mut &[u8]) -> Option<[u8; N]> {
    let (number, after) = rest.split_first_chunk()?;
    *rest = after;
    Some(*number)
}
