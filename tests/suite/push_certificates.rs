//! Certificates that git's clients make and git's server hands to its hooks: read as it reads them.

use crate::support::{
    World,
    keys::{self, ALICE_SSH, DAVE_OPENPGP},
    objects, run, set_mode,
};
use countersign::{
    object::{Signed, Slot},
    push::{ObjectFormat, PushCertificate, parse_lines},
    signature::{self, Certificates, Signature},
};
use std::fs;

/// In place of our hook, one that keeps what git's server gives it.
fn world(format: &str) -> World {
    let world = World::of_format(format);
    world.git_in(&world.server(), &["config", "receive.certNonceSeed", "seed"]);
    world.git_in(&world.server(), &["config", "receive.advertisePushOptions", "true"]);
    let hook = world.server().join("hooks/pre-receive");
    let script = "#!/bin/sh\ncat >../lines\ngit cat-file blob \"$GIT_PUSH_CERT\" >../certificate\n\
                  echo \"$GIT_PUSH_CERT_STATUS $GIT_PUSH_CERT_NONCE_STATUS $GIT_PUSH_CERT_NONCE\" >../seen\n";
    fs::write(&hook, script).unwrap();
    set_mode(&hook, 0o755);
    world
}

#[test]
fn what_git_push_signed_sends_is_read_and_verifies() {
    let mut certificates = Certificates::default();
    certificates.add_file(keys::public_openpgp(DAVE_OPENPGP).as_bytes()).unwrap();
    for (name, format) in [("sha1", ObjectFormat::Sha1), ("sha256", ObjectFormat::Sha256)] {
        let world = world(name);
        for (number, key) in [ALICE_SSH, DAVE_OPENPGP].into_iter().enumerate() {
            world.work_as(key);
            let commit = objects::unsigned(&world, &[], &format!("number {number}"));
            let refspecs = [format!("{commit}:refs/heads/b{number}"), format!("{commit}:refs/heads/caf\u{e9}{number}")];
            let options = ["--signed", "--push-option=ci.skip", "--push-option=topic=a b"];
            let pushed = world.push_with(&options, &refspecs.each_ref().map(String::as_str));
            assert!(pushed.succeeded, "{}", pushed.output);
            let read = |file: &str| fs::read(world.path(file)).unwrap();
            let (text, lines) = (read("certificate"), read("lines"));
            let certificate = PushCertificate::parse(&text, format).unwrap();
            assert_eq!(certificate.push.updates, parse_lines(&lines, format).unwrap().updates);
            assert_eq!(certificate.pushee, Some(world.server().to_str().unwrap().as_bytes()));
            assert_eq!(certificate.options, [&b"ci.skip"[..], b"topic=a b"]);
            let seen = String::from_utf8(read("seen")).unwrap();
            let nonce = String::from_utf8_lossy(certificate.nonce);
            assert!(seen.ends_with(&format!(" OK {nonce}\n")), "{seen}");
            // Git's server checks no SSH signature without a file of allowed signers.
            assert!(seen.starts_with("G ") || seen.starts_with("U ") || !keys::is_openpgp(key), "{seen}");
            let signed = Signed { payload: certificate.payload.into(), signature: certificate.signature.into() };
            let signature = signature::verify(&Slot::One(signed), &certificates);
            let Signature::Verified(proof) = signature else { panic!("{signature:?}") };
            assert!(proof.key().to_string().ends_with(&keys::fingerprint(key)));
            if !keys::is_openpgp(key) {
                assert_eq!(certificate.pusher, keys::fingerprint(key).as_bytes());
            }
        }
    }
}

/// Main may be pushed to with a certificate alone; the server asks for one.
fn guarded() -> World {
    let world = World::new();
    world.git_in(&world.server(), &["config", "receive.certNonceSeed", "seed"]);
    world.policy_for_main("pusher = { by = [\"alice@example.com\"], certificate = \"required\" }");
    world
}

