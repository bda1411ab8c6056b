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

/// What is compared.
pub struct Contest<'a> {
    /// What the others are compared with.
    pub base: Box<dyn Fn() -> Cost + 'a>,
    pub hook: Box<dyn Fn() -> Cost + 'a>,
    /// The hook, but that it records nothing.
    pub judging: Option<Box<dyn Fn() -> Cost + 'a>>,
    /// Another program's hook.
    pub other: Option<Box<dyn Fn() -> Cost + 'a>>,
}

/// What came of it.
#[derive(Default)]
pub struct Costs {
    pub base: Vec<Cost>,
    pub hook: Vec<Cost>,
    pub judging: Vec<Cost>,
    pub other: Vec<Cost>,
}

impl Contest<'_> {
    /// Each contender once a round, after one round that does not count. Every other round has the reverse order, so that a
    /// machine that grows slower or faster favours none.
    pub fn run(&self, rounds: usize) -> Costs {
        let mut counted = Costs::default();
        self.round(&mut Costs::default(), true);
        for round in 0..rounds {
            self.round(&mut counted, round % 2 == 0);
        }
        counted
    }

    fn round(&self, costs: &mut Costs, forward: bool) {
        let mut contenders = vec![(&self.base, &mut costs.base), (&self.hook, &mut costs.hook)];
        contenders.extend(self.judging.as_ref().map(|judging| (judging, &mut costs.judging)));
        contenders.extend(self.other.as_ref().map(|other| (other, &mut costs.other)));
        if !forward {
            contenders.reverse();
        }
        for (contender, costs) in contenders {
            costs.push(contender());
        }
    }
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
