//! The judgement on SSH signatures and the registry's answers, from hand-made parts. What lines mean to OpenSSH is
//! compared with `ssh-keygen` itself in the integration tests.

use super::{keyring::Keyring, *};
use crate::{
    object::{Signed, Slot},
    signature::{self, Bad, Defect, Signature, openpgp::CertificateSummary},
};
use jiff::tz::TimeZone;
use ssh_key::encoding::base64::{Base64, Encoding};

// Made with `ssh-keygen`, version 9.2, over `payload`.
const KEY: &str = "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIAkPdfr/zwsNBD5+8dOG+VB3XPDwTA0+wuxrYGB6y5LW";
const AUTHORITY: &str = "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIIXDeq446KgVixhbOfjtiT7uUlkQSZ4HPjXiJnZsIOBe";
const BY_KEY: &str = "-----BEGIN SSH SIGNATURE-----\n\
U1NIU0lHAAAAAQAAADMAAAALc3NoLWVkMjU1MTkAAAAgCQ91+v/PCw0EPn7x04b5UHdc8P\n\
BMDT7C7GtgYHrLktYAAAADZ2l0AAAAAAAAAAZzaGE1MTIAAABTAAAAC3NzaC1lZDI1NTE5\n\
AAAAQIl2uy2CSIbVEHvpkgLlK2vppmerbcIH5EriAEDXqoBs2yqblR2wtLgAAQ5FU9dui3\n\
r23l3jW87+Kan8Hwaa1QA=\n\
-----END SSH SIGNATURE-----";
/// Of the same key, for `alice@example.com` and `bob@example.com`, in 2026.
const BY_CERTIFICATE: &str = "-----BEGIN SSH SIGNATURE-----\n\
U1NIU0lHAAAAAQAAAdgAAAAgc3NoLWVkMjU1MTktY2VydC12MDFAb3BlbnNzaC5jb20AAA\n\
Ag9BRfD5jBel+nj6Eep/svxv5dODfJzG6Uhzgeb5oe4aIAAAAgCQ91+v/PCw0EPn7x04b5\n\
UHdc8PBMDT7C7GtgYHrLktYAAAAAAAAAAAAAAAEAAAAEdGVzdAAAACgAAAARYWxpY2VAZX\n\
hhbXBsZS5jb20AAAAPYm9iQGV4YW1wbGUuY29tAAAAAGlVuQAAAAAAazbsgAAAAAAAAACC\n\
AAAAFXBlcm1pdC1YMTEtZm9yd2FyZGluZwAAAAAAAAAXcGVybWl0LWFnZW50LWZvcndhcm\n\
RpbmcAAAAAAAAAFnBlcm1pdC1wb3J0LWZvcndhcmRpbmcAAAAAAAAACnBlcm1pdC1wdHkA\n\
AAAAAAAADnBlcm1pdC11c2VyLXJjAAAAAAAAAAAAAAAzAAAAC3NzaC1lZDI1NTE5AAAAII\n\
XDeq446KgVixhbOfjtiT7uUlkQSZ4HPjXiJnZsIOBeAAAAUwAAAAtzc2gtZWQyNTUxOQAA\n\
AED00evKorJDlxrYgVV4DRKA3VYdpwtxEa8iD9zr4RPK0c+BhsGI8Dau/PRqzh6Q2t4wdy\n\
DTYf2rAhjXR4v7ijUOAAAAA2dpdAAAAAAAAAAGc2hhNTEyAAAAUwAAAAtzc2gtZWQyNTUx\n\
OQAAAECJdrstgkiG1RB76ZIC5Str6aZnq23CB+RK4gBA16qAbNsqm5UdsLS4AAEORVPXbo\n\
t69t5d41vO/imp/B8GmtUA\n\
-----END SSH SIGNATURE-----";

const KEY_NAME: &str = "SHA256:7Cu3GSVkRxpS3dMrEoAydC+H1DJpiq7TUYLSnv2V1tw";
const AUTHORITY_NAME: &str = "SHA256:8NSPyyDi2w8F88omLZl1l/sMqYRLkMRUPNY/5snz4xc";

/// 2026-07-01T12:00:00Z.
const NOW: i64 = 1_782_907_200;
/// 2027-01-01T00:00:00Z, when the certificate's validity is over.
const CERTIFICATE_END: i64 = 1_798_761_600;

fn registry(signers: &str, allowed: &str, revoked: &str) -> Registry {
    let parts = Parts {
        allowed_signers: allowed.into(),
        revoked_keys: revoked.into(),
        certificates: Certificates::default(),
        signers: signers.into(),
    };
    Registry::from_parts("/registry".as_ref(), parts, &TimeZone::UTC).unwrap()
}

fn signature(armor: &'static str) -> Signature {
    let signed = Signed { payload: b"payload".into(), signature: armor.as_bytes().into() };
    signature::verify(&Slot::One(signed), &Certificates::default())
}

fn at(now: i64) -> When {
    let now = Timestamp(now);
    When { now, received: None, verify_time: VerifyTime::Receipt, grace: 0, stated: None }
}

/// Status, signer and detail.
fn told(attribution: &Attribution) -> String {
    let detail = match attribution {
        Attribution::NotGood(fault) => fault.detail.as_ref().map(|detail| format!(": {detail}")),
        Attribution::Unsigned | Attribution::Good(_) => None,
    };
    let signer = attribution.signer().map_or("-", |signer| &signer.0);
    format!("{} {signer}{}", attribution.status_name(), detail.unwrap_or_default())
}

fn judged(signers: &str, allowed: &str, armor: &'static str, when: &When) -> String {
    let registry = registry(signers, allowed, "");
    let from_some_lines = told(&registry.attribute(&signature(armor), when));
    registry.shelf.all();
    assert_eq!(told(&registry.attribute(&signature(armor), when)), from_some_lines);
    from_some_lines
}

fn now(signers: &str, allowed: &str) -> String {
    judged(signers, allowed, BY_KEY, &at(NOW))
}

fn certified(signers: &str, allowed: &str) -> String {
    judged(signers, allowed, BY_CERTIFICATE, &at(NOW))
}

#[test]
fn a_principal_is_a_signer_in_its_own_right() {
    assert_eq!(now("", &format!("alice@example.com,a@home {KEY}\n")), "good alice@example.com");
    assert_eq!(now("", &format!("* {KEY}\n")), format!("good {KEY_NAME}"));
    assert_eq!(now("", &format!("*,alice {KEY}\n")), "good alice");
    assert_eq!(now("", &format!("alice {AUTHORITY}\n")), "unknown-key -: no signer has it");
}

