//! The certificates of a registry: scanned when they are added, parsed when a signature or a list asks for them.

use super::{
    file,
    holder::Holder,
    indexed::{self, Indexed},
};
use crate::{
    push::Timestamp,
    signature::{Fingerprint, Unusable},
};
use sequoia_openpgp::{
    Cert, KeyHandle, KeyID,
    cert::raw::{RawCert, RawCertParser},
    packet::Tag,
    parse::Parse,
};
use std::{
    borrow::Cow,
    collections::HashMap,
    sync::{Arc, Mutex, OnceLock, PoisonError},
};

/// The OpenPGP certificates of a registry. Parsed on first use, each once.
#[derive(Debug, Default)]
pub struct Certificates {
    /// Looked through when the first signature or list asks.
    known: Option<Known>,
    held: OnceLock<Shelf>,
    /// Why what is known to be there could not be read.
    trouble: Mutex<Option<String>>,
}

/// Files of which is known what is in them.
struct Known {
    /// Of each, what [`index`](super::index) wrote.
    files: Vec<Vec<u8>>,
    read: Box<ReadFile>,
}

/// Reads a file again, by its number.
type ReadFile = dyn Fn(usize) -> Result<Vec<u8>, String> + Send + Sync;

impl std::fmt::Debug for Known {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Known").field("files", &self.files.len()).finish_non_exhaustive()
    }
}

#[derive(Debug, Default)]
struct Shelf {
    held: Vec<Held>,
    by_fingerprint: HashMap<sequoia_openpgp::Fingerprint, usize>,
    /// Of every key, primary or not: the certificates that hold one of this id.
    by_key_id: HashMap<KeyID, Vec<usize>>,
    /// Of every user ID, good or not: the email in lower case, and the certificates that have it.
    by_email: HashMap<String, Vec<usize>>,
}

/// One certificate, in as many pieces as it was added in.
#[derive(Debug)]
struct Held {
    pieces: Vec<Piece>,
    /// `None`: it cannot be parsed.
    parsed: OnceLock<Option<Arc<Holder>>>,
}

#[derive(Debug)]
enum Piece {
    Binary(Box<[u8]>),
    /// The number of the file, and which of its certificates it is, from 0.
    InFile(usize, usize),
}

/// One certificate as the registry sees it, for resolving people and for `registry list`.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct CertificateSummary {
    /// The primary key's.
    pub fingerprint: Fingerprint,
    /// Of the primary key, and of the subkeys that agreed to sign for it: for `keys = ["openpgp:<subkey>"]`.
    pub keys: Vec<Fingerprint>,
    /// Email addresses of user IDs that are bound and not revoked; the primary user ID's first.
    pub emails: Vec<String>,
    /// The primary user ID, lossy.
    pub name: Option<String>,
    /// When the first of its signing keys was made; later than now, where that was dated ahead. None without any.
    pub begins: Option<Timestamp>,
    /// When the last of its signing keys ends.
    pub expires: Option<Timestamp>,
    /// The whole certificate is, or all of its signing keys are.
    pub revoked: bool,
    /// Why nothing that it signs counts at any time, if so.
    pub unusable: Option<Unusable>,
    /// Who else may revoke it, it says (RFC 9580, 5.2.3.23). Their revocations are not honoured.
    pub revokers: Vec<Fingerprint>,
    /// Whether a revocation that says it is by one of them is there.
    pub revoked_by_revoker: bool,
}

/// A certificate that is not read, because its primary key is of a version that nothing is verified with.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct OfOtherVersion {
    /// Which of its file's certificates it is, counted from one.
    pub number: usize,
    /// That of its primary key.
    pub version: u8,
    /// Its first user ID, lossy.
    pub user: Option<String>,
}

impl Certificates {
    /// Those of files that were scanned before. `read` reads one of them again, by its number, and fails unless it is as it was;
    /// see [`Certificates::check`].
    pub fn known(files: Vec<Vec<u8>>, read: impl Fn(usize) -> Result<Vec<u8>, String> + Send + Sync + 'static) -> Self {
        Self { known: Some(Known { files, read: Box::new(read) }), ..Self::default() }
    }

