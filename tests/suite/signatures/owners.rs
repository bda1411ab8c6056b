//! Whose an OpenPGP signature is, and whether it counts: certificates, `signers.toml` and time together.

use super::{
    PAYLOAD,
    packets::{Role, alice, armored, binary, builder, day, named, secret, signing_subkey, timestamp},
    verify_with,
};
use countersign::{
    registry::{Attribution, Barred, Registry, SignerId, VerifyTime, When},
    signature::Fingerprint,
    trusted::TrustedFiles,
};
use jiff::tz::TimeZone;
use sequoia_openpgp::{
    Cert, Packet,
    cert::{
        CertBuilder, CertRevocationBuilder, CipherSuite, SubkeyRevocationBuilder, amalgamation::ValidateAmalgamation,
    },
    packet::{
        Key, Signature,
        key::{Key4, PublicParts, SecretParts, SubordinateRole},
        signature::SignatureBuilder,
    },
    policy::StandardPolicy,
    serialize::SerializeInto,
    types::{KeyFlags, ReasonForRevocation, RevocationKey, SignatureType},
};
use std::{
    fs,
    time::{Duration, SystemTime},
};

/// A registry of these certificates.
fn registry(signers: &str, certs: &[&Cert]) -> Registry {
    let folder = tempfile::tempdir().unwrap();
    fs::create_dir(folder.path().join("openpgp")).unwrap();
    for (number, cert) in certs.iter().enumerate() {
        // What is serialized so has no secrets.
        fs::write(folder.path().join(format!("openpgp/{number}")), SerializeInto::to_vec(*cert).unwrap()).unwrap();
    }
    fs::write(folder.path().join("signers.toml"), signers).unwrap();
    Registry::load(&TrustedFiles::new(&[]).unwrap(), folder.path(), &[], &TimeZone::UTC).unwrap()
}

/// Received at a time, which decides.
fn at(time: SystemTime) -> When {
    let now = timestamp(time);
    When { now, received: None, verify_time: VerifyTime::Receipt, grace: 0, stated: None }
}

/// As of what the signature states.
fn as_stated(time: SystemTime) -> When {
    When { verify_time: VerifyTime::Signature, ..at(time) }
}

fn attributed(registry: &Registry, signature: &Signature, when: &When) -> Attribution {
    let armor = armored(&[Packet::from(signature.clone())]);
    registry.attribute(&verify_with(registry.certificates(), PAYLOAD, &armor), when)
}

/// Status, signer and detail.
fn told(registry: &Registry, signature: &Signature, when: &When) -> String {
    let attribution = attributed(registry, signature, when);
    let detail = match &attribution {
        Attribution::NotGood(fault) => fault.detail.as_ref().map(|detail| format!(": {detail}")),
        _ => None,
    };
    let signer = attribution.signer().map_or("-", |signer| &signer.0);
    format!("{} {signer}{}", attribution.status_name(), detail.unwrap_or_default())
}

fn signed_by(cert: &Cert, role: Role, made: SystemTime) -> Signature {
    let builder = binary().set_signature_creation_time(made).unwrap();
    builder.sign_message(&mut secret(cert, role), PAYLOAD).unwrap()
}

fn subkey(cert: &Cert) -> Fingerprint {
    Fingerprint::OpenPgp(signing_subkey(cert).fingerprint().as_bytes().into())
}

/// A `[[key]]`, since 2026-01-06.
fn stated(key: &Fingerprint, state: &str) -> String {
    format!("[[key]]\nfingerprint = '{key}'\nstate = '{state}'\nsince = 2026-01-06\n")
}

const SINCE: &str = "since 2026-01-06T00:00:00Z";

/// A certificate whose primary key signs, too.
fn two_that_sign() -> Cert {
    let builder =
        builder(CipherSuite::Cv25519).set_primary_key_flags(KeyFlags::empty().set_certification().set_signing());
    builder.add_signing_subkey().generate().unwrap().0
}

fn by_primary(cert: &Cert) -> Signature {
    signed_by(cert, Role::Primary, day(1))
}

/// By the subkey; the primary key may sign, too.
fn by_subkey(cert: &Cert) -> Signature {
    let key = cert.keys().subkeys().secret().next().unwrap().key().clone();
    let mut pair = key.into_keypair().unwrap();
    binary().sign_message(&mut pair, PAYLOAD).unwrap()
}

