//! OpenPGP signatures and certificates that GnuPG does not make, made with sequoia.

use super::{Bad, Certificates, Defect, PAYLOAD, Verified, bad, good, verify_with};
use countersign::{
    push::Timestamp,
    registry::{Registry, VerifyTime, When},
    signature::{Evidence, Fingerprint, openpgp::Validity},
    trusted::TrustedFiles,
};
use jiff::tz::TimeZone;
use sequoia_openpgp::{
    Cert, Packet, Profile,
    armor::{Kind, Writer},
    cert::{
        CertBuilder, CertRevocationBuilder, CipherSuite, SubkeyRevocationBuilder, UserIDRevocationBuilder,
        amalgamation::key::PrimaryKey,
    },
    crypto::{KeyPair, Signer, hash::Hash, mpi},
    packet::{
        Body, CompressedData, Key, Literal, Marker, Signature, UserID,
        key::{PublicParts, SubordinateRole},
        signature::{
            Signature4, SignatureBuilder,
            subpacket::{NotationDataFlags, Subpacket, SubpacketArea, SubpacketTag, SubpacketValue},
        },
    },
    policy::StandardPolicy,
    serialize::{Serialize, SerializeInto},
    types::{CompressionAlgorithm, DataFormat, HashAlgorithm, KeyFlags, ReasonForRevocation, SignatureType},
};
use std::{
    io::Write,
    sync::OnceLock,
    time::{Duration, SystemTime, UNIX_EPOCH},
};

const DAY: u64 = 86_400;

/// Days after 2026-01-01T00:00:00Z.
pub(super) fn day(day: u64) -> SystemTime {
    UNIX_EPOCH + Duration::from_secs(1_767_225_600 + day * DAY)
}

pub(super) fn timestamp(time: SystemTime) -> Timestamp {
    Timestamp(time.duration_since(UNIX_EPOCH).unwrap().as_secs().try_into().unwrap())
}

pub(super) fn builder(suite: CipherSuite) -> CertBuilder<'static> {
    CertBuilder::new().add_userid("Alice <alice@example.com>").set_creation_time(day(0)).set_cipher_suite(suite)
}

/// A primary key that certifies, a subkey that signs, one that encrypts.
pub(super) fn alice() -> Cert {
    builder(CipherSuite::Cv25519).add_signing_subkey().add_transport_encryption_subkey().generate().unwrap().0
}

/// As [`alice`], by RSA. Made once: it takes long.
pub(super) fn rsa() -> &'static Cert {
    static RSA: OnceLock<Cert> = OnceLock::new();
    RSA.get_or_init(|| {
        let builder = builder(CipherSuite::RSA2k).add_signing_subkey().add_transport_encryption_subkey();
        builder.generate().unwrap().0
    })
}

#[derive(Clone, Copy, PartialEq)]
pub(super) enum Role {
    Primary,
    Signing,
    Other,
}

pub(super) fn secret(cert: &Cert, role: Role) -> KeyPair {
    let policy = StandardPolicy::at(day(0));
    let keys = cert.keys().secret().with_policy(&policy, day(9));
    let mut found = keys.filter(|key| match role {
        Role::Primary => key.primary(),
        Role::Signing => key.for_signing(),
        Role::Other => !key.primary() && !key.for_signing(),
    });
    found.next().unwrap().key().clone().into_keypair().unwrap()
}

pub(super) fn signing_subkey(cert: &Cert) -> Key<PublicParts, SubordinateRole> {
    let fingerprint = secret(cert, Role::Signing).public().fingerprint();
    let mut subkeys = cert.keys().subkeys();
    subkeys.find(|key| key.key().fingerprint() == fingerprint).unwrap().key().clone()
}

pub(super) fn binary() -> SignatureBuilder {
    SignatureBuilder::new(SignatureType::Binary).set_signature_creation_time(day(1)).unwrap()
}

pub(super) fn armored(packets: &[Packet]) -> Vec<u8> {
    let mut writer = Writer::new(Vec::new(), Kind::Signature).unwrap();
    for packet in packets {
        packet.serialize(&mut writer).unwrap();
    }
    writer.finalize().unwrap()
}

pub(super) fn held(certs: &[&Cert]) -> Certificates {
    let mut certificates = Certificates::default();
    for cert in certs {
        certificates.add_file(&SerializeInto::to_vec(*cert).unwrap()).unwrap();
    }
    certificates
}

