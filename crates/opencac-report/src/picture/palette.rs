//! Colours and names of vessels.

use opencac_core::score::Vessel;

/// Red, green, blue.
pub type Rgb = [u8; 3];

pub const BLACK: Rgb = [0; 3];
pub const WHITE: Rgb = [255; 3];

/// The outline of a vessel's lesions: yellow, vermillion, sky blue and bluish green, which remain distinct in
/// the common colour deficiencies (Okabe & Ito 2008, "Color Universal Design"); orange where no vessel is known.
/// Vermillion and green are brightened so that they stand out from soft tissue.
pub fn colour(vessel: Option<Vessel>) -> Rgb {
    match vessel {
        Some(Vessel::Lm) => [240, 228, 66],
        Some(Vessel::Lad) => [255, 115, 35],
        Some(Vessel::Lcx) => [86, 180, 233],
        Some(Vessel::Rca) => [0, 190, 135],
        None => [230, 159, 0],
    }
}

/// The usual abbreviation.
pub fn short_name(vessel: Vessel) -> &'static str {
    match vessel {
        Vessel::Lm => "LM",
        Vessel::Lad => "LAD",
        Vessel::Lcx => "LCX",
        Vessel::Rca => "RCA",
    }
}

/// The name in words.
pub fn full_name(vessel: Vessel) -> &'static str {
    match vessel {
        Vessel::Lm => "Left main",
        Vessel::Lad => "Left anterior descending",
        Vessel::Lcx => "Left circumflex",
        Vessel::Rca => "Right coronary artery",
    }
}