#[test]
fn a_key_of_two_signers_is_neithers() {
    let two = format!("alice {KEY}\nbob {KEY}\n");
    assert_eq!(now("", &two), "unknown-key -: resolves to two signers: `alice`, `bob`");
    // At the judged time it is one's.
    let one = format!("alice {KEY}\nbob valid-before=\"20260101Z\" {KEY}\n");
    assert_eq!(now("", &one), "good alice");
    // One person with two addresses.
    let person = "[[signer]]\nid = 'al'\nemails = ['alice', 'bob']\n";
    assert_eq!(now(person, &two), "good al");
    let people = format!("[[signer]]\nid = 'a'\nkeys = ['{KEY_NAME}']\n[[signer]]\nid = 'b'\nkeys = ['{KEY_NAME}']\n");
    assert_eq!(now(&people, &two), "unknown-key -: resolves to two signers: `a`, `b`");
}

#[test]
fn keys_that_are_listed_are_all_the_keys_there_are() {
    let line = format!("alice@Example.com {KEY}\n");
    let entry = |keys: &str| format!("[[signer]]\nid = 'alice'\nemails = ['alice@example.com']\nkeys = [{keys}]\n");
    assert_eq!(now(&entry(&format!("'{KEY_NAME}'")), &line), "good alice");
    let denied = "unknown-key -: `alice@Example.com` is `alice`, whose `keys` do not list this key";
    assert_eq!(now(&entry(&format!("'{AUTHORITY_NAME}'")), &line), denied);
    assert_eq!(now(&entry(""), &line), denied);
    // The list says whose a key is, not that it may sign: that is what `allowed_signers` says.
    assert_eq!(now(&entry(&format!("'{KEY_NAME}'")), ""), "unknown-key -: no signer has it");
}

#[test]
fn a_local_part_of_other_case_is_somebody_else() {
    let entry = "[[signer]]\nid = 'alice'\nemails = ['alice@example.com']\n";
    assert_eq!(now(entry, &format!("Alice@example.com {KEY}\n")), "good Alice@example.com");
    assert_eq!(now(entry, &format!("alice@EXAMPLE.com {KEY}\n")), "good alice");
}

#[test]
fn windows_hold_at_the_judged_moment() {
    let line = format!("alice valid-after=\"20260101Z\",valid-before=\"20260630Z\" {KEY}\n");
    let end = 1_782_777_600;
    let judge = |when: &When| judged("", &line, BY_KEY, when);
    let expired = "key-expired alice: it was good until 2026-06-30T00:00:00Z";
    assert_eq!(judge(&at(end)), "good alice");
    assert_eq!(judge(&at(end + 1)), expired);
    assert_eq!(judge(&at(0)), "key-not-yet-valid alice");
    let stated = |time, verify_time, grace| When { stated: Some(Timestamp(time)), verify_time, grace, ..at(end + 10) };
    // The committer's date is the pusher's word, unless the policy takes it.
    assert_eq!(judge(&stated(end, VerifyTime::Receipt, 0)), expired);
    assert_eq!(judge(&stated(end, VerifyTime::Signature, 0)), "good alice");
    assert_eq!(judge(&stated(end + 1, VerifyTime::Signature, 0)), expired);
    assert_eq!(judge(&stated(end, VerifyTime::Receipt, 10)), "good alice");
    assert_eq!(judge(&stated(end, VerifyTime::Receipt, 9)), expired);
    assert_eq!(judge(&stated(end + 1, VerifyTime::Receipt, 10)), expired);
    let ahead = stated(end + 311, VerifyTime::Signature, 0);
    assert_eq!(judge(&ahead), "signature-in-future -");
    // Before it is anything else about the key.
    assert_eq!(judged("", "", BY_KEY, &ahead), "signature-in-future -");
}

#[test]
fn the_fault_says_when_a_key_ended() {
    let registry = registry("", &format!("alice valid-before=\"20260630Z\" {KEY}\n"), "");
    let Attribution::NotGood(fault) = registry.attribute(&signature(BY_KEY), &at(NOW)) else { panic!() };
    assert_eq!(fault.detail.as_deref(), Some("it was good until 2026-06-30T00:00:00Z"));
    assert_eq!(fault.key.unwrap().to_string(), KEY_NAME);
    assert_eq!(fault.format, Some(signature::Format::Ssh));
}

#[test]
fn a_revoked_key_is_revoked_before_it_is_anything_else() {
    let judge = |allowed: &str, revoked: &str, armor| {
        told(&registry("", allowed, revoked).attribute(&signature(armor), &at(NOW)))
    };
    let expired = format!("alice valid-before=\"20260101Z\" {KEY}\n");
    assert_eq!(judge(&expired, KEY, BY_KEY), "key-revoked alice");
    assert_eq!(judge("", KEY, BY_KEY), "key-revoked -");
    assert_eq!(judge(&expired, AUTHORITY, BY_KEY), "key-expired alice: it was good until 2026-01-01T00:00:00Z");
    let line = format!("alice@example.com cert-authority {AUTHORITY}\n");
    assert_eq!(judge(&line, "", BY_CERTIFICATE), "good alice@example.com");
    assert_eq!(judge(&line, KEY, BY_CERTIFICATE), "key-revoked alice@example.com");
    let authority = format!("key-revoked alice@example.com: the authority that certified it, {AUTHORITY_NAME}");
    assert_eq!(judge(&line, AUTHORITY, BY_CERTIFICATE), authority);
}

/// A key revocation list (OpenSSH's PROTOCOL.krl) of one section.
fn binary_list(kind: u8, data: &[u8]) -> Revocations {
    let header = [&b"SSHKRL\n\0\0\0\0\x01"[..], &[0; 32]].concat();
    Revocations::read(&[&header[..], &[kind], &string(data)].concat()).unwrap()
}

fn string(bytes: &[u8]) -> Vec<u8> {
    [&u32::try_from(bytes.len()).unwrap().to_be_bytes()[..], bytes].concat()
}

#[test]
fn a_certificate_is_revoked_by_its_id_and_its_key_is_not() {
    let allowed = format!("alice {KEY}\nalice@example.com cert-authority {AUTHORITY}\n");
    let judge = |id: &[u8], armor| {
        let mut registry = registry("", &allowed, "");
        // Of any authority; what is reserved; ids.
        let ids = [string(b""), string(b""), vec![0x23], string(&string(id))].concat();
        registry.revoked = binary_list(1, &ids);
        told(&registry.attribute(&signature(armor), &at(NOW)))
    };
    let revoked = "key-revoked alice@example.com: its certificate, id `test` of any authority";
    assert_eq!(judge(b"test", BY_CERTIFICATE), revoked);
    assert_eq!(judge(b"Test", BY_CERTIFICATE), "good alice@example.com");
    assert_eq!(judge(b"test", BY_KEY), "good alice");
}

