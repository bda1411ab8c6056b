//! What may be changed at which paths, and by whom.
//!
//! `paths = [ { match = ["infra/**"], by = ["@platform"] }, { match = ["**/*.pem"], forbid = true }, { match = ["**"], except = ["**/*.lock"], max-size = "10 MiB" } ]`
//!
//! A list of entries. Each looks at the paths that every commit which the ref gains adds, removes, or gives other content,
//! type or mode; a rename is a removal and an addition, and a first commit adds all that it has. All entries that match a
//! path apply to it. `match` (required): globs over paths from the root of the tree, matched on bytes, whole; `x/**` also
//! matches `x` itself where that is no folder, so that no symbolic link or submodule can take a protected folder's place.
//! `except`: not these of them. Then at least one of: `by`: the commit's signer is one of these (ids, emails, `@groups`;
//! `["*"]` is every registered person); whoever has not signed, or not well, is none of them. `forbid`: `true`: nothing may
//! be added or changed there; what is there may be removed, which `by` beside it restricts as well. `max-size`: no file that
//! is added or changed is larger than this: `"500 B"`, `"64 KiB"`, `"10 MiB"`, `"2 GiB"`.
//!
//! In a merge, a path is not judged that is as merged: where it is as in one parent, and each parent that has another there
//! has what all merge bases of the two have (or nothing, where there are none). So anyone may merge what others were allowed
//! to change, and a merge that resolves a conflict in a protected path, throws a change to it away, or brings an old state of
//! it back is judged like any other commit. `forbid` also refuses a change to what was there before the rule was. A symbolic
//! link is a file that holds its target; a submodule has no size.

use super::{Kind, Needs, Reach};
use crate::{
    document::{Reader, Value, What},
    policy::{
        diff::{Setting, Strictness},
        facts::{Changed, CommitFacts, Context, Terms, UpdateFacts},
        glob::Globs,
        sentences::{Explanation, Said, explain_fault, shell_word},
        who::Who,
        whose::Whose,
    },
    push::ObjectId,
    registry::{Fault, Signer, SignerId, Status},
};
use std::collections::BTreeSet;

/// How many paths a reason names; the rest are counted.
const NAMED: usize = 3;

/// Longer paths are told without their middle.
const TOLD_WHOLE: usize = 256;

/// The requirement.
#[derive(Debug)]
pub struct Paths {
    entries: Vec<Entry>,
}

#[derive(Debug)]
struct Entry {
    matching: Globs,
    except: Option<Globs>,
    by: Option<Who>,
    forbid: bool,
    max_size: Option<u64>,
}

/// Why it refuses.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub enum Reason {
    /// Changed by one who may not.
    NotAllowed {
        /// What is changed.
        paths: Named,
        /// Who may; `None`: nobody.
        by: Option<String>,
        /// Whose the commit is.
        signed: Signed,
    },
    /// Added or changed where nothing may be.
    Forbidden {
        /// What is changed.
        paths: Named,
        /// The globs that forbid it.
        globs: String,
    },
    /// Larger than allowed, in bytes.
    TooLarge {
        /// What is changed.
        paths: Named,
        /// What is allowed, in bytes.
        at_most: u64,
    },
    /// The commit's paths were not looked for; no commit whose parts can be read comes so far.
    NotLookedFor,
}

/// Some paths of one commit.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub struct Named {
    /// The first few, raw bytes, each with the size of what is there now, where that is the reason.
    first: Vec<(Vec<u8>, Option<u64>)>,
    /// How many there are.
    count: usize,
    /// What was there.
    before: Before,
}

/// What was at paths before.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
enum Before {
    Nothing,
    Something,
    /// At some of them nothing.
    Mixed,
}

/// Whose a commit is.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub enum Signed {
    /// This registered signer's.
    By(SignerId),
    /// It is not signed.
    Not,
    /// Its signature does not count.
    Badly(Fault),
}

impl Paths {
    /// What each entry looks at, and not: globs as they are written.
    pub(in crate::policy) fn covered(&self) -> impl Iterator<Item = (&Globs, Option<&Globs>)> {
        self.entries.iter().map(|entry| (&entry.matching, entry.except.as_ref()))
    }
}

