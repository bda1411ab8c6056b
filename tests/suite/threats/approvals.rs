//! Approvals: forged, of something else, by those who may not, and taken back.

use super::two_people::*;
use crate::support::{World, keys::*, objects, objects::Commit};
use std::fs;

/// The name of an approval by the owner of a key, without `refs/`.
fn at(key: &str, name: &str, commit: &str) -> String {
    format!("approvals/{name}/{commit}/{}", owner(key))
}

/// Registers one more key, and says that these are all that they have.
fn all_keys(server: &Server, id: &str, keys: &[&str]) {
    let keys: Vec<_> = keys.iter().map(|key| format!("'{}'", fingerprint(key))).collect();
    server.people(&format!(
        "[[signer]]\nid = '{id}'\nemails = ['{id}@example.com']\naccounts = ['{id}']\nkeys = [{}]\n\
         [[signer]]\nid = 'dave'\nemails = ['dave@example.com']\naccounts = ['dave']\n",
        keys.join(", ")
    ));
}

/// Under the name of an approval by Bob: what it is refused for, and counted for nothing where it stands already.
fn forged(server: &Server, tip: &str) -> Vec<(String, &'static str)> {
    let (world, name) = (&server.world, at(BOB_SSH, MAIN, tip));
    let good = server.tag(BOB_SSH, (tip, "commit"), &name, "Approved");
    let tree = world.empty_tree();
    objects::write(world, "tree", b"");
    let payload = objects::tag_payload(tip, "commit", &name);
    let write = |text: String| objects::write(world, "tag", text.as_bytes());
    vec![
        (server.tag(BOB_SSH, (tip, "commit"), "v1.0", "Release"), "approval-form"),
        (server.tag(BOB_SSH, (tip, "commit"), &format!("refs/{name}"), "Approved"), "approval-form"),
        (server.tag(BOB_SSH, (tip, "commit"), &at(BOB_SSH, RELEASE, tip), "Approved"), "approval-form"),
        (server.tag(BOB_SSH, (tip, "commit"), &at(BOB_SSH, MAIN, &server.root), "Approved"), "approval-form"),
        (server.tag(BOB_SSH, (&server.root, "commit"), &name, "Approved"), "approval-form"),
        (server.tag(BOB_SSH, (tree, "tree"), &name, "Approved"), "approval-form"),
        (server.tag(BOB_SSH, (&good, "tag"), &name, "Approved"), "approval-form"),
        (tip.to_owned(), "approval-form"),
        (objects::unsigned_tag(world, tip, "commit", &name), "unsigned"),
        (server.tag(MALLORY_SSH, (tip, "commit"), &name, "Approved"), "unknown-key"),
        (write(payload.clone() + &sign_at(CAROL_EXPIRED, "20200601T000000", payload.as_bytes())), "key-expired"),
        (write(payload.clone() + &sign_weakly(ERIN_OPENPGP, payload.as_bytes())), "weak"),
        (write(payload.clone() + &sign(BOB_SSH, b"something else")), "bad"),
        (write(payload.clone() + &sign_in_namespace(BOB_SSH, "file", payload.as_bytes())), "malformed"),
        (server.tag(DAVE_OPENPGP, (tip, "commit"), &name, "Approved"), "approval-signer"),
    ]
}

fn with_carol() -> Server {
    let server = Server::new(REVIEW);
    let path = server.world.registry_path().join("openpgp/carol.asc");
    fs::write(&path, public_openpgp(CAROL_EXPIRED)).unwrap();
    server
}

#[test]
fn any_signed_tag_pushed_as_an_approval() {
    let server = with_carol();
    let tip = server.commit(&[&server.root], "fix");
    for (tag, reason) in forged(&server, &tip) {
        server.refuses("bob", &[&format!("{tag}:refs/{}", at(BOB_SSH, MAIN, &tip))], &[reason]);
    }
    server.refuses("alice", &[&to(&tip, MAIN)], &["review"]);
    server.approve(BOB_SSH, MAIN, &tip);
    server.accepts("alice", &[&to(&tip, MAIN)]);
}

