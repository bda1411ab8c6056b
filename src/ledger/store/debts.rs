//! What emergencies owe: which declarations are used up, which waivers await a review, and who is late.
//!
//! The tables say what decisions said. What became of those, and so whether a debt was opened or settled at all, is looked up
//! with each question: an outcome may be replaced by a later one.

use super::{Ledger, Memory, derived, fault::Fault, memory};
use crate::{
    Undecided,
    ledger::entry::Entry,
    push::{ObjectId, RefName, Timestamp},
};
use rusqlite::{Connection, OptionalExtension, params};
use std::sync::PoisonError;

/// A review that is owed for a rule that an emergency waived.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Debt {
    /// The number of the decision.
    pub number: u64,
    /// The place of the policy among those of the decision.
    pub place: usize,
    /// The path of the policy.
    pub policy: Vec<u8>,
    /// The name of the rule.
    pub rule: String,
    /// The ref.
    pub name: RefName,
    /// The tip that is to be reviewed.
    pub commit: ObjectId,
    /// Who declared the emergency.
    pub signer: String,
    /// Who may review it; `*` is every registered person.
    pub reviewers: Vec<String>,
    /// Who may not.
    pub excluded: Vec<String>,
    /// Until when.
    pub due: Timestamp,
    /// Whether it has been.
    pub is_settled: bool,
}

impl Memory<'_> {
    /// The decision that used up what declares an emergency, a commit or a tag, in whatever repository: one that accepted and
    /// did not fail.
    ///
    /// # Errors
    /// The database's.
    pub fn declaration_used(&self, object: ObjectId) -> Result<Option<u64>, Undecided> {
        self.look_everywhere(|connection, before| declaration_used(connection, object, before))
    }

    /// The debts of this repository that are not settled, the earliest first.
    ///
    /// # Errors
    /// The database's.
    pub fn debts(&self) -> Result<Vec<Debt>, Undecided> {
        let before = self.before();
        let debts = self.look(|connection, repository| debts(connection, Some(repository), None, before))?;
        Ok(debts.unwrap_or_default().into_iter().filter(|debt| !debt.is_settled).collect())
    }

    /// The debts of this repository that a decision opened, one for each rule that was waived, settled or not.
    ///
    /// # Errors
    /// The database's.
    pub fn debt_of(&self, number: u64) -> Result<Vec<Debt>, Undecided> {
        let before = self.before();
        let debts = self.look(|connection, repository| debts(connection, Some(repository), Some(number), before))?;
        Ok(debts.unwrap_or_default())
    }

    /// The decisions, of whatever repository, in which this person declared an emergency whose review is overdue.
    ///
    /// # Errors
    /// The database's.
    pub fn overdue(&self, signer: &str, now: Timestamp) -> Result<Vec<u64>, Undecided> {
        self.look_everywhere(|connection, before| {
            let mut select = connection.prepare_cached(&format!(
                "SELECT DISTINCT number FROM emergency JOIN decision USING (number)
                 WHERE signer = ?2 AND due < ?3 AND number < ?1 AND {STANDS} AND NOT ({SETTLED}) ORDER BY number",
            ))?;
            let numbers = select.query_map(params![limit(before), signer, now.0], |row| row.get(0))?;
            Ok(numbers.collect::<Result<_, _>>()?)
        })
    }

    /// Whether a review of this rule of the policy at this path is owed on a ref.
    ///
    /// # Errors
    /// The database's.
    pub fn owes(&self, name: &RefName, policy: &[u8], rule: &str) -> Result<bool, Undecided> {
        let debts = self.debts()?;
        Ok(debts.iter().any(|debt| debt.name == *name && debt.policy == policy && debt.rule == rule))
    }

    fn before(&self) -> u64 {
        self.as_of.map_or(u64::MAX, |(number, _)| number)
    }

    fn look_everywhere<T>(&self, look: impl FnOnce(&Connection, u64) -> Result<T, Fault>) -> Result<T, Undecided> {
        let connection = self.connection.lock().unwrap_or_else(PoisonError::into_inner);
        look(&connection, self.before()).map_err(|fault| fault.of(self.doing))
    }
}

impl Ledger {
    /// The debts of all repositories, the earliest first, settled or not.
    ///
    /// # Errors
    /// The database's.
    pub fn debts(&self) -> Result<Vec<Debt>, Undecided> {
        debts(&self.connection(), None, None, u64::MAX).map_err(|fault| fault.of(&self.reading))
    }

    /// The decisions that settle something that a decision owes, those that failed left out; the earliest first.
    ///
    /// # Errors
    /// The database's.
    pub fn reviews_of(&self, number: u64) -> Result<Vec<u64>, Undecided> {
        let reviews = || {
            let connection = self.connection();
            let mut select = connection.prepare_cached(&format!(
                "SELECT DISTINCT number FROM settlement JOIN decision USING (number)
                 WHERE emergency = ?1 AND {STANDS} ORDER BY number",
            ))?;
            let numbers = select.query_map([number], |row| row.get(0))?;
            Ok(numbers.collect::<Result<_, _>>()?)
        };
        reviews().map_err(|fault: Fault| fault.of(&self.reading))
    }
}

