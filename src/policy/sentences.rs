//! What the kinds' own files say of a finding. Lines are plain; whatever prints them lays out and escapes.

use super::{
    CertificateFault, Finding, Label, Reason, Stale, Subject, built_in,
    facts::{Defect, TargetKind},
    rules,
};
use crate::{
    push::{ObjectId, RefUpdate},
    registry::{Barred, Fault, Status},
    signature::{Fingerprint, Format},
};
use std::collections::BTreeSet;

/// A finding in words.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Explanation {
    /// A stable word for programs, such as `unsigned`.
    pub code: &'static str,
    /// What happened, then facts about it, one a line.
    pub lines: Vec<String>,
    /// Ways to mend it that work, one a line.
    pub hints: Vec<String>,
}

/// What a sentence may need to know.
#[derive(Clone, Copy, Debug)]
pub struct Said<'a> {
    /// The finding.
    pub finding: &'a Finding,
    /// The update it is about.
    pub update: &'a RefUpdate,
    /// The policy's `help`.
    pub help: Option<&'a str>,
    /// Whether the rule asks for signed commits.
    pub signing: bool,
}

/// How commits can be made anew.
enum Rewriting {
    /// The tip alone, with this option.
    Tip(&'static str),
    /// All from after this commit on, or `--root`.
    From(String),
}

impl<'a> Said<'a> {
    /// `3f2a91c is` or `2 of 5 commits are`.
    pub fn subject_and_verb(&self) -> String {
        match (self.finding.count, self.finding.subjects.first()) {
            (1, Some(subject)) => format!("{} is", subject.id.short()),
            (count, _) => format!("{count} of {} commits are", self.finding.brought.commits.max(count)),
        }
    }

    /// One line an object, `3f2a91c "Fix typo", Alice Example`; for a lone one without its id, which stands above.
    pub fn objects(&self) -> Vec<String> {
        let lone = self.finding.count == 1;
        let mut lines: Vec<_> = self.finding.subjects.iter().filter_map(|subject| described(subject, lone)).collect();
        let named = u64::try_from(self.finding.subjects.len()).unwrap_or(u64::MAX);
        if self.finding.count > named {
            lines.push(format!("  and {} more", self.finding.count - named));
        }
        lines
    }

    /// The newest object found, if any.
    pub fn newest(&self) -> Option<&'a Subject> {
        self.finding.subjects.first()
    }

    /// The command that signs what was found anew, where there is one that signs nothing but what is the pusher's own.
    pub fn signing_command(&self) -> Option<String> {
        self.with_tag(match self.rewriting()? {
            Rewriting::Tip(allow) => format!("git commit --amend --no-edit -S{allow}"),
            Rewriting::From(base) => format!("git rebase -f -S --rebase-merges {base}"),
        })
    }

    /// How to change the messages of what was found, where all of it is the pusher's own.
    pub fn rewording_command(&self) -> Option<String> {
        let sign = self.sign();
        self.with_tag(match self.rewriting()? {
            Rewriting::Tip(allow) => format!("change it: git commit --amend{sign}{allow}"),
            Rewriting::From(base) => {
                format!("mark them `reword` and change them: git rebase -i{sign} --rebase-merges {base}")
            }
        })
    }

    /// How to sign off what was found, where it is the pusher's own, written by nobody else.
    pub fn sign_off_command(&self) -> Option<String> {
        let mut labels = self.finding.subjects.iter().map(|subject| &subject.label);
        if !labels.all(|label| matches!(label, Label::Commit { author, committer, .. } if author == committer)) {
            return None;
        }
        let sign = self.sign();
        self.with_tag(match self.rewriting()? {
            Rewriting::Tip(allow) => format!("sign it off: git commit --amend --no-edit -s{sign}{allow}"),
            Rewriting::From(base) => format!("sign them off: git rebase --signoff{sign} {base}"),
        })
    }

