//! `policy replay`: history that is there, judged as if an update brought it.

use crate::support::{
    self, World, keys,
    objects::{self, Commit},
};
use serde_json::{Value, json};
use std::fmt::Write;

fn replay(world: &World, more: &[&str]) -> (i32, String, String) {
    let mut command = world.command(env!("CARGO_BIN_EXE_countersign"), &world.clone_path());
    command.args(["policy", "replay", "--policy"]).arg(world.policy_path()).args(more);
    let output = support::run(command, b"");
    let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
    (output.status.code().unwrap(), text(&output.stdout), text(&output.stderr))
}

fn replay_json(world: &World, more: &[&str]) -> (i32, Value) {
    let (status, out, error) = replay(world, &[more, &["--format", "json"]].concat());
    (status, serde_json::from_str(&out).unwrap_or_else(|_| panic!("{out}{error}")))
}

/// Who, why, how often.
fn rows(value: &Value) -> Vec<(String, String, u64)> {
    let row = |group: &Value| {
        let who = group["signer"].as_str().or(group["email"].as_str()).unwrap_or("-");
        (who.to_owned(), group["reason"].as_str().unwrap().to_owned(), group["count"].as_u64().unwrap())
    };
    value["groups"].as_array().unwrap().iter().map(row).collect()
}

fn row(who: &str, reason: &str, count: u64) -> (String, String, u64) {
    (who.to_owned(), reason.to_owned(), count)
}

/// On `main`, oldest first: Alice's; two unsigned by Bob's name; Mallory's by Alice's name; Dave's.
fn history(world: &World) -> Vec<String> {
    let mut ids = vec![objects::by_alice(world, &[], "1")];
    for message in ["2", "3"] {
        let parent = ids.last().unwrap().clone();
        ids.push(Commit::new(world, &[&parent], message).by(objects::BOB).unsigned(world));
    }
    ids.push(objects::signed(world, keys::MALLORY_SSH, &[&ids[2]], "4"));
    ids.push(objects::signed(world, keys::DAVE_OPENPGP, &[&ids[3]], "5"));
    world.git(&["update-ref", "refs/heads/main", &ids[4]]);
    ids
}

#[test]
fn what_would_break_is_counted_by_person_and_reason() {
    let world = World::new();
    let ids = history(&world);
    world.policy_for_main("signatures = { commits = \"all\", by = [\"alice@example.com\"] }");
    let (status, value) = replay_json(&world, &["main"]);
    assert_eq!((status, &value["verdict"], &value["commits"]), (1, &"refused".into(), &5.into()), "{value}");
    assert_eq!((&value["old"], &value["new"]), (&Value::Null, &json!(ids[4])));
    let expected = [
        row("bob@example.com", "unsigned", 2),
        row("dave@example.com", "not-allowed", 1),
        row("alice@example.com", "unknown-key", 1),
    ];
    assert_eq!(rows(&value), expected, "{value}");
    let bob = &value["groups"][0];
    assert_eq!(
        (&bob["name"], &bob["signer"], &bob["rule"], &bob["line"]),
        (&"Bob Example".into(), &Value::Null, &"main".into(), &4.into())
    );
    assert_eq!((&bob["first"], &bob["example"]), (&"2023-11-14T22:13:20Z".into(), &json!(ids[2])), "{value}");
    assert_eq!(value["groups"][1]["signer"], "dave@example.com");
    // By Alice's name alone.
    assert_eq!(value["groups"][2]["signer"], Value::Null);
    let (status, out, error) = replay(&world, &["main"]);
    assert_eq!((status, error.as_str()), (1, ""), "no progress where it is no terminal");
    let lines: Vec<_> = out.lines().collect();
    assert!(lines[0].starts_with("PERSON ") && lines[0].ends_with(" EXAMPLE"), "{out}");
    assert_eq!(
        lines[1].split_whitespace().collect::<Vec<_>>(),
        [
            "Bob",
            "Example",
            "<bob@example.com>",
            "unsigned",
            "main",
            "refuses",
            "2",
            "2023-11-14",
            "2023-11-14",
            &ids[2][..7]
        ]
    );
    assert_eq!(lines.last(), Some(&"refs/heads/main: 5 commits read; the update would be refused"));
}

