//! What was recorded beside any one repository: policies, contents, push certificates.

use super::{Ledger, derived, fault::Fault, memory};
use crate::{
    Undecided,
    ledger::record::{Digest, InForce},
};
use rusqlite::OptionalExtension;

impl Ledger {
    /// The policy and registry that were last recorded to be in force at this path of a policy.
    ///
    /// # Errors
    /// The database's.
    pub fn in_force(&self, path: &[u8]) -> Result<Option<InForce>, Undecided> {
        memory::in_force(&self.connection(), path).map_err(|fault| fault.of(&self.reading))
    }

    /// The policies and registries that were last recorded to be in force, each at its path.
    ///
    /// # Errors
    /// The database's.
    pub fn all_in_force(&self) -> Result<Vec<InForce>, Undecided> {
        memory::all_in_force(&self.connection()).map_err(|fault| fault.of(&self.reading))
    }

    /// Whether a push was accepted with a push certificate of which this is the digest of what is signed, here or in a ledger
    /// before this one.
    ///
    /// # Errors
    /// The database's; those of [`Ledger::former`].
    pub fn is_certificate_seen(&self, certificate: Digest) -> Result<bool, Undecided> {
        for ledger in self.chain()? {
            let seen = memory::is_certificate_seen(&ledger.connection(), certificate);
            if seen.map_err(|fault| fault.of(&ledger.reading))? {
                return Ok(true);
            }
        }
        Ok(false)
    }

    /// A content; `None` if it is not there.
    ///
    /// # Errors
    /// The database's.
    pub fn content(&self, digest: Digest) -> Result<Option<Vec<u8>>, Undecided> {
        derived::content(&self.connection(), digest).map_err(|fault| fault.of(&self.reading))
    }

    /// Whether a content is there.
    ///
    /// # Errors
    /// The database's.
    pub fn has_content(&self, digest: Digest) -> Result<bool, Undecided> {
        let connection = self.connection();
        let found: Result<Option<i64>, _> = connection
            .prepare_cached("SELECT 1 FROM content WHERE digest = ?1")
            .and_then(|mut select| select.query_row([digest.0], |row| row.get(0)).optional());
        found.map(|found| found.is_some()).map_err(|error| Fault::from(error).of(&self.reading))
    }
}
