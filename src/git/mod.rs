//! Reads the repository: objects of the quarantine and of alternates, refs, the walk. The only importer of gix.
//!
//! Nothing here believes the environment, replacement refs, grafts or the commit-graph: what is read is what the bytes
//! say, and each object that is read whole hashes to its name. A foreign object folder can therefore add objects but
//! never change one, and only what is truly reachable from a trusted commit is ever left out of a walk.

mod alternates;
mod ancestry;
mod bases;
mod chains;
mod changes;
mod folder;
mod loose;
mod objects;
mod opening;
mod peeling;
mod references;
mod revisions;
mod walk;

pub use changes::{ChangedPath, Comparer, Content, Unclear};
pub use objects::id_of;
pub use peeling::{Fault, Peeled};
pub use references::References;
pub use revisions::Resolved;
pub use walk::{Selected, Selection, Settled, Trusted, Visit, Walk, Walked};

use crate::{
    Undecided,
    push::{ObjectFormat, ObjectId, ObjectIdSet, RefName},
};
use objects::Objects;
use std::{
    collections::BTreeMap,
    path::{Path, PathBuf},
};

/// What receive-pack keeps apart until a push is accepted (git's `tmp-objdir.c` and `builtin/receive-pack.c`).
///
/// Paths may be relative to the working directory, which is the repository's when git runs a hook.
#[derive(Clone, Debug, Default)]
pub struct Quarantine {
    /// `GIT_OBJECT_DIRECTORY`: where the objects of the push are; absent for a pure deletion.
    pub objects: Option<PathBuf>,
    /// `GIT_ALTERNATE_OBJECT_DIRECTORIES` as it stands: separated by `:`, entries may be quoted.
    pub alternates: Vec<u8>,
    /// `GIT_SHALLOW_FILE`: set, for `update` too, if the push would make the repository shallow or more so.
    pub shallow_file: Option<PathBuf>,
}

/// The kinds of objects there are.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum ObjectKind {
    /// A commit.
    Commit,
    /// A tree.
    Tree,
    /// A blob.
    Blob,
    /// An annotated tag.
    Tag,
}

/// How reading an object went; its bytes are in the caller's buffer.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Read {
    /// Its hash is its name.
    Object(ObjectKind),
    /// Larger than [`Bounds::OBJECT`](crate::bounds::Bounds::OBJECT), not read.
    TooLarge {
        /// What it says it is.
        kind: ObjectKind,
        /// Its size in bytes.
        size: u64,
    },
    /// No object folder has it.
    Missing,
}

/// An opened repository.
pub struct Repository {
    git_dir: PathBuf,
    /// The same without links.
    place: PathBuf,
    /// Where all but a work tree's own is.
    common_dir: PathBuf,
    format: ObjectFormat,
    objects: Objects,
    shallow_file: Option<PathBuf>,
}

impl Repository {
    /// Opens a repository (bare, or a work tree's git directory) and the object folders it reads from.
    ///
    /// # Errors
    /// It is none, or uses an extension or a ref storage that is not known here.
    pub fn open(git_dir: &Path, quarantine: &Quarantine) -> Result<Self, Undecided> {
        opening::open(git_dir, quarantine)
    }

    /// Which hash names its objects.
    pub fn format(&self) -> ObjectFormat {
        self.format
    }

    /// The git directory, as it was opened.
    pub fn git_dir(&self) -> &Path {
        &self.git_dir
    }

    /// Reads one object into `buffer`, which is overwritten, and checks its hash.
    ///
    /// # Errors
    /// It cannot be read, or its content is another object's.
    pub fn read(&self, id: ObjectId, buffer: &mut Vec<u8>) -> Result<Read, Undecided> {
        self.objects.read(id, buffer)
    }

    /// The kind and the size in bytes, without reading it whole; `None` if it is missing. The hash is not checked.
    ///
    /// # Errors
    /// It cannot be read.
    pub fn header(&self, id: ObjectId) -> Result<Option<(ObjectKind, u64)>, Undecided> {
        self.objects.header(id)
    }

    /// The symbolic refs; values of others are not read.
    ///
    /// # Errors
    /// `HEAD` or the ref folder cannot be read.
    pub fn references(&self) -> Result<References, Undecided> {
        references::symbolic(&self.common_dir)
    }

    /// All direct refs below `refs/` with their values, not peeled, sorted by name.
    ///
    /// # Errors
    /// One of them cannot be read.
    pub fn all_refs(&self) -> Result<Vec<(RefName, ObjectId)>, Undecided> {
        references::direct(&self.common_dir, self.format)
    }

