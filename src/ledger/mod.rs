//! What was decided, kept so that any change to it shows.
//!
//! Below, what makes the record tamper-evident: a Merkle tree over the records, signed checkpoints of it, and proofs that a
//! third party checks with the public key alone. The formats are the public ones, so that tools of others read them: RFC
//! 6962 for the tree, and the C2SP specifications (<https://c2sp.org>) signed-note, tlog-checkpoint, tlog-cosignature,
//! tlog-proof, tlog-tiles and tlog-witness.

mod brought;
pub mod checkpoint;
mod entry;
pub mod export;
mod folder;
pub mod key;
pub mod note;
pub mod outside;
pub mod proof;
mod record;
mod recorded;
mod registries;
mod review;
mod store;
pub mod tiles;
pub mod tree;
pub mod witness;

pub use brought::{Bringing, Person, UnknownKey};
pub use entry::{
    BroughtList, Entry, KINDS, Unreadable, bytes as bytes_of, digest as digest_of, moment_of, object_id as object_id_of,
};
pub use folder::Making;
pub use record::{
    Adoption, Brought, Change, Closing, Continued, Decision, Digest, Effect, InForce, KnownBy, Move, Opening, Outcome,
    Pushed, Record, Recorded, RuleOutcome, SCHEMA, Verdict, Witness, bytes, moment,
};
pub use recorded::RecordedPush;
pub use registries::files_of;
pub use review::{APPROVALS, ChangedPaths, CountedApproval, Emergency, PATHS, PERSONS, REASON, Settlement, TICKET};
pub use store::{
    Appended, Brought as BroughtIn, Closed, Computed, Damage, Debt, Ledger, Memory, OpenDecision, Place, RecordId,
    Restoring, Standing, Subject, Wanted, Writing,
};
