//! Names of keys.

use super::public_key::sha256;
use ssh_key::encoding::base64::{Base64Unpadded, Encoding};
use std::fmt;

/// A key's name: `SHA256:<base64, no padding>` for ssh, `openpgp:<hex>` (upper case, as GnuPG prints it; 20 bytes, or 32
/// of a version 6 key), `x509:<hex>` (lower case).
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Fingerprint {
    /// SHA-256 of the public key blob, as `ssh-keygen -l` prints it.
    Ssh([u8; 32]),
    /// Of a primary key or a subkey (RFC 9580, 5.5.4).
    OpenPgp(Box<[u8]>),
    /// SHA-256 of the certificate.
    X509([u8; 32]),
}

impl Fingerprint {
    /// Of a public key blob (RFC 4253, section 6.6).
    pub(crate) fn of_ssh_key(blob: &[u8]) -> Self {
        Self::Ssh(sha256(blob))
    }

    /// Reads the form that `Display` writes; hexadecimal digits in either case, and with spaces between them, as people
    /// copy them from GnuPG.
    pub fn parse(text: &str) -> Option<Self> {
        if let Some(base64) = text.strip_prefix("SHA256:") {
            let bytes = Base64Unpadded::decode_vec(base64).ok()?;
            return bytes.try_into().ok().map(Self::Ssh);
        }
        if let Some(hex) = text.strip_prefix("openpgp:") {
            let bytes = bytes(hex)?;
            return matches!(bytes.len(), 20 | 32).then(|| Self::OpenPgp(bytes.into()));
        }
        bytes(text.strip_prefix("x509:")?)?.try_into().ok().map(Self::X509)
    }
}

impl fmt::Display for Fingerprint {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Ssh(digest) => write!(f, "SHA256:{}", Base64Unpadded::encode_string(digest)),
            Self::OpenPgp(bytes) => {
                f.write_str("openpgp:")?;
                bytes.iter().try_for_each(|byte| write!(f, "{byte:02X}"))
            }
            Self::X509(digest) => {
                f.write_str("x509:")?;
                digest.iter().try_for_each(|byte| write!(f, "{byte:02x}"))
            }
        }
    }
}

impl fmt::Debug for Fingerprint {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

fn bytes(hex: &str) -> Option<Vec<u8>> {
    let digits: Option<Vec<u8>> =
        hex.chars().filter(|&digit| digit != ' ').map(|digit| u8::try_from(digit.to_digit(16)?).ok()).collect();
    digits?
        .chunks(2)
        .map(|pair| match *pair {
            [high, low] => Some(high << 4 | low),
            _ => None,
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_form_is_read_as_it_is_written() {
        for text in [
            "SHA256:GuPqNKhTV1Rmx9s8jrXOqZ3M3ZcVwRTWhRfQyZb6Yxk",
            "openpgp:0123456789ABCDEF0123456789ABCDEF01234567",
            "openpgp:0123456789ABCDEF0123456789ABCDEF0123456789ABCDEF0123456789ABCDEF",
            "x509:0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef",
        ] {
            let fingerprint = Fingerprint::parse(text).unwrap();
            assert_eq!(fingerprint.to_string(), text);
            assert_eq!(format!("{fingerprint:?}"), text);
        }
    }

    #[test]
    fn hexadecimal_is_read_as_gnupg_prints_it() {
        let spaced = "openpgp:0123 4567 89ab cdef 0123  4567 89AB CDEF 0123 4567";
        let plain = "openpgp:0123456789ABCDEF0123456789ABCDEF01234567";
        assert_eq!(Fingerprint::parse(spaced).unwrap().to_string(), plain);
    }

    #[test]
    fn all_else_is_no_fingerprint() {
        for text in [
            "",
            "SHA256:",
            "SHA256:AAAA",
            "SHA256:GuPqNKhTV1Rmx9s8jrXOqZ3M3ZcVwRTWhRfQyZb6Yxk=",
            "MD5:00:11",
            "sha256:GuPqNKhTV1Rmx9s8jrXOqZ3M3ZcVwRTWhRfQyZb6Yxk",
            "openpgp:",
            "openpgp:0123456789ABCDEF",
            "0123456789ABCDEF0123456789ABCDEF01234567",
            "openpgp:0123456789ABCDEF0123456789ABCDEF0123456",
            "openpgp:0123456789ABCDEF0123456789ABCDEF0123456G",
            "openpgp:+123456789ABCDEF0123456789ABCDEF01234567",
            "x509:0123456789abcdef0123456789abcdef01234567",
        ] {
            assert_eq!(Fingerprint::parse(text), None, "{text}");
        }
    }
}
