//! The yearly report for programs: docs/json.md.

use super::{Audit, Tally};
use crate::{
    ledger::{bytes, moment},
    report::{SCHEMA, register},
};
use serde_json::{Value, json};

/// The report as JSON.
pub fn json(audit: &Audit) -> Value {
    let tally = |tally: &Tally| json!({ "accepted": tally.accepted, "refused": tally.refused });
    let repositories = audit.repositories.iter().map(|(path, of)| json!({ "path": bytes(path), "changes": tally(of) }));
    let pushers = audit
        .pushers
        .iter()
        .map(|(pusher, of)| json!({ "id": pusher.id(), "account": pusher.account(), "changes": tally(of) }));
    let reasons = audit.reasons.iter().map(
        |(code, found)| json!({ "reason": code, "refused": found.refused, "told": found.told, "waived": found.waived }),
    );
    let signers = audit
        .signers
        .iter()
        .map(|(signer, signed)| json!({ "signer": signer, "objects": signed.objects, "keys": signed.keys }));
    let policies = audit.policies.iter().map(|change| {
        json!({
            "record": change.record.number, "time": moment(change.record.time), "path": bytes(&change.path),
            "changed": if change.is_policy { "policy" } else { "registry" }, "weaker": change.weaker,
        })
    });
    let keys = audit
        .keys
        .iter()
        .map(|key| json!({ "signer": key.signer, "key": key.key, "state": key.state, "ends": key.ends.map(moment) }));
    let mut value = json!({
        "schema": SCHEMA, "coverage": null, "pushes": audit.pushes, "changes": audit.changes,
        "repositories": repositories.collect::<Vec<_>>(), "pushers": pushers.collect::<Vec<_>>(),
        "reasons": reasons.collect::<Vec<_>>(), "signers": signers.collect::<Vec<_>>(), "statuses": audit.statuses,
        "policies": policies.collect::<Vec<_>>(), "keys": keys.collect::<Vec<_>>(),
    });
    // What the register has of the same period, in its own form.
    if let (Some(fields), Value::Object(register)) = (value.as_object_mut(), register::json(&audit.register)) {
        fields.extend(register.into_iter().filter(|(key, _)| key != "schema"));
    }
    value
}
