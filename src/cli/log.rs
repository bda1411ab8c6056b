//! Diagnostics for whoever runs the server.

use super::Common;
use crate::{
    error::Undecided,
    policy::Verdict,
    report::{self, Judged},
};
use std::{
    fs::OpenOptions,
    io::ErrorKind,
    path::Path,
    sync::Mutex,
    time::{Duration, Instant},
};
use tracing_subscriber::{
    filter::{EnvFilter, LevelFilter},
    fmt,
    layer::SubscriberExt,
    util::SubscriberInitExt,
};

/// Where diagnostics go if nothing is said.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Default {
    /// Nowhere: what a hook writes, the pusher reads.
    Nowhere,
    StandardError,
}

/// Sets up logging; `COUNTERSIGN_LOG` gives the level (`error`, `warn`, `info`, `debug`, `trace`; default `warn`).
///
/// In a hook it can only ask for more: a pusher may be able to set it (sshd's `AcceptEnv`), and could hide a refusal.
pub(super) fn start(common: &Common, default: Default) -> Result<(), Undecided> {
    let level = std::env::var("COUNTERSIGN_LOG").ok();
    if common.log.is_none() && (default == Default::Nowhere || level.is_none()) {
        return Ok(());
    }
    let failed = |error: &dyn std::fmt::Display| Undecided::server("opening the log", error.to_string());
    let filter = match default {
        Default::Nowhere => {
            let asked = level.and_then(|level| level.parse().ok()).unwrap_or(LevelFilter::WARN);
            EnvFilter::default().add_directive(asked.max(LevelFilter::WARN).into())
        }
        Default::StandardError => {
            EnvFilter::try_new(level.as_deref().unwrap_or("warn")).map_err(|error| failed(&error))?
        }
    };
    let registry = tracing_subscriber::registry().with(filter);
    let lines = fmt::layer().with_ansi(false);
    match common.log.as_deref() {
        None => registry.with(lines.with_writer(std::io::stderr)).try_init(),
        Some(path) if path == Path::new("journald") => {
            registry.with(tracing_journald::layer().map_err(|error| failed(&error))?).try_init()
        }
        Some(path) => {
            let file = OpenOptions::new().create(true).append(true).open(path);
            let file = file.map_err(|error| Undecided::server(format!("opening the log {}", path.display()), error))?;
            registry.with(lines.with_writer(Mutex::new(file))).try_init()
        }
    }
    .map_err(|error| failed(&error))
}

/// Whether a hook could write there as whoever runs this; nothing is made.
pub(super) fn check(path: &Path) -> Result<(), Undecided> {
    let failed = |why: String| Undecided::server(format!("opening the log {}", path.display()), why);
    if path == Path::new("journald") {
        return tracing_journald::layer().map(drop).map_err(|error| failed(error.to_string()));
    }
    match OpenOptions::new().append(true).open(path) {
        Ok(_) => Ok(()),
        // Then the hook makes it.
        Err(error) if error.kind() == ErrorKind::NotFound => {
            let folder = path.parent().unwrap_or(Path::new("/"));
            let ways = rustix::fs::Access::WRITE_OK | rustix::fs::Access::EXEC_OK;
            let may = rustix::fs::access(folder, ways).map_err(std::io::Error::from);
            may.map_err(|error| failed(format!("it is not there, and cannot be made: {error}")))
        }
        Err(error) => Err(failed(error.to_string())),
    }
}

/// Says how long a push took to judge, and its record to make: `opened` before it was judged, and what `record` takes.
pub(super) fn took<T>(judged: Duration, opened: Duration, record: impl FnOnce() -> T) -> T {
    let begin = Instant::now();
    let recorded = record();
    let micros = |time: Duration| u64::try_from(time.as_micros()).unwrap_or(u64::MAX);
    tracing::info!(judged_us = micros(judged), ledger_us = micros(opened + begin.elapsed()), "took");
    recorded
}

/// One line a push, as JSON; the only place where what a rule in `observe` found can be seen.
pub(super) fn verdict(verdict: &Verdict, judged: &Judged<'_>) {
    if let Verdict::Accepted(accepted) = verdict
        && accepted.warnings().is_empty()
    {
        tracing::info!(refs = judged.push.updates.len(), commits = accepted.commits(), "accepted without findings");
    } else if tracing::enabled!(tracing::Level::WARN) {
        tracing::warn!("{}", report::verdict(verdict, judged));
    }
}
