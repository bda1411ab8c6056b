//! `registry check`, `registry list` and `registry show`; those that edit are in files of their own.

mod accepting;
mod adding;
mod editing;
mod impact;
mod pending;

pub(super) use editing::{fingerprint, moment};

use super::{
    Common, Form, Outcome,
    output::{Output, tell},
    place::{Files, now},
};
use crate::{
    Undecided,
    document::{nearest, seconds},
    push::Timestamp,
    registry::{BrokenSigners, Entry, Kind, Registry, SignerId},
    report::{SCHEMA, diagnostics, escaped},
    signature::Format,
};
use clap::{Args, Subcommand};
use serde_json::json;
use std::path::PathBuf;

#[derive(Subcommand, Debug)]
pub(super) enum Commands {
    /// Names every line that grants nothing and every key whose owner is ambiguous
    Check(Arguments),
    /// People and their keys, with states and expiry
    List(List),
    /// Shows a person and their keys
    Show(Show),
    Pending(pending::Pending),
    Accept(accepting::Accept),
    Add(adding::Add),
    Import(adding::Import),
    Retire(editing::Retire),
    Leave(editing::Leave),
    Compromise(editing::Compromise),
}

#[derive(Args, Debug)]
pub(super) struct Arguments {
    /// The registry folder [default: that of the policy in force; outside a repository, of the site's]
    #[arg(value_name = "DIR")]
    folder: Option<PathBuf>,
    /// The same, as the commands that edit it are told
    #[arg(long, value_name = "DIR", conflicts_with = "folder")]
    registry: Option<PathBuf>,
}

#[derive(Args, Debug)]
pub(super) struct List {
    #[command(flatten)]
    place: Arguments,
    /// Only keys that stop counting within that time, the next first: they expire, are retired, or their person leaves.
    /// Such as `30d` or `12h`
    #[arg(long, value_name = "DURATION", value_parser = duration)]
    expiring: Option<i64>,
}

#[derive(Args, Debug)]
pub(super) struct Show {
    /// Whose id it is, as `registry list` shows it
    #[arg(value_name = "ID")]
    id: String,
    #[command(flatten)]
    place: Arguments,
}

fn duration(text: &str) -> Result<i64, String> {
    seconds(text).ok_or_else(|| "a duration such as 90s, 15m, 72h or 30d".to_owned())
}

/// Exit status 1 where `check` has something to say.
pub(super) fn run(common: &Common, commands: &Commands, output: &mut Output) -> Result<Outcome, Undecided> {
    if !common.format.is_usual() {
        tell("error: `registry` has `--format human` and `json`\n");
        return Ok(Outcome::Usage);
    }
    let result = match commands {
        Commands::Check(arguments) => {
            registries(common, arguments).and_then(|registries| check(common, &registries, output))
        }
        Commands::List(arguments) => {
            return list(common, &registries(common, &arguments.place)?, arguments.expiring, output);
        }
        Commands::Show(arguments) => {
            return show(common, &registries(common, &arguments.place)?, &arguments.id, output);
        }
        Commands::Pending(arguments) => pending::run(common, arguments, output),
        Commands::Accept(arguments) => accepting::run(common, arguments, output),
        Commands::Add(arguments) => adding::add(common, arguments, output),
        Commands::Import(arguments) => adding::import(common, arguments, output),
        Commands::Retire(arguments) => editing::retire(common, arguments, output),
        Commands::Leave(arguments) => editing::leave(common, arguments, output),
        Commands::Compromise(arguments) => editing::compromise(common, arguments, output),
    };
    result.or_else(|undecided| broken(common, undecided, output))
}

fn registries(common: &Common, arguments: &Arguments) -> Result<Vec<Registry>, Undecided> {
    let files = Files::new(common)?;
    if let Some(folder) = arguments.folder.as_ref().or(arguments.registry.as_ref()) {
        return Ok(vec![files.setup().registry(folder, &[])?]);
    }
    Ok(files.policies_here(common)?.into_iter().map(|loaded| loaded.registry).collect())
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
        Form::Human | Form::Porcelain | Form::Csv | Form::Html | Form::Prometheus => {
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
        Form::Human | Form::Porcelain | Form::Csv | Form::Html | Form::Prometheus => {
            tell(&diagnostics::rendered(path, source, problems, output.coloured));
        }
    }
    Ok(Outcome::NotGood)
}

