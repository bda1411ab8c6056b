//! The record, asked: `ledger list`, `show`, `trace` and `adopt`, over what real pushes left.

use crate::support::{
    self, World, keys,
    objects::{self, Commit},
    set_mode,
};
use serde_json::{Value, json};
use std::fs;

const POLICY: &str = "version = 1\nunmatched-refs = \"accept\"\nserver = \"gitolite\"\n\n[[rule]]\nname = \"main\"\n\
                      refs = [\"refs/heads/main\"]\nsignatures = { commits = \"all\" }\n\n\
                      [[rule]]\nname = \"release\"\nrefs = [\"refs/heads/release\"]\nmode = \"warn\"\n\
                      signatures = { commits = \"all\" }\n";

/// Alice pushes as the account `ali`.
pub fn world() -> World {
    let world = World::new();
    world.policy(POLICY);
    let signers = "[[signer]]\nid = \"alice\"\nemails = [\"alice@example.com\"]\naccounts = [\"ali\"]\n\n\
                   [[signer]]\nid = \"bob\"\nemails = [\"bob@example.com\"]\n";
    fs::write(world.registry_path().join("signers.toml"), signers).unwrap();
    set_mode(&world.registry_path().join("signers.toml"), 0o644);
    let hook = world.server().join("hooks/post-receive");
    let script = format!(
        "#!/bin/sh\nexec '{}' hook post-receive --policy '{}'\n",
        env!("CARGO_BIN_EXE_countersign"),
        world.policy_path().display()
    );
    fs::write(&hook, script).unwrap();
    set_mode(&hook, 0o755);
    world
}

pub fn push_as(world: &World, account: &str, refspecs: &[&str]) -> bool {
    let mut command = world.command("git", &world.clone_path());
    command.arg("push").arg(world.server()).args(refspecs).env("GL_USER", account).env("GL_REPO", "team/app");
    world.pushed_by(command).succeeded
}

pub fn ledger(world: &World, arguments: &[&str]) -> (i32, String, String) {
    let mut command = world.command(env!("CARGO_BIN_EXE_countersign"), &world.server());
    command.arg("ledger").args(arguments).arg("--policy").arg(world.policy_path());
    let output = support::run(command, b"");
    let text = |bytes: Vec<u8>| String::from_utf8(bytes).unwrap();
    (output.status.code().unwrap(), text(output.stdout), text(output.stderr))
}

pub fn ledger_json(world: &World, arguments: &[&str]) -> (i32, Value) {
    let (status, out, error) = ledger(world, &[arguments, &["--format", "json"]].concat());
    (status, serde_json::from_str(&out).unwrap_or_else(|_| panic!("{out}{error}")))
}

/// Numbers of the records that are listed.
fn numbers(world: &World, arguments: &[&str]) -> Vec<u64> {
    let (status, value) = ledger_json(world, &[&["list"], arguments].concat());
    assert_eq!(status, 0);
    value["records"].as_array().unwrap().iter().map(|record| record["number"].as_u64().unwrap()).collect()
}

/// 0 opened, 1 policy, 2 Alice's first on main, 3 its outcome, 4 Mallory's, refused, 5 Bob's unsigned one on release, which warns,
/// 6 its outcome, 7 Alice's on main, authored by Bob, 8 its outcome. The ids of the commits.
pub fn pushes(world: &World) -> Vec<String> {
    let first = objects::by_alice(world, &[], "1");
    assert!(push_as(world, "ali", &[&format!("{first}:refs/heads/main")]));
    let bad = objects::signed(world, keys::MALLORY_SSH, &[&first], "2");
    assert!(!push_as(world, "ali", &[&format!("{bad}:refs/heads/main")]));
    let unsigned = Commit::new(world, &[&first], "3").by(objects::BOB).unsigned(world);
    assert!(push_as(world, "nobody", &[&format!("{unsigned}:refs/heads/release")]));
    let other = Commit::new(world, &[&first], "4").by(objects::BOB).signed(world, keys::ALICE_SSH);
    assert!(push_as(world, "ali", &[&format!("{other}:refs/heads/main")]));
    vec![first, bad, unsigned, other]
}

