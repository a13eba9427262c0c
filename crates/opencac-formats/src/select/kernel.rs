//! Reconstruction kernels, ranked soft to hard.
//!
//! Sources:
//! - The order of DeepCAC's rule for NLST, [`PUBLISHED_ORDER`] (Zeleznik et al., Nat Commun 2021; 12:715).
//! - Siemens: Operating instructions SOMATOM Sensation Cardiac, version A60, p. 316: the number is the sharpness;
//!   B10 and B20 soft, B30 and B40 standard, B31 and B41 as sharp with finer noise, B50 to B80 for higher
//!   sharpness, thorax among them. Later letters (I iterative, D and H families, Br, Bl, Bv, Hr, Qr, Sa) keep it.
//! - GE: names are descriptive. LUNG, BONE, BONEPLUS and EDGE enhance edges; SOFT, STANDARD, CHEST and
//!   DETAIL follow in this order of sharpness.
//! - Philips: A, B, C are the smooth to standard body filters, D is the detail filter, E and L enhance edges
//!   (L is the lung filter); X before, or C before for cardiac, keeps the letter. The Y filters are the sharp ones.
//! - Canon and Toshiba: FC01 to FC19 body, FC20 to FC29 head (both soft tissue), FC30 to FC39 inner ear and
//!   bone, FC41 to FC49 physical measurements, FC50 to FC59 lung, FC80 and up bone and high resolution. FC13
//!   against FC55: Korean Society of Radiology synapse article 1099806.
//!
//! What is not listed is [`Sharpness::Unknown`], which is ranked with the standard kernels and judged by its
//! measured noise, never taken for soft or hard.

/// How much a kernel enhances edges and noise.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Sharpness {
    /// Soft tissue; what calcium scoring was made for.
    Soft,
    /// Standard to detail; noisier, still without overshoot at edges.
    Medium,
    /// Lung or bone; edges overshoot and noise reaches calcium's HU.
    Hard,
    /// Not in the tables.
    Unknown,
}

/// What is known of a kernel.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Kernel {
    /// Its class.
    pub sharpness: Sharpness,
    /// Its place from softest (0) to hardest (100) in choosing a series.
    pub rank: f64,
}

/// The published order of preference, softest first. Entries of several vendors are compared as they stand.
pub const PUBLISHED_ORDER: [&str; 18] = [
    "B31F", "B30F", "B20F", "C", "FC10", "FC11", "FC02", "STANDARD", "BODY", "B50F", "B60F", "B70F", "B80F",
    "D", "FC51", "FC53", "BONE", "LUNG",
];

/// Where unlisted kernels of a class come in the published order: after its last soft one (BODY, 8), with its
/// sharpest body kernels (B50f, 9), after its last hard one.
const RANK_AFTER_SOFT: f64 = 8.5;
const RANK_MEDIUM: f64 = 9.0;
const RANK_HARD: f64 = 18.0;

