//! The sform and the qform: two ways in which a header places its voxels, in RAS.

use opencac_core::{Finding, FindingKind, Grid};

use super::header::{Forms, Header};
use crate::image::{Problem, grid_from_columns, lps_from_ras};

/// How far apart sform and qform may place a voxel before it is worth a word. The qform derives the first
/// quaternion component from three single-precision ones, which near half a turn loses half the digits:
/// 3e-4 radian, 0.2 mm across a field of view of 350 mm.
const FORMS_AGREE_MM: f64 = 0.3;

/// A quaternion that is longer than a unit one by this much is broken rather than rounded.
const QUATERNION_TOLERANCE: f64 = 1e-3;

/// nifti1_io's bound below which the derived first component is taken as zero.
const QUATERNION_ROUNDING: f64 = 1e-7;

pub(super) fn grid(header: &Header, findings: &mut Vec<Finding>) -> Result<Grid, Problem> {
    let forms = &header.forms;
    match (forms.sform_code > 0, forms.qform_code > 0) {
        (true, both) => {
            let grid = sform_grid(header)?;
            if both {
                compare(&grid, qform_grid(header), findings);
            }
            Ok(grid)
        }
        (false, true) => qform_grid(header),
        (false, false) => Err(Problem::MissingField {
            field: "sform or qform (both codes are 0)",
            consequence: "without it the place and orientation in the patient are unknown",
        }),
    }
}

fn sform_grid(header: &Header) -> Result<Grid, Problem> {
    let rows = header.forms.srow;
    let column = |k: usize| lps_from_ras(rows.map(|row| row[k] * header.mm_per_unit));
    Ok(grid_from_columns(header.size, [column(0), column(1), column(2)], column(3))?)
}

fn qform_grid(header: &Header) -> Result<Grid, Problem> {
    let Forms { quaternion, quaternion_offset, pixdim, .. } = &header.forms;
    let rotation = rotation_from_quaternion(*quaternion)?;
    // nifti1.h: pixdim[0] is qfac, -1 for a left-handed system; 0 (from Analyze) counts as 1.
    let handedness = if pixdim[0] < 0.0 { -1.0 } else { 1.0 };
    let mut steps = [[0.0; 3]; 3];
    for (axis, step) in steps.iter_mut().enumerate() {
        let spacing = pixdim[axis + 1];
        if !(spacing.is_finite() && spacing > 0.0) {
            let field = format!("pixdim[{}]", axis + 1);
            return Err(Problem::field(field, spacing, "a positive finite spacing"));
        }
        let sign = if axis == 2 { handedness } else { 1.0 };
        *step = lps_from_ras(rotation.map(|row| row[axis] * spacing * sign * header.mm_per_unit));
    }
    let origin = lps_from_ras(quaternion_offset.map(|v| v * header.mm_per_unit));
    Ok(grid_from_columns(header.size, steps, origin)?)
}

/// The rows of the rotation matrix of nifti1.h, method 2.
fn rotation_from_quaternion([b, c, d]: [f64; 3]) -> Result<[[f64; 3]; 3], Problem> {
    let vector_squared = b * b + c * c + d * d;
    if vector_squared.is_nan() || vector_squared > 1.0 + QUATERNION_TOLERANCE {
        let found = format!("({b}, {c}, {d}) of squared length {vector_squared}");
        return Err(Problem::field("quatern_b, _c, _d", found, "at most unit length"));
    }
    let (a, [b, c, d]) = if 1.0 - vector_squared < QUATERNION_ROUNDING {
        let length = vector_squared.sqrt();
        (0.0, [b / length, c / length, d / length])
    } else {
        ((1.0 - vector_squared).sqrt(), [b, c, d])
    };
    Ok([
        [a * a + b * b - c * c - d * d, 2.0 * (b * c - a * d), 2.0 * (b * d + a * c)],
        [2.0 * (b * c + a * d), a * a + c * c - b * b - d * d, 2.0 * (c * d - a * b)],
        [2.0 * (b * d - a * c), 2.0 * (c * d + a * b), a * a + d * d - b * b - c * c],
    ])
}

fn compare(sform: &Grid, qform: Result<Grid, Problem>, findings: &mut Vec<Finding>) {
    let message = match qform {
        Ok(qform) => {
            let apart = largest_distance_mm(sform, &qform);
            if apart <= FORMS_AGREE_MM {
                return;
            }
            format!(
                "sform and qform of the NIfTI header place voxels up to {apart:.1} mm apart; the sform is used"
            )
        }
        Err(problem) => format!("the sform of the NIfTI header is used; its qform is unusable: {problem}"),
    };
    findings.push(Finding::new(FindingKind::Geometry, message));
}

/// The largest distance between corresponding corners of two grids of one size.
fn largest_distance_mm(a: &Grid, b: &Grid) -> f64 {
    let last = a.size().map(|n| n as f64 - 1.0);
    let mut largest = 0.0_f64;
    for corner in 0..8_usize {
        let index = [0, 1, 2].map(|axis| if corner >> axis & 1 == 1 { last[axis] } else { 0.0 });
        let (p, q) = (a.patient_from_continuous(index).0, b.patient_from_continuous(index).0);
        largest = largest.max((0..3).map(|k| (p[k] - q[k]).powi(2)).sum::<f64>().sqrt());
    }
    largest
}
