//! Small dense symmetric matrices: all that Newton's method on a few dozen covariates needs.

use std::ops::{Index, IndexMut};

/// A pivot below this fraction of its diagonal entry means the column depends on the ones before it.
///
/// The covariates are standardised before they come here, so the diagonal is of one scale.
const DEPENDENT: f64 = 1e-11;

/// A square matrix, row-major.
#[derive(Debug, Clone, PartialEq)]
pub struct Square {
    size: usize,
    values: Vec<f64>,
}

impl Square {
    /// All zeros.
    pub fn zeros(size: usize) -> Self {
        Self { size, values: vec![0.0; size * size] }
    }

    /// Number of rows.
    pub fn size(&self) -> usize {
        self.size
    }

    /// Row `i` as a slice.
    pub fn row(&self, i: usize) -> &[f64] {
        &self.values[i * self.size..(i + 1) * self.size]
    }

    /// Row `i` as a mutable slice.
    pub fn row_mut(&mut self, i: usize) -> &mut [f64] {
        &mut self.values[i * self.size..(i + 1) * self.size]
    }

    /// Copies the lower triangle onto the upper one.
    pub fn mirror_lower(&mut self) {
        for i in 0..self.size {
            for j in 0..i {
                self[(j, i)] = self[(i, j)];
            }
        }
    }

    /// Matrix times vector.
    pub fn times(&self, vector: &[f64]) -> Vec<f64> {
        (0..self.size).map(|i| dot(self.row(i), vector)).collect()
    }

    /// Matrix times matrix of the same size.
    pub fn product(&self, other: &Self) -> Self {
        let mut out = Self::zeros(self.size);
        for i in 0..self.size {
            for k in 0..self.size {
                let factor = self[(i, k)];
                for j in 0..self.size {
                    out[(i, j)] += factor * other[(k, j)];
                }
            }
        }
        out
    }

    /// `vector' M vector`.
    pub fn quadratic_form(&self, vector: &[f64]) -> f64 {
        dot(&self.times(vector), vector)
    }

    /// The square block of the given rows and columns.
    pub fn block(&self, rows: &[usize]) -> Self {
        let mut out = Self::zeros(rows.len());
        for (i, &row) in rows.iter().enumerate() {
            for (j, &column) in rows.iter().enumerate() {
                out[(i, j)] = self[(row, column)];
            }
        }
        out
    }

    /// Cholesky factor of a symmetric positive definite matrix, or the index of the first dependent column.
    pub fn cholesky(&self) -> Result<Cholesky, usize> {
        let n = self.size;
        let mut lower = Self::zeros(n);
        for j in 0..n {
            let pivot = self[(j, j)] - dot(&lower.row(j)[..j], &lower.row(j)[..j]);
            // A NaN pivot fails the comparison as well.
            if !(pivot > DEPENDENT * self[(j, j)].abs() && pivot.is_finite()) {
                return Err(j);
            }
            lower[(j, j)] = pivot.sqrt();
            for i in j + 1..n {
                let value = (self[(i, j)] - dot(&lower.row(i)[..j], &lower.row(j)[..j])) / lower[(j, j)];
                lower[(i, j)] = value;
            }
        }
        Ok(Cholesky { lower })
    }
}

impl Index<(usize, usize)> for Square {
    type Output = f64;
    fn index(&self, (i, j): (usize, usize)) -> &f64 {
        &self.values[i * self.size + j]
    }
}

impl IndexMut<(usize, usize)> for Square {
    fn index_mut(&mut self, (i, j): (usize, usize)) -> &mut f64 {
        &mut self.values[i * self.size + j]
    }
}

/// The lower triangular factor L of a matrix L L'.
#[derive(Debug, Clone)]
pub struct Cholesky {
    lower: Square,
}

impl Cholesky {
    /// Solves `M x = right`.
    pub fn solve(&self, right: &[f64]) -> Vec<f64> {
        let n = self.lower.size;
        let mut x = right.to_vec();
        for i in 0..n {
            x[i] = (x[i] - dot(&self.lower.row(i)[..i], &x[..i])) / self.lower[(i, i)];
        }
        for i in (0..n).rev() {
            for k in i + 1..n {
                x[i] -= self.lower[(k, i)] * x[k];
            }
            x[i] /= self.lower[(i, i)];
        }
        x
    }

    /// The inverse of the factored matrix.
    pub fn inverse(&self) -> Square {
        let n = self.lower.size;
        let mut out = Square::zeros(n);
        let mut unit = vec![0.0; n];
        for j in 0..n {
            unit[j] = 1.0;
            for (i, value) in self.solve(&unit).into_iter().enumerate() {
                out[(i, j)] = value;
            }
            unit[j] = 0.0;
        }
        out
    }
}

/// Inner product; the shorter vector sets the length.
pub fn dot(a: &[f64], b: &[f64]) -> f64 {
    a.iter().zip(b).map(|(x, y)| x * y).sum()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn inverse_times_matrix_is_identity_and_dependence_is_named() {
        let mut m = Square::zeros(3);
        for (i, row) in [[4.0, 1.0, 0.5], [1.0, 3.0, -0.25], [0.5, -0.25, 2.0]].iter().enumerate() {
            for (j, value) in row.iter().enumerate() {
                m[(i, j)] = *value;
            }
        }
        let product = m.cholesky().unwrap().inverse().product(&m);
        for i in 0..3 {
            for j in 0..3 {
                assert!((product[(i, j)] - if i == j { 1.0 } else { 0.0 }).abs() < 1e-14);
            }
        }
        for k in 0..3 {
            m[(2, k)] = m[(1, k)] * 2.0;
        }
        for k in 0..3 {
            m[(k, 2)] = m[(k, 1)] * 2.0;
        }
        assert_eq!(m.cholesky().unwrap_err(), 2);
    }
}
