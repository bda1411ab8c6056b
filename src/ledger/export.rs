//! The ledger as a folder of files that public tools and auditors read: c2sp.org/tlog-tiles, and beside the tiles what records
//! name by digest. What the files are called, and whether they are whole. Pure.

use super::{
    checkpoint::Checkpoint,
    entry::Entry,
    key::VerifierKey,
    note::Note,
    record::Digest,
    registries::files_of,
    tiles::{self, Holds, Tile, TileError},
    tree::{self, Hash},
};
use std::{collections::BTreeSet, fmt};

/// The file that holds the signed checkpoint.
pub const CHECKPOINT: &str = "checkpoint";

/// The file that holds a content: `content/` and its SHA-256 in hexadecimal.
pub fn content(digest: Digest) -> String {
    digest.to_string().replacen("sha256:", "content/", 1)
}

/// The file that holds the first checkpoint which covers record `number`, that names a new key: both keys signed it.
pub fn rotation(number: u64) -> String {
    format!("rotation/{number}")
}

/// A file that is not as it was written.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Fault {
    /// Which.
    pub name: String,
    /// What is wrong with it.
    pub what: String,
}

/// What an export holds that was found whole.
#[derive(Clone, Debug)]
pub struct Exported {
    /// The key that signed its checkpoint.
    pub key: VerifierKey,
    /// All keys that signed the ledger, the first first, each with the number of the record that names it.
    pub keys: Vec<(u64, VerifierKey)>,
    /// The root hash.
    pub root: Hash,
    leaves: Vec<Hash>,
}

impl Exported {
    /// How many records there are.
    pub fn size(&self) -> u64 {
        u64::try_from(self.leaves.len()).unwrap_or(u64::MAX)
    }

    /// A complete node of the tree; `None` if it is not complete.
    pub fn hash(&self, level: u32, index: u64) -> Option<Hash> {
        let first = usize::try_from(index.checked_shl(level)?).ok()?;
        self.leaves.get(first..)?.get(..1_usize.checked_shl(level)?).map(tiles::subtree)
    }

    fn root_of(&self, size: u64) -> Option<Hash> {
        let mut read = |level, index| self.hash(level, index).ok_or(());
        tree::root(size, &mut read).ok()
    }
}

/// Reads all files of an export, which `load` gives by their names: every record, every hash, every content, and the
/// signatures of each key in turn, one of which is `held`, that the reader has from elsewhere. What is not as it was written
/// is told to `found`. `None` if so much is wrong that there is nothing to compare.
pub fn check(
    held: &VerifierKey,
    load: &mut dyn FnMut(&str) -> Result<Vec<u8>, String>,
    found: &mut dyn FnMut(Fault),
) -> Option<Exported> {
    match read(load) {
        Ok(Loaded { exported, contents, note }) => {
            signatures(&exported, &note, held, load).unwrap_or_else(&mut *found);
            for digest in contents.into_iter().map(Digest) {
                content_of(digest, load).unwrap_or_else(&mut *found);
            }
            Some(exported)
        }
        Err(fault) => {
            found(fault);
            None
        }
    }
}

/// The records of an export, in turn, and what they name; to be read after [`check`] has found nothing.
///
/// # Errors
/// A file that is not there any more, or not as it was; those of `each`.
pub fn records<E: From<Fault>>(
    size: u64,
    load: &mut dyn FnMut(&str) -> Result<Vec<u8>, String>,
    each: &mut dyn FnMut(&[u8]) -> Result<(), E>,
) -> Result<(), E> {
    for tile in tiles::tiles(size).take_while(|tile| tile.holds == Holds::Entries) {
        let name = tile.to_string();
        let bundle = load(&name).map_err(|what| fault(&name, what))?;
        for body in tiles::read_entries(&bundle, tile.width).map_err(|error| fault(&name, error))? {
            each(body)?;
        }
    }
    Ok(())
}

/// What was read before the signatures and the contents are looked at.
struct Loaded {
    exported: Exported,
    contents: BTreeSet<[u8; 32]>,
    note: Note,
}

