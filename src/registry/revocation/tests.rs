//! Lists that ssh-keygen made (`fixtures/krl/make.sh`), and lists that it would not.

use super::{Issuer::*, Revoked, *};
use crate::signature::ssh::Wire;
use ssh_key::encoding::base64::{Base64, Encoding};

macro_rules! fixture {
    ($name:literal) => {
        include_bytes!(concat!("../../../fixtures/krl/", $name))
    };
}

const EVERYTHING: &[u8] = fixture!("everything.krl");

/// The second field of a public key file.
fn blob(file: &[u8]) -> Vec<u8> {
    Base64::decode_vec(std::str::from_utf8(file).unwrap().split(' ').nth(1).unwrap()).unwrap()
}

fn key(file: &[u8]) -> PublicKey {
    PublicKey::from_blob(&blob(file)).unwrap()
}

fn alice() -> PublicKey {
    key(fixture!("alice.pub"))
}

fn authority() -> PublicKey {
    key(fixture!("authority.pub"))
}

/// All of Alice's key: serials 0, 12, 13 and the largest of `authority`, 12 of `other-authority`.
fn certificates() -> [Certificate; 5] {
    [
        &fixture!("serial-0-cert.pub")[..],
        fixture!("serial-12-cert.pub"),
        fixture!("serial-13-cert.pub"),
        fixture!("serial-max-cert.pub"),
        fixture!("other-12-cert.pub"),
    ]
    .map(|file| Certificate::from_blob(&blob(file)).unwrap())
}

fn of_certificates(list: &Revocations) -> [Option<Revoked>; 5] {
    certificates().map(|certificate| list.of_certificate(&certificate))
}

#[test]
fn every_section_that_ssh_keygen_writes() {
    let serial = |issuer| Some(Revoked::Serial(issuer));
    let id = |issuer| Some(Revoked::Id(issuer));
    let all = [Some(Revoked::Key); 5];
    for (list, alices_key, expected) in [
        (&fixture!("serial-list.krl")[..], false, [None, serial(This), None, serial(This), None]),
        (fixture!("serial-range.krl"), false, [None, serial(This), serial(This), None, None]),
        (fixture!("serial-bitmap.krl"), false, [None, serial(This), None, None, None]),
        (fixture!("ids.krl"), false, [id(This), id(This), None, None, None]),
        (fixture!("any-authority.krl"), false, [id(Any), serial(Any), None, None, serial(Any)]),
        (fixture!("keys.krl"), true, all),
        (fixture!("sha1.krl"), true, all),
        (fixture!("sha256.krl"), true, all),
        (EVERYTHING, true, all),
    ] {
        let list = Revocations::read(list).unwrap();
        assert_eq!(list.holds(&alice()), alices_key);
        assert_eq!(of_certificates(&list), expected);
        assert!(!list.holds(&authority()));
        assert_eq!(list.holds(&key(fixture!("other-authority.pub"))), alices_key);
    }
    assert!(Revocations::read(EVERYTHING).unwrap().holds(&key(fixture!("bob.pub"))));
}

#[test]
fn an_authority_that_is_revoked_revokes_what_it_certified() {
    for revoked in [
        section(2, &string(&blob(fixture!("authority.pub")))),
        section(3, &string(&authority().sha1())),
        section(5, &string(&digest_of(&authority()))),
    ] {
        let list = Revocations::read(&list(&[revoked])).unwrap();
        assert!(list.holds(&authority()) && !list.holds(&alice()));
        let by_authority = Some(Revoked::Authority);
        assert_eq!(of_certificates(&list), [by_authority, by_authority, by_authority, by_authority, None]);
    }
}

#[test]
fn what_is_revoked_is_said_in_words() {
    let [unnumbered, _, second, ..] = certificates();
    let authority = authority().fingerprint();
    let detail = |revoked: Revoked, certificate| revoked.detail(certificate).unwrap();
    assert_eq!(Revoked::Key.detail(&second), None);
    assert_eq!(
        detail(Revoked::Serial(This), &second),
        format!("its certificate, serial 13 of the authority {authority}")
    );
    assert_eq!(detail(Revoked::Serial(Any), &second), "its certificate, serial 13 of any authority");
    assert_eq!(detail(Revoked::Id(Any), &second), "its certificate, id `Jürgen's second, #2` of any authority");
    assert_eq!(
        detail(Revoked::Id(This), &unnumbered),
        format!("its certificate, id `unnumbered` of the authority {authority}")
    );
    assert_eq!(detail(Revoked::Authority, &second), format!("the authority that certified it, {authority}"));
}

