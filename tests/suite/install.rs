//! install.sh on real repositories, with real pushes through what it installs.

use crate::support::{World, keys, objects, run, set_mode};
use std::{
    collections::BTreeMap,
    fs,
    os::unix::fs::{MetadataExt, PermissionsExt, symlink},
    path::{Path, PathBuf},
    process::Command,
};

const FORMER: &str = "hooks/pre-receive.before-countersign";

/// A server's file system, below a temporary folder: repositories, prefix, configuration.
pub struct Site {
    pub world: World,
}

impl Site {
    pub fn new() -> Self {
        let site = Self { world: World::new() };
        fs::create_dir(site.repositories()).unwrap();
        // The program that is tested is large; what is copied about stands for it.
        let script = format!("#!/bin/sh\nexec '{}' \"$@\"\n", env!("CARGO_BIN_EXE_countersign"));
        write_program(&site.world.path("countersign"), &script);
        site
    }

    pub fn repositories(&self) -> PathBuf {
        self.world.path("srv")
    }

    pub fn policy(&self) -> PathBuf {
        self.world.path("etc/policy.toml")
    }

    pub fn bare(&self, name: &str) -> PathBuf {
        let path = self.repositories().join(name);
        fs::create_dir_all(&path).unwrap();
        self.world.git_in(&path, &["init", "--quiet", "--bare", "--template=", "--initial-branch=main"]);
        path
    }

    /// A bare repository with an administrator's hook, which notes what it reads and exits as the file `theirs` says.
    pub fn bare_with_hook(&self, name: &str) -> PathBuf {
        let path = self.bare(name);
        fs::create_dir_all(path.join("hooks")).unwrap();
        let script = format!(
            "#!/bin/sh\ncat >'{0}/seen'\necho theirs >&2\nexit $(cat '{0}/theirs')\n",
            self.world.path("").display()
        );
        fs::write(self.world.path("theirs"), "0").unwrap();
        write_program(&path.join("hooks/pre-receive"), &script);
        path
    }

    pub fn script(&self) -> Command {
        let script = Path::new(env!("CARGO_MANIFEST_DIR")).join("install.sh");
        self.world.command(script, &self.world.path(""))
    }

    /// Exit status and all that is printed.
    fn install_in(&self, repositories: &Path, more: &[&str]) -> (i32, String) {
        self.install_for("plain", repositories, more)
    }

    pub fn install_for(&self, server: &str, repositories: &Path, more: &[&str]) -> (i32, String) {
        let mut command = self.script();
        command.args(["--server", server, "--repos"]).arg(repositories);
        command.arg("--prefix").arg(self.world.path("usr")).arg("--config").arg(self.world.path("etc"));
        command.arg("--binary").arg(self.world.path("countersign")).args(more);
        command.arg("--ledger").arg(self.world.path("ledger")).arg("--no-timer");
        told(command)
    }

    pub fn install(&self, more: &[&str]) -> (i32, String) {
        self.install_in(&self.repositories(), more)
    }

    #[track_caller]
    pub fn installs(&self) -> String {
        let (status, out) = self.install(&[]);
        assert_eq!(status, 0, "{out}");
        out
    }

    /// From now on `main` takes only what registered people signed.
    pub fn protect_main(&self) {
        fs::create_dir_all(self.world.path("etc/registry")).unwrap();
        fs::copy(self.world.path("policy/registry/allowed_signers"), self.world.path("etc/registry/allowed_signers"))
            .unwrap();
        let policy = Path::new(env!("CARGO_MANIFEST_DIR")).join("policies/signed-main.toml");
        let ledger = format!("\n[ledger]\npath = \"{}\"\n", self.world.path("ledger").display());
        fs::write(self.policy(), fs::read_to_string(policy).unwrap() + &ledger).unwrap();
        for path in ["etc", "etc/registry"] {
            set_mode(&self.world.path(path), 0o755);
        }
        for path in ["etc/policy.toml", "etc/registry/allowed_signers"] {
            set_mode(&self.world.path(path), 0o644);
        }
    }

    /// Whether the push went through, and what the pusher saw.
    pub fn push(&self, commit: &str, repository: &Path, name: &str) -> (bool, String) {
        let mut command = self.world.command("git", &self.world.clone_path());
        command.arg("push").arg(repository).arg(format!("{commit}:{name}"));
        let (status, out) = told(command);
        (status == 0, out)
    }

