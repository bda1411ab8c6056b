//! Whether git runs our hook in a repository, and nobody else has a say in it.

use super::{finding::Finding, settings::shell_word};
use crate::{
    cli::site::{
        Account, HookFile, Manifest, Repository, Server, Standing, compose, compose_vref, find_problem, is_program,
    },
    trusted::TrustedFiles,
};
use std::{
    fs, io,
    path::{Path, PathBuf},
};

/// What puts hooks where they belong.
const REPAIR: &str = "countersign doctor --repair";

/// More than any hook of ours, in bytes.
const LARGEST: usize = 64 * 1024;

/// What was found of one.
#[derive(Default)]
pub(super) struct Hook {
    pub(super) findings: Vec<Finding>,
    /// Whether git runs it; `None`: it could not be found out.
    pub(super) runs: Option<bool>,
}

impl Hook {
    fn bad(finding: Finding, runs: Option<bool>) -> Self {
        Self { findings: vec![finding], runs }
    }
}

/// The one hook that is for all repositories, on servers that have such.
pub(super) fn shared(manifest: &Manifest) -> Option<HookFile> {
    manifest.shared.as_deref().map(|folder| match manifest.vref {
        true => HookFile::vref(folder),
        false => HookFile::shared(manifest.server, folder),
    })
}

/// The hook file that git runs for a repository in the end.
pub(super) fn file_of(manifest: &Manifest, repository: &Repository) -> PathBuf {
    shared(manifest).map_or_else(|| HookFile::in_repository(manifest.server, repository).path(), |hook| hook.path())
}

/// The file that is for all, looked at once. `owner`: whose repositories it is for.
pub(super) fn examine_shared(manifest: &Manifest, owner: &Account) -> Option<Hook> {
    let hook = shared(manifest)?;
    Some(examine_file(manifest, &hook, owner))
}

/// The hook of one repository. `of_all`: what was found of the one that is for all, if there is such.
pub(super) fn examine(manifest: &Manifest, repository: &Repository, of_all: Option<&Hook>) -> Hook {
    let shared = shared(manifest);
    let linked_to = shared.as_ref().filter(|_| !manifest.vref);
    if let Some(problem) = find_problem(manifest.server, repository, &manifest.call, linked_to) {
        let (at, runs) = (&repository.path, (problem.code != "settings-unknown").then_some(false));
        return Hook::bad(
            match problem.code {
                code @ "settings-unknown" => Finding::unknown(code, at, problem.what, problem.way_out),
                code => Finding::critical(code, at, problem.what, problem.way_out),
            },
            runs,
        );
    }
    let mut hook = match (shared, of_all) {
        (Some(_), Some(of_all)) if manifest.vref => by_vref(repository, of_all),
        (Some(shared), Some(of_all)) if manifest.server == Server::Gitolite => linked(repository, &shared, of_all),
        (Some(_), Some(of_all)) => Hook { findings: Vec::new(), runs: of_all.runs },
        (_, _) => {
            let file = HookFile::in_repository(manifest.server, repository);
            examine_file(manifest, &file, &repository.owner)
        }
    };
    hook.findings.extend(run_before(manifest, repository));
    hook
}

/// Gitolite gives each repository a link to the hook that is for all.
fn linked(repository: &Repository, shared: &HookFile, of_all: &Hook) -> Hook {
    let link = repository.path.join("hooks/pre-receive");
    let missing = |what: &str| {
        let way_out = "gitolite setup --hooks-only, as the user whom Gitolite runs as";
        Hook::bad(Finding::critical("hook-missing", &link, what, way_out), Some(false))
    };
    match fs::read_link(&link) {
        Ok(target) if target == shared.path() => Hook { findings: Vec::new(), runs: of_all.runs },
        Ok(_) => missing("it leads nowhere, so git lets everything in"),
        Err(error) if error.kind() == io::ErrorKind::NotFound => missing("there is no hook, so git lets everything in"),
        Err(error) if error.kind() == io::ErrorKind::InvalidInput => {
            let what = "it is a file and no link to Gitolite's common hook, so ours does not run";
            let way_out = "move it away, then gitolite setup --hooks-only, as the user whom Gitolite runs as";
            Hook::bad(Finding::critical("hook-not-ours", &link, what, way_out), Some(false))
        }
        Err(error) => Hook::bad(not_seen(&link, &error), None),
    }
}

/// Gitolite's own `update` hook runs it where a rule of `gitolite.conf` names it. What it makes of the rules of one repository is in
/// `gl-conf` there; those of all repositories it keeps elsewhere.
fn by_vref(repository: &Repository, of_all: &Hook) -> Hook {
    let compiled = repository.path.join("gl-conf");
    let text = fs::read(&compiled).unwrap_or_default();
    if String::from_utf8_lossy(&text).contains("VREF/countersign") {
        return Hook { findings: Vec::new(), runs: of_all.runs };
    }
    let what = "whether a rule of gitolite.conf names VREF/countersign for this repository is not seen here";
    let way_out = "name it for the repository, or install without --vref";
    Hook::bad(Finding::unknown("hook-unknown", &compiled, what, way_out), None)
}

