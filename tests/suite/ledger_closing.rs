//! A ledger is closed, and another continues it: what was recorded goes on to count, by real pushes.

use crate::{
    ledger_checks::Site,
    support::{World, is_told, keys::*, objects, run, set_mode},
};
use countersign::{
    ledger::{Adoption, Ledger, Making, Record, Restoring, checkpoint::Checkpoint, key::SigningKey, tree::Hash},
    push::Timestamp,
    trusted::TrustedFiles,
};
use serde_json::Value;
use std::{
    collections::BTreeSet,
    fs,
    path::{Path, PathBuf},
};

const ALL: &str = "signatures = { commits = \"all\" }";

/// Main and releases under one rule.
fn protected(lines: &str) -> String {
    format!(
        "version = 1\nunmatched-refs = \"accept\"\n[[rule]]\nname = \"protected\"\n\
         refs = [\"refs/heads/main\", \"refs/heads/release/**\"]\n{lines}\n"
    )
}

/// `countersign ledger …`: exit status and all that it printed.
fn ledger(world: &World, arguments: &[&str]) -> (i32, String) {
    let mut command = world.command(env!("CARGO_BIN_EXE_countersign"), &world.server());
    command.arg("ledger").args(arguments).arg("--policy").arg(world.policy_path());
    let output = run(command, b"");
    let text = [output.stdout, output.stderr].concat();
    (output.status.code().unwrap(), String::from_utf8(text).unwrap())
}

#[track_caller]
fn ends(world: &World, status: i32, arguments: &[&str]) -> String {
    let (found, told) = ledger(world, arguments);
    assert_eq!(found, status, "{arguments:?}: {told}");
    told
}

/// Closes the ledger that the policy names, and continues it in this folder of the world's.
#[track_caller]
fn close(world: &World, next: &str) -> String {
    ends(world, 0, &["close", "--yes", "--next", &path(world, next)])
}

fn path(world: &World, name: &str) -> String {
    world.path(name).to_str().unwrap().to_owned()
}

/// The policy names this ledger from now on, whatever it named.
fn point(world: &World, next: &str) {
    let text = fs::read_to_string(world.policy_path()).unwrap();
    let lines = text.lines().map(|line| match line.starts_with("path = ") {
        true => format!("path = \"../{next}\"\n"),
        false => format!("{line}\n"),
    });
    fs::write(world.policy_path(), lines.collect::<String>()).unwrap();
}

/// Closes it, and has the policy name the next.
#[track_caller]
fn continue_in(world: &World, next: &str) {
    close(world, next);
    point(world, next);
}

fn to(id: &str, name: &str) -> String {
    format!("{id}:refs/heads/{name}")
}

/// Refused, with exit status 3 and this cause.
#[track_caller]
fn is_undecided(world: &World, id: &str, name: &str, why: &str) {
    let pushed = world.push(&[&to(id, name)]);
    assert!(!pushed.succeeded && pushed.hook == Some(3), "{:?} {}", pushed.hook, pushed.output);
    assert_eq!(pushed.before, pushed.after);
    assert!(pushed.told().contains(why), "{why}: {}", pushed.told());
}

#[track_caller]
fn refused(world: &World, id: &str, name: &str, reason: &str) {
    let told = world.refuses_in_words(&[&to(id, name)], &[reason]).told();
    assert!(is_told(&told, reason) && told.contains(&id[..7]), "{told}");
}

fn records(world: &World, ledger: &str) -> Vec<Value> {
    let database = rusqlite::Connection::open(world.path(ledger).join("ledger.sqlite")).unwrap();
    let mut select = database.prepare("SELECT body FROM record ORDER BY number").unwrap();
    let bodies = select.query_map([], |row| row.get(0)).unwrap();
    bodies.map(|body: Result<Vec<u8>, _>| serde_json::from_slice(&body.unwrap()).unwrap()).collect()
}