fn string(bytes: &[u8]) -> Vec<u8> {
    [&u32::try_from(bytes.len()).unwrap().to_be_bytes()[..], bytes].concat()
}

fn section(kind: u8, data: &[u8]) -> Vec<u8> {
    [&[kind][..], &string(data)].concat()
}

fn header(version: u32, flags: u64, reserved: &[u8], comment: &[u8]) -> Vec<u8> {
    let numbers = [&version.to_be_bytes()[..], &[0; 16], &flags.to_be_bytes()].concat();
    [b"SSHKRL\n\0", &*numbers, &string(reserved), &string(comment)].concat()
}

fn list(sections: &[Vec<u8>]) -> Vec<u8> {
    [header(1, 0, b"", b""), sections.concat()].concat()
}

/// A section of certificates of any authority.
fn issued(parts: &[Vec<u8>]) -> Vec<u8> {
    section(1, &[string(b""), string(b""), parts.concat()].concat())
}

fn numbers(numbers: &[u64]) -> Vec<u8> {
    numbers.iter().flat_map(|number| number.to_be_bytes()).collect()
}

fn digest_of(key: &PublicKey) -> [u8; 32] {
    match key.fingerprint() {
        Fingerprint::Ssh(digest) => digest,
        other => panic!("{other}"),
    }
}

#[track_caller]
fn refused(list: &[u8], why: &str) {
    assert_eq!(Revocations::read(list).unwrap_err(), why);
}

#[test]
fn the_header_is_of_this_format() {
    assert!(Revocations::read(&list(&[])).is_ok());
    // OpenSSH ignores flags, of which there are none, and what is reserved.
    assert!(Revocations::read(&header(1, u64::MAX, b"\0anything", b"a comment")).is_ok());
    refused(&header(2, 0, b"", b""), "its header says format version 2, which this version does not know");
    refused(&header(0, 0, b"", b""), "its header says format version 0, which this version does not know");
    refused(&header(1, 0, b"", b"a\0comment"), "its header has a text with a NUL byte");
    // Of any other magic it is taken for a list of public keys, and is none.
    for at in 0..krl::MAGIC.len() {
        let mut other = EVERYTHING.to_vec();
        other[at] ^= 0x20;
        assert!(Revocations::read(&other).is_err(), "{at}");
    }
}

#[test]
fn sections_and_their_parts_are_whole_and_known() {
    for (section, why) in [
        (section(0, b""), "is of the type 0, which this version does not know"),
        (section(6, b""), "is of the type 6, which this version does not know"),
        (section(254, b""), "is of the type 254, which this version does not know"),
        (section(4, b"key"), "is a signature within the list, which OpenSSH does not support either"),
        (
            [section(4, b"key"), string(b"sig")].concat(),
            "is a signature within the list, which OpenSSH does not support either",
        ),
        (vec![2], "is not whole"),
        (vec![2, 0, 0, 0], "is not whole"),
        (section(2, &[0, 0, 0]), "is not whole"),
        (section(2, &string(b"")), "has a key that is not whole"),
        (section(2, &string(&blob(fixture!("serial-12-cert.pub")))), "has a certificate where keys belong"),
        (section(3, &string(&[1; 32])), "has a digest of 32 bytes, not 20"),
        (section(5, &string(&[1; 20])), "has a digest of 20 bytes, not 32"),
        (section(5, &[string(&[1; 32]), vec![0]].concat()), "is not whole"),
        (section(1, b""), "is not whole"),
        (section(1, &string(b"")), "is not whole"),
        (section(1, &[string(b"none"), string(b"")].concat()), "has an unreadable authority: it is not whole"),
        (
            section(1, &[string(&blob(fixture!("serial-12-cert.pub"))), string(b"")].concat()),
            "has an unreadable authority: it is a certificate, not a key",
        ),
        // As the key that certificates name without the zero it would revoke none.
        (of_rsa_authority(&[0, 1, 0, 1]), "has an unreadable authority: it is no well-formed `ssh-rsa` key"),
        (issued(&[section(0x24, b"")]), "has a part of the type 36, which this version does not know"),
        (issued(&[section(4, b"")]), "has a part of the type 4, which this version does not know"),
        (issued(&[section(0x20, &[0; 7])]), "is not whole"),
        (issued(&[section(0x20, &numbers(&[1, 0]))]), "is wrong: serial 0 cannot be revoked"),
        (issued(&[section(0x21, &numbers(&[1]))]), "is not whole"),
        (issued(&[section(0x21, &numbers(&[1, 2, 3]))]), "has a part that something follows"),
        (issued(&[section(0x21, &numbers(&[2, 1]))]), "is wrong: the serials 2 to 1 are none"),
        (issued(&[section(0x21, &numbers(&[0, 1]))]), "is wrong: serial 0 cannot be revoked"),
        (bitmap(1, &[0x80]), "has a bitmap that is not whole, or a negative number"),
        (bitmap(0, &[1]), "is wrong: serial 0 cannot be revoked"),
        (bitmap(u64::MAX, &[2]), "is wrong: a bitmap runs beyond the largest serial"),
        (issued(&[section(0x22, &numbers(&[1]))]), "has a bitmap that is not whole, or a negative number"),
        (issued(&[section(0x23, &string(b"an\0id"))]), "has a text with a NUL byte"),
        (issued(&[section(0x23, &[0, 0, 0, 1])]), "is not whole"),
    ] {
        let good = section_of_alice();
        refused(&list(&[good.clone(), section]), &format!("its section 2 {why}"));
        assert!(Revocations::read(&list(&[good])).unwrap().holds(&alice()));
    }
}

