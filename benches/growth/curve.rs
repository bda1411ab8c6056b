//! What is drawn, and what it says.

use crate::cost::Cost;

/// A panel: what grows, and lines over it.
pub struct Panel {
    /// What grows: "commits that a push brings".
    pub what: &'static str,
    pub lines: Vec<Line>,
    pub must_be: Growth,
}

/// How a cost may depend on what grows.
#[derive(Clone, Copy, PartialEq, Eq)]
pub enum Growth {
    Linear,
    Flat,
}

pub struct Line {
    pub name: &'static str,
    pub points: Vec<Point>,
}

pub struct Point {
    pub x: usize,
    /// The median of several.
    pub cost: Cost,
}

/// A flat line may rise this many times: what runs beside it on the machine makes as much.
pub const FLAT: f64 = 1.25;
/// Twice as much may take 2^1.05 times as long.
pub const LINEAR: f64 = 1.05;

impl Line {
    pub fn new(name: &'static str) -> Self {
        Self { name, points: Vec::new() }
    }

    pub fn add(&mut self, x: usize, costs: &[Cost]) {
        let median = |of: fn(&Cost) -> f64| {
            let mut values: Vec<f64> = costs.iter().map(of).collect();
            values.sort_by(f64::total_cmp);
            values[values.len() / 2]
        };
        let cost = Cost { processor: median(|cost| cost.processor), elapsed: median(|cost| cost.elapsed) };
        self.points.push(Point { x, cost });
    }

    /// In words, and whether it is as it must be.
    pub fn verdict(&self, must_be: Growth) -> (String, bool) {
        match must_be {
            Growth::Linear => {
                let slope = self.slope();
                (format!("slope {slope:.2} at the upper end, at most {LINEAR}"), slope <= LINEAR)
            }
            Growth::Flat => {
                let rise = self.rise();
                (format!("it rises {rise:.2} times, at most {FLAT}"), rise <= FLAT)
            }
        }
    }

    /// The exponent of growth over the last two decades: that of a straight line fitted to the logarithms.
    fn slope(&self) -> f64 {
        let last = self.points.last().unwrap().x;
        let logarithms: Vec<(f64, f64)> = self
            .points
            .iter()
            .filter(|point| point.x * 100 >= last)
            .map(|point| ((point.x as f64).ln(), point.cost.processor.ln()))
            .collect();
        let mean = |of: fn(&(f64, f64)) -> f64| logarithms.iter().map(of).sum::<f64>() / logarithms.len() as f64;
        let (x, y) = (mean(|at| at.0), mean(|at| at.1));
        let both: f64 = logarithms.iter().map(|at| (at.0 - x) * (at.1 - y)).sum();
        both / logarithms.iter().map(|at| (at.0 - x).powi(2)).sum::<f64>()
    }

    /// How many times as much as at any smaller size it is at most.
    fn rise(&self) -> f64 {
        let mut lowest = f64::MAX;
        let rises = self.points.iter().map(|point| {
            lowest = lowest.min(point.cost.processor);
            point.cost.processor / lowest
        });
        rises.fold(1.0, f64::max)
    }
}
