//! The commands that edit the registry, and what a push makes of it before and after.

use crate::support::{self, World, keys, objects, set_mode};
use std::fs;

/// The commands' exit status, results and complaints. The registry is that of the policy.
fn registry(world: &World, arguments: &[&str], stdin: &[u8]) -> (i32, String, String) {
    let mut command = world.command(env!("CARGO_BIN_EXE_countersign"), &world.clone_path());
    command.arg("registry").args(arguments).arg("--policy").arg(world.policy_path());
    let output = support::run(command, stdin);
    let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
    (output.status.code().unwrap(), text(&output.stdout), text(&output.stderr))
}

#[track_caller]
fn done(world: &World, arguments: &[&str]) -> String {
    let (status, out, error) = registry(world, arguments, b"");
    assert_eq!((status, &*error), (0, ""), "{out}");
    out
}

#[track_caller]
fn not_done(world: &World, arguments: &[&str]) -> String {
    let before = files(world);
    let (status, out, error) = registry(world, arguments, b"");
    assert_eq!((status, &*out), (1, ""), "{error}");
    assert_eq!(files(world), before);
    error
}

/// The names and contents of the registry's files.
fn files(world: &World) -> Vec<(String, Vec<u8>)> {
    let mut found = Vec::new();
    for folder in [world.registry_path(), world.registry_path().join("openpgp")] {
        for entry in fs::read_dir(folder).into_iter().flatten() {
            let path = entry.unwrap().path();
            found.extend(fs::read(&path).ok().map(|bytes| (path.display().to_string(), bytes)));
        }
    }
    found.sort();
    found
}

fn signers(world: &World) -> String {
    fs::read_to_string(world.registry_path().join("signers.toml")).unwrap()
}

fn write_signers(world: &World, text: &str) {
    let path = world.registry_path().join("signers.toml");
    fs::write(&path, text).unwrap();
    set_mode(&path, 0o644);
}

/// A next commit on `main`, with this key; its id.
fn next(world: &World, key: &str) -> String {
    let tip = world.refs().get("refs/heads/main").cloned();
    let commit = objects::signed(world, key, &tip.iter().map(String::as_str).collect::<Vec<_>>(), "next");
    world.git(&["update-ref", "refs/heads/main", &commit]);
    commit
}

#[test]
fn a_retired_key_is_refused_from_then_on() {
    let world = World::with_signed_main();
    let key = keys::fingerprint(keys::ALICE_SSH);
    next(&world, keys::ALICE_SSH);
    world.accepts(&["main"]);
    let told = done(&world, &["retire", &key, "--since", "2099-01-01", "--note", "replaced by \"her\" token"]);
    assert_eq!(told, format!("{key} of alice@example.com is retired since 2099-01-01T00:00:00Z\n"));
    next(&world, keys::ALICE_SSH);
    world.accepts(&["main"]);
    done(&world, &["retire", &key, "--since", "2026-05-01T12:00:00+02:00"]);
    assert_eq!(
        signers(&world),
        format!(
            "[[key]]\nfingerprint = \"{key}\"\nstate = \"retired\"\nsince = 2026-05-01T10:00:00Z\nnote = \"replaced by \\\"her\\\" \
             token\"\n"
        )
    );
    next(&world, keys::ALICE_SSH);
    world.refuses(&["main"], &["key-retired"]);
    let again = done(&world, &["retire", &key]);
    assert!(again.contains(" is retired since 2026-05-01T10:00:00Z: replaced by "), "{again}");
    next(&world, keys::BOB_SSH);
    world.accepts(&["main"]);
}

#[test]
fn a_key_is_retired_as_of_now_unless_told_otherwise() {
    let world = World::with_signed_main();
    next(&world, keys::DAVE_OPENPGP);
    world.accepts(&["main"]);
    done(&world, &["retire", &format!("openpgp:{}", keys::fingerprint(keys::DAVE_OPENPGP))]);
    next(&world, keys::DAVE_OPENPGP);
    world.refuses(&["main"], &["key-retired"]);
}

#[test]
fn a_compromised_key_is_refused_whatever_was_said_of_it() {
    let world = World::with_signed_main();
    let key = keys::fingerprint(keys::ALICE_SSH);
    next(&world, keys::ALICE_SSH);
    world.accepts(&["main"]);
    done(&world, &["retire", &key, "--since", "2099-01-01"]);
    let told = done(&world, &["compromise", &key, "--since", "2026-05-01", "--note", "stolen laptop"]);
    assert_eq!(told, format!("{key} of alice@example.com is compromised since 2026-05-01T00:00:00Z\n"));
    next(&world, keys::ALICE_SSH);
    world.refuses(&["main"], &["key-compromised"]);
    let graver = not_done(&world, &["retire", &key]);
    let expected = "is compromised since 2026-05-01T00:00:00Z: stolen laptop already, which is graver";
    assert_eq!(graver, format!("error: {key} {expected}\n"));
    let (status, _, error) = registry(&world, &["compromise", &key], b"");
    assert!(status == 2 && error.contains("--since <TIME>"), "{error}");
}

