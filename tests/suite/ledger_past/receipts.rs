//! What was received before a key ended stays good.

use super::*;
use sequoia_openpgp::{
    Cert, Packet, cert::CertRevocationBuilder, crypto::KeyPair, parse::Parse, policy::StandardPolicy,
    serialize::SerializeInto, types::ReasonForRevocation,
};
use std::time::Duration;

/// What came in on a branch that no rule covers before the key ends, and on another after it: then both for `main`.
fn before_and_after(key: &str, end: impl Fn(&World, i64), reason: &str) {
    let world = world(&protected(ALL));
    let before = objects::signed(&world, key, &[], "before");
    world.accepts(&[&to(&before, "heads/dev")]);
    let ends = after(received(&world, &before).unwrap());
    end(&world, ends);
    let late = objects::signed(&world, key, &[&before], "after");
    world.accepts(&[&to(&late, "heads/late")]);
    assert!(received(&world, &late).unwrap() >= ends);
    blames(&world, &[&to(&late, "heads/main")], reason, &late);
    let fresh = objects::signed(&world, key, &[&before], "never seen");
    blames(&world, &[&to(&fresh, "heads/main")], reason, &fresh);
    world.accepts(&[&to(&before, "heads/main")]);
    assert_eq!(judged(&world, &[&to(&before, "heads/release/1")]), 1);
}

#[test]
fn of_one_who_left() {
    let left = |world: &World, until| {
        let until = written(until);
        people(world, &format!("[[signer]]\nid = \"alice\"\nemails = [\"alice@example.com\"]\nuntil = {until}\n"));
    };
    before_and_after(ALICE_SSH, left, "key-retired");
}

#[test]
fn by_a_key_whose_window_ended() {
    let rotated = |world: &World, end: i64| {
        // Its last second still counts.
        let last = jiff::Timestamp::from_second(end - 1).unwrap().strftime("%Y%m%d%H%M%SZ").to_string();
        let lines = line(ALICE_SSH, &format!("valid-before=\"{last}\"")) + &line(BOB_SSH, "");
        fs::write(world.registry_path().join("allowed_signers"), lines).unwrap();
    };
    before_and_after(ALICE_SSH, rotated, "key-expired");
}

#[test]
fn by_a_key_that_is_retired_or_compromised() {
    for key in [ALICE_SSH, DAVE_OPENPGP] {
        before_and_after(key, |world, since| stated(world, key, "retired", since), "key-retired");
        before_and_after(key, |world, since| stated(world, key, "compromised", since), "key-compromised");
    }
}

fn dave() -> (Cert, KeyPair) {
    let secret = concat!(env!("CARGO_MANIFEST_DIR"), "/fixtures/keys/dave-openpgp.secret.asc");
    let cert = Cert::from_file(secret).unwrap();
    let key = cert.primary_key().key().clone().parts_into_secret().unwrap().into_keypair().unwrap();
    (cert, key)
}

fn put_dave(world: &World, cert: Cert, packets: Vec<Packet>) {
    let cert = cert.insert_packets(packets).unwrap().0;
    fs::write(world.registry_path().join("openpgp/dave.asc"), cert.armored().to_vec().unwrap()).unwrap();
}

fn time(seconds: i64) -> SystemTime {
    UNIX_EPOCH + Duration::from_secs(seconds as u64)
}

fn revoke(world: &World, reason: ReasonForRevocation, made: i64) {
    let (cert, mut key) = dave();
    let revocation = CertRevocationBuilder::new()
        .set_reason_for_revocation(reason, b"")
        .unwrap()
        .set_signature_creation_time(time(made))
        .unwrap()
        .build(&mut key, &cert, None)
        .unwrap();
    put_dave(world, cert, vec![revocation.into()]);
}

#[test]
fn by_an_openpgp_key_that_expired() {
    let expired = |world: &World, ends: i64| {
        let (cert, mut key) = dave();
        let signatures =
            cert.set_expiration_time(&StandardPolicy::new(), None, &mut key, Some(time(ends + 1))).unwrap();
        put_dave(world, cert, signatures.into_iter().map(Packet::from).collect());
        after(ends + 1);
    };
    before_and_after(DAVE_OPENPGP, expired, "key-expired");
}

