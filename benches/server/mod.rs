//! A repository with policy, registry and ledger, whose hook is run as git runs it: the parts of git-receive-pack(1) that the
//! hook sees, without git itself, so that nothing else is measured.

#![allow(dead_code, reason = "each benchmark uses some of it")]

use crate::corpora::{self, Corpus};
use std::{
    ffi::OsStr,
    fmt::Write as _,
    fs,
    io::Write as _,
    path::{Path, PathBuf},
    process::{Child, Command, Stdio},
    thread,
    time::Duration,
};

const NONE: &str = "0000000000000000000000000000000000000000";

/// Where the repository is in the server's folder.
pub const REPOSITORY: &str = "server.git";

pub struct Server {
    folder: PathBuf,
    program: PathBuf,
    pushes: usize,
}

/// Runs a command with these lines on standard input.
pub type Run<'a, T> = &'a dyn Fn(Command, &str) -> T;

impl Server {
    /// In a folder which is emptied.
    pub fn new(folder: &Path, program: &Path, policy: &str) -> Self {
        if folder.exists() {
            fs::remove_dir_all(folder).unwrap();
        }
        let server = Self { folder: folder.to_owned(), program: program.to_owned(), pushes: 0 };
        fs::create_dir_all(server.repository()).unwrap();
        let mut init = server.command("git");
        init.args(["init", "--quiet", "--bare", "--initial-branch=main", "."]);
        assert!(init.status().unwrap().success(), "git init");
        fs::create_dir(folder.join("etc")).unwrap();
        fs::write(folder.join("etc/policy.toml"), policy).unwrap();
        server
    }

    pub fn repository(&self) -> PathBuf {
        self.folder.join(REPOSITORY)
    }

    /// Gives the server a registry: a copy of it.
    pub fn take_registry(&self, kept: &Path) {
        let place = self.folder.join("etc/registry");
        drop(fs::remove_dir_all(&place));
        copy(kept, &place);
        // What was changed just now is read anew by each push: what is measured is a registry that was left alone.
        thread::sleep(Duration::from_millis(2_100));
    }

    /// Gives the server a ledger: a copy of it.
    pub fn take_ledger(&self, kept: &Path) {
        copy(kept, &self.ledger());
    }

    /// Gives the repository a history.
    pub fn take(&self, history: &Corpus) {
        history.link_into(&self.repository().join("objects"));
    }

    /// Sets refs as `git pack-refs` leaves them. `refs` is sorted.
    pub fn set_refs(&self, refs: &[(String, &str)]) {
        let mut lines = String::from("# pack-refs with: peeled fully-peeled sorted \n");
        refs.iter().for_each(|(name, value)| writeln!(lines, "{value} {name}").unwrap());
        fs::write(self.repository().join("packed-refs"), lines).unwrap();
    }

    /// Has the ledger receive what is there.
    pub fn adopt(&self) {
        let adopted = self.program(&["ledger", "adopt", "--all", "--yes"]).output().unwrap();
        assert!(adopted.status.success(), "adopt: {}", String::from_utf8_lossy(&adopted.stderr));
    }

    /// Pushes one commit to a ref, which then has it, and returns its id, and what running the hook came to.
    pub fn push_commit<T>(&mut self, name: &str, old: Option<&str>, commit: &str, run: Run<'_, T>) -> (String, T) {
        let quarantine = self.quarantine();
        let new = corpora::write_loose(&quarantine, commit);
        let line = format!("{} {new} {name}\n", old.unwrap_or(NONE));
        let came = self.judge(&quarantine, &line, run);
        // Git tells of a change after it has made it.
        move_objects(&quarantine, &self.repository().join("objects"));
        let reference = self.repository().join(name);
        fs::create_dir_all(reference.parent().unwrap()).unwrap();
        fs::write(reference, format!("{new}\n")).unwrap();
        accepts(self.hook("post-receive"), &line);
        (new, came)
    }

    /// Pushes a history to a ref, and has it all as it was before, the ledger included.
    pub fn push_in_vain<T>(&mut self, name: &str, old: Option<&str>, history: &Corpus, run: Run<'_, T>) -> T {
        let quarantine = self.quarantine();
        history.link_into(&quarantine);
        let saved = self.folder.join("saved");
        copy(&self.ledger(), &saved);
        let came = self.judge(&quarantine, &format!("{} {} {name}\n", old.unwrap_or(NONE), history.tip()), run);
        fs::remove_dir_all(self.ledger()).unwrap();
        fs::rename(saved, self.ledger()).unwrap();
        fs::remove_dir_all(quarantine).unwrap();
        came
    }

    fn quarantine(&mut self) -> PathBuf {
        self.pushes += 1;
        let quarantine = self.repository().join(format!("objects/tmp_objdir-incoming-{:06}", self.pushes));
        fs::create_dir(&quarantine).unwrap();
        quarantine
    }

    /// Runs the hook as git-receive-pack(1) does.
    fn judge<T>(&self, quarantine: &Path, lines: &str, run: Run<'_, T>) -> T {
        let mut hook = self.hook("pre-receive");
        hook.env("GIT_QUARANTINE_PATH", quarantine).env("GIT_OBJECT_DIRECTORY", quarantine);
        hook.env("GIT_ALTERNATE_OBJECT_DIRECTORIES", self.repository().join("objects"));
        run(hook, lines)
    }

    fn hook(&self, name: &str) -> Command {
        let mut hook = self.program(&["hook", name]);
        hook.env("GIT_DIR", ".");
        hook
    }

    /// The program, in the repository, with its policy.
    pub fn program(&self, arguments: &[&str]) -> Command {
        let mut command = self.command(&self.program);
        command.args(arguments).arg("--policy").arg(self.folder.join("etc/policy.toml"));
        command
    }

    fn ledger(&self) -> PathBuf {
        self.folder.join("etc/ledger")
    }

    /// In the repository, seeing nothing of whoever runs this.
    fn command(&self, program: impl AsRef<OsStr>) -> Command {
        let mut command = Command::new(program);
        command.current_dir(self.repository()).env_clear().env("PATH", std::env::var_os("PATH").unwrap());
        command.env("HOME", &self.folder).env("GIT_CONFIG_NOSYSTEM", "1").env("GIT_CONFIG_GLOBAL", "/dev/null");
        command
    }
}

/// Runs a hook that must accept.
pub fn accepts(mut hook: Command, lines: &str) {
    let running = start(&mut hook, lines);
    let ended = running.wait_with_output().unwrap();
    assert!(ended.status.success(), "{hook:?}: {}", String::from_utf8_lossy(&ended.stderr));
}

/// Starts it, and writes its input; what it answers is less than a pipe holds.
pub fn start(hook: &mut Command, lines: &str) -> Child {
    let mut running = hook.stdin(Stdio::piped()).stdout(Stdio::null()).stderr(Stdio::piped()).spawn().unwrap();
    running.stdin.take().unwrap().write_all(lines.as_bytes()).unwrap();
    running
}

fn move_objects(from: &Path, to: &Path) {
    for folder in fs::read_dir(from).unwrap() {
        let folder = folder.unwrap();
        let to = to.join(folder.file_name());
        fs::create_dir_all(&to).unwrap();
        for object in fs::read_dir(folder.path()).unwrap() {
            let object = object.unwrap();
            fs::rename(object.path(), to.join(object.file_name())).unwrap();
        }
    }
    fs::remove_dir_all(from).unwrap();
}

fn copy(from: &Path, to: &Path) {
    assert!(
        Command::new("cp").arg("-a").args([from, to]).status().unwrap().success(),
        "{} could not be copied",
        from.display()
    );
}