/// The codes of what `verify` finds.
#[track_caller]
fn found(world: &World, arguments: &[&str]) -> Vec<String> {
    let (status, told) = ledger(world, &[&["verify", "--format", "json"], arguments].concat());
    let verified: Value = serde_json::from_str(&told).unwrap_or_else(|_| panic!("{told}"));
    let findings = verified["findings"].as_array().unwrap();
    assert_eq!(status, i32::from(!findings.is_empty()), "{told}");
    findings.iter().map(|found| found["code"].as_str().unwrap().to_owned()).collect()
}

#[test]
fn a_closed_ledger_takes_no_push_and_the_next_one_goes_on() {
    let mut site = Site::new();
    let world = &site.world;
    assert!(ends(world, 1, &["close", "--next", &path(world, "next")]).contains("nothing is done"));
    assert!(!world.path("next").exists());
    let told = close(world, "next");
    assert!(told.contains(&format!("path = \"{}\"", path(world, "next"))), "{told}");
    let tip = objects::signed(world, ALICE_SSH, &[&site.tip], "more");
    is_undecided(world, &tip, "main", "it is closed, and the ledger");
    is_undecided(world, &tip, "main", &format!("in `{}` continues it", path(world, "next")));
    // Nor does any command add to it.
    for arguments in [&["adopt", "main", "--yes"][..], &["rotate-key"], &["close", "--yes", "--next", "elsewhere"]] {
        let (status, told) = ledger(world, arguments);
        assert!(status == 3 && told.contains("it is closed, and the ledger"), "{arguments:?}: {told}");
    }
    // Whoever closes it again is told the same.
    assert_eq!(close(world, "next"), told);
    let (status, told) = ledger(world, &["close", "--yes", "--next", &path(world, "policy")]);
    assert!(status == 3 && told.contains("continues it"), "{told}");

    let (former, note) = (records(world, "ledger"), ends(world, 0, &["checkpoint"]));
    let told = world.path("told");
    fs::write(&told, &site.told).unwrap();
    point(world, "next");
    site.push();
    let world = &site.world;
    let next = records(world, "next");
    assert_eq!(next[0]["continues"].as_str().unwrap(), note);
    assert_eq!(next[0]["former"].as_str().unwrap(), path(world, "ledger"));
    let last = former.last().unwrap();
    assert_eq!((&last["type"], &last["next"], &last["key"]), (&"closed".into(), &next[0]["origin"], &next[0]["key"]));
    assert_eq!(last["folder"], path(world, "next"));
    // What was in force was carried over: what came then is a change of it. And the ref stands where it stood.
    let kinds: Vec<_> = next.iter().map(|record| record["type"].as_str().unwrap()).collect();
    assert_eq!(kinds, ["opened", "policy", "policy", "decision"]);
    let in_force = former.iter().rfind(|record| record["type"] == "policy").unwrap();
    assert_eq!((&next[1]["policy"], &next[1]["registry"]), (&in_force["policy"], &in_force["registry"]));
    assert_eq!(next[2]["former-policy"], in_force["policy"]);
    assert_eq!(next[2]["weaker"].to_string(), "[\"changed: ledger: `../ledger` becomes `../next`\"]");
    assert_eq!(next[3]["recorded"], "same");

    for (ledger, count) in [("ledger", former.len()), ("next", next.len())] {
        assert_eq!(found(world, &["--ledger", &path(world, ledger)]), [""; 0]);
        assert_eq!(records(world, ledger).len(), count);
    }
    let verified = ends(world, 0, &["verify"]);
    let former_line = format!("it continues {}: {} records", path(world, "ledger"), former.len());
    assert!(verified.contains(&former_line) && verified.contains("self-consistent, unwitnessed"), "{verified}");
    // What was kept of the former shows that it is as it was; any key of the chain stands for all of it.
    let against = ends(world, 0, &["verify", "--against", told.to_str().unwrap()]);
    assert!(against.contains(&format!("records of {}", path(world, "ledger"))), "{against}");
    assert_eq!(found(world, &["--key", &path(world, "ledger/key.pub")]), [""; 0]);
    assert_eq!(found(world, &["--key", &path(world, "next/key.pub")]), [""; 0]);
}

