//! `approve`, with real keys of all formats and a real remote, which judges nothing here.

use crate::support::{World, keys, objects, run, run_well, set_mode};
use countersign::{
    object::{Slot, Tag, TargetKind},
    push::{ObjectFormat, ObjectId},
    signature::{self, Certificates, Format, Signature},
};
use std::{
    fs,
    os::unix::process::CommandExt,
    path::Path,
    process::{Command, Output},
    thread,
    time::Duration,
};

const MAIN: &str = "refs/heads/main";

/// Alice's `main` and `topic` at the remote, `topic` one commit ahead, and Bob, who is to approve that.
struct Review {
    world: World,
    main: String,
    topic: String,
}

impl Review {
    fn new() -> Self {
        Self::of_format("sha1")
    }

    fn of_format(format: &str) -> Self {
        let world = World::of_format(format);
        fs::remove_file(world.server().join("hooks/pre-receive")).unwrap();
        commit(&world, "One", &[("README", b"one\ntwo\n")]);
        world.git(&["push", "-q", "origin", "main"]);
        world.git(&["checkout", "-q", "-b", "topic"]);
        commit(&world, "Two", &[("README", b"one\n2\n3\n"), ("a b/ü", b"text\n"), ("image", b"\0\x01")]);
        world.git(&["push", "-q", "origin", "topic"]);
        world.work_as(keys::BOB_SSH);
        let (main, topic) = (world.git(&["rev-parse", "main"]), world.git(&["rev-parse", "topic"]));
        Self { world, main, topic }
    }

    fn command(&self, words: &[&str]) -> Command {
        let mut command = self.world.command(env!("CARGO_BIN_EXE_countersign"), &self.world.clone_path());
        command.arg("approve").args(words);
        command
    }

    /// Exit status, standard output, standard error.
    fn approve(&self, words: &[&str]) -> (i32, String, String) {
        told(&run(self.command(words), b""))
    }

    #[track_caller]
    fn approves(&self, words: &[&str]) -> (String, String) {
        let (status, out, error) = self.approve(words);
        assert_eq!(status, 0, "{out}{error}");
        (out, error)
    }

    /// What it says as it refuses.
    #[track_caller]
    fn refuses(&self, words: &[&str]) -> String {
        let before = (self.local_refs(), self.world.refs());
        let (status, out, error) = self.approve(words);
        assert_eq!(status, 1, "{out}{error}");
        assert_eq!((self.local_refs(), self.world.refs()), before);
        error
    }

    fn local_refs(&self) -> String {
        self.world.git(&["for-each-ref"])
    }

    fn name_of(&self, target: &str, signer: &str) -> String {
        format!("approvals/{target}/{}/{signer}", self.topic)
    }

    /// The tag object at the remote.
    #[track_caller]
    fn tag_at(&self, name: &str) -> Vec<u8> {
        let mut command = self.world.command("git", &self.world.server());
        command.args(["cat-file", "tag", &format!("refs/{name}")]);
        let output = run(command, b"");
        assert!(output.status.success(), "{name}: {}", String::from_utf8_lossy(&output.stderr));
        output.stdout
    }

    /// The tag at the remote is what an approval of `topic` has to be; what it says, and its signature.
    #[track_caller]
    fn expect_approval(&self, name: &str, certificates: &Certificates) -> (String, Signature) {
        let bytes = self.tag_at(name);
        let id = ObjectId::from_hex(self.topic.as_bytes()).unwrap();
        let tag = Tag::parse(&bytes, id.format()).unwrap();
        assert_eq!((tag.target, tag.kind, tag.name), (id, TargetKind::Commit, name.as_bytes()));
        assert!(matches!(tag.signature, Slot::One(_)));
        (String::from_utf8(tag.message.to_vec()).unwrap(), signature::verify(&tag.signature, certificates))
    }

    /// Puts a program in the place of ssh-keygen.
    fn sign_by(&self, script: &str) {
        let program = self.world.path("sign");
        script_at(&program, script);
        self.world.git(&["config", "gpg.ssh.program", program.to_str().unwrap()]);
    }

    fn hook(&self, script: &str) {
        script_at(&self.world.server().join("hooks/pre-receive"), script);
    }
}

fn script_at(path: &Path, script: &str) {
    fs::write(path, format!("#!/bin/sh\n{script}\n")).unwrap();
    set_mode(path, 0o755);
}

fn told(output: &Output) -> (i32, String, String) {
    let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
    (output.status.code().unwrap_or(-1), text(&output.stdout), text(&output.stderr))
}

