//! What emergencies used up and owe, as outcomes come, are replaced, and the tables are made anew.

use super::{Ground, POLICY, append, at, decision, memory, name, object, outcome, record, reindexed, verify};
use countersign::{
    ledger::{
        BroughtList, ChangedPaths, CountedApproval, Debt, Decision, Digest, Effect, Emergency, Entry, Ledger, Record,
        Settlement, Verdict, Writing,
    },
    push::{ObjectId, Timestamp},
};
use std::path::Path;

/// An emergency on `main`, declared by dave in commit `tip`, due at 10,000.
pub fn emergency(writing: &Writing<'_>, tip: u32) -> Decision {
    let declaration = writing.content(format!("commit {tip}").as_bytes()).unwrap();
    let list = writing.content(&ChangedPaths::write_list([b"iam/role.tf".as_slice(), b"\xff"])).unwrap();
    let mut decision = decision(writing, Some(object(1)), Some(object(tip)), &[object(tip)]);
    decision.rules[0].effect = Effect::Waived;
    decision.paths = Some(ChangedPaths { count: 2, list });
    decision.emergencies = vec![Emergency {
        policy: 0,
        rule: "main".into(),
        ticket: b"INC-7".to_vec(),
        reason: b"the gateway is down \xff".to_vec(),
        signer: "dave".into(),
        key: "SHA256:dave".into(),
        object: object(tip),
        declaration,
        signed: signed(tip),
        form: "commit",
        commit: object(tip),
        waived: vec!["paths".into(), "review".into()],
        excluded: vec!["dave".into()],
        reviewers: vec!["*".into()],
        due: Timestamp(10_000),
        settled_by: vec![],
    }];
    decision
}

/// The push of bob's approval of commit `tip`, that settles what decision `number` owes.
pub fn approval(writing: &Writing<'_>, number: u64, tip: u32) -> Decision {
    let tag = writing.content(format!("approval of {tip}").as_bytes()).unwrap();
    let mut decision = decision(writing, None, Some(object(tip + 1_000)), &[]);
    decision.name = name(&format!("refs/approvals/refs/heads/main/{}/bob", object(tip)));
    decision.rules.clear();
    decision.settles = vec![Settlement { decision: number, policy: 0, rule: "main".into(), signer: "bob".into(), tag }];
    decision
}

fn signed(tip: u32) -> Digest {
    Digest::of(format!("what is signed of {tip}").as_bytes())
}

