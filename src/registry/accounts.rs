//! Whose account of a Git server is whose: `accounts` in `signers.toml`.

use super::{Kind, Registry, Signer, SignerId, window::written};
use crate::push::Timestamp;
use std::sync::Arc;

/// Words before a colon that bind an account to one kind of server.
pub const SERVERS: &[&str] = &["plain", "http", "gitolite", "gitea", "forgejo", "gitlab", "pagure"];

/// Whose an account is.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Holder {
    /// This one's alone.
    Of(Arc<Signer>),
    /// Theirs, who left: as good as nobody's, and it is known whose it was.
    Left(Arc<Signer>, Timestamp),
    /// Nobody's.
    Nobody,
    /// Claimed by several, whose ids these are.
    Several(Vec<String>),
}

impl Registry {
    /// Who claims any of the names by which a server of this kind calls one account. Names compare byte for byte; a claim
    /// `kind:name` is about servers of that kind alone.
    pub fn holder_of_account(&self, server: &str, names: &[String], now: Timestamp) -> Holder {
        let claims =
            |claim: &String| claimed(claim, server).is_some_and(|name| names.iter().any(|known| known == name));
        let entries = self.shelf.people.entries.iter();
        let mut found = entries.map(|entry| &entry.signer).filter(|signer| signer.accounts.iter().any(claims));
        let Some(first) = found.next() else { return Holder::Nobody };
        let others: Vec<_> = found.map(|signer| signer.id.0.clone()).collect();
        match first.until.filter(|&until| until <= now) {
            _ if !others.is_empty() => Holder::Several([vec![first.id.0.clone()], others].concat()),
            Some(until) => Holder::Left(Arc::clone(first), until),
            None => Holder::Of(Arc::clone(first)),
        }
    }

    /// Whether anybody claims an account of this kind of server, or is known there by their key.
    pub fn knows_whoever_pushes(&self, server: &str) -> bool {
        let claims = |claim: &String| claimed(claim, server).is_some();
        server == "plain" || self.shelf.people.entries.iter().any(|entry| entry.signer.accounts.iter().any(claims))
    }

    /// The persons of `signers.toml`: no bot, no forge, nobody whom another file alone makes a signer.
    pub fn persons(&self) -> impl Iterator<Item = &Arc<Signer>> {
        let entries = self.shelf.people.entries.iter().map(|entry| &entry.signer);
        entries.filter(|signer| signer.kind == Kind::Person)
    }

    /// The one of them whose id this is.
    pub fn person(&self, id: &SignerId) -> Option<&Arc<Signer>> {
        self.persons().find(|signer| signer.id == *id)
    }

    /// Those in `signers.toml` who have this email, raw bytes, or an id that is it.
    pub fn with_email(&self, email: &[u8]) -> impl Iterator<Item = &SignerId> {
        let places = std::str::from_utf8(email).map(|email| self.shelf.people.having(email)).unwrap_or_default();
        places.iter().filter_map(|&place| self.shelf.people.entry(place)).map(|entry| &entry.signer.id)
    }

    /// The fingerprints of the keys that are theirs and count now.
    pub fn good_keys(&self, signer: &Signer, now: Timestamp) -> Vec<String> {
        let entries = self.list(now).into_iter();
        let theirs =
            entries.filter(|entry| entry.signer.as_ref() == Some(&signer.id) && entry.state.starts_with("good"));
        theirs.map(|entry| entry.key.to_string()).collect()
    }
}

/// The account that a claim names, if it is about servers of this kind.
fn claimed<'a>(claim: &'a str, server: &str) -> Option<&'a str> {
    match claim.split_once(':') {
        Some((kind, name)) if SERVERS.contains(&kind) => Some(name).filter(|_| kind == server),
        Some(_) | None => Some(claim),
    }
}

/// Whether two claims are about one account on some server.
pub(super) fn overlap(one: &str, other: &str) -> bool {
    SERVERS.iter().any(|server| claimed(one, server).is_some() && claimed(one, server) == claimed(other, server))
}

/// What a claim is about, on each kind of server, such as `gitlab:alice`.
pub(super) fn on_each_server(claim: &str) -> Vec<String> {
    let on = |server: &&str| claimed(claim, server).map(|name| format!("{server}:{name}"));
    SERVERS.iter().filter_map(on).collect()
}

impl Holder {
    /// Why it is not known whose it is, to be read after the account.
    pub fn why_unknown(&self) -> Option<String> {
        match self {
            Self::Of(_) => None,
            Self::Left(signer, until) => Some(format!("is `{}`'s, who left on {}", signer.id.0, written(*until))),
            Self::Nobody => Some("is nobody's in the registry".to_owned()),
            Self::Several(ids) => {
                let ids: Vec<_> = ids.iter().map(|id| format!("`{id}`")).collect();
                Some(format!("is claimed by {}", ids.join(" and ")))
            }
        }
    }
}
