//! Annotated and signed tags, for refs under `refs/tags/`.
//!
//! `tags = { annotated = true, signed = true, by = ["@release"], on = ["refs/heads/main"] }`
//!
//! - `annotated`: the ref must point at a tag object. Default false.
//! - `signed`: it bears a good signature of a registered signer. Where tags point at tags, every one of them does. Implies
//!   `annotated`. Default false.
//! - `by`: who may have signed. Implies `signed`, also beside `signed = false`. Default `["*"]`, every registered person.
//! - `name-matches-ref`: the outermost tag's own name equals the ref's, byte for byte, so that an old release cannot pass
//!   as a new one. Default true where a tag object is required.
//! - `on`: the tagged commit is reachable from one of these refs, before or after this push. Globs over full names;
//!   `"HEAD"` is the default branch, whatever its name is in each repository. What the same push brings to such a ref
//!   counts, and git asks others after this hook: an `update` hook (Gitolite's access rules are one),
//!   `receive.denyNonFastForwards`, or another push that comes first can still refuse the branch, and without `--atomic`
//!   the tag stays.
//!
//! A tag that is deleted is not judged by it: see `updates`. Nor are the commits that a tag brings: see `signatures`.

use super::{Kind, Needs};
use crate::{
    document::{Reader, Value},
    policy::{
        diff::{Setting, Strictness},
        facts::{CommitFacts, Context, Terms, UpdateFacts},
        glob::{DEFAULT_BRANCH, Globs},
        sentences::{Explanation, Said, abbreviated, explain_fault, shell_word, tag_named},
        who::Who,
    },
    push::{Change, ObjectId},
    registry::{Attribution, Fault, Signer, SignerId, Status, VerifyTime, When},
    signature::{Bad, Defect, Fingerprint, Signature},
};

/// The requirement.
#[derive(Debug)]
pub struct Tags {
    annotated: bool,
    signed: bool,
    by: Who,
    name_matches_ref: bool,
    on: Option<Globs>,
}

/// Why it refuses.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub enum Reason {
    /// The ref points straight at what it names.
    NotAnnotated,
    /// No signature.
    Unsigned,
    /// A signature that does not count.
    Fault(Fault),
    /// A good signature of one who may not: who, by which key, and who may.
    NotAllowed(SignerId, Fingerprint, String),
    /// The tag's own name, raw, is another than the ref's.
    OtherName(Vec<u8>),
    /// The tagged object is on none of the refs that it must be on.
    NotOn(String),
}

impl Tags {
    /// The refs of which one must hold the tagged commit.
    pub(in crate::policy) fn on(&self) -> Option<&Globs> {
        self.on.as_ref()
    }
}

