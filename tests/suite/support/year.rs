//! A ledger in which a year has passed: emergencies of every kind, what was refused, what moved beside the hook, and a policy
//! that was weakened. Some of it was written by somebody who means harm.

use countersign::{
    ledger::{
        Brought, Change, ChangedPaths, CountedApproval, Decision, Digest, Effect, Emergency, InForce, KnownBy, Ledger,
        Making, Move, Outcome, Pushed, Record, Recorded, RuleOutcome, Settlement, Verdict, Witness, Writing,
    },
    push::{ObjectId, RefName, Timestamp},
    trusted::TrustedFiles,
};
use serde_json::json;
use std::{fmt::Write, path::Path};

pub const REPOSITORY: &str = "/srv/git/infra/live.git";
pub const POLICY: &str = "/etc/countersign/policy.toml";

/// What is written where a person may write.
pub const HOSTILE: &str = "</bdi></code><script>alert(1)</script><img src=x onerror=alert(2)> \u{202e}txt.exe";

/// What is recorded of the policy that lets history be rewritten.
pub const WEAKER: &str = "weaker: rule `main`: updates.force-push: `nobody` becomes `anyone`";

const REGISTRY: &str = "[[signer]]\nid = \"alice\"\nemails = [\"alice@example.com\"]\n";

/// How it is made, a record at a time.
pub struct Year {
    ledger: Ledger,
    now: i64,
    objects: u32,
    policy: String,
}

/// One emergency, as it is told apart from another.
struct Declared<'a> {
    name: &'a str,
    ticket: &'a str,
    reason: &'a str,
    signer: &'a str,
    paths: &'a [&'a str],
    known_by: Option<KnownBy>,
    due: i64,
    settled_by: &'a [&'a str],
}

impl Year {
    /// In a folder that is not there yet.
    pub fn pass(folder: &Path) -> Ledger {
        let (now, origin) = (day(2026, 1, 5), "git.example.com/ledger".to_owned());
        let making = Making { origin, by_hook: true, user: 1000, now: Timestamp(now) };
        let ledger = Ledger::open(folder, &TrustedFiles::new(&[]).unwrap(), &making).unwrap();
        let mut year = Self { ledger, now, objects: 0, policy: String::new() };
        year.first_half();
        year.second_half();
        year.ledger
    }

    /// One emergency alone, on `main` of this repository, that took it from one commit to another.
    pub fn of_one(folder: &Path, repository: &Path, old: ObjectId, new: ObjectId) -> Ledger {
        let (now, origin) = (day(2026, 1, 5), "git.example.com/ledger".to_owned());
        let making = Making { origin, by_hook: true, user: 1000, now: Timestamp(now) };
        let ledger = Ledger::open(folder, &TrustedFiles::new(&[]).unwrap(), &making).unwrap();
        let mut year = Self { ledger, now, objects: 0, policy: String::new() };
        year.adopt_policy("", "");
        let declared = Declared {
            name: "refs/heads/main",
            ticket: "INC-1",
            reason: "",
            signer: "dave",
            paths: &[],
            known_by: None,
            due: 3,
            settled_by: &[],
        };
        let number = year.declare_as(&declared, |writing, decision| {
            (decision.old, decision.new) = (Some(old), Some(new));
            decision.brought = Some(Brought { objects: 1, list: writing.content(&list(new, "dave")).unwrap() });
            decision.pushed.repository = repository.as_os_str().as_encoded_bytes().to_vec();
        });
        year.done(number);
        year.ledger
    }

