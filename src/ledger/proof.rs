//! Proofs that a record is in the log, for whoever has the record, the proof and the public key: c2sp.org/tlog-proof, its
//! text of 2025 (`c2sp.org/tlog-proof@v1` is the first line). Pure.

use super::{
    checkpoint::{Checkpoint, CheckpointError, decimal},
    key::VerifierKey,
    note::{Note, NoteError},
    tree::{self, Hash, Unproven},
};
use crate::bounds::Bounds;
use base64ct::{Base64, Encoding};
use std::{error::Error, fmt};

const FIRST_LINE: &str = "c2sp.org/tlog-proof@v1";

/// A record's number, the hashes from its leaf to the root, and the signed checkpoint that has the root.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Proof {
    /// Which record, from 0.
    pub index: u64,
    /// As [`tree::inclusion`] gives them.
    pub hashes: Vec<Hash>,
    /// Nothing of it is verified before [`Proof::check`].
    pub checkpoint: Note,
}

impl Proof {
    /// Reads a proof of at most [`Bounds::PROOF`] bytes. An `extra` line is passed over: nothing authenticates it.
    ///
    /// # Errors
    /// Why it cannot be read.
    pub fn parse(bytes: &[u8]) -> Result<Self, ProofError> {
        if bytes.len() > Bounds::PROOF {
            return Err(ProofError::TooLarge);
        }
        let text = std::str::from_utf8(bytes).map_err(|_| ProofError::Malformed)?;
        let (head, note) = text.split_once("\n\n").ok_or(ProofError::Malformed)?;
        let mut lines = head.split('\n').peekable();
        if lines.next() != Some(FIRST_LINE) {
            return Err(ProofError::Malformed);
        }
        if let Some(extra) = lines.next_if(|line| line.starts_with("extra ")) {
            let base64 = extra.strip_prefix("extra ").ok_or(ProofError::Malformed)?;
            Base64::decode_vec(base64).map_err(|_| ProofError::Malformed)?;
        }
        let index = lines.next().and_then(|line| decimal(line.strip_prefix("index ")?)).ok_or(ProofError::Malformed)?;
        let hashes: Option<Vec<_>> = lines.map(Hash::from_base64).collect();
        let hashes = hashes.ok_or(ProofError::Malformed)?;
        let checkpoint = Note::parse(note.as_bytes()).map_err(ProofError::Note)?;
        Ok(Self { index, hashes, checkpoint })
    }

    /// Whether it shows that the log whose key this is holds `record` as number `index`, and in which state of the log.
    ///
    /// # Errors
    /// Why it does not show it.
    pub fn check(&self, record: &[u8], key: &VerifierKey) -> Result<Checkpoint, ProofError> {
        let (checkpoint, _) = Checkpoint::open(&self.checkpoint, key, &[]).map_err(ProofError::Checkpoint)?;
        tree::check_inclusion(Hash::leaf(record), self.index, checkpoint.size(), &self.hashes, checkpoint.root())
            .map_err(ProofError::Unproven)?;
        Ok(checkpoint)
    }
}

/// The proof as a file, which is best called `….tlog-proof`.
impl fmt::Display for Proof {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(f, "{FIRST_LINE}\nindex {}", self.index)?;
        self.hashes.iter().try_for_each(|hash| writeln!(f, "{hash}"))?;
        write!(f, "\n{}", self.checkpoint)
    }
}

/// Why a proof cannot be read, or does not show what it should.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum ProofError {
    /// Larger than [`Bounds::PROOF`].
    TooLarge,
    /// Not of the form that it must have.
    Malformed,
    /// The checkpoint in it cannot be read.
    Note(NoteError),
    /// The checkpoint in it is not to be believed.
    Checkpoint(CheckpointError),
    /// The hashes do not lead from this record to the checkpoint.
    Unproven(Unproven),
}

impl fmt::Display for ProofError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::TooLarge => f.write_str("the proof is too large"),
            Self::Malformed => write!(f, "it is no proof of the form {FIRST_LINE}"),
            Self::Note(error) => fmt::Display::fmt(error, f),
            Self::Checkpoint(error) => fmt::Display::fmt(error, f),
            Self::Unproven(error) => fmt::Display::fmt(error, f),
        }
    }
}

