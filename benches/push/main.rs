//! `make bench`: how much longer a push takes with the hook than without it, each in turn, every one a cold process and a
//! repository of its own; and what else a hook may not cost. `--help` lists what can be chosen.
#![allow(missing_docs, clippy::unwrap_used, clippy::panic, clippy::indexing_slicing, clippy::as_conversions)]
#![allow(clippy::disallowed_methods, clippy::print_stdout)]

#[path = "../corpora/mod.rs"]
mod corpora;
mod floor;
mod measure;
mod process;
mod rivals;
mod rows;
mod stage;
mod table;

use rows::{Bench, ROWS, Row};
use std::{io::Write, path::PathBuf, process::ExitCode};
use table::{AGAINST, Form, HEADINGS, Table};

const USAGE: &str = "\
usage: make bench BENCH='OPTIONS'

  --short          the main rows, fewer rounds
  --only NAME      this row alone, or `rivals`; may be given several times
  --rounds N       how often each is measured                       [default: 15; 3 if short]
  --program FILE   another build of countersign
  --against FILE   one more, measured in turn with the first
  --markdown       as a table for docs/performance.md
  --no-bar         exit status 0 also where a bar is missed
  --fresh          make anew what is pushed";

fn main() -> ExitCode {
    let chosen = Chosen::read(std::env::args().skip(1).filter(|argument| argument != "--bench"));
    if chosen.fresh {
        corpora::forget();
    }
    let bench = Bench {
        stage: stage::Stage::new(),
        rounds: chosen.rounds.unwrap_or(if chosen.short { 3 } else { 15 }),
        program: chosen.program.clone(),
        against: chosen.against.clone(),
    };
    let mut missed = false;
    let against: &[_] = if chosen.against.is_some() { &AGAINST } else { &[] };
    let table = Table::new(chosen.form, &[&HEADINGS, against].concat());
    for row in ROWS.iter().filter(|row| chosen.has(row)) {
        for line in (row.measure)(&bench) {
            table.print(line.cells());
            missed |= !line.holds();
        }
        std::io::stdout().flush().unwrap();
    }
    println!(
        "\nWithout the hook, and with it: medians of {} rounds. Ratio: the median of the rounds; cpu: of all processor time.",
        bench.rounds
    );
    println!(
        "Each decision is recorded in a ledger; unrecorded: judged alone. While a machine does other things, only cpu"
    );
    println!("says something.");
    if chosen.rivals() {
        rivals::print(&bench.stage, &bench.program, chosen.form);
    }
    if missed && !chosen.no_bar { ExitCode::FAILURE } else { ExitCode::SUCCESS }
}

struct Chosen {
    short: bool,
    only: Vec<String>,
    rounds: Option<usize>,
    program: PathBuf,
    against: Option<PathBuf>,
    form: Form,
    no_bar: bool,
    fresh: bool,
}

impl Chosen {
    fn read(mut arguments: impl Iterator<Item = String>) -> Self {
        let mut chosen = Self {
            short: false,
            only: Vec::new(),
            rounds: None,
            program: env!("CARGO_BIN_EXE_countersign").into(),
            against: None,
            form: Form::Text,
            no_bar: false,
            fresh: false,
        };
        while let Some(argument) = arguments.next() {
            let mut value = || arguments.next().unwrap_or_else(|| panic!("{argument} takes a value\n\n{USAGE}"));
            match argument.as_str() {
                "--short" => chosen.short = true,
                "--only" => chosen.only.push(value()),
                "--rounds" => chosen.rounds = Some(value().parse().unwrap()),
                "--program" => chosen.program = std::path::absolute(value()).unwrap(),
                "--against" => chosen.against = Some(std::path::absolute(value()).unwrap()),
                "--markdown" => chosen.form = Form::Markdown,
                "--no-bar" => chosen.no_bar = true,
                "--fresh" => chosen.fresh = true,
                _ => {
                    let rows: Vec<_> = ROWS.iter().map(|row| row.name).collect();
                    println!("{USAGE}\n\nrows: {}", rows.join(", "));
                    std::process::exit(if argument == "--help" { 0 } else { 2 });
                }
            }
        }
        let known = |name: &String| name == "rivals" || ROWS.iter().any(|row| row.name == name);
        assert!(chosen.only.iter().all(known), "no such row\n\n{USAGE}");
        chosen
    }

    fn has(&self, row: &Row) -> bool {
        if self.only.is_empty() { row.short || !self.short } else { self.only.iter().any(|name| name == row.name) }
    }

    fn rivals(&self) -> bool {
        if self.only.is_empty() { !self.short } else { self.only.iter().any(|name| name == "rivals") }
    }
}
