//! `registry check`: what an administrator should know. None of it stops other people's pushes.

use super::{
    Registry,
    accounts::on_each_server,
    allowed_signers::Role,
    book::Holding,
    folder::SIGNERS,
    key_states::KeyState,
    keyring::Keyring,
    people::{Entry, folded},
    resolution::one,
    window::{Moment, written},
};
use crate::{
    push::Timestamp,
    signature::{
        Fingerprint, Unusable,
        openpgp::{CertificateSummary, OfOtherVersion},
    },
};
use std::{
    collections::{BTreeMap, HashSet},
    iter,
};

/// Whoever writes a later time than this, in seconds, likely meant another: two years.
const FAR_AHEAD: i64 = 2 * 365 * 86_400;

/// Something that does not do what it looks like.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Lint {
    /// The path of the file, or folder of certificates.
    pub file: String,
    /// Counted from one.
    pub line: Option<usize>,
    /// One sentence, lower case; it may quote the file.
    pub what: String,
}

impl Registry {
    /// Every line that grants nothing, every key whose owner is ambiguous, and what else is of no effect.
    pub fn check(&self, now: Timestamp) -> Vec<Lint> {
        let mut lints: Vec<_> = self.unused.iter().map(|name| self.unused(name)).collect();
        lints.extend(self.people(now));
        let grants_nothing = self
            .book()
            .allowed
            .unreadable
            .iter()
            .map(|line| (line.number, format!("this line grants nothing: it {}", line.what)));
        let mut lines: Vec<_> = grants_nothing
            .chain(self.ambiguous_keys(now))
            .chain(self.unusable_keys())
            .chain(self.revoked_keys())
            .collect();
        lines.sort();
        lints.extend(lines.into_iter().map(|(line, what)| self.lint("allowed_signers", Some(line), what)));
        lints.extend(self.openpgp(now));
        lints
    }

    fn lint(&self, file: &str, line: Option<usize>, what: String) -> Lint {
        Lint { file: self.folder.join(file).display().to_string(), line, what }
    }

    fn unused(&self, name: &str) -> Lint {
        let what = match name {
            "x509" | "sigstore" => "this version does not support it: nobody is trusted for what it holds",
            _ => "it is no part of a registry, and is not read",
        };
        self.lint(name, None, what.into())
    }

    fn people(&self, now: Timestamp) -> Vec<Lint> {
        let entries = &self.shelf.people.entries;
        let mut lints = Vec::new();
        let at = |entry: &Entry, what| self.lint(SIGNERS, Some(entry.line), what);
        for (sort, names) in [
            ("email", shared(entries, |entry| entry.signer.emails.iter().map(|email| folded(email)).collect())),
            ("account", shared_accounts(entries)),
            ("key", shared(entries, |entry| entry.keys.iter().flatten().map(ToString::to_string).collect())),
        ] {
            for (name, sharers) in names {
                let ids: Vec<_> = sharers.iter().map(|entry| format!("`{}`", entry.signer.id.0)).collect();
                let what =
                    format!("the {sort} `{name}` is of {}; what has no other owner is nobody's", ids.join(" and "));
                lints.extend(sharers.last().map(|last| at(last, what)));
            }
        }
        let held = self.held_keys();
        for entry in entries {
            for key in entry.keys.iter().flatten().filter(|key| !held.contains(key)) {
                let what = format!("`{}` lists {key}, which no other part of the registry has", entry.signer.id.0);
                lints.push(at(entry, what));
            }
        }
        for entry in entries {
            let Some(until) = entry.signer.until.filter(|&until| until <= now) else { continue };
            if !entry.signer.groups.is_empty() {
                let groups: Vec<_> = entry.signer.groups.iter().map(|group| format!("`{group}`")).collect();
                let (id, until) = (&entry.signer.id.0, written(until));
                lints.push(at(entry, format!("`{id}` left on {until}, and is still in {}", groups.join(", "))));
            }
        }
        lints.extend(self.stated_keys(&held, now));
        lints.sort_by_key(|lint| lint.line);
        lints
    }

