//! What a key has signed that was let in: what a compromise puts in doubt.

use super::super::kept;
use crate::{
    Undecided,
    cli::Common,
    git::{ObjectKind, Quarantine, Repository, Selection, Settled, Trusted, Walk},
    ledger::{Bringing, Entry, Ledger, Subject, Wanted, bytes, bytes_of},
    push::{ObjectId, ObjectIdSet, Timestamp},
    report::escaped,
    signature::Fingerprint,
};
use serde_json::{Value, json};
use std::{
    collections::{BTreeMap, HashSet},
    ffi::OsStr,
    os::unix::ffi::OsStrExt,
    path::{Path, PathBuf},
};

/// Records that are read together.
const TOGETHER: usize = 256;

/// What is recorded of a key.
pub(super) struct Impact {
    decisions: Vec<Brought>,
    refs: Vec<Holder>,
    /// Repositories that could not be looked into, and why.
    unread: Vec<(Vec<u8>, String)>,
}

/// A decision that brought what the key signed.
struct Brought {
    entry: Entry,
    /// The folder of the ledger that it is in, where another continues that one.
    former: Option<PathBuf>,
    is_before: bool,
    objects: usize,
}

/// A ref in whose reach there is what would be refused now.
struct Holder {
    repository: Vec<u8>,
    name: Vec<u8>,
    objects: usize,
    example: ObjectId,
}

impl Impact {
    /// From the ledger, and the repositories as they are. `None` if there is no ledger.
    pub(super) fn of(
        common: &Common,
        named: Option<&Path>,
        key: &Fingerprint,
        since: Timestamp,
    ) -> Result<Option<Self>, Undecided> {
        let Some(ledger) = kept::if_there(common, named)? else { return Ok(None) };
        let mut impact = Self { decisions: Vec::new(), refs: Vec::new(), unread: Vec::new() };
        let mut doubtful: BTreeMap<Vec<u8>, ObjectIdSet> = BTreeMap::new();
        let key = key.to_string();
        let wanted = Wanted {
            conditions: vec![vec![Subject::Key(key.clone()), Subject::UnknownKey(key.clone())]],
            ..Wanted::default()
        };
        for (age, ledger) in ledger.chain()?.into_iter().enumerate() {
            let former = (age > 0).then(|| ledger.folder().to_owned());
            let mut before = None;
            loop {
                let numbers = ledger.find(&wanted, before, TOGETHER)?;
                let Some(last) = numbers.last() else { break };
                before = Some(*last);
                for number in numbers {
                    let Some(entry) = ledger.entry(number)? else { continue };
                    let objects = signed(ledger, &entry, &key)?;
                    // What was refused, or what git did not do, brought nothing.
                    if objects.is_empty() || ledger.state(number)?.as_deref() == Some("failed") {
                        continue;
                    }
                    let is_before = entry.moment_that_counts() < since;
                    if !is_before {
                        let repository = entry.some("repository").and_then(bytes_of).unwrap_or_default();
                        doubtful.entry(repository).or_default().extend(&objects);
                    }
                    impact.decisions.push(Brought { entry, former: former.clone(), is_before, objects: objects.len() });
                }
            }
        }
        for (path, objects) in doubtful {
            if let Err(undecided) = impact.look_into(&ledger, &path, &objects, since) {
                impact.unread.push((path, undecided.to_string()));
            }
        }
        Ok(Some(impact))
    }

