//! The rules: from facts and measurements to findings and refusals.

use super::{Acquisition, HeartMeasurements, HeartView, KernelSharpness, METAL_HU, MissingSlices};
use crate::outcome::{Finding, FindingKind, Refusal, RefusalKind};
use crate::score::Protocol;

/// Largest distance of slices that is scored, the thickest of routine chest CT. Most lesions are under 5 mm (on
/// the 8 mm slices at hand no reader could exclude calcium).
pub const MAX_INCREMENT_MM: f64 = 5.0;

/// The slices of the scoring standard (Agatston 1990; Hecht 2017, SCCT: at most 3 mm).
pub const STANDARD_THICKNESS_MM: f64 = 3.0;

/// The tube voltage that the thresholds were made for.
pub const STANDARD_TUBE_VOLTAGE_KVP: f64 = 120.0;

/// From this median of the blood pool on there is contrast in it. Blood is 30 to 60 HU without; measured medians
/// on the scans' own grids were 28 to 44 HU in eight unenhanced scans of three vendors, and on 3 mm grids 215, 272
/// and 293 HU in the three enhanced ones (352 HU for one of them on its own grid). The bound is the geometric
/// middle of the two groups, 97 HU, moved a little towards caution.
pub const CONTRAST_BLOOD_POOL_HU: f64 = 90.0;

/// From this median on contrast is suspected: above blood of any haematocrit, beyond the largest measured (44 HU)
/// by half.
pub const CONTRAST_SUSPECTED_BLOOD_POOL_HU: f64 = 66.0;

/// From this share of voxels at 130 HU on there is contrast in a part of the heart, as the right one in an early
/// phase. Measured: at most 0.08 % in unenhanced scans, 1.2 % with a lung kernel, 86 % with contrast. Noise alone
/// reaches 10 % at an SD of 70 HU.
pub const CONTRAST_BRIGHT_SHARE: f64 = 0.10;

/// Noise that is told to the reader: the target of scoring protocols is 20 HU (McCollough 2007, Radiology
/// 243:527).
pub const NOISE_TOLD_HU: f64 = 20.0;

/// Most noise that is scored with a sharp kernel: blood of 40 HU is three standard deviations under 130 HU.
/// Measured: 40.6 HU with Philips L, which shows 5277 of spurious score, 24.3 HU with Philips D, which is read.
pub const SHARP_KERNEL_MAX_NOISE_HU: f64 = 30.0;

/// Most noise that is scored where the kernel is unknown: two and a half standard deviations. The noisiest soft
/// kernel measured 27.4 HU.
pub const UNKNOWN_KERNEL_MAX_NOISE_HU: f64 = 36.0;

/// A heart mask under this volume is no heart in view: the masks of whole hearts were 574 to 920 ml.
pub const HEART_IN_VIEW_ML: f64 = 150.0;

/// Metal that is told: more than a few voxels of noise at the end of the scale.
const METAL_TOLD_MM3: f64 = 5.0;

/// Spacings and thicknesses come from decimal strings and positions: 5.0004 mm are 5 mm.
const LENGTH_TOLERANCE_MM: f64 = 0.01;

/// Tube voltages are written as whole numbers.
const TUBE_VOLTAGE_TOLERANCE_KVP: f64 = 0.5;

/// What the rules found.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Assessment {
    /// Why the scan is not to be scored, if so: the first reason.
    pub refusal: Option<Refusal>,
    /// What a reader must know.
    pub findings: Vec<Finding>,
}

/// Judges a scan. Called before the heart is known it refuses what needs no heart to be refused.
pub fn assess(acquisition: &Acquisition, heart: HeartView, protocol: &Protocol) -> Assessment {
    let measured = match heart {
        HeartView::Measured(measured) => Some(measured),
        HeartView::Unknown | HeartView::NotFound => None,
    };
    let refusal = None
        .or_else(|| increment_refusal(acquisition))
        .or_else(|| stated_contrast_refusal(acquisition))
        .or_else(|| heart_refusal(heart))
        .or_else(|| missing_slices_refusal(acquisition, measured))
        .or_else(|| measured_contrast_refusal(measured))
        .or_else(|| noise_refusal(acquisition, measured));
    let findings = [
        thickness_finding(acquisition),
        tube_voltage_finding(acquisition, protocol),
        kernel_finding(acquisition),
        missing_slices_finding(acquisition, measured),
        contrast_finding(measured),
        noise_finding(measured),
        cut_finding(measured),
        metal_finding(measured),
        mass_finding(protocol),
    ];
    Assessment { refusal, findings: findings.into_iter().flatten().collect() }
}

