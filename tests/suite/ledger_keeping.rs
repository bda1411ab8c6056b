//! What becomes of a ledger over the years: it is lost and restored, its key is replaced or stolen.

use crate::ledger_checks::Site;
use countersign::{
    ledger::{
        Adoption, Digest, Ledger, Making, Record, Restoring, Writing,
        checkpoint::Checkpoint,
        key::SigningKey,
        tree::{self, Hash},
    },
    push::Timestamp,
    trusted::TrustedFiles,
};
use std::{collections::HashMap, convert::Infallible, fs, path::Path};

fn secret(site: &Site, name: &str) -> SigningKey {
    SigningKey::parse(&fs::read_to_string(site.path(name)).unwrap()).unwrap()
}

/// The ledger is gone; its key was kept.
fn lose(site: &Site) -> String {
    fs::copy(site.path("ledger/key"), site.path("kept-key")).unwrap();
    fs::remove_dir_all(site.path("ledger")).unwrap();
    site.path("kept-key")
}

#[test]
fn a_restored_ledger_goes_on_where_the_copy_ends() {
    for from in ["copy", "copy/ledger.sqlite", "export"] {
        let mut site = Site::new();
        site.push();
        site.copy_ledger("copy");
        site.ends(0, &["export", &site.path("export")]);
        let (note, records) = (site.ends(0, &["checkpoint"]), site.records());
        let note = site.file("note", &note);
        let key = lose(&site);
        let out = site.ends(0, &["restore", &site.path(from), "--key", &key]);
        assert!(out.contains(&format!("{records} records restored")), "{out}");
        assert_eq!(site.found(&["--against", &note]), [""; 0], "{from}");
        site.push();
        assert_eq!(site.found(&["--against", &note]), [""; 0], "{from}");
        assert!(site.records() > records);
        // The registry's files, which only its list names, are among what came back.
        let signers = fs::read(site.path("policy/registry/allowed_signers")).unwrap();
        let kept = site.ends(0, &["show", "--content", &Digest::of(&signers).to_string()]);
        assert_eq!(kept.as_bytes(), signers, "{from}");
        // What is standing was restored, too: the push's old value is the one recorded.
        let body = site.json(&["prove", &records.to_string()])["record"].as_str().unwrap().to_owned();
        let recorded = |body: &str| body.contains("\"recorded\":\"same\"");
        let later = site.json(&["prove", &(site.records() - 1).to_string()])["record"].as_str().unwrap().to_owned();
        assert!(recorded(&body) || recorded(&later), "{body}\n{later}");
        // And the export goes on.
        site.ends(0, &["export", &site.path("export")]);
    }
}

#[test]
fn an_older_copy_is_found_out_by_any_later_checkpoint() {
    let mut site = Site::new();
    site.copy_ledger("copy");
    site.push();
    let note = site.file("note", &site.ends(0, &["checkpoint"]));
    let told = site.file("later", &site.told);
    let key = lose(&site);
    site.ends(0, &["restore", &site.path("copy"), "--key", &key]);
    assert_eq!(site.found(&[]), [""; 0]);
    assert_eq!(site.found(&["--against", &told]), ["larger"]);
    assert_eq!(site.found(&["--against", &note]), ["larger"]);
    for _ in 0..2 {
        site.push();
    }
    assert_eq!(site.found(&[]), [""; 0]);
    assert_eq!(site.found(&["--against", &told]), ["rewritten"]);
    assert_eq!(site.found(&["--against", &note]), ["rewritten"]);
}

#[test]
fn what_is_not_whole_is_not_restored() {
    let site = Site::new();
    site.copy_ledger("copy");
    site.ends(0, &["export", &site.path("export")]);
    let key = site.path("ledger/key");
    let (copy, export, new) = (site.path("copy"), site.path("export"), site.path("new"));
    let out = site.ends(3, &["restore", &copy, "--key", &key]);
    assert!(out.contains("there is a `ledger.sqlite` already"), "{out}");
    let another = SigningKey::from_seed("elsewhere.example", &[1; 32]).unwrap();
    let another = site.file("another", &another.secret().unwrap());
    let out = site.ends(3, &["restore", &copy, "--key", &another, "--ledger", &new]);
    assert!(out.contains("the key given is not the one that signed last"), "{out}");
    let out = site.ends(1, &["restore", &export, "--key", &another, "--ledger", &new]);
    assert!(out.contains("checkpoint: the ledger was never signed with elsewhere.example+"), "{out}");
    let content = fs::read_dir(site.path("export/content")).unwrap().next().unwrap().unwrap().path();
    fs::write(content, "other").unwrap();
    let out = site.ends(1, &["restore", &export, "--key", &key, "--ledger", &new]);
    assert!(out.contains("its SHA-256 is another") && !out.contains("\\u{a}"), "{out}");
    let database = rusqlite::Connection::open(site.path("copy/ledger.sqlite")).unwrap();
    database.execute("UPDATE record SET body = CAST(body || ' ' AS BLOB) WHERE number = 1", []).unwrap();
    drop(database);
    let out = site.ends(3, &["restore", &copy, "--key", &key, "--ledger", &new]);
    assert!(out.contains("what was kept of it is not whole: it is not in the form that records have"), "{out}");
    assert!(!Path::new(&new).join("ledger.sqlite").exists());
    fs::write(site.path("copy/ledger.sqlite-wal"), "x").unwrap();
    let out = site.ends(3, &["restore", &copy, "--key", &key, "--ledger", &new]);
    assert!(out.contains("it has a log beside it"), "{out}");
}

