//! A simple chest of ellipsoids with calcium where the test wants it, and the cases made of it.

#![allow(dead_code, reason = "each test uses its part of this module")]
#![allow(clippy::unwrap_used, reason = "helpers of tests fail as tests do")]

use std::sync::LazyLock;

use opencac_core::outcome::{Analysis, HeartMeasures};
use opencac_core::score::{Candidates, CategoryScheme, Protocol, score};
use opencac_core::{
    Finding, FindingKind, Grid, LabelMap, Mask, Outcome, PatientPoint, Refusal, RefusalKind, Volume,
};
use opencac_report::{
    Acquisition, Case, CaseDocument, Conclusion, MesaRisk, Network, NetworkHashes, Percentile, Picture, Risk,
    Scene, Timings, pictures,
};

/// Calcium to place in the heart: label (1 LM, 2 LAD, 3 LCX, 4 RCA, 5 aortic valve, ...), centre and radius in mm, HU.
pub type Spot = (u8, [f64; 3], f64, i16);

const SIZE: [usize; 3] = [256, 256, 48];
const SPACING_MM: [f64; 3] = [1.5, 1.5, 3.0];
/// Centre and half axes of the heart.
const HEART: ([f64; 3], [f64; 3]) = ([20.0, -20.0, 0.0], [62.0, 52.0, 50.0]);

/// A scan and what is known of it.
pub struct Chest {
    pub volume: Volume,
    pub labels: LabelMap,
    pub heart: Mask,
}

fn inside(point: [f64; 3], centre: [f64; 3], half: [f64; 3]) -> bool {
    (0..3).map(|k| ((point[k] - centre[k]) / half[k]).powi(2)).sum::<f64>() <= 1.0
}

/// Repeatable noise of about +-`range` HU.
fn noise(state: &mut u64, range: i64) -> i64 {
    *state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
    (*state >> 33) as i64 % (2 * range + 1) - range
}

fn tissue(point: [f64; 3], blood_hu: i16) -> i16 {
    let [x, y, z] = point;
    let flat = |cx: f64, cy: f64, rx: f64, ry: f64| inside([x, y, 0.0], [cx, cy, 0.0], [rx, ry, 1.0]);
    if !flat(0.0, 0.0, 165.0, 115.0) {
        return -1000;
    }
    if flat(0.0, 85.0, 20.0, 18.0) || flat(0.0, -102.0, 20.0, 7.0) {
        return 420;
    }
    if inside(point, HEART.0, HEART.1) {
        return if inside(point, HEART.0, HEART.1.map(|r| r * 0.86)) { blood_hu } else { -90 };
    }
    if flat(-72.0, 0.0, 58.0, 85.0) || flat(76.0, 5.0, 58.0, 82.0) {
        let vessel = (x * 0.37).sin() * (y * 0.31 + z * 0.2).sin();
        return if vessel > 0.93 { 20 } else { -860 };
    }
    if flat(0.0, 0.0, 155.0, 105.0) { 50 } else { -95 }
}

/// A chest with spots of calcium; `blood_hu` is 45 without and about 300 with contrast.
pub fn chest(spots: &[Spot], blood_hu: i16) -> Chest {
    let origin = [0, 1, 2].map(|k| -(SIZE[k] as f64 - 1.0) / 2.0 * SPACING_MM[k]);
    let grid = Grid::axial(SIZE, SPACING_MM, PatientPoint(origin)).unwrap();
    let count = grid.voxel_count();
    let (mut hu, mut labels, mut heart) = (vec![0; count], vec![0; count], vec![false; count]);
    let mut state = 1;
    for at in 0..count {
        let point = grid.patient_from_voxel(grid.index(at)).0;
        heart[at] = inside(point, HEART.0, HEART.1);
        let covers = |(_, centre, radius, _): &&Spot| {
            // At least three quarters of an increment, so that no spot falls between the slices.
            inside(point, *centre, [*radius, *radius, radius.max(SPACING_MM[2] * 0.75)])
        };
        let spot = heart[at].then(|| spots.iter().find(covers)).flatten();
        let value = spot.map_or_else(|| tissue(point, blood_hu), |spot| spot.3);
        labels[at] = spot.map_or(0, |spot| spot.0);
        hu[at] = value.saturating_add(noise(&mut state, 24) as i16).max(-1024);
    }
    Chest {
        volume: Volume::new(grid.clone(), hu).unwrap(),
        labels: LabelMap::new(grid.clone(), labels).unwrap(),
        heart: Mask::new(grid, heart).unwrap(),
    }
}

/// Spots of three vessels, the valve and the aorta.
pub fn three_vessels() -> Vec<Spot> {
    vec![
        (2, [35.0, -62.0, 10.0], 3.2, 520),
        (2, [48.0, -52.0, -4.0], 2.4, 300),
        (1, [18.0, -30.0, 30.0], 2.2, 240),
        (4, [-32.0, -28.0, 3.0], 2.8, 450),
        (5, [5.0, -10.0, 22.0], 3.0, 380),
    ]
}

/// Forty separate spots along rough courses of the arteries, ten a vessel, in every second slice.
pub fn forty() -> Vec<Spot> {
    /// Angle at the top, its change down to the apex, and distance from the axis of the heart.
    const COURSES: [[f64; 3]; 4] = [[-1.2, 0.1, 0.3], [-1.0, 0.9, 0.75], [0.2, 0.8, 0.75], [2.9, 0.9, 0.75]];
    (0..40)
        .map(|n| {
            let (vessel, step) = (n % 4, f64::from(n as u8 / 4));
            let [start, turn, distance] = COURSES[vessel];
            let angle = start + turn * step / 9.0;
            let ring = distance * (1.0 - 0.035 * step);
            let centre = [
                HEART.0[0] + HEART.1[0] * ring * angle.cos(),
                HEART.0[1] + HEART.1[1] * ring * angle.sin(),
                28.5 - 6.0 * step,
            ];
            (vessel as u8 + 1, centre, 1.5 + (n * 7 % 5) as f64 * 0.2, 220 + (n * 53 % 500) as i16)
        })
        .collect()
}

