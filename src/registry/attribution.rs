//! The judgement on one signature. A leaf module: only [`super::Registry::attribute`] makes a [`VerifiedSigner`].
use super::{Signer, SignerId};
use crate::signature::{Fingerprint, Format, Verified};
use std::sync::Arc;

/// Why a key is unknown that no part of the registry has.
pub(super) const NOBODYS: &str = "no signer has it";

/// A registered signer made this signature with a key that was good at the judged time.
#[derive(Clone, Debug)]
pub struct VerifiedSigner {
    signer: Arc<Signer>,
    proof: Verified,
}

impl VerifiedSigner {
    pub(super) fn new(signer: Arc<Signer>, proof: Verified) -> Self {
        Self { signer, proof }
    }

    /// Who signed.
    pub fn id(&self) -> &SignerId {
        &self.signer.id
    }

    /// All that the registry says of who signed; also of one whom only an authority's certificate names.
    pub fn signer(&self) -> &Signer {
        &self.signer
    }

    /// Which key signed which bytes.
    pub fn proof(&self) -> &Verified {
        &self.proof
    }
}

/// What is to be said of an object's signature. A judgment, never cached.
#[derive(Clone, Debug)]
pub enum Attribution {
    /// There is none.
    Unsigned,
    /// It counts.
    Good(VerifiedSigner),
    /// It does not count.
    NotGood(Fault),
}

impl Attribution {
    /// As `verify --format porcelain` spells it.
    pub fn status_name(&self) -> &'static str {
        match self {
            Self::Unsigned => "unsigned",
            Self::Good(_) => "good",
            Self::NotGood(fault) => fault.status.name(),
        }
    }

    /// How the signature is made, as far as it could be read.
    pub fn format(&self) -> Option<Format> {
        match self {
            Self::Unsigned => None,
            Self::Good(signer) => Some(signer.proof().format()),
            Self::NotGood(fault) => fault.format,
        }
    }

    /// The key that the signature is by, or says it is by.
    pub fn key(&self) -> Option<&Fingerprint> {
        match self {
            Self::Unsigned => None,
            Self::Good(signer) => Some(signer.proof().key()),
            Self::NotGood(fault) => fault.key.as_ref(),
        }
    }

    /// Who signed, or whose the key would be.
    pub fn signer(&self) -> Option<&SignerId> {
        match self {
            Self::Unsigned => None,
            Self::Good(signer) => Some(signer.id()),
            Self::NotGood(fault) => fault.signer.as_ref(),
        }
    }
}

/// A signature that does not count, and why.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub struct Fault {
    /// Why, in one word.
    pub status: Status,
    /// More of it for a person, lower case: "two signature packets", "resolves to two signers: `alice`, `bob`".
    pub detail: Option<String>,
    /// How it was made, as far as it could be read.
    pub format: Option<Format>,
    /// The key that it is by, or says it is by.
    pub key: Option<Fingerprint>,
    /// Whose it would be.
    pub signer: Option<SignerId>,
    /// What is kept from signing: another key of the same signer may do, or not.
    pub barred: Barred,
}

impl Fault {
    /// Whether no part of the registry has the key; else one that has it does not make it anybody's.
    pub fn is_by_a_stranger(&self) -> bool {
        self.status == Status::UnknownKey && self.detail.as_deref().is_none_or(|detail| detail == NOBODYS)
    }
}

/// What a fault keeps from signing.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub enum Barred {
    /// This key.
    Key,
    /// Its signer, with every key: they left.
    Signer,
}

/// Why a signature does not count (`verify`'s `status`, but for `good` and `unsigned`).
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub enum Status {
    /// The key named did not make it over these bytes.
    Bad,
    /// No signer has the key, or two have.
    UnknownKey,
    /// The key's validity ended.
    KeyExpired,
    /// The certificate's validity ended (SSH).
    CertificateExpired,
    /// The key, or the authority that certified it, is revoked.
    KeyRevoked,
    /// Its person put it out of use.
    KeyRetired,
    /// Somebody else may have it.
    KeyCompromised,
    /// The validity of the key or its certificate has not begun.
    KeyNotYetValid,
    /// The signature itself says until when it is good.
    SignatureExpired,
    /// It is dated ahead of the clock.
    SignatureInFuture,
    /// Its algorithms are not strong enough.
    Weak,
    /// It does not follow its format.
    Malformed,
    /// More than one signature.
    Ambiguous,
    /// It asks for something that this version does not do.
    Unsupported,
    /// It is good, but nothing proves when it was made.
    TimeUnproven,
}

impl Status {
    /// All of them.
    pub const ALL: &'static [Self] = &[
        Self::Bad,
        Self::UnknownKey,
        Self::KeyExpired,
        Self::CertificateExpired,
        Self::KeyRevoked,
        Self::KeyRetired,
        Self::KeyCompromised,
        Self::KeyNotYetValid,
        Self::SignatureExpired,
        Self::SignatureInFuture,
        Self::Weak,
        Self::Malformed,
        Self::Ambiguous,
        Self::Unsupported,
        Self::TimeUnproven,
    ];

    /// Whether the same signature may count if it was received at another time.
    pub fn depends_on_time(self) -> bool {
        match self {
            Self::UnknownKey
            | Self::KeyExpired
            | Self::CertificateExpired
            | Self::KeyRevoked
            | Self::KeyRetired
            | Self::KeyCompromised
            | Self::SignatureExpired => true,
            Self::Bad
            | Self::KeyNotYetValid
            | Self::SignatureInFuture
            | Self::Weak
            | Self::Malformed
            | Self::Ambiguous
            | Self::Unsupported
            | Self::TimeUnproven => false,
        }
    }

    /// As `verify --format porcelain` spells it.
    pub fn name(self) -> &'static str {
        match self {
            Self::Bad => "bad",
            Self::UnknownKey => "unknown-key",
            Self::KeyExpired => "key-expired",
            Self::CertificateExpired => "certificate-expired",
            Self::KeyRevoked => "key-revoked",
            Self::KeyRetired => "key-retired",
            Self::KeyCompromised => "key-compromised",
            Self::KeyNotYetValid => "key-not-yet-valid",
            Self::SignatureExpired => "signature-expired",
            Self::SignatureInFuture => "signature-in-future",
            Self::Weak => "weak",
            Self::Malformed => "malformed",
            Self::Ambiguous => "ambiguous",
            Self::Unsupported => "unsupported",
            Self::TimeUnproven => "time-unproven",
        }
    }
}
