//! Keys of signed notes: c2sp.org/signed-note, "Verifier keys" and "Ed25519 signatures", and the key's secret half as
//! golang.org/x/mod/sumdb/note writes it. Pure: the seed is given, not drawn.

use super::note::SignatureLine;
use aws_lc_rs::{
    digest::{SHA256, digest},
    encoding::AsBigEndian,
    signature::{ED25519, Ed25519KeyPair, KeyPair, UnparsedPublicKey},
};
use base64ct::{Base64, Encoding};
use std::{error::Error, fmt};

const SECRET: &str = "PRIVATE+KEY+";

/// What a key's signatures are over.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Algorithm {
    /// Ed25519 over the note's text; byte `0x01` of signed-note.
    Ed25519,
    /// Ed25519 over a time and the text of a checkpoint, by a witness; byte `0x04`, c2sp.org/tlog-cosignature.
    CosignatureV1,
}

impl Algorithm {
    fn byte(self) -> u8 {
        match self {
            Self::Ed25519 => 1,
            Self::CosignatureV1 => 4,
        }
    }
}

/// A public key that signed notes are checked with, and its name.
#[derive(Clone, PartialEq, Eq)]
pub struct VerifierKey {
    name: String,
    algorithm: Algorithm,
    public: [u8; 32],
}

impl VerifierKey {
    /// Reads `name+hex8+base64`, as `Display` writes it.
    ///
    /// # Errors
    /// Why it is none: its grammar, an algorithm we do not check, or an id that is another key's.
    pub fn parse(text: &str) -> Result<Self, KeyError> {
        let mut parts = text.splitn(3, '+');
        let (Some(name), Some(id), Some(key)) = (parts.next(), parts.next(), parts.next()) else {
            return Err(KeyError::Malformed);
        };
        let bytes = Base64::decode_vec(key).map_err(|_| KeyError::Malformed)?;
        let (&algorithm, public) = bytes.split_first().ok_or(KeyError::Malformed)?;
        let algorithm = match algorithm {
            1 => Algorithm::Ed25519,
            4 => Algorithm::CosignatureV1,
            _ => return Err(KeyError::Unsupported),
        };
        let public = public.try_into().map_err(|_| KeyError::Malformed)?;
        let key = Self::new(name, algorithm, public)?;
        if format!("{:08x}", key.id()) == id { Ok(key) } else { Err(KeyError::OtherId) }
    }

    fn new(name: &str, algorithm: Algorithm, public: [u8; 32]) -> Result<Self, KeyError> {
        if !is_name(name) {
            return Err(KeyError::Name);
        }
        Ok(Self { name: name.to_owned(), algorithm, public })
    }

    /// What it is called, in signature lines, too: a URL without its scheme.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// The first four bytes of `SHA-256(name || 0x0A || algorithm || public key)`, big-endian. A hint only: keys with a
    /// given id are easily made.
    pub fn id(&self) -> u32 {
        let hashed = [self.name.as_bytes(), b"\n", &[self.algorithm.byte()], &self.public].concat();
        digest(&SHA256, &hashed).as_ref().iter().take(4).fold(0, |id, &byte| id << 8 | u32::from(byte))
    }

    /// Whether this key made `signature` (what follows the id in a signature line) over a note's text.
    ///
    /// # Errors
    /// It did not.
    pub(super) fn verify(&self, text: &str, signature: &[u8]) -> Result<Signed, KeyError> {
        let key = UnparsedPublicKey::new(&ED25519, &self.public);
        match self.algorithm {
            Algorithm::Ed25519 => {
                key.verify(text.as_bytes(), signature).map_err(|_| KeyError::BadSignature)?;
                Ok(Signed { key: self.clone(), time: None })
            }
            Algorithm::CosignatureV1 => {
                let (time, signature) = signature.split_first_chunk().ok_or(KeyError::BadSignature)?;
                let time = i64::from_be_bytes(*time);
                // Not above 2^63 - 1, says the specification.
                if time < 0 {
                    return Err(KeyError::BadSignature);
                }
                let message = format!("cosignature/v1\ntime {time}\n{text}");
                key.verify(message.as_bytes(), signature).map_err(|_| KeyError::BadSignature)?;
                Ok(Signed { key: self.clone(), time: Some(time) })
            }
        }
    }
}

