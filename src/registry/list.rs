//! `registry list`: every key, whose it is and how it stands.

use super::{
    Registry, SignerId,
    allowed_signers::Line,
    book::Holding,
    resolution::Owner,
    window::{Moment, Phase},
};
use crate::{
    push::Timestamp,
    signature::{Fingerprint, Format},
};
use std::collections::BTreeMap;

/// One key.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Entry {
    /// Whose it is; none for an authority's, and where it is nobody's.
    pub signer: Option<SignerId>,
    /// An OpenPGP certificate's is its primary key's.
    pub key: Fingerprint,
    /// What it makes; `ssh-cert` for an authority.
    pub format: Format,
    /// In words: "good", "expired", "revoked", "weak: DSA", "not yet valid", "certifies `*@example.com`", "nobody's: …".
    pub state: String,
    /// When that ends, as far as it is known.
    pub expires: Option<Timestamp>,
}

impl Registry {
    /// By signer, then by key; nobody's first.
    pub fn list(&self, now: Timestamp) -> Vec<Entry> {
        let mut entries: Vec<_> =
            self.plain_keys(now).chain(self.authorities(now)).chain(self.openpgp_keys(now)).collect();
        entries
            .sort_by(|one, other| (&one.signer, one.format, &one.key).cmp(&(&other.signer, other.format, &other.key)));
        entries
    }

    fn plain_keys(&self, now: Timestamp) -> impl Iterator<Item = Entry> {
        self.book().allowed.keys.iter().map(move |(key, places)| {
            let holding = self.book().holding(places, &Moment::plain(now));
            let judged = if let Holding::Some(places) = &holding { places } else { places };
            let owner = self.book().roster.of_key(key, judged.iter().copied());
            let state = match holding {
                _ if self.is_revoked(places) => Some("revoked".to_owned()),
                _ if let Some(weakness) = self.weakness(places) => Some(weakness),
                Holding::Over(phase) => Some(over(phase).to_owned()),
                Holding::All | Holding::Some(_) | Holding::None => None,
            };
            entry(owner, key, Format::Ssh, state, self.end(places))
        })
    }

    fn authorities(&self, now: Timestamp) -> impl Iterator<Item = Entry> {
        self.book().allowed.authorities.iter().map(move |(key, places)| {
            let state = match self.book().holding(places, &Moment::plain(now)) {
                _ if self.is_revoked(places) => "revoked".to_owned(),
                _ if let Some(weakness) = self.weakness(places) => weakness,
                Holding::Over(phase) => over(phase).to_owned(),
                Holding::All | Holding::Some(_) | Holding::None => {
                    let patterns: Vec<_> = self.lines(places).map(|line| format!("`{}`", line.principals.0)).collect();
                    format!("certifies {}", patterns.join(", "))
                }
            };
            Entry { signer: None, key: key.clone(), format: Format::SshCert, state, expires: self.end(places) }
        })
    }

    fn openpgp_keys(&self, now: Timestamp) -> impl Iterator<Item = Entry> {
        // A certificate that several files hold is one.
        let summaries: BTreeMap<_, _> = self
            .certificates
            .summaries(now)
            .into_iter()
            .map(|summary| (summary.fingerprint.clone(), summary))
            .collect();
        summaries.into_values().map(move |summary| {
            let owner = self.keyring(Some(now)).of_certificate(&summary.fingerprint);
            let state = if summary.revoked {
                Some("revoked".to_owned())
            } else if let Some(weakness) = summary.weakness {
                Some(format!("weak: {weakness}"))
            } else {
                summary.expires.filter(|&end| end <= now).map(|_| "expired".to_owned())
            };
            entry(owner, &summary.fingerprint, Format::OpenPgp, state, summary.expires)
        })
    }

    /// All lines of a key say the same of it.
    fn is_revoked(&self, places: &[usize]) -> bool {
        self.lines(places).any(|line| self.revoked.holds_named(&line.key, &line.sha1))
    }

    /// All lines of a key say the same of it.
    fn weakness(&self, places: &[usize]) -> Option<String> {
        self.lines(places).find_map(|line| line.weakness.as_ref()).map(|weakness| format!("weak: {weakness}"))
    }

    fn lines(&self, places: &[usize]) -> impl Iterator<Item = &Line> {
        places.iter().filter_map(|&place| self.book().allowed.lines.get(place))
    }

    /// When the last of these lines ends; none if one never does.
    fn end(&self, places: &[usize]) -> Option<Timestamp> {
        let ends: Option<Vec<_>> = self.lines(places).map(|line| line.window.end()).collect();
        ends?.into_iter().max()
    }
}

fn over(phase: Phase) -> &'static str {
    match phase {
        Phase::Ended(_) => "expired",
        Phase::NotYet | Phase::Within => "not yet valid",
    }
}

/// `state`: unless it is good.
fn entry(owner: Owner, key: &Fingerprint, format: Format, state: Option<String>, expires: Option<Timestamp>) -> Entry {
    let (signer, good) = match owner {
        Ok(signer) => (Some(signer.id.clone()), "good".to_owned()),
        Err(why) => (None, format!("nobody's: {why}")),
    };
    Entry { signer, key: key.clone(), format, state: state.unwrap_or(good), expires }
}
