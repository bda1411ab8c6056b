//! Whose names commits bear.
//!
//! `identity = { committer = "signer", author = "registered", pusher = "signer" }`
//!
//! `committer`, `author`: whose the email of every commit that the ref gains must be. `"any"` (default): anybody's.
//! `"registered"`: that of a registered signer who has not left: an email in `signers.toml`, a principal of
//! `allowed_signers` (or one that a `cert-authority` line admits), or a user ID of an OpenPGP certificate. Bots and forges
//! count here like people, for this is about the name on a commit and allows nobody anything. `"signer"`: one of the
//! emails of the one who signed that commit. A commit that is not signed, or whose signature does not count, has no
//! signer and is refused, also where the rule has no `signatures` or accepts unsigned commits there. Where `signatures`
//! lets a forge sign for people (`forge`), the signer is who acted.
//!
//! `pusher`: `"any"` (default), or `"signer"`: whoever pushes signed the new tip. A pusher whom the registry does not know
//! is refused, and so is a tip that is not signed; a tip that a `baseline` covers is not judged, and a deletion has none.
//!
//! Emails are compared without regard to case in the domain, exactly before it; one that is not UTF-8 is nobody's.

use super::{Kind, Needs, Reach};
use crate::{
    document::{Reader, Value},
    object::Person,
    policy::{
        diff::{Setting, Strictness},
        facts::{CommitFacts, Context, Terms, UpdateFacts},
        sentences::{Explanation, Said, explain_fault},
        who::Who,
        whose::Whose,
    },
    push::ObjectId,
    registry::{Fault, Signer, SignerId, Status},
};

/// The requirement.
#[derive(Debug)]
pub struct Identity {
    committer: Whom,
    author: Whom,
    pusher: Pushers,
}

#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum Whom {
    Any,
    Registered,
    Signer,
}

#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum Pushers {
    Any,
    Signer,
}

impl Identity {
    /// Whether commits that are not signed are refused.
    pub(in crate::policy) fn asks_for_signers(&self) -> bool {
        self.committer == Whom::Signer || self.author == Whom::Signer || self.pusher == Pushers::Signer
    }

    /// Whether it asks of an email only that somebody in the registry has it.
    pub(in crate::policy) fn asks_for_the_registered(&self) -> bool {
        self.committer == Whom::Registered || self.author == Whom::Registered
    }

    /// Whether it depends on who pushes.
    pub(in crate::policy) fn asks_who_pushed(&self) -> bool {
        self.pusher == Pushers::Signer
    }
}

/// Whose name on a commit.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub enum Role {
    /// Who made the commit.
    Committer,
    /// Who wrote the change.
    Author,
}

impl Role {
    /// With its article.
    fn described(self) -> &'static str {
        match self {
            Self::Committer => "a committer",
            Self::Author => "an author",
        }
    }

    fn name(self) -> &'static str {
        match self {
            Self::Committer => "committer",
            Self::Author => "author",
        }
    }
}

/// Why it refuses.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub enum Reason {
    /// Nobody who is registered has this email, raw bytes.
    NotRegistered(Role, Vec<u8>),
    /// Another signed: the email, raw bytes, and who.
    OtherSigner(Role, Vec<u8>, SignerId),
    /// It has to be the signer's, and no signature says who that is.
    NoSigner(Role),
    /// It has to be the signer's, and is signed more than once, which no mode softens.
    Ambiguous(Fault),
    /// Who pushes has to be the tip's signer, and is not known.
    UnknownPusher,
    /// Nobody is known to have signed the tip: who pushes.
    PusherUnsigned(SignerId),
    /// Another than who pushes signed the tip: who pushes, and who signed.
    PusherOther(SignerId, SignerId),
}

