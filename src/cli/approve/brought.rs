//! What an update to the approved commit brings: commits, who made them, and paths.

use super::{
    git::{Git, Words},
    remote::Remote,
};
use crate::{
    Undecided,
    object::Commit,
    push::{ObjectId, RefName},
    registry::folded,
    signature::{self, Certificates, Defect, Fingerprint, Signature},
};
use std::collections::BTreeMap;

/// How many commits are looked at for whose they are.
const LOOKED_AT: usize = 10_000;

/// How many commits and paths are shown.
pub(super) const SHOWN: usize = 20;

/// What the commit is held against.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Over {
    /// The ref's present value.
    Present(ObjectId),
    /// The ref is not there: the tip of the remote's default branch.
    Default(ObjectId),
    /// What the ref held before an emergency, by which it has the commit already.
    Before(ObjectId),
    /// There is nothing to hold it against.
    Nothing,
    /// What it would be held against has the commit already: its first parent.
    Parent(Option<ObjectId>),
}

impl Over {
    /// The commit that it is held against.
    pub(super) fn commit(self) -> Option<ObjectId> {
        match self {
            Self::Present(id) | Self::Default(id) | Self::Before(id) => Some(id),
            Self::Parent(parent) => parent,
            Self::Nothing => None,
        }
    }
}

/// One commit, as people are shown it: bytes that others chose.
pub(super) struct Shown {
    pub(super) id: ObjectId,
    pub(super) subject: Vec<u8>,
    /// `name <email>`.
    pub(super) author: Vec<u8>,
    pub(super) committer: Vec<u8>,
    /// What its signature says; who has the key, the server knows.
    pub(super) signed: String,
}

/// The paths between what it is held against and the commit.
#[derive(Default)]
pub(super) struct Paths {
    pub(super) count: u64,
    pub(super) added: u64,
    pub(super) removed: u64,
    pub(super) first: Vec<Changed>,
}

pub(super) struct Changed {
    /// How many are added and removed; `None` for what is no text.
    pub(super) lines: Option<(u64, u64)>,
    pub(super) path: Vec<u8>,
}

/// What the update brings.
pub(super) struct Brought {
    pub(super) over: Over,
    /// How many commits, not all of which were looked at.
    pub(super) count: u64,
    pub(super) all_looked_at: bool,
    /// How many commits of what it is held against it does not hold.
    pub(super) lacks: u64,
    /// The newest of them.
    pub(super) newest: Vec<Shown>,
    /// Those that the approver wrote or committed.
    pub(super) own: Vec<ObjectId>,
    /// The keys that signed, each with a commit that it signed.
    pub(super) keys: BTreeMap<Fingerprint, ObjectId>,
    pub(super) paths: Paths,
}

/// What a commit for this ref is held against.
pub(super) fn over(remote: &Remote, name: &RefName) -> Over {
    match (remote.peeled(name), remote.head) {
        (Some(present), _) => Over::Present(present),
        (None, Some(head)) => Over::Default(head),
        (None, None) => Over::Nothing,
    }
}

/// Whether this clone has the commit.
pub(super) fn is_here(git: &Git, commit: ObjectId) -> Result<bool, Undecided> {
    Ok(git.asked(&[&"cat-file", &"-e", &format!("{commit}^{{commit}}")])?.is_some())
}

fn is_ancestor(git: &Git, below: ObjectId, above: ObjectId) -> Result<bool, Undecided> {
    let answer = git.asked(&[&"merge-base", &"--is-ancestor", &below.to_string(), &above.to_string()])?;
    Ok(answer.is_some())
}

impl Brought {
    /// `over` is in this clone; `emails` are the approver's.
    pub(super) fn find(git: &Git, commit: ObjectId, over: Over, emails: &[String]) -> Result<Self, Undecided> {
        let emails: Vec<_> = emails.iter().map(|email| folded(email)).collect();
        let over = match over.commit() {
            Some(base) if !matches!(over, Over::Before(_)) && is_ancestor(git, commit, base)? => {
                Over::Parent(git.id(&[&"rev-parse", &"--verify", &"--quiet", &format!("{commit}^1")])?)
            }
            _ => over,
        };
        let (ids, count, lacks) = match over {
            Over::Parent(_) => (vec![commit], 0, 0),
            Over::Nothing => (listed(git, &commit.to_string())?, counted(git, &commit.to_string())?, 0),
            Over::Present(base) | Over::Default(base) | Over::Before(base) => {
                let (range, back) = (format!("{base}..{commit}"), format!("{commit}..{base}"));
                (listed(git, &range)?, counted(git, &range)?, counted(git, &back)?)
            }
        };
        let mut found = Self {
            over,
            count,
            all_looked_at: count <= u64::try_from(ids.len()).unwrap_or(u64::MAX),
            lacks,
            newest: Vec::new(),
            own: Vec::new(),
            keys: BTreeMap::new(),
            paths: Paths::between(git, over, commit)?,
        };
        git.commits(&ids, &mut |id, bytes| found.look_at(id, bytes, &emails))?;
        if let Over::Before(base) = over
            && count == 0
        {
            // The ref went back. What it no longer holds is shown, and nobody had a hand in that.
            let ids = listed(git, &format!("{commit}..{base}"))?;
            git.commits(&ids, &mut |id, bytes| found.look_at(id, bytes, &[]))?;
            found.keys.clear();
        }
        Ok(found)
    }

