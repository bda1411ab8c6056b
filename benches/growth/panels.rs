//! What is made to grow.

use crate::{
    corpora::{self, Corpus, Signer},
    cost::{self, Cost},
    curve::{Growth, Line, Panel},
    fill,
    server::{REPOSITORY, Server},
};
use countersign::ledger::Digest;
use std::path::{Path, PathBuf};

/// How far each goes, and how often each point is measured.
pub struct Extent {
    brought: usize,
    refs: usize,
    history: usize,
    registry: usize,
    rules: usize,
    ledger: usize,
    runs: usize,
}

pub const FULL: Extent = Extent {
    brought: 100_000,
    refs: 100_000,
    history: 1_000_000,
    registry: 10_000,
    rules: 200,
    ledger: 1_000_000,
    runs: 15,
};

pub const SHORT: Extent =
    Extent { brought: 1_000, refs: 10_000, history: 10_000, registry: 1_000, rules: 200, ledger: 10_000, runs: 7 };

/// What a panel shows, before it is measured.
pub struct Plan {
    pub what: &'static str,
    must_be: Growth,
    lines: fn(&Extent) -> Vec<Line>,
}

pub const ALL: [Plan; 6] = [
    Plan { what: "commits that a push brings", must_be: Growth::Linear, lines: brought },
    Plan { what: "refs that are there", must_be: Growth::Flat, lines: refs },
    Plan { what: "commits that are there", must_be: Growth::Flat, lines: history },
    Plan { what: "keys of each kind in the registry", must_be: Growth::Flat, lines: registry },
    Plan { what: "rules of the policy", must_be: Growth::Flat, lines: rules },
    Plan { what: "records in the ledger", must_be: Growth::Flat, lines: ledger },
];

impl Plan {
    pub fn measure(&self, extent: &Extent) -> Panel {
        Panel { what: self.what, lines: (self.lines)(extent), must_be: self.must_be }
    }
}

const MAIN: &str = "refs/heads/main";
const RULE: &str = "version = 1\nunmatched-refs = \"refuse\"\n[ledger]\npath = \"ledger\"\n\
                    [[rule]]\nname = \"all\"\nrefs = [\"refs/**\"]\nsignatures = { commits = \"all\" }\n";
/// What is signed is from September 2026.
const NOW: u32 = 1_790_000_000;
/// The commits that are there, where that is not what grows.
const SOME: usize = 1_000;

const UPDATED: &str = "a commit more on a branch";
const CREATED: &str = "a new branch with one commit";

/// 1, 10, 100 … and what it ends with.
fn decades(from: usize, to: usize) -> Vec<usize> {
    let mut steps: Vec<usize> =
        std::iter::successors(Some(from), |step| Some(step * 10)).take_while(|&step| step < to).collect();
    steps.push(to);
    steps
}

fn brought(extent: &Extent) -> Vec<Line> {
    let mut line = Line::new("into an empty repository");
    for count in decades(1, extent.brought) {
        let history = Corpus::ssh(count);
        let mut server = new_server(RULE);
        server.take_registry(&history.registry());
        server.take_ledger(&filled_ledger(1));
        let runs = if count > 10_000 { extent.runs.min(5) } else { extent.runs };
        line.add(count, &measured(runs, || server.push_in_vain(MAIN, None, &history, &cost::of_hook)));
    }
    vec![line]
}

fn refs(extent: &Extent) -> Vec<Line> {
    let history = Corpus::unsigned(extent.refs);
    let mut lines = [Line::new(UPDATED), Line::new(CREATED)];
    for count in decades(1, extent.refs) {
        let mut server = new_server(RULE);
        server.take(&history);
        // Each holds another commit.
        let step = history.commits.len() / count;
        let value = |number: usize| history.commits[number * step].as_str();
        let mut refs: Vec<(String, &str)> =
            (1..count).map(|number| (format!("refs/heads/feature/{number:06}"), value(number))).collect();
        refs.push((MAIN.to_owned(), history.tip()));
        server.set_refs(&refs);
        add(&mut lines, count, &one_commit(&mut server, &history, extent.runs));
    }
    lines.into()
}

fn history(extent: &Extent) -> Vec<Line> {
    let mut lines = [Line::new(UPDATED), Line::new(CREATED)];
    for count in decades(SOME, extent.history) {
        let history = Corpus::unsigned(count);
        let mut server = server_with(&history, RULE);
        add(&mut lines, count, &one_commit(&mut server, &history, extent.runs));
    }
    lines.into()
}