#[test]
fn records_are_listed_newest_first_and_narrowed_down() {
    let world = world();
    let ids = pushes(&world);
    assert_eq!(numbers(&world, &[]), [8, 7, 6, 5, 4, 3, 2, 1, 0]);
    assert_eq!(numbers(&world, &["--limit", "2"]), [8, 7]);
    assert_eq!(numbers(&world, &["--ref", "main"]), [7, 4, 2]);
    assert_eq!(numbers(&world, &["--ref", "refs/heads/release"]), [5]);
    assert_eq!(numbers(&world, &["--ref", "nowhere"]), [0_u64; 0]);
    assert_eq!(numbers(&world, &["--refused"]), [4]);
    assert_eq!(numbers(&world, &["--signer", "alice"]), [7, 2]);
    assert_eq!(numbers(&world, &["--signer", "alice", "--ref", "main", "--limit", "1"]), [7]);
    assert_eq!(numbers(&world, &["--signer", "bob"]), [0_u64; 0]);
    assert_eq!(numbers(&world, &["--pusher", "alice"]), [7, 4, 2]);
    assert_eq!(numbers(&world, &["--pusher", "nobody"]), [5], "an account");
    assert_eq!(numbers(&world, &["--pusher", "alice", "--refused"]), [4]);
    assert_eq!(numbers(&world, &["--key", &keys::fingerprint(keys::ALICE_SSH)]), [7, 2]);
    assert_eq!(numbers(&world, &["--repository", "server"]), [7, 5, 4, 2]);
    assert_eq!(
        numbers(&world, &["--repository", world.server().to_str().unwrap(), "--type", "decision"]),
        [7, 5, 4, 2]
    );
    assert_eq!(numbers(&world, &["--repository", "other"]), [0_u64; 0]);
    assert_eq!(numbers(&world, &["--type", "outcome"]), [8, 6, 3]);
    assert_eq!(numbers(&world, &["--since", "2099-01-01"]), [0_u64; 0]);
    assert_eq!(numbers(&world, &["--until", "2001-01-01"]), [0_u64; 0]);
    assert_eq!(numbers(&world, &["--since", "2001-01-01", "--until", "2099-01-01", "--ref", "main"]), [7, 4, 2]);
    let (status, out, error) = ledger(&world, &["list", "--type", "decision"]);
    assert_eq!((status, &*error), (0, ""));
    let lines: Vec<_> = out.lines().collect();
    assert!(lines[0].starts_with("RECORD  TIME "), "{out}");
    let expected = format!("  team/app    refs/heads/main     {}..{}  accepted  alice", &ids[0][..7], &ids[3][..7]);
    assert!(lines[1].ends_with(&expected), "{out}");
    assert!(lines[2].contains("refs/heads/release  0000000..") && lines[2].contains("(nobody)"), "{out}");
    assert!(lines[2].ends_with("release (warns)"), "{out}");
    assert!(lines[3].contains(" refused ") && lines[3].ends_with("main"), "{out}");
    let (status, _, error) = ledger(&world, &["list", "--ref", "a..b"]);
    assert_eq!((status, &*error), (2, "error: `a..b` is not the name of a ref\n"));
}

#[test]
fn a_list_longer_than_a_page_leaves_nothing_out_and_names_nothing_twice() {
    let world = world();
    world.policy("version = 1\nunmatched-refs = \"accept\"\nrule = []\n");
    let first = objects::by_alice(&world, &[], "1");
    let refspecs: Vec<_> = (0..300).map(|number| format!("{first}:refs/heads/{number}")).collect();
    let refspecs: Vec<_> = refspecs.iter().map(String::as_str).collect();
    assert!(push_as(&world, "ali", &refspecs));
    let expected: Vec<u64> = (0..303).rev().collect();
    assert_eq!(numbers(&world, &[]), expected);
    assert_eq!(numbers(&world, &["--type", "decision"]), expected[1..301]);
    let (_, out, _) = ledger(&world, &["list"]);
    assert_eq!(out.lines().count(), 304, "with its head");
}

