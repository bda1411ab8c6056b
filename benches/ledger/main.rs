//! `make bench-ledger`: what recording and looking up cost, in a ledger of ten thousand records and in one of a million records with a million
//! receipts of small pushes and as many of big ones, beside what the disk takes to make 4 KiB durable. `--records N` for other sizes; `--keep DIR`
//! keeps the big ledger there as it was filled, for the next time.
#![allow(missing_docs, clippy::unwrap_used, clippy::panic, clippy::indexing_slicing, clippy::as_conversions)]
#![allow(clippy::disallowed_methods, clippy::print_stdout)]

mod fill;

use countersign::{
    Undecided,
    ledger::{Digest, Ledger, Outcome, Record},
    push::{ObjectId, RefName},
    trusted::TrustedFiles,
};
use fill::{MANY, clock, known, making, open};
use std::{
    fs::File,
    io::{Read, Write as _},
    os::unix::fs::DirBuilderExt,
    path::{Path, PathBuf},
    process::{Command, Stdio},
    time::Instant,
};

const RUNS: usize = 21;
const REPOSITORY: &str = "/srv/git/repository.git";

fn main() {
    let arguments: Vec<String> = std::env::args().skip(1).filter(|argument| argument != "--bench").collect();
    match arguments.iter().map(String::as_str).collect::<Vec<_>>()[..] {
        [] => compare(1_000_000, None),
        ["--records", records] => compare(records.parse().unwrap(), None),
        ["--records", records, "--keep", kept] => compare(records.parse().unwrap(), Some(Path::new(kept))),
        // The same process, once to append and once to do nothing.
        ["--append", folder] => append_once(Path::new(folder)),
        ["--nothing", _] => {}
        _ => panic!("usage: [--records N [--keep DIR]]"),
    }
}

fn compare(records: u64, kept: Option<&Path>) {
    let ground = tempfile::Builder::new().tempdir_in(env!("CARGO_TARGET_TMPDIR")).unwrap();
    let sync = median(|| sync(ground.path()));
    let (small, big) = (ground.path().join("small"), ground.path().join("big"));
    fill::fill(&small, 10_000, REPOSITORY);
    let begin = Instant::now();
    match kept.map(|kept| kept.join(records.to_string())) {
        None => fill::fill(&big, records, REPOSITORY),
        Some(kept) => {
            if !kept.exists() {
                fill::fill(&kept, records, REPOSITORY);
            }
            copy(&kept, &big);
        }
    }
    println!("{records} records made in {:.0} s; medians of {RUNS}, in milliseconds\n", begin.elapsed().as_secs_f64());
    println!("{:<69}{:>10}{:>12}", "", 10_000, records);
    println!("{:<69}{sync:>10.3}{sync:>12.3}", "4 KiB written and synced by the disk, once");
    for (what, measure) in measures() {
        println!("{what:<69}{:>10.3}{:>12.3}", median(|| measure(&small)), median(|| measure(&big)));
    }
    let next = |folder: &Path| {
        continued(folder, &ground.path().join(format!("after-{}", folder.file_name().unwrap().display())))
    };
    let (after_small, after_big) = (next(&small), next(&big));
    for (what, measure) in
        measures().into_iter().filter(|(what, _)| what.starts_with("opened") || what.contains("looked up"))
    {
        let what = format!("continued: {what}");
        println!("{what:<69}{:>10.3}{:>12.3}", median(|| measure(&after_small)), median(|| measure(&after_big)));
    }
    let verify = |folder: &Path| timed(|| open(folder).verify(&mut |damage| panic!("{damage}")).unwrap());
    println!("{:<69}{:>10.1}{:>12.1}", "all verified, once", verify(&small), verify(&big));
    let reindex = |folder: &Path| timed(|| open(folder).reindex().unwrap());
    println!("{:<69}{:>10.1}{:>12.1}", "what is looked up made anew, once", reindex(&small), reindex(&big));
    let size = |folder: &Path| std::fs::metadata(folder.join("ledger.sqlite")).unwrap().len() as f64 / 1e6;
    println!("{:<69}{:>10.1}{:>12.1}", "size in MB", size(&small), size(&big));
}

