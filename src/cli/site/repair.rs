//! Puts hooks where they are missing or not as they are to be: installing is nothing else.

use super::{
    Account, Accounts, Found, HookFile, Manifest, Problem, Repository, Server, Standing, compose, find_problem,
    lines::Lines, trial::Trial, walk,
};
use crate::{Undecided, cli::output::Output};
use std::{
    os::unix::fs::MetadataExt,
    path::{Path, PathBuf},
};

/// What is to be done, and where.
#[derive(Debug)]
pub(in crate::cli) struct Task<'a> {
    pub(in crate::cli) manifest: &'a Manifest,
    /// The folder of the configuration.
    pub(in crate::cli) config: &'a Path,
    /// Where to look for repositories.
    pub(in crate::cli) roots: &'a [PathBuf],
    /// Says what would be done.
    pub(in crate::cli) dry_run: bool,
    /// It is the administrator who installs: what repositories of which nothing is recorded hold is received now.
    pub(in crate::cli) installing: bool,
    /// Whether something was changed before.
    pub(in crate::cli) changed: bool,
}

const AS_WHO: &str = "run this as root, or as the repository's owner";

impl<'a> Task<'a> {
    /// Installs, and says of each repository what came of it. Whether nothing was refused.
    ///
    /// # Errors
    /// What it needs cannot be started; nobody reads what it says.
    pub(in crate::cli) fn repair(&self, output: &mut Output) -> Result<bool, Undecided> {
        let mut lines = Lines::new(output, self.dry_run);
        lines.changed = usize::from(self.changed);
        let mut accounts = Accounts::default();
        let repair = Repair { task: self, trial: self.trial() };
        match &self.manifest.shared {
            Some(folder) => repair.shared(folder, &mut accounts, &mut lines)?,
            None => {
                self.each(&mut accounts, &mut lines, &mut |repository, lines| repair.install(&repository, lines))?
            }
        }
        if let Some(template) = &self.manifest.template {
            repair.template(template, &mut accounts, &mut lines)?;
        }
        let policy = self.config.join("policy.toml");
        let next = format!("next: {} policy check {}", self.manifest.call.program.display(), policy.display());
        lines.end(Some(next.as_str()).filter(|_| self.installing && lines.changed > 0))?;
        Ok(lines.refused == 0)
    }

    /// Whether there is any bare repository.
    ///
    /// # Errors
    /// There is no git.
    pub(in crate::cli) fn finds_one(&self) -> Result<bool, Undecided> {
        let mut found = false;
        self.visit(&mut Accounts::default(), &mut |met| {
            found |= matches!(met, Found::Repository(_));
            Ok(!found)
        })?;
        Ok(found)
    }

    /// Whether the program can decide in any repository. `Err`: what it says of the first.
    ///
    /// # Errors
    /// It cannot be started.
    pub(in crate::cli) fn decides_in_one(&self) -> Result<Result<(), Vec<u8>>, Undecided> {
        let trial = self.trial();
        let mut answer = Ok(());
        self.visit(&mut Accounts::default(), &mut |met| {
            let Found::Repository(repository) = met else { return Ok(true) };
            match trial.decides(&repository)? {
                Ok(()) => {
                    answer = Ok(());
                    Ok(false)
                }
                Err(told) => {
                    if answer.is_ok() {
                        answer = Err(told);
                    }
                    Ok(true)
                }
            }
        })?;
        Ok(answer)
    }

    fn trial(&self) -> Trial<'a> {
        Trial { call: &self.manifest.call, policy: self.config.join("policy.toml"), dry_run: self.dry_run }
    }

    fn visit(
        &self,
        accounts: &mut Accounts,
        each: &mut dyn FnMut(Found) -> Result<bool, Undecided>,
    ) -> Result<(), Undecided> {
        for root in self.roots {
            if !walk(root, accounts, each)? {
                break;
            }
        }
        Ok(())
    }

    /// Every bare repository; says what else is met.
    pub(super) fn each<'o>(
        &self,
        accounts: &mut Accounts,
        lines: &mut Lines<'o>,
        act: &mut dyn FnMut(Repository, &mut Lines<'o>) -> Result<(), Undecided>,
    ) -> Result<(), Undecided> {
        self.visit(accounts, &mut |met| {
            match met {
                Found::Repository(repository) => act(repository, lines)?,
                Found::WorkTree(path) => lines.say("hook", &path, "has a work tree: passed over")?,
                Found::Unreadable(path) => {
                    let what = "the folder cannot be read; repositories may be in it";
                    lines.refuse("hook", &path, what, "run this as root", &[])?;
                }
            }
            Ok(true)
        })
    }
}

pub(super) struct Repair<'a> {
    pub(super) task: &'a Task<'a>,
    trial: Trial<'a>,
}

/// What becomes of a hook file.
pub(super) enum Step {
    /// It stands.
    Stands,
    Put(Standing),
    Refused(Problem),
}