    #[track_caller]
    pub fn judges(&self, repository: &Path) {
        let bad = objects::unsigned(&self.world, &[], "bad");
        let good = objects::signed(&self.world, keys::ALICE_SSH, &[], "good");
        let (accepted, out) = self.push(&bad, repository, "refs/heads/main");
        assert!(!accepted && out.contains("not signed"), "{out}");
        let (accepted, out) = self.push(&good, repository, "refs/heads/main");
        assert!(accepted, "{out}");
    }
}

pub fn told(command: Command) -> (i32, String) {
    let output = run(command, b"");
    let text = [output.stdout, output.stderr].concat();
    (output.status.code().unwrap(), String::from_utf8_lossy(&text).into_owned())
}

pub fn write_program(path: &Path, script: &str) {
    fs::write(path, script).unwrap();
    set_mode(path, 0o755);
}

/// Everything below a folder: mode, the file's number and time of change, content or where a link leads.
pub fn everything(folder: &Path) -> BTreeMap<PathBuf, (u32, u64, i64, Vec<u8>)> {
    let mut found = BTreeMap::new();
    let mut waiting = vec![folder.to_owned()];
    while let Some(path) = waiting.pop() {
        let entry = path.symlink_metadata().unwrap();
        let content = if entry.is_symlink() {
            fs::read_link(&path).unwrap().into_os_string().into_encoded_bytes()
        } else if entry.is_dir() {
            waiting.extend(fs::read_dir(&path).unwrap().map(|entry| entry.unwrap().path()));
            Vec::new()
        } else {
            fs::read(&path).unwrap()
        };
        found.insert(path, (entry.mode(), entry.ino(), entry.mtime_nsec() + entry.mtime() * 1_000_000_000, content));
    }
    found
}

/// As [`everything`], without what copying back and forth may change.
pub fn content(folder: &Path) -> BTreeMap<PathBuf, (u32, Vec<u8>)> {
    everything(folder).into_iter().map(|(path, (mode, _, _, content))| (path, (mode, content))).collect()
}

#[test]
fn what_it_installs_warns_first_and_refuses_once_the_policy_does() {
    let site = Site::new();
    let repository = site.bare("project.git");
    let (status, out) = site.install_in(&repository, &["--binary", env!("CARGO_BIN_EXE_countersign")]);
    assert_eq!(status, 0, "{out}");
    for path in
        ["usr/bin/countersign", "etc/policy.toml", "etc/registry/allowed_signers", "srv/project.git/hooks/pre-receive"]
    {
        assert!(site.world.path(path).is_file(), "{path}: {out}");
    }
    assert_eq!(repository.join("hooks/pre-receive").metadata().unwrap().permissions().mode() & 0o7777, 0o755);
    let unsigned = objects::unsigned(&site.world, &[], "one");
    let (accepted, out) = site.push(&unsigned, &repository, "refs/heads/dev");
    assert!(accepted && out.contains("warning: refs/heads/dev") && out.contains("not signed"), "{out}");
    site.protect_main();
    site.judges(&repository);
}

#[test]
fn every_bare_repository_below_the_folder_gets_it_whatever_its_name() {
    let site = Site::new();
    site.protect_main();
    let names =
        ["one.git", "deep/er/two words.git", "new\nline/x.git", "it's.git", "-n.git", "$(touch x).git", ".hidden/y"];
    let repositories: Vec<_> = names.iter().map(|name| site.bare(name)).collect();
    let elsewhere = site.world.path("elsewhere.git");
    fs::rename(site.bare("moved"), &elsewhere).unwrap();
    symlink(&elsewhere, site.repositories().join("linked.git")).unwrap();
    symlink(site.repositories(), site.repositories().join("circle")).unwrap();
    site.world.git_in(&site.repositories(), &["init", "--quiet", "--template=", "worktree"]);
    let out = site.installs();
    for repository in repositories.iter().chain([&elsewhere]) {
        assert!(repository.join("hooks/pre-receive").is_file(), "{}: {out}", repository.display());
    }
    assert!(!site.repositories().join("worktree/.git/hooks").exists() && out.contains("has a work tree"), "{out}");
    assert_eq!(out.lines().filter(|line| line.ends_with(": installed")).count(), names.len() + 1, "{out}");
    site.judges(&repositories[1]);
    site.judges(&repositories[3]);
}