#[test]
fn what_is_asked_is_looked_for_in_all_of_them() {
    let mut site = Site::new();
    let first = site.tip.clone();
    let unknown = objects::signed(&site.world, MALLORY_SSH, &[&site.tip], "by nobody");
    site.world.refuses(&[&to(&unknown, "main")], &["unknown-key"]);
    for next in ["second", "third"] {
        continue_in(&site.world, next);
        site.push();
    }
    let world = &site.world;
    let listed: Value = serde_json::from_str(&ends(world, 0, &["list", "--ref", "main", "--format", "json"])).unwrap();
    let ledgers: Vec<_> =
        listed["records"].as_array().unwrap().iter().map(|record| record["ledger"].as_str().unwrap()).collect();
    let of = |name: &str| path(world, name);
    assert_eq!(ledgers, [of("third"), of("second"), of("ledger"), of("ledger")]);
    let listed = ends(world, 0, &["list", "--ref", "main"]);
    assert!(listed.contains(&format!("before that, in {}:", of("ledger"))), "{listed}");
    assert_eq!(ends(world, 0, &["list", "--ref", "main", "--limit", "1"]).lines().count(), 2);
    let traced = ends(world, 0, &["trace", &first]);
    assert!(
        traced.contains("was brought to refs/heads/main")
            && traced.contains(&format!(" of the ledger in {}", of("ledger"))),
        "{traced}"
    );
    assert!(!ledger(world, &["trace", &site.tip]).1.contains("of the ledger in"));
    let hint = ends(world, 1, &["show", "999"]);
    assert!(hint.contains(&format!("--ledger {}", of("second"))), "{hint}");
    let registry = |arguments: &[&str]| {
        let mut command = world.command(env!("CARGO_BIN_EXE_countersign"), &world.server());
        command.args(arguments).arg("--policy").arg(world.policy_path());
        let output = run(command, b"");
        String::from_utf8([output.stdout, output.stderr].concat()).unwrap()
    };
    assert!(registry(&["registry", "pending"]).contains(&fingerprint(MALLORY_SSH)));
    let replayed = registry(&["policy", "replay", "--since", "2020-01-01"]);
    let would = "4 pushes since 2020-01-01T00:00:00Z: 0 would be refused";
    let gone = format!("not judged: record 4 of the ledger in {}: {unknown}", of("ledger"));
    assert!(replayed.contains(would) && replayed.contains(&gone), "{replayed}");
    let accepted = registry(&["registry", "accept", &fingerprint(MALLORY_SSH), "--for", "mallory@example.com"]);
    assert!(!accepted.contains("error"), "{accepted}");
    let key = fingerprint(ALICE_SSH);
    let impact = registry(&["registry", "compromise", &key, "--since", "2020-01-01"]);
    assert!(impact.contains(&format!("of the ledger in {}", of("ledger"))), "{impact}");
}

#[test]
fn a_ref_vouches_by_what_a_former_ledger_says() {
    let world = World::new();
    world.policy(&protected(""));
    let bad = objects::unsigned(&world, &[], "before we signed");
    world.accepts(&[&to(&bad, "main")]);
    let text = fs::read_to_string(world.policy_path()).unwrap();
    fs::write(world.policy_path(), text.replace("[[rule]]", "[[rule]]\nsignatures = { commits = \"all\" }")).unwrap();
    continue_in(&world, "second");
    let top = objects::by_alice(&world, &[&bad], "from now on");
    world.accepts(&[&to(&top, "release/1")]);
    refused(&world, &bad, "release/2", "unsigned");
    continue_in(&world, "third");
    world.accepts(&[&to(&objects::by_alice(&world, &[&bad], "again"), "release/3")]);
    // A ledger that knows of no past has nothing to go by.
    point(&world, "fourth");
    let told = world.refuses_in_words(&[&to(&top, "release/4")], &["unsigned"]).told();
    assert!(told.contains(&bad[..7]), "{told}");
}

