//! What was in force, and what came first.

use super::{Memory, RecordId, receipts};
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
    pub fn first_receipt(&self, objects: &[ObjectId]) -> Result<Option<(RecordId, Timestamp)>, Undecided> {
        for layer in &self.layers {
            let first = layer.look(|connection, repository| receipts::first(connection, repository, objects))?;
            let first = first.unwrap_or_default().into_iter();
            let first = first.map(|receipt| (layer.ledger.id(receipt.number), receipt.moment));
            if let Some(first) = first.filter(|(record, _)| self.is_known(*record)).min() {
                return Ok(Some(first));
            }
        }
        Ok(None)
    }

    /// The registries that were in force with the policy at this path, the newest first: since which record, and the digest
    /// of its list of files.
    ///
    /// # Errors
    /// The database's.
    pub fn registries(&self, policy: &[u8]) -> Result<Vec<(RecordId, Digest)>, Undecided> {
        let mut registries = Vec::new();
        for layer in self.layers.iter().rev() {
            layer.look(|connection, _| {
                let mut select = connection.prepare_cached(
                    "SELECT body FROM record JOIN entry USING (number) WHERE kind = 'policy' ORDER BY number DESC",
                )?;
                let mut rows = select.query([])?;
                while let Some(row) = rows.next()? {
                    let entry = Entry::read(row.get_ref(0)?.as_blob().map_err(rusqlite::Error::from)?)?;
                    let record = layer.ledger.id(entry.number());
                    if entry.bytes("path")? == policy && self.is_known(record) {
                        registries.push((record, entry.digest("registry")?));
                    }
                }
                Ok(())
            })?;
        }
        Ok(registries)
    }

    /// A content; `None` if it is not there.
    ///
    /// # Errors
    /// The database's.
    pub fn content(&self, digest: Digest) -> Result<Option<Vec<u8>>, Undecided> {
        for layer in self.layers.iter().rev() {
            if let Some(content) = layer.ledger.content(digest)? {
                return Ok(Some(content));
            }
        }
        Ok(None)
    }
}