    /// Adds a file's certificates: armored or binary, any number. One that is there already is merged. If the file has a
    /// mistake, none of its certificates is added. Those of a version that is not read are none of ours, and are returned:
    /// nothing is ever verified with them, so nothing that they say, not even a revocation, is missed.
    ///
    /// # Errors
    /// Says what is wrong, lower case, to be read after the file's name.
    pub fn add_file(&mut self, bytes: &[u8]) -> Result<Vec<OfOtherVersion>, String> {
        let (certificates, others) = scan(bytes)?;
        self.shelf();
        if let Some(shelf) = self.held.get_mut() {
            for certificate in &certificates {
                shelf.add(Indexed::of(certificate), Piece::Binary(certificate.as_bytes().into()));
            }
        }
        Ok(others)
    }

    /// Fails if what is known to be there could not be read when it was asked for: then what was judged was judged without it.
    ///
    /// # Errors
    /// Why.
    pub fn check(&self) -> Result<(), String> {
        self.trouble.lock().unwrap_or_else(PoisonError::into_inner).take().map_or(Ok(()), Err)
    }

    fn shelf(&self) -> &Shelf {
        self.held.get_or_init(|| {
            let mut shelf = Shelf::default();
            for (number, file) in self.known.iter().flat_map(|known| &known.files).enumerate() {
                match indexed::read(file) {
                    Some(certificates) => {
                        for (place, certificate) in certificates.into_iter().enumerate() {
                            shelf.add(certificate, Piece::InFile(number, place));
                        }
                    }
                    None => self.note("its index is damaged".into()),
                }
            }
            shelf
        })
    }

    fn note(&self, why: String) {
        self.trouble.lock().unwrap_or_else(PoisonError::into_inner).get_or_insert(why);
    }

    fn holder<'s>(&self, held: &'s Held) -> Option<&'s Arc<Holder>> {
        held.parsed.get_or_init(|| self.parse(held).map(|certificate| Arc::new(Holder::new(certificate)))).as_ref()
    }

    fn parse(&self, held: &Held) -> Option<Cert> {
        let mut whole: Option<Cert> = None;
        for piece in &held.pieces {
            let piece = Cert::from_bytes(&self.bytes(piece)?).ok()?;
            whole = Some(match whole {
                Some(whole) => whole.merge_public(piece).ok()?,
                None => piece,
            });
        }
        whole
    }

    /// `None` is told by [`Certificates::check`].
    fn bytes<'s>(&self, piece: &'s Piece) -> Option<Cow<'s, [u8]>> {
        let (file, place) = match piece {
            Piece::Binary(bytes) => return Some(Cow::Borrowed(bytes)),
            Piece::InFile(file, place) => (*file, *place),
        };
        let known = self.known.as_ref()?;
        let read = (known.read)(file).and_then(|bytes| {
            let (certificates, _) = scan(&bytes)?;
            let gone = || "a certificate is gone".to_owned();
            certificates.get(place).map(|certificate| certificate.as_bytes().to_vec()).ok_or_else(gone)
        });
        read.map_err(|why| self.note(why)).ok().map(Cow::Owned)
    }

    /// The keys that one of the handles means, each with its certificate.
    pub(super) fn having(&self, handles: &[KeyHandle]) -> Vec<(Arc<Holder>, usize)> {
        let shelf = self.shelf();
        let mut found: Vec<(Arc<Holder>, usize)> = Vec::new();
        for handle in handles {
            for &place in shelf.by_key_id.get(&KeyID::from(handle)).into_iter().flatten() {
                let Some(holder) = shelf.held.get(place).and_then(|held| self.holder(held)) else { continue };
                for (index, key) in holder.keys.iter().enumerate() {
                    let known = found.iter().any(|(other, at)| Arc::ptr_eq(other, holder) && *at == index);
                    if !known && key.key.key_handle().aliases(handle) {
                        found.push((Arc::clone(holder), index));
                    }
                }
            }
        }
        found
    }

    /// Those that cannot be parsed, although they were told from others: nothing by their keys is ever verified.
    pub fn unreadable(&self) -> Vec<Fingerprint> {
        let shelf = self.shelf();
        let is_unreadable = |place: &usize| shelf.held.get(*place).is_some_and(|held| self.holder(held).is_none());
        let mut found: Vec<_> = shelf
            .by_fingerprint
            .iter()
            .filter(|(_, place)| is_unreadable(place))
            .map(|(certificate, _)| super::fingerprint(certificate))
            .collect();
        found.sort();
        found
    }

    /// All, as of a time; those that cannot be parsed apart.
    pub fn summaries(&self, at: Timestamp) -> Vec<CertificateSummary> {
        self.shelf().held.iter().filter_map(|held| self.holder(held)).map(|holder| holder.summary(at)).collect()
    }

    /// The one of this fingerprint (its primary key's), as of a time.
    pub fn summary(&self, certificate: &Fingerprint, at: Timestamp) -> Option<CertificateSummary> {
        self.holder(self.held(certificate)?).map(|holder| holder.summary(at))
    }

    /// All pieces of the one of this fingerprint, in binary.
    pub fn binary(&self, certificate: &Fingerprint) -> Option<Vec<u8>> {
        let pieces = self.held(certificate)?.pieces.iter().map(|piece| self.bytes(piece));
        Some(pieces.collect::<Option<Vec<_>>>()?.concat())
    }

    fn held(&self, certificate: &Fingerprint) -> Option<&Held> {
        let bytes = match certificate {
            Fingerprint::OpenPgp(bytes) => bytes,
            Fingerprint::Ssh(_) | Fingerprint::X509(_) => return None,
        };
        let version = if bytes.len() == 20 { 4 } else { 6 };
        let fingerprint = sequoia_openpgp::Fingerprint::from_bytes(version, bytes).ok()?;
        let shelf = self.shelf();
        shelf.held.get(*shelf.by_fingerprint.get(&fingerprint)?)
    }

    /// Those that may have this email (case apart), as of a time: theirs, all the same, are the emails that the summary
    /// has.
    pub fn mentioning(&self, email: &str, at: Timestamp) -> Vec<CertificateSummary> {
        let shelf = self.shelf();
        let places = shelf.by_email.get(&email.to_ascii_lowercase()).map_or(&[][..], Vec::as_slice);
        let holders = places.iter().filter_map(|&place| self.holder(shelf.held.get(place)?));
        holders.map(|holder| holder.summary(at)).collect()
    }
}

