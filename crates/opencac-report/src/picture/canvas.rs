//! A small RGB drawing surface with text and PNG output.

use ab_glyph::{Font, FontRef, GlyphId, PxScale, ScaleFont, point};

use super::PictureError;
use super::palette::{BLACK, Rgb};

/// The embedded font: Noto Sans Bold (SIL Open Font License 1.1), legible at small sizes on grey.
pub struct Typeface(FontRef<'static>);

impl Typeface {
    pub fn new() -> Result<Self, PictureError> {
        Ok(Self(FontRef::try_from_slice(notosans::BOLD_TTF)?))
    }

    /// Width of a line in pixels.
    pub fn width(&self, text: &str, height_px: u32) -> i32 {
        let font = self.0.as_scaled(PxScale::from(height_px as f32));
        layout(&font, text).1.ceil() as i32
    }
}

/// Glyphs with their left ends, and the width of the line.
fn layout<F: Font, S: ScaleFont<F>>(font: &S, text: &str) -> (Vec<(GlyphId, f32)>, f32) {
    let mut glyphs = Vec::new();
    let (mut x, mut previous) = (0.0, None);
    for character in text.chars() {
        let id = font.glyph_id(character);
        x += previous.map_or(0.0, |previous| font.kern(previous, id));
        glyphs.push((id, x));
        x += font.h_advance(id);
        previous = Some(id);
    }
    (glyphs, x)
}

/// Pixels of one colour each, x fastest. Drawing beyond the edges draws nothing.
pub struct Canvas {
    pub width: u32,
    pub height: u32,
    pixels: Vec<Rgb>,
}

impl Canvas {
    pub fn new(width: u32, height: u32, colour: Rgb) -> Self {
        Self { width, height, pixels: vec![colour; width as usize * height as usize] }
    }

    /// The position of a pixel in the array, or nothing beyond the edges.
    fn position(&self, x: i32, y: i32) -> Option<usize> {
        let (x, y) = (u32::try_from(x).ok()?, u32::try_from(y).ok()?);
        (x < self.width && y < self.height).then(|| y as usize * self.width as usize + x as usize)
    }

    #[cfg(test)]
    pub fn at(&self, x: i32, y: i32) -> Option<Rgb> {
        self.position(x, y).map(|at| self.pixels[at])
    }

    pub fn set(&mut self, x: i32, y: i32, colour: Rgb) {
        if let Some(at) = self.position(x, y) {
            self.pixels[at] = colour;
        }
    }

    fn blend(&mut self, x: i32, y: i32, colour: Rgb, opacity: f32) {
        if let Some(at) = self.position(x, y) {
            for (old, new) in self.pixels[at].iter_mut().zip(colour) {
                *old = (f32::from(*old) * (1.0 - opacity) + f32::from(new) * opacity).round() as u8;
            }
        }
    }

    pub fn fill(&mut self, area: Area, colour: Rgb) {
        for y in area.top..area.bottom {
            for x in area.left..area.right {
                self.set(x, y, colour);
            }
        }
    }

    /// Draws a line of text whose upper left corner is given.
    pub fn text(&mut self, typeface: &Typeface, at: [i32; 2], height_px: u32, text: &str, colour: Rgb) {
        let scale = PxScale::from(height_px as f32);
        let font = typeface.0.as_scaled(scale);
        for (id, x) in layout(&font, text).0 {
            let glyph =
                id.with_scale_and_position(scale, point(at[0] as f32 + x, at[1] as f32 + font.ascent()));
            if let Some(outline) = typeface.0.outline_glyph(glyph) {
                let corner = outline.px_bounds().min;
                outline.draw(|dx, dy, coverage| {
                    let (x, y) = (corner.x as i32 + dx as i32, corner.y as i32 + dy as i32);
                    self.blend(x, y, colour, coverage.clamp(0.0, 1.0));
                });
            }
        }
    }

    /// Text with a black rim, legible on any grey.
    pub fn rimmed_text(
        &mut self,
        typeface: &Typeface,
        at: [i32; 2],
        height_px: u32,
        text: &str,
        colour: Rgb,
    ) {
        for (dx, dy) in [(-1, -1), (0, -1), (1, -1), (-1, 0), (1, 0), (-1, 1), (0, 1), (1, 1)] {
            self.text(typeface, [at[0] + dx, at[1] + dy], height_px, text, BLACK);
        }
        self.text(typeface, at, height_px, text, colour);
    }

    /// The canvas as a PNG file.
    pub fn to_png(&self) -> Result<Vec<u8>, PictureError> {
        let mut file = Vec::new();
        let mut encoder = png::Encoder::new(&mut file, self.width, self.height);
        encoder.set_color(png::ColorType::Rgb);
        encoder.set_depth(png::BitDepth::Eight);
        encoder.set_compression(png::Compression::Balanced);
        let mut writer = encoder.write_header()?;
        writer.write_image_data(self.pixels.as_flattened())?;
        writer.finish()?;
        Ok(file)
    }
}

/// A rectangle of pixels; right and bottom are exclusive.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Area {
    pub left: i32,
    pub top: i32,
    pub right: i32,
    pub bottom: i32,
}

impl Area {
    pub fn at([left, top]: [i32; 2], [width, height]: [i32; 2]) -> Self {
        Self { left, top, right: left + width, bottom: top + height }
    }

    pub fn overlaps(&self, other: &Self) -> bool {
        self.left < other.right
            && other.left < self.right
            && self.top < other.bottom
            && other.top < self.bottom
    }

    pub fn is_within(&self, other: &Self) -> bool {
        self.left >= other.left
            && self.top >= other.top
            && self.right <= other.right
            && self.bottom <= other.bottom
    }
}