#[test]
fn keys_that_are_revoked_by_a_digest_are_named() {
    let allowed = format!("alice {KEY}\n*@x cert-authority {AUTHORITY}\nbob namespaces=\"file\" {KEY}\n");
    let sha1 = |line: &str| allowed_signers::read_key(line).unwrap().sha1();
    let mut registry = registry("", &allowed, "");
    assert_eq!(registry.check(Timestamp(NOW)), []);
    registry.revoked = binary_list(3, &[string(&sha1(KEY)), string(&sha1(AUTHORITY))].concat());
    let states: Vec<_> =
        registry.list(Timestamp(NOW)).into_iter().map(|entry| (entry.format.name(), entry.state)).collect();
    assert_eq!(states, [("ssh-cert", "revoked".to_owned()), ("ssh", "revoked".to_owned())]);
    let lints = registry.check(Timestamp(NOW));
    let told: Vec<_> = lints.iter().map(|lint| format!("{}: {}", lint.line.unwrap(), lint.what)).collect();
    let signs = format!("{KEY_NAME} is revoked: nothing that it signs counts");
    let certified = format!("{AUTHORITY_NAME} is revoked: nothing that it certified counts");
    assert_eq!(told, [format!("1: {signs}"), format!("2: {certified}"), format!("3: {signs}")]);
}

#[test]
fn a_certificates_signer_is_the_one_principal_that_the_line_admits() {
    let line = |principals: &str| format!("{principals} cert-authority {AUTHORITY}\n");
    assert_eq!(certified("", &line("*@example.com,!bob@example.com")), "good alice@example.com");
    let two = "unknown-key -: resolves to two signers: `alice@example.com`, `bob@example.com`";
    assert_eq!(certified("", &line("*@example.com")), two);
    let none = "unknown-key -: no line of its authority admits `alice@example.com`, `bob@example.com`";
    assert_eq!(certified("", &line("carol@example.com")), none);
    let stranger =
        format!("unknown-key -: no `cert-authority` line has the authority that certified it, {AUTHORITY_NAME}");
    assert_eq!(certified("", &format!("* cert-authority {KEY}\n")), stranger);
    let person = "[[signer]]\nid = 'al'\nemails = ['alice@example.com', 'bob@example.com']\n";
    assert_eq!(certified(person, &line("*@example.com")), "good al");
    let other = format!("{person}keys = ['{AUTHORITY_NAME}']\n");
    let denied = "unknown-key -: `alice@example.com` is `al`, whose `keys` do not list this key";
    assert_eq!(certified(&other, &line("*@example.com")), denied);
    // The line of the key itself is for signatures without the certificate.
    assert_eq!(certified("", &format!("alice@example.com {KEY}\n")), stranger);
}

#[test]
fn a_certificate_and_the_line_of_its_authority_both_have_to_hold() {
    let line = format!("alice@example.com cert-authority,valid-before=\"20261231Z\" {AUTHORITY}\n");
    let open = format!("alice@example.com cert-authority {AUTHORITY}\n");
    let judge = |line: &str, when: &When| judged("", line, BY_CERTIFICATE, when);
    let expired = "certificate-expired alice@example.com: it was good until 2026-12-31T23:59:59Z";
    assert_eq!(judge(&open, &at(CERTIFICATE_END - 1)), "good alice@example.com");
    assert_eq!(judge(&open, &at(CERTIFICATE_END)), expired);
    assert_eq!(judge(&open, &at(0)), "key-not-yet-valid alice@example.com");
    let of_line = "key-expired alice@example.com: the line of its authority in `allowed_signers`, \
                   it was good until 2026-12-31T00:00:00Z";
    assert_eq!(judge(&line, &at(CERTIFICATE_END - 1)), of_line);
    let late = When { stated: Some(Timestamp(CERTIFICATE_END - 1)), grace: 60, ..at(CERTIFICATE_END + 59) };
    assert_eq!(judge(&open, &late), "good alice@example.com");
    assert_eq!(judge(&open, &When { stated: late.stated, grace: late.grace, ..at(CERTIFICATE_END + 60) }), expired);
    assert_eq!(judge(&open, &When { stated: Some(Timestamp(CERTIFICATE_END)), ..late }), expired);
}

#[test]
fn whom_an_authority_alone_names_is_a_signer_all_the_same() {
    let registry = registry("", &format!("alice@example.com,!bob@example.com cert-authority {AUTHORITY}\n"), "");
    let Attribution::Good(signer) = registry.attribute(&signature(BY_CERTIFICATE), &at(NOW)) else { panic!() };
    assert_eq!(signer.signer().emails, ["alice@example.com"]);
    assert_eq!(signer.signer().kind, Kind::Person);
    assert_eq!(registry.named("alice@EXAMPLE.com"), [signer.id().clone()]);
    assert!(registry.named("bob@example.com").is_empty());
}

/// Whoever signs is known by an address whose domain compares in either case: an exception has to hold for each spelling, or
/// the authority certifies another one for whom it is not to speak.
#[test]
fn an_exception_from_an_authority_is_one_however_the_domain_is_spelled() {
    let line = |exception: &str| format!("*,!bob@example.com,!{exception} cert-authority {AUTHORITY}\n");
    let refused = "unknown-key -: no line of its authority admits `alice@example.com`, `bob@example.com`";
    let alice = "[[signer]]\nid = 'alice'\nemails = ['alice@example.com']\n";
    for exception in ["alice@example.com", "alice@Example.COM", "*@EXAMPLE.com", "alice*"] {
        assert_eq!(certified("", &line(exception)), refused, "{exception}");
        assert_eq!(certified(alice, &line(exception)), refused, "{exception}");
    }
    // A local part of other case is somebody else.
    for exception in ["Alice@example.com", "alice@example.org", "alice"] {
        assert_eq!(certified("", &line(exception)), "good alice@example.com", "{exception}");
        assert_eq!(certified(alice, &line(exception)), "good alice", "{exception}");
    }
}

#[test]
fn a_key_too_large_to_verify_with_is_not_shown_as_good() {
    let listed = |bits: usize| {
        let mut blob = Vec::new();
        for field in [b"ssh-rsa".to_vec(), vec![1, 0, 1], [vec![0], vec![0xff; bits / 8]].concat()] {
            blob.extend(u32::try_from(field.len()).unwrap().to_be_bytes());
            blob.extend(field);
        }
        let registry = registry("", &format!("alice ssh-rsa {}\n", Base64::encode_string(&blob)), "");
        let states = registry.list(Timestamp(NOW)).into_iter().map(|entry| entry.state);
        let lints = registry.check(Timestamp(NOW)).into_iter().map(|lint| lint.what);
        (states.collect::<Vec<_>>(), lints.map(|what| what.split_once(' ').unwrap().1.to_owned()).collect::<Vec<_>>())
    };
    assert_eq!(listed(8192), (vec!["good".to_owned()], vec![]));
    let lint = "is of a kind that is not supported (RSA of 16384 bits)";
    assert_eq!(listed(16384), (vec!["unsupported: RSA of 16384 bits".to_owned()], vec![lint.to_owned()]));
}

#[test]
fn what_a_signature_says_of_itself_is_not_told_at_any_length() {
    let registry = registry("", "", "");
    let detail = |length: usize| {
        let defect = Defect::Malformed("ä".repeat(length));
        let bad = Bad { defect, format: None, key: None, made: None };
        let Attribution::NotGood(fault) = registry.attribute(&Signature::Bad(bad), &at(NOW)) else { panic!() };
        fault.detail.unwrap()
    };
    assert_eq!(detail(1000), "ä".repeat(1000));
    assert_eq!(detail(40_000), "ä".repeat(1000) + "…");
}

