//! Which key made which signature over which bytes. No person, no clock, no policy here. Pure.

mod armor;
mod fingerprint;
pub mod openpgp;
mod public_key;
pub mod ssh;
mod verified;

pub use fingerprint::Fingerprint;
pub use openpgp::Certificates;
pub use public_key::sha256;
pub use verified::{Evidence, UserCheck, Verified};

use crate::{bounds::Bounds, object::Slot, push::Timestamp};

/// How a signature is made; what `formats` in a policy lists.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub enum Format {
    /// SSHSIG by a plain key.
    Ssh,
    /// SSHSIG by a key that an authority certified.
    SshCert,
    /// A detached OpenPGP signature.
    OpenPgp,
    /// CMS.
    X509,
}

impl Format {
    /// `ssh`, `ssh-cert`, `openpgp`, `x509`.
    pub fn name(self) -> &'static str {
        match self {
            Self::Ssh => "ssh",
            Self::SshCert => "ssh-cert",
            Self::OpenPgp => "openpgp",
            Self::X509 => "x509",
        }
    }
}

/// A fact about an object's bytes; cacheable by object id.
#[derive(Clone, Debug)]
pub enum Signature {
    /// None is there.
    Absent,
    /// There is one, and this key made it.
    Verified(Verified),
    /// There is one, and it is not good whoever's it is, or cannot be checked because the key is not held.
    Bad(Bad),
}

/// A signature that proves nothing.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Bad {
    /// Why.
    pub defect: Defect,
    /// As far as it could be read.
    pub format: Option<Format>,
    /// The key it names: for OpenPGP the certificate held, else the issuer fingerprint that it claims.
    pub key: Option<Fingerprint>,
    /// When it says it was made, which nothing proves; only OpenPGP says.
    pub made: Option<Timestamp>,
}

/// What is wrong with a signature. The text says what exactly, lower case, for a person ("SHA-1", "has a second
/// packet").
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub enum Defect {
    /// The key named did not make it over these bytes.
    DoesNotVerify,
    /// The key named may not make such a signature, or not in this way: no user was present, the key is not for signing,
    /// the signature is dated before the key. As bad as one that does not verify.
    Improper(String),
    /// OpenPGP only: no certificate of the registry has the issuer's key.
    KeyNotHeld,
    /// Its algorithms are not strong enough.
    Weak(String),
    /// It does not follow its format.
    Malformed(String),
    /// More than one signature.
    Ambiguous,
    /// It asks for something that this version does not do.
    Unsupported(String),
}

/// Why a key, or every key of a certificate, can make no signature that counts.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Unusable {
    /// The keys, or what binds them together, are too weak: why.
    Weak(String),
    /// This version does not do keys of their kind: which.
    Unsupported(String),
    /// Of an OpenPGP certificate: none of its keys is for signing.
    NoSigningKey,
}

const SSH: &[u8] = b"-----BEGIN SSH SIGNATURE-----";
const OPENPGP: &[u8] = b"-----BEGIN PGP SIGNATURE-----";
/// What GnuPG before version 2.1 wrote when told to follow RFC 1991, around signatures of version 3, with MD5 or SHA-1. Git
/// takes it (gpg-interface.c, `openpgp_sigs`), and so would any message with a signature in it.
const OPENPGP_MESSAGE: &[u8] = b"-----BEGIN PGP MESSAGE-----";
const X509: &[u8] = b"-----BEGIN SIGNED MESSAGE-----";

/// Verifies what an object's slot holds.
pub fn verify(slot: &Slot<'_>, certificates: &Certificates) -> Signature {
    let bad = |defect, format| Signature::Bad(Bad { defect, format, key: None, made: None });
    let signed = match slot {
        Slot::Empty => return Signature::Absent,
        Slot::Several => return bad(Defect::Ambiguous, None),
        Slot::One(signed) => signed,
    };
    let armor = &*signed.signature;
    let format = match first_line(armor) {
        SSH => Format::Ssh,
        OPENPGP => Format::OpenPgp,
        OPENPGP_MESSAGE => {
            let what = "is in the armor of a message, not of a signature";
            return bad(Defect::Malformed(what.into()), Some(Format::OpenPgp));
        }
        X509 => Format::X509,
        _ => return bad(Defect::Malformed("is in no known armor".into()), None),
    };
    if armor.len() > Bounds::SIGNATURE {
        return bad(Defect::Malformed(format!("is larger than {} KiB", Bounds::SIGNATURE / 1024)), Some(format));
    }
    let verified = match format {
        Format::Ssh | Format::SshCert => ssh::verify(&signed.payload, armor),
        Format::OpenPgp => openpgp::verify(&signed.payload, armor, certificates),
        Format::X509 => return bad(Defect::Unsupported("X.509 signatures".into()), Some(format)),
    };
    match verified {
        Ok(verified) => Signature::Verified(verified),
        Err(bad) => Signature::Bad(bad),
    }
}

fn first_line(armor: &[u8]) -> &[u8] {
    armor.split(|&byte| byte == b'\n').next().unwrap_or_default().trim_ascii_end()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::object::Signed;

    fn defect(slot: &Slot<'_>) -> (Defect, Option<Format>) {
        match verify(slot, &Certificates::default()) {
            Signature::Bad(bad) => (bad.defect, bad.format),
            other @ (Signature::Absent | Signature::Verified(_)) => panic!("{other:?}"),
        }
    }

    fn one(signature: &[u8]) -> Slot<'_> {
        Slot::One(Signed { payload: b"payload".into(), signature: signature.into() })
    }

    #[test]
    fn no_signature_and_two() {
        assert!(matches!(verify(&Slot::Empty, &Certificates::default()), Signature::Absent));
        assert_eq!(defect(&Slot::Several), (Defect::Ambiguous, None));
    }

    #[test]
    fn the_armor_says_the_format() {
        let unsupported = Defect::Unsupported("X.509 signatures".into());
        assert_eq!(defect(&one(b"-----BEGIN SIGNED MESSAGE-----\nAAAA\n")), (unsupported, Some(Format::X509)));
        let unknown = Defect::Malformed("is in no known armor".into());
        for other in [&b""[..], b"hello", b"-----BEGIN SSH SIGNATURE----- x\n", b"\n-----BEGIN SSH SIGNATURE-----\n"] {
            assert_eq!(defect(&one(other)), (unknown.clone(), None));
        }
    }

    #[test]
    fn a_huge_signature_is_refused_before_it_is_parsed() {
        for (begin, format) in [(SSH, Format::Ssh), (OPENPGP, Format::OpenPgp), (X509, Format::X509)] {
            let sized = |size: usize| [begin, b"\n", &vec![b'A'; size - begin.len() - 1]].concat();
            let too_large = (Defect::Malformed("is larger than 64 KiB".into()), Some(format));
            for size in [8 << 20, Bounds::SIGNATURE + 1] {
                assert_eq!(defect(&one(&sized(size))), too_large);
            }
            assert_ne!(defect(&one(&sized(Bounds::SIGNATURE))), too_large);
        }
    }
}