    fn stated_keys(&self, held: &HashSet<Fingerprint>, now: Timestamp) -> Vec<Lint> {
        let mut lints = Vec::new();
        for stated in &self.shelf.people.states.keys {
            let (key, state, since) = (&stated.fingerprint, stated.state.name(), written(stated.since));
            let mut lint = |what| lints.push(self.lint(SIGNERS, Some(stated.line), what));
            if !held.contains(key) {
                lint(format!(
                    "{key} is {state}, and no other part of the registry has it: right for a key that an authority \
                     certified, or that was taken out; else look at the fingerprint again"
                ));
            }
            match stated.state {
                KeyState::Compromised if stated.since > now => {
                    lint(format!("{key} is compromised from {since} on, which is still to come: it counts until then"));
                }
                KeyState::Retired if stated.since.0 > now.0.saturating_add(FAR_AHEAD) => {
                    lint(format!("{key} is retired from {since} on, which is years ahead: it counts until then"));
                }
                KeyState::Compromised | KeyState::Retired => {}
            }
        }
        lints
    }

    /// Certified keys are not among them: any key may be certified.
    pub(super) fn held_keys(&self) -> HashSet<Fingerprint> {
        let mut held: HashSet<_> = self.book().allowed.lines.iter().map(|line| line.key.clone()).collect();
        for summary in self.certificates.summaries(super::keyring::LATEST) {
            held.insert(summary.fingerprint);
            held.extend(summary.keys);
        }
        held
    }

    fn ambiguous_keys(&self, now: Timestamp) -> impl Iterator<Item = (usize, String)> {
        self.book().allowed.keys.iter().filter_map(move |(key, places)| {
            let owner = match self.book().holding(places, &Moment::plain(now)) {
                Holding::All => self.book().owners.get(key).cloned()?,
                Holding::Some(places) => self.book().roster.of_key(key, places.into_iter()),
                Holding::None | Holding::Over(_) => return None,
            };
            let line = places.last().and_then(|&place| self.book().allowed.lines.get(place))?;
            owner.err().map(|why| (line.number, format!("{key} is nobody's: {why}")))
        })
    }

    fn unusable_keys(&self) -> impl Iterator<Item = (usize, String)> {
        let lines = self.book().allowed.lines.iter();
        lines.filter_map(|line| Some((line.number, unusable(&line.key, line.unusable.as_ref()?))))
    }

    fn revoked_keys(&self) -> impl Iterator<Item = (usize, String)> {
        let lines = self.book().allowed.lines.iter();
        lines.filter(|line| self.revoked.holds_named(&line.key, &line.sha1)).map(|line| {
            let nothing = match line.role {
                Role::Signer => "nothing that it signs counts",
                Role::Authority => "nothing that it certified counts",
            };
            (line.number, format!("{} is revoked: {nothing}", line.key))
        })
    }

    fn openpgp(&self, now: Timestamp) -> Vec<Lint> {
        let keyring = self.keyring(Some(now));
        let unreadable = self.certificates.unreadable().into_iter();
        let mut lints: Vec<_> = unreadable
            .map(|certificate| {
                let what = format!("{certificate} cannot be read: nobody is trusted for it");
                self.lint("openpgp", None, what)
            })
            .collect();
        for (file, OfOtherVersion { number, version, user }) in &self.of_other_versions {
            let user = user.as_ref().map(|user| format!(", of `{user}`,")).unwrap_or_default();
            let what = format!(
                "certificate number {number} in it{user} is of version {version}, and not read: nothing that its keys sign counts"
            );
            lints.push(self.lint(file, None, what));
        }
        for (certificate, email) in &keyring.contested {
            let what = format!(
                "{certificate} claims `{email}`, which another key may have too: it is not known by that; settle it in {SIGNERS}"
            );
            lints.push(self.lint("openpgp", None, what));
        }
        let summaries = self.certificates.summaries(now);
        lints.extend(shared_subkeys(&summaries, keyring).map(|what| self.lint("openpgp", None, what)));
        for summary in summaries {
            lints.extend(about(&summary).into_iter().map(|what| self.lint("openpgp", None, what)));
            if let Err(why) = keyring.of_certificate(&summary.fingerprint) {
                lints.push(self.lint("openpgp", None, format!("{} is nobody's: {why}", summary.fingerprint)));
            }
        }
        lints
    }
}

