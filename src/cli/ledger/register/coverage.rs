//! What the register covers: period, records, checkpoint, witnesses.

use super::{Asked, Head, read, record};
use crate::{
    Undecided,
    bounds::Bounds,
    cli::ledger::witnessing::WITNESSED,
    ledger::{Ledger, note::Note, outside},
    push::Timestamp,
    report::register::{Checkpoint, Coverage, Witness},
};
use std::{fs, io::ErrorKind, path::Path};

/// That of the whole ledger, as of `now`; what could not be read or compared is left to be told.
pub(in crate::cli::ledger) fn coverage(
    ledger: &Ledger,
    asked: &Asked,
    head: &Head,
    now: Timestamp,
) -> Result<Coverage, Undecided> {
    let records = match ledger.span(asked.from, asked.to)? {
        Some((first, last)) => {
            Some((record(&read(ledger, first)?), record(&read(ledger, last)?), last.saturating_sub(first) + 1))
        }
        None => None,
    };
    let first = read(ledger, 0)?;
    let mut open = 0;
    for repository in ledger.repositories()? {
        use std::os::unix::ffi::OsStrExt;
        let place = Path::new(std::ffi::OsStr::from_bytes(&repository));
        let is_in = |time: Timestamp| asked.from.is_none_or(|from| from <= time) && asked.to.is_none_or(|to| time < to);
        let is_asked = asked.repositories.as_ref().is_none_or(|asked| asked.contains(&repository));
        if is_asked {
            let decisions = ledger.memory(place)?.open_decisions()?;
            open += decisions.iter().filter(|open| is_in(open.time)).count();
        }
    }
    Ok(Coverage {
        made: now,
        from: asked.from,
        to: asked.to,
        name: asked.name.clone(),
        repositories: asked.repositories.clone(),
        overdue_alone: asked.overdue_alone,
        begun: record(&first),
        former: first.bytes("former").ok(),
        records,
        open: u64::try_from(open).unwrap_or(u64::MAX),
        checkpoint: Checkpoint {
            origin: head.checkpoint.origin().to_owned(),
            size: head.checkpoint.size(),
            root: head.checkpoint.root().to_string(),
            key: head.key.to_string(),
            note: head.note.to_string(),
        },
        witnesses: witnesses(ledger, head)?,
        unread: Vec::new(),
        uncompared: Vec::new(),
    })
}

/// What witnesses signed, as `ledger publish` kept it once it had verified that: the witnesses' keys are not kept.
fn witnesses(ledger: &Ledger, head: &Head) -> Result<Vec<Witness>, Undecided> {
    let folder = ledger.folder().join(WITNESSED);
    let failed = |error| Undecided::server(format!("reading `{}`", folder.display()), error);
    let entries = match fs::read_dir(&folder) {
        Err(error) if error.kind() == ErrorKind::NotFound => return Ok(Vec::new()),
        entries => entries.map_err(failed)?,
    };
    let mut files = Vec::new();
    for entry in entries {
        files.push(entry.map_err(failed)?.path());
    }
    // What is being written is called `….new`.
    files.retain(|file| file.extension().is_none());
    files.sort();
    files.into_iter().map(|file| witness(ledger, head, &file)).collect()
}

fn witness(ledger: &Ledger, head: &Head, file: &Path) -> Result<Witness, Undecided> {
    let failed = || format!("reading `{}`", file.display());
    let bytes = fs::read(file).map_err(|error| Undecided::server(failed(), error))?;
    let note = Some(&bytes).filter(|bytes| bytes.len() <= Bounds::NOTE).map(|bytes| Note::parse(bytes));
    let note = note.transpose().ok().flatten();
    let kept = outside::read(&bytes).ok().and_then(|kept| kept.into_iter().next());
    let Some((note, kept)) = note.zip(kept) else {
        return Err(Undecided::server(failed(), "it is no checkpoint"));
    };
    let names = note.lines().iter().map(|line| line.name().to_owned());
    let names = names.filter(|name| *name != kept.origin).collect();
    let keys: Vec<_> = ledger.keys()?.into_iter().map(|(_, key)| key).collect();
    let now = (head.checkpoint.size(), head.checkpoint.root());
    let checked = kept.check(now, &keys, &mut |level, index| ledger.hash(level, index));
    Ok(Witness { names, size: kept.size, differs: checked.err().map(|why| why.to_string()) })
}
