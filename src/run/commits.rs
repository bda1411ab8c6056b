//! The commits of one walk: read once, handed over in chunks, verified and judged on all cores while the walk goes on.

use super::{changes::Changes, makers::Makers, past::Past, receipts::Receipts, tip};
use crate::{
    Undecided,
    bounds::Bounds,
    git::{self, ObjectKind, Repository, Selected, Selection, Settled, Trusted, Visit, Walk, Walked},
    object::{Commit, Slot, Tag},
    policy::{
        Judgement,
        facts::{Changed, CommitFacts, Defect, Standing, TagFacts},
        rules::{Needs, Reach},
    },
    push::{ObjectFormat, ObjectId, Timestamp},
    registry::{Attribution, Fault, Registry, VerifyTime, When},
    signature::{self, Signature},
};
use std::{
    cell::RefCell,
    collections::{BTreeSet, HashMap, HashSet},
    num::NonZero,
    ops::Range,
    sync::{
        Arc, Mutex, PoisonError,
        mpsc::{Receiver, SyncSender, TrySendError, sync_channel},
    },
    thread::{self, Scope},
};

/// Commits a chunk holds at most: enough that handing over costs nothing beside verifying.
const CHUNK_COMMITS: usize = 128;
/// Bytes after which a chunk is handed over, so that big messages do not pile up.
const CHUNK_BYTES: usize = 256 * 1024;
/// Chunks of more bytes are verified by the walker itself: one commit can be as large as is read, and each thread and
/// each waiting chunk would hold such a one.
const LARGE_CHUNK: usize = 16 * CHUNK_BYTES;
/// Chunks that wait at most; beyond that the walker verifies too.
const WAITING: usize = 4;
/// Signatures remembered at most between the refs of one push.
const REMEMBERED: usize = 65_536;

/// Judges walks of one push under one policy.
pub(super) struct Pipeline<'a> {
    pub(super) repository: &'a Repository,
    verifier: Verifier<'a>,
    /// Baselines that were found missing.
    missing: RefCell<BTreeSet<ObjectId>>,
    /// By rules: what was judged under them with all its ancestors, and nothing was found. The refs of a push that
    /// creates thousands share most of their history.
    clean: RefCell<HashMap<Vec<usize>, HashSet<ObjectId>>>,
    /// Called for each commit of a walk.
    on_commit: &'a dyn Fn(),
    /// What is recorded of the repository.
    pub(super) past: Past<'a>,
    /// Who made what was judged.
    makers: RefCell<Makers>,
}

/// What the threads share.
struct Verifier<'a> {
    registry: &'a Registry,
    format: ObjectFormat,
    /// What is known of commits that several refs of the push bring; `None` where only one ref is pushed.
    known: Option<Mutex<HashMap<ObjectId, Signature>>>,
    /// `None`: there is no ledger, and nobody asks who made what.
    receipts: Option<Arc<Receipts<'a>>>,
    now: Timestamp,
    /// Why a receipt could not be looked up.
    trouble: Mutex<Option<Undecided>>,
}

/// Which update and rules a walk is for.
#[derive(Clone, Copy)]
struct Purpose<'a> {
    update: usize,
    rules: &'a [usize],
    tip: ObjectId,
    needs: Needs,
}

#[derive(Default)]
struct Chunk {
    bytes: Vec<u8>,
    commits: Vec<Entry>,
    /// Bytes that the paths take which the commits change.
    paths: usize,
}

struct Entry {
    sequence: u64,
    id: ObjectId,
    standing: Standing,
    /// `None`: larger than what is read.
    bytes: Option<Range<usize>>,
    /// The paths that it changes, if they are asked for, or why they cannot be judged.
    changes: Option<Result<Vec<Changed>, Defect>>,
}

