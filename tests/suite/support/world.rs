//! A server with the hook, and a clone.

use super::{is_told, keys, outcome::Pushed, phrase_of, run, run_well, set_mode};
use std::{
    collections::{BTreeMap, BTreeSet},
    fs,
    path::{Path, PathBuf},
    process::Command,
};

/// A folder with a bare repository, its policy and registry, and a clone; gone when dropped.
pub struct World {
    folder: tempfile::TempDir,
    sha256: bool,
}

impl World {
    /// No policy yet. In the registry: Alice and Bob (ssh), Dave and Erin (openpgp).
    pub fn new() -> Self {
        Self::of_format("sha1")
    }

    pub fn of_format(format: &str) -> Self {
        let world =
            Self { folder: tempfile::Builder::new().prefix("w-").tempdir().unwrap(), sha256: format == "sha256" };
        // Whatever the umask of whoever runs the tests.
        set_mode(world.folder.path(), 0o755);
        for name in ["home", "policy"] {
            fs::create_dir(world.path(name)).unwrap();
            set_mode(&world.path(name), 0o755);
        }
        world.make_repository(&world.server(), "bare = true");
        world.make_repository(&world.clone_path().join(".git"), "bare = false");
        let config = format!(
            "[user]\n\tname = Alice Example\n\temail = alice@example.com\n\tsigningkey = {}\n[gpg]\n\tformat = ssh\n\
             [remote \"origin\"]\n\turl = {}\n\tfetch = +refs/heads/*:refs/remotes/origin/*\n",
            keys::signing_key(keys::ALICE_SSH),
            world.server().display()
        );
        append(&world.clone_path().join(".git/config"), &config);
        // Or git keeps `main` from being deleted before a rule can.
        append(&world.server().join("config"), "[receive]\n\tdenyDeleteCurrent = ignore\n");
        world.install_hook();
        world.default_registry();
        world
    }

    /// What `git init` makes (gitrepository-layout(5)), without starting it.
    fn make_repository(&self, folder: &Path, setting: &str) {
        for name in ["objects/info", "objects/pack", "refs/heads", "refs/tags"] {
            fs::create_dir_all(folder.join(name)).unwrap();
        }
        set_mode(folder, 0o755);
        fs::write(folder.join("HEAD"), "ref: refs/heads/main\n").unwrap();
        let version = match self.sha256 {
            false => "\trepositoryformatversion = 0\n",
            true => "\trepositoryformatversion = 1\n[extensions]\n\tobjectformat = sha256\n[core]\n",
        };
        fs::write(folder.join("config"), format!("[core]\n{version}\tfilemode = true\n\tfsync = none\n\t{setting}\n"))
            .unwrap();
    }

    fn install_hook(&self) {
        fs::create_dir_all(self.server().join("hooks")).unwrap();
        let hook = self.server().join("hooks/pre-receive");
        let script = format!(
            "#!/bin/sh\ncat >'{lines}'\n'{program}' hook pre-receive --policy '{policy}' --log '{log}' <'{lines}'\nstatus=$?\n\
             echo $status >'{status}'\nexit $status\n",
            lines = self.path("lines").display(),
            program = env!("CARGO_BIN_EXE_countersign"),
            policy = self.policy_path().display(),
            status = self.path("status").display(),
            log = self.path("log").display(),
        );
        fs::write(&hook, script).unwrap();
        set_mode(&hook, 0o755);
    }

    fn default_registry(&self) {
        let line = |name| format!("{} {}\n", keys::user_id(name), keys::public_ssh(name));
        self.registry(&[
            ("allowed_signers", &(line(keys::ALICE_SSH) + &line(keys::BOB_SSH))),
            ("openpgp/dave.asc", &keys::public_openpgp(keys::DAVE_OPENPGP)),
            ("openpgp/erin.asc", &keys::public_openpgp(keys::ERIN_OPENPGP)),
        ]);
    }

    pub fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    pub fn server(&self) -> PathBuf {
        self.path("server.git")
    }

    pub fn clone_path(&self) -> PathBuf {
        self.path("clone")
    }

