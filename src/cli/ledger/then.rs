//! The registry as it was when a decision was made, from what the ledger keeps of it.

use crate::{
    Undecided,
    ledger::{Digest, Ledger, files_of},
    registry::{Parts, Registry},
};
use jiff::tz::TimeZone;
use std::path::Path;

/// `None` where a part of it is not kept, or cannot be read by this version. Windows in `allowed_signers` that name no zone are read
/// as in UTC: whose emails are whose does not depend on it.
pub(super) fn registry(ledger: &Ledger, list: Digest) -> Result<Option<Registry>, Undecided> {
    let Some(list) = ledger.content(list)? else { return Ok(None) };
    let mut parts = Parts::default();
    for (digest, name) in files_of(&list) {
        let Some(bytes) = ledger.content(digest)? else { return Ok(None) };
        match name.as_str() {
            "allowed_signers" => parts.allowed_signers = bytes,
            "revoked_keys" => parts.revoked_keys = bytes,
            "signers.toml" => parts.signers = bytes,
            _ if parts.certificates.add_file(&bytes).is_ok() => {}
            _ => return Ok(None),
        }
    }
    Ok(Registry::from_parts(Path::new("registry"), parts, &TimeZone::UTC).ok())
}
