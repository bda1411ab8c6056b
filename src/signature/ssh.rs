//! SSHSIG signatures (OpenSSH's PROTOCOL.sshsig), plain keys, security keys (PROTOCOL.u2f) and certificates
//! (PROTOCOL.certkeys).

mod certificate;
mod envelope;
mod key;
mod operation;
mod wire;

pub use certificate::Certificate;
pub use key::PublicKey;
pub(crate) use key::{is_certificate, is_key_type};
pub(crate) use wire::Wire;

use super::{Bad, Defect, Evidence, Fingerprint, Format, Verified};
use envelope::Envelope;

/// What git calls its signatures (gpg-interface.c, `verify_ssh_signed_buffer`): one made for another use is none.
const NAMESPACE: &[u8] = b"git";

/// Reads a key, or a certificate, by which sshd let somebody in: `ssh-ed25519`, `AAAA…`. Sshd has made sure that they have
/// it.
///
/// # Errors
/// Says what is wrong, lower case.
pub fn authenticated(algorithm: &str, base64: &str) -> Result<(Fingerprint, Evidence), String> {
    if !is_certificate(algorithm) {
        let key = PublicKey::from_fields(algorithm, base64)?;
        return Ok((key.fingerprint(), Evidence::Ssh(key)));
    }
    let blob = key::from_base64(base64).ok_or("it is not base64")?;
    match Certificate::read(&blob) {
        Some(Ok(certificate)) => Ok((certificate.subject.fingerprint(), Evidence::SshCert(certificate))),
        Some(Err(
            Defect::Malformed(what) | Defect::Unsupported(what) | Defect::Weak(what) | Defect::Improper(what),
        )) => Err(what),
        Some(Err(Defect::DoesNotVerify | Defect::KeyNotHeld | Defect::Ambiguous)) | None => {
            Err("it is no certificate that its authority signed".into())
        }
    }
}

/// Verifies an armored SSHSIG over the payload.
pub(super) fn verify(payload: &[u8], armor: &[u8]) -> Result<Verified, Bad> {
    let bad = |format, key| move |defect| Bad { defect, format: Some(format), key, made: None };
    let blob = envelope::dearmor(armor).map_err(bad(Format::Ssh, None))?;
    let envelope = Envelope::read(&blob).map_err(bad(Format::Ssh, None))?;
    let (format, certified) = match Certificate::read(envelope.key) {
        Some(certificate) => (Format::SshCert, Some(certificate.map_err(bad(Format::SshCert, None))?)),
        None => (Format::Ssh, None),
    };
    let key = match &certified {
        Some(certificate) => certificate.subject.clone(),
        None => PublicKey::read(envelope.key).map_err(Defect::from).map_err(bad(format, None))?,
    };
    let fingerprint = key.fingerprint();
    let user = envelope
        .signed_data(NAMESPACE, payload)
        .and_then(|data| operation::verify(&key, &data, envelope.signature))
        .and_then(|user| envelope.asks_nothing_more().map(|()| user))
        .map_err(bad(format, Some(fingerprint.clone())))?;
    let evidence = certified.map_or_else(|| Evidence::Ssh(key), Evidence::SshCert);
    Ok(Verified::new(fingerprint, evidence, user))
}