/// An administrator, a backup, a server that had no hook yet.
#[test]
fn a_forged_approval_that_stands_there_already() {
    let server = with_carol();
    let tip = server.commit(&[&server.root], "fix");
    let name = format!("refs/{}", at(BOB_SSH, MAIN, &tip));
    for (tag, _) in forged(&server, &tip) {
        server.world.push_without_hook(&[&format!("+{tag}:{name}")]);
        server.refuses("alice", &[&to(&tip, MAIN)], &["review"]);
    }
    server.world.push_without_hook(&[&format!("+{}", server.approval(BOB_SSH, MAIN, &tip))]);
    server.accepts("alice", &[&to(&tip, MAIN)]);
}

#[test]
fn names_that_are_no_approvals() {
    let server = Server::new(REVIEW);
    let tip = server.commit(&[&server.root], "fix");
    for name in [
        format!("approvals/{MAIN}/{}/bob", &tip[..12]),
        format!("approvals/{MAIN}/{}/bob", tip.to_uppercase()),
        format!("approvals/{MAIN}/{tip}"),
        format!("approvals/heads/main/{tip}/bob"),
        format!("approvals/{tip}/bob"),
        "approvals/bob".to_owned(),
    ] {
        let tag = server.tag(BOB_SSH, (&tip, "commit"), &name, "Approved");
        server.refuses("bob", &[&format!("{tag}:refs/{name}")], &["approval-form"]);
    }
    server.approve(BOB_SSH, MAIN, &tip);
}

#[test]
fn an_approval_of_another_ref_or_commit() {
    let server = Server::new(REVIEW);
    let first = server.commit(&[&server.root], "one");
    let tip = server.commit(&[&first], "two");
    let amended = server.commit(&[&first], "two, amended");
    let above = server.commit(&[&amended], "three");
    for (name, commit) in [
        (RELEASE, &amended),
        ("refs/tags/main", &amended),
        (MAIN, &first),
        (MAIN, &tip),
        (MAIN, &above),
        (MAIN, &server.root),
    ] {
        server.approve(BOB_SSH, name, commit);
    }
    server.refuses("alice", &[&to(&amended, MAIN)], &["review"]);
    server.approve(BOB_SSH, MAIN, &amended);
    server.accepts("alice", &[&to(&amended, MAIN)]);
}

#[test]
fn a_key_that_does_not_count_any_more() {
    let server = Server::new(REVIEW);
    let tip = server.commit(&[&server.root], "fix");
    server.approve(BOB_SSH, MAIN, &tip);
    let retired = format!("[[key]]\nfingerprint = '{}'\nstate = 'retired'\nsince = 2020-01-01\n", fingerprint(BOB_SSH));
    server.more_people(&retired);
    server.refuses("alice", &[&to(&tip, MAIN)], &["review"]);
    let name = format!("refs/{}", at(BOB_SSH, RELEASE, &tip));
    let tag = server.approval(BOB_SSH, RELEASE, &tip);
    server.refuses("bob", &[&tag], &["key-retired"]);
    assert!(!server.world.refs().contains_key(&name));
    server.more_people("");
    server.accepts("alice", &[&to(&tip, MAIN)]);
}

#[test]
fn by_a_second_key_of_the_author() {
    let server = Server::new(REVIEW);
    server.also_signs("alice@example.com", MALLORY_SSH);
    all_keys(&server, "alice", &[ALICE_SSH, MALLORY_SSH]);
    let tip = server.commit(&[&server.root], "fix");
    let name = at(ALICE_SSH, MAIN, &tip);
    let tag = server.tag(MALLORY_SSH, (&tip, "commit"), &name, "Approved");
    server.accepts("alice", &[&format!("{tag}:refs/{name}")]);
    for account in ["alice", "dave", ""] {
        let told = server.refuses(account, &[&to(&tip, MAIN)], &["review"]).told();
        assert!(told.contains("not counted, for a hand in it: `alice`"), "{told}");
    }
    server.approve(DAVE_OPENPGP, MAIN, &tip);
    server.accepts("alice", &[&to(&tip, MAIN)]);
}

