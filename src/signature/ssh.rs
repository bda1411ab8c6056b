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

use super::{Bad, Defect, Evidence, Format, Verified};
use envelope::Envelope;

/// What git calls its signatures (gpg-interface.c, `verify_ssh_signed_buffer`): one made for another use is none.
const NAMESPACE: &[u8] = b"git";

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
