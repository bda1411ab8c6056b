//! Merge bases: the best of the ancestors that two commits share.

use super::{
    Repository,
    ancestry::{Size, committed, reaches, read_commit},
};
use crate::{
    Undecided,
    object::{parents_as_git_reads_them, tree_as_git_reads_it},
    push::{ObjectId, ObjectIdMap},
};
use std::{collections::BinaryHeap, rc::Rc};

/// Commits that are remembered: merges of one history ask for the same ones over and over. Some 30 MB.
const REMEMBERED: usize = 131_072;

/// What history says of commits, each read once.
pub(super) struct Lineage<'a> {
    repository: &'a Repository,
    known: ObjectIdMap<Rc<Ancestor>>,
    buffer: Vec<u8>,
}

/// A commit without its message.
#[derive(Debug)]
pub(super) struct Ancestor {
    pub(super) tree: ObjectId,
    parents: Vec<ObjectId>,
    date: i64,
}

/// From which of the two a commit was reached, and whether it is a true ancestor of one that both reach.
#[derive(Clone, Copy, PartialEq, Eq, Default)]
struct Colours {
    one: bool,
    other: bool,
    surpassed: bool,
}

impl Colours {
    fn with(self, more: Self) -> Self {
        Self { one: self.one || more.one, other: self.other || more.other, surpassed: self.surpassed || more.surpassed }
    }
}

#[derive(Default)]
struct Mark {
    colours: Colours,
    waiting: bool,
}

impl<'a> Lineage<'a> {
    pub(super) fn new(repository: &'a Repository) -> Self {
        Self { repository, known: ObjectIdMap::default(), buffer: Vec::new() }
    }

    /// A commit; `child` is the one that names it as a parent, for the message.
    pub(super) fn commit(&mut self, id: ObjectId, child: Option<ObjectId>) -> Result<Rc<Ancestor>, Undecided> {
        if let Some(known) = self.known.get(&id) {
            return Ok(Rc::clone(known));
        }
        let failed = |why: &str| Undecided::server("comparing commits", format!("{id}, part of the history, {why}"));
        if read_commit(self.repository, id, child, &mut self.buffer)? == Size::TooLarge {
            return Err(failed("is too large to read"));
        }
        let format = self.repository.format();
        let tree = tree_as_git_reads_it(&self.buffer, format).ok_or_else(|| failed("names no tree"))?;
        let parents = parents_as_git_reads_them(&self.buffer, format);
        let commit = Rc::new(Ancestor { tree, parents, date: committed(&self.buffer) });
        if self.known.len() >= REMEMBERED {
            self.known.clear();
        }
        self.known.insert(id, Rc::clone(&commit));
        Ok(commit)
    }

    /// The common ancestors of two commits that are no ancestors of others of them, sorted; exact, whatever the dates.
    ///
    /// Both colours are painted down history, newest commits first, until all that wait are ancestors of what both
    /// reached. No best common ancestor is missed so: nothing between it and the two is surpassed, or it would be, too.
    /// Where dates lie, some that are found are ancestors of others, which is looked up.
    pub(super) fn merge_bases(&mut self, one: ObjectId, other: ObjectId) -> Result<Vec<ObjectId>, Undecided> {
        if one == other {
            return Ok(vec![one]);
        }
        let mut painting = Painting::default();
        painting.paint(self, one, None, Colours { one: true, ..Colours::default() })?;
        painting.paint(self, other, None, Colours { other: true, ..Colours::default() })?;
        let mut common = Vec::new();
        while painting.unsurpassed > 0 {
            let Some((id, mut colours)) = painting.take() else { break };
            if colours == (Colours { one: true, other: true, surpassed: false }) {
                common.push(id);
                colours.surpassed = true;
            }
            for &parent in &self.commit(id, None)?.parents {
                painting.paint(self, parent, Some(id), colours)?;
            }
        }
        common.retain(|id| painting.marks.get(id).is_some_and(|mark| !mark.colours.surpassed));
        common.sort();
        common.dedup();
        self.independent(common)
    }

    /// Those that are ancestors of none of the others.
    fn independent(&self, commits: Vec<ObjectId>) -> Result<Vec<ObjectId>, Undecided> {
        let mut kept = Vec::new();
        for &commit in &commits {
            let others: Vec<_> = commits.iter().copied().filter(|&other| other != commit).collect();
            if others.is_empty() || !reaches(self.repository, &others, commit)? {
                kept.push(commit);
            }
        }
        Ok(kept)
    }
}

#[derive(Default)]
struct Painting {
    marks: ObjectIdMap<Mark>,
    /// By date, newest first.
    waiting: BinaryHeap<(i64, ObjectId)>,
    /// How many wait that are not surpassed.
    unsurpassed: usize,
}

impl Painting {
    fn paint(
        &mut self,
        lineage: &mut Lineage<'_>,
        id: ObjectId,
        child: Option<ObjectId>,
        colours: Colours,
    ) -> Result<(), Undecided> {
        let mark = self.marks.entry(id).or_default();
        let painted = mark.colours.with(colours);
        if painted == mark.colours {
            return Ok(());
        }
        if mark.waiting {
            self.unsurpassed -= usize::from(!mark.colours.surpassed && painted.surpassed);
            mark.colours = painted;
            return Ok(());
        }
        *mark = Mark { colours: painted, waiting: true };
        self.unsurpassed += usize::from(!painted.surpassed);
        let date = lineage.commit(id, child)?.date;
        self.waiting.push((date, id));
        Ok(())
    }

    fn take(&mut self) -> Option<(ObjectId, Colours)> {
        let (_, id) = self.waiting.pop()?;
        let mark = self.marks.get_mut(&id)?;
        mark.waiting = false;
        self.unsurpassed -= usize::from(!mark.colours.surpassed);
        Some((id, mark.colours))
    }
}