fn commit(world: &World, message: &str, files: &[(&str, &[u8])]) {
    for (name, content) in files {
        let path = world.clone_path().join(name);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(path, content).unwrap();
    }
    world.git(&["add", "--all"]);
    world.git(&["commit", "-q", "--allow-empty", "-m", message]);
}

#[track_caller]
fn expect_key(signature: &Signature, key: &str) {
    let Signature::Verified(verified) = signature else { panic!("{signature:?}") };
    assert_eq!(verified.key().to_string().trim_start_matches("openpgp:"), keys::fingerprint(key));
}

#[test]
fn an_approval_is_signed_by_ssh_and_pushed_and_leaves_nothing_here() {
    for format in ["sha1", "sha256"] {
        let review = Review::of_format(format);
        let before = review.local_refs();
        let (out, error) = review.approves(&["topic", "--for", "main", "--as", "bob", "--yes"]);
        let name = review.name_of(MAIN, "bob");
        let (message, signature) = review.expect_approval(&name, &Certificates::default());
        assert_eq!(message, format!("Approve {} for {MAIN}\n", review.topic));
        expect_key(&signature, keys::BOB_SSH);
        assert_eq!(review.local_refs(), before);
        assert!(!review.world.clone_path().join(".git/refs/tags/approvals").exists());
        let signed = format!("approved, signed by ssh {}: refs/{name} at origin", keys::fingerprint(keys::BOB_SSH));
        assert!(out.ends_with(&format!("{signed}\n")), "{out}");
        assert!(error.contains("hint: to be called so from now on: git config countersign.id bob\n"), "{error}");
        assert!(!error.contains("warning:"), "{error}");
    }
}

#[test]
fn an_approval_is_signed_by_openpgp() {
    let review = Review::new();
    review.world.work_as(keys::DAVE_OPENPGP);
    review.world.git(&["config", "countersign.id", "dave"]);
    let (_, error) = review.approves(&["topic", "--for", "main", "--yes"]);
    assert!(!error.contains("hint:"), "{error}");
    let mut certificates = Certificates::default();
    certificates.add_file(keys::public_openpgp(keys::DAVE_OPENPGP).as_bytes()).unwrap();
    let (_, signature) = review.expect_approval(&review.name_of(MAIN, "dave"), &certificates);
    expect_key(&signature, keys::DAVE_OPENPGP);
}

#[test]
fn an_approval_is_signed_by_x509() {
    let review = Review::new();
    let world = &review.world;
    let folder = world.path("home");
    let make = "mkdir -m 700 gnupg; printf 'Key-Type: RSA\\nKey-Length: 2048\\nSerial: random\\nName-DN: CN=Wanda\\n\
                Key-Usage: sign\\nHash-Algo: SHA256\\n' >key; echo x >passphrase
                gpgsm=\"gpgsm --homedir $PWD/gnupg --batch --quiet --no-tty --disable-crl-checks --pinentry-mode loopback\"
                printf '#!/bin/sh\\nexec %s --passphrase-fd 3 \"$@\" 3<%s/passphrase\\n' \"$gpgsm\" \"$PWD\" >sign; chmod 755 sign
                ./sign --gen-key --output certificate key && ./sign --import certificate || exit
                print=$(./sign --with-colons --list-keys | sed -n 's/^fpr:*\\([0-9A-F]*\\):.*/\\1/p')
                echo \"$print S relax\" >gnupg/trustlist.txt; gpgconf --homedir gnupg --kill all; echo $print";
    let mut command = world.command("sh", &folder);
    command.args(["-c", make]);
    let fingerprint = run_well(command, b"");
    for (setting, value) in [
        ("gpg.format", "x509"),
        ("gpg.x509.program", folder.join("sign").to_str().unwrap()),
        ("user.signingkey", &format!("0x{fingerprint}")),
    ] {
        world.git(&["config", setting, value]);
    }
    let (out, _) = review.approves(&["topic", "--for", "main", "--as", "wanda", "--yes"]);
    assert!(out.contains("approved, signed, x509: refs/approvals/"), "{out}");
    let (_, signature) = review.expect_approval(&review.name_of(MAIN, "wanda"), &Certificates::default());
    assert!(matches!(signature, Signature::Bad(bad) if bad.format == Some(Format::X509)));
    let mut command = world.command("gpgconf", &folder);
    command.args(["--homedir", "gnupg", "--kill", "all"]);
    run_well(command, b"");
}

