//! What a pusher reads: one fact a line, no line that begins with untrusted text, each escaped and whole.

use super::{Judged, escaped, more};
use crate::{
    error::{Mends, Undecided},
    policy::{
        Effect, Finding, Reason, Rule, Verdict, Waived,
        sentences::{Said, explain, shell_word},
    },
    push::{Change, RefUpdate, Timestamp},
};
use std::{
    collections::{BTreeMap, BTreeSet},
    ops::RangeInclusive,
};

/// How many refusals are laid out; the rest are counted.
const LAID_OUT: usize = 10;

/// How many reasons of one refusal are laid out: a push signed by hundreds of unknown keys has as many.
const REASONS: usize = 16;

/// The findings that a pusher is told, as lines that end in a newline; empty if there is nothing to tell.
pub fn refusals(verdict: &Verdict, judged: &Judged<'_>) -> String {
    let mut blocks: BTreeMap<_, Vec<&Finding>> = BTreeMap::new();
    let is_told = |finding: &&Finding| matches!(finding.effect, Effect::Refuses | Effect::Warns);
    for finding in verdict.findings().iter().filter(is_told) {
        blocks.entry((finding.effect, finding.update, finding.policy, finding.rule)).or_default().push(finding);
    }
    let mut lines = Vec::new();
    for findings in blocks.values().take(LAID_OUT) {
        if !lines.is_empty() {
            lines.push(String::new());
        }
        lay_out(findings, judged, &mut lines);
    }
    if let Some(more) = blocks.len().checked_sub(LAID_OUT).filter(|&more| more > 0) {
        let refs: BTreeSet<_> = blocks.keys().skip(LAID_OUT).map(|(_, update, ..)| update).collect();
        lines.push(String::new());
        lines.push(format!("error: and {more} more refusals or warnings, of {} refs", refs.len()));
    }
    lines.iter().map(|line| escaped(line) + "\n").collect()
}

/// One ref under one rule.
fn lay_out(findings: &[&Finding], judged: &Judged<'_>, lines: &mut Vec<String>) {
    let Some(first) = findings.first() else { return };
    let (Some(update), Some(loaded)) = (judged.push.updates.get(first.update), judged.policies.get(first.policy))
    else {
        return;
    };
    let rule = first.rule.and_then(|rule| loaded.policy.rules.get(rule));
    let file = loaded.path.file_name().unwrap_or(loaded.path.as_os_str()).to_string_lossy();
    let by = match (rule, &first.reason) {
        (Some(rule), _) => format!("rule `{}`", rule.name),
        (None, Reason::BuiltIn(_) | Reason::Canary(_)) => "the built-in rule".to_owned(),
        (None, _) => "the policy".to_owned(),
    };
    lines.push(match first.effect {
        Effect::Refuses => {
            let record = judged.record_of(first.update).map(|number| format!(" (record {number})")).unwrap_or_default();
            format!("error: {}: refused by {by}{record}", update.name)
        }
        Effect::Waived | Effect::Warns | Effect::Observed => match rule.and_then(Rule::enforced_from) {
            Some(until) => format!("warning: {}: {by} will refuse this from {}", update.name, date(until)),
            None => format!("warning: {}: {by} would refuse this; it only warns so far", update.name),
        },
    });
    let help = loaded.policy.help.as_deref();
    let (mut hints, mut links) = (Vec::new(), Vec::new());
    for finding in findings.iter().take(REASONS) {
        let signing = rule.is_some_and(Rule::asks_for_signatures);
        let explanation = explain(&Said { finding, update, help, signing });
        lines.extend(explanation.lines.into_iter().map(|line| format!("  {line}")));
        hints.extend(explanation.hints);
        links.extend(more(help, explanation.code).map(|link| format!("more about this: {link}")));
    }
    let mut told = BTreeSet::new();
    hints.extend(links);
    hints.retain(|hint| told.insert(hint.clone()));
    if let Some(more) = findings.len().checked_sub(REASONS).filter(|&more| more > 0) {
        lines.push(format!("  and for {more} more reasons"));
    }
    hints.extend(break_glass(findings, rule, update));
    lines.extend(hints.into_iter().map(|hint| format!("hint: {hint}")));
    lines.push(match rule {
        Some(rule) => format!("policy: {}, {file}:{}", rule.name, rule.line),
        None if matches!(first.reason, Reason::PushCertificate(_)) => format!("policy: push certificates, {file}"),
        None if matches!(first.reason, Reason::BuiltIn(_)) => {
            "policy: built in, for approvals and emergencies".to_owned()
        }
        None if matches!(first.reason, Reason::Canary(_)) => "policy: built in, for canaries".to_owned(),
        None if matches!(first.reason, Reason::Stale(_)) => "policy: built in, for what a push says of refs".to_owned(),
        None => format!("policy: unmatched-refs, {file}"),
    });
}

