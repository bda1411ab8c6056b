//! The forms that an OpenPGP signature may come in, and those it may not: armor, packets, lengths, subpackets, numbers.

use super::{
    Defect, PAYLOAD, bad, good,
    packets::{
        Role, alice, armored, binary, builder, crafted, day, defect, held, judged, malformed, named, rsa, secret,
        timestamp, validity,
    },
    verify_with,
};
use countersign::signature::{Signature as Judged, openpgp::Validity};
use sequoia_openpgp::{
    Cert, Packet, Profile,
    cert::CipherSuite,
    crypto::mpi,
    packet::{
        Literal, OnePassSig, Padding, Signature, Trust,
        one_pass_sig::OnePassSig3,
        signature::{
            Signature4, Signature6,
            subpacket::{NotationDataFlags, Subpacket, SubpacketTag, SubpacketValue},
        },
    },
    serialize::SerializeInto,
    types::{Curve, DataFormat, SignatureType},
};
use ssh_key::encoding::base64::{Base64, Encoding};

fn by(cert: &Cert) -> Signature {
    binary().sign_message(&mut secret(cert, Role::Signing), PAYLOAD).unwrap()
}

fn bytes(signature: impl Into<Packet>) -> Vec<u8> {
    signature.into().to_vec().unwrap()
}

/// A signature packet's content, without the header before it.
fn content(signature: Signature) -> Vec<u8> {
    let packet = bytes(signature);
    assert_eq!((packet[0], usize::from(packet[1])), (0xc2, packet.len() - 2));
    packet[2..].to_vec()
}

/// In a packet whose length takes five octets.
fn enclosed(content: &[u8]) -> Vec<u8> {
    [&[0xc2, 0xff][..], &u32::try_from(content.len()).unwrap().to_be_bytes(), content].concat()
}

fn armor(bytes: &[u8]) -> Vec<u8> {
    let base64 = Base64::encode_string(bytes);
    let lines: Vec<_> = base64.as_bytes().chunks(64).map(|line| std::str::from_utf8(line).unwrap()).collect();
    format!("-----BEGIN PGP SIGNATURE-----\n\n{}\n-----END PGP SIGNATURE-----\n", lines.join("\n")).into_bytes()
}

fn verify(cert: &Cert, bytes: &[u8]) -> Judged {
    verify_with(&held(&[cert]), PAYLOAD, &armor(bytes))
}

fn why(cert: &Cert, bytes: &[u8]) -> Defect {
    bad(verify(cert, bytes)).defect
}

#[test]
fn a_good_signature_beside_a_bad_or_an_unknown_one() {
    let alice = alice();
    let one = bytes(by(&alice));
    let over_another = bytes(binary().sign_message(&mut secret(&alice, Role::Signing), b"other").unwrap());
    let mut of_another_version = one.clone();
    of_another_version[2] = 99;
    for other in [over_another, of_another_version] {
        for both in [[&*one, &other].concat(), [&*other, &one].concat()] {
            assert_eq!(why(&alice, &both), Defect::Ambiguous);
        }
    }
    good(verify(&alice, &one));
}

#[test]
fn an_inline_message_or_a_packet_of_another_kind() {
    let alice = alice();
    let mut literal = Literal::new(DataFormat::Binary);
    literal.set_body(PAYLOAD.to_vec());
    let inline =
        [OnePassSig::V3(OnePassSig3::new(SignatureType::Binary)).into(), Packet::from(literal), by(&alice).into()];
    assert_eq!(
        bad(judged(&alice, &inline)).defect,
        malformed("holds a packet of the type \"One-Pass Signature Packet\"")
    );
    let user = alice.userids().next().unwrap().userid().clone();
    let key = alice.primary_key().key().clone();
    for (other, name) in [
        (Packet::from(Padding::new(8).unwrap()), "Padding Packet"),
        (Trust::from(vec![1]).into(), "Trust Packet"),
        (user.into(), "User ID Packet"),
        (key.into(), "Public-Key Packet"),
    ] {
        let beside = malformed(&format!("holds a packet of the type \"{name}\""));
        assert_eq!(bad(judged(&alice, &[other.clone(), by(&alice).into()])).defect, beside);
        assert_eq!(bad(judged(&alice, &[by(&alice).into(), other])).defect, beside);
    }
    good(judged(&alice, &[by(&alice).into()]));
}