/// What is to be said of one certificate, whosever it is.
fn about(summary: &CertificateSummary) -> Vec<String> {
    let certificate = &summary.fingerprint;
    let mut found: Vec<_> = summary.unusable.iter().map(|why| unusable(certificate, why)).collect();
    let revokers: Vec<_> = summary.revokers.iter().map(ToString::to_string).collect();
    if !revokers.is_empty() {
        let there = if summary.revoked_by_revoker { " (one is there)" } else { "" };
        found.push(format!(
            "{certificate} lets {} revoke it, whose revocations are not honoured{there}: say so by a `[[key]]` in {SIGNERS}",
            revokers.join(" and ")
        ));
    }
    found
}

/// Subkeys that certificates of several people hold.
fn shared_subkeys(summaries: &[CertificateSummary], keyring: &Keyring) -> impl Iterator<Item = String> {
    let mut holders: BTreeMap<&Fingerprint, Vec<&Fingerprint>> = BTreeMap::new();
    for summary in summaries {
        for key in summary.keys.iter().filter(|key| **key != summary.fingerprint) {
            holders.entry(key).or_default().push(&summary.fingerprint);
        }
    }
    holders.into_iter().filter(|(_, holders)| holders.len() > 1).filter_map(|(key, holders)| {
        let owners: Result<Vec<_>, _> = holders.into_iter().map(|holder| keyring.of_certificate(holder)).collect();
        let why = owners.and_then(|owners| one(owners.into_iter(), iter::empty())).err()?;
        Some(format!("{key} is nobody's: {why}"))
    })
}

fn unusable(key: &Fingerprint, why: &Unusable) -> String {
    match why {
        Unusable::Weak(what) => format!("{key} is weak ({what}): nothing that it signs counts"),
        Unusable::Unsupported(what) => format!("{key} is of a kind that is not supported ({what})"),
        Unusable::NoSigningKey => format!("{key} has no key that may sign"),
    }
}

/// By the bare name, where it is that of several on some kind of server: `alice` is also `gitlab:alice`.
fn shared_accounts(entries: &[Entry]) -> BTreeMap<String, Vec<&Entry>> {
    let on_servers = |entry: &Entry| entry.signer.accounts.iter().flat_map(|claim| on_each_server(claim)).collect();
    let mut found: BTreeMap<String, Vec<&Entry>> = BTreeMap::new();
    for (on_server, sharers) in shared(entries, on_servers) {
        let name = on_server.split_once(':').map_or("", |(_, name)| name).to_owned();
        let known = found.entry(name).or_default();
        for sharer in sharers {
            if !known.iter().any(|other| other.line == sharer.line) {
                known.push(sharer);
            }
        }
    }
    found
}

/// What several entries have.
fn shared(entries: &[Entry], names: impl Fn(&Entry) -> Vec<String>) -> BTreeMap<String, Vec<&Entry>> {
    let mut sharers: BTreeMap<String, Vec<&Entry>> = BTreeMap::new();
    for entry in entries {
        let own: HashSet<String> = names(entry).into_iter().collect();
        for name in own {
            sharers.entry(name).or_default().push(entry);
        }
    }
    sharers.retain(|_, sharers| sharers.len() > 1);
    sharers
}