impl fmt::Display for VerifierKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let key = [&[self.algorithm.byte()], self.public.as_slice()].concat();
        write!(f, "{}+{:08x}+{}", self.name, self.id(), Base64::encode_string(&key))
    }
}

impl fmt::Debug for VerifierKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

/// This key signed this text. Made by verifying alone.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Signed {
    key: VerifierKey,
    time: Option<i64>,
}

impl Signed {
    /// Which key it was.
    pub fn key(&self) -> &VerifierKey {
        &self.key
    }

    /// When a witness says that it saw the checkpoint, in seconds since 1970; `None` of signatures that state no time.
    pub fn time(&self) -> Option<i64> {
        self.time
    }
}

/// A key that signs notes with Ed25519.
pub struct SigningKey {
    public: VerifierKey,
    pair: Ed25519KeyPair,
}

impl SigningKey {
    /// From 32 random bytes, the seed of RFC 8032.
    ///
    /// # Errors
    /// [`KeyError::Name`].
    pub fn from_seed(name: &str, seed: &[u8; 32]) -> Result<Self, KeyError> {
        let pair = Ed25519KeyPair::from_seed_unchecked(seed).map_err(|_| KeyError::Malformed)?;
        let public = pair.public_key().as_ref().try_into().map_err(|_| KeyError::Malformed)?;
        Ok(Self { public: VerifierKey::new(name, Algorithm::Ed25519, public)?, pair })
    }

    /// Reads `PRIVATE+KEY+name+hex8+base64(0x01 || seed)`, as [`SigningKey::secret`] writes it; a newline may follow.
    ///
    /// # Errors
    /// Why it is none. The text is not in the error.
    pub fn parse(text: &str) -> Result<Self, KeyError> {
        let text = text.strip_suffix('\n').unwrap_or(text);
        let mut parts = text.strip_prefix(SECRET).ok_or(KeyError::Malformed)?.splitn(3, '+');
        let (Some(name), Some(id), Some(key)) = (parts.next(), parts.next(), parts.next()) else {
            return Err(KeyError::Malformed);
        };
        let bytes = Base64::decode_vec(key).map_err(|_| KeyError::Malformed)?;
        let seed = match bytes.split_first() {
            Some((1, seed)) => seed.try_into().map_err(|_| KeyError::Malformed)?,
            Some(_) => return Err(KeyError::Unsupported),
            None => return Err(KeyError::Malformed),
        };
        let key = Self::from_seed(name, seed)?;
        if format!("{:08x}", key.public.id()) == id { Ok(key) } else { Err(KeyError::OtherId) }
    }

    /// The secret key as text, for a file that nobody else reads.
    ///
    /// # Errors
    /// [`KeyError::Malformed`], should the library not give out the seed.
    pub fn secret(&self) -> Result<String, KeyError> {
        let seed = self.pair.seed().map_err(|_| KeyError::Malformed)?;
        let seed = seed.as_be_bytes().map_err(|_| KeyError::Malformed)?;
        let key = [&[Algorithm::Ed25519.byte()], seed.as_ref()].concat();
        Ok(format!("{SECRET}{}+{:08x}+{}", self.public.name, self.public.id(), Base64::encode_string(&key)))
    }

    /// Its public half.
    pub fn verifier(&self) -> &VerifierKey {
        &self.public
    }

    /// The signature line for a note's text.
    pub(super) fn sign(&self, text: &str) -> SignatureLine {
        let signature = self.pair.sign(text.as_bytes()).as_ref().to_vec();
        SignatureLine::new(self.public.name(), self.public.id(), signature)
    }
}

impl fmt::Debug for SigningKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "SigningKey({})", self.public)
    }
}

/// Whether a key may be called so: not empty, no spaces, no plus; no control characters, since notes have none.
pub(super) fn is_name(name: &str) -> bool {
    !name.is_empty() && !name.chars().any(|c| c == '+' || c.is_whitespace() || c.is_control())
}

/// Why a text is no key, or a signature not a key's.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum KeyError {
    /// Not of the form that it should have.
    Malformed,
    /// Its name is empty, or has a space, a plus or a control character.
    Name,
    /// Of an algorithm that is not Ed25519.
    Unsupported,
    /// The id is not that of this name and key.
    OtherId,
    /// The signature is not this key's over this text.
    BadSignature,
}

