//! Opening a repository without believing more than its own configuration.
#![expect(clippy::disallowed_methods, reason = "reads the repository")]

use super::{Quarantine, Repository, alternates, folder::Folder, objects::Objects};
use crate::{Undecided, push::ObjectFormat};
use gix::hash::Kind;
use std::{
    ffi::OsStr,
    fs,
    io::{ErrorKind, Read},
    os::unix::ffi::OsStrExt,
    path::{Path, PathBuf},
};

/// Extensions (git-config(1), `extensions.*`) that change nothing in how objects and refs are read here. Others might:
/// git refuses what it does not know, and so do we.
///
/// A partial clone lacks objects; one that is asked for and missing is an error like everywhere.
const HARMLESS_EXTENSIONS: &[&str] =
    &["noop", "noop-v1", "partialclone", "preciousobjects", "relativeworktrees", "worktreeconfig"];

/// gix's own object database serves `verify`'s revisions alone. A number given, it does not look at any folder before it
/// is used; it refuses a circle of alternates, which git lets pass.
const MOST_PACKS: u16 = 1024;

/// Bytes of a repository's configuration that are read at most.
const MOST_CONFIGURATION: u64 = 16 * 1024 * 1024;

pub(super) fn open(git_dir: &Path, quarantine: &Quarantine) -> Result<Repository, Undecided> {
    let failed = |cause| Undecided::server(format!("opening the repository {}", git_dir.display()), cause);
    if is_reftable(git_dir) {
        return Err(failed(
            "its refs are stored as `reftable`, which is not supported; see git-refs-migrate(1)".to_owned(),
        ));
    }
    // Git runs hooks with `GIT_DIR=.`, and gix would look for a `.git` below a repository that is not bare.
    let place = git_dir.canonicalize().map_err(|error| failed(error.to_string()))?;
    let common_dir = common_dir(&place).map_err(failed)?;
    let (hash, format) = match format_of(&common_dir).map_err(failed)? {
        Kind::Sha1 => (Kind::Sha1, ObjectFormat::Sha1),
        Kind::Sha256 => (Kind::Sha256, ObjectFormat::Sha256),
        other => return Err(failed(format!("its object format is {other}"))),
    };
    let own = common_dir.join("objects");
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
    let shallow_file = quarantine.shallow_file.clone();
    Ok(Repository { git_dir: git_dir.to_owned(), place, common_dir, format, objects, shallow_file })
}

/// Opens it for gix, which knows how revisions are spelt; a push does not ask for that.
pub(super) fn for_revisions(repository: &Repository) -> Result<gix::Repository, Undecided> {
    // Whose it is does not matter: nothing that its configuration could name is run, and whoever owns it has the hook in
    // hand. Repositories that several users push to belong to one of them, or to root; git asks `safe.directory` first.
    let options = gix::open::Options::isolated()
        .open_path_as_is(true)
        .strict_config(true)
        .with(gix::sec::Trust::Full)
        .object_store_slots(gix::odb::store::init::Slots::Given(MOST_PACKS))
        .config_overrides(["core.useReplaceRefs=false", "core.commitGraph=false"]);
    let doing = || format!("opening the repository {}", repository.git_dir.display());
    let opened = options.open(&repository.place).map_err(|error| Undecided::server(doing(), described(&error)))?;
    Ok(opened.to_thread_local())
}

/// Where all but a work tree's own is (gitrepository-layout(5), `commondir`).
fn common_dir(git_dir: &Path) -> Result<PathBuf, String> {
    let file = git_dir.join("commondir");
    match fs::read(&file) {
        Ok(path) => Ok(git_dir.join(OsStr::from_bytes(path.trim_ascii_end()))),
        Err(error) if error.kind() == ErrorKind::NotFound => Ok(git_dir.to_owned()),
        Err(error) => Err(format!("{}: {error}", file.display())),
    }
}

pub(super) fn is_shallow(repository: &Repository) -> Result<bool, Undecided> {
    let Some(path) = repository.shallow_file.as_deref() else { return Ok(false) };
    // It is named because it is there.
    let boundary = fs::read(path).map_err(|error| Undecided::server(format!("reading {}", path.display()), error))?;
    Ok(!boundary.trim_ascii().is_empty())
}

/// Whether the repository has a boundary already, or the push brings one (gitrepository-layout(5), `shallow`).
pub(super) fn is_cut_off(repository: &Repository) -> Result<bool, Undecided> {
    let path = repository.common_dir.join("shallow");
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

/// The object format, if the repository asks for nothing that is not known here. As git does, only the common configuration
/// is believed in this, and no file that it includes (git's setup.c, `check_repository_format_gently`).
fn format_of(common_dir: &Path) -> Result<Kind, String> {
    let path = common_dir.join("config");
    let mut bytes = Vec::new();
    let read = fs::File::open(&path).and_then(|file| file.take(MOST_CONFIGURATION + 1).read_to_end(&mut bytes));
    match read {
        Ok(length) if u64::try_from(length).map_or(true, |length| length > MOST_CONFIGURATION) => {
            return Err(format!("{} is too large", path.display()));
        }
        Ok(_) => {}
        // Git takes such a repository for one of the first version.
        Err(error) if error.kind() == ErrorKind::NotFound => {}
        Err(error) => return Err(format!("{}: {error}", path.display())),
    }
    let metadata = gix::config::file::Metadata::from(gix::config::Source::Local);
    let config = gix::config::File::from_bytes_no_includes(&bytes, metadata, Default::default());
    let config = config.map_err(|error| format!("{}: {}", path.display(), described(&error)))?;
    match config.integer("core.repositoryFormatVersion") {
        Ok(None | Some(0 | 1)) => {}
        Ok(Some(version)) => return Err(format!("its format version is {version}")),
        Err(error) => return Err(described(&error)),
    }
    let mut hash = Kind::Sha1;
    for section in config.sections_by_name("extensions").into_iter().flatten() {
        for name in section.value_names().map(|name| name.to_ascii_lowercase()) {
            let value = section.value(name.as_str());
            let is = |wanted: &[u8]| value.as_deref().is_some_and(|value| **value == *wanted);
            let known = match name.as_str() {
                "refstorage" => value.as_deref().is_some_and(|value| value.eq_ignore_ascii_case(b"files")),
                "objectformat" => {
                    hash = if is(b"sha256") { Kind::Sha256 } else { Kind::Sha1 };
                    is(b"sha256") || is(b"sha1")
                }
                name => HARMLESS_EXTENSIONS.contains(&name),
            };
            if !known {
                let value = value.map(|value| value.to_string()).unwrap_or_default();
                return Err(format!("it uses the extension `{name} = {value}`, which is not known here"));
            }
        }
    }
    Ok(hash)
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
