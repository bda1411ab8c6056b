//! `ledger adopt`: what is there is received now.

use super::{Place, list::ref_name, summary::shown};
use crate::{
    Undecided,
    cli::{
        Common, Form, Outcome, kept,
        output::{Output, agreed, tell},
        place::{Files, now, repository},
        progress::Progress,
    },
    ledger::{Ledger, Memory, RecordId, bytes},
    push::RefName,
    report::{SCHEMA, escaped},
    run::{self, Chosen},
};
use clap::Args;
use serde_json::json;
use std::ffi::OsString;

/// Declares that what refs hold is received now: their present values, and the commits and tags in reach of them that the ledger
/// knows no receipt of. From then on these refs vouch for what they hold, and keys that end later do not undo it.
///
/// Run it as the user that the hook runs as. Nothing is recorded twice. Exit status 1 if nothing was recorded for want of a yes.
#[derive(Args, Debug)]
pub(in crate::cli) struct Arguments {
    /// The refs; `main` stands for `refs/heads/main`
    #[arg(value_name = "REF", required_unless_present = "all", conflicts_with = "all")]
    names: Vec<OsString>,
    /// All refs, tags included, whose value is not recorded, or that hold what was not received
    #[arg(long)]
    all: bool,
    /// Only if nothing of the repository is recorded so far
    #[arg(long, requires = "all")]
    first: bool,
    /// Does not ask
    #[arg(long)]
    yes: bool,
    #[command(flatten)]
    place: Place,
}

pub(super) fn run(common: &Common, arguments: &Arguments, output: &mut Output) -> Result<Outcome, Undecided> {
    let mut names: Vec<RefName> = Vec::new();
    for written in &arguments.names {
        let Some(name) = ref_name(written) else {
            tell(&escaped(&format!("error: `{}` is not the name of a ref", written.to_string_lossy())));
            tell("\n");
            return Ok(Outcome::Usage);
        };
        names.push(name);
    }
    names.sort();
    names.dedup();
    let chosen = if arguments.all { Chosen::All } else { Chosen::These(&names) };
    let repository = repository(common)?;
    let place = kept::place_of(&repository)?;
    let files = Files::new(common)?;
    let folder = match &arguments.place.ledger {
        Some(folder) => folder.clone(),
        None => kept::folder_of(&files.policies(common, repository.git_dir())?)?,
    };
    let reading = kept::read(&folder, &files)?;
    let progress = Progress::of("reading");
    let adoptable = {
        let memory = reading.as_ref().map(|ledger| ledger.memory(&place)).transpose()?;
        if arguments.first && memory.as_ref().map_or(Ok(false), Memory::knows_repository)? {
            return tell_known(common, output);
        }
        let is_adoption = |record: RecordId| {
            let entry = reading.as_ref().map(|ledger| ledger.of(record)?.entry(record.number)).transpose()?.flatten();
            Ok(entry.is_some_and(|entry| entry.kind() == "adopted"))
        };
        run::adoptable(chosen, &repository, memory.as_ref(), &is_adoption, &|| progress.step())
    };
    progress.finish();
    let adoptable = adoptable?;
    drop(reading);
    let plural = if adoptable.refs.len() == 1 { "" } else { "s" };
    let what = format!("{} ref{plural}, with {} commits and tags", adoptable.refs.len(), adoptable.objects.len());
    let is_agreed = adoptable.refs.is_empty() || arguments.yes || asked(&what, &adoptable.refs);
    let mut recorded = None;
    if is_agreed && !adoptable.refs.is_empty() {
        let now = now()?;
        let mut ledger = Ledger::open(&folder, files.trusted(), &kept::making(false, now))?;
        let clock = || crate::cli::place::now().unwrap_or(now);
        run::settle(&mut ledger, &place, &repository, &clock)?;
        let user = rustix::process::geteuid().as_raw();
        recorded = run::adopt(&mut ledger, &place, &repository, &adoptable, user, &clock)?;
    }
    let numbers = recorded.as_ref().map(|recorded| (recorded.first, recorded.last));
    match common.format {
        Form::Json => {
            let refs = adoptable.refs.iter();
            let refs = refs.map(|(name, value)| json!({ "ref": bytes(name.as_bytes()), "value": value.to_string() }));
            let adopted = json!({
                "schema": SCHEMA, "refs": refs.collect::<Vec<_>>(), "objects": adoptable.objects.len(),
                "records": numbers.map(|(first, last)| [first, last]), "written": numbers.is_some(),
            });
            output.line(&adopted.to_string())?;
        }
        Form::Human | Form::Porcelain | Form::Csv | Form::Html | Form::Prometheus => match numbers {
            Some((first, last)) if first == last => output.line(&format!("adopted {what}: record {first}"))?,
            Some((first, last)) => output.line(&format!("adopted {what}: records {first} to {last}"))?,
            None if adoptable.refs.is_empty() => output.line("nothing to adopt: all of it is recorded")?,
            None => output.line(&format!("nothing is recorded; --yes would adopt {what}"))?,
        },
    }
    Ok(if is_agreed { Outcome::Good } else { Outcome::NotGood })
}

fn tell_known(common: &Common, output: &mut Output) -> Result<Outcome, Undecided> {
    if common.format == Form::Json {
        let known = json!({ "schema": SCHEMA, "refs": [], "objects": 0, "records": null, "written": false });
        output.line(&known.to_string())?;
    } else {
        output.line("nothing to adopt: the ledger knows this repository")?;
    }
    Ok(Outcome::Good)
}

/// Whether who sits at the terminal says yes.
fn asked(what: &str, refs: &[(RefName, crate::push::ObjectId)]) -> bool {
    const SHOWN: usize = 10;
    let mut question = String::new();
    for (name, value) in refs.iter().take(SHOWN) {
        question += &format!("  {value}  {}\n", shown(name.as_bytes()));
    }
    if refs.len() > SHOWN {
        question += &format!("  and {} more\n", refs.len().saturating_sub(SHOWN));
    }
    agreed(&format!("{question}adopt {what}"))
}
