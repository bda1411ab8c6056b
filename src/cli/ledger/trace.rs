//! `ledger trace`: who let this in, when, and under what.

use super::{Place, register, show, summary::shown};
use crate::{
    Undecided,
    cli::{
        Common, Form, Outcome, kept,
        output::Output,
        place::{now, repository},
    },
    git::{ObjectKind, Repository, Resolved},
    ledger::{Bringing, Entry, Ledger, Person, Subject, Wanted, bytes},
    push::{ObjectId, RefName},
    report::{
        SCHEMA, escaped,
        register::{Waiver, waiver_json},
    },
};
use clap::Args;
use serde_json::{Value, json};
use std::{
    collections::HashSet,
    os::unix::ffi::OsStrExt,
    path::{Path, PathBuf},
};

/// Says which decision brought a commit or an annotated tag into the repository: when, who pushed, under which rules, who
/// signed. Or that it was adopted, was there before anything was recorded, or came in some other way.
///
/// Exit status 1 if no decision or adoption brought it.
#[derive(Args, Debug)]
pub(in crate::cli) struct Arguments {
    /// A commit or an annotated tag: its id, also abbreviated, or a revision. What the repository has lost, by its whole id
    #[arg(value_name = "OBJECT")]
    object: String,
    #[command(flatten)]
    place: Place,
}

/// How an object came.
enum Came {
    /// By a decision, of which this became, or an adoption.
    By { record: Found, state: Option<String>, maker: Option<Person>, waivers: Vec<Waiver> },
    /// It was in reach of the old value of the first decision on this ref.
    Before(Found),
    /// With a change of a ref that nobody decided on.
    Moved(Found),
    /// It is in reach of this ref, and no record says how that came.
    Held(RefName),
    /// It is in reach of none.
    Never,
}

/// A record, and the folder of the ledger that it is in.
#[derive(Clone)]
struct Found {
    entry: Entry,
    ledger: PathBuf,
    /// Whether that is one which the ledger asked continues.
    is_former: bool,
}

impl Found {
    /// Which record it is.
    fn shown(&self) -> String {
        let number = self.entry.number();
        match self.is_former {
            true => escaped(&format!("record {number} of the ledger in {}", self.ledger.display())),
            false => format!("record {number}"),
        }
    }
}

pub(super) fn run(common: &Common, arguments: &Arguments, output: &mut Output) -> Result<Outcome, Undecided> {
    let repository = repository(common)?;
    let ledger = kept::to_ask(common, arguments.place.ledger.as_deref())?;
    let place = kept::place_of(&repository)?;
    let object = match (repository.resolve(&arguments.object), ObjectId::from_hex(arguments.object.as_bytes())) {
        (Ok(Resolved::Object(id)), _) | (Err(_), Some(id)) => id,
        (Ok(Resolved::Range { .. }), _) => {
            return Err(Undecided::pusher(format!("tracing {}", arguments.object), "a range is many commits"));
        }
        (Err(missing), None) => return Err(missing),
    };
    let mut ledgers = ledger.chain()?;
    ledgers.reverse();
    let tracing = Tracing { ledgers, place: &place, repository: &repository, object };
    let came = tracing.came()?;
    match common.format {
        Form::Json => {
            let came: Vec<_> = came.iter().map(Came::to_json).collect();
            output.line(&json!({ "schema": SCHEMA, "object": object.to_string(), "came": came }).to_string())?;
        }
        Form::Human | Form::Porcelain | Form::Csv | Form::Html | Form::Prometheus => {
            for came in &came {
                came.write(object, output)?;
            }
        }
    }
    let is_received = |came: &Came| match came {
        Came::By { state, .. } => state.as_deref().is_none_or(|state| state == "completed"),
        Came::Before(_) | Came::Moved(_) | Came::Held(_) | Came::Never => false,
    };
    Ok(if came.iter().any(is_received) { Outcome::Good } else { Outcome::NotGood })
}

struct Tracing<'a> {
    /// The one asked, last, and those before it.
    ledgers: Vec<&'a Ledger>,
    place: &'a Path,
    repository: &'a Repository,
    object: ObjectId,
}

