//! Which series is scored, and why not the others.

use opencac_core::RefusalKind;
use opencac_formats::select::{SelectError, choose};
use opencac_formats::study::Study;

use super::builder::Slice;
use super::scan_files;

const SERIES_UID: (u16, u16) = (0x0020, 0x000E);
const KERNEL: (u16, u16) = (0x0018, 0x1210);
const DESCRIPTION: (u16, u16) = (0x0008, 0x103E);

/// A series with slices `spacing` apart.
fn series(uid: &str, spacing: f64, change: impl Fn(&mut Slice)) -> Vec<Vec<u8>> {
    (0..10)
        .map(|k| {
            let mut slice = Slice::at(spacing * f64::from(k));
            slice.text(SERIES_UID, "UI", uid);
            change(&mut slice);
            slice.bytes()
        })
        .collect()
}

fn plain(_: &mut Slice) {}

/// Ids in order of preference, and reasons of all others than the first.
fn order(study: &Study) -> (Vec<String>, Vec<String>) {
    let selection = choose(study, None).unwrap();
    let id = |at: usize| study.series[at].id.clone();
    let ids = selection.ranked.iter().map(|c| id(c.series)).collect();
    let reasons = selection.ranked.iter().skip(1).map(|c| c.reason.clone());
    let rejected = selection.rejected.iter().map(|r| r.reason.clone());
    (ids, reasons.chain(rejected).collect())
}

#[test]
fn spacing_then_kernel_as_published() {
    let siemens = |kernel: &'static str| {
        move |slice: &mut Slice| {
            slice.text((0x0008, 0x0070), "LO", "SIEMENS").text(KERNEL, "SH", kernel);
        }
    };
    let files = [
        series("1.5", 5.0, siemens("B30f")),
        series("1.1", 1.0, siemens("B30f")),
        series("1.2", 2.0, siemens("B20f")),
        series("1.3", 2.0, siemens("B31f")),
        series("1.4", 2.0, siemens("B70f")),
        series("1.6", 2.5, siemens("B45f")),
    ]
    .concat();
    let (ids, reasons) = order(&scan_files(files));
    assert_eq!(ids, ["1.6", "1.3", "1.2", "1.1", "1.5", "1.4"]);
    assert_eq!(
        reasons,
        [
            "slices 2.00 mm apart, the chosen one's 2.50 mm are preferred (at most 2.5 mm, nearest first)",
            "slices 2.00 mm apart, the chosen one's 2.50 mm are preferred (at most 2.5 mm, nearest first)",
            "slices 1.00 mm apart, the chosen one's 2.50 mm are preferred (at most 2.5 mm, nearest first)",
            "slices 5.00 mm apart, the chosen one's 2.50 mm are preferred (at most 2.5 mm, nearest first)",
            "kernel B70f (hard) enhances edges and noise, the chosen one has B45f (medium)",
        ]
    );
}

#[test]
fn the_softer_kernel_comes_first_at_equal_spacing() {
    let files = [
        series("1.1", 2.0, |s| {
            s.text(KERNEL, "SH", "CHEST");
        }),
        series("1.2", 2.0, plain),
    ]
    .concat();
    let (ids, reasons) = order(&scan_files(files));
    assert_eq!(ids, ["1.2", "1.1"]);
    assert_eq!(reasons, ["kernel CHEST (medium), the chosen one's STANDARD (soft) comes first"]);
}

#[test]
fn contrast_comes_last_by_attribute_or_description() {
    let files = [
        series("1.1", 2.5, |s| {
            s.text((0x0018, 0x0010), "LO", "OMNIPAQUE 350");
        }),
        series("1.2", 2.5, |s| {
            s.text(DESCRIPTION, "LO", "Chest CTA 2.5");
        }),
        series("1.3", 5.0, |s| {
            s.text(DESCRIPTION, "LO", "CHEST W/O CONTRAST").text((0x0018, 0x0010), "LO", "NONE");
        }),
    ]
    .concat();
    let (ids, reasons) = order(&scan_files(files));
    assert_eq!(ids, ["1.3", "1.1", "1.2"]);
    assert_eq!(reasons[0], "with contrast (stated: OMNIPAQUE 350), the chosen one without");
    assert_eq!(reasons[1], "with contrast (the description says \"CTA\"), the chosen one without");
}

#[test]
fn the_earliest_study_comes_first() {
    let study = |uid: &'static str, date: &'static str| {
        move |s: &mut Slice| {
            s.text((0x0020, 0x000D), "UI", uid).text((0x0008, 0x0020), "DA", date);
        }
    };
    let files =
        [series("2.1", 2.5, study("2", "20210101")), series("9.1", 2.5, study("9", "20200101"))].concat();
    let study = scan_files(files);
    assert_eq!(study.study_count(), 2);
    let (ids, reasons) = order(&study);
    assert_eq!(ids, ["9.1", "2.1"]);
    assert_eq!(reasons, ["study 2 by date, the chosen one is study 1"]);
}

