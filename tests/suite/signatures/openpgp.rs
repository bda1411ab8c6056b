//! Signatures by GnuPG.

use super::{Certificates, Defect, Home, PAYLOAD, Verified, bad, good, verify_with};
use countersign::{
    push::Timestamp,
    signature::{
        Evidence, Fingerprint, Format,
        openpgp::{OfOtherVersion, Validity},
    },
};
use std::{fs, path::Path};

const DAY: i64 = 86_400;
/// 2026-01-01T00:00:00Z.
const NEW_YEAR: Timestamp = Timestamp(1_767_225_600);

impl Drop for Home {
    fn drop(&mut self) {
        if self.join("private-keys-v1.d").exists() {
            self.run("gpgconf", &["--kill", "all"], b"");
        }
    }
}

impl Home {
    fn gpg(&self, arguments: &[&str], input: &[u8]) -> Vec<u8> {
        self.ok("gpg", &[&QUIET[..], arguments].concat(), input)
    }

    /// With the clock at a time.
    fn gpg_at(&self, time: Timestamp, arguments: &[&str], input: &[u8]) -> Vec<u8> {
        let clock = format!("{}!", time.0);
        self.gpg(&[&["--faked-system-time", &clock], arguments].concat(), input)
    }

    /// A key with the user ID `<name>@example.com`; its fingerprint.
    fn key(&self, name: &str, algorithm: &str) -> String {
        self.key_at(NEW_YEAR, name, algorithm, "never")
    }

    fn key_at(&self, time: Timestamp, name: &str, algorithm: &str, expires: &str) -> String {
        let user = format!("{name}@example.com");
        self.gpg_at(time, &["--quick-gen-key", &user, algorithm, "cert,sign", expires], b"");
        self.fingerprints(name).remove(0)
    }

    /// Of the primary key and its subkeys.
    fn fingerprints(&self, name: &str) -> Vec<String> {
        let listed = self.gpg(&["--with-colons", "--list-keys", &format!("{name}@example.com")], b"");
        let lines = String::from_utf8(listed).unwrap();
        lines
            .lines()
            .filter(|line| line.starts_with("fpr:"))
            .map(|line| line.split(':').nth(9).unwrap().into())
            .collect()
    }

    fn sign_at(&self, time: Timestamp, key: &str, options: &[&str]) -> Vec<u8> {
        self.gpg_at(time, &[options, &["-u", key, "--armor", "--detach-sign"]].concat(), PAYLOAD)
    }

    fn export(&self, options: &[&str]) -> Vec<u8> {
        self.gpg(&[options, &["--export"]].concat(), b"")
    }

    /// What gpg says of a signature, by the keys it has made here.
    fn gpg_accepts(&self, time: Timestamp, payload: &[u8], armor: &[u8]) -> bool {
        self.write("payload", payload);
        self.write("payload.asc", armor);
        let clock = format!("{}!", time.0);
        let arguments = ["--faked-system-time", &clock, "--verify", "payload.asc", "payload"];
        self.run("gpg", &[&QUIET[..], &arguments].concat(), b"").status.success()
    }
}

const QUIET: [&str; 9] = [
    "--batch",
    "--quiet",
    "--no-tty",
    "--yes",
    "--pinentry-mode",
    "loopback",
    "--passphrase",
    "",
    "--no-auto-check-trustdb",
];

fn certificates(file: &[u8]) -> Certificates {
    let mut certificates = Certificates::default();
    certificates.add_file(file).unwrap();
    certificates
}

fn after(days: i64) -> Timestamp {
    Timestamp(NEW_YEAR.0 + days * DAY)
}

fn validity(verified: &Verified, at: Timestamp) -> Validity {
    let Evidence::OpenPgp(signed_by) = verified.evidence() else { panic!() };
    signed_by.validity(at, at)
}

fn named(hex: &str) -> Fingerprint {
    Fingerprint::parse(&format!("openpgp:{hex}")).unwrap()
}

