//! Declared emergencies: replayed, forged, for another ref, by others, and what they vouch for before somebody reviewed them.

use super::two_people::*;
use crate::support::{
    Pushed, World,
    keys::*,
    objects::{self, Commit, signature_header},
    run, set_mode,
};
use countersign::{
    git::{Quarantine, Repository},
    policy::Verdict,
    push::{Change, Evidence, ObjectId, Push, RefName, RefUpdate, Timestamp},
    run::{Case, Setup, judge},
    trusted::TrustedFiles,
};
use serde_json::Value;
use std::{fs, thread, time::Duration};

/// Alice and Dave may declare one; anybody else reviews it.
const BREAK: &str = "review = [ { approvals = 1 } ]\n\
                     emergency = { by = [\"alice\", \"dave\"], waives = [\"review\", \"updates\"], review-by = [\"*\"] }";

/// What the hint begins with that says how one is declared.
const BREAK_GLASS: &str = "in an emergency, with TICKET and REASON filled in: ";

/// The record that a refusal or a waiver names.
fn record(pushed: &Pushed) -> u64 {
    let told = pushed.told();
    let (_, rest) = told.split_once("(record ").unwrap_or_else(|| panic!("{told}"));
    rest.split(')').next().unwrap().parse().unwrap()
}

/// What the owner of the key pushes to review the emergency of a record.
fn review(server: &Server, key: &str, name: &str, commit: &str, record: u64) -> String {
    server.approval_that_says(key, name, commit, &format!("Looks fine\n\nSettles: {record}"))
}

/// A commit of Alice's with a file of its own.
fn change(server: &Server, parents: &[&str], name: &str) -> String {
    let blob = objects::write(&server.world, "blob", name.as_bytes());
    let mut mktree = server.world.command("git", &server.world.clone_path());
    mktree.arg("mktree");
    let mut commit = Commit::new(&server.world, parents, name);
    commit.tree = crate::support::run_well(mktree, format!("100644 blob {blob}\t{name}\n").as_bytes());
    commit.unsigned(&server.world)
}

#[test]
fn a_signed_emergency_tip_pushed_again() {
    let server = Server::new(BREAK);
    let broken = server.emergency(ALICE_SSH, &[&server.root], MAIN);
    server.refuses("alice", &[&to(&broken, RELEASE)], &["emergency-ref", "review"]);
    server.refuses("dave", &[&to(&broken, MAIN)], &["emergency-pusher", "review"]);
    server.waives("alice", &[&to(&broken, MAIN)], &["review"]);
    let back = server.emergency_tag(ALICE_SSH, &server.root, MAIN, "INC-42");
    let rollback = format!("+{}", to(&server.root, MAIN));
    server.refuses("alice", &[&rollback], &["force-push"]);
    server.waives("alice", &[&rollback, &back], &["force-push"]);
    for account in ["alice", ""] {
        server.refuses(account, &[&to(&broken, MAIN)], &["emergency-used", "review"]);
    }
    let again = server.commit_that_says(ALICE_SSH, &[&server.root], &declaration("INC-43", MAIN));
    server.waives("alice", &[&to(&again, MAIN)], &["review"]);
    // The tag is used up as well.
    server.refuses("alice", &[&rollback], &["emergency-used", "force-push"]);
}

/// The same text under the same signature, in another armor: another commit, and nothing that Dave declared anew.
#[test]
fn a_signed_emergency_tip_whose_armor_is_laid_out_anew() {
    let server = Server::new(BREAK);
    let commit = Commit::new(&server.world, &[&server.root], &declaration("INC-42", MAIN)).by(DAVE);
    let armor = sign(DAVE_OPENPGP, &commit.payload());
    let write =
        |armor: &str| objects::write(&server.world, "commit", &commit.with(&signature_header(&server.world, armor)));
    let first = write(&armor);
    let again = write(&armor.replacen("\n\n", "\nComment: again\n\n", 1));
    assert_ne!(first, again);
    server.waives("dave", &[&to(&first, MAIN)], &["review"]);
    let back = server.emergency_tag(DAVE_OPENPGP, &server.root, MAIN, "INC-42");
    server.waives("dave", &[&format!("+{}", to(&server.root, MAIN)), &back], &["force-push"]);
    for account in ["dave", ""] {
        server.refuses(account, &[&to(&again, MAIN)], &["emergency-used", "review"]);
    }
}

#[test]
fn what_is_no_declaration() {
    let server = Server::new(BREAK);
    let says = |message: &str| server.commit_that_says(ALICE_SSH, &[&server.root], message);
    let (emergency, name) = ("Emergency: INC-42 the site is down", format!("Emergency-Ref: {MAIN}"));
    for message in [
        format!("Break glass\n\n{emergency}"),
        format!("Break glass\n\n{name}"),
        format!("Break glass\n\n{emergency}\n{emergency}\n{name}"),
        format!("Break glass\n\n{emergency}\n{name}\n{name}"),
        format!("Break glass\n\nEmergency: INC-42\n{name}"),
        format!("Break glass\n\n{emergency}\nEmergency-Ref: main"),
    ] {
        server.refuses("alice", &[&to(&says(&message), MAIN)], &["emergency-form", "review"]);
    }
    // Neither words elsewhere in the message, nor those of a commit below the tip.
    let good = format!("Break glass\n\n{emergency}\n{name}");
    let below = server.commit(&[&says(&good)], "on top");
    for tip in [says(&format!("{emergency}\n{name}")), says(&format!("{good}\n\nThat is all")), below] {
        server.refuses("alice", &[&to(&tip, MAIN)], &["review"]);
    }
    server.waives("alice", &[&to(&says(&good), MAIN)], &["review"]);
}

