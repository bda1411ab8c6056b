//! What programs read.

use super::{Judged, more};
use crate::policy::{
    Effect, Finding, Label, Rule, Verdict,
    sentences::{Said, explain},
};
use serde_json::{Value, json};

/// The version of every JSON form; it changes when a program that reads the old one would misread the new.
pub const SCHEMA: u32 = 1;

/// A verdict with all its findings.
pub fn verdict(verdict: &Verdict, judged: &Judged<'_>) -> Value {
    let word = match verdict {
        Verdict::Accepted(_) => "accepted",
        Verdict::Refused(_) => "refused",
    };
    let findings: Vec<_> = verdict.findings().iter().map(|finding| describe(finding, judged)).collect();
    json!({ "schema": SCHEMA, "verdict": word, "findings": findings })
}

/// Each finding without advice, for the record.
pub fn findings(verdict: &Verdict, judged: &Judged<'_>) -> Vec<Value> {
    let described = verdict.findings().iter().map(|finding| describe(finding, judged));
    let without_advice = described.map(|mut finding| {
        if let Some(fields) = finding.as_object_mut() {
            ["hints", "more"].iter().for_each(|advice| drop(fields.shift_remove(*advice)));
        }
        finding
    });
    without_advice.collect()
}

fn describe(finding: &Finding, judged: &Judged<'_>) -> Value {
    let update = judged.push.updates.get(finding.update);
    let loaded = judged.policies.get(finding.policy);
    let rule = finding.rule.and_then(|rule| loaded?.policy.rules.get(rule));
    let help = loaded.and_then(|loaded| loaded.policy.help.as_deref());
    let signing = rule.is_some_and(Rule::asks_for_signatures);
    let explanation = update.map(|update| explain(&Said { finding, update, help, signing }));
    let effect = match finding.effect {
        Effect::Refuses => "refuses",
        Effect::Waived => "waived",
        Effect::Warns => "warns",
        Effect::Observed => "observed",
    };
    let objects = finding.subjects.iter().map(|subject| match &subject.label {
        Label::Commit { subject: title, author, .. } => json!({
            "id": subject.id.to_string(),
            "subject": String::from_utf8_lossy(title),
            "author": String::from_utf8_lossy(author),
        }),
        Label::Bare => json!({ "id": subject.id.to_string() }),
    });
    json!({
        "ref": update.map(|update| update.name.to_string()),
        "rule": rule.map(|rule| rule.name.as_str()),
        "policy": loaded.map(|loaded| loaded.path.to_string_lossy()),
        "line": rule.map(|rule| rule.line),
        "effect": effect,
        "reason": explanation.as_ref().map(|explanation| explanation.code),
        "lines": explanation.as_ref().map(|explanation| &explanation.lines),
        "hints": explanation.as_ref().map(|explanation| &explanation.hints),
        "more": explanation.as_ref().and_then(|explanation| more(help, explanation.code)),
        "count": finding.count,
        "objects": objects.collect::<Vec<_>>(),
    })
}
