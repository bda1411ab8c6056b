//! SSHSIG by ssh-keygen.

use super::{Bad, Certificates, Defect, Home, PAYLOAD, Signature, bad, good, verify_with};
use countersign::{
    push::Timestamp,
    signature::{Evidence, Fingerprint, Format},
};
use ssh_key::encoding::base64::{Base64, Encoding};
use std::fs;

fn verify(payload: &[u8], armor: &[u8]) -> Signature {
    verify_with(&Certificates::default(), payload, armor)
}

impl Home {
    fn keygen(&self, name: &str, options: &[&str]) {
        let arguments = [&["-q", "-N", "", "-C", name, "-f", name], options].concat();
        self.ok("ssh-keygen", &arguments, b"");
    }

    /// Signs with the key or certificate in that file.
    fn sign(&self, file: &str, options: &[&str], payload: &[u8]) -> Vec<u8> {
        self.ok("ssh-keygen", &[&["-q", "-Y", "sign", "-f", file], options].concat(), payload)
    }

    fn fingerprint(&self, name: &str) -> String {
        let line = self.ok("ssh-keygen", &["-l", "-f", &format!("{name}.pub")], b"");
        String::from_utf8(line).unwrap().split(' ').nth(1).unwrap().to_owned()
    }

    /// What ssh-keygen says of a signature, whoever's it is.
    fn ssh_keygen_accepts(&self, payload: &[u8], armor: &[u8]) -> bool {
        self.write("oracle.sig", armor);
        let arguments = ["-Y", "check-novalidate", "-n", "git", "-s", "oracle.sig"];
        self.run("ssh-keygen", &arguments, payload).status.success()
    }
}

pub(super) fn dearmor(armor: &[u8]) -> Vec<u8> {
    let text = std::str::from_utf8(armor).unwrap();
    let base64: String = text.lines().filter(|line| !line.starts_with("-----")).collect();
    Base64::decode_vec(&base64).unwrap()
}

pub(super) fn armored(blob: &[u8]) -> Vec<u8> {
    let base64 = Base64::encode_string(blob);
    let lines: Vec<_> = base64.as_bytes().chunks(70).map(|line| std::str::from_utf8(line).unwrap()).collect();
    format!("-----BEGIN SSH SIGNATURE-----\n{}\n-----END SSH SIGNATURE-----\n", lines.join("\n")).into_bytes()
}

fn defect(signature: Signature) -> Defect {
    bad(signature).defect
}

#[test]
fn every_key_type_and_hash_verifies_as_ssh_keygen_says() {
    let home = Home::new();
    for (name, options) in [
        ("ed25519", &["-t", "ed25519"][..]),
        ("p256", &["-t", "ecdsa", "-b", "256"]),
        ("p384", &["-t", "ecdsa", "-b", "384"]),
        ("p521", &["-t", "ecdsa", "-b", "521"]),
        ("rsa2048", &["-t", "rsa", "-b", "2048"]),
        ("rsa4096", &["-t", "rsa", "-b", "4096"]),
    ] {
        home.keygen(name, options);
        for hash in ["hashalg=sha256", "hashalg=sha512"] {
            let armor = home.sign(name, &["-n", "git", "-O", hash], PAYLOAD);
            assert!(home.ssh_keygen_accepts(PAYLOAD, &armor));
            let verified = good(verify(PAYLOAD, &armor));
            assert_eq!(verified.key().to_string(), home.fingerprint(name));
            assert_eq!(Fingerprint::parse(&home.fingerprint(name)).as_ref(), Some(verified.key()));
            assert_eq!((verified.format(), verified.stated_time(), verified.user_check()), (Format::Ssh, None, None));

            let other = [PAYLOAD, b"x"].concat();
            assert!(!home.ssh_keygen_accepts(&other, &armor));
            let bad = bad(verify(&other, &armor));
            let key = Some(verified.key().clone());
            assert_eq!(bad, Bad { defect: Defect::DoesNotVerify, format: Some(Format::Ssh), key, made: None });
        }
    }
}

#[test]
fn an_empty_and_a_large_payload_verify() {
    let home = Home::new();
    home.keygen("key", &["-t", "ed25519"]);
    for payload in [vec![], vec![b'x'; 5 << 20]] {
        good(verify(&payload, &home.sign("key", &["-n", "git"], &payload)));
    }
}

