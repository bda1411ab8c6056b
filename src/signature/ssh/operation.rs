//! One signature by one plain key (RFC 4253, section 6.6; RFC 5656; RFC 8332; OpenSSH's PROTOCOL.u2f).

use super::{
    key::{Material, PublicKey},
    wire::Wire,
};
use crate::signature::{
    Defect, UserCheck,
    public_key::{self, Curve, Hash, sha256},
};
use std::borrow::Cow;

/// Verifies a whole signature field over these bytes. Says for a security key how it made sure of its user: presence is
/// always asked for, though `ssh-keygen -Y verify` does not.
pub(super) fn verify(key: &PublicKey, signed: &[u8], field: &[u8]) -> Result<Option<UserCheck>, Defect> {
    let mut wire = Wire(field);
    let (Some(algorithm), Some(signature)) = (wire.string(), wire.string()) else {
        return Err(Defect::Malformed("its signature field is not whole".into()));
    };
    if algorithm.starts_with(b"webauthn-") {
        return Err(Defect::Unsupported("WebAuthn signatures".into()));
    }
    let (signed, token) = match &key.application {
        None => (Cow::Borrowed(signed), None),
        Some(application) => {
            let token = Token::read(&mut wire)?;
            (Cow::Owned(token.signed(application, signed)), Some(token))
        }
    };
    if !wire.is_empty() {
        return Err(Defect::Malformed("something follows the signature in its field".into()));
    }
    match &key.material {
        Material::Ed25519(point) => {
            same_type(algorithm, key)?;
            public_key::verify_ed25519(point, &signed, signature)?;
        }
        Material::Ecdsa { curve, point } => {
            same_type(algorithm, key)?;
            let digest = match curve {
                Curve::P256 => Hash::Sha256,
                Curve::P384 => Hash::Sha384,
                Curve::P521 => Hash::Sha512,
            }
            .of(&signed);
            let (r, s) = two_numbers(signature)?;
            public_key::verify_ecdsa(*curve, point, &digest, r, s)?;
        }
        Material::Rsa { modulus, exponent } => {
            let hash = match algorithm {
                b"rsa-sha2-256" => Hash::Sha256,
                b"rsa-sha2-512" => Hash::Sha512,
                b"ssh-rsa" => return Err(Defect::Weak("RSA with SHA-1".into())),
                _ => return Err(other_type(algorithm, key)),
            };
            public_key::verify_rsa(modulus, exponent, hash, &hash.of(&signed), signature)?;
        }
        Material::Dsa => return Err(Defect::Weak("DSA".into())),
    }
    token.map(Token::user_check).transpose()
}

/// What a security key adds to what it signs.
#[derive(Clone, Copy)]
struct Token {
    flags: u8,
    counter: u32,
}

const PRESENT: u8 = 0x01;
const VERIFIED: u8 = 0x04;

impl Token {
    fn read(wire: &mut Wire<'_>) -> Result<Self, Defect> {
        match (wire.byte(), wire.u32()) {
            (Some(flags), Some(counter)) => Ok(Self { flags, counter }),
            _ => Err(Defect::Malformed("its signature field has no flags and counter".into())),
        }
    }

    /// The bytes that the key signs in place of those it is given.
    fn signed(self, application: &[u8], given: &[u8]) -> Vec<u8> {
        [&sha256(application)[..], &[self.flags], &self.counter.to_be_bytes(), &sha256(given)].concat()
    }

    fn user_check(self) -> Result<UserCheck, Defect> {
        if self.flags & PRESENT == 0 {
            return Err(Defect::Improper("its security key was not touched".into()));
        }
        Ok(if self.flags & VERIFIED == 0 { UserCheck::Presence } else { UserCheck::Verification })
    }
}

/// But for RSA, keys and signatures have the same names.
fn same_type(algorithm: &[u8], key: &PublicKey) -> Result<(), Defect> {
    if algorithm == key.algorithm().as_bytes() { Ok(()) } else { Err(other_type(algorithm, key)) }
}

fn other_type(algorithm: &[u8], key: &PublicKey) -> Defect {
    let algorithm = algorithm.escape_ascii();
    Defect::Malformed(format!("its signature is of the type `{algorithm}`, its key of the type `{}`", key.algorithm()))
}

fn two_numbers(signature: &[u8]) -> Result<(&[u8], &[u8]), Defect> {
    let mut wire = Wire(signature);
    match (wire.natural(), wire.natural()) {
        (Some(r), Some(s)) if wire.is_empty() => Ok((r, s)),
        _ => Err(Defect::Malformed("its ECDSA signature is not two numbers".into())),
    }
}
