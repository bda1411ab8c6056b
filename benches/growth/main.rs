//! `make bench-growth`: how the cost of the hook grows with what a push brings, and with what is there already. For each
//! point the processor time and the time of whole cold processes, medians. `--short` for smaller ones, `--only WORD` for the
//! panels that have it in their title, `--write` to record table and plot in the manual.
#![allow(missing_docs, clippy::unwrap_used, clippy::panic, clippy::indexing_slicing, clippy::as_conversions)]
#![allow(clippy::disallowed_methods, clippy::print_stdout, clippy::print_stderr)]

#[path = "../corpora/mod.rs"]
mod corpora;
mod cost;
mod curve;
#[path = "../ledger/fill.rs"]
mod fill;
mod page;
mod panels;
mod plot;
#[path = "../server/mod.rs"]
mod server;

use curve::Panel;
use std::process::ExitCode;

fn main() -> ExitCode {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let has = |name: &str| arguments.iter().any(|argument| argument == name);
    let only = arguments.iter().position(|argument| argument == "--only").map(|at| arguments[at + 1].as_str());
    let extent = if has("--short") { panels::SHORT } else { panels::FULL };
    let mut panels: Vec<Panel> = Vec::new();
    let mut all_good = true;
    for panel in panels::ALL.iter().filter(|panel| only.is_none_or(|word| panel.what.contains(word))) {
        let panel = panel.measure(&extent);
        let (text, good) = page::table(&panel);
        println!("{text}");
        all_good &= good;
        panels.push(panel);
    }
    if has("--write") {
        assert!(only.is_none(), "--write wants all panels");
        page::write(&panels);
    }
    if all_good { ExitCode::SUCCESS } else { ExitCode::FAILURE }
}
