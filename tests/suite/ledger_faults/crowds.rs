//! Many pushes at once, to repositories that share a ledger.

use super::*;
use std::{collections::BTreeMap, sync::Barrier, thread, time::Instant};

#[test]
fn fifty_pushes_at_once_to_ten_repositories() {
    let world = world();
    let repositories: Vec<PathBuf> = (0..10).map(|number| repository(&world, &format!("r{number}.git"))).collect();
    for repository in &repositories {
        hook(&world, repository, "post-receive", "hook post-receive");
    }
    // Five for each: a chain on one branch, of which git takes some in turn and refuses the others, and one beside it.
    let commits = commits(&world, 5);
    let begin = Barrier::new(50);
    let started = Instant::now();
    let mut taken = 0;
    thread::scope(|scope| {
        let pushes: Vec<_> = (0..50)
            .map(|number| {
                let (world, repository, commit, begin) =
                    (&world, &repositories[number % 10], &commits[number / 10], &begin);
                scope.spawn(move || {
                    let refspecs = [format!("{commit}:refs/heads/main"), format!("{commit}:refs/heads/own{number}")];
                    begin.wait();
                    let (_, told) = push_to(world, repository, &[&refspecs[0], &refspecs[1]]);
                    assert!(!told.contains("countersign could not decide"), "{told}");
                    world.git_in(repository, &["for-each-ref", &format!("refs/heads/own{number}")]).is_empty()
                })
            })
            .collect();
        taken += pushes.into_iter().map(|push| push.join().unwrap()).filter(|gone| !gone).count();
    });
    let took = started.elapsed();
    let records = whole(&world);
    for repository in &repositories {
        every_branch_was_decided(&world, repository, &records);
        values_chain(&world, repository, &records);
    }
    let waits: Vec<u64> =
        of_type(&records, "decision").iter().filter_map(|decision| decision.get("waited-ms")?.as_u64()).collect();
    assert!(waits.iter().all(|wait| *wait >= 100));
    assert!(records.iter().all(|record| record.get("clock-behind").is_none()), "the clock did not go back");
    println!(
        "50 pushes took {took:?}, {taken} were let in; longest wait {:?} ms of {}",
        waits.iter().max(),
        waits.len()
    );
    // At least who was first to each; whoever comes once `main` has moved is told to fetch.
    assert!(taken >= 10, "{taken}");
    // The same, one after another.
    for (repository, number) in repositories.iter().zip(50..) {
        let (accepted, told) = push_to(&world, repository, &[&format!("{}:refs/heads/own{number}", commits[0])]);
        assert!(accepted, "{told}");
        every_branch_was_decided(&world, repository, &whole(&world));
    }
}

/// What was completed goes from value to value, in the order of the records, to the one that the ref has.
#[track_caller]
fn values_chain(world: &World, repository: &Path, records: &[Value]) {
    let mut values: BTreeMap<&str, &Value> = BTreeMap::new();
    for (number, state) in states(world) {
        let record = &records[usize::try_from(number).unwrap()];
        if state != "completed" || record["repository"] != repository.to_str().unwrap() {
            continue;
        }
        let before = values.insert(record["ref"].as_str().unwrap(), &record["new"]);
        assert_eq!(&record["old"], before.unwrap_or(&Value::Null), "record {number}");
    }
    for (name, value) in values {
        assert_eq!(world.git_in(repository, &["rev-parse", name]), value.as_str().unwrap(), "{name}");
    }
}

#[test]
fn how_long_a_push_waited_is_recorded() {
    let world = world();
    hook(&world, &world.server(), "post-receive", "hook post-receive");
    let commit = commits(&world, 1).remove(0);
    accepts(&world, &[&format!("{commit}:refs/heads/one")]);
    let held = database(&world);
    held.execute_batch("BEGIN IMMEDIATE").unwrap();
    let (world, commit) = (&world, &commit);
    thread::scope(|scope| {
        let waiting = scope.spawn(move || accepts(world, &[&format!("{commit}:refs/heads/two")]));
        thread::sleep(std::time::Duration::from_millis(700));
        held.execute_batch("ROLLBACK").unwrap();
        waiting.join().unwrap();
    });
    let records = whole(world);
    let waits: Vec<_> = of_type(&records, "decision").iter().map(|record| record.get("waited-ms")).collect();
    assert_eq!(waits.len(), 2);
    assert_eq!(waits[0], None, "nobody held it");
    assert!(waits[1].is_some_and(|wait| wait.as_u64() >= Some(100)), "{waits:?}");
}
