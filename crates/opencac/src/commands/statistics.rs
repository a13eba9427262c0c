//! What the commands `agreement` and `survival` share: reading tables, naming category schemes, writing results.

use std::fs::File;
use std::io::{self, BufWriter, Write};
use std::path::{Path, PathBuf};

use anyhow::{Context, bail};
use clap::{Args, ValueEnum};
use opencac_stats::StatsError;
use opencac_stats::figure::{Scene, png, svg};
use opencac_stats::render::{Digits, TableStyle, TextTable, render_all};
use opencac_stats::scheme::{CategoryScheme, Cut};
use opencac_stats::table::{Problem, Table, TableFormat, join};
use serde::Serialize;

/// Resolution of the PNG figures: what journals ask for.
pub const FIGURE_DPI: u32 = 300;

/// Which tables are read and how.
#[derive(Debug, Args)]
pub struct TableArgs {
    /// Table of people: .csv, .tsv, .parquet; gzip is recognised
    #[arg(value_name = "TABLE")]
    table: PathBuf,
    /// Second table, joined by the id column
    #[arg(long, value_name = "TABLE", requires = "id")]
    join: Option<PathBuf>,
    /// Column that identifies a person; without --join its values are checked to be unique
    #[arg(long, value_name = "COL")]
    id: Option<String>,
    /// Name of the id column in the second table, where it differs
    #[arg(long, value_name = "COL", requires = "join")]
    join_id: Option<String>,
    /// Leave out rows with unusable cells and count them, instead of stopping
    #[arg(long)]
    pub drop_unusable: bool,
}

impl TableArgs {
    /// Reads the named columns; the problems are those of the join.
    pub fn read(&self, columns: &[&str]) -> anyhow::Result<(Table, Vec<Problem>)> {
        let keep = |name: &str| {
            let is_id = [&self.id, &self.join_id].into_iter().flatten().any(|id| id == name);
            is_id || columns.contains(&name)
        };
        let table = open(&self.table, &keep)?;
        let (Some(other), Some(id)) = (&self.join, &self.id) else {
            return Ok((table, Vec::new()));
        };
        let other = open(other, &keep)?;
        Ok(join(&table, &other, id, self.join_id.as_ref().unwrap_or(id))?)
    }

    /// The id column to check for repeats: with a join that has been done already.
    pub fn id_to_check(&self) -> Option<&str> {
        if self.join.is_some() { None } else { self.id.as_deref() }
    }

    /// The id column, if one was named.
    pub fn id(&self) -> Option<&str> {
        self.id.as_deref()
    }

    /// Names of the files, for the result.
    pub fn sources(&self) -> Vec<String> {
        [Some(&self.table), self.join.as_ref()]
            .into_iter()
            .flatten()
            .map(|path| path.display().to_string())
            .collect()
    }
}

fn open(path: &Path, keep: &dyn Fn(&str) -> bool) -> anyhow::Result<Table> {
    let file = File::open(path).with_context(|| format!("opening table {}", path.display()))?;
    let name = path.display().to_string();
    Ok(Table::read(file, TableFormat::from_file_name(&name), &name, keep)?)
}

/// A published category scheme.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum SchemeName {
    /// 0, (0, 100], (100, 300], above 300 (Zeleznik 2021)
    Deepcac,
    /// 0, 1-10, 11-100, 101-400, above 400 (Rumberger 1999)
    Rumberger,
    /// A0 0, A1 1-99, A2 100-299, A3 300 and above (SCCT 2018)
    CacDrs,
}

/// How scores are put into categories.
#[derive(Debug, Args)]
pub struct SchemeArgs {
    /// Category scheme of the scores
    #[arg(long, value_enum, default_value = "deepcac")]
    scheme: SchemeName,
    /// Own cuts instead of a scheme, ascending; a value equal to a cut lies below it
    #[arg(long, value_name = "NUMBERS", value_delimiter = ',', allow_negative_numbers = true)]
    cuts: Vec<f64>,
}

impl SchemeArgs {
    /// The scheme; fails on senseless cuts.
    pub fn scheme(&self) -> anyhow::Result<CategoryScheme> {
        if !self.cuts.is_empty() {
            return own_scheme(&self.cuts);
        }
        // Fractional scores between the integers of a published scheme belong to the category below the next
        // integer's, as the contract's schemes say: Rumberger's "1-10" is (0, 10].
        let scheme = match self.scheme {
            SchemeName::Deepcac => deepcac_scheme(),
            SchemeName::Rumberger => CategoryScheme::new(
                "rumberger",
                &["0", "1–10", "11–100", "101–400", ">400"],
                &[Cut::after(0.0), Cut::after(10.0), Cut::after(100.0), Cut::after(400.0)],
            ),
            SchemeName::CacDrs => CategoryScheme::new(
                "cac-drs",
                &["A0", "A1", "A2", "A3"],
                &[Cut::after(0.0), Cut::before(100.0), Cut::before(300.0)],
            ),
        };
        Ok(scheme?)
    }
}

