//! What is measured: a row for each kind of work, and the most that it may cost.

use crate::{
    corpora::{self, Corpus},
    floor::Floor,
    measure::{Contest, Cost, Ratio, median},
    process::{Process, Verifier},
    stage::{Hook, PATHS, Push, SIGNED, Site, Stage},
    table::{Bar, Line},
};
use std::path::{Path, PathBuf};

pub struct Row {
    /// For `--only`.
    pub name: &'static str,
    /// Whether `--short` has it.
    pub short: bool,
    pub measure: fn(&Bench) -> Vec<Line>,
}

pub const ROWS: &[Row] = &[
    Row {
        name: "ssh",
        short: true,
        measure: |bench| {
            let mut lines = bench.history("10,000 commits, ssh-ed25519", Corpus::ssh(10_000), 1.6);
            lines.push(bench.floor(Corpus::ssh(10_000), &Floor::ed25519(10_000)));
            lines
        },
    },
    Row {
        name: "rsa",
        short: true,
        measure: |bench| {
            let mut lines = bench.history("10,000 commits, OpenPGP rsa4096", Corpus::rsa(10_000), 2.1);
            lines.push(bench.floor(Corpus::rsa(10_000), &Floor::rsa(10_000)));
            lines
        },
    },
    Row {
        name: "openpgp",
        short: false,
        measure: |bench| bench.history("10,000 commits, OpenPGP ed25519", Corpus::openpgp(10_000), None),
    },
    Row {
        name: "mixed",
        short: false,
        measure: |bench| bench.history("10,000 commits, ten signers, SSH and OpenPGP", Corpus::mixed(10_000), 1.8),
    },
    Row {
        name: "long",
        short: false,
        measure: |bench| bench.history("100,000 commits, ssh-ed25519", Corpus::ssh(100_000), 1.6),
    },
    Row { name: "memory", short: false, measure: Bench::memory },
    Row { name: "paths", short: false, measure: Bench::paths },
    Row { name: "refs", short: true, measure: Bench::many_refs },
    Row { name: "branches", short: false, measure: Bench::branches },
    Row { name: "registry", short: true, measure: Bench::registry },
    Row { name: "process", short: true, measure: Bench::process },
];

/// What is measured, and how often.
pub struct Bench {
    pub stage: Stage,
    pub rounds: usize,
    pub program: PathBuf,
    /// Another program, to compare with.
    pub against: Option<PathBuf>,
}

impl Bench {
    /// All of a corpus into an empty repository.
    fn history(&self, work: &str, corpus: Corpus, most: impl Into<Option<f64>>) -> Vec<Line> {
        let tip = format!("{}:refs/heads/main", corpus.commits.last().unwrap());
        self.push(work, &corpus, &[tip], &self.stage.empty(), SIGNED, most.into())
    }

    /// Were there a hook that only did the arithmetic, and knew without reading a commit what to verify.
    fn floor(&self, corpus: Corpus, floor: &Floor) -> Line {
        let tip = format!("{}:refs/heads/main", corpus.commits.last().unwrap());
        let base = self.stage.empty();
        let push = || Push::new(&self.stage, &corpus, vec![tip.clone()], &base, Hook::None);
        let (plain, under) = (push(), push());
        let contest = Contest {
            base: Box::new(move || plain.run()),
            hook: Box::new(move || {
                let (push, verifying) = (under.run(), floor.verifying());
                Cost { elapsed: push.elapsed + verifying.elapsed, processor: push.processor + verifying.processor }
            }),
            judging: None,
            other: None,
        };
        let work = "- the arithmetic of these signatures alone".to_owned();
        Line { work, ..Line::default() }.fill(&contest.run(self.rounds))
    }

    fn paths(&self) -> Vec<Line> {
        let corpus = Corpus::changes(10_000);
        let tip = format!("{}:refs/heads/main", corpus.commits.last().unwrap());
        let work = "10,000 commits of 5 files of 50,000, rules on paths";
        self.push(work, &corpus, &[tip], &self.stage.empty(), &[SIGNED, PATHS].concat(), Some(2.5))
    }

    fn many_refs(&self) -> Vec<Line> {
        let corpus = Corpus::with_refs(100_000, 50_000);
        let tip = format!("{}:refs/heads/main", corpus.commits.last().unwrap());
        let work = "1 commit into 100,000 commits and 50,000 refs";
        self.push(work, &corpus, &[tip], &corpus.repository(), SIGNED, Some(1.02))
    }

    fn branches(&self) -> Vec<Line> {
        let corpus = Corpus::fan(2_000);
        let commits = corpus.commits.iter().skip(1).enumerate();
        let refspecs: Vec<_> = commits.map(|(number, commit)| format!("{commit}:refs/heads/topic-{number}")).collect();
        self.push("2,000 branches of 1 commit each", &corpus, &refspecs, &self.stage.empty(), SIGNED, Some(1.1))
    }

