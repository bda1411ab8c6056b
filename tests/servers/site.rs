//! A server's file system below a temporary folder: repositories, what install.sh puts there, and whose they are.

use crate::support::{
    World,
    keys::{self, ALICE_SSH, BOB_SSH},
    run, run_well, set_mode,
};
use serde_json::Value;
use std::{
    collections::BTreeMap,
    fs,
    os::unix::{
        fs::{MetadataExt, chown},
        process::CommandExt,
    },
    path::{Path, PathBuf},
    process::Command,
    sync::OnceLock,
};

/// Who Alice and Bob are, to servers that know keys and to those that know accounts.
const SIGNERS: &str = "[[signer]]\nid = 'alice'\nemails = ['alice@example.com']\naccounts = ['alice']\n\
                       [[signer]]\nid = 'bob'\nemails = ['bob@example.com']\naccounts = ['bob']\n";

/// Gone when dropped.
pub struct Site {
    /// The clone and its keys.
    pub world: World,
    /// Who runs the server and owns the repositories; `None`: whoever runs the tests.
    owner: Option<Owner>,
}

#[derive(Clone, Copy)]
struct Owner {
    user: u32,
    group: u32,
}

impl Site {
    /// Run by whoever runs the tests.
    pub fn new() -> Self {
        Self::of(None)
    }

    /// Run by Debian's account for web servers, where the tests may become that.
    pub fn of_web_server() -> Self {
        let id = |what: &str| {
            let mut command = Command::new("id");
            command.args([what, "www-data"]);
            run_well(command, b"").parse().unwrap()
        };
        let is_root = rustix::process::geteuid().is_root();
        Self::of(is_root.then(|| Owner { user: id("-u"), group: id("-g") }))
    }

    fn of(owner: Option<Owner>) -> Self {
        let site = Self { world: World::new(), owner };
        for name in ["srv", "seen", "run"] {
            site.make_folder(&site.path(name));
        }
        site
    }

    pub fn path(&self, name: &str) -> PathBuf {
        self.world.path(name)
    }

    /// The folder of all repositories.
    pub fn root(&self) -> PathBuf {
        self.path("srv")
    }

    pub fn policy_path(&self) -> PathBuf {
        self.path("etc/policy.toml")
    }

    /// The program where install.sh puts it.
    pub fn program(&self) -> PathBuf {
        self.path("usr/bin/countersign")
    }

    /// The server's own.
    pub fn make_folder(&self, path: &Path) {
        fs::create_dir_all(path).unwrap();
        set_mode(path, 0o755);
        self.give(path);
    }

    pub fn give(&self, path: &Path) {
        if let Some(owner) = self.owner {
            chown(path, Some(owner.user), Some(owner.group)).unwrap();
        }
    }

    pub fn write(&self, path: &Path, text: &str, mode: u32) {
        fs::write(path, text).unwrap();
        set_mode(path, mode);
        self.give(path);
    }

    /// A program that the server's account runs, with nothing of this process's environment but the way to programs.
    pub fn command(&self, program: impl AsRef<std::ffi::OsStr>, folder: &Path) -> Command {
        let mut command = self.world.command(program, folder);
        self.become_owner(&mut command);
        command
    }

    fn become_owner(&self, command: &mut Command) {
        if let Some(owner) = self.owner {
            command.uid(owner.user).gid(owner.group);
        }
    }

    /// How another program is started as the server's account.
    pub fn as_owner(&self, program: &Path) -> Command {
        let Some(owner) = self.owner else { return self.world.command(program, &self.path("run")) };
        let mut command = self.world.command("setpriv", &self.path("run"));
        command.arg(format!("--reuid={}", owner.user)).arg(format!("--regid={}", owner.group));
        command.arg("--clear-groups").arg(program);
        command
    }

    #[track_caller]
    pub fn git(&self, repository: &Path, arguments: &[&str]) -> String {
        let mut command = self.command("git", repository);
        command.args(arguments);
        run_well(command, b"")
    }

