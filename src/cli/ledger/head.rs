//! The last checkpoint of a ledger, where it is good.

use crate::{
    Undecided,
    ledger::{Ledger, checkpoint::Checkpoint, key::VerifierKey, note::Note, tree},
};

/// The signed head of a ledger.
pub(super) struct Head {
    pub(super) note: Note,
    pub(super) checkpoint: Checkpoint,
    /// Which signed it.
    pub(super) key: VerifierKey,
}

/// Reads it. It is signed with the key that the records name, and its root is that of the tree: what is handed out is good,
/// or somebody is told here and not in court.
pub(super) fn head(ledger: &Ledger) -> Result<Head, Undecided> {
    let note = ledger.last_checkpoint()?;
    let keys = ledger.keys()?;
    let opened = Note::parse(&note).map_err(|error| error.to_string()).and_then(|note| {
        let (_, key) = keys.into_iter().next_back().ok_or("no record says which key signs")?;
        let (checkpoint, _) = Checkpoint::open(&note, &key, &[]).map_err(|error| error.to_string())?;
        Ok(Head { note, checkpoint, key })
    });
    let head = opened.map_err(|why| damaged(ledger, &why))?;
    let root = tree::root(head.checkpoint.size(), &mut |level, index| ledger.hash(level, index))?;
    match root == head.checkpoint.root() {
        true => Ok(head),
        false => Err(damaged(ledger, "its tree is not that of its last checkpoint")),
    }
}

/// What is not as it was left.
pub(super) fn damaged(ledger: &Ledger, why: &str) -> Undecided {
    let what = format!("it is damaged: {why}. `countersign ledger verify` says what is");
    Undecided::server(format!("reading the ledger `{}`", ledger.folder().display()), what)
}