/// The certificate of a real push, as a blob of the server's, and the lines of that push.
fn real_certificate(world: &World) -> (String, String) {
    let hook = world.server().join("hooks/pre-receive");
    let script = fs::read_to_string(&hook).unwrap();
    fs::write(&hook, script.replace("exit $status", "echo $GIT_PUSH_CERT >../id; exit 1")).unwrap();
    let commit = objects::unsigned(world, &[], "root");
    let pushed = world.push_with(&["--signed"], &[&format!("{commit}:refs/heads/main")]);
    assert_eq!(pushed.hook, Some(0), "{}", pushed.output);
    let read = |name: &str| fs::read_to_string(world.path(name)).unwrap();
    let (id, lines) = (read("id").trim().to_owned(), read("lines"));
    // Its objects went with the quarantine.
    world.push_without_hook(&[&format!("{commit}:refs/heads/kept")]);
    (id, lines)
}

/// The hook with such a certificate: its exit status and what it told.
fn hook(world: &World, kind: &[&str], certificate: &str, status: &str, lines: &str) -> (Option<i32>, String) {
    let mut command = world.command(env!("CARGO_BIN_EXE_countersign"), &world.server());
    command.arg("hook").args(kind).arg("--policy").arg(world.policy_path()).env("GIT_DIR", ".");
    command.env("GIT_PUSH_CERT", certificate).env("GIT_PUSH_CERT_NONCE_STATUS", status);
    let output = run(command, lines.as_bytes());
    (output.status.code(), String::from_utf8_lossy(&output.stderr).into_owned())
}

#[test]
fn a_certificate_is_good_for_its_own_updates_and_a_fresh_nonce() {
    let world = guarded();
    let (id, lines) = real_certificate(&world);
    world.forget();
    let (status, told) = hook(&world, &["pre-receive"], &id, "OK", &lines);
    assert!(status == Some(0) && told.starts_with("accepted: record "), "{told}");
    let replayed = lines.replace("refs/heads/main", "refs/heads/other");
    let more = format!("{lines}{replayed}");
    for (status, lines, why) in [
        ("SLOP", &lines, "its nonce is not fresh: git calls it `SLOP`"),
        ("BAD", &lines, "its nonce is not fresh: git calls it `BAD`"),
        ("", &lines, "git says nothing of its nonce"),
        ("OK", &replayed, "it states other updates than those that were sent"),
        ("OK", &more, "it states other updates than those that were sent"),
    ] {
        let (code, told) = hook(&world, &["pre-receive"], &id, status, lines);
        assert!(code == Some(1) && told.contains(why), "{status}: {told}");
    }
}

#[test]
fn a_certificate_changed_after_it_was_signed() {
    let world = guarded();
    let (id, lines) = real_certificate(&world);
    let text = world.git_in(&world.server(), &["cat-file", "blob", &id]);
    let changed = |text: String| {
        fs::write(world.path("changed"), text).unwrap();
        world.git_in(&world.server(), &["hash-object", "-w", "../changed"]).trim().to_owned()
    };
    let other = changed(text.replace("refs/heads/main", "refs/heads/mine"));
    let other_lines = lines.replace("refs/heads/main", "refs/heads/mine");
    let (code, told) = hook(&world, &["pre-receive"], &other, "OK", &other_lines);
    assert!(code == Some(1) && told.contains("its signature does not count (bad)"), "{told}");
    let broken = changed(text.replace("certificate version 0.1", "certificate version 0.2"));
    let (code, told) = hook(&world, &["pre-receive"], &broken, "OK", &lines);
    assert!(code == Some(1) && told.contains("it is malformed: line 1: "), "{told}");
}

#[test]
fn the_update_hook_sees_no_certificate_and_says_so() {
    let world = guarded();
    let (id, lines) = real_certificate(&world);
    let words: Vec<&str> = lines.split_whitespace().collect();
    let (code, told) = hook(&world, &["update", words[2], words[0], words[1]], &id, "OK", "");
    assert!(code == Some(3) && told.contains("git shows it to no `update` hook"), "{told}");
}