#[test]
fn a_second_run_changes_nothing_and_says_so() {
    let site = Site::new();
    site.bare("one.git");
    site.bare_with_hook("two.git");
    site.installs();
    let before = everything(&site.world.path(""));
    let out = site.installs();
    assert!(out.ends_with("nothing to do\n"), "{out}");
    assert_eq!(out.matches("up to date").count(), 3, "{out}");
    assert_eq!(everything(&site.world.path("")), before);
}

#[test]
fn a_dry_run_says_what_would_be_done_and_changes_nothing() {
    let site = Site::new();
    site.bare("one.git");
    site.bare_with_hook("two.git");
    let before = everything(&site.world.path(""));
    let (status, out) = site.install(&["--dry-run"]);
    assert_eq!(status, 0, "{out}");
    assert_eq!(out.matches("would be").count(), 7, "{out}");
    assert_eq!(everything(&site.world.path("")), before);
    site.installs();
    let before = everything(&site.world.path(""));
    let (status, out) = site.install(&["--uninstall", "--dry-run"]);
    assert_eq!((status, out.matches("would be removed").count()), (0, 2), "{out}");
    assert_eq!(everything(&site.world.path("")), before);
}

#[test]
fn an_administrators_hook_is_kept_and_both_must_accept() {
    let site = Site::new();
    site.protect_main();
    let repository = site.bare_with_hook("project.git");
    let theirs = fs::read(repository.join("hooks/pre-receive")).unwrap();
    let out = site.installs();
    assert!(out.contains("the former hook runs after it"), "{out}");
    assert_eq!(fs::read(repository.join(FORMER)).unwrap(), theirs);
    let good = objects::signed(&site.world, keys::ALICE_SSH, &[], "good");
    let bad = objects::unsigned(&site.world, &[&good], "bad");
    let seen = || fs::read_to_string(site.world.path("seen")).ok();

    let (accepted, out) = site.push(&bad, &repository, "refs/heads/main");
    assert!(!accepted && out.contains("not signed"), "{out}");
    assert_eq!(seen(), None, "the other hook ran on what was refused");

    fs::write(site.world.path("theirs"), "1").unwrap();
    let (accepted, out) = site.push(&good, &repository, "refs/heads/main");
    assert!(!accepted && out.contains("theirs") && !out.contains("error: refs/"), "{out}");

    fs::write(site.world.path("theirs"), "0").unwrap();
    let (accepted, out) = site.push(&good, &repository, "refs/heads/main");
    assert!(accepted && out.contains("theirs"), "{out}");
    assert_eq!(seen().unwrap(), format!("{} {good} refs/heads/main\n", "0".repeat(40)));
}

#[test]
fn a_former_hook_that_is_not_executable_is_kept_and_does_not_run() {
    let site = Site::new();
    site.protect_main();
    let repository = site.bare_with_hook("project.git");
    set_mode(&repository.join("hooks/pre-receive"), 0o644);
    let before = content(&repository);
    site.installs();
    site.judges(&repository);
    assert!(!site.world.path("seen").exists());
    let (status, out) = site.install(&["--uninstall"]);
    assert_eq!(status, 0, "{out}");
    assert_eq!(
        content(&repository.join("hooks")),
        before.into_iter().filter(|(path, _)| path.starts_with(repository.join("hooks"))).collect()
    );
}

#[test]
fn uninstalling_leaves_each_repository_as_it_was() {
    let site = Site::new();
    site.bare("one.git");
    fs::create_dir(site.repositories().join("one.git/hooks")).unwrap();
    site.bare_with_hook("two.git");
    let before = content(&site.repositories());
    site.installs();
    assert_ne!(content(&site.repositories()), before);
    let policy = fs::read(site.policy()).unwrap();
    let (status, out) = site.install(&["--uninstall"]);
    assert_eq!(status, 0, "{out}");
    assert_eq!(content(&site.repositories()), before);
    assert_eq!(fs::read(site.policy()).unwrap(), policy);
    assert!(out.contains("the former hook is back") && out.contains("left in place"), "{out}");
    let (status, out) = site.install(&["--uninstall"]);
    assert_eq!((status, out.matches("not installed").count()), (0, 2), "{out}");
}

