//! A heart that was found beside the one that is there: both outlines on slices and a coronal cut.

use opencac_core::{Mask, Volume, VolumeError};

use super::annotate::{self, TEXT_PX};
use super::canvas::{Area, Canvas, Typeface};
use super::draw::{Placement, SOFT_TISSUE, STRIP_PX, draw_anatomy};
use super::framing::Frame;
use super::palette::{BLACK, Rgb, WHITE};
use super::plane::Plane;
use super::{Picture, PictureError, Scene};

/// Heights of the slices in the extent of both hearts together. Masks differ most at the ends.
const HEIGHTS: [f64; 3] = [0.9, 0.5, 0.1];

/// Names and colours of the outlines, distinct in the common colour deficiencies (Okabe & Ito 2008).
const OUTLINES: [(&str, Rgb); 2] = [("reference", [86, 180, 233]), ("found", [255, 115, 35])];

/// Draws three slices and the middle coronal cut with the outlines of a heart found and of the reference; nothing where
/// both are empty. Fails where the masks lie on another grid than the scan.
pub fn compare_hearts(volume: &Volume, found: &Mask, reference: &Mask) -> Result<Vec<Picture>, PictureError> {
    let either = found.voxels().iter().zip(reference.voxels()).map(|(a, b)| *a || *b).collect();
    let either = Mask::new(volume.grid().clone(), either)?;
    for mask in [found, reference] {
        VolumeError::check_same_grid(volume.grid(), mask.grid())?;
    }
    let Some([_, [front, back], [low, high]]) = either.bounding_box() else { return Ok(Vec::new()) };
    let frame = Frame::around(&Scene { volume, heart: Some(&either), lesions: None });
    let masks = [as_volume(reference)?, as_volume(found)?];
    let view = |cut: &dyn Fn(&Scene<'_>) -> Plane, file_name: String, title: &str| {
        let planes =
            [volume, &masks[0], &masks[1]].map(|volume| cut(&Scene { volume, heart: None, lesions: None }));
        draw(&planes, file_name, title)
    };
    let mut pictures = Vec::new();
    for height in HEIGHTS {
        let z = low + ((high - low) as f64 * height).round() as usize;
        let title = format!("Slice {} of {}", z + 1, volume.grid().size()[2]);
        let cut = |scene: &Scene<'_>| Plane::axial(scene, &frame, z);
        pictures.push(view(&cut, format!("slice-{:03}.png", z + 1), &title)?);
    }
    let y = front.midpoint(back);
    let cut = |scene: &Scene<'_>| Plane::coronal(scene, &frame, y);
    pictures.push(view(&cut, "coronal.png".to_owned(), "Coronal cut")?);
    Ok(pictures)
}

/// A mask as intensities, so that it is cut as the scan is.
fn as_volume(mask: &Mask) -> Result<Volume, VolumeError> {
    Volume::new(mask.grid().clone(), mask.voxels().iter().map(|&v| i16::from(v)).collect())
}

/// Draws the plane of a scan with those of the masks in the order of [`OUTLINES`].
fn draw([plane, masks @ ..]: &[Plane; 3], file_name: String, title: &str) -> Result<Picture, PictureError> {
    let typeface = Typeface::new()?;
    let (placement, width) = Placement::new(plane);
    let mut canvas = Canvas::new(width, placement.area.bottom.unsigned_abs() + STRIP_PX, WHITE);
    draw_anatomy(&mut canvas, plane, placement, SOFT_TISSUE);
    for (mask, (_, colour)) in masks.iter().zip(OUTLINES) {
        outline(&mut canvas, mask, placement, colour);
    }
    annotate::directions(&mut canvas, &typeface, plane, placement);
    let strip = placement.area.bottom + 4;
    canvas.text(&typeface, [4, strip], TEXT_PX, title, BLACK);
    let mut x = 4;
    for (name, colour) in OUTLINES {
        canvas.fill(Area::at([x, strip + 39], [20, 20]), colour);
        canvas.text(&typeface, [x + 26, strip + 32], TEXT_PX, name, BLACK);
        x += 26 + typeface.width(name, TEXT_PX) + 18;
    }
    Ok(Picture {
        file_name,
        caption: format!("{title} with the heart found and the reference."),
        alternative_text: format!("{title} of a CT with two outlines of the heart."),
        width: canvas.width,
        height: canvas.height,
        png: canvas.to_png()?,
    })
}

/// Colours the pixels of a mask that have a neighbour outside it.
fn outline(canvas: &mut Canvas, mask: &Plane, placement: Placement, colour: Rgb) {
    let area = placement.area;
    let inside = |x: i32, y: i32| {
        let nearest = placement.plane_from_canvas(mask, x, y);
        let [column, row] = [0, 1].map(|k| (nearest[k].round().max(0.0) as usize).min(mask.size[k] - 1));
        mask.hu[row * mask.size[0] + column] > 0
    };
    for y in area.top..area.bottom {
        for x in (area.left..area.right).filter(|x| inside(*x, y)) {
            let neighbours = [(x - 2, y), (x + 2, y), (x, y - 2), (x, y + 2)];
            if neighbours.into_iter().any(|(x, y)| !inside(x, y)) {
                canvas.set(x, y, colour);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use opencac_core::{Grid, PatientPoint};

    use super::*;

    #[test]
    fn outlines_lie_where_the_masks_end() {
        let grid = Grid::axial([60, 60, 20], [3.0; 3], PatientPoint([0.0; 3])).unwrap();
        let block = |right: usize| {
            let inside = |i| {
                let [x, y, z] = grid.index(i).0;
                (10..right).contains(&x) && (10..50).contains(&y) && (3..17).contains(&z)
            };
            Mask::new(grid.clone(), (0..grid.voxel_count()).map(inside).collect()).unwrap()
        };
        let volume = Volume::new(grid.clone(), vec![40; grid.voxel_count()]).unwrap();
        let pictures = compare_hearts(&volume, &block(40), &block(50)).unwrap();
        let names: Vec<_> = pictures.iter().map(|picture| picture.file_name.as_str()).collect();
        assert_eq!(names, ["slice-016.png", "slice-011.png", "slice-005.png", "coronal.png"]);
        let empty = block(0);
        assert!(compare_hearts(&volume, &empty, &empty).unwrap().is_empty());

        let scene = Scene { volume: &volume, heart: Some(&block(50)), lesions: None };
        let frame = Frame::around(&scene);
        let mask = as_volume(&block(50)).unwrap();
        let plane = Plane::axial(&Scene { volume: &mask, heart: None, lesions: None }, &frame, 9);
        let (placement, width) = Placement::new(&plane);
        let mut canvas = Canvas::new(width, 1000, WHITE);
        outline(&mut canvas, &plane, placement, OUTLINES[1].1);
        let row = placement.area.bottom / 2;
        let ends: Vec<i32> =
            (0..width as i32).filter(|&x| canvas.at(x, row) == Some(OUTLINES[1].1)).collect();
        // Two pixels on either side, 120 mm apart.
        assert_eq!(ends.len(), 4, "{ends:?}");
        let mm =
            f64::from(ends[3] - ends[0] + 1) / (f64::from(placement.area.right) / plane_width_mm(&plane));
        assert!((mm - 120.0).abs() < 1.0, "{mm}");
    }

    fn plane_width_mm(plane: &Plane) -> f64 {
        plane.size[0] as f64 * plane.spacing_mm[0]
    }
}
