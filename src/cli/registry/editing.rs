//! `registry retire`, `leave` and `compromise`: what they share is how an edit is checked, written and told.

use super::{
    super::{
        Common, Form, Outcome,
        output::{Output, tell},
        place::{Files, now},
        verify::time,
    },
    impact::Impact,
};
use crate::{
    Undecided,
    push::Timestamp,
    registry::{Draft, NotDone},
    report::{SCHEMA, escaped},
    signature::Fingerprint,
    trusted::TrustedFiles,
};
use clap::Args;
use serde_json::json;
use std::path::PathBuf;

/// Where an edit is made.
#[derive(Args, Debug)]
pub(super) struct Place {
    /// The registry folder [default: that of the policy in force; outside a repository, of the site's]
    #[arg(long, value_name = "DIR")]
    pub(super) registry: Option<PathBuf>,
    /// Says what would be done, and writes nothing
    #[arg(long)]
    dry_run: bool,
}

/// Enters in signers.toml that a key is out of use.
///
/// From then on the server refuses what it receives that this key signed; what it has already stays. Comments and
/// formatting of the file stay as they are.
#[derive(Args, Debug)]
pub(in crate::cli) struct Retire {
    /// `SHA256:…`, `openpgp:…`, whole, as `registry list` shows it
    #[arg(value_name = "FINGERPRINT", value_parser = fingerprint)]
    key: Fingerprint,
    /// The first moment at which it counts no more: an RFC 3339 time, or a day [default: now]
    #[arg(long, value_name = "TIME", value_parser = moment)]
    since: Option<Timestamp>,
    /// Why; shown to whoever is refused for it
    #[arg(long, value_name = "TEXT")]
    note: Option<String>,
    #[command(flatten)]
    place: Place,
}

/// Enters in signers.toml that a key is in other hands.
///
/// The server refuses all that this key signed, whatever date it bears, unless it was received before then. Comments and
/// formatting of the file stay as they are.
///
/// Then it says what the ledger knows: each decision that let in what this key signed, before that moment or after it, and
/// the refs that hold what would be refused now. With --dry-run that is all it does.
#[derive(Args, Debug)]
pub(in crate::cli) struct Compromise {
    /// `SHA256:…`, `openpgp:…`, whole, as `registry list` shows it
    #[arg(value_name = "FINGERPRINT", value_parser = fingerprint)]
    key: Fingerprint,
    /// From when on it may have been in other hands: an RFC 3339 time, or a day
    #[arg(long, value_name = "TIME", value_parser = moment)]
    since: Timestamp,
    /// Why; shown to whoever is refused for it
    #[arg(long, value_name = "TEXT")]
    note: Option<String>,
    /// The ledger's folder [default: that of the policy in force; outside a repository, of the site's]
    #[arg(long, value_name = "DIR")]
    ledger: Option<PathBuf>,
    #[command(flatten)]
    place: Place,
}

/// Enters in signers.toml when somebody leaves.
///
/// From then on none of their keys counts. Who has no entry there gets one. Comments and formatting of the file stay as
/// they are.
#[derive(Args, Debug)]
pub(in crate::cli) struct Leave {
    /// Whose id it is, as `registry list` shows it
    #[arg(value_name = "ID")]
    id: String,
    /// An RFC 3339 time, or a day [default: now]
    #[arg(long, value_name = "TIME", value_parser = moment)]
    at: Option<Timestamp>,
    #[command(flatten)]
    place: Place,
}

pub(super) fn retire(common: &Common, arguments: &Retire, output: &mut Output) -> Result<Outcome, Undecided> {
    let Retire { key, since, note, place } = arguments;
    edit(common, place, output, |draft, _| Ok(one(draft.retire(key, *since, note.as_deref()))))
}

pub(super) fn compromise(common: &Common, arguments: &Compromise, output: &mut Output) -> Result<Outcome, Undecided> {
    let Compromise { key, since, note, ledger, place } = arguments;
    let edited = make(common, place, |draft, _| Ok(one(draft.compromise(key, *since, note.as_deref()))))?;
    let Edited::Done { .. } = &edited else { return edited.tell(common, place, None, output) };
    let impact = Impact::of(common, ledger.as_deref(), key, *since);
    let impact = impact.unwrap_or_else(|unknown| {
        tell(&escaped(&format!("warning: what it signed is not known: while {unknown}")));
        tell("\n");
        None
    });
    edited.tell(common, place, impact.as_ref(), output)
}

pub(super) fn leave(common: &Common, arguments: &Leave, output: &mut Output) -> Result<Outcome, Undecided> {
    edit(common, &arguments.place, output, |draft, _| Ok(one(draft.leave(&arguments.id, arguments.at))))
}

