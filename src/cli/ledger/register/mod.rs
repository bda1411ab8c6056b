//! What the register and the yearly report say, gathered from the ledger and from the repositories that can be read.

mod audit;
mod coverage;
mod periods;
mod reverts;

pub(super) use audit::audit;

use super::{
    head::{self, Head},
    prove,
};
use crate::{
    Undecided,
    ledger::{Bringing, ChangedPaths, Digest, Entry, Ledger, Subject, Wanted},
    push::{ObjectId, RefName, Timestamp},
    report::register::{Attempt, Moment, Moved, Proof, Pusher, RefChange, Register, Standing, Use, Waiver},
};
use coverage::coverage;
use periods::periods;
use reverts::Reverts;
use serde_json::Value;

/// What of the ledger is asked for.
#[derive(Clone, Debug, Default)]
pub(super) struct Asked {
    pub(super) from: Option<Timestamp>,
    pub(super) to: Option<Timestamp>,
    pub(super) name: Option<RefName>,
    /// Paths of git directories.
    pub(super) repositories: Option<Vec<Vec<u8>>>,
    pub(super) overdue_alone: bool,
}

/// How a finding's code begins that is about an emergency.
const EMERGENCY: &str = "emergency-";

/// Where declarations stand that are tags.
const DECLARATIONS: &[u8] = b"refs/emergencies/";

/// Lines that a refused attempt is told with.
const TOLD: usize = 8;

/// The register, as of `now`.
pub(super) fn gather(ledger: &Ledger, asked: &Asked, now: Timestamp) -> Result<Register, Undecided> {
    let head = head::head(ledger)?;
    let mut coverage = coverage(ledger, asked, &head, now)?;
    let (mut uses, mut reverts) = (Vec::new(), Reverts::of(ledger));
    for entry in entries(ledger, asked, Some(Subject::Emergency))? {
        uses.push(one_use(ledger, &head, &entry, &mut reverts, now)?);
    }
    let (mut attempts, mut moves, mut lax) = (Vec::new(), Vec::new(), Vec::new());
    if !asked.overdue_alone {
        for entry in entries(ledger, asked, Some(Subject::Verdict("refused")))? {
            attempts.extend(attempt(&entry)?);
        }
        moves = self::moves(ledger, asked)?;
        (lax, coverage.uncompared) = periods(ledger, asked, now)?;
    }
    coverage.unread = reverts.unread();
    let mut earlier = Vec::new();
    for debt in ledger.debts()? {
        let is_listed = |number| uses.iter().any(|one: &Use| one.record.number == number);
        if debt.is_settled || is_listed(debt.number) || earlier.iter().any(|(number, _)| *number == debt.number) {
            continue;
        }
        let entry = read(ledger, debt.number)?;
        if asked.is_before(entry.moment_that_counts()) && asked.is_about(&entry)? {
            earlier.push((debt.number, debt.due < now));
        }
    }
    if asked.overdue_alone {
        uses.retain(|one| one.standing() == Standing::Overdue);
        earlier.retain(|(_, overdue)| *overdue);
    }
    Ok(Register { coverage, uses, attempts, moves, periods: lax, earlier })
}

/// The refs that moved without a decision.
pub(super) fn moves(ledger: &Ledger, asked: &Asked) -> Result<Vec<Moved>, Undecided> {
    let moved = |entry: &Entry| {
        let damaged = |error| damaged(entry, error);
        Ok(Moved {
            record: record(entry),
            change: change(entry, "recorded", "found").map_err(damaged)?,
            by: entry.text("by").map_err(damaged)?.to_owned(),
        })
    };
    entries(ledger, asked, Some(Subject::Kind("moved".to_owned())))?.iter().map(moved).collect()
}

impl Asked {
    /// What is wanted that is also about this.
    pub(super) fn wanted(&self, subject: Option<Subject>) -> Wanted {
        let mut conditions: Vec<Vec<Subject>> = subject.into_iter().map(|subject| vec![subject]).collect();
        conditions.extend(self.name.clone().map(|name| vec![Subject::Ref(name)]));
        let repositories = self.repositories.iter();
        conditions.extend(repositories.map(|paths| paths.iter().cloned().map(Subject::Repository).collect()));
        Wanted { conditions, since: self.from, until: self.to }
    }

    fn is_before(&self, time: Timestamp) -> bool {
        self.from.is_some_and(|from| time < from)
    }

    fn is_about(&self, entry: &Entry) -> Result<bool, Undecided> {
        let damaged = |error| damaged(entry, error);
        let name = entry.ref_name("ref").map_err(damaged)?;
        let repository = entry.bytes("repository").map_err(damaged)?;
        Ok(self.name.as_ref().is_none_or(|wanted| *wanted == name)
            && self.repositories.as_ref().is_none_or(|wanted| wanted.contains(&repository)))
    }
}

/// Records of the period that are about something, the earliest first.
pub(super) fn entries(ledger: &Ledger, asked: &Asked, subject: Option<Subject>) -> Result<Vec<Entry>, Undecided> {
    let mut numbers = ledger.find(&asked.wanted(subject), None, usize::MAX)?;
    numbers.reverse();
    numbers.into_iter().map(|number| read(ledger, number)).collect()
}

pub(super) fn read(ledger: &Ledger, number: u64) -> Result<Entry, Undecided> {
    let gone = || Undecided::server("reading the ledger's records", format!("record {number} is gone"));
    ledger.entry(number)?.ok_or_else(gone)
}

fn damaged(entry: &Entry, error: impl Into<Box<dyn std::error::Error + Send + Sync>>) -> Undecided {
    Undecided::server(format!("reading record {}", entry.number()), error)
}

pub(super) fn record(entry: &Entry) -> Moment {
    Moment { number: entry.number(), time: entry.moment_that_counts() }
}

