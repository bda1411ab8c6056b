//! The commits that a rule judges.

use super::{
    ObjectKind, Repository,
    ancestry::{Size, difference, reaches, read_commit},
};
use crate::{Undecided, object::parents_as_git_reads_them, push::ObjectId};
use std::collections::HashSet;

/// Which commits: reachable from `tip`, and not from `old` nor a baseline.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Selection {
    /// A commit.
    pub tip: ObjectId,
    /// The old value, peeled to a commit, where there is one.
    pub old: Option<ObjectId>,
    /// Trusted unread with their ancestors. Those this repository lacks are reported.
    pub baselines: Vec<ObjectId>,
    /// Also visit the first-parent chain of `tip` down to the first commit on the first-parent chain of `old` (or that a
    /// baseline covers), though not gained.
    pub first_parent: bool,
}

/// A commit the walk found. Its bytes are as stored, of the right hash, not parsed.
#[derive(Clone, Copy, Debug)]
pub struct Selected<'a> {
    /// Its id.
    pub id: ObjectId,
    /// `None`: larger than [`Bounds::OBJECT`](crate::bounds::Bounds::OBJECT).
    pub bytes: Option<&'a [u8]>,
    /// False only for the tip, where the old value covers it, and for commits that `first_parent` adds.
    pub gained: bool,
    /// On the chain that `first_parent` asks for, the tip always (always false without it).
    pub on_first_parent_chain: bool,
}

/// What the walk as a whole found out.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Walked {
    /// How many commits were visited.
    pub visited: u64,
    /// Whether `old` is reachable from `tip` (true without `old`).
    pub fast_forward: bool,
    /// Baselines that this repository lacks.
    pub missing_baselines: Vec<ObjectId>,
}

type Visit<'v> = dyn FnMut(Selected<'_>) -> Result<(), Undecided> + 'v;

pub(super) fn walk(
    repository: &Repository,
    known: &HashSet<ObjectId>,
    selection: &Selection,
    visit: &mut Visit<'_>,
) -> Result<Walked, Undecided> {
    let (baselines, missing_baselines) = present(repository, &selection.baselines)?;
    let mut hidden: Vec<ObjectId> = selection.old.into_iter().chain(baselines.iter().copied()).collect();
    hidden.sort();
    hidden.dedup();
    let gain = Gain::known_at_once(repository, &hidden)?;
    let mut walk =
        Walk { repository, known, selection, baselines, hidden, gain, visit, visited: 0, buffer: Vec::new() };
    let fast_forward = walk.run()?;
    Ok(Walked { visited: walk.visited, fast_forward, missing_baselines })
}

/// The baselines that are here, as commits, and those that are missing.
fn present(repository: &Repository, baselines: &[ObjectId]) -> Result<(Vec<ObjectId>, Vec<ObjectId>), Undecided> {
    let (mut present, mut missing) = (Vec::new(), Vec::new());
    for &baseline in baselines {
        if repository.header(baseline)?.is_none() {
            missing.push(baseline);
            continue;
        }
        match repository.peel(baseline)?.target {
            Some((commit, ObjectKind::Commit)) => present.push(commit),
            Some((_, ObjectKind::Tree | ObjectKind::Blob | ObjectKind::Tag)) | None => {
                return Err(Undecided::server("reading the baselines", format!("{baseline} is no commit")));
            }
        }
    }
    Ok((present, missing))
}

/// Which commits are known to be gained when they are met.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Gain {
    /// Nothing is hidden: all are.
    Always,
    /// Those that came with the push: what is hidden was there before, and so were its ancestors.
    IfNew,
    /// There is no telling new from old.
    Never,
}

impl Gain {
    fn known_at_once(repository: &Repository, hidden: &[ObjectId]) -> Result<Self, Undecided> {
        if hidden.is_empty() {
            return Ok(Self::Always);
        }
        if !repository.objects.has_quarantine() {
            return Ok(Self::Never);
        }
        for &commit in hidden {
            if !repository.objects.is_settled(commit)? {
                return Ok(Self::Never);
            }
        }
        Ok(Self::IfNew)
    }
}

struct Walk<'w, 'v> {
    repository: &'w Repository,
    /// Passed over where nothing is hidden.
    known: &'w HashSet<ObjectId>,
    selection: &'w Selection,
    /// Those that are here, peeled.
    baselines: Vec<ObjectId>,
    /// `old` and the baselines, sorted.
    hidden: Vec<ObjectId>,
    gain: Gain,
    visit: &'w mut Visit<'v>,
    visited: u64,
    buffer: Vec<u8>,
}

/// Where the walk through new commits ended.
#[derive(Default)]
struct Edge {
    /// The commits it stopped at: hidden, or not known to be gained.
    commits: HashSet<ObjectId>,
    /// The one of them that is on the tip's first-parent chain.
    on_chain: Option<ObjectId>,
}

impl Walk<'_, '_> {
    /// Visits everything; returns whether it is a fast-forward.
    fn run(&mut self) -> Result<bool, Undecided> {
        let edge = self.visit_new()?;
        let tips: Vec<_> = edge.commits.iter().copied().filter(|id| self.hidden.binary_search(id).is_err()).collect();
        let settled = (!tips.is_empty()).then(|| difference(self.repository, &tips, &self.hidden)).transpose()?;
        let (gained, met) = settled.map(|found| (found.commits, found.met)).unwrap_or_default();
        let chain = match edge.on_chain {
            Some(first) if self.selection.first_parent => self.chain(first, &gained)?,
            Some(_) | None => Vec::new(),
        };
        self.visit_settled(&gained, &chain)?;
        let Some(old) = self.selection.old else { return Ok(true) };
        if edge.commits.contains(&old) || met.contains(&old) {
            return Ok(true);
        }
        // Without baselines all that is not under `old` was seen, and `old` was not among its parents.
        let edge: Vec<_> = edge.commits.into_iter().collect();
        Ok(!self.baselines.is_empty() && reaches(self.repository, &edge, old)?)
    }

