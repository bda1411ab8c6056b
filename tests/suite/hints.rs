//! Each hint that a refusal prints, followed to the letter; then the push goes through.

use crate::support::{
    Pushed, World,
    keys::{self, *},
    objects::{self, Commit, signature_header},
    run_well, security_key, set_mode,
};
use std::{fs, thread};

/// The command in a hint, if it has one: all from its first `git` on.
fn command_of(hint: &str) -> Option<&str> {
    if hint.starts_with("git ") {
        Some(hint)
    } else {
        hint.split_once(": git ").map(|(before, _)| &hint[before.len() + 2..])
    }
}

/// Types what the hints say, in their order. `KEY` is Alice's registered one.
#[track_caller]
fn follow(world: &World, pushed: &Pushed) {
    follow_with(world, pushed, &keys::signing_key(ALICE_SSH));
}

#[track_caller]
fn follow_with(world: &World, pushed: &Pushed, key: &str) {
    let hints = pushed.hints();
    let commands: Vec<String> = hints.iter().filter_map(|hint| command_of(hint)).map(str::to_owned).collect();
    assert!(!commands.is_empty(), "{}", pushed.told());
    for command in commands {
        let typed = command.replace(", then git ", " && git ").replace(" KEY ", &format!(" {key} "));
        let mut shell = world.command("sh", &world.clone_path());
        // Whoever is asked for a message, writes one where none stands.
        shell.env("GIT_EDITOR", "sh -c 'grep -q ^[^#] \"$1\" || echo Release >\"$1\"' -");
        shell.args(["-e", "-c", &typed.replace(" KEY", &format!(" {key}"))]);
        run_well(shell, b"");
    }
}

/// Nothing in the hints makes the pusher sign or rewrite.
#[track_caller]
fn expect_no_command(pushed: &Pushed) {
    for hint in pushed.hints() {
        let command = command_of(&hint).unwrap_or_default();
        assert!(command.is_empty() || command.starts_with("git config "), "{hint}");
    }
}

fn commit(world: &World, message: &str) {
    change(world, message);
    world.git(&["commit", "-q", "-m", message]);
}

fn signed_commit(world: &World, message: &str) {
    change(world, message);
    world.git(&["commit", "-q", "-S", "-m", message]);
}

fn change(world: &World, message: &str) {
    fs::write(world.clone_path().join(message.replace(' ', "-")), message).unwrap();
    world.git(&["add", "--all"]);
}

/// A signed `main` on both sides.
fn started() -> World {
    let world = World::with_signed_main();
    signed_commit(&world, "Root");
    world.accepts(&["main"]);
    world
}

/// Refused for this reason, mended as the hint says, accepted.
#[track_caller]
fn mended(world: &World, refspecs: &[&str], reason: &str) {
    let refused = world.refuses(refspecs, &[reason]);
    follow(world, &refused);
    world.accepts(refspecs);
}

#[test]
fn one_unsigned_commit() {
    let world = started();
    commit(&world, "Mine");
    mended(&world, &["main"], "unsigned");
    assert_eq!(world.git(&["config", "commit.gpgsign"]), "true");
    commit(&world, "Signed from now on");
    world.accepts(&["main"]);
}

#[test]
fn one_unsigned_merge() {
    let world = started();
    world.git(&["checkout", "-q", "-b", "side"]);
    signed_commit(&world, "Side");
    world.git(&["checkout", "-q", "main"]);
    world.git(&["merge", "-q", "--no-ff", "-m", "Merge", "side"]);
    mended(&world, &["main"], "unsigned");
    assert_eq!(world.git(&["rev-list", "--count", "--merges", "main"]), "1");
}

#[test]
fn several_unsigned_commits() {
    let world = started();
    for message in ["One", "Two", "Three"] {
        commit(&world, message);
    }
    mended(&world, &["main"], "unsigned");
    assert_eq!(world.git(&["rev-list", "--count", "main"]), "4");
}

