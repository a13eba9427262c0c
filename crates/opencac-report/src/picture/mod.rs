//! Pictures of a scan: key slices and maximum-intensity projections with the lesions outlined.
//!
//! Each picture stands alone as a PNG: orientation letters (DICOM PS3.3 C.7.6.1.1.1: L, R, A, P, H, F), a scale
//! bar, the slice and window, and a legend. Colours tell vessels apart for colour-blind readers, and the
//! labels beside the outlines do so in grey print.

mod annotate;
mod canvas;
mod compare;
mod draw;
mod framing;
mod palette;
mod plane;

use opencac_core::score::Lesion;
use opencac_core::{Mask, Volume, VolumeError};
use thiserror::Error;

pub use compare::compare_hearts;
pub(crate) use palette::{colour as colour_of, full_name, short_name};

use framing::Frame;
use plane::Plane;

/// What is to be seen.
#[derive(Debug, Clone, Copy)]
pub struct Scene<'a> {
    /// The scored scan.
    pub volume: &'a Volume,
    /// The heart, where it is known.
    pub heart: Option<&'a Mask>,
    /// The lesions of a scored scan, whose voxels are offsets into the volume; nothing where there is no score.
    pub lesions: Option<&'a [Lesion]>,
}

impl<'a> Scene<'a> {
    /// The lesions to draw.
    fn shown_lesions(&self) -> &'a [Lesion] {
        self.lesions.unwrap_or_default()
    }
}

/// A picture and what it shows.
#[derive(Debug, Clone)]
pub struct Picture {
    /// File name without folder: `slice-012.png`, `mip-axial.png`.
    pub file_name: String,
    /// What it shows, in one line under the picture.
    pub caption: String,
    /// What it shows, for those who cannot see it.
    pub alternative_text: String,
    /// Width in pixels.
    pub width: u32,
    /// Height in pixels.
    pub height: u32,
    /// The PNG file.
    pub png: Vec<u8>,
}

/// Why a scan cannot be drawn.
#[derive(Debug, Error)]
pub enum PictureError {
    /// The heart mask lies on another grid than the scan.
    #[error("heart mask for the pictures: {0}")]
    Heart(#[from] VolumeError),
    /// A lesion voxel lies outside the scan.
    #[error("lesion {lesion} has a voxel at offset {offset}, but the scan has {voxels} voxels")]
    LesionVoxel {
        /// The lesion's number.
        lesion: usize,
        /// The offset found.
        offset: usize,
        /// The voxels of the scan.
        voxels: usize,
    },
    /// The embedded font cannot be read.
    #[error("embedded font: {0}")]
    Font(#[from] ab_glyph::InvalidFont),
    /// A picture cannot be encoded.
    #[error("PNG: {0}")]
    Png(#[from] png::EncodingError),
}

/// Draws the key slices and, of a scored scan, the axial and coronal projections of the heart. With neither heart
/// nor lesion there is nothing to project but the whole chest, whose bones hide the heart, so that is left out.
pub fn pictures(scene: &Scene<'_>) -> Result<Vec<Picture>, PictureError> {
    check(scene)?;
    let frame = Frame::around(scene);
    let mut pictures = Vec::new();
    for z in framing::key_slices(scene) {
        pictures.push(draw::slice(scene, z, &Plane::axial(scene, &frame, z))?);
    }
    if scene.lesions.is_some_and(|lesions| scene.heart.is_some() || !lesions.is_empty()) {
        pictures.push(draw::projection(scene, "axial", &Plane::axial_projection(scene, &frame))?);
        pictures.push(draw::projection(scene, "coronal", &Plane::coronal_projection(scene, &frame))?);
    }
    Ok(pictures)
}

fn check(scene: &Scene<'_>) -> Result<(), PictureError> {
    if let Some(heart) = scene.heart {
        VolumeError::check_same_grid(scene.volume.grid(), heart.grid())?;
    }
    let voxels = scene.volume.hu().len();
    for lesion in scene.shown_lesions() {
        if let Some(&offset) = lesion.voxels.iter().find(|&&offset| offset >= voxels) {
            return Err(PictureError::LesionVoxel { lesion: lesion.id, offset, voxels });
        }
    }
    Ok(())
}
