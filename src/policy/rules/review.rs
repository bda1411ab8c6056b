//! Approvals by other people.
//!
//! `review = [ { approvals = 2, by = ["@dev"] }, { approvals = 1, by = ["@security"], paths = ["iam/**"] } ]`
//!
//! A list of entries; each must be met. An approval is a signed annotated tag of the commit that the ref gets, at
//! `refs/approvals/<full ref>/<full commit id>/<signer's id>`, and calls itself so, without `refs/`; `countersign approve`
//! makes and pushes one. It covers all that the update brings, and no other ref and no other commit: whoever amends asks
//! again. Those that the same push brings count. `approvals`: how many people must approve. Default 1. `by`: who may (ids,
//! emails, `@groups`). Default `["*"]`. `paths`: the entry is for updates alone in which a commit changes one of these paths
//! (in a merge, those that `paths` looks at). Default: all updates. `match`: `"commit"`, or `"tree"`: an approval of another
//! commit with the same tree counts, too, which a squash or a rebase makes, but for one that was counted before, when the ref
//! got another value. Default `"commit"`.
//!
//! Approvers are persons in `signers.toml` whose key is good now, and neither the pusher nor signer, author or committer of
//! any commit that the update brings. One person counts once, whatever number of keys they have. Where a forge merges (two
//! parents, of which the first is what the ref had, and nothing changed beside), approvals of the second parent count. A
//! deletion, or an update that brings neither a commit nor an annotated tag, needs none; of such a tag, who signed it may not
//! approve what it tags. What is no commit in the end cannot be approved.

use super::{Kind, Needs, Reach};
use crate::{
    document::{Reader, Value, What},
    policy::{
        approval::{Approval, Approved, approvers},
        built_in::BuiltIn,
        diff::{Setting, Strictness},
        facts::{CommitFacts, Context, TargetKind, Terms, UpdateFacts},
        glob::Globs,
        sentences::{Explanation, Said, shell_word},
        who::Who,
    },
    push::ObjectId,
    registry::{Fault, Signer, SignerId},
};
use std::collections::BTreeSet;

/// How many approvals may be asked for at most.
const MOST: u64 = 100;

/// The requirement.
#[derive(Debug)]
pub struct Review {
    entries: Vec<Entry>,
}

#[derive(Debug)]
struct Entry {
    approvals: u64,
    by: Who,
    paths: Option<Globs>,
    matching: Matching,
}

/// Which approvals an entry counts.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum Matching {
    Commit,
    Tree,
}

/// Why it refuses: an entry that is not met.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub struct Reason {
    wanted: u64,
    /// Who may, in words.
    by: String,
    /// Of which paths it is about, if not of all.
    paths: Option<String>,
    /// Whose approvals count.
    counted: Vec<SignerId>,
    /// Whose do not, since they had a hand in it.
    involved: Vec<SignerId>,
    /// Whose do not, since they are none of those who may.
    others: Vec<SignerId>,
    /// What has to be approved.
    commit: Option<ObjectId>,
    /// A branch that any commit may be pushed to, so that others can look at it.
    open_branch: Option<String>,
}

