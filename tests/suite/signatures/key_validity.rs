//! Whether an OpenPGP key may sign, and when: flags, back-signatures, ends, revocations, as its certificate binds them.

use super::{
    Certificates, Defect, Home, PAYLOAD, bad, good,
    packets::{
        Role, alice, armored, binary, builder, day, held, judged, named, rsa, secret, signing_subkey, timestamp,
        validity,
    },
    verify_with,
};
use countersign::{
    registry::{Registry, VerifyTime, When},
    signature::openpgp::Validity,
    trusted::TrustedFiles,
};
use jiff::tz::TimeZone;
use sequoia_openpgp::{
    Cert, Packet,
    cert::{CertRevocationBuilder, CipherSuite, SubkeyRevocationBuilder, UserIDRevocationBuilder},
    crypto::{hash::Hash, mpi},
    packet::{
        Key, Signature, UserID,
        key::{Key4, PrimaryRole, PublicParts, SubordinateRole},
        signature::{
            Signature4, SignatureBuilder,
            subpacket::{Subpacket, SubpacketArea, SubpacketValue},
        },
    },
    serialize::SerializeInto,
    types::{Curve, HashAlgorithm, KeyFlags, PublicKeyAlgorithm, ReasonForRevocation, SignatureType},
};
use std::time::Duration;

const DAY: Duration = Duration::from_secs(86_400);

type Subkey = Key<PublicParts, SubordinateRole>;

fn signed(cert: &Cert, role: Role) -> Packet {
    binary().sign_message(&mut secret(cert, role), PAYLOAD).unwrap().into()
}

fn of(typ: SignatureType) -> SignatureBuilder {
    SignatureBuilder::new(typ).set_signature_creation_time(day(0)).unwrap()
}

fn lasting(builder: SignatureBuilder, days: u32) -> SignatureBuilder {
    builder.set_signature_validity_period(DAY * days).unwrap()
}

/// The agreement of Alice's signing subkey to sign for her certificate; by `signer`'s, if that is another.
fn agreement(alice: &Cert, signer: &Cert, builder: SignatureBuilder) -> Signature {
    let mut key = secret(signer, Role::Signing);
    builder.sign_primary_key_binding(&mut key, alice.primary_key().key(), &signing_subkey(alice)).unwrap()
}

fn agreed(alice: &Cert) -> Signature {
    agreement(alice, alice, of(SignatureType::PrimaryKeyBinding))
}

/// What binds a subkey for signing.
fn binding(agreement: Option<Signature>) -> SignatureBuilder {
    let binding = of(SignatureType::SubkeyBinding).set_key_flags(KeyFlags::empty().set_signing()).unwrap();
    match agreement {
        Some(agreement) => binding.set_embedded_signature(agreement).unwrap(),
        None => binding,
    }
}

/// Alice's certificate with no subkey but the one that signs, bound anew.
fn rebound(alice: &Cert, binding: SignatureBuilder) -> Cert {
    let subkey: Subkey = signing_subkey(alice);
    let binding = binding.sign_subkey_binding(&mut secret(alice, Role::Primary), None, &subkey).unwrap();
    let bare = alice.clone().strip_secret_key_material().retain_subkeys(|_| false);
    bare.insert_packets([Packet::from(subkey), binding.into()]).unwrap().0
}

/// Alice's certificate with another self-signature in place of hers.
fn self_signed(alice: &Cert, change: impl Fn(SignatureBuilder) -> SignatureBuilder) -> Cert {
    let user = alice.userids().next().unwrap().userid().clone();
    let signature = change(of(SignatureType::PositiveCertification));
    let signature = signature.sign_userid_binding(&mut secret(alice, Role::Primary), None, &user).unwrap();
    let primary = alice.primary_key().key().clone().parts_into_public();
    let rest = alice.clone().strip_secret_key_material().into_packets();
    let rest = rest.skip_while(|packet| !matches!(packet, Packet::PublicSubkey(_)));
    Cert::try_from([Packet::from(primary), user.into(), signature.into()].into_iter().chain(rest).collect::<Vec<_>>())
        .unwrap()
}

