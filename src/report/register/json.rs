//! The register for programs: docs/json.md.

use super::{Attempt, Coverage, Moment, Moved, Period, Pusher, RefChange, Register, Revert, Use, Waiver, moment};
use crate::{ledger::bytes, report::SCHEMA};
use serde_json::{Value, json};

/// The register as JSON.
pub fn json(register: &Register) -> Value {
    let earlier = register.earlier.iter().map(|(number, overdue)| json!({ "record": number, "overdue": overdue }));
    json!({
        "schema": SCHEMA,
        "coverage": coverage(&register.coverage),
        "emergencies": register.uses.iter().map(one_use).collect::<Vec<_>>(),
        "earlier": earlier.collect::<Vec<_>>(),
        "attempts": register.attempts.iter().map(attempt).collect::<Vec<_>>(),
        "moved": register.moves.iter().map(moved).collect::<Vec<_>>(),
        "periods": register.periods.iter().map(period).collect::<Vec<_>>(),
    })
}

pub(in crate::report) fn coverage(coverage: &Coverage) -> Value {
    let record = |record: &Moment| json!({ "record": record.number, "time": moment(record.time) });
    let checkpoint = &coverage.checkpoint;
    let witnesses = coverage
        .witnesses
        .iter()
        .map(|witness| json!({ "names": witness.names, "size": witness.size, "differs": witness.differs }));
    let paths = |paths: &[Vec<u8>]| paths.iter().map(|path| bytes(path)).collect::<Vec<_>>();
    json!({
        "made": moment(coverage.made), "from": coverage.from.map(moment), "to": coverage.to.map(moment),
        "ref": coverage.name.as_ref().map(|name| bytes(name.as_bytes())),
        "repositories": coverage.repositories.as_deref().map(paths), "overdue-alone": coverage.overdue_alone,
        "begun": record(&coverage.begun), "former": coverage.former.as_deref().map(bytes),
        "first": coverage.records.as_ref().map(|(first, ..)| record(first)),
        "last": coverage.records.as_ref().map(|(_, last, _)| record(last)),
        "records": coverage.records.as_ref().map_or(0, |(.., count)| *count),
        "checkpoint": {
            "origin": checkpoint.origin, "size": checkpoint.size, "root": checkpoint.root, "key": checkpoint.key,
            "note": checkpoint.note,
        },
        "witnesses": witnesses.collect::<Vec<_>>(), "open": coverage.open, "unread": paths(&coverage.unread),
        "uncompared": coverage.uncompared, "limits": coverage.limits(),
    })
}

fn with(mut value: Value, record: &Moment, change: &RefChange) -> Value {
    if let Some(fields) = value.as_object_mut() {
        let id = |id: Option<crate::push::ObjectId>| json!(id.map(|id| id.to_string()));
        let head = [
            ("record", json!(record.number)),
            ("time", json!(moment(record.time))),
            ("repository", bytes(&change.repository)),
            ("name", json!(change.repository_name.as_deref().map(bytes))),
            ("ref", bytes(change.name.as_bytes())),
            ("old", id(change.old)),
            ("new", id(change.new)),
        ];
        for (at, (key, value)) in head.into_iter().enumerate() {
            fields.shift_insert(at, key.to_owned(), value);
        }
    }
    value
}

fn one_use(one: &Use) -> Value {
    let paths = one.paths.as_ref().map(|(changed, listed)| {
        json!({
            "count": changed.count, "digest": changed.list.to_string(),
            "listed": listed.iter().map(|path| bytes(path)).collect::<Vec<_>>(),
        })
    });
    let approvals = one.approvals.iter().map(|approval| {
        json!({
            "rule": approval.rule, "signer": approval.signer, "key": approval.key,
            "object": approval.object.to_string(), "tag": approval.tag.to_string(),
        })
    });
    let value = json!({
        "state": one.state, "standing": one.standing().word(), "pusher": pusher(&one.pusher),
        "certificate": one.certificate.map(|digest| digest.to_string()),
        "waivers": one.waivers.iter().map(waiver).collect::<Vec<_>>(), "approvals": approvals.collect::<Vec<_>>(),
        "paths": paths, "objects": one.objects, "signers": one.signers,
        "reverts": one.reverts.iter().map(revert).collect::<Vec<_>>(),
        "proof": one.proof.as_ref().map(|proven| json!({ "record": proven.record, "proof": proven.proof })),
    });
    with(value, &one.record, &one.change)
}

/// A rule that was waived.
pub fn waiver(waiver: &Waiver) -> Value {
    let emergency = &waiver.emergency;
    let reviews = waiver.reviews.iter().map(|(record, review)| {
        json!({
            "record": record.number, "time": moment(record.time), "signer": review.signer, "tag": review.tag.to_string(),
        })
    });
    json!({
        "policy": bytes(&waiver.policy), "rule": emergency.rule, "waived": emergency.waived,
        "ticket": bytes(&emergency.ticket), "reason": bytes(&emergency.reason), "signer": emergency.signer,
        "key": emergency.key, "form": emergency.form, "object": emergency.object.to_string(),
        "declaration": emergency.declaration.to_string(), "commit": emergency.commit.to_string(),
        "reviewers": emergency.reviewers, "excluded": emergency.excluded, "due": moment(emergency.due),
        "standing": waiver.standing.word(), "settled-by": emergency.settled_by,
        "reviews": reviews.collect::<Vec<_>>(),
    })
}

fn pusher(pusher: &Pusher) -> Value {
    json!({
        "id": pusher.id, "account": pusher.account, "known-by": pusher.known_by, "unknown": pusher.unknown,
        "via": pusher.via,
    })
}

fn revert(revert: &Revert) -> Value {
    match revert {
        Revert::SetBack(record, kind) => {
            json!({ "how": "set-back", "record": record.number, "time": moment(record.time), "type": kind })
        }
        Revert::Commit { commit, reverts, received } => json!({
            "how": "commit", "commit": commit.to_string(), "reverts": reverts.to_string(),
            "time": received.map(moment),
        }),
    }
}

fn attempt(attempt: &Attempt) -> Value {
    let value = json!({ "pusher": pusher(&attempt.pusher), "reasons": attempt.codes, "lines": attempt.told });
    with(value, &attempt.record, &attempt.change)
}

pub(in crate::report) fn moved(moved: &Moved) -> Value {
    with(json!({ "by": moved.by }), &moved.record, &moved.change)
}

pub(in crate::report) fn period(period: &Period) -> Value {
    json!({
        "policy": bytes(&period.policy), "rule": period.rule, "how": period.how.word(), "what": period.what,
        "from": moment(period.from.time), "record": period.from.number,
        "until": period.until.map(|(until, _)| moment(until)), "until-record": period.until.and_then(|(_, number)| number),
    })
}
