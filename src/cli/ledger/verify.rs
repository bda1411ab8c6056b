//! `ledger verify`: whether what was recorded is as it was left, and as others saw it.

mod database;
mod witnesses;

use super::{Place, files::Files};
use crate::{
    Undecided,
    bounds::Bounds,
    cli::{Common, Form, Outcome, kept, output::Output, progress::Progress},
    ledger::{
        export,
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
/// A ledger that continues others is verified with these, as far as they are there, and a checkpoint of any of them is
/// compared with the one that it is of.
///
/// Exit status 1 if anything is not as it was left; with `--witness-key` also if a witness's signature is not good, or no
/// checkpoint has one.
#[derive(Args, Debug)]
pub(in crate::cli) struct Arguments {
    /// A checkpoint that was kept elsewhere; may be given several times
    #[arg(long, value_name = "FILE", num_args = 1..)]
    against: Vec<PathBuf>,
    /// The verifier key of a witness that signed one of these checkpoints: the file, or its text; may be given several times
    #[arg(long, value_name = "FILE|TEXT", requires = "against")]
    witness_key: Vec<String>,
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
    /// The ledgers that it continues, the latest first.
    former: Vec<Former>,
    /// The folder of one that it continues and that is not there.
    missing: Option<String>,
    against: Vec<Against>,
    /// What witnesses say; `None` if none was asked after.
    witnesses: Option<Vec<witnesses::Vouching>>,
    findings: Findings,
}

/// A ledger that another one continues.
struct Former {
    shown: String,
    size: u64,
    root: Hash,
}

/// A checkpoint that somebody kept.
struct Against {
    file: String,
    checkpoint: OutsideCheckpoint,
    /// The folder of the former ledger that it is of; `None` of the one verified.
    of: Option<String>,
}

pub(super) fn run(common: &Common, arguments: &Arguments, output: &mut Output) -> Result<Outcome, Undecided> {
    let held = arguments.key.as_deref().map(key).transpose()?;
    let mut against = Vec::new();
    for file in &arguments.against {
        let read = outside::read(&read(file)?);
        let read =
            read.map_err(|error| Undecided::server(format!("reading the checkpoint `{}`", file.display()), error))?;
        let file = file.display().to_string();
        against.extend(read.into_iter().map(|checkpoint| Against { file: file.clone(), checkpoint, of: None }));
    }
    let witnesses = arguments.witness_key.iter().map(|given| key(given)).collect::<Result<Vec<_>, _>>()?;
    let mut verified = match (&arguments.export, held) {
        (Some(folder), Some(held)) => exported(folder, &held, against)?,
        (_, held) => {
            database::verify(&kept::to_ask(common, arguments.place.ledger.as_deref())?, held.as_ref(), against)?
        }
    };
    if !witnesses.is_empty() {
        verified.witnesses = Some(witnesses::vouching(&witnesses, &verified.against, &mut verified.findings));
    }
    match common.format {
        Form::Json => output.line(&as_json(&verified).to_string())?,
        Form::Human | Form::Porcelain | Form::Csv | Form::Html | Form::Prometheus => tell(&verified, output)?,
    }
    Ok(if verified.findings.list.is_empty() { Outcome::Good } else { Outcome::NotGood })
}

fn exported(folder: &Path, held: &VerifierKey, against: Vec<Against>) -> Result<Verified, Undecided> {
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
        for Against { file, checkpoint, .. } in &against {
            if let Err(inconsistent) = checkpoint.check((exported.size(), exported.root), &keys, &mut read) {
                findings.add(inconsistent.code(), file.clone(), inconsistent.to_string());
            }
        }
    }
    let head = exported.as_ref().map(|exported| (exported.size(), exported.root));
    let shown = folder.display().to_string();
    let key = exported.map(|exported| exported.key);
    Ok(Verified { shown, head, key, former: Vec::new(), missing: None, against, witnesses: None, findings })
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
    match (verified.findings.list.is_empty(), verified.against.iter().all(|against| against.of.is_some())) {
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
    for Former { shown, size, root } in &verified.former {
        output.line(&escaped(&format!("it continues {shown}: {size} records, root hash {root}")))?;
    }
    if let Some(missing) = &verified.missing {
        output.line(&escaped(&format!("it continues {missing}, which is not there and is not verified")))?;
    }
    match &verified.witnesses {
        Some(witnesses) => witnesses.iter().try_for_each(|vouching| output.line(&escaped(&vouching.sentence())))?,
        None if verified.against.iter().all(|against| !against.checkpoint.has_other_signatures()) => {}
        None => output.line("the signatures of witnesses are not verified: --witness-key KEY verifies them")?,
    }
    if state(verified) == "wrong" {
        return output.line("wrong: it is not as it was left");
    }
    let own = verified.against.iter().filter(|against| against.of.is_none());
    covered(own, "records", output)?;
    for Former { shown, .. } in &verified.former {
        let of = verified.against.iter().filter(|against| against.of.as_ref() == Some(shown));
        covered(of, &format!("records of {shown}"), output)?;
    }
    match state(verified) {
        "unwitnessed" => output.line(
            "self-consistent, unwitnessed: who holds the key and the disk could have rewritten it; --against FILE compares it with a checkpoint kept elsewhere",
        ),
        _ => Ok(()),
    }
}

/// What the checkpoints of one ledger say of it.
fn covered<'a>(
    against: impl Iterator<Item = &'a Against> + Clone,
    records: &str,
    output: &mut Output,
) -> Result<(), Undecided> {
    let Some(most) = against.clone().map(|against| against.checkpoint.size).max() else { return Ok(()) };
    let checkpoints = match against.count() {
        1 => "the checkpoint kept elsewhere, which covers".to_owned(),
        many => format!("the {many} checkpoints kept elsewhere, which cover"),
    };
    output.line(&escaped(&format!("consistent with {checkpoints} the first {most} {records}")))
}

fn as_json(verified: &Verified) -> Value {
    let findings = verified.findings.list.iter();
    let findings = findings.map(|found| json!({ "code": found.code, "place": found.place, "what": found.what }));
    let against = verified.against.iter().map(|Against { file, checkpoint, of }| {
        json!({
            "file": file, "origin": checkpoint.origin, "size": checkpoint.size, "root": checkpoint.root.to_string(),
            "former": of,
        })
    });
    let former = verified.former.iter();
    let former =
        former.map(|former| json!({ "ledger": former.shown, "records": former.size, "root": former.root.to_string() }));
    let witnesses = verified.witnesses.as_ref();
    let witnesses = witnesses.map(|witnesses| witnesses.iter().map(witnesses::Vouching::to_json).collect::<Vec<_>>());
    json!({
        "schema": SCHEMA, "state": state(verified), "ledger": verified.shown, "records": verified.head.map(|(size, _)| size),
        "root": verified.head.map(|(_, root)| root.to_string()), "key": verified.key.as_ref().map(VerifierKey::to_string),
        "former": former.collect::<Vec<_>>(), "former-missing": verified.missing,
        "against": against.collect::<Vec<_>>(), "witnesses": witnesses, "findings": findings.collect::<Vec<_>>(),
        "findings-left-out": verified.findings.left_out,
    })
}
