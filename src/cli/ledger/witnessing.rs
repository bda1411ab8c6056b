//! Showing others that the ledger is what they saw, and more; keeping what they say to it.

use super::{files::Files, head::Head};
use crate::{
    Undecided,
    bounds::Bounds,
    ledger::{
        Digest, Ledger,
        key::{Signed, VerifierKey},
        note::Note,
        outside, tree,
        witness::{self, Answer},
    },
    trusted::TrustedFiles,
};
use std::{
    fs,
    path::{Path, PathBuf},
};

/// In the ledger's folder: what witnesses signed, each in a file called after the SHA-256 of its key's name.
pub(super) const WITNESSED: &str = "witnessed";

/// How often a witness may say that it saw another size than was thought: others may publish at the same time.
const ATTEMPTS: usize = 4;

/// What a server said.
pub(super) struct Reply {
    /// HTTP's.
    pub(super) status: u16,
    pub(super) body: Vec<u8>,
}

/// Keeps the checkpoint in a folder; which file has it. In the inner error's words, that the ledger is not the one whose
/// checkpoints are there.
pub(super) fn drop_into(folder: &Path, ledger: &Ledger, head: &Head) -> Result<Result<PathBuf, String>, Undecided> {
    let files = Files::at(folder);
    let name = |size: u64| format!("checkpoint-{size}");
    if let Some(last) = last_size(folder)? {
        let doing = || format!("reading `{}`", folder.join(name(last)).display());
        let former = files.load(&name(last)).map_err(|why| Undecided::server(doing(), why))?;
        let former = outside::read(&former).map_err(|error| Undecided::server(doing(), error))?;
        if let Err(why) = consistent(ledger, head, &former)? {
            return Ok(Err(format!("`{}`: {why}", folder.join(name(last)).display())));
        }
    }
    let name = name(head.checkpoint.size());
    if !files.has(&name) {
        files.put(&name, head.note.to_string().as_bytes())?;
    }
    Ok(Ok(folder.join(name)))
}

/// The size of the largest tree of which the folder has a checkpoint.
fn last_size(folder: &Path) -> Result<Option<u64>, Undecided> {
    let failed = |error| Undecided::server(format!("reading `{}`", folder.display()), error);
    if !folder.exists() {
        return Ok(None);
    }
    let mut last = None;
    for entry in fs::read_dir(folder).map_err(failed)? {
        let name = entry.map_err(failed)?.file_name();
        let size = name.to_str().and_then(|name| name.strip_prefix("checkpoint-")?.parse().ok());
        last = last.max(size);
    }
    Ok(last)
}

/// Why the ledger is not what these were made of.
fn consistent(
    ledger: &Ledger,
    head: &Head,
    former: &[outside::OutsideCheckpoint],
) -> Result<Result<(), String>, Undecided> {
    let keys: Vec<_> = ledger.keys()?.into_iter().map(|(_, key)| key).collect();
    let now = (head.checkpoint.size(), head.checkpoint.root());
    let mut read = |level, index| ledger.hash(level, index);
    let checked = former.iter().try_for_each(|former| former.check(now, &keys, &mut read));
    Ok(checked.map_err(|why| why.to_string()))
}

/// Has a witness sign the checkpoint, and keeps that; a sentence about it. `post` sends a body to it, and gives the
/// answer. In the inner error's words, that it saw another ledger.
pub(super) fn cosign(
    trusted: &TrustedFiles,
    ledger: &Ledger,
    head: &Head,
    key: &VerifierKey,
    post: &dyn Fn(&str) -> Result<Reply, Undecided>,
) -> Result<Result<String, String>, Undecided> {
    let folder = trusted.make_own_folder(&ledger.folder().join(WITNESSED))?;
    let file = Digest::of(key.name().as_bytes()).to_string().replacen("sha256:", "", 1);
    let asking = || format!("asking the witness {}", key.name());
    let mut old_size = kept(&folder.path().join(&file))?;
    let size = head.checkpoint.size();
    for _ in 0..ATTEMPTS {
        let proof = tree::consistency(old_size, size, &mut |level, index| ledger.hash(level, index))?;
        let Some(proof) = proof else {
            let why = "records were taken away, or an older copy was put back";
            return Ok(Err(format!("the witness {} saw {old_size} records, and there are {size}: {why}", key.name())));
        };
        let Reply { status, body } = post(&witness::request(old_size, &proof, &head.note))?;
        let answer = witness::answer(status, &body, &head.note, std::slice::from_ref(key));
        match answer.map_err(|error| Undecided::server(asking(), error))? {
            Answer::Cosigned { checkpoint, signed } => {
                let unfinished = format!("{file}.new");
                folder.write(&unfinished, checkpoint.to_string().as_bytes(), false)?;
                folder.rename(&unfinished, &file)?;
                return Ok(Ok(sentence(key, &signed)));
            }
            Answer::Behind { size: seen } if seen != old_size => old_size = seen,
            // The specification: 409 where a tree of the same size has another root, 422 where the proof does not hold.
            Answer::Behind { .. } | Answer::Refused { status: 409 | 422 } => {
                return Ok(Err(format!(
                    "the witness {} saw other records than these: they were rewritten (status {status})",
                    key.name()
                )));
            }
            Answer::Refused { status } => return Err(Undecided::server(asking(), refusal(status))),
        }
    }
    Err(Undecided::server(asking(), "each time it has seen another checkpoint meanwhile: try again"))
}

/// The size of the checkpoint that a witness signed last, as far as is kept here; 0 if nothing is. Only a guess at what it saw.
fn kept(file: &Path) -> Result<u64, Undecided> {
    if !file.exists() {
        return Ok(0);
    }
    let failed = |error| Undecided::server(format!("reading `{}`", file.display()), error);
    let bytes = fs::read(file).map_err(failed)?;
    let known = Note::parse(&bytes).is_ok() && bytes.len() <= Bounds::NOTE;
    let read = outside::read(&bytes).ok().filter(|_| known);
    Ok(read.and_then(|read| read.first().map(|checkpoint| checkpoint.size)).unwrap_or_default())
}

fn sentence(key: &VerifierKey, signed: &[Signed]) -> String {
    let time = signed.iter().find_map(Signed::time).and_then(|time| jiff::Timestamp::from_second(time).ok());
    let time = time.map_or_else(String::new, |time| format!(" at {time}"));
    format!("signed by the witness {}{time}", key.name())
}

fn refusal(status: u16) -> String {
    let what = match status {
        400 => "it does not understand the request",
        403 => "it does not know the key that signs the ledger: have it told `key.pub`",
        404 => "it does not know this ledger: have it told `key.pub`, and look at the address",
        _ => "it does not sign",
    };
    format!("{what} (status {status})")
}
