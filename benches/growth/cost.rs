//! What a process used.

use crate::server;
use std::{io::Read as _, process::Command, time::Instant};
use wait4::Wait4 as _;

/// What one hook took, in seconds.
#[derive(Clone, Copy)]
pub struct Cost {
    /// Of all its threads, in user and kernel mode; counted in microseconds.
    pub processor: f64,
    /// From its start to its end.
    pub elapsed: f64,
}

/// Of a hook that must accept.
pub fn of_hook(mut hook: Command, lines: &str) -> Cost {
    let begin = Instant::now();
    let mut running = server::start(&mut hook, lines);
    let mut told = String::new();
    running.stderr.take().unwrap().read_to_string(&mut told).unwrap();
    let ended = running.wait4().unwrap();
    let elapsed = begin.elapsed().as_secs_f64();
    assert!(ended.status.success(), "{hook:?}: {told}");
    Cost { processor: (ended.rusage.utime + ended.rusage.stime).as_secs_f64(), elapsed }
}
