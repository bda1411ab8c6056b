//! Which refs vouch for what they hold.

use super::*;

/// A policy under which main was let in with an unsigned commit, which is then protected.
fn unsigned_main(vouched: impl Fn(&World, &str)) -> (World, String) {
    let world = world(&protected(""));
    let bad = objects::unsigned(&world, &[], "before we signed");
    vouched(&world, &bad);
    world.policy(&protected(ALL));
    (world, bad)
}

#[test]
fn a_release_cut_from_what_was_accepted_is_not_judged_again() {
    let (world, bad) = unsigned_main(|world, bad| drop(world.accepts(&[&to(bad, "heads/main")])));
    let top = objects::by_alice(&world, &[&bad], "from now on");
    // The same rule has judged `main`, whatever it asked for then; the tip is always judged.
    blames(&world, &[&to(&bad, "heads/release/1")], "unsigned", &bad);
    assert_eq!(judged(&world, &[&to(&top, "heads/release/1")]), 1);
    assert_eq!(judged(&world, &[&to(&top, "tags/rc/1")]), 1);
}

#[test]
fn nothing_but_the_tip_of_ten_thousand_commits_is_judged() {
    let world = world(&protected(""));
    let mut stream = String::new();
    for number in 1..10_000 {
        stream +=
            &format!("commit refs/heads/old\nmark :{number}\ncommitter A <a@example.com> {number} +0000\ndata 1\nx\n");
        if number > 1 {
            stream += &format!("from :{}\n", number - 1);
        }
    }
    let mut import = world.command("git", &world.clone_path());
    import.args(["fast-import", "--quiet"]);
    run_well(import, stream.as_bytes());
    let old = world.git(&["rev-parse", "refs/heads/old"]);
    let tip = objects::by_alice(&world, &[&old], "signed");
    world.accepts(&[&to(&tip, "heads/main")]);
    world.policy(&protected(ALL));
    assert_eq!(judged(&world, &[&to(&tip, "heads/release/1")]), 1);
    let top = objects::by_alice(&world, &[&tip], "fix");
    assert_eq!(judged(&world, &[&to(&top, "heads/release/2")]), 1);
    assert_eq!(judged(&world, &[&to(&top, "heads/main")]), 1);
    world.forget();
    let told = world.refuses_in_words(&[&to(&top, "heads/release/3")], &["unsigned"]).told();
    assert!(told.contains("9999 of 10001 commits are not signed"), "{told}");
}

#[test]
fn a_branch_cut_from_behind_the_default_branch_is_judged_from_there_on() {
    let cut = |push: &dyn Fn(&World, String)| {
        let (world, bad) = unsigned_main(|world, bad| drop(world.accepts(&[&to(bad, "heads/main")])));
        let first = objects::by_alice(&world, &[&bad], "first");
        world.accepts(&[&to(&first, "heads/main")]);
        let second = objects::by_alice(&world, &[&first], "second");
        push(&world, to(&second, "heads/main"));
        (objects::by_alice(&world, &[&first], "on top"), objects::by_alice(&world, &[&second], "third"), world, bad)
    };
    let (top, _, world, _) = cut(&|world, second| drop(world.accepts(&[&second])));
    assert_eq!(judged(&world, &[&to(&top, "heads/release/1")]), 1);
    // What `main` has before a push that moves it counts.
    let (top, third, world, _) = cut(&|world, second| drop(world.accepts(&[&second])));
    assert_eq!(judged(&world, &[&to(&top, "heads/release/1"), &to(&third, "heads/main")]), 2);
    let (top, _, world, bad) = cut(&|world, second| world.push_without_hook(&[&second]));
    blames(&world, &[&to(&top, "heads/release/1")], "unsigned", &bad);
}

#[test]
fn a_ref_of_another_rule_vouches_for_nothing() {
    let rules = |lines| policy(&[rule("main", "heads/main", ""), rule("releases", "heads/release/**", lines)]);
    let world = world(&rules(""));
    let bad = objects::unsigned(&world, &[], "bad");
    world.accepts(&[&to(&bad, "heads/main")]);
    world.policy(&rules(ALL));
    let top = objects::by_alice(&world, &[&bad], "on top");
    blames(&world, &[&to(&top, "heads/release/1")], "unsigned", &bad);
    // Once a rule of that name covers `main`, too, it is not the one that let it in.
    world.policy(&policy(&[rule("main", "heads/main", ""), rule("releases", "heads/main heads/release/**", ALL)]));
    blames(&world, &[&to(&top, "heads/release/1")], "unsigned", &bad);
    // The rule that did, covering releases.
    world.policy(&policy(&[rule("main", "heads/main heads/release/**", ALL)]));
    world.accepts(&[&to(&top, "heads/release/1")]);
}