    fn look_at(&mut self, id: ObjectId, bytes: Option<&[u8]>, emails: &[String]) {
        let commit = bytes.map(|bytes| Commit::parse(bytes, id.format()));
        let Some(Ok(commit)) = commit else {
            let signed = "too large or not well-formed: the server will not take it".to_owned();
            let (subject, author, committer) = Default::default();
            self.show(Shown { id, subject, author, committer, signed });
            return;
        };
        let people = [&commit.author, &commit.committer];
        if people.iter().any(|person| emails.contains(&folded(&String::from_utf8_lossy(person.email)))) {
            self.own.push(id);
        }
        let (signed, key) = key_of(&signature::verify(&commit.signature, &Certificates::default()));
        if let Some(key) = key {
            self.keys.entry(key).or_insert(id);
        }
        let [author, committer] = people.map(|person| [person.name, b" <", person.email, b">"].concat());
        self.show(Shown { id, subject: commit.subject(), author, committer, signed });
    }

    fn show(&mut self, shown: Shown) {
        if self.newest.len() < SHOWN {
            self.newest.push(shown);
        }
    }
}

fn listed(git: &Git, range: &str) -> Result<Vec<ObjectId>, Undecided> {
    let mut ids = Vec::new();
    git.records(&[&"rev-list", &format!("--max-count={LOOKED_AT}"), &range, &"--"], b'\n', &mut |line| {
        ids.push(ObjectId::from_hex(line)?);
        Some(())
    })?;
    Ok(ids)
}

fn counted(git: &Git, range: &str) -> Result<u64, Undecided> {
    git.number(&[&"rev-list", &"--count", &range, &"--"])
}

/// What a signature says of its key, in words, and the key. Of OpenPGP it is a claim: no certificates are held here.
pub(super) fn key_of(signature: &Signature) -> (String, Option<Fingerprint>) {
    match signature {
        Signature::Absent => ("not signed".to_owned(), None),
        Signature::Verified(verified) => {
            (format!("signed by {} {}", verified.format().name(), verified.key()), Some(verified.key().clone()))
        }
        Signature::Bad(bad) => match (&bad.defect, bad.format, &bad.key) {
            (Defect::KeyNotHeld, _, Some(key)) => (format!("signed by {key}"), Some(key.clone())),
            (Defect::KeyNotHeld | Defect::Unsupported(_), Some(format), _) => {
                (format!("signed, {}", format.name()), None)
            }
            _ => ("its signature is not good".to_owned(), None),
        },
    }
}

impl Paths {
    /// What a merge of the commit would change: from where the two parted, or from nothing. Of an emergency, what it has changed.
    fn between(git: &Git, over: Over, commit: ObjectId) -> Result<Self, Undecided> {
        let base = match over {
            Over::Parent(parent) => parent,
            Over::Before(base) => Some(base),
            Over::Present(base) | Over::Default(base) => {
                git.id(&[&"merge-base", &base.to_string(), &commit.to_string()])?
            }
            Over::Nothing => None,
        };
        let base = base.map_or_else(|| empty_tree(commit).to_owned(), |base| base.to_string());
        let mut paths = Self::default();
        // Neither this clone's configuration nor a `.gitmodules` that came with it hides anything (git's diff.c,
        // `is_submodule_ignored`).
        let words: Words<'_> = &[
            &"diff-tree",
            &"-r",
            &"-z",
            &"--numstat",
            &"--no-renames",
            &"--no-relative",
            &"--ignore-submodules=none",
            &base,
            &commit.to_string(),
            &"--",
        ];
        git.records(words, b'\0', &mut |record| paths.add(record))?;
        Ok(paths)
    }

    /// `<added> TAB <removed> TAB <path>`, with `-` for what is no text (git-diff(1), "Other diff formats").
    fn add(&mut self, record: &[u8]) -> Option<()> {
        let mut parts = record.splitn(3, |&byte| byte == b'\t');
        let (added, removed, path) = (parts.next()?, parts.next()?, parts.next()?);
        let lines = match (added, removed) {
            (b"-", b"-") => None,
            _ => Some((number(added)?, number(removed)?)),
        };
        self.count += 1;
        self.added = self.added.saturating_add(lines.map_or(0, |(added, _)| added));
        self.removed = self.removed.saturating_add(lines.map_or(0, |(_, removed)| removed));
        if self.first.len() < SHOWN {
            self.first.push(Changed { lines, path: path.to_vec() });
        }
        Some(())
    }
}

fn number(digits: &[u8]) -> Option<u64> {
    std::str::from_utf8(digits).ok()?.parse().ok()
}

/// Git knows this tree without having it stored (object-file.c, `empty_tree`).
fn empty_tree(commit: ObjectId) -> &'static str {
    match commit {
        ObjectId::Sha1(_) => "4b825dc642cb6eb9a060e54bf8d69288fbee4904",
        ObjectId::Sha256(_) => "6ef19b41225c5369f1c104d45d8d85efa9b057b53b14b4b9b939dd74decc5321",
    }
}
