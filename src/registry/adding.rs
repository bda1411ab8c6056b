//! People and keys that come into a registry under edit.

use super::{
    Draft, NotDone,
    accounts::overlap,
    draft::owners,
    edit::{List, NewSigner},
    folder::OPENPGP,
    incoming::{Incoming, read, weakness},
    people::folded,
    window::written,
};
use crate::{
    Undecided,
    signature::{Certificates, Fingerprint},
    trusted::TrustedFiles,
};

/// A person, or what more there is of one who is known.
#[derive(Clone, Debug, Default)]
pub struct Addition {
    /// Whose id it is or is to be.
    pub id: String,
    /// For people to read.
    pub name: Option<String>,
    /// Theirs.
    pub emails: Vec<String>,
    /// What the Git server calls them.
    pub accounts: Vec<String>,
    /// Of the policy, without `@`.
    pub groups: Vec<String>,
    /// `person`, `bot` or `forge`.
    pub kind: Option<&'static str>,
    /// Theirs.
    pub keys: Vec<GivenKey>,
}

/// A key that somebody hands in.
#[derive(Clone, Debug)]
pub enum GivenKey {
    /// One that an authority certifies, or that is in the folder already.
    Fingerprint(Fingerprint),
    /// A file of public keys or certificates.
    File {
        /// What it is called.
        name: String,
        /// What is in it.
        bytes: Vec<u8>,
    },
}

impl Draft {
    /// Enters a person or more for a known one. A sentence for each thing done.
    ///
    /// # Errors
    /// The outer one: the folder cannot be read. The inner one: a key is another's or does not count, or a name is a
    /// pattern.
    pub fn add(&mut self, trusted: &TrustedFiles, new: &Addition) -> Result<Result<Vec<String>, NotDone>, Undecided> {
        let mut done = match self.add_person(new) {
            Ok(done) => done,
            Err(why) => return Ok(Err(why)),
        };
        for key in &new.keys {
            let added = match key {
                GivenKey::Fingerprint(key) => self.list_key(&new.id, key).map(|()| vec![(key.clone(), "")]),
                GivenKey::File { name, bytes } => self.add_file(&new.id, name, bytes),
            };
            match added {
                Ok(keys) => {
                    let sentence = |(key, more): (Fingerprint, &str)| format!("{key} is {}'s{more}", new.id);
                    done.extend(keys.into_iter().map(sentence));
                }
                Err(why) => return Ok(Err(why)),
            }
        }
        // Those whose names do not make them theirs are listed.
        let after = owners(&self.after(trusted)?, self.now);
        let is_theirs =
            |key: &Fingerprint| after.get(key).is_some_and(|owner| owner.as_ref().is_some_and(|id| id.0 == new.id));
        let unlisted: Vec<_> = self
            .added
            .iter()
            .filter(|(key, id)| **id == new.id && !is_theirs(key))
            .map(|(key, _)| key.clone())
            .collect();
        for key in unlisted {
            if let Err(why) = self.list_key(&new.id, &key) {
                return Ok(Err(why));
            }
        }
        Ok(Ok(done))
    }

    fn add_person(&mut self, new: &Addition) -> Result<Vec<String>, NotDone> {
        let lists = [(List::Emails, &new.emails), (List::Accounts, &new.accounts), (List::Groups, &new.groups)];
        for name in new.emails.iter().chain([&new.id]) {
            if name.is_empty() || name.contains(['*', '?', '!', ',', '"']) {
                return Err(NotDone(format!("`{name}` is a pattern or no name: a person has a whole one")));
            }
        }
        self.is_nobody_elses(new)?;
        let id = &new.id;
        let Some(place) = self.signers.signer(id) else {
            let mut entry = match self.as_entry(id) {
                Ok(known) => known,
                Err(_) if self.before.named(id).is_empty() => NewSigner { id: id.clone(), ..NewSigner::default() },
                Err(why) => return Err(why),
            };
            for (list, texts) in lists {
                match entry.lists.iter_mut().find(|(known, _)| *known == list) {
                    Some((_, known)) => known.extend(without(texts, known)),
                    None => entry.lists.push((list, texts.clone())),
                }
            }
            (entry.name, entry.kind) = (new.name.clone(), new.kind);
            self.signers.add_signer(&entry)?;
            return Ok(vec![format!("{id} has an entry")]);
        };
        let before = self.signers.source().to_owned();
        let Some(known) = self.signers.people().entry(place).map(|entry| entry.signer.clone()) else {
            return Err(NotDone(format!("nobody in the registry is `{id}`")));
        };
        if let Some(name) = new.name.as_ref().filter(|name| known.name.as_ref() != Some(name)) {
            self.signers.name(place, name)?;
        }
        if let Some(kind) = new.kind {
            self.signers.kind(place, kind)?;
        }
        for ((list, texts), known) in lists.into_iter().zip([&known.emails, &known.accounts, &known.groups]) {
            self.signers.extend(place, list, &without(texts, known))?;
        }
        let changed = before != self.signers.source();
        Ok(changed.then(|| format!("{id}'s entry has more")).into_iter().collect())
    }