fn certifying(builder: SignatureBuilder) -> SignatureBuilder {
    builder.set_key_flags(KeyFlags::empty().set_certification()).unwrap()
}

#[track_caller]
fn improper(cert: &Cert, signature: &Packet, why: &str) {
    let bad = bad(judged(cert, std::slice::from_ref(signature)));
    assert_eq!((bad.defect, bad.key), (Defect::Improper(why.into()), Some(named(cert))));
}

fn validity_on(cert: &Cert, signature: &Packet, on: u64) -> Validity {
    validity(&good(judged(cert, std::slice::from_ref(signature))), day(on))
}

/// Good on the day before, and ended on that day and ever after.
#[track_caller]
fn ends_on(cert: &Cert, signature: &Packet, on: u64) {
    let end = timestamp(day(on));
    let validity = [on - 1, on, on + 1, on + 400].map(|on| validity_on(cert, signature, on));
    let ended = Validity::KeyExpired { end };
    assert_eq!(validity, [Validity::Good, ended, ended, ended]);
}

const UNBOUND: &str = "its certificate does not bind its key, or the key does not agree";
const NOT_FOR_SIGNING: &str = "its key is not one for signing";

#[test]
fn a_primary_key_that_only_certifies_and_a_subkey_that_only_encrypts() {
    let cert = rsa();
    improper(cert, &signed(cert, Role::Primary), NOT_FOR_SIGNING);
    improper(cert, &signed(cert, Role::Other), NOT_FOR_SIGNING);
    good(judged(cert, &[signed(cert, Role::Signing)]));
}

#[test]
fn a_subkey_without_a_back_signature_or_with_one_by_another_key() {
    let alice = alice();
    let signature = signed(&alice, Role::Signing);
    improper(&rebound(&alice, binding(None)), &signature, UNBOUND);
    let by_another = agreement(&alice, &self::alice(), of(SignatureType::PrimaryKeyBinding));
    improper(&rebound(&alice, binding(Some(by_another))), &signature, UNBOUND);
    let for_another = agreed(&self::alice());
    improper(&rebound(&alice, binding(Some(for_another))), &signature, UNBOUND);
    let weak_one = agreement(&alice, &alice, of(SignatureType::PrimaryKeyBinding).set_hash_algo(HashAlgorithm::SHA1));
    let weakly =
        bad(judged(&rebound(&alice, binding(Some(weak_one.clone()))), std::slice::from_ref(&signature))).defect;
    assert_eq!(weakly, Defect::Weak("its certificate is bound together with SHA-1 or MD5".into()));
    // Beside a strong one that is not hers.
    let mut both = binding(Some(weak_one));
    let strong =
        SubpacketValue::EmbeddedSignature(agreement(&alice, &self::alice(), of(SignatureType::PrimaryKeyBinding)));
    both.unhashed_area_mut().add(Subpacket::new(strong, false).unwrap()).unwrap();
    let weakly = bad(judged(&rebound(&alice, both), std::slice::from_ref(&signature))).defect;
    assert_eq!(weakly, Defect::Weak("its certificate is bound together with SHA-1 or MD5".into()));
    good(judged(&rebound(&alice, binding(Some(agreed(&alice)))), &[signature]));
}

#[test]
fn a_subkey_that_is_not_bound_for_signing() {
    let alice = alice();
    let signature = signed(&alice, Role::Signing);
    for flags in [KeyFlags::empty(), KeyFlags::empty().set_authentication(), KeyFlags::empty().set_certification()] {
        let other = of(SignatureType::SubkeyBinding).set_key_flags(flags).unwrap();
        improper(&rebound(&alice, other), &signature, NOT_FOR_SIGNING);
    }
    // Without flags, GnuPG misses the back-signature.
    improper(&rebound(&alice, of(SignatureType::SubkeyBinding)), &signature, NOT_FOR_SIGNING);
    good(judged(&rebound(&alice, binding(Some(agreed(&alice)))), &[signature]));
}

