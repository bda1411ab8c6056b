//! Commands, statuses and output, from outside.

use crate::support::{self, World, keys, objects};
use clap::CommandFactory;
use std::{
    collections::{BTreeMap, BTreeSet},
    fs,
    process::{Command, Output, Stdio},
};

fn countersign(world: &World, arguments: &[&str], stdin: &str) -> (i32, String, String) {
    let mut command = world.command(env!("CARGO_BIN_EXE_countersign"), &world.clone_path());
    command.args(arguments);
    told(&support::run(command, stdin.as_bytes()))
}

fn told(output: &Output) -> (i32, String, String) {
    let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
    (output.status.code().unwrap(), text(&output.stdout), text(&output.stderr))
}

/// A clone whose `main` has one commit of each kind, oldest first: unsigned, Alice's (ssh), Dave's (openpgp), Mallory's.
fn mixed(world: &World) -> Vec<String> {
    let first = objects::unsigned(world, &[], "one");
    let second = objects::signed(world, keys::ALICE_SSH, &[&first], "two");
    let third = objects::signed(world, keys::DAVE_OPENPGP, &[&second], "three");
    let fourth = objects::signed(world, keys::MALLORY_SSH, &[&third], "four");
    world.git(&["update-ref", "refs/heads/main", &fourth]);
    vec![first, second, third, fourth]
}

#[test]
fn without_arguments_it_says_what_it_is_and_lists_the_commands() {
    let (status, out, _) = countersign(&World::new(), &[], "");
    assert_eq!(status, 0);
    for word in ["protected branch", "hook", "judge", "verify", "policy", "registry", "completions", "man"] {
        assert!(out.contains(word), "{word}: {out}");
    }
}

#[test]
fn wrong_usage_exits_2() {
    let world = World::with_signed_main();
    mixed(&world);
    let policy = world.policy_path();
    let policy = policy.to_str().unwrap();
    for arguments in [
        &["frobnicate"][..],
        &["verify"],
        &["judge", "refs/heads/main", "abc"],
        &["hook", "update", "refs/heads/main"],
        &["--format", "porcelain", "policy", "check", policy],
        &["--format", "csv", "ledger", "list"],
        &["--format", "html", "policy", "check", policy],
        &["--format", "csv", "registry", "list"],
        &["--format", "html", "verify", "main"],
        &["--format", "csv", "judge"],
        &["--format", "porcelain", "ledger", "emergencies"],
        &["policy", "explain", "a..b", "--policy", policy],
        &["approve", "main"],
        &["approve", "main", "--for", "a..b"],
        &["approve", "main", "--for", "nowhere"],
        &["approve", "main", "--for", "refs/heads/main", "--as", "Alice Example"],
        &["approve", "main", "--for", "refs/heads/main", "--dry-run", "--no-push"],
        &["--format", "porcelain", "approve", "main", "--for", "refs/heads/main"],
        &["man", "frobnicate"],
    ] {
        let (status, out, error) = countersign(&world, arguments, "");
        assert_eq!((status, out.as_str()), (2, ""), "{arguments:?}: {error}");
        assert!(error.contains("error:"), "{arguments:?}: {error}");
    }
}

/// The commands that `docs/json.md` lists, and whether each may end with 1.
fn documented_statuses() -> BTreeMap<String, bool> {
    let page = fs::read_to_string(concat!(env!("CARGO_MANIFEST_DIR"), "/docs/json.md")).unwrap();
    let (_, table) = page.split_once("| command | ends with 1 where |\n|---|---|\n").unwrap();
    let rows = table.lines().take_while(|line| line.starts_with('|'));
    let mut found = BTreeMap::new();
    for row in rows {
        let (commands, when) = row.trim_matches('|').split_once('|').unwrap();
        for command in commands.split('`').skip(1).step_by(2) {
            assert!(found.insert(command.to_owned(), when.trim() != "never").is_none(), "{command} is listed twice");
        }
    }
    found
}

/// The commands that clap knows, but for those that only hold others.
fn commands_below(command: &clap::Command, above: &str, found: &mut BTreeSet<String>) {
    for below in command.get_subcommands().filter(|below| below.get_name() != "help") {
        let name = format!("{above}{}", below.get_name());
        match below.has_subcommands() {
            true => commands_below(below, &format!("{name} "), found),
            false => drop(found.insert(name)),
        }
    }
}

