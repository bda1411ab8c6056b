//! The story of one examination: whose repositories they are, what the hook's user sees of the installation and of each
//! repository, and, if asked, a canary.

use super::{
    canary,
    examined::{Examined, Repository, Site},
    finding::Finding,
    hooks::{self, Hook},
    identity,
    installation::{self, Opened},
    refs::{self, Covered},
    settings,
};
use crate::{
    Undecided,
    cli::{
        kept,
        place::Files,
        site::{self, Account, Accounts, Found, Manifest, Server, walk},
    },
    git::{self, Quarantine},
    policy::Mode,
    push::{Evidence, Timestamp},
    run::{Loaded, OWN_POLICY, SITE_POLICY},
};
use std::{
    collections::BTreeMap,
    os::unix::ffi::OsStrExt,
    path::{Path, PathBuf},
};

/// Looks at all of it. `roots`: repositories, or folders in which they are. `policy`: it alone is in force, whatever repositories have.
///
/// # Errors
/// There is no git.
pub(super) fn examine(
    manifest: &Manifest,
    roots: &[PathBuf],
    policy: Option<&Path>,
    with_canary: bool,
    now: Timestamp,
) -> Result<Examined, Undecided> {
    let (mut site, mut repositories) = (Site::default(), Vec::new());
    let mut by_owner: BTreeMap<u32, (Account, Vec<site::Repository>)> = BTreeMap::new();
    let mut accounts = Accounts::default();
    for root in roots {
        walk(root, &mut accounts, &mut |found| {
            match found {
                Found::Repository(repository) => {
                    let owner = repository.owner.clone();
                    by_owner.entry(owner.user).or_insert_with(|| (owner, Vec::new())).1.push(repository);
                }
                Found::WorkTree(_) => {}
                Found::Unreadable(folder) => {
                    let what = "it cannot be read, and repositories may be in it";
                    site.findings.push(Finding::unknown("not-permitted", &folder, what, "run doctor as root"));
                }
            }
            Ok(true)
        })?;
    }
    if by_owner.is_empty() && site.findings.is_empty() {
        let folders: Vec<_> = roots.iter().map(|root| root.display().to_string()).collect();
        let what = format!("there is no bare repository at or below {}", folders.join(", "));
        let at = roots.first().map_or(Path::new("/"), PathBuf::as_path);
        site.findings.push(Finding::unknown("no-repositories", at, what, "say where they are: --repos DIR"));
    }
    for (owner, of_owner) in by_owner.into_values() {
        let look = || Visit::new(manifest, &owner, policy, now)?.examine(&of_owner, with_canary);
        match identity::run_as(&owner, look)? {
            Some(seen) => {
                let (seen, of_site) = seen?;
                repositories.extend(seen);
                site.add(of_site);
            }
            None => {
                let of_all = hooks::examine_shared(manifest, &owner);
                repositories.extend(of_owner.iter().map(|one| from_outside(manifest, one, of_all.as_ref())));
                site.findings.extend(of_all.into_iter().flat_map(|hook| hook.findings));
            }
        }
    }
    repositories.sort_by(|one, other| one.path.cmp(&other.path));
    repositories.dedup_by(|one, other| one.path == other.path);
    Ok(Examined { now, site, repositories })
}

/// What others than the owner and root can see.
fn from_outside(manifest: &Manifest, repository: &site::Repository, of_all: Option<&Hook>) -> Repository {
    let mut hook = hooks::examine(manifest, repository, of_all);
    let owner = &repository.owner;
    let name = owner.name.clone().unwrap_or_else(|| format!("'#{}'", owner.user));
    let what = "what the hook would decide, and what is recorded, only its owner and root can see";
    let way_out = format!("run it as that user: sudo -u {name} countersign doctor");
    hook.findings.push(Finding::unknown("not-permitted", &repository.path, what, way_out));
    Repository {
        path: repository.path.clone(),
        findings: hook.findings,
        has_hook: hook.runs,
        unrecorded: None,
        canary: None,
    }
}

