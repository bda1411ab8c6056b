//! Signed notes: c2sp.org/signed-note. A text, and who signed it. Pure.

use super::key::{KeyError, Signed, SigningKey, VerifierKey, is_name};
use crate::bounds::Bounds;
use base64ct::{Base64, Encoding};
use std::{error::Error, fmt};

/// A note as it came: nothing of it has been verified. [`Note::open`] gives the text out.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Note {
    text: String,
    lines: Vec<SignatureLine>,
}

/// The text of a note, and the known keys that signed it: one at least. Made by [`Note::open`] alone.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Opened {
    text: String,
    signed: Vec<Signed>,
}

impl Opened {
    /// The text, its last newline included.
    pub fn text(&self) -> &str {
        &self.text
    }

    /// Who signed it: each key once, by the first of its signatures.
    pub fn signed(&self) -> &[Signed] {
        &self.signed
    }
}

impl Note {
    /// Signs a text of lines, each ended by a newline.
    ///
    /// # Errors
    /// [`NoteError::Text`], [`NoteError::TooLarge`].
    pub fn sign(text: &str, key: &SigningKey) -> Result<Self, NoteError> {
        if !text.ends_with('\n') || !is_text(text) {
            return Err(NoteError::Text);
        }
        Self { text: text.to_owned(), lines: vec![key.sign(text)] }.bounded()
    }

    /// Reads a note of at most [`Bounds::NOTE`] bytes and [`Bounds::NOTE_SIGNATURES`] signatures.
    ///
    /// # Errors
    /// Which of the grammar's rules it breaks.
    pub fn parse(bytes: &[u8]) -> Result<Self, NoteError> {
        if bytes.len() > Bounds::NOTE {
            return Err(NoteError::TooLarge);
        }
        let note = std::str::from_utf8(bytes).ok().filter(|note| is_text(note)).ok_or(NoteError::Text)?;
        // The last empty line parts the text, which may have empty lines, from the signatures.
        let (text, lines) = note.rsplit_once("\n\n").ok_or(NoteError::Unsigned)?;
        Ok(Self { text: format!("{text}\n"), lines: signature_lines(lines)? })
    }

    /// Verifies every signature by one of these keys. Signatures by other keys are passed over, as the specification asks.
    ///
    /// # Errors
    /// A signature that is not the known key's whose name and id it bears; none by a known key.
    pub fn open(&self, keys: &[VerifierKey]) -> Result<Opened, NoteError> {
        let mut signed: Vec<Signed> = Vec::new();
        for line in &self.lines {
            for key in keys.iter().filter(|key| line.is_by(key)) {
                let by = key.verify(&self.text, &line.signature).map_err(NoteError::Key)?;
                if signed.iter().all(|earlier| earlier.key() != key) {
                    signed.push(by);
                }
            }
        }
        if signed.is_empty() { Err(NoteError::NotSignedBy) } else { Ok(Opened { text: self.text.clone(), signed }) }
    }

    /// With one more signature, by a key of ours.
    ///
    /// # Errors
    /// [`NoteError::TooManySignatures`], [`NoteError::TooLarge`].
    pub fn and_sign(self, key: &SigningKey) -> Result<Self, NoteError> {
        let line = key.sign(&self.text);
        self.with(line)
    }

    /// With one more signature line, verified or not, after those that are there; a line that is there already is not
    /// repeated.
    ///
    /// # Errors
    /// [`NoteError::TooManySignatures`], [`NoteError::TooLarge`].
    pub fn with(mut self, line: SignatureLine) -> Result<Self, NoteError> {
        if !self.lines.contains(&line) {
            self.lines.push(line);
        }
        self.bounded()
    }

    /// What is written can be read.
    fn bounded(self) -> Result<Self, NoteError> {
        if self.lines.len() > Bounds::NOTE_SIGNATURES {
            return Err(NoteError::TooManySignatures);
        }
        if self.to_string().len() > Bounds::NOTE { Err(NoteError::TooLarge) } else { Ok(self) }
    }

