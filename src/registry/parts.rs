//! From what the parts of a registry hold to a [`Registry`]. Pure: [`Registry::load`] reads them first.

use super::{
    Registry, Revocations,
    book::Shelf,
    folder::{REVOKED_KEYS, SIGNERS},
    signers,
};
use crate::{Undecided, signature::Certificates};
use jiff::tz::TimeZone;
use std::{
    path::Path,
    sync::{Mutex, OnceLock},
};

/// What the parts of a registry hold. One that is not there is as one that is empty.
#[derive(Debug, Default)]
pub struct Parts {
    /// The bytes of `allowed_signers`.
    pub allowed_signers: Vec<u8>,
    /// The bytes of `revoked_keys`.
    pub revoked_keys: Vec<u8>,
    /// What the files of `openpgp` hold together.
    pub certificates: Certificates,
    /// The bytes of `signers.toml`.
    pub signers: Vec<u8>,
}

impl Registry {
    /// Reads the parts. `folder`: for messages. `zone`: of windows in `allowed_signers` that name none.
    ///
    /// # Errors
    /// `signers.toml` or `revoked_keys` is broken. The former has [`BrokenSigners`](super::BrokenSigners) as its cause.
    pub fn from_parts(folder: &Path, parts: Parts, zone: &TimeZone) -> Result<Self, Undecided> {
        let people = signers::read(&folder.join(SIGNERS), parts.signers)?;
        let revoked = Revocations::read(&parts.revoked_keys)
            .map_err(|why| Undecided::server(format!("reading `{}`", folder.join(REVOKED_KEYS).display()), why))?;
        Ok(Self {
            folder: folder.to_owned(),
            shelf: Shelf::new(&parts.allowed_signers, zone, people),
            revoked,
            certificates: parts.certificates,
            settled: Mutex::default(),
            keyring: OnceLock::new(),
            files: Vec::new(),
            unused: Vec::new(),
            of_other_versions: Vec::new(),
        })
    }
}
