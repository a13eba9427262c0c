//! A drawing as a list of shapes, in points (1/72 inch) from the top left corner.
//!
//! One list, two painters: SVG with real text, so that a journal can restyle it, and PNG. A plotting library would
//! draw axes for us, yet none places a risk table under a survival curve or a zero on a log axis without as much
//! code as the shapes below.

/// A colour, 8 bits each of red, green, blue.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Color(pub u8, pub u8, pub u8);

/// Text and axes.
pub const INK: Color = Color(0x22, 0x22, 0x22);
/// Secondary lines.
pub const GREY: Color = Color(0x99, 0x99, 0x99);
/// Grid lines.
pub const PALE: Color = Color(0xe4, 0xe4, 0xe4);
/// The background.
pub const WHITE: Color = Color(0xff, 0xff, 0xff);
/// Series colours, told apart by colour-blind readers (Okabe and Ito 2008).
pub const SERIES: [Color; 7] = [
    Color(0x00, 0x72, 0xb2),
    Color(0xd5, 0x5e, 0x00),
    Color(0x00, 0x9e, 0x73),
    Color(0xcc, 0x79, 0xa7),
    Color(0xe6, 0x9f, 0x00),
    Color(0x56, 0xb4, 0xe9),
    Color(0x22, 0x22, 0x22),
];

/// How a line is drawn.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Stroke {
    /// Its colour.
    pub color: Color,
    /// Its width in points.
    pub width: f64,
    /// Lengths of dash and gap in points; none for a solid line.
    pub dash: Option<(f64, f64)>,
}

impl Stroke {
    /// A solid line.
    pub fn solid(color: Color, width: f64) -> Self {
        Self { color, width, dash: None }
    }

    /// A dashed line.
    pub fn dashed(color: Color, width: f64) -> Self {
        Self { color, width, dash: Some((3.0, 2.0)) }
    }
}

/// Which point of the text lies at its position.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Anchor {
    /// Its left end.
    Start,
    /// Its middle.
    Middle,
    /// Its right end.
    End,
}

/// A line of text, vertically centred on its position.
#[derive(Debug, Clone, PartialEq)]
pub struct Label {
    /// Position (x, y).
    pub at: (f64, f64),
    /// The words.
    pub text: String,
    /// Type size in points.
    pub size: f64,
    /// Horizontal alignment.
    pub anchor: Anchor,
    /// Bold face.
    pub bold: bool,
    /// Reads upwards.
    pub upward: bool,
    /// Its colour.
    pub color: Color,
}

impl Label {
    /// Plain text.
    pub fn new(at: (f64, f64), text: &str, size: f64, anchor: Anchor) -> Self {
        Self { at, text: text.to_owned(), size, anchor, bold: false, upward: false, color: INK }
    }

    /// In the bold face.
    pub fn bold(self) -> Self {
        Self { bold: true, ..self }
    }

    /// Reading upwards.
    pub fn upward(self) -> Self {
        Self { upward: true, ..self }
    }

    /// In another colour.
    pub fn colored(self, color: Color) -> Self {
        Self { color, ..self }
    }
}

/// One thing drawn.
#[derive(Debug, Clone, PartialEq)]
pub enum Shape {
    /// A line through points.
    Line {
        /// The points.
        points: Vec<(f64, f64)>,
        /// How it is drawn.
        stroke: Stroke,
    },
    /// A filled polygon.
    Area {
        /// Its corners.
        points: Vec<(f64, f64)>,
        /// Its colour.
        color: Color,
        /// 0 invisible to 1 opaque.
        opacity: f64,
    },
    /// A filled disc.
    Disc {
        /// Its centre.
        at: (f64, f64),
        /// Its radius in points.
        radius: f64,
        /// Its colour.
        color: Color,
        /// 0 invisible to 1 opaque.
        opacity: f64,
    },
    /// Text.
    Label(Label),
}

/// A drawing.
#[derive(Debug, Clone, PartialEq)]
pub struct Scene {
    /// Width in points.
    pub width: f64,
    /// Height in points.
    pub height: f64,
    /// What a screen reader says.
    pub title: String,
    /// Drawn in this order.
    pub shapes: Vec<Shape>,
}

impl Scene {
    /// An empty white page.
    pub fn new(width: f64, height: f64, title: &str) -> Self {
        Self { width, height, title: title.to_owned(), shapes: Vec::new() }
    }

    /// Draws a line through points.
    pub fn line(&mut self, points: Vec<(f64, f64)>, stroke: Stroke) {
        self.shapes.push(Shape::Line { points, stroke });
    }

    /// Draws a filled polygon.
    pub fn area(&mut self, points: Vec<(f64, f64)>, color: Color, opacity: f64) {
        self.shapes.push(Shape::Area { points, color, opacity });
    }

    /// Draws a filled rectangle given by two corners.
    pub fn rectangle(&mut self, from: (f64, f64), to: (f64, f64), color: Color) {
        self.area(vec![from, (to.0, from.1), to, (from.0, to.1)], color, 1.0);
    }

    /// Draws a disc.
    pub fn disc(&mut self, at: (f64, f64), radius: f64, color: Color, opacity: f64) {
        self.shapes.push(Shape::Disc { at, radius, color, opacity });
    }

    /// Writes plain text.
    pub fn label(&mut self, at: (f64, f64), text: &str, size: f64, anchor: Anchor) {
        self.write(Label::new(at, text, size, anchor));
    }

    /// Writes text of any kind.
    pub fn write(&mut self, label: Label) {
        self.shapes.push(Shape::Label(label));
    }
}
