//! The commands that edit the registry, and what a push makes of it before and after.

use crate::{
    cli::WEAK_SSH,
    support::{self, World, keys, objects, set_mode},
};
use std::{fs, os::unix::fs::PermissionsExt};

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
    assert_eq!(told, format!("{key} of alice@example.com is retired from 2099-01-01T00:00:00Z on\n"));
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
    for since in ["2026", "soon", "2026-05-01T12:00:00"] {
        let (status, _, error) = registry(&world, &["retire", &key, "--since", since], b"");
        assert!(status == 2 && error.contains("an RFC 3339 time such as"), "{error}");
    }
}

#[test]
fn a_key_is_retired_as_of_now_unless_told_otherwise() {
    let world = World::with_signed_main();
    next(&world, keys::DAVE_OPENPGP);
    world.accepts(&["main"]);
    let key = format!("openpgp:{}", keys::fingerprint(keys::DAVE_OPENPGP));
    // Sooner than it was to be.
    done(&world, &["retire", &key, "--since", "2099-01-01"]);
    done(&world, &["retire", &key]);
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
    let error = not_done(&world, &["compromise", &key, "--since", "2099-01-01"]);
    assert!(error.starts_with(&format!("error: 2099-01-01T00:00:00Z is still to come: {key} would count")), "{error}");
    let told = done(&world, &["compromise", &key, "--since", "2026-05-01", "--note", "stolen laptop"]);
    let (told, impact) = told.split_once('\n').unwrap();
    assert_eq!(told, format!("{key} of alice@example.com is compromised since 2026-05-01T00:00:00Z"));
    assert!(impact.starts_with("after   record 2, "), "{impact}");
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
    done(&world, &["leave", "dave@example.com", "--at", "2099-01-01"]);
    done(&world, &["leave", "dave@example.com"]);
    let again = done(&world, &["leave", "dave@example.com"]);
    assert!(again.starts_with("dave@example.com left on 2") && again.ends_with("Z already\n"), "{again}");
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

/// A file of the fixtures.
fn fixture(name: &str) -> String {
    format!("{}/fixtures/keys/{name}", env!("CARGO_MANIFEST_DIR"))
}

#[test]
fn an_added_key_counts_from_the_next_push_on() {
    let world = World::with_signed_main();
    next(&world, keys::MALLORY_SSH);
    world.refuses(&["main"], &["unknown-key"]);
    let key = keys::fingerprint(keys::MALLORY_SSH);
    let file = fixture("mallory-ssh.pub");
    let new =
        ["add", "mallory", "--name", "Mallory", "--email", "mallory@example.net", "--group", "dev", "--key", &file];
    let told = done(&world, &[&new[..], &["--dry-run"]].concat());
    let expected = |more: &str| format!("mallory has an entry{more}\n{key} is mallory's{more}\n");
    assert_eq!(told, expected("; nothing is written (--dry-run)"));
    assert_eq!(done(&world, &new), expected(""));
    world.accepts(&["main"]);
    let entry =
        "[[signer]]\nid = \"mallory\"\nname = \"Mallory\"\nemails = [\"mallory@example.net\"]\ngroups = [\"dev\"]\n";
    assert_eq!(signers(&world), entry);
    let lines = fs::read_to_string(world.registry_path().join("allowed_signers")).unwrap();
    let public = keys::public_ssh(keys::MALLORY_SSH);
    let public: Vec<_> = public.split(' ').take(2).collect();
    assert!(lines.ends_with(&format!("\nmallory@example.net {}\n", public.join(" "))), "{lines}");
    // Once more, and more of her.
    let before = files(&world);
    assert_eq!(done(&world, &new), format!("{key} is mallory's already\n"));
    assert_eq!(files(&world), before);
    let told =
        done(&world, &["add", "mallory", "--account", "mal", "--group", "dev", "--group", "ops", "--kind", "bot"]);
    assert_eq!(told, "mallory's entry has more\n");
    let entry = entry.replace("[\"dev\"]", "[\"dev\", \"ops\"]");
    assert_eq!(signers(&world), format!("{entry}kind = \"bot\"\naccounts = [\"mal\"]\n"));
}

#[test]
fn an_added_certificate_counts_from_the_next_push_on() {
    for (email, listed) in [("mallory@example.net", false), ("m@example.org", true)] {
        let world = World::with_signed_main();
        next(&world, keys::MALLORY_OPENPGP);
        world.refuses(&["main"], &["unknown-key"]);
        let key = format!("openpgp:{}", keys::fingerprint(keys::MALLORY_OPENPGP));
        let told = done(&world, &["add", "mallory", "--email", email, "--key", &fixture("mallory-openpgp.asc")]);
        assert_eq!(told, format!("mallory has an entry\n{key} is mallory's\n"));
        let keys = if listed { format!("keys = [\"{key}\"]\n") } else { String::new() };
        assert_eq!(signers(&world), format!("[[signer]]\nid = \"mallory\"\nemails = [\"{email}\"]\n{keys}"));
        world.accepts(&["main"]);
        let before = files(&world);
        let again = done(&world, &["add", "mallory", "--key", &fixture("mallory-openpgp.asc"), "--format", "json"]);
        assert_eq!(
            again,
            format!("{{\"schema\":1,\"done\":[\"{key} is mallory's already\"],\"refused\":null,\"written\":false}}\n")
        );
        assert_eq!(files(&world), before);
    }
}

#[test]
fn an_entry_claims_the_keys_that_bear_its_email() {
    let world = World::with_signed_main();
    let (ssh, dave) = (keys::fingerprint(keys::ALICE_SSH), keys::fingerprint(keys::DAVE_OPENPGP));
    let told = done(&world, &["add", "alice", "--email", "alice@example.com"]);
    assert_eq!(told, format!("alice has an entry\n{ssh} of alice@example.com is alice's\n"));
    // A list of keys holds what she has, or it would take it away.
    let told = done(&world, &["add", "alice", "--key", &keys::fingerprint(keys::MALLORY_SSH)]);
    assert_eq!(told, format!("{} is alice's\n", keys::fingerprint(keys::MALLORY_SSH)));
    assert!(signers(&world).contains(&format!("\"{ssh}\"")), "{}", signers(&world));
    next(&world, keys::ALICE_SSH);
    world.accepts(&["main"]);
    let error = not_done(&world, &["add", "alice", "--key", &format!("openpgp:{dave}")]);
    assert_eq!(error, format!("error: openpgp:{dave} is dave@example.com's: a key has one owner\n"));
}

#[test]
fn what_must_not_be_added_is_refused() {
    let world = World::with_signed_main();
    let file = |name: &str, text: &str| {
        let path = world.path(name);
        fs::write(&path, text).unwrap();
        path.to_str().unwrap().to_owned()
    };
    let alice = keys::fingerprint(keys::ALICE_SSH);
    done(&world, &["retire", &keys::fingerprint(keys::BOB_SSH), "--since", "2026-05-01", "--note", "lost"]);
    let garbage = file("garbage.pub", "\nssh-ed25519 AAAA\n");
    for (key, why) in [
        (fixture("alice-ssh.pub"), format!("{alice} is alice@example.com's: a key has one owner")),
        (alice.clone(), format!("{alice} is alice@example.com's: a key has one owner")),
        (fixture("bob-ssh.pub"), "is retired since 2026-05-01T00:00:00Z: lost".into()),
        (fixture("dave-openpgp.asc"), "is dave@example.com's: a key has one owner".into()),
        (fixture("carol-expired.asc"), "expired on 2021-01-01T00:00:00Z".into()),
        (fixture("mallory-ssh"), "is a PRIVATE KEY. Nobody but its owner may have it: it is compromised now.".into()),
        (fixture("mallory-openpgp.secret.asc"), "is a PRIVATE KEY. Nobody but its owner may have it".into()),
        (garbage.clone(), format!("`{garbage}` line 2 is no public key: it is not whole")),
    ] {
        let error = not_done(&world, &["add", "mallory", "--email", "m@example.net", "--key", &key]);
        assert!(error.starts_with("error: ") && error.contains(&why), "{key}: {error}");
    }
    let weak = file("weak.pub", WEAK_SSH);
    let error = not_done(&world, &["add", "mallory", "--email", "m@example.net", "--key", &weak]);
    assert!(error.contains(" is too weak: RSA of 1024 bits"), "{error}");
    for (id, email) in [("*", "m@x.org"), ("mallory", "*@x.org"), ("mallory", "a@x,b@x"), ("mallory", "!a@x")] {
        let error = not_done(&world, &["add", id, "--email", email, "--key", &fixture("mallory-ssh.pub")]);
        assert!(error.contains("is a pattern or no name: a person has a whole one"), "{error}");
    }
    let error = not_done(&world, &["add", "Mal Lory", "--key", &fixture("mallory-ssh.pub")]);
    assert!(error.contains("cannot be a principal in `allowed_signers`: give an email"), "{error}");
    let (status, _, error) = registry(&world, &["add", "mallory", "--key", "/nowhere.pub"], b"");
    assert!(status == 3 && error.contains("reading `/nowhere.pub`"), "{error}");
}

#[test]
fn what_is_another_persons_is_not_given_to_a_second_one() {
    let world = World::with_signed_main();
    write_signers(&world, "[[signer]]\nid = 'bob'\nemails = ['b@x.org']\naccounts = ['bob', 'gitlab:user-12']\n");
    for (flag, held, told) in [
        ("--email", "b@x.org", "`b@x.org` is bob's: an email has one owner"),
        ("--email", "b@X.ORG", "`b@X.ORG` is bob's: an email has one owner"),
        ("--account", "bob", "the account `bob` is bob's: it has one owner"),
        ("--account", "gitea:bob", "the account `gitea:bob` is bob's: it has one owner"),
        ("--account", "user-12", "the account `user-12` is bob's: it has one owner"),
    ] {
        let error = not_done(&world, &["add", "mallory", flag, held]);
        assert_eq!(error, format!("error: {told}\n"));
    }
    done(&world, &["add", "mallory", "--email", "B@x.org", "--account", "gitea:user-12", "--account", "Bob"]);
    assert_eq!(done(&world, &["add", "bob", "--account", "bob", "--email", "b@x.org"]), "nothing to do\n");
}

#[test]
fn keys_that_are_about_to_end_are_listed_and_no_others() {
    let world = World::with_signed_main();
    let now = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH).unwrap().as_secs();
    let day = |days: u64| {
        let at = jiff::Timestamp::from_second((now + days * 86_400).try_into().unwrap()).unwrap();
        at.to_string()
    };
    assert_eq!(done(&world, &["list", "--expiring", "36500d"]), "");
    let lines = world.registry_path().join("allowed_signers");
    let compact: String = day(10).chars().filter(|character| !"-:T".contains(*character)).collect();
    let bob = keys::public_ssh(keys::BOB_SSH);
    let line = format!(
        "bob@example.com valid-before=\"{compact}\" {bob}\n*@ca.org cert-authority,valid-before=\"{compact}\" {}\n",
        keys::public_ssh(keys::MALLORY_SSH)
    );
    fs::write(&lines, format!("alice@example.com {}\n{line}", keys::public_ssh(keys::ALICE_SSH))).unwrap();
    done(&world, &["leave", "alice@example.com", "--at", &day(5)]);
    let dave = format!("openpgp:{}", keys::fingerprint(keys::DAVE_OPENPGP));
    done(&world, &["retire", &dave, "--since", &day(20)]);
    done(&world, &["retire", &format!("openpgp:{}", keys::fingerprint(keys::ERIN_OPENPGP))]);
    let listed = |duration: &str| -> Vec<String> {
        let out = done(&world, &["list", "--expiring", duration]);
        out.lines().map(|line| line.split(' ').next().unwrap().to_owned()).collect()
    };
    assert_eq!(listed("4d"), [""; 0]);
    assert_eq!(listed("144h"), ["alice@example.com"]);
    assert_eq!(listed("15d"), ["alice@example.com", "(nobody)", "bob@example.com"]);
    assert_eq!(listed("30d"), ["alice@example.com", "(nobody)", "bob@example.com", "dave@example.com"]);
    let json = done(&world, &["list", "--expiring", "6d", "--format", "json"]);
    assert!(json.contains("\"signer\":\"alice@example.com\"") && !json.contains("bob@"), "{json}");
    let (status, _, error) = registry(&world, &["list", "--expiring", "soon"], b"");
    assert!(status == 2 && error.contains("a duration such as 90s"), "{error}");
}

