//! What an installation on a Git server is: which server, which repositories, which hook file in each, and whether it stands.
//! `doctor` looks at it and mends it; `install.sh` has it made so. No hook comes here.

mod accounts;
mod hook_file;
mod lines;
mod manifest;
mod problem;
mod remove;
mod repair;
mod repositories;
mod server;
mod settings;
mod shared;
mod text;
mod trial;

pub(in crate::cli) use accounts::{Account, Accounts, is_program};
pub(in crate::cli) use hook_file::{HookFile, Standing};
pub(in crate::cli) use manifest::Manifest;
pub(in crate::cli) use problem::{Problem, find_problem};
pub(in crate::cli) use repair::Task;
pub(in crate::cli) use repositories::{Found, Repository, walk};
pub(in crate::cli) use server::Server;
pub(in crate::cli) use settings::Settings;
pub(in crate::cli) use text::{Call, compose, compose_vref, quoted};