    /// What two have is nobody's: neither could push or sign by it any more.
    fn is_nobody_elses(&self, new: &Addition) -> Result<(), NotDone> {
        let people = self.signers.people();
        for email in &new.emails {
            let known = people.signers(people.having(email));
            if let Some(other) = known.iter().find(|signer| signer.id.0 != new.id) {
                return Err(NotDone(format!("`{email}` is {}'s: an email has one owner", other.id.0)));
            }
        }
        for account in &new.accounts {
            let others = people.entries.iter().map(|entry| &entry.signer).filter(|signer| signer.id.0 != new.id);
            let mut holders = others.filter(|signer| signer.accounts.iter().any(|held| overlap(held, account)));
            if let Some(other) = holders.next() {
                return Err(NotDone(format!("the account `{account}` is {}'s: it has one owner", other.id.0)));
            }
        }
        Ok(())
    }

    /// Enters a file's keys; returns them, each with what there is to say.
    fn add_file(&mut self, id: &str, name: &str, bytes: &[u8]) -> Result<Vec<(Fingerprint, &'static str)>, NotDone> {
        let of_file = |why: String| NotDone(format!("`{name}` {why}"));
        let mut added = Vec::new();
        match read(bytes, self.now).map_err(of_file)? {
            Incoming::Ssh(keys) => {
                for (number, key) in keys {
                    let key = key.map_err(|why| of_file(format!("line {number} {why}")))?;
                    let fingerprint = key.fingerprint();
                    let refuse = |why: String| NotDone(format!("{fingerprint} {why}"));
                    if let Some(why) = key.unusable() {
                        return Err(refuse(weakness(&why)));
                    }
                    if self.is_had(id, &fingerprint)? {
                        added.push((fingerprint, " already"));
                        continue;
                    }
                    let principal = self.principal(id)?;
                    self.append(&format!("{principal} {} {}", key.algorithm(), key.base64()));
                    self.take(id, &fingerprint)?;
                    added.push((fingerprint, ""));
                }
            }
            Incoming::OpenPgp(summaries) => {
                let mut certificates = Certificates::default();
                certificates.add_file(bytes).map_err(of_file)?;
                let (mut first, mut is_new) = (None, false);
                for summary in summaries {
                    let key = summary.fingerprint;
                    let refuse = |why: String| NotDone(format!("{key} {why}"));
                    if summary.revoked {
                        return Err(refuse("is revoked".into()));
                    }
                    if let Some(why) = &summary.unusable {
                        return Err(refuse(weakness(why)));
                    }
                    if let Some(end) = summary.expires.filter(|&end| end <= self.now) {
                        return Err(refuse(format!("expired on {}", written(end))));
                    }
                    let is_had = self.is_had(id, &key)?;
                    first.get_or_insert_with(|| key.to_string().trim_start_matches("openpgp:").to_owned());
                    // One that is there with other contents is merged with what is new in this one.
                    if is_had && certificates.binary(&key) == self.before.certificates().binary(&key) {
                        added.push((key, " already"));
                        continue;
                    }
                    is_new = true;
                    self.take(id, &key)?;
                    added.push((key, ""));
                }
                let armored = bytes.first().is_some_and(|first| first & 0x80 == 0);
                if let Some(first) = first.filter(|_| is_new) {
                    let file = format!("{OPENPGP}/{first}.{}", if armored { "asc" } else { "pgp" });
                    self.certificates.push((file, bytes.to_vec()));
                }
            }
        }
        Ok(added)
    }