fn read(load: &mut dyn FnMut(&str) -> Result<Vec<u8>, String>) -> Result<Loaded, Fault> {
    let note = loaded(CHECKPOINT, load)?;
    let note = Note::parse(&note).map_err(|error| fault(CHECKPOINT, error))?;
    let head = Checkpoint::parse(note.unverified_text()).ok_or_else(|| fault(CHECKPOINT, "it is no checkpoint"))?;
    let (mut leaves, mut keys, mut contents) = (Vec::new(), Vec::new(), BTreeSet::new());
    let mut registries = BTreeSet::new();
    let (mut name, mut is_closed) = (String::new(), false);
    let checked = tiles::check(head.size(), head.root(), &mut |tile: Tile| {
        name = tile.to_string();
        let bytes = loaded(&name, load)?;
        if tile.holds == Holds::Entries {
            for body in tiles::read_entries(&bytes, tile.width).map_err(|error| fault(&name, error))? {
                let number = u64::try_from(leaves.len()).unwrap_or(u64::MAX);
                let entry = entry(number, body).map_err(|what| fault(&name, format!("record {number}: {what}")))?;
                if is_closed {
                    let what = "it comes after the one that closed the ledger";
                    return Err(fault(&name, format!("record {number}: {what}")));
                }
                is_closed = entry.closes;
                leaves.push(Hash::leaf(body));
                keys.extend(entry.key.map(|key| (number, key)));
                contents.extend(entry.digests.into_iter().map(|digest| digest.0));
                registries.extend(entry.new_registry);
            }
        }
        Ok(bytes)
    });
    checked.map_err(|fault: Fault| match fault.name.is_empty() {
        true => Fault { name, ..fault },
        false => fault,
    })?;
    for list in registries {
        let files = files_of(&loaded(&content(list), load)?);
        contents.extend(files.into_iter().map(|(file, _)| file.0));
    }
    let Some((_, key)) = keys.last().cloned() else { return Err(fault(CHECKPOINT, "no record says which key signs")) };
    Ok(Loaded { exported: Exported { key, keys, root: head.root(), leaves }, contents, note })
}

/// What of a record counts here.
struct Said {
    key: Option<VerifierKey>,
    digests: Vec<Digest>,
    new_registry: Option<Digest>,
    closes: bool,
}

fn entry(number: u64, body: &[u8]) -> Result<Said, String> {
    let entry = Entry::read(body).map_err(|error| error.to_string())?;
    if entry.number() != number {
        return Err("it says that it has another number".into());
    }
    if (entry.kind() == "opened") != (number == 0) {
        return Err("the first record, and no other, says how the ledger began".into());
    }
    let key = match entry.kind() {
        "opened" | "rotated" => {
            let text = entry.text("key").map_err(|error| error.to_string())?;
            Some(VerifierKey::parse(text).map_err(|error| format!("its `key`: {error}"))?)
        }
        _ => None,
    };
    let digests = entry.digests().map_err(|error| error.to_string())?;
    let new_registry = entry.new_registry().map_err(|error| error.to_string())?;
    Ok(Said { key, digests, new_registry, closes: entry.kind() == "closed" })
}

/// From key to key: each new one is named by a record that the one before it signed for.
fn signatures(
    exported: &Exported,
    note: &Note,
    held: &VerifierKey,
    load: &mut dyn FnMut(&str) -> Result<Vec<u8>, String>,
) -> Result<(), Fault> {
    if exported.keys.iter().all(|(_, key)| key != held) {
        return Err(fault(CHECKPOINT, format!("the ledger was never signed with {held}")));
    }
    let whole = |name: &str, note: &Note, key: &VerifierKey| {
        let (checkpoint, _) = Checkpoint::open(note, key, &[]).map_err(|error| fault(name, error))?;
        match exported.root_of(checkpoint.size()) == Some(checkpoint.root()) {
            true => Ok(checkpoint.size()),
            false => Err(fault(name, "its root hash is not that of the records")),
        }
    };
    for pair in exported.keys.windows(2) {
        let [(_, former), (number, key)] = pair else { continue };
        let name = rotation(*number);
        let note = Note::parse(&loaded(&name, load)?).map_err(|error| fault(&name, error))?;
        if whole(&name, &note, former)?.min(whole(&name, &note, key)?) <= *number {
            return Err(fault(&name, format!("it does not cover record {number}")));
        }
    }
    whole(CHECKPOINT, note, &exported.key).map(|_| ())
}

fn content_of(digest: Digest, load: &mut dyn FnMut(&str) -> Result<Vec<u8>, String>) -> Result<(), Fault> {
    let name = content(digest);
    match Digest::of(&loaded(&name, load)?) == digest {
        true => Ok(()),
        false => Err(fault(&name, "its SHA-256 is another")),
    }
}

fn loaded(name: &str, load: &mut dyn FnMut(&str) -> Result<Vec<u8>, String>) -> Result<Vec<u8>, Fault> {
    load(name).map_err(|what| fault(name, what))
}

fn fault(name: &str, what: impl ToString) -> Fault {
    Fault { name: name.to_owned(), what: what.to_string() }
}

impl From<TileError> for Fault {
    fn from(error: TileError) -> Self {
        match error {
            TileError::OtherHash(tile) => fault(&tile.to_string(), "its hashes are not those of what is below it"),
            TileError::OtherRoot => fault(CHECKPOINT, "its root hash is not that of the tiles"),
            TileError::Length | TileError::EntryTooLong => fault("", error),
        }
    }
}

impl fmt::Display for Fault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {}", self.name, self.what)
    }
}
