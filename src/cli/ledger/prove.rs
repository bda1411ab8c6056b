//! `ledger prove`: that a record is in the ledger, for a third party.

use super::{
    Place,
    head::{self, Head},
};
use crate::{
    Undecided,
    cli::{
        Common, Form, Outcome, kept,
        output::{Output, tell},
    },
    ledger::{Ledger, proof::Proof, tree},
    report::SCHEMA,
};
use clap::Args;
use serde_json::json;
use std::{
    fs,
    path::{Path, PathBuf},
};

/// Writes a proof that a record is in the ledger (c2sp.org/tlog-proof@v1), for whoever has the record and the ledger's
/// `key.pub`.
///
/// It holds the last checkpoint, and the hashes that lead to it. Exit status 1 if there is no such record.
#[derive(Args, Debug)]
pub(in crate::cli) struct Arguments {
    /// The record's number
    #[arg(value_name = "N")]
    number: u64,
    /// Where to write the proof [default: standard output]
    #[arg(long, value_name = "FILE")]
    output: Option<PathBuf>,
    /// Where to write the record's bytes, which are what is proven
    #[arg(long, value_name = "FILE")]
    record: Option<PathBuf>,
    #[command(flatten)]
    place: Place,
}

pub(super) fn run(common: &Common, arguments: &Arguments, output: &mut Output) -> Result<Outcome, Undecided> {
    let ledger = kept::to_ask(common, arguments.place.ledger.as_deref())?;
    let (record, proof) = match prove(&ledger, &head::head(&ledger)?, arguments.number)? {
        Ok(proven) => proven,
        Err(why) => {
            tell(&format!("error: record {}: {why}\n", arguments.number));
            return Ok(Outcome::NotGood);
        }
    };
    if let Some(file) = &arguments.record {
        write(file, &record)?;
    }
    if let Some(file) = &arguments.output {
        write(file, proof.as_bytes())?;
    }
    match common.format {
        Form::Json => {
            let record = String::from_utf8_lossy(&record);
            output.line(
                &json!({ "schema": SCHEMA, "number": arguments.number, "record": record, "proof": proof }).to_string(),
            )?;
        }
        Form::Human | Form::Porcelain | Form::Csv | Form::Html | Form::Prometheus if arguments.output.is_none() => {
            output.write(&proof)?
        }
        Form::Human | Form::Porcelain | Form::Csv | Form::Html | Form::Prometheus => {}
    }
    Ok(Outcome::Good)
}

/// A record and the proof of it, which holds; or why there is none.
pub(super) fn prove(
    ledger: &Ledger,
    head: &Head,
    number: u64,
) -> Result<Result<(Vec<u8>, String), &'static str>, Undecided> {
    let Some(record) = ledger.body(number)? else { return Ok(Err("there is none")) };
    let size = head.checkpoint.size();
    let Some(hashes) = tree::inclusion(number, size, &mut |level, index| ledger.hash(level, index))? else {
        return Ok(Err("no checkpoint covers it yet"));
    };
    let proof = Proof { index: number, hashes, checkpoint: head.note.clone() };
    match proof.check(&record, &head.key) {
        Ok(_) => Ok(Ok((record, proof.to_string()))),
        Err(error) => Err(head::damaged(ledger, &format!("record {number}: {error}"))),
    }
}

fn write(file: &Path, bytes: &[u8]) -> Result<(), Undecided> {
    fs::write(file, bytes).map_err(|error| Undecided::server(format!("writing `{}`", file.display()), error))
}
