//! One rule: what it matches, how it acts, what it asks.

use super::{
    diff::Strictness,
    facts::{Terms, Via},
    glob::Globs,
    rules::{Requirement, emergency::Emergency, review::Review},
};
use crate::push::{ObjectId, Timestamp};
use std::collections::BTreeMap;

/// One `[[rule]]`.
#[derive(Debug)]
pub struct Rule {
    /// What a refusal names; unique.
    pub name: String,
    /// Where it stands, counted from one.
    pub line: usize,
    /// How it acts, but for `warn_until`.
    pub mode: Mode,
    /// Before this moment, `enforce` acts as `warn`.
    pub warn_until: Option<Timestamp>,
    /// These commits and their ancestors are trusted unread. Sorted, nothing twice.
    pub baselines: Vec<ObjectId>,
    /// So is what the ledger received or adopted before this.
    pub baseline_received: Option<Timestamp>,
    /// What it asks.
    pub requirements: Vec<Requirement>,
    /// On which terms it takes a commit for its signer's.
    pub terms: Terms,
    pub(super) refs: Globs,
    pub(super) except_refs: Option<Globs>,
    pub(super) repositories: Option<Globs>,
    pub(super) except_repositories: Option<Globs>,
}

/// How a rule acts.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Mode {
    /// It refuses.
    Enforce,
    /// It tells, and refuses nothing.
    Warn,
    /// It is recorded only.
    Observe,
    /// It matches nothing.
    Off,
}

/// In UTC; for one that no calendar has, its seconds.
fn moment(moment: Timestamp) -> String {
    jiff::Timestamp::from_second(moment.0).map_or_else(|_| moment.0.to_string(), |moment| moment.to_string())
}

impl Rule {
    /// Whether it matches a ref of any of these names. A repository whose name is unknown (`None`) matches every rule.
    pub fn matches(&self, names: &[&[u8]], default_branch: Option<&[u8]>, repository: Option<&[u8]>) -> bool {
        self.mode != Mode::Off
            && self.is_of(repository)
            && names.iter().any(|name| {
                self.refs.matches_ref(name, default_branch)
                    && !self.except_refs.as_ref().is_some_and(|globs| globs.matches_ref(name, default_branch))
            })
    }

    /// Whether it is for a repository of this name; one whose name is unknown (`None`) every rule is for.
    pub fn is_of(&self, repository: Option<&[u8]>) -> bool {
        repository.is_none_or(|name| {
            self.repositories.as_ref().is_none_or(|globs| globs.matches(name))
                && !self.except_repositories.as_ref().is_some_and(|globs| globs.matches(name))
        })
    }

    /// Whether one of its patterns names replacement refs literally.
    pub fn names_replace_refs(&self) -> bool {
        self.refs.begin_literally("refs/replace/")
    }

