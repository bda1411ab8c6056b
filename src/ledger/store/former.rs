//! What was in force, and what came first.

use super::{Memory, receipts};
use crate::{
    Undecided,
    ledger::{entry::Entry, record::Digest},
    push::{ObjectId, Timestamp},
};

impl Memory<'_> {
    /// The record that brought the first of these objects, and the moment that counts; `None` if none was received.
    ///
    /// # Errors
    /// The database's.
    pub fn first_receipt(&self, objects: &[ObjectId]) -> Result<Option<(u64, Timestamp)>, Undecided> {
        let first = self.look(|connection, repository| receipts::first(connection, repository, objects))?;
        Ok(first.unwrap_or_default().into_values().filter(|(number, _)| self.is_known(*number)).min())
    }

    /// The registries that were in force with the policy at this path, the newest first: since which record, and the digest
    /// of its list of files.
    ///
    /// # Errors
    /// The database's.
    pub fn registries(&self, policy: &[u8]) -> Result<Vec<(u64, Digest)>, Undecided> {
        let found = self.look(|connection, _| {
            let mut select = connection.prepare_cached(
                "SELECT body FROM record JOIN entry USING (number) WHERE kind = 'policy' ORDER BY number DESC",
            )?;
            let mut rows = select.query([])?;
            let mut registries = Vec::new();
            while let Some(row) = rows.next()? {
                let entry = Entry::read(row.get_ref(0)?.as_blob().map_err(rusqlite::Error::from)?)?;
                if entry.bytes("path")? == policy && self.is_known(entry.number()) {
                    registries.push((entry.number(), entry.digest("registry")?));
                }
            }
            Ok(registries)
        });
        found.map(Option::unwrap_or_default)
    }

    fn is_known(&self, number: u64) -> bool {
        self.as_of.is_none_or(|(as_of, _)| number < as_of)
    }

    /// A content; `None` if it is not there.
    ///
    /// # Errors
    /// The database's.
    pub fn content(&self, digest: Digest) -> Result<Option<Vec<u8>>, Undecided> {
        self.look(|connection, _| super::derived::content(connection, digest)).map(Option::flatten)
    }
}
