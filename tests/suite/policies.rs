//! The policies that come with Countersign, each by real pushes.

use crate::support::{Pushed, World, keys, objects, objects::Commit, run, run_well, set_mode};
use gix::hash;
use std::{
    collections::BTreeSet,
    fs,
    path::{Path, PathBuf},
};

fn folder() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("policies")
}

fn world_under(policy: &str) -> World {
    let world = World::new();
    world.policy(&fs::read_to_string(folder().join(policy)).unwrap());
    world
}

/// With the example of its registry, in which these people have keys that can sign.
fn world_of(name: &str, people: &[(&str, &str)]) -> World {
    let world = world_under(&format!("{name}.toml"));
    let read = |part: &str| fs::read_to_string(folder().join(name).join("registry").join(part)).ok();
    let mut allowed = String::new();
    for line in read("allowed_signers").unwrap().lines() {
        let key = people.iter().find(|(id, _)| line.starts_with(&format!("{id}@example.com ")));
        match key {
            Some((id, key)) => allowed.push_str(&format!("{id}@example.com {}\n", keys::public_ssh(key))),
            None => allowed.push_str(&format!("{line}\n")),
        }
    }
    let parts: Vec<(&str, String)> =
        ["signers.toml", "revoked_keys"].into_iter().filter_map(|part| Some((part, read(part)?))).collect();
    let mut files = vec![("allowed_signers", &*allowed)];
    files.extend(parts.iter().map(|(part, text)| (*part, &**text)));
    world.registry(&files);
    world
}

/// Pushes with what the Git server would set.
fn push_in(world: &World, environment: &[(&str, &str)], refspecs: &[&str]) -> Pushed {
    let mut command = world.command("git", &world.clone_path());
    command.arg("push").arg(world.server()).args(refspecs).envs(environment.iter().copied());
    world.pushed_by(command)
}

/// What the hook itself found, since `judge` knows nothing of who pushed; empty if the push was let in.
#[track_caller]
fn expect(world: &World, pushed: &Pushed, reasons: &[&str]) {
    match reasons {
        [] => pushed.expect_accepted(),
        _ => {
            world.was_refused(pushed, reasons);
            let expected: BTreeSet<String> = reasons.iter().map(|&reason| reason.to_owned()).collect();
            assert_eq!(world.found_by_hook("refuses"), expected, "{}", pushed.output);
        }
    }
}

fn names_of_registries() -> Vec<String> {
    let mut names: Vec<String> = fs::read_dir(folder())
        .unwrap()
        .map(|entry| entry.unwrap().path())
        .filter(|path| path.join("registry").is_dir())
        .map(|path| path.file_name().unwrap().to_str().unwrap().to_owned())
        .collect();
    names.sort();
    names
}

#[test]
fn the_examples_of_registries_are_in_order_and_know_whom_the_policies_name() {
    let names = names_of_registries();
    assert_eq!(
        names,
        ["company", "gradual", "infra", "maintainers", "monorepo", "release-tags", "ssh-ca", "two-person-release"]
    );
    for name in names {
        let world = world_of(&name, &[]);
        let told = |arguments: &[&str], path: &Path| {
            let mut command = world.command(env!("CARGO_BIN_EXE_countersign"), &world.server());
            command.args(arguments).arg(path);
            let output = run(command, b"");
            assert_eq!(output.status.code(), Some(0), "{name}: {output:?}");
            String::from_utf8([output.stdout, output.stderr].concat()).unwrap()
        };
        assert!(!told(&["registry", "check"], &world.registry_path()).contains("warning"), "{name}");
        let checked = told(&["policy", "check"], &world.policy_path());
        // The first stages of `gradual` refuse nothing, and are there to be left.
        let is_meant = |line: &&str| name == "gradual" && line.contains(", and for ever: ");
        let warnings: Vec<_> = checked.lines().filter(|line| line.contains("warning")).collect();
        assert!(warnings.iter().all(is_meant), "{name}: {warnings:?}");
    }
}

/// Whoever leaves a placeholder in place lets nobody in.
#[test]
fn the_keys_in_the_examples_are_hashes_that_nobody_can_sign_with() {
    let mut looked_at = 0;
    for name in names_of_registries() {
        let text = fs::read_to_string(folder().join(&name).join("registry/allowed_signers")).unwrap();
        for line in text.lines().filter(|line| !line.is_empty() && !line.starts_with('#')) {
            let email = line.split(' ').next().unwrap().replace('*', "ca");
            let mut decode = World::new().command("base64", &folder());
            decode.arg("-d");
            let blob = run(decode, line.rsplit(' ').next().unwrap().as_bytes()).stdout;
            let is_hash = (0..64).any(|number| {
                let mut hasher = hash::hasher(hash::Kind::Sha256);
                hasher.update(format!("countersign example {email} {number}").as_bytes());
                blob.ends_with(hasher.try_finalize().unwrap().as_slice())
            });
            assert!(is_hash, "{name}: {line}");
            looked_at += 1;
        }
    }
    assert!(looked_at > 12, "{looked_at}");
}

