//! Processes of a push are killed at any moment.

use super::*;
use crate::support::Dice;
use std::{
    os::unix::process::CommandExt,
    process::{Child, Stdio},
    sync::atomic::{AtomicU64, Ordering},
    thread,
    time::{Duration, Instant},
};

const PUSHES: u64 = 500;

/// One of the processes below this one that has such a word in its command line.
fn below(process: u32, word: &str) -> Option<u32> {
    let children = fs::read_to_string(format!("/proc/{process}/task/{process}/children")).ok()?;
    children.split_whitespace().filter_map(|child| child.parse().ok()).find_map(|child: u32| {
        let line = fs::read(format!("/proc/{child}/cmdline")).unwrap_or_default();
        let is_it = String::from_utf8_lossy(&line).split('\0').any(|part| part.ends_with(word));
        if is_it { Some(child) } else { below(child, word) }
    })
}

fn kill(target: &str) {
    // It may have ended by itself.
    let _ = Command::new("kill").args(["-9", "--", target]).stderr(Stdio::null()).status().unwrap();
}

/// Kills the program, git's server side, or all of the push, some time after that has begun.
fn end(push: &mut Child, what: usize, after: Duration) {
    let word = ["pre-receive", "receive-pack", "receive-pack"][what];
    let begin = Instant::now();
    let found = loop {
        if push.try_wait().unwrap().is_some() {
            return;
        }
        match below(push.id(), word) {
            Some(found) => break found,
            None if begin.elapsed() > Duration::from_secs(5) => return,
            None => thread::yield_now(),
        }
    };
    thread::sleep(after);
    if what == 2 { kill(&format!("-{}", push.id())) } else { kill(&found.to_string()) }
}

#[test]
fn what_git_did_is_recorded_whatever_is_killed() {
    let world = world();
    // So that what git does after it has asked takes as long as the hook: that is where some of the processes end.
    let commits = commits(&world, 4);
    let repositories = [world.server(), repository(&world, "other.git")];
    hook(&world, &repositories[1], "post-receive", "hook post-receive");
    let (next, cut) = (AtomicU64::new(0), AtomicU64::new(0));
    thread::scope(|scope| {
        for worker in 0..3_u32 {
            let (world, commits, repositories, next, cut) = (&world, &commits, &repositories, &next, &cut);
            scope.spawn(move || {
                let mut dice = Dice(u64::from(worker) + 11);
                loop {
                    let number = next.fetch_add(1, Ordering::Relaxed);
                    if number >= PUSHES {
                        break;
                    }
                    // Some are to the same branch, so that they go over one another.
                    let branch = if dice.below(3) == 0 { dice.below(4) as u64 } else { number };
                    let refspec = format!("+{}:refs/heads/b{branch}", commits[dice.below(commits.len())]);
                    let mut command = push_command(world, &repositories[number as usize % 2], &[&refspec]);
                    command.process_group(0).stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null());
                    let mut child = command.spawn().unwrap();
                    if dice.below(5) != 0 {
                        end(&mut child, dice.below(3), Duration::from_micros(dice.below(40_000) as u64));
                    }
                    cut.fetch_add(u64::from(!child.wait().unwrap().success()), Ordering::Relaxed);
                }
            });
        }
    });
    until_all_ended(&world);
    let records = whole(&world);
    for repository in &repositories {
        every_branch_was_decided(&world, repository, &records);
    }
    let open_before = states(&world).iter().filter(|(_, state)| state == "open").count();
    // The next push to each settles what has its value.
    for repository in &repositories {
        let (accepted, told) = push_to(&world, repository, &[&format!("{}:refs/heads/last", commits[0])]);
        assert!(accepted, "{told}");
    }
    let records = whole(&world);
    let open = settled_rightly(&world, &repositories, &records);
    println!(
        "{PUSHES} pushes, {} cut short, {} records; open: {open_before}, then {open}",
        cut.load(Ordering::Relaxed),
        records.len()
    );
    assert!(cut.load(Ordering::Relaxed) > 50 && open_before > 10);
    // After their time the others have failed.
    layer::set_clock_ahead(&world, 3_600);
    for repository in &repositories {
        let (accepted, told) = push_to(&world, repository, &[&format!("{}:refs/heads/later", commits[0])]);
        assert!(accepted, "{told}");
    }
    let records = whole(&world);
    assert!(settled_rightly(&world, &repositories, &records) <= repositories.len());
}

/// What a killed process has started goes on.
fn until_all_ended(world: &World) {
    let ground = world.server().parent().unwrap().to_owned();
    let runs = |process: fs::DirEntry| {
        let line = fs::read(process.path().join("cmdline")).unwrap_or_default();
        String::from_utf8_lossy(&line).contains(ground.to_str().unwrap())
    };
    let begin = Instant::now();
    while fs::read_dir("/proc").unwrap().filter_map(Result::ok).any(runs) {
        assert!(begin.elapsed() < Duration::from_secs(60), "something of a push goes on");
        thread::sleep(Duration::from_millis(20));
    }
}

/// The last value of every branch is of a decision that is completed, but for that of the last push; how many are open.
fn settled_rightly(world: &World, repositories: &[PathBuf], records: &[Value]) -> usize {
    let states = states(world);
    for repository in repositories {
        for (name, id) in world
            .git_in(repository, &["for-each-ref", "--format=%(refname) %(objectname)", "refs/heads/b*"])
            .lines()
            .map(|line| line.split_once(' ').unwrap())
        {
            let completed = states.iter().any(|(number, state)| {
                let record = &records[usize::try_from(*number).unwrap()];
                state == "completed"
                    && record["repository"] == repository.to_str().unwrap()
                    && record["ref"] == name
                    && record["new"] == id
            });
            assert!(completed, "{name} has {id} in {}", repository.display());
        }
    }
    states.iter().filter(|(_, state)| state == "open").count()
}
