//! From a key to the one signer whose it is, or to the reason why it is nobody's.
use super::{
    Kind, Signer, SignerId,
    allowed_signers::{Line, Role},
    attribution::NOBODYS,
    people::{People, folded},
};
use crate::signature::{Fingerprint, ssh};
use std::{
    collections::{HashMap, HashSet},
    sync::Arc,
};

/// Whose a key is; else why it is nobody's, lower case.
pub(super) type Owner = Result<Arc<Signer>, String>;

/// Everybody who has an SSH key, or an entry in `signers.toml`.
#[derive(Debug, Default)]
pub(super) struct Roster {
    pub(super) people: Arc<People>,
    /// Those who are signers in their own right.
    own: Vec<Arc<Signer>>,
    /// Places in `own`.
    by_name: HashMap<String, Vec<usize>>,
    /// What each line gives to its key, by the line's place.
    grants: Vec<Grant>,
    /// Names of SSH keys, wildcards apart.
    pub(super) names: HashSet<String>,
    /// Signers known by their key's fingerprint: places in `own`.
    unnamed: HashMap<Fingerprint, usize>,
}

/// What a line of a plain key says of its owner.
#[derive(Clone, Debug, Default)]
struct Grant {
    /// Entries that claim one of the line's principals.
    owners: Vec<usize>,
    /// The signer that the line makes by itself. One line is one person, who may have several addresses.
    own: Option<usize>,
    /// It has a wildcard, which is nobody's name.
    unnamed: bool,
    /// Principals that are people's who have other keys.
    denied: Vec<String>,
}

/// Signers in their own right, while lines make them.
#[derive(Default)]
struct OwnSigners {
    signers: Vec<Signer>,
    by_id: HashMap<String, usize>,
    /// What each signer has: a line may name twenty thousand.
    emails: HashSet<(usize, String)>,
}

impl OwnSigners {
    /// The place of the one with this id, who has these emails besides.
    fn known_as(&mut self, id: &str, emails: &[&str]) -> usize {
        let place = *self.by_id.entry(folded(id)).or_insert_with(|| {
            self.signers.push(in_its_own_right(id));
            self.signers.len() - 1
        });
        if let Some(signer) = self.signers.get_mut(place) {
            let new = emails.iter().filter(|email| self.emails.insert((place, folded(email))));
            signer.emails.extend(new.map(|&email| email.to_owned()));
        }
        place
    }
}

impl Roster {
    pub(super) fn new(people: Arc<People>, lines: &[Line]) -> Self {
        let mut own = OwnSigners::default();
        let mut roster = Self { people, ..Self::default() };
        for line in lines {
            if !line.admits_git() {
                roster.grants.push(Grant::default());
                continue;
            }
            let names = line.principals.names();
            roster.names.extend(names.iter().map(|name| folded(name)));
            let grant = match line.role {
                // Whom it certifies, its certificates say.
                Role::Authority => Grant::default(),
                Role::Signer => roster.grant(line, &names, &mut own),
            };
            roster.grants.push(grant);
        }
        roster.own = own.signers.into_iter().map(Arc::new).collect();
        for (index, signer) in roster.own.iter().enumerate() {
            for name in names_of(signer) {
                roster.by_name.entry(name).or_default().push(index);
            }
        }
        roster
    }

    fn grant(&mut self, line: &Line, names: &[&str], own: &mut OwnSigners) -> Grant {
        let mut grant = Grant { unnamed: line.principals.admits_unnamed(), ..Grant::default() };
        let mut unclaimed = Vec::new();
        for &name in names {
            let claim = self.people.claim(name, std::slice::from_ref(&line.key));
            if claim.is_none() {
                unclaimed.push(name);
            }
            grant
                .denied
                .extend(claim.others.iter().filter_map(|&other| Some(denial(name, &self.people.entry(other)?.signer))));
            grant.owners.extend(claim.owners);
        }
        if let (true, Some(&id)) = (grant.owners.is_empty(), unclaimed.first()) {
            grant.own = Some(own.known_as(id, &unclaimed));
        }
        if grant.unnamed && !self.unnamed.contains_key(&line.key) {
            own.signers.push(by_fingerprint(&line.key));
            self.unnamed.insert(line.key.clone(), own.signers.len() - 1);
        }
        grant
    }

    /// The owner of a plain key that these lines admit.
    pub(super) fn of_key(&self, key: &Fingerprint, lines: impl Iterator<Item = usize>) -> Owner {
        let listing = self.people.listing(key);
        let mut found = self.people.signers(listing);
        let (mut unnamed, mut denied) = (false, Vec::new());
        for grant in lines.filter_map(|line| self.grants.get(line)) {
            found.extend(self.people.signers(&grant.owners));
            if listing.is_empty() {
                found.extend(grant.own.and_then(|place| self.own.get(place)).cloned());
            }
            unnamed |= grant.unnamed;
            denied.extend(&grant.denied);
        }
        if found.is_empty() && unnamed {
            found.extend(self.unnamed.get(key).and_then(|&place| self.own.get(place)).cloned());
        }
        one(found.into_iter(), denied.into_iter())
    }

