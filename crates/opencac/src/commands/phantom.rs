//! `opencac phantom`: a synthetic chest CT with known calcium, written as a scanner would.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::ExitCode;

use anyhow::{Context, bail};
use clap::{Args, ValueEnum};
use opencac_formats::dicom::write::{SeriesAttributes, write_series};
use opencac_formats::nifti::{write_labels, write_mask, write_volume};
use opencac_phantom::{
    Confounder, Contrast, DRAWING, Phantom, PhantomSpec, STENT_HU, Site, Tip, Truth, Variety, generate,
};

/// Writes a synthetic chest CT and its ground truth: the scan, labels.nii.gz, heart.nii.gz and truth.json.
#[derive(Debug, Args)]
pub struct PhantomArgs {
    /// Folder to write to; must be new or empty
    #[arg(long, value_name = "DIR")]
    out: PathBuf,
    /// Chooses everything that is drawn at random; the same seed and flags give the same files
    #[arg(long, value_name = "N", default_value_t = 1)]
    seed: u64,
    /// Agatston score before noise: planned plaques are scaled until they have it (within 2 % or two pixels)
    #[arg(long, value_name = "SCORE")]
    agatston: Option<f64>,
    /// Draw body, heart, scanner and calcium as varied as real scans, instead of an average person
    #[arg(long)]
    random: bool,
    /// Make the phantom of a truth.json again; other flags change it
    #[arg(long, value_name = "TRUTH", conflicts_with = "random")]
    like: Option<PathBuf>,
    /// How to write the scan
    #[arg(long, value_enum, default_value_t = Format::Dicom)]
    format: Format,
    /// Columns, rows, slices
    #[arg(long, value_name = "X,Y,Z", value_delimiter = ',', num_args = 1)]
    size: Option<Vec<usize>>,
    /// Pixel size
    #[arg(long, value_name = "MM")]
    spacing: Option<f64>,
    /// Distance of slices; also their thickness, unless that is given
    #[arg(long, value_name = "MM")]
    increment: Option<f64>,
    /// Thickness of slices
    #[arg(long, value_name = "MM")]
    thickness: Option<f64>,
    /// Noise SD in the middle of the chest
    #[arg(long, value_name = "HU")]
    noise: Option<f64>,
    /// Reconstruction kernel
    #[arg(long, value_enum)]
    kernel: Option<KernelName>,
    /// Intravenous contrast
    #[arg(long, value_enum)]
    contrast: Option<Phase>,
    /// Tube voltage
    #[arg(long, value_name = "KV")]
    kvp: Option<f64>,
    /// Distance of the heart's two copies that motion leaves
    #[arg(long, value_name = "MM")]
    motion: Option<f64>,
    /// Bright things that are not calcium of vessels
    #[arg(long, value_enum, value_delimiter = ',')]
    with: Vec<Extra>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(super) enum Format {
    /// DIR/dicom/IM0001.dcm and on
    Dicom,
    /// DIR/scan.nii.gz
    Nifti,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
enum KernelName {
    Soft,
    Standard,
    Sharp,
    Lung,
}

impl KernelName {
    fn sharpness(self) -> f64 {
        match self {
            Self::Soft => 0.0,
            Self::Standard => 0.3,
            Self::Sharp => 0.65,
            Self::Lung => 1.0,
        }
    }
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
enum Phase {
    None,
    Arterial,
    Pulmonary,
    Venous,
}

impl Phase {
    /// Typical enhancement of the phase in HU.
    fn contrast(self) -> Contrast {
        match self {
            Self::None => Contrast::None,
            Self::Arterial => Contrast::Arterial(320.0),
            Self::Pulmonary => Contrast::Pulmonary(350.0),
            Self::Venous => Contrast::Venous(160.0),
        }
    }
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
enum Extra {
    /// Calcified lymph nodes at the hila
    Nodes,
    /// Calcified pericardium
    Pericardium,
    /// Pacemaker lead
    Lead,
    /// Central venous catheter
    Catheter,
    /// Ring of an aortic valve prosthesis
    Ring,
    /// Stent in the LAD
    Stent,
    /// Wires around the sternum
    Wires,
    /// Calcified cartilage of a rib
    Cartilage,
}

impl Extra {
    fn confounder(self, seed: u64) -> Confounder {
        match self {
            Self::Nodes => Confounder::Node { volume_mm3: 90.0, density_hu: 500.0, seed },
            Self::Pericardium => Confounder::Pericardium { volume_mm3: 150.0, density_hu: 450.0, seed },
            Self::Lead => Confounder::Lead { tip: Tip::Apex, radius_mm: 1.0, seed },
            Self::Catheter => Confounder::Catheter { radius_mm: 1.1, tip_mm: 20.0, wall_hu: 900.0, seed },
            Self::Ring => Confounder::ValveRing { site: Site::AorticValve, wire_mm: 1.0, wall_hu: 3000.0 },
            Self::Stent => Confounder::Stent { site: Site::Lad, from: 0.15, to: 0.3, wall_hu: STENT_HU },
            Self::Wires => Confounder::SternalWires,
            Self::Cartilage => Confounder::Cartilage { volume_mm3: 150.0, density_hu: 500.0, seed },
        }
    }
}

/// Score of the average person's phantom where none is asked for.
pub(super) const DEFAULT_AGATSTON: f64 = 150.0;

/// Runs the command.
pub fn run(args: &PhantomArgs) -> anyhow::Result<ExitCode> {
    let spec = spec(args)?;
    make_empty_folder(&args.out)?;
    let phantom = generate(&spec).context("cannot make this phantom")?;
    write(&args.out, &phantom, args.format)?;
    let truth = &phantom.truth;
    eprintln!(
        "{}: {} slices, Agatston score before noise {:.1}, heart {:.0} ml",
        args.out.display(),
        truth.spec.scan.size[2],
        truth.noise_free.agatston,
        truth.heart_ml
    );
    Ok(ExitCode::SUCCESS)
}

fn spec(args: &PhantomArgs) -> anyhow::Result<PhantomSpec> {
    let mut spec = match &args.like {
        Some(path) => read_truth(path)?.spec,
        None if args.random => PhantomSpec::random(args.seed, &Variety::chest()),
        None => PhantomSpec::average(args.seed).with_agatston(DEFAULT_AGATSTON),
    };
    if let Some(agatston) = args.agatston {
        spec = spec.with_agatston(agatston);
    }
    if let Some(size) = &args.size {
        let Ok(size) = <[usize; 3]>::try_from(size.as_slice()) else {
            bail!("--size needs columns,rows,slices; {} numbers were given", size.len());
        };
        spec.scan.size = size;
    }
    let scan = &mut spec.scan;
    set(&mut scan.pixel_mm, args.spacing);
    set(&mut scan.increment_mm, args.increment);
    set(&mut scan.thickness_mm, args.thickness.or(args.increment));
    let scanner = &mut spec.scanner;
    set(&mut scanner.noise_sd_hu, args.noise);
    set(&mut scanner.sharpness, args.kernel.map(KernelName::sharpness));
    set(&mut scanner.tube_kvp, args.kvp);
    if let Some(motion) = args.motion {
        (scanner.motion_split_mm, scanner.motion_shift_mm) = (motion, 0.5 * motion);
    }
    if let Some(phase) = args.contrast {
        spec.contrast = phase.contrast();
    }
    spec.confounders.extend(args.with.iter().zip(args.seed..).map(|(extra, seed)| extra.confounder(seed)));
    Ok(spec)
}

fn set(field: &mut f64, value: Option<f64>) {
    if let Some(value) = value {
        *field = value;
    }
}

fn read_truth(path: &Path) -> anyhow::Result<Truth> {
    let text = fs::read_to_string(path).with_context(|| format!("cannot read {}", path.display()))?;
    let truth: Truth = serde_json::from_str(&text)
        .with_context(|| format!("{} is not a phantom's truth.json", path.display()))?;
    if truth.drawing != DRAWING {
        let (path, before) = (path.display(), truth.drawing);
        eprintln!(
            "warning: {path} is of a phantom drawn in manner {before}, this program draws in manner {DRAWING}: the scan and its score \
             may differ a little"
        );
    }
    Ok(truth)
}

/// Makes the folder, or accepts it where it exists and holds nothing.
pub(super) fn make_empty_folder(out: &Path) -> anyhow::Result<()> {
    fs::create_dir_all(out).with_context(|| format!("cannot make the folder {}", out.display()))?;
    let mut entries =
        fs::read_dir(out).with_context(|| format!("cannot read the folder {}", out.display()))?;
    if entries.next().is_some() {
        bail!("{} is not empty: a phantom is written to a new or empty folder only", out.display());
    }
    Ok(())
}

/// Writes the scan and its ground truth into a folder.
pub(super) fn write(out: &Path, phantom: &Phantom, format: Format) -> anyhow::Result<()> {
    match format {
        Format::Dicom => {
            let folder = out.join("dicom");
            fs::create_dir(&folder)
                .with_context(|| format!("cannot make the folder {}", folder.display()))?;
            write_series(&folder, &phantom.volume, &series_attributes(&phantom.truth.spec))?;
        }
        Format::Nifti => write_volume(&out.join("scan.nii.gz"), &phantom.volume)?,
    }
    write_labels(&out.join("labels.nii.gz"), &phantom.labels)?;
    write_mask(&out.join("heart.nii.gz"), &phantom.heart)?;
    let path = out.join("truth.json");
    let text = serde_json::to_string_pretty(&phantom.truth)?;
    fs::write(&path, text + "\n").with_context(|| format!("cannot write {}", path.display()))
}

/// How a phantom presents itself as a DICOM series. Different specifications have different UIDs.
pub fn series_attributes(spec: &PhantomSpec) -> SeriesAttributes {
    let sharpness = spec.scanner.sharpness;
    let kernel = [(0.2, "SOFT"), (0.5, "STANDARD"), (0.8, "SHARP")]
        .into_iter()
        .find(|(bound, _)| sharpness < *bound)
        .map_or("LUNG", |(_, name)| name);
    SeriesAttributes {
        identity: identity(spec),
        patient_name: "Phantom^OpenCAC".to_owned(),
        patient_id: format!("PHANTOM-{}", spec.seed),
        patient_sex: "O".to_owned(),
        series_description: "Synthetic chest CT".to_owned(),
        manufacturer: "OpenCAC".to_owned(),
        model: "Phantom".to_owned(),
        kernel: kernel.to_owned(),
        thickness_mm: spec.scan.thickness_mm,
        tube_kvp: spec.scanner.tube_kvp,
        contrast_agent: (spec.contrast != Contrast::None).then(|| "Synthetic".to_owned()),
        padding_hu: spec.scan.round_field.then_some(spec.scan.padding_hu),
    }
}

/// A number of the specification: FNV-1a over its text, in two halves with different starts.
fn identity(spec: &PhantomSpec) -> u128 {
    let text = format!("{spec:?}");
    let half =
        |start: u64| text.bytes().fold(start, |h, b| (h ^ u64::from(b)).wrapping_mul(0x0000_0100_0000_01b3));
    u128::from(half(0xcbf2_9ce4_8422_2325)) << 64 | u128::from(half(0x8422_2325_cbf2_9ce4))
}
