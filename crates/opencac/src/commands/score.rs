//! `opencac score`: scans in, scores or refusals out.

use std::path::PathBuf;
use std::process::ExitCode;
use std::sync::Arc;

use anyhow::{Context, bail};
use clap::Args;
use opencac_core::RefusalKind;
use opencac_core::risk::{MesaGroup, Sex};
use opencac_core::score::{CategoryScheme, Protocol, ProtocolError};
use opencac_nets::bundle::{Bundle, Library};
use opencac_pipeline::batch;
use opencac_pipeline::case::Options;
use opencac_pipeline::masks::{GivenCalcium, GivenMasks};
use opencac_pipeline::output::OutputFolder;
use opencac_pipeline::person::{Person, RiskFactors};

use crate::talk::Talk;

/// The networks that are used where none are named.
pub(super) const DEFAULT_MODEL: &str = "opencac-base";

#[derive(Debug, Args)]
pub struct ScoreArgs {
    /// DICOM files, folders (any nesting) or zips, or .nii, .nii.gz, .nrrd, .nhdr, .mha, .mhd files
    #[arg(required = true, value_name = "INPUT")]
    inputs: Vec<PathBuf>,
    /// Folder for documents, masks, pictures, report and table
    #[arg(long, value_name = "DIR")]
    out: Option<PathBuf>,
    /// Take an output folder that is not empty; files of the same name are replaced
    #[arg(long, requires = "out")]
    overwrite: bool,
    /// One result document a line on standard output
    #[arg(long)]
    json: bool,
    /// Scoring protocol: agatston-130, canon, siemens, philips, ge, deepcac or kvp-adjusted
    #[arg(long, value_name = "NAME", default_value = Protocol::AGATSTON_130, value_parser = protocol_name)]
    protocol: String,
    /// Score this series, whatever the rule would choose
    #[arg(long, value_name = "UID")]
    series: Option<String>,
    /// Networks: the name of a bundle (see `opencac model list`) or the path of its folder
    #[arg(long, value_name = "NAME")]
    model: Option<String>,
    /// Heart mask on the scan's grid, in any of the image formats
    #[arg(long, value_name = "FILE")]
    heart_mask: Option<PathBuf>,
    /// Candidate voxels of coronary calcium: every voxel that is not 0
    #[arg(long, value_name = "FILE", conflicts_with = "calcium_labels")]
    calcium_mask: Option<PathBuf>,
    /// Label map: 1 LM, 2 LAD, 3 LCX, 4 RCA, 5 aortic valve, 6 aortic wall, 7 mitral annulus
    #[arg(long, value_name = "FILE")]
    calcium_labels: Option<PathBuf>,
    /// A reader's calcium mask, to compare the result with
    #[arg(long, value_name = "FILE")]
    reference_mask: Option<PathBuf>,
    /// The scan's calibrated mass factor in mg/(HU cm^3)
    #[arg(long, value_name = "FACTOR")]
    mass_factor: Option<f64>,
    /// Scheme of the leading category
    #[arg(long, value_name = "SCHEME", default_value = "deepcac", value_parser = ["deepcac", "rumberger", "cac-drs"])]
    categories: String,
    /// Score in spite of a refusal of this kind, which becomes a finding (may be repeated)
    #[arg(long, value_name = "KIND", value_parser = refusal_kind)]
    accept: Vec<RefusalKind>,
    /// Threads; 0 is one a core
    #[arg(long, value_name = "N", default_value_t = 0)]
    threads: usize,
    #[command(flatten)]
    person: PersonArgs,
}

/// What is known of the person; the header's age, sex and ancestry are used where a flag is absent.
#[derive(Debug, Args)]
#[command(next_help_heading = "Person, for percentile and risk")]
struct PersonArgs {
    /// Age in whole years
    #[arg(long, value_name = "YEARS")]
    age: Option<u32>,
    /// female or male
    #[arg(long, value_parser = sex)]
    sex: Option<Sex>,
    /// Group of the MESA reference data: white, black, hispanic or chinese
    #[arg(long, value_parser = group)]
    ancestry: Option<MesaGroup>,
    /// Total cholesterol in mg/dl; with --hdl and --systolic-bp it gives the MESA 10-year risk
    #[arg(long, value_name = "MG_DL", requires_all = ["hdl", "systolic_bp"])]
    total_cholesterol: Option<f64>,
    /// HDL cholesterol in mg/dl
    #[arg(long, value_name = "MG_DL", requires = "total_cholesterol")]
    hdl: Option<f64>,
    /// Systolic blood pressure in mmHg
    #[arg(long, value_name = "MMHG", requires = "total_cholesterol")]
    systolic_bp: Option<f64>,
    /// Has diabetes
    #[arg(long)]
    diabetes: bool,
    /// Smokes at present
    #[arg(long)]
    smoker: bool,
    /// Takes a drug against high lipids
    #[arg(long)]
    lipid_drug: bool,
    /// Takes a drug against high blood pressure
    #[arg(long)]
    bp_drug: bool,
    /// A parent, sibling or child had a heart attack
    #[arg(long)]
    family_history: bool,
}

