//! A flat view of the scan, before it is drawn: intensities, lesions, spacing and directions.

use opencac_core::{Grid, VoxelIndex};

use super::Scene;
use super::framing::{Frame, lesion_box};

/// Depth around the lesions that a projection includes where the heart is not known; enough to follow a
/// vessel, too little to reach sternum or spine from the usual lesion.
const PROJECTION_MARGIN_MM: f64 = 10.0;

/// Intensity where a projection meets nothing.
const NOTHING_HU: i16 = i16::MIN;

/// Letters of the left, right, upper and lower edge.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct EdgeLetters {
    pub left: &'static str,
    pub right: &'static str,
    pub top: &'static str,
    pub bottom: &'static str,
}

/// A flat view, x fastest, rows from top to bottom.
#[derive(Debug)]
pub struct Plane {
    /// Columns, rows.
    pub size: [usize; 2],
    /// Distance of columns and of rows.
    pub spacing_mm: [f64; 2],
    /// One intensity a pixel.
    pub hu: Vec<i16>,
    /// 1 + the position in the scene's lesions, or 0.
    pub lesion: Vec<usize>,
    pub letters: EdgeLetters,
}

impl Plane {
    /// The part of slice `z` in the frame.
    pub fn axial(scene: &Scene<'_>, frame: &Frame, z: usize) -> Self {
        let mut frame = *frame;
        frame.0[2] = [z, z];
        Self::project(scene, &frame, View::AXIAL, |_| true)
    }

    /// The part in the frame of the plane at `y`, seen from the front.
    pub fn coronal(scene: &Scene<'_>, frame: &Frame, y: usize) -> Self {
        let mut frame = *frame;
        frame.0[1] = [y, y];
        Self::project(scene, &frame, View::CORONAL, |_| true)
    }

    /// The largest intensities of the heart, seen from the feet.
    pub fn axial_projection(scene: &Scene<'_>, frame: &Frame) -> Self {
        Self::heart_projection(scene, frame, View::AXIAL)
    }

    /// The largest intensities of the heart, seen from the front.
    pub fn coronal_projection(scene: &Scene<'_>, frame: &Frame) -> Self {
        Self::heart_projection(scene, frame, View::CORONAL)
    }

    fn heart_projection(scene: &Scene<'_>, frame: &Frame, view: View) -> Self {
        if let Some(heart) = scene.heart {
            return Self::project(scene, frame, view, |offset| heart.voxels()[offset]);
        }
        let grid = scene.volume.grid();
        let mut frame = *frame;
        if let Some(lesions) = lesion_box(grid, scene.shown_lesions()) {
            let [first, last] = lesions[view.depth];
            let margin = (PROJECTION_MARGIN_MM / grid.spacing_mm()[view.depth]).round() as usize;
            let end = grid.size()[view.depth] - 1;
            frame.0[view.depth] = [first.saturating_sub(margin), last.saturating_add(margin).min(end)];
        }
        Self::project(scene, &frame, view, |_| true)
    }

    /// The largest intensity along the depth of the view, over the frame's voxels that are included.
    /// Voxels of lesions are always included.
    fn project(scene: &Scene<'_>, frame: &Frame, view: View, included: impl Fn(usize) -> bool) -> Self {
        let grid = scene.volume.grid();
        let size = [frame.count(view.across), frame.count(view.down)];
        let pixel = |index: [usize; 3]| {
            let column = index[view.across] - frame.0[view.across][0];
            let row = index[view.down] - frame.0[view.down][0];
            let row = if view.upwards { size[1] - 1 - row } else { row };
            row * size[0] + column
        };
        let mut plane = Self {
            size,
            spacing_mm: [grid.spacing_mm()[view.across], grid.spacing_mm()[view.down]],
            hu: vec![NOTHING_HU; size[0] * size[1]],
            lesion: vec![0; size[0] * size[1]],
            letters: view.letters(grid),
        };
        let [[x0, x1], [y0, y1], [z0, z1]] = frame.0;
        for z in z0..=z1 {
            for y in y0..=y1 {
                for x in x0..=x1 {
                    let offset = grid.offset(VoxelIndex([x, y, z]));
                    if included(offset) {
                        let value = &mut plane.hu[pixel([x, y, z])];
                        *value = (*value).max(scene.volume.hu()[offset]);
                    }
                }
            }
        }
        for (position, lesion) in scene.shown_lesions().iter().enumerate() {
            for &offset in &lesion.voxels {
                let index = grid.index(offset).0;
                if !frame.contains(index) {
                    continue;
                }
                let at = pixel(index);
                plane.hu[at] = plane.hu[at].max(scene.volume.hu()[offset]);
                // Lesions come with the largest score first, and the larger one keeps the pixel.
                if plane.lesion[at] == 0 {
                    plane.lesion[at] = position + 1;
                }
            }
        }
        plane
    }
}

