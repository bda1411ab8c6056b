//! `ledger verify`: whether what was recorded is as it was left, and as others saw it.

use super::{Place, files::Files};
use crate::{
    Undecided,
    bounds::Bounds,
    cli::{Common, Form, Outcome, kept, output::Output, progress::Progress},
    ledger::{
        Damage, Ledger, export,
        key::VerifierKey,
        outside::{self, OutsideCheckpoint},
        tree::Hash,
    },
    report::{SCHEMA, escaped},
};
use clap::Args;
use serde_json::{Value, json};
use std::{
    fs::File,
    io::Read,
    path::{Path, PathBuf},
};

/// Reads all that was recorded, computes it anew, and compares it with checkpoints that were kept elsewhere.
///
/// By itself the ledger shows only that it fits together: who holds its key and its disk can rewrite all of it. What a
/// checkpoint covers that somebody else kept cannot be changed unseen: a signed note that `ledger checkpoint` or a witness
/// gave, or the line `accepted: record …; checkpoint …` that a pusher was told.
///
/// Exit status 1 if anything is not as it was left.
#[derive(Args, Debug)]
pub(in crate::cli) struct Arguments {
    /// A checkpoint that was kept elsewhere; may be given several times
    #[arg(long, value_name = "FILE", num_args = 1..)]
    against: Vec<PathBuf>,
    /// The ledger's verifier key, as it was handed over (`key.pub`): the file, or its text
    #[arg(long, value_name = "FILE|TEXT")]
    key: Option<String>,
    /// Check an export, and not the ledger's database; what it is signed with must be the key given
    #[arg(long, value_name = "DIR", requires = "key", conflicts_with = "ledger")]
    export: Option<PathBuf>,
    #[command(flatten)]
    place: Place,
}

/// Something that is not as it should be.
struct Finding {
    /// A word that stays the same.
    code: &'static str,
    place: String,
    what: String,
}

/// What was found; of the findings the first ones.
#[derive(Default)]
struct Findings {
    list: Vec<Finding>,
    left_out: u64,
}

impl Findings {
    /// More say nothing new, and a spoiled database of a million records has as many.
    const AT_MOST: usize = 1000;

    fn add(&mut self, code: &'static str, place: String, what: String) {
        if self.list.len() < Self::AT_MOST {
            self.list.push(Finding { code, place, what });
        } else {
            self.left_out = self.left_out.saturating_add(1);
        }
    }
}

/// What was verified.
struct Verified {
    shown: String,
    /// How many records there are, and their root hash; `None` of an export that is no whole one.
    head: Option<(u64, Hash)>,
    key: Option<VerifierKey>,
    against: Vec<(String, OutsideCheckpoint)>,
    findings: Findings,
}

pub(super) fn run(common: &Common, arguments: &Arguments, output: &mut Output) -> Result<Outcome, Undecided> {
    let held = arguments.key.as_deref().map(key).transpose()?;
    let mut against = Vec::new();
    for file in &arguments.against {
        let read = outside::read(&read(file)?);
        let read =
            read.map_err(|error| Undecided::server(format!("reading the checkpoint `{}`", file.display()), error))?;
        against.extend(read.into_iter().map(|checkpoint| (file.display().to_string(), checkpoint)));
    }
    let verified = match (&arguments.export, held) {
        (Some(folder), Some(held)) => exported(folder, &held, against)?,
        (_, held) => database(&kept::to_ask(common, arguments.place.ledger.as_deref())?, held.as_ref(), against)?,
    };
    match common.format {
        Form::Json => output.line(&as_json(&verified).to_string())?,
        Form::Human | Form::Porcelain | Form::Csv | Form::Html => tell(&verified, output)?,
    }
    Ok(if verified.findings.list.is_empty() { Outcome::Good } else { Outcome::NotGood })
}

fn database(
    ledger: &Ledger,
    held: Option<&VerifierKey>,
    against: Vec<(String, OutsideCheckpoint)>,
) -> Result<Verified, Undecided> {
    let mut findings = Findings::default();
    let progress = Progress::counting("verifying", "records");
    let mut damaged = |damage: Damage| findings.add("damaged", damage.place.to_string(), damage.what);
    let computed = ledger.verify_in_steps(&mut damaged, &|| progress.step());
    progress.finish();
    let computed = computed?;
    let keys: Vec<_> = match ledger.keys() {
        Ok(keys) => keys.into_iter().map(|(_, key)| key).collect(),
        Err(undecided) => {
            findings.add("damaged", "the ledger's keys".into(), undecided.to_string());
            Vec::new()
        }
    };
    if let Some(held) = held.filter(|held| !keys.contains(held)) {
        findings.add("other-key", "the key".into(), format!("the ledger was never signed with {held}"));
    }
    for (file, checkpoint) in &against {
        let mut read = |level, index| ledger.hash(level, index);
        if let Err(inconsistent) = checkpoint.check((computed.size, computed.root), &keys, &mut read) {
            findings.add(inconsistent.code(), file.clone(), inconsistent.to_string());
        }
    }
    let shown = ledger.folder().display().to_string();
    Ok(Verified { shown, head: Some((computed.size, computed.root)), key: computed.key, against, findings })
}

