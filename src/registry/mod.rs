//! Whose key it is, and whether it may be used. Files in, [`Registry`] out; takes proofs by value: no signer without a
//! verified signature.
mod attribution;
pub use attribution::{Attribution, Fault, Status, VerifiedSigner};

use crate::{Undecided, push::Timestamp, signature::{Certificates, Signature}};
use std::path::Path;

/// What groups, records and messages call a person, bot or forge.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub struct SignerId(pub String);

/// One who may sign.
#[derive(Clone, Debug)]
pub struct Signer {
    pub id: SignerId,
    pub name: Option<String>,
    pub emails: Vec<String>,
    /// Groups that `signers.toml` puts it in.
    pub groups: Vec<String>,
    pub kind: Kind,
}

#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Kind { Person, Bot, Forge }

/// Which moment a key must be valid at.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum VerifyTime { Receipt, Signature }

/// The moments of one judgement.
#[derive(Clone, Copy, Debug)]
pub struct When {
    pub now: Timestamp,
    pub verify_time: VerifyTime,
    /// Seconds after its end that a key or certificate that merely expired still counts, if the stated time lies in its window.
    pub grace: i64,
    /// The committer's or tagger's time.
    pub stated: Option<Timestamp>,
}

/// Everything the registry folder says. Read once.
#[derive(Debug)]
pub struct Registry {}

impl Registry {
    /// Reads the folder. `required`: parts (file or folder names) that must be there. `local_zone`: for windows in
    /// `allowed_signers` without `Z`.
    pub fn load(folder: &Path, required: &[String], local_zone: &jiff::tz::TimeZone) -> Result<Self, Undecided> { let _ = (folder, required, local_zone); todo!() }
    pub fn certificates(&self) -> &Certificates { todo!() }
    /// Judges a verified fact: who, and good at that time? Never cached.
    pub fn attribute(&self, signature: &Signature, when: &When) -> Attribution { let _ = (signature, when); todo!() }
    pub fn signers(&self) -> &[Signer] { todo!() }
    pub fn signer(&self, id: &SignerId) -> Option<&Signer> { let _ = id; todo!() }
    /// The signers that a name in a policy's list means: an id or an email (domain case-insensitive).
    pub fn named(&self, name: &str) -> Vec<SignerId> { let _ = name; todo!() }
}
