//! Who pushes: push certificates that say something else than the push, and environments that say it of somebody else.

use crate::support::{self, World, keys::*, objects, set_mode};
use serde_json::Value;
use std::{fs, process::Output};

const SIGNERS: &str = "[[signer]]\nid = 'alice'\nemails = ['alice@example.com']\naccounts = ['al']\n\
                       [[signer]]\nid = 'bob'\nemails = ['bob@example.com']\naccounts = ['bob']\n";

/// A server on which Alice alone may push to `main`, and the lines of a push that creates it.
struct Server {
    world: World,
    commit: String,
}

impl Server {
    fn new(kind: &str) -> Self {
        let world = World::new();
        world.policy(&format!(
            "version = 1\nunmatched-refs = \"accept\"\nserver = \"{kind}\"\n[[rule]]\nname = \"main\"\n\
             refs = [\"refs/heads/main\"]\npusher = {{ by = [\"alice\"] }}\n"
        ));
        let line = |name| format!("{} {}\n", user_id(name), public_ssh(name));
        let allowed = line(ALICE_SSH) + &line(BOB_SSH);
        world.registry(&[
            ("allowed_signers", &allowed),
            ("signers.toml", SIGNERS),
            ("openpgp/dave.asc", &public_openpgp(DAVE_OPENPGP)),
        ]);
        let commit = objects::unsigned(&world, &[], "one");
        world.push_without_hook(&[&format!("{commit}:refs/heads/there")]);
        Self { world, commit }
    }

    fn lines(&self, name: &str) -> String {
        format!("{} {} {name}\n", self.world.null(), self.commit)
    }

    /// Runs the hook; what it noted, too.
    fn hook(&self, hook: &[&str], lines: &str, environment: &[(&str, &str)]) -> (Output, Vec<Value>) {
        let (world, log) = (&self.world, self.world.path("log"));
        drop(fs::remove_file(&log));
        let mut command = world.command(env!("CARGO_BIN_EXE_countersign"), &world.server());
        command.arg("--log").arg(&log).arg("hook").args(hook).arg("--policy").arg(world.policy_path());
        command.env("GIT_DIR", ".").env("COUNTERSIGN_LOG", "trace").envs(environment.iter().copied());
        let output = support::run(command, lines.as_bytes());
        let noted = fs::read_to_string(log).unwrap_or_default();
        let verdict = noted.lines().find_map(|line| line.find("{\"schema\"").map(|at| line[at..].to_owned()));
        let verdict: Value = verdict.map_or(Value::Null, |text| serde_json::from_str(&text).unwrap());
        (output, verdict["findings"].as_array().cloned().unwrap_or_default())
    }

    /// A certificate for these lines, signed by a key; its blob's id.
    fn certificate(&self, key: &str, lines: &str) -> String {
        let payload = payload(lines);
        self.blob(&(payload.clone() + &sign(key, payload.as_bytes())))
    }

    fn blob(&self, text: &str) -> String {
        let mut command = self.world.command("git", &self.world.server());
        command.args(["hash-object", "-w", "--stdin"]);
        support::run_well(command, text.as_bytes())
    }

    #[track_caller]
    fn accepts(&self, lines: &str, environment: &[(&str, &str)]) {
        let (output, findings) = self.hook(&["pre-receive"], lines, environment);
        assert_eq!(output.status.code(), Some(0), "{}", String::from_utf8_lossy(&output.stderr));
        assert!(findings.is_empty(), "{environment:?} {findings:?}");
    }

    /// The reasons, by the ref.
    #[track_caller]
    fn refuses(&self, lines: &str, environment: &[(&str, &str)]) -> Vec<(String, String)> {
        let (output, findings) = self.hook(&["pre-receive"], lines, environment);
        assert_eq!(output.status.code(), Some(1), "{}", String::from_utf8_lossy(&output.stderr));
        let word = |finding: &Value, key: &str| finding[key].as_str().unwrap().to_owned();
        findings.iter().map(|finding| (word(finding, "ref"), word(finding, "reason"))).collect()
    }

