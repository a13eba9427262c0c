//! A drawing as SVG 1.1 with text kept as text.

use std::fmt::Write;

use super::font::{FAMILY, MIDDLE};
use super::scene::{Anchor, Color, Label, Scene, Shape, Stroke};

/// The drawing as an SVG document.
pub fn svg(scene: &Scene) -> String {
    let mut out = String::new();
    // Writing to a String cannot fail.
    let _ = write!(
        out,
        "<svg xmlns=\"http://www.w3.org/2000/svg\" width=\"{w}pt\" height=\"{h}pt\" viewBox=\"0 0 {w} {h}\" \
         font-family=\"{FAMILY}\">\n<title>{}</title>\n<rect width=\"{w}\" height=\"{h}\" fill=\"#ffffff\"/>\n",
        escape(&scene.title),
        w = round(scene.width),
        h = round(scene.height),
    );
    for shape in &scene.shapes {
        match shape {
            Shape::Line { points, stroke } => line(&mut out, points, *stroke),
            Shape::Area { points, color, opacity } => {
                let _ = writeln!(
                    out,
                    "<path d=\"{}Z\" fill=\"{}\"{}/>",
                    path(points),
                    hex(*color),
                    fill_opacity(*opacity)
                );
            }
            Shape::Disc { at, radius, color, opacity } => {
                let _ = writeln!(
                    out,
                    "<circle cx=\"{}\" cy=\"{}\" r=\"{}\" fill=\"{}\"{}/>",
                    round(at.0),
                    round(at.1),
                    round(*radius),
                    hex(*color),
                    fill_opacity(*opacity)
                );
            }
            Shape::Label(label) => text(&mut out, label),
        }
    }
    out.push_str("</svg>\n");
    out
}

fn line(out: &mut String, points: &[(f64, f64)], stroke: Stroke) {
    let dash = stroke.dash.map_or(String::new(), |(on, off)| format!(" stroke-dasharray=\"{on} {off}\""));
    let _ = writeln!(
        out,
        "<path d=\"{}\" fill=\"none\" stroke=\"{}\" stroke-width=\"{}\"{dash}/>",
        path(points),
        hex(stroke.color),
        round(stroke.width)
    );
}

fn text(out: &mut String, label: &Label) {
    let anchor = match label.anchor {
        Anchor::Start => "start",
        Anchor::Middle => "middle",
        Anchor::End => "end",
    };
    let (x, y) = label.at;
    // `dominant-baseline` is not honoured by every program, so the baseline is computed.
    let (x, y, turn) = if label.upward {
        let x = round(x + MIDDLE * label.size);
        (x.clone(), round(y), format!(" transform=\"rotate(-90 {x} {})\"", round(y)))
    } else {
        (round(x), round(y + MIDDLE * label.size), String::new())
    };
    let weight = if label.bold { " font-weight=\"bold\"" } else { "" };
    let _ = writeln!(
        out,
        "<text x=\"{x}\" y=\"{y}\" font-size=\"{}\" text-anchor=\"{anchor}\" fill=\"{}\"{weight}{turn} \
         xml:space=\"preserve\">{}</text>",
        round(label.size),
        hex(label.color),
        escape(&label.text)
    );
}

fn path(points: &[(f64, f64)]) -> String {
    let mut out = String::new();
    for (i, (x, y)) in points.iter().enumerate() {
        let _ = write!(out, "{}{} {}", if i == 0 { 'M' } else { 'L' }, round(*x), round(*y));
    }
    out
}

/// Two decimals are 1/7200 inch.
fn round(value: f64) -> String {
    let text = format!("{value:.2}");
    text.trim_end_matches('0').trim_end_matches('.').to_owned()
}

fn hex(Color(r, g, b): Color) -> String {
    format!("#{r:02x}{g:02x}{b:02x}")
}

fn fill_opacity(opacity: f64) -> String {
    if opacity < 1.0 { format!(" fill-opacity=\"{}\"", round(opacity)) } else { String::new() }
}

fn escape(text: &str) -> String {
    // Control characters are not allowed in XML at all.
    let text: String = text.chars().filter(|c| !c.is_control()).collect();
    text.replace('&', "&amp;").replace('<', "&lt;").replace('>', "&gt;").replace('"', "&quot;")
}
