//! A thread that is somebody else: what a hook may read and write is seen by trying it as whom the hook runs.
//!
//! On Linux users and groups belong to threads (credentials(7), "`POSIX.1` requires that all threads share them"; the kernel does
//! not). So the rest of the process stays who it was, and programs that the thread starts are whom it is.

use crate::{Undecided, cli::site::Account};
use rustix::{
    process::{Gid, Uid, geteuid},
    thread::{set_thread_groups, set_thread_res_gid, set_thread_res_uid},
};
use std::{
    process::{Command, Stdio},
    thread,
};

/// Runs `work` as this account; `None`: we are neither it nor root.
///
/// # Errors
/// The system does not let us.
pub(super) fn run_as<T: Send>(account: &Account, work: impl FnOnce() -> T + Send) -> Result<Option<T>, Undecided> {
    let us = geteuid();
    if us.as_raw() == account.user {
        return Ok(Some(work()));
    }
    if !us.is_root() {
        return Ok(None);
    }
    let failed = |error: rustix::io::Errno| {
        Undecided::server(format!("becoming user {}", account.user), std::io::Error::from(error))
    };
    let groups = groups_of(account);
    let ran = thread::scope(|scope| {
        let thread = scope.spawn(|| {
            let (user, group) = (Uid::from_raw(account.user), Gid::from_raw(account.group));
            set_thread_groups(&groups).map_err(failed)?;
            set_thread_res_gid(group, group, group).map_err(failed)?;
            set_thread_res_uid(user, user, user).map_err(failed)?;
            Ok(work())
        });
        thread.join()
    });
    let panicked = || Undecided::server("looking as the owner of the repositories", "a fault in countersign");
    ran.map_err(|_| panicked())?.map(Some)
}

/// Those that the account is a member of, as initgroups(3) has them. Without a name it has but its own.
fn groups_of(account: &Account) -> Vec<Gid> {
    let Some(name) = &account.name else { return Vec::new() };
    let listed = Command::new("id").args(["-G", "--"]).arg(name).stdin(Stdio::null()).stderr(Stdio::null()).output();
    let listed = listed.map(|output| output.stdout).unwrap_or_default();
    String::from_utf8_lossy(&listed)
        .split_ascii_whitespace()
        .filter_map(|id| id.parse().ok())
        .map(Gid::from_raw)
        .collect()
}
