//! Which key made which signature over which bytes. No person, no clock, no policy here. Pure.

pub mod openpgp;
mod public_key;
pub mod ssh;
mod verified;

pub use openpgp::Certificates;
pub use verified::{Evidence, Verified};

use crate::object::Slot;
use std::fmt;

/// How a signature is made; what `formats` in a policy lists.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub enum Format { Ssh, SshCert, OpenPgp, X509 }

impl Format {
    /// `ssh`, `ssh-cert`, `openpgp`, `x509`.
    pub fn name(self) -> &'static str {
        match self { Self::Ssh => "ssh", Self::SshCert => "ssh-cert", Self::OpenPgp => "openpgp", Self::X509 => "x509" }
    }
}

/// A key's name: `SHA256:<base64, no padding>` for ssh, `openpgp:<hex>` (the certificate's primary key's), `x509:<hex>`.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Fingerprint { Ssh([u8; 32]), OpenPgp(Box<[u8]>), X509([u8; 32]) }

impl Fingerprint {
    /// Reads the form that `Display` writes (OpenPGP: hex of either case, spaces allowed).
    pub fn parse(text: &str) -> Option<Self> { let _ = text; todo!() }
}
impl fmt::Display for Fingerprint { fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result { let _ = f; todo!() } }
impl fmt::Debug for Fingerprint { fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result { fmt::Display::fmt(self, f) } }

/// A fact about an object's bytes; cacheable by object id.
#[derive(Clone, Debug)]
pub enum Signature {
    /// None is there.
    Absent,
    /// There is one, and this key made it.
    Verified(Verified),
    /// There is one, and it is not good whoever's it is, or cannot be checked because the key is not held.
    Bad(Bad),
}

/// A signature that proves nothing.
#[derive(Clone, Debug)]
pub struct Bad {
    pub defect: Defect,
    /// As far as it could be read.
    pub format: Option<Format>,
    /// The key it names (for OpenPGP the certificate held, else the issuer fingerprint it claims).
    pub key: Option<Fingerprint>,
}

/// What is wrong with a signature. The text says what exactly, lower case, for a person ("SHA-1 hash", "two signature packets").
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub enum Defect {
    /// The key named did not make it over these bytes.
    DoesNotVerify,
    /// OpenPGP only: no certificate of the registry has the issuer's key.
    KeyNotHeld,
    Weak(String),
    Malformed(String),
    /// More than one signature.
    Ambiguous,
    Unsupported(String),
}

/// Verifies what an object's slot holds.
pub fn verify(slot: &Slot<'_>, certificates: &Certificates) -> Signature { let _ = (slot, certificates); todo!() }
