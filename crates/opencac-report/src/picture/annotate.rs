//! Words and marks on a picture: directions, scale, labels beside the lesions, legend.

use opencac_core::score::{Lesion, Vessel};

use super::canvas::{Area, Canvas, Typeface};
use super::draw::{OUTLINE_PX, Placement};
use super::palette::{BLACK, Rgb, WHITE, colour, short_name};
use super::plane::Plane;

/// Height of titles and legends; legible at two pictures across an A4 page.
pub const TEXT_PX: u32 = 26;
const LABEL_PX: u32 = 28;
const LETTER_PX: u32 = 32;

/// The number of a lesion in the report's table, and its vessel.
pub fn label(lesion: &Lesion) -> String {
    match lesion.vessel {
        Some(vessel) => format!("{} {}", lesion.id, short_name(vessel)),
        None => lesion.id.to_string(),
    }
}

/// Letters at the edges and the scale bar; gives the areas they take.
pub fn directions(
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
    taken.extend(scale_bar(canvas, typeface, placement));
    taken
}

/// A bar of a round number of millimetres in the lower left corner.
fn scale_bar(canvas: &mut Canvas, typeface: &Typeface, placement: Placement) -> Option<Area> {
    let area = placement.area;
    let longest = f64::from(area.right - area.left) * 0.3;
    let length_mm =
        [50.0, 20.0, 10.0, 5.0, 2.0, 1.0].into_iter().find(|mm| mm * placement.pixels_per_mm <= longest)?;
    let length = (length_mm * placement.pixels_per_mm).round() as i32;
    let bar = Area::at([area.left + 12, area.bottom - 14], [length, 4]);
    canvas.fill(Area::at([bar.left - 2, bar.top - 2], [length + 4, 8]), BLACK);
    canvas.fill(bar, WHITE);
    let text = format!("{length_mm:.0} mm");
    canvas.rimmed_text(typeface, [bar.left, bar.top - 32], TEXT_PX, &text, WHITE);
    let width = length.max(typeface.width(&text, TEXT_PX));
    Some(Area::at([bar.left, bar.top - 32], [width, 38]))
}

/// Writes number and vessel beside each lesion, the largest first, where there is room.
pub fn labels(
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
pub fn legend(canvas: &mut Canvas, typeface: &Typeface, [left, top]: [i32; 2], seen: &[&Lesion]) -> i32 {
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
        canvas.fill(Area::at([x, top + 7], [20, 20]), BLACK);
        canvas.fill(Area::at([x + 2, top + 9], [16, 16]), rgb);
        canvas.text(typeface, [x + 26, top], TEXT_PX, name, BLACK);
        x += 26 + typeface.width(name, TEXT_PX) + 18;
    }
    x
}