#[test]
fn a_primary_key_without_flags_is_for_signing_as_gpg_says() {
    let alice = alice();
    let signature = signed(&alice, Role::Primary);
    let home = Home::new();
    let flagless = self_signed(&alice, |own| own);
    home.write("certificate", &flagless.to_vec().unwrap());
    home.write("payload", PAYLOAD);
    home.write("payload.sig", &armored(std::slice::from_ref(&signature)));
    home.ok("gpg", &["--batch", "--quiet", "--import", "certificate"], b"");
    home.ok("gpg", &["--batch", "--quiet", "--verify", "payload.sig", "payload"], b"");
    assert_eq!(validity_on(&flagless, &signature, 2), Validity::Good);
    improper(&self_signed(&alice, certifying), &signature, NOT_FOR_SIGNING);
    let none = |own: SignatureBuilder| own.set_key_flags(KeyFlags::empty()).unwrap();
    improper(&self_signed(&alice, none), &signature, NOT_FOR_SIGNING);
}

#[test]
fn a_subkey_that_expired() {
    let alice = alice();
    let signature = signed(&alice, Role::Signing);
    let three_days = || binding(Some(agreed(&alice))).set_key_validity_period(DAY * 3).unwrap();
    ends_on(&rebound(&alice, three_days()), &signature, 3);
    assert_eq!(validity_on(&rebound(&alice, binding(Some(agreed(&alice)))), &signature, 400), Validity::Good);
}

#[test]
fn a_binding_that_expired() {
    let alice = alice();
    let signature = signed(&alice, Role::Signing);
    ends_on(&rebound(&alice, lasting(binding(Some(agreed(&alice))), 3)), &signature, 3);
    assert_eq!(validity_on(&rebound(&alice, lasting(binding(Some(agreed(&alice))), 9)), &signature, 3), Validity::Good);
}

#[test]
fn a_back_signature_that_expired() {
    let alice = alice();
    let signature = signed(&alice, Role::Signing);
    let for_days = |days| agreement(&alice, &alice, lasting(of(SignatureType::PrimaryKeyBinding), days));
    ends_on(&rebound(&alice, binding(Some(for_days(3)))), &signature, 3);
    assert_eq!(validity_on(&rebound(&alice, binding(Some(for_days(9)))), &signature, 3), Validity::Good);
    // Beside one that is no back-signature of hers and never ends.
    let strange = agreement(&alice, &self::alice(), of(SignatureType::PrimaryKeyBinding));
    let both = |days, strange: &Signature| {
        let mut binding = binding(Some(for_days(days)));
        let value = SubpacketValue::EmbeddedSignature(strange.clone());
        binding.unhashed_area_mut().add(Subpacket::new(value, false).unwrap()).unwrap();
        rebound(&alice, binding)
    };
    ends_on(&both(3, &strange), &signature, 3);
    assert_eq!(validity_on(&both(9, &strange), &signature, 3), Validity::Good);
    assert_eq!(validity_on(&both(3, &agreed(&alice)), &signature, 3), Validity::Good);
}

#[test]
fn a_primary_key_that_expired_takes_its_subkeys_with_it() {
    let alice = alice();
    let signature = signed(&alice, Role::Signing);
    ends_on(&self_signed(&alice, |own| certifying(own).set_key_validity_period(DAY * 3).unwrap()), &signature, 3);
    assert_eq!(validity_on(&self_signed(&alice, certifying), &signature, 400), Validity::Good);
}

#[test]
fn a_self_signature_that_expired_takes_the_certificate_with_it() {
    let alice = alice();
    let signature = signed(&alice, Role::Signing);
    let three_days = self_signed(&alice, |own| lasting(certifying(own), 3));
    ends_on(&three_days, &signature, 3);
    // The email, too, was theirs until then.
    let emails = |on| held(&[&three_days]).summaries(timestamp(day(on))).remove(0).emails;
    assert_eq!((emails(2), emails(3)), (vec!["alice@example.com".to_owned()], vec![]));
    assert_eq!(validity_on(&self_signed(&alice, |own| lasting(certifying(own), 9)), &signature, 3), Validity::Good);
}