fn refused(kind: RefusalKind, message: String) -> Option<Refusal> {
    Some(Refusal { kind, message })
}

fn increment_refusal(acquisition: &Acquisition) -> Option<Refusal> {
    let message = match acquisition.increment_mm {
        Some(mm) if mm <= MAX_INCREMENT_MM + LENGTH_TOLERANCE_MM => return None,
        Some(mm) => format!("slices are {mm:.2} mm apart, at most {MAX_INCREMENT_MM} mm can be scored"),
        None => "the distance of the slices is unknown, and every score scales with it".to_owned(),
    };
    refused(RefusalKind::SliceSpacing, message)
}

fn stated_contrast_refusal(acquisition: &Acquisition) -> Option<Refusal> {
    if !acquisition.contrast_stated {
        return None;
    }
    let message = "the scan states a contrast agent, which hides and imitates calcium".to_owned();
    refused(RefusalKind::Contrast, message)
}

fn heart_refusal(heart: HeartView) -> Option<Refusal> {
    let message = match heart {
        HeartView::Unknown => return None,
        HeartView::NotFound => "no heart was found in the field of view".to_owned(),
        HeartView::Measured(heart) if heart.volume_ml >= HEART_IN_VIEW_ML => return None,
        HeartView::Measured(heart) => format!(
            "only {:.0} ml of heart were found in the field of view, expected at least {HEART_IN_VIEW_ML} ml",
            heart.volume_ml
        ),
    };
    refused(RefusalKind::HeartNotInView, message)
}

/// Whether slices are missing in the heart or right beside it, where a mask cannot know how the heart goes on.
fn in_heart(gap: &MissingSlices, heart: &HeartMeasurements) -> bool {
    heart
        .bounds
        .get(gap.axis)
        .is_some_and(|&[first, last]| gap.after <= last && gap.after + gap.count + 1 >= first)
}

fn missing_slices_refusal(acquisition: &Acquisition, heart: Option<&HeartMeasurements>) -> Option<Refusal> {
    let heart = heart?;
    let gap = acquisition.missing_slices.iter().find(|gap| in_heart(gap, heart))?;
    refused(RefusalKind::MissingSlices, format!("{}, inside the heart", describe(gap)))
}

fn missing_slices_finding(acquisition: &Acquisition, heart: Option<&HeartMeasurements>) -> Option<Finding> {
    let gaps = &acquisition.missing_slices;
    let first = gaps.first()?;
    let where_ = match heart {
        None => "whether inside the heart is unknown",
        Some(heart) if gaps.iter().any(|gap| in_heart(gap, heart)) => "inside the heart",
        Some(_) => "outside the heart",
    };
    let others = if gaps.len() > 1 { format!(" and {} more gaps", gaps.len() - 1) } else { String::new() };
    let message = format!("{}{others}, {where_}", describe(first));
    Some(Finding::new(FindingKind::MissingSlices, message))
}

fn describe(gap: &MissingSlices) -> String {
    let slices = if gap.count == 1 { "slice is" } else { "slices are" };
    format!("{} {slices} missing after slice {}", gap.count, gap.after)
}

fn measured_contrast_refusal(heart: Option<&HeartMeasurements>) -> Option<Refusal> {
    let pool = heart?.blood_pool?;
    let message = if pool.median_hu >= CONTRAST_BLOOD_POOL_HU {
        format!(
            "the blood pool has a median of {:.0} HU, expected under {CONTRAST_BLOOD_POOL_HU} HU without contrast",
            pool.median_hu
        )
    } else if pool.bright_share >= CONTRAST_BRIGHT_SHARE {
        format!(
            "{:.0} % of the inner heart are at or above 130 HU, expected under {:.0} % without contrast",
            100.0 * pool.bright_share,
            100.0 * CONTRAST_BRIGHT_SHARE
        )
    } else {
        return None;
    };
    refused(RefusalKind::Contrast, message)
}

fn contrast_finding(heart: Option<&HeartMeasurements>) -> Option<Finding> {
    let pool = heart?.blood_pool?;
    if !(CONTRAST_SUSPECTED_BLOOD_POOL_HU..CONTRAST_BLOOD_POOL_HU).contains(&pool.median_hu) {
        return None;
    }
    let message = format!(
        "the blood pool has a median of {:.0} HU, more than blood without contrast (30 to 60 HU)",
        pool.median_hu
    );
    Some(Finding::new(FindingKind::Contrast, message))
}

