//! From planes in the patient to one regular grid: positions and orientation only, never file names, instance
//! numbers or the slice thickness.

use opencac_core::grid::AXIS_TOLERANCE;
use opencac_core::{Grid, PatientPoint};

use super::error::ReadError;
use super::header::Plane;

/// Two slices are in the same place when this near along the normal. Reconstruction increments go down to
/// 0.1 mm; positions are written with at least two decimals.
pub(crate) const SAME_PLACE_MM: f64 = 0.01;

/// How far a slice may lie from its place on the regular grid: 0.1 mm, since scanners round positions to a
/// tenth of a millimetre, or 5 % of a wider spacing, which moves no score.
const OFF_GRID_MM: f64 = 0.1;
const OFF_GRID_FRACTION: f64 = 0.05;

/// Pixel spacings may differ by rounding only.
const SAME_SPACING_MM: f64 = 1e-4;

/// Largest angle between the stacking direction and the slices' normal, in degrees: a tenth moves the last of
/// 200 mm by a third of a millimetre, half a pixel. Positions rounded to a tenth of a millimetre stay far
/// below; a tilted gantry is at least half a degree off.
const MAX_TILT_DEGREES: f64 = 0.1;

/// How far sideways a slice may lie from the line through the first and the last, in pixels.
const MAX_SIDEWAYS_PIXELS: f64 = 0.5;

/// Slices missing between two neighbours.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Gap {
    /// Index, on the volume's [`super::LoadedSeries::stack_axis`], of the last slice before the gap.
    pub after_slice: usize,
    /// Number of missing slices. The volume holds air (-1024 HU) in their places.
    pub missing: usize,
    /// Distance of the centres of the slices on both sides in mm.
    pub distance_mm: f64,
}

/// A slice's place in the stack.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Slot {
    /// Index along the stack.
    pub slice: usize,
    /// The planes that lie here, by their index in the input: one, or several duplicates.
    pub planes: Vec<usize>,
    /// Position along the normal in mm.
    pub position_mm: f64,
}

/// A regular stack.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Stack {
    pub grid: Grid,
    pub slots: Vec<Slot>,
    pub gaps: Vec<Gap>,
}

fn dot(a: &[f64; 3], b: &[f64; 3]) -> f64 {
    a[0] * b[0] + a[1] * b[1] + a[2] * b[2]
}

fn normalised(v: [f64; 3]) -> [f64; 3] {
    let length = dot(&v, &v).sqrt();
    v.map(|c| c / length)
}

/// The unit normal of a plane: row x column.
pub(crate) fn normal(plane: &Plane) -> [f64; 3] {
    let (a, b) = (&plane.row, &plane.column);
    normalised([a[1] * b[2] - a[2] * b[1], a[2] * b[0] - a[0] * b[2], a[0] * b[1] - a[1] * b[0]])
}

/// Whether two planes are parallel with their rows in the same direction, and if not by how much they differ.
fn turned_degrees(a: &Plane, b: &Plane) -> Option<f64> {
    let cosine = dot(&a.row, &b.row).min(dot(&a.column, &b.column)).min(dot(&normal(a), &normal(b)));
    // Rounded cosines leave 1 - cos in the order of the tolerance squared; compare the chord instead.
    let chord = |u: &[f64; 3], v: &[f64; 3]| (0..3).map(|k| (u[k] - v[k]).powi(2)).sum::<f64>().sqrt();
    let apart = chord(&a.row, &b.row).max(chord(&a.column, &b.column)) > AXIS_TOLERANCE;
    apart.then(|| cosine.clamp(-1.0, 1.0).acos().to_degrees())
}

/// The files of the planes, for messages.
pub(crate) type FileNames<'a> = &'a dyn Fn(usize) -> String;

