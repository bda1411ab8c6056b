//! The proof that a push is recorded. A leaf module on purpose: private fields are open to descendants.
//!
//! ```compile_fail
//! fn forged(verdict: countersign::policy::Verdict) -> countersign::ledger::RecordedPush {
//!     countersign::ledger::RecordedPush { verdict, first_decision: 0, appended: None }
//! }
//! ```

use super::store::{Appended, Ledger, Writing};
use crate::{Undecided, policy::Verdict, push::Timestamp};

/// A push that was judged, and whose record is durable. Made only by [`Ledger::record`].
#[derive(Debug)]
pub struct RecordedPush {
    verdict: Verdict,
    first_decision: u64,
    appended: Appended,
}

impl RecordedPush {
    /// What was decided.
    pub fn verdict(&self) -> &Verdict {
        &self.verdict
    }

    /// Whether it was let in.
    pub fn is_accepted(&self) -> bool {
        match self.verdict {
            Verdict::Accepted(_) => true,
            Verdict::Refused(_) => false,
        }
    }

    /// The number of the record on its first update; those on the others follow.
    pub fn first_decision(&self) -> u64 {
        self.first_decision
    }

    /// What the ledger holds since then.
    pub fn appended(&self) -> &Appended {
        &self.appended
    }
}

impl Ledger {
    /// Records a verdict. `write` writes its decisions, and returns the number of the first.
    ///
    /// # Errors
    /// Why it is not recorded; the verdict is given back. Nothing may be accepted then.
    pub fn record(
        &mut self,
        verdict: Verdict,
        clock: &dyn Fn() -> Timestamp,
        write: impl FnOnce(&mut Writing<'_>) -> Result<u64, Undecided>,
    ) -> Result<RecordedPush, Box<(Verdict, Undecided)>> {
        let mut first_decision = None;
        let appended = self.append(clock, |writing| {
            first_decision = Some(write(writing)?);
            Ok(())
        });
        match (appended, first_decision) {
            (Ok(Some(appended)), Some(first_decision)) => Ok(RecordedPush { verdict, first_decision, appended }),
            (Ok(_), _) => Err(Box::new((verdict, Undecided::server("recording the push", "nothing was written")))),
            (Err(undecided), _) => Err(Box::new((verdict, undecided))),
        }
    }
}