#[test]
fn it_says_first_what_it_approves() {
    let review = Review::new();
    let world = &review.world;
    world.git(&["config", "user.email", "alice@example.com"]);
    world.git(&["config", "user.name", "Alice \u{1b}[2J"]);
    commit(world, "A\u{202e}B\u{7}", &[("new\nerror: x", b"")]);
    let signed = objects::signed(world, keys::DAVE_OPENPGP, &[&world.git(&["rev-parse", "HEAD"])], "Three");
    world.work_as(keys::BOB_SSH);
    let (out, error) = review.approves(&[&signed, "--for", "main", "--as", "bob", "--dry-run"]);
    let empty = world.git(&["rev-parse", "HEAD"]);
    let expected = format!(
        "approve for refs/heads/main at origin, as `bob`:\n  commit {signed}\n  \"Three\"\n  \
         author Alice Example <alice@example.com>\n  committer Alice Example <alice@example.com>\n  \
         signed by openpgp:{}\nit brings 3 commits over {}, which refs/heads/main is now:\n",
        keys::fingerprint(keys::DAVE_OPENPGP),
        &review.main[..7],
    );
    assert!(out.starts_with(&expected), "{out}");
    let hostile = "\"A\\u{202e}B\\u{7}\", Alice \\u{1b}[2J <alice@example.com>, not signed\n";
    assert!(out.contains(&format!("  {} {hostile}", &empty[..7])), "{out}");
    assert!(
        out.contains(&format!("  {} \"Two\", Alice Example <alice@example.com>, not signed\n", &review.topic[..7]))
    );
    // The last commit has the empty tree.
    assert!(out.contains("it changes 1 path, 0 lines added, 2 removed:\n  +0 -2        README\n"), "{out}");
    let (out, _) = review.approves(&["HEAD", "--for", "main", "--as", "bob", "--dry-run"]);
    for line in ["it changes 4 paths, 3 lines added, 1 removed:", "  +1 -0        a b/ü", "  binary       image"] {
        assert!(out.contains(&format!("{line}\n")), "{line}: {out}");
    }
    assert!(out.contains("  +0 -0        new\\u{a}error: x\n"), "{out}");
    let note = "note: it is the tip of no branch at origin; what of it is not there yet comes with the approval\n";
    assert_eq!(error, note);
    assert_eq!(review.approves(&["origin/topic", "--for", "main", "--as", "bob", "--dry-run"]).1, "");
}

/// What comes with the commits may say that changes of a submodule are of no interest, and so may this clone.
#[test]
fn nothing_hides_what_is_changed() {
    let review = Review::new();
    let world = &review.world;
    let modules = "[submodule \"lib\"]\n\tpath = lib\n\turl = ../lib\n\tignore = all\n";
    commit(world, "Add", &[(".gitmodules", modules.as_bytes()), ("below/file", b"x\n")]);
    world.git(&["update-index", "--add", "--cacheinfo", &format!("160000,{},lib", review.main)]);
    world.git(&["commit", "-q", "-m", "A submodule"]);
    world.git(&["push", "-q", "origin", "HEAD:main"]);
    world.git(&["update-index", "--cacheinfo", &format!("160000,{},lib", review.topic)]);
    world.git(&["commit", "-q", "-m", "Another version"]);
    for (setting, value) in
        [("diff.ignoreSubmodules", "all"), ("diff.relative", "true"), ("submodule.lib.ignore", "all")]
    {
        world.git(&["config", setting, value]);
    }
    let mut command = world.command(env!("CARGO_BIN_EXE_countersign"), &world.clone_path().join("below"));
    command.args(["approve", "HEAD", "--for", "main", "--as", "eve", "--dry-run"]);
    let out = run_well(command, b"");
    assert!(out.contains("it changes 1 path, 1 line added, 1 removed:\n  +1 -1        lib\n"), "{out}");
}

#[test]
fn what_is_listed_has_an_end() {
    let review = Review::new();
    let world = &review.world;
    world.work_as(keys::ALICE_SSH);
    for number in 0..24 {
        commit(world, &"x".repeat(300), &[(&format!("{number}{}", "y".repeat(200)), b"")]);
    }
    world.work_as(keys::BOB_SSH);
    let (out, _) = review.approves(&["HEAD", "--for", "main", "--as", "bob", "--dry-run"]);
    assert!(out.contains("it brings 25 commits over "), "{out}");
    assert_eq!(out.matches("\n  and 5 more\n").count(), 1, "{out}");
    assert!(out.contains("it changes 27 paths, ") && out.contains("\n  and 7 more\n"), "{out}");
    assert!(out.lines().all(|line| line.chars().count() < 400), "{out}");
}

