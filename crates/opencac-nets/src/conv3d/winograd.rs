//! Winograd's minimal filtering F(4, 3) along x: four outputs of a three-tap filter for six
//! multiplications instead of twelve (Lavin and Gray 2016, doi 10.1109/CVPR.2016.435; points 0, 1, -1, 2, -2, infinity).
//!
//! With `d` six neighbouring inputs and `g` three weights, the four outputs are
//! `A^T [(G g) * (B^T d)]`, `*` element by element. Only x is treated so: along z and y the taps
//! are summed plainly, which keeps the rounding error near that of the plain sum.

use super::simd::Simd;

/// Products a tile.
pub const POINTS: usize = 6;
/// Outputs a tile.
pub const TILE: usize = 4;

/// `G g`: three weights to one for each point.
pub fn weights(g: [f64; 3]) -> [f64; POINTS] {
    let (even, odd) = (g[0] + g[2], g[1]);
    let (even4, odd4) = (g[0] + 4.0 * g[2], 2.0 * g[1]);
    [g[0] / 4.0, -(even + odd) / 6.0, -(even - odd) / 6.0, (even4 + odd4) / 24.0, (even4 - odd4) / 24.0, g[2]]
}

/// `G^T u`: the transpose of [`weights`], which takes gradients by point to gradients by weight.
pub fn weights_transposed(u: [f64; POINTS]) -> [f64; 3] {
    let (sum, difference) = (-(u[1] + u[2]) / 6.0, (u[2] - u[1]) / 6.0);
    let (sum2, difference2) = ((u[3] + u[4]) / 24.0, (u[3] - u[4]) / 24.0);
    [u[0] / 4.0 + sum + sum2, difference + 2.0 * difference2, sum + 4.0 * sum2 + u[5]]
}

/// `B^T d` on eight channels at once.
#[inline(always)]
pub fn input<S: Simd>(s: S, d: [S::F8; POINTS]) -> [S::F8; POINTS] {
    let [two, four, five] = [2.0, 4.0, 5.0].map(|v| s.splat8(v));
    let fours = |a, b| s.sub8(a, s.mul8(four, b));
    let even = fours(d[4], d[2]);
    let odd = fours(d[3], d[1]);
    let even2 = s.sub8(d[4], d[2]);
    let odd2 = s.mul8(two, s.sub8(d[3], d[1]));
    let outer = |a, b, c| s.mul_add8(four, a, s.sub8(c, s.mul8(five, b)));
    [
        outer(d[0], d[2], d[4]),
        s.add8(even, odd),
        s.sub8(even, odd),
        s.add8(even2, odd2),
        s.sub8(even2, odd2),
        outer(d[1], d[3], d[5]),
    ]
}

/// `B^T d` of one channel.
#[inline(always)]
pub fn input_scalar(d: [f32; POINTS]) -> [f32; POINTS] {
    let (even, odd) = (d[4] - 4.0 * d[2], d[3] - 4.0 * d[1]);
    let (even2, odd2) = (d[4] - d[2], 2.0 * (d[3] - d[1]));
    [
        4.0 * d[0] - 5.0 * d[2] + d[4],
        even + odd,
        even - odd,
        even2 + odd2,
        even2 - odd2,
        4.0 * d[1] - 5.0 * d[3] + d[5],
    ]
}

/// `A^T m` on eight channels at once.
#[inline(always)]
pub fn output<S: Simd>(s: S, m: [S::F8; POINTS]) -> [S::F8; TILE] {
    let (sum, difference) = (s.add8(m[1], m[2]), s.sub8(m[1], m[2]));
    let (sum2, difference2) = (s.add8(m[3], m[4]), s.sub8(m[3], m[4]));
    [
        s.add8(s.add8(m[0], sum), sum2),
        s.mul_add8(s.splat8(2.0), difference2, difference),
        s.mul_add8(s.splat8(4.0), sum2, sum),
        s.add8(s.mul_add8(s.splat8(8.0), difference2, difference), m[5]),
    ]
}

/// `A y`: the transpose of [`output`], which takes gradients of outputs to gradients of points.
#[inline(always)]
pub fn output_transposed<S: Simd>(s: S, y: [S::F8; TILE]) -> [S::F8; POINTS] {
    let (even, odd) = (s.add8(y[0], y[2]), s.add8(y[1], y[3]));
    let even2 = s.mul_add8(s.splat8(4.0), y[2], y[0]);
    let odd2 = s.mul_add8(s.splat8(8.0), y[3], s.add8(y[1], y[1]));
    [y[0], s.add8(even, odd), s.sub8(even, odd), s.add8(even2, odd2), s.sub8(even2, odd2), y[3]]
}

#[cfg(test)]
mod tests {
    use super::super::simd::Portable;
    use super::*;

    const D: [f32; POINTS] = [1.0, -2.0, 0.5, 3.0, -1.5, 4.0];
    const G: [f64; 3] = [0.25, -1.0, 2.0];

    #[test]
    fn four_outputs_of_a_three_tap_filter() {
        let d = input(Portable, D.map(|v| [v; 8]));
        assert_eq!(d.map(|v| v[0]), input_scalar(D));
        let u = weights(G);
        let y = output(Portable, std::array::from_fn(|p| d[p].map(|v| v * u[p] as f32)));
        for (x, found) in y.iter().enumerate() {
            let expected: f64 = (0..3).map(|k| G[k] * f64::from(D[x + k])).sum();
            assert!((f64::from(found[0]) - expected).abs() < 1e-5, "{x}: {found:?} for {expected}");
        }
    }

    #[test]
    fn transposes_are_transposes() {
        // <A^T m, y> = <m, A y> and <G g, u> = <g, G^T u>.
        let m = D.map(|v| [v; 8]);
        let y = [1.0f32, -3.0, 0.5, 2.0];
        let left: f32 = output(Portable, m).iter().zip(y).map(|(a, b)| a[0] * b).sum();
        let right: f32 =
            output_transposed(Portable, y.map(|v| [v; 8])).iter().zip(D).map(|(a, b)| a[0] * b).sum();
        assert!((left - right).abs() < 1e-3, "{left} {right}");
        let u = D.map(f64::from);
        let left: f64 = weights(G).iter().zip(u).map(|(a, b)| a * b).sum();
        let right: f64 = weights_transposed(u).iter().zip(G).map(|(a, b)| a * b).sum();
        assert!((left - right).abs() < 1e-12, "{left} {right}");
    }
}
