//! `verify`: signatures against the registry, without a policy's rules.

use super::{
    Common, Form, Outcome,
    kept::Kept,
    output::{Output, tell},
    place::{Files, now, repository},
};
use crate::{
    Undecided,
    git::{ObjectKind, Read, Repository, Resolved, Selection},
    object::{Commit, Malformed, Tag},
    push::{ObjectId, Timestamp},
    registry::{Attribution, Registry, VerifyTime, When},
    report::{SCHEMA, escaped},
    run::Receipts,
    signature,
};
use anstyle::AnsiColor;
use clap::Args;
use serde_json::json;
use std::{
    io::{BufRead, stdin},
    os::unix::ffi::OsStrExt,
    path::PathBuf,
};

/// Checks signatures of commits and tags. A range `A..B` stands for the commits it holds.
///
/// Exit status 1 if anything is not `good`.
#[derive(Args, Debug)]
pub(super) struct Arguments {
    /// Commits, annotated tags, ranges
    #[arg(value_name = "OBJECT|RANGE", required_unless_present = "stdin")]
    objects: Vec<String>,
    /// Reads object names from standard input, one a line
    #[arg(long)]
    stdin: bool,
    /// The registry folder [default: the policy's]
    #[arg(long, value_name = "DIR")]
    registry: Option<PathBuf>,
    /// Judges as of then: an RFC 3339 time, or seconds since 1970 [default: when the ledger says that each was received, else now]
    #[arg(long, value_name = "TIME", value_parser = time)]
    at: Option<Timestamp>,
}

pub(super) fn run(common: &Common, arguments: &Arguments, output: &mut Output) -> Result<Outcome, Undecided> {
    if !common.format.is_usual() && common.format != Form::Porcelain {
        tell("error: `verify` has `--format human`, `json` and `porcelain`\n");
        return Ok(Outcome::Usage);
    }
    let repository = repository(common)?;
    let files = Files::new(common)?;
    let named = arguments.registry.as_ref().map(|folder| files.setup().registry(folder, &[])).transpose()?;
    let policies = match (&named, arguments.at) {
        // Neither its registry nor its ledger is asked for.
        (Some(_), Some(_)) => Vec::new(),
        (Some(_), None) => files.policies(common, repository.git_dir()).unwrap_or_default(),
        (None, _) => files.policies(common, repository.git_dir())?,
    };
    if named.is_none() && policies.len() > 1 {
        tell("error: two policies are in force here; say whose registry counts with --registry or --policy\n");
        return Ok(Outcome::Usage);
    }
    let Some(registry) = named.as_ref().or(policies.first().map(|loaded| &loaded.registry)) else {
        return Ok(Outcome::Usage);
    };
    let kept = arguments.at.is_none().then(|| Kept::to_read(common, &repository, &policies)).transpose()?;
    let memory = kept.as_ref().map(Kept::memory).transpose()?.flatten();
    let policy = policies.first().map(|loaded| loaded.path.as_os_str().as_bytes());
    let receipts = memory.as_ref().map(|memory| Receipts::new(memory, policy.unwrap_or_default()));
    let now = arguments.at.map_or_else(now, Ok)?;
    let form = common.format;
    let mut verifier =
        Verifier { repository: &repository, registry, receipts: receipts.as_ref(), now, form, output, all_good: true };
    for object in &arguments.objects {
        verifier.verify(object)?;
    }
    if arguments.stdin {
        for line in stdin().lock().lines() {
            let line = line.map_err(|error| Undecided::server("reading standard input", error))?;
            verifier.verify(line.trim())?;
        }
    }
    Ok(if verifier.all_good { Outcome::Good } else { Outcome::NotGood })
}

struct Verifier<'a> {
    repository: &'a Repository,
    registry: &'a Registry,
    /// `None`: all is judged as of one time.
    receipts: Option<&'a Receipts<'a>>,
    now: Timestamp,
    form: Form,
    output: &'a mut Output,
    all_good: bool,
}

