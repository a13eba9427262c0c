//! Draws a plane as a picture with outlines, labels, directions, scale and legend.

use opencac_core::score::{Lesion, Vessel};

use super::canvas::{Area, Canvas, Typeface};
use super::palette::{BLACK, Rgb, WHITE, colour, short_name};
use super::plane::Plane;
use super::{Picture, PictureError, Scene};

/// Width and largest height of the anatomy in pixels: about 200 dots an inch at two pictures across an A4 page.
const IMAGE_WIDTH_PX: f64 = 720.0;
const IMAGE_MAX_HEIGHT_PX: f64 = 900.0;

/// Narrowest canvas; narrower anatomy is centred on it.
const MIN_WIDTH_PX: u32 = 480;

const OUTLINE_PX: i32 = 2;
const TEXT_PX: u32 = 22;
const LABEL_PX: u32 = 21;
const LETTER_PX: u32 = 28;
const STRIP_PX: u32 = 64;

/// An intensity window by level and width in HU.
#[derive(Debug, Clone, Copy)]
struct Window {
    level_hu: f64,
    width_hu: f64,
}

/// The usual soft-tissue window of the chest.
const SOFT_TISSUE: Window = Window { level_hu: 40.0, width_hu: 400.0 };

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
    let canvas = draw(scene.lesions, plane, SOFT_TISSUE, &title)?;
    let seen = describe_lesions(scene.lesions, plane);
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
    let canvas = draw(scene.lesions, plane, PROJECTION, &title)?;
    let seen = describe_lesions(scene.lesions, plane);
    Ok(Picture {
        file_name: format!("mip-{view}.png"),
        caption: format!("{title}. {seen}"),
        alternative_text: format!("{title}. {seen}"),
        width: canvas.width,
        height: canvas.height,
        png: canvas.to_png()?,
    })
}

