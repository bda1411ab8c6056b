//! Why a hook would not run, or would have to be put where others use it too; and the way out of each.

use super::{Call, HookFile, Repository, Server, accounts::is_program, quoted};
use std::{
    fs,
    os::unix::ffi::OsStrExt,
    path::{Path, PathBuf},
};

/// What stands in the way.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(in crate::cli) struct Problem {
    /// A word that stays the same: one of those of `doctor`.
    pub(in crate::cli) code: &'static str,
    pub(in crate::cli) what: String,
    pub(in crate::cli) way_out: String,
}

/// Looks for one in a repository, without its hook file itself being looked at beyond what kind of thing it is. `shared`: the
/// hook that is for all, if there is one.
pub(in crate::cli) fn find_problem(
    server: Server,
    repository: &Repository,
    call: &Call,
    shared: Option<&HookFile>,
) -> Option<Problem> {
    let call = shown(&call.in_hook());
    let at = shown(&quoted(repository.path.as_os_str().as_bytes()));
    let problem = |code, what: String, way_out: String| Some(Problem { code, what, way_out });
    let Some(settings) = &repository.settings else {
        return problem(
            "settings-unknown",
            "git cannot read its configuration".into(),
            format!("see what it says: git --git-dir {at} config --get core.hooksPath"),
        );
    };
    // Gitaly names the folder of hooks itself, whatever the repository says.
    if let Some(path) =
        settings.get("core.hookspath").filter(|path| server != Server::Gitlab && !is_own(path, repository))
    {
        return problem(
            "hooks-path",
            format!("core.hooksPath is {}, so git runs no hook of the repository's own", shown(path)),
            format!(
                "unset it (who sets it: git --git-dir {at} config --show-origin core.hooksPath), or call this there: {call}"
            ),
        );
    }
    match server {
        Server::Gitlab => None,
        Server::Gitolite => in_gitolite(repository, &call, shared?),
        Server::Gitea | Server::Forgejo => in_gitea(server, repository, &call),
        Server::Plain | Server::Http => in_plain(repository, &call),
    }
}

/// Whether this is the folder in which git looks anyway (git-config(1): relative to where the hook runs, the repository).
fn is_own(path: &[u8], repository: &Repository) -> bool {
    let own = repository.path.join("hooks");
    repository.path.join(Path::new(std::ffi::OsStr::from_bytes(path))).components().eq(own.components())
}

fn in_plain(repository: &Repository, call: &str) -> Option<Problem> {
    let hooks = repository.path.join("hooks");
    let hook = hooks.join("pre-receive");
    let (what, way_out) = if is_link(&hooks) {
        (
            "its hooks folder is a link, which others may share".to_owned(),
            format!("call this from the shared pre-receive hook: {call}"),
        )
    } else if is_link(&hook) {
        (
            "hooks/pre-receive is a link, and what it leads to may be shared".to_owned(),
            format!("call this from that hook, or replace the link by a copy and install again: {call}"),
        )
    } else if hook.exists() && !hook.is_file() {
        ("hooks/pre-receive is not a file".to_owned(), "move it away, and install again".to_owned())
    } else if hooks.join("pre-receive.d/gitea").exists() || hooks.join("pre-receive.d/forgejo").exists() {
        (
            "Gitea or Forgejo writes the hooks of this repository".to_owned(),
            "install with --server gitea or --server forgejo".to_owned(),
        )
    } else {
        return None;
    };
    Some(Problem { code: "hook-not-ours", what, way_out })
}

/// Gitolite makes a link to each file of `hooks/common`; an option of its configuration makes it lead elsewhere.
fn in_gitolite(repository: &Repository, call: &str, shared: &HookFile) -> Option<Problem> {
    let hook = repository.path.join("hooks/pre-receive");
    let leads_to = fs::read_link(&hook).ok()?;
    if leads_to == shared.path() || !leads_to.exists() {
        // One that leads nowhere, `gitolite setup` makes anew.
        return None;
    }
    let target = shown(leads_to.as_os_str().as_bytes());
    Some(Problem {
        code: "hook-repointed",
        what: format!("hooks/pre-receive leads to {target}, so Countersign's does not run"),
        way_out: format!(
            "take the option hook.pre-receive of this repository out of gitolite.conf, or call this from that hook: {call}"
        ),
    })
}

/// The server's own `hooks/pre-receive` runs every file of `hooks/pre-receive.d`.
fn in_gitea(server: Server, repository: &Repository, call: &str) -> Option<Problem> {
    let wrapper = repository.path.join("hooks/pre-receive");
    let name = server.name();
    let mend = format!("have it written anew: {name} admin regenerate hooks; then install again");
    let links = ["hooks", "hooks/pre-receive.d"].map(|name| repository.path.join(name));
    let problem =
        |what: &str, way_out: String| Some(Problem { code: "wrapper-changed", what: what.to_owned(), way_out });
    if let Some(link) = links.iter().find(|path| is_link(path)) {
        let what = format!("{} is a link, which others may share", shown(link.as_os_str().as_bytes()));
        return problem(&what, format!("call this from the shared pre-receive hook: {call}"));
    }
    if !is_program(&wrapper) {
        return problem("hooks/pre-receive is not there or not executable, so nothing runs hooks/pre-receive.d", mend);
    }
    if !runs_folder(&wrapper) {
        return problem("hooks/pre-receive does not run hooks/pre-receive.d any more", mend);
    }
    None
}

/// Whether a line of the wrapper goes over the folder, as the one that Gitea generates does: `for hook in
/// ${GIT_DIR}/hooks/${hookname}.d/*; do` (modules/git/hooks or modules/repository/hooks.go, by version).
pub(in crate::cli) fn runs_folder(wrapper: &PathBuf) -> bool {
    let text = fs::read(wrapper).unwrap_or_default();
    let text = String::from_utf8_lossy(&text);
    let code = text.lines().map(str::trim_start).filter(|line| !line.starts_with('#'));
    // One that ends before it gets there runs nothing.
    let decides = |line: &str| ["for", "exit", "exec"].contains(&line.split([' ', ';']).next().unwrap_or_default());
    let mut code = code.skip_while(|line| !decides(line));
    code.next()
        .is_some_and(|line| ["pre-receive.d/*", "${hookname}.d/*", "$hookname.d/*"].iter().any(|it| line.contains(it)))
}

fn is_link(path: &Path) -> bool {
    path.symlink_metadata().is_ok_and(|found| found.is_symlink())
}

/// Without what would move a terminal's cursor.
pub(super) fn shown(bytes: &[u8]) -> String {
    let shown: Vec<u8> = bytes.iter().map(|byte| if byte.is_ascii_control() { b'?' } else { *byte }).collect();
    String::from_utf8_lossy(&shown).into_owned()
}
