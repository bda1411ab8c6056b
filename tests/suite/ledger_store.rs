//! The ledger's database: what is recorded is found again, whole, whatever happens to the process, the disk and the file.

mod damage;
pub mod debts;
mod faults;
mod kills;

use countersign::{
    Undecided,
    ledger::{
        Adoption, Appended, Brought, Change, Decision, Digest, Effect, InForce, Ledger, Making, Memory, Move, Outcome,
        Pushed, Record, Recorded, RuleOutcome, Verdict, Witness, Writing,
    },
    push::{ObjectId, RefName, Timestamp},
    trusted::TrustedFiles,
};
use std::{
    fmt::Write as _,
    path::{Path, PathBuf},
};

const REPOSITORY: &str = "/srv/git/r.git";
const POLICY: &[u8] = b"/etc/countersign/policy.toml";

/// A folder for a ledger, not made yet.
struct Ground {
    temporary: tempfile::TempDir,
    trusted: TrustedFiles,
}

impl Ground {
    fn new() -> Self {
        Self { temporary: tempfile::tempdir().unwrap(), trusted: TrustedFiles::new(&[]).unwrap() }
    }

    fn folder(&self) -> PathBuf {
        self.temporary.path().join("ledger")
    }

    fn open(&self) -> Ledger {
        self.try_open().unwrap()
    }

    fn try_open(&self) -> Result<Ledger, Undecided> {
        Ledger::open(&self.folder(), &self.trusted, &making())
    }
}

fn making() -> Making {
    Making { origin: "git.example.com/ledger".into(), by_hook: true, user: 1000, now: Timestamp(1_000) }
}

fn at(seconds: i64) -> impl Fn() -> Timestamp {
    move || Timestamp(seconds)
}

fn append(ledger: &mut Ledger, seconds: i64, write: impl FnOnce(&mut Writing<'_>)) -> Appended {
    let fill = |writing: &mut Writing<'_>| {
        write(writing);
        Ok(())
    };
    ledger.append(&at(seconds), fill).unwrap().unwrap()
}

fn memory(ledger: &Ledger) -> Memory<'_> {
    ledger.memory(Path::new(REPOSITORY)).unwrap()
}

fn name(name: &str) -> RefName {
    RefName::new(name.as_bytes()).unwrap()
}

fn object(number: u32) -> ObjectId {
    let digest = Digest::of(&number.to_be_bytes());
    ObjectId::from_bytes(&digest.0[..20]).unwrap()
}

fn list(objects: &[ObjectId]) -> Vec<u8> {
    let mut objects = objects.to_vec();
    objects.sort();
    let mut list = String::from(
        "{\"schema\":1,\"people\":[{\"status\":\"good\",\"signer\":\"alice\",\"key\":\"SHA256:a\",\"format\":\"ssh\"},{\"status\":\"unknown-key\",\"key\":\"SHA256:u\"}]}\n",
    );
    objects.iter().for_each(|id| writeln!(list, "{id} 0").unwrap());
    list.into_bytes()
}

fn brought(writing: &Writing<'_>, objects: &[ObjectId]) -> Option<Brought> {
    let list = writing.content(&list(objects)).unwrap();
    Some(Brought { objects: objects.len() as u64, list })
}

/// Of a push that is accepted, to `main` if nothing else is said.
fn decision(writing: &Writing<'_>, old: Option<ObjectId>, new: Option<ObjectId>, objects: &[ObjectId]) -> Decision {
    let policy = writing.content(b"policy").unwrap();
    let registry = writing.content(b"registry").unwrap();
    Decision {
        push: writing.next_number(),
        pushed: Pushed {
            repository: REPOSITORY.into(),
            repository_name: None,
            verdict: Verdict::Accepted,
            pusher: Witness { id: Some("alice".into()), ..Witness::default() },
            via: None,
            certificate: None,
            policies: vec![InForce { path: POLICY.to_vec(), policy, registry }],
            waited: writing.waited(),
        },
        name: name("refs/heads/main"),
        old,
        new,
        recorded: Recorded::Never,
        rules: vec![RuleOutcome {
            policy: 0,
            name: "main".into(),
            line: 3,
            mode: "enforce",
            effect: Effect::Satisfied,
        }],
        findings: Vec::new(),
        findings_left_out: 0,
        brought: brought(writing, objects),
        tip: None,
        keys: None,
        approvals: Vec::new(),
        emergencies: Vec::new(),
        paths: None,
        settles: Vec::new(),
    }
}

