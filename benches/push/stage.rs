//! Repositories on a disk, the hook installed in them, and pushes.

use crate::{corpora::Corpus, measure::Cost};
use std::{
    cell::Cell,
    collections::HashSet,
    fs,
    os::unix::fs::{DirBuilderExt, PermissionsExt},
    path::{Path, PathBuf},
    process::{Command, Stdio},
    thread,
    time::Duration,
};

/// Where all of it happens: on the disk of the corpora, so that packs are linked, not copied.
pub struct Stage {
    folder: tempfile::TempDir,
    made: Cell<usize>,
}

impl Stage {
    pub fn new() -> Self {
        let folder = tempfile::tempdir_in(env!("CARGO_TARGET_TMPDIR")).unwrap();
        Self { folder, made: Cell::new(0) }
    }

    /// A path that nothing has yet.
    pub fn fresh(&self, name: &str) -> PathBuf {
        self.made.set(self.made.get() + 1);
        self.folder.path().join(format!("{name}-{}", self.made.get()))
    }

    /// A program that sees nothing of whoever runs this.
    pub fn command(&self, program: impl AsRef<Path>) -> Command {
        let mut command = Command::new(program.as_ref());
        command.env_clear().env("PATH", std::env::var_os("PATH").unwrap()).env("HOME", self.folder.path());
        command.env("GIT_CONFIG_NOSYSTEM", "1").env("GIT_CONFIG_GLOBAL", "/dev/null").stdin(Stdio::null());
        command
    }

    /// A bare repository without objects and refs.
    pub fn empty(&self) -> PathBuf {
        let repository = self.fresh("empty.git");
        let mut git = self.command("git");
        git.args(["init", "--quiet", "--bare", "--initial-branch", "main"]).arg(&repository);
        succeeds(&mut git);
        repository
    }
}

/// What judges a push.
#[derive(Clone, Copy)]
pub enum Hook<'a> {
    None,
    /// As it is installed.
    Recording(&'a Site),
    /// The same, but that nothing is recorded.
    Judging(&'a Site),
}

/// A program with its policy, registry and ledger.
pub struct Site {
    folder: PathBuf,
    program: PathBuf,
}

/// How the site's policy begins: one rule for all branches.
pub const SIGNED: &str = "version = 1\nunmatched-refs = \"refuse\"\n[[rule]]\nname = \"branches\"\nrefs = [\"refs/heads/**\"]\n\
                          signatures = { commits = \"all\" }\n";
pub const PATHS: &str = "paths = [{ match = [\"part-03/**\"], by = [\"ssh-0@example.com\"] }, \
                         { match = [\"**/*.pem\"], forbid = true }, { match = [\"**\"], max-size = \"1 MiB\" }]\n";
const LEDGER: &str = "[ledger]\npath = \"ledger\"\n";

impl Site {
    pub fn new(stage: &Stage, program: &Path, registry: &Path, policy: &str) -> Self {
        let site = Self { folder: stage.fresh("site"), program: program.to_owned() };
        copy(registry, &site.folder.join("registry"), Files::Copied);
        fs::write(site.policy(), [policy, LEDGER].concat()).unwrap();
        site.set_modes(&site.folder);
        // As installation makes it.
        fs::DirBuilder::new().mode(0o700).create(site.folder.join("ledger")).unwrap();
        // A registry that was changed just now is read whole; what is measured is one that was left alone.
        thread::sleep(Duration::from_millis(2_100));
        site
    }

    fn policy(&self) -> PathBuf {
        self.folder.join("policy.toml")
    }

    /// The program as the hook starts it.
    pub fn recording(&self, stage: &Stage) -> Command {
        let mut command = stage.command(&self.program);
        command.args(["hook", "pre-receive", "--policy"]).arg(self.policy());
        command
    }

    pub fn judging(&self, stage: &Stage) -> Command {
        let mut command = stage.command(&self.program);
        command.args(["judge", "--policy"]).arg(self.policy());
        command
    }

    /// What others may write counts for nothing, and whoever runs this may have a generous umask.
    fn set_modes(&self, folder: &Path) {
        fs::set_permissions(folder, fs::Permissions::from_mode(0o755)).unwrap();
        for entry in fs::read_dir(folder).unwrap().map(Result::unwrap) {
            match entry.file_type().unwrap().is_dir() {
                true => self.set_modes(&entry.path()),
                false => fs::set_permissions(entry.path(), fs::Permissions::from_mode(0o644)).unwrap(),
            }
        }
    }

    fn install(&self, stage: &Stage, repository: &Path) {
        let mut install = stage.command(Path::new(env!("CARGO_MANIFEST_DIR")).join("install.sh"));
        install.args(["--server", "plain", "--binary"]).arg(&self.program).arg("--repos").arg(repository);
        install.arg("--prefix").arg(&self.folder).arg("--config").arg(&self.folder).arg("--no-timer");
        succeeds(install.stdout(Stdio::null()));
    }

    fn install_judge(&self, repository: &Path) {
        let hook = repository.join("hooks/pre-receive");
        fs::create_dir_all(repository.join("hooks")).unwrap();
        // `judge` knows nothing of a quarantine.
        let script = format!(
            "#!/bin/sh\necho \"$GIT_QUARANTINE_PATH\" >objects/info/alternates\n'{}' judge --policy '{}' >&2\nstatus=$?\n\
             rm objects/info/alternates\nexit $status\n",
            self.program.display(),
            self.policy().display()
        );
        fs::write(&hook, script).unwrap();
        fs::set_permissions(&hook, fs::Permissions::from_mode(0o755)).unwrap();
    }

    /// The ledger as it was after the first push: every push that is timed finds it so.
    pub fn put_ledger_back(&self) {
        let (ledger, kept) = (self.folder.join("ledger"), self.folder.join("kept"));
        if !kept.exists() && ledger.join("ledger.sqlite").exists() {
            fs::rename(&ledger, &kept).unwrap();
        }
        if kept.exists() {
            drop(fs::remove_dir_all(&ledger));
            copy(&kept, &ledger, Files::Copied);
            fs::set_permissions(&ledger, fs::metadata(&kept).unwrap().permissions()).unwrap();
        }
    }
}

/// One and the same push, to a repository that is as it was before each time.
pub struct Push<'a> {
    stage: &'a Stage,
    corpus: &'a Corpus,
    refspecs: Vec<String>,
    hook: Hook<'a>,
    /// The repository as it was.
    template: PathBuf,
    server: PathBuf,
}

