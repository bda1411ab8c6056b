//! `make bench`: how much longer a push takes with the hook than without it. Pairs of pushes in turn, each a cold process
//! and a fresh repository; what counts is the ratio of the medians. `BENCH="--pairs 15"` for more of them.
#![allow(missing_docs, clippy::unwrap_used, clippy::panic, clippy::indexing_slicing, clippy::as_conversions)]
#![allow(clippy::disallowed_methods, clippy::print_stdout)]

#[path = "../corpora/mod.rs"]
mod corpora;

use corpora::Corpus;
use std::{
    fs,
    os::unix::fs::PermissionsExt,
    path::{Path, PathBuf},
    process::{Command, ExitCode, Stdio},
    time::Instant,
};

const COMMITS: usize = 10_000;
/// What is left to the rival that takes ten milliseconds a commit.
const FEW_COMMITS: usize = 1_000;
const PAIRS: usize = 5;

/// The most that the first row may show.
const BAR: f64 = 3.0;

fn main() -> ExitCode {
    let pairs = argument("--pairs").unwrap_or(PAIRS);
    let stage = Stage::new(Corpus::ssh(COMMITS));
    println!(
        "{COMMITS} commits signed with ssh-ed25519, pushed over file:// into an empty repository; medians of {pairs}\n"
    );
    println!("{:<42} {:>9} {:>9} {:>7} {:>10}", "", "without", "with", "ratio", "cpu ratio");
    let ratio = stage.compare("this hook, 10,000 commits", Hook::Countersign, COMMITS, pairs);
    println!("{:>69}\n", format!("at most {BAR:.1}"));
    stage.compare("this hook, 1,000 commits", Hook::Countersign, FEW_COMMITS, pairs);
    stage.compare("shell hook, git verify-commit, 1,000", Hook::Shell, FEW_COMMITS, pairs.min(3));
    stage.compare("this hook, 1 commit", Hook::Countersign, 1, pairs);
    println!("\nOn a machine that is busy otherwise, only the ratio of processor time says something.");
    if ratio > BAR { ExitCode::FAILURE } else { ExitCode::SUCCESS }
}

/// What a push took, in seconds.
#[derive(Clone, Copy)]
struct Cost {
    elapsed: f64,
    /// Of all processes together, in steps of a hundredth.
    processor: f64,
}