/// The classes of Zeleznik 2021.
pub fn deepcac_scheme() -> Result<CategoryScheme, StatsError> {
    CategoryScheme::new(
        "deepcac",
        &["0", "1–100", "101–300", ">300"],
        &[Cut::after(0.0), Cut::after(100.0), Cut::after(300.0)],
    )
}

fn own_scheme(cuts: &[f64]) -> anyhow::Result<CategoryScheme> {
    let Some((first, last)) = cuts.first().zip(cuts.last()) else { bail!("--cuts: no number given") };
    let mut names = vec![format!("≤{first}")];
    names.extend(cuts.windows(2).map(|pair| format!("{}–{}", pair[0], pair[1])));
    names.push(format!(">{last}"));
    let names: Vec<&str> = names.iter().map(String::as_str).collect();
    let cuts: Vec<Cut> = cuts.iter().map(|&at| Cut::after(at)).collect();
    Ok(CategoryScheme::new("own", &names, &cuts)?)
}

/// How the tables are printed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
enum Format {
    /// Aligned columns
    Text,
    /// Comma-separated values
    Csv,
    /// Markdown tables
    Markdown,
    /// LaTeX tables (booktabs)
    Latex,
}

/// Where the results go.
#[derive(Debug, Args)]
pub struct OutputArgs {
    /// Print one JSON document with every number in full precision
    #[arg(long, conflicts_with = "format")]
    json: bool,
    /// Print the tables in this form
    #[arg(long, value_enum, default_value = "text")]
    format: Format,
    /// Significant digits of the tables
    #[arg(long, value_name = "N", default_value_t = 6)]
    digits: usize,
    /// Also write result.json, the tables in every form, curves as CSV and the figures as SVG and PNG into this
    /// folder
    #[arg(long, value_name = "DIR")]
    out: Option<PathBuf>,
}

impl OutputArgs {
    /// Significant digits of the tables.
    pub fn digits(&self) -> Digits {
        Digits::new(self.digits)
    }

    /// Whether figures are wanted at all.
    pub fn wants_figures(&self) -> bool {
        self.out.is_some()
    }

    /// Prints the result, and writes everything where a folder was named.
    pub fn deliver<T: Serialize>(
        &self,
        document: &T,
        tables: &[TextTable],
        figures: &[(&str, Scene)],
        data: &[DataFile<'_>],
    ) -> anyhow::Result<()> {
        if let Some(folder) = &self.out {
            std::fs::create_dir_all(folder).with_context(|| format!("making folder {}", folder.display()))?;
            let save = |name: String, bytes: &[u8]| {
                let path = folder.join(name);
                std::fs::write(&path, bytes).with_context(|| format!("writing {}", path.display()))
            };
            let stream = |name: &str, write: &dyn Fn(&mut dyn Write) -> io::Result<()>| {
                let path = folder.join(name);
                let wrote = File::create(&path).map(BufWriter::new).and_then(|mut file| {
                    write(&mut file)?;
                    file.flush()
                });
                wrote.with_context(|| format!("writing {}", path.display()))
            };
            stream("result.json", &|out| pretty(document, out))?;
            for (name, write) in data {
                stream(name, write)?;
            }
            for style in [TableStyle::Text, TableStyle::Csv, TableStyle::Markdown, TableStyle::Latex] {
                save(format!("tables.{}", style.extension()), render_all(tables, style).as_bytes())?;
            }
            for (name, scene) in figures {
                save(format!("{name}.svg"), svg(scene).as_bytes())?;
                save(format!("{name}.png"), &png(scene, FIGURE_DPI)?)?;
            }
        }
        if self.json {
            return print(|out| pretty(document, out));
        }
        let style = match self.format {
            Format::Text => TableStyle::Text,
            Format::Csv => TableStyle::Csv,
            Format::Markdown => TableStyle::Markdown,
            Format::Latex => TableStyle::Latex,
        };
        print(|out| out.write_all(render_all(tables, style).as_bytes()))
    }
}

/// A file of numbers beside the result: its name, and what writes it.
pub type DataFile<'a> = (&'static str, Box<dyn Fn(&mut dyn Write) -> io::Result<()> + 'a>);

/// JSON as it is made, so that a curve of a million steps is never held as text.
fn pretty<T: Serialize>(document: &T, out: &mut dyn Write) -> io::Result<()> {
    serde_json::to_writer_pretty(&mut *out, document)?;
    out.write_all(b"\n")
}

/// Writes to standard output; a reader that stopped listening (`| head`) is no error.
pub fn print(write: impl Fn(&mut dyn Write) -> io::Result<()>) -> anyhow::Result<()> {
    let mut out = BufWriter::new(io::stdout().lock());
    match write(&mut out).and_then(|()| out.flush()) {
        Err(error) if error.kind() != io::ErrorKind::BrokenPipe => {
            Err(error).context("writing to standard output")
        }
        _ => Ok(()),
    }
}
