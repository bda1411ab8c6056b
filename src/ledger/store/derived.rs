//! The derived tables: what a record says, where it can be looked up. The same function makes them as records are written,
//! makes them anew, and makes those that `verify` compares them with.

use super::{
    debts,
    fault::Fault,
    receipts::{self, Source},
};
use crate::ledger::{
    brought::UnknownKey,
    entry::{BroughtList, Entry, bytes, object_id},
    record::Digest,
};
use crate::push::{ObjectId, PushCertificate, RefName};
use rusqlite::{Connection, OptionalExtension, params};
use serde_json::Value;

/// The names of the derived tables.
pub(super) const TABLES: [&str; 15] = [
    "entry",
    "repository",
    "decision",
    "value",
    "standing",
    "receipt",
    "receipt_node",
    "satisfied",
    "emergency",
    "settlement",
    "counted",
    "in_force",
    "certificate",
    "mention",
    "subject",
];

/// Adds what a record says. Its contents are there.
pub(super) fn add(connection: &Connection, entry: &Entry) -> Result<(), Fault> {
    let time = entry.moment_that_counts().0;
    connection.prepare_cached("INSERT INTO entry VALUES (?1, ?2, ?3)")?.execute(params![
        entry.number(),
        entry.kind(),
        time
    ])?;
    match entry.kind() {
        "decision" => decision(connection, entry),
        "outcome" => outcome(connection, entry),
        "moved" => {
            let repository = repository(connection, &entry.bytes("repository")?)?;
            let (name, found) = (entry.ref_name("ref")?, entry.object("found")?);
            subject(connection, repository, &name, entry.number())?;
            got_value(connection, repository, name.as_bytes(), entry.number(), raw(&found))
        }
        "policy" => {
            let (policy, registry) = (entry.digest("policy")?, entry.digest("registry")?);
            connection.prepare_cached("INSERT OR REPLACE INTO in_force VALUES (?1, ?2, ?3, ?4)")?.execute(params![
                entry.bytes("path")?,
                policy.0,
                registry.0,
                entry.number()
            ])?;
            Ok(())
        }
        "adopted" => adopted(connection, entry),
        _ => Ok(()),
    }
}

/// The number that a repository has in the tables, if anything was recorded of it.
pub(super) fn find_repository(connection: &Connection, path: &[u8]) -> Result<Option<i64>, Fault> {
    let mut select = connection.prepare_cached("SELECT id FROM repository WHERE path = ?1")?;
    Ok(select.query_row([path], |row| row.get(0)).optional()?)
}

/// A content; `None` if it is not there.
pub(super) fn content(connection: &Connection, digest: Digest) -> Result<Option<Vec<u8>>, Fault> {
    let mut select = connection.prepare_cached("SELECT bytes FROM content WHERE digest = ?1")?;
    Ok(select.query_row([digest.0], |row| row.get(0)).optional()?)
}

fn decision(connection: &Connection, entry: &Entry) -> Result<(), Fault> {
    let number = entry.number();
    let repository = repository(connection, &entry.bytes("repository")?)?;
    let (verdict, push) = (entry.text("verdict")?, entry.number_of("push")?);
    let accepted = verdict == "accepted";
    let name = entry.ref_name("ref")?;
    subject(connection, repository, &name, number)?;
    let (old, new) = (entry.object("old")?, entry.object("new")?);
    let list = entry.brought()?.map(|(list, _)| list.0);
    connection.prepare_cached("INSERT INTO decision VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9)")?.execute(params![
        number,
        push,
        repository,
        name.as_bytes(),
        raw(&old),
        raw(&new),
        list,
        verdict,
        if accepted { "open" } else { "refused" },
    ])?;
    if accepted && entry.some("certificate").is_some() {
        let Some(text) = content(connection, entry.digest("certificate")?)? else {
            return Fault::damaged(format!("record {number}: its push certificate is gone"));
        };
        connection
            .prepare_cached("INSERT OR IGNORE INTO certificate VALUES (?1, ?2)")?
            .execute(params![Digest::of(PushCertificate::payload_of(&text)).0, push])?;
    }
    let pusher = |key| entry.some("pusher").and_then(|pusher| pusher.get(key)).and_then(Value::as_str);
    mention(connection, "pusher", pusher("id"), number)?;
    mention(connection, "account", pusher("account"), number)?;
    if entry.some("keys").is_some() {
        let list = content(connection, entry.digest("keys")?)?;
        let keys = list.as_deref().map(UnknownKey::read_list).transpose()?;
        let Some(keys) = keys else { return Fault::damaged(format!("record {number}: the list of its keys is gone")) };
        for UnknownKey { fingerprint, .. } in &keys {
            mention(connection, "unknown-key", Some(fingerprint), number)?;
        }
    }
    mention_brought(connection, entry)?;
    if accepted {
        satisfied(connection, entry)?;
        debts::add(connection, entry)?;
    }
    Ok(())
}