#[test]
fn a_subkeys_state_is_its_own_and_the_primary_keys_is_the_whole_certificates() {
    let cert = two_that_sign();
    let second = cert.keys().subkeys().next().unwrap().key().fingerprint();
    let second = Fingerprint::OpenPgp(second.as_bytes().into());
    let received = at(day(6));
    for (state, status) in [("retired", "key-retired"), ("compromised", "key-compromised")] {
        let of_subkey = registry(&stated(&second, state), &[&cert]);
        let by_it = format!("{status} alice@example.com: its subkey {second}, {SINCE}");
        assert_eq!(told(&of_subkey, &by_subkey(&cert), &received), by_it);
        assert_eq!(told(&of_subkey, &by_primary(&cert), &received), "good alice@example.com");
        assert_eq!(states(&of_subkey), [format!("good; its subkey {second} {state} {SINCE}")]);
        let of_primary = registry(&stated(&named(&cert), state), &[&cert]);
        assert_eq!(states(&of_primary), [format!("{state} {SINCE}")]);
        let by_either = format!("{status} alice@example.com: {SINCE}");
        assert_eq!(told(&of_primary, &by_subkey(&cert), &received), by_either);
        assert_eq!(told(&of_primary, &by_primary(&cert), &received), by_either);
        // What was received before stands, and what came in later does not, whatever date it bears.
        let before = Duration::from_secs(1);
        for registry in [&of_subkey, &of_primary] {
            assert_eq!(told(registry, &by_subkey(&cert), &at(day(5) - before)), "good alice@example.com");
            assert_eq!(attributed(registry, &by_subkey(&cert), &as_stated(day(5))).status_name(), status);
            let known = When { received: Some(timestamp(day(5) - before)), ..at(day(9)) };
            assert_eq!(told(registry, &by_subkey(&cert), &known), "good alice@example.com");
        }
    }
}

#[test]
fn whoever_left_signs_with_no_certificate() {
    let cert = alice();
    let registry = registry("[[signer]]\nid = 'al'\nemails = ['alice@example.com']\nuntil = 2026-01-06\n", &[&cert]);
    let signature = signed_by(&cert, Role::Signing, day(1));
    assert_eq!(told(&registry, &signature, &at(day(4))), "good al");
    let Attribution::NotGood(fault) = attributed(&registry, &signature, &at(day(5))) else { panic!() };
    assert_eq!(fault.detail.as_deref(), Some("`al` left on 2026-01-06T00:00:00Z"));
    assert_eq!((fault.status.name(), fault.barred), ("key-retired", Barred::Signer));
}

fn revoked(cert: &Cert, reason: ReasonForRevocation, at: SystemTime) -> Cert {
    let revocation = CertRevocationBuilder::new()
        .set_signature_creation_time(at)
        .unwrap()
        .set_reason_for_revocation(reason, b"")
        .unwrap()
        .build(&mut secret(cert, Role::Primary), cert, None)
        .unwrap();
    cert.clone().insert_packets(vec![Packet::from(revocation)]).unwrap().0
}

/// The entry says since when; it gives nothing back that the revocation takes.
#[test]
fn a_revoked_certificate_with_an_entry() {
    let cert = alice();
    let signature = signed_by(&cert, Role::Signing, day(1));
    let hard = revoked(&cert, ReasonForRevocation::KeyCompromised, day(3));
    let soft = revoked(&cert, ReasonForRevocation::KeySuperseded, day(3));
    for state in ["retired", "compromised"] {
        let entry = stated(&named(&cert), state);
        // Not yet received when the revocation came, and the entry is still to come.
        assert_eq!(told(&registry(&entry, &[&hard]), &signature, &at(day(4))), "key-revoked alice@example.com");
        assert_eq!(told(&registry(&entry, &[&soft]), &signature, &at(day(4))), "key-revoked alice@example.com");
        assert_eq!(told(&registry(&entry, &[&soft]), &signature, &at(day(2))), "good alice@example.com");
    }
    let compromised = format!("key-compromised alice@example.com: {SINCE}");
    let entry = stated(&named(&cert), "compromised");
    assert_eq!(told(&registry(&entry, &[&hard]), &signature, &at(day(5))), compromised);
    assert_eq!(told(&registry(&entry, &[&soft]), &signature, &at(day(5))), compromised);
    // A revocation says more than that a key is out of use.
    let entry = stated(&named(&cert), "retired");
    assert_eq!(told(&registry(&entry, &[&hard]), &signature, &at(day(5))), "key-revoked alice@example.com");
}

/// A certificate of ten days.
const EXPIRED: &str = "key-expired alice@example.com: it was good until 2026-01-11T00:00:00Z";

fn of_ten_days() -> Cert {
    let ten_days = Duration::from_secs(10 * 86_400);
    builder(CipherSuite::Cv25519).set_validity_period(ten_days).add_signing_subkey().generate().unwrap().0
}

#[test]
fn an_expired_key_with_an_old_date() {
    let cert = of_ten_days();
    let registry = registry("", &[&cert]);
    let old = signed_by(&cert, Role::Signing, day(1));
    assert_eq!(told(&registry, &old, &at(day(9))), "good alice@example.com");
    assert_eq!(told(&registry, &old, &at(day(10))), EXPIRED);
    assert_eq!(told(&registry, &old, &as_stated(day(99))), "good alice@example.com");
    // The committer line is not what an OpenPGP signature states.
    let committed = When { stated: Some(timestamp(day(1))), ..as_stated(day(99)) };
    let late = signed_by(&cert, Role::Signing, day(10));
    assert_eq!(told(&registry, &late, &committed), EXPIRED);
    // Received when it was valid, and judged anew.
    assert_eq!(
        told(&registry, &old, &When { received: Some(timestamp(day(9))), ..at(day(99)) }),
        "good alice@example.com"
    );
}

