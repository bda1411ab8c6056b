//! `doctor`: whether the hooks stand; `--repair` and `--remove` are also how `install.sh` installs.

mod canary;
mod check;
mod examined;
mod exposition;
mod finding;
mod hooks;
mod identity;
mod installation;
mod layout;
mod refs;
mod settings;
mod told;

use super::{Common, Outcome, output::Output};
use crate::Undecided;
use clap::Args;
use std::path::PathBuf;

/// Looks after an installation: whether the hook is there in every repository, can decide, and whether anything got past it.
///
/// Exit status, as monitoring plugins have it: 0 ok, 1 warnings, 2 critical, 3 something could not be found out. Run it as root,
/// or as the user that the hook runs as.
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
    /// Pushes to each repository what has to be refused, and sees whether it is; each push is recorded
    #[arg(long, conflicts_with_all = ["repair", "remove"])]
    canary: bool,
    /// Leaves a warning out that is meant to be so, by its code; what is critical or unknown is told all the same
    #[arg(long, value_name = "CODE", conflicts_with_all = ["repair", "remove"])]
    ignore: Vec<String>,
    /// Writes what it finds there instead, whole or not at all, as node_exporter's textfile collector needs it
    #[arg(long, value_name = "FILE", conflicts_with_all = ["repair", "remove"])]
    output: Option<PathBuf>,
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

pub(super) fn run(common: &Common, arguments: &Arguments, output: &mut Output) -> Result<Outcome, Undecided> {
    if arguments.repair || arguments.remove || arguments.probe.is_some() {
        return Ok(Outcome::Usage);
    }
    told::run(common, arguments, output)
}
