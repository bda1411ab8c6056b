//! Plain public keys.

use super::wire::{Wire, put_string};
use crate::bounds::Bounds;
use crate::signature::{
    Defect, Fingerprint, Unusable,
    public_key::{Curve, ed25519_weakness, rsa_too_large, rsa_weakness, sha1},
};
use ssh_key::{
    Algorithm, EcdsaCurve,
    encoding::{
        Encode,
        base64::{Base64, Encoding},
    },
    public::KeyData,
};

/// A plain public key.
#[derive(Clone, PartialEq, Eq, Hash, Debug)]
pub struct PublicKey {
    algorithm: Box<str>,
    blob: Box<[u8]>,
    pub(super) material: Material,
    /// What a security key's owner made it for (`ssh:`); `None` for all other keys.
    pub(super) application: Option<Box<[u8]>>,
}

/// What verifying takes.
#[derive(Clone, PartialEq, Eq, Hash, Debug)]
pub(super) enum Material {
    Ed25519([u8; 32]),
    Ecdsa {
        curve: Curve,
        point: Box<[u8]>,
    },
    /// Big-endian, without leading zeros.
    Rsa {
        modulus: Box<[u8]>,
        exponent: Box<[u8]>,
    },
    /// Never good; read so that it can be named, and revoked.
    Dsa,
}

/// Why bytes are no key that can be used.
#[derive(PartialEq, Eq, Debug)]
pub(super) enum Unreadable {
    UnknownType(String),
    /// To be read after "the key".
    Malformed(String),
}

impl From<Unreadable> for Defect {
    fn from(unreadable: Unreadable) -> Self {
        match unreadable {
            Unreadable::UnknownType(name) => Self::Unsupported(format!("key type `{}`", name.escape_default())),
            Unreadable::Malformed(what) => Self::Malformed(format!("its key {what}")),
        }
    }
}

pub(super) fn from_base64(base64: &str) -> Option<Vec<u8>> {
    Base64::decode_vec(base64).ok()
}

impl PublicKey {
    /// Why nothing that it signs counts, if its kind or size is too weak, or not supported.
    pub fn unusable(&self) -> Option<Unusable> {
        match &self.material {
            Material::Dsa => Some(Unusable::Weak("DSA".to_owned())),
            Material::Rsa { modulus, .. } => {
                let weak = rsa_weakness(modulus).map(Unusable::Weak);
                weak.or_else(|| rsa_too_large(modulus).map(Unusable::Unsupported))
            }
            Material::Ed25519(point) => ed25519_weakness(point).map(Unusable::Weak),
            Material::Ecdsa { .. } => None,
        }
    }

    /// Reads two fields of a line (sshd(8), AUTHORIZED_KEYS FILE FORMAT): `ssh-ed25519`, `AAAA…`.
    ///
    /// # Errors
    /// Says what is wrong, lower case.
    pub fn from_fields(algorithm: &str, base64: &str) -> Result<Self, String> {
        let blob = from_base64(base64).ok_or("it is not base64")?;
        let named = Wire(&blob).string().ok_or("it is not whole")?;
        if named != algorithm.as_bytes() {
            return Err(format!("it is of another type than `{algorithm}`"));
        }
        Self::from_blob(&blob)
    }

    /// Reads a whole public key blob (RFC 4253, section 6.6; OpenSSH's PROTOCOL.u2f).
    ///
    /// # Errors
    /// Says what is wrong, lower case.
    pub fn from_blob(blob: &[u8]) -> Result<Self, String> {
        Self::read(blob).map_err(|unreadable| match unreadable {
            Unreadable::UnknownType(name) => format!("`{name}` is no known key type"),
            Unreadable::Malformed(what) => format!("it {what}"),
        })
    }

    pub(super) fn read(blob: &[u8]) -> Result<Self, Unreadable> {
        if blob.len() > Bounds::SSH_KEY {
            return Err(Unreadable::Malformed("is too large".into()));
        }
        let mut wire = Wire(blob);
        let name = wire.string().and_then(|name| std::str::from_utf8(name).ok());
        let name = name.ok_or_else(|| Unreadable::Malformed("is not whole".into()))?;
        if is_certificate(name) {
            return Err(Unreadable::Malformed("is a certificate, not a key".into()));
        }
        let key = Self::read_after_name(name, &mut wire)?;
        if !wire.is_empty() {
            return Err(Unreadable::Malformed("is followed by something".into()));
        }
        Ok(key)
    }

    /// Reads the fields of a key of this type, which in a certificate others follow.
    pub(super) fn read_after_name(name: &str, wire: &mut Wire<'_>) -> Result<Self, Unreadable> {
        let unknown = || Unreadable::UnknownType(name.into());
        let malformed = || Unreadable::Malformed(format!("is no well-formed `{name}` key"));
        let algorithm = Algorithm::new(name).map_err(|_| unknown())?;
        if matches!(algorithm, Algorithm::Other(_)) || algorithm.as_str() != name || name.starts_with("rsa-") {
            return Err(unknown());
        }
        let start = wire.0;
        let data = KeyData::decode_as(&mut wire.0, algorithm).map_err(|_| malformed())?;
        let (material, application) = material(&data).ok_or_else(malformed)?;
        let mut blob = Vec::new();
        put_string(&mut blob, name.as_bytes());
        blob.extend(start.get(..start.len() - wire.0.len()).unwrap_or_default());
        // The parser passes over what follows an Ed25519 point in its field.
        if data.encode_vec().ok().as_ref() != Some(&blob) {
            return Err(malformed());
        }
        Ok(Self { algorithm: name.into(), blob: blob.into(), material, application })
    }