#[test]
fn a_hook_of_ours_that_somebody_changed_is_left_alone() {
    let site = Site::new();
    let repository = site.bare("project.git");
    site.installs();
    let hook = repository.join("hooks/pre-receive");
    let changed = fs::read_to_string(&hook).unwrap().replace("hook pre-receive", "hook pre-receive --deadline 20s");
    fs::write(&hook, &changed).unwrap();
    for action in [&[][..], &["--uninstall"]] {
        let (status, out) = site.install(action);
        assert_eq!(status, 1, "{out}");
        assert!(out.contains("somebody changed it") && out.contains("way out"), "{out}");
        assert_eq!(fs::read_to_string(&hook).unwrap(), changed);
    }
}

#[test]
fn a_former_hook_is_never_overwritten_by_another() {
    let site = Site::new();
    let repository = site.bare_with_hook("project.git");
    site.installs();
    // Somebody puts a hook of their own over ours.
    write_program(&repository.join("hooks/pre-receive"), "#!/bin/sh\nexit 0\n");
    let before = content(&repository);
    let (status, out) = site.install(&[]);
    assert_eq!(status, 1, "{out}");
    assert!(out.contains("a former hook is kept"), "{out}");
    assert_eq!(content(&repository), before);
}

#[test]
fn an_older_hook_of_ours_is_replaced() {
    let site = Site::new();
    site.protect_main();
    let repository = site.bare_with_hook("project.git");
    site.installs();
    let hook = repository.join("hooks/pre-receive");
    let (status, out) = site.install(&["--allow-group", "root"]);
    assert_eq!(status, 0, "{out}");
    assert!(fs::read_to_string(&hook).unwrap().contains("--allow-group 'root'"));
    assert!(repository.join(FORMER).is_file());
    site.judges(&repository);
}

#[test]
fn where_git_would_not_run_the_hook_it_is_refused_with_the_way_out() {
    let site = Site::new();
    let ordinary = site.bare("ordinary.git");
    let other = site.bare("other.git");
    site.world.git_in(&other, &["config", "core.hooksPath", "/etc/git-hooks"]);
    let before = content(&other);
    let (status, out) = site.install(&[]);
    assert_eq!(status, 1, "{out}");
    assert!(out.contains("core.hooksPath is /etc/git-hooks") && out.contains("way out"), "{out}");
    assert_eq!(content(&other), before);
    assert!(ordinary.join("hooks/pre-receive").is_file(), "{out}");
}

#[test]
fn what_others_may_share_is_refused_with_the_way_out() {
    let site = Site::new();
    let shared = site.world.path("shared");
    fs::create_dir(&shared).unwrap();
    write_program(&shared.join("pre-receive"), "#!/bin/sh\nexit 0\n");
    let (folder, file) = (site.bare("folder.git"), site.bare("file.git"));
    symlink(&shared, folder.join("hooks")).unwrap();
    fs::create_dir(file.join("hooks")).unwrap();
    symlink(shared.join("pre-receive"), file.join("hooks/pre-receive")).unwrap();
    let before = (content(&shared), content(&site.repositories()));
    for action in [&[][..], &["--uninstall"]] {
        let (status, out) = site.install(action);
        let refused = if action.is_empty() { 2 } else { 0 };
        assert_eq!((status, out.matches("way out").count()), (i32::from(refused > 0), refused), "{out}");
        assert_eq!((content(&shared), content(&site.repositories())), before);
    }
}

#[test]
fn a_policy_that_would_lock_everybody_out_keeps_the_hook_from_being_installed() {
    let site = Site::new();
    let repository = site.bare("project.git");
    site.protect_main();
    fs::write(site.policy(), "version = 1\nunmatched-refs = \"acept\"\n").unwrap();
    let (status, out) = site.install(&[]);
    assert_eq!(status, 1, "{out}");
    assert!(out.contains("would refuse every push") && out.contains("acept"), "{out}");
    assert!(!repository.join("hooks/pre-receive").exists());
    assert_eq!(fs::read_to_string(site.policy()).unwrap(), "version = 1\nunmatched-refs = \"acept\"\n");
    site.protect_main();
    site.installs();
    site.judges(&repository);
}

