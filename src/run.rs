//! The story of one push.
//!
//! ref updates → new objects → signatures → people → facts → rules → verdict → record → report

mod account;
mod adopt;
mod approvals;
mod attested;
mod changes;
mod commits;
mod containment;
mod hands;
mod makers;
mod past;
mod pusher;
mod receipts;
mod record;
mod settle;
mod setup;
mod stale;
mod tip;
mod verifier;

pub use account::{Account, UpdateAccount};
pub use adopt::{Adoptable, Chosen, adopt, adoptable};
pub use approvals::Settled;
pub use makers::{Maker, Makers};
pub use receipts::Receipts;
pub use record::Entries;
pub use settle::{Done, POST_RECEIVE, REFERENCE_TRANSACTION, settle, settle_as_told};
pub use setup::{DEFAULT_LEDGER, Loaded, OWN_POLICY, SITE_POLICY, Setup, Unusable};

use crate::{
    Undecided,
    git::{References, Repository, Selection},
    ledger::Memory,
    policy::{
        Judgement, Reason, Rule, Tally, Unmatched, Verdict, canary,
        facts::{Context, Defect, TagFacts, Terms, UpdateFacts},
        rules::{Needs, Reach},
    },
    push::{Evidence, ObjectId, Push, RefName, RefUpdate, Timestamp, evidence::Certificate},
};
use approvals::SignedTags;
use commits::Pipeline;
use containment::Containment;
use past::Past;
use std::{
    collections::{BTreeMap, BTreeSet},
    path::Path,
};
use tip::Tip;

/// Everything that a push is judged by.
#[derive(Clone, Copy)]
pub struct Case<'a> {
    /// What is asked for.
    pub push: &'a Push,
    /// What the Git server says of who pushed.
    pub evidence: &'a Evidence,
    /// Where it is pushed to, with what was pushed.
    pub repository: &'a Repository,
    /// The policies in force; each must accept.
    pub policies: &'a [Loaded],
    /// The path of the repository's git directory, without links: what records call it.
    pub place: &'a Path,
    /// What was recorded of the repository; `None`: there is no ledger, and all is received now.
    pub memory: Option<&'a Memory<'a>>,
    /// The server's clock.
    pub now: Timestamp,
    /// Whether the refs still have the values that they had before the push: then what it says of these is held against them.
    pub is_pending: bool,
}

/// Judges a push under every policy that is in force, and gives an account of what was found on the way.
///
/// # Errors
/// What could not be found out. It refuses the push.
pub fn judge(case: &Case<'_>) -> Result<(Verdict, Account), Undecided> {
    judged(case, None).map(|(verdict, account, _)| (verdict, account))
}

/// Judges what is in the repository already as if this brought it, and counts all that is found, by policy. `on_commit` is
/// called for each commit that is walked over.
///
/// # Errors
/// What could not be found out.
pub fn replay(case: &Case<'_>, on_commit: &dyn Fn()) -> Result<(Verdict, Vec<Tally>), Undecided> {
    judged(case, Some(on_commit)).map(|(verdict, _, tallies)| (verdict, tallies))
}