impl Tracing<'_> {
    /// Every record that brought it, else the one other way that it came.
    fn came(&self) -> Result<Vec<Came>, Undecided> {
        let mut came = Vec::new();
        for ledger in &self.ledgers {
            for brought in ledger.bringing(self.place, self.object)? {
                let Some(entry) = ledger.entry(brought.number)? else { continue };
                came.push(self.by(ledger, entry, brought.state)?);
            }
        }
        let Some(ledger) = self.ledgers.last() else { return Ok(came) };
        for open in ledger.memory(self.place)?.open_decisions()? {
            let known = |came: &Came| matches!(came, Came::By { record, .. } if !record.is_former && record.entry.number() == open.number);
            let Some(entry) = ledger.entry(open.number)?.filter(|_| !came.iter().any(known)) else { continue };
            if list(ledger, &entry)?.is_some_and(|list| list.objects().any(|(object, _)| object == self.object)) {
                came.push(self.by(ledger, entry, Some("open".to_owned()))?);
            }
        }
        if came.is_empty() {
            came.push(self.otherwise()?);
        }
        Ok(came)
    }

    fn by(&self, ledger: &Ledger, entry: Entry, state: Option<String>) -> Result<Came, Undecided> {
        let waivers = register::waivers(ledger, &entry, state.as_deref().unwrap_or_default(), now()?)?;
        Ok(Came::By { maker: self.maker(ledger, &entry)?, record: self.found(ledger, entry), state, waivers })
    }

    fn otherwise(&self) -> Result<Came, Undecided> {
        let (mut names, mut firsts) = (HashSet::new(), Vec::new());
        for ledger in &self.ledgers {
            for entry in ledger.first_of_refs(self.place)? {
                if names.insert(entry.bytes("ref").ok()) {
                    firsts.push(self.found(ledger, entry));
                }
            }
        }
        if let Some(first) = self.first_that_holds(firsts, |entry| match entry.kind() {
            "decision" => entry.object("old").ok().flatten(),
            "moved" => entry.object("recorded").ok().flatten(),
            _ => None,
        })? {
            return Ok(Came::Before(first));
        }
        let path = self.place.as_os_str().as_bytes().to_vec();
        let conditions = vec![vec![Subject::Repository(path)], vec![Subject::Kind("moved".to_owned())]];
        let wanted = Wanted { conditions, ..Wanted::default() };
        let mut moved = Vec::new();
        for ledger in &self.ledgers {
            for number in ledger.find(&wanted, None, usize::MAX)?.into_iter().rev() {
                moved.extend(ledger.entry(number)?.map(|entry| self.found(ledger, entry)));
            }
        }
        if let Some(moved) = self.first_that_holds(moved, |entry| entry.object("found").ok().flatten())? {
            return Ok(Came::Moved(moved));
        }
        let mut holders = Vec::new();
        for (name, value) in self.repository.all_refs()? {
            holders.extend(self.reaching(value)?.into_iter().map(|value| (name.clone(), value)));
        }
        Ok(self.first_holding(&holders)?.map_or(Came::Never, Came::Held))
    }

    /// The first record whose value of the ref holds the object.
    fn first_that_holds(
        &self,
        records: Vec<Found>,
        value: impl Fn(&Entry) -> Option<ObjectId>,
    ) -> Result<Option<Found>, Undecided> {
        let mut holders = Vec::new();
        for record in records {
            let reached = value(&record.entry).map(|value| self.reaching(value)).transpose()?.unwrap_or_default();
            holders.extend(reached.into_iter().map(|value| (record.clone(), value)));
        }
        self.first_holding(&holders)
    }

    /// One walk tells whether any does; which one is looked for only then.
    fn first_holding<T: Clone>(&self, holders: &[(T, ObjectId)]) -> Result<Option<T>, Undecided> {
        if let Some((holder, _)) = holders.iter().find(|(_, value)| *value == self.object) {
            return Ok(Some(holder.clone()));
        }
        if self.repository.header(self.object)?.is_none_or(|(kind, _)| kind != ObjectKind::Commit) {
            return Ok(None);
        }
        let mut commits = Vec::new();
        for (holder, value) in holders {
            if matches!(self.repository.header(*value)?, Some((ObjectKind::Commit, _))) {
                commits.push((holder, *value));
            }
        }
        let values: Vec<_> = commits.iter().map(|(_, value)| *value).collect();
        if !self.repository.is_ancestor_of_any(self.object, &values)? {
            return Ok(None);
        }
        for (holder, value) in commits {
            if self.repository.is_ancestor(self.object, value)? {
                return Ok(Some(holder.clone()));
            }
        }
        Ok(None)
    }

    /// A ref's value, the tags on the way, and what it is in the end; nothing of what the repository has lost.
    fn reaching(&self, value: ObjectId) -> Result<Vec<ObjectId>, Undecided> {
        if self.repository.header(value)?.is_none() {
            return Ok(vec![value]);
        }
        let peeled = self.repository.peel(value)?;
        let tags = peeled.layers.iter().map(|(tag, _)| *tag);
        Ok(tags.chain(peeled.target.map(|(id, _)| id)).collect())
    }

    fn maker(&self, ledger: &Ledger, entry: &Entry) -> Result<Option<Person>, Undecided> {
        Ok(list(ledger, entry)?.and_then(|list| list.maker(self.object).cloned()))
    }

    fn found(&self, ledger: &Ledger, entry: Entry) -> Found {
        let is_former = self.ledgers.last().is_some_and(|asked| asked.folder() != ledger.folder());
        Found { entry, ledger: ledger.folder().to_owned(), is_former }
    }
}