#[test]
fn what_was_received_before_somebody_left_stays_good() {
    let world = World::new();
    world.policy(&protected(ALL));
    let before = objects::signed(&world, ALICE_SSH, &[], "before");
    world.accepts(&[&to(&before, "dev")]);
    continue_in(&world, "second");
    std::thread::sleep(std::time::Duration::from_millis(1_100));
    let now = jiff::Timestamp::now().to_string();
    let people = format!("[[signer]]\nid = \"alice\"\nemails = [\"alice@example.com\"]\nuntil = {}Z\n", &now[..19]);
    let file = world.registry_path().join("signers.toml");
    fs::write(&file, people).unwrap();
    set_mode(&file, 0o644);
    let late = objects::signed(&world, ALICE_SSH, &[&before], "after");
    refused(&world, &late, "main", "key-retired");
    world.accepts(&[&to(&before, "main")]);
    // The same of a ledger that does not know it.
    point(&world, "other");
    refused(&world, &before, "release/1", "key-retired");
}

#[test]
fn a_push_certificate_that_a_former_ledger_saw_is_used() {
    let world = World::new();
    world.git_in(&world.server(), &["config", "receive.certNonceSeed", "seed"]);
    world.policy_for_main("pusher = { by = [\"alice@example.com\"], certificate = \"required\" }");
    let hook = world.server().join("hooks/pre-receive");
    let script = fs::read_to_string(&hook).unwrap();
    fs::write(&hook, script.replace("exit $status", "echo $GIT_PUSH_CERT >../id; exit $status")).unwrap();
    let commit = objects::unsigned(&world, &[], "root");
    world.push_with(&["--signed"], &[&to(&commit, "main")]).expect_accepted();
    let (id, lines) = (fs::read_to_string(world.path("id")).unwrap(), fs::read(world.path("lines")).unwrap());
    let again = || {
        let mut command = world.command(env!("CARGO_BIN_EXE_countersign"), &world.server());
        command.args(["hook", "pre-receive", "--policy"]).arg(world.policy_path()).env("GIT_DIR", ".");
        command.env("GIT_PUSH_CERT", id.trim()).env("GIT_PUSH_CERT_NONCE_STATUS", "OK");
        let output = run(command, &lines);
        (output.status.code(), String::from_utf8_lossy(&output.stderr).into_owned())
    };
    for next in ["second", "third"] {
        continue_in(&world, next);
        let (status, told) = again();
        assert!(status == Some(1) && told.contains("it was used already"), "{next}: {told}");
    }
    point(&world, "other");
    world.git_in(&world.server(), &["update-ref", "-d", "refs/heads/main"]);
    assert_eq!(again().0, Some(0));
}

