//! Who pushes, as a real sshd says it (sshd_config(5), `ExposeAuthInfo`): pushes over SSH, on the loopback interface.

use crate::{
    process::Process,
    ssh::{self, login, user},
    support::{
        Pushed, World,
        keys::{self, ALICE_SSH, BOB_SSH, MALLORY_SSH},
        objects, run_well, set_mode,
    },
};
use std::{fs, path::PathBuf};

const SIGNERS: &str = "[[signer]]\nid = 'alice'\nemails = ['alice@example.com']\n\
                       [[signer]]\nid = 'bob'\nemails = ['bob@example.com']\n";

/// A server behind an sshd of its own, on which Alice alone may push to `main`.
struct Server {
    _sshd: Process,
    world: World,
    port: u16,
}

impl Server {
    /// Where sshd has these settings besides, and lets in each of the keys, and whomever one of two authorities certified;
    /// the registry knows the first of them, the keys but Mallory's, and one more of Alice's.
    fn new(settings: &str) -> Self {
        let world = World::new();
        for name in ["authority", "other-authority", "second", "certified"] {
            ssh::make_key(&world, name);
        }
        let made = |name: &str| fs::read_to_string(world.path("home").join(format!("{name}.pub"))).unwrap();
        let line = |name| format!("{} {}\n", keys::user_id(name), keys::public_ssh(name));
        let allowed = [
            line(ALICE_SSH),
            line(BOB_SSH),
            format!("alice@example.com {}", made("second")),
            format!("*@example.com cert-authority {}", made("authority")),
        ];
        world.registry(&[("allowed_signers", &allowed.concat()), ("signers.toml", SIGNERS)]);
        let admitted = [ALICE_SSH, BOB_SSH, MALLORY_SSH].map(|name| keys::public_ssh(name) + "\n").concat();
        fs::write(world.path("authorized_keys"), admitted + &made("second")).unwrap();
        fs::write(world.path("authorities"), made("authority") + &made("other-authority")).unwrap();
        fs::write(world.path("principals"), "alice@example.com\nbob@example.com\n").unwrap();
        let at = |name: &str| world.path(name).display().to_string();
        let lists = format!(
            "AuthorizedKeysFile {}\nTrustedUserCAKeys {}\nAuthorizedPrincipalsFile {}\nExposeAuthInfo yes\n",
            at("authorized_keys"),
            at("authorities"),
            at("principals")
        );
        let (port, sshd) = ssh::start(&world, &world.path("home"), &format!("{settings}\n{lists}"));
        let server = Self { _sshd: sshd, world, port };
        server.policy("pusher = { by = [\"alice\"] }");
        server
    }

    fn policy(&self, rule: &str) {
        self.world.policy(&format!(
            "version = 1\nunmatched-refs = \"accept\"\nserver = \"plain\"\n[[rule]]\nname = \"main\"\n\
             refs = [\"refs/heads/main\"]\n{rule}\n"
        ));
    }

    fn made(&self, name: &str) -> PathBuf {
        self.world.path("home").join(name)
    }

    /// Pushes a new commit to `main` with these options of git's, and these of ssh's.
    fn push(&self, options: &[&str], ssh: &str) -> Pushed {
        let world = &self.world;
        let tip = world.refs().get("refs/heads/main").cloned();
        let parents: Vec<&str> = tip.iter().map(String::as_str).collect();
        let commit = objects::unsigned(world, &parents, "one more");
        let mut command = world.command("git", &world.clone_path());
        command.env("GIT_SSH_COMMAND", ssh::client(world, self.port, ssh));
        let url = format!("ssh://{}@127.0.0.1{}", user(), world.server().display());
        command.arg("push").args(options).arg(url).arg(format!("{commit}:refs/heads/main"));
        let pushed = world.pushed_by(command);
        let log = fs::read_to_string(world.path("sshd.log")).unwrap();
        assert!(pushed.hook.is_some(), "the hook did not run:\n{}\n{log}", pushed.output);
        pushed
    }

    fn push_by(&self, key: &str) -> Pushed {
        self.push(&[], &login(key))
    }

    /// It is refused for who pushes, in these words.
    #[track_caller]
    fn was_refused(&self, pushed: &Pushed, words: &str) {
        self.world.was_refused(pushed, &["pusher"]);
        assert!(pushed.told().contains(words), "`{words}`:\n{}", pushed.told());
    }

    /// Logs in with a key that is in no list, and this certificate for it.
    fn certified(&self, authority: &str, principal: &str) -> String {
        let mut command = self.world.command("ssh-keygen", &self.world.path("home"));
        command.args(["-q", "-s", authority, "-I", "a login", "-n", principal, "-V", "+1h", "certified.pub"]);
        run_well(command, b"");
        format!("-i {0} -o CertificateFile={0}-cert.pub", self.made("certified").display())
    }
}

const SAYS_NOTHING: &str = "who you are is not known here: sshd does not say which key it was (`ExposeAuthInfo yes`)";

#[test]
fn the_key_that_let_somebody_in_says_who_pushes() {
    let server = Server::new("");
    server.push_by(ALICE_SSH).expect_accepted();
    server.was_refused(&server.push_by(BOB_SSH), "only `alice` may push to it\n    you pushed as `bob`\n");
    let key = keys::fingerprint(MALLORY_SSH);
    let unknown = format!("who you are is not known here: the key {key} counts for nobody");
    server.was_refused(&server.push_by(MALLORY_SSH), &unknown);
}

