//! The derived tables made anew.

use super::{database, derived, fault::Fault};
use crate::ledger::entry::Entry;
use rusqlite::Connection;

/// From the records; within a transaction.
pub(super) fn reindex(connection: &Connection) -> Result<(), Fault> {
    for table in derived::TABLES {
        connection.execute_batch(&format!("DROP TABLE IF EXISTS {table}"))?;
    }
    connection.execute_batch(database::DERIVED)?;
    let mut select = connection.prepare("SELECT body FROM record ORDER BY number")?;
    let mut rows = select.query([])?;
    while let Some(row) = rows.next()? {
        derived::add(connection, &Entry::read(row.get_ref(0)?.as_blob().map_err(rusqlite::Error::from)?)?)?;
    }
    Ok(())
}