#[test]
fn by_whoever_had_a_hand_in_a_commit() {
    let server = Server::new(REVIEW);
    let root = server.root.as_str();
    let commit = |author: &str, committer: &str, key: Option<&str>| {
        let mut commit = Commit::new(&server.world, &[root], &format!("{author} {committer} {key:?}"));
        commit.author = format!("{author} 1700000000 +0000").into_bytes();
        commit.committer = format!("{committer} 1700000000 +0000").into_bytes();
        key.map_or_else(|| commit.unsigned(&server.world), |key| commit.signed(&server.world, key))
    };
    let lower = [
        commit(objects::BOB, objects::ALICE, None),
        commit(objects::ALICE, objects::BOB, None),
        commit(objects::ALICE, objects::ALICE, Some(BOB_SSH)),
        commit("B <bob@old.example>", objects::ALICE, None),
        commit("B <bob@EXAMPLE.com>", objects::ALICE, None),
    ];
    for lower in &lower {
        let on_top = server.commit(&[lower], "on top");
        let side = server.commit(&[root], "side");
        let merged = server.commit(&[&side, lower], "merge");
        for tip in [lower, &on_top, &merged] {
            let branch = format!("refs/heads/release/{tip}");
            server.approve(BOB_SSH, &branch, tip);
            let told = server.refuses("alice", &[&to(tip, &branch)], &["review"]).told();
            assert!(told.contains("not counted, for a hand in it: `bob`"), "{told}");
        }
    }
    // What `main` holds already was not brought.
    server.world.push_without_hook(&[&to(&lower[0], MAIN)]);
    let tip = server.commit(&[&lower[0]], "Alice's alone");
    server.approve(BOB_SSH, MAIN, &tip);
    server.accepts("alice", &[&to(&tip, MAIN)]);
}

#[test]
fn by_whoever_pushes_it() {
    let server = Server::new(REVIEW);
    let tip = server.commit(&[&server.root], "fix");
    server.approve(BOB_SSH, MAIN, &tip);
    server.refuses("bob", &[&to(&tip, MAIN)], &["review"]);
    server.accepts("dave", &[&to(&tip, MAIN)]);
}

#[test]
fn by_a_bot_or_one_who_is_no_person() {
    let server = Server::new("review = [ { by = [\"ci\", \"mallory@example.net\", \"dave\"] } ]");
    let tip = server.commit(&[&server.root], "fix");
    let name = |id: &str| format!("approvals/{MAIN}/{tip}/{id}");
    let by =
        |id: &str| format!("{}:refs/{}", server.tag(MALLORY_SSH, (&tip, "commit"), &name(id), "Approved"), name(id));
    server.also_signs("mallory@example.net", MALLORY_SSH);
    // Known by `allowed_signers` alone.
    server.refuses("alice", &[&by("mallory@example.net")], &["approval-signer"]);
    for kind in ["bot", "forge"] {
        server.more_people(&format!("[[signer]]\nid = 'ci'\nemails = ['mallory@example.net']\nkind = '{kind}'\n"));
        server.refuses("alice", &[&by("ci")], &["approval-signer"]);
        server.world.push_without_hook(&[&by("ci")]);
        server.refuses("alice", &[&to(&tip, MAIN)], &["review"]);
        server.world.push_without_hook(&[&format!(":refs/{}", name("ci"))]);
    }
    server.more_people("[[signer]]\nid = 'ci'\nemails = ['mallory@example.net']\n");
    server.world.push_without_hook(&[&by("ci")]);
    server.accepts("alice", &[&to(&tip, MAIN)]);
}

#[test]
fn one_person_counts_once() {
    let server = Server::new("review = [ { approvals = 2, match = \"tree\" } ]");
    server.world.git_in(&server.world.server(), &["symbolic-ref", "refs/heads/release/main", MAIN]);
    let tip = server.commit(&[&server.root], "fix");
    let twin = server.commit(&[&server.root], "fix, squashed");
    for (name, commit) in [(MAIN, &tip), (MAIN, &twin), ("refs/heads/release/main", &tip)] {
        server.approve(BOB_SSH, name, commit);
    }
    let told = server.refuses("alice", &[&to(&tip, MAIN)], &["review"]).told();
    assert!(told.contains("has 1: `bob`"), "{told}");
    server.approve(DAVE_OPENPGP, MAIN, &twin);
    server.accepts("alice", &[&to(&tip, MAIN)]);
}