fn not_seen(at: &Path, error: &io::Error) -> Finding {
    let what = format!("it could not be looked at: {error}");
    Finding::unknown("hook-unknown", at, what, "run doctor as root, or as the repository's owner")
}

fn examine_file(manifest: &Manifest, hook: &HookFile, owner: &Account) -> Hook {
    let former = hook.former().filter(|_| manifest.server == Server::Gitolite);
    let text = match manifest.vref {
        true => compose_vref(&manifest.call),
        false => compose(manifest.server, &manifest.call, former.as_deref()),
    };
    let at = &hook.path();
    let standing = match hook.standing(&text) {
        Ok(standing) => standing,
        Err(error) => return Hook::bad(not_seen(at, &error), None),
    };
    let critical = |code, what: &str, way_out: &str| Hook::bad(Finding::critical(code, at, what, way_out), Some(false));
    let mut found = match standing {
        Standing::None => return critical("hook-missing", "there is no hook, so git lets everything in", REPAIR),
        Standing::NotExecutable => critical(
            "hook-not-executable",
            "nobody may execute it, so git passes it over and lets everything in",
            REPAIR,
        ),
        Standing::Older if !is_program(at) => critical(
            "hook-not-executable",
            "nobody may execute it, so git passes it over and lets everything in",
            REPAIR,
        ),
        Standing::Older => {
            let what = "it is ours, and not as this version would install it with what it was told";
            Hook::bad(Finding::warning("hook-outdated", at, what, REPAIR), Some(true))
        }
        Standing::Changed => {
            let what = "it is ours, and somebody has changed it since: what it does now, nobody knows";
            let way_out = format!("see what it does, move it away, then {REPAIR}");
            Hook::bad(Finding::critical("hook-changed", at, what, way_out), None)
        }
        Standing::Theirs => {
            let way_out = format!("{REPAIR}: ours comes first then, and runs this one");
            critical("hook-not-ours", "another hook stands there, and ours does not run", &way_out)
        }
        Standing::Link | Standing::NotAFile => {
            critical("hook-not-ours", "it, or a folder on the way, is a link or no file: ours does not run", REPAIR)
        }
        Standing::Current => Hook { findings: Vec::new(), runs: Some(true) },
    };
    if found.runs != Some(false) || standing == Standing::NotExecutable {
        let trusted = TrustedFiles::owned_by(owner.user, &[]);
        if let Err(undecided) = trusted.read(at, LARGEST) {
            let what = format!("others than root and the repository's owner can change it: {}", undecided.cause);
            let way_out = "take that right away, as it says; then see what it does";
            found.findings.push(Finding::critical("hook-writable", at, what, way_out));
        }
    }
    found
}

/// Other hooks that the server runs before ours: they see a push, and may act on it, before it is judged. All have to accept.
fn run_before(manifest: &Manifest, repository: &Repository) -> Vec<Finding> {
    let folder = repository.path.join("custom_hooks");
    let before: Vec<PathBuf> = match (manifest.server, &manifest.shared) {
        (Server::Plain | Server::Http | Server::Gitolite, _) => Vec::new(),
        (Server::Gitea | Server::Forgejo, _) => in_folder(&repository.path.join("hooks/pre-receive.d"), "countersign"),
        (Server::Gitlab, Some(_)) => {
            // Gitaly runs the repository's own first, all of them.
            [vec![folder.join("pre-receive")], in_folder(&folder.join("pre-receive.d"), "\u{10ffff}")].concat()
        }
        (Server::Gitlab, None) => {
            [vec![folder.join("pre-receive")], in_folder(&folder.join("pre-receive.d"), "countersign")].concat()
        }
    };
    let finding = |hook: PathBuf| {
        let what = "it runs before ours, on what nobody has judged yet";
        let way_out = format!("give it a name that comes later: mv {0} in its folder, such as z-{0}", name_of(&hook));
        Finding::warning("hook-not-first", &hook, what, way_out)
    };
    before.into_iter().filter(|hook| is_program(hook)).map(finding).collect()
}

fn name_of(hook: &Path) -> String {
    shell_word(Path::new(hook.file_name().unwrap_or_default()))
}

/// What stands in a folder before a name, as a shell sorts them.
fn in_folder(folder: &Path, name: &str) -> Vec<PathBuf> {
    let Ok(entries) = fs::read_dir(folder) else { return Vec::new() };
    let mut names: Vec<_> = entries.filter_map(|entry| Some(entry.ok()?.file_name())).collect();
    names.retain(|entry| entry.as_encoded_bytes() < name.as_bytes() && !entry.as_encoded_bytes().starts_with(b"."));
    names.sort_unstable();
    names.into_iter().map(|name| folder.join(name)).collect()
}
