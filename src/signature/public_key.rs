//! The public-key operation, for every format, in one place: aws-lc-rs, which is several times faster than what the
//! formats' own crates bring. What it does not do falls back to the format's own crate, or is unsupported.

use super::Defect;
use aws_lc_rs::{
    digest::{self, Digest},
    rsa::PublicKeyComponents,
    signature::{self, UnparsedPublicKey},
};

/// A NIST curve.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub(super) enum Curve {
    P256,
    P384,
    P521,
}

/// A hash that is strong enough.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Hash {
    Sha256,
    Sha384,
    Sha512,
}

impl Hash {
    fn algorithm(self) -> &'static digest::Algorithm {
        match self {
            Self::Sha256 => &digest::SHA256,
            Self::Sha384 => &digest::SHA384,
            Self::Sha512 => &digest::SHA512,
        }
    }

    /// Of these bytes.
    pub(super) fn of(self, bytes: &[u8]) -> Vec<u8> {
        digest::digest(self.algorithm(), bytes).as_ref().to_vec()
    }
}

/// SHA-256 of these bytes.
pub fn sha256(bytes: &[u8]) -> [u8; 32] {
    let mut sum = [0; 32];
    for (out, byte) in sum.iter_mut().zip(digest::digest(&digest::SHA256, bytes).as_ref()) {
        *out = *byte;
    }
    sum
}

/// SHA-1 of these bytes, for names of keys that somebody else chose. Nothing that is signed is hashed with it.
pub(super) fn sha1(bytes: &[u8]) -> [u8; 20] {
    let mut sum = [0; 20];
    for (out, byte) in sum.iter_mut().zip(digest::digest(&digest::SHA1_FOR_LEGACY_USE_ONLY, bytes).as_ref()) {
        *out = *byte;
    }
    sum
}

/// Ed25519 (RFC 8032). OpenPGP signs a digest as if it were the message.
pub(super) fn verify_ed25519(key: &[u8], message: &[u8], signature: &[u8]) -> Result<(), Defect> {
    if let Some(weakness) = ed25519_weakness(key) {
        return Err(Defect::Weak(weakness));
    }
    let key = UnparsedPublicKey::new(&signature::ED25519, key);
    key.verify(message, signature).map_err(|_| Defect::DoesNotVerify)
}

/// Why a key that is this point never counts: if its order is 8 or less, one signature by nobody is good for any message,
/// or for every eighth.
pub(super) fn ed25519_weakness(point: &[u8]) -> Option<String> {
    let (last, rest) = point.split_last()?;
    // The sign of x apart.
    let is_of_small_order = SMALL_ORDER.iter().any(|(first, end)| *end == (last & 0x7f) && rest == first);
    is_of_small_order.then(|| "an Ed25519 key of small order".to_owned())
}

/// The y of every point of small order, little-endian, also as numbers not below the prime: all octets but the last, and
/// that. The two of order 8 satisfy d·y⁴ + 2y² = 1.
const SMALL_ORDER: [([u8; 31], u8); 7] = [
    ([0; 31], 0x00),
    (beginning_with(0x01, 0), 0x00),
    (beginning_with(0xec, 0xff), 0x7f),
    (beginning_with(0xed, 0xff), 0x7f),
    (beginning_with(0xee, 0xff), 0x7f),
    (
        [
            0x26, 0xe8, 0x95, 0x8f, 0xc2, 0xb2, 0x27, 0xb0, 0x45, 0xc3, 0xf4, 0x89, 0xf2, 0xef, 0x98, 0xf0, 0xd5, 0xdf,
            0xac, 0x05, 0xd3, 0xc6, 0x33, 0x39, 0xb1, 0x38, 0x02, 0x88, 0x6d, 0x53, 0xfc,
        ],
        0x05,
    ),
    (
        [
            0xc7, 0x17, 0x6a, 0x70, 0x3d, 0x4d, 0xd8, 0x4f, 0xba, 0x3c, 0x0b, 0x76, 0x0d, 0x10, 0x67, 0x0f, 0x2a, 0x20,
            0x53, 0xfa, 0x2c, 0x39, 0xcc, 0xc6, 0x4e, 0xc7, 0xfd, 0x77, 0x92, 0xac, 0x03,
        ],
        0x7a,
    ),
];

const fn beginning_with(first: u8, others: u8) -> [u8; 31] {
    let mut octets = [others; 31];
    octets[0] = first;
    octets
}