    /// Visits, first parents first, what is known to be gained when it is met.
    fn visit_new(&mut self) -> Result<Edge, Undecided> {
        let mut edge = Edge::default();
        let mut seen = HashSet::new();
        let mut waiting = vec![Step { id: self.selection.tip, child: None, on_chain: true }];
        while let Some(Step { id, child, on_chain }) = waiting.pop() {
            let is_known = self.gain == Gain::Always && self.known.contains(&id);
            if is_known || !seen.insert(id) {
                continue;
            }
            if !self.is_gained_at_once(id)? {
                edge.commits.insert(id);
                edge.on_chain = edge.on_chain.or(on_chain.then_some(id));
                continue;
            }
            self.visit(id, child, true, on_chain)?;
            let parents = parents_as_git_reads_them(&self.buffer, self.repository.format());
            // The first parent is taken next, so the tip's chain is followed to its end before anything else.
            let steps = parents.iter().enumerate().rev();
            waiting.extend(steps.map(|(number, &parent)| Step {
                id: parent,
                child: Some(id),
                on_chain: on_chain && number == 0,
            }));
        }
        Ok(edge)
    }

    fn is_gained_at_once(&self, id: ObjectId) -> Result<bool, Undecided> {
        Ok(match self.gain {
            Gain::Always => true,
            Gain::IfNew => self.repository.objects.is_new(id)?,
            Gain::Never => false,
        })
    }

    /// Visits commits that were there before, those of the chain first, and the tip whatever it is.
    fn visit_settled(&mut self, gained: &[ObjectId], chain: &[ObjectId]) -> Result<(), Undecided> {
        let tip = self.selection.tip;
        let is_gained: HashSet<_> = gained.iter().copied().collect();
        if self.visited == 0 && !is_gained.contains(&tip) && !chain.contains(&tip) && !self.is_baselined(tip)? {
            self.visit(tip, None, false, true)?;
        }
        for &id in chain {
            self.visit(id, None, is_gained.contains(&id), true)?;
        }
        let on_chain: HashSet<_> = chain.iter().copied().collect();
        for &id in gained.iter().filter(|id| !on_chain.contains(id)) {
            self.visit(id, None, true, false)?;
        }
        Ok(())
    }

    /// The first-parent chain from `first` down to the first commit on that of `old` or under a baseline.
    fn chain(&self, first: ObjectId, gained: &[ObjectId]) -> Result<Vec<ObjectId>, Undecided> {
        let gained: HashSet<_> = gained.iter().copied().collect();
        let (mut chain, mut buffer) = (Vec::new(), Vec::new());
        let mut ours = Some(first);
        while let Some(id) = ours.filter(|id| gained.contains(id)) {
            chain.push(id);
            ours = self.first_parent(id, &mut buffer)?;
        }
        let (Some(old), Some(beyond)) = (self.selection.old, ours) else { return Ok(chain) };
        // What is not gained may be on the chain of `old`: both are followed in turn until one meets the other.
        let (mut ours, mut theirs) = (Some(beyond), Some(old));
        let (mut tail, mut on_ours, mut on_theirs) = (Vec::new(), HashSet::new(), HashSet::new());
        while ours.is_some() || theirs.is_some() {
            if let Some(id) = theirs {
                if on_ours.contains(&id) {
                    tail.truncate(tail.iter().position(|&on_tail| on_tail == id).unwrap_or(tail.len()));
                    break;
                }
                on_theirs.insert(id);
                theirs = self.first_parent(id, &mut buffer)?;
            }
            if let Some(id) = ours {
                if on_theirs.contains(&id) {
                    break;
                }
                on_ours.insert(id);
                tail.push(id);
                ours = self.first_parent(id, &mut buffer)?;
            }
        }
        tail.truncate(self.first_baselined(&tail)?);
        chain.extend(tail);
        Ok(chain)
    }

    /// Where a baseline begins to cover a chain; it covers all that follows.
    fn first_baselined(&self, chain: &[ObjectId]) -> Result<usize, Undecided> {
        let (mut low, mut high) = (0, chain.len());
        while low < high && !self.baselines.is_empty() {
            let middle = low.midpoint(high);
            match chain.get(middle) {
                Some(&id) if !self.is_baselined(id)? => low = middle + 1,
                Some(_) | None => high = middle,
            }
        }
        Ok(high)
    }

    fn is_baselined(&self, id: ObjectId) -> Result<bool, Undecided> {
        Ok(!self.baselines.is_empty() && reaches(self.repository, &self.baselines, id)?)
    }

    fn first_parent(&self, id: ObjectId, buffer: &mut Vec<u8>) -> Result<Option<ObjectId>, Undecided> {
        read_commit(self.repository, id, None, buffer)?;
        Ok(parents_as_git_reads_them(buffer, self.repository.format()).into_iter().next())
    }

    /// Reads a commit and hands it to the visitor; its bytes stay in the buffer, none if it is too large.
    fn visit(&mut self, id: ObjectId, child: Option<ObjectId>, gained: bool, on_chain: bool) -> Result<(), Undecided> {
        let size = read_commit(self.repository, id, child, &mut self.buffer)?;
        let bytes = (size == Size::Whole).then_some(self.buffer.as_slice());
        self.visited += 1;
        let on_first_parent_chain = self.selection.first_parent && on_chain;
        (self.visit)(Selected { id, bytes, gained, on_first_parent_chain })
    }
}

struct Step {
    id: ObjectId,
    child: Option<ObjectId>,
    on_chain: bool,
}
