//! The parts of the report, in the order of the page. A part without content is left out.

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use maud::{Markup, html};
use opencac_core::score::Vessel;

use super::text::{self, NONE, number, plain, score};
use crate::case::Risk;
use crate::document::{CaseDocument, LesionBlock, Measures, OutcomeName, ProtocolBlock, RefusalBlock};
use crate::picture::{Picture, colour_of, full_name, short_name};

/// The answer: the score and its class, or why there is none and what to do.
pub fn answer(document: &CaseDocument) -> Markup {
    match (document.outcome, document.agatston, &document.refusal) {
        (OutcomeName::Scored, Some(agatston), _) => scored(document, agatston),
        (OutcomeName::Refused, _, Some(refusal)) => refused(refusal),
        _ => failed(document),
    }
}

fn scored(document: &CaseDocument, agatston: f64) -> Markup {
    let percentile = document.risk.as_ref().and_then(|risk| risk.percentiles.first());
    html! {
        section.answer aria-label="Answer" {
            div.row {
                div {
                    span.label { "Agatston score" }
                    span.value { (score(agatston)) }
                }
                @if let Some(category) = &document.category {
                    div {
                        span.label { "Category (" (text::scheme(category.scheme)) ")" }
                        span.second { (category.name) }
                    }
                }
                @if let Some(percentile) = percentile {
                    div {
                        span.label { "Percentile (" (text::reference(&percentile.reference)) ")" }
                        span.second { (text::percentile(percentile)) }
                    }
                }
            }
            p.summary { (summary(document)) }
        }
    }
}

/// The measures beside the score in one line that can be copied into a letter.
fn summary(document: &CaseDocument) -> String {
    let mut parts = Vec::new();
    if let Some(vessels) = document.vessels {
        let list: Vec<String> = vessels
            .entries()
            .iter()
            .map(|(vessel, value)| format!("{} {}", short_name(*vessel), score(*value)))
            .collect();
        parts.push(list.join(", "));
    }
    if let Some(lesions) = document.lesions.as_ref().filter(|lesions| !lesions.is_empty()) {
        parts.push(text::counted(lesions.len(), "lesion"));
    } else {
        parts.push("no calcium counted".into());
    }
    if document.agatston.is_some_and(|agatston| agatston > 0.0) {
        parts.extend(document.volume_mm3.map(|volume| format!("volume {} mm³", number(volume, 1))));
        parts.extend(document.mass_mg.map(|mass| {
            let nominal = if document.mass_calibrated == Some(false) { " (nominal calibration)" } else { "" };
            format!("mass {} mg{nominal}", number(mass, 1))
        }));
        parts.extend(document.density.map(|density| format!("density {}", number(density, 2))));
    }
    let others: Vec<String> = document
        .categories
        .iter()
        .flatten()
        .skip(1)
        .map(|category| format!("{} {}", text::scheme(category.scheme), category.name))
        .collect();
    if !others.is_empty() {
        parts.push(format!("other schemes: {}", others.join(", ")));
    }
    parts.join("; ") + "."
}

fn refused(refusal: &RefusalBlock) -> Markup {
    html! {
        section.answer.refused aria-label="Answer" {
            div.row {
                div {
                    span.label { "No score: a number would mislead" }
                    span.value { "Refused" }
                }
                div {
                    span.label { "Reason" }
                    span.second { (text::refusal(refusal.kind)) }
                }
            }
            p { (refusal.message) }
            p.advice { "What to do: " (refusal.advice) }
        }
    }
}

fn failed(document: &CaseDocument) -> Markup {
    html! {
        section.answer.failed aria-label="Answer" {
            div.row {
                div {
                    span.label { "No score: the input could not be processed" }
                    span.value { "Failed" }
                }
            }
            p { (document.error.as_deref().unwrap_or("The result holds no score and no reason.")) }
        }
    }
}

/// What a reader must know beside the score.
pub fn findings(document: &CaseDocument) -> Markup {
    html! {
        @if !document.findings.is_empty() {
            section {
                h2 { "Findings" }
                ul.findings {
                    @for finding in &document.findings {
                        li { b { (text::finding(finding.kind)) } ": " (finding.message) }
                    }
                }
            }
        }
    }
}

/// The score by vessel, and calcium beside the coronaries.
pub fn vessels(document: &CaseDocument) -> Markup {
    html! {
        @if document.outcome == OutcomeName::Scored {
            section {
                h2 { "Vessels" }
                @if document.vessel_measures.is_some() || document.non_coronary.is_some() {
                    (vessel_table(document))
                }
                @if document.vessel_measures.is_none() {
                    p.note { "Vessels were not told apart: the score is of all coronary calcium together." }
                }
            }
        }
    }
}