#[test]
fn by_an_openpgp_key_that_is_revoked() {
    let soft = |world: &World, made| revoke(world, ReasonForRevocation::KeySuperseded, made);
    before_and_after(DAVE_OPENPGP, soft, "key-revoked");
    let hard = |world: &World, made| revoke(world, ReasonForRevocation::KeyCompromised, made);
    before_and_after(DAVE_OPENPGP, hard, "key-revoked");
    // GnuPG makes one with the key, to be kept in a drawer: it is dated before all that the key signed.
    let from_the_drawer = |world: &World, _| revoke(world, ReasonForRevocation::Unspecified, 1_750_000_000);
    before_and_after(DAVE_OPENPGP, from_the_drawer, "key-revoked");
}

#[test]
fn by_an_openpgp_key_revoked_for_good_in_the_second_of_the_receipt() {
    let world = world(&protected(ALL));
    let before = objects::signed(&world, DAVE_OPENPGP, &[], "before");
    let fresh = objects::signed(&world, DAVE_OPENPGP, &[], "not received");
    world.accepts(&[&to(&before, "heads/dev")]);
    revoke(&world, ReasonForRevocation::KeyCompromised, received(&world, &before).unwrap());
    blames(&world, &[&to(&fresh, "heads/main")], "key-revoked", &fresh);
    world.accepts(&[&to(&before, "heads/main")]);
}

#[test]
fn a_hard_revocation_with_an_entry_counts_from_its_moment_on() {
    let world = world(&protected(ALL));
    let before = objects::signed(&world, DAVE_OPENPGP, &[], "before");
    world.accepts(&[&to(&before, "heads/dev")]);
    let since = after(received(&world, &before).unwrap());
    let between = objects::signed(&world, DAVE_OPENPGP, &[&before], "by the thief");
    world.accepts(&[&to(&between, "heads/dev")]);
    revoke(&world, ReasonForRevocation::KeyCompromised, after(since));
    stated(&world, DAVE_OPENPGP, "compromised", since);
    blames(&world, &[&to(&between, "heads/main")], "key-compromised", &between);
    world.accepts(&[&to(&before, "heads/main")]);
}

#[test]
fn keys_in_revoked_keys_are_void_for_all_times() {
    let world = world(&protected(ALL));
    let before = objects::by_alice(&world, &[], "before");
    world.accepts(&[&to(&before, "heads/dev")]);
    let since = after(received(&world, &before).unwrap());
    let revoked = world.registry_path().join("revoked_keys");
    fs::write(&revoked, public_ssh(ALICE_SSH) + "\n").unwrap();
    set_mode(&revoked, 0o644);
    blames(&world, &[&to(&before, "heads/main")], "key-revoked", &before);
    // What an administrator writes who knows since when.
    fs::remove_file(&revoked).unwrap();
    stated(&world, ALICE_SSH, "compromised", since);
    world.accepts(&[&to(&before, "heads/main")]);
}

#[test]
fn refused_and_failed_pushes_and_those_to_another_repository_give_no_receipt() {
    let world = world(&protected(ALL));
    let commit = objects::by_alice(&world, &[], "commit");
    let bad = objects::unsigned(&world, &[], "bad");
    world.refuses_in_words(&[&to(&commit, "heads/dev"), &to(&bad, "heads/main")], &["unsigned"]);
    assert_eq!(received(&world, &commit), None, "refused");
    let update = world.server().join("hooks/update");
    fs::write(&update, "#!/bin/sh\nexit 1\n").unwrap();
    set_mode(&update, 0o755);
    assert!(!world.push(&[&to(&commit, "heads/dev")]).succeeded);
    assert_eq!(received(&world, &commit), None, "failed");
    fs::remove_file(&update).unwrap();
    // The same ledger, another repository.
    let here = world.server();
    let there = world.path("there.git");
    run_well(
        {
            let mut copy = world.command("cp", &world.path(""));
            copy.args(["-R", "server.git", "there.git"]);
            copy
        },
        b"",
    );
    let mut command = world.command("git", &world.clone_path());
    command.arg("push").arg(&there).arg(to(&commit, "heads/dev"));
    assert!(run_well(command, b"").is_empty());
    assert!(here != there && received(&world, &commit).is_none(), "elsewhere");
    let since = seconds();
    stated(&world, ALICE_SSH, "retired", since);
    blames(&world, &[&to(&commit, "heads/main")], "key-retired", &commit);
    people(&world, "");
    world.accepts(&[&to(&commit, "heads/dev")]);
    let since = after(received(&world, &commit).unwrap());
    stated(&world, ALICE_SSH, "retired", since);
    world.accepts(&[&to(&commit, "heads/main")]);
}

