//! Scoring protocols as data, so that each result can store the one that made it.

use thiserror::Error;

use crate::components::Connectivity;

/// Threshold for calcium at 120 kVp (Agatston 1990, J Am Coll Cardiol 15:827).
pub const AGATSTON_THRESHOLD_HU: i16 = 130;

/// Peak intensities from which a lesion weighs 2, 3 and 4 at 120 kVp (Agatston 1990).
pub const AGATSTON_WEIGHT_CUTOFFS_HU: [i16; 3] = [200, 300, 400];

/// The contiguous slices that Agatston scored; other increments are scaled to them.
pub const REFERENCE_INCREMENT_MM: f64 = 3.0;

/// Mass factor used where a scan brings none: the one found for the QRM phantom on a Canon Aquilion ONE at
/// 120 kVp (FQM, PMC8360117).
pub const NOMINAL_MASS_FACTOR_MG_PER_HU_CM3: f64 = 0.722_047_7;

/// Cut-offs by tube voltage: kVp, then the equivalents of 130, 200, 300 and 400 HU at 120 kVp (Graeni 2018).
/// At 120 kVp they are printed as 130, 199, 299, 399, and used as printed.
const TUBE_VOLTAGE_CUTOFFS: [(f64, [f64; 4]); 5] = [
    (70.0, [207.0, 318.0, 477.0, 636.0]),
    (80.0, [177.0, 271.0, 408.0, 544.0]),
    (100.0, [145.0, 222.0, 334.0, 446.0]),
    (120.0, [130.0, 199.0, 299.0, 399.0]),
    (135.0, [119.0, 183.0, 274.0, 364.0]),
];

/// The smallest lesion that counts, within one slice.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum MinimumArea {
    /// Every voxel counts.
    None,
    /// At least this area in mm^2.
    Mm2(f64),
    /// More pixels than this, whatever their size.
    MorePixelsThan(usize),
}

impl MinimumArea {
    /// Relative slack of an area comparison: n pixels of 1/n mm^2 are 1 mm^2 whatever the last bit says.
    const RELATIVE_TOLERANCE: f64 = 1e-9;

    /// Whether a lesion of so many pixels counts.
    pub fn accepts(self, pixels: usize, pixel_area_mm2: f64) -> bool {
        match self {
            Self::None => pixels > 0,
            Self::Mm2(least) => pixels as f64 * pixel_area_mm2 >= least * (1.0 - Self::RELATIVE_TOLERANCE),
            Self::MorePixelsThan(n) => pixels > n,
        }
    }

    /// The bound in mm^2 where it is one.
    pub fn mm2(self) -> Option<f64> {
        match self {
            Self::None => Some(0.0),
            Self::Mm2(least) => Some(least),
            Self::MorePixelsThan(_) => None,
        }
    }
}

/// What becomes of candidate voxels under the threshold.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum BelowThreshold {
    /// They are no calcium.
    Excluded,
    /// They belong to the lesion and count towards its area; a lesion without any voxel of the threshold
    /// scores nothing.
    CountsTowardsArea,
}

/// Calcium mass per intensity and volume.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct MassFactor {
    mg_per_hu_cm3: f64,
    nominal: bool,
}

impl MassFactor {
    /// Factors beyond this range are another unit or a broken tag: hydroxyapatite of 200 mg/cm^3 is given
    /// something like 260 HU at 120 kVp, hence 0.7; tube voltages change it by less than a factor of two, and the
    /// bounds leave as much again. In mg/(HU mm^3) it would be a thousand times smaller.
    pub const PLAUSIBLE_MG_PER_HU_CM3: [f64; 2] = [0.2, 2.0];

    /// The factor used where a scan brings none.
    pub const NOMINAL: Self = Self { mg_per_hu_cm3: NOMINAL_MASS_FACTOR_MG_PER_HU_CM3, nominal: true };