#[test]
fn exit_statuses_of_every_command_are_as_documented() {
    let world = World::with_signed_main();
    let ids = mixed(&world);
    let lost = objects::unsigned(&world, &[], "on no branch");
    let documented = documented_statuses();
    let mut commands = BTreeSet::new();
    commands_below(&countersign::cli::Arguments::command(), "", &mut commands);
    assert_eq!(documented.keys().cloned().collect::<BTreeSet<_>>(), commands);
    let file = |name: &str, text: &str| {
        fs::write(world.path(name), text).unwrap();
        world.path(name).to_str().unwrap().to_owned()
    };
    let installed = |name: &str, setting: &str| {
        let repository = world.path(&format!("{name}.git"));
        fs::create_dir(&repository).unwrap();
        world.git_in(&repository, &["init", "--quiet", "--bare"]);
        world.git_in(&repository, &["config", setting, "/nowhere"]);
        let text = format!("repositories = [{repository:?}]\nprogram = {:?}\n", env!("CARGO_BIN_EXE_countersign"));
        file(&format!("{name}.toml"), &format!("version = 1\nserver = \"plain\"\n{text}"))
    };
    let (possible, impossible) = (installed("possible", "x.y"), installed("impossible", "core.hooksPath"));
    let policy = world.policy_path().to_str().unwrap().to_owned();
    let ledger = "ledger = { path = \"../ledger\" }";
    let weaker = format!("version = 1\nunmatched-refs = \"accept\"\nrule = []\n{ledger}\n");
    let weaker = file("policy/weaker.toml", &weaker);
    let broken = file("broken.toml", "version = 1\n");
    let key = file("new.pub", &format!("{}\n", keys::public_ssh(keys::MALLORY_SSH)));
    let alices = file("alice.pub", &format!("{}\n", keys::public_ssh(keys::ALICE_SSH)));
    let empty = file("allowed", "");
    fs::create_dir(world.path("nobody")).unwrap();
    fs::write(world.path("nobody/allowed_signers"), "alice@example.com nothing\n").unwrap();
    let odd = world.path("nobody").to_str().unwrap().to_owned();
    let registry = world.registry_path().to_str().unwrap().to_owned();
    let (null, signed, fingerprint) = (world.null(), ids[1].as_str(), keys::fingerprint(keys::BOB_SSH));
    let unknown = format!("openpgp:{}", keys::fingerprint(keys::CAROL_EXPIRED).trim_start_matches("openpgp:"));
    let since = ["--since", "2026-01-01"];
    // Of another ledger.
    let foreign = countersign::ledger::checkpoint::Checkpoint::sign(
        1,
        countersign::ledger::tree::Hash::leaf(b"x"),
        &countersign::ledger::key::SigningKey::from_seed("elsewhere.example", &[1; 32]).unwrap(),
    );
    fs::create_dir(world.clone_path().join("foreign")).unwrap();
    for name in ["checkpoint", "checkpoint-1"] {
        fs::write(world.clone_path().join("foreign").join(name), foreign.clone().unwrap().to_string()).unwrap();
    }
    drop(support::year::Year::pass(&world.path("year")));
    let year = world.path("year").to_str().unwrap().to_owned();
    let another = "example.com/foo+530d903a+AekyeRrm56hApGFkyQR4ZCbV54Id2LKaANYcrnKv3U2k";
    let lines = |id: &str, name: &str| format!("{null} {id} {name}\n");
    let (free, main) = (lines(signed, "refs/heads/free"), lines(signed, "refs/heads/main"));
    // The words after the command that end with 0, with 1, and with 3.
    type Words<'a> = Vec<&'a str>;
    let cases: Vec<(&str, Words<'_>, Option<Words<'_>>, Option<Words<'_>>)> = vec![
        (
            "hook update",
            vec!["refs/heads/free", &null, signed],
            Some(vec!["refs/heads/main", &null, signed]),
            Some(vec!["refs/heads/main", &null, "x"]),
        ),
        (
            "judge",
            vec!["refs/heads/free", &null, signed],
            Some(vec!["refs/heads/main", &null, signed]),
            Some(vec!["refs/heads/main", &null, "x"]),
        ),
        ("policy replay", vec!["main~2..main~1"], Some(vec!["main"]), Some(vec!["nowhere"])),
        ("verify", vec![signed], Some(vec![&ids[0]]), Some(vec!["nowhere"])),
        ("policy check", vec![&policy], Some(vec![&broken]), Some(vec!["nowhere"])),
        ("policy diff", vec![&weaker, &policy], Some(vec![&policy, &weaker]), Some(vec![&policy, "nowhere"])),
        ("policy explain", vec!["main"], None, None),
        ("registry check", vec![&registry], Some(vec![&odd]), Some(vec!["nowhere"])),
        ("registry list", vec![&registry], None, Some(vec!["nowhere"])),
        ("registry show", vec!["alice@example.com"], Some(vec!["zoe"]), Some(vec!["zoe", "nowhere"])),
        (
            "registry add",
            vec!["zoe", "--key", &key],
            Some(vec!["zoe", "--key", &alices]),
            Some(vec!["zoe", "--key", "nowhere"]),
        ),
        ("registry import", vec![&key], Some(vec![&empty]), Some(vec!["nowhere"])),
        (
            "registry retire",
            [vec![&*fingerprint], since.to_vec()].concat(),
            Some(vec![&unknown[..]]),
            Some(vec![&fingerprint, "--registry", "nowhere"]),
        ),
        (
            "registry compromise",
            [vec![&*fingerprint], since.to_vec()].concat(),
            Some([vec![&*unknown], since.to_vec()].concat()),
            Some([vec![&*fingerprint, "--registry", "nowhere"], since.to_vec()].concat()),
        ),
        (
            "registry leave",
            vec!["bob@example.com"],
            Some(vec!["yorick"]),
            Some(vec!["bob@example.com", "--registry", "nowhere"]),
        ),
        ("policy install", vec![&policy], Some(vec![&broken]), Some(vec!["nowhere"])),
        // The hook above has made the ledger.
        ("ledger verify", vec![], Some(vec!["--key", another]), Some(vec!["--ledger", "nowhere"])),
        ("ledger list", vec![], None, Some(vec!["--ledger", "nowhere"])),
        ("ledger show", vec!["0"], Some(vec!["999"]), Some(vec!["0", "--ledger", "nowhere"])),
        (
            "ledger emergencies",
            vec!["--overdue"],
            Some(vec!["--overdue", "--ledger", &year]),
            Some(vec!["--ledger", "nowhere"]),
        ),
        ("ledger report", vec![], None, Some(vec!["--ledger", "nowhere"])),
        ("ledger adopt", vec!["--all", "--yes"], Some(vec!["--all"]), Some(vec!["--all", "--repo", "nowhere"])),
        ("ledger trace", vec![signed], Some(vec![&lost]), Some(vec!["nothing"])),
        ("registry pending", vec![], None, Some(vec!["--ledger", "nowhere"])),
        ("ledger checkpoint", vec![], Some(vec!["--at", "0"]), Some(vec!["--ledger", "nowhere"])),
        ("ledger prove", vec!["0"], Some(vec!["999"]), Some(vec!["0", "--ledger", "nowhere"])),
        ("ledger export", vec!["export"], Some(vec!["foreign"]), Some(vec!["export", "--ledger", "nowhere"])),
        (
            "ledger publish",
            vec!["--to", "drop"],
            Some(vec!["--to", "foreign"]),
            Some(vec!["--to", "drop", "--ledger", "nowhere"]),
        ),
        ("ledger reindex", vec![], None, Some(vec!["--ledger", "nowhere"])),
        (
            "ledger restore",
            vec!["export", "--key", "../ledger/key", "--ledger", "again"],
            Some(vec!["foreign", "--key", "../ledger/key", "--ledger", "never"]),
            Some(vec!["nowhere", "--key", "nowhere"]),
        ),
        // After the export was restored, with the key of then.
        ("ledger rotate-key", vec![], None, Some(vec!["--ledger", "nowhere"])),
        (
            "approve",
            vec!["main", "--for", "refs/heads/main", "--dry-run"],
            Some(vec!["main", "--for", "refs/heads/main"]),
            Some(vec!["main", "--for", "refs/heads/main", "--repo", "nowhere"]),
        ),
        (
            "doctor",
            vec!["--repair", "--dry-run", "--manifest", &possible],
            Some(vec!["--repair", "--dry-run", "--manifest", &impossible]),
            Some(vec!["--repair", "--config", "nowhere"]),
        ),
        ("completions", vec!["bash"], None, None),
        ("man", vec![], None, None),
    ];
    let ended = |command: &str, words: &[&str], stdin: &str| {
        let mut arguments: Vec<&str> = command.split(' ').chain(words.iter().copied()).collect();
        arguments.extend(["--policy", &policy]);
        countersign(&world, &arguments, stdin)
    };
    let apart = [
        "hook pre-receive",
        "hook post-receive",
        "hook reference-transaction",
        "policy rollback",
        "registry accept",
        "ledger close",
    ];
    let mut tried: BTreeSet<_> = apart.map(str::to_owned).into();
    // Before anything is adopted, which would vouch for it.
    for (stdin, status) in [(&*free, 0), (&main, 1), ("x", 3)] {
        assert_eq!(ended("hook pre-receive", &[], stdin).0, status, "{stdin}");
    }
    for (words, stdin, status) in
        [(&[][..], &*free, 0), (&[], "x", 3), (&["prepared"], "x", 0), (&["committed"], "x", 3)]
    {
        let hook = if words.is_empty() { "hook post-receive" } else { "hook reference-transaction" };
        assert_eq!(ended(hook, words, stdin).0, status, "{hook} {words:?} {stdin}");
    }
    for (command, good, not_good, undecided) in &cases {
        assert_eq!(documented.get(*command), Some(&not_good.is_some()), "{command}");
        assert_eq!(ended(command, &[good, &["--no-such-option"][..]].concat(), "").0, 2, "{command}");
        for (status, words) in [(1, not_good), (3, undecided), (0, &Some(good.clone()))] {
            let Some(words) = words else { continue };
            let (found, out, error) = ended(command, words, "");
            assert_eq!(found, status, "{command} {words:?}: {out}{error}");
        }
        tried.insert((*command).to_owned());
    }
    // Once it is known what became of what `hook update` let in.
    assert_eq!(ended("hook post-receive", &[], &free).0, 0);
    let close = ["--next", "next", "--yes"];
    assert_eq!(ended("ledger close", &close[..2], "").0, 1);
    assert_eq!(ended("ledger close", &[&close[..], &["--ledger", "nowhere"]].concat(), "").0, 3);
    assert_eq!(ended("ledger close", &close, "").0, 0);
    assert_eq!(ended("policy rollback", &[], "").0, 3, "nothing was installed over another");
    assert_eq!(ended("policy install", &[&weaker], "").0, 0);
    assert_eq!(ended("policy rollback", &[], "").0, 0);
    fs::write(world.path("policy/policy.toml.former"), "version = 1\n").unwrap();
    assert_eq!(ended("policy rollback", &[], "").0, 1);
    assert_eq!(tried, commands);
}

