//! Starts the developer's own git, which knows their configuration, their keys and how to reach the remote. No other file
//! starts a program, and no hook comes here.

use crate::{Undecided, bounds::Bounds, push::ObjectId};
use std::{
    ffi::OsStr,
    io::{self, BufRead, BufReader, Read, Write},
    path::{Path, PathBuf},
    process::{self, Stdio},
    thread,
};

/// What one command may print where all of it is read: the refs of a remote with a million of them take a third.
const LONGEST_OUTPUT: u64 = 256 * 1024 * 1024;

/// Words of a command line.
pub(super) type Words<'a> = &'a [&'a dyn AsRef<OsStr>];

/// The developer's git, in one repository.
pub(super) struct Git {
    /// `None`: the working directory's, or that of `GIT_DIR`.
    folder: Option<PathBuf>,
}

impl Git {
    /// In the repository that is named, else where git finds one.
    ///
    /// # Errors
    /// There is none, or no git.
    pub(super) fn here(folder: Option<&Path>) -> Result<Self, Undecided> {
        let git = Self { folder: folder.map(Path::to_owned) };
        match git.asked(&[&"rev-parse", &"--git-dir"])? {
            Some(_) => Ok(git),
            None => Err(Undecided::server("looking for the repository", "git finds none here; name one with --repo")),
        }
    }

    /// Objects are what their bytes say: replacement refs are left out (git-replace(1)).
    fn command(&self, words: Words<'_>) -> process::Command {
        let mut command = process::Command::new("git");
        if let Some(folder) = &self.folder {
            for variable in ["GIT_DIR", "GIT_WORK_TREE", "GIT_COMMON_DIR", "GIT_OBJECT_DIRECTORY", "GIT_INDEX_FILE"] {
                command.env_remove(variable);
            }
            command.arg("-C").arg(folder);
        }
        command.env("GIT_NO_REPLACE_OBJECTS", "1").args(words.iter().map(AsRef::as_ref));
        command
    }

    /// What it prints, without the last newline; `None` if it fails, of which nobody is told.
    pub(super) fn asked(&self, words: Words<'_>) -> Result<Option<Vec<u8>>, Undecided> {
        let mut command = self.command(words);
        let output = command.stdin(Stdio::null()).output().map_err(not_started)?;
        let text = output.stdout.strip_suffix(b"\n").unwrap_or(&output.stdout).to_vec();
        Ok(output.status.success().then_some(text))
    }

    /// What it prints where it must succeed; why it does not, it says itself.
    pub(super) fn answer(&self, words: Words<'_>) -> Result<Vec<u8>, Undecided> {
        let mut command = self.command(words);
        let output = command.stdin(Stdio::null()).stderr(Stdio::inherit()).output().map_err(not_started)?;
        match output.status.success() {
            true => Ok(output.stdout.strip_suffix(b"\n").unwrap_or(&output.stdout).to_vec()),
            false => Err(failed(words)),
        }
    }

    /// A number that it prints.
    pub(super) fn number(&self, words: Words<'_>) -> Result<u64, Undecided> {
        let text = self.answer(words)?;
        let number = std::str::from_utf8(&text).ok().and_then(|text| text.parse().ok());
        number.ok_or_else(|| unexpected(words))
    }

    /// An id that it prints; `None` if it fails, of which nobody is told.
    pub(super) fn id(&self, words: Words<'_>) -> Result<Option<ObjectId>, Undecided> {
        let Some(text) = self.asked(words)? else { return Ok(None) };
        ObjectId::from_hex(&text).map(Some).ok_or_else(|| unexpected(words))
    }

    /// Lets it work at the terminal with this on its standard input, or with the terminal's. Whether it succeeded; what it
    /// says goes where errors go, as it stands.
    pub(super) fn done(&self, words: Words<'_>, input: Option<&[u8]>) -> Result<bool, Undecided> {
        let mut command = self.command(words);
        // What programs read of this command is on standard output.
        command.stdout(io::stderr());
        let Some(input) = input else { return Ok(command.status().map_err(not_started)?.success()) };
        let mut child = command.stdin(Stdio::piped()).spawn().map_err(not_started)?;
        if let Some(mut pipe) = child.stdin.take() {
            // One that does not read it all says why, and fails.
            let _ = pipe.write_all(input);
        }
        Ok(child.wait().map_err(not_started)?.success())
    }

    /// Every record that it prints, without the byte that ends it.
    pub(super) fn records(
        &self,
        words: Words<'_>,
        end: u8,
        each: &mut dyn FnMut(&[u8]) -> Option<()>,
    ) -> Result<(), Undecided> {
        let mut command = self.command(words);
        let mut child = command.stdin(Stdio::null()).stdout(Stdio::piped()).spawn().map_err(not_started)?;
        let read = child.stdout.take().map_or(Ok(()), |pipe| {
            let mut reader = BufReader::new(pipe.take(LONGEST_OUTPUT));
            let mut record = Vec::new();
            while reader.read_until(end, &mut record).map_err(|error| Undecided::server("reading from git", error))? > 0
            {
                // The last one is not whole where the bound has cut it.
                let whole = record.strip_suffix(&[end]).and_then(&mut *each);
                whole.ok_or_else(|| unexpected(words))?;
                record.clear();
            }
            match reader.get_ref().limit() {
                0 => Err(Undecided::server("reading from git", "it prints more than is read")),
                _ => Ok(()),
            }
        });
        if read.is_err() {
            // It is of no use any more, whether it is there or not.
            let _ = child.kill();
        }
        let status = child.wait().map_err(not_started)?;
        read?;
        if status.success() { Ok(()) } else { Err(failed(words)) }
    }

    /// The bytes of these commits, each in turn; `None` for one that is larger than what is read.
    pub(super) fn commits(
        &self,
        ids: &[ObjectId],
        each: &mut dyn FnMut(ObjectId, Option<&[u8]>),
    ) -> Result<(), Undecided> {
        let words: Words<'_> = &[&"cat-file", &"--batch"];
        let mut child =
            self.command(words).stdin(Stdio::piped()).stdout(Stdio::piped()).spawn().map_err(not_started)?;
        let (Some(mut input), Some(output)) = (child.stdin.take(), child.stdout.take()) else {
            return Err(unexpected(words));
        };
        let read = thread::scope(|scope| {
            // It answers while it is asked. One that ends early has left its reason in what it printed.
            scope.spawn(move || ids.iter().try_for_each(|id| writeln!(input, "{id}")));
            let mut reader = BufReader::new(output);
            ids.iter().try_for_each(|&id| read_commit(&mut reader, id, each).map_err(|_| unexpected(words)))
        });
        child.wait().map_err(not_started)?;
        read
    }
}

/// `<id> commit <size>`, a newline, the bytes, a newline (git-cat-file(1), "Batch output").
fn read_commit(
    reader: &mut impl BufRead,
    id: ObjectId,
    each: &mut dyn FnMut(ObjectId, Option<&[u8]>),
) -> io::Result<()> {
    let mut head = String::new();
    reader.read_line(&mut head)?;
    let size = head.trim_end().strip_prefix(&format!("{id} commit ")).and_then(|size| size.parse::<u64>().ok());
    let size = size.ok_or(io::ErrorKind::InvalidData)?;
    let mut body = reader.take(size.saturating_add(1));
    if size > Bounds::OBJECT {
        io::copy(&mut body, &mut io::sink())?;
        each(id, None);
        return Ok(());
    }
    let mut bytes = Vec::new();
    body.read_to_end(&mut bytes)?;
    each(id, Some(bytes.strip_suffix(b"\n").ok_or(io::ErrorKind::UnexpectedEof)?));
    Ok(())
}

fn not_started(error: io::Error) -> Undecided {
    Undecided::server("starting git", error)
}

fn failed(words: Words<'_>) -> Undecided {
    Undecided::server(running(words), "it failed, and says above why")
}

fn unexpected(words: Words<'_>) -> Undecided {
    Undecided::server(running(words), "it answers as no known git does")
}

fn running(words: Words<'_>) -> String {
    let command = words.first().map(|word| word.as_ref().to_string_lossy()).unwrap_or_default();
    format!("running `git {command}`")
}
