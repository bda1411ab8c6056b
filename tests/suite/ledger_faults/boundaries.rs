//! At every call with which the hook changes the ledger's files, the disk fails, is full, or the process is killed.

use super::{
    layer::{self, ALL, How, calls, put_below},
    *,
};

/// Pushes of one commit, which the server has already, to new branches, of which each has a number.
struct Pushes<'a> {
    world: &'a World,
    commit: String,
    number: usize,
}

impl<'a> Pushes<'a> {
    fn new(world: &'a World) -> Self {
        let commit = commits(world, 1).remove(0);
        world.push_without_hook(&[&format!("{commit}:refs/other/there")]);
        Self { world, commit, number: 0 }
    }

    /// Pushes another branch: with git itself, or with what git does for the hook, which is faster. Its name, whether it was
    /// let in, and what was told. It is let in with its record, or not at all.
    #[track_caller]
    fn push(&mut self, with_git: bool) -> (String, bool, String) {
        self.number += 1;
        let name = format!("refs/heads/b{}", self.number);
        let path = self.world.server().join(&name);
        let (accepted, told) = if with_git {
            push(self.world, &[&format!("{}:{name}", self.commit)])
        } else {
            let server = self.world.server();
            let mut command = self.world.command(server.join("hooks/pre-receive"), &server);
            command.env("GIT_DIR", ".");
            let line = format!("{} {} {name}\n", self.world.null(), self.commit);
            let output = support::run(command, line.as_bytes());
            if output.status.success() {
                fs::write(&path, format!("{}\n", self.commit)).unwrap();
            }
            (output.status.success(), String::from_utf8_lossy(&output.stderr).into_owned())
        };
        assert_eq!(path.exists(), accepted, "{told}");
        if accepted {
            let is_it = |record: &Value| record["ref"] == *name && record["verdict"] == "accepted";
            assert!(records(self.world).iter().any(is_it), "{name} was let in without a record: {told}");
        }
        (name, accepted, told)
    }
}

/// Lets each call fail in turn, in each way that differs there, until a push needs no more of them. How many there were.
fn at_every_call(pushes: &mut Pushes<'_>, before: impl Fn(&World)) -> usize {
    let mut most = 0;
    // Name and path of each call.
    let mut found: Vec<String> = Vec::new();
    for how in ALL {
        for at in 1.. {
            let named =
                |names: &[&str]| found.get(at - 1).is_none_or(|call| names.contains(&call.split(' ').next().unwrap()));
            let is_other_way = match how {
                How::Fails => true,
                How::NoRoom => named(&["open", "mkdir", "write", "pwrite", "ftruncate"]),
                // Between two writes to the same file is where the one before was half done.
                How::Kills => at == 1 || found.get(at - 1).is_none_or(|call| *call != found[at - 2]),
                How::KillsAfterHalf => named(&["write", "pwrite"]),
            };
            if !is_other_way {
                continue;
            }
            before(pushes.world);
            put_below(pushes.world, at, how);
            let (name, accepted, told) = pushes.push(at % 8 == 0);
            let calls = calls(pushes.world);
            layer::whole(pushes.world);
            let Some(call) = calls.get(at - 1) else {
                assert!(accepted, "{told}");
                most = most.max(calls.len());
                found = calls.iter().map(|call| call.split_once(' ').unwrap().1.to_owned()).collect();
                break;
            };
            let ends = matches!(how, How::Kills | How::KillsAfterHalf);
            assert!(!(accepted && ends), "{how:?} at {call}");
            assert!(accepted || ends || told.contains("countersign could not decide"), "{how:?} at {call}: {told}");
            let (next, is_in, told) = pushes.push(false);
            assert!(is_in, "after {how:?} at {call}: {told}");
            let records = whole(pushes.world);
            // One that could not be recorded as let in may be recorded as not decided.
            let is_of = |record: &Value, name: &str| record["ref"] == *name && record["verdict"] == "accepted";
            let number_of = |name: &str| records.iter().rposition(|record| is_of(record, name));
            let states = states(pushes.world);
            let became =
                |number: usize| states.iter().find(|(decision, _)| *decision == number as u64).unwrap().1.clone();
            // Of what could not be let in there may be a record, too.
            let expected = if accepted { "completed" } else { "open" };
            match number_of(&name).map(became) {
                Some(state) => assert_eq!(state, expected, "after {how:?} at {call}"),
                None => assert!(!accepted, "after {how:?} at {call}"),
            }
            assert_eq!(number_of(&next).map(became).as_deref(), Some("open"), "after {how:?} at {call}");
        }
    }
    most
}

