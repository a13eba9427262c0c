//! A column of text in one buffer.

/// Cells of one column: all text end to end, and where each cell ends.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Column {
    text: String,
    ends: Vec<usize>,
}

impl Column {
    /// Appends a cell, without the blanks around it.
    pub(super) fn push(&mut self, cell: &str) {
        self.text.push_str(cell.trim());
        self.ends.push(self.text.len());
    }

    /// Number of cells.
    pub fn len(&self) -> usize {
        self.ends.len()
    }

    /// Whether there is no cell.
    pub fn is_empty(&self) -> bool {
        self.ends.is_empty()
    }

    /// The cells from the first row to the last.
    pub fn iter(&self) -> impl Iterator<Item = &str> {
        let starts = std::iter::once(0).chain(self.ends.iter().copied());
        starts.zip(&self.ends).map(|(start, &end)| &self.text[start..end])
    }

    /// One cell.
    pub fn get(&self, row: usize) -> Option<&str> {
        let end = *self.ends.get(row)?;
        let start = if row == 0 { 0 } else { self.ends[row - 1] };
        self.text.get(start..end)
    }

    /// The cells of the given rows, in that order; rows that are not there are left out.
    pub(super) fn select(&self, rows: impl Iterator<Item = usize>) -> Self {
        let mut out = Self::default();
        for row in rows {
            if let Some(cell) = self.get(row) {
                out.push(cell);
            }
        }
        out
    }
}