#[test]
fn unsigned_commits_below_a_signed_one() {
    for unsigned in [1, 3] {
        let world = started();
        for number in 0..unsigned {
            commit(&world, &format!("Number {number}"));
        }
        signed_commit(&world, "Signed");
        mended(&world, &["main"], "unsigned");
    }
}

#[test]
fn unsigned_commits_with_merges() {
    let world = started();
    world.git(&["checkout", "-q", "-b", "side"]);
    commit(&world, "Side");
    world.git(&["checkout", "-q", "main"]);
    commit(&world, "Main");
    world.git(&["merge", "-q", "--no-ff", "-m", "Merge", "side"]);
    commit(&world, "After it");
    mended(&world, &["main"], "unsigned");
    assert_eq!(world.git(&["rev-list", "--count", "--merges", "main"]), "1");
}

#[test]
fn unsigned_commits_from_the_root_on() {
    let world = World::with_signed_main();
    for message in ["Root", "Two", "Three"] {
        commit(&world, message);
    }
    mended(&world, &["main"], "unsigned");
    assert_eq!(world.git(&["rev-list", "--count", "main"]), "3");
}

#[test]
fn some_of_ones_own_commits_in_a_new_branch() {
    let world = World::with_signed_main();
    signed_commit(&world, "Root");
    commit(&world, "Two");
    signed_commit(&world, "Three");
    let refused = world.refuses(&["main"], &["unsigned"]);
    assert!(!refused.told().contains("ask for a signed version"), "one's own: {}", refused.told());
    follow(&world, &refused);
    world.accepts(&["main"]);
}

#[test]
fn an_unsigned_root_alone() {
    let world = World::with_signed_main();
    commit(&world, "Root");
    mended(&world, &["main"], "unsigned");
}

#[test]
fn a_new_branch_on_a_baseline_is_not_rewritten_from_the_root() {
    let world = World::new();
    commit(&world, "Long ago");
    let baseline = world.git(&["rev-parse", "HEAD"]);
    world.policy_for_main(&format!("baseline = [\"{baseline}\"]\nsignatures = {{ commits = \"all\" }}"));
    commit(&world, "One");
    commit(&world, "Two");
    let refused = world.refuses(&["main"], &["unsigned"]);
    for hint in refused.hints() {
        assert!(!hint.contains("--root"), "{hint}");
        if let Some(command) = command_of(&hint) {
            let mut shell = world.command("sh", &world.clone_path());
            shell.args(["-e", "-c", command]);
            run_well(shell, b"");
        }
    }
    assert_eq!(world.git(&["merge-base", "main", &baseline]), baseline);
}

#[test]
fn an_unsigned_commit_of_another_person_names_whom_to_ask() {
    let world = started();
    world.work_as(BOB_SSH);
    commit(&world, "Bob's");
    world.work_as(ALICE_SSH);
    signed_commit(&world, "Alice's");
    let refused = world.refuses(&["main"], &["unsigned"]);
    expect_no_command(&refused);
    let id = world.git(&["rev-parse", "--short=7", "HEAD~1"]);
    assert!(
        refused.hints().iter().any(|hint| hint.contains(&id) && hint.contains("Bob Example")),
        "{}",
        refused.told()
    );
}

#[test]
fn unsigned_commits_of_several_people_are_not_all_the_pushers() {
    let world = started();
    for (key, message) in [(ALICE_SSH, "Alice's"), (BOB_SSH, "Bob's"), (ALICE_SSH, "Alice's, too")] {
        world.work_as(key);
        commit(&world, message);
    }
    let refused = world.refuses(&["main"], &["unsigned"]);
    expect_no_command(&refused);
    assert!(refused.hints().iter().any(|hint| hint.contains("Bob Example")), "{}", refused.told());
}

