//! What makes the record tamper-evident: a Merkle tree over the records, signed checkpoints of it, and proofs that a third
//! party checks with the public key alone.
//!
//! The formats are the public ones, so that tools of others read them: RFC 6962 for the tree, and the C2SP specifications
//! (<https://c2sp.org>) signed-note, tlog-checkpoint, tlog-cosignature, tlog-proof, tlog-tiles and tlog-witness.

pub mod checkpoint;
pub mod key;
pub mod note;
pub mod proof;
pub mod tiles;
pub mod tree;
pub mod witness;
