//! `hook`: what git runs.

mod deadline;
mod listener;
mod outcome;

use super::{
    Common, evidence,
    kept::{self, place_of},
    log,
    output::tell,
    place::{Files, git_dir, now},
};
use crate::{
    Undecided,
    bounds::Bounds,
    git::{Quarantine, Repository},
    ledger::{Ledger, RecordedPush},
    policy::Verdict,
    push::{Push, Timestamp, parse_arguments, parse_lines},
    report::{self, Dialect, InForce, Judged},
    run::{self, Case, Entries, Loaded},
};
use clap::{Args, Subcommand};
use deadline::Deadline;
pub(super) use deadline::duration;
use listener::somebody_listens;
use std::{
    env,
    ffi::OsString,
    io::{Read, stdin},
    mem::ManuallyDrop,
    os::unix::ffi::{OsStrExt, OsStringExt},
    path::{Path, PathBuf},
    process::ExitCode,
    time::{Duration, Instant},
};

#[derive(Args, Debug)]
pub(super) struct Arguments {
    #[command(subcommand)]
    hook: Hook,
    /// Refuse a push that is not decided by then: nginx gives up at 60 s, and git would still update the ref
    #[arg(long, global = true, value_name = "TIME", default_value = "50s", value_parser = duration)]
    deadline: Duration,
}

#[derive(Subcommand, Debug)]
enum Hook {
    /// Reads `old new ref` lines on standard input, and judges the push as one
    PreReceive,
    /// Judges one ref, from git's `update` hook
    Update {
        /// The full name of the ref
        name: OsString,
        /// The value it has; zeroes if it does not exist
        old: OsString,
        /// The value it gets; zeroes to delete it
        new: OsString,
    },
    /// Reads `old new ref` lines on standard input, and records that these updates were done
    PostReceive,
    /// Records what a transaction of refs did, from git's `reference-transaction` hook
    ReferenceTransaction {
        /// Of the transaction: only `committed` says that something was done
        state: OsString,
    },
}

/// Judges, records, tells the pusher, and exits 0 only with an accepted push that is recorded.
pub(super) fn run(common: &Common, arguments: &Arguments) -> ExitCode {
    exit_undecided_on_panic();
    let asked = match &arguments.hook {
        Hook::PostReceive => return outcome::record(common, outcome::Told::PostReceive),
        Hook::ReferenceTransaction { state } => {
            return outcome::record(common, outcome::Told::Transaction(state.as_bytes()));
        }
        Hook::PreReceive => Asked::PreReceive,
        Hook::Update { name, old, new } => Asked::Update([name.as_bytes(), old.as_bytes(), new.as_bytes()]),
    };
    let decided = decide(common, arguments.deadline, asked);
    ExitCode::from(match decided {
        Ok(Decided { verdict: Recorded::InLedger(push), told: true }) if push.is_accepted() => 0,
        Ok(Decided { verdict: Recorded::InLedger(push), .. }) if !push.is_accepted() => 1,
        Ok(Decided { verdict: Recorded::Refused, .. }) => 1,
        // The client is gone: what it was to be told never arrived.
        Ok(Decided { .. }) => 3,
        Err(Untold { undecided, dialect }) => {
            tell(&dialect.spoken(&report::undecided(&undecided)));
            3
        }
    })
}

/// A hook that runs the program and names no command.
pub(super) fn without_arguments() -> ExitCode {
    let fault = Undecided::server(
        "starting the hook",
        "git runs `countersign` without a command; the hook has to run `countersign hook pre-receive`",
    );
    tell(&report::undecided(&fault));
    ExitCode::from(3)
}

