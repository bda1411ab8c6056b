//! Countersign.
pub mod document;
pub mod error;
pub mod object;
pub mod policy;
pub mod push;
pub mod registry;
pub mod signature;
pub mod git;
pub mod trusted;
pub use error::Undecided;
