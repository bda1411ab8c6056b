//! A certificate that is parsed, with what does not depend on time judged once.

use super::{ANY_AGE, CertificateSummary, Defect, POLICY, fingerprint, seconds, validity::Judged, weak_algorithm};
use crate::{
    push::Timestamp,
    signature::{
        Fingerprint, Unusable,
        public_key::{ed25519_weakness, rsa_too_large},
    },
};
use sequoia_openpgp::{
    Cert, KeyHandle,
    cert::{
        ValidCert,
        amalgamation::{
            ValidAmalgamation, ValidateAmalgamation,
            key::{ErasedKeyAmalgamation, PrimaryKey, ValidErasedKeyAmalgamation},
        },
    },
    crypto::mpi,
    packet::{
        Key, Signature,
        key::{PublicParts, UnspecifiedRole},
    },
    policy::{HashAlgoSecurity, Policy},
    types::{RevocationStatus, RevocationType},
};
use std::{
    sync::Mutex,
    time::{Duration, SystemTime, UNIX_EPOCH},
};

/// A certificate and its keys.
#[derive(Debug)]
pub(super) struct Holder {
    pub(super) certificate: Cert,
    pub(super) fingerprint: Fingerprint,
    pub(super) keys: Vec<HeldKey>,
    /// What was found for the time asked last. One push asks for one time, many times over.
    pub(super) last: Mutex<Option<(Timestamp, Vec<Judged>)>>,
}

/// One key of a certificate; which comes from its place.
#[derive(Debug)]
pub(super) struct HeldKey {
    pub(super) key: Key<PublicParts, UnspecifiedRole>,
    /// Whether it and the primary key can be verified with, and are strong enough.
    pub(super) strength: Result<(), Defect>,
    /// Whether its certificate binds it, for signing, and it agrees (the back-signature). As of the newest that the
    /// certificate says: that does not change with the clock, and is what GnuPG goes by.
    pub(super) may_sign: Result<(), Defect>,
}

impl HeldKey {
    pub(super) fn may_make_signatures(&self) -> bool {
        self.strength.is_ok() && self.may_sign.is_ok()
    }
}

impl Holder {
    pub(super) fn new(certificate: Cert) -> Self {
        let primary =
            strength(certificate.primary_key().key().parts_as_public().role_as_unspecified()).map_err(of_primary);
        let keys = certificate.keys().map(|key| HeldKey {
            key: key.key().clone(),
            strength: strength(key.key()).and(primary.clone()),
            may_sign: may_sign(&certificate, &key),
        });
        let keys = keys.collect();
        Self { fingerprint: fingerprint(&certificate.fingerprint()), keys, certificate, last: Mutex::new(None) }
    }

    /// What the registry needs.
    pub(super) fn summary(&self, at: Timestamp) -> CertificateSummary {
        let time = time(at);
        let valid = valid_near(&self.certificate, time);
        let primary = valid.as_ref().and_then(|valid| valid.primary_userid().ok()).map(|user| user.userid().clone());
        let mut users: Vec<_> = self
            .certificate
            .userids()
            .filter_map(|user| {
                let bound = user.self_signatures().filter_map(|signature| signature.signature_creation_time());
                let bound: Vec<_> = bound.collect();
                let bound = standing(&bound, time, |time| user.binding_signature(&*POLICY, time).ok());
                let revoked = revoked(|policy| user.revocation_status(policy, time));
                (bound.is_some() && !revoked).then(|| user.userid())
            })
            .collect();
        users.sort_by_key(|user| Some(*user) != primary.as_ref());
        let mut emails: Vec<String> = Vec::new();
        for email in users.iter().filter_map(|user| user.email().ok().flatten()) {
            if !emails.iter().any(|known| known == email) {
                emails.push(email.into());
            }
        }
        CertificateSummary {
            fingerprint: self.fingerprint.clone(),
            keys: self.own_keys(),
            emails,
            name: users.first().map(|user| String::from_utf8_lossy(user.value()).into_owned()),
            begins: self.begins(),
            expires: self.expires(at),
            revoked: self.has_no_key_left(at),
            unusable: self.unusable(),
            revokers: self.revokers().collect(),
            revoked_by_revoker: self.revoked_by_revoker(),
        }
    }

    /// Whether it may sign with its key of this number, and that is the other's key, too.
    pub(super) fn signs_with(&self, index: usize, other: &Self, at: usize) -> bool {
        let (Some(own), Some(other)) = (self.keys.get(index), other.keys.get(at)) else { return false };
        own.key.fingerprint() == other.key.fingerprint() && own.may_make_signatures()
    }

    fn unusable(&self) -> Option<Unusable> {
        if self.keys.iter().any(HeldKey::may_make_signatures) {
            return None;
        }
        // Of a key that would be for signing, or else of the primary key, on which all depend.
        let defects = self.keys.iter().flat_map(|key| [key.strength.as_ref().err(), key.may_sign.as_ref().err()]);
        let found = defects.flatten().find_map(|defect| match defect {
            Defect::Weak(what) => Some(Unusable::Weak(what.clone())),
            Defect::Unsupported(what) => Some(Unusable::Unsupported(what.clone())),
            Defect::DoesNotVerify
            | Defect::Improper(_)
            | Defect::KeyNotHeld
            | Defect::Malformed(_)
            | Defect::Ambiguous => None,
        });
        Some(found.unwrap_or(Unusable::NoSigningKey))
    }

