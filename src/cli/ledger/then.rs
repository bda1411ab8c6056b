//! The registry as it was when a decision was made, from what the ledger keeps of it.

use crate::{
    Undecided,
    ledger::{Digest, Ledger},
    registry::{Parts, Registry},
};
use jiff::tz::TimeZone;
use std::path::Path;

/// `None` where a part of it is not kept, or cannot be read by this version. Windows in `allowed_signers` that name no zone are read
/// as in UTC: whose emails are whose does not depend on it.
pub(super) fn registry(ledger: &Ledger, list: Digest) -> Result<Option<Registry>, Undecided> {
    let Some(list) = text(ledger, list)? else { return Ok(None) };
    let mut parts = Parts::default();
    for line in list.lines() {
        let Some((digest, name)) = line.split_once("  ") else { return Ok(None) };
        let digest = crate::ledger::digest_of(&digest.into());
        let Some(bytes) = digest.map(|digest| ledger.content(digest)).transpose()?.flatten() else { return Ok(None) };
        match name {
            "allowed_signers" => parts.allowed_signers = bytes,
            "revoked_keys" => parts.revoked_keys = bytes,
            "signers.toml" => parts.signers = bytes,
            _ if parts.certificates.add_file(&bytes).is_ok() => {}
            _ => return Ok(None),
        }
    }
    Ok(Registry::from_parts(Path::new("registry"), parts, &TimeZone::UTC).ok())
}

fn text(ledger: &Ledger, digest: Digest) -> Result<Option<String>, Undecided> {
    Ok(ledger.content(digest)?.and_then(|bytes| String::from_utf8(bytes).ok()))
}
