//! `ledger rotate-key`: a new key signs from now on.

use super::Place;
use crate::{
    Undecided,
    cli::{Common, Form, Outcome, kept, output::Output, place::now},
    report::{SCHEMA, escaped},
};
use clap::Args;
use serde_json::json;

/// Has a new key sign the ledger, after the old one may have been seen by others, or as often as you like.
///
/// A record names the new key, and the checkpoint over that record is signed with both: whoever has one of the keys can
/// verify all of the ledger. The former public key stays in the folder as `key.former-1.pub`; the former secret key goes.
///
/// This does not undo what was done with a stolen key: checkpoints kept elsewhere show whether anything was.
#[derive(Args, Debug)]
pub(in crate::cli) struct Arguments {
    #[command(flatten)]
    place: Place,
}

pub(super) fn run(common: &Common, arguments: &Arguments, output: &mut Output) -> Result<Outcome, Undecided> {
    let mut ledger = kept::to_write(common, arguments.place.ledger.as_deref())?;
    let now = now()?;
    let (appended, key) = ledger.rotate_key(&|| now)?;
    match common.format {
        Form::Json => output.line(
            &json!({
                "schema": SCHEMA, "record": appended.last, "key": key.to_string(), "checkpoint": appended.checkpoint,
            })
            .to_string(),
        )?,
        Form::Human | Form::Porcelain | Form::Csv | Form::Html | Form::Prometheus => {
            output.line(&escaped(&format!("record {}: from now on the key is {key}", appended.last)))?;
            let file = ledger.folder().join("key.pub");
            output
                .line(&escaped(&format!("hand it out to auditors, and keep a backup of `key`: {}", file.display())))?;
        }
    }
    Ok(Outcome::Good)
}