#[test]
fn no_byte_of_payload_or_signature_can_change() {
    let home = Home::new();
    home.keygen("ca", &["-t", "ecdsa"]);
    for (name, options) in
        [("ed25519", &["-t", "ed25519"][..]), ("ecdsa", &["-t", "ecdsa"]), ("rsa", &["-t", "rsa", "-b", "2048"])]
    {
        home.keygen(name, options);
        home.ok("ssh-keygen", &["-q", "-s", "ca", "-I", "id", "-n", "alice", &format!("{name}.pub")], b"");
        for file in [name.to_owned(), format!("{name}-cert.pub")] {
            let armor = home.sign(&file, &["-n", "git"], PAYLOAD);
            let blob = dearmor(&armor);
            assert_eq!(armored(&blob), armor);
            good(verify(PAYLOAD, &armored(&blob)));
            for at in 0..PAYLOAD.len() {
                let mut payload = PAYLOAD.to_vec();
                payload[at] ^= 1 << (at % 8);
                assert_eq!(defect(verify(&payload, &armor)), Defect::DoesNotVerify);
            }
            for at in 0..blob.len() {
                let mut blob = blob.clone();
                blob[at] ^= 1 << (at % 8);
                bad(verify(PAYLOAD, &armored(&blob)));
            }
            for length in 0..blob.len() {
                bad(verify(PAYLOAD, &armored(&blob[..length])));
            }
        }
    }
}

#[test]
fn weak_keys_are_weak_whatever_they_sign() {
    let home = Home::new();
    home.keygen("rsa1024", &["-t", "rsa", "-b", "1024"]);
    home.keygen("rsa2047", &["-t", "rsa", "-b", "2047"]);
    home.keygen("dsa", &["-t", "dsa"]);
    for (name, why) in [("rsa1024", "RSA of 1024 bits"), ("rsa2047", "RSA of 2047 bits"), ("dsa", "DSA")] {
        let armor = home.sign(name, &["-n", "git"], PAYLOAD);
        let bad = bad(verify(PAYLOAD, &armor));
        assert_eq!(bad.defect, Defect::Weak(why.into()));
        assert_eq!(bad.key.unwrap().to_string(), home.fingerprint(name));
    }
}

#[test]
fn a_signature_for_another_use_is_none() {
    let home = Home::new();
    home.keygen("key", &["-t", "ed25519"]);
    for namespace in ["file", "Git", "git ", "git@example.com"] {
        let armor = home.sign("key", &["-n", namespace], PAYLOAD);
        assert!(!home.ssh_keygen_accepts(PAYLOAD, &armor));
        let why = format!("is made for the namespace `{namespace}`, not `git`");
        assert_eq!(defect(verify(PAYLOAD, &armor)), Defect::Malformed(why));
    }
    good(verify(PAYLOAD, &home.sign("key", &["-n", "git"], PAYLOAD)));
}

fn string(bytes: &[u8]) -> Vec<u8> {
    [&u32::try_from(bytes.len()).unwrap().to_be_bytes()[..], bytes].concat()
}

/// Replaces what stands once in the signature.
fn replaced(armor: &[u8], old: &[u8], new: &[u8]) -> Vec<u8> {
    let blob = dearmor(armor);
    let places: Vec<_> = (0..blob.len()).filter(|&at| blob[at..].starts_with(old)).collect();
    assert_eq!(places.len(), 1);
    armored(&[&blob[..places[0]], new, &blob[places[0] + old.len()..]].concat())
}

