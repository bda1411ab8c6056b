//! The commits that a rule judges.

use super::{
    ObjectKind, Repository,
    ancestry::{Size, difference, reaches, read_commit},
    chains,
};
use crate::{
    Undecided,
    object::parents_as_git_reads_them,
    push::{ObjectId, ObjectIdSet},
};
use std::cell::Cell;

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

/// What is trusted besides, with its ancestors. Asked about only where a walk meets commits that were there before.
#[derive(Clone, Copy)]
pub struct Trusted<'t> {
    /// Commits: what refs hold.
    pub tips: &'t [ObjectId],
    /// Whether a commit is trusted for its own sake, as by a baseline; then its ancestors have to be, too.
    pub holds: &'t dyn Fn(ObjectId) -> Result<bool, Undecided>,
}

/// Is called for each commit of a walk.
pub type Visit<'v> = dyn FnMut(Selected<'_>) -> Result<(), Undecided> + 'v;

impl Trusted<'_> {
    /// Nothing.
    pub const NOTHING: Trusted<'static> = Trusted { tips: &[], holds: &|_| Ok(false) };
}

pub(super) fn walk(repository: &Repository, selection: &Selection, visit: &mut Visit<'_>) -> Result<Walked, Undecided> {
    let known = ObjectIdSet::default();
    let mut walk = Walk::new(repository, &known, selection, Settled::WalkedAtOnce)?;
    walk.through_new(visit)?;
    walk.through_settled(&Trusted::NOTHING, visit)?;
    walk.finish()
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

/// What is to be done with commits that were there before the push.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Settled {
    /// As with any other.
    WalkedAtOnce,
    /// They are left to [`Walk::through_settled`]: some may be trusted.
    Apart,
}

