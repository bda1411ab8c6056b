//! What was found: why, in which objects, and what it does to the push.

use super::{
    approval,
    built_in::TagFault,
    facts::{CommitFacts, Context, Defect, TagFacts},
    rule::Rule,
    rules::Reason as KindReason,
    whose::Whose,
};
use crate::{
    object::Commit,
    push::ObjectId,
    registry::{SignerId, Status},
};
use std::collections::BTreeSet;

/// How many objects a finding names; the rest are counted.
const NAMED: usize = 8;

/// What a finding does to the push.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub enum Effect {
    /// It is refused.
    Refuses,
    /// A declared emergency waives it.
    Waived,
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
    /// A push certificate that does not count.
    PushCertificate(CertificateFault),
    /// A replacement ref, which no rule allows by name.
    ReplaceRef,
    /// What the push says of the ref's old value is not so.
    Stale(Stale),
    /// An approval or a declared emergency that is not as the built-in rule wants it.
    BuiltIn(TagFault),
    /// A canary: what its name says beyond the folder, raw bytes.
    Canary(Vec<u8>),
    /// More different reasons than are kept apart.
    More(More),
}

/// What is wrong with what a push says of a ref's old value.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub enum Stale {
    /// The ref has this value (`None`: it is not there).
    OtherValue(Option<ObjectId>),
    /// It is also the new one.
    NoChange,
}

/// What reasons that are not kept apart have in common.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub struct More {
    /// Whether a rule's mode may soften them.
    pub softened: bool,
    /// The kind of requirement that an emergency may waive them as, if it may.
    pub waived_as: Option<&'static str>,
}

/// Why a push certificate does not count.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub enum CertificateFault {
    /// It is larger than what is read.
    TooLarge,
    /// It does not follow the grammar: how.
    Malformed(String),
    /// Git does not call its nonce `OK`, but this; empty: nothing.
    Nonce(String),
    /// A push with it was accepted before.
    Seen,
    /// It states other updates than those of the push.
    OtherUpdates,
    /// Its signature does not count: the word for programs, and why.
    Signature(String, Option<String>),
    /// It is one person's, and the account another's: the signer's id, then the account's.
    OtherPerson(String, String),
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
    pub(super) sequence: u64,
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
    /// Whether the tip changes nothing, which some of git's commands ask to be told of.
    pub changes_nothing: bool,
    /// The tip's committer: name and email, raw bytes.
    pub tip_committer: Option<(Vec<u8>, Vec<u8>)>,
    /// As whom the push came, where that is known: their id, and their keys that count.
    pub pushed_as: Option<(String, Vec<String>)>,
    /// Whether all bear the tip's committer's email. Meaningful once the judgement is finished.
    pub one_committer: bool,
    /// The commit that an approval or an emergency would be of.
    pub about: Option<ObjectId>,
    /// Whether whoever pushes may declare an emergency, as far as is known.
    pub may_declare: bool,
    /// How many of the commits the ref gains.
    pub gained: u64,
    /// Who had a hand in what the ref gains, of those in the registry; looked for only where a rule asks.
    pub involved: BTreeSet<SignerId>,
    /// The entries of `review` of which it changes paths.
    pub touched: BTreeSet<usize>,
    first_committer: Option<Vec<u8>>,
    several: bool,
}

impl Reason {
    /// `warn` and `observe` never soften malformed or ambiguous objects.
    pub(super) fn is_never_softened(&self) -> bool {
        match self {
            Self::Rule(reason) => reason.is_ambiguous(),
            Self::Defect(_)
            | Self::Unmatched
            | Self::ReplaceRef
            | Self::PushCertificate(_)
            | Self::Stale(_)
            | Self::BuiltIn(_)
            | Self::Canary(_) => true,
            Self::More(more) => !more.softened,
        }
    }

    /// The kind of requirement that is not met, if an emergency may waive it: never what is wrong with an object itself, nor
    /// an algorithm that proves nothing.
    pub(super) fn waived_as(&self) -> Option<&'static str> {
        match self {
            Self::Rule(reason) if reason.is_ambiguous() => None,
            Self::Rule(reason) => match reason.fault().map(|fault| fault.status) {
                Some(Status::Weak | Status::Malformed | Status::Ambiguous) => None,
                Some(_) | None => Some(reason.key()),
            },
            Self::More(more) => more.waived_as,
            Self::Defect(_)
            | Self::Unmatched
            | Self::ReplaceRef
            | Self::PushCertificate(_)
            | Self::Stale(_)
            | Self::BuiltIn(_)
            | Self::Canary(_) => None,
        }
    }

    /// As one of many.
    pub(super) fn as_more(&self) -> Self {
        Self::More(More { softened: !self.is_never_softened(), waived_as: self.waived_as() })
    }
}

impl Finding {
    pub(super) fn merge(&mut self, other: Self) {
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
    pub(super) fn of(commit: &Commit<'_>) -> Self {
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
    pub(super) fn add(&mut self, facts: &CommitFacts<'_>, rule: &Rule, context: &Context<'_>) {
        let committer = &facts.commit.committer;
        self.commits += 1;
        if facts.standing.gained {
            self.gained += 1;
            if rule.asks_who_had_a_hand() {
                self.add_people(facts, context);
                self.touched.extend(rule.review().into_iter().flat_map(|review| review.touched(facts)));
            }
        }
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

    /// Who had a hand in the update: also whoever pushes it, and made its tags.
    pub(super) fn involved(&self, layers: &[TagFacts<'_>], context: &Context<'_>) -> BTreeSet<SignerId> {
        let pusher = context.pusher.signer.as_ref().map(|signer| &signer.id);
        let mut involved: BTreeSet<_> = self.involved.iter().chain(pusher).cloned().collect();
        for TagFacts { tag, signature, .. } in layers {
            involved.extend(approval::attribute(tag, signature, context.registry, context.now).signer().cloned());
            let tagger = tag.tagger.iter();
            involved.extend(tagger.flat_map(|tagger| context.registry.with_email(tagger.email).cloned()));
        }
        involved
    }

    /// Whoever signed it, whether that counts or not, and whom it names.
    fn add_people(&mut self, facts: &CommitFacts<'_>, context: &Context<'_>) {
        let signers = match facts.signer(context) {
            Whose::Unsigned => [None, None],
            Whose::NotGood(fault) => [fault.signer, None],
            Whose::Signers(signer) | Whose::Forges(signer, _) => [Some(signer.id().clone()), None],
            Whose::Actors(person, forge) => [Some(person.id.clone()), Some(forge.id().clone())],
        };
        self.involved.extend(signers.into_iter().flatten());
        for person in [&facts.commit.author, &facts.commit.committer] {
            self.involved.extend(context.registry.with_email(person.email).cloned());
        }
    }

    pub(super) fn merge(&mut self, other: Self) {
        self.gained += other.gained;
        self.involved.extend(other.involved);
        self.touched.extend(other.touched);
        self.several |= other.several
            || matches!((&self.first_committer, &other.first_committer), (Some(ours), Some(theirs)) if ours != theirs);
        self.first_committer = self.first_committer.take().or(other.first_committer);
        self.tip_committer = self.tip_committer.take().or(other.tip_committer);
        self.peeled = self.peeled.or(other.peeled);
        self.changes_nothing |= other.changes_nothing;
        self.commits += other.commits;
        self.merges |= other.merges;
        self.one_committer = !self.several;
    }
}
