//! A writer that is killed loses nothing that it acknowledged, and leaves nothing half done.

use super::*;
use crate::support::Dice;
use std::{
    io::{BufRead, BufReader, Write},
    process::{Child, Command, Stdio},
    time::Duration,
};

const WRITER: &str = "ledger_store::kills::the_writer_who_is_killed";

/// Opens the ledger, and appends for ever; says each number when it is durable.
#[test]
fn the_writer_who_is_killed() {
    let given = std::env::var_os("COUNTERSIGN_TEST_KILLED");
    let ground = Ground::new();
    let folder = given.as_ref().map_or_else(|| ground.folder(), PathBuf::from);
    let mut out = std::io::stdout().lock();
    writeln!(out, "\nbegun").unwrap();
    let mut ledger = Ledger::open(&folder, &ground.trusted, &making()).unwrap();
    for turn in 0..if given.is_some() { u32::MAX } else { 3 } {
        let appended = append(&mut ledger, 2_000, |writing| {
            let number = writing.next_number();
            let objects: Vec<_> = (0..if turn % 8 == 7 { 300 } else { 2 })
                .map(|place| object(u32::try_from(number).unwrap() * 1_000 + place))
                .collect();
            let decision = decision(writing, None, Some(objects[0]), &objects);
            record(writing, decision);
            outcome(writing, &[number], &[]);
        });
        writeln!(out, "acknowledged {}", appended.first).unwrap();
    }
    assert_eq!(verify(&ledger), [""; 0]);
}

fn start(folder: &Path) -> Child {
    Command::new(std::env::current_exe().unwrap())
        .args(["--exact", "--nocapture", WRITER])
        .env("COUNTERSIGN_TEST_KILLED", folder)
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .stderr(Stdio::null())
        .spawn()
        .unwrap()
}

/// Kills a writer some time after it has acknowledged so many; all that it acknowledged.
fn killed(folder: &Path, acknowledged: usize, after: Duration) -> Vec<u64> {
    let mut child = start(folder);
    let mut lines = BufReader::new(child.stdout.take().unwrap()).lines().map(Result::unwrap);
    assert!(lines.any(|line| line == "begun"));
    let mut numbers = lines.filter_map(|line| line.strip_prefix("acknowledged ")?.parse().ok());
    let mut all: Vec<u64> = numbers.by_ref().take(acknowledged).collect();
    std::thread::sleep(after);
    child.kill().unwrap();
    child.wait().unwrap();
    all.extend(numbers);
    all
}

#[test]
fn what_was_acknowledged_survives_the_kill() {
    let ground = Ground::new();
    drop(ground.open());
    let mut dice = Dice(5);
    let mut all = Vec::new();
    for round in 1..=400 {
        let acknowledged = killed(&ground.folder(), dice.below(4), Duration::from_micros(dice.below(6_000) as u64));
        all.extend(acknowledged);
        if round % 100 == 0 {
            let ledger = ground.open();
            assert_eq!(verify(&ledger), [""; 0], "after {round} kills");
            let wanted: Vec<_> = all.iter().map(|number| object(u32::try_from(*number).unwrap() * 1_000)).collect();
            assert_eq!(memory(&ledger).received_of(&wanted).unwrap().len(), all.len());
        }
    }
    assert!(all.len() > 400, "{}", all.len());
    assert!(all.is_sorted_by(|a, b| a < b));
}

#[test]
fn who_is_killed_while_making_a_ledger_leaves_it_to_the_next() {
    let mut dice = Dice(6);
    let mut cut_short = 0;
    for _ in 0..100 {
        let ground = Ground::new();
        let acknowledged = killed(&ground.folder(), 0, Duration::from_micros(dice.below(3_000) as u64));
        cut_short += usize::from(!ground.folder().join("key").exists());
        let ledger = ground.open();
        assert_eq!(verify(&ledger), [""; 0]);
        let wanted: Vec<_> =
            acknowledged.iter().map(|number| object(u32::try_from(*number).unwrap() * 1_000)).collect();
        assert_eq!(memory(&ledger).received_of(&wanted).unwrap().len(), wanted.len());
    }
    assert!(cut_short > 5, "{cut_short}");
}
