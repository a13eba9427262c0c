//! The embedded typeface: Noto Sans (SIL Open Font License), so that a figure looks the same on a machine without
//! any font.

use ab_glyph::{Font, FontRef, OutlineCurve};

use crate::StatsError;

/// Family names for SVG, from the one the layout was measured with to what every viewer has.
pub(super) const FAMILY: &str = "Noto Sans, Arial, Helvetica, sans-serif";

/// Height of the middle of digits and capitals above the baseline, as a fraction of the type size (cap height
/// 0.714 em in Noto Sans).
pub(super) const MIDDLE: f64 = 0.357;

/// A face of the family.
pub(super) struct Face {
    font: FontRef<'static>,
}

/// A glyph's place on the line.
pub(super) struct Placed {
    /// Outline in font units, y upwards.
    pub(super) curves: Vec<OutlineCurve>,
    /// Left edge in em.
    pub(super) x: f64,
}

impl Face {
    pub(super) fn new(bold: bool) -> Result<Self, StatsError> {
        let bytes = if bold { notosans::BOLD_TTF } else { notosans::REGULAR_TTF };
        let font = FontRef::try_from_slice(bytes)
            .map_err(|error| StatsError::Drawing { problem: format!("embedded font: {error}") })?;
        Ok(Self { font })
    }

    /// Font units in an em.
    pub(super) fn units_per_em(&self) -> f64 {
        f64::from(self.font.units_per_em().unwrap_or(1000.0))
    }

    /// Glyphs in reading order and the width of the whole in em, with kerning.
    pub(super) fn layout(&self, text: &str) -> (Vec<Placed>, f64) {
        let em = self.units_per_em();
        let mut x = 0.0;
        let mut previous = None;
        let mut glyphs = Vec::new();
        for character in text.chars() {
            let id = self.font.glyph_id(character);
            if let Some(previous) = previous {
                x += f64::from(self.font.kern_unscaled(previous, id)) / em;
            }
            if let Some(outline) = self.font.outline(id) {
                glyphs.push(Placed { curves: outline.curves, x });
            }
            x += f64::from(self.font.h_advance_unscaled(id)) / em;
            previous = Some(id);
        }
        (glyphs, x)
    }
}

/// Width of a line of text in points; a rough guess where the embedded font cannot be read.
pub(super) fn text_width(text: &str, size: f64, bold: bool) -> f64 {
    Face::new(bold).map_or(0.55 * text.chars().count() as f64, |face| face.layout(text).1) * size
}
