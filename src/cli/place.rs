//! Where a command works: the repository, the administrator's files, the clock.

use super::Common;
use crate::{
    Undecided,
    git::{Quarantine, Repository},
    push::Timestamp,
    run::{Loaded, SITE_POLICY, Setup},
    trusted::TrustedFiles,
};
use jiff::tz::TimeZone;
use std::{
    env, fs,
    path::{Path, PathBuf},
    time::{SystemTime, UNIX_EPOCH},
};

/// The clock, in whole seconds.
pub(super) fn now() -> Result<Timestamp, Undecided> {
    let since = SystemTime::now().duration_since(UNIX_EPOCH);
    let seconds = since.ok().and_then(|since| i64::try_from(since.as_secs()).ok());
    seconds.map(Timestamp).ok_or_else(|| Undecided::server("reading the clock", "it stands before 1970"))
}

/// The server's own time zone; never the environment's `TZ`, which a pusher may have set.
fn zone() -> TimeZone {
    let rules = fs::read("/etc/localtime").ok();
    rules.and_then(|rules| TimeZone::tzif("local", &rules).ok()).unwrap_or(TimeZone::UTC)
}

/// The repository's git directory: `--repo`, `GIT_DIR`, or around the working directory.
pub(super) fn git_dir(common: &Common) -> Result<PathBuf, Undecided> {
    if let Some(named) = common.repo.clone().or_else(|| env::var_os("GIT_DIR").map(PathBuf::from)) {
        return git_dir_at(&named)
            .ok_or_else(|| Undecided::server("opening the repository", format!("{} is none", named.display())));
    }
    let here = env::current_dir().map_err(|error| Undecided::server("finding the working directory", error))?;
    here.ancestors()
        .find_map(git_dir_at)
        .ok_or_else(|| Undecided::server("looking for the repository", "there is none here; name one with --repo"))
}

/// A bare repository, or the one of a work tree (gitrepository-layout(5)).
fn git_dir_at(path: &Path) -> Option<PathBuf> {
    let is_git_dir = |path: &Path| path.join("HEAD").is_file() && path.join("objects").is_dir();
    if is_git_dir(path) {
        return Some(path.to_owned());
    }
    // What receive-pack calls the repository when a linked work tree is pushed to.
    if let Some(common) = common_dir_of(path).filter(|common| is_git_dir(common)) {
        return Some(common);
    }
    let inner = path.join(".git");
    if is_git_dir(&inner) {
        return Some(inner);
    }
    let link = fs::read_to_string(&inner).ok()?;
    let target = path.join(link.strip_prefix("gitdir:")?.trim());
    let target = common_dir_of(&target).unwrap_or(target);
    is_git_dir(&target).then_some(target)
}

/// Where a linked work tree's own git directory says that the rest of the repository is.
fn common_dir_of(git_dir: &Path) -> Option<PathBuf> {
    let common = fs::read_to_string(git_dir.join("commondir")).ok()?;
    git_dir.join("HEAD").is_file().then(|| git_dir.join(common.trim()))
}

/// Opens the repository as it stands, without a quarantine.
pub(super) fn repository(common: &Common) -> Result<Repository, Undecided> {
    Repository::open(&git_dir(common)?, &Quarantine::default())
}

/// Reads the administrator's files with what was allowed on the command line.
pub(super) struct Files {
    trusted: TrustedFiles,
    zone: TimeZone,
}

impl Files {
    pub(super) fn new(common: &Common) -> Result<Self, Undecided> {
        Self::allowing(&common.allow_groups)
    }

    /// The same with these groups.
    pub(super) fn allowing(groups: &[String]) -> Result<Self, Undecided> {
        Ok(Self { trusted: TrustedFiles::new(groups)?, zone: zone() })
    }

    pub(super) fn trusted(&self) -> &TrustedFiles {
        &self.trusted
    }

    pub(super) fn setup(&self) -> Setup<'_> {
        Setup { trusted: &self.trusted, zone: self.zone.clone(), keeps_index: false }
    }

    /// The same for a hook: of certificates only what changed is read.
    pub(super) fn policies_in_hook(&self, common: &Common, git_dir: &Path) -> Result<Vec<Loaded>, Undecided> {
        Setup { keeps_index: true, ..self.setup() }.policies(common.policy.as_deref(), git_dir)
    }

    pub(super) fn policies(&self, common: &Common, git_dir: &Path) -> Result<Vec<Loaded>, Undecided> {
        self.setup().policies(common.policy.as_deref(), git_dir)
    }

    /// For commands that can do without a repository: the policy that is named, those of the repository, or where there is
    /// none, and none was named, the site's.
    pub(super) fn policies_here(&self, common: &Common) -> Result<Vec<Loaded>, Undecided> {
        let names_one = common.repo.is_some() || env::var_os("GIT_DIR").is_some();
        self.policies_of(common.policy.as_deref(), git_dir(common), names_one, Path::new(SITE_POLICY))
    }

    fn policies_of(
        &self,
        named: Option<&Path>,
        git_dir: Result<PathBuf, Undecided>,
        names_repository: bool,
        site: &Path,
    ) -> Result<Vec<Loaded>, Undecided> {
        match (named, git_dir) {
            (named, Ok(git_dir)) => self.setup().policies(named, &git_dir),
            (Some(named), Err(_)) => self.setup().policies(Some(named), Path::new(".")),
            (None, Err(_)) if !names_repository && site.exists() => self.setup().policies(Some(site), Path::new(".")),
            (None, Err(missing)) => Err(missing),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn without_a_repository_the_named_policy_holds_or_else_the_sites() {
        let folder = tempfile::tempdir().unwrap();
        let policy = |name: &str| {
            fs::create_dir(folder.path().join(name)).unwrap();
            fs::create_dir(folder.path().join(name).join("registry")).unwrap();
            let path = folder.path().join(name).join("policy.toml");
            fs::write(&path, "version = 1\nunmatched-refs = 'accept'\nrule = []\n").unwrap();
            path
        };
        let (named, site) = (policy("named"), policy("site"));
        let files = Files { trusted: TrustedFiles::new(&[]).unwrap(), zone: TimeZone::UTC };
        let found = |named: Option<&Path>, names_repository: bool, site: &Path| {
            let missing = Err(Undecided::server("looking for the repository", "there is none"));
            let loaded = files.policies_of(named, missing, names_repository, site);
            loaded.map(|loaded| loaded.into_iter().map(|it| it.path).collect::<Vec<_>>()).map_err(|it| it.to_string())
        };
        assert_eq!(found(Some(&named), false, &site), Ok(vec![named.clone()]));
        assert_eq!(found(None, false, &site), Ok(vec![site.clone()]));
        let missing = Err("looking for the repository: there is none".to_owned());
        assert_eq!(found(None, true, &site), missing, "another than the one that was asked for");
        assert_eq!(found(None, false, &folder.path().join("nowhere")), missing);
    }
}
