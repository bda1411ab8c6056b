//! A ledger of a size of one's choice, filled in process.
#![allow(dead_code, reason = "each benchmark uses some of it")]

use countersign::{
    ledger::{
        Brought, Decision, Digest, Effect, InForce, Ledger, Making, Outcome, Pushed, Record, Recorded, RuleOutcome,
        Verdict, Witness, Writing,
    },
    push::{ObjectId, RefName, Timestamp},
    trusted::TrustedFiles,
};
use std::{fmt::Write as _, path::Path};

/// How many objects a big push brings.
pub const MANY: usize = 10_000;

/// Pushes of two commits to one of a thousand refs, a thousand pushes a transaction; each hundred transactions, one brings
/// 10,000 at once.
pub fn fill(folder: &Path, records: u64, repository: &str) {
    let mut ledger = open(folder);
    let (mut number, mut big) = (0, 0_u64);
    while number + 2 < records {
        let appended = ledger.append(&clock, |writing| {
            let mut completed = Vec::new();
            for _ in 0..1_000.min(records - number) {
                let next = writing.next_number();
                let Record::Decision(mut decision) = decision(writing, &[known(next)], repository) else {
                    unreachable!()
                };
                decision.name = RefName::new(format!("refs/heads/topic-{}", next % 1_000).as_bytes()).unwrap();
                completed.push(writing.record(&Record::Decision(decision))?);
            }
            if number / 10_000 >= big {
                big += 1;
                let objects: Vec<_> = (0..MANY as u64).map(|place| known(big << 32 | place)).collect();
                let many = decision(writing, &objects, repository);
                completed.push(writing.record(&many)?);
            }
            writing.record(&Record::Outcome(Outcome { by: "post-receive", completed, failed: vec![] }))?;
            Ok(())
        });
        number = appended.unwrap().unwrap().size;
    }
}

/// The accepted update of a branch that brought these.
pub fn decision(writing: &Writing<'_>, objects: &[ObjectId], repository: &str) -> Record {
    let policy = writing.content(b"policy").unwrap();
    let registry = writing.content(b"registry").unwrap();
    let list = writing.content(&list(objects)).unwrap();
    Record::Decision(Box::new(Decision {
        push: writing.next_number(),
        pushed: Pushed {
            repository: repository.into(),
            repository_name: Some(b"repository".into()),
            verdict: Verdict::Accepted,
            pusher: Witness { id: Some("alice@example.com".into()), ..Witness::default() },
            via: None,
            certificate: None,
            policies: vec![InForce { path: b"/etc/countersign/policy.toml".into(), policy, registry }],
            waited: 0,
        },
        name: RefName::new(b"refs/heads/main").unwrap(),
        old: Some(known(1)),
        new: objects.first().copied(),
        recorded: Recorded::Same,
        rules: vec![RuleOutcome {
            policy: 0,
            name: "main".into(),
            line: 3,
            mode: "enforce",
            effect: Effect::Satisfied,
        }],
        findings: Vec::new(),
        findings_left_out: 0,
        brought: Some(Brought { objects: objects.len() as u64, list }),
        keys: None,
        tip: None,
        approvals: Vec::new(),
        emergencies: Vec::new(),
        paths: None,
        settles: Vec::new(),
    }))
}

fn list(objects: &[ObjectId]) -> Vec<u8> {
    let mut objects = objects.to_vec();
    objects.sort();
    let mut list = String::from(
        "{\"schema\":1,\"people\":[{\"status\":\"good\",\"signer\":\"alice@example.com\",\"key\":\"SHA256:k\",\"format\":\"ssh\",\"author\":\"Alice <alice@example.com>\",\"committer\":\"Alice <alice@example.com>\"}]}\n",
    );
    objects.iter().for_each(|id| writeln!(list, "{id} 0").unwrap());
    list.into_bytes()
}

/// One that the filled ledger has received, if it has so many.
pub fn known(number: u64) -> ObjectId {
    ObjectId::from_bytes(&Digest::of(&number.to_be_bytes()).0[..20]).unwrap()
}

pub fn open(folder: &Path) -> Ledger {
    Ledger::open(folder, &TrustedFiles::new(&[]).unwrap(), &making()).unwrap()
}

pub fn making() -> Making {
    Making { origin: "git.example.com/ledger".into(), by_hook: true, user: 0, now: clock() }
}

pub fn clock() -> Timestamp {
    Timestamp(1_790_000_000)
}
