//! Whether a push says of refs what they are. Git looks at it only after the hook, and what git then does not do would stand
//! recorded as accepted.

use crate::{
    Undecided,
    git::{References, Repository},
    policy::Stale,
    push::{Push, RefName},
};
use std::collections::BTreeMap;

/// The updates, by their place, of which a ref has not the old value that the push states, or that change nothing.
pub(super) fn stale(
    push: &Push,
    repository: &Repository,
    references: &References,
) -> Result<BTreeMap<usize, Stale>, Undecided> {
    let written: Vec<RefName> = push.updates.iter().map(|update| references.written(&update.name)).collect();
    let present = repository.ref_values(&written)?;
    let of = |(at, (update, name)): (usize, (&crate::push::RefUpdate, &RefName))| {
        let (old, new) = (update.change.old(), update.change.new());
        let stale = match present.get(name).copied() {
            value if value != old => Some(Stale::OtherValue(value)),
            _ if old == new => Some(Stale::NoChange),
            _ => None,
        };
        stale.map(|stale| (at, stale))
    };
    Ok(push.updates.iter().zip(&written).enumerate().filter_map(of).collect())
}
