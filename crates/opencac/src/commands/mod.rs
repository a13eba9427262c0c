//! One file per command: it reads its flags, calls a library, prints.

pub mod agreement;
pub mod demo;
pub mod evaluate;
pub mod inspect;
pub mod model;
pub mod phantom;
pub mod score;
mod statistics;
pub mod survival;
pub mod train;

use std::process::ExitCode;

use crate::args::Command;

/// Runs the chosen command. An error means usage or environment: exit code 2.
pub fn run(command: Command) -> anyhow::Result<ExitCode> {
    match command {
        Command::Score(args) => score::run(*args),
        Command::Demo(args) => demo::run(&args),
        Command::Inspect(args) => inspect::run(&args),
        Command::Model(args) => model::run(&args),
        Command::Agreement(args) => agreement::run(*args),
        Command::Survival(args) => survival::run(*args),
        Command::Phantom(args) => phantom::run(&args),
        Command::Train(args) => train::run(&args),
        Command::Evaluate(args) => evaluate::run(&args),
    }
}
