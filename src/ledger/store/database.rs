//! The connection to SQLite, and how it is set.

use super::fault::Fault;
use rusqlite::{Connection, OpenFlags, config::DbConfig, types::FromSql, vtab::array};
use std::{ffi::OsStr, fmt::Write, os::unix::ffi::OsStrExt, path::Path, time::Duration};

/// What was recorded.
pub(super) const RECORDED: &str = include_str!("recorded.sql");

/// What is found from that.
pub(super) const DERIVED: &str = include_str!("derived.sql");

/// How long others may write before this one gives up. An append takes a millisecond, and hundreds of pushes at once are
/// no fault; whom a push waits for longer is stuck.
pub(super) const PATIENCE: Duration = Duration::from_secs(10);

/// Says in the file that it is a ledger: "CSgn".
const APPLICATION: i32 = 0x4353_676E;

/// Of the tables.
const VERSION: i32 = 1;

/// How many pages the log may have before it is moved into the database. Every process that opens the ledger reads the log
/// from its beginning, 4 KiB a page; an append adds some fifteen.
const LOG: i64 = 256;

/// Statements kept ready, of which there are some forty.
const STATEMENTS: usize = 64;

/// Fills an empty file with empty tables.
pub(super) fn create(file: &Path) -> Result<Connection, Fault> {
    let connection = Connection::open_with_flags(file, OpenFlags::SQLITE_OPEN_READ_WRITE | ALWAYS)?;
    connection.pragma_update(None, "journal_mode", "wal")?;
    set(&connection)?;
    connection.execute_batch("BEGIN IMMEDIATE")?;
    connection.execute_batch(RECORDED)?;
    connection.execute_batch(DERIVED)?;
    connection.pragma_update(None, "application_id", APPLICATION)?;
    connection.pragma_update(None, "user_version", VERSION)?;
    connection.execute_batch("COMMIT")?;
    Ok(connection)
}

/// Opens a ledger to write.
pub(super) fn open(file: &Path) -> Result<Connection, Fault> {
    let connection = Connection::open_with_flags(file, OpenFlags::SQLITE_OPEN_READ_WRITE | ALWAYS)?;
    set(&connection)?;
    // Whoever ends last does not move the log into the database: that costs syncs, which the next writers share.
    connection.set_db_config(DbConfig::SQLITE_DBCONFIG_NO_CKPT_ON_CLOSE, true)?;
    connection.pragma_update(None, "wal_autocheckpoint", 0)?;
    check(&connection)?;
    Ok(connection)
}

/// Opens a ledger to read. `unchanging`: there is no log beside it, so that nobody writes; then not even a lock is made.
pub(super) fn open_to_read(file: &Path, unchanging: bool) -> Result<Connection, Fault> {
    let connection = if unchanging {
        let flags = OpenFlags::SQLITE_OPEN_READ_ONLY | OpenFlags::SQLITE_OPEN_URI | ALWAYS;
        Connection::open_with_flags(OsStr::new(&address(file)), flags)?
    } else {
        Connection::open_with_flags(file, OpenFlags::SQLITE_OPEN_READ_ONLY | ALWAYS)?
    };
    set(&connection)?;
    connection.set_db_config(DbConfig::SQLITE_DBCONFIG_NO_CKPT_ON_CLOSE, true)?;
    check(&connection)?;
    Ok(connection)
}

/// One thread at a time uses a connection, and the path has no links.
const ALWAYS: OpenFlags = OpenFlags::SQLITE_OPEN_NO_MUTEX.union(OpenFlags::SQLITE_OPEN_NOFOLLOW);

/// Moves the log into the database, if it is long and nobody else needs it just now. All in it is durable already, so it
/// does no harm if this fails: whoever writes next tries it again.
///
/// SQLite's own way does not do: it moves the log, and leaves it to the next transaction of the same process to begin it
/// anew. Where each transaction is a process, none does, and the log grows for ever.
pub(super) fn shorten_log(connection: &Connection) -> Result<(), Fault> {
    let long: i64 = connection.query_row("PRAGMA wal_checkpoint(noop)", [], |row| row.get(1))?;
    if long < LOG {
        return Ok(());
    }
    connection.busy_timeout(Duration::ZERO)?;
    let moved = connection.query_row("PRAGMA wal_checkpoint(truncate)", [], |_| Ok(()));
    connection.busy_timeout(PATIENCE)?;
    Ok(moved?)
}

/// Moves the log into the database, of which nobody else knows yet: then the file alone is all of it, and on the disk.
pub(super) fn empty_log(connection: &Connection) -> Result<(), Fault> {
    let busy: bool = connection.query_row("PRAGMA wal_checkpoint(truncate)", [], |row| row.get(0))?;
    if busy { Fault::damaged("its log is in use, and nobody can know of it yet") } else { Ok(()) }
}

fn set(connection: &Connection) -> Result<(), Fault> {
    connection.busy_timeout(PATIENCE)?;
    connection.set_prepared_statement_cache_capacity(STATEMENTS);
    // The table-valued function `rarray`.
    array::load_module(connection)?;
    connection.set_db_config(DbConfig::SQLITE_DBCONFIG_DEFENSIVE, true)?;
    connection.set_db_config(DbConfig::SQLITE_DBCONFIG_TRUSTED_SCHEMA, false)?;
    connection.set_db_config(DbConfig::SQLITE_DBCONFIG_ENABLE_TRIGGER, false)?;
    connection.set_db_config(DbConfig::SQLITE_DBCONFIG_ENABLE_VIEW, false)?;
    connection.set_db_config(DbConfig::SQLITE_DBCONFIG_DQS_DML, false)?;
    connection.pragma_update(None, "cell_size_check", true)?;
    // Durable when COMMIT returns.
    connection.pragma_update(None, "synchronous", "full")?;
    // In KiB: what 10,000 look-ups touch in a big ledger stays.
    connection.pragma_update(None, "cache_size", -32 * 1024)?;
    // In bytes, of address space, the most that SQLite takes: a page is looked at where the system keeps it. A disk that fails
    // ends the process by a signal then, which refuses the push, too.
    connection.pragma_update(None, "mmap_size", 0x7fff_0000)?;
    Ok(())
}

fn check(connection: &Connection) -> Result<(), Fault> {
    let (application, version): (i32, i32) =
        (pragma(connection, "application_id")?, pragma(connection, "user_version")?);
    if application != APPLICATION {
        return Fault::damaged("it is not a ledger's");
    }
    if version != VERSION {
        return Err(Fault::Other(crate::Undecided::server(
            "opening the ledger",
            format!("its database has version {version}, and this program knows version {VERSION} alone"),
        )));
    }
    Ok(())
}

fn pragma<T: FromSql>(connection: &Connection, name: &str) -> Result<T, Fault> {
    Ok(connection.pragma_query_value(None, name, |row| row.get(0))?)
}

/// As a URI, in which nothing of the path means anything.
fn address(file: &Path) -> String {
    let mut address = String::from("file://");
    for &byte in file.as_os_str().as_bytes() {
        if byte.is_ascii_alphanumeric() || b"/-_.".contains(&byte) {
            address.push(byte.into());
        } else {
            // A String takes all that is written to it.
            let _ = write!(address, "%{byte:02x}");
        }
    }
    address.push_str("?immutable=1");
    address
}