#[test]
fn every_algorithm_and_hash_verifies_as_gpg_says() {
    let home = Home::new();
    // GnuPG makes no ECDSA signature over a digest that is shorter than the curve.
    for (name, hashes) in [
        ("rsa2048", &["SHA224", "SHA256", "SHA384", "SHA512"][..]),
        ("rsa4096", &["SHA256", "SHA512"]),
        ("ed25519", &["SHA256", "SHA384", "SHA512"]),
        ("nistp256", &["SHA256", "SHA384", "SHA512"]),
        ("nistp384", &["SHA384", "SHA512"]),
        ("nistp521", &["SHA512"]),
    ] {
        let key = home.key(name, name);
        let certificates = certificates(&home.export(&["--armor"]));
        for hash in hashes {
            let armor = home.sign_at(after(1), &key, &["--digest-algo", hash]);
            assert!(home.gpg_accepts(after(2), PAYLOAD, &armor), "{name} {hash}");
            let verified = good(verify_with(&certificates, PAYLOAD, &armor));
            assert_eq!(verified.key().to_string(), format!("openpgp:{key}"));
            assert_eq!((verified.format(), verified.stated_time()), (Format::OpenPgp, Some(after(1))));
            assert_eq!(validity(&verified, after(2)), Validity::Good);

            let other = [PAYLOAD, b"x"].concat();
            assert!(!home.gpg_accepts(after(2), &other, &armor));
            let bad = bad(verify_with(&certificates, &other, &armor));
            assert_eq!(
                (bad.defect, bad.format, bad.key),
                (Defect::DoesNotVerify, Some(Format::OpenPgp), Some(named(&key)))
            );
        }
    }
}

#[test]
fn weak_keys_and_hashes_are_weak_whatever_they_sign() {
    let home = Home::new();
    let strong = home.key("strong", "rsa2048");
    for (name, algorithm, options, why) in [
        ("dsa", "dsa2048", &[][..], "DSA"),
        ("rsa1024", "rsa1024", &[], "RSA of 1024 bits"),
        ("strong", "", &["--digest-algo", "SHA1"], "SHA-1"),
        ("strong", "", &["--digest-algo", "RIPEMD160"], "RIPEMD-160"),
    ] {
        let key = if algorithm.is_empty() { strong.clone() } else { home.key(name, algorithm) };
        let armor = home.sign_at(after(1), &key, options);
        let bad = bad(verify_with(&certificates(&home.export(&[])), PAYLOAD, &armor));
        assert_eq!(bad.defect, Defect::Weak(why.into()));
        assert_eq!(bad.key, Some(named(&key)));
    }
    good(verify_with(&certificates(&home.export(&[])), PAYLOAD, &home.sign_at(after(1), &strong, &[])));
}

#[test]
fn a_certificate_bound_together_with_sha1_is_weak() {
    let home = Home::new();
    home.gpg_at(
        NEW_YEAR,
        &["--cert-digest-algo", "SHA1", "--quick-gen-key", "old@example.com", "rsa2048", "cert,sign"],
        b"",
    );
    let armor = home.sign_at(after(1), "old@example.com", &[]);
    let defect = bad(verify_with(&certificates(&home.export(&[])), PAYLOAD, &armor)).defect;
    assert_eq!(defect, Defect::Weak("its certificate is bound together with SHA-1 or MD5".into()));
    // Bound anew, by the same key.
    home.gpg_at(after(2), &["--quick-set-expire", &home.fingerprints("old")[0], "5y"], b"");
    good(verify_with(&certificates(&home.export(&[])), PAYLOAD, &armor));
}

#[test]
fn a_curve_that_is_not_done_is_unsupported() {
    let home = Home::new();
    let key = home.key("brainpool", "brainpoolP256r1");
    let armor = home.sign_at(after(1), &key, &[]);
    let bad = bad(verify_with(&certificates(&home.export(&[])), PAYLOAD, &armor));
    assert!(matches!(&bad.defect, Defect::Unsupported(what) if what.contains("brainpoolP256r1")), "{bad:?}");
    assert_eq!(bad.key, Some(named(&key)));
}