#[test]
fn a_declaration_that_is_not_signed_as_it_must_be() {
    let server = Server::new(&BREAK.replace("\"dave\"]", "\"dave\", \"erin\", \"carol@example.com\"]"));
    let path = server.world.registry_path().join("openpgp/carol.asc");
    fs::write(&path, public_openpgp(CAROL_EXPIRED)).unwrap();
    let commit = Commit::new(&server.world, &[&server.root], &declaration("INC-42", MAIN));
    let with =
        |armor: &str| objects::write(&server.world, "commit", &commit.with(&signature_header(&server.world, armor)));
    let payload = commit.payload();
    for armor in [
        sign(MALLORY_SSH, &payload),
        sign_at(CAROL_EXPIRED, "20200601T000000", &payload),
        sign_weakly(ERIN_OPENPGP, &payload),
        sign(ALICE_SSH, b"something else"),
        sign_in_namespace(ALICE_SSH, "file", &payload),
    ] {
        server.refuses("", &[&to(&with(&armor), MAIN)], &["emergency-signature", "review"]);
    }
    server.refuses("alice", &[&to(&commit.unsigned(&server.world), MAIN)], &["emergency-unsigned", "review"]);
    server.refuses("bob", &[&to(&with(&sign(BOB_SSH, &payload)), MAIN)], &["emergency-not-allowed", "review"]);
    // Where it is not known who pushes, who signed it declares it.
    server.waives("", &[&to(&with(&sign(ALICE_SSH, &payload)), MAIN)], &["review"]);
}

#[test]
fn a_ticket_that_is_only_like_one() {
    let server = Server::new(&BREAK.replace("waives", "ticket = 'INC-\\d+|URGENT', waives"));
    for ticket in ["INC-", "INC-42a", "xINC-42", "URGENTLY", "inc-42"] {
        let tip = server.commit_that_says(ALICE_SSH, &[&server.root], &declaration(ticket, MAIN));
        server.refuses("alice", &[&to(&tip, MAIN)], &["emergency-ticket", "review"]);
    }
    let tip = server.commit_that_says(ALICE_SSH, &[&server.root], &declaration("URGENT", MAIN));
    server.waives("alice", &[&to(&tip, MAIN)], &["review"]);
}

#[test]
fn what_is_never_waived() {
    let all = "\"signatures\", \"identity\", \"updates\", \"history\", \"messages\", \"paths\", \"tags\", \"pusher\", \"review\"";
    let server = Server::new(&format!(
        "signatures = {{ commits = \"all\" }}\nreview = [ {{ approvals = 1 }} ]\n\
         emergency = {{ by = [\"alice\"], waives = [{all}] }}"
    ));
    let world = &server.world;
    let lower = Commit::new(world, &[&server.root], "lower");
    let armor = sign(ALICE_SSH, &lower.payload());
    let signed = signature_header(world, &armor);
    let write = |bytes: &[u8]| objects::write(world, "commit", bytes);
    let declared = |lower: &str| server.emergency(ALICE_SSH, &[lower], MAIN);
    for (lower, reason) in [
        (write(&lower.with(&signature_header(world, &sign_weakly(ERIN_OPENPGP, &lower.payload())))), "weak"),
        (
            write(&lower.with(&signature_header(world, &sign_in_namespace(ALICE_SSH, "file", &lower.payload())))),
            "malformed",
        ),
        (write(&lower.with(&(signed.clone() + &signed))), "ambiguous"),
        (write(&lower.with(&format!("gpgsig-other x\n{signed}"))), "malformed-object"),
    ] {
        server.refuses("alice", &[&to(&declared(&lower), MAIN)], &[reason]);
    }
    let lower = server.commit(&[&server.root], "not signed");
    server.waives("alice", &[&to(&declared(&lower), MAIN)], &["review", "unsigned"]);
}