#[test]
fn help_says_where_to_learn() {
    let world = World::new();
    world.policy(
        "version = 1\nunmatched-refs = \"accept\"\nhelp = \"https://wiki.example/signing\"\n[[rule]]\nname = \"main\"\n\
         refs = [\"refs/heads/main\"]\nsignatures = { commits = \"all\" }\n",
    );
    commit(&world, "Root");
    let refused = world.refuses(&["main"], &["unsigned"]);
    assert!(
        refused.hints().contains(&"no signing key yet: https://wiki.example/signing".to_owned()),
        "{}",
        refused.told()
    );
}

#[test]
fn a_key_that_nobody_registered() {
    let world = started();
    world.git(&["config", "user.signingkey", &keys::signing_key(MALLORY_SSH)]);
    signed_commit(&world, "By a new key");
    let refused = world.refuses(&["main"], &["unknown-key"]);
    let fingerprint = keys::fingerprint(MALLORY_SSH);
    assert!(
        refused.hints().iter().any(|hint| hint.contains("administrator") && hint.contains(&fingerprint)),
        "{}",
        refused.told()
    );
    follow(&world, &refused);
    world.accepts(&["main"]);
}

#[test]
fn a_key_that_nobody_registered_below_the_tip() {
    let world = started();
    world.git(&["config", "user.signingkey", &keys::signing_key(MALLORY_SSH)]);
    signed_commit(&world, "By a new key");
    world.work_as(ALICE_SSH);
    signed_commit(&world, "By the registered one");
    mended(&world, &["main"], "unknown-key");
}

#[test]
fn a_key_that_two_people_claim_is_registered_already() {
    let line = |id: &str, key| format!("{id} {}\n", keys::public_ssh(key));
    let world = started();
    let lines = [line("alice@example.com", ALICE_SSH), line("bob", BOB_SSH), line("carol", BOB_SSH)];
    world.registry(&[("allowed_signers", &lines.concat())]);
    world.git(&["config", "user.signingkey", &keys::signing_key(BOB_SSH)]);
    signed_commit(&world, "Whose?");
    let refused = world.refuses(&["main"], &["unknown-key"]);
    let told = refused.told();
    assert!(told.contains("signed by a key that counts for nobody\n"), "{told}");
    assert!(told.contains("to settle whose this one is: SHA256:") && !told.contains("register this"), "{told}");
    follow(&world, &refused);
    world.accepts(&["main"]);
}

/// To sign with it again would change nothing.
#[test]
fn a_security_key_that_asks_for_no_touch() {
    let world = started();
    let lines = [security_key::public(), keys::public_ssh(ALICE_SSH)].map(|key| format!("alice@example.com {key}\n"));
    world.registry(&[("allowed_signers", &lines.concat())]);
    let base = world.git(&["rev-parse", "HEAD"]);
    let untouched = security_key::commit(&world, 0, &[&base], "Not touched");
    world.git(&["reset", "-q", "--hard", &untouched]);
    let refused = world.refuses(&["main"], &["bad"]);
    let told = refused.told();
    assert!(told.contains("signed, and the signature does not count\n"), "{told}");
    assert!(told.contains("its security key was not touched\n"), "{told}");
    follow(&world, &refused);
    world.accepts(&["main"]);
}

/// It is the line in `allowed_signers` that has an end, not the key.
#[test]
fn an_ssh_key_whose_line_is_over() {
    let world = started();
    let line = |window: &str| format!("alice@example.com {window}{}\n", keys::public_ssh(ALICE_SSH));
    signed_commit(&world, "Late");
    world.registry(&[("allowed_signers", &line("valid-before=\"20260101Z\" "))]);
    let refused = world.refuses(&["main"], &["key-expired"]);
    let hint = format!("ask the administrator to let this key count for longer: {}", keys::fingerprint(ALICE_SSH));
    assert_eq!(refused.hints(), [hint]);
    world.registry(&[("allowed_signers", &line("valid-before=\"20990101Z\" "))]);
    world.accepts(&["main"]);
}

