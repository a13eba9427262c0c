//! Means, spreads, quantiles and ranks.

/// The arithmetic mean; NaN when empty.
pub fn mean(values: &[f64]) -> f64 {
    values.iter().sum::<f64>() / values.len() as f64
}

/// Sum of squared deviations from the mean.
pub fn sum_of_squares(values: &[f64]) -> f64 {
    let centre = mean(values);
    values.iter().map(|value| (value - centre).powi(2)).sum()
}

/// Standard deviation with `n - 1` in the denominator.
pub fn sample_sd(values: &[f64]) -> f64 {
    (sum_of_squares(values) / (values.len() as f64 - 1.0)).sqrt()
}

/// The median; NaN when empty. Reorders its input.
pub fn median_in_place(values: &mut [f64]) -> f64 {
    let n = values.len();
    if n == 0 {
        return f64::NAN;
    }
    let (below, middle, _) = values.select_nth_unstable_by(n / 2, f64::total_cmp);
    let middle = *middle;
    if n % 2 == 1 {
        return middle;
    }
    let before = below.iter().copied().fold(f64::NEG_INFINITY, f64::max);
    0.5 * (before + middle)
}

/// Quantile by linear interpolation between order statistics (type 7 of Hyndman and Fan, the default of R and
/// NumPy). `sorted` ascending; NaN when empty.
pub fn quantile_of_sorted(sorted: &[f64], p: f64) -> f64 {
    let Some(last) = sorted.len().checked_sub(1) else { return f64::NAN };
    let position = p.clamp(0.0, 1.0) * last as f64;
    let below = position.floor() as usize;
    let above = (below + 1).min(last);
    sorted[below] + (position - below as f64) * (sorted[above] - sorted[below])
}

/// Positions of the values in ascending order; equal values keep their order.
pub fn ascending_order(values: &[f64]) -> Vec<usize> {
    // Value and position are sorted together, so that a comparison touches one place in memory.
    let mut order: Vec<(f64, usize)> = values.iter().copied().zip(0..).collect();
    order.sort_unstable_by(|a, b| a.0.total_cmp(&b.0).then(a.1.cmp(&b.1)));
    order.into_iter().map(|(_, position)| position).collect()
}

/// Ranks from 1; tied values share the mean of their ranks.
pub fn average_ranks(values: &[f64]) -> Vec<f64> {
    let order = ascending_order(values);
    let mut ranks = vec![0.0; values.len()];
    let mut start = 0;
    while start < order.len() {
        let mut end = start + 1;
        while end < order.len() && values[order[end]] == values[order[start]] {
            end += 1;
        }
        // Mean of the ranks start + 1 ..= end.
        let shared = (start + end + 1) as f64 / 2.0;
        for &i in &order[start..end] {
            ranks[i] = shared;
        }
        start = end;
    }
    ranks
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ranks_medians_and_quantiles() {
        assert_eq!(average_ranks(&[0.0, 5.0, 0.0, 2.0, -0.0]), [2.0, 5.0, 2.0, 4.0, 2.0]);
        assert_eq!(median_in_place(&mut [3.0, 1.0, 2.0]), 2.0);
        assert_eq!(median_in_place(&mut [4.0, 1.0, 2.0, 3.0]), 2.5);
        assert!(median_in_place(&mut []).is_nan());
        assert_eq!(quantile_of_sorted(&[1.0, 2.0, 3.0, 4.0], 0.25), 1.75);
        assert_eq!(quantile_of_sorted(&[7.0], 0.9), 7.0);
    }
}