    pub fn policy_path(&self) -> PathBuf {
        self.path("policy/policy.toml")
    }

    pub fn registry_path(&self) -> PathBuf {
        self.path("policy/registry")
    }

    pub fn is_sha256(&self) -> bool {
        self.sha256
    }

    /// The id of an object that is not there.
    pub fn null(&self) -> String {
        "0".repeat(if self.sha256 { 64 } else { 40 })
    }

    /// Git knows this tree without having it stored.
    pub fn empty_tree(&self) -> &'static str {
        match self.sha256 {
            false => "4b825dc642cb6eb9a060e54bf8d69288fbee4904",
            true => "6ef19b41225c5369f1c104d45d8d85efa9b057b53b14b4b9b939dd74decc5321",
        }
    }

    /// A program in a folder, with nothing of this process's environment but the way to programs.
    pub fn command(&self, program: impl AsRef<std::ffi::OsStr>, folder: &Path) -> Command {
        let mut command = Command::new(program);
        command.current_dir(folder).env_clear().env("PATH", std::env::var_os("PATH").unwrap());
        command.env("HOME", self.path("home")).env("GNUPGHOME", keys::gnupg_home()).env("LC_ALL", "C");
        command.env("GIT_CONFIG_NOSYSTEM", "1").env("GIT_CONFIG_GLOBAL", "/dev/null").env("GIT_TERMINAL_PROMPT", "0");
        command.env("GIT_EDITOR", "true");
        command
    }

    /// Git in the clone; what it prints.
    #[track_caller]
    pub fn git(&self, arguments: &[&str]) -> String {
        self.git_in(&self.clone_path(), arguments)
    }

    #[track_caller]
    pub fn git_in(&self, folder: &Path, arguments: &[&str]) -> String {
        let mut command = self.command("git", folder);
        command.args(arguments);
        run_well(command, b"")
    }

    /// Whom the clone's git signs as.
    pub fn work_as(&self, key: &str) {
        let owner = keys::user_id(key);
        let name = owner.split('@').next().unwrap();
        let name = name[..1].to_uppercase() + &name[1..] + " Example";
        let format = if keys::is_openpgp(key) { "openpgp" } else { "ssh" };
        for (setting, value) in [
            ("user.name", &*name),
            ("user.email", &owner),
            ("gpg.format", format),
            ("user.signingkey", &keys::signing_key(key)),
        ] {
            self.git(&["config", setting, value]);
        }
    }

    /// Its ledger is in the world's folder.
    pub fn policy(&self, text: &str) {
        let text = text.replace("/var/lib/countersign", "../ledger");
        let says = text.contains("[ledger]") || text.contains("ledger = ");
        let ledger = if says { "" } else { "\n[ledger]\npath = \"../ledger\"\n" };
        fs::write(self.policy_path(), text + ledger).unwrap();
        set_mode(&self.policy_path(), 0o644);
    }

    /// As if nothing had been recorded so far.
    pub fn forget(&self) {
        drop(fs::remove_dir_all(self.path("ledger")));
    }

    /// A rule `main` for the branch `main`, with these lines, and nothing else.
    pub fn policy_for_main(&self, lines: &str) {
        self.policy(&format!(
            "version = 1\nunmatched-refs = \"accept\"\n\n[[rule]]\nname = \"main\"\nrefs = [\"refs/heads/main\"]\n{lines}\n"
        ));
    }

    /// A new one in which all commits of `main` must be signed.
    pub fn with_signed_main() -> Self {
        let world = Self::new();
        world.signed_main();
        world
    }

    /// All commits of `main` must be signed.
    pub fn signed_main(&self) {
        self.policy_for_main("signatures = { commits = \"all\" }");
    }

    /// A rule `tags` for tags, with these lines, and nothing else.
    pub fn policy_for_tags(&self, lines: &str) {
        self.policy(&format!(
            "version = 1\nunmatched-refs = \"accept\"\n\n[[rule]]\nname = \"tags\"\nrefs = [\"refs/tags/**\"]\n{lines}\n"
        ));
    }

    /// These files are the registry, and nothing else.
    pub fn registry(&self, files: &[(&str, &str)]) {
        let folder = self.registry_path();
        if folder.exists() {
            fs::remove_dir_all(&folder).unwrap();
        }
        fs::create_dir(&folder).unwrap();
        set_mode(&folder, 0o755);
        for (name, text) in files {
            let path = folder.join(name);
            let parent = path.parent().unwrap();
            fs::create_dir_all(parent).unwrap();
            set_mode(parent, 0o755);
            fs::write(&path, text).unwrap();
            set_mode(&path, 0o644);
        }
    }

    /// The server's refs, full name to id. Broken ones are left out.
    pub fn refs(&self) -> BTreeMap<String, String> {
        let listed = self.git_in(&self.server(), &["for-each-ref", "--format=%(refname) %(objectname)"]);
        listed.lines().filter_map(|line| line.split_once(' ')).map(|(name, id)| (name.into(), id.into())).collect()
    }

    /// Pushes from the clone through the hook.
    pub fn push(&self, refspecs: &[&str]) -> Pushed {
        self.push_with(&[], refspecs)
    }

    pub fn push_with(&self, options: &[&str], refspecs: &[&str]) -> Pushed {
        self.push_from(&self.clone_path(), options, refspecs)
    }

    pub fn push_from(&self, folder: &Path, options: &[&str], refspecs: &[&str]) -> Pushed {
        let mut command = self.command("git", folder);
        command.arg("push").args(options).arg(self.server()).args(refspecs);
        self.pushed_by(command)
    }

    /// What comes of a command that pushes.
    pub fn pushed_by(&self, command: Command) -> Pushed {
        for left in ["status", "lines", "log"] {
            drop(fs::remove_file(self.path(left)));
        }
        let before = self.refs();
        let output = run(command, b"");
        let text = [output.stdout, output.stderr].concat();
        Pushed {
            succeeded: output.status.success(),
            output: String::from_utf8_lossy(&text).into_owned(),
            hook: fs::read_to_string(self.path("status")).ok().map(|status| status.trim().parse().unwrap()),
            before,
            after: self.refs(),
        }
    }

    /// As a forge does that changes refs beside the hooks.
    #[track_caller]
    pub fn push_without_hook(&self, refspecs: &[&str]) {
        let pushed = self.push_with(&["--receive-pack=git -c core.hooksPath=/dev/null receive-pack"], refspecs);
        assert!(pushed.succeeded, "{}", pushed.output);
    }

    /// Pushes what must be let in without a word.
    #[track_caller]
    pub fn accepts(&self, refspecs: &[&str]) -> Pushed {
        let pushed = self.push(refspecs);
        pushed.expect_accepted();
        pushed
    }

    /// Pushes what must be refused for these reasons and no other: the message says so in words, `judge` by their names,
    /// and the server is as before.
    #[track_caller]
    pub fn refuses(&self, refspecs: &[&str], reasons: &[&str]) -> Pushed {
        let pushed = self.refuses_in_words(refspecs, reasons);
        self.judge_refuses(reasons);
        pushed
    }

    #[track_caller]
    fn judge_refuses(&self, reasons: &[&str]) {
        let (verdict, found) = self.judge_again();
        let expected: BTreeSet<String> = reasons.iter().map(|&reason| reason.to_owned()).collect();
        assert_eq!((&*verdict, found), ("refused", expected));
    }

    /// As [`Self::refuses`] a new ref, for objects in the clone that git's own checks would keep from the hook.
    #[track_caller]
    pub fn refuses_unsent(&self, id: &str, name: &str, reasons: &[&str]) {
        fs::write(self.path("lines"), format!("{} {id} {name}\n", self.null())).unwrap();
        self.judge_refuses(reasons);
    }

    /// As [`Self::refuses`], where `judge` cannot see what the hook saw.
    #[track_caller]
    pub fn refuses_in_words(&self, refspecs: &[&str], reasons: &[&str]) -> Pushed {
        let pushed = self.push(refspecs);
        self.was_refused(&pushed, reasons);
        pushed
    }

    #[track_caller]
    pub fn was_refused(&self, pushed: &Pushed, reasons: &[&str]) {
        assert!(!pushed.succeeded && pushed.hook == Some(1), "{:?} {}", pushed.hook, pushed.output);
        assert_eq!(pushed.before, pushed.after, "{}", pushed.output);
        let told = pushed.told();
        assert!(told.contains("error: refs/") && told.contains("policy: "), "{told}");
        for reason in reasons {
            assert!(is_told(&told, reason), "`{}` is missing:\n{told}", phrase_of(reason));
        }
    }

    /// What `judge` says of the last push, which was refused: its verdict, and the reasons of all that refuses.
    pub fn judge_again(&self) -> (String, BTreeSet<String>) {
        let (verdict, refusing, _) = self.judge_all();
        (verdict, refusing)
    }

    /// Also the reasons of all that warns. Of a push that was accepted, this sees the refs as they are since.
    pub fn judge_all(&self) -> (String, BTreeSet<String>, BTreeSet<String>) {
        let lines = fs::read(self.path("lines")).unwrap();
        let mirror = self.mirror();
        let mut command = self.command(env!("CARGO_BIN_EXE_countersign"), &mirror);
        command.args(["judge", "--format", "json", "--policy"]).arg(self.policy_path()).arg("--repo").arg(&mirror);
        let output = run(command, &lines);
        let verdict: serde_json::Value = serde_json::from_slice(&output.stdout)
            .unwrap_or_else(|error| panic!("{error}: {}", String::from_utf8_lossy(&output.stderr)));
        let word = verdict["verdict"].as_str().unwrap().to_owned();
        (word, reasons_of(&verdict, "refuses").collect(), reasons_of(&verdict, "warns").collect())
    }

    #[allow(dead_code, reason = "the scenarios use it")]
    /// The reasons that the hook itself found for the last push, of one effect; `judge` knows nothing of who pushed.
    pub fn found_by_hook(&self, effect: &str) -> BTreeSet<String> {
        let log = fs::read_to_string(self.path("log")).unwrap_or_default();
        let mut reasons = BTreeSet::new();
        for line in log.lines().filter_map(|line| line.find("{\"").map(|at| &line[at..])) {
            let verdict: serde_json::Value = serde_json::from_str(line).unwrap();
            reasons.extend(reasons_of(&verdict, effect));
        }
        reasons
    }

    /// The server's refs, under its name, with the objects of both sides: `judge` sees no quarantine.
    fn mirror(&self) -> PathBuf {
        let mirror = self.path("mirror/server.git");
        drop(fs::remove_dir_all(&mirror));
        fs::create_dir_all(mirror.join("objects/info")).unwrap();
        let server = self.server();
        for name in ["HEAD", "config", "packed-refs", "shallow"] {
            if server.join(name).exists() {
                fs::copy(server.join(name), mirror.join(name)).unwrap();
            }
        }
        copy(&server.join("refs"), &mirror.join("refs"));
        let alternates =
            format!("{}\n{}\n", server.join("objects").display(), self.clone_path().join(".git/objects").display());
        fs::write(mirror.join("objects/info/alternates"), alternates).unwrap();
        mirror
    }
}

/// Why a verdict, as the program writes it, has findings of this effect.
fn reasons_of(verdict: &serde_json::Value, effect: &str) -> impl Iterator<Item = String> {
    let findings = verdict["findings"].as_array().unwrap().iter().filter(move |finding| finding["effect"] == effect);
    findings.map(|finding| finding["reason"].as_str().unwrap().to_owned())
}

fn copy(from: &Path, to: &Path) {
    if from.is_dir() {
        fs::create_dir(to).unwrap();
        for entry in fs::read_dir(from).unwrap() {
            let name = entry.unwrap().file_name();
            copy(&from.join(&name), &to.join(name));
        }
    } else {
        fs::copy(from, to).unwrap();
    }
}

pub fn append(path: &Path, text: &str) {
    let mut content = fs::read_to_string(path).unwrap_or_default();
    content.push_str(text);
    fs::write(path, content).unwrap();
}
