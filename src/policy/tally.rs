//! What was found, counted by reason and person without a limit: for a judgement of history, where nobody pushes and all
//! of it is asked for.

use super::{
    Brought, Effect, Finding, Label, Policy, Reason, Rule, Subject,
    facts::{CommitFacts, Context},
    sentences::{Said, explain},
    whose::Whose,
};
use crate::{
    push::{ObjectId, Push, Timestamp},
    registry::SignerId,
};
use std::{
    cmp::Reverse,
    collections::{BTreeMap, btree_map::Entry},
};

/// Bytes of a name or email that are kept.
const NAME: usize = 256;

/// Whose doing it is.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub enum Person {
    /// The signature is theirs, good or not.
    Signer(SignerId),
    /// Nobody's signature says: whom the commit names as its committer, raw bytes, bounded.
    Committer {
        /// As in the commit.
        name: Vec<u8>,
        /// As in the commit.
        email: Vec<u8>,
    },
    /// No commit was found wanting, but the update, a tag, or an object that could not be read.
    Nobody,
}

/// Where one commit comes from, for [`Tally`].
#[derive(Clone, Debug)]
pub(super) struct Origin {
    person: Person,
    time: Timestamp,
}

/// All that was found under one policy.
#[derive(Clone, Debug, Default)]
pub struct Tally(BTreeMap<Key, Occurrences>);

#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Debug)]
struct Key {
    update: usize,
    rule: Option<usize>,
    person: Person,
    reason: Reason,
}

#[derive(Clone, Debug)]
struct Occurrences {
    effect: Effect,
    count: u64,
    /// The earliest and the latest committer's time.
    times: Option<(Timestamp, Timestamp)>,
    /// The first in the order of the walk, which begins with the newest.
    example: Option<(u64, ObjectId)>,
}

/// One line of the table: a reason, by its word, and a person.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Group {
    /// Which rule of the policy; `None` where the policy as a whole refuses.
    pub rule: Option<usize>,
    /// Whose doing it is.
    pub person: Person,
    /// The reason's stable word.
    pub code: &'static str,
    /// What it does.
    pub effect: Effect,
    /// How often.
    pub count: u64,
    /// The earliest and the latest committer's time, where commits were found wanting.
    pub times: Option<(Timestamp, Timestamp)>,
    /// One of the objects, the newest if it is a commit.
    pub example: Option<ObjectId>,
}

impl Origin {
    pub(super) fn of(facts: &CommitFacts<'_>, context: &Context<'_>) -> Self {
        let committer = &facts.commit.committer;
        let whose = facts.signer(context);
        let signer = match (whose.signer(), &whose) {
            (Some(signer), _) => Some(signer.id.clone()),
            (None, Whose::NotGood(fault)) => fault.signer.clone(),
            (None, Whose::Forges(signed, _)) => Some(signed.id().clone()),
            (None, Whose::Unsigned | Whose::Signers(_) | Whose::Actors(..)) => None,
        };
        let bounded = |name: &[u8]| name.get(..NAME).unwrap_or(name).to_vec();
        let person = signer.map_or_else(
            || Person::Committer { name: bounded(committer.name), email: bounded(committer.email) },
            Person::Signer,
        );
        Self { person, time: committer.time }
    }
}

impl Tally {
    pub(super) fn add(
        &mut self,
        (update, rule): (usize, Option<usize>),
        reason: Reason,
        effect: Effect,
        subject: Option<&Subject>,
        origin: Option<Origin>,
    ) {
        let time = origin.as_ref().map(|origin| origin.time);
        let person = origin.map_or(Person::Nobody, |origin| origin.person);
        let found = Occurrences {
            effect,
            count: 1,
            times: time.map(|time| (time, time)),
            example: subject.map(|subject| (subject.sequence, subject.id)),
        };
        self.take(Key { update, rule, person, reason }, found);
    }

    pub(super) fn merge(&mut self, other: Self) {
        for (key, found) in other.0 {
            self.take(key, found);
        }
    }

    fn take(&mut self, key: Key, found: Occurrences) {
        match self.0.get_mut(&key) {
            Some(held) => held.merge(found),
            None => drop(self.0.insert(key, found)),
        }
    }

    /// By reason's word and person: whoever has most against them first, then the most frequent reason.
    pub fn groups(self, policy: &Policy, push: &Push) -> Vec<Group> {
        let mut groups: BTreeMap<_, Occurrences> = BTreeMap::new();
        let mut of_person: BTreeMap<Person, u64> = BTreeMap::new();
        for (key, found) in self.0 {
            let Some(code) = code(&key, &found, policy, push) else { continue };
            *of_person.entry(key.person.clone()).or_default() += found.count;
            match groups.entry((key.person, code, key.rule, found.effect)) {
                Entry::Occupied(mut held) => held.get_mut().merge(found),
                Entry::Vacant(free) => drop(free.insert(found)),
            }
        }
        let mut groups: Vec<_> = groups
            .into_iter()
            .map(|((person, code, rule, effect), found)| Group {
                rule,
                person,
                code,
                effect,
                count: found.count,
                times: found.times,
                example: found.example.map(|(_, id)| id),
            })
            .collect();
        groups.sort_by_key(|group| {
            let all = of_person.get(&group.person).copied().unwrap_or_default();
            (Reverse(all), group.person.clone(), Reverse(group.count))
        });
        groups
    }
}

impl Occurrences {
    fn merge(&mut self, other: Self) {
        self.count += other.count;
        self.times = match (self.times, other.times) {
            (Some((first, last)), Some((other_first, other_last))) => {
                Some((first.min(other_first), last.max(other_last)))
            }
            (times, other_times) => times.or(other_times),
        };
        self.example = match (self.example, other.example) {
            (Some(example), Some(other_example)) => Some(example.min(other_example)),
            (example, other_example) => example.or(other_example),
        };
    }
}

fn code(key: &Key, found: &Occurrences, policy: &Policy, push: &Push) -> Option<&'static str> {
    let update = push.updates.get(key.update)?;
    let subjects = found.example.map(|(sequence, id)| Subject { sequence, id, label: Label::Bare });
    let finding = Finding {
        policy: 0,
        rule: key.rule,
        update: key.update,
        reason: key.reason.clone(),
        effect: found.effect,
        count: found.count,
        subjects: subjects.into_iter().collect(),
        one_committer: true,
        last: None,
        brought: Brought::default(),
    };
    let rule = key.rule.and_then(|rule| policy.rules.get(rule));
    let signing = rule.is_some_and(Rule::asks_for_signatures);
    Some(explain(&Said { finding: &finding, update, help: None, signing }).code)
}