#[test]
fn an_expired_key_with_an_old_date_that_is_retired_or_compromised() {
    let cert = of_ten_days();
    let old = signed_by(&cert, Role::Signing, day(1));
    for (state, status) in [("retired", "key-retired"), ("compromised", "key-compromised")] {
        let registry = registry(&stated(&named(&cert), state), &[&cert]);
        for when in [at(day(99)), as_stated(day(99)), When { grace: 1 << 40, ..at(day(99)) }] {
            assert_eq!(told(&registry, &old, &when), format!("{status} alice@example.com: {SINCE}"));
        }
    }
}

#[test]
fn grace_ends_at_its_last_second_and_needs_a_date_before_the_end() {
    let cert = of_ten_days();
    let registry = registry("", &[&cert]);
    let grace = |seconds: i64, when: When| When { grace: seconds, ..when };
    let after_end = |seconds| day(10) + Duration::from_secs(seconds);
    let in_time = signed_by(&cert, Role::Signing, day(10) - Duration::from_secs(1));
    let too_late = signed_by(&cert, Role::Signing, day(10));
    let expired = EXPIRED;
    assert_eq!(told(&registry, &in_time, &at(after_end(0))), expired);
    assert_eq!(told(&registry, &in_time, &grace(60, at(after_end(0)))), "good alice@example.com");
    assert_eq!(told(&registry, &in_time, &grace(60, at(after_end(59)))), "good alice@example.com");
    assert_eq!(told(&registry, &in_time, &grace(60, at(after_end(60)))), expired);
    assert_eq!(told(&registry, &too_late, &grace(60, at(after_end(0)))), expired);
    // It is the receipt that has to be in time.
    let received = When { received: Some(timestamp(after_end(59))), ..grace(60, at(day(99))) };
    assert_eq!(told(&registry, &in_time, &received), "good alice@example.com");
    // Dated before there was a key.
    let before = signed_by(&cert, Role::Signing, day(0) - Duration::from_secs(1));
    assert_eq!(attributed(&registry, &before, &grace(60, at(after_end(59)))).status_name(), "bad");
}

#[test]
fn a_revoked_key_has_no_grace() {
    let cert = of_ten_days();
    let old = signed_by(&cert, Role::Signing, day(1));
    let in_grace = When { grace: 86_400 * 9, ..at(day(12)) };
    assert_eq!(told(&registry("", &[&cert]), &old, &in_grace), "good alice@example.com");
    for reason in [ReasonForRevocation::KeyCompromised, ReasonForRevocation::KeyRetired] {
        // Before it ended, and after.
        for revocation in [day(5), day(11)] {
            let revoked = registry("", &[&revoked(&cert, reason, revocation)]);
            assert_eq!(told(&revoked, &old, &in_grace), "key-revoked alice@example.com");
        }
    }
    // What is revoked later is not revoked yet.
    let later = revoked(&cert, ReasonForRevocation::KeyRetired, day(13));
    assert_eq!(told(&registry("", &[&later]), &old, &in_grace), "good alice@example.com");
}

#[test]
fn a_revocation_softens_with_the_time_that_is_judged_and_only_if_it_is_soft() {
    let cert = alice();
    let old = signed_by(&cert, Role::Signing, day(1));
    let soft = registry("", &[&revoked(&cert, ReasonForRevocation::KeyRetired, day(5))]);
    assert_eq!(told(&soft, &old, &at(day(9))), "key-revoked alice@example.com");
    assert_eq!(told(&soft, &old, &as_stated(day(9))), "good alice@example.com");
    let hard = registry("", &[&revoked(&cert, ReasonForRevocation::KeyCompromised, day(5))]);
    assert_eq!(told(&hard, &old, &as_stated(day(9))), "key-revoked alice@example.com");
}

#[test]
fn a_hard_revocation_voids_what_has_no_receipt_and_a_soft_one_beside_it_what_came_later() {
    let cert = alice();
    let old = signed_by(&cert, Role::Signing, day(1));
    let hard = revoked(&cert, ReasonForRevocation::KeyCompromised, day(3));
    let received = |on| When { received: Some(timestamp(day(on))), ..at(day(9)) };
    let told_of = |cert: &Cert, when: &When| told(&registry("", &[cert]), &old, when);
    let (good, void) = ("good alice@example.com", "key-revoked alice@example.com");
    // No receipt, and one of this very second.
    assert_eq!((&*told_of(&hard, &at(day(9))), &*told_of(&hard, &received(9))), (void, good));
    assert_eq!((&*told_of(&hard, &at(day(2))), &*told_of(&hard, &received(2))), (void, good));
    let unexplained = revoked(&cert, ReasonForRevocation::Unspecified, day(0));
    assert_eq!((&*told_of(&unexplained, &at(day(2))), &*told_of(&unexplained, &received(2))), (void, good));
    let both = revoked(&hard, ReasonForRevocation::KeyRetired, day(5));
    assert_eq!((&*told_of(&both, &received(4)), &*told_of(&both, &received(6))), (good, void));
    // An entry says since when, with a receipt only.
    let compromised = stated(&named(&cert), "compromised");
    let with_entry = |when: &When| told(&registry(&compromised, &[&hard]), &old, when);
    assert_eq!(with_entry(&received(4)), good);
    assert_eq!(with_entry(&received(6)), format!("key-compromised alice@example.com: {SINCE}"));
    assert_eq!(with_entry(&at(day(4))), void);
}