    /// It is not let in, for what could not be found out.
    #[track_caller]
    fn cannot_decide(&self, lines: &str, environment: &[(&str, &str)], words: &str) {
        let (output, _) = self.hook(&["pre-receive"], lines, environment);
        let told = String::from_utf8_lossy(&output.stderr).into_owned();
        assert_eq!(output.status.code(), Some(3), "{told}");
        assert!(told.contains(words), "`{words}`: {told}");
    }

    /// A push of `main` that bears this certificate is refused for this, told in these words.
    #[track_caller]
    fn refuses_certificate(&self, blob: &str, nonce: &str, words: &str) {
        let environment = [("GIT_PUSH_CERT", blob), ("GIT_PUSH_CERT_NONCE_STATUS", nonce)];
        self.refuses_as(&self.lines("refs/heads/main"), &environment, &["refs/heads/main"], words);
    }

    /// For its certificate each of these refs is refused, told in these words.
    #[track_caller]
    fn refuses_as(&self, lines: &str, environment: &[(&str, &str)], names: &[&str], words: &str) {
        let (output, findings) = self.hook(&["pre-receive"], lines, environment);
        let told = String::from_utf8_lossy(&output.stderr).into_owned();
        assert_eq!(output.status.code(), Some(1), "{told}");
        assert!(told.contains(words), "`{words}`: {told}");
        for name in names {
            let is = |finding: &&Value| finding["ref"] == *name && finding["reason"] == "push-certificate";
            assert!(findings.iter().any(|finding| is(&finding)), "{name}: {findings:?}");
        }
    }
}

fn payload(lines: &str) -> String {
    format!(
        "certificate version 0.1\npusher SHA256:abc  1795577176 +0000\npushee file:///srv/git/server.git\n\
         nonce 1795577176-4c0f82cfbaf34ebc6768b77452097b59f60d0277\n\n{lines}"
    )
}

const OK: &str = "OK";
const OTHER_UPDATES: &str = "it states other updates than those that were sent";
const OTHER_PERSON: &str = "it is signed by `alice`, and the account is that of `bob`";

#[test]
fn a_push_certificate_for_other_updates() {
    let server = Server::new("plain");
    let (main, other) = (server.lines("refs/heads/main"), server.lines("refs/heads/other"));
    let both = main.clone() + &other;
    let signed = |lines: &str| server.certificate(ALICE_SSH, lines);
    let moved = main.replace(&server.world.null(), &server.commit);
    let another = main.replace(&server.commit, &"1".repeat(server.commit.len()));
    for lines in [&other, &both, &moved, &another] {
        server.refuses_certificate(&signed(lines), OK, OTHER_UPDATES);
    }
    // Nor does a certificate for one cover the other.
    let environment = [("GIT_PUSH_CERT", &*signed(&main)), ("GIT_PUSH_CERT_NONCE_STATUS", OK)];
    server.refuses_as(&both, &environment, &["refs/heads/main", "refs/heads/other"], OTHER_UPDATES);
    server.accepts(&main, &environment);
    // In whatever order.
    let environment = [("GIT_PUSH_CERT", &*signed(&(other + &main))), ("GIT_PUSH_CERT_NONCE_STATUS", OK)];
    server.accepts(&both, &environment);
}

#[test]
fn a_push_certificate_whose_signature_does_not_count() {
    let server = Server::new("plain");
    let main = server.lines("refs/heads/main");
    let text = payload(&main);
    let by_alice = sign(ALICE_SSH, text.as_bytes());
    for (signed, status) in [
        (text.replace("1795577176 +0000", "1795577177 +0000") + &by_alice, "bad"),
        (text.clone() + &sign_in_namespace(ALICE_SSH, "file", text.as_bytes()), "malformed"),
        (text.clone() + &sign(MALLORY_SSH, text.as_bytes()), "unknown-key"),
        (text.clone() + &sign(MALLORY_OPENPGP, text.as_bytes()), "unknown-key"),
        (text.clone() + &sign(ALICE_SSH, main.as_bytes()), "bad"),
    ] {
        let words = format!("its signature does not count ({status})");
        server.refuses_certificate(&server.blob(&signed), OK, &words);
    }
    server.accepts(&main, &[("GIT_PUSH_CERT", &server.blob(&(text + &by_alice))), ("GIT_PUSH_CERT_NONCE_STATUS", OK)]);
}

