//! Pictures of a synthetic chest, read back from their PNG files.

#![allow(clippy::unwrap_used, clippy::panic, reason = "helpers of tests fail as tests do")]

mod common;

use opencac_core::score::Vessel;
use opencac_core::{Grid, Mask, Outcome, PatientPoint};
use opencac_report::{Conclusion, Picture, PictureError, Scene, pictures};

/// Outline colours, as in the legend.
const COLOURS: [(Vessel, [u8; 3]); 4] = [
    (Vessel::Lm, [240, 228, 66]),
    (Vessel::Lad, [255, 115, 35]),
    (Vessel::Lcx, [86, 180, 233]),
    (Vessel::Rca, [0, 190, 135]),
];

/// Height of the strip with title and legend under the anatomy.
const STRIP_PX: u32 = 72;

fn pixels(picture: &Picture) -> Vec<[u8; 3]> {
    let mut reader = png::Decoder::new(std::io::Cursor::new(&picture.png)).read_info().unwrap();
    let mut bytes = vec![0; reader.output_buffer_size().unwrap()];
    let info = reader.next_frame(&mut bytes).unwrap();
    assert_eq!((info.width, info.height), (picture.width, picture.height));
    bytes.as_chunks().0.to_vec()
}

/// Mean column of the anatomy's pixels of exactly this colour, as a fraction of the width.
fn mean_column(picture: &Picture, colour: [u8; 3]) -> Option<f64> {
    let (width, height) = (picture.width as usize, (picture.height - STRIP_PX) as usize);
    let columns: Vec<usize> = pixels(picture)[..width * height]
        .iter()
        .enumerate()
        .filter(|(_, pixel)| **pixel == colour)
        .map(|(at, _)| at % width)
        .collect();
    let count = columns.len();
    (count > 20).then(|| columns.iter().sum::<usize>() as f64 / count as f64 / width as f64)
}

#[test]
fn each_lesion_is_outlined_on_its_side_in_the_colour_of_its_vessel() {
    let chest = common::chest(&common::three_vessels(), 45);
    let pictures = common::pictures_of(&chest, &common::scored(&chest, true));
    let names: Vec<&str> = pictures.iter().map(|picture| picture.file_name.as_str()).collect();
    assert_eq!(
        names,
        [
            "slice-034.png",
            "slice-028.png",
            "slice-025.png",
            "slice-023.png",
            "mip-axial.png",
            "mip-coronal.png"
        ]
    );
    for picture in &pictures {
        // 720 pixels across the heart and its surroundings, proportions as in the patient.
        assert_eq!(picture.width, 720, "{}", picture.file_name);
        for (vessel, colour) in COLOURS {
            let named = picture.caption.contains(&vessel.key().to_uppercase());
            let column = mean_column(picture, colour);
            assert_eq!(column.is_some(), named, "{}: {vessel:?}: {}", picture.file_name, picture.caption);
            // The patient's left is on the right of the picture, and the RCA is on the patient's right.
            if let (Some(column), Vessel::Lad | Vessel::Rca) = (column, vessel) {
                assert_eq!(
                    column > 0.5,
                    vessel == Vessel::Lad,
                    "{}: {vessel:?} at {column}",
                    picture.file_name
                );
            }
        }
    }
    assert_eq!(pictures[4].caption.matches("LAD").count(), 2);
}

#[test]
fn a_scan_without_score_has_slices_only() {
    let chest = common::chest(&[], 300);
    let pictures = common::pictures_of(&chest, &common::refused());
    assert_eq!(pictures.len(), 3);
    assert!(pictures.iter().all(|picture| picture.file_name.starts_with("slice-")));
    let unknown = Scene { volume: &chest.volume, heart: None, lesions: None };
    assert_eq!(opencac_report::pictures(&unknown).unwrap().len(), 1);
}

#[test]
fn contrast_looks_bright_and_plain_blood_grey() {
    let mut middle = Vec::new();
    for blood_hu in [45, 300] {
        let chest = common::chest(&[], blood_hu);
        let picture = &common::pictures_of(&chest, &common::scored(&chest, true))[1];
        let at =
            (picture.height - STRIP_PX) as usize / 2 * picture.width as usize + picture.width as usize / 2;
        middle.push(pixels(picture)[at][0]);
    }
    // Level 40, width 400: 45 HU is 131 of 255 give or take the noise of 24 HU, and 300 HU is white.
    assert!((115..=147).contains(&middle[0]) && middle[1] == 255, "{middle:?}");
}

#[test]
fn what_does_not_fit_the_scan_is_an_error() {
    let chest = common::chest(&common::three_vessels(), 45);
    let other = Grid::axial([2; 3], [1.0; 3], PatientPoint([0.0; 3])).unwrap();
    let heart = Mask::new(other, vec![true; 8]).unwrap();
    let scene = Scene { volume: &chest.volume, heart: Some(&heart), lesions: None };
    assert!(matches!(pictures(&scene), Err(PictureError::Heart(_))));

    let Conclusion::Finished(Outcome::Scored(analysis)) = common::scored(&chest, true).conclusion else {
        panic!("the case is scored");
    };
    let mut lesions = analysis.score.lesions;
    lesions[1].voxels.push(usize::MAX);
    let scene = Scene { volume: &chest.volume, heart: None, lesions: Some(&lesions) };
    assert!(matches!(pictures(&scene), Err(PictureError::LesionVoxel { lesion: 2, .. })));
}