/// Says all that it says of itself anew, on 2026-01-05.
fn said_again(cert: &Cert) -> Cert {
    let mut signer = secret(cert, Role::Primary);
    let newer = |old: &Signature| SignatureBuilder::from(old.clone()).set_signature_creation_time(day(4)).unwrap();
    let policy = StandardPolicy::at(day(0));
    let valid = cert.with_policy(&policy, day(1)).unwrap();
    let mut again = Vec::new();
    if let Ok(direct) = valid.direct_key_signature() {
        again.push(newer(direct).sign_direct_key(&mut signer, None).unwrap());
    }
    for user in valid.userids() {
        again.push(user.userid().bind(&mut signer, cert, newer(user.binding_signature())).unwrap());
    }
    for key in valid.keys().subkeys() {
        again.push(key.key().bind(&mut signer, cert, newer(key.binding_signature())).unwrap());
    }
    cert.clone().insert_packets(again).unwrap().0
}

/// As to GnuPG: whoever still has a key that is out of use could else take that back.
#[test]
fn a_newer_self_signature_takes_no_revocation_of_a_key_back() {
    let cert = two_that_sign();
    let (by_primary, by_subkey) = (by_primary(&cert), by_subkey(&cert));
    let (good, refused) = ("good alice@example.com", "key-revoked alice@example.com");
    let judged =
        |registry: &Registry, signature: &Signature| [day(2), day(6)].map(|time| told(registry, signature, &at(time)));
    for signature in [&by_primary, &by_subkey] {
        assert_eq!(judged(&registry("", &[&said_again(&cert)]), signature), [good, good]);
    }
    let whole = registry("", &[&said_again(&revoked(&cert, ReasonForRevocation::KeyRetired, day(3)))]);
    for signature in [&by_primary, &by_subkey] {
        assert_eq!(judged(&whole, signature), [good, refused]);
    }
    assert_eq!(states(&whole), ["revoked"]);
    let subkey = cert.keys().subkeys().next().unwrap().key().clone();
    let one = said_again(&revoked_subkey(&cert, &subkey, ReasonForRevocation::KeySuperseded));
    assert_eq!(judged(&registry("", &[&one]), &by_subkey), [good, refused]);
    assert_eq!(judged(&registry("", &[&one]), &by_primary), [good, good]);
    // In files of their own, in either order.
    let (revoked, again) = (revoked(&cert, ReasonForRevocation::KeyRetired, day(3)), said_again(&cert));
    for copies in [[&revoked, &again], [&again, &revoked]] {
        assert_eq!(judged(&registry("", &copies), &by_primary), [good, refused]);
    }
}

/// A certificate of somebody's that holds this one's signing subkey, which agrees.
fn sharing(cert: &Cert, user: &str) -> Cert {
    let other = builder_of(user).generate().unwrap().0;
    let subkey = signing_subkey(cert);
    let agreed = SignatureBuilder::new(SignatureType::PrimaryKeyBinding)
        .set_signature_creation_time(day(0))
        .unwrap()
        .sign_primary_key_binding(&mut secret(cert, Role::Signing), other.primary_key().key(), &subkey)
        .unwrap();
    let bound = SignatureBuilder::new(SignatureType::SubkeyBinding)
        .set_signature_creation_time(day(0))
        .unwrap()
        .set_key_flags(KeyFlags::empty().set_signing())
        .unwrap()
        .set_embedded_signature(agreed)
        .unwrap()
        .sign_subkey_binding(&mut secret(&other, Role::Primary), None, &subkey)
        .unwrap();
    other.insert_packets(vec![Packet::from(subkey), bound.into()]).unwrap().0
}

/// Alice has no key here, so that nobody else has her address.
#[test]
fn a_certificate_of_ones_own_to_which_one_adds_the_address_of_a_colleague() {
    let people = "[[signer]]\nid = 'alice'\nemails = ['alice@example.com']\n";
    let users = |first: &str, second: &str| {
        let both = builder_of(first).add_userid(second).add_signing_subkey().generate().unwrap().0;
        let registry = registry(people, &[&both]);
        told(&registry, &signed_by(&both, Role::Signing, day(1)), &at(day(2)))
    };
    let (alice, mallory) = ("Alice <alice@example.com>", "Mallory <mallory@example.com>");
    let two = "unknown-key -: resolves to two signers: `alice`, `mallory@example.com`";
    assert_eq!(users(mallory, alice), two);
    // Whose primary address it is, it is theirs, with the other ones.
    assert_eq!(users(alice, mallory), "good alice");
    assert_eq!(users(alice, "Alice <alice@home.example>"), "good alice");
}

#[test]
fn who_is_known_by_an_openpgp_certificate_alone() {
    let registry = registry("", &[&alice()]);
    let signer = registry.signers().next().unwrap();
    assert_eq!((&*signer.id.0, signer.name.as_deref()), ("alice@example.com", Some("Alice <alice@example.com>")));
    assert_eq!(registry.signer(&signer.id), Some(signer));
    assert_eq!(registry.named("alice@EXAMPLE.com"), std::slice::from_ref(&signer.id));
    for nobody in ["bob@example.com", "Alice"] {
        assert_eq!(registry.named(nobody), []);
        assert_eq!(registry.signer(&SignerId(nobody.into())), None);
    }
}