pub fn run(args: ScoreArgs) -> anyhow::Result<ExitCode> {
    let options = args.options()?;
    if args.inputs.len() > 1 && options.masks != GivenMasks::default() {
        bail!("masks belong to one scan, but {} inputs are given", args.inputs.len());
    }
    let out = args.out.as_deref().map(|root| OutputFolder::create(root, args.overwrite)).transpose()?;
    let mut talk = Talk::new(args.json);
    let tally = batch::run(&args.inputs, args.series.as_deref(), &options, out, &mut talk);
    talk.end().context("standard output cannot be written")?;
    let tally = tally?;
    if tally.all_scored() { Ok(ExitCode::SUCCESS) } else { Ok(ExitCode::from(1)) }
}

impl ScoreArgs {
    fn options(&self) -> anyhow::Result<Options> {
        let mask = self.calcium_mask.clone().map(GivenCalcium::Mask);
        let networks = self.networks()?;
        Ok(Options {
            protocol: self.protocol.clone(),
            mass_factor: self.mass_factor,
            masks: GivenMasks {
                heart: self.heart_mask.clone(),
                calcium: mask.or_else(|| self.calcium_labels.clone().map(GivenCalcium::Labels)),
                reference: self.reference_mask.clone(),
            },
            scheme: CategoryScheme::ALL
                .into_iter()
                .find(|scheme| scheme.key() == self.categories)
                .unwrap_or(CategoryScheme::DeepCac),
            person: self.person.person(),
            accepted: self.accept.iter().copied().collect(),
            threads: self.threads,
            networks,
        })
    }

    /// The networks asked for, or the default ones where calcium is to be found and they are at hand. Without
    /// any, a scan can still be refused.
    fn networks(&self) -> anyhow::Result<Option<Arc<Bundle>>> {
        let library = Library::of_user();
        let calcium_given = self.calcium_mask.is_some() || self.calcium_labels.is_some();
        let name = match &self.model {
            Some(name) => name,
            None if calcium_given || !library.list()?.iter().any(|entry| entry.name == DEFAULT_MODEL) => {
                return Ok(None);
            }
            None => DEFAULT_MODEL,
        };
        Ok(Some(Arc::new(library.load(name)?)))
    }
}

impl PersonArgs {
    fn person(&self) -> Person {
        let factors = match (self.total_cholesterol, self.hdl, self.systolic_bp) {
            (Some(total_cholesterol_mg_dl), Some(hdl_cholesterol_mg_dl), Some(systolic_bp_mm_hg)) => {
                Some(RiskFactors {
                    total_cholesterol_mg_dl,
                    hdl_cholesterol_mg_dl,
                    systolic_bp_mm_hg,
                    diabetes: self.diabetes,
                    current_smoker: self.smoker,
                    lipid_drug: self.lipid_drug,
                    bp_drug: self.bp_drug,
                    family_history: self.family_history,
                })
            }
            _ => None,
        };
        Person { age_years: self.age, sex: self.sex, group: self.ancestry, factors }
    }
}

fn protocol_name(name: &str) -> Result<String, String> {
    match Protocol::named(name) {
        // Whether the scan tells its tube voltage is seen when it is read.
        Ok(_) | Err(ProtocolError::UnknownTubeVoltage) => Ok(name.to_owned()),
        Err(error) => Err(error.to_string()),
    }
}

fn refusal_kind(name: &str) -> Result<RefusalKind, String> {
    let kinds = RefusalKind::ALL.map(RefusalKind::key).join(", ");
    RefusalKind::ALL
        .into_iter()
        .find(|kind| kind.key() == name)
        .ok_or_else(|| format!("no refusal is named {name:?}; there are {kinds}"))
}

fn sex(name: &str) -> Result<Sex, String> {
    Sex::named(name).ok_or_else(|| format!("{name:?} is not a sex the reference data know: female, male"))
}

fn group(name: &str) -> Result<MesaGroup, String> {
    MesaGroup::named(name)
        .ok_or_else(|| format!("{name:?} is not a MESA group: white, black, hispanic, chinese"))
}