#[test]
fn bytes_that_follow_the_signature() {
    let alice = alice();
    let content = content(by(&alice));
    for more in [&b"\0"[..], b"Reviewed-by: everybody", &[7; 300]] {
        let within = enclosed(&[&*content, more].concat());
        assert_eq!(why(&alice, &within), malformed("something follows the signature in its packet"));
        let Defect::Malformed(what) = why(&alice, &[&*enclosed(&content), more].concat()) else { panic!() };
        assert!(what.starts_with("holds a packet of the type \"Reserved"), "{what}");
    }
    good(verify(&alice, &enclosed(&content)));
}

#[test]
fn the_armor_of_something_else() {
    let alice = alice();
    let text = String::from_utf8(armored(&[by(&alice).into()])).unwrap();
    for (kind, why) in [
        ("MESSAGE", "is in the armor of a message, not of a signature"),
        ("PUBLIC KEY BLOCK", "is in no known armor"),
        ("PRIVATE KEY BLOCK", "is in no known armor"),
        ("SIGNED MESSAGE", "is in no known armor"),
        ("ARMORED FILE", "is in no known armor"),
    ] {
        let other = text.replace("SIGNATURE", kind);
        assert_eq!(bad(verify_with(&held(&[&alice]), PAYLOAD, other.as_bytes())).defect, malformed(why), "{kind}");
    }
    // A whole message that is signed in clear text.
    let clear = format!("-----BEGIN PGP SIGNED MESSAGE-----\nHash: SHA512\n\n{}\n{text}", PAYLOAD.escape_ascii());
    let signed = bad(verify_with(&held(&[&alice]), PAYLOAD, clear.as_bytes())).defect;
    assert_eq!(signed, malformed("is in no known armor"));
    good(verify_with(&held(&[&alice]), PAYLOAD, text.as_bytes()));
}

/// RFC 9580, 6.2 and 6.1: headers are for people, and a checksum that is wrong or missing must not matter.
#[test]
fn headers_and_checksum_of_the_armor_change_nothing_and_junk_is_refused() {
    let alice = alice();
    let plain = String::from_utf8(armor(&bytes(by(&alice)))).unwrap();
    let judge = |text: &str| verify_with(&held(&[&alice]), PAYLOAD, text.as_bytes());
    let (first, last) = ("-----BEGIN PGP SIGNATURE-----\n\n", "\n-----END");
    for header in ["Version: GnuPG v1", "Comment: by Mallory", "Hash: MD5", "Comment: -----BEGIN PGP SIGNATURE----- "] {
        good(judge(&plain.replace(first, &format!("-----BEGIN PGP SIGNATURE-----\n{header}\n\n"))));
    }
    for checksum in ["=AAAA", "=twTO", "="] {
        good(judge(&plain.replace(last, &format!("\n{checksum}{last}"))));
    }
    for (junk, why) in [
        (plain.replace(last, &format!("\n=AAAA\n=AAAA{last}")), "its armor holds no base64"),
        (plain.replace(first, &format!("{first}=AAAA\n")), "its armor holds no base64"),
        (plain.replace(first, &format!("{first}Comment: hello\n")), "its armor holds no base64"),
        (plain.replace(first, &format!("{first}!")), "its armor holds no base64"),
        (plain.replace(last, &format!("A{last}")), "its armor holds no base64"),
        (plain.replace(first, &format!("hello\n{first}")), "is in no known armor"),
    ] {
        assert_eq!(bad(judge(&junk)).defect, malformed(why), "{junk}");
    }
    good(judge(&plain));
}

#[test]
fn old_and_new_packet_headers_are_read_and_lengths_left_open_are_not() {
    let alice = alice();
    let content = content(by(&alice));
    let length = u8::try_from(content.len()).unwrap();
    let long = [&[0xc2, 0xe6][..], &content[..64], &[length - 64], &content[64..]].concat();
    for (open, what) in
        [([&[0x8b], &*content].concat(), "Indeterminite length encoding"), (long, "Partial Body Chunking")]
    {
        let Defect::Malformed(why) = why(&alice, &open) else { panic!() };
        assert!(why.starts_with("holds no readable signature packet: ") && why.contains(what), "{why}");
    }
    for header in [&[0x88, length][..], &[0x89, 0, length], &[0x8a, 0, 0, 0, length], &[0xc2, length]] {
        good(verify(&alice, &[header, &content].concat()));
    }
    good(verify(&alice, &enclosed(&content)));
}

