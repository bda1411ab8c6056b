//! From findings to a verdict. A leaf module on purpose: private fields are open to descendants, so elsewhere every rule
//! file could make an [`AcceptedPush`].
//!
//! ```compile_fail
//! let forged = countersign::policy::AcceptedPush { warnings: Vec::new(), _proof: () };
//! ```

use super::{
    Policy, Rule,
    facts::{CommitFacts, Context, Defect, UpdateFacts},
    rules::Reason as KindReason,
};
use crate::{Undecided, object::Commit, push::ObjectId};
use std::collections::BTreeMap;

/// How many objects a finding names; the rest are counted.
const NAMED: usize = 8;

/// How many different findings are kept apart of one update under one rule: a push of 100,000 commits by as many keys must
/// not fill the memory.
const KEPT_APART: usize = 256;

/// What was decided of a whole push.
#[derive(Debug)]
pub enum Verdict {
    /// Every rule that matches is satisfied.
    Accepted(AcceptedPush),
    /// At least one finding refuses it; the others stand beside it.
    Refused(Vec<Finding>),
}

/// The proof that a push was judged whole and nothing refuses it. Made only by [`Verdict::of`].
#[derive(Debug)]
pub struct AcceptedPush {
    warnings: Vec<Finding>,
    _proof: (),
}

impl AcceptedPush {
    /// What rules in `warn` or `observe` found.
    pub fn warnings(&self) -> &[Finding] {
        &self.warnings
    }
}

impl Verdict {
    /// Every finding, whatever its effect.
    pub fn findings(&self) -> &[Finding] {
        match self {
            Self::Accepted(accepted) => &accepted.warnings,
            Self::Refused(findings) => findings,
        }
    }

    /// The verdict of one judgement for each policy; all must accept.
    ///
    /// # Errors
    /// If a judgement has not seen every update of the push and every commit that was walked, or if there is none.
    pub fn of(judgements: Vec<Judgement<'_>>, updates: usize) -> Result<Self, Undecided> {
        if judgements.is_empty() {
            return Err(Undecided::server("judging the push", "there is no policy"));
        }
        let mut findings = Vec::new();
        for judgement in judgements {
            findings.extend(judgement.finish(updates)?);
        }
        Ok(if findings.iter().any(|finding| finding.effect == Effect::Refuses) {
            Self::Refused(findings)
        } else {
            Self::Accepted(AcceptedPush { warnings: findings, _proof: () })
        })
    }
}

/// What a finding does to the push.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub enum Effect {
    /// It is refused.
    Refuses,
    /// The pusher is told.
    Warns,
    /// It is recorded only.
    Observed,
}

/// Why something was found.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub enum Reason {
    /// A rule's requirement is not met.
    Rule(KindReason),
    /// The objects themselves are not what they must be.
    Defect(Defect),
    /// No rule matches the ref, and the policy refuses such refs.
    Unmatched,
    /// A replacement ref, which no rule allows by name.
    ReplaceRef,
    /// More different reasons than are kept apart. Whether a rule's mode may soften them.
    More(bool),
}

/// One reason, and all it was found in within one update under one rule.
#[derive(Clone, Debug)]
pub struct Finding {
    /// Which policy, by its place in the list.
    pub policy: usize,
    /// Which rule of it; `None` where the policy as a whole refuses.
    pub rule: Option<usize>,
    /// Which update of the push, by its place in it.
    pub update: usize,
    /// Why.
    pub reason: Reason,
    /// What it does.
    pub effect: Effect,
    /// How many objects it was found in; 0 where the update itself is meant.
    pub count: u64,
    /// The first of them, at most eight, newest first.
    pub subjects: Vec<Subject>,
    /// Whether all of them bear the committer's email of the first.
    pub one_committer: bool,
    /// The one that came last in the walk: its place there, counted from 0, and its first parent.
    pub last: Option<(u64, Option<ObjectId>)>,
    /// What the update brought for the rule to judge.
    pub brought: Brought,
}

/// An object in which something was found.
#[derive(Clone, Debug)]
pub struct Subject {
    /// Where it came in the walk.
    sequence: u64,
    /// Its id.
    pub id: ObjectId,
    /// What is said of it.
    pub label: Label,
}

/// What is said of an object beside its id.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Label {
    /// A commit that could be read.
    Commit {
        /// The first paragraph of its message, raw bytes, bounded.
        subject: Vec<u8>,
        /// The author's name, raw bytes.
        author: Vec<u8>,
        /// The committer's name, raw bytes.
        committer: Vec<u8>,
        /// The committer's email, raw bytes.
        committer_email: Vec<u8>,
    },
    /// A tag, or an object that could not be read.
    Bare,
}

