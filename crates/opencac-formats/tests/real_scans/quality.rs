//! What the quality rules say of real scans with reviewed heart masks.

use opencac_core::quality::{Acquisition, HeartMeasurements, HeartView, KernelSharpness, assess};
use opencac_core::resample::nearest_mask;
use opencac_core::score::Protocol;
use opencac_core::{RefusalKind, Volume};
use opencac_formats::nifti;

/// The heart of a scan, on its grid, from the mask on a grid of 3 mm, which all scans have.
fn heart(name: &str, volume: &Volume) -> Option<HeartMeasurements> {
    let path = crate::shared(&format!("hearts/{name}_heart_3mm.nii.gz"))?;
    let mask = nifti::read_labels(&path).unwrap().labels.mask_where(|label| label > 0);
    let mask = nearest_mask(&mask, volume.grid()).unwrap();
    Some(HeartMeasurements::of(volume, &mask).unwrap().unwrap())
}

#[test]
fn real_scans_are_told_apart() {
    use KernelSharpness::{Sharp, Soft};
    // Blood pool and noise: within 2 HU of what an independent program measured, in its own words and
    // regions (SciPy on the scans' own grids; see the constants of the rules).
    for (scan, heart_of, kernel, median_hu, noise_sd_hu, refusal) in [
        ("acrin-013", "acrin-013", Soft, 42.0, 6.3, None),
        ("cap-001", "cap-001", Soft, 36.0, 27.4, None),
        ("lidc-0002", "lidc-0002", Soft, 39.0, 12.8, None),
        ("lidc-0314", "lidc-0314", Sharp, 44.0, 24.3, None),
        ("lungdx-a0001-kernel-B", "lungdx-a0001-kernel-B", Soft, 37.0, 7.1, None),
        (
            "lungdx-a0001-kernel-L",
            "lungdx-a0001-kernel-L",
            Sharp,
            39.0,
            40.6,
            Some(RefusalKind::HardKernelNoise),
        ),
        ("lungdx-a0002-b40f", "lungdx-a0002-b40f", Soft, 28.0, 11.7, Some(RefusalKind::SliceSpacing)),
        ("normal-002", "normal-002", Soft, 40.0, 22.5, None),
        ("lidc-0001-contrast", "lidc-0001", Soft, 352.0, f64::NAN, Some(RefusalKind::Contrast)),
    ] {
        let Some(series) = crate::scan(scan) else { continue };
        let Some(heart) = heart(heart_of, &series.volume) else { continue };
        let pool = heart.blood_pool.unwrap();
        println!("{scan}: {pool:?} {:?} {:.0} ml", heart.metal, heart.volume_ml);
        assert!((pool.median_hu - median_hu).abs() <= 2.0, "{scan}: {pool:?}");
        let noise = pool.noise_sd_hu.unwrap();
        assert!(noise_sd_hu.is_nan() || (noise - noise_sd_hu).abs() <= 2.0, "{scan}: {pool:?}");
        assert_eq!(pool.bright_share > 0.1, scan == "lidc-0001-contrast", "{scan}: {pool:?}");
        let acquisition =
            Acquisition { kernel, ..Acquisition::unknown(series.volume.grid().spacing_mm()[2]) };
        let judged = assess(&acquisition, HeartView::Measured(&heart), &Protocol::agatston_130());
        assert_eq!(judged.refusal.map(|refusal| refusal.kind), refusal, "{scan}");
    }
}