/// `exponent`: big-endian, as it stands in the key.
fn of_rsa_authority(exponent: &[u8]) -> Vec<u8> {
    let key = [string(b"ssh-rsa"), string(exponent), string(&[1; 256])].concat();
    section(1, &[string(&key), string(b"")].concat())
}

fn section_of_alice() -> Vec<u8> {
    section(5, &string(&digest_of(&alice())))
}

fn bitmap(first: u64, bits: &[u8]) -> Vec<u8> {
    issued(&[section(0x22, &[numbers(&[first]), string(bits)].concat())])
}

#[test]
fn sections_come_in_any_order_and_number() {
    let part = |serials: &[u64]| section(0x20, &numbers(serials));
    let list = list(&[
        of_rsa_authority(&[1, 0, 1]),
        issued(&[part(&[13]), part(&[]), section(0x23, &string(b"last"))]),
        section(2, b""),
        issued(&[]),
        section_of_bob(),
        bitmap(10, &[0, 0]),
        // Leading zeros, and bit 2: serial 12.
        bitmap(10, &[0, 0, 4]),
        section_of_bob(),
    ]);
    let list = Revocations::read(&list).unwrap();
    let serial = Some(Revoked::Serial(Any));
    assert_eq!(of_certificates(&list), [None, serial, serial, Some(Revoked::Id(Any)), serial]);
    assert!(list.holds(&key(fixture!("bob.pub"))) && !list.holds(&alice()));
}

fn section_of_bob() -> Vec<u8> {
    section(2, &string(&blob(fixture!("bob.pub"))))
}

#[test]
fn the_id_is_said_before_the_serial_and_the_key_before_both() {
    let both = issued(&[section(0x20, &numbers(&[12])), section(0x23, &string(b"laptop"))]);
    let with = |more: Vec<u8>| of_certificates(&Revocations::read(&list(&[both.clone(), more])).unwrap())[1];
    assert_eq!(with(section(2, b"")), Some(Revoked::Id(Any)));
    assert_eq!(with(section(2, &string(&blob(fixture!("authority.pub"))))), Some(Revoked::Id(Any)));
    assert_eq!(with(section_of_alice()), Some(Revoked::Key));
}

#[test]
fn an_empty_id_is_an_id() {
    let list = Revocations::read(&list(&[issued(&[section(0x23, &string(b""))])])).unwrap();
    let [certificate, ..] = certificates();
    assert_eq!(list.of_certificate(&certificate), None);
    let nameless = Certificate { key_id: String::new(), ..certificate };
    assert_eq!(list.of_certificate(&nameless), Some(Revoked::Id(Any)));
}

#[test]
fn an_unknown_extension_is_passed_over_unless_it_is_critical() {
    let extension = |critical: u8| [string(b"bloom-explicit-key"), vec![critical], string(b"anything")].concat();
    let critical = "has the critical extension `bloom-explicit-key`, which this version does not know";
    let broken = "has an extension that is not whole, or that something follows";
    type Wrapping = fn(&[u8]) -> Vec<u8>;
    let wrappings: [Wrapping; 2] = [|data| section(255, data), |data| issued(&[section(0x39, data)])];
    for wrap in wrappings {
        let read = |data: &[u8]| Revocations::read(&list(&[wrap(data), section_of_alice()]));
        assert!(read(&extension(0)).unwrap().holds(&alice()));
        assert_eq!(read(&extension(1)).unwrap_err(), format!("its section 1 {critical}"));
        assert_eq!(read(&extension(255)).unwrap_err(), format!("its section 1 {critical}"));
        for length in 0..extension(0).len() {
            assert_eq!(read(&extension(0)[..length]).unwrap_err(), format!("its section 1 {broken}"));
        }
        assert_eq!(read(&[extension(0), vec![0]].concat()).unwrap_err(), format!("its section 1 {broken}"));
        let nul = [string(b"a\0b"), vec![0], string(b"")].concat();
        assert_eq!(read(&nul).unwrap_err(), "its section 1 has a text with a NUL byte");
    }
}

