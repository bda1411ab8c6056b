//! Facts in, verdict out. Pure.

mod compile;
pub mod diff;
pub mod facts;
mod finding;
mod glob;
pub mod rules;
pub mod sentences;
#[cfg(test)]
mod tests;
mod verdict;
mod who;

pub use compile::{Mode, Policy, Rule, Unmatched, compile, registry_folder};
pub use finding::{Brought, Effect, Finding, Label, Reason, Subject};
pub use verdict::{AcceptedPush, Judgement, Verdict};
