//! Signed commits.
//!
//! `signatures = { commits = "all", by = ["@maintainers"] }`
//!
//! `commits`: which of the commits that the ref gains must be signed: `"all"`; `"first-parent"` (the new tip and its first
//! parents, down to the first that is on the first-parent chain of the old value; that chain is judged also where its
//! commits are not gained); `"tip"`. The new tip is always judged, a baseline apart. `unsigned`: `"refuse"` (default) or
//! `"accept"`, but a signature that is there must be good. `by`: who may have signed (default `["*"]`, every registered
//! person). `formats`: which of `ssh`, `ssh-cert`, `openpgp` count (default all). `verify-time`: when the key must be
//! valid: `"receipt"` (default: now) or `"signature"` (what the OpenPGP signature, or the committer line, states: for
//! importing old history). `grace`: how long after its end a key that merely expired still counts, if the stated time
//! lies before that end. `security-key`: only signatures by security keys count (`sk-ssh-ed25519@openssh.com`,
//! `sk-ecdsa-sha2-nistp256@openssh.com`, and certificates of such keys): `"touch"`: somebody touched it; `"pin"`: which was
//! unlocked by a PIN or fingerprint, too. A security key that nobody touched counts under no setting.

use super::{Kind, Needs, Reach};
use crate::{
    document::{Reader, Value, What},
    policy::{
        diff::{Setting, Strictness},
        facts::{CommitFacts, Context, TargetKind, Terms, UpdateFacts},
        sentences::{Explanation, Said, described_target, explain_fault},
        who::Who,
    },
    push::ObjectId,
    registry::{Attribution, Fault, Signer, SignerId, Status, VerifyTime},
    signature::{Fingerprint, Format, UserCheck},
};

/// The requirement.
#[derive(Debug)]
pub struct Signatures {
    commits: Reach,
    unsigned: Unsigned,
    by: Who,
    formats: Vec<Format>,
    terms: Terms,
    /// `None`: any key will do.
    security_key: Option<UserCheck>,
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
}

const FORMATS: &[(&str, Format)] = &[("ssh", Format::Ssh), ("ssh-cert", Format::SshCert), ("openpgp", Format::OpenPgp)];

impl Kind for Signatures {
    const KEY: &'static str = "signatures";
    type Reason = Reason;

    fn read(value: &Value<'_>, reader: &mut Reader<'_>) -> Option<Self> {
        reader.table(value, |fields| {
            fields.not_supported(&["forge", "merge-tags"]);
            let commits = fields.required("commits", |value, reader| {
                if value.get_ref().as_str() == Some("merges") {
                    reader.not_supported(value, "commits = \"merges\"");
                    return None;
                }
                reader.choice(value, &[("all", Reach::All), ("first-parent", Reach::FirstParent), ("tip", Reach::Tip)])
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
            Some(Self {
                security_key,
                commits: commits?,
                unsigned: unsigned.unwrap_or(Unsigned::Refuse),
                by: by.unwrap_or(Who::Registered),
                formats: formats.unwrap_or_else(|| FORMATS.iter().map(|(_, format)| *format).collect()),
                terms: Terms { verify_time: verify_time.unwrap_or(VerifyTime::Receipt), grace: grace.unwrap_or(0) },
            })
        })
    }

    fn absent() -> Option<Self> {
        None
    }

    fn needs(&self) -> Needs {
        Needs { commits: self.commits, ..Needs::default() }
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
                Reach::All => facts.standing.gained,
                Reach::FirstParent => facts.standing.first_parent,
                Reach::Tip | Reach::Nothing => false,
            };
        if !judged {
            return;
        }
        match facts.signer(context) {
            Attribution::Unsigned if self.unsigned == Unsigned::Accept => {}
            Attribution::Unsigned => refuse(Reason::Unsigned),
            Attribution::NotGood(fault) => refuse(Reason::Fault(fault)),
            Attribution::Good(signer) => {
                let format = signer.proof().format();
                if !self.formats.contains(&format) {
                    refuse(Reason::OtherFormat(format, self.formats_taken()));
                } else if !self.by.includes(signer.signer()) {
                    let key = signer.proof().key().clone();
                    refuse(Reason::NotAllowed(signer.id().clone(), key, self.by.described()));
                } else if let Some(wanted) = self.security_key
                    && signer.proof().user_check().is_none_or(|made| made < wanted)
                {
                    let proof = signer.proof();
                    refuse(Reason::SecurityKey(wanted, proof.user_check(), format, proof.key().clone()));
                }
            }
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
            Reach::All => "every commit that it gains",
            Reach::FirstParent => "every commit on its first-parent chain, down to the old one's,",
            Reach::Tip | Reach::Nothing => "its new tip",
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
            Reach::All => &["tip", "gained"],
            // Also what is on the chain and not gained.
            Reach::FirstParent => &["tip", "first-parent"],
            Reach::Tip | Reach::Nothing => &["tip"],
        };
        let verify_time = match self.terms.verify_time {
            VerifyTime::Receipt => "receipt",
            VerifyTime::Signature => "signature",
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
            Setting { key: "verify-time", value: Strictness::Unordered(verify_time.into()) },
            Setting { key: "grace", value: Strictness::Rank(self.terms.grace.saturating_neg(), duration(self.terms.grace)) },
            Setting { key: "security-key", value: Strictness::Rank(security_key.0, security_key.1.into()) },
        ]
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
            Reason::Fault(fault) => explain_fault(fault, &subject, said.objects(), said.signing_command().as_deref()),
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
        matches!(reason, Reason::Fault(fault) if fault.status == Status::Ambiguous)
    }
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
fn duration(seconds: i64) -> String {
    let units = [("day", 86_400), ("hour", 3_600), ("minute", 60)];
    let (unit, length) = units.into_iter().find(|(_, length)| seconds % length == 0).unwrap_or(("second", 1));
    let count = seconds / length;
    format!("{count} {unit}{}", if count == 1 { "" } else { "s" })
}

impl Signatures {
    fn formats_taken(&self) -> String {
        self.formats.iter().map(|format| format!("`{}`", format.name())).collect::<Vec<_>>().join(" or ")
    }
}
