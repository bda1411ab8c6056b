//! From an OpenPGP certificate to the one signer whose it is, or to the reason why it is nobody's.

use super::{
    Signer,
    people::{People, folded},
    resolution::{Owner, by_fingerprint, denial, in_its_own_right, names_of, one},
};
use crate::{
    push::Timestamp,
    signature::{Fingerprint, openpgp::CertificateSummary},
};
use std::{collections::HashMap, sync::Arc};

/// When it does not matter when (2100-01-01): every revocation of a user ID counts then.
pub(super) const LATEST: Timestamp = Timestamp(4_102_444_800);

pub(super) const NOT_HELD: &str = "the registry has no such certificate";

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
    pub(super) fn new(people: &People, summaries: &[CertificateSummary], rivals: &Rivals<'_>) -> Self {
        let mut keyring = Self::default();
        for summary in summaries {
            let owner = keyring.settle(people, summary, rivals);
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
        known.unwrap_or_else(|| Err(NOT_HELD.into()))
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

    /// Whose a certificate is, without looking at those that do not matter to it.
    pub(super) fn owner(people: &People, summary: &CertificateSummary, rivals: &Rivals<'_>) -> Owner {
        Self::default().settle(people, summary, rivals)
    }

    fn settle(&mut self, people: &People, summary: &CertificateSummary, rivals: &Rivals<'_>) -> Owner {
        let claims = Claims::of(people, summary);
        let owners = people.signers(&claims.owners).into_iter();
        if claims.settle(rivals) {
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
    /// The primary user ID's email, if entries claim it.
    primary: Option<String>,
    /// Emails that no entry has, with their place among the user IDs.
    unclaimed: Vec<(usize, String)>,
    /// Emails that are people's who have other keys.
    denied: Vec<String>,
}

impl Claims {
    fn of(people: &People, summary: &CertificateSummary) -> Self {
        let keys: Vec<_> = summary.keys.iter().chain([&summary.fingerprint]).cloned().collect();
        let owners: Vec<usize> = keys.iter().flat_map(|key| people.listing(key)).copied().collect();
        let mut claims =
            Self { listed: !owners.is_empty(), owners, primary: None, unclaimed: Vec::new(), denied: Vec::new() };
        for (place, email) in summary.emails.iter().enumerate() {
            let claim = people.claim(email, &keys);
            if claim.is_none() {
                claims.unclaimed.push((place, email.clone()));
            }
            if place == 0 && !claim.owners.is_empty() {
                claims.primary = Some(email.clone());
            }
            let others = claim.others.iter().filter_map(|&other| people.entry(other));
            claims.denied.extend(others.map(|other| denial(email, &other.signer)));
            claims.owners.extend(claim.owners);
        }
        claims
    }

    /// Whether nobody but `owners` can have it. User IDs are their holder's word: so an entry without `keys` has the
    /// certificate only if entries claim all of its emails, or its primary one and no other key has that. Else a
    /// certificate of one's own, to which one adds a colleague's address, would become the colleague's.
    fn settle(&self, rivals: &Rivals<'_>) -> bool {
        let primary_is_claimed = || self.primary.as_ref().is_some_and(|email| !rivals.contest(0, email));
        self.listed || (!self.owners.is_empty() && (self.unclaimed.is_empty() || primary_is_claimed()))
    }
}

/// Who else has an email that a certificate claims. Asked only where that matters.
pub(super) struct Rivals<'a> {
    /// Whether several certificates claim it.
    pub(super) claimed_twice: &'a dyn Fn(&str) -> bool,
    /// Whether an SSH key has it.
    pub(super) is_principal: &'a dyn Fn(&str) -> bool,
    /// Whether an authority's certificates may bear it.
    pub(super) is_certifiable: &'a dyn Fn(&str) -> bool,
}

impl Rivals<'_> {
    /// `place`: of the user ID; the primary one's is 0. An authority's certificates may bear whatever its line's pattern
    /// admits. That puts in doubt an address beside the primary one, not the whole certificate: else a line for `*` would
    /// leave nobody their name.
    fn contest(&self, place: usize, email: &str) -> bool {
        (self.claimed_twice)(email) || (self.is_principal)(email) || (place > 0 && (self.is_certifiable)(email))
    }
}

/// Whether a certificate has this email: user IDs compare as all emails do.
pub(super) fn has_email(summary: &CertificateSummary, email: &str) -> bool {
    let name = folded(email);
    summary.emails.iter().any(|own| folded(own) == name)
}
