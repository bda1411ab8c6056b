//! `policy explain`: the rules in sentences.

use super::{
    Common, Form, Outcome,
    output::{Output, tell},
    place::{Files, git_dir, now},
};
use crate::{
    Undecided,
    git::{Quarantine, References, Repository},
    policy::{Mode, Policy, Rule, Unmatched},
    push::{Evidence, RefName, Timestamp},
    report::{SCHEMA, date, escaped},
    run::{self, Loaded},
};
use clap::Args;
use serde_json::json;

/// Says every rule that applies to a ref and what it asks. Symbolic refs are followed where a repository is around.
#[derive(Args, Debug)]
pub(super) struct Arguments {
    /// The ref; `main` stands for `refs/heads/main`, `HEAD` for the default branch
    #[arg(value_name = "REF")]
    name: String,
    /// The repository's name, such as `infra/dns` [default: its path below the policy's
    /// `repositories-root`; with a `server` that states names, unknown, which every rule matches]
    #[arg(long, value_name = "NAME")]
    repository: Option<String>,
}

pub(super) fn run(common: &Common, arguments: &Arguments, output: &mut Output) -> Result<Outcome, Undecided> {
    let git_dir = git_dir(common);
    let files = Files::new(common)?;
    let (policies, repository) = match git_dir {
        Ok(git_dir) => (files.policies(common, &git_dir)?, Some(Repository::open(&git_dir, &Quarantine::default())?)),
        Err(missing) if common.policy.is_none() => return Err(missing),
        Err(_) => (files.policies(common, std::path::Path::new("."))?, None),
    };
    let references = repository.as_ref().map(Repository::references).transpose()?.unwrap_or_default();
    let Some(name) = ref_name(&arguments.name, &references) else {
        tell(&escaped(&format!("error: `{}` is not the name of a ref", arguments.name)));
        tell("\n");
        return Ok(Outcome::Usage);
    };
    let full = name.to_string();
    let now = now()?;
    let mut shown = Vec::new();
    for loaded in &policies {
        let repository_name = match (&arguments.repository, &repository) {
            (Some(name), _) => Some(name.clone().into_bytes()),
            (None, Some(repository)) => loaded.repository_name(repository.git_dir(), &Evidence::default()),
            (None, None) => None,
        };
        let matching = run::rules_in_force(loaded, &name, &references, repository_name.as_deref());
        let rules: Vec<_> = matching.iter().filter_map(|&rule| loaded.policy.rules.get(rule)).collect();
        match common.format {
            Form::Json => shown.push(json!({
                "policy": loaded.path.to_string_lossy(),
                "unmatched": rules.is_empty().then(|| unmatched(&loaded.policy)),
                "rules": rules.iter().map(|rule| json!({
                    "name": rule.name, "line": rule.line, "mode": mode(rule, now), "asks": sentences(rule),
                })).collect::<Vec<_>>(),
            })),
            Form::Human | Form::Porcelain => {
                output.line(&format!("{} under {}:", escaped(&full), escaped(&loaded.path.to_string_lossy())))?;
                for rule in &rules {
                    describe(loaded, rule, now, output)?;
                }
                if rules.is_empty() {
                    output.line(&format!("  no rule matches; {}", unmatched(&loaded.policy)))?;
                }
            }
        }
    }
    if common.format == Form::Json {
        output.line(&json!({ "schema": SCHEMA, "ref": full, "policies": shown }).to_string())?;
    }
    Ok(Outcome::Good)
}

/// `HEAD` is the default branch, as in a policy; what is not full is a branch.
fn ref_name(written: &str, references: &References) -> Option<RefName> {
    match written {
        "HEAD" => references.head.clone(),
        full if full.starts_with("refs/") => RefName::new(full.as_bytes()),
        branch => RefName::new(format!("refs/heads/{branch}").as_bytes()),
    }
}

/// A rule and what it asks, a few lines.
pub(super) fn describe(loaded: &Loaded, rule: &Rule, now: Timestamp, output: &mut Output) -> Result<(), Undecided> {
    let file = loaded.path.file_name().unwrap_or(loaded.path.as_os_str()).to_string_lossy();
    output.line(&escaped(&format!("  rule `{}` ({file}:{}): {}", rule.name, rule.line, mode(rule, now))))?;
    output.line(&escaped(&format!("    applies to {}", rule.scope())))?;
    for sentence in sentences(rule) {
        output.line(&escaped(&format!("    {sentence}")))?;
    }
    Ok(())
}

/// What happens to refs that no rule matches.
pub(super) fn unmatched(policy: &Policy) -> String {
    match policy.unmatched {
        Unmatched::Accept => "refs that no rule matches are accepted".to_owned(),
        Unmatched::Refuse => "refs that no rule matches are refused".to_owned(),
    }
}

fn mode(rule: &Rule, now: Timestamp) -> String {
    let mode = match rule.mode_at(now) {
        Mode::Enforce => "enforced",
        Mode::Warn => "warns, refuses nothing",
        Mode::Observe => "observes, says nothing",
        Mode::Off => "off",
    };
    match rule.enforced_from().filter(|&from| now < from) {
        Some(from) => format!("{mode}; from {} enforced", date(from)),
        None => mode.to_owned(),
    }
}

fn sentences(rule: &Rule) -> Vec<String> {
    let mut said: Vec<_> = rule.requirements.iter().flat_map(|requirement| requirement.sentences()).collect();
    said.extend(rule.baselines.iter().map(|id| format!("{id} and its ancestors are trusted as they are")));
    said
}
