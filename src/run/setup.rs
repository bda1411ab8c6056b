//! What the administrator set up: which policies are in force, read with their registries.
#![expect(clippy::disallowed_methods, reason = "finds the policies, and the repository's place, on disk")]

use crate::{
    Undecided,
    bounds::Bounds,
    document::{Document, Problem, What},
    policy::{self, Policy, Stated, rules::Needs},
    push::Evidence,
    registry::Registry,
    report::diagnostics,
    trusted::TrustedFiles,
};
use jiff::tz::TimeZone;
use std::{
    io::ErrorKind,
    path::{Path, PathBuf},
};

/// The policy that holds for every repository of a server.
pub const SITE_POLICY: &str = "/etc/countersign/policy.toml";

/// Where the ledger is, if a policy says nothing and is not a repository's own.
pub const DEFAULT_LEDGER: &str = "/var/lib/countersign";

/// The ledger of a repository's own policy, beside it.
const OWN_LEDGER: &str = "ledger";

/// A policy in force, with what it refers to.
#[derive(Debug)]
pub struct Loaded {
    /// The file.
    pub path: PathBuf,
    /// Its text.
    pub source: String,
    /// What it says.
    pub policy: Policy,
    /// Whom it trusts.
    pub registry: Registry,
    /// The folder of the ledger that it names, or the default one.
    pub ledger: PathBuf,
}

/// A repository's own policy, below its git directory.
pub const OWN_POLICY: &str = "countersign/policy.toml";

/// How the administrator's files are read.
#[derive(Debug)]
pub struct Setup<'a> {
    /// Who may own and write them.
    pub trusted: &'a TrustedFiles,
    /// The server's time zone, for windows in `allowed_signers` that name none.
    pub zone: TimeZone,
    /// Whether an index of the registry is kept in the ledger's folder. Whoever keeps one asks
    /// [`Registry::check_read`] in the end.
    pub keeps_index: bool,
}

/// Why a policy file is not a policy.
#[derive(Debug)]
pub enum Unusable {
    /// It, or its registry, could not be read.
    Unread(Undecided),
    /// It has mistakes; its source and all of them.
    Broken(String, Vec<Problem>),
}

impl Setup<'_> {
    /// The policies in force: the named one alone, else the site's and the repository's own, whichever are there.
    ///
    /// # Errors
    /// If there is none, or one cannot be read, or one has mistakes.
    pub fn policies(&self, named: Option<&Path>, git_dir: &Path) -> Result<Vec<Loaded>, Undecided> {
        let paths = match named {
            Some(path) => vec![path.to_owned()],
            None => {
                let mut paths = Vec::new();
                for path in [PathBuf::from(SITE_POLICY), git_dir.join(OWN_POLICY)] {
                    if is_there(&path)? {
                        paths.push(path);
                    }
                }
                paths
            }
        };
        if paths.is_empty() {
            let tried = format!("there is none at {SITE_POLICY} or {}/{OWN_POLICY}", git_dir.display());
            return Err(Undecided::server("looking for the policy", tried));
        }
        let own = git_dir.join(OWN_POLICY);
        let load = |path: &PathBuf| {
            let default = if *path == own { Path::new(OWN_LEDGER) } else { Path::new(DEFAULT_LEDGER) };
            self.load_with(path, default).map_err(|unusable| unusable.into_undecided(path))
        };
        paths.iter().map(load).collect()
    }

    /// Reads one policy and its registry.
    ///
    /// # Errors
    /// Whatever keeps it from being used.
    pub fn load(&self, path: &Path) -> Result<Loaded, Unusable> {
        self.load_with(path, Path::new(DEFAULT_LEDGER))
    }

    /// `ledger`: where that is, from the policy's folder on, if the policy does not say.
    fn load_with(&self, path: &Path, ledger: &Path) -> Result<Loaded, Unusable> {
        let source = self.trusted.read(path, Bounds::POLICY).map_err(Unusable::Unread)?;
        self.compiled(source, path, ledger)
    }

    /// The same of what may stand elsewhere yet, as it would be at `path`: its registry is found from there.
    ///
    /// # Errors
    /// Whatever would keep it from being used there.
    pub fn in_place(&self, source: Vec<u8>, path: &Path) -> Result<Loaded, Unusable> {
        self.compiled(source, path, Path::new(DEFAULT_LEDGER))
    }

    fn compiled(&self, source: Vec<u8>, path: &Path, ledger: &Path) -> Result<Loaded, Unusable> {
        let source = String::from_utf8(source).map_err(|_| {
            Unusable::Unread(Undecided::server(format!("reading {}", path.display()), "it is not UTF-8 text"))
        })?;
        let document = Document::parse(&source);
        let folder = policy::registry_folder(&document);
        let base = path.parent().unwrap_or(Path::new("."));
        let ledger = base.join(folder.ledger.as_deref().unwrap_or(ledger));
        let (registry, index) = (base.join(&folder.path), self.keeps_index.then_some(ledger.as_path()));
        let registry = Registry::load_indexed(self.trusted, &registry, &folder.required, &self.zone, index);
        let groups = registry.as_ref().map(Registry::groups).unwrap_or_default();
        match policy::compile_parsed(&source, &document, &groups) {
            Err(mut problems) => match registry {
                Ok(_) => Err(Unusable::Broken(source, problems)),
                Err(unread) => {
                    // A group that only the registry knows is not to be blamed on the policy.
                    problems.retain(|problem| !matches!(problem.what, What::UnknownGroup { .. }));
                    Err(if problems.is_empty() { Unusable::Unread(unread) } else { Unusable::Broken(source, problems) })
                }
            },
            Ok(mut policy) => {
                let registry = registry.map_err(Unusable::Unread)?;
                policy.repositories_root = policy.repositories_root.map(|root| base.join(root));
                Ok(Loaded { path: path.to_owned(), source, policy, registry, ledger })
            }
        }
    }

    /// Reads a registry folder; the named parts must be there.
    ///
    /// # Errors
    /// Whatever keeps it from being used.
    pub fn registry(&self, folder: &Path, required: &[String]) -> Result<Registry, Undecided> {
        Registry::load(self.trusted, folder, required, &self.zone)
    }
}

