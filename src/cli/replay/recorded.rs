//! `policy replay --since`: recorded pushes, judged again.

use super::{groups_json, table};
use crate::{
    Undecided,
    cli::{Common, Form, Outcome, kept, output::Output, place::Files, progress::Progress},
    git::Repository,
    ledger::{self, Entry, Ledger, Subject, Wanted},
    policy::{Group, Verdict},
    push::{Change, Evidence, Push, RefName, RefUpdate, Timestamp, evidence::Recorded},
    report::{SCHEMA, escaped},
    run::{self, Case, Loaded},
};
use serde_json::{Value, json};
use std::{os::unix::ffi::OsStrExt, path::Path};

/// What is to be judged again.
pub(super) struct Asked<'a> {
    pub(super) repository: &'a Repository,
    pub(super) since: Timestamp,
    /// `None`: all refs.
    pub(super) name: Option<RefName>,
    pub(super) ledger: Option<&'a Path>,
}

/// What came of it.
#[derive(Default)]
struct Replayed {
    pushes: u64,
    /// Pushes that would be refused.
    refused: Vec<First>,
    /// Those that could not be judged, and why.
    gone: Vec<(First, String)>,
    /// By the place of the policy.
    groups: Vec<(usize, Group)>,
}

/// The first record of a push.
#[derive(Clone)]
struct First {
    number: u64,
    /// The folder of the ledger that it is in, where the one asked continues that.
    former: Option<String>,
}

impl First {
    fn shown(&self) -> String {
        let of = self.former.as_ref().map(|former| format!(" of the ledger in {former}"));
        escaped(&format!("{}{}", self.number, of.unwrap_or_default()))
    }
}

pub(super) fn run(common: &Common, asked: &Asked<'_>, output: &mut Output) -> Result<Outcome, Undecided> {
    let policies = Files::new(common)?.policies(common, asked.repository.git_dir())?;
    let ledger = kept::to_ask(common, asked.ledger)?;
    let place = kept::place_of(asked.repository)?;
    let progress = Progress::of("judging");
    let mut replayed = Replayed::default();
    let outcome = ledger.chain().and_then(|ledgers| {
        ledgers.into_iter().rev().try_for_each(|of| {
            let pushes = pushes(of, asked, &place)?;
            pushes.iter().try_for_each(|push| replayed.judge(push, asked, (&ledger, of, &place, &policies), &progress))
        })
    });
    progress.finish();
    outcome?;
    replayed.write(common, asked, &policies, progress.count(), output)?;
    Ok(if replayed.refused.is_empty() { Outcome::Good } else { Outcome::NotGood })
}

/// The decisions on the refs that are asked for, in their order, push by push.
fn pushes(ledger: &Ledger, asked: &Asked<'_>, place: &Path) -> Result<Vec<Vec<u64>>, Undecided> {
    let mut conditions = vec![
        vec![Subject::Repository(place.as_os_str().as_bytes().to_vec())],
        vec![Subject::Kind("decision".to_owned())],
    ];
    conditions.extend(asked.name.clone().map(|name| vec![Subject::Ref(name)]));
    let mut numbers = ledger.find(&Wanted { conditions, since: Some(asked.since), until: None }, None, usize::MAX)?;
    numbers.reverse();
    let mut pushes: Vec<(u64, Vec<u64>)> = Vec::new();
    for number in numbers {
        let first = entry(ledger, number)?.number_of("push").unwrap_or(number);
        match pushes.last_mut() {
            Some((push, numbers)) if *push == first => numbers.push(number),
            Some(_) | None => pushes.push((first, vec![number])),
        }
    }
    Ok(pushes.into_iter().map(|(_, numbers)| numbers).collect())
}

fn entry(ledger: &Ledger, number: u64) -> Result<Entry, Undecided> {
    let gone = || Undecided::server("reading the recorded pushes", format!("record {number} is gone"));
    ledger.entry(number)?.ok_or_else(gone)
}

impl Replayed {
    fn judge(
        &mut self,
        numbers: &[u64],
        asked: &Asked<'_>,
        (ledger, of, place, policies): (&Ledger, &Ledger, &Path, &[Loaded]),
        progress: &Progress,
    ) -> Result<(), Undecided> {
        let Some(&number) = numbers.first() else { return Ok(()) };
        let former = (of.folder() != ledger.folder()).then(|| of.folder().to_string_lossy().into_owned());
        let first = First { number, former };
        let entries = numbers.iter().map(|&number| entry(of, number)).collect::<Result<Vec<_>, _>>()?;
        self.pushes += 1;
        let Some(recorded) = entries.first() else { return Ok(()) };
        let push = match push(&entries, asked.repository)? {
            Ok(push) => push,
            Err(gone) => {
                self.gone.push((first, gone));
                return Ok(());
            }
        };
        let evidence = Evidence::of_record(evidence(recorded));
        let now = recorded.moment_that_counts();
        let memory =
            ledger.memory(place)?.as_of(recorded.number_of("push").map_or(of.id(number), |push| of.id(push)), now);
        let case = Case {
            push: &push,
            evidence: &evidence,
            repository: asked.repository,
            policies,
            place,
            memory: Some(&memory),
            now,
            is_pending: false,
        };
        let (verdict, tallies) = match run::replay(&case, &|| progress.step()) {
            Ok(judged) => judged,
            Err(undecided) => {
                self.gone.push((first, undecided.to_string()));
                return Ok(());
            }
        };
        if matches!(verdict, Verdict::Refused(_)) {
            self.refused.push(first);
        }
        for (at, (loaded, tally)) in policies.iter().zip(tallies).enumerate() {
            tally.groups(&loaded.policy, &push).into_iter().for_each(|group| self.add(at, group));
        }
        Ok(())
    }

