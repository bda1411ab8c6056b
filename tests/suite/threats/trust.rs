//! Trust and time: whose word counts.

use crate::support::{
    World,
    keys::{self, *},
    objects::{self, Commit, signature_header},
    security_key::{self, TOUCHED, UNLOCKED},
};

fn to_main(id: &str) -> String {
    format!("{id}:refs/heads/main")
}

#[test]
fn a_commit_that_claims_to_be_alices() {
    let world = World::with_signed_main();
    // Author and committer are Alice throughout; the key is not.
    for key in [MALLORY_SSH, MALLORY_OPENPGP] {
        let told = world.refuses(&[&to_main(&objects::signed(&world, key, &[], "claims"))], &["unknown-key"]).told();
        assert!(told.contains(&keys::fingerprint(key)), "{told}");
    }
    world.accepts(&[&to_main(&objects::signed(&world, ALICE_SSH, &[], "hers"))]);
}

#[test]
fn a_colleague_who_may_not() {
    let world = World::new();
    world.policy_for_main("signatures = { commits = \"all\", by = [\"alice@example.com\"] }");
    let told = world.refuses(&[&to_main(&objects::signed(&world, BOB_SSH, &[], "Bob's"))], &["not-allowed"]).told();
    assert!(told.contains("bob@example.com"), "{told}");
    let hers = Commit::new(&world, &[], "hers").by(objects::BOB).signed(&world, ALICE_SSH);
    world.accepts(&[&to_main(&hers)]);
}

#[test]
fn a_date_before_the_key_expired_proves_nothing() {
    let world = World::with_signed_main();
    world.registry(&[
        ("openpgp/carol.asc", &keys::public_openpgp(CAROL_EXPIRED)),
        ("openpgp/dave.asc", &keys::public_openpgp(DAVE_OPENPGP)),
    ]);
    let mut commit = Commit::new(&world, &[], "in 2020, they say");
    commit.committer = b"Carol Example <carol@example.com> 1590969600 +0000".to_vec();
    let armor = keys::sign_at(CAROL_EXPIRED, "20200601T000000", &commit.payload());
    let id = objects::write(&world, "commit", &commit.with(&signature_header(&world, &armor)));
    world.refuses(&[&to_main(&id)], &["key-expired"]);
    world.accepts(&[&to_main(&objects::signed(&world, DAVE_OPENPGP, &[], "now"))]);
    world.git_in(&world.server(), &["update-ref", "-d", "refs/heads/main"]);
    // Unless the administrator believes it, for an import.
    world.policy_for_main("signatures = { commits = \"all\", verify-time = \"signature\" }");
    world.accepts(&[&to_main(&id)]);
}

#[test]
fn an_ssh_key_outside_its_window_whatever_the_commit_is_dated() {
    let world = World::with_signed_main();
    let line = |options: &str, key| format!("{} {options} {}\n", keys::user_id(key), keys::public_ssh(key));
    let id = objects::signed(&world, ALICE_SSH, &[], "dated 2023");
    world.registry(&[("allowed_signers", &line("valid-before=\"20240101Z\"", ALICE_SSH))]);
    world.refuses(&[&to_main(&id)], &["key-expired"]);
    world.registry(&[("allowed_signers", &line("valid-after=\"20990101Z\"", ALICE_SSH))]);
    world.refuses(&[&to_main(&id)], &["key-not-yet-valid"]);
    world.registry(&[("allowed_signers", &line("valid-after=\"20200101Z\",valid-before=\"20990101Z\"", ALICE_SSH))]);
    world.accepts(&[&to_main(&id)]);
}

#[test]
fn a_signature_dated_ahead_of_the_clock() {
    let world = World::with_signed_main();
    let commit = Commit::new(&world, &[], "from the future");
    let armor = keys::sign_at(DAVE_OPENPGP, "20900101T000000", &commit.payload());
    let id = objects::write(&world, "commit", &commit.with(&signature_header(&world, &armor)));
    world.refuses(&[&to_main(&id)], &["signature-in-future"]);
    world.accepts(&[&to_main(&commit.signed(&world, DAVE_OPENPGP))]);
}

