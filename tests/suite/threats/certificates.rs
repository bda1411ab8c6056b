//! SSH certificates that do not count, and those beside them that do.

use crate::support::{
    World,
    keys::{self, *},
    objects::{Commit, signature_header, write},
    run_well,
};
use std::{fs, process::Command};
use tempfile::TempDir;

const LINE: &str = "alice@example.com cert-authority";

/// An authority `ca`, another `stranger`, and Alice's key `own`.
struct Office {
    folder: TempDir,
    world: World,
}

impl Office {
    fn new() -> Self {
        let office = Self { folder: tempfile::tempdir().unwrap(), world: World::with_signed_main() };
        for name in ["ca", "stranger", "own"] {
            office.keygen(&["-t", "ed25519", "-N", "", "-C", "", "-f", name], b"");
        }
        office.register(&[]);
        office
    }

    fn keygen(&self, arguments: &[&str], input: &[u8]) -> String {
        let mut command = Command::new("ssh-keygen");
        command.current_dir(self.folder.path()).env("TZ", "UTC").arg("-q").args(arguments);
        run_well(command, input)
    }

    fn file(&self, name: &str) -> String {
        fs::read_to_string(self.folder.path().join(name)).unwrap().trim_end().to_owned()
    }

    /// The registry admits what `ca` certifies for Alice, and holds this, too.
    fn register(&self, more: &[(&str, &str)]) {
        let allowed = format!("{LINE} {}\n", self.file("ca.pub"));
        self.world.registry(&[&[("allowed_signers", allowed.as_str())], more].concat());
    }

    /// Revokes by a list that ssh-keygen makes; `authority`: a file, or `none`.
    fn revoke(&self, authority: &str, specification: &str) {
        fs::write(self.folder.path().join("specification"), specification).unwrap();
        self.keygen(&["-k", "-f", "krl", "-s", authority, "specification"], b"");
        fs::copy(self.folder.path().join("krl"), self.world.registry_path().join("revoked_keys")).unwrap();
    }

    /// A commit that is signed with a new certificate of Alice's key.
    fn commit(&self, authority: &str, options: &[&str]) -> String {
        self.keygen(&[&["-s", authority, "-I", "laptop"], options, &["own.pub"]].concat(), b"");
        let commit = Commit::new(&self.world, &[], &format!("Certified by {authority} with {options:?}"));
        let armor = self.keygen(&["-Y", "sign", "-n", "git", "-f", "own-cert.pub"], &commit.payload()) + "\n";
        write(&self.world, "commit", &commit.with(&signature_header(&self.world, &armor)))
    }

    #[track_caller]
    fn refuses(&self, id: &str, reason: &str, detail: &str) {
        let told = self.world.refuses(&[&format!("{id}:refs/heads/main")], &[reason]).told();
        assert!(told.contains(&format!("\n    {detail}\n")), "{told}");
    }

    #[track_caller]
    fn accepts(&self, id: &str) {
        self.world.accepts(&[&format!("{id}:refs/heads/main")]);
        self.world.git_in(&self.world.server(), &["update-ref", "-d", "refs/heads/main"]);
    }

    fn fingerprint(&self, name: &str) -> String {
        self.keygen(&["-l", "-f", name], b"").split(' ').nth(1).unwrap().to_owned()
    }
}

const ALICES: [&str; 2] = ["-n", "alice@example.com"];

#[test]
fn a_certificate_of_an_authority_that_nobody_registered() {
    let office = Office::new();
    let why =
        |name| format!("no `cert-authority` line has the authority that certified it, {}", office.fingerprint(name));
    office.refuses(&office.commit("stranger", &ALICES), "unknown-key", &why("stranger.pub"));
    // Its own word for itself.
    office.refuses(&office.commit("own", &ALICES), "unknown-key", &why("own.pub"));
    let by_ca = office.commit("ca", &ALICES);
    office.accepts(&by_ca);
    // Somebody who may sign may not certify.
    office.world.registry(&[("allowed_signers", &format!("alice@example.com {}\n", office.file("ca.pub")))]);
    office.refuses(&by_ca, "unknown-key", &why("ca.pub"));
}

#[test]
fn a_certificate_for_another_use_or_another_person() {
    let office = Office::new();
    let host = "its certificate is a host's, not a user's";
    office.refuses(&office.commit("ca", &["-h", "-n", "alice@example.com"]), "unknown-key", host);
    let admits = "no line of its authority admits `bob@example.com`";
    office.refuses(&office.commit("ca", &["-n", "bob@example.com"]), "unknown-key", admits);
    let admits = "no line of its authority admits `*@example.com`, `ALICE@example.com`";
    office.refuses(&office.commit("ca", &["-n", "*@example.com,ALICE@example.com"]), "unknown-key", admits);
    office.refuses(&office.commit("ca", &[]), "unknown-key", "its certificate names no principal");
    office.accepts(&office.commit("ca", &["-n", "bob@example.com,alice@example.com"]));
}

