//! `ledger restore`: the ledger made again from what was kept of it.

use super::{Place, files::Files};
use crate::{
    Undecided,
    cli::{
        self, Common, Form, Outcome, kept,
        output::{Output, tell},
    },
    ledger::{
        Digest, Entry, Ledger, Restoring, Unreadable,
        export::{self, CHECKPOINT, Fault},
        files_of,
        key::SigningKey,
        outside,
    },
    report::{SCHEMA, escaped},
};
use clap::Args;
use serde_json::json;
use std::{
    fs,
    path::{Path, PathBuf},
};

/// Makes a ledger again in a folder where none is, from a copy of its database or from an export, and its key.
///
/// Records, contents and checkpoints are taken over, and all else is computed; nothing is there unless all of it is whole.
/// What was recorded after the copy was made is not in it: `ledger verify --against` with a later checkpoint says so. Refs
/// that moved meanwhile are recorded as moved with the next push to each.
///
/// Exit status 1 if what was kept is not whole.
#[derive(Args, Debug)]
pub(in crate::cli) struct Arguments {
    /// The copy of `ledger.sqlite`, the folder that it is in, or the folder of an export
    #[arg(value_name = "FROM")]
    from: PathBuf,
    /// The ledger's secret key, from its backup: the file `key`
    #[arg(long, value_name = "FILE")]
    key: PathBuf,
    #[command(flatten)]
    place: Place,
}

pub(super) fn run(common: &Common, arguments: &Arguments, output: &mut Output) -> Result<Outcome, Undecided> {
    let folder = kept::place_named(common, arguments.place.ledger.as_deref())?;
    let key = secret(&arguments.key)?;
    let files = Files::at(&arguments.from);
    let trusted = cli::place::Files::new(common)?;
    if files.has(CHECKPOINT) {
        let mut faults = 0_u64;
        let exported = export::check(key.verifier(), &mut |name| files.load(name), &mut |fault| {
            faults = faults.saturating_add(1);
            tell(&(escaped(&format!("error: {fault}")) + "\n"));
        });
        let Some(exported) = exported.filter(|_| faults == 0) else { return Ok(Outcome::NotGood) };
        let numbers: Vec<u64> = exported.keys.iter().skip(1).map(|(number, _)| *number).collect();
        let mut fill = |restoring: &mut Restoring<'_>| from_export(&files, exported.size(), &numbers, restoring);
        Ledger::restore(&folder, trusted.trusted(), &key, &mut fill)?;
    } else {
        let file = database(&arguments.from)?;
        let mut fill = |restoring: &mut Restoring<'_>| Ledger::copy_from(&file, restoring);
        Ledger::restore(&folder, trusted.trusted(), &key, &mut fill)?;
    }
    let restored = kept::to_ask(common, Some(&folder))?;
    let note = restored.last_checkpoint()?;
    let size = outside::read(&note).ok().and_then(|read| read.first().map(|checkpoint| checkpoint.size));
    let (shown, size) = (folder.to_string_lossy(), size.unwrap_or_default());
    match common.format {
        Form::Json => {
            output.line(&json!({ "schema": SCHEMA, "ledger": shown, "records": size }).to_string())?;
        }
        Form::Human | Form::Porcelain | Form::Csv | Form::Html | Form::Prometheus => {
            output.line(&escaped(&format!("{shown}: {size} records restored")))?;
            output
                .line("what was recorded later is not in it: ledger verify --against a later checkpoint shows that")?;
        }
    }
    Ok(Outcome::Good)
}

fn secret(file: &Path) -> Result<SigningKey, Undecided> {
    let doing = || format!("reading the key `{}`", file.display());
    let text = fs::read_to_string(file).map_err(|error| Undecided::server(doing(), error))?;
    SigningKey::parse(&text).map_err(|error| Undecided::server(doing(), error))
}

/// The copy's file, in which all of it is.
fn database(from: &Path) -> Result<PathBuf, Undecided> {
    let file = if from.is_dir() { from.join("ledger.sqlite") } else { from.to_owned() };
    let mut log = file.clone().into_os_string();
    log.push("-wal");
    if fs::metadata(&log).is_ok_and(|found| found.len() > 0) {
        let why = "it has a log beside it, in which its last records are: copy it with `sqlite3 … \"VACUUM INTO …\"`";
        return Err(Undecided::server(format!("reading the copy `{}`", file.display()), why));
    }
    Ok(file)
}

fn from_export(files: &Files, size: u64, rotations: &[u64], restoring: &mut Restoring<'_>) -> Result<(), Undecided> {
    let mut load = |name: &str| files.load(name);
    export::records(size, &mut load, &mut |body| {
        restoring.record(body).map_err(Stopped::Store)?;
        let unreadable = |error: Unreadable| Stopped::Export(error.to_string());
        let entry = Entry::read(body).map_err(unreadable)?;
        let load = |digest: Digest| {
            let name = export::content(digest);
            files.load(&name).map_err(|what| Stopped::Export(format!("{name}: {what}")))
        };
        let mut digests = entry.digests().map_err(unreadable)?;
        if let Some(list) = entry.new_registry().map_err(unreadable)? {
            digests.extend(files_of(&load(list)?).into_iter().map(|(file, _)| file));
        }
        for digest in digests {
            restoring.content(&load(digest)?).map_err(Stopped::Store)?;
        }
        Ok(())
    })
    .map_err(|stopped| match stopped {
        Stopped::Store(undecided) => undecided,
        Stopped::Export(what) => reading(files, what),
    })?;
    let names = rotations.iter().map(|number| export::rotation(*number)).chain([CHECKPOINT.to_owned()]);
    let mut covered = 0;
    for name in names {
        let note = files.load(&name).map_err(|what| reading(files, format!("{name}: {what}")))?;
        let read = outside::read(&note).map_err(|error| reading(files, format!("{name}: {error}")))?;
        // Two keys may be named in one push, and the last checkpoint may be a rotation's.
        for checkpoint in read.iter().filter(|checkpoint| checkpoint.size > covered) {
            restoring.checkpoint(checkpoint.size, &note)?;
        }
        covered = read.iter().map(|checkpoint| checkpoint.size).max().unwrap_or(covered);
    }
    Ok(())
}

/// Why not all of it was taken over.
enum Stopped {
    Export(String),
    Store(Undecided),
}

impl From<Fault> for Stopped {
    fn from(fault: Fault) -> Self {
        Self::Export(fault.to_string())
    }
}

fn reading(files: &Files, what: String) -> Undecided {
    Undecided::server(format!("reading the export `{}`", files.path().display()), what)
}