/// Builds the stack of planes with `size` columns and rows.
pub(crate) fn build(planes: &[Plane], size: [usize; 2], file: FileNames<'_>) -> Result<Stack, ReadError> {
    let Some(first) = planes.first() else { return Err(ReadError::TooFewSlices { found: 0 }) };
    check_same_orientation_and_spacing(planes, first, file)?;
    let normal = normal(first);
    let mut slots = places(planes, &normal);
    if slots.len() < 2 {
        return Err(ReadError::TooFewSlices { found: slots.len() });
    }
    let spacing_mm = regular_spacing(&mut slots, file)?;
    check_straight(planes, &slots, &normal, file)?;
    let gaps = gaps(&slots);
    let origin = planes[slots[0].planes[0]].position;
    let axes = [normalised(first.row), normalised(first.column), normal];
    let slices = slots.last().map_or(0, |s| s.slice) + 1;
    let spacing = [first.spacing_mm[0], first.spacing_mm[1], spacing_mm];
    let grid = Grid::new([size[0], size[1], slices], spacing, PatientPoint(origin), axes)?;
    Ok(Stack { grid, slots, gaps })
}

fn check_same_orientation_and_spacing(
    planes: &[Plane],
    first: &Plane,
    file: FileNames<'_>,
) -> Result<(), ReadError> {
    for (at, plane) in planes.iter().enumerate() {
        if let Some(angle_degrees) = turned_degrees(first, plane) {
            return Err(ReadError::MixedOrientation { a_file: file(0), b_file: file(at), angle_degrees });
        }
        let differ = |k: usize| (first.spacing_mm[k] - plane.spacing_mm[k]).abs() > SAME_SPACING_MM;
        if differ(0) || differ(1) {
            let words = |p: &Plane| format!("{} x {} mm", p.spacing_mm[0], p.spacing_mm[1]);
            let (a, b) = (words(first), words(plane));
            return Err(ReadError::Differing {
                what: "pixel spacing",
                a_file: file(0),
                a,
                b_file: file(at),
                b,
            });
        }
    }
    Ok(())
}

/// Distinct places along the normal, ascending.
fn places(planes: &[Plane], normal: &[f64; 3]) -> Vec<Slot> {
    let mut order: Vec<(f64, usize)> =
        planes.iter().enumerate().map(|(at, plane)| (dot(&plane.position, normal), at)).collect();
    order.sort_by(|a, b| a.0.total_cmp(&b.0).then(a.1.cmp(&b.1)));
    let mut slots: Vec<Slot> = Vec::with_capacity(order.len());
    for (position_mm, plane) in order {
        match slots.last_mut() {
            Some(slot) if position_mm - slot.position_mm <= SAME_PLACE_MM => slot.planes.push(plane),
            _ => slots.push(Slot { slice: slots.len(), planes: vec![plane], position_mm }),
        }
    }
    slots
}

/// Finds the spacing that all distances are multiples of, and numbers the slots accordingly.
fn regular_spacing(slots: &mut [Slot], file: FileNames<'_>) -> Result<f64, ReadError> {
    let distances: Vec<f64> = slots.windows(2).map(|w| w[1].position_mm - w[0].position_mm).collect();
    let smallest = distances.iter().copied().fold(f64::INFINITY, f64::min);
    let largest = distances.iter().copied().fold(0.0, f64::max);
    // The smallest distance may be rounded down; the median of those near it is the spacing to start from.
    let mut near: Vec<f64> =
        distances.iter().copied().filter(|d| *d <= smallest * 1.2 + OFF_GRID_MM).collect();
    near.sort_by(f64::total_cmp);
    let start_mm = near[near.len() / 2];
    let unequal = |slot: &Slot| ReadError::UnequalSpacing {
        smallest_mm: smallest,
        largest_mm: largest,
        file: file(slot.planes[0]),
        position_mm: slot.position_mm,
        hint: if alternates(&distances) { "; two interleaved stacks, it seems" } else { "" },
    };
    for at in 1..slots.len() {
        let steps = (distances[at - 1] / start_mm).round().max(1.0);
        // As many missing as there: these are not gaps but another spacing.
        if slots[at - 1].slice as f64 + steps + 1.0 >= 2.0 * slots.len() as f64 {
            return Err(unequal(&slots[at]));
        }
        slots[at].slice = slots[at - 1].slice + steps as usize;
    }
    let (first_mm, last) = (slots[0].position_mm, &slots[slots.len() - 1]);
    let spacing_mm = (last.position_mm - first_mm) / last.slice as f64;
    let allowed_mm = OFF_GRID_MM.max(OFF_GRID_FRACTION * spacing_mm).min(0.4 * spacing_mm);
    let off_grid =
        |slot: &&Slot| (slot.position_mm - (first_mm + slot.slice as f64 * spacing_mm)).abs() > allowed_mm;
    match slots.iter().find(off_grid) {
        Some(slot) => Err(unequal(slot)),
        None => Ok(spacing_mm),
    }
}