#[test]
fn the_same_by_plain_git_is_what_it_prints() {
    let review = Review::new();
    let world = &review.world;
    let odd = ["refs/heads/it's-$(x)&;", "refs/heads/füße", "refs/tags/v1"];
    world.git(&["tag", "v1", "main"]);
    for name in odd {
        world.git(&["push", "-q", "origin", &format!("main:{name}")]);
    }
    for (target, signer) in [(MAIN, "bob"), (odd[0], "bob@example.com"), (odd[1], "team/böb"), (odd[2], "b'o'b")] {
        for more in [&["--settles", "7"][..], &["-m", "It's fine\n\nSeen-by: me", "--settles", "7"], &[]] {
            let words = [&["topic", "--for", target, "--as", signer][..], more].concat();
            let (out, _) = review.approves(&[&words[..], &["--dry-run"]].concat());
            let name = review.name_of(target, signer);
            assert!(!world.refs().contains_key(&format!("refs/{name}")));
            let (_, commands) = out.split_once("nothing is signed; the same by git itself:\n").unwrap();
            let mut shell = world.command("sh", &world.clone_path());
            shell.args(["-e", "-c", commands]);
            run_well(shell, b"");
            let (by_git, signature) = review.expect_approval(&name, &Certificates::default());
            expect_key(&signature, keys::BOB_SSH);
            assert_eq!(world.git(&["for-each-ref", "refs/tags/approvals", "refs/approvals"]), "");
            world.git(&["push", "-q", "origin", &format!(":refs/{name}")]);
            review.approves(&[&words[..], &["--yes"]].concat());
            let (message, _) = review.expect_approval(&name, &Certificates::default());
            assert_eq!(message, by_git);
            world.git(&["push", "-q", "origin", &format!(":refs/{name}")]);
        }
    }
}

#[test]
fn a_review_of_an_emergency_names_its_record() {
    let review = Review::new();
    review.world.git(&["push", "-q", "origin", "topic:main"]);
    let (out, error) = review.approves(&["topic", "--for", "main", "--as", "bob", "--settles", "10423", "--yes"]);
    assert!(out.contains("refs/heads/main has it already; this commit alone:\n"), "{out}");
    assert!(out.contains("it changes 3 paths, ") && !error.contains("warning:"), "{out}{error}");
    let (message, _) = review.expect_approval(&review.name_of(MAIN, "bob"), &Certificates::default());
    assert!(message.ends_with("\n\nSettles: 10423\n"), "{message}");
    let (_, error) = review.approves(&["topic", "--for", "main", "--as", "eve", "--dry-run"]);
    assert!(
        error.contains("warning: refs/heads/main has it already, so no push will ask for this approval\n"),
        "{error}"
    );
}

#[test]
fn what_the_remote_refuses_is_told_in_its_own_words_and_can_be_pushed_again() {
    let review = Review::new();
    let world = &review.world;
    review.hook("echo 'error: refused  by \"rule\"' >&2; echo 'hint: approve --as robert' >&2; exit 1");
    let error = review.refuses(&["topic", "--for", "main", "--as", "bob", "--yes"]);
    for line in
        ["remote: error: refused  by \"rule\"", "remote: hint: approve --as robert", "pre-receive hook declined"]
    {
        assert!(error.contains(line), "{line}: {error}");
    }
    let (_, hint) = error.split_once("hint: if nothing is wrong with it, push it again: ").unwrap();
    assert!(error.contains("error: origin did not take the approval\n"), "{error}");
    fs::remove_file(world.server().join("hooks/pre-receive")).unwrap();
    let mut shell = world.command("sh", &world.clone_path());
    shell.args(["-e", "-c", hint]);
    run_well(shell, b"");
    let (_, signature) = review.expect_approval(&review.name_of(MAIN, "bob"), &Certificates::default());
    expect_key(&signature, keys::BOB_SSH);
    let error = review.refuses(&["topic", "--for", "main", "--as", "bob", "--yes"]);
    let (_, hint) = error.split_once("hint: to approve anew, take it away first: ").unwrap();
    assert!(error.contains("is at origin already, and an approval is never moved\n"), "{error}");
    let mut shell = world.command("sh", &world.clone_path());
    shell.args(["-e", "-c", hint]);
    run_well(shell, b"");
    review.approves(&["topic", "--for", "main", "--as", "bob", "--yes"]);
}