#[test]
fn starter_lets_everything_in_and_says_what_it_would_refuse() {
    let world = world_under("starter.toml");
    world.git_in(&world.server(), &["config", "receive.denyDeleteCurrent", "ignore"]);
    let told = |refspecs: &[&str], words: &[&str]| {
        let pushed = world.push(refspecs);
        assert!(pushed.succeeded && pushed.hook == Some(0), "{}", pushed.output);
        let told = pushed.told();
        assert_eq!(told.contains("warning: "), !words.is_empty(), "{told}");
        assert!(words.iter().all(|word| told.contains(word)), "{words:?}: {told}");
    };
    let unsigned = objects::unsigned(&world, &[], "one");
    let stranger = objects::signed(&world, keys::MALLORY_SSH, &[&unsigned], "two");
    let signed = objects::signed(&world, keys::ALICE_SSH, &[], "three");
    let tag = objects::signed_tag(&world, keys::ALICE_SSH, &signed, "commit", "v1");
    let main = |id: &str| format!("+{id}:refs/heads/main");
    told(&[&main(&signed)], &[]);
    told(&[&format!("{signed}:refs/heads/mine")], &[]);
    told(&[&format!("{tag}:refs/tags/v1")], &[]);
    told(&[&main(&stranger)], &["not signed", "a key nobody has registered", "this is a force-push"]);
    told(&[&format!("+{unsigned}:refs/heads/mine")], &["not signed"]);
    told(&[":refs/heads/mine"], &[]);
    told(&[&format!("{signed}:refs/tags/light")], &["lightweight tag"]);
    told(&[&format!("+{signed}:refs/tags/v1")], &["the tag exists already", "lightweight tag"]);
    told(&[":refs/tags/v1"], &["nobody may delete it"]);
    told(&[":refs/heads/main"], &["nobody may delete it"]);
    told(&[&format!("{unsigned}:refs/notes/commits")], &[]);
}

#[test]
fn signed_main_wants_every_commit_on_protected_branches_signed() {
    let world = world_under("signed-main.toml");
    let unsigned = objects::unsigned(&world, &[], "one");
    let signed = objects::signed(&world, keys::ALICE_SSH, &[], "two");
    let merged = objects::signed(&world, keys::DAVE_OPENPGP, &[&signed, &unsigned], "merge");
    for name in ["main", "release/1.0"] {
        world.refuses(&[&format!("{unsigned}:refs/heads/{name}")], &["unsigned"]);
        world.accepts(&[&format!("{signed}:refs/heads/{name}")]);
        world.refuses(&[&format!("{merged}:refs/heads/{name}")], &["unsigned"]);
        world.refuses(&[&format!(":refs/heads/{name}")], &["delete"]);
    }
    let other = objects::signed(&world, keys::BOB_SSH, &[], "other");
    world.refuses(&[&format!("+{other}:refs/heads/main")], &["force-push"]);
    world.accepts(&[&format!("{unsigned}:refs/heads/dev")]);
    world.git_in(&world.server(), &["symbolic-ref", "HEAD", "refs/heads/trunk"]);
    world.refuses(&[&format!("{unsigned}:refs/heads/trunk")], &["unsigned"]);
    world.accepts(&[&format!("{signed}:refs/heads/trunk")]);
}

#[test]
fn release_tags_are_signed_by_those_who_release_and_are_final() {
    let world = world_under("release-tags.toml");
    let commit = objects::unsigned(&world, &[], "one");
    let off_main = objects::unsigned(&world, &[], "off");
    world.accepts(&[&format!("{commit}:refs/heads/main")]);
    let tag = |key: &str, target: &str, name: &str| objects::signed_tag(&world, key, target, "commit", name);
    let push = |id: &str, name: &str| format!("+{id}:refs/tags/{name}");
    let good = tag(keys::ALICE_SSH, &commit, "v1.0");
    world.refuses(&[&push(&commit, "v1.0")], &["not-annotated"]);
    world.refuses(&[&push(&objects::unsigned_tag(&world, &commit, "commit", "v1.0"), "v1.0")], &["unsigned"]);
    world.refuses(&[&push(&tag(keys::BOB_SSH, &commit, "v1.0"), "v1.0")], &["not-allowed"]);
    world.refuses(&[&push(&tag(keys::MALLORY_SSH, &commit, "v1.0"), "v1.0")], &["unknown-key"]);
    world.refuses(&[&push(&tag(keys::ALICE_SSH, &off_main, "v1.0"), "v1.0")], &["tag-not-on"]);
    world.accepts(&[&push(&good, "v1.0")]);
    world.refuses(&[&push(&good, "v2.0")], &["tag-name"]);
    let again = tag(keys::ALICE_SSH, &off_main, "v1.0");
    world.accepts(&[&format!("{off_main}:refs/heads/release/1")]);
    world.refuses(&[&push(&again, "v1.0")], &["tag-moved"]);
    world.refuses(&[":refs/tags/v1.0"], &["delete"]);
    world.accepts(&[&push(&commit, "nightly")]);
    world.accepts(&[&push(&tag(keys::ALICE_SSH, &off_main, "v1.1"), "v1.1")]);
}