#[test]
fn verify_tells_every_commit_of_a_range_in_a_form_for_programs() {
    let world = World::new();
    let ids = mixed(&world);
    let registry = world.registry_path();
    let registry = registry.to_str().unwrap();
    let range = format!("{}..main", ids[0]);
    let (status, out, error) =
        countersign(&world, &["verify", "--registry", registry, "--format", "porcelain", &range], "");
    assert_eq!(status, 1, "{error}");
    let rows: Vec<Vec<&str>> = out.lines().map(|line| line.split(' ').collect()).collect();
    assert_eq!(rows.len(), 3, "{out}");
    let row = |id: &str| rows.iter().find(|row| row[0] == id).unwrap_or_else(|| panic!("{id}: {out}"));
    assert_eq!(row(&ids[1])[1..3], ["good", "ssh"], "{out}");
    assert!(row(&ids[1])[3].starts_with("SHA256:") && row(&ids[1])[4] == "alice@example.com", "{out}");
    assert_eq!(row(&ids[2])[1..3], ["good", "openpgp"], "{out}");
    assert!(row(&ids[2])[3].starts_with("openpgp:") && row(&ids[2])[4] == "dave@example.com", "{out}");
    assert_eq!(row(&ids[3])[1..3], ["unknown-key", "ssh"], "{out}");
    assert_eq!(row(&ids[3])[4], "-", "{out}");
}

#[test]
fn verify_finds_abbreviated_ids_as_refusals_quote_them() {
    for format in ["sha1", "sha256"] {
        let world = World::of_format(format);
        let ids = mixed(&world);
        let registry = world.registry_path();
        let short: Vec<&str> = ids.iter().map(|id| &id[..7]).collect();
        let verify = |what: &str| {
            let arguments = ["verify", "--registry", registry.to_str().unwrap(), "--format", "porcelain", what];
            countersign(&world, &arguments, "")
        };
        for what in [short[1].to_owned(), format!("{}^", short[2]), format!("{}..{}", short[0], short[1])] {
            let (status, out, error) = verify(&what);
            assert_eq!((status, out.lines().count()), (0, 1), "{format} {what}: {out}{error}");
            assert!(out.starts_with(&format!("{} good ssh", ids[1])), "{format} {what}: {out}");
        }
        let absent = ids[1].bytes().next_back().map(|last| if last == b'0' { "1" } else { "0" }).unwrap();
        let (status, _, error) = verify(&format!("{}{absent}", &ids[1][..ids[1].len() - 1]));
        assert_eq!(status, 3, "{format}: {error}");
    }
}

#[test]
fn verify_exits_0_if_all_is_good_and_reads_names_from_standard_input() {
    let world = World::new();
    let ids = mixed(&world);
    let registry = world.registry_path();
    let arguments = ["verify", "--registry", registry.to_str().unwrap(), "--stdin"];
    let (status, out, error) = countersign(&world, &arguments, &format!("{}\n{}\n", ids[1], ids[2]));
    assert_eq!((status, out.lines().count()), (0, 2), "{out}{error}");
    let (status, out, _) = countersign(&world, &arguments, &format!("{}\n{}\n", ids[1], ids[0]));
    assert_eq!(status, 1);
    assert!(out.contains("unsigned"), "{out}");
}

#[test]
fn verify_writes_json_with_a_schema() {
    let world = World::new();
    let ids = mixed(&world);
    let registry = world.registry_path();
    let (_, out, _) =
        countersign(&world, &["verify", "--registry", registry.to_str().unwrap(), "--format", "json", &ids[3]], "");
    let row: serde_json::Value = serde_json::from_str(&out).unwrap();
    assert_eq!((&row["schema"], &row["status"], &row["signer"]), (&1.into(), &"unknown-key".into(), &().into()));
    assert_eq!(row["id"], ids[3].as_str());
}

#[test]
fn verify_at_a_time_judges_as_of_then() {
    let world = World::new();
    let line = format!("alice@example.com valid-before=\"20300101Z\" {}\n", keys::public_ssh("alice-ssh").trim());
    world.registry(&[("allowed_signers", &line)]);
    let id = objects::signed(&world, keys::ALICE_SSH, &[], "one");
    let registry = world.registry_path();
    let at = |time: &str| {
        countersign(&world, &["verify", "--registry", registry.to_str().unwrap(), "--at", time, &id], "").1
    };
    assert!(at("2029-12-31T23:59:59Z").contains(" good "), "{}", at("2029-12-31T23:59:59Z"));
    assert!(at("2030-01-02").contains("key-expired"), "{}", at("2030-01-02"));
}

