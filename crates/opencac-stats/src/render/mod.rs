//! Results as tables: plain text for people, CSV, Markdown and LaTeX for the manuscript.

pub mod agreement;
pub mod curves;
mod format;
pub mod survival;

pub use format::{Digits, p_value};

/// How a table is written.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum TableStyle {
    /// Aligned columns for a terminal.
    Text,
    /// Comma-separated values; several tables are separated by a blank line and a line with the title.
    Csv,
    /// A GitHub-flavoured Markdown table.
    Markdown,
    /// A LaTeX `tabular` with the rules of the booktabs package.
    Latex,
}

impl TableStyle {
    /// The customary file name ending.
    pub fn extension(self) -> &'static str {
        match self {
            Self::Text => "txt",
            Self::Csv => "csv",
            Self::Markdown => "md",
            Self::Latex => "tex",
        }
    }
}

/// A titled table of finished cells. The first column is left-aligned, the others right-aligned.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TextTable {
    /// What the table shows.
    pub title: String,
    /// Column heads.
    pub header: Vec<String>,
    /// Cells; every row is as long as the header.
    pub rows: Vec<Vec<String>>,
    /// Lines below the table.
    pub notes: Vec<String>,
}

impl TextTable {
    /// An empty table.
    pub fn new(title: &str, header: &[&str]) -> Self {
        let header = header.iter().map(|&head| head.to_owned()).collect();
        Self { title: title.to_owned(), header, rows: Vec::new(), notes: Vec::new() }
    }

    /// Appends a row; missing cells at its end are blank.
    pub fn row(&mut self, cells: impl IntoIterator<Item = String>) {
        let mut cells: Vec<String> = cells.into_iter().collect();
        cells.resize(self.header.len(), String::new());
        self.rows.push(cells);
    }

    /// The table in the given style, ending with a line break.
    pub fn render(&self, style: TableStyle) -> String {
        match style {
            TableStyle::Text => self.text(),
            TableStyle::Csv => self.csv(),
            TableStyle::Markdown => self.markdown(),
            TableStyle::Latex => self.latex(),
        }
    }

    fn text(&self) -> String {
        let lines = || std::iter::once(&self.header).chain(&self.rows);
        let width = |column: usize| lines().map(|line| line[column].chars().count()).max().unwrap_or(0);
        let widths: Vec<usize> = (0..self.header.len()).map(width).collect();
        let mut out = format!("{}\n", self.title);
        for (i, line) in lines().enumerate() {
            let cells = line.iter().zip(&widths).enumerate().map(|(column, (cell, &width))| {
                if column == 0 { format!("  {cell:<width$}") } else { format!("  {cell:>width$}") }
            });
            out.push_str(cells.collect::<String>().trim_end());
            out.push('\n');
            if i == 0 {
                let rule: usize = widths.iter().map(|width| width + 2).sum();
                out.push_str(&format!("  {}\n", "-".repeat(rule.saturating_sub(2))));
            }
        }
        for note in &self.notes {
            out.push_str(&format!("  {note}\n"));
        }
        out
    }

    fn csv(&self) -> String {
        let quote = |cell: &String| {
            // A leading sign or "=" is a formula to spreadsheet programs, unless the cell is a number.
            let formula = cell.starts_with(['=', '+', '-', '@']) && cell.parse::<f64>().is_err();
            let cell = if formula { format!("'{cell}") } else { cell.clone() };
            if cell.contains([',', '"', '\n']) { format!("\"{}\"", cell.replace('"', "\"\"")) } else { cell }
        };
        let line = |cells: &Vec<String>| cells.iter().map(quote).collect::<Vec<_>>().join(",") + "\n";
        std::iter::once(&self.header).chain(&self.rows).map(line).collect()
    }