/// What one walk brought, for sentences and hints.
#[derive(Clone, Debug, Default)]
pub struct Brought {
    /// How many commits were judged.
    pub commits: u64,
    /// Whether one of them has several parents.
    pub merges: bool,
    /// The object that the ref would be in the end.
    pub peeled: Option<ObjectId>,
    /// The tip's committer: name and email, raw bytes.
    pub tip_committer: Option<(Vec<u8>, Vec<u8>)>,
    /// Whether all bear the tip's committer's email. Meaningful once the judgement is finished.
    pub one_committer: bool,
    first_committer: Option<Vec<u8>>,
    several: bool,
}

/// Collects the findings of one policy. `#[must_use]` and consumed by [`Verdict::of`], so it cannot be dropped half-way
/// unnoticed.
#[must_use]
#[derive(Debug)]
pub struct Judgement<'p> {
    policy: &'p Policy,
    number: usize,
    context: Context<'p>,
    findings: BTreeMap<(usize, Option<usize>, Reason), Finding>,
    /// How many of them each update has under each rule.
    kept: BTreeMap<(usize, Option<usize>), usize>,
    brought: BTreeMap<(usize, Option<usize>), Brought>,
    judged: u64,
    walked: u64,
    updates: usize,
}

impl<'p> Judgement<'p> {
    /// An empty judgement under the policy that stands at `number` in the list.
    pub fn under(policy: &'p Policy, number: usize, context: Context<'p>) -> Self {
        Self {
            policy,
            number,
            context,
            findings: BTreeMap::new(),
            kept: BTreeMap::new(),
            brought: BTreeMap::new(),
            judged: 0,
            walked: 0,
            updates: 0,
        }
    }

    /// An empty one of the same policy, for another thread; to be given back to [`Self::merge`].
    pub fn shard(&self) -> Self {
        Self::under(self.policy, self.number, self.context)
    }

    /// Takes in what a shard found.
    pub fn merge(&mut self, shard: Self) {
        self.judged += shard.judged;
        self.walked += shard.walked;
        self.updates += shard.updates;
        for (update, brought) in shard.brought {
            self.brought.entry(update).or_default().merge(brought);
        }
        for finding in shard.findings.into_values() {
            self.keep(finding);
        }
    }

    /// What the judgement may look at.
    pub fn context(&self) -> &Context<'p> {
        &self.context
    }

    /// Notes how many commits a walk has handed over; all of them must be judged.
    pub fn expect(&mut self, walked: u64) {
        self.walked += walked;
    }

    /// Judges one commit under each of these rules. `sequence` is its place in the walk.
    pub fn commit(&mut self, update: usize, rules: &[usize], sequence: u64, facts: &CommitFacts<'_>) {
        self.judged += 1;
        for &number in rules {
            self.brought.entry((update, Some(number))).or_default().add(facts);
            let Some(rule) = self.policy.rules.get(number) else { continue };
            let mut reasons = Vec::new();
            for requirement in &rule.requirements {
                requirement.judge_commit(facts, &self.context, &mut |reason| reasons.push(reason));
            }
            for reason in reasons {
                let subject = Subject { sequence, id: facts.id, label: Label::of(facts.commit) };
                let last = Some((sequence, facts.commit.parents.first().copied()));
                self.found(update, Some(number), Reason::Rule(reason), Some(subject), last);
            }
        }
    }

    /// Notes a commit that cannot be judged for what it is; counts as judged.
    pub fn defective_commit(&mut self, update: usize, rules: &[usize], sequence: u64, id: ObjectId, defect: &Defect) {
        self.judged += 1;
        for &number in rules {
            self.brought.entry((update, Some(number))).or_default().commits += 1;
            let subject = Subject { sequence, id, label: Label::Bare };
            self.found(update, Some(number), Reason::Defect(defect.clone()), Some(subject), None);
        }
    }

    /// Notes a tag, or the update itself, that is not what it must be.
    pub fn defective_update(&mut self, update: usize, rules: &[usize], id: Option<ObjectId>, defect: &Defect) {
        for &number in rules {
            let subject = id.map(|id| Subject { sequence: 0, id, label: Label::Bare });
            self.found(update, Some(number), Reason::Defect(defect.clone()), subject, None);
        }
    }

    /// Judges the update as a whole under each of these rules.
    pub fn update(&mut self, update: usize, rules: &[usize], facts: &UpdateFacts<'_>) {
        for &number in rules {
            let Some(rule) = self.policy.rules.get(number) else { continue };
            self.brought.entry((update, Some(number))).or_default().peeled = facts.peeled;
            let mut reasons = Vec::new();
            for requirement in &rule.requirements {
                requirement.judge_update(facts, &self.context, &mut |reason| reasons.push(reason));
            }
            for (reason, id) in reasons {
                let subject = id.map(|id| Subject { sequence: 0, id, label: Label::Bare });
                self.found(update, Some(number), Reason::Rule(reason), subject, None);
            }
        }
    }

    /// Whether nothing was found in this update, nor in any that stands after it.
    pub fn is_clean_from(&self, update: usize) -> bool {
        self.findings.last_key_value().is_none_or(|((last, ..), _)| *last < update)
    }

    /// Refuses an update for the policy as a whole.
    pub fn refuse(&mut self, update: usize, reason: Reason) {
        self.found(update, None, reason, None, None);
    }

    /// Notes that all there is to judge of one update was judged.
    pub fn seen(&mut self) {
        self.updates += 1;
    }

    fn found(
        &mut self,
        update: usize,
        rule: Option<usize>,
        reason: Reason,
        subject: Option<Subject>,
        last: Option<(u64, Option<ObjectId>)>,
    ) {
        let effect = match rule.and_then(|number| self.policy.rules.get(number)) {
            Some(rule) if !reason.is_never_softened() => rule.effect_at(self.context.now),
            Some(_) | None => Effect::Refuses,
        };
        let finding = Finding {
            policy: self.number,
            rule,
            update,
            reason: reason.clone(),
            effect,
            count: u64::from(subject.is_some()),
            subjects: subject.into_iter().collect(),
            one_committer: true,
            last,
            brought: Brought::default(),
        };
        self.keep(finding);
    }

    fn keep(&mut self, mut finding: Finding) {
        let mut key = (finding.update, finding.rule, finding.reason.clone());
        let kept = self.kept.entry((finding.update, finding.rule)).or_default();
        let is_new = !self.findings.contains_key(&key);
        if is_new && *kept >= KEPT_APART {
            finding.reason = Reason::More(!finding.reason.is_never_softened());
            key.2 = finding.reason.clone();
        }
        match self.findings.get_mut(&key) {
            Some(held) => held.merge(finding),
            None => {
                *kept += 1;
                self.findings.insert(key, finding);
            }
        }
    }

    fn finish(self, updates: usize) -> Result<Vec<Finding>, Undecided> {
        if self.judged != self.walked || self.updates != updates {
            let what = format!(
                "{} of {} commits and {} of {updates} updates were judged",
                self.judged, self.walked, self.updates
            );
            return Err(Undecided::server("judging all that the push brings", what));
        }
        let Self { findings, brought, .. } = self;
        let with_brought = |mut finding: Finding| {
            finding.brought = brought.get(&(finding.update, finding.rule)).cloned().unwrap_or_default();
            finding
        };
        Ok(findings.into_values().map(with_brought).collect())
    }
}

