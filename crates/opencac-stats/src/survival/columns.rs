//! Curves in JSON as one array a quantity: far smaller than an object a step, and a data frame as it stands.

use serde::Serialize;
use serde::ser::SerializeMap;

use crate::Estimate;

/// One array: a value of each step.
pub(super) fn column<M: SerializeMap, T, V: Serialize>(
    map: &mut M,
    name: &'static str,
    steps: &[T],
    value: impl Fn(&T) -> V,
) -> Result<(), M::Error> {
    map.serialize_entry(name, &steps.iter().map(value).collect::<Vec<V>>())
}

/// Three arrays: the estimate under its own name, then `lower` and `upper`.
pub(super) fn estimate_columns<M: SerializeMap, T>(
    map: &mut M,
    name: &'static str,
    steps: &[T],
    estimate: impl Fn(&T) -> Estimate,
) -> Result<(), M::Error> {
    column(map, name, steps, |step| estimate(step).value)?;
    column(map, "lower", steps, |step| estimate(step).lower)?;
    column(map, "upper", steps, |step| estimate(step).upper)
}