impl Chunk {
    fn size(&self) -> usize {
        self.bytes.len() + self.paths
    }
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
        let shares_history = needs.commits == Reach::All && !needs.first_parent && !needs.counted;
        let mut clean = match shares_history {
            true => self.clean.borrow_mut().remove(rules).unwrap_or_default(),
            false => HashSet::new(),
        };
        let settled = if self.past.is_blank() { Settled::WalkedAtOnce } else { Settled::Apart };
        let mut visited = Vec::new();
        let mut walk = Walk::new(self.repository, &clean, selection, settled)?;
        let came = self.judge_pass(purpose, 0, &mut visited, judgement, |visit| walk.through_new(visit))?;
        let commits = (!walk.meets_settled() && walk.hides_old_alone()).then(|| visited.clone());
        if walk.meets_settled() {
            for (tips, rules) in self.past.vouching(rules)? {
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
                clean.extend(visited);
            }
            self.clean.borrow_mut().insert(rules.to_vec(), clean);
        }
        missing_baselines.iter().for_each(|&baseline| self.note_missing(baseline));
        Ok(Some(Brought { fast_forward, commits }))
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

impl Verifier<'_> {
    fn judge(&self, chunk: &Chunk, purpose: Purpose<'_>, judgement: &mut Judgement<'_>, makers: &mut Makers) {
        for entry in &chunk.commits {
            let Some(bytes) = entry.bytes.clone().and_then(|range| chunk.bytes.get(range)) else {
                let defect = Defect::TooLarge(Bounds::OBJECT);
                judgement.defective_commit(purpose.update, purpose.rules, entry.sequence, entry.id, &defect);
                continue;
            };
            let commit = match Commit::parse(bytes, self.format) {
                Ok(commit) => commit,
                Err(malformed) => {
                    let defect = Defect::Malformed(malformed);
                    judgement.defective_commit(purpose.update, purpose.rules, entry.sequence, entry.id, &defect);
                    continue;
                }
            };
            let changes = match &entry.changes {
                None => None,
                Some(Ok(changes)) => Some(changes.as_slice()),
                Some(Err(defect)) => {
                    judgement.defective_commit(purpose.update, purpose.rules, entry.sequence, entry.id, defect);
                    continue;
                }
            };
            let signature = self.verify(entry.id, &commit.signature);
            let received = self.received(entry.id, &commit, &signature, makers);
            self.with_merge_tags(purpose.needs, entry.id, &commit, |merge_tags| {
                let facts = CommitFacts {
                    id: entry.id,
                    commit: &commit,
                    signature: &signature,
                    received,
                    standing: entry.standing,
                    changes,
                    merge_tags,
                };
                judgement.commit(purpose.update, purpose.rules, entry.sequence, &facts);
            });
        }
    }

    /// Hands over, verified, the tags of parents that a merge bears, as far as they can be read.
    fn with_merge_tags(&self, needs: Needs, merge: ObjectId, commit: &Commit<'_>, judge: impl FnOnce(&[TagFacts<'_>])) {
        if !needs.merge_tags || commit.parents.len() < 2 {
            return judge(&[]);
        }
        let bytes: Vec<_> = commit.merge_tags().flatten().collect();
        let tags = bytes.iter().filter_map(|bytes| {
            let tag = Tag::parse(bytes, self.format).ok().filter(|tag| commit.parents.contains(&tag.target))?;
            let signature = signature::verify(&tag.signature, self.registry.certificates());
            Some((git::id_of(self.format, ObjectKind::Tag, bytes)?, tag, signature))
        });
        let tags: Vec<_> = tags.collect();
        let facts = tags.iter().map(|(id, tag, signature)| {
            let stated = tag.tagger.as_ref().map(|tagger| tagger.time);
            // It came with the merge, if not before it.
            let receipts = self.receipts.as_deref();
            let received = receipts.and_then(|receipts| self.attributed(receipts, &[*id, merge], signature, stated).0);
            TagFacts { id: *id, tag, signature, received }
        });
        judge(&facts.collect::<Vec<_>>());
    }

    /// When the commit was first received, as far as that matters.
    fn received(
        &self,
        id: ObjectId,
        commit: &Commit<'_>,
        signature: &Signature,
        makers: &mut Makers,
    ) -> Option<Timestamp> {
        let stated = Some(commit.committer.time);
        let (received, attribution) = self.attributed(self.receipts.as_deref()?, &[id], signature, stated);
        makers.note(id, commit, signature, &attribution);
        received
    }

    /// When the first of these objects was received, and what is then to be said of a signature that came with each of them.
    /// It is looked up only for one that does not count now: no other is helped by it.
    fn attributed(
        &self,
        receipts: &Receipts<'_>,
        objects: &[ObjectId],
        signature: &Signature,
        stated: Option<Timestamp>,
    ) -> (Option<Timestamp>, Attribution) {
        let judged = |received| {
            let when = When { now: self.now, received, verify_time: VerifyTime::Receipt, grace: 0, stated };
            self.registry.attribute(signature, &when)
        };
        let now = judged(None);
        let Attribution::NotGood(Fault { status, .. }) = &now else { return (None, now) };
        if !status.depends_on_time() {
            return (None, now);
        }
        match receipts.of(objects, signature) {
            Ok(Some(moment)) => (Some(moment), judged(Some(moment))),
            Ok(None) => (None, now),
            Err(undecided) => {
                self.trouble.lock().unwrap_or_else(PoisonError::into_inner).get_or_insert(undecided);
                (None, now)
            }
        }
    }

    /// Fails if a receipt could not be looked up.
    fn check(&self) -> Result<(), Undecided> {
        self.trouble.lock().unwrap_or_else(PoisonError::into_inner).take().map_or(Ok(()), Err)
    }

    fn verify(&self, id: ObjectId, slot: &Slot<'_>) -> Signature {
        let Some(known) = &self.known else { return signature::verify(slot, self.registry.certificates()) };
        let held = known.lock().unwrap_or_else(PoisonError::into_inner).get(&id).cloned();
        held.unwrap_or_else(|| {
            let signature = signature::verify(slot, self.registry.certificates());
            let mut known = known.lock().unwrap_or_else(PoisonError::into_inner);
            if known.len() < REMEMBERED {
                known.insert(id, signature.clone());
            }
            signature
        })
    }
}