impl<'a> Push<'a> {
    /// Of the newest commit to `main`.
    pub fn of_main(stage: &'a Stage, corpus: &'a Corpus, base: &Path, hook: Hook<'a>) -> Self {
        Self::new(stage, corpus, vec![format!("{}:refs/heads/main", corpus.commits.last().unwrap())], base, hook)
    }

    pub fn new(stage: &'a Stage, corpus: &'a Corpus, refspecs: Vec<String>, base: &Path, hook: Hook<'a>) -> Self {
        let (template, server) = (stage.fresh("template.git"), stage.fresh("server.git"));
        copy(base, &template, Files::Linked);
        match hook {
            Hook::None => {}
            Hook::Recording(site) => site.install(stage, &template),
            Hook::Judging(site) => site.install_judge(&template),
        }
        let push = Self { stage, corpus, refspecs, hook, template, server };
        push.run();
        push
    }

    pub fn run(&self) -> Cost {
        match self.hook {
            Hook::None => {}
            Hook::Recording(site) | Hook::Judging(site) => site.put_ledger_back(),
        }
        copy(&self.template, &self.server, Files::Linked);
        let mut push = self.stage.command("git");
        push.args(["push", "--quiet"]).arg(format!("file://{}", self.server.display())).args(&self.refspecs);
        push.current_dir(self.corpus.repository());
        let cost = Cost::of(|| succeeds(&mut push));
        self.check_refs();
        fs::remove_dir_all(&self.server).unwrap();
        cost
    }

    fn check_refs(&self) {
        let mut git = self.stage.command("git");
        git.arg("--git-dir").arg(&self.server).args(["for-each-ref", "--format=%(objectname):%(refname)"]);
        let refs = String::from_utf8(git.output().unwrap().stdout).unwrap();
        let refs: HashSet<&str> = refs.lines().collect();
        assert!(self.refspecs.iter().all(|refspec| refs.contains(refspec.as_str())), "not all was pushed");
    }
}

#[derive(Clone, Copy, PartialEq, Eq)]
pub enum Files {
    Copied,
    /// For what is only ever replaced as a whole, as git does.
    Linked,
}

pub fn copy(from: &Path, to: &Path, files: Files) {
    fs::create_dir_all(to).unwrap();
    for entry in fs::read_dir(from).unwrap().map(Result::unwrap) {
        let target = to.join(entry.file_name());
        match files {
            _ if entry.file_type().unwrap().is_dir() => copy(&entry.path(), &target, files),
            Files::Copied => drop(fs::copy(entry.path(), target).unwrap()),
            Files::Linked => fs::hard_link(entry.path(), target).unwrap(),
        }
    }
}

pub fn succeeds(command: &mut Command) {
    let output = command.output().unwrap();
    assert!(output.status.success(), "{command:?}: {}", String::from_utf8_lossy(&output.stderr));
}
