//! `judge`: a hook's judgement, on what is there already.

use super::{
    Common, Form, Outcome,
    kept::Kept,
    output::{Output, tell},
    place::{Files, now, repository},
};
use crate::{
    Undecided,
    policy::Verdict,
    push::{Evidence, Push, parse_arguments, parse_lines},
    report::{self, InForce, Judged},
    run::{self, Case},
};
use clap::Args;
use std::{
    ffi::OsString,
    io::{Read, stdin},
    os::unix::ffi::OsStrExt,
};

/// Judges ref updates as a hook would; nothing is changed.
#[derive(Args, Debug)]
pub(super) struct Arguments {
    /// `REF OLD NEW`, as often as needed; without, lines `old new ref` are read from standard input
    #[arg(value_name = "REF OLD NEW")]
    updates: Vec<OsString>,
}

pub(super) fn run(common: &Common, arguments: &Arguments, output: &mut Output) -> Result<Outcome, Undecided> {
    let triples = arguments.updates.chunks_exact(3);
    if !triples.remainder().is_empty() || !common.format.is_usual() {
        tell("error: `judge` takes `REF OLD NEW`, three words an update, and `--format human` or `json`\n");
        return Ok(Outcome::Usage);
    }
    let repository = repository(common)?;
    let format = repository.format();
    let push: Push = if arguments.updates.is_empty() {
        let mut input = Vec::new();
        stdin().lock().read_to_end(&mut input).map_err(|error| Undecided::server("reading standard input", error))?;
        parse_lines(&input, format)
    } else {
        let updates: Vec<[&[u8]; 3]> = triples
            .filter_map(|triple| match triple {
                [name, old, new] => Some([name.as_bytes(), old.as_bytes(), new.as_bytes()]),
                _ => None,
            })
            .collect();
        parse_arguments(&updates, format)
    }
    .map_err(|error| Undecided::pusher("reading the ref updates", error))?;
    let policies = Files::new(common)?.policies(common, repository.git_dir())?;
    let ledger = Kept::to_read(common, &repository, &policies)?;
    let memory = ledger.memory()?;
    let case = Case {
        push: &push,
        evidence: &Evidence::default(),
        repository: &repository,
        policies: &policies,
        place: &ledger.place,
        memory: memory.as_ref(),
        now: now()?,
        is_pending: false,
    };
    let (verdict, _) = run::judge(&case)?;
    let in_force = policies.iter().map(|loaded| InForce { path: &loaded.path, policy: &loaded.policy }).collect();
    let judged = Judged { push: &push, policies: in_force, first_record: None };
    match common.format {
        Form::Json => output.line(&report::verdict(&verdict, &judged).to_string())?,
        Form::Human | Form::Porcelain | Form::Csv | Form::Html | Form::Prometheus => {
            tell(&report::refusals(&verdict, &judged));
            output.line(match verdict {
                Verdict::Accepted(_) => "accepted",
                Verdict::Refused(_) => "refused",
            })?;
        }
    }
    Ok(match verdict {
        Verdict::Accepted(_) => Outcome::Good,
        Verdict::Refused(_) => Outcome::NotGood,
    })
}