#[test]
fn a_revoked_ssh_key() {
    let world = World::with_signed_main();
    let line = |key| format!("{} {}\n", keys::user_id(key), keys::public_ssh(key));
    let signers = line(ALICE_SSH) + &line(BOB_SSH);
    world.registry(&[("allowed_signers", &signers), ("revoked_keys", &keys::public_ssh(ALICE_SSH))]);
    world.refuses(&[&to_main(&objects::signed(&world, ALICE_SSH, &[], "hers"))], &["key-revoked"]);
    world.accepts(&[&to_main(&objects::signed(&world, BOB_SSH, &[], "his"))]);
}

#[test]
fn history_that_was_accepted_is_not_judged_anew() {
    let world = World::with_signed_main();
    let old = objects::signed(&world, ALICE_SSH, &[], "hers");
    world.accepts(&[&to_main(&old)]);
    let line = |options: &str, key| format!("{}{options} {}\n", keys::user_id(key), keys::public_ssh(key));
    let (bobs, hers) = (line("", BOB_SSH), keys::public_ssh(ALICE_SSH));
    let expired = bobs.clone() + &line(" valid-before=\"20240101Z\"", ALICE_SSH);
    let both = bobs.clone() + &line("", ALICE_SSH);
    let mut tip = old;
    for (signers, revoked, reason) in
        [(&bobs, "", "unknown-key"), (&expired, "", "key-expired"), (&both, &*hers, "key-revoked")]
    {
        world.registry(&[("allowed_signers", signers), ("revoked_keys", revoked)]);
        world.refuses(&[&to_main(&objects::signed(&world, ALICE_SSH, &[&tip], "too late"))], &[reason]);
        tip = objects::signed(&world, BOB_SSH, &[&tip], "his");
        world.accepts(&[&to_main(&tip)]);
    }
}

#[test]
fn a_key_that_belongs_to_two_is_nobodys() {
    let world = World::with_signed_main();
    let key = keys::public_ssh(ALICE_SSH);
    let id = objects::signed(&world, ALICE_SSH, &[], "whose?");
    world.registry(&[("allowed_signers", &format!("alice@example.com {key}\nbob@example.com {key}\n"))]);
    world.refuses(&[&to_main(&id)], &["unknown-key"]);
    world.registry(&[("allowed_signers", &format!("alice@example.com {key}\nalice@example.com {key}\n"))]);
    world.accepts(&[&to_main(&id)]);
}

#[test]
fn a_policy_and_a_registry_in_the_push() {
    let world = World::with_signed_main();
    let file = |name: &str, text: &str| {
        let path = world.clone_path().join(name);
        std::fs::create_dir_all(path.parent().unwrap()).unwrap();
        std::fs::write(path, text).unwrap();
    };
    file("policy.toml", "version = 1\nunmatched-refs = \"accept\"\n");
    file("countersign/policy.toml", "version = 1\nunmatched-refs = \"accept\"\n");
    file("registry/allowed_signers", &format!("mallory {}\n", keys::public_ssh(MALLORY_SSH)));
    world.git(&["add", "."]);
    world.work_as(MALLORY_SSH);
    world.git(&["commit", "-q", "-S", "-m", "Trust me"]);
    world.refuses(&["HEAD:refs/heads/main"], &["unknown-key"]);
    world.work_as(ALICE_SSH);
    world.git(&["commit", "-q", "--amend", "--no-edit", "--reset-author", "-S"]);
    world.accepts(&["HEAD:refs/heads/main"]);
}

