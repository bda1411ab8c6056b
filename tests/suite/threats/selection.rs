//! Which objects are judged: getting something past the walk.

use crate::support::{World, keys::*, objects, set_mode};
use std::fs;

fn to_main(id: &str) -> String {
    format!("{id}:refs/heads/main")
}

/// Refuses, and names this unsigned commit.
#[track_caller]
fn blames(world: &World, refspecs: &[&str], bad: &str) {
    let told = world.refuses(refspecs, &["unsigned"]).told();
    assert!(told.contains(&bad[..7]), "{bad}: {told}");
}

/// A policy for all of `refs/heads/release/`.
fn releases(signatures: &str) -> String {
    format!(
        "version = 1\nunmatched-refs = \"accept\"\n[[rule]]\nname = \"releases\"\n\
         refs = [\"refs/heads/main\", \"refs/heads/release/**\"]\nsignatures = {{ commits = \"{signatures}\" }}\n"
    )
}

#[test]
fn unsigned_at_the_tip() {
    let world = World::with_signed_main();
    let base = objects::by_alice(&world, &[], "base");
    world.accepts(&[&to_main(&base)]);
    let bad = objects::unsigned(&world, &[&base], "bad");
    let refused = world.refuses(&[&to_main(&bad)], &["unsigned"]);
    assert!(refused.told().contains(&bad[..7]), "{}", refused.told());
    world.accepts(&[&to_main(&objects::by_alice(&world, &[&base], "good"))]);
}

#[test]
fn unsigned_in_the_middle() {
    let world = World::with_signed_main();
    let base = objects::by_alice(&world, &[], "base");
    let bad = objects::unsigned(&world, &[&base], "bad");
    let refused = world.refuses(&[&to_main(&objects::by_alice(&world, &[&bad], "on top"))], &["unsigned"]);
    assert!(refused.told().contains(&bad[..7]), "{}", refused.told());
    let good = objects::by_alice(&world, &[&base], "good");
    world.accepts(&[&to_main(&objects::by_alice(&world, &[&good], "on top"))]);
}

#[test]
fn unsigned_at_the_root() {
    let world = World::with_signed_main();
    let bad = objects::unsigned(&world, &[], "bad");
    blames(&world, &[&to_main(&objects::by_alice(&world, &[&bad], "on top"))], &bad);
    let good = objects::by_alice(&world, &[], "good");
    world.accepts(&[&to_main(&objects::by_alice(&world, &[&good], "on top"))]);
}

#[test]
fn unsigned_on_a_merged_side_branch() {
    let world = World::with_signed_main();
    let base = objects::by_alice(&world, &[], "base");
    let ours = objects::by_alice(&world, &[&base], "ours");
    world.accepts(&[&to_main(&ours)]);
    let bad = objects::unsigned(&world, &[&base], "bad");
    let side = objects::by_alice(&world, &[&bad], "side");
    blames(&world, &[&to_main(&objects::by_alice(&world, &[&ours, &side], "merge"))], &bad);
    let good = objects::by_alice(&world, &[&base], "good");
    let side = objects::by_alice(&world, &[&good], "side");
    world.accepts(&[&to_main(&objects::by_alice(&world, &[&ours, &side], "merge"))]);
}

#[test]
fn unsigned_under_a_joined_second_root() {
    let world = World::with_signed_main();
    let ours = objects::by_alice(&world, &[], "ours");
    world.accepts(&[&to_main(&ours)]);
    let bad = objects::unsigned(&world, &[], "another root");
    blames(&world, &[&to_main(&objects::by_alice(&world, &[&ours, &bad], "merge"))], &bad);
    let good = objects::by_alice(&world, &[], "another root");
    world.accepts(&[&to_main(&objects::by_alice(&world, &[&ours, &good], "merge"))]);
}