#[test]
fn verify_at_a_time_takes_it_for_the_receipt() {
    let world = World::with_signed_main();
    world.git(&["commit", "-q", "-S", "--allow-empty", "-m", "One"]);
    let folder = world.registry_path();
    let line = format!("alice@example.com {}\n", keys::public_ssh("alice-ssh"));
    let status = |signers: &str, at: &str| {
        world.registry(&[("allowed_signers", &line), ("signers.toml", signers)]);
        let arguments = ["verify", "HEAD", "--registry", folder.to_str().unwrap(), "--at", at, "--format", "porcelain"];
        let (_, out, error) = countersign(&world, &arguments, "");
        out.split(' ').nth(1).unwrap_or(&error).to_owned()
    };
    let key = keys::fingerprint("alice-ssh");
    let stated = |state: &str| format!("[[key]]\nfingerprint = '{key}'\nstate = '{state}'\nsince = 2090-05-01\n");
    let left = "[[signer]]\nid = 'al'\nemails = ['alice@example.com']\nuntil = 2090-05-01\n".to_owned();
    for (signers, reason) in
        [(stated("retired"), "key-retired"), (stated("compromised"), "key-compromised"), (left, "key-retired")]
    {
        assert_eq!(status(&signers, "2090-04-30T23:59:59Z"), "good");
        assert_eq!(status(&signers, "2090-05-01"), reason);
    }
}

#[test]
fn judge_says_what_a_hook_would() {
    let world = World::with_signed_main();
    let ids = mixed(&world);
    let policy = world.policy_path();
    let policy = policy.to_str().unwrap();
    let judge =
        |old: &str, new: &str| countersign(&world, &["judge", "--policy", policy, "refs/heads/main", old, new], "");
    let (status, out, _) = judge(&ids[0], &ids[2]);
    assert_eq!((status, out.trim()), (0, "accepted"));
    let (status, out, error) = judge(&ids[0], &ids[3]);
    assert_eq!((status, out.trim()), (1, "refused"));
    assert!(error.contains("signed by a key nobody has registered"), "{error}");
    let line = format!("{} {} refs/heads/main\n", ids[0], ids[3]);
    let (status, out, _) = countersign(&world, &["judge", "--policy", policy, "--format", "json"], &line);
    let verdict: serde_json::Value = serde_json::from_str(&out).unwrap();
    assert_eq!(
        (status, &verdict["verdict"], &verdict["findings"][0]["reason"]),
        (1, &"refused".into(), &"unknown-key".into())
    );
}

#[test]
fn the_update_hook_judges_one_ref() {
    let world = World::with_signed_main();
    let hook = world.server().join("hooks/pre-receive");
    fs::remove_file(hook).unwrap();
    let update = world.server().join("hooks/update");
    let policy = world.policy_path();
    let script = format!(
        "#!/bin/sh\nexec '{}' hook update --policy '{}' \"$1\" \"$2\" \"$3\"\n",
        env!("CARGO_BIN_EXE_countersign"),
        policy.display()
    );
    fs::write(&update, script).unwrap();
    support::set_mode(&update, 0o755);
    let good = objects::signed(&world, keys::ALICE_SSH, &[], "one");
    let bad = objects::unsigned(&world, &[&good], "two");
    let pushed = world.push(&[&format!("{good}:refs/heads/main")]);
    assert!(pushed.succeeded, "{}", pushed.output);
    let pushed = world.push(&[&format!("{bad}:refs/heads/main"), &format!("{bad}:refs/heads/dev")]);
    assert!(pushed.output.contains("not signed"), "{}", pushed.output);
    assert_eq!(pushed.after["refs/heads/main"], good);
    assert_eq!(pushed.after["refs/heads/dev"], bad);
}

#[test]
fn policy_check_reports_all_mistakes_with_their_places_and_a_good_one_in_sentences() {
    let world = World::new();
    world.policy(
        "version = 1\nunmatched-refs = \"acept\"\n\n[[rule]]\nname = \"main\"\nrefs = [\"refs/heads/main\"]\n\
         signatures = { commits = \"all\", bye = [\"*\"], formats = [\"x509\"] }\nreview = []\n",
    );
    let policy = world.policy_path();
    let check = || countersign(&world, &["policy", "check", policy.to_str().unwrap()], "");
    let (status, out, error) = check();
    assert_eq!((status, out.as_str()), (1, ""));
    for words in [
        "policy.toml:2:18",
        "accept",
        "policy.toml:7:33",
        "`bye`",
        "`by`",
        "not support",
        "policy.toml:8:10",
        "asks nothing",
    ] {
        assert!(error.contains(words), "{words}: {error}");
    }
    world.signed_main();
    let (status, out, error) = check();
    assert_eq!(status, 0, "{error}");
    for words in ["rule `main`", "refs/heads/main", "must be signed", "nobody may delete it"] {
        assert!(out.contains(words), "{words}: {out}");
    }
}

#[test]
fn policy_check_warns_of_what_surprises() {
    let world = World::new();
    world.policy_for_main("warn-until = 2020-01-01\nsignatures = { commits = \"all\", by = [\"nobody@example.com\"] }");
    let policy = world.policy_path();
    let (status, out, _) = countersign(&world, &["policy", "check", policy.to_str().unwrap()], "");
    assert_eq!(status, 0);
    for words in ["`warn-until` is past", "nobody in the registry is `nobody@example.com`"] {
        assert!(out.contains(words), "{words}: {out}");
    }
    world.policy_for_main("signatures = { commits = \"all\", by = [\"bob@example.com\", \"alice\", \"carol\"] }");
    let signers = "[[signer]]\nid = 'alice'\nuntil = 2026-01-01\n[[signer]]\nid = 'carol'\nuntil = 2099-01-01\n";
    let bob = format!("bob@example.com {}\n", keys::public_ssh("bob-ssh"));
    world.registry(&[("signers.toml", signers), ("allowed_signers", &bob)]);
    let (_, out, _) = countersign(&world, &["policy", "check", policy.to_str().unwrap()], "");
    let warnings: Vec<&str> = out.lines().filter(|line| line.starts_with("warning: ")).collect();
    assert_eq!(warnings, ["warning: line 7: `alice` has left, and signs nothing any more"]);
}

