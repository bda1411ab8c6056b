//! Merges, and how much comes at once.
//!
//! `history = { merges = "forbid", max-commits = 1000 }`
//!
//! `merges`: `"allow"` (default); `"forbid"`: the ref gains no commit with several parents; `"require"`: every commit on
//! the first-parent chain is a merge, from the new tip down to the first that was on that chain of the old value, also
//! where the ref has them already; a commit without parents is exempt, and one that names a single parent twice is none. Side branches may be as they like. A tip that
//! swaps its parents, so that what was merged becomes the chain, is found so. `max-commits`: how many commits one update
//! may make the rule judge, from 1 on (default: any number). How many that are depends on what else the rule asks: a rule
//! that looks at the tip alone judges one.

use super::{Kind, Needs, Reach};
use crate::{
    document::{Reader, Value},
    policy::{
        diff::{Setting, Strictness},
        facts::{CommitFacts, Context, Terms, UpdateFacts},
        sentences::{Explanation, Said, abbreviated},
        who::Who,
    },
    push::ObjectId,
    registry::{Fault, Signer},
};

/// The requirement.
#[derive(Debug)]
pub struct History {
    merges: Merges,
    /// `None`: any number.
    max_commits: Option<u64>,
}

#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum Merges {
    Allow,
    Forbid,
    Require,
}

/// Why it refuses.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub enum Reason {
    /// A merge.
    Merge,
    /// A commit on the first-parent chain that is none.
    NotAMerge,
    /// More commits than may come at once: how many may.
    TooMany(u64),
}

impl History {
    /// Whether no merge may come in.
    pub(in crate::policy) fn forbids_merges(&self) -> bool {
        self.merges == Merges::Forbid
    }

    /// Whether all that comes in must come by a merge.
    pub(super) fn requires_merges(&self) -> bool {
        self.merges == Merges::Require
    }
}

impl Kind for History {
    const KEY: &'static str = "history";
    const CODES: &'static [&'static str] = &["merge", "not-a-merge", "too-many-commits"];
    type Reason = Reason;

    fn read(value: &Value<'_>, reader: &mut Reader<'_>) -> Option<Self> {
        reader.table(value, |fields| {
            let merges = fields.optional("merges", |value, reader| {
                let choices = [("allow", Merges::Allow), ("forbid", Merges::Forbid), ("require", Merges::Require)];
                reader.choice(value, &choices)
            });
            let max_commits = fields.optional("max-commits", |value, reader| reader.whole(value, 1..=u64::MAX));
            Some(Self { merges: merges.unwrap_or(Merges::Allow), max_commits })
        })
    }

    fn absent() -> Option<Self> {
        None
    }

    fn needs(&self) -> Needs {
        let commits = match (self.merges, self.max_commits) {
            (Merges::Forbid, _) | (_, Some(_)) => Reach::All,
            (Merges::Require, None) => Reach::FirstParent,
            (Merges::Allow, None) => Reach::Nothing,
        };
        let counted = self.max_commits.is_some();
        Needs { commits, first_parent: self.merges == Merges::Require, counted, ..Needs::default() }
    }

    fn asks_about(&self, _: &[u8]) -> bool {
        false
    }

    fn terms(&self) -> Option<Terms> {
        None
    }

    fn judge_commit(&self, facts: &CommitFacts<'_>, _: &Context<'_>, refuse: &mut dyn FnMut(Reason)) {
        let (standing, parents) = (facts.standing, &facts.commit.parents);
        // Naming one parent twice merges nothing.
        let merges_nothing = || parents.first().is_some_and(|first| parents.iter().all(|parent| parent == first));
        match self.merges {
            Merges::Forbid if (standing.gained || standing.tip) && parents.len() > 1 => refuse(Reason::Merge),
            Merges::Require if (standing.first_parent || standing.tip) && merges_nothing() => refuse(Reason::NotAMerge),
            Merges::Allow | Merges::Forbid | Merges::Require => {}
        }
    }

    fn judge_update(
        &self,
        facts: &UpdateFacts<'_>,
        _: &Context<'_>,
        refuse: &mut dyn FnMut((Reason, Option<ObjectId>)),
    ) {
        if let Some(max) = self.max_commits.filter(|max| facts.commits > *max) {
            refuse((Reason::TooMany(max), None));
        }
    }

    fn sentences(&self) -> Vec<String> {
        let merges = match self.merges {
            Merges::Allow => None,
            Merges::Forbid => Some("it may gain no merge".to_owned()),
            Merges::Require => Some("every commit on its first-parent chain must be a merge, a root apart".to_owned()),
        };
        let max = self.max_commits.map(|max| format!("one update may bring no more than {max} commits to judge"));
        merges.into_iter().chain(max).collect()
    }

    fn sentences_for(&self, _: &Signer) -> Vec<String> {
        Vec::new()
    }

    fn settings(&self) -> Vec<Setting> {
        let merges = match self.merges {
            Merges::Allow => Strictness::Any("allow".into()),
            Merges::Forbid => Strictness::Unordered("forbid".into()),
            Merges::Require => Strictness::Unordered("require".into()),
        };
        let most = match self.max_commits {
            None => Strictness::Any("any number".into()),
            Some(most) => Strictness::Rank(i64::try_from(most).unwrap_or(i64::MAX).saturating_neg(), most.to_string()),
        };
        vec![Setting { key: "merges", value: merges }, Setting { key: "max-commits", value: most }]
    }

    fn lists(&self) -> Vec<(&'static str, &Who)> {
        Vec::new()
    }

    fn explain(reason: &Reason, said: &Said<'_>) -> Explanation {
        let brought = &said.finding.brought;
        let sign = if said.signing { " -S" } else { "" };
        let (code, lines, hint) = match reason {
            Reason::Merge => {
                let what = if said.finding.count == 1 { "a merge" } else { "merges" };
                let mut lines = vec![format!("{} {what}, and no merge may come in", said.subject_and_verb())];
                lines.extend(said.objects());
                let old = said.update.change.old().filter(|_| brought.one_committer && said.update.name.is_branch());
                let hint = old.map(|old| format!("put your commits in a row: git rebase -f{sign} {}", abbreviated(old)));
                ("merge", lines, hint)
            }
            Reason::NotAMerge => {
                let what = if said.finding.count == 1 { "no merge" } else { "no merges" };
                let mut lines =
                    vec![format!("{} {what}, and every first-parent commit must be one", said.subject_and_verb())];
                lines.extend(said.objects());
                let old = said.update.change.old().filter(|_| said.update.name.is_branch());
                let hint = old.zip(brought.peeled).map(|(old, tip)| {
                    let (old, tip) = (abbreviated(old), abbreviated(tip));
                    format!(
                        "merge what you have into the old tip: git reset -q --keep {old} && \
                         git merge -q --no-ff --no-edit{sign} {tip}"
                    )
                });
                ("not-a-merge", lines, hint)
            }
            Reason::TooMany(max) => {
                let line = format!("it brings {} commits to judge, and {max} may come at once", brought.commits);
                ("too-many-commits", vec![line], Some("push them in several steps".to_owned()))
            }
        };
        Explanation { code, lines, hints: hint.into_iter().collect() }
    }

    fn is_ambiguous(_: &Reason) -> bool {
        false
    }

    fn fault(_: &Reason) -> Option<&Fault> {
        None
    }
}