    /// A bare repository below the folder of all of them.
    pub fn bare(&self, name: &str) -> PathBuf {
        let path = self.root().join(name);
        self.make_folder(&path);
        self.git(&path, &["init", "--quiet", "--bare", "--template=", "--initial-branch=main"]);
        path
    }

    /// One beside it, without hooks, which nobody pushes to.
    pub fn another(&self) {
        self.bare("another.git");
    }

    pub fn refs(&self, repository: &Path) -> BTreeMap<String, String> {
        let listed = self.git(repository, &["for-each-ref", "--format=%(refname) %(objectname)"]);
        listed.lines().filter_map(|line| line.split_once(' ')).map(|(name, id)| (name.into(), id.into())).collect()
    }

    /// Runs install.sh as the administrator would: as whoever runs the tests. Whether it refused nothing, and what it tells.
    pub fn install(&self, home: &Path, options: &[&str]) -> (bool, String) {
        let mut command = self.world.command(Path::new(env!("CARGO_MANIFEST_DIR")).join("install.sh"), &self.path(""));
        command.arg("--prefix").arg(self.path("usr")).arg("--config").arg(self.path("etc"));
        command.arg("--ledger").arg(self.path("ledger")).arg("--binary").arg(stripped_program()).args(options);
        command.arg("--no-timer").env("HOME", home);
        let output = run(command, b"");
        let told = [output.stdout, output.stderr].concat();
        (output.status.success(), String::from_utf8_lossy(&told).into_owned())
    }

    /// In place of the starter policy and the empty registry.
    pub fn policy(&self, text: &str) {
        let line = |name| format!("{} {}\n", keys::user_id(name), keys::public_ssh(name));
        let registry = self.path("etc/registry");
        for (path, text) in [
            (self.policy_path(), format!("{text}\n[ledger]\npath = '{}'\n", self.path("ledger").display())),
            (registry.join("allowed_signers"), line(ALICE_SSH) + &line(BOB_SSH)),
            (registry.join("signers.toml"), SIGNERS.to_owned()),
        ] {
            fs::write(&path, text).unwrap();
            set_mode(&path, 0o644);
        }
    }

    /// The decision on the one ref of the last push, as the ledger has it.
    pub fn last_decision(&self) -> Value {
        let listed = self.ledger(&["list", "--limit", "1"]);
        let number = listed["records"][0]["number"].as_u64().unwrap();
        self.ledger(&["show", &number.to_string()])["record"].clone()
    }

    fn ledger(&self, arguments: &[&str]) -> Value {
        let mut command = self.command(self.program(), &self.path("run"));
        command.arg("ledger").args(arguments).args(["--format", "json", "--policy"]).arg(self.policy_path());
        serde_json::from_str(&run_well(command, b"")).unwrap()
    }

    /// What is below a folder, but for what pushes put there: mode, owner, and content or where a link leads.
    pub fn content(&self, folder: &Path) -> BTreeMap<PathBuf, (u32, u32, Vec<u8>)> {
        let mut found = BTreeMap::new();
        let mut waiting = vec![folder.to_owned()];
        while let Some(path) = waiting.pop() {
            let entry = path.symlink_metadata().unwrap();
            let content = if entry.is_symlink() {
                fs::read_link(&path).unwrap().into_os_string().into_encoded_bytes()
            } else if entry.is_dir() {
                let inside = fs::read_dir(&path).unwrap().map(|entry| entry.unwrap().path());
                waiting.extend(inside.filter(|path| !["objects", "refs"].iter().any(|name| path.ends_with(name))));
                Vec::new()
            } else {
                fs::read(&path).unwrap()
            };
            found.insert(path, (entry.mode(), entry.uid(), content));
        }
        found
    }
}

/// The program without what only debuggers read, which each site gets a copy of.
fn stripped_program() -> &'static Path {
    static STRIPPED: OnceLock<PathBuf> = OnceLock::new();
    STRIPPED.get_or_init(|| {
        let path = Path::new(env!("CARGO_TARGET_TMPDIR")).join("countersign");
        let mut command = Command::new("strip");
        command.arg("-o").arg(&path).arg(env!("CARGO_BIN_EXE_countersign"));
        run_well(command, b"");
        path
    })
}
