//! Whose key it is, and whether it may be used. Files in, [`Registry`] out; no signer without a verified signature.
//!
//! The folder's files are read once, through [`TrustedFiles`](crate::trusted::TrustedFiles); all else is pure.

mod accounts;
mod adding;
mod allowed_signers;
mod attribution;
mod book;
mod check;
mod draft;
mod edit;
mod folder;
mod importing;
mod incoming;
mod index;
mod judgement;
mod key_states;
mod keyring;
mod list;
mod parts;
mod patterns;
mod people;
mod resolution;
mod revocation;
mod signers;
#[cfg(test)]
mod tests;
mod window;

pub use accounts::Holder;
pub use adding::{Addition, GivenKey};
pub use attribution::{Attribution, Barred, Fault, Status, VerifiedSigner};
pub use check::Lint;
pub use draft::{Draft, NotDone};
pub use list::Entry;
pub use parts::Parts;
pub use revocation::{Issuer, Revocations, Revoked};
pub use signers::BrokenSigners;

use crate::{
    document::Groups,
    push::Timestamp,
    signature::{Certificates, Fingerprint, openpgp::OfOtherVersion},
};
use book::{Book, Shelf};
use keyring::{Keyring, Rivals, has_email};
pub(crate) use people::folded;
use resolution::{Owner, certified};
use std::{
    collections::{HashMap, HashSet},
    path::{Path, PathBuf},
    sync::{Arc, Mutex, OnceLock, PoisonError},
};

/// What groups, records and messages call a person, bot or forge.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub struct SignerId(pub String);

/// One who may sign.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Signer {
    /// Unique in the registry.
    pub id: SignerId,
    /// For people to read.
    pub name: Option<String>,
    /// As written; compared case-insensitively in the domain.
    pub emails: Vec<String>,
    /// What the Git server calls them.
    pub accounts: Vec<String>,
    /// Groups that `signers.toml` puts them in, without `@`.
    pub groups: Vec<String>,
    /// Whether `["*"]` includes them.
    pub kind: Kind,
    /// When they leave: as if all their keys were retired then.
    pub until: Option<Timestamp>,
}

impl Signer {
    /// Whether this email, raw bytes, is one of theirs, or an id that is one. Compared without regard to case in the
    /// domain.
    pub fn has_email(&self, email: &[u8]) -> bool {
        let Some(email) = std::str::from_utf8(email).ok().filter(|email| email.contains('@')) else { return false };
        let email = folded(email);
        self.emails.iter().chain([&self.id.0]).any(|own| folded(own) == email)
    }
}

/// What sort of signer it is. Bots and forges count only where they are named.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Kind {
    /// Somebody.
    Person,
    /// A program.
    Bot,
    /// A Git server that signs what its web interface makes.
    Forge,
}

/// Which moment a key must be valid at.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum VerifyTime {
    /// When this server received the object.
    Receipt,
    /// What the signature (OpenPGP) or the committer line (SSH) states.
    Signature,
}

/// The moments of one judgement.
#[derive(Clone, Copy, Debug)]
pub struct When {
    /// The server's clock.
    pub now: Timestamp,
    /// When this server first received the object; `None`: it has no receipt, and is received now.
    pub received: Option<Timestamp>,
    /// Which moment counts.
    pub verify_time: VerifyTime,
    /// Seconds after its end that a key or certificate that merely expired still counts, if the stated time lies in its
    /// window.
    pub grace: i64,
    /// The committer's or tagger's time.
    pub stated: Option<Timestamp>,
}

impl When {
    /// The moment of receipt.
    pub fn receipt(&self) -> Timestamp {
        self.received.unwrap_or(self.now)
    }
}

/// Everything that the registry folder says.
#[derive(Debug)]
pub struct Registry {
    folder: PathBuf,
    shelf: Shelf,
    revoked: Revocations,
    certificates: Certificates,
    /// Whose those certificates are that were asked for.
    settled: Mutex<HashMap<Fingerprint, Owner>>,
    /// Whose all are: settled when somebody asks for all.
    keyring: OnceLock<Keyring>,
    /// The files it was read from.
    files: Vec<folder::ReadFile>,
    /// Entries of the folder that this version does nothing with.
    unused: Vec<String>,
    /// OpenPGP certificates that are not read, each with its file.
    of_other_versions: Vec<(String, OfOtherVersion)>,
}

impl Registry {
    /// Where it was read from.
    pub fn folder(&self) -> &Path {
        &self.folder
    }

