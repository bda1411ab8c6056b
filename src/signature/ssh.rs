//! SSHSIG signatures (OpenSSH's PROTOCOL.sshsig), plain keys, security keys and certificates (PROTOCOL.certkeys).
use super::Fingerprint;
use crate::push::Timestamp;

/// A plain public key.
#[derive(Clone, PartialEq, Eq, Hash, Debug)]
pub struct PublicKey {}

impl PublicKey {
    /// Reads the key blob's two fields of a line: `ssh-ed25519`, `AAAA…`.
    pub fn from_fields(algorithm: &str, base64: &str) -> Result<Self, String> { let _ = (algorithm, base64); todo!() }
    pub fn fingerprint(&self) -> Fingerprint { todo!() }
    /// `ssh-ed25519`, `ecdsa-sha2-nistp256`, …
    pub fn algorithm(&self) -> &str { todo!() }
}

/// A certificate whose CA signature is good. Type, window, principals, options, revocation are judged by the registry.
#[derive(Clone, Debug)]
pub struct Certificate {
    pub subject: PublicKey,
    pub authority: PublicKey,
    pub is_user: bool,
    pub serial: u64,
    pub key_id: String,
    pub principals: Vec<String>,
    pub valid_after: Timestamp,
    /// Exclusive; `i64::MAX` for ever.
    pub valid_before: Timestamp,
    pub critical_options: Vec<String>,
}
