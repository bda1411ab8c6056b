//! Rules and verdicts in memory: what is decided, and why. That signatures are what they seem is tested elsewhere.

use super::{
    Effect, Judgement, Person, Policy, Reason, Verdict, compile,
    facts::{Certified, CommitFacts, Context, Defect, Pusher, Standing, TargetKind, Terms, UpdateFacts},
    rules::{self, signatures, updates},
};
use crate::{
    document::Groups,
    object::{Commit, Malformed},
    push::{Change, ObjectFormat, ObjectId, Push, RefName, RefUpdate, Timestamp},
    registry::{Parts, Registry, Status},
    signature::{Bad, Defect as SignatureDefect, Signature},
};
use jiff::tz::TimeZone;
use std::collections::BTreeSet;

const TREE: &str = "4b825dc642cb6eb9a060e54bf8d69288fbee4904";

fn id(number: u8) -> ObjectId {
    ObjectId::Sha1([number; 20])
}

fn policy(rules: &str) -> Policy {
    let source = format!("version = 1\nunmatched-refs = \"accept\"\n{rules}");
    compile(&source, &Groups::new()).unwrap_or_else(|problems| panic!("{rules}: {problems:?}"))
}

fn rule(keys: &str) -> Policy {
    policy(&format!("[[rule]]\nname = \"main\"\nrefs = [\"refs/heads/main\"]\n{keys}\n"))
}

/// With nobody in it.
fn registry() -> Registry {
    Registry::from_parts("/registry".as_ref(), Parts::default(), &TimeZone::UTC).unwrap()
}

/// Of a push by nobody who is known.
fn context(now: Timestamp, registry: &Registry) -> Context<'_> {
    static NOBODY: Pusher =
        Pusher { signer: None, account: None, certified: Certified::No, via: None, why_unknown: String::new() };
    Context { registry, now, pusher: &NOBODY, terms: Terms::default() }
}

fn commit(number: u8, email: &str, message: &str) -> Vec<u8> {
    let parent = id(number - 1);
    format!("tree {TREE}\nparent {parent}\nauthor A <{email}> 1 +0000\ncommitter A <{email}> 1 +0000\n\n{message}\n")
        .into_bytes()
}

/// Judges these commits, in this order, in as many threads' shards.
fn judged(policy: &Policy, registry: &Registry, commits: &[(u8, &str, Signature)], shards: usize) -> Verdict {
    let context = context(Timestamp(1_800_000_000), registry);
    let mut judgement = Judgement::under(policy, 0, context);
    let mut parts: Vec<_> = (0..shards).map(|_| judgement.shard()).collect();
    for (place, (number, email, signature)) in commits.iter().enumerate() {
        let bytes = commit(*number, email, "Subject\n\nBody");
        let commit = Commit::parse(&bytes, ObjectFormat::Sha1).unwrap();
        let standing = Standing { tip: place == 0, gained: true, first_parent: true };
        let facts = CommitFacts {
            id: id(*number),
            commit: &commit,
            signature,
            received: None,
            standing,
            changes: None,
            merge_tags: &[],
        };
        parts[place % shards].commit(0, &[0], u64::try_from(place).unwrap(), &facts);
    }
    parts.into_iter().rev().for_each(|part| judgement.merge(part));
    judgement.expect(u64::try_from(commits.len()).unwrap());
    judgement.seen();
    Verdict::of(vec![judgement], 1).unwrap()
}

fn bad(defect: SignatureDefect) -> Signature {
    Signature::Bad(Bad { defect, format: None, key: None, made: None })
}

const SIGNED: &str = "signatures = { commits = \"all\" }";