#[test]
fn the_envelope_is_read_strictly() {
    let home = Home::new();
    home.keygen("key", &["-t", "ed25519"]);
    let armor = home.sign("key", &["-n", "git"], PAYLOAD);
    good(verify(PAYLOAD, &armor));
    let malformed = |why: &str| Defect::Malformed(why.into());
    let hash = string(b"sha512");
    for (changed, why) in [
        (replaced(&armor, b"SSHSIG\0\0\0\x01", b"SSHSIG\0\0\0\x02"), Defect::Unsupported("SSHSIG version 2".into())),
        (replaced(&armor, b"SSHSIG\0\0\0\x01", b"SSHSIG\0\0\0\0"), Defect::Unsupported("SSHSIG version 0".into())),
        (replaced(&armor, b"SSHSIG", b"SSHSIH"), malformed("does not begin with `SSHSIG`")),
        (replaced(&armor, &hash, &string(b"sha1")), Defect::Weak("hash `sha1`".into())),
        (replaced(&armor, &hash, &string(b"sha384")), malformed("hash `sha384`")),
        (replaced(&armor, &hash, &string(b"sha256")), Defect::DoesNotVerify),
        (armored(&[&dearmor(&armor)[..], b"\0"].concat()), malformed("something follows its last field")),
        ([&armor[..], b"hello\n"].concat(), malformed("something follows its armor")),
        ([&armor[..], &armor].concat(), Defect::Ambiguous),
    ] {
        assert_eq!(defect(verify(PAYLOAD, &changed)), why);
    }
    // The reserved field is to be ignored, and is signed.
    let reserved = [string(b"git"), string(b"")].concat();
    let changed = replaced(&armor, &reserved, &[string(b"git"), string(b"x")].concat());
    assert_eq!(defect(verify(PAYLOAD, &changed)), Defect::DoesNotVerify);
    // Blank lines after it, and line ends of another system, change nothing.
    good(verify(PAYLOAD, &[&armor[..], b"\n\n"].concat()));
    good(verify(PAYLOAD, &String::from_utf8(armor).unwrap().replace('\n', "\r\n").into_bytes()));
}

#[test]
fn rsa_signs_with_sha2_only_and_keys_only_as_their_type() {
    let home = Home::new();
    home.keygen("rsa", &["-t", "rsa", "-b", "2048"]);
    let armor = home.sign("rsa", &["-n", "git"], PAYLOAD);
    good(verify(PAYLOAD, &armor));
    let name = string(b"rsa-sha2-512");
    let other = |new: &[u8]| defect(verify(PAYLOAD, &sized(&replaced(&armor, &name, &string(new)))));
    assert_eq!(other(b"ssh-rsa"), Defect::Weak("RSA with SHA-1".into()));
    assert_eq!(other(b"rsa-sha2-256"), Defect::DoesNotVerify);
    let mixed = "its signature is of the type `ssh-ed25519`, its key of the type `ssh-rsa`";
    assert_eq!(other(b"ssh-ed25519"), Defect::Malformed(mixed.into()));
}

/// Mends the length of the last field after a change within it.
fn sized(armor: &[u8]) -> Vec<u8> {
    let mut blob = dearmor(armor);
    let mut at = 10;
    for _ in 0..4 {
        at += 4 + u32::from_be_bytes(blob[at..at + 4].try_into().unwrap()) as usize;
    }
    let length = u32::try_from(blob.len() - at - 4).unwrap();
    blob[at..at + 4].copy_from_slice(&length.to_be_bytes());
    armored(&blob)
}

#[test]
fn certificates_of_every_authority_are_read() {
    let home = Home::new();
    home.keygen("user", &["-t", "ed25519"]);
    for (ca, options) in [
        ("ca-ed25519", &["-t", "ed25519"][..]),
        ("ca-p256", &["-t", "ecdsa", "-b", "256"]),
        ("ca-p384", &["-t", "ecdsa", "-b", "384"]),
        ("ca-p521", &["-t", "ecdsa", "-b", "521"]),
        ("ca-rsa", &["-t", "rsa", "-b", "3072"]),
    ] {
        home.keygen(ca, options);
        let options = ["-q", "-s", ca, "-I", "alice's laptop", "-n", "alice@example.com,alice", "-z", "42"];
        let window = ["-V", "20260101000000Z:20270101000000Z", "-O", "force-command=/bin/true", "user.pub"];
        // 9.2 takes no `Z`; the time zone of the tests is UTC.
        let window = [window[0], "20260101000000:20270101000000", window[2], window[3], window[4]];
        home.ok("ssh-keygen", &[&options[..], &window].concat(), b"");
        let armor = home.sign("user-cert.pub", &["-n", "git"], PAYLOAD);
        assert!(home.ssh_keygen_accepts(PAYLOAD, &armor));
        let verified = good(verify(PAYLOAD, &armor));
        assert_eq!(verified.format(), Format::SshCert);
        assert_eq!(verified.key().to_string(), home.fingerprint("user"));
        let Evidence::SshCert(certificate) = verified.evidence() else { panic!() };
        assert_eq!(certificate.authority.fingerprint().to_string(), home.fingerprint(ca));
        assert_eq!(certificate.subject.fingerprint(), *verified.key());
        assert_eq!((certificate.is_user, certificate.serial, &*certificate.key_id), (true, 42, "alice's laptop"));
        assert_eq!(certificate.principals, ["alice@example.com", "alice"]);
        assert_eq!(certificate.critical_options, ["force-command"]);
        let window = (certificate.valid_after, certificate.valid_before);
        assert_eq!(window, (Timestamp(1_767_225_600), Timestamp(1_798_761_600)));
    }
}

