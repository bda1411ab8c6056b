//! What was found on the way to a verdict, for the record.

use super::{Makers, Settled};
use crate::{
    policy::facts::Pusher,
    push::{ObjectId, Push},
};

/// The account of a push.
#[derive(Debug)]
pub struct Account {
    /// Who pushed, as each policy knows them.
    pub pushers: Vec<Pusher>,
    /// One for each update, in their order.
    pub updates: Vec<UpdateAccount>,
    /// Who made the commits that were judged.
    pub makers: Makers,
}

/// The account of one update.
#[derive(Debug, Default)]
pub struct UpdateAccount {
    /// The rules that matched: the place of the policy, and the rule's in it.
    pub rules: Vec<(usize, usize)>,
    /// Whether the old value is an ancestor of the new one, if a walk found that out.
    pub fast_forward: Option<bool>,
    /// The commits that the ref gains, if a walk has found them all; some may have been received already.
    pub commits: Option<Vec<ObjectId>>,
    /// The debts that it settles, of an approval.
    pub settled: Vec<Settled>,
}

impl UpdateAccount {
    /// Each debt once, whatever number of policies says so.
    pub(super) fn settle(&mut self, settled: Vec<Settled>) {
        for settled in settled {
            if !self.settled.contains(&settled) {
                self.settled.push(settled);
            }
        }
    }
}

impl Account {
    pub(super) fn of(push: &Push) -> Self {
        let updates = push.updates.iter().map(|_| UpdateAccount::default()).collect();
        Self { pushers: Vec::new(), updates, makers: Makers::default() }
    }
}
