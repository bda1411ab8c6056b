//! Who may push, on which evidence, and how.
//!
//! `pusher = { by = ["@maintainers"], certificate = "required", via = ["push", "merge"] }`
//!
//! This is about who pushes, not about who signed the commits. Who that is, is known by a push certificate that counts
//! (`git push --signed`, by a registered key), else by what the policy's `server` says: its account, looked up in the
//! `accounts` of `signers.toml`, or with `server = "plain"` the key or certificate that sshd authenticated, where its
//! configuration has `ExposeAuthInfo yes`; if it asked for several, all must be one person's. Otherwise it is unknown, and
//! whoever is unknown is in no list.
//!
//! `by`: who may push: ids, emails, `@groups`; `["*"]` is every registered person. Absent: anyone. `certificate`:
//! `"required"`: the push itself must be signed. Git asks for it only where the repository sets `receive.certNonceSeed`;
//! over HTTP set `receive.certNonceSlop`, too. The `update` hook sees no certificates: use `hook pre-receive`. GitLab passes
//! none on. Absent: not required. `via`: in which of these ways the change may come about, as the Git server says: `"push"`,
//! `"merge"`, `"edit"` (in its web interface). Gitea and Forgejo tell the three apart. GitLab tells a push from its web
//! interface, not a merge there from an edit: list both. `plain`, `http` and `gitolite` know nothing but pushes. Pagure says
//! nothing, and so fits no list. An empty list is a mistake. Absent: in any way.
//!
//! A push certificate that is there and does not count refuses the whole push, under every policy and whatever a rule's
//! `mode`: its signature must be good, its key registered, its nonce `OK`, its lines exactly the updates, and its signer the
//! person whose account it is. It is good for one push that is accepted.
//!
//! A deploy key is the account `deploy-key:<id>`, never its owner.

use super::{Kind, Needs};
use crate::{
    document::{Reader, Value, What},
    policy::{
        diff::{Setting, Strictness},
        facts::{Certified, CommitFacts, Context, Terms, UpdateFacts, Via},
        sentences::{Explanation, Said, shell_word},
        who::Who,
    },
    push::{Change, ObjectId},
    registry::{Fault, Signer},
};

/// The requirement.
#[derive(Debug)]
pub struct Pusher {
    by: Option<Who>,
    certificate: Option<Certificate>,
    via: Option<Vec<Via>>,
}

#[derive(Clone, Copy, Debug)]
enum Certificate {
    Required,
}

/// Why it refuses.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub enum Reason {
    /// The pusher is not one of those who may: who may, and who the pusher is taken for, in words.
    NotAllowed {
        /// Who may.
        by: String,
        /// Who the pusher is taken for.
        pusher: String,
    },
    /// There is no push certificate.
    NoCertificate,
    /// It came about in another way: how, if that is known, and the ways that are allowed.
    Via(Option<Via>, Vec<Via>),
}

impl Pusher {
    /// Whether a push certificate must be there.
    pub fn requires_certificate(&self) -> bool {
        self.certificate.is_some()
    }

    /// Whether the server must say how changes come about.
    pub fn asks_how(&self) -> bool {
        self.via.is_some()
    }

    /// Whether a change that came about so is let in.
    pub fn admits(&self, way: Via) -> bool {
        self.via.as_ref().is_none_or(|ways| comes_about(Some(way), ways))
    }

    /// Whether it depends on who pushes.
    pub fn asks_who_pushed(&self) -> bool {
        self.by.is_some()
    }
}

