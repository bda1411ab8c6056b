//! The life of one emergency, by real pushes: refused, declared, let in, owed, overdue for nobody, reviewed, and in the register
//! all along, until a third party checks the proof.

use crate::{
    ledger_queries::{ledger, ledger_json, push_as, world},
    support::{self, World, browser, keys, objects::Commit, run_well, set_mode},
};
use serde_json::{Value, json};
use std::fs;

const POLICY: &str = "version = 1\nunmatched-refs = \"accept\"\nserver = \"gitolite\"\n\n[[rule]]\nname = \"main\"\n\
                      refs = [\"refs/heads/main\"]\nreview = [ { approvals = 1 } ]\n\
                      emergency = { by = [\"alice\"], waives = [\"review\"], ticket = 'INC-\\d+', review-by = [\"bob\"] }\n";

/// Alice pushes as `ali`, Bob as `bo`, and `main` is to be reviewed.
fn reviewed_world() -> World {
    let world = world();
    world.policy(POLICY);
    let signers = "[[signer]]\nid = \"alice\"\nemails = [\"alice@example.com\"]\naccounts = [\"ali\"]\n\n\
                   [[signer]]\nid = \"bob\"\nemails = [\"bob@example.com\"]\naccounts = [\"bo\"]\n";
    fs::write(world.registry_path().join("signers.toml"), signers).unwrap();
    set_mode(&world.registry_path().join("signers.toml"), 0o644);
    let root = Commit::new(&world, &[], "0").signed(&world, keys::ALICE_SSH);
    world.push_without_hook(&[&format!("{root}:refs/heads/main")]);
    world
}

fn register(world: &World) -> Value {
    let (status, register) = ledger_json(world, &["emergencies"]);
    assert_eq!(status, 0);
    register
}

/// Alice's commit on `main`, that declares an emergency with this ticket and reason.
fn declared(world: &World, ticket: &str, reason: &str) -> String {
    let main = world.git_in(&world.server(), &["rev-parse", "main"]);
    let message = format!("Open the gate\n\nEmergency: {ticket} {reason}\nEmergency-Ref: refs/heads/main\n");
    Commit::new(world, &[&main], &message).signed(world, keys::ALICE_SSH)
}