    /// How to set the committer of what was found (`author`: the author, too), where it is the pusher's own.
    pub fn renaming_command(&self, author: bool) -> Option<String> {
        let (sign, reset) = (self.sign(), if author { " --reset-author" } else { "" });
        let rename = match self.rewriting()? {
            Rewriting::Tip(allow) => format!("git commit --amend --no-edit{reset}{sign}{allow}"),
            Rewriting::From(base) if author => format!(
                "git rebase -f{sign} --rebase-merges -x 'git commit -q --amend --no-edit --allow-empty{reset}{sign}' {base}"
            ),
            Rewriting::From(base) => format!("git rebase -f{sign} --rebase-merges {base}"),
        };
        self.with_tag(format!("set the email that the registry has, then: git config user.email EMAIL && {rename}"))
    }

    fn sign(&self) -> &'static str {
        if self.signing { " -S" } else { "" }
    }

    /// A tag would still name what was.
    fn with_tag(&self, command: String) -> Option<String> {
        match self.update.name.tag_name() {
            None => Some(command),
            Some(name) => Some(format!("{command} && git tag -f -s {}", shell_word(name)?)),
        }
    }

    /// How what was found can be made anew, where nothing but the pusher's own is.
    fn rewriting(&self) -> Option<Rewriting> {
        let Finding { count, one_committer, last, brought, .. } = self.finding;
        let newest = self.newest()?;
        if *count == 1 && Some(newest.id) == brought.peeled {
            return Some(Rewriting::Tip(if brought.changes_nothing { " --allow-empty" } else { "" }));
        }
        let yours = brought.tip_committer.as_ref().map(|(_, email)| email.as_slice());
        let all_yours = *one_committer && yours == Some(newest.label.committer_email());
        match (all_yours, last, self.update.change.old()) {
            // One row of commits up to the tip, all of them the pusher's own: from before the first that was found.
            (true, Some((place, parent)), _) if !brought.merges && (brought.one_committer || place + 1 == *count) => {
                Some(Rewriting::From(parent.map_or_else(|| "--root".to_owned(), abbreviated)))
            }
            (true, _, Some(old)) if brought.one_committer => Some(Rewriting::From(abbreviated(old))),
            _ => None,
        }
    }

    /// Whose commits they are, where no command can help: whom to ask.
    pub fn whom_to_ask(&self) -> Vec<String> {
        let yours = self.finding.brought.tip_committer.as_ref().map(|(_, email)| email.as_slice());
        let mut hints: Vec<String> = Vec::new();
        for subject in self.finding.subjects.iter().take(3) {
            let Label::Commit { committer, .. } = &subject.label else { continue };
            let (id, who) = (subject.id.short(), String::from_utf8_lossy(committer));
            hints.push(match yours == Some(subject.label.committer_email()) {
                true => format!("{id} is yours: sign it, and what builds on it"),
                false => format!("{id} is {who}'s: ask for a signed version of it"),
            });
        }
        hints
    }

    /// Whom the pusher is known as, with their own keys: "you pushed as `alice`, whose registered key is …".
    pub fn pushed_as(&self) -> Option<String> {
        let (id, keys) = self.finding.brought.pushed_as.as_ref()?;
        Some(match keys.as_slice() {
            [] => format!("you pushed as `{id}`, who has no registered key that counts"),
            [key] => format!("you pushed as `{id}`, whose registered key is {key}"),
            [first, rest @ ..] => {
                format!("you pushed as `{id}`, whose registered keys are {first} and {} more", rest.len())
            }
        })
    }

    /// Whom the pusher is known as.
    pub fn pushed_as_id(&self) -> Option<&'a str> {
        self.finding.brought.pushed_as.as_ref().map(|(id, _)| id.as_str())
    }

    /// Where to learn how to make a key, if the administrator says.
    pub fn where_to_learn(&self, before: &str) -> Option<String> {
        self.help.map(|help| format!("{before}: {help}"))
    }
}

fn described(subject: &Subject, lone: bool) -> Option<String> {
    let id = subject.id.short();
    match &subject.label {
        Label::Commit { subject, author, .. } => {
            let (title, author) = (String::from_utf8_lossy(subject), String::from_utf8_lossy(author));
            Some(if lone { format!("  \"{title}\", {author}") } else { format!("  {id} \"{title}\", {author}") })
        }
        Label::Bare => (!lone).then(|| format!("  {id}")),
    }
}

