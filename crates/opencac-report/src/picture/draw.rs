//! Draws a plane as a picture with outlines, labels, directions, scale and legend.

use opencac_core::score::Lesion;

use super::annotate::{self, TEXT_PX, label};
use super::canvas::{Area, Canvas, Typeface};
use super::palette::{BLACK, WHITE, colour};
use super::plane::Plane;
use super::{Picture, PictureError, Scene};

/// Width and largest height of the anatomy in pixels: about 200 dots an inch at two pictures across an A4 page.
const IMAGE_WIDTH_PX: f64 = 720.0;
const IMAGE_MAX_HEIGHT_PX: f64 = 900.0;

/// Narrowest canvas; narrower anatomy is centred on it.
const MIN_WIDTH_PX: u32 = 480;

/// Width of the line around a lesion.
pub const OUTLINE_PX: i32 = 2;
/// Height of the strip with title and legend under the anatomy.
pub const STRIP_PX: u32 = 72;

/// An intensity window by level and width in HU.
#[derive(Debug, Clone, Copy)]
pub struct Window {
    level_hu: f64,
    width_hu: f64,
}

/// The usual soft-tissue window of the chest.
pub const SOFT_TISSUE: Window = Window { level_hu: 40.0, width_hu: 400.0 };

/// A window for projections, whose noise adds up: blood stays dark grey, and calcium is not all white.
const PROJECTION: Window = Window { level_hu: 200.0, width_hu: 700.0 };

impl Window {
    fn grey(self, hu: i16) -> f64 {
        let lowest = self.level_hu - self.width_hu / 2.0;
        ((f64::from(hu) - lowest) / self.width_hu).clamp(0.0, 1.0) * 255.0
    }
}

/// The picture of slice `z`.
pub fn slice(scene: &Scene<'_>, z: usize, plane: &Plane) -> Result<Picture, PictureError> {
    let grid = scene.volume.grid();
    let middle = [grid.size()[0] as f64 / 2.0, grid.size()[1] as f64 / 2.0, z as f64];
    let height_mm = grid.patient_from_continuous(middle).0[2];
    let title = format!("Slice {} of {}, z {height_mm:.1} mm", z + 1, grid.size()[2]);
    let canvas = draw(scene.shown_lesions(), plane, SOFT_TISSUE, &title)?;
    let seen = describe_lesions(scene, plane);
    Ok(Picture {
        file_name: format!("slice-{:03}.png", z + 1),
        caption: format!("{title}. {seen}"),
        alternative_text: format!("Axial CT slice of the heart in a soft-tissue window. {seen}"),
        width: canvas.width,
        height: canvas.height,
        png: canvas.to_png()?,
    })
}

/// The picture of a maximum-intensity projection; `view` is `axial` or `coronal`.
pub fn projection(scene: &Scene<'_>, view: &str, plane: &Plane) -> Result<Picture, PictureError> {
    let region = if scene.heart.is_some() { "heart" } else { "lesions" };
    let title = format!("Maximum intensity of the {region}, {view}");
    let canvas = draw(scene.shown_lesions(), plane, PROJECTION, &title)?;
    let seen = describe_lesions(scene, plane);
    Ok(Picture {
        file_name: format!("mip-{view}.png"),
        caption: format!("{title}. {seen}"),
        alternative_text: format!("{title}. {seen}"),
        width: canvas.width,
        height: canvas.height,
        png: canvas.to_png()?,
    })
}

/// Which lesions are in the plane, in words; empty where nothing was scored.
fn describe_lesions(scene: &Scene<'_>, plane: &Plane) -> String {
    /// More are counted rather than named.
    const MOST_NAMED: usize = 8;
    let Some(lesions) = scene.lesions else { return String::new() };
    let seen = lesions_in(lesions, plane);
    match seen.len() {
        0 => "No lesion counted.".into(),
        1 => format!("Lesion {}.", label(seen[0])),
        2..=MOST_NAMED => {
            format!("Lesions {}.", seen.iter().map(|l| label(l)).collect::<Vec<_>>().join(", "))
        }
        count => format!("{count} lesions."),
    }
}

