//! Prefix counts with updates in logarithmic time.

/// A Fenwick tree over ranks 0..size, holding counts.
pub(crate) struct Counts {
    tree: Vec<u64>,
    total: u64,
}

impl Counts {
    pub(crate) fn new(size: usize) -> Self {
        Self { tree: vec![0; size + 1], total: 0 }
    }

    pub(crate) fn add(&mut self, rank: usize) {
        self.total += 1;
        let mut i = rank + 1;
        while i < self.tree.len() {
            self.tree[i] += 1;
            i += i & i.wrapping_neg();
        }
    }

    /// Number added with a rank below `rank`.
    pub(crate) fn below(&self, rank: usize) -> u64 {
        let mut i = rank.min(self.tree.len() - 1);
        let mut sum = 0;
        while i > 0 {
            sum += self.tree[i];
            i &= i - 1;
        }
        sum
    }

    pub(crate) fn total(&self) -> u64 {
        self.total
    }
}