#[test]
fn an_emergency_is_in_the_register_from_its_refusal_to_its_proof() {
    let world = reviewed_world();
    let main = world.git_in(&world.server(), &["rev-parse", "main"]);
    let unreviewed = Commit::new(&world, &[&main], "1").signed(&world, keys::ALICE_SSH);
    assert!(!push_as(&world, "ali", &[&format!("{unreviewed}:refs/heads/main")]));
    assert_eq!(register(&world)["attempts"], json!([]), "who does not declare one attempts none");
    let please = declared(&world, "please", "let me in");
    assert!(!push_as(&world, "ali", &[&format!("{please}:refs/heads/main")]));
    let attempts = &register(&world)["attempts"];
    assert_eq!(
        (&attempts[0]["new"], attempts[0]["reasons"].as_array().unwrap().len()),
        (&json!(please), 1),
        "{attempts}"
    );
    assert!(attempts[0]["reasons"][0].as_str().unwrap().starts_with("emergency-"), "{attempts}");

    let gate = declared(&world, "INC-7", "the gate is shut");
    assert!(push_as(&world, "ali", &[&format!("{gate}:refs/heads/main")]));
    let owed = register(&world);
    let one = &owed["emergencies"][0];
    let number = one["record"].to_string();
    assert_eq!((&one["new"], &one["standing"], &one["state"]), (&json!(gate), &json!("due"), &json!("completed")));
    assert_eq!((&one["pusher"]["id"], &one["pusher"]["known-by"]), (&json!("alice"), &json!("server")));
    let waiver = &one["waivers"][0];
    assert_eq!((&waiver["ticket"], &waiver["reason"]), (&json!("INC-7"), &json!("the gate is shut")));
    assert_eq!((&waiver["waived"], &waiver["reviewers"]), (&json!(["review"]), &json!(["bob"])));
    assert_eq!((&waiver["object"], &waiver["excluded"]), (&json!(gate), &json!(["alice"])));
    let (status, _, _) = ledger(&world, &["emergencies", "--overdue"]);
    assert_eq!(status, 0, "it is not due yet");
    let (_, out, _) = ledger(&world, &["trace", &gate]);
    assert!(out.contains("  waived  INC-7: the gate is shut (declared by alice; review due)\n"), "{out}");

    // Bob reviews it.
    world.work_as(keys::BOB_SSH);
    let name = format!("approvals/refs/heads/main/{gate}/bob");
    world.git(&["tag", "--sign", "-m", &format!("Looked at it\n\nSettles: {number}"), &name, &gate]);
    assert!(push_as(&world, "bo", &[&format!("refs/tags/{name}:refs/{name}")]));
    let reviewed = &register(&world)["emergencies"][0];
    assert_eq!(reviewed["standing"], "reviewed");
    assert_eq!(reviewed["waivers"][0]["reviews"][0]["signer"], "bob");
    let (_, out, _) = ledger(&world, &["show", &reviewed["waivers"][0]["reviews"][0]["record"].to_string()]);
    assert!(
        out.contains(&format!("  settles      what record {number} owes for rule main: bob approves (sha256:")),
        "{out}"
    );

    // What is in the page is what anybody can check.
    let page = world.path("register.html");
    let (status, _, _) = ledger(&world, &["emergencies", "--format", "html", "--output", page.to_str().unwrap()]);
    assert_eq!(status, 0);
    let rendered = browser::render(&page, browser::Scheme::Light, (1000, 800));
    assert!(rendered.document.contains("<strong><bdi>INC-7</bdi></strong>"), "{}", rendered.document);
    assert!(rendered.document.contains("bob at "), "{}", rendered.document);
    let (proof, record) = (world.path("proof"), world.path("record"));
    fs::write(&proof, reviewed["proof"]["proof"].as_str().unwrap()).unwrap();
    fs::write(&record, reviewed["proof"]["record"].as_str().unwrap()).unwrap();
    let mut check = world.command("python3", world.server().parent().unwrap());
    check.arg(concat!(env!("CARGO_MANIFEST_DIR"), "/tests/verify_proof.py")).args([&proof, &record]);
    check.arg(world.path("ledger").join("key.pub"));
    run_well(check, b"");
    // And of nothing else.
    fs::write(&record, reviewed["proof"]["record"].as_str().unwrap().replace("INC-7", "INC-8")).unwrap();
    let mut check = world.command("python3", world.server().parent().unwrap());
    check.arg(concat!(env!("CARGO_MANIFEST_DIR"), "/tests/verify_proof.py")).args([&proof, &record]);
    check.arg(world.path("ledger").join("key.pub"));
    assert!(!support::run(check, b"").status.success());
}

#[test]
fn what_is_taken_back_is_told() {
    let world = reviewed_world();
    let main = world.git_in(&world.server(), &["rev-parse", "main"]);
    let gate = declared(&world, "INC-7", "the gate is shut");
    assert!(push_as(&world, "ali", &[&format!("{gate}:refs/heads/main")]));
    let message = format!(
        "Shut it\n\nThis reverts commit {gate}.\n\nEmergency: INC-7 shut it again\nEmergency-Ref: refs/heads/main\n"
    );
    let back = Commit::new(&world, &[&gate], &message).signed(&world, keys::ALICE_SSH);
    assert!(push_as(&world, "ali", &[&format!("{back}:refs/heads/main")]));
    let uses = &register(&world)["emergencies"];
    let revert = &uses[0]["reverts"][0];
    assert_eq!((&revert["how"], &revert["commit"], &revert["reverts"]), (&json!("commit"), &json!(back), &json!(gate)));
    assert_eq!(revert["time"], uses[1]["time"], "when it was received");
    assert_eq!(uses[1]["reverts"], json!([]));
    // Somebody on the server sets it to where it was.
    world.git_in(&world.server(), &["update-ref", "refs/heads/main", &main]);
    let next = declared(&world, "INC-8", "after that");
    assert!(push_as(&world, "ali", &[&format!("{next}:refs/heads/main")]));
    let register = register(&world);
    let reverts = &register["emergencies"][0]["reverts"];
    assert_eq!((&reverts[0]["how"], &reverts[0]["type"]), (&json!("set-back"), &json!("moved")), "{reverts}");
    assert_eq!(register["moved"][0]["record"], reverts[0]["record"]);
}
