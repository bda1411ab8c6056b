//! The bare repositories at or below a folder. Names are bytes, and hold anything.

use super::{Account, Accounts, Settings};
use crate::Undecided;
use std::{
    fs,
    os::unix::fs::MetadataExt,
    path::{Path, PathBuf},
};

/// A bare repository.
#[derive(Clone, Debug)]
pub(in crate::cli) struct Repository {
    pub(in crate::cli) path: PathBuf,
    pub(in crate::cli) owner: Account,
    /// As git sees them when it serves it; `None`: git cannot read them.
    pub(in crate::cli) settings: Option<Settings>,
}

/// What is met on the way.
#[derive(Debug)]
pub(in crate::cli) enum Found {
    Repository(Repository),
    /// A repository with a work tree: nobody pushes to it.
    WorkTree(PathBuf),
    /// A folder that we cannot look into; repositories may be in it.
    Unreadable(PathBuf),
}

/// Goes through all of them, in the order of their names. `each` says whether to go on.
///
/// # Errors
/// There is no git; those of `each`.
pub(in crate::cli) fn walk(
    root: &Path,
    accounts: &mut Accounts,
    each: &mut dyn FnMut(Found) -> Result<bool, Undecided>,
) -> Result<bool, Undecided> {
    if is_repository(root) {
        return each(look_at(root, accounts)?);
    }
    // Without the right to pass through it, nothing in it is seen for what it is.
    let listed = fs::read_dir(root).and_then(|entries| {
        fs::metadata(root.join("."))?;
        entries.map(|entry| entry.map(|entry| entry.file_name())).collect::<Result<Vec<_>, _>>()
    });
    let Ok(mut names) = listed else { return each(Found::Unreadable(root.to_owned())) };
    names.sort_unstable();
    for name in names {
        let path = root.join(name);
        let goes_on = match path.symlink_metadata() {
            // A link to a repository is served under that name. Links to folders could lead in circles.
            Ok(found) if found.is_symlink() => !is_repository(&path) || each(look_at(&path, accounts)?)?,
            Ok(found) if found.is_dir() => walk(&path, accounts, each)?,
            Ok(_) | Err(_) => true,
        };
        if !goes_on {
            return Ok(false);
        }
    }
    Ok(true)
}

/// As git tells (`is_git_directory` in its setup.c).
fn is_repository(path: &Path) -> bool {
    let is_head = |head: &Path| head.is_file() || head.symlink_metadata().is_ok_and(|found| found.is_symlink());
    path.join("objects").is_dir() && path.join("refs").is_dir() && is_head(&path.join("HEAD"))
}

/// Whether it is a bare one, and whose.
fn look_at(path: &Path, accounts: &mut Accounts) -> Result<Found, Undecided> {
    let found =
        path.metadata().map_err(|error| Undecided::server(format!("looking at `{}`", path.display()), error))?;
    let owner = accounts.of(found.uid());
    let settings = Settings::of(path, &owner)?;
    let said = settings.as_ref().and_then(|settings| settings.boolean("core.bare"));
    let is_bare = said.unwrap_or_else(|| path.file_name().is_none_or(|name| name != ".git"));
    Ok(match is_bare {
        true => Found::Repository(Repository { path: path.to_owned(), owner, settings }),
        false => Found::WorkTree(path.to_owned()),
    })
}
