//! What users of a phantom rely on: it repeats, its truth is the score of its noise-free image, its calcium lies where
//! real calcium lies.

#![expect(clippy::unwrap_used, reason = "helpers of tests fail as tests do")]

use opencac_core::score::{Candidates, Protocol, score};
use opencac_core::{LabelMap, PatientPoint, VoxelIndex};
use opencac_phantom::{
    Chest, Confounder, Contrast, DRAWING, Deposit, Phantom, PhantomError, PhantomSpec, STENT_HU, Site, Tip,
    Variety, generate,
};

/// The average person on a coarse grid, quick to draw.
fn small(seed: u64) -> PhantomSpec {
    let mut spec = PhantomSpec::average(seed);
    spec.scan.size = [200, 200, 60];
    spec.scan.pixel_mm = 1.8;
    spec.scan.increment_mm = 3.0;
    spec.scan.thickness_mm = 3.0;
    spec.scan.middle_mm = 10.0;
    spec
}

fn plaque(site: Site, position: f64, volume_mm3: f64) -> Deposit {
    Deposit { site, position, angle_deg: 30.0, volume_mm3, density_hu: 900.0, elongation: 2.0, seed: 5 }
}

fn made(spec: &PhantomSpec) -> Phantom {
    generate(spec).unwrap()
}

/// The voxels before noise that have a label that is wanted.
fn clean_hu(phantom: &Phantom, wanted: impl Fn(u8) -> bool) -> Vec<i16> {
    let labelled = phantom.noise_free.hu().iter().zip(phantom.labels.labels());
    labelled.filter(|(_, label)| wanted(**label)).map(|(hu, _)| *hu).collect()
}

fn scored(phantom: &Phantom) -> f64 {
    let candidates = Candidates::Labels(phantom.labels.clone());
    score(&phantom.noise_free, &candidates, &Protocol::agatston_130()).unwrap().totals.agatston
}

#[test]
fn the_same_seed_gives_the_same_scan_on_any_number_of_threads() {
    let spec = PhantomSpec { scan: small(4).scan, ..PhantomSpec::random(4, &Variety::chest()) };
    let on = |threads| {
        let pool = rayon::ThreadPoolBuilder::new().num_threads(threads).build().unwrap();
        pool.install(|| made(&spec))
    };
    let (one, three) = (on(1), on(3));
    assert!(one.volume == three.volume && one.labels == three.labels && one.heart == three.heart);
    assert_eq!(one.truth, three.truth);
    assert!(made(&PhantomSpec { seed: 5, ..spec }).volume != one.volume);
}

/// What is kept of a manner of drawing must not be taken for another's.
#[test]
fn a_phantom_drawn_otherwise_has_another_manner() {
    let variety = Variety { stent: 1.0, coronary_calcium: 1.0, ..Variety::chest() };
    let mut spec = PhantomSpec { scan: small(4).scan, ..PhantomSpec::random(4, &variety) };
    spec.deposits.extend([5, 6].map(|seed| Deposit { seed, ..plaque(Site::Lad, 0.3, 300.0) }));
    let phantom = made(&spec);
    let mean = |values: &[i16]| values.iter().map(|v| f64::from(*v)).sum::<f64>() / values.len() as f64;
    let labelled = clean_hu(&phantom, |label| label > 0);
    let found = [
        mean(phantom.noise_free.hu()),
        mean(phantom.volume.hu()),
        mean(&labelled),
        labelled.len() as f64,
        scored(&phantom),
    ];
    let expected = [-617.4555, -617.6829, 493.1234, 624.0, 842.4];
    // Sine and exponential differ in the last digit from machine to machine.
    let same = |(found, expected): (&f64, f64)| (found - expected).abs() < 2e-5 * expected.abs();
    assert!(
        DRAWING == 2 && found.iter().zip(expected).all(same),
        "raise DRAWING and write here {found:?}, its figures"
    );
}

#[test]
fn a_chest_that_is_filled_anew_is_the_one_drawn_for_it() {
    let variety = Variety { stent: 1.0, ..Variety::chest() };
    let first = PhantomSpec { scan: small(4).scan, ..PhantomSpec::random(4, &variety) };
    let other = first.clone().filled_anew(9, &variety);
    assert!(other.confounders != first.confounders && other.scanner != first.scanner);
    let chest = Chest::of(&first).unwrap();
    for spec in [&first, &other] {
        let (filled, drawn) = (chest.phantom(spec).unwrap(), made(spec));
        assert!(
            filled.volume == drawn.volume && filled.labels == drawn.labels && filled.heart == drawn.heart
        );
        assert_eq!(filled.truth, drawn.truth);
    }
    assert_eq!(chest.phantom(&small(4)).unwrap_err(), PhantomError::OtherChest);
}

