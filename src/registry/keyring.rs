//! From an OpenPGP certificate to the one signer whose it is, or to the reason why it is nobody's.

use super::{
    Signer,
    people::folded,
    resolution::{Owner, Roster, by_fingerprint, denial, in_its_own_right, names_of, one},
};
use crate::{
    push::Timestamp,
    signature::{Fingerprint, openpgp::CertificateSummary},
};
use std::{
    collections::{HashMap, HashSet},
    sync::Arc,
};

/// When it does not matter when (2100-01-01): every revocation of a user ID counts then.
pub(super) const LATEST: Timestamp = Timestamp(4_102_444_800);

/// Everybody who has an OpenPGP certificate.
#[derive(Debug, Default)]
pub(super) struct Keyring {
    owners: HashMap<Fingerprint, Owner>,
    /// Those who are signers in their own right.
    pub(super) signers: Vec<Arc<Signer>>,
    by_name: HashMap<String, Vec<usize>>,
    /// Emails that a certificate claims, that another key may have too, and that nothing settles.
    pub(super) contested: Vec<(Fingerprint, String)>,
}

impl Keyring {
    /// `certifies`: whether an authority's certificates may bear this name.
    pub(super) fn new(roster: &Roster, summaries: &[CertificateSummary], certifies: impl Fn(&str) -> bool) -> Self {
        let rivals = Rivals::of(roster, summaries, &certifies);
        let mut keyring = Self::default();
        for summary in summaries {
            let owner = keyring.settle(roster, summary, &rivals);
            keyring.owners.insert(summary.fingerprint.clone(), owner);
        }
        for (place, signer) in keyring.signers.iter().enumerate() {
            for name in names_of(signer) {
                keyring.by_name.entry(name).or_default().push(place);
            }
        }
        keyring
    }

    /// The owner of the certificate with this fingerprint.
    pub(super) fn of_certificate(&self, fingerprint: &Fingerprint) -> Owner {
        let known = self.owners.get(fingerprint).cloned();
        known.unwrap_or_else(|| Err("no valid user ID or key of its certificate is left".into()))
    }

    /// The signer whose id this is.
    pub(super) fn known_as(&self, id: &str) -> Option<&Arc<Signer>> {
        self.named(id).find(|signer| folded(&signer.id.0) == folded(id))
    }

    /// The signers in their own right who have this id or email.
    pub(super) fn named(&self, name: &str) -> impl Iterator<Item = &Arc<Signer>> {
        let places = self.by_name.get(&folded(name)).map_or(&[][..], Vec::as_slice);
        places.iter().filter_map(|&place| self.signers.get(place))
    }

    fn settle(&mut self, roster: &Roster, summary: &CertificateSummary, rivals: &Rivals<'_>) -> Owner {
        let claims = Claims::of(roster, summary, rivals);
        let owners = roster.entries(&claims.owners).into_iter();
        if claims.settle() {
            return one(owners, claims.denied.iter());
        }
        let (contested, own): (Vec<_>, Vec<_>) =
            claims.unclaimed.iter().partition(|(place, email)| rivals.contest(*place, email));
        self.contested.extend(contested.into_iter().map(|(_, email)| (summary.fingerprint.clone(), email.clone())));
        let own = match own.first() {
            Some((_, id)) => {
                let emails = own.iter().map(|(_, email)| email.clone()).collect();
                Signer { emails, ..in_its_own_right(id) }
            }
            None if claims.owners.is_empty() && claims.unclaimed.is_empty() && !claims.denied.is_empty() => {
                return one(std::iter::empty(), claims.denied.iter());
            }
            None => by_fingerprint(&summary.fingerprint),
        };
        let own = Arc::new(Signer { name: summary.name.clone(), ..own });
        if claims.owners.is_empty() {
            self.signers.push(own.clone());
        }
        one(owners.chain([own]), claims.denied.iter())
    }
}

/// What `signers.toml` says of a certificate.
struct Claims {
    /// Entries whose it is.
    owners: Vec<usize>,
    /// Whether an entry lists one of its keys.
    listed: bool,
    primary_is_claimed: bool,
    /// Emails that no entry has, with their place among the user IDs.
    unclaimed: Vec<(usize, String)>,
    /// Emails that are people's who have other keys.
    denied: Vec<String>,
}

impl Claims {
    fn of(roster: &Roster, summary: &CertificateSummary, rivals: &Rivals<'_>) -> Self {
        let people = &roster.people;
        let keys: Vec<_> = summary.keys.iter().chain([&summary.fingerprint]).cloned().collect();
        let owners: Vec<usize> = keys.iter().flat_map(|key| people.listing(key)).copied().collect();
        let mut claims = Self {
            listed: !owners.is_empty(),
            owners,
            primary_is_claimed: false,
            unclaimed: Vec::new(),
            denied: Vec::new(),
        };
        for (place, email) in summary.emails.iter().enumerate() {
            let claim = people.claim(email, &keys);
            if claim.is_none() {
                claims.unclaimed.push((place, email.clone()));
            }
            claims.primary_is_claimed |= place == 0 && !claim.owners.is_empty() && !rivals.contest(place, email);
            let others = claim.others.iter().filter_map(|&other| people.entry(other));
            claims.denied.extend(others.map(|other| denial(email, &other.signer)));
            claims.owners.extend(claim.owners);
        }
        claims
    }

    /// Whether nobody but `owners` can have it. User IDs are their holder's word: so an entry without `keys` has the
    /// certificate only if entries claim all of its emails, or its primary one and no other key has that. Else a
    /// certificate of one's own, to which one adds a colleague's address, would become the colleague's.
    fn settle(&self) -> bool {
        self.listed || (!self.owners.is_empty() && (self.unclaimed.is_empty() || self.primary_is_claimed))
    }
}

/// Who else has an email that a certificate claims.
struct Rivals<'a> {
    /// How many certificates claim each.
    bearers: HashMap<String, usize>,
    roster: &'a Roster,
    certifies: &'a dyn Fn(&str) -> bool,
}

impl<'a> Rivals<'a> {
    fn of(roster: &'a Roster, summaries: &[CertificateSummary], certifies: &'a dyn Fn(&str) -> bool) -> Self {
        let mut bearers: HashMap<String, usize> = HashMap::new();
        for summary in summaries {
            let names: HashSet<_> = summary.emails.iter().map(|email| folded(email)).collect();
            for name in names {
                *bearers.entry(name).or_default() += 1;
            }
        }
        Self { bearers, roster, certifies }
    }

    /// `place`: of the user ID; the primary one's is 0. An authority's certificates may bear whatever its line's pattern
    /// admits. That puts in doubt an address beside the primary one, not the whole certificate: else a line for `*` would
    /// leave nobody their name.
    fn contest(&self, place: usize, email: &str) -> bool {
        let name = folded(email);
        self.bearers.get(&name).is_some_and(|&bearers| bearers > 1)
            || self.roster.names.contains(&name)
            || (place > 0 && (self.certifies)(email))
    }
}