pub(super) fn named(cert: &Cert) -> Fingerprint {
    Fingerprint::OpenPgp(cert.fingerprint().as_bytes().into())
}

pub(super) fn judged(cert: &Cert, packets: &[Packet]) -> countersign::signature::Signature {
    verify_with(&held(&[cert]), PAYLOAD, &armored(packets))
}

pub(super) fn defect(cert: &Cert, signature: Signature) -> Defect {
    bad(judged(cert, &[signature.into()])).defect
}

pub(super) fn malformed(why: &str) -> Defect {
    Defect::Malformed(why.into())
}

pub(super) fn validity(verified: &Verified, at: SystemTime) -> Validity {
    let Evidence::OpenPgp(signed_by) = verified.evidence() else { panic!() };
    signed_by.validity(timestamp(at), timestamp(at))
}

/// Twice a good signature is not a good one; nor is a good one beside one of somebody else.
#[test]
fn more_than_one_signature_is_ambiguous() {
    let (alice, mallory) = (alice(), self::alice());
    let by = |cert: &Cert| Packet::from(binary().sign_message(&mut secret(cert, Role::Signing), PAYLOAD).unwrap());
    let certificates = held(&[&alice]);
    for packets in [[by(&alice), by(&alice)], [by(&alice), by(&mallory)], [by(&mallory), by(&alice)]] {
        assert_eq!(bad(verify_with(&certificates, PAYLOAD, &armored(&packets))).defect, Defect::Ambiguous);
    }
    let two_armors = [armored(&[by(&alice)]), armored(&[by(&alice)])].concat();
    assert_eq!(bad(verify_with(&certificates, PAYLOAD, &two_armors)).defect, Defect::Ambiguous);
    good(verify_with(&certificates, PAYLOAD, &armored(&[by(&alice)])));
}

#[test]
fn nothing_but_a_signature_may_be_there() {
    let alice = alice();
    let signature = Packet::from(binary().sign_message(&mut secret(&alice, Role::Signing), PAYLOAD).unwrap());
    let mut literal = Literal::new(DataFormat::Binary);
    literal.set_body(PAYLOAD.to_vec());
    let literal = Packet::from(literal);
    let mut compressed = CompressedData::new(CompressionAlgorithm::Uncompressed);
    compressed.set_body(Body::Structured(vec![signature.clone()]));
    for (packets, why) in [
        (vec![literal.clone(), signature.clone()], "holds a packet of the type \"Literal Data Packet\""),
        (vec![signature.clone(), literal], "holds a packet of the type \"Literal Data Packet\""),
        (vec![compressed.into()], "holds a packet of the type \"Compressed Data Packet\""),
        (vec![Marker::default().into(), signature.clone()], "holds a packet of the type \"Marker Packet\""),
    ] {
        assert_eq!(bad(judged(&alice, &packets)).defect, malformed(why));
    }
    let armor = armored(&[signature]);
    for (changed, why) in [
        (b"-----BEGIN PGP SIGNATURE-----\n\n-----END PGP SIGNATURE-----\n".to_vec(), "holds no packet"),
        ([&armor[..], b"hello\n"].concat(), "something follows its armor"),
        (
            String::from_utf8(armor.clone()).unwrap().replace("SIGNATURE", "MESSAGE").into_bytes(),
            "is in the armor of a message, not of a signature",
        ),
        (
            String::from_utf8(armor.clone()).unwrap().replacen("\n\n", "\n", 1).into_bytes(),
            "its armor has no blank line after the headers",
        ),
    ] {
        assert_eq!(bad(verify_with(&held(&[&alice]), PAYLOAD, &changed)).defect, malformed(why));
    }
    good(verify_with(&held(&[&alice]), PAYLOAD, &armor));
}

