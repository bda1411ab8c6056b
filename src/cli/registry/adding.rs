//! `registry add` and `registry import`.

use super::{
    super::{Common, Outcome, output::Output},
    editing::{Place, edit},
};
use crate::{
    Undecided,
    bounds::Bounds,
    registry::{Addition, GivenKey},
    signature::Fingerprint,
};
use clap::{Args, builder::PossibleValuesParser};
use std::{
    fs::File,
    io::{Read, stdin},
};

/// Enters a person, or more of one who is known.
///
/// SSH keys become lines of allowed_signers, OpenPGP certificates files in openpgp/, all else stands in signers.toml, whose
/// comments and formatting stay as they are. Refused are keys that another person has, that are too weak, expired or
/// taken back, and private keys.
#[derive(Args, Debug)]
pub(in crate::cli) struct Add {
    /// What groups, policies and messages call the person
    #[arg(value_name = "ID")]
    id: String,
    /// For people to read
    #[arg(long, value_name = "TEXT")]
    name: Option<String>,
    /// An email of theirs; may be given several times
    #[arg(long = "email", value_name = "EMAIL")]
    emails: Vec<String>,
    /// What the Git server calls them; may be given several times
    #[arg(long = "account", value_name = "NAME")]
    accounts: Vec<String>,
    /// A group of the policy, without `@`; may be given several times
    #[arg(long = "group", value_name = "NAME")]
    groups: Vec<String>,
    /// Bots and forges are in `"*"` of no list [default: person]
    #[arg(long, value_parser = PossibleValuesParser::new(KINDS))]
    kind: Option<String>,
    /// A file with public keys or OpenPGP certificates (`-`: standard input), or a fingerprint, whole; may be given several
    /// times
    #[arg(long = "key", value_name = "FILE|FINGERPRINT")]
    keys: Vec<String>,
    #[command(flatten)]
    place: Place,
}

const KINDS: [&str; 3] = ["person", "bot", "forge"];

pub(super) fn add(common: &Common, arguments: &Add, output: &mut Output) -> Result<Outcome, Undecided> {
    let new = Addition {
        id: arguments.id.clone(),
        name: arguments.name.clone(),
        emails: arguments.emails.clone(),
        accounts: arguments.accounts.clone(),
        groups: arguments.groups.clone(),
        kind: KINDS.into_iter().find(|kind| arguments.kind.as_deref() == Some(kind)),
        keys: arguments.keys.iter().map(|key| given(key)).collect::<Result<_, _>>()?,
    };
    edit(common, &arguments.place, output, |draft, trusted| draft.add(trusted, &new))
}

/// Enters keys from a file that another program keeps.
///
/// Reads an allowed_signers, what a forge exports (`.keys`, `.gpg`), or an OpenPGP keyring. Each key is its principal's or
/// user ID's, or that of the person named. Says of each key whether it is imported or why it is skipped. Nothing is fetched.
#[derive(Args, Debug)]
pub(in crate::cli) struct Import {
    /// The file; `-` is standard input
    #[arg(value_name = "FILE")]
    file: String,
    /// Whose all keys of the file are
    #[arg(long = "for", value_name = "ID")]
    person: Option<String>,
    #[command(flatten)]
    place: Place,
}

pub(super) fn import(common: &Common, arguments: &Import, output: &mut Output) -> Result<Outcome, Undecided> {
    let Import { file, person, place } = arguments;
    let bytes = contents(file)?;
    edit(common, place, output, |draft, trusted| draft.import(trusted, file, &bytes, person.as_deref()))
}

fn given(key: &str) -> Result<GivenKey, Undecided> {
    if let Some(key) = Fingerprint::parse(key) {
        return Ok(GivenKey::Fingerprint(key));
    }
    Ok(GivenKey::File { name: key.to_owned(), bytes: contents(key)? })
}

/// What a file holds, or standard input for `-`. The administrator names it, and sees what becomes of it: who else can
/// write it does not matter.
fn contents(name: &str) -> Result<Vec<u8>, Undecided> {
    let reading = |error: std::io::Error| Undecided::server(format!("reading `{name}`"), error);
    let mut bytes = Vec::new();
    let most = u64::try_from(Bounds::KEY_FILE).unwrap_or(u64::MAX);
    let read = match name {
        "-" => stdin().lock().take(most.saturating_add(1)).read_to_end(&mut bytes),
        name => File::open(name).and_then(|file| file.take(most.saturating_add(1)).read_to_end(&mut bytes)),
    };
    read.map_err(reading)?;
    match bytes.len() > Bounds::KEY_FILE {
        true => Err(Undecided::server(format!("reading `{name}`"), format!("it is larger than {most} bytes"))),
        false => Ok(bytes),
    }
}