fn record(writing: &mut Writing<'_>, decision: Decision) -> u64 {
    writing.record(&Record::Decision(Box::new(decision))).unwrap()
}

fn outcome(writing: &mut Writing<'_>, completed: &[u64], failed: &[u64]) {
    let outcome = Outcome { by: "post-receive", completed: completed.to_vec(), failed: failed.to_vec() };
    writing.record(&Record::Outcome(outcome)).unwrap();
}

/// A completed push of these objects to `main`; its number.
fn push(ledger: &mut Ledger, seconds: i64, objects: &[ObjectId]) -> u64 {
    let decided = append(ledger, seconds, |writing| {
        let decision = decision(writing, None, objects.first().copied(), objects);
        record(writing, decision);
    });
    append(ledger, seconds, |writing| outcome(writing, &[decided.first], &[]));
    decided.first
}

/// What `verify` finds damaged, a line each.
fn verify(ledger: &Ledger) -> Vec<String> {
    let mut found = Vec::new();
    ledger.verify(&mut |damage| found.push(damage.to_string())).unwrap();
    found
}

/// What is looked up is made anew, as it was.
fn reindexed(ledger: &mut Ledger) {
    ledger.reindex().unwrap();
    assert_eq!(verify(ledger), [""; 0]);
}

#[test]
fn a_ledger_that_is_not_there_is_made_and_begins_with_how() {
    let ground = Ground::new();
    assert!(Ledger::read(&ground.folder(), &ground.trusted).unwrap().is_none());
    let mut ledger = ground.open();
    let appended = append(&mut ledger, 1_001, |writing| assert_eq!(push_nothing(writing), 1));
    assert_eq!((appended.first, appended.last, appended.size), (1, 1, 2));
    assert!(appended.checkpoint.starts_with("git.example.com/ledger\n2\n"), "{}", appended.checkpoint);
    let names = |folder: &Path| {
        let entries = std::fs::read_dir(folder).unwrap();
        let mut names: Vec<_> = entries.map(|entry| entry.unwrap().file_name().into_string().unwrap()).collect();
        names.sort();
        names
    };
    assert_eq!(names(&ground.folder()), ["key", "key.pub", "ledger.sqlite", "ledger.sqlite-shm", "ledger.sqlite-wal"]);
}

/// A record about nothing.
fn nothing() -> Record {
    Record::Adopted(Adoption { repository: b"/srv/git/none.git".to_vec(), refs: Vec::new(), brought: None, user: 0 })
}

fn push_nothing(writing: &mut Writing<'_>) -> u64 {
    writing.record(&nothing()).unwrap()
}

#[test]
fn only_what_is_completed_was_received_and_the_first_time_counts() {
    let ground = Ground::new();
    let mut ledger = ground.open();
    let few: Vec<_> = (0..3).map(object).collect();
    let many: Vec<_> = (0..1_000).map(object).collect();
    let mut decided = Vec::new();
    for (seconds, objects) in [(2_000, &many), (3_000, &few), (4_000, &many)] {
        let appended = append(&mut ledger, seconds, |writing| {
            let decision = decision(writing, None, Some(object(1)), objects);
            record(writing, decision);
        });
        decided.push(appended.first);
    }
    assert_eq!(memory(&ledger).received(object(1)).unwrap(), None, "open");
    append(&mut ledger, 5_000, |writing| outcome(writing, &[], &decided[..1]));
    assert_eq!(memory(&ledger).received(object(1)).unwrap(), None, "failed");
    append(&mut ledger, 5_000, |writing| outcome(writing, &decided[2..], &[]));
    assert_eq!(memory(&ledger).received(object(1)).unwrap(), Some(Timestamp(4_000)));
    append(&mut ledger, 5_000, |writing| outcome(writing, &decided[1..2], &[]));
    let received = memory(&ledger).received_of(&[&many[..], &[object(5_000)]].concat()).unwrap();
    assert_eq!(received.len(), 1_000);
    for (number, id) in many.iter().enumerate() {
        assert_eq!(received[id], Timestamp(if number < 3 { 3_000 } else { 4_000 }), "{number}");
    }
    // A later outcome replaces an earlier one.
    append(&mut ledger, 5_000, |writing| outcome(writing, &decided[..1], &[]));
    assert_eq!(memory(&ledger).received(object(1)).unwrap(), Some(Timestamp(2_000)));
    assert_eq!(ledger.memory(Path::new("/srv/git/other.git")).unwrap().received(object(1)).unwrap(), None);
}

