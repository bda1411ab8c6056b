//! What is there is declared to be received now.

use super::{Makers, record::list, tip::commit_of};
use crate::{
    Undecided,
    git::Repository,
    ledger::{self, Adoption, Appended, Brought, Digest, Ledger, Memory, Record, RecordId},
    push::{ObjectId, RefName, Timestamp},
};
use std::{collections::HashSet, os::unix::ffi::OsStrExt, path::Path};

/// Bytes that the refs of one record take at most, as they are written; it has room for 65,535.
const REFS_BYTES: usize = 48 * 1024;

/// Objects that are looked up together.
const TOGETHER: usize = 4096;

/// Which refs are adopted.
#[derive(Clone, Copy, Debug)]
pub enum Chosen<'a> {
    /// All whose value is not recorded, or holds what was not received.
    All,
    /// These, unless they were adopted with the values they have, and nothing they hold is new.
    These(&'a [RefName]),
}

/// What is to be adopted.
#[derive(Debug)]
pub struct Adoptable {
    /// The refs and their values.
    pub refs: Vec<(RefName, ObjectId)>,
    /// The commits and tags that they hold and that were not received, sorted.
    pub objects: Vec<ObjectId>,
}

/// Finds it out. `on_commit` is called for each commit that is walked over.
///
/// # Errors
/// A ref is not there; the repository or the ledger cannot be read.
pub fn adoptable(
    chosen: Chosen<'_>,
    repository: &Repository,
    memory: Option<&Memory<'_>>,
    is_adoption: &dyn Fn(RecordId) -> Result<bool, Undecided>,
    on_commit: &dyn Fn(),
) -> Result<Adoptable, Undecided> {
    let present = repository.all_refs()?;
    let refs = match chosen {
        Chosen::All => present,
        Chosen::These(names) => {
            let value = |name: &RefName| {
                let found = present.binary_search_by(|(other, _)| other.cmp(name)).ok().and_then(|at| present.get(at));
                found.cloned().ok_or_else(|| Undecided::server(format!("looking for {name}"), "there is no such ref"))
            };
            names.iter().map(value).collect::<Result<_, _>>()?
        }
    };
    let (mut tags, mut tips) = (HashSet::new(), Vec::new());
    let mut unrecorded = Vec::new();
    for (name, value) in refs {
        let standing = memory.map_or(Ok(None), |memory| memory.standing(&name))?;
        let standing = standing.filter(|standing| standing.value == Some(value));
        let recorded = match (standing, chosen) {
            (None, _) => false,
            (Some(standing), Chosen::These(_)) => is_adoption(standing.record)?,
            (Some(_), Chosen::All) => true,
        };
        let peeled = repository.peel(value)?;
        tags.extend(peeled.layers.iter().map(|(tag, _)| *tag));
        tips.extend(commit_of(&peeled));
        unrecorded.push((name, value, recorded));
    }
    let mut objects: Vec<ObjectId> = Vec::new();
    let held: Vec<_> = repository.reachable(&tips, on_commit)?.into_iter().chain(tags).collect();
    for objects_together in held.chunks(TOGETHER) {
        let received = memory.map(|memory| memory.received_of(objects_together)).transpose()?.unwrap_or_default();
        objects.extend(objects_together.iter().filter(|object| !received.contains_key(object)));
    }
    objects.sort_unstable();
    objects.dedup();
    // Where something is new, which of the refs holds it does not matter.
    let refs = unrecorded.into_iter().filter(|(_, _, recorded)| !recorded || !objects.is_empty());
    Ok(Adoptable { refs: refs.map(|(name, value, _)| (name, value)).collect(), objects })
}

/// Records it: a record for as many refs as one has room for; the first lists what all of them hold. `None` if there is
/// nothing to record.
///
/// # Errors
/// A push to one of the refs is being decided, or has changed it meanwhile; the ledger cannot be written.
pub fn adopt(
    ledger: &mut Ledger,
    place: &Path,
    repository: &Repository,
    adoptable: &Adoptable,
    user: u32,
    clock: &dyn Fn() -> Timestamp,
) -> Result<Option<Appended>, Undecided> {
    if adoptable.refs.is_empty() {
        return Ok(None);
    }
    let listed = (!adoptable.objects.is_empty()).then(|| list(&adoptable.objects, &Makers::default()));
    let mut brought = listed.as_ref().map(|listed| Brought {
        objects: u64::try_from(adoptable.objects.len()).unwrap_or(u64::MAX),
        list: Digest::of(listed),
    });
    ledger.append(clock, |writing| {
        let busy = |name: &RefName, why| Err(Undecided::server(format!("adopting {name}"), why));
        let open = writing.open_decisions(place)?;
        if let Some(open) = open.iter().find(|open| adoptable.refs.iter().any(|(name, _)| *name == open.name)) {
            let why = format!(
                "record {} accepted a push to it, and what became of that is not known yet: try again",
                open.number
            );
            return busy(&open.name, why);
        }
        // Whatever is pushed from now on waits for this to be written.
        let present: HashSet<_> = repository.all_refs()?.into_iter().collect();
        if let Some((name, _)) = adoptable.refs.iter().find(|adopted| !present.contains(*adopted)) {
            return busy(name, "it was changed meanwhile: try again".to_owned());
        }
        if let Some(listed) = &listed {
            writing.content(listed)?;
        }
        for refs in in_records(&adoptable.refs) {
            let repository = place.as_os_str().as_bytes().to_vec();
            let adoption = Adoption { repository, refs: refs.to_vec(), brought: brought.take(), user };
            writing.record(&Record::Adopted(adoption))?;
        }
        Ok(())
    })
}

/// As many refs each as one record has room for.
fn in_records(refs: &[(RefName, ObjectId)]) -> Vec<&[(RefName, ObjectId)]> {
    let (mut records, mut start, mut room) = (Vec::new(), 0, REFS_BYTES);
    for (at, (name, value)) in refs.iter().enumerate() {
        let length = ledger::bytes(name.as_bytes()).to_string().len() + value.to_string().len() + 24;
        if length > room {
            records.extend(refs.get(start..at).filter(|refs| !refs.is_empty()));
            (start, room) = (at, REFS_BYTES);
        }
        room = room.saturating_sub(length);
    }
    records.extend(refs.get(start..).filter(|refs| !refs.is_empty()));
    records
}