/// Signed by one key for another person, as a forge does.
fn forge_merge(world: &World, parents: &[&str]) -> String {
    Commit::new(world, parents, "Merge pull request 12").signed(world, keys::MALLORY_SSH)
}

#[test]
fn company_judges_a_merge_by_who_pressed_the_button_and_repositories_by_their_team() {
    let world = world_of("company", &[("alice", keys::ALICE_SSH), ("bob", keys::BOB_SSH), ("git", keys::MALLORY_SSH)]);
    let gitea = |account: &'static str, owner: &'static str| {
        vec![("GITEA_PUSHER_NAME", account), ("GITEA_REPO_USER_NAME", owner), ("GITEA_REPO_NAME", "x")]
    };
    let merging = |account, owner| [gitea(account, owner), vec![("GITEA_PR_ID", "12")]].concat();
    let root = objects::by_alice(&world, &[], "root");
    let side = objects::signed(&world, keys::BOB_SSH, &[&root], "side");
    let unsigned = objects::unsigned(&world, &[&root], "unsigned");
    let (merge, careless) = (forge_merge(&world, &[&root, &side]), forge_merge(&world, &[&root, &unsigned]));
    let squashed = forge_merge(&world, &[&root]);
    let main = |id: &str| format!("{id}:refs/heads/main");
    for (environment, id, reasons) in [
        (gitea("bob", "payments"), &root, &["pusher"][..]),
        (gitea("nobody", "payments"), &root, &["pusher"]),
        (gitea("alice", "payments"), &root, &[]),
        (gitea("alice", "payments"), &unsigned, &["unsigned"]),
        (merging("alice", "payments"), &careless, &["unsigned"]),
        (merging("alice", "payments"), &squashed, &["forge-not-a-merge"]),
        (gitea("alice", "payments"), &merge, &["forge-push"]),
        (merging("bob", "payments"), &merge, &["pusher"]),
        (gitea("bob", "data"), &side, &["via"]),
        (merging("bob", "data"), &merge, &[]),
    ] {
        expect(&world, &push_in(&world, &environment, &[&main(id)]), reasons);
    }
    let dev = format!("{unsigned}:refs/heads/dev");
    expect(&world, &push_in(&world, &gitea("bob", "payments"), &[&dev]), &[]);
}

#[test]
fn company_lets_its_bot_change_lock_files_alone() {
    let world = world_of("company", &[("alice", keys::ALICE_SSH), ("renovate", keys::BOB_SSH)]);
    let gitea = [("GITEA_PUSHER_NAME", "renovate"), ("GITEA_REPO_USER_NAME", "web"), ("GITEA_REPO_NAME", "x")];
    let root = objects::by_alice(&world, &[], "root");
    let changing = |path: &str| {
        let commit = Commit { tree: tree_with(&world, path, b"new"), ..Commit::new(&world, &[&root], "Update") };
        format!("{}:refs/heads/main", commit.signed(&world, keys::BOB_SSH))
    };
    expect(&world, &push_in(&world, &gitea, &[&format!("{root}:refs/heads/main")]), &[]);
    expect(&world, &push_in(&world, &gitea, &[&changing("build.sh")]), &["path-not-allowed"]);
    expect(&world, &push_in(&world, &gitea, &[&changing("Cargo.lock")]), &[]);
}

/// A tree with one file.
fn tree_with(world: &World, path: &str, text: &[u8]) -> String {
    let mut hash = world.command("git", &world.clone_path());
    hash.args(["hash-object", "-w", "--stdin"]);
    let blob = run_well(hash, text);
    world.git(&["read-tree", "--empty"]);
    world.git(&["update-index", "--add", "--cacheinfo", &format!("100644,{blob},{path}")]);
    world.git(&["write-tree"])
}

