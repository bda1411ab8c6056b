//! `ledger close`: another ledger takes over.

use super::Place;
use crate::{
    Undecided,
    cli::{
        Common, Form, Outcome, kept,
        output::{Output, agreed},
        place::{Files, now},
    },
    git::{Quarantine, Repository},
    ledger::{Closed, Ledger, OpenDecision, bytes},
    push::Timestamp,
    report::{SCHEMA, escaped},
    run,
};
use clap::Args;
use serde_json::{Value, json};
use std::{
    collections::BTreeSet,
    ffi::OsStr,
    os::unix::ffi::OsStrExt,
    path::{Path, PathBuf},
};

/// Closes the ledger for good, and makes another that continues it, for when it has grown too large for its disk.
///
/// The last record of the closed one names the next, and the first record of the next one holds the last checkpoint of the closed
/// one. What was received and decided goes on to count: the closed ledger is read with the next, and has to stay where it is.
///
/// Until the policy names the next ledger's folder, all pushes are refused. If this is ended early, run it again.
///
/// Exit status 1 if nothing was done for want of a yes.
#[derive(Args, Debug)]
pub(in crate::cli) struct Arguments {
    /// The next ledger's folder, in which there is no ledger; made if it is not there
    #[arg(long, value_name = "DIR")]
    next: PathBuf,
    /// Does not ask
    #[arg(long)]
    yes: bool,
    #[command(flatten)]
    place: Place,
}

pub(super) fn run(common: &Common, arguments: &Arguments, output: &mut Output) -> Result<Outcome, Undecided> {
    let mut ledger = kept::to_write(common, arguments.place.ledger.as_deref())?;
    let (former, next) = (ledger.folder().to_owned(), arguments.next.display());
    let question = match ledger.closing()? {
        Some(_) => format!("make the ledger in {next} that continues {}, which is closed", former.display()),
        None => format!("close {} for good, and continue it in {next}", former.display()),
    };
    if !arguments.yes && !agreed(&escaped(&question)) {
        match common.format {
            Form::Json => output.line(&json!({ "schema": SCHEMA, "written": false }).to_string())?,
            Form::Human | Form::Porcelain | Form::Csv | Form::Html | Form::Prometheus => {
                output.line("nothing is done; --yes would do it")?
            }
        }
        return Ok(Outcome::NotGood);
    }
    let now = now()?;
    let clock = || crate::cli::place::now().unwrap_or(now);
    let left_open = match ledger.closing()? {
        Some(_) => Vec::new(),
        None => settle_all(&mut ledger, &clock)?,
    };
    let numbers: BTreeSet<u64> = left_open.iter().map(|(_, open)| open.number).collect();
    let making = kept::making(false, now);
    let closed = ledger.close(&arguments.next, &numbers, Files::new(common)?.trusted(), &making, &clock)?;
    match common.format {
        Form::Json => output.line(&as_json(&former, &closed, &left_open).to_string())?,
        Form::Human | Form::Porcelain | Form::Csv | Form::Html | Form::Prometheus => {
            tell(&former, &closed, &left_open, output)?
        }
    }
    Ok(Outcome::Good)
}

/// Settles what is open by the refs of each repository. What stays open of one that is gone, of which nobody will ever know: the path of
/// the repository with each.
fn settle_all(ledger: &mut Ledger, clock: &dyn Fn() -> Timestamp) -> Result<Vec<(Vec<u8>, OpenDecision)>, Undecided> {
    let mut left_open = Vec::new();
    for path in ledger.repositories()? {
        let place = Path::new(OsStr::from_bytes(&path));
        let open = ledger.memory(place)?.open_decisions()?;
        if open.is_empty() {
            continue;
        }
        if place.exists() {
            let repository = Repository::open(place, &Quarantine::default())?;
            run::settle(ledger, place, &repository, clock)?;
        } else {
            left_open.extend(open.into_iter().map(|open| (path.clone(), open)));
        }
    }
    Ok(left_open)
}

fn tell(
    former: &Path,
    closed: &Closed,
    left_open: &[(Vec<u8>, OpenDecision)],
    output: &mut Output,
) -> Result<(), Undecided> {
    let (former, next) = (former.display(), closed.folder.display());
    let mut line = |text: String| output.line(&escaped(&text));
    for (path, open) in left_open {
        let path = String::from_utf8_lossy(path);
        line(format!("record {}: of what became of it nothing is known, since {path} is gone", open.number))?;
    }
    line(format!("record {}: {former} is closed", closed.record))?;
    line(format!("{next} continues it, as {}", closed.key.name()))?;
    line("until the policy names it, all pushes are refused. In each policy that names the closed one:".to_owned())?;
    line("  [ledger]".to_owned())?;
    line(format!("  path = {}", json!(closed.folder.to_string_lossy())))?;
    line(format!("leave {former} where it is: it is read with the next one"))?;
    line(format!("the next one's key is {}: hand it out to auditors, and keep a backup of `key`", closed.key))
}

fn as_json(former: &Path, closed: &Closed, left_open: &[(Vec<u8>, OpenDecision)]) -> Value {
    let left_open = left_open.iter();
    let left_open = left_open.map(|(path, open)| json!({ "record": open.number, "repository": bytes(path) }));
    json!({
        "schema": SCHEMA, "ledger": former.to_string_lossy(), "record": closed.record,
        "next": closed.folder.to_string_lossy(), "origin": closed.key.name(), "key": closed.key.to_string(),
        "left-open": left_open.collect::<Vec<_>>(), "written": true,
    })
}
