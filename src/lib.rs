//! The judgement of a Git push: signatures, people, policy.
//!
//! A push flows one way, and the modules read in that order:
//!
//! ```text
//! ref updates → new objects → signatures → people → facts → rules → verdict → report
//! push          git, object   signature    registry  policy                   report
//! ```
//!
//! [`run`] tells the story. Each step mints a proof that the next one asks for: [`signature`] makes
//! [`signature::Verified`], [`registry`] turns it into a [`registry::VerifiedSigner`], the verdict of [`policy`] makes
//! [`policy::AcceptedPush`], and a hook exits 0 with nothing else. What could not be found out is [`Undecided`] and
//! refuses the push; a bad signature is data.
#![cfg_attr(test, allow(clippy::disallowed_methods, clippy::wildcard_enum_match_arm))]

pub mod bounds;
pub mod cli;
pub mod document;
pub mod error;
pub mod git;
pub mod ledger;
pub mod object;
pub mod policy;
pub mod push;
pub mod registry;
pub mod report;
pub mod run;
pub mod signature;
pub mod trusted;

pub use error::Undecided;
