//! The judgement on one signature. A leaf module: only [`super::Registry::attribute`] makes a [`VerifiedSigner`].
use super::SignerId;
use crate::{push::Timestamp, signature::{Fingerprint, Format, Verified}};

/// A registered signer made this signature with a key that was good at the judged time.
#[derive(Clone, Debug)]
pub struct VerifiedSigner { id: SignerId, proof: Verified }
impl VerifiedSigner {
    pub(super) fn new(id: SignerId, proof: Verified) -> Self { Self { id, proof } }
    pub fn id(&self) -> &SignerId { &self.id }
    pub fn proof(&self) -> &Verified { &self.proof }
}

/// What is to be said of an object's signature. A judgment, never cached.
#[derive(Clone, Debug)]
pub enum Attribution { Unsigned, Good(VerifiedSigner), NotGood(Fault) }

/// A signature that does not count, and why.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub struct Fault {
    pub status: Status,
    /// More of it for a person, lower case: "two signature packets", "resolves to two signers: alice, bob".
    pub detail: Option<String>,
    pub format: Option<Format>,
    pub key: Option<Fingerprint>,
    /// Whose it would be.
    pub signer: Option<SignerId>,
    /// When the key's validity ended, for an expired one.
    pub ended: Option<Timestamp>,
}

/// Why a signature does not count (`verify`'s `status`, but for `good` and `unsigned`).
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub enum Status {
    Bad, UnknownKey, KeyExpired, CertificateExpired, KeyRevoked, KeyRetired, KeyCompromised, KeyNotYetValid,
    SignatureExpired, SignatureInFuture, Weak, Malformed, Ambiguous, Unsupported, TimeUnproven,
}