#[test]
fn a_person_is_shown_with_their_keys() {
    let world = World::with_signed_main();
    let (ssh, dave) = (keys::fingerprint(keys::ALICE_SSH), keys::fingerprint(keys::DAVE_OPENPGP));
    let entry = "[[signer]]\nid = 'alice'\nname = 'Alice Example'\nemails = ['alice@example.com', 'a@x.org']\n";
    write_signers(&world, &format!("{entry}accounts = ['al']\ngroups = ['dev', 'ops']\nuntil = 2099-01-01\n"));
    let shown = format!(
        "alice\n  name      Alice Example\n  emails    alice@example.com, a@x.org\n  accounts  al\n  groups    dev, ops\n  \
         kind      person\n  until     2099-01-01T00:00:00Z\n  key       ssh      {ssh} good, leaves on 2099-01-01T00:00:00Z\n"
    );
    assert_eq!(done(&world, &["show", "alice"]), shown);
    let json = format!(
        "{{\"schema\":1,\"signer\":{{\"id\":\"dave@example.com\",\"name\":\"Dave Example <dave@example.com>\",\"emails\":[\"dave@example.com\"],\
         \"accounts\":[],\"groups\":[],\"kind\":\"person\",\"until\":null}},\"keys\":[{{\"signer\":\"dave@example.com\",\
         \"fingerprint\":\"openpgp:{dave}\",\"format\":\"openpgp\",\"state\":\"good\",\"expires\":null}}]}}\n"
    );
    assert_eq!(done(&world, &["show", "dave@example.com", "--format", "json"]), json);
    let error = not_done(&world, &["show", "alicia"]);
    assert_eq!(error, "error: nobody in the registry is `alicia`; did you mean `alice`?\n");
}