#[test]
fn an_approval_that_comes_or_goes_in_the_same_push() {
    let server = Server::new(REVIEW);
    let tip = server.commit(&[&server.root], "fix");
    let approval = server.approval(BOB_SSH, MAIN, &tip);
    let name = approval.split_once(':').unwrap().1;
    let others = server.approval(BOB_SSH, RELEASE, &tip);
    server.refuses("alice", &[&to(&tip, MAIN), &others], &["review"]);
    server.accepts("bob", &[&approval]);
    // Whoever takes it back pushes, and would not count for that alone; it is not even looked at.
    let told = server.refuses("bob", &[&to(&tip, MAIN)], &["review"]).told();
    assert!(told.contains("not counted, for a hand in it: `bob`"), "{told}");
    let told = server.refuses("bob", &[&format!(":{name}"), &to(&tip, MAIN)], &["review"]).told();
    assert!(!told.contains("`bob`"), "{told}");
    server.accepts("dave", &[&to(&tip, MAIN)]);
    let next = server.commit(&[&tip], "next");
    server.accepts("alice", &[&server.approval(BOB_SSH, MAIN, &next), &to(&next, MAIN)]);
}

/// Each ref brings what it brings, whatever else the push brings or was looked at before.
#[test]
fn refs_of_one_push_that_share_commits() {
    for lines in [REVIEW.to_owned(), format!("signatures = {{ commits = \"tip\" }}\n{REVIEW}")] {
        let server = Server::new(&lines);
        let signed = |key, parents: &[&str], message| server.commit_that_says(key, parents, message);
        let lower = signed(BOB_SSH, &[&server.root], "by Bob");
        let tip = signed(ALICE_SSH, &[&lower], "on top, by Alice");
        let other = signed(ALICE_SSH, &[&lower], "beside it, by Alice");
        let name = |number: usize| format!("refs/heads/release/{number}");
        // Bob's own stands under all of them. He approves what is on top of it, Dave what is below.
        let mut refspecs = vec![to(&lower, &name(0))];
        server.approve(DAVE_OPENPGP, &name(0), &lower);
        for number in 1..12 {
            let commit = if number % 2 == 0 { &other } else { &tip };
            server.approve(BOB_SSH, &name(number), commit);
            refspecs.push(to(commit, &name(number)));
        }
        for order in [false, true] {
            let mut refspecs: Vec<&str> = refspecs.iter().map(String::as_str).collect();
            if order {
                refspecs.reverse();
            }
            let told = server.refuses("alice", &refspecs, &["review"]).told();
            assert!(!told.contains("release/0:"), "{told}");
            for some in [&refspecs[..2], &refspecs[10..]] {
                server.refuses("alice", some, &["review"]);
            }
        }
        (1..12).for_each(|number| {
            server.approve(DAVE_OPENPGP, &name(number), if number % 2 == 0 { &other } else { &tip })
        });
        let refspecs: Vec<&str> = refspecs.iter().map(String::as_str).collect();
        server.accepts("alice", &refspecs);
    }
}

/// What one ref vouches for once it was reviewed is not brought by the next; of one push, nothing vouches.
#[test]
fn what_was_reviewed_for_another_ref_of_the_rule() {
    let server = Server::new(REVIEW);
    let lower = server.commit_by(objects::BOB, &[&server.root], "by Bob");
    let tip = server.commit(&[&lower], "on top");
    server.approve(DAVE_OPENPGP, RELEASE, &lower);
    server.approve(BOB_SSH, MAIN, &tip);
    server.refuses("alice", &[&to(&lower, RELEASE), &to(&tip, MAIN)], &["review"]);
    server.accepts("alice", &[&to(&lower, RELEASE)]);
    server.accepts("alice", &[&to(&tip, MAIN)]);
}

