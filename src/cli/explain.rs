//! `policy explain`: the rules in sentences.

use super::{
    Common, Form, Outcome,
    output::{Output, tell},
    place::{Files, git_dir, now},
};
use crate::{
    Undecided,
    git::{Quarantine, References, Repository},
    policy::{Mode, Policy, Rule, Unmatched, rules},
    push::{Evidence, RefName, Timestamp},
    registry::Signer,
    report::{SCHEMA, date, escaped},
    run::{self, Loaded},
};
use clap::Args;
use serde_json::json;

/// Says every rule that applies to a ref and what it asks. Symbolic refs are followed where a repository is around.
///
/// With `--as`, what each rule means for one person. With `--manual`, how a requirement is written, and no ref.
#[derive(Args, Debug)]
pub(super) struct Arguments {
    /// The ref; `main` stands for `refs/heads/main`, `HEAD` for the default branch
    #[arg(value_name = "REF", required_unless_present = "manual", conflicts_with = "manual")]
    name: Option<String>,
    /// What each rule means for this person, an id or email of the registry
    #[arg(long = "as", value_name = "SIGNER", conflicts_with = "manual")]
    signer: Option<String>,
    /// The manual page of a requirement, such as `signatures`
    #[arg(long, value_name = "KIND")]
    manual: Option<String>,
    /// The repository's name, such as `infra/dns` [default: its path below the policy's `repositories-root`; with a `server`
    /// that states names, unknown, which every rule matches]
    #[arg(long, value_name = "NAME")]
    repository: Option<String>,
}

pub(super) fn run(common: &Common, arguments: &Arguments, output: &mut Output) -> Result<Outcome, Undecided> {
    if let Some(kind) = &arguments.manual {
        return manual(common, kind, output);
    }
    let git_dir = git_dir(common);
    let files = Files::new(common)?;
    let (policies, repository) = match git_dir {
        Ok(git_dir) => (files.policies(common, &git_dir)?, Some(Repository::open(&git_dir, &Quarantine::default())?)),
        Err(missing) if common.policy.is_none() => return Err(missing),
        Err(_) => (files.policies(common, std::path::Path::new("."))?, None),
    };
    let references = repository.as_ref().map(Repository::references).transpose()?.unwrap_or_default();
    let written = arguments.name.as_deref().unwrap_or_default();
    let Some(name) = ref_name(written, &references) else {
        return usage(&format!("`{written}` is not the name of a ref"));
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
        let person = match arguments.signer.as_deref().map(|name| Person::find(name, loaded)) {
            Some(Err(mistake)) => return usage(&mistake),
            found => found.and_then(Result::ok),
        };
        let for_person = |rule: &Rule| person.as_ref().map(|person| person.sentences(rule, now));
        let matching = run::rules_in_force(loaded, &name, &references, repository_name.as_deref());
        let rules: Vec<_> = matching.iter().filter_map(|&rule| loaded.policy.rules.get(rule)).collect();
        match common.format {
            Form::Json => shown.push(json!({
                "policy": loaded.path.to_string_lossy(),
                "unmatched": rules.is_empty().then(|| unmatched(&loaded.policy)),
                "rules": rules.iter().map(|rule| json!({
                    "name": rule.name, "line": rule.line, "mode": mode(rule, now), "asks": sentences(rule),
                    "as": for_person(rule),
                })).collect::<Vec<_>>(),
            })),
            Form::Human | Form::Porcelain | Form::Csv | Form::Html | Form::Prometheus => {
                output.line(&format!("{} under {}:", escaped(&full), escaped(&loaded.path.to_string_lossy())))?;
                for rule in &rules {
                    describe(loaded, rule, now, output)?;
                    for sentence in for_person(rule).into_iter().flatten() {
                        output.line(&escaped(&format!("    {sentence}")))?;
                    }
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

/// Whom `--as` names.
struct Person<'a>(&'a Signer);

impl<'a> Person<'a> {
    /// The one signer that has this id or email.
    fn find(name: &str, loaded: &'a Loaded) -> Result<Self, String> {
        let registry = loaded.path.to_string_lossy();
        let ids = loaded.registry.named(name);
        match ids.as_slice() {
            [id] => loaded.registry.signer(id).map(Self).ok_or_else(|| {
                format!(
                    "`{name}` has no entry of their own in the registry of {registry}, only an authority's certificate"
                )
            }),
            [] => Err(format!("nobody in the registry of {registry} is `{name}`")),
            several => {
                let ids: Vec<_> = several.iter().map(|id| id.0.as_str()).collect();
                Err(format!("`{name}` is several people: `{}`; give an id", ids.join("`, `")))
            }
        }
    }

    /// What a rule means for them.
    fn sentences(&self, rule: &Rule, now: Timestamp) -> Vec<String> {
        let id = &self.0.id.0;
        let mut said = Vec::new();
        if self.0.until.is_some_and(|until| until <= now) {
            said.push(format!("`{id}` has left: no signature of theirs counts any more, whatever follows"));
        }
        let each = rule.requirements.iter().flat_map(|requirement| requirement.sentences_for(self.0));
        said.extend(each.map(|sentence| format!("`{id}` {sentence}")));
        said
    }
}

fn usage(mistake: &str) -> Result<Outcome, Undecided> {
    tell(&escaped(&format!("error: {mistake}")));
    tell("\n");
    Ok(Outcome::Usage)
}

/// How a requirement is written.
fn manual(common: &Common, kind: &str, output: &mut Output) -> Result<Outcome, Undecided> {
    let Some(page) = rules::manual(kind) else {
        return usage(&format!("there is no requirement `{kind}`; there are `{}`", rules::KEYS.join("`, `")));
    };
    match common.format {
        Form::Json => output.line(&json!({ "schema": SCHEMA, "kind": kind, "manual": page }).to_string())?,
        Form::Human | Form::Porcelain | Form::Csv | Form::Html | Form::Prometheus => output.write(&page)?,
    }
    Ok(Outcome::Good)
}

/// `HEAD` is the default branch, as in a policy; what is not full is a branch.
pub(super) fn ref_name(written: &str, references: &References) -> Option<RefName> {
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
    said.extend(rule.baseline_received.map(|moment| {
        let written =
            jiff::Timestamp::from_second(moment.0).map_or_else(|_| moment.0.to_string(), |moment| moment.to_string());
        format!("what was received or adopted before {written} is trusted as it is")
    }));
    said
}