#[test]
fn policy_check_warns_of_rules_that_do_not_what_they_say() {
    let world = World::new();
    let policy = world.policy_path();
    let server = world.server();
    let missing = "1".repeat(40);
    world.policy_for_main(&format!(
        "mode = \"warn\"\nwarn-until = 2099-01-31\ntags = {{ signed = true }}\nbaseline = [\"{missing}\"]"
    ));
    let check = || {
        let arguments = ["policy", "check", policy.to_str().unwrap(), "--repo", server.to_str().unwrap()];
        countersign(&world, &arguments, "").1
    };
    let out = check();
    for words in [
        "`warn-until` changes nothing: it is for `mode = \"enforce\"`",
        "`tags` asks nothing: none of its `refs` can match below `refs/tags/`",
        &format!("this repository lacks the baseline {missing}"),
    ] {
        assert!(out.contains(words), "{words}: {out}");
    }
    world.policy_for_main("warn-until = 2099-01-31\nsignatures = { commits = \"all\" }");
    let out = check();
    assert!(!out.contains("warning"), "{out}");
    assert!(out.contains("warns, refuses nothing; from 2099-01-31 enforced"), "{out}");
}

#[test]
fn policy_check_warns_of_rules_that_ask_who_pushes_where_nothing_says() {
    let world = World::new();
    let policy = world.policy_path();
    world.registry(&[("signers.toml", "[[signer]]\nid = 'alice'\naccounts = ['gitea:al']\n")]);
    let checked = |server: &str, rule: &str| {
        world.policy(&format!(
            "version = 1\nunmatched-refs = \"accept\"\n{server}\n[[rule]]\nname = \"main\"\n\
             refs = [\"refs/heads/main\"]\n{rule}\n"
        ));
        let (status, out, error) = countersign(&world, &["policy", "check", policy.to_str().unwrap()], "");
        assert_eq!(status, 0, "{error}");
        out.lines().filter(|line| line.starts_with("warning: ")).collect::<Vec<_>>().join("\n")
    };
    let by = "pusher = { by = [\"alice\"] }";
    for (server, rule, words) in [
        ("", by, "it asks who pushed, and without `server` only a push certificate says"),
        ("", "updates = { create = [\"alice\"] }", "it asks who pushed"),
        ("", "pusher = { via = [\"push\"] }", "nothing says how changes come about"),
        ("server = 'gitlab'", by, "nobody in `signers.toml` has an account there"),
        ("server = 'gitlab'", "pusher = { certificate = \"required\" }", "GitLab passes no push certificate"),
        ("server = 'gitlab'", "pusher = { via = [\"merge\"] }", "GitLab does not tell a merge from an edit"),
        ("server = 'pagure'", "pusher = { via = [\"push\"] }", "does not say how changes come about"),
        ("server = 'http'", "pusher = { via = [\"merge\"] }", "every change is a push, and `via` does not list it"),
        ("server = 'http'", "signatures = { commits = \"all\", forge = \"all\" }", "`forge` lets in nothing"),
    ] {
        let warnings = checked(server, rule);
        assert!(warnings.contains(words) && warnings.lines().count() == 1, "{server} {rule}: {warnings}");
    }
    for rule in [by, "pusher = { via = [\"merge\"], certificate = \"required\" }", "updates = { create = true }"] {
        assert_eq!(checked("server = 'gitea'", rule), "", "{rule}");
    }
}

#[test]
fn policy_check_says_people_and_durations_in_words() {
    let world = World::new();
    let policy = world.policy_path();
    world.policy_for_main("signatures = { commits = \"all\", by = [\"*\", \"alice@example.com\"], grace = \"72h\" }");
    let (_, out, _) = countersign(&world, &["policy", "check", policy.to_str().unwrap()], "");
    for words in
        ["signed by any registered person or `alice@example.com`", "a key that expired counts for another 3 days"]
    {
        assert!(out.contains(words), "{words}: {out}");
    }
    for (check, words) in [
        ("touch", "in a security key (`ed25519-sk`, `ecdsa-sk`), touched for each signature"),
        (
            "pin",
            "in a security key (`ed25519-sk`, `ecdsa-sk`), touched, and unlocked by a PIN or fingerprint, for each",
        ),
    ] {
        world.policy_for_main(&format!("signatures = {{ commits = \"all\", security-key = \"{check}\" }}"));
        let (_, out, _) =
            countersign(&world, &["policy", "explain", "refs/heads/main", "--policy", policy.to_str().unwrap()], "");
        assert!(out.contains(words), "{words}: {out}");
    }
    world.policy_for_main("signatures = { commits = \"all\", formats = [] }");
    let (status, _, error) = countersign(&world, &["policy", "check", policy.to_str().unwrap()], "");
    assert_eq!(status, 1);
    assert!(error.contains("an empty list takes no signature at all"), "{error}");
}

#[test]
fn what_no_push_is_about_does_not_speak_of_one() {
    let world = World::with_signed_main();
    let policy = world.policy_path();
    let (status, _, error) = countersign(&world, &["verify", "nothing", "--policy", policy.to_str().unwrap()], "");
    assert_eq!(status, 3);
    assert!(error.starts_with("error: could not decide: while looking for `nothing`"), "{error}");
    assert!(!error.contains("push") && !error.contains("accepted"), "{error}");
}

#[test]
fn policy_explain_says_what_applies_to_a_ref() {
    let world = World::with_signed_main();
    let policy = world.policy_path();
    let explain =
        |name: &str| countersign(&world, &["policy", "explain", "--policy", policy.to_str().unwrap(), name], "").1;
    for name in ["main", "HEAD"] {
        assert!(explain(name).contains("every commit that it gains must be signed"), "{}", explain(name));
    }
    assert!(explain("refs/heads/dev").contains("no rule matches"), "{}", explain("refs/heads/dev"));
}

#[test]
fn policy_explain_says_what_a_rule_means_for_one_person() {
    let world = World::new();
    let (alice, bob) = (keys::public_ssh("alice-ssh"), keys::public_ssh("bob-ssh"));
    world.registry(&[
        ("allowed_signers", &format!("alice@example.com {alice}\nbob@example.com {bob}\n")),
        (
            "signers.toml",
            "[[signer]]\nid = 'alice'\nemails = ['alice@example.com']\n\n[[signer]]\nid = 'bob'\n\
             emails = ['bob@example.com']\nuntil = 2020-01-01\n",
        ),
    ]);
    world.policy(
        "version = 1\nunmatched-refs = 'accept'\n[[rule]]\nname = 'main'\nrefs = ['refs/heads/main']\n\
         signatures = { commits = 'all', by = ['alice'] }\nupdates = { create = false }\ntags = { by = ['bob'] }\n",
    );
    let policy = world.policy_path();
    let explain = |more: &[&str]| {
        let mut arguments = vec!["policy", "explain", "--policy", policy.to_str().unwrap()];
        arguments.extend(more);
        countersign(&world, &arguments, "")
    };
    let (status, out, error) = explain(&["main", "--as", "alice"]);
    assert_eq!(status, 0, "{error}");
    for words in [
        "`alice` is among those whose signature on a commit counts",
        "`alice` is not among those whose signature on a tag counts: `bob`",
        "`alice` may not create it",
        "`alice` may update it",
    ] {
        assert!(out.contains(words), "{words}: {out}");
    }
    assert!(!out.contains("has left"), "{out}");
    let (status, out, error) = explain(&["main", "--as", "bob@EXAMPLE.com"]);
    assert_eq!(status, 0, "{error}");
    for words in [
        "`bob` has left",
        "`bob` is not among those whose signature on a commit counts: `alice`",
        "`bob` is among those whose signature on a tag",
    ] {
        assert!(out.contains(words), "{words}: {out}");
    }
    let (status, _, error) = explain(&["main", "--as", "carol"]);
    assert!(status == 2 && error.contains("nobody in the registry"), "{error}");
}