#[test]
fn a_state_of_another_certificate_that_has_the_key_too() {
    let first = alice();
    let second = sharing(&first, "Alice <alice@example.com>");
    let people = "[[signer]]\nid = 'alice'\nemails = ['alice@example.com']\n".to_owned();
    let signature = signed_by(&first, Role::Signing, day(1));
    let judged =
        |states: &str| told(&registry(&(people.clone() + states), &[&first, &second]), &signature, &at(day(9)));
    assert_eq!(judged(""), "good alice");
    let of_second = judged(&stated(&named(&second), "retired"));
    assert_eq!(of_second, format!("key-retired alice: which {} has, too, {SINCE}", named(&second)));
    assert_eq!(judged(&stated(&named(&first), "retired")), format!("key-retired alice: {SINCE}"));
}

/// A certificate of somebody's that holds this one's signing subkey to encrypt with, to which nobody has to agree.
fn encrypting_with(cert: &Cert, user: &str) -> Cert {
    let other = builder_of(user).generate().unwrap().0;
    let subkey = signing_subkey(cert);
    let bound = SignatureBuilder::new(SignatureType::SubkeyBinding)
        .set_signature_creation_time(day(0))
        .unwrap()
        .set_key_flags(KeyFlags::empty().set_transport_encryption())
        .unwrap()
        .sign_subkey_binding(&mut secret(&other, Role::Primary), None, &subkey)
        .unwrap();
    other.insert_packets(vec![Packet::from(subkey), bound.into()]).unwrap().0
}

#[test]
fn a_signing_subkey_that_somebody_takes_to_encrypt_with_stays_hers() {
    let hers = alice();
    let his = encrypting_with(&hers, "Bob <bob@example.com>");
    let signature = signed_by(&hers, Role::Signing, day(1));
    for certs in [[&hers, &his], [&his, &hers]] {
        assert_eq!(told(&registry("", &certs), &signature, &at(day(2))), "good alice@example.com");
    }
    let agreed = sharing(&hers, "Bob <bob@example.com>");
    let two = "unknown-key -: resolves to two signers: `alice@example.com`, `bob@example.com`";
    assert_eq!(told(&registry("", &[&hers, &agreed]), &signature, &at(day(2))), two);
}

/// Clocks differ by five minutes.
#[test]
fn a_key_that_is_made_a_moment_later() {
    let cert = alice();
    let registry = registry("", &[&cert]);
    let signature = signed_by(&cert, Role::Signing, day(0));
    let before = |seconds| at(day(0) - Duration::from_secs(seconds));
    assert_eq!(told(&registry, &signature, &before(300)), "good alice@example.com");
    // The signature is as old as the key.
    assert_eq!(told(&registry, &signature, &before(301)), "signature-in-future -");
    let received = |seconds| When { received: Some(timestamp(day(0) - Duration::from_secs(seconds))), ..at(day(1)) };
    assert_eq!(told(&registry, &signature, &received(300)), "good alice@example.com");
    assert_eq!(told(&registry, &signature, &received(301)), "key-not-yet-valid alice@example.com");
}

#[test]
fn the_list_says_when_a_revoked_certificate_would_have_ended() {
    let cert = of_ten_days();
    let expires = |cert: &Cert| registry("", &[cert]).list(timestamp(day(6))).remove(0).expires;
    assert_eq!(expires(&cert), Some(timestamp(day(10))));
    assert_eq!(expires(&revoked(&cert, ReasonForRevocation::KeyRetired, day(3))), Some(timestamp(day(10))));
}

fn builder_of(user: &str) -> CertBuilder<'static> {
    CertBuilder::new().add_userid(user).set_creation_time(day(0)).set_cipher_suite(CipherSuite::Cv25519)
}

#[test]
fn a_subkey_in_the_certificates_of_two_people_is_neithers() {
    let hers = alice();
    let his = sharing(&hers, "Bob <bob@example.com>");
    let signature = signed_by(&hers, Role::Signing, day(1));
    let two = "unknown-key -: resolves to two signers: `alice@example.com`, `bob@example.com`";
    for certs in [[&hers, &his], [&his, &hers]] {
        let both = registry("", &certs);
        assert_eq!(told(&both, &signature, &at(day(2))), two);
        let lints: Vec<_> = both.check(timestamp(day(2))).into_iter().map(|lint| lint.what).collect();
        let shared =
            format!("{} is nobody's: resolves to two signers: `alice@example.com`, `bob@example.com`", subkey(&hers));
        assert_eq!(lints, [shared]);
        // Two certificates of one person.
        let one = registry("[[signer]]\nid = 'al'\nemails = ['alice@example.com', 'bob@example.com']\n", &certs);
        assert_eq!(told(&one, &signature, &at(day(2))), "good al");
        assert_eq!(one.check(timestamp(day(2))), []);
    }
    assert_eq!(told(&registry("", &[&his]), &signature, &at(day(2))), "good bob@example.com");
}