/// Of a row of `emergency` and `decision`: that it was let in, and did not fail.
const STANDS: &str = "state IN ('open', 'completed')";

/// Of a row of `emergency`: that it was reviewed, by decisions before the number ?1.
const SETTLED: &str = "settled OR EXISTS (
    SELECT 1 FROM settlement JOIN decision AS review ON review.number = settlement.number
    WHERE settlement.emergency = emergency.number AND settlement.place = emergency.place
    AND settlement.rule = emergency.rule AND settlement.number < ?1 AND review.state IN ('open', 'completed'))";

/// Adds what a decision that accepted says of emergencies and reviews.
pub(super) fn add(connection: &Connection, entry: &Entry) -> Result<(), Fault> {
    let number = entry.number();
    let mut insert = connection.prepare_cached("INSERT INTO emergency VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8)")?;
    for emergency in entry.emergencies()? {
        let Some(policy) = derived::path_of(entry.list("policies")?, emergency.policy) else {
            return Fault::damaged(format!("record {number}: `emergencies` is not what it must be"));
        };
        insert.execute(params![
            number,
            emergency.policy,
            emergency.rule,
            policy,
            emergency.object.as_bytes(),
            emergency.signer,
            emergency.due.0,
            !emergency.settled_by.is_empty(),
        ])?;
    }
    let mut owes = connection
        .prepare_cached("SELECT EXISTS (SELECT 1 FROM emergency WHERE number = ?1 AND place = ?2 AND rule = ?3)")?;
    let mut insert = connection.prepare_cached("INSERT INTO settlement VALUES (?1, ?2, ?3, ?4)")?;
    for settled in entry.settles()? {
        let owed: bool = owes.query_row(params![settled.decision, settled.policy, settled.rule], |row| row.get(0))?;
        if !owed {
            return Fault::damaged(format!("record {number} settles a debt that record {} has not", settled.decision));
        }
        insert.execute(params![settled.decision, settled.policy, settled.rule, number])?;
    }
    Ok(())
}

/// The first decision before the number `before` that used up a declaration, and did not fail.
pub(super) fn declaration_used(connection: &Connection, object: ObjectId, before: u64) -> Result<Option<u64>, Fault> {
    let mut select = connection.prepare_cached(&format!(
        "SELECT number FROM emergency JOIN decision USING (number)
         WHERE object = ?2 AND number < ?1 AND {STANDS} ORDER BY number LIMIT 1",
    ))?;
    Ok(select.query_row(params![limit(before), object.as_bytes()], |row| row.get(0)).optional()?)
}

/// Whether a rule was waived in a decision and it is certain that it was reviewed: that the approval is there.
pub(super) fn is_settled(connection: &Connection, number: u64, policy: &[u8], rule: &str) -> Result<bool, Fault> {
    let mut select = connection.prepare_cached(
        "SELECT EXISTS (SELECT 1 FROM emergency WHERE number = ?1 AND policy = ?2 AND rule = ?3 AND (settled OR EXISTS (
             SELECT 1 FROM settlement JOIN decision AS review ON review.number = settlement.number
             WHERE settlement.emergency = emergency.number AND settlement.place = emergency.place
             AND settlement.rule = emergency.rule AND review.state = 'completed')))",
    )?;
    Ok(select.query_row(params![number, policy, rule], |row| row.get(0))?)
}

/// Those opened by decisions before the number `before`: of one repository or all, of one decision or all.
fn debts(
    connection: &Connection,
    repository: Option<i64>,
    number: Option<u64>,
    before: u64,
) -> Result<Vec<Debt>, Fault> {
    let mut select = connection.prepare_cached(&format!(
        "SELECT number, place, rule, policy, name, ({SETTLED}), body
         FROM emergency JOIN decision USING (number) JOIN record USING (number)
         WHERE number < ?1 AND (?2 IS NULL OR repository = ?2) AND (?3 IS NULL OR number = ?3) AND {STANDS}
         ORDER BY number, place, rule",
    ))?;
    let mut rows = select.query(params![limit(before), repository, number])?;
    let mut debts = Vec::new();
    while let Some(row) = rows.next()? {
        let (number, place, rule): (u64, usize, String) = (row.get(0)?, row.get(1)?, row.get(2)?);
        let entry = Entry::read(row.get_ref(6)?.as_blob().map_err(rusqlite::Error::from)?)?;
        let emergencies = entry.emergencies()?;
        let emergency = emergencies.into_iter().find(|emergency| emergency.policy == place && emergency.rule == rule);
        let Some(emergency) = emergency else {
            return Fault::damaged(format!("record {number} waives nothing of rule `{rule}`"));
        };
        debts.push(Debt {
            number,
            place,
            policy: row.get(3)?,
            rule,
            name: memory::ref_name(row.get(4)?)?,
            commit: emergency.commit,
            signer: emergency.signer,
            reviewers: emergency.reviewers,
            excluded: emergency.excluded,
            due: emergency.due,
            is_settled: row.get(5)?,
        });
    }
    Ok(debts)
}

/// As SQLite holds it.
fn limit(before: u64) -> i64 {
    i64::try_from(before).unwrap_or(i64::MAX)
}
