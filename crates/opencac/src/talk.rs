//! What a run says: documents or summaries on standard output, progress on a terminal.

use std::io::{self, Write};
use std::time::Duration;

use indicatif::{ProgressBar, ProgressStyle};
use opencac_pipeline::batch::Observer;
use opencac_report::CaseDocument;
use opencac_report::document::OutcomeName;

/// Speaks of scans as they begin and end.
pub struct Talk {
    json: bool,
    progress: ProgressBar,
    output: Result<(), io::Error>,
}

impl Talk {
    /// Documents where `json`, else a summary a scan. Progress is shown only where standard error is a terminal.
    pub fn new(json: bool) -> Self {
        let progress = ProgressBar::new_spinner();
        if let Ok(style) = ProgressStyle::with_template("{spinner} {msg} ({elapsed})") {
            progress.set_style(style);
        }
        progress.enable_steady_tick(Duration::from_millis(120));
        Self { json, progress, output: Ok(()) }
    }

    /// Takes the progress away and tells whether all output was written.
    pub fn end(self) -> io::Result<()> {
        self.progress.finish_and_clear();
        self.output
    }
}

impl Observer for Talk {
    fn begin(&mut self, name: &str, number: usize, count: usize) {
        self.progress.set_message(format!("scan {number} of {count}: {name}"));
    }

    fn finish(&mut self, document: &CaseDocument) {
        let text = if self.json {
            document.to_line().map_err(io::Error::from).map(|line| line + "\n")
        } else {
            Ok(summary(document))
        };
        let written =
            text.and_then(|text| self.progress.suspend(|| io::stdout().lock().write_all(text.as_bytes())));
        // The first error is told at the end; the files of --out are written all the same.
        if self.output.is_ok() {
            self.output = written;
        }
    }
}

/// The result of a scan in a few lines.
fn summary(document: &CaseDocument) -> String {
    let mut text = format!("{}\n", document.input);
    match document.outcome {
        OutcomeName::Scored => {
            let category = document.category.as_ref().map(|c| format!(", {} ({})", c.name, c.scheme));
            text += &format!(
                "  Agatston {:.1}{}\n",
                document.agatston.unwrap_or(f64::NAN),
                category.unwrap_or_default()
            );
            if let Some(vessels) = &document.vessels {
                let parts: Vec<String> = vessels
                    .entries()
                    .iter()
                    .map(|(vessel, score)| format!("{} {score:.1}", vessel.key().to_uppercase()))
                    .collect();
                text += &format!("  {}\n", parts.join("  "));
            }
            text += &format!(
                "  volume {:.1} mm3, mass {:.1} mg, {} lesions\n",
                document.volume_mm3.unwrap_or(f64::NAN),
                document.mass_mg.unwrap_or(f64::NAN),
                document.lesions.as_ref().map_or(0, Vec::len)
            );
        }
        OutcomeName::Refused => {
            let message = document.refusal.as_ref().map(|r| r.message.as_str()).unwrap_or_default();
            text += &format!("  refused: {message}\n");
        }
        OutcomeName::Failed => {
            text += &format!("  failed: {}\n", document.error.as_deref().unwrap_or_default());
        }
    }
    for finding in &document.findings {
        text += &format!("  note: {}\n", finding.message);
    }
    text
}
