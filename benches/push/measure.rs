//! Contenders in turn, what they cost, and by how much.

use std::{fs, time::Instant};

/// What something took, in seconds.
#[derive(Clone, Copy)]
pub struct Cost {
    pub elapsed: f64,
    /// Of all processes that it started, and theirs.
    pub processor: f64,
}

impl Cost {
    /// What this costs. Nothing else may have children that end meanwhile.
    pub fn of(what: impl FnOnce()) -> Self {
        let (begin, before) = (Instant::now(), processor_time());
        what();
        Self { elapsed: begin.elapsed().as_secs_f64(), processor: processor_time() - before }
    }
}

/// What children that have ended used, and theirs, in seconds (proc_pid_stat(5), cutime and cstime). The kernel counts in
/// nanoseconds, and shows hundredths: it is sums that say something.
fn processor_time() -> f64 {
    let stat = fs::read_to_string("/proc/self/stat").unwrap();
    let after_name = stat.rsplit_once(") ").unwrap().1;
    let fields: Vec<&str> = after_name.split(' ').collect();
    fields[13..15].iter().map(|field| field.parse::<f64>().unwrap() / 100.0).sum()
}

/// Each contender once a round, after one round that does not count. Every other round has the reverse order, so that a machine
/// that grows slower or faster favours none.
pub fn rounds<const N: usize>(count: usize, contenders: [&dyn Fn() -> Cost; N]) -> [Vec<Cost>; N] {
    let mut costs = contenders.map(|contender| {
        contender();
        Vec::with_capacity(count)
    });
    for round in 0..count {
        for place in 0..N {
            let place = if round % 2 == 0 { place } else { N - 1 - place };
            costs[place].push(contenders[place]());
        }
    }
    costs
}

/// One contender over another.
#[derive(Clone, Copy)]
pub struct Ratio {
    pub elapsed: f64,
    pub processor: f64,
}

impl Ratio {
    /// The median of what the rounds say; of processor time the sums, for what it is shown in.
    pub fn of(costs: &[Cost], over: &[Cost]) -> Self {
        let rounds = costs.iter().zip(over).map(|(cost, over)| cost.elapsed / over.elapsed);
        let sum = |costs: &[Cost]| costs.iter().map(|cost| cost.processor).sum::<f64>();
        Self { elapsed: median(rounds.collect()), processor: sum(costs) / sum(over).max(0.01) }
    }
}

pub fn median(mut numbers: Vec<f64>) -> f64 {
    numbers.sort_by(f64::total_cmp);
    numbers[numbers.len() / 2]
}