fn list(
    common: &Common,
    registries: &[Registry],
    expiring: Option<i64>,
    output: &mut Output,
) -> Result<Outcome, Undecided> {
    let now = now()?;
    let mut entries: Vec<_> = registries.iter().flat_map(|registry| registry.list(now)).collect();
    if let Some(seconds) = expiring {
        let last = Timestamp(now.0.saturating_add(seconds));
        entries.retain(|entry| entry.ends.is_some_and(|end| end <= last));
        entries.sort_by_key(|entry| entry.ends);
    }
    match common.format {
        Form::Json => {
            let keys: Vec<_> = entries.iter().map(key_json).collect();
            output.line(&json!({ "schema": SCHEMA, "keys": keys }).to_string())?;
        }
        Form::Human | Form::Porcelain | Form::Csv | Form::Html | Form::Prometheus => {
            let name =
                |signer: &Option<SignerId>| signer.as_ref().map_or_else(|| "(nobody)".to_owned(), |id| escaped(&id.0));
            let width = entries.iter().map(|entry| name(&entry.signer).chars().count()).max().unwrap_or(0);
            for entry in &entries {
                output.line(&format!("{:<width$}  {}", name(&entry.signer), key_line(entry)))?;
            }
        }
    }
    Ok(Outcome::Good)
}

/// Whoever has this id, with all there is of them, in each registry that knows them.
fn show(common: &Common, registries: &[Registry], id: &str, output: &mut Output) -> Result<Outcome, Undecided> {
    let (now, id) = (now()?, SignerId(id.to_owned()));
    let mut known = false;
    for registry in registries {
        let keys: Vec<_> = registry.list(now).into_iter().filter(|entry| entry.signer.as_ref() == Some(&id)).collect();
        let Some(signer) = registry.signer(&id) else { continue };
        known = true;
        let until = time_text(signer.until);
        let kind = match signer.kind {
            Kind::Person => "person",
            Kind::Bot => "bot",
            Kind::Forge => "forge",
        };
        match common.format {
            Form::Json => {
                let keys: Vec<_> = keys.iter().map(key_json).collect();
                let signer = json!({
                    "id": signer.id.0, "name": signer.name, "emails": signer.emails, "accounts": signer.accounts,
                    "groups": signer.groups, "kind": kind, "until": until,
                });
                output.line(&json!({ "schema": SCHEMA, "signer": signer, "keys": keys }).to_string())?;
            }
            Form::Human | Form::Porcelain | Form::Csv | Form::Html | Form::Prometheus => {
                output.line(&escaped(&id.0))?;
                for (what, text) in [
                    ("name", signer.name.clone().unwrap_or_default()),
                    ("emails", signer.emails.join(", ")),
                    ("accounts", signer.accounts.join(", ")),
                    ("groups", signer.groups.join(", ")),
                    ("kind", kind.to_owned()),
                    ("until", until.unwrap_or_default()),
                ] {
                    if !text.is_empty() {
                        output.line(&format!("  {what:<8}  {}", escaped(&text)))?;
                    }
                }
                for entry in &keys {
                    output.line(&format!("  {:<8}  {}", "key", key_line(entry)))?;
                }
            }
        }
    }
    if known {
        return Ok(Outcome::Good);
    }
    let ids = registries.iter().flat_map(|registry| registry.signers()).map(|signer| signer.id.0.as_str());
    let near = nearest(&id.0, ids).map(|near| format!("; did you mean `{near}`?")).unwrap_or_default();
    tell(&format!("error: {}\n", escaped(&format!("nobody in the registry is `{}`{near}", id.0))));
    Ok(Outcome::NotGood)
}

fn time_text(at: Option<Timestamp>) -> Option<String> {
    at.and_then(|at| jiff::Timestamp::from_second(at.0).ok()).map(|at| at.to_string())
}

fn key_json(entry: &Entry) -> serde_json::Value {
    json!({
        "signer": entry.signer.as_ref().map(|id| &id.0), "fingerprint": entry.key.to_string(),
        "format": entry.format.name(), "state": entry.state, "expires": time_text(entry.expires),
    })
}

fn key_line(entry: &Entry) -> String {
    let expires = time_text(entry.expires).map(|at| format!(", until {at}")).unwrap_or_default();
    format!("{:<8} {} {}{expires}", entry.format.name(), entry.key, escaped(&entry.state))
}