#[test]
fn a_push_certificate_that_is_not_fresh() {
    let server = Server::new("plain");
    let main = server.lines("refs/heads/main");
    let blob = server.certificate(ALICE_SSH, &main);
    for status in ["SLOP", "BAD", "MISSING", "UNSOLICITED", "", "ok", "OK "] {
        let words = if status.is_empty() { "git says nothing of its nonce" } else { "its nonce is not fresh" };
        server.refuses_certificate(&blob, status, words);
    }
    server.accepts(&main, &[("GIT_PUSH_CERT", &blob), ("GIT_PUSH_CERT_NONCE_STATUS", OK)]);
}

#[test]
fn a_push_certificate_that_is_none() {
    let server = Server::new("plain");
    let main = server.lines("refs/heads/main");
    let text = payload(&main);
    let signed = text.clone() + &sign(ALICE_SSH, text.as_bytes());
    for malformed in [&text, &signed.replace("version 0.1", "version 0.2"), &(signed.clone() + &signed), "", "hello\n"]
    {
        server.refuses_certificate(&server.blob(malformed), OK, "it is malformed");
    }
    server.refuses_certificate(&server.commit, OK, "it is malformed");
    let missing = "1".repeat(server.commit.len());
    for id in [&*missing, "nonsense", &server.world.null()] {
        let environment = [("GIT_PUSH_CERT", id), ("GIT_PUSH_CERT_NONCE_STATUS", OK)];
        server.cannot_decide(&main, &environment, "reading the push certificate");
    }
    server.accepts(&main, &[("GIT_PUSH_CERT", &server.blob(&signed)), ("GIT_PUSH_CERT_NONCE_STATUS", OK)]);
}

#[test]
fn a_push_certificate_that_does_not_count_refuses_whatever_the_rules_say() {
    let server = Server::new("plain");
    let free = server.lines("refs/heads/free");
    let blob = server.certificate(MALLORY_SSH, &free);
    let environment = [("GIT_PUSH_CERT", &*blob), ("GIT_PUSH_CERT_NONCE_STATUS", OK)];
    for mode in ["warn", "observe", "off"] {
        server.world.policy_for_main(&format!("mode = \"{mode}\""));
        let expected = ("refs/heads/free".to_owned(), "push-certificate".to_owned());
        assert_eq!(server.refuses(&free, &environment), [expected], "{mode}");
        server.accepts(&free, &[]);
    }
}

#[test]
fn a_push_certificate_of_another_person_than_the_account() {
    let server = Server::new("http");
    let main = server.lines("refs/heads/main");
    let by_alice = server.certificate(ALICE_SSH, &main);
    let as_user = |user| [("GIT_PUSH_CERT", &*by_alice), ("GIT_PUSH_CERT_NONCE_STATUS", OK), ("REMOTE_USER", user)];
    server.refuses_as(&main, &as_user("bob"), &["refs/heads/main"], OTHER_PERSON);
    server.accepts(&main, &as_user("al"));
    server.world.forget();
    server.accepts(&main, &as_user(""));
}

#[test]
fn a_push_certificate_of_another_person_than_the_key_that_logged_in() {
    let server = Server::new("plain");
    let main = server.lines("refs/heads/main");
    let by_alice = server.certificate(ALICE_SSH, &main);
    let file = authentication(&server, &[ALICE_SSH]);
    let environment =
        [("GIT_PUSH_CERT", &*by_alice), ("GIT_PUSH_CERT_NONCE_STATUS", OK), ("SSH_USER_AUTH", file.as_str())];
    server.accepts(&main, &environment);
    authentication(&server, &[BOB_SSH]);
    server.refuses_as(&main, &environment, &["refs/heads/main"], OTHER_PERSON);
}

/// As sshd writes it.
fn authentication(server: &Server, keys: &[&str]) -> String {
    let path = server.world.path("sshauth");
    let line = |key: &&str| {
        let public = public_ssh(key);
        let mut fields = public.split(' ');
        format!("publickey {} {}\n", fields.next().unwrap(), fields.next().unwrap())
    };
    fs::write(&path, keys.iter().map(line).collect::<String>()).unwrap();
    set_mode(&path, 0o600);
    path.to_str().unwrap().to_owned()
}