/// Which lesions are in the plane, in words; empty without lesions in the scene.
fn describe_lesions(lesions: &[Lesion], plane: &Plane) -> String {
    /// More are counted rather than named.
    const MOST_NAMED: usize = 8;
    let seen = lesions_in(lesions, plane);
    match seen.len() {
        0 if lesions.is_empty() => String::new(),
        0 => "No lesion.".into(),
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

/// The number of a lesion in the report's table, and its vessel.
fn label(lesion: &Lesion) -> String {
    match lesion.vessel {
        Some(vessel) => format!("{} {}", lesion.id, short_name(vessel)),
        None => lesion.id.to_string(),
    }
}

/// Where the plane lies on the canvas.
#[derive(Debug, Clone, Copy)]
struct Placement {
    pixels_per_mm: f64,
    area: Area,
}

impl Placement {
    /// Fits the plane into the image, true to its proportions.
    fn new(plane: &Plane) -> (Self, u32) {
        let [width_mm, height_mm] = [0, 1].map(|k| plane.size[k] as f64 * plane.spacing_mm[k]);
        let pixels_per_mm = (IMAGE_WIDTH_PX / width_mm).min(IMAGE_MAX_HEIGHT_PX / height_mm);
        let [width, height] = [width_mm, height_mm].map(|mm| ((mm * pixels_per_mm).round() as i32).max(1));
        let canvas_width = MIN_WIDTH_PX.max(width.unsigned_abs());
        let left = (canvas_width as i32 - width) / 2;
        (Self { pixels_per_mm, area: Area::at([left, 0], [width, height]) }, canvas_width)
    }

    /// The continuous column and row of the plane under the centre of a canvas pixel (0.0: centre of the first).
    fn plane_from_canvas(self, plane: &Plane, x: i32, y: i32) -> [f64; 2] {
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
    let taken = draw_directions(&mut canvas, &typeface, plane, placement);
    draw_labels(&mut canvas, &typeface, lesions, &shown, (area, taken));

    let strip = area.bottom + 4;
    canvas.text(&typeface, [4, strip], TEXT_PX, title, BLACK);
    let range = format!("L {:.0} W {:.0} HU", window.level_hu, window.width_hu);
    let left = width as i32 - 4 - typeface.width(&range, TEXT_PX);
    // The legend shares its line with the window, which is never missed where space is short.
    let end = draw_legend(&mut canvas, &typeface, [4, strip + 28], &lesions_in(lesions, plane));
    if end < left {
        canvas.text(&typeface, [left, strip + 28], TEXT_PX, &range, BLACK);
    }
    Ok(canvas)
}

/// The intensities, interpolated linearly between voxel centres.
fn draw_anatomy(canvas: &mut Canvas, plane: &Plane, placement: Placement, window: Window) {
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

/// Letters at the edges and the scale bar; gives the areas they take.
fn draw_directions(
    canvas: &mut Canvas,
    typeface: &Typeface,
    plane: &Plane,
    placement: Placement,
) -> Vec<Area> {
    let area = placement.area;
    let [middle_x, middle_y] = [(area.left + area.right) / 2, (area.top + area.bottom) / 2];
    let (letters, size) = (plane.letters, LETTER_PX as i32);
    let half = size / 2;
    let mut taken = Vec::new();
    for (letter, at) in [
        (letters.left, [area.left + 8, middle_y - half]),
        (letters.right, [area.right - 8 - typeface.width(letters.right, LETTER_PX), middle_y - half]),
        (letters.top, [middle_x - half / 2, area.top + 2]),
        (letters.bottom, [middle_x - half / 2, area.bottom - size - 4]),
    ] {
        canvas.rimmed_text(typeface, at, LETTER_PX, letter, WHITE);
        taken.push(Area::at(at, [size, size]));
    }
    taken.extend(draw_scale_bar(canvas, typeface, placement));
    taken
}

/// A bar of a round number of millimetres in the lower left corner.
fn draw_scale_bar(canvas: &mut Canvas, typeface: &Typeface, placement: Placement) -> Option<Area> {
    let area = placement.area;
    let longest = f64::from(area.right - area.left) * 0.3;
    let length_mm =
        [50.0, 20.0, 10.0, 5.0, 2.0, 1.0].into_iter().find(|mm| mm * placement.pixels_per_mm <= longest)?;
    let length = (length_mm * placement.pixels_per_mm).round() as i32;
    let bar = Area::at([area.left + 12, area.bottom - 14], [length, 4]);
    canvas.fill(Area::at([bar.left - 2, bar.top - 2], [length + 4, 8]), BLACK);
    canvas.fill(bar, WHITE);
    let text = format!("{length_mm:.0} mm");
    canvas.rimmed_text(typeface, [bar.left, bar.top - 28], TEXT_PX, &text, WHITE);
    let width = length.max(typeface.width(&text, TEXT_PX));
    Some(Area::at([bar.left, bar.top - 28], [width, 34]))
}

/// Writes number and vessel beside each lesion, the largest first, where there is room.
fn draw_labels(
    canvas: &mut Canvas,
    typeface: &Typeface,
    lesions: &[Lesion],
    shown: &[(usize, Area)],
    (image, mut taken): (Area, Vec<Area>),
) {
    // No label may cover any lesion.
    taken.extend(shown.iter().map(|(_, area)| Area {
        left: area.left - OUTLINE_PX,
        top: area.top - OUTLINE_PX,
        right: area.right + OUTLINE_PX,
        bottom: area.bottom + OUTLINE_PX,
    }));
    for (lesion, area) in shown {
        let lesion = &lesions[*lesion];
        let text = label(lesion);
        let size = [typeface.width(&text, LABEL_PX), LABEL_PX as i32];
        let (gap, middle_y) = (OUTLINE_PX + 5, (area.top + area.bottom - size[1]) / 2);
        let middle_x = (area.left + area.right - size[0]) / 2;
        let candidates = [
            [area.right + gap, middle_y],
            [area.left - gap - size[0], middle_y],
            [middle_x, area.top - gap - size[1]],
            [middle_x, area.bottom + gap],
            [area.right + gap, area.top - gap - size[1]],
            [area.left - gap - size[0], area.top - gap - size[1]],
            [area.right + gap, area.bottom + gap],
            [area.left - gap - size[0], area.bottom + gap],
        ];
        let free = |at: &[i32; 2]| {
            let place = Area::at(*at, size);
            place.is_within(&image) && !taken.iter().any(|other| other.overlaps(&place))
        };
        if let Some(at) = candidates.into_iter().find(free) {
            canvas.rimmed_text(typeface, at, LABEL_PX, &text, colour(lesion.vessel));
            taken.push(Area::at(at, size));
        }
    }
}

/// The colours of the vessels in the plane; gives where the line ends.
fn draw_legend(canvas: &mut Canvas, typeface: &Typeface, [left, top]: [i32; 2], seen: &[&Lesion]) -> i32 {
    let mut entries: Vec<(&str, Rgb)> = Vec::new();
    if seen.iter().any(|lesion| lesion.vessel.is_none()) {
        entries.push(("calcium", colour(None)));
    }
    for vessel in Vessel::ALL {
        if seen.iter().any(|lesion| lesion.vessel == Some(vessel)) {
            entries.push((short_name(vessel), colour(Some(vessel))));
        }
    }
    let mut x = left;
    for (name, rgb) in entries {
        canvas.fill(Area::at([x, top + 4], [18, 18]), BLACK);
        canvas.fill(Area::at([x + 2, top + 6], [14, 14]), rgb);
        canvas.text(typeface, [x + 24, top], TEXT_PX, name, BLACK);
        x += 24 + typeface.width(name, TEXT_PX) + 18;
    }
    x
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::picture::plane::EdgeLetters;
    use opencac_core::PatientPoint;
    use opencac_core::score::Totals;

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
        assert_eq!(describe_lesions(&lesions, &plane()), "Lesions 1 LAD, 2.");
        assert_eq!(describe_lesions(&[], &Plane { lesion: vec![0; 600], ..plane() }), "");
    }
}