impl Verifier<'_> {
    fn verify(&mut self, spec: &str) -> Result<(), Undecided> {
        match self.repository.resolve(spec)? {
            Resolved::Object(id) => {
                let mut bytes = Vec::new();
                match self.repository.read(id, &mut bytes)? {
                    Read::Object(ObjectKind::Commit) => self.commit(id, Some(&bytes)),
                    Read::Object(ObjectKind::Tag) => self.tag(id, &bytes),
                    Read::TooLarge { kind: ObjectKind::Commit | ObjectKind::Tag, .. } => self.commit(id, None),
                    Read::Object(ObjectKind::Tree | ObjectKind::Blob) | Read::TooLarge { .. } => {
                        Err(Undecided::pusher(
                            format!("verifying {spec}"),
                            "only commits and annotated tags bear signatures",
                        ))
                    }
                    Read::Missing => Err(Undecided::pusher(format!("verifying {spec}"), "there is no such object")),
                }
            }
            Resolved::Range { tip, excluded } => {
                let selection = Selection { tip, old: None, baselines: excluded, first_parent: false };
                let repository = self.repository;
                repository.walk(&selection, &mut |commit| match commit.gained {
                    true => self.commit(commit.id, commit.bytes),
                    false => Ok(()),
                })?;
                Ok(())
            }
        }
    }

    fn commit(&mut self, id: ObjectId, bytes: Option<&[u8]>) -> Result<(), Undecided> {
        let commit = bytes.map(|bytes| Commit::parse(bytes, self.repository.format()));
        match commit {
            None => self.malformed(id, &Malformed("is larger than what is read".into())),
            Some(Err(malformed)) => self.malformed(id, &malformed),
            Some(Ok(commit)) => self.signed(id, &commit.signature, Some(commit.committer.time)),
        }
    }

    fn tag(&mut self, id: ObjectId, bytes: &[u8]) -> Result<(), Undecided> {
        match Tag::parse(bytes, self.repository.format()) {
            Err(malformed) => self.malformed(id, &malformed),
            Ok(tag) => self.signed(id, &tag.signature, tag.tagger.map(|tagger| tagger.time)),
        }
    }

    fn signed(
        &mut self,
        id: ObjectId,
        slot: &crate::object::Slot<'_>,
        stated: Option<Timestamp>,
    ) -> Result<(), Undecided> {
        let signature = signature::verify(slot, self.registry.certificates());
        let received = self.receipts.map(|receipts| receipts.of(&[id], &signature)).transpose()?.flatten();
        let when = When { now: self.now, received, verify_time: VerifyTime::Receipt, grace: 0, stated };
        let attribution = self.registry.attribute(&signature, &when);
        self.all_good &= matches!(attribution, Attribution::Good(_));
        let detail = match &attribution {
            Attribution::NotGood(fault) => fault.detail.clone(),
            Attribution::Good(_) | Attribution::Unsigned => None,
        };
        self.row(&Row {
            id,
            status: attribution.status_name(),
            format: attribution.format().map(signature::Format::name),
            fingerprint: attribution.key().map(ToString::to_string),
            signer: attribution.signer().map(|signer| signer.0.clone()),
            detail,
        })
    }

    fn malformed(&mut self, id: ObjectId, malformed: &Malformed) -> Result<(), Undecided> {
        self.all_good = false;
        let detail = Some(format!("the object {}", malformed.0));
        self.row(&Row { id, status: "malformed", format: None, fingerprint: None, signer: None, detail })
    }

    fn row(&mut self, row: &Row) -> Result<(), Undecided> {
        let or_dash = |text: Option<&str>| text.map_or_else(|| "-".to_owned(), escaped);
        let (format, fingerprint, signer) =
            (or_dash(row.format), or_dash(row.fingerprint.as_deref()), or_dash(row.signer.as_deref()));
        match self.form {
            Form::Porcelain => self.output.line(&format!("{} {} {format} {fingerprint} {signer}", row.id, row.status)),
            Form::Json => {
                let value = json!({
                    "schema": SCHEMA, "id": row.id.to_string(), "status": row.status, "format": row.format,
                    "fingerprint": row.fingerprint, "signer": row.signer, "detail": row.detail,
                });
                self.output.line(&value.to_string())
            }
            Form::Human | Form::Csv | Form::Html | Form::Prometheus => {
                let colour = if row.status == "good" { AnsiColor::Green } else { AnsiColor::Red }.on_default();
                let status = match self.output.coloured {
                    true => format!("{colour}{:<12}{colour:#}", row.status),
                    false => format!("{:<12}", row.status),
                };
                let mut line = format!("{} {status}", row.id.short());
                for part in [row.format, row.fingerprint.as_deref(), row.signer.as_deref()].into_iter().flatten() {
                    line.push(' ');
                    line.push_str(&escaped(part));
                }
                if let Some(detail) = &row.detail {
                    line.push_str(&format!(" ({})", escaped(detail)));
                }
                self.output.line(line.trim_end())
            }
        }
    }
}

struct Row {
    id: ObjectId,
    status: &'static str,
    format: Option<&'static str>,
    fingerprint: Option<String>,
    signer: Option<String>,
    detail: Option<String>,
}

/// An RFC 3339 time, a day (its first moment, UTC), or seconds since 1970.
pub(super) fn time(text: &str) -> Result<Timestamp, String> {
    if let Ok(seconds) = text.parse() {
        return Ok(Timestamp(seconds));
    }
    if let Ok(moment) = text.parse::<jiff::Timestamp>() {
        return Ok(Timestamp(moment.as_second()));
    }
    // Jiff would take the day of a time without an offset.
    let day = Some(text).filter(|text| text.len() == "2026-05-01".len()).and_then(|text| text.parse().ok());
    let midnight = day.and_then(|day: jiff::civil::Date| day.to_zoned_datetime(jiff::tz::TimeZone::UTC).ok());
    midnight
        .map(|midnight| Timestamp(midnight.timestamp().as_second()))
        .ok_or_else(|| "an RFC 3339 time such as 2026-05-01T00:00:00Z, a day, or seconds since 1970".to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_time_says_of_which_zone_it_is() {
        for (text, seconds) in [
            ("1777593600", 1_777_593_600),
            ("2026-05-01", 1_777_593_600),
            ("2026-05-01T18:00:00Z", 1_777_658_400),
            ("2026-05-01T18:00:00+02:00", 1_777_651_200),
        ] {
            assert_eq!(time(text), Ok(Timestamp(seconds)), "{text}");
        }
        for text in ["2026-05-01T18:00:00", "2026-05-01 18:00", "20260501T18", "May 1st", "", "2026-02-30"] {
            assert!(time(text).unwrap_err().starts_with("an RFC 3339 time such as "), "{text}");
        }
    }
}