#[test]
fn a_record_is_shown_with_all_that_belongs_to_it() {
    let world = world();
    let ids = pushes(&world);
    let (status, out, error) = ledger(&world, &["show", "7"]);
    assert_eq!((status, &*error), (0, ""));
    for expected in [
        "record 7: decision\n",
        "  ref          refs/heads/main\n",
        &format!("  old value    {}\n", ids[0]),
        &format!("  new value    {}\n", ids[3]),
        "  recorded     the old value is what was recorded last\n",
        "  verdict      accepted; done (record 8, by post-receive)\n",
        "  pusher       alice, known by the server's word alone, the server's account `ali`\n",
        ", enforce): nothing was found\n",
        "  brought      1 commits and tags (sha256:",
        &format!("    {}  good  alice  {}\n", ids[3], keys::fingerprint(keys::ALICE_SSH)),
        "      author Bob Example <bob@example.com>, which is not the signer's email\n",
    ] {
        assert!(out.contains(expected), "{expected}\n{out}");
    }
    let (_, out, _) = ledger(&world, &["show", "2"]);
    assert!(out.contains("author Alice Example <alice@example.com>\n") && !out.contains("not the signer's"), "{out}");
    let (_, out, _) = ledger(&world, &["show", "4"]);
    for expected in
        ["verdict      refused\n", "found        unknown-key (refuses, by rule main)\n", ", enforce): refused\n"]
    {
        assert!(out.contains(expected), "{expected}\n{out}");
    }
    let (_, value) = ledger_json(&world, &["show", "7"]);
    assert_eq!(value["outcome"], json!({ "state": "completed", "record": 8, "by": "post-receive" }));
    assert_eq!(value["objects"][0]["not-the-signers"], json!(["author", "committer"]));
    assert_eq!((&value["objects"][0]["id"], &value["record"]["number"]), (&json!(ids[3]), &json!(7)));
    let (status, _, error) = ledger(&world, &["show", "99"]);
    assert_eq!((status, &*error), (1, "error: there is no record 99\n"));
}

#[test]
fn what_a_record_is_and_names_is_printed_to_the_byte() {
    let world = world();
    let ids = pushes(&world);
    let (status, raw, _) = ledger(&world, &["show", "7", "--raw"]);
    assert_eq!(status, 0);
    let record: Value = serde_json::from_str(&raw).unwrap();
    assert_eq!(record.to_string(), raw);
    let (_, value) = ledger_json(&world, &["show", "7"]);
    assert_eq!(value["record"], record);
    let list = record["brought"]["list"].as_str().unwrap();
    let (status, content, _) = ledger(&world, &["show", "--content", list]);
    assert_eq!(status, 0);
    assert!(content.ends_with(&format!("\n{} 0\n", ids[3])), "{content}");
    assert_eq!(ledger(&world, &["show", "--content", &list[..20]]).1, content);
    let policy = record["policies"][0]["policy"].as_str().unwrap();
    assert_eq!(ledger(&world, &["show", "--content", policy]).1, fs::read_to_string(world.policy_path()).unwrap());
    let none = format!("sha256:{}", "0".repeat(64));
    let (status, _, error) = ledger(&world, &["show", "--content", &none]);
    assert_eq!((status, error), (1, format!("error: no content with the digest {none} is kept\n")));
    assert_eq!(ledger(&world, &["show", "--content", "12"]).0, 2);
}

#[test]
fn an_object_is_traced_to_what_brought_it() {
    let world = world();
    let ids = pushes(&world);
    let (status, out, _) = ledger(&world, &["trace", &ids[3][..10]]);
    assert_eq!(status, 0, "{out}");
    assert!(out.starts_with(&format!("{} was brought to refs/heads/main at ", ids[3])), "{out}");
    for expected in [": record 7\n", "pusher  alice, known by", "  rule    main (", "  signed  good, alice, SHA256:"] {
        assert!(out.contains(expected), "{expected}\n{out}");
    }
    let (status, out, _) = ledger(&world, &["trace", &ids[2]]);
    assert!(status == 0 && out.contains("signed  unsigned\n") && out.contains("release ("), "{out}");
    let (status, value) = ledger_json(&world, &["trace", "main"]);
    let came = &value["came"][0];
    assert_eq!((status, &came["how"], &came["record"]), (0, &json!("decision"), &json!(7)));
    assert_eq!((&came["state"], &came["signer"]), (&json!("completed"), &json!("alice")));
    // Refused: it is not on the server.
    let (status, out, _) = ledger(&world, &["trace", &ids[1]]);
    let expected = format!("{} was never received: no record brought it, and no ref holds it\n", ids[1]);
    assert_eq!((status, out), (1, expected));
}