fn noise_refusal(acquisition: &Acquisition, heart: Option<&HeartMeasurements>) -> Option<Refusal> {
    let noise_sd_hu = heart?.blood_pool?.noise_sd_hu?;
    let (kernel, most) = match acquisition.kernel {
        KernelSharpness::Soft => return None,
        KernelSharpness::Sharp => ("sharp kernel", SHARP_KERNEL_MAX_NOISE_HU),
        KernelSharpness::Unknown => ("kernel that is not known", UNKNOWN_KERNEL_MAX_NOISE_HU),
    };
    if noise_sd_hu <= most {
        return None;
    }
    let name = acquisition.kernel_name.as_ref().map_or(String::new(), |name| format!(" ({name})"));
    let message = format!(
        "the blood pool has noise of {noise_sd_hu:.1} HU with a {kernel}{name}, at most {most} HU can be scored"
    );
    refused(RefusalKind::HardKernelNoise, message)
}

fn noise_finding(heart: Option<&HeartMeasurements>) -> Option<Finding> {
    let noise_sd_hu = heart?.blood_pool?.noise_sd_hu?;
    (noise_sd_hu > NOISE_TOLD_HU).then(|| {
        let message = format!(
            "the blood pool has noise of {noise_sd_hu:.1} HU; calcium scans aim at {NOISE_TOLD_HU} HU, and noise adds specks"
        );
        Finding::new(FindingKind::Noise, message)
    })
}

fn thickness_finding(acquisition: &Acquisition) -> Option<Finding> {
    let (thickness_mm, what) = match (acquisition.thickness_mm, acquisition.increment_mm) {
        (Some(mm), _) => (mm, "thick"),
        (None, Some(mm)) => (mm, "apart (their thickness is unknown)"),
        (None, None) => return None,
    };
    (thickness_mm > STANDARD_THICKNESS_MM + LENGTH_TOLERANCE_MM).then(|| {
        let message = format!(
            "slices are {thickness_mm:.2} mm {what}, the standard is {STANDARD_THICKNESS_MM} mm; small calcium may be missed"
        );
        Finding::new(FindingKind::ThickSlices, message)
    })
}

fn tube_voltage_finding(acquisition: &Acquisition, protocol: &Protocol) -> Option<Finding> {
    let message = match acquisition.tube_voltage_kvp {
        None => {
            format!("the tube voltage is unknown; thresholds are made for {STANDARD_TUBE_VOLTAGE_KVP} kVp")
        }
        Some(kvp) if (kvp - STANDARD_TUBE_VOLTAGE_KVP).abs() <= TUBE_VOLTAGE_TOLERANCE_KVP => return None,
        Some(kvp) if protocol.name == Protocol::KVP_ADJUSTED => {
            format!("the tube voltage is {kvp} kVp; thresholds are adjusted to it")
        }
        Some(kvp) => format!(
            "the tube voltage is {kvp} kVp; thresholds are made for {STANDARD_TUBE_VOLTAGE_KVP} kVp, where calcium is {}",
            if kvp < STANDARD_TUBE_VOLTAGE_KVP { "darker" } else { "brighter" }
        ),
    };
    Some(Finding::new(FindingKind::TubeVoltage, message))
}

fn kernel_finding(acquisition: &Acquisition) -> Option<Finding> {
    (acquisition.kernel == KernelSharpness::Sharp).then(|| {
        let name = acquisition.kernel_name.as_ref().map_or(String::new(), |name| format!(" ({name})"));
        let message = format!("the kernel is sharp{name}; edges overshoot, and scores come out too high");
        Finding::new(FindingKind::HardKernel, message)
    })
}

fn cut_finding(heart: Option<&HeartMeasurements>) -> Option<Finding> {
    const SIDES: [[&str; 2]; 3] = [["right", "left"], ["front", "back"], ["bottom", "top"]];
    let cut: Vec<_> = SIDES
        .into_iter()
        .flatten()
        .zip(heart?.cut.into_iter().flatten())
        .filter_map(|(side, cut)| cut.then_some(side))
        .collect();
    (!cut.is_empty()).then(|| {
        let message = format!("the field of view cuts the heart at the {}", cut.join(", "));
        Finding::new(FindingKind::HeartCut, message)
    })
}

fn metal_finding(heart: Option<&HeartMeasurements>) -> Option<Finding> {
    let metal = heart?.metal;
    (metal.volume_mm3 > METAL_TOLD_MM3).then(|| {
        let message = format!(
            "{:.0} mm^3 in or near the heart are at or above {METAL_HU} HU (up to {}); metal is no calcium",
            metal.volume_mm3, metal.peak_hu
        );
        Finding::new(FindingKind::Metal, message)
    })
}