/// Alice has two keys; what is said of the one she signs with.
fn with_a_second_key(signers: &str, revoked: &str) -> World {
    let world = started();
    let line = |key| format!("alice@example.com {}\n", keys::public_ssh(key));
    world.registry(&[
        ("allowed_signers", &(line(ALICE_SSH) + &line(BOB_SSH))),
        ("signers.toml", signers),
        ("revoked_keys", revoked),
    ]);
    world.git(&["config", "user.signingkey", &keys::signing_key(BOB_SSH)]);
    signed_commit(&world, "Mine");
    world
}

#[test]
fn a_key_that_is_taken_back_where_there_is_another() {
    let stated = |state: &str| {
        let key = keys::fingerprint(BOB_SSH);
        format!(
            "[[key]]\nfingerprint = '{key}'\nstate = '{state}'\nsince = 2026-01-01\nnote = 'on the old \u{202e}laptop'\n"
        )
    };
    for reason in ["retired", "compromised"] {
        let world = with_a_second_key(&stated(reason), "");
        let refused = world.refuses(&["main"], &[&format!("key-{reason}")]);
        // The administrator's words, made harmless.
        let note = "    since 2026-01-01T00:00:00Z: on the old \\u{202e}laptop\n";
        assert!(refused.told().contains(note), "{}", refused.told());
        follow(&world, &refused);
        world.accepts(&["main"]);
    }
    mended(&with_a_second_key("", &keys::public_ssh(BOB_SSH)), &["main"], "key-revoked");
}

#[test]
fn no_key_helps_whoever_left() {
    let entry = "[[signer]]\nid = 'alice'\nemails = ['alice@example.com']\nuntil = 2026-01-01\n";
    let world = with_a_second_key(entry, "");
    expect_no_command(&world.refuses(&["main"], &["key-retired"]));
}

/// Git asks for the signature as it asks `ssh-keygen`, and gets it from here: there is no such hardware.
#[test]
fn a_key_that_is_in_no_security_key() {
    let world = World::new();
    world.policy_for_main("signatures = { commits = \"all\", security-key = \"touch\" }");
    let mut lines = format!("alice@example.com {}\n", security_key::public());
    lines += &format!("alice@example.com {}\n", keys::public_ssh(ALICE_SSH));
    world.registry(&[("allowed_signers", &lines), ("openpgp/dave.asc", &keys::public_openpgp(DAVE_OPENPGP))]);
    let program = world.path("sign");
    let script = "#!/bin/sh\ncd \"${0%/*}\"\nfor last; do :; done\ncp \"$last\" asked.part && mv asked.part asked\n\
                  until [ -e signed ]; do sleep 0.01; done\nmv signed \"$last.sig\"\n";
    fs::write(&program, script).unwrap();
    set_mode(&program, 0o755);
    let token = world.path("token.pub");
    fs::write(&token, security_key::public()).unwrap();
    for (number, key) in [ALICE_SSH, DAVE_OPENPGP].into_iter().enumerate() {
        world.work_as(key);
        world.git(&["config", "gpg.ssh.program", "ssh-keygen"]);
        signed_commit(&world, &format!("Change {number}"));
        let refused = world.refuses(&["main"], &["security-key"]);
        world.git(&["config", "gpg.ssh.program", program.to_str().unwrap()]);
        thread::scope(|scope| {
            scope.spawn(|| {
                let asked = world.path("asked");
                while !asked.exists() {
                    thread::yield_now();
                }
                let signature = security_key::sign(security_key::TOUCHED, &fs::read(&asked).unwrap());
                fs::remove_file(asked).unwrap();
                fs::write(world.path("signed.part"), signature).unwrap();
                fs::rename(world.path("signed.part"), world.path("signed")).unwrap();
            });
            follow_with(&world, &refused, token.to_str().unwrap());
        });
        world.accepts(&["main"]);
    }
}

#[test]
fn a_signature_dated_ahead_of_the_clock() {
    let world = started();
    world.work_as(DAVE_OPENPGP);
    let base = world.git(&["rev-parse", "HEAD"]);
    let mut commit = Commit::new(&world, &[&base], "From the future");
    change(&world, "Future");
    commit.tree = world.git(&["write-tree"]);
    let armor = keys::sign_at(DAVE_OPENPGP, "20900101T000000", &commit.payload());
    let id = objects::write(&world, "commit", &commit.with(&signature_header(&world, &armor)));
    world.git(&["reset", "-q", "--hard", &id]);
    mended(&world, &["main"], "signature-in-future");
}

