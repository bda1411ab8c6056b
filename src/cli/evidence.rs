//! What the Git server tells a hook of who pushed. Collected as it is; nothing of it is believed here.

use crate::{
    Undecided,
    bounds::Bounds,
    git::{Read as ReadObject, Repository},
    push::{Evidence, ObjectId, evidence::Certificate},
};
use std::{
    env,
    fs::File,
    io::Read,
    os::unix::{
        ffi::{OsStrExt, OsStringExt},
        fs::MetadataExt,
    },
    path::PathBuf,
};

/// Also with the push certificate, whose blob is read now: it is in reach of no ref, and will be collected.
pub(super) fn of_pre_receive(repository: &Repository) -> Result<Evidence, Undecided> {
    let mut evidence = stated()?;
    evidence.certificate = certificate(repository)?;
    Ok(evidence)
}

/// Git gives the `update` hook no certificate.
pub(super) fn of_update() -> Result<Evidence, Undecided> {
    let mut evidence = stated()?;
    evidence.certificate = Certificate::Unseen;
    Ok(evidence)
}

fn stated() -> Result<Evidence, Undecided> {
    let mut evidence = Evidence::from_variables(|name| env::var_os(name).map(OsStringExt::into_vec));
    evidence.authentication = authentication()?;
    Ok(evidence)
}

/// The file that sshd makes for the session (sshd_config(5), `ExposeAuthInfo`), by mkstemp(3): the session user's own, with
/// mode 0600. Of any other nothing is believed: an sshd that says nothing itself may let a client set `SSH_USER_AUTH`
/// (`AcceptEnv`), and what was pushed (git keeps it with mode 0444) and `/proc/self/environ` (0400) hold what clients chose.
fn authentication() -> Result<Option<Vec<u8>>, Undecided> {
    let Some(path) = env::var_os("SSH_USER_AUTH").filter(|path| !path.is_empty()).map(PathBuf::from) else {
        return Ok(None);
    };
    let undecided =
        |why: &dyn std::fmt::Display| Undecided::server("reading the file that `SSH_USER_AUTH` names", why.to_string());
    let regular = path.symlink_metadata().map_err(|error| undecided(&error))?.is_file();
    if !regular {
        return Err(undecided(&"it is no file of sshd's"));
    }
    let file = File::open(path).map_err(|error| undecided(&error))?;
    let metadata = file.metadata().map_err(|error| undecided(&error))?;
    let own = metadata.uid() == rustix::process::geteuid().as_raw();
    if !metadata.is_file() || !own || metadata.mode() & 0o777 != 0o600 {
        return Err(undecided(&"it is no file of sshd's: that is the session user's own, with mode 0600"));
    }
    let mut text = Vec::new();
    file.take(Bounds::AUTHENTICATION + 1).read_to_end(&mut text).map_err(|error| undecided(&error))?;
    if u64::try_from(text.len()).map_or(true, |length| length > Bounds::AUTHENTICATION) {
        return Err(undecided(&"it is larger than 64 KiB"));
    }
    Ok(Some(text))
}

/// The blob that receive-pack made of the push certificate (git's builtin/receive-pack.c, `prepare_push_cert_sha1`).
fn certificate(repository: &Repository) -> Result<Certificate, Undecided> {
    let Some(id) = env::var_os("GIT_PUSH_CERT").filter(|id| !id.is_empty()) else { return Ok(Certificate::Absent) };
    let undecided = |why: &str| Undecided::server("reading the push certificate", why);
    let id = ObjectId::from_hex(id.as_bytes()).ok_or_else(|| undecided("`GIT_PUSH_CERT` is no object id"))?;
    let (_, size) = repository.header(id)?.ok_or_else(|| undecided("there is no such object"))?;
    if usize::try_from(size).map_or(true, |size| size > Bounds::PUSH_CERTIFICATE) {
        return Ok(Certificate::TooLarge);
    }
    let mut text = Vec::new();
    match repository.read(id, &mut text)? {
        ReadObject::Object(_) => {
            let nonce_status = env::var_os("GIT_PUSH_CERT_NONCE_STATUS").unwrap_or_default().into_vec();
            Ok(Certificate::Received { text, nonce_status })
        }
        ReadObject::TooLarge { .. } => Ok(Certificate::TooLarge),
        ReadObject::Missing => Err(undecided("there is no such object")),
    }
}