fn registry(extent: &Extent) -> Vec<Line> {
    let history = Corpus::unsigned(SOME);
    let mut lines = [Line::new("signed with SSH"), Line::new("signed with OpenPGP")];
    for count in decades(1, extent.registry) {
        let mut server = server_with(&history, RULE);
        server.take_registry(&corpora::registry(count));
        server.adopt();
        let mut branch = Branch::new(MAIN, &history);
        let costs = [Signer::ssh(0), Signer::openpgp(0)]
            .map(|signer| measured(extent.runs, || branch.push_another(&mut server, &signer)));
        add(&mut lines, count, &costs);
    }
    lines.into()
}

fn rules(extent: &Extent) -> Vec<Line> {
    let history = Corpus::unsigned(SOME);
    let mut lines = [Line::new("one of them for this branch"), Line::new("all of them for it")];
    for count in decades(1, extent.rules) {
        let costs = ["refs/heads/other", MAIN].map(|refs| {
            let rule = |number| {
                format!("[[rule]]\nname = \"{number}\"\nrefs = [\"{refs}\"]\nsignatures = {{ commits = \"all\" }}\n")
            };
            let policy = RULE.to_owned() + &(1..count).map(rule).collect::<String>();
            one_commit(&mut server_with(&history, &policy), &history, extent.runs)[0].clone()
        });
        add(&mut lines, count, &costs);
    }
    lines.into()
}

fn ledger(extent: &Extent) -> Vec<Line> {
    let history = Corpus::unsigned(SOME);
    let mut lines = [Line::new(UPDATED), Line::new(CREATED)];
    // The first record is that a ledger was made.
    for count in std::iter::once(1).chain(decades(1_000, extent.ledger)) {
        let mut server = server_with(&history, RULE);
        server.take_ledger(&filled_ledger(count));
        add(&mut lines, count, &one_commit(&mut server, &history, extent.runs));
    }
    lines.into()
}

/// The place is always the same, since ledgers tell repositories apart by their paths.
fn folder() -> PathBuf {
    Path::new(env!("CARGO_TARGET_TMPDIR")).join("growth")
}

fn new_server(policy: &str) -> Server {
    Server::new(&folder(), Path::new(env!("CARGO_BIN_EXE_countersign")), policy)
}

/// A ledger with so many records, about that place.
fn filled_ledger(records: usize) -> PathBuf {
    let repository = folder().join(REPOSITORY);
    let repository = repository.to_str().unwrap();
    let place = &Digest::of(repository.as_bytes()).to_string()[..15].replace("sha256:", "");
    let kept = corpora::kept(&format!("ledger-{records}-{place}"), |folder| {
        fill::fill(&folder.join("ledger"), records as u64, repository);
    });
    kept.join("ledger")
}

/// With one ref, at the tip of a history.
fn server_with(history: &Corpus, policy: &str) -> Server {
    let server = new_server(policy);
    server.take(history);
    server.set_refs(&[(MAIN.to_owned(), history.tip())]);
    server
}

/// What a commit more on `main` costs, and what a new branch with one commit.
fn one_commit(server: &mut Server, history: &Corpus, runs: usize) -> [Vec<Cost>; 2] {
    let signer = Signer::ssh(0);
    server.take_registry(&corpora::registry(1));
    server.adopt();
    let mut branch = Branch::new(MAIN, history);
    let updated = measured(runs, || branch.push_another(server, &signer));
    let created = measured(runs, || {
        branch.number += 1;
        let mut topic = Branch::new(&format!("refs/heads/topic-{:02}", branch.number), history);
        topic.number = branch.number;
        topic.push_first(server, &signer)
    });
    [updated, created]
}

/// The first is cold, and does not count.
fn measured(runs: usize, mut push: impl FnMut() -> Cost) -> Vec<Cost> {
    push();
    (0..runs).map(|_| push()).collect()
}

fn add(lines: &mut [Line; 2], x: usize, costs: &[Vec<Cost>; 2]) {
    lines.iter_mut().zip(costs).for_each(|(line, costs)| line.add(x, costs));
}

/// A branch that commits are pushed to, one after another.
struct Branch {
    name: String,
    tree: String,
    tip: String,
    /// No two commits that are pushed are the same.
    number: usize,
}

impl Branch {
    /// At the tip of a history.
    fn new(name: &str, history: &Corpus) -> Self {
        Self { name: name.to_owned(), tree: history.tree(), tip: history.tip().to_owned(), number: 0 }
    }

    fn push_first(&mut self, server: &mut Server, signer: &Signer) -> Cost {
        self.push(server, None, signer)
    }

    fn push_another(&mut self, server: &mut Server, signer: &Signer) -> Cost {
        let old = self.tip.clone();
        self.push(server, Some(&old), signer)
    }

    fn push(&mut self, server: &mut Server, old: Option<&str>, signer: &Signer) -> Cost {
        let commit = corpora::signed(&self.tree, Some(&self.tip), signer, NOW, self.number);
        let (id, cost) = server.push_commit(&self.name, old, &commit, &cost::of_hook);
        self.tip = id;
        self.number += 1;
        cost
    }
}