#[test]
fn every_unsigned_commit_is_counted_and_the_newest_are_named() {
    let commits: Vec<_> = (2..=21).rev().map(|number| (number, "a@x", Signature::Absent)).collect();
    for shards in 1..4 {
        let verdict = judged(&rule(SIGNED), &registry(), &commits, shards);
        let [finding] = verdict.findings() else { panic!("{:?}", verdict.findings()) };
        assert_eq!(finding.reason, Reason::Rule(rules::Reason::Signatures(signatures::Reason::Unsigned)));
        assert_eq!((finding.effect, finding.count, finding.brought.commits), (Effect::Refuses, 20, 20));
        let named: Vec<_> = finding.subjects.iter().map(|subject| subject.id).collect();
        assert_eq!(named, (14..=21).rev().map(id).collect::<Vec<_>>());
        assert_eq!(finding.last, Some((19, Some(id(1)))));
        assert!(finding.one_committer);
    }
}

#[test]
fn what_is_found_does_not_depend_on_which_thread_found_it() {
    let weak = || bad(SignatureDefect::Weak("SHA-1".into()));
    let commits = [
        (9, "a@x", Signature::Absent),
        (8, "b@x", weak()),
        (7, "a@x", Signature::Absent),
        (6, "b@x", bad(SignatureDefect::DoesNotVerify)),
        (5, "a@x", weak()),
    ];
    let told = |shards| {
        let verdict = judged(&rule(SIGNED), &registry(), &commits, shards);
        let findings = verdict.findings().iter();
        let told = findings.map(|finding| {
            let subjects: Vec<_> = finding.subjects.iter().map(|subject| subject.id).collect();
            (finding.reason.clone(), finding.count, subjects, finding.one_committer)
        });
        told.collect::<Vec<_>>()
    };
    assert_eq!(told(1).len(), 3);
    for shards in 2..=5 {
        assert_eq!(told(shards), told(1));
    }
}

#[test]
fn a_softer_mode_softens_what_a_rule_asks_and_nothing_else() {
    let registry = registry();
    for (mode, effect) in [("enforce", Effect::Refuses), ("warn", Effect::Warns), ("observe", Effect::Observed)] {
        let policy = rule(&format!("mode = \"{mode}\"\n{SIGNED}"));
        let verdict = judged(&policy, &registry, &[(2, "a@x", Signature::Absent)], 1);
        assert_eq!(verdict.findings()[0].effect, effect);
        assert_eq!(matches!(verdict, Verdict::Accepted(_)), effect != Effect::Refuses);
        let verdict = judged(&policy, &registry, &[(2, "a@x", bad(SignatureDefect::Ambiguous))], 1);
        assert_eq!(verdict.findings()[0].effect, Effect::Refuses);
        assert!(matches!(
            &verdict.findings()[0].reason,
            Reason::Rule(rules::Reason::Signatures(signatures::Reason::Fault(fault))) if fault.status == Status::Ambiguous
        ));
        let mut judgement = Judgement::under(&policy, 0, context(Timestamp(0), &registry));
        judgement.defective_commit(0, &[0], 0, id(1), &Defect::Malformed(Malformed("has a NUL byte".into())));
        judgement.expect(1);
        judgement.seen();
        assert!(matches!(Verdict::of(vec![judgement], 1).unwrap(), Verdict::Refused(_)));
    }
}

#[test]
fn nothing_is_accepted_that_was_not_judged() {
    let (policy, registry) = (rule(SIGNED), registry());
    let context = context(Timestamp(0), &registry);
    let undecided = |judgements| Verdict::of(judgements, 1).unwrap_err().to_string();
    assert!(undecided(Vec::new()).contains("there is no policy"));
    assert!(undecided(vec![Judgement::under(&policy, 0, context)]).contains("0 of 1 updates"));
    let mut one_missing = Judgement::under(&policy, 0, context);
    one_missing.expect(1);
    one_missing.seen();
    assert!(undecided(vec![one_missing]).contains("0 of 1 commits"));
    let mut whole = Judgement::under(&policy, 0, context);
    whole.seen();
    assert!(matches!(Verdict::of(vec![whole], 1).unwrap(), Verdict::Accepted(_)));
}

