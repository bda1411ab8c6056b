//! Signatures by FIDO tokens (OpenSSH's PROTOCOL.u2f), made here: there is no hardware.

use super::{Certificates, Defect, Home, PAYLOAD, Signature, bad, good, ssh::armored, verify_with};
use aws_lc_rs::{
    digest::{self, SHA256, SHA512},
    rand::SystemRandom,
    signature::{ECDSA_P256_SHA256_FIXED_SIGNING, EcdsaKeyPair, Ed25519KeyPair, KeyPair},
};
use countersign::{
    push::Timestamp,
    registry::{Attribution, Registry, VerifyTime, When},
    signature::{Format, UserCheck},
    trusted::TrustedFiles,
};
use jiff::tz::TimeZone;
use ssh_key::encoding::base64::{Base64, Encoding};

const APPLICATION: &[u8] = b"ssh:";

fn string(bytes: &[u8]) -> Vec<u8> {
    [&u32::try_from(bytes.len()).unwrap().to_be_bytes()[..], bytes].concat()
}

fn mpint(bytes: &[u8]) -> Vec<u8> {
    let zeros = bytes.iter().take_while(|&&byte| byte == 0).count();
    let sign: &[u8] = if bytes[zeros] & 0x80 == 0 { &[] } else { &[0] };
    string(&[sign, &bytes[zeros..]].concat())
}

/// What a key signs in SSHSIG.
fn signed_data() -> Vec<u8> {
    let sum = digest::digest(&SHA512, PAYLOAD);
    [b"SSHSIG".to_vec(), string(b"git"), string(b""), string(b"sha512"), string(sum.as_ref())].concat()
}

fn sshsig(key: &[u8], signature: &[u8]) -> Vec<u8> {
    let fields = [string(key), string(b"git"), string(b""), string(b"sha512"), string(signature)].concat();
    armored(&[&b"SSHSIG\0\0\0\x01"[..], &fields].concat())
}

fn token_data(flags: u8) -> Vec<u8> {
    let sum = |bytes: &[u8]| digest::digest(&SHA256, bytes).as_ref().to_vec();
    [sum(APPLICATION), vec![flags], 7u32.to_be_bytes().to_vec(), sum(&signed_data())].concat()
}

const ED25519: &[u8] = b"sk-ssh-ed25519@openssh.com";

fn ed25519() -> Ed25519KeyPair {
    Ed25519KeyPair::from_seed_unchecked(&[9; 32]).unwrap()
}

fn ed25519_key() -> Vec<u8> {
    [string(ED25519), string(ed25519().public_key().as_ref()), string(APPLICATION)].concat()
}

fn ed25519_field(flags_signed: u8, flags_said: u8) -> Vec<u8> {
    let signature = ed25519().sign(&token_data(flags_signed));
    [string(ED25519), string(signature.as_ref()), vec![flags_said], 7u32.to_be_bytes().to_vec()].concat()
}

fn by_ed25519(flags_signed: u8, flags_said: u8) -> Vec<u8> {
    sshsig(&ed25519_key(), &ed25519_field(flags_signed, flags_said))
}

fn by_ecdsa(flags: u8) -> Vec<u8> {
    let pair = EcdsaKeyPair::generate(&ECDSA_P256_SHA256_FIXED_SIGNING).unwrap();
    let name = b"sk-ecdsa-sha2-nistp256@openssh.com";
    let key = [string(name), string(b"nistp256"), string(pair.public_key().as_ref()), string(APPLICATION)].concat();
    let signature = pair.sign(&SystemRandom::new(), &token_data(flags)).unwrap();
    let (r, s) = signature.as_ref().split_at(32);
    let field = [string(name), string(&[mpint(r), mpint(s)].concat()), vec![flags], 7u32.to_be_bytes().to_vec()];
    sshsig(&key, &field.concat())
}

fn verify(armor: &[u8]) -> Signature {
    verify_with(&Certificates::default(), PAYLOAD, armor)
}

#[test]
fn a_touch_and_a_pin_are_told_apart() {
    for make in [|flags| by_ed25519(flags, flags), by_ecdsa] {
        assert_eq!(good(verify(&make(0x01))).user_check(), Some(UserCheck::Presence));
        assert_eq!(good(verify(&make(0x05))).user_check(), Some(UserCheck::Verification));
        assert_eq!(good(verify(&make(0x81))).user_check(), Some(UserCheck::Presence));
    }
}

