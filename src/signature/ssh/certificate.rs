//! Certificates (OpenSSH's PROTOCOL.certkeys).

use super::{
    key::{PublicKey, is_certificate},
    operation,
    wire::Wire,
};
use crate::{push::Timestamp, signature::Defect};

/// A certificate whose CA signature is good. Type, window, principals, options, revocation are judged by the registry.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Certificate {
    /// The certified key.
    pub subject: PublicKey,
    /// The key that certified it.
    pub authority: PublicKey,
    /// For a user; else for a host.
    pub is_user: bool,
    /// Zero where the authority does not number them.
    pub serial: u64,
    /// Whatever the authority calls it.
    pub key_id: String,
    /// None: any, says the format.
    pub principals: Vec<String>,
    /// Inclusive.
    pub valid_after: Timestamp,
    /// Exclusive; `i64::MAX` for ever.
    pub valid_before: Timestamp,
    /// Their names. Whoever does not know one must refuse the certificate.
    pub critical_options: Vec<String>,
}

const SUFFIX: &str = "-cert-v01@openssh.com";
const USER: u32 = 1;
const HOST: u32 = 2;

/// As many as OpenSSH takes (sshkey.h, `SSHKEY_CERT_MAX_PRINCIPALS`).
const MOST_PRINCIPALS: usize = 256;

impl Certificate {
    /// Reads a whole certificate blob and verifies its authority's signature.
    ///
    /// # Errors
    /// What is wrong with it; a plain key is malformed.
    pub fn from_blob(blob: &[u8]) -> Result<Self, Defect> {
        Self::read(blob).unwrap_or_else(|| Err(Defect::Malformed("is no certificate".into())))
    }

    /// Reads a certificate and verifies its authority's signature; `None` for what is a plain key.
    pub(super) fn read(blob: &[u8]) -> Option<Result<Self, Defect>> {
        let mut wire = Wire(blob);
        let name = std::str::from_utf8(wire.string()?).ok().filter(|name| is_certificate(name))?;
        Some(match key_type(name) {
            Some(key_type) => Self::read_after_name(blob, &key_type, wire),
            None => Err(Defect::Unsupported(format!("certificate type `{}`", name.escape_default()))),
        })
    }

    fn read_after_name(blob: &[u8], key_type: &str, mut wire: Wire<'_>) -> Result<Self, Defect> {
        let malformed = |what: &str| Defect::Malformed(format!("its certificate {what}"));
        let not_whole = || malformed("is not whole");
        // Random, so that the authority does not sign what others chose.
        wire.string().ok_or_else(not_whole)?;
        let subject = PublicKey::read_after_name(key_type, &mut wire)?;
        let serial = wire.u64().ok_or_else(not_whole)?;
        let kind = wire.u32().ok_or_else(not_whole)?;
        let key_id =
            text(wire.string().ok_or_else(not_whole)?).ok_or_else(|| malformed("has an id that is no text"))?;
        let principals = principals(wire.string().ok_or_else(not_whole)?)
            .ok_or_else(|| malformed("has principals that are no list of text"))?;
        let valid_after = wire.u64().ok_or_else(not_whole)?;
        let valid_before = wire.u64().ok_or_else(not_whole)?;
        let critical_options = options(wire.string().ok_or_else(not_whole)?)
            .ok_or_else(|| malformed("has unreadable critical options"))?;
        options(wire.string().ok_or_else(not_whole)?).ok_or_else(|| malformed("has unreadable extensions"))?;
        let _reserved = wire.string().ok_or_else(not_whole)?;
        let authority = wire.string().ok_or_else(not_whole)?;
        let signed = blob.get(..blob.len() - wire.0.len()).unwrap_or_default();
        let signature = wire.string().ok_or_else(not_whole)?;
        if !wire.is_empty() {
            return Err(malformed("is followed by something"));
        }
        // A certificate of a certificate is none: `read` takes plain keys only.
        let authority = PublicKey::read(authority)?;
        operation::verify(&authority, signed, signature).map_err(of_authority)?;
        Ok(Self {
            subject,
            authority,
            is_user: match kind {
                USER => true,
                HOST => false,
                _ => return Err(malformed("is neither a user's nor a host's")),
            },
            serial,
            key_id,
            principals,
            valid_after: time(valid_after),
            valid_before: time(valid_before),
            critical_options,
        })
    }
}

/// The type of the key that a certificate of this type certifies.
fn key_type(name: &str) -> Option<String> {
    let stem = name.strip_suffix(SUFFIX)?;
    Some(match stem {
        "sk-ssh-ed25519" | "sk-ecdsa-sha2-nistp256" => format!("{stem}@openssh.com"),
        // Names of signature algorithms, not of certificates (sshkey.c, `keytypes`, `sigonly`).
        "rsa-sha2-256" | "rsa-sha2-512" => return None,
        _ => stem.to_owned(),
    })
}

fn of_authority(defect: Defect) -> Defect {
    match defect {
        Defect::DoesNotVerify => {
            Defect::Improper("the authority's signature on its certificate does not verify".into())
        }
        Defect::Improper(what) => Defect::Improper(format!("its certificate: {what}")),
        Defect::Weak(what) => Defect::Weak(format!("its certificate is signed with {what}")),
        Defect::Malformed(what) => Defect::Malformed(format!("its certificate: {what}")),
        Defect::Unsupported(what) => Defect::Unsupported(format!("certificates signed with {what}")),
        Defect::KeyNotHeld | Defect::Ambiguous => defect,
    }
}

fn text(bytes: &[u8]) -> Option<String> {
    String::from_utf8(bytes.to_vec()).ok().filter(|text| !text.contains('\0'))
}

fn principals(list: &[u8]) -> Option<Vec<String>> {
    let mut wire = Wire(list);
    let mut principals = Vec::new();
    while !wire.is_empty() {
        if principals.len() == MOST_PRINCIPALS {
            return None;
        }
        principals.push(text(wire.string()?)?);
    }
    Some(principals)
}

/// The names; what they are set to is judged by nobody.
fn options(list: &[u8]) -> Option<Vec<String>> {
    let mut wire = Wire(list);
    let mut names = Vec::new();
    while !wire.is_empty() {
        names.push(text(wire.string()?)?);
        wire.string()?;
    }
    Some(names)
}

/// Seconds since 1970; the largest value means for ever, and so do those that no clock shows.
fn time(seconds: u64) -> Timestamp {
    Timestamp(i64::try_from(seconds).unwrap_or(i64::MAX))
}