/// Which index axis runs across, which down, and which into the depth of a view.
#[derive(Debug, Clone, Copy)]
struct View {
    across: usize,
    down: usize,
    depth: usize,
    /// Whether the index of the `down` axis grows towards the top.
    upwards: bool,
}

impl View {
    const AXIAL: Self = Self { across: 0, down: 1, depth: 2, upwards: false };
    const CORONAL: Self = Self { across: 0, down: 2, depth: 1, upwards: true };

    fn letters(self, grid: &Grid) -> EdgeLetters {
        let [left, right] = ends(grid.axes()[self.across]);
        let [low, high] = ends(grid.axes()[self.down]);
        let [top, bottom] = if self.upwards { [high, low] } else { [low, high] };
        EdgeLetters { left, right, top, bottom }
    }
}

/// The letters of where an axis comes from and where it goes to, by its largest component.
fn ends(axis: [f64; 3]) -> [&'static str; 2] {
    const LETTERS: [[&str; 2]; 3] = [["R", "L"], ["A", "P"], ["F", "H"]];
    let mut main = 0;
    for component in 1..3 {
        if axis[component].abs() > axis[main].abs() {
            main = component;
        }
    }
    let [from, to] = LETTERS[main];
    if axis[main] < 0.0 { [to, from] } else { [from, to] }
}

#[cfg(test)]
mod tests {
    use super::*;
    use opencac_core::{PatientPoint, Volume};

    #[test]
    fn patient_right_is_on_the_left_and_the_head_on_top() {
        let lps = Grid::axial([2, 2, 2], [1.0; 3], PatientPoint([0.0; 3])).unwrap();
        let axial = EdgeLetters { left: "R", right: "L", top: "A", bottom: "P" };
        assert_eq!(View::AXIAL.letters(&lps), axial);
        let coronal = EdgeLetters { left: "R", right: "L", top: "H", bottom: "F" };
        assert_eq!(View::CORONAL.letters(&lps), coronal);
        let mirrored = Grid::new(
            [2; 3],
            [1.0; 3],
            PatientPoint([0.0; 3]),
            [[-1.0, 0.0, 0.0], [0.0, 1.0, 0.0], [0.0, 0.0, 1.0]],
        )
        .unwrap();
        assert_eq!(View::AXIAL.letters(&mirrored), EdgeLetters { left: "L", right: "R", ..axial });
    }

    #[test]
    fn projections_take_the_largest_value_of_the_right_depth() {
        let grid = Grid::axial([2, 3, 4], [1.0, 1.5, 2.0], PatientPoint([0.0; 3])).unwrap();
        let hu: Vec<i16> = (0..24).collect();
        let volume = Volume::new(grid, hu).unwrap();
        let scene = Scene { volume: &volume, heart: None, lesions: None };
        let frame = Frame([[0, 1], [0, 2], [0, 3]]);
        let coronal = Plane::coronal_projection(&scene, &frame);
        assert_eq!((coronal.size, coronal.spacing_mm), ([2, 4], [1.0, 2.0]));
        // The top row is the last slice, and y = 2 holds the largest values.
        assert_eq!(coronal.hu, [22, 23, 16, 17, 10, 11, 4, 5]);
        assert_eq!(Plane::axial_projection(&scene, &frame).hu, [18, 19, 20, 21, 22, 23]);
        assert_eq!(Plane::axial(&scene, &frame, 1).hu, [6, 7, 8, 9, 10, 11]);
    }
}
