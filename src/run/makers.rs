//! Who made the commits of a push, for the record.

use crate::{
    object::{Commit, Person, Tag},
    push::{ObjectId, ObjectIdMap},
    registry::Attribution,
    signature::{Evidence, Signature},
};
use std::collections::{BTreeMap, HashMap};

/// Keys of a push that nobody has registered, of which more than the name is kept: whoever is refused must not fill the
/// disk.
const STRANGERS: usize = 16;

/// Who made a commit or a tag, as far as its signature and its headers say.
#[derive(Clone, PartialEq, Eq, Hash, Debug)]
pub struct Maker {
    /// What the signature was found to be.
    pub status: &'static str,
    /// The signer's id.
    pub signer: Option<String>,
    /// The fingerprint of the key.
    pub key: Option<String>,
    /// The signature's format.
    pub format: Option<&'static str>,
    /// `Name <email>`, raw bytes.
    pub author: Vec<u8>,
    /// `Name <email>`, raw bytes.
    pub committer: Vec<u8>,
}

/// The makers of many commits, each kept once.
#[derive(Debug, Default)]
pub struct Makers {
    /// In the order they were met.
    pub all: Vec<Maker>,
    places: HashMap<Maker, usize>,
    of: ObjectIdMap<u32>,
    /// Keys that nobody has registered, by fingerprint; the public key, as authorized_keys(5) has it, of those that stand in
    /// what they signed.
    strangers: BTreeMap<String, Option<String>>,
}

impl Makers {
    /// Notes who made a commit, unless that is known.
    pub(super) fn note(&mut self, id: ObjectId, commit: &Commit<'_>, signature: &Signature, attribution: &Attribution) {
        let (author, committer) = (written(&commit.author), written(&commit.committer));
        self.note_maker(id, signature, attribution, || Maker::of(author, committer, attribution));
    }

    /// The same of an annotated tag, whose tagger is both.
    pub(super) fn note_tag(&mut self, id: ObjectId, tag: &Tag<'_>, signature: &Signature, attribution: &Attribution) {
        let tagger = tag.tagger.as_ref().map(written).unwrap_or_default();
        self.note_maker(id, signature, attribution, || Maker::of(tagger.clone(), tagger, attribution));
    }

    fn note_maker(
        &mut self,
        id: ObjectId,
        signature: &Signature,
        attribution: &Attribution,
        maker: impl FnOnce() -> Maker,
    ) {
        if self.of.contains_key(&id) {
            return;
        }
        let place = self.place(maker());
        // More makers than that there cannot be: a push has not so many objects.
        self.of.insert(id, u32::try_from(place).unwrap_or(u32::MAX));
        if let Attribution::NotGood(fault) = attribution
            && let Some(key) = fault.key.as_ref().filter(|_| fault.is_by_a_stranger())
            && self.strangers.len() < STRANGERS
        {
            let text = match signature {
                Signature::Verified(verified) => match verified.evidence() {
                    Evidence::Ssh(key) => Some(format!("{} {}", key.algorithm(), key.base64())),
                    Evidence::SshCert(_) | Evidence::OpenPgp(_) => None,
                },
                Signature::Absent | Signature::Bad(_) => None,
            };
            self.strangers.entry(key.to_string()).or_insert(text);
        }
    }

    /// Keys that nobody has registered, sixteen at most: fingerprint, public key where it is known, those who used it as the
    /// objects name them, and in how many.
    pub(super) fn strangers(&self) -> Vec<Stranger<'_>> {
        let mut strangers: Vec<_> = self
            .strangers
            .iter()
            .map(|(key, text)| Stranger { key, text: text.as_deref(), format: None, authors: Vec::new(), objects: 0 })
            .collect();
        let mut of_maker = vec![0_u64; self.all.len()];
        for &place in self.of.values() {
            of_maker.get_mut(index(place)).into_iter().for_each(|count| *count += 1);
        }
        for (maker, count) in self.all.iter().zip(of_maker) {
            let found = strangers.iter_mut().find(|stranger| maker.key.as_deref() == Some(stranger.key));
            if let Some(stranger) = found {
                stranger.objects += count;
                stranger.format = maker.format;
                if !stranger.authors.contains(&maker.committer.as_slice()) {
                    stranger.authors.push(&maker.committer);
                }
            }
        }
        strangers
    }

    /// Takes in what another thread noted.
    pub(super) fn merge(&mut self, other: Self) {
        if self.all.is_empty() && self.strangers.is_empty() {
            *self = other;
            return;
        }
        for (key, text) in other.strangers {
            if self.strangers.len() < STRANGERS {
                self.strangers.entry(key).or_insert(text);
            }
        }
        let places: Vec<_> = other.all.into_iter().map(|maker| self.place(maker)).collect();
        for (id, place) in other.of {
            if let Some(&place) = places.get(index(place)) {
                self.of.entry(id).or_insert(u32::try_from(place).unwrap_or(u32::MAX));
            }
        }
    }

    /// The place of a commit's maker in [`Self::all`]; `None`: the commit was not judged.
    pub fn of(&self, id: &ObjectId) -> Option<usize> {
        self.of.get(id).map(|&place| index(place))
    }

    fn place(&mut self, maker: Maker) -> usize {
        if let Some(&place) = self.places.get(&maker) {
            return place;
        }
        let place = self.all.len();
        self.all.push(maker.clone());
        self.places.insert(maker, place);
        place
    }
}

/// A key that nobody has registered, and what it signed.
pub(super) struct Stranger<'a> {
    pub(super) key: &'a str,
    pub(super) text: Option<&'a str>,
    pub(super) format: Option<&'static str>,
    /// The committers and taggers, as what it signed names them.
    pub(super) authors: Vec<&'a [u8]>,
    pub(super) objects: u64,
}

fn index(place: u32) -> usize {
    usize::try_from(place).unwrap_or(usize::MAX)
}

fn written(person: &Person<'_>) -> Vec<u8> {
    [person.name, b" <", person.email, b">"].concat()
}

impl Maker {
    fn of(author: Vec<u8>, committer: Vec<u8>, attribution: &Attribution) -> Self {
        let unsigned = Self { status: "unsigned", signer: None, key: None, format: None, author, committer };
        match attribution {
            Attribution::Unsigned => unsigned,
            Attribution::NotGood(fault) => Self {
                status: fault.status.name(),
                signer: fault.signer.as_ref().map(|signer| signer.0.clone()),
                key: fault.key.as_ref().map(ToString::to_string),
                format: fault.format.map(|format| format.name()),
                ..unsigned
            },
            Attribution::Good(signer) => Self {
                status: "good",
                signer: Some(signer.id().0.clone()),
                key: Some(signer.proof().key().to_string()),
                format: Some(signer.proof().format().name()),
                ..unsigned
            },
        }
    }
}