/// Whether a policy is in its place. One that cannot be looked for is not taken for none: the other alone would accept
/// more.
fn is_there(path: &Path) -> Result<bool, Undecided> {
    let undecided = |why: String| Undecided::server(format!("looking for the policy {}", path.display()), why);
    match path.symlink_metadata() {
        Ok(_) => Ok(true),
        Err(error) if matches!(error.kind(), ErrorKind::NotFound | ErrorKind::NotADirectory) => {
            let folder = path.parent().filter(|folder| folder.is_symlink() && !folder.is_dir());
            folder
                .map_or(Ok(false), |folder| Err(undecided(format!("the link {} leads to no folder", folder.display()))))
        }
        Err(error) => Err(undecided(error.to_string())),
    }
}

impl Unusable {
    /// The first mistake stands for all: a pusher cannot mend any.
    pub fn into_undecided(self, path: &Path) -> Undecided {
        match self {
            Self::Unread(undecided) => undecided,
            Self::Broken(source, problems) => {
                let doing = format!("reading this server's policy {}, which is broken", path.display());
                let first = problems.first().map(|problem| {
                    let place = diagnostics::position(&source, problem.place.start);
                    format!("line {}, column {}: {}", place.line, place.column, problem.what)
                });
                let more = match problems.len() {
                    0 | 1 => String::new(),
                    many => format!(" (and {} more)", many - 1),
                };
                Undecided::server(doing, first.unwrap_or_default() + &more)
            }
        }
    }
}

impl Loaded {
    /// What a rule has to know before it can judge.
    pub fn needs(&self, rule: usize) -> Needs {
        let requirements = self.policy.rules.get(rule).into_iter().flat_map(|rule| &rule.requirements);
        requirements.map(policy::rules::Requirement::needs).fold(Needs::default(), Needs::or)
    }

    /// Whether a rule asks if the ref of this name contains something.
    pub fn asks_about(&self, rule: usize, name: &[u8]) -> bool {
        let rule = self.policy.rules.get(rule);
        rule.is_some_and(|rule| rule.requirements.iter().any(|requirement| requirement.asks_about(name)))
    }

    /// What the policy's `server` calls the repository; where that states no names, its path below `repositories-root`,
    /// without `.git`. `None`: unknown.
    pub fn repository_name(&self, git_dir: &Path, evidence: &Evidence) -> Option<Vec<u8>> {
        if let Some(name) = evidence.recorded.as_ref().and_then(|recorded| recorded.repository.clone()) {
            return Some(name);
        }
        match self.policy.server.map_or(Stated::ByPath, |server| server.repository(evidence)) {
            Stated::Name(name) => Some(name),
            Stated::Missing => None,
            Stated::ByPath => self.path_below_root(git_dir),
        }
    }

    fn path_below_root(&self, git_dir: &Path) -> Option<Vec<u8>> {
        use std::os::unix::ffi::OsStrExt;
        let root = self.policy.repositories_root.as_deref()?;
        let root = root.canonicalize().ok()?;
        let below = git_dir.canonicalize().ok()?.strip_prefix(root).ok()?.to_owned();
        let name = below.as_os_str().as_bytes();
        let name = name.strip_suffix(b"/.git").or_else(|| name.strip_suffix(b".git")).unwrap_or(name);
        (!name.is_empty()).then(|| name.to_vec())
    }
}