#[test]
fn while_the_first_hook_makes_the_ledger() {
    let world = world();
    let most = at_every_call(&mut Pushes::new(&world), World::forget);
    println!("making a ledger and the first push: {most} calls");
    assert!(most > 40, "{most}");
}

#[test]
fn while_a_push_is_settled_and_the_next_recorded() {
    let world = world();
    layer::whole(&world);
    let mut pushes = Pushes::new(&world);
    pushes.push(true);
    // No hook told what became of this one: the next finds it by its ref.
    let kept = world.path("kept");
    copy(&world.path("ledger"), &kept);
    let most = at_every_call(&mut pushes, |world| put_back(world, &kept));
    println!("settling a push and recording another: {most} calls");
    assert!(most > 10, "{most}");
}

/// The log is moved into the database once it is long.
#[test]
fn while_the_log_is_moved_into_the_database() {
    let world = world();
    layer::whole(&world);
    let mut pushes = Pushes::new(&world);
    let log = world.path("ledger/ledger.sqlite-wal");
    let moves = |world: &World| calls(world).iter().any(|call| call.ends_with("ledger.sqlite"));
    let kept = world.path("kept");
    loop {
        drop(fs::remove_dir_all(&kept));
        if log.exists() {
            copy(&world.path("ledger"), &kept);
        }
        layer::whole(&world);
        pushes.push(false);
        if kept.exists() && fs::metadata(&log).unwrap().len() == 0 {
            break;
        }
    }
    assert!(moves(&world));
    let most = at_every_call(&mut pushes, |world| put_back(world, &kept));
    println!("a push that moves the log: {most} calls");
    assert!(most > 30, "{most}");
}

fn put_back(world: &World, kept: &Path) {
    world.forget();
    copy(kept, &world.path("ledger"));
}

/// Nobody uses it.
pub(super) fn copy(from: &Path, to: &Path) {
    fs::create_dir(to).unwrap();
    set_mode(to, 0o700);
    for entry in fs::read_dir(from).unwrap() {
        let name = entry.unwrap().file_name();
        fs::copy(from.join(&name), to.join(name)).unwrap();
    }
}

#[test]
fn while_what_git_did_is_recorded() {
    let world = world();
    hook(&world, &world.server(), "post-receive", "hook post-receive");
    let pre_receive = world.server().join("hooks/pre-receive");
    let script = fs::read_to_string(&pre_receive).unwrap();
    // Only what is told afterwards meets the fault.
    fs::write(&pre_receive, script.replace("before", "never")).unwrap();
    let commit = commits(&world, 1).remove(0);
    let mut number = 0;
    let mut told_apart = [0; 2];
    for how in [How::Fails, How::KillsAfterHalf] {
        for at in 1.. {
            number += 1;
            put_below(&world, at, how);
            let told = accepts(&world, &[&format!("{commit}:refs/heads/b{number}")]);
            let calls = calls(&world);
            let reached = calls.len() >= at;
            let state = states(&world).pop().unwrap().1;
            told_apart[usize::from(state == "completed")] += 1;
            assert!(reached || state == "completed", "{told}");
            // What was written, and of which the disk then did not say that it is durable, may be there all the same.
            let may_be_there = calls.get(at - 1).is_some_and(|call| call.contains("sync "));
            let is_told = told.contains("warning: this is not recorded");
            assert_eq!(how == How::Fails && (state == "open" || (is_told && may_be_there)), is_told, "{told}");
            if !reached {
                break;
            }
        }
    }
    assert!(told_apart[0] > 5 && told_apart[1] > 1, "{told_apart:?}");
    layer::whole(&world);
    accepts(&world, &[&format!("{commit}:refs/heads/last")]);
    assert!(states(&world).iter().all(|(_, state)| state == "completed"));
    every_branch_was_decided(&world, &world.server(), &whole(&world));
}