/// What one user sees, as whom the hook runs in their repositories.
struct Visit<'a> {
    manifest: &'a Manifest,
    owner: &'a Account,
    /// The one that hooks are told to take; `None`: the site's and each repository's own.
    policy: Option<&'a Path>,
    now: Timestamp,
    files: Files,
    /// The policies of repositories without one of their own; `Err`: why they cannot be used.
    policies: Result<Vec<Loaded>, String>,
    /// Those that were looked at, by folder.
    ledgers: BTreeMap<PathBuf, Opened>,
    site: Site,
}

impl<'a> Visit<'a> {
    fn new(
        manifest: &'a Manifest,
        owner: &'a Account,
        policy: Option<&'a Path>,
        now: Timestamp,
    ) -> Result<Self, Undecided> {
        let files = Files::allowing(&manifest.call.allow_groups)?;
        // Where there is no repository, only what is for all is found.
        let policies = files.setup().policies(policy, Path::new("/nonexistent"));
        let policies = policies.map_err(|undecided| undecided.to_string());
        Ok(Self { manifest, owner, policy, now, files, policies, ledgers: BTreeMap::new(), site: Site::default() })
    }

    fn examine(
        mut self,
        repositories: &[site::Repository],
        with_canary: bool,
    ) -> Result<(Vec<Repository>, Site), Undecided> {
        let of_all = hooks::examine_shared(self.manifest, self.owner);
        self.site.findings.extend(of_all.iter().flat_map(|hook| hook.findings.clone()));
        self.site.findings.extend(installation::program(self.manifest, self.owner));
        self.site.findings.extend(installation::log(self.manifest));
        let policies = std::mem::replace(&mut self.policies, Ok(Vec::new()));
        match &policies {
            Ok(policies) => self.note(policies),
            // Each repository may have its own.
            Err(_) if self.policy.is_none() && !Path::new(SITE_POLICY).exists() => {}
            Err(why) => {
                let at = self.policy.unwrap_or(Path::new(SITE_POLICY));
                self.site.findings.push(installation::broken(at, why));
            }
        }
        let seen =
            repositories.iter().map(|one| self.examine_one(one, &policies, of_all.as_ref(), with_canary)).collect();
        Ok((seen, self.site))
    }

    /// What is said of policies once, however many repositories they are for.
    fn note(&mut self, policies: &[Loaded]) {
        self.open_ledger(policies);
        let ledger = kept::folder(policies).and_then(|folder| self.ledgers.get(folder)).and_then(Opened::ledger);
        for loaded in policies {
            self.site.findings.extend(installation::warnings(loaded, self.now));
            installation::policy(loaded, ledger, &mut self.site);
        }
    }

    fn open_ledger(&mut self, policies: &[Loaded]) {
        let Some(folder) = kept::folder(policies) else { return };
        if !self.ledgers.contains_key(folder) {
            let ledger = installation::ledger(folder, &self.files, self.owner, self.now, &mut self.site);
            self.ledgers.insert(folder.to_owned(), ledger);
        }
    }

    fn examine_one(
        &mut self,
        repository: &site::Repository,
        of_all_repositories: &Result<Vec<Loaded>, String>,
        of_all: Option<&Hook>,
        with_canary: bool,
    ) -> Repository {
        let at = &repository.path;
        let Hook { mut findings, runs } = hooks::examine(self.manifest, repository, of_all);
        // Where there is none for all, the repository is told where its own was looked for.
        let asks_itself = of_all_repositories.is_err() || at.join(OWN_POLICY).symlink_metadata().is_ok();
        let own = (self.policy.is_none() && asks_itself)
            .then(|| self.files.setup().policies(None, at).map_err(|undecided| undecided.to_string()));
        if let Some(Ok(policies)) = &own {
            self.note_own(policies);
        }
        let policies: &[Loaded] = match own.as_ref().unwrap_or(of_all_repositories) {
            Ok(policies) => policies,
            Err(why) => {
                findings.push(installation::broken(at, why));
                &[]
            }
        };
        let certificates = policies.iter().any(|loaded| self.asks_for_certificates(loaded, at));
        if let Some(settings) = &repository.settings {
            findings.extend(settings::findings(settings, at, certificates));
        }
        let (unrecorded, of_refs) = self.compare(at, policies);
        findings.extend(of_refs);
        let canary = with_canary.then(|| {
            let hook = hooks::file_of(self.manifest, repository);
            let (canary, found) = canary::push(at, self.owner, self.manifest.server, &hook);
            findings.extend(found);
            canary
        });
        Repository { path: at.clone(), findings, has_hook: runs, unrecorded, canary }
    }