/// Imports from standard input; what is told.
#[track_caller]
fn imported(world: &World, arguments: &[&str], stdin: &str) -> String {
    let (status, out, error) = registry(world, &[&["import", "-"], arguments].concat(), stdin.as_bytes());
    assert_eq!((status, &*error), (0, ""), "{out}");
    out
}

#[test]
fn keys_come_in_from_an_allowed_signers_and_the_others_are_named() {
    let world = World::with_signed_main();
    next(&world, keys::MALLORY_SSH);
    world.refuses(&["main"], &["unknown-key"]);
    let (mallory, alice) = (keys::fingerprint(keys::MALLORY_SSH), keys::fingerprint(keys::ALICE_SSH));
    let public = keys::public_ssh(keys::MALLORY_SSH);
    let alices = keys::public_ssh(keys::ALICE_SSH);
    let lines = format!(
        "# a list\nmallory@example.net namespaces=\"git\" {public}\neve@example.net {public}\neve magic {public}\n\
         eve@example.net {alices}\nweak@x.org {WEAK_SSH}\n"
    );
    let out = imported(&world, &[], &lines);
    let told: Vec<_> = out.lines().collect();
    assert!(told[0].starts_with("skipped line 4: it "), "{out}");
    assert_eq!(told[1], format!("imported {mallory} as mallory@example.net's"));
    assert_eq!(told[2], format!("skipped {mallory}: it is on another line, too"));
    assert_eq!(told[3], format!("skipped {alice}: it is alice@example.com's: a key has one owner"));
    assert!(told[4].ends_with(": it is too weak: RSA of 1024 bits"), "{out}");
    assert_eq!(signers(&world), format!("[[signer]]\nid = \"mallory@example.net\"\nkeys = [\"{mallory}\"]\n"));
    world.accepts(&["main"]);
    let before = files(&world);
    let again = imported(&world, &[], &format!("mallory@example.net {public}\n"));
    assert_eq!(again, format!("skipped {mallory}: it is mallory@example.net's already\n"));
    for (line, why) in [
        (format!("*@x.org {public}"), "it is whoever matches the pattern `*@x.org`"),
        (format!("x cert-authority {public}"), "it is an authority, which certifies others: enter it by hand"),
        (
            format!("no-pty,command=\"x\" {public}"),
            "it has options of `authorized_keys` in the place of names: take them out",
        ),
        (format!("restrict {public}"), "it has options of `authorized_keys` in the place of names: take them out"),
        (format!("x namespaces=\"file\" {public}"), "it is for other uses: its `namespaces` leave out `git`"),
        (format!("x valid-before=\"20200101Z\" {public}"), "it expired on 2020-01-01T00:00:00Z"),
    ] {
        assert_eq!(imported(&world, &[], &line), format!("skipped {mallory}: {why}\n"));
    }
    assert_eq!(files(&world), before);
}

