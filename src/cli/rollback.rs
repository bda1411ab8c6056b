//! `policy rollback`: the former policy is in force again.

use super::{
    Common, Outcome,
    install::Place,
    output::Output,
    place::{Files, now},
    policy,
};
use crate::{Undecided, bounds::Bounds, run::Unusable};
use rustix::{
    fs::{CWD, RenameFlags, renameat_with},
    io::Errno,
};

pub(super) fn run(common: &Common, output: &mut Output) -> Result<Outcome, Undecided> {
    let files = Files::new(common)?;
    let setup = files.setup();
    let place = Place::of(common)?;
    let doing = || format!("bringing back the policy before {}", place.policy.display());
    if !setup.trusted.exists(&place.policy)? || !setup.trusted.exists(&place.former)? {
        let why = format!("there is none at {}: nothing was installed over another", place.former.display());
        return Err(Undecided::server(doing(), why));
    }
    let lock = place.lock()?;
    // Relative paths mean the same beside the present one, but the registry may be another since.
    let bytes = setup.trusted.read(&place.former, Bounds::POLICY)?;
    let loaded = match setup.in_place(bytes, &place.policy) {
        Ok(loaded) => loaded,
        Err(Unusable::Unread(undecided)) => return Err(undecided),
        Err(Unusable::Broken(source, problems)) => {
            return policy::broken(common, &place.former, &source, &problems, output);
        }
    };
    let warnings = policy::warnings(common, &loaded, now()?)?;
    // Both names change hands at once (renameat2(2)), so a second rollback undoes the first.
    match renameat_with(CWD, &place.former, CWD, &place.policy, RenameFlags::EXCHANGE) {
        Ok(()) => place.settle()?,
        Err(Errno::INVAL | Errno::NOSYS) => {
            let former = place.former.display();
            let why = format!("this file system cannot swap two files; copy {former}, and `policy install` the copy");
            return Err(Undecided::server(doing(), why));
        }
        Err(error) => return Err(place.failed("swapping it with the former one", &error.into())),
    }
    drop(lock);
    let said = "the former policy is in force again; a second rollback undoes this";
    place.tell(common, true, said, &warnings, output)
}