fn vessel_table(document: &CaseDocument) -> Markup {
    let lesion_count = |vessel: Vessel| {
        document.lesions.iter().flatten().filter(|lesion| lesion.vessel == Some(vessel.key())).count()
    };
    html! {
        table {
            thead {
                tr {
                    th scope="col" { "Vessel" }
                    th.n scope="col" { "Agatston" }
                    th.n scope="col" { "Volume (mm³)" }
                    th.n scope="col" { "Mass (mg)" }
                    th.n scope="col" { "Lesions" }
                }
            }
            tbody {
                @for (vessel, measures) in document.vessel_measures.iter().flat_map(|all| all.entries()) {
                    tr {
                        th scope="row" { (swatch(Some(vessel))) (full_name(vessel)) " (" (short_name(vessel)) ")" }
                        (measure_cells(&measures))
                        td.n { (lesion_count(vessel)) }
                    }
                }
                tr.total {
                    th scope="row" { "Coronary total" }
                    td.n { (document.agatston.map_or(NONE.into(), score)) }
                    td.n { (document.volume_mm3.map_or(NONE.into(), |v| number(v, 1))) }
                    td.n { (document.mass_mg.map_or(NONE.into(), |v| number(v, 1))) }
                    td.n { (document.lesions.as_ref().map_or(NONE.into(), |lesions| lesions.len().to_string())) }
                }
                @for (site, measures) in document.non_coronary.iter().flat_map(|all| all.entries()) {
                    tr.aside {
                        th scope="row" { (text::site(site)) ", not in the score" }
                        (measure_cells(&measures))
                        td.n { (NONE) }
                    }
                }
            }
        }
    }
}

fn measure_cells(measures: &Measures) -> Markup {
    html! {
        td.n { (score(measures.agatston)) }
        td.n { (number(measures.volume_mm3, 1)) }
        td.n { (number(measures.mass_mg, 1)) }
    }
}

/// A patch in the colour of the vessel's outlines.
fn swatch(vessel: Option<Vessel>) -> Markup {
    let [r, g, b] = colour_of(vessel);
    html! { span.swatch style={ "background:rgb(" (r) "," (g) "," (b) ")" } {} }
}

/// Key slices and projections.
pub fn pictures(pictures: &[Picture]) -> Markup {
    html! {
        @if !pictures.is_empty() {
            section {
                h2 { "Pictures" }
                div.pictures {
                    @for picture in pictures {
                        figure {
                            img src={ "data:image/png;base64," (STANDARD.encode(&picture.png)) }
                                alt=(picture.alternative_text) width=(picture.width) height=(picture.height);
                            figcaption { (picture.caption) }
                        }
                    }
                }
            }
        }
    }
}

/// Every lesion, largest score first.
pub fn lesions(document: &CaseDocument) -> Markup {
    html! {
        @if let Some(lesions) = document.lesions.as_ref().filter(|lesions| !lesions.is_empty()) {
            section {
                h2 { "Lesions" }
                table {
                    caption {
                        "Largest score first; numbers as in the pictures. Slices are counted from the feet, the lowest is 1. "
                        "Position of the centre in mm to the left, to the back and to the head (DICOM)."
                    }
                    thead {
                        tr {
                            th.n scope="col" { "No." }
                            th scope="col" { "Vessel" }
                            th.n scope="col" { "Agatston" }
                            th.n scope="col" { "Volume (mm³)" }
                            th.n scope="col" { "Mass (mg)" }
                            th.n scope="col" { "Peak (HU)" }
                            th.n scope="col" { "Mean (HU)" }
                            th.n scope="col" { "Slices" }
                            th.n scope="col" { "Position (mm)" }
                        }
                    }
                    tbody { @for lesion in lesions { (lesion_row(lesion)) } }
                }
            }
        }
    }
}

fn lesion_row(lesion: &LesionBlock) -> Markup {
    let vessel = Vessel::ALL.into_iter().find(|vessel| Some(vessel.key()) == lesion.vessel);
    let [first, last] = lesion.slices.map(|slice| slice + 1);
    let [x, y, z] = lesion.centroid_lps_mm.map(|mm| number(mm, 0));
    html! {
        tr {
            th.n scope="row" { (lesion.id) }
            td { @if let Some(vessel) = vessel { (swatch(Some(vessel))) (short_name(vessel)) } @else { (NONE) } }
            td.n { (score(lesion.agatston)) }
            td.n { (number(lesion.volume_mm3, 1)) }
            td.n { (number(lesion.mass_mg, 1)) }
            td.n { (lesion.peak_hu) }
            td.n { (number(lesion.mean_hu, 0)) }
            td.n { (first) @if last > first { "–" (last) } }
            td.n { (x) ", " (y) ", " (z) }
        }
    }
}

/// Percentiles, arterial age and 10-year risk.
pub fn risk(document: &CaseDocument) -> Markup {
    html! {
        @if let Some(risk) = &document.risk {
            section.whole {
                h2 { "Age, sex and risk" }
                dl { (risk_entries(risk)) }
                @for reason in &risk.unavailable { p.note { "Not available: " (reason) } }
            }
        }
    }
}

