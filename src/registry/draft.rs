//! A registry folder under edit: what is to be said of people and keys, checked against all that the folder says before
//! anything is written.

use super::{
    Registry, SignerId,
    edit::{List, NewSigner, NotEdited, SignersFile},
    folder::SIGNERS,
    key_states::KeyState,
    window::written,
};
use crate::{
    Undecided, bounds::Bounds, document::nearest, push::Timestamp, signature::Fingerprint, trusted::TrustedFiles,
};
use jiff::tz::TimeZone;
use std::{
    collections::BTreeMap,
    path::{Path, PathBuf},
};

/// The folder as it was read, and as it is to be.
#[derive(Debug)]
pub struct Draft {
    folder: PathBuf,
    zone: TimeZone,
    now: Timestamp,
    before: Registry,
    /// The bytes of `signers.toml`; none where it is not there.
    held: Option<Vec<u8>>,
    signers: SignersFile,
}

/// Why nothing is changed: a sentence without its full stop, lower case.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct NotDone(pub String);

impl From<NotEdited> for NotDone {
    fn from(why: NotEdited) -> Self {
        Self(match why {
            NotEdited::Because(why) => why,
            NotEdited::Broken(problems) => {
                let first = problems.first().map(|problem| problem.what.to_string()).unwrap_or_default();
                format!("`signers.toml` has mistakes: {first}")
            }
        })
    }
}

impl Draft {
    /// Reads the folder. `now`: the clock.
    ///
    /// # Errors
    /// It cannot be read or trusted. A broken `signers.toml` has [`BrokenSigners`](super::BrokenSigners) as its cause.
    pub fn open(trusted: &TrustedFiles, folder: &Path, zone: &TimeZone, now: Timestamp) -> Result<Self, Undecided> {
        let before = Registry::load(trusted, folder, &[], zone)?;
        let path = folder.join(SIGNERS);
        let held = match trusted.exists(&path)? {
            true => Some(trusted.read(&path, Bounds::SIGNERS_FILE)?),
            false => None,
        };
        let reading = |why: String| Undecided::server(format!("reading `{}`", path.display()), why);
        let source =
            String::from_utf8(held.clone().unwrap_or_default()).map_err(|_| reading("it is not UTF-8".into()))?;
        let signers = SignersFile::new(source).map_err(|why| reading(NotDone::from(why).0))?;
        Ok(Self { folder: folder.to_owned(), zone: zone.clone(), now, before, held, signers })
    }

    /// From `since` on, nothing that this key signed is taken in any more.
    ///
    /// # Errors
    /// The registry does not know the key, or says something graver of it.
    pub fn retire(
        &mut self,
        key: &Fingerprint,
        since: Option<Timestamp>,
        note: Option<&str>,
    ) -> Result<String, NotDone> {
        self.is_known(key)?;
        if let Some(stated) = self.signers.people().states.of(key) {
            let is = format!("{key} is {} {} already", stated.state.name(), stated.since_and_why());
            match stated.state {
                KeyState::Compromised => return Err(NotDone(format!("{is}, which is graver"))),
                KeyState::Retired if since.is_none() && note.is_none() => return Ok(is),
                KeyState::Retired => {}
            }
            let since = since.unwrap_or(stated.since);
            return self.state(key, KeyState::Retired, since, note);
        }
        self.state(key, KeyState::Retired, since.unwrap_or(self.now), note)
    }

    /// Nothing that this key signed counts, unless it was received before `since`.
    ///
    /// # Errors
    /// The registry does not know the key.
    pub fn compromise(&mut self, key: &Fingerprint, since: Timestamp, note: Option<&str>) -> Result<String, NotDone> {
        self.is_known(key)?;
        self.state(key, KeyState::Compromised, since, note)
    }

    fn state(
        &mut self,
        key: &Fingerprint,
        state: KeyState,
        since: Timestamp,
        note: Option<&str>,
    ) -> Result<String, NotDone> {
        self.signers.state(key, state, since, note)?;
        let whose = self.owners().remove(key).flatten();
        let of = whose.map(|id| format!(" of {}", id.0)).unwrap_or_default();
        Ok(format!("{key}{of} is {} since {}", state.name(), written(since)))
    }

