//! Revisions and ranges as a person spells them (gitrevisions(7)).

use super::{ObjectKind, Repository, ancestry::read_commit, opening::described};
use crate::{Undecided, object::parents_as_git_reads_them, push::ObjectId};
use gix::revision::plumbing::Spec;

/// What a person named.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Resolved {
    /// One object, not peeled.
    Object(ObjectId),
    /// `a..b`, or `a^!`: commits, peeled.
    Range {
        /// Its ancestors are in the range, and itself.
        tip: ObjectId,
        /// These are not, nor are their ancestors.
        excluded: Vec<ObjectId>,
    },
}

pub(super) fn resolve(repository: &Repository, gix: &gix::Repository, spec: &str) -> Result<Resolved, Undecided> {
    let failed = |cause: String| Undecided::pusher(format!("looking for `{}`", spec.escape_debug()), cause);
    if let Some(id) = ObjectId::from_hex(spec.as_bytes()) {
        return match repository.header(id)? {
            Some(_) => Ok(Resolved::Object(id)),
            None => Err(failed("there is no such object".to_owned())),
        };
    }
    let own =
        |id: gix::ObjectId| ObjectId::from_bytes(id.as_bytes()).ok_or_else(|| failed("it is the null id".to_owned()));
    let commit = |id: gix::ObjectId| match repository.peel(own(id)?)?.target {
        Some((id, ObjectKind::Commit)) => Ok(id),
        Some((_, ObjectKind::Tree | ObjectKind::Blob | ObjectKind::Tag)) | None => {
            Err(failed("its ends are not commits".to_owned()))
        }
    };
    match gix.rev_parse(spec).map_err(|error| failed(described(&error)))?.detach() {
        Spec::Include(id) => Ok(Resolved::Object(own(id)?)),
        Spec::Range { from, to } => Ok(Resolved::Range { tip: commit(to)?, excluded: vec![commit(from)?] }),
        Spec::ExcludeParents(id) => {
            let tip = commit(id)?;
            let mut bytes = Vec::new();
            read_commit(repository, tip, None, &mut bytes)?;
            Ok(Resolved::Range { tip, excluded: parents_as_git_reads_them(&bytes, repository.format()) })
        }
        Spec::Exclude(_) | Spec::Merge { .. } | Spec::IncludeOnlyParents(_) => {
            Err(failed("only one object, `a..b` and `a^!` are understood".to_owned()))
        }
    }
}