impl Kind for Pusher {
    const KEY: &'static str = "pusher";
    const CODES: &'static [&'static str] = &["pusher", "no-push-certificate", "via"];
    type Reason = Reason;

    fn read(value: &Value<'_>, reader: &mut Reader<'_>) -> Option<Self> {
        const WAYS: &[(&str, Via)] = &[("push", Via::Push), ("merge", Via::Merge), ("edit", Via::Edit)];
        reader.table(value, |fields| {
            Some(Self {
                by: fields.optional("by", Who::read_list),
                certificate: fields.optional("certificate", |value, reader| {
                    reader.choice(value, &[("required", Certificate::Required)])
                }),
                via: fields.optional("via", |value, reader| {
                    let ways = reader.list(value, |value, reader| reader.choice(value, WAYS))?;
                    if ways.is_empty() {
                        reader.problem(value.span(), What::Other("an empty list lets nothing in".into()));
                        return None;
                    }
                    Some(ways)
                }),
            })
        })
    }

    fn absent() -> Option<Self> {
        None
    }

    fn needs(&self) -> Needs {
        Needs::default()
    }

    fn asks_about(&self, _: &[u8]) -> bool {
        false
    }

    fn terms(&self) -> Option<Terms> {
        None
    }

    fn judge_commit(&self, _: &CommitFacts<'_>, _: &Context<'_>, _: &mut dyn FnMut(Reason)) {}

    fn judge_update(
        &self,
        _: &UpdateFacts<'_>,
        context: &Context<'_>,
        refuse: &mut dyn FnMut((Reason, Option<ObjectId>)),
    ) {
        let pusher = context.pusher;
        if let Some(by) = &self.by
            && !pusher.signer.as_ref().is_some_and(|signer| by.includes(signer))
        {
            refuse((Reason::NotAllowed { by: by.described(), pusher: pusher.described() }, None));
        }
        if self.requires_certificate() && pusher.certified == Certified::No {
            refuse((Reason::NoCertificate, None));
        }
        if let Some(ways) = &self.via
            && !comes_about(pusher.via, ways)
        {
            refuse((Reason::Via(pusher.via, ways.clone()), None));
        }
    }

    fn sentences(&self) -> Vec<String> {
        let by = self.by.as_ref().map(|by| format!("whoever pushes must be {}", by.described()));
        let certificate = self.certificate.map(|Certificate::Required| "the push itself must be signed".to_owned());
        let via = self.via.as_ref().map(|ways| format!("it may change by {} only", listed(ways)));
        [by, certificate, via].into_iter().flatten().collect()
    }

    fn sentences_for(&self, signer: &Signer) -> Vec<String> {
        let by = self.by.as_ref().map(|by| match by.includes(signer) {
            true => "may push".to_owned(),
            false => format!("may not push: that is for {}", by.described()),
        });
        let certificate = self.certificate.map(|Certificate::Required| "has to sign each push".to_owned());
        by.into_iter().chain(certificate).collect()
    }

    fn settings(&self) -> Vec<Setting> {
        let by = self.by.as_ref().map_or_else(|| Strictness::Any("anyone".into()), |by| Strictness::Allowed(by.names()));
        let via = match &self.via {
            None => Strictness::Any("any way".into()),
            Some(ways) => Strictness::Allowed(ways.iter().map(|way| listed(&[*way])).collect()),
        };
        vec![
            Setting { key: "by", value: by },
            Setting::asks("certificate", self.requires_certificate()),
            Setting { key: "via", value: via },
        ]
    }

    fn lists(&self) -> Vec<(&'static str, &Who)> {
        self.by.iter().map(|by| ("by", by)).collect()
    }

    fn explain(reason: &Reason, said: &Said<'_>) -> Explanation {
        match reason {
            Reason::NotAllowed { by, pusher } => Explanation {
                code: "pusher",
                lines: vec![format!("only {by} may push to it"), format!("  {pusher}")],
                hints: Vec::new(),
            },
            Reason::NoCertificate => Explanation {
                code: "no-push-certificate",
                lines: vec!["the push itself must be signed, and it is not".into()],
                hints: signing(said).into_iter().collect(),
            },
            Reason::Via(way, ways) => Explanation {
                code: "via",
                lines: vec![match way {
                    Some(way) => format!("it may change by {} only, and this is {}", listed(ways), described(*way)),
                    None => format!("it may change by {} only, and the Git server does not say what this is", listed(ways)),
                }],
                hints: Vec::new(),
            },
        }
    }

    fn is_ambiguous(_: &Reason) -> bool {
        false
    }

    fn fault(_: &Reason) -> Option<&Fault> {
        None
    }
}

/// The push again, signed; nothing where a shell might read the ref's name otherwise.
fn signing(said: &Said<'_>) -> Option<String> {
    let name = shell_word(said.update.name.as_bytes())?;
    let known = name.strip_prefix("refs/heads/").or(name.strip_prefix("refs/tags/")).unwrap_or(&name);
    Some(match said.update.change {
        Change::Create { .. } | Change::Move { .. } => {
            format!("sign it with a registered key: git push --signed origin {known}")
        }
        Change::Delete { .. } => format!("sign it with a registered key: git push --signed --delete origin {name}"),
    })
}

/// What the web interface did without saying how must be allowed either way.
fn comes_about(way: Option<Via>, ways: &[Via]) -> bool {
    match way {
        None => false,
        Some(Via::Web) => ways.contains(&Via::Merge) && ways.contains(&Via::Edit),
        Some(way @ (Via::Push | Via::Merge | Via::Edit)) => ways.contains(&way),
    }
}

fn described(way: Via) -> &'static str {
    match way {
        Via::Push => "a push",
        Via::Merge => "a merge in the web interface",
        Via::Edit => "an edit in the web interface",
        Via::Web => "a merge or an edit in the web interface",
    }
}

fn listed(ways: &[Via]) -> String {
    ways.iter().map(|&way| described(way)).collect::<Vec<_>>().join(" or ")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_empty_list_of_ways_is_a_mistake() {
        let compiled = |via: &str| {
            let rule = format!("[[rule]]\nname = 'main'\nrefs = ['refs/heads/main']\npusher = {{ via = {via} }}\n");
            let source = format!("version = 1\nunmatched-refs = 'accept'\n{rule}");
            crate::policy::compile(&source, &crate::document::Groups::new())
        };
        let problems: Vec<_> = compiled("[]").unwrap_err().iter().map(|problem| problem.what.to_string()).collect();
        assert_eq!(problems, ["an empty list lets nothing in"]);
        assert!(compiled("['push']").is_ok());
    }

    #[test]
    fn what_a_server_does_not_tell_apart_must_be_allowed_either_way() {
        assert!(comes_about(Some(Via::Push), &[Via::Push]));
        assert!(!comes_about(Some(Via::Edit), &[Via::Push, Via::Merge]));
        assert!(!comes_about(Some(Via::Web), &[Via::Push, Via::Merge]));
        assert!(comes_about(Some(Via::Web), &[Via::Edit, Via::Merge]));
        assert!(!comes_about(None, &[Via::Push, Via::Edit, Via::Merge]));
    }
}
