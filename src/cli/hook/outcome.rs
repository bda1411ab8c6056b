//! `hook post-receive` and `hook reference-transaction`: what became of it.

use super::{clock, input, malformed, read_lines};
use crate::{
    Undecided,
    cli::{
        Common,
        kept::{self, place_of},
        log,
        output::tell,
        place::{Files, git_dir, now},
    },
    git::{Quarantine, Repository},
    push::{Push, RefName, parse_lines},
    report, run,
};
use std::process::ExitCode;

/// Who tells what was done.
#[derive(Clone, Copy)]
pub(super) enum Told<'a> {
    /// Git's `post-receive` hook.
    PostReceive,
    /// Git's `reference-transaction` hook, with the state of the transaction.
    Transaction(&'a [u8]),
}

/// Records it. Nothing can be refused any more: exit status 3 and a message say that it could not be recorded, and the next
/// push settles it by the refs.
pub(super) fn record(common: &Common, told: Told<'_>) -> ExitCode {
    // Git asks before it changes refs, too; what is recorded is what was done.
    if let Told::Transaction(state) = told
        && state != b"committed"
    {
        return ExitCode::SUCCESS;
    }
    match try_record(common, told) {
        Ok(()) => ExitCode::SUCCESS,
        Err(undecided) => {
            tracing::error!(%undecided, "could not record what git did");
            tell(&report::unrecorded(&undecided));
            ExitCode::from(3)
        }
    }
}

fn try_record(common: &Common, told: Told<'_>) -> Result<(), Undecided> {
    log::start(common, log::Default::Nowhere)?;
    let git_dir = git_dir(common)?;
    let repository = Repository::open(&git_dir, &Quarantine::default())?;
    let (mut push, by) = match told {
        Told::PostReceive => (read_lines(&repository)?, run::POST_RECEIVE),
        Told::Transaction(_) => match read_transaction(&repository)? {
            Some(push) => (push, run::REFERENCE_TRANSACTION),
            None => return Ok(()),
        },
    };
    // A decision is recorded of the ref that is written.
    let references = repository.references()?;
    for update in &mut push.updates {
        update.name = references.written(&update.name);
    }
    let files = Files::new(common)?;
    let policies = files.policies(common, &git_dir)?;
    let now = now()?;
    let mut ledger = kept::open_in_hook(&policies, &files, now)?;
    let place = place_of(&repository)?;
    run::settle_as_told(&mut ledger, &place, &push, by, &clock(now))
}

/// The lines of a transaction that are about refs below `refs/`; `None` if none is. Git writes symbolic refs as `ref:` and their
/// target (githooks(5)); those are not what was decided on.
fn read_transaction(repository: &Repository) -> Result<Option<Push>, Undecided> {
    let lines = input()?;
    // What is no such line at all is left for the parser to refuse.
    let is_ref = |line: &&[u8]| match line.splitn(3, |&byte| byte == b' ').collect::<Vec<_>>().as_slice() {
        [old, new, name] => {
            let symbolic = [old, new].iter().any(|value| value.starts_with(b"ref:"));
            !symbolic && RefName::new(name).is_some_and(|name| name.as_bytes() != b"HEAD")
        }
        _ => true,
    };
    let mut refs: Vec<u8> = Vec::new();
    for line in lines.split_inclusive(|&byte| byte == b'\n').filter(|line| is_ref(&line.trim_ascii_end())) {
        refs.extend(line);
    }
    if refs.is_empty() { Ok(None) } else { parse_lines(&refs, repository.format()).map(Some).map_err(malformed) }
}
