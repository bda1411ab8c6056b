//! Signed commits.
//!
//! `signatures = { commits = "all", by = ["@maintainers"] }`
//!
//! `commits`: which of the commits that the ref gains must be signed: `"all"`; `"first-parent"` (the new tip and its first
//! parents, down to the first that is on the first-parent chain of the old value; that chain is judged also where its
//! commits are not gained); `"merges"` (every merge that the ref gains; only beside `history = { merges = "require" }`, so
//! that what else comes in comes by a merge); `"tip"`. The new tip is always judged, a baseline apart. `unsigned`: `"refuse"` (default) or
//! `"accept"`, but a signature that is there must be good. `by`: who may have signed (default `["*"]`, every registered
//! person). `formats`: which of `ssh`, `ssh-cert`, `openpgp` count (default all). `verify-time`: when the key must be
//! valid: `"receipt"` (default: when this server first received what it signed) or `"signature"` (what the OpenPGP signature,
//! or the committer line, states: for importing old history). `grace`: how long after its end a key that merely expired still counts, if the stated time
//! lies before that end. `security-key`: only signatures by security keys count (`sk-ssh-ed25519@openssh.com`,
//! `sk-ecdsa-sha2-nistp256@openssh.com`, and certificates of such keys): `"touch"`: somebody touched it; `"pin"`: which was
//! unlocked by a PIN or fingerprint, too. A security key that nobody touched counts under no setting.
//!
//! `forge`: what becomes of commits that a signer with `kind = "forge"` signed, as Git servers do with what their web
//! interface makes. `"refuse"` (default): such a signature is the forge's own, and counts where `by` names the forge, as
//! any signer's does. `"merges"`: a merge of two parents that changes nothing of its own is judged as whoever acted on the
//! forge had signed it; `"all"`: every commit is. They count only in the forge's own action (a merge or an edit, as the
//! server says, never a push) by an account that the registry knows, and then all requirements of the rule, `by` and
//! `identity` among them, judge that person, also where `by` names the forge. A signature by the forge does not say for
//! whom it was made, and so all that the update brings of such commits counts as the acting account's, what somebody else
//! had the forge make on another branch, too: with `"all"`, whoever merges that answers for all of it.
//!
//! `merge-tags`: merges that are judged bear, for each parent beyond the first, the signed tag that was merged, in a
//! `mergetag` header, as `git merge TAG` puts it there. `required`: `true` (default); `false`: a parent may have none, but a
//! tag that is there must be good. `by`: who may have signed the tags (default `["*"]`). The tag points at that parent
//! itself, not at a tag of it. Such a tag is no signature of the merge.

use super::{
    Kind, Needs, Reach,
    merge_tags::{MergeTagFault, MergeTags, Missing},
};
use crate::{
    document::{Reader, Value, What},
    policy::{
        diff::{Setting, Strictness},
        facts::{CommitFacts, Context, Forges, TargetKind, Terms, UpdateFacts},
        sentences::{Explanation, Said, described_target, explain_fault},
        who::Who,
        whose::{ForgeFault, Whose},
    },
    push::ObjectId,
    registry::{Fault, Kind as SignerKind, Signer, SignerId, Status, VerifiedSigner, VerifyTime},
    signature::{Fingerprint, Format, UserCheck},
};
use std::ops::Range;

/// The requirement.
#[derive(Debug)]
pub struct Signatures {
    commits: Commits,
    unsigned: Unsigned,
    by: Who,
    formats: Vec<Format>,
    terms: Terms,
    /// `None`: any key will do.
    security_key: Option<UserCheck>,
    /// `None`: merges need no tags.
    merge_tags: Option<MergeTags>,
}

#[derive(Clone, PartialEq, Eq, Debug)]
enum Commits {
    All,
    FirstParent,
    /// And where in the policy it says so.
    Merges(Range<usize>),
    Tip,
}

