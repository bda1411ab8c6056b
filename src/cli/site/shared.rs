//! One hook for all repositories: Gitolite links it into each, Gitaly runs it beside each one's own.

use super::{
    Account, Accounts, HookFile, Problem, Repository, Server,
    accounts::is_there,
    compose, compose_vref, find_problem,
    lines::Lines,
    repair::{Repair, Step, owner_of, step, tell_put},
};
use crate::Undecided;
use std::{ffi::OsString, fs, path::Path};

impl Repair<'_> {
    /// The one hook that is for all repositories, and what of it each repository has.
    pub(super) fn shared(
        &self,
        folder: &Path,
        accounts: &mut Accounts,
        lines: &mut Lines<'_>,
    ) -> Result<(), Undecided> {
        let manifest = self.task.manifest;
        let file = match manifest.vref {
            true => HookFile::vref(folder),
            false => HookFile::shared(self.server(), folder),
        };
        let text = match manifest.vref {
            true => compose_vref(&manifest.call),
            false => compose(self.server(), &manifest.call, file.former().as_deref()),
        };
        let mut repositories = Vec::new();
        let before = lines.refused;
        self.task.each(accounts, lines, &mut |repository, lines| {
            let problem =
                find_problem(self.server(), &repository, &manifest.call, Some(&file).filter(|_| !manifest.vref));
            match problem {
                Some(Problem { what, way_out, .. }) => lines.refuse("hook", &repository.path, &what, &way_out, &[])?,
                None if !self.works(&repository, lines)? => {}
                None => repositories.push(repository),
            }
            Ok(())
        })?;
        let path = file.path();
        match step(&file, &text) {
            Step::Refused(Problem { what, way_out, .. }) => return lines.refuse("hook", &path, &what, &way_out, &[]),
            Step::Stands => lines.say("hook", &path, "up to date")?,
            Step::Put(_) if lines.refused > before && repositories.is_empty() => {
                return lines.refuse("hook", &path, "it would decide in no repository", "see above", &[]);
            }
            Step::Put(standing) => {
                let owner = accounts.of(owner_of(folder, self.task.roots));
                if !self.put(&file, &text, standing, &owner, &path, lines)? {
                    return Ok(());
                }
                tell_put("hook", &path, &file, standing, lines)?;
            }
        }
        if self.server() == Server::Gitolite && !manifest.vref {
            return self.link(&file, &repositories, lines);
        }
        for repository in &repositories {
            let said = match manifest.vref {
                true => "runs it where gitolite.conf says `- VREF/countersign = @all`",
                false => "runs it",
            };
            lines.say("hook", &repository.path, said)?;
            self.adopt(repository, lines)?;
        }
        Ok(())
    }

    /// Has Gitolite link the hook into each repository.
    fn link(&self, file: &HookFile, repositories: &[Repository], lines: &mut Lines<'_>) -> Result<(), Undecided> {
        let path = file.path();
        let is_linked = |repository: &Repository| {
            fs::read_link(repository.path.join("hooks/pre-receive")).is_ok_and(|target| target == path)
        };
        let missing: Vec<bool> = repositories.iter().map(|repository| !is_linked(repository)).collect();
        if let (true, false, Some(first)) = (missing.contains(&true), self.task.dry_run, repositories.first())
            && let Err(told) = set_up(&first.owner)?
        {
            let way_out = "have gitolite make its links, as the owner of the repositories: gitolite setup --hooks-only";
            return lines.refuse("hook", &path, "gitolite could not link it into the repositories", way_out, &told);
        }
        for (repository, was_missing) in repositories.iter().zip(missing) {
            let at = &repository.path;
            if !was_missing {
                lines.say("hook", at, "up to date")?;
            } else if self.task.dry_run || is_linked(repository) {
                lines.did("hook", at, "installed", "would be installed, by gitolite setup --hooks-only")?;
            } else {
                let way_out = format!("say in .gitolite.rc: LOCAL_CODE => '{}',", self.local_code().display());
                lines.refuse("hook", at, "gitolite did not link the hook into it", &way_out, &[])?;
                continue;
            }
            self.adopt(repository, lines)?;
        }
        Ok(())
    }

    fn local_code(&self) -> &Path {
        self.task.manifest.shared.as_deref().unwrap_or(Path::new(""))
    }
}

/// `gitolite setup --hooks-only` (its manual, "hooks"), as the owner of the repositories. `Err`: what it says.
fn set_up(owner: &Account) -> Result<Result<(), Vec<u8>>, Undecided> {
    // Installed from source, it is where its manual has it put.
    let own = owner.home.join("bin/gitolite");
    let gitolite = if is_there("gitolite") { OsString::from("gitolite") } else { own.into_os_string() };
    let told = owner.answer(&gitolite, |command| {
        command.current_dir(&owner.home).args(["setup", "--hooks-only"]);
    })?;
    Ok(told.map(|_| ()).map_err(|output| [output.stdout, output.stderr].concat()))
}