impl Error for ProofError {}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::ledger::{key::SigningKey, tree::tests::Leaves};

    fn key() -> SigningKey {
        SigningKey::from_seed("ledger.example", &[7; 32]).unwrap()
    }

    fn proof(index: u64, size: u64) -> Proof {
        let tree = Leaves::numbered(size);
        let hashes = tree::inclusion(index, size, &mut tree.reader()).unwrap().unwrap();
        let root = tree::root(size, &mut tree.reader()).unwrap();
        Proof { index, hashes, checkpoint: Checkpoint::sign(size, root, &key()).unwrap() }
    }

    #[test]
    fn a_proof_is_read_as_it_is_written_and_shows_its_record_alone() {
        for (index, size) in [(0, 1), (0, 2), (1, 2), (4, 5), (2, 7), (99, 300)] {
            let proof = proof(index, size);
            let read = Proof::parse(proof.to_string().as_bytes()).unwrap();
            assert_eq!(read, proof);
            assert_eq!(read.check(&Leaves::record(index), key().verifier()).unwrap().size(), size);
            let other = read.check(&Leaves::record(index + 1), key().verifier());
            assert_eq!(other.unwrap_err(), ProofError::Unproven(Unproven::OtherRoot));
        }
    }

    #[test]
    fn no_byte_of_a_proof_can_be_changed() {
        let written = proof(5, 13).to_string().into_bytes();
        for at in 0..written.len() {
            for flip in [0x01, 0x02, 0x04, 0x20, 0x80] {
                let mut spoiled = written.clone();
                spoiled[at] ^= flip;
                let checked = Proof::parse(&spoiled).and_then(|read| read.check(&Leaves::record(5), key().verifier()));
                assert!(checked.is_err(), "byte {at} by {flip:02x}");
            }
        }
    }

    #[test]
    fn nothing_may_be_missing_or_left_over() {
        let good = proof(5, 13);
        let refused = |proof: &Proof| proof.check(&Leaves::record(5), key().verifier()).unwrap_err();
        let with = |hashes: &[Hash]| Proof { hashes: hashes.to_vec(), ..good.clone() };
        let more = [good.hashes.as_slice(), &[Hash::leaf(b"")]].concat();
        assert_eq!(refused(&with(&more)), ProofError::Unproven(Unproven::Length));
        assert_eq!(refused(&with(&good.hashes[1..])), ProofError::Unproven(Unproven::Length));
        assert_eq!(refused(&Proof { index: 13, ..good.clone() }), ProofError::Unproven(Unproven::Outside));
        assert_eq!(refused(&Proof { index: 4, ..good.clone() }), ProofError::Unproven(Unproven::OtherRoot));
        let other = SigningKey::from_seed("ledger.example", &[8; 32]).unwrap();
        let by_another = good.check(&Leaves::record(5), other.verifier()).unwrap_err();
        assert_eq!(by_another, ProofError::Checkpoint(CheckpointError::Note(NoteError::NotSignedBy)));
    }

    #[test]
    fn the_form_is_strict_and_extra_data_is_passed_over() {
        let good = proof(5, 13).to_string();
        let with_extra = good.replacen("index", "extra YWdl\nindex", 1);
        assert_eq!(Proof::parse(with_extra.as_bytes()).unwrap(), proof(5, 13));
        for spoiled in [
            String::new(),
            good.replacen("@v1", "@v2", 1),
            good.replacen("index 5", "index 05", 1),
            good.replacen("index 5", "index +5", 1),
            good.replacen("index 5\n", "", 1),
            good.replacen("index", "extra Y\nindex", 1),
            good.replacen("index", "extra YWdl\nextra YWdl\nindex", 1),
            good.replacen("index 5\n", "index 5\n \n", 1),
            good.replace('\n', "\r\n"),
        ] {
            assert_eq!(Proof::parse(spoiled.as_bytes()).unwrap_err(), ProofError::Malformed, "{spoiled}");
        }
        let large = format!("{good}{}", " ".repeat(Bounds::PROOF));
        assert_eq!(Proof::parse(large.as_bytes()).unwrap_err(), ProofError::TooLarge);
    }
}
