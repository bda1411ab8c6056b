//! Sizes, counts and nesting that hostile input may have: bounded before it is read, and what is legitimate within.

use crate::support::{
    World,
    keys::{self, ALICE_SSH},
    objects::{self, Commit, header, signature_header},
    run,
};
use countersign::{
    bounds::Bounds,
    object::{Signed, Slot},
    signature::{self, Certificates, Defect, Signature},
};
use ssh_key::encoding::base64::{Base64, Encoding};
use std::{fs, path::Path};

/// `status` and `detail` of each commit, by `countersign verify` in the clone with at most so much memory to write to.
fn verify(world: &World, objects: &[&str], mebibytes: usize) -> Vec<(String, String)> {
    let mut command = world.command("sh", &world.clone_path());
    // `-d`: RLIMIT_DATA, all that is writable and not shared (getrlimit(2)).
    command.args(["-c", &format!("ulimit -d {} && exec \"$0\" \"$@\"", mebibytes * 1024)]);
    command.args([env!("CARGO_BIN_EXE_countersign"), "verify", "--format", "json", "--policy"]);
    command.arg(world.policy_path()).args(objects);
    let output = run(command, b"");
    let lines = String::from_utf8(output.stdout).unwrap();
    let rows = lines.lines().map(|line| serde_json::from_str::<serde_json::Value>(line).unwrap());
    let text = |value: &serde_json::Value| value.as_str().unwrap_or_default().to_owned();
    let rows: Vec<_> = rows.map(|row| (text(&row["status"]), text(&row["detail"]))).collect();
    assert!(!rows.is_empty(), "{}", String::from_utf8_lossy(&output.stderr));
    rows
}

/// Signed by Alice, with a message of so many bytes.
fn large(world: &World, parents: &[&str], mebibytes: usize) -> String {
    let mut commit = Commit::new(world, parents, "long");
    commit.message = b"All work and no play makes a long message.\n".repeat((mebibytes << 20) / 43);
    commit.signed(world, ALICE_SSH)
}

#[test]
fn a_signature_of_eight_megabytes_is_not_read() {
    let world = World::with_signed_main();
    let commit = Commit::new(&world, &[], "change");
    let endless = format!("-----BEGIN SSH SIGNATURE-----\n{}\n-----END SSH SIGNATURE-----", "A".repeat(8 << 20));
    let id = objects::write(&world, "commit", &commit.with(&signature_header(&world, &endless)));
    let told = ("malformed".to_owned(), "is larger than 64 KiB".to_owned());
    assert_eq!(verify(&world, &[&id], 64), [told]);
    assert_eq!(verify(&world, &[&commit.signed(&world, ALICE_SSH)], 64)[0].0, "good");
}

#[test]
fn a_thousand_signature_headers() {
    let world = World::with_signed_main();
    let commit = Commit::new(&world, &[], "change");
    let signature = signature_header(&world, &keys::sign(ALICE_SSH, &commit.payload()));
    let verified = |count: usize| {
        let id = objects::write(&world, "commit", &commit.with(&signature.repeat(count)));
        verify(&world, &[&id], 64).remove(0)
    };
    assert_eq!(verified(1000), ("malformed".into(), "the object has more than 512 headers".into()));
    assert_eq!(verified(2).0, "ambiguous");
    assert_eq!(verified(1).0, "good");
}

#[test]
fn as_many_parents_as_are_read() {
    let world = World::with_signed_main();
    let parent = objects::by_alice(&world, &[], "base");
    // `tree`, `author`, `committer` and `gpgsig` are headers, too.
    let widest = vec![&*parent; Bounds::HEADERS - 4];
    assert_eq!(verify(&world, &[&objects::by_alice(&world, &widest, "octopus")], 64)[0].0, "good");
    let wider = vec![&*parent; Bounds::HEADERS - 3];
    let id = objects::by_alice(&world, &wider, "octopus");
    assert_eq!(verify(&world, &[&id], 64), [("malformed".into(), "the object has more than 512 headers".into())]);
}

/// Memory is bounded by the largest object, not by their number.
#[test]
fn long_messages_are_judged_within_bounded_memory() {
    let world = World::with_signed_main();
    let whole = large(&world, &[], 64);
    assert_eq!(verify(&world, &[&whole], 160)[0].0, "good");
    let mut tip = large(&world, &[], 8);
    for _ in 0..9 {
        tip = large(&world, &[&tip], 8);
    }
    let good = vec![("good".to_owned(), String::new()); 9];
    assert_eq!(verify(&world, &[&format!("{tip}~9..{tip}")], 40), good);
}