#[test]
fn unsigned_with_dates_that_lie() {
    let world = World::with_signed_main();
    let base = objects::by_alice(&world, &[], "base");
    world.accepts(&[&to_main(&base)]);
    // A walk by date would reach the old tip first, and stop.
    let old = |mut commit: objects::Commit| {
        commit.committer = format!("{} 1 +0000", objects::ALICE).into_bytes();
        commit
    };
    let bad = old(objects::Commit::new(&world, &[&base], "bad")).unsigned(&world);
    blames(&world, &[&to_main(&objects::by_alice(&world, &[&bad], "on top"))], &bad);
    let good = old(objects::Commit::new(&world, &[&base], "good")).signed(&world, ALICE_SSH);
    world.accepts(&[&to_main(&objects::by_alice(&world, &[&good], "on top"))]);
}

#[test]
fn laundered_by_an_unprotected_branch() {
    let world = World::with_signed_main();
    let bad = objects::unsigned(&world, &[], "bad");
    world.accepts(&[&format!("{bad}:refs/heads/dev")]);
    blames(&world, &[&to_main(&bad)], &bad);
    blames(&world, &[&to_main(&objects::by_alice(&world, &[&bad], "on top"))], &bad);
    let good = objects::by_alice(&world, &[], "good");
    world.accepts(&[&format!("{good}:refs/heads/dev2")]);
    world.accepts(&[&to_main(&good)]);
}

#[test]
fn laundered_in_the_same_push() {
    let world = World::with_signed_main();
    let bad = objects::unsigned(&world, &[], "bad");
    let top = objects::by_alice(&world, &[&bad], "on top");
    blames(&world, &[&format!("{bad}:refs/heads/dev"), &to_main(&top)], &bad);
    blames(&world, &[&to_main(&bad), &format!("{bad}:refs/heads/zzz")], &bad);
    let good = objects::by_alice(&world, &[], "good");
    world.accepts(&[&format!("{good}:refs/heads/dev"), &to_main(&good)]);
}

#[test]
fn laundered_by_a_tag() {
    let world = World::with_signed_main();
    let bad = objects::unsigned(&world, &[], "bad");
    world.accepts(&[&format!("{bad}:refs/tags/light")]);
    let tag = objects::signed_tag(&world, ALICE_SSH, &bad, "commit", "v1");
    world.accepts(&[&format!("{tag}:refs/tags/v1")]);
    blames(&world, &[&to_main(&bad)], &bad);
    let good = objects::by_alice(&world, &[], "good");
    world.accepts(&[&format!("{good}:refs/tags/good")]);
    world.accepts(&[&to_main(&good)]);
}

#[test]
fn laundered_by_a_ref_made_without_hooks() {
    let world = World::new();
    world.policy(&releases("all"));
    let bad = objects::unsigned(&world, &[], "bad");
    world.push_without_hook(&[&format!("{bad}:refs/heads/release/1")]);
    blames(&world, &[&format!("{bad}:refs/heads/release/2")], &bad);
    let good = objects::by_alice(&world, &[], "good");
    world.push_without_hook(&[&format!("{good}:refs/heads/release/3")]);
    world.accepts(&[&format!("{good}:refs/heads/release/4")]);
}

#[test]
fn laundered_by_a_ref_let_in_under_warn() {
    let world = World::new();
    world.policy(&format!("{}mode = \"warn\"\n", releases("all")));
    let bad = objects::unsigned(&world, &[], "bad");
    let pushed = world.push(&[&format!("{bad}:refs/heads/release/1")]);
    assert!(pushed.succeeded && pushed.told().contains("warning:"), "{}", pushed.output);
    world.policy(&releases("all"));
    blames(&world, &[&format!("{bad}:refs/heads/release/2")], &bad);
    world.accepts(&[&format!("{}:refs/heads/release/2", objects::by_alice(&world, &[], "good"))]);
}

#[test]
fn laundered_by_a_covered_name_of_an_unprotected_branch() {
    let world = World::new();
    world.policy(&releases("all"));
    world.git_in(&world.server(), &["symbolic-ref", "refs/heads/release/latest", "refs/heads/dev"]);
    let bad = objects::unsigned(&world, &[], "bad");
    // The name that leads to `dev` is covered, so `dev` is.
    blames(&world, &[&format!("{bad}:refs/heads/dev")], &bad);
    world.push_without_hook(&[&format!("{bad}:refs/heads/dev")]);
    blames(&world, &[&format!("{bad}:refs/heads/release/1")], &bad);
    world.accepts(&[&format!("{}:refs/heads/release/1", objects::by_alice(&world, &[], "good"))]);
}

