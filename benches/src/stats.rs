/// The middle value; the mean of the two middle ones where their number is even; NaN of nothing.
pub(crate) fn median(values: &mut [f64]) -> f64 {
    values.sort_by(f64::total_cmp);
    let middle = values.len() / 2;
    match (values.get(middle), values.len() % 2, middle.checked_sub(1).and_then(|below| values.get(below))) {
        (Some(upper), 0, Some(lower)) => f64::midpoint(*lower, *upper),
        (Some(value), ..) => *value,
        (None, ..) => f64::NAN,
    }
}

/// The value at the given share of the sorted values, by the nearest rank; NaN of nothing.
pub(crate) fn percentile(values: &mut [f64], share: f64) -> f64 {
    values.sort_by(f64::total_cmp);
    let last = values.len().saturating_sub(1);
    #[allow(
        clippy::cast_possible_truncation,
        clippy::cast_sign_loss,
        reason = "the rank lies within the slice"
    )]
    let rank = (last as f64 * share).round() as usize;
    values.get(rank.min(last)).copied().unwrap_or(f64::NAN)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn median_of_odd_even_and_nothing() {
        assert_eq!(median(&mut [3.0, 1.0, 2.0]), 2.0);
        assert_eq!(median(&mut [4.0, 1.0, 2.0, 3.0]), 2.5);
        assert!(median(&mut []).is_nan());
    }

    #[test]
    fn percentiles_take_the_nearest_rank() {
        let mut values: Vec<f64> = (0..=10).map(f64::from).collect();
        assert_eq!(percentile(&mut values, 0.1), 1.0);
        assert_eq!(percentile(&mut values, 0.9), 9.0);
        assert!(percentile(&mut [], 0.5).is_nan());
    }
}