#[test]
fn what_is_refused_brings_nothing() {
    let ground = Ground::new();
    let mut ledger = ground.open();
    append(&mut ledger, 2_000, |writing| {
        let mut decision = decision(writing, None, Some(object(1)), &[object(1)]);
        decision.pushed.verdict = Verdict::Refused;
        record(writing, decision);
    });
    assert_eq!(memory(&ledger).open_decisions().unwrap(), []);
    let error = ledger.append(&at(3_000), |writing| {
        writing.record(&Record::Outcome(Outcome { by: "value", completed: vec![1], failed: vec![] })).map(drop)
    });
    let error = error.unwrap_err().cause.to_string();
    assert!(error.contains("an outcome is of record 1, which accepted nothing"), "{error}");
    assert_eq!(memory(&ledger).received(object(1)).unwrap(), None);
}

#[test]
fn a_ref_stands_where_it_was_last_recorded() {
    let ground = Ground::new();
    let mut ledger = ground.open();
    let main = name("refs/heads/main");
    assert_eq!(memory(&ledger).standing(&main).unwrap(), None);
    let first = push(&mut ledger, 2_000, &[object(1)]);
    let standing =
        |ledger: &Ledger| memory(ledger).standing(&main).unwrap().map(|found| (found.value, found.record.number));
    assert_eq!(standing(&ledger), Some((Some(object(1)), first)));
    assert!(memory(&ledger).is_satisfied(ledger.id(first), POLICY, "main").unwrap());
    assert!(!memory(&ledger).is_satisfied(ledger.id(first), POLICY, "other").unwrap());
    assert!(!memory(&ledger).is_satisfied(ledger.id(first), b"/etc/other.toml", "main").unwrap());
    // Two pushes in turn, of which the second's outcome is told first.
    let mut decide = |old, new| {
        let appended = append(&mut ledger, 3_000, |writing| {
            assert_eq!(writing.standing(Path::new(REPOSITORY), &main).unwrap().unwrap().record.number, first);
            let decision = decision(writing, Some(object(old)), new, &[]);
            record(writing, decision);
        });
        appended.first
    };
    let (second, third) = (decide(1, Some(object(2))), decide(2, None));
    let open = memory(&ledger).open_decisions().unwrap();
    assert_eq!(
        open.iter().map(|open| (open.number, open.new)).collect::<Vec<_>>(),
        [(second, Some(object(2))), (third, None)]
    );
    append(&mut ledger, 3_000, |writing| outcome(writing, &[third], &[]));
    append(&mut ledger, 3_000, |writing| outcome(writing, &[second], &[]));
    assert_eq!(standing(&ledger), Some((None, third)));
    append(&mut ledger, 3_000, |writing| outcome(writing, &[], &[third]));
    assert_eq!(standing(&ledger), Some((Some(object(2)), second)));
    let moved = append(&mut ledger, 4_000, |writing| {
        let moved = Move {
            repository: REPOSITORY.into(),
            name: main.clone(),
            recorded: Some(object(2)),
            found: Some(object(9)),
            by: "push",
        };
        writing.record(&Record::Moved(moved)).unwrap();
    });
    assert_eq!(standing(&ledger), Some((Some(object(9)), moved.first)));
    assert!(!memory(&ledger).is_satisfied(ledger.id(moved.first), POLICY, "main").unwrap());
    let adopted = append(&mut ledger, 5_000, |writing| {
        let brought = brought(writing, &[object(9)]);
        let refs = vec![(main.clone(), object(9))];
        writing.record(&Record::Adopted(Adoption { repository: REPOSITORY.into(), refs, brought, user: 0 })).unwrap();
    });
    assert_eq!(standing(&ledger), Some((Some(object(9)), adopted.first)));
    assert!(memory(&ledger).is_satisfied(ledger.id(adopted.first), POLICY, "any").unwrap());
    assert_eq!(memory(&ledger).received(object(9)).unwrap(), Some(Timestamp(5_000)));
    assert_eq!(memory(&ledger).standings().unwrap().len(), 1);
}

