//! Keys of many people that come into a registry under edit, from files that another program keeps.

use super::{
    Draft, NotDone, SignerId,
    allowed_signers::{AllowedSigners, Line, Role},
    draft::owners,
    edit::{List, NewSigner},
    folder::OPENPGP,
    incoming::{Incoming, read, refuse_private, weakness, without_mark},
    people::folded,
    window::written,
};
use crate::{
    Undecided,
    signature::{Certificates, Fingerprint, ssh::is_key_type},
    trusted::TrustedFiles,
};
use std::collections::BTreeSet;

/// Keys of one import: whoever has more imports them in parts, and reads what is told of each.
const MOST_KEYS: usize = 1000;

/// A key that is to come in.
struct Candidate {
    key: Fingerprint,
    /// Whose names it bears, the one that counts first.
    names: Vec<String>,
    /// Why it does not come in.
    why_not: Option<String>,
    what: What,
}

enum What {
    /// A line for `allowed_signers`; without a principal where the person's is to be put before it.
    Line { text: String, has_principal: bool },
    /// A binary certificate.
    Certificate(Vec<u8>),
}

impl Draft {
    /// Enters the keys of an `allowed_signers`, a forge's list of keys or an OpenPGP keyring. `person`: whose all are; else
    /// each is its principal's or user ID's. Those that do not count or are another's are skipped; a sentence for each key.
    ///
    /// # Errors
    /// The outer one: the folder cannot be read. The inner one: the file cannot be, or a person cannot be entered.
    pub fn import(
        &mut self,
        trusted: &TrustedFiles,
        name: &str,
        bytes: &[u8],
        person: Option<&str>,
    ) -> Result<Result<Vec<String>, NotDone>, Undecided> {
        let (candidates, mut told) = match self.candidates(bytes) {
            Ok(found) => found,
            Err(why) => return Ok(Err(NotDone(format!("`{name}` {why}")))),
        };
        if candidates.len() + told.len() > MOST_KEYS {
            return Ok(Err(NotDone(format!("`{name}` holds more than {MOST_KEYS} keys: import it in parts"))));
        }
        for candidate in candidates {
            let key = candidate.key.clone();
            told.push(match self.import_one(candidate, person) {
                Ok(Ok(id)) => format!("imported {key} as {id}'s"),
                Ok(Err(why)) => format!("skipped {key}: it {why}"),
                Err(why) => return Ok(Err(why)),
            });
        }
        let after = owners(&self.after(trusted)?, self.now);
        let is_whose = |key: &Fingerprint, id: &String| {
            after.get(key).is_some_and(|owner| owner.as_ref().is_some_and(|owner| owner.0 == *id))
        };
        let unlisted: Vec<_> = self
            .added
            .iter()
            .filter(|(key, id)| !is_whose(key, id))
            .map(|(key, id)| (key.clone(), id.clone()))
            .collect();
        for (key, id) in unlisted {
            if let Err(why) = self.list_key(&id, &key) {
                return Ok(Err(why));
            }
        }
        Ok(Ok(told))
    }

    /// The inner result: whose it is now, or why it is skipped.
    fn import_one(&mut self, new: Candidate, person: Option<&str>) -> Result<Result<String, String>, NotDone> {
        if let Some(why) = new.why_not {
            return Ok(Err(why));
        }
        let id = match (person, new.names.first()) {
            (Some(person), _) => person.to_owned(),
            (None, Some(name)) => match self.whose(name) {
                Ok(id) => id,
                Err(why) => return Ok(Err(why)),
            },
            (None, None) => return Ok(Err("names nobody: say whose it is with --for".into())),
        };
        match self.is_had(&id, &new.key) {
            Ok(true) => return Ok(Err(format!("is {id}'s already"))),
            Ok(false) => {}
            Err(NotDone(why)) => {
                return Ok(Err(why.strip_prefix(&format!("{} ", new.key)).unwrap_or(&why).to_owned()));
            }
        }
        if let (What::Certificate(_), None) = (&new.what, person)
            && let Some(name) = new.names.iter().find(|name| self.is_settled(&id, name))
        {
            return Ok(Err(format!(
                "claims to be `{name}`'s, who is known already, and any key can claim that: say whose it is with --for"
            )));
        }
        self.enter(&id, &new.names, person.is_some())?;
        match new.what {
            What::Line { text, has_principal: true } => self.append(&text),
            What::Line { text, has_principal: false } => {
                let principal = self.principal(&id)?;
                self.append(&format!("{principal} {text}"));
            }
            What::Certificate(bytes) => {
                let file = new.key.to_string().trim_start_matches("openpgp:").to_owned();
                self.certificates.push((format!("{OPENPGP}/{file}.pgp"), bytes));
            }
        }
        self.take(&id, &new.key)?;
        Ok(Ok(id))
    }

