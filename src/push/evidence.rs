//! What the Git server says of who pushed, as it was received: nothing here is believed yet. Which of it counts, the
//! policy's `server` decides.

use std::collections::BTreeMap;

/// The variables that are looked at, by name; no other is ever read. `HTTP_AUTHORIZATION`, which some web servers leave in
/// a hook's environment, holds a password.
pub const VARIABLES: &[&str] = &[
    "GITEA_DEPLOY_KEY_ID",
    "GITEA_INTERNAL_PUSH",
    "GITEA_PR_ID",
    "GITEA_PUSHER_NAME",
    "GITEA_REPO_NAME",
    "GITEA_REPO_USER_NAME",
    "GL_ID",
    "GL_PROJECT_PATH",
    "GL_PROTOCOL",
    "GL_REPO",
    "GL_USER",
    "GL_USERNAME",
    "REMOTE_USER",
    "SSH_ORIGINAL_COMMAND",
];

/// Evidence of who pushed. The default is none.
#[derive(Clone, Debug, Default)]
pub struct Evidence {
    variables: BTreeMap<&'static str, Vec<u8>>,
    /// What sshd wrote into the file that `SSH_USER_AUTH` names (sshd_config(5), `ExposeAuthInfo`).
    pub authentication: Option<Vec<u8>>,
    /// The push certificate.
    pub certificate: Certificate,
    /// Of a push of the past, what was recorded instead of all that.
    pub recorded: Option<Recorded>,
}

/// What is recorded of who pushed.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct Recorded {
    /// The registered signer's id.
    pub id: Option<String>,
    /// What the Git server called them.
    pub account: Option<String>,
    /// Whether a push certificate showed it.
    pub is_certified: bool,
    /// Why it was not known who it was; empty: nothing said so.
    pub why_unknown: String,
    /// `push`, `merge`, `edit` or `web`, if the Git server said.
    pub via: Option<String>,
    /// What the policy knew the repository by.
    pub repository: Option<Vec<u8>>,
}

/// Whether there is a push certificate.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub enum Certificate {
    /// There is none.
    #[default]
    Absent,
    /// Git shows none to this hook, whether there is one or not.
    Unseen,
    /// There is one, larger than what is read.
    TooLarge,
    /// There is one.
    Received {
        /// The blob's bytes.
        text: Vec<u8>,
        /// What git says of its nonce; empty: nothing.
        nonce_status: Vec<u8>,
    },
}

impl Evidence {
    /// Asks for each of the [`VARIABLES`]. An empty one is as good as none.
    pub fn from_variables(mut value: impl FnMut(&'static str) -> Option<Vec<u8>>) -> Self {
        let found = VARIABLES.iter().filter_map(|&name| Some((name, value(name)?)));
        Self { variables: found.filter(|(_, value)| !value.is_empty()).collect(), ..Self::default() }
    }

    /// That of a push of the past.
    pub fn of_record(recorded: Recorded) -> Self {
        Self { recorded: Some(recorded), ..Self::default() }
    }

    /// The value of one of the [`VARIABLES`], if it has any.
    pub fn variable(&self, name: &str) -> Option<&[u8]> {
        self.variables.get(name).map(Vec::as_slice)
    }

    /// The public keys that sshd authenticated: algorithm and base64, as in `authorized_keys`. `None` stands for a line
    /// that is no such key.
    pub fn authenticated_keys(&self) -> impl Iterator<Item = Option<(&str, &str)>> {
        let lines = self.authentication.iter().flat_map(|text| text.split(|&byte| byte == b'\n'));
        lines.filter_map(|line| line.strip_prefix(b"publickey ")).map(|line| {
            let mut words = std::str::from_utf8(line).ok()?.split_ascii_whitespace();
            Some((words.next()?, words.next()?))
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_known_variables_are_asked_for() {
        let mut asked = Vec::new();
        let evidence = Evidence::from_variables(|name| {
            asked.push(name);
            Some(if name == "GL_USER" { b"alice".to_vec() } else { Vec::new() })
        });
        assert_eq!(asked, VARIABLES);
        assert!(!asked.contains(&"HTTP_AUTHORIZATION"));
        assert_eq!(evidence.variable("GL_USER"), Some(&b"alice"[..]));
        assert_eq!(evidence.variable("GL_ID"), None, "it is empty");
        assert_eq!(evidence.variable("HTTP_AUTHORIZATION"), None);
    }

    #[test]
    fn the_keys_that_sshd_authenticated() {
        let text = b"publickey ssh-ed25519 AAAA\npassword\npublickey ssh-rsa\npublickey ecdsa BBBB comment\n".to_vec();
        let evidence = Evidence { authentication: Some(text), ..Evidence::default() };
        let keys: Vec<_> = evidence.authenticated_keys().collect();
        assert_eq!(keys, [Some(("ssh-ed25519", "AAAA")), None, Some(("ecdsa", "BBBB"))]);
        assert_eq!(Evidence::default().authenticated_keys().count(), 0);
    }
}