impl Kind for Paths {
    const KEY: &'static str = "paths";
    const CODES: &'static [&'static str] = &["path-forbidden", "path-not-allowed", "path-too-large", "path-unknown"];
    type Reason = Reason;

    fn read(value: &Value<'_>, reader: &mut Reader<'_>) -> Option<Self> {
        let entries = reader.list(value, read_entry)?;
        if entries.is_empty() {
            reader.problem(value.span(), What::Other("an empty list asks nothing".into()));
            return None;
        }
        Some(Self { entries })
    }

    fn absent() -> Option<Self> {
        None
    }

    fn needs(&self) -> Needs {
        let sizes = self.entries.iter().any(|entry| entry.max_size.is_some());
        Needs { commits: Reach::All, changes: true, sizes, ..Needs::default() }
    }

    fn asks_about(&self, _: &[u8]) -> bool {
        false
    }

    fn terms(&self) -> Option<Terms> {
        None
    }

    fn judge_commit(&self, facts: &CommitFacts<'_>, context: &Context<'_>, refuse: &mut dyn FnMut(Reason)) {
        if !facts.standing.gained {
            return;
        }
        let Some(changes) = facts.changes else { return refuse(Reason::NotLookedFor) };
        for entry in &self.entries {
            let matched: Vec<_> = changes.iter().filter(|changed| entry.matches(&changed.path)).collect();
            if matched.is_empty() {
                continue;
            }
            if let Some(by) = &entry.by
                && let Some(signed) = not_by(by, facts, context)
            {
                refuse(Reason::NotAllowed { paths: Named::of(&matched), by: described_people(by), signed });
            }
            let there: Vec<_> = matched.into_iter().filter(|changed| changed.after.is_some()).collect();
            if entry.forbid && !there.is_empty() {
                refuse(Reason::Forbidden { paths: Named::of(&there), globs: entry.described() });
            }
            if let Some(at_most) = entry.max_size {
                let size = |changed: &Changed| changed.after.and_then(|held| held.size);
                let large: Vec<_> =
                    there.into_iter().filter(|changed| size(changed).is_some_and(|size| size > at_most)).collect();
                if !large.is_empty() {
                    refuse(Reason::TooLarge { paths: Named::with_sizes(&large), at_most });
                }
            }
        }
    }

    fn judge_update(&self, _: &UpdateFacts<'_>, _: &Context<'_>, _: &mut dyn FnMut((Reason, Option<ObjectId>))) {}

    fn sentences(&self) -> Vec<String> {
        let mut said = Vec::new();
        for entry in &self.entries {
            let globs = entry.described();
            said.extend(entry.by.as_ref().map(|by| match described_people(by) {
                Some(by) => format!("only commits signed by {by} may change what is at {globs}"),
                None => format!("what is at {globs} must not be changed by anybody"),
            }));
            if entry.forbid {
                said.push(format!("nothing may be added or changed at {globs}, only removed"));
            }
            said.extend(entry.max_size.map(|size| format!("no file at {globs} may be larger than {}", described(size))));
        }
        said.push(
            "a merge may bring these changes from its parents as they are: the commits that made them are judged".into(),
        );
        said
    }

    fn sentences_for(&self, signer: &Signer) -> Vec<String> {
        let mut said = Vec::new();
        for entry in &self.entries {
            let globs = entry.described();
            said.extend(entry.by.as_ref().map(|by| match by.includes(signer) {
                true => format!("may change what is at {globs}"),
                false => format!("may not change what is at {globs}"),
            }));
            if entry.forbid {
                said.push(format!("may not add or change anything at {globs}"));
            }
        }
        said
    }

    fn settings(&self) -> Vec<Setting> {
        // An entry that is not the same is another.
        vec![Setting { key: "entries", value: Strictness::Asked(self.entries.iter().map(Entry::written).collect()) }]
    }

    fn lists(&self) -> Vec<(&'static str, &Who)> {
        self.entries.iter().filter_map(|entry| entry.by.as_ref()).map(|by| ("by", by)).collect()
    }

    fn explain(reason: &Reason, said: &Said<'_>) -> Explanation {
        match reason {
            Reason::NotAllowed { paths, by, signed } => explain_not_allowed(paths, by.as_deref(), signed, said),
            Reason::Forbidden { paths, globs } => {
                let mut lines = vec![format!("{} {}, which is forbidden there", changing(said), paths.described())];
                lines.extend(said.objects());
                lines.push(format!("  forbidden: {globs}"));
                Explanation { code: "path-forbidden", lines, hints: paths.take_out(said).into_iter().collect() }
            }
            Reason::TooLarge { paths, at_most } => {
                let mut lines =
                    vec![format!("{} {}, larger than is allowed there", changing(said), paths.described())];
                lines.extend(said.objects());
                lines.push(format!("  allowed: {} ({at_most} bytes)", described(*at_most)));
                let elsewhere = "a file that has to be so large can be kept elsewhere, for example in Git LFS".to_owned();
                Explanation { code: "path-too-large", lines, hints: paths.take_out(said).into_iter().chain([elsewhere]).collect() }
            }
            Reason::NotLookedFor => {
                let mut lines = vec![format!("{} paths that were not looked at", changing(said))];
                lines.extend(said.objects());
                Explanation { code: "path-unknown", lines, hints: Vec::new() }
            }
        }
    }

    fn is_ambiguous(reason: &Reason) -> bool {
        matches!(reason, Reason::NotAllowed { signed: Signed::Badly(fault), .. } if fault.status == Status::Ambiguous)
    }

    fn fault(reason: &Reason) -> Option<&Fault> {
        match reason {
            Reason::NotAllowed { signed: Signed::Badly(fault), .. } => Some(fault),
            Reason::NotAllowed { .. } | Reason::Forbidden { .. } | Reason::TooLarge { .. } | Reason::NotLookedFor => None,
        }
    }
}