    fn first_half(&mut self) {
        self.adopt_policy("mode = \"warn\"\n", "mode = \"off\"\n");
        self.at(2026, 2, 1).adopt_policy("", "");
        let first = self.at(2026, 2, 14).declare(&Declared {
            name: "refs/heads/main",
            ticket: "INC-1041",
            reason: "certificate of the gateway has expired, no customer can log in",
            signer: "dave",
            paths: &["gateway/tls/renewal.tf", "gateway/variables.tf"],
            known_by: Some(KnownBy::Certificate),
            due: 3,
            settled_by: &[],
        });
        self.done(first);
        self.hours(21).review(first, "refs/heads/main", "bob");
        self.hours(30).set_back(first);
        let back = self.at(2026, 4, 3).declare(&Declared {
            name: "refs/heads/release/1.x",
            ticket: "INC-1093",
            reason: "roll back 1.4: it loses orders",
            signer: "erin",
            paths: &["orders/queue.rs"],
            known_by: Some(KnownBy::Sshd),
            due: 3,
            settled_by: &["alice"],
        });
        self.done(back);
        // Refused: the ticket is none, the declaration was used before.
        self.at(2026, 4, 20).refuse("refs/heads/main", "emergency-ticket", "the ticket `please` is no ticket");
        self.at(2026, 5, 2).refuse("refs/heads/main", "emergency-used", "this declaration was used by record 6");
        self.at(2026, 5, 11).adopt_policy("updates = { force-push = true }\n", "");
        self.at(2026, 6, 9).adopt_policy("", "");
        let overdue = self.at(2026, 6, 20).declare(&Declared {
            name: "refs/heads/main",
            ticket: "INC-1150",
            reason: HOSTILE,
            signer: "mallory<b>",
            paths: &[HOSTILE, "=HYPERLINK(\"https://evil.example\")", "iam/admins.tf"],
            known_by: Some(KnownBy::Server),
            due: 3,
            settled_by: &[],
        });
        self.done(overdue);
    }

    fn second_half(&mut self) {
        self.at(2026, 7, 3).move_beside("refs/heads/main");
        let late = self.at(2026, 8, 10).declare(&Declared {
            name: "refs/heads/main",
            ticket: "=cmd|' /C calc'!A0",
            reason: "לחזור לגרסה הקודמת",
            signer: "dave",
            paths: &["dns/zone.db"],
            known_by: Some(KnownBy::Certificate),
            due: 3,
            settled_by: &[],
        });
        self.done(late);
        self.at(2026, 8, 24).review(late, "refs/heads/main", "bob");
        let failed = self.at(2026, 9, 30).declare(&Declared {
            name: "refs/heads/release/2.x",
            ticket: "INC-1201",
            reason: "first try, the client hung up",
            signer: "erin",
            paths: &[],
            known_by: Some(KnownBy::Sshd),
            due: 3,
            settled_by: &[],
        });
        self.outcome(&[], &[failed]);
        self.at(2026, 10, 1).refuse("refs/emergencies/INC-1202/1", "approval-form", "the tag is not signed");
        self.at(2026, 11, 20).declare(&Declared {
            name: "refs/heads/main",
            ticket: "INC-1244",
            reason: "rotate the leaked database password",
            signer: "alice",
            paths: &["db/secrets.sops.yaml"],
            known_by: Some(KnownBy::Certificate),
            due: 40_000,
            settled_by: &[],
        });
    }

    fn at(&mut self, year: i16, month: i8, of_month: i8) -> &mut Self {
        self.now = day(year, month, of_month) + 3 * 3600 + 12 * 60;
        self
    }

    fn hours(&mut self, hours: i64) -> &mut Self {
        self.now += hours * 3600;
        self
    }

    fn append(&mut self, write: impl FnOnce(&mut Writing<'_>)) -> u64 {
        let now = Timestamp(self.now);
        let fill = |writing: &mut Writing<'_>| {
            write(writing);
            Ok(())
        };
        self.ledger.append(&|| now, fill).unwrap().unwrap().last
    }

    fn next_object(&mut self) -> ObjectId {
        self.objects += 1;
        object(self.objects)
    }