#[test]
fn a_host_certificate_that_never_ends_says_so() {
    let home = Home::new();
    home.keygen("user", &["-t", "ecdsa"]);
    home.keygen("ca", &["-t", "ed25519"]);
    home.ok("ssh-keygen", &["-q", "-h", "-s", "ca", "-I", "host", "user.pub"], b"");
    let verified = good(verify(PAYLOAD, &home.sign("user-cert.pub", &["-n", "git"], PAYLOAD)));
    let Evidence::SshCert(certificate) = verified.evidence() else { panic!() };
    assert!(!certificate.is_user);
    assert_eq!((certificate.valid_after, certificate.valid_before), (Timestamp(0), Timestamp(i64::MAX)));
    assert!(certificate.principals.is_empty() && certificate.critical_options.is_empty());
}

#[test]
fn an_authority_must_sign_strongly() {
    let home = Home::new();
    home.keygen("user", &["-t", "ed25519"]);
    home.keygen("ca", &["-t", "rsa", "-b", "2048"]);
    home.keygen("small", &["-t", "rsa", "-b", "1024"]);
    for (options, why) in [
        (&["-t", "ssh-rsa", "-s", "ca"][..], Some("its certificate is signed with RSA with SHA-1")),
        (&["-t", "rsa-sha2-256", "-s", "small"], Some("its certificate is signed with RSA of 1024 bits")),
        (&["-t", "rsa-sha2-256", "-s", "ca"], None),
    ] {
        home.ok("ssh-keygen", &[&["-q"], options, &["-I", "id", "-n", "alice", "user.pub"]].concat(), b"");
        let verified = verify(PAYLOAD, &home.sign("user-cert.pub", &["-n", "git"], PAYLOAD));
        match why {
            Some(why) => {
                let bad = bad(verified);
                assert_eq!((bad.defect, bad.format), (Defect::Weak(why.into()), Some(Format::SshCert)));
            }
            None => assert_eq!(good(verified).format(), Format::SshCert),
        }
    }
}

#[test]
fn a_certificate_that_its_authority_did_not_sign_is_bad() {
    let home = Home::new();
    home.keygen("user", &["-t", "ed25519"]);
    home.keygen("ca", &["-t", "ed25519"]);
    home.ok("ssh-keygen", &["-q", "-s", "ca", "-I", "id", "-n", "alice", "user.pub"], b"");
    let armor = home.sign("user-cert.pub", &["-n", "git"], PAYLOAD);
    good(verify(PAYLOAD, &armor));
    let why = "the authority's signature on its certificate does not verify";
    assert_eq!(defect(verify(PAYLOAD, &replaced(&armor, b"alice", b"carol"))), Defect::Improper(why.into()));
}

#[test]
fn public_keys_are_read_as_ssh_keygen_writes_them() {
    use countersign::signature::ssh::PublicKey;
    let home = Home::new();
    for (name, options) in [
        ("ed25519", &["-t", "ed25519"][..]),
        ("p521", &["-t", "ecdsa", "-b", "521"]),
        ("rsa", &["-t", "rsa", "-b", "2048"]),
        ("dsa", &["-t", "dsa"]),
    ] {
        home.keygen(name, options);
        let line = fs::read_to_string(home.join(&format!("{name}.pub"))).unwrap();
        let mut fields = line.split(' ');
        let (algorithm, base64) = (fields.next().unwrap(), fields.next().unwrap());
        let key = PublicKey::from_fields(algorithm, base64).unwrap();
        assert_eq!((key.algorithm(), key.fingerprint().to_string()), (algorithm, home.fingerprint(name)));
    }
}
