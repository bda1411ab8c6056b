//! Who made the commits of a push, for the record.

use crate::{object::Commit, object::Person, push::ObjectId, registry::Attribution};
use std::collections::HashMap;

/// Who made a commit, as far as its signature and its headers say.
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
    of: HashMap<ObjectId, usize>,
}

impl Makers {
    /// Notes who made a commit, unless that is known.
    pub(super) fn note(&mut self, id: ObjectId, commit: &Commit<'_>, attribution: &Attribution) {
        if !self.of.contains_key(&id) {
            let place = self.place(Maker::of(commit, attribution));
            self.of.insert(id, place);
        }
    }

    /// Takes in what another thread noted.
    pub(super) fn merge(&mut self, other: Self) {
        let places: Vec<_> = other.all.into_iter().map(|maker| self.place(maker)).collect();
        for (id, place) in other.of {
            if let Some(&place) = places.get(place) {
                self.of.entry(id).or_insert(place);
            }
        }
    }

    /// The place of a commit's maker in [`Self::all`]; `None`: the commit was not judged.
    pub fn of(&self, id: &ObjectId) -> Option<usize> {
        self.of.get(id).copied()
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

impl Maker {
    fn of(commit: &Commit<'_>, attribution: &Attribution) -> Self {
        let written = |person: &Person<'_>| [person.name, b" <", person.email, b">"].concat();
        let (author, committer) = (written(&commit.author), written(&commit.committer));
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
