//! One file per command: it reads its flags, calls a library, prints.

pub mod agreement;
mod statistics;

use std::process::ExitCode;

use crate::args::Command;

/// Runs the chosen command. An error means usage or environment: exit code 2.
pub fn run(command: Command) -> anyhow::Result<ExitCode> {
    match command {
        Command::Agreement(args) => agreement::run(args),
    }
}