#[test]
fn whoever_left_signs_no_more() {
    let world = World::with_signed_main();
    next(&world, keys::ALICE_SSH);
    world.accepts(&["main"]);
    let later = done(&world, &["leave", "alice@example.com", "--at", "2099-01-01"]);
    assert_eq!(later, "alice@example.com leaves on 2099-01-01T00:00:00Z\n");
    next(&world, keys::ALICE_SSH);
    world.accepts(&["main"]);
    let left = done(&world, &["leave", "alice@example.com", "--at", "2026-05-01"]);
    assert_eq!(left, "alice@example.com left on 2026-05-01T00:00:00Z\n");
    assert_eq!(signers(&world), "[[signer]]\nid = \"alice@example.com\"\nuntil = 2026-05-01T00:00:00Z\n");
    next(&world, keys::ALICE_SSH);
    world.refuses(&["main"], &["key-retired"]);
    // By an email in a certificate, and now.
    next(&world, keys::DAVE_OPENPGP);
    world.accepts(&["main"]);
    done(&world, &["leave", "dave@example.com"]);
    next(&world, keys::DAVE_OPENPGP);
    world.refuses(&["main"], &["key-retired"]);
}

#[test]
fn all_else_in_the_file_stays_as_it_is() {
    let world = World::with_signed_main();
    let source = "# people\r\n[[signer]]\r\nid = 'alice'  # hers\r\nemails = ['alice@example.com']\r\n\r\n# keys\r\n";
    write_signers(&world, source);
    let path = world.registry_path().join("signers.toml");
    set_mode(&path, 0o640);
    done(&world, &["leave", "alice", "--at", "2026-05-01"]);
    let expected = source.replace("com']\r\n", "com']\r\nuntil = 2026-05-01T00:00:00Z\r\n");
    assert_eq!(signers(&world), expected);
    use std::os::unix::fs::MetadataExt;
    assert_eq!(fs::metadata(&path).unwrap().mode() & 0o777, 0o640);
    next(&world, keys::ALICE_SSH);
    world.refuses(&["main"], &["key-retired"]);
}

#[test]
fn whom_or_what_the_registry_does_not_know_is_told() {
    let world = World::with_signed_main();
    let key = keys::fingerprint(keys::MALLORY_SSH);
    for command in [&["retire", &key][..], &["compromise", &key, "--since", "2026-05-01"]] {
        let error = not_done(&world, command);
        assert!(error.starts_with(&format!("error: the registry has no key {key}; ")), "{error}");
    }
    let error = not_done(&world, &["leave", "alicia@example.com"]);
    assert_eq!(error, "error: nobody in the registry is `alicia@example.com`; did you mean `alice@example.com`?\n");
    write_signers(&world, "[[signer]]\nid = 'alice'\nemails = ['alice@example.com']\n");
    let error = not_done(&world, &["leave", "alice@example.com"]);
    assert_eq!(error, "error: `alice@example.com` is an email of `alice`: say which id is meant\n");
    let (status, _, error) = registry(&world, &["retire", "SHA256:short"], b"");
    assert!(status == 2 && error.contains("a whole fingerprint, such as SHA256:"), "{error}");
}

#[test]
fn a_file_with_mistakes_is_shown_and_not_edited() {
    let world = World::with_signed_main();
    write_signers(&world, "[[signer]]\nid = 'alice'\nemial = []\n");
    let error = not_done(&world, &["retire", &keys::fingerprint(keys::ALICE_SSH)]);
    assert!(error.contains("signers.toml:3:1") && error.contains("did you mean `emails`?"), "{error}");
}

#[test]
fn a_place_that_others_can_write_is_not_written() {
    let world = World::with_signed_main();
    set_mode(&world.registry_path(), 0o777);
    let before = files(&world);
    let (status, _, error) = registry(&world, &["retire", &keys::fingerprint(keys::ALICE_SSH)], b"");
    assert!(status == 3 && error.contains("everybody can write"), "{error}");
    assert_eq!(files(&world), before);
}

#[test]
fn a_dry_run_says_what_would_be_and_writes_nothing() {
    let world = World::with_signed_main();
    let before = files(&world);
    let key = keys::fingerprint(keys::ALICE_SSH);
    let told = done(&world, &["retire", &key, "--since", "2026-05-01", "--dry-run"]);
    let expected = "is retired since 2026-05-01T00:00:00Z; nothing is written (--dry-run)";
    assert_eq!(told, format!("{key} of alice@example.com {expected}\n"));
    let told = done(&world, &["leave", "bob@example.com", "--at", "2026-05-01", "--dry-run", "--format", "json"]);
    let expected = "bob@example.com left on 2026-05-01T00:00:00Z";
    assert_eq!(told, format!("{{\"schema\":1,\"done\":[\"{expected}\"],\"refused\":null,\"written\":false}}\n"));
    assert_eq!(files(&world), before);
    let (status, out, _) = registry(&world, &["leave", "x", "--format", "json"], b"");
    let expected = "{\"schema\":1,\"done\":[],\"refused\":\"nobody in the registry is `x`\",\"written\":false}\n";
    assert_eq!((status, &*out), (1, expected));
}