#[test]
fn a_release_cut_at_an_unsigned_side_commit_under_first_parent() {
    let world = World::new();
    world.policy(&releases("first-parent"));
    let base = objects::by_alice(&world, &[], "base");
    let side = objects::unsigned(&world, &[&base], "side");
    let merge = objects::by_alice(&world, &[&base, &side], "merge");
    world.accepts(&[&to_main(&merge)]);
    blames(&world, &[&format!("{side}:refs/heads/release/1")], &side);
    world.accepts(&[&format!("{merge}:refs/heads/release/1")]);
}

#[test]
fn a_first_parent_chain_that_was_swapped_by_a_foxtrot_merge() {
    let world = World::new();
    world.policy(&releases("first-parent"));
    let base = objects::by_alice(&world, &[], "base");
    world.accepts(&[&to_main(&base)]);
    let side = objects::unsigned(&world, &[&base], "side");
    let ours = objects::by_alice(&world, &[&base], "ours");
    world.accepts(&[&to_main(&ours)]);
    blames(&world, &[&to_main(&objects::by_alice(&world, &[&side, &ours], "the other way round"))], &side);
    world.accepts(&[&to_main(&objects::by_alice(&world, &[&ours, &side], "merge"))]);
}

#[test]
fn a_first_parent_chain_led_through_what_was_merged_in_unsigned() {
    let world = World::new();
    world.policy(&releases("first-parent"));
    let base = objects::by_alice(&world, &[], "base");
    let side = objects::unsigned(&world, &[&base], "side");
    let merge = objects::by_alice(&world, &[&base, &side], "merge");
    world.accepts(&[&to_main(&merge)]);
    // `main` gains one signed commit, and `side`, which it has, becomes its own history.
    blames(&world, &[&to_main(&objects::by_alice(&world, &[&side, &merge], "the other way round"))], &side);
    world.accepts(&[&to_main(&objects::by_alice(&world, &[&merge, &side], "again"))]);
}

#[test]
fn main_created_at_an_unsigned_commit_that_is_there() {
    let world = World::with_signed_main();
    let old = objects::unsigned(&world, &[], "before we signed");
    world.push_without_hook(&[&format!("{old}:refs/heads/import")]);
    let new = objects::by_alice(&world, &[&old], "from now on");
    blames(&world, &[&to_main(&new)], &old);
    world.policy_for_main(&format!("baseline = [\"{old}\"]\nsignatures = {{ commits = \"all\" }}"));
    world.accepts(&[&to_main(&new)]);
}

#[test]
fn a_baseline_exempts_its_ancestors_and_nothing_beside_them() {
    let world = World::with_signed_main();
    let older = objects::unsigned(&world, &[], "older");
    let old = objects::unsigned(&world, &[&older], "old");
    let beside = objects::unsigned(&world, &[&older], "beside");
    for commits in ["all", "first-parent", "tip"] {
        world.policy_for_main(&format!("baseline = [\"{old}\"]\nsignatures = {{ commits = \"{commits}\" }}"));
        blames(&world, &[&to_main(&beside)], &beside);
    }
    world.policy_for_main(&format!("baseline = [\"{old}\"]\nsignatures = {{ commits = \"all\" }}"));
    world.accepts(&[&to_main(&old)]);
}

#[test]
fn a_baseline_that_is_a_tag_and_one_that_is_missing() {
    let world = World::with_signed_main();
    let old = objects::unsigned(&world, &[], "old");
    let beside = objects::unsigned(&world, &[], "beside");
    let tag = objects::unsigned_tag(&world, &old, "commit", "old");
    world.push_without_hook(&[&format!("{tag}:refs/tags/old")]);
    let missing = "1".repeat(40);
    for commits in ["all", "first-parent", "tip"] {
        let baselines = format!("baseline = [\"{missing}\", \"{tag}\"]");
        world.policy_for_main(&format!("{baselines}\nsignatures = {{ commits = \"{commits}\" }}"));
        blames(&world, &[&to_main(&beside)], &beside);
        world.accepts(&[&to_main(&old)]);
        world.git_in(&world.server(), &["update-ref", "-d", "refs/heads/main"]);
    }
}