    /// What one reason was found for with one person is one group, whichever push it was.
    fn add(&mut self, policy: usize, group: Group) {
        let same = |(other, held): &&mut (usize, Group)| {
            (*other, held.rule, held.code, held.effect, &held.person)
                == (policy, group.rule, group.code, group.effect, &group.person)
        };
        let Some((_, held)) = self.groups.iter_mut().find(same) else {
            self.groups.push((policy, group));
            return;
        };
        held.count += group.count;
        held.times = match (held.times, group.times) {
            (Some((first, last)), Some((earliest, latest))) => Some((first.min(earliest), last.max(latest))),
            (times, other) => times.or(other),
        };
        // Later pushes come later.
        held.example = group.example.or(held.example);
    }

    fn write(
        &self,
        common: &Common,
        asked: &Asked<'_>,
        policies: &[Loaded],
        walked: u64,
        output: &mut Output,
    ) -> Result<(), Undecided> {
        let mut rows: Vec<_> = self
            .groups
            .iter()
            .filter_map(|(at, group)| policies.get(*at).map(|loaded| (loaded, group.clone())))
            .collect();
        rows.sort_by_key(|(_, group)| std::cmp::Reverse(group.count));
        if common.format == Form::Json {
            let verdict = if self.refused.is_empty() { "accepted" } else { "refused" };
            let gone = self.gone.iter();
            let gone = gone.map(|(first, why)| json!({ "record": first.number, "former": first.former, "why": why }));
            let refused = self.refused.iter().filter(|first| first.former.is_none()).map(|first| first.number);
            let before = self.refused.iter().filter(|first| first.former.is_some());
            let before = before.map(|first| json!({ "record": first.number, "former": first.former }));
            let replayed = json!({
                "schema": SCHEMA, "verdict": verdict, "since": ledger::moment(asked.since),
                "ref": asked.name.as_ref().map(ToString::to_string), "pushes": self.pushes, "refused": refused.collect::<Vec<_>>(),
                "refused-before": before.collect::<Vec<_>>(),
                "gone": gone.collect::<Vec<_>>(), "commits": walked, "groups": groups_json(&rows),
            });
            return output.line(&replayed.to_string());
        }
        for row in table(&rows) {
            output.line(&row)?;
        }
        let refused = match self.refused.as_slice() {
            [] => String::new(),
            refused => {
                let named: Vec<_> = refused.iter().take(NAMED).map(First::shown).collect();
                let more = if refused.len() > NAMED { ", …" } else { "" };
                format!(" (record {}{more})", named.join(", "))
            }
        };
        output.line(&format!(
            "{} pushes since {}: {} would be refused{refused}; {walked} commits read",
            self.pushes,
            ledger::moment(asked.since),
            self.refused.len()
        ))?;
        for (first, why) in &self.gone {
            output.line(&format!("not judged: record {}: {}", first.shown(), escaped(why)))?;
        }
        Ok(())
    }
}

/// Records that are named in a sentence.
const NAMED: usize = 10;

/// The push as it was; else which of its objects are gone.
fn push(entries: &[Entry], repository: &Repository) -> Result<Result<Push, String>, Undecided> {
    let mut updates = Vec::new();
    for entry in entries {
        let damaged = |error| Undecided::server(format!("reading record {}", entry.number()), error);
        let name = entry.ref_name("ref").map_err(damaged)?;
        let (old, new) = (entry.object("old").map_err(damaged)?, entry.object("new").map_err(damaged)?);
        for id in [old, new].into_iter().flatten() {
            if repository.header(id)?.is_none() {
                return Ok(Err(format!("{id}, a value of {name}, is not there any more")));
            }
        }
        let change = match (old, new) {
            (None, Some(new)) => Change::Create { new },
            (Some(old), Some(new)) => Change::Move { old, new },
            (Some(old), None) => Change::Delete { old },
            (None, None) => continue,
        };
        updates.push(RefUpdate { name, change });
    }
    Ok(Ok(Push { updates }))
}

/// Who pushed, as it was found out then.
fn evidence(entry: &Entry) -> Recorded {
    let said = |key| entry.some("pusher").and_then(|pusher| pusher.get(key)).and_then(Value::as_str);
    Recorded {
        id: said("id").map(str::to_owned),
        account: said("account").map(str::to_owned),
        is_certified: said("known-by") == Some("certificate"),
        why_unknown: said("unknown").unwrap_or_default().to_owned(),
        via: entry.text("via").ok().map(str::to_owned),
        repository: entry.bytes("name").ok(),
    }
}
