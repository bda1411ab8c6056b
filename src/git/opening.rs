//! Opening a repository without believing more than its own configuration.
#![expect(clippy::disallowed_methods, reason = "reads the repository")]

use super::{Quarantine, Repository, alternates, folder::Folder, objects::Objects};
use crate::{Undecided, push::ObjectFormat};
use std::{fs, io::ErrorKind, path::Path};

/// Extensions (git-config(1), `extensions.*`) that change nothing in how objects and refs are read here. Others might:
/// git refuses what it does not know, and so do we.
///
/// A partial clone lacks objects; one that is asked for and missing is an error like everywhere.
const HARMLESS_EXTENSIONS: &[&str] =
    &["noop", "noop-v1", "objectformat", "partialclone", "preciousobjects", "relativeworktrees", "worktreeconfig"];

/// gix's own object database serves `verify`'s revisions alone. A number given, it does not look at any folder before it
/// is used; it refuses a circle of alternates, which git lets pass.
const MOST_PACKS: u16 = 1024;

pub(super) fn open(git_dir: &Path, quarantine: &Quarantine) -> Result<Repository, Undecided> {
    let failed = |cause| Undecided::server(format!("opening the repository {}", git_dir.display()), cause);
    if is_reftable(git_dir) {
        return Err(failed(
            "its refs are stored as `reftable`, which is not supported; see git-refs-migrate(1)".to_owned(),
        ));
    }
    // Whose it is does not matter: nothing that its configuration could name is run, and whoever owns it has the hook in
    // hand. Repositories that several users push to belong to one of them, or to root; git asks `safe.directory` first.
    let options = gix::open::Options::isolated()
        .open_path_as_is(true)
        .strict_config(true)
        .with(gix::sec::Trust::Full)
        .object_store_slots(gix::odb::store::init::Slots::Given(MOST_PACKS))
        .config_overrides(["core.useReplaceRefs=false", "core.commitGraph=false"]);
    // Git runs hooks with `GIT_DIR=.`, and gix would look for a `.git` below a repository that is not bare.
    let place = git_dir.canonicalize().map_err(|error| failed(error.to_string()))?;
    let gix = options.open(place).map_err(|error| failed(described(&error)))?.to_thread_local();
    check_extensions(&gix).map_err(failed)?;
    let (hash, format) = match gix.object_hash() {
        gix::hash::Kind::Sha1 => (gix::hash::Kind::Sha1, ObjectFormat::Sha1),
        gix::hash::Kind::Sha256 => (gix::hash::Kind::Sha256, ObjectFormat::Sha256),
        other => return Err(failed(format!("its object format is {other}"))),
    };
    let own = gix.common_dir().join("objects");
    let own = own.canonicalize().map_err(|error| failed(format!("{}: {error}", own.display())))?;
    // Whoever could set these variables could add objects, but an object is its hash, and nothing is left unjudged
    // because of where it lies. Git sets the quarantine below the repository's objects, Gitaly elsewhere.
    let apart = quarantine
        .objects
        .as_ref()
        .map(|path| path.canonicalize().map_err(|error| failed(format!("the quarantine {}: {error}", path.display()))));
    let apart = apart.transpose()?.filter(|path| *path != own);
    let settled = alternates::settled_folders(&own, &quarantine.alternates, apart.as_deref()).map_err(failed)?;
    let objects = Objects::new(
        apart.map(|path| Folder::open(path, hash)).transpose()?,
        settled.into_iter().map(|path| Folder::open(path, hash)).collect::<Result<_, _>>()?,
        format,
    );
    Ok(Repository { gix, git_dir: git_dir.to_owned(), format, objects, shallow_file: quarantine.shallow_file.clone() })
}

pub(super) fn is_shallow(repository: &Repository) -> Result<bool, Undecided> {
    let Some(path) = repository.shallow_file.as_deref() else { return Ok(false) };
    // It is named because it is there.
    let boundary = fs::read(path).map_err(|error| Undecided::server(format!("reading {}", path.display()), error))?;
    Ok(!boundary.trim_ascii().is_empty())
}

/// Whether the repository has a boundary already, or the push brings one (gitrepository-layout(5), `shallow`).
pub(super) fn is_cut_off(repository: &Repository) -> Result<bool, Undecided> {
    let path = repository.gix.common_dir().join("shallow");
    match fs::read(&path) {
        Ok(boundary) if boundary.trim_ascii().is_empty() => is_shallow(repository),
        Ok(_) => Ok(true),
        Err(error) if error.kind() == ErrorKind::NotFound => is_shallow(repository),
        Err(error) => Err(Undecided::server(format!("reading {}", path.display()), error)),
    }
}

/// Such a repository opens without an error and looks empty (git's `refs/reftable-backend.c`).
fn is_reftable(git_dir: &Path) -> bool {
    git_dir.join("reftable").is_dir()
}

fn check_extensions(gix: &gix::Repository) -> Result<(), String> {
    let config = gix.config_snapshot();
    match config.try_integer("core.repositoryFormatVersion") {
        Ok(None | Some(0 | 1)) => {}
        Ok(Some(version)) => return Err(format!("its format version is {version}")),
        Err(error) => return Err(described(&error)),
    }
    for section in config.plumbing().sections_by_name("extensions").into_iter().flatten() {
        for name in section.value_names().map(|name| name.to_ascii_lowercase()) {
            let value = section.value(name.as_str());
            let known = match name.as_str() {
                "refstorage" => value.as_deref().is_some_and(|value| value.eq_ignore_ascii_case(b"files")),
                name => HARMLESS_EXTENSIONS.contains(&name),
            };
            if !known {
                let value = value.map(|value| value.to_string()).unwrap_or_default();
                return Err(format!("it uses the extension `{name} = {value}`, which is not known here"));
            }
        }
    }
    Ok(())
}

/// An error of gix with its causes, on one line.
pub(super) fn described(error: &dyn std::error::Error) -> String {
    let mut text = error.to_string();
    let mut source = error.source();
    while let Some(cause) = source {
        let cause_text = cause.to_string();
        if !text.contains(&cause_text) {
            text = format!("{text}: {cause_text}");
        }
        source = cause.source();
    }
    text.replace('\n', " ")
}