#[test]
fn a_replacement_ref_pushed() {
    let world = World::with_signed_main();
    let one = objects::by_alice(&world, &[], "one");
    let two = objects::by_alice(&world, &[], "two");
    let replace = format!("{two}:refs/replace/{one}");
    world.refuses(&[&replace], &["replace-ref"]);
    world.policy("version = 1\nunmatched-refs = \"accept\"\n[[rule]]\nname = \"everything\"\nrefs = [\"refs/**\"]\n");
    world.refuses(&[&replace], &["replace-ref"]);
    world.policy(
        "version = 1\nunmatched-refs = \"refuse\"\n[[rule]]\nname = \"grafts\"\nrefs = [\"refs/replace/**\"]\n",
    );
    world.accepts(&[&replace]);
}

#[test]
fn a_replacement_on_the_server_hides_nothing() {
    let world = World::with_signed_main();
    let base = objects::by_alice(&world, &[], "base");
    let (bad, good) = (objects::unsigned(&world, &[&base], "bad"), objects::by_alice(&world, &[&base], "good"));
    world.push_without_hook(&[
        &format!("{bad}:refs/heads/dev"),
        &format!("{good}:refs/heads/other"),
        &format!("{good}:refs/replace/{bad}"),
    ]);
    blames(&world, &[&to_main(&bad)], &bad);
    blames(&world, &[&to_main(&objects::by_alice(&world, &[&bad], "on top"))], &bad);
    world.accepts(&[&to_main(&good)]);
}

#[test]
fn a_graft_on_the_server_hides_nothing() {
    let world = World::with_signed_main();
    let bad = objects::unsigned(&world, &[], "bad");
    let top = objects::by_alice(&world, &[&bad], "on top");
    world.push_without_hook(&[&format!("{top}:refs/heads/dev")]);
    fs::create_dir_all(world.server().join("info")).unwrap();
    fs::write(world.server().join("info/grafts"), format!("{top}\n")).unwrap();
    blames(&world, &[&to_main(&top)], &bad);
    world.accepts(&[&to_main(&objects::by_alice(&world, &[], "good"))]);
}

/// Where a chunk of a commit-graph file begins (gitformat-commit-graph(5)).
fn chunk(graph: &[u8], name: &[u8; 4]) -> usize {
    let entry =
        (0..usize::from(graph[6])).map(|number| &graph[8 + number * 12..]).find(|entry| entry.starts_with(name));
    u64::from_be_bytes(entry.unwrap()[4..12].try_into().unwrap()) as usize
}

#[test]
fn a_commit_graph_that_lies_hides_nothing() {
    let world = World::with_signed_main();
    let bad = objects::unsigned(&world, &[], "bad");
    let top = objects::by_alice(&world, &[&bad], "on top");
    world.push_without_hook(&[&format!("{top}:refs/heads/dev")]);
    let server = world.server();
    world.git_in(&server, &["commit-graph", "write", "--reachable"]);
    let path = server.join("objects/info/commit-graph");
    let mut graph = fs::read(&path).unwrap();
    // Both commits lose their parents: the tree's id, then the first parent's place, or this for none.
    let data = chunk(&graph, b"CDAT");
    for entry in [data, data + 36] {
        graph[entry + 20..entry + 24].copy_from_slice(&0x7000_0000_u32.to_be_bytes());
    }
    set_mode(&path, 0o644);
    fs::write(&path, graph).unwrap();
    assert_eq!(world.git_in(&server, &["rev-list", "--count", "dev"]), "1", "git is not taken in");
    blames(&world, &[&to_main(&top)], &bad);
    world.accepts(&[&to_main(&objects::by_alice(&world, &[], "good"))]);
}

