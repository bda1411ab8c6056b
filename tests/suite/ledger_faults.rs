//! No accepted push is without its record, and nothing recorded is lost: real pushes through the hook, whatever ends it, and
//! whatever the disk does.

mod boundaries;
mod clocks;
mod closings;
mod crowds;
mod disks;
mod endings;
mod layer;
mod outcomes;
mod words;

use crate::support::{self, World, keys::ALICE_SSH, objects, set_mode};
use countersign::{ledger::Ledger, trusted::TrustedFiles};
use rusqlite::{OpenFlags, config::DbConfig};
use serde_json::Value;
use std::{
    fs,
    path::{Path, PathBuf},
    process::Command,
};

const POLICY: &str = "version = 1\nunmatched-refs = \"accept\"\n[[rule]]\nname = \"branches\"\nrefs = [\"refs/heads/**\"]\n\
                      signatures = { commits = \"all\" }\n";

/// A server whose hook does nothing but start the program, so that pushes may be made at once, and that judges every branch.
fn world() -> World {
    let world = World::new();
    world.policy(POLICY);
    hook(&world, &world.server(), "pre-receive", "hook pre-receive");
    world
}

/// Installs a hook of git's that starts the program with these arguments. What the file `before` in the world's folder holds
/// is done first.
fn hook(world: &World, repository: &Path, name: &str, arguments: &str) {
    let path = repository.join("hooks").join(name);
    let before = world.path("before");
    let script = format!(
        "#!/bin/sh\n[ -e '{before}' ] && . '{before}'\nexec '{}' {arguments} --policy '{}' --log '{}'\n",
        env!("CARGO_BIN_EXE_countersign"),
        world.policy_path().display(),
        world.path("log").display(),
        before = before.display(),
    );
    fs::create_dir_all(repository.join("hooks")).unwrap();
    fs::write(&path, script).unwrap();
    set_mode(&path, 0o755);
}

/// So many commits by Alice, each on the one before.
fn commits(world: &World, count: usize) -> Vec<String> {
    let mut ids: Vec<String> = Vec::new();
    for number in 0..count {
        let parents: Vec<&str> = ids.last().map(String::as_str).into_iter().collect();
        ids.push(objects::signed(world, ALICE_SSH, &parents, &format!("commit {number}")));
    }
    ids
}

fn push_command(world: &World, repository: &Path, refspecs: &[&str]) -> Command {
    let mut command = world.command("git", &world.clone_path());
    command.args(["push", "-q"]).arg(format!("file://{}", repository.display())).args(refspecs);
    command
}

/// Whether git took it, and all that was told.
fn push_to(world: &World, repository: &Path, refspecs: &[&str]) -> (bool, String) {
    let output = support::run(push_command(world, repository, refspecs), b"");
    (output.status.success(), String::from_utf8_lossy(&output.stderr).into_owned())
}

fn push(world: &World, refspecs: &[&str]) -> (bool, String) {
    push_to(world, &world.server(), refspecs)
}

#[track_caller]
fn accepts(world: &World, refspecs: &[&str]) -> String {
    let (accepted, told) = push(world, refspecs);
    assert!(accepted, "{told}");
    told
}

/// The database, read without moving its log.
fn database(world: &World) -> rusqlite::Connection {
    let database =
        rusqlite::Connection::open_with_flags(world.path("ledger/ledger.sqlite"), OpenFlags::SQLITE_OPEN_READ_WRITE)
            .unwrap();
    database.set_db_config(DbConfig::SQLITE_DBCONFIG_NO_CKPT_ON_CLOSE, true).unwrap();
    database
}

/// All that is recorded, in order.
fn records(world: &World) -> Vec<Value> {
    let database = database(world);
    let mut select = database.prepare("SELECT body FROM record ORDER BY number").unwrap();
    let bodies = select.query_map([], |row| row.get(0)).unwrap();
    bodies.map(|body: Result<Vec<u8>, _>| serde_json::from_slice(&body.unwrap()).unwrap()).collect()
}

fn of_type<'a>(records: &'a [Value], kind: &str) -> Vec<&'a Value> {
    records.iter().filter(|record| record["type"] == kind).collect()
}

/// What became of each decision that accepted, by its number: `open`, `completed` or `failed`.
fn states(world: &World) -> Vec<(u64, String)> {
    let database = database(world);
    let mut select =
        database.prepare("SELECT number, state FROM decision WHERE state <> 'refused' ORDER BY number").unwrap();
    let rows = select.query_map([], |row| Ok((row.get::<_, i64>(0)?.unsigned_abs(), row.get(1)?))).unwrap();
    rows.map(Result::unwrap).collect()
}

/// The ledger is whole; its records, whose numbers have no gap.
#[track_caller]
fn whole(world: &World) -> Vec<Value> {
    let ledger = Ledger::read(&world.path("ledger"), &TrustedFiles::new(&[]).unwrap()).unwrap().unwrap();
    let mut found = Vec::new();
    let computed = ledger.verify(&mut |damage| found.push(damage.to_string())).unwrap();
    assert_eq!(found, [""; 0]);
    let records = records(world);
    assert_eq!(computed.size, records.len() as u64);
    assert!(records.iter().zip(0..).all(|(record, number): (_, u64)| record["number"] == number));
    records
}

/// Every branch that the repository has was let in by a decision that is recorded.
#[track_caller]
fn every_branch_was_decided(world: &World, repository: &Path, records: &[Value]) {
    let decisions = of_type(records, "decision");
    let listed = world.git_in(repository, &["for-each-ref", "--format=%(refname) %(objectname)", "refs/heads"]);
    for (name, id) in listed.lines().map(|line| line.split_once(' ').unwrap()) {
        let decided = decisions.iter().any(|decision| {
            decision["verdict"] == "accepted"
                && decision["repository"] == repository.to_str().unwrap()
                && decision["ref"] == name
                && decision["new"] == id
        });
        assert!(decided, "{name} has {id}, and no decision let it in");
    }
}

/// A bare repository more, under the same hook.
fn repository(world: &World, name: &str) -> PathBuf {
    let path = world.path(name);
    world.git_in(&world.path("home"), &["init", "-q", "--bare", path.to_str().unwrap()]);
    hook(world, &path, "pre-receive", "hook pre-receive");
    path
}