    /// Which refs of a repository hold any of these objects.
    fn look_into(
        &mut self,
        ledger: &Ledger,
        path: &[u8],
        objects: &ObjectIdSet,
        since: Timestamp,
    ) -> Result<(), Undecided> {
        let place = Path::new(OsStr::from_bytes(path));
        let repository = Repository::open(place, &Quarantine::default())?;
        let memory = ledger.memory(place)?;
        // Nothing in reach of what was received before can be of what was received first since then.
        let was_before = |id| Ok(memory.received(id)?.is_some_and(|received| received < since));
        for (name, value) in repository.all_refs()? {
            let peeled = repository.peel(value)?;
            let mut found: Vec<ObjectId> =
                peeled.layers.iter().map(|(tag, _)| *tag).filter(|tag| objects.contains(tag)).collect();
            if let Some((tip, ObjectKind::Commit)) = peeled.target {
                let selection = Selection { tip, old: None, baselines: Vec::new(), first_parent: false };
                let known = ObjectIdSet::default();
                let mut visit = |commit: crate::git::Selected<'_>| {
                    found.extend(objects.contains(&commit.id).then_some(commit.id));
                    Ok(())
                };
                let mut walk = Walk::new(&repository, &known, &selection, Settled::Apart)?;
                walk.through_new(&mut visit)?;
                walk.through_settled(&Trusted { tips: &[], holds: &was_before }, &mut visit)?;
            }
            let found: HashSet<_> = found.into_iter().collect();
            if let Some(&example) = found.iter().min() {
                let (repository, name) = (path.to_vec(), name.as_bytes().to_vec());
                self.refs.push(Holder { repository, name, objects: found.len(), example });
            }
        }
        Ok(())
    }

    /// For people, a line each.
    pub(super) fn lines(&self) -> Vec<String> {
        let shown = |bytes: &[u8]| escaped(&String::from_utf8_lossy(bytes));
        let mut lines = Vec::new();
        if self.decisions.is_empty() {
            lines.push("no record says that anything signed by it was let in".to_owned());
        }
        for Brought { entry, former, is_before, objects } in &self.decisions {
            let of = former.as_ref().map(|former| escaped(&format!(" of the ledger in {}", former.display())));
            let place = |key| entry.some(key).and_then(bytes_of).map(|bytes| shown(&bytes)).unwrap_or_default();
            let said = |key| entry.some("pusher").and_then(|pusher| pusher.get(key)).and_then(Value::as_str);
            let pusher = said("id").map(escaped).or(said("account").map(|account| format!("({})", escaped(account))));
            lines.push(format!(
                "{}  record {}{}, {}: {objects} signed by it, to {} of {}, pushed by {}",
                if *is_before { "before" } else { "after " },
                entry.number(),
                of.unwrap_or_default(),
                crate::ledger::moment(entry.moment_that_counts()),
                place("ref"),
                place("repository"),
                pusher.unwrap_or_else(|| "(unknown)".to_owned()),
            ));
        }
        for Holder { repository, name, objects, example } in &self.refs {
            let (name, repository) = (shown(name), shown(repository));
            lines.push(format!(
                "held    {name} of {repository}: {objects} that would be refused now, such as {}",
                example.short()
            ));
        }
        let unread = self.unread.iter();
        lines.extend(unread.map(|(path, why)| format!("unread  {}: {}", shown(path), escaped(why))));
        lines
    }

    pub(super) fn to_json(&self) -> Value {
        let decisions = self.decisions.iter().map(|Brought { entry, former, is_before, objects }| {
            json!({
                "record": entry.number(), "former": former.as_ref().map(|former| former.to_string_lossy()), "time": crate::ledger::moment(entry.moment_that_counts()),
                "before": is_before, "objects": objects, "repository": entry.some("repository"), "ref": entry.some("ref"),
                "pusher": entry.some("pusher"),
            })
        });
        let refs = self.refs.iter().map(|Holder { repository, name, objects, example }| {
            json!({
                "repository": bytes(repository), "ref": bytes(name), "objects": objects, "example": example.to_string(),
            })
        });
        let unread = self.unread.iter().map(|(path, why)| json!({ "repository": bytes(path), "why": why }));
        json!({
            "decisions": decisions.collect::<Vec<_>>(), "refs": refs.collect::<Vec<_>>(),
            "unread": unread.collect::<Vec<_>>(),
        })
    }
}

/// What a decision brought that the key signed.
fn signed(ledger: &Ledger, entry: &Entry, key: &str) -> Result<Vec<ObjectId>, Undecided> {
    let damaged = |error| Undecided::server(format!("reading record {}", entry.number()), error);
    let list = entry.brought().map_err(damaged)?.map(|(list, _)| ledger.content(list)).transpose()?.flatten();
    let Some(list) = list.map(|list| Bringing::read(&list)).transpose().map_err(damaged)? else {
        return Ok(Vec::new());
    };
    let is_by_it = |maker: Option<&crate::ledger::Person>| maker.is_some_and(|maker| maker.key.as_deref() == Some(key));
    Ok(list.objects().filter(|(_, maker)| is_by_it(*maker)).map(|(object, _)| object).collect())
}