#[test]
fn the_first_update_counts_and_a_tag_is_one() {
    let world = world(&protected(ALL));
    let base = objects::by_alice(&world, &[], "base");
    let tip = objects::by_alice(&world, &[&base], "tip");
    let tag = objects::signed_tag(&world, ALICE_SSH, &base, "commit", "v1");
    world.accepts(&[&to(&tag, "tags/v1")]);
    let first = received(&world, &base).unwrap();
    assert_eq!(received(&world, &tag), Some(first));
    let since = after(first);
    // It comes again, and with more.
    world.accepts(&[&to(&tip, "heads/dev")]);
    assert_eq!(received(&world, &base), Some(first));
    assert!(received(&world, &tip).unwrap() >= since);
    stated(&world, ALICE_SSH, "retired", since);
    blames(&world, &[&to(&tip, "heads/main")], "key-retired", &tip);
    world.accepts(&[&to(&base, "heads/main")]);
}

#[test]
fn many_refs_that_share_a_history_bring_it_once() {
    let world = world(&protected(ALL));
    let mut commits = vec![objects::by_alice(&world, &[], "0")];
    for number in 1..40 {
        commits.push(objects::unsigned(&world, &[&commits[number - 1]], &number.to_string()));
    }
    let refs: Vec<_> = commits.iter().enumerate().map(|(number, id)| to(id, &format!("tags/t{number}"))).collect();
    let refs: Vec<_> = refs.iter().rev().map(String::as_str).collect();
    world.accepts(&refs);
    settle(&world);
    let ledger = ledger(&world);
    let memory = ledger.memory(&world.server().canonicalize().unwrap()).unwrap();
    let ids: Vec<_> = commits.iter().map(|id| object(id)).collect();
    assert_eq!(memory.received_of(&ids).unwrap().len(), ids.len());
    let database = rusqlite::Connection::open(world.path("ledger/ledger.sqlite")).unwrap();
    let count = |of: &str| database.query_row(of, [], |row| row.get::<_, u64>(0)).unwrap();
    assert_eq!(count("SELECT sum(length(objects)) / 20 FROM receipt"), 40);
    assert_eq!(count("SELECT count(*) FROM decision WHERE state = 'completed'"), 40);
}

#[test]
fn a_tag_received_before_its_key_retired_is_good_under_another_name() {
    let rules = policy(&[rule("tags", "tags/r/**", "tags = { signed = true, name-matches-ref = false }")]);
    let world = world(&rules);
    let commit = objects::by_alice(&world, &[], "commit");
    let tag = objects::signed_tag(&world, ALICE_SSH, &commit, "commit", "v1");
    world.accepts(&[&to(&tag, "tags/v1")]);
    let since = after(received(&world, &tag).unwrap());
    stated(&world, ALICE_SSH, "retired", since);
    let late = objects::signed_tag(&world, ALICE_SSH, &commit, "commit", "v2");
    world.accepts(&[&to(&late, "tags/v2")]);
    world.refuses_in_words(&[&to(&late, "tags/r/v2")], &["key-retired"]);
    world.accepts(&[&to(&tag, "tags/r/v1")]);
}

#[test]
fn a_merge_tag_counts_as_received_with_its_merge_or_before() {
    let rules = "signatures = { commits = \"all\", merge-tags = { required = true, by = [\"bob@example.com\"] } }";
    let world = world(&protected(rules));
    let base = objects::by_alice(&world, &[], "base");
    let ours = objects::by_alice(&world, &[&base], "ours");
    let side = objects::by_alice(&world, &[&base], "side");
    let merge_of = |name: &str| {
        let payload = objects::tag_payload(&side, "commit", name);
        let text = format!("{payload}{}", sign(BOB_SSH, payload.as_bytes()));
        let tag = objects::write(&world, "tag", text.as_bytes());
        let mut merge = objects::Commit::new(&world, &[&ours, &side], &format!("merge {name}"));
        merge.more_headers = objects::header("mergetag", &text).into_bytes();
        (tag, merge.signed(&world, ALICE_SSH))
    };
    let (_, with_merge) = merge_of("for-main");
    let (alone, tagged) = merge_of("seen");
    let (_, late) = merge_of("late");
    world.accepts(&[&to(&with_merge, "heads/dev"), &to(&alone, "tags/seen")]);
    let since = after(received(&world, &with_merge).unwrap());
    // The merges' own signatures are as good as ever.
    stated(&world, BOB_SSH, "retired", since);
    blames(&world, &[&to(&late, "heads/main")], "merge-tag-fault", &late);
    world.accepts(&[&to(&with_merge, "heads/main")]);
    world.accepts(&[&to(&tagged, "heads/release/1")]);
}