#[test]
fn a_commit_that_changes_nothing() {
    let world = started();
    world.git(&["commit", "-q", "--allow-empty", "-m", "Trigger the build"]);
    mended(&world, &["main"], "unsigned");
    let world = World::with_signed_main();
    world.git(&["commit", "-q", "--allow-empty", "-m", "Begin"]);
    mended(&world, &["main"], "unsigned");
}

#[test]
fn a_force_push() {
    let world = started();
    signed_commit(&world, "Theirs");
    world.accepts(&["main"]);
    world.git(&["reset", "-q", "--hard", "HEAD~1"]);
    signed_commit(&world, "Mine");
    mended(&world, &["+main"], "force-push");
    assert_eq!(world.git(&["rev-list", "--count", "main"]), "3");
}

#[test]
fn a_force_push_of_what_is_no_branch_is_not_to_be_pulled() {
    let world = World::new();
    world.policy("version = 1\nunmatched-refs = \"accept\"\n[[rule]]\nname = \"notes\"\nrefs = [\"refs/notes/*\"]\n");
    let (one, other) = (objects::unsigned(&world, &[], "one"), objects::unsigned(&world, &[], "other"));
    world.accepts(&[&format!("{one}:refs/notes/commits")]);
    expect_no_command(&world.refuses(&[&format!("+{other}:refs/notes/commits")], &["force-push"]));
    world.accepts(&[&format!("{}:refs/notes/commits", objects::unsigned(&world, &[&one], "next"))]);
}

fn tagging(rule: &str) -> World {
    let world = World::new();
    world.policy_for_tags(rule);
    commit(&world, "Release");
    world
}

#[test]
fn an_unsigned_tag() {
    let world = tagging("tags = { signed = true }");
    world.git(&["tag", "-a", "-m", "Release", "v1"]);
    mended(&world, &["v1"], "unsigned");
}

#[test]
fn an_unsigned_tag_that_moves_where_it_may() {
    let world = tagging("tags = { signed = true }\nupdates = { force-push = true }");
    world.git(&["tag", "-s", "-m", "Release", "v1"]);
    world.accepts(&["v1"]);
    world.git(&["tag", "-f", "-a", "-m", "Another", "v1"]);
    mended(&world, &["+v1"], "unsigned");
}

#[test]
fn a_lightweight_tag() {
    for rule in ["tags = { signed = true }", "tags = { annotated = true }"] {
        let world = tagging(rule);
        world.git(&["tag", "v1"]);
        mended(&world, &["v1"], "not-annotated");
    }
}

#[test]
fn a_tag_under_another_name() {
    let world = tagging("tags = { signed = true }");
    world.git(&["tag", "-s", "-m", "Release", "v1"]);
    let refused = world.refuses(&["v1:refs/tags/v2"], &["tag-name"]);
    follow(&world, &refused);
    world.accepts(&["v2"]);
    // Also where the client has it under that name.
    world.git(&["update-ref", "refs/tags/v3", "v1"]);
    let refused = world.refuses(&["v3"], &["tag-name"]);
    follow(&world, &refused);
    world.accepts(&["v3"]);
}

#[test]
fn a_tag_by_a_key_that_nobody_registered() {
    let world = tagging("tags = { signed = true }");
    world.git(&["config", "user.signingkey", &keys::signing_key(MALLORY_SSH)]);
    world.git(&["tag", "-s", "-m", "Release", "v1"]);
    mended(&world, &["v1"], "unknown-key");
}

#[test]
fn a_tag_of_an_unsigned_commit() {
    let world = tagging("signatures = { commits = \"all\" }");
    world.git(&["tag", "-a", "-m", "Release", "v1"]);
    mended(&world, &["v1"], "unsigned");
}

