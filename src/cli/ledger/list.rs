//! `ledger list`: a line a record.

use super::{
    Place,
    summary::{COLUMNS, HEADS, Summary},
};
use crate::{
    Undecided,
    cli::{
        Common, Form, Outcome, kept,
        output::{Output, tell},
        registry::fingerprint,
        verify::time,
    },
    ledger::{Entry, KINDS, Ledger, Subject, Wanted},
    push::{RefName, Timestamp},
    report::{SCHEMA, escaped},
    signature::Fingerprint,
};
use clap::{Args, builder::PossibleValuesParser};
use serde_json::json;
use std::{
    ffi::{OsStr, OsString},
    os::unix::ffi::OsStrExt,
    path::Path,
};

/// Lists records, the newest first; those of a ledger that this one continues, too, whose records have their own numbers.
///
/// What is found through `--ref`, `--signer`, `--pusher`, `--repository`, `--key`, `--refused`, `--emergency` and `--type` is looked up,
/// not searched for. Together they narrow down.
#[derive(Args, Debug)]
pub(in crate::cli) struct Arguments {
    /// Only what is about this ref; `main` stands for `refs/heads/main`
    #[arg(long = "ref", value_name = "REF")]
    name: Option<OsString>,
    /// Only what brought something that this registered signer signed
    #[arg(long, value_name = "ID")]
    signer: Option<String>,
    /// Only what this registered signer, or this account of the Git server, pushed
    #[arg(long, value_name = "ID|ACCOUNT")]
    pusher: Option<String>,
    /// Only what is about this repository: the path of its git directory, or the end of it
    #[arg(long, value_name = "REPOSITORY")]
    repository: Option<OsString>,
    /// Only what was signed with this key: `SHA256:…`, `openpgp:…`, whole
    #[arg(long, value_name = "FINGERPRINT", value_parser = fingerprint)]
    key: Option<Fingerprint>,
    /// Only from then on: an RFC 3339 time, or a day
    #[arg(long, value_name = "TIME", value_parser = time)]
    since: Option<Timestamp>,
    /// Only before then
    #[arg(long, value_name = "TIME", value_parser = time)]
    until: Option<Timestamp>,
    /// Only what was not let in
    #[arg(long)]
    refused: bool,
    /// Only what was let in by an emergency, for which a rule was waived
    #[arg(long)]
    emergency: bool,
    /// Only records of this type
    #[arg(long = "type", value_name = "TYPE", value_parser = PossibleValuesParser::new(KINDS))]
    kind: Option<String>,
    /// At most so many
    #[arg(long, value_name = "N")]
    limit: Option<usize>,
    #[command(flatten)]
    place: Place,
}

/// Records that are read together, and aligned in a table.
const TOGETHER: usize = 256;

pub(super) fn run(common: &Common, arguments: &Arguments, output: &mut Output) -> Result<Outcome, Undecided> {
    let ledger = kept::to_ask(common, arguments.place.ledger.as_deref())?;
    let (mut table, mut left, mut is_first) = (Table::default(), arguments.limit.unwrap_or(usize::MAX), true);
    if common.format == Form::Json {
        output.write(&format!("{{\"schema\":{SCHEMA},\"records\":["))?;
    }
    for (age, ledger) in ledger.chain()?.into_iter().enumerate() {
        let Some(wanted) = wanted(ledger, arguments)? else { return Ok(Outcome::Usage) };
        let (mut before, folder) = (None, ledger.folder().to_string_lossy());
        loop {
            let numbers = ledger.find(&wanted, before, left.min(TOGETHER))?;
            let Some(last) = numbers.last() else { break };
            let entries = numbers.iter().map(|&number| read(ledger, number)).collect::<Result<Vec<_>, _>>()?;
            if common.format == Form::Json {
                for summary in &entries {
                    let comma = if std::mem::take(&mut is_first) { "" } else { "," };
                    let mut record = summary.to_json();
                    record.as_object_mut().map(|record| record.insert("ledger".to_owned(), json!(folder)));
                    output.write(&format!("{comma}{record}"))?;
                }
            } else {
                if age > 0 && before.is_none() {
                    output.line(&escaped(&format!("before that, in {folder}:")))?;
                }
                table.write(&entries, output)?;
            }
            left = left.saturating_sub(numbers.len());
            before = Some(*last);
        }
    }
    if common.format == Form::Json {
        output.line("]}")?;
    }
    Ok(Outcome::Good)
}