#[test]
fn a_file_that_sshd_did_not_write() {
    let server = Server::new("plain");
    let main = server.lines("refs/heads/main");
    let file = authentication(&server, &[ALICE_SSH]);
    let environment = [("SSH_USER_AUTH", file.as_str())];
    server.accepts(&main, &environment);
    let nobodys = [("refs/heads/main".to_owned(), "pusher".to_owned())];
    for mode in [0o622, 0o620, 0o602, 0o644, 0o400, 0o444] {
        set_mode(&server.world.path("sshauth"), mode);
        server.cannot_decide(&main, &environment, "it is no file of sshd's: that is the session user's own");
    }
    let folder = server.world.path("policy");
    server.cannot_decide(&main, &[("SSH_USER_AUTH", folder.to_str().unwrap())], "it is no file of sshd's");
    server.cannot_decide(&main, &[("SSH_USER_AUTH", "/nowhere")], "reading the file that `SSH_USER_AUTH` names");
    // Two keys of two people are nobody's.
    authentication(&server, &[ALICE_SSH, BOB_SSH]);
    assert_eq!(server.refuses(&main, &environment), nobodys);
    authentication(&server, &[ALICE_SSH, ALICE_SSH]);
    server.accepts(&main, &environment);
}

#[test]
fn what_other_kinds_of_servers_state_is_not_believed() {
    let variables = [
        ("http", "REMOTE_USER"),
        ("gitolite", "GL_USER"),
        ("gitea", "GITEA_PUSHER_NAME"),
        ("forgejo", "GITEA_PUSHER_NAME"),
        ("gitlab", "GL_USERNAME"),
        ("pagure", "GL_USER"),
    ];
    for (kind, own) in variables {
        let server = Server::new(kind);
        let main = server.lines("refs/heads/main");
        server.accepts(&main, &[(own, "al")]);
        let others: Vec<_> = variables.iter().map(|(_, name)| (*name, "al")).filter(|(name, _)| *name != own).collect();
        assert_eq!(server.refuses(&main, &others), [("refs/heads/main".to_owned(), "pusher".to_owned())], "{kind}");
    }
}

#[test]
fn an_account_that_acts_upon_a_terminal() {
    let server = Server::new("http");
    let (output, _) =
        server.hook(&["pre-receive"], &server.lines("refs/heads/main"), &[("REMOTE_USER", "x\u{1b}[2J\nhint: y")]);
    let told = String::from_utf8_lossy(&output.stderr).into_owned();
    assert!(!told.contains('\u{1b}') && !told.lines().any(|line| line.starts_with("hint")), "{told}");
    assert!(told.contains("the account `x\\u{1b}[2J\\u{a}hint: y` is nobody's"), "{told}");
    let (output, _) =
        server.hook(&["pre-receive"], &server.lines("refs/heads/main"), &[("REMOTE_USER", &"x".repeat(100_000))]);
    let told = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.code() == Some(1) && told.contains("a name longer than 256 bytes"), "{}", told.len());
    assert!(told.len() < 2000, "{}", told.len());
}

#[test]
fn an_update_hook_where_a_signed_push_is_required() {
    let server = Server::new("plain");
    let arguments = ["update", "refs/heads/main", &server.world.null(), &server.commit];
    let by_alice = server.certificate(ALICE_SSH, &server.lines("refs/heads/main"));
    let environment = [("GIT_PUSH_CERT", &*by_alice), ("GIT_PUSH_CERT_NONCE_STATUS", OK)];
    for mode in ["enforce", "warn", "observe"] {
        server.world.policy_for_main(&format!("mode = \"{mode}\"\npusher = {{ certificate = \"required\" }}"));
        let (output, _) = server.hook(&arguments, "", &environment);
        let told = String::from_utf8_lossy(&output.stderr).into_owned();
        assert_eq!(output.status.code(), Some(3), "{told}");
        let why = "looking for the push certificate that rule `main` requires";
        assert!(told.contains(why), "{told}");
        server.world.forget();
        server.accepts(&server.lines("refs/heads/main"), &environment);
    }
    server.world.policy_for_main("updates = { create = true }");
    let (output, _) = server.hook(&arguments, "", &[]);
    assert_eq!(output.status.code(), Some(0), "{}", String::from_utf8_lossy(&output.stderr));
}

