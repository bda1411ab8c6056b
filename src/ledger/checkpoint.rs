//! Checkpoints, the signed heads of a log's tree: c2sp.org/tlog-checkpoint. Pure.

use super::{
    key::{Signed, SigningKey, VerifierKey},
    note::{Note, NoteError, is_text},
    tree::Hash,
};
use std::{error::Error, fmt};

/// The head of a tree: that the log `origin` had `size` records, and their root hash.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Checkpoint {
    origin: String,
    size: u64,
    root: Hash,
    extensions: Vec<String>,
}

impl Checkpoint {
    /// Of a log of ours: its origin is the name of the key that signs (as the specification recommends), and there are no
    /// extension lines.
    ///
    /// # Errors
    /// The note's, which a key with a name of reasonable length does not give.
    pub fn sign(size: u64, root: Hash, key: &SigningKey) -> Result<Note, NoteError> {
        let origin = key.verifier().name().to_owned();
        Note::sign(&Self { origin, size, root, extensions: Vec::new() }.to_string(), key)
    }

    /// What a signed note says whose signature by the log's key is good, and which of the keys signed it.
    ///
    /// # Errors
    /// The note's; a text that is no checkpoint; an origin other than the log's, which is its key's name.
    pub fn open(
        note: &Note,
        log: &VerifierKey,
        witnesses: &[VerifierKey],
    ) -> Result<(Self, Vec<Signed>), CheckpointError> {
        let keys: Vec<_> = [log].into_iter().chain(witnesses).cloned().collect();
        let opened = note.open(&keys).map_err(CheckpointError::Note)?;
        if opened.signed().iter().all(|signed| signed.key() != log) {
            return Err(CheckpointError::Note(NoteError::NotSignedBy));
        }
        let checkpoint = Self::parse(opened.text()).ok_or(CheckpointError::Malformed)?;
        if checkpoint.origin != log.name() {
            return Err(CheckpointError::OtherOrigin);
        }
        Ok((checkpoint, opened.signed().to_vec()))
    }

    /// Reads a note's text; `None` if it is no checkpoint.
    pub fn parse(text: &str) -> Option<Self> {
        let mut lines = text.strip_suffix('\n').filter(|_| is_text(text))?.split('\n');
        let (origin, size, root) = (lines.next()?, lines.next()?, lines.next()?);
        let extensions: Vec<_> = lines.map(str::to_owned).collect();
        if origin.is_empty() || extensions.iter().any(String::is_empty) {
            return None;
        }
        Some(Self { origin: origin.to_owned(), size: decimal(size)?, root: Hash::from_base64(root)?, extensions })
    }

    /// The log's unique name.
    pub fn origin(&self) -> &str {
        &self.origin
    }

    /// How many records the log had.
    pub fn size(&self) -> u64 {
        self.size
    }

    /// The root hash of the tree of that size.
    pub fn root(&self) -> Hash {
        self.root
    }

    /// Lines that follow; what they mean is between the log and whoever knows it.
    pub fn extensions(&self) -> &[String] {
        &self.extensions
    }
}

/// The note's text.
impl fmt::Display for Checkpoint {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}\n{}\n{}\n", self.origin, self.size, self.root)?;
        self.extensions.iter().try_for_each(|line| writeln!(f, "{line}"))
    }
}

/// A number as these formats write it: ASCII digits, no sign, no leading zero, below 2^64.
pub(super) fn decimal(text: &str) -> Option<u64> {
    let number = text.parse::<u64>().ok()?;
    (number.to_string() == text).then_some(number)
}

/// Why a note is not a checkpoint of the log.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum CheckpointError {
    /// The note around it.
    Note(NoteError),
    /// The signed text is no checkpoint.
    Malformed,
    /// It is another log's.
    OtherOrigin,
}