/// Whether two distances take turns, as in a stack put between the slices of another.
fn alternates(distances: &[f64]) -> bool {
    let equal = |a: f64, b: f64| (a - b).abs() <= OFF_GRID_MM;
    distances.len() >= 3
        && !equal(distances[0], distances[1])
        && distances.windows(3).all(|w| equal(w[0], w[2]))
}

/// Compares the line the slices' corners lie on with the normal.
fn check_straight(
    planes: &[Plane],
    slots: &[Slot],
    normal: &[f64; 3],
    file: FileNames<'_>,
) -> Result<(), ReadError> {
    let corner = |slot: &Slot| planes[slot.planes[0]].position;
    let (first, last) = (&slots[0], &slots[slots.len() - 1]);
    let (from, to) = (corner(first), corner(last));
    let along = last.position_mm - first.position_mm;
    let sideways = |p: &[f64; 3], origin: &[f64; 3], up: f64| -> [f64; 3] {
        std::array::from_fn(|k| p[k] - origin[k] - up * normal[k])
    };
    let drift = sideways(&to, &from, along);
    let angle_degrees = dot(&drift, &drift).sqrt().atan2(along).to_degrees();
    if angle_degrees > MAX_TILT_DEGREES {
        return Err(ReadError::GantryTilt { angle_degrees, limit_degrees: MAX_TILT_DEGREES });
    }
    let pixel_mm = planes[0].spacing_mm[0].min(planes[0].spacing_mm[1]);
    let limit_mm = MAX_SIDEWAYS_PIXELS * pixel_mm;
    for slot in slots {
        let up = slot.position_mm - first.position_mm;
        let offset = sideways(&corner(slot), &from, up);
        let shift: [f64; 3] = std::array::from_fn(|k| offset[k] - drift[k] * up / along);
        let shift_mm = dot(&shift, &shift).sqrt();
        if shift_mm > limit_mm {
            return Err(ReadError::SidewaysShift { file: file(slot.planes[0]), shift_mm, limit_mm });
        }
    }
    Ok(())
}

fn gaps(slots: &[Slot]) -> Vec<Gap> {
    let gap = |pair: &[Slot]| Gap {
        after_slice: pair[0].slice,
        missing: pair[1].slice - pair[0].slice - 1,
        distance_mm: pair[1].position_mm - pair[0].position_mm,
    };
    slots.windows(2).map(gap).filter(|g| g.missing > 0).collect()
}

#[cfg(test)]
mod tests {
    use super::super::header::Rescale;
    use super::*;

    fn plane(position: [f64; 3]) -> Plane {
        Plane {
            position,
            row: [1.0, 0.0, 0.0],
            column: [0.0, 1.0, 0.0],
            spacing_mm: [0.7, 0.7],
            rescale: Rescale { slope: 1.0, intercept: 0.0 },
        }
    }

    fn at(positions: &[f64]) -> Result<Stack, ReadError> {
        let planes: Vec<Plane> = positions.iter().map(|&z| plane([1.0, 2.0, z])).collect();
        build(&planes, [4, 4], &|i| format!("file {i}"))
    }

    #[test]
    fn order_comes_from_positions() {
        let stack = at(&[5.0, 0.0, 2.5]).unwrap();
        assert_eq!(stack.slots.iter().map(|s| s.planes[0]).collect::<Vec<_>>(), [1, 2, 0]);
        assert_eq!(stack.grid.spacing_mm()[2], 2.5);
        assert_eq!(stack.grid.origin(), PatientPoint([1.0, 2.0, 0.0]));
        assert!(stack.gaps.is_empty());
    }

