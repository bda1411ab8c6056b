//! A push that does not say what is so: git compares old values only after the hook.

use super::two_people::{MAIN, RELEASE, Server, owner, to};
use crate::support::{self, keys::*, objects};

/// The hook on these lines, as a client of one's own can send them: its exit status and what it says.
fn hook(server: &Server, account: &str, lines: &[String]) -> (Option<i32>, String) {
    let mut hook = server.world.command(server.world.server().join("hooks/pre-receive"), &server.world.server());
    hook.env("GIT_DIR", ".").env("GITEA_PUSHER_NAME", account);
    let output = support::run(hook, (lines.join("\n") + "\n").as_bytes());
    let status = std::fs::read_to_string(server.world.path("status")).unwrap();
    (status.trim().parse().ok(), String::from_utf8_lossy(&output.stderr).into_owned())
}

#[test]
fn what_a_push_says_of_refs_that_is_not_so() {
    let server = Server::new("");
    let (root, null) = (&server.root, server.world.null());
    let next = server.commit(&[root], "next");
    server.accepts("alice", &[&to(&next, MAIN)]);
    for (line, why) in [
        (format!("{null} {next} {MAIN}"), "by now, and the push says otherwise"),
        (format!("{root} {next} {MAIN}"), "by now, and the push says otherwise"),
        (format!("{next} {root} refs/heads/gone"), "it is not here any more, and the push says otherwise"),
        (format!("{next} {next} {MAIN}"), "it has that value already"),
    ] {
        // One such update is enough, beside one that is so.
        for lines in [vec![line.clone()], vec![format!("{null} {next} refs/heads/other"), line.clone()]] {
            let (status, told) = hook(&server, "alice", &lines);
            assert!(status == Some(1) && told.contains(why), "{line}: {status:?} {told}");
        }
    }
    let (status, told) = hook(&server, "alice", &[format!("{null} {next} refs/heads/other")]);
    assert_eq!(status, Some(0), "{told}");
}

#[test]
fn a_colleagues_old_approval_sent_again() {
    let server = Server::new(
        "review = [ { approvals = 1 } ]\nupdates = { force-push = false }\n\
         emergency = { by = ['*'], waives = ['updates'], approvals = 1 }",
    );
    let (one, null) = (server.commit(&[&server.root], "one"), server.world.null());
    let two = server.commit(&[&one], "two");
    let approval = server.approval(BOB_SSH, MAIN, &one);
    server.accepts("bob", &[&approval]);
    server.accepts("alice", &[&to(&one, MAIN)]);
    server.approve(BOB_SSH, MAIN, &two);
    server.accepts("alice", &[&to(&two, MAIN)]);
    let tag = server.emergency_tag(ALICE_SSH, &one, MAIN, "INC-7");
    server.accepts("alice", &[&tag]);
    server.refuses("alice", &[&format!("+{}", to(&one, MAIN))], &["emergency-approvals", "force-push"]);
    let (object, name) = approval.split_once(':').unwrap();
    let lines = [format!("{two} {one} {MAIN}"), format!("{null} {object} {name}")];
    let (status, told) = hook(&server, "alice", &lines);
    assert!(status == Some(1) && told.contains("the push says otherwise"), "{told}");
    assert!(told.contains("must approve first, and has none"), "{told}");
    // Erin approves that it goes back.
    server.approve(ERIN_OPENPGP, MAIN, &one);
    server.waives("alice", &[&format!("+{}", to(&one, MAIN))], &["force-push"]);
}

#[test]
fn a_review_of_a_deletion_is_no_approval_of_what_was_deleted() {
    let server = Server::new(
        "review = [ { approvals = 1 } ]\nemergency = { by = ['*'], waives = ['review', 'updates'], review-within = '72h' }",
    );
    let bad = server.emergency(ALICE_SSH, &[&server.root], RELEASE);
    server.waives("alice", &[&to(&bad, RELEASE)], &["review"]);
    server.accepts("alice", &[&server.emergency_tag(ALICE_SSH, &bad, RELEASE, "INC-8")]);
    let pushed = server.waives("alice", &[&format!(":{RELEASE}")], &["delete"]);
    let told = pushed.told();
    let number: u64 = told.split("--settles ").nth(1).unwrap().split_whitespace().next().unwrap().parse().unwrap();
    let review = server.approval_that_says(BOB_SSH, RELEASE, &bad, &format!("It may go\n\nSettles: {number}"));
    let told = server.accepts(owner(BOB_SSH), &[&review]).told();
    assert_eq!(told.matches("owes no review any more").count(), 1, "{told}");
    assert!(told.contains(&format!("record {number} owes")), "{told}");
    // That it may go does not say that it may come.
    server.refuses("alice", &[&to(&bad, RELEASE)], &["emergency-used", "review"]);
    server.approve(ERIN_OPENPGP, RELEASE, &bad);
    server.accepts("alice", &[&to(&bad, RELEASE)]);
}

#[test]
fn the_same_tree_by_its_maker_and_one_that_the_ref_had() {
    let server = Server::new("review = [ { approvals = 1, match = \"tree\" } ]");
    let made = server.commit_by("Bob Example <bob@example.com>", &[&server.root], "made by bob");
    server.approve(BOB_SSH, MAIN, &made);
    let squashed = server.commit(&[&server.root], "squashed by alice");
    server.refuses("alice", &[&to(&squashed, MAIN)], &["review"]);
    // Nor by who made one that cannot be read.
    let author = "author Bob Example <bob@example.com> 1700000000 +0000";
    let (tree, committer) = (server.world.empty_tree(), author.replacen("author", "committer", 1));
    let twice = format!("tree {tree}\nparent {}\n{author}\n{author}\n{committer}\n\ntwice\n", server.root);
    let twice = objects::write(&server.world, "commit", twice.as_bytes());
    server.approve(BOB_SSH, MAIN, &twice);
    server.refuses("alice", &[&to(&squashed, MAIN)], &["review"]);
    server.approve(ERIN_OPENPGP, MAIN, &made);
    server.accepts("alice", &[&to(&squashed, MAIN)]);
    // All of these have one tree, the empty one. What `main` has had approves nothing of what comes.
    server.approve(DAVE_OPENPGP, MAIN, &squashed);
    let again = server.commit(&[&squashed], "again");
    server.refuses("alice", &[&to(&again, MAIN)], &["review"]);
    server.approve(DAVE_OPENPGP, MAIN, &again);
    server.accepts("alice", &[&to(&again, MAIN)]);
}