fn mass_finding(protocol: &Protocol) -> Option<Finding> {
    protocol.mass_factor.is_nominal().then(|| {
        let message = format!(
            "the scan states no calibration of mass; the nominal {} mg/(HU cm^3) was used",
            protocol.mass_factor.mg_per_hu_cm3()
        );
        Finding::new(FindingKind::UncalibratedMass, message)
    })
}

#[cfg(test)]
mod tests {
    use super::super::{BloodPool, MetalMeasurements};
    use super::*;

    fn standard() -> Acquisition {
        Acquisition {
            increment_mm: Some(2.5),
            thickness_mm: Some(2.5),
            tube_voltage_kvp: Some(120.0),
            kernel: KernelSharpness::Soft,
            kernel_name: Some("B30f".to_owned()),
            contrast_stated: false,
            missing_slices: Vec::new(),
        }
    }

    fn heart(median_hu: f64, noise_sd_hu: f64) -> HeartMeasurements {
        HeartMeasurements {
            volume_ml: 650.0,
            bounds: [[100, 300], [120, 320], [20, 60]],
            cut: [[false; 2]; 3],
            blood_pool: Some(BloodPool { median_hu, bright_share: 0.001, noise_sd_hu: Some(noise_sd_hu) }),
            metal: MetalMeasurements { volume_mm3: 0.0, peak_hu: 400 },
        }
    }

    fn judge(acquisition: &Acquisition, heart: &HeartMeasurements) -> Assessment {
        let calibrated = crate::score::MassFactor::calibrated(0.75).unwrap();
        let protocol = Protocol::agatston_130().with_mass_factor(calibrated);
        assess(acquisition, HeartView::Measured(heart), &protocol)
    }

    fn refusal(acquisition: &Acquisition, heart: &HeartMeasurements) -> Option<RefusalKind> {
        judge(acquisition, heart).refusal.map(|refusal| refusal.kind)
    }

    fn findings(acquisition: &Acquisition, heart: &HeartMeasurements) -> Vec<FindingKind> {
        judge(acquisition, heart).findings.into_iter().map(|finding| finding.kind).collect()
    }

    #[test]
    fn a_standard_scan_passes_without_a_word() {
        let assessment = judge(&standard(), &heart(40.0, 15.0));
        assert_eq!(assessment, Assessment { refusal: None, findings: Vec::new() });
    }

    #[test]
    fn a_nominal_mass_factor_is_told() {
        let protocol = Protocol::agatston_130();
        let assessment = assess(&standard(), HeartView::Unknown, &protocol);
        assert_eq!(assessment.findings.len(), 1);
        assert_eq!(assessment.findings[0].kind, FindingKind::UncalibratedMass);
    }

    #[test]
    fn slices_too_far_apart_or_nobody_knows() {
        for (increment_mm, refused) in
            [(Some(5.0), false), (Some(5.004), false), (Some(5.02), true), (Some(8.0), true), (None, true)]
        {
            let kind = refusal(&Acquisition { increment_mm, ..standard() }, &heart(40.0, 15.0));
            assert_eq!(kind == Some(RefusalKind::SliceSpacing), refused, "{increment_mm:?}");
        }
        // NaN is no distance.
        let nan = Acquisition { increment_mm: Some(f64::NAN), ..standard() };
        assert_eq!(refusal(&nan, &heart(40.0, 15.0)), Some(RefusalKind::SliceSpacing));
    }

    #[test]
    fn thick_slices_are_told() {
        for (thickness_mm, increment_mm, told) in [
            (Some(3.0), Some(3.0), false),
            (Some(3.2), Some(2.0), true),
            (Some(2.0), Some(4.0), false),
            (None, Some(4.0), true),
            (None, Some(3.0), false),
        ] {
            let scan = Acquisition { thickness_mm, increment_mm, ..standard() };
            let told_now = findings(&scan, &heart(40.0, 15.0)).contains(&FindingKind::ThickSlices);
            assert_eq!(told_now, told, "{thickness_mm:?} {increment_mm:?}");
        }
    }

    #[test]
    fn the_tube_voltage_is_told_unless_standard() {
        for (tube_voltage_kvp, told) in [(Some(120.0), false), (Some(110.0), true), (None, true)] {
            let scan = Acquisition { tube_voltage_kvp, ..standard() };
            assert_eq!(findings(&scan, &heart(40.0, 15.0)).contains(&FindingKind::TubeVoltage), told);
        }
        let adjusted = Protocol::kvp_adjusted(100.0).unwrap();
        let scan = Acquisition { tube_voltage_kvp: Some(100.0), ..standard() };
        let message = &assess(&scan, HeartView::Unknown, &adjusted).findings[0].message;
        assert_eq!(message, "the tube voltage is 100 kVp; thresholds are adjusted to it");
    }

