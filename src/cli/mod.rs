//! The command line: one file a command.
#![expect(clippy::disallowed_methods, reason = "the edge: clock, environment and disk enter here")]

mod approve;
mod diff;
mod doctor;
mod evidence;
mod explain;
mod hook;
mod install;
mod judge;
mod kept;
mod ledger;
mod log;
mod manual;
mod output;
mod place;
mod policy;
mod progress;
mod registry;
mod replay;
mod rollback;
mod site;
mod verify;

use crate::{error::Undecided, report};
use clap::{Args, CommandFactory, Parser, Subcommand, ValueEnum};
use output::Output;
use std::{path::PathBuf, process::ExitCode};

/// Lets nothing reach a protected branch or tag unless people who are allowed to have signed it.
///
/// Countersign is a hook for Git servers. It reads the pushed commits and tags, verifies their OpenPGP and SSH signatures
/// against a registry of allowed signers, and applies the rules of a policy.
///
/// Exit status: 0 accepted or good, 1 refused or not good, 2 usage, 3 could not decide (the push is refused).
#[derive(Parser, Debug)]
#[command(name = "countersign", version, max_term_width = 100)]
pub struct Arguments {
    #[command(flatten)]
    common: Common,
    #[command(subcommand)]
    command: Option<Command>,
}

/// Options that mean the same everywhere.
#[derive(Args, Debug)]
struct Common {
    /// The policy; it alone [default: /etc/countersign/policy.toml and <git dir>/countersign/policy.toml, both must accept]
    #[arg(long, global = true, value_name = "FILE")]
    policy: Option<PathBuf>,
    /// The repository [default: GIT_DIR, else the one around the working directory]
    #[arg(long, global = true, value_name = "DIR")]
    repo: Option<PathBuf>,
    /// How results are written
    #[arg(long, global = true, value_enum, default_value_t = Form::Human)]
    format: Form,
    /// A group that may write policy and registry; may be given several times
    #[arg(long = "allow-group", global = true, value_name = "NAME")]
    allow_groups: Vec<String>,
    /// Where to log: a file, or `journald`; the level is in COUNTERSIGN_LOG [default: off in hooks, else standard error]
    #[arg(long, global = true, value_name = "FILE|journald")]
    log: Option<PathBuf>,
}

#[derive(Clone, Copy, PartialEq, Eq, Debug, ValueEnum)]
enum Form {
    /// For people
    Human,
    /// For programs, with a `schema` version
    Json,
    /// `verify` only: `<id> <status> <format> <fingerprint> <signer>`, `-` where there is none
    Porcelain,
    /// `ledger emergencies` only: RFC 4180, for spreadsheets
    Csv,
    /// `ledger emergencies` and `ledger report` only: one page that needs nothing beside itself
    Html,
    /// `doctor` only: Prometheus' text format, for node_exporter's textfile collector
    Prometheus,
}

impl Form {
    /// Whether every command has it.
    fn is_usual(self) -> bool {
        matches!(self, Self::Human | Self::Json)
    }
}

#[derive(Subcommand, Debug)]
enum Command {
    /// Judges a push from inside a Git server's hook
    Hook(hook::Arguments),
    /// Judges ref updates on an existing repository, as a hook would
    Judge(judge::Arguments),
    /// Checks signatures of commits and tags against the registry
    Verify(verify::Arguments),
    /// Checks, explains and installs policies
    #[command(subcommand)]
    Policy(policy::Commands),
    /// Checks and lists the registry of signers
    #[command(subcommand)]
    Registry(registry::Commands),
    /// Asks the record of what was decided, and adds to it what is there already
    #[command(subcommand)]
    Ledger(ledger::Commands),
    Approve(approve::Arguments),
    Doctor(doctor::Arguments),
    /// Writes a completion script for a shell
    Completions(manual::Completions),
    /// Writes the manual page
    Man(manual::Man),
}

/// The command line of a hook alone, which is read without building that of all the others first: a push waits for it.
#[derive(Parser, Debug)]
#[command(name = "countersign", disable_help_subcommand = true)]
struct HookArguments {
    #[command(flatten)]
    common: Common,
    #[command(subcommand)]
    command: HookCommand,
}

#[derive(Subcommand, Debug)]
enum HookCommand {
    Hook(hook::Arguments),
}

/// How a command ended that could find out what it was asked.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum Outcome {
    /// Accepted, or all is good.
    Good,
    /// Refused, or something is not good.
    NotGood,
    /// The arguments do not fit together.
    Usage,
    /// `doctor` only, whose exit statuses are those of monitoring plugins.
    Critical,
    /// The same.
    Unknown,
}

/// Runs the command that the process was started with.
pub fn main() -> ExitCode {
    // What is wrong with it, or asks for help, is told below.
    if let Ok(HookArguments { common, command: HookCommand::Hook(hook) }) = HookArguments::try_parse() {
        return hook::run(&common, &hook);
    }
    let arguments = match Arguments::try_parse() {
        Ok(arguments) => arguments,
        Err(error) => {
            let help = !error.use_stderr();
            // Where nobody reads, there is nobody to tell.
            let _ = error.print();
            return ExitCode::from(if help { 0 } else { 2 });
        }
    };
    let result = match &arguments.command {
        Some(Command::Hook(hook)) => return hook::run(&arguments.common, hook),
        // As a hook without its arguments (a link to the program will do), this must not look like an accepted push.
        None if std::env::var_os("GIT_DIR").is_some() => return hook::without_arguments(),
        command => log::start(&arguments.common, log::Default::StandardError)
            .and_then(|()| run(&arguments.common, command.as_ref())),
    };
    status(&result)
}

fn run(common: &Common, command: Option<&Command>) -> Result<Outcome, Undecided> {
    let mut output = Output::standard();
    let outcome = match command {
        None => output.write(&Arguments::command().render_help().to_string()).map(|()| Outcome::Good),
        Some(Command::Hook(_)) => Ok(Outcome::Usage),
        Some(Command::Judge(arguments)) => judge::run(common, arguments, &mut output),
        Some(Command::Verify(arguments)) => verify::run(common, arguments, &mut output),
        Some(Command::Policy(commands)) => policy::run(common, commands, &mut output),
        Some(Command::Registry(commands)) => registry::run(common, commands, &mut output),
        Some(Command::Ledger(commands)) => ledger::run(common, commands, &mut output),
        Some(Command::Approve(arguments)) => approve::run(common, arguments, &mut output),
        Some(Command::Doctor(arguments)) => doctor::run(common, arguments, &mut output),
        Some(Command::Completions(arguments)) => manual::completions(arguments, &mut output),
        Some(Command::Man(arguments)) => manual::man(arguments, &mut output),
    }?;
    output.finish()?;
    Ok(outcome)
}

/// The one place where what a command found becomes its exit status.
fn status(result: &Result<Outcome, Undecided>) -> ExitCode {
    ExitCode::from(match result {
        Ok(Outcome::Good) => 0,
        Ok(Outcome::NotGood) => 1,
        Ok(Outcome::Usage | Outcome::Critical) => 2,
        Ok(Outcome::Unknown) => 3,
        Err(undecided) => {
            output::tell(&report::undecided_command(undecided));
            3
        }
    })
}