#[test]
fn it_can_be_pushed_later() {
    let review = Review::new();
    let before = review.local_refs();
    let (out, _) = review.approves(&["topic", "--for", "main", "--as", "bob", "--yes", "--no-push"]);
    assert_eq!(review.local_refs(), before);
    assert_eq!(review.world.refs().len(), 2);
    let (_, command) = out.split_once("push it: ").unwrap();
    let mut shell = review.world.command("sh", &review.world.clone_path());
    shell.args(["-e", "-c", command]);
    run_well(shell, b"");
    review.expect_approval(&review.name_of(MAIN, "bob"), &Certificates::default());
}

#[test]
fn where_git_does_not_sign_nothing_is_left() {
    let review = Review::new();
    let words = ["topic", "--for", "main", "--as", "bob", "--yes"];
    for (setting, value) in [("gpg.ssh.program", "false"), ("user.signingkey", "/nowhere"), ("gpg.format", "openpgp")] {
        review.world.git(&["config", setting, value]);
        let error = review.refuses(&words);
        assert!(error.contains("error: git did not sign the tag, so nothing is approved\n"), "{error}");
        review.world.work_as(keys::BOB_SSH);
        review.world.git(&["config", "gpg.ssh.program", "ssh-keygen"]);
    }
    review.approves(&words);
}

#[test]
fn a_message_that_git_takes_for_a_signature_makes_no_approval() {
    let review = Review::new();
    let before = (review.local_refs(), review.world.refs());
    let message = "Fine\n-----BEGIN PGP SIGNATURE-----\n\nabcd\n-----END PGP SIGNATURE-----";
    let (status, out, error) = review.approve(&["topic", "--for", "main", "--as", "bob", "--yes", "-m", message]);
    assert_eq!(status, 3, "{out}{error}");
    let why = "looking at the tag that git made: it is not what was to be signed, or not signed once\n";
    assert!(error.ends_with(why), "{error}");
    assert_eq!((review.local_refs(), review.world.refs()), before);
}

/// What stands for the key in somebody's hand does not sign before it is interrupted from the terminal.
#[test]
fn interrupted_as_it_signs_nothing_is_left() {
    let review = Review::new();
    review.sign_by("kill -INT 0");
    let before = (review.local_refs(), review.world.refs());
    let mut command = review.command(&["topic", "--for", "main", "--as", "bob", "--yes"]);
    command.process_group(0);
    let output = run(command, b"");
    assert_eq!(output.status.code(), None, "it was interrupted");
    assert_eq!((review.local_refs(), review.world.refs()), before);
    review.world.git(&["config", "gpg.ssh.program", "ssh-keygen"]);
    review.approves(&["topic", "--for", "main", "--as", "bob", "--yes"]);
}

/// Killed between git's making of the tag and its removal: the next one clears it away.
#[test]
fn killed_before_it_could_clear_up_the_next_one_does() {
    let review = Review::new();
    let world = &review.world;
    review.sign_by("ssh-keygen \"$@\" || exit; read -r _ _ _ above _ <\"/proc/$PPID/stat\"; kill -9 \"$above\"");
    let output = run(review.command(&["topic", "--for", "main", "--as", "bob", "--yes"]), b"");
    assert_eq!(output.status.code(), None, "it was killed");
    let left = format!("refs/tags/{}", review.name_of(MAIN, "bob"));
    while !world.git(&["for-each-ref"]).contains(&left) {
        thread::sleep(Duration::from_millis(5));
    }
    world.git(&["config", "gpg.ssh.program", "ssh-keygen"]);
    let (_, error) = review.approves(&["topic", "--for", "main", "--as", "bob", "--yes"]);
    assert!(!error.contains("error"), "{error}");
    assert!(!review.local_refs().contains("approvals"), "{}", review.local_refs());
    review.expect_approval(&review.name_of(MAIN, "bob"), &Certificates::default());
}