#[test]
fn a_former_ledger_that_is_not_as_it_was_left_stops_all_pushes() {
    let site = Site::new();
    let world = &site.world;
    site.copy_ledger("older");
    continue_in(world, "next");
    let tip = objects::signed(world, ALICE_SSH, &[&site.tip], "more");
    let (ledger, away) = (world.path("ledger"), world.path("away"));
    fs::rename(&ledger, &away).unwrap();
    is_undecided(
        world,
        &tip,
        "main",
        &format!("the ledger that it continues, `{}`: it is not there", ledger.display()),
    );
    let verified = ends(world, 0, &["verify"]);
    assert!(verified.contains(&format!("it continues {}, which is not there and is not verified", ledger.display())));
    // An older copy, and one in which something was changed.
    fs::rename(world.path("older"), &ledger).unwrap();
    set_mode(&ledger, 0o700);
    is_undecided(world, &tip, "main", "it does not end with the checkpoint that is continued");
    assert_eq!(found(world, &[]), ["other-former"]);
    for (change, why) in [
        ("DELETE FROM record WHERE number = (SELECT max(number) FROM record)", "and it has others"),
        (
            "UPDATE record SET body = CAST(replace(body, 'closed', 'opened') AS BLOB), leaf = zeroblob(32) WHERE number = (SELECT max(number) FROM record)",
            "its tree is not that of its last checkpoint",
        ),
        (
            "UPDATE node SET hash = zeroblob(32) WHERE level = (SELECT max(level) FROM node)",
            "its tree is not that of its last checkpoint",
        ),
        ("DELETE FROM checkpoint", "it does not end with the checkpoint that is continued"),
        (
            "UPDATE checkpoint SET note = CAST(note || 'x' AS BLOB)",
            "it does not end with the checkpoint that is continued",
        ),
    ] {
        fs::remove_dir_all(&ledger).unwrap();
        copy(&away, &ledger);
        rusqlite::Connection::open(ledger.join("ledger.sqlite")).unwrap().execute_batch(change).unwrap();
        is_undecided(world, &tip, "main", why);
        assert_eq!(found(world, &[]), ["other-former"], "{change}");
    }
    // What a push does not look at, `verify` does.
    fs::remove_dir_all(&ledger).unwrap();
    copy(&away, &ledger);
    let database = rusqlite::Connection::open(ledger.join("ledger.sqlite")).unwrap();
    database
        .execute("UPDATE record SET body = CAST(replace(body, 'refs/heads/main', 'refs/heads/evil') AS BLOB) WHERE number = 2", [])
        .unwrap();
    drop(database);
    assert!(found(world, &[]).contains(&"damaged".to_owned()));
    fs::remove_dir_all(&ledger).unwrap();
    fs::rename(&away, &ledger).unwrap();
    world.accepts(&[&to(&tip, "main")]);
    assert_eq!(found(world, &[]), [""; 0]);
}

fn copy(from: &Path, to: &Path) {
    fs::create_dir(to).unwrap();
    set_mode(to, 0o700);
    for entry in fs::read_dir(from).unwrap() {
        let name = entry.unwrap().file_name();
        fs::copy(from.join(&name), to.join(name)).unwrap();
    }
}

#[test]
fn it_is_not_closed_while_it_is_not_known_what_became_of_a_push() {
    let site = Site::new();
    let world = &site.world;
    let tip = objects::signed(world, ALICE_SSH, &[&site.tip], "more");
    world.accepts(&[&to(&tip, "main")]);
    // As if git were still at it.
    world.git_in(&world.server(), &["update-ref", "refs/heads/main", &site.tip]);
    let told = ends(world, 3, &["close", "--yes", "--next", &path(world, "next")]);
    assert!(told.contains("accepted a push of which it is not known yet what became: try again"), "{told}");
    assert_ne!(records(world, "ledger").last().unwrap()["type"], "closed");
    // No hook takes the folder for one in which there is to be a ledger of its own.
    point(world, "next");
    is_undecided(world, &tip, "main", "the ledger that is to continue another one is not made yet");
    point(world, "ledger");
    // Of a repository that is gone nobody will ever know.
    let server = world.path("gone.git");
    fs::rename(world.server(), &server).unwrap();
    let mut command = world.command(env!("CARGO_BIN_EXE_countersign"), &world.path(""));
    command.args(["ledger", "close", "--yes", "--next", &path(world, "next")]).arg("--policy").arg(world.policy_path());
    let output = run(command, b"");
    let told = String::from_utf8([output.stdout, output.stderr].concat()).unwrap();
    assert!(output.status.success() && told.contains("of what became of it nothing is known"), "{told}");
}