#[test]
fn keys_come_in_from_a_forges_list_for_one_person() {
    let world = World::with_signed_main();
    next(&world, keys::MALLORY_SSH);
    let (mallory, public) = (keys::fingerprint(keys::MALLORY_SSH), keys::public_ssh(keys::MALLORY_SSH));
    let nobodys = format!("skipped {mallory}: it names nobody: say whose it is with --for\n");
    assert_eq!(imported(&world, &[], &public), nobodys);
    world.refuses(&["main"], &["unknown-key"]);
    let out =
        imported(&world, &["--for", "alice@example.com"], &format!("{public}\n{}\n", keys::public_ssh("alice-ssh")));
    let alice = keys::fingerprint(keys::ALICE_SSH);
    let skipped = format!("skipped {alice}: it is alice@example.com's already");
    assert_eq!(out, format!("imported {mallory} as alice@example.com's\n{skipped}\n"));
    world.accepts(&["main"]);
    // Her other key is hers still.
    next(&world, keys::ALICE_SSH);
    world.accepts(&["main"]);
}

#[test]
fn certificates_come_in_from_a_keyring() {
    let world = World::with_signed_main();
    next(&world, keys::MALLORY_OPENPGP);
    world.refuses(&["main"], &["unknown-key"]);
    let fingerprint = |name| format!("openpgp:{}", keys::fingerprint(name));
    let mallory = fingerprint(keys::MALLORY_OPENPGP);
    let names = [keys::MALLORY_OPENPGP, keys::DAVE_OPENPGP, keys::CAROL_EXPIRED];
    let keyring: String = names.map(keys::public_openpgp).concat();
    let out = imported(&world, &[], &keyring);
    let mut told: Vec<_> = out.lines().collect();
    told.sort_unstable();
    let mut expected = [
        format!("imported {mallory} as mallory@example.net's"),
        format!("skipped {}: it is dave@example.com's already", fingerprint(keys::DAVE_OPENPGP)),
        format!("skipped {}: it expired on 2021-01-01T00:00:00Z", fingerprint(keys::CAROL_EXPIRED)),
    ];
    expected.sort_unstable();
    assert_eq!(told, expected);
    world.accepts(&["main"]);
    let (status, _, error) = registry(&world, &["import", &fixture("mallory-ssh")], b"");
    assert!(status == 1 && error.contains("is a PRIVATE KEY"), "{error}");
    let many = "x ssh-ed25519 AAAA\n".repeat(1001);
    let (status, _, error) = registry(&world, &["import", "-"], many.as_bytes());
    assert!(status == 1 && error.contains("holds more than 1000 keys: import it in parts"), "{error}");
}