impl fmt::Display for KeyError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Malformed => "it is no key of a signed note",
            Self::Name => "a key's name is not empty and has no space, no plus and no control character",
            Self::Unsupported => "the key is of an algorithm other than Ed25519",
            Self::OtherId => "the key's id is not that of its name and key",
            Self::BadSignature => "the signature is not this key's over this text",
        })
    }
}

impl Error for KeyError {}

#[cfg(test)]
mod tests {
    use super::*;

    // The example of golang.org/x/mod/sumdb/note.
    const SECRET_KEY: &str = "PRIVATE+KEY+PeterNeumann+c74f20a3+AYEKFALVFGyNhPJEMzD1QIDr+Y7hfZx09iUvxdXHKDFz";
    const PUBLIC_KEY: &str = "PeterNeumann+c74f20a3+ARpc2QcUPDhMQegwxbzhKqiBfsVkmqq/LDE4izWy10TW";

    #[test]
    fn keys_are_read_as_they_are_written() {
        let key = SigningKey::parse(SECRET_KEY).unwrap();
        assert_eq!(key.secret().unwrap(), SECRET_KEY);
        assert_eq!(key.verifier().to_string(), PUBLIC_KEY);
        assert_eq!(VerifierKey::parse(PUBLIC_KEY).unwrap(), *key.verifier());
        assert_eq!(SigningKey::parse(&format!("{SECRET_KEY}\n")).unwrap().secret().unwrap(), SECRET_KEY);
        for published in [
            "example.com/foo+530d903a+AekyeRrm56hApGFkyQR4ZCbV54Id2LKaANYcrnKv3U2k",
            "witness.navigli.sunlight.geomys.org+a3e00fe2+BNy/co4C1Hn1p+INwJrfUlgz7W55dSZReusH/GhUhJ/G",
        ] {
            assert_eq!(VerifierKey::parse(published).unwrap().to_string(), published);
        }
    }

    #[test]
    fn the_secret_is_not_shown() {
        let shown = format!("{:?}", SigningKey::parse(SECRET_KEY).unwrap());
        assert_eq!(shown, format!("SigningKey({PUBLIC_KEY})"));
    }

    #[test]
    fn all_else_is_no_key() {
        for (text, why) in [
            ("", KeyError::Malformed),
            ("PeterNeumann+c74f20a3", KeyError::Malformed),
            ("PeterNeumann+c74f20a3+", KeyError::Malformed),
            ("PeterNeumann+c74f20a3+ARpc2QcUPDhMQegwxbzhKqiBfsVkmqq/LDE4izWy10TW\n", KeyError::Malformed),
            ("PeterNeumann+c74f20a3+ARpc2QcUPDhMQegwxbzhKqiBfsVkmqq/LDE4izWy10Q=", KeyError::Malformed),
            ("PeterNeumann+C74F20A3+ARpc2QcUPDhMQegwxbzhKqiBfsVkmqq/LDE4izWy10TW", KeyError::OtherId),
            ("PeterNeuman+c74f20a3+ARpc2QcUPDhMQegwxbzhKqiBfsVkmqq/LDE4izWy10TW", KeyError::OtherId),
            ("Peter Neumann+c74f20a3+ARpc2QcUPDhMQegwxbzhKqiBfsVkmqq/LDE4izWy10TW", KeyError::Name),
            ("+c74f20a3+ARpc2QcUPDhMQegwxbzhKqiBfsVkmqq/LDE4izWy10TW", KeyError::Name),
            ("PeterNeumann+c74f20a3+Bhpc2QcUPDhMQegwxbzhKqiBfsVkmqq/LDE4izWy10TW", KeyError::Unsupported),
        ] {
            assert_eq!(VerifierKey::parse(text).unwrap_err(), why, "{text}");
        }
        let secret = |text: &str| SigningKey::parse(text).unwrap_err();
        assert_eq!(secret(PUBLIC_KEY), KeyError::Malformed);
        assert_eq!(secret(&SECRET_KEY.replace("c74f", "c74e")), KeyError::OtherId);
        assert_eq!(secret(&SECRET_KEY.replace("+AYEK", "+BIEK")), KeyError::Unsupported);
        assert_eq!(secret(&format!("{SECRET_KEY}\n\n")), KeyError::Malformed);
        assert_eq!(SigningKey::from_seed("two words", &[7; 32]).unwrap_err(), KeyError::Name);
    }
}
