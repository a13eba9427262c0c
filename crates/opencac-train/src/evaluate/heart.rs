//! How well a bundle finds the heart in a whole scan.

use opencac_core::overlap::{Overlap, SurfaceDistances, centroid_distance_mm};
use opencac_core::{Mask, Volume, VolumeError};
use opencac_nets::bundle::{Bundle, Method};
use opencac_nets::cascade::find_heart;
use opencac_nets::{Given, Segmented, segment};
use serde::Serialize;

use super::{EvaluateError, Spread};
use crate::cases::Case;
use crate::heart::read_heart_case;

/// One scan; a figure is missing where one of the two masks is empty.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct HeartFigures {
    /// The case.
    pub id: String,
    /// Whose scan it is.
    pub patient: String,
    /// Whether an expert drew the reference.
    pub expert: bool,
    /// Dice coefficient.
    pub dice: Option<f64>,
    /// Mean distance of the surfaces in mm.
    pub mean_surface_mm: Option<f64>,
    /// 95th percentile of the distances of the surfaces in mm.
    pub hd95_mm: Option<f64>,
    /// Distance of the centroids in mm.
    pub centroid_mm: Option<f64>,
    /// Height of the uppermost slice above that of the reference in mm; negative where it is too low.
    pub top_plane_mm: Option<f64>,
    /// Volume found in ml.
    pub volume_ml: f64,
    /// Volume of the reference in ml.
    pub reference_ml: f64,
}

/// A scan with the heart that was found and the one that is there, on its grid.
#[derive(Debug)]
pub struct HeartSeen {
    /// The scan.
    pub volume: Volume,
    /// What was found.
    pub found: Mask,
    /// What is there.
    pub reference: Mask,
}

/// Many scans.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct HeartSummary {
    /// Scans.
    pub n: usize,
    /// Scans in which no heart was found.
    pub not_found: usize,
    /// Dice coefficient.
    pub dice: Option<Spread>,
    /// Mean distance of the surfaces in mm.
    pub mean_surface_mm: Option<Spread>,
    /// 95th percentile of the distances of the surfaces in mm.
    pub hd95_mm: Option<Spread>,
    /// Distance of the centroids in mm.
    pub centroid_mm: Option<Spread>,
    /// Size of the error of the uppermost slice in mm, whether up or down.
    pub top_plane_mm: Option<Spread>,
}

impl HeartSummary {
    /// Over some scans.
    pub fn of<'a>(cases: impl IntoIterator<Item = &'a HeartFigures>) -> Self {
        let cases: Vec<_> = cases.into_iter().collect();
        let of = |figure: fn(&HeartFigures) -> Option<f64>| -> Vec<_> {
            cases.iter().map(|case| (case.id.as_str(), figure(case))).collect()
        };
        Self {
            n: cases.len(),
            not_found: cases.iter().filter(|case| case.volume_ml == 0.0).count(),
            dice: Spread::of_scores(of(|case| case.dice)),
            mean_surface_mm: Spread::of_errors(of(|case| case.mean_surface_mm)),
            hd95_mm: Spread::of_errors(of(|case| case.hd95_mm)),
            centroid_mm: Spread::of_errors(of(|case| case.centroid_mm)),
            top_plane_mm: Spread::of_errors(of(|case| case.top_plane_mm.map(f64::abs))),
        }
    }
}

/// Runs the heart's stages over the scan of a case and measures what they find.
pub(super) fn evaluate(bundle: &Bundle, case: &Case) -> Result<(HeartFigures, HeartSeen), EvaluateError> {
    let (volume, reference) = read_heart_case(case)?;
    let found = find(bundle, &volume)?;
    let seen = HeartSeen { volume, found, reference };
    Ok((figures(case, &seen)?, seen))
}

/// The heart that a bundle finds in a scan, without a look at its calcium.
fn find(bundle: &Bundle, scan: &Volume) -> Result<Mask, EvaluateError> {
    let empty = || Mask::new(scan.grid().clone(), vec![false; scan.grid().voxel_count()]);
    if let Method::Deepcac { .. } = bundle.card().method {
        // The published system has no stage by itself.
        return Ok(match segment(bundle, scan, Given::default())? {
            Segmented::Done(done) => done.heart.map_or_else(empty, Ok)?,
            Segmented::Refused { .. } => empty()?,
        });
    }
    Ok(find_heart(bundle, scan)?)
}

fn figures(case: &Case, seen: &HeartSeen) -> Result<HeartFigures, VolumeError> {
    let HeartSeen { found, reference, .. } = seen;
    let surfaces = SurfaceDistances::between(found, reference)?;
    let top = |mask: &Mask| mask.bounding_box().map(|[_, _, [_, last]]| last as f64);
    let top_plane = top(found).zip(top(reference)).map(|(found, reference)| found - reference);
    Ok(HeartFigures {
        id: case.id.clone(),
        patient: case.patient.clone(),
        expert: case.expert,
        dice: Overlap::of(found, reference)?.dice(),
        mean_surface_mm: surfaces.map(|s| s.mean_mm),
        hd95_mm: surfaces.map(|s| s.hd95_mm),
        centroid_mm: centroid_distance_mm(found, reference)?,
        top_plane_mm: top_plane.map(|slices| slices * found.grid().spacing_mm()[2]),
        volume_ml: found.volume_ml(),
        reference_ml: reference.volume_ml(),
    })
}

#[cfg(test)]
mod tests {
    use opencac_core::{Grid, PatientPoint};

    use super::*;

    /// A block of 12 x 12 voxels of 3 mm from voxel (10, 10, 10) up to a slice; nothing where `top` is below.
    fn block(top: usize) -> Mask {
        let grid = Grid::axial([32; 3], [3.0; 3], PatientPoint([0.0; 3])).unwrap();
        let inside = |i: usize| {
            let [x, y, z] = grid.index(i).0;
            (10..22).contains(&x) && (10..22).contains(&y) && (10..=top).contains(&z)
        };
        let voxels = (0..grid.voxel_count()).map(inside).collect();
        Mask::new(grid, voxels).unwrap()
    }

    fn measured(found: Mask, reference: Mask) -> HeartFigures {
        let case = Case {
            id: "block".into(),
            patient: "p".into(),
            image: "scan".into(),
            mask: None,
            labels: [1].into(),
            heart: None,
            expert: true,
        };
        let volume = Volume::new(found.grid().clone(), vec![0; found.voxels().len()]).unwrap();
        figures(&case, &HeartSeen { volume, found, reference }).unwrap()
    }

    #[test]
    fn figures_of_blocks_are_known() {
        let same = measured(block(21), block(21));
        assert_eq!((same.dice, same.hd95_mm, same.top_plane_mm), (Some(1.0), Some(0.0), Some(0.0)));
        let high = measured(block(21), block(19));
        assert!((high.dice.unwrap() - 2.0 * 10.0 / 22.0).abs() < 1e-12, "{high:?}");
        assert_eq!((high.top_plane_mm, high.centroid_mm), (Some(6.0), Some(3.0)));
        assert!((high.volume_ml / high.reference_ml - 1.2).abs() < 1e-12);
        let nothing = measured(block(0), block(21));
        assert_eq!((nothing.dice, nothing.mean_surface_mm, nothing.volume_ml), (Some(0.0), None, 0.0));
        let low = measured(block(18), block(21));
        let summary = HeartSummary::of([&high, &low, &nothing]);
        assert_eq!((summary.n, summary.not_found), (3, 1));
        let top = summary.top_plane_mm.unwrap();
        assert_eq!((top.n, top.mean, top.worst), (2, 7.5, 9.0));
    }
}