    #[test]
    fn rounded_positions_are_one_spacing() {
        let rounded: Vec<f64> = (0..200).map(|k| (f64::from(k) * 6.25).round() / 10.0).collect();
        let stack = at(&rounded).unwrap();
        assert!((stack.grid.spacing_mm()[2] - 0.625).abs() < 1e-3);
        assert_eq!(stack.grid.size()[2], 200);
    }

    #[test]
    fn missing_slices_keep_their_places() {
        let stack = at(&[0.0, 2.0, 4.0, 10.0, 12.0, 16.0, 18.0, 20.0]).unwrap();
        assert_eq!(stack.grid.size()[2], 11);
        let gaps: Vec<_> = stack.gaps.iter().map(|g| (g.after_slice, g.missing)).collect();
        assert_eq!(gaps, [(2, 2), (6, 1)]);
        assert_eq!(stack.slots[3].slice, 5);
    }

    #[test]
    fn unequal_spacing_is_refused() {
        let unequal = |positions: &[f64]| match at(positions) {
            Err(ReadError::UnequalSpacing { hint, .. }) => hint,
            other => panic!("{positions:?} gave {other:?}"),
        };
        assert_eq!(unequal(&[0.0, 2.0, 4.0, 7.0, 9.0]), "");
        assert!(unequal(&[0.0, 1.0, 5.0, 6.0, 10.0, 11.0]).contains("interleaved"));
        // One slice near another and the rest far apart: no gaps, another spacing.
        unequal(&[0.0, 1.0, 6.0, 11.0, 16.0, 21.0]);
    }

    #[test]
    fn tilt_and_sideways_shift_are_told_apart() {
        let tilted: Vec<Plane> =
            (0..20).map(|k| plane([0.0, 0.5 * f64::from(k), 2.5 * f64::from(k)])).collect();
        match build(&tilted, [4, 4], &|i| i.to_string()) {
            Err(ReadError::GantryTilt { angle_degrees, .. }) => assert!((angle_degrees - 11.31).abs() < 0.01),
            other => panic!("{other:?}"),
        }
        let mut shifted: Vec<Plane> = (0..20).map(|k| plane([0.0, 0.0, 2.5 * f64::from(k)])).collect();
        shifted[7].position[0] = 3.0;
        match build(&shifted, [4, 4], &|i| i.to_string()) {
            Err(ReadError::SidewaysShift { file, shift_mm, .. }) => {
                assert_eq!(file, "7");
                assert!((shift_mm - 3.0).abs() < 1e-9);
            }
            other => panic!("{other:?}"),
        }
    }

    #[test]
    fn turned_slices_are_refused() {
        let mut planes: Vec<Plane> = (0..4).map(|k| plane([0.0, 0.0, f64::from(k)])).collect();
        planes[2].row = [0.999_390_8, 0.034_899_5, 0.0];
        planes[2].column = [-0.034_899_5, 0.999_390_8, 0.0];
        match build(&planes, [4, 4], &|i| i.to_string()) {
            Err(ReadError::MixedOrientation { angle_degrees, .. }) => {
                assert!((angle_degrees - 2.0).abs() < 1e-3);
            }
            other => panic!("{other:?}"),
        }
        planes[2] = plane([0.0, 0.0, 2.0]);
        planes[3].spacing_mm = [0.7, 0.8];
        assert!(matches!(
            build(&planes, [4, 4], &|i| i.to_string()),
            Err(ReadError::Differing { what: "pixel spacing", .. })
        ));
    }

    #[test]
    fn duplicates_share_a_slot() {
        let stack = at(&[0.0, 1.0, 1.0, 2.0]).unwrap();
        assert_eq!(stack.slots[1].planes, [1, 2]);
        assert!(matches!(at(&[3.0, 3.0]), Err(ReadError::TooFewSlices { found: 1 })));
    }
}