/// ECDSA over a digest; `point` as SEC1 writes it, `r` and `s` big-endian, without zeros before them.
pub(super) fn verify_ecdsa(curve: Curve, point: &[u8], digest: &[u8], r: &[u8], s: &[u8]) -> Result<(), Defect> {
    let (algorithm, hash, width) = match curve {
        Curve::P256 => (&signature::ECDSA_P256_SHA256_FIXED, Hash::Sha256, 32),
        Curve::P384 => (&signature::ECDSA_P384_SHA384_FIXED, Hash::Sha384, 48),
        Curve::P521 => (&signature::ECDSA_P521_SHA512_FIXED, Hash::Sha512, 66),
    };
    // What is signed is a number: the leftmost bits of the digest, as many as the group's order has (FIPS 186-5, 6.4.2).
    // So a digest of any hash, cut or with zeros before it to the size of the curve's own, is the same number.
    let size = hash.algorithm().output_len();
    let number = padded(digest.get(..size).unwrap_or(digest), size).ok_or(Defect::DoesNotVerify)?;
    let number = Digest::import_less_safe(&number, hash.algorithm()).map_err(|_| Defect::DoesNotVerify)?;
    let mut signature = padded(r, width).ok_or(Defect::DoesNotVerify)?;
    signature.extend(padded(s, width).ok_or(Defect::DoesNotVerify)?);
    let key = UnparsedPublicKey::new(algorithm, point);
    key.verify_digest(&number, &signature).map_err(|_| Defect::DoesNotVerify)
}

/// RSA with PKCS #1 v1.5 padding (RFC 8017, 8.2) over a digest; numbers big-endian.
pub(super) fn verify_rsa(
    modulus: &[u8],
    exponent: &[u8],
    hash: Hash,
    digest: &[u8],
    signature: &[u8],
) -> Result<(), Defect> {
    let (n, e) = (without_zeros(modulus), without_zeros(exponent));
    if let Some(weakness) = rsa_weakness(n) {
        return Err(Defect::Weak(weakness));
    }
    if let Some(size) = rsa_too_large(n) {
        return Err(Defect::Unsupported(size));
    }
    // With 1, a message is its own signature; with an even number, there is no private key.
    if e == [1] || e.last().is_none_or(|last| last % 2 == 0) {
        return Err(Defect::Malformed("not an RSA key".into()));
    }
    let parameters = match hash {
        Hash::Sha256 => &signature::RSA_PKCS1_2048_8192_SHA256,
        Hash::Sha384 => &signature::RSA_PKCS1_2048_8192_SHA384,
        Hash::Sha512 => &signature::RSA_PKCS1_2048_8192_SHA512,
    };
    let digest = Digest::import_less_safe(digest, hash.algorithm()).map_err(|_| Defect::DoesNotVerify)?;
    // Shorter than the modulus is how some write a small number (OpenSSH's ssh-rsa.c pads it, too); longer is nothing.
    let signature = padded(signature, n.len()).ok_or(Defect::DoesNotVerify)?;
    let key = PublicKeyComponents { n, e }.to_parsed_public_key(parameters);
    let key = key.map_err(|_| Defect::Malformed("not an RSA key".into()))?;
    key.verify_digest_sig(&digest, &signature).map_err(|_| Defect::DoesNotVerify)
}

/// Why a key with this modulus never counts.
pub(super) fn rsa_weakness(modulus: &[u8]) -> Option<String> {
    let bits = bits(without_zeros(modulus));
    (bits < 2048).then(|| format!("RSA of {bits} bits"))
}

/// Which size it is, if nothing can be verified with a key of this modulus: aws-lc-rs ends at 8192 bits.
pub(super) fn rsa_too_large(modulus: &[u8]) -> Option<String> {
    let bits = bits(without_zeros(modulus));
    (bits > 8192).then(|| format!("RSA of {bits} bits"))
}

fn bits(number: &[u8]) -> usize {
    let unused = number.first().map_or(0, |first| first.leading_zeros());
    number.len() * 8 - usize::try_from(unused).unwrap_or(0)
}

fn without_zeros(number: &[u8]) -> &[u8] {
    let zeros = number.iter().take_while(|&&byte| byte == 0).count();
    number.get(zeros..).unwrap_or_default()
}

/// The number in exactly `width` bytes; `None` if it has more.
fn padded(number: &[u8], width: usize) -> Option<Vec<u8>> {
    let mut out = vec![0; width.checked_sub(number.len())?];
    out.extend(number);
    Some(out)
}