/// Where the sections of a list begin, and where it ends: it does not say how many they are.
fn ends(bytes: &[u8]) -> Vec<usize> {
    let mut wire = Wire(&bytes[8 + 28..]);
    let _reserved_and_comment = (wire.string().unwrap(), wire.string().unwrap());
    let mut ends = vec![bytes.len() - wire.0.len()];
    while wire.byte().is_some() {
        wire.string().unwrap();
        ends.push(bytes.len() - wire.0.len());
    }
    ends
}

#[test]
fn a_list_that_is_cut_short_or_goes_on_is_none() {
    let ends = ends(EVERYTHING);
    assert_eq!((ends.len(), ends.last()), (6, Some(&EVERYTHING.len())));
    for length in 1..EVERYTHING.len() {
        assert_eq!(Revocations::read(&EVERYTHING[..length]).is_ok(), ends.contains(&length), "{length}");
    }
    for more in [&b"\0"[..], b"\n", &[2, 0, 0, 0], EVERYTHING] {
        assert!(Revocations::read(&[EVERYTHING, more].concat()).is_err());
    }
}

/// Where the lengths stand that are within these bytes: of the section, and of what is in it.
fn lengths(bytes: &[u8]) -> Vec<usize> {
    let mut found = Vec::new();
    for window in ends(bytes).windows(2) {
        found.push(window[0] + 1);
        let (mut wire, mut inner) = (Wire(&bytes[window[0] + 5..window[1]]), bytes[window[0]] == 1);
        while !wire.is_empty() {
            found.push(window[1] - wire.0.len());
            let skipped = wire.string().unwrap();
            if inner {
                // The authority, then what is reserved, then parts.
                found.push(window[1] - wire.0.len());
                wire.string().unwrap();
                inner = false;
                assert!(skipped.is_empty() || skipped.starts_with(&[0, 0, 0, 11]));
            }
            if bytes[window[0]] == 1 {
                wire.byte();
            }
        }
    }
    found
}

#[test]
fn a_length_that_is_not_right_is_noticed() {
    let lengths = lengths(EVERYTHING);
    assert!(lengths.len() > 15, "{lengths:?}");
    for at in lengths.into_iter().chain([36, 40]) {
        let right = u32::from_be_bytes(EVERYTHING[at..at + 4].try_into().unwrap());
        for wrong in [right.wrapping_add(1), right.wrapping_sub(1), right ^ 0x100, 1 << 31, u32::MAX] {
            let mut bytes = EVERYTHING.to_vec();
            bytes[at..at + 4].copy_from_slice(&wrong.to_be_bytes());
            assert!(Revocations::read(&bytes).is_err(), "{at}: {right} became {wrong}");
        }
    }
}

#[test]
fn a_flipped_bit_is_read_or_refused_and_never_worse() {
    let certificates = certificates();
    for at in 0..EVERYTHING.len() * 8 {
        let mut bytes = EVERYTHING.to_vec();
        bytes[at / 8] ^= 1 << (at % 8);
        if let Ok(list) = Revocations::read(&bytes) {
            let _ = certificates.each_ref().map(|certificate| list.of_certificate(certificate));
        }
    }
}

#[test]
fn a_plain_list_names_keys_alone() {
    let line = |file: &[u8]| std::str::from_utf8(file).unwrap().to_owned();
    let (alices, bobs) = (line(fixture!("alice.pub")), line(fixture!("bob.pub")));
    let list = Revocations::read(format!("# Left.\n\n  {alices}\r\n").as_bytes()).unwrap();
    assert!(list.holds(&alice()) && !list.holds(&key(fixture!("bob.pub"))));
    assert_eq!(of_certificates(&list), [Some(Revoked::Key); 5]);
    assert!(!Revocations::read(b"").unwrap().holds(&alice()));
    let certificate = line(fixture!("serial-12-cert.pub"));
    for (wrong, why) in [
        ("garbage".to_owned(), "has no key"),
        (format!("cert-authority {bobs}"), "has no readable key: it is not base64"),
        (certificate, "has no readable key: it is a certificate, not a key"),
        (bobs[..40].to_owned(), "has no readable key: it is no well-formed `ssh-ed25519` key"),
    ] {
        refused(format!("{alices}{wrong}\n").as_bytes(), &format!("line 2 {why}"));
    }
    refused(b"\xff", "it is not UTF-8");
}
