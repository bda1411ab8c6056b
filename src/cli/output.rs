//! Writing, without a panic where nobody reads any more.

use crate::error::Undecided;
use std::io::{self, BufWriter, IsTerminal, Write};

/// Standard output, buffered.
pub(super) struct Output {
    to: BufWriter<io::Stdout>,
    /// Whether results may be coloured: a terminal, and `NO_COLOR` is not set.
    pub(super) coloured: bool,
}

impl Output {
    pub(super) fn standard() -> Self {
        let to = io::stdout();
        let coloured = to.is_terminal() && std::env::var_os("NO_COLOR").is_none_or(|value| value.is_empty());
        Self { to: BufWriter::new(to), coloured }
    }

    pub(super) fn write(&mut self, text: &str) -> Result<(), Undecided> {
        self.bytes(text.as_bytes())
    }

    /// What is printed as it is, such as what a file held.
    pub(super) fn bytes(&mut self, bytes: &[u8]) -> Result<(), Undecided> {
        self.to.write_all(bytes).map_err(closed)
    }

    pub(super) fn line(&mut self, text: &str) -> Result<(), Undecided> {
        self.write(text)?;
        self.write("\n")
    }

    pub(super) fn flush(&mut self) -> Result<(), Undecided> {
        self.to.flush().map_err(closed)
    }

    pub(super) fn finish(mut self) -> Result<(), Undecided> {
        self.flush()
    }
}

/// Tells whoever waits at the other end; false where nobody does.
pub(super) fn tell(text: &str) -> bool {
    let mut stderr = io::stderr().lock();
    stderr.write_all(text.as_bytes()).and_then(|()| stderr.flush()).is_ok()
}

/// Whether who sits at the terminal says yes; nobody does where there is none.
pub(super) fn agreed(question: &str) -> bool {
    if !io::stdin().is_terminal() {
        return false;
    }
    tell(&format!("{question}? [y/N] "));
    let mut answer = String::new();
    io::stdin().read_line(&mut answer).is_ok() && matches!(answer.trim(), "y" | "Y" | "yes")
}

fn closed(error: io::Error) -> Undecided {
    Undecided::server("writing the result", error)
}