#[test]
fn a_log_that_cannot_be_written_keeps_the_hook_from_being_installed() {
    let site = Site::new();
    let repository = site.bare("project.git");
    site.protect_main();
    let missing = site.world.path("missing/log");
    let (status, out) = site.install(&["--log", missing.to_str().unwrap()]);
    assert_eq!(status, 1, "{out}");
    assert!(out.contains("would refuse every push") && out.contains("opening the log"), "{out}");
    assert!(!repository.join("hooks/pre-receive").exists());
    let (status, out) = site.install(&["--log", "log", "--dry-run"]);
    assert_eq!(status, 0, "{out}");
    assert!(!site.world.path("log").exists());
    // Beside whoever installs, not in each repository.
    let (status, out) = site.install(&["--log", "log"]);
    assert_eq!(status, 0, "{out}");
    site.judges(&repository);
    assert!(fs::read_to_string(site.world.path("log")).unwrap().contains("refused"));
}

#[test]
fn without_the_program_or_the_policy_every_push_is_refused() {
    let site = Site::new();
    let repository = site.bare_with_hook("project.git");
    site.installs();
    let commit = objects::unsigned(&site.world, &[], "one");
    for missing in ["usr/bin/countersign", "etc/policy.toml"] {
        let aside = site.world.path("aside");
        fs::rename(site.world.path(missing), &aside).unwrap();
        let (accepted, out) = site.push(&commit, &repository, "refs/heads/main");
        assert!(!accepted && out.contains("administrator has to act"), "{missing}: {out}");
        assert!(!site.world.path("seen").exists());
        fs::rename(&aside, site.world.path(missing)).unwrap();
    }
    let (accepted, out) = site.push(&commit, &repository, "refs/heads/main");
    assert!(accepted, "{out}");
}

#[test]
fn the_hooks_can_be_copied_by_hand_and_obey_the_repositorys_own_policy() {
    let site = Site::new();
    site.protect_main();
    for hook in ["pre-receive", "update"] {
        let repository = site.bare(&format!("{hook}.git"));
        fs::rename(site.world.path("etc"), repository.join("countersign")).unwrap();
        fs::create_dir(repository.join("hooks")).unwrap();
        let source = fs::read_to_string(Path::new(env!("CARGO_MANIFEST_DIR")).join("hooks/plain").join(hook)).unwrap();
        let fitted = source.replace("/usr/local/bin/countersign", env!("CARGO_BIN_EXE_countersign"));
        assert_ne!(fitted, source);
        write_program(&repository.join("hooks").join(hook), &fitted);
        site.judges(&repository);
        fs::rename(repository.join("countersign"), site.world.path("etc")).unwrap();
    }
}

#[test]
fn wrong_usage_and_other_servers_are_told_apart() {
    let site = Site::new();
    let (status, out) = site.install(&[]);
    assert_eq!(status, 1, "{out}");
    assert!(out.contains("no bare repository is there") && !site.world.path("usr").exists(), "{out}");
    site.bare("project.git");
    let repositories = site.repositories();
    let repositories = repositories.to_str().unwrap();
    for (arguments, status, words) in [
        (&["--repos", repositories][..], 2, "--server is missing"),
        (&["--server", "plain"], 2, "--repos is missing"),
        (&["--server", "plain", "--repos"], 2, "--repos needs a value"),
        (&["--server", "svn", "--repos", repositories], 2, "unknown server"),
        (&["--frobnicate"], 2, "unknown argument"),
        (&["--server", "gitea", "--repos", repositories, "--template", "/t"], 2, "--template is for --server plain"),
        (&["--server", "plain", "--repos", repositories, "--vref"], 2, "--vref is for --server gitolite"),
        (&["--server", "plain", "--repos", repositories, "--warn-until", "May"], 2, "--warn-until takes a day"),
        (&["--server", "plain", "--repos", repositories, "--warn-until", "2020-01-31"], 1, "not in the future"),
        (&["--server", "plain", "--repos", "/nowhere/at/all"], 1, "no such folder"),
        (&["--server", "plain", "--repos", repositories, "--binary", "/nowhere"], 1, "no such program"),
        (&["--server", "plain", "--repos", repositories, "--binary", "/bin/true"], 1, "is not Countersign"),
        (&["--help"], 0, "--repos DIR"),
    ] {
        let mut command = site.script();
        command.args(arguments).args(["--dry-run"]).arg("--config").arg(site.world.path("etc"));
        let (found, out) = told(command);
        assert_eq!(found, status, "{arguments:?}: {out}");
        assert!(out.contains(words), "{arguments:?}: {out}");
    }
}