/// The lines of an SSH signature's armor laid out anew.
fn laid_out_anew(certificate: &str) -> String {
    let (payload, armor) = certificate.split_once("-----BEGIN SSH SIGNATURE-----\n").unwrap();
    let (base64, _) = armor.split_once("-----END SSH SIGNATURE-----").unwrap();
    let base64 = base64.replace('\n', "");
    let lines: Vec<String> =
        base64.as_bytes().chunks(64).map(|line| String::from_utf8(line.to_vec()).unwrap()).collect();
    format!("{payload}-----BEGIN SSH SIGNATURE-----\n{}\n-----END SSH SIGNATURE-----\n", lines.join("\n"))
}

#[test]
fn a_certificate_is_good_once() {
    let world = guarded();
    let (id, lines) = real_certificate(&world);
    world.forget();
    // What is refused does not use it up.
    world.policy_for_main("updates = { create = false }\npusher = { certificate = \"required\" }");
    let (code, told) = hook(&world, &["pre-receive"], &id, "OK", &lines);
    assert!(code == Some(1) && told.contains("nobody may create it") && !told.contains("used already"), "{told}");
    world.policy_for_main("pusher = { by = [\"alice@example.com\"], certificate = \"required\" }");
    let (code, told) = hook(&world, &["pre-receive"], &id, "OK", &lines);
    assert_eq!(code, Some(0), "{told}");
    // The same signed text is the same certificate, whatever its armor looks like.
    let text = world.git_in(&world.server(), &["cat-file", "blob", &id]);
    let other = laid_out_anew(&(text.clone() + "\n"));
    assert_ne!(other, text + "\n");
    fs::write(world.path("other"), other).unwrap();
    let other = world.git_in(&world.server(), &["hash-object", "-w", "../other"]).trim().to_owned();
    for again in [&id, &other] {
        let (code, told) = hook(&world, &["pre-receive"], again, "OK", &lines);
        assert!(code == Some(1) && told.contains("it was used already"), "{told}");
    }
    // The next push has its own.
    let commit = objects::unsigned(&world, &[], "another root");
    let pushed = world.push_with(&["--signed"], &[&format!("{commit}:refs/heads/other")]);
    assert!(!pushed.output.contains("used already"), "{}", pushed.output);
}

#[test]
fn a_certificate_that_two_pushes_bring_at_once_is_good_for_one() {
    let world = guarded();
    let (id, lines) = real_certificate(&world);
    world.forget();
    let both: Vec<(Option<i32>, String)> = std::thread::scope(|scope| {
        let pushes: Vec<_> =
            (0..4).map(|_| scope.spawn(|| hook(&world, &["pre-receive"], &id, "OK", &lines))).collect();
        pushes.into_iter().map(|push| push.join().unwrap()).collect()
    });
    assert_eq!(both.iter().filter(|(code, _)| *code == Some(0)).count(), 1, "{both:?}");
    for (code, told) in both.iter().filter(|(code, _)| *code != Some(0)) {
        let why = match code {
            Some(1) => "it was used already",
            _ => "its push certificate was used by another push meanwhile",
        };
        assert!(told.contains(why), "{code:?}: {told}");
    }
    // Each of them is recorded.
    let database = rusqlite::Connection::open(world.path("ledger/ledger.sqlite")).unwrap();
    let count = |of: &str| {
        let of = format!("SELECT count(*) FROM decision WHERE CAST(name AS TEXT) = 'refs/heads/main' AND {of}");
        database.query_row(&of, [], |row| row.get::<_, u64>(0)).unwrap()
    };
    assert_eq!((count("verdict = 'accepted'"), count("verdict <> 'accepted'")), (1, 3));
}