#[test]
fn monorepo_has_owners_of_folders_and_keeps_secrets_out() {
    let world =
        world_of("monorepo", &[("alice", keys::ALICE_SSH), ("bob", keys::BOB_SSH), ("carol", keys::MALLORY_SSH)]);
    let root = objects::by_alice(&world, &[], "root");
    let by = |key: &str, who: &str, path: &str, text: &[u8]| {
        let commit = Commit { tree: tree_with(&world, path, text), ..Commit::new(&world, &[&root], "Change") };
        commit.by(who).signed(&world, key)
    };
    let carol = "Carol Example <carol@example.com>";
    let main = |id: &str| format!("{id}:refs/heads/main");
    world.accepts(&[&main(&root)]);
    for (path, reason) in [
        ("ci/job", "path-not-allowed"),
        (".github", "path-not-allowed"),
        ("iam/roles", "path-not-allowed"),
        ("a/tls.pem", "path-forbidden"),
    ] {
        world.refuses(&[&main(&by(keys::BOB_SSH, objects::BOB, path, b"x"))], &[reason]);
    }
    let large = vec![b'x'; (5 << 20) + 1];
    world.refuses(&[&main(&by(keys::BOB_SSH, objects::BOB, "image", &large))], &["path-too-large"]);
    // Nor is there another place for a secret.
    for name in ["refs/x/y", "refs/for/main", "refs/notes/commits"] {
        world.refuses(&[&format!("{}:{name}", by(keys::BOB_SSH, objects::BOB, "id_ecdsa", b"x"))], &["unmatched-ref"]);
    }
    let secret = objects::write(&world, "blob", b"x");
    let tag = objects::signed_tag(&world, keys::ALICE_SSH, &secret, "blob", "v0");
    world.refuses(&[&format!("{tag}:refs/tags/v0")], &["tag-not-on"]);
    world
        .refuses(&[&format!("{}:refs/heads/dev", by(keys::BOB_SSH, objects::BOB, "x.key", b"x"))], &["path-forbidden"]);
    world.refuses(&[&main(&by(keys::BOB_SSH, objects::ALICE, "app/x", b"x"))], &["identity-signer"]);
    let merge = objects::by_alice(&world, &[&root, &objects::by_alice(&world, &[&root], "side")], "merge");
    world.refuses(&[&main(&merge)], &["merge"]);
    world.accepts(&[&format!("{}:refs/heads/a", by(keys::BOB_SSH, objects::BOB, "app/x", b"x"))]);
    world.accepts(&[&main(&by(keys::MALLORY_SSH, carol, "iam/roles", b"x"))]);
    let other = by(keys::ALICE_SSH, objects::ALICE, "ci/job", b"x");
    world.refuses(&[&format!("+{}", main(&other))], &["force-push"]);
    // Elsewhere, people rewrite their own branches.
    world.accepts(&[&format!("+{other}:refs/heads/a")]);
    world.accepts(&[":refs/heads/a"]);
    let tag = |key| format!("{}:refs/tags/v1", objects::signed_tag(&world, key, &root, "commit", "v1"));
    world.refuses(&[&tag(keys::BOB_SSH)], &["not-allowed"]);
    world.accepts(&[&tag(keys::ALICE_SSH)]);
}

#[test]
fn gradual_goes_through_its_stages_by_the_lines_that_it_names() {
    let world = world_of("gradual", &[("alice", keys::ALICE_SSH)]);
    let observing = fs::read_to_string(world.policy_path()).unwrap();
    let edited = |text: &str, from: &str, to: &str| {
        assert_eq!(text.matches(from).count(), 1, "{from}");
        text.replace(from, to)
    };
    let none = edited(&observing, "\nmode = \"observe\"\n", "\n");
    let warning = edited(&none, "\n# mode = \"warn\"\n", "\nmode = \"warn\"\n");
    let dated = |day: &str| edited(&none, "\n# warn-until = 2027-01-31\n", &format!("\nwarn-until = {day}\n"));
    let unsigned = objects::unsigned(&world, &[], "one");
    let signed = objects::by_alice(&world, &[&unsigned], "two");
    let branch = |id: &str, name: &str| format!("{id}:refs/heads/release/{name}");
    world.accepts(&[&branch(&unsigned, "observed")]);
    for (stage, policy) in [("warned", warning), ("dated", dated("9999-12-31"))] {
        world.policy(&policy);
        let pushed = world.push(&[&branch(&unsigned, stage)]);
        assert!(pushed.succeeded && pushed.told().contains("is not signed"), "{stage}: {}", pushed.output);
        assert_eq!(world.found_by_hook("warns"), ["unsigned".to_owned()].into(), "{stage}");
    }
    for policy in [dated("2026-01-01"), none.clone()] {
        world.policy(&policy);
        world.refuses(&[&branch(&signed, "late")], &["unsigned"]);
        world.accepts(&[&branch(&signed, "observed")]);
        world.push_without_hook(&[&format!("+{}", branch(&unsigned, "observed"))]);
    }
    let example = "# baseline = [\"0123456789abcdef0123456789abcdef01234567\"]";
    world.policy(&edited(&none, example, &format!("baseline = [\"{unsigned}\"]")));
    world.accepts(&[&branch(&signed, "late")]);
    // From the first day on.
    world.policy(&observing);
    world.refuses(&[":refs/heads/release/late"], &["delete"]);
    let tag = world.push(&[&format!("{unsigned}:refs/tags/v1")]);
    assert!(tag.succeeded && tag.told().contains("lightweight tag"), "{}", tag.output);
}

