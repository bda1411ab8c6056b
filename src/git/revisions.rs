//! Revisions and ranges as a person spells them (gitrevisions(7)).

use super::{
    ObjectKind, Repository,
    ancestry::read_commit,
    opening::{described, for_revisions},
};
use crate::{
    Undecided,
    object::parents_as_git_reads_them,
    push::{ObjectFormat, ObjectId},
};
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

pub(super) fn resolve(repository: &Repository, spec: &str) -> Result<Resolved, Undecided> {
    let failed = |cause: String| Undecided::pusher(format!("looking for `{}`", spec.escape_debug()), cause);
    if let Some(id) = ObjectId::from_hex(spec.as_bytes()) {
        return match repository.header(id)? {
            Some(_) => Ok(Resolved::Object(id)),
            None => Err(failed("there is no such object".to_owned())),
        };
    }
    let gix = &for_revisions(repository)?;
    let own =
        |id: gix::ObjectId| ObjectId::from_bytes(id.as_bytes()).ok_or_else(|| failed("it is the null id".to_owned()));
    let commit = |id: gix::ObjectId| match repository.peel(own(id)?)?.target {
        Some((id, ObjectKind::Commit)) => Ok(id),
        Some((_, ObjectKind::Tree | ObjectKind::Blob | ObjectKind::Tag)) | None => {
            Err(failed("its ends are not commits".to_owned()))
        }
    };
    let parsed = match (gix.rev_parse(spec), repository.format()) {
        (Err(_), ObjectFormat::Sha256) => gix.rev_parse(spelt_out(gix, spec).as_str()),
        (parsed, ObjectFormat::Sha1 | ObjectFormat::Sha256) => parsed,
    };
    match parsed.map_err(|error| failed(described(&error)))?.detach() {
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

/// Abbreviated SHA-256 ids in full: gix takes what is no longer than a SHA-1 id for the beginning of one, and then does
/// not find loose objects. What is not the beginning of exactly one id stays as it is.
fn spelt_out(gix: &gix::Repository, spec: &str) -> String {
    let ends: Vec<_> = spec.split("..").map(|end| spelt_out_end(gix, end)).collect();
    ends.join("..")
}

fn spelt_out_end(gix: &gix::Repository, end: &str) -> String {
    let (digits, rest) = end.split_at(end.find(|c: char| !c.is_ascii_hexdigit()).unwrap_or(end.len()));
    match begins(gix, digits) {
        Some(id) if rest.is_empty() || rest.starts_with(['^', '~']) => format!("{id}{rest}"),
        Some(_) | None => end.to_owned(),
    }
}

fn begins(gix: &gix::Repository, digits: &str) -> Option<gix::ObjectId> {
    let padded = format!("{digits:0<64}");
    let id = gix::ObjectId::from_hex(padded.as_bytes()).ok()?;
    let prefix = gix::hash::Prefix::new(&id, digits.len()).ok()?;
    gix.objects.lookup_prefix(prefix, None).ok()??.ok()
}
