//! What got past the hook: seen by doctor, and by the next push.

use super::*;

/// As a forge does that changes refs beside the hooks.
fn past_the_hook(site: &Site, refspec: &str) {
    let mut command = site.world.command("git", &site.world.clone_path());
    command.args(["push", "--receive-pack=git -c core.hooksPath=/dev/null receive-pack"]);
    command.arg(site.repository()).arg(refspec);
    run_well(command, b"");
}

#[track_caller]
fn unrecorded(site: &Site, codes: &[&str], count: u64) -> Found {
    let found = site.finds(if codes.is_empty() { "ok" } else { "critical" }, codes);
    assert_eq!(found.repository()["refs-without-record"], count, "{:#}", found.value);
    found
}

#[test]
fn a_ref_that_was_moved_made_or_deleted_past_the_hook() {
    let site = Site::new();
    let first = site.signed(&[], "first");
    for name in ["main", "release/1", "topic"] {
        site.accepts(&format!("{first}:refs/heads/{name}"));
    }
    unrecorded(&site, &[], 0);
    let bad = objects::unsigned(&site.world, &[&first], "bad");
    past_the_hook(&site, &format!("{bad}:refs/heads/main"));
    let found = unrecorded(&site, &["ref-moved"], 1);
    let what = found.all().next().unwrap()["what"].as_str().unwrap();
    assert!(what.contains("refs/heads/main is at ") && what.contains(&bad) && what.contains(&first), "{what}");
    past_the_hook(&site, &format!("{first}:refs/heads/release/2"));
    unrecorded(&site, &["ref-moved", "ref-unrecorded"], 2);
    past_the_hook(&site, ":refs/heads/release/1");
    let found = unrecorded(&site, &["ref-moved", "ref-unrecorded"], 3);
    assert!(found.all().any(|finding| finding["what"].as_str().unwrap().contains("refs/heads/release/1 is not there")));
    // No rule covers it.
    past_the_hook(&site, &format!("{bad}:refs/heads/topic"));
    unrecorded(&site, &["ref-moved", "ref-unrecorded"], 3);
}

#[test]
fn the_next_push_to_a_ref_records_that_it_was_moved() {
    let site = Site::new();
    let first = site.signed(&[], "first");
    site.accepts(&format!("{first}:refs/heads/main"));
    let kept = site.world.path("kept");
    fs::rename(site.hook(), &kept).unwrap();
    let bad = objects::unsigned(&site.world, &[&first], "bad");
    site.accepts(&format!("{bad}:refs/heads/main"));
    fs::rename(&kept, site.hook()).unwrap();
    unrecorded(&site, &["ref-moved"], 1);
    assert!(!site.ledger(&["list"]).contains("moved"));
    // What the ref has by now is not judged again: the record is what shows the gap.
    let next = site.signed(&[&bad], "next");
    site.accepts(&format!("{next}:refs/heads/main"));
    let list: Value = serde_json::from_str(&site.ledger(&["list", "--type", "moved", "--format", "json"])).unwrap();
    let numbers: Vec<_> =
        list["records"].as_array().unwrap().iter().map(|record| record["number"].to_string()).collect();
    assert_eq!(numbers.len(), 1, "{list:#}");
    let record: Value = serde_json::from_str(&site.ledger(&["show", &numbers[0], "--raw"])).unwrap();
    // Nobody has told what git did of the first push, so that no value stands recorded.
    let expected = [
        ("ref", "refs/heads/main".into()),
        ("recorded", Value::Null),
        ("found", bad.as_str().into()),
        ("by", "push".into()),
    ];
    for (key, value) in expected {
        assert_eq!(record[key], value, "{record:#}");
    }
    let traced = {
        let mut command = site.world.command(env!("CARGO_BIN_EXE_countersign"), &site.repository());
        command.args(["ledger", "trace", &bad, "--policy"]).arg(site.world.path("etc/policy.toml"));
        run(command, b"")
    };
    assert_eq!(traced.status.code(), Some(1));
    let traced = String::from_utf8_lossy(&traced.stdout).into_owned();
    assert!(traced.contains("without a decision"), "{traced}");
    // From then on the record is what explains the value.
    unrecorded(&site, &[], 0);
}

#[test]
fn what_was_pushed_and_what_was_adopted_is_explained() {
    for format in ["sha1", "sha256"] {
        let site = Site::of_format(format);
        let first = objects::unsigned(&site.world, &[], "old");
        past_the_hook(&site, &format!("{first}:refs/heads/main"));
        site.finds("warning", &["ledger-missing", "repository-not-recorded"]);
        site.ledger(&["adopt", "--all", "--yes"]);
        unrecorded(&site, &[], 0);
        let second = site.signed(&[&first], "second");
        site.accepts(&format!("{second}:refs/heads/main"));
        site.git(&["pack-refs", "--all"]);
        unrecorded(&site, &[], 0);
        site.accepts(":refs/heads/main");
        unrecorded(&site, &[], 0);
    }
}

#[test]
fn a_canary_that_was_let_in_is_found_later_too() {
    let site = Site::new();
    let first = site.signed(&[], "first");
    site.accepts(&format!("{first}:refs/heads/main"));
    past_the_hook(&site, &format!("{first}:refs/countersign/canary/00"));
    site.finds("critical", &["canary-present"]);
}