#[test]
fn an_entry_for_paths_and_a_change_that_hides() {
    let server = Server::new("review = [ { by = [\"dave\"], paths = [\"iam/**\"] } ]");
    let world = &server.world;
    let blob = |text: &[u8]| objects::write(world, "blob", text);
    let tree = |entries: &[(&str, &str, &str)]| {
        let line = |(mode, name, id): &(&str, &str, &str)| {
            format!("{mode} {} {id}\t{name}\n", if *mode == "40000" { "tree" } else { "blob" })
        };
        let mut command = world.command("git", &world.clone_path());
        command.arg("mktree");
        crate::support::run_well(command, entries.iter().map(line).collect::<String>().as_bytes())
    };
    let commit = |tree: &str, parents: &[&str]| {
        let mut commit = Commit::new(world, parents, "change");
        commit.tree = tree.to_owned();
        commit.unsigned(world)
    };
    let (one, two) = (blob(b"one"), blob(b"two"));
    let (roles, other) = (tree(&[("100644", "roles", &one)]), tree(&[("100644", "roles", &two)]));
    let plain = commit(&tree(&[("100644", "README", &one)]), &[&server.root]);
    let changed = commit(&tree(&[("40000", "iam", &roles), ("100644", "README", &one)]), &[&plain]);
    let undone = commit(&tree(&[("100644", "README", &one)]), &[&changed]);
    let link = commit(&tree(&[("120000", "iam", &one)]), &[&plain]);
    let side = commit(&tree(&[("100644", "README", &two)]), &[&server.root]);
    let evil = commit(&tree(&[("40000", "iam", &other), ("100644", "README", &two)]), &[&plain, &side]);
    for tip in [&changed, &undone, &link, &evil] {
        server.approve(BOB_SSH, MAIN, tip);
        let told = server.refuses("alice", &[&to(tip, MAIN)], &["review"]).told();
        assert!(told.contains("for what it changes at `iam/**`"), "{told}");
    }
    server.accepts("alice", &[&to(&plain, MAIN)]);
    server.approve(DAVE_OPENPGP, MAIN, &undone);
    server.accepts("alice", &[&to(&undone, MAIN)]);
}

#[test]
fn an_approval_of_another_commit_with_the_same_tree() {
    let server = Server::new("review = [ { match = \"tree\" } ]");
    let approved = server.commit(&[&server.root], "as it was approved");
    let squashed = server.commit(&[&server.root], "as it was squashed");
    let by_bob = server.commit_by(objects::BOB, &[&server.root], "by Bob, with the same tree");
    let mut other = Commit::new(&server.world, &[&server.root], "with a file");
    let blob = objects::write(&server.world, "blob", b"x");
    let mut mktree = server.world.command("git", &server.world.clone_path());
    mktree.arg("mktree");
    other.tree = crate::support::run_well(mktree, format!("100644 blob {blob}\tx\n").as_bytes());
    let other = other.unsigned(&server.world);
    server.approve(BOB_SSH, MAIN, &approved);
    server.approve(DAVE_OPENPGP, RELEASE, &approved);
    server.refuses("alice", &[&to(&other, MAIN)], &["review"]);
    server.refuses("alice", &[&to(&by_bob, MAIN)], &["review"]);
    server.world.policy(&policy(REVIEW));
    server.refuses("alice", &[&to(&squashed, MAIN)], &["review"]);
    // What one entry asks for, another may ask for otherwise: each counts what it may.
    server.world.policy(&policy("review = [ { match = \"tree\" }, { } ]"));
    server.refuses("alice", &[&to(&squashed, MAIN)], &["review"]);
    server.approve(BOB_SSH, MAIN, &squashed);
    server.accepts("alice", &[&to(&squashed, MAIN)]);
}

const MERGED: &[(&str, &str)] = &[("GITEA_PUSHER_NAME", "alice"), ("GITEA_PR_ID", "7")];

