//! What git itself says of the fixtures, by gpg and ssh-keygen with the same keys: `tools/compare-with-git` finds where it
//! differs from us, and `fixtures/wild/divergences` lists each of these with its reason.

use super::{Fixture, JUDGED_AT, Wild, folder, manifest};
use crate::support::{World, keys, objects, run};
use std::{collections::BTreeMap, fs, path::Path};

/// The lines that the command writes, and its exit status.
fn compare(world: &World, arguments: &[&str], names: &str) -> (i32, String) {
    let tool = Path::new(env!("CARGO_MANIFEST_DIR")).join("tools/compare-with-git");
    let mut command = world.command(tool, &world.clone_path());
    command.args(["--program", env!("CARGO_BIN_EXE_countersign"), "--registry"]).arg(world.registry_path());
    command.args(arguments);
    let output = run(command, names.as_bytes());
    let status = output.status.code().unwrap();
    assert!(status < 2, "{}", String::from_utf8_lossy(&output.stderr));
    (status, String::from_utf8(output.stdout).unwrap())
}

/// By file: git's letter and our status.
fn differences(wild: &Wild, fixtures: &[Fixture]) -> BTreeMap<String, (String, String)> {
    let mut found = BTreeMap::new();
    for object_format in ["sha1", "sha256"] {
        let world = wild.world(object_format);
        let mut files = BTreeMap::new();
        for fixture in fixtures.iter().filter(|fixture| fixture.object_format() == object_format) {
            files.insert(objects::write(world, fixture.kind(), &fixture.bytes()), &fixture.file);
        }
        let names: String = files.keys().map(|id| format!("{id}\n")).collect();
        let (status, lines) = compare(world, &["--at", JUDGED_AT, "--each", "--stdin", "."], &names);
        assert_eq!(status, 0, "all must be explained:\n{lines}");
        for line in lines.lines() {
            let [id, _, git, ours, _] = line.split(' ').collect::<Vec<_>>()[..] else { panic!("{line}") };
            found.insert(files[id].clone(), (git.to_owned(), ours.to_owned()));
        }
    }
    found
}

/// A line: file, git's letter (several: it depends on the version of gpg or ssh-keygen), our status, the reason.
#[test]
fn git_differs_where_the_list_says_and_nowhere_else() {
    let mut found = differences(&Wild::new(), &manifest());
    let mut wrong = Vec::new();
    for line in fs::read_to_string(folder().join("divergences")).unwrap().lines() {
        let [file, letters, ours, reason] = line.split('\t').collect::<Vec<_>>()[..] else { panic!("{line}") };
        assert!(reason.len() > 10, "{line}");
        match found.remove(file) {
            Some((git, status)) if letters.contains(&git) && status == ours => {}
            other => wrong.push(format!("{file} is listed as {letters} {ours}, and is {other:?}")),
        }
    }
    wrong.extend(found.into_iter().map(|(file, difference)| format!("{file} is not listed, and is {difference:?}")));
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

#[test]
fn the_comparison_of_a_history_groups_differences_and_fails_for_those_without_an_explanation() {
    let world = World::new();
    let first = objects::signed(&world, keys::ALICE_SSH, &[], "one");
    let second = objects::signed(&world, keys::DAVE_OPENPGP, &[&first], "two");
    let third = objects::unsigned(&world, &[&second], "three");
    let fourth = objects::signed(&world, keys::MALLORY_SSH, &[&third], "four");
    let fifth = objects::signed(&world, keys::MALLORY_OPENPGP, &[&fourth], "five");
    world.git(&["update-ref", "refs/heads/main", &fifth]);
    world.git(&["update-ref", "refs/tags/v1", &objects::signed_tag(&world, keys::BOB_SSH, &fifth, "commit", "v1")]);
    for (range, count) in [(&["."][..], 6), (&[".", "main"], 5), (&[".", "main^..main"], 1)] {
        let alike = format!("{count} compared: {count} alike, 0 different, 0 of these without an explanation\n");
        assert_eq!(compare(&world, range, ""), (0, alike));
    }

    // A registry in which Dave's certificate is nobody's: git finds his signature good all the same.
    let signers =
        "[[signer]]\nid = \"a\"\nkeys = [\"openpgp:FPR\"]\n[[signer]]\nid = \"b\"\nkeys = [\"openpgp:FPR\"]\n";
    let signers = signers.replace("FPR", &keys::fingerprint(keys::DAVE_OPENPGP));
    let line = format!("alice@example.com {}\n", keys::public_ssh(keys::ALICE_SSH));
    world.registry(&[
        ("allowed_signers", &line),
        ("openpgp/dave.asc", &keys::public_openpgp(keys::DAVE_OPENPGP)),
        ("signers.toml", &signers),
    ]);
    let (status, told) = compare(&world, &[".", "main"], "");
    let expected = format!(
        "5 compared: 4 alike, 1 different, 1 of these without an explanation\n\n\
         1: git says G, countersign unknown-key (openpgp)\n  not explained\n  such as {}\n",
        &second[..12]
    );
    assert_eq!((status, told), (1, expected.clone()));
    fs::write(world.path("explained"), "openpgp G unknown-key two people claim it\n").unwrap();
    let explained = world.path("explained");
    let (status, told) = compare(&world, &["--explained", explained.to_str().unwrap(), ".", "main"], "");
    let expected = expected.replace("1 of these", "0 of these").replace("not explained", "two people claim it");
    assert_eq!((status, told), (0, expected));
}
