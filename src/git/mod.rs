//! Reads the repository through gix: objects of the quarantine and of alternates, refs, the walk. The only user of gix.
use crate::{Undecided, push::{ObjectFormat, ObjectId, RefName}};
use std::path::{Path, PathBuf};

/// Where receive-pack keeps the objects of a push until it is accepted (git's tmp-objdir.c).
#[derive(Clone, Debug, Default)]
pub struct Quarantine {
    /// `GIT_OBJECT_DIRECTORY`, resolved.
    pub objects: Option<PathBuf>,
    /// `GIT_ALTERNATE_OBJECT_DIRECTORIES`, raw: `:`-separated, entries may be quoted (git's alternates quoting).
    pub alternates: Vec<u8>,
}

#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum ObjectKind { Commit, Tree, Blob, Tag }

/// One object as read; bytes are in the caller's buffer.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Read {
    /// Its hash is its name.
    Object(ObjectKind),
    /// Over the limit (bytes), not read.
    TooLarge { kind: ObjectKind, size: u64 },
    Missing,
}

/// An opened repository.
pub struct Repository {}

impl Repository {
    /// Opens a repository (bare or a work tree's git dir) without believing environment, replacement refs, grafts or commit-graph.
    pub fn open(git_dir: &Path, quarantine: &Quarantine) -> Result<Self, Undecided> { let _ = (git_dir, quarantine); todo!() }
    pub fn format(&self) -> ObjectFormat { todo!() }
    pub fn git_dir(&self) -> &Path { todo!() }
    /// Reads one object into `buffer` and checks its hash. A wrong hash is an error.
    pub fn read(&self, id: ObjectId, buffer: &mut Vec<u8>) -> Result<Read, Undecided> { let _ = (id, buffer); todo!() }
    /// The kind and size without reading it whole.
    pub fn header(&self, id: ObjectId) -> Result<Option<(ObjectKind, u64)>, Undecided> { let _ = id; todo!() }
    pub fn references(&self) -> Result<References, Undecided> { todo!() }
    /// Whether the quarantine brings a shallow boundary (`GIT_SHALLOW_FILE`/`shallow`) or the repository is shallow.
    pub fn is_shallow(&self) -> Result<bool, Undecided> { todo!() }
    /// Walks what a rule judges; see [`Selection`].
    pub fn walk(&self, selection: &Selection, visit: &mut dyn FnMut(Selected<'_>) -> Result<(), Undecided>) -> Result<Walked, Undecided> { let _ = (selection, visit); todo!() }
    /// Resolves revisions as git-rev-parse does, for `verify`: `(included, excluded)` commits of a range, or one object.
    pub fn resolve(&self, spec: &str) -> Result<Resolved, Undecided> { let _ = spec; todo!() }
}

/// What `verify` was asked for.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Resolved {
    /// One object, not peeled.
    Object(ObjectId),
    /// `a..b`, `^a`-style exclusions, commits peeled.
    Range { tip: ObjectId, excluded: Vec<ObjectId> },
}

/// The symbolic refs of a repository, HEAD among them. Values of ordinary refs are not read.
#[derive(Clone, Debug, Default)]
pub struct References {
    /// Where HEAD points (`refs/heads/main`), also if that does not exist yet; `None` if detached.
    pub head: Option<RefName>,
    /// Symbolic refs below `refs/`: name and direct target.
    pub symbolic: Vec<(RefName, RefName)>,
}

/// Which commits: reachable from `tip`, and not from `old` nor a baseline.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Selection {
    /// A commit.
    pub tip: ObjectId,
    /// The old value, peeled to a commit, where there is one.
    pub old: Option<ObjectId>,
    /// Trusted unread with their ancestors. Those this repository lacks are reported.
    pub baselines: Vec<ObjectId>,
    /// Also visit the first-parent chain of `tip` down to the first commit on the first-parent chain of `old` (or that a
    /// baseline covers), though not gained.
    pub first_parent: bool,
}

/// A commit the walk found. Its bytes are as stored, of the right hash, not parsed.
#[derive(Clone, Copy, Debug)]
pub struct Selected<'a> {
    pub id: ObjectId,
    /// `None`: larger than the bound for commits.
    pub bytes: Option<&'a [u8]>,
    /// False only for commits that `first_parent` adds.
    pub gained: bool,
    /// On the chain that `first_parent` asks for (always false without it).
    pub on_first_parent_chain: bool,
}

/// What the walk as a whole found out.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Walked {
    /// How many commits were visited.
    pub visited: u64,
    /// Whether `old` is reachable from `tip` (true without `old`).
    pub fast_forward: bool,
    /// Baselines that this repository lacks.
    pub missing_baselines: Vec<ObjectId>,
}
