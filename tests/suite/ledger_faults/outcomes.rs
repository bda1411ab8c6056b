//! What becomes of decisions: told by git's hooks, found by the refs; and what changes beside any push.

use super::*;

/// With hooks that tell what git did.
fn telling(hooks: &[&str]) -> World {
    let world = world();
    tell(&world, hooks);
    world
}

fn tell(world: &World, hooks: &[&str]) {
    for name in hooks {
        let state = if *name == "reference-transaction" { " \"$1\"" } else { "" };
        hook(world, &world.server(), name, &format!("hook {name}{state}"));
    }
}

fn server(world: &World, arguments: &[&str]) {
    world.git_in(&world.server(), arguments);
}

/// What each record since number `from` is: type, by whom told, ref.
fn since(world: &World, from: usize) -> Vec<String> {
    let words = |record: &Value| {
        let word = |key: &str| record[key].as_str().unwrap_or("-").to_owned();
        format!("{} {} {}", word("type"), word("by"), word("ref").replace("refs/heads/", ""))
    };
    whole(world)[from..].iter().map(words).collect()
}

fn state(world: &World, nth_last: usize) -> String {
    states(world).iter().rev().nth(nth_last).unwrap().1.clone()
}

#[test]
fn what_post_receive_tells() {
    let world = telling(&["post-receive"]);
    let commits = commits(&world, 2);
    accepts(&world, &[&format!("{}:refs/heads/a", commits[0]), &format!("{}:refs/heads/b", commits[0])]);
    assert_eq!(since(&world, 2), ["decision - a", "decision - b", "outcome post-receive -"]);
    assert_eq!(records(&world)[4]["completed"], serde_json::json!([[2, 3]]));
    // Git lets in one of two: the other's value changed meanwhile, here by a hook that git asks in between.
    let update = world.server().join("hooks/update");
    fs::write(&update, "#!/bin/sh\ntest $1 != refs/heads/a\n").unwrap();
    set_mode(&update, 0o755);
    let (accepted, _) =
        push(&world, &[&format!("{}:refs/heads/a", commits[1]), &format!("{}:refs/heads/b", commits[1])]);
    assert!(!accepted);
    let records = whole(&world);
    assert_eq!(records[7]["completed"], serde_json::json!([[6, 6]]));
    assert_eq!(records[7]["failed"], serde_json::json!([[5, 5]]));
}

#[test]
fn what_a_transaction_tells() {
    let world = telling(&["reference-transaction"]);
    let commits = commits(&world, 2);
    accepts(&world, &[&format!("{}:refs/heads/a", commits[0])]);
    assert_eq!(since(&world, 2), ["decision - a", "outcome reference-transaction -"]);
    // Beside a push: set, deleted, and packed, which changes nothing.
    world.push_without_hook(&[&format!("{}:refs/other/x", commits[1])]);
    let from = records(&world).len();
    server(&world, &["update-ref", "refs/heads/a", &commits[1]]);
    assert_eq!(since(&world, from), ["moved reference-transaction a"]);
    let records = records(&world);
    assert_eq!(
        (&records[from]["recorded"], &records[from]["found"]),
        (&commits[0].clone().into(), &commits[1].clone().into())
    );
    // Of what is packed git tells the value: here of a ref that was set past all hooks.
    server(&world, &["pack-refs", "--all"]);
    assert_eq!(since(&world, from + 1), ["moved reference-transaction refs/other/x"]);
    let from = from + 1;
    server(&world, &["update-ref", "-d", "refs/heads/a"]);
    assert_eq!(since(&world, from + 1), ["moved reference-transaction a"]);
    assert_eq!(whole(&world)[from + 1]["found"], Value::Null);
    // What is told as deleted and is there still was packed, as git before 2.36 says it.
    server(&world, &["update-ref", "refs/heads/a", &commits[1]]);
    let from = from + 2;
    let packs = format!("{} {} refs/heads/a\n", commits[1], world.null());
    let hook = |line: &str, state: &str| {
        let mut command = world.command(world.server().join("hooks/reference-transaction"), &world.server());
        command.arg(state).env("GIT_DIR", ".");
        support::run(command, line.as_bytes()).status.code()
    };
    assert_eq!(hook(&packs, "committed"), Some(0));
    // Nor is the value told that a ref had when git began to pack it.
    assert_eq!(hook(&format!("{} {} refs/heads/a\n", world.null(), commits[0]), "committed"), Some(0));
    // Of what is not done yet, of symbolic refs, and of those beside `refs/`, nothing is recorded.
    for (line, state) in [
        (format!("{} {} refs/heads/z\n", world.null(), commits[0]), "prepared"),
        (format!("{} {} refs/heads/z\n", world.null(), commits[0]), "aborted"),
        ("ref:refs/heads/a ref:refs/heads/b refs/heads/z\n".to_owned(), "committed"),
        (format!("{} {} HEAD\n", world.null(), commits[0]), "committed"),
    ] {
        assert_eq!(hook(&line, state), Some(0), "{line}");
    }
    assert_eq!(since(&world, from), ["moved reference-transaction a"]);
    assert_eq!(hook("xyz 123 refs/heads/a\n", "committed"), Some(3));
}

