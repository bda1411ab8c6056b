//! A plain list (ssh-keygen(1), `-r` of `-Y verify`; OpenSSH's authfile.c, `sshkey_in_file`).
use crate::{registry::allowed_signers::read_key, signature::Fingerprint};
use std::collections::HashSet;

/// One public key a line; comments and blank lines are skipped. A revoked authority revokes what it certified.
///
/// # Errors
/// A line that is none: what it was meant to revoke would stay good. So is a certificate, of which OpenSSH takes the key:
/// whoever lists one may mean all that was certified like it, and has a binary list to say so.
pub(super) fn read(bytes: &[u8]) -> Result<HashSet<Fingerprint>, String> {
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