#[test]
fn grace_is_held_against_the_receipt() {
    let grace = "signatures = { commits = \"all\", grace = \"1s\" }";
    let world = world(&protected(grace));
    let commit = |message: &str, dated: i64| {
        let mut commit = objects::Commit::new(&world, &[], message);
        commit.committer = format!("{} {dated} +0000", objects::ALICE).into_bytes();
        commit.signed(&world, ALICE_SSH)
    };
    let in_time = commit("in time", 1_700_000_000);
    world.accepts(&[&to(&in_time, "heads/dev")]);
    // The key ended a second before the commit was received.
    let moment = received(&world, &in_time).unwrap();
    let last = jiff::Timestamp::from_second(moment - 1).unwrap().strftime("%Y%m%d%H%M%SZ").to_string();
    let lines = line(ALICE_SSH, &format!("valid-before=\"{last}\"")) + &line(BOB_SSH, "");
    fs::write(world.registry_path().join("allowed_signers"), lines).unwrap();
    after(moment + 1);
    let late = commit("too late", 1_700_000_001);
    world.accepts(&[&to(&late, "heads/late")]);
    blames(&world, &[&to(&late, "heads/main")], "key-expired", &late);
    world.accepts(&[&to(&in_time, "heads/main")]);
    change(&world, ", grace = \"1s\"", "");
    blames(&world, &[&to(&in_time, "heads/release/1")], "key-expired", &in_time);
}

#[test]
fn where_the_stated_time_counts_a_key_that_is_out_of_use_still_needs_a_receipt() {
    let stated_time = "signatures = { commits = \"all\", verify-time = \"signature\" }";
    let world = world(&protected(stated_time));
    let before = objects::by_alice(&world, &[], "before");
    world.accepts(&[&to(&before, "heads/dev")]);
    let since = after(received(&world, &before).unwrap());
    stated(&world, ALICE_SSH, "compromised", since);
    let fresh = objects::by_alice(&world, &[], "with an old date");
    blames(&world, &[&to(&fresh, "heads/main")], "key-compromised", &fresh);
    world.accepts(&[&to(&before, "heads/main")]);
}

#[test]
fn a_clock_that_was_set_back_moves_no_receipt_back() {
    let world = world(&protected(ALL));
    let early = objects::by_alice(&world, &[], "early");
    world.accepts(&[&to(&early, "heads/dev")]);
    settle(&world);
    let ahead = seconds() + 3600;
    // The clock was an hour ahead when somebody adopted, and then set right.
    adopt_at(&world, "refs/heads/dev", ahead);
    let late = objects::by_alice(&world, &[&early], "late");
    world.accepts(&[&to(&late, "heads/dev")]);
    assert_eq!(received(&world, &late), Some(ahead));
    assert!(received(&world, &early).unwrap() < ahead);
    // Retired at a moment that is between the two receipts, and over as the clock shows it.
    let since = after(received(&world, &early).unwrap());
    stated(&world, ALICE_SSH, "retired", since);
    blames(&world, &[&to(&late, "heads/main")], "key-retired", &late);
    world.accepts(&[&to(&early, "heads/main")]);
}

