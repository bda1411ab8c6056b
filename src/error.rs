//! What could not be found out, and the one place where a result becomes an exit status.

use std::{error::Error, fmt};

/// Who has to act so that the next try can be decided.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Mends {
    /// Whoever runs the server.
    Administrator,
    /// Whoever pushed.
    Pusher,
}

/// What could not be found out. Always refuses the push (exit status 3); never made from a bad signature, which is data.
#[derive(Debug)]
pub struct Undecided {
    /// What was being done, to be read after "could not decide: while …" (`reading the policy`).
    pub doing: String,
    /// What went wrong.
    pub cause: Box<dyn Error + Send + Sync>,
    /// Who has to act.
    pub mends: Mends,
}

impl Undecided {
    /// A fault of the server's: its administrator has to act.
    pub fn server(doing: impl Into<String>, cause: impl Into<Box<dyn Error + Send + Sync>>) -> Self {
        Self { doing: doing.into(), cause: cause.into(), mends: Mends::Administrator }
    }

    /// A fault of what arrived: whoever pushed has to act.
    pub fn pusher(doing: impl Into<String>, cause: impl Into<Box<dyn Error + Send + Sync>>) -> Self {
        Self { doing: doing.into(), cause: cause.into(), mends: Mends::Pusher }
    }
}

impl fmt::Display for Undecided {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {}", self.doing, self.cause)
    }
}

impl Error for Undecided {
    fn source(&self) -> Option<&(dyn Error + 'static)> {
        Some(&*self.cause)
    }
}
