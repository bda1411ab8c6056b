//! Whose environment is believed, and what each kind of Git server says in it: who pushed, to which repository, and how.

use super::facts::Via;
use crate::{
    document::{Reader, Value},
    push::Evidence,
};

/// A kind of Git server. The administrator's word, never a guess: over plain SSH a client may be able to set variables.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Server {
    /// Sshd and git itself.
    Plain,
    /// A web server that authenticates, and git-http-backend(1).
    Http,
    /// Gitolite.
    Gitolite,
    /// Gitea.
    Gitea,
    /// Forgejo, which sets Gitea's variables.
    Forgejo,
    /// GitLab (Gitaly).
    Gitlab,
    /// Pagure.
    Pagure,
}

/// What a server says of a repository's name.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Stated {
    /// It never says; the path tells.
    ByPath,
    /// This.
    Name(Vec<u8>),
    /// It should, and does not.
    Missing,
}

const SERVERS: &[(&str, Server)] = &[
    ("plain", Server::Plain),
    ("http", Server::Http),
    ("gitolite", Server::Gitolite),
    ("gitea", Server::Gitea),
    ("forgejo", Server::Forgejo),
    ("gitlab", Server::Gitlab),
    ("pagure", Server::Pagure),
];

impl Server {
    pub(super) fn read(value: &Value<'_>, reader: &mut Reader<'_>) -> Option<Self> {
        reader.choice(value, SERVERS)
    }

    /// As in a policy, and before the colon in `accounts`.
    pub fn name(self) -> &'static str {
        SERVERS.iter().find(|(_, server)| *server == self).map_or("", |(name, _)| name)
    }

    /// The variable that names the account, for sentences; `None`: the key says who it is.
    pub fn account_variable(self) -> Option<&'static str> {
        match self {
            Self::Plain => None,
            Self::Http => Some("REMOTE_USER"),
            Self::Gitolite | Self::Pagure => Some("GL_USER"),
            Self::Gitea | Self::Forgejo => Some("GITEA_PUSHER_NAME"),
            Self::Gitlab => Some("GL_USERNAME"),
        }
    }

    /// Every name that the server has for the account that pushes, the one for people first. Empty: it says none.
    pub fn account(self, evidence: &Evidence) -> Vec<String> {
        let text = |name: &str| Some(String::from_utf8_lossy(evidence.variable(name)?).into_owned());
        match self {
            Self::Plain => Vec::new(),
            Self::Http => text("REMOTE_USER").into_iter().collect(),
            Self::Gitolite | Self::Pagure => text("GL_USER").into_iter().collect(),
            // Beside a deploy key, the name is that of the repository's owner.
            Self::Gitea | Self::Forgejo => match text("GITEA_DEPLOY_KEY_ID").filter(|id| id != "0") {
                Some(id) => vec![format!("deploy-key:{id}")],
                None => text("GITEA_PUSHER_NAME").into_iter().collect(),
            },
            Self::Gitlab => match text("GL_ID") {
                // Everybody chooses their own name there, and might choose another's id.
                Some(id) if id.starts_with("user-") => {
                    text("GL_USERNAME").filter(|name| !is_gitlab_id(name)).into_iter().chain([id]).collect()
                }
                // A key that is no user's: a deploy key.
                Some(id) => match id.strip_prefix("key-") {
                    Some(number) => vec![format!("deploy-key:{number}"), id.clone()],
                    None => vec![id],
                },
                None => text("GL_USERNAME").filter(|name| !is_gitlab_id(name)).into_iter().collect(),
            },
        }
    }

    /// What it calls the repository.
    pub fn repository(self, evidence: &Evidence) -> Stated {
        let stated = |name: &str| evidence.variable(name).map_or(Stated::Missing, |name| Stated::Name(name.to_vec()));
        match self {
            Self::Plain | Self::Http | Self::Pagure => Stated::ByPath,
            Self::Gitolite => stated("GL_REPO"),
            Self::Gitea | Self::Forgejo => {
                match (evidence.variable("GITEA_REPO_USER_NAME"), evidence.variable("GITEA_REPO_NAME")) {
                    (Some(owner), Some(name)) => Stated::Name([owner, b"/", name].concat()),
                    (Some(_) | None, _) => Stated::Missing,
                }
            }
            Self::Gitlab => stated("GL_PROJECT_PATH"),
        }
    }

    /// Whether the client chooses the case in which a repository is named. Gitea finds it by the name in lower case, and over
    /// HTTP states what the address has (routers/web/repo/githttp.go, `httpBase`).
    pub(super) fn ignores_case_of_repositories(self) -> bool {
        match self {
            Self::Gitea | Self::Forgejo => true,
            Self::Plain | Self::Http | Self::Gitolite | Self::Gitlab | Self::Pagure => false,
        }
    }

    /// How the change came about; `None`: it does not say.
    pub fn via(self, evidence: &Evidence) -> Option<Via> {
        match self {
            // Without a web interface there is nothing but pushes.
            Self::Plain | Self::Http | Self::Gitolite => Some(Via::Push),
            Self::Gitea | Self::Forgejo => match () {
                () if evidence.variable("GITEA_PR_ID").is_some_and(|id| id != b"0") => Some(Via::Merge),
                () if evidence.variable("SSH_ORIGINAL_COMMAND") == Some(b"gitea-internal") => Some(Via::Edit),
                () if evidence.variable("GITEA_INTERNAL_PUSH") == Some(b"true") => Some(Via::Edit),
                // Whatever does not even say who pushes, was not run by Gitea.
                () => evidence.variable("GITEA_PUSHER_NAME").map(|_| Via::Push),
            },
            Self::Gitlab => match evidence.variable("GL_PROTOCOL")? {
                b"web" => Some(Via::Web),
                b"ssh" | b"http" => Some(Via::Push),
                _ => None,
            },
            Self::Pagure => None,
        }
    }
}