#[test]
fn a_baseline_by_receipt_exempts_what_was_received_or_adopted_before() {
    for commits in ["all", "first-parent", "tip"] {
        let lines = format!("signatures = {{ commits = \"{commits}\" }}");
        let world = world(&protected(&lines));
        let older = objects::unsigned(&world, &[], "older");
        let old = objects::unsigned(&world, &[&older], "old");
        let pushed = objects::unsigned(&world, &[], "pushed to an unprotected branch");
        world.push_without_hook(&[&to(&old, "heads/import")]);
        adopt(&world, "refs/heads/import");
        world.accepts(&[&to(&pushed, "heads/dev")]);
        let moment = after(received(&world, &pushed).unwrap());
        let late = objects::unsigned(&world, &[&old], "late");
        world.accepts(&[&to(&late, "heads/late")]);
        blames(&world, &[&to(&old, "heads/main")], "unsigned", &old);
        world.policy(&protected(&format!("{lines}\nbaseline-received = {}", written(moment))));
        blames(&world, &[&to(&late, "heads/main")], "unsigned", &late);
        let fresh = objects::unsigned(&world, &[&old], "fresh");
        blames(&world, &[&to(&fresh, "heads/main")], "unsigned", &fresh);
        world.accepts(&[&to(&old, "heads/main")]);
        world.accepts(&[&to(&older, "heads/release/1")]);
        world.accepts(&[&to(&pushed, "heads/release/2")]);
        world.accepts(&[&to(&objects::by_alice(&world, &[&pushed, &old], "merge"), "heads/release/3")]);
        // A moment before they came.
        world.policy(&protected(&format!("{lines}\nbaseline-received = 2020-01-01")));
        let other = objects::unsigned(&world, &[&older], "other");
        blames(&world, &[&to(&other, "heads/release/4")], "unsigned", &other);
    }
}

#[test]
fn what_a_policy_says_of_a_baseline_by_receipt() {
    let world = world(&protected(&format!("{ALL}\nbaseline-received = 2026-05-01")));
    let old = world.path("policy/old.toml");
    fs::write(&old, fs::read_to_string(world.policy_path()).unwrap().replace("baseline-received = 2026-05-01", ""))
        .unwrap();
    let said = |words: &[&std::ffi::OsStr]| {
        let mut command = world.command(env!("CARGO_BIN_EXE_countersign"), &world.server());
        command.arg("policy").args(words);
        let output = crate::support::run(command, b"");
        (output.status.code(), String::from_utf8_lossy(&[output.stdout, output.stderr].concat()).into_owned())
    };
    let new = world.policy_path();
    let (status, told) = said(&["explain".as_ref(), "main".as_ref(), "--policy".as_ref(), new.as_os_str()]);
    let sentence = "what was received or adopted before 2026-05-01T00:00:00Z is trusted as it is";
    assert!(status == Some(0) && told.contains(sentence), "{told}");
    let (status, told) = said(&["diff".as_ref(), old.as_os_str(), new.as_os_str()]);
    assert!(status == Some(1) && told.contains("weaker") && told.contains("baseline-received"), "{told}");
    let (status, told) = said(&["diff".as_ref(), new.as_os_str(), old.as_os_str()]);
    assert!(status == Some(0) && told.contains("stricter") && told.contains("baseline-received"), "{told}");
}

#[test]
fn verify_judges_as_of_the_receipt() {
    let world = world(&protected(ALL));
    let before = objects::by_alice(&world, &[], "before");
    world.accepts(&[&to(&before, "heads/dev")]);
    let since = after(received(&world, &before).unwrap());
    let late = objects::by_alice(&world, &[&before], "late");
    world.accepts(&[&to(&late, "heads/dev")]);
    stated(&world, ALICE_SSH, "compromised", since);
    settle(&world);
    let verify = |more: &[&str]| {
        let mut command = world.command(env!("CARGO_BIN_EXE_countersign"), &world.server());
        command.args(["verify", "--format", "porcelain", "--policy"]).arg(world.policy_path()).args(more).arg("dev");
        let output = crate::support::run(command, b"");
        let told = String::from_utf8_lossy(&[output.stdout, output.stderr].concat()).into_owned();
        (output.status.code(), told.split_whitespace().nth(1).unwrap_or_default().to_owned())
    };
    assert_eq!(verify(&[]), (Some(1), "key-compromised".into()));
    let early = [&*before];
    let status = |more: &[&str]| {
        let mut command = world.command(env!("CARGO_BIN_EXE_countersign"), &world.server());
        command.args(["verify", "--format", "porcelain", "--policy"]).arg(world.policy_path()).args(more).args(early);
        let output = crate::support::run(command, b"");
        String::from_utf8_lossy(&output.stdout).split(' ').nth(1).unwrap_or_default().to_owned()
    };
    assert_eq!(status(&[]), "good");
    // Its own registry's folder, and the ledger all the same.
    let registry = world.registry_path();
    assert_eq!(status(&["--registry", registry.to_str().unwrap()]), "good");
    assert_eq!(status(&["--at", &seconds().to_string()]), "key-compromised");
    world.forget();
    assert_eq!(status(&[]), "key-compromised");
}
