//! SSH keys that are revoked, as a plain list (ssh-keygen(1), `-r` of `-Y verify`; OpenSSH's authfile.c, `sshkey_in_file`).
use super::allowed_signers::read_key;
use crate::signature::Fingerprint;
use std::collections::HashSet;

/// What a binary key revocation list begins with (OpenSSH's PROTOCOL.krl).
const BINARY: &[u8] = b"SSHKRL\n\0";

/// One public key a line; comments and blank lines are skipped. A revoked authority revokes what it certified.
///
/// # Errors
/// A line that is none: what it was meant to revoke would stay good. A binary list.
pub(super) fn read(bytes: &[u8]) -> Result<HashSet<Fingerprint>, String> {
    if bytes.starts_with(BINARY) {
        return Err(
            "binary key revocation lists are not supported by this version; list the public keys, one a line".into()
        );
    }
    let text = std::str::from_utf8(bytes).map_err(|_| "it is not UTF-8")?;
    let mut keys = HashSet::new();
    for (number, line) in (1..).zip(text.split('\n')) {
        let line = line.trim_start_matches([' ', '\t']).trim_end_matches('\r');
        if line.is_empty() || line.starts_with('#') {
            continue;
        }
        let key = read_key(line).map_err(|why: String| format!("line {number} {why}"))?;
        keys.insert(key.fingerprint());
    }
    Ok(keys)
}
