//! Keys, signatures and a registry that do not change, beside which an input is put. `seeds/make.sh` makes the files.

use super::{object::contains, wire};
use aws_lc_rs::signature::Ed25519KeyPair;
use countersign::{
    object::{Signed, Slot},
    push::Timestamp,
    registry::{Attribution, Parts, Registry, VerifyTime, When},
    signature::{self, Certificates, Signature},
};
use jiff::tz::TimeZone;
use std::{path::Path, sync::LazyLock};

/// What is signed.
pub const PAYLOAD: &[u8] = include_bytes!("../seeds/payload");

pub const ALICE: &str = include_str!("../../fixtures/keys/alice-ssh.pub");
pub const BOB: &str = include_str!("../../fixtures/keys/bob-ssh.pub");
/// Registered nowhere.
pub const MALLORY: &str = include_str!("../../fixtures/keys/mallory-ssh.pub");
/// Certifies others.
pub const AUTHORITY: &str = include_str!("../keys/authority.pub");
pub const DAVE: &[u8] = include_bytes!("../../fixtures/keys/dave-openpgp.asc");
pub const DAVE_FINGERPRINT: &str = "openpgp:C472F0FD779A260F7445640039D744D41149885A";
pub const ERIN: &[u8] = include_bytes!("../../fixtures/keys/erin-openpgp.asc");
pub const ERIN_FINGERPRINT: &str = "openpgp:EFFE5611D010CC41AD1CDE17A72080B3291E6719";
pub const MALLORY_FINGERPRINT: &str = "openpgp:DBD05A09FB19B7373F61E03082BB4CB1E95076C1";

pub const BY_ALICE: &[u8] = include_bytes!("../seeds/armor/alice");
pub const BY_BOB: &[u8] = include_bytes!("../seeds/armor/bob");
/// By Alice's key with a certificate of the authority for `alice@example.com`.
pub const BY_CERTIFICATE: &[u8] = include_bytes!("../seeds/armor/alice-certified");
pub const BY_MALLORY: &[u8] = include_bytes!("../seeds/armor/mallory");
pub const BY_DAVE: &[u8] = include_bytes!("../seeds/armor/dave");
pub const BY_ERIN: &[u8] = include_bytes!("../seeds/armor/erin");
pub const BY_MALLORY_OPENPGP: &[u8] = include_bytes!("../seeds/armor/mallory-openpgp");

/// 2027-01-15: after all that is signed here.
pub const NOW: Timestamp = Timestamp(1_800_000_000);

pub const WHEN: When = When { now: NOW, received: None, verify_time: VerifyTime::Receipt, grace: 0, stated: None };

pub fn one<'a>(payload: &'a [u8], signature: &'a [u8]) -> Slot<'a> {
    Slot::One(Signed { payload: payload.into(), signature: signature.into() })
}

/// Verifies a signature over any payload.
pub fn verified(payload: &[u8], armor: &[u8]) -> Signature {
    signature::verify(&one(payload, armor), REGISTRY.certificates())
}

pub fn is_good(payload: &[u8], armor: &[u8]) -> bool {
    matches!(verified(payload, armor), Signature::Verified(_))
}

/// `allowed_signers` of Alice, Bob and the authority.
pub fn allowed() -> String {
    format!("alice@example.com {ALICE}bob@example.com {BOB}*@example.com cert-authority,namespaces=\"git\" {AUTHORITY}")
}

pub fn certificates(files: &[&[u8]]) -> Certificates {
    let mut certificates = Certificates::default();
    for file in files {
        certificates.add_file(file).unwrap();
    }
    certificates
}

/// Dave's, beside an input that is about him: judging certificates takes most of the time.
pub fn certificates_for(input: &[u8]) -> Certificates {
    let is_about_dave = contains(input, b"dave") || contains(input, b"openpgp:");
    certificates(if is_about_dave { &[DAVE] } else { &[] })
}

/// Alice, Bob, Dave, Erin and the authority.
pub fn parts() -> Parts {
    Parts { allowed_signers: allowed().into(), certificates: certificates(&[DAVE, ERIN]), ..Parts::default() }
}

pub static REGISTRY: LazyLock<Registry> =
    LazyLock::new(|| Registry::from_parts(Path::new("registry"), parts(), &TimeZone::UTC).unwrap());

/// All SSH signatures that are good but for whose they are, each with the key that has to be registered for it.
pub static BY_SSH: LazyLock<[(Signature, &'static str); 4]> = LazyLock::new(|| {
    [(BY_ALICE, ALICE), (BY_BOB, BOB), (BY_CERTIFICATE, AUTHORITY), (BY_MALLORY, MALLORY)].map(|(armor, key)| {
        let signature = verified(PAYLOAD, armor);
        assert!(matches!(signature, Signature::Verified(_)), "{signature:?}");
        (signature, key)
    })
});

/// All OpenPGP signatures over the payload; Dave's and Erin's are good.
pub static BY_OPENPGP: LazyLock<[Signature; 3]> =
    LazyLock::new(|| [BY_DAVE, BY_ERIN, BY_MALLORY_OPENPGP].map(|armor| verified(PAYLOAD, armor)));

/// Judges by the known registry; whatever is said of it can be shown.
pub fn judged(signature: &Signature) -> Attribution {
    let attribution = REGISTRY.attribute(signature, &WHEN);
    if let Attribution::NotGood(fault) = &attribution {
        super::assert_escapable(fault.detail.as_deref().unwrap_or_default());
    }
    attribution
}

/// Signs with the key of `authority`.
pub fn sign_as_authority(bytes: &[u8]) -> Vec<u8> {
    static PAIR: LazyLock<Ed25519KeyPair> = LazyLock::new(|| pair(include_str!("../keys/authority"), AUTHORITY));
    PAIR.sign(bytes).as_ref().to_vec()
}

/// Signs with Alice's key.
pub fn sign_as_alice(bytes: &[u8]) -> Vec<u8> {
    static PAIR: LazyLock<Ed25519KeyPair> =
        LazyLock::new(|| pair(include_str!("../../fixtures/keys/alice-ssh"), ALICE));
    PAIR.sign(bytes).as_ref().to_vec()
}

/// In the private part of the file, seed and public key follow each other (OpenSSH's PROTOCOL.key).
fn pair(private: &str, public: &str) -> Ed25519KeyPair {
    let (private, public) = (wire::private_key(private), wire::public_key(public));
    let point = &public[public.len() - 32..];
    let seed = private.windows(64).rev().find(|window| window.ends_with(point)).unwrap();
    Ed25519KeyPair::from_seed_and_public_key(&seed[..32], point).unwrap()
}