fn lesions_in<'a>(lesions: &'a [Lesion], plane: &Plane) -> Vec<&'a Lesion> {
    let mut present = vec![false; lesions.len() + 1];
    for &lesion in &plane.lesion {
        present[lesion] = true;
    }
    lesions.iter().zip(&present[1..]).filter(|(_, present)| **present).map(|(lesion, _)| lesion).collect()
}

/// Where the plane lies on the canvas.
#[derive(Debug, Clone, Copy)]
pub struct Placement {
    pub pixels_per_mm: f64,
    pub area: Area,
}

impl Placement {
    /// Fits the plane into the image, true to its proportions.
    pub fn new(plane: &Plane) -> (Self, u32) {
        let [width_mm, height_mm] = [0, 1].map(|k| plane.size[k] as f64 * plane.spacing_mm[k]);
        let pixels_per_mm = (IMAGE_WIDTH_PX / width_mm).min(IMAGE_MAX_HEIGHT_PX / height_mm);
        let [width, height] = [width_mm, height_mm].map(|mm| ((mm * pixels_per_mm).round() as i32).max(1));
        let canvas_width = MIN_WIDTH_PX.max(width.unsigned_abs());
        let left = (canvas_width as i32 - width) / 2;
        (Self { pixels_per_mm, area: Area::at([left, 0], [width, height]) }, canvas_width)
    }

    /// The continuous column and row of the plane under the centre of a canvas pixel (0.0: centre of the first).
    pub fn plane_from_canvas(self, plane: &Plane, x: i32, y: i32) -> [f64; 2] {
        let [dx, dy] =
            [x - self.area.left, y - self.area.top].map(|d| (f64::from(d) + 0.5) / self.pixels_per_mm);
        [dx / plane.spacing_mm[0] - 0.5, dy / plane.spacing_mm[1] - 0.5]
    }
}

fn draw(lesions: &[Lesion], plane: &Plane, window: Window, title: &str) -> Result<Canvas, PictureError> {
    let typeface = Typeface::new()?;
    let (placement, width) = Placement::new(plane);
    let area = placement.area;
    let mut canvas = Canvas::new(width, area.bottom.unsigned_abs() + STRIP_PX, WHITE);
    draw_anatomy(&mut canvas, plane, placement, window);
    let shown = outline(&mut canvas, lesions, plane, placement);
    let taken = annotate::directions(&mut canvas, &typeface, plane, placement);
    annotate::labels(&mut canvas, &typeface, lesions, &shown, (area, taken));

    let strip = area.bottom + 4;
    canvas.text(&typeface, [4, strip], TEXT_PX, title, BLACK);
    let range = format!("L {:.0} W {:.0} HU", window.level_hu, window.width_hu);
    let left = width as i32 - 4 - typeface.width(&range, TEXT_PX);
    // The legend shares its line with the window, which is never missed where space is short.
    let end = annotate::legend(&mut canvas, &typeface, [4, strip + 32], &lesions_in(lesions, plane));
    if end < left {
        canvas.text(&typeface, [left, strip + 32], TEXT_PX, &range, BLACK);
    }
    Ok(canvas)
}

/// The intensities, interpolated linearly between voxel centres.
pub fn draw_anatomy(canvas: &mut Canvas, plane: &Plane, placement: Placement, window: Window) {
    let grey: Vec<f64> = plane.hu.iter().map(|&hu| window.grey(hu)).collect();
    let area = placement.area;
    for y in area.top..area.bottom {
        for x in area.left..area.right {
            let position = placement.plane_from_canvas(plane, x, y);
            let value = interpolated(&grey, plane.size, position).round() as u8;
            canvas.set(x, y, [value; 3]);
        }
    }
}