/// Whether a name is written like one of GitLab's own ids, `GL_ID`.
fn is_gitlab_id(name: &str) -> bool {
    let number = name.strip_prefix("user-").or(name.strip_prefix("key-"));
    number.is_some_and(|number| !number.is_empty() && number.bytes().all(|byte| byte.is_ascii_digit()))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn evidence(variables: &[(&str, &str)]) -> Evidence {
        Evidence::from_variables(|name| {
            variables.iter().find(|(known, _)| *known == name).map(|(_, value)| value.as_bytes().to_vec())
        })
    }

    #[test]
    fn accounts() {
        for (server, variables, names) in [
            (Server::Plain, &[("GL_USER", "alice"), ("REMOTE_USER", "alice")][..], &[][..]),
            (Server::Http, &[("REMOTE_USER", "alice"), ("GL_USER", "bob")], &["alice"]),
            (Server::Gitolite, &[("GL_USER", "alice"), ("REMOTE_USER", "bob")], &["alice"]),
            (Server::Gitea, &[("GITEA_PUSHER_NAME", "alice"), ("GITEA_DEPLOY_KEY_ID", "0")], &["alice"]),
            (Server::Forgejo, &[("GITEA_PUSHER_NAME", "alice"), ("GITEA_DEPLOY_KEY_ID", "7")], &["deploy-key:7"]),
            (Server::Gitlab, &[("GL_USERNAME", "alice"), ("GL_ID", "user-12")], &["alice", "user-12"]),
            (Server::Gitlab, &[("GL_USERNAME", "alice"), ("GL_ID", "key-3")], &["deploy-key:3", "key-3"]),
            (Server::Pagure, &[("GL_USER", "alice")], &["alice"]),
            (Server::Gitolite, &[("GL_USER", "")], &[]),
        ] {
            assert_eq!(server.account(&evidence(variables)), names, "{server:?}");
        }
    }

    #[test]
    fn a_deploy_key_is_not_its_owner() {
        let name = ("GITEA_PUSHER_NAME", "alice");
        assert_eq!(Server::Gitea.account(&evidence(&[name, ("GITEA_DEPLOY_KEY_ID", "4")])), ["deploy-key:4"]);
        assert_eq!(Server::Gitea.account(&evidence(&[name, ("GITEA_DEPLOY_KEY_ID", "0")])), ["alice"]);
        let key = evidence(&[("GL_USERNAME", "alice"), ("GL_ID", "key-3")]);
        assert_eq!(Server::Gitlab.account(&key), ["deploy-key:3", "key-3"]);
    }

    #[test]
    fn nobody_on_gitlab_is_another_by_choice_of_name() {
        let gitlab = |variables: &[(&str, &str)]| Server::Gitlab.account(&evidence(variables));
        assert_eq!(gitlab(&[("GL_USERNAME", "user-12"), ("GL_ID", "user-99")]), ["user-99"]);
        assert_eq!(gitlab(&[("GL_USERNAME", "key-3"), ("GL_ID", "user-99")]), ["user-99"]);
        assert_eq!(gitlab(&[("GL_USERNAME", "key-3")]), [""; 0]);
        assert_eq!(gitlab(&[("GL_USERNAME", "user-friendly")]), ["user-friendly"]);
    }

    #[test]
    fn ways() {
        for (server, variables, way) in [
            (Server::Gitea, &[("GITEA_PR_ID", "12"), ("SSH_ORIGINAL_COMMAND", "gitea-internal")][..], Some(Via::Merge)),
            (Server::Gitea, &[("GITEA_PR_ID", "0"), ("SSH_ORIGINAL_COMMAND", "gitea-internal")], Some(Via::Edit)),
            (Server::Forgejo, &[("GITEA_INTERNAL_PUSH", "true")], Some(Via::Edit)),
            (
                Server::Gitea,
                &[("GITEA_PUSHER_NAME", "alice"), ("SSH_ORIGINAL_COMMAND", "git-receive-pack 'a/b'")],
                Some(Via::Push),
            ),
            (Server::Gitea, &[("SSH_ORIGINAL_COMMAND", "git-receive-pack 'a/b'")], None),
            (Server::Gitlab, &[("GL_PROTOCOL", "x")], None),
            (Server::Gitlab, &[("GL_PROTOCOL", "web")], Some(Via::Web)),
            (Server::Gitlab, &[("GL_PROTOCOL", "ssh")], Some(Via::Push)),
            (Server::Gitlab, &[], None),
            (Server::Pagure, &[], None),
            (Server::Plain, &[("GITEA_PR_ID", "12")], Some(Via::Push)),
        ] {
            assert_eq!(server.via(&evidence(variables)), way, "{server:?} {variables:?}");
        }
    }

    #[test]
    fn names_of_repositories() {
        let gitea = evidence(&[("GITEA_REPO_USER_NAME", "infra"), ("GITEA_REPO_NAME", "dns")]);
        assert_eq!(Server::Gitea.repository(&gitea), Stated::Name(b"infra/dns".to_vec()));
        assert_eq!(Server::Gitlab.repository(&gitea), Stated::Missing);
        assert_eq!(Server::Plain.repository(&gitea), Stated::ByPath);
        assert_eq!(Server::Gitolite.repository(&evidence(&[("GL_REPO", "x")])), Stated::Name(b"x".to_vec()));
    }
}