#[test]
fn who_made_any_of_it_is_warned() {
    let review = Review::new();
    let world = &review.world;
    let base = review.topic.as_str();
    let person = |name: &str, email: &str| format!("{name} <{email}> 1700000000 +0000").into_bytes();
    let mut wrote = objects::Commit::new(world, &[base], "Bob wrote");
    wrote.author = person("B", "bob@EXAMPLE.com");
    let mut committed = objects::Commit::new(world, &[base], "Bob committed");
    committed.committer = person("Somebody Else", "bob@example.com");
    let other = objects::Commit::new(world, &[base], "Another").by("Bob Example <Bob@example.com>").unsigned(world);
    for own in [wrote.unsigned(world), committed.unsigned(world)] {
        let above = objects::unsigned(world, &[&own], "Above");
        let words = [&*above, "--for", "main", "--as", "bob"];
        let error = review.refuses(&words);
        assert!(
            error.contains(&format!("warning: {} is your own work (bob, bob@example.com)\n", &own[..7])),
            "{error}"
        );
        assert!(error.contains("the server will not count this\n"), "{error}");
        assert!(error.contains("error: nothing is approved for want of a yes; --yes does not ask\n"), "{error}");
        let (_, error) = review.approves(&[&words[..], &["--yes"]].concat());
        assert!(error.contains("is your own work"), "{error}");
    }
    let (_, error) = review.approves(&[&other, "--for", "main", "--as", "bob", "--yes"]);
    assert!(!error.contains("your own work"), "{error}");
    let signed = objects::signed(world, keys::BOB_SSH, &[base], "Signed by Bob");
    let (_, error) = review.approves(&[&signed, "--for", "main", "--as", "bob", "--yes"]);
    let warning = format!("warning: the same key signed {}, so this approval does not count\n", &signed[..7]);
    assert!(error.contains(&warning), "{error}");
}

#[test]
fn a_terminal_is_asked() {
    let review = Review::new();
    let world = &review.world;
    let at_a_terminal = |answer: &str| {
        let mut command = world.command("script", &world.clone_path());
        let words = format!("'{}' approve topic --for main --as bob", env!("CARGO_BIN_EXE_countersign"));
        command.args(["--quiet", "--return", "--command", &words, "/dev/null"]);
        told(&run(command, format!("{answer}\n").as_bytes()))
    };
    for answer in ["n", "", "yesterday"] {
        let (status, out, error) = at_a_terminal(answer);
        assert_eq!(status, 1, "{out}{error}");
        let place = |text: &str| out.find(text).unwrap_or_else(|| panic!("{text}: {out}"));
        assert!(place("it changes 3 paths") < place("approve it? [y/N] "), "{out}");
        assert!(place("approve it? ") < place("error: nothing is approved for want of a yes"), "{out}");
        assert_eq!(world.refs().len(), 2);
    }
    let (status, out, _) = at_a_terminal("y");
    assert_eq!(status, 0, "{out}");
    review.expect_approval(&review.name_of(MAIN, "bob"), &Certificates::default());
}

#[test]
fn a_short_name_is_the_remotes_branch_or_tag() {
    let review = Review::new();
    let world = &review.world;
    for name in ["refs/tags/main", "refs/tags/v1"] {
        world.git(&["push", "-q", "origin", &format!("main:{name}")]);
    }
    let usage = |words: &[&str], said: &str| {
        let (status, out, error) = review.approve(words);
        assert_eq!((status, out.as_str(), error.as_str()), (2, "", format!("error: {said}\n").as_str()));
    };
    let both = "origin has a branch and a tag `main`; say refs/heads/main or refs/tags/main";
    usage(&["topic", "--for", "main", "--dry-run"], both);
    let none = "origin has no branch or tag `nowhere`; if there is to be one, say refs/heads/nowhere";
    usage(&["topic", "--for", "nowhere", "--dry-run"], none);
    usage(&["topic", "--for", "a\nb", "--dry-run"], "`a\\u{a}b` is not the name of a ref");
    let id = "`Bob Example` cannot be a part of a ref's name; the server's administrator has to give you another id";
    usage(&["topic", "--for", "v1", "--as", "Bob Example", "--dry-run"], id);
    let (out, _) = review.approves(&["topic", "--for", "v1", "--dry-run"]);
    assert!(out.starts_with("approve for refs/tags/v1 at origin, as `bob@example.com`:\n"), "{out}");
    let (out, _) = review.approves(&["topic", "--for", "refs/heads/nowhere", "--dry-run"]);
    let over = format!(
        "refs/heads/nowhere is not at origin; it brings 1 commit over {}, which HEAD is there:\n",
        &review.main[..7]
    );
    assert!(out.contains(&over), "{out}");
}

