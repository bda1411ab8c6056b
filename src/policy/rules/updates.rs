//! Who may change the ref, and how.
//!
//! `updates = { create = true, update = true, force-push = false, delete = false }`
//!
//! Each key is `true` (anyone) or `false` (nobody). The values above are what holds where a key, or the whole table, is
//! absent. `create`: the ref may come into being. `update`: it may get another value; `false` freezes it. `force-push`:
//! a branch may get a value that does not descend from its old one, and an existing tag may be changed. `delete`: the
//! ref may go. A branch always points at a commit.

use super::{Kind, Needs};
use crate::{
    document::{Reader, Value},
    policy::{
        diff::Setting,
        facts::{CommitFacts, Context, TargetKind, Terms, UpdateFacts},
        sentences::{Explanation, Said, described_target, shell_word},
    },
    push::{Change, ObjectId},
    registry::Signer,
};

/// The requirement.
#[derive(Debug)]
pub struct Updates {
    create: bool,
    update: bool,
    force_push: bool,
    delete: bool,
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
    /// A branch would point at something that is no commit: how many tags lie between, and what it is.
    NotACommit(usize, Option<TargetKind>),
}

impl Kind for Updates {
    const KEY: &'static str = "updates";
    type Reason = Reason;

    fn read(value: &Value<'_>, reader: &mut Reader<'_>) -> Option<Self> {
        let allowed = |value: &Value<'_>, reader: &mut Reader<'_>| {
            if value.get_ref().is_array() {
                reader.not_supported(value, "a list of people in `updates`");
                return None;
            }
            reader.boolean(value)
        };
        reader.table(value, |fields| {
            Some(Self {
                create: fields.optional("create", allowed).unwrap_or(true),
                update: fields.optional("update", allowed).unwrap_or(true),
                force_push: fields.optional("force-push", allowed).unwrap_or(false),
                delete: fields.optional("delete", allowed).unwrap_or(false),
            })
        })
    }

    fn absent() -> Option<Self> {
        Some(Self { create: true, update: true, force_push: false, delete: false })
    }

    fn needs(&self) -> Needs {
        Needs { fast_forward: !self.force_push, ..Needs::default() }
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
        _: &Context<'_>,
        refuse: &mut dyn FnMut((Reason, Option<ObjectId>)),
    ) {
        let mut refuse = |reason| refuse((reason, None));
        let is_tag = facts.tag_name().is_some();
        match facts.update.change {
            Change::Create { .. } if !self.create => refuse(Reason::Create),
            Change::Move { .. } if !self.update => refuse(Reason::Update),
            Change::Move { old, new } if is_tag && old != new && !self.force_push => refuse(Reason::TagMoved),
            Change::Move { .. } if !is_tag && !facts.fast_forward && !self.force_push => refuse(Reason::ForcePush),
            Change::Delete { .. } if !self.delete => refuse(Reason::Delete),
            Change::Create { .. } | Change::Move { .. } | Change::Delete { .. } => {}
        }
        let points_at_commit = facts.layers.is_empty() && facts.target == Some(TargetKind::Commit);
        if facts.is_branch() && facts.target.is_some() && !points_at_commit {
            refuse(Reason::NotACommit(facts.layers.len(), facts.target));
        }
    }

    fn sentences(&self) -> Vec<String> {
        let may = |allowed: bool| if allowed { "anyone who can push" } else { "nobody" };
        vec![
            format!("{} may create it", may(self.create)),
            format!("{} may update it", may(self.update)),
            format!("{} may rewrite it (force-push, or move an existing tag)", may(self.force_push && self.update)),
            format!("{} may delete it", may(self.delete)),
        ]
    }

    fn sentences_for(&self, _: &Signer) -> Vec<String> {
        let may = |allowed: bool| if allowed { "may" } else { "may not" };
        vec![
            format!("{} create it", may(self.create)),
            format!("{} update it", may(self.update)),
            format!("{} rewrite it (force-push, or move an existing tag)", may(self.force_push && self.update)),
            format!("{} delete it", may(self.delete)),
        ]
    }

    fn settings(&self) -> Vec<Setting> {
        vec![
            Setting::allows("create", self.create),
            Setting::allows("update", self.update),
            Setting::allows("force-push", self.force_push),
            Setting::allows("delete", self.delete),
        ]
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
}
