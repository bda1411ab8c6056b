//! `ledger reindex`: what can be looked up, made anew.

use super::Place;
use crate::{
    Undecided,
    cli::{Common, Form, Outcome, kept, output::Output},
    report::{SCHEMA, escaped},
};
use clap::Args;
use serde_json::json;

/// Makes anew, from the records, the tables in which things are looked up: the mend where `ledger verify` finds one of them
/// damaged. The records stay as they are.
///
/// Pushes wait meanwhile.
#[derive(Args, Debug)]
pub(in crate::cli) struct Arguments {
    #[command(flatten)]
    place: Place,
}

pub(super) fn run(common: &Common, arguments: &Arguments, output: &mut Output) -> Result<Outcome, Undecided> {
    let mut ledger = kept::to_write(common, arguments.place.ledger.as_deref())?;
    ledger.reindex()?;
    let shown = ledger.folder().display().to_string();
    match common.format {
        Form::Json => output.line(&json!({ "schema": SCHEMA, "ledger": shown }).to_string())?,
        Form::Human | Form::Porcelain | Form::Csv | Form::Html | Form::Prometheus => {
            output.line(&escaped(&format!("{shown}: the look-ups are made anew")))?
        }
    }
    Ok(Outcome::Good)
}
