//! How far long work has come.

use super::output::tell;
use std::{
    cell::Cell,
    io::{IsTerminal, stderr},
    time::{Duration, Instant},
};

/// On a terminal, how much was done; one line that is written anew and goes at the end.
pub(super) struct Progress {
    doing: &'static str,
    things: &'static str,
    shown: bool,
    count: Cell<u64>,
    told: Cell<Option<Instant>>,
}

impl Progress {
    /// So long it waits, at first and then each time.
    const EVERY: Duration = Duration::from_millis(100);

    /// Of commits.
    pub(super) fn of(doing: &'static str) -> Self {
        Self::counting(doing, "commits")
    }

    pub(super) fn counting(doing: &'static str, things: &'static str) -> Self {
        Self { doing, things, shown: stderr().is_terminal(), count: Cell::new(0), told: Cell::new(None) }
    }

    pub(super) fn step(&self) {
        let count = self.count.get() + 1;
        self.count.set(count);
        if !self.shown || !count.is_multiple_of(64) {
            return;
        }
        let now = Instant::now();
        if self.told.get().is_none_or(|told| now.duration_since(told) >= Self::EVERY) {
            tell(&format!("\r{}: {count} {}", self.doing, self.things));
            self.told.set(Some(now));
        }
    }

    pub(super) fn count(&self) -> u64 {
        self.count.get()
    }

    pub(super) fn finish(&self) {
        if self.told.get().is_some() {
            // Back to the start of the line, and erase it (ECMA-48, EL).
            tell("\r\u{1b}[K");
        }
    }
}
