//! Ledgers that continue one another: each names the last checkpoint of the one before it, which is read with it.

use super::{Ledger, fault::Fault, reading};
use crate::{
    Undecided,
    ledger::{
        checkpoint::Checkpoint,
        entry::Entry,
        note::Note,
        record::{Closing, Continued},
    },
    trusted::TrustedFiles,
};
use rusqlite::Connection;
use std::{
    ffi::OsString,
    os::unix::ffi::OsStringExt,
    path::{Path, PathBuf},
};

/// A record of a ledger, or of one that came before it. What was recorded later is greater.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub struct RecordId {
    /// How many ledgers came before the one that it is in.
    pub ledger: u64,
    /// Its number there.
    pub number: u64,
}

/// The ledger that another continues.
#[derive(Debug)]
pub(super) struct Former {
    /// `None` if the record that says so cannot be read.
    folder: Option<PathBuf>,
    ledger: Result<Box<Ledger>, Unread>,
}

/// Why a former ledger cannot be read.
#[derive(Clone, Debug)]
struct Unread {
    is_missing: bool,
    why: String,
}

impl From<String> for Unread {
    fn from(why: String) -> Self {
        Self { is_missing: false, why }
    }
}

/// The one that a ledger continues, if it does; `reading` says of which that is.
pub(super) fn opened<'a>(former: Option<&'a Former>, reading: &str) -> Result<Option<&'a Ledger>, Undecided> {
    let Some(Former { ledger, .. }) = former else { return Ok(None) };
    ledger.as_deref().map(Some).map_err(|unread| Undecided::server(reading, unread.why.clone()))
}

impl Ledger {
    /// The ledger that this one continues, open to be read.
    ///
    /// # Errors
    /// It is not where this one says, does not end with the checkpoint that this one continues, or cannot be read.
    pub fn former(&self) -> Result<Option<&Self>, Undecided> {
        opened(self.former.as_ref(), &self.reading)
    }

    /// Where the ledger is that this one continues.
    pub fn former_folder(&self) -> Option<&Path> {
        self.former.as_ref().and_then(|former| former.folder.as_deref())
    }

    /// Whether the ledger that this one continues is not there at all.
    pub fn is_former_missing(&self) -> bool {
        let unread = self.former.as_ref().and_then(|former| former.ledger.as_ref().err());
        unread.is_some_and(|unread| unread.is_missing)
    }

    /// This ledger and those before it, the newest first.
    ///
    /// # Errors
    /// Those of [`Ledger::former`].
    pub fn chain(&self) -> Result<Vec<&Self>, Undecided> {
        let (mut chain, mut next) = (Vec::new(), Some(self));
        while let Some(ledger) = next {
            chain.push(ledger);
            next = ledger.former()?;
        }
        Ok(chain)
    }

    /// The ledger of the chain that a record is in.
    ///
    /// # Errors
    /// Those of [`Ledger::former`]; there is no such ledger.
    pub fn of(&self, record: RecordId) -> Result<&Self, Undecided> {
        let of = self.chain()?.into_iter().find(|ledger| ledger.generation == record.ledger);
        of.ok_or_else(|| Undecided::server(&self.reading, "a record is of none of the ledgers that it continues"))
    }

    /// The record of this ledger with that number.
    pub fn id(&self, number: u64) -> RecordId {
        RecordId { ledger: self.generation, number }
    }

    /// The ledger that continues this one, if it is closed.
    ///
    /// # Errors
    /// The database's.
    pub fn closing(&self) -> Result<Option<Closing>, Undecided> {
        let closing = || match last_entry(&self.connection())? {
            Some(last) if last.kind() == "closed" => Ok(Some(read_closing(&last)?)),
            Some(_) | None => Ok(None),
        };
        closing().map_err(|fault: Fault| fault.of(&self.reading))
    }

    /// Refuses if it is closed.
    ///
    /// # Errors
    /// Where it is continued.
    pub fn check_open(&self) -> Result<(), Undecided> {
        match self.closing()? {
            Some(closing) => Err(Undecided::server(&self.writing, closed(&closing))),
            None => Ok(()),
        }
    }