#[test]
fn policy_explain_prints_the_manual_of_a_requirement() {
    let world = World::with_signed_main();
    let (status, out, _) = countersign(&world, &["policy", "explain", "--manual", "signatures"], "");
    assert!(status == 0 && out.contains("commits = \"all\""), "{out}");
    let (status, _, error) = countersign(&world, &["policy", "explain", "--manual", "signature"], "");
    assert!(status == 2 && error.contains("there are `updates`, `tags`, `signatures`"), "{error}");
    assert_eq!(countersign(&world, &["policy", "explain"], "").0, 2);
    assert_eq!(countersign(&world, &["policy", "explain", "main", "--manual", "tags"], "").0, 2);
}

#[test]
fn policy_diff_tells_the_weaker_first_and_by_its_status() {
    let world = World::new();
    let policy = world.policy_path();
    let other = policy.with_file_name("other.toml");
    let text = |lines: &str| {
        format!(
            "version = 1\nunmatched-refs = 'accept'\n[[rule]]\nname = 'main'\nrefs = ['refs/heads/main']\n{lines}\n"
        )
    };
    world.policy(&text("updates = { delete = true }"));
    std::fs::copy(&policy, &other).unwrap();
    world.policy(&text("updates = { create = false }"));
    let (old, new) = (policy.to_str().unwrap(), other.to_str().unwrap());
    let (status, out, error) = countersign(&world, &["policy", "diff", old, new], "");
    assert_eq!(status, 1, "{error}");
    let lines: Vec<_> = out.lines().collect();
    let expected = [
        "weaker: rule `main`: updates.create: `nobody` becomes `anyone`",
        "weaker: rule `main`: updates.delete: `nobody` becomes `anyone`",
    ];
    assert_eq!(lines, expected);
    let (status, out, _) = countersign(&world, &["policy", "diff", new, old], "");
    assert!(status == 0 && out.lines().all(|line| line.starts_with("stricter: ")), "{out}");
    let (status, out, _) = countersign(&world, &["policy", "diff", old, old, "--format", "json"], "");
    assert_eq!((status, out.as_str()), (0, "{\"schema\":1,\"differences\":[]}\n"));
}

#[test]
fn registry_check_names_what_grants_nothing_and_list_shows_keys() {
    let world = World::new();
    let registry = world.registry_path();
    let folder = registry.to_str().unwrap();
    let key = keys::public_ssh("alice-ssh");
    world.registry(&[("allowed_signers", &format!("alice@example.com {key}\n"))]);
    let (status, out, error) = countersign(&world, &["registry", "check", folder], "");
    assert_eq!(status, 0, "{out}{error}");
    let (status, out, _) = countersign(&world, &["registry", "list", folder], "");
    assert_eq!(status, 0);
    assert!(out.contains("alice@example.com") && out.contains("SHA256:"), "{out}");
    world.registry(&[("signers.toml", "[[signer]]\nid = 'a'\nemial = []\n\n[[signer]]\nid = 1\n")]);
    let (status, _, error) = countersign(&world, &["registry", "check", folder], "");
    assert_eq!(status, 1);
    for words in ["signers.toml:3:1", "did you mean `emails`?", "signers.toml:6:6", "2 mistakes"] {
        assert!(error.contains(words), "{words}: {error}");
    }
    world.registry(&[("allowed_signers", &format!("alice@example.com {key}\nbob@example.com magic {key}\n"))]);
    let (status, out, _) = countersign(&world, &["registry", "check", folder], "");
    assert_eq!(status, 1);
    assert!(out.contains("allowed_signers:2"), "{out}");
    world.registry(&[("allowed_signers", &format!("alice@example.com {key}\n*@example.org cert-authority {key}\n"))]);
    let (status, out, _) = countersign(&world, &["registry", "check", folder], "");
    assert_eq!((status, out.as_str()), (0, "1 key, with one owner; 1 authority\n"));
    // Each reason continues the sentence.
    for (line, what) in [
        (
            "valid-before=\"20200101Z\",valid-after=\"20210101Z\"",
            "it has a `valid-before` that is not after its `valid-after`",
        ),
        ("valid-after=\"never\"", "it has a `valid-after` that is no time of the form YYYYMMDD[HHMM[SS]][Z]: `never`"),
        ("namespaces=git", "it has a value of `namespaces` that is not in quotes"),
        ("namespaces=\"git\",", "it has options that end with a comma"),
    ] {
        world.registry(&[("allowed_signers", &format!("alice@example.com {line} {key}\n"))]);
        let (status, out, _) = countersign(&world, &["registry", "check", folder], "");
        assert!(status == 1 && out.ends_with(&format!("this line grants nothing: {what}\n")), "{out}");
    }
}

/// An RSA key of 1024 bits.
pub const WEAK_SSH: &str = "ssh-rsa AAAAB3NzaC1yc2EAAAADAQABAAAAgQCsGPGEBunwwLtA9MRLbO4VsI9wqgV5bPsBFpP33aQn3Spubu2cnEmJmw+wLZAYEriYoHdgvo\
    MAdVfKWRjicAe+mesvv66CQp+DiekfUDeGRvX7Ymf9rjkFFkLMzBO5dE5Ge3rbypsntLsaQpcu0F3D8pYSBPi33Am39njdUQffWw==";

/// A certificate with such a key.
const WEAK_OPENPGP: &str = "-----BEGIN PGP PUBLIC KEY BLOCK-----