/// The words of reasons that are no kind's, but for those of statuses.
const CODES: &[&str] = &[
    "unmatched-ref",
    "replace-ref",
    "stale",
    "canary",
    "more",
    "malformed-object",
    "ambiguous",
    "too-large",
    "declared-type",
    "too-deep",
    "shallow",
    "push-certificate",
];

/// Every word that a reason can have, in their order.
pub fn codes() -> BTreeSet<&'static str> {
    let statuses = Status::ALL.iter().map(|status| status.name());
    rules::CODES.iter().copied().flatten().chain(CODES).chain(built_in::CODES).copied().chain(statuses).collect()
}

/// What is said of a finding.
pub fn explain(said: &Said<'_>) -> Explanation {
    let explanation = in_words(said);
    debug_assert!(codes().contains(explanation.code), "`{}` is in no list of codes", explanation.code);
    explanation
}

fn in_words(said: &Said<'_>) -> Explanation {
    match &said.finding.reason {
        Reason::Rule(reason) => {
            let mut explanation = reason.explain(said);
            if explanation.code == Status::UnknownKey.name() {
                explanation.lines.extend(said.pushed_as().map(|line| format!("  {line}")));
            }
            explanation
        }
        Reason::Defect(defect) => explain_defect(defect, said),
        Reason::Unmatched => Explanation {
            code: "unmatched-ref",
            lines: vec!["no rule of the policy covers this ref, and it accepts no others".into()],
            hints: said.where_to_learn("which refs may be pushed").into_iter().collect(),
        },
        Reason::PushCertificate(fault) => explain_certificate(fault),
        Reason::ReplaceRef => Explanation {
            code: "replace-ref",
            lines: vec!["replacement refs change what everyone reads; no rule allows them by name".into()],
            hints: vec!["leave it out of the push; replacement refs are for one's own repository".into()],
        },
        Reason::Stale(stale) => explain_stale(*stale),
        Reason::BuiltIn(fault) => built_in::explain(fault, said),
        Reason::Canary(nonce) => Explanation {
            code: "canary",
            lines: vec![format!("the hook runs, and refuses the canary `{}`", String::from_utf8_lossy(nonce))],
            hints: Vec::new(),
        },
        Reason::More(_) => Explanation {
            code: "more",
            lines: vec!["there are more reasons of other kinds than are listed".into()],
            hints: Vec::new(),
        },
    }
}

fn explain_stale(stale: Stale) -> Explanation {
    let (what, hint) = match stale {
        Stale::OtherValue(Some(value)) => (
            format!("it is at {} here by now, and the push says otherwise", value.short()),
            "git fetch, and push again",
        ),
        Stale::OtherValue(None) => {
            ("it is not here any more, and the push says otherwise".to_owned(), "git fetch, and push again")
        }
        Stale::NoChange => ("it has that value already".to_owned(), "leave it out of the push"),
    };
    Explanation { code: "stale", lines: vec![what], hints: vec![hint.to_owned()] }
}

fn explain_certificate(fault: &CertificateFault) -> Explanation {
    let again = || vec!["push again: git signs a new certificate".to_owned()];
    let (why, hints) = match fault {
        CertificateFault::TooLarge => {
            ("it is larger than 32 MiB".to_owned(), vec!["push fewer refs at once".to_owned()])
        }
        CertificateFault::Malformed(what) => (format!("it is malformed: {what}"), Vec::new()),
        CertificateFault::Nonce(status) if status.is_empty() => {
            ("git says nothing of its nonce; the server has to set `receive.certNonceSeed`".to_owned(), Vec::new())
        }
        CertificateFault::Nonce(status) => (format!("its nonce is not fresh: git calls it `{status}`"), again()),
        CertificateFault::Seen => ("it was used already, for another push".to_owned(), again()),
        CertificateFault::OtherUpdates => ("it states other updates than those that were sent".to_owned(), again()),
        CertificateFault::Signature(status, detail) => {
            let detail = detail.as_ref().map(|detail| format!(": {detail}")).unwrap_or_default();
            let with = "sign with a key that is registered: git config user.signingkey KEY".to_owned();
            (format!("its signature does not count ({status}){detail}"), vec![with])
        }
        CertificateFault::OtherPerson(signer, account) => {
            (format!("it is signed by `{signer}`, and the account is that of `{account}`"), Vec::new())
        }
    };
    let lines = vec!["the push is signed, and its certificate does not count".to_owned(), format!("  {why}")];
    Explanation { code: "push-certificate", lines, hints }
}