/// The commands in a policy's comments, each up to what is said about it.
fn commands_in(policy: &str) -> Vec<String> {
    let comments = policy.lines().filter_map(|line| line.strip_prefix('#'));
    let commands = comments.filter_map(|line| line.find("countersign ").map(|at| &line[at..]));
    commands.map(|command| command.split("   ").next().unwrap().trim_end_matches(')').to_owned()).collect()
}

/// What whoever types it in the repository on the server sees, and the exit status. The policy in force is the world's.
fn typed_on_the_server(world: &World, command: &str) -> (i32, String) {
    let program = world.path("bin/countersign");
    if !program.exists() {
        fs::create_dir(world.path("bin")).unwrap();
        let script = format!(
            "#!/bin/sh\ncase \" $* \" in\n*' --policy '* | *' diff '*) ;;\n*) set -- \"$@\" --policy '{}' ;;\nesac\nexec '{}' \"$@\"\n",
            world.policy_path().display(),
            env!("CARGO_BIN_EXE_countersign"),
        );
        fs::write(&program, script).unwrap();
        set_mode(&program, 0o755);
    }
    let mut shell = world.command("sh", &world.server());
    shell.args(["-e", "-u", "-c", &format!("exec 2>&1\n{command}")]);
    shell.env("PATH", format!("{}:{}", world.path("bin").display(), std::env::var("PATH").unwrap()));
    let output = run(shell, b"");
    (output.status.code().unwrap(), String::from_utf8(output.stdout).unwrap())
}

#[test]
fn the_commands_in_the_comments_of_gradual_show_beforehand_whom_a_stage_stops() {
    let world = world_of("gradual", &[("alice", keys::ALICE_SSH)]);
    let observing = fs::read_to_string(world.policy_path()).unwrap();
    let [diff, install, rollback, of_a_month, of_all, explain] = &commands_in(&observing)[..] else { panic!() };
    let new = world.path("policy/new.toml");
    let next =
        observing.replace("\nmode = \"observe\"\n", "\n").replace("\n# mode = \"warn\"\n", "\nmode = \"warn\"\n");
    fs::write(&new, next).unwrap();
    let typed = |command: &str| {
        let (new, old) = (new.to_str().unwrap(), world.policy_path());
        typed_on_the_server(&world, &command.replace("POLICY", old.to_str().unwrap()).replace("NEW", new))
    };
    let reasons = |told: &str| -> Vec<String> {
        told.lines().filter(|line| line.contains("unsigned")).map(|line| line.to_owned()).collect()
    };
    // Long ago Alice signed nothing.
    let old = objects::unsigned(&world, &[], "old");
    world.push_without_hook(&[&format!("{old}:refs/heads/main")]);
    let (status, told) = typed(of_all);
    assert!(status == 0 && reasons(&told).len() == 1 && told.contains("main: 1 commits read"), "{told}");
    // Lately one commit of Bob's was not signed.
    world.git(&["reset", "-q", "--hard", &old]);
    world.git(&["commit", "-q", "--allow-empty", "-S", "-m", "signed"]);
    world.work_as(keys::BOB_SSH);
    world.git(&["commit", "-q", "--allow-empty", "--no-gpg-sign", "-m", "unsigned"]);
    world.push_without_hook(&["HEAD:refs/heads/main"]);
    let (status, told) = typed(of_a_month);
    let found = reasons(&told);
    assert!(status == 0 && told.contains("main: 2 commits read"), "{told}");
    assert!(found.len() == 1 && found[0].starts_with("Bob Example ") && found[0].contains(" warns "), "{told}");
    let (status, told) = typed(diff);
    assert!(status == 0 && told.starts_with("stricter: rule `default branch`"), "{status} {told}");
    let (status, told) = typed(install);
    assert!(status == 0 && told.contains("installed"), "{told}");
    let (status, told) = typed(explain);
    assert!(status == 0 && told.contains("rule `default branch`") && told.contains("warns"), "{told}");
    let (status, told) = typed(rollback);
    assert!(status == 0 && fs::read_to_string(world.policy_path()).unwrap() == observing, "{told}");
}