    /// With the hook, and with one that records nothing, over no hook; and, if there is one, with another program's hook.
    fn push(
        &self,
        work: &str,
        corpus: &Corpus,
        refspecs: &[String],
        base: &Path,
        policy: &str,
        most: Option<f64>,
    ) -> Vec<Line> {
        let site = |program: &Path| Site::new(&self.stage, program, &corpus.registry(), policy);
        let (site, other) = (site(&self.program), self.against.as_deref().map(site));
        let push = |hook| Push::new(&self.stage, corpus, refspecs.to_vec(), base, hook);
        let (plain, recording, judging) = (push(Hook::None), push(Hook::Recording(&site)), push(Hook::Judging(&site)));
        let other = other.as_ref().map(|other| push(Hook::Recording(other)));
        let contest = Contest {
            base: Box::new(move || plain.run()),
            hook: Box::new(move || recording.run()),
            judging: Some(Box::new(move || judging.run())),
            other: other.map(|other| boxed(move || other.run())),
        };
        let line = Line { work: work.into(), bar: most.map(Bar::Elapsed), ..Line::default() };
        vec![line.fill(&contest.run(self.rounds))]
    }

    /// What the hook's process has of its own, whatever it maps.
    fn memory(&self) -> Vec<Line> {
        let peak = |count| {
            let corpus = Corpus::ssh(count);
            let site = Site::new(&self.stage, &self.program, &corpus.registry(), SIGNED);
            let hook = Process::new(&self.stage, &site, &corpus);
            median((0..self.rounds.min(5)).map(|_| hook.memory() as f64 / 1e6).collect())
        };
        let (some, many) = (peak(10_000), peak(100_000));
        let megabytes = |work: &str, value: f64| Line {
            work: work.into(),
            with: format!("{value:.1} MB"),
            bar: Some(Bar::Megabytes(40.0)),
            value: Some(value),
            ..Line::default()
        };
        let flat = Line {
            work: "the same, 100,000 over 10,000".into(),
            ratio: Some(Ratio { elapsed: many / some, processor: 0.0 }),
            bar: Some(Bar::Elapsed(1.25)),
            ..Line::default()
        };
        vec![
            megabytes("anonymous memory at 10,000 commits", some),
            megabytes("anonymous memory at 100,000 commits", many),
            flat,
        ]
    }

    /// 5,000 of each over one of each; both with the hook.
    fn registry(&self) -> Vec<Line> {
        let (one, many) = (corpora::registry(1), corpora::registry(5_000));
        let base = self.stage.empty();
        let rows = [("ssh", Corpus::ssh(1)), ("OpenPGP", Corpus::openpgp(1))];
        let lines = rows.iter().map(|(format, corpus)| {
            let site = |program: &Path, registry: &Path| Site::new(&self.stage, program, registry, SIGNED);
            let sites = [site(&self.program, &one), site(&self.program, &many)];
            let other = self.against.as_deref().map(|program| site(program, &many));
            let push = |site| Push::of_main(&self.stage, corpus, &base, Hook::Recording(site));
            let ([one, many], other) = (sites.each_ref().map(push), other.as_ref().map(push));
            let contest = Contest {
                base: Box::new(move || one.run()),
                hook: Box::new(move || many.run()),
                judging: None,
                other: other.map(|other| boxed(move || other.run())),
            };
            let work = format!("1 commit, {format}, registry of 5,000 of each over one");
            // They are quick, and scatter.
            Line { work, bar: Some(Bar::Elapsed(1.1)), ..Line::default() }.fill(&contest.run(self.rounds.max(15)))
        });
        lines.collect()
    }

    /// The hook's process for one commit over the program that verifies one signature.
    fn process(&self) -> Vec<Line> {
        let (ssh, openpgp) = (Corpus::ssh(1), Corpus::openpgp(1));
        let verifiers = [Verifier::ssh_keygen(&self.stage, &ssh), Verifier::gpgv(&self.stage, &openpgp)];
        let rows = [("ssh, over ssh-keygen -Y verify", ssh, 0.5), ("OpenPGP, over gpgv", openpgp, 0.8)];
        let lines = rows.iter().zip(verifiers).map(|((format, corpus, most), verifier)| {
            let site = |program: &Path| Site::new(&self.stage, program, &corpus.registry(), SIGNED);
            let (site, other) = (site(&self.program), self.against.as_deref().map(site));
            let process = |site| Process::new(&self.stage, site, corpus);
            let (hook, other) = (process(&site), other.as_ref().map(process));
            let contest = Contest {
                base: Box::new(move || verifier.verifying()),
                hook: Box::new(|| hook.recording()),
                judging: Some(Box::new(|| hook.judging())),
                other: other.map(|other| boxed(move || other.recording())),
            };
            let work = format!("hook process, 1 commit, {format}");
            Line { work, bar: Some(Bar::Processor(*most)), ..Line::default() }.fill(&contest.run(self.rounds))
        });
        lines.collect()
    }
}

fn boxed<'a>(contender: impl Fn() -> Cost + 'a) -> Box<dyn Fn() -> Cost + 'a> {
    Box::new(contender)
}
