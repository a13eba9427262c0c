//! The command line, declared.

use clap::{Parser, Subcommand};

/// Coronary artery calcium scoring of chest and heart CT. Research use, not for clinical decisions.
#[derive(Debug, Parser)]
#[command(version, propagate_version = true)]
pub struct Args {
    #[command(subcommand)]
    pub command: Command,
}

/// One variant a command; each command's own flags live beside its code.
#[derive(Debug, Subcommand)]
pub enum Command {
    /// Compares two columns of scores: correlation, kappa, ICC, Bland-Altman, ROC
    Agreement(crate::commands::agreement::AgreementArgs),
}