/// Whoever makes a key writes any email into it.
#[test]
fn what_a_certificate_says_of_itself_makes_it_nobodys_whose_keys_are_known() {
    let world = World::with_signed_main();
    let mallory = format!("openpgp:{}", keys::fingerprint(keys::MALLORY_OPENPGP));
    let keyring = keys::public_openpgp(keys::MALLORY_OPENPGP);
    let skipped = |who: &str| {
        let why = "who is known already, and any key can claim that: say whose it is with --for";
        format!("skipped {mallory}: it claims to be `{who}`'s, {why}\n")
    };
    let ssh = keys::public_ssh(keys::BOB_SSH);
    let lines = world.registry_path().join("allowed_signers");
    let before = fs::read_to_string(&lines).unwrap();
    let before: String =
        before.lines().filter(|line| !line.starts_with("bob@")).map(|line| format!("{line}\n")).collect();
    for (line, entry) in [
        (format!("mallory@example.net {ssh}"), ""),
        (
            format!("bob@example.com {ssh}"),
            "[[signer]]\nid = 'bob'\nemails = ['bob@example.com', 'mallory@example.net']\n",
        ),
        (format!("*@example.net cert-authority {ssh}"), ""),
    ] {
        write_signers(&world, entry);
        fs::write(&lines, format!("{before}{line}\n")).unwrap();
        let held = files(&world);
        assert_eq!(imported(&world, &[], &keyring), skipped("mallory@example.net"), "{line}");
        assert_eq!(files(&world), held);
    }
    fs::write(&lines, &before).unwrap();
    // Known, and without keys so far.
    write_signers(&world, "[[signer]]\nid = 'mal'\nemails = ['mallory@example.net']\n");
    assert_eq!(imported(&world, &[], &keyring), format!("imported {mallory} as mal's\n"));
}