    /// A subkey begins no earlier than the primary key, on which it depends.
    fn begins(&self) -> Option<Timestamp> {
        let primary = self.certificate.primary_key().key().creation_time();
        let signing = self.keys.iter().filter(|key| key.may_make_signatures());
        signing.map(|key| Timestamp(seconds(key.key.creation_time().max(primary)))).min()
    }

    fn revokers(&self) -> impl Iterator<Item = Fingerprint> {
        self.certificate.revocation_keys(&*ANY_AGE).map(|revoker| fingerprint(revoker.revoker().1))
    }

    fn revoked_by_revoker(&self) -> bool {
        let revokers: Vec<_> =
            self.certificate.revocation_keys(&*ANY_AGE).map(|revoker| KeyHandle::from(revoker.revoker().1)).collect();
        let revocations = self.certificate.primary_key().other_revocations();
        let mut issuers = revocations.flat_map(Signature::get_issuers);
        issuers.any(|issuer| revokers.iter().any(|revoker| revoker.aliases(&issuer)))
    }

    /// Anybody can bind anybody's key to encrypt with; only a key that is to sign has to agree.
    fn own_keys(&self) -> Vec<Fingerprint> {
        let (primary, subkeys) = self.keys.split_at_checked(1).unwrap_or_default();
        let agreed = subkeys.iter().filter(|key| key.may_sign.is_ok());
        primary.iter().chain(agreed).map(|key| fingerprint(&key.key.fingerprint())).collect()
    }
}

/// A time as sequoia wants it; it is never asked for `None`, which would be now.
pub(super) fn time(at: Timestamp) -> SystemTime {
    UNIX_EPOCH + Duration::from_secs(u64::try_from(at.0).unwrap_or(0).min(u64::from(u32::MAX)))
}

/// What is found at the time, or else, where the certificate says nothing of that time, at the first time after it at
/// which it says something. A certificate that was renewed often has only its newest self-signature left; it then speaks
/// for the time before that, too.
pub(super) fn standing<T>(times: &[SystemTime], at: SystemTime, find: impl Fn(SystemTime) -> Option<T>) -> Option<T> {
    let mut after: Vec<_> = times.iter().filter(|time| **time > at).copied().collect();
    after.sort_unstable();
    find(at).or_else(|| after.into_iter().find_map(&find))
}

/// What was found last before the time, and has ended since: a self-signature says until when it is good.
pub(super) fn lapsed<T>(times: &[SystemTime], at: SystemTime, find: impl Fn(SystemTime) -> Option<T>) -> Option<T> {
    let mut before: Vec<_> = times.iter().filter(|time| **time <= at).copied().collect();
    before.sort_unstable();
    before.into_iter().rev().find_map(&find)
}

/// What stands at the time, or else has stood.
fn nearest<T>(times: &[SystemTime], at: SystemTime, find: impl Fn(SystemTime) -> Option<T>) -> Option<T> {
    standing(times, at, &find).or_else(|| lapsed(times, at, &find))
}

/// When the certificate says anything of itself or of this key.
pub(super) fn self_signed<'a>(
    certificate: &'a Cert,
    key: Option<&ErasedKeyAmalgamation<'a, PublicParts>>,
) -> Vec<SystemTime> {
    let primary = certificate.primary_key();
    let users = certificate.userids().flat_map(|user| user.self_signatures().collect::<Vec<_>>());
    let keys = key.into_iter().flat_map(|key| key.self_signatures());
    primary
        .self_signatures()
        .chain(users)
        .chain(keys)
        .filter_map(|signature| signature.signature_creation_time())
        .collect()
}

pub(super) fn valid_near(certificate: &Cert, at: SystemTime) -> Option<ValidCert<'_>> {
    nearest(&self_signed(certificate, None), at, |time| certificate.with_policy(&*POLICY, time).ok())
}

/// Whether a revocation counts, be it hard, or soft and made before the time. A revocation by somebody else
/// (`CouldBe`) is not verified, and anybody can attach one.
pub(super) fn revoked<'a>(status: impl Fn(&'a dyn Policy) -> RevocationStatus<'a>) -> bool {
    [&*POLICY, &*ANY_AGE].into_iter().any(|policy| matches!(status(policy), RevocationStatus::Revoked(_)))
}

/// Whether a key counts as revoked at a time by one of these revocations, which its own certificate made. Also where that
/// said something of the key later: to sequoia that takes a soft revocation back (cert/bundle.rs, `_revocation_status`), to
/// GnuPG nothing does (g10/getkey.c, `merge_selfsigs_subkey`), and whoever has a key that was put out of use could.
pub(super) fn taken_back<'a>(mut revocations: impl Iterator<Item = &'a Signature>, time: SystemTime) -> bool {
    revocations.any(|revocation| revocation.signature_alive(time, Duration::ZERO).is_ok())
}

