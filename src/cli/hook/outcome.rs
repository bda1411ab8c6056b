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
    push::{RefName, parse_lines},
    report,
    run::{self, Done},
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
    let (mut done, by): (Vec<Done>, _) = match told {
        Told::PostReceive => (read_lines(&repository)?.updates.iter().map(Done::from).collect(), run::POST_RECEIVE),
        Told::Transaction(_) => (read_transaction(&repository)?, run::REFERENCE_TRANSACTION),
    };
    if done.is_empty() {
        return Ok(());
    }
    // A decision is recorded of the ref that is written.
    let references = repository.references()?;
    for done in &mut done {
        done.name = references.written(&done.name);
    }
    let files = Files::new(common)?;
    let policies = files.policies_in_hook(common, &git_dir)?;
    let now = now()?;
    let mut ledger = kept::open_in_hook(&policies, &files, now)?;
    let place = place_of(&repository)?;
    run::settle_as_told(&mut ledger, &place, &repository, &done, by, &clock(now))
}

/// What a transaction did to refs below `refs/`. Git writes symbolic refs as `ref:` and their target (githooks(5)); those are
/// not what was decided on.
fn read_transaction(repository: &Repository) -> Result<Vec<Done>, Undecided> {
    let lines = input()?;
    let mut refs: Vec<u8> = Vec::new();
    let mut done = Vec::new();
    for line in lines.split_inclusive(|&byte| byte == b'\n') {
        let fields: Vec<&[u8]> = line.trim_ascii_end().splitn(3, |&byte| byte == b' ').collect();
        let [old, new, name] = fields.as_slice() else {
            // The parser says what is wrong with it.
            refs.extend(line);
            continue;
        };
        let is_symbolic = old.starts_with(b"ref:") || new.starts_with(b"ref:");
        let Some(name) = RefName::new(name).filter(|name| !is_symbolic && name.as_bytes() != b"HEAD") else { continue };
        let is_null = |id: &[u8]| id.len() == repository.format().hex_len() && id.iter().all(|&digit| digit == b'0');
        match is_null(old) && is_null(new) {
            // Deleted, whatever its value was.
            true => done.push(Done { name, old: None, new: None }),
            false => refs.extend(line),
        }
    }
    if !refs.is_empty() {
        let push = parse_lines(&refs, repository.format()).map_err(malformed)?;
        done.extend(push.updates.iter().map(Done::from));
    }
    Ok(done)
}