#[test]
fn one_certificate_that_lets_a_shared_subkey_sign_suffices_unless_it_may_be_in_other_hands() {
    let old = alice();
    let new = sharing(&old, "Alice <alice@example.org>");
    let person = "[[signer]]\nid = 'al'\nemails = ['alice@example.com', 'alice@example.org']\n";
    let signature = signed_by(&old, Role::Signing, day(1));
    let superseded = revoked(&old, ReasonForRevocation::KeySuperseded, day(2));
    let compromised = revoked(&old, ReasonForRevocation::KeyCompromised, day(2));
    for swapped in [false, true] {
        let judge = |one, other, signers: &str| {
            let certs = if swapped { [other, one] } else { [one, other] };
            told(&registry(signers, &certs), &signature, &at(day(6)))
        };
        assert_eq!(judge(&superseded, &new, person), "good al");
        assert_eq!(judge(&compromised, &new, person), "key-revoked al");
        for key in [named(&old), named(&new), subkey(&old)] {
            let entry = format!("{person}{}", stated(&key, "compromised"));
            assert!(judge(&old, &new, &entry).starts_with("key-compromised al: "), "{key}");
        }
    }
}

#[test]
fn one_revoked_subkey_leaves_the_others() {
    let cert = two_that_sign();
    let subkey = cert.keys().subkeys().next().unwrap();
    let revoked = revoked_subkey(&cert, subkey.key(), ReasonForRevocation::KeyCompromised);
    let registry = registry("", &[&revoked]);
    assert_eq!(told(&registry, &by_subkey(&cert), &at(day(6))), "key-revoked alice@example.com");
    assert_eq!(told(&registry, &by_primary(&cert), &at(day(6))), "good alice@example.com");
}

#[test]
fn a_grace_without_end_is_no_overflow() {
    let cert = of_ten_days();
    let signature = signed_by(&cert, Role::Signing, day(1));
    let when = When { grace: i64::MAX, ..at(day(9999)) };
    assert_eq!(told(&registry("", &[&cert]), &signature, &when), "good alice@example.com");
}

/// All that `registry check` says.
fn lints(registry: &Registry) -> Vec<String> {
    registry.check(timestamp(day(6))).into_iter().map(|lint| lint.what).collect()
}

/// The states that `registry list` tells.
fn states(registry: &Registry) -> Vec<String> {
    registry.list(timestamp(day(6))).into_iter().map(|entry| entry.state).collect()
}

fn certifying() -> CertBuilder<'static> {
    builder(CipherSuite::Cv25519).set_primary_key_flags(KeyFlags::empty().set_certification())
}

#[test]
fn a_certificate_dated_ahead_is_not_good_yet() {
    let made = |at| certifying().add_signing_subkey().set_creation_time(at).generate().unwrap().0;
    assert_eq!(states(&registry("", &[&made(day(6))])), ["good"]);
    let from = jiff::Timestamp::from_second(timestamp(day(7)).0).unwrap();
    assert_eq!(states(&registry("", &[&made(day(7))])), [format!("not yet valid, from {from}")]);
}

fn weak_subkey(cert: &Cert) -> Cert {
    let mut key = Key4::<SecretParts, SubordinateRole>::generate_rsa(1024).unwrap();
    key.set_creation_time(day(0)).unwrap();
    let key = Key::from(key);
    let mut pair = key.clone().into_keypair().unwrap();
    let agreed = SignatureBuilder::new(SignatureType::PrimaryKeyBinding)
        .set_signature_creation_time(day(0))
        .unwrap()
        .sign_primary_key_binding(&mut pair, cert.primary_key().key(), &key)
        .unwrap();
    let binding = SignatureBuilder::new(SignatureType::SubkeyBinding)
        .set_signature_creation_time(day(0))
        .unwrap()
        .set_key_flags(KeyFlags::empty().set_signing())
        .unwrap()
        .set_embedded_signature(agreed)
        .unwrap();
    let bound = binding.sign_subkey_binding(&mut secret(cert, Role::Primary), None, &key).unwrap();
    cert.clone().insert_packets(vec![Packet::from(key), bound.into()]).unwrap().0
}

fn revoked_subkey(cert: &Cert, key: &Key<PublicParts, SubordinateRole>, reason: ReasonForRevocation) -> Cert {
    let revocation = SubkeyRevocationBuilder::new()
        .set_signature_creation_time(day(3))
        .unwrap()
        .set_reason_for_revocation(reason, b"")
        .unwrap()
        .build(&mut secret(cert, Role::Primary), cert, key, None)
        .unwrap();
    cert.clone().insert_packets(vec![Packet::from(revocation)]).unwrap().0
}

