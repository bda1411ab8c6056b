//! Who may change the ref, and how.
//!
//! `updates = { create = true, update = true, force-push = false, delete = false }`
//!
//! Each key is `true` (anyone), `false` (nobody), or a list of people, such as `["@maintainers"]`: then whoever pushes must
//! be known (see `server`) and in the list. Who signed does not matter here. The values above are what holds where a key, or the whole table, is
//! absent. `create`: the ref may come into being. `update`: it may get another value; `false` freezes it. `force-push`:
//! a branch may get a value that does not descend from its old one, and an existing tag may be changed. `delete`: the
//! ref may go. A branch always points at a commit.

use super::{Kind, Needs};
use crate::{
    document::{Reader, Value},
    policy::{
        diff::{Setting, Strictness},
        facts::{CommitFacts, Context, Pusher, TargetKind, Terms, UpdateFacts},
        sentences::{Explanation, Said, described_target, shell_word},
        who::Who,
    },
    push::{Change, ObjectId},
    registry::{Fault, Signer},
};

/// The requirement.
#[derive(Debug)]
pub struct Updates {
    create: Allowed,
    update: Allowed,
    force_push: Allowed,
    delete: Allowed,
    /// Whether the policy says so, be it what holds anyhow.
    pub(in crate::policy) is_written: bool,
}

/// Who may.
#[derive(Debug)]
enum Allowed {
    Anyone,
    Nobody,
    /// These, as pushers.
    Only(Who),
}

/// Why it refuses.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub enum Reason {
    /// The ref does not exist, and may not be created.
    Create,
    /// The ref is frozen.
    Update,
    /// The new value does not descend from the old one.
    ForcePush,
    /// An existing tag would change.
    TagMoved,
    /// The ref may not be deleted.
    Delete,
    /// Others may, and the pusher is none of them.
    NotYours(Box<Refused>),
    /// A branch would point at something that is no commit: how many tags lie between, and what it is.
    NotACommit(usize, Option<TargetKind>),
}

/// What a pusher may not do, and others may.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub struct Refused {
    what: What,
    /// Who may, in words.
    by: String,
    /// Who the pusher is taken for, in words.
    pusher: String,
}

#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
enum What {
    Create,
    Update,
    ForcePush,
    MoveTag,
    Delete,
}

impl What {
    /// The reason where nobody may.
    fn to_nobody(self) -> Reason {
        match self {
            Self::Create => Reason::Create,
            Self::Update => Reason::Update,
            Self::ForcePush => Reason::ForcePush,
            Self::MoveTag => Reason::TagMoved,
            Self::Delete => Reason::Delete,
        }
    }
}

impl Allowed {
    fn read(value: &Value<'_>, reader: &mut Reader<'_>) -> Option<Self> {
        if value.get_ref().is_array() {
            return Who::read_list(value, reader).map(Self::Only);
        }
        Some(if reader.boolean(value)? { Self::Anyone } else { Self::Nobody })
    }

    fn includes(&self, signer: &Signer) -> bool {
        match self {
            Self::Anyone => true,
            Self::Nobody => false,
            Self::Only(who) => who.includes(signer),
        }
    }

    fn setting(&self, key: &'static str) -> Setting {
        let value = match self {
            Self::Anyone => Strictness::Any("anyone".into()),
            Self::Nobody => Strictness::Nothing("nobody".into()),
            Self::Only(who) => Strictness::Allowed(who.names()),
        };
        Setting { key, value }
    }

    fn is_anyone(&self) -> bool {
        matches!(self, Self::Anyone)
    }

    fn refusal(&self, what: What, pusher: &Pusher) -> Option<Reason> {
        match self {
            Self::Anyone => None,
            Self::Nobody => Some(what.to_nobody()),
            Self::Only(who) if pusher.signer.as_ref().is_some_and(|signer| who.includes(signer)) => None,
            Self::Only(who) => {
                let (by, pusher) = (who.described(), pusher.described());
                Some(Reason::NotYours(Box::new(Refused { what, by, pusher })))
            }
        }
    }

    fn described(&self) -> String {
        match self {
            Self::Anyone => "anyone who can push".to_owned(),
            Self::Nobody => "nobody".to_owned(),
            Self::Only(who) => format!("{}, pushing,", who.described()),
        }
    }
}

impl Updates {
    /// Whether anything here depends on who pushes.
    pub fn asks_who_pushed(&self) -> bool {
        let all = [&self.create, &self.update, &self.force_push, &self.delete];
        all.iter().any(|allowed| matches!(allowed, Allowed::Only(_)))
    }
}