#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum Unsigned {
    Refuse,
    Accept,
}

/// Why it refuses.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub enum Reason {
    /// No signature.
    Unsigned,
    /// A signature that does not count.
    Fault(Fault),
    /// A good signature of one who may not: who, by which key, and who may.
    NotAllowed(SignerId, Fingerprint, String),
    /// A good signature of a format that the rule does not take: which, and which it takes.
    OtherFormat(Format, String),
    /// A good signature that is not by a security key, or not by one that made sure of its user as the rule asks: what it
    /// asks, what there was, and the key.
    SecurityKey(UserCheck, Option<UserCheck>, Format, Fingerprint),
    /// The ref points at something that holds no commits: how many tags lie between, and what it is.
    NoCommits(usize, TargetKind),
    /// A forge's signature, which the rule does not take: which forge, and its key.
    ForgeNotTaken(SignerId, Fingerprint),
    /// A forge's signature that counts for nobody: which forge, its key, and why.
    Forge(SignerId, Fingerprint, ForgeFault),
    /// A merged parent without its tag.
    MergeTag(MergeTagFault),
}

const FORMATS: &[(&str, Format)] = &[("ssh", Format::Ssh), ("ssh-cert", Format::SshCert), ("openpgp", Format::OpenPgp)];

impl Kind for Signatures {
    const KEY: &'static str = "signatures";
    const CODES: &'static [&'static str] = &[
        "unsigned",
        "not-allowed",
        "format",
        "security-key",
        "no-commits",
        "forge",
        "forge-push",
        "forge-actor",
        "forge-not-a-merge",
        "merge-tag",
        "merge-tag-unreadable",
        "merge-tag-unsigned",
        "merge-tag-fault",
        "merge-tag-signer",
    ];
    type Reason = Reason;

    fn read(value: &Value<'_>, reader: &mut Reader<'_>) -> Option<Self> {
        reader.table(value, |fields| {
            let commits = fields.required("commits", |value, reader| {
                let choices = [
                    ("all", Commits::All),
                    ("first-parent", Commits::FirstParent),
                    ("merges", Commits::Merges(value.span())),
                    ("tip", Commits::Tip),
                ];
                reader.choice(value, &choices)
            });
            let unsigned = fields.optional("unsigned", |value, reader| {
                reader.choice(value, &[("refuse", Unsigned::Refuse), ("accept", Unsigned::Accept)])
            });
            let by = fields.optional("by", Who::read_list);
            let formats = fields.optional("formats", read_formats);
            let verify_time = fields.optional("verify-time", |value, reader| {
                reader.choice(value, &[("receipt", VerifyTime::Receipt), ("signature", VerifyTime::Signature)])
            });
            let grace = fields.optional("grace", |value, reader| reader.duration(value));
            let security_key = fields.optional("security-key", |value, reader| {
                let check = reader
                    .choice(value, &[("touch", UserCheck::Presence), ("pin", UserCheck::Verification)])?;
                if formats.as_ref().is_some_and(|formats| formats.iter().all(|format| *format == Format::OpenPgp)) {
                    let none = "security keys sign with ssh, and `formats` takes no such signature".to_owned();
                    reader.problem(value.span(), What::Other(none));
                }
                Some(check)
            });
            let forge = fields.optional("forge", |value, reader| {
                let choices = [("refuse", Forges::Refuse), ("merges", Forges::Merges), ("all", Forges::All)];
                reader.choice(value, &choices)
            });
            let merge_tags = fields.optional("merge-tags", MergeTags::read);
            Some(Self {
                security_key,
                merge_tags,
                commits: commits?,
                unsigned: unsigned.unwrap_or(Unsigned::Refuse),
                by: by.unwrap_or(Who::Registered),
                formats: formats.unwrap_or_else(|| FORMATS.iter().map(|(_, format)| *format).collect()),
                terms: Terms {
                    verify_time: verify_time.unwrap_or(VerifyTime::Receipt),
                    grace: grace.unwrap_or(0),
                    forge: forge.unwrap_or(Forges::Refuse),
                },
            })
        })
    }

    fn absent() -> Option<Self> {
        None
    }

    fn needs(&self) -> Needs {
        let commits = match self.commits {
            Commits::All | Commits::Merges(_) => Reach::All,
            Commits::FirstParent => Reach::FirstParent,
            Commits::Tip => Reach::Tip,
        };
        Needs {
            commits,
            first_parent: self.commits == Commits::FirstParent,
            changes: self.terms.forge == Forges::Merges,
            merge_tags: self.merge_tags.is_some(),
            ..Needs::default()
        }
    }

    fn asks_about(&self, _: &[u8]) -> bool {
        false
    }

    fn terms(&self) -> Option<Terms> {
        Some(self.terms)
    }

    fn judge_commit(&self, facts: &CommitFacts<'_>, context: &Context<'_>, refuse: &mut dyn FnMut(Reason)) {
        let judged = facts.standing.tip
            || match self.commits {
                Commits::All => facts.standing.gained,
                Commits::FirstParent => facts.standing.first_parent,
                Commits::Merges(_) => facts.standing.gained && facts.commit.parents.len() > 1,
                Commits::Tip => false,
            };
        if !judged {
            return;
        }
        match facts.signer(context) {
            Whose::Unsigned if self.unsigned == Unsigned::Accept => {}
            Whose::Unsigned => refuse(Reason::Unsigned),
            Whose::NotGood(fault) => refuse(Reason::Fault(fault)),
            Whose::Signers(signed) => self.judge_signer(&signed, signed.signer(), refuse),
            Whose::Actors(person, signed) => self.judge_signer(&signed, &person, refuse),
            Whose::Forges(signed, fault) => {
                refuse(Reason::Forge(signed.id().clone(), signed.proof().key().clone(), fault));
            }
        }
        if let Some(merge_tags) = &self.merge_tags {
            merge_tags.judge(facts, context, &mut |fault| refuse(Reason::MergeTag(fault)));
        }
    }

    fn judge_update(
        &self,
        facts: &UpdateFacts<'_>,
        _: &Context<'_>,
        refuse: &mut dyn FnMut((Reason, Option<ObjectId>)),
    ) {
        if let Some(target @ (TargetKind::Tree | TargetKind::Blob)) = facts.target {
            refuse((Reason::NoCommits(facts.layers.len(), target), None));
        }
    }

    fn sentences(&self) -> Vec<String> {
        let which = match self.commits {
            Commits::All => "every commit that it gains",
            Commits::FirstParent => "every commit on its first-parent chain, down to the old one's,",
            Commits::Merges(_) => "its new tip, and every merge that it gains,",
            Commits::Tip => "its new tip",
        };
        let must = match self.unsigned {
            Unsigned::Refuse => "must be signed",
            Unsigned::Accept => "may be unsigned, but if signed, must be signed",
        };
        let mut said = vec![format!("{which} {must} by {}", self.by.described())];
        if self.formats.len() < FORMATS.len() {
            said.push(format!("signatures must be of the format {}", self.formats_taken()));
        }
        said.extend(self.security_key.map(|check| {
            let check = match check {
                UserCheck::Presence => "touched for each signature",
                UserCheck::Verification => "touched, and unlocked by a PIN or fingerprint, for each signature",
            };
            format!("the key must be in a security key (`ed25519-sk`, `ecdsa-sk`), {check}")
        }));
        said.push(match self.terms.verify_time {
            VerifyTime::Receipt => "the key must be valid when this server receives the commit".to_owned(),
            VerifyTime::Signature => {
                "the key must be valid at the time that the signature or the committer line states".to_owned()
            }
        });
        if self.terms.grace > 0 {
            said.push(format!("a key that expired counts for another {}", duration(self.terms.grace)));
        }
        said.extend(match self.terms.forge {
            Forges::Refuse => None,
            Forges::Merges => Some(
                "a merge that a forge signed, and that changes nothing of its own, counts as signed by who acted there"
                    .to_owned(),
            ),
            Forges::All => Some("what a forge signed counts as signed by who acted there".to_owned()),
        });
        said.extend(self.merge_tags.as_ref().map(|tags| {
            let must = match tags.missing {
                Missing::Refuse => "must bear a tag",
                Missing::Accept => "may do without a tag, but one that is there must be",
            };
            format!("merges {must} of each commit that they merge, signed by {}", tags.by.described())
        }));
        said
    }

    fn sentences_for(&self, signer: &Signer) -> Vec<String> {
        let mut said = vec![match self.by.includes(signer) {
            true => "is among those whose signature on a commit counts".to_owned(),
            false => format!("is not among those whose signature on a commit counts: {}", self.by.described()),
        }];
        if self.unsigned == Unsigned::Accept {
            said.push("may leave commits unsigned".to_owned());
        }
        said
    }

    fn settings(&self) -> Vec<Setting> {
        let judged: &[&str] = match self.commits {
            Commits::All => &["tip", "merges", "all that it gains"],
            // Also what is on the chain and not gained.
            Commits::FirstParent => &["tip", "first-parent"],
            Commits::Merges(_) => &["tip", "merges"],
            Commits::Tip => &["tip"],
        };
        let (merge_tags, merge_tags_by) = match &self.merge_tags {
            None => (Strictness::Any("not looked at".into()), Strictness::Any("anyone".into())),
            Some(tags) => {
                let required = tags.missing == Missing::Refuse;
                (Setting::asks("required", required).value, Strictness::Allowed(tags.by.names()))
            }
        };
        let security_key = match self.security_key {
            None => (0, "any key"),
            Some(UserCheck::Presence) => (1, "touch"),
            Some(UserCheck::Verification) => (2, "pin"),
        };
        let formats = FORMATS.iter().filter(|(_, format)| self.formats.contains(format));
        vec![
            Setting { key: "commits", value: Strictness::Asked(judged.iter().map(|&word| word.to_owned()).collect()) },
            Setting::allows("unsigned", self.unsigned == Unsigned::Accept),
            Setting { key: "by", value: Strictness::Allowed(self.by.names()) },
            Setting {
                key: "formats",
                value: Strictness::Allowed(formats.map(|(word, _)| (*word).to_owned()).collect()),
            },
            Setting { key: "verify-time", value: Strictness::Unordered(self.terms.verify_time_name().into()) },
            Setting { key: "grace", value: Strictness::Rank(self.terms.grace.saturating_neg(), duration(self.terms.grace)) },
            // A forge that `by` names counts as itself under "refuse" alone.
            Setting { key: "forge", value: Strictness::Unordered(self.terms.forge_name().into()) },
            Setting { key: "merge-tags.required", value: merge_tags },
            Setting { key: "merge-tags.by", value: merge_tags_by },
            Setting { key: "security-key", value: Strictness::Rank(security_key.0, security_key.1.into()) },
        ]
    }

    fn lists(&self) -> Vec<(&'static str, &Who)> {
        let merge_tags = self.merge_tags.as_ref().map(|tags| ("merge-tags.by", &tags.by));
        [("by", &self.by)].into_iter().chain(merge_tags).collect()
    }

    fn explain(reason: &Reason, said: &Said<'_>) -> Explanation {
        let subject = said.subject_and_verb();
        match reason {
            Reason::Unsigned => {
                let mut lines = vec![format!("{subject} not signed")];
                lines.extend(said.objects());
                let whose = if said.finding.count == 1 { "it" } else { "yours" };
                let place = if said.update.name.tag_name().is_some() { " on its branch" } else { "" };
                let mut hints = match said.signing_command() {
                    Some(command) => vec![format!("sign {whose}{place} (ids change): {command}")],
                    None => said.whom_to_ask(),
                };
                hints.push("from now on: git config commit.gpgsign true".into());
                hints.extend(said.where_to_learn("no signing key yet"));
                Explanation { code: "unsigned", lines, hints }
            }
            Reason::Fault(fault) => explain_fault(fault, said, &subject, said.objects(), said.signing_command().as_deref()),
            Reason::NotAllowed(signer, key, who) => {
                let mut lines = vec![format!("{subject} signed by {}, who is not allowed to", signer.0)];
                lines.extend(said.objects());
                lines.extend([format!("  {key}"), format!("  allowed: {who}")]);
                Explanation { code: "not-allowed", lines, hints: Vec::new() }
            }
            Reason::OtherFormat(format, taken) => {
                let mut lines = vec![format!("{subject} signed with {}, and the rule takes {taken}", format.name())];
                lines.extend(said.objects());
                Explanation { code: "format", lines, hints: Vec::new() }
            }
            Reason::SecurityKey(wanted, made, format, key) => explain_security_key(*wanted, *made, *format, key, said),
            Reason::ForgeNotTaken(forge, key) => {
                let mut lines =
                    vec![format!("{subject} signed by the forge {}, whose signatures do not count here", forge.0)];
                lines.extend(said.objects());
                lines.push(format!("  {key}"));
                lines.push(
                    "  `forge = \"merges\"` or `\"all\"` in `signatures` lets it sign for people, its name in `by` for itself"
                        .into(),
                );
                Explanation { code: "forge", lines, hints: sign_it_yourself(said) }
            }
            Reason::Forge(forge, key, fault) => {
                let (code, why) = match fault {
                    ForgeFault::NotItsAction => ("forge-push", "and this is no merge or edit made there"),
                    ForgeFault::UnknownActor => ("forge-actor", "and the registry does not know who acted there"),
                    ForgeFault::NotAMerge => {
                        ("forge-not-a-merge", "which counts for merges of two parents that change nothing of their own")
                    }
                };
                let mut lines = vec![format!("{subject} signed by the forge {}, {why}", forge.0)];
                lines.extend(said.objects());
                lines.push(format!("  {key}"));
                Explanation { code, lines, hints: sign_it_yourself(said) }
            }
            Reason::MergeTag(fault) => fault.explain(said),
            Reason::NoCommits(layers, target) => Explanation {
                code: "no-commits",
                lines: vec![format!(
                    "it must point at signed commits, and this would point at {}",
                    described_target(*layers, Some(*target))
                )],
                hints: Vec::new(),
            },
        }
    }

    fn is_ambiguous(reason: &Reason) -> bool {
        matches!(
            reason,
            Reason::Fault(fault) | Reason::MergeTag(MergeTagFault::NotGood(fault)) if fault.status == Status::Ambiguous
        )
    }

    fn fault(reason: &Reason) -> Option<&Fault> {
        if let Reason::Fault(fault) | Reason::MergeTag(MergeTagFault::NotGood(fault)) = reason { Some(fault) } else { None }
    }
}