#[test]
fn what_no_decision_brought_is_said_to_have_come_so() {
    let world = world();
    let old = objects::by_alice(&world, &[], "old");
    let first = objects::by_alice(&world, &[&old], "1");
    world.push_without_hook(&[&format!("{old}:refs/heads/main")]);
    assert!(push_as(&world, "ali", &[&format!("{first}:refs/heads/main")]));
    let (status, out, _) = ledger(&world, &["trace", &old]);
    assert!(status == 1 && out.contains(" was there before anything was recorded of refs/heads/main"), "{out}");
    assert_eq!(ledger_json(&world, &["trace", &old]).1["came"][0]["how"], "before");
    let beside = objects::by_alice(&world, &[&first], "beside");
    world.push_without_hook(&[&format!("{beside}:refs/heads/main")]);
    let (status, out, _) = ledger(&world, &["trace", &beside]);
    assert!(status == 1 && out.contains("is in refs/heads/main, and no record says how it came there\n"), "{out}");
    assert!(out.ends_with("hint: to have it received now: countersign ledger adopt refs/heads/main\n"), "{out}");
    let next = objects::by_alice(&world, &[&beside], "next");
    assert!(push_as(&world, "ali", &[&format!("{next}:refs/heads/main")]));
    let (status, out, _) = ledger(&world, &["trace", &beside]);
    assert!(status == 1 && out.contains(" came to refs/heads/main without a decision, which was seen at "), "{out}");
    // As the hint says.
    let (status, out, _) = ledger(&world, &["adopt", "refs/heads/main", "--yes"]);
    assert_eq!((status, out.split(':').next()), (0, Some("adopted 1 ref, with 2 commits and tags")), "{out}");
    let (status, out, _) = ledger(&world, &["trace", &beside]);
    assert!(status == 0 && out.contains(" was adopted by an administrator at "), "{out}");
}

#[test]
fn what_is_there_is_adopted_once_and_gives_receipts() {
    let world = world();
    let root = objects::by_alice(&world, &[], "root");
    let tip = objects::unsigned(&world, &[&root], "tip");
    let tag = objects::unsigned_tag(&world, &tip, "commit", "v1");
    let refspecs = [format!("{tip}:refs/heads/main"), format!("{root}:refs/heads/side"), format!("{tag}:refs/tags/v1")];
    world.push_without_hook(&refspecs.each_ref().map(String::as_str));
    let (status, value) = ledger_json(&world, &["adopt", "--all"]);
    assert_eq!((status, &value["written"], &value["objects"]), (1, &json!(false), &json!(3)), "nobody said yes");
    assert!(!world.path("ledger").exists());
    let (status, value) = ledger_json(&world, &["adopt", "--all", "--yes"]);
    assert_eq!((status, &value["written"], &value["objects"]), (0, &json!(true), &json!(3)), "{value}");
    assert_eq!(value["refs"].as_array().unwrap().len(), 3);
    assert_eq!(value["records"], json!([1, 1]));
    for id in [&root, &tip, &tag] {
        assert_eq!(ledger_json(&world, &["trace", id]).1["came"][0]["how"], "adopted", "{id}");
    }
    let (status, value) = ledger_json(&world, &["adopt", "--all", "--yes"]);
    assert_eq!((status, &value["written"], &value["records"]), (0, &json!(false), &Value::Null));
    let (_, out, _) = ledger(&world, &["adopt", "main", "--yes"]);
    assert_eq!(out, "nothing to adopt: all of it is recorded\n");
    assert_eq!(numbers(&world, &["--type", "adopted"]), [1]);
    assert_eq!(numbers(&world, &["--ref", "refs/tags/v1"]), [1]);
    // Its unsigned history is settled: only what is new is judged, also on a new branch that the rule covers.
    let next = objects::by_alice(&world, &[&tip], "next");
    assert!(push_as(&world, "ali", &[&format!("{next}:refs/heads/main")]));
    let (status, _, error) = ledger(&world, &["adopt", "nowhere", "--yes"]);
    assert!(status == 3 && error.contains("looking for refs/heads/nowhere: there is no such ref"), "{error}");
}