    /// With these lines in the rule for `main`, and those in the one for releases.
    fn adopt_policy(&mut self, main: &str, releases: &str) {
        let rule = |name: &str, refs: &str, lines: &str| {
            format!("[[rule]]\nname = \"{name}\"\nrefs = [\"{refs}\"]\nsignatures = {{ commits = \"all\" }}\n{lines}\n")
        };
        let rules = rule("main", "refs/heads/main", main) + &rule("releases", "refs/heads/release/**", releases);
        let text = format!("version = 1\nunmatched-refs = \"accept\"\n\n{rules}");
        let former = std::mem::replace(&mut self.policy, text.clone());
        self.append(|writing| {
            let signers = writing.content(REGISTRY.as_bytes()).unwrap();
            let registry = writing.content(format!("{signers}  signers.toml\n").as_bytes()).unwrap();
            let to = InForce { path: POLICY.into(), policy: writing.content(text.as_bytes()).unwrap(), registry };
            let from = (!former.is_empty()).then(|| (Digest::of(former.as_bytes()), registry));
            let weaker = main.contains("force-push").then(|| WEAKER.to_owned()).into_iter().collect();
            writing.record(&Record::Policy(Change { to, from, weaker })).unwrap();
        });
    }

    fn record(&mut self, make: impl FnOnce(&Writing<'_>) -> Decision) -> u64 {
        self.append(|writing| {
            let decision = make(writing);
            writing.record(&Record::Decision(Box::new(decision))).unwrap();
        })
    }

    fn outcome(&mut self, completed: &[u64], failed: &[u64]) {
        let outcome = Outcome { by: "post-receive", completed: completed.to_vec(), failed: failed.to_vec() };
        self.append(|writing| assert!(writing.record(&Record::Outcome(outcome)).is_ok()));
    }

    fn done(&mut self, number: u64) {
        self.outcome(&[number], &[]);
    }

    fn declare(&mut self, declared: &Declared<'_>) -> u64 {
        self.declare_as(declared, |_, _| ())
    }

    fn declare_as(&mut self, declared: &Declared<'_>, change: impl FnOnce(&Writing<'_>, &mut Decision)) -> u64 {
        let (policy, due) = (self.policy.clone(), Timestamp(self.now + declared.due * 86_400));
        let (old, new) = (self.next_object(), self.next_object());
        let signer = declared.signer.to_owned();
        self.record(|writing| {
            let content = |text: String| writing.content(text.as_bytes()).unwrap();
            let mut decision = decision(writing, &policy, declared.name, Some(old), Some(new));
            let (id, account) = (Some(signer.clone()), Some(format!("{signer}@sso")));
            decision.pushed.pusher = Witness { id, account, known_by: declared.known_by, unknown: None };
            if declared.known_by == Some(KnownBy::Certificate) {
                decision.pushed.certificate = Some(content(format!("certificate {new}")));
            }
            decision.rules[0].effect = Effect::Waived;
            decision.brought = Some(Brought { objects: 1, list: writing.content(&list(new, &signer)).unwrap() });
            let paths = declared.paths.iter().map(|path| path.as_bytes());
            let list = writing.content(&ChangedPaths::write_list(paths)).unwrap();
            decision.paths = Some(ChangedPaths { count: declared.paths.len() as u64, list });
            let approval = |approver: &&str| CountedApproval {
                policy: 0,
                rule: "main".into(),
                signer: (*approver).into(),
                key: key(approver),
                object: new,
                tag: content(format!("approval of {new} by {approver}")),
            };
            decision.approvals = declared.settled_by.iter().map(approval).collect();
            decision.emergencies = vec![Emergency {
                policy: 0,
                rule: "main".into(),
                ticket: declared.ticket.into(),
                reason: declared.reason.into(),
                key: key(&signer),
                excluded: vec![signer.clone()],
                signer,
                object: new,
                declaration: content(format!("commit {new}")),
                signed: Digest::of(format!("what is signed of {new}").as_bytes()),
                form: "commit",
                commit: new,
                waived: vec!["paths".into(), "review".into()],
                reviewers: ["alice", "bob", "dave"].map(String::from).into(),
                due,
                settled_by: declared.settled_by.iter().map(|&who| who.into()).collect(),
            }];
            change(writing, &mut decision);
            decision
        })
    }

    /// An approval that settles what a decision owes.
    fn review(&mut self, number: u64, name: &str, reviewer: &str) {
        let (policy, new) = (self.policy.clone(), self.next_object());
        let name = format!("refs/approvals/{name}/{}/{reviewer}", object(number.try_into().unwrap()));
        let reviewed = self.record(|writing| {
            let mut decision = decision(writing, &policy, &name, None, Some(new));
            let tag = writing.content(format!("approval {new}").as_bytes()).unwrap();
            let (rule, signer) = ("main".into(), reviewer.into());
            decision.settles = vec![Settlement { decision: number, policy: 0, rule, signer, tag }];
            decision
        });
        self.done(reviewed);
    }

