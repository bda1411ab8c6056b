//! `ledger checkpoint`: the signed head of the ledger, to be kept elsewhere.

use super::Place;
use crate::{
    Undecided,
    cli::{
        Common, Form, Outcome, kept,
        output::{Output, tell},
    },
    report::SCHEMA,
};
use clap::Args;
use serde_json::json;

/// Prints the last checkpoint: a signed note (c2sp.org/tlog-checkpoint) that says how many records there are, and the hash
/// of all.
///
/// Whoever keeps it where the server cannot write can show later, by `ledger verify --against FILE`, whether any of these
/// records was changed. Exit status 1 if no checkpoint was made of the size asked for.
#[derive(Args, Debug)]
pub(in crate::cli) struct Arguments {
    /// The one of the first SIZE records
    #[arg(long, value_name = "SIZE")]
    at: Option<u64>,
    #[command(flatten)]
    place: Place,
}

pub(super) fn run(common: &Common, arguments: &Arguments, output: &mut Output) -> Result<Outcome, Undecided> {
    let ledger = kept::to_ask(common, arguments.place.ledger.as_deref())?;
    let note = match arguments.at {
        None => Some(ledger.last_checkpoint()?),
        Some(size) => ledger.checkpoint_of(size)?,
    };
    let Some(note) = note else {
        tell("error: no checkpoint was made of so many records: one is made with each push\n");
        return Ok(Outcome::NotGood);
    };
    let note = String::from_utf8_lossy(&note);
    match common.format {
        Form::Json => output.line(&json!({ "schema": SCHEMA, "checkpoint": note }).to_string())?,
        // As it is: a tool has to read it. There are no control characters in a note.
        Form::Human | Form::Porcelain | Form::Csv | Form::Html | Form::Prometheus => output.write(&note)?,
    }
    Ok(Outcome::Good)
}