    /// The scan's own factor, as DICOM states it in (0018,9351) or (0018,9352).
    pub fn calibrated(mg_per_hu_cm3: f64) -> Result<Self, ProtocolError> {
        let [low, high] = Self::PLAUSIBLE_MG_PER_HU_CM3;
        if (low..=high).contains(&mg_per_hu_cm3) {
            Ok(Self { mg_per_hu_cm3, nominal: false })
        } else {
            Err(ProtocolError::MassFactor { found: mg_per_hu_cm3 })
        }
    }

    /// The factor in mg/(HU cm^3).
    pub fn mg_per_hu_cm3(self) -> f64 {
        self.mg_per_hu_cm3
    }

    /// Whether it is a stand-in and not the scan's own.
    pub fn is_nominal(self) -> bool {
        self.nominal
    }
}

/// The rules of a score.
#[derive(Debug, Clone, PartialEq)]
pub struct Protocol {
    /// Its name on the command line.
    pub name: String,
    /// Smallest intensity that is calcium.
    pub threshold_hu: i16,
    /// Peak intensities from which a lesion weighs 2, 3 and 4.
    pub weight_cutoffs_hu: [i16; 3],
    /// Which neighbours in a slice belong to the same lesion.
    pub connectivity: Connectivity,
    /// The smallest lesion that counts.
    pub minimum_area: MinimumArea,
    /// What becomes of candidate voxels under the threshold.
    pub below_threshold: BelowThreshold,
    /// Slice increment that needs no scaling, in mm; other increments scale the score by their ratio to it.
    /// Nothing: no scaling.
    pub reference_increment_mm: Option<f64>,
    /// Decimals to which the area of a voxel (scaled by the increment) and the score of each lesion in a slice
    /// are rounded; nothing: no rounding.
    pub rounded_decimals: Option<u8>,
    /// From intensity and volume to mass.
    pub mass_factor: MassFactor,
}

/// Why a protocol cannot be had.
#[derive(Debug, Clone, PartialEq, Error)]
pub enum ProtocolError {
    /// No protocol has this name.
    #[error("no protocol is named {name:?}; there are {}", Protocol::NAMES.join(", "))]
    Unknown {
        /// The name asked for.
        name: String,
    },
    /// The protocol depends on the tube voltage, which is not known.
    #[error("protocol {} needs the tube voltage of the scan, which is not known", Protocol::KVP_ADJUSTED)]
    UnknownTubeVoltage,
    /// No cut-offs are published for this tube voltage.
    #[error("no cut-offs are published for a tube voltage of {kvp} kVp, expected 70 to 135 kVp")]
    TubeVoltage {
        /// The voltage found.
        kvp: f64,
    },
    /// A mass factor that cannot be one.
    #[error("calcium mass factor {found} mg/(HU cm^3), expected 0.2 to 2")]
    MassFactor {
        /// The factor found.
        found: f64,
    },
}

impl Protocol {
    /// Name of the default: 130 HU, 8-connected, at least 1 mm^2, increment / 3.
    pub const AGATSTON_130: &str = "agatston-130";
    /// Name of the protocol of the DeepCAC publication, quirks included.
    pub const DEEPCAC: &str = "deepcac";
    /// Name of the protocol whose cut-offs follow the tube voltage.
    pub const KVP_ADJUSTED: &str = "kvp-adjusted";

    /// All names, the default first.
    pub const NAMES: [&str; 7] =
        [Self::AGATSTON_130, "canon", "siemens", "philips", "ge", Self::DEEPCAC, Self::KVP_ADJUSTED];

    /// The default protocol.
    pub fn agatston_130() -> Self {
        Self {
            name: Self::AGATSTON_130.to_owned(),
            threshold_hu: AGATSTON_THRESHOLD_HU,
            weight_cutoffs_hu: AGATSTON_WEIGHT_CUTOFFS_HU,
            connectivity: Connectivity::Eight,
            minimum_area: MinimumArea::Mm2(1.0),
            below_threshold: BelowThreshold::Excluded,
            reference_increment_mm: Some(REFERENCE_INCREMENT_MM),
            rounded_decimals: None,
            mass_factor: MassFactor::NOMINAL,
        }
    }