fn sign_it_yourself(said: &Said<'_>) -> Vec<String> {
    said.signing_command().map(|sign| format!("sign it yourself: {sign}")).into_iter().collect()
}

fn read_formats(value: &Value<'_>, reader: &mut Reader<'_>) -> Option<Vec<Format>> {
    let formats = reader.list(value, |value, reader| {
        if let Some(later @ ("x509" | "gitsign")) = value.get_ref().as_str() {
            reader.not_supported(value, later);
            return None;
        }
        reader.choice(value, FORMATS)
    })?;
    if formats.is_empty() {
        reader.problem(value.span(), What::Other("an empty list takes no signature at all".into()));
        return None;
    }
    Some(formats)
}

fn explain_security_key(
    wanted: UserCheck,
    made: Option<UserCheck>,
    format: Format,
    key: &Fingerprint,
    said: &Said<'_>,
) -> Explanation {
    let how = match (made, format) {
        (Some(_), _) => "by a security key at a touch alone",
        (None, Format::Ssh | Format::SshCert) => "by a key of another kind",
        (None, Format::OpenPgp) => "with openpgp",
        (None, Format::X509) => "with x509",
    };
    let (asked, options) = match wanted {
        UserCheck::Presence => ("", ""),
        UserCheck::Verification => (" and its PIN", " -O verify-required"),
    };
    let subject = said.subject_and_verb();
    let mut lines = vec![format!("{subject} signed {how}, and the rule asks for a security key{asked}")];
    lines.extend(said.objects());
    lines.push(format!("  {} {key}", format.name()));
    if format == Format::OpenPgp {
        lines.push("  an OpenPGP card is none: what a security key holds are keys of the types ed25519-sk and ecdsa-sk".into());
    }
    let hints = said.signing_command().map(|sign| {
        let make = format!("make a key in your security key, and have it registered: ssh-keygen -t ed25519-sk{options}");
        let openpgp = if format == Format::OpenPgp { "git config gpg.format ssh && " } else { "" };
        [make, format!("then sign with it: {openpgp}git config user.signingkey KEY && {sign}")]
    });
    Explanation { code: "security-key", lines, hints: hints.into_iter().flatten().collect() }
}

