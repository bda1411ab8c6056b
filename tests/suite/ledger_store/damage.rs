//! Whatever is turned in the database, `verify` finds it, or SQLite reports it.

use super::*;
use rusqlite::{Connection, types::Value};
use std::fs;

/// Something in every table; `many`: objects of one push.
pub fn fill(ledger: &mut Ledger, many: u32) {
    append(ledger, 1_500, |writing| {
        let to = InForce {
            path: POLICY.to_vec(),
            policy: writing.content(b"policy").unwrap(),
            registry: writing.content(b"registry").unwrap(),
        };
        writing.record(&Record::Policy(Change { to, from: None, weaker: vec!["all".into()] })).unwrap();
        let mut first = decision(writing, None, Some(object(1)), &(0..many).map(object).collect::<Vec<_>>());
        first.pushed.certificate = Some(writing.content(b"certificate").unwrap());
        let first = record(writing, first);
        let mut refused = decision(writing, Some(object(1)), None, &[]);
        refused.pushed.verdict = Verdict::Refused;
        record(writing, refused);
        outcome(writing, &[first], &[]);
    });
    push(ledger, 1_600, &[object(1), object(2)]);
}

fn tables(database: &Connection) -> Vec<String> {
    let mut select = database.prepare("SELECT name FROM sqlite_schema WHERE type = 'table' ORDER BY name").unwrap();
    select.query_map([], |row| row.get(0)).unwrap().map(Result::unwrap).collect()
}

/// Every row of every table.
fn dump(database: &Connection) -> rusqlite::Result<Vec<(String, Vec<Vec<Value>>)>> {
    let names = ["record", "node", "checkpoint", "content"].map(str::to_owned);
    let all = tables(database);
    assert!(names.iter().all(|name| all.contains(name)));
    let rows = |table: &str| -> rusqlite::Result<Vec<Vec<Value>>> {
        let mut select = database.prepare(&format!("SELECT * FROM {table} NOT INDEXED"))?;
        let columns = select.column_count();
        select.query_map([], |row| (0..columns).map(|column| row.get(column)).collect())?.collect()
    };
    all.into_iter().map(|table| rows(&table).map(|rows| (table, rows))).collect()
}

/// One bit of each byte of each value.
#[test]
fn no_value_can_be_changed() {
    let ground = Ground::new();
    let mut ledger = ground.open();
    fill(&mut ledger, 3);
    assert_eq!(verify(&ledger), [""; 0]);
    let database = Connection::open(ground.folder().join("ledger.sqlite")).unwrap();
    database.execute_batch("PRAGMA synchronous = off; PRAGMA ignore_check_constraints = on").unwrap();
    let mut turned = 0;
    for (table, rows) in dump(&database).unwrap() {
        let columns: Vec<String> = {
            let mut select = database.prepare("SELECT name FROM pragma_table_info(?1)").unwrap();
            select.query_map([&table], |row| row.get(0)).unwrap().map(Result::unwrap).collect()
        };
        let same = columns.iter().enumerate().map(|(at, name)| format!("\"{name}\" IS ?{}", at + 1));
        let same = same.collect::<Vec<_>>().join(" AND ");
        for row in rows {
            for (at, name) in columns.iter().enumerate() {
                // What is hashed whole is held by its hash, which every third byte shows.
                let step = if ["body", "bytes"].contains(&name.as_str()) { 3 } else { 1 };
                for changed in changes(&row[at], step) {
                    let mut update = database
                        .prepare_cached(&format!("UPDATE {table} SET \"{name}\" = ?{} WHERE {same}", columns.len() + 1))
                        .unwrap();
                    let arguments = row.iter().chain([&changed]);
                    // Two rows of one key cannot be made.
                    if update.execute(rusqlite::params_from_iter(arguments)).is_err() {
                        continue;
                    }
                    let found = verify(&ledger);
                    assert!(!found.is_empty(), "{table}.{name}: {:?} became {changed:?}", row[at]);
                    let mut there: Vec<Value> = row.clone();
                    there[at] = changed;
                    let back = there.iter().chain([&row[at]]);
                    assert_eq!(update.execute(rusqlite::params_from_iter(back)).unwrap(), 1);
                    turned += 1;
                }
            }
        }
    }
    assert_eq!(verify(&ledger), [""; 0]);
    assert!(turned > 2_000, "{turned}");
}

fn changes(value: &Value, step: usize) -> Vec<Value> {
    // A prime, so that a run of bytes has each of its bits turned somewhere.
    let turn = |bytes: &[u8], at: usize, mask: u8| {
        let mut bytes = bytes.to_vec();
        bytes[at] ^= mask;
        bytes
    };
    match value {
        Value::Blob(bytes) => {
            let mut changes: Vec<_> =
                (0..bytes.len()).step_by(step).map(|at| Value::Blob(turn(bytes, at, 1 << (at * 5 % 8)))).collect();
            changes.push(Value::Blob([bytes.as_slice(), b"\n"].concat()));
            changes
        }
        Value::Text(text) => {
            (0..text.len()).map(|at| Value::Text(String::from_utf8(turn(text.as_bytes(), at, 1)).unwrap())).collect()
        }
        Value::Integer(number) => vec![Value::Integer(number ^ 1), Value::Integer(number + 64)],
        Value::Null => vec![Value::Blob(vec![1; 20])],
        Value::Real(_) => unreachable!(),
    }
}

