//! Facts in, verdict out. Pure.

pub mod approval;
pub mod built_in;
pub mod canary;
mod compile;
pub mod declaration;
pub mod diff;
pub mod facts;
mod finding;
mod glob;
mod lints;
mod rule;
pub mod rules;
pub mod sentences;
mod server;
mod tally;
#[cfg(test)]
mod tests;
pub mod trailers;
mod verdict;
mod who;
pub mod whose;

pub use compile::{Policy, Unmatched, compile, compile_parsed, registry_folder};
pub use finding::{Brought, CertificateFault, Effect, Finding, Label, Reason, Stale, Subject};
pub use glob::DEFAULT_BRANCH;
pub use lints::{Lint, lints};
pub use rule::{Mode, Rule};
pub use server::{Server, Stated};
pub use tally::{Group, Person, Tally};
pub use verdict::{AcceptedPush, Counted, Judgement, Verdict, Waived};
pub use who::Who;
