//! `doctor` on real repositories, in the very situations that it is to name; and what a push comes to in each.

mod exposition;
mod gaps;
mod servers;
mod situations;

use crate::support::{World, keys, objects, run, run_well, set_mode};
use serde_json::Value;
use std::{
    collections::BTreeSet,
    fs,
    os::unix::fs::MetadataExt,
    path::{Path, PathBuf},
    process::Command,
};

/// An installation by `install.sh`, below a temporary folder, with one repository, in which `main` takes what is signed.
struct Site {
    world: World,
}

impl Site {
    fn new() -> Self {
        Self::of_format("sha1")
    }

    fn of_format(format: &str) -> Self {
        let site = Self { world: World::of_format(format) };
        // The program that is tested is large; what is copied about stands for it.
        site.write_program(&site.world.path("countersign"), &site.program_script());
        fs::create_dir(site.world.path("srv")).unwrap();
        set_mode(&site.world.path("srv"), 0o755);
        site.bare("project.git", format);
        site.install();
        site
    }

    fn program_script(&self) -> String {
        format!("#!/bin/sh\nexec '{}' \"$@\"\n", env!("CARGO_BIN_EXE_countersign"))
    }

    fn write_program(&self, path: &Path, script: &str) {
        fs::write(path, script).unwrap();
        set_mode(path, 0o755);
    }

    fn bare(&self, name: &str, format: &str) -> PathBuf {
        let path = self.world.path("srv").join(name);
        fs::create_dir_all(&path).unwrap();
        let format = format!("--object-format={format}");
        self.world.git_in(&path, &["init", "--quiet", "--bare", "--template=", "--initial-branch=main", &format]);
        for (name, value) in [
            ("receive.fsckObjects", "true"),
            ("receive.maxInputSize", "1g"),
            ("receive.denyDeleteCurrent", "ignore"),
            ("core.fsync", "none"),
        ] {
            self.world.git_in(&path, &["config", name, value]);
        }
        path
    }

    fn install(&self) {
        let mut command = self.world.command(root().join("install.sh"), &self.world.path(""));
        command.args(["--server", "plain", "--no-timer", "--repos"]).arg(self.world.path("srv"));
        command.arg("--prefix").arg(self.world.path("usr")).arg("--config").arg(self.world.path("etc"));
        command.arg("--binary").arg(self.world.path("countersign"));
        command.arg("--ledger").arg(self.world.path("ledger")).arg("--log").arg(self.world.path("log"));
        run_well(command, b"");
        let manifest = self.world.path("etc/installed.toml");
        if !manifest.exists() {
            let [srv, program, policy, log] = ["srv", "usr/bin/countersign", "etc/policy.toml", "log"]
                .map(|name| format!("\"{}\"", self.world.path(name).display()));
            let text = format!(
                "version = 1\nserver = \"plain\"\nrepositories = [{srv}]\nprogram = {program}\npolicy = {policy}\nlog = {log}\n"
            );
            fs::write(&manifest, text).unwrap();
            set_mode(&manifest, 0o644);
        }
        let registry = self.world.path("etc/registry/allowed_signers");
        fs::copy(self.world.path("policy/registry/allowed_signers"), &registry).unwrap();
        set_mode(&registry, 0o644);
        self.policy(MAIN);
    }

    /// These lines, with the ledger in its place.
    fn policy(&self, text: &str) {
        let text = format!("{text}\n[ledger]\npath = \"{}\"\n", self.world.path("ledger").display());
        fs::write(self.world.path("etc/policy.toml"), text).unwrap();
        set_mode(&self.world.path("etc/policy.toml"), 0o644);
    }

    fn repository(&self) -> PathBuf {
        self.world.path("srv/project.git")
    }

    fn hook(&self) -> PathBuf {
        self.repository().join("hooks/pre-receive")
    }

    fn program(&self) -> PathBuf {
        self.world.path("usr/bin/countersign")
    }

    fn command(&self, arguments: &[&str]) -> Command {
        let mut command = self.world.command(env!("CARGO_BIN_EXE_countersign"), &self.world.path(""));
        command.arg("doctor").arg("--config").arg(self.world.path("etc")).args(arguments);
        command
    }