#[test]
fn a_private_key_of_any_program_is_refused() {
    let world = World::with_signed_main();
    for text in
        ["PuTTY-User-Key-File-3: ssh-ed25519\nEncryption: none\n", "# mine\n-----BEGIN ENCRYPTED PRIVATE KEY-----\n"]
    {
        let (status, out, error) = registry(&world, &["import", "-", "--for", "alice@example.com"], text.as_bytes());
        assert!(status == 1 && error.contains("is a PRIVATE KEY. Nobody but its owner may have it"), "{out}{error}");
    }
}

/// A renewed certificate is merged with what the file holds, however that ends.
#[test]
fn a_certificate_that_is_added_leaves_a_registry_that_can_be_read() {
    let world = World::with_signed_main();
    let mallory = keys::fingerprint(keys::MALLORY_OPENPGP);
    let folder = world.registry_path().join("openpgp");
    let file = folder.join(format!("{mallory}.asc"));
    for held in
        [keys::public_openpgp(keys::DAVE_OPENPGP).trim_end().to_owned(), keys::public_openpgp(keys::DAVE_OPENPGP)]
    {
        fs::write(&file, &held).unwrap();
        set_mode(&file, 0o644);
        done(&world, &["add", "mallory", "--email", "mallory@example.net", "--key", &fixture("mallory-openpgp.asc")]);
        let merged = fs::read_to_string(&file).unwrap();
        assert!(merged.starts_with(&held) && merged.len() > held.len(), "{merged}");
        let listed = done(&world, &["list"]);
        assert!(listed.contains(&mallory) && listed.contains(&keys::fingerprint(keys::DAVE_OPENPGP)), "{listed}");
        fs::remove_file(world.registry_path().join("signers.toml")).unwrap();
    }
    // Binary, whatever its name says: what would come of both could not be read, and would refuse every push.
    let mut dearmor = world.command("gpg", &world.clone_path());
    dearmor.arg("--dearmor");
    fs::write(&file, support::run(dearmor, keys::public_openpgp(keys::DAVE_OPENPGP).as_bytes()).stdout).unwrap();
    let held = files(&world);
    let arguments = ["add", "mallory", "--email", "mallory@example.net", "--key", &fixture("mallory-openpgp.asc")];
    let (status, _, error) = registry(&world, &arguments, b"");
    assert!(status == 3 && error.contains(&format!("adding to `{}`: it has an unreadable", file.display())), "{error}");
    assert_eq!(files(&world), held);
}

