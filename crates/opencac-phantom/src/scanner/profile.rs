//! Slice sensitivity: which planes of tissue make a slice, with which weights.

use crate::spec::ScanSpec;

/// Planes are drawn no further apart than this.
const PLANE_MM: f64 = 1.3;

/// The lattice of drawn planes and each slice's weights on it.
#[derive(Debug, Clone)]
pub(crate) struct Profile {
    /// Distance of planes.
    pub(crate) step_mm: f64,
    /// Planes from one slice to the next.
    pub(crate) per_slice: i64,
    /// Weights of planes from `first` on, relative to the slice's own first plane; they sum to 1.
    pub(crate) first: i64,
    pub(crate) weights: Vec<f32>,
}

impl Profile {
    pub(crate) fn new(scan: &ScanSpec) -> Self {
        let per_slice = (scan.increment_mm / PLANE_MM).ceil().max(1.0);
        let step_mm = scan.increment_mm / per_slice;
        let reach = (scan.thickness_mm / step_mm).ceil() as i64 + per_slice as i64;
        let middle = (per_slice - 1.0) * 0.5;
        let offset = |j: i64| (j as f64 - middle) * step_mm;
        let all: Vec<f64> =
            (-reach..=reach).map(|j| sensitivity(offset(j), scan.thickness_mm, step_mm)).collect();
        let from = all.iter().position(|w| *w > 0.0).unwrap_or(0);
        let to = all.iter().rposition(|w| *w > 0.0).unwrap_or(from);
        let sum: f64 = all.iter().sum();
        Self {
            step_mm,
            per_slice: per_slice as i64,
            first: from as i64 - reach,
            weights: all[from..=to].iter().map(|w| (w / sum.max(1e-9)) as f32).collect(),
        }
    }

    /// Height of plane `j` above the first slice's centre.
    pub(crate) fn plane_mm(&self, j: i64) -> f64 {
        (j as f64 - (self.per_slice as f64 - 1.0) * 0.5) * self.step_mm
    }
}

/// A box of the nominal thickness with sloping ends, as helical interpolation gives.
pub(crate) fn sensitivity(offset_mm: f64, thickness_mm: f64, step_mm: f64) -> f64 {
    let slope = (0.25 * thickness_mm).max(0.5 * step_mm);
    ((0.5 * thickness_mm + slope - offset_mm.abs()) / (2.0 * slope)).clamp(0.0, 1.0)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::spec::PhantomSpec;

    #[test]
    fn profiles_are_symmetric_and_of_unit_sum() {
        for (increment_mm, thickness_mm) in
            [(2.5, 2.5), (1.25, 1.25), (5.0, 5.0), (1.0, 3.0), (3.0, 3.0), (10.0, 2.0)]
        {
            let scan = ScanSpec { increment_mm, thickness_mm, ..PhantomSpec::average(1).scan };
            let profile = Profile::new(&scan);
            let sum: f32 = profile.weights.iter().sum();
            assert!((sum - 1.0).abs() < 1e-5);
            let centre: f64 = profile
                .weights
                .iter()
                .enumerate()
                .map(|(i, w)| f64::from(*w) * profile.plane_mm(profile.first + i as i64))
                .sum();
            assert!(centre.abs() < 1e-4, "{increment_mm}/{thickness_mm}: centre {centre}");
        }
    }
}
