//! `completions` and `man`, made from the same definitions as the commands.

use super::{Arguments, Outcome, output::Output};
use crate::Undecided;
use clap::{Args, CommandFactory};
use clap_complete::Shell;
use std::path::PathBuf;

#[derive(Args, Debug)]
pub(super) struct Completions {
    /// The shell
    shell: Shell,
}

/// Writes roff; read it with `countersign man | man -l -`.
#[derive(Args, Debug)]
pub(super) struct Man {
    /// The command whose page is wanted, such as `policy check` [default: countersign itself]
    command: Vec<String>,
    /// Writes the pages of all commands into this folder, as packages hold them: countersign-policy-check.1
    #[arg(long, value_name = "DIR", conflicts_with = "command")]
    to: Option<PathBuf>,
}

pub(super) fn completions(arguments: &Completions, output: &mut Output) -> Result<Outcome, Undecided> {
    let mut script = Vec::new();
    clap_complete::generate(arguments.shell, &mut Arguments::command(), "countersign", &mut script);
    output.write(&String::from_utf8_lossy(&script))?;
    Ok(Outcome::Good)
}

pub(super) fn man(arguments: &Man, output: &mut Output) -> Result<Outcome, Undecided> {
    let mut command = Arguments::command();
    if let Some(folder) = &arguments.to {
        let written = clap_mangen::generate_to(command, folder);
        written.map_err(|error| Undecided::server(format!("writing manual pages to {}", folder.display()), error))?;
        return Ok(Outcome::Good);
    }
    command.build();
    for name in &arguments.command {
        let Some(found) = command.find_subcommand(name) else {
            super::output::tell("error: there is no such command; `countersign --help` lists them\n");
            return Ok(Outcome::Usage);
        };
        command = found.clone();
    }
    let mut page = Vec::new();
    let rendered = clap_mangen::Man::new(command).render(&mut page);
    rendered.map_err(|error| Undecided::server("writing the manual page", error))?;
    output.write(&String::from_utf8_lossy(&page))?;
    Ok(Outcome::Good)
}