/// What a list in a policy names has to hold whoever is told to have signed.
#[test]
fn whom_an_authority_names_is_named_also_where_another_key_has_the_same_address() {
    let authority = format!("alice@example.com,!bob@example.com cert-authority {AUTHORITY}\n");
    // Her plain key's first address, which is its signer's id, is another.
    let with_key = registry("", &format!("al,alice@example.com {KEY}\n{authority}"), "");
    // Her OpenPGP certificate spells the domain otherwise.
    let with_certificate = registry("", &authority, "");
    let rivals = Rivals { claimed_twice: &|_| false, is_principal: &|_| false, is_certifiable: &|_| true };
    let keyring = Keyring::new(&with_certificate.shelf.people, &[summary(1, &["alice@EXAMPLE.com"])], &rivals);
    with_certificate.keyring.set(keyring).unwrap();
    for (registry, other) in [(&with_key, "al"), (&with_certificate, "alice@EXAMPLE.com")] {
        let Attribution::Good(signer) = registry.attribute(&signature(BY_CERTIFICATE), &at(NOW)) else { panic!() };
        assert_eq!(signer.id().0, "alice@example.com");
        let named = registry.named("alice@example.com");
        assert!(named.contains(signer.id()) && named.contains(&SignerId(other.into())), "{named:?}");
    }
    assert_eq!(with_key.named("al"), [SignerId("al".into())]);
    // An entry that has the address is who signs, and nobody else.
    let person = "[[signer]]\nid = 'al'\nemails = ['alice@example.com']\n";
    assert_eq!(registry(person, &authority, "").named("alice@example.com"), [SignerId("al".into())]);
}

#[test]
fn what_does_not_verify_is_nobodys() {
    let registry = registry("", &format!("alice {KEY}\n"), "");
    let signed = Signed { payload: b"another".into(), signature: BY_KEY.as_bytes().into() };
    let other = signature::verify(&Slot::One(signed), registry.certificates());
    assert_eq!(told(&registry.attribute(&other, &at(NOW))), "bad -");
    assert_eq!(told(&registry.attribute(&Signature::Absent, &at(NOW))), "unsigned -");
}

#[test]
fn names_find_ids_and_emails_and_groups_their_members() {
    let people = "[[signer]]\nid = 'alice'\nemails = ['a@x.org', 'team@x.org']\ngroups = ['dev', 'ops']\n\
                  [[signer]]\nid = 'bot'\nemails = ['team@x.org']\ngroups = ['dev']\nkind = 'bot'\n";
    let registry = registry(people, &format!("carol@x.org {KEY}\nfile namespaces=\"file\" {KEY}\n"), "");
    let named = |name: &str| registry.named(name).into_iter().map(|id| id.0).collect::<Vec<_>>();
    assert_eq!(named("a@X.org"), ["alice"]);
    assert_eq!(named("team@x.org"), ["alice", "bot"]);
    assert_eq!(named("carol@x.org"), ["carol@x.org"]);
    assert!(named("A@x.org").is_empty() && named("file").is_empty());
    assert_eq!(registry.groups()["dev"], ["alice", "bot"]);
    assert_eq!(registry.groups()["ops"], ["alice"]);
    assert_eq!(registry.signer(&SignerId("bot".into())).unwrap().kind, Kind::Bot);
    assert!(registry.signer(&SignerId("a@x.org".into())).is_none());
    assert_eq!(registry.signers().count(), 3);
}

#[test]
fn check_names_what_has_no_effect() {
    let people = format!(
        "[[signer]]\nid = 'a'\nemails = ['t@x']\n[[signer]]\nid = 'b'\nemails = ['t@x']\nkeys = ['SHA256:{}', '{KEY_NAME}']\n",
        "A".repeat(43)
    );
    let allowed = format!("# fine\nalice,bob\n*@x no-touch-required {KEY}\nt@x {KEY}\n");
    let mut registry = registry(&people, &allowed, "");
    registry.unused = vec!["README".into(), "x509".into()];
    let lints = registry.check(Timestamp(NOW));
    let told: Vec<_> =
        lints.iter().map(|lint| format!("{}:{}: {}", lint.file, lint.line.unwrap_or(0), lint.what)).collect();
    assert_eq!(
        told,
        [
            "/registry/README:0: it is no part of a registry, and is not read",
            "/registry/x509:0: this version does not support it: nobody is trusted for what it holds",
            "/registry/signers.toml:4: the email `t@x` is of `a` and `b`; what has no other owner is nobody's",
            &format!(
                "/registry/signers.toml:4: `b` lists SHA256:{}, which no other part of the registry has",
                "A".repeat(43)
            ),
            "/registry/allowed_signers:2: this line grants nothing: it has no key",
            "/registry/allowed_signers:3: this line grants nothing: it has an unknown option: `no-touch-required`",
            &format!("/registry/allowed_signers:4: {KEY_NAME} is nobody's: resolves to two signers: `a`, `b`"),
        ]
    );
    let clean = super::tests::registry("", &format!("alice {KEY}\n"), "");
    assert_eq!(clean.check(Timestamp(NOW)), []);
}

#[test]
fn every_key_is_listed_with_its_state() {
    let list = |allowed: &str, revoked: &str| {
        let entries = registry("", allowed, revoked).list(Timestamp(NOW));
        let told = entries.iter().map(|entry| {
            let signer = entry.signer.as_ref().map_or("-", |signer| &signer.0);
            format!("{signer} {} {} {:?}", entry.format.name(), entry.state, entry.expires.map(|end| end.0))
        });
        told.collect::<Vec<_>>()
    };
    assert_eq!(list(&format!("alice {KEY}\n"), ""), ["alice ssh good None"]);
    assert_eq!(list(&format!("alice {KEY}\n"), KEY), ["alice ssh revoked None"]);
    let window = |from: &str, to: &str| format!("alice valid-after=\"{from}\",valid-before=\"{to}\" {KEY}\n");
    assert_eq!(list(&window("20250101Z", "20260101Z"), ""), ["alice ssh expired Some(1767225600)"]);
    assert_eq!(
        list(&window("20270101Z", "20280101Z"), ""),
        ["alice ssh not yet valid, from 2027-01-01T00:00:00Z Some(1830297600)"]
    );
    assert_eq!(
        list(&format!("alice {KEY}\nbob {KEY}\n*@x cert-authority {AUTHORITY}\n"), ""),
        ["- ssh nobody's: resolves to two signers: `alice`, `bob` None", "- ssh-cert certifies `*@x` None"]
    );
}

/// A certificate whose fingerprint repeats `number`, with these emails.
fn summary(number: u8, emails: &[&str]) -> CertificateSummary {
    let fingerprint = Fingerprint::OpenPgp([number; 20].into());
    CertificateSummary {
        keys: vec![fingerprint.clone(), Fingerprint::OpenPgp([number + 100; 20].into())],
        fingerprint,
        emails: emails.iter().map(|&email| email.to_owned()).collect(),
        name: None,
        begins: None,
        expires: None,
        revoked: false,
        unusable: None,
        revokers: Vec::new(),
        revoked_by_revoker: false,
    }
}