fn change(entry: &Entry, old: &str, new: &str) -> Result<RefChange, crate::ledger::Unreadable> {
    Ok(RefChange {
        repository: entry.bytes("repository")?,
        repository_name: entry.bytes("name").ok(),
        name: entry.ref_name("ref")?,
        old: entry.object(old)?,
        new: entry.object(new)?,
    })
}

fn pusher(entry: &Entry) -> Pusher {
    let said = |key| entry.some("pusher").and_then(|pusher| pusher.get(key)).and_then(Value::as_str).map(str::to_owned);
    Pusher {
        id: said("id"),
        account: said("account"),
        known_by: said("known-by"),
        unknown: said("unknown"),
        via: entry.text("via").ok().map(str::to_owned),
    }
}

fn one_use(
    ledger: &Ledger,
    head: &Head,
    entry: &Entry,
    reverts: &mut Reverts<'_>,
    now: Timestamp,
) -> Result<Use, Undecided> {
    let unreadable = |error| damaged(entry, error);
    let kept = |digest: Digest| {
        let content = ledger.content(digest)?;
        content.ok_or_else(|| damaged(entry, format!("the content {digest} is gone")))
    };
    let state = ledger.state(entry.number())?.unwrap_or_default();
    let brought = entry.brought().map_err(unreadable)?;
    let list = brought.map(|(list, _)| kept(list)).transpose()?;
    let list = list.map(|list| Bringing::read(&list)).transpose().map_err(unreadable)?;
    let mut signers: Vec<String> =
        list.iter().flat_map(Bringing::objects).filter_map(|(_, person)| person?.signer.clone()).collect();
    signers.sort();
    signers.dedup();
    let objects: Vec<ObjectId> = list.iter().flat_map(Bringing::objects).map(|(object, _)| object).collect();
    let paths = entry.paths().map_err(unreadable)?;
    let paths = paths.map(|changed| {
        let listed = ChangedPaths::read_list(&kept(changed.list)?).map_err(unreadable)?;
        Ok::<_, Undecided>((changed, listed))
    });
    let change = change(entry, "old", "new").map_err(unreadable)?;
    let proof = match prove::prove(ledger, head, entry.number())? {
        Ok((record, proof)) => Some(Proof { record: String::from_utf8_lossy(&record).into_owned(), proof }),
        Err(_) => None,
    };
    Ok(Use {
        record: record(entry),
        reverts: if state == "completed" { reverts.found(entry.number(), &change, &objects)? } else { Vec::new() },
        waivers: waivers(ledger, entry, &state, now)?,
        change,
        state,
        pusher: pusher(entry),
        certificate: entry.digest("certificate").ok(),
        approvals: entry.approvals().map_err(unreadable)?,
        paths: paths.transpose()?,
        objects: brought.map_or(0, |(_, objects)| objects),
        signers,
        proof,
    })
}

/// The rules that a decision waived, with what came of each as of `now`.
pub(super) fn waivers(ledger: &Ledger, entry: &Entry, state: &str, now: Timestamp) -> Result<Vec<Waiver>, Undecided> {
    let unreadable = |error| damaged(entry, error);
    let mut reviews = Vec::new();
    for number in ledger.reviews_of(entry.number())? {
        let review = read(ledger, number)?;
        let settled = review.settles().map_err(|error| damaged(&review, error))?.into_iter();
        reviews.extend(settled.filter(|settled| settled.decision == entry.number()).map(|one| (record(&review), one)));
    }
    let policies = entry.list("policies").map_err(unreadable)?;
    let waiver = |emergency: crate::ledger::Emergency| {
        let of_rule =
            |settled: &crate::ledger::Settlement| settled.policy == emergency.policy && settled.rule == emergency.rule;
        let reviews: Vec<_> = reviews.iter().filter(|(_, settled)| of_rule(settled)).cloned().collect();
        let standing = match reviews.first() {
            _ if state == "failed" => Standing::NotDone,
            _ if !emergency.settled_by.is_empty() => Standing::Approved,
            Some((first, _)) if first.time <= emergency.due => Standing::Reviewed,
            Some(_) => Standing::ReviewedLate,
            None if emergency.due < now => Standing::Overdue,
            None => Standing::Due,
        };
        let policy = policies.get(emergency.policy).and_then(|policy| policy.get("path"));
        let policy = policy.and_then(crate::ledger::bytes_of).unwrap_or_default();
        Waiver { policy, emergency, reviews, standing }
    };
    Ok(entry.emergencies().map_err(unreadable)?.into_iter().map(waiver).collect())
}

/// `None` where nothing about an emergency was refused.
fn attempt(entry: &Entry) -> Result<Option<Attempt>, Undecided> {
    let unreadable = |error| damaged(entry, error);
    let change = change(entry, "old", "new").map_err(unreadable)?;
    let findings = entry.list("findings").map_err(unreadable)?;
    let code = |finding: &Value| finding.get("reason").and_then(Value::as_str).unwrap_or_default().to_owned();
    let declared = change.name.as_bytes().starts_with(DECLARATIONS) || entry.some("emergencies").is_some();
    let about: Vec<_> = findings.iter().filter(|finding| declared || code(finding).starts_with(EMERGENCY)).collect();
    if about.is_empty() && !declared {
        return Ok(None);
    }
    let mut codes: Vec<_> = about.iter().map(|finding| code(finding)).collect();
    codes.sort();
    codes.dedup();
    let lines = about.iter().filter_map(|finding| finding.get("lines").and_then(Value::as_array));
    let told = lines.flatten().filter_map(Value::as_str).map(str::to_owned).take(TOLD).collect();
    Ok(Some(Attempt { record: record(entry), change, pusher: pusher(entry), codes, told }))
}