fn acquisition() -> Acquisition {
    Acquisition {
        manufacturer: Some("Example Medical".into()),
        scanner: Some("Synthetic 1".into()),
        kernel: Some("STANDARD".into()),
        kvp: Some(120.0),
        slice_thickness_mm: Some(3.0),
        slice_increment_mm: Some(SPACING_MM[2]),
        pixel_spacing_mm: Some([SPACING_MM[0], SPACING_MM[1]]),
        size: Some(SIZE),
        noise_sd_hu: Some(14.2),
    }
}

/// A case before its end is known.
pub fn case(conclusion: Conclusion) -> Case {
    let hash = |n: u8| Some(format!("{n:02x}").repeat(32));
    Case {
        input: "scans/example".into(),
        series_uid: Some("2.25.329800735698586629295641978511506172918".into()),
        conclusion,
        findings: Vec::new(),
        leading_scheme: CategoryScheme::DeepCac,
        acquisition: Some(acquisition()),
        protocol: Some(Protocol::agatston_130()),
        model: Some(Network {
            name: "example-1".into(),
            sha256: NetworkHashes { locate: hash(0x1a), heart: hash(0x2b), calcium: hash(0x3c) },
        }),
        risk: None,
        reference: None,
        version: "0.0.0-test".into(),
        timings_ms: Timings {
            read: Some(310),
            locate: Some(120),
            heart: Some(450),
            calcium: Some(980),
            score: Some(12),
            write: Some(140),
            total: Some(2012),
        },
    }
}

/// Percentile and risk of an example person.
pub fn risk() -> Risk {
    Risk {
        age_years: Some(62.0),
        sex: Some("female".into()),
        ancestry: None,
        percentiles: vec![Percentile { reference: "hoff".into(), lower: 75.0, upper: 90.0 }],
        arterial_age_years: Some(78.4),
        mesa_10_year: Some(MesaRisk { with_cac_percent: Some(9.41), without_cac_percent: Some(5.2) }),
        unavailable: vec!["MESA percentile: ancestry is not known".into()],
    }
}

/// A scored case; without vessels the labels are taken as one mask.
pub fn scored(chest: &Chest, with_vessels: bool) -> Case {
    let candidates = if with_vessels {
        Candidates::Labels(chest.labels.clone())
    } else {
        Candidates::Mask(chest.labels.mask_where(|label| (1..=4).contains(&label)))
    };
    let score = score(&chest.volume, &candidates, &Protocol::agatston_130()).unwrap();
    let heart =
        HeartMeasures { volume_ml: chest.heart.volume_ml(), centroid: chest.heart.centroid().unwrap() };
    let analysis = Analysis { score, heart: Some(heart) };
    let mut case = case(Conclusion::Finished(Outcome::Scored(Box::new(analysis))));
    case.findings = vec![Finding::new(
        FindingKind::UncalibratedMass,
        "the mass rests on the nominal factor 0.722 mg/(HU cm^3), since the scan brings no calibration",
    )];
    case
}

/// A refused case.
pub fn refused() -> Case {
    let mut case = case(Conclusion::Finished(Outcome::Refused(Refusal {
        kind: RefusalKind::Contrast,
        message: "blood in the heart has a median of 301 HU, expected at most 90 HU without contrast".into(),
    })));
    case.findings =
        vec![Finding::new(FindingKind::ThickSlices, "slices are 5 mm thick, expected at most 3 mm")];
    case
}

/// A case that failed before anything was known of the scan.
pub fn failed() -> Case {
    Case {
        series_uid: None,
        acquisition: None,
        model: None,
        timings_ms: Timings { read: Some(3), total: Some(3), ..Timings::default() },
        ..case(Conclusion::Failed(
            "scans/example/0001.dcm: no pixel data, expected element (7FE0,0010)".into(),
        ))
    }
}

/// The pictures of a case on its chest.
pub fn pictures_of(chest: &Chest, case: &Case) -> Vec<Picture> {
    let lesions = match &case.conclusion {
        Conclusion::Finished(Outcome::Scored(analysis)) => Some(analysis.score.lesions.as_slice()),
        _ => None,
    };
    pictures(&Scene { volume: &chest.volume, heart: Some(&chest.heart), lesions }).unwrap()
}

/// A kind of case: its name, its document, its pictures.
pub type Exhibit = (&'static str, CaseDocument, Vec<Picture>);

/// Every kind of case.
pub fn gallery() -> &'static [Exhibit] {
    static GALLERY: LazyLock<Vec<Exhibit>> = LazyLock::new(make_gallery);
    &GALLERY
}

fn make_gallery() -> Vec<Exhibit> {
    let (none, three, many) = (chest(&[], 45), chest(&three_vessels(), 45), chest(&forty(), 45));
    let contrast = chest(&[], 300);
    let with_risk = Case { risk: Some(risk()), ..scored(&three, true) };
    let cases = [
        ("none", scored(&none, true), Some(&none)),
        ("three-vessels", with_risk, Some(&three)),
        ("no-vessels", scored(&three, false), Some(&three)),
        ("forty", scored(&many, true), Some(&many)),
        ("refused", refused(), Some(&contrast)),
        ("failed", failed(), None),
    ];
    cases
        .into_iter()
        .map(|(name, case, chest)| {
            let pictures = chest.map(|chest| pictures_of(chest, &case)).unwrap_or_default();
            (name, CaseDocument::new(&case), pictures)
        })
        .collect()
}
