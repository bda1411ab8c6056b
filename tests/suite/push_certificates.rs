//! Certificates that git's clients make and git's server hands to its hooks: read as it reads them.

use crate::support::{
    World,
    keys::{self, ALICE_SSH, DAVE_OPENPGP},
    objects, set_mode,
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
