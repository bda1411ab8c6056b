//! The derived tables made anew.

use super::{database, derived, fault::Fault};
use crate::ledger::entry::Entry;
use rusqlite::Connection;

/// From the records; within a transaction.
pub(super) fn reindex(connection: &Connection) -> Result<(), Fault> {
    // Those of an earlier version, too.
    let others = connection
        .prepare(
            "SELECT name FROM main.sqlite_schema WHERE type = 'table' AND name NOT GLOB 'sqlite_*'
             AND name NOT IN ('record', 'node', 'checkpoint', 'content')",
        )?
        .query_map([], |row| row.get(0))?
        .collect::<Result<Vec<String>, _>>()?;
    for table in others {
        connection.execute_batch(&format!("DROP TABLE \"{}\"", table.replace('"', "\"\"")))?;
    }
    connection.execute_batch(database::DERIVED)?;
    let mut select = connection.prepare("SELECT body FROM record ORDER BY number")?;
    let mut rows = select.query([])?;
    while let Some(row) = rows.next()? {
        derived::add(connection, &Entry::read(row.get_ref(0)?.as_blob().map_err(rusqlite::Error::from)?)?)?;
    }
    Ok(())
}