#[test]
fn a_push_through_a_symbolic_ref() {
    for hooks in [&["reference-transaction"][..], &["post-receive"], &[]] {
        let world = telling(hooks);
        let commits = commits(&world, 2);
        server(&world, &["symbolic-ref", "refs/heads/alias", "refs/heads/main"]);
        accepts(&world, &[&format!("{}:refs/heads/main", commits[0])]);
        accepts(&world, &[&format!("{}:refs/heads/alias", commits[1])]);
        accepts(&world, &[&format!("{}:refs/heads/other", commits[1])]);
        assert!(states(&world)[..2].iter().all(|(_, state)| state == "completed"), "{hooks:?}: {:?}", states(&world));
        assert_eq!(of_type(&whole(&world), "moved").len(), 0, "{hooks:?}");
    }
}

#[test]
fn pushes_of_many_refs() {
    for hooks in [&["reference-transaction"][..], &["post-receive"], &["reference-transaction", "post-receive"], &[]] {
        let world = telling(hooks);
        let commit = commits(&world, 1).remove(0);
        let refspecs: Vec<String> = (0..200).map(|number| format!("{commit}:refs/heads/b{number}")).collect();
        let refspecs: Vec<&str> = refspecs.iter().map(String::as_str).collect();
        // All or none: the first time git is kept from one of them.
        let lock = world.server().join("refs/heads/b77.lock");
        fs::create_dir_all(lock.parent().unwrap()).unwrap();
        fs::write(&lock, "").unwrap();
        let (accepted, told) = push(&world, &[&["--atomic"], &refspecs[..]].concat());
        assert!(!accepted && world.refs().is_empty(), "{told}");
        fs::remove_file(&lock).unwrap();
        accepts(&world, &[&["--atomic"], &refspecs[..]].concat());
        accepts(&world, &[&format!("{commit}:refs/heads/last")]);
        let states = states(&world);
        assert_eq!(states.len(), 401);
        assert!(states[..200].iter().all(|(_, state)| state == "open"), "{hooks:?}");
        assert!(states[200..400].iter().all(|(_, state)| state == "completed"), "{hooks:?}");
        assert_eq!(of_type(&whole(&world), "moved").len(), 0, "{hooks:?}");
        every_branch_was_decided(&world, &world.server(), &records(&world));
    }
}

#[test]
fn what_changed_beside_a_push_is_found_by_the_next() {
    let world = telling(&["post-receive"]);
    let commits = commits(&world, 3);
    accepts(&world, &[&format!("{}:refs/heads/a", commits[0])]);
    world.push_without_hook(&[&format!("{}:refs/heads/a", commits[1])]);
    let from = records(&world).len();
    accepts(&world, &[&format!("{}:refs/heads/a", commits[2])]);
    assert_eq!(since(&world, from), ["moved push a", "decision - a", "outcome post-receive -"]);
    let records = records(&world);
    assert_eq!(records[from]["found"], commits[1]);
    let recorded: Vec<_> = of_type(&records, "decision").iter().map(|decision| decision["recorded"].clone()).collect();
    assert_eq!(recorded, ["never", "other"]);
    world.push_without_hook(&[&format!("{}:refs/heads/b", commits[0])]);
    world.push_without_hook(&[&format!("{}:refs/other/b", commits[0])]);
    accepts(&world, &[&format!("{}:refs/heads/b", commits[1])]);
    accepts(&world, &[&format!("{}:refs/heads/b", commits[2])]);
    let records = whole(&world);
    let recorded: Vec<_> = of_type(&records, "decision").iter().map(|decision| decision["recorded"].clone()).collect();
    assert_eq!(recorded, ["never", "other", "never", "same"]);
}

/// Git ends after the record, and the same is pushed again: one push did it, and the record says which.
#[test]
fn a_push_that_git_did_not_end_and_that_came_again() {
    for hooks in [&["reference-transaction"][..], &["post-receive"], &[]] {
        let world = telling(hooks);
        let commits = commits(&world, 2);
        let push_main = format!("{}:refs/heads/main", commits[0]);
        let pre_receive = world.server().join("hooks/pre-receive");
        let script = fs::read_to_string(&pre_receive).unwrap();
        fs::write(&pre_receive, format!("{}kill -9 $PPID\n", script.replace("exec ", ""))).unwrap();
        let (accepted, _) = push(&world, &[&push_main]);
        assert!(!accepted);
        fs::write(&pre_receive, script).unwrap();
        accepts(&world, &[&push_main]);
        accepts(&world, &[&format!("{}:refs/heads/main", commits[1])]);
        assert_eq!(state(&world, 2), "open", "{hooks:?}");
        assert_eq!(state(&world, 1), "completed", "{hooks:?}");
        layer::set_clock_ahead(&world, 700);
        accepts(&world, &[&format!("{}:refs/heads/other", commits[1])]);
        assert_eq!(state(&world, 3), "failed", "{hooks:?}");
        assert_eq!(state(&world, 2), "completed", "{hooks:?}");
        whole(&world);
    }
}