#[test]
fn a_merge_that_is_not_the_forges_own() {
    let server = Server::new(REVIEW);
    let world = &server.world;
    let ours = server.commit(&[&server.root], "ours");
    server.approve(BOB_SSH, MAIN, &ours);
    server.accepts("alice", &[&to(&ours, MAIN)]);
    let work = server.commit(&[&server.root], "work");
    server.approve(BOB_SSH, MAIN, &work);
    let merge = server.commit(&[&ours, &work], "merge");
    // The first parent is another than what is there; parents change places; three; one.
    let beside = server.commit(&[&server.root, &work], "from elsewhere");
    let below = server.commit(&[&server.commit(&[&ours], "not reviewed"), &work], "on top of another");
    let swapped = server.commit(&[&work, &ours], "swapped");
    let octopus = server.commit(&[&ours, &work, &server.root], "octopus");
    let squash = server.commit(&[&ours], "squash");
    // It changes something that neither parent has.
    let blob = objects::write(world, "blob", b"evil");
    let mut mktree = world.command("git", &world.clone_path());
    mktree.arg("mktree");
    let mut evil = Commit::new(world, &[&ours, &work], "evil");
    evil.tree = crate::support::run_well(mktree, format!("100644 blob {blob}\tx\n").as_bytes());
    let evil = evil.unsigned(world);
    for tip in [&below, &swapped, &octopus, &squash, &evil] {
        let pushed = server.push_in(MERGED, &[&to(tip, MAIN)]);
        server.was_refused(&pushed, &["review"]);
    }
    let pushed = server.push_in(MERGED, &[&format!("+{}", to(&beside, MAIN))]);
    server.was_refused(&pushed, &["force-push", "review"]);
    // What was approved for another ref, or by its author.
    let theirs = server.commit_by(objects::BOB, &[&server.root], "Bob's work");
    server.approve(BOB_SSH, MAIN, &theirs);
    server.approve(DAVE_OPENPGP, RELEASE, &theirs);
    let pushed = server.push_in(MERGED, &[&to(&server.commit(&[&ours, &theirs], "merge of Bob's"), MAIN)]);
    server.was_refused(&pushed, &["review"]);
    // A merge that somebody pushes has to be approved itself.
    server.refuses("alice", &[&to(&merge, MAIN)], &["review"]);
    server.push_in(MERGED, &[&to(&merge, MAIN)]).expect_accepted();
}

#[test]
fn an_approval_moved_or_deleted_by_another() {
    let server = Server::new(REVIEW);
    let tip = server.commit(&[&server.root], "fix");
    let approval = server.approval(BOB_SSH, MAIN, &tip);
    let name = approval.split_once(':').unwrap().1;
    server.accepts("bob", &[&approval]);
    let again = server.approval_that_says(BOB_SSH, MAIN, &tip, "Approved, again");
    for account in ["alice", "bob", ""] {
        server.refuses(account, &[&format!("+{again}")], &["signed-tag-moved"]);
    }
    for account in ["alice", "dave", "nobody", ""] {
        server.refuses(account, &[&format!(":{name}")], &["signed-tag-deleted"]);
    }
    server.accepts("bob", &[&format!(":{name}")]);
    server.refuses("alice", &[&to(&tip, MAIN)], &["review"]);
}

/// Whoever kept the tag would count on it again.
#[test]
fn an_approval_that_was_taken_back_and_is_pushed_again_by_another() {
    let server = Server::new(REVIEW);
    let tip = server.commit(&[&server.root], "fix");
    let approval = server.approval(BOB_SSH, MAIN, &tip);
    server.accepts("alice", &[&approval]);
    server.accepts("bob", &[&format!(":{}", approval.split_once(':').unwrap().1)]);
    for account in ["alice", "dave", ""] {
        server.refuses(account, &[&approval], &["signed-tag-withdrawn"]);
        server.refuses(account, &[&approval, &to(&tip, MAIN)], &["signed-tag-withdrawn"]);
    }
    server.accepts("bob", &[&approval]);
    server.accepts("alice", &[&to(&tip, MAIN)]);
}

#[test]
fn where_no_rule_covers_them() {
    let server = Server::new(REVIEW);
    let closed = policy(REVIEW).replace("unmatched-refs = \"accept\"", "unmatched-refs = \"refuse\"");
    server.world.policy(&closed);
    let tip = server.commit(&[&server.root], "fix");
    server.refuses("alice", &[&to(&tip, "refs/heads/other")], &["unmatched-ref"]);
    server.refuses("alice", &[&to(&tip, "refs/approvals/x")], &["approval-form"]);
    server.refuses("alice", &[&to(&tip, "refs/emergencies/x")], &["emergency-tag"]);
    server.approve(BOB_SSH, MAIN, &tip);
    server.accepts("alice", &[&to(&tip, MAIN)]);
    // A rule of one's own softens nothing.
    let mut softer = policy(REVIEW);
    softer += "[[rule]]\nname = \"soft\"\nrefs = [\"refs/approvals/**\"]\nmode = \"warn\"\nupdates = { force-push = true, delete = true }\n";
    server.world.policy(&softer);
    server.refuses("alice", &[&to(&tip, "refs/approvals/x")], &["approval-form"]);
    let approval = server.approval_that_says(BOB_SSH, MAIN, &tip, "Approved, again");
    server.refuses("bob", &[&format!("+{approval}")], &["signed-tag-moved"]);
}

