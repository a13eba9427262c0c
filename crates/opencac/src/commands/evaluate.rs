//! `opencac evaluate`: networks against scans whose answer is known.

mod worst;

use std::path::{Path, PathBuf};
use std::process::ExitCode;

use anyhow::Context;
use clap::Args;
use indicatif::{ProgressBar, ProgressStyle};
use opencac_nets::bundle::Library;
use opencac_stats::figure::png;
use opencac_stats::render::{TableStyle, render_all};
use opencac_train::cases;
use opencac_train::evaluate::{
    CalciumFigures, CalciumSeen, Evaluation, HeartFigures, HeartSeen, Part, Plan, Watch, agreement_figures,
    calcium_csv, evaluate, heart_csv, summary_tables,
};

use super::statistics::{FIGURE_DPI, deepcac_scheme, print};
use worst::Worst;

/// Folder of the pictures of the worst cases, in that of the output.
const WORST_FOLDER: &str = "worst";

/// Measures the networks of a bundle. Name only cases that they were not trained on, with --only where a table holds
/// both.
#[derive(Debug, Args)]
pub struct EvaluateArgs {
    /// Data folder. Without --hearts, --calcium and --phantoms its own cases are measured as hearts: those of
    /// DIR/cases.csv, or folders ID/img.nrrd with ID/msk.nrrd
    #[arg(long, value_name = "DIR", required_unless_present = "phantoms")]
    data: Option<PathBuf>,
    /// Table of heart cases; its paths are relative to the data folder
    #[arg(long, value_name = "FILE", requires = "data")]
    hearts: Option<PathBuf>,
    /// Table of calcium cases, likewise
    #[arg(long, value_name = "FILE", requires = "data")]
    calcium: Option<PathBuf>,
    /// Only the scans of these patients
    #[arg(long, value_name = "PATIENT", value_delimiter = ',')]
    only: Vec<String>,
    /// Synthetic chests that no training has seen, made on the way
    #[arg(long, value_name = "N", default_value_t = 0)]
    phantoms: u64,
    /// Seed of the first of them
    #[arg(long, value_name = "S", default_value_t = 1)]
    first_seed: u64,
    /// Score the calcium cases in eleven altered copies too: noisier, blurred, sharpened, thicker, turned, tilted, smaller,
    /// larger, brighter, cut
    #[arg(long, requires = "calcium", conflicts_with = "given_heart")]
    altered: bool,
    /// Seek calcium in the reference's heart, to measure the calcium network by itself
    #[arg(long)]
    given_heart: bool,
    /// Networks: the name of a bundle (see `opencac model list`) or the path of its folder
    #[arg(long, value_name = "NAME")]
    model: String,
    /// Folder for evaluation.json, tables, figures of agreement and pictures of the worst cases
    #[arg(long, value_name = "DIR")]
    out: Option<PathBuf>,
    /// Print one JSON document with every number in full precision
    #[arg(long)]
    json: bool,
}

pub fn run(args: &EvaluateArgs) -> anyhow::Result<ExitCode> {
    let bundle = Library::of_user().load(&args.model)?;
    let plan = plan(args)?;
    let mut show = Show::new(args.out.is_some());
    let evaluation = evaluate(&plan, &bundle, &mut show);
    show.bar.finish_and_clear();
    let evaluation = evaluation?;
    if let Some(folder) = &args.out {
        write(&evaluation, &show, folder)?;
    }
    let said = if args.json { json(&evaluation)? } else { text(&evaluation) };
    print(|out| out.write_all(said.as_bytes()))?;
    Ok(if evaluation.failures.is_empty() { ExitCode::SUCCESS } else { ExitCode::from(1) })
}