fn satisfied(connection: &Connection, entry: &Entry) -> Result<(), Fault> {
    let policies = entry.list("policies")?;
    let mut insert = connection.prepare_cached("INSERT OR IGNORE INTO satisfied VALUES (?1, ?2, ?3)")?;
    for rule in entry.list("rules")? {
        if rule.get("effect").and_then(Value::as_str) != Some("satisfied") {
            continue;
        }
        let place = rule.get("policy").and_then(Value::as_u64).and_then(|place| usize::try_from(place).ok());
        let path = place.and_then(|place| path_of(policies, place));
        let (Some(path), Some(name)) = (path, rule.get("name").and_then(Value::as_str)) else {
            return Fault::damaged(format!("record {}: `rules` is not what it must be", entry.number()));
        };
        insert.execute(params![entry.number(), path, name])?;
    }
    Ok(())
}

/// The path of the policy at this place of a decision's `policies`.
pub(super) fn path_of(policies: &[Value], place: usize) -> Option<Vec<u8>> {
    policies.get(place)?.get("path").and_then(bytes)
}

fn outcome(connection: &Connection, entry: &Entry) -> Result<(), Fault> {
    for state in ["completed", "failed"] {
        for number in entry.ranges(state)?.into_iter().flatten() {
            became(connection, number, state)?;
        }
    }
    Ok(())
}

/// What became of a decision that accepted.
fn became(connection: &Connection, number: u64, state: &str) -> Result<(), Fault> {
    let mut select = connection.prepare_cached(
        "SELECT repository, time, name, new, list, state FROM decision JOIN entry USING (number)
         WHERE number = ?1 AND state <> 'refused'",
    )?;
    let mut rows = select.query([number])?;
    let Some(row) = rows.next()? else {
        return Fault::damaged(format!("an outcome is of record {number}, which accepted nothing"));
    };
    let source = Source { repository: row.get(0)?, number, time: row.get(1)? };
    let (name, new): (Vec<u8>, Option<Vec<u8>>) = (row.get(2)?, row.get(3)?);
    let (list, former): (Option<[u8; 32]>, String) = (row.get(4)?, row.get(5)?);
    if former == state {
        return Ok(());
    }
    connection.prepare_cached("UPDATE decision SET state = ?2 WHERE number = ?1")?.execute(params![number, state])?;
    let objects = list.map(|list| read_list(connection, number, Digest(list))).transpose()?.unwrap_or_default().objects;
    if state == "completed" {
        receipts::add(connection, source, &objects)?;
        return got_value(connection, source.repository, &name, number, new.as_deref());
    }
    if former == "completed" {
        receipts::remove(connection, source, &objects)?;
        connection
            .prepare_cached("DELETE FROM value WHERE repository = ?1 AND name = ?2 AND number = ?3")?
            .execute(params![source.repository, name, number])?;
        stand(connection, source.repository, &name)?;
    }
    Ok(())
}