#[test]
fn a_certificate_renewed_in_another_file() {
    let alice = alice();
    let signature = signed(&alice, Role::Signing);
    let until = |days| rebound(&alice, binding(Some(agreed(&alice))).set_key_validity_period(DAY * days).unwrap());
    let renewed = binding(Some(agreed(&alice))).set_signature_creation_time(day(5)).unwrap();
    let renewed = rebound(&alice, renewed.set_key_validity_period(DAY * 20).unwrap());
    let armor = armored(&[signature]);
    let old = until(3);
    for certificates in [held(&[&old, &renewed]), held(&[&renewed, &old]), held(&[&old, &old, &renewed])] {
        let verified = good(verify_with(&certificates, PAYLOAD, &armor));
        assert_eq!(validity(&verified, day(2)), Validity::Good);
        assert_eq!(validity(&verified, day(4)), Validity::KeyExpired { end: timestamp(day(3)) });
        assert_eq!(validity(&verified, day(6)), Validity::Good);
        assert_eq!(validity(&verified, day(20)), Validity::KeyExpired { end: timestamp(day(20)) });
        assert_eq!(certificates.summaries(timestamp(day(6))).len(), 1);
    }
    // A shorter life that was signed later counts as well.
    let shortened = binding(Some(agreed(&alice))).set_signature_creation_time(day(1)).unwrap();
    let shortened = rebound(&alice, shortened.set_key_validity_period(DAY * 2).unwrap());
    let verified = good(verify_with(&held(&[&shortened, &until(90)]), PAYLOAD, &armor));
    assert_eq!(validity(&verified, day(3)), Validity::KeyExpired { end: timestamp(day(2)) });
}

fn revocation_of_subkey(alice: &Cert, reason: ReasonForRevocation) -> Packet {
    let builder = SubkeyRevocationBuilder::new().set_signature_creation_time(day(5)).unwrap();
    let builder = builder.set_reason_for_revocation(reason, b"").unwrap();
    builder.build(&mut secret(alice, Role::Primary), alice, &signing_subkey(alice), None).unwrap().into()
}

#[test]
fn a_revoked_subkey_leaves_the_others_alone() {
    let builder =
        builder(CipherSuite::Cv25519).set_primary_key_flags(KeyFlags::empty().set_certification().set_signing());
    let alice = builder.add_signing_subkey().generate().unwrap().0;
    let keys: Vec<_> = alice.keys().secret().map(|key| key.key().clone()).collect();
    let sign = |place: usize| {
        let mut pair = keys[place].clone().into_keypair().unwrap();
        Packet::from(binary().sign_message(&mut pair, PAYLOAD).unwrap())
    };
    let (by_primary, by_subkey) = (sign(0), sign(1));
    let subkey = alice.keys().subkeys().next().unwrap().key().clone();
    let revocation = SubkeyRevocationBuilder::new().set_signature_creation_time(day(5)).unwrap();
    let revocation = revocation.set_reason_for_revocation(ReasonForRevocation::KeyCompromised, b"").unwrap();
    let revocation = revocation.build(&mut keys[0].clone().into_keypair().unwrap(), &alice, &subkey, None).unwrap();
    let revoked = alice.clone().insert_packets(revocation).unwrap().0.strip_secret_key_material();
    let alice = alice.strip_secret_key_material();
    assert_eq!(validity_on(&revoked, &by_subkey, 2), Validity::KeyRevoked);
    assert_eq!(validity_on(&revoked, &by_primary, 6), Validity::Good);
    assert_eq!(validity_on(&alice, &by_subkey, 6), Validity::Good);
}

/// Whoever hands a certificate on can add to it what they like.
#[test]
fn a_revocation_by_somebody_else_revokes_nothing() {
    let (alice, mallory) = (alice(), self::alice());
    let signature = signed(&alice, Role::Signing);
    let revocation = |by: &Cert| {
        let builder = CertRevocationBuilder::new().set_signature_creation_time(day(5)).unwrap();
        let builder = builder.set_reason_for_revocation(ReasonForRevocation::KeyCompromised, b"").unwrap();
        Packet::from(builder.build(&mut secret(by, Role::Primary), &alice, None).unwrap())
    };
    let with = |packet| alice.clone().insert_packets([packet]).unwrap().0.strip_secret_key_material();
    assert_eq!(validity_on(&with(revocation(&mallory)), &signature, 6), Validity::Good);
    assert_eq!(validity_on(&with(revocation(&alice)), &signature, 6), Validity::KeyRevoked);
    let theirs = revocation_of_subkey(&mallory, ReasonForRevocation::KeyCompromised);
    assert_eq!(validity_on(&with(theirs), &signature, 6), Validity::Good);
    let hers = revocation_of_subkey(&alice, ReasonForRevocation::KeyCompromised);
    assert_eq!(validity_on(&with(hers), &signature, 6), Validity::KeyRevoked);
}