/// What git asks to be judged.
#[derive(Clone, Copy)]
enum Asked<'a> {
    /// The push as a whole.
    PreReceive,
    /// One ref: name, old and new value.
    Update([&'a [u8]; 3]),
}

struct Decided {
    verdict: Recorded,
    told: bool,
}

/// Whether there is a record of what was decided.
enum Recorded {
    InLedger(RecordedPush),
    /// A refusal stands also where it could not be recorded.
    Refused,
}

/// What could not be decided, and in which dialect the pusher is to be told so.
struct Untold {
    undecided: Undecided,
    dialect: Dialect,
}

impl From<Undecided> for Untold {
    fn from(undecided: Undecided) -> Self {
        Self { undecided, dialect: Dialect::Plain }
    }
}

fn decide(common: &Common, deadline: Duration, asked: Asked<'_>) -> Result<Decided, Untold> {
    let deadline = Deadline::start(deadline)?;
    log::start(common, log::Default::Nowhere)?;
    let logged = |undecided: &Undecided| tracing::error!(%undecided, "could not decide");
    let git_dir = git_dir(common).inspect_err(logged)?;
    // One log may serve many repositories; git calls each of them `.`.
    let place = git_dir.canonicalize().unwrap_or_else(|_| git_dir.clone());
    let _span = tracing::error_span!("push", repository = ?place).entered();
    decide_in(&git_dir, deadline, common, asked).inspect_err(|untold| logged(&untold.undecided))
}

fn decide_in(git_dir: &Path, deadline: Deadline, common: &Common, asked: Asked<'_>) -> Result<Decided, Untold> {
    if env::var_os("GIT_NAMESPACE").is_some_and(|namespace| !namespace.is_empty()) {
        return Err(Untold::from(Undecided::server(
            "reading the push",
            "GIT_NAMESPACE is set: the refs are not what they are called",
        )));
    }
    // The process ends with the verdict: to take apart what it holds would only cost time.
    let (repository, push) = read_push(asked, git_dir)?;
    let (repository, push) = (ManuallyDrop::new(repository), ManuallyDrop::new(push));
    let files = Files::new(common)?;
    let policies = ManuallyDrop::new(files.policies_in_hook(common, git_dir)?);
    let dialect = Dialect::of(policies.iter().map(|loaded| &loaded.policy));
    let court = Court { repository: &repository, push: &push, policies: &policies, files: &files, dialect };
    let decided = court.decide(asked, deadline);
    decided.and_then(|decided| deadline.check().map(|()| decided)).map_err(|undecided| Untold { undecided, dialect })
}

/// Where a push is judged, recorded and told of.
struct Court<'a> {
    repository: &'a Repository,
    push: &'a Push,
    policies: &'a [Loaded],
    files: &'a Files,
    dialect: Dialect,
}

impl Court<'_> {
    fn decide(&self, asked: Asked<'_>, deadline: Deadline) -> Result<Decided, Undecided> {
        let now = now()?;
        let place = place_of(self.repository)?;
        let begin = Instant::now();
        let mut ledger = kept::open_in_hook(self.policies, self.files, now)?;
        run::settle(&mut ledger, &place, self.repository, &clock(now))?;
        let opened = begin.elapsed();
        let evidence = match asked {
            Asked::PreReceive => evidence::of_pre_receive(self.repository)?,
            Asked::Update(_) => evidence::of_update()?,
        };
        let (push, repository, policies) = (self.push, self.repository, self.policies);
        let case = Case {
            push,
            evidence: &evidence,
            repository,
            policies,
            place: &place,
            memory: None,
            now,
            is_pending: true,
        };
        let judged = {
            let memory = ledger.memory(&place)?;
            self.judge(&Case { memory: Some(&memory), ..case }, &ledger)
        };
        let decided = judged.and_then(|(verdict, entries)| {
            deadline.check()?;
            log::took(begin.elapsed() - opened, opened, || self.record(verdict, &entries, &mut ledger, now))
        });
        decided.inspect_err(|undecided| {
            if let Err(unrecorded) =
                Entries::undecided(&case, undecided).write(self.repository, &mut ledger, &clock(now))
            {
                tracing::error!(%unrecorded, "could not record that the push could not be decided");
            }
        })
    }

    /// The verdict, and what is to be recorded of it.
    fn judge(&self, case: &Case<'_>, ledger: &Ledger) -> Result<(Verdict, Entries), Undecided> {
        let (verdict, account) = run::judge(case)?;
        let described = report::findings(&verdict, &self.judged(None));
        let entries = Entries::of(case, &verdict, &account, &described, ledger, self.files.trusted())?;
        Ok((verdict, entries))
    }

    /// Makes the record durable, then tells the pusher.
    fn record(
        &self,
        verdict: Verdict,
        entries: &Entries,
        ledger: &mut Ledger,
        now: Timestamp,
    ) -> Result<Decided, Undecided> {
        log::verdict(&verdict, &self.judged(None));
        let refused = matches!(verdict, Verdict::Refused(_));
        let (text, verdict) = match entries.write_verdict(verdict, self.repository, ledger, &clock(now)) {
            Ok(push) => {
                let judged = self.judged(Some(push.first_decision()));
                let mut text = report::refusals(push.verdict(), &judged) + &report::waivers(push.verdict(), &judged);
                text.extend(entries.settled().map(|(record, rule)| report::settled(record, rule)));
                if push.is_accepted() {
                    let appended = push.appended();
                    let numbers = push.first_decision()..=appended.last;
                    text += &report::recorded(numbers, ledger.origin(), appended.size, &appended.root.to_string());
                }
                (text, Recorded::InLedger(push))
            }
            Err(failed) if refused => {
                let (verdict, unrecorded) = *failed;
                let text = report::refusals(&verdict, &self.judged(None)) + &report::unrecorded(&unrecorded);
                (text, Recorded::Refused)
            }
            Err(failed) => return Err(failed.1),
        };
        let told = tell(&self.dialect.spoken(&text)) && somebody_listens();
        Ok(Decided { verdict, told })
    }

    fn judged(&self, first_record: Option<u64>) -> Judged<'_> {
        let in_force = self.policies.iter().map(|loaded| InForce { path: &loaded.path, policy: &loaded.policy });
        Judged { push: self.push, policies: in_force.collect(), first_record }
    }
}

