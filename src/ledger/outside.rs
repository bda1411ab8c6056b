//! Checkpoints that were kept elsewhere, as people keep them: signed notes, and lines copied from a terminal. Pure.

use super::{
    checkpoint::{Checkpoint, decimal},
    key::{Signed, VerifierKey},
    note::{Note, NoteError},
    tree::{self, Hash, Unproven},
};
use crate::Undecided;
use std::fmt;

/// What somebody else says that the ledger was.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct OutsideCheckpoint {
    /// The name of the ledger.
    pub origin: String,
    /// How many records it had.
    pub size: u64,
    /// The root hash of its tree.
    pub root: Hash,
    /// `None` of a line that a pusher was told: it is believed because of who kept it.
    note: Option<Note>,
}

/// Reads a signed note, or text with lines of the form `accepted: record 12; checkpoint ORIGIN SIZE ROOT`, as pushes are
/// told, before which git may have put `remote: `. All other lines are passed over.
///
/// # Errors
/// There is no checkpoint in it.
pub fn read(bytes: &[u8]) -> Result<Vec<OutsideCheckpoint>, NoteError> {
    let text = std::str::from_utf8(bytes).map_err(|_| NoteError::Text)?;
    let told: Vec<_> = text.lines().filter_map(told).collect();
    if !told.is_empty() {
        return Ok(told);
    }
    let note = Note::parse(bytes)?;
    let checkpoint = Checkpoint::parse(note.unverified_text()).ok_or(NoteError::Text)?;
    let (origin, size, root) = (checkpoint.origin().to_owned(), checkpoint.size(), checkpoint.root());
    Ok(vec![OutsideCheckpoint { origin, size, root, note: Some(note) }])
}

fn told(line: &str) -> Option<OutsideCheckpoint> {
    let line = line.trim();
    let line = line.strip_prefix("remote:").map_or(line, str::trim_start);
    let (_, checkpoint) = line.strip_prefix("accepted: record")?.split_once("; checkpoint ")?;
    let mut words = checkpoint.split(' ');
    let (origin, size, root) = (words.next()?, decimal(words.next()?)?, Hash::from_base64(words.next()?)?);
    words.next().is_none().then(|| OutsideCheckpoint { origin: origin.to_owned(), size, root, note: None })
}

impl OutsideCheckpoint {
    /// Whether the ledger that has `size` records and the hash `root`, and was signed with these keys in turn, begins with
    /// what this is a checkpoint of: by a consistency proof from its tree, whose complete nodes `read` gives.
    ///
    /// # Errors
    /// Why it does not.
    pub fn check(
        &self,
        (size, root): (u64, Hash),
        keys: &[VerifierKey],
        read: &mut dyn FnMut(u32, u64) -> Result<Hash, Undecided>,
    ) -> Result<(), Inconsistent> {
        if keys.iter().all(|key| key.name() != self.origin) {
            return Err(Inconsistent::OtherOrigin { origin: self.origin.clone() });
        }
        if let Some(note) = &self.note {
            note.open(keys).map_err(Inconsistent::Signature)?;
        }
        let Some(proof) = tree::consistency(self.size, size, read).map_err(Inconsistent::Unread)? else {
            return Err(Inconsistent::Larger { outside: self.size, size });
        };
        tree::check_consistency(self.size, self.root, size, root, &proof)
            .map_err(|why| Inconsistent::Rewritten { size: self.size, why })
    }
}

impl OutsideCheckpoint {
    /// Whether others than the ledger signed it, or say so.
    pub fn has_other_signatures(&self) -> bool {
        self.note.as_ref().is_some_and(|note| note.has_others_than(&self.origin))
    }

    /// Which of these witnesses cosigned it: c2sp.org/tlog-cosignature.
    ///
    /// # Errors
    /// A cosignature that is not the witness's whose name and id it bears, or that states no time.
    pub fn cosigned(&self, witnesses: &[VerifierKey]) -> Result<Vec<Signed>, NoteError> {
        let opened = match self.note.as_ref().map(|note| note.open(witnesses)) {
            None | Some(Err(NoteError::NotSignedBy)) => return Ok(Vec::new()),
            Some(opened) => opened?,
        };
        match opened.signed().iter().all(|signed| signed.time().is_some_and(|time| time != 0)) {
            true => Ok(opened.signed().to_vec()),
            false => Err(NoteError::Untimed),
        }
    }
}

