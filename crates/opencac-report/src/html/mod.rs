//! The report: one HTML file without scripts or outside resources, for the screen and for A4 paper.
//!
//! The answer comes first, a refusal as large as a score. The report is made from the result document, so it
//! says nothing that the document does not. All text from outside passes through the template, which escapes it.

mod sections;
mod text;

use maud::{DOCTYPE, Markup, PreEscaped, html};

use crate::document::{CaseDocument, OutcomeName};
use crate::picture::Picture;

/// The report of a result with its pictures.
pub fn report(document: &CaseDocument, pictures: &[Picture]) -> String {
    page(document, pictures).into_string()
}

fn page(document: &CaseDocument, pictures: &[Picture]) -> Markup {
    html! {
        (DOCTYPE)
        html lang="en" {
            head {
                meta charset="utf-8";
                meta name="viewport" content="width=device-width, initial-scale=1";
                // The page needs nothing from outside, and this forbids it to ask.
                meta http-equiv="Content-Security-Policy"
                    content="default-src 'none'; style-src 'unsafe-inline'; img-src data:";
                title { (title(document)) }
                style { (PreEscaped(include_str!("style.css"))) }
            }
            body {
                header {
                    h1 { "Coronary calcium report" }
                    p { (document.input) }
                }
                main {
                    (sections::answer(document))
                    (sections::findings(document))
                    (sections::vessels(document))
                    (sections::risk(document))
                    (sections::reference(document))
                    (sections::pictures(pictures))
                    (sections::lesions(document))
                    (sections::scan_and_method(document))
                }
                footer {
                    strong { "Research use, not for clinical decisions" }
                    "OpenCAC " (document.version)
                    @if let Some(total) = document.timings_ms.total {
                        ", " (text::number(total as f64 / 1000.0, 1)) " s from start to end"
                    }
                }
            }
        }
    }
}

fn title(document: &CaseDocument) -> String {
    match (document.outcome, document.agatston) {
        (OutcomeName::Scored, Some(agatston)) => format!("Calcium score {}", text::score(agatston)),
        (OutcomeName::Scored | OutcomeName::Failed, _) => "Calcium score: failed".into(),
        (OutcomeName::Refused, _) => "Calcium score: refused".into(),
    }
}