#[test]
fn nothing_is_adopted_while_a_push_to_it_is_under_way() {
    let world = world();
    let first = objects::by_alice(&world, &[], "1");
    world.push_without_hook(&[&format!("{first}:refs/heads/main")]);
    let next = objects::by_alice(&world, &[&first], "2");
    // Git is stopped after the hook has recorded its decision.
    let hook = world.server().join("hooks/pre-receive");
    let script = fs::read_to_string(&hook).unwrap().replace("exit $status", "exit 1");
    fs::write(&hook, script).unwrap();
    assert!(!push_as(&world, "ali", &[&format!("{next}:refs/heads/main")]));
    let (status, _, error) = ledger(&world, &["adopt", "main", "--yes"]);
    assert_eq!(status, 3);
    assert!(error.contains("adopting refs/heads/main: record 2 accepted a push to it"), "{error}");
    assert_eq!(numbers(&world, &["--type", "adopted"]), [0_u64; 0]);
}

#[test]
fn more_refs_than_one_record_holds_are_adopted() {
    let world = world();
    let first = objects::by_alice(&world, &[], "1");
    let long = "x".repeat(150);
    let refspecs: Vec<_> = (0..400).map(|number| format!("{first}:refs/heads/{long}/{number}")).collect();
    let refspecs: Vec<_> = refspecs.iter().map(String::as_str).collect();
    world.push_without_hook(&refspecs);
    let (status, value) = ledger_json(&world, &["adopt", "--all", "--yes"]);
    assert_eq!((status, &value["objects"], &value["records"]), (0, &json!(1), &json!([1, 2])), "{value}");
    assert_eq!(numbers(&world, &["--ref", &format!("{long}/399")]), [2]);
    assert_eq!(ledger_json(&world, &["adopt", "--all", "--yes"]).1["written"], json!(false));
}

fn registry(world: &World, arguments: &[&str]) -> (i32, String, String) {
    let mut command = world.command(env!("CARGO_BIN_EXE_countersign"), &world.server());
    command.arg("registry").args(arguments).arg("--policy").arg(world.policy_path());
    let output = support::run(command, b"");
    let text = |bytes: Vec<u8>| String::from_utf8(bytes).unwrap();
    (output.status.code().unwrap(), text(output.stdout), text(output.stderr))
}

fn pending(world: &World) -> Vec<Value> {
    let (status, out, error) = registry(world, &["pending", "--format", "json"]);
    assert_eq!((status, &*error), (0, ""));
    let value: Value = serde_json::from_str(&out).unwrap();
    value["keys"].as_array().unwrap().clone()
}

#[test]
fn a_key_seen_on_a_push_is_enrolled_as_the_refusal_says() {
    let world = world();
    let key = keys::fingerprint(keys::MALLORY_SSH);
    let commit = objects::signed(&world, keys::MALLORY_SSH, &[], "a new laptop");
    let refspec = format!("{commit}:refs/heads/main");
    let mut command = world.command("git", &world.clone_path());
    command.arg("push").arg(world.server()).arg(&refspec).env("GL_USER", "ali");
    let told = world.pushed_by(command).told();
    let hint = format!("hint: or ask the administrator: countersign registry accept {key} --for alice\n");
    assert!(told.contains(&hint), "{told}");
    let [seen] = &*pending(&world) else { panic!("one key is pending") };
    assert_eq!((&seen["fingerprint"], &seen["format"], &seen["kept"]), (&json!(key), &json!("ssh"), &json!(true)));
    assert_eq!((&seen["pushers"], &seen["pushes"]), (&json!(["alice"]), &json!(1)));
    assert_eq!(seen["names"], json!(["Alice Example <alice@example.com>"]));
    assert_eq!(seen["refs"][0]["ref"], "refs/heads/main");
    let (_, out, _) = registry(&world, &["pending"]);
    assert!(out.ends_with(&format!("  accept     countersign registry accept {key} --for alice\n")), "{out}");
    assert_eq!(numbers(&world, &["--key", &key]), [2], "a refused push is found by its key");
    // The hint is followed.
    let accept = hint.trim_start_matches("hint: or ask the administrator: countersign registry ").trim_end();
    let (status, out, error) = registry(&world, &accept.split(' ').collect::<Vec<_>>());
    assert_eq!((status, out, &*error), (0, format!("{key} is alice's\n"), ""));
    assert_eq!(pending(&world), [] as [Value; 0]);
    assert!(push_as(&world, "ali", &[&refspec]));
    assert_eq!(numbers(&world, &["--signer", "alice"]).len(), 1);
}