#[test]
fn a_shallow_boundary_pushed() {
    let world = World::with_signed_main();
    world.git_in(&world.server(), &["config", "receive.shallowUpdate", "true"]);
    let bad = objects::unsigned(&world, &[], "bad");
    let top = objects::by_alice(&world, &[&bad], "on top");
    world.git(&["update-ref", "refs/heads/main", &top]);
    let shallow = world.path("shallow");
    let url = format!("file://{}", world.clone_path().display());
    world.git_in(&world.path("home"), &["clone", "-q", "--depth=1", &url, shallow.to_str().unwrap()]);
    let pushed = world.push_from(&shallow, &[], &["main"]);
    world.was_refused(&pushed, &["shallow"]);
    // A branch that nothing covers may be shallow, and a covered one whole.
    world.push_from(&shallow, &[], &["main:dev"]).expect_accepted();
    assert!(world.server().join("shallow").exists());
    let pushed = world.push_from(&shallow, &[], &["main"]);
    assert_eq!((pushed.succeeded, pushed.hook), (false, Some(3)), "{}", pushed.output);
    assert!(pushed.told().contains(&format!("{bad}, a parent of {top}, is missing")), "{}", pushed.output);
    world.accepts(&[&to_main(&objects::by_alice(&world, &[], "good"))]);
}

#[test]
fn a_symbolic_ref_that_is_main_by_another_name() {
    let world = World::with_signed_main();
    let base = objects::by_alice(&world, &[], "base");
    world.accepts(&[&to_main(&base)]);
    world.git_in(&world.server(), &["symbolic-ref", "refs/heads/alias", "refs/heads/main"]);
    let bad = objects::unsigned(&world, &[&base], "bad");
    let refused = world.refuses(&[&format!("{bad}:refs/heads/alias")], &["unsigned"]);
    assert!(refused.told().contains("rule `main`"), "{}", refused.told());
    let good = objects::by_alice(&world, &[&base], "good");
    let pushed = world.accepts(&[&format!("{good}:refs/heads/alias")]);
    assert_eq!(pushed.after["refs/heads/main"], good);
}

#[test]
fn a_chain_of_symbolic_refs() {
    let world = World::with_signed_main();
    world.git_in(&world.server(), &["symbolic-ref", "refs/heads/two", "refs/heads/main"]);
    world.git_in(&world.server(), &["symbolic-ref", "refs/heads/one", "refs/heads/two"]);
    let bad = objects::unsigned(&world, &[], "bad");
    blames(&world, &[&format!("{bad}:refs/heads/one")], &bad);
    world.accepts(&[&format!("{}:refs/heads/one", objects::by_alice(&world, &[], "good"))]);
}

#[test]
fn refs_that_look_like_main() {
    let world = World::new();
    world.policy(
        "version = 1\nunmatched-refs = \"refuse\"\n[[rule]]\nname = \"main\"\n\
         refs = [\"refs/heads/main\", \"refs/heads/caf\u{e9}\"]\nsignatures = { commits = \"all\" }\n",
    );
    let good = objects::by_alice(&world, &[], "good");
    let names = ["main2", "xmain", "x/main", "main/x", "Main", "MAIN", "main\u{a0}", "m\u{430}in", "cafe\u{301}"];
    for name in names {
        world.refuses(&[&format!("{good}:refs/heads/{name}")], &["unmatched-ref"]);
    }
    world.refuses(&[&format!("{good}:refs/xheads/main")], &["unmatched-ref"]);
    world.refuses(&[&format!("{good}:refs/heads/refs/heads/main")], &["unmatched-ref"]);
    world.accepts(&[&to_main(&good), &format!("{good}:refs/heads/caf\u{e9}")]);
}

#[test]
fn a_branch_that_points_at_no_commit() {
    let world = World::with_signed_main();
    let good = objects::by_alice(&world, &[], "good");
    let blob = objects::write(&world, "blob", b"text");
    let tag = objects::signed_tag(&world, ALICE_SSH, &good, "commit", "v1");
    world.refuses(&[&to_main(&tag)], &["not-a-commit"]);
    world.refuses(&[&to_main(&blob)], &["not-a-commit", "no-commits"]);
    objects::write(&world, "tree", b"");
    world.refuses(&[&to_main(world.empty_tree())], &["not-a-commit", "no-commits"]);
    let of_tree = objects::signed_tag(&world, ALICE_SSH, world.empty_tree(), "tree", "v2");
    world.refuses(&[&to_main(&of_tree)], &["not-a-commit", "no-commits"]);
    world.accepts(&[&to_main(&good)]);
}

