//! `installed.toml` beside the policy: what `install.sh` was told, so that whoever looks later need not say it again.

use super::{Call, Server, server::SERVERS};
use crate::{
    Undecided,
    bounds::Bounds,
    cli::hook::duration,
    document::{Document, Fields, Groups, Reader, Value, What},
    report::diagnostics,
    trusted::TrustedFiles,
};
use std::path::{Path, PathBuf};

/// Its name in the folder of the configuration.
pub(in crate::cli) const NAME: &str = "installed.toml";

/// What was installed.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(in crate::cli) struct Manifest {
    pub(in crate::cli) server: Server,
    /// Bare repositories, or folders in which they are at any depth.
    pub(in crate::cli) repositories: Vec<PathBuf>,
    /// What the hooks run, and how.
    pub(in crate::cli) call: Call,
    /// Gitolite's `LOCAL_CODE`, or GitLab's `custom_hooks_dir`: one hook for all repositories is in it.
    pub(in crate::cli) shared: Option<PathBuf>,
    /// Gitolite's VREF in place of its common hook.
    pub(in crate::cli) vref: bool,
    /// A git template folder (git-init(1)) from which new repositories have their hook.
    pub(in crate::cli) template: Option<PathBuf>,
}

impl Manifest {
    /// Reads the one in the folder of the configuration; `None` where there is none.
    ///
    /// # Errors
    /// It cannot be read or has mistakes; somebody else could have written it.
    pub(in crate::cli) fn read(config: &Path, trusted: &TrustedFiles) -> Result<Option<Self>, Undecided> {
        let path = config.join(NAME);
        if !trusted.exists(&path)? {
            return Ok(None);
        }
        Self::read_file(&path, trusted).map(Some)
    }

    /// Reads one that is there.
    ///
    /// # Errors
    /// As for [`Manifest::read`].
    pub(in crate::cli) fn read_file(path: &Path, trusted: &TrustedFiles) -> Result<Self, Undecided> {
        let broken = |why: String| Undecided::server(format!("reading `{}`", path.display()), why);
        let source =
            String::from_utf8(trusted.read(path, Bounds::POLICY)?).map_err(|_| broken("it is not UTF-8".into()))?;
        Document::parse(&source).read(&Groups::new(), read).map_err(|problems| {
            let first = problems.first();
            broken(first.map_or_else(String::new, |first| {
                let line = diagnostics::position(&source, first.place.start).line;
                format!("line {line}: {}; install.sh writes it anew", first.what)
            }))
        })
    }
}

fn read(fields: &mut Fields<'_, '_, '_>) -> Option<Manifest> {
    let version = fields.required("version", |value, reader| reader.whole(value, 1..=1));
    let server = fields.required("server", |value, reader| reader.choice(value, SERVERS));
    let repositories = fields.required("repositories", |value, reader| reader.list(value, absolute));
    let program = fields.required("program", absolute);
    let policy = fields.optional("policy", absolute);
    let allow_groups = fields.optional("allow-groups", |value, reader| {
        reader.list(value, |value, reader| reader.text(value).map(str::to_owned))
    });
    let log = fields.optional("log", |value, reader| match reader.text(value)? {
        "journald" => Some(PathBuf::from("journald")),
        _ => absolute(value, reader),
    });
    let deadline = fields.optional("deadline", |value, reader| {
        let text = reader.text(value)?;
        if let Err(why) = duration(text) {
            reader.problem(value.span(), What::Other(why));
            return None;
        }
        Some(text.to_owned())
    });
    let local_code = fields.optional("local-code", absolute);
    let custom_hooks = fields.optional("custom-hooks", absolute);
    let vref = fields.optional("vref", |value, reader| reader.boolean(value));
    let template = fields.optional("template", absolute);
    version?;
    let server = server?;
    let shared = match server {
        Server::Gitolite => {
            if local_code.is_none() && !fields.has("local-code") {
                let what = What::Missing { key: "local-code" };
                fields.reader.problem(fields.place(), what);
            }
            local_code
        }
        Server::Gitlab => custom_hooks,
        Server::Plain | Server::Http | Server::Gitea | Server::Forgejo => None,
    };
    let call = Call { program: program?, policy, allow_groups: allow_groups.unwrap_or_default(), log, deadline };
    Some(Manifest { server, repositories: repositories?, call, shared, vref: vref.unwrap_or(false), template })
}

fn absolute(value: &Value<'_>, reader: &mut Reader<'_>) -> Option<PathBuf> {
    let path = PathBuf::from(reader.text(value)?);
    if !path.is_absolute() {
        reader.problem(value.span(), What::Other("this is to be an absolute path".into()));
        return None;
    }
    Some(path)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read_text(text: &str) -> Result<Manifest, String> {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join(NAME);
        std::fs::write(&path, text).unwrap();
        let trusted = TrustedFiles::new(&[]).unwrap();
        let found = Manifest::read(folder.path(), &trusted).map_err(|error| error.cause.to_string());
        found.map(Option::unwrap)
    }

    const PLAIN: &str =
        "version = 1\nserver = 'plain'\nrepositories = [ '/srv/git' ]\nprogram = '/usr/bin/countersign'\n";

    #[test]
    fn what_install_sh_writes_is_read() {
        let manifest =
            read_text(&format!("{PLAIN}allow-groups = [\"a\", \"b\", ]\nlog = \"journald\"\ndeadline = \"20s\"\n"))
                .unwrap();
        assert_eq!(manifest.call.allow_groups, ["a", "b"]);
        assert_eq!(
            manifest.call.in_hook(),
            b"/usr/bin/countersign hook pre-receive --allow-group 'a' --allow-group 'b' --log journald --deadline '20s'"
        );
        assert_eq!((manifest.server, manifest.shared), (Server::Plain, None));
        let gitolite = PLAIN.replace("plain", "gitolite") + "local-code = '/x'\nvref = true\n";
        let gitolite = read_text(&gitolite).unwrap();
        assert_eq!((gitolite.shared, gitolite.vref), (Some(PathBuf::from("/x")), true));
    }

    #[test]
    fn what_is_wrong_with_it_is_told_with_its_line() {
        for (text, why) in [
            (PLAIN.replace("'/srv/git'", "'srv/git'"), "line 3: this is to be an absolute path"),
            (PLAIN.replace("plain", "gitolite"), "line 1: `local-code` is missing"),
            (PLAIN.replace("plain", "pagure"), "line 2: `pagure` is not"),
            (PLAIN.replace("program", "programme"), "`program` is missing"),
            (format!("{PLAIN}x = 1\n"), "line 5: unknown key `x`"),
            (format!("{PLAIN}deadline = '20'\n"), "line 5: the unit is one of `ms`, `s`, `m`"),
        ] {
            let found = read_text(&text).unwrap_err();
            assert!(found.contains(why), "{why}: {found}");
        }
    }

    #[test]
    fn one_that_others_can_write_is_not_read() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join(NAME);
        std::fs::write(&path, PLAIN).unwrap();
        std::fs::set_permissions(&path, std::os::unix::fs::PermissionsExt::from_mode(0o666)).unwrap();
        let found = Manifest::read(folder.path(), &TrustedFiles::new(&[]).unwrap()).unwrap_err();
        assert!(found.to_string().contains("writ"), "{found}");
    }
}
