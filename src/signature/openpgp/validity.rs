//! The judgement in time: nothing but times and what the certificate says of them.

use super::{
    Certificates, POLICY, fingerprint,
    holder::{Holder, agreements, is_soft, lapsed, revoked, self_signed, standing, taken_back, time},
    packet::Detached,
    seconds,
};
use crate::{push::Timestamp, signature::Fingerprint};
use sequoia_openpgp::{
    cert::amalgamation::{
        ValidAmalgamation, ValidateAmalgamation,
        key::{ErasedKeyAmalgamation, ValidErasedKeyAmalgamation},
    },
    packet::key::PublicParts,
};
use std::{
    fmt, iter,
    sync::{Arc, PoisonError},
    time::SystemTime,
};

/// Which certificate and key made a signature, and the signature's own times.
#[derive(Clone)]
pub struct SignedBy {
    holder: Arc<Holder>,
    key: usize,
    made: Timestamp,
    expires: Option<Timestamp>,
    /// Other certificates that may sign with the same key, and which of theirs it is.
    shared: Vec<(Arc<Holder>, usize)>,
}

/// Whether key, certificate and signature are good at a time.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Validity {
    /// They are.
    Good,
    /// The signature is dated ahead of the clock, by more than clocks differ (five minutes).
    SignatureInFuture,
    /// The signature says until when it is good, and that is over.
    SignatureExpired,
    /// Key or certificate.
    KeyExpired {
        /// The first second at which it was not valid any more.
        end: Timestamp,
    },
    /// Key or certificate was made later.
    KeyNotYetValid,
    /// Key or certificate: because it may be in other hands, or without a reason, for all times; because it is out of
    /// use, from then on.
    KeyRevoked,
}

/// What is known of one key at one time.
#[derive(Clone, Copy, Debug)]
pub(super) struct Judged {
    revoked: bool,
    /// By a soft revocation that was made by then, whatever hard ones there are.
    softly: bool,
    created: Timestamp,
    /// `None`: never.
    end: Option<Timestamp>,
}

/// Seconds by which the clock of whoever signed may be ahead of ours.
const CLOCK_DIFFERENCE: i64 = 300;

impl SignedBy {
    pub(super) fn new(
        holder: Arc<Holder>,
        key: usize,
        signature: &Detached,
        shared: Vec<(Arc<Holder>, usize)>,
    ) -> Self {
        Self { holder, key, made: signature.made, expires: signature.expires(), shared }
    }

    /// The certificate, by its primary key.
    pub fn certificate(&self) -> &Fingerprint {
        &self.holder.fingerprint
    }

    /// The same by each certificate that holds the key, which is seldom more than one: this one first.
    pub fn by_each_certificate(&self) -> impl Iterator<Item = Self> {
        let own = [(Arc::clone(&self.holder), self.key)].into_iter();
        let (made, expires) = (self.made, self.expires);
        own.chain(self.shared.clone()).map(move |(holder, key)| Self { holder, key, made, expires, shared: Vec::new() })
    }

    /// Whether the key is revoked for all times, and not from some time on.
    pub fn is_revoked_for_good(&self) -> bool {
        self.holder.judged(Timestamp(0), self.key).revoked
    }

    /// Whether it is in the certificates of another time.
    pub fn is_revoked_for_good_in(&self, certificates: &Certificates) -> bool {
        let handle = self.holder.keys.get(self.key).map(|key| key.key.key_handle());
        let held = certificates.having(handle.as_slice());
        held.into_iter().any(|(holder, key)| holder.judged(Timestamp(0), key).revoked)
    }

    /// Of the key that made it, be it the primary key or a subkey; as far as its certificate has it.
    pub fn signing_key(&self) -> Fingerprint {
        let key = self.holder.keys.get(self.key);
        key.map_or_else(|| self.holder.fingerprint.clone(), |key| fingerprint(&key.key.fingerprint()))
    }

    /// When the signature says it was made.
    pub fn stated_time(&self) -> Timestamp {
        self.made
    }

    /// `now`: the clock, for a date ahead of it. `at`: when signature, key and certificate must be valid.
    pub fn validity(&self, at: Timestamp, now: Timestamp) -> Validity {
        let judged = self.holder.judged(at, self.key);
        self.unless_revoked(judged, judged.revoked, at, now)
    }

    /// The same of what was received before: a hard revocation voids what comes after it was heard of, a soft one what was not
    /// valid any more at the time.
    pub fn validity_once_received(&self, at: Timestamp, now: Timestamp) -> Validity {
        let judged = self.holder.judged(at, self.key);
        self.unless_revoked(judged, judged.softly, at, now)
    }

