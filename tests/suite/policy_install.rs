//! `policy install` and `policy rollback`: what is in force afterwards, and what pushes say of it.

use crate::support::{self, World, objects};
use std::{fs, os::unix::fs::PermissionsExt, path::Path};

const ACCEPTS: &str = "version = 1\nunmatched-refs = \"accept\"\n[ledger]\npath = \"../ledger\"\n";
const SIGNED: &str = "version = 1\nunmatched-refs = \"accept\"\nledger = { path = \"../ledger\" }\n[[rule]]\nname = \"main\"\n\
                      refs = [\"refs/heads/main\"]\nsignatures = { commits = \"all\" }\n";

/// A command on the server's policy: its exit status and all that it said.
fn policy(world: &World, arguments: &[&str]) -> (i32, String) {
    let mut command = world.command(env!("CARGO_BIN_EXE_countersign"), &world.path("home"));
    command.arg("policy").args(arguments);
    let output = support::run(command, b"");
    let said = [output.stdout, output.stderr].concat();
    (output.status.code().unwrap(), String::from_utf8_lossy(&said).into_owned())
}

fn in_place<'a>(policy: &'a Path, more: &[&'a str]) -> Vec<&'a str> {
    [more, &["--policy", policy.to_str().unwrap()]].concat()
}

/// A file beside the registry's folder's parent: what is relative in it would not be found from there.
fn draft(world: &World, text: &str) -> String {
    let path = world.path("home/draft.toml");
    fs::write(&path, text).unwrap();
    support::set_mode(&path, 0o644);
    path.to_str().unwrap().to_owned()
}

#[test]
fn an_installed_policy_counts_from_the_next_push_and_rollback_undoes_it_and_itself() {
    let world = World::new();
    let path = world.policy_path();
    let (status, said) = policy(&world, &in_place(&path, &["install", &draft(&world, ACCEPTS)]));
    assert!(status == 0 && said.contains("there was none before"), "{said}");
    let unsigned = objects::unsigned(&world, &[], "One");
    world.accepts(&[&format!("{unsigned}:refs/heads/main")]);
    let (status, said) = policy(&world, &in_place(&path, &["install", &draft(&world, SIGNED)]));
    assert!(status == 0 && said.contains("installed; `countersign policy rollback`"), "{said}");
    let next = objects::unsigned(&world, &[&unsigned], "Two");
    world.refuses(&[&format!("{next}:refs/heads/main")], &["unsigned"]);
    for (present, former) in [(ACCEPTS, SIGNED), (SIGNED, ACCEPTS), (ACCEPTS, SIGNED)] {
        let (status, said) = policy(&world, &in_place(&path, &["rollback"]));
        assert!(status == 0 && said.contains("the former policy is in force again"), "{said}");
        assert_eq!(fs::read_to_string(&path).unwrap(), present);
        assert_eq!(fs::read_to_string(world.path("policy/policy.toml.former")).unwrap(), former);
    }
    world.accepts(&[&format!("{next}:refs/heads/main")]);
}

#[test]
fn what_is_in_force_already_does_not_take_the_former_ones_place() {
    let world = World::new();
    let path = world.policy_path();
    for (text, words) in [(ACCEPTS, "none before"), (SIGNED, "installed"), (SIGNED, "is in force already")] {
        let (status, said) = policy(&world, &in_place(&path, &["install", &draft(&world, text)]));
        assert!(status == 0 && said.contains(words), "{words}: {said}");
    }
    assert_eq!(fs::read_to_string(world.path("policy/policy.toml.former")).unwrap(), ACCEPTS);
}

#[test]
fn mistakes_are_all_told_and_nothing_changes() {
    let world = World::new();
    world.policy(SIGNED);
    let path = world.policy_path();
    let file = draft(&world, &SIGNED.replace("accept", "acept").replace("\"all\"", "\"every\""));
    let (status, said) = policy(&world, &in_place(&path, &["install", &file]));
    assert!(status == 1 && said.contains("`acept`") && said.contains("`every`"), "{said}");
    assert!(said.contains("draft.toml:2:") && said.contains("draft.toml:7:"), "{said}");
    let (status, said) = policy(&world, &in_place(&path, &["install", &file, "--format", "json"]));
    let value: serde_json::Value = serde_json::from_str(&said).unwrap();
    assert_eq!((status, value["errors"].as_array().unwrap().len()), (1, 2), "{said}");
    assert_eq!(fs::read_to_string(&path).unwrap(), SIGNED);
    assert_eq!(fs::read_dir(world.path("policy")).unwrap().count(), 2, "policy.toml and registry");
}

#[test]
fn it_is_checked_as_it_will_be_in_its_place() {
    let world = World::new();
    world.policy(SIGNED);
    let path = world.policy_path();
    let there = draft(&world, SIGNED);
    assert_eq!(policy(&world, &["check", &there]).0, 3, "there is no registry beside the draft");
    assert_eq!(policy(&world, &in_place(&path, &["install", &there])).0, 0);
    let elsewhere = draft(&world, &format!("registry = \"nowhere\"\n{SIGNED}"));
    let (status, said) = policy(&world, &in_place(&path, &["install", &elsewhere]));
    assert!(status == 3 && said.contains("policy/nowhere"), "{said}");
    assert_eq!(fs::read_to_string(&path).unwrap(), SIGNED);
}

#[test]
fn what_somebody_else_could_have_written_is_not_installed() {
    let world = World::new();
    world.policy(SIGNED);
    let path = world.policy_path();
    let file = draft(&world, ACCEPTS);
    support::set_mode(Path::new(&file), 0o666);
    let (status, said) = policy(&world, &in_place(&path, &["install", &file]));
    assert!(status == 3 && said.contains("draft.toml") && said.contains("writ"), "{said}");
    support::set_mode(Path::new(&file), 0o644);
    support::set_mode(&path, 0o666);
    let (status, said) = policy(&world, &in_place(&path, &["install", &file]));
    assert!(status == 3 && said.contains("policy.toml"), "{said}");
    support::set_mode(&path, 0o644);
    assert_eq!(policy(&world, &in_place(&path, &["install", &file])).0, 0);
}

#[test]
fn rollback_needs_a_former_policy_that_still_works() {
    let world = World::new();
    world.policy(SIGNED);
    let path = world.policy_path();
    let (status, said) = policy(&world, &in_place(&path, &["rollback"]));
    assert!(status == 3 && said.contains("nothing was installed over another"), "{said}");
    let former = world.path("policy/policy.toml.former");
    fs::write(&former, "version = 1\n").unwrap();
    let (status, said) = policy(&world, &in_place(&path, &["rollback"]));
    assert!(status == 1 && said.contains("`unmatched-refs` is missing"), "{said}");
    assert_eq!(fs::read_to_string(&path).unwrap(), SIGNED);
    fs::write(&former, ACCEPTS).unwrap();
    assert_eq!(policy(&world, &in_place(&path, &["rollback"])).0, 0);
    assert_eq!(fs::read_to_string(&path).unwrap(), ACCEPTS);
}

#[test]
fn with_repo_it_is_the_repositorys_own() {
    let world = World::new();
    let server = world.server();
    let registry = world.registry_path();
    let file = draft(&world, &format!("registry = \"{}\"\n{SIGNED}", registry.display()));
    let (status, said) = policy(&world, &["install", &file, "--repo", server.to_str().unwrap(), "--format", "json"]);
    let value: serde_json::Value = serde_json::from_str(&said).unwrap();
    let place = server.join("countersign/policy.toml");
    assert_eq!((status, value["policy"].as_str()), (0, place.to_str()), "{said}");
    assert_eq!((&value["changed"], &value["former"]), (&true.into(), &serde_json::Value::Null), "{said}");
    assert_eq!(fs::read_to_string(place).unwrap(), fs::read_to_string(file).unwrap());
}

/// The hook runs as another user than the administrator, whose umask may be strict.
#[test]
fn a_folder_that_is_made_can_be_read_by_the_hook_whatever_the_umask() {
    let world = World::new();
    let text = format!("registry = \"{}\"\n{ACCEPTS}", world.registry_path().display());
    let folder = world.path("home/made");
    let mut command = world.command("sh", &world.path("home"));
    command.args(["-c", "umask 077; exec \"$@\"", "sh", env!("CARGO_BIN_EXE_countersign"), "policy", "install"]);
    command.args([&draft(&world, &text), "--policy"]).arg(folder.join("policy.toml"));
    support::run_well(command, b"");
    for path in [&folder, &folder.join("policy.toml")] {
        let mode = fs::metadata(path).unwrap().permissions().mode();
        assert_eq!(mode & 0o044, 0o044, "{}: {mode:o}", path.display());
    }
}