impl Review {
    /// The entries of which a commit changes paths, by their place.
    pub(in crate::policy) fn touched<'a>(&'a self, facts: &'a CommitFacts<'_>) -> impl Iterator<Item = usize> + 'a {
        let is_touched = |entry: &Entry| {
            let globs = entry.paths.as_ref()?;
            // What was not looked for may be anything.
            let Some(changes) = facts.changes else { return Some(true) };
            Some(changes.iter().any(|changed| globs.matches(&changed.path)))
        };
        self.entries.iter().enumerate().filter(move |(_, entry)| is_touched(entry) == Some(true)).map(|(at, _)| at)
    }

    /// Of each entry, how many must approve, and who may.
    pub(in crate::policy) fn quorums(&self) -> impl Iterator<Item = (u64, &Who)> {
        self.entries.iter().map(|entry| (entry.approvals, &entry.by))
    }

    /// The approvals that are counted for any entry.
    pub(in crate::policy) fn counted<'a>(&self, facts: &UpdateFacts<'a>) -> Vec<&'a Approval> {
        let mut counted: Vec<&Approval> = Vec::new();
        for entry in self.asked(facts) {
            for approval in entry.counted(facts) {
                if !counted.iter().any(|held| held.tag == approval.tag) {
                    counted.push(approval);
                }
            }
        }
        counted
    }

    /// The entries that have to be met.
    fn asked<'a>(&'a self, facts: &UpdateFacts<'_>) -> impl Iterator<Item = &'a Entry> {
        let touched = facts.touched;
        // What is no commit cannot be approved at all.
        let is_other = facts.target.is_some_and(|target| target != TargetKind::Commit);
        // What approves needs no approval.
        let is_built_in = BuiltIn::of(&facts.update.name).is_some();
        let brings = facts.update.change.new().is_some() && (facts.gained > 0 || !facts.layers.is_empty() || is_other);
        let asked = self.entries.iter().enumerate();
        asked.filter(move |(at, entry)| brings && !is_built_in && (entry.paths.is_none() || touched.contains(at))).map(|(_, entry)| entry)
    }
}

impl Entry {
    fn counted<'a>(&self, facts: &UpdateFacts<'a>) -> Vec<&'a Approval> {
        let is_of_it = |approval: &&Approval| approval.of != Approved::SameTree || self.matching == Matching::Tree;
        let may = |signer: &Signer| self.by.includes(signer);
        approvers(facts.approvals.iter().filter(is_of_it), facts.involved, may)
    }

    fn is_met_by(&self, counted: &[&Approval]) -> bool {
        u64::try_from(counted.len()).is_ok_and(|counted| counted >= self.approvals)
    }
}