    /// Whether the key is the person's already; an error if it is another's, or is taken back.
    pub(super) fn is_had(&self, id: &str, key: &Fingerprint) -> Result<bool, NotDone> {
        if let Some(stated) = self.signers.people().states.of(key) {
            return Err(NotDone(format!("{key} is {} {}", stated.state.name(), stated.since_and_why())));
        }
        let people = self.signers.people();
        let listing = people.signers(people.listing(key));
        let owner = self.owners.get(key).cloned().flatten().map(|owner| owner.0);
        // Whom only a principal of the person's makes one is the person.
        let is_same = |owner: &String| {
            owner == id || (self.signers.signer(owner).is_none() && self.names(id).contains(&folded(owner)))
        };
        let other = listing.iter().map(|signer| signer.id.0.clone()).chain(owner.clone());
        let other = other.chain(self.added.get(key).cloned()).find(|other| !is_same(other));
        match other {
            Some(other) => Err(NotDone(format!("{key} is {other}'s: a key has one owner"))),
            None => Ok(owner.is_some() || self.added.contains_key(key)),
        }
    }

    /// Id and emails, as they are compared.
    fn names(&self, id: &str) -> Vec<String> {
        let people = self.signers.people();
        let entry = self.signers.signer(id).and_then(|place| people.entry(place));
        entry.map_or_else(Vec::new, |entry| {
            entry.signer.emails.iter().chain([&entry.signer.id.0]).map(|name| folded(name)).collect()
        })
    }

    /// What the person is called in `allowed_signers`: the first email, else the id.
    pub(super) fn principal(&self, id: &str) -> Result<String, NotDone> {
        let entry = self.signers.signer(id).and_then(|place| self.signers.people().entry(place));
        let email = entry.and_then(|entry| entry.signer.emails.first());
        let principal = email.map_or(id, String::as_str);
        let is_word = !principal.contains(|character: char| character.is_whitespace() || character.is_control());
        if is_word && !principal.starts_with('#') && !principal.contains(['*', '?', '!', ',', '"']) {
            return Ok(principal.to_owned());
        }
        Err(NotDone(format!("`{principal}` cannot be a principal in `allowed_signers`: give an email")))
    }

    /// Remembers that the key is to be the person's, and lists it where the person has a list.
    pub(super) fn take(&mut self, id: &str, key: &Fingerprint) -> Result<(), NotDone> {
        self.added.insert(key.clone(), id.to_owned());
        let entry = self.signers.signer(id).and_then(|place| self.signers.people().entry(place));
        if entry.is_some_and(|entry| entry.keys.is_some()) { self.list_key(id, key) } else { Ok(()) }
    }

    /// Puts the key into the person's `keys`. A new list holds all the person has: what is not in it is not theirs.
    pub(super) fn list_key(&mut self, id: &str, key: &Fingerprint) -> Result<(), NotDone> {
        self.is_had(id, key)?;
        let place = self.signers.signer(id);
        let Some((place, entry)) = place.and_then(|place| Some((place, self.signers.people().entry(place)?))) else {
            return Err(NotDone(format!("nobody in the registry is `{id}`")));
        };
        let keys = match &entry.keys {
            Some(keys) if keys.contains(key) => Vec::new(),
            Some(_) => vec![key.to_string()],
            None => {
                let names = self.names(id);
                if names.iter().any(|name| self.before.book().allowed.certifies(name)) {
                    return Err(NotDone(format!(
                        "an authority certifies keys of {id}, and a list of `keys` would shut those out: write it by hand"
                    )));
                }
                let is_theirs = |owner: &str| {
                    owner == id || (self.signers.signer(owner).is_none() && names.contains(&folded(owner)))
                };
                let had =
                    self.owners.iter().filter(|(_, owner)| owner.as_ref().is_some_and(|owner| is_theirs(&owner.0)));
                let added = self.added.iter().filter(|(_, owner)| *owner == id).map(|(key, _)| key);
                let mut keys: Vec<_> =
                    had.map(|(key, _)| key).chain(added).chain([key]).map(ToString::to_string).collect();
                keys.sort();
                keys.dedup();
                keys
            }
        };
        self.added.insert(key.clone(), id.to_owned());
        Ok(self.signers.extend(place, List::Keys, &keys)?)
    }

    pub(super) fn append(&mut self, line: &str) {
        if self.allowed.last().is_some_and(|&last| last != b'\n') {
            self.allowed.push(b'\n');
        }
        self.allowed.extend_from_slice(line.as_bytes());
        self.allowed.push(b'\n');
    }
}

fn without(texts: &[String], known: &[String]) -> Vec<String> {
    texts.iter().filter(|text| !known.contains(text)).cloned().collect()
}