#[test]
fn under_the_name_of_a_symbolic_ref() {
    let server = Server::new(REVIEW);
    let alias = "refs/heads/release/latest";
    server.world.git_in(&server.world.server(), &["symbolic-ref", alias, MAIN]);
    let first = server.commit(&[&server.root], "one");
    server.approve(BOB_SSH, RELEASE, &first);
    server.refuses("alice", &[&to(&first, alias)], &["review"]);
    server.approve(BOB_SSH, MAIN, &first);
    server.accepts("alice", &[&to(&first, alias)]);
    let second = server.commit(&[&first], "two");
    server.approve(BOB_SSH, alias, &second);
    server.accepts("alice", &[&to(&second, alias)]);
    // Under one name of another commit with the same tree, under the other of the very commit: one person, who counts for both.
    server.world.policy(&policy("review = [ { match = \"tree\" }, { } ]"));
    let third = server.commit(&[&second], "three");
    server.approve(BOB_SSH, alias, &server.commit(&[&second], "three, as it was before"));
    server.refuses("alice", &[&to(&third, alias)], &["review"]);
    server.approve(BOB_SSH, MAIN, &third);
    server.accepts("alice", &[&to(&third, alias)]);
}

#[test]
fn in_a_repository_with_sha256() {
    let server = Server::of(World::of_format("sha256"), REVIEW);
    let first = server.commit(&[&server.root], "one");
    let tip = server.commit_by(objects::BOB, &[&first], "two");
    server.approve(BOB_SSH, MAIN, &tip);
    server.refuses("alice", &[&to(&tip, MAIN)], &["review"]);
    let short = format!("approvals/{MAIN}/{}/dave", &tip[..40]);
    let tag = server.tag(DAVE_OPENPGP, (&tip, "commit"), &short, "Approved");
    server.refuses("dave", &[&format!("{tag}:refs/{short}")], &["approval-form"]);
    server.approve(DAVE_OPENPGP, MAIN, &tip);
    server.accepts("alice", &[&to(&tip, MAIN)]);
}

#[test]
fn a_tag_by_its_own_signer_or_of_no_commit() {
    let server = Server::new(REVIEW);
    let world = &server.world;
    let text = policy(REVIEW).replace(&format!("\"{MAIN}\""), "\"refs/tags/**\"");
    world.policy(&text);
    let blob = objects::write(world, "blob", b"x");
    objects::write(world, "tree", b"");
    let name = "refs/tags/v1";
    for (id, kind) in [(blob.as_str(), "blob"), (world.empty_tree(), "tree")] {
        server.refuses("alice", &[&to(id, name)], &["review"]);
        server.refuses("alice", &[&to(&server.tag(ALICE_SSH, (id, kind), "v1", "Release"), name)], &["review"]);
    }
    let tip = server.commit(&[&server.root], "fix");
    let tag = server.tag(BOB_SSH, (&tip, "commit"), "v1", "Release");
    server.approve(BOB_SSH, name, &tip);
    server.refuses("dave", &[&to(&tag, name)], &["review"]);
    server.approve(DAVE_OPENPGP, name, &tip);
    server.refuses("dave", &[&to(&tag, name)], &["review"]);
    server.accepts("alice", &[&to(&tag, name)]);
}

/// What was approved once is not taken for approved when it was taken back since.
#[test]
fn an_approval_of_the_same_tree_that_was_counted_before() {
    let server = Server::new("review = [ { match = \"tree\" } ]\nupdates = { force-push = true }");
    let approved = server.commit(&[&server.root], "as it was approved");
    server.approve(BOB_SSH, MAIN, &approved);
    server.accepts("alice", &[&to(&approved, MAIN)]);
    server.accepts("alice", &[&format!("+{}", to(&server.root, MAIN))]);
    let again = server.commit(&[&server.root], "again, with the same tree");
    server.refuses("alice", &[&to(&again, MAIN)], &["review"]);
    server.approve(BOB_SSH, MAIN, &again);
    server.accepts("alice", &[&to(&again, MAIN)]);
}
