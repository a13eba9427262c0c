//! Pictures of the cases that went worst.

use anyhow::Context;
use opencac_core::Mask;
use opencac_core::score::Lesion;
use opencac_report::{Scene, compare_hearts, pictures};
use opencac_train::evaluate::{CalciumFigures, CalciumSeen, HeartFigures, HeartSeen};

/// How many cases are kept.
const KEPT: usize = 3;

/// The worst cases so far. Their scans are drawn when they are seen, so that none stays in memory.
#[derive(Debug, Default)]
pub struct Worst {
    /// The worst first.
    cases: Vec<Drawn>,
    /// Cases that could not be drawn, and why.
    undrawn: Vec<anyhow::Error>,
}

#[derive(Debug)]
struct Drawn {
    error: f64,
    id: String,
    pictures: Vec<NamedPicture>,
}

/// A file name without folder, and a PNG file.
type NamedPicture = (String, Vec<u8>);

impl Worst {
    /// Draws a heart with both outlines, if it is among the worst so far.
    pub fn see_heart(&mut self, figures: &HeartFigures, seen: &HeartSeen) {
        let error = 1.0 - figures.dice.unwrap_or(0.0);
        self.keep(error, &figures.id, || {
            let drawn = compare_hearts(&seen.volume, &seen.found, &seen.reference)?;
            Ok(drawn.into_iter().map(|picture| (picture.file_name, picture.png)).collect())
        });
    }

    /// Draws a scored scan with what was found and with what is there, if it is among the worst so far.
    pub fn see_calcium(&mut self, figures: &CalciumFigures, seen: &CalciumSeen) {
        let (Some(found), Ok(marked)) = (&figures.found, &seen.found) else { return };
        // In the logarithm, as a reader would judge: 0 for 20 is worse than 500 for 600.
        let error = (found.agatston.ln_1p() - figures.reference.agatston.ln_1p()).abs();
        self.keep(error, &figures.id, || {
            let (answer, heart) = (&seen.subject.calcium.score.lesions, seen.subject.heart.as_ref());
            let mut pictures = draw("found", &marked.score.lesions, seen.heart.as_ref(), seen)?;
            pictures.extend(draw("reference", answer, heart, seen)?);
            Ok(pictures)
        });
    }

    fn keep(&mut self, error: f64, id: &str, draw: impl FnOnce() -> anyhow::Result<Vec<NamedPicture>>) {
        let place = self.cases.partition_point(|case| case.error >= error);
        if error == 0.0 || place >= KEPT {
            return;
        }
        match draw() {
            Ok(pictures) => {
                self.cases.insert(place, Drawn { error, id: id.to_owned(), pictures });
                self.cases.truncate(KEPT);
            }
            Err(error) => self.undrawn.push(error.context(format!("drawing {id}"))),
        }
    }

    /// The pictures of `part`: file names without folder, and PNG files.
    pub fn files<'a>(&'a self, part: &'a str) -> impl Iterator<Item = (String, &'a [u8])> {
        let ranked = (1..).zip(&self.cases);
        ranked.flat_map(move |(rank, case): (usize, _)| {
            let start = format!("{part}-{rank}-{}", in_file_name(&case.id));
            case.pictures.iter().map(move |(name, png)| (format!("{start}-{name}"), &png[..]))
        })
    }

    /// What could not be drawn, and why.
    pub fn undrawn(&self) -> &[anyhow::Error] {
        &self.undrawn
    }
}

fn draw(
    what: &str,
    lesions: &[Lesion],
    heart: Option<&Mask>,
    seen: &CalciumSeen,
) -> anyhow::Result<Vec<NamedPicture>> {
    let scene = Scene { volume: &seen.subject.volume, heart, lesions: Some(lesions) };
    let drawn = pictures(&scene).context(what.to_owned())?;
    Ok(drawn.into_iter().map(|picture| (format!("{what}-{}", picture.file_name), picture.png)).collect())
}

/// A case's name as part of a file name: a table may hold anything.
fn in_file_name(id: &str) -> String {
    id.chars().map(|c| if c.is_ascii_alphanumeric() || "-_.".contains(c) { c } else { '_' }).collect()
}