#[test]
fn a_ref_that_its_rule_does_not_cover_any_more_vouches_for_nothing() {
    let (world, bad) = unsigned_main(|world, bad| drop(world.accepts(&[&to(bad, "heads/main")])));
    let top = objects::by_alice(&world, &[&bad], "on top");
    change(&world, "\"refs/heads/main\", ", "");
    blames(&world, &[&to(&top, "heads/release/1")], "unsigned", &bad);
    change(&world, "refs = [", "refs = [\"refs/heads/main\", ");
    world.accepts(&[&to(&top, "heads/release/1")]);
}

#[test]
fn a_ref_let_in_under_warn_or_observe_vouches_only_if_nothing_was_found() {
    for mode in ["warn", "observe"] {
        let world = world(&protected(&format!("{ALL}\nmode = \"{mode}\"")));
        let bad = objects::unsigned(&world, &[], "bad");
        let good = objects::by_alice(&world, &[], "good");
        assert!(world.push(&[&to(&bad, "heads/main")]).succeeded);
        world.accepts(&[&to(&good, "heads/release/good")]);
        world.policy(&protected(ALL));
        let top = objects::by_alice(&world, &[&bad], "on top");
        blames(&world, &[&to(&top, "heads/release/1")], "unsigned", &bad);
        let top = objects::by_alice(&world, &[&good], "on top");
        assert_eq!(judged(&world, &[&to(&top, "heads/release/1")]), 1, "{mode}");
    }
}

#[test]
fn a_symbolic_ref_to_an_unprotected_branch_vouches_for_nothing() {
    let world = world(&protected(ALL));
    let bad = objects::unsigned(&world, &[], "bad");
    world.accepts(&[&to(&bad, "heads/dev")]);
    world.git_in(&world.server(), &["symbolic-ref", "refs/heads/release/latest", "refs/heads/dev"]);
    let top = objects::by_alice(&world, &[&bad], "on top");
    blames(&world, &[&to(&top, "heads/release/1")], "unsigned", &bad);
    let good = objects::by_alice(&world, &[], "good");
    world.accepts(&[&to(&good, "heads/main")]);
    let top = objects::by_alice(&world, &[&good], "on top");
    assert_eq!(judged(&world, &[&to(&top, "heads/release/1")]), 1);
}

#[test]
fn a_ref_made_or_moved_beside_the_hook_vouches_for_nothing() {
    let (world, bad) = unsigned_main(|world, bad| {
        let other = objects::by_alice(world, &[], "other");
        world.accepts(&[&to(&other, "heads/main")]);
        world.push_without_hook(&[&to(bad, "heads/release/made"), &format!("+{}", to(bad, "heads/main"))]);
    });
    let top = objects::by_alice(&world, &[&bad], "on top");
    blames(&world, &[&to(&top, "heads/release/1")], "unsigned", &bad);
    // An administrator looks at it, and adopts it.
    adopt(&world, "refs/heads/main");
    assert_eq!(judged(&world, &[&to(&top, "heads/release/1")]), 1);
}

#[test]
fn a_ref_moved_beside_the_hook_and_back_has_its_recorded_value() {
    let (world, bad) = unsigned_main(|world, bad| {
        world.accepts(&[&to(bad, "heads/main")]);
        let other = objects::unsigned(world, &[], "other");
        world.push_without_hook(&[&format!("+{}", to(&other, "heads/main"))]);
    });
    let top = objects::by_alice(&world, &[&bad], "on top");
    blames(&world, &[&to(&top, "heads/release/1")], "unsigned", &bad);
    world.push_without_hook(&[&format!("+{}", to(&bad, "heads/main"))]);
    world.accepts(&[&to(&top, "heads/release/1")]);
}