#[test]
fn a_new_key_signs_and_what_the_former_signed_still_holds() {
    let mut site = Site::new();
    site.push();
    let former = fs::read_to_string(site.key_file()).unwrap();
    let note = site.file("note", &site.ends(0, &["checkpoint"]));
    site.ends(0, &["prove", "1", "--output", &site.path("proof"), "--record", &site.path("record")]);
    fs::copy(site.path("ledger/key"), site.path("former-key")).unwrap();
    // A hook that had the ledger open meanwhile.
    let making = Making { origin: String::new(), by_hook: true, user: 0, now: Timestamp(0) };
    let trusted = TrustedFiles::new(&[]).unwrap();
    let mut waiting = Ledger::open(&site.world.path("ledger"), &trusted, &making).unwrap();

    let out = site.ends(0, &["rotate-key"]);
    let key = fs::read_to_string(site.key_file()).unwrap();
    assert!(key != former && out.contains(&format!("from now on the key is {key}")), "{out}");
    assert_eq!(fs::read_to_string(site.path("ledger/key.former-1.pub")).unwrap(), former);
    assert_eq!(secret(&site, "ledger/key").verifier().to_string(), key.trim_end());
    assert!(!Path::new(&site.path("ledger/key.next")).exists());
    assert_eq!(site.ends(0, &["checkpoint"]).matches("\n— ").count(), 2);

    let adopt = |writing: &mut Writing<'_>| {
        let adoption = Adoption { repository: b"/r".to_vec(), refs: Vec::new(), brought: None, user: 0 };
        writing.record(&Record::Adopted(adoption)).map(|_| ())
    };
    waiting.append(&|| Timestamp(4_000_000_000), adopt).unwrap().unwrap();
    drop(waiting);
    site.push();
    assert_eq!(site.ends(0, &["checkpoint"]).matches("\n— ").count(), 1);
    site.ends(0, &["rotate-key"]);
    site.push();
    for key in ["ledger/key.former-1.pub", "ledger/key.former-2.pub", "ledger/key.pub"] {
        assert_eq!(site.found(&["--against", &note, "--key", &site.path(key)]), [""; 0], "{key}");
    }
    let mut script = site.world.command("python3", &site.world.path(""));
    script.arg(concat!(env!("CARGO_MANIFEST_DIR"), "/tests/verify_proof.py"));
    script.args(["proof", "record", "ledger/key.former-1.pub"]);
    assert!(crate::support::run_well(script, b"").starts_with("good: record 1 of "));

    // An export says so to whoever has any of the keys.
    let export = site.path("export");
    site.ends(0, &["export", &export]);
    let checked =
        |key: &str| site.alone(&["verify", "--export", &export, "--key", &site.path(key), "--against", &note]);
    for key in ["ledger/key.former-1.pub", "ledger/key.former-2.pub", "ledger/key.pub"] {
        let (status, out, error) = checked(key);
        assert_eq!(status, 0, "{key}: {out}{error}");
    }
    // Another key in a record is not enough: the former one has to sign for it.
    let rotation = fs::read_dir(site.path("export/rotation")).unwrap().next().unwrap().unwrap().path();
    let both = fs::read_to_string(&rotation).unwrap();
    let without = |line: usize| {
        let mut lines: Vec<&str> = both.lines().collect();
        lines.remove(lines.len() - line);
        fs::write(&rotation, lines.join("\n") + "\n").unwrap();
        checked("ledger/key.pub")
    };
    for line in [1, 2] {
        let (status, out, _) = without(line);
        assert!(status == 1 && out.contains("the note is not signed by a known key"), "{out}");
    }
    fs::write(&rotation, &both).unwrap();

    let lost = lose(&site);
    site.ends(
        1,
        &[
            "restore",
            &export,
            "--key",
            &site.file("none", &SigningKey::from_seed("x", &[1; 32]).unwrap().secret().unwrap()),
        ],
    );
    let out = site.ends(3, &["restore", &export, "--key", &site.path("former-key")]);
    assert!(out.contains("the key given is not the one that signed last"), "{out}");
    site.ends(0, &["restore", &export, "--key", &lost]);
    assert_eq!(site.found(&["--against", &note]), [""; 0]);
    site.push();
    assert_eq!(site.found(&["--against", &note]), [""; 0]);
}