#[test]
fn a_range_is_an_update_from_its_bottom_to_its_top() {
    let world = World::new();
    let ids = history(&world);
    world.policy_for_main("signatures = { commits = \"all\" }\nupdates = { create = false }");
    let range = |bottom: &str, top: &str| format!("{bottom}..{top}");
    for (range, status, expected) in [
        (range(&ids[0], &ids[2]), 1, vec![row("bob@example.com", "unsigned", 2)]),
        (range(&ids[3], "main"), 0, vec![]),
        (format!("{}^!", ids[3]), 1, vec![row("alice@example.com", "unknown-key", 1)]),
        (range("main", &ids[3]), 1, vec![row("alice@example.com", "unknown-key", 1), row("-", "force-push", 1)]),
        (ids[0].clone(), 1, vec![row("-", "create", 1)]),
    ] {
        let (found, value) = replay_json(&world, &[&range]);
        assert_eq!((found, rows(&value)), (status, expected), "{range}: {value}");
    }
}

#[test]
fn the_ref_is_the_default_branch_unless_another_is_named() {
    let world = World::new();
    let ids = history(&world);
    world.policy(
        "version = 1\nunmatched-refs = \"refuse\"\n[[rule]]\nname = \"default\"\nrefs = [\"HEAD\"]\n\
         [[rule]]\nname = \"next\"\nrefs = [\"refs/heads/next\"]\nmode = \"warn\"\nsignatures = { commits = \"all\" }\n",
    );
    assert_eq!(replay_json(&world, &["main"]).0, 0);
    let (status, value) = replay_json(&world, &["main", "--ref", "next"]);
    assert_eq!((status, &value["groups"][0]["effect"], &value["ref"]), (0, &"warns".into(), &"refs/heads/next".into()));
    assert_eq!(rows(&value).len(), 2, "{value}");
    let (status, value) = replay_json(&world, &[&ids[0], "--ref", "refs/heads/other"]);
    assert_eq!((status, rows(&value)), (1, vec![row("-", "unmatched-ref", 1)]));
    let (status, _, error) = replay(&world, &["main", "--ref", "a..b"]);
    assert!(status == 2 && error.contains("is not the name of a ref"), "{error}");
    assert_eq!(replay(&world, &["nowhere..main"]).0, 3);
}

#[test]
fn a_name_that_plays_with_the_terminal_is_shown_escaped_and_short() {
    let world = World::new();
    let name = format!("Eve\u{1b}[2J\u{202e} {} <eve@example.com>", "x".repeat(300));
    let id = Commit::new(&world, &[], "One").by(&name).unsigned(&world);
    world.signed_main();
    let (status, out, _) = replay(&world, &[&id]);
    assert_eq!(status, 1);
    assert!(out.contains("Eve\\u{1b}[2J\\u{202e} xxx") && !out.contains(['\u{1b}', '\u{202e}']), "{out:?}");
    assert!(out.lines().all(|line| line.chars().count() < 160), "{out}");
}

/// Ten thousand commits on `main`, none signed, in turn by one of four hundred people.
fn long_history(world: &World) {
    let mut stream = String::new();
    for number in 1..=10_000 {
        let (person, time) = (number % 400, 1_600_000_000 + number);
        writeln!(stream, "commit refs/heads/main\ncommitter P{person} <p{person}@example.com> {time} +0000\ndata 1\nx")
            .unwrap();
    }
    let mut command = world.command("git", &world.clone_path());
    command.args(["fast-import", "--quiet"]);
    support::run_well(command, stream.as_bytes());
}

#[test]
fn ten_thousand_commits_show_progress_on_a_terminal_and_end_in_the_whole_table() {
    let world = World::with_signed_main();
    long_history(&world);
    let mut command = world.command("script", &world.clone_path());
    let program = env!("CARGO_BIN_EXE_countersign");
    let line = format!("'{program}' policy replay main --policy '{}'", world.policy_path().display());
    command.args(["--quiet", "--return", "--command", &line, "/dev/null"]);
    let output = support::run(command, b"");
    let out = String::from_utf8_lossy(&output.stdout).into_owned();
    assert_eq!(output.status.code(), Some(1), "{out}");
    let (progress, table) = out.split_once("\r\u{1b}[K").unwrap_or_else(|| panic!("{out:?}"));
    assert!(progress.contains("\rjudging: 64 commits"), "{progress:?}");
    let rows = table.lines().filter(|line| line.contains("@example.com>"));
    let counts: Vec<_> = rows.map(|row| row.split_whitespace().nth(5).unwrap().to_owned()).collect();
    assert_eq!(counts, vec!["25"; 400], "{table}");
    assert!(table.trim_end().ends_with("refs/heads/main: 10000 commits read; the update would be refused"), "{table}");
}