#[test]
fn a_signature_of_another_type_is_none_over_a_document() {
    let alice = alice();
    // Also one that was made for something else by the same key: a certification, a binding, a revocation, a timestamp.
    for code in [0x01, 0x02, 0x10, 0x11, 0x12, 0x13, 0x18, 0x19, 0x1f, 0x20, 0x28, 0x30, 0x40, 0x50, 0x60, 0xff] {
        let typ = SignatureType::from(code);
        let builder = SignatureBuilder::new(typ).set_signature_creation_time(day(1)).unwrap();
        let hash = HashAlgorithm::SHA512.context().unwrap().for_signature(4);
        let mut hash = hash;
        hash.update(PAYLOAD);
        let signature =
            builder.set_hash_algo(HashAlgorithm::SHA512).sign_hash(&mut secret(&alice, Role::Signing), hash).unwrap();
        let why = format!("is no signature over a document, but of type \"{typ}\"");
        assert_eq!(defect(&alice, signature), Defect::Malformed(why));
    }
    good(judged(&alice, &[binary().sign_message(&mut secret(&alice, Role::Signing), PAYLOAD).unwrap().into()]));
}

#[test]
fn its_own_time_must_be_among_what_is_signed() {
    let alice = alice();
    let time = || Subpacket::new(SubpacketValue::SignatureCreationTime(day(1).try_into().unwrap()), false).unwrap();
    let without = || binary().suppress_signature_creation_time().unwrap();
    let signature = without().sign_message(&mut secret(&alice, Role::Signing), PAYLOAD).unwrap();
    assert_eq!(defect(&alice, signature.clone()), malformed("has no creation time"));
    let mut moved = signature;
    moved.unhashed_area_mut().add(time()).unwrap();
    assert_eq!(defect(&alice, moved), malformed("does not cover its own creation time"));
    // Beside one that is signed, another one is ignored.
    let mut twice = binary().sign_message(&mut secret(&alice, Role::Signing), PAYLOAD).unwrap();
    twice
        .unhashed_area_mut()
        .add(Subpacket::new(SubpacketValue::SignatureCreationTime(day(9).try_into().unwrap()), false).unwrap())
        .unwrap();
    assert_eq!(good(judged(&alice, &[twice.into()])).stated_time(), Some(timestamp(day(1))));
}

#[test]
fn what_is_critical_must_be_known() {
    let alice = alice();
    let unknown = |critical| {
        let mut builder = binary();
        let value = SubpacketValue::Unknown { tag: SubpacketTag::Private(100), body: vec![1] };
        builder.hashed_area_mut().add(Subpacket::new(value, critical).unwrap()).unwrap();
        builder.sign_message(&mut secret(&alice, Role::Signing), PAYLOAD).unwrap()
    };
    let notation = |critical| {
        let flags = NotationDataFlags::empty().set_human_readable();
        let builder = binary().set_notation("only@example.com", "on Mondays", flags, critical).unwrap();
        builder.sign_message(&mut secret(&alice, Role::Signing), PAYLOAD).unwrap()
    };
    assert!(
        matches!(defect(&alice, unknown(true)), Defect::Unsupported(what) if what.starts_with("the critical subpacket "))
    );
    assert_eq!(defect(&alice, notation(true)), Defect::Unsupported("the critical notation `only@example.com`".into()));
    for accepted in [unknown(false), notation(false)] {
        good(judged(&alice, &[accepted.into()]));
    }
}