/// Why a ledger is not the one that a checkpoint kept elsewhere was made of.
#[derive(Debug)]
pub enum Inconsistent {
    /// It is of another ledger.
    OtherOrigin {
        /// The name of that.
        origin: String,
    },
    /// None of the ledger's keys signed it, or not well.
    Signature(NoteError),
    /// It covers more records than there are.
    Larger {
        /// How many it covers.
        outside: u64,
        /// How many there are.
        size: u64,
    },
    /// The records that it covers are others now.
    Rewritten {
        /// How many it covers.
        size: u64,
        /// What the proof shows.
        why: Unproven,
    },
    /// The tree cannot be read.
    Unread(Undecided),
}

impl Inconsistent {
    /// A word that stays the same, for programs.
    pub fn code(&self) -> &'static str {
        match self {
            Self::OtherOrigin { .. } => "other-origin",
            Self::Signature(_) => "other-key",
            Self::Larger { .. } => "larger",
            Self::Rewritten { .. } => "rewritten",
            Self::Unread(_) => "damaged",
        }
    }
}

impl fmt::Display for Inconsistent {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::OtherOrigin { origin } => write!(f, "it is a checkpoint of another ledger, {origin}"),
            Self::Signature(error) => write!(f, "it is no checkpoint that this ledger's key signed: {error}"),
            Self::Larger { outside, size } => write!(
                f,
                "it covers {outside} records, and the ledger has {size}: records were taken away, or an older copy was put back"
            ),
            Self::Rewritten { size, why } => {
                write!(f, "the first {size} records are not those that it covers: they were rewritten ({why})")
            }
            Self::Unread(undecided) => write!(f, "it cannot be compared: {undecided}"),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::ledger::{key::SigningKey, tree::tests::Leaves};

    fn key(seed: u8) -> SigningKey {
        SigningKey::from_seed("ledger.example", &[seed; 32]).unwrap()
    }

    fn root(size: u64) -> Hash {
        tree::root(size, &mut Leaves::numbered(size).reader()).unwrap()
    }

    fn checked(outside: &OutsideCheckpoint, size: u64) -> Result<(), &'static str> {
        let tree = Leaves::numbered(size);
        let mut read = tree.reader();
        let mut read = |level, index| Ok(read(level, index).unwrap());
        let keys = [key(7).verifier().clone()];
        outside.check((size, root(size)), &keys, &mut read).map_err(|inconsistent| inconsistent.code())
    }

    #[test]
    fn a_line_copied_from_a_terminal_is_read_with_what_git_puts_around_it() {
        let line = format!("accepted: records 4 to 5; checkpoint ledger.example 6 {}", root(6));
        let around = format!("To server:project\nremote: {line}        \n   a..b  main -> main\n");
        for text in [line.clone(), format!("{line}\n"), around, format!("remote: {line}\r\n")] {
            let found = read(text.as_bytes()).unwrap();
            assert_eq!(found.len(), 1, "{text}");
            assert_eq!(checked(&found[0], 6), Ok(()));
            assert_eq!(checked(&found[0], 9), Ok(()));
            assert_eq!(checked(&found[0], 5), Err("larger"));
        }
        assert_eq!(read(format!("{line}\n{line}\n").as_bytes()).unwrap().len(), 2);
        for text in
            [line.replace("; checkpoint", ""), line.replace(" 6 ", " 06 "), format!("{line} more"), String::new()]
        {
            assert_eq!(read(text.as_bytes()).unwrap_err(), NoteError::Unsigned, "{text}");
        }
    }

    #[test]
    fn a_note_is_believed_if_a_key_of_the_ledger_signed_it() {
        let signed = |seed: u8, size: u64, root: Hash| {
            let note = Checkpoint::sign(size, root, &key(seed)).unwrap().to_string();
            read(note.as_bytes()).unwrap().remove(0)
        };
        assert_eq!(checked(&signed(7, 5, root(5)), 8), Ok(()));
        assert_eq!(checked(&signed(7, 8, root(8)), 8), Ok(()));
        assert_eq!(checked(&signed(8, 5, root(5)), 8), Err("other-key"));
        assert_eq!(checked(&signed(7, 5, root(4)), 8), Err("rewritten"));
        assert_eq!(checked(&signed(7, 8, root(7)), 8), Err("rewritten"));
        assert_eq!(checked(&signed(7, 9, root(9)), 8), Err("larger"));
        let another = SigningKey::from_seed("other.example", &[7; 32]).unwrap();
        let another = Checkpoint::sign(5, root(5), &another).unwrap().to_string();
        assert_eq!(checked(&read(another.as_bytes()).unwrap()[0], 8), Err("other-origin"));
    }
}