#[test]
fn a_covered_tag_that_holds_no_commits() {
    let world = World::new();
    world.policy_for_tags("signatures = { commits = \"all\" }");
    let good = objects::by_alice(&world, &[], "good");
    let blob = objects::write(&world, "blob", b"text");
    let of_blob = objects::signed_tag(&world, ALICE_SSH, &blob, "blob", "v1");
    world.refuses(&[&format!("{of_blob}:refs/tags/v1")], &["no-commits"]);
    world.refuses(&[&format!("{blob}:refs/tags/v1")], &["no-commits"]);
    let of_bad = objects::signed_tag(&world, ALICE_SSH, &objects::unsigned(&world, &[], "bad"), "commit", "v1");
    world.refuses(&[&format!("{of_bad}:refs/tags/v1")], &["unsigned"]);
    let of_good = objects::signed_tag(&world, ALICE_SSH, &good, "commit", "v1");
    world.accepts(&[&format!("{of_good}:refs/tags/v1")]);
}

#[test]
fn a_deletion() {
    let world = World::with_signed_main();
    let good = objects::by_alice(&world, &[], "good");
    world.accepts(&[&to_main(&good), &format!("{good}:refs/heads/dev")]);
    world.refuses(&[":refs/heads/main"], &["delete"]);
    world.accepts(&[":refs/heads/dev"]);
    world.policy_for_main("updates = { delete = true }");
    world.accepts(&[":refs/heads/main"]);
}

#[test]
fn a_force_push() {
    let world = World::with_signed_main();
    let base = objects::by_alice(&world, &[], "base");
    let ours = objects::by_alice(&world, &[&base], "ours");
    world.accepts(&[&to_main(&ours)]);
    let theirs = objects::by_alice(&world, &[&base], "theirs");
    for new in [&theirs, &base, &objects::by_alice(&world, &[], "another root")] {
        world.refuses(&[&format!("+{new}:refs/heads/main")], &["force-push"]);
    }
    world.policy_for_main("signatures = { commits = \"all\" }\nupdates = { force-push = true }");
    world.accepts(&[&format!("+{theirs}:refs/heads/main")]);
}

#[test]
fn a_force_push_hidden_by_a_graft_or_a_replacement() {
    let world = World::with_signed_main();
    let ours = objects::by_alice(&world, &[], "ours");
    world.accepts(&[&to_main(&ours)]);
    let theirs = objects::by_alice(&world, &[], "theirs");
    let joined = objects::by_alice(&world, &[&ours], "looks joined");
    world.push_without_hook(&[
        &format!("{theirs}:refs/heads/dev"),
        &format!("{joined}:refs/heads/joined"),
        &format!("{joined}:refs/replace/{theirs}"),
    ]);
    fs::create_dir_all(world.server().join("info")).unwrap();
    fs::write(world.server().join("info/grafts"), format!("{theirs} {ours}\n")).unwrap();
    world.refuses(&[&format!("+{theirs}:refs/heads/main")], &["force-push"]);
    world.accepts(&[&to_main(&joined)]);
}

#[test]
fn a_tag_moved() {
    let world = World::new();
    world.policy_for_tags("tags = { annotated = true }");
    let (one, two) = (objects::unsigned(&world, &[], "one"), objects::unsigned(&world, &[], "two"));
    let first = objects::unsigned_tag(&world, &one, "commit", "v1");
    world.accepts(&[&format!("{first}:refs/tags/v1")]);
    let second = objects::unsigned_tag(&world, &two, "commit", "v1");
    world.refuses(&[&format!("+{second}:refs/tags/v1")], &["tag-moved"]);
    // Also to what descends from it.
    let later = objects::unsigned_tag(&world, &objects::unsigned(&world, &[&one], "later"), "commit", "v1");
    world.refuses(&[&format!("+{later}:refs/tags/v1")], &["tag-moved"]);
    world.refuses(&[":refs/tags/v1"], &["delete"]);
    world.policy_for_tags("tags = { annotated = true }\nupdates = { force-push = true }");
    world.accepts(&[&format!("+{second}:refs/tags/v1")]);
}