/// Edits, checks, writes and tells. What is told begins with what was done, a line each.
pub(super) fn edit(
    common: &Common,
    place: &Place,
    output: &mut Output,
    edit: impl FnOnce(&mut Draft, &TrustedFiles) -> Result<Result<Vec<String>, NotDone>, Undecided>,
) -> Result<Outcome, Undecided> {
    make(common, place, edit)?.tell(common, place, None, output)
}

/// What came of an edit.
enum Edited {
    Done {
        /// A sentence each.
        done: Vec<String>,
        is_changed: bool,
    },
    /// Why not.
    Not(String),
    /// It could be meant of two registries.
    Unclear,
}

/// Edits, checks and writes.
fn make(
    common: &Common,
    place: &Place,
    edit: impl FnOnce(&mut Draft, &TrustedFiles) -> Result<Result<Vec<String>, NotDone>, Undecided>,
) -> Result<Edited, Undecided> {
    let files = Files::new(common)?;
    let Some(folder) = folder(common, &files, place)? else { return Ok(Edited::Unclear) };
    let setup = files.setup();
    let mut draft = Draft::open(setup.trusted, &folder, &setup.zone, now()?)?;
    let done = match edit(&mut draft, setup.trusted)? {
        Ok(done) => draft.check(setup.trusted)?.map(|claimed| [done, claimed].concat()),
        Err(not_done) => Err(not_done),
    };
    let done = match done {
        Ok(done) => done,
        Err(NotDone(why)) => return Ok(Edited::Not(why)),
    };
    let is_changed = draft.has_changes();
    if is_changed && !place.dry_run {
        draft.save(setup.trusted)?;
    }
    Ok(Edited::Done { done, is_changed })
}

impl Edited {
    /// What was done, a line each, and what is known of a key that is compromised.
    fn tell(
        &self,
        common: &Common,
        place: &Place,
        impact: Option<&Impact>,
        output: &mut Output,
    ) -> Result<Outcome, Undecided> {
        let (done, is_changed) = match self {
            Self::Done { done, is_changed } => (done, *is_changed),
            Self::Not(why) => return not_done(common, why, output),
            Self::Unclear => return Ok(Outcome::Usage),
        };
        match common.format {
            Form::Json => {
                let written = is_changed && !place.dry_run;
                let mut told = json!({ "schema": SCHEMA, "done": done, "refused": null, "written": written });
                if let (Some(fields), Some(impact)) = (told.as_object_mut(), impact) {
                    fields.insert("impact".to_owned(), impact.to_json());
                }
                output.line(&told.to_string())?;
            }
            Form::Human | Form::Porcelain | Form::Csv | Form::Html | Form::Prometheus => {
                let not_written = if place.dry_run { "; nothing is written (--dry-run)" } else { "" };
                for done in done {
                    output.line(&format!("{}{not_written}", escaped(done)))?;
                }
                if done.is_empty() {
                    output.line("nothing to do")?;
                }
                for line in impact.map(Impact::lines).unwrap_or_default() {
                    output.line(&line)?;
                }
            }
        }
        Ok(Outcome::Good)
    }
}

fn one(done: Result<String, NotDone>) -> Result<Vec<String>, NotDone> {
    done.map(|done| vec![done])
}

fn not_done(common: &Common, why: &str, output: &mut Output) -> Result<Outcome, Undecided> {
    match common.format {
        Form::Json => {
            output.line(&json!({ "schema": SCHEMA, "done": [], "refused": why, "written": false }).to_string())?;
        }
        Form::Human | Form::Porcelain | Form::Csv | Form::Html | Form::Prometheus => {
            tell(&format!("error: {}\n", escaped(why)));
        }
    }
    Ok(Outcome::NotGood)
}

/// The one registry that is meant; none, and told, where it could be two.
fn folder(common: &Common, files: &Files, place: &Place) -> Result<Option<PathBuf>, Undecided> {
    if let Some(folder) = &place.registry {
        return Ok(Some(folder.clone()));
    }
    let policies = files.policies_here(common)?;
    let mut folders: Vec<_> = policies.iter().map(|loaded| loaded.registry.folder().to_owned()).collect();
    folders.dedup();
    if folders.len() > 1 {
        tell("error: two policies are in force here; say whose registry is meant with --registry or --policy\n");
        return Ok(None);
    }
    Ok(folders.pop())
}

/// A number alone is as likely a year as the seconds that it would be.
pub(in crate::cli) fn moment(text: &str) -> Result<Timestamp, String> {
    let is_number = text.bytes().all(|byte| byte.is_ascii_digit());
    time(text)
        .ok()
        .filter(|_| !is_number)
        .ok_or_else(|| "an RFC 3339 time such as 2026-05-01T00:00:00Z, or a day".to_owned())
}

pub(in crate::cli) fn fingerprint(text: &str) -> Result<Fingerprint, String> {
    Fingerprint::parse(text)
        .ok_or_else(|| "a whole fingerprint, such as SHA256:… (`ssh-keygen -l`) or openpgp:…".to_owned())
}