#[test]
fn a_revocation_that_nobody_but_an_old_hash_vouches_for_still_revokes() {
    let alice = alice();
    let signature = signed(&alice, Role::Signing);
    for hash in [HashAlgorithm::MD5, HashAlgorithm::RipeMD, HashAlgorithm::SHA1] {
        let revocation = of(SignatureType::KeyRevocation).set_hash_algo(hash);
        let mut primary = secret(&alice, Role::Primary);
        let revocation = revocation.sign_direct_key(&mut primary, alice.primary_key().key()).unwrap();
        let revoked = alice.clone().insert_packets(revocation).unwrap().0;
        assert_eq!(validity_on(&revoked, &signature, 6), Validity::KeyRevoked, "{hash}");
    }
    assert_eq!(validity_on(&alice, &signature, 6), Validity::Good);
}

#[test]
fn a_revoked_user_id_names_nobody_and_the_key_stays() {
    let alice = alice();
    let user = alice.userids().next().unwrap().userid().clone();
    let builder = UserIDRevocationBuilder::new().set_signature_creation_time(day(5)).unwrap();
    let builder = builder.set_reason_for_revocation(ReasonForRevocation::UIDRetired, b"").unwrap();
    let revocation = builder.build(&mut secret(&alice, Role::Primary), &alice, &user, None).unwrap();
    let revoked = alice.clone().insert_packets(revocation).unwrap().0;
    let signer = |cert: &Cert, on| {
        let folder = tempfile::tempdir().unwrap();
        std::fs::create_dir(folder.path().join("openpgp")).unwrap();
        let bytes = cert.clone().strip_secret_key_material().to_vec().unwrap();
        std::fs::write(folder.path().join("openpgp/alice"), bytes).unwrap();
        let files = TrustedFiles::new(&[]).unwrap();
        let registry = Registry::load(&files, folder.path(), &[], &TimeZone::UTC).unwrap();
        let signature = verify_with(registry.certificates(), PAYLOAD, &armored(&[signed(&alice, Role::Signing)]));
        let now = timestamp(day(on));
        let attribution = registry.attribute(
            &signature,
            &When { now, received: None, verify_time: VerifyTime::Receipt, grace: 0, stated: None },
        );
        assert_eq!(attribution.status_name(), "good");
        attribution.signer().unwrap().0.clone()
    };
    assert_eq!(signer(&revoked, 4), "alice@example.com");
    assert_eq!(signer(&revoked, 6), named(&alice).to_string());
    assert_eq!(signer(&alice, 6), "alice@example.com");
}

/// A certificate of one primary key, bound by a signature that is never looked at.
fn with_primary(numbers: mpi::PublicKey, algorithm: PublicKeyAlgorithm) -> Cert {
    let key: Key<PublicParts, PrimaryRole> = Key4::new(day(0), algorithm, numbers).unwrap().into();
    Cert::try_from(vec![Packet::from(key), UserID::from("Alice <alice@example.com>").into()]).unwrap()
}