#[test]
fn the_truth_is_the_score_of_the_noise_free_image() {
    let mut spec = small(2);
    spec.deposits = vec![
        plaque(Site::Lad, 0.2, 150.0),
        plaque(Site::Rca, 0.4, 80.0),
        plaque(Site::AorticWall, 0.6, 300.0),
    ];
    let phantom = made(&spec);
    let truth = &phantom.truth.noise_free;
    assert!(truth.agatston > 50.0);
    assert_eq!(truth.agatston, scored(&phantom));
    assert!(truth.vessels["lad"] > 0.0 && truth.vessels["rca"] > 0.0);
    assert_eq!((truth.vessels["lm"], truth.vessels["lcx"]), (0.0, 0.0));
    assert!(truth.non_coronary["aortic_wall"] > 0.0);
    assert!((truth.vessels.values().sum::<f64>() - truth.agatston).abs() < 1e-9);
}

#[test]
fn a_heart_without_calcium_scores_zero_even_with_everything_else_bright() {
    let mut spec = small(3);
    spec.confounders = vec![
        Confounder::Lead { tip: Tip::CoronarySinus, radius_mm: 1.0, seed: 2 },
        Confounder::Catheter { radius_mm: 1.3, tip_mm: -20.0, wall_hu: 2000.0, seed: 3 },
        Confounder::ValveRing { site: Site::AorticValve, wire_mm: 1.0, wall_hu: 3000.0 },
        Confounder::SternalWires,
        Confounder::Stent { site: Site::Lad, from: 0.2, to: 0.4, wall_hu: STENT_HU },
        Confounder::Node { volume_mm3: 200.0, density_hu: 800.0, seed: 1 },
    ];
    let cartilage = |seed| Confounder::Cartilage { volume_mm3: 150.0, density_hu: 500.0, seed };
    spec.confounders.extend((0..12).map(cartilage));
    spec.deposits = vec![plaque(Site::MitralAnnulus, 0.5, 900.0), plaque(Site::AorticValve, 0.5, 200.0)];
    let phantom = made(&spec);
    assert_eq!(phantom.truth.noise_free.agatston, 0.0);
    for label in [5, 7, 9, 10, 11] {
        assert!(phantom.labels.labels().contains(&label), "no voxel is labelled {label}");
    }
}

#[test]
fn plaques_that_overlap_do_not_add_up() {
    let with = |plaques: &[(Site, u64, f64)]| {
        let plaque = |(site, seed, density_hu): &(Site, u64, f64)| Deposit {
            seed: *seed,
            density_hu: *density_hu,
            ..plaque(*site, 0.3, 300.0)
        };
        let phantom = made(&PhantomSpec { deposits: plaques.iter().map(plaque).collect(), ..small(4) });
        let coronary = clean_hu(&phantom, |label| label == 2);
        (coronary.len(), coronary.into_iter().max().unwrap())
    };
    let one = (Site::Lad, 5, 900.0);
    let (voxels, peak) = with(&[one]);
    let (of_three, among_three) = with(&[(Site::Lad, 6, 500.0), one, (Site::Lad, 7, 700.0)]);
    assert!(peak > 600 && voxels > 8, "{peak} HU in {voxels}");
    assert!(of_three >= voxels && f64::from(among_three) < 1.1 * f64::from(peak), "{among_three}, {peak}");
}

#[test]
fn a_wanted_score_is_reached_and_can_be_made_again() {
    for (seed, wanted) in [(1, 15.0), (2, 120.0), (3, 850.0)] {
        let phantom = made(&small(seed).with_agatston(wanted));
        let reached = phantom.truth.noise_free.agatston;
        // The stated tolerance: 2 % or two pixels of weight 4.
        let tolerance = (0.02 * wanted).max(2.0 * 4.0 * 1.8 * 1.8);
        assert!((reached - wanted).abs() <= tolerance, "wanted {wanted}, reached {reached}");
        if seed == 2 {
            assert_eq!(made(&phantom.truth.spec).truth.noise_free, phantom.truth.noise_free);
        }
    }
    assert_eq!(made(&small(1).with_agatston(0.0)).truth.noise_free.agatston, 0.0);
}