/// In the largest unit that leaves nothing over: "3 days".
pub(super) fn duration(seconds: i64) -> String {
    let units = [("day", 86_400), ("hour", 3_600), ("minute", 60)];
    let (unit, length) = units.into_iter().find(|(_, length)| seconds % length == 0).unwrap_or(("second", 1));
    let count = seconds / length;
    format!("{count} {unit}{}", if count == 1 { "" } else { "s" })
}

impl Signatures {
    /// Where the policy says that merges alone are judged.
    pub(super) fn merges_alone(&self) -> Option<Range<usize>> {
        match &self.commits {
            Commits::Merges(place) => Some(place.clone()),
            Commits::All | Commits::FirstParent | Commits::Tip => None,
        }
    }

    /// Whether a commit may come in without a signature.
    pub(in crate::policy) fn accepts_unsigned(&self) -> bool {
        self.unsigned == Unsigned::Accept
    }

    /// Whether merges must bear tags.
    pub(in crate::policy) fn asks_for_merge_tags(&self) -> bool {
        self.merge_tags.is_some()
    }

    /// Who may have signed.
    pub(in crate::policy) fn by(&self) -> &Who {
        &self.by
    }

    /// Whether it depends on who acted on a forge.
    pub(in crate::policy) fn asks_who_pushed(&self) -> bool {
        self.terms.forge != Forges::Refuse
    }

    /// Judges a good signature as that of this signer.
    fn judge_signer(&self, signed: &VerifiedSigner, signer: &Signer, refuse: &mut dyn FnMut(Reason)) {
        let proof = signed.proof();
        let (format, key) = (proof.format(), || proof.key().clone());
        if !self.formats.contains(&format) {
            refuse(Reason::OtherFormat(format, self.formats_taken()));
        } else if !self.by.includes(signer) && signer.kind == SignerKind::Forge {
            refuse(Reason::ForgeNotTaken(signer.id.clone(), key()));
        } else if !self.by.includes(signer) {
            refuse(Reason::NotAllowed(signer.id.clone(), key(), self.by.described()));
        } else if let Some(wanted) = self.security_key
            && proof.user_check().is_none_or(|made| made < wanted)
        {
            refuse(Reason::SecurityKey(wanted, proof.user_check(), format, key()));
        }
    }

    fn formats_taken(&self) -> String {
        self.formats.iter().map(|format| format!("`{}`", format.name())).collect::<Vec<_>>().join(" or ")
    }
}
