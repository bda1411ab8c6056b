//! `ledger`: what was recorded, asked and added to.

mod adopt;
mod checkpoint;
mod close;
mod emergencies;
mod export;
mod files;
mod head;
mod list;
mod prove;
mod publish;
mod register;
mod reindex;
mod report;
mod restore;
mod rotate;
mod show;
mod summary;
mod then;
mod trace;
mod verify;
mod witnessing;

use super::{
    Common, Form, Outcome,
    output::{Output, tell},
};
use crate::Undecided;
use clap::{Args, Subcommand};
use std::path::PathBuf;

#[derive(Subcommand, Debug)]
pub(super) enum Commands {
    List(list::Arguments),
    Show(show::Arguments),
    Trace(trace::Arguments),
    Emergencies(emergencies::Arguments),
    Report(report::Arguments),
    Adopt(adopt::Arguments),
    Verify(verify::Arguments),
    Checkpoint(checkpoint::Arguments),
    Prove(prove::Arguments),
    Export(export::Arguments),
    Publish(publish::Arguments),
    Restore(restore::Arguments),
    Reindex(reindex::Arguments),
    RotateKey(rotate::Arguments),
    Close(close::Arguments),
}

/// Which ledger.
#[derive(Args, Debug)]
pub(super) struct Place {
    /// The ledger's folder [default: that of the policy in force; outside a repository, of the site's]
    #[arg(long, value_name = "DIR")]
    ledger: Option<PathBuf>,
}

pub(super) fn run(common: &Common, commands: &Commands, output: &mut Output) -> Result<Outcome, Undecided> {
    let has = match common.format {
        Form::Human | Form::Json => true,
        Form::Prometheus => false,
        Form::Html => matches!(commands, Commands::Emergencies(_) | Commands::Report(_)),
        Form::Csv => matches!(commands, Commands::Emergencies(_)),
        Form::Porcelain => false,
    };
    if !has {
        tell(
            "error: `ledger` has `--format human` and `json`; `emergencies` also `csv` and `html`, `report` also `html`\n",
        );
        return Ok(Outcome::Usage);
    }
    match commands {
        Commands::List(arguments) => list::run(common, arguments, output),
        Commands::Show(arguments) => show::run(common, arguments, output),
        Commands::Trace(arguments) => trace::run(common, arguments, output),
        Commands::Emergencies(arguments) => emergencies::run(common, arguments, output),
        Commands::Report(arguments) => report::run(common, arguments, output),
        Commands::Adopt(arguments) => adopt::run(common, arguments, output),
        Commands::Verify(arguments) => verify::run(common, arguments, output),
        Commands::Checkpoint(arguments) => checkpoint::run(common, arguments, output),
        Commands::Restore(arguments) => restore::run(common, arguments, output),
        Commands::Reindex(arguments) => reindex::run(common, arguments, output),
        Commands::RotateKey(arguments) => rotate::run(common, arguments, output),
        Commands::Close(arguments) => close::run(common, arguments, output),
        Commands::Publish(arguments) => publish::run(common, arguments, output),
        Commands::Export(arguments) => export::run(common, arguments, output),
        Commands::Prove(arguments) => prove::run(common, arguments, output),
    }
}