    fn refuse(&mut self, name: &str, code: &str, told: &str) {
        let (policy, old, new) = (self.policy.clone(), self.next_object(), self.next_object());
        self.record(|writing| {
            let mut decision = decision(writing, &policy, name, Some(old), Some(new));
            decision.pushed.verdict = Verdict::Refused;
            let unknown = Some("the account `tmp` is nobody's".into());
            decision.pushed.pusher = Witness { account: Some("tmp".into()), unknown, ..Witness::default() };
            decision.rules[0].effect = Effect::Refuses;
            decision.findings =
                vec![json!({ "ref": name, "rule": "main", "effect": "refuses", "reason": code, "lines": [told] })];
            decision
        });
    }

    fn move_beside(&mut self, name: &str) {
        let (recorded, found) = (Some(self.next_object()), Some(self.next_object()));
        let name = RefName::new(name.as_bytes()).unwrap();
        let moved = Move { repository: REPOSITORY.into(), name, recorded, found, by: "push" };
        self.append(|writing| assert!(writing.record(&Record::Moved(moved)).is_ok()));
    }

    /// The ref has the value again that it had before a decision.
    fn set_back(&mut self, number: u64) {
        let entry = self.ledger.entry(number).unwrap().unwrap();
        let (name, policy) = (entry.ref_name("ref").unwrap(), self.policy.clone());
        let (old, new) = (entry.object("new").unwrap(), entry.object("old").unwrap());
        let name = String::from_utf8(name.as_bytes().to_vec()).unwrap();
        let decided = self.record(|writing| decision(writing, &policy, &name, old, new));
        self.done(decided);
    }
}

fn decision(writing: &Writing<'_>, policy: &str, name: &str, old: Option<ObjectId>, new: Option<ObjectId>) -> Decision {
    let signers = writing.content(REGISTRY.as_bytes()).unwrap();
    let registry = writing.content(format!("{signers}  signers.toml\n").as_bytes()).unwrap();
    let policy = writing.content(policy.as_bytes()).unwrap();
    let effect = Effect::Satisfied;
    Decision {
        push: writing.next_number(),
        pushed: Pushed {
            repository: REPOSITORY.into(),
            repository_name: Some(b"infra/live".to_vec()),
            verdict: Verdict::Accepted,
            pusher: Witness { id: Some("alice".into()), known_by: Some(KnownBy::Sshd), ..Witness::default() },
            via: None,
            certificate: None,
            policies: vec![InForce { path: POLICY.into(), policy, registry }],
            waited: 0,
        },
        name: RefName::new(name.as_bytes()).unwrap(),
        old,
        new,
        recorded: Recorded::Same,
        rules: vec![RuleOutcome { policy: 0, name: "main".into(), line: 4, mode: "enforce", effect }],
        findings: vec![],
        findings_left_out: 0,
        brought: None,
        tip: None,
        keys: None,
        approvals: vec![],
        emergencies: vec![],
        paths: None,
        settles: vec![],
    }
}

fn day(year: i16, month: i8, day: i8) -> i64 {
    let midnight = jiff::civil::date(year, month, day).to_zoned_datetime(jiff::tz::TimeZone::UTC).unwrap();
    midnight.timestamp().as_second()
}

fn object(number: u32) -> ObjectId {
    ObjectId::from_bytes(&Digest::of(&number.to_be_bytes()).0[..20]).unwrap()
}

fn key(signer: &str) -> String {
    let mut key = String::from("SHA256:");
    Digest::of(signer.as_bytes()).0.iter().take(21).for_each(|byte| write!(key, "{byte:02x}").unwrap());
    key
}

fn list(object: ObjectId, signer: &str) -> Vec<u8> {
    let person = json!({ "status": "good", "signer": signer, "key": key(signer), "format": "ssh" });
    format!("{}\n{object} 0\n", json!({ "schema": 1, "people": [person] })).into_bytes()
}
