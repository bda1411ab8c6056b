//! Reviews that nobody can give, and emergencies that waive nothing.

use crate::{
    policy::{Rule, Who},
    push::{ApprovalName, ObjectId, RefName, Timestamp},
    registry::Registry,
};

/// Whether an approval of theirs has a name that git takes.
fn may_be_named(id: &str) -> bool {
    let (name, commit) = (RefName::new(b"refs/heads/main"), ObjectId::from_bytes(&[1; 20]));
    name.zip(commit).is_some_and(|(name, commit)| ApprovalName::new(&name, commit, id).is_some())
}

/// What a rule asks of people who may not be there.
pub(super) fn of_review(rule: &Rule, registry: &Registry, now: Timestamp, say: &mut impl FnMut(usize, String)) {
    let mut say = |what: String| say(rule.line, format!("rule `{}`: {what}", rule.name));
    // Of those who have not left; who pushes or wrote it is one less each time.
    let people = |who: &Who| {
        let here = registry.persons().filter(|signer| signer.until.is_none_or(|until| now < until));
        u64::try_from(here.filter(|signer| who.includes(signer)).count()).unwrap_or(u64::MAX)
    };
    for (approvals, by) in rule.review().into_iter().flat_map(|review| review.quorums()) {
        let there = people(by);
        if there < approvals {
            say(format!(
                "`review` asks for the approval of {approvals} of {}: there are {there} in `signers.toml`",
                by.described()
            ));
        }
    }
    if rule.asks_who_had_a_hand() {
        let nameless = registry.persons().filter(|signer| !may_be_named(&signer.id.0));
        for signer in nameless {
            say(format!("`{}` can approve nothing: no ref can have that id in its name", signer.id.0));
        }
    }
    let Some(emergency) = rule.emergency() else { return };
    let asked: Vec<_> = rule.requirements.iter().map(|requirement| requirement.key()).collect();
    for kind in emergency.waived_kinds().filter(|kind| !asked.contains(kind)) {
        say(format!("`emergency` waives `{kind}`, of which the rule asks nothing"));
    }
    let (approvals, reviewers) = emergency.control();
    // Whoever declares it may neither approve nor review it.
    if approvals > 0 && people(emergency.by()) <= approvals {
        say(format!(
            "`emergency` asks for the approval of {approvals} others of {}: there are not so many",
            emergency.by().described()
        ));
    }
    let declares_alone = people(emergency.by()) == 1 && reviewers.names() == emergency.by().names();
    if people(reviewers) == 0 || declares_alone {
        say(format!("nobody is there to review an emergency: {}", reviewers.described()));
    }
}