#[test]
fn a_score_without_plaques_to_scale_is_an_error() {
    let spec = PhantomSpec { agatston: Some(100.0), ..small(1) };
    assert_eq!(generate(&spec).unwrap_err(), PhantomError::NoDeposits { wanted: 100.0 });
    let mut spec = small(1);
    spec.scan.pixel_mm = f64::NAN;
    assert!(matches!(generate(&spec), Err(PhantomError::Field { field: "pixel size in mm", .. })));
    let mut spec = small(1);
    spec.body.cartilage_rise = -0.5;
    assert!(matches!(generate(&spec), Err(PhantomError::Field { field: "rise of cartilages", .. })));
}

/// Bounds of real lesions in the box of the heart mask (see docs/phantom.md), widened by 0.06 for the plaque's own
/// extent and the variety of hearts.
const REAL_RANGES: [(Site, [[f64; 2]; 3]); 4] = [
    (Site::Lm, [[0.39, 0.64], [0.47, 0.64], [0.77, 0.87]]),
    (Site::Lad, [[0.55, 0.82], [0.11, 0.59], [0.12, 0.88]]),
    (Site::Lcx, [[0.50, 0.71], [0.53, 0.80], [0.60, 0.81]]),
    (Site::Rca, [[0.18, 0.41], [0.18, 0.44], [0.31, 0.73]]),
];

#[test]
fn plaques_lie_where_real_ones_do() {
    for position in [0.1, 0.3, 0.5] {
        let mut spec = small(7);
        spec.deposits = REAL_RANGES.map(|(site, _)| plaque(site, position, 60.0)).into();
        let phantom = made(&spec);
        let bounds = phantom.heart.bounding_box().unwrap();
        for ((site, ranges), key) in REAL_RANGES.into_iter().zip(["lm", "lad", "lcx", "rca"]) {
            let lesions = &phantom.truth.noise_free.lesions;
            let lesion = lesions.iter().find(|l| l.vessel.as_deref() == Some(key)).unwrap();
            let index = phantom.heart.grid().continuous_from_patient(PatientPoint(lesion.centroid_lps_mm));
            for k in 0..3 {
                let extent = (bounds[k][1] - bounds[k][0] + 1) as f64;
                let n = (index[k] - bounds[k][0] as f64 + 0.5) / extent;
                let [low, high] = ranges[k];
                assert!(
                    (low - 0.06..=high + 0.06).contains(&n),
                    "{site:?} at {position}, axis {k}: {n:.2}, real {low} to {high}"
                );
            }
        }
    }
}

#[test]
fn coronary_labels_lie_inside_the_heart() {
    for seed in 0..3 {
        let variety = Variety { coronary_calcium: 1.0, ..Variety::chest() };
        let random = PhantomSpec::random(seed, &variety);
        let mut scan = small(seed).scan;
        scan.pixel_mm = 2.0;
        let phantom = made(&PhantomSpec { scan, ..random });
        let (inside, all) = counts(&phantom.labels, &phantom);
        assert!(inside as f64 >= 0.97 * all as f64, "seed {seed}: {inside} of {all} voxels");
    }
}

fn counts(labels: &LabelMap, phantom: &Phantom) -> (usize, usize) {
    let coronary = |l: &u8| (1..=4).contains(l);
    let both = labels.labels().iter().zip(phantom.heart.voxels());
    (both.filter(|(l, h)| coronary(l) && **h).count(), labels.labels().iter().filter(|l| coronary(l)).count())
}

#[test]
fn noise_has_the_wanted_size_in_the_blood_pool() {
    let mut spec = small(6);
    spec.scanner.noise_sd_hu = 20.0;
    spec.scanner.motion_split_mm = 0.0;
    let phantom = made(&spec);
    let grid = phantom.volume.grid();
    // Inside the left ventricle.
    let middle = grid.continuous_from_patient(PatientPoint([38.0, -34.0, -12.0])).map(|v| v.round() as usize);
    let mut values = Vec::new();
    for z in middle[2] - 1..=middle[2] + 1 {
        for y in middle[1] - 6..middle[1] + 6 {
            for x in middle[0] - 6..middle[0] + 6 {
                let index = VoxelIndex([x, y, z]);
                values.push(f64::from(phantom.volume.at(index) - phantom.noise_free.at(index)));
            }
        }
    }
    let mean = values.iter().sum::<f64>() / values.len() as f64;
    let sd = (values.iter().map(|v| (v - mean).powi(2)).sum::<f64>() / values.len() as f64).sqrt();
    // 432 correlated voxels leave an uncertainty of several per cent; off centre the noise is a little lower.
    assert!((15.0..23.0).contains(&sd), "SD {sd}");
}

