//! Key files as people hand them in: `.pub`, a forge's list of keys, OpenPGP certificates. Pure.

use crate::{
    push::Timestamp,
    signature::{
        Certificates, Fingerprint, Unusable,
        openpgp::CertificateSummary,
        ssh::{PublicKey, is_certificate},
    },
};
use std::collections::BTreeMap;

/// What is in a file.
#[derive(Debug)]
pub(super) enum Incoming {
    /// Lines of public keys, each with its number, counted from one.
    Ssh(Vec<(usize, Result<PublicKey, String>)>),
    /// Certificates, by their fingerprints.
    OpenPgp(Vec<CertificateSummary>),
}

/// Reads a file. `now`: whether a certificate is expired.
///
/// # Errors
/// Says what is wrong, to be read after the file's name.
pub(super) fn read(bytes: &[u8], now: Timestamp) -> Result<Incoming, String> {
    refuse_private(bytes)?;
    let bytes = without_mark(bytes);
    let is_openpgp = bytes.first().is_some_and(|first| first & 0x80 != 0) || contains(bytes, b"-----BEGIN PGP ");
    if is_openpgp {
        let mut certificates = Certificates::default();
        certificates
            .add_file(bytes)
            .map_err(|why| if why.contains("holds the secret key") { private(&why) } else { why })?;
        // One that several blocks hold is one.
        let summaries: BTreeMap<Fingerprint, _> =
            certificates.summaries(now).into_iter().map(|summary| (summary.fingerprint.clone(), summary)).collect();
        return Ok(Incoming::OpenPgp(summaries.into_values().collect()));
    }
    let text = std::str::from_utf8(bytes).map_err(|_| "holds neither SSH keys nor OpenPGP certificates")?;
    let lines = (1..).zip(text.lines()).map(|(number, line)| (number, line.trim()));
    let keys: Vec<_> = lines
        .filter(|(_, line)| !line.is_empty() && !line.starts_with('#'))
        .map(|(number, line)| (number, ssh_key(line)))
        .collect();
    if keys.is_empty() { Err("holds no key".into()) } else { Ok(Incoming::Ssh(keys)) }
}

/// Why nothing that a key signs would count, in words.
pub(super) fn weakness(why: &Unusable) -> String {
    match why {
        Unusable::Weak(what) => format!("is too weak: {what}"),
        Unusable::Unsupported(what) => format!("is not supported: {what}"),
        Unusable::NoSigningKey => "cannot sign".to_owned(),
    }
}

/// `ssh-ed25519 AAAA… comment`, as sshd(8) has it, without options.
fn ssh_key(line: &str) -> Result<PublicKey, String> {
    let mut words = line.split_ascii_whitespace();
    let (Some(algorithm), Some(base64)) = (words.next(), words.next()) else {
        return Err("is no public key such as `ssh-ed25519 AAAA…`".into());
    };
    if is_certificate(algorithm) {
        return Err("is a certificate, not a key: enter its authority, or the key itself".into());
    }
    PublicKey::from_fields(algorithm, base64).map_err(|why| format!("is no public key: {why}"))
}

/// OpenSSH's and PEM's, PuTTY's, OpenPGP's.
pub(super) fn refuse_private(bytes: &[u8]) -> Result<(), String> {
    let marks: [&[u8]; 3] = [b"PRIVATE KEY-----", b"PRIVATE KEY BLOCK-----", b"PuTTY-User-Key-File"];
    if marks.iter().any(|mark| contains(bytes, mark)) { Err(private("")) } else { Ok(()) }
}

/// Without the byte order mark that some editors put before text; no OpenPGP packet begins so.
pub(super) fn without_mark(bytes: &[u8]) -> &[u8] {
    bytes.strip_prefix(b"\xef\xbb\xbf").unwrap_or(bytes)
}

fn private(why: &str) -> String {
    let why = if why.is_empty() { String::new() } else { format!(" ({why})") };
    format!(
        "is a PRIVATE KEY{why}. Nobody but its owner may have it: it is compromised now. Have a new one made, and be \
         given its public half alone (the file that ends in `.pub`, or what `gpg --export` writes)"
    )
}

fn contains(bytes: &[u8], wanted: &[u8]) -> bool {
    memchr::memmem::find(bytes, wanted).is_some()
}

#[cfg(test)]
mod tests {
    use super::*;

    const KEY: &str = "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIAkPdfr/zwsNBD5+8dOG+VB3XPDwTA0+wuxrYGB6y5LW";

    fn ssh(text: &str) -> Vec<(usize, Result<String, String>)> {
        let Ok(Incoming::Ssh(keys)) = read(text.as_bytes(), Timestamp(0)) else { panic!("{text}") };
        keys.into_iter().map(|(number, key)| (number, key.map(|key| key.base64()))).collect()
    }

    #[test]
    fn lines_of_keys_are_read_with_their_numbers() {
        let base64 = KEY.split(' ').nth(1).unwrap();
        let keys = ssh(&format!("# a forge's\r\n\r\n{KEY} a b\r\n  {KEY}\nssh-rsa\nssh-dss {base64}"));
        assert_eq!(keys[..2], [(3, Ok(base64.to_owned())), (4, Ok(base64.to_owned()))]);
        assert_eq!(keys[2], (5, Err("is no public key such as `ssh-ed25519 AAAA…`".into())));
        assert_eq!(keys[3], (6, Err("is no public key: it is of another type than `ssh-dss`".into())));
        let certificate = ssh("ssh-ed25519-cert-v01@openssh.com AAAA");
        assert!(certificate[0].1.as_ref().unwrap_err().starts_with("is a certificate, not a key"));
    }

    #[test]
    fn private_keys_are_refused_loudly() {
        for text in [
            "-----BEGIN OPENSSH PRIVATE KEY-----\nb3Bl\n",
            "-----BEGIN RSA PRIVATE KEY-----\n",
            "-----BEGIN PGP PRIVATE KEY BLOCK-----\n",
            "PuTTY-User-Key-File-3: ssh-ed25519\n",
        ] {
            let why = read(text.as_bytes(), Timestamp(0)).unwrap_err();
            assert!(why.starts_with("is a PRIVATE KEY. Nobody but its owner may have it"), "{why}");
        }
    }

    #[test]
    fn what_is_no_certificate_is_not_called_a_private_key() {
        let why = read(b"\xff\xfe", Timestamp(0)).unwrap_err();
        assert!(why.starts_with("is no OpenPGP certificate: "), "{why}");
        assert_eq!(ssh(&format!("\u{feff}{KEY}\n")), ssh(KEY));
    }

    #[test]
    fn what_holds_no_key_is_told() {
        for (bytes, why) in [
            (&b"\n# nothing\n"[..], "holds no key"),
            (b"a\xff", "holds neither SSH keys nor OpenPGP certificates"),
            (b"\xef\xbb\xbf# nothing\n", "holds no key"),
            (b"-----BEGIN PGP SIGNATURE-----\n", "has an armored block that is no public key, number 1"),
        ] {
            assert_eq!(read(bytes, Timestamp(0)).unwrap_err(), why);
        }
    }
}