/// A signature that names this key, with the numbers that are made from its digest.
fn claimed(cert: &Cert, hash: HashAlgorithm, numbers: impl Fn(&[u8]) -> mpi::Signature) -> Packet {
    let key = cert.primary_key().key();
    let mut hashed = SubpacketArea::default();
    for value in [
        SubpacketValue::SignatureCreationTime(day(1).try_into().unwrap()),
        SubpacketValue::IssuerFingerprint(key.fingerprint()),
    ] {
        hashed.add(Subpacket::new(value, false).unwrap()).unwrap();
    }
    let whole = |numbers| {
        let (unhashed, binary) = (SubpacketArea::default(), SignatureType::Binary);
        Signature::from(Signature4::new(binary, key.pk_algo(), hash, hashed.clone(), unhashed, [0; 2], numbers))
    };
    let mut context = hash.context().unwrap().for_signature(4);
    context.update(PAYLOAD);
    whole(numbers(&[])).hash(&mut context).unwrap();
    whole(numbers(&context.into_digest().unwrap())).into()
}

/// What a signature by RSA is before the private key is applied, of 256 octets (RFC 8017, 9.2).
fn padded(hash: HashAlgorithm, digest: &[u8]) -> Vec<u8> {
    let named = [hash.oid().unwrap(), digest].concat();
    [&[0, 1][..], &vec![0xff; 253 - named.len()], &[0], &named].concat()
}

#[test]
fn an_rsa_key_whose_exponent_lets_anybody_sign() {
    let cert = rsa();
    let mpi::PublicKey::RSA { n, .. } = cert.primary_key().key().mpis() else { panic!() };
    for exponent in [0, 1, 2, 65_536] {
        let e = mpi::MPI::new(&u32::to_be_bytes(exponent));
        let key = with_primary(mpi::PublicKey::RSA { e, n: n.clone() }, PublicKeyAlgorithm::RSAEncryptSign);
        let refused = |hash| {
            // With the exponent 1, this is the signature of every key.
            let claimed = claimed(&key, hash, |digest| mpi::Signature::RSA { s: padded(hash, digest).into() });
            bad(judged(&key, &[claimed])).defect
        };
        assert_eq!(refused(HashAlgorithm::SHA512), Defect::Malformed("not an RSA key".into()), "{exponent}");
        // By the other implementation, which does what the first does not.
        assert_eq!(refused(HashAlgorithm::SHA224), Defect::DoesNotVerify, "{exponent}");
    }
    good(judged(cert, &[signed(cert, Role::Signing)]));
}

#[test]
fn an_rsa_key_one_bit_too_short() {
    let cert = rsa();
    let mpi::PublicKey::RSA { n, e } = cert.primary_key().key().mpis() else { panic!() };
    let mut short = n.value().to_vec();
    short[0] &= 0x7f;
    short[0] |= 0x40;
    let short = with_primary(mpi::PublicKey::RSA { e: e.clone(), n: short.into() }, PublicKeyAlgorithm::RSAEncryptSign);
    let claimed = claimed(&short, HashAlgorithm::SHA512, |_| mpi::Signature::RSA { s: vec![2; 256].into() });
    let refused = bad(judged(&short, &[claimed])).defect;
    assert_eq!(refused, Defect::Weak("RSA of 2047 bits".into()));
    good(judged(cert, &[signed(cert, Role::Signing)]));
}

/// With the neutral element as key, the signature (1, 0) is good for every message.
#[test]
fn an_ed25519_key_of_small_order_lets_nobody_sign() {
    let neutral = [&[1][..], &[0; 31]].concat();
    let q = mpi::MPI::new(&[&[0x40], &*neutral].concat());
    let key = with_primary(mpi::PublicKey::EdDSA { curve: Curve::Ed25519, q }, PublicKeyAlgorithm::EdDSA);
    let numbers = |_: &[u8]| mpi::Signature::EdDSA { r: neutral.clone().into(), s: vec![0].into() };
    let refused = bad(judged(&key, &[claimed(&key, HashAlgorithm::SHA512, numbers)])).defect;
    assert_eq!(refused, Defect::Weak("an Ed25519 key of small order".into()));
    let alice = alice();
    good(judged(&alice, &[signed(&alice, Role::Signing)]));
}

#[test]
fn no_certificate_at_all() {
    let alice = alice();
    let nobody = bad(verify_with(&Certificates::default(), PAYLOAD, &armored(&[signed(&alice, Role::Signing)])));
    assert_eq!(nobody.defect, Defect::KeyNotHeld);
    good(judged(&alice, &[signed(&alice, Role::Signing)]));
}