/// Git takes so long after the hook that another push takes it for failed; then it tells that it was done.
#[test]
fn a_push_that_ends_after_its_time() {
    let world = telling(&[]);
    let commits = commits(&world, 3);
    accepts(&world, &[&format!("{}:refs/heads/main", commits[0])]);
    let pre_receive = world.server().join("hooks/pre-receive");
    let script = fs::read_to_string(&pre_receive).unwrap();
    let wait = format!(
        "{}touch '{held}'; while [ -e '{held}' ]; do sleep 0.02; done\n",
        script.replace("exec ", ""),
        held = world.path("held").display()
    );
    fs::write(&pre_receive, wait).unwrap();
    tell(&world, &["post-receive"]);
    std::thread::scope(|scope| {
        let slow = scope.spawn(|| accepts(&world, &[&format!("{}:refs/heads/main", commits[1])]));
        while !world.path("held").exists() {
            std::thread::yield_now();
        }
        // The script that waits has been read by then: sh reads as it goes, so the file is replaced, not written.
        let other = world.server().join("hooks/other");
        fs::write(&other, &script).unwrap();
        set_mode(&other, 0o755);
        fs::rename(&other, &pre_receive).unwrap();
        layer::set_clock_ahead(&world, 700);
        accepts(&world, &[&format!("{}:refs/heads/other", commits[0])]);
        assert_eq!(state(&world, 1), "failed");
        layer::take_away(&world);
        fs::remove_file(world.path("held")).unwrap();
        slow.join().unwrap();
    });
    assert_eq!(state(&world, 1), "completed");
    accepts(&world, &[&format!("{}:refs/heads/main", commits[2])]);
    let records = whole(&world);
    assert_eq!(of_type(&records, "moved").len(), 0);
    assert_eq!(of_type(&records, "decision").last().unwrap()["recorded"], "same");
}

#[test]
fn an_update_hook_records_each_ref() {
    let world = telling(&["post-receive"]);
    fs::remove_file(world.server().join("hooks/pre-receive")).unwrap();
    hook(&world, &world.server(), "update", "hook update \"$1\" \"$2\" \"$3\"");
    let commit = commits(&world, 1).remove(0);
    let bad = objects::unsigned(&world, &[], "bad");
    let (accepted, told) = push(
        &world,
        &[&format!("{commit}:refs/heads/a"), &format!("{bad}:refs/heads/b"), &format!("{commit}:refs/heads/c")],
    );
    assert!(!accepted && told.contains("error: refs/heads/b: refused by rule `branches`"), "{told}");
    // Git sets each ref before it asks of the next, whose hook finds it done.
    assert_eq!(
        since(&world, 2),
        ["decision - a", "outcome value -", "decision - b", "decision - c", "outcome post-receive -"]
    );
    let records = whole(&world);
    let verdicts: Vec<_> = of_type(&records, "decision").iter().map(|decision| decision["verdict"].clone()).collect();
    assert_eq!(verdicts, ["accepted", "refused", "accepted"]);
    assert_eq!(states(&world).iter().filter(|(_, state)| state == "completed").count(), 2);
    every_branch_was_decided(&world, &world.server(), &records);
}

/// Git compares the old value that a client states with the ref's only after the hook.
#[test]
fn an_old_value_that_the_ref_does_not_have_moves_nothing() {
    let world = world();
    let commits = commits(&world, 3);
    for commit in &commits[..2] {
        accepts(&world, &[&format!("{commit}:refs/heads/a")]);
    }
    accepts(&world, &[&format!("{}:refs/heads/x", commits[2])]);
    let state = |old: &str| {
        let mut hook = world.command(world.server().join("hooks/pre-receive"), &world.server());
        hook.env("GIT_DIR", ".");
        let lines = format!("{old} {} refs/heads/a\n", commits[1]);
        support::run(hook, lines.as_bytes());
    };
    // What it had before, as one who was too late states it, and what it never had.
    for old in [&commits[0], &commits[2], &world.null()] {
        state(old);
        let records = whole(&world);
        assert_eq!(of_type(&records, "moved").len(), 0, "{old}");
        assert_eq!(records.last().unwrap()["recorded"], "other", "{old}");
    }
    // Where the ref has it, somebody moved the ref.
    server(&world, &["update-ref", "refs/heads/a", &commits[2]]);
    state(&commits[2]);
    let records = whole(&world);
    let [moved] = of_type(&records, "moved")[..] else { panic!("{records:?}") };
    assert_eq!((&moved["recorded"], &moved["found"]), (&Value::from(&*commits[1]), &Value::from(&*commits[2])));
}