#[test]
fn a_certificate_is_as_good_as_the_keys_that_may_sign_for_it() {
    let five_days = Some(Duration::from_secs(5 * 86_400));
    let signing = |validity| certifying().add_subkey(KeyFlags::empty().set_signing(), validity, None);
    let good = signing(None).generate().unwrap().0;
    let expired = signing(five_days).generate().unwrap().0;
    let none = certifying().add_transport_encryption_subkey().generate().unwrap().0;
    let weak = weak_subkey(&none);
    let retired = revoked_subkey(&good, &signing_subkey(&good), ReasonForRevocation::KeyRetired);
    for (cert, state) in [
        (&good, "good"),
        (&expired, "expired"),
        (&retired, "revoked"),
        (&none, "cannot sign"),
        (&weak, "weak: RSA of 1024 bits"),
    ] {
        assert_eq!(states(&registry("", &[cert])), [state]);
    }
    let says = |cert: &Cert| lints(&registry("", &[cert]));
    assert_eq!((says(&good), says(&expired), says(&retired)), (vec![], vec![], vec![]));
    assert_eq!(says(&none), [format!("{} has no key that may sign", named(&none))]);
    assert_eq!(says(&weak), [format!("{} is weak (RSA of 1024 bits): nothing that it signs counts", named(&weak))]);
    // Another subkey that can suffices.
    assert_eq!(states(&registry("", &[&weak_subkey(&good)])), ["good"]);
    let second = signing(five_days).add_signing_subkey().generate().unwrap().0;
    assert_eq!(states(&registry("", &[&second])), ["good"]);
    // The one that never ends is revoked, the other one has ended.
    let policy = StandardPolicy::at(day(0));
    let mut endless = second.keys().subkeys().filter(|key| {
        let valid = key.clone().with_policy(&policy, day(9)).unwrap();
        valid.key_validity_period().is_none()
    });
    let endless = endless.next().unwrap();
    let revoked = revoked_subkey(&second, endless.key(), ReasonForRevocation::KeyRetired);
    assert_eq!(states(&registry("", &[&revoked])), ["expired"]);
}

#[test]
fn a_designated_revoker_is_named_and_not_heeded() {
    let revoker = builder_of("Rob <rob@example.com>").generate().unwrap().0;
    let cert = builder(CipherSuite::Cv25519)
        .add_signing_subkey()
        .set_revocation_keys(vec![RevocationKey::from(&revoker)])
        .generate()
        .unwrap()
        .0;
    let lets = format!("{} lets {} revoke it, whose revocations are not honoured", named(&cert), named(&revoker));
    let instead = ": say so by a `[[key]]` in signers.toml";
    let signature = signed_by(&cert, Role::Signing, day(1));
    let held = registry("", &[&cert, &revoker]);
    assert_eq!(lints(&held)[0], format!("{lets}{instead}"));
    assert_eq!(told(&held, &signature, &at(day(6))), "good alice@example.com");
    let revocation = CertRevocationBuilder::new()
        .set_signature_creation_time(day(3))
        .unwrap()
        .set_reason_for_revocation(ReasonForRevocation::KeyCompromised, b"")
        .unwrap()
        .build(&mut secret(&revoker, Role::Primary), &cert, None)
        .unwrap();
    let revoked = cert.clone().insert_packets(vec![Packet::from(revocation)]).unwrap().0;
    let held = registry("", &[&revoked, &revoker]);
    assert_eq!(lints(&held)[0], format!("{lets} (one is there){instead}"));
    // What the lint asks for.
    let held = registry(&stated(&named(&cert), "compromised"), &[&revoked, &revoker]);
    assert_eq!(told(&held, &signature, &at(day(6))), format!("key-compromised alice@example.com: {SINCE}"));
}

/// A certificate with these user IDs, the first its primary one.
fn of_users(users: &[&str]) -> Cert {
    let mut builder = builder_of(users[0]).add_signing_subkey();
    for user in &users[1..] {
        builder = builder.add_userid(*user);
    }
    builder.generate().unwrap().0
}

const AUTHORITY: &str = "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIIXDeq446KgVixhbOfjtiT7uUlkQSZ4HPjXiJnZsIOBe";

#[test]
fn a_user_id_that_claims_a_colleagues_email() {
    let alice = of_users(&["Alice <alice@example.com>"]);
    let mallory = of_users(&["Mallory <mallory@example.net>", "Alice <alice@example.com>"]);
    let signer =
        |registry: &Registry, cert: &Cert| told(registry, &signed_by(cert, Role::Signing, day(1)), &at(day(2)));
    let emails = |registry: &Registry, cert: &Cert| match attributed(
        registry,
        &signed_by(cert, Role::Signing, day(1)),
        &at(day(2)),
    ) {
        Attribution::Good(signer) => signer.signer().emails.clone(),
        other => panic!("{other:?}"),
    };
    let claims = |cert: &Cert| {
        let certificate = named(cert);
        format!(
            "{certificate} claims `alice@example.com`, which another key may have too: it is not known by that; settle it \
             in signers.toml"
        )
    };
    // Alone, each is who it says.
    assert_eq!(signer(&registry("", &[&alice]), &alice), "good alice@example.com");
    assert_eq!(emails(&registry("", &[&mallory]), &mallory), ["mallory@example.net", "alice@example.com"]);
    // Together, the email is nobody's.
    let both = registry("", &[&alice, &mallory]);
    assert_eq!(signer(&both, &alice), format!("good {}", named(&alice)));
    assert_eq!(emails(&both, &mallory), ["mallory@example.net"]);
    let found = lints(&both);
    assert_eq!(found.len(), 2);
    assert!(found.contains(&claims(&alice)) && found.contains(&claims(&mallory)), "{found:?}");
    // Nor is it to be inherited.
    let gone = revoked(&alice, ReasonForRevocation::KeyCompromised, day(1));
    let retired = stated(&named(&alice), "retired");
    for (signers, hers) in [("", &gone), (&*retired, &alice)] {
        let late = registry(signers, &[hers, &mallory]);
        let his = told(&late, &signed_by(&mallory, Role::Signing, day(1)), &at(day(6)));
        assert_eq!((his.as_str(), emails(&late, &mallory).len()), ("good mallory@example.net", 1));
        assert!(lints(&late).contains(&claims(&mallory)));
    }
    // Unless `signers.toml` says whose it is.
    let listed = format!("[[signer]]\nid = 'alice'\nemails = ['alice@example.com']\nkeys = ['{}']\n", named(&alice));
    let settled = registry(&listed, &[&alice, &mallory]);
    assert_eq!(signer(&settled, &alice), "good alice");
    assert_eq!(emails(&settled, &mallory), ["mallory@example.net"]);
    assert_eq!(lints(&settled), [""; 0]);
    // An entry without keys: her own certificate is hers, and his does not become hers.
    let unlisted = registry("[[signer]]\nid = 'alice'\nemails = ['alice@example.com']\n", &[&alice, &mallory]);
    assert_eq!(signer(&unlisted, &alice), "good alice");
    let two = "resolves to two signers: `alice`, `mallory@example.net`";
    assert_eq!(signer(&unlisted, &mallory), format!("unknown-key -: {two}"));
    assert_eq!(lints(&unlisted), [format!("{} is nobody's: {two}", named(&mallory))]);
}

