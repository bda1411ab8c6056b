//! The hook's process alone, as git starts it, beside the program that verifies one signature.

use crate::{
    corpora::Corpus,
    measure::Cost,
    stage::{Site, Stage, succeeds},
};
use std::{
    fs::{self, File},
    path::PathBuf,
    process::{Command, Stdio},
    thread,
    time::Duration,
};

/// As git unpacks what it receives, or keeps it as a pack (git-config(1), `transfer.unpackLimit`).
const UNPACK_LIMIT: usize = 100;

/// Processor time is shown in hundredths of a second: so many runs are measured at once.
const BATCH: usize = 20;

/// The judging of a push of all of a corpus into an empty repository, whose objects are in quarantine.
pub struct Process<'a> {
    stage: &'a Stage,
    site: &'a Site,
    server: PathBuf,
    quarantine: PathBuf,
    /// What git writes to the hook.
    updates: PathBuf,
}

impl<'a> Process<'a> {
    pub fn new(stage: &'a Stage, site: &'a Site, corpus: &Corpus) -> Self {
        let server = stage.empty();
        let quarantine = server.join("objects/tmp_objdir-incoming-bench");
        fs::create_dir_all(quarantine.join("pack")).unwrap();
        let updates = stage.fresh("updates");
        let tip = corpus.commits.last().unwrap();
        fs::write(&updates, format!("{} {tip} refs/heads/main\n", "0".repeat(40))).unwrap();
        let hook = Self { stage, site, server, quarantine, updates };
        hook.receive(corpus);
        // For `judge`, which knows nothing of a quarantine.
        fs::write(hook.server.join("objects/info/alternates"), format!("{}\n", hook.quarantine.display())).unwrap();
        hook.once();
        hook
    }

    fn receive(&self, corpus: &Corpus) {
        let packs = fs::read_dir(corpus.repository().join("objects/pack")).unwrap();
        let pack =
            packs.map(|entry| entry.unwrap().path()).find(|path| path.extension().is_some_and(|it| it == "pack"));
        let mut git = self.stage.command("git");
        match corpus.commits.len() {
            ..UNPACK_LIMIT => git.args(["unpack-objects", "-q"]),
            _ => git.args(["index-pack", "--stdin"]),
        };
        succeeds(self.environment(&mut git).stdin(File::open(pack.unwrap()).unwrap()));
    }

    fn environment<'b>(&self, command: &'b mut Command) -> &'b mut Command {
        command.current_dir(&self.server).env("GIT_DIR", ".").env("GIT_QUARANTINE_PATH", &self.quarantine);
        command.env("GIT_OBJECT_DIRECTORY", &self.quarantine);
        command.env("GIT_ALTERNATE_OBJECT_DIRECTORIES", self.server.join("objects"))
    }

    fn command(&self, start: fn(&Site, &Stage) -> Command) -> Command {
        self.site.put_ledger_back();
        let mut hook = start(self.site, self.stage);
        self.environment(&mut hook).stdin(File::open(&self.updates).unwrap());
        hook
    }

    /// One of [`BATCH`] runs.
    pub fn recording(&self) -> Cost {
        batch(|| self.command(Site::recording))
    }

    /// One of [`BATCH`] runs that record nothing.
    pub fn judging(&self) -> Cost {
        batch(|| self.command(Site::judging))
    }

    pub fn once(&self) -> Cost {
        let mut command = self.command(Site::recording);
        Cost::of(|| succeeds(&mut command))
    }

    /// Of one run: the most anonymous memory that it was seen to have, in bytes (proc_pid_status(5), RssAnon).
    pub fn memory(&self) -> u64 {
        let mut child = self.command(Site::recording).stderr(Stdio::null()).spawn().unwrap();
        let status = format!("/proc/{}/status", child.id());
        let mut most = 0;
        let ended = loop {
            if let Some(ended) = child.try_wait().unwrap() {
                break ended;
            }
            let status = fs::read_to_string(&status).unwrap_or_default();
            let kilobytes = status.lines().find_map(|line| line.strip_prefix("RssAnon:")?.trim().strip_suffix(" kB"));
            most = most.max(kilobytes.map_or(0, |kilobytes| kilobytes.parse().unwrap()));
            thread::sleep(Duration::from_millis(1));
        };
        assert!(ended.success() && most > 0);
        most * 1024
    }
}

/// `ssh-keygen` or `gpgv` on the signature of a corpus's last commit.
pub struct Verifier<'a> {
    stage: &'a Stage,
    program: &'static str,
    arguments: Vec<PathBuf>,
    payload: PathBuf,
}

impl<'a> Verifier<'a> {
    pub fn ssh_keygen(stage: &'a Stage, corpus: &Corpus) -> Self {
        let (payload, signature) = parts(stage, corpus);
        let mut arguments: Vec<PathBuf> =
            ["-Y", "verify", "-n", "git", "-I", "ssh-0@example.com", "-s"].map(PathBuf::from).into();
        arguments.extend([signature, "-f".into(), corpus.registry().join("allowed_signers")]);
        Self { stage, program: "ssh-keygen", arguments, payload }
    }

    pub fn gpgv(stage: &'a Stage, corpus: &Corpus) -> Self {
        let (payload, signature) = parts(stage, corpus);
        let certificate = fs::read_dir(corpus.registry().join("openpgp")).unwrap().next().unwrap().unwrap().path();
        let keyring = stage.fresh("keyring");
        // gpgv reads no armor.
        succeeds(
            stage.command("gpg").args(["--batch", "--quiet", "--dearmor", "--output"]).arg(&keyring).arg(certificate),
        );
        let arguments = vec!["--quiet".into(), "--keyring".into(), keyring, signature, payload.clone()];
        Self { stage, program: "gpgv", arguments, payload }
    }

    /// One of [`BATCH`] runs.
    pub fn verifying(&self) -> Cost {
        batch(|| {
            let mut command = self.stage.command(self.program);
            command.args(&self.arguments).stdin(File::open(&self.payload).unwrap());
            command
        })
    }
}

fn batch(command: impl Fn() -> Command) -> Cost {
    let runs = |elapsed: f64| {
        let mut command = command();
        elapsed + Cost::of(|| succeeds(&mut command)).elapsed
    };
    let mut elapsed = 0.0;
    let all = Cost::of(|| elapsed = (0..BATCH).fold(0.0, |elapsed, _| runs(elapsed)));
    Cost { elapsed: elapsed / BATCH as f64, processor: all.processor / BATCH as f64 }
}

/// What was signed, and the signature (gitformat-signature(5)).
fn parts(stage: &Stage, corpus: &Corpus) -> (PathBuf, PathBuf) {
    let mut git = stage.command("git");
    git.args(["cat-file", "commit", corpus.commits.last().unwrap()]).current_dir(corpus.repository());
    let commit = String::from_utf8(git.output().unwrap().stdout).unwrap();
    let (before, rest) = commit.split_once("gpgsig ").unwrap();
    let (signature, after) = rest.split_once("\n\n").unwrap();
    let write = |name: &str, text: String| {
        let path: PathBuf = stage.fresh(name);
        fs::write(&path, text).unwrap();
        path
    };
    let signature = write("signature", signature.replace("\n ", "\n") + "\n");
    (write("payload", format!("{before}\n{after}")), signature)
}
