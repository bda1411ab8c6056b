//! The story of one push.
//!
//! ref updates → new objects → signatures → people → facts → rules → verdict

mod changes;
mod commits;
mod containment;
mod pusher;
mod setup;
mod tip;

pub use setup::{Loaded, SITE_POLICY, Setup, Unusable};

use crate::{
    Undecided,
    git::{References, Repository, Selection},
    policy::{
        Judgement, Reason, Rule, Tally, Unmatched, Verdict,
        facts::{Context, Defect, TagFacts, Terms, UpdateFacts},
        rules::{Needs, Reach},
    },
    push::{Evidence, ObjectId, Push, RefName, RefUpdate, Timestamp, evidence::Certificate},
};
use commits::Pipeline;
use containment::Containment;
use std::collections::BTreeMap;
use tip::Tip;

/// Judges a push under every policy that is in force; each must accept.
///
/// # Errors
/// What could not be found out. It refuses the push.
pub fn judge(
    push: &Push,
    evidence: &Evidence,
    repository: &Repository,
    policies: &[Loaded],
    now: Timestamp,
) -> Result<Verdict, Undecided> {
    judged(push, evidence, repository, policies, now, None).map(|(verdict, _)| verdict)
}

/// Judges what is in the repository already as if this brought it, and counts all that is found, by policy. `on_commit` is
/// called for each commit that is walked over.
///
/// # Errors
/// What could not be found out.
pub fn replay(
    push: &Push,
    repository: &Repository,
    policies: &[Loaded],
    now: Timestamp,
    on_commit: &dyn Fn(),
) -> Result<(Verdict, Vec<Tally>), Undecided> {
    judged(push, &Evidence::default(), repository, policies, now, Some(on_commit))
}

/// Tallies, empty without `on_commit`, beside the verdict.
fn judged(
    push: &Push,
    evidence: &Evidence,
    repository: &Repository,
    policies: &[Loaded],
    now: Timestamp,
    on_commit: Option<&dyn Fn()>,
) -> Result<(Verdict, Vec<Tally>), Undecided> {
    let references = repository.references()?;
    let pusher = |loaded| pusher::pusher(push, evidence, loaded, repository.format(), now);
    let pushers: Vec<_> = policies.iter().map(pusher).collect();
    let mut judgements = Vec::new();
    for (number, (loaded, (pusher, fault))) in policies.iter().zip(&pushers).enumerate() {
        let context = Context { registry: &loaded.registry, now, pusher, terms: Terms::default() };
        let mut judgement = Judgement::under(&loaded.policy, number, context);
        let mut pipeline = Pipeline::new(repository, &loaded.registry, push.updates.len() > 1);
        if let Some(on_commit) = on_commit {
            judgement = judgement.tallying();
            pipeline = pipeline.watched_by(on_commit);
        }
        let mut containment = Containment::new(push, repository, &references, loaded);
        let repository_name = loaded.repository_name(repository.git_dir(), evidence);
        for (at, update) in push.updates.iter().enumerate() {
            let rules = rules_in_force(loaded, &update.name, &references, repository_name.as_deref());
            if let Some(fault) = fault {
                judgement.refuse(at, Reason::PushCertificate(fault.clone()));
            }
            certificates_can_be_seen(loaded, &rules, evidence)?;
            match rules.as_slice() {
                [] => judge_unmatched(loaded, at, update, &mut judgement),
                rules => judge_update(at, rules, &pipeline, &mut containment, &mut judgement)?,
            }
            judgement.seen();
        }
        judgements.push(judgement);
    }
    let tallies = judgements.iter_mut().map(Judgement::take_tally).collect();
    Ok((Verdict::of(judgements, push.updates.len())?, tallies))
}

/// A rule that asks for a push certificate cannot be judged where git shows none.
fn certificates_can_be_seen(loaded: &Loaded, rules: &[usize], evidence: &Evidence) -> Result<(), Undecided> {
    let mut rules = rules.iter().filter_map(|&rule| loaded.policy.rules.get(rule));
    match rules.find(|rule| evidence.certificate == Certificate::Unseen && rule.requires_push_certificate()) {
        Some(rule) => Err(Undecided::server(
            format!("looking for the push certificate that rule `{}` requires", rule.name),
            "git shows it to no `update` hook; the hook has to run `countersign hook pre-receive`",
        )),
        None => Ok(()),
    }
}

/// The rules that match an update under its own name, its symbolic target's or that of a symbolic ref that leads to it.
pub fn rules_in_force(
    loaded: &Loaded,
    name: &RefName,
    references: &References,
    repository_name: Option<&[u8]>,
) -> Vec<usize> {
    let names = references.names_of(name);
    let names: Vec<&[u8]> = names.iter().map(RefName::as_bytes).collect();
    let default_branch = references.head.as_ref().map(RefName::as_bytes);
    let matching = loaded
        .policy
        .rules
        .iter()
        .enumerate()
        .filter(|(_, rule): &(usize, &Rule)| rule.matches(&names, default_branch, repository_name));
    matching.map(|(number, _)| number).collect()
}

