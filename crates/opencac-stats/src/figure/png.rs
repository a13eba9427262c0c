//! A drawing as PNG, text as outlines of the embedded font.

use ab_glyph::OutlineCurve;
use tiny_skia::{FillRule, LineCap, LineJoin, Paint, PathBuilder, Pixmap, StrokeDash, Transform};

use super::font::{Face, MIDDLE};
use super::scene::{Anchor, Color, Label, Scene, Shape};
use crate::StatsError;

/// Points in an inch.
const POINTS_PER_INCH: f64 = 72.0;

/// The drawing as a PNG file that states its resolution.
pub fn png(scene: &Scene, dots_per_inch: u32) -> Result<Vec<u8>, StatsError> {
    let fail = |problem: String| StatsError::Drawing { problem };
    let scale = f64::from(dots_per_inch) / POINTS_PER_INCH;
    let (width, height) = ((scene.width * scale).ceil() as u32, (scene.height * scale).ceil() as u32);
    let mut page = Pixmap::new(width, height)
        .ok_or_else(|| fail(format!("{width} x {height} pixels are not a possible picture")))?;
    page.fill(tiny_skia::Color::WHITE);
    let faces = [Face::new(false)?, Face::new(true)?];
    let to_pixels = Transform::from_scale(scale as f32, scale as f32);
    for shape in &scene.shapes {
        paint(&mut page, shape, &faces, to_pixels);
    }
    let bytes = page.encode_png().map_err(|error| fail(error.to_string()))?;
    Ok(with_resolution(bytes, dots_per_inch))
}

fn paint(page: &mut Pixmap, shape: &Shape, faces: &[Face; 2], to_pixels: Transform) {
    match shape {
        Shape::Line { points, stroke } => {
            let stroke_style = tiny_skia::Stroke {
                width: stroke.width as f32,
                line_cap: LineCap::Butt,
                line_join: LineJoin::Round,
                dash: stroke.dash.and_then(|(on, off)| StrokeDash::new(vec![on as f32, off as f32], 0.0)),
                ..tiny_skia::Stroke::default()
            };
            if let Some(path) = polygon(points, false) {
                page.stroke_path(&path, &colour(stroke.color, 1.0), &stroke_style, to_pixels, None);
            }
        }
        Shape::Area { points, color, opacity } => {
            if let Some(path) = polygon(points, true) {
                page.fill_path(&path, &colour(*color, *opacity), FillRule::Winding, to_pixels, None);
            }
        }
        Shape::Disc { at, radius, color, opacity } => {
            if let Some(path) = PathBuilder::from_circle(at.0 as f32, at.1 as f32, *radius as f32) {
                page.fill_path(&path, &colour(*color, *opacity), FillRule::Winding, to_pixels, None);
            }
        }
        Shape::Label(label) => text(page, label, &faces[usize::from(label.bold)], to_pixels),
    }
}

fn polygon(points: &[(f64, f64)], closed: bool) -> Option<tiny_skia::Path> {
    let mut path = PathBuilder::new();
    for (i, &(x, y)) in points.iter().enumerate() {
        if i == 0 { path.move_to(x as f32, y as f32) } else { path.line_to(x as f32, y as f32) }
    }
    if closed {
        path.close();
    }
    path.finish()
}

fn colour(Color(r, g, b): Color, opacity: f64) -> Paint<'static> {
    let mut paint = Paint { anti_alias: true, ..Paint::default() };
    paint.set_color_rgba8(r, g, b, (opacity.clamp(0.0, 1.0) * 255.0).round() as u8);
    paint
}

fn text(page: &mut Pixmap, label: &Label, face: &Face, to_pixels: Transform) {
    let (glyphs, width) = face.layout(&label.text);
    let width = width * label.size;
    let back = match label.anchor {
        Anchor::Start => 0.0,
        Anchor::Middle => width / 2.0,
        Anchor::End => width,
    };
    // From font units (y up) to points on a baseline that starts at the origin, then to the label's place.
    let unit = (label.size / face.units_per_em()) as f32;
    let turn = if label.upward { Transform::from_rotate(-90.0) } else { Transform::identity() };
    let place = turn
        .pre_translate(-back as f32, (MIDDLE * label.size) as f32)
        .post_translate(label.at.0 as f32, label.at.1 as f32)
        .post_concat(to_pixels);
    for glyph in glyphs {
        let offset = Transform::from_translate((glyph.x * label.size) as f32, 0.0).pre_scale(unit, -unit);
        if let Some(path) = outline(&glyph.curves) {
            page.fill_path(
                &path,
                &colour(label.color, 1.0),
                FillRule::Winding,
                offset.post_concat(place),
                None,
            );
        }
    }
}

/// Joins loose curves into contours: a curve that does not start where the last one ended starts a new contour.
fn outline(curves: &[OutlineCurve]) -> Option<tiny_skia::Path> {
    let mut path = PathBuilder::new();
    let mut end = None;
    for curve in curves {
        let start = match curve {
            OutlineCurve::Line(p, _) | OutlineCurve::Quad(p, _, _) | OutlineCurve::Cubic(p, _, _, _) => *p,
        };
        if end != Some(start) {
            if end.is_some() {
                path.close();
            }
            path.move_to(start.x, start.y);
        }
        end = Some(match curve {
            OutlineCurve::Line(_, q) => {
                path.line_to(q.x, q.y);
                *q
            }
            OutlineCurve::Quad(_, c, q) => {
                path.quad_to(c.x, c.y, q.x, q.y);
                *q
            }
            OutlineCurve::Cubic(_, c, d, q) => {
                path.cubic_to(c.x, c.y, d.x, d.y, q.x, q.y);
                *q
            }
        });
    }
    path.close();
    path.finish()
}

/// Inserts the `pHYs` chunk (pixels per metre) behind the header chunk, so that page layout programs and journals'
/// upload checks see the resolution.
fn with_resolution(png: Vec<u8>, dots_per_inch: u32) -> Vec<u8> {
    /// Signature (8) and the IHDR chunk (4 + 4 + 13 + 4).
    const HEADER: usize = 33;
    let per_metre = (f64::from(dots_per_inch) / 0.0254).round() as u32;
    let mut chunk = b"pHYs".to_vec();
    chunk.extend(per_metre.to_be_bytes());
    chunk.extend(per_metre.to_be_bytes());
    chunk.push(1);
    let mut check = flate2::Crc::new();
    check.update(&chunk);
    let mut out = Vec::with_capacity(png.len() + chunk.len() + 8);
    let (header, rest) = png.split_at(HEADER.min(png.len()));
    out.extend(header);
    out.extend((chunk.len() as u32 - 4).to_be_bytes());
    out.extend(chunk);
    out.extend(check.sum().to_be_bytes());
    out.extend(rest);
    out
}