    /// What OpenPGP signatures are verified with.
    pub fn certificates(&self) -> &Certificates {
        &self.certificates
    }

    /// The groups that `signers.toml` makes, with the ids of their members.
    pub fn groups(&self) -> Groups {
        let mut groups = Groups::new();
        for entry in &self.shelf.people.entries {
            for group in &entry.signer.groups {
                groups.entry(group.clone()).or_default().push(entry.signer.id.0.clone());
            }
        }
        groups
    }

    /// Everybody who is known by name, those in `signers.toml` first. Not whom an authority alone names: see
    /// [`VerifiedSigner::signer`].
    pub fn signers(&self) -> impl Iterator<Item = &Signer> {
        self.book().roster.signers().chain(&self.keyring(None).signers).map(Arc::as_ref)
    }

    /// The one whose id this is.
    pub fn signer(&self, id: &SignerId) -> Option<&Signer> {
        self.book().roster.known_as(&id.0).or_else(|| self.keyring(None).known_as(&id.0)).map(Arc::as_ref)
    }

    /// The signers that a name in a policy's list means: an id or an email (domain case-insensitive). Where no entry of
    /// `signers.toml` has it, that is also whom an authority's certificate with this name makes a signer, whoever else has
    /// the address.
    pub fn named(&self, name: &str) -> Vec<SignerId> {
        let mut ids: Vec<_> = self
            .book()
            .roster
            .named(name)
            .chain(self.keyring(None).named(name))
            .map(|signer| signer.id.clone())
            .collect();
        let of_certificates = || self.book().allowed.certifies(name).then(|| certified(name).id);
        if self.book().roster.is_unclaimed(name) {
            ids.extend(of_certificates());
        }
        ids.sort();
        ids.dedup();
        ids
    }

    /// Whether this email, raw bytes, is that of somebody who has not left by then, be it a person, a bot or a forge: one of
    /// their emails, or an id that is one. So is what a `cert-authority` line admits, if nobody else has it.
    pub fn has_email(&self, email: &[u8], now: Timestamp) -> bool {
        let Some(email) = std::str::from_utf8(email).ok().filter(|email| email.contains('@')) else { return false };
        let counts =
            |signer: &Arc<Signer>| signer.has_email(email.as_bytes()) && signer.until.is_none_or(|until| now < until);
        let roster = &self.book().roster;
        roster.named(email).any(counts)
            || (roster.is_unclaimed(email) && self.book().allowed.certifies(email))
            || self.keyring(Some(now)).named(email).any(counts)
    }

    fn book(&self) -> &Book {
        self.shelf.all()
    }

    /// `now`: of a judgement under way. Whose a certificate is does not change while one process lives.
    fn keyring(&self, now: Option<Timestamp>) -> &Keyring {
        self.keyring.get_or_init(|| {
            let summaries = self.certificates.summaries(now.unwrap_or(keyring::LATEST));
            let mut bearers: HashMap<String, usize> = HashMap::new();
            for summary in &summaries {
                let names: HashSet<_> = summary.emails.iter().map(|email| folded(email)).collect();
                names.into_iter().for_each(|name| *bearers.entry(name).or_default() += 1);
            }
            let rivals = Rivals {
                claimed_twice: &|email| bearers.get(&folded(email)).is_some_and(|&bearers| bearers > 1),
                is_principal: &|email| self.shelf.has_principal(email),
                is_certifiable: &|email| self.book().allowed.certifies(email),
            };
            self.shelf.all();
            Keyring::new(&self.shelf.people, &summaries, &rivals)
        })
    }

    /// Whose one certificate is; the others are looked at only where they matter.
    fn owner_of_certificate(&self, certificate: &Fingerprint, now: Timestamp) -> Owner {
        if let Some(keyring) = self.keyring.get() {
            return keyring.of_certificate(certificate);
        }
        let mut settled = self.settled.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(owner) = settled.get(certificate) {
            return owner.clone();
        }
        let claim = |email: &str| {
            let claiming = self.certificates.mentioning(email, now);
            claiming.iter().filter(|summary| has_email(summary, email)).count() > 1
        };
        let rivals = Rivals {
            claimed_twice: &claim,
            is_principal: &|email| self.shelf.has_principal(email),
            is_certifiable: &|email| self.book().allowed.certifies(email),
        };
        let owner = match self.certificates.summary(certificate, now) {
            Some(summary) => Keyring::owner(&self.shelf.people, &summary, &rivals),
            None => Err(keyring::NOT_HELD.into()),
        };
        settled.entry(certificate.clone()).or_insert(owner).clone()
    }
}
