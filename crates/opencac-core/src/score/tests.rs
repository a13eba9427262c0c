use proptest::prelude::*;

use super::*;
use crate::VoxelIndex;

/// A volume of `size`, -50 HU but for the given voxels, and the mask of those.
fn scene(size: [usize; 3], spacing_mm: [f64; 3], voxels: &[([usize; 3], i16)]) -> (Volume, Mask) {
    let grid = Grid::axial(size, spacing_mm, PatientPoint([0.0; 3])).unwrap();
    let (mut hu, mut mask) = (vec![-50; grid.voxel_count()], vec![false; grid.voxel_count()]);
    for &(index, value) in voxels {
        hu[grid.offset(VoxelIndex(index))] = value;
        mask[grid.offset(VoxelIndex(index))] = true;
    }
    (Volume::new(grid.clone(), hu).unwrap(), Mask::new(grid, mask).unwrap())
}

fn score_of(scene: (Volume, Mask), protocol: &Protocol) -> CalciumScore {
    score(&scene.0, &Candidates::Mask(scene.1), protocol).unwrap()
}

fn block(from: [usize; 3], size: [usize; 3], hu: i16) -> Vec<([usize; 3], i16)> {
    let mut voxels = Vec::new();
    for z in 0..size[2] {
        for y in 0..size[1] {
            voxels.extend((0..size[0]).map(|x| ([from[0] + x, from[1] + y, from[2] + z], hu)));
        }
    }
    voxels
}

#[test]
fn micro_case_of_the_literature() {
    // A 4 x 2 x 2 block of 400 HU voxels of 0.5 mm without increment scaling.
    let protocol = Protocol { reference_increment_mm: None, ..Protocol::agatston_130() };
    let result = score_of(scene([6, 6, 4], [0.5; 3], &block([1, 1, 1], [4, 2, 2], 400)), &protocol);
    assert_eq!((result.totals.agatston, result.totals.volume_mm3), (16.0, 2.0));
    assert_eq!(result.totals.density(), Some(4.0));
    assert!((result.totals.mass_mg - 0.722_047_7 * 0.002 * 400.0).abs() < 1e-12);
    let [lesion] = &result.lesions[..] else { panic!("one lesion, found {}", result.lesions.len()) };
    assert_eq!((lesion.id, lesion.slices, lesion.voxels.len()), (1, [1, 2], 16));
    assert_eq!((lesion.peak_hu, lesion.mean_hu, lesion.vessel), (400, 400.0, None));
    assert_eq!(lesion.centroid, PatientPoint([1.25, 0.75, 0.75]));
    assert_eq!((result.vessels, result.non_coronary), (None, None));
}

#[test]
fn each_slice_weighs_its_own_part() {
    // 4 mm^2 in each of three slices of 1.5 mm: the score counts half, and each slice by its own peak.
    let mut voxels = block([1, 1, 0], [2, 2, 1], 130);
    voxels.extend(block([1, 1, 1], [2, 2, 1], 250));
    voxels.extend(block([1, 1, 2], [2, 2, 1], 500));
    let result = score_of(scene([5, 5, 3], [1.0, 1.0, 1.5], &voxels), &Protocol::agatston_130());
    assert_eq!(result.totals.agatston, (4.0 + 8.0 + 16.0) / 2.0);
    assert_eq!(result.totals.volume_mm3, 18.0);
    assert_eq!((result.lesions.len(), result.lesions[0].slices), (1, [0, 2]));
}

#[test]
fn corners_connect_where_the_protocol_says_so() {
    // Two voxels of 0.64 mm^2 over a corner: together large enough, alone not.
    let voxels = [([1, 1, 0], 350), ([2, 2, 0], 150)];
    let scene = || scene([4, 4, 1], [0.8, 0.8, 3.0], &voxels);
    assert!((score_of(scene(), &Protocol::agatston_130()).totals.agatston - 3.0 * 1.28).abs() < 1e-12);
    let four = Protocol { connectivity: Connectivity::Four, ..Protocol::agatston_130() };
    assert_eq!(score_of(scene(), &four).totals, Totals::default());
    let siemens = Protocol { connectivity: Connectivity::Four, ..Protocol::named("siemens").unwrap() };
    assert!((score_of(scene(), &siemens).totals.agatston - 4.0 * 0.64).abs() < 1e-12);
}