    fn unless_revoked(&self, judged: Judged, revoked: bool, at: Timestamp, now: Timestamp) -> Validity {
        if self.made.0 > now.0.saturating_add(CLOCK_DIFFERENCE) {
            return Validity::SignatureInFuture;
        }
        if revoked {
            return Validity::KeyRevoked;
        }
        if self.expires.is_some_and(|end| end <= at) {
            return Validity::SignatureExpired;
        }
        if judged.created.0 > at.0.saturating_add(CLOCK_DIFFERENCE) {
            return Validity::KeyNotYetValid;
        }
        match judged.end {
            Some(end) if end <= at => Validity::KeyExpired { end },
            Some(_) | None => Validity::Good,
        }
    }
}

impl fmt::Debug for SignedBy {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut debug = f.debug_struct("SignedBy");
        debug.field("certificate", &self.holder.fingerprint).field("key", &self.key).field("made", &self.made).finish()
    }
}

impl Holder {
    fn judged(&self, at: Timestamp, key: usize) -> Judged {
        let mut last = self.last.lock().unwrap_or_else(PoisonError::into_inner);
        if last.as_ref().is_none_or(|(known, _)| *known != at) {
            *last = Some((at, self.judge(at)));
        }
        let found = last.as_ref().and_then(|(_, keys)| keys.get(key)).copied();
        // Every key has its place; if not, nothing is good.
        found.unwrap_or(Judged { revoked: true, softly: true, created: at, end: Some(at) })
    }

    fn judge(&self, at: Timestamp) -> Vec<Judged> {
        let time = time(at);
        let whole = self.is_revoked(time);
        let wholly_soft = taken_back(self.certificate.primary_key().self_revocations().filter(is_soft), time);
        let subkeys = self.certificate.keys().subkeys();
        let revoked = subkeys.map(|key| {
            let by_status = || revoked(|policy| key.revocation_status(policy, time));
            let softly = wholly_soft || taken_back(key.self_revocations().filter(is_soft), time);
            (whole || by_status() || taken_back(key.self_revocations(), time), softly)
        });
        let revoked: Vec<(bool, bool)> = iter::once((whole, wholly_soft)).chain(revoked).collect();
        self.certificate.keys().zip(revoked).map(|(key, revoked)| self.judge_key(&key, revoked, time)).collect()
    }

    fn judge_key(
        &self,
        key: &ErasedKeyAmalgamation<'_, PublicParts>,
        (revoked, softly): (bool, bool),
        time: SystemTime,
    ) -> Judged {
        let primary = self.certificate.primary_key();
        let times = self_signed(&self.certificate, Some(key));
        let valid_at = |time| key.clone().with_policy(&*POLICY, time).ok();
        let end = match standing(&times, time, valid_at) {
            Some(valid) => end(&valid),
            // Whatever it was that ended, it is not good any more; if it was bound at no time, it never was.
            None => lapsed(&times, time, valid_at)
                .map_or(Some(SystemTime::UNIX_EPOCH), |valid| Some(end(&valid).map_or(time, |end| end.min(time)))),
        };
        Judged {
            revoked,
            softly,
            created: Timestamp(seconds(key.key().creation_time().max(primary.key().creation_time()))),
            end: end.map(|end| Timestamp(seconds(end))),
        }
    }

    /// When the last of the keys that may sign and are not revoked ends; `None`: never.
    pub(super) fn expires(&self, at: Timestamp) -> Option<Timestamp> {
        let mut signing = self.signing_keys(at);
        if signing.iter().any(|judged| !judged.revoked) {
            signing.retain(|judged| !judged.revoked);
        }
        let ends: Vec<_> = signing.into_iter().map(|judged| judged.end).collect();
        if ends.contains(&None) { None } else { ends.into_iter().flatten().max() }
    }

    /// Whether the certificate is revoked, or all of its keys that may sign are.
    pub(super) fn has_no_key_left(&self, at: Timestamp) -> bool {
        let signing = self.signing_keys(at);
        self.is_revoked(time(at)) || (!signing.is_empty() && signing.iter().all(|judged| judged.revoked))
    }

    /// The whole certificate.
    fn is_revoked(&self, time: SystemTime) -> bool {
        revoked(|policy| self.certificate.revocation_status(policy, time))
            || taken_back(self.certificate.primary_key().self_revocations(), time)
    }

    fn signing_keys(&self, at: Timestamp) -> Vec<Judged> {
        let keys = self.keys.iter().zip(self.judge(at));
        keys.filter(|(key, _)| key.may_make_signatures()).map(|(_, judged)| judged).collect()
    }
}

/// When the first of these ends: key, primary key, what binds them, and the key's agreement.
fn end(valid: &ValidErasedKeyAmalgamation<'_, PublicParts>) -> Option<SystemTime> {
    let primary = valid.valid_cert().primary_key();
    let binding = valid.binding_signature();
    let agreements: Vec<_> = agreements(valid).map(|agreement| agreement.signature_expiration_time()).collect();
    let agreement = if agreements.contains(&None) { None } else { agreements.into_iter().flatten().max() };
    let ends = [
        valid.key_expiration_time(),
        binding.signature_expiration_time(),
        primary.key_expiration_time(),
        primary.binding_signature().signature_expiration_time(),
        agreement,
    ];
    ends.into_iter().flatten().min()
}