    /// Opens the ledgers before it. Why that fails, [`Ledger::former`] says.
    pub(super) fn open_former(&mut self, trusted: &TrustedFiles) {
        self.former = match self.continues() {
            Ok(None) => None,
            Ok(Some((Continued { checkpoint, folder }, key))) => {
                let folder = PathBuf::from(OsString::from_vec(folder));
                let ledger = open(&folder, trusted, &checkpoint, &key).map(Box::new).map_err(|unread| {
                    let why = format!("the ledger that it continues, `{}`: {}", folder.display(), unread.why);
                    Unread { why, ..unread }
                });
                self.generation = ledger.as_ref().map_or(0, |former| former.generation.saturating_add(1));
                Some(Former { folder: Some(folder), ledger })
            }
            Err(undecided) => Some(Former { folder: None, ledger: Err(undecided.cause.to_string().into()) }),
        };
    }

    /// What it continues, as its first record says, and the key that it begins with.
    fn continues(&self) -> Result<Option<(Continued, String)>, Undecided> {
        let continues = || {
            let Some(body) = reading::body(&self.connection(), 0)? else { return Ok(None) };
            let opened = Entry::read(&body)?;
            if opened.some("continues").is_none() {
                return Ok(None);
            }
            let checkpoint = opened.text("continues")?.to_owned();
            let continued = Continued { checkpoint, folder: opened.bytes("former")? };
            Ok(Some((continued, opened.text("key")?.to_owned())))
        };
        continues().map_err(|fault: Fault| fault.of(&self.reading))
    }
}

fn open(folder: &Path, trusted: &TrustedFiles, continues: &str, key: &str) -> Result<Ledger, Unread> {
    let Some(mut ledger) = Ledger::read_alone(folder, trusted).map_err(|error| error.to_string())? else {
        return Err(Unread { is_missing: true, why: "it is not there: put it back".into() });
    };
    let ended = ends_with(&ledger.connection(), continues, key);
    match ended {
        Ok(Ok(())) => {}
        Ok(Err(why)) => return Err(why.to_owned().into()),
        Err(fault) => return Err(fault.of(&ledger.reading).cause.to_string().into()),
    }
    // Once it is known to be the one that was meant: so there is no circle.
    ledger.open_former(trusted);
    Ok(ledger)
}

/// Whether all that a ledger holds is what this checkpoint covers, and its last record names the next one's key; why not.
fn ends_with(connection: &Connection, continues: &str, key: &str) -> Result<Result<(), &'static str>, Fault> {
    if reading::last_note(connection)?.as_deref() != Some(continues.as_bytes()) {
        return Ok(Err("it does not end with the checkpoint that is continued: it is not as it was left"));
    }
    let checkpoint = Note::parse(continues.as_bytes()).ok();
    let Some(checkpoint) = checkpoint.and_then(|note| Checkpoint::parse(note.unverified_text())) else {
        return Fault::damaged("what it ends with is no checkpoint");
    };
    let last = reading::covered(connection, &checkpoint)?;
    Ok(match last.kind() == "closed" && read_closing(&last)?.key == key {
        true => Ok(()),
        false => Err("it is not closed, or another continues it"),
    })
}

/// Why nothing more is written.
pub(super) fn closed(closing: &Closing) -> String {
    let folder = String::from_utf8_lossy(&closing.folder);
    format!(
        "it is closed, and the ledger {} in `{folder}` continues it: set `[ledger] path` in the policy to that folder",
        closing.next
    )
}

pub(super) fn read_closing(entry: &Entry) -> Result<Closing, Fault> {
    Ok(Closing {
        next: entry.text("next")?.to_owned(),
        key: entry.text("key")?.to_owned(),
        folder: entry.bytes("folder")?,
    })
}

pub(super) fn last_entry(connection: &Connection) -> Result<Option<Entry>, Fault> {
    let number: Option<u64> =
        connection.prepare_cached("SELECT max(number) FROM record")?.query_row([], |row| row.get(0))?;
    let body = number.map(|number| reading::body(connection, number)).transpose()?.flatten();
    Ok(body.map(|body| Entry::read(&body)).transpose()?)
}
