//! A ledger's end, and the beginning of the one that continues it.

use super::{Ledger, Writing, create};
use crate::{
    Undecided,
    ledger::{
        folder::{Making, NextFolder},
        key::{SigningKey, VerifierKey},
        record::{Change, Closing, Continued, Digest, InForce, Record},
        registries::files_of,
    },
    push::Timestamp,
    trusted::TrustedFiles,
};
use std::{
    collections::BTreeSet,
    os::unix::ffi::OsStrExt,
    path::{Path, PathBuf},
};

/// What was closed, and what continues it.
#[derive(Debug)]
pub struct Closed {
    /// The number of its last record.
    pub record: u64,
    /// The folder of the next ledger.
    pub folder: PathBuf,
    /// The key of the next ledger, whose name is its origin.
    pub key: VerifierKey,
}

impl Ledger {
    /// Closes this ledger, and makes one in the folder `next` that continues it. One that is closed already, and was to be continued
    /// there, is continued now. `left_open`: decisions of which it will never be known what became of them.
    ///
    /// Whenever this is ended early, the ledger is open as it was, or is closed and takes nothing more until this is called
    /// again. The next one's key is there before the ledger is closed, and its database after; with that it is whole.
    ///
    /// # Errors
    /// Those of [`Ledger::append`]; another decision is open; it is continued elsewhere; the next ledger cannot be made.
    pub fn close(
        &mut self,
        next: &Path,
        left_open: &BTreeSet<u64>,
        trusted: &TrustedFiles,
        making: &Making,
        clock: &dyn Fn() -> Timestamp,
    ) -> Result<Closed, Undecided> {
        let folder = NextFolder::take(next, trusted)?;
        let path = folder.path().to_owned();
        let key = match self.closing()? {
            Some(closing) if closing.folder == path.as_os_str().as_bytes() => {
                if let Some(made) = folder.key_of_made()?.filter(|made| made.verifier().to_string() == closing.key) {
                    let (_, last) = self.to_continue()?;
                    return Ok(Closed { record: last.number, folder: path, key: made.verifier().clone() });
                }
                folder.waiting_key(&closing.key)?
            }
            Some(closing) => return Err(Undecided::server(&self.writing, super::chain::closed(&closing))),
            None => {
                let key = folder.draw_key(&making.origin)?;
                self.write_closed(&key, &path, left_open, clock)?;
                key
            }
        };
        // What is in its log is moved, so that it is read without one from now on; it is durable anyway.
        let _ = super::database::empty_log(&self.connection());
        let making = Making { origin: key.verifier().name().to_owned(), ..making.clone() };
        let (continued, last) = self.to_continue()?;
        folder.finish(&key, |file| {
            let fill = |writing: &mut Writing<'_>| self.carry_over(writing);
            create(file, &key, &making, Some((continued, last.moment)), &fill)
                .map_err(|fault| fault.of(&format!("making the ledger `{}`", path.display())))
        })?;
        Ok(Closed { record: last.number, folder: path, key: key.verifier().clone() })
    }

    fn write_closed(
        &mut self,
        key: &SigningKey,
        folder: &Path,
        left_open: &BTreeSet<u64>,
        clock: &dyn Fn() -> Timestamp,
    ) -> Result<(), Undecided> {
        let doing = format!("closing the ledger `{}`", self.folder().display());
        let closing = Closing {
            next: key.verifier().name().to_owned(),
            key: key.verifier().to_string(),
            folder: folder.as_os_str().as_bytes().to_vec(),
        };
        self.append(clock, |writing| {
            if let Some(open) = writing.all_open()?.into_iter().find(|open| !left_open.contains(open)) {
                let why = format!("record {open} accepted a push of which it is not known yet what became: try again");
                return Err(Undecided::server(doing, why));
            }
            if let Some(owing) = writing.owing()?.into_iter().find(|owing| !left_open.contains(owing)) {
                let why = format!("record {owing} is an emergency that nobody has reviewed: see to that first");
                return Err(Undecided::server(doing, why));
            }
            writing.record(&Record::Closed(closing)).map(drop)
        })
        .map(drop)
    }

    /// What the next ledger says of this one, and where this one ends.
    fn to_continue(&self) -> Result<(Continued, Last), Undecided> {
        let checkpoint = String::from_utf8_lossy(&self.last_checkpoint()?).into_owned();
        let continued = Continued { checkpoint, folder: self.folder().as_os_str().as_bytes().to_vec() };
        let last = super::chain::last_entry(&self.connection()).map_err(|fault| fault.of(&self.reading))?;
        let last = last.ok_or_else(|| Undecided::server(&self.reading, "there is no record"))?;
        Ok((continued, Last { number: last.number(), moment: last.moment_that_counts() }))
    }

    /// The policies in force are recorded in the next ledger too, with what they name: so that its records name nothing that is
    /// elsewhere.
    fn carry_over(&self, writing: &mut Writing<'_>) -> Result<(), Undecided> {
        for to in self.all_in_force()? {
            self.carry_contents(&to, writing)?;
            writing.record(&Record::Policy(Change { to, from: None, weaker: Vec::new() }))?;
        }
        Ok(())
    }

    fn carry_contents(&self, in_force: &InForce, writing: &mut Writing<'_>) -> Result<(), Undecided> {
        let kept = |digest: Digest| {
            let content = self.content(digest)?;
            content.ok_or_else(|| Undecided::server(&self.reading, format!("a content is gone: {digest}")))
        };
        writing.content(&kept(in_force.policy)?)?;
        let list = kept(in_force.registry)?;
        writing.content(&list)?;
        for (file, _) in files_of(&list) {
            writing.content(&kept(file)?)?;
        }
        Ok(())
    }
}

/// The end of a ledger.
struct Last {
    number: u64,
    moment: Timestamp,
}