#[test]
fn issuers_are_hints_and_the_key_decides() {
    let (alice, mallory) = (alice(), self::alice());
    let certificates = held(&[&alice, &mallory]);
    let judge = |signature: Signature| verify_with(&certificates, PAYLOAD, &armored(&[signature.into()]));
    let fingerprint = |cert: &Cert| secret(cert, Role::Signing).public().fingerprint();
    // Names Alice, is by Mallory.
    let spoofed = binary().set_issuer_fingerprint(fingerprint(&alice)).unwrap();
    let bad = bad(judge(spoofed.sign_message(&mut secret(&mallory, Role::Signing), PAYLOAD).unwrap()));
    assert_eq!((bad.defect, bad.key), (Defect::DoesNotVerify, Some(named(&alice))));
    // Says where it is signed that it is Alice's, and where it is not, that it is Mallory's, whose it is.
    let lying = binary().set_issuer_fingerprint(fingerprint(&alice)).unwrap();
    let mut lying = lying.sign_message(&mut secret(&mallory, Role::Signing), PAYLOAD).unwrap();
    let truth = SubpacketValue::IssuerFingerprint(fingerprint(&mallory));
    lying.unhashed_area_mut().add(Subpacket::new(truth, false).unwrap()).unwrap();
    assert_eq!(super::bad(judge(lying)).defect, Defect::DoesNotVerify);
    // Is by Alice; says so only where it is not signed.
    let mut signature = binary().sign_message(&mut secret(&alice, Role::Signing), PAYLOAD).unwrap();
    let issuers: Vec<Subpacket> =
        signature.hashed_area().iter().filter(|subpacket| is_issuer(subpacket)).cloned().collect();
    assert!(!issuers.is_empty());
    let moved = unnamed(&alice);
    assert_eq!(super::bad(judge(moved.clone())).defect, malformed("names no issuer"));
    let mut hinted = moved.clone();
    for issuer in issuers {
        hinted.unhashed_area_mut().add(issuer).unwrap();
    }
    assert_eq!(*good(judge(hinted)).key(), named(&alice));
    // A key id beside, of somebody else, changes nothing.
    let key_id =
        Subpacket::new(SubpacketValue::Issuer(secret(&mallory, Role::Signing).public().keyid()), false).unwrap();
    signature.unhashed_area_mut().add(key_id).unwrap();
    assert_eq!(*good(judge(signature)).key(), named(&alice));
    // No end of issuers.
    let mut many = moved;
    for number in 0..9u64 {
        let issuer = SubpacketValue::Issuer(number.into());
        many.unhashed_area_mut().add(Subpacket::new(issuer, false).unwrap()).unwrap();
    }
    assert_eq!(super::bad(judge(many)).defect, malformed("names too many issuers"));
}

fn is_issuer(subpacket: &Subpacket) -> bool {
    matches!(subpacket.tag(), SubpacketTag::Issuer | SubpacketTag::IssuerFingerprint)
}

/// A good signature that says nowhere whose it is.
fn unnamed(cert: &Cert) -> Signature {
    crafted(cert, |area| {
        area.remove_all(SubpacketTag::Issuer);
        area.remove_all(SubpacketTag::IssuerFingerprint);
    })
}

/// A good signature with whatever is put into what it covers.
pub(super) fn crafted(cert: &Cert, change: impl FnOnce(&mut SubpacketArea)) -> Signature {
    let pair = secret(cert, Role::Signing);
    let mut hashed = binary().pre_sign(&pair).unwrap().hashed_area().clone();
    change(&mut hashed);
    let whole = |prefix, numbers| {
        let (algorithm, unhashed) = (pair.public().pk_algo(), SubpacketArea::default());
        let binary = SignatureType::Binary;
        Signature::from(Signature4::new(binary, algorithm, SHA512, hashed.clone(), unhashed, prefix, numbers))
    };
    let unsigned = whole([0; 2], mpi::Signature::RSA { s: vec![1].into() });
    let mut hash = SHA512.context().unwrap().for_signature(4);
    hash.update(PAYLOAD);
    unsigned.hash(&mut hash).unwrap();
    let digest = hash.into_digest().unwrap();
    let numbers = pair.clone().sign(SHA512, &digest).unwrap();
    whole([digest[0], digest[1]], numbers)
}

const SHA512: HashAlgorithm = HashAlgorithm::SHA512;

#[test]
fn a_key_signs_only_if_its_certificate_says_so() {
    let cert = builder(CipherSuite::Cv25519).add_signing_subkey().add_authentication_subkey().generate().unwrap().0;
    let by = |role| binary().sign_message(&mut secret(&cert, role), PAYLOAD).unwrap();
    for role in [Role::Primary, Role::Other] {
        let bad = bad(judged(&cert, &[by(role).into()]));
        let why = Defect::Improper("its key is not one for signing".into());
        assert_eq!((bad.defect, bad.key), (why, Some(named(&cert))));
    }
    good(judged(&cert, &[by(Role::Signing).into()]));
}

