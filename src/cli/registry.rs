//! `registry check` and `registry list`; those that edit are in files of their own.

mod adding;
mod editing;

use super::{
    Common, Form, Outcome,
    output::{Output, tell},
    place::{Files, git_dir, now},
};
use crate::{
    Undecided,
    registry::{BrokenSigners, Entry, Registry},
    report::{SCHEMA, diagnostics, escaped},
    signature::Format,
};
use clap::{Args, Subcommand};
use serde_json::json;
use std::path::{Path, PathBuf};

#[derive(Subcommand, Debug)]
pub(super) enum Commands {
    /// Names every line that grants nothing and every key whose owner is ambiguous
    Check(Arguments),
    /// People and their keys, with states and expiry
    List(Arguments),
    Add(adding::Add),
    Retire(editing::Retire),
    Leave(editing::Leave),
    Compromise(editing::Compromise),
}

#[derive(Args, Debug)]
pub(super) struct Arguments {
    /// The registry folder [default: that of the policy in force]
    #[arg(value_name = "DIR")]
    folder: Option<PathBuf>,
}

/// Exit status 1 where `check` has something to say.
pub(super) fn run(common: &Common, commands: &Commands, output: &mut Output) -> Result<Outcome, Undecided> {
    if common.format == Form::Porcelain {
        tell("error: `registry` has `--format human` and `json`\n");
        return Ok(Outcome::Usage);
    }
    let result = match commands {
        Commands::Check(arguments) => {
            registries(common, arguments).and_then(|registries| check(common, &registries, output))
        }
        Commands::List(arguments) => return list(common, &registries(common, arguments)?, output),
        Commands::Add(arguments) => adding::add(common, arguments, output),
        Commands::Retire(arguments) => editing::retire(common, arguments, output),
        Commands::Leave(arguments) => editing::leave(common, arguments, output),
        Commands::Compromise(arguments) => editing::compromise(common, arguments, output),
    };
    result.or_else(|undecided| broken(common, undecided, output))
}

fn registries(common: &Common, arguments: &Arguments) -> Result<Vec<Registry>, Undecided> {
    let files = Files::new(common)?;
    if let Some(folder) = &arguments.folder {
        return Ok(vec![files.setup().registry(folder, &[])?]);
    }
    let git_dir = match (&common.policy, git_dir(common)) {
        (_, Ok(git_dir)) => git_dir,
        (Some(_), Err(_)) => Path::new(".").to_owned(),
        (None, Err(missing)) => return Err(missing),
    };
    Ok(files.policies(common, &git_dir)?.into_iter().map(|loaded| loaded.registry).collect())
}

fn check(common: &Common, registries: &[Registry], output: &mut Output) -> Result<Outcome, Undecided> {
    let now = now()?;
    let lints: Vec<_> = registries.iter().flat_map(|registry| registry.check(now)).collect();
    match common.format {
        Form::Json => {
            let lints: Vec<_> =
                lints.iter().map(|lint| json!({ "file": lint.file, "line": lint.line, "what": lint.what })).collect();
            output.line(&json!({ "schema": SCHEMA, "errors": [], "warnings": lints }).to_string())?;
        }
        Form::Human | Form::Porcelain => {
            for lint in &lints {
                let line = lint.line.map(|line| format!(":{line}")).unwrap_or_default();
                output.line(&escaped(&format!("warning: {}{line}: {}", lint.file, lint.what)))?;
            }
            if lints.is_empty() {
                output.line(&nothing_amiss(registries.iter().flat_map(|registry| registry.list(now))))?;
            }
        }
    }
    Ok(if lints.is_empty() { Outcome::Good } else { Outcome::NotGood })
}

/// An authority is nobody's: whom it certifies, its certificates say.
fn nothing_amiss(entries: impl Iterator<Item = Entry>) -> String {
    let (authorities, keys): (Vec<_>, Vec<_>) = entries.partition(|entry| entry.format == Format::SshCert);
    let keys = match keys.len() {
        0 => None,
        1 => Some("1 key, with one owner".to_owned()),
        keys => Some(format!("{keys} keys, each with one owner")),
    };
    let authorities = match authorities.len() {
        0 => None,
        1 => Some("1 authority".to_owned()),
        authorities => Some(format!("{authorities} authorities")),
    };
    match (keys, authorities) {
        (Some(keys), Some(authorities)) => format!("{keys}; {authorities}"),
        (Some(one), None) | (None, Some(one)) => one,
        (None, None) => "nobody is registered".to_owned(),
    }
}

/// A `signers.toml` with mistakes is shown with all of them.
fn broken(common: &Common, undecided: Undecided, output: &mut Output) -> Result<Outcome, Undecided> {
    let Some(BrokenSigners { path, source, problems }) = undecided.cause.downcast_ref() else { return Err(undecided) };
    match common.format {
        Form::Json => {
            let errors = diagnostics::json(path, source, problems);
            output.line(&json!({ "schema": SCHEMA, "errors": errors, "warnings": [] }).to_string())?;
        }
        Form::Human | Form::Porcelain => {
            tell(&diagnostics::rendered(path, source, problems, output.coloured));
        }
    }
    Ok(Outcome::NotGood)
}

fn list(common: &Common, registries: &[Registry], output: &mut Output) -> Result<Outcome, Undecided> {
    let now = now()?;
    let entries: Vec<_> = registries.iter().flat_map(|registry| registry.list(now)).collect();
    let until = |at: Option<crate::push::Timestamp>| {
        at.and_then(|at| jiff::Timestamp::from_second(at.0).ok()).map(|at| at.to_string())
    };
    match common.format {
        Form::Json => {
            let keys: Vec<_> = entries
                .iter()
                .map(|entry| {
                    json!({
                        "signer": entry.signer.as_ref().map(|id| &id.0), "fingerprint": entry.key.to_string(),
                        "format": entry.format.name(), "state": entry.state, "expires": until(entry.expires),
                    })
                })
                .collect();
            output.line(&json!({ "schema": SCHEMA, "keys": keys }).to_string())?;
        }
        Form::Human | Form::Porcelain => {
            let name = |signer: &Option<crate::registry::SignerId>| {
                signer.as_ref().map_or_else(|| "(nobody)".to_owned(), |id| escaped(&id.0))
            };
            let width = entries.iter().map(|entry| name(&entry.signer).chars().count()).max().unwrap_or(0);
            for entry in &entries {
                let expires = until(entry.expires).map(|at| format!(", until {at}")).unwrap_or_default();
                let (who, format, state) = (name(&entry.signer), entry.format.name(), &entry.state);
                output.line(&format!("{who:<width$}  {format:<8} {} {}{expires}", entry.key, escaped(state)))?;
            }
        }
    }
    Ok(Outcome::Good)
}