fn read_entry(value: &Value<'_>, reader: &mut Reader<'_>) -> Option<Entry> {
    reader.table(value, |fields| {
        let matching = fields.required("match", Globs::read_paths);
        let except = fields.optional("except", Globs::read_paths);
        let by = fields.optional("by", Who::read_list);
        let forbid = fields.optional("forbid", |value, reader| reader.boolean(value));
        let max_size = fields.optional("max-size", |value, reader| reader.size(value));
        if !fields.has("by") && !fields.has("max-size") && (!fields.has("forbid") || forbid == Some(false)) {
            let nothing = "this entry asks nothing: it needs `by`, `forbid = true` or `max-size`".to_owned();
            fields.reader.problem(fields.place(), What::Other(nothing));
        }
        Some(Entry { matching: matching?, except, by, forbid: forbid.unwrap_or(false), max_size })
    })
}

/// Whose the commit is, if not one of theirs.
fn not_by(by: &Who, facts: &CommitFacts<'_>, context: &Context<'_>) -> Option<Signed> {
    let whose = facts.signer(context);
    if let Some(signer) = whose.signer() {
        return (!by.includes(signer)).then(|| Signed::By(signer.id.clone()));
    }
    match whose {
        Whose::NotGood(fault) => Some(Signed::Badly(fault)),
        // A forge's signature that counts for nobody.
        Whose::Forges(signed, _) => Some(Signed::By(signed.id().clone())),
        Whose::Unsigned | Whose::Signers(_) | Whose::Actors(..) => Some(Signed::Not),
    }
}

/// `` `@platform` or `bob` ``; `None`: nobody.
fn described_people(by: &Who) -> Option<String> {
    match by {
        Who::Registered => Some("a registered person".to_owned()),
        Who::Named { written, .. } if written.is_empty() => None,
        Who::Named { .. } => Some(by.described()),
    }
}

/// `3f2a91c changes` or `2 of 5 commits change`.
fn changing(said: &Said<'_>) -> String {
    match (said.finding.count, said.newest()) {
        (1, Some(subject)) => format!("{} changes", subject.id.short()),
        (count, _) => format!("{count} of {} commits change", said.finding.brought.commits.max(count)),
    }
}

fn explain_not_allowed(paths: &Named, by: Option<&str>, signed: &Signed, said: &Said<'_>) -> Explanation {
    let it = if said.finding.count == 1 { "it is" } else { "they are" };
    let whose = match signed {
        Signed::By(signer) => format!("{it} signed by {}", signer.0),
        Signed::Not => format!("{it} not signed"),
        Signed::Badly(_) => "the signature does not count".to_owned(),
    };
    let may = by.map_or_else(|| "nobody may change".to_owned(), |by| format!("only {by} may change"));
    let mut lines = vec![format!("{} {}, which {may}; {whose}", changing(said), paths.described())];
    let ask = by.map(|by| format!("have this change made and signed by {by}"));
    let sign = said.signing_command();
    let hints = match signed {
        Signed::By(_) => {
            lines.extend(said.objects());
            ask.into_iter().collect()
        }
        Signed::Not => {
            lines.extend(said.objects());
            let sign = sign.filter(|_| ask.is_some()).map(|sign| format!("or, if that is you, sign it: {sign}"));
            ask.into_iter().chain(sign).collect()
        }
        Signed::Badly(fault) => {
            let Explanation { lines: why, hints, .. } =
                explain_fault(fault, said, &said.subject_and_verb(), said.objects(), sign.as_deref());
            lines.extend(why);
            hints
        }
    };
    Explanation { code: "path-not-allowed", lines, hints }
}

impl Entry {
    fn matches(&self, path: &[u8]) -> bool {
        self.matching.matches(path) && !self.except.as_ref().is_some_and(|globs| globs.matches(path))
    }