impl Gain {
    fn known_at_once(repository: &Repository, hidden: &[ObjectId], settled: Settled) -> Result<Self, Undecided> {
        if hidden.is_empty() && settled == Settled::WalkedAtOnce {
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

/// A walk in two parts: through what came with the push, then, if that leads to any, through what was there before.
pub struct Walk<'w> {
    repository: &'w Repository,
    /// Passed over where nothing is hidden but what is trusted.
    known: &'w ObjectIdSet,
    selection: &'w Selection,
    /// Those that are here, peeled.
    baselines: Vec<ObjectId>,
    missing_baselines: Vec<ObjectId>,
    /// `old` and the baselines, sorted.
    hidden: Vec<ObjectId>,
    gain: Gain,
    visited: u64,
    edge: Edge,
    /// Whether the tip came with the push.
    tip_is_new: bool,
    /// Whether `old` was met, if all that could lead to it was seen.
    met_old: bool,
    /// Whether something was left out that could lead to `old`.
    left_out: bool,
    buffer: Vec<u8>,
}

/// Where the walk through new commits ended.
#[derive(Default)]
struct Edge {
    /// The commits it stopped at: hidden, or not known to be gained.
    commits: ObjectIdSet,
    /// The one of them that is on the tip's first-parent chain.
    on_chain: Option<ObjectId>,
}

impl<'w> Walk<'w> {
    /// Looks the baselines up. What is in `known` is passed over where nothing is hidden but what is trusted; it must hold
    /// the ancestors of what it holds, but for trusted ones.
    ///
    /// # Errors
    /// A baseline cannot be read, or is no commit.
    pub fn new(
        repository: &'w Repository,
        known: &'w ObjectIdSet,
        selection: &'w Selection,
        settled: Settled,
    ) -> Result<Self, Undecided> {
        let (baselines, missing_baselines) = present(repository, &selection.baselines)?;
        let mut hidden: Vec<ObjectId> = selection.old.into_iter().chain(baselines.iter().copied()).collect();
        hidden.sort();
        hidden.dedup();
        let gain = Gain::known_at_once(repository, &hidden, settled)?;
        let left_out = !baselines.is_empty();
        Ok(Self {
            repository,
            known,
            selection,
            baselines,
            missing_baselines,
            hidden,
            gain,
            visited: 0,
            edge: Edge::default(),
            tip_is_new: false,
            met_old: false,
            left_out,
            buffer: Vec::new(),
        })
    }

    /// Visits, first parents first, what is known to be gained when it is met. The tip comes first.
    ///
    /// # Errors
    /// Those of `visit`; a commit that is missing or cannot be read.
    pub fn through_new(&mut self, visit: &mut Visit<'_>) -> Result<(), Undecided> {
        let mut edge = Edge::default();
        let mut seen = ObjectIdSet::default();
        let mut waiting = vec![Step { id: self.selection.tip, child: None, on_chain: true }];
        while let Some(Step { id, child, on_chain }) = waiting.pop() {
            if self.is_known(id) || !seen.insert(id) {
                continue;
            }
            if !self.is_gained_at_once(id)? {
                edge.commits.insert(id);
                edge.on_chain = edge.on_chain.or(on_chain.then_some(id));
                continue;
            }
            self.visit(Step { id, child, on_chain }, true, visit)?;
            let parents = parents_as_git_reads_them(&self.buffer, self.repository.format());
            // The first parent is taken next, so the tip's chain is followed to its end before anything else.
            let steps = parents.iter().enumerate().rev();
            waiting.extend(steps.map(|(number, &parent)| Step {
                id: parent,
                child: Some(id),
                on_chain: on_chain && number == 0,
            }));
        }
        self.edge = edge;
        self.tip_is_new = self.visited > 0;
        Ok(())
    }

    /// Whether what came with the push leads to commits that were there before and are neither `old` nor baselines, or the
    /// tip itself was there before.
    pub fn meets_settled(&self) -> bool {
        !self.tip_is_new || !self.settled_tips().is_empty()
    }

    /// Whether no baseline that is here hides anything: all that is not gained is under `old`.
    pub fn hides_old_alone(&self) -> bool {
        self.baselines.is_empty()
    }

    /// The commits that were there before, and that what came with the push leads to, but for `old` and baselines; sorted.
    pub fn settled_tips(&self) -> Vec<ObjectId> {
        let is_hidden = |id: &ObjectId| self.hidden.binary_search(id).is_ok();
        let mut tips: Vec<_> = self.edge.commits.iter().copied().filter(|id| !is_hidden(id)).collect();
        tips.sort_unstable();
        tips
    }

    /// Visits commits that were there before, those of the first-parent chain first, and the tip whatever it is. May be called for one
    /// trust after another.
    ///
    /// # Errors
    /// Those of `visit`; a commit that is missing or cannot be read.
    pub fn through_settled(&mut self, trusted: &Trusted<'_>, visit: &mut Visit<'_>) -> Result<(), Undecided> {
        let mut hidden = self.hidden.clone();
        hidden.extend(trusted.tips);
        hidden.sort();
        hidden.dedup();
        let tips: Vec<_> = self.settled_tips().into_iter().filter(|id| hidden.binary_search(id).is_err()).collect();
        let left_out = Cell::new(!trusted.tips.is_empty());
        let is_trusted = |id: ObjectId| {
            let trusted = self.is_known(id) || (trusted.holds)(id)?;
            left_out.set(left_out.get() || trusted);
            Ok(trusted)
        };
        let found = (!tips.is_empty()).then(|| difference(self.repository, &tips, &hidden, &is_trusted)).transpose()?;
        let (gained, met) = found.map(|found| (found.commits, found.met)).unwrap_or_default();
        self.met_old |= self.selection.old.is_some_and(|old| met.contains(&old));
        self.left_out |= left_out.get();
        let chain = match self.edge.on_chain {
            Some(first) if self.selection.first_parent => self.chain(first, &gained, trusted)?,
            Some(_) | None => Vec::new(),
        };
        let tip = self.selection.tip;
        let is_gained: ObjectIdSet = gained.iter().copied().collect();
        let tip_is_left = !self.tip_is_new && !is_gained.contains(&tip) && !chain.contains(&tip);
        if tip_is_left && !self.is_known(tip) && !self.is_baselined(tip)? && !(trusted.holds)(tip)? {
            self.visit(Step { id: tip, child: None, on_chain: true }, false, visit)?;
        }
        for &id in &chain {
            self.visit(Step { id, child: None, on_chain: true }, is_gained.contains(&id), visit)?;
        }
        let on_chain: ObjectIdSet = chain.iter().copied().collect();
        for &id in gained.iter().filter(|id| !on_chain.contains(id)) {
            self.visit(Step { id, child: None, on_chain: false }, true, visit)?;
        }
        Ok(())
    }

    /// What the walk as a whole found out.
    ///
    /// # Errors
    /// A commit is missing or cannot be read.
    pub fn finish(self) -> Result<Walked, Undecided> {
        let fast_forward = match self.selection.old {
            None => true,
            Some(old) if self.met_old || self.edge.commits.contains(&old) => true,
            // If nothing was left out, all that is not under `old` was seen, and `old` was not among its parents.
            Some(_) if !self.left_out => false,
            Some(old) => {
                let edge: Vec<_> = self.edge.commits.iter().copied().collect();
                reaches(self.repository, &edge, old)?
            }
        };
        Ok(Walked { visited: self.visited, fast_forward, missing_baselines: self.missing_baselines })
    }

    fn is_known(&self, id: ObjectId) -> bool {
        self.hidden.is_empty() && self.known.contains(&id)
    }

    fn is_gained_at_once(&self, id: ObjectId) -> Result<bool, Undecided> {
        Ok(match self.gain {
            Gain::Always => true,
            Gain::IfNew => self.repository.objects.is_new(id)?,
            Gain::Never => false,
        })
    }

    /// The first-parent chain from `first` down to the first commit on that of `old` or of a trusted tip, or under a
    /// baseline.
    fn chain(&self, first: ObjectId, gained: &[ObjectId], trusted: &Trusted<'_>) -> Result<Vec<ObjectId>, Undecided> {
        let gained: ObjectIdSet = gained.iter().copied().collect();
        let (mut chain, mut buffer) = (Vec::new(), Vec::new());
        let mut ours = Some(first);
        while let Some(id) = ours.filter(|id| gained.contains(id)) {
            chain.push(id);
            ours = chains::link(self.repository, id, &mut buffer)?.next;
        }
        let others: Vec<_> = self.selection.old.iter().chain(trusted.tips).copied().collect();
        if let Some(beyond) = ours
            && !others.is_empty()
        {
            // What is not gained may be on the chain of another.
            let mut tail = chains::before_meeting(self.repository, beyond, &others, trusted.holds)?;
            tail.truncate(self.first_baselined(&tail)?);
            chain.extend(tail);
        }
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

    /// Reads a commit and hands it to the visitor; its bytes stay in the buffer, none if it is too large.
    fn visit(&mut self, step: Step, gained: bool, visit: &mut Visit<'_>) -> Result<(), Undecided> {
        let Step { id, child, on_chain } = step;
        let size = read_commit(self.repository, id, child, &mut self.buffer)?;
        let bytes = (size == Size::Whole).then_some(self.buffer.as_slice());
        self.visited += 1;
        let on_first_parent_chain = self.selection.first_parent && on_chain;
        visit(Selected { id, bytes, gained, on_first_parent_chain })
    }
}

struct Step {
    id: ObjectId,
    child: Option<ObjectId>,
    on_chain: bool,
}