    #[test]
    fn contrast_by_statement_and_by_measurement() {
        let stated = Acquisition { contrast_stated: true, ..standard() };
        assert_eq!(refusal(&stated, &heart(40.0, 15.0)), Some(RefusalKind::Contrast));
        for (median_hu, kind, told) in [
            (44.0, None, false),
            (65.9, None, false),
            (66.0, None, true),
            (89.0, None, true),
            (90.0, Some(RefusalKind::Contrast), false),
            (352.0, Some(RefusalKind::Contrast), false),
        ] {
            assert_eq!(refusal(&standard(), &heart(median_hu, 15.0)), kind, "{median_hu}");
            let told_now = findings(&standard(), &heart(median_hu, 15.0)).contains(&FindingKind::Contrast);
            assert_eq!(told_now, told, "{median_hu}");
        }
        let mut early = heart(44.0, 15.0);
        early.blood_pool = early.blood_pool.map(|pool| BloodPool { bright_share: 0.2, ..pool });
        assert_eq!(refusal(&standard(), &early), Some(RefusalKind::Contrast));
    }

    #[test]
    fn noise_is_borne_by_soft_kernels() {
        for (kernel, noise_sd_hu, kind) in [
            (KernelSharpness::Soft, 50.0, None),
            (KernelSharpness::Sharp, 24.3, None),
            (KernelSharpness::Sharp, 30.1, Some(RefusalKind::HardKernelNoise)),
            (KernelSharpness::Unknown, 30.1, None),
            (KernelSharpness::Unknown, 40.6, Some(RefusalKind::HardKernelNoise)),
        ] {
            let scan = Acquisition { kernel, ..standard() };
            assert_eq!(refusal(&scan, &heart(40.0, noise_sd_hu)), kind, "{kernel:?} {noise_sd_hu}");
            let told = findings(&scan, &heart(40.0, noise_sd_hu));
            assert!(told.contains(&FindingKind::Noise));
            assert_eq!(told.contains(&FindingKind::HardKernel), kernel == KernelSharpness::Sharp);
        }
        assert!(findings(&standard(), &heart(40.0, 20.0)).is_empty());
    }

    #[test]
    fn missing_slices_matter_in_the_heart() {
        // The heart spans slices 20 to 60.
        for (after, count, inside) in
            [(10, 8, false), (10, 9, true), (10, 30, true), (40, 1, true), (60, 1, true), (61, 1, false)]
        {
            let scan =
                Acquisition { missing_slices: vec![MissingSlices { axis: 2, after, count }], ..standard() };
            let kind = refusal(&scan, &heart(40.0, 15.0));
            assert_eq!(kind == Some(RefusalKind::MissingSlices), inside, "{after} {count}");
            assert_eq!(findings(&scan, &heart(40.0, 15.0)), [FindingKind::MissingSlices]);
            assert_eq!(assess(&scan, HeartView::Unknown, &Protocol::agatston_130()).refusal, None);
        }
    }

    #[test]
    fn a_heart_out_of_view_is_refused_and_a_cut_one_told() {
        let not_found = assess(&standard(), HeartView::NotFound, &Protocol::agatston_130());
        assert_eq!(not_found.refusal.unwrap().kind, RefusalKind::HeartNotInView);
        let tip = HeartMeasurements { volume_ml: 149.0, ..heart(40.0, 15.0) };
        assert_eq!(refusal(&standard(), &tip), Some(RefusalKind::HeartNotInView));
        let cut = HeartMeasurements { cut: [[true, false], [false; 2], [false, true]], ..heart(40.0, 15.0) };
        let assessment = judge(&standard(), &cut);
        assert_eq!(assessment.refusal, None);
        assert_eq!(assessment.findings[0].message, "the field of view cuts the heart at the right, top");
    }

    #[test]
    fn metal_is_told() {
        for (volume_mm3, told) in [(5.0, false), (5.1, true)] {
            let metal = MetalMeasurements { volume_mm3, peak_hu: 3071 };
            let scanned = HeartMeasurements { metal, ..heart(40.0, 15.0) };
            assert_eq!(findings(&standard(), &scanned).contains(&FindingKind::Metal), told);
        }
    }
}