/// It waives what the policy says, of the rule that says it.
#[test]
fn what_another_rule_or_kind_asks() {
    let rules = |waives: &str, more: &str| {
        policy(&format!(
            "{REVIEW}\nupdates = {{ create = false }}\nemergency = {{ by = [\"alice\"], waives = [{waives}] }}"
        )) + &format!(
            "[[rule]]\nname = \"other\"\nrefs = [\"refs/heads/release/**\"]\nmessages = {{ forbid = ['Break'] }}\n{more}"
        )
    };
    let server = Server::new("");
    let tip = server.emergency(ALICE_SSH, &[&server.root], RELEASE);
    server.world.policy(&rules("\"review\"", ""));
    server.refuses("alice", &[&to(&tip, RELEASE)], &["create", "message-forbidden"]);
    server.world.policy(&rules("\"review\", \"updates\"", ""));
    server.refuses("alice", &[&to(&tip, RELEASE)], &["message-forbidden"]);
    server.world.policy(&rules("\"review\", \"updates\"", "emergency = { by = [\"alice\"], waives = [\"messages\"] }"));
    server.waives("alice", &[&to(&tip, RELEASE)], &["create", "message-forbidden", "review"]);
}

#[test]
fn an_emergency_on_a_release_and_then_a_fast_forward_of_main() {
    let server = Server::new(BREAK);
    let broken = server.emergency(ALICE_SSH, &[&change(&server, &[&server.root], "quick")], RELEASE);
    let declared = record(&server.waives("alice", &[&to(&broken, RELEASE)], &["review"]));
    let tip = server.commit_by(DAVE, &[&broken], "on top");
    server.approve(ALICE_SSH, MAIN, &tip);
    for account in ["alice", "bob"] {
        server.refuses(account, &[&to(&broken, MAIN)], &["emergency-ref", "review"]);
        let told = server.refuses(account, &[&to(&tip, MAIN)], &["review"]).told();
        assert!(told.contains("not counted, for a hand in it: `alice`"), "{told}");
    }
    // A review of it for `main` is none of the release.
    server.approve(BOB_SSH, MAIN, &broken);
    server.refuses("bob", &[&to(&tip, MAIN)], &["review"]);
    server.accepts("bob", &[&review(&server, BOB_SSH, RELEASE, &broken, declared)]);
    // Reviewed, it vouches: what is on top is Dave's alone, and Alice has approved that.
    server.accepts("dave", &[&to(&tip, MAIN)]);
}

#[test]
fn ordinary_pushes_on_top_of_an_emergency_that_nobody_reviewed() {
    let server = Server::new(BREAK);
    let broken = server.emergency(ALICE_SSH, &[&server.root], RELEASE);
    let declared = record(&server.waives("alice", &[&to(&broken, RELEASE)], &["review"]));
    let mut tip = broken.clone();
    for number in 0..2 {
        tip = server.commit_by(DAVE, &[&tip], &format!("reviewed {number}"));
        server.approve(BOB_SSH, RELEASE, &tip);
        server.accepts("dave", &[&to(&tip, RELEASE)]);
        server.refuses("dave", &[&to(&tip, MAIN)], &["review"]);
        server.refuses("dave", &[&to(&tip, "refs/heads/release/2")], &["review"]);
    }
    server.accepts("bob", &[&review(&server, BOB_SSH, RELEASE, &broken, declared)]);
    server.accepts("dave", &[&to(&tip, MAIN)]);
    server.accepts("dave", &[&to(&tip, "refs/heads/release/2")]);
}

/// Who had a hand in it, by whatever key, and who may not review it, settle nothing; nor does an approval of something else.
#[test]
fn a_review_by_those_who_may_not() {
    let server = Server::new(&BREAK.replace("[\"*\"]", "[\"alice\", \"bob\", \"dave\"]"));
    server.also_signs("alice@example.com", MALLORY_SSH);
    let lower = server.commit_by("B <bob@old.example>", &[&server.root], "by Bob");
    let broken = server.emergency(ALICE_SSH, &[&lower], MAIN);
    let declared = record(&server.waives("alice", &[&to(&broken, MAIN)], &["review"]));
    let name = format!("approvals/{MAIN}/{broken}/alice");
    let said = format!("Fine\n\nSettles: {declared}");
    let by_alice = format!("{}:refs/{name}", server.tag(MALLORY_SSH, (&broken, "commit"), &name, &said));
    for (account, approval) in [
        ("alice", review(&server, ALICE_SSH, MAIN, &broken, declared)),
        ("alice", by_alice),
        ("bob", review(&server, BOB_SSH, MAIN, &broken, declared)),
        ("erin", review(&server, ERIN_OPENPGP, MAIN, &broken, declared)),
        ("dave", review(&server, DAVE_OPENPGP, RELEASE, &broken, declared)),
        ("dave", review(&server, DAVE_OPENPGP, MAIN, &lower, declared)),
        ("dave", review(&server, DAVE_OPENPGP, MAIN, &broken, declared + 1)),
        ("dave", server.approval_that_says(DAVE_OPENPGP, MAIN, &broken, "Fine\n\nSettles: all")),
        ("dave", server.approval_that_says(DAVE_OPENPGP, MAIN, &broken, &format!("{said}\nSettles: {declared}"))),
    ] {
        server.refuses(account, &[&approval], &["approval-settles"]);
    }
    // They may approve it, and that settles nothing: what `main` holds is still brought to the release.
    server.approve(BOB_SSH, MAIN, &broken);
    server.approve(ERIN_OPENPGP, MAIN, &broken);
    server.refuses("alice", &[&to(&broken, RELEASE)], &["emergency-ref", "review"]);
    let pushed = server.accepts("dave", &[&review(&server, DAVE_OPENPGP, MAIN, &broken, declared)]);
    assert!(pushed.told().contains(&format!("record {declared} owes no review any more")), "{}", pushed.told());
    server.accepts("alice", &[&to(&broken, RELEASE)]);
}

