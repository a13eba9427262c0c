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
    /// Relates scores to events: Kaplan-Meier, log-rank, Cox, competing risks, reclassification
    Survival(Box<crate::commands::survival::SurvivalArgs>),
    /// Writes a synthetic chest CT with known calcium, and its ground truth
    Phantom(Box<crate::commands::phantom::PhantomArgs>),
}