#[test]
fn contrast_and_tube_voltage_change_what_they_should() {
    let blood = |contrast| {
        let phantom = made(&PhantomSpec { contrast, ..small(8) });
        let index = phantom.volume.grid().continuous_from_patient(PatientPoint([38.0, -34.0, -12.0]));
        phantom.noise_free.at(VoxelIndex(index.map(|v| v.round() as usize)))
    };
    assert!((30..=55).contains(&blood(Contrast::None)));
    assert!(blood(Contrast::Arterial(320.0)) > 280);
    let agatston = |kvp| {
        let mut spec = small(8);
        spec.scanner.tube_kvp = kvp;
        spec.deposits = vec![plaque(Site::Lad, 0.2, 100.0)];
        made(&spec).truth.noise_free.volume_mm3
    };
    assert!(agatston(80.0) > agatston(120.0));
}

#[test]
fn the_heart_mask_has_a_real_size_and_a_flat_top() {
    let phantom = made(&small(9));
    // Expert masks: 580 to 920 ml, 105 to 114 mm high.
    assert!((580.0..920.0).contains(&phantom.truth.heart_ml), "{} ml", phantom.truth.heart_ml);
    let bounds = phantom.heart.bounding_box().unwrap();
    let height = (bounds[2][1] - bounds[2][0] + 1) as f64 * 3.0;
    assert!((96.0..=117.0).contains(&height), "{height} mm");
    let n = phantom.heart.grid().slice_voxel_count();
    let top = phantom.heart.voxels()[bounds[2][1] * n..(bounds[2][1] + 1) * n].iter().filter(|v| **v).count();
    // Real top slices hold 3500 to 4700 mm^2; a rounded top would end in a few voxels.
    assert!(top as f64 * 1.8 * 1.8 > 2500.0, "top slice of {top} voxels");
}

#[test]
fn a_field_about_the_heart_shows_the_same_heart() {
    for seed in [9, 10] {
        let mut spec = small(seed);
        spec.heart.turn_deg = [9.0, -7.0, 12.0];
        spec.heart.shift_mm = [8.0, -5.0, 6.0];
        spec.deposits = vec![plaque(Site::Lad, 0.3, 150.0)];
        let near_spec = spec.clone().about_heart(10.0);
        let (whole, near) = (made(&spec), made(&near_spec));
        assert!(
            near_spec.scan.size.iter().product::<usize>() * 4 < 200 * 200 * 60,
            "{:?}",
            near_spec.scan.size
        );
        assert!((near.truth.heart_ml / whole.truth.heart_ml - 1.0).abs() < 0.01);
        // Where the voxels fall on a plaque changes its score by some percent.
        assert!((scored(&near) / scored(&whole) - 1.0).abs() < 0.3, "{} {}", scored(&near), scored(&whole));
        let bounds = near.heart.bounding_box().unwrap();
        for (k, spacing_mm) in near.heart.grid().spacing_mm().into_iter().enumerate() {
            let margins =
                [bounds[k][0], near_spec.scan.size[k] - 1 - bounds[k][1]].map(|n| n as f64 * spacing_mm);
            assert!(margins.iter().all(|mm| (5.0..16.0).contains(mm)), "axis {k}: {margins:?} mm");
        }
    }
}

#[test]
fn a_specification_survives_json() {
    let spec = PhantomSpec::random(11, &Variety::chest());
    let text = serde_json::to_string(&spec).unwrap();
    assert_eq!(serde_json::from_str::<PhantomSpec>(&text).unwrap(), spec);
}