#[test]
fn a_signature_of_another_version_is_unsupported() {
    let alice = alice();
    let content = content(by(&alice));
    // What PGP made before 1998: five octets that are signed, the issuer, the algorithms, two octets of digest, numbers.
    let version_3 =
        [&[3, 5, 0][..], &[1; 4], &[2; 8], &content[2..4], &[0; 2], &content[content.len() - 68..]].concat();
    assert_eq!(why(&alice, &enclosed(&version_3)), Defect::Unsupported("version 3 signatures".into()));
    for version in [0, 2, 5, 7, 255] {
        let other = [&[version], &content[1..]].concat();
        assert_eq!(why(&alice, &enclosed(&other)), Defect::Unsupported(format!("version {version} signatures")));
    }
    good(verify(&alice, &enclosed(&content)));
}

#[test]
fn a_second_creation_time() {
    let alice = alice();
    let made = |on| Subpacket::new(SubpacketValue::SignatureCreationTime(day(on).try_into().unwrap()), true).unwrap();
    for on in [0, 1, 9] {
        let twice = crafted(&alice, |area| area.add(made(on)).unwrap());
        assert_eq!(defect(&alice, twice), malformed("has more than one creation time"));
    }
    let moved = crafted(&alice, |area| area.replace(made(9)).unwrap());
    assert_eq!(good(judged(&alice, &[moved.into()])).stated_time(), Some(timestamp(day(9))));
}

#[test]
fn an_end_that_the_signature_does_not_cover() {
    let alice = alice();
    let lasts = |days: u32| {
        let time = SubpacketValue::SignatureExpirationTime(sequoia_openpgp::types::Duration::from(days * 86_400));
        Subpacket::new(time, true).unwrap()
    };
    let ends = |days| crafted(&alice, |area| area.add(lasts(days)).unwrap());
    let at = |signature: Signature, on| validity(&good(judged(&alice, &[signature.into()])), day(on));
    assert_eq!((at(ends(2), 2), at(ends(2), 3)), (Validity::Good, Validity::SignatureExpired));
    // Nobody prolongs it, or cuts it short, where it is not signed; and zero is no end.
    let mut prolonged = ends(2);
    prolonged.unhashed_area_mut().add(lasts(9)).unwrap();
    assert_eq!(at(prolonged, 3), Validity::SignatureExpired);
    let mut cut = by(&alice);
    cut.unhashed_area_mut().add(lasts(2)).unwrap();
    assert_eq!(at(cut, 3), Validity::Good);
    assert_eq!(at(ends(0), 3), Validity::Good);
}

#[test]
fn what_is_critical_must_be_known_also_where_it_is_not_signed() {
    let alice = alice();
    let flags = NotationDataFlags::empty().set_human_readable();
    let notation = sequoia_openpgp::packet::signature::subpacket::NotationData::new("only@example.com", b"x", flags);
    let unknown = SubpacketValue::Unknown { tag: SubpacketTag::Private(100), body: vec![1] };
    let regular = SubpacketValue::RegularExpression(b".*".to_vec());
    for (value, why) in [
        (SubpacketValue::NotationData(notation), "the critical notation `only@example.com`"),
        (unknown, "the critical subpacket \"Private(100)\""),
        // Known to the format, and of no meaning for a document.
        (regular, "the critical subpacket \"RegularExpression\""),
    ] {
        let of = |critical| Subpacket::new(value.clone(), critical).unwrap();
        let hashed = |critical| crafted(&alice, |area| area.add(of(critical)).unwrap());
        let unhashed = |critical| {
            let mut signature = by(&alice);
            signature.unhashed_area_mut().add(of(critical)).unwrap();
            signature
        };
        assert_eq!(defect(&alice, hashed(true)), Defect::Unsupported(why.into()));
        assert_eq!(defect(&alice, unhashed(true)), Defect::Unsupported(why.into()));
        good(judged(&alice, &[hashed(false).into()]));
        good(judged(&alice, &[unhashed(false).into()]));
    }
}

