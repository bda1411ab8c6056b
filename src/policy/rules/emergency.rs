//! Break-glass: what a declared emergency waives.
//!
//! `emergency = { by = ["@oncall"], waives = ["review", "paths"], ticket = 'INC-\d+', review-within = "72h", approvals = 1, review-by = ["@maintainers"] }`
//!
//! An emergency is declared in the signed message of the new tip, by the trailers `Emergency: <ticket> <reason>` and
//! `Emergency-Ref: <full ref>`. Where there is no new message to sign (the ref goes back to an older commit, or is deleted),
//! a signed tag declares it: at `refs/emergencies/<ticket>/<number>`, called `emergencies/<ticket>/<number>`, with both
//! trailers in its message, of the commit that the ref gets, or had if it is deleted. Such a tag may come before or in the
//! same push. A declaration is good for one ref and one update, ever. It is looked at only where this rule would refuse.
//!
//! `by` (required): who may declare: the one who signed it, who must also be the pusher where that is known. `waives`
//! (required): the kinds of requirements of this rule that it waives, any but `emergency` itself. Never waived are the
//! declaration's own signature, the grammar of objects, more than one signature, and weak algorithms. `ticket`: a regular
//! expression that the whole ticket, the first word, must match. Default: any word. `approvals`: so many others of `by` must
//! have approved the commit as `review` describes, and where the ref goes back or is deleted, since it got its present value.
//! Default 0. `review-within`: the time in which the emergency has to be
//! reviewed. Default `"72h"`. `review-by`: who may. Default: `by`.
//!
//! Each use is recorded with what it waived, and opens a debt: the commit has to be approved for that ref
//! (`countersign approve COMMIT --for REF --settles RECORD`) by one who may and had no hand in it. Until then the ref
//! vouches for nothing. Whoever has declared an emergency that was not reviewed in time needs the approval of another in `by`
//! for the next, ahead of it.
//!
//! An approval that stands already may be older than the emergency: it says that the ref may become a commit, not that it may go
//! back to it, or go. There, one counts only if it came after the ref got the value that it has, and was not counted before.

mod waiver;

pub use waiver::Waiver;

use super::{Kind, Needs, Reach, signatures::duration};
use crate::{
    document::{Reader, Value, What},
    policy::{
        self, Effect, Finding,
        diff::{Setting, Strictness},
        facts::{CommitFacts, Context, Terms, UpdateFacts},
        sentences::{Explanation, Said, shell_word},
        who::Who,
    },
    push::{ObjectId, RefName},
    registry::{Fault, Signer, SignerId},
};
use regex::bytes::Regex;
use std::collections::BTreeSet;

/// In seconds, where the policy does not say: 72 hours.
const REVIEW_WITHIN: i64 = 72 * 3600;

/// How many approvals may be asked for at most.
const MOST: u64 = 100;

/// The requirement: met by whatever needs nothing waived.
#[derive(Debug)]
pub struct Emergency {
    by: Who,
    waives: BTreeSet<&'static str>,
    ticket: Option<Ticket>,
    review_within: i64,
    approvals: u64,
    review_by: Option<Who>,
}

#[derive(Debug)]
struct Ticket {
    written: String,
    whole: Regex,
}

/// Why a declared emergency waives nothing.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub enum Reason {
    /// What is there of a declaration is none: why.
    NoDeclaration(String),
    /// Nobody signed it.
    Unsigned,
    /// Its signature does not count.
    Signature(Fault),
    /// It is for another ref.
    OtherRef(RefName),
    /// Who signed may not declare any: who, and who may.
    NotAllowed(SignerId, String),
    /// Another pushes it: who signed, and who pushes.
    OtherPusher(SignerId, SignerId),
    /// The ticket, raw bytes, is not one: what it has to match.
    OtherTicket(Vec<u8>, String),
    /// It was used up by an earlier update: its record.
    Used(u64),
    /// Others have to approve it first.
    Approvals(Box<Lacking>),
}

/// The approvals that an emergency lacks.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub struct Lacking {
    /// How many there have to be.
    wanted: u64,
    /// Who may, in words.
    by: String,
    /// Whose approvals count.
    counted: Vec<SignerId>,
    /// Records of emergencies of the same person that nobody reviewed in time.
    overdue: Vec<u64>,
    /// What has to be approved.
    commit: ObjectId,
}

impl Emergency {
    /// Whether it may waive what was found.
    pub(crate) fn may_waive(&self, finding: &Finding) -> bool {
        let kind = finding.reason.waived_as();
        finding.effect == Effect::Refuses && kind.is_some_and(|kind| self.waives.contains(kind))
    }

