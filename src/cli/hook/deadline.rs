//! The moment at which a push that is not decided is refused.

use crate::{Undecided, cli::output::tell, report};
use std::{
    thread,
    time::{Duration, Instant},
};

/// How long the pusher may take to hear that the time is over.
const TELLING: Duration = Duration::from_secs(1);

/// Bytes of stack for the thread that watches the clock.
const WATCH_STACK: usize = 128 * 1024;

/// The moment at which a push that is not decided is refused. A thread waits for it, since what takes too long may be a
/// disk that does not answer.
#[derive(Clone, Copy)]
pub(super) struct Deadline(Option<Instant>);

impl Deadline {
    pub(super) fn start(after: Duration) -> Result<Self, Undecided> {
        let watch = move || {
            thread::sleep(after);
            // A client that does not read keeps whoever tells it something waiting.
            let telling = thread::Builder::new().spawn(|| {
                tell(&report::undecided(&over()));
                std::process::exit(3);
            });
            if telling.is_ok() {
                thread::sleep(TELLING);
            }
            // The thread that judges may be stuck.
            std::process::exit(3);
        };
        let watching = thread::Builder::new().stack_size(WATCH_STACK).spawn(watch);
        watching.map_err(|error| Undecided::server("starting to watch the clock", error))?;
        Ok(Self(Instant::now().checked_add(after)))
    }

    pub(super) fn check(self) -> Result<(), Undecided> {
        if self.0.is_some_and(|end| Instant::now() >= end) { Err(over()) } else { Ok(()) }
    }
}

fn over() -> Undecided {
    Undecided::server("judging the push", "the time for it is over (`--deadline`)")
}

/// `50s`, `2m`, `500ms`.
pub(in crate::cli) fn duration(text: &str) -> Result<Duration, String> {
    let digits = text.find(|character: char| !character.is_ascii_digit()).unwrap_or(text.len());
    let (number, unit) = text.split_at(digits);
    let number: u64 = number.parse().map_err(|_| "a number and a unit, such as `50s`".to_owned())?;
    match unit {
        "ms" => Ok(Duration::from_millis(number)),
        "s" => Ok(Duration::from_secs(number)),
        "m" => number.checked_mul(60).map(Duration::from_secs).ok_or_else(|| "too long".to_owned()),
        _ => Err("the unit is one of `ms`, `s`, `m`".to_owned()),
    }
}