impl Kind for Review {
    const KEY: &'static str = "review";
    const CODES: &'static [&'static str] = &["review"];
    type Reason = Reason;

    fn read(value: &Value<'_>, reader: &mut Reader<'_>) -> Option<Self> {
        let entries = reader.list(value, |value, reader| {
            reader.table(value, |fields| {
                let approvals = fields.optional("approvals", |value, reader| reader.whole(value, 1..=MOST));
                let by = fields.optional("by", Who::read_list);
                let paths = fields.optional("paths", Globs::read_paths);
                let matching = fields.optional("match", |value, reader| {
                    reader.choice(value, &[("commit", Matching::Commit), ("tree", Matching::Tree)])
                });
                Some(Entry {
                    approvals: approvals.unwrap_or(1),
                    by: by.unwrap_or(Who::Registered),
                    paths,
                    matching: matching.unwrap_or(Matching::Commit),
                })
            })
        })?;
        if entries.is_empty() {
            reader.problem(value.span(), What::Other("an empty list asks nothing".into()));
            return None;
        }
        Some(Self { entries })
    }

    fn absent() -> Option<Self> {
        None
    }

    fn needs(&self) -> Needs {
        Needs {
            commits: Reach::All,
            changes: self.entries.iter().any(|entry| entry.paths.is_some()),
            counted: true,
            approvals: true,
            same_tree: self.entries.iter().any(|entry| entry.matching == Matching::Tree),
            ..Needs::default()
        }
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
        for entry in self.asked(facts) {
            let counted = entry.counted(facts);
            if entry.is_met_by(&counted) {
                continue;
            }
            let ids = |wanted: &dyn Fn(&Approval) -> bool| -> Vec<SignerId> {
                let found = facts.approvals.iter().filter(|approval| wanted(approval));
                found.map(|approval| approval.approver.id.clone()).collect::<BTreeSet<_>>().into_iter().collect()
            };
            let is_involved = |approval: &Approval| facts.involved.contains(&approval.approver.id);
            refuse((
                Reason {
                    wanted: entry.approvals,
                    by: entry.by.described(),
                    paths: entry.paths.as_ref().map(Globs::described),
                    counted: counted.iter().map(|approval| approval.approver.id.clone()).collect(),
                    involved: ids(&is_involved),
                    others: ids(&|approval| !is_involved(approval) && !entry.by.includes(&approval.approver)),
                    commit: facts.about,
                    open_branch: facts.open_branch.map(str::to_owned),
                },
                None,
            ));
        }
    }

    fn sentences(&self) -> Vec<String> {
        let said = self.entries.iter().map(|entry| {
            let where_ = entry.paths.as_ref().map(|paths| format!("what changes {} ", paths.described()));
            let tree = match entry.matching {
                Matching::Commit => "",
                Matching::Tree => ", or one with the same tree",
            };
            let (subject, who) = (where_.unwrap_or_else(|| "what it gains ".into()), entry.by.described());
            format!("{subject}must be approved by {}: the very commit{tree}", people(entry.approvals, &who))
        });
        said.chain(["nobody's approval counts who pushes it or had a hand in a commit of it".to_owned()]).collect()
    }

    fn sentences_for(&self, signer: &Signer) -> Vec<String> {
        let said = self.entries.iter().map(|entry| {
            let of = entry.paths.as_ref().map(|paths| format!(" of changes to {}", paths.described())).unwrap_or_default();
            match entry.by.includes(signer) {
                true => format!("may approve others' work{of}"),
                false => format!("is not among those whose approval{of} counts: {}", entry.by.described()),
            }
        });
        said.collect()
    }

    fn settings(&self) -> Vec<Setting> {
        let entries = self.entries.iter().map(|entry| {
            let paths = entry.paths.as_ref().map(|paths| paths.written().into_iter().collect::<Vec<_>>().join(" "));
            let (by, tree) = (entry.by.names().into_iter().collect::<Vec<_>>().join(" "), entry.matching == Matching::Tree);
            let tree = if tree { ", same tree" } else { "" };
            format!("{} by {by}{}{tree}", entry.approvals, paths.map(|paths| format!(" of {paths}")).unwrap_or_default())
        });
        vec![Setting { key: "entries", value: Strictness::Asked(entries.collect()) }]
    }

    fn lists(&self) -> Vec<(&'static str, &Who)> {
        self.entries.iter().map(|entry| ("by", &entry.by)).collect()
    }

    fn explain(reason: &Reason, said: &Said<'_>) -> Explanation {
        let about = reason.paths.as_ref().map(|paths| format!(" for what it changes at {paths}")).unwrap_or_default();
        let has = match reason.counted.as_slice() {
            [] => "has none".to_owned(),
            counted => format!("has {}: {}", counted.len(), listed(counted)),
        };
        let wanted = people(reason.wanted, &reason.by);
        let mut lines = vec![format!("it must be approved by {wanted}{about}, and {has}")];
        if !reason.involved.is_empty() {
            lines.push(format!("  not counted, for a hand in it: {}", listed(&reason.involved)));
        }
        if !reason.others.is_empty() {
            lines.push(format!("  not counted, for they may not approve it: {}", listed(&reason.others)));
        }
        let name = shell_word(said.update.name.as_bytes());
        let mut hints = Vec::new();
        if let (Some(commit), Some(name)) = (reason.commit, name) {
            if let Some(branch) = &reason.open_branch {
                hints.push(format!("let others look at it: git push origin {}:{branch}", &commit.to_string()));
            }
            hints.push(format!("ask one of them for: countersign approve {commit} --for {name}"));
            hints.push("then push again".to_owned());
        }
        Explanation { code: "review", lines, hints }
    }

    fn is_ambiguous(_: &Reason) -> bool {
        false
    }

    fn fault(_: &Reason) -> Option<&Fault> {
        None
    }
}

fn people(count: u64, who: &str) -> String {
    match count {
        1 => format!("one other person ({who})"),
        count => format!("{count} other people ({who})"),
    }
}

fn listed(ids: &[SignerId]) -> String {
    ids.iter().map(|id| format!("`{}`", id.0)).collect::<Vec<_>>().join(", ")
}