#[test]
fn words_in_a_commit_or_a_push_option_are_no_authority() {
    let world = World::with_signed_main();
    world.git_in(&world.server(), &["config", "receive.advertisePushOptions", "true"]);
    let words = "Emergency: INC-1 the site is down\n\nCountersign: skip\nApproved-by: Alice Example <alice@example.com>\n\
                 Emergency: INC-1 the site is down\nEmergency-Ref: refs/heads/main\n\
                 Signed-off-by: Alice Example <alice@example.com>";
    let options = ["-o", "skip", "-o", "countersign=off", "-o", "signer=alice@example.com", "-o", "emergency=INC-1"];
    let commit = Commit::new(&world, &[], words);
    for (id, reason) in [(commit.unsigned(&world), "unsigned"), (commit.signed(&world, MALLORY_SSH), "unknown-key")] {
        let pushed = world.push_with(&options, &[&to_main(&id)]);
        world.was_refused(&pushed, &[reason]);
        world.refuses(&[&to_main(&id)], &[reason]);
    }
    world.push_with(&options, &[&to_main(&commit.signed(&world, ALICE_SSH))]).expect_accepted();
}

#[test]
fn a_tag_whose_tagger_line_names_a_colleague() {
    let world = World::new();
    world.policy_for_tags("tags = { signed = true, by = [\"alice@example.com\"] }");
    let commit = objects::unsigned(&world, &[], "release");
    // The tagger is Alice throughout; the key is not hers.
    let tag = |key| objects::signed_tag(&world, key, &commit, "commit", "v1") + ":refs/tags/v1";
    let told = world.refuses(&[&tag(BOB_SSH)], &["not-allowed"]).told();
    assert!(told.contains("bob@example.com"), "{told}");
    world.refuses(&[&tag(MALLORY_OPENPGP)], &["unknown-key"]);
    world.accepts(&[&tag(ALICE_SSH)]);
}

#[test]
fn a_security_key_that_nobody_touched() {
    let world = World::new();
    world.registry(&[("allowed_signers", &format!("alice@example.com {}\n", security_key::public()))]);
    let by = |flags| to_main(&security_key::commit(&world, flags, &[], "by whom?"));
    let rule = |keys: &str| world.policy_for_main(&format!("signatures = {{ commits = \"all\"{keys} }}"));
    for keys in ["", ", security-key = \"touch\"", ", security-key = \"pin\""] {
        rule(keys);
        // Not even if it was unlocked.
        for flags in [0, UNLOCKED & !TOUCHED] {
            let told = world.refuses(&[&by(flags)], &["bad"]).told();
            assert!(told.contains("its security key was not touched") && told.contains(&security_key::fingerprint()));
        }
    }
    world.refuses(&[&by(TOUCHED)], &["security-key"]);
    world.accepts(&[&by(UNLOCKED)]);
}

#[test]
fn a_key_that_is_compromised_with_a_commit_dated_before() {
    let world = World::new();
    world.policy_for_main("signatures = { commits = \"all\", verify-time = \"signature\", grace = \"36525d\" }");
    let line = |key| format!("{} {}\n", keys::user_id(key), keys::public_ssh(key));
    let state = |state: &str, since: &str| {
        let key = keys::fingerprint(ALICE_SSH);
        let entry = format!("[[key]]\nfingerprint = '{key}'\nstate = '{state}'\nsince = {since}\n");
        let signers = line(ALICE_SSH) + &line(BOB_SSH);
        world.registry(&[("allowed_signers", &signers), ("signers.toml", &entry)]);
    };
    // The committer line says 2023.
    let id = objects::signed(&world, ALICE_SSH, &[], "hers, they say");
    for (name, reason) in [("compromised", "key-compromised"), ("retired", "key-retired")] {
        state(name, "2024-01-01");
        world.refuses(&[&to_main(&id)], &[reason]);
    }
    world.accepts(&[&to_main(&objects::signed(&world, BOB_SSH, &[], "his"))]);
    state("compromised", "2099-01-01");
    world.policy_for_main("signatures = { commits = \"all\" }\nupdates = { force-push = true }");
    world.accepts(&[&format!("+{id}:refs/heads/main")]);
}