#[test]
fn a_push_that_was_refused_or_not_completed_vouches_for_nothing() {
    let world = world(&protected("updates = { create = false }"));
    let bad = objects::unsigned(&world, &[], "bad");
    world.refuses_in_words(&[&to(&bad, "heads/main")], &["create"]);
    world.policy(&protected(""));
    // Git refuses after our hook: nothing is completed.
    let update = world.server().join("hooks/update");
    fs::write(&update, "#!/bin/sh\nexit 1\n").unwrap();
    set_mode(&update, 0o755);
    let pushed = world.push(&[&to(&bad, "heads/main")]);
    assert!(!pushed.succeeded && pushed.hook == Some(0), "{}", pushed.output);
    fs::remove_file(&update).unwrap();
    world.policy(&protected(ALL));
    let top = objects::by_alice(&world, &[&bad], "on top");
    blames(&world, &[&to(&top, "heads/release/1")], "unsigned", &bad);
    assert_eq!(received(&world, &bad), None);
    world.policy(&protected(""));
    world.accepts(&[&to(&bad, "heads/main")]);
    world.policy(&protected(ALL));
    world.accepts(&[&to(&top, "heads/release/1")]);
}

#[test]
fn a_decision_by_a_policy_of_another_file_vouches_for_nothing() {
    let (world, bad) = unsigned_main(|world, bad| drop(world.accepts(&[&to(bad, "heads/main")])));
    let top = objects::by_alice(&world, &[&bad], "on top");
    let hook = world.server().join("hooks/pre-receive");
    let script = fs::read_to_string(&hook).unwrap();
    fs::copy(world.policy_path(), world.path("policy/other.toml")).unwrap();
    fs::write(&hook, script.replace("policy.toml", "other.toml")).unwrap();
    let pushed = world.push(&[&to(&top, "heads/release/1")]);
    assert!(pushed.hook == Some(1) && pushed.told().contains(&bad[..7]), "{}", pushed.output);
    fs::write(&hook, script).unwrap();
    world.accepts(&[&to(&top, "heads/release/1")]);
}

#[test]
fn an_adopted_ref_vouches_for_every_rule() {
    let rules = policy(&[rule("main", "heads/main", ALL), rule("releases", "heads/main heads/release/**", ALL)]);
    let world = world(&rules);
    let bad = objects::unsigned(&world, &[], "bad");
    world.push_without_hook(&[&to(&bad, "heads/main")]);
    let top = objects::by_alice(&world, &[&bad], "on top");
    blames(&world, &[&to(&top, "heads/release/1")], "unsigned", &bad);
    adopt(&world, "refs/heads/main");
    assert_eq!(judged(&world, &[&to(&top, "heads/release/1")]), 1);
    // Unprotected, it vouches for none.
    world.push_without_hook(&[&to(&objects::unsigned(&world, &[], "other"), "heads/dev")]);
    adopt(&world, "refs/heads/dev");
    let dev = world.refs()["refs/heads/dev"].clone();
    let top = objects::by_alice(&world, &[&dev], "on top");
    blames(&world, &[&to(&top, "heads/release/2")], "unsigned", &dev);
}

#[test]
fn a_tag_object_vouches_for_what_it_tags() {
    let world = world(&protected(""));
    let bad = objects::unsigned(&world, &[], "bad");
    let tag = objects::signed_tag(&world, ALICE_SSH, &bad, "commit", "rc/1");
    world.accepts(&[&to(&tag, "tags/rc/1")]);
    world.policy(&protected(ALL));
    let top = objects::by_alice(&world, &[&bad], "on top");
    assert_eq!(judged(&world, &[&to(&top, "heads/main")]), 1);
    world.push_without_hook(&[":refs/tags/rc/1", ":refs/heads/main"]);
    blames(&world, &[&to(&top, "heads/main")], "unsigned", &bad);
}

#[test]
fn a_branch_that_was_deleted_vouches_no_more() {
    let (world, bad) = unsigned_main(|world, bad| drop(world.accepts(&[&to(bad, "heads/main")])));
    let top = objects::by_alice(&world, &[&bad], "on top");
    world.policy(&protected("updates = { delete = true }"));
    world.accepts(&[":refs/heads/main"]);
    world.policy(&protected(ALL));
    blames(&world, &[&to(&top, "heads/release/1")], "unsigned", &bad);
    // Made again beside the hook with the value that it had: that is not recorded either.
    world.push_without_hook(&[&to(&bad, "heads/main")]);
    blames(&world, &[&to(&top, "heads/release/1")], "unsigned", &bad);
    adopt(&world, "refs/heads/main");
    world.accepts(&[&to(&top, "heads/release/1")]);
}