fn judge_unmatched(loaded: &Loaded, at: usize, update: &RefUpdate, judgement: &mut Judgement<'_>) {
    if update.name.as_bytes().starts_with(b"refs/replace/") {
        judgement.refuse(at, Reason::ReplaceRef);
    } else if loaded.policy.unmatched == Unmatched::Refuse {
        judgement.refuse(at, Reason::Unmatched);
    }
}

/// Judges one update under the rules that match it: its tags, the commits it brings, then the update itself.
fn judge_update(
    at: usize,
    rules: &[usize],
    pipeline: &Pipeline<'_>,
    containment: &mut Containment<'_>,
    judgement: &mut Judgement<'_>,
) -> Result<(), Undecided> {
    let loaded = containment.loaded;
    let Some(update) = containment.push.updates.get(at) else { return Ok(()) };
    if update.name.as_bytes().starts_with(b"refs/replace/") && !loaded.policy.names_replace_refs(rules) {
        judgement.refuse(at, Reason::ReplaceRef);
    }
    let repository = pipeline.repository;
    let needs = rules.iter().map(|&rule| loaded.needs(rule)).fold(Needs::default(), Needs::or);
    let old = update.change.old().map(|old| repository.peel(old)).transpose()?;
    let old_commit = old.as_ref().and_then(tip::commit_of);
    let new = update.change.new().map(|new| Tip::read(repository, new, &loaded.registry)).transpose()?;
    let mut fast_forward = None;
    if let Some(new) = &new {
        for (id, defect) in &new.defects {
            judgement.defective_update(at, rules, Some(*id), defect);
        }
        if repository.is_shallow()? {
            judgement.defective_update(at, rules, None, &Defect::Shallow);
        } else if let Some(tip) = new.commit {
            for ((baselines, _, first_parent), rules) in walks(rules, loaded) {
                let selection = Selection { tip, old: old_commit, baselines, first_parent };
                let needs = rules.iter().map(|&rule| loaded.needs(rule)).fold(Needs::default(), Needs::or);
                let walked = pipeline.judge_commits(at, &rules, &selection, needs, judgement)?;
                fast_forward = walked.map(|walked| walked.fast_forward).or(fast_forward);
            }
        }
    }
    let new_commit = new.as_ref().and_then(|new| new.commit);
    let fast_forward = match (update.change.old(), old_commit, new_commit, fast_forward) {
        (None, ..) => true,
        (_, _, _, Some(known)) => known && old_commit.is_some(),
        (_, Some(old), Some(new), None) => needs.fast_forward && repository.is_ancestor(old, new)?,
        (_, None, _, None) | (_, _, None, None) => update.change.old() == update.change.new(),
    };
    let changes_nothing = match new_commit {
        Some(commit) if !judgement.is_clean_from(at) => tip::changes_nothing(repository, commit)?,
        Some(_) | None => false,
    };
    let written = containment.references.written(&update.name);
    let with_tags = |judge: &mut dyn FnMut(&[TagFacts<'_>]) -> Result<(), Undecided>| match &new {
        None => judge(&[]),
        Some(new) => new.with_facts(repository.format(), judge),
    };
    with_tags(&mut |layers| {
        for &rule in rules {
            let contained = match new_commit {
                Some(commit) if loaded.needs(rule).containment => containment.holds(rule, commit)?,
                Some(_) | None => false,
            };
            let (target, peeled) = new.as_ref().map_or((None, None), |new| (new.target, new.peeled));
            let facts = UpdateFacts {
                update,
                written: &written,
                layers,
                target,
                peeled,
                fast_forward,
                changes_nothing,
                contained,
                commits: 0,
            };
            judgement.update(at, &[rule], &facts);
        }
        Ok(())
    })
}

/// Rules that exempt the same commits and reach as far share one walk: with the first-parent chain, also where that is not
/// gained, or without.
fn walks(rules: &[usize], loaded: &Loaded) -> BTreeMap<(Vec<ObjectId>, Reach, bool), Vec<usize>> {
    let mut walks: BTreeMap<_, Vec<usize>> = BTreeMap::new();
    for &number in rules {
        let Needs { commits: reach, first_parent, .. } = loaded.needs(number);
        if reach != Reach::Nothing {
            let baselines = loaded.policy.rules.get(number).map(|rule| rule.baselines.clone()).unwrap_or_default();
            walks.entry((baselines, reach, first_parent)).or_default().push(number);
        }
    }
    walks
}
