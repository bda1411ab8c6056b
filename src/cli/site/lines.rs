//! What an installation says of what it does, a line for each thing, and how often it refused.

use super::problem::shown;
use crate::{Undecided, cli::output::Output};
use std::{os::unix::ffi::OsStrExt, path::Path};

/// Tells, and counts.
pub(super) struct Lines<'o> {
    output: &'o mut Output,
    dry_run: bool,
    pub(super) changed: usize,
    pub(super) refused: usize,
}

impl<'o> Lines<'o> {
    pub(super) fn new(output: &'o mut Output, dry_run: bool) -> Self {
        Self { output, dry_run, changed: 0, refused: 0 }
    }

    /// `subject`: what it is about, in eight letters.
    pub(super) fn say(&mut self, subject: &str, path: &Path, said: &str) -> Result<(), Undecided> {
        self.line(&format!("{subject:<8}  {}: {said}", shown(path.as_os_str().as_bytes())))
    }

    /// What was done, or would be in a dry run.
    pub(super) fn did(&mut self, subject: &str, path: &Path, did: &str, would: &str) -> Result<(), Undecided> {
        self.changed = self.changed.saturating_add(1);
        self.say(subject, path, if self.dry_run { would } else { did })
    }

    /// What was not done, and the way out; then what a program said of it.
    pub(super) fn refuse(
        &mut self,
        subject: &str,
        path: &Path,
        what: &str,
        way_out: &str,
        told: &[u8],
    ) -> Result<(), Undecided> {
        self.refused = self.refused.saturating_add(1);
        self.say(subject, path, &format!("REFUSED: {what}"))?;
        self.line(&format!("          way out: {way_out}"))?;
        for line in told.split(|byte| *byte == b'\n').filter(|line| !line.is_empty()) {
            self.line(&format!("          | {}", shown(line)))?;
        }
        Ok(())
    }

    /// How it ended, in one line.
    pub(super) fn end(&mut self, next: Option<&str>) -> Result<(), Undecided> {
        match next {
            _ if self.refused > 0 => self.line(&format!("{} refused, see above", self.refused)),
            _ if self.dry_run => self.line("dry run: nothing was changed"),
            None if self.changed == 0 => self.line("nothing to do"),
            None => Ok(()),
            Some(next) => self.line(next),
        }
    }

    pub(super) fn line(&mut self, line: &str) -> Result<(), Undecided> {
        self.output.line(line)?;
        // An installation takes its time in a big place.
        self.output.flush()
    }
}