/// It would refuse every push.
#[test]
fn a_file_does_not_grow_beyond_what_is_read() {
    let world = World::with_signed_main();
    write_signers(&world, &format!("# {}\n", "x".repeat(16 * 1024 * 1024 - 40)));
    let error = not_done(&world, &["leave", "alice@example.com"]);
    assert_eq!(error, "error: `signers.toml` would be larger than 16777216 bytes, and could not be read\n");
    write_signers(&world, "");
    let lines = world.registry_path().join("allowed_signers");
    let held = fs::read_to_string(&lines).unwrap();
    fs::write(&lines, format!("{held}#{}\n", "x".repeat(64 * 1024 * 1024 - held.len() - 40))).unwrap();
    let error = not_done(&world, &["add", "mallory", "--key", &fixture("mallory-ssh.pub")]);
    assert_eq!(error, "error: `allowed_signers` would be larger than 67108864 bytes, and could not be read\n");
}

/// Two administrators, of whom the second knows less.
#[test]
fn an_edit_that_lets_more_count_says_so() {
    let world = World::with_signed_main();
    let (alice, bob) = (keys::fingerprint(keys::ALICE_SSH), keys::fingerprint(keys::BOB_SSH));
    let more = ", and no longer from 2026-01-01T00:00:00Z on: more counts than before\n";
    for (command, name, option) in
        [("compromise", &*alice, "--since"), ("retire", &*bob, "--since"), ("leave", "dave@example.com", "--at")]
    {
        for (time, is_more) in [("2026-02-01", false), ("2026-01-01", false), ("2026-05-01", true)] {
            let told = done(&world, &[command, name, option, time]);
            assert_eq!(told.ends_with(more), is_more, "{told}");
            assert!(told.contains(time), "{told}");
        }
    }
}

/// The hook runs as another user than the administrator, whose umask may be strict.
#[test]
fn what_an_edit_makes_can_be_read_by_the_hook_whatever_the_umask() {
    let world = World::with_signed_main();
    let folder = world.registry_path().join("openpgp");
    fs::remove_dir_all(&folder).unwrap();
    let mut command = world.command("sh", &world.clone_path());
    command.args([
        "-c",
        "umask 077; exec \"$@\"",
        "sh",
        env!("CARGO_BIN_EXE_countersign"),
        "registry",
        "add",
        "mallory",
    ]);
    command.args(["--email", "mallory@example.net", "--key", &fixture("mallory-openpgp.asc"), "--registry"]);
    command.arg(world.registry_path());
    support::run_well(command, b"");
    let made = [folder.clone(), world.registry_path().join("signers.toml")];
    let inside = fs::read_dir(&folder).unwrap().map(|entry| entry.unwrap().path());
    for path in made.into_iter().chain(inside) {
        let mode = fs::metadata(&path).unwrap().permissions().mode();
        assert_eq!(mode & 0o044, 0o044, "{}: {mode:o}", path.display());
    }
}
