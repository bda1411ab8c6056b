//! From findings to a verdict. A leaf module on purpose: private fields are open to descendants, so elsewhere every rule
//! file could make an [`AcceptedPush`].
//!
//! ```compile_fail
//! let forged = countersign::policy::AcceptedPush { warnings: Vec::new(), commits: 0, waivers: Vec::new(), approvals: Vec::new(), _proof: () };
//! ```

use super::{
    Brought, Effect, Finding, Label, Policy, Reason, Rule, Subject,
    approval::Approval,
    declaration::Declaration,
    facts::{CommitFacts, Context, Defect, UpdateFacts},
    rules::{Reason as KindReason, emergency::Waiver},
    tally::{Origin, Tally},
};
use crate::{Undecided, push::ObjectId};
use std::collections::{BTreeMap, BTreeSet};

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
    commits: u64,
    waivers: Vec<Waived>,
    approvals: Vec<Counted>,
    _proof: (),
}

/// What a declared emergency waives of one update under one rule.
#[derive(Debug)]
pub struct Waived {
    /// Which policy, by its place in the list.
    pub policy: usize,
    /// Which rule of it.
    pub rule: usize,
    /// Which update of the push.
    pub update: usize,
    /// What.
    pub waiver: Waiver,
}

/// An approval that a rule counted for one update.
#[derive(Debug)]
pub struct Counted {
    /// Which policy, by its place in the list.
    pub policy: usize,
    /// Which rule of it.
    pub rule: usize,
    /// Which update of the push.
    pub update: usize,
    /// Whose, and of what.
    pub approval: Approval,
}

impl AcceptedPush {
    /// What declared emergencies waive.
    pub fn waivers(&self) -> &[Waived] {
        &self.waivers
    }

    /// The approvals that were counted, for reviews and for emergencies.
    pub fn approvals(&self) -> &[Counted] {
        &self.approvals
    }

    /// What rules in `warn` or `observe` found.
    pub fn warnings(&self) -> &[Finding] {
        &self.warnings
    }