#[test]
fn no_touch_is_bad_even_where_ssh_keygen_takes_it() {
    let home = Home::new();
    for armor in [by_ed25519(0, 0), by_ecdsa(0), by_ed25519(4, 4)] {
        home.write("sig", &armor);
        home.ok("ssh-keygen", &["-Y", "check-novalidate", "-n", "git", "-s", "sig"], PAYLOAD);
        assert_eq!(bad(verify(&armor)).defect, Defect::Improper("its security key was not touched".into()));
    }
}

#[test]
fn flags_are_what_was_signed() {
    good(verify(&by_ed25519(1, 1)));
    assert_eq!(bad(verify(&by_ed25519(0, 1))).defect, Defect::DoesNotVerify);
    assert_eq!(bad(verify(&by_ed25519(1, 5))).defect, Defect::DoesNotVerify);
}

#[test]
fn a_certified_security_key_is_still_one() {
    let home = Home::new();
    home.ok("ssh-keygen", &["-q", "-t", "ed25519", "-N", "", "-f", "ca"], b"");
    let line = format!("sk-ssh-ed25519@openssh.com {}\n", Base64::encode_string(&ed25519_key()));
    home.write("token.pub", line.as_bytes());
    home.ok("ssh-keygen", &["-q", "-s", "ca", "-I", "id", "-n", "alice", "token.pub"], b"");
    let line = std::fs::read_to_string(home.join("token-cert.pub")).unwrap();
    let certificate = Base64::decode_vec(line.split(' ').nth(1).unwrap()).unwrap();
    let verified = good(verify(&sshsig(&certificate, &ed25519_field(5, 5))));
    assert_eq!((verified.format(), verified.user_check()), (Format::SshCert, Some(UserCheck::Verification)));
    let plain = good(verify(&by_ed25519(1, 1)));
    assert_eq!(verified.key(), plain.key());
    let untouched = bad(verify(&sshsig(&certificate, &ed25519_field(0, 0)))).defect;
    assert_eq!(untouched, Defect::Improper("its security key was not touched".into()));
}

#[test]
fn an_authority_that_asks_for_a_pin_gets_one() {
    let home = Home::new();
    home.ok("ssh-keygen", &["-q", "-t", "ed25519", "-N", "", "-f", "ca"], b"");
    let line = format!("sk-ssh-ed25519@openssh.com {}\n", Base64::encode_string(&ed25519_key()));
    std::fs::create_dir(home.join("registry")).unwrap();
    let authority = std::fs::read_to_string(home.join("ca.pub")).unwrap();
    home.write("registry/allowed_signers", format!("alice cert-authority {authority}").as_bytes());
    let registry =
        Registry::load(&TrustedFiles::new(&[]).unwrap(), &home.join("registry"), &[], &TimeZone::UTC).unwrap();
    let judged = |options: &[&str], flags: u8| {
        home.write("token.pub", line.as_bytes());
        home.ok("ssh-keygen", &[&["-q", "-s", "ca", "-I", "id", "-n", "alice"], options, &["token.pub"]].concat(), b"");
        let line = std::fs::read_to_string(home.join("token-cert.pub")).unwrap();
        let certificate = Base64::decode_vec(line.split(' ').nth(1).unwrap()).unwrap();
        let now = Timestamp(1_790_000_000);
        let when = When { now, received: None, verify_time: VerifyTime::Receipt, grace: 0, stated: None };
        let signature = verify(&sshsig(&certificate, &ed25519_field(flags, flags)));
        match registry.attribute(&signature, &when) {
            Attribution::NotGood(fault) => format!("{}: {}", fault.status.name(), fault.detail.unwrap_or_default()),
            other => other.status_name().to_owned(),
        }
    };
    let required = ["-O", "verify-required"];
    let unverified = "bad: its certificate demands that the security key verify its user, and it did not";
    assert_eq!(judged(&required, 1), unverified);
    assert_eq!(judged(&required, 5), "good");
    assert_eq!(judged(&[], 1), "good");
    // What a certificate lets one leave out, policies do not.
    assert_eq!(judged(&["-O", "no-touch-required"], 0), "bad: its security key was not touched");
}
