//! Who descends from whom, among commits that were there before: two colours painted down history.
//!
//! What is asked about is `Wanted`, what excludes is `Hidden`, and hidden wins. Commits are taken newest first, so
//! that both colours meet early, but nothing relies on dates: a commit that turns out to be hidden after it was taken
//! is taken again and hides its ancestors.

use super::{ObjectKind, Read, Repository};
use crate::{
    Undecided,
    object::parents_as_git_reads_them,
    push::{ObjectId, ObjectIdMap, ObjectIdSet},
};
use std::collections::BinaryHeap;

/// Hidden commits that are taken at least, after the last wanted one, in case a date lies: some 10 ms.
pub(super) const LEAST_DOUBTED: usize = 1024;

/// And at most, where dates do not settle it, or one in 1970 would have all history read.
pub(super) const MOST_DOUBTED: usize = 65_536;

/// Whether `ancestor` is one of `descendants` or of their ancestors. Exact, whatever the dates.
pub(super) fn reaches(
    repository: &Repository,
    descendants: &[ObjectId],
    ancestor: ObjectId,
) -> Result<bool, Undecided> {
    if descendants.contains(&ancestor) {
        return Ok(true);
    }
    let mut painting = Painting::new(repository);
    for &descendant in descendants {
        painting.paint(descendant, Colour::Wanted, None)?;
    }
    // An ancestor of `ancestor` does not descend from it: once only those are left, the answer is no.
    painting.paint(ancestor, Colour::Hidden, None)?;
    while painting.wanted_waiting > 0 {
        let Some(taken) = painting.take()? else { break };
        if taken.colour == Colour::Wanted && taken.parents.contains(&ancestor) {
            return Ok(true);
        }
    }
    Ok(false)
}

/// These commits and all their ancestors. `on_commit` is called for each.
pub(super) fn reachable(
    repository: &Repository,
    tips: &[ObjectId],
    on_commit: &dyn Fn(),
) -> Result<ObjectIdSet, Undecided> {
    let mut found: ObjectIdSet = tips.iter().copied().collect();
    let mut waiting: Vec<_> = found.iter().map(|&tip| (tip, None)).collect();
    let mut buffer = Vec::new();
    while let Some((id, child)) = waiting.pop() {
        read_commit(repository, id, child, &mut buffer)?;
        on_commit();
        let parents = parents_as_git_reads_them(&buffer, repository.format());
        waiting.extend(parents.into_iter().filter(|&parent| found.insert(parent)).map(|parent| (parent, Some(id))));
    }
    Ok(found)
}

/// What [`difference`] found.
pub(super) struct Difference {
    /// Reachable from the tips and not from what is hidden, in the order they were taken (newest first).
    pub(super) commits: Vec<ObjectId>,
    /// The hidden commits that are parents of these, of those that were asked for.
    pub(super) met: ObjectIdSet,
}

/// The commits reachable from `tips` and from none of `hidden`, which is sorted; no tip is among them. What `is_trusted` is
/// as good as hidden, and so are its ancestors without being looked at.
///
/// A commit is only left out if it truly is an ancestor of a hidden one. That it is none could in general be known only
/// by reading all their history. Where dates ascend it is known once all hidden commits that wait are older; beyond
/// that thousands more are taken. What can still be missed is a commit dated before its own ancestor, in a history
/// where hardly any date is right: then too much is judged, never too little.
pub(super) fn difference(
    repository: &Repository,
    tips: &[ObjectId],
    hidden: &[ObjectId],
    is_trusted: &dyn Fn(ObjectId) -> Result<bool, Undecided>,
) -> Result<Difference, Undecided> {
    let mut painting = Painting::new(repository);
    for &commit in hidden {
        painting.paint(commit, Colour::Hidden, None)?;
    }
    painting.is_trusted = is_trusted;
    for &commit in tips {
        painting.paint(commit, Colour::Wanted, None)?;
    }
    let mut found = Difference { commits: Vec::new(), met: ObjectIdSet::default() };
    let mut parents = Vec::new();
    let mut oldest = i64::MAX;
    while painting.wanted_waiting > 0 {
        let Some(taken) = painting.take()? else { break };
        if taken.colour == Colour::Wanted {
            found.commits.push(taken.id);
            found.met.extend(taken.parents.iter().filter(|parent| hidden.binary_search(parent).is_ok()));
            oldest = oldest.min(taken.date);
            parents.push(taken.parents);
        }
    }
    let mut doubted = doubtful(&found.commits, &parents, hidden);
    drop(parents);
    let mut beyond = 0;
    while let Some(date) = painting.newest_waiting() {
        let enough = if date < oldest { LEAST_DOUBTED } else { MOST_DOUBTED };
        if doubted.is_empty() || beyond >= enough {
            break;
        }
        if let Some(taken) = painting.take()? {
            doubted.remove(&taken.id);
        }
        beyond += 1;
    }
    found.commits.retain(|id| painting.colour_of(id) == Some(Colour::Wanted));
    Ok(found)
}

/// Those of which it is not plain that no hidden commit descends from them: who descends from the only hidden commit
/// is no ancestor of it. `commits` come before their parents, as far as dates are right.
fn doubtful(commits: &[ObjectId], parents: &[Vec<ObjectId>], hidden: &[ObjectId]) -> ObjectIdSet {
    let mut doubtful = ObjectIdSet::default();
    let mut sure: ObjectIdSet = match hidden {
        [only] => ObjectIdSet::from_iter([*only]),
        _ => ObjectIdSet::default(),
    };
    for (commit, parents) in commits.iter().zip(parents).rev() {
        if parents.iter().any(|parent| sure.contains(parent)) {
            sure.insert(*commit);
        } else {
            doubtful.insert(*commit);
        }
    }
    doubtful
}