#[test]
fn a_certificate_outside_its_window() {
    let office = Office::new();
    let certified = |window: &str| office.commit("ca", &[&ALICES[..], &["-V", window]].concat());
    let refuses = |window: &str, reason: &str| {
        office.world.refuses(&[&format!("{}:refs/heads/main", certified(window))], &[reason]);
    };
    refuses("20990101:20990201", "key-not-yet-valid");
    refuses("20230101:20240101", "certificate-expired");
    office.accepts(&certified("20230101:20990101"));
    office.accepts(&certified("always:forever"));
}

#[test]
fn a_certificate_with_a_condition_that_is_not_known_or_not_met() {
    let office = Office::new();
    let with = |option: &str| office.commit("ca", &[&ALICES[..], &["-O", option]].concat());
    let unknown = "its certificate has the critical option `mondays@example.com`";
    office.refuses(&with("critical:mondays@example.com=only"), "unsupported", unknown);
    let unverified = "its certificate demands that the security key verify its user, and it did not";
    office.refuses(&with("critical:verify-required"), "bad", unverified);
    office.accepts(&with("extension:mondays@example.com=only"));
    office.accepts(&with("force-command=true"));
}

#[test]
fn a_certificate_whose_key_or_authority_is_revoked() {
    let office = Office::new();
    let id = office.commit("ca", &ALICES);
    let authority = format!("the authority that certified it, {}", office.fingerprint("ca.pub"));
    let main = format!("{id}:refs/heads/main");
    office.register(&[("revoked_keys", &office.file("own.pub"))]);
    office.world.refuses(&[&main], &["key-revoked"]);
    office.register(&[("revoked_keys", &office.file("ca.pub"))]);
    office.refuses(&id, "key-revoked", &authority);
    office.register(&[("revoked_keys", &office.file("stranger.pub"))]);
    office.accepts(&id);
    for way in ["key", "sha1", "sha256"] {
        office.revoke("none", &format!("{way}: {}\n", office.file("own.pub")));
        office.world.refuses(&[&main], &["key-revoked"]);
        office.revoke("none", &format!("{way}: {}\n", office.file("ca.pub")));
        office.refuses(&id, "key-revoked", &authority);
        office.revoke("none", &format!("{way}: {}\n", office.file("stranger.pub")));
        office.accepts(&id);
    }
}

#[test]
fn a_certificate_that_is_revoked_by_its_serial_or_id() {
    let office = Office::new();
    let [twelve, thirteen, unnumbered] =
        ["12", "13", "0"].map(|serial| office.commit("ca", &[&ALICES[..], &["-z", serial]].concat()));
    let by = format!("of the authority {}", office.fingerprint("ca.pub"));
    office.revoke("ca.pub", "serial: 12\n");
    office.refuses(&twelve, "key-revoked", &format!("its certificate, serial 12 {by}"));
    office.accepts(&thirteen);
    office.revoke("none", "serial: 1-12\n");
    office.refuses(&twelve, "key-revoked", "its certificate, serial 12 of any authority");
    office.accepts(&thirteen);
    // Another authority's serials are its own affair.
    office.revoke("stranger.pub", "serial: 12\nid: laptop\n");
    office.accepts(&twelve);
    office.revoke("ca.pub", "serial: 1-18446744073709551615\n");
    office.refuses(&thirteen, "key-revoked", &format!("its certificate, serial 13 {by}"));
    office.accepts(&unnumbered);
    office.revoke("ca.pub", "id: laptop\n");
    office.refuses(&unnumbered, "key-revoked", &format!("its certificate, id `laptop` {by}"));
    office.revoke("ca.pub", "id: laptops\n");
    office.accepts(&unnumbered);
}

#[test]
fn a_revoked_id_that_means_to_act_upon_the_terminal() {
    let office = Office::new();
    let id = "a\u{1b}[2Jb\u{202e}c";
    let commit = office.commit("ca", &[&ALICES[..], &["-I", id]].concat());
    office.accepts(&commit);
    office.revoke("none", &format!("id: {id}\n"));
    office.refuses(&commit, "key-revoked", "its certificate, id `a\\u{1b}[2Jb\\u{202e}c` of any authority");
}

#[test]
fn a_plain_key_is_not_revoked_with_a_certificate_of_it() {
    let office = Office::new();
    let world = &office.world;
    let line = |key| format!("{} {}\n", keys::user_id(key), keys::public_ssh(key));
    world.registry(&[("allowed_signers", &(line(ALICE_SSH) + &line(BOB_SSH)))]);
    fs::write(office.folder.path().join("alice.pub"), keys::public_ssh(ALICE_SSH)).unwrap();
    office.keygen(&["-s", "ca", "-I", "laptop", "-z", "12", "alice.pub"], b"");
    office.revoke("none", &format!("{}\n", office.file("alice-cert.pub")));
    let hers = Commit::new(world, &[], "hers").signed(world, ALICE_SSH);
    office.accepts(&hers);
    office.revoke("none", &format!("sha256: {}\n", keys::public_ssh(ALICE_SSH)));
    world.refuses(&[&format!("{hers}:refs/heads/main")], &["key-revoked"]);
    office.accepts(&Commit::new(world, &[], "his").signed(world, BOB_SSH));
}