    /// The kinds of requirements that it waives.
    pub(in crate::policy) fn waived_kinds(&self) -> impl Iterator<Item = &'static str> {
        self.waives.iter().copied()
    }

    /// How many others of those who may declare one must approve it first, and who may review it.
    pub(in crate::policy) fn control(&self) -> (u64, &Who) {
        (self.approvals, self.review_by.as_ref().unwrap_or(&self.by))
    }

    /// Whether declaring one, or declaring it anew, would let in what was found.
    pub(crate) fn helps(&self, finding: &Finding) -> bool {
        let declared_badly = if let policy::Reason::Rule(super::Reason::Emergency(reason)) = &finding.reason {
            !matches!(reason, Reason::NotAllowed(..) | Reason::Approvals { .. })
        } else {
            false
        };
        declared_badly || self.may_waive(finding)
    }

    /// Who may declare one.
    pub(crate) fn by(&self) -> &Who {
        &self.by
    }
}

impl Kind for Emergency {
    const KEY: &'static str = "emergency";
    const CODES: &'static [&'static str] = &[
        "emergency-form",
        "emergency-unsigned",
        "emergency-signature",
        "emergency-ref",
        "emergency-not-allowed",
        "emergency-pusher",
        "emergency-ticket",
        "emergency-used",
        "emergency-approvals",
        "emergency-overdue",
    ];
    type Reason = Reason;

    fn read(value: &Value<'_>, reader: &mut Reader<'_>) -> Option<Self> {
        reader.table(value, |fields| {
            let by = fields.required("by", Who::read_list);
            let waives = fields.required("waives", read_kinds);
            let ticket = fields.optional("ticket", read_ticket);
            let review_within = fields.optional("review-within", |value, reader| reader.duration(value));
            let approvals = fields.optional("approvals", |value, reader| reader.whole(value, 0..=MOST));
            let review_by = fields.optional("review-by", Who::read_list);
            Some(Self {
                by: by?,
                waives: waives?,
                ticket,
                review_within: review_within.unwrap_or(REVIEW_WITHIN),
                approvals: approvals.unwrap_or(0),
                review_by,
            })
        })
    }

    fn absent() -> Option<Self> {
        None
    }

    fn needs(&self) -> Needs {
        Needs { commits: Reach::All, counted: true, approvals: true, ..Needs::default() }
    }

    fn asks_about(&self, _: &[u8]) -> bool {
        false
    }

    fn terms(&self) -> Option<Terms> {
        None
    }

    fn judge_commit(&self, _: &CommitFacts<'_>, _: &Context<'_>, _: &mut dyn FnMut(Reason)) {}

    fn judge_update(&self, _: &UpdateFacts<'_>, _: &Context<'_>, _: &mut dyn FnMut((Reason, Option<ObjectId>))) {}

    fn sentences(&self) -> Vec<String> {
        let kinds: Vec<_> = self.waives.iter().map(|kind| format!("`{kind}`")).collect();
        let mut said = vec![format!("{} may declare an emergency, which waives {}", self.by.described(), kinds.join(", "))];
        if let Some(ticket) = &self.ticket {
            said.push(format!("an emergency's ticket must match `{}`", ticket.written));
        }
        if self.approvals > 0 {
            said.push(format!("{} more of them must approve it first", self.approvals));
        }
        let reviewers = self.review_by.as_ref().unwrap_or(&self.by).described();
        said.push(format!("{reviewers} must review it within {}", duration(self.review_within)));
        said
    }

    fn sentences_for(&self, signer: &Signer) -> Vec<String> {
        let declares = match self.by.includes(signer) {
            true => "may declare an emergency".to_owned(),
            false => format!("may not declare an emergency: that is for {}", self.by.described()),
        };
        let reviews = self.review_by.as_ref().unwrap_or(&self.by).includes(signer);
        [declares].into_iter().chain(reviews.then(|| "may review one that others declared".to_owned())).collect()
    }

    fn settings(&self) -> Vec<Setting> {
        let allowed = |names: BTreeSet<String>| Strictness::Allowed(names);
        let ticket = match &self.ticket {
            Some(ticket) => Strictness::Unordered(ticket.written.clone()),
            None => Strictness::Any("any word".into()),
        };
        let rank = |number: i64, word: String| Strictness::Rank(number, word);
        vec![
            Setting { key: "by", value: allowed(self.by.names()) },
            Setting { key: "waives", value: allowed(self.waives.iter().map(|&kind| kind.to_owned()).collect()) },
            Setting { key: "ticket", value: ticket },
            Setting { key: "review-within", value: rank(self.review_within.saturating_neg(), duration(self.review_within)) },
            Setting {
                key: "approvals",
                value: rank(i64::try_from(self.approvals).unwrap_or(i64::MAX), self.approvals.to_string()),
            },
            Setting { key: "review-by", value: allowed(self.review_by.as_ref().unwrap_or(&self.by).names()) },
        ]
    }

    fn lists(&self) -> Vec<(&'static str, &Who)> {
        [("by", &self.by)].into_iter().chain(self.review_by.as_ref().map(|by| ("review-by", by))).collect()
    }

    fn explain(reason: &Reason, said: &Said<'_>) -> Explanation {
        let declared = said.newest().map_or_else(|| "the emergency".to_owned(), |subject| subject.id.short());
        let lossy = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
        let (code, what, more) = match reason {
            Reason::NoDeclaration(why) => ("emergency-form", format!("{declared} declares no emergency: {why}"), Vec::new()),
            Reason::Unsigned => ("emergency-unsigned", format!("{declared} declares an emergency and is not signed"), Vec::new()),
            Reason::Signature(fault) => (
                "emergency-signature",
                format!("{declared} declares an emergency, and its signature does not count ({})", fault.status.name()),
                fault.key.iter().map(|key| format!("  {key}")).collect(),
            ),
            Reason::OtherRef(name) => (
                "emergency-ref",
                format!("{declared} declares an emergency of another ref, `{name}`"),
                Vec::new(),
            ),
            Reason::NotAllowed(signer, by) => (
                "emergency-not-allowed",
                format!("{declared} declares an emergency, and `{}`, who signed it, may not", signer.0),
                vec![format!("  allowed: {by}")],
            ),
            Reason::OtherPusher(signer, pusher) => (
                "emergency-pusher",
                format!("{declared} declares an emergency of `{}`, and `{}` pushes it", signer.0, pusher.0),
                Vec::new(),
            ),
            Reason::OtherTicket(ticket, pattern) => (
                "emergency-ticket",
                format!("{declared} declares an emergency, and `{}` is no ticket: it must match `{pattern}`", lossy(ticket)),
                Vec::new(),
            ),
            Reason::Used(record) => (
                "emergency-used",
                format!("{declared} declares an emergency, and was used already (record {record}): it is good for one update"),
                Vec::new(),
            ),
            Reason::Approvals(lacking) => {
                let Lacking { wanted, by, counted, overdue, .. } = &**lacking;
                let has = match counted.as_slice() {
                    [] => "has none".to_owned(),
                    counted => format!("has {}", counted.iter().map(|id| format!("`{}`", id.0)).collect::<Vec<_>>().join(", ")),
                };
                let records: Vec<_> = overdue.iter().take(8).map(u64::to_string).collect();
                let owed = (!overdue.is_empty())
                    .then(|| format!("  an earlier one was not reviewed in time: record {}", records.join(", ")));
                (
                    if overdue.is_empty() { "emergency-approvals" } else { "emergency-overdue" },
                    format!("{declared} declares an emergency, which {wanted} more of {by} must approve first, and {has}"),
                    owed.into_iter().collect(),
                )
            }
        };
        let hints = match reason {
            Reason::Approvals(lacking) => shell_word(said.update.name.as_bytes())
                .map(|name| format!("ask one of them for: countersign approve {} --for {name}", lacking.commit))
                .into_iter()
                .collect(),
            Reason::Used(_) => vec!["declare it anew, in a message that is signed now".to_owned()],
            Reason::NoDeclaration(_)
            | Reason::Unsigned
            | Reason::Signature(_)
            | Reason::OtherRef(_)
            | Reason::NotAllowed(..)
            | Reason::OtherPusher(..)
            | Reason::OtherTicket(..) => Vec::new(),
        };
        Explanation { code, lines: [vec![what], more].concat(), hints }
    }

    fn is_ambiguous(_: &Reason) -> bool {
        false
    }

    fn fault(reason: &Reason) -> Option<&Fault> {
        if let Reason::Signature(fault) = reason { Some(fault) } else { None }
    }
}

fn read_kinds(value: &Value<'_>, reader: &mut Reader<'_>) -> Option<BTreeSet<&'static str>> {
    let kinds: Vec<_> = super::KEYS.iter().filter(|key| **key != Emergency::KEY).map(|&key| (key, key)).collect();
    let waives = reader.list(value, |value, reader| reader.choice(value, &kinds))?;
    if waives.is_empty() {
        reader.problem(value.span(), What::Other("an emergency that waives nothing is none".into()));
        return None;
    }
    Some(waives.into_iter().collect())
}

fn read_ticket(value: &Value<'_>, reader: &mut Reader<'_>) -> Option<Ticket> {
    let written = reader.text(value)?;
    match super::messages::compile(written).and_then(|_| super::messages::compile(&format!(r"\A(?:{written})\z"))) {
        Ok(whole) => Some(Ticket { written: written.to_owned(), whole }),
        Err(why) => {
            reader.problem(value.span(), What::Pattern(why));
            None
        }
    }
}