#[test]
fn deepcac_counts_dark_voxels_and_rounds() {
    // Object 1: four voxels, one of them bright. Object 2: three bright voxels, too few. Object 3: four dark
    // voxels, which weigh nothing.
    let mut voxels = block([0, 0, 0], [3, 1, 1], 20);
    voxels.push(([3, 0, 0], 210));
    voxels.extend(block([0, 3, 0], [3, 1, 1], 900));
    voxels.extend(block([0, 6, 0], [2, 2, 1], 129));
    let scene = || scene([8, 8, 1], [0.68, 0.68, 2.5], &voxels);
    let result = score_of(scene(), &Protocol::deepcac());
    // 0.68 * 0.68 * 2.5 / 3 = 0.38533... is rounded to 0.385.
    assert_eq!(result.totals.agatston, 3.08);
    assert_eq!(result.lesions.len(), 1);
    assert!((result.lesions[0].mean_hu - 67.5).abs() < 1e-12);
    // The default protocol sees the bright voxels only: one of 0.46 mm^2, and three.
    let default = score_of(scene(), &Protocol::agatston_130()).totals.agatston;
    assert!((default - 3.0 * 0.68 * 0.68 * 2.5 / 3.0 * 4.0).abs() < 1e-12);
}

/// The labels of a scene: `label` of each voxel by its place in the list.
fn labelled(scene: &(Volume, Mask), labels: &[([usize; 3], u8)]) -> Candidates {
    let grid = scene.0.grid();
    let mut values = vec![0; grid.voxel_count()];
    for &(index, label) in labels {
        values[grid.offset(VoxelIndex(index))] = label;
    }
    Candidates::Labels(LabelMap::new(grid.clone(), values).unwrap())
}

#[test]
fn vessels_share_the_total_and_other_calcium_stays_out() {
    // A row of five voxels, three LAD and two LM, then six of the aortic valve touching them, then bone.
    let row: Vec<_> = (0..12).map(|x| ([x, 1, 0], 310)).collect();
    let labels = [2, 2, 2, 1, 1, 5, 5, 5, 5, 5, 5, 9];
    let labels: Vec<_> = (0..12).map(|x| ([x, 1, 0], labels[x])).collect();
    let scene = scene([12, 3, 1], [1.0, 1.0, 3.0], &row);
    let result = score(&scene.0, &labelled(&scene, &labels), &Protocol::agatston_130()).unwrap();
    assert_eq!(result.totals.agatston, 15.0);
    assert_eq!(result.vessels.unwrap().map(|v| v.agatston), [0.0, 15.0, 0.0, 0.0]);
    assert_eq!(result.non_coronary.unwrap().map(|v| v.agatston), [18.0, 0.0, 0.0]);
    assert_eq!(
        result.lesions.iter().map(|l| (l.vessel, l.voxels.len())).collect::<Vec<_>>(),
        [(Some(Vessel::Lad), 5)]
    );
    assert_eq!(result.calcified_vessels(), Some(1));
    assert_eq!(result.category(CategoryScheme::CacDrs).unwrap().name, "A1/N1");
}

#[test]
fn lesions_of_different_vessels_stay_apart_and_are_ordered() {
    // RCA over LCX, touching over a corner between slices: two lesions, the larger first.
    let mut voxels = block([0, 0, 0], [2, 2, 1], 150);
    voxels.extend(block([2, 2, 1], [2, 2, 1], 450));
    let scene = scene([5, 5, 2], [1.0, 1.0, 3.0], &voxels);
    let two: Vec<_> = voxels.iter().map(|&(i, hu)| (i, if hu == 150 { 4 } else { 3 })).collect();
    let one: Vec<_> = voxels.iter().map(|&(i, _)| (i, 3)).collect();
    let protocol = Protocol::agatston_130();
    let result = score(&scene.0, &labelled(&scene, &two), &protocol).unwrap();
    let found: Vec<_> = result.lesions.iter().map(|l| (l.id, l.vessel, l.totals.agatston)).collect();
    assert_eq!(found, [(1, Some(Vessel::Lcx), 16.0), (2, Some(Vessel::Rca), 4.0)]);
    assert_eq!(score(&scene.0, &labelled(&scene, &one), &protocol).unwrap().lesions.len(), 1);
}