    /// SHA-256 of the blob, as `ssh-keygen -l` prints it.
    pub fn fingerprint(&self) -> Fingerprint {
        Fingerprint::of_ssh_key(&self.blob)
    }

    /// SHA-1 of the blob: key revocation lists may name keys by it.
    pub fn sha1(&self) -> [u8; 20] {
        sha1(&self.blob)
    }

    /// As the second field of a line has it; a key has no other such form.
    pub fn base64(&self) -> String {
        Base64::encode_string(&self.blob)
    }

    /// `ssh-ed25519`, `ecdsa-sha2-nistp256`, …
    pub fn algorithm(&self) -> &str {
        &self.algorithm
    }

    /// Whether it lives in a FIDO token (OpenSSH's PROTOCOL.u2f).
    pub fn is_security_key(&self) -> bool {
        self.application.is_some()
    }
}

/// Whether a word names a type of key or certificate.
pub(crate) fn is_key_type(name: &str) -> bool {
    is_certificate(name) || Algorithm::new(name).is_ok_and(|algorithm| !matches!(algorithm, Algorithm::Other(_)))
}

/// Whether a type's name is a certificate's.
pub(crate) fn is_certificate(name: &str) -> bool {
    name.contains("-cert-v")
}

fn material(data: &KeyData) -> Option<(Material, Option<Box<[u8]>>)> {
    if let Some(key) = data.ed25519() {
        return Some((Material::Ed25519(key.0), None));
    }
    if let Some(key) = data.ecdsa() {
        let curve = match key.curve() {
            EcdsaCurve::NistP256 => Curve::P256,
            EcdsaCurve::NistP384 => Curve::P384,
            EcdsaCurve::NistP521 => Curve::P521,
        };
        return Some((Material::Ecdsa { curve, point: uncompressed(key.as_sec1_bytes())? }, None));
    }
    if let Some(key) = data.rsa() {
        let (modulus, exponent) = (key.n().as_positive_bytes()?.into(), key.e().as_positive_bytes()?.into());
        return Some((Material::Rsa { modulus, exponent }, None));
    }
    if let Some(key) = data.sk_ed25519() {
        return Some((Material::Ed25519(key.public_key().0), Some(key.application().as_bytes().into())));
    }
    if let Some(key) = data.sk_ecdsa_p256() {
        let point = uncompressed(key.ec_point().as_bytes())?;
        return Some((Material::Ecdsa { curve: Curve::P256, point }, Some(key.application().as_bytes().into())));
    }
    data.is_dsa().then_some((Material::Dsa, None))
}

/// OpenSSH takes no compressed points (sshbuf-getput-crypto.c, `get_ec`).
fn uncompressed(point: &[u8]) -> Option<Box<[u8]>> {
    point.starts_with(&[4]).then(|| point.into())
}

#[cfg(test)]
mod tests {
    use super::*;

    // Made with `ssh-keygen -t ed25519`.
    const ED25519: &str = "AAAAC3NzaC1lZDI1NTE5AAAAIIJduQu0yP4Ew07t67F7QwR4Nxhp+nyTokB1H6r+YhbI";

    fn refused(algorithm: &str, base64: &str) -> String {
        PublicKey::from_fields(algorithm, base64).unwrap_err()
    }

    #[test]
    fn a_key_and_its_fingerprint() {
        let key = PublicKey::from_fields("ssh-ed25519", ED25519).unwrap();
        assert_eq!(key.algorithm(), "ssh-ed25519");
        assert!(!key.is_security_key());
        assert_eq!(PublicKey::from_blob(&key.blob).unwrap(), key);
        assert!(matches!(key.fingerprint(), Fingerprint::Ssh(_)));
    }

    #[test]
    fn what_is_no_key_says_why() {
        assert_eq!(refused("ssh-rsa", ED25519), "it is of another type than `ssh-rsa`");
        assert_eq!(refused("ssh-ed25519", "AAAA!"), "it is not base64");
        assert_eq!(refused("ssh-ed25519", "AAAA"), "it is not whole");
        let mut blob = Base64::decode_vec(ED25519).unwrap();
        blob.push(0);
        assert_eq!(PublicKey::from_blob(&blob).unwrap_err(), "it is followed by something");
        blob.truncate(40);
        assert_eq!(PublicKey::from_blob(&blob).unwrap_err(), "it is no well-formed `ssh-ed25519` key");
        assert_eq!(PublicKey::from_blob(&vec![0; Bounds::SSH_KEY + 1]).unwrap_err(), "it is too large");
        assert_eq!(PublicKey::from_blob(&vec![0; Bounds::SSH_KEY]).unwrap_err(), "`` is no known key type");
        for name in ["rsa-sha2-512", "ssh-ed448", "ssh-xmss@openssh.com", "SSH-ED25519", "none"] {
            let mut blob = Vec::new();
            put_string(&mut blob, name.as_bytes());
            put_string(&mut blob, &[1; 32]);
            assert_eq!(PublicKey::from_blob(&blob).unwrap_err(), format!("`{name}` is no known key type"));
        }
        let mut blob = Vec::new();
        put_string(&mut blob, b"ssh-ed25519-cert-v01@openssh.com");
        assert_eq!(PublicKey::from_blob(&blob).unwrap_err(), "it is a certificate, not a key");
    }
}
