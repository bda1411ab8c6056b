//! Detached OpenPGP signatures (RFC 9580, RFC 4880) and the certificates that judge them.

mod certificates;
mod file;
mod holder;
mod indexed;
mod operation;
mod packet;
mod validity;

pub use certificates::{CertificateSummary, Certificates, OfOtherVersion};
pub use indexed::index;
pub use validity::{SignedBy, Validity};

use super::{Bad, Defect, Evidence, Fingerprint, Format, Verified};
use packet::Detached;
use sequoia_openpgp::{
    policy::{AsymmetricAlgorithm, StandardPolicy},
    types::{PublicKeyAlgorithm, Timestamp as PacketTime},
};
use std::{
    sync::LazyLock,
    time::{Duration, SystemTime, UNIX_EPOCH},
};

/// Verifies an armored detached signature over the payload with the certificates held.
pub(super) fn verify(payload: &[u8], armor: &[u8], certificates: &Certificates) -> Result<Verified, Bad> {
    let format = Some(Format::OpenPgp);
    let signature = Detached::read(armor).map_err(|defect| Bad { defect, format, key: None, made: None })?;
    let made = Some(signature.made);
    let bad = |key: Option<&Fingerprint>, defect| Bad { defect, format, key: key.cloned(), made };
    let claimed = signature.claimed_issuer();
    signature.check().map_err(|defect| bad(claimed.as_ref(), defect))?;
    let issuers = signature.issuers().map_err(|defect| bad(claimed.as_ref(), defect))?;
    let candidates = certificates.having(&issuers);
    if candidates.is_empty() {
        return Err(bad(claimed.as_ref(), Defect::KeyNotHeld));
    }
    // Two certificates may hold one key, and two keys have one key id: the key that verifies decides. If none does, the
    // first says why, for it is the one that was most likely meant.
    let mut first_failure = None;
    let mut candidates = candidates.into_iter();
    while let Some((holder, index)) = candidates.next() {
        match operation::verify(&signature, &holder, index, payload) {
            Ok(()) => {
                let key = holder.fingerprint.clone();
                let shared = candidates.filter(|(other, at)| other.signs_with(*at, &holder, index)).collect();
                let signed_by = SignedBy::new(holder, index, &signature, shared);
                return Ok(Verified::new(key, Evidence::OpenPgp(signed_by), None));
            }
            Err(defect) => {
                first_failure.get_or_insert_with(|| bad(Some(&holder.fingerprint), defect));
            }
        }
    }
    Err(first_failure.unwrap_or_else(|| bad(claimed.as_ref(), Defect::KeyNotHeld)))
}

/// What is strong enough. Judged as of a fixed day, so that nothing but the bytes decides: MD5, SHA-1, RIPEMD-160, DSA and
/// RSA below 2048 bits are refused, also in what binds a certificate together, whatever date they bear. Revocations by
/// SHA-1 still revoke.
static POLICY: LazyLock<StandardPolicy<'static>> = LazyLock::new(|| {
    let mut policy = at(IN_2025);
    for dsa in [
        AsymmetricAlgorithm::DSA1024,
        AsymmetricAlgorithm::DSA2048,
        AsymmetricAlgorithm::DSA3072,
        AsymmetricAlgorithm::DSA4096,
    ] {
        policy.reject_asymmetric_algo(dsa);
    }
    policy
});

/// All that ever was strong enough. Asked for revocations, of which it is more dangerous to miss one, and to tell what is
/// weak from what is not there.
static ANY_AGE: LazyLock<StandardPolicy<'static>> = LazyLock::new(|| at(IN_1990));

/// The rules as of some second since 1970.
fn at(seconds: u64) -> StandardPolicy<'static> {
    StandardPolicy::at(UNIX_EPOCH + Duration::from_secs(seconds))
}

const IN_2025: u64 = 1_751_328_000;
const IN_1990: u64 = 646_790_400;

/// The name of an algorithm that no signature and no certificate may use.
#[expect(deprecated, reason = "to refuse them")]
fn weak_algorithm(algorithm: PublicKeyAlgorithm) -> Option<&'static str> {
    if algorithm == PublicKeyAlgorithm::DSA {
        return Some("DSA");
    }
    let elgamal = [PublicKeyAlgorithm::ElGamalEncryptSign, PublicKeyAlgorithm::ElGamalEncrypt].contains(&algorithm);
    elgamal.then_some("ElGamal")
}

/// Seconds since 1970.
fn seconds(time: SystemTime) -> i64 {
    PacketTime::try_from(time).map_or(i64::MAX, |time| i64::from(u32::from(time)))
}

fn fingerprint(fingerprint: &sequoia_openpgp::Fingerprint) -> Fingerprint {
    Fingerprint::OpenPgp(fingerprint.as_bytes().into())
}