    /// The scoring of the DeepCAC publication (Zeleznik 2021, Nat Commun 12:715): whatever the network marked
    /// is area, objects of 3 pixels or fewer are dropped, and figures are rounded to 3 decimals on the way.
    pub fn deepcac() -> Self {
        Self {
            name: Self::DEEPCAC.to_owned(),
            minimum_area: MinimumArea::MorePixelsThan(3),
            below_threshold: BelowThreshold::CountsTowardsArea,
            rounded_decimals: Some(3),
            ..Self::agatston_130()
        }
    }

    /// The default with the cut-offs of another tube voltage, from 70 to 135 kVp.
    ///
    /// Between two voltages with published cut-offs, these are interpolated linearly. Attenuation of calcium
    /// falls smoothly with the voltage: leaving 100 kVp out, 80 and 120 kVp would give 153.5 HU instead of the
    /// published 145, so that within the half as wide gaps of the table the error of a chord, which goes with
    /// the square of the gap, is about 2 HU. Beyond the table nothing is extrapolated.
    pub fn kvp_adjusted(kvp: f64) -> Result<Self, ProtocolError> {
        let [threshold, cutoffs @ ..] = tube_voltage_cutoffs(kvp)?;
        Ok(Self {
            name: Self::KVP_ADJUSTED.to_owned(),
            threshold_hu: threshold,
            weight_cutoffs_hu: cutoffs,
            ..Self::agatston_130()
        })
    }

    /// The protocol of a name that needs to know nothing of the scan.
    pub fn named(name: &str) -> Result<Self, ProtocolError> {
        Self::for_scan(name, None)
    }

    /// The protocol of a name for a scan of this tube voltage, where it is known.
    pub fn for_scan(name: &str, kvp: Option<f64>) -> Result<Self, ProtocolError> {
        // Minimum areas of the vendors' workstations: FQM, PMC8360117.
        let minimum_area = match name {
            Self::AGATSTON_130 => return Ok(Self::agatston_130()),
            Self::DEEPCAC => return Ok(Self::deepcac()),
            Self::KVP_ADJUSTED => return Self::kvp_adjusted(kvp.ok_or(ProtocolError::UnknownTubeVoltage)?),
            "canon" => MinimumArea::MorePixelsThan(3),
            "siemens" => MinimumArea::None,
            "philips" => MinimumArea::Mm2(0.5),
            "ge" => MinimumArea::Mm2(1.0),
            _ => return Err(ProtocolError::Unknown { name: name.to_owned() }),
        };
        Ok(Self { name: name.to_owned(), minimum_area, ..Self::agatston_130() })
    }

    /// The same rules with another mass factor.
    pub fn with_mass_factor(self, mass_factor: MassFactor) -> Self {
        Self { mass_factor, ..self }
    }

    /// Weight of a lesion by its peak in the slice: 0 under the threshold, else 1 to 4.
    pub fn weight(&self, peak_hu: i16) -> u8 {
        if peak_hu < self.threshold_hu {
            return 0;
        }
        1 + self.weight_cutoffs_hu.iter().map(|&cutoff| u8::from(peak_hu >= cutoff)).sum::<u8>()
    }

    /// Factor of areas for a slice increment: 1 at the reference.
    pub fn increment_factor(&self, increment_mm: f64) -> f64 {
        self.reference_increment_mm.map_or(1.0, |reference_mm| increment_mm / reference_mm)
    }

    /// A figure rounded as the protocol wants.
    pub(super) fn rounded(&self, value: f64) -> f64 {
        match self.rounded_decimals {
            None => value,
            Some(decimals) => {
                let scale = 10_f64.powi(i32::from(decimals));
                (value * scale).round_ties_even() / scale
            }
        }
    }
}