impl Kind for Identity {
    const KEY: &'static str = "identity";
    const CODES: &'static [&'static str] = &["identity-signer", "identity-unregistered", "identity-unsigned", "pusher-signer", "pusher-unknown", "pusher-unsigned"];
    type Reason = Reason;

    fn read(value: &Value<'_>, reader: &mut Reader<'_>) -> Option<Self> {
        let whom = |value: &Value<'_>, reader: &mut Reader<'_>| {
            reader.choice(value, &[("any", Whom::Any), ("registered", Whom::Registered), ("signer", Whom::Signer)])
        };
        reader.table(value, |fields| {
            Some(Self {
                committer: fields.optional("committer", whom).unwrap_or(Whom::Any),
                author: fields.optional("author", whom).unwrap_or(Whom::Any),
                pusher: fields
                    .optional("pusher", |value, reader| {
                        reader.choice(value, &[("any", Pushers::Any), ("signer", Pushers::Signer)])
                    })
                    .unwrap_or(Pushers::Any),
            })
        })
    }

    fn absent() -> Option<Self> {
        None
    }

    fn needs(&self) -> Needs {
        let commits = match (self.committer, self.author, self.pusher) {
            (Whom::Any, Whom::Any, Pushers::Any) => Reach::Nothing,
            (Whom::Any, Whom::Any, Pushers::Signer) => Reach::Tip,
            (_, _, _) => Reach::All,
        };
        Needs { commits, ..Needs::default() }
    }

    fn asks_about(&self, _: &[u8]) -> bool {
        false
    }

    fn terms(&self) -> Option<Terms> {
        None
    }

    fn judge_commit(&self, facts: &CommitFacts<'_>, context: &Context<'_>, refuse: &mut dyn FnMut(Reason)) {
        let asks = |whom: Whom| self.committer == whom || self.author == whom;
        let is_tip = facts.standing.tip;
        let asks_tip = is_tip && self.pusher == Pushers::Signer;
        let judged = (facts.standing.gained || is_tip) && (asks(Whom::Registered) || asks(Whom::Signer));
        if !judged && !asks_tip {
            return;
        }
        let whose = (asks(Whom::Signer) || asks_tip).then(|| facts.signer(context));
        let signer = whose.as_ref().and_then(|whose| whose.signer());
        let commit = facts.commit;
        let roles = [(Role::Committer, self.committer, commit.committer), (Role::Author, self.author, commit.author)];
        for (role, whom, Person { email, .. }) in roles.into_iter().filter(|_| judged) {
            match (whom, signer) {
                (Whom::Any, _) => {}
                (Whom::Registered, _) => {
                    if !context.registry.has_email(email, context.now) {
                        refuse(Reason::NotRegistered(role, email.to_vec()));
                    }
                }
                (Whom::Signer, None) => refuse(match &whose {
                    Some(Whose::NotGood(fault)) if fault.status == Status::Ambiguous => Reason::Ambiguous(fault.clone()),
                    Some(_) | None => Reason::NoSigner(role),
                }),
                (Whom::Signer, Some(signer)) => {
                    if !signer.has_email(email) {
                        refuse(Reason::OtherSigner(role, email.to_vec(), signer.id.clone()));
                    }
                }
            }
        }
        if asks_tip {
            match (&context.pusher.signer, signer) {
                (None, _) => refuse(Reason::UnknownPusher),
                (Some(pusher), None) => refuse(Reason::PusherUnsigned(pusher.id.clone())),
                (Some(pusher), Some(signer)) if pusher.id != signer.id => {
                    refuse(Reason::PusherOther(pusher.id.clone(), signer.id.clone()));
                }
                (Some(_), Some(_)) => {}
            }
        }
    }

    fn judge_update(&self, _: &UpdateFacts<'_>, _: &Context<'_>, _: &mut dyn FnMut((Reason, Option<ObjectId>))) {}

    fn sentences(&self) -> Vec<String> {
        let asked = [(Role::Committer, self.committer), (Role::Author, self.author)].into_iter();
        let asked = asked.filter_map(|(role, whom)| {
            let role = role.name();
            match whom {
                Whom::Any => None,
                Whom::Registered => {
                    Some(format!("the {role}'s email of every commit that it gains must be a registered signer's"))
                }
                Whom::Signer => Some(format!(
                    "the {role}'s email of every commit that it gains must be its signer's, so each must be signed"
                )),
            }
        });
        let pusher = (self.pusher == Pushers::Signer).then(|| "whoever pushes must have signed the new tip".to_owned());
        asked.chain(pusher).collect()
    }

    fn sentences_for(&self, signer: &Signer) -> Vec<String> {
        let emails = || match signer.emails.as_slice() {
            [] => "an email of theirs, and has none".to_owned(),
            emails => emails.iter().map(|email| format!("`{email}`")).collect::<Vec<_>>().join(" or "),
        };
        let asked = [(Role::Committer, self.committer), (Role::Author, self.author)].into_iter();
        let asked = asked.filter(|(_, whom)| *whom == Whom::Signer);
        let asked = asked.map(|(role, _)| format!("signs only commits that have them as the {}: {}", role.name(), emails()));
        let pusher = (self.pusher == Pushers::Signer).then(|| "may push only tips that they signed".to_owned());
        asked.chain(pusher).collect()
    }

    fn settings(&self) -> Vec<Setting> {
        let setting = |key, whom| {
            let value = match whom {
                Whom::Any => Strictness::Any("any".into()),
                Whom::Registered => Strictness::Unordered("registered".into()),
                Whom::Signer => Strictness::Unordered("signer".into()),
            };
            Setting { key, value }
        };
        vec![
            setting("committer", self.committer),
            setting("author", self.author),
            Setting::asks("pusher", self.pusher == Pushers::Signer),
        ]
    }

    fn lists(&self) -> Vec<(&'static str, &Who)> {
        Vec::new()
    }

    fn explain(reason: &Reason, said: &Said<'_>) -> Explanation {
        let lone = said.finding.count == 1;
        let subject = match (said.finding.count, said.newest()) {
            (1, Some(subject)) => format!("{} has", subject.id.short()),
            (count, _) => format!("{count} of {} commits have", said.finding.brought.commits.max(count)),
        };
        let (code, what) = match reason {
            Reason::Ambiguous(fault) => {
                let sign = said.signing_command();
                return explain_fault(fault, said, &said.subject_and_verb(), said.objects(), sign.as_deref());
            }
            Reason::NotRegistered(role, email) => (
                "identity-unregistered",
                format!("{subject} the {} {}, whom nobody has registered", role.name(), quoted(email)),
            ),
            Reason::OtherSigner(role, email, signer) => (
                "identity-signer",
                format!("{subject} the {} {}, and the signer is {}", role.name(), quoted(email), signer.0),
            ),
            Reason::NoSigner(role) => {
                let each = if lone { "no signature that counts says who signed it" } else { "no signature that counts" };
                ("identity-unsigned", format!("{subject} {} who must be the signer, and {each}", role.described()))
            }
            Reason::UnknownPusher => {
                ("pusher-unknown", "who pushes must have signed the new tip, and it is not known who pushes".to_owned())
            }
            Reason::PusherUnsigned(pusher) => (
                "pusher-unsigned",
                format!("{} pushes and must have signed the new tip, which has no signature that counts", pusher.0),
            ),
            Reason::PusherOther(pusher, signer) => (
                "pusher-signer",
                format!("{} pushes and must have signed the new tip, which {} signed", pusher.0, signer.0),
            ),
        };
        let mut lines = vec![what];
        lines.extend(said.objects());
        let hint = match reason {
            Reason::NotRegistered(Role::Author, _) | Reason::OtherSigner(Role::Author, ..) => {
                said.renaming_command(true)
            }
            Reason::NotRegistered(Role::Committer, _) | Reason::OtherSigner(Role::Committer, ..) => {
                said.renaming_command(false)
            }
            Reason::NoSigner(_) | Reason::PusherUnsigned(_) | Reason::PusherOther(..) => {
                said.signing_command().map(|sign| format!("sign it: {sign}"))
            }
            Reason::UnknownPusher | Reason::Ambiguous(_) => None,
        };
        Explanation { code, lines, hints: hint.into_iter().collect() }
    }

    fn is_ambiguous(reason: &Reason) -> bool {
        matches!(reason, Reason::Ambiguous(_))
    }

    fn fault(reason: &Reason) -> Option<&Fault> {
        if let Reason::Ambiguous(fault) = reason { Some(fault) } else { None }
    }
}

fn quoted(email: &[u8]) -> String {
    format!("`{}`", String::from_utf8_lossy(email))
}