    fn markdown(&self) -> String {
        let line = |cells: &Vec<String>| {
            let cells: Vec<String> = cells.iter().map(|cell| cell.replace('|', "\\|")).collect();
            format!("| {} |\n", cells.join(" | "))
        };
        let mut out = format!("**{}**\n\n{}", self.title, line(&self.header));
        out.push_str(&format!("|:--|{}\n", "--:|".repeat(self.header.len().saturating_sub(1))));
        out.extend(self.rows.iter().map(line));
        for note in &self.notes {
            out.push_str(&format!("\n{note}\n"));
        }
        out
    }

    fn latex(&self) -> String {
        let line = |cells: &Vec<String>| {
            let cells: Vec<String> = cells.iter().map(|cell| escape_latex(cell)).collect();
            format!("{} \\\\\n", cells.join(" & "))
        };
        let columns = "r".repeat(self.header.len().saturating_sub(1));
        let mut out =
            format!("% {}\n\\begin{{tabular}}{{l{columns}}}\n\\toprule\n", self.title.replace('\n', " "));
        out.push_str(&line(&self.header));
        out.push_str("\\midrule\n");
        out.extend(self.rows.iter().map(line));
        out.push_str("\\bottomrule\n\\end{tabular}\n");
        for note in &self.notes {
            out.push_str(&format!("\n{}\n", escape_latex(note)));
        }
        out
    }
}

/// Text that LaTeX sets as it stands.
fn escape_latex(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    for c in text.chars() {
        match c {
            '&' | '%' | '$' | '#' | '_' | '{' | '}' => out.extend(['\\', c]),
            '~' => out.push_str("\\textasciitilde{}"),
            '^' => out.push_str("\\textasciicircum{}"),
            '\\' => out.push_str("\\textbackslash{}"),
            '<' => out.push_str("$<$"),
            '>' => out.push_str("$>$"),
            '\u{2212}' => out.push_str("$-$"),
            '\u{2265}' => out.push_str("$\\geq$"),
            '\u{2264}' => out.push_str("$\\leq$"),
            '\u{221e}' => out.push_str("$\\infty$"),
            '\u{2013}' => out.push_str("--"),
            _ => out.push(c),
        }
    }
    out
}

/// A line that says what was left out; none where nothing was.
pub fn dropped_note(rows: &crate::table::RowAccount) -> Option<String> {
    (rows.dropped > 0).then(|| {
        let reasons: Vec<String> =
            rows.reasons.iter().map(|r| format!("{} {} in {:?}", r.cells, r.reason, r.column)).collect();
        format!("{} rows used, {} left out ({})", rows.used, rows.dropped, reasons.join(", "))
    })
}

/// Several tables one after the other.
pub fn render_all(tables: &[TextTable], style: TableStyle) -> String {
    let render = |table: &TextTable| match style {
        TableStyle::Csv if tables.len() > 1 => format!("# {}\n{}", table.title, table.render(style)),
        _ => table.render(style),
    };
    tables.iter().map(render).collect::<Vec<_>>().join("\n")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_style_quotes_what_it_must() {
        let mut table = TextTable::new("A & B", &["term", "HR (95% CI)"]);
        table.row(["a,b|c".to_owned(), "1.2".to_owned()]);
        table.row(["=cmd_x".to_owned()]);
        table.notes.push("p < 0.05".to_owned());
        assert_eq!(table.render(TableStyle::Csv), "term,HR (95% CI)\n\"a,b|c\",1.2\n'=cmd_x,\n");
        assert!(table.render(TableStyle::Markdown).contains("| a,b\\|c | 1.2 |\n"));
        let latex = table.render(TableStyle::Latex);
        assert!(latex.contains("HR (95\\% CI) \\\\\n") && latex.contains("p $<$ 0.05"), "{latex}");
        let text = table.render(TableStyle::Text);
        assert_eq!(text.lines().nth(1), Some("  term    HR (95% CI)"));
        assert_eq!(text.lines().nth(3), Some("  a,b|c           1.2"));
    }
}
