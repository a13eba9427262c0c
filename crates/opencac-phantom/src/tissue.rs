//! HU of tissues at 120 kVp, and how they change with tube voltage and contrast.
//!
//! Sources: soft tissues after ICRU report 46 compositions as tabulated in textbooks (Bushberg, The Essential
//! Physics of Medical Imaging): fat -120..-90, muscle 40..60, blood 35..50, liver 50..65, spleen 40..55. The
//! values below sit at the means measured in the real scans that docs/phantom.md names.

use crate::spec::Contrast;

pub(crate) const AIR: f32 = -1000.0;
pub(crate) const SKIN: f32 = 20.0;
pub(crate) const FAT: f32 = -105.0;
pub(crate) const INNER_FAT: f32 = -98.0;
pub(crate) const MUSCLE: f32 = 52.0;
pub(crate) const BLOOD: f32 = 41.0;
pub(crate) const MYOCARDIUM: f32 = 47.0;
pub(crate) const LIVER: f32 = 58.0;
pub(crate) const SPLEEN: f32 = 50.0;
pub(crate) const STOMACH: f32 = 25.0;
pub(crate) const WATER: f32 = 5.0;
pub(crate) const VESSEL_WALL: f32 = 38.0;
pub(crate) const OESOPHAGUS: f32 = 36.0;
pub(crate) const DISC: f32 = 85.0;
pub(crate) const CORD: f32 = 30.0;
pub(crate) const CORTEX: f32 = 900.0;
pub(crate) const METAL: f32 = 6000.0;

/// Attenuation of calcium against 120 kVp: the ratio of thresholds of equal mass in Graeni 2018 (70: 207, 80: 177,
/// 100: 145, 120: 130, 135: 119 HU), linear between; iodine and bone follow the same ratio closely enough.
pub(crate) fn dense_factor(tube_kvp: f64) -> f32 {
    const KNOTS: [(f64, f64); 5] =
        [(70.0, 207.0), (80.0, 177.0), (100.0, 145.0), (120.0, 130.0), (135.0, 119.0)];
    let i = KNOTS.partition_point(|k| k.0 < tube_kvp).clamp(1, KNOTS.len() - 1);
    let (a, b) = (KNOTS[i - 1], KNOTS[i]);
    let t = (tube_kvp.clamp(70.0, 140.0) - a.0) / (b.0 - a.0);
    ((a.1 + (b.1 - a.1) * t) / 130.0) as f32
}

/// HU of what contrast reaches.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Pools {
    pub(crate) left: f32,
    pub(crate) right: f32,
    pub(crate) pulmonary: f32,
    pub(crate) systemic_vein: f32,
    pub(crate) myocardium: f32,
    pub(crate) liver: f32,
    pub(crate) spleen: f32,
}

impl Pools {
    pub(crate) fn new(contrast: Contrast, dense: f32) -> Self {
        let native = Self {
            left: BLOOD,
            right: BLOOD,
            pulmonary: BLOOD,
            systemic_vein: BLOOD,
            myocardium: MYOCARDIUM,
            liver: LIVER,
            spleen: SPLEEN,
        };
        let raised = |v: f32, hu: f64, share: f32| v + (hu as f32 - BLOOD).max(0.0) * share * dense;
        // Shares of the bolus: read off contrast chest scans of the phases; the vein of injection is densest.
        let shares: (f64, [f32; 7]) = match contrast {
            Contrast::None => return native,
            Contrast::Arterial(hu) => (hu, [1.0, 0.75, 0.8, 0.9, 0.18, 0.08, 0.25]),
            Contrast::Pulmonary(hu) => (hu, [0.55, 1.0, 1.0, 1.8, 0.1, 0.02, 0.1]),
            Contrast::Venous(hu) => (hu, [1.0, 1.0, 1.0, 1.0, 0.45, 0.4, 0.55]),
        };
        let (hu, s) = shares;
        Self {
            left: raised(native.left, hu, s[0]),
            right: raised(native.right, hu, s[1]),
            pulmonary: raised(native.pulmonary, hu, s[2]),
            systemic_vein: raised(native.systemic_vein, hu, s[3]),
            myocardium: raised(native.myocardium, hu, s[4]),
            liver: raised(native.liver, hu, s[5]),
            spleen: raised(native.spleen, hu, s[6]),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn calcium_follows_the_published_thresholds() {
        for (kvp, expected) in
            [(120.0, 1.0), (100.0, 145.0 / 130.0), (80.0, 177.0 / 130.0), (110.0, 137.5 / 130.0)]
        {
            assert!((dense_factor(kvp) - expected as f32).abs() < 1e-4, "{kvp}");
        }
        assert!(dense_factor(140.0) < dense_factor(135.0));
    }
}