#[test]
fn maintainers_merge_signed_tags_and_sign_their_pushes() {
    let world = world_of("maintainers", &[("alice", keys::ALICE_SSH), ("bob", keys::BOB_SSH)]);
    world.git_in(&world.server(), &["config", "receive.certNonceSeed", "seed"]);
    // What it merges comes before it is judged: a tag whose signature git cannot check is merged all the same.
    world.git(&["config", "gpg.ssh.allowedSignersFile", "/dev/null"]);
    let signed_push =
        |refspec: &str, reasons: &[&str]| expect(&world, &world.push_with(&["--signed"], &[refspec]), reasons);
    let commit = |message: &str| world.git(&["commit", "-q", "--allow-empty", "-s", "-m", message]);
    world.git(&["commit", "-q", "--allow-empty", "-S", "-s", "-m", "root"]);
    signed_push("main", &[]);
    world.git(&["checkout", "-q", "-b", "topic"]);
    commit("Fix the clock");
    world.work_as(keys::BOB_SSH);
    world.git(&["tag", "-s", "-m", "Clock fixes", "clock-1"]);
    world.work_as(keys::MALLORY_SSH);
    world.git(&["tag", "-s", "-m", "Clock fixes", "clock-m"]);
    world.work_as(keys::ALICE_SSH);
    world.git(&["checkout", "-q", "main"]);
    let merging = |what: &str, signing: &str| {
        world.git(&["reset", "-q", "--hard", "start"]);
        world.git(&["merge", "-q", "--no-ff", signing, "-m", "Merge", what]);
    };
    world.git(&["branch", "start"]);
    for (what, signing, reasons) in [
        ("topic", "-S", &["merge-tag"][..]),
        ("clock-m", "-S", &["merge-tag-fault"]),
        ("clock-1", "--no-gpg-sign", &["unsigned"]),
    ] {
        merging(what, signing);
        signed_push("main", reasons);
    }
    world.git(&["reset", "-q", "--hard", "start"]);
    world.git(&["commit", "-q", "--allow-empty", "-S", "-s", "-m", "straight"]);
    signed_push("main", &["not-a-merge"]);
    merging("clock-1", "-S");
    expect(&world, &world.push(&["main"]), &["no-push-certificate", "pusher"]);
    world.work_as(keys::BOB_SSH);
    signed_push("main", &["pusher"]);
    world.work_as(keys::ALICE_SSH);
    signed_push("main", &[]);
    world.git(&["tag", "-s", "-m", "One", "v1"]);
    signed_push("v1", &[]);
    expect(&world, &world.push(&["main:refs/heads/other"]), &["unmatched-ref"]);
}

#[test]
fn ssh_ca_takes_certificates_of_today_and_within_grace_of_yesterday() {
    let world = world_of("ssh-ca", &[]);
    let authority = keys::public_ssh(keys::BOB_SSH);
    let line = format!("*@example.com cert-authority,namespaces=\"git\" {authority}\n");
    world.registry(&[("allowed_signers", &line), ("revoked_keys", "")]);
    let key = world.path("certified");
    fs::copy(keys::signing_key(keys::ALICE_SSH), &key).unwrap();
    fs::write(world.path("certified.pub"), keys::public_ssh(keys::ALICE_SSH)).unwrap();
    let certified_by = |authority: &str, window: &str, principals: &str| {
        let mut certify = world.command("ssh-keygen", &world.path(""));
        certify.args(["-q", "-s", &keys::signing_key(authority), "-I", "laptop", "-n", principals, "-V", window]);
        run_well(
            {
                certify.arg("certified.pub");
                certify
            },
            b"",
        );
        world.git(&["config", "user.signingkey", world.path("certified-cert.pub").to_str().unwrap()]);
    };
    let main_with = |hours_ago: u32, reasons: &[&str]| {
        world.git(&["checkout", "-q", "--orphan", &format!("x{}", world.git(&["for-each-ref"]).lines().count())]);
        let mut commit = world.command("git", &world.clone_path());
        let seconds = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH).unwrap().as_secs()
            - u64::from(hours_ago) * 3600;
        commit
            .args(["commit", "-q", "--allow-empty", "-S", "-m", "x"])
            .env("GIT_COMMITTER_DATE", format!("{seconds} +0000"));
        run_well(commit, b"");
        let id = world.git(&["rev-parse", "HEAD"]);
        let refspec = format!("{id}:refs/heads/release/{id}");
        match reasons {
            [] => drop(world.accepts(&[&refspec])),
            _ => drop(world.refuses(&[&refspec], reasons)),
        }
    };
    let one = "alice@example.com";
    certified_by(keys::BOB_SSH, "-1h:+7h", one);
    main_with(0, &[]);
    certified_by(keys::BOB_SSH, "-20h:-12h", one);
    main_with(15, &[]);
    main_with(2, &["certificate-expired"]);
    certified_by(keys::BOB_SSH, "-120h:-112h", one);
    main_with(115, &["certificate-expired"]);
    certified_by(keys::MALLORY_SSH, "-1h:+7h", one);
    main_with(0, &["unknown-key"]);
    certified_by(keys::BOB_SSH, "-1h:+7h", one);
    world.registry(&[("allowed_signers", &line), ("revoked_keys", &keys::public_ssh(keys::ALICE_SSH))]);
    main_with(0, &["key-revoked"]);
    let plain = format!("{line}alice@example.com {}\n", keys::public_ssh(keys::ALICE_SSH));
    world.registry(&[("allowed_signers", &plain), ("revoked_keys", "")]);
    world.git(&["config", "user.signingkey", &keys::signing_key(keys::ALICE_SSH)]);
    main_with(0, &["format"]);
}