#[test]
fn a_tag_of_a_commit_that_is_elsewhere() {
    let world = tagging("tags = { annotated = true, on = [\"refs/heads/main\"] }");
    world.git(&["tag", "-a", "-m", "Release", "v1"]);
    let refused = world.refuses(&["v1"], &["tag-not-on"]);
    assert!(refused.hints().iter().any(|hint| hint.contains("push the commit there first")), "{}", refused.told());
    world.accepts(&["main"]);
    world.accepts(&["v1"]);
}

#[test]
fn a_tag_moved_has_no_command_that_moves_it() {
    let world = tagging("tags = { annotated = true }");
    world.git(&["tag", "-a", "-m", "Release", "v1"]);
    world.accepts(&["v1"]);
    world.git(&["tag", "-f", "-a", "-m", "Another", "v1"]);
    expect_no_command(&world.refuses(&["+v1"], &["tag-moved"]));
    world.git(&["tag", "-a", "-m", "Another", "v2"]);
    world.accepts(&["v2"]);
}

/// One file, and what it holds, in one more commit.
fn commit_file(world: &World, path: &str, content: &str) {
    fs::write(world.clone_path().join(path), content).unwrap();
    world.git(&["add", "--all"]);
    world.git(&["commit", "-q", "-m", &format!("Write {path}")]);
}

#[test]
fn a_file_that_may_not_be_there_or_not_be_so_large() {
    let large = "x".repeat(20);
    for (path, entry, reason) in [
        ("server key.pem", "forbid = true", "path-forbidden"),
        ("server's.pem", "forbid = true", "path-forbidden"),
        ("large.pem", "max-size = \"10 B\"", "path-too-large"),
    ] {
        let world = World::new();
        world.policy_for_main(&format!("paths = [{{ match = [\"*.pem\"], {entry} }}]"));
        // As the first commit, and beside what may stay.
        commit_file(&world, path, &large);
        mended(&world, &["main"], reason);
        world.git(&["reset", "-q", "--hard"]);
        fs::write(world.clone_path().join("notes"), "mine").unwrap();
        commit_file(&world, path, &large);
        mended(&world, &["main"], reason);
        assert_eq!(world.git(&["ls-tree", "--name-only", "HEAD"]), "notes");
    }
}

#[test]
fn a_file_that_was_there_and_may_not_be_changed() {
    for (entry, reason) in [("forbid = true", "path-forbidden"), ("max-size = \"10 B\"", "path-too-large")] {
        let world = World::new();
        world.policy_for_main("");
        commit_file(&world, "key.pem", "old");
        world.accepts(&["main"]);
        world.policy_for_main(&format!(
            "signatures = {{ commits = \"all\" }}\npaths = [{{ match = [\"*.pem\"], {entry} }}]"
        ));
        world.git(&["config", "commit.gpgsign", "true"]);
        commit_file(&world, "key.pem", &"new".repeat(9));
        mended(&world, &["main"], reason);
        assert_eq!(world.git(&["show", "HEAD:key.pem"]), "old");
    }
}

#[test]
fn a_protected_path_in_an_unsigned_commit() {
    let world = World::new();
    world.policy_for_main("paths = [{ match = [\"infra\"], by = [\"alice@example.com\"] }]");
    commit_file(&world, "infra", "mine");
    mended(&world, &["main"], "path-not-allowed");
    world.work_as(BOB_SSH);
    commit_file(&world, "infra", "Bob's");
    world.git(&["commit", "-q", "--amend", "--no-edit", "-S"]);
    let refused = world.refuses(&["main"], &["path-not-allowed"]);
    assert_eq!(refused.hints(), ["have this change made and signed by `alice@example.com`"]);
}

