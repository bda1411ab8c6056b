//! What a Git server asks of the lines that it is to show.

use crate::policy::{Policy, Server};

/// How lines are to begin.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Dialect {
    /// As they are.
    Plain,
    /// GitLab's web interface shows only lines that begin so.
    Gitlab,
}

impl Dialect {
    /// What the server of these policies asks for.
    pub fn of<'p>(policies: impl IntoIterator<Item = &'p Policy>) -> Self {
        match policies.into_iter().any(|policy| policy.server == Some(Server::Gitlab)) {
            true => Self::Gitlab,
            false => Self::Plain,
        }
    }

    /// A text of whole lines in this dialect.
    pub fn spoken(self, text: &str) -> String {
        match self {
            Self::Plain => text.to_owned(),
            Self::Gitlab => text.split_inclusive('\n').map(|line| format!("GL-HOOK-ERR: {line}")).collect(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_line_of_gitlabs_begins_alike() {
        assert_eq!(
            Dialect::Gitlab.spoken("error: a\n\n  b\n"),
            "GL-HOOK-ERR: error: a\nGL-HOOK-ERR: \nGL-HOOK-ERR:   b\n"
        );
        assert_eq!(Dialect::Gitlab.spoken(""), "");
        assert_eq!(Dialect::Plain.spoken("error: a\n"), "error: a\n");
    }
}