    /// From `at` on, none of the person's keys counts.
    ///
    /// # Errors
    /// Nobody has this id, or the registry cannot say whose the keys would be.
    pub fn leave(&mut self, id: &str, at: Option<Timestamp>) -> Result<String, NotDone> {
        let entry = self.signers.signer(id);
        let known = entry.and_then(|place| self.signers.people().entry(place)).and_then(|entry| entry.signer.until);
        if let (Some(until), None) = (known, at) {
            return Ok(format!("{id} leaves on {} already", written(until)));
        }
        let at = at.unwrap_or(self.now);
        match entry {
            Some(place) => self.signers.until(place, at)?,
            None => {
                let new = NewSigner { until: Some(at), ..self.as_entry(id)? };
                self.signers.add_signer(&new)?;
            }
        }
        let tense = if at <= self.now { "left" } else { "leaves" };
        Ok(format!("{id} {tense} on {}", written(at)))
    }

    /// The entry of one whom the registry knows without an entry.
    fn as_entry(&self, id: &str) -> Result<NewSigner, NotDone> {
        let signer_id = SignerId(id.to_owned());
        let named = self.before.named(id);
        if !named.contains(&signer_id) {
            let others: Vec<_> = named.iter().map(|other| format!("`{}`", other.0)).collect();
            if !others.is_empty() {
                return Err(NotDone(format!("`{id}` is an email of {}: say which id is meant", others.join(" and "))));
            }
            let near = nearest(id, self.before.signers().map(|signer| signer.id.0.as_str()));
            let near = near.map(|near| format!("; did you mean `{near}`?")).unwrap_or_default();
            return Err(NotDone(format!("nobody in the registry is `{id}`{near}")));
        }
        let mut lists = Vec::new();
        if Fingerprint::parse(id).is_some() {
            lists.push((List::Keys, vec![id.to_owned()]));
        }
        if let Some(signer) = self.before.signer(&signer_id)
            && signer.emails.iter().any(|email| email != id)
        {
            lists.push((List::Emails, signer.emails.clone()));
        }
        Ok(NewSigner { id: id.to_owned(), lists, ..NewSigner::default() })
    }

    fn is_known(&self, key: &Fingerprint) -> Result<(), NotDone> {
        let people = self.signers.people();
        let listed = !people.listing(key).is_empty() || people.states.of(key).is_some();
        if listed || self.before.held_keys().contains(key) {
            return Ok(());
        }
        Err(NotDone(format!(
            "the registry has no key {key}; look at `registry list`. What an authority certified is no key of the \
             registry's: revoke it in `revoked_keys`"
        )))
    }

    /// Whose each key is, before the edit.
    fn owners(&self) -> BTreeMap<Fingerprint, Option<SignerId>> {
        owners(&self.before, self.now)
    }

    /// Whether there is anything to write.
    pub fn has_changes(&self) -> bool {
        self.signers.source().as_bytes() != self.held.as_deref().unwrap_or_default()
    }

    /// Reads the registry as it would be: no key may get into other hands by what is said of another.
    ///
    /// # Errors
    /// The folder cannot be read any more, or the edit cannot be made for what it would do beside.
    pub fn check(&self, trusted: &TrustedFiles) -> Result<Result<(), NotDone>, Undecided> {
        let after = Registry::load_with(trusted, &self.folder, &self.zone, |parts| {
            parts.signers = self.signers.source().as_bytes().to_vec();
            Ok(())
        })?;
        let after = owners(&after, self.now);
        let name = |owner: &Option<SignerId>| owner.as_ref().map_or_else(|| "nobody".to_owned(), |id| id.0.clone());
        for (key, owner) in self.owners() {
            let Some(other) = after.get(&key).filter(|other| **other != owner) else { continue };
            let why = format!("{key} would change hands, from {} to {}", name(&owner), name(other));
            return Ok(Err(NotDone(why)));
        }
        Ok(Ok(()))
    }

    /// Writes what is to be, unless somebody else changed the file meanwhile. Returns what was written.
    ///
    /// # Errors
    /// See [`TrustedFiles::replace`].
    pub fn save(&self, trusted: &TrustedFiles) -> Result<(), Undecided> {
        trusted.replace(&self.folder.join(SIGNERS), self.held.as_deref(), self.signers.source().as_bytes())
    }
}

fn owners(registry: &Registry, now: Timestamp) -> BTreeMap<Fingerprint, Option<SignerId>> {
    registry.list(now).into_iter().map(|entry| (entry.key, entry.signer)).collect()
}