#[test]
fn what_is_in_force_and_which_certificates_came_is_known() {
    let ground = Ground::new();
    let mut ledger = ground.open();
    append(&mut ledger, 2_000, |writing| {
        assert_eq!(writing.in_force(POLICY).unwrap(), None);
        let (policy, registry) = (writing.content(b"one").unwrap(), writing.content(b"two").unwrap());
        let to = InForce { path: POLICY.to_vec(), policy, registry };
        writing.record(&Record::Policy(Change { to: to.clone(), from: None, weaker: vec![] })).unwrap();
        assert_eq!(writing.in_force(POLICY).unwrap(), Some(to));
        let certificate = writing.content(b"certificate").unwrap();
        assert!(!writing.is_certificate_seen(certificate).unwrap());
        for _ in 0..2 {
            let mut decision = decision(writing, None, Some(object(1)), &[]);
            (decision.push, decision.pushed.certificate) = (2, Some(certificate));
            record(writing, decision);
        }
        assert!(writing.is_certificate_seen(certificate).unwrap());
    });
}

#[test]
fn a_clock_that_goes_back_is_recorded_and_does_not_count() {
    let ground = Ground::new();
    let mut ledger = ground.open();
    push(&mut ledger, 9_000, &[object(1)]);
    push(&mut ledger, 5_000, &[object(2)]);
    push(&mut ledger, 9_001, &[object(3)]);
    let received = |number| memory(&ledger).received(object(number)).unwrap().unwrap().0;
    assert_eq!([received(1), received(2), received(3)], [9_000, 9_000, 9_001]);
}

#[test]
fn nothing_is_written_of_what_fails() {
    let ground = Ground::new();
    let mut ledger = ground.open();
    // Too long a record, which the caller overlooks, leaves the others whole.
    let appended = append(&mut ledger, 2_000, |writing| {
        let error = writing.record(&Record::Rotated("x".repeat(70_000))).unwrap_err();
        assert!(error.cause.to_string().contains("is longer than records can be (65535)"));
        push_nothing(writing);
    });
    assert_eq!(appended.first, 1);
    // A record that breaks off leaves nothing, though the caller overlooks it.
    let error = ledger.append(&at(2_000), |writing| {
        push_nothing(writing);
        let mut decision = decision(writing, None, Some(object(1)), &[]);
        decision.brought = Some(Brought { objects: 1, list: Digest([7; 32]) });
        assert!(writing.record(&Record::Decision(Box::new(decision))).is_err());
        Ok(())
    });
    assert_eq!(error.unwrap_err().cause.to_string(), "a record could not be written");
    assert_eq!(ledger.append(&at(2_000), |_| Ok(())).unwrap(), None);
    assert_eq!(append(&mut ledger, 2_000, |writing| assert_eq!(push_nothing(writing), 2)).first, 2);
}

#[test]
fn what_can_be_looked_up_is_made_anew_as_it_was() {
    let ground = Ground::new();
    let mut ledger = ground.open();
    damage::fill(&mut ledger, 300);
    let computed = ledger.verify(&mut |damage| panic!("{damage}")).unwrap();
    let state = |ledger: &Ledger| (memory(ledger).standings().unwrap(), memory(ledger).received(object(1)).unwrap());
    let before = state(&ledger);
    assert!(before.1.is_some());
    let database = rusqlite::Connection::open(ground.folder().join("ledger.sqlite")).unwrap();
    database.execute_batch("DELETE FROM standing; UPDATE decision SET state = 'failed'; DROP TABLE mention;").unwrap();
    drop(database);
    assert_ne!(state(&ledger), before);
    let found = verify(&ledger);
    for table in ["standing", "decision", "mention"] {
        assert!(found.iter().any(|found| found.starts_with(&format!("derived table `{table}`: "))), "{found:?}");
    }
    ledger.reindex().unwrap();
    assert_eq!(state(&ledger), before);
    assert_eq!(verify(&ledger), [""; 0]);
    assert_eq!(ledger.verify(&mut |_| ()).unwrap(), computed);
    push(&mut ledger, 9_000, &[object(5_077)]);
    assert_eq!(memory(&ledger).received(object(5_077)).unwrap(), Some(Timestamp(9_000)));
    assert_eq!(verify(&ledger), [""; 0]);
}