    /// What it is set to but for its requirements, to be compared; the keys are the same for every rule.
    pub fn own_settings(&self) -> BTreeMap<&'static str, Strictness> {
        let mode = match self.mode {
            Mode::Off => (0, "off"),
            Mode::Observe => (1, "observe"),
            Mode::Warn => (2, "warn"),
            Mode::Enforce => (3, "enforce"),
        };
        let until = match self.warn_until {
            Some(until) => Strictness::Rank(until.0.saturating_neg(), moment(until)),
            None => Strictness::Rank(i64::MAX, "none".into()),
        };
        let received = match self.baseline_received {
            Some(before) => (before.0.saturating_neg(), moment(before)),
            None => (i64::MAX, "none".into()),
        };
        // A rule for named repositories against one for all: which are there is not known here.
        let repositories = match &self.repositories {
            Some(globs) => Strictness::Asked(globs.written()),
            None => Strictness::Unordered("all".into()),
        };
        let except =
            |globs: &Option<Globs>| Strictness::Allowed(globs.as_ref().map(Globs::written).unwrap_or_default());
        BTreeMap::from([
            ("refs", Strictness::Asked(self.refs.written())),
            ("except-refs", except(&self.except_refs)),
            ("repositories", repositories),
            ("except-repositories", except(&self.except_repositories)),
            ("mode", Strictness::Rank(mode.0, mode.1.into())),
            ("warn-until", until),
            ("baseline", Strictness::Allowed(self.baselines.iter().map(ToString::to_string).collect())),
            ("baseline-received", Strictness::Rank(received.0, received.1)),
            ("terms of other requirements", Strictness::Unordered(self.terms_beside_signatures())),
        ])
    }

    /// The terms, where another requirement than `signatures`, which tells its own, may go by them.
    fn terms_beside_signatures(&self) -> String {
        let others = self.requirements.iter().filter(|requirement| {
            !matches!(requirement, Requirement::Signatures(_) | Requirement::Tags(_) | Requirement::Updates(_))
        });
        if others.count() == 0 {
            return String::new();
        }
        let (verify_time, forge) = (self.terms.verify_time_name(), self.terms.forge_name());
        format!("verify-time {verify_time}, grace {} s, forge {forge}", self.terms.grace)
    }

    /// How it acts at a moment.
    pub fn mode_at(&self, now: Timestamp) -> Mode {
        match self.mode {
            Mode::Enforce if self.warn_until.is_some_and(|until| now < until) => Mode::Warn,
            mode @ (Mode::Enforce | Mode::Warn | Mode::Observe | Mode::Off) => mode,
        }
    }

    /// From when on it refuses, for one that only warns till then.
    pub fn enforced_from(&self) -> Option<Timestamp> {
        self.warn_until.filter(|_| self.mode == Mode::Enforce)
    }

    /// Whether it asks something of tags alone, and none of its patterns can match one.
    pub fn asks_tags_in_vain(&self) -> bool {
        self.requirements.iter().any(|requirement| matches!(requirement, Requirement::Tags(_)))
            && !self.refs.may_begin("refs/tags/")
    }

    /// Whether commits have to be signed.
    pub fn asks_for_signatures(&self) -> bool {
        self.requirements.iter().any(|requirement| {
            matches!(requirement, Requirement::Signatures(_))
                || matches!(requirement, Requirement::Identity(identity) if identity.asks_for_signers())
        })
    }

    /// Whether anything it asks depends on who pushes.
    pub fn asks_who_pushed(&self) -> bool {
        self.requirements.iter().any(|requirement| match requirement {
            Requirement::Updates(updates) => updates.asks_who_pushed(),
            Requirement::Pusher(pusher) => pusher.asks_who_pushed(),
            Requirement::Signatures(signatures) => signatures.asks_who_pushed(),
            Requirement::Identity(identity) => identity.asks_who_pushed(),
            Requirement::Tags(_)
            | Requirement::Paths(_)
            | Requirement::History(_)
            | Requirement::Messages(_)
            | Requirement::Review(_)
            | Requirement::Emergency(_) => false,
        })
    }

    /// Approvals that it asks for.
    pub fn review(&self) -> Option<&Review> {
        self.requirements
            .iter()
            .find_map(|requirement| if let Requirement::Review(review) = requirement { Some(review) } else { None })
    }

    /// What it says of emergencies.
    pub fn emergency(&self) -> Option<&Emergency> {
        self.requirements.iter().find_map(|requirement| {
            if let Requirement::Emergency(emergency) = requirement { Some(emergency) } else { None }
        })
    }

    /// Whether anything it asks depends on who had a hand in the commits.
    pub fn asks_who_had_a_hand(&self) -> bool {
        self.review().is_some() || self.emergency().is_some()
    }

    /// Whether a push certificate must be there.
    pub fn requires_push_certificate(&self) -> bool {
        let requires = |requirement: &Requirement| matches!(requirement, Requirement::Pusher(pusher) if pusher.requires_certificate());
        self.requirements.iter().any(requires)
    }

    /// Whether the server must say how changes come about.
    pub fn asks_how_it_came_about(&self) -> bool {
        let asks = |requirement: &Requirement| matches!(requirement, Requirement::Pusher(pusher) if pusher.asks_how());
        self.requirements.iter().any(asks)
    }

    /// Whether a change that came about so is let in.
    pub fn admits(&self, way: Via) -> bool {
        let refuses =
            |requirement: &Requirement| matches!(requirement, Requirement::Pusher(pusher) if !pusher.admits(way));
        !self.requirements.iter().any(refuses)
    }

    /// What it is about, for sentences: `` `refs/heads/main`, except `…`, in the repositories `…` ``.
    pub fn scope(&self) -> String {
        let mut scope = self.refs.described();
        let parts = [
            ("except", &self.except_refs),
            ("in the repositories", &self.repositories),
            ("not in the repositories", &self.except_repositories),
        ];
        for (word, globs) in parts {
            if let Some(globs) = globs {
                scope.push_str(&format!(", {word} {}", globs.described()));
            }
        }
        scope
    }
}