/// Whose each certificate is.
fn owners(signers: &str, allowed: &str, certificates: &[&[&str]]) -> Vec<String> {
    let registry = registry(signers, allowed, "");
    let summaries: Vec<_> = (1..).zip(certificates).map(|(number, emails)| summary(number, emails)).collect();
    let rivals = Rivals {
        claimed_twice: &|email| summaries.iter().filter(|summary| has_email(summary, email)).count() > 1,
        is_principal: &|email| registry.shelf.has_principal(email),
        is_certifiable: &|email| registry.book().allowed.certifies(email),
    };
    let keyring = Keyring::new(&registry.shelf.people, &summaries, &rivals);
    let owner = |summary: &CertificateSummary| match keyring.of_certificate(&summary.fingerprint) {
        Ok(signer) => signer.id.0.clone(),
        Err(why) => format!("nobody: {why}"),
    };
    summaries.iter().map(owner).collect()
}

fn by_fingerprint(number: u8) -> String {
    summary(number, &[]).fingerprint.to_string()
}

#[test]
fn an_email_that_no_other_key_has_is_the_certificates() {
    assert_eq!(
        owners("", "", &[&["alice@x", "alice@home"], &["bob@x"], &[]]),
        ["alice@x", "bob@x", &by_fingerprint(3)]
    );
    let contested = owners("", "", &[&["alice@x"], &["mallory@x", "alice@X"]]);
    assert_eq!(contested, [&by_fingerprint(1), "mallory@x"]);
    assert_eq!(owners("", &format!("alice@x {KEY}\n"), &[&["alice@x"]]), [by_fingerprint(1)]);
    // Whatever an authority may certify is in doubt beside the primary address, and not instead of it.
    let line = format!("*@x cert-authority {AUTHORITY}\n");
    assert_eq!(owners("", &line, &[&["mallory@home", "alice@x"], &["bob@x"]]), ["mallory@home", "bob@x"]);
}

#[test]
fn signers_toml_settles_whose_a_certificate_is() {
    let listing = format!("[[signer]]\nid = 'alice'\nemails = ['alice@x']\nkeys = ['openpgp:{}']\n", "65".repeat(20));
    let denied = "nobody: `alice@x` is `alice`, whose `keys` do not list this key";
    assert_eq!(owners(&listing, "", &[&["alice@x", "alice@home"], &["alice@x"]]), ["alice", denied]);
    assert_eq!(owners(&listing, "", &[&["else@x"], &["mallory@x", "alice@x"]]), ["alice", "mallory@x"]);
    let emails = "[[signer]]\nid = 'alice'\nemails = ['alice@x']\n";
    assert_eq!(owners(emails, "", &[&["alice@x", "alice@home"]]), ["alice"]);
    assert_eq!(owners(emails, &format!("alice@x {KEY}\n"), &[&["alice@x"]]), ["alice"]);
    // One's own certificate does not become a colleague's by a colleague's address.
    assert_eq!(
        owners(emails, "", &[&["alice@x"], &["mallory@x", "alice@x"], &["alice@x", "mallory@home"]]),
        [
            "alice",
            "nobody: resolves to two signers: `alice`, `mallory@x`",
            "nobody: resolves to two signers: `alice`, `mallory@home`"
        ]
    );
}

#[test]
fn a_date_ahead_of_the_clock_comes_before_what_is_wrong_with_the_key() {
    let registry = registry("", "", "");
    let status = |defect, made: i64| {
        let bad = Bad { defect, format: None, key: None, made: Some(Timestamp(made)) };
        registry.attribute(&Signature::Bad(bad), &at(NOW)).status_name()
    };
    for (defect, as_it_is) in [
        (Defect::KeyNotHeld, "unknown-key"),
        (Defect::Weak("RSA of 1024 bits".into()), "weak"),
        (Defect::Improper("its key is not one for signing".into()), "bad"),
    ] {
        assert_eq!(status(defect.clone(), NOW), as_it_is);
        assert_eq!(status(defect, NOW + 3600), "signature-in-future");
    }
    assert_eq!(status(Defect::DoesNotVerify, NOW + 3600), "bad");
    assert_eq!(status(Defect::Ambiguous, NOW + 3600), "ambiguous");
}

/// A `[[key]]`.
fn stated(key: &str, state: &str, since: &str) -> String {
    format!("[[key]]\nfingerprint = '{key}'\nstate = '{state}'\nsince = {since}\n")
}

#[test]
fn a_retired_key_counts_until_then() {
    let line = format!("alice {KEY}\n");
    let entry = stated(KEY_NAME, "retired", "2026-07-01T12:00:00Z") + "note = 'her new token'\n";
    assert_eq!(judged(&entry, &line, BY_KEY, &at(NOW - 1)), "good alice");
    let retired = "key-retired alice: since 2026-07-01T12:00:00Z: her new token";
    assert_eq!(judged(&entry, &line, BY_KEY, &at(NOW)), retired);
    // The receipt decides: no date in the object, and not the clock.
    let dated = When { verify_time: VerifyTime::Signature, stated: Some(Timestamp(0)), grace: 1 << 40, ..at(NOW) };
    assert_eq!(judged(&entry, &line, BY_KEY, &dated), retired);
    let ahead = When { stated: Some(Timestamp(NOW)), ..dated };
    assert_eq!(judged(&entry, &line, BY_KEY, &When { received: Some(Timestamp(NOW - 1)), ..ahead }), "good alice");
    assert_eq!(now(&stated(AUTHORITY_NAME, "retired", "2026-01-01"), &line), "good alice");
}

#[test]
fn a_compromised_key_counts_for_what_was_received_before() {
    let line = format!("alice {KEY}\n");
    let entry = stated(KEY_NAME, "compromised", "2026-07-01T12:00:00Z");
    assert_eq!(judged(&entry, &line, BY_KEY, &at(NOW - 1)), "good alice");
    let compromised = "key-compromised alice: since 2026-07-01T12:00:00Z";
    assert_eq!(judged(&entry, &line, BY_KEY, &at(NOW)), compromised);
    let dated = When { verify_time: VerifyTime::Signature, stated: Some(Timestamp(0)), grace: 1 << 40, ..at(NOW) };
    assert_eq!(judged(&entry, &line, BY_KEY, &dated), compromised);
    assert_eq!(judged(&entry, &line, BY_KEY, &When { received: Some(Timestamp(NOW - 1)), ..at(NOW) }), "good alice");
}

