//! `hook pre-receive` and `hook update`: what git runs.

use super::{
    Common, evidence, log,
    output::tell,
    place::{Files, git_dir, now},
};
use crate::{
    Undecided,
    bounds::Bounds,
    git::{Quarantine, Repository},
    policy::Verdict,
    push::{Push, Timestamp, parse_arguments, parse_lines},
    report::{self, Dialect, InForce, Judged},
    run::{self, Loaded},
};
use clap::{Args, Subcommand};
use std::{
    env,
    ffi::OsString,
    io::{Read, stdin},
    os::unix::ffi::{OsStrExt, OsStringExt},
    path::{Path, PathBuf},
    process::ExitCode,
    thread,
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
}

/// Judges, tells the pusher, and exits 0 only with an accepted push.
pub(super) fn run(common: &Common, arguments: &Arguments) -> ExitCode {
    exit_undecided_on_panic();
    let decided = decide(common, arguments);
    ExitCode::from(match decided {
        Ok(Decided { verdict: Verdict::Accepted(_), told: true }) => 0,
        Ok(Decided { verdict: Verdict::Refused(_), .. }) => 1,
        // The client is gone: what it was to be told never arrived.
        Ok(Decided { verdict: Verdict::Accepted(_), told: false }) => 3,
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

struct Decided {
    verdict: Verdict,
    told: bool,
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

fn decide(common: &Common, arguments: &Arguments) -> Result<Decided, Untold> {
    let deadline = Deadline::start(arguments.deadline)?;
    log::start(common, log::Default::Nowhere)?;
    let logged = |undecided: &Undecided| tracing::error!(%undecided, "could not decide");
    let git_dir = git_dir(common).inspect_err(logged)?;
    // One log may serve many repositories; git calls each of them `.`.
    let place = git_dir.canonicalize().unwrap_or_else(|_| git_dir.clone());
    let _span = tracing::error_span!("push", repository = ?place).entered();
    decide_in(&git_dir, deadline, common, arguments).inspect_err(|untold| logged(&untold.undecided))
}

fn decide_in(git_dir: &Path, deadline: Deadline, common: &Common, arguments: &Arguments) -> Result<Decided, Untold> {
    if env::var_os("GIT_NAMESPACE").is_some_and(|namespace| !namespace.is_empty()) {
        return Err(Untold::from(Undecided::server(
            "reading the push",
            "GIT_NAMESPACE is set: the refs are not what they are called",
        )));
    }
    let (repository, push) = read_push(&arguments.hook, git_dir)?;
    let now = now()?;
    let policies = Files::new(common)?.policies(common, git_dir)?;
    let dialect = Dialect::of(policies.iter().map(|loaded| &loaded.policy));
    let decided = judge_and_tell(&arguments.hook, &repository, &push, &policies, now, dialect);
    decided.and_then(|decided| deadline.check().map(|()| decided)).map_err(|undecided| Untold { undecided, dialect })
}

fn judge_and_tell(
    hook: &Hook,
    repository: &Repository,
    push: &Push,
    policies: &[Loaded],
    now: Timestamp,
    dialect: Dialect,
) -> Result<Decided, Undecided> {
    let evidence = match hook {
        Hook::PreReceive => evidence::of_pre_receive(repository)?,
        Hook::Update { .. } => evidence::of_update()?,
    };
    let verdict = run::judge(push, &evidence, repository, policies, now)?;
    let in_force = policies.iter().map(|loaded| InForce { path: &loaded.path, policy: &loaded.policy }).collect();
    let judged = Judged { push, policies: in_force };
    log::verdict(&verdict, &judged);
    let text = dialect.spoken(&report::refusals(&verdict, &judged));
    let told = (text.is_empty() || tell(&text)) && somebody_listens();
    Ok(Decided { verdict, told })
}

fn read_push(hook: &Hook, git_dir: &Path) -> Result<(Repository, Push), Undecided> {
    let malformed = |error| Undecided::server("reading the ref updates that git states", error);
    match hook {
        Hook::PreReceive => {
            let repository = Repository::open(git_dir, &quarantine())?;
            let mut input = Vec::new();
            let read = stdin().lock().take(Bounds::INPUT + 1).read_to_end(&mut input);
            let length = read.map_err(|error| Undecided::server("reading standard input", error))?;
            if u64::try_from(length).map_or(true, |length| length > Bounds::INPUT) {
                return Err(Undecided::pusher(
                    "reading the ref updates",
                    "there are too many; push fewer refs at once",
                ));
            }
            let push = parse_lines(&input, repository.format()).map_err(malformed)?;
            Ok((repository, push))
        }
        Hook::Update { name, old, new } => {
            // By now the objects are where they stay.
            let repository =
                Repository::open(git_dir, &Quarantine { shallow_file: shallow_file(), ..Quarantine::default() })?;
            let update = [name.as_bytes(), old.as_bytes(), new.as_bytes()];
            let push = parse_arguments(&[update], repository.format()).map_err(malformed)?;
            Ok((repository, push))
        }
    }
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

/// How long the pusher may take to hear that the time is over.
const TELLING: Duration = Duration::from_secs(1);

/// Bytes of stack for the thread that watches the clock.
const WATCH_STACK: usize = 128 * 1024;

/// The moment at which a push that is not decided is refused. A thread waits for it, since what takes too long may be a
/// disk that does not answer.
#[derive(Clone, Copy)]
struct Deadline(Option<Instant>);

impl Deadline {
    fn start(after: Duration) -> Result<Self, Undecided> {
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

    fn check(self) -> Result<(), Undecided> {
        if self.0.is_some_and(|end| Instant::now() >= end) { Err(over()) } else { Ok(()) }
    }
}

fn over() -> Undecided {
    Undecided::server("judging the push", "the time for it is over (`--deadline`)")
}

/// Whether standard output and standard error still lead to somebody. A closed one is reopened by Rust's start-up as
/// `/dev/null` for reading and writing; a pipe whose reader went away says so when asked.
fn somebody_listens() -> bool {
    use rustix::{
        event::{PollFd, PollFlags, Timespec, poll},
        fs::{OFlags, fcntl_getfl, fstat},
        stdio::{stderr, stdout},
    };
    let reopened = |stream| {
        let null = rustix::fs::stat("/dev/null").map(|null| null.st_rdev);
        let same = matches!((fstat(stream), null), (Ok(own), Ok(null)) if own.st_rdev == null);
        same && fcntl_getfl(stream).is_ok_and(|flags| flags & OFlags::RWMODE == OFlags::RDWR)
    };
    if reopened(stdout()) {
        return false;
    }
    let (out, err) = (stdout(), stderr());
    let mut streams = [PollFd::new(&out, PollFlags::OUT), PollFd::new(&err, PollFlags::OUT)];
    let at_once = Timespec { tv_sec: 0, tv_nsec: 0 };
    poll(&mut streams, Some(&at_once)).is_ok()
        && streams.iter().all(|stream| !stream.revents().intersects(PollFlags::ERR | PollFlags::NVAL))
}

/// `50s`, `2m`, `500ms`.
fn duration(text: &str) -> Result<Duration, String> {
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
