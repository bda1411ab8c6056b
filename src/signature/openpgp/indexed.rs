//! What is kept of a file of certificates, so that it need not be read to know which keys and people are in it.

use super::certificates::OfOtherVersion;
use sequoia_openpgp::{Fingerprint, KeyID, cert::raw::RawCert};

/// One certificate as it is looked for.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(super) struct Indexed {
    pub(super) fingerprint: Fingerprint,
    /// Of every key, primary or not.
    pub(super) keys: Vec<KeyID>,
    /// Of every user ID, good or not, in lower case.
    pub(super) emails: Vec<String>,
}

impl Indexed {
    pub(super) fn of(certificate: &RawCert<'_>) -> Self {
        let emails = certificate.userids().filter_map(|user| user.email().ok().flatten().map(str::to_ascii_lowercase));
        Self {
            fingerprint: certificate.fingerprint(),
            keys: certificate.keys().map(|key| key.keyid()).collect(),
            emails: emails.collect(),
        }
    }
}

/// Scans a file's certificates, and writes down what has to be known of them to find them again: [`Certificates::known`](super::Certificates::known)
/// reads that. Also returns those of a version that is not read.
///
/// # Errors
/// Those of [`Certificates::add_file`](super::Certificates::add_file).
pub fn index(bytes: &[u8]) -> Result<(Vec<u8>, Vec<OfOtherVersion>), String> {
    let (certificates, others) = super::certificates::scan(bytes)?;
    let mut written = Vec::new();
    for certificate in &certificates {
        let Indexed { fingerprint, keys, emails } = Indexed::of(certificate);
        part(&mut written, fingerprint.as_bytes())?;
        length(&mut written, keys.len())?;
        keys.iter().try_for_each(|key| part(&mut written, key.as_bytes()))?;
        length(&mut written, emails.len())?;
        emails.iter().try_for_each(|email| part(&mut written, email.as_bytes()))?;
    }
    Ok((written, others))
}

/// Reads what [`index`] wrote; `None` if it did not.
pub(super) fn read(mut written: &[u8]) -> Option<Vec<Indexed>> {
    let mut found = Vec::new();
    while !written.is_empty() {
        let fingerprint = take(&mut written)?;
        let version = if fingerprint.len() == 20 { 4 } else { 6 };
        let fingerprint = Fingerprint::from_bytes(version, fingerprint).ok()?;
        let keys = (0..take_length(&mut written)?).map(|_| take(&mut written).map(KeyID::from_bytes));
        let keys = keys.collect::<Option<_>>()?;
        let emails = (0..take_length(&mut written)?).map(|_| String::from_utf8(take(&mut written)?.to_vec()).ok());
        found.push(Indexed { fingerprint, keys, emails: emails.collect::<Option<_>>()? });
    }
    Some(found)
}

fn length(written: &mut Vec<u8>, length: usize) -> Result<(), String> {
    let length = u32::try_from(length).map_err(|_| "is too large")?;
    written.extend(length.to_le_bytes());
    Ok(())
}

fn part(written: &mut Vec<u8>, part: &[u8]) -> Result<(), String> {
    length(written, part.len())?;
    written.extend(part);
    Ok(())
}

fn take_length(written: &mut &[u8]) -> Option<u32> {
    let (length, rest) = written.split_first_chunk()?;
    *written = rest;
    Some(u32::from_le_bytes(*length))
}

fn take<'w>(written: &mut &'w [u8]) -> Option<&'w [u8]> {
    let length = usize::try_from(take_length(written)?).ok()?;
    let (part, rest) = written.split_at_checked(length)?;
    *written = rest;
    Some(part)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nothing_but_what_was_written_is_read() {
        let found = Indexed {
            fingerprint: Fingerprint::from_bytes(4, &[7; 20]).unwrap(),
            keys: vec![KeyID::from_bytes(&[1; 8]), KeyID::from_bytes(&[2; 8])],
            emails: vec!["a@example.com".into(), String::new()],
        };
        let mut written = Vec::new();
        part(&mut written, found.fingerprint.as_bytes()).unwrap();
        length(&mut written, 2).unwrap();
        found.keys.iter().for_each(|key| part(&mut written, key.as_bytes()).unwrap());
        length(&mut written, 2).unwrap();
        found.emails.iter().for_each(|email| part(&mut written, email.as_bytes()).unwrap());
        assert_eq!(read(&written), Some(vec![found]));
        assert_eq!(read(&[]), Some(Vec::new()));
        for end in 1..written.len() {
            assert_eq!(read(&written[..end]), None, "{end}");
        }
    }
}