impl Kind for Updates {
    const KEY: &'static str = "updates";
    const CODES: &'static [&'static str] = &["create", "update", "force-push", "tag-moved", "delete", "not-a-commit"];
    type Reason = Reason;

    fn read(value: &Value<'_>, reader: &mut Reader<'_>) -> Option<Self> {
        reader.table(value, |fields| {
            Some(Self {
                create: fields.optional("create", Allowed::read).unwrap_or(Allowed::Anyone),
                update: fields.optional("update", Allowed::read).unwrap_or(Allowed::Anyone),
                force_push: fields.optional("force-push", Allowed::read).unwrap_or(Allowed::Nobody),
                delete: fields.optional("delete", Allowed::read).unwrap_or(Allowed::Nobody),
                is_written: true,
            })
        })
    }

    fn absent() -> Option<Self> {
        Some(Self {
            create: Allowed::Anyone,
            update: Allowed::Anyone,
            force_push: Allowed::Nobody,
            delete: Allowed::Nobody,
            is_written: false,
        })
    }

    fn needs(&self) -> Needs {
        Needs { fast_forward: !self.force_push.is_anyone(), ..Needs::default() }
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
        facts: &UpdateFacts<'_>,
        context: &Context<'_>,
        refuse: &mut dyn FnMut((Reason, Option<ObjectId>)),
    ) {
        let mut refuse = |reason| refuse((reason, None));
        let is_tag = facts.tag_name().is_some();
        let pusher = context.pusher;
        let rewritten = || match facts.update.change {
            Change::Move { old, new } if is_tag && old != new => self.force_push.refusal(What::MoveTag, pusher),
            Change::Move { .. } if !is_tag && !facts.fast_forward => self.force_push.refusal(What::ForcePush, pusher),
            Change::Create { .. } | Change::Move { .. } | Change::Delete { .. } => None,
        };
        let refusal = match facts.update.change {
            Change::Create { .. } => self.create.refusal(What::Create, pusher),
            Change::Move { .. } => self.update.refusal(What::Update, pusher).or_else(rewritten),
            Change::Delete { .. } => self.delete.refusal(What::Delete, pusher),
        };
        if let Some(reason) = refusal {
            refuse(reason);
        }
        let points_at_commit = facts.layers.is_empty() && facts.target == Some(TargetKind::Commit);
        if facts.is_branch() && facts.target.is_some() && !points_at_commit {
            refuse(Reason::NotACommit(facts.layers.len(), facts.target));
        }
    }

    fn sentences(&self) -> Vec<String> {
        let rewrite = if matches!(self.update, Allowed::Nobody) { &self.update } else { &self.force_push };
        vec![
            format!("{} may create it", self.create.described()),
            format!("{} may update it", self.update.described()),
            format!("{} may rewrite it (force-push, or move an existing tag)", rewrite.described()),
            format!("{} may delete it", self.delete.described()),
        ]
    }

    fn sentences_for(&self, signer: &Signer) -> Vec<String> {
        let may = |allowed: bool| if allowed { "may" } else { "may not" };
        let [create, update, force_push, delete] =
            [&self.create, &self.update, &self.force_push, &self.delete].map(|allowed| allowed.includes(signer));
        vec![
            format!("{} create it", may(create)),
            format!("{} update it", may(update)),
            format!("{} rewrite it (force-push, or move an existing tag)", may(force_push && update)),
            format!("{} delete it", may(delete)),
        ]
    }

    fn settings(&self) -> Vec<Setting> {
        vec![
            self.create.setting("create"),
            self.update.setting("update"),
            self.force_push.setting("force-push"),
            self.delete.setting("delete"),
        ]
    }

    fn lists(&self) -> Vec<(&'static str, &Who)> {
        let keys =
            [("create", &self.create), ("update", &self.update), ("force-push", &self.force_push), ("delete", &self.delete)];
        let lists = keys.into_iter().filter_map(|(key, allowed)| match allowed {
            Allowed::Only(who) => Some((key, who)),
            Allowed::Anyone | Allowed::Nobody => None,
        });
        lists.collect()
    }

    fn explain(reason: &Reason, said: &Said<'_>) -> Explanation {
        let remote_name = said.update.name.to_string();
        let name = remote_name.strip_prefix("refs/heads/").or(remote_name.strip_prefix("refs/tags/"));
        let name = name.unwrap_or(&remote_name);
        let sign = if said.signing { " -S" } else { "" };
        let (code, line, hints): (_, String, Vec<String>) = match reason {
            Reason::Create => ("create", "nobody may create it".into(), vec![]),
            Reason::Update => ("update", "it is frozen: nobody may update it".into(), vec![]),
            Reason::ForcePush => (
                "force-push",
                "the new value does not contain the old one: this is a force-push, and nobody may".into(),
                shell_word(name.as_bytes())
                    .filter(|_| said.update.name.is_branch())
                    .map(|name| format!("take in what is there, then push again: git pull --rebase{sign} origin {name}"))
                    .into_iter()
                    .collect(),
            ),
            Reason::TagMoved => (
                "tag-moved",
                "the tag exists already, and nobody may move it".into(),
                vec!["a corrected release needs a new name".into()],
            ),
            Reason::Delete => ("delete", "nobody may delete it".into(), vec![]),
            Reason::NotYours(refused) => {
                let (code, what) = match refused.what {
                    What::Create => ("create", "create it"),
                    What::Update => ("update", "update it"),
                    What::ForcePush => ("force-push", "force-push it, and the new value does not contain the old one"),
                    What::MoveTag => ("tag-moved", "move it, and the tag exists already"),
                    What::Delete => ("delete", "delete it"),
                };
                let lines = vec![format!("only {} may {what}", refused.by), format!("  {}", refused.pusher)];
                return Explanation { code, lines, hints: Vec::new() };
            }
            Reason::NotACommit(layers, target) => (
                "not-a-commit",
                format!("a branch must point at a commit, and this would point at {}", described_target(*layers, *target)),
                vec![],
            ),
        };
        Explanation { code, lines: vec![line], hints }
    }

    fn is_ambiguous(reason: &Reason) -> bool {
        matches!(reason, Reason::NotACommit(..))
    }

    fn fault(_: &Reason) -> Option<&Fault> {
        None
    }
}
