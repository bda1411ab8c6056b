//! What the pusher is told, and when: first the record, then the word.

use super::*;
use std::{io::Write, process::Stdio};

/// Runs the hook itself on a new branch of this commit, which the server has; its exit status, and what it told.
fn run_hook(world: &World, commit: &str, name: &str) -> (Option<i32>, String) {
    let mut command = world.command(world.server().join("hooks/pre-receive"), &world.server());
    command.env("GIT_DIR", ".");
    let output = support::run(command, format!("{} {commit} refs/heads/{name}\n", world.null()).as_bytes());
    (output.status.code(), String::from_utf8_lossy(&output.stderr).into_owned())
}

fn world_with(commits: &[&str]) -> World {
    let world = world();
    for (commit, number) in commits.iter().zip(0..) {
        world.push_without_hook(&[&format!("{commit}:refs/other/{number}")]);
    }
    world
}

#[test]
fn a_refusal_stands_without_its_record_and_an_acceptance_does_not() {
    let world = world_with(&[]);
    let (good, bad) = (commits(&world, 1).remove(0), objects::unsigned(&world, &[], "bad"));
    for (id, name) in [(&good, "good"), (&bad, "bad")] {
        world.push_without_hook(&[&format!("{id}:refs/other/{name}")]);
    }
    assert_eq!(run_hook(&world, &good, "first").0, Some(0));
    assert_eq!(run_hook(&world, &bad, "first-bad").0, Some(1));
    fs::write(world.server().join("refs/heads/first"), format!("{good}\n")).unwrap();
    assert_eq!(run_hook(&world, &good, "second").0, Some(0), "and the first is settled");
    let before = records(&world);
    layer::put_below(&world, 1, layer::How::NoRoom);
    let (status, told) = run_hook(&world, &bad, "bad");
    assert_eq!(status, Some(1), "{told}");
    assert!(told.contains("error: refs/heads/bad: refused by rule `branches`\n"), "{told}");
    let warning = told.lines().last().unwrap();
    assert!(warning.starts_with("warning: this is not recorded: while writing the ledger"), "{told}");
    assert!(!told.contains("(record "), "{told}");
    layer::put_below(&world, 1, layer::How::NoRoom);
    let (status, told) = run_hook(&world, &good, "good");
    assert_eq!(status, Some(3), "{told}");
    assert!(told.contains("could not decide, so nothing was accepted\n  while writing the ledger"), "{told}");
    assert!(told.contains("administrator has to act") && !told.contains("accepted: record"), "{told}");
    layer::take_away(&world);
    assert_eq!(records(&world), before);
    let (status, told) = run_hook(&world, &bad, "bad");
    assert!(status == Some(1) && !told.contains("warning") && told.contains("(record "), "{told}");
    let (status, told) = run_hook(&world, &good, "good");
    assert!(status == Some(0) && told.starts_with("accepted: record "), "{told}");
    whole(&world);
}

/// Git's word to the pusher names the records, which are durable by then.
#[test]
fn what_is_told_is_recorded() {
    let world = world();
    let commit = commits(&world, 1).remove(0);
    let told = accepts(&world, &[&format!("{commit}:refs/heads/a"), &format!("{commit}:refs/heads/b")]);
    assert!(told.contains("accepted: records 2 to 3; checkpoint "), "{told}");
    let records = whole(&world);
    let notes: String = database(&world)
        .query_row("SELECT CAST(note AS TEXT) FROM checkpoint ORDER BY size DESC LIMIT 1", [], |row| row.get(0))
        .unwrap();
    let [origin, size] = [0, 1].map(|line| notes.lines().nth(line).unwrap().to_owned());
    assert_eq!(size, records.len().to_string());
    assert!(told.contains(&format!("checkpoint {origin} {size} ")), "{told}");
}

/// The client went away while the hook waited for the ledger: the record is made, and nobody can be told.
#[test]
fn a_client_that_is_gone_before_it_is_told() {
    let world = world();
    let commit = commits(&world, 1).remove(0);
    world.push_without_hook(&[&format!("{commit}:refs/other/there")]);
    assert_eq!(run_hook(&world, &commit, "stays").0, Some(0), "its twin, whom somebody hears");
    fs::write(world.server().join("refs/heads/stays"), format!("{commit}\n")).unwrap();
    assert_eq!(run_hook(&world, &commit, "settles").0, Some(0));
    fs::write(world.server().join("refs/heads/settles"), format!("{commit}\n")).unwrap();
    let mut command = world.command(world.server().join("hooks/pre-receive"), &world.server());
    command.env("GIT_DIR", ".").stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
    let mut child = command.spawn().unwrap();
    drop((child.stdout.take(), child.stderr.take()));
    writeln!(child.stdin.take().unwrap(), "{} {commit} refs/heads/gone", world.null()).unwrap();
    assert_eq!(child.wait().unwrap().code(), Some(3));
    let last = |world: &World| states(world).pop().unwrap().1;
    let records = whole(&world);
    assert_eq!((records.last().unwrap()["ref"].as_str(), last(&world)), (Some("refs/heads/gone"), "open".into()));
    layer::set_clock_ahead(&world, 601);
    assert_eq!(run_hook(&world, &commit, "next").0, Some(0));
    let states: Vec<_> = states(&world).into_iter().map(|(_, state)| state).collect();
    assert_eq!(states, ["completed", "completed", "failed", "open"]);
    whole(&world);
}