/// Class and rank of a kernel, as written in ConvolutionKernel (of several values, the first).
pub fn kernel(manufacturer: Option<&str>, name: &str) -> Kernel {
    let first = name.split('\\').next().unwrap_or_default().trim().to_ascii_uppercase();
    let vendor = Vendor::of(manufacturer, &first);
    let sharpness = match vendor {
        Vendor::Siemens => siemens(&first),
        Vendor::Ge => ge(&first),
        Vendor::Philips => philips(&first),
        Vendor::Canon => canon(&first),
        Vendor::Other => Sharpness::Unknown,
    };
    let listed = PUBLISHED_ORDER.iter().position(|k| *k == first);
    let rank = match (listed, sharpness) {
        (Some(place), _) => place as f64,
        (None, Sharpness::Soft) => RANK_AFTER_SOFT + number(&first).unwrap_or(0.0) / 1000.0,
        (None, Sharpness::Medium | Sharpness::Unknown) => {
            RANK_MEDIUM + number(&first).unwrap_or(0.0) / 1000.0
        }
        (None, Sharpness::Hard) => RANK_HARD + number(&first).unwrap_or(0.0) / 1000.0,
    };
    Kernel { sharpness, rank }
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Vendor {
    Siemens,
    Ge,
    Philips,
    Canon,
    Other,
}

impl Vendor {
    /// By name; where that was removed, by the kernels' own ways of being named.
    fn of(manufacturer: Option<&str>, kernel: &str) -> Self {
        let name = manufacturer.unwrap_or_default().to_ascii_uppercase();
        let has = |part: &str| name.contains(part);
        if has("SIEMENS") {
            Self::Siemens
        } else if has("GE ") || name == "GE" || has("GENERAL ELECTRIC") || has("GEHC") {
            Self::Ge
        } else if has("PHILIPS") || has("PICKER") || has("MARCONI") {
            Self::Philips
        } else if has("TOSHIBA") || has("CANON") {
            Self::Canon
        } else if !name.is_empty() {
            Self::Other
        } else if kernel.starts_with("FC") && number(kernel).is_some() {
            Self::Canon
        } else if siemens(kernel) != Sharpness::Unknown {
            Self::Siemens
        } else if ge(kernel) != Sharpness::Unknown {
            Self::Ge
        } else {
            Self::Other
        }
    }
}

/// The first number in a name.
fn number(name: &str) -> Option<f64> {
    let digits: String =
        name.chars().skip_while(|c| !c.is_ascii_digit()).take_while(char::is_ascii_digit).collect();
    digits.parse().ok()
}

/// A letter or two and two digits: B30f, I31f, D40s, H31s, Br36d, Bl57, Qr40, Sa36.
fn siemens(name: &str) -> Sharpness {
    let family: String = name.chars().take_while(char::is_ascii_alphabetic).collect();
    let families =
        ["B", "I", "D", "H", "J", "U", "S", "BR", "BL", "BF", "BV", "BM", "HR", "HF", "HV", "QR", "SA"];
    if !families.contains(&family.as_str()) {
        return Sharpness::Unknown;
    }
    match number(name) {
        Some(sharpness) if (10.0..40.0).contains(&sharpness) => Sharpness::Soft,
        Some(sharpness) if (40.0..50.0).contains(&sharpness) => Sharpness::Medium,
        Some(sharpness) if (50.0..100.0).contains(&sharpness) => Sharpness::Hard,
        _ => Sharpness::Unknown,
    }
}

fn ge(name: &str) -> Sharpness {
    // A suffix of the high-definition modes says nothing about sharpness.
    let name = name.trim_start_matches("HD ").trim_start_matches("HD").trim_end_matches(" HD");
    match name {
        "SOFT" | "STANDARD" | "STND" | "BODY" => Sharpness::Soft,
        "CHEST" | "DETAIL" => Sharpness::Medium,
        "LUNG" | "BONE" | "BONEPLUS" | "BONE PLUS" | "EDGE" | "ULTRA" => Sharpness::Hard,
        _ => Sharpness::Unknown,
    }
}

fn philips(name: &str) -> Sharpness {
    match name {
        "A" | "B" | "C" | "XA" | "XB" | "XC" | "CA" | "CB" | "CC" | "XCA" | "XCB" | "XCC" | "SOFT"
        | "STANDARD" | "BODY" => Sharpness::Soft,
        "D" | "XD" | "CD" | "XCD" | "DETAIL" => Sharpness::Medium,
        "E" | "L" | "XL" | "YA" | "YB" | "YC" | "YD" | "YE" | "LUNG" | "BONE" | "SHARP" => Sharpness::Hard,
        _ => Sharpness::Unknown,
    }
}

fn canon(name: &str) -> Sharpness {
    let number = name.strip_prefix("FC").and_then(number);
    match number {
        Some(n) if (1.0..30.0).contains(&n) => Sharpness::Soft,
        Some(n) if (41.0..50.0).contains(&n) => Sharpness::Medium,
        Some(n) if (30.0..40.0).contains(&n) || (50.0..60.0).contains(&n) || (80.0..90.0).contains(&n) => {
            Sharpness::Hard
        }
        _ => Sharpness::Unknown,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn classes_of_known_kernels() {
        use Sharpness::{Hard, Medium, Soft, Unknown};
        let cases = [
            ("SIEMENS", "B31f", Soft),
            ("SIEMENS", "B10f", Soft),
            ("SIEMENS", "B41s", Medium),
            ("SIEMENS", "D40s", Medium),
            ("SIEMENS", "Br36d\\3", Soft),
            ("Siemens Healthineers", "Bl57f", Hard),
            ("SIEMENS", "B70f", Hard),
            ("GE MEDICAL SYSTEMS", "STANDARD", Soft),
            ("GE MEDICAL SYSTEMS", "LUNG", Hard),
            ("GE MEDICAL SYSTEMS", "BONEPLUS", Hard),
            ("GE MEDICAL SYSTEMS", "CHEST", Medium),
            ("Philips", "B", Soft),
            ("Philips", "D", Medium),
            ("Philips", "L", Hard),
            ("Philips", "YA", Hard),
            ("TOSHIBA", "FC12", Soft),
            ("Canon Medical Systems", "FC55", Hard),
            ("TOSHIBA", "FC51", Hard),
            ("Neusoft", "F20", Unknown),
            ("Philips", "UNHEARD OF", Unknown),
            ("", "B31f", Soft),
            ("", "FC51", Hard),
            ("", "L", Unknown),
        ];
        for (vendor, name, expected) in cases {
            let manufacturer = (!vendor.is_empty()).then_some(vendor);
            assert_eq!(kernel(manufacturer, name).sharpness, expected, "{vendor} {name}");
        }
    }

    #[test]
    fn the_published_order_is_kept() {
        let vendor = |name: &str| match name {
            n if n.starts_with("FC") => "TOSHIBA",
            "C" | "D" => "Philips",
            n if n.starts_with('B') && number(n).is_some() => "SIEMENS",
            _ => "GE MEDICAL SYSTEMS",
        };
        let ranks: Vec<f64> = PUBLISHED_ORDER.iter().map(|k| kernel(Some(vendor(k)), k).rank).collect();
        assert!(ranks.windows(2).all(|w| w[0] < w[1]), "{ranks:?}");
        // Unlisted ones fall in between, by class.
        let rank = |vendor, name| kernel(Some(vendor), name).rank;
        assert!(rank("SIEMENS", "B31f") < rank("SIEMENS", "B35f"));
        assert!(rank("SIEMENS", "B35f") < rank("SIEMENS", "B40f"));
        assert!(rank("SIEMENS", "B40f") < rank("SIEMENS", "B45f"));
        assert!(rank("SIEMENS", "B45f") < rank("SIEMENS", "B60f"));
        assert!(rank("GE MEDICAL SYSTEMS", "EDGE") > rank("GE MEDICAL SYSTEMS", "STANDARD"));
    }
}