/// Tallies, empty without `on_commit`, beside the verdict.
fn judged(case: &Case<'_>, on_commit: Option<&dyn Fn()>) -> Result<(Verdict, Account, Vec<Tally>), Undecided> {
    let Case { push, evidence, repository, policies, memory, now, .. } = *case;
    let references = repository.references()?;
    let pushers = policies.iter().map(|loaded| pusher::pusher(case, loaded)).collect::<Result<Vec<_>, _>>()?;
    let stale = if case.is_pending { stale::stale(push, repository, &references)? } else { BTreeMap::new() };
    let mut account = Account::of(push);
    let mut judgements = Vec::new();
    for (number, (loaded, (pusher, fault))) in policies.iter().zip(&pushers).enumerate() {
        let context = Context { registry: &loaded.registry, now, pusher, terms: Terms::default() };
        let mut judgement = Judgement::under(&loaded.policy, number, context);
        let repository_name = loaded.repository_name(repository.git_dir(), evidence);
        let past = Past::new(memory, repository, &references, loaded, repository_name.as_deref(), push);
        let mut pipeline = Pipeline::new(past, &loaded.registry, now, push.updates.len() > 1);
        if let Some(on_commit) = on_commit {
            judgement = judgement.tallying();
            pipeline = pipeline.watched_by(on_commit);
        }
        let mut containment = Containment::new(push, repository, &references, loaded, repository_name.as_deref());
        let signed_tags = SignedTags::new(case, loaded, pusher);
        for (at, (update, told)) in push.updates.iter().zip(&mut account.updates).enumerate() {
            let names = references.names_of(&update.name);
            if let Some(nonce) = names.iter().find_map(canary::nonce) {
                judgement.refuse(at, Reason::Canary(nonce.to_vec()));
                judgement.seen();
                continue;
            }
            let rules = rules_in_force(loaded, &update.name, &references, repository_name.as_deref());
            if let Some(fault) = fault {
                judgement.refuse(at, Reason::PushCertificate(fault.clone()));
            }
            if let Some(stale) = stale.get(&at) {
                judgement.refuse(at, Reason::Stale(*stale));
            }
            certificates_can_be_seen(loaded, &rules, evidence)?;
            let built_in = signed_tags.judge_built_in(update, &names, &pipeline.past)?;
            match (&built_in, rules.as_slice()) {
                (None, []) => judge_unmatched(loaded, at, update, &mut judgement),
                (Some(_), []) => {}
                (_, rules) => judge_update(at, rules, &pipeline, &mut containment, &signed_tags, &mut judgement, told)?,
            }
            match built_in {
                Some(Ok(settled)) => told.settle(settled),
                Some(Err(fault)) => judgement.refuse(at, Reason::BuiltIn(fault)),
                None => {}
            }
            told.rules.extend(rules.into_iter().map(|rule| (number, rule)));
            judgement.seen();
        }
        account.makers.merge(pipeline.into_makers());
        judgements.push(judgement);
    }
    let tallies = judgements.iter_mut().map(Judgement::take_tally).collect();
    let verdict = Verdict::of(judgements, push.updates.len())?;
    policies.iter().try_for_each(|loaded| loaded.registry.check_read())?;
    account.pushers = pushers.into_iter().map(|(pusher, _)| pusher).collect();
    Ok((verdict, account, tallies))
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
    signed_tags: &SignedTags<'_>,
    judgement: &mut Judgement<'_>,
    told: &mut UpdateAccount,
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
    let new = update.change.new().map(|new| Tip::read(&pipeline.past, new, &loaded.registry)).transpose()?;
    let mut fast_forward = None;
    if let Some(new) = &new {
        pipeline.note_tags(new);
        for (id, defect) in &new.defects {
            judgement.defective_update(at, rules, Some(*id), defect);
        }
        if repository.is_shallow()? {
            judgement.defective_update(at, rules, None, &Defect::Shallow);
        } else if let Some(tip) = new.commit {
            for (Exempt { baselines, received_before, first_parent, .. }, rules) in walks(rules, loaded) {
                let selection = Selection { tip, old: old_commit, baselines, first_parent };
                let needs = rules.iter().map(|&rule| loaded.needs(rule)).fold(Needs::default(), Needs::or);
                let brought = pipeline.judge_commits(at, &rules, &selection, received_before, needs, judgement)?;
                if let Some(brought) = brought {
                    fast_forward = Some(brought.fast_forward);
                    told.fast_forward = fast_forward;
                    told.commits = told.commits.take().or(brought.commits);
                }
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
    let about = new_commit.or(old_commit.filter(|_| update.change.new().is_none()));
    let asked = about.filter(|_| needs.approvals);
    let approvals = asked
        .map(|about| signed_tags.of_update(update, &written, about, old_commit, needs, &pipeline.past))
        .transpose()?;
    let to_be_shown = match asked {
        Some(about) if !repository.is_settled(about)? => Some(about),
        Some(_) | None => None,
    };
    let open_branch = to_be_shown.and_then(|about| approvals::open_branch(about, |name| is_open(containment, name)));
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
                gained: 0,
                about,
                approvals: approvals.as_deref().unwrap_or_default(),
                involved: &BTreeSet::new(),
                touched: &BTreeSet::new(),
                open_branch: open_branch.as_deref(),
            };
            judgement.update(at, &[rule], &facts);
            if let Some(about) = about.filter(|_| judgement.may_be_waived(at, rule)) {
                let declared = signed_tags.declarations(update.change.new(), about, &pipeline.past)?;
                judgement.waive(at, rule, &facts, &declared);
            }
        }
        Ok(())
    })
}

/// Whether the policy lets anybody create a branch of this name, whatever it holds.
fn is_open(containment: &Containment<'_>, name: &RefName) -> bool {
    let Containment { loaded, references, repository_name, .. } = *containment;
    loaded.policy.unmatched == Unmatched::Accept && rules_in_force(loaded, name, references, repository_name).is_empty()
}

/// What rules that share a walk have in common: the commits that they exempt, and how far they reach.
#[derive(PartialEq, Eq, PartialOrd, Ord)]
struct Exempt {
    baselines: Vec<ObjectId>,
    received_before: Option<Timestamp>,
    reach: Reach,
    /// Whether the first-parent chain is walked also where it is not gained.
    first_parent: bool,
}

fn walks(rules: &[usize], loaded: &Loaded) -> BTreeMap<Exempt, Vec<usize>> {
    let mut walks: BTreeMap<_, Vec<usize>> = BTreeMap::new();
    for &number in rules {
        let Needs { commits: reach, first_parent, .. } = loaded.needs(number);
        if let Some(rule) = loaded.policy.rules.get(number).filter(|_| reach != Reach::Nothing) {
            let (baselines, received_before) = (rule.baselines.clone(), rule.baseline_received);
            walks.entry(Exempt { baselines, received_before, reach, first_parent }).or_default().push(number);
        }
    }
    walks
}
