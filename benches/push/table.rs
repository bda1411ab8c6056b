//! How it is printed.

use crate::measure::{Cost, Ratio, median};

/// The most that a line may show.
#[derive(Clone, Copy)]
pub enum Bar {
    Elapsed(f64),
    Processor(f64),
    Megabytes(f64),
}

#[derive(Default)]
pub struct Line {
    pub work: String,
    pub without: String,
    pub with: String,
    pub ratio: Option<Ratio>,
    pub unrecorded: Option<Ratio>,
    pub against: Option<Ratio>,
    /// What is no ratio.
    pub value: Option<f64>,
    pub bar: Option<Bar>,
}

impl Line {
    pub fn compare(&mut self, with: &[Cost], without: &[Cost]) {
        let shown = |costs: &[Cost]| match self.bar {
            // Too short for the clock to say much.
            Some(Bar::Processor(_)) => {
                let processor = costs.iter().map(|cost| cost.processor).sum::<f64>() / costs.len() as f64;
                format!("{:.2} ms", processor * 1e3)
            }
            Some(Bar::Elapsed(_) | Bar::Megabytes(_)) | None => {
                format!("{:.3} s", median(costs.iter().map(|cost| cost.elapsed).collect()))
            }
        };
        (self.without, self.with) = (shown(without), shown(with));
        self.ratio = Some(Ratio::of(with, without));
    }

    /// Whether it is within its bar; those without one are.
    pub fn holds(&self) -> bool {
        let ratio = self.ratio.as_ref();
        match self.bar {
            None => true,
            Some(Bar::Elapsed(most)) => ratio.unwrap().elapsed <= most,
            Some(Bar::Processor(most)) => ratio.unwrap().processor <= most,
            Some(Bar::Megabytes(most)) => self.value.unwrap() <= most,
        }
    }

    fn cells(&self) -> [String; 10] {
        let elapsed = |ratio: &Option<Ratio>| ratio.map_or_else(String::new, |ratio| format!("{:.2}", ratio.elapsed));
        let processor = |ratio: &Option<Ratio>| match ratio {
            Some(ratio) if ratio.processor > 0.0 => format!("{:.2}", ratio.processor),
            _ => String::new(),
        };
        let bar = match self.bar {
            None => String::new(),
            Some(Bar::Elapsed(most)) => format!("{most}"),
            Some(Bar::Processor(most)) => format!("cpu {most}"),
            Some(Bar::Megabytes(most)) => format!("{most} MB"),
        };
        let held = match self.bar {
            None => "",
            Some(_) if self.holds() => "met",
            Some(_) => "MISSED",
        };
        [
            self.work.clone(),
            self.without.clone(),
            self.with.clone(),
            elapsed(&self.ratio),
            processor(&self.ratio),
            elapsed(&self.unrecorded),
            processor(&self.unrecorded),
            elapsed(&self.against),
            bar,
            held.into(),
        ]
    }
}

const HEADINGS: [&str; 10] =
    ["", "without", "with", "ratio", "cpu", "unrecorded", "cpu", "other program", "at most", ""];
const WIDTHS: [usize; 10] = [54, 9, 9, 6, 6, 10, 6, 14, 8, 7];

#[derive(Clone, Copy, PartialEq, Eq)]
pub enum Form {
    Text,
    Markdown,
}

impl Form {
    pub fn headings(self) -> String {
        let headings = self.row(HEADINGS.map(str::to_owned));
        match self {
            Self::Text => headings,
            Self::Markdown => format!("{headings}\n|---|{}", "--:|".repeat(HEADINGS.len() - 1)),
        }
    }

    pub fn line(self, line: &Line) -> String {
        self.row(line.cells())
    }

    fn row(self, cells: [String; 10]) -> String {
        match self {
            Self::Markdown => format!("| {} |", cells.join(" | ")),
            Self::Text => {
                let cells = cells.iter().zip(WIDTHS).enumerate();
                let cells = cells.map(|(place, (cell, width))| match place {
                    0 => format!("{cell:<width$}"),
                    _ => format!("{cell:>width$}"),
                });
                cells.collect::<Vec<_>>().join(" ")
            }
        }
    }
}
