//! `ledger report`: the yearly report.

use super::{
    Place,
    emergencies::{Period, write},
    register,
};
use crate::{
    Undecided,
    cli::{Common, Form, Outcome, kept, output::Output, place::now},
    report::audit,
};
use clap::Args;
use std::path::PathBuf;

/// Writes the report of a period, such as a year: pushes and what became of them, refusals by reason, who pushed and who signed with which
/// keys, keys that end soon, when policies changed and what became weaker, emergencies, and refs that moved without a decision.
///
/// It begins with what it covers and what not. `ledger emergencies` has more on each emergency. `--format html` is
/// one page that needs nothing beside itself.
#[derive(Args, Debug)]
pub(in crate::cli) struct Arguments {
    #[command(flatten)]
    period: Period,
    /// Where to write it [default: standard output]
    #[arg(long, value_name = "FILE")]
    output: Option<PathBuf>,
    #[command(flatten)]
    place: Place,
}

pub(super) fn run(common: &Common, arguments: &Arguments, output: &mut Output) -> Result<Outcome, Undecided> {
    let ledger = kept::to_ask(common, arguments.place.ledger.as_deref())?;
    let Some(asked) = arguments.period.asked(&ledger)? else { return Ok(Outcome::Usage) };
    let audit = register::audit(&ledger, &asked, now()?)?;
    let text = match common.format {
        Form::Json => format!("{}\n", audit::json(&audit)),
        Form::Html => audit::html(&audit),
        Form::Human | Form::Porcelain | Form::Csv | Form::Prometheus => audit::text(&audit),
    };
    write(arguments.output.as_deref(), &text, output)?;
    Ok(Outcome::Good)
}
