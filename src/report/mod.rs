//! What people and programs read. Lays out and escapes; the sentences are the rules' own.

pub mod audit;
pub mod diagnostics;
mod dialect;
mod escape;
mod human;
mod json;
pub mod register;

pub use dialect::Dialect;
pub use escape::escaped;
pub use human::{date, recorded, refusals, settled, undecided, undecided_command, unrecorded, waivers};
pub use json::{SCHEMA, findings, verdict};

use crate::{policy::Policy, push::Push};
use std::path::Path;

/// What a report on a verdict refers to.
#[derive(Clone, Debug)]
pub struct Judged<'a> {
    /// What was pushed.
    pub push: &'a Push,
    /// The policies in force, in the order of the judgement.
    pub policies: Vec<InForce<'a>>,
    /// The number of the record on the first update, if there is one; those on the others follow.
    pub first_record: Option<u64>,
}

/// A policy and where it stands.
#[derive(Clone, Copy, Debug)]
pub struct InForce<'a> {
    /// The file.
    pub path: &'a Path,
    /// What it says.
    pub policy: &'a Policy,
}

impl Judged<'_> {
    /// The number of the record on an update.
    fn record_of(&self, update: usize) -> Option<u64> {
        self.first_record?.checked_add(u64::try_from(update).ok()?)
    }
}

/// Where the reasons of this code are explained, if `help` is the address of a page: the manual's `refused` has a heading
/// for each code. Any other page ignores the fragment.
fn more(help: Option<&str>, code: &str) -> Option<String> {
    let help = help.filter(|help| help.starts_with("https://") || help.starts_with("http://"))?;
    (!help.contains(['#', ' '])).then(|| format!("{help}#{code}"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_page_has_a_place_for_each_code_and_other_help_has_none() {
        let more = |help| more(Some(help), "unsigned");
        assert_eq!(more("https://git.example/refused.html").unwrap(), "https://git.example/refused.html#unsigned");
        assert_eq!(more("http://git.example/").unwrap(), "http://git.example/#unsigned");
        for help in ["https://wiki.example/signing#keys", "ask Alice", "https://wiki.example/ or ask", "", "ftp://x"] {
            assert_eq!(more(help), None, "{help}");
        }
    }
}