#[test]
fn thousands_of_subpackets() {
    let alice = alice();
    let unknown = |_| Subpacket::new(SubpacketValue::Unknown { tag: SubpacketTag::Private(100), body: vec![1] }, false);
    let crowded = |count: usize| {
        crafted(&alice, |area| (0..count).map(unknown).for_each(|subpacket| area.add(subpacket.unwrap()).unwrap()))
    };
    good(judged(&alice, &[crowded(5_000).into()]));
    assert_eq!(defect(&alice, crowded(20_000)), malformed("is larger than 64 KiB"));
}

#[test]
fn a_hash_or_an_algorithm_that_is_too_weak() {
    let alice = alice();
    let content = content(by(&alice));
    let with = |at: usize, value: u8| {
        let mut content = content.clone();
        content[at] = value;
        why(&alice, &enclosed(&content))
    };
    let (algorithm, hash) = (2, 3);
    assert_eq!(with(hash, 1), Defect::Weak("MD5".into()));
    assert_eq!(with(hash, 2), Defect::Weak("SHA-1".into()));
    assert_eq!(with(hash, 3), Defect::Weak("RIPEMD-160".into()));
    assert_eq!(with(algorithm, 17), Defect::Weak("DSA".into()));
    assert_eq!(with(algorithm, 20), Defect::Weak("ElGamal".into()));
    for encrypts in [2, 16, 18, 25] {
        let Defect::Malformed(what) = with(algorithm, encrypts) else { panic!() };
        assert!(what.contains("not a signature algorithm"), "{what}");
    }
    assert_eq!(with(hash, 99), Defect::Unsupported("hash algorithm Unknown hash algorithm 99".into()));
    good(verify(&alice, &enclosed(&content)));
}

/// The same signature with other numbers.
fn with_numbers(signature: &Signature, numbers: mpi::Signature) -> Packet {
    let (hashed, unhashed) = (signature.hashed_area().clone(), signature.unhashed_area().clone());
    let (typ, algorithm, hash) = (signature.typ(), signature.pk_algo(), signature.hash_algo());
    Signature::from(Signature4::new(typ, algorithm, hash, hashed, unhashed, *signature.digest_prefix(), numbers)).into()
}

/// Big-endian.
fn sum(one: &[u8], other: &[u8]) -> Vec<u8> {
    let width = one.len().max(other.len()) + 1;
    let digit = |number: &[u8], place: usize| number.iter().rev().nth(place).map_or(0, |&digit| u16::from(digit));
    let mut carry = 0;
    let digits = (0..width).map(|place| {
        carry += digit(one, place) + digit(other, place);
        let low = carry & 0xff;
        carry >>= 8;
        u8::try_from(low).unwrap()
    });
    digits.collect::<Vec<_>>().into_iter().rev().collect()
}

/// Of the group of P-256 (FIPS 186-5; SEC 2, 2.4.2).
const P256_ORDER: &str = "ffffffff00000000ffffffffffffffffbce6faada7179e84f3b9cac2fc632551";
/// Of the group of Ed25519 (RFC 8032, 5.1).
const ED25519_ORDER: &str = "1000000000000000000000000000000014def9dea2f79cd65812631a5cf5d3ed";

fn hex(digits: &str) -> Vec<u8> {
    (0..digits.len() / 2).map(|at| u8::from_str_radix(&digits[2 * at..2 * at + 2], 16).unwrap()).collect()
}

#[test]
fn numbers_of_an_ecdsa_signature_out_of_range() {
    let cert = builder(CipherSuite::P256).add_signing_subkey().generate().unwrap().0;
    let signature = by(&cert);
    let mpi::Signature::ECDSA { r, s } = signature.mpis() else { panic!() };
    let (r, s, order) = (r.value().to_vec(), s.value().to_vec(), hex(P256_ORDER));
    for (r, s) in [
        (vec![0], vec![0]),
        (vec![0], s.clone()),
        (r.clone(), vec![0]),
        (order.clone(), s.clone()),
        (r.clone(), order.clone()),
        (order.clone(), order.clone()),
        (sum(&r, &order), s.clone()),
        (r.clone(), sum(&s, &order)),
        (vec![0xff; 32], vec![0xff; 32]),
        (vec![0xff; 4_000], s.clone()),
        (s.clone(), r.clone()),
    ] {
        let numbers = mpi::Signature::ECDSA { r: r.into(), s: s.into() };
        assert_eq!(bad(judged(&cert, &[with_numbers(&signature, numbers)])).defect, Defect::DoesNotVerify);
    }
    let numbers = mpi::Signature::ECDSA { r: r.into(), s: s.into() };
    good(judged(&cert, &[with_numbers(&signature, numbers)]));
}