    /// The direct refs below a folder of refs (`refs/approvals/`, with the `/`), with their values, not peeled, sorted by name.
    ///
    /// # Errors
    /// One of them cannot be read.
    pub fn refs_below(&self, folder: &[u8]) -> Result<Vec<(RefName, ObjectId)>, Undecided> {
        references::below(&self.common_dir, self.format, folder)
    }

    /// The values of those of these refs that are there and direct, not peeled.
    ///
    /// # Errors
    /// One of them cannot be read.
    pub fn ref_values(&self, names: &[RefName]) -> Result<BTreeMap<RefName, ObjectId>, Undecided> {
        references::values(&self.common_dir, self.format, names)
    }

    /// Whether an object was there before the push, which may bring it again.
    ///
    /// # Errors
    /// An object folder cannot be read.
    pub fn is_settled(&self, id: ObjectId) -> Result<bool, Undecided> {
        self.objects.is_settled(id)
    }

    /// Whether the push cuts history off. A boundary that the repository has already changes nothing in what is read:
    /// where it is reached, a commit is missing, which is an error.
    ///
    /// # Errors
    /// The boundary's file cannot be read.
    pub fn is_shallow(&self) -> Result<bool, Undecided> {
        opening::is_shallow(self)
    }

    /// Whether history ends early in it, or would after the push.
    ///
    /// # Errors
    /// The boundary's file cannot be read.
    pub fn is_cut_off(&self) -> Result<bool, Undecided> {
        opening::is_cut_off(self)
    }

    /// Follows annotated tags to what `id` is in the end.
    ///
    /// # Errors
    /// An object on the way is missing or cannot be read. What is wrong with a tag is no error but a [`Fault`].
    pub fn peel(&self, id: ObjectId) -> Result<Peeled, Undecided> {
        peeling::peel(self, id)
    }

    /// Visits each commit that is selected once, the tip first, and reads it as it goes.
    ///
    /// The tip is visited even if it is not gained, unless a baseline covers it.
    ///
    /// # Errors
    /// Those of `visit`; a commit that is missing or cannot be read.
    pub fn walk(&self, selection: &Selection, visit: &mut Visit<'_>) -> Result<Walked, Undecided> {
        walk::walk(self, selection, visit)
    }

    /// Whether one commit is another's ancestor, or the same.
    ///
    /// # Errors
    /// A commit is missing or cannot be read.
    pub fn is_ancestor(&self, ancestor: ObjectId, descendant: ObjectId) -> Result<bool, Undecided> {
        ancestry::reaches(self, &[descendant], ancestor)
    }

    /// Whether a commit is among the first so many on the line of first parents from `tip` on.
    ///
    /// # Errors
    /// A commit is missing or cannot be read.
    pub fn is_on_first_parents(&self, tip: ObjectId, commit: ObjectId, at_most: usize) -> Result<bool, Undecided> {
        chains::begins_with(self, tip, commit, at_most)
    }

    /// The same for several descendants: whether it is an ancestor of one of them.
    ///
    /// # Errors
    /// A commit is missing or cannot be read.
    pub fn is_ancestor_of_any(&self, ancestor: ObjectId, descendants: &[ObjectId]) -> Result<bool, Undecided> {
        ancestry::reaches(self, descendants, ancestor)
    }

    /// These commits and all their ancestors. `on_commit` is called for each.
    ///
    /// # Errors
    /// A commit is missing or cannot be read.
    pub fn reachable(&self, tips: &[ObjectId], on_commit: &dyn Fn()) -> Result<ObjectIdSet, Undecided> {
        ancestry::reachable(self, tips, on_commit)
    }

    /// The best of the ancestors that two commits share: all of them that are no ancestors of another, sorted.
    ///
    /// # Errors
    /// A commit is missing or cannot be read.
    pub fn merge_bases(&self, one: ObjectId, other: ObjectId) -> Result<Vec<ObjectId>, Undecided> {
        bases::Lineage::new(self).merge_bases(one, other)
    }

    /// Reads a revision or a range of them, as gitrevisions(7) spells them.
    ///
    /// # Errors
    /// It names nothing here, or is a kind of range that is not one tip without some ancestors.
    pub fn resolve(&self, spec: &str) -> Result<Resolved, Undecided> {
        revisions::resolve(self, spec)
    }
}

impl ObjectKind {
    /// As it stands in objects and in `git cat-file -t`.
    pub fn name(self) -> &'static str {
        match self {
            Self::Commit => "commit",
            Self::Tree => "tree",
            Self::Blob => "blob",
            Self::Tag => "tag",
        }
    }
}

impl std::fmt::Debug for Repository {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Repository")
            .field("git_dir", &self.git_dir)
            .field("format", &self.format)
            .finish_non_exhaustive()
    }
}
