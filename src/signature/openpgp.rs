//! Detached OpenPGP signatures (RFC 9580, RFC 4880) and the certificates that judge them.
use super::Fingerprint;
use super::{Bad, Verified};
use crate::push::Timestamp;

/// The OpenPGP certificates of a registry. Parsed on first use, each once.
#[derive(Debug, Default)]
pub struct Certificates {}

/// One certificate as the registry sees it, for resolving people and for `registry list`.
#[derive(Debug)]
pub struct CertificateSummary {
    pub fingerprint: Fingerprint,
    /// All key fingerprints (primary and subkeys), for `keys = ["openpgp:<subkey>"]`.
    pub keys: Vec<Fingerprint>,
    /// Email addresses of user IDs that are not revoked; the primary user ID's first.
    pub emails: Vec<String>,
    /// The primary user ID, lossy.
    pub name: Option<String>,
    /// When it (its signing capability) ends.
    pub expires: Option<Timestamp>,
    pub revoked: bool,
}

impl Certificates {
    /// Takes a file's bytes: armored or binary, any number of certificates; adds them. A text names what is wrong.
    pub fn add_file(&mut self, bytes: &[u8]) -> Result<(), String> {
        let _ = bytes;
        todo!()
    }
    /// As of `at`.
    pub fn summaries(&self, at: Timestamp) -> Vec<CertificateSummary> {
        let _ = at;
        todo!()
    }
}

/// Which certificate and key made a signature, and the signature's own times.
#[derive(Clone, Debug)]
pub struct SignedBy {}

/// Whether key, certificate and signature are good at a time.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Validity {
    Good,
    /// The signature is dated after `at` (five minutes of clock difference allowed).
    SignatureInFuture,
    SignatureExpired,
    /// Key or certificate; when its validity ended.
    KeyExpired {
        end: Timestamp,
    },
    KeyNotYetValid,
    KeyRevoked,
}

impl SignedBy {
    /// When the signature says it was made.
    pub fn stated_time(&self) -> Timestamp {
        todo!()
    }
    /// `now`: the clock (for a date ahead of it). `at`: when key and certificate must be valid.
    pub fn validity(&self, at: Timestamp, now: Timestamp) -> Validity {
        let _ = (at, now);
        todo!()
    }
}

pub(super) fn verify(_: &[u8], _: &[u8], _: &Certificates) -> Result<Verified, Bad> {
    todo!()
}
