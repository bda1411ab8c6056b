//! A registry folder under edit: what is to be said of people and keys, checked against all that the folder says before
//! anything is written.

use super::{
    Registry, SignerId,
    edit::{List, NewSigner, NotEdited, SignersFile},
    folder::{ALLOWED_SIGNERS, OPENPGP, SIGNERS},
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
    pub(super) now: Timestamp,
    pub(super) before: Registry,
    /// Whose each key is, before the edit.
    pub(super) owners: Owners,
    /// The bytes of `signers.toml`; none where it is not there.
    held: Option<Vec<u8>>,
    pub(super) signers: SignersFile,
    /// The bytes of `allowed_signers`; none where it is not there.
    held_allowed: Option<Vec<u8>>,
    pub(super) allowed: Vec<u8>,
    /// Files of certificates to be, with their paths below the folder.
    pub(super) certificates: Vec<(String, Vec<u8>)>,
    /// Keys that are to be somebody's, each with whose.
    pub(super) added: BTreeMap<Fingerprint, String>,
}

pub(super) type Owners = BTreeMap<Fingerprint, Option<SignerId>>;

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
        let read = |name: &str, at_most| {
            let path = folder.join(name);
            trusted.exists(&path)?.then(|| trusted.read(&path, at_most)).transpose()
        };
        let held = read(SIGNERS, Bounds::SIGNERS_FILE)?;
        let held_allowed = read(ALLOWED_SIGNERS, Bounds::KEY_FILE)?;
        let reading = |why: String| Undecided::server(format!("reading `{}`", folder.join(SIGNERS).display()), why);
        let source =
            String::from_utf8(held.clone().unwrap_or_default()).map_err(|_| reading("it is not UTF-8".into()))?;
        let signers = SignersFile::new(source).map_err(|why| reading(NotDone::from(why).0))?;
        Ok(Self {
            folder: folder.to_owned(),
            zone: zone.clone(),
            now,
            owners: owners(&before, now),
            before,
            held,
            signers,
            allowed: held_allowed.clone().unwrap_or_default(),
            held_allowed,
            certificates: Vec::new(),
            added: BTreeMap::new(),
        })
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
            let (held, is) =
                (stated.since, format!("{key} is {} {} already", stated.state.name(), stated.since_and_why()));
            match stated.state {
                KeyState::Compromised => return Err(NotDone(format!("{is}, which is graver"))),
                KeyState::Retired if held <= self.now && since.is_none() && note.is_none() => return Ok(is),
                KeyState::Retired => {}
            }
            return self.state(key, KeyState::Retired, since.unwrap_or(held.min(self.now)), note);
        }
        self.state(key, KeyState::Retired, since.unwrap_or(self.now), note)
    }

    /// Nothing that this key signed counts, unless it was received before `since`.
    ///
    /// # Errors
    /// The registry does not know the key, or `since` is still to come: it would count until then.
    pub fn compromise(&mut self, key: &Fingerprint, since: Timestamp, note: Option<&str>) -> Result<String, NotDone> {
        self.is_known(key)?;
        if since > self.now {
            let since = written(since);
            return Err(NotDone(format!(
                "{since} is still to come: {key} would count until then; did you mean `retire`?"
            )));
        }
        self.state(key, KeyState::Compromised, since, note)
    }

    fn state(
        &mut self,
        key: &Fingerprint,
        state: KeyState,
        since: Timestamp,
        note: Option<&str>,
    ) -> Result<String, NotDone> {
        let held = self.signers.people().states.of(key).map(|stated| stated.since);
        self.signers.state(key, state, since, note)?;
        let whose = self.owners.get(key).cloned().flatten();
        let of = whose.map(|id| format!(" of {}", id.0)).unwrap_or_default();
        let when = match since <= self.now {
            true => format!("since {}", written(since)),
            false => format!("from {} on", written(since)),
        };
        Ok(format!("{key}{of} is {} {when}{}", state.name(), later_than(held, since)))
    }

    /// From `at` on, none of the person's keys counts.
    ///
    /// # Errors
    /// Nobody has this id, or the registry cannot say whose the keys would be.
    pub fn leave(&mut self, id: &str, at: Option<Timestamp>) -> Result<String, NotDone> {
        let entry = self.signers.signer(id);
        let known = entry.and_then(|place| self.signers.people().entry(place)).and_then(|entry| entry.signer.until);
        if let (Some(until), None) = (known.filter(|&until| until <= self.now), at) {
            return Ok(format!("{id} left on {} already", written(until)));
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
        Ok(format!("{id} {tense} on {}{}", written(at), later_than(known, at)))
    }

    /// The entry of one whom the registry knows without an entry.
    pub(super) fn as_entry(&self, id: &str) -> Result<NewSigner, NotDone> {
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

    /// Of windows that name none.
    pub(super) fn zone(&self) -> &TimeZone {
        &self.zone
    }

    /// Whether there is anything to write.
    pub fn has_changes(&self) -> bool {
        self.writes_signers() || self.writes_allowed() || !self.certificates.is_empty()
    }

    fn writes_signers(&self) -> bool {
        self.signers.source().as_bytes() != self.held.as_deref().unwrap_or_default()
    }

    fn writes_allowed(&self) -> bool {
        self.allowed != self.held_allowed.as_deref().unwrap_or_default()
    }

    /// Reads the registry as it would be: keys that are given have to be whose they are to be, and no other key may get
    /// into other hands. Returns, a sentence each, which keys an entry claims that were known by a name alone.
    ///
    /// # Errors
    /// The outer one: the folder cannot be read any more. The inner one: what the edit would do beside.
    pub fn check(&self, trusted: &TrustedFiles) -> Result<Result<Vec<String>, NotDone>, Undecided> {
        // What is larger is not read, and refuses every push.
        for (file, size, most) in [
            (SIGNERS, self.signers.source().len(), Bounds::SIGNERS_FILE),
            (ALLOWED_SIGNERS, self.allowed.len(), Bounds::KEY_FILE),
        ] {
            if size > most {
                return Ok(Err(NotDone(format!("`{file}` would be larger than {most} bytes, and could not be read"))));
            }
        }
        let after = owners(&self.after(trusted)?, self.now);
        let name = |owner: Option<&SignerId>| owner.map_or_else(|| "nobody".to_owned(), |id| id.0.clone());
        for (key, id) in &self.added {
            // What no other part of the registry has is not in the list.
            let Some(owner) = after.get(key).filter(|owner| owner.as_ref().is_none_or(|owner| owner.0 != *id)) else {
                continue;
            };
            return Ok(Err(NotDone(format!("{key} would be {}'s, and not {id}'s", name(owner.as_ref())))));
        }
        let mut claimed = Vec::new();
        for (key, owner) in self.owners.iter().filter(|(key, _)| !self.added.contains_key(key)) {
            let Some(other) = after.get(key).filter(|other| *other != owner) else { continue };
            let (from, to) = (name(owner.as_ref()), name(other.as_ref()));
            if other.is_none() || owner.as_ref().is_some_and(|owner| self.signers.signer(&owner.0).is_some()) {
                return Ok(Err(NotDone(format!("{key} would change hands, from {from} to {to}"))));
            }
            claimed.push(format!("{key} of {from} is {to}'s"));
        }
        Ok(Ok(claimed))
    }

    /// The registry as it would be.
    pub(super) fn after(&self, trusted: &TrustedFiles) -> Result<Registry, Undecided> {
        Registry::load_with(trusted, &self.folder, &self.zone, |parts| {
            parts.signers = self.signers.source().as_bytes().to_vec();
            parts.allowed_signers.clone_from(&self.allowed);
            for (name, bytes) in &self.certificates {
                let (_, file) = self.merged(trusted, name, bytes)?;
                let doing = || format!("adding to `{}`", self.folder.join(name).display());
                parts.certificates.add_file(&file).map_err(|why| Undecided::server(doing(), format!("it {why}")))?;
            }
            Ok(())
        })
    }

    /// Writes what is to be, unless somebody else changed a file meanwhile. People come before their keys: should it end
    /// halfway, nobody has a key that is not said to be theirs.
    ///
    /// # Errors
    /// See [`TrustedFiles::replace`].
    pub fn save(&self, trusted: &TrustedFiles) -> Result<(), Undecided> {
        if self.writes_signers() {
            trusted.replace(&self.folder.join(SIGNERS), self.held.as_deref(), self.signers.source().as_bytes())?;
        }
        if !self.certificates.is_empty() {
            trusted.make_folder(&self.folder.join(OPENPGP))?;
        }
        for (name, bytes) in &self.certificates {
            let (held, new) = self.merged(trusted, name, bytes)?;
            if held.as_ref() != Some(&new) {
                trusted.replace(&self.folder.join(name), held.as_deref(), &new)?;
            }
        }
        if self.writes_allowed() {
            trusted.replace(&self.folder.join(ALLOWED_SIGNERS), self.held_allowed.as_deref(), &self.allowed)?;
        }
        Ok(())
    }

    /// What a file of certificates holds, and is to hold: both are merged when they are read.
    fn merged(&self, trusted: &TrustedFiles, name: &str, new: &[u8]) -> Result<(Option<Vec<u8>>, Vec<u8>), Undecided> {
        let path = self.folder.join(name);
        let held = trusted.exists(&path)?.then(|| trusted.read(&path, Bounds::KEY_FILE)).transpose()?;
        let merged = match &held {
            None => new.to_vec(),
            Some(held) if held == new => new.to_vec(),
            // An armored block begins a line.
            Some(held) if is_armored(held) && !held.ends_with(b"\n") => [held, &b"\n"[..], new].concat(),
            Some(held) => [held, new].concat(),
        };
        Ok((held, merged))
    }
}

/// Said where an edit lets more count than before.
fn later_than(held: Option<Timestamp>, now: Timestamp) -> String {
    let held = held.filter(|&held| held < now);
    held.map(|held| format!(", and no longer from {} on: more counts than before", written(held))).unwrap_or_default()
}

fn is_armored(bytes: &[u8]) -> bool {
    bytes.first().is_some_and(|first| first & 0x80 == 0)
}

pub(super) fn owners(registry: &Registry, now: Timestamp) -> Owners {
    registry.list(now).into_iter().map(|entry| (entry.key, entry.signer)).collect()
}
