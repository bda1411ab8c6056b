//! `make bench-paths`: what a rule on paths costs over some thousand commits, beside `git diff-tree` over the same. Whole cold
//! processes in turn; medians. What counts is the ratio.
#![allow(missing_docs, clippy::unwrap_used, clippy::panic, clippy::indexing_slicing, clippy::as_conversions)]
#![allow(clippy::disallowed_methods, clippy::print_stdout)]

use std::{
    fmt::Write as _,
    fs,
    io::Write as _,
    os::unix::fs::PermissionsExt,
    path::PathBuf,
    process::{Command, Stdio},
    time::Instant,
};

const COMMITS: usize = 5_000;
/// Every so many commits, one merges a side branch of one commit.
const MERGES: usize = 10;
const RUNS: usize = 5;

fn main() {
    let stage = Stage::new();
    let tip = stage.output(&["rev-parse", "main"], "");
    let list = stage.output(&["rev-list", "main"], "");
    let git = || stage.time("git", &["diff-tree", "--stdin", "-r", "-m", "--root", "--no-renames", "--raw"], &list);
    let update = format!("{} {tip} refs/heads/main\n", "0".repeat(40));
    let judge = |policy: &str| {
        let policy = stage.folder.path().join(policy);
        stage.time(env!("CARGO_BIN_EXE_countersign"), &["judge", "--policy", policy.to_str().unwrap()], &update)
    };
    let mut rows: [Vec<f64>; 4] = Default::default();
    for _ in 0..RUNS {
        rows[0].push(git());
        rows[1].push(judge("nothing.toml"));
        rows[2].push(judge("forbid.toml"));
        rows[3].push(judge("sizes.toml"));
    }
    let medians = rows.map(|mut row| {
        row.sort_by(f64::total_cmp);
        row[RUNS / 2]
    });
    println!("{COMMITS} commits, one in {MERGES} a merge, 2,500 files in 100 folders; medians of {RUNS}\n");
    let names = ["git diff-tree -r -m", "judge, no rule on paths", "judge, paths forbidden", "judge, with sizes"];
    for (name, seconds) in names.iter().zip(medians) {
        println!("{name:<26} {seconds:>7.3} s {:>6.2}", seconds / medians[0]);
    }
}

struct Stage {
    folder: tempfile::TempDir,
}

impl Stage {
    fn new() -> Self {
        let stage = Self { folder: tempfile::tempdir().unwrap() };
        let write = |name: &str, text: &str| {
            fs::write(stage.folder.path().join(name), text).unwrap();
            fs::set_permissions(stage.folder.path().join(name), fs::Permissions::from_mode(0o644)).unwrap();
        };
        fs::create_dir(stage.folder.path().join("registry")).unwrap();
        let rule =
            "version = 1\nunmatched-refs = \"refuse\"\n[[rule]]\nname = \"main\"\nrefs = [\"refs/heads/main\"]\n";
        // Also without a rule on paths, commits are walked and read.
        write("nothing.toml", &format!("{rule}signatures = {{ commits = \"all\", unsigned = \"accept\" }}\n"));
        write("forbid.toml", &format!("{rule}paths = [{{ match = [\"**/*.pem\", \"infra/**\"], forbid = true }}]\n"));
        write("sizes.toml", &format!("{rule}paths = [{{ match = [\"**\"], max-size = \"1 MiB\" }}]\n"));
        stage.output(&["init", "-q", "--bare", "-b", "main", "."], "");
        stage.output(&["fast-import", "--quiet"], &history());
        stage
    }

    fn command(&self, program: &str, arguments: &[&str]) -> Command {
        let mut command = Command::new(program);
        command
            .args(arguments)
            .current_dir(self.repository())
            .env_clear()
            .env("PATH", std::env::var_os("PATH").unwrap());
        command.env("HOME", self.folder.path()).env("GIT_CONFIG_NOSYSTEM", "1");
        command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
        command
    }

    fn repository(&self) -> PathBuf {
        let path = self.folder.path().join("repository.git");
        fs::create_dir_all(&path).unwrap();
        path
    }

    fn output(&self, arguments: &[&str], stdin: &str) -> String {
        self.run(self.command("git", arguments), stdin)
    }

    fn run(&self, mut command: Command, stdin: &str) -> String {
        let mut child = command.spawn().unwrap();
        let (mut input, stdin) = (child.stdin.take().unwrap(), stdin.to_owned());
        let feeder = std::thread::spawn(move || drop(input.write_all(stdin.as_bytes())));
        let output = child.wait_with_output().unwrap();
        feeder.join().unwrap();
        assert!(output.status.success(), "{command:?}: {}", String::from_utf8_lossy(&output.stderr));
        String::from_utf8(output.stdout).unwrap().trim_end().to_owned()
    }

    fn time(&self, program: &str, arguments: &[&str], stdin: &str) -> f64 {
        let (begin, command) = (Instant::now(), self.command(program, arguments));
        self.run(command, stdin);
        begin.elapsed().as_secs_f64()
    }
}

/// Each commit changes three files of 2,500, somewhere.
fn history() -> String {
    let mut stream = String::new();
    let commit = |stream: &mut String, mark: usize, from: &[usize]| {
        write!(
            stream,
            "commit refs/heads/main\nmark :{mark}\ncommitter A <a@example.com> {} +0000\ndata 0\n",
            1_000_000 + mark
        )
        .unwrap();
        for (number, parent) in from.iter().enumerate() {
            writeln!(stream, "{} :{parent}", if number == 0 { "from" } else { "merge" }).unwrap();
        }
    };
    let file = |stream: &mut String, number: usize, content: usize| {
        let (outer, inner, name) = (number / 250, number / 25 % 10, number % 25);
        let text = format!("content {content}\n");
        write!(stream, "M 100644 inline part-{outer}/piece-{inner}/file-{name}\ndata {}\n{text}\n", text.len())
            .unwrap();
    };
    commit(&mut stream, 1, &[]);
    (0..2_500).for_each(|number| file(&mut stream, number, 0));
    for mark in 2..=COMMITS {
        let parents: &[usize] = match mark % MERGES {
            // The commit before is beside its parent, and is merged with that.
            0 if mark > MERGES => &[mark - 2, mark - 1],
            9 if mark > MERGES => &[mark - 3],
            _ => &[mark - 1],
        };
        commit(&mut stream, mark, parents);
        if mark % MERGES == 0 && mark > MERGES {
            (0..3).for_each(|at| file(&mut stream, ((mark - 1) * 997 + at * 331) % 2_500, mark - 1));
            continue;
        }
        (0..3).for_each(|at| file(&mut stream, (mark * 997 + at * 331) % 2_500, mark));
    }
    stream
}
