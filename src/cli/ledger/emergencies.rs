//! `ledger emergencies`: the register.

use super::{
    Place, list,
    register::{self, Asked},
};
use crate::{
    Undecided,
    cli::{
        Common, Form, Outcome, kept,
        output::{Output, tell},
        place::now,
        verify::time,
    },
    ledger::Ledger,
    push::Timestamp,
    report::{escaped, register as report},
};
use clap::Args;
use std::{
    ffi::OsString,
    fs,
    path::{Path, PathBuf},
};

/// Writes the emergency register of a period: what was let in with rules waived, who declared, approved and reviewed it, what is
/// owed, and what else an auditor asks for: attempts that were refused, refs that moved without a decision, periods in which
/// rules protected less.
///
/// It begins with what it covers and what not. `--format html` is one page that needs nothing beside itself; `csv` has the
/// emergencies alone, a line for each rule that was waived.
///
/// Exit status 1, with `--overdue`, if the review of one is overdue.
#[derive(Args, Debug)]
pub(in crate::cli) struct Arguments {
    #[command(flatten)]
    period: Period,
    /// Only emergencies whose review is overdue
    #[arg(long)]
    overdue: bool,
    /// Where to write it [default: standard output]
    #[arg(long, value_name = "FILE")]
    output: Option<PathBuf>,
    #[command(flatten)]
    place: Place,
}

/// A part of the ledger.
#[derive(Args, Debug)]
pub(super) struct Period {
    /// From then on: a day, or an RFC 3339 time [default: from the first record]
    #[arg(long, value_name = "DATE", value_parser = time)]
    from: Option<Timestamp>,
    /// Up to and with this day, or before an RFC 3339 time [default: now]
    #[arg(long, value_name = "DATE", value_parser = end)]
    to: Option<Timestamp>,
    /// Only what is about this ref; `main` stands for `refs/heads/main`
    #[arg(long = "ref", value_name = "REF")]
    name: Option<OsString>,
    /// Only what is about this repository: the path of its git directory, or the end of it
    #[arg(long, value_name = "REPOSITORY")]
    repository: Option<OsString>,
}

pub(super) fn run(common: &Common, arguments: &Arguments, output: &mut Output) -> Result<Outcome, Undecided> {
    let ledger = kept::to_ask(common, arguments.place.ledger.as_deref())?;
    let Some(asked) = arguments.period.asked(&ledger)? else { return Ok(Outcome::Usage) };
    let asked = Asked { overdue_alone: arguments.overdue, ..asked };
    let register = register::gather(&ledger, &asked, now()?)?;
    let text = match common.format {
        Form::Json => format!("{}\n", report::json(&register)),
        Form::Csv => report::csv(&register),
        Form::Html => report::html(&register),
        Form::Human | Form::Porcelain | Form::Prometheus => report::text(&register),
    };
    write(arguments.output.as_deref(), &text, output)?;
    Ok(if arguments.overdue && register.is_overdue() { Outcome::NotGood } else { Outcome::Good })
}

impl Period {
    /// `None`, and told, where what is asked for cannot be.
    pub(super) fn asked(&self, ledger: &Ledger) -> Result<Option<Asked>, Undecided> {
        let refused = |why: &str| {
            tell(&format!("error: {}\n", escaped(why)));
            Ok(None)
        };
        let name = match self.name.as_deref().map(|written| list::ref_name(written).ok_or(written)).transpose() {
            Ok(name) => name,
            Err(written) => return refused(&format!("`{}` is not the name of a ref", written.to_string_lossy())),
        };
        let repositories = match &self.repository {
            None => None,
            Some(written) => match list::repositories(ledger, written)? {
                paths if paths.is_empty() => {
                    let why = format!("nothing is recorded of a repository `{}`", written.to_string_lossy());
                    return refused(&why);
                }
                paths => Some(paths),
            },
        };
        if self.from.zip(self.to).is_some_and(|(from, to)| to <= from) {
            return refused("the period ends before it begins");
        }
        Ok(Some(Asked { from: self.from, to: self.to, name, repositories, overdue_alone: false }))
    }
}

/// To the file, if one is named.
pub(super) fn write(file: Option<&Path>, text: &str, output: &mut Output) -> Result<(), Undecided> {
    match file {
        Some(file) => {
            fs::write(file, text).map_err(|error| Undecided::server(format!("writing `{}`", file.display()), error))
        }
        None => output.write(text),
    }
}

/// The moment at which a period is over: a day belongs to it.
fn end(text: &str) -> Result<Timestamp, String> {
    const DAY: i64 = 24 * 60 * 60;
    let moment = time(text)?;
    let is_day = text.len() == "2026-05-01".len() && text.contains('-');
    Ok(if is_day { Timestamp(moment.0.saturating_add(DAY)) } else { moment })
}