#[test]
fn what_came_to_a_side_branch_of_the_rule_is_merged_unread() {
    let world = world(&protected(""));
    let base = objects::by_alice(&world, &[], "base");
    let bad = objects::unsigned(&world, &[&base], "bad");
    world.accepts(&[&to(&base, "heads/main"), &to(&bad, "heads/release/side"), &to(&bad, "heads/dev")]);
    world.policy(&protected(ALL));
    let ours = objects::by_alice(&world, &[&base], "ours");
    let merge = objects::by_alice(&world, &[&ours, &bad], "merge");
    assert_eq!(judged(&world, &[&to(&merge, "heads/main")]), 2);
    // `dev` alone is no witness.
    world.policy(&protected("updates = { delete = true, force-push = true }"));
    world.accepts(&[":refs/heads/release/side", &format!("+{}", to(&ours, "heads/main"))]);
    world.policy(&protected(ALL));
    blames(&world, &[&to(&merge, "heads/main")], "unsigned", &bad);
}

#[test]
fn an_unrelated_history_is_judged_whatever_vouches() {
    let (world, bad) = unsigned_main(|world, bad| drop(world.accepts(&[&to(bad, "heads/main")])));
    let root = objects::unsigned(&world, &[], "another root");
    let ours = objects::by_alice(&world, &[&bad], "ours");
    blames(&world, &[&to(&objects::by_alice(&world, &[&ours, &root], "merge"), "heads/release/1")], "unsigned", &root);
    blames(&world, &[&to(&objects::by_alice(&world, &[&root], "on it"), "heads/release/1")], "unsigned", &root);
    let root = objects::by_alice(&world, &[], "another root");
    let merge = objects::by_alice(&world, &[&ours, &root], "merge");
    assert_eq!(judged(&world, &[&to(&merge, "heads/release/1")]), 3);
}

#[test]
fn nothing_of_a_push_vouches_for_the_rest_of_it() {
    let world = world(&protected(ALL));
    let bad = objects::unsigned(&world, &[], "bad");
    let top = objects::by_alice(&world, &[&bad], "on top");
    for other in ["heads/dev", "tags/any"] {
        blames(&world, &[&to(&bad, other), &to(&top, "heads/main")], "unsigned", &bad);
        blames(&world, &[&to(&top, "heads/main"), &to(&bad, other)], "unsigned", &bad);
    }
    // Two refs of the rule in one push: each commit is judged, and once.
    let good = objects::by_alice(&world, &[], "good");
    let top = objects::by_alice(&world, &[&good], "on top");
    assert_eq!(judged(&world, &[&to(&good, "heads/main"), &to(&top, "heads/release/1")]), 2);
}

#[test]
fn a_force_push_back_to_what_was_recorded_is_judged_at_its_tip() {
    let (world, bad) = unsigned_main(|world, bad| {
        world.accepts(&[&to(bad, "heads/main")]);
        let top = objects::by_alice(world, &[bad], "on top");
        world.accepts(&[&to(&top, "heads/main")]);
        world.accepts(&[&to(&objects::by_alice(world, &[&top], "and more"), "heads/main")]);
    });
    let top = world.git_in(&world.server(), &["rev-parse", "main^"]);
    blames(&world, &[&format!("+{}", to(&bad, "heads/main"))], "force-push", &bad);
    world.policy(&protected(&format!("{ALL}\nupdates = {{ force-push = true }}")));
    blames(&world, &[&format!("+{}", to(&bad, "heads/main"))], "unsigned", &bad);
    assert_eq!(judged(&world, &[&format!("+{}", to(&top, "heads/main"))]), 1);
    let other = objects::unsigned(&world, &[], "elsewhere");
    blames(&world, &[&format!("+{}", to(&other, "heads/main"))], "unsigned", &other);
}

#[test]
fn first_parents_are_judged_down_to_those_of_a_ref_that_vouches() {
    let first_parent = "signatures = { commits = \"first-parent\" }";
    let world = world(&protected(first_parent));
    let base = objects::by_alice(&world, &[], "base");
    let side = objects::unsigned(&world, &[&base], "side");
    let merge = objects::by_alice(&world, &[&base, &side], "merge");
    world.accepts(&[&to(&merge, "heads/main")]);
    let top = objects::by_alice(&world, &[&merge], "on main");
    assert_eq!(judged(&world, &[&to(&top, "heads/release/1")]), 1);
    // `main` holds it, and not on its own line.
    let on_side = objects::by_alice(&world, &[&side], "on the side");
    blames(&world, &[&to(&on_side, "heads/release/2")], "unsigned", &side);
    let at_base = objects::by_alice(&world, &[&base], "on the base");
    assert_eq!(judged(&world, &[&to(&at_base, "heads/release/2")]), 1);
}

