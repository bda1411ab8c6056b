//! What was decided, kept so that any change to it shows.

mod record;

pub use record::{
    Adoption, Brought, Change, Decision, Digest, Effect, InForce, KnownBy, Move, Opening, Outcome, Pushed, Record,
    Recorded, RuleOutcome, SCHEMA, Verdict, Witness, bytes,
};
mod stub;
pub use stub::{Ledger, Memory, RecordedPush, Writing};