/// Mallory binds Alice's signing key to her own certificate, to claim what Alice signed.
#[test]
fn a_subkey_that_did_not_agree_signs_for_nobody() {
    let alice = alice();
    let mallory = builder(CipherSuite::Cv25519).generate().unwrap().0;
    let stolen = signing_subkey(&alice);
    let binding = SignatureBuilder::new(SignatureType::SubkeyBinding)
        .set_signature_creation_time(day(0))
        .unwrap()
        .set_key_flags(KeyFlags::empty().set_signing())
        .unwrap();
    let binding = binding.sign_subkey_binding(&mut secret(&mallory, Role::Primary), None, &stolen).unwrap();
    let mallory = mallory.strip_secret_key_material().insert_packets([Packet::from(stolen), binding.into()]).unwrap().0;
    let signature = binary().sign_message(&mut secret(&alice, Role::Signing), PAYLOAD).unwrap();
    let armor = armored(&[signature.into()]);
    let bad = bad(verify_with(&held(&[&mallory]), PAYLOAD, &armor));
    let why = Defect::Improper("its certificate does not bind its key, or the key does not agree".into());
    assert_eq!((bad.defect, bad.key), (why, Some(named(&mallory))));
    for certificates in [held(&[&mallory, &alice]), held(&[&alice, &mallory])] {
        assert_eq!(*good(verify_with(&certificates, PAYLOAD, &armor)).key(), named(&alice));
    }
}

/// Mallory's own certificate, with each of Alice's keys bound to it, for which hers need not agree: `keys` in
/// `signers.toml`, by which Alice is known, must not find it.
#[test]
fn a_certificate_is_not_anothers_for_holding_the_others_key() {
    let alice = alice();
    let mallory = builder(CipherSuite::Cv25519).add_signing_subkey().generate().unwrap().0;
    let stolen = alice.keys().map(|key| key.key().clone().parts_into_public().role_into_subordinate());
    let mut packets = Vec::new();
    for stolen in stolen {
        let binding = SignatureBuilder::new(SignatureType::SubkeyBinding)
            .set_signature_creation_time(day(0))
            .unwrap()
            .set_key_flags(KeyFlags::empty().set_transport_encryption())
            .unwrap();
        let binding = binding.sign_subkey_binding(&mut secret(&mallory, Role::Primary), None, &stolen).unwrap();
        packets.extend([Packet::from(stolen), binding.into()]);
    }
    let signature = binary().sign_message(&mut secret(&mallory, Role::Signing), PAYLOAD).unwrap();
    let stuffed = mallory.clone().strip_secret_key_material().insert_packets(packets).unwrap().0;
    assert_eq!(stuffed.keys().count(), mallory.keys().count() + alice.keys().count());
    let keys = |cert: &Cert, certs: &[&Cert]| held(certs).summary(&named(cert), timestamp(day(2))).unwrap().keys;
    let stripped = alice.clone().strip_secret_key_material();
    let signing = |cert: &Cert| Fingerprint::OpenPgp(signing_subkey(cert).fingerprint().as_bytes().into());
    for certs in [[&stuffed, &stripped], [&stripped, &stuffed]] {
        assert_eq!(keys(&stuffed, &certs), [named(&mallory), signing(&mallory)]);
        assert_eq!(keys(&alice, &certs), [named(&alice), signing(&alice)]);
    }

    let folder = tempfile::tempdir().unwrap();
    std::fs::create_dir(folder.path().join("openpgp")).unwrap();
    std::fs::write(folder.path().join("openpgp/all"), [stuffed, stripped].map(|cert| cert.to_vec().unwrap()).concat())
        .unwrap();
    let now = timestamp(day(2));
    let when = When { now, received: None, verify_time: VerifyTime::Receipt, grace: 0, stated: None };
    let files = TrustedFiles::new(&[]).unwrap();
    let by_alice = binary().sign_message(&mut secret(&alice, Role::Signing), PAYLOAD).unwrap();
    for listed in [named(&alice), signing(&alice)] {
        let signers = format!("[[signer]]\nid = 'alice'\nkeys = ['{listed}']\n");
        std::fs::write(folder.path().join("signers.toml"), signers).unwrap();
        let registry = Registry::load(&files, folder.path(), &[], &TimeZone::UTC).unwrap();
        let signer = |signature: &Signature| {
            let signature = verify_with(registry.certificates(), PAYLOAD, &armored(&[Packet::from(signature.clone())]));
            registry.attribute(&signature, &when).signer().map(|id| id.0.clone())
        };
        assert_eq!(signer(&signature), Some(named(&mallory).to_string()));
        assert_eq!(signer(&by_alice).as_deref(), Some("alice"));
    }
}

