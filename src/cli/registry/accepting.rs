//! `registry accept`: a key that was seen on pushes becomes somebody's.

use super::{
    super::{
        Common, Outcome, kept,
        output::{Output, tell},
    },
    editing::{Place, edit, fingerprint},
    pending::{decisions, keys_of},
};
use crate::{
    Undecided,
    registry::{Addition, GivenKey},
    report::escaped,
    signature::Fingerprint,
};
use clap::Args;
use std::path::PathBuf;

/// Enrols a key that was seen on a push, as `registry pending` lists it. Make sure first, by another way than the push, that it
/// is that person's: whoever can push can sign with any key, under any name.
///
/// The public key is taken from the ledger, where a refused or warned push left it. An OpenPGP signature does not hold it: get
/// the certificate from its owner, and use `registry import`.
#[derive(Args, Debug)]
pub(in crate::cli) struct Accept {
    /// The key, whole, as `registry pending` and the pusher's message have it
    #[arg(value_name = "FINGERPRINT", value_parser = fingerprint)]
    key: Fingerprint,
    /// Whose it is
    #[arg(long = "for", value_name = "ID")]
    person: String,
    /// The ledger's folder [default: that of the policy in force; outside a repository, of the site's]
    #[arg(long, value_name = "DIR")]
    ledger: Option<PathBuf>,
    #[command(flatten)]
    place: Place,
}

/// Records that are looked into for the key, the newest first; almost any that names it has it.
const LOOKED_INTO: usize = 1000;

pub(super) fn run(common: &Common, arguments: &Accept, output: &mut Output) -> Result<Outcome, Undecided> {
    let Accept { key, person, ledger, place } = arguments;
    let ledger = kept::to_ask(common, ledger.as_deref())?;
    let (name, mut seen, mut text) = (key.to_string(), false, None);
    for (ledger, entry) in decisions(&ledger.chain()?, &name, LOOKED_INTO)? {
        seen = true;
        let kept = keys_of(ledger, &entry)?.into_iter().find(|unknown| unknown.fingerprint == name);
        text = kept.and_then(|kept| kept.key);
        if text.is_some() {
            break;
        }
    }
    let Some(text) = text else {
        let why = match seen {
            true => {
                "its signature does not hold the key itself: get it from its owner, and `countersign registry import FILE`"
            }
            false => "no push with it is recorded; `countersign registry pending` lists those that were seen",
        };
        tell(&escaped(&format!("error: {name}: {why}")));
        tell("\n");
        return Ok(Outcome::NotGood);
    };
    let file = GivenKey::File { name: "the record".to_owned(), bytes: text.into_bytes() };
    let addition = Addition { id: person.clone(), keys: vec![file], ..Addition::default() };
    edit(common, place, output, |draft, trusted| draft.add(trusted, &addition))
}
