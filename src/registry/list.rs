//! `registry list`: every key, whose it is and how it stands.

use super::{
    Registry, Signer, SignerId,
    allowed_signers::Line,
    book::Holding,
    key_states::{KeyState, StatedKey},
    resolution::Owner,
    window::{Moment, Phase, written},
};
use crate::{
    push::Timestamp,
    signature::{Fingerprint, Format, Unusable},
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
    /// In words: "good", "expired", "revoked", "weak: DSA", "unsupported: RSA of 16384 bits",
    /// "cannot sign", "not yet valid, from …", "certifies `*@example.com`", "nobody's: …",
    /// "compromised since …", "retired since …", "left on …"; also what is to come: "good, leaves on …".
    pub state: String,
    /// When that ends, as far as it is known.
    pub expires: Option<Timestamp>,
    /// The next moment from which it counts no more, be it that it expires, is retired or that its person leaves. None
    /// where there is none, and where it counts no more already.
    pub ends: Option<Timestamp>,
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
                _ if self.is_revoked(places) => Some(Found::Void("revoked".to_owned())),
                _ if let Some(state) = self.unusable(places) => Some(Found::Void(state)),
                Holding::Over(phase) => Some(Found::Passing(self.over(places, phase, now))),
                Holding::All | Holding::Some(_) | Holding::None => None,
            };
            self.entry(owner, key, Format::Ssh, state, self.end(places), now)
        })
    }

    fn authorities(&self, now: Timestamp) -> impl Iterator<Item = Entry> {
        self.book().allowed.authorities.iter().map(move |(key, places)| {
            let found = match self.book().holding(places, &Moment::plain(now)) {
                _ if self.is_revoked(places) => Some(Found::Void("revoked".to_owned())),
                _ if let Some(state) = self.unusable(places) => Some(Found::Void(state)),
                Holding::Over(phase) => Some(Found::Passing(self.over(places, phase, now))),
                Holding::All | Holding::Some(_) | Holding::None => None,
            };
            let ends = self.ends(key, None, found.as_ref(), self.end(places), now);
            let patterns: Vec<_> = self.lines(places).map(|line| format!("`{}`", line.principals.0)).collect();
            let state = self.state(key, None, found, format!("certifies {}", patterns.join(", ")), now);
            Entry { signer: None, key: key.clone(), format: Format::SshCert, state, expires: self.end(places), ends }
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
                Some(Found::Void("revoked".to_owned()))
            } else if let Some(why) = &summary.unusable {
                Some(Found::Void(unusable(why)))
            } else {
                let ended = summary.expires.filter(|&end| end <= now).map(|_| "expired".to_owned());
                ended.or_else(|| summary.begins.filter(|&from| from > now).map(not_yet)).map(Found::Passing)
            };
            let mut entry = self.entry(owner, &summary.fingerprint, Format::OpenPgp, state, summary.expires, now);
            for key in summary.keys.iter().filter(|key| **key != summary.fingerprint) {
                if let Some(stated) = self.shelf.people.states.of(key) {
                    entry.state.push_str(&format!("; its subkey {key} {}", told_at(stated, now)));
                }
            }
            entry
        })
    }

    fn entry(
        &self,
        owner: Owner,
        key: &Fingerprint,
        format: Format,
        found: Option<Found>,
        expires: Option<Timestamp>,
        now: Timestamp,
    ) -> Entry {
        let (signer, good) = match owner {
            Ok(signer) => (Some(signer), "good".to_owned()),
            Err(why) => (None, format!("nobody's: {why}")),
        };
        let ends = self.ends(key, signer.as_deref(), found.as_ref(), expires, now);
        let state = self.state(key, signer.as_deref(), found, good, now);
        Entry { signer: signer.map(|signer| signer.id.clone()), key: key.clone(), format, state, expires, ends }
    }

    fn ends(
        &self,
        key: &Fingerprint,
        owner: Option<&Signer>,
        found: Option<&Found>,
        expires: Option<Timestamp>,
        now: Timestamp,
    ) -> Option<Timestamp> {
        let stated = self.shelf.people.states.of(key).map(|stated| stated.since);
        let first = [stated, owner.and_then(|owner| owner.until), expires].into_iter().flatten().min();
        first.filter(|&first| first > now && !matches!(found, Some(Found::Void(_))))
    }

    /// In the order of the judgement: what is graver is told instead of what is not.
    fn state(
        &self,
        key: &Fingerprint,
        owner: Option<&Signer>,
        found: Option<Found>,
        good: String,
        now: Timestamp,
    ) -> String {
        let stated = self.shelf.people.states.of(key);
        let until = owner.and_then(|owner| owner.until);
        let holds = |stated: &&StatedKey| stated.since <= now;
        match (stated.filter(holds), found) {
            (Some(stated), _) if stated.state == KeyState::Compromised => told(stated),
            (_, Some(Found::Void(state))) => state,
            _ if let Some(until) = until.filter(|&until| until <= now) => format!("left on {}", written(until)),
            (Some(stated), _) => told(stated),
            (None, Some(Found::Passing(state))) => state,
            (None, None) => {
                let to_come = stated.map(|stated| format!(", {}", told_at(stated, now)));
                let leaves = until.map(|until| format!(", leaves on {}", written(until)));
                format!("{good}{}{}", to_come.unwrap_or_default(), leaves.unwrap_or_default())
            }
        }
    }

    /// All lines of a key say the same of it.
    fn is_revoked(&self, places: &[usize]) -> bool {
        self.lines(places).any(|line| self.revoked.holds_named(&line.key, &line.sha1))
    }

    /// All lines of a key say the same of it.
    fn unusable(&self, places: &[usize]) -> Option<String> {
        self.lines(places).find_map(|line| line.unusable.as_ref()).map(unusable)
    }

    fn lines(&self, places: &[usize]) -> impl Iterator<Item = &Line> {
        places.iter().filter_map(|&place| self.book().allowed.lines.get(place))
    }

    /// What is told of a key none of whose lines is for now.
    fn over(&self, places: &[usize], phase: Phase, now: Timestamp) -> String {
        let begins = self.lines(places).map(|line| line.window.first).filter(|&first| first > now).min();
        match (phase, begins) {
            (Phase::NotYet, Some(from)) => not_yet(from),
            (Phase::NotYet | Phase::Within, _) => "not yet valid".to_owned(),
            (Phase::Ended(_), _) => "expired".to_owned(),
        }
    }

    /// When the last of these lines ends; none if one never does.
    fn end(&self, places: &[usize]) -> Option<Timestamp> {
        let ends: Option<Vec<_>> = self.lines(places).map(|line| line.window.end()).collect();
        ends?.into_iter().max()
    }
}

fn unusable(why: &Unusable) -> String {
    match why {
        Unusable::Weak(what) => format!("weak: {what}"),
        Unusable::Unsupported(what) => format!("unsupported: {what}"),
        Unusable::NoSigningKey => "cannot sign".to_owned(),
    }
}

fn not_yet(from: Timestamp) -> String {
    format!("not yet valid, from {}", written(from))
}

fn told(stated: &StatedKey) -> String {
    format!("{} {}", stated.state.name(), stated.since_and_why())
}

fn told_at(stated: &StatedKey, now: Timestamp) -> String {
    match stated.since <= now {
        true => told(stated),
        false => format!("{} from {}", stated.state.name(), written(stated.since)),
    }
}

/// What a key's own files say against it, in words.
enum Found {
    /// Nothing that it signs counts.
    Void(String),
    /// It is not its time.
    Passing(String),
}
