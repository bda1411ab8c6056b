//! SSH keys and certificates that are revoked: `revoked_keys`, in either form that OpenSSH takes (authfile.c,
//! `sshkey_check_revoked`): a key revocation list made by `ssh-keygen -k`, or one public key a line.

mod krl;
mod list;
mod serials;
#[cfg(test)]
mod tests;

use crate::signature::{
    Fingerprint,
    ssh::{Certificate, PublicKey},
};
use serials::Serials;
use std::collections::{HashMap, HashSet};

/// What is revoked. Memory is linear in the size of the file, a look-up's time logarithmic.
#[derive(Debug, Default)]
pub struct Revocations {
    keys: HashSet<Fingerprint>,
    /// SHA-1 of the blobs of keys of which nothing else is known.
    sha1: HashSet<[u8; 20]>,
    /// By the authority that issued them; `None`: any.
    issued: HashMap<Option<Fingerprint>, Issued>,
}

/// The certificates of one authority, or of any.
#[derive(Debug, Default)]
struct Issued {
    serials: Serials,
    ids: HashSet<Box<[u8]>>,
}

/// What it is that is revoked.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Revoked {
    /// The key that signs, certified or not.
    Key,
    /// The certificate, by its serial number.
    Serial(Issuer),
    /// The certificate, by its id.
    Id(Issuer),
    /// The key that certified it.
    Authority,
}

/// Whose certificates of this serial number or id are revoked.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Issuer {
    /// Those of the authority that certified this one.
    This,
    /// Everybody's.
    Any,
}

impl Revocations {
    /// Reads the file, of either form.
    ///
    /// # Errors
    /// Anything in it that cannot be read: what it was meant to revoke would stay good. Says what, lower case.
    pub fn read(bytes: &[u8]) -> Result<Self, String> {
        match bytes.strip_prefix(krl::MAGIC) {
            Some(rest) => krl::read(rest),
            None => Ok(Self { keys: list::read(bytes)?, ..Self::default() }),
        }
    }

    /// Whether the key is, whatever it is used for.
    pub fn holds(&self, key: &PublicKey) -> bool {
        let names_some = !self.keys.is_empty() || !self.sha1.is_empty();
        names_some && self.holds_named(&key.fingerprint(), &key.sha1())
    }

    /// As [`Self::holds`], for a key of which only names are at hand.
    pub(super) fn holds_named(&self, key: &Fingerprint, sha1: &[u8; 20]) -> bool {
        self.keys.contains(key) || self.sha1.contains(sha1)
    }

    /// Whether the certificate is, or a key in it (krl.c, `ssh_krl_check_key`).
    pub fn of_certificate(&self, certificate: &Certificate) -> Option<Revoked> {
        if self.holds(&certificate.subject) {
            return Some(Revoked::Key);
        }
        let authority = Some(certificate.authority.fingerprint());
        for (issuer, issued) in [(Issuer::This, self.issued.get(&authority)), (Issuer::Any, self.issued.get(&None))] {
            let Some(issued) = issued else { continue };
            if issued.ids.contains(certificate.key_id.as_bytes()) {
                return Some(Revoked::Id(issuer));
            }
            if issued.serials.contains(certificate.serial) {
                return Some(Revoked::Serial(issuer));
            }
        }
        self.holds(&certificate.authority).then_some(Revoked::Authority)
    }
}

impl Revoked {
    /// In words, unless it is the key itself: "its certificate, serial 12 of SHA256:…".
    pub(super) fn detail(self, certificate: &Certificate) -> Option<String> {
        let authority = certificate.authority.fingerprint();
        let of = |issuer| match issuer {
            Issuer::This => format!("of the authority {authority}"),
            Issuer::Any => "of any authority".to_owned(),
        };
        match self {
            Self::Key => None,
            Self::Serial(issuer) => Some(format!("its certificate, serial {} {}", certificate.serial, of(issuer))),
            Self::Id(issuer) => Some(format!("its certificate, id `{}` {}", certificate.key_id, of(issuer))),
            Self::Authority => Some(format!("the authority that certified it, {authority}")),
        }
    }
}