#[test]
fn a_scalar_of_an_eddsa_signature_out_of_range() {
    // The old encoding, two numbers, and the new one, a string.
    for profile in [Profile::RFC4880, Profile::RFC9580] {
        let cert = builder(CipherSuite::Cv25519).set_profile(profile).unwrap();
        let cert = cert.add_signing_subkey().generate().unwrap().0;
        let signature = by(&cert);
        let shifted = |s: &[u8]| {
            let (native, order) = (s.iter().rev().copied().collect::<Vec<_>>(), hex(ED25519_ORDER));
            sum(&native, &order)[1..].iter().rev().copied().collect::<Vec<_>>()
        };
        match signature.mpis() {
            mpi::Signature::EdDSA { r, s } => {
                let s = s.value_padded(32).unwrap().into_owned();
                for (r, s) in [
                    (r.value().to_vec(), shifted(&s)),
                    (r.value().to_vec(), vec![0]),
                    (vec![0], s.clone()),
                    (vec![0xff; 33], s.clone()),
                    (r.value().to_vec(), vec![0xff; 32]),
                ] {
                    let numbers = mpi::Signature::EdDSA { r: r.into(), s: s.into() };
                    let changed = with_numbers(&signature, numbers);
                    assert_eq!(bad(judged(&cert, &[changed])).defect, Defect::DoesNotVerify);
                }
            }
            mpi::Signature::Ed25519 { s } => {
                let mut packet = bytes(signature.clone());
                let at = packet.len() - 32;
                packet.splice(at.., shifted(&s[32..]));
                assert_eq!(why(&cert, &packet), Defect::DoesNotVerify);
            }
            other => panic!("{other:?}"),
        }
        good(judged(&cert, &[signature.into()]));
    }
}

#[test]
fn the_number_of_an_rsa_signature_out_of_range() {
    let cert = rsa();
    let signature = by(cert);
    let key = secret(cert, Role::Signing).public().clone();
    let (mpi::Signature::RSA { s }, mpi::PublicKey::RSA { n, .. }) = (signature.mpis(), key.mpis()) else { panic!() };
    for s in [vec![0], vec![1], n.value().to_vec(), sum(s.value(), n.value()), vec![0xff; 256], vec![0xff; 8_000]] {
        let changed = with_numbers(&signature, mpi::Signature::RSA { s: s.into() });
        assert_eq!(bad(judged(cert, &[changed])).defect, Defect::DoesNotVerify);
    }
    good(judged(cert, &[with_numbers(&signature, signature.mpis().clone())]));
}

#[test]
fn numbers_written_in_another_way_than_the_format_has() {
    let cert = builder(CipherSuite::P256).add_signing_subkey().generate().unwrap().0;
    let signature = by(&cert);
    let mpi::Signature::ECDSA { r, s } = signature.mpis() else { panic!() };
    let content = content(signature.clone());
    let start = content.len() - (2 + r.value().len() + 2 + s.value().len());
    let written = |bits: usize, value: &[u8]| [&u16::try_from(bits).unwrap().to_be_bytes()[..], value].concat();
    let with = |r: Vec<u8>| enclosed(&[&content[..start], &r, &written(s.bits(), s.value())].concat());
    let zero = [&[0], r.value()].concat();
    for r in [
        // A zero before it, a length that claims too many bits, too few, and none.
        written(r.bits() + 8, &zero),
        written(r.value().len() * 8 + 1, &zero),
        written(65_535, r.value()),
        written(0, r.value()),
        written(r.bits() - 9, r.value()),
    ] {
        let Defect::Malformed(what) = why(&cert, &with(r)) else { panic!() };
        assert!(what.starts_with("holds no readable ") || what.starts_with("something follows"), "{what}");
    }
    good(verify(&cert, &with(written(r.bits(), r.value()))));
}