fn list(ledger: &Ledger, entry: &Entry) -> Result<Option<Bringing>, Undecided> {
    let damaged = |error| Undecided::server(format!("reading record {}", entry.number()), error);
    let list = entry.brought().map_err(damaged)?.map(|(list, _)| ledger.content(list)).transpose()?.flatten();
    list.map(|list| Bringing::read(&list)).transpose().map_err(damaged)
}

impl Came {
    fn write(&self, object: ObjectId, output: &mut Output) -> Result<(), Undecided> {
        let at = |record: &Found| {
            let name = record.entry.bytes("ref").map(|name| shown(&name)).unwrap_or_default();
            (record.shown(), crate::ledger::moment(record.entry.moment_that_counts()), name)
        };
        match self {
            Self::By { record, .. } if record.entry.kind() == "adopted" => {
                let (which, time, _) = at(record);
                output.line(&format!("{object} was adopted by an administrator at {time}: {which}"))
            }
            Self::By { record, state, maker, waivers } => {
                let (which, time, name) = at(record);
                let entry = &record.entry;
                let became = match state.as_deref() {
                    Some("completed") => "was brought",
                    Some("failed") => "would have been brought, which git did not do,",
                    _ => "is being brought, or was (no outcome is recorded yet),",
                };
                output.line(&format!("{object} {became} to {name} at {time}: {which}"))?;
                output.line(&format!("  pusher  {}", show::pusher(entry)))?;
                for rule in show::rules(entry) {
                    output.line(&format!("  rule    {rule}"))?;
                }
                for Waiver { emergency, standing, .. } in waivers {
                    let (ticket, reason) = (shown(&emergency.ticket), shown(&emergency.reason));
                    let (signer, standing) = (escaped(&emergency.signer), standing.described());
                    output.line(&format!("  waived  {ticket}: {reason} (declared by {signer}; {standing})"))?;
                }
                let signed = match maker {
                    None => "not known: no rule judged it".to_owned(),
                    Some(Person { status, signer, key, .. }) => {
                        let by = signer.as_deref().map(|signer| format!(", {}", escaped(signer))).unwrap_or_default();
                        let key = key.as_deref().map(|key| format!(", {}", escaped(key))).unwrap_or_default();
                        format!("{status}{by}{key}")
                    }
                };
                output.line(&format!("  signed  {signed}"))
            }
            Self::Before(record) => {
                let (which, time, name) = at(record);
                output.line(&format!(
                    "{object} was there before anything was recorded of {name}, which began at {time}: {which}"
                ))
            }
            Self::Moved(record) => {
                let (which, time, name) = at(record);
                output.line(&format!("{object} came to {name} without a decision, which was seen at {time}: {which}"))
            }
            Self::Held(name) => {
                let name = shown(name.as_bytes());
                output.line(&format!("{object} is in {name}, and no record says how it came there"))?;
                output.line(&format!("hint: to have it received now: countersign ledger adopt {name}"))
            }
            Self::Never => {
                output.line(&format!("{object} was never received: no record brought it, and no ref holds it"))
            }
        }
    }

    fn to_json(&self) -> Value {
        let (how, record) = match self {
            Self::By { record, .. } => (record.entry.kind(), Some(record)),
            Self::Before(record) => ("before", Some(record)),
            Self::Moved(record) => ("moved", Some(record)),
            Self::Held(_) => ("unrecorded", None),
            Self::Never => ("never", None),
        };
        let entry = record.map(|record| &record.entry);
        let (state, maker, waivers) = match self {
            Self::By { state, maker, waivers, .. } => (state.clone(), maker.as_ref(), waivers.as_slice()),
            Self::Before(_) | Self::Moved(_) | Self::Held(_) | Self::Never => (None, None, &[][..]),
        };
        let held = match self {
            Self::Held(name) => Some(bytes(name.as_bytes())),
            Self::By { .. } | Self::Before(_) | Self::Moved(_) | Self::Never => None,
        };
        json!({
            "how": how, "record": entry.map(Entry::number), "ledger": record.map(|record| record.ledger.to_string_lossy()), "state": state,
            "time": entry.map(|entry| crate::ledger::moment(entry.moment_that_counts())),
            "ref": held.or_else(|| entry.and_then(|entry| entry.some("ref")).cloned()),
            "pusher": entry.and_then(|entry| entry.some("pusher")), "rules": entry.and_then(|entry| entry.some("rules")),
            "status": maker.map(|maker| &maker.status), "signer": maker.and_then(|maker| maker.signer.as_ref()),
            "key": maker.and_then(|maker| maker.key.as_ref()),
            "waivers": waivers.iter().map(waiver_json).collect::<Vec<_>>(),
        })
    }
}
