//! `make bench-micro`: what the parts of a judgement cost, by Criterion, in one thread: verifying a signature of each
//! algorithm, reading a commit, walking over one, judging it, recording a decision. At the end, verifications beside those of
//! `openssl speed` in the same run. `BENCH=verify` for some of it; Criterion compares with the run before.
#![allow(missing_docs, clippy::unwrap_used, clippy::panic, clippy::indexing_slicing, clippy::as_conversions)]
#![allow(clippy::disallowed_methods, clippy::print_stdout)]

#[path = "../corpora/mod.rs"]
mod corpora;
#[path = "../ledger/fill.rs"]
mod fill;
mod openssl;

use corpora::Corpus;
use countersign::{
    document::Groups,
    git::{Quarantine, Repository, Selection},
    object::Commit,
    policy::{
        self, Judgement,
        facts::{CommitFacts, Context, Pusher, Standing, Terms},
    },
    push::{ObjectFormat, ObjectId, Timestamp},
    registry::Registry,
    signature::{self, Signature},
    trusted::TrustedFiles,
};
use criterion::{Criterion, Throughput};
use jiff::tz::TimeZone;
use std::{
    fs,
    hint::black_box,
    path::Path,
    process::Command,
    time::{Duration, SystemTime},
};

/// What is verified: a commit of `fixtures/wild/sha1` that a real client signed, and what openssl calls the algorithm.
const SIGNED: [(&str, &str, Option<&str>); 9] = [
    ("ssh-ed25519", "ssh-10.0-ed25519", Some("ed25519")),
    ("ssh ecdsa-p256", "ssh-10.0-ecdsa256", Some("ecdsap256")),
    ("ssh rsa-4096", "ssh-10.0-rsa4096", Some("rsa4096")),
    // Over 69 bytes that the security key signs, which hold a hash.
    ("ssh sk-ed25519", "ssh-10.0-sk-ed25519-touch", Some("ed25519")),
    // Of the authority too.
    ("ssh certificate, ed25519", "ssh-10.0-certificate", None),
    ("openpgp ed25519", "gpg-2.4-ed25519", Some("ed25519")),
    ("openpgp p256", "gpg-2.4-nistp256", Some("ecdsap256")),
    ("openpgp rsa-2048", "gpg-2.4-rsa2048", Some("rsa2048")),
    ("openpgp rsa-4096", "gpg-2.4-rsa4096", Some("rsa4096")),
];

/// Commits of a walk.
const WALKED: usize = 10_000;
/// After everything was signed, and before the keys' later days.
const NOW: Timestamp = Timestamp(1_780_000_000);

fn main() {
    let mut criterion = Criterion::default()
        .without_plots()
        .warm_up_time(Duration::from_millis(500))
        .measurement_time(Duration::from_secs(2))
        .configure_from_args();
    let begin = SystemTime::now();
    let ground = tempfile::tempdir_in(env!("CARGO_TARGET_TMPDIR")).unwrap();
    let registry = registry(ground.path());
    verify(&mut criterion, &registry);
    read_and_judge(&mut criterion, &registry);
    walk(&mut criterion);
    record(&mut criterion, ground.path());
    criterion.final_summary();
    let figures = SIGNED
        .iter()
        .filter_map(|&(name, _, algorithm)| Some((name, openssl::Figure::since(begin, "verify", name)?, algorithm?)));
    openssl::compare(&figures.collect::<Vec<_>>());
}

fn wild(name: &str) -> Vec<u8> {
    let path = format!("{}/fixtures/wild/sha1/{name}.commit", env!("CARGO_MANIFEST_DIR"));
    fs::read(&path).unwrap_or_else(|error| panic!("{path}: {error}"))
}