#[test]
fn a_subkey_signs_for_its_certificate() {
    let home = Home::new();
    home.gpg_at(NEW_YEAR, &["--quick-gen-key", "alice@example.com", "ed25519", "cert", "never"], b"");
    let primary = home.fingerprints("alice").remove(0);
    home.gpg_at(NEW_YEAR, &["--quick-add-key", &primary, "ed25519", "sign", "10d"], b"");
    home.gpg_at(NEW_YEAR, &["--quick-add-key", &primary, "cv25519", "encr", "never"], b"");
    let armor = home.sign_at(after(1), &primary, &[]);
    let certificates = certificates(&home.export(&[]));
    let verified = good(verify_with(&certificates, PAYLOAD, &armor));
    assert_eq!(*verified.key(), named(&primary));
    assert_eq!(validity(&verified, after(9)), Validity::Good);
    assert_eq!(validity(&verified, after(10)), Validity::KeyExpired { end: after(10) });

    let summaries = certificates.summaries(after(1));
    // Not the one that encrypts.
    let keys: Vec<_> = home.fingerprints("alice").iter().take(2).map(|key| named(key)).collect();
    assert_eq!((summaries.len(), &summaries[0].fingerprint, &summaries[0].keys), (1, verified.key(), &keys));
    assert_eq!((&*summaries[0].emails, summaries[0].expires), (&["alice@example.com".to_owned()][..], Some(after(10))));
    assert_eq!((summaries[0].name.as_deref(), summaries[0].revoked), (Some("alice@example.com"), false));
}

#[test]
fn a_key_is_good_from_its_making_until_it_expires() {
    let home = Home::new();
    let key = home.key_at(NEW_YEAR, "alice", "ed25519", "10d");
    let armor = home.sign_at(after(1), &key, &[]);
    let verified = good(verify_with(&certificates(&home.export(&[])), PAYLOAD, &armor));
    assert!(home.gpg_accepts(after(9), PAYLOAD, &armor));
    assert_eq!(validity(&verified, after(9)), Validity::Good);
    assert_eq!(validity(&verified, after(11)), Validity::KeyExpired { end: after(10) });
    assert_eq!(validity(&verified, Timestamp(after(1).0 - 300)), Validity::Good);
    assert_eq!(validity(&verified, Timestamp(after(1).0 - 301)), Validity::SignatureInFuture);
    let Evidence::OpenPgp(signed_by) = verified.evidence() else { panic!() };
    assert_eq!(signed_by.validity(after(-1), after(2)), Validity::KeyNotYetValid);
    assert_eq!(signed_by.validity(after(1), after(400)), Validity::Good);
}

#[test]
fn a_renewed_key_is_good_also_for_what_it_signed_before() {
    let home = Home::new();
    let key = home.key_at(NEW_YEAR, "alice", "ed25519", "10d");
    let armor = home.sign_at(after(1), &key, &[]);
    home.gpg_at(after(20), &["--quick-set-expire", &key, "20d"], b"");
    for options in [&[][..], &["--export-options", "export-minimal"]] {
        let verified = good(verify_with(&certificates(&home.export(options)), PAYLOAD, &armor));
        assert_eq!(validity(&verified, after(1)), Validity::Good);
        assert_eq!(validity(&verified, after(21)), Validity::Good);
        assert_eq!(validity(&verified, after(41)), Validity::KeyExpired { end: after(40) });
    }
}

#[test]
fn a_signature_that_says_when_it_ends_does() {
    let home = Home::new();
    let key = home.key("alice", "ed25519");
    let armor = home.sign_at(after(1), &key, &["--default-sig-expire", "5d"]);
    let verified = good(verify_with(&certificates(&home.export(&[])), PAYLOAD, &armor));
    assert_eq!(validity(&verified, after(5)), Validity::Good);
    assert_eq!(validity(&verified, after(6)), Validity::SignatureExpired);
}

