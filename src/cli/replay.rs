//! `policy replay`: what the policy would have said to history that is there already.

mod recorded;

use super::{
    Common, Form, Outcome,
    output::{Output, tell},
    place::{Files, now, repository},
    progress::Progress,
    registry::moment,
};
use crate::{
    Undecided,
    git::{Repository, Resolved},
    policy::{Effect, Group, Person, Verdict},
    push::{Change, Evidence, ObjectId, Push, RefName, RefUpdate, Timestamp},
    report::{SCHEMA, date, escaped},
    run::{self, Case, Loaded},
};
use clap::Args;
use serde_json::{Value, json};
use std::path::PathBuf;

/// Judges history as if an update from the range's bottom to its top brought it to a ref, and counts what would be
/// refused by person and reason. Nothing is changed.
///
/// A person is the signer, where there is a signature of somebody registered, else whom the commit names as its committer.
/// Keys are judged as of now, and who would have pushed is not known.
///
/// With `--since` it judges instead, one after the other, the pushes to this repository that the ledger recorded from then on, accepted or
/// refused: each as it came, by whom it was found to be pushed, at its moment, with what was received by then. What the refs of a
/// rule held before a push counts as accepted by the rule. What git has removed since, as after a refusal, cannot be judged, and is
/// counted.
///
/// Exit status 1 if an update would be refused. What a rule in `warn` or `observe` finds is listed, and refuses nothing.
#[derive(Args, Debug)]
pub(super) struct Arguments {
    /// `A..B`: from A to B; `A^!`: from A's first parent; one commit: all of its history
    #[arg(value_name = "RANGE", required_unless_present = "since", conflicts_with = "since")]
    range: Option<String>,
    /// The ref that would be updated; `main` stands for `refs/heads/main` [default: the default branch; with `--since`, all]
    #[arg(long = "ref", value_name = "REF")]
    name: Option<String>,
    /// Recorded pushes from then on: an RFC 3339 time, or a day
    #[arg(long, value_name = "TIME", value_parser = moment)]
    since: Option<Timestamp>,
    /// With `--since`: the ledger's folder [default: that of the policy in force]
    #[arg(long, value_name = "DIR", requires = "since")]
    ledger: Option<PathBuf>,
}

pub(super) fn run(common: &Common, arguments: &Arguments, output: &mut Output) -> Result<Outcome, Undecided> {
    let repository = repository(common)?;
    let written = arguments.name.as_deref().or(arguments.since.is_none().then_some("HEAD"));
    let references = repository.references()?;
    let name = written.map(|written| super::explain::ref_name(written, &references).ok_or(written));
    let name = match name.transpose() {
        Ok(name) => name,
        Err(written) => {
            tell(&escaped(&format!("error: `{written}` is not the name of a ref")));
            tell("\n");
            return Ok(Outcome::Usage);
        }
    };
    let (range, name) = match (&arguments.range, name, arguments.since) {
        (_, name, Some(since)) => {
            let asked = recorded::Asked { repository: &repository, since, name, ledger: arguments.ledger.as_deref() };
            return recorded::run(common, &asked, output);
        }
        (Some(range), Some(name), None) => (range, name),
        (None, _, None) | (_, None, None) => return Ok(Outcome::Usage),
    };
    let change = change(&repository, range)?;
    let push = Push { updates: vec![RefUpdate { name: name.clone(), change }] };
    let policies = Files::new(common)?.policies(common, repository.git_dir())?;
    let progress = Progress::of("judging");
    let case = Case {
        push: &push,
        evidence: &Evidence::default(),
        repository: &repository,
        policies: &policies,
        place: repository.git_dir(),
        // What refs hold already would vouch for all there is.
        memory: None,
        now: now()?,
        is_pending: false,
    };
    let replayed = run::replay(&case, &|| progress.step());
    progress.finish();
    let (verdict, tallies) = replayed?;
    let walked = progress.count();
    let rows: Vec<_> = policies
        .iter()
        .zip(tallies)
        .flat_map(|(loaded, tally)| tally.groups(&loaded.policy, &push).into_iter().map(move |group| (loaded, group)))
        .collect();
    match common.format {
        Form::Json => output.line(&as_json(&name, change, &verdict, walked, &rows).to_string())?,
        Form::Human | Form::Porcelain | Form::Csv | Form::Html | Form::Prometheus => {
            for row in table(&rows) {
                output.line(&row)?;
            }
            let word = match verdict {
                Verdict::Accepted(_) => "accepted",
                Verdict::Refused(_) => "refused",
            };
            output.line(&escaped(&format!("{name}: {} commits read; the update would be {word}", walked)))?;
        }
    }
    Ok(match verdict {
        Verdict::Accepted(_) => Outcome::Good,
        Verdict::Refused(_) => Outcome::NotGood,
    })
}