impl Kind for Tags {
    const KEY: &'static str = "tags";
    const CODES: &'static [&'static str] = &["not-annotated", "unsigned", "not-allowed", "tag-name", "tag-not-on"];
    type Reason = Reason;

    fn read(value: &Value<'_>, reader: &mut Reader<'_>) -> Option<Self> {
        reader.table(value, |fields| {
            let annotated = fields.optional("annotated", |value, reader| reader.boolean(value));
            let signed = fields.optional("signed", |value, reader| reader.boolean(value));
            let by = fields.optional("by", Who::read_list);
            let name_matches_ref = fields.optional("name-matches-ref", |value, reader| reader.boolean(value));
            let on = fields.optional("on", Globs::read_refs_or_head);
            let signed = signed.unwrap_or(false) || by.is_some();
            let annotated = annotated.unwrap_or(false) || signed;
            Some(Self {
                annotated,
                signed,
                by: by.unwrap_or(Who::Registered),
                name_matches_ref: name_matches_ref.unwrap_or(annotated),
                on,
            })
        })
    }

    fn absent() -> Option<Self> {
        None
    }

    fn needs(&self) -> Needs {
        Needs { containment: self.on.is_some(), ..Needs::default() }
    }

    fn asks_about(&self, name: &[u8]) -> bool {
        self.on.as_ref().is_some_and(|on| on.matches_ref(name, Some(DEFAULT_BRANCH.as_bytes())))
    }

    fn terms(&self) -> Option<Terms> {
        None
    }

    fn judge_commit(&self, _: &CommitFacts<'_>, _: &Context<'_>, _: &mut dyn FnMut(Reason)) {}

    fn judge_update(
        &self,
        facts: &UpdateFacts<'_>,
        context: &Context<'_>,
        refuse: &mut dyn FnMut((Reason, Option<ObjectId>)),
    ) {
        let (Some(name), Some(_)) = (facts.tag_name(), facts.update.change.new()) else { return };
        match facts.layers.first() {
            // What could not be peeled is a defect that was told already.
            None if self.annotated && facts.target.is_some() => refuse((Reason::NotAnnotated, None)),
            Some(outermost) if self.name_matches_ref && outermost.tag.name != name => {
                refuse((Reason::OtherName(outermost.tag.name.to_vec()), Some(outermost.id)));
            }
            None | Some(_) => {}
        }
        // More than one signature is a defect that was told already.
        let ambiguous = |signature: &Signature| matches!(signature, Signature::Bad(Bad { defect: Defect::Ambiguous, .. }));
        for layer in facts.layers.iter().filter(|layer| self.signed && !ambiguous(layer.signature)) {
            let stated = layer.tag.tagger.as_ref().map(|tagger| tagger.time);
            let (now, received) = (context.now, layer.received);
            let when = When { now, received, verify_time: VerifyTime::Receipt, grace: 0, stated };
            let reason = match context.registry.attribute(layer.signature, &when) {
                Attribution::Unsigned => Reason::Unsigned,
                Attribution::NotGood(fault) => Reason::Fault(fault),
                Attribution::Good(signer) => {
                    if self.by.includes(signer.signer()) {
                        continue;
                    }
                    Reason::NotAllowed(signer.id().clone(), signer.proof().key().clone(), self.by.described())
                }
            };
            refuse((reason, Some(layer.id)));
        }
        if let Some(on) = &self.on
            && !facts.contained
        {
            refuse((Reason::NotOn(on.described()), None));
        }
    }

    fn sentences(&self) -> Vec<String> {
        let mut said = Vec::new();
        match (self.annotated, self.signed) {
            (_, true) => said.push(format!("tags must be annotated and signed by {}", self.by.described())),
            (true, false) => said.push("tags must be annotated".to_owned()),
            (false, false) => {}
        }
        if self.name_matches_ref {
            said.push("the tag's own name must equal the ref's".to_owned());
        }
        said.extend(self.on.as_ref().map(|on| format!("the tagged commit must be on {}", on.described())));
        said
    }

    fn sentences_for(&self, signer: &Signer) -> Vec<String> {
        let said = match (self.signed, self.by.includes(signer)) {
            (false, _) => "may sign a tag or not: this rule asks no signature of tags".to_owned(),
            (true, true) => "is among those whose signature on a tag counts".to_owned(),
            (true, false) => format!("is not among those whose signature on a tag counts: {}", self.by.described()),
        };
        vec![said]
    }

    fn settings(&self) -> Vec<Setting> {
        let on = match &self.on {
            Some(on) => Strictness::Allowed(on.written()),
            None => Strictness::Any("anywhere".into()),
        };
        vec![
            Setting::asks("annotated", self.annotated),
            Setting::asks("signed", self.signed),
            Setting { key: "by", value: Strictness::Allowed(self.by.names()) },
            Setting::asks("name-matches-ref", self.name_matches_ref),
            Setting { key: "on", value: on },
        ]
    }

    fn lists(&self) -> Vec<(&'static str, &Who)> {
        self.signed.then_some(("by", &self.by)).into_iter().collect()
    }

    fn explain(reason: &Reason, said: &Said<'_>) -> Explanation {
        let tag = tag_named(said);
        let name = said.update.name.tag_name().unwrap_or(said.update.name.as_bytes());
        // By its id: the pusher's own refs may be called anything. How a tag is pushed that is there already is the rule's
        // to allow and the pusher's to say.
        let is_tag = said.update.name.tag_name().is_some();
        let again = shell_word(name).filter(|_| is_tag).zip(said.finding.brought.peeled).map(|(name, tagged)| {
            let sign = format!("git tag -f -s {name} {}", abbreviated(tagged));
            match said.update.change {
                Change::Create { .. } => format!("{sign} && git push origin {name}"),
                Change::Move { .. } | Change::Delete { .. } => sign,
            }
        });
        let name = String::from_utf8_lossy(name);
        match reason {
            Reason::NotAnnotated => Explanation {
                code: "not-annotated",
                lines: vec!["this is a lightweight tag; it must be an annotated one".into()],
                hints: again.map(|again| format!("make it one, signed: {again}")).into_iter().collect(),
            },
            Reason::Unsigned => Explanation {
                code: "unsigned",
                lines: vec![format!("the tag {tag} is not signed")],
                hints: again
                    .map(|again| format!("sign it: {again}"))
                    .into_iter()
                    .chain(said.where_to_learn("no signing key yet"))
                    .collect(),
            },
            Reason::Fault(fault) => explain_fault(fault, said, &format!("the tag {tag} is"), Vec::new(), again.as_deref()),
            Reason::NotAllowed(signer, key, who) => Explanation {
                code: "not-allowed",
                lines: vec![
                    format!("the tag {tag} is signed by {}, who is not allowed to", signer.0),
                    format!("  {key}"),
                    format!("  allowed: {who}"),
                ],
                hints: Vec::new(),
            },
            Reason::OtherName(own) => {
                let own = String::from_utf8_lossy(own);
                Explanation {
                    code: "tag-name",
                    lines: vec![
                        format!("the signed tag calls itself `{own}`, the ref is `{name}`"),
                        "under another name, an old release could pass as a new one".into(),
                    ],
                    hints: again.into_iter().collect(),
                }
            }
            Reason::NotOn(refs) => Explanation {
                code: "tag-not-on",
                lines: vec![format!("what it tags is not on {refs}")],
                hints: vec!["push the commit there first, then the tag".into()],
            },
        }
    }

    fn is_ambiguous(reason: &Reason) -> bool {
        matches!(reason, Reason::Fault(fault) if fault.status == Status::Ambiguous)
    }

    fn fault(reason: &Reason) -> Option<&Fault> {
        match reason {
            Reason::Fault(fault) => Some(fault),
            Reason::NotAnnotated | Reason::Unsigned | Reason::NotAllowed(..) | Reason::OtherName(_) | Reason::NotOn(_) => None,
        }
    }
}