#[test]
fn a_canary_is_refused_and_recorded() {
    for format in ["sha1", "sha256"] {
        let site = Site::of_format(format);
        site.accepts(&format!("{}:refs/heads/main", site.signed(&[], "first")));
        let records = |found: &Found| found.value["ledgers"][0]["records"].as_u64().unwrap();
        let before = site.doctor(&[]);
        let found = site.doctor(&["--canary"]);
        found.is("ok", &[]);
        assert_eq!(found.repository()["canary"], "refused");
        // The first settles what became of the push before.
        assert_eq!(records(&site.doctor(&[])), records(&before) + 2);
        site.doctor(&["--canary"]).is("ok", &[]);
        assert_eq!(records(&site.doctor(&[])), records(&before) + 3);
        assert!(site.ledger(&["list", "--refused"]).contains("refs/countersign/canary/"));
        assert_eq!(site.git(&["for-each-ref", "refs/countersign"]), "");
    }
}

#[test]
fn a_canary_that_nothing_refuses_is_critical_and_taken_back() {
    let site = Site::new();
    site.accepts(&format!("{}:refs/heads/main", site.signed(&[], "first")));
    fs::remove_file(site.hook()).unwrap();
    let found = site.doctor(&["--canary"]);
    found.is("critical", &["hook-missing", "canary-accepted"]);
    assert_eq!(found.repository()["canary"], "not refused");
    assert_eq!(site.git(&["for-each-ref", "refs/countersign"]), "");
}

#[test]
fn a_canary_that_something_else_refuses_is_critical() {
    let site = Site::new();
    site.accepts(&format!("{}:refs/heads/main", site.signed(&[], "first")));
    let text = fs::read_to_string(site.hook()).unwrap();
    site.write_program(&site.hook(), "#!/bin/sh\necho broken >&2\nexit 1\n");
    let found = site.doctor(&["--canary"]);
    found.is("critical", &["hook-not-ours", "canary-refused-otherwise"]);
    site.write_program(&site.hook(), &text);
    site.doctor(&["--canary"]).is("ok", &[]);
    // The process is killed while it judges.
    site.write_program(&site.program(), "#!/bin/sh\n[ \"$1\" = hook ] && kill -9 $$\necho countersign 0.1.0\n");
    site.doctor(&["--canary"]).is("critical", &["canary-refused-otherwise"]);
}

#[test]
fn a_canary_that_cannot_be_pushed_shows_nothing() {
    let site = Site::new();
    site.accepts(&format!("{}:refs/heads/main", site.signed(&[], "first")));
    let mut command = site.command(&["--canary", "--format", "json"]);
    command.env("TMPDIR", site.world.path("nowhere"));
    let output = run(command, b"");
    let found = Found { status: output.status.code().unwrap(), value: serde_json::from_slice(&output.stdout).unwrap() };
    found.is("unknown", &["canary-failed"]);
    assert_eq!(found.repository()["canary"], "not pushed");
}

#[test]
fn root_looks_as_whom_the_repositories_belong_to() {
    if !is_root() {
        return;
    }
    let site = Site::new();
    let give = |name: &str| {
        let mut command = site.world.command("chown", &site.world.path(""));
        command.args(["-R", "65534:65534", name]);
        run_well(command, b"");
    };
    give("srv");
    fs::write(site.world.path("log"), "").unwrap();
    give("log");
    drop(fs::create_dir(site.world.path("ledger")));
    set_mode(&site.world.path("ledger"), 0o700);
    give("ledger");
    let mut command = site.command(&["--canary", "--format", "json"]);
    command.env_remove("GIT_CONFIG_GLOBAL");
    let output = run(command, b"");
    let value: Value = serde_json::from_slice(&output.stdout).unwrap();
    assert_eq!(value["repositories"][0]["canary"], "refused", "{value:#}");
    // The ledger is made by the hook, as its user; nothing in it is root's.
    for entry in fs::read_dir(site.world.path("ledger")).unwrap() {
        assert_eq!(entry.unwrap().metadata().unwrap().uid(), 65_534);
    }
    site.finds("ok", &[]);
    // What root could read, and the hook cannot, is found as the hook would find it.
    set_mode(&site.world.path("etc/policy.toml"), 0o600);
    site.finds("critical", &["policy-broken", "refs-unknown"]);
    set_mode(&site.world.path("etc/policy.toml"), 0o644);
    // Somebody else sees hook files, and no more.
    let mut command = site.world.command("setpriv", &site.world.path(""));
    command.args(["--reuid=65533", "--regid=65533", "--clear-groups", env!("CARGO_BIN_EXE_countersign"), "doctor"]);
    command.args(["--format", "json", "--config"]).arg(site.world.path("etc"));
    let output = run(command, b"");
    let told = String::from_utf8_lossy(&output.stderr).into_owned();
    let value = serde_json::from_slice(&output.stdout).unwrap_or_else(|error| panic!("{error}: {told}"));
    let found = Found { status: output.status.code().unwrap(), value };
    assert!(found.codes().contains("not-permitted") && found.status == 3, "{:#}", found.value);
}