#[test]
fn one_bad_ref_among_two_thousand() {
    let world = World::new();
    world.policy(
        "version = 1\nunmatched-refs = \"accept\"\n[[rule]]\nname = \"all\"\nrefs = [\"refs/heads/**\"]\n\
         signatures = { commits = \"all\" }\n",
    );
    let good = objects::by_alice(&world, &[], "good");
    let bad = objects::unsigned(&world, &[&good], "bad");
    let name = |number: usize| format!("refs/heads/b{number:04}");
    let refspec = |number: usize| format!("{}:{}", if number == 1777 { &bad } else { &good }, name(number));
    let refspecs: Vec<String> = (0..2000).map(refspec).collect();
    let refspecs: Vec<&str> = refspecs.iter().map(String::as_str).collect();
    let told = world.refuses(&refspecs, &["unsigned"]).told();
    assert!(told.contains("error: refs/heads/b1777: refused") && told.lines().count() < 20, "{told}");
    let others: Vec<&str> = refspecs.iter().copied().filter(|refspec| !refspec.starts_with(&*bad)).collect();
    world.accepts(&others);
}

#[test]
fn refs_that_share_history_in_one_push() {
    let world = World::new();
    world.policy(&releases("all"));
    let old = objects::unsigned(&world, &[], "from before there was a policy");
    world.push_without_hook(&[&format!("{old}:refs/heads/release/1")]);
    let next = objects::by_alice(&world, &[&old], "next");
    let to = |id: &str, number: usize| format!("{id}:refs/heads/release/{number}");
    // What the old value of one ref exempts is not exempt in another.
    blames(&world, &[&to(&next, 1), &to(&next, 2)], &old);
    world.accepts(&[&to(&next, 1)]);
    let root = objects::by_alice(&world, &[], "root");
    let shared = objects::by_alice(&world, &[&root], "shared");
    let side = objects::unsigned(&world, &[&root], "side");
    let merge = objects::by_alice(&world, &[&shared, &side], "merge");
    blames(&world, &[&to(&shared, 3), &to(&root, 4), &to(&merge, 5)], &side);
    blames(&world, &[&to(&merge, 3), &to(&side, 4), &to(&shared, 5)], &side);
    world.accepts(&[&to(&shared, 3), &to(&root, 4), &to(&objects::by_alice(&world, &[&shared], "more"), 5)]);
}

#[test]
fn two_thousand_bad_refs_do_not_flood_the_terminal() {
    let world = World::new();
    world.policy(
        "version = 1\nunmatched-refs = \"accept\"\n[[rule]]\nname = \"all\"\nrefs = [\"refs/heads/**\"]\n\
         signatures = { commits = \"all\" }\n",
    );
    let bad = objects::unsigned(&world, &[], "bad");
    let refspecs: Vec<String> = (0..2000).map(|number| format!("{bad}:refs/heads/b{number:04}")).collect();
    let refspecs: Vec<&str> = refspecs.iter().map(String::as_str).collect();
    let told = world.refuses_in_words(&refspecs, &["unsigned"]).told();
    assert!(told.contains("1990 more refusals") && told.lines().count() < 100, "{told}");
}

#[test]
fn reasons_without_number_do_not_flood_the_terminal() {
    let world = World::with_signed_main();
    let mut parent = objects::by_alice(&world, &[], "root");
    world.accepts(&[&to_main(&parent)]);
    for number in 0..300 {
        let payload = String::from_utf8(objects::Commit::new(&world, &[&parent], "odd").payload()).unwrap();
        let odd = payload.replacen("author ", &format!("note{number} x\nauthor "), 1);
        parent = objects::write(&world, "commit", odd.as_bytes());
    }
    let told = world.refuses_in_words(&[&to_main(&parent)], &["malformed-object"]).told();
    assert!(told.contains("more reasons") && told.lines().count() < 100, "{told}");
}
