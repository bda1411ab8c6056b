//! `doctor`: whether the hooks stand; `--repair` and `--remove` are also how `install.sh` installs.

use super::{Common, Outcome, output::Output};
use crate::Undecided;
use clap::Args;
use std::path::PathBuf;

/// Looks after the hooks of an installation, in every repository.
///
/// What is installed is in `installed.toml` in the folder of the configuration, which `install.sh` writes.
#[derive(Args, Debug)]
pub(super) struct Arguments {
    /// The folder of the configuration
    #[arg(long, value_name = "DIR", default_value = "/etc/countersign")]
    config: PathBuf,
    /// A bare repository, or a folder in which they are; may be given several times [default: what was installed]
    #[arg(long, value_name = "DIR")]
    repos: Vec<PathBuf>,
    /// Puts every hook there that is missing or not as it is to be. Exit status 1 if one could not be
    #[arg(long)]
    repair: bool,
    /// Takes every hook away, and puts former ones back. Exit status 1 if one could not be
    #[arg(long, conflicts_with = "repair")]
    remove: bool,
    /// Says what would be done, and changes nothing
    #[arg(long)]
    dry_run: bool,
    /// Another manifest than that of the configuration
    #[arg(long, hide = true, value_name = "FILE")]
    manifest: Option<PathBuf>,
    /// Declares that what is there is received now, in repositories of which nothing is recorded
    #[arg(long, hide = true, requires = "repair")]
    adopt: bool,
    /// Only says whether there is a repository, or whether the program can decide in one
    #[arg(long, hide = true, value_name = "WHAT", conflicts_with_all = ["repair", "remove"])]
    probe: Option<String>,
}

pub(super) fn run(_: &Common, _: &Arguments, _: &mut Output) -> Result<Outcome, Undecided> {
    Ok(Outcome::Usage)
}