#[test]
fn the_remote_is_the_only_one_or_origin_or_the_one_that_is_said() {
    let review = Review::new();
    let world = &review.world;
    let words = ["topic", "--for", "main", "--as", "bob", "--dry-run"];
    world.git(&["remote", "add", "other", "/nowhere"]);
    review.approves(&words);
    world.git(&["remote", "rename", "origin", "upstream"]);
    let (status, _, error) = review.approve(&words);
    assert_eq!(status, 2);
    assert!(
        error.contains("error: say with --remote where the ref is: there is no remote `origin`, nor only one other"),
        "{error}"
    );
    review.approves(&[&words[..], &["--remote", "upstream"]].concat());
    review.approves(&[&words[..], &["--remote", world.server().to_str().unwrap()]].concat());
    let (status, _, error) = review.approve(&[&words[..], &["--remote", "other"]].concat());
    assert_eq!(status, 3);
    assert!(error.contains("'/nowhere' does not appear to be a git repository"), "{error}");
    assert!(
        error.contains("could not decide: while running `git ls-remote`: it failed, and says above why\n"),
        "{error}"
    );
    world.git(&["remote", "remove", "other"]);
    review.approves(&words);
}

#[test]
fn what_this_clone_lacks_has_to_be_fetched() {
    let review = Review::new();
    let world = &review.world;
    // Another clone of Alice's, which Bob's knows nothing of.
    let elsewhere = world.path("elsewhere");
    let server = world.server();
    world.git_in(&world.path("home"), &["clone", "-q", server.to_str().unwrap(), elsewhere.to_str().unwrap()]);
    let alice = ["-c", "user.name=Alice Example", "-c", "user.email=alice@example.com"];
    world.git_in(&elsewhere, &[&alice[..], &["commit", "-q", "--allow-empty", "-m", "Three"]].concat());
    world.git_in(&elsewhere, &["push", "-q", "origin", "main"]);
    let third = world.git_in(&elsewhere, &["rev-parse", "main"]);
    let error = review.refuses(&[&third, "--for", "main", "--as", "bob", "--yes"]);
    assert!(error.contains(&format!("error: this clone has no commit `{third}`\n")), "{error}");
    assert!(error.contains("hint: fetch it first: git fetch origin\n"), "{error}");
    let error = review.refuses(&["topic", "--for", "main", "--as", "bob", "--yes"]);
    assert!(error.contains(&format!("error: refs/heads/main is {third} at origin, which this clone lacks")), "{error}");
    assert!(error.contains("\nhint: git fetch origin refs/heads/main\n"), "{error}");
    world.git(&["fetch", "-q", "origin", "refs/heads/main"]);
    let (out, error) = review.approves(&["topic", "--for", "main", "--as", "bob", "--dry-run"]);
    assert!(out.contains(&format!("it brings 1 commit over {}", &third[..7])), "{out}");
    assert!(error.contains("warning: refs/heads/main has 1 commit that it lacks\n"), "{error}");
    world.git_in(&server, &["update-ref", "-d", MAIN]);
    let (out, _) = review.approves(&["topic", "--for", MAIN, "--as", "bob", "--dry-run"]);
    assert!(out.contains("nothing is at origin; it brings 2 commits:\n"), "{out}");
    assert!(out.contains("it changes 3 paths, 4 lines added, 0 removed:\n"), "against nothing at all: {out}");
}

#[test]
fn nothing_else_is_pushed_with_it_whatever_the_configuration_says() {
    let review = Review::new();
    let world = &review.world;
    world.git(&["tag", "-a", "-m", "mine", "private", "topic"]);
    for (setting, value) in [("push.followTags", "true"), ("push.default", "matching"), ("tag.gpgSign", "false")] {
        world.git(&["config", setting, value]);
    }
    let replaced = objects::unsigned(world, &[&review.main], "another");
    world.git(&["replace", &review.topic, &replaced]);
    let (out, _) = review.approves(&["topic", "--for", "main", "--as", "bob", "--yes"]);
    assert!(out.contains("\n  \"Two\"\n"), "what is signed, not what replaces it here: {out}");
    let names: Vec<_> = world.refs().into_keys().collect();
    assert_eq!(names, [&format!("refs/{}", review.name_of(MAIN, "bob")), MAIN, "refs/heads/topic"]);
}

#[test]
fn it_works_from_a_linked_work_tree_and_on_a_named_repository() {
    let review = Review::new();
    let world = &review.world;
    let linked = world.path("linked");
    world.git(&["worktree", "add", "-q", "--detach", linked.to_str().unwrap(), "main"]);
    let mut command = world.command(env!("CARGO_BIN_EXE_countersign"), &linked);
    command.args(["approve", "topic", "--for", "main", "--as", "bob", "--yes"]);
    run_well(command, b"");
    let mut command = world.command(env!("CARGO_BIN_EXE_countersign"), &world.path("home"));
    command.env("GIT_DIR", world.server());
    command.args(["approve", "topic", "--for", "main", "--as", "robert", "--yes", "--repo"]).arg(world.clone_path());
    run_well(command, b"");
    for signer in ["bob", "robert"] {
        review.expect_approval(&review.name_of(MAIN, signer), &Certificates::default());
    }
}