/// The one that knows who signed these, in a place that nobody else may write to.
fn registry(ground: &Path) -> Registry {
    let folder = ground.join("registry");
    let kept = format!("{}/fixtures/wild/registry", env!("CARGO_MANIFEST_DIR"));
    assert!(Command::new("cp").arg("-r").arg(kept).arg(&folder).status().unwrap().success());
    assert!(Command::new("chmod").args(["-R", "go-w"]).arg(&folder).status().unwrap().success());
    Registry::load(&TrustedFiles::new(&[]).unwrap(), &folder, &[], &TimeZone::UTC).unwrap()
}

fn verify(criterion: &mut Criterion, registry: &Registry) {
    let mut group = criterion.benchmark_group("verify");
    for (name, file, _) in SIGNED {
        let bytes = wild(file);
        let commit = Commit::parse(&bytes, ObjectFormat::Sha1).unwrap();
        let verified = signature::verify(&commit.signature, registry.certificates());
        assert!(matches!(verified, Signature::Verified(_)), "{name}: {verified:?}");
        group.throughput(Throughput::Elements(1));
        group.bench_function(name, |bencher| {
            bencher.iter(|| signature::verify(black_box(&commit.signature), registry.certificates()));
        });
    }
}

fn read_and_judge(criterion: &mut Criterion, registry: &Registry) {
    let bytes = wild("ssh-10.0-ed25519");
    criterion.bench_function("commit read", |bencher| {
        bencher.iter(|| Commit::parse(black_box(&bytes), ObjectFormat::Sha1).unwrap());
    });
    let commit = Commit::parse(&bytes, ObjectFormat::Sha1).unwrap();
    let signature = signature::verify(&commit.signature, registry.certificates());
    let source = "version = 1\nunmatched-refs = \"refuse\"\n[[rule]]\nname = \"main\"\nrefs = [\"refs/heads/main\"]\n\
                  signatures = { commits = \"all\" }\nidentity = { committer = \"registered\" }\n\
                  messages = { forbid = ['(?i)^wip'] }\n";
    let policy = policy::compile(source, &Groups::new()).unwrap();
    let pusher = Pusher::default();
    let context = Context { registry, now: NOW, pusher: &pusher, terms: Terms::default() };
    let facts = CommitFacts {
        id: ObjectId::from_hex(b"0123456789012345678901234567890123456789").unwrap(),
        commit: &commit,
        signature: &signature,
        received: None,
        standing: Standing { tip: true, gained: true, first_parent: true },
        changes: None,
        merge_tags: &[],
    };
    let mut judgement = Judgement::under(&policy, 0, context);
    let mut sequence = 0;
    criterion.bench_function("commit judged by signature, identity and message", |bencher| {
        bencher.iter(|| {
            sequence += 1;
            judgement.commit(0, &[0], sequence, black_box(&facts));
        });
    });
}

fn walk(criterion: &mut Criterion) {
    let corpus = Corpus::ssh(WALKED);
    let repository = Repository::open(&corpus.repository(), &Quarantine::default()).unwrap();
    let tip = ObjectId::from_hex(corpus.tip().as_bytes()).unwrap();
    let selection = Selection { tip, old: None, baselines: Vec::new(), first_parent: false };
    let mut group = criterion.benchmark_group("walk");
    group.throughput(Throughput::Elements(WALKED as u64)).sample_size(10);
    group.bench_function("signed commits, each read and its hash checked", |bencher| {
        bencher.iter(|| {
            let mut bytes = 0;
            let walked = repository.walk(&selection, &mut |commit| {
                bytes += commit.bytes.map_or(0, <[u8]>::len);
                Ok(())
            });
            assert_eq!(walked.unwrap().visited, WALKED as u64);
            bytes
        });
    });
}

fn record(criterion: &mut Criterion, ground: &Path) {
    const REPOSITORY: &str = "/srv/git/repository.git";
    let mut ledger = fill::open(&ground.join("ledger"));
    let objects = [fill::known(1)];
    criterion.bench_function("decision recorded durably", |bencher| {
        bencher.iter(|| {
            let appended = ledger.append(&fill::clock, |writing| {
                let decision = fill::decision(writing, &objects, REPOSITORY);
                writing.record(&decision).map(drop)
            });
            appended.unwrap()
        });
    });
}