fn explain_defect(defect: &Defect, said: &Said<'_>) -> Explanation {
    let subject = match said.newest() {
        Some(subject) if said.finding.count == 1 => subject.id.short(),
        Some(_) => format!("{} objects:", said.finding.count),
        None => "the push".to_owned(),
    };
    let (code, what) = match defect {
        Defect::Malformed(malformed) => ("malformed-object", format!("{subject} is malformed: it {}", malformed.0)),
        Defect::TwoSignatures => ("ambiguous", format!("{subject} has more than one signature, which is ambiguous")),
        Defect::TooLarge(size) => ("too-large", format!("{subject} is too large to be judged: {size} bytes")),
        Defect::ChangesTooMuch(why) => ("too-large", format!("{subject} is too large to be judged: {why}")),
        Defect::DeclaredType(says, is) => {
            ("declared-type", format!("{subject} says that it points at a {says}, and points at a {is}"))
        }
        Defect::TooDeep => ("too-deep", format!("{subject} is a tag of a tag of a tag, deeper than is followed")),
        Defect::Shallow => {
            ("shallow", "the push comes from a shallow repository: what lies behind it cannot be judged".into())
        }
    };
    let mut lines = vec![what];
    lines.extend(said.objects());
    let hints = match defect {
        Defect::Shallow => vec!["fetch the whole history first: git fetch --unshallow".into()],
        Defect::Malformed(_)
        | Defect::TwoSignatures
        | Defect::TooLarge(_)
        | Defect::ChangesTooMuch(_)
        | Defect::DeclaredType(..)
        | Defect::TooDeep => Vec::new(),
    };
    Explanation { code, lines, hints }
}

/// The sentences on a signature that does not count. A stranger's key is said to be the pusher's own, to be enrolled,
/// only where what it signed is: `sign` is there then. `subject` is `3f2a91c is` or `2 of 5 commits are`, `sign` the command
/// that signs anew.
pub fn explain_fault(
    fault: &Fault,
    said: &Said<'_>,
    subject: &str,
    objects: Vec<String>,
    sign: Option<&str>,
) -> Explanation {
    let (what, more) = fault_words(fault);
    let mut lines = vec![format!("{subject} {what}")];
    lines.extend(objects);
    lines.extend(more);
    let hints = match (fault.status, &fault.key, sign) {
        (Status::UnknownKey, Some(key), sign) => {
            let sign = sign.map(|sign| with_a_key("sign with a key that is registered", sign));
            let whose = said.pushed_as_id().filter(|_| sign.is_some() && fault.format == Some(Format::Ssh));
            let ask = match (fault.is_by_a_stranger(), whose.and_then(|id| shell_word(id.as_bytes()))) {
                (true, Some(id)) => {
                    format!("or ask the administrator: countersign registry accept {key} --for {id}")
                }
                (true, None) => format!("or ask the administrator to register this one: {key}"),
                (false, _) => format!("or ask the administrator to settle whose this one is: {key}"),
            };
            sign.into_iter().chain([ask]).collect()
        }
        (Status::SignatureInFuture, _, Some(sign)) => {
            vec![format!("set this computer's clock, then sign again: {sign}")]
        }
        (Status::KeyExpired, Some(key), _) => vec![prolonged(fault.format, key)],
        (Status::CertificateExpired, _, Some(sign)) => {
            vec![format!("have your key certified anew, then sign again: {sign}")]
        }
        // Whoever left has no other key that would do.
        (Status::KeyRevoked | Status::KeyRetired | Status::KeyCompromised, _, Some(sign))
            if fault.barred == Barred::Key =>
        {
            vec![with_a_key("sign with another key of yours", sign)]
        }
        // The key is what makes it improper: it would be so again.
        (Status::Bad, _, Some(sign)) if fault.detail.is_some() => {
            vec![with_a_key("sign with another key of yours", sign)]
        }
        (Status::Weak, _, Some(sign)) => vec![with_a_key("sign with a stronger key, or by a stronger hash", sign)],
        (Status::Bad | Status::SignatureExpired, _, Some(sign)) => vec![format!("sign it again: {sign}")],
        _ => Vec::new(),
    };
    Explanation { code: fault.status.name(), lines, hints }
}