#[test]
fn a_user_id_that_claims_the_email_of_an_ssh_key_or_of_what_an_authority_may_certify() {
    let with_lines = |lines: &str, cert: &Cert| {
        let folder = tempfile::tempdir().unwrap();
        fs::create_dir(folder.path().join("openpgp")).unwrap();
        fs::write(folder.path().join("openpgp/all"), SerializeInto::to_vec(cert).unwrap()).unwrap();
        fs::write(folder.path().join("allowed_signers"), lines).unwrap();
        Registry::load(&TrustedFiles::new(&[]).unwrap(), folder.path(), &[], &TimeZone::UTC).unwrap()
    };
    let primary = of_users(&["Alice <alice@example.com>"]);
    let second = of_users(&["Mallory <mallory@example.net>", "Alice <alice@example.com>"]);
    let known = |lines: &str, cert: &Cert| {
        let registry = with_lines(lines, cert);
        let contested = lints(&registry).iter().filter(|lint| lint.contains("claims `alice@example.com`")).count();
        match attributed(&registry, &signed_by(cert, Role::Signing, day(1)), &at(day(2))) {
            Attribution::Good(signer) => (signer.id().0.clone(), signer.signer().emails.len(), contested),
            other => panic!("{other:?}"),
        }
    };
    let own = |cert: &Cert| named(cert).to_string();
    for lines in [format!("alice@EXAMPLE.com {AUTHORITY}\n"), format!("alice@example.com cert-authority {AUTHORITY}\n")]
    {
        assert_eq!(known(&lines, &primary), (own(&primary), 0, 1));
        assert_eq!(known(&lines, &second), ("mallory@example.net".into(), 1, 1));
    }
    // A pattern is nobody's name; but what it admits is not to be had in passing.
    let wildcard = format!("*@example.com cert-authority {AUTHORITY}\n");
    assert_eq!(known(&wildcard, &primary), ("alice@example.com".into(), 1, 0));
    assert_eq!(known(&wildcard, &second), ("mallory@example.net".into(), 1, 1));
    let excepted = format!("*@example.com,!alice@example.com cert-authority {AUTHORITY}\n");
    assert_eq!(known(&excepted, &second), ("mallory@example.net".into(), 2, 0));
}

#[test]
fn a_certificate_of_another_version_stops_nobody_else_and_is_named() {
    let (cert, folder) = (two_that_sign(), tempfile::tempdir().unwrap());
    fs::create_dir(folder.path().join("openpgp")).unwrap();
    let other = concat!(env!("CARGO_MANIFEST_DIR"), "/fixtures/wild/registry/openpgp/gpg-2.4-version-5.pgp");
    let both = [fs::read(other).unwrap(), SerializeInto::to_vec(&cert).unwrap()].concat();
    let load = |keyring: &[u8]| {
        fs::write(folder.path().join("openpgp/team.pgp"), keyring).unwrap();
        Registry::load(&TrustedFiles::new(&[]).unwrap(), folder.path(), &[], &TimeZone::UTC)
    };
    let registry = load(&both).unwrap();
    assert_eq!(told(&registry, &by_primary(&cert), &at(day(6))), "good alice@example.com");
    let lints: Vec<_> = registry.check(timestamp(day(6))).into_iter().map(|lint| (lint.file, lint.what)).collect();
    let what = "certificate number 1 in it, of `ed448 <ed448@gpg-2.4.example>`, is of version 5, and not read: nothing \
                that its keys sign counts";
    let [(file, said)] = &lints[..] else { panic!("{lints:?}") };
    assert!(file.ends_with("/openpgp/team.pgp"), "{file}");
    assert_eq!(said, what);
    // Garbage stops everybody: what it was may be a revocation.
    let broken = load(&both[..both.len() - 1]).unwrap_err().to_string();
    assert!(broken.contains("/openpgp/team.pgp`: has an unreadable certificate, number 2: "), "{broken}");
}