#[test]
fn no_row_can_be_removed_but_a_checkpoint_between_others() {
    let ground = Ground::new();
    let mut ledger = ground.open();
    fill(&mut ledger, 3);
    let database = Connection::open(ground.folder().join("ledger.sqlite")).unwrap();
    let mut unseen = Vec::new();
    for (table, rows) in dump(&database).unwrap() {
        for row in rows {
            let transaction = database.unchecked_transaction().unwrap();
            let columns: Vec<String> = (1..=row.len()).map(|at| format!("?{at}")).collect();
            let key = columns.len();
            let names: Vec<String> = {
                let mut select = transaction.prepare("SELECT name FROM pragma_table_info(?1)").unwrap();
                select.query_map([&table], |row| row.get(0)).unwrap().map(Result::unwrap).collect()
            };
            let same: Vec<_> = (0..key).map(|at| format!("\"{}\" IS {}", names[at], columns[at])).collect();
            let delete = format!("DELETE FROM {table} WHERE {}", same.join(" AND "));
            assert_eq!(transaction.execute(&delete, rusqlite::params_from_iter(&row)).unwrap(), 1);
            transaction.commit().unwrap();
            if verify(&ledger).is_empty() {
                unseen.push((table.clone(), row[0].clone()));
            }
            let insert = format!("INSERT INTO {table} VALUES ({})", columns.join(","));
            database.execute(&insert, rusqlite::params_from_iter(&row)).unwrap();
        }
    }
    assert_eq!(
        unseen,
        [("checkpoint", 1), ("checkpoint", 5), ("checkpoint", 6)]
            .map(|(table, size)| { (table.to_owned(), Value::Integer(size)) })
    );
}

/// Of the file itself: of what is turned, either it is reported, or every value is as it was.
#[test]
fn no_byte_of_the_file_is_turned_unseen() {
    let ground = Ground::new();
    let mut ledger = ground.open();
    fill(&mut ledger, 300);
    drop(ledger);
    let source = Connection::open(ground.folder().join("ledger.sqlite")).unwrap();
    let whole = dump(&source).unwrap();
    let copy = ground.temporary.path().join("copy");
    fs::create_dir(&copy).unwrap();
    let file = copy.join("ledger.sqlite");
    source.execute("VACUUM INTO ?1", [file.to_str().unwrap()]).unwrap();
    let bytes = fs::read(&file).unwrap();
    let (mut reported, mut unused) = (0, 0);
    let mut dice = crate::support::Dice(11);
    for _ in 0..1_500 {
        let mut turned = bytes.clone();
        // Half of them in what is in use, and in the heads of pages more than elsewhere.
        let at = match dice.below(4) {
            0 => dice.below(bytes.len() / 4096) * 4096 + dice.below(64),
            1 => dice.below(bytes.len()),
            _ => loop {
                let at = dice.below(bytes.len());
                if bytes[at] != 0 {
                    break at;
                }
            },
        };
        turned[at] ^= 1 << dice.below(8);
        fs::write(&file, &turned).unwrap();
        let found = match Ledger::read(&copy, &ground.trusted) {
            Ok(ledger) => {
                let mut found = Vec::new();
                let verified = ledger.unwrap().verify(&mut |damage| found.push(damage.to_string()));
                found.extend(verified.err().map(|error| error.to_string()));
                found
            }
            Err(error) => vec![error.to_string()],
        };
        if found.is_empty() {
            let uri = format!("file:{}?immutable=1", file.display());
            assert_eq!(dump(&Connection::open(uri).unwrap()).as_ref(), Ok(&whole), "byte {at}");
            unused += 1;
        } else {
            reported += 1;
        }
    }
    assert!(reported > 500, "{reported} reported, {unused} of no consequence");
}

#[test]
fn the_key_of_another_ledger_is_refused() {
    let (ground, other) = (Ground::new(), Ground::new());
    drop((ground.open(), other.open()));
    fs::copy(other.folder().join("key"), ground.folder().join("key")).unwrap();
    let error = ground.try_open().unwrap_err().to_string();
    assert!(error.contains("the last checkpoint and the ledger's `key` do not fit"), "{error}");
}

#[test]
fn a_writer_adds_nothing_to_what_is_damaged() {
    for (damage, why) in [
        ("UPDATE record SET body = x'7b7d' WHERE number = 6", "its last record is not that of its tree"),
        ("UPDATE record SET leaf = zeroblob(32) WHERE number = 6", "its tree is not that of its last checkpoint"),
        ("UPDATE node SET hash = zeroblob(32) WHERE level = 2", "its tree is not that of its last checkpoint"),
        ("DELETE FROM node WHERE level = 2", "a hash of the tree is gone: level 2, number 0"),
        ("DELETE FROM record WHERE number = 6", "its last checkpoint covers 7 records, and it has others"),
        ("DELETE FROM checkpoint WHERE size = 7", "its last checkpoint covers 6 records, and it has others"),
        ("DELETE FROM checkpoint", "it has no checkpoint"),
        (
            "UPDATE checkpoint SET note = CAST('x' || note AS BLOB) WHERE size = 7",
            "the last checkpoint and the ledger's `key` do not fit",
        ),
        ("PRAGMA user_version = 2", "its database has version 2, and this program knows version 1 alone"),
        ("PRAGMA application_id = 2", "it is not a ledger's"),
    ] {
        let ground = Ground::new();
        let mut ledger = ground.open();
        fill(&mut ledger, 3);
        let database = Connection::open(ground.folder().join("ledger.sqlite")).unwrap();
        database.execute_batch(damage).unwrap();
        let error = ground.try_open().unwrap_err().to_string();
        assert!(error.contains(why), "{damage}: {error}");
        if !damage.contains("PRAGMA") {
            let error = ledger.append(&at(9_000), |writing| writing.record(&nothing()).map(drop));
            let error = error.unwrap_err().to_string();
            assert!(error.contains(why) && error.contains("countersign ledger verify"), "{damage}: {error}");
        }
    }
}