fn argument(name: &str) -> Option<usize> {
    let mut arguments = std::env::args().skip_while(|argument| argument != name);
    arguments.next()?;
    Some(arguments.next().unwrap_or_default().parse().unwrap_or_else(|_| panic!("{name} takes a number")))
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Hook {
    None,
    Countersign,
    /// What people write themselves.
    Shell,
}

struct Stage {
    folder: tempfile::TempDir,
    corpus: Corpus,
}

impl Stage {
    fn new(corpus: Corpus) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let stage = Self { folder, corpus };
        fs::create_dir_all(stage.path("etc")).unwrap();
        let copied =
            stage.command("cp").arg("-r").arg(stage.corpus.registry()).arg(stage.path("etc/registry")).status();
        assert!(copied.unwrap().success(), "the registry could not be copied");
        fs::write(
            stage.path("etc/policy.toml"),
            "version = 1\nunmatched-refs = \"refuse\"\n[[rule]]\nname = \"main\"\nrefs = [\"refs/heads/main\"]\n\
             signatures = { commits = \"all\" }\n[ledger]\npath = \"ledger\"\n",
        )
        .unwrap();
        stage.make_ledger();
        stage
    }

    /// A ledger as it is after the first push to another repository: every push that is timed finds it so.
    fn make_ledger(&self) {
        self.push_to(&self.path("first.git"), Hook::Countersign, 1);
        fs::rename(self.path("etc/ledger"), self.path("made")).unwrap();
    }

    fn put_ledger_back(&self) {
        drop(fs::remove_dir_all(self.path("etc/ledger")));
        let copy = self.command("cp").arg("-a").arg(self.path("made")).arg(self.path("etc/ledger")).status();
        assert!(copy.unwrap().success(), "the ledger could not be copied");
    }

    /// Prints one row, and returns the ratio of the medians.
    fn compare(&self, what: &str, hook: Hook, commits: usize, pairs: usize) -> f64 {
        let (mut without, mut with) = (Vec::new(), Vec::new());
        self.push(Hook::None, commits);
        for _ in 0..pairs {
            without.push(self.push(Hook::None, commits));
            with.push(self.push(hook, commits));
        }
        let ratio = |of: fn(&Cost) -> f64| median(&with, of) / median(&without, of).max(0.01);
        let (elapsed, processor) = (ratio(|cost| cost.elapsed), ratio(|cost| cost.processor));
        let seconds = |costs: &[Cost]| median(costs, |cost| cost.elapsed);
        println!("{what:<42} {:>7.3} s {:>7.3} s {elapsed:>7.2} {processor:>10.2}", seconds(&without), seconds(&with));
        elapsed
    }

    /// Pushes so many commits into a repository of its own.
    fn push(&self, hook: Hook, commits: usize) -> Cost {
        self.put_ledger_back();
        self.push_to(&self.path("server.git"), hook, commits)
    }

    fn push_to(&self, server: &Path, hook: Hook, commits: usize) -> Cost {
        self.git(&["init", "--quiet", "--bare", server.to_str().unwrap()]);
        match hook {
            Hook::None => {}
            Hook::Countersign => self.install(server),
            Hook::Shell => self.install_shell_hook(server),
        }
        let tip = &self.corpus.commits[commits - 1];
        let mut push = self.command("git");
        push.args(["push", "--quiet", &format!("file://{}", server.display()), &format!("{tip}:refs/heads/main")]);
        push.current_dir(self.corpus.repository());
        let (begin, before) = (Instant::now(), processor_time());
        let pushed = push.output().unwrap();
        let cost = Cost { elapsed: begin.elapsed().as_secs_f64(), processor: processor_time() - before };
        assert!(pushed.status.success(), "the push was refused: {}", String::from_utf8_lossy(&pushed.stderr));
        let reference = fs::read_to_string(server.join("refs/heads/main")).unwrap();
        assert_eq!(reference.trim(), tip);
        fs::remove_dir_all(server).unwrap();
        cost
    }

    fn install(&self, server: &Path) {
        let mut install = self.command(&format!("{}/install.sh", env!("CARGO_MANIFEST_DIR")));
        install.args(["--server", "plain", "--binary", env!("CARGO_BIN_EXE_countersign"), "--repos"]).arg(server);
        install.arg("--prefix").arg(self.folder.path()).arg("--config").arg(self.path("etc"));
        assert!(install.stdout(Stdio::null()).status().unwrap().success(), "install.sh failed");
    }

    fn install_shell_hook(&self, server: &Path) {
        let hook = server.join("hooks/pre-receive");
        let signers = self.path("etc/registry/allowed_signers");
        fs::create_dir_all(server.join("hooks")).unwrap();
        let script = format!(
            "#!/bin/sh\nwhile read -r old new name; do\n  for commit in $(git rev-list \"$new\" --not --all); do\n    \
             git -c gpg.ssh.allowedSignersFile='{}' verify-commit \"$commit\" 2>/dev/null || exit 1\n  done\ndone\n",
            signers.display()
        );
        fs::write(&hook, script).unwrap();
        fs::set_permissions(&hook, fs::Permissions::from_mode(0o755)).unwrap();
    }

    fn git(&self, arguments: &[&str]) {
        assert!(self.command("git").args(arguments).status().unwrap().success(), "git {arguments:?}");
    }

    /// A program that sees nothing of whoever runs this.
    fn command(&self, program: &str) -> Command {
        let mut command = Command::new(program);
        for (name, _) in std::env::vars_os().filter(|(name, _)| name.to_string_lossy().starts_with("GIT_")) {
            command.env_remove(name);
        }
        command.env("HOME", self.folder.path()).env("GIT_CONFIG_NOSYSTEM", "1").env("GIT_CONFIG_GLOBAL", "/dev/null");
        command
    }

    fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }
}

fn median(costs: &[Cost], of: fn(&Cost) -> f64) -> f64 {
    let mut seconds: Vec<f64> = costs.iter().map(of).collect();
    seconds.sort_by(f64::total_cmp);
    seconds[seconds.len() / 2]
}

/// What children that have ended used, and theirs, in seconds (proc_pid_stat(5), cutime and cstime).
fn processor_time() -> f64 {
    let stat = fs::read_to_string("/proc/self/stat").unwrap();
    let after_name = stat.rsplit_once(") ").unwrap().1;
    let fields: Vec<&str> = after_name.split(' ').collect();
    let ticks: f64 = fields[13..15].iter().map(|field| field.parse::<f64>().unwrap()).sum();
    ticks / 100.0
}
