//! Who acts: forges that sign for people, and whether the pusher signed the tip; judged in memory, with every pusher there
//! can be.

use crate::support::{
    World,
    keys::{self, ALICE_SSH, BOB_SSH},
    objects::{self, Commit as Written},
};
use countersign::{
    document::Groups,
    object::Commit,
    policy::{
        Judgement, Verdict, compile,
        facts::{Changed, CommitFacts, Context, Pusher, Standing, Terms, Via},
    },
    push::{ObjectFormat, ObjectId, Timestamp},
    registry::{Parts, Registry, Signer, SignerId},
    signature,
};
use jiff::tz::TimeZone;
use std::sync::Arc;

const NOW: Timestamp = Timestamp(1_800_000_000);
const PARENTS: [&str; 2] = ["3f2a91c03f2a91c03f2a91c03f2a91c03f2a91c0", "4f2a91c03f2a91c03f2a91c03f2a91c03f2a91c0"];

/// Alice's key is hers, Bob's is the forge's; Carol has no key, and Left has left.
fn registry() -> Registry {
    let line = |id: &str, key| format!("{id} {}\n", keys::public_ssh(key));
    let signers = "[[signer]]\nid = 'alice'\nemails = ['alice@example.com']\n\
                   [[signer]]\nid = 'carol'\nemails = ['carol@example.com']\n\
                   [[signer]]\nid = 'left'\nemails = ['left@example.com']\nuntil = 2026-01-01\n\
                   [[signer]]\nid = 'forge'\nemails = ['forge@example.com']\nkind = 'forge'\n";
    let parts = Parts {
        allowed_signers: (line("alice@example.com", ALICE_SSH) + &line("forge@example.com", BOB_SSH)).into_bytes(),
        signers: signers.as_bytes().to_vec(),
        ..Parts::default()
    };
    Registry::from_parts("registry".as_ref(), parts, &TimeZone::UTC).unwrap()
}

struct Case<'a> {
    rule: &'a str,
    key: Option<&'a str>,
    parents: usize,
    changes: Option<&'a [Changed]>,
    pusher: Option<&'a str>,
    via: Option<Via>,
}

/// The reasons for which a new tip of this make is refused.
fn reasons(case: &Case<'_>) -> Vec<String> {
    let world = World::new();
    let registry = registry();
    let source = format!(
        "version = 1\nunmatched-refs = 'accept'\n[[rule]]\nname = 'main'\nrefs = ['refs/heads/main']\n{}\n",
        case.rule
    );
    let policy = compile(&source, &Groups::new()).unwrap();
    let written = Written::new(&world, &PARENTS[..case.parents], "Change").by("Carol <carol@example.com>");
    let bytes = match case.key {
        Some(key) => written.with(&objects::signature_header(&world, &keys::sign(key, &written.payload()))),
        None => written.payload(),
    };
    let commit = Commit::parse(&bytes, ObjectFormat::Sha1).unwrap();
    let signature = signature::verify(&commit.signature, registry.certificates());
    let signer = |id: &str| Arc::new(Signer::clone(registry.signer(&SignerId(id.to_owned())).unwrap()));
    let pusher = Pusher { signer: case.pusher.map(signer), via: case.via, ..Pusher::default() };
    let context = Context { registry: &registry, now: NOW, pusher: &pusher, terms: Terms::default() };
    let mut judgement = Judgement::under(&policy, 0, context);
    let standing = Standing { tip: true, gained: true, first_parent: true };
    let facts = CommitFacts {
        id: ObjectId::from_hex(PARENTS[0].as_bytes()).unwrap(),
        commit: &commit,
        signature: &signature,
        received: None,
        standing,
        changes: case.changes,
        merge_tags: &[],
    };
    judgement.commit(0, &[0], 0, &facts);
    judgement.expect(1);
    judgement.seen();
    let verdict = Verdict::of(vec![judgement], 1).unwrap();
    verdict.findings().iter().map(|finding| format!("{:?}", finding.reason)).collect()
}

#[track_caller]
fn expect(case: &Case<'_>, reason: Option<&str>) {
    let found = reasons(case);
    match reason {
        None => assert_eq!(found, [""; 0]),
        Some(reason) => assert!(found.len() == 1 && found[0].contains(reason), "{found:?}"),
    }
}

const ALL: &str = "signatures = { commits = 'all', forge = 'all' }";
const MERGES: &str = "signatures = { commits = 'all', forge = 'merges' }";

fn by_forge(rule: &str) -> Case<'_> {
    Case { rule, key: Some(BOB_SSH), parents: 2, changes: Some(&[]), pusher: Some("carol"), via: Some(Via::Merge) }
}

#[test]
fn a_forge_signs_for_whoever_acts_in_it() {
    expect(&by_forge(ALL), None);
    expect(&Case { via: Some(Via::Edit), ..by_forge(ALL) }, None);
    expect(&Case { parents: 1, changes: None, ..by_forge(ALL) }, None);
    expect(&Case { via: Some(Via::Push), ..by_forge(ALL) }, Some("NotItsAction"));
    expect(&Case { via: None, ..by_forge(ALL) }, Some("NotItsAction"));
    expect(&Case { pusher: None, ..by_forge(ALL) }, Some("UnknownActor"));
    expect(&Case { pusher: Some("left"), ..by_forge(ALL) }, Some("UnknownActor"));
    expect(&by_forge("signatures = { commits = 'all' }"), Some("ForgeNotTaken"));
    expect(&by_forge("signatures = { commits = 'all', by = ['forge'] }"), None);
}

#[test]
fn merges_that_change_something_of_their_own_are_not_the_forges_to_sign() {
    let changed = [Changed { path: b"x".to_vec(), before: None, after: None }];
    expect(&by_forge(MERGES), None);
    expect(&Case { changes: Some(&changed), ..by_forge(MERGES) }, Some("NotAMerge"));
    expect(&Case { changes: None, ..by_forge(MERGES) }, Some("NotAMerge"));
    expect(&Case { parents: 1, ..by_forge(MERGES) }, Some("NotAMerge"));
}

#[test]
fn every_requirement_judges_whoever_acted() {
    let rule = |by: &str| format!("signatures = {{ commits = 'all', forge = 'all', by = ['{by}'] }}");
    expect(&by_forge(&rule("carol")), None);
    expect(&by_forge(&rule("alice")), Some("NotAllowed"));
    expect(&by_forge(&rule("forge")), Some("NotAllowed"));
    let identity = format!("{ALL}\nidentity = {{ committer = 'signer', pusher = 'signer' }}");
    expect(&by_forge(&identity), None);
    expect(&Case { pusher: Some("alice"), ..by_forge(&identity) }, Some("OtherSigner(Committer"));
}

#[test]
fn the_pusher_signed_the_tip() {
    let rule = "identity = { pusher = 'signer' }";
    let by_alice = |pusher| Case { rule, key: Some(ALICE_SSH), parents: 1, changes: None, pusher, via: None };
    expect(&by_alice(Some("alice")), None);
    expect(&by_alice(Some("carol")), Some("PusherOther"));
    expect(&by_alice(None), Some("UnknownPusher"));
    expect(&Case { key: None, ..by_alice(Some("alice")) }, Some("PusherUnsigned"));
}