#[test]
fn a_rollback_and_a_deletion_that_a_tag_declares() {
    let server = Server::new(BREAK);
    let tip = server.commit(&[&server.root], "fix");
    server.approve(BOB_SSH, MAIN, &tip);
    server.accepts("alice", &[&to(&tip, MAIN)]);
    let rollback = format!("+{}", to(&server.root, MAIN));
    let tag = |key, commit: &str, name, ticket| server.emergency_tag(key, commit, name, ticket);
    let name = |ticket: &str| format!("refs/emergencies/{ticket}/1");
    // Of another commit; of another ref; by one who may not; taken away by the same push.
    server.refuses("alice", &[&rollback, &tag(ALICE_SSH, &tip, MAIN, "A")], &["force-push"]);
    server.refuses(
        "alice",
        &[&rollback, &tag(ALICE_SSH, &server.root, RELEASE, "B")],
        &["emergency-ref", "force-push"],
    );
    server.refuses(
        "bob",
        &[&rollback, &tag(BOB_SSH, &server.root, MAIN, "C")],
        &["emergency-not-allowed", "force-push"],
    );
    let good = tag(ALICE_SSH, &server.root, MAIN, "D");
    server.accepts("bob", &[&good]);
    server.refuses("dave", &[&rollback], &["emergency-pusher", "force-push"]);
    server.refuses("alice", &[&rollback, &format!(":{}", name("D"))], &["force-push"]);
    server.waives("alice", &[&rollback], &["force-push"]);
    // It has to name the value that is deleted.
    let deletion = format!(":{MAIN}");
    server.refuses("alice", &[&deletion], &["delete", "emergency-used"]);
    server.refuses("alice", &[&deletion, &tag(ALICE_SSH, &tip, MAIN, "E")], &["delete", "emergency-used"]);
    server.waives("alice", &[&deletion, &tag(ALICE_SSH, &server.root, MAIN, "F")], &["delete"]);
    assert!(!server.world.refs().contains_key(MAIN));
}

#[test]
fn a_tag_that_declares_and_is_not_as_it_must_be() {
    let server = Server::new(BREAK);
    server.world.policy(&policy(BREAK).replace("unmatched-refs = \"accept\"", "unmatched-refs = \"refuse\""));
    let (world, root) = (&server.world, server.root.as_str());
    let (name, said) = ("emergencies/INC-42/1", declaration("INC-42", MAIN));
    objects::write(world, "tree", b"");
    let good = server.tag(ALICE_SSH, (root, "commit"), name, &said);
    for (tag, reason) in [
        (server.tag(ALICE_SSH, (root, "commit"), "emergencies/INC-42/2", &said), "emergency-tag"),
        (server.tag(ALICE_SSH, (root, "commit"), name, &declaration("INC-43", MAIN)), "emergency-tag"),
        (server.tag(ALICE_SSH, (root, "commit"), name, "Release"), "emergency-tag"),
        (server.tag(ALICE_SSH, (world.empty_tree(), "tree"), name, &said), "emergency-tag"),
        (server.tag(ALICE_SSH, (&good, "tag"), name, &said), "emergency-tag"),
        (root.to_owned(), "emergency-tag"),
        (objects::unsigned_tag(world, root, "commit", name), "emergency-tag"),
        (server.tag(MALLORY_SSH, (root, "commit"), name, &said), "unknown-key"),
    ] {
        server.refuses("alice", &[&format!("{tag}:refs/{name}")], &[reason]);
    }
    let unsigned =
        format!("object {root}\ntype commit\ntag {name}\ntagger {} 1700000000 +0000\n\n{said}\n", objects::ALICE);
    let unsigned = objects::write(world, "tag", unsigned.as_bytes());
    server.refuses("alice", &[&format!("{unsigned}:refs/{name}")], &["unsigned"]);
    server.accepts("alice", &[&format!("{good}:refs/{name}")]);
    // Nor is it moved, or taken away by others, or brought again by others.
    let again = server.tag(ALICE_SSH, (root, "commit"), name, &format!("{said}\nNote: again"));
    server.refuses("alice", &[&format!("+{again}:refs/{name}")], &["signed-tag-moved"]);
    server.refuses("dave", &[&format!(":refs/{name}")], &["signed-tag-deleted"]);
    server.accepts("alice", &[&format!(":refs/{name}")]);
    server.refuses("dave", &[&format!("{good}:refs/{name}")], &["signed-tag-withdrawn"]);
    server.accepts("alice", &[&format!("{good}:refs/{name}")]);
}