impl Shelf {
    fn add(&mut self, certificate: Indexed, piece: Piece) {
        let Indexed { fingerprint, keys, emails } = certificate;
        let place = *self.by_fingerprint.entry(fingerprint).or_insert_with(|| {
            self.held.push(Held { pieces: Vec::new(), parsed: OnceLock::new() });
            self.held.len() - 1
        });
        if let Some(held) = self.held.get_mut(place) {
            held.pieces.push(piece);
            held.parsed = OnceLock::new();
        }
        for key in keys {
            let places = self.by_key_id.entry(key).or_default();
            if !places.contains(&place) {
                places.push(place);
            }
        }
        for email in emails {
            let places = self.by_email.entry(email).or_default();
            if !places.contains(&place) {
                places.push(place);
            }
        }
    }
}

/// The certificates of a file, in their order, and those of a version that is not read.
pub(super) fn scan(bytes: &[u8]) -> Result<(Vec<RawCert<'static>>, Vec<OfOtherVersion>), String> {
    let (mut certificates, mut others) = (Vec::new(), Vec::new());
    let binaries = file::binaries(bytes)?;
    let pieces = binaries.iter().flat_map(|binary| file::certificates(binary));
    for (number, piece) in (1..).zip(pieces) {
        match piece {
            file::Piece::ToRead(piece) => read(piece, number, &mut certificates)?,
            file::Piece::OfOtherVersion { version, user } => others.push(OfOtherVersion { number, version, user }),
        }
    }
    if certificates.is_empty() && others.is_empty() {
        return Err("holds no certificate".into());
    }
    Ok((certificates, others))
}

/// Reads one piece of a file, of that number.
fn read(piece: &[u8], number: usize, certificates: &mut Vec<RawCert<'static>>) -> Result<(), String> {
    let parser = RawCertParser::from_bytes(piece).map_err(|error| format!("is no OpenPGP certificate: {error}"))?;
    for certificate in parser {
        let unreadable = |error| format!("has an unreadable certificate, number {number}: {error}");
        let certificate = certificate.map_err(unreadable)?;
        if certificate.packets().any(|packet| matches!(packet.tag(), Tag::SecretKey | Tag::SecretSubkey)) {
            return Err(format!("holds the secret key of {}: export the public one", certificate.fingerprint()));
        }
        certificates.push(certificate.into_owned());
    }
    Ok(())
}
