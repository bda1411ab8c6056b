//! When objects were received, as far as that counts for their signatures.

use crate::{
    Undecided,
    ledger::{self, Digest, Memory, RecordId},
    push::{ObjectId, Timestamp},
    signature::{Certificates, Evidence, Fingerprint, Signature, openpgp::SignedBy},
};
use std::{
    collections::HashMap,
    sync::{Mutex, PoisonError},
};

/// Receipts of one repository, for the registry of one policy.
pub struct Receipts<'a> {
    memory: &'a Memory<'a>,
    /// The path of the policy.
    policy: &'a [u8],
    /// The records since which keys were known to be revoked for good.
    heard: Mutex<HashMap<Fingerprint, Option<RecordId>>>,
}

impl<'a> Receipts<'a> {
    /// Reads nothing yet.
    pub fn new(memory: &'a Memory<'a>, policy: &'a [u8]) -> Self {
        Self { memory, policy, heard: Mutex::default() }
    }

    /// When the first of these objects was received, if that counts for a signature that came with each.
    ///
    /// Of a key that is revoked for good, all that is not yet received is void: what came after the server had heard of the
    /// revocation was not. Else whoever has the key had only to push to a branch that no rule covers first.
    ///
    /// # Errors
    /// The ledger's.
    pub fn of(&self, objects: &[ObjectId], signature: &Signature) -> Result<Option<Timestamp>, Undecided> {
        let Some((record, moment)) = self.memory.first_receipt(objects)? else { return Ok(None) };
        if let Signature::Verified(proof) = signature
            && let Evidence::OpenPgp(signed_by) = proof.evidence()
            && signed_by.by_each_certificate().any(|each| each.is_revoked_for_good())
            && self.heard_since(signed_by)?.is_some_and(|heard| heard < record)
        {
            return Ok(None);
        }
        Ok(Some(moment))
    }

    /// The record since which the registries in force all had the revocation; `None`: the last one had it not.
    fn heard_since(&self, signed_by: &SignedBy) -> Result<Option<RecordId>, Undecided> {
        let key = signed_by.signing_key();
        let mut heard = self.heard.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(&since) = heard.get(&key) {
            return Ok(since);
        }
        let mut since = None;
        for (record, registry) in self.memory.registries(self.policy)? {
            if !self.had_revocation(registry, signed_by)? {
                break;
            }
            since = Some(record);
        }
        heard.insert(key, since);
        Ok(since)
    }

    fn had_revocation(&self, registry: Digest, signed_by: &SignedBy) -> Result<bool, Undecided> {
        let mut certificates = Certificates::default();
        let files = ledger::files_of(&self.content(registry)?).into_iter();
        for (file, _) in files.filter(|(_, name)| name.starts_with("openpgp/")) {
            // It was read once; whether it had the revocation, nobody can tell.
            if certificates.add_file(&self.content(file)?).is_err() {
                return Ok(true);
            }
        }
        Ok(signed_by.is_revoked_for_good_in(&certificates))
    }

    fn content(&self, digest: Digest) -> Result<Vec<u8>, Undecided> {
        let missing = || Undecided::server("reading a registry that was in force", format!("{digest} is missing"));
        self.memory.content(digest)?.ok_or_else(missing)
    }
}