fn read(ledger: &Ledger, number: u64) -> Result<Summary, Undecided> {
    let entry: Entry = ledger
        .entry(number)?
        .ok_or_else(|| Undecided::server("listing the ledger's records", format!("record {number} is gone")))?;
    Summary::of(ledger, entry)
}

/// `None`, and told, where what is asked for cannot be.
fn wanted(ledger: &Ledger, arguments: &Arguments) -> Result<Option<Wanted>, Undecided> {
    let mut conditions = Vec::new();
    if let Some(written) = &arguments.name {
        let Some(name) = ref_name(written) else {
            tell(&escaped(&format!("error: `{}` is not the name of a ref", written.to_string_lossy())));
            tell("\n");
            return Ok(None);
        };
        conditions.push(vec![Subject::Ref(name)]);
    }
    if let Some(signer) = &arguments.signer {
        conditions.push(vec![Subject::Signer(signer.clone())]);
    }
    if let Some(pusher) = &arguments.pusher {
        conditions.push(vec![Subject::Pusher(pusher.clone()), Subject::Account(pusher.clone())]);
    }
    if let Some(repository) = &arguments.repository {
        conditions.push(repositories(ledger, repository)?.into_iter().map(Subject::Repository).collect());
    }
    if let Some(key) = &arguments.key {
        conditions.push(vec![Subject::Key(key.to_string()), Subject::UnknownKey(key.to_string())]);
    }
    if arguments.refused {
        conditions.push(vec![Subject::Verdict("refused"), Subject::Verdict("undecided")]);
    }
    if arguments.emergency {
        conditions.push(vec![Subject::Emergency]);
    }
    if let Some(kind) = &arguments.kind {
        conditions.push(vec![Subject::Kind(kind.clone())]);
    }
    Ok(Some(Wanted { conditions, since: arguments.since, until: arguments.until }))
}

/// A full name, or a branch's.
pub(super) fn ref_name(written: &OsStr) -> Option<RefName> {
    match written.as_bytes().starts_with(b"refs/") {
        true => RefName::new(written.as_bytes()),
        false => RefName::new(&[b"refs/heads/", written.as_bytes()].concat()),
    }
}

/// The repository at this path, else all whose paths end so.
pub(super) fn repositories(ledger: &Ledger, written: &OsStr) -> Result<Vec<Vec<u8>>, Undecided> {
    let paths = ledger.repositories()?;
    let there = Path::new(written).canonicalize().ok();
    let there = there.as_deref().map_or(written, Path::as_os_str).as_bytes();
    if let Some(path) = paths.iter().find(|path| *path == there) {
        return Ok(vec![path.clone()]);
    }
    let end = [b"/", written.as_bytes()].concat();
    let ends =
        |path: &[u8]| path.ends_with(&end) || path.strip_suffix(b".git").is_some_and(|path| path.ends_with(&end));
    Ok(paths.into_iter().filter(|path| ends(path)).collect())
}

/// Written as it is read: a column gets wider where it has to, and never narrower.
#[derive(Default)]
struct Table {
    widths: [usize; COLUMNS],
    begun: bool,
}

impl Table {
    fn write(&mut self, summaries: &[Summary], output: &mut Output) -> Result<(), Undecided> {
        let mut lines: Vec<_> = summaries.iter().map(Summary::cells).collect();
        if !std::mem::replace(&mut self.begun, true) {
            lines.insert(0, HEADS.map(str::to_owned));
        }
        for line in &lines {
            for (width, cell) in self.widths.iter_mut().zip(line) {
                *width = cell.chars().count().max(*width);
            }
        }
        for line in &lines {
            let cells = line.iter().zip(self.widths).enumerate().map(|(at, (cell, width))| match at {
                0 => format!("{cell:>width$}"),
                _ => format!("{cell:<width$}"),
            });
            output.line(cells.collect::<Vec<_>>().join("  ").trim_end())?;
        }
        Ok(())
    }
}