/// A secret number in the public key's packet: seen only when the certificate is parsed, which is long after it is read.
#[test]
fn a_certificate_that_cannot_be_parsed_is_told_and_takes_none_with_it() {
    let (alice, broken) = (self::alice(), self::alice());
    let strip = |cert: &Cert| cert.clone().strip_secret_key_material().to_vec().unwrap();
    let mut bytes = strip(&broken);
    let end = 2 + usize::from(bytes[1]);
    bytes.splice(end..end, [0; 5]);
    bytes[1] += 5;
    let folder = tempfile::tempdir().unwrap();
    std::fs::create_dir(folder.path().join("openpgp")).unwrap();
    let told = |bytes: &[u8]| {
        std::fs::write(folder.path().join("openpgp/all"), [bytes, &strip(&alice)].concat()).unwrap();
        let files = TrustedFiles::new(&[]).unwrap();
        let registry = Registry::load(&files, folder.path(), &[], &TimeZone::UTC).unwrap();
        let signature = binary().sign_message(&mut secret(&alice, Role::Signing), PAYLOAD).unwrap();
        let signature = verify_with(registry.certificates(), PAYLOAD, &armored(&[Packet::from(signature)]));
        assert_eq!(*good(signature).key(), named(&alice));
        let lints = registry.check(timestamp(day(2))).into_iter();
        lints.map(|lint| lint.what).filter(|what| what.contains("cannot be read")).collect::<Vec<_>>()
    };
    let unreadable = told(&bytes);
    let [what] = unreadable.as_slice() else { panic!("{unreadable:?}") };
    assert!(what.ends_with(" cannot be read: nobody is trusted for it"), "{what}");
    assert_eq!(told(&strip(&broken)), [""; 0]);
}

#[test]
fn a_signature_older_than_its_key_is_bad() {
    let alice = alice();
    let at = |time| {
        let builder = SignatureBuilder::new(SignatureType::Binary).set_signature_creation_time(time).unwrap();
        builder.sign_message(&mut secret(&alice, Role::Signing), PAYLOAD).unwrap()
    };
    let early = at(day(0) - Duration::from_secs(1));
    assert_eq!(defect(&alice, early), Defect::Improper("is dated before its key was made".into()));
    good(judged(&alice, &[at(day(0)).into()]));
}

#[test]
fn version_6_certificates_and_all_curves_verify() {
    for suite in [
        CipherSuite::Cv25519,
        CipherSuite::Cv448,
        CipherSuite::P256,
        CipherSuite::P384,
        CipherSuite::P521,
        CipherSuite::RSA2k,
    ] {
        for profile in [Profile::RFC4880, Profile::RFC9580] {
            if profile == Profile::RFC4880 && matches!(suite, CipherSuite::Cv448) {
                continue;
            }
            let builder = builder(suite).set_profile(profile).unwrap();
            let cert = builder.add_signing_subkey().generate().unwrap().0;
            for hash in [HashAlgorithm::SHA256, HashAlgorithm::SHA512, HashAlgorithm::SHA3_256] {
                if suite == CipherSuite::RSA2k && hash == HashAlgorithm::SHA3_256 {
                    continue; // Sequoia does not sign so.
                }
                let builder = binary().set_hash_algo(hash);
                let signature = builder.sign_message(&mut secret(&cert, Role::Signing), PAYLOAD).unwrap();
                let certificates = held(&[&cert]);
                let armor = armored(&[signature.into()]);
                let verified = good(verify_with(&certificates, PAYLOAD, &armor));
                assert_eq!(*verified.key(), named(&cert));
                assert_eq!(validity(&verified, day(2)), Validity::Good);
                let Bad { defect, .. } = bad(verify_with(&certificates, b"other", &armor));
                assert_eq!(defect, Defect::DoesNotVerify);
            }
        }
    }
}

#[test]
fn no_signed_byte_of_a_signature_can_change() {
    let alice = alice();
    let certificates = held(&[&alice]);
    let signature = binary().sign_message(&mut secret(&alice, Role::Signing), PAYLOAD).unwrap();
    let packet = Packet::from(signature).to_vec().unwrap();
    let armor = |bytes: &[u8]| {
        let mut writer = Writer::new(Vec::new(), Kind::Signature).unwrap();
        writer.write_all(bytes).unwrap();
        writer.finalize().unwrap()
    };
    good(verify_with(&certificates, PAYLOAD, &armor(&packet)));
    // All but the unhashed area and the two digest bytes before the numbers, which nothing signs; here, what lies
    // before them, and the numbers.
    let signed = 8 + usize::from(u16::from_be_bytes([packet[6], packet[7]]));
    let numbers = packet.len() - 66;
    let mut changed = 0;
    for at in (0..signed).chain(numbers..packet.len()) {
        let mut packet = packet.clone();
        packet[at] ^= 1 << (at % 8);
        bad(verify_with(&certificates, PAYLOAD, &armor(&packet)));
        changed += 1;
    }
    assert!(changed > 80);
    for length in 0..packet.len() {
        bad(verify_with(&certificates, PAYLOAD, &armor(&packet[..length])));
    }
}