    /// Whose a name is, or is to be.
    fn whose(&self, name: &str) -> Result<String, String> {
        let people = self.signers.people();
        let having = people.signers(people.having(name));
        match having.as_slice() {
            [] => Ok(name.to_owned()),
            [one] => Ok(one.id.0.clone()),
            _ => Err(format!("bears the name `{name}`, which several people have: say whose it is with --for")),
        }
    }

    /// Whether it is known without a certificate's word whose name this is: another's than `id`'s, or that of one who has
    /// keys, or whose keys an authority certifies.
    fn is_settled(&self, id: &str, name: &str) -> bool {
        let is_another = |other: &SignerId| other.0 != id;
        let in_file = self.signers.people().signers(self.signers.people().having(name));
        let known = in_file.iter().map(|signer| signer.id.clone()).chain(self.before.named(name));
        let has_keys =
            self.owners.values().flatten().any(|owner| owner.0 == id) || self.added.values().any(|owner| owner == id);
        has_keys || known.into_iter().any(|other| is_another(&other)) || self.before.book().allowed.certifies(name)
    }

    /// Makes an entry for who has none. It lists the keys, so that no other that bears the name becomes theirs; not where
    /// an authority certifies such keys.
    fn enter(&mut self, id: &str, names: &[String], is_given: bool) -> Result<(), NotDone> {
        if self.signers.signer(id).is_some() {
            return Ok(());
        }
        let mut lists = Vec::new();
        let more = names.iter().any(|name| folded(name) != folded(id));
        if more && !is_given {
            lists.push((List::Emails, names.to_vec()));
        }
        let allowed = &self.before.book().allowed;
        if !names.iter().map(String::as_str).chain([id]).any(|name| allowed.certifies(name)) {
            let id = SignerId(id.to_owned());
            let had = self.owners.iter().filter(|(_, owner)| owner.as_ref() == Some(&id));
            let keys: Vec<_> = had.map(|(key, _)| key.to_string()).collect();
            lists.push((List::Keys, keys));
        }
        let pinned = lists.iter().any(|(list, keys)| *list == List::Keys && keys.is_empty());
        self.signers.add_signer(&NewSigner { id: id.to_owned(), lists, ..NewSigner::default() })?;
        // An empty list is left out above, and has to be there for the key that comes next.
        if pinned {
            let place = self.signers.signer(id).ok_or_else(|| NotDone(format!("nobody in the registry is `{id}`")))?;
            self.signers.empty_keys(place)?;
        }
        Ok(())
    }

    /// What the file holds, and what is told of lines that are no keys.
    fn candidates(&self, bytes: &[u8]) -> Result<(Vec<Candidate>, Vec<String>), String> {
        refuse_private(bytes)?;
        let bytes = without_mark(bytes);
        let first = || {
            let text = String::from_utf8_lossy(bytes);
            let line = text.lines().map(str::trim).find(|line| !line.is_empty() && !line.starts_with('#'));
            line.is_some_and(|line| line.split_ascii_whitespace().next().is_some_and(is_key_type))
        };
        let is_openpgp = bytes.first().is_some_and(|first| first & 0x80 != 0)
            || memchr::memmem::find(bytes, b"-----BEGIN ").is_some();
        if is_openpgp || first() { self.plain(bytes) } else { self.lines(bytes) }
    }

