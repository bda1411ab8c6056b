//! What was taken back after an emergency, as far as it shows: in the record, or in the messages of later commits.

use super::{read, record};
use crate::{
    Undecided,
    git::{ObjectKind, Quarantine, Repository, Selection},
    ledger::Ledger,
    object::Commit,
    push::{ObjectId, RefName},
    report::register::{RefChange, Revert},
};
use std::{
    collections::{BTreeMap, BTreeSet},
    ffi::OsStr,
    os::unix::ffi::OsStrExt,
    path::Path,
};

/// How git-revert(1) begins the sentence that names a commit.
const SENTENCE: &[u8] = b"This reverts commit ";

/// The repositories of the ledger, opened as they are needed.
pub(super) struct Reverts<'a> {
    ledger: &'a Ledger,
    /// `None` where it cannot be read.
    repositories: BTreeMap<Vec<u8>, Option<Repository>>,
    /// What commits of a ref say, by the repository's path and the ref.
    said: BTreeMap<(Vec<u8>, RefName), Vec<Said>>,
}

/// A commit says that it reverts another.
#[derive(Clone, Copy)]
struct Said {
    commit: ObjectId,
    reverts: ObjectId,
}

impl<'a> Reverts<'a> {
    pub(super) fn of(ledger: &'a Ledger) -> Self {
        Self { ledger, repositories: BTreeMap::new(), said: BTreeMap::new() }
    }

    /// What shows of a change that record `number` completed, and that brought these objects.
    pub(super) fn found(
        &mut self,
        number: u64,
        change: &RefChange,
        objects: &[ObjectId],
    ) -> Result<Vec<Revert>, Undecided> {
        let mut found = Vec::new();
        let place = Path::new(OsStr::from_bytes(&change.repository));
        if let Some(back) = self.ledger.had_value(place, &change.name, change.old, number)? {
            let entry = read(self.ledger, back)?;
            found.push(Revert::SetBack(record(&entry), entry.kind().to_owned()));
        }
        let brought: BTreeSet<_> = objects.iter().chain(&change.new).copied().collect();
        let said = self.said(change)?;
        let named: Vec<_> = said.iter().filter(|said| brought.contains(&said.reverts)).copied().collect();
        for Said { commit, reverts } in named {
            let received = self.ledger.memory(place)?.received(commit)?;
            found.push(Revert::Commit { commit, reverts, received });
        }
        Ok(found)
    }

    /// Repositories in which nothing could be looked for.
    pub(super) fn unread(&self) -> Vec<Vec<u8>> {
        self.repositories.iter().filter(|(_, opened)| opened.is_none()).map(|(path, _)| path.clone()).collect()
    }

    /// What the commits that a ref holds say: those since its first emergency, which is asked about first.
    fn said(&mut self, change: &RefChange) -> Result<&[Said], Undecided> {
        let key = (change.repository.clone(), change.name.clone());
        if !self.said.contains_key(&key) {
            let opened = self.repositories.entry(change.repository.clone()).or_insert_with(|| {
                let place = Path::new(OsStr::from_bytes(&change.repository));
                Repository::open(place, &Quarantine::default()).ok()
            });
            let said = match opened.as_ref().map(|repository| said_in(repository, change)) {
                Some(Ok(said)) => said,
                // Part of it is gone or damaged: then nothing is known of it, which is told.
                Some(Err(_)) => {
                    *opened = None;
                    Vec::new()
                }
                None => Vec::new(),
            };
            self.said.insert(key.clone(), said);
        }
        Ok(self.said.get(&key).map_or(&[], Vec::as_slice))
    }
}

fn said_in(repository: &Repository, change: &RefChange) -> Result<Vec<Said>, Undecided> {
    let values = repository.ref_values(std::slice::from_ref(&change.name))?;
    let Some(&value) = values.get(&change.name) else { return Ok(Vec::new()) };
    let Some((tip, ObjectKind::Commit)) = repository.peel(value)?.target else { return Ok(Vec::new()) };
    let selection = Selection { tip, old: None, baselines: change.new.into_iter().collect(), first_parent: false };
    let mut said = Vec::new();
    repository.walk(&selection, &mut |selected| {
        let commit =
            selected.bytes.filter(|_| selected.gained).and_then(|bytes| Commit::parse(bytes, repository.format()).ok());
        for reverts in commit.iter().flat_map(|commit| named(commit.message)) {
            said.push(Said { commit: selected.id, reverts });
        }
        Ok(())
    })?;
    Ok(said)
}

/// The commits that a message says it reverts.
fn named(message: &[u8]) -> Vec<ObjectId> {
    let lines = message.split(|&byte| byte == b'\n');
    let ids = lines.filter_map(|line| {
        let rest = line.strip_prefix(SENTENCE)?;
        let end = rest.iter().position(|byte| !byte.is_ascii_hexdigit()).unwrap_or(rest.len());
        ObjectId::from_hex(rest.get(..end)?)
    });
    ids.collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_message_names_what_it_reverts() {
        let (one, two) = ("1".repeat(40), "2".repeat(40));
        let message = format!(
            "Revert \"x\"\n\nThis reverts commit {one}.\nThis reverts commit {two}, reversing\nchanges made to {one}.\n \
             This reverts commit {one}\nThis reverts commit 123.\n"
        );
        let found = named(message.as_bytes());
        assert_eq!(found.iter().map(ToString::to_string).collect::<Vec<_>>(), [one, two]);
        assert_eq!(named(b"This reverts commit"), []);
    }
}
