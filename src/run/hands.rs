//! Hands the commits of a walk over in chunks, to be verified and judged on all cores while the walk goes on.

use super::{
    changes::Changes,
    makers::Makers,
    verifier::{Chunk, Entry, Purpose, Verifier},
};
use crate::{
    Undecided,
    git::Selected,
    policy::{
        Judgement,
        facts::{Changed, Standing},
    },
};
use std::{
    num::NonZero,
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
/// The walker's side: fills chunks, hands them to threads that are started when the first chunk is full, and lends a hand
/// when all of them are busy.
pub(super) struct Hands<'scope, 'env, 'j, 'p> {
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
    pub(super) fn new(
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
    pub(super) fn take(&mut self, commit: &Selected<'_>) -> Result<(), Undecided> {
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
    pub(super) fn finish(self) -> Result<(u64, Makers), Undecided> {
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
