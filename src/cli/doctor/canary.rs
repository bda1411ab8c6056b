//! A push that has to be refused, made for real: the only proof that git runs the hook, and that the hook decides.

use super::{examined::Canary, finding::Finding, settings::shell_word};
use crate::{
    Undecided,
    cli::site::{Account, Server},
    git::{Quarantine, Repository},
    policy::canary::BELOW,
    push::{ObjectFormat, RefName},
};
use std::{
    ffi::{OsStr, OsString},
    fs::{self, File},
    io::Read,
    os::unix::fs::{DirBuilderExt, symlink},
    path::{Path, PathBuf},
    process::{Command, Stdio},
    thread,
    time::{Duration, Instant},
};

/// A hook has 50 seconds, and another may run beside it.
const LONGEST: Duration = Duration::from_secs(180);

/// Bytes that are read of what git says.
const LARGEST: u64 = 64 * 1024;

/// Whom the canary's commit is by: nobody.
const NOBODY: &[(&str, &str)] = &[
    ("GIT_AUTHOR_NAME", "countersign doctor"),
    ("GIT_AUTHOR_EMAIL", "doctor@countersign.invalid"),
    ("GIT_COMMITTER_NAME", "countersign doctor"),
    ("GIT_COMMITTER_EMAIL", "doctor@countersign.invalid"),
];

/// Pushes a canary to a repository, as its owner, and says what came of it. `hook`: its hook file. Gitaly alone runs the hooks of
/// GitLab: there git is told to run that file, so that it shows how the hook decides, and not whether Gitaly runs it.
pub(super) fn push(repository: &Path, owner: &Account, server: Server, hook: &Path) -> (Canary, Vec<Finding>) {
    match pushed(repository, owner, server, hook) {
        Ok(told) => judge(repository, owner, &told),
        Err(undecided) => (Canary::NotPushed, vec![not_pushed(repository, &undecided.to_string())]),
    }
}

/// What came of the push.
struct Told {
    name: RefName,
    nonce: String,
    said: String,
}

fn judge(repository: &Path, owner: &Account, told: &Told) -> (Canary, Vec<Finding>) {
    let Told { name, nonce, said } = told;
    let there = Repository::open(repository, &Quarantine::default())
        .and_then(|opened| opened.ref_values(std::slice::from_ref(name)));
    let mut found = Vec::new();
    match there {
        Ok(there) if there.is_empty() => {}
        Ok(_) => {
            let gone = git(owner, repository, &["update-ref", "-d", &name.to_string()]).is_ok();
            let (what, way_out) = match gone {
                true => ("and was deleted again", "see which hook git runs there".to_owned()),
                false => (
                    "and could not be deleted",
                    format!("git --git-dir {} update-ref -d {name}", shell_word(repository)),
                ),
            };
            let what = format!("a push that must be refused was let in as {name}, {what}: git runs no hook of ours");
            found.push(Finding::critical("canary-accepted", repository, what, way_out));
            return (Canary::NotRefused, found);
        }
        Err(undecided) => {
            found.push(not_pushed(repository, &undecided.to_string()));
            return (Canary::NotPushed, found);
        }
    }
    if said.contains(&format!("refuses the canary `{nonce}`")) {
        return (Canary::Refused, found);
    }
    let lines = last_lines(said);
    if said.contains("[remote rejected]") {
        let what = format!("a canary was refused, and not as one: {lines}");
        let way_out = "mend what it says; every push may be refused so";
        found.push(Finding::critical("canary-refused-otherwise", repository, what, way_out));
        return (Canary::NotRefused, found);
    }
    found.push(not_pushed(repository, &lines));
    (Canary::NotPushed, found)
}

fn not_pushed(repository: &Path, why: &str) -> Finding {
    let what = format!("a canary could not be pushed: {why}");
    Finding::unknown(
        "canary-failed",
        repository,
        what,
        "run doctor as root, or as the repository's owner, where git works",
    )
}