#[test]
fn the_hook_judges_many_long_messages_within_bounded_memory() {
    let world = World::with_signed_main();
    let hook = world.server().join("hooks/pre-receive");
    let limited = fs::read_to_string(&hook).unwrap().replacen("#!/bin/sh\n", "#!/bin/sh\nulimit -d 49152\n", 1);
    fs::write(&hook, limited).unwrap();
    let mut tip = large(&world, &[], 8);
    for _ in 0..9 {
        tip = large(&world, &[&tip], 8);
    }
    world.accepts(&[&format!("{tip}:refs/heads/main")]);
    let bad = Commit::new(&world, &[&tip], "change").with(&header("x", &"A".repeat(8 << 20)));
    let bad = objects::write(&world, "commit", &bad);
    world.refuses(&[&format!("{bad}:refs/heads/main")], &["unsigned"]);
}

fn verify_armor(label: &str, bytes: &[u8]) -> Defect {
    let armor = format!(
        "-----BEGIN {label} SIGNATURE-----\n\n{}\n-----END {label} SIGNATURE-----\n",
        Base64::encode_string(bytes)
    );
    assert!(armor.len() <= Bounds::SIGNATURE, "{}", armor.len());
    let slot = Slot::One(Signed { payload: b"payload".into(), signature: armor.as_bytes().into() });
    match signature::verify(&slot, &Certificates::default()) {
        Signature::Bad(bad) => bad.defect,
        other => panic!("{other:?}"),
    }
}

fn length(bytes: &[u8]) -> [u8; 4] {
    u32::try_from(bytes.len()).unwrap().to_be_bytes()
}

/// An OpenPGP signature with an Embedded Signature subpacket (RFC 9580, 5.2.3.34), whose signature has one…
#[test]
fn signatures_within_signatures_are_not_followed() {
    let innermost = [&[4, 0, 1, 8, 0, 0, 0, 0, 0, 0][..], &[0, 1, 1]].concat();
    let nested = |depth: usize| {
        let mut signature = innermost.clone();
        for _ in 0..depth {
            let subpacket = [&[32], &*signature].concat();
            let area = [&[255][..], &length(&subpacket), &subpacket].concat();
            let area_length = u16::try_from(area.len()).unwrap().to_be_bytes();
            signature = [&[4, 0, 1, 8, 0, 0][..], &area_length, &area, &[0, 0, 0, 1, 1]].concat();
        }
        verify_armor("PGP", &[&[0xc2, 255][..], &length(&signature), &signature].concat())
    };
    assert_eq!(nested(0), Defect::Malformed("has no creation time".into()));
    for depth in [2, 2300] {
        let Defect::Malformed(what) = nested(depth) else { panic!("{depth}") };
        assert!(what.contains("Nested embedded signatures"), "{what}");
    }
}

/// A certificate that is signed by a certificate that is signed by…
#[test]
fn certificates_of_certificates_are_not_followed() {
    let field = |bytes: &[u8]| [&length(bytes)[..], bytes].concat();
    let name = field(b"ssh-ed25519-cert-v01@openssh.com");
    let mut key = [field(b"ssh-ed25519"), field(&[1; 32])].concat();
    while key.len() < 40_000 {
        let head = [name.clone(), field(&[0; 32]), field(&[1; 32]), vec![0; 8], 1u32.to_be_bytes().to_vec()].concat();
        let rest = [field(b"id"), field(b""), vec![0; 8], vec![255; 8], field(b""), field(b""), field(b"")].concat();
        key = [head, rest, field(&key), field(&[field(b"ssh-ed25519"), field(&[1; 64])].concat())].concat();
    }
    let blob = [&b"SSHSIG"[..], &1u32.to_be_bytes(), &field(&key), &field(b"git"), &field(b""), &field(b"sha512")];
    let blob = [blob.concat(), field(&[field(b"ssh-ed25519"), field(&[1; 64])].concat())].concat();
    assert_eq!(verify_armor("SSH", &blob), Defect::Malformed("its key is too large".into()));
}

/// TOML within TOML, in a policy and in `signers.toml`.
#[test]
fn tables_within_tables_are_not_followed_without_end() {
    let depth = 400_000;
    for nested in [
        format!("version = {}1{}\n", "[".repeat(depth), "]".repeat(depth)),
        format!("version = {}1{}\n", "{a=".repeat(depth / 4), "}".repeat(depth / 4)),
        format!("{}version = 1\n", "a.".repeat(depth)),
        format!("[{}a]\n", "a.".repeat(depth)),
    ] {
        assert!(nested.len() <= Bounds::POLICY);
        let problems = countersign::policy::compile(&nested, &countersign::document::Groups::new()).unwrap_err();
        assert!(!problems.is_empty());
        let world = World::with_signed_main();
        world.registry(&[("signers.toml", &nested)]);
        let mut command = world.command(env!("CARGO_BIN_EXE_countersign"), Path::new("/"));
        command.args(["registry", "check", "--policy"]).arg(world.policy_path());
        let output = run(command, b"");
        let told = String::from_utf8_lossy(&output.stderr);
        assert_eq!(output.status.code(), Some(1), "{told}");
        assert!(told.contains("recursi"), "{told}");
    }
}