#[test]
fn dual_control_by_oneself() {
    let server = Server::new(
        "review = [ { approvals = 2 } ]\n\
         emergency = { by = [\"alice\", \"dave\"], waives = [\"review\"], approvals = 1, review-by = [\"bob\"] }",
    );
    let lower = server.commit_by(DAVE, &[&server.root], "by Dave");
    let his = server.emergency(ALICE_SSH, &[&lower], MAIN);
    let broken = server.emergency(ALICE_SSH, &[&server.root], MAIN);
    server.refuses("alice", &[&to(&broken, MAIN)], &["emergency-approvals", "review"]);
    // Who declares it, who may declare none, who had a hand in it, of another ref.
    server.approve(ALICE_SSH, MAIN, &broken);
    server.approve(ERIN_OPENPGP, MAIN, &broken);
    server.approve(DAVE_OPENPGP, MAIN, &his);
    server.approve(DAVE_OPENPGP, RELEASE, &broken);
    for tip in [&broken, &his] {
        server.refuses("alice", &[&to(tip, MAIN)], &["emergency-approvals", "review"]);
    }
    server.world.policy(&policy(
        "review = [ { approvals = 3 } ]\n\
         emergency = { by = [\"alice\", \"dave\"], waives = [\"review\"], approvals = 1, review-by = [\"bob\"] }",
    ));
    server.approve(DAVE_OPENPGP, MAIN, &broken);
    let pushed = server.waives("alice", &[&to(&broken, MAIN)], &["review"]);
    // Approved ahead by one who may not review it, it is to be reviewed all the same.
    assert!(pushed.told().contains("somebody else has to review it by "), "{}", pushed.told());
}

#[test]
fn who_has_an_overdue_review_declares_no_other_alone() {
    let lines = "review = [ { approvals = 2 } ]\n\
                 emergency = { by = [\"alice\", \"dave\"], waives = [\"review\"], review-within = \"1s\", review-by = [\"bob\"] }";
    let server = Server::new(lines);
    let first = server.emergency(ALICE_SSH, &[&server.root], MAIN);
    let declared = record(&server.waives("alice", &[&to(&first, MAIN)], &["review"]));
    thread::sleep(Duration::from_millis(2100));
    let second = server.commit_that_says(ALICE_SSH, &[&first], &declaration("INC-43", MAIN));
    let told = server.refuses("alice", &[&to(&second, MAIN)], &["emergency-overdue", "review"]).told();
    assert!(told.contains(&format!("was not reviewed in time: record {declared}\n")), "{told}");
    // Whoever it is of, and whichever ref it is for.
    let release = server.emergency(ALICE_SSH, &[&server.root], RELEASE);
    server.refuses("alice", &[&to(&release, RELEASE)], &["emergency-overdue", "review"]);
    let daves = server.emergency(DAVE_OPENPGP, &[&server.root], RELEASE);
    server.waives("dave", &[&to(&daves, RELEASE)], &["review"]);
    server.approve(ERIN_OPENPGP, MAIN, &second);
    server.refuses("alice", &[&to(&second, MAIN)], &["emergency-overdue", "review"]);
    server.world.policy(&policy(&lines.replace("approvals = 2", "approvals = 3")));
    server.approve(DAVE_OPENPGP, MAIN, &second);
    let declared_too = record(&server.waives("alice", &[&to(&second, MAIN)], &["review"]));
    // Late, but reviewed.
    server.accepts("bob", &[&review(&server, BOB_SSH, MAIN, &first, declared)]);
    server.accepts("bob", &[&review(&server, BOB_SSH, MAIN, &second, declared_too)]);
    let third = server.commit_that_says(ALICE_SSH, &[&second], &declaration("INC-44", MAIN));
    server.waives("alice", &[&to(&third, MAIN)], &["review"]);
}

#[test]
fn by_way_of_a_symbolic_ref() {
    let server = Server::new(BREAK);
    let alias = "refs/heads/release/latest";
    server.world.git_in(&server.world.server(), &["symbolic-ref", alias, MAIN]);
    let broken = server.emergency(ALICE_SSH, &[&server.root], alias);
    server.refuses("alice", &[&to(&broken, MAIN)], &["emergency-ref", "review"]);
    let pushed = server.waives("alice", &[&to(&broken, alias)], &["review"]);
    let tip = server.commit_by(DAVE, &[&broken], "reviewed");
    server.approve(BOB_SSH, MAIN, &tip);
    server.accepts("dave", &[&to(&tip, MAIN)]);
    server.refuses("dave", &[&to(&tip, RELEASE)], &["review"]);
    // As the pusher was told.
    server.accepts("bob", &[&review(&server, BOB_SSH, alias, &broken, record(&pushed))]);
    server.accepts("dave", &[&to(&tip, RELEASE)]);
}