#[test]
fn an_empty_mask_scores_zero_and_another_grid_is_refused() {
    let (volume, mask) = scene([3, 3, 3], [1.0; 3], &[]);
    let result = score(&volume, &Candidates::Mask(mask), &Protocol::agatston_130()).unwrap();
    assert_eq!((result.totals, result.lesions.len()), (Totals::default(), 0));
    assert_eq!(result.totals.density(), None);
    let (_, other) = scene([3, 3, 3], [1.0, 1.0, 1.1], &[]);
    let error = score(&volume, &Candidates::Mask(other), &Protocol::agatston_130()).unwrap_err();
    assert!(matches!(error, VolumeError::OtherGrid { .. }));
}

/// The definition, word by word: flood fill each slice, weigh each part.
fn slow_score(volume: &Volume, mask: &Mask, protocol: &Protocol) -> [f64; 2] {
    let grid = volume.grid();
    let [nx, ny, nz] = grid.size();
    let mut open: Vec<bool> =
        mask.voxels().iter().zip(volume.hu()).map(|(&m, &hu)| m && hu >= protocol.threshold_hu).collect();
    let (mut agatston, mut volume_mm3) = (0.0, 0.0);
    for z in 0..nz {
        for start in z * nx * ny..(z + 1) * nx * ny {
            let (mut stack, mut part) = (vec![start], Vec::new());
            while let Some(offset) = stack.pop() {
                if !std::mem::replace(&mut open[offset], false) {
                    continue;
                }
                part.push(offset);
                let [x, y, z] = grid.index(offset).0;
                for (dx, dy) in (-1..=1).flat_map(|dy| (-1..=1).map(move |dx| (dx, dy))) {
                    let corner = dx != 0 && dy != 0;
                    let (x, y) = (x as isize + dx, y as isize + dy);
                    let inside = (0..nx as isize).contains(&x) && (0..ny as isize).contains(&y);
                    if inside && (protocol.connectivity == Connectivity::Eight || !corner) {
                        stack.push(grid.offset(VoxelIndex([x as usize, y as usize, z])));
                    }
                }
            }
            let Some(peak) = part.iter().map(|&offset| volume.hu()[offset]).max() else { continue };
            if protocol.minimum_area.accepts(part.len(), grid.pixel_area_mm2()) {
                let area = part.len() as f64 * grid.pixel_area_mm2();
                agatston += area * f64::from(protocol.weight(peak)) * grid.spacing_mm()[2] / 3.0;
                volume_mm3 += part.len() as f64 * grid.voxel_volume_mm3();
            }
        }
    }
    [agatston, volume_mm3]
}

const SIZE: [usize; 3] = [9, 7, 4];

/// Calcium-like voxels in a small volume, dense enough for parts to touch.
fn voxels() -> impl Strategy<Value = Vec<([usize; 3], i16)>> {
    let voxel = (0..SIZE[0], 0..SIZE[1], 0..SIZE[2], 100..500_i16).prop_map(|(x, y, z, hu)| ([x, y, z], hu));
    prop::collection::vec(voxel, 0..120)
}

fn close(a: f64, b: f64) -> bool {
    // Sums of a few hundred products of order 1 to 1000.
    (a - b).abs() <= 1e-9 * (1.0 + a.abs())
}