/// Whether a revocation says no more than that the key is out of use (RFC 9580, 5.2.3.31); without a reason it says the worst.
pub(super) fn is_soft(revocation: &&Signature) -> bool {
    let reason = revocation.reason_for_revocation();
    reason.is_some_and(|(reason, _)| reason.revocation_type() == RevocationType::Soft)
}

fn strength(key: &Key<PublicParts, UnspecifiedRole>) -> Result<(), Defect> {
    let algorithm = key.pk_algo();
    if let Some(name) = weak_algorithm(algorithm) {
        return Err(Defect::Weak(name.into()));
    }
    if !algorithm.is_supported() {
        return Err(Defect::Unsupported(format!("keys of the type {algorithm}")));
    }
    if let mpi::PublicKey::RSA { n, .. } = key.mpis() {
        if n.bits() < 2048 {
            return Err(Defect::Weak(format!("RSA of {} bits", n.bits())));
        }
        return rsa_too_large(n.value()).map_or(Ok(()), |size| Err(Defect::Unsupported(size)));
    }
    if let mpi::PublicKey::EdDSA { q, .. } = key.mpis()
        && let Some(weakness) = q.value().strip_prefix(&[0x40]).and_then(ed25519_weakness)
    {
        return Err(Defect::Weak(weakness));
    }
    if let mpi::PublicKey::Ed25519 { a } = key.mpis()
        && let Some(weakness) = ed25519_weakness(a)
    {
        return Err(Defect::Weak(weakness));
    }
    if let mpi::PublicKey::ECDSA { curve, .. } | mpi::PublicKey::EdDSA { curve, .. } = key.mpis()
        && !curve.is_supported()
    {
        return Err(Defect::Unsupported(format!("keys on the curve {curve}")));
    }
    Ok(())
}

/// A certificate is as strong as the key that binds it together.
fn of_primary(defect: Defect) -> Defect {
    let of_primary = |what: String| format!("{what} (its certificate's primary key)");
    match defect {
        Defect::Weak(what) => Defect::Weak(of_primary(what)),
        Defect::Unsupported(what) => Defect::Unsupported(of_primary(what)),
        Defect::DoesNotVerify | Defect::Improper(_) | Defect::KeyNotHeld | Defect::Malformed(_) | Defect::Ambiguous => {
            defect
        }
    }
}

fn may_sign(certificate: &Cert, key: &ErasedKeyAmalgamation<'_, PublicParts>) -> Result<(), Defect> {
    let times = self_signed(certificate, Some(key));
    let newest = times.iter().max().copied().unwrap_or(UNIX_EPOCH);
    let valid = nearest(&times, newest, |time| key.clone().with_policy(&*POLICY, time).ok());
    match valid {
        Some(key) if key.for_signing() && (key.primary() || agreements(&key).next().is_some()) => Ok(()),
        Some(key) if key.for_signing() => Err(Defect::Weak(BOUND_WEAKLY.into())),
        // Made before there were flags, or by a program that writes none: a primary key is then for all that it can do,
        // as it is to GnuPG. Subkeys are not, because they agree to nothing.
        Some(key) if key.primary() && key.key().version() == 4 && key.key_flags().is_none() => Ok(()),
        Some(_) => Err(Defect::Improper("its key is not one for signing".into())),
        None if bound_weakly(certificate, key) => Err(Defect::Weak(BOUND_WEAKLY.into())),
        None => Err(Defect::Improper("its certificate does not bind its key, or the key does not agree".into())),
    }
}

const BOUND_WEAKLY: &str = "its certificate is bound together with SHA-1 or MD5";

/// The back-signatures that the key itself made, strongly. Sequoia is content if one verifies and another, which anybody
/// can put beside it, is strong and has not expired (cert/bundle.rs, `binding_signature`).
pub(super) fn agreements<'v>(
    key: &'v ValidErasedKeyAmalgamation<'_, PublicParts>,
) -> impl Iterator<Item = &'v Signature> {
    let (primary, subkey) = (key.valid_cert().primary_key().key(), key.key().role_as_subordinate());
    let alone = key.binding_signature().embedded_signatures().nth(1).is_none();
    key.binding_signature().embedded_signatures().filter(move |agreement| {
        alone
            || POLICY.signature(agreement, HashAlgoSecurity::SecondPreImageResistance).is_ok()
                && agreement.verify_primary_key_binding(primary, subkey).is_ok()
    })
}

/// Whether a policy that takes older algorithms would find the key bound.
fn bound_weakly(certificate: &Cert, key: &ErasedKeyAmalgamation<'_, PublicParts>) -> bool {
    let times = self_signed(certificate, Some(key));
    let newest = times.iter().max().copied().unwrap_or(UNIX_EPOCH);
    nearest(&times, newest, |time| key.clone().with_policy(&*ANY_AGE, time).ok()).is_some()
}
