//! `policy diff`: what becomes weaker.

use super::{Common, Form, Outcome, output::Output, place::Files};
use crate::{
    Undecided,
    policy::diff::{Difference, Direction, differences},
    report::{SCHEMA, escaped},
    run::Unusable,
};
use clap::Args;
use serde_json::json;
use std::path::{Path, PathBuf};

/// Compares rules by their names, and key by key. `changed` means that it cannot be told, and may be weaker.
///
/// Exit status 1 if anything becomes weaker or changed. Each policy is read with its own registry, whose people are not
/// compared.
#[derive(Args, Debug)]
pub(super) struct Arguments {
    /// The policy as it is
    old: PathBuf,
    /// The policy as it would be
    new: PathBuf,
}

pub(super) fn run(common: &Common, arguments: &Arguments, output: &mut Output) -> Result<Outcome, Undecided> {
    let files = Files::new(common)?;
    let load = |path: &Path| files.setup().load(path).map_err(|unusable: Unusable| unusable.into_undecided(path));
    let (old, new) = (load(&arguments.old)?, load(&arguments.new)?);
    let found = differences(&old.policy, &new.policy);
    match common.format {
        Form::Json => {
            let found: Vec<_> = found.iter().map(as_json).collect();
            output.line(&json!({ "schema": SCHEMA, "differences": found }).to_string())?;
        }
        Form::Human | Form::Porcelain | Form::Csv | Form::Html | Form::Prometheus => {
            for difference in &found {
                output.line(&escaped(&difference.to_string()))?;
            }
            if found.is_empty() {
                output.line("no difference in what is accepted")?;
            }
        }
    }
    let weaker = |difference: &Difference| matches!(difference.direction, Direction::Weaker | Direction::Changed);
    Ok(if found.iter().any(weaker) { Outcome::NotGood } else { Outcome::Good })
}

fn as_json(difference: &Difference) -> serde_json::Value {
    json!({
        "direction": difference.direction.word(), "rule": difference.rule, "key": difference.key,
        "old": difference.old, "new": difference.new,
    })
}