fn interpolated(values: &[f64], size: [usize; 2], position: [f64; 2]) -> f64 {
    let [column, row] = [0, 1].map(|k| {
        let clamped = position[k].clamp(0.0, (size[k] - 1) as f64);
        let low = clamped as usize;
        (low, (low + 1).min(size[k] - 1), clamped - clamped.floor())
    });
    let along = |row: usize| {
        let (a, b) = (values[row * size[0] + column.0], values[row * size[0] + column.1]);
        a + (b - a) * column.2
    };
    let (top, bottom) = (along(row.0), along(row.1));
    top + (bottom - top) * row.2
}

/// Draws a line around the voxels of each lesion, outside them, so that the calcium itself stays visible.
/// Gives the area that each lesion takes on the canvas, in the scene's order.
fn outline(
    canvas: &mut Canvas,
    lesions: &[Lesion],
    plane: &Plane,
    placement: Placement,
) -> Vec<(usize, Area)> {
    let area = placement.area;
    let [width, height] = [area.right - area.left, area.bottom - area.top];
    let mut lesion_at = vec![0_usize; width as usize * height as usize];
    let position = |x: i32, y: i32| {
        ((0..width).contains(&x) && (0..height).contains(&y))
            .then(|| y as usize * width as usize + x as usize)
    };
    let mut areas: Vec<Option<Area>> = vec![None; lesions.len()];
    for y in 0..height {
        for x in 0..width {
            let nearest = placement.plane_from_canvas(plane, x + area.left, y + area.top);
            let [column, row] = [0, 1].map(|k| (nearest[k].round().max(0.0) as usize).min(plane.size[k] - 1));
            let lesion = plane.lesion[row * plane.size[0] + column];
            if let (Some(at), true) = (position(x, y), lesion > 0) {
                lesion_at[at] = lesion;
                let pixel = Area::at([x + area.left, y + area.top], [1, 1]);
                let whole = areas[lesion - 1].get_or_insert(pixel);
                *whole = Area {
                    left: whole.left.min(pixel.left),
                    top: whole.top.min(pixel.top),
                    right: whole.right.max(pixel.right),
                    bottom: whole.bottom.max(pixel.bottom),
                };
            }
        }
    }
    for y in 0..height {
        for x in 0..width {
            let Some(at) = position(x, y) else { continue };
            let own = lesion_at[at];
            if own == 0 {
                continue;
            }
            let rim = colour(lesions[own - 1].vessel);
            for dy in -OUTLINE_PX..=OUTLINE_PX {
                for dx in -OUTLINE_PX..=OUTLINE_PX {
                    if position(x + dx, y + dy).is_some_and(|near| lesion_at[near] == 0) {
                        canvas.set(x + dx + area.left, y + dy + area.top, rim);
                    }
                }
            }
        }
    }
    areas.into_iter().enumerate().filter_map(|(lesion, area)| Some((lesion, area?))).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::picture::palette::Rgb;
    use crate::picture::plane::EdgeLetters;
    use opencac_core::score::{Totals, Vessel};
    use opencac_core::{Grid, PatientPoint, Volume};

    fn lesion(id: usize, vessel: Option<Vessel>) -> Lesion {
        Lesion {
            id,
            vessel,
            totals: Totals::default(),
            peak_hu: 400,
            mean_hu: 300.0,
            centroid: PatientPoint([0.0; 3]),
            slices: [0, 0],
            voxels: Vec::new(),
        }
    }

    /// 30 x 20 pixels of 4 x 3 mm: 120 x 60 mm, 6 canvas pixels a millimetre.
    fn plane() -> Plane {
        let mut plane = Plane {
            size: [30, 20],
            spacing_mm: [4.0, 3.0],
            hu: vec![40; 600],
            lesion: vec![0; 600],
            letters: EdgeLetters { left: "R", right: "L", top: "A", bottom: "P" },
        };
        for at in [5 * 30 + 7, 5 * 30 + 8] {
            plane.lesion[at] = 1;
            plane.hu[at] = 400;
        }
        plane.lesion[12 * 30 + 20] = 2;
        plane
    }

    #[test]
    fn an_outline_runs_round_the_lesion_in_the_colour_of_its_vessel() {
        let lesions = [lesion(1, Some(Vessel::Lad)), lesion(2, Some(Vessel::Rca))];
        let canvas = draw(&lesions, &plane(), SOFT_TISSUE, "title").unwrap();
        assert_eq!((canvas.width, canvas.height), (720, 360 + STRIP_PX));
        // Lesion 1 covers x 7 * 24 .. 9 * 24 and y 5 * 18 .. 6 * 18.
        let (left, right, top, bottom) = (168, 216, 90, 108);
        let lad = Some(colour(Some(Vessel::Lad)));
        for x in [left - 2, left, (left + right) / 2, right - 1, right + 1] {
            assert_eq!(canvas.at(x, top - 1), lad, "above, x {x}");
            assert_eq!(canvas.at(x, bottom), lad, "below, x {x}");
        }
        for y in [top, bottom - 1] {
            assert_eq!(canvas.at(left - 1, y), lad, "left, y {y}");
            assert_eq!(canvas.at(right, y), lad, "right, y {y}");
        }
        assert_ne!(canvas.at(left - 1 - OUTLINE_PX, top), lad);
        // The calcium is not painted over, nor is the line between its two pixels.
        // At its centre line, interpolation mixes in a little of the tissue below.
        assert_eq!(canvas.at(192, 99), Some([251; 3]));
        assert_eq!(canvas.at(20 * 24 - 1, 12 * 18 + 9), Some(colour(Some(Vessel::Rca))));
        let centre = canvas.at(20 * 24 + 12, 12 * 18 + 9);
        assert_eq!(centre, Some([128; 3]), "40 HU is the middle of the soft-tissue window");
    }

    #[test]
    fn every_vessel_has_its_own_colour() {
        let mut colours: Vec<Rgb> = Vessel::ALL.into_iter().map(|v| colour(Some(v))).collect();
        colours.push(colour(None));
        colours.sort_unstable();
        colours.dedup();
        assert_eq!(colours.len(), 5);
        assert!(colours.iter().all(|[r, g, b]| r != g || g != b), "none may pass for a grey of the scan");
    }

    #[test]
    fn pictures_of_odd_planes_have_bounded_size() {
        for size in [[1, 1], [1, 300], [300, 1]] {
            let count = size[0] * size[1];
            let plane = Plane { size, hu: vec![0; count], lesion: vec![0; count], ..plane() };
            let canvas = draw(&[], &plane, SOFT_TISSUE, "odd").unwrap();
            assert!((MIN_WIDTH_PX..=720).contains(&canvas.width));
            assert!((STRIP_PX + 1..=900 + STRIP_PX).contains(&canvas.height), "{size:?}: {}", canvas.height);
        }
    }

    #[test]
    fn words_name_the_lesions_in_the_plane() {
        let lesions = [lesion(1, Some(Vessel::Lad)), lesion(2, None), lesion(3, None)];
        let grid = Grid::axial([1; 3], [1.0; 3], PatientPoint([0.0; 3])).unwrap();
        let volume = Volume::new(grid, vec![0]).unwrap();
        let scene = Scene { volume: &volume, heart: None, lesions: Some(&lesions) };
        assert_eq!(describe_lesions(&scene, &plane()), "Lesions 1 LAD, 2.");
        let empty = Plane { lesion: vec![0; 600], ..plane() };
        assert_eq!(describe_lesions(&scene, &empty), "No lesion counted.");
        assert_eq!(describe_lesions(&Scene { lesions: None, ..scene }, &empty), "");
    }
}