/// How an emergency is declared that waives all of this, for one who may.
fn break_glass(findings: &[&Finding], rule: Option<&Rule>, update: &RefUpdate) -> Vec<String> {
    let (Some(emergency), Some(first)) = (rule.and_then(Rule::emergency), findings.first()) else { return Vec::new() };
    let helps = first.brought.may_declare && findings.iter().all(|finding| emergency.helps(finding));
    if helps { emergency.hints(update, first.brought.about, first.brought.gained > 0) } else { Vec::new() }
}

/// What declared emergencies waived, and what is owed for each; empty if there is none.
pub fn waivers(verdict: &Verdict, judged: &Judged<'_>) -> String {
    let Verdict::Accepted(accepted) = verdict else { return String::new() };
    let mut lines = Vec::new();
    for Waived { policy, rule: number, update: at, waiver } in accepted.waivers() {
        let (Some(update), Some(loaded)) = (judged.push.updates.get(*at), judged.policies.get(*policy)) else {
            continue;
        };
        let Some(rule) = loaded.policy.rules.get(*number) else { continue };
        let record_number = judged.record_of(*at);
        let record = record_number.map(|number| format!(" (record {number})")).unwrap_or_default();
        let ticket = String::from_utf8_lossy(&waiver.ticket);
        let kinds = waiver.waived.join(", ");
        lines.push(format!(
            "warning: {}: emergency {ticket} of `{}`: rule `{}` is waived{record}",
            update.name, waiver.signer.0, rule.name
        ));
        lines.push(format!("  waived: {kinds}"));
        let of_rule = |finding: &&Finding| {
            let place = (finding.update, finding.policy, finding.rule);
            place == (*at, *policy, Some(*number)) && finding.effect == Effect::Waived
        };
        for finding in accepted.warnings().iter().filter(of_rule).take(REASONS) {
            let said = Said { finding, update, help: None, signing: rule.asks_for_signatures() };
            lines.extend(explain(&said).lines.into_iter().map(|line| format!("    {line}")));
        }
        let reviewed: Vec<_> = waiver.settled_by.iter().map(|id| format!("`{}`", id.0)).collect();
        if !reviewed.is_empty() {
            lines.push(format!("  reviewed already by {}", reviewed.join(", ")));
            continue;
        }
        lines.push(format!(
            "  somebody else has to review it by {}: {}",
            moment(waiver.due),
            waiver.reviewers_in_words
        ));
        let name = shell_word(update.name.as_bytes());
        if let (Some(name), Some(number)) = (name, record_number) {
            let commit = waiver.commit;
            let over = match &update.change {
                Change::Move { old, .. } => format!(" --over {old}"),
                Change::Create { .. } | Change::Delete { .. } => String::new(),
            };
            lines.push(format!(
                "hint: ask one of them for: countersign approve {commit} --for {name} --settles {number}{over}"
            ));
        }
    }
    lines.iter().map(|line| escaped(line) + "\n").collect()
}

/// That an approval settles the debt of an emergency.
pub fn settled(record: u64, rule: &str) -> String {
    escaped(&format!("settled: record {record} owes no review any more, of rule `{rule}`")) + "\n"
}

/// A moment as people read it, `2027-01-31 18:00 UTC`.
fn moment(moment: Timestamp) -> String {
    jiff::Timestamp::from_second(moment.0)
        .map_or_else(|_| moment.0.to_string(), |moment| moment.strftime("%Y-%m-%d %H:%M UTC").to_string())
}

/// The day of a moment, `2027-01-31`.
pub fn date(moment: Timestamp) -> String {
    jiff::Timestamp::from_second(moment.0)
        .map_or_else(|_| moment.0.to_string(), |moment| moment.strftime("%Y-%m-%d").to_string())
}

/// Where an accepted push is recorded: `numbers` of the records on its refs, and what the ledger holds since then. Kept elsewhere,
/// the checkpoint shows whether the record is still there (`ledger verify --against`).
pub fn recorded(numbers: RangeInclusive<u64>, origin: &str, size: u64, root: &str) -> String {
    let records = match (numbers.start(), numbers.end()) {
        (first, last) if first == last => format!("record {first}"),
        (first, last) => format!("records {first} to {last}"),
    };
    escaped(&format!("accepted: {records}; checkpoint {origin} {size} {root}")) + "\n"
}

/// Why something is not recorded that stands all the same.
pub fn unrecorded(undecided: &Undecided) -> String {
    escaped(&format!("warning: this is not recorded: while {undecided}")) + "\n"
}

/// What could not be decided, to whoever runs a command: no push waits for it.
pub fn undecided_command(undecided: &Undecided) -> String {
    escaped(&format!("error: could not decide: while {undecided}")) + "\n"
}

/// What could not be decided, to a pusher, and who has to act.
pub fn undecided(undecided: &Undecided) -> String {
    let who = match undecided.mends {
        Mends::Administrator => "this server's administrator has to act; show them this message",
        Mends::Pusher => "push again once this is mended",
    };
    let lines = [
        "error: countersign could not decide, so nothing was accepted".to_owned(),
        format!("  while {undecided}"),
        format!("hint: {who}"),
    ];
    lines.iter().map(|line| escaped(line) + "\n").collect()
}
