//! Whose the repositories are, and how a program is started as that account.

use crate::Undecided;
use rustix::process::geteuid;
use std::{
    collections::HashMap,
    env,
    ffi::{OsStr, OsString},
    os::unix::ffi::OsStringExt,
    path::{Path, PathBuf},
    process::{self, Stdio},
};

/// What another repository or another's configuration would be taken from.
const OTHERS: &[&str] = &[
    "GIT_DIR",
    "GIT_WORK_TREE",
    "GIT_INDEX_FILE",
    "GIT_OBJECT_DIRECTORY",
    "GIT_COMMON_DIR",
    "GIT_CONFIG",
    "GIT_CONFIG_COUNT",
    "GIT_CONFIG_PARAMETERS",
    "GIT_NAMESPACE",
];

/// A user of this machine.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(in crate::cli) struct Account {
    pub(in crate::cli) user: u32,
    /// The one of passwd(5).
    pub(in crate::cli) group: u32,
    /// `None`: nobody has this number, as for what came out of another machine's archive.
    pub(in crate::cli) name: Option<String>,
    pub(in crate::cli) home: PathBuf,
}

/// Those that were looked up already.
#[derive(Debug, Default)]
pub(in crate::cli) struct Accounts(HashMap<u32, Account>);

impl Accounts {
    /// The account of this number, as getent(1) has it: not all are in `/etc/passwd`.
    pub(in crate::cli) fn of(&mut self, user: u32) -> Account {
        self.0.entry(user).or_insert_with(|| Account::look_up(user)).clone()
    }
}

impl Account {
    fn look_up(user: u32) -> Self {
        let own_home = env::var_os("HOME").map(PathBuf::from);
        let asked = process::Command::new("getent").args(["passwd", &user.to_string()]).stdin(Stdio::null()).output();
        let line = asked.map(|output| output.stdout).unwrap_or_default();
        // passwd(5): name, password, number, group, comment, home, shell.
        let fields: Vec<&[u8]> = line.strip_suffix(b"\n").unwrap_or(&line).split(|byte| *byte == b':').collect();
        let text = |at: usize| fields.get(at).and_then(|field| std::str::from_utf8(field).ok());
        let group = text(3).and_then(|group| group.parse().ok());
        let home = fields.get(5).filter(|home| !home.is_empty()).map(|home| OsString::from_vec(home.to_vec()).into());
        // Whoever asks for themselves has their own idea of home.
        let home = match user == geteuid().as_raw() {
            true => own_home.or(home),
            false => home.or(own_home),
        };
        Self {
            user,
            group: group.unwrap_or(user),
            name: group.and(text(0)).map(str::to_owned),
            home: home.unwrap_or_else(|| PathBuf::from("/")),
        }
    }

    /// Us, with the home of this one.
    pub(super) fn ours(&self) -> Self {
        Self { user: geteuid().as_raw(), ..self.clone() }
    }

    /// Whether what is started for this account runs as it: it is us, or we are root and can become it.
    pub(in crate::cli) fn can_be(&self) -> bool {
        let us = geteuid().as_raw();
        self.user == us || us == 0 && is_there("setpriv")
    }

    /// A program to be started as this account, with its home; as us, where we cannot become it.
    pub(in crate::cli) fn command(&self, program: &OsStr) -> process::Command {
        let mut command = if self.user != geteuid().as_raw() && self.can_be() {
            let mut command = process::Command::new("setpriv");
            let groups = if self.name.is_some() { "--init-groups" } else { "--clear-groups" };
            command.args([&format!("--reuid={}", self.user), &format!("--regid={}", self.group), groups]).arg(program);
            command
        } else {
            process::Command::new(program)
        };
        for variable in OTHERS {
            command.env_remove(variable);
        }
        command.env("HOME", &self.home).env("XDG_CONFIG_HOME", self.home.join(".config")).stdin(Stdio::null());
        command
    }

    /// What a program prints that is started as this account; `Err`: what it says of why it failed.
    ///
    /// # Errors
    /// It cannot be started.
    pub(in crate::cli) fn answer(
        &self,
        program: &OsStr,
        set: impl FnOnce(&mut process::Command),
    ) -> Result<Result<Vec<u8>, process::Output>, Undecided> {
        let mut command = self.command(program);
        set(&mut command);
        let output = command
            .output()
            .map_err(|error| Undecided::server(format!("starting `{}`", program.to_string_lossy()), error))?;
        Ok(if output.status.success() { Ok(output.stdout) } else { Err(output) })
    }
}

/// Whether a program of this name is found.
pub(in crate::cli) fn is_there(program: &str) -> bool {
    env::var_os("PATH").is_some_and(|path| env::split_paths(&path).any(|folder| is_program(&folder.join(program))))
}

/// Whether this is a file that somebody may execute.
pub(in crate::cli) fn is_program(path: &Path) -> bool {
    use std::os::unix::fs::PermissionsExt;
    path.metadata().is_ok_and(|found| found.is_file() && found.permissions().mode() & 0o111 != 0)
}
