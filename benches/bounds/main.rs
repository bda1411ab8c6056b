//! `make bench-bounds`: what objects at or beyond the bounds cost, beside what git takes to read them (`git cat-file`) and
//! to verify them (`git verify-commit`, with ssh-keygen). Whole cold processes in turn; medians.
#![allow(missing_docs, clippy::unwrap_used, clippy::panic, clippy::indexing_slicing, clippy::as_conversions)]
#![allow(clippy::disallowed_methods, clippy::print_stdout)]

use std::{
    fs,
    io::Write,
    path::{Path, PathBuf},
    process::{Command, Output, Stdio},
    time::Instant,
};

const RUNS: usize = 7;
const MIB: usize = 1 << 20;

fn main() {
    let stage = Stage::new();
    let headers = "tree 4b825dc642cb6eb9a060e54bf8d69288fbee4904\nauthor A <a@example.com> 1700000000 +0000\n\
                   committer A <a@example.com> 1700000000 +0000\n";
    let signed = |message: &[u8]| {
        let payload = [headers.as_bytes(), b"\n", message].concat();
        let header = format!("gpgsig {}\n", stage.sign(&payload).trim_end().replace('\n', "\n "));
        [headers.as_bytes(), header.as_bytes(), b"\n", message].concat()
    };
    let with = |lines: &str| format!("{headers}{lines}\nx\n").into_bytes();
    let armor = |line: &str, length: usize| {
        format!("gpgsig -----BEGIN SSH SIGNATURE-----\n {}\n -----END SSH SIGNATURE-----\n", line.repeat(length))
    };
    println!("{:<44} {:>10} {:>10} {:>12} {:>8}", "medians, in ms", "cat-file", "verify-c.", "countersign", "status");
    for (what, object) in [
        ("a signed commit", signed(b"x\n")),
        ("a signature of 8 MiB, one line", with(&armor("A", 8 * MIB))),
        ("a signature of 8 MiB, 2 bytes a line", with(&armor("A\n ", 8 * MIB / 3))),
        ("1,000 signature headers", with(&armor("AAAA", 100).repeat(1000))),
        ("8 MiB of headers of 2 bytes", with(&"x\n".repeat(4 * MIB))),
        ("a header continued over 8 MiB of lines", with(&format!("x y\n{}", " \n".repeat(4 * MIB)))),
        ("a signed message of 16 MiB", signed(&text(16 * MIB))),
        ("a signed message of 32 MiB", signed(&text(32 * MIB))),
        ("a signed message of 64 MiB", signed(&text(64 * MIB))),
        ("a message of 130 MiB, which is not read", [headers.as_bytes(), b"\n", &text(130 * MIB)].concat()),
    ] {
        stage.row(what, &object);
    }
}

fn text(length: usize) -> Vec<u8> {
    let mut text = b"All work and no play makes a long message.\n".repeat(length / 43 + 1);
    text.truncate(length);
    text
}

struct Stage {
    folder: tempfile::TempDir,
}

impl Stage {
    fn new() -> Self {
        let stage = Self { folder: tempfile::tempdir().unwrap() };
        fs::create_dir(stage.path("registry")).unwrap();
        let key = stage.path("key");
        stage.run("ssh-keygen", &["-q", "-t", "ed25519", "-N", "", "-f", key.to_str().unwrap()], b"");
        let public = fs::read_to_string(stage.path("key.pub")).unwrap();
        fs::write(stage.path("registry/allowed_signers"), format!("a@example.com {public}")).unwrap();
        stage.run("git", &["init", "--quiet", "--bare", "repository"], b"");
        stage
    }

    fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    fn sign(&self, payload: &[u8]) -> String {
        let key = self.path("key");
        let output = self.run("ssh-keygen", &["-Y", "sign", "-n", "git", "-f", key.to_str().unwrap()], payload);
        String::from_utf8(output.stdout).unwrap()
    }

    fn run(&self, program: &str, arguments: &[&str], input: &[u8]) -> Output {
        let mut command = Command::new(program);
        command.args(arguments).current_dir(self.folder.path());
        command.env("GIT_CONFIG_NOSYSTEM", "1").env("GIT_CONFIG_GLOBAL", "/dev/null").env("HOME", self.folder.path());
        command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
        let mut child = command.spawn().unwrap();
        let mut stdin = child.stdin.take().unwrap();
        std::thread::scope(|scope| {
            scope.spawn(move || drop(stdin.write_all(input)));
            child.wait_with_output().unwrap()
        })
    }

    fn row(&self, what: &str, object: &[u8]) {
        let repository = self.path("repository");
        let repository = repository.to_str().unwrap();
        let id = self.store(Path::new(repository), object);
        let registry = self.path("registry");
        let signers = format!("gpg.ssh.allowedSignersFile={}/allowed_signers", registry.display());
        let programs: [(&str, Vec<&str>); 3] = [
            ("git", vec!["-C", repository, "cat-file", "commit", &id]),
            ("git", vec!["-C", repository, "-c", &signers, "verify-commit", &id]),
            (
                env!("CARGO_BIN_EXE_countersign"),
                vec![
                    "verify",
                    "--format",
                    "porcelain",
                    "--repo",
                    repository,
                    "--registry",
                    registry.to_str().unwrap(),
                    &id,
                ],
            ),
        ];
        let mut taken = [const { Vec::new() }; 3];
        let mut status = String::new();
        for _ in 0..RUNS {
            for (times, (program, arguments)) in taken.iter_mut().zip(&programs) {
                // Git takes half a minute for some of them.
                if times.last().is_some_and(|&taken| taken > 2000.0) {
                    continue;
                }
                let begin = Instant::now();
                let output = self.run(program, arguments, b"");
                times.push(begin.elapsed().as_secs_f64() * 1000.0);
                status = String::from_utf8_lossy(&output.stdout).split(' ').nth(1).unwrap_or("-").to_owned();
            }
        }
        let median = |times: &mut Vec<f64>| {
            times.sort_by(f64::total_cmp);
            times[times.len() / 2]
        };
        let [read, verified, ours] = taken.each_mut().map(median);
        println!("{what:<44} {read:>10.1} {verified:>10.1} {ours:>12.1} {status:>10}");
    }

    /// As a loose object (gitrepository-layout(5)), whatever git thinks of it.
    fn store(&self, repository: &Path, object: &[u8]) -> String {
        let path = self.path("object");
        fs::write(&path, object).unwrap();
        let arguments = ["hash-object", "-w", "--literally", "-t", "commit", path.to_str().unwrap()];
        let output = self.run("git", &[&["-C", repository.to_str().unwrap()], &arguments[..]].concat(), b"");
        let id = String::from_utf8(output.stdout).unwrap().trim().to_owned();
        assert!(!id.is_empty(), "{}", String::from_utf8_lossy(&output.stderr));
        id
    }
}