#[test]
fn programs_read_one_value() {
    let review = Review::new();
    let words = ["topic", "--for", "main", "--as", "bob", "--format", "json"];
    let json = |more: &[&str]| -> serde_json::Value {
        serde_json::from_str(&review.approves(&[&words[..], more].concat()).0).unwrap()
    };
    let tried = json(&["--dry-run"]);
    let name = format!("refs/{}", review.name_of(MAIN, "bob"));
    let expected = serde_json::json!({
        "schema": 1, "ref": MAIN, "commit": review.topic, "signer": "bob", "remote": "origin", "present": review.main,
        "commits": 1, "own": [], "paths": 3, "approval": name, "tag": null, "pushed": false, "commands": tried["commands"],
    });
    assert_eq!(tried, expected);
    assert_eq!(tried["commands"].as_array().unwrap().len(), 3);
    review.refuses(&words);
    let done = json(&["--yes"]);
    assert_eq!((&done["pushed"], &done["commands"]), (&true.into(), &serde_json::json!([])));
    assert_eq!(done["tag"].as_str(), review.world.refs().get(&name).map(String::as_str));
    assert_eq!(ObjectId::from_hex(review.topic.as_bytes()).unwrap().format(), ObjectFormat::Sha1);
}

#[test]
fn a_shallow_clone_says_that_it_does_not_see_all() {
    let review = Review::new();
    let world = &review.world;
    let shallow = world.path("shallow");
    let url = format!("file://{}", world.server().display());
    world.git_in(
        &world.path("home"),
        &["clone", "-q", "--depth=1", "--no-single-branch", &url, shallow.to_str().unwrap()],
    );
    let mut command = world.command(env!("CARGO_BIN_EXE_countersign"), &shallow);
    command.args(["approve", "origin/topic", "--for", "main", "--as", "bob", "--dry-run"]);
    let (status, _, error) = told(&run(command, b""));
    assert_eq!(status, 0, "{error}");
    assert!(error.contains("warning: history is cut off in this clone: it may bring more than is listed\n"), "{error}");
}

#[test]
fn whoever_reviews_an_emergency_sees_all_that_it_brought() {
    let review = Review::new();
    let Review { world, main, topic } = &review;
    world.git(&["push", "-q", "origin", "topic:main"]);
    let (out, error) = review.approves(&[topic, "--for", MAIN, "--settles", "7", "--over", main, "--yes"]);
    let before = format!("it brought 1 commit over {}, which {MAIN} was before:\n", &main[..7]);
    assert!(
        out.contains(&before) && out.contains("it changes 3 paths, ") && !error.contains("warning:"),
        "{out}{error}"
    );
    // Without it, what was there before is not known.
    world.git(&["push", "-q", "origin", &format!(":refs/{}", review.name_of(MAIN, "bob@example.com"))]);
    let (out, _) = review.approves(&[topic, "--for", MAIN, "--settles", "7", "--yes"]);
    assert!(out.contains(&format!("{MAIN} has it already; this commit alone:\n")), "{out}");
}

#[test]
fn whoever_reviews_that_a_ref_went_back_sees_what_it_no_longer_holds() {
    let review = Review::new();
    let Review { world, main, topic } = &review;
    // What is gone is Bob's own: nothing is wrong with that.
    commit(world, "Three", &[("README", b"three\n")]);
    let gone = world.git(&["rev-parse", "HEAD"]);
    let (out, error) = review.approves(&[main, "--for", MAIN, "--settles", "7", "--over", &gone, "--yes"]);
    let before = format!("it took 2 commits away from {MAIN}, which was {} before:\n  {}", &gone[..7], &gone[..7]);
    assert!(out.contains(&before) && out.contains(&format!("\n  {}", &topic[..7])), "{out}");
    assert!(out.contains("it changes 3 paths, ") && !error.contains("warning:"), "{out}{error}");
}

#[test]
fn what_a_ref_held_before_has_to_be_here() {
    let review = Review::new();
    let absent = "0123456789abcdef0123456789abcdef01234567";
    let error = review.refuses(&[&review.topic, "--for", MAIN, "--settles", "7", "--over", absent, "--yes"]);
    assert!(
        error.contains(&format!("no commit `{absent}`, which the ref held before\nhint: fetch first; ")),
        "{error}"
    );
}