#[test]
fn each_of_two_policies_has_its_own_refs_that_vouch() {
    let world = world(&protected(ALL));
    let own = world.server().join("countersign");
    fs::create_dir_all(own.join("registry")).unwrap();
    [own.clone(), own.join("registry")].iter().for_each(|folder| set_mode(folder, 0o755));
    fs::copy(world.registry_path().join("allowed_signers"), own.join("registry/allowed_signers")).unwrap();
    let write_own = |lines: &str| {
        let rules = policy(&[rule("protected", "heads/main heads/release/**", lines)]);
        let text = format!("{rules}[ledger]\npath = \"../../ledger\"\n");
        fs::write(own.join("policy.toml"), text).unwrap();
        set_mode(&own.join("policy.toml"), 0o644);
    };
    write_own("");
    let hook = world.server().join("hooks/pre-receive");
    let script = fs::read_to_string(&hook).unwrap();
    let as_own =
        script.replace(&world.policy_path().display().to_string(), &own.join("policy.toml").display().to_string());
    fs::write(&hook, &as_own).unwrap();
    let bad = objects::unsigned(&world, &[], "bad");
    world.accepts(&[&to(&bad, "heads/main")]);
    write_own(ALL);
    let top = objects::by_alice(&world, &[&bad], "on top");
    world.accepts(&[&to(&top, "heads/release/1")]);
    // The other policy has a rule of the same name, and has let nothing in.
    fs::write(&hook, script).unwrap();
    let pushed = world.push(&[&to(&top, "heads/release/2")]);
    assert!(pushed.hook == Some(1) && pushed.told().contains(&bad[..7]), "{}", pushed.output);
}

#[test]
fn a_push_by_a_symbolic_name_is_recorded_of_the_ref_that_it_writes() {
    let world = world(&protected(""));
    world.git_in(&world.server(), &["symbolic-ref", "refs/heads/alias", "refs/heads/main"]);
    let told = format!(
        "#!/bin/sh\nexec '{}' hook post-receive --policy '{}'\n",
        env!("CARGO_BIN_EXE_countersign"),
        world.policy_path().display()
    );
    let hook = world.server().join("hooks/post-receive");
    fs::write(&hook, told).unwrap();
    set_mode(&hook, 0o755);
    let base = objects::unsigned(&world, &[], "base");
    world.accepts(&[&to(&base, "heads/main")]);
    let bad = objects::unsigned(&world, &[&base], "by the other name");
    world.accepts(&[&to(&bad, "heads/alias")]);
    world.policy(&protected(ALL));
    let top = objects::by_alice(&world, &[&bad], "on top");
    assert_eq!(judged(&world, &[&to(&top, "heads/release/1")]), 1);
    assert_eq!(judged(&world, &[&to(&top, "heads/alias")]), 1);
    // Nothing has moved without a decision, and no decision is left open.
    let database = rusqlite::Connection::open(world.path("ledger/ledger.sqlite")).unwrap();
    let count = |of: &str| database.query_row(of, [], |row| row.get::<_, u64>(0)).unwrap();
    assert_eq!(count("SELECT count(*) FROM entry WHERE kind = 'moved'"), 0);
    assert_eq!(count("SELECT count(*) FROM decision WHERE state = 'completed'"), 4);
}

#[test]
fn judging_again_what_is_there_judges_all_of_it() {
    let world = world(&protected(""));
    let base = objects::by_alice(&world, &[], "base");
    world.accepts(&[&to(&base, "heads/main")]);
    let bad = objects::unsigned(&world, &[&base], "bad");
    let top = objects::by_alice(&world, &[&bad], "on top");
    world.accepts(&[&to(&top, "heads/main")]);
    settle(&world);
    world.policy(&protected(ALL));
    // What `main` holds now it did not hold before that push.
    let judge = |words: &[&str]| {
        let mut command = world.command(env!("CARGO_BIN_EXE_countersign"), &world.server());
        command.args(["judge", "--policy"]).arg(world.policy_path()).args(words);
        let output = crate::support::run(command, b"");
        (output.status.code(), String::from_utf8_lossy(&output.stderr).into_owned())
    };
    let (status, told) = judge(&["refs/heads/main", &base, &top]);
    assert!(status == Some(1) && told.contains(&bad[..7]), "{told}");
    let (status, told) = judge(&["refs/heads/release/1", &world.null(), &top]);
    assert_eq!((status, &*told), (Some(0), ""));
}