#[test]
fn a_revocation_without_a_reason_voids_all() {
    let home = Home::new();
    let key = home.key("alice", "ed25519");
    let armor = home.sign_at(after(1), &key, &[]);
    let before = home.export(&[]);
    // What gpg makes with every key, and the colon it puts before the armor so that nobody imports it by accident.
    let made = std::fs::read_to_string(home.join(&format!("openpgp-revocs.d/{key}.rev"))).unwrap();
    home.gpg_at(after(2), &["--import"], made.replace(":-----", "-----").as_bytes());
    assert_eq!(validity(&good(verify_with(&certificates(&before), PAYLOAD, &armor)), after(3)), Validity::Good);
    let after_all = certificates(&home.export(&[]));
    let verified = good(verify_with(&after_all, PAYLOAD, &armor));
    for at in [after(1), after(3)] {
        assert_eq!(validity(&verified, at), Validity::KeyRevoked);
        assert!(after_all.summaries(at)[0].revoked);
    }
    // Both files at once: one certificate, revoked.
    let mut both = certificates(&before);
    both.add_file(&home.export(&["--armor"])).unwrap();
    assert_eq!(both.summaries(after(3)).len(), 1);
    assert_eq!(validity(&good(verify_with(&both, PAYLOAD, &armor)), after(3)), Validity::KeyRevoked);
}

#[test]
fn no_byte_of_the_payload_can_change() {
    let home = Home::new();
    for algorithm in ["rsa2048", "ed25519", "nistp384"] {
        let key = home.key(algorithm, algorithm);
        let armor = home.sign_at(after(1), &key, &[]);
        let certificates = certificates(&home.export(&[]));
        good(verify_with(&certificates, PAYLOAD, &armor));
        for at in 0..PAYLOAD.len() {
            let mut payload = PAYLOAD.to_vec();
            payload[at] ^= 1 << (at % 8);
            assert_eq!(bad(verify_with(&certificates, &payload, &armor)).defect, Defect::DoesNotVerify);
        }
    }
}

#[test]
fn a_file_may_hold_any_number_of_certificates_in_any_form() {
    let home = Home::new();
    let (one, two) = (home.key("one", "ed25519"), home.key("two", "rsa2048"));
    let alone = |key: &str| home.gpg(&["--armor", "--export", key], b"");
    let both = home.export(&["--armor"]);
    let concatenated = [b"Alice, from her card:\n".to_vec(), alone(&one), b"\nBob:\n".to_vec(), alone(&two)].concat();
    let windows = String::from_utf8(both.clone()).unwrap().replace('\n', "\r\n").into_bytes();
    for file in [home.export(&[]), both, concatenated, windows] {
        let certificates = certificates(&file);
        let found: Vec<_> = certificates.summaries(after(1)).into_iter().map(|summary| summary.fingerprint).collect();
        assert_eq!(found, [named(&one), named(&two)]);
        for key in [&one, &two] {
            assert_eq!(*good(verify_with(&certificates, PAYLOAD, &home.sign_at(after(1), key, &[]))).key(), named(key));
        }
    }
}

#[test]
fn what_is_no_keyring_says_why() {
    let home = Home::new();
    let key = home.key("alice", "ed25519");
    let whole = home.export(&[]);
    let why = |file: &[u8]| Certificates::default().add_file(file).unwrap_err();
    assert_eq!(why(b""), "holds no certificate");
    assert_eq!(why(b"hello\n"), "holds no certificate");
    assert_eq!(why(&home.sign_at(after(1), &key, &[])), "has an armored block that is no public key, number 1");
    assert_eq!(why(&home.gpg(&["--armor", "--export-secret-keys"], b"")), "holds a secret key: export the public one");
    let secret = why(&home.gpg(&["--export-secret-keys"], b""));
    assert_eq!(secret, format!("holds the secret key of {key}: export the public one"));
    let armored = home.export(&["--armor"]);
    // A copy that ends too early may have lost a revocation, also where what is left of it is whole packets.
    let lines: Vec<_> = armored.split_inclusive(|&byte| byte == b'\n').collect();
    let checked = lines.iter().position(|line| line.starts_with(b"=")).unwrap();
    for end in [checked, checked + 1] {
        let cut = lines[..end].concat();
        assert!(why(&cut).starts_with("has an unreadable armored block, number 1"), "{}", why(&cut));
        let behind = [&cut[..], &armored].concat();
        assert!(why(&behind).starts_with("has an unreadable armored block, number 1"), "{}", why(&behind));
    }
    assert!(why(&armored[..armored.len() / 2]).starts_with("has an unreadable "));
    assert!(why(&[&armored[..], &armored[..armored.len() / 2]].concat()).starts_with("has an unreadable "));
    assert!(why(&whole[..whole.len() - 3]).starts_with("has an unreadable certificate, number 1: "));
    assert!(why(&[&whole[..], b"junk"].concat()).starts_with("has an unreadable certificate, number 1: "));
}

