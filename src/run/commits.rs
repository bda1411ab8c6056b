//! The commits of one walk: read once, verified and judged on all cores while the walk goes on.

use super::{
    changes::Changes,
    hands::Hands,
    makers::Makers,
    past::Past,
    tip,
    verifier::{Chunk, Entry, Purpose, Verifier},
};
use crate::{
    Undecided,
    git::{Repository, Selection, Settled, Trusted, Visit, Walk, Walked},
    policy::{
        Judgement,
        facts::Standing,
        rules::{Needs, Reach},
    },
    push::{ObjectId, ObjectIdSet, Timestamp},
    registry::Registry,
};
use std::{
    cell::RefCell,
    collections::{BTreeSet, HashMap},
    sync::Mutex,
    thread,
};

/// Judges walks of one push under one policy.
pub(super) struct Pipeline<'a> {
    pub(super) repository: &'a Repository,
    verifier: Verifier<'a>,
    /// Whether the push has several updates.
    several: bool,
    /// Baselines that were found missing.
    missing: RefCell<BTreeSet<ObjectId>>,
    /// By rules: what was judged under them with all its ancestors, and nothing was found. The refs of a push that
    /// creates thousands share most of their history.
    clean: RefCell<HashMap<Vec<usize>, ObjectIdSet>>,
    /// Called for each commit of a walk.
    on_commit: &'a dyn Fn(),
    /// What is recorded of the repository.
    pub(super) past: Past<'a>,
    /// Who made what was judged.
    makers: RefCell<Makers>,
}

/// A walk that was judged.
pub(super) struct Brought {
    /// Whether `old` is reachable from the tip.
    pub(super) fast_forward: bool,
    /// The commits that came with the push, if that is all that the ref gains.
    pub(super) commits: Option<Vec<ObjectId>>,
}

impl<'a> Pipeline<'a> {
    pub(super) fn new(past: Past<'a>, registry: &'a Registry, now: Timestamp, several: bool) -> Self {
        let known = several.then(Mutex::default);
        let (repository, receipts) = (past.repository, past.receipts.clone());
        let format = repository.format();
        Self {
            repository,
            verifier: Verifier { registry, format, known, receipts, now, trouble: Mutex::default() },
            several,
            missing: RefCell::default(),
            clean: RefCell::default(),
            on_commit: &|| (),
            past,
            makers: RefCell::default(),
        }
    }

    /// The same, which tells of each commit that it walks over.
    pub(super) fn watched_by(self, on_commit: &'a dyn Fn()) -> Self {
        Self { on_commit, ..self }
    }

    /// Who made what was judged.
    pub(super) fn into_makers(self) -> Makers {
        self.makers.into_inner()
    }

    /// Walks what the selection names and judges it; `None` if the tip alone was asked for. `received_before`: what the ledger
    /// received before then is trusted as a baseline is.
    pub(super) fn judge_commits(
        &self,
        update: usize,
        rules: &[usize],
        selection: &Selection,
        received_before: Option<Timestamp>,
        needs: Needs,
        judgement: &mut Judgement<'_>,
    ) -> Result<Option<Brought>, Undecided> {
        let purpose = Purpose { update, rules, tip: selection.tip, needs };
        let is_trusted = |id| match received_before {
            Some(moment) => self.past.was_received_before(id, moment),
            None => Ok(false),
        };
        if needs.commits == Reach::Tip {
            self.judge_tip(purpose, selection, &is_trusted, judgement)?;
            return Ok(None);
        }
        // On whose first-parent chain a commit is differs from ref to ref.
        let shares_history = self.several && needs.commits == Reach::All && !needs.first_parent && !needs.counted;
        let mut clean = match shares_history {
            true => self.clean.borrow_mut().remove(rules).unwrap_or_default(),
            false => ObjectIdSet::default(),
        };
        let settled = if self.past.is_blank() { Settled::WalkedAtOnce } else { Settled::Apart };
        let mut visited = Vec::new();
        let mut walk = Walk::new(self.repository, &clean, selection, settled)?;
        let came = self.judge_pass(purpose, 0, &mut visited, judgement, |visit| walk.through_new(visit))?;
        let came_alone = !walk.meets_settled() && walk.hides_old_alone();
        if walk.meets_settled() {
            for (tips, rules) in self.past.vouching(rules, &walk.settled_tips())? {
                let (purpose, trusted) =
                    (Purpose { rules: &rules, ..purpose }, Trusted { tips: &tips, holds: &is_trusted });
                self.judge_pass(purpose, came, &mut visited, judgement, |visit| walk.through_settled(&trusted, visit))?;
            }
        }
        let Walked { fast_forward, missing_baselines, .. } = walk.finish()?;
        // Where something is hidden, what lies behind it was not judged.
        let whole = selection.old.is_none() && missing_baselines.len() == selection.baselines.len();
        if shares_history {
            if whole && judgement.is_clean_from(update) {
                clean.extend(visited.iter().copied());
            }
            self.clean.borrow_mut().insert(rules.to_vec(), clean);
        }
        missing_baselines.iter().for_each(|&baseline| self.note_missing(baseline));
        Ok(Some(Brought { fast_forward, commits: came_alone.then_some(visited) }))
    }

