//! `opencac demo`: the whole way from a DICOM series to a report, on a scan whose calcium is known.

use std::path::PathBuf;
use std::process::ExitCode;
use std::sync::Arc;

use anyhow::Context;
use clap::Args;
use opencac_core::score::{CategoryScheme, Protocol};
use opencac_nets::bundle::Library;
use opencac_phantom::{PhantomSpec, generate};
use opencac_pipeline::batch;
use opencac_pipeline::case::Options;
use opencac_pipeline::masks::GivenMasks;
use opencac_pipeline::output::OutputFolder;
use opencac_pipeline::person::Person;

use super::phantom::{self, Format};
use super::score::DEFAULT_MODEL;
use crate::talk::Talk;

/// Makes a synthetic chest CT with known calcium as a DICOM series, scores it, and writes every output.
#[derive(Debug, Args)]
pub struct DemoArgs {
    /// Folder for the scan and the results; must be new or empty
    #[arg(long, value_name = "DIR", default_value = "opencac-demo")]
    out: PathBuf,
    /// Chooses the synthetic person
    #[arg(long, value_name = "N", default_value_t = 1)]
    seed: u64,
    /// One result document on standard output
    #[arg(long)]
    json: bool,
}

pub fn run(args: &DemoArgs) -> anyhow::Result<ExitCode> {
    let out = OutputFolder::create(&args.out, false)?;
    let spec = PhantomSpec::average(args.seed).with_agatston(phantom::DEFAULT_AGATSTON);
    let made = generate(&spec).context("cannot make the synthetic scan")?;
    let scan = args.out.join("scan");
    phantom::make_empty_folder(&scan)?;
    phantom::write(&scan, &made, Format::Dicom)?;

    let options = Options {
        protocol: Protocol::AGATSTON_130.to_owned(),
        mass_factor: None,
        masks: GivenMasks::default(),
        networks: Some(Arc::new(Library::of_user().load(DEFAULT_MODEL)?)),
        scheme: CategoryScheme::DeepCac,
        person: Person::default(),
        accepted: Default::default(),
        threads: 0,
    };
    let mut talk = Talk::new(args.json);
    let tally = batch::run(&[scan.join("dicom")], None, &options, Some(out), &mut talk);
    talk.end().context("standard output cannot be written")?;
    let tally = tally?;
    eprintln!(
        "The scan was made with an Agatston score of {:.1} before noise.\nOpen {} in a browser.",
        made.truth.noise_free.agatston,
        args.out.join("report.html").display()
    );
    if tally.all_scored() { Ok(ExitCode::SUCCESS) } else { Ok(ExitCode::from(1)) }
}
