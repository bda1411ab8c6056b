//! The files of a registry, each beside others that are known.

use super::{
    assert_escapable,
    known::{self, NOW, PAYLOAD, WHEN, one},
    object::contains,
    policy::assert_problems,
};
use countersign::{
    Undecided,
    push::Timestamp,
    registry::{Attribution, BrokenSigners, Parts, Registry},
    signature::{self, Certificates, Signature},
};
use jiff::tz::{Offset, TimeZone};
use std::{collections::HashSet, path::Path};

/// `allowed_signers`: always read. A key that no line has is nobody's.
pub fn allowed_signers(input: &[u8]) {
    let certificates = || known::certificates_for(input);
    let parts = || Parts { allowed_signers: input.to_vec(), certificates: certificates(), ..Parts::default() };
    let registry = twice(parts).unwrap();
    for (signature, key) in &*known::BY_SSH {
        let base64 = key.split(' ').nth(1).unwrap();
        let is_there = contains(input, base64.as_bytes());
        assert!(is_there || !matches!(registry.attribute(signature, &WHEN), Attribution::Good(_)));
    }
}

/// `revoked_keys`, as text or as a key revocation list: it is read or it refuses all, and it grants nothing.
pub fn krl(input: &[u8]) {
    let parts = || Parts { revoked_keys: input.to_vec(), allowed_signers: known::allowed().into(), ..Parts::default() };
    let registry = match twice(parts) {
        Ok(registry) => registry,
        Err(undecided) => return assert_escapable(&undecided.to_string()),
    };
    for (signature, key) in &*known::BY_SSH {
        let (before, after) = (known::judged(signature), registry.attribute(signature, &WHEN));
        match after.status_name() {
            "key-revoked" => {}
            status => assert_eq!((status, after.signer()), (before.status_name(), before.signer()), "{key}"),
        }
    }
}

/// A file of `openpgp`: it is read or it refuses all. A signature is by the key that made it or is not good.
pub fn openpgp_certificates(input: &[u8]) {
    let read = || {
        let mut certificates = Certificates::default();
        certificates.add_file(input).map(|others| (certificates, others.len()))
    };
    let (certificates, others) = match read() {
        Ok(read) => read,
        Err(why) => return assert_escapable(&why),
    };
    let mut verified = Vec::new();
    for (armor, key) in [
        (known::BY_DAVE, known::DAVE_FINGERPRINT),
        (known::BY_ERIN, known::ERIN_FINGERPRINT),
        (known::BY_MALLORY_OPENPGP, known::MALLORY_FINGERPRINT),
    ] {
        let signature = signature::verify(&one(PAYLOAD, armor), &certificates);
        if let Signature::Verified(proof) = &signature {
            assert_eq!(proof.key().to_string(), key);
        }
        verified.push(signature);
        assert!(!matches!(signature::verify(&one(b"another", armor), &certificates), Signature::Verified(_)));
    }
    let held = certificates.summaries(NOW).len() + certificates.unreadable().len();
    assert!(held + others > 0);
    let parts =
        || Parts { certificates: read().unwrap().0, allowed_signers: known::allowed().into(), ..Parts::default() };
    twice_of(parts, &verified).unwrap();
}

/// `signers.toml`: it is read, or every mistake has a place. Whoever has no key here is nobody.
pub fn signers_toml(input: &[u8]) {
    let (allowed, certificates) = (|| known::allowed().into(), || known::certificates_for(input));
    let parts = || Parts {
        signers: input.to_vec(),
        allowed_signers: allowed(),
        certificates: certificates(),
        ..Parts::default()
    };
    let registry = match twice(parts) {
        Ok(registry) => registry,
        Err(undecided) => {
            if let Some(broken) = undecided.cause.downcast_ref::<BrokenSigners>() {
                assert_eq!(broken.source.as_bytes(), input);
                assert_problems(&broken.source, &broken.problems);
            } else {
                assert!(std::str::from_utf8(input).is_err(), "{undecided}");
            }
            return assert_escapable(&undecided.to_string());
        }
    };
    let ids: Vec<_> = registry.signers().map(|signer| &signer.id).collect();
    assert_eq!(ids.iter().collect::<HashSet<_>>().len(), ids.len(), "{ids:?}");
    for id in ids {
        assert_eq!(registry.signer(id).map(|signer| &signer.id), Some(id));
    }
    for member in registry.groups().values().flatten() {
        assert!(!registry.named(member).is_empty(), "{member}");
    }
    for (signature, key) in &*known::BY_SSH {
        let is_good = matches!(registry.attribute(signature, &WHEN), Attribution::Good(_));
        assert!(!is_good || *key != known::MALLORY);
    }
}

/// The registry, read and asked twice: both say the same, also after all of it was looked at.
fn twice(parts: impl Fn() -> Parts) -> Result<Registry, Undecided> {
    twice_of(parts, &*known::BY_OPENPGP)
}

/// `by_openpgp`: signatures that certificates of this registry have verified, or not.
fn twice_of(parts: impl Fn() -> Parts, by_openpgp: &[Signature]) -> Result<Registry, Undecided> {
    let zone = TimeZone::fixed(Offset::from_seconds(5 * 3600 + 1800).unwrap());
    let read = || Registry::from_parts(Path::new("registry"), parts(), &zone);
    let (first, second) = (read(), read());
    let (first, second) = match (first, second) {
        (Ok(first), Ok(second)) => (first, second),
        (Err(first), Err(second)) => {
            assert_eq!(first.to_string(), second.to_string());
            return Err(first);
        }
        (first, second) => panic!("{first:?}, {second:?}"),
    };
    let from_some_lines = judgements(&first, by_openpgp);
    assert_eq!(told(&first), told(&second));
    assert_eq!(from_some_lines, judgements(&first, by_openpgp));
    assert_eq!(from_some_lines, judgements(&second, by_openpgp));
    Ok(first)
}

/// What the registry says of each known signature.
fn judgements(registry: &Registry, by_openpgp: &[Signature]) -> Vec<String> {
    let signatures = known::BY_SSH.iter().map(|(signature, _)| signature).chain(by_openpgp);
    signatures
        .map(|signature| {
            let attribution = registry.attribute(signature, &WHEN);
            if let Attribution::NotGood(fault) = &attribution {
                assert_escapable(fault.detail.as_deref().unwrap_or_default());
            }
            format!("{} {:?}", attribution.status_name(), attribution.signer())
        })
        .collect()
}

/// Everything else that it says: who there is, every key and its state, what is wrong.
fn told(registry: &Registry) -> String {
    let mut said = format!("{:?}", registry.groups());
    for signer in registry.signers() {
        said += &format!("{signer:?} {:?}\n", registry.named(&signer.id.0));
    }
    for now in [NOW, Timestamp(i64::MAX)] {
        for entry in registry.list(now) {
            assert_escapable(&entry.state);
            said += &format!("{entry:?}\n");
        }
        for lint in registry.check(now) {
            assert_escapable(&lint.what);
            said += &format!("{lint:?}\n");
        }
    }
    said
}
