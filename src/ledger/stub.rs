//! Stands for the store until it is merged.
use super::{Digest, Record};
use crate::{
    Undecided, policy,
    push::{ObjectId, RefName, Timestamp},
};
use std::path::Path;

pub struct Memory<'a>(pub &'a ());

impl Memory<'_> {
    pub fn received(&self, _: ObjectId) -> Result<Option<Timestamp>, Undecided> {
        Ok(None)
    }
    pub fn standings(&self) -> Result<Vec<(RefName, ObjectId, u64)>, Undecided> {
        Ok(Vec::new())
    }
    pub fn is_satisfied(&self, _: u64, _: &Path, _: &str) -> Result<bool, Undecided> {
        Ok(false)
    }
    pub fn is_certificate_seen(&self, _: Digest) -> Result<bool, Undecided> {
        Ok(false)
    }
}
pub struct Ledger;
pub struct RecordedPush;
pub struct Appended;
impl Ledger {
    pub fn in_force(&self, _: &[u8]) -> Result<Option<(Digest, Digest)>, Undecided> {
        Ok(None)
    }
    pub fn has_content(&self, _: Digest) -> Result<bool, Undecided> {
        Ok(false)
    }
    pub fn content(&self, _: Digest) -> Result<Option<Vec<u8>>, Undecided> {
        Ok(None)
    }
    pub fn record(
        &mut self,
        _: policy::Verdict,
        _: Timestamp,
        _: impl FnOnce(&mut Writing<'_>) -> Result<(), Undecided>,
    ) -> Result<RecordedPush, Undecided> {
        Ok(RecordedPush)
    }
    pub fn append(
        &mut self,
        _: Timestamp,
        _: impl FnOnce(&mut Writing<'_>) -> Result<(), Undecided>,
    ) -> Result<Appended, Undecided> {
        Ok(Appended)
    }
}
pub struct Writing<'a>(pub &'a ());
impl Writing<'_> {
    pub fn record(&mut self, _: &Record) -> Result<u64, Undecided> {
        Ok(0)
    }
    pub fn content(&mut self, _: &[u8]) -> Result<Digest, Undecided> {
        Ok(Digest([0; 32]))
    }
    pub fn next_number(&self) -> u64 {
        0
    }
    pub fn waited(&self) -> u64 {
        0
    }
    pub fn in_force(&self, _: &[u8]) -> Result<Option<(Digest, Digest)>, Undecided> {
        Ok(None)
    }
    pub fn standing(&self, _: &[u8], _: &RefName) -> Result<Option<Option<ObjectId>>, Undecided> {
        Ok(None)
    }
}
