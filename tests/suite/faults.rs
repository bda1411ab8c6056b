//! What an administrator or a disk can break: the push is refused, nothing is changed, and the message says who has to act.

use crate::support::{World, keys::*, objects, run, set_mode};
use std::{
    fs,
    os::unix::fs::{MetadataExt, symlink},
    path::PathBuf,
    process::Command,
};

const MAIN: &str = "version = 1\nunmatched-refs = \"accept\"\n[[rule]]\nname = \"main\"\nrefs = [\"refs/heads/main\"]\n\
                    signatures = { commits = \"all\" }\n";

/// A server under a policy, and a good commit to push.
fn world() -> (World, String) {
    let world = World::new();
    world.policy(MAIN);
    let good = objects::signed(&world, ALICE_SSH, &[], "good");
    (world, format!("{good}:refs/heads/main"))
}

/// A good push is refused while this is broken, for want of a decision, with these words; and let in once it is mended.
#[track_caller]
fn undecided_until_mended(breaks: impl FnOnce(&World), words: &[&str], mends: impl FnOnce(&World)) {
    let (world, refspec) = world();
    breaks(&world);
    undecided(&world, &[&refspec], words);
    mends(&world);
    world.accepts(&[&refspec]);
}

#[track_caller]
fn undecided(world: &World, refspecs: &[&str], words: &[&str]) {
    let pushed = world.push(refspecs);
    assert_eq!((pushed.succeeded, pushed.hook), (false, Some(3)), "{}", pushed.output);
    assert_eq!(pushed.before, pushed.after);
    let told = pushed.told();
    for words in words.iter().chain(&["error: countersign could not decide", "administrator has to act"]) {
        assert!(told.contains(words), "{words}: {told}");
    }
}

#[test]
fn no_policy() {
    let remove = |world: &World| fs::remove_file(world.policy_path()).unwrap();
    undecided_until_mended(remove, &["policy.toml", "it is not there"], |world| world.policy(MAIN));
}

#[test]
fn no_policy_named_and_none_in_its_places() {
    let (world, refspec) = world();
    let hook = world.server().join("hooks/pre-receive");
    let script = fs::read_to_string(&hook).unwrap();
    let named = format!(" --policy '{}'", world.policy_path().display());
    fs::write(&hook, script.replace(&named, "")).unwrap();
    undecided(&world, &[&refspec], &["looking for the policy", "/etc/countersign/policy.toml"]);
    fs::write(&hook, script).unwrap();
    world.accepts(&[&refspec]);
}

#[test]
fn a_policy_that_cannot_be_looked_for_is_not_taken_for_none() {
    let (world, refspec) = world();
    let hook = world.server().join("hooks/pre-receive");
    let script = fs::read_to_string(&hook).unwrap();
    let named = format!(" --policy '{}'", world.policy_path().display());
    fs::write(&hook, script.replace(&named, "")).unwrap();
    let link = world.server().join("countersign");
    symlink("countersign", &link).unwrap();
    undecided(&world, &[&refspec], &["looking for the policy ./countersign/policy.toml", "symbolic links"]);
    fs::remove_file(&link).unwrap();
    symlink("not-mounted", &link).unwrap();
    undecided(&world, &[&refspec], &["the link ./countersign leads to no folder"]);
    fs::remove_file(&link).unwrap();
    symlink(world.path("policy"), &link).unwrap();
    world.accepts(&[&refspec]);
}

#[test]
fn a_folder_in_the_policys_place() {
    let swap = |world: &World| {
        fs::remove_file(world.policy_path()).unwrap();
        fs::create_dir(world.policy_path()).unwrap();
        set_mode(&world.policy_path(), 0o755);
    };
    let mend = |world: &World| {
        fs::remove_dir(world.policy_path()).unwrap();
        world.policy(MAIN);
    };
    undecided_until_mended(swap, &["it is not a regular file"], mend);
}

#[test]
fn a_policy_with_mistakes() {
    for (text, words) in [
        ("version = 1\nunmatched-refs = \"acept\"\n", "line 2, column 18"),
        ("version = 1\nunmatched-refs = \"accept\"\nunmatched = 1\n", "line 3, column 1"),
        ("version = 1\nunmatched-refs = \"accept\"\n[[rule]\n", "line 3"),
        ("version = 2\nunmatched-refs = \"accept\"\n", "line 1, column 11"),
        ("unmatched-refs = \"accept\"\n", "version"),
        ("", "version"),
    ] {
        undecided_until_mended(|world| world.policy(text), &["server's policy", words], |world| world.policy(MAIN));
    }
}

#[test]
fn a_policy_that_is_no_text_or_huge() {
    let write = |bytes: Vec<u8>| move |world: &World| fs::write(world.policy_path(), bytes).unwrap();
    undecided_until_mended(write(b"version = 1 # \xff\n".to_vec()), &["not UTF-8"], |world| world.policy(MAIN));
    let huge = [MAIN.as_bytes(), &b"#".repeat(2 << 20)].concat();
    undecided_until_mended(write(huge), &["larger than"], |world| world.policy(MAIN));
}