    /// The text, before anybody has verified that it is signed.
    pub(super) fn unverified_text(&self) -> &str {
        &self.text
    }

    /// Whether there are signatures by others than the one of this name, none of them verified.
    pub(super) fn has_others_than(&self, name: &str) -> bool {
        self.lines.iter().any(|line| line.name != name)
    }

    /// The signatures, none of them verified.
    pub fn lines(&self) -> &[SignatureLine] {
        &self.lines
    }

    /// The note with these signatures alone.
    pub(super) fn signed_by_lines(&self, lines: Vec<SignatureLine>) -> Self {
        Self { text: self.text.clone(), lines }
    }
}

/// The note as it is stored and sent.
impl fmt::Display for Note {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(f, "{}", self.text)?;
        self.lines.iter().try_for_each(|line| write!(f, "{line}"))
    }
}

/// One signature of a note: `— name base64(id || signature)`.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct SignatureLine {
    name: String,
    id: u32,
    signature: Vec<u8>,
}

impl SignatureLine {
    pub(super) fn new(name: &str, id: u32, signature: Vec<u8>) -> Self {
        Self { name: name.to_owned(), id, signature }
    }

    /// The name of the key that it says it is by.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// Whether it bears that key's name and id.
    pub(super) fn is_by(&self, key: &VerifierKey) -> bool {
        self.name == key.name() && self.id == key.id()
    }

    fn parse(line: &str) -> Result<Self, NoteError> {
        let (name, base64) = line.strip_prefix("— ").and_then(|line| line.split_once(' ')).ok_or(NoteError::Line)?;
        let bytes = Base64::decode_vec(base64).map_err(|_| NoteError::Line)?;
        let (id, signature) = bytes.split_first_chunk().ok_or(NoteError::Line)?;
        if !is_name(name) || signature.is_empty() {
            return Err(NoteError::Line);
        }
        Ok(Self::new(name, u32::from_be_bytes(*id), signature.to_vec()))
    }
}

impl fmt::Display for SignatureLine {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let bytes = [&self.id.to_be_bytes(), self.signature.as_slice()].concat();
        writeln!(f, "— {} {}", self.name, Base64::encode_string(&bytes))
    }
}

/// Reads signature lines, each ended by a newline: one at least.
pub(super) fn signature_lines(text: &str) -> Result<Vec<SignatureLine>, NoteError> {
    let lines = text.strip_suffix('\n').ok_or(NoteError::Line)?;
    if lines.split('\n').count() > Bounds::NOTE_SIGNATURES {
        return Err(NoteError::TooManySignatures);
    }
    lines.split('\n').map(SignatureLine::parse).collect()
}

/// Whether there is no control character but the newline; all of them, where the specification forbids those below U+0020.
pub(super) fn is_text(text: &str) -> bool {
    !text.chars().any(|c| c.is_control() && c != '\n')
}

/// Why a note cannot be read, or is not to be believed.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum NoteError {
    /// Larger than [`Bounds::NOTE`].
    TooLarge,
    /// Not UTF-8, or with control characters; or a text to be signed does not end in a newline.
    Text,
    /// No empty line, and so no signature, follows the text.
    Unsigned,
    /// A line that should be a signature is none.
    Line,
    /// More than [`Bounds::NOTE_SIGNATURES`].
    TooManySignatures,
    /// None of the known keys signed it.
    NotSignedBy,
    /// A witness's cosignature states no time.
    Untimed,
    /// What a known key's signature should be is not.
    Key(KeyError),
}

impl fmt::Display for NoteError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::TooLarge => "the signed note is too large",
            Self::Text => "the signed note is not lines of UTF-8 text",
            Self::Unsigned => "the signed note has no signature",
            Self::Line => "a signature line of the signed note is malformed",
            Self::TooManySignatures => "the signed note has too many signatures",
            Self::NotSignedBy => "the note is not signed by a known key",
            Self::Untimed => "the cosignature states no time",
            Self::Key(error) => return fmt::Display::fmt(error, f),
        })
    }
}

impl Error for NoteError {}

#[cfg(test)]
pub(super) mod tests;
