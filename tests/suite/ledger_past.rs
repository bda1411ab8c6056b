//! What was recorded counts: refs vouch for the commits they hold, and what was received stays good. By real pushes; each
//! refusal with its twin that is accepted.

mod receipts;
mod vouching;

use crate::support::{World, keys::*, objects, run_well, set_mode};
use countersign::{
    ledger::{Adoption, Brought, Digest, Ledger, Making, Record},
    push::{ObjectId, RefName, Timestamp},
    trusted::TrustedFiles,
};
use std::{
    fs,
    time::{SystemTime, UNIX_EPOCH},
};

const ALL: &str = "signatures = { commits = \"all\" }";

/// A rule for these refs, with these lines.
fn rule(name: &str, refs: &str, lines: &str) -> String {
    let refs: Vec<String> = refs.split(' ').map(|name| format!("\"refs/{name}\"")).collect();
    format!("[[rule]]\nname = \"{name}\"\nrefs = [{}]\n{lines}\n", refs.join(", "))
}

fn policy(rules: &[String]) -> String {
    format!("version = 1\nunmatched-refs = \"accept\"\n{}", rules.concat())
}

/// Main and releases under one rule of the name `protected`, tags named `rc/` under it too.
fn protected(lines: &str) -> String {
    policy(&[rule("protected", "heads/main heads/release/** tags/rc/**", lines)])
}

fn world(policy: &str) -> World {
    let world = World::new();
    world.policy(policy);
    world
}

fn to(id: &str, name: &str) -> String {
    format!("{id}:refs/{name}")
}

/// The policy that stands there, with one text for another.
fn change(world: &World, from: &str, to: &str) {
    let text = fs::read_to_string(world.policy_path()).unwrap();
    assert!(text.contains(from), "{text}");
    fs::write(world.policy_path(), text.replace(from, to)).unwrap();
}

fn seconds() -> i64 {
    SystemTime::now().duration_since(UNIX_EPOCH).unwrap().as_secs() as i64
}

/// Waits until the clock shows another second than this.
fn after(moment: i64) -> i64 {
    while seconds() <= moment {
        std::thread::sleep(std::time::Duration::from_millis(20));
    }
    seconds()
}

/// As `sshd` and others do: RFC 3339.
fn written(moment: i64) -> String {
    jiff::Timestamp::from_second(moment).unwrap().to_string()
}

fn ledger(world: &World) -> Ledger {
    let making = Making { origin: "test/ledger".into(), by_hook: false, user: 0, now: Timestamp(seconds()) };
    Ledger::open(&world.path("ledger"), &TrustedFiles::new(&[]).unwrap(), &making).unwrap()
}

fn object(id: &str) -> ObjectId {
    ObjectId::from_hex(id.as_bytes()).unwrap()
}

/// Settles what is open as the next hook would.
fn settle(world: &World) {
    let mut ledger = ledger(world);
    let place = world.server().canonicalize().unwrap();
    let quarantine = countersign::git::Quarantine::default();
    let repository = countersign::git::Repository::open(&place, &quarantine).unwrap();
    countersign::run::settle(&mut ledger, &place, &repository, &|| Timestamp(seconds())).unwrap();
}

/// When the server received an object, as its ledger says.
fn received(world: &World, id: &str) -> Option<i64> {
    settle(world);
    let ledger = ledger(world);
    let memory = ledger.memory(&world.server().canonicalize().unwrap()).unwrap();
    memory.received(object(id)).unwrap().map(|moment| moment.0)
}

/// What `ledger adopt` records of one ref: its value, and all commits in reach of it.
fn adopt(world: &World, name: &str) {
    adopt_at(world, name, seconds());
}

fn adopt_at(world: &World, name: &str, moment: i64) {
    let name = RefName::new(name.as_bytes()).unwrap();
    let value = world.git_in(&world.server(), &["rev-parse", &name.to_string()]);
    let mut objects: Vec<String> =
        world.git_in(&world.server(), &["rev-list", &value]).lines().map(str::to_owned).collect();
    objects.push(value.clone());
    objects.sort();
    objects.dedup();
    let list = objects.iter().map(|id| format!("{id} -\n")).collect::<String>();
    let list = format!("{{\"schema\":1,\"people\":[]}}\n{list}");
    let place = world.server().canonicalize().unwrap().to_str().unwrap().as_bytes().to_vec();
    let brought = Brought { objects: objects.len() as u64, list: Digest::of(list.as_bytes()) };
    let adoption = Adoption { repository: place, refs: vec![(name, object(&value))], brought: Some(brought), user: 0 };
    let appended = ledger(world).append(&|| Timestamp(moment), |writing| {
        writing.content(list.as_bytes())?;
        writing.record(&Record::Adopted(adoption)).map(drop)
    });
    appended.unwrap();
}

/// How many commits the hook judged of a push that it accepted.
#[track_caller]
fn judged(world: &World, refspecs: &[&str]) -> u64 {
    let mut command = world.command("git", &world.clone_path());
    command.arg("push").arg(world.server()).args(refspecs).env("COUNTERSIGN_LOG", "info");
    world.pushed_by(command).expect_accepted();
    let log = fs::read_to_string(world.path("log")).unwrap();
    let (_, count) = log.split_once(" commits=").unwrap_or_else(|| panic!("{log}"));
    count.split_whitespace().next().unwrap().parse().unwrap()
}

/// Refuses, and blames this commit alone.
#[track_caller]
fn blames(world: &World, refspecs: &[&str], reason: &str, bad: &str) {
    let told = world.refuses_in_words(refspecs, &[reason]).told();
    assert!(told.contains(&bad[..7]), "{bad}: {told}");
}

/// The line of a key in `allowed_signers`, with these options.
fn line(key: &str, options: &str) -> String {
    let space = if options.is_empty() { "" } else { " " };
    format!("{} {options}{space}{}\n", user_id(key), public_ssh(key))
}

/// Writes the registry's `signers.toml`.
fn people(world: &World, text: &str) {
    let path = world.registry_path().join("signers.toml");
    fs::write(&path, text).unwrap();
    set_mode(&path, 0o644);
}

/// Says of a key that it is out of use, or in other hands, since a moment.
fn stated(world: &World, key: &str, state: &str, since: i64) {
    let name = if is_openpgp(key) { format!("openpgp:{}", fingerprint(key)) } else { fingerprint(key) };
    people(world, &format!("[[key]]\nfingerprint = \"{name}\"\nstate = \"{state}\"\nsince = {}\n", written(since)));
}