#[test]
fn one_policy_that_refuses_is_enough() {
    let (strict, open, registry) = (rule(SIGNED), policy(""), registry());
    let context = context(Timestamp(0), &registry);
    let mut refusing = Judgement::under(&strict, 0, context);
    refusing.refuse(0, Reason::Unmatched);
    refusing.seen();
    let mut accepting = Judgement::under(&open, 1, context);
    accepting.seen();
    assert!(matches!(Verdict::of(vec![accepting, refusing], 1).unwrap(), Verdict::Refused(_)));
}

#[test]
fn more_reasons_than_can_be_kept_apart_still_refuse() {
    let registry = registry();
    let commits: Vec<_> =
        (0..600).map(|number| (2, "a@x", bad(SignatureDefect::Weak(format!("reason {number}"))))).collect();
    let verdict = judged(&rule(SIGNED), &registry, &commits, 2);
    let findings = verdict.findings();
    assert!(findings.len() < 300 && findings.iter().any(|finding| matches!(finding.reason, Reason::More(_))));
    assert_eq!(findings.iter().map(|finding| finding.count).sum::<u64>(), 600);
    assert!(matches!(
        judged(&rule(&format!("mode = \"warn\"\n{SIGNED}")), &registry, &commits, 1),
        Verdict::Accepted(_)
    ));
}

/// What `updates` says to a change of `name`.
fn updated(keys: &str, name: &str, change: Change, fast_forward: bool, target: TargetKind) -> Vec<updates::Reason> {
    let (policy, registry) = (rule(keys), registry());
    let update = RefUpdate { name: RefName::new(name.as_bytes()).unwrap(), change };
    let facts = UpdateFacts {
        update: &update,
        written: &update.name,
        layers: &[],
        target: change.new().map(|_| target),
        peeled: change.new(),
        fast_forward,
        changes_nothing: false,
        contained: false,
        commits: 0,
        gained: 0,
        about: change.new().or(change.old()),
        approvals: &[],
        involved: &BTreeSet::new(),
        touched: &BTreeSet::new(),
        open_branch: None,
    };
    let mut judgement = Judgement::under(&policy, 0, context(Timestamp(0), &registry));
    judgement.update(0, &[0], &facts);
    judgement.seen();
    let verdict = Verdict::of(vec![judgement], 1).unwrap();
    let reasons = verdict.findings().iter().map(|finding| match &finding.reason {
        Reason::Rule(rules::Reason::Updates(reason)) => reason.clone(),
        other => panic!("{other:?}"),
    });
    reasons.collect()
}

#[test]
fn who_may_create_update_rewrite_and_delete() {
    use updates::Reason::{Create, Delete, ForcePush, NotACommit, TagMoved, Update};
    let (main, tag) = ("refs/heads/main", "refs/tags/v1");
    let (create, change, delete) =
        (Change::Create { new: id(2) }, Change::Move { old: id(1), new: id(2) }, Change::Delete { old: id(1) });
    for (keys, name, change, fast_forward, expected) in [
        ("", main, create, true, None),
        ("", main, change, true, None),
        ("", main, change, false, Some(ForcePush)),
        ("", main, delete, false, Some(Delete)),
        ("", tag, change, true, Some(TagMoved)),
        ("updates = { force-push = true }", main, change, false, None),
        ("updates = { force-push = true }", tag, change, false, None),
        ("updates = { delete = true }", main, delete, false, None),
        ("updates = { create = false }", main, create, true, Some(Create)),
        ("updates = { create = false }", main, change, true, None),
        ("updates = { update = false }", main, change, true, Some(Update)),
        ("updates = { update = false, force-push = true }", main, change, false, Some(Update)),
    ] {
        let found = updated(keys, name, change, fast_forward, TargetKind::Commit);
        assert_eq!(found, expected.into_iter().collect::<Vec<_>>(), "{keys} {name} {change:?}");
    }
    assert_eq!(updated("", main, create, true, TargetKind::Blob), [NotACommit(0, Some(TargetKind::Blob))]);
    assert_eq!(updated("", tag, create, true, TargetKind::Blob), []);
}

