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
    policy::{
        Mode, Rule, Server,
        facts::{Forges, Via},
    },
    push::Timestamp,
    registry::Registry,
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
    if common.format == Form::Porcelain {
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
        let value = json!({ "schema": SCHEMA, "errors": [], "warnings": warnings, "rules": rules });
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
    Ok(Outcome::Good)
}

/// What a rule asks of the pusher that this server gives no way to know.
fn asks_in_vain(rule: &Rule, server: Option<Server>, registry: &Registry) -> impl Iterator<Item = String> {
    let unsigned = !rule.requires_push_certificate();
    let web = !matches!(server, Some(Server::Plain | Server::Http | Server::Gitolite));
    let nobody = match server {
        Some(server) if rule.terms.forge != Forges::Refuse && !web => {
            Some(format!("`forge` lets in nothing that a forge signed: a `{}` server is none", server.name()))
        }
        None if rule.asks_who_pushed() && unsigned => {
            Some("it asks who pushed, and without `server` only a push certificate says".to_owned())
        }
        Some(server) if rule.asks_who_pushed() && unsigned && !registry.knows_whoever_pushes(server.name()) => Some(
            "it asks who pushed, and nobody in `signers.toml` has an account there; only a push certificate says"
                .to_owned(),
        ),
        None | Some(_) => None,
    };
    let mute = matches!(server, None | Some(Server::Pagure));
    let how = (rule.asks_how_it_came_about() && mute).then(|| match server {
        Some(server) => {
            format!("`via` refuses every push: a `{}` server does not say how changes come about", server.name())
        }
        None => "`via` refuses every push: without `server`, nothing says how changes come about".to_owned(),
    });
    let certificate = (!unsigned && server == Some(Server::Gitlab))
        .then(|| "`certificate` refuses every push: GitLab passes no push certificate to hooks".to_owned());
    let lets = |way| rule.admits(way);
    let other = match server {
        Some(Server::Gitlab) if !lets(Via::Push) && !lets(Via::Web) => Some(
            "`via` refuses every push: GitLab does not tell a merge from an edit, so list both or neither".to_owned(),
        ),
        Some(server @ (Server::Plain | Server::Http | Server::Gitolite)) if !lets(Via::Push) => Some(format!(
            "`via` refuses every push: on a `{}` server every change is a push, and `via` does not list it",
            server.name()
        )),
        None
        | Some(
            Server::Plain
            | Server::Http
            | Server::Gitolite
            | Server::Gitea
            | Server::Forgejo
            | Server::Gitlab
            | Server::Pagure,
        ) => None,
    };
    [nobody, how, certificate, other].into_iter().flatten()
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
        Form::Human | Form::Porcelain => {
            tell(&diagnostics::rendered(file, source, problems, output.coloured));
        }
    }
    Ok(Outcome::NotGood)
}

/// What is allowed and surprises.
pub(super) fn warnings(common: &Common, loaded: &Loaded, now: Timestamp) -> Result<Vec<String>, Undecided> {
    let mut warnings = Vec::new();
    for (name, line) in loaded.policy.unknown_people(&loaded.registry) {
        warnings.push(format!("line {line}: nobody in the registry is `{name}`"));
    }
    for (name, line) in loaded.policy.people_who_left(&loaded.registry, now) {
        warnings.push(format!("line {line}: `{name}` has left, and signs nothing any more"));
    }
    for rule in &loaded.policy.rules {
        let (name, line) = (&rule.name, rule.line);
        if rule.enforced_from().is_some_and(|from| from <= now) {
            warnings.push(format!("line {line}: rule `{name}`: the day of `warn-until` is past; the key can go"));
        }
        if rule.warn_until.is_some() && rule.enforced_from().is_none() {
            warnings.push(format!(
                "line {line}: rule `{name}`: `warn-until` changes nothing: it is for `mode = \"enforce\"`"
            ));
        }
        if rule.asks_tags_in_vain() {
            warnings.push(format!(
                "line {line}: rule `{name}`: `tags` asks nothing: none of its `refs` can match below `refs/tags/`"
            ));
        }
        warnings.extend(
            asks_in_vain(rule, loaded.policy.server, &loaded.registry)
                .map(|why| format!("line {line}: rule `{name}`: {why}")),
        );
        if rule.mode == Mode::Off {
            warnings.push(format!("line {line}: rule `{name}` is off: it protects nothing"));
        }
    }
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