#[test]
fn the_gravest_that_is_wrong_with_a_key_is_told() {
    let judge = |signers: &str, allowed: &str, revoked: &str, when: &When| {
        told(&registry(signers, allowed, revoked).attribute(&signature(BY_KEY), when))
    };
    let expired = format!("alice valid-before=\"20260101Z\" {KEY}\n");
    let (retired, compromised) =
        (stated(KEY_NAME, "retired", "2026-01-01"), stated(KEY_NAME, "compromised", "2026-01-01"));
    let over = "key-expired alice: it was good until 2026-01-01T00:00:00Z";
    let since = "since 2026-01-01T00:00:00Z";
    assert_eq!(judge(&compromised, &expired, KEY, &at(NOW)), format!("key-compromised alice: {since}"));
    assert_eq!(judge(&retired, &expired, KEY, &at(NOW)), "key-revoked alice");
    assert_eq!(judge(&retired, &expired, "", &at(NOW)), format!("key-retired alice: {since}"));
    assert_eq!(judge("", &expired, "", &at(NOW)), over);
    // Also of a key that was taken out, and of one that has two owners.
    assert_eq!(judge(&compromised, "", "", &at(NOW)), format!("key-compromised -: {since}"));
    assert_eq!(judge(&retired, "", "", &at(NOW)), format!("key-retired -: {since}"));
    let two = format!("alice {KEY}\nbob {KEY}\n");
    assert_eq!(judge(&compromised, &two, "", &at(NOW)), format!("key-compromised -: {since}"));
    // A date ahead of the clock still comes first.
    let ahead = When { verify_time: VerifyTime::Signature, stated: Some(Timestamp(NOW + 3600)), ..at(NOW) };
    assert_eq!(judge(&compromised, &expired, KEY, &ahead), "signature-in-future -");
    // One that is still to come hides nothing.
    assert_eq!(judge(&stated(KEY_NAME, "compromised", "2027-01-01"), &expired, "", &at(NOW)), over);
}

#[test]
fn an_authoritys_state_is_that_of_what_it_certified() {
    let line = format!("*@example.com,!bob@example.com cert-authority {AUTHORITY}\n");
    for (state, status) in [("retired", "key-retired"), ("compromised", "key-compromised")] {
        let of_authority = stated(AUTHORITY_NAME, state, "2026-05-01");
        let why = format!("the authority that certified it, {AUTHORITY_NAME}, since 2026-05-01T00:00:00Z");
        assert_eq!(certified(&of_authority, &line), format!("{status} alice@example.com: {why}"));
        let of_key = stated(KEY_NAME, state, "2026-05-01");
        let why = "since 2026-05-01T00:00:00Z";
        assert_eq!(certified(&of_key, &line), format!("{status} alice@example.com: {why}"));
        assert_eq!(certified(&stated(AUTHORITY_NAME, state, "2026-12-01"), &line), "good alice@example.com");
    }
    // The graver one, whichever it is of.
    let both = stated(KEY_NAME, "retired", "2026-01-01") + &stated(AUTHORITY_NAME, "compromised", "2026-02-01");
    assert!(certified(&both, &line).starts_with("key-compromised alice@example.com: the authority"));
    // The nearest of equals.
    let both = stated(AUTHORITY_NAME, "retired", "2026-01-01") + &stated(KEY_NAME, "retired", "2026-02-01");
    assert_eq!(certified(&both, &line), "key-retired alice@example.com: since 2026-02-01T00:00:00Z");
    // Its own signature is not what it certifies with.
    assert_eq!(now(&stated(AUTHORITY_NAME, "compromised", "2026-01-01"), &format!("alice {KEY}\n")), "good alice");
}

#[test]
fn whoever_left_signs_with_no_key() {
    let person = |until: &str| format!("[[signer]]\nid = 'al'\nemails = ['alice@example.com']\nuntil = {until}\n");
    let (plain, authority) =
        (format!("alice@example.com {KEY}\n"), format!("*@example.com,!bob@example.com cert-authority {AUTHORITY}\n"));
    let left = "key-retired al: `al` left on 2026-07-01T12:00:00Z";
    for (line, armor) in [(&plain, BY_KEY), (&authority, BY_CERTIFICATE)] {
        let entry = person("2026-07-01T12:00:00Z");
        assert_eq!(judged(&entry, line, armor, &at(NOW - 1)), "good al");
        assert_eq!(judged(&entry, line, armor, &at(NOW)), left);
        assert_eq!(judged(&person("2026-07-02"), line, armor, &at(NOW)), "good al");
        let Attribution::NotGood(fault) = registry(&entry, line, "").attribute(&signature(armor), &at(NOW)) else {
            panic!()
        };
        assert_eq!(fault.barred, Barred::Signer);
    }
    let person = person("2026-01-01");
    let compromised = person.clone() + &stated(KEY_NAME, "compromised", "2026-01-01");
    assert_eq!(now(&compromised, &plain), "key-compromised al: since 2026-01-01T00:00:00Z");
    // Expired or retired besides: no other key of theirs would do.
    let expired = format!("alice@example.com valid-before=\"20260101Z\" {KEY}\n");
    let left = "key-retired al: `al` left on 2026-01-01T00:00:00Z";
    assert_eq!(now(&person, &expired), left);
    assert_eq!(now(&(person.clone() + &stated(KEY_NAME, "retired", "2026-02-01")), &plain), left);
    // What was two signers' does not become the other one's.
    let both = format!("{plain}bob {KEY}\n");
    assert_eq!(now(&person, &both), "unknown-key -: resolves to two signers: `al`, `bob`");
    // Others are not kept from signing, and lists still know the name.
    assert_eq!(now(&person, &format!("bob {KEY}\n")), "good bob");
    assert_eq!(registry(&person, &plain, "").named("alice@example.com"), [SignerId("al".into())]);
}

#[test]
fn lists_tell_what_is_stated_and_what_is_to_come() {
    let list = |signers: &str, allowed: &str, revoked: &str| {
        let entries = registry(signers, allowed, revoked).list(Timestamp(NOW));
        entries.into_iter().map(|entry| entry.state).collect::<Vec<_>>()
    };
    let line = format!("alice {KEY}\n");
    let past = "2026-05-01";
    let retired = stated(KEY_NAME, "retired", past) + "note = 'new token'\n";
    assert_eq!(list(&retired, &line, ""), ["retired since 2026-05-01T00:00:00Z: new token"]);
    assert_eq!(list(&retired, &line, KEY), ["revoked"]);
    let compromised = stated(KEY_NAME, "compromised", past);
    assert_eq!(list(&compromised, &line, KEY), ["compromised since 2026-05-01T00:00:00Z"]);
    let later = stated(KEY_NAME, "retired", "2026-12-01");
    assert_eq!(list(&later, &line, ""), ["good, retired from 2026-12-01T00:00:00Z"]);
    let person = |until: &str| format!("[[signer]]\nid = 'alice'\nuntil = {until}\n");
    assert_eq!(list(&person("2026-12-01"), &line, ""), ["good, leaves on 2026-12-01T00:00:00Z"]);
    assert_eq!(list(&person(past), &line, ""), ["left on 2026-05-01T00:00:00Z"]);
    assert_eq!(list(&person(past), &line, KEY), ["revoked"]);
    let authority = format!("*@x cert-authority {AUTHORITY}\n");
    let of_authority = |since| stated(AUTHORITY_NAME, "compromised", since);
    assert_eq!(list(&of_authority(past), &authority, ""), ["compromised since 2026-05-01T00:00:00Z"]);
    let to_come = ["certifies `*@x`, compromised from 2026-12-01T00:00:00Z"];
    assert_eq!(list(&of_authority("2026-12-01"), &authority, ""), to_come);
}

