//! What git's configuration says when it serves a repository: that of the machine, of its owner, and its own.

use super::Account;
use crate::Undecided;
use std::{collections::HashMap, ffi::OsStr, path::Path};

/// Every setting that holds in a repository, by its name as git prints it: section and key in lower case.
#[derive(Clone, Debug, Default)]
pub(in crate::cli) struct Settings(HashMap<Vec<u8>, Option<Vec<u8>>>);

impl Settings {
    /// Asks git, as the owner. `None`: git cannot read them, and serves this repository to nobody.
    ///
    /// # Errors
    /// There is no git.
    pub(in crate::cli) fn of(repository: &Path, owner: &Account) -> Result<Option<Self>, Undecided> {
        let told = owner.answer(OsStr::new("git"), |git| {
            git.env("GIT_DIR", repository).args(["config", "--list", "-z"]);
        })?;
        Ok(told.ok().map(|listed| Self::parse(&listed)))
    }

    /// What `git config --list -z` prints.
    pub(in crate::cli) fn parse(listed: &[u8]) -> Self {
        // git-config(1), `-z`: a name, a newline and its value, or a name alone; each ends with a NUL.
        let read = |entry: &[u8]| match entry.iter().position(|byte| *byte == b'\n') {
            Some(at) => {
                (entry.get(..at).unwrap_or_default().to_vec(), entry.get(at.saturating_add(1)..).map(<[u8]>::to_vec))
            }
            None => (entry.to_vec(), None),
        };
        Self(listed.split(|byte| *byte == 0).filter(|entry| !entry.is_empty()).map(read).collect())
    }

    /// The last value of one, which counts; empty where it is named without any. `name`: `core.hookspath`.
    pub(in crate::cli) fn get(&self, name: &str) -> Option<&[u8]> {
        self.0.get(name.as_bytes()).map(|value| value.as_deref().unwrap_or_default())
    }

    /// The same of one that is true or false (git-config(1), "Values"); `None` also where it is neither.
    pub(in crate::cli) fn boolean(&self, name: &str) -> Option<bool> {
        let value = self.0.get(name.as_bytes())?;
        let Some(value) = value else { return Some(true) };
        match value.to_ascii_lowercase().as_slice() {
            b"true" | b"yes" | b"on" => Some(true),
            b"" | b"false" | b"no" | b"off" => Some(false),
            number => std::str::from_utf8(number).ok()?.parse::<i64>().ok().map(|number| number != 0),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_true_is_what_git_takes_for_it() {
        let of = |value: Option<&str>| {
            Settings(HashMap::from([(b"core.bare".to_vec(), value.map(|value| value.as_bytes().to_vec()))]))
                .boolean("core.bare")
        };
        for (value, is) in [
            (None, Some(true)),
            (Some("Yes"), Some(true)),
            (Some("1"), Some(true)),
            (Some("0"), Some(false)),
            (Some(""), Some(false)),
            (Some("maybe"), None),
        ] {
            assert_eq!(of(value), is, "{value:?}");
        }
        assert_eq!(Settings::default().boolean("core.bare"), None);
    }
}