/// As they were when small pushes had a row for each object, and big ones blocks.
#[test]
fn receipts_in_the_form_of_before_are_made_anew() {
    let ground = Ground::new();
    let mut ledger = ground.open();
    damage::fill(&mut ledger, 3_000);
    drop(ledger);
    let database = rusqlite::Connection::open(ground.folder().join("ledger.sqlite")).unwrap();
    database
        .execute_batch(
            "DROP TABLE receipt_node; DROP TABLE receipt;
             CREATE TABLE receipt (repository INTEGER NOT NULL, object BLOB NOT NULL, number INTEGER NOT NULL,
                 time INTEGER NOT NULL, PRIMARY KEY (repository, object, number)) STRICT, WITHOUT ROWID;
             CREATE TABLE receipt_block (repository INTEGER NOT NULL, prefix INTEGER NOT NULL, number INTEGER NOT NULL,
                 time INTEGER NOT NULL, objects BLOB NOT NULL, PRIMARY KEY (repository, prefix, number)) STRICT, WITHOUT ROWID;",
        )
        .unwrap();
    drop(database);
    let mut ledger = ground.open();
    let error = memory(&ledger).received(object(1)).unwrap_err().to_string();
    assert!(error.contains("no such column: row"), "{error}");
    let found = verify(&ledger);
    for table in ["derived table `receipt`", "derived table `receipt_node`", "the database file"] {
        assert!(found.iter().any(|found| found.starts_with(&format!("{table}: "))), "{found:?}");
    }
    reindexed(&mut ledger);
    assert!(memory(&ledger).received(object(1)).unwrap().is_some());
}

#[test]
fn what_is_read_alone_is_not_changed() {
    let ground = Ground::new();
    let mut ledger = ground.open();
    push(&mut ledger, 2_000, &[object(1)]);
    // A copy as a backup makes it, without the log, and without the key.
    let copy = ground.temporary.path().join("copy");
    std::fs::create_dir(&copy).unwrap();
    let into = copy.join("ledger.sqlite");
    let database = rusqlite::Connection::open(ground.folder().join("ledger.sqlite")).unwrap();
    database.execute("VACUUM INTO ?1", [into.to_str().unwrap()]).unwrap();
    let before = std::fs::read(&into).unwrap();
    let mut copied = Ledger::read(&copy, &ground.trusted).unwrap().unwrap();
    assert_eq!(memory(&copied).received(object(1)).unwrap(), Some(Timestamp(2_000)));
    assert_eq!(verify(&copied), [""; 0]);
    let error = copied.append(&at(3_000), |writing| writing.record(&nothing()).map(drop)).unwrap_err();
    assert_eq!(error.cause.to_string(), "it was opened to be read");
    drop(copied);
    assert_eq!(std::fs::read_dir(&copy).unwrap().count(), 1);
    assert_eq!(std::fs::read(&into).unwrap(), before);
    // One that is written meanwhile is read as it was when it was asked.
    let reading = Ledger::read(&ground.folder(), &ground.trusted).unwrap().unwrap();
    push(&mut ledger, 3_000, &[object(2)]);
    assert_eq!(memory(&reading).received(object(2)).unwrap(), Some(Timestamp(3_000)));
    assert_eq!(verify(&reading), [""; 0]);
}

#[test]
fn several_who_find_no_ledger_make_one_and_all_add_to_it() {
    let ground = Ground::new();
    let begin = std::sync::Barrier::new(4);
    std::thread::scope(|scope| {
        for writer in 0..4 {
            let (ground, begin) = (&ground, &begin);
            scope.spawn(move || {
                begin.wait();
                for turn in 0..10 {
                    push(&mut ground.open(), 2_000, &[object(writer * 100 + turn)]);
                }
            });
        }
    });
    let ledger = Ledger::read(&ground.folder(), &ground.trusted).unwrap().unwrap();
    assert_eq!(ledger.verify(&mut |damage| panic!("{damage}")).unwrap().size, 1 + 4 * 10 * 2);
    let all: Vec<_> = (0..4).flat_map(|writer| (0..10).map(move |turn| object(writer * 100 + turn))).collect();
    assert_eq!(memory(&ledger).received_of(&all).unwrap().len(), 40);
}