/// Threshold and weight cut-offs at a tube voltage, as the smallest integer intensities that reach them.
fn tube_voltage_cutoffs(kvp: f64) -> Result<[i16; 4], ProtocolError> {
    let between = TUBE_VOLTAGE_CUTOFFS.windows(2).find(|pair| (pair[0].0..=pair[1].0).contains(&kvp));
    let Some([(low_kvp, low), (high_kvp, high)]) = between else {
        return Err(ProtocolError::TubeVoltage { kvp });
    };
    let share = (kvp - low_kvp) / (high_kvp - low_kvp);
    let mut cutoffs = [0; 4];
    for (cutoff, (low, high)) in cutoffs.iter_mut().zip(low.iter().zip(high)) {
        // Intensities are integers, so rounding up keeps `>=` exact; 1e-9 keeps table values as they are.
        *cutoff = (low + share * (high - low) - 1e-9).ceil() as i16;
    }
    Ok(cutoffs)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_name_makes_the_protocol_of_that_name() {
        for name in Protocol::NAMES {
            assert_eq!(Protocol::for_scan(name, Some(120.0)).unwrap().name, name);
        }
        let unknown = Protocol::named("agatston").unwrap_err().to_string();
        assert!(unknown.contains("\"agatston\"") && unknown.contains("kvp-adjusted"), "{unknown}");
        assert_eq!(Protocol::named("kvp-adjusted"), Err(ProtocolError::UnknownTubeVoltage));
    }

    #[test]
    fn minimum_areas_of_the_vendors() {
        // Four pixels of 0.2 mm^2 are 0.8 mm^2.
        for (name, smallest) in
            [("agatston-130", 5), ("ge", 5), ("canon", 4), ("siemens", 1), ("philips", 3), ("deepcac", 4)]
        {
            let minimum = Protocol::named(name).unwrap().minimum_area;
            assert!(minimum.accepts(smallest, 0.2), "{name}");
            assert!(!minimum.accepts(smallest - 1, 0.2), "{name}");
        }
        // 49 pixels of 1/49 mm^2 are less than 1 mm^2 in floating point.
        assert!(49.0 * (1.0 / 49.0) < 1.0 && MinimumArea::Mm2(1.0).accepts(49, 1.0 / 49.0));
    }

    #[test]
    fn weights_change_at_the_cutoffs() {
        let protocol = Protocol::agatston_130();
        let cases =
            [(129, 0), (130, 1), (199, 1), (200, 2), (299, 2), (300, 3), (399, 3), (400, 4), (3071, 4)];
        for (peak_hu, weight) in cases {
            assert_eq!(protocol.weight(peak_hu), weight, "{peak_hu}");
        }
    }

    #[test]
    fn cutoffs_follow_the_tube_voltage() {
        let cases = [
            (70.0, [207, 318, 477, 636]),
            (80.0, [177, 271, 408, 544]),
            (100.0, [145, 222, 334, 446]),
            (110.0, [138, 211, 317, 423]),
            (120.0, [130, 199, 299, 399]),
            (135.0, [119, 183, 274, 364]),
        ];
        for (kvp, [threshold, cutoffs @ ..]) in cases {
            let protocol = Protocol::kvp_adjusted(kvp).unwrap();
            assert_eq!((protocol.threshold_hu, protocol.weight_cutoffs_hu), (threshold, cutoffs), "{kvp}");
        }
        for kvp in [0.0, 69.9, 135.1, 140.0, f64::INFINITY] {
            assert_eq!(Protocol::kvp_adjusted(kvp), Err(ProtocolError::TubeVoltage { kvp }));
        }
        assert!(Protocol::kvp_adjusted(f64::NAN).is_err());
    }

    #[test]
    fn only_plausible_mass_factors_are_taken() {
        assert!(!MassFactor::calibrated(0.743).unwrap().is_nominal());
        for found in [0.0, -0.7, 0.000_74, 740.0, f64::NAN] {
            assert!(matches!(MassFactor::calibrated(found), Err(ProtocolError::MassFactor { .. })));
        }
    }
}