/// A signed tag by which `id`, whose key this is, approves the commit for the ref, and the push of it.
fn approval(world: &World, key: &str, id: &str, name: &str, commit: &str) -> String {
    let tag = format!("approvals/{name}/{commit}/{id}");
    format!("{}:refs/{tag}", objects::signed_tag(world, key, commit, "commit", &tag))
}

/// Approves, pushes that, and says what the hook told.
fn approve(world: &World, key: &str, id: &str, name: &str, commit: &str) {
    world.accepts(&[&approval(world, key, id, name, commit)]);
}

const HEAD: &str = "refs/heads/main";

fn infra() -> World {
    world_of("infra", &[("alice", keys::ALICE_SSH), ("bob", keys::BOB_SSH), ("carol", keys::MALLORY_SSH)])
}

/// A commit of Alice's that changes one file.
fn changing(world: &World, parent: &str, path: &str, message: &str) -> String {
    Commit { tree: tree_with(world, path, b"new"), ..Commit::new(world, &[parent], message) }
        .signed(world, keys::ALICE_SSH)
}

#[test]
fn infra_asks_for_as_many_approvals_as_a_path_deserves() {
    let world = infra();
    let root = objects::by_alice(&world, &[], "root");
    let to_main = |id: &str| format!("{id}:{HEAD}");
    world.refuses(&[&to_main(&root)], &["review"]);
    // Nobody approves their own work.
    approve(&world, keys::ALICE_SSH, "alice", HEAD, &root);
    world.refuses(&[&to_main(&root)], &["review"]);
    approve(&world, keys::BOB_SSH, "bob", HEAD, &root);
    world.accepts(&[&to_main(&root)]);
    let roles = changing(&world, &root, "iam/roles", "Let Bob in");
    approve(&world, keys::BOB_SSH, "bob", HEAD, &roles);
    let refused = world.refuses(&[&to_main(&roles)], &["review"]);
    assert!(refused.told().contains("(`@security`) for what it changes at `iam/**`"), "{}", refused.output);
    approve(&world, keys::MALLORY_SSH, "carol", HEAD, &roles);
    world.accepts(&[&to_main(&roles)]);
    let load = changing(&world, &roles, "production/load", "Move the load");
    approve(&world, keys::BOB_SSH, "bob", HEAD, &load);
    let refused = world.refuses(&[&to_main(&load)], &["review"]);
    assert!(refused.told().contains("by 2 other people (`@platform` or `@security`)"), "{}", refused.output);
    approve(&world, keys::MALLORY_SSH, "carol", HEAD, &load);
    world.accepts(&[&to_main(&load)]);
    // What the default branch accepted, a release branch has without another word; what is new there, not.
    world.accepts(&[&format!("{load}:refs/heads/release/1")]);
    let fix = changing(&world, &load, "README", "Fix it");
    world.refuses(&[&format!("{fix}:refs/heads/release/1")], &["review"]);
    let tag = objects::signed_tag(&world, keys::ALICE_SSH, &fix, "commit", "v1");
    world.refuses(&[&format!("{tag}:refs/tags/v1")], &["tag-not-on"]);
    let tag = objects::signed_tag(&world, keys::ALICE_SSH, &load, "commit", "v1");
    world.accepts(&[&format!("{tag}:refs/tags/v1")]);
    world.refuses(&[&format!("{load}:refs/notes/commits")], &["unmatched-ref"]);
}

