//! One signature by one plain key (RFC 4253, section 6.6; RFC 5656; RFC 8332; OpenSSH's PROTOCOL.u2f).

use super::{
    key::{Material, PublicKey},
    wire::Wire,
};
use crate::signature::{
    Defect, UserCheck,
    public_key::{self, Curve, Hash, sha256},
};

/// Flags of a security key.
const PRESENT: u8 = 0x01;
const VERIFIED: u8 = 0x04;

/// Verifies a whole signature blob over these bytes. Says for a security key how it made sure of its user: presence is
/// always asked for, though neither ssh-keygen nor ssh-key does.
pub(super) fn verify(key: &PublicKey, signed: &[u8], blob: &[u8]) -> Result<Option<UserCheck>, Defect> {
    let mut wire = Wire(blob);
    let (Some(algorithm), Some(signature)) = (wire.string(), wire.string()) else {
        return Err(Defect::Malformed("its signature field is not whole".into()));
    };
    let token = if key.is_security_key() { Some(Token::read(&mut wire)?) } else { None };
    if !wire.is_empty() {
        return Err(Defect::Malformed("something follows the signature in its field".into()));
    }
    let hash = hash_of(algorithm, key)?;
    match &key.material {
        Material::Ed25519(key) => public_key::verify_ed25519(key, signed, signature)?,
        Material::Ecdsa { curve, point } => verify_ecdsa(*curve, point, hash, signed, signature)?,
        Material::Rsa { modulus, exponent } => {
            public_key::verify_rsa(modulus, exponent, hash, &hash.of(signed), signature)?;
        }
        Material::Dsa => return Err(Defect::Weak("DSA".into())),
        Material::SkEd25519 { key, application } => {
            public_key::verify_ed25519(key, &token_data(application, token, signed), signature)?;
        }
        Material::SkEcdsa { point, application } => {
            verify_ecdsa(Curve::P256, point, Hash::Sha256, &token_data(application, token, signed), signature)?;
        }
    }
    match token {
        Some(token) if token.flags & PRESENT == 0 => {
            Err(Defect::Improper("the security key signed without its user being present".into()))
        }
        Some(token) if token.flags & VERIFIED != 0 => Ok(Some(UserCheck::Verification)),
        Some(_) => Ok(Some(UserCheck::Presence)),
        None => Ok(None),
    }
}

/// What a security key adds to what it signs.
#[derive(Clone, Copy)]
struct Token {
    flags: u8,
    counter: u32,
}

impl Token {
    fn read(wire: &mut Wire<'_>) -> Result<Self, Defect> {
        match (wire.byte(), wire.u32()) {
            (Some(flags), Some(counter)) => Ok(Self { flags, counter }),
            _ => Err(Defect::Malformed("its signature field has no flags and counter".into())),
        }
    }
}

/// What a security key signs, before its algorithm's own hash.
fn token_data(application: &[u8], token: Option<Token>, signed: &[u8]) -> Vec<u8> {
    let Token { flags, counter } = token.unwrap_or(Token { flags: 0, counter: 0 });
    [&sha256(application)[..], &[flags], &counter.to_be_bytes(), &sha256(signed)].concat()
}

/// The hash of the signature algorithm, which must be one of the key's.
fn hash_of(algorithm: &[u8], key: &PublicKey) -> Result<Hash, Defect> {
    let hash = match (&key.material, algorithm) {
        (Material::Rsa { .. }, b"rsa-sha2-256") => Hash::Sha256,
        (Material::Rsa { .. }, b"rsa-sha2-512") => Hash::Sha512,
        (Material::Rsa { .. }, b"ssh-rsa") => return Err(Defect::Weak("RSA with SHA-1".into())),
        (Material::SkEcdsa { .. }, b"webauthn-sk-ecdsa-sha2-nistp256@openssh.com") => {
            return Err(Defect::Unsupported("WebAuthn signatures".into()));
        }
        (Material::Rsa { .. }, _) => return Err(mismatch(algorithm, key)),
        (_, algorithm) if algorithm != key.algorithm().as_bytes() => return Err(mismatch(algorithm, key)),
        (Material::Ecdsa { curve: Curve::P384, .. }, _) => Hash::Sha384,
        // Ed25519 has its own.
        (Material::Ecdsa { curve: Curve::P521, .. } | Material::Ed25519(_) | Material::SkEd25519 { .. }, _) => {
            Hash::Sha512
        }
        (Material::Ecdsa { curve: Curve::P256, .. } | Material::SkEcdsa { .. } | Material::Dsa, _) => Hash::Sha256,
    };
    Ok(hash)
}

fn mismatch(algorithm: &[u8], key: &PublicKey) -> Defect {
    let algorithm = algorithm.escape_ascii();
    Defect::Malformed(format!("its signature is of the type `{algorithm}`, its key of the type `{}`", key.algorithm()))
}

fn verify_ecdsa(curve: Curve, point: &[u8], hash: Hash, signed: &[u8], signature: &[u8]) -> Result<(), Defect> {
    let mut wire = Wire(signature);
    match (wire.natural(), wire.natural()) {
        (Some(r), Some(s)) if wire.is_empty() => public_key::verify_ecdsa(curve, point, &hash.of(signed), r, s),
        _ => Err(Defect::Malformed("its ECDSA signature is not two numbers".into())),
    }
}