#[test]
fn check_names_states_that_do_not_do_what_they_look_like() {
    let people = "[[signer]]\nid = 'alice'\nuntil = 2026-05-01\ngroups = ['dev', 'ops']\n".to_owned()
        + "[[signer]]\nid = 'bob'\nuntil = 2026-12-01\ngroups = ['dev']\n[[signer]]\nid = 'carol'\nuntil = 2026-05-01\n"
        + &stated(KEY_NAME, "compromised", "2026-12-01")
        + &stated(AUTHORITY_NAME, "retired", "2062-05-01")
        + &stated(&format!("SHA256:{}", "A".repeat(43)), "retired", "2026-05-01");
    let registry = registry(&people, &format!("alice {KEY}\n*@x cert-authority {AUTHORITY}\n"), "");
    let lints = registry.check(Timestamp(NOW));
    let told: Vec<_> = lints.iter().map(|lint| format!("{}: {}", lint.line.unwrap_or(0), lint.what)).collect();
    assert_eq!(
        told,
        [
            "1: `alice` left on 2026-05-01T00:00:00Z, and is still in `dev`, `ops`",
            &format!(
                "12: {KEY_NAME} is compromised from 2026-12-01T00:00:00Z on, which is still to come: it counts until then"
            ),
            &format!(
                "16: {AUTHORITY_NAME} is retired from 2062-05-01T00:00:00Z on, which is years ahead: it counts until then"
            ),
            &format!(
                "20: SHA256:{} is retired, and no other part of the registry has it: right for a key that an authority \
                 certified, or that was taken out; else look at the fingerprint again",
                "A".repeat(43)
            ),
        ]
    );
}

#[test]
fn check_names_states_that_are_to_come_until_they_are_there() {
    let since = 1_777_593_600;
    let lints = |state: &str, now: i64| {
        let registry = registry(&stated(KEY_NAME, state, "2026-05-01"), &format!("alice {KEY}\n"), "");
        registry.check(Timestamp(now)).len()
    };
    assert_eq!([since - 1, since, since + 1].map(|now| lints("compromised", now)), [1, 0, 0]);
    let two_years = 2 * 365 * 86_400;
    let before = [two_years + 1, two_years, 1, 0, -1];
    assert_eq!(before.map(|seconds| lints("retired", since - seconds)), [1, 0, 0, 0, 0]);
}

#[test]
fn a_key_of_an_entry_and_of_somebody_else_is_neithers() {
    let alice = "[[signer]]\nid = 'alice'\nemails = ['alice@x']\n";
    let both = format!("alice@x {KEY}\nbob@x {KEY}\n");
    assert_eq!(now(alice, &both), "unknown-key -: resolves to two signers: `alice`, `bob@x`");
    assert_eq!(now(alice, &format!("alice@x {KEY}\nbob@x {AUTHORITY}\n")), "good alice");
    let bob = format!("{alice}[[signer]]\nid = 'bob'\nemails = ['bob@x']\n");
    assert_eq!(now(&bob, &both), "unknown-key -: resolves to two signers: `alice`, `bob`");
    // One line is no better than two.
    assert_eq!(now(&bob, &format!("alice@x,bob@x {KEY}\n")), "unknown-key -: resolves to two signers: `alice`, `bob`");
    // Who lists the key has it, whatever else its principal is called; but not against another entry.
    let listed = format!("[[signer]]\nid = 'alice'\nkeys = ['{KEY_NAME}']\n");
    assert_eq!(now(&listed, &format!("laptop {KEY}\n")), "good alice");
    let against = format!("{listed}[[signer]]\nid = 'bob'\nemails = ['bob@x']\n");
    assert_eq!(now(&against, &format!("bob@x {KEY}\n")), "unknown-key -: resolves to two signers: `alice`, `bob`");
    // A colleague's email on two people's entries.
    let team = "[[signer]]\nid = 'a'\nemails = ['team@x']\n[[signer]]\nid = 'b'\nemails = ['team@x']\n";
    assert_eq!(now(team, &format!("team@x {KEY}\n")), "unknown-key -: resolves to two signers: `a`, `b`");
}

#[test]
fn check_names_every_account_that_two_claim_on_some_server() {
    let lints = |one: &str, other: &str| {
        let signers =
            format!("[[signer]]\nid = 'a'\naccounts = ['{one}']\n[[signer]]\nid = 'b'\naccounts = ['{other}']\n");
        let lints = registry(&signers, "", "").check(Timestamp(NOW));
        lints.into_iter().map(|lint| lint.what).collect::<Vec<_>>()
    };
    let told = ["the account `al` is of `a` and `b`; what has no other owner is nobody's"];
    for (one, other) in [("al", "al"), ("al", "gitlab:al"), ("gitlab:al", "al"), ("gitlab:al", "gitlab:al")] {
        assert_eq!(lints(one, other), told, "{one} {other}");
    }
    for (one, other) in [("gitea:al", "gitlab:al"), ("al", "Al"), ("al", "x:al"), ("deploy-key:1", "gitlab:1")] {
        assert_eq!(lints(one, other), [""; 0], "{one} {other}");
    }
}

#[test]
fn check_names_every_key_that_has_two_owners() {
    let lints = |signers: &str, allowed: &str| {
        let lints = registry(signers, allowed, "").check(Timestamp(NOW));
        lints.into_iter().map(|lint| format!("{}: {}", lint.line.unwrap_or(0), lint.what)).collect::<Vec<_>>()
    };
    let alice = "[[signer]]\nid = 'alice'\nemails = ['alice@x']\n";
    let of = |one: &str, other: &str| format!("2: {KEY_NAME} is nobody's: resolves to two signers: `{one}`, `{other}`");
    let both = format!("alice@x {KEY}\nbob@x {KEY}\n");
    assert_eq!(lints("", &both), [of("alice@x", "bob@x")]);
    assert_eq!(lints(alice, &both), [of("alice", "bob@x")]);
    let listed = format!("[[signer]]\nid = 'al'\nkeys = ['{KEY_NAME}']\n");
    let other = format!("{listed}[[signer]]\nid = 'b'\nkeys = ['{KEY_NAME}']\n");
    assert_eq!(
        lints(&other, &both),
        [format!("4: the key `{KEY_NAME}` is of `al` and `b`; what has no other owner is nobody's"), of("al", "b")]
    );
    assert_eq!(lints(&listed, &both), [""; 0]);
    assert_eq!(lints("", &format!("alice@x {KEY}\nbob@x {AUTHORITY}\n")), [""; 0]);
}

