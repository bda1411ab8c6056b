//! Lines of results, and how tables are printed.

use crate::measure::{Cost, Costs, Ratio, median};

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
    /// Of the other program, if there is one to compare with.
    pub against: Option<Ratio>,
    /// What is no ratio.
    pub value: Option<f64>,
    pub bar: Option<Bar>,
}

impl Line {
    pub fn fill(mut self, costs: &Costs) -> Self {
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
        (self.without, self.with) = (shown(&costs.base), shown(&costs.hook));
        let ratio = |of: &[Cost]| (!of.is_empty()).then(|| Ratio::of(of, &costs.base));
        self.ratio = ratio(&costs.hook);
        self.unrecorded = ratio(&costs.judging);
        self.against = ratio(&costs.other);
        self
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

    /// What is in its columns: those of [`HEADINGS`], and of [`AGAINST`].
    pub fn cells(&self) -> Vec<String> {
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
        let mut cells = vec![self.work.clone(), self.without.clone(), self.with.clone()];
        for ratio in [&self.ratio, &self.unrecorded] {
            cells.extend([elapsed(ratio), processor(ratio)]);
        }
        cells.extend([bar, held.into()]);
        if self.against.is_some() {
            cells.extend([elapsed(&self.against), processor(&self.against)]);
        }
        cells
    }
}

/// Heading and width of each column.
pub const HEADINGS: [(&str, usize); 9] = [
    ("", 54),
    ("without", 9),
    ("with", 9),
    ("ratio", 6),
    ("cpu", 6),
    ("unrecorded", 10),
    ("cpu", 6),
    ("at most", 8),
    ("", 7),
];
/// Two more, for what is compared with.
pub const AGAINST: [(&str, usize); 2] = [("other program", 13), ("cpu", 6)];

#[derive(Clone, Copy, PartialEq, Eq)]
pub enum Form {
    Text,
    Markdown,
}

pub struct Table {
    form: Form,
    widths: Vec<usize>,
}

impl Table {
    /// Prints the headings.
    pub fn new(form: Form, headings: &[(&str, usize)]) -> Self {
        let table = Self { form, widths: headings.iter().map(|(_, width)| *width).collect() };
        table.print(headings.iter().map(|(heading, _)| (*heading).to_owned()).collect());
        if form == Form::Markdown {
            println!("|---|{}", "--:|".repeat(headings.len() - 1));
        }
        table
    }

    pub fn print(&self, cells: Vec<String>) {
        match self.form {
            Form::Markdown => println!("| {} |", cells.join(" | ")),
            Form::Text => {
                let cells = cells.iter().zip(&self.widths).enumerate().map(|(place, (cell, &width))| match place {
                    0 => format!("{cell:<width$}"),
                    _ => format!("{cell:>width$}"),
                });
                println!("{}", cells.collect::<Vec<_>>().join(" ").trim_end());
            }
        }
    }
}
