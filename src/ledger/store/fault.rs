//! Why the database could not be read or written.

use crate::{Undecided, ledger::entry::Unreadable};
use rusqlite::ErrorCode;
use std::error::Error;

/// Below the store's own functions, which say what was being done.
#[derive(Debug)]
pub(super) enum Fault {
    Sqlite(rusqlite::Error),
    /// What is recorded is not as this program leaves it.
    Damaged(String),
    Other(Undecided),
}

impl Fault {
    pub fn damaged<T>(what: impl Into<String>) -> Result<T, Self> {
        Err(Self::Damaged(what.into()))
    }

    /// The fault of what was being done.
    pub fn of(self, doing: &str) -> Undecided {
        match self {
            Self::Other(undecided) => undecided,
            Self::Damaged(what) => Undecided::server(doing, damaged(&what)),
            Self::Sqlite(error) => Undecided::server(doing, words(error)),
        }
    }
}

impl From<rusqlite::Error> for Fault {
    fn from(error: rusqlite::Error) -> Self {
        Self::Sqlite(error)
    }
}

impl From<Unreadable> for Fault {
    fn from(error: Unreadable) -> Self {
        Self::Damaged(error.to_string())
    }
}

impl From<Undecided> for Fault {
    fn from(error: Undecided) -> Self {
        Self::Other(error)
    }
}

fn damaged(what: &str) -> String {
    format!(
        "its database is damaged: {what}. `countersign ledger verify` says what is; put back a backup, or an export"
    )
}

fn words(error: rusqlite::Error) -> Box<dyn Error + Send + Sync> {
    match error.sqlite_error_code() {
        Some(ErrorCode::DatabaseBusy | ErrorCode::DatabaseLocked) => {
            format!("another process held it locked for {} seconds: try again", super::database::PATIENCE.as_secs())
                .into()
        }
        Some(ErrorCode::DatabaseCorrupt | ErrorCode::NotADatabase) => damaged(&error.to_string()).into(),
        _ => error.into(),
    }
}