#[test]
fn infra_lets_whoever_is_on_call_break_the_glass_and_has_it_reviewed() {
    let world = infra();
    let root = objects::by_alice(&world, &[], "root");
    approve(&world, keys::BOB_SSH, "bob", HEAD, &root);
    world.accepts(&[&format!("{root}:{HEAD}")]);
    let declaring = |what: &str, name: &str| format!("Serve again\n\nEmergency: {what}\nEmergency-Ref: {name}");
    let by = |key: &str, who: &str, path: &str, message: &str| {
        let commit = Commit { tree: tree_with(&world, path, b"new"), ..Commit::new(&world, &[&root], message) };
        commit.by(who).signed(&world, key)
    };
    let by_alice =
        |path: &str, what: &str, name: &str| by(keys::ALICE_SSH, objects::ALICE, path, &declaring(what, name));
    let to_main = |id: &str| format!("{id}:{HEAD}");
    for (id, reasons) in [
        (by_alice("iam/roles", "SOON it is dark", HEAD), &["emergency-ticket", "review"][..]),
        (by_alice("iam/roles", "INC-7 it is dark", "refs/heads/release/1"), &["emergency-ref", "review"]),
        (by_alice("iam/root.key", "INC-7 it is dark", HEAD), &["path-forbidden"]),
        (
            by(
                keys::MALLORY_SSH,
                "Carol Example <carol@example.com>",
                "iam/roles",
                &declaring("INC-7 it is dark", HEAD),
            ),
            &["emergency-not-allowed", "review"],
        ),
    ] {
        world.refuses(&[&to_main(&id)], reasons);
    }
    let declared = by_alice("production/load", "INC-7 it is dark", HEAD);
    let pushed = world.push(&[&to_main(&declared)]);
    assert!(pushed.succeeded && world.found_by_hook("waived") == ["review".to_owned()].into(), "{}", pushed.output);
    let told = pushed.told();
    let record = told.split("--settles ").nth(1).and_then(|rest| rest.split(' ').next()).unwrap();
    // Until somebody has read it, it is taken for granted nowhere.
    let release = format!("{declared}:refs/heads/release/1");
    world.refuses(&[&release], &["emergency-ref", "review"]);
    let settling = |key: &str, id: &str| {
        let tag = format!("approvals/{HEAD}/{declared}/{id}");
        let payload = objects::tag_payload(&declared, "commit", &tag) + "\nSettles: " + record + "\n";
        let signature = keys::sign(key, payload.as_bytes());
        format!("{}:refs/{tag}", objects::write(&world, "tag", (payload + &signature).as_bytes()))
    };
    world.refuses_in_words(&[&settling(keys::ALICE_SSH, "alice")], &["approval-settles"]);
    let settled = world.accepts(&[&settling(keys::MALLORY_SSH, "carol")]);
    assert!(settled.told().contains(&format!("record {record} owes no review any more")), "{}", settled.output);
    world.accepts(&[&release]);
}

/// A drill is declared, pushed and reviewed as an emergency is, beside what it might harm.
#[test]
fn infra_has_a_place_for_drills() {
    let world = infra();
    let root = objects::by_alice(&world, &[], "root");
    approve(&world, keys::BOB_SSH, "bob", HEAD, &root);
    world.accepts(&[&format!("{root}:{HEAD}")]);
    let drill = "refs/heads/drill/spring";
    // What the default branch accepted counts here, too.
    world.accepts(&[&format!("{root}:{drill}")]);
    let undeclared = objects::by_alice(&world, &[&root], "drill");
    world.refuses(&[&format!("{undeclared}:{drill}")], &["review"]);
    let message = format!("Drill\n\nEmergency: DRILL-3 who is on call finds the way\nEmergency-Ref: {drill}");
    let declared = objects::by_alice(&world, &[&root], &message);
    world.refuses(&[&format!("{declared}:{HEAD}")], &["emergency-ref", "review"]);
    let pushed = world.push(&[&format!("{declared}:{drill}")]);
    assert!(pushed.succeeded && pushed.told().contains("emergency DRILL-3 of `alice`"), "{}", pushed.output);
}

#[test]
fn two_person_release_takes_one_who_approves_and_another_who_signs() {
    let people = [("alice", keys::ALICE_SSH), ("bob", keys::BOB_SSH), ("erin", keys::MALLORY_SSH)];
    let world = world_of("two-person-release", &people);
    let root = objects::by_alice(&world, &[], "root");
    let main = format!("{root}:{HEAD}");
    let tag_name = |version: &str| format!("refs/tags/{version}");
    let tag = |key: &str, target: &str, version: &str| {
        format!("{}:{}", objects::signed_tag(&world, key, target, "commit", version), tag_name(version))
    };
    world.refuses(&[&main], &["review"]);
    approve(&world, keys::MALLORY_SSH, "erin", HEAD, &root);
    world.accepts(&[&main]);
    let v1 = tag(keys::ALICE_SSH, &root, "v1");
    world.refuses(&[&v1], &["review"]);
    // Who signs the tag is one person, and who does not release is none of the two.
    approve(&world, keys::ALICE_SSH, "alice", &tag_name("v1"), &root);
    approve(&world, keys::MALLORY_SSH, "erin", &tag_name("v1"), &root);
    world.refuses(&[&v1], &["review"]);
    approve(&world, keys::BOB_SSH, "bob", &tag_name("v1"), &root);
    world.refuses(&[&tag(keys::MALLORY_SSH, &root, "v1")], &["not-allowed"]);
    world.refuses(&[&tag(keys::ALICE_SSH, &root, "v2")], &["review"]);
    let other = objects::by_alice(&world, &[&root], "other");
    approve(&world, keys::BOB_SSH, "bob", HEAD, &other);
    world.accepts(&[&format!("{other}:{HEAD}")]);
    world.refuses(&[&tag(keys::ALICE_SSH, &other, "v1")], &["review"]);
    world.accepts(&[&v1]);
    world.refuses(&[&format!("+{}", tag(keys::ALICE_SSH, &other, "v1"))], &["review", "tag-moved"]);
    world.refuses(&[":refs/tags/v1"], &["delete"]);
}
