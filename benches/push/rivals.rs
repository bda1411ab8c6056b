//! What people use otherwise, on the same commits, if it is installed.

use crate::{
    corpora::Corpus,
    measure::{Cost, median},
    process::Process,
    stage::{SIGNED, Site, Stage, succeeds},
    table::{Form, Table},
};
use std::{
    fs,
    path::Path,
    process::{Command, Stdio},
};

/// They take milliseconds a commit.
const FEW: usize = 100;
const MANY: usize = 10_000;
const RUNS: usize = 3;

/// Prints seconds for 1,000 commits.
pub fn print(stage: &Stage, program: &Path, form: Form) {
    println!(
        "\nSeconds for 1,000 commits, and of processor time; medians of {RUNS}, over {FEW} commits, ours over {MANY}\n"
    );
    let table = Table::new(form, &[("", 36), ("ssh-ed25519", 20), ("OpenPGP ed25519", 20), ("OpenPGP rsa4096", 20)]);
    let few = [Corpus::ssh(FEW), Corpus::openpgp(FEW), Corpus::rsa(FEW)].map(|corpus| Rival::new(stage, corpus));
    let row = |name: &str, cells: [String; 3]| table.print([vec![name.to_owned()], cells.to_vec()].concat());
    row("shell loop, git verify-commit", few.each_ref().map(|rival| rival.time(Rival::verify_commit)));
    row("git log --format=%G?", few.each_ref().map(|rival| rival.time(Rival::log)));
    let many = [Corpus::ssh(MANY), Corpus::openpgp(MANY), Corpus::rsa(MANY)];
    row(
        "the process of this hook",
        many.each_ref().map(|corpus| {
            let site = Site::new(stage, program, &corpus.registry(), SIGNED);
            let hook = Process::new(stage, &site, corpus);
            shown((0..RUNS).map(|_| hook.once()).collect(), MANY)
        }),
    );
}

struct Rival<'a> {
    stage: &'a Stage,
    corpus: Corpus,
    home: std::path::PathBuf,
}

impl<'a> Rival<'a> {
    fn new(stage: &'a Stage, corpus: Corpus) -> Self {
        let home = stage.fresh("home");
        fs::create_dir(&home).unwrap();
        fs::set_permissions(&home, std::os::unix::fs::PermissionsExt::from_mode(0o700)).unwrap();
        let rival = Self { stage, corpus, home };
        for certificate in fs::read_dir(rival.corpus.registry().join("openpgp")).unwrap() {
            succeeds(rival.command("gpg").args(["--batch", "--quiet", "--import"]).arg(certificate.unwrap().path()));
        }
        rival
    }

    fn command(&self, program: &str) -> Command {
        let mut command = self.stage.command(program);
        command.current_dir(self.corpus.repository()).env("GNUPGHOME", &self.home);
        command
    }

    /// As people write a hook.
    fn verify_commit(&self) {
        let script = "for commit in $(git rev-list \"$1\"); do git -c gpg.ssh.allowedSignersFile=\"$2\" verify-commit \"$commit\" \
                      || exit 1; done";
        let mut shell = self.command("sh");
        shell.args(["-c", script, "sh", self.tip()]).arg(self.corpus.registry().join("allowed_signers"));
        succeeds(&mut shell);
    }

    fn log(&self) {
        let mut git = self.command("git");
        let signers = self.corpus.registry().join("allowed_signers");
        git.arg("-c").arg(format!("gpg.ssh.allowedSignersFile={}", signers.display()));
        let output = git.args(["log", "--format=%G?", self.tip()]).stderr(Stdio::null()).output().unwrap();
        let letters = String::from_utf8(output.stdout).unwrap();
        assert!(letters.lines().count() == FEW && letters.lines().all(|letter| letter == "G" || letter == "U"));
    }

    fn tip(&self) -> &str {
        self.corpus.commits.last().unwrap()
    }

    fn time(&self, what: fn(&Self)) -> String {
        shown((0..RUNS).map(|_| Cost::of(|| what(self))).collect(), FEW)
    }
}

fn shown(costs: Vec<Cost>, commits: usize) -> String {
    let thousand = |of: fn(&Cost) -> f64| median(costs.iter().map(of).collect()) * 1e3 / commits as f64;
    format!("{:.2} ({:.2})", thousand(|cost| cost.elapsed), thousand(|cost| cost.processor))
}