fn plan(args: &EvaluateArgs) -> anyhow::Result<Plan> {
    let mut plan = Plan { given_heart: args.given_heart, altered: args.altered, ..Plan::default() };
    plan.phantoms = args.first_seed..args.first_seed.saturating_add(args.phantoms);
    if let Some(data) = &args.data {
        if let Some(table) = &args.hearts {
            plan.hearts = cases::find(data, Some(table))?;
        }
        if let Some(table) = &args.calcium {
            plan.calcium = cases::find(data, Some(table))?;
        }
        if plan.count() == 0 {
            plan.hearts = cases::find(data, None)?;
        }
    }
    if !args.only.is_empty() {
        plan.keep_only(&args.only.iter().cloned().collect())?;
    }
    Ok(plan)
}

/// Writes everything that was measured into a folder.
fn write(evaluation: &Evaluation, show: &Show, folder: &Path) -> anyhow::Result<()> {
    let pictures = folder.join(WORST_FOLDER);
    std::fs::create_dir_all(&pictures).with_context(|| format!("making folder {}", pictures.display()))?;
    let save = |name: &str, bytes: &[u8]| {
        let path = folder.join(name);
        std::fs::write(&path, bytes).with_context(|| format!("writing {}", path.display()))
    };
    save("evaluation.json", json(evaluation)?.as_bytes())?;
    if let Some(hearts) = &evaluation.hearts {
        save("hearts.csv", heart_csv(&hearts.cases).as_bytes())?;
    }
    let parts = evaluation.calcium_parts();
    if !parts.is_empty() {
        save("calcium.csv", calcium_csv(evaluation).as_bytes())?;
    }
    for (part, cases) in parts {
        for (name, scene) in agreement_figures(cases, &deepcac_scheme()?)? {
            save(&format!("{}-{name}.png", part.key()), &png(&scene, FIGURE_DPI)?)?;
        }
    }
    for (part, worst) in &show.worst {
        for (name, png) in worst.files(part.key()) {
            save(&format!("{WORST_FOLDER}/{name}"), png)?;
        }
        // The figures are there all the same.
        worst.undrawn().iter().for_each(|error| eprintln!("warning: {error:#}"));
    }
    Ok(())
}

fn json(evaluation: &Evaluation) -> anyhow::Result<String> {
    Ok(serde_json::to_string_pretty(evaluation)? + "\n")
}

fn text(evaluation: &Evaluation) -> String {
    render_all(&summary_tables(evaluation), TableStyle::Text)
}

/// A bar with the case at hand, on a terminal; and what is worth a picture.
struct Show {
    bar: ProgressBar,
    draws: bool,
    worst: [(Part, Worst); 4],
}

impl Show {
    fn new(draws: bool) -> Self {
        let bar = ProgressBar::new(0);
        if let Ok(style) =
            ProgressStyle::with_template("{msg} {wide_bar} {pos} of {len} ({elapsed}, {eta} to go)")
        {
            bar.set_style(style);
        }
        let worst =
            [Part::Hearts, Part::Calcium, Part::Altered, Part::Phantoms].map(|part| (part, Worst::default()));
        Self { bar, draws, worst }
    }

    /// The worst of a part, where pictures are wanted.
    fn worst_of(&mut self, part: Part) -> Option<&mut Worst> {
        let wanted = self.worst.iter_mut().find(|(of, _)| self.draws && *of == part);
        wanted.map(|(_, worst)| worst)
    }
}

impl Watch for Show {
    fn begin(&mut self, part: Part, id: &str, number: usize, count: usize) {
        self.bar.set_length(count as u64);
        self.bar.set_position(number as u64 - 1);
        self.bar.set_message(format!("{}: {id}", part.key()));
    }

    fn heart(&mut self, figures: &HeartFigures, seen: &HeartSeen) {
        if let Some(worst) = self.worst_of(Part::Hearts) {
            worst.see_heart(figures, seen);
        }
    }

    fn calcium(&mut self, part: Part, figures: &CalciumFigures, seen: &CalciumSeen) {
        if let Some(worst) = self.worst_of(part) {
            worst.see_calcium(figures, seen);
        }
    }
}
