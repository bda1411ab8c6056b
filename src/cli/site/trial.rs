//! The program, started as those who own the repositories: whether it could decide, and what is there declared received.

use super::{Account, Call, Repository, accounts::is_program};
use crate::Undecided;
use std::{
    env,
    path::{Path, PathBuf},
    process,
};

/// How the program is tried out.
#[derive(Debug)]
pub(super) struct Trial<'a> {
    pub(super) call: &'a Call,
    /// The policy of the installation; where there is none yet, there is nothing to try.
    pub(super) policy: PathBuf,
    pub(super) dry_run: bool,
}

impl Trial<'_> {
    /// Whether the hook could decide anything here, asked as the one it will run as: whatever keeps it from reading the policy,
    /// the registry or the repository, or from writing its log, would refuse every push. `Err`: what it says.
    ///
    /// # Errors
    /// The program cannot be started.
    pub(super) fn decides(&self, repository: &Repository) -> Result<Result<(), Vec<u8>>, Undecided> {
        if !self.policy.exists() {
            return Ok(Ok(()));
        }
        let owner = &repository.owner;
        // It makes the log if there is none, and a log of somebody else's would lock the owner out.
        let with_log = !self.dry_run && owner.can_be();
        let told = self.ask(owner, &["policy", "explain", "HEAD"], &repository.path, with_log)?;
        Ok(told.map(|_| ()).map_err(|output| output.stderr))
    }

    /// Declares that all refs of a repository of which nothing is recorded are received now, or says what would be; in the words
    /// of `ledger adopt`. `None`: nothing was, or is, to be done. `Err`: what it says.
    ///
    /// # Errors
    /// The program cannot be started.
    pub(super) fn adopt(&self, repository: &Repository) -> Result<Result<Option<String>, Vec<u8>>, Undecided> {
        // What somebody else makes in the ledger's folder, the hook could not use.
        if !self.policy.exists() || !repository.owner.can_be() {
            return Ok(Ok(None));
        }
        let words: &[&str] = match self.dry_run {
            true => &["ledger", "adopt", "--all", "--first"],
            false => &["ledger", "adopt", "--all", "--first", "--yes"],
        };
        let said = match self.ask(&repository.owner, words, &repository.path, false)? {
            Ok(said) => said,
            // Without a yes it ends so.
            Err(output) if self.dry_run && output.status.code() == Some(1) => output.stdout,
            Err(output) => return Ok(Err(output.stderr)),
        };
        let said = String::from_utf8_lossy(&said).trim_end().to_owned();
        let wanted = ["adopted ", "nothing is recorded; --yes would "];
        Ok(Ok(wanted.iter().any(|begin| said.starts_with(begin)).then_some(said)))
    }

    fn ask(
        &self,
        owner: &Account,
        words: &[&str],
        repository: &Path,
        with_log: bool,
    ) -> Result<Result<Vec<u8>, process::Output>, Undecided> {
        let set = |command: &mut process::Command| {
            command.args(words).arg("--repo").arg(repository);
            if let Some(policy) = &self.call.policy {
                command.arg("--policy").arg(policy);
            }
            for group in &self.call.allow_groups {
                command.arg("--allow-group").arg(group);
            }
            if let Some(log) = self.call.log.as_ref().filter(|_| with_log) {
                command.arg("--log").arg(log);
            }
        };
        if is_program(&self.call.program) || !self.dry_run {
            return owner.answer(self.call.program.as_os_str(), set);
        }
        // It is not yet where the owner could run it.
        let this = env::current_exe().map_err(|error| Undecided::server("looking for this program", error))?;
        owner.ours().answer(this.as_os_str(), set)
    }
}