impl fmt::Display for CheckpointError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Note(error) => fmt::Display::fmt(error, f),
            Self::Malformed => f.write_str("the signed text is no checkpoint"),
            Self::OtherOrigin => f.write_str("the checkpoint is another log's"),
        }
    }
}

impl Error for CheckpointError {}

#[cfg(test)]
mod tests {
    use super::*;

    fn key(name: &str) -> SigningKey {
        SigningKey::from_seed(name, &[7; 32]).unwrap()
    }

    #[test]
    fn a_checkpoint_is_read_as_it_is_written() {
        // The example of the specification, and one with extension lines.
        for text in [
            "example.com/behind-the-sofa\n20852163\nCsUYapGGPo4dkMgIAUqom/Xajj7h2fB2MPA3j2jxq2I=\n",
            "a log with spaces\n0\n47DEQpj8HBSa+/TImW+5JCeuQeRkm5NMpJWZG3hSuFU=\nmore\nand more\n",
        ] {
            assert_eq!(Checkpoint::parse(text).unwrap().to_string(), text);
        }
        let sofa = Checkpoint::parse("o\n20852163\nCsUYapGGPo4dkMgIAUqom/Xajj7h2fB2MPA3j2jxq2I=\nx\n").unwrap();
        assert_eq!((sofa.origin(), sofa.size(), sofa.extensions().len()), ("o", 20_852_163, 1));
        assert_eq!(sofa.root().to_string(), "CsUYapGGPo4dkMgIAUqom/Xajj7h2fB2MPA3j2jxq2I=");
    }

    #[test]
    fn all_else_is_no_checkpoint() {
        let root = "CsUYapGGPo4dkMgIAUqom/Xajj7h2fB2MPA3j2jxq2I=";
        for text in [
            String::new(),
            "o\n1\n".into(),
            format!("o\n1\n{root}"),
            format!("\n1\n{root}\n"),
            format!("o\n01\n{root}\n"),
            format!("o\n+1\n{root}\n"),
            format!("o\n-1\n{root}\n"),
            format!("o\n1 \n{root}\n"),
            format!("o\n18446744073709551616\n{root}\n"),
            format!("o\n1\n{root}\r\n"),
            format!("o\n1\n{}\n", root.replace('=', "")),
            format!("o\n1\n{}\n", root.replace("2I=", "2J=")),
            format!("o\n1\n{root}\n\n"),
            format!("o\n1\n{root}\n\nextension\n"),
            format!("o\n1\n{root}{root}\n"),
        ] {
            assert_eq!(Checkpoint::parse(&text), None, "{text:?}");
        }
    }

    #[test]
    fn it_is_believed_of_its_own_log_alone() {
        let (ours, theirs) = (key("ledger.example/a"), key("ledger.example/b"));
        let note = Checkpoint::sign(3, Hash::leaf(b"x"), &ours).unwrap();
        let (checkpoint, signed) = Checkpoint::open(&note, ours.verifier(), &[]).unwrap();
        assert_eq!((checkpoint.size(), checkpoint.root(), signed.len()), (3, Hash::leaf(b"x"), 1));
        let refused = |note: &Note, key: &SigningKey| Checkpoint::open(note, key.verifier(), &[]).unwrap_err();
        assert_eq!(refused(&note, &theirs), CheckpointError::Note(NoteError::NotSignedBy));
        // Signed by the key, about another log.
        let about_another = Note::sign(&checkpoint.to_string(), &theirs).unwrap();
        assert_eq!(refused(&about_another, &theirs), CheckpointError::OtherOrigin);
        let no_checkpoint = Note::sign("three\nlines\nof text\n", &ours).unwrap();
        assert_eq!(refused(&no_checkpoint, &ours), CheckpointError::Malformed);
        // Signed by a witness's key, and not by the log's.
        let witnessed = Checkpoint::open(&about_another, ours.verifier(), &[theirs.verifier().clone()]);
        assert_eq!(witnessed.unwrap_err(), CheckpointError::Note(NoteError::NotSignedBy));
    }
}