    /// All of it, in one form.
    fn written(&self) -> String {
        let listed = |words: BTreeSet<String>| words.into_iter().collect::<Vec<_>>().join(", ");
        let mut written = format!("match [{}]", listed(self.matching.written()));
        let parts = [
            self.except.as_ref().map(|globs| format!(" except [{}]", listed(globs.written()))),
            self.by.as_ref().map(|by| format!(" by [{}]", listed(by.names()))),
            self.forbid.then(|| " forbid".to_owned()),
            self.max_size.map(|size| format!(" max-size {}", described(size))),
        ];
        written.extend(parts.into_iter().flatten());
        written
    }

    /// `` `a` or `b`, except `c` ``.
    fn described(&self) -> String {
        let except = self.except.as_ref().map(|globs| format!(", except {},", globs.described()));
        self.matching.described() + &except.unwrap_or_default()
    }
}

impl Named {
    fn of(changes: &[&Changed]) -> Self {
        let mut named = Self::with_sizes(changes);
        named.first.iter_mut().for_each(|(_, size)| *size = None);
        named
    }

    fn with_sizes(changes: &[&Changed]) -> Self {
        let first = changes.iter().take(NAMED);
        let first = first.map(|changed| (changed.path.clone(), changed.after.and_then(|held| held.size)));
        let before = match changes.iter().filter(|changed| changed.before.is_some()).count() {
            0 => Before::Nothing,
            all if all == changes.len() => Before::Something,
            _ => Before::Mixed,
        };
        Self { first: first.collect(), count: changes.len(), before }
    }

    /// `` `a`, `b` (20 bytes) and 7 more paths ``.
    fn described(&self) -> String {
        let told = self.first.iter().map(|(path, size)| {
            let size = size.map(|size| format!(" ({size} bytes)")).unwrap_or_default();
            format!("`{}`{size}", told(path))
        });
        let told = told.collect::<Vec<_>>();
        let more = self.count - told.len().min(self.count);
        match told.as_slice() {
            [first @ .., last] if more == 0 && !first.is_empty() => format!("{} and {last}", first.join(", ")),
            told if more == 0 => told.join(", "),
            told => format!("{} and {more} more path{}", told.join(", "), if more == 1 { "" } else { "s" }),
        }
    }

    /// How to have the commits without it. Where the tip alone is meant, the command.
    fn take_out(&self, said: &Said<'_>) -> Option<String> {
        let brought = &said.finding.brought;
        let is_tip = said.finding.count == 1 && said.newest().map(|subject| subject.id) == brought.peeled;
        let command = match self.before {
            Before::Nothing => Some("git rm -q --cached --"),
            Before::Something if !brought.merges => Some("git checkout -q HEAD~1 --"),
            Before::Something | Before::Mixed => None,
        };
        let words = (self.count == self.first.len()).then(|| self.shell_words()).flatten();
        if is_tip
            && said.update.name.tag_name().is_none()
            && let (Some(command), Some(words)) = (command, words)
        {
            let sign = if said.signing { " -S" } else { "" };
            return Some(format!(
                "take this out of the commit: {command} {words} && git commit --amend --no-edit --allow-empty{sign}"
            ));
        }
        Some("take this out of the commits themselves: one on top that undoes it leaves them as they are".into())
    }

    /// `None` where one of them means something else to a shell, or as a pathspec (gitglossary(7)).
    fn shell_words(&self) -> Option<String> {
        let plain = |path: &[u8]| {
            let printable = path.iter().all(|byte| !byte.is_ascii_control() && !b"*?[\\".contains(byte));
            shell_word(path).filter(|_| printable && !path.starts_with(b":"))
        };
        let words: Option<Vec<_>> = self.first.iter().map(|(path, _)| plain(path)).collect();
        words.map(|words| words.join(" "))
    }
}

/// As text; of a long one, both ends.
fn told(path: &[u8]) -> String {
    let end = |bytes: Option<&[u8]>| String::from_utf8_lossy(bytes.unwrap_or_default()).into_owned();
    match path.len() > TOLD_WHOLE {
        true => {
            let half = TOLD_WHOLE / 2;
            format!("{}…{}", end(path.get(..half)), end(path.get(path.len() - half..)))
        }
        false => end(Some(path)),
    }
}

/// In the largest unit that leaves nothing over: "10 MiB".
fn described(size: u64) -> String {
    let units = [("GiB", 1 << 30), ("MiB", 1 << 20), ("KiB", 1 << 10)];
    let unit = units.into_iter().find(|(_, bytes)| size > 0 && size.is_multiple_of(*bytes));
    unit.map_or_else(|| format!("{size} bytes"), |(unit, bytes)| format!("{} {unit}", size / bytes))
}