#[test]
fn what_is_drawn_apart_comes_as_often_as_asked_and_changes_nothing_else() {
    let plain = Variety { cartilage: 0.0, large_plaque: 0.0, stent: 0.0, ..Variety::chest() };
    let asked = Variety {
        large_plaque: 0.4,
        root_calcium: 0.5,
        annulus: 0.2,
        pericardium: 0.7,
        stent: 0.3,
        stent_hu: [2000.0, 3000.0],
        ..Variety::chest()
    };
    let is_stent = |c: &Confounder| matches!(c, Confounder::Stent { .. });
    let is_pericardium = |c: &Confounder| matches!(c, Confounder::Pericardium { .. });
    let (mut stents, mut large, mut roots, mut cartilages) = (0, 0, 0, 0);
    let (mut annuli, mut pericardia) = (0, 0);
    for seed in 0..1000 {
        let (before, after) = (PhantomSpec::random(seed, &plain), PhantomSpec::random(seed, &asked));
        let added = |of: fn(Site) -> bool| -> Vec<&Deposit> {
            after.deposits.iter().filter(|d| of(d.site) && !before.deposits.contains(d)).collect()
        };
        let root = added(|site| site == Site::AorticWall);
        let annulus = added(|site| site == Site::MitralAnnulus);
        let more = added(Site::is_coronary);
        roots += usize::from(!root.is_empty());
        assert!(annulus.iter().all(|d| (150.0..=3500.0).contains(&d.volume_mm3)), "{annulus:?}");
        annuli += usize::from(!annulus.is_empty());
        let calcified = |c: &Confounder| matches!(c, Confounder::Cartilage { .. });
        cartilages += usize::from(after.confounders.iter().any(calcified));
        let count = before.deposits.len() + root.len() + annulus.len() + more.len();
        assert_eq!(count, after.deposits.len());
        assert!(more.iter().all(|d| (60.0..=1200.0).contains(&d.volume_mm3)), "{more:?}");
        large += usize::from(!more.is_empty());
        for confounder in after.confounders.iter().filter(|c| is_stent(c)) {
            assert!(
                matches!(confounder, Confounder::Stent { wall_hu: 2000.0..=3000.0, .. }),
                "{confounder:?}"
            );
            stents += 1;
        }
        let rest = |spec: &PhantomSpec| -> Vec<Confounder> {
            spec.confounders.iter().filter(|c| !is_stent(c) && !calcified(c)).cloned().collect()
        };
        let everywhere = Variety { cartilage: 1.0, ..plain.clone() };
        assert_eq!(before.confounders, rest(&PhantomSpec::random(seed, &everywhere)));
        let lime = |spec: &PhantomSpec| spec.confounders.iter().filter(|c| is_pericardium(c)).count();
        let added = lime(&after) - lime(&before);
        assert!(added <= 2, "{added} pieces of pericardium");
        pericardia += usize::from(added > 0);
        assert_eq!((&before.body, &before.heart, &before.scan), (&after.body, &after.heart, &after.scan));
    }
    assert!((260..340).contains(&stents) && (350..450).contains(&large), "{stents} {large}");
    assert!((160..240).contains(&annuli) && (650..750).contains(&pericardia), "{annuli} {pericardia}");
    assert!((450..550).contains(&roots) && (550..650).contains(&cartilages), "{roots} {cartilages}");
}

#[test]
fn hearts_at_the_wall_touch_it_where_others_have_fat_or_lung() {
    let variety = |at_wall: f64| Variety { at_wall, contrast: 0.0, ..Variety::chest() };
    let touched_mm2: Vec<[f64; 2]> = (0..6)
        .map(|seed| {
            let pair = [0.0, 1.0].map(|at_wall| PhantomSpec::random(seed, &variety(at_wall)));
            // The rest of the person and of what the chest holds stays what it was.
            let mut same = pair[0].clone();
            same.body.cavity_half_depth_mm = pair[1].body.cavity_half_depth_mm;
            same.heart.fat_mm = pair[1].heart.fat_mm;
            assert_eq!(same, pair[1]);
            pair.map(|mut spec| {
                spec.scan = small(seed).scan;
                spec.scan.middle_mm = spec.heart.shift_mm[2];
                let column_mm2 = spec.scan.pixel_mm * spec.scan.increment_mm;
                let soft = tissue_before(&made(&spec)).into_iter().filter(|hu| *hu > -30).count();
                soft as f64 * column_mm2
            })
        })
        .collect();
    let mut grown: Vec<f64> = touched_mm2.iter().map(|[free, touching]| touching - free).collect();
    grown.sort_by(f64::total_cmp);
    // In life it may be a hand's breadth; half of these have more than a quarter of it.
    assert!(grown[0] > 500.0 && grown[3] > 1500.0, "{touched_mm2:?} mm^2");
}

/// The darkest intensity from 4 mm before the heart's front to 4 mm behind it, column by column.
fn tissue_before(phantom: &Phantom) -> Vec<i16> {
    let [width, height, depth] = phantom.volume.grid().size();
    let (heart, hu) = (phantom.heart.voxels(), phantom.noise_free.hu());
    let columns = (0..depth).flat_map(|z| (0..width).map(move |x| (x, z)));
    columns
        .filter_map(|(x, z)| {
            let at = |y: usize| (z * height + y) * width + x;
            let front = (0..height).find(|y| heart[at(*y)])?;
            (front.saturating_sub(2)..=front + 2).map(|y| hu[at(y)]).min()
        })
        .collect()
}
