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

use super::{
    Common, Outcome,
    output::{Output, tell},
    place::Files,
    site::{Manifest, Task},
};
use crate::Undecided;
use clap::{Args, ValueEnum};
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
    /// It is the administrator who installs: what repositories of which nothing is recorded hold is received now
    #[arg(long, hide = true, requires = "repair")]
    installing: bool,
    /// Something was changed already
    #[arg(long, hide = true)]
    changed: bool,
    /// Only finds out one thing, and says nothing if it is so
    #[arg(long, hide = true, value_enum, conflicts_with_all = ["repair", "remove"])]
    probe: Option<Probe>,
}

/// What the installation has to know beforehand.
#[derive(Clone, Copy, PartialEq, Eq, Debug, ValueEnum)]
enum Probe {
    /// Whether there is any bare repository
    Repositories,
    /// Whether the program can decide in any of them
    Decides,
}

pub(super) fn run(common: &Common, arguments: &Arguments, output: &mut Output) -> Result<Outcome, Undecided> {
    if !arguments.repair && !arguments.remove && arguments.probe.is_none() {
        return told::run(common, arguments, output);
    }
    let files = Files::new(common)?;
    let manifest = match &arguments.manifest {
        Some(file) => Some(Manifest::read_file(file, files.trusted())?),
        None => Manifest::read(&arguments.config, files.trusted())?,
    };
    let Some(manifest) = manifest else {
        let doing = format!("looking for `{}`", arguments.config.join("installed.toml").display());
        return Err(Undecided::server(doing, "it is not there: nothing was installed with this configuration"));
    };
    let roots = if arguments.repos.is_empty() { &manifest.repositories } else { &arguments.repos };
    let task = Task {
        manifest: &manifest,
        config: &arguments.config,
        roots,
        dry_run: arguments.dry_run,
        installing: arguments.installing,
        changed: arguments.changed,
    };
    let is_good = match arguments.probe {
        Some(Probe::Repositories) => task.finds_one()?,
        Some(Probe::Decides) => match task.decides_in_one()? {
            Ok(()) => true,
            Err(told) => {
                tell(&String::from_utf8_lossy(&told));
                false
            }
        },
        None if arguments.remove => task.remove(output)?,
        None => task.repair(output)?,
    };
    Ok(if is_good { Outcome::Good } else { Outcome::NotGood })
}
