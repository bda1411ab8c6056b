//! The key that signs, and how another takes its place.

use super::{Appended, Ledger, fault::Fault, log, reading};
use crate::{
    Undecided,
    ledger::{
        folder::LedgerFolder,
        key::{SigningKey, VerifierKey},
        record::Record,
    },
    push::Timestamp,
};
use rusqlite::{Connection, TransactionBehavior};
use std::sync::PoisonError;

impl Ledger {
    /// Has a new key sign from the next checkpoint on. That one is signed with both keys, so that whoever has either knows the
    /// other. The public half of the former is kept in the folder, its secret half is not.
    ///
    /// Whenever this is ended early, the ledger is signed with the former key, or with the new one once somebody opens it.
    ///
    /// # Errors
    /// Those of [`Ledger::append`]; the key cannot be made or kept.
    pub fn rotate_key(&mut self, clock: &dyn Fn() -> Timestamp) -> Result<(Appended, VerifierKey), Undecided> {
        let mut named = None;
        let appended = self.append_and_sign(clock, |writing, folder| {
            let next = folder.next_key(&writing.origin()?)?;
            writing.record(&Record::Rotated(next.verifier().to_string()))?;
            named = Some(next.verifier().clone());
            Ok(Some(next))
        })?;
        settle(self).map_err(|fault| fault.of(&self.writing))?;
        match (appended, named) {
            (Some(appended), Some(named)) => Ok((appended, named)),
            _ => Err(Undecided::server(&self.writing, "nothing was written")),
        }
    }
}

/// Sees to it that the ledger's key is the one that its records name last.
pub(super) fn settle(ledger: &mut Ledger) -> Result<(), Fault> {
    let Some(key) = &mut ledger.key else { return Ok(()) };
    let connection = ledger.connection.get_mut().unwrap_or_else(PoisonError::into_inner);
    if reading::is_signed_alone(connection, key.verifier())? {
        return Ok(());
    }
    let transaction = connection.transaction_with_behavior(TransactionBehavior::Immediate)?;
    settled(&transaction, &ledger.folder, key)
}

/// The same, while nobody else writes. A key that the records do not name is left: what it did not sign shows.
pub(super) fn settled(connection: &Connection, folder: &LedgerFolder, key: &mut SigningKey) -> Result<(), Fault> {
    // The checkpoint after a new key was named is signed with two, and those after it with that one.
    if reading::is_signed_alone(connection, key.verifier())? {
        return Ok(());
    }
    if let Some((_, named)) = log::keys(connection)?.last().filter(|(_, named)| named != key.verifier()) {
        *key = folder.settle_key(named)?;
    }
    Ok(())
}