#[test]
fn a_push_that_is_signed_by_git_itself() {
    let world = World::new();
    world.git_in(&world.server(), &["config", "receive.certNonceSeed", "a secret"]);
    world
        .policy_for_main("pusher = { by = [\"alice@example.com\", \"dave@example.com\"], certificate = \"required\" }");
    let first = objects::unsigned(&world, &[], "one");
    let refspec = format!("{first}:refs/heads/main");
    let refused = world.refuses_in_words(&[&refspec], &["no-push-certificate", "pusher"]);
    let hint = "sign it with a registered key: git push --signed origin main".to_owned();
    assert!(refused.hints().contains(&hint), "{}", refused.told());
    world.push_with(&["--signed"], &[&refspec]).expect_accepted();
    // Also where the server has what is pushed, with options, and of several refs at once.
    world.work_as(DAVE_OPENPGP);
    let second = objects::unsigned(&world, &[&first], "two");
    let refspecs = [format!("{second}:refs/heads/main"), format!("{first}:refs/heads/caf\u{e9}")];
    world.push_with(&["--signed", "--atomic"], &refspecs.each_ref().map(String::as_str)).expect_accepted();
    // Deletions are signed, too.
    world.policy_for_main("updates = { delete = [\"dave@example.com\"] }");
    world.refuses_in_words(&[":main"], &["delete"]);
    world.push_with(&["--signed"], &[":main"]).expect_accepted();
}

#[test]
fn what_cannot_be_decided_is_shown_by_gitlab_too() {
    let server = Server::new("gitlab");
    let main = server.lines("refs/heads/main");
    let missing = main.replace(&server.commit, &"1".repeat(server.commit.len()));
    for (lines, status) in [(&main, 1), (&missing, 3)] {
        let (output, _) = server.hook(&["pre-receive"], lines, &[("GL_ID", "user-7")]);
        let told = String::from_utf8_lossy(&output.stderr).into_owned();
        assert_eq!(output.status.code(), Some(status), "{told}");
        assert!(told.contains("error: ") && told.lines().all(|line| line.starts_with("GL-HOOK-ERR:")), "{told}");
    }
    server.accepts(&main, &[("GL_USERNAME", "al")]);
}

#[test]
fn a_certified_key_that_logged_in() {
    let server = Server::new("plain");
    let main = server.lines("refs/heads/main");
    let folder = server.world.path("authority");
    fs::create_dir(&folder).unwrap();
    let keygen = |arguments: &[&str]| {
        let mut command = server.world.command("ssh-keygen", &folder);
        command.args(["-q"]).args(arguments);
        support::run_well(command, b"");
    };
    keygen(&["-t", "ed25519", "-N", "", "-f", "ca"]);
    keygen(&["-t", "ed25519", "-N", "", "-f", "key"]);
    let authority = fs::read_to_string(folder.join("ca.pub")).unwrap();
    server.world.registry(&[
        ("allowed_signers", &format!("*@example.com cert-authority {authority}")),
        ("signers.toml", SIGNERS),
    ]);
    let file = server.world.path("sshauth");
    let logged_in = |options: &[&str]| {
        keygen(&[&["-s", "ca", "-I", "id"][..], options, &["key.pub"]].concat());
        let certificate = fs::read_to_string(folder.join("key-cert.pub")).unwrap();
        let fields: Vec<_> = certificate.split(' ').take(2).collect();
        fs::write(&file, format!("publickey {}\n", fields.join(" "))).unwrap();
        set_mode(&file, 0o600);
    };
    let environment = [("SSH_USER_AUTH", file.to_str().unwrap())];
    logged_in(&["-n", "alice@example.com"]);
    server.accepts(&main, &environment);
    let nobodys = [("refs/heads/main".to_owned(), "pusher".to_owned())];
    for options in [
        &["-n", "bob@example.com"][..],
        &["-n", "alice@example.net"],
        &["-n", "alice@example.com", "-h"],
        &["-n", "alice@example.com", "-V", "20200101:20200102"],
    ] {
        logged_in(options);
        assert_eq!(server.refuses(&main, &environment), nobodys, "{options:?}");
    }
}
