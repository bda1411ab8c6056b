//! `policy`, and of its commands `check`: all mistakes at once, else what the policy protects.

use super::{
    Common, Form, Outcome, diff, explain, install,
    output::{Output, tell},
    place::{Files, git_dir, now},
    replay, rollback,
};
use crate::{
    Undecided,
    document::Problem,
    git::{Quarantine, Repository},
    policy::{Lint, Mode, Policy, Server, lints},
    push::Timestamp,
    registry::{Kind, Registry},
    report::{SCHEMA, diagnostics, escaped},
    run::{Loaded, Unusable},
};
use clap::{Args, Subcommand};
use serde_json::json;
use std::path::{Path, PathBuf};

#[derive(Subcommand, Debug)]
pub(super) enum Commands {
    /// Reports every mistake of a policy file with its place; without any, what it protects
    Check(Check),
    /// Says which rules apply to a ref, and what they ask
    Explain(explain::Arguments),
    /// Says what becomes weaker from one policy to another, and what stricter
    Diff(diff::Arguments),
    /// Says what the policy would have said to existing history, by person and reason
    Replay(replay::Arguments),
    /// Puts a policy in force and keeps the former one
    Install(install::Arguments),
    /// Brings the former policy back, at once; a second one undoes it
    ///
    /// Which policy: as for `install`. Exit status 1, and nothing changes, if the former one has mistakes by now.
    Rollback,
}

/// Exit status 1 if there are mistakes. Warnings are about what is allowed and surprises.
#[derive(Args, Debug)]
pub(super) struct Check {
    /// The policy file
    file: PathBuf,
}

pub(super) fn run(common: &Common, commands: &Commands, output: &mut Output) -> Result<Outcome, Undecided> {
    if !common.format.is_usual() {
        tell("error: `policy` has `--format human` and `json`\n");
        return Ok(Outcome::Usage);
    }
    match commands {
        Commands::Check(arguments) => check(common, arguments, output),
        Commands::Explain(arguments) => explain::run(common, arguments, output),
        Commands::Diff(arguments) => diff::run(common, arguments, output),
        Commands::Replay(arguments) => replay::run(common, arguments, output),
        Commands::Install(arguments) => install::run(common, arguments, output),
        Commands::Rollback => rollback::run(common, output),
    }
}

fn check(common: &Common, arguments: &Check, output: &mut Output) -> Result<Outcome, Undecided> {
    let files = Files::new(common)?;
    let loaded = match files.setup().load(&arguments.file) {
        Ok(loaded) => loaded,
        Err(Unusable::Unread(undecided)) => return Err(undecided),
        Err(Unusable::Broken(source, problems)) => {
            return broken(common, &arguments.file, &source, &problems, output);
        }
    };
    let warnings = warnings(common, &loaded, now()?)?;
    if common.format == Form::Json {
        let rules: Vec<_> =
            loaded.policy.rules.iter().map(|rule| json!({ "name": rule.name, "line": rule.line })).collect();
        let value = json!({
            "schema": SCHEMA, "errors": [], "warnings": warnings, "rules": rules,
            "server": loaded.policy.server.map(Server::name), "ledger": loaded.ledger.to_string_lossy(),
        });
        output.line(&value.to_string())?;
        return Ok(Outcome::Good);
    }
    for warning in &warnings {
        output.line(&escaped(&format!("warning: {warning}")))?;
    }
    output.line(&format!("{}: no mistakes", escaped(&arguments.file.to_string_lossy())))?;
    for rule in &loaded.policy.rules {
        explain::describe(&loaded, rule, now()?, output)?;
    }
    output.line(&explain::unmatched(&loaded.policy))?;
    output.line(&in_short(&loaded.policy, &loaded.registry, now()?))?;
    output.line(&escaped(&format!("every decision is recorded in {}", loaded.ledger.display())))?;
    Ok(Outcome::Good)
}

/// How many rules do what, and how many sign.
fn in_short(policy: &Policy, registry: &Registry, now: Timestamp) -> String {
    let rules = |mode: Mode| policy.rules.iter().filter(|rule| rule.mode_at(now) == mode).count();
    let signers = |kind: Kind| registry.signers().filter(|signer| signer.kind == kind).count();
    let counted = |count: usize, word: &str| (count > 0).then(|| format!("{count} {word}"));
    let modes =
        [(Mode::Enforce, "enforced"), (Mode::Warn, "in `warn`"), (Mode::Observe, "in `observe`"), (Mode::Off, "off")];
    let modes: Vec<_> = modes.iter().filter_map(|&(mode, word)| counted(rules(mode), word)).collect();
    let kinds = [(Kind::Person, "registered as people"), (Kind::Bot, "as bots"), (Kind::Forge, "as forges")];
    let kinds: Vec<_> = kinds.iter().filter_map(|&(kind, word)| counted(signers(kind), word)).collect();
    let or = |parts: Vec<String>, none: &str| if parts.is_empty() { none.to_owned() } else { parts.join(", ") };
    format!("rules: {}; signers: {}", or(modes, "none"), or(kinds, "nobody"))
}

/// All mistakes of a file.
pub(super) fn broken(
    common: &Common,
    file: &Path,
    source: &str,
    problems: &[Problem],
    output: &mut Output,
) -> Result<Outcome, Undecided> {
    match common.format {
        Form::Json => {
            let problems = diagnostics::json(file, source, problems);
            output.line(&json!({ "schema": SCHEMA, "errors": problems, "warnings": [] }).to_string())?;
        }
        Form::Human | Form::Porcelain | Form::Csv | Form::Html | Form::Prometheus => {
            tell(&diagnostics::rendered(file, source, problems, output.coloured));
        }
    }
    Ok(Outcome::NotGood)
}

/// What is allowed and surprises.
pub(super) fn warnings(common: &Common, loaded: &Loaded, now: Timestamp) -> Result<Vec<String>, Undecided> {
    let surprises = lints(&loaded.policy, &loaded.registry, now);
    let mut warnings: Vec<_> = surprises.iter().map(|Lint { line, what }| format!("line {line}: {what}")).collect();
    // A policy may be checked anywhere, also in a clone that it does not protect.
    if common.repo.is_none() {
        return Ok(warnings);
    }
    let git_dir = git_dir(common)?;
    let repository = Repository::open(&git_dir, &Quarantine::default())?;
    let references = repository.references()?;
    let refs = repository.all_refs()?;
    let default_branch = references.head.as_ref().map(crate::push::RefName::as_bytes);
    for rule in &loaded.policy.rules {
        let matches = |name: &[u8]| rule.matches(&[name], default_branch, None);
        if !refs.iter().any(|(name, _)| matches(name.as_bytes())) && !default_branch.is_some_and(matches) {
            warnings.push(format!("line {}: rule `{}` matches no ref of this repository", rule.line, rule.name));
        }
        for &baseline in &rule.baselines {
            if repository.header(baseline)?.is_none() {
                warnings.push(format!(
                    "line {}: rule `{}`: this repository lacks the baseline {baseline}",
                    rule.line, rule.name
                ));
            }
        }
    }
    Ok(warnings)
}
