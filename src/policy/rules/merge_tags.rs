//! The signed tags that merges have to bear: `merge-tags` in `signatures`.

use crate::{
    document::{Reader, Value},
    object,
    policy::{
        facts::{CommitFacts, Context, TagFacts, Terms},
        sentences::{Explanation, Said, abbreviated, fault_sentences},
        who::Who,
    },
    registry::{Attribution, Fault, SignerId, When},
    signature::Fingerprint,
};

/// What is asked of the tags that merges bear.
#[derive(Debug)]
pub(super) struct MergeTags {
    pub(super) missing: Missing,
    pub(super) by: Who,
}

/// What becomes of a merged parent without a tag.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Missing {
    /// A merged parent without one is refused.
    Refuse,
    /// It may be missing; one that is there must be good.
    Accept,
}

/// What is wrong with the tag of a merged parent.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub enum MergeTagFault {
    /// There is none.
    Missing,
    /// There is none, but something that cannot be read as a tag of a parent.
    Unreadable,
    /// It is not signed.
    Unsigned,
    /// Its signature does not count.
    NotGood(Fault),
    /// A good signature of one who may not: who, by which key, and who may.
    NotAllowed(SignerId, Fingerprint, String),
}

impl MergeTags {
    pub(super) fn read(value: &Value<'_>, reader: &mut Reader<'_>) -> Option<Self> {
        reader.table(value, |fields| {
            let required = fields.optional("required", |value, reader| reader.boolean(value));
            let by = fields.optional("by", Who::read_list);
            let missing = if required == Some(false) { Missing::Accept } else { Missing::Refuse };
            Some(Self { missing, by: by.unwrap_or(Who::Registered) })
        })
    }

    /// One good tag of each merged parent suffices.
    pub(super) fn judge(&self, facts: &CommitFacts<'_>, context: &Context<'_>, refuse: &mut dyn FnMut(MergeTagFault)) {
        for parent in facts.commit.parents.iter().skip(1) {
            let tags = facts.merge_tags.iter();
            let tags = tags.filter(|tag| tag.tag.target == *parent && tag.tag.kind == object::TargetKind::Commit);
            let mut faults: Vec<Option<MergeTagFault>> = tags.map(|tag| self.fault(tag, context)).collect();
            if faults.iter().any(Option::is_none) && !faults.is_empty() {
                continue;
            }
            match faults.pop().flatten() {
                Some(fault) => refuse(fault),
                None if facts.commit.merge_tags().len() > facts.merge_tags.len() => refuse(MergeTagFault::Unreadable),
                None if self.missing == Missing::Refuse => refuse(MergeTagFault::Missing),
                None => {}
            }
        }
    }

    fn fault(&self, tag: &TagFacts<'_>, context: &Context<'_>) -> Option<MergeTagFault> {
        let Terms { verify_time, grace, .. } = context.terms;
        let stated = tag.tag.tagger.as_ref().map(|tagger| tagger.time);
        let (now, received) = (context.now, tag.received);
        match context.registry.attribute(tag.signature, &When { now, received, verify_time, grace, stated }) {
            Attribution::Unsigned => Some(MergeTagFault::Unsigned),
            Attribution::NotGood(fault) => Some(MergeTagFault::NotGood(fault)),
            Attribution::Good(signed) if self.by.includes(signed.signer()) => None,
            Attribution::Good(signed) => {
                let key = signed.proof().key().clone();
                Some(MergeTagFault::NotAllowed(signed.id().clone(), key, self.by.described()))
            }
        }
    }
}

impl MergeTagFault {
    pub(super) fn explain(&self, said: &Said<'_>) -> Explanation {
        let (subject, verb) = match (said.finding.count, said.newest()) {
            (1, Some(subject)) => (subject.id.short(), "merges"),
            (count, _) => (format!("{count} of {} commits", said.finding.brought.commits.max(count)), "merge"),
        };
        let (code, what) = match self {
            Self::Missing => ("merge-tag", "what bears no signed tag"),
            Self::Unreadable => ("merge-tag-unreadable", "what bears a tag that cannot be read as one of it"),
            Self::Unsigned => ("merge-tag-unsigned", "a tag that is not signed"),
            Self::NotGood(_) => ("merge-tag-fault", "a tag whose signature does not count"),
            Self::NotAllowed(..) => ("merge-tag-signer", "a tag signed by one who may not"),
        };
        let mut lines = vec![format!("{subject} {verb} {what}")];
        lines.extend(said.objects());
        match self {
            Self::NotGood(fault) => lines.extend(fault_sentences(fault, "the tag is")),
            Self::NotAllowed(signer, key, who) => {
                lines.extend([format!("  {}", signer.0), format!("  {key}"), format!("  allowed: {who}")]);
            }
            Self::Missing | Self::Unreadable | Self::Unsigned => {}
        }
        let tip =
            said.newest().filter(|newest| said.finding.count == 1 && Some(newest.id) == said.finding.brought.peeled);
        let hint = tip.map(|tip| {
            let tip = abbreviated(tip.id);
            format!(
                "merge a tag that they signed: git reset -q --keep {tip}^1 && git merge -q --no-ff --no-edit -S TAG"
            )
        });
        Explanation { code, lines, hints: hint.into_iter().collect() }
    }
}