mI0EawZIUwEEAMnwXynvfDn1JM6PKBoFciOjAiU8Hxyg2CfKjSPzS3+qzkOBB+xs
Xe4MdcLC0oht9B0L8w9NYGvQmlG1k6JhfxGsJkYIgOZ71pONrw1CWUqP4nT94BZc
TvOvD/TO8Iht3A/Zd55zb6yE38tkaIC1lOso6HWJoYI+gFRCGobV3r2LABEBAAG0
F1dlYWsgPHdlYWtAZXhhbXBsZS5jb20+iM4EEwEKADgWIQTIEMKAl9vKdtT38qNN
GSN1hHyPzQUCawZIUwIbAwULCQgHAgYVCgkICwIEFgIDAQIeAQIXgAAKCRBNGSN1
hHyPzcJeA/9RVCYvLF9kUe0VHYQ32OgzpWEVrrAzaGhopju5vDPWwa3ZCb0FkbSd
/REmYHYAClppa29Q7wkefk4EE5uR8JL7nO9eRA+au1LqLL8uN4ogioLCOzLo1tna
xWzbmsaoUPfd2kIQ3Fq5sfQXYYvOJEgKQq+X9b4NYhz8xcwW1+VyVA==
=HqiD
-----END PGP PUBLIC KEY BLOCK-----
";

#[test]
fn registry_check_and_list_name_keys_too_weak_to_count() {
    let world = World::new();
    let registry = world.registry_path();
    let folder = registry.to_str().unwrap();
    world.registry(&[("allowed_signers", &format!("alice@example.com {}\n", keys::public_ssh("alice-ssh")))]);
    let (status, out, error) = countersign(&world, &["registry", "check", folder], "");
    assert_eq!(status, 0, "{out}{error}");
    world.registry(&[
        ("allowed_signers", &format!("weak@example.org {WEAK_SSH}\n")),
        ("openpgp/weak.asc", WEAK_OPENPGP),
    ]);
    let (_, out, _) = countersign(&world, &["registry", "list", folder], "");
    let weak: Vec<&str> = out.lines().filter(|line| line.ends_with(" weak: RSA of 1024 bits")).collect();
    assert_eq!(weak.len(), 2, "{out}");
    let (status, out, _) = countersign(&world, &["registry", "check", folder], "");
    assert_eq!(status, 1);
    assert!(out.contains("allowed_signers:1: SHA256:"), "{out}");
    let said = "is weak (RSA of 1024 bits): nothing that it signs counts";
    assert_eq!(out.matches(said).count(), 2, "{out}");
}

#[test]
fn completions_and_manual_pages_are_made_from_the_commands() {
    let world = World::new();
    for shell in ["bash", "zsh", "fish"] {
        let (status, out, _) = countersign(&world, &["completions", shell], "");
        assert_eq!(status, 0);
        assert!(out.contains("pre-receive"), "{shell}");
    }
    let (status, out, _) = countersign(&world, &["man"], "");
    assert_eq!(status, 0);
    assert!(out.contains(".TH") && out.contains("registry"), "{out}");
    let (_, out, _) = countersign(&world, &["man", "policy", "check"], "");
    assert!(out.contains("Reports every mistake"), "{out}");
}

/// Runs the hook on a good push by a shell, which can close its streams.
fn hook_by_shell(redirection: &str) -> (i32, String, String) {
    let world = World::with_signed_main();
    let good = objects::signed(&world, keys::ALICE_SSH, &[], "one");
    world.push_without_hook(&[&format!("{good}:refs/heads/elsewhere")]);
    let zeroes = "0".repeat(40);
    fs::write(world.path("lines"), format!("{zeroes} {good} refs/heads/main\n")).unwrap();
    let script = format!(
        "'{}' hook pre-receive --policy '{}' <'{}' {redirection}",
        env!("CARGO_BIN_EXE_countersign"),
        world.policy_path().display(),
        world.path("lines").display()
    );
    let mut command = world.command("sh", &world.server());
    command.args(["-c", &script]).env("GIT_DIR", ".");
    told(&support::run(command, b""))
}

#[test]
fn an_accepted_push_exits_0_and_says_where_it_is_recorded() {
    let (status, output, told) = hook_by_shell("");
    assert_eq!((status, &*output), (0, ""), "{told}");
    let words: Vec<_> = told.split(' ').collect();
    assert_eq!(words[..4], ["accepted:", "record", "2;", "checkpoint"], "{told}");
    assert!(told.lines().count() == 1 && words.len() == 7, "{told}");
    assert_eq!(hook_by_shell(">/dev/null 2>/dev/null").0, 0);
}

#[test]
fn a_closed_standard_input_is_no_push() {
    let (status, _, error) = hook_by_shell("<&-");
    assert_eq!(status, 3);
    assert!(error.contains("no ref update arrived") && error.contains("administrator has to act"), "{error}");
}

#[test]
fn a_closed_standard_output_never_exits_0() {
    assert_eq!(hook_by_shell(">&-").0, 3);
}

#[test]
fn a_client_that_is_gone_never_makes_it_exit_0() {
    let world = World::with_signed_main();
    let good = objects::signed(&world, keys::ALICE_SSH, &[], "one");
    world.push_without_hook(&[&format!("{good}:refs/heads/elsewhere")]);
    let mut command: Command = world.command(env!("CARGO_BIN_EXE_countersign"), &world.server());
    let policy = world.policy_path();
    command.args(["hook", "pre-receive", "--policy"]).arg(policy).env("GIT_DIR", ".");
    command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
    let mut child = command.spawn().unwrap();
    drop((child.stdout.take(), child.stderr.take()));
    let line = format!("{} {good} refs/heads/main\n", "0".repeat(40));
    std::io::Write::write_all(&mut child.stdin.take().unwrap(), line.as_bytes()).unwrap();
    assert_eq!(child.wait().unwrap().code(), Some(3));
}

#[test]
fn a_deadline_that_is_over_refuses_and_says_so() {
    let world = World::with_signed_main();
    let good = objects::signed(&world, keys::ALICE_SSH, &[], "one");
    world.push_without_hook(&[&format!("{good}:refs/heads/elsewhere")]);
    let policy = world.policy_path();
    let mut command = world.command(env!("CARGO_BIN_EXE_countersign"), &world.server());
    command.args(["hook", "pre-receive", "--deadline", "0s", "--policy"]).arg(policy).env("GIT_DIR", ".");
    let line = format!("{} {good} refs/heads/main\n", "0".repeat(40));
    let (status, _, error) = told(&support::run(command, line.as_bytes()));
    assert_eq!(status, 3);
    assert!(error.contains("the time for it is over"), "{error}");
}

#[test]
fn a_namespace_is_refused() {
    let world = World::with_signed_main();
    let policy = world.policy_path();
    let mut command = world.command(env!("CARGO_BIN_EXE_countersign"), &world.server());
    command.args(["hook", "pre-receive", "--policy"]).arg(policy).env("GIT_DIR", ".").env("GIT_NAMESPACE", "x");
    let (status, _, error) = told(&support::run(command, b""));
    assert_eq!(status, 3);
    assert!(error.contains("GIT_NAMESPACE"), "{error}");
}