#[test]
fn a_signature_and_a_key_of_different_versions() {
    let new = builder(CipherSuite::Cv25519).set_profile(Profile::RFC9580).unwrap();
    let new = new.add_signing_subkey().generate().unwrap().0;
    let old = builder(CipherSuite::Cv25519).set_profile(Profile::RFC4880).unwrap();
    let old = old.add_signing_subkey().generate().unwrap().0;
    let version_4 = crafted(&new, |_| {});
    assert_eq!(version_4.version(), 4);
    assert_eq!(defect(&new, version_4), Defect::Improper("is of version 4, its key of version 6".into()));
    let Signature::V6(whole) = by(&new) else { panic!() };
    let mut hashed = whole.hashed_area().clone();
    let issuer = secret(&old, Role::Signing).public().fingerprint();
    hashed.replace(Subpacket::new(SubpacketValue::IssuerFingerprint(issuer), false).unwrap()).unwrap();
    let (typ, algorithm, hash) = (whole.typ(), whole.pk_algo(), whole.hash_algo());
    let (prefix, salt, numbers) = (*whole.digest_prefix(), whole.salt().to_vec(), whole.mpis().clone());
    let version_6 = Signature6::new(typ, algorithm, hash, hashed, Default::default(), prefix, salt, numbers).unwrap();
    assert_eq!(defect(&old, version_6.into()), Defect::Improper("is of version 6, its key of version 4".into()));
    good(judged(&new, &[by(&new).into()]));
    good(judged(&old, &[by(&old).into()]));
}

#[test]
fn a_version_6_signature_that_names_only_a_key_id() {
    let new = builder(CipherSuite::Cv25519).set_profile(Profile::RFC9580).unwrap();
    let new = new.add_signing_subkey().generate().unwrap().0;
    let key = secret(&new, Role::Signing).public().keyid();
    let mut hinted = by(&new);
    // A hint, whatever the format says of it: the key decides.
    hinted.unhashed_area_mut().add(Subpacket::new(SubpacketValue::Issuer(key), false).unwrap()).unwrap();
    good(judged(&new, &[hinted.clone().into()]));
    let stranger = builder(CipherSuite::Cv25519).set_profile(Profile::RFC9580).unwrap();
    let stranger = stranger.add_signing_subkey().generate().unwrap().0;
    assert_eq!(bad(judged(&stranger, &[hinted.into()])).defect, Defect::KeyNotHeld);
}

#[test]
fn a_curve_of_another_kind_than_the_signature() {
    let (edwards, nist) = (alice(), builder(CipherSuite::P256).add_signing_subkey().generate().unwrap().0);
    let key = secret(&nist, Role::Signing).public().clone();
    assert!(matches!(key.mpis(), mpi::PublicKey::ECDSA { curve: Curve::NistP256, .. }));
    let mpi::Signature::EdDSA { r, s } = by(&edwards).mpis().clone() else { panic!() };
    let confused = with_numbers(&by(&nist), mpi::Signature::EdDSA { r: r.clone(), s: s.clone() });
    assert_eq!(bad(judged(&nist, &[confused])).defect, Defect::DoesNotVerify);
    let confused = with_numbers(&by(&edwards), mpi::Signature::ECDSA { r, s });
    assert_eq!(bad(judged(&edwards, &[confused])).defect, Defect::DoesNotVerify);
    good(judged(&nist, &[by(&nist).into()]));
}

#[test]
fn a_user_id_of_a_colleague_in_the_signature() {
    let (alice, mallory) = (alice(), self::alice());
    let claims = crafted(&mallory, |area| {
        let user = SubpacketValue::SignersUserID(b"Alice <alice@example.com>".to_vec());
        area.add(Subpacket::new(user, false).unwrap()).unwrap();
    });
    let armor = armored(&[claims.into()]);
    assert_eq!(*good(verify_with(&held(&[&alice, &mallory]), PAYLOAD, &armor)).key(), named(&mallory));
    assert_eq!(bad(verify_with(&held(&[&alice]), PAYLOAD, &armor)).defect, Defect::KeyNotHeld);
}
