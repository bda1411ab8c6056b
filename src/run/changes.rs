//! The paths that commits change, for rules that ask: compared only then.

use crate::{
    Undecided,
    bounds::Bounds,
    git::{ChangedPath, Comparer, Content, ObjectKind, Repository, Unclear},
    object::{Malformed, Mode, tree_as_git_reads_it},
    policy::{
        facts::{Changed, Defect, Held},
        rules::Needs,
    },
    push::ObjectId,
};

/// Looks for what one walk's commits change.
pub(super) struct Changes<'a> {
    repository: &'a Repository,
    comparer: Comparer<'a>,
    needs: Needs,
}

impl<'a> Changes<'a> {
    pub(super) fn new(repository: &'a Repository, needs: Needs) -> Self {
        Self { repository, comparer: Comparer::new(repository), needs }
    }

    /// What a commit changes; `None` if nobody asks, or for one that is refused because it is too large or names no tree.
    pub(super) fn of(
        &mut self,
        id: ObjectId,
        bytes: Option<&[u8]>,
    ) -> Result<Option<Result<Vec<Changed>, Defect>>, Undecided> {
        let Some(bytes) = bytes.filter(|_| self.needs.changes) else { return Ok(None) };
        if tree_as_git_reads_it(bytes, self.repository.format()).is_none() {
            return Ok(None);
        }
        let found = match self.comparer.changes(id, bytes)? {
            Ok(found) => found,
            Err(unclear) => return Ok(Some(Err(defect(unclear)))),
        };
        let mut changes = Vec::with_capacity(found.len());
        for ChangedPath { path, before, after } in found {
            let after = after.map(|content| self.held(content)).transpose()?;
            changes.push(Changed { path, before: before.map(unmeasured), after });
        }
        Ok(Some(Ok(changes)))
    }

    /// With the blob's size, if that is asked for. What was there before is not measured.
    fn held(&self, content: Content) -> Result<Held, Undecided> {
        let failed = |what: &str| Undecided::server("measuring blobs", format!("{} {what}", content.id));
        let size = match content.mode {
            Mode::File | Mode::Executable | Mode::Link if self.needs.sizes => {
                match self.repository.header(content.id)? {
                    Some((ObjectKind::Blob, size)) => Some(size),
                    Some((ObjectKind::Commit | ObjectKind::Tree | ObjectKind::Tag, _)) => {
                        return Err(failed("stands in a tree as a file, and is none"));
                    }
                    None => return Err(failed("is missing")),
                }
            }
            Mode::File | Mode::Executable | Mode::Link | Mode::Submodule | Mode::Tree => None,
        };
        Ok(Held { size, ..unmeasured(content) })
    }
}

fn unmeasured(content: Content) -> Held {
    Held { mode: content.mode.bits(), id: content.id, size: None }
}

fn defect(unclear: Unclear) -> Defect {
    match unclear {
        Unclear::Malformed(tree, Malformed(what)) => {
            Defect::Malformed(Malformed(format!("has a tree, {}, that {what}", tree.short())))
        }
        Unclear::LongPath => Defect::ChangesTooMuch(format!("it has a path of more than {} bytes", Bounds::PATH)),
        Unclear::ManyPaths => Defect::ChangesTooMuch(format!("it changes more than {} paths", Bounds::CHANGED_PATHS)),
        Unclear::LargeTrees => {
            let mebibytes = Bounds::COMPARED >> 20;
            Defect::ChangesTooMuch(format!("what it changes takes more than {mebibytes} MiB to find"))
        }
    }
}