impl Repair<'_> {
    pub(super) fn server(&self) -> Server {
        self.task.manifest.server
    }

    /// The hook of one repository.
    fn install(&self, repository: &Repository, lines: &mut Lines<'_>) -> Result<(), Undecided> {
        let path = &repository.path;
        if let Some(Problem { what, way_out, .. }) =
            find_problem(self.server(), repository, &self.task.manifest.call, None)
        {
            return lines.refuse("hook", path, &what, &way_out, &[]);
        }
        let file = HookFile::in_repository(self.server(), repository);
        let text = compose(self.server(), &self.task.manifest.call, None);
        let step = step(&file, &text);
        if let Step::Refused(Problem { what, way_out, .. }) = &step {
            return lines.refuse("hook", path, what, way_out, &[]);
        }
        if !self.works(repository, lines)? {
            return Ok(());
        }
        match step {
            Step::Put(standing) => {
                if !self.put(&file, &text, standing, &repository.owner, path, lines)? {
                    return Ok(());
                }
                tell_put("hook", path, &file, standing, lines)?;
            }
            Step::Stands | Step::Refused(_) => lines.say("hook", path, "up to date")?,
        }
        self.adopt(repository, lines)
    }

    /// The hook that new repositories begin with.
    fn template(&self, template: &Path, accounts: &mut Accounts, lines: &mut Lines<'_>) -> Result<(), Undecided> {
        let file = HookFile::in_template(template);
        let text = compose(self.server(), &self.task.manifest.call, None);
        let path = file.path();
        match step(&file, &text) {
            Step::Refused(Problem { what, way_out, .. }) => lines.refuse("template", &path, &what, &way_out, &[]),
            Step::Stands => lines.say("template", &path, "up to date"),
            Step::Put(standing) => {
                let owner = accounts.of(owner_of(template, self.task.roots));
                match self.put(&file, &text, standing, &owner, &path, lines)? {
                    true => tell_put("template", &path, &file, standing, lines),
                    false => Ok(()),
                }
            }
        }
    }

    /// Whether the hook could decide here; says so, if not.
    pub(super) fn works(&self, repository: &Repository, lines: &mut Lines<'_>) -> Result<bool, Undecided> {
        let Err(told) = self.trial.decides(repository)? else { return Ok(true) };
        let what = "its hook could decide nothing, and would refuse every push; it is left as it is";
        let way_out = "mend what Countersign says, and install again:";
        lines.refuse("hook", &repository.path, what, way_out, &told)?;
        Ok(false)
    }

    pub(super) fn put(
        &self,
        file: &HookFile,
        text: &[u8],
        standing: Standing,
        owner: &Account,
        at: &Path,
        lines: &mut Lines<'_>,
    ) -> Result<bool, Undecided> {
        if self.task.dry_run {
            return Ok(true);
        }
        let Err(error) = file.put(text, standing, owner) else { return Ok(true) };
        let told = error.to_string();
        lines.refuse("hook", at, &format!("{} could not be written", file.name()), AS_WHO, told.as_bytes())?;
        Ok(false)
    }

    pub(super) fn adopt(&self, repository: &Repository, lines: &mut Lines<'_>) -> Result<(), Undecided> {
        if !self.task.installing {
            return Ok(());
        }
        match self.trial.adopt(repository)? {
            Ok(None) => Ok(()),
            Ok(Some(said)) => {
                let would = said.replace("nothing is recorded; --yes would adopt", "would adopt");
                lines.did("ledger", &repository.path, &said, &would)
            }
            Err(told) => {
                let what = "what it holds could not be adopted, and its refs vouch for nothing";
                lines.refuse("ledger", &repository.path, what, "mend what Countersign says, and install again:", &told)
            }
        }
    }
}

/// What is to be done with a hook file.
pub(super) fn step(file: &HookFile, text: &[u8]) -> Step {
    let name = file.name();
    let refused = |what: String, way_out: &str| {
        Step::Refused(Problem { code: "hook-not-ours", what, way_out: way_out.to_owned() })
    };
    let standing = match file.standing(text) {
        Ok(standing) => standing,
        Err(error) => return refused(format!("{name} cannot be read ({error})"), AS_WHO),
    };
    match standing {
        Standing::Current => Step::Stands,
        Standing::Older | Standing::NotExecutable => Step::Put(standing),
        Standing::Changed => {
            refused(format!("{name} is Countersign's, and somebody changed it"), "move it away, and install again")
        }
        Standing::Link => refused(
            format!("{name} or its folder is a link, and what it leads to may be shared"),
            "replace it by a copy",
        ),
        Standing::NotAFile => refused(format!("{name} is not a file"), "move it away, and install again"),
        Standing::Theirs if file.former().is_none() => {
            refused(format!("{name} is not Countersign's"), "give it another name, and install again")
        }
        Standing::None | Standing::Theirs if file.has_another_former() => {
            let former = file.former().and_then(|former| Some(former.file_name()?.to_string_lossy().into_owned()));
            let former = name.replace("pre-receive", &former.unwrap_or_default()).replace("common/", "");
            let what = format!("a former hook is kept as {former}, and {name} is not Countersign's");
            refused(what, &format!("move back, merge or remove {former}, and install again"))
        }
        Standing::None | Standing::Theirs => Step::Put(standing),
    }
}

pub(super) fn tell_put(
    subject: &str,
    at: &Path,
    file: &HookFile,
    standing: Standing,
    lines: &mut Lines<'_>,
) -> Result<(), Undecided> {
    if standing != Standing::Theirs {
        return lines.did(subject, at, "installed", "would be installed");
    }
    let former = file.former().unwrap_or_default();
    let name = match file.name().rsplit_once('/').zip(former.file_name()) {
        Some(((folders, _), name)) => format!("{}/{}", folders.trim_end_matches("/common"), name.to_string_lossy()),
        None => String::new(),
    };
    let runs = if super::accounts::is_program(&former) { "runs after it" } else { "is kept" };
    let did = format!("installed; the former hook {runs} ({name})");
    lines.did(subject, at, &did, "would be installed; the former hook would be kept")
}

/// Whose a folder is; where it is yet to be made, whose the repositories are.
pub(super) fn owner_of(folder: &Path, roots: &[PathBuf]) -> u32 {
    let found = std::iter::once(folder).chain(roots.iter().map(PathBuf::as_path)).find_map(|path| path.metadata().ok());
    found.map_or_else(|| rustix::process::geteuid().as_raw(), |found| found.uid())
}