impl Reason {
    /// `warn` and `observe` never soften malformed or ambiguous objects.
    fn is_never_softened(&self) -> bool {
        match self {
            Self::Rule(reason) => reason.is_ambiguous(),
            Self::Defect(_) | Self::Unmatched | Self::ReplaceRef => true,
            Self::More(softened) => !softened,
        }
    }
}

impl Rule {
    /// What a finding of this rule does to the push at `now`.
    fn effect_at(&self, now: crate::push::Timestamp) -> Effect {
        match self.mode_at(now) {
            super::Mode::Enforce => Effect::Refuses,
            super::Mode::Warn => Effect::Warns,
            super::Mode::Observe | super::Mode::Off => Effect::Observed,
        }
    }
}

impl Finding {
    fn merge(&mut self, other: Self) {
        self.count += other.count;
        self.subjects.extend(other.subjects);
        self.subjects.sort_by_key(|subject| subject.sequence);
        let mut emails = self.subjects.iter().map(|subject| subject.label.committer_email());
        let first = emails.next();
        self.one_committer &= other.one_committer && emails.all(|email| Some(email) == first);
        self.last = self.last.max(other.last);
        self.subjects.truncate(NAMED);
    }
}

impl Label {
    fn of(commit: &Commit<'_>) -> Self {
        Self::Commit {
            subject: commit.subject(),
            author: commit.author.name.to_vec(),
            committer: commit.committer.name.to_vec(),
            committer_email: commit.committer.email.to_vec(),
        }
    }

    /// Empty where it is not known.
    pub fn committer_email(&self) -> &[u8] {
        match self {
            Self::Commit { committer_email, .. } => committer_email,
            Self::Bare => &[],
        }
    }
}

impl Brought {
    fn add(&mut self, facts: &CommitFacts<'_>) {
        let committer = &facts.commit.committer;
        self.commits += 1;
        self.merges |= facts.commit.parents.len() > 1;
        match &self.first_committer {
            None => self.first_committer = Some(committer.email.to_vec()),
            Some(first) => self.several |= first != committer.email,
        }
        if facts.standing.tip {
            self.tip_committer = Some((committer.name.to_vec(), committer.email.to_vec()));
        }
        self.one_committer = !self.several;
    }

    fn merge(&mut self, other: Self) {
        self.several |= other.several
            || matches!((&self.first_committer, &other.first_committer), (Some(ours), Some(theirs)) if ours != theirs);
        self.first_committer = self.first_committer.take().or(other.first_committer);
        self.tip_committer = self.tip_committer.take().or(other.tip_committer);
        self.peeled = self.peeled.or(other.peeled);
        self.commits += other.commits;
        self.merges |= other.merges;
        self.one_committer = !self.several;
    }
}