/// The walker's side: fills chunks, hands them to threads that are started when the first chunk is full, and lends a hand
/// when all of them are busy.
struct Hands<'scope, 'env, 'j, 'p> {
    scope: &'scope Scope<'scope, 'env>,
    verifier: &'env Verifier<'env>,
    purpose: Purpose<'env>,
    changes: Changes<'env>,
    judgement: &'j mut Judgement<'p>,
    makers: Makers,
    chunk: Chunk,
    /// How many commits came before.
    before: u64,
    handed: u64,
    crew: Option<Crew<'scope, 'p>>,
}

struct Crew<'scope, 'p> {
    work: SyncSender<Chunk>,
    members: Vec<thread::ScopedJoinHandle<'scope, (Judgement<'p>, Makers)>>,
}

impl<'scope, 'env: 'scope, 'j, 'p: 'scope> Hands<'scope, 'env, 'j, 'p> {
    fn new(
        scope: &'scope Scope<'scope, 'env>,
        verifier: &'env Verifier<'env>,
        purpose: Purpose<'env>,
        changes: Changes<'env>,
        before: u64,
        judgement: &'j mut Judgement<'p>,
    ) -> Self {
        let (makers, chunk) = (Makers::default(), Chunk::default());
        Self { scope, verifier, purpose, changes, judgement, makers, chunk, before, handed: before, crew: None }
    }

    /// Takes one commit of the walk, and finds out here what it changes: objects are read by one thread alone.
    fn take(&mut self, commit: &Selected<'_>) -> Result<(), Undecided> {
        let changes = self.changes.of(commit.id, commit.bytes)?;
        let bytes = commit.bytes.map(|bytes| {
            let start = self.chunk.bytes.len();
            self.chunk.bytes.extend_from_slice(bytes);
            start..self.chunk.bytes.len()
        });
        let standing = Standing {
            tip: commit.id == self.purpose.tip,
            gained: commit.gained,
            first_parent: commit.on_first_parent_chain,
        };
        if let Some(Ok(changes)) = &changes {
            let held = |change: &Changed| size_of::<Changed>() + change.path.len();
            self.chunk.paths += changes.iter().map(held).sum::<usize>();
        }
        self.chunk.commits.push(Entry { sequence: self.handed, id: commit.id, standing, bytes, changes });
        self.handed += 1;
        if self.chunk.commits.len() >= CHUNK_COMMITS || self.chunk.size() >= CHUNK_BYTES {
            self.hand_over();
        }
        Ok(())
    }

    fn hand_over(&mut self) {
        let chunk = std::mem::take(&mut self.chunk);
        if chunk.size() > LARGE_CHUNK {
            self.verifier.judge(&chunk, self.purpose, self.judgement, &mut self.makers);
            return;
        }
        let crew =
            self.crew.get_or_insert_with(|| Crew::start(self.scope, self.verifier, self.purpose, self.judgement));
        if let Err(TrySendError::Full(chunk) | TrySendError::Disconnected(chunk)) = crew.work.try_send(chunk) {
            self.verifier.judge(&chunk, self.purpose, self.judgement, &mut self.makers);
        }
    }

    /// Judges what is left, and gathers what the threads found; returns how many commits there were, with those before.
    fn finish(self) -> Result<(u64, Makers), Undecided> {
        let Self { verifier, purpose, judgement, mut makers, chunk, before, handed, crew, .. } = self;
        judgement.expect(handed.saturating_sub(before));
        verifier.judge(&chunk, purpose, judgement, &mut makers);
        if let Some(Crew { work, members }) = crew {
            drop(work);
            for member in members {
                let (shard, noted) =
                    member.join().map_err(|_| Undecided::server("verifying signatures", "a thread panicked"))?;
                judgement.merge(shard);
                makers.merge(noted);
            }
        }
        Ok((handed, makers))
    }
}

impl<'scope, 'p: 'scope> Crew<'scope, 'p> {
    fn start<'env: 'scope>(
        scope: &'scope Scope<'scope, 'env>,
        verifier: &'env Verifier<'env>,
        purpose: Purpose<'env>,
        judgement: &Judgement<'p>,
    ) -> Self {
        let (work, waiting) = sync_channel(WAITING);
        let waiting = Arc::new(Mutex::new(waiting));
        let others = thread::available_parallelism().map_or(1, NonZero::get).saturating_sub(1).max(1);
        let members = (0..others)
            .map(|_| {
                let (waiting, mut shard, mut makers) = (Arc::clone(&waiting), judgement.shard(), Makers::default());
                scope.spawn(move || {
                    while let Some(chunk) = next(&waiting) {
                        verifier.judge(&chunk, purpose, &mut shard, &mut makers);
                    }
                    (shard, makers)
                })
            })
            .collect();
        Self { work, members }
    }
}

fn next(waiting: &Mutex<Receiver<Chunk>>) -> Option<Chunk> {
    waiting.lock().unwrap_or_else(PoisonError::into_inner).recv().ok()
}
