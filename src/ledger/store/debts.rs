//! What emergencies owe: which declarations are used up, which waivers await a review, and who is late.
//!
//! The tables say what decisions said. What became of those, and so whether a debt was opened or settled at all, is looked up
//! with each question: an outcome may be replaced by a later one.

use super::{Ledger, Memory, derived, fault::Fault, memory, memory::Layer};
use crate::{
    Undecided,
    ledger::{entry::Entry, record::Digest},
    push::{ObjectId, RefName, Timestamp},
};
use rusqlite::{Connection, OptionalExtension, params};

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
    /// The decision that used up what declares an emergency, in whatever repository: one that accepted and did not fail.
    /// It may be in a former ledger. `signed`: the digest of what is signed of the commit or tag.
    ///
    /// # Errors
    /// The database's.
    pub fn declaration_used(&self, signed: Digest) -> Result<Option<u64>, Undecided> {
        for layer in &self.layers {
            let used = layer.ledger.declaration_used(signed, self.known_of(layer))?;
            if used.is_some() {
                return Ok(used);
            }
        }
        Ok(None)
    }

    /// The debts of this repository that are not settled, the earliest first. None is of a former ledger: while a review is
    /// owed, a ledger is not closed.
    ///
    /// # Errors
    /// The database's.
    pub fn debts(&self) -> Result<Vec<Debt>, Undecided> {
        let Some(layer) = self.layers.last() else { return Ok(Vec::new()) };
        let before = self.known_of(layer);
        let debts = layer.look(|connection, repository| debts(connection, Some(repository), None, before))?;
        Ok(debts.unwrap_or_default().into_iter().filter(|debt| !debt.is_settled).collect())
    }

    /// The decisions, of whatever repository, in which this person declared an emergency whose review is overdue.
    ///
    /// # Errors
    /// The database's.
    pub fn overdue(&self, signer: &str, now: Timestamp) -> Result<Vec<u64>, Undecided> {
        let Some(layer) = self.layers.last() else { return Ok(Vec::new()) };
        let (connection, before) = (layer.ledger.connection(), self.known_of(layer));
        overdue(&connection, signer, now, before).map_err(|fault| fault.of(&layer.ledger.reading))
    }

    /// Whether an approval, the raw tag, was counted for another value than `new` that a ref of this repository got, or as the
    /// review of an emergency; for any, if none is given.
    ///
    /// # Errors
    /// The database's.
    pub fn is_approval_spent(&self, tag: Digest, new: Option<ObjectId>) -> Result<bool, Undecided> {
        for layer in &self.layers {
            let before = self.known_of(layer);
            let spent = layer.look(|connection, repository| {
                let mut select = connection.prepare_cached(&format!(
                    "SELECT 1 FROM counted JOIN decision USING (number)
                     WHERE tag = ?2 AND repository = ?3 AND (?4 IS NULL OR new IS NOT ?4) AND number < ?1 AND {STANDS}"
                ))?;
                Ok(select.exists(params![limit(before), tag.0, repository, new.as_ref().map(ObjectId::as_bytes)])?)
            })?;
            if spent == Some(true) {
                return Ok(true);
            }
        }
        Ok(false)
    }

    /// What is known of a ledger: its records before this number.
    fn known_of(&self, layer: &Layer<'_>) -> u64 {
        match self.as_of {
            Some((record, _)) if record.ledger < layer.ledger.generation => 0,
            Some((record, _)) if record.ledger == layer.ledger.generation => record.number,
            Some(_) | None => u64::MAX,
        }
    }
}

impl Ledger {
    /// The debts that a decision opened, one for each rule that was waived, settled or not.
    ///
    /// # Errors
    /// The database's.
    pub fn debt_of(&self, number: u64) -> Result<Vec<Debt>, Undecided> {
        let debts = debts(&self.connection(), None, Some(number), u64::MAX);
        debts.map_err(|fault| fault.of(&self.reading))
    }

    pub(super) fn declaration_used(&self, signed: Digest, before: u64) -> Result<Option<u64>, Undecided> {
        declaration_used(&self.connection(), signed, before).map_err(|fault| fault.of(&self.reading))
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
            emergency.signed.0,
            emergency.signer,
            emergency.due.0,
            !emergency.settled_by.is_empty(),
        ])?;
    }
    let mut count = connection.prepare_cached("INSERT OR IGNORE INTO counted VALUES (?1, ?2)")?;
    for approval in entry.approvals()? {
        count.execute(params![approval.tag.0, number])?;
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
        count.execute(params![settled.tag.0, number])?;
    }
    Ok(())
}

/// The first decision before the number `before` that used up a declaration, and did not fail.
pub(super) fn declaration_used(connection: &Connection, signed: Digest, before: u64) -> Result<Option<u64>, Fault> {
    let mut select = connection.prepare_cached(&format!(
        "SELECT number FROM emergency JOIN decision USING (number)
         WHERE signed = ?2 AND number < ?1 AND {STANDS} ORDER BY number LIMIT 1",
    ))?;
    Ok(select.query_row(params![limit(before), signed.0], |row| row.get(0)).optional()?)
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

fn overdue(connection: &Connection, signer: &str, now: Timestamp, before: u64) -> Result<Vec<u64>, Fault> {
    let mut select = connection.prepare_cached(&format!(
        "SELECT DISTINCT number FROM emergency JOIN decision USING (number)
         WHERE signer = ?2 AND due < ?3 AND number < ?1 AND {STANDS} AND NOT ({SETTLED}) ORDER BY number",
    ))?;
    let numbers = select.query_map(params![limit(before), signer, now.0], |row| row.get(0))?;
    Ok(numbers.collect::<Result<_, _>>()?)
}

/// The numbers of all decisions that owe a review, whatever repository they are of.
pub(super) fn owing(connection: &Connection) -> Result<Vec<u64>, Fault> {
    let owed = debts(connection, None, None, u64::MAX)?;
    Ok(owed.into_iter().filter(|debt| !debt.is_settled).map(|debt| debt.number).collect())
}

/// As SQLite holds it.
fn limit(before: u64) -> i64 {
    i64::try_from(before).unwrap_or(i64::MAX)
}