#[test]
fn what_is_no_scan_is_rejected_in_words() {
    let image_type = |value: &'static str| {
        move |s: &mut Slice| {
            s.text((0x0008, 0x0008), "CS", value);
        }
    };
    let files = [
        series("1.1", 2.5, plain),
        series("1.2", 2.5, image_type("ORIGINAL\\PRIMARY\\LOCALIZER")),
        series("1.3", 2.5, image_type("DERIVED\\SECONDARY\\MIP")),
        series("1.4", 2.5, |s| {
            s.text((0x0008, 0x0060), "CS", "PT");
        }),
        series("1.5", 2.5, |s| {
            s.text((0x0008, 0x0016), "UI", "1.2.840.10008.5.1.4.1.1.7");
        }),
        series("1.6", 2.5, |s| {
            s.text((0x0008, 0x0060), "CS", "SR").without((0x7FE0, 0x0010));
        }),
        series("1.7", 2.5, plain)[..3].to_vec(),
        series("1.8", 2.5, |s| {
            s.text(DESCRIPTION, "LO", "Topogram 0.6");
        }),
    ]
    .concat();
    let (ids, reasons) = order(&scan_files(files));
    assert_eq!(ids, ["1.1"]);
    assert_eq!(
        reasons,
        [
            "a localiser",
            "a projection, rendering or report (image type MIP)",
            "modality PT, expected CT",
            "a captured picture, not a scan",
            "a structured report (modality SR), not images",
            "3 slices, expected at least 8",
            "a localiser",
        ]
    );
    let coronal = (0..10).map(|k| {
        let mut slice = Slice::at(0.0);
        slice.text((0x0020, 0x0032), "DS", &format!("0\\{}\\0", 2 * k));
        slice.text((0x0020, 0x0037), "DS", "1\\0\\0\\0\\0\\-1");
        slice.bytes()
    });
    let study = scan_files(coronal.collect());
    let selection = choose(&study, None).unwrap();
    let refusal = selection.refusal(&study).unwrap();
    assert_eq!(refusal.kind, RefusalKind::NotCt);
    assert_eq!(
        refusal.message,
        "none of 1 series can be scored: 1.2.3.4: its slices do not lie across the body: a reformat"
    );
}

#[test]
fn derived_series_are_scored_when_there_is_nothing_else() {
    let derived = |s: &mut Slice| {
        s.text((0x0008, 0x0008), "CS", "DERIVED\\PRIMARY\\MPR");
    };
    let (ids, _) = order(&scan_files(series("1.1", 2.5, derived)));
    assert_eq!(ids, ["1.1"]);
    let both = [series("1.1", 2.5, derived), series("1.2", 1.0, plain)].concat();
    let (ids, reasons) = order(&scan_files(both));
    assert_eq!(ids, ["1.2", "1.1"]);
    assert_eq!(reasons, ["marked as derived or secondary, the chosen one is original"]);
}

#[test]
fn a_series_can_be_asked_for() {
    let study = scan_files([series("1.1", 2.5, plain), series("1.2", 5.0, plain)].concat());
    let selection = choose(&study, Some("1.2")).unwrap();
    assert_eq!(selection.chosen(&study).unwrap().id, "1.2");
    assert_eq!(selection.rejected[0].reason, "another one was asked for");
    let error = choose(&study, Some("7")).unwrap_err();
    assert_eq!(error, SelectError::NoSuchSeries { wanted: "7".into(), found: "1.1, 1.2".into() });
}

#[test]
fn the_scans_at_hand_are_each_chosen() {
    let shared = std::env::var_os("OPENCAC_SHARED").map_or_else(
        || std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("../../../shared"),
        std::path::PathBuf::from,
    );
    let scans = shared.join("data/scans");
    if !scans.is_dir() {
        println!("skipped: ../shared/data/scans not there");
        return;
    }
    for scan in std::fs::read_dir(scans).unwrap() {
        let path = scan.unwrap().path();
        let study = super::scan_path(&path);
        let selection = choose(&study, None).unwrap();
        assert_eq!((selection.ranked.len(), selection.rejected.len()), (1, 0), "{}", path.display());
        let says_contrast = selection.ranked[0].reason.contains("but with contrast");
        assert_eq!(says_contrast, path.ends_with("lidc-0001-contrast"), "{}", selection.ranked[0].reason);
    }
}
