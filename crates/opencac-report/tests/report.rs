//! The HTML report: its words, its safety and its structure.

mod common;

use opencac_core::{Finding, FindingKind, Outcome, Refusal, RefusalKind};
use opencac_report::{Acquisition, CaseDocument, Conclusion, Picture, report};

/// The words of a page, a line for each run of text between tags; the style sheet is left out.
fn words(html: &str) -> String {
    let mut text = String::new();
    let mut rest = html;
    while let Some(start) = rest.find('<') {
        let line = rest[..start].trim();
        if !line.is_empty() {
            text.push_str(line);
            text.push('\n');
        }
        let end = if rest[start..].starts_with("<style>") { "</style>" } else { ">" };
        rest = rest[start..].find(end).map_or("", |at| &rest[start + at + end.len()..]);
    }
    text
}

#[test]
fn reports_read_as_agreed() {
    for (name, document, pictures) in common::gallery() {
        if *name != "forty" {
            insta::assert_snapshot!(*name, words(&report(document, pictures)));
        }
    }
}

#[test]
fn the_answer_comes_first() {
    for (name, document, pictures) in common::gallery() {
        let words = words(&report(document, pictures));
        let lines: Vec<&str> = words.lines().collect();
        let answer = match *name {
            "refused" => "Refused",
            "failed" => "Failed",
            "none" => "0",
            _ => &format!("{:.1}", document.agatston.unwrap()),
        };
        // The title, the heading, the input, a label, the answer.
        assert_eq!(lines[4], answer, "{name}: {lines:?}");
    }
}

const HOSTILE: &str = "<hostile a='b' c=\"d\" onerror=x>&amp;";

#[test]
fn no_text_from_outside_is_markup() {
    let hostile = || HOSTILE.to_owned();
    let mut case = common::refused();
    case.input = hostile();
    case.series_uid = Some(hostile());
    case.version = hostile();
    case.findings = vec![Finding::new(FindingKind::Metal, HOSTILE)];
    case.conclusion =
        Conclusion::Finished(Outcome::Refused(Refusal { kind: RefusalKind::Contrast, message: hostile() }));
    case.acquisition = Some(Acquisition {
        manufacturer: Some(hostile()),
        scanner: Some(hostile()),
        kernel: Some(hostile()),
        ..Acquisition::default()
    });
    let picture = Picture {
        file_name: hostile(),
        caption: hostile(),
        alternative_text: hostile(),
        width: 1,
        height: 1,
        png: vec![1, 2, 3],
    };
    let mut failed = common::failed();
    failed.conclusion = Conclusion::Failed(hostile());
    let mut scored = common::scored(&common::chest(&common::three_vessels(), 45), true);
    let mut risk = common::risk();
    risk.ancestry = Some(hostile());
    risk.percentiles[0].reference = hostile();
    risk.unavailable = vec![hostile()];
    scored.risk = Some(risk);
    for (case, least) in [(case, 10), (failed, 1), (scored, 4)] {
        let html = report(&CaseDocument::new(&case), std::slice::from_ref(&picture));
        assert!(!html.contains("<hostile"), "markup from outside survived");
        assert!(!html.contains("c=\"d\""), "a quote from outside can end an attribute");
        assert!(html.matches("&lt;hostile").count() >= least, "the text itself must still be shown");
        assert!(html.contains("&amp;amp;"), "text that looks escaped is shown as it is");
    }
}

#[test]
fn the_page_needs_nothing_from_outside() {
    for (name, document, pictures) in common::gallery() {
        let html = report(document, pictures);
        for forbidden in ["http:", "https:", "<script", "<link", "<iframe", "@import", "url(", "javascript:"]
        {
            assert!(!html.contains(forbidden), "{name} contains {forbidden}");
        }
        assert_eq!(html.matches("src=").count(), html.matches("src=\"data:image/png;base64,").count());
        assert_eq!(html.matches("<img").count(), pictures.len());
    }
}

#[test]
fn the_page_is_accessible_and_complete() {
    for (name, document, pictures) in common::gallery() {
        let html = report(document, pictures);
        assert!(html.starts_with("<!DOCTYPE html><html lang=\"en\">"), "{name}");
        assert_eq!(html.matches("<img").count(), html.matches(" alt=\"").count(), "{name}");
        assert_eq!(html.matches("<th ").count(), html.matches("scope=\"").count(), "{name}");
        assert!(!html.contains("<th>"), "{name}: a header cell without scope");
        assert!(html.contains("Research use, not for clinical decisions"), "{name}");
        assert!(html.contains("0.0.0-test"), "{name}: the version is missing");
        assert_eq!(html.matches("<h1>").count(), 1, "{name}");
    }
}
