//! Who `signers.toml` says there is, and which keys that makes theirs.
use super::{Signer, key_states::KeyStates};
use crate::signature::Fingerprint;
use std::{collections::HashMap, sync::Arc};

/// One `[[signer]]`.
#[derive(Clone, Debug)]
pub(super) struct Entry {
    pub(super) signer: Arc<Signer>,
    /// If given, no other key is theirs.
    pub(super) keys: Option<Vec<Fingerprint>>,
    /// Where it stands, counted from one.
    pub(super) line: usize,
}

/// All entries; an entry's number is its place in the file.
#[derive(Debug, Default)]
pub(super) struct People {
    pub(super) entries: Vec<Entry>,
    pub(super) states: KeyStates,
    by_name: HashMap<String, Vec<usize>>,
    by_key: HashMap<Fingerprint, Vec<usize>>,
}

/// Who has a claim to a principal or email of a key.
#[derive(PartialEq, Eq, Debug, Default)]
pub(super) struct Claim {
    /// Entries that the name makes the key's owner.
    pub(super) owners: Vec<usize>,
    /// Entries that have the name, and whose `keys` do not list the key.
    pub(super) others: Vec<usize>,
}

impl Claim {
    /// Whether `signers.toml` says nothing of the name.
    pub(super) fn is_none(&self) -> bool {
        self.owners.is_empty() && self.others.is_empty()
    }
}

impl People {
    pub(super) fn new(entries: Vec<Entry>, states: KeyStates) -> Self {
        let mut people = Self { entries, states, ..Self::default() };
        for (index, entry) in people.entries.iter().enumerate() {
            let mut names: Vec<_> =
                entry.signer.emails.iter().chain([&entry.signer.id.0]).map(|name| folded(name)).collect();
            names.sort();
            names.dedup();
            for name in names {
                people.by_name.entry(name).or_default().push(index);
            }
            let mut keys: Vec<_> = entry.keys.iter().flatten().collect();
            keys.sort();
            keys.dedup();
            for key in keys {
                people.by_key.entry(key.clone()).or_default().push(index);
            }
        }
        people
    }

    /// The entries whose `keys` list this key.
    pub(super) fn listing(&self, key: &Fingerprint) -> &[usize] {
        self.by_key.get(key).map_or(&[], Vec::as_slice)
    }

    /// The entries that have this id or email.
    pub(super) fn having(&self, name: &str) -> &[usize] {
        self.by_name.get(&folded(name)).map_or(&[], Vec::as_slice)
    }

    /// Who has a claim to the key with these fingerprints, by a name that the key bears.
    pub(super) fn claim(&self, name: &str, key: &[Fingerprint]) -> Claim {
        let mut claim = Claim::default();
        for &index in self.having(name) {
            let Some(entry) = self.entries.get(index) else { continue };
            match &entry.keys {
                Some(keys) if !keys.iter().any(|listed| key.contains(listed)) => claim.others.push(index),
                Some(_) | None => claim.owners.push(index),
            }
        }
        claim
    }

    /// The signers of these entries.
    pub(super) fn signers(&self, places: &[usize]) -> Vec<Arc<Signer>> {
        places.iter().filter_map(|&place| self.entry(place)).map(|entry| Arc::clone(&entry.signer)).collect()
    }

    pub(super) fn entry(&self, index: usize) -> Option<&Entry> {
        self.entries.get(index)
    }
}

/// A name as it is compared: the domain of an email in lower case, all else as it stands.
pub(crate) fn folded(name: &str) -> String {
    match name.rsplit_once('@') {
        Some((local, domain)) => format!("{local}@{}", domain.to_ascii_lowercase()),
        None => name.into(),
    }
}
