//! Takes the hooks away, and puts former ones back.

use super::{Accounts, HookFile, Repository, Server, Standing, compose, lines::Lines, repair::Task};
use crate::{Undecided, cli::output::Output};
use std::{fs, path::Path};

impl Task<'_> {
    /// Uninstalls, and says of each repository what came of it. Whether nothing was refused.
    ///
    /// # Errors
    /// What it needs cannot be started; nobody reads what it says.
    pub(in crate::cli) fn remove(&self, output: &mut Output) -> Result<bool, Undecided> {
        let mut lines = Lines::new(output, self.dry_run);
        let manifest = self.manifest;
        let mut files = Vec::new();
        if let Some(folder) = &manifest.shared {
            files.push(HookFile::shared(manifest.server, folder));
            if manifest.server == Server::Gitolite {
                files.push(HookFile::vref(folder));
            }
        }
        files.extend(manifest.template.as_deref().map(HookFile::in_template));
        for file in files {
            let path = file.path();
            self.remove_file(&file, &path, &mut lines)?;
        }
        self.each(&mut Accounts::default(), &mut lines, &mut |repository, lines| match (
            manifest.server,
            &manifest.shared,
        ) {
            (Server::Gitolite, Some(folder)) => self.remove_link(&repository, folder, lines),
            (_, _) => {
                let file = HookFile::in_repository(manifest.server, &repository);
                self.remove_file(&file, &repository.path, lines)
            }
        })?;
        lines.line(&format!(
            "left in place: {} (policy, registry), and {}, which hooks elsewhere may call",
            self.config.display(),
            manifest.call.program.display()
        ))?;
        // What is to be done next, is told by what is left in place.
        lines.changed = lines.changed.max(1);
        lines.end(None)?;
        Ok(lines.refused == 0)
    }

    fn remove_file(&self, file: &HookFile, at: &Path, lines: &mut Lines<'_>) -> Result<(), Undecided> {
        let name = file.name();
        let standing = file.standing(&compose(self.manifest.server, &self.manifest.call, None));
        match standing {
            Ok(Standing::None | Standing::Theirs | Standing::Link | Standing::NotAFile) => {
                lines.say("hook", at, "not installed")
            }
            Ok(Standing::Changed) => {
                let what = format!("{name} is Countersign's, and somebody changed it");
                lines.refuse("hook", at, &what, "remove it by hand", &[])
            }
            Ok(Standing::Current | Standing::NotExecutable | Standing::Older) => {
                let kept = file.has_former();
                if !self.dry_run
                    && let Err(error) = file.remove()
                {
                    let way_out = "run this as root, or as the repository's owner";
                    let what = format!("{name} could not be removed");
                    return lines.refuse("hook", at, &what, way_out, error.to_string().as_bytes());
                }
                match kept {
                    true => {
                        let would = "would be removed; the former hook would be back";
                        lines.did("hook", at, "removed; the former hook is back", would)
                    }
                    false => lines.did("hook", at, "removed", "would be removed"),
                }
            }
            Err(error) => {
                let what = format!("{name} cannot be read ({error})");
                lines.refuse("hook", at, &what, "run this as root, or as the repository's owner", &[])
            }
        }
    }

    /// What Gitolite linked into a repository leads nowhere once the hook is gone; Gitolite does not take it away.
    fn remove_link(&self, repository: &Repository, local_code: &Path, lines: &mut Lines<'_>) -> Result<(), Undecided> {
        let shared = HookFile::shared(Server::Gitolite, local_code).path();
        let link = repository.path.join("hooks/pre-receive");
        if !fs::read_link(&link).is_ok_and(|target| target == shared) {
            return lines.say("hook", &repository.path, "not installed");
        }
        if self.dry_run {
            return lines.did("hook", &repository.path, "", "would be removed");
        }
        if shared.exists() {
            return lines.say("hook", &repository.path, "runs what is in Gitolite's folder now");
        }
        match fs::remove_file(&link) {
            Ok(()) => lines.did("hook", &repository.path, "removed", ""),
            Err(error) => {
                let way_out = "run this as root, or as the repository's owner";
                let what = format!("hooks/pre-receive could not be removed ({error})");
                lines.refuse("hook", &repository.path, &what, way_out, &[])
            }
        }
    }
}