fn record_one(ledger: &mut Ledger, make: impl FnOnce(&Writing<'_>) -> Decision) -> u64 {
    let recorded = append(ledger, 2_000, |writing| {
        let decision = make(writing);
        record(writing, decision);
    });
    recorded.first
}

fn declare(ledger: &mut Ledger, tip: u32) -> u64 {
    record_one(ledger, |writing| emergency(writing, tip))
}

fn approve(ledger: &mut Ledger, number: u64, tip: u32) -> u64 {
    record_one(ledger, |writing| approval(writing, number, tip))
}

fn used(ledger: &Ledger, tip: u32) -> Option<u64> {
    // In whatever repository.
    let elsewhere = ledger.memory(Path::new("/srv/git/other.git")).unwrap().declaration_used(signed(tip)).unwrap();
    assert_eq!(memory(ledger).declaration_used(signed(tip)).unwrap(), elsewhere);
    elsewhere
}

fn owing(ledger: &Ledger) -> Vec<u64> {
    memory(ledger).debts().unwrap().iter().map(|debt| debt.number).collect()
}

fn overdue(ledger: &Ledger, now: i64) -> Vec<u64> {
    ledger.memory(Path::new("/srv/git/other.git")).unwrap().overdue("dave", Timestamp(now)).unwrap()
}

#[test]
fn a_decision_says_who_approved_what_was_waived_and_what_it_settles() {
    let ground = Ground::new();
    let mut ledger = ground.open();
    let mut made = None;
    let declared = record_one(&mut ledger, |writing| {
        let mut decision = emergency(writing, 7);
        let tag = writing.content(b"tag").unwrap();
        let (signer, key) = ("erin".into(), "SHA256:erin".into());
        decision.approvals =
            vec![CountedApproval { policy: 0, rule: "main".into(), signer, key, object: object(7), tag }];
        made.insert(decision).clone()
    });
    let made = made.unwrap();
    let entry = ledger.entry(declared).unwrap().unwrap();
    assert_eq!(entry.emergencies().unwrap(), made.emergencies);
    assert_eq!(entry.approvals().unwrap(), made.approvals);
    assert_eq!(entry.paths().unwrap(), made.paths);
    assert_eq!(entry.settles().unwrap(), []);
    let body = String::from_utf8(ledger.body(declared).unwrap().unwrap()).unwrap();
    assert!(body.contains(r#""effect":"waived""#), "{body}");
    let keys = ["approvals", "emergencies", "paths"].map(|key| body.find(&format!("\"{key}\":")).unwrap());
    assert!(keys.is_sorted(), "{body}");
    let expected = format!(
        r#""emergencies":[{{"policy":0,"rule":"main","ticket":"INC-7","reason":{{"base64":"dGhlIGdhdGV3YXkgaXMgZG93biD/"}},"signer":"dave","key":"SHA256:dave","object":"{0}","declaration":"{1}","signed":"{2}","form":"commit","commit":"{0}","waived":["paths","review"],"excluded":["dave"],"reviewers":["*"],"due":"1970-01-01T02:46:40Z","settled-by":[]}}]"#,
        object(7),
        Digest::of(b"commit 7"),
        signed(7),
    );
    assert!(body.contains(&expected), "{body}\n{expected}");
    // All that it names is known to be named.
    let digests = entry.digests().unwrap();
    for content in [b"commit 7".to_vec(), b"tag".to_vec(), b"\"iam/role.tf\"\n{\"base64\":\"/w==\"}\n".to_vec()] {
        assert!(digests.contains(&Digest::of(&content)), "{content:?}");
    }
    let list = ledger.content(made.paths.unwrap().list).unwrap().unwrap();
    assert_eq!(ChangedPaths::read_list(&list).unwrap(), [b"iam/role.tf".to_vec(), b"\xff".to_vec()]);
    for bad in ["\"a\"", "a\n", "\"a\"\n\n", "1\n"] {
        let why = ChangedPaths::read_list(bad.as_bytes()).unwrap_err().to_string();
        assert_eq!(why, "a list of paths is none", "{bad:?}");
    }
    let settled = approve(&mut ledger, declared, 7);
    let entry = ledger.entry(settled).unwrap().unwrap();
    assert_eq!(entry.settles().unwrap()[0].decision, declared);
    assert!(entry.digests().unwrap().contains(&Digest::of(b"approval of 7")));
    assert_eq!(verify(&ledger), [""; 0]);
}

#[test]
fn what_is_no_part_of_a_record_is_not_read() {
    let ground = Ground::new();
    let mut ledger = ground.open();
    let declared = declare(&mut ledger, 7);
    let settled = approve(&mut ledger, declared, 7);
    let body = |number| String::from_utf8(ledger.body(number).unwrap().unwrap()).unwrap();
    let read = |body: &str, from: &str, to: &str| {
        assert_eq!(body.matches(from).count(), 1, "{from}");
        Entry::read(body.replace(from, to).as_bytes()).unwrap()
    };
    for (from, to) in [
        (r#""form":"commit""#, r#""form":"note""#),
        (r#""reviewers":["*"]"#, r#""reviewers":[1]"#),
        (r#""reviewers":["*"],"#, ""),
        ("1970-01-01T02:46:40Z", "1970-01-01T02:46:40.1Z"),
        (r#""emergencies":[{"policy":0"#, r#""emergencies":[{"policy":-1"#),
    ] {
        let why = read(&body(declared), from, to).emergencies().unwrap_err().to_string();
        assert_eq!(why, "`emergencies` is not what it must be", "{to}");
    }
    let why = read(&body(settled), &format!("\"decision\":{declared}"), "\"decision\":null").settles().unwrap_err();
    assert_eq!(why.to_string(), "`settles` is not what it must be");
    let why = read(&body(declared), "\"count\":2", "\"count\":\"2\"").digests().unwrap_err();
    assert_eq!(why.to_string(), "`paths` is not what it must be");
    assert!(BroughtList::read(&ledger.content(Digest::of(&super::list(&[object(7)]))).unwrap().unwrap()).is_ok());
}

#[test]
fn a_declaration_is_used_up_unless_its_push_failed() {
    let ground = Ground::new();
    let mut ledger = ground.open();
    assert_eq!(used(&ledger, 7), None);
    let first = declare(&mut ledger, 7);
    assert_eq!(used(&ledger, 7), Some(first), "open");
    assert_eq!(used(&ledger, 8), None);
    append(&mut ledger, 2_000, |writing| outcome(writing, &[], &[first]));
    assert_eq!(used(&ledger, 7), None, "failed");
    let second = append(&mut ledger, 2_000, |writing| {
        assert_eq!(writing.declaration_used(signed(7)).unwrap(), None);
        let decision = emergency(writing, 7);
        record(writing, decision);
        assert_eq!(writing.declaration_used(signed(7)).unwrap(), Some(writing.next_number() - 1));
    });
    append(&mut ledger, 2_000, |writing| outcome(writing, &[second.first], &[]));
    assert_eq!(used(&ledger, 7), Some(second.first), "completed");
    // It was the first after all.
    append(&mut ledger, 2_000, |writing| outcome(writing, &[first], &[]));
    assert_eq!(used(&ledger, 7), Some(first));
    let refused = record_one(&mut ledger, |writing| {
        let mut decision = emergency(writing, 9);
        decision.pushed.verdict = Verdict::Refused;
        decision
    });
    assert_eq!((used(&ledger, 9), owing(&ledger)), (None, vec![first, second.first]));
    // What happened later was not known then.
    let memory_then = memory(&ledger).as_of(ledger.id(first), Timestamp(2_000));
    assert_eq!(memory_then.declaration_used(signed(7)).unwrap(), None);
    assert_eq!(memory_then.debts().unwrap(), []);
    assert_eq!(
        memory(&ledger).as_of(ledger.id(refused), Timestamp(2_000)).declaration_used(signed(7)).unwrap(),
        Some(first)
    );
    reindexed(&mut ledger);
    assert_eq!(used(&ledger, 7), Some(first));
}

#[test]
fn a_debt_is_owed_until_an_approval_settles_it() {
    let ground = Ground::new();
    let mut ledger = ground.open();
    let main = name("refs/heads/main");
    let declared = declare(&mut ledger, 7);
    let debt = Debt {
        number: declared,
        place: 0,
        policy: POLICY.to_vec(),
        rule: "main".into(),
        name: main.clone(),
        commit: object(7),
        signer: "dave".into(),
        reviewers: vec!["*".into()],
        excluded: vec!["dave".into()],
        due: Timestamp(10_000),
        is_settled: false,
    };
    assert_eq!(memory(&ledger).debts().unwrap(), std::slice::from_ref(&debt), "open");
    append(&mut ledger, 2_000, |writing| outcome(writing, &[declared], &[]));
    assert_eq!(memory(&ledger).debts().unwrap(), std::slice::from_ref(&debt));
    assert_eq!(ledger.debt_of(declared).unwrap(), std::slice::from_ref(&debt));
    assert_eq!(ledger.debt_of(declared + 1).unwrap(), []);
    let other = ledger.memory(Path::new("/srv/git/other.git")).unwrap();
    assert_eq!(other.debts().unwrap(), []);
    // It is overdue once its moment has passed, in whatever repository.
    assert_eq!((overdue(&ledger, 10_000), overdue(&ledger, 10_001)), (vec![], vec![declared]));
    assert_eq!(memory(&ledger).overdue("erin", Timestamp(99_999)).unwrap(), [0; 0]);
    let satisfied = |ledger: &Ledger| memory(ledger).is_satisfied(ledger.id(declared), POLICY, "main").unwrap();
    assert!(!satisfied(&ledger));

    let approved = approve(&mut ledger, declared, 7);
    assert_eq!((owing(&ledger), overdue(&ledger, 10_001)), (vec![], vec![]));
    assert!(!satisfied(&ledger), "it is not known that the approval is there");
    append(&mut ledger, 2_000, |writing| outcome(writing, &[approved], &[]));
    assert!(satisfied(&ledger));
    assert!(!memory(&ledger).is_satisfied(ledger.id(declared), POLICY, "other").unwrap());
    assert_eq!(ledger.debt_of(declared).unwrap(), [Debt { is_settled: true, ..debt.clone() }]);
    assert_eq!(memory(&ledger).as_of(ledger.id(approved), Timestamp(2_000)).debts().unwrap(), [debt]);

    // The approval did not come after all; a second one does.
    append(&mut ledger, 2_000, |writing| outcome(writing, &[], &[approved]));
    assert_eq!((owing(&ledger), overdue(&ledger, 10_001)), (vec![declared], vec![declared]));
    assert!(!satisfied(&ledger));
    let again = approve(&mut ledger, declared, 7);
    append(&mut ledger, 2_000, |writing| outcome(writing, &[again], &[]));
    assert_eq!(owing(&ledger), [0; 0]);
    reindexed(&mut ledger);
    assert_eq!(owing(&ledger), [0; 0]);
    assert!(satisfied(&ledger));
    // Nor did the emergency.
    append(&mut ledger, 2_000, |writing| outcome(writing, &[], &[declared]));
    assert_eq!(ledger.debt_of(declared).unwrap(), []);
    assert_eq!(verify(&ledger), [""; 0]);
}

#[test]
fn an_approval_settles_the_debt_of_the_rule_that_it_names() {
    let ground = Ground::new();
    let mut ledger = ground.open();
    let declared = record_one(&mut ledger, |writing| {
        let mut decision = emergency(writing, 7);
        let site = decision.pushed.policies[0].clone();
        decision.pushed.policies.push(countersign::ledger::InForce { path: b"/other.toml".to_vec(), ..site });
        let own = decision.emergencies[0].clone();
        decision.emergencies.push(Emergency { policy: 1, ..own.clone() });
        decision.emergencies.push(Emergency { rule: "reviewed".into(), settled_by: vec!["erin".into()], ..own });
        decision
    });
    append(&mut ledger, 2_000, |writing| outcome(writing, &[declared], &[]));
    let owed = |ledger: &Ledger| {
        let debts = memory(ledger).debts().unwrap();
        debts.into_iter().map(|debt| (debt.policy, debt.rule)).collect::<Vec<_>>()
    };
    let (site, other) = ((POLICY.to_vec(), "main".to_owned()), (b"/other.toml".to_vec(), "main".to_owned()));
    assert_eq!(owed(&ledger), [site, other.clone()]);
    let satisfied =
        |ledger: &Ledger, policy, rule| memory(ledger).is_satisfied(ledger.id(declared), policy, rule).unwrap();
    assert!(satisfied(&ledger, POLICY, "reviewed"), "an approval stood already");
    assert_eq!(overdue(&ledger, 10_001), [declared], "once, for two rules");
    let approved = approve(&mut ledger, declared, 7);
    append(&mut ledger, 2_000, |writing| outcome(writing, &[approved], &[]));
    assert_eq!(owed(&ledger), [other]);
    assert!(satisfied(&ledger, POLICY, "main"));
    assert!(!satisfied(&ledger, b"/other.toml", "main"));
}

#[test]
fn a_debt_that_nobody_has_cannot_be_settled() {
    let ground = Ground::new();
    let mut ledger = ground.open();
    let declared = declare(&mut ledger, 7);
    for (number, policy, rule) in [(declared, 0, "other"), (declared, 1, "main"), (0, 0, "main"), (99, 0, "main")] {
        let error = ledger.append(&at(3_000), |writing| {
            let mut decision = approval(writing, number, 7);
            (decision.settles[0].policy, decision.settles[0].rule) = (policy, rule.into());
            writing.record(&Record::Decision(Box::new(decision))).map(drop)
        });
        let error = error.unwrap_err().cause.to_string();
        assert!(error.contains(&format!("settles a debt that record {number} has not")), "{error}");
    }
    assert_eq!(owing(&ledger), [declared]);
}

#[test]
fn damage_to_what_is_owed_is_found() {
    let ground = Ground::new();
    let mut ledger = ground.open();
    let declared = declare(&mut ledger, 7);
    approve(&mut ledger, declared, 7);
    let database = rusqlite::Connection::open(ground.folder().join("ledger.sqlite")).unwrap();
    for (statement, table) in
        [("UPDATE emergency SET due = due + 1", "emergency"), ("DELETE FROM settlement", "settlement")]
    {
        database.execute_batch(statement).unwrap();
        let found = verify(&ledger);
        assert!(
            matches!(&found[..], [one] if one.starts_with(&format!("derived table `{table}`: "))),
            "{statement}: {found:?}"
        );
        reindexed(&mut ledger);
    }
    let id: [u8; 32] = Digest::of(b"approval of 7").0;
    database.execute("DELETE FROM content WHERE digest = ?1", [id]).unwrap();
    let found = verify(&ledger);
    assert!(found.iter().any(|found| found.contains(&Digest::of(b"approval of 7").to_string())), "{found:?}");
}

#[test]
fn the_fullest_emergency_fits_into_a_record() {
    use countersign::ledger::{APPROVALS, PERSONS, REASON, TICKET};
    let ground = Ground::new();
    let mut ledger = ground.open();
    let persons =
        |side: &str| (0..PERSONS).map(|number| format!("{side}-{number:03}@a-long-name.example.com")).collect();
    let fill = |writing: &mut Writing<'_>| {
        let mut decision = emergency(writing, 7);
        let own = &mut decision.emergencies[0];
        (own.ticket, own.reason) = (vec![1; TICKET], vec![1; REASON]);
        (own.excluded, own.reviewers) = (persons("excluded"), persons("reviewer"));
        let tag = writing.content(b"tag").unwrap();
        let approval = |number| CountedApproval {
            policy: 0,
            rule: "main".into(),
            signer: format!("approver-{number:03}@a-long-name.example.com"),
            key: format!("SHA256:{}", "k".repeat(43)),
            object: ObjectId::from_bytes(&[7; 32]).unwrap(),
            tag,
        };
        decision.approvals = (0..APPROVALS).map(approval).collect();
        record(writing, decision);
    };
    let recorded = append(&mut ledger, 2_000, fill);
    let length = ledger.body(recorded.first).unwrap().unwrap().len();
    // What is left is for rules, findings, and a second rule that was waived.
    assert!((30_000..40_000).contains(&length), "{length}");
}

#[test]
fn a_ledger_is_not_closed_while_a_review_is_owed_and_the_next_one_knows_what_was_used() {
    let ground = Ground::new();
    let mut ledger = ground.open();
    let declared = declare(&mut ledger, 7);
    append(&mut ledger, 2_000, |writing| outcome(writing, &[declared], &[]));
    let next = ground.temporary.path().join("next");
    let close = |ledger: &mut Ledger| {
        ledger.close(&next, &std::collections::BTreeSet::new(), &ground.trusted, &super::making(), &|| Timestamp(3_000))
    };
    let why = close(&mut ledger).unwrap_err().to_string();
    assert!(
        why.ends_with(&format!("record {declared} is an emergency that nobody has reviewed: see to that first")),
        "{why}"
    );
    let approved = approve(&mut ledger, declared, 7);
    append(&mut ledger, 2_500, |writing| outcome(writing, &[approved], &[]));
    close(&mut ledger).unwrap();
    let continued = Ledger::open(&next, &ground.trusted, &super::making()).unwrap();
    assert_eq!((used(&continued, 7), owing(&continued)), (Some(declared), vec![]));
    assert!(memory(&continued).is_satisfied(ledger.id(declared), POLICY, "main").unwrap());
}