type Measure = (&'static str, fn(&Path) -> f64);

fn measures() -> [Measure; 9] {
    [
        ("opened, one decision appended, whole process", |folder| {
            let run = |what| {
                let mut command = Command::new(std::env::current_exe().unwrap());
                command.args([what, folder.to_str().unwrap()]).stdin(Stdio::null());
                timed(|| assert!(command.status().unwrap().success()))
            };
            (run("--append") - run("--nothing")).max(0.0)
        }),
        ("opened, one decision appended", |folder| timed(|| append_once(folder))),
        ("one decision appended", |folder| {
            let mut ledger = open(folder);
            timed(|| append(&mut ledger, &fresh(1)))
        }),
        ("10,000 receipts written, in an append that is not ended", |folder| {
            let objects = fresh(MANY);
            let mut time = 0.0;
            let broken_off = open(folder).append(&clock, |writing| {
                let decision = fill::decision(writing, &objects, REPOSITORY);
                let completed = vec![writing.record(&decision)?];
                let outcome = Record::Outcome(Outcome { by: "post-receive", completed, failed: vec![] });
                time = timed(|| writing.record(&outcome).unwrap());
                Err(Undecided::server("", ""))
            });
            assert!(broken_off.is_err());
            time
        }),
        ("one decision of 10,000 objects appended, with their list", |folder| {
            let (mut ledger, objects) = (open(folder), fresh(MANY));
            timed(|| append(&mut ledger, &objects))
        }),
        ("10,000 receipts looked up, all there", |folder| {
            let ledger = open(folder);
            let known: Vec<_> = (0..MANY as u64).map(known).collect();
            timed(|| ledger.memory(Path::new(REPOSITORY)).unwrap().received_of(&known).unwrap())
        }),
        ("10,000 receipts looked up, none there", |folder| {
            let (ledger, objects) = (open(folder), fresh(MANY));
            timed(|| {
                let received = ledger.memory(Path::new(REPOSITORY)).unwrap().received_of(&objects).unwrap();
                assert!(received.is_empty());
            })
        }),
        ("one receipt looked up, in a ledger just opened", |folder| {
            let (ledger, object) = (open(folder), known(7));
            timed(|| ledger.memory(Path::new(REPOSITORY)).unwrap().received(object).unwrap())
        }),
        ("where a ref stands", |folder| {
            let ledger = open(folder);
            let name = RefName::new(b"refs/heads/main").unwrap();
            timed(|| ledger.memory(Path::new(REPOSITORY)).unwrap().standing(&name).unwrap())
        }),
    ]
}

/// A new ledger that continues this one.
fn continued(folder: &Path, next: &Path) -> PathBuf {
    let mut ledger = open(folder);
    // Those that were appended to be measured.
    let open = ledger.memory(Path::new(REPOSITORY)).unwrap().open_decisions().unwrap();
    let open = open.into_iter().map(|open| open.number).collect();
    ledger.close(next, &open, &TrustedFiles::new(&[]).unwrap(), &making(), &clock).unwrap();
    next.to_owned()
}

fn append_once(folder: &Path) {
    append(&mut open(folder), &fresh(1));
}

fn append(ledger: &mut Ledger, objects: &[ObjectId]) {
    let appended = ledger.append(&clock, |writing| {
        let decision = fill::decision(writing, objects, REPOSITORY);
        writing.record(&decision).map(drop)
    });
    appended.unwrap().unwrap();
}

fn copy(from: &Path, to: &Path) {
    let mut folder = std::fs::DirBuilder::new();
    folder.mode(0o700).create(to).unwrap();
    for file in from.read_dir().unwrap().map(Result::unwrap) {
        std::fs::copy(file.path(), to.join(file.file_name())).unwrap();
    }
}

/// Such as no ledger has seen.
fn fresh(objects: usize) -> Vec<ObjectId> {
    let mut seed = [0; 16];
    File::open("/dev/urandom").unwrap().read_exact(&mut seed).unwrap();
    let object = |number: usize| {
        let digest = Digest::of(&[&seed[..], &number.to_be_bytes()].concat());
        ObjectId::from_bytes(&digest.0[..20]).unwrap()
    };
    (0..objects).map(object).collect()
}

fn sync(folder: &Path) -> f64 {
    let path: PathBuf = folder.join("synced");
    let mut file = File::options().create(true).append(true).open(path).unwrap();
    timed(|| {
        file.write_all(&[1; 4096]).unwrap();
        file.sync_data().unwrap();
    })
}

fn timed<T>(what: impl FnOnce() -> T) -> f64 {
    let begin = Instant::now();
    std::hint::black_box(what());
    begin.elapsed().as_secs_f64() * 1e3
}

fn median(measure: impl Fn() -> f64) -> f64 {
    let mut times: Vec<_> = (0..RUNS).map(|_| measure()).collect();
    times.sort_by(f64::total_cmp);
    times[RUNS / 2]
}