#[test]
fn another_ledger_is_not_written_over() {
    let site = Site::new();
    let world = &site.world;
    point(world, "other");
    let tip = objects::signed(world, ALICE_SSH, &[&site.tip], "more");
    world.accepts(&[&to(&tip, "main")]);
    for next in ["other", "ledger"] {
        let told = ends(world, 3, &["close", "--yes", "--next", &path(world, next)]);
        assert!(told.contains("there is a `ledger.sqlite` already: name another folder"), "{told}");
    }
    world.accepts(&[&to(&objects::signed(world, ALICE_SSH, &[&tip], "still open"), "main")]);
}

/// A ledger of the library's own, without a server.
struct Ground {
    folder: tempfile::TempDir,
    trusted: TrustedFiles,
}

impl Ground {
    fn new() -> Self {
        Self { folder: tempfile::tempdir().unwrap(), trusted: TrustedFiles::new(&[]).unwrap() }
    }

    fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    fn open(&self, name: &str, now: i64) -> Ledger {
        Ledger::open(&self.path(name), &self.trusted, &making(now)).unwrap()
    }

    fn close(&self, ledger: &mut Ledger, next: &str, now: i64) {
        let clock = || Timestamp(now);
        ledger.close(&self.path(next), &BTreeSet::new(), &self.trusted, &making(now), &clock).unwrap();
    }
}

fn making(now: i64) -> Making {
    Making { origin: format!("ledger.example/{now}"), by_hook: false, user: 0, now: Timestamp(now) }
}

fn adopted() -> Record {
    Record::Adopted(Adoption { repository: b"/r".to_vec(), refs: Vec::new(), brought: None, user: 0 })
}

#[test]
fn moments_do_not_go_back_from_one_to_the_next() {
    let ground = Ground::new();
    let mut ledger = ground.open("one", 5_000);
    ledger.append(&|| Timestamp(9_000), |writing| writing.record(&adopted()).map(drop)).unwrap();
    // The clock was set back.
    ground.close(&mut ledger, "two", 6_000);
    let mut next = ground.open("two", 6_000);
    next.append(&|| Timestamp(7_000), |writing| writing.record(&adopted()).map(drop)).unwrap();
    for (ledger, number) in [(&ledger, 2), (&next, 0), (&next, 1)] {
        let entry = ledger.entry(number).unwrap().unwrap();
        assert_eq!(entry.clock_behind(), Some(Timestamp(9_000)), "{entry:?}");
    }
    let mut damages = Vec::new();
    next.verify(&mut |damage| damages.push(damage.to_string())).unwrap();
    assert_eq!(damages, [""; 0]);
}

#[test]
fn nothing_comes_after_the_end() {
    let ground = Ground::new();
    let mut ledger = ground.open("one", 5_000);
    ground.close(&mut ledger, "two", 6_000);
    let size = ledger.entry(1).unwrap().unwrap().number() + 1;
    let key = SigningKey::parse(&fs::read_to_string(ground.path("one/key")).unwrap()).unwrap();
    // As whoever holds the key and the disk could do it.
    let bodies = [
        ledger.body(0).unwrap().unwrap(),
        ledger.body(1).unwrap().unwrap(),
        adopted().to_bytes(size, Timestamp(7_000), None),
    ];
    let leaves: Vec<Hash> = bodies.iter().map(|body| Hash::leaf(body)).collect();
    let root = Hash::node(Hash::node(leaves[0], leaves[1]), leaves[2]);
    let mut fill = |restoring: &mut Restoring<'_>| {
        bodies.iter().try_for_each(|body| restoring.record(body))?;
        restoring.checkpoint(3, Checkpoint::sign(3, root, &key).unwrap().to_string().as_bytes())
    };
    let error = Ledger::restore(&ground.path("forged"), &ground.trusted, &key, &mut fill).unwrap_err().to_string();
    assert!(error.ends_with("not whole: record 2: it comes after the one that closed the ledger"), "{error}");
}