#[test]
fn a_key_whose_pusher_is_not_known_or_whose_commits_are_anothers_is_nobodys_to_enrol() {
    let world = world();
    let key = keys::fingerprint(keys::MALLORY_SSH);
    let commit = objects::signed(&world, keys::MALLORY_SSH, &[], "1");
    let told = |account: &str, refspec: String| {
        let mut command = world.command("git", &world.clone_path());
        command.arg("push").arg(world.server()).arg(refspec).env("GL_USER", account);
        world.pushed_by(command).told()
    };
    let unknown = told("stranger", format!("{commit}:refs/heads/main"));
    assert!(unknown.contains(&format!("hint: or ask the administrator to register this one: {key}\n")), "{unknown}");
    assert_eq!(pending(&world)[0]["pushers"], json!(["(stranger)"]));
    let alices = objects::by_alice(&world, &[&commit], "2");
    let others = Commit::new(&world, &[&alices], "3").by(objects::BOB).signed(&world, keys::MALLORY_SSH);
    let tip = objects::by_alice(&world, &[&others], "4");
    let merged = told("ali", format!("{tip}:refs/heads/main"));
    assert!(merged.contains("you pushed as `alice`") && !merged.contains("registry accept"), "{merged}");
    let (_, out, _) = registry(&world, &["pending"]);
    assert!(out.contains("  pushed by  (stranger), alice\n") && out.ends_with(" --for ID\n"), "{out}");
}

#[test]
fn an_openpgp_signature_does_not_hold_the_key() {
    let world = world();
    let key = format!("openpgp:{}", keys::fingerprint(keys::MALLORY_OPENPGP));
    let commit = objects::signed(&world, keys::MALLORY_OPENPGP, &[], "1");
    assert!(!push_as(&world, "ali", &[&format!("{commit}:refs/heads/main")]));
    let [seen] = &*pending(&world) else { panic!("one key is pending") };
    assert_eq!((&seen["format"], &seen["kept"]), (&json!("openpgp"), &json!(false)));
    let (_, out, _) = registry(&world, &["pending"]);
    assert!(out.ends_with("get the key from its owner: countersign registry import FILE --for alice\n"), "{out}");
    let (status, _, error) = registry(&world, &["accept", &key, "--for", "alice"]);
    assert!(status == 1 && error.contains("its signature does not hold the key itself"), "{error}");
    let (status, _, error) = registry(&world, &["accept", &keys::fingerprint(keys::MALLORY_SSH), "--for", "alice"]);
    assert!(status == 1 && error.contains("no push with it is recorded"), "{error}");
}

#[test]
fn the_signer_of_a_tag_is_recorded_and_a_stranger_on_a_tag_is_pending() {
    let world = world();
    let commit = objects::by_alice(&world, &[], "1");
    let tag = objects::signed_tag(&world, keys::ALICE_SSH, &commit, "commit", "v1");
    let bad = objects::signed_tag(&world, keys::MALLORY_SSH, &commit, "commit", "v2");
    world.policy_for_tags("tags = { signed = true }");
    assert!(push_as(&world, "ali", &[&format!("{tag}:refs/tags/v1")]));
    let (_, value) = ledger_json(&world, &["trace", "v1"]);
    assert_eq!(
        (&value["came"][0]["status"], &value["came"][0]["signer"]),
        (&json!("good"), &json!("alice")),
        "{value}"
    );
    assert!(!push_as(&world, "ali", &[&format!("{bad}:refs/tags/v2")]));
    assert_eq!(pending(&world)[0]["refs"][0]["ref"], "refs/tags/v2");
}

#[test]
fn a_push_of_many_strangers_keeps_sixteen() {
    let world = world();
    let (mut parent, folder) = (String::new(), world.path("strangers"));
    fs::create_dir(&folder).unwrap();
    for number in 0..18 {
        let mut command = world.command("ssh-keygen", &folder);
        command.args(["-q", "-t", "ed25519", "-N", "", "-f", &number.to_string()]);
        support::run_well(command, b"");
        world.git(&["config", "user.signingkey", folder.join(number.to_string()).to_str().unwrap()]);
        let mut arguments = vec!["commit-tree", "-S", "-m", "x", world.empty_tree()];
        if !parent.is_empty() {
            arguments.extend(["-p", &parent]);
        }
        parent = world.git(&arguments).trim().to_owned();
    }
    assert!(!push_as(&world, "ali", &[&format!("{parent}:refs/heads/main")]));
    assert_eq!(pending(&world).len(), 16);
}

