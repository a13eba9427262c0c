//! `opencac model`: the networks at hand, what is on their cards, the import of the published ones, and one bundle of
//! several.

use std::fmt::Write as _;
use std::io::Write as _;
use std::path::{Path, PathBuf};
use std::process::ExitCode;

use anyhow::{Context, bail};
use clap::{Args, Subcommand};
use opencac_nets::bundle::{Bundle, CARD_FILE, Card, Library, Origin};
use opencac_nets::keras::import_published;

/// Lists, shows and imports networks.
#[derive(Debug, Args)]
pub struct ModelArgs {
    #[command(subcommand)]
    action: Action,
}

#[derive(Debug, Subcommand)]
enum Action {
    /// Lists the networks at hand
    List,
    /// Loads networks, checks them, and prints their card
    Show {
        /// Name of a bundle, or path of its folder
        name: String,
    },
    /// Makes a bundle of the three published DeepCAC weight files (Keras HDF5), in any order
    Import(ImportArgs),
    /// Makes one bundle of networks that were trained one by one, such as a heart and a calcium network
    Join(JoinArgs),
}

#[derive(Debug, Args)]
struct ImportArgs {
    /// The HDF5 files of heart localisation, heart segmentation and calcium segmentation
    #[arg(required = true, num_args = 3, value_name = "FILE")]
    files: Vec<PathBuf>,
    /// Name of the bundle
    #[arg(long, default_value = "deepcac")]
    name: String,
    /// Folder to make the bundle's folder in [default: $OPENCAC_MODELS or the user's data folder]
    #[arg(long, value_name = "DIR")]
    out: Option<PathBuf>,
    /// Replace a bundle of this name
    #[arg(long)]
    overwrite: bool,
}

#[derive(Debug, Args)]
struct JoinArgs {
    /// Names of bundles, or paths of their folders; the first one's texts lead
    #[arg(required = true, num_args = 2.., value_name = "BUNDLE")]
    bundles: Vec<String>,
    /// Name of the bundle
    #[arg(long)]
    name: String,
    /// Folder to make the bundle's folder in [default: $OPENCAC_MODELS or the user's data folder]
    #[arg(long, value_name = "DIR")]
    out: Option<PathBuf>,
    /// Replace a bundle of this name
    #[arg(long)]
    overwrite: bool,
}

pub fn run(args: &ModelArgs) -> anyhow::Result<ExitCode> {
    let text = match &args.action {
        Action::List => list(&Library::of_user())?,
        Action::Show { name } => {
            let bundle = Library::of_user().load(name)?;
            bundle.card().to_json()?
        }
        Action::Import(args) => {
            let folder = free_folder(args.out.as_deref(), &args.name, args.overwrite)?;
            write(&import_published(&args.name, &args.files)?, &folder)?
        }
        Action::Join(args) => {
            let folder = free_folder(args.out.as_deref(), &args.name, args.overwrite)?;
            let library = Library::of_user();
            let parts = args.bundles.iter().map(|name| library.load(name)).collect::<Result<Vec<_>, _>>()?;
            write(&Bundle::joined(&args.name, &parts)?, &folder)?
        }
    };
    std::io::stdout().lock().write_all(text.as_bytes())?;
    Ok(ExitCode::SUCCESS)
}

fn list(library: &Library) -> anyhow::Result<String> {
    let mut text = String::new();
    for entry in library.list()? {
        let origin = match &entry.origin {
            Origin::Embedded => "part of the program".to_owned(),
            Origin::Folder(folder) => folder.display().to_string(),
        };
        match &entry.card {
            Ok(card) => writeln!(text, "{} {} ({origin}): {}", entry.name, card.version, stages(card))?,
            Err(error) => writeln!(text, "{} ({origin}): unfit: {error}", entry.name)?,
        }
    }
    if text.is_empty() {
        let folder = library.folder().map_or_else(|| "no folder".to_owned(), |f| f.display().to_string());
        eprintln!("no networks are at hand: none is part of this program, and {folder} holds none");
    }
    Ok(text)
}

fn stages(card: &Card) -> String {
    let stages: Vec<&str> = card.method.weight_files().iter().map(|(stage, _)| stage.key()).collect();
    format!("{}. {}", stages.join(", "), card.description)
}

/// The folder of a bundle that is to be made.
fn free_folder(out: Option<&Path>, name: &str, overwrite: bool) -> anyhow::Result<PathBuf> {
    let parent = match out {
        Some(folder) => folder.to_owned(),
        None => {
            let library = Library::of_user();
            library.folder().context("no folder for data is known; give one with --out")?.to_owned()
        }
    };
    let folder = parent.join(name);
    if folder.join(CARD_FILE).exists() && !overwrite {
        bail!("{} already holds a bundle; give --overwrite to replace it", folder.display());
    }
    Ok(folder)
}

fn write(bundle: &Bundle, folder: &Path) -> anyhow::Result<String> {
    bundle.write(folder)?;
    // What was written is what will be loaded, so that is what is reported.
    let written = Bundle::read(folder)?;
    let mut text = format!("{}\n", folder.display());
    for (stage, sha256) in written.sha256() {
        writeln!(text, "{stage} {sha256}")?;
    }
    Ok(text)
}