proptest! {
    #[test]
    fn equals_the_slow_definition(voxels in voxels(), name in prop::sample::select(&["agatston-130", "canon", "siemens", "philips"][..]), four in any::<bool>()) {
        let connectivity = if four { Connectivity::Four } else { Connectivity::Eight };
        let protocol = Protocol { connectivity, ..Protocol::named(name).unwrap() };
        let (volume, mask) = scene(SIZE, [0.7, 0.6, 2.5], &voxels);
        let [agatston, volume_mm3] = slow_score(&volume, &mask, &protocol);
        let result = score(&volume, &Candidates::Mask(mask), &protocol).unwrap();
        prop_assert!(close(result.totals.agatston, agatston) && close(result.totals.volume_mm3, volume_mm3));
        let mut of_lesions = Totals::default();
        result.lesions.iter().for_each(|lesion| of_lesions.add(&lesion.totals));
        prop_assert!(close(of_lesions.agatston, agatston) && close(of_lesions.mass_mg, result.totals.mass_mg));
    }

    #[test]
    fn does_not_depend_on_place_or_mirror(voxels in voxels(), shift in (0..4_usize, 0..4_usize, 0..3_usize)) {
        let larger = [SIZE[0] + 4, SIZE[1] + 4, SIZE[2] + 3];
        let place = |f: &dyn Fn([usize; 3]) -> [usize; 3]| {
            let moved: Vec<_> = voxels.iter().map(|&(index, hu)| (f(index), hu)).collect();
            score_of(scene(larger, [0.7, 0.6, 2.5], &moved), &Protocol::agatston_130())
        };
        let here = place(&|index| index);
        let there = place(&|[x, y, z]| [x + shift.0, y + shift.1, z + shift.2]);
        // The opposite order of voxels.
        let mirrored = place(&|[x, y, z]| [larger[0] - 1 - x, larger[1] - 1 - y, larger[2] - 1 - z]);
        for other in [&there, &mirrored] {
            prop_assert!(close(here.totals.agatston, other.totals.agatston));
            prop_assert_eq!(here.lesions.len(), other.lesions.len());
        }
    }

    #[test]
    fn spacing_scales_the_score(voxels in voxels()) {
        let protocol = Protocol::named("siemens").unwrap();
        let of = |spacing_mm| score_of(scene(SIZE, spacing_mm, &voxels), &protocol).totals;
        let (one, double) = (of([0.5, 0.5, 3.0]), of([1.0, 1.0, 6.0]));
        prop_assert!(close(double.agatston, 8.0 * one.agatston));
        prop_assert!(close(double.volume_mm3, 8.0 * one.volume_mm3));
    }

    #[test]
    fn voxels_below_the_threshold_change_nothing(voxels in voxels(), dark in voxels()) {
        let bright: Vec<_> = voxels.iter().map(|&(index, hu)| (index, hu.max(130))).collect();
        let with_dark: Vec<_> =
            dark.iter().map(|&(index, hu)| (index, hu.min(129))).chain(bright.iter().copied()).collect();
        let protocol = Protocol::agatston_130();
        prop_assert_eq!(
            score_of(scene(SIZE, [0.7, 0.6, 2.5], &bright), &protocol),
            score_of(scene(SIZE, [0.7, 0.6, 2.5], &with_dark), &protocol)
        );
    }

    #[test]
    fn names_of_vessels_do_not_change_the_total(voxels in voxels(), labels in prop::collection::vec(1..5_u8, 120)) {
        let scene = scene(SIZE, [0.7, 0.6, 2.5], &voxels);
        let labels: Vec<_> = voxels.iter().zip(labels).map(|(&(index, _), label)| (index, label)).collect();
        let protocol = Protocol::agatston_130();
        let named = score(&scene.0, &labelled(&scene, &labels), &protocol).unwrap();
        let mut of_vessels = Totals::default();
        named.vessels.unwrap().iter().for_each(|vessel| of_vessels.add(vessel));
        let unnamed = score(&scene.0, &Candidates::Mask(scene.1), &protocol).unwrap();
        prop_assert_eq!(named.totals, unnamed.totals);
        prop_assert!(close(of_vessels.agatston, named.totals.agatston));
    }
}
