//! What people and programs read. Lays out and escapes; the sentences are the rules' own.

pub mod diagnostics;
mod dialect;
mod escape;
mod human;
mod json;

pub use dialect::Dialect;
pub use escape::escaped;
pub use human::{date, refusals, undecided, undecided_command};
pub use json::{SCHEMA, verdict};

use crate::{policy::Policy, push::Push};
use std::path::Path;

/// What a report on a verdict refers to.
#[derive(Clone, Debug)]
pub struct Judged<'a> {
    /// What was pushed.
    pub push: &'a Push,
    /// The policies in force, in the order of the judgement.
    pub policies: Vec<InForce<'a>>,
}

/// A policy and where it stands.
#[derive(Clone, Copy, Debug)]
pub struct InForce<'a> {
    /// The file.
    pub path: &'a Path,
    /// What it says.
    pub policy: &'a Policy,
}