#[test]
fn what_everybody_can_write() {
    for (name, mode) in [
        ("policy/policy.toml", 0o644),
        ("policy", 0o755),
        ("policy/registry", 0o755),
        ("policy/registry/allowed_signers", 0o644),
        ("policy/registry/openpgp/dave.asc", 0o644),
    ] {
        for (more, words) in [(0o002, ["everybody can write", "chmod o-w"]), (0o020, ["can write", "chmod g-w"])] {
            undecided_until_mended(
                |world| set_mode(&world.path(name), mode | more),
                &words,
                |world| set_mode(&world.path(name), mode),
            );
        }
    }
}

#[test]
fn a_link_to_what_everybody_can_write() {
    let (world, refspec) = world();
    let elsewhere = world.path("elsewhere");
    fs::create_dir(&elsewhere).unwrap();
    fs::rename(world.policy_path(), elsewhere.join("policy.toml")).unwrap();
    symlink(elsewhere.join("policy.toml"), world.policy_path()).unwrap();
    set_mode(&elsewhere, 0o777);
    undecided(&world, &[&refspec], &["everybody can write"]);
    set_mode(&elsewhere, 0o755);
    world.accepts(&[&refspec]);
}

#[test]
fn a_policy_or_registry_that_may_not_be_read() {
    let (world, refspec) = world();
    let good = refspec.split(':').next().unwrap();
    world.push_without_hook(&[&format!("{good}:refs/heads/elsewhere")]);
    let lines = format!("{} {good} refs/heads/main\n", world.null());
    let hook = || {
        let output = run(without_privileges(&world), lines.as_bytes());
        (output.status.code(), String::from_utf8_lossy(&output.stderr).into_owned())
    };
    for name in ["policy.toml", "registry/allowed_signers", "registry/openpgp/dave.asc"] {
        set_mode(&world.path("policy").join(name), 0o000);
        let (status, told) = hook();
        assert_eq!(status, Some(3), "{told}");
        assert!(told.contains(name) && told.contains("Permission denied"), "{told}");
        assert!(told.contains("administrator has to act"), "{told}");
        set_mode(&world.path("policy").join(name), 0o644);
    }
    let (status, told) = hook();
    assert!(status == Some(0) && told.starts_with("accepted: record "), "{told}");
}

/// The hook as a user whom permissions bind: root would read everything, but for dropped capabilities.
fn without_privileges(world: &World) -> Command {
    let program = env!("CARGO_BIN_EXE_countersign");
    let root = fs::metadata(world.path("home")).unwrap().uid() == 0;
    let mut command = world.command(if root { "setpriv" } else { program }, &world.server());
    if root {
        command.args(["--bounding-set=-all", "--inh-caps=-all", program]);
    }
    command.args(["hook", "pre-receive", "--policy"]).arg(world.policy_path()).env("GIT_DIR", ".");
    command
}

#[test]
fn no_registry() {
    let (world, refspec) = world();
    let away = world.path("away");
    fs::rename(world.registry_path(), &away).unwrap();
    undecided(&world, &[&refspec], &["registry", "it is not there"]);
    fs::rename(away, world.registry_path()).unwrap();
    world.accepts(&[&refspec]);
}

#[test]
fn a_part_of_the_registry_that_must_be_there_is_missing() {
    let (world, refspec) = world();
    world.policy(&format!("registry-require = [\"revoked_keys\"]\n{MAIN}"));
    undecided(&world, &[&refspec], &["revoked_keys"]);
    // Present and empty: nobody is revoked.
    fs::write(world.registry_path().join("revoked_keys"), "").unwrap();
    set_mode(&world.registry_path().join("revoked_keys"), 0o644);
    world.accepts(&[&refspec]);
}

#[test]
fn parts_of_the_registry_that_cannot_be_understood() {
    for (name, text) in [
        ("signers.toml", "[[signer]]\nnam = \"x\"\n"),
        ("signers.toml", "[[signer]\n"),
        ("revoked_keys", "no key at all\n"),
        ("revoked_keys", "SSHKRL\n\0broken"),
    ] {
        undecided_until_mended(
            |world| {
                let path = world.registry_path().join(name);
                fs::write(&path, text).unwrap();
                set_mode(&path, 0o644);
            },
            &[name],
            |world| fs::remove_file(world.registry_path().join(name)).unwrap(),
        );
    }
}

#[test]
fn lines_and_certificates_that_grant_nothing_stop_nobody_else() {
    let (world, refspec) = world();
    let signers = world.registry_path().join("allowed_signers");
    let text = fs::read_to_string(&signers).unwrap();
    fs::write(&signers, format!("{text}carol@example.com magic {}\nwhat is this\n", public_ssh(ALICE_SSH))).unwrap();
    world.accepts(&[&refspec]);
}