#[test]
fn a_compromise_says_what_the_key_let_in_before_and_after() {
    let world = world();
    let key = keys::fingerprint(keys::ALICE_SSH);
    let ids = pushes(&world);
    let since = {
        let (_, value) = ledger_json(&world, &["show", "7"]);
        value["record"]["time"].as_str().unwrap().to_owned()
    };
    // All that came since then is in doubt; a branch of Bob's on top of it holds it, too.
    let bobs = objects::signed(&world, keys::BOB_SSH, &[&ids[3]], "5");
    assert!(push_as(&world, "bob", &[&format!("{bobs}:refs/heads/topic")]));
    let compromise = |since: &str, more: &[&str]| {
        let arguments = [&["compromise", &key, "--since", since, "--format", "json"], more].concat();
        let (status, out, error) = registry(&world, &arguments);
        assert_eq!((status, &*error), (0, ""), "{out}");
        serde_json::from_str::<Value>(&out).unwrap()
    };
    let value = compromise(&since, &["--dry-run"]);
    assert_eq!(value["written"], json!(false));
    let decisions = value["impact"]["decisions"].as_array().unwrap();
    let newest = &decisions[0];
    assert_eq!((&newest["record"], &newest["before"], &newest["objects"]), (&json!(7), &json!(false), &json!(1)));
    assert_eq!((&newest["ref"], &newest["pusher"]["id"]), (&json!("refs/heads/main"), &json!("alice")));
    assert_eq!(decisions.iter().map(|it| it["record"].as_u64().unwrap()).collect::<Vec<_>>(), [7, 2]);
    let held: Vec<_> =
        value["impact"]["refs"].as_array().unwrap().iter().map(|it| it["ref"].as_str().unwrap()).collect();
    assert!(held.contains(&"refs/heads/main") && held.contains(&"refs/heads/topic"), "{value}");
    assert_eq!(value["impact"]["unread"], json!([]));
    // Long before, and since now: all is in doubt, or nothing is.
    let all = compromise("2001-01-01", &["--dry-run"]);
    assert!(all["impact"]["decisions"].as_array().unwrap().iter().all(|it| it["before"] == json!(false)), "{all}");
    let main = all["impact"]["refs"].as_array().unwrap().iter().find(|it| it["ref"] == "refs/heads/main").unwrap();
    assert_eq!(main["objects"], json!(2));
    std::thread::sleep(std::time::Duration::from_millis(1100));
    let mut date = world.command("date", &world.server());
    date.args(["-u", "+%Y-%m-%dT%H:%M:%SZ"]);
    let now = support::run_well(date, b"");
    let none = compromise(now.trim(), &[]);
    assert_eq!((&none["written"], &none["impact"]["refs"]), (&json!(true), &json!([])));
    assert!(none["impact"]["decisions"].as_array().unwrap().iter().all(|it| it["before"] == json!(true)), "{none}");
    let (_, out, _) = registry(&world, &["compromise", &key, "--since", "2001-01-01", "--dry-run"]);
    assert!(out.contains("after   record 7, ") && out.contains("held    refs/heads/main of "), "{out}");
    let bob = keys::fingerprint(keys::BOB_SSH);
    let (_, out, _) = registry(&world, &["compromise", &bob, "--since", "2001-01-01", "--dry-run"]);
    assert!(!out.contains("refs/heads/main"), "{out}");
}

/// `policy replay --since` under another policy.
fn replay(world: &World, policy: &str, more: &[&str]) -> (i32, Value) {
    let file = world.path("policy/tried.toml");
    fs::write(&file, policy.to_owned() + "\n[ledger]\npath = \"../ledger\"\n").unwrap();
    set_mode(&file, 0o644);
    let mut command = world.command(env!("CARGO_BIN_EXE_countersign"), &world.server());
    command.args(["policy", "replay", "--since", "2001-01-01", "--format", "json", "--policy"]).arg(&file).args(more);
    let output = support::run(command, b"");
    let text = String::from_utf8_lossy(&output.stderr).into_owned();
    (output.status.code().unwrap(), serde_json::from_slice(&output.stdout).unwrap_or_else(|_| panic!("{text}")))
}

