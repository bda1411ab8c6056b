//! `ledger export`: the ledger as files that public tools read.

use super::{
    Place,
    files::Files,
    head::{self, Head},
};
use crate::{
    Undecided,
    cli::{Common, Form, Outcome, kept, output::Output, output::tell, progress::Progress},
    ledger::{
        Digest, Entry, Ledger, Unreadable,
        checkpoint::Checkpoint,
        export::{CHECKPOINT, content, rotation},
        files_of, outside,
        tiles::{self, Holds, Tile, WIDTH},
    },
    report::{SCHEMA, escaped},
};
use clap::Args;
use serde_json::json;
use std::path::PathBuf;

/// Writes the ledger as files: its checkpoint and tiles (c2sp.org/tlog-tiles), and beside these what records name by their
/// SHA-256, in `content/`.
///
/// The files are the same whenever they are written. Into a folder that has an earlier export only what is missing is
/// written. A web server can give them out: tools of others read them. `ledger verify --export DIR` checks them.
///
/// Exit status 1 if the export that is there is of other records: then nothing is written.
#[derive(Args, Debug)]
pub(in crate::cli) struct Arguments {
    /// The folder, made if it is not there
    #[arg(value_name = "DIR")]
    folder: PathBuf,
    #[command(flatten)]
    place: Place,
}

pub(super) fn run(common: &Common, arguments: &Arguments, output: &mut Output) -> Result<Outcome, Undecided> {
    let ledger = kept::to_ask(common, arguments.place.ledger.as_deref())?;
    let export = Export { ledger: &ledger, files: Files::at(&arguments.folder) };
    let Head { note, checkpoint, .. } = head::head(&ledger)?;
    if let Err(why) = export.continues(&checkpoint)? {
        tell(&(escaped(&format!("error: `{}`: {why}", arguments.folder.display())) + "\n"));
        return Ok(Outcome::NotGood);
    }
    let written = export.write(note.to_string().as_bytes(), checkpoint.size())?;
    let folder = arguments.folder.to_string_lossy();
    match common.format {
        Form::Json => output.line(
            &json!({ "schema": SCHEMA, "folder": folder, "records": checkpoint.size(), "written": written })
                .to_string(),
        )?,
        Form::Human | Form::Porcelain | Form::Csv | Form::Html | Form::Prometheus => {
            output.line(&escaped(&format!("{folder}: {} records, {written} files written", checkpoint.size())))?;
        }
    }
    Ok(Outcome::Good)
}

struct Export<'a> {
    ledger: &'a Ledger,
    files: Files,
}

impl Export<'_> {
    /// Whether the records begin with those of the export that is there, if one is; why not.
    fn continues(&self, checkpoint: &Checkpoint) -> Result<Result<(), String>, Undecided> {
        if !self.files.has(CHECKPOINT) {
            return Ok(Ok(()));
        }
        let former =
            self.files.load(CHECKPOINT).and_then(|note| outside::read(&note).map_err(|error| error.to_string()));
        let former = former.map_err(|why| {
            Undecided::server(format!("reading `{}`", self.files.path().join(CHECKPOINT).display()), why)
        })?;
        let keys: Vec<_> = self.ledger.keys()?.into_iter().map(|(_, key)| key).collect();
        let now = (checkpoint.size(), checkpoint.root());
        let mut read = |level, index| self.ledger.hash(level, index);
        let checked = former.iter().try_for_each(|former| former.check(now, &keys, &mut read));
        Ok(checked.map_err(|why| format!("the export that is there is not of this ledger: {why}")))
    }

    /// Writes what is missing, the checkpoint last; how many files. What records name is there before them.
    fn write(&self, note: &[u8], size: u64) -> Result<u64, Undecided> {
        let mut writing =
            Writing { files: &self.files, progress: Progress::counting("exporting", "files"), written: 0 };
        for tile in tiles::tiles(size) {
            if tile.holds == Holds::Entries {
                self.contents(tile, &mut writing)?;
            }
            writing.put(&tile.to_string(), &|| self.tile(tile))?;
        }
        for (number, _) in self.ledger.keys()?.into_iter().filter(|(number, _)| (1..size).contains(number)) {
            writing.put(&rotation(number), &|| {
                let note = self.ledger.checkpoint_over(number)?;
                note.ok_or_else(|| head::damaged(self.ledger, &format!("no checkpoint covers record {number}")))
            })?;
        }
        if self.files.load(CHECKPOINT).ok().as_deref() != Some(note) {
            self.files.put(CHECKPOINT, note)?;
            writing.written = writing.written.saturating_add(1);
        }
        self.tidy(size)?;
        writing.progress.finish();
        Ok(writing.written)
    }

    /// What the records of a bundle name.
    fn contents(&self, bundle: Tile, writing: &mut Writing<'_>) -> Result<(), Undecided> {
        for number in bundle.numbers() {
            let damaged = |why: String| head::damaged(self.ledger, &format!("record {number}: {why}"));
            let entry = Entry::read(&self.body(number)?).map_err(|error| damaged(error.to_string()))?;
            let kept = |digest: Digest| {
                let gone = || damaged(format!("it names a content that is gone: {digest}"));
                self.ledger.content(digest)?.ok_or_else(gone)
            };
            let unreadable = |error: Unreadable| damaged(error.to_string());
            let mut digests = entry.digests().map_err(unreadable)?;
            if let Some(list) = entry.new_registry().map_err(unreadable)? {
                digests.extend(files_of(&kept(list)?).into_iter().map(|(file, _)| file));
            }
            for digest in digests {
                writing.put(&content(digest), &|| kept(digest))?;
            }
        }
        Ok(())
    }

    fn tile(&self, tile: Tile) -> Result<Vec<u8>, Undecided> {
        match tile.holds {
            Holds::Hashes { .. } => tiles::hash_tile(tile, &mut |level, index| self.ledger.hash(level, index)),
            Holds::Entries => {
                let mut bundle = Vec::new();
                for number in tile.numbers() {
                    tiles::append_entry(&mut bundle, &self.body(number)?)
                        .map_err(|error| head::damaged(self.ledger, &format!("record {number}: {error}")))?;
                }
                Ok(bundle)
            }
        }
    }

    fn body(&self, number: u64) -> Result<Vec<u8>, Undecided> {
        self.ledger.body(number)?.ok_or_else(|| head::damaged(self.ledger, &format!("record {number} is gone")))
    }

    /// Removes partial tiles that smaller trees had. They are all in the last place of their level, or have been completed.
    fn tidy(&self, size: u64) -> Result<(), Undecided> {
        for tile in tiles::tiles(size) {
            let name = tile.to_string();
            let whole = Tile { width: WIDTH, ..tile }.to_string();
            let kept = (tile.width < WIDTH).then_some(name.as_str());
            self.files.remove_partial(&format!("{whole}.p"), kept)?;
        }
        Ok(())
    }
}

/// The files that are being written.
struct Writing<'a> {
    files: &'a Files,
    progress: Progress,
    written: u64,
}

impl Writing<'_> {
    /// Puts a file there, if it is missing: what is there was put there whole, and never changes.
    fn put(&mut self, name: &str, bytes: &dyn Fn() -> Result<Vec<u8>, Undecided>) -> Result<(), Undecided> {
        self.progress.step();
        if self.files.has(name) {
            return Ok(());
        }
        self.written = self.written.saturating_add(1);
        self.files.put(name, &bytes()?)
    }
}