#[test]
fn revocations_void_all_or_what_comes_after() {
    let alice = alice();
    let signature = Packet::from(binary().sign_message(&mut secret(&alice, Role::Signing), PAYLOAD).unwrap());
    let whole = |reason| {
        let builder = CertRevocationBuilder::new().set_signature_creation_time(day(5)).unwrap();
        let builder = builder.set_reason_for_revocation(reason, b"").unwrap();
        builder.build(&mut secret(&alice, Role::Primary), &alice, None).unwrap()
    };
    let subkey = |reason| {
        let builder = SubkeyRevocationBuilder::new().set_signature_creation_time(day(5)).unwrap();
        let builder = builder.set_reason_for_revocation(reason, b"").unwrap();
        let key = signing_subkey(&alice);
        builder.build(&mut secret(&alice, Role::Primary), &alice, &key, None).unwrap()
    };
    use ReasonForRevocation::{KeyCompromised, KeyRetired, KeySuperseded, Unspecified};
    let revocations: [&dyn Fn(ReasonForRevocation) -> Signature; 2] = [&whole, &subkey];
    for revocation in revocations {
        for (reason, before) in [
            (KeyCompromised, Validity::KeyRevoked),
            (Unspecified, Validity::KeyRevoked),
            (KeyRetired, Validity::Good),
            (KeySuperseded, Validity::Good),
        ] {
            let revoked = alice.clone().insert_packets(revocation(reason)).unwrap().0;
            let verified = good(judged(&revoked.strip_secret_key_material(), std::slice::from_ref(&signature)));
            assert_eq!(validity(&verified, day(2)), before, "{reason}");
            assert_eq!(validity(&verified, day(6)), Validity::KeyRevoked, "{reason}");
        }
    }
    assert_eq!(validity(&good(judged(&alice.strip_secret_key_material(), &[signature])), day(6)), Validity::Good);
}

/// Whoever hands a certificate on can add user IDs to it, and certify them with a key of their own.
#[test]
fn only_what_its_holder_bound_is_a_certificates_email() {
    let (alice, mallory) = (
        builder(CipherSuite::Cv25519)
            .add_userid("Alice <alice@old.example>")
            .add_userid("no address")
            .add_signing_subkey()
            .generate()
            .unwrap()
            .0,
        alice(),
    );
    let stolen = UserID::from("Bob <bob@example.com>");
    let certified = SignatureBuilder::new(SignatureType::GenericCertification)
        .set_signature_creation_time(day(0))
        .unwrap()
        .sign_userid_binding(&mut secret(&mallory, Role::Primary), Some(alice.primary_key().key()), &stolen)
        .unwrap();
    let left = alice.userids().find(|user| user.userid().value() == b"Alice <alice@old.example>").unwrap();
    let revocation = UserIDRevocationBuilder::new()
        .set_signature_creation_time(day(5))
        .unwrap()
        .set_reason_for_revocation(ReasonForRevocation::UIDRetired, b"")
        .unwrap()
        .build(&mut secret(&alice, Role::Primary), &alice, left.userid(), None)
        .unwrap();
    let packets = [Packet::from(stolen), certified.into(), revocation.into()];
    let cert = alice.clone().insert_packets(packets).unwrap().0.strip_secret_key_material();
    let certificates = held(&[&cert]);
    let emails = |at| certificates.summaries(timestamp(at)).remove(0).emails;
    assert_eq!(emails(day(2)), ["alice@example.com", "alice@old.example"]);
    assert_eq!(emails(day(6)), ["alice@example.com"]);
    assert_eq!(certificates.summaries(timestamp(day(2)))[0].name.as_deref(), Some("Alice <alice@example.com>"));
}