#[test]
fn a_security_key_that_no_signature_could_be_by_is_a_mistake() {
    let problems = |keys: &str| {
        let source = format!(
            "version = 1\nunmatched-refs = \"accept\"\n[[rule]]\nname = \"main\"\nrefs = [\"HEAD\"]\n\
             signatures = {{ commits = \"all\", {keys} }}\n"
        );
        let problems = compile(&source, &Groups::new()).err().unwrap_or_default();
        problems.iter().map(|problem| problem.what.to_string()).collect::<Vec<_>>()
    };
    assert_eq!(problems("security-key = \"tuch\""), ["`tuch` is not one of `touch`, `pin`"]);
    assert_eq!(problems("security-key = true"), ["this has to be a string, and is `true`"]);
    assert_eq!(
        problems("security-key = \"pin\", formats = [\"openpgp\"]"),
        ["security keys sign with ssh, and `formats` takes no such signature"]
    );
    assert_eq!(problems("security-key = \"pin\", formats = [\"openpgp\", \"ssh-cert\"]"), [""; 0]);
}

#[test]
fn the_manual_page_of_a_kind_is_its_own_documentation() {
    for key in rules::KEYS {
        let manual = rules::manual(key).unwrap();
        let (title, rest) = manual.split_once("\n\n").unwrap();
        assert!(title.ends_with('.') && !title.contains('\n'), "{key}: {title}");
        assert!(rest.starts_with(&format!("`{key} = ")), "{key}: {rest}");
    }
    assert_eq!(rules::manual("nonsense"), None);
}

#[test]
fn a_tally_leaves_nothing_out_whoever_of_the_threads_found_it() {
    let policy = rule(SIGNED);
    let registry = registry();
    let weak = |number: usize| bad(SignatureDefect::Weak(format!("algorithm {number}")));
    let update =
        RefUpdate { name: RefName::new(b"refs/heads/main").unwrap(), change: Change::Move { old: id(1), new: id(9) } };
    let push = Push { updates: vec![update] };
    let told = |shards: usize| {
        let mut judgement = Judgement::under(&policy, 0, context(Timestamp(1_800_000_000), &registry)).tallying();
        let mut parts: Vec<_> = (0..shards).map(|_| judgement.shard()).collect();
        // Of one word, but of more kinds than a verdict keeps apart.
        for place in 0..1000 {
            let bytes = commit(9, if place % 4 == 0 { "a@x" } else { "b@x" }, "Subject");
            let bytes = String::from_utf8(bytes).unwrap().replace("> 1 +", &format!("> {} +", 5_000 - place));
            let commit = Commit::parse(bytes.as_bytes(), ObjectFormat::Sha1).unwrap();
            let signature = if place % 10 == 0 { Signature::Absent } else { weak(place) };
            let standing = Standing { tip: place == 0, gained: true, first_parent: true };
            let number = u8::try_from(place % 200).unwrap();
            let facts = CommitFacts {
                id: id(number),
                commit: &commit,
                signature: &signature,
                received: None,
                standing,
                changes: None,
                merge_tags: &[],
            };
            parts[place % shards].commit(0, &[0], u64::try_from(place).unwrap(), &facts);
        }
        parts.into_iter().for_each(|part| judgement.merge(part));
        let groups = judgement.take_tally().groups(&policy, &push);
        judgement.expect(1000);
        judgement.seen();
        drop(Verdict::of(vec![judgement], 1).unwrap());
        groups
            .into_iter()
            .map(|group| {
                let Person::Committer { email, .. } = group.person else { panic!("{group:?}") };
                let (first, last) = group.times.unwrap();
                (String::from_utf8(email).unwrap(), group.code, group.count, first.0, last.0, group.example.unwrap())
            })
            .collect::<Vec<_>>()
    };
    let expected = [
        ("b@x".to_owned(), "weak", 700, 4001, 4999, id(1)),
        ("b@x".to_owned(), "unsigned", 50, 4010, 4990, id(10)),
        ("a@x".to_owned(), "weak", 200, 4004, 4996, id(4)),
        ("a@x".to_owned(), "unsigned", 50, 4020, 5000, id(0)),
    ];
    for shards in 1..4 {
        assert_eq!(told(shards), expected, "{shards}");
    }
}
