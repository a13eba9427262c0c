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
    /// Scores the coronary calcium of scans, or says why not
    Score(Box<crate::commands::score::ScoreArgs>),
    /// Makes a synthetic chest CT with known calcium, scores it and writes every output
    Demo(crate::commands::demo::DemoArgs),
    /// Lists the series found, which one would be scored, and why not the others
    Inspect(crate::commands::inspect::InspectArgs),
    /// Compares two columns of scores: correlation, kappa, ICC, Bland-Altman, ROC
    Agreement(Box<crate::commands::agreement::AgreementArgs>),
    /// Relates scores to events: Kaplan-Meier, log-rank, Cox, competing risks, reclassification
    Survival(Box<crate::commands::survival::SurvivalArgs>),
    /// Writes a synthetic chest CT with known calcium, and its ground truth
    Phantom(Box<crate::commands::phantom::PhantomArgs>),
    /// Lists, shows and imports networks
    Model(crate::commands::model::ModelArgs),
    /// Trains networks from scans with masks, and from synthetic ones
    Train(Box<crate::commands::train::TrainArgs>),
    /// Measures networks on scans with masks, and on synthetic ones
    Evaluate(crate::commands::evaluate::EvaluateArgs),
}