/// Would take minutes if each of them were compared with all others.
#[test]
fn a_line_of_many_principals_and_negations() {
    let names: Vec<_> = (0..20_000).map(|number| format!("person-{number}@example.com")).collect();
    let negated: Vec<_> = names.iter().skip(1).step_by(2).map(|name| format!("!{name}")).collect();
    let line = format!("{},{} {KEY}\n", names.join(","), negated.join(","));
    let registry = registry("", &line, "");
    let Attribution::Good(signer) = registry.attribute(&signature(BY_KEY), &at(NOW)) else { panic!() };
    assert_eq!((signer.id().0.as_str(), signer.signer().emails.len()), ("person-0@example.com", 10_000));
    assert_eq!(registry.named("person-19998@example.com").len(), 1);
    assert!(registry.named("person-19999@example.com").is_empty());
}

/// A plain key and a certified one that ended, each with what is told of it, its last second and its first.
fn ended() -> [(String, &'static str, &'static str, i64, i64); 2] {
    let window = "valid-after=\"20260101Z\",valid-before=\"20260630Z\"";
    let certified = format!("alice cert-authority {AUTHORITY}\n").replace("alice", "alice@example.com");
    [
        (
            format!("alice@example.com {window} {KEY}\n"),
            BY_KEY,
            "key-expired alice@example.com: it was good until 2026-06-30T00:00:00Z",
            1_782_777_600,
            1_767_225_600,
        ),
        (
            certified,
            BY_CERTIFICATE,
            "certificate-expired alice@example.com: it was good until 2026-12-31T23:59:59Z",
            CERTIFICATE_END - 1,
            1_767_225_600,
        ),
    ]
}

#[test]
fn an_expired_key_with_an_old_date() {
    for (line, armor, expired, last, first) in ended() {
        let judge = |stated, verify_time| {
            let when = When { stated: Some(Timestamp(stated)), verify_time, ..at(last + 86_400) };
            judged("", &line, armor, &when)
        };
        for stated in [first - 1, first, last, last + 1] {
            assert_eq!(judge(stated, VerifyTime::Receipt), expired);
        }
        assert_eq!(judge(first - 1, VerifyTime::Signature), "key-not-yet-valid alice@example.com");
        assert_eq!(judge(first, VerifyTime::Signature), "good alice@example.com");
        assert_eq!(judge(last, VerifyTime::Signature), "good alice@example.com");
        assert_eq!(judge(last + 1, VerifyTime::Signature), expired);
        // Received when it was valid, and judged anew.
        let received = When { received: Some(Timestamp(last)), ..at(last + 86_400) };
        assert_eq!(judged("", &line, armor, &received), "good alice@example.com");
    }
}

#[test]
fn grace_ends_at_its_last_second_and_needs_a_date_within_the_window() {
    for (line, armor, expired, last, first) in ended() {
        let judge = |after, stated| {
            let when = When { grace: 60, stated: Some(Timestamp(stated)), ..at(last + after) };
            judged("", &line, armor, &when)
        };
        for stated in [first, last] {
            assert_eq!(judge(60, stated), "good alice@example.com");
            assert_eq!(judge(61, stated), expired);
        }
        for stated in [first - 1, last + 1] {
            assert_eq!(judge(60, stated), expired);
        }
        // It is the receipt that has to be in time.
        let when = When { grace: 60, stated: Some(Timestamp(last)), ..at(last + 86_400) };
        assert_eq!(
            judged("", &line, armor, &When { received: Some(Timestamp(last + 60)), ..when }),
            "good alice@example.com"
        );
        assert_eq!(judged("", &line, armor, &When { received: Some(Timestamp(last + 61)), ..when }), expired);
        // Nothing but expiry has grace.
        let in_grace = When { received: Some(Timestamp(last + 60)), ..when };
        let taken_back = |signers: &str, revoked: &str| {
            registry(signers, &line, revoked).attribute(&signature(armor), &in_grace).status_name()
        };
        assert_eq!(taken_back("", KEY), "key-revoked");
        assert_eq!(taken_back(&stated(KEY_NAME, "retired", "2026-01-01"), ""), "key-retired");
        assert_eq!(taken_back(&stated(KEY_NAME, "compromised", "2026-01-01"), ""), "key-compromised");
        let left = "[[signer]]\nid = 'al'\nemails = ['alice@example.com']\nuntil = 2026-01-01\n";
        assert_eq!(taken_back(left, ""), "key-retired");
        assert_eq!(taken_back("", ""), "good");
    }
}

#[test]
fn a_key_taken_back_with_an_old_date() {
    for (line, armor, _, last, first) in ended() {
        let dated = When { stated: Some(Timestamp(first)), verify_time: VerifyTime::Signature, ..at(last + 86_400) };
        let judge = |signers: &str, revoked: &str| {
            registry(signers, &line, revoked).attribute(&signature(armor), &dated).status_name()
        };
        assert_eq!(judge("", ""), "good");
        // A list of revoked keys knows no times.
        assert_eq!(judge("", KEY), "key-revoked");
        assert_eq!(judge(&stated(KEY_NAME, "retired", "2026-06-01"), ""), "key-retired");
        assert_eq!(judge(&stated(KEY_NAME, "compromised", "2026-06-01"), ""), "key-compromised");
    }
}

#[test]
fn options_are_read_as_openssh_reads_quotes() {
    for options in [
        "namespaces=\"file,git\"",
        "namespaces=\"of my own,git\"",
        "namespaces=\"of my\town,git\"",
        r#"namespaces="\"mine\" too,git""#,
        r#"namespaces="mine\,git""#,
        r#"namespaces="mine\ too,git""#,
    ] {
        assert_eq!(now("", &format!("alice {options} {KEY}\n")), "good alice", "{options}");
    }
    let other_uses = r#"namespaces="\"git\" too,file""#;
    let left_out = "unknown-key -: its `namespaces` in `allowed_signers` leave out `git`";
    assert_eq!(now("", &format!("alice {other_uses} {KEY}\n")), left_out);
    for (line, what) in [
        (format!("alice namespaces=\"git {KEY}"), "has a quote that is not closed"),
        (format!("alice namespaces=\"git\\\" {KEY}"), "has a quote that is not closed"),
        ("alice cert-authority".into(), "has no key"),
        (
            format!("alice valid-after=\"20260102Z\",valid-before=\"20260102Z\" {KEY}"),
            "has a `valid-before` that is not after its `valid-after`",
        ),
        ("alice ssh-ed25519 AAAA".into(), "has no readable key: it is not whole"),
        ("alice ecdsa-sha2-nistp256 AAAA".into(), "has no readable key: it is not whole"),
        ("alice sk-ssh-ed25519@openssh.com AAAA".into(), "has no readable key: it is not whole"),
    ] {
        let lints = registry("", &line, "").check(Timestamp(NOW));
        let told: Vec<_> = lints.into_iter().map(|lint| lint.what).collect();
        assert_eq!(told, [format!("this line grants nothing: it {what}")], "{line}");
        assert_eq!(now("", &line), "unknown-key -: no signer has it", "{line}");
    }
}