#[test]
fn under_a_rule_that_only_warns() {
    let server = Server::new(&format!("{BREAK}\nmode = \"warn\""));
    let broken = server.emergency(ALICE_SSH, &[&server.root], RELEASE);
    let pushed = server.push("alice", &[&to(&broken, RELEASE)]);
    assert!(pushed.succeeded && !pushed.told().contains("is waived"), "{}", pushed.output);
    server.world.policy(&policy(BREAK));
    // It vouches for nothing, and used no declaration up.
    let tip = server.commit(&[&broken], "on top");
    server.approve(ALICE_SSH, MAIN, &tip);
    server.refuses("alice", &[&to(&tip, MAIN)], &["review"]);
    server.world.push_without_hook(&[&format!(":{RELEASE}")]);
    server.waives("alice", &[&to(&broken, RELEASE)], &["review"]);
}

#[test]
fn one_ref_at_a_time() {
    let server = Server::new(BREAK);
    let world = &server.world;
    fs::remove_file(world.server().join("hooks/pre-receive")).unwrap();
    let update = world.server().join("hooks/update");
    let script = format!(
        "#!/bin/sh\nexec '{}' hook update --policy '{}' \"$1\" \"$2\" \"$3\"\n",
        env!("CARGO_BIN_EXE_countersign"),
        world.policy_path().display()
    );
    fs::write(&update, script).unwrap();
    set_mode(&update, 0o755);
    let tip = server.commit(&[&server.root], "fix");
    let refused = server.push("alice", &[&to(&tip, MAIN)]);
    assert!(!refused.succeeded && refused.told().contains("it must be approved by "), "{}", refused.output);
    let forged = server.tag(ALICE_SSH, (&tip, "commit"), "v1.0", "Release");
    let refused = server.push("alice", &[&format!("{forged}:refs/approvals/{MAIN}/{tip}/alice")]);
    assert!(!refused.succeeded && refused.told().contains("calls itself `v1.0`"), "{}", refused.output);
    let pushed = server.push("bob", &[&server.approval(BOB_SSH, MAIN, &tip)]);
    assert!(pushed.succeeded, "{}", pushed.output);
    let pushed = server.push("alice", &[&to(&tip, MAIN)]);
    assert!(pushed.succeeded, "{}", pushed.output);
    let broken = server.emergency(ALICE_SSH, &[&tip], MAIN);
    let refused = server.push("dave", &[&to(&broken, MAIN)]);
    assert!(!refused.succeeded && refused.told().contains("and `dave` pushes it"), "{}", refused.output);
    let pushed = server.push("alice", &[&to(&broken, MAIN)]);
    assert!(pushed.succeeded && pushed.told().contains("` is waived (record "), "{}", pushed.output);
    server.world.git_in(&world.server(), &["update-ref", MAIN, &tip]);
    let refused = server.push("alice", &[&to(&broken, MAIN)]);
    assert!(!refused.succeeded && refused.told().contains("was used already"), "{}", refused.output);
}

#[test]
fn in_a_repository_with_sha256() {
    let server = Server::of(World::of_format("sha256"), BREAK);
    let broken = server.emergency(DAVE_OPENPGP, &[&server.root], MAIN);
    server.refuses("alice", &[&to(&broken, MAIN)], &["emergency-pusher", "review"]);
    let declared = record(&server.waives("dave", &[&to(&broken, MAIN)], &["review"]));
    let back = server.emergency_tag(DAVE_OPENPGP, &server.root, MAIN, "INC-42");
    server.waives("dave", &[&format!("+{}", to(&server.root, MAIN)), &back], &["force-push"]);
    server.refuses("dave", &[&to(&broken, MAIN)], &["emergency-used", "review"]);
    let pushed = server.accepts("bob", &[&review(&server, BOB_SSH, MAIN, &broken, declared)]);
    assert!(pushed.told().contains(&format!("record {declared} owes no review any more")), "{}", pushed.told());
}

/// Each has to be waived by itself, and each judges approvals by its own registry.
#[test]
fn under_two_policies() {
    let server = Server::new(BREAK);
    let world = &server.world;
    let broken = server.emergency(ALICE_SSH, &[&server.root], MAIN);
    let own = |lines: &str| {
        let path = world.path("policy/own.toml");
        fs::write(&path, policy(lines)).unwrap();
        set_mode(&path, 0o644);
        path
    };
    let judged = |lines: &str| {
        let trusted = TrustedFiles::new(&[]).unwrap();
        let setup = Setup { trusted: &trusted, zone: jiff::tz::TimeZone::UTC, keeps_index: false };
        let policies = [world.policy_path(), own(lines)].map(|path| setup.load(&path).unwrap());
        let repository = Repository::open(&world.clone_path().join(".git"), &Quarantine::default()).unwrap();
        let id = |hex: &str| ObjectId::from_hex(hex.as_bytes()).unwrap();
        let change = Change::Move { old: id(&server.root), new: id(&broken) };
        let push = Push { updates: vec![RefUpdate { name: RefName::new(MAIN.as_bytes()).unwrap(), change }] };
        let (evidence, now) = (Evidence::default(), Timestamp(1_800_000_000));
        let (repository, place) = (&repository, repository.git_dir());
        let case = Case {
            push: &push,
            evidence: &evidence,
            repository,
            policies: &policies,
            place,
            memory: None,
            now,
            is_pending: false,
        };
        judge(&case).unwrap().0
    };
    for (lines, waived) in [("", 1), (BREAK, 2)] {
        match judged(lines) {
            Verdict::Accepted(accepted) => assert_eq!(accepted.waivers().len(), waived, "{lines}"),
            Verdict::Refused(findings) => panic!("{lines}: {findings:?}"),
        }
    }
    for lines in [REVIEW, &BREAK.replace("\"alice\", \"dave\"", "\"dave\"")] {
        assert!(matches!(judged(lines), Verdict::Refused(_)), "{lines}");
    }
}