#[test]
fn both_policies_must_accept_where_a_repository_has_its_own() {
    let world = World::new();
    let own = world.server().join("countersign");
    fs::create_dir(&own).unwrap();
    fs::create_dir(own.join("registry")).unwrap();
    fs::write(
        own.join("policy.toml"),
        "version = 1\nunmatched-refs = \"accept\"\n[[rule]]\nname = \"own\"\nrefs = [\"refs/heads/main\"]\n\
         signatures = { commits = \"all\" }\n",
    )
    .unwrap();
    for (name, mode) in [("", 0o755), ("registry", 0o755), ("policy.toml", 0o644)] {
        support::set_mode(&own.join(name), mode);
    }
    let mut command = world.command(env!("CARGO_BIN_EXE_countersign"), &world.server());
    let bad = objects::unsigned(&world, &[], "one");
    world.push_without_hook(&[&format!("{bad}:refs/heads/elsewhere")]);
    command.args(["judge", "refs/heads/main", &"0".repeat(40), &bad]);
    let (status, _, error) = told(&support::run(command, b""));
    assert_eq!(status, 1, "{error}");
    assert!(error.contains("refused by rule `own`"), "{error}");
}

#[test]
fn a_log_goes_to_its_file_and_not_to_the_pusher() {
    let world = World::new();
    let log = world.path("hook.log");
    let mut command = world.command(env!("CARGO_BIN_EXE_countersign"), &world.server());
    command.args(["hook", "pre-receive", "--policy", "/nowhere/policy.toml", "--log"]).arg(&log).env("GIT_DIR", ".");
    let line = format!("{} {} refs/heads/main\n", "0".repeat(40), "1".repeat(40));
    let (status, _, error) = told(&support::run(command, line.as_bytes()));
    assert_eq!(status, 3);
    assert!(!error.contains("ERROR"), "{error}");
    assert!(fs::read_to_string(log).unwrap().contains("could not decide"));
}

/// What the hook says of an unsigned commit on `main`: its exit status and standard error.
fn hook_refuses(world: &World, command: impl FnOnce(&mut std::process::Command)) -> (i32, String) {
    let bad = objects::unsigned(world, &[], "bad");
    world.push_without_hook(&[&format!("{bad}:refs/heads/bad")]);
    let mut hook = world.command(env!("CARGO_BIN_EXE_countersign"), &world.server());
    hook.args(["hook", "pre-receive", "--policy"]).arg(world.policy_path()).env("GIT_DIR", ".");
    command(&mut hook);
    let line = format!("{} {bad} refs/heads/main\n", world.null());
    let (status, _, error) = told(&support::run(hook, line.as_bytes()));
    (status, error)
}

#[test]
fn a_log_says_which_repository_was_pushed_to() {
    let world = World::with_signed_main();
    let log = world.path("hook.log");
    let (status, error) = hook_refuses(&world, |hook| {
        hook.arg("--log").arg(&log);
    });
    assert_eq!(status, 1, "{error}");
    let (status, error) = hook_refuses(&world, |hook| {
        hook.env("GIT_NAMESPACE", "x").arg("--log").arg(&log);
    });
    assert_eq!(status, 3, "{error}");
    let lines = fs::read_to_string(log).unwrap();
    let server = world.server().canonicalize().unwrap();
    for told in ["\"refused\"", "could not decide"] {
        let line = lines.lines().find(|line| line.contains(told)).unwrap();
        assert!(line.contains(server.to_str().unwrap()), "{line}");
    }
}

#[test]
fn a_pusher_who_can_set_the_level_of_the_log_silences_nothing() {
    for level in ["off", "error", "countersign=off", "[[["] {
        let world = World::with_signed_main();
        let log = world.path("hook.log");
        let (status, error) = hook_refuses(&world, |hook| {
            hook.env("COUNTERSIGN_LOG", level).arg("--log").arg(&log);
        });
        assert_eq!(status, 1, "{level}: {error}");
        assert!(fs::read_to_string(log).unwrap().contains("\"refused\""), "{level}");
    }
}

#[test]
fn a_repository_that_belongs_to_another_user_is_judged() {
    let world = World::with_signed_main();
    // Only root can give it away; for others it stays their own.
    let (status, error) = hook_refuses(&world, |_| drop(std::os::unix::fs::chown(world.server(), Some(12345), None)));
    assert_eq!(status, 1, "{error}");
    assert!(error.contains("not signed"), "{error}");
}

#[test]
fn a_log_names_a_baseline_that_the_repository_lacks() {
    let world = World::new();
    let missing = "1".repeat(40);
    for commits in ["all", "tip"] {
        world.policy_for_main(&format!("baseline = [\"{missing}\"]\nsignatures = {{ commits = \"{commits}\" }}"));
        let good = objects::signed(&world, keys::ALICE_SSH, &[], "good");
        let log = world.path(commits);
        let mut command = world.command(env!("CARGO_BIN_EXE_countersign"), &world.clone_path());
        command.args(["hook", "pre-receive", "--policy"]).arg(world.policy_path()).arg("--log").arg(&log);
        let line = format!("{} {good} refs/heads/main\n", "0".repeat(40));
        assert_eq!(told(&support::run(command, line.as_bytes())).0, 0);
        let log = fs::read_to_string(log).unwrap();
        assert!(log.contains("lacks a baseline") && log.contains(&missing), "{log}");
    }
}

#[test]
fn a_deadline_ends_a_hook_whose_client_does_not_read() {
    use rustix::fs::{OFlags, fcntl_setfl};
    let world = World::new();
    world.policy("version = 1\nunmatched-refs = \"refuse\"\n");
    let (reader, mut writer) = std::io::pipe().unwrap();
    fcntl_setfl(&writer, OFlags::NONBLOCK).unwrap();
    while std::io::Write::write(&mut writer, &[b'x'; 4096]).is_ok() {}
    fcntl_setfl(&writer, OFlags::empty()).unwrap();
    let mut command = world.command(env!("CARGO_BIN_EXE_countersign"), &world.server());
    command.args(["hook", "pre-receive", "--deadline", "100ms", "--policy"]).arg(world.policy_path());
    command.env("GIT_DIR", ".").stdin(Stdio::piped()).stdout(writer.try_clone().unwrap()).stderr(writer);
    let mut child = command.spawn().unwrap();
    let line = format!("{} {} refs/heads/x\n", "0".repeat(40), "1".repeat(40));
    std::io::Write::write_all(&mut child.stdin.take().unwrap(), line.as_bytes()).unwrap();
    let ended = (0..600).find_map(|_| {
        std::thread::sleep(std::time::Duration::from_millis(100));
        child.try_wait().unwrap()
    });
    child.kill().unwrap();
    assert_eq!(ended.and_then(|status| status.code()), Some(3));
    drop(reader);
}
