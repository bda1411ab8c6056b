//! `make instructions`: how many instructions the hook executes for a push, counted by valgrind, beside what is recorded in
//! `counts.txt`. It fails for one that differs by more than 2 %; `UPDATE=1 make instructions` records them.
//!
//! What is pushed is the same every time, and so is the processor that valgrind shows to the program: the cryptography chooses
//! its code by what that can do. Counts differ by some thousandths, by the seeds of hash tables and the clock. Those of the
//! threads of one process are added up, so how they share the work makes little of a difference.
#![allow(missing_docs, clippy::unwrap_used, clippy::panic, clippy::indexing_slicing, clippy::as_conversions)]
#![allow(clippy::disallowed_methods, clippy::print_stdout)]

#[path = "../corpora/mod.rs"]
mod corpora;
#[path = "../server/mod.rs"]
mod server;

use corpora::{Corpus, Signer};
use server::Server;
use std::{
    collections::BTreeMap,
    fmt::Write as _,
    fs,
    path::Path,
    process::{Command, ExitCode},
};

const COUNTS: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/benches/instructions/counts.txt");
/// What a count may differ by.
const ALLOWED: f64 = 0.02;

const MAIN: &str = "refs/heads/main";
const POLICY: &str = "version = 1\nunmatched-refs = \"refuse\"\n[ledger]\npath = \"ledger\"\n\
                      [[rule]]\nname = \"all\"\nrefs = [\"refs/**\"]\nsignatures = { commits = \"all\" }\n";
/// When commits were signed.
const SECONDS: u32 = 1_790_000_000;

fn main() -> ExitCode {
    let counts = counts();
    if std::env::var_os("UPDATE").is_some() {
        let mut text =
            format!("# Instructions that the hook executes for a push: `make instructions`. {}\n", compiler());
        counts.iter().for_each(|(name, count)| writeln!(text, "{name}: {count}").unwrap());
        fs::write(COUNTS, text).unwrap();
    }
    let recorded =
        fs::read_to_string(COUNTS).unwrap_or_else(|_| panic!("nothing is recorded: UPDATE=1 make instructions"));
    let former: BTreeMap<&str, u64> = recorded
        .lines()
        .filter_map(|line| line.split_once(": "))
        .filter_map(|(name, count)| Some((name, count.parse().ok()?)))
        .collect();
    let mut all_same = counts.len() == former.len();
    println!("{:<44} {:>14} {:>14}", "", "recorded", "now");
    for (name, count) in counts {
        let Some(&before) = former.get(name) else {
            println!("{name:<44} {:>14} {count:>14}", "-");
            all_same = false;
            continue;
        };
        let change = count as f64 / before as f64 - 1.0;
        let is_same = change.abs() <= ALLOWED;
        println!("{name:<44} {before:>14} {count:>14} {:>+6.1} %{}", change * 100.0, if is_same { "" } else { "  !" });
        all_same &= is_same;
    }
    if all_same {
        return ExitCode::SUCCESS;
    }
    let by = recorded.lines().next().unwrap_or_default();
    println!(
        "\nThe compiler is {}; {by}\nIf this is as it should be, record it: UPDATE=1 make instructions",
        compiler()
    );
    ExitCode::FAILURE
}

fn compiler() -> String {
    let version = Command::new("rustc").arg("--version").output().unwrap().stdout;
    String::from_utf8(version).unwrap().trim().to_owned()
}

/// Each in a new server, in a folder whose name has always the same length.
fn counts() -> Vec<(&'static str, u64)> {
    let ground = tempfile::Builder::new().prefix("countersign-").tempdir_in("/tmp").unwrap();
    // What is not the same everywhere must not be in the program's path.
    let program = ground.path().join("countersign");
    fs::copy(env!("CARGO_BIN_EXE_countersign"), &program).unwrap();
    let log = ground.path().join("log");
    let counted = |status: i32| {
        let log = log.clone();
        move |command: Command, lines: &str| count(&command, lines, &log, status)
    };
    let (accepted, refused) = (counted(0), counted(1));
    let history = Corpus::unsigned(1_000);
    let new_server = || {
        let server = Server::new(&ground.path().join("server"), &program, POLICY);
        server.take_registry(&corpora::registry(10));
        server
    };
    let with_history = || {
        let server = new_server();
        server.take(&history);
        server.set_refs(&[(MAIN.to_owned(), history.tip())]);
        server
    };
    let with_ledger = || {
        let server = with_history();
        server.adopt();
        server
    };
    let tree = history.tree();
    let commit = |signer: &Signer| corpora::signed(&tree, Some(history.tip()), signer, SECONDS, 0);
    let tip = Some(history.tip());
    let mut counts = Vec::new();
    counts.push(("the version is asked for", accepted(with_ledger().program(&["--version"]), "")));
    for (name, signer) in
        [("ssh-ed25519", Signer::ssh(0)), ("openpgp ed25519", Signer::openpgp(0)), ("openpgp rsa4096", Signer::rsa(0))]
    {
        let mut server = with_ledger();
        if name == "openpgp rsa4096" {
            server.take_registry(&Corpus::rsa(1).registry());
        }
        let (_, count) = server.push_commit(MAIN, tip, &commit(&signer), &accepted);
        counts.push((name, count));
    }
    let (_, count) = with_ledger().push_commit("refs/heads/topic", None, &commit(&Signer::ssh(0)), &accepted);
    counts.push(("ssh-ed25519, a new branch", count));
    let server = with_history();
    let new = corpora::write_loose(&server.repository().join("objects"), &commit(&Signer::ssh(0)));
    let update = ["judge", MAIN, history.tip(), &new];
    counts.push(("ssh-ed25519, judged without a ledger", accepted(server.program(&update), "")));
    for (name, corpus, run) in [
        ("ssh-ed25519, 100 commits", Corpus::ssh(100), &accepted as &dyn Fn(Command, &str) -> u64),
        ("openpgp by an unknown key, refused", Corpus::rsa(1), &refused),
    ] {
        let mut server = with_ledger();
        counts.push((name, server.push_in_vain("refs/heads/other", None, &corpus, run)));
    }
    counts
}

/// Runs a command under valgrind, which must end with a status.
fn count(command: &Command, lines: &str, log: &Path, status: i32) -> u64 {
    let mut valgrind = Command::new("setarch");
    valgrind.args(["-R", "valgrind", "--tool=callgrind", "--callgrind-out-file=/dev/null"]);
    valgrind.arg(format!("--log-file={}", log.display())).arg(command.get_program()).args(command.get_args());
    valgrind.current_dir(command.get_current_dir().unwrap()).env_clear();
    valgrind.envs(command.get_envs().filter_map(|(name, value)| Some((name, value?))));
    let ended = server::start(&mut valgrind, lines).wait_with_output().unwrap();
    let told = String::from_utf8_lossy(&ended.stderr);
    assert_eq!(ended.status.code(), Some(status), "{command:?}: {told}");
    let log = fs::read_to_string(log).unwrap();
    let collected = log.lines().find_map(|line| line.split_once("Collected : ")).unwrap_or_else(|| panic!("{log}")).1;
    collected.trim().parse().unwrap()
}