    /// A repository's own policy, and the site's beside it, which was looked at already.
    fn note_own(&mut self, policies: &[Loaded]) {
        self.open_ledger(policies);
        for loaded in policies.iter().filter(|loaded| loaded.path != Path::new(SITE_POLICY)) {
            self.site.findings.extend(installation::warnings(loaded, self.now));
        }
    }

    /// The refs against what is recorded of them; `None`: it could not be found out.
    fn compare(&self, at: &Path, policies: &[Loaded]) -> (Option<u64>, Vec<Finding>) {
        let opened = match git::Repository::open(at, &Quarantine::default()) {
            Ok(opened) => opened,
            Err(undecided) => {
                let what =
                    format!("the hook cannot read the repository, so every push is refused: {}", undecided.cause);
                let way_out = "mend what it says";
                return (None, vec![Finding::critical("repository-unreadable", at, what, way_out)]);
            }
        };
        let unknown = |why: String| {
            let what = format!("whether refs are as they were recorded could not be found out: {why}");
            (None, vec![Finding::unknown("refs-unknown", at, what, "mend what the other findings say")])
        };
        let ledger = match kept::folder(policies).and_then(|folder| self.ledgers.get(folder)) {
            Some(Opened::Ledger(ledger)) => Some(&**ledger),
            Some(Opened::Missing) => None,
            Some(Opened::Unusable) | None => return unknown("there is no ledger that can be read".to_owned()),
        };
        let compared = || {
            let place = kept::place_of(&opened)?;
            let memory = ledger.map(|ledger| ledger.memory(&place)).transpose()?;
            let name = policies.first().and_then(|loaded| self.name_of(loaded, at));
            let covered = Covered { repository: &opened, policies, name: name.as_deref() };
            refs::unrecorded(covered, memory.as_ref(), at)
        };
        match compared() {
            Ok((count, findings)) => (Some(count), findings),
            Err(undecided) => unknown(undecided.to_string()),
        }
    }

    fn asks_for_certificates(&self, loaded: &Loaded, at: &Path) -> bool {
        let name = self.name_of(loaded, at);
        loaded.policy.rules.iter().any(|rule| {
            rule.mode_at(self.now) != Mode::Off && rule.requires_push_certificate() && rule.is_of(name.as_deref())
        })
    }

    /// What rules know the repository by, as the server will say with a push: there is none now.
    fn name_of(&self, loaded: &Loaded, at: &Path) -> Option<Vec<u8>> {
        let by_path = || {
            let mut below = self.manifest.repositories.iter().filter_map(|root| at.strip_prefix(root).ok());
            let name = below.find(|name| *name != Path::new(""))?.as_os_str().as_bytes();
            Some(name.strip_suffix(b".git").unwrap_or(name).to_vec())
        };
        loaded.repository_name(at, &Evidence::default()).or_else(|| match self.manifest.server {
            Server::Gitolite | Server::Gitea | Server::Forgejo => by_path(),
            // GitLab calls folders by hashes of numbers.
            Server::Plain | Server::Http | Server::Gitlab => None,
        })
    }
}

impl Site {
    fn add(&mut self, other: Self) {
        for finding in other.findings {
            // What holds for all is seen by each owner.
            if !self.findings.contains(&finding) {
                self.findings.push(finding);
            }
        }
        self.policies.extend(other.policies);
        self.ledgers.extend(other.ledgers);
        self.policies.sort_by(|one, other| one.path.cmp(&other.path));
        self.policies.dedup_by(|one, other| one.path == other.path);
        self.ledgers.sort_by(|one, other| one.folder.cmp(&other.folder));
        self.ledgers.dedup_by(|one, other| one.folder == other.folder);
    }
}