fn pushed(repository: &Path, owner: &Account, server: Server, hook: &Path) -> Result<Told, Undecided> {
    let nonce = nonce()?;
    let name = RefName::new(format!("{BELOW}{nonce}").as_bytes())
        .ok_or_else(|| Undecided::server("making a canary", "its name is no ref's"))?;
    let folder = Folder::new(&nonce)?;
    let format =
        Repository::open(repository, &Quarantine::default()).map_or(ObjectFormat::Sha1, |opened| opened.format());
    let format = match format {
        ObjectFormat::Sha1 => "--object-format=sha1",
        ObjectFormat::Sha256 => "--object-format=sha256",
    };
    let from = folder.0.join("from.git");
    run(command(owner).args(["init", "-q", "--bare", "--template=", format]).arg(&from))?;
    let tree = git(owner, &from, &["mktree"])?;
    let commit = git(owner, &from, &["commit-tree", "-m", "A canary, which is refused", &tree])?;
    let mut push = command(owner);
    push.env("GIT_DIR", &from).args(["push", "--porcelain"]);
    if server == Server::Gitlab {
        let hooks = folder.0.join("hooks");
        let made = fs::create_dir(&hooks).and_then(|()| symlink(hook, hooks.join("pre-receive")));
        made.map_err(|error| Undecided::server(format!("making `{}`", hooks.display()), error))?;
        let mut program = OsString::from("--receive-pack=git -c core.hooksPath=");
        program.push(shell_word(&hooks));
        program.push(" receive-pack");
        push.arg(program);
    }
    push.arg(repository).arg(format!("{commit}:{name}"));
    let said = ended(&mut push, &folder.0.join("said"))?;
    Ok(Told { name, nonce, said })
}

/// What git prints in a repository, without the last newline.
fn git(owner: &Account, repository: &Path, words: &[&str]) -> Result<String, Undecided> {
    run(command(owner).env("GIT_DIR", repository).args(words))
}

/// Git with nothing of our environment but where programs are: as a server starts it.
fn command(owner: &Account) -> Command {
    let mut command = owner.command(OsStr::new("git"));
    command.env("LC_ALL", "C").env("GIT_TERMINAL_PROMPT", "0").envs(NOBODY.iter().copied()).stdin(Stdio::null());
    command
}

fn run(command: &mut Command) -> Result<String, Undecided> {
    let failed = |why: String| Undecided::server("making a canary", why);
    let output = command.output().map_err(|error| failed(error.to_string()))?;
    match output.status.success() {
        true => Ok(String::from_utf8_lossy(&output.stdout).trim_end().to_owned()),
        false => Err(failed(last_lines(&String::from_utf8_lossy(&output.stderr)))),
    }
}

/// Waits for a push, and reads what it and the server said. One that hangs is ended.
fn ended(push: &mut Command, said: &Path) -> Result<String, Undecided> {
    let failed = |error: std::io::Error| Undecided::server("pushing a canary", error);
    let file = File::create(said).map_err(failed)?;
    let mut child = push.stdout(file.try_clone().map_err(failed)?).stderr(file).spawn().map_err(failed)?;
    let begin = Instant::now();
    while child.try_wait().map_err(failed)?.is_none() {
        if begin.elapsed() > LONGEST {
            let _ = child.kill();
            let _ = child.wait();
            return Err(Undecided::server("pushing a canary", "it did not end in three minutes"));
        }
        thread::sleep(Duration::from_millis(20));
    }
    let mut bytes = Vec::new();
    File::open(said).and_then(|file| file.take(LARGEST).read_to_end(&mut bytes)).map_err(failed)?;
    Ok(String::from_utf8_lossy(&bytes).into_owned())
}

/// What it comes to, on one line.
fn last_lines(said: &str) -> String {
    let lines: Vec<_> = said.lines().map(str::trim).filter(|line| !line.is_empty()).collect();
    let from = lines.len().saturating_sub(4);
    lines.get(from..).unwrap_or_default().join(" / ")
}

/// A word that nobody can have pushed before.
fn nonce() -> Result<String, Undecided> {
    let mut bytes = [0; 16];
    let read = File::open("/dev/urandom").and_then(|mut file| file.read_exact(&mut bytes));
    read.map_err(|error| Undecided::server("reading /dev/urandom", error))?;
    Ok(bytes.iter().map(|byte| format!("{byte:02x}")).collect())
}

/// A folder of the owner's, gone when dropped.
struct Folder(PathBuf);

impl Folder {
    fn new(nonce: &str) -> Result<Self, Undecided> {
        let path = std::env::temp_dir().join(format!("countersign-canary-{nonce}"));
        let made = fs::DirBuilder::new().mode(0o700).create(&path);
        made.map_err(|error| Undecided::server(format!("making `{}`", path.display()), error))?;
        Ok(Self(path))
    }
}

impl Drop for Folder {
    fn drop(&mut self) {
        // What is left is empty repositories in a folder for such.
        let _ = fs::remove_dir_all(&self.0);
    }
}