    fn plain(&self, bytes: &[u8]) -> Result<(Vec<Candidate>, Vec<String>), String> {
        let (mut found, mut told) = (Vec::new(), Vec::new());
        match read(bytes, self.now)? {
            Incoming::Ssh(keys) => {
                for (number, key) in keys {
                    match key {
                        Err(why) => told.push(format!("skipped line {number}: it {why}")),
                        Ok(key) => found.push(Candidate {
                            key: key.fingerprint(),
                            names: Vec::new(),
                            why_not: key.unusable().as_ref().map(weakness),
                            what: What::Line {
                                text: format!("{} {}", key.algorithm(), key.base64()),
                                has_principal: false,
                            },
                        }),
                    }
                }
            }
            Incoming::OpenPgp(summaries) => {
                let mut certificates = Certificates::default();
                certificates.add_file(bytes)?;
                for summary in summaries {
                    let expired = summary.expires.filter(|&end| end <= self.now);
                    let why_not = match (&summary.unusable, expired) {
                        _ if summary.revoked => Some("is revoked".to_owned()),
                        (Some(why), _) => Some(weakness(why)),
                        (None, Some(end)) => Some(format!("expired on {}", written(end))),
                        (None, None) => None,
                    };
                    let bytes = certificates.binary(&summary.fingerprint).unwrap_or_default();
                    found.push(Candidate {
                        key: summary.fingerprint,
                        names: summary.emails,
                        why_not,
                        what: What::Certificate(bytes),
                    });
                }
            }
        }
        Ok((found, told))
    }

    fn lines(&self, bytes: &[u8]) -> Result<(Vec<Candidate>, Vec<String>), String> {
        let text = std::str::from_utf8(bytes).map_err(|_| "holds neither SSH keys nor OpenPGP certificates")?;
        let lines: Vec<_> = text.lines().collect();
        let allowed = AllowedSigners::read((1..).zip(lines.iter().copied()), self.zone());
        let told =
            allowed.unreadable.iter().map(|line| format!("skipped line {}: it {}", line.number, line.what)).collect();
        let mut keys = BTreeSet::new();
        let found: Vec<_> = allowed
            .lines
            .iter()
            .map(|line| Candidate {
                key: line.key.clone(),
                names: line.principals.names().into_iter().map(str::to_owned).collect(),
                why_not: self.why_not(line, !keys.insert(line.key.clone())),
                what: What::Line {
                    text: lines
                        .get(line.number.saturating_sub(1))
                        .map(|line| line.trim().to_owned())
                        .unwrap_or_default(),
                    has_principal: true,
                },
            })
            .collect();
        if found.is_empty() && allowed.unreadable.is_empty() { Err("holds no key".into()) } else { Ok((found, told)) }
    }

    fn why_not(&self, line: &Line, again: bool) -> Option<String> {
        let end = line.window.end().filter(|&end| end < self.now);
        match (&line.unusable, end) {
            _ if again => Some("is on another line, too".to_owned()),
            _ if line.role == Role::Authority => {
                Some("is an authority, which certifies others: enter it by hand".to_owned())
            }
            _ if line.principals.admits_unnamed() || line.principals.names().is_empty() => {
                Some(format!("is whoever matches the pattern `{}`", line.principals.0))
            }
            _ if line.principals.names().iter().any(|name| is_option(name)) => {
                Some("has options of `authorized_keys` in the place of names: take them out".to_owned())
            }
            _ if !line.admits_git() => Some("is for other uses: its `namespaces` leave out `git`".to_owned()),
            (Some(why), _) => Some(weakness(why)),
            (None, Some(end)) => Some(format!("expired on {}", written(end))),
            (None, None) => None,
        }
    }
}

/// Whether `authorized_keys` has such an option (sshd(8)): what begins a line there, where an `allowed_signers` names people.
fn is_option(name: &str) -> bool {
    const OPTIONS: [&str; 6] = ["restrict", "pty", "user-rc", "verify-required", "agent-forwarding", "port-forwarding"];
    let name = name.to_ascii_lowercase();
    let is_taken_back = name.strip_prefix("no-").is_some_and(|option| !option.contains('@'));
    is_taken_back || name.contains('=') || name == "x11-forwarding" || OPTIONS.contains(&&*name)
}