#[test]
fn a_large_file_below_the_tip_has_no_command() {
    let world = World::new();
    world.policy_for_main("paths = [{ match = [\"**\"], max-size = \"10 B\" }]");
    commit_file(&world, "large", &"x".repeat(20));
    world.git(&["rm", "-q", "large"]);
    world.git(&["commit", "-q", "-m", "Remove it"]);
    let refused = world.refuses(&["main"], &["path-too-large"]);
    expect_no_command(&refused);
    assert!(refused.hints().iter().any(|hint| hint.contains("one on top that undoes it")), "{}", refused.told());
    world.git(&[
        "rebase",
        "-q",
        "--root",
        "--exec",
        "git rm -q --cached --ignore-unmatch large && git commit -q --amend --no-edit --allow-empty",
    ]);
    world.accepts(&["main"]);
}

#[test]
fn a_replacement_ref() {
    let world = started();
    signed_commit(&world, "Next");
    world.git(&["replace", "HEAD~1", "HEAD"]);
    let refused = world.refuses(&["main", "refs/replace/*"], &["replace-ref"]);
    assert!(refused.hints().iter().any(|hint| hint.contains("leave it out of the push")), "{}", refused.told());
    expect_no_command(&refused);
    world.accepts(&["main"]);
}

#[test]
fn a_shallow_clone() {
    let world = World::with_signed_main();
    world.git_in(&world.server(), &["config", "receive.shallowUpdate", "true"]);
    for message in ["Root", "Two", "Three"] {
        signed_commit(&world, message);
    }
    let (clone, upstream) = (world.clone_path(), world.path("upstream.git"));
    fs::rename(clone.join(".git"), &upstream).unwrap();
    fs::remove_dir_all(&clone).unwrap();
    let url = format!("file://{}", upstream.display());
    world.git_in(&world.path("home"), &["clone", "-q", "--depth=1", &url, clone.to_str().unwrap()]);
    world.work_as(ALICE_SSH);
    signed_commit(&world, "On top");
    let refused = world.refuses_in_words(&["main"], &["shallow"]);
    follow(&world, &refused);
    world.accepts(&["main"]);
}

/// A clone whose `main` is on the server, under a rule that signs nothing.
fn under(rule: &str) -> World {
    let world = World::new();
    world.policy_for_main(rule);
    world
}

/// Follows the hints with an editor that writes this message, and an email where one is to be set.
#[track_caller]
fn mended_by(world: &World, message: &str, reason: &str) {
    let refused = world.refuses(&["main"], &[reason]);
    let commands: Vec<String> = refused.hints().iter().filter_map(|hint| command_of(hint)).map(str::to_owned).collect();
    assert!(!commands.is_empty(), "{}", refused.told());
    for command in commands {
        let mut shell = world.command("sh", &world.clone_path());
        shell.env("GIT_SEQUENCE_EDITOR", "sed -i s/^pick/reword/");
        shell.env("GIT_EDITOR", format!("sh -c 'echo \"{message}\" >\"$1\"' -"));
        shell.args(["-e", "-c", &command.replace(" EMAIL ", " alice@example.com ").replace(" TAG", " v1")]);
        run_well(shell, b"");
    }
    world.accepts(&["main"]);
}

#[test]
fn messages_that_do_not_match() {
    for (rule, reason) in [("require = ['UP-\\d']", "message-missing"), ("forbid = ['Mine|Two']", "message-forbidden")]
    {
        for signed in ["", "\nsignatures = { commits = \"all\" }"] {
            let world = under(&format!("messages = {{ {rule} }}{signed}"));
            for message in ["Mine", "Two"] {
                signed_commit(&world, message);
                if message == "Mine" && reason == "message-missing" {
                    mended_by(&world, "UP-1", reason);
                }
            }
            mended_by(&world, "UP-2", reason);
        }
    }
}

#[test]
fn commits_that_are_not_signed_off() {
    for count in [1, 3] {
        let world = under("messages = { sign-off = \"author\" }\nsignatures = { commits = \"all\" }");
        (0..count).for_each(|number| signed_commit(&world, &format!("Number {number}")));
        mended_by(&world, "", "sign-off");
        assert_eq!(world.git(&["rev-list", "--count", "main"]), count.to_string());
    }
}