/// The clock, when the ledger can be written; it was read once already.
fn clock(earlier: Timestamp) -> impl Fn() -> Timestamp {
    move || now().unwrap_or(earlier)
}

fn read_push(asked: Asked<'_>, git_dir: &Path) -> Result<(Repository, Push), Undecided> {
    match asked {
        Asked::PreReceive => {
            let repository = Repository::open(git_dir, &quarantine())?;
            let push = read_lines(&repository)?;
            Ok((repository, push))
        }
        Asked::Update(update) => {
            // By now the objects are where they stay.
            let repository =
                Repository::open(git_dir, &Quarantine { shallow_file: shallow_file(), ..Quarantine::default() })?;
            let push = parse_arguments(&[update], repository.format()).map_err(malformed)?;
            Ok((repository, push))
        }
    }
}

/// The lines `old new ref` on standard input.
fn read_lines(repository: &Repository) -> Result<Push, Undecided> {
    parse_lines(&input()?, repository.format()).map_err(malformed)
}

fn input() -> Result<Vec<u8>, Undecided> {
    let mut input = Vec::new();
    let read = stdin().lock().take(Bounds::INPUT + 1).read_to_end(&mut input);
    let length = read.map_err(|error| Undecided::server("reading standard input", error))?;
    if u64::try_from(length).map_or(true, |length| length > Bounds::INPUT) {
        return Err(Undecided::pusher("reading the ref updates", "there are too many; push fewer refs at once"));
    }
    Ok(input)
}

fn malformed(error: impl std::error::Error + Send + Sync + 'static) -> Undecided {
    Undecided::server("reading the ref updates that git states", error)
}

/// What receive-pack sets for the hook (git's tmp-objdir.c); absent for a pure deletion.
fn quarantine() -> Quarantine {
    Quarantine {
        objects: env::var_os("GIT_OBJECT_DIRECTORY").filter(|path| !path.is_empty()).map(PathBuf::from),
        alternates: env::var_os("GIT_ALTERNATE_OBJECT_DIRECTORIES").unwrap_or_default().into_vec(),
        shallow_file: shallow_file(),
    }
}

/// Set by receive-pack for every hook of a push that brings a shallow boundary.
fn shallow_file() -> Option<PathBuf> {
    env::var_os("GIT_SHALLOW_FILE").filter(|path| !path.is_empty()).map(PathBuf::from)
}

/// A panic is a fault of ours; it must not look like a verdict.
fn exit_undecided_on_panic() {
    std::panic::set_hook(Box::new(|panic| {
        let fault = Undecided::server("judging the push", format!("a fault in countersign: {panic}"));
        tell(&report::undecided(&fault));
        #[expect(clippy::exit, reason = "no thread may go on and reach an accepting exit status")]
        std::process::exit(3);
    }));
}