/// The update from the bottom of the range to its top.
fn change(repository: &Repository, range: &str) -> Result<Change, Undecided> {
    Ok(match repository.resolve(range)? {
        Resolved::Object(new) => Change::Create { new },
        Resolved::Range { tip: new, excluded } => match excluded.first() {
            Some(&old) => Change::Move { old, new },
            None => Change::Create { new },
        },
    })
}

fn effect(group: &Group) -> &'static str {
    match group.effect {
        Effect::Refuses => "refuses",
        Effect::Waived => "waived",
        Effect::Warns => "warns",
        Effect::Observed => "observed",
    }
}

fn rule<'a>(loaded: &'a Loaded, group: &Group) -> Option<&'a crate::policy::Rule> {
    group.rule.and_then(|rule| loaded.policy.rules.get(rule))
}

/// The groups, as programs read them.
fn groups_json(rows: &[(&Loaded, Group)]) -> Vec<Value> {
    let groups = rows.iter().map(|(loaded, group)| {
        let (signer, committer) = match &group.person {
            Person::Signer(id) => (Some(id.0.as_str()), None),
            Person::Committer { name, email } => {
                (None, Some((String::from_utf8_lossy(name), String::from_utf8_lossy(email))))
            }
            Person::Nobody => (None, None),
        };
        let time =
            |time: crate::push::Timestamp| jiff::Timestamp::from_second(time.0).ok().map(|time| time.to_string());
        json!({
            "policy": loaded.path.to_string_lossy(),
            "rule": rule(loaded, group).map(|rule| rule.name.as_str()),
            "line": rule(loaded, group).map(|rule| rule.line),
            "effect": effect(group), "reason": group.code,
            "signer": signer,
            "name": committer.as_ref().map(|(name, _)| name), "email": committer.as_ref().map(|(_, email)| email),
            "count": group.count,
            "first": group.times.and_then(|(first, _)| time(first)),
            "last": group.times.and_then(|(_, last)| time(last)),
            "example": group.example.map(|id| id.to_string()),
        })
    });
    groups.collect()
}

fn as_json(name: &RefName, change: Change, verdict: &Verdict, walked: u64, rows: &[(&Loaded, Group)]) -> Value {
    let verdict = match verdict {
        Verdict::Accepted(_) => "accepted",
        Verdict::Refused(_) => "refused",
    };
    let id = |id: Option<ObjectId>| id.map(|id| id.to_string());
    json!({
        "schema": SCHEMA, "verdict": verdict, "ref": name.to_string(), "old": id(change.old()), "new": id(change.new()),
        "commits": walked, "groups": groups_json(rows),
    })
}

/// Reasons by person, in columns; empty if nothing was found.
fn table(rows: &[(&Loaded, Group)]) -> Vec<String> {
    const HEAD: [&str; 8] = ["PERSON", "REASON", "RULE", "EFFECT", "COUNT", "FIRST", "LAST", "EXAMPLE"];
    const COUNT: usize = 4;
    if rows.is_empty() {
        return Vec::new();
    }
    let mut lines = vec![HEAD.map(str::to_owned)];
    lines.extend(rows.iter().map(|(loaded, group)| {
        let person = match &group.person {
            Person::Signer(id) => id.0.clone(),
            Person::Committer { name, email } => {
                format!("{} <{}>", String::from_utf8_lossy(name), String::from_utf8_lossy(email))
            }
            Person::Nobody => "-".to_owned(),
        };
        let (first, last) = group.times.map_or(("-".into(), "-".into()), |(first, last)| (date(first), date(last)));
        [
            cell(&person),
            group.code.to_owned(),
            cell(rule(loaded, group).map_or("-", |rule| &rule.name)),
            effect(group).to_owned(),
            group.count.to_string(),
            first,
            last,
            group.example.map_or_else(|| "-".to_owned(), |id| id.short()),
        ]
    }));
    let mut widths = [0; 8];
    for line in &lines {
        for (width, cell) in widths.iter_mut().zip(line) {
            *width = cell.chars().count().max(*width);
        }
    }
    let aligned = |line: &[String; 8]| {
        let cells = line.iter().zip(widths).enumerate().map(|(at, (cell, width))| match at {
            COUNT => format!("{cell:>width$}"),
            _ => format!("{cell:<width$}"),
        });
        cells.collect::<Vec<_>>().join("  ").trim_end().to_owned()
    };
    lines.iter().map(aligned).collect()
}

/// Escaped, and no longer than leaves room for the other columns.
fn cell(text: &str) -> String {
    const LONGEST: usize = 48;
    let text = escaped(text);
    match text.char_indices().nth(LONGEST) {
        Some((end, _)) => format!("{}…", text.get(..end).unwrap_or_default()),
        None => text,
    }
}