fn exported(
    folder: &Path,
    held: &VerifierKey,
    against: Vec<(String, OutsideCheckpoint)>,
) -> Result<Verified, Undecided> {
    let (mut findings, files) = (Findings::default(), Files::at(folder));
    let progress = Progress::counting("verifying", "files");
    let mut load = |name: &str| {
        progress.step();
        files.load(name)
    };
    let exported = export::check(held, &mut load, &mut |fault| findings.add("damaged", fault.name, fault.what));
    progress.finish();
    if let Some(exported) = &exported {
        let keys: Vec<_> = exported.keys.iter().map(|(_, key)| key.clone()).collect();
        let mut read = |level, index| {
            exported.hash(level, index).ok_or_else(|| Undecided::server("reading the tree", "a hash is not there"))
        };
        for (file, checkpoint) in &against {
            if let Err(inconsistent) = checkpoint.check((exported.size(), exported.root), &keys, &mut read) {
                findings.add(inconsistent.code(), file.clone(), inconsistent.to_string());
            }
        }
    }
    let head = exported.as_ref().map(|exported| (exported.size(), exported.root));
    let shown = folder.display().to_string();
    Ok(Verified { shown, head, key: exported.map(|exported| exported.key), against, findings })
}

/// A verifier key, or the file that holds one.
pub(super) fn key(given: &str) -> Result<VerifierKey, Undecided> {
    let parsed = VerifierKey::parse(given);
    if parsed.is_ok() || !Path::new(given).exists() {
        return parsed.map_err(|error| Undecided::server(format!("reading the key `{given}`"), error));
    }
    let text = String::from_utf8_lossy(&read(Path::new(given))?).into_owned();
    VerifierKey::parse(text.strip_suffix('\n').unwrap_or(&text))
        .map_err(|error| Undecided::server(format!("reading the key `{given}`"), error))
}

/// A file that somebody kept.
fn read(file: &Path) -> Result<Vec<u8>, Undecided> {
    let doing = || format!("reading `{}`", file.display());
    let most = u64::try_from(Bounds::NOTE).unwrap_or(u64::MAX);
    let mut bytes = Vec::new();
    let read = File::open(file).and_then(|file| file.take(most.saturating_add(1)).read_to_end(&mut bytes));
    read.map_err(|error| Undecided::server(doing(), error))?;
    if bytes.len() > Bounds::NOTE {
        return Err(Undecided::server(doing(), "it is too large for a checkpoint or a key"));
    }
    Ok(bytes)
}

/// What it comes to, in a word for programs.
fn state(verified: &Verified) -> &'static str {
    match (verified.findings.list.is_empty(), verified.against.is_empty()) {
        (false, _) => "wrong",
        (true, true) => "unwitnessed",
        (true, false) => "consistent",
    }
}

fn tell(verified: &Verified, output: &mut Output) -> Result<(), Undecided> {
    for finding in &verified.findings.list {
        output.line(&escaped(&format!("{}: {} ({})", finding.place, finding.what, finding.code)))?;
    }
    if verified.findings.left_out > 0 {
        output.line(&format!("and {} more", verified.findings.left_out))?;
    }
    if let Some((size, root)) = &verified.head {
        output.line(&escaped(&format!("{}: {size} records, root hash {root}", verified.shown)))?;
    }
    if let Some(key) = &verified.key {
        output.line(&escaped(&format!("key {key}")))?;
    }
    let covered = verified.against.iter().map(|(_, checkpoint)| checkpoint.size).max();
    match (state(verified), covered) {
        ("wrong", _) => output.line("wrong: it is not as it was left"),
        (_, Some(covered)) => {
            let checkpoints = match verified.against.len() {
                1 => "the checkpoint kept elsewhere, which covers".to_owned(),
                many => format!("the {many} checkpoints kept elsewhere, which cover"),
            };
            output.line(&format!("consistent with {checkpoints} the first {covered} records"))
        }
        (_, None) => output.line(
            "self-consistent, unwitnessed: who holds the key and the disk could have rewritten it; --against FILE compares it with a checkpoint kept elsewhere",
        ),
    }
}

fn as_json(verified: &Verified) -> Value {
    let findings = verified.findings.list.iter();
    let findings = findings.map(|found| json!({ "code": found.code, "place": found.place, "what": found.what }));
    let against = verified.against.iter().map(|(file, checkpoint)| {
        json!({ "file": file, "origin": checkpoint.origin, "size": checkpoint.size, "root": checkpoint.root.to_string() })
    });
    json!({
        "schema": SCHEMA, "state": state(verified), "ledger": verified.shown, "records": verified.head.map(|(size, _)| size),
        "root": verified.head.map(|(_, root)| root.to_string()), "key": verified.key.as_ref().map(VerifierKey::to_string),
        "against": against.collect::<Vec<_>>(), "findings": findings.collect::<Vec<_>>(),
        "findings-left-out": verified.findings.left_out,
    })
}