fn adopted(connection: &Connection, entry: &Entry) -> Result<(), Fault> {
    let repository = repository(connection, &entry.bytes("repository")?)?;
    for adopted in entry.list("refs")? {
        let name = adopted.get("ref").and_then(bytes).and_then(|name| RefName::new(&name));
        let (Some(name), Some(value)) = (name, adopted.get("value").and_then(object_id)) else {
            return Fault::damaged(format!("record {}: `refs` is not what it must be", entry.number()));
        };
        subject(connection, repository, &name, entry.number())?;
        got_value(connection, repository, name.as_bytes(), entry.number(), Some(value.as_bytes()))?;
    }
    let source = Source { repository, number: entry.number(), time: entry.moment_that_counts().0 };
    receipts::add(connection, source, &mention_brought(connection, entry)?)
}

/// The objects that a record says were brought. Who and what is mentioned with them is added.
fn mention_brought(connection: &Connection, entry: &Entry) -> Result<Vec<ObjectId>, Fault> {
    let Some((digest, objects)) = entry.brought()? else { return Ok(Vec::new()) };
    let list = read_list(connection, entry.number(), digest)?;
    if u64::try_from(list.objects.len()) != Ok(objects) {
        return Fault::damaged(format!("record {}: not as many objects were brought as it says", entry.number()));
    }
    for (kind, values) in [("signer", &list.signers), ("key", &list.keys), ("unknown-key", &list.unknown_keys)] {
        for value in values {
            mention(connection, kind, Some(value), entry.number())?;
        }
    }
    Ok(list.objects)
}

fn read_list(connection: &Connection, number: u64, digest: Digest) -> Result<BroughtList, Fault> {
    match content(connection, digest)? {
        Some(list) => Ok(BroughtList::read(&list)?),
        None => Fault::damaged(format!("record {number}: the list of what was brought is gone")),
    }
}

fn got_value(
    connection: &Connection,
    repository: i64,
    name: &[u8],
    number: u64,
    value: Option<&[u8]>,
) -> Result<(), Fault> {
    connection
        .prepare_cached("INSERT INTO value VALUES (?1, ?2, ?3, ?4)")?
        .execute(params![repository, name, number, value])?;
    stand(connection, repository, name)
}

/// Decisions are numbered in the order in which git held their old values against the refs, not their outcomes: of two
/// pushes in turn, the second's may be told first.
fn stand(connection: &Connection, repository: i64, name: &[u8]) -> Result<(), Fault> {
    let standing = connection
        .prepare_cached(
            "INSERT OR REPLACE INTO standing SELECT repository, name, number, value FROM value
             WHERE repository = ?1 AND name = ?2 ORDER BY number DESC LIMIT 1",
        )?
        .execute(params![repository, name])?;
    if standing == 0 {
        connection
            .prepare_cached("DELETE FROM standing WHERE repository = ?1 AND name = ?2")?
            .execute(params![repository, name])?;
    }
    Ok(())
}

fn subject(connection: &Connection, repository: i64, name: &RefName, number: u64) -> Result<(), Fault> {
    connection.prepare_cached("INSERT OR IGNORE INTO subject VALUES (?1, ?2, ?3)")?.execute(params![
        name.as_bytes(),
        number,
        repository
    ])?;
    Ok(())
}

fn mention(connection: &Connection, kind: &str, value: Option<&str>, number: u64) -> Result<(), Fault> {
    if let Some(value) = value {
        connection
            .prepare_cached("INSERT OR IGNORE INTO mention VALUES (?1, ?2, ?3)")?
            .execute(params![kind, value, number])?;
    }
    Ok(())
}

fn repository(connection: &Connection, path: &[u8]) -> Result<i64, Fault> {
    if let Some(id) = find_repository(connection, path)? {
        return Ok(id);
    }
    connection.prepare_cached("INSERT INTO repository (path) VALUES (?1)")?.execute([path])?;
    Ok(connection.last_insert_rowid())
}

fn raw(id: &Option<ObjectId>) -> Option<&[u8]> {
    id.as_ref().map(ObjectId::as_bytes)
}