    /// Exit status, and what is found.
    #[track_caller]
    fn doctor(&self, arguments: &[&str]) -> Found {
        let mut command = self.command(arguments);
        let output = run(
            {
                command.args(["--format", "json"]);
                command
            },
            b"",
        );
        let told = String::from_utf8_lossy(&output.stderr).into_owned();
        let value = serde_json::from_slice(&output.stdout).unwrap_or_else(|error| panic!("{error}: {told}"));
        Found { status: output.status.code().unwrap(), value }
    }

    /// Nothing but these, which are of this severity, and the exit status that it asks for.
    #[track_caller]
    fn finds(&self, severity: &str, codes: &[&str]) -> Found {
        let found = self.doctor(&[]);
        found.is(severity, codes);
        found
    }

    fn git(&self, arguments: &[&str]) -> String {
        self.world.git_in(&self.repository(), arguments)
    }

    /// Whether the push went through, and what the pusher saw.
    fn push(&self, refspec: &str) -> (bool, String) {
        let mut command = self.world.command("git", &self.world.clone_path());
        command.arg("push").arg(self.repository()).arg(refspec);
        let output = run(command, b"");
        let told = [output.stdout, output.stderr].concat();
        (output.status.success(), String::from_utf8_lossy(&told).into_owned())
    }

    /// A good push is refused, since git or the hook says so.
    #[track_caller]
    fn refuses(&self, refspec: &str, words: &str) {
        let before = self.git(&["for-each-ref"]);
        let (accepted, told) = self.push(refspec);
        assert!(!accepted && told.contains("[remote rejected]") && told.contains(words), "{words}: {told}");
        assert_eq!(self.git(&["for-each-ref"]), before);
    }

    #[track_caller]
    fn accepts(&self, refspec: &str) {
        let (accepted, told) = self.push(refspec);
        assert!(accepted, "{told}");
    }

    fn signed(&self, parents: &[&str], message: &str) -> String {
        objects::signed(&self.world, keys::ALICE_SSH, parents, message)
    }

    /// What the ledger says, a command of it.
    #[track_caller]
    fn ledger(&self, arguments: &[&str]) -> String {
        let mut command = self.world.command(env!("CARGO_BIN_EXE_countersign"), &self.repository());
        command.args(["ledger"]).args(arguments).arg("--policy").arg(self.world.path("etc/policy.toml"));
        run_well(command, b"")
    }
}

const MAIN: &str = "version = 1\nunmatched-refs = \"accept\"\n[[rule]]\nname = \"main\"\n\
                    refs = [\"refs/heads/main\", \"refs/heads/release/**\"]\nupdates = { delete = true, force-push = true }\n\
                    signatures = { commits = \"all\" }\n";

struct Found {
    status: i32,
    value: Value,
}

impl Found {
    fn all(&self) -> impl Iterator<Item = &Value> {
        let of_site = self.value["findings"].as_array().unwrap().iter();
        let repositories = self.value["repositories"].as_array().unwrap().iter();
        of_site.chain(repositories.flat_map(|one| one["findings"].as_array().unwrap()))
    }

    fn codes(&self) -> BTreeSet<&str> {
        let bad = self.all().filter(|finding| finding["severity"] != "ok");
        bad.map(|finding| finding["code"].as_str().unwrap()).collect()
    }

    fn repository(&self) -> &Value {
        &self.value["repositories"][0]
    }

    #[track_caller]
    fn is(&self, severity: &str, codes: &[&str]) {
        assert_eq!(self.codes(), codes.iter().copied().collect(), "{:#}", self.value);
        let status = ["ok", "warning", "critical", "unknown"].iter().position(|word| *word == severity).unwrap();
        assert_eq!((self.value["status"].as_str(), self.status), (Some(severity), i32::try_from(status).unwrap()));
        for finding in self.all() {
            for key in ["what", "way-out", "place"] {
                assert!(finding[key].as_str().is_some_and(|text| !text.is_empty()), "{finding}");
            }
        }
    }
}

fn root() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR"))
}

fn is_root() -> bool {
    let root = fs::metadata("/proc/self").unwrap().uid() == 0;
    if !root {
        println!("left out: only root can give a file to another user, or mount a disk");
    }
    root
}