/// Says of a signature beside the commit's own, in lines below what it is on, why it does not count; `subject` is
/// `the tag is`.
pub fn fault_sentences(fault: &Fault, subject: &str) -> Vec<String> {
    let (what, more) = fault_words(fault);
    [vec![format!("  {subject} {what}")], more].concat()
}

/// What is wrong with a signature, to be read after `is`, and below it the key and what is known besides.
fn fault_words(fault: &Fault) -> (&'static str, Vec<String>) {
    let what = match fault.status {
        Status::Bad if fault.detail.is_none() => "signed, and the signature does not match the content",
        Status::Bad => "signed, and the signature does not count",
        Status::UnknownKey if fault.is_by_a_stranger() => "signed by a key nobody has registered",
        Status::UnknownKey => "signed by a key that counts for nobody",
        Status::KeyExpired => "signed by a key that has expired",
        Status::CertificateExpired => "signed with a certificate that has expired",
        Status::KeyRevoked => "signed by a key that is revoked",
        Status::KeyRetired => "signed by a key that is retired",
        Status::KeyCompromised => "signed by a key that is compromised",
        Status::KeyNotYetValid => "signed by a key that is not valid yet",
        Status::SignatureExpired => "signed, and the signature has expired",
        Status::SignatureInFuture => "signed with a date ahead of this server's clock",
        Status::Weak => "signed with an algorithm that is too weak",
        Status::Malformed => "signed with a malformed signature",
        Status::Ambiguous => "signed more than once, which is ambiguous",
        Status::Unsupported => "signed in a way that this version cannot check",
        Status::TimeUnproven => "signed, and when is not proven",
    };
    let mut more = Vec::new();
    if let Some(key) = &fault.key {
        let format = fault.format.map_or("key", Format::name);
        let owner = fault.signer.as_ref().map(|id| format!(" of {}", id.0)).unwrap_or_default();
        more.push(format!("  {format} {key}{owner}"));
    }
    more.extend(fault.detail.as_ref().map(|detail| format!("  {detail}")));
    (what, more)
}

fn with_a_key(what: &str, sign: &str) -> String {
    format!("{what}: git config user.signingkey KEY && {sign}")
}

/// An OpenPGP key bears its end; that of an SSH key stands in the registry alone.
fn prolonged(format: Option<Format>, key: &Fingerprint) -> String {
    match format {
        Some(Format::Ssh) => format!("ask the administrator to let this key count for longer: {key}"),
        Some(Format::SshCert) => {
            format!("ask the administrator to let the authority of this key count for longer: {key}")
        }
        Some(Format::OpenPgp | Format::X509) | None => {
            format!("renew the key, and ask the administrator to register the renewed one: {key}")
        }
    }
}

/// `a commit`, `a tag of a tree` …, for a ref that points at the wrong kind of object.
pub fn described_target(layers: usize, target: Option<TargetKind>) -> String {
    let end = target.map_or("nothing", TargetKind::described);
    match layers {
        0 => end.to_owned(),
        _ => format!("a tag of {end}"),
    }
}

/// An id as commands take it: enough digits that another object will not share them.
pub fn abbreviated(id: ObjectId) -> String {
    id.to_string().chars().take(12).collect()
}

/// A name as a shell takes it; `None` for one that is not text, or that a command would take for an option.
pub fn shell_word(name: &[u8]) -> Option<String> {
    let name = std::str::from_utf8(name).ok().filter(|name| !name.starts_with('-'))?;
    let plain = name.chars().all(|character| character.is_alphanumeric() || "._/+-@:".contains(character));
    Some(if plain { name.to_owned() } else { format!("'{}'", name.replace('\'', "'\\''")) })
}

/// The id of a tag found wanting, short, or the ref's name.
pub fn tag_named(said: &Said<'_>) -> String {
    said.newest().map_or_else(|| said.update.name.to_string(), |subject| subject.id.short())
}