    /// The owner of a certified key: the one of the certificate's principals that these lines of its authority admit.
    pub(super) fn of_certificate<'l>(
        &self,
        certificate: &ssh::Certificate,
        lines: impl Iterator<Item = &'l Line>,
    ) -> Owner {
        if certificate.principals.is_empty() {
            return Err("the certificate names no principal".into());
        }
        let key = certificate.subject.fingerprint();
        let listing = self.people.listing(&key);
        let (mut admitted, mut denied) = (false, Vec::new());
        let mut found = self.people.signers(listing);
        let mut own: Vec<Arc<Signer>> = Vec::new();
        for line in lines {
            for name in certificate.principals.iter().filter(|name| !name.is_empty() && line.principals.admits(name)) {
                admitted = true;
                let claim = self.people.claim(name, std::slice::from_ref(&key));
                denied.extend(
                    claim.others.iter().filter_map(|&other| Some(denial(name, &self.people.entry(other)?.signer))),
                );
                if claim.is_none() && listing.is_empty() && !own.iter().any(|known| folded(&known.id.0) == folded(name))
                {
                    own.push(self.known_as(name).cloned().unwrap_or_else(|| Arc::new(certified(name))));
                }
                found.extend(self.people.signers(&claim.owners));
            }
        }
        if !admitted {
            return Err("no `cert-authority` line admits a principal of the certificate".into());
        }
        one(found.into_iter().chain(own), denied.iter())
    }

    /// Everybody, those in `signers.toml` first.
    pub(super) fn signers(&self) -> impl Iterator<Item = &Arc<Signer>> {
        self.people.entries.iter().map(|entry| &entry.signer).chain(&self.own)
    }

    /// The signer whose id this is.
    pub(super) fn known_as(&self, id: &str) -> Option<&Arc<Signer>> {
        self.named(id).find(|signer| folded(&signer.id.0) == folded(id))
    }

    /// Whether it makes a signer of this id whom a certificate gives the name: no entry has it, and no line is that id.
    pub(super) fn is_unclaimed(&self, name: &str) -> bool {
        self.people.having(name).is_empty() && self.known_as(name).is_none()
    }

    /// The signers who have this id or email.
    pub(super) fn named(&self, name: &str) -> impl Iterator<Item = &Arc<Signer>> {
        let entries = self.people.having(name).iter().filter_map(|&place| self.people.entry(place));
        let own = self.by_name.get(&folded(name)).map_or(&[][..], Vec::as_slice);
        entries.map(|entry| &entry.signer).chain(own.iter().filter_map(|&place| self.own.get(place)))
    }
}

/// One signer, or why not.
pub(super) fn one<'d>(found: impl Iterator<Item = Arc<Signer>>, mut denied: impl Iterator<Item = &'d String>) -> Owner {
    let mut signers: Vec<Arc<Signer>> = found.collect();
    signers.sort_by(|one, other| one.id.cmp(&other.id));
    signers.dedup_by(|one, other| one.id == other.id);
    match (signers.len(), signers.pop()) {
        (1, Some(signer)) => Ok(signer),
        (count, Some(last)) => {
            signers.push(last);
            let count = if count == 2 { "two".into() } else { count.to_string() };
            let ids: Vec<_> = signers.iter().map(|signer| format!("`{}`", signer.id.0)).collect();
            Err(format!("resolves to {count} signers: {}", ids.join(", ")))
        }
        (_, None) => Err(denied.next().cloned().unwrap_or_else(|| NOBODYS.into())),
    }
}

pub(super) fn denial(name: &str, owner: &Signer) -> String {
    format!("`{name}` is `{}`, whose `keys` do not list this key", owner.id.0)
}

pub(super) fn in_its_own_right(id: &str) -> Signer {
    Signer {
        id: SignerId(id.into()),
        name: None,
        emails: Vec::new(),
        accounts: Vec::new(),
        groups: Vec::new(),
        kind: Kind::Person,
        until: None,
    }
}

pub(super) fn by_fingerprint(key: &Fingerprint) -> Signer {
    in_its_own_right(&key.to_string())
}

/// Whom only a certificate names. Compared as emails are, so that one person has one id however the domain is spelled.
pub(super) fn certified(name: &str) -> Signer {
    let id = folded(name);
    Signer { emails: vec![id.clone()], ..in_its_own_right(&id) }
}

/// Id and emails as they are compared, nothing twice.
pub(super) fn names_of(signer: &Signer) -> HashSet<String> {
    signer.emails.iter().chain([&signer.id.0]).map(|name| folded(name)).collect()
}