fn risk_entries(risk: &Risk) -> Markup {
    let person: Vec<String> =
        [risk.age_years.map(|age| format!("{} years", plain(age))), risk.sex.clone(), risk.ancestry.clone()]
            .into_iter()
            .flatten()
            .collect();
    let percent = |value: Option<f64>| value.map_or(NONE.into(), |value| format!("{} %", number(value, 1)));
    html! {
        @if !person.is_empty() { dt { "Person" } dd { (person.join(", ")) } }
        @for percentile in &risk.percentiles {
            dt { "Percentile, " (text::reference(&percentile.reference)) }
            dd { (text::percentile(percentile)) }
        }
        @if let Some(age) = risk.arterial_age_years {
            dt { "Arterial age (McClelland 2009)" } dd { (number(age, 0)) " years" }
        }
        @if let Some(mesa) = risk.mesa_10_year {
            dt { "MESA 10-year risk (McClelland 2015)" }
            dd { (percent(mesa.with_cac_percent)) " with the score, " (percent(mesa.without_cac_percent)) " without" }
        }
    }
}

/// The comparison with a reader's mask.
pub fn reference(document: &CaseDocument) -> Markup {
    html! {
        @if let Some(reference) = &document.reference {
            section.whole {
                h2 { "Beside the reader's mask" }
                dl {
                    dt { "Agatston score of the mask" }
                    dd { (score(reference.agatston)) @if let Some(name) = &reference.category { ", " (name) } }
                    dt { "Dice of the counted voxels" }
                    dd { (reference.dice.map_or(NONE.into(), |dice| number(dice, 3))) }
                }
            }
        }
    }
}

/// How the scan was made, and by what rules and networks it was scored.
pub fn scan_and_method(document: &CaseDocument) -> Markup {
    html! {
        div.columns {
            section { h2 { "Scan" } dl { (scan_entries(document)) } }
            div {
                @if let Some(protocol) = &document.protocol {
                    section { h2 { "Scoring protocol" } dl { (protocol_entries(protocol)) } }
                }
                (networks(document))
            }
        }
    }
}

fn scan_entries(document: &CaseDocument) -> Markup {
    let acquisition = document.acquisition.clone().unwrap_or_default();
    let scanner: Vec<String> =
        [acquisition.manufacturer, acquisition.scanner].into_iter().flatten().collect();
    let mm = |value: f64| format!("{} mm", plain(value));
    let rows: Vec<(&str, Option<String>)> = vec![
        ("Scanner", (!scanner.is_empty()).then(|| scanner.join(" "))),
        ("Kernel", acquisition.kernel),
        ("Tube voltage", acquisition.kvp.map(|kvp| format!("{} kVp", plain(kvp)))),
        ("Slice thickness", acquisition.slice_thickness_mm.map(mm)),
        ("Slice increment", acquisition.slice_increment_mm.map(mm)),
        ("Pixels", acquisition.pixel_spacing_mm.map(|[x, y]| format!("{} × {} mm", plain(x), plain(y)))),
        ("Voxels", acquisition.size.map(|[x, y, z]| format!("{x} × {y} × {z}"))),
        ("Noise in the blood", acquisition.noise_sd_hu.map(|sd| format!("SD {} HU", number(sd, 1)))),
        ("Heart volume", document.heart.map(|heart| format!("{} ml", number(heart.volume_ml, 0)))),
        ("Input", Some(document.input.clone())),
        ("Series", document.series_uid.clone()),
    ];
    html! {
        @for (name, value) in rows {
            @if let Some(value) = value { dt { (name) } dd { (value) } }
        }
    }
}

fn protocol_entries(protocol: &ProtocolBlock) -> Markup {
    let [two, three, four] = protocol.weight_cutoffs_hu;
    let smallest = match (protocol.min_area_mm2, protocol.min_pixels) {
        (_, Some(pixels)) => text::counted(pixels, "pixel"),
        (Some(0.0), None) => "any".into(),
        (Some(area), None) => format!("{} mm²", plain(area)),
        (None, None) => NONE.into(),
    };
    html! {
        dt { "Name" } dd { (protocol.name) }
        dt { "Threshold" } dd { (protocol.threshold_hu) " HU" }
        dt { "Weights 2, 3, 4 from" } dd { (two) ", " (three) ", " (four) " HU" }
        dt { "Smallest lesion" } dd { (smallest) " in a slice" }
        dt { "Neighbours" } dd { (protocol.connectivity) " in the slice" }
        dt { "Slice increment" }
        dd {
            @match protocol.reference_increment_mm {
                Some(reference) => { "scaled to " (plain(reference)) " mm" }
                None => { "not scaled" }
            }
        }
        dt { "Mass factor" } dd { (plain(protocol.mass_factor_mg_per_hu_cm3)) " mg/(HU cm³)" }
    }
}

/// The networks and the hashes of their weights.
fn networks(document: &CaseDocument) -> Markup {
    html! {
        section.whole {
            h2 { "Networks" }
            @match &document.model {
                Some(model) => {
                    dl {
                        dt { "Model" } dd { (model.name) "; SHA-256 of the weights:" }
                        @for (step, hash) in [
                            ("Locate", &model.sha256.locate),
                            ("Heart", &model.sha256.heart),
                            ("Calcium", &model.sha256.calcium),
                        ] {
                            @if let Some(hash) = hash { dt { (step) } dd { code { (hash) } } }
                        }
                    }
                }
                None => { p.note { "No network took part in this result." } }
            }
        }
    }
}
