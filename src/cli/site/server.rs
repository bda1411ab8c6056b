//! The kinds of Git servers on which Countersign installs, and the hook that each runs.

/// A kind of Git server, as `--server` and the manifest name it.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(in crate::cli) enum Server {
    /// Git itself, behind sshd, a web server or git-daemon.
    Plain,
    /// The same; who pushed is what the web server says.
    Http,
    Gitolite,
    Gitea,
    Forgejo,
    Gitlab,
}

/// Every one by its name, which is also that of `server` in a policy.
pub(super) const SERVERS: &[(&str, Server)] = &[
    ("plain", Server::Plain),
    ("http", Server::Http),
    ("gitolite", Server::Gitolite),
    ("gitea", Server::Gitea),
    ("forgejo", Server::Forgejo),
    ("gitlab", Server::Gitlab),
];

impl Server {
    /// As `--server` names it.
    pub(in crate::cli) fn name(self) -> &'static str {
        SERVERS.iter().find(|(_, server)| *server == self).map_or("", |(name, _)| name)
    }

    /// The file below `hooks/` of the source from which its hook is made.
    pub(super) fn hook_source(self) -> &'static str {
        match self {
            Self::Plain | Self::Http | Self::Gitolite => include_str!("../../../hooks/plain/pre-receive"),
            Self::Gitea | Self::Forgejo => include_str!("../../../hooks/gitea/pre-receive"),
            Self::Gitlab => include_str!("../../../hooks/gitlab/pre-receive"),
        }
    }
}