#[test]
fn commits_under_another_email() {
    for (rule, reason) in [
        ("author = \"registered\"", "identity-unregistered"),
        ("author = \"signer\"", "identity-signer"),
        ("committer = \"registered\"", "identity-unregistered"),
        ("committer = \"signer\"", "identity-signer"),
    ] {
        for count in [1, 2] {
            let world = under(&format!("identity = {{ {rule} }}"));
            world.git(&["config", "user.email", "alice@elsewhere.example"]);
            (0..count).for_each(|number| signed_commit(&world, &format!("Number {number}")));
            mended_by(&world, "", reason);
        }
    }
}

#[test]
fn commits_without_a_signer() {
    let world = under("identity = { committer = \"signer\" }");
    commit(&world, "Mine");
    mended_by(&world, "", "identity-unsigned");
}

#[test]
fn a_merge_where_none_may_come_in() {
    let world = under("history = { merges = \"forbid\" }");
    commit(&world, "Root");
    world.accepts(&["main"]);
    world.git(&["checkout", "-q", "-b", "side"]);
    commit(&world, "Side");
    world.git(&["checkout", "-q", "main"]);
    commit(&world, "Main");
    world.git(&["merge", "-q", "--no-ff", "-m", "Merge", "side"]);
    mended_by(&world, "", "merge");
    assert_eq!(world.git(&["rev-list", "--count", "main"]), "3");
}

#[test]
fn a_commit_where_merges_must_come_in() {
    let world = under("history = { merges = \"require\" }\nsignatures = { commits = \"merges\" }");
    signed_commit(&world, "Root");
    world.accepts(&["main"]);
    signed_commit(&world, "Mine");
    mended_by(&world, "", "not-a-merge");
}

#[test]
fn a_merge_of_what_bears_no_tag() {
    let world = under("signatures = { commits = \"tip\", merge-tags = { required = true } }");
    signed_commit(&world, "Root");
    world.accepts(&["main"]);
    world.git(&["checkout", "-q", "-b", "side"]);
    commit(&world, "Side");
    world.git(&["tag", "-s", "-m", "Pull", "v1"]);
    world.git(&["checkout", "-q", "main"]);
    world.git(&["merge", "-q", "--no-ff", "-S", "-m", "Merge", "side"]);
    mended_by(&world, "", "merge-tag");
}

/// A server that asks for signed pushes to `main`, and a commit to push.
fn asked_for_signed_pushes() -> World {
    let world = World::new();
    world.git_in(&world.server(), &["config", "receive.certNonceSeed", "a secret"]);
    world.policy_for_main("pusher = { by = [\"alice@example.com\"], certificate = \"required\" }");
    commit(&world, "Root");
    world
}

#[test]
fn a_push_that_has_to_be_signed() {
    let world = asked_for_signed_pushes();
    let refused = world.refuses_in_words(&["main"], &["no-push-certificate", "pusher"]);
    follow(&world, &refused);
    assert_eq!(world.refs()["refs/heads/main"], world.git(&["rev-parse", "main"]));
}

#[test]
fn a_deletion_that_has_to_be_signed() {
    let world = asked_for_signed_pushes();
    world.push_with(&["--signed"], &["main"]).expect_accepted();
    world.policy_for_main("updates = { delete = true }\npusher = { certificate = \"required\" }");
    let refused = world.refuses_in_words(&[":main"], &["no-push-certificate"]);
    follow(&world, &refused);
    assert!(world.refs().is_empty());
}

#[test]
fn a_push_signed_by_a_key_that_does_not_count() {
    let world = asked_for_signed_pushes();
    world.git(&["config", "user.signingkey", &keys::signing_key(MALLORY_SSH)]);
    let refused = world.push_with(&["--signed"], &["main"]);
    world.was_refused(&refused, &["push-certificate"]);
    assert!(!refused.told().contains("and it is not"), "it is signed: {}", refused.told());
    follow(&world, &refused);
    world.push_with(&["--signed"], &["main"]).expect_accepted();
}