/// The loose object of a commit that is on the server's `dev`, under an older one that is there too.
fn buried(world: &World) -> (String, PathBuf, String) {
    let older = objects::signed(world, ALICE_SSH, &[], "older");
    let old = objects::signed(world, ALICE_SSH, &[&older], "old");
    world.push_without_hook(&[&format!("{old}:refs/heads/dev")]);
    let loose = world.server().join(format!("objects/{}/{}", &older[..2], &older[2..]));
    assert!(loose.is_file());
    (older, loose, format!("{}:refs/heads/main", objects::signed(world, ALICE_SSH, &[&old], "new")))
}

#[test]
fn an_object_that_is_missing() {
    let (world, _) = world();
    let (id, loose, refspec) = buried(&world);
    let bytes = fs::read(&loose).unwrap();
    fs::remove_file(&loose).unwrap();
    undecided(&world, &[&refspec], &[&id]);
    fs::write(loose, bytes).unwrap();
    world.accepts(&[&refspec]);
}

#[test]
fn an_object_that_is_damaged() {
    let (world, _) = world();
    let (id, loose, refspec) = buried(&world);
    let bytes = fs::read(&loose).unwrap();
    set_mode(&loose, 0o644);
    for damaged in [bytes[..bytes.len() / 2].to_vec(), b"garbage".to_vec(), Vec::new()] {
        fs::write(&loose, damaged).unwrap();
        undecided(&world, &[&refspec], &[&id]);
    }
    fs::write(loose, bytes).unwrap();
    world.accepts(&[&refspec]);
}

#[test]
fn an_object_with_the_content_of_another() {
    let (world, _) = world();
    let (id, loose, refspec) = buried(&world);
    let bytes = fs::read(&loose).unwrap();
    let other = objects::signed(&world, ALICE_SSH, &[], "another one");
    let others = world.clone_path().join(format!(".git/objects/{}/{}", &other[..2], &other[2..]));
    set_mode(&loose, 0o644);
    fs::write(&loose, fs::read(others).unwrap()).unwrap();
    undecided(&world, &[&refspec], &[&id]);
    fs::write(loose, bytes).unwrap();
    world.accepts(&[&refspec]);
}

#[test]
fn a_repository_of_a_kind_that_is_not_understood() {
    let (world, refspec) = world();
    world.git_in(&world.server(), &["config", "core.repositoryFormatVersion", "1"]);
    let good = refspec.split(':').next().unwrap();
    world.push_without_hook(&[&format!("{good}:refs/heads/elsewhere")]);
    let hook = || {
        let mut command = world.command(env!("CARGO_BIN_EXE_countersign"), &world.server());
        command.args(["hook", "pre-receive", "--policy"]).arg(world.policy_path()).env("GIT_DIR", ".");
        let output = run(command, format!("{} {good} refs/heads/main\n", world.null()).as_bytes());
        (output.status.code(), String::from_utf8_lossy(&output.stderr).into_owned())
    };
    for (name, value) in [("refStorage", "reftable"), ("fromTheFuture", "true")] {
        let setting = format!("extensions.{name}");
        let config = fs::read_to_string(world.server().join("config")).unwrap();
        // Git itself would not touch it again.
        fs::write(world.server().join("config"), format!("{config}[extensions]\n\t{name} = {value}\n")).unwrap();
        let (status, told) = hook();
        assert_eq!(status, Some(3), "{setting}: {told}");
        assert!(told.to_lowercase().contains(&name.to_lowercase()), "{told}");
        fs::write(world.server().join("config"), config).unwrap();
    }
    let (status, told) = hook();
    assert!(status == Some(0) && told.starts_with("accepted: record "), "{told}");
}

#[test]
fn a_panic() {
    let world = World::with_signed_main();
    // As many commits as bring the other threads in, which then cannot be started.
    let mut tip = objects::unsigned(&world, &[], "first");
    for number in 0..300 {
        tip = objects::unsigned(&world, &[&tip], &format!("number {number}"));
    }
    world.push_without_hook(&[&format!("{tip}:refs/heads/elsewhere")]);
    let mut command = world.command(env!("CARGO_BIN_EXE_countersign"), &world.server());
    command.args(["hook", "pre-receive", "--policy"]).arg(world.policy_path());
    command.env("GIT_DIR", ".").env("RUST_MIN_STACK", (1_u64 << 50).to_string());
    let line = format!("{} {tip} refs/heads/main\n", "0".repeat(40));
    let output = run(command, line.as_bytes());
    let told = String::from_utf8_lossy(&output.stderr).into_owned();
    assert_eq!(output.status.code(), Some(3), "{told}");
    for words in ["a fault in countersign", "nothing was accepted", "administrator has to act"] {
        assert!(told.contains(words), "{words}: {told}");
    }
}
