//! `docs/growth.md`, and the same tables for who runs this.

use crate::{
    curve::{Panel, Point},
    plot,
};
use std::{fmt::Write as _, fs, path::Path};

/// In Markdown, with what it says; and whether that is as it must be.
pub fn table(panel: &Panel) -> (String, bool) {
    let mut text = format!("## {}\n\n| |", capital(panel.what));
    let all_x: Vec<usize> = panel.lines[0].points.iter().map(|point| point.x).collect();
    all_x.iter().for_each(|&x| write!(text, " {} |", thousands(x)).unwrap());
    text.push_str("\n|---|");
    all_x.iter().for_each(|_| text.push_str("---:|"));
    text.push('\n');
    let mut verdicts = String::new();
    let mut all_good = true;
    for line in &panel.lines {
        let mut row = |what: &str, of: fn(&Point) -> f64| {
            write!(text, "| {}, {what} |", line.name).unwrap();
            line.points.iter().for_each(|point| write!(text, " {} |", plot::milliseconds(of(point))).unwrap());
            text.push('\n');
        };
        row("processor", |point| point.cost.processor);
        row("whole", |point| point.cost.elapsed);
        let (verdict, good) = line.verdict(panel.must_be);
        writeln!(verdicts, "- {}: {verdict}{}.", line.name, if good { "" } else { ": NOT SO" }).unwrap();
        all_good &= good;
    }
    (format!("{text}\n{verdicts}"), all_good)
}

const BEGINNING: &str = "# How the cost grows

What the hook costs may grow with what a push brings, and with nothing else; below each table stands whether it is so. `make
bench-growth` measures it, and `make bench-growth BENCH=--write` writes this page. Each number is the median of several whole
processes of the hook in milliseconds: the processor time of all its threads, and the time from its start to its end, in which
the record is made durable. The first depends little on what else the machine does, the second much.

![Six plots of time over size, both logarithmic: what a push brings, and five of what is there](growth.svg)

";

/// Records table and plot in the manual.
pub fn write(panels: &[Panel]) {
    let docs = Path::new(env!("CARGO_MANIFEST_DIR")).join("docs");
    let tables: Vec<String> = panels.iter().map(|panel| table(panel).0).collect();
    fs::write(docs.join("growth.md"), format!("{BEGINNING}{}", tables.join("\n"))).unwrap();
    fs::write(docs.join("growth.svg"), plot::svg(panels)).unwrap();
}

fn capital(text: &str) -> String {
    let (first, rest) = text.split_at(1);
    first.to_uppercase() + rest
}

/// `1,000,000`.
pub fn thousands(number: usize) -> String {
    let digits = number.to_string();
    let mut text = String::new();
    for (at, digit) in digits.char_indices() {
        if at > 0 && (digits.len() - at).is_multiple_of(3) {
            text.push(',');
        }
        text.push(digit);
    }
    text
}