    /// How many commits were judged, once for each walk: what a ref that vouches holds is not among them.
    pub fn commits(&self) -> u64 {
        self.commits
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
        let (mut findings, mut waivers, mut approvals) = (Vec::new(), Vec::new(), Vec::new());
        let commits = judgements.iter().map(|judgement| judgement.judged).sum();
        for mut judgement in judgements {
            waivers.append(&mut judgement.waivers);
            approvals.append(&mut judgement.approvals);
            findings.extend(judgement.finish(updates)?);
        }
        Ok(if findings.iter().any(|finding| finding.effect == Effect::Refuses) {
            Self::Refused(findings)
        } else {
            Self::Accepted(AcceptedPush { warnings: findings, commits, waivers, approvals, _proof: () })
        })
    }
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
    /// Kept where history is judged.
    tally: Option<Tally>,
    waivers: Vec<Waived>,
    approvals: Vec<Counted>,
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
            tally: None,
            waivers: Vec::new(),
            approvals: Vec::new(),
        }
    }

    /// The same, which also counts all that is found, by reason and person.
    pub fn tallying(self) -> Self {
        Self { tally: Some(Tally::default()), ..self }
    }

    /// What was counted, once everything was judged; empty unless it is [`Self::tallying`].
    pub fn take_tally(&mut self) -> Tally {
        self.tally.take().unwrap_or_default()
    }

    /// An empty one of the same policy, for another thread; to be given back to [`Self::merge`].
    pub fn shard(&self) -> Self {
        let tally = self.tally.as_ref().map(|_| Tally::default());
        Self { tally, ..Self::under(self.policy, self.number, self.context) }
    }

    /// Takes in what a shard found.
    pub fn merge(&mut self, shard: Self) {
        self.judged += shard.judged;
        self.walked += shard.walked;
        self.updates += shard.updates;
        if let (Some(tally), Some(counted)) = (&mut self.tally, shard.tally) {
            tally.merge(counted);
        }
        for (update, brought) in shard.brought {
            self.brought.entry(update).or_default().merge(brought);
        }
        for finding in shard.findings.into_values() {
            self.keep(finding);
        }
    }

    /// Notes how many commits a walk has handed over; all of them must be judged.
    pub fn expect(&mut self, walked: u64) {
        self.walked += walked;
    }

    /// Judges one commit under each of these rules. `sequence` is its place in the walk.
    pub fn commit(&mut self, update: usize, rules: &[usize], sequence: u64, facts: &CommitFacts<'_>) {
        self.judged += 1;
        for &number in rules {
            let Some(rule) = self.policy.rules.get(number) else { continue };
            let mut reasons = Vec::new();
            let context = Context { terms: rule.terms, ..self.context };
            self.brought.entry((update, Some(number))).or_default().add(facts, rule, &context);
            for requirement in &rule.requirements {
                requirement.judge_commit(facts, &context, &mut |reason| reasons.push(reason));
            }
            let origin = self.tally.as_ref().filter(|_| !reasons.is_empty()).map(|_| Origin::of(facts, &context));
            for reason in reasons {
                let subject = Subject { sequence, id: facts.id, label: Label::of(facts.commit) };
                let last = Some((sequence, facts.commit.parents.first().copied()));
                self.found_in(origin.clone(), update, Some(number), Reason::Rule(reason), Some(subject), last);
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
            let brought = self.brought.entry((update, Some(number))).or_default();
            (brought.peeled, brought.changes_nothing, brought.about) =
                (facts.peeled, facts.changes_nothing, facts.about);
            let asks = rule.asks_who_had_a_hand();
            let involved = if asks { brought.involved(facts.layers, &self.context) } else { BTreeSet::new() };
            let touched = brought.touched.clone();
            let (commits, gained) = (brought.commits, brought.gained);
            let facts = UpdateFacts { commits, gained, involved: &involved, touched: &touched, ..*facts };
            let mut reasons = Vec::new();
            let context = Context { terms: rule.terms, ..self.context };
            let counted = rule.review().map(|review| review.counted(&facts)).unwrap_or_default();
            self.count(update, number, counted);
            for requirement in &rule.requirements {
                requirement.judge_update(&facts, &context, &mut |reason| reasons.push(reason));
            }
            for (reason, id) in reasons {
                let subject = id.map(|id| Subject { sequence: 0, id, label: Label::Bare });
                self.found(update, Some(number), Reason::Rule(reason), subject, None);
            }
        }
    }

    fn count<'a>(&mut self, update: usize, rule: usize, approvals: impl IntoIterator<Item = &'a Approval>) {
        for approval in approvals {
            let is_held =
                |held: &Counted| held.update == update && held.rule == rule && held.approval.tag == approval.tag;
            if !self.approvals.iter().any(is_held) {
                self.approvals.push(Counted { policy: self.number, rule, update, approval: approval.clone() });
            }
        }
    }

    /// Whether this rule refuses the update for something that a declared emergency may waive.
    pub fn may_be_waived(&self, update: usize, rule: usize) -> bool {
        let Some(emergency) = self.policy.rules.get(rule).and_then(Rule::emergency) else { return false };
        let mut found = self.findings.values();
        found.any(|finding| finding.update == update && finding.rule == Some(rule) && emergency.may_waive(finding))
    }

    /// Waives what the rule refuses the update for, if one of the declarations is good; what is wrong with them is found else.
    pub fn waive(&mut self, update: usize, rule: usize, facts: &UpdateFacts<'_>, declarations: &[Declaration]) {
        let Some(emergency) = self.policy.rules.get(rule).and_then(Rule::emergency) else { return };
        if !self.may_be_waived(update, rule) {
            return;
        }
        let brought = self.brought.entry((update, Some(rule))).or_default();
        let involved = brought.involved(facts.layers, &self.context);
        let facts = UpdateFacts { gained: brought.gained, involved: &involved, ..*facts };
        let (mut good, mut bad) = (None, Vec::new());
        for declaration in declarations {
            match emergency.judge(declaration, &facts, &self.context) {
                Ok(waiver) => good = good.or(Some(waiver)),
                Err(reason) => bad.push((reason, declaration.object)),
            }
        }
        if let Some(mut waiver) = good {
            let mut kinds = BTreeSet::new();
            let of_rule = |finding: &&mut Finding| finding.update == update && finding.rule == Some(rule);
            for finding in self.findings.values_mut().filter(of_rule).filter(|finding| emergency.may_waive(finding)) {
                kinds.extend(finding.reason.waived_as());
                finding.effect = Effect::Waived;
            }
            waiver.waived = kinds.into_iter().collect();
            self.count(update, rule, &waiver.approvals);
            self.waivers.push(Waived { policy: self.number, rule, update, waiver });
            return;
        }
        for (reason, object) in bad {
            let subject = Subject { sequence: 0, id: object, label: Label::Bare };
            self.found(update, Some(rule), Reason::Rule(KindReason::Emergency(reason)), Some(subject), None);
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
        self.found_in(None, update, rule, reason, subject, last);
    }

    fn found_in(
        &mut self,
        origin: Option<Origin>,
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
        if let Some(tally) = &mut self.tally {
            tally.add((update, rule), reason.clone(), effect, subject.as_ref(), origin);
        }
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
            finding.reason = finding.reason.as_more();
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
        let Self { policy, findings, brought, context, .. } = self;
        let pushed_as = context.pusher.signer.as_ref().filter(|_| !findings.is_empty());
        let pushed_as = pushed_as.map(|signer| (signer.id.0.clone(), context.registry.good_keys(signer, context.now)));
        let with_brought = |mut finding: Finding| {
            finding.brought = brought.get(&(finding.update, finding.rule)).cloned().unwrap_or_default();
            finding.brought.pushed_as.clone_from(&pushed_as);
            let rule = finding.rule.and_then(|rule| policy.rules.get(rule));
            finding.brought.may_declare = rule.and_then(Rule::emergency).is_some_and(|emergency| {
                context.pusher.signer.as_ref().is_none_or(|pusher| emergency.by().includes(pusher))
            });
            finding
        };
        Ok(findings.into_values().map(with_brought).collect())
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