    /// Judges the commits of one part of a walk, of which `before` came before; returns how many there were then.
    fn judge_pass(
        &self,
        purpose: Purpose<'_>,
        before: u64,
        visited: &mut Vec<ObjectId>,
        judgement: &mut Judgement<'_>,
        walk: impl FnOnce(&mut Visit<'_>) -> Result<(), Undecided>,
    ) -> Result<u64, Undecided> {
        let reach = purpose.needs.commits;
        let (handed, makers) = thread::scope(|scope| {
            let changes = Changes::new(self.repository, purpose.needs);
            let mut hands = Hands::new(scope, &self.verifier, purpose, changes, before, judgement);
            walk(&mut |commit| {
                (self.on_commit)();
                visited.push(commit.id);
                if reach == Reach::All || commit.on_first_parent_chain || commit.id == purpose.tip {
                    hands.take(&commit)?;
                }
                Ok(())
            })?;
            hands.finish()
        })?;
        self.makers.borrow_mut().merge(makers);
        self.verifier.check()?;
        Ok(handed)
    }

    /// The tip is judged unless a baseline covers it.
    fn judge_tip(
        &self,
        purpose: Purpose<'_>,
        selection: &Selection,
        is_trusted: &dyn Fn(ObjectId) -> Result<bool, Undecided>,
        judgement: &mut Judgement<'_>,
    ) -> Result<(), Undecided> {
        if is_trusted(purpose.tip)? {
            return Ok(());
        }
        for &baseline in &selection.baselines {
            if self.repository.header(baseline)?.is_none() {
                self.note_missing(baseline);
                continue;
            }
            if let Some(baseline) = tip::commit_of(&self.repository.peel(baseline)?)
                && self.repository.is_ancestor(purpose.tip, baseline)?
            {
                return Ok(());
            }
        }
        let mut bytes = Vec::new();
        let read = self.repository.read(purpose.tip, &mut bytes)?;
        let bytes = match read {
            crate::git::Read::Object(_) => Some(0..bytes.len()).map(|range| (range, bytes)),
            crate::git::Read::TooLarge { .. } => None,
            crate::git::Read::Missing => {
                return Err(Undecided::server("reading the new tip", format!("{} is missing", purpose.tip)));
            }
        };
        let (range, bytes) = bytes.map_or((None, Vec::new()), |(range, bytes)| (Some(range), bytes));
        let standing = Standing { tip: true, gained: true, first_parent: true };
        let whole = range.is_some().then_some(bytes.as_slice());
        let changes = Changes::new(self.repository, purpose.needs).of(purpose.tip, whole)?;
        let entry = Entry { sequence: 0, id: purpose.tip, standing, bytes: range, changes };
        judgement.expect(1);
        let mut makers = Makers::default();
        self.verifier.judge(&Chunk { bytes, commits: vec![entry], paths: 0 }, purpose, judgement, &mut makers);
        self.makers.borrow_mut().merge(makers);
        self.verifier.check()
    }
}

impl Pipeline<'_> {
    /// Notes who made the tags of a new value.
    pub(super) fn note_tags(&self, tip: &tip::Tip) {
        if !self.past.is_blank() {
            tip.note_makers(
                self.verifier.format,
                self.verifier.registry,
                self.verifier.now,
                &mut self.makers.borrow_mut(),
            );
        }
    }

    /// Tells the administrator, once a push, of a baseline that exempts nothing here.
    fn note_missing(&self, baseline: ObjectId) {
        if self.missing.borrow_mut().insert(baseline) {
            tracing::warn!(%baseline, repository = ?self.repository.git_dir(), "this repository lacks a baseline");
        }
    }
}