#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum Colour {
    Wanted,
    Hidden,
}

#[derive(Clone, Copy)]
struct Mark {
    colour: Colour,
    waiting: bool,
}

struct Painting<'a> {
    repository: &'a Repository,
    /// Commits that are passed over with all their ancestors.
    is_trusted: &'a dyn Fn(ObjectId) -> Result<bool, Undecided>,
    marks: ObjectIdMap<Mark>,
    waiting: BinaryHeap<Waiting>,
    /// How many commits wait that are wanted.
    wanted_waiting: usize,
    buffer: Vec<u8>,
}

/// Ordered by date, then hidden ones first: among equals they must not come too late.
#[derive(PartialEq, Eq, PartialOrd, Ord)]
struct Waiting {
    date: i64,
    hidden: bool,
    id: ObjectId,
    parents: Vec<ObjectId>,
}

struct Taken {
    id: ObjectId,
    date: i64,
    colour: Colour,
    parents: Vec<ObjectId>,
}

impl<'a> Painting<'a> {
    fn new(repository: &'a Repository) -> Self {
        let (marks, waiting) = (ObjectIdMap::default(), BinaryHeap::new());
        Self { repository, is_trusted: &|_| Ok(false), marks, waiting, wanted_waiting: 0, buffer: Vec::new() }
    }

    fn colour_of(&self, id: &ObjectId) -> Option<Colour> {
        self.marks.get(id).map(|mark| mark.colour)
    }

    fn newest_waiting(&self) -> Option<i64> {
        self.waiting.peek().map(|waiting| waiting.date)
    }

    fn paint(&mut self, id: ObjectId, colour: Colour, child: Option<ObjectId>) -> Result<(), Undecided> {
        if let Some(mark) = self.marks.get_mut(&id) {
            if mark.colour == Colour::Hidden || colour == Colour::Wanted {
                return Ok(());
            }
            mark.colour = Colour::Hidden;
            if mark.waiting {
                self.wanted_waiting = self.wanted_waiting.saturating_sub(1);
                return Ok(());
            }
        }
        if colour == Colour::Wanted && (self.is_trusted)(id)? {
            return Ok(());
        }
        let parents = match read_commit(self.repository, id, child, &mut self.buffer)? {
            Size::Whole => parents_as_git_reads_them(&self.buffer, self.repository.format()),
            // Wanted, it is refused for its size, and what lies behind it does not matter any more.
            Size::TooLarge if colour == Colour::Wanted => Vec::new(),
            Size::TooLarge => {
                return Err(Undecided::server(walking(), format!("{id}, part of the history, is too large to read")));
            }
        };
        self.marks.insert(id, Mark { colour, waiting: true });
        self.wanted_waiting += usize::from(colour == Colour::Wanted);
        let date = committed(&self.buffer);
        self.waiting.push(Waiting { date, hidden: colour == Colour::Hidden, id, parents });
        Ok(())
    }

    /// Takes the newest commit that waits and paints its parents.
    fn take(&mut self) -> Result<Option<Taken>, Undecided> {
        let Some(Waiting { id, date, parents, .. }) = self.waiting.pop() else { return Ok(None) };
        let Some(mark) = self.marks.get_mut(&id) else { return Ok(None) };
        mark.waiting = false;
        let colour = mark.colour;
        self.wanted_waiting -= usize::from(colour == Colour::Wanted);
        for &parent in &parents {
            self.paint(parent, colour, Some(id))?;
        }
        Ok(Some(Taken { id, date, colour, parents }))
    }
}

/// Whether a commit was read whole.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Size {
    Whole,
    TooLarge,
}

/// Reads a commit; `child` is the one that names it as a parent, for the message.
pub(super) fn read_commit(
    repository: &Repository,
    id: ObjectId,
    child: Option<ObjectId>,
    buffer: &mut Vec<u8>,
) -> Result<Size, Undecided> {
    let named = || child.map(|child| format!(", a parent of {child},")).unwrap_or_default();
    match repository.read(id, buffer)? {
        Read::Object(ObjectKind::Commit) => Ok(Size::Whole),
        Read::TooLarge { kind: ObjectKind::Commit, .. } => {
            buffer.clear();
            Ok(Size::TooLarge)
        }
        Read::Object(kind) | Read::TooLarge { kind, .. } => {
            Err(Undecided::pusher(walking(), format!("{id}{} is no commit but a {}", named(), kind.name())))
        }
        Read::Missing => {
            let what = format!("{id}{} is missing", named());
            match child {
                // Git refuses such a ref itself, but later: it is pushed from a shallow clone.
                Some(child) if !repository.objects.is_settled(child)? => {
                    let mend = "push from a complete clone (git fetch --unshallow)";
                    Err(Undecided::pusher(walking(), format!("{what}; {mend}")))
                }
                Some(_) | None => Err(Undecided::server(walking(), what)),
            }
        }
    }
}

fn walking() -> &'static str {
    "walking the commits"
}

/// The committer's date, read leniently: it decides what is looked at first and nothing else.
pub(super) fn committed(bytes: &[u8]) -> i64 {
    let headers = bytes.split(|&byte| byte == b'\n').take_while(|line| !line.is_empty());
    let committer = headers.into_iter().find_map(|line| line.strip_prefix(b"committer "));
    let after_email = committer.and_then(|line| line.rsplit(|&byte| byte == b'>').next());
    let seconds = after_email.and_then(|rest| rest.trim_ascii().split(|&byte| byte == b' ').next());
    seconds.and_then(|seconds| std::str::from_utf8(seconds).ok()?.parse().ok()).unwrap_or(0)
}