/// From the refusal to the proof that it was recorded: what each is told is what the next does.
#[test]
fn the_life_of_an_emergency() {
    let server = Server::new(
        "review = [ { approvals = 1 } ]\n\
         emergency = { by = [\"alice\", \"dave\"], waives = [\"review\"], ticket = 'INC-\\d+', review-within = \"1s\" }",
    );
    let world = &server.world;
    let commands = |account: &str, text: &str| {
        let mut shell = world.command("sh", &world.clone_path());
        shell.args(["-e", "-c", text]).env("GITEA_PUSHER_NAME", account);
        world.pushed_by(shell)
    };
    let fix = change(&server, &[&server.root], "fix");
    world.git(&["reset", "-q", "--hard", &fix]);
    let refused = server.refuses("alice", &[&to(&fix, MAIN)], &["review"]);
    let hint = refused.hints().into_iter().find_map(|hint| hint.strip_prefix(BREAK_GLASS).map(str::to_owned));
    let hint = hint.unwrap_or_else(|| panic!("{}", refused.told())).replace("TICKET REASON", "INC-42 the site is down");
    let pushed = commands("alice", &format!("{hint}\ngit push origin HEAD:{MAIN}"));
    server.was_waived(&pushed, &["review"]);
    let declared = record(&pushed);
    let tip = world.git(&["rev-parse", "HEAD"]);
    assert_eq!(world.refs()[MAIN], tip);
    let ask = format!(
        "ask one of them for: countersign approve {tip} --for {MAIN} --settles {declared} --over {}",
        server.root
    );
    assert!(pushed.hints().contains(&ask), "{}", pushed.told());

    // It is owed, and then overdue.
    server.refuses("dave", &[&to(&tip, RELEASE)], &["emergency-ref", "review"]);
    thread::sleep(Duration::from_millis(2100));
    let next = server.emergency(ALICE_SSH, &[&tip], MAIN);
    server.refuses("alice", &[&to(&next, MAIN)], &["emergency-overdue", "review"]);

    // Dave runs what Alice passed on.
    world.work_as(DAVE_OPENPGP);
    let program = env!("CARGO_BIN_EXE_countersign");
    let approve = ask.strip_prefix("ask one of them for: countersign ").unwrap();
    let approved = commands("dave", &format!("'{program}' {approve} --as dave --yes"));
    assert!(approved.succeeded, "{}", approved.output);
    let told = format!("record {declared} owes no review any more, of rule `shared`");
    assert!(approved.output.contains(&told), "{}", approved.output);
    server.accepts("dave", &[&to(&tip, RELEASE)]);

    // What is recorded says all of it, and anybody can check that it is.
    let path = |name: &str| world.path(name).to_str().unwrap().to_owned();
    let proven = |number: u64| -> Value {
        let mut command = world.command(program, &world.path(""));
        command.args(["ledger", "prove", &number.to_string(), "--ledger", &path("ledger")]);
        command.args(["--output", &path("proof"), "--record", &path("record")]);
        crate::support::run_well(command, b"");
        let mut script = world.command("python3", &world.path(""));
        script.arg(concat!(env!("CARGO_MANIFEST_DIR"), "/tests/verify_proof.py"));
        script.args([&path("proof"), &path("record"), &path("ledger/key.pub")]);
        let output = run(script, b"");
        let said = String::from_utf8(output.stdout).unwrap();
        assert!(said.starts_with(&format!("good: record {number} of ")), "{said}");
        serde_json::from_str(&fs::read_to_string(world.path("record")).unwrap()).unwrap()
    };
    let decision = proven(declared);
    let emergency = &decision["emergencies"][0];
    for (key, value) in [
        ("rule", Value::from("shared")),
        ("signer", "alice".into()),
        ("object", tip.as_str().into()),
        ("commit", tip.as_str().into()),
        ("form", "commit".into()),
        ("waived", vec!["review"].into()),
        ("excluded", vec!["alice"].into()),
        ("reviewers", vec!["alice", "dave"].into()),
        ("settled-by", Value::Array(Vec::new())),
    ] {
        assert_eq!(emergency[key], value, "{key}: {decision}");
    }
    assert_eq!((&decision["verdict"], &decision["paths"]["count"]), (&"accepted".into(), &1.into()), "{decision}");
    let settled = (declared + 1..).map(proven).find(|record| record.get("settles").is_some()).unwrap();
    assert_eq!(settled["settles"][0]["decision"], declared);
    assert_eq!(settled["settles"][0]["signer"], "dave");
    let name = format!("refs/approvals/{MAIN}/{tip}/dave");
    assert_eq!(settled["ref"], name.as_str());
}

