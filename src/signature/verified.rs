//! The proof token: only `signature`'s verifiers make it. A leaf module: private fields are open to descendants.

use super::{Fingerprint, Format, openpgp, ssh};
use crate::push::Timestamp;
use std::sync::Arc;

/// This key made a signature over these bytes, cryptographically good and of sufficient strength. Nothing about people or
/// time.
#[derive(Clone, Debug)]
pub struct Verified {
    key: Fingerprint,
    evidence: Arc<Evidence>,
    user: Option<UserCheck>,
}

/// What the judgement in time needs, by format.
#[derive(Clone, Debug)]
pub enum Evidence {
    /// A plain SSH key (also a security key).
    Ssh(ssh::PublicKey),
    /// A certified SSH key; the certificate's own validity is not judged yet.
    SshCert(ssh::Certificate),
    /// The certificate (shared), which of its keys, and the signature's own times.
    OpenPgp(openpgp::SignedBy),
}

/// How a security key made sure of its user when it signed (OpenSSH's PROTOCOL.u2f, flags).
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub enum UserCheck {
    /// Somebody touched it.
    Presence,
    /// Somebody touched it and proved who they are, by a PIN or a fingerprint.
    Verification,
}

impl Verified {
    pub(super) fn new(key: Fingerprint, evidence: Evidence, user: Option<UserCheck>) -> Self {
        Self { key, evidence: Arc::new(evidence), user }
    }

    /// ssh: the key's own (for a certificate, the certified key's); openpgp: the primary key's.
    pub fn key(&self) -> &Fingerprint {
        &self.key
    }

    /// What the judgement in time needs.
    pub fn evidence(&self) -> &Evidence {
        &self.evidence
    }

    /// How the signature is made.
    pub fn format(&self) -> Format {
        match *self.evidence {
            Evidence::Ssh(_) => Format::Ssh,
            Evidence::SshCert(_) => Format::SshCert,
            Evidence::OpenPgp(_) => Format::OpenPgp,
        }
    }

    /// For a security key, how it made sure of its user; never absent then.
    pub fn user_check(&self) -> Option<UserCheck> {
        self.user
    }

    /// When the signature says it was made; only OpenPGP says.
    pub fn stated_time(&self) -> Option<Timestamp> {
        match &*self.evidence {
            Evidence::Ssh(_) | Evidence::SshCert(_) => None,
            Evidence::OpenPgp(signed_by) => Some(signed_by.stated_time()),
        }
    }
}