#[test]
fn a_certificate_that_let_somebody_in_says_who_pushes() {
    let server = Server::new("");
    server.push(&[], &server.certified("authority", "alice@example.com")).expect_accepted();
    let bob = server.push(&[], &server.certified("authority", "bob@example.com"));
    server.was_refused(&bob, "you pushed as `bob`\n");
    // Sshd trusts it, and the registry does not.
    let unknown = server.push(&[], &server.certified("other-authority", "alice@example.com"));
    server.was_refused(&unknown, "counts for nobody: no `cert-authority` line has the authority that certified it");
}

#[test]
fn an_sshd_that_does_not_say_which_key_it_was() {
    let server = Server::new("ExposeAuthInfo no");
    server.was_refused(&server.push_by(ALICE_SSH), SAYS_NOTHING);
}

#[test]
fn two_keys_count_if_both_are_one_persons() {
    let server = Server::new("AuthenticationMethods publickey,publickey");
    let (alice, second) = (login(ALICE_SSH), format!("-i {}", server.made("second").display()));
    server.push(&[], &format!("{alice} {second}")).expect_accepted();
    for other in [format!("{alice} {}", login(BOB_SSH)), format!("{} {second}", login(BOB_SSH))] {
        server.was_refused(&server.push(&[], &other), "who you are is not known here: sshd names keys of `");
    }
}

/// Bob, whose ssh sends variables that say that it is Alice. The file that one of them names is the session user's own.
fn passing_for_alice(server: &Server, mode: u32) -> String {
    let forged = server.world.path("forged");
    drop(fs::remove_file(&forged));
    fs::write(&forged, format!("publickey {}\n", keys::public_ssh(ALICE_SSH))).unwrap();
    set_mode(&forged, mode);
    let variables = "REMOTE_USER=alice GL_USER=alice GL_USERNAME=alice GITEA_PUSHER_NAME=alice GIT_PUSH_CERT=none";
    format!("{} -o 'SetEnv=SSH_USER_AUTH={} {variables}'", login(BOB_SSH), forged.display())
}

#[test]
fn variables_that_the_client_sends_say_nothing_of_who_pushes() {
    let says_bob = "you pushed as `bob`\n";
    let server = Server::new("");
    server.was_refused(&server.push(&[], &passing_for_alice(&server, 0o600)), says_bob);
    server.push_by(ALICE_SSH).expect_accepted();
    // What sshd says itself comes before what it lets through.
    let server = Server::new("AcceptEnv SSH_USER_AUTH REMOTE_USER GL_* GITEA_*");
    server.was_refused(&server.push(&[], &passing_for_alice(&server, 0o600)), says_bob);
    server.push_by(ALICE_SSH).expect_accepted();
    let server = Server::new("ExposeAuthInfo no");
    server.was_refused(&server.push(&[], &passing_for_alice(&server, 0o600)), SAYS_NOTHING);
    let server = Server::new("ExposeAuthInfo no\nAcceptEnv REMOTE_USER GL_* GITEA_*");
    server.was_refused(&server.push(&[], &passing_for_alice(&server, 0o600)), SAYS_NOTHING);
}

#[test]
fn a_file_that_the_client_names_where_sshd_lets_that_through() {
    let server = Server::new("ExposeAuthInfo no\nAcceptEnv SSH_USER_AUTH LC_*");
    // As git keeps what was pushed.
    let kept = passing_for_alice(&server, 0o444);
    // The hook's environment, in which the client sets another variable.
    let alice = keys::public_ssh(ALICE_SSH);
    let environment = format!("SSH_USER_AUTH=/proc/self/environ \"LC_NAME=\npublickey {alice}\n\"");
    for ssh in [kept, format!("{} -o 'SetEnv={environment}'", login(BOB_SSH))] {
        let pushed = server.push(&[], &ssh);
        assert!(!pushed.succeeded && pushed.hook == Some(3), "{:?} {}", pushed.hook, pushed.output);
        assert_eq!(pushed.before, pushed.after);
        assert!(pushed.told().contains("it is no file of sshd's"), "{}", pushed.told());
    }
}

#[test]
fn a_push_that_is_signed_as_well() {
    let server = Server::new("");
    server.world.git_in(&server.world.server(), &["config", "receive.certNonceSeed", "a secret"]);
    server.policy("pusher = { by = [\"alice\"], certificate = \"required\" }");
    server.push(&["--signed"], &login(ALICE_SSH)).expect_accepted();
    let unsigned = server.push_by(ALICE_SSH);
    server.world.was_refused(&unsigned, &["no-push-certificate"]);
    assert!(!unsigned.told().contains("may push to it"), "{}", unsigned.told());
    let others = server.push(&["--signed"], &login(BOB_SSH));
    server.world.was_refused(&others, &["push-certificate"]);
    let words = "it is signed by `alice`, and the account is that of `bob`";
    assert!(others.told().contains(words), "{}", others.told());
    // By a key that is nobody's she logs in; who she is, she has signed.
    server.push(&["--signed"], &login(MALLORY_SSH)).expect_accepted();
}