#[test]
fn a_rotation_that_was_ended_early_is_ended_by_the_next_push() {
    let mut site = Site::new();
    let (key, former) = (site.path("ledger/key"), fs::read_to_string(site.path("ledger/key")).unwrap());
    // After the new key was drawn, and before it was named.
    let unused = SigningKey::from_seed("unused.example", &[1; 32]).unwrap();
    fs::write(site.path("ledger/key.next"), unused.secret().unwrap()).unwrap();
    crate::support::set_mode(&site.world.path("ledger/key.next"), 0o600);
    site.push();
    assert_eq!(fs::read_to_string(&key).unwrap(), former);
    site.ends(0, &["rotate-key"]);
    let next = fs::read_to_string(&key).unwrap();
    // After it was named, and before it took the other's place.
    fs::rename(&key, site.path("ledger/key.next")).unwrap();
    fs::remove_file(site.path("ledger/key.former-1.pub")).unwrap();
    fs::write(&key, &former).unwrap();
    crate::support::set_mode(Path::new(&key), 0o600);
    site.push();
    assert_eq!(fs::read_to_string(&key).unwrap(), next);
    assert_eq!(site.found(&[]), [""; 0]);
    // With neither, nothing is recorded, and nothing accepted.
    fs::write(&key, &former).unwrap();
    let tip = crate::support::objects::by_alice(&site.world, &[&site.tip], "not recorded");
    let pushed = site.world.push(&[&format!("{tip}:refs/heads/main")]);
    assert!(!pushed.succeeded && pushed.output.contains("do not fit"), "{}", pushed.output);
}

/// Whoever holds the key and the disk makes all of it anew: a ledger shows by itself that it fits together, and no more.
#[test]
fn a_history_rewritten_with_the_stolen_key_is_found_by_what_others_kept() {
    let mut site = Site::new();
    let told = site.file("told", &site.told);
    site.push();
    let note = site.file("note", &site.ends(0, &["checkpoint"]));
    let bodies: Vec<Vec<u8>> = (0..site.records())
        .map(|number| {
            let record = site.json(&["prove", &number.to_string()])["record"].as_str().unwrap().to_owned();
            record.replace("refs/heads/main", "refs/heads/evil").into_bytes()
        })
        .collect();
    site.copy_ledger("copy");
    let database = rusqlite::Connection::open(site.path("copy/ledger.sqlite")).unwrap();
    let contents: Vec<Vec<u8>> = {
        let mut select = database.prepare("SELECT bytes FROM content").unwrap();
        select.query_map([], |row| row.get(0)).unwrap().collect::<Result<_, _>>().unwrap()
    };
    let key = secret(&site, "ledger/key");
    fs::remove_dir_all(site.path("ledger")).unwrap();
    let mut rewrite = |restoring: &mut Restoring<'_>| {
        let mut nodes = HashMap::new();
        for content in &contents {
            restoring.content(content)?;
        }
        for (number, body) in (0..).zip(&bodies) {
            restoring.record(body)?;
            let mut read = |level, index| Ok::<_, Infallible>(nodes[&(level, index)]);
            for node in tree::completed(number, Hash::leaf(body), &mut read).unwrap() {
                nodes.insert((node.level, node.index), node.hash);
            }
            let mut read = |level, index| Ok::<_, Infallible>(nodes[&(level, index)]);
            let root = tree::root(number + 1, &mut read).unwrap();
            restoring
                .checkpoint(number + 1, Checkpoint::sign(number + 1, root, &key).unwrap().to_string().as_bytes())?;
        }
        Ok(())
    };
    Ledger::restore(&site.world.path("ledger"), &TrustedFiles::new(&[]).unwrap(), &key, &mut rewrite).unwrap();
    let out = site.ends(0, &["verify"]);
    assert!(out.contains("\nself-consistent, unwitnessed: "), "{out}");
    assert_eq!(site.found(&["--against", &told]), ["rewritten"]);
    assert_eq!(site.found(&["--against", &note]), ["rewritten"]);
    assert_eq!(site.found(&["--against", &told, &note, &site.file("now", &site.ends(0, &["checkpoint"]))]).len(), 2);
}