/// Made by GnuPG 2.4, of version 5.
const OF_VERSION_5: &str = "fixtures/wild/registry/openpgp/gpg-2.4-version-5.pgp";

#[test]
fn a_certificate_of_another_version_is_passed_over_and_the_others_of_its_file_are_read() {
    let home = Home::new();
    let (one, two) = (home.key("one", "ed25519"), home.key("two", "rsa2048"));
    let [first, second] = [&one, &two].map(|key| home.gpg(&["--export", key], b""));
    let other = fs::read(Path::new(env!("CARGO_MANIFEST_DIR")).join(OF_VERSION_5)).unwrap();
    let armored = home.gpg(&["--enarmor"], &[&first[..], &other, &second].concat());
    let armored = String::from_utf8(armored).unwrap().replace("ARMORED FILE", "PUBLIC KEY BLOCK").into_bytes();
    let user = Some("ed448 <ed448@gpg-2.4.example>".to_owned());
    for (file, number) in [
        ([&first[..], &other, &second].concat(), 2),
        ([&other[..], &first, &second].concat(), 1),
        ([&first[..], &second, &other].concat(), 3),
        (armored, 2),
    ] {
        let mut certificates = Certificates::default();
        let passed_over = certificates.add_file(&file).unwrap();
        assert_eq!(passed_over, [OfOtherVersion { number, version: 5, user: user.clone() }]);
        for key in [&one, &two] {
            assert_eq!(*good(verify_with(&certificates, PAYLOAD, &home.sign_at(after(1), key, &[]))).key(), named(key));
        }
    }
    let mut none = Certificates::default();
    assert_eq!(none.add_file(&other).unwrap().len(), 1);
    assert!(none.summaries(after(1)).is_empty() && none.unreadable().is_empty());
    // What is not whole may have lost a revocation of anybody's.
    let why = |file: &[u8]| Certificates::default().add_file(file).unwrap_err();
    let cut = [&first[..], &other[..other.len() - 1]].concat();
    assert!(why(&cut).starts_with("has an unreadable certificate, number 2: "), "{}", why(&cut));
    let junk = [&first[..], &other, b"junk", &second].concat();
    assert!(why(&junk).starts_with("has an unreadable certificate, number 2: "), "{}", why(&junk));
    let behind = [&first[..], &other, &second[..second.len() - 1]].concat();
    assert!(why(&behind).starts_with("has an unreadable certificate, number 3: "), "{}", why(&behind));
}

#[test]
fn a_key_that_nobody_gave_us_is_not_held() {
    let home = Home::new();
    let (known, unknown) = (home.key("known", "ed25519"), home.key("unknown", "ed25519"));
    let certificates = certificates(&home.gpg(&["--export", &known], b""));
    let bad = bad(verify_with(&certificates, PAYLOAD, &home.sign_at(after(1), &unknown, &[])));
    assert_eq!((bad.defect, bad.format, bad.key), (Defect::KeyNotHeld, Some(Format::OpenPgp), Some(named(&unknown))));
    good(verify_with(&certificates, PAYLOAD, &home.sign_at(after(1), &known, &[])));
}