fn rule(refs: &str, lines: &str) -> String {
    format!(
        "version = 1\nunmatched-refs = \"accept\"\nserver = \"gitolite\"\n[[rule]]\nname = \"tried\"\nrefs = [\"{refs}\"]\n{lines}\n"
    )
}

#[test]
fn recorded_pushes_are_judged_again_by_another_policy() {
    let world = world();
    let ids = pushes(&world);
    // What was refused is not there any more, and is counted. Each push is judged for what it brought.
    let (status, value) = replay(&world, &rule("refs/heads/**", "signatures = { commits = \"all\" }"), &[]);
    assert_eq!((status, &value["pushes"], &value["refused"]), (1, &json!(4), &json!([5])), "{value}");
    assert_eq!((&value["gone"][0]["record"], value["gone"].as_array().unwrap().len()), (&json!(4), 1), "{value}");
    let [group] = &**value["groups"].as_array().unwrap() else { panic!("{value}") };
    assert_eq!(
        (&group["reason"], &group["count"], &group["email"]),
        (&json!("unsigned"), &json!(1), &json!("bob@example.com"))
    );
    assert_eq!(group["example"], json!(ids[2]));
    // Who pushed is as it was found out then.
    let pusher = rule("refs/heads/**", "pusher = { by = [\"alice\"] }");
    let (status, value) = replay(&world, &pusher, &[]);
    assert_eq!((status, &value["refused"]), (1, &json!([5])), "{value}");
    assert_eq!(value["groups"][0]["reason"], json!("pusher"));
    let (status, value) = replay(&world, &pusher, &["--ref", "main"]);
    assert_eq!((status, &value["refused"], &value["pushes"]), (0, &json!([]), &json!(3)), "{value}");
    // Alice's two, whose second bears Bob's name.
    let (status, value) = replay(&world, &rule("refs/heads/main", "identity = { author = \"signer\" }"), &[]);
    assert_eq!((status, &value["refused"]), (1, &json!([7])), "{value}");
}

#[test]
fn receipts_are_as_of_the_push_that_is_judged_again() {
    let world = world();
    let first = objects::by_alice(&world, &[], "1");
    assert!(push_as(&world, "ali", &[&format!("{first}:refs/heads/main")]));
    std::thread::sleep(std::time::Duration::from_millis(1100));
    let mut date = world.command("date", &world.server());
    date.args(["-u", "+%Y-%m-%dT%H:%M:%SZ"]);
    let since = support::run_well(date, b"");
    let second = objects::by_alice(&world, &[&first], "2");
    assert!(push_as(&world, "ali", &[&format!("{second}:refs/heads/main")]));
    let key = keys::fingerprint(keys::ALICE_SSH);
    let (status, out, error) = registry(&world, &["compromise", &key, "--since", since.trim()]);
    assert_eq!((status, &*error), (0, ""), "{out}");
    let (status, value) = replay(&world, &rule("refs/heads/main", "signatures = { commits = \"all\" }"), &[]);
    assert_eq!((status, &value["refused"]), (1, &json!([4])), "the first was received before: {value}");
    assert_eq!(value["groups"][0]["reason"], json!("key-compromised"));
}

#[test]
fn what_is_looked_up_is_made_anew_alike() {
    use countersign::{ledger::Ledger, ledger::Making, push::Timestamp, trusted::TrustedFiles};
    let world = world();
    pushes(&world);
    assert_eq!(ledger(&world, &["adopt", "--all", "--yes"]).0, 0);
    let trusted = TrustedFiles::new(&[]).unwrap();
    let making = Making { origin: "unused".into(), by_hook: false, user: 0, now: Timestamp(0) };
    let damaged = |ledger: &Ledger| {
        let mut found = Vec::new();
        ledger.verify(&mut |damage| found.push(format!("{damage:?}"))).unwrap();
        found
    };
    let mut opened = Ledger::open(&world.path("ledger"), &trusted, &making).unwrap();
    assert_eq!(damaged(&opened), [""; 0]);
    let before = (numbers(&world, &["--ref", "main"]), pending(&world));
    opened.reindex().unwrap();
    assert_eq!(damaged(&opened), [""; 0]);
    assert_eq!((numbers(&world, &["--ref", "main"]), pending(&world)), before);
    assert_eq!(before.1.len(), 1, "the stranger's key of the refused push");
}