#[test]
fn a_tag_that_is_pushed_and_declares_it_itself() {
    let lines = "tags = { signed = true, by = [\"bob\"] }\nemergency = { by = [\"alice\"], waives = [\"tags\"] }";
    let server = Server::new(lines);
    server.world.policy(&policy(lines).replace(&format!("\"{MAIN}\""), "\"refs/tags/**\""));
    let name = "refs/tags/v1";
    let tag = |key, target: (&str, &str), message: &str| to(&server.tag(key, target, "v1", message), name);
    let root = (server.root.as_str(), "commit");
    let (good, other) = (declaration("INC-42", name), declaration("INC-42", "refs/tags/v2"));
    server.refuses("alice", &[&tag(ALICE_SSH, root, "Release")], &["not-allowed"]);
    server.refuses("alice", &[&tag(ALICE_SSH, root, &other)], &["emergency-ref", "not-allowed"]);
    server.refuses("alice", &[&tag(MALLORY_SSH, root, &good)], &["emergency-signature", "unknown-key"]);
    // The outermost one declares, and no other.
    let inner = server.tag(ALICE_SSH, root, "v1", &good);
    server.refuses("alice", &[&tag(ALICE_SSH, (&inner, "tag"), "Release")], &["not-allowed"]);
    server.waives("alice", &[&tag(ALICE_SSH, root, &good)], &["not-allowed"]);
}

/// Whatever the ref is called.
#[test]
fn a_rollback_and_a_deletion_as_the_hint_says() {
    let server = Server::new(&BREAK.replace("\"review\", ", ""));
    let (world, name, other) = (&server.world, "refs/heads/release/it's-50%off'", "refs/heads/release/$HOME");
    let tip = change(&server, &[&server.root], "fix");
    world.push_without_hook(&[&to(&tip, name), &to(&tip, other)]);
    world.git(&["remote", "set-url", "origin", world.server().to_str().unwrap()]);
    for (number, (refspec, reason)) in
        [(format!("+{}", to(&server.root, name)), "force-push"), (format!(":{other}"), "delete")]
            .into_iter()
            .enumerate()
    {
        let refused = server.refuses("alice", &[&refspec], &[reason]);
        let hint = refused.hints().into_iter().find_map(|hint| hint.strip_prefix(BREAK_GLASS).map(str::to_owned));
        let hint = hint.unwrap_or_else(|| panic!("{}", refused.told()));
        let hint = hint.replace("TICKET REASON", "TICKET the site is down").replace("TICKET", &format!("INC-{number}"));
        let mut shell = world.command("sh", &world.clone_path());
        shell.args(["-e", "-c", &hint]).env("GITEA_PUSHER_NAME", "alice");
        world.pushed_by(shell).expect_accepted();
        server.waives("alice", &[&refspec], &[reason]);
    }
}

/// That `main` may go to a commit was approved when it did; that it goes back there, or is deleted, nobody has seen.
#[test]
fn an_approval_from_before_for_a_rollback_or_a_deletion() {
    let alone = BREAK.replace("waives", "approvals = 0, waives");
    let together = BREAK.replace("waives", "approvals = 1, waives");
    let server = Server::new(&alone);
    let first = server.commit(&[&server.root], "first");
    let tip = server.commit(&[&first], "second");
    for commit in [&first, &tip] {
        server.approve(DAVE_OPENPGP, MAIN, commit);
        server.approve(BOB_SSH, MAIN, commit);
        server.accepts("alice", &[&to(commit, MAIN)]);
    }
    for (refspec, commit, reason) in
        [(format!("+{}", to(&first, MAIN)), &first, "force-push"), (format!(":{MAIN}"), &first, "delete")]
    {
        let tag = server.emergency_tag(ALICE_SSH, commit, MAIN, reason);
        server.world.policy(&policy(&together));
        // The tag of the rollback is still there.
        let used = if reason == "delete" { &["emergency-used"][..] } else { &[] };
        server.refuses("alice", &[&refspec, &tag], &[used, &["emergency-approvals", reason]].concat());
        server.accepts("alice", &[&tag]);
        let approval = server.approval(DAVE_OPENPGP, MAIN, commit);
        server.accepts("dave", &[&format!(":{}", approval.split_once(':').unwrap().1)]);
        server.accepts("dave", &[&server.approval_that_says(DAVE_OPENPGP, MAIN, commit, reason)]);
        server.world.policy(&policy(&together.replace("\"*\"", "\"bob\"")));
        let pushed = server.waives("alice", &[&refspec], &[reason]);
        assert!(pushed.told().contains("somebody else has to review it by "), "{}", pushed.told());
        let declared = record(&pushed);
        let approval = server.approval(BOB_SSH, MAIN, commit);
        server.accepts("bob", &[&format!(":{}", approval.split_once(':').unwrap().1)]);
        server.accepts("bob", &[&review(&server, BOB_SSH, MAIN, commit, declared)]);
        server.world.policy(&policy(&alone));
    }
}
