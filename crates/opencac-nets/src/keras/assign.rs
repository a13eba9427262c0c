//! Matching the datasets of a file with the tensors of a network, by name.

use std::path::Path;

use super::{KerasError, Slot};

/// For each slot the path of its dataset. `datasets` are paths within the file with their shapes.
pub(super) fn assign<'a>(
    file: &Path,
    slots: &[Slot],
    datasets: &[(&'a str, Vec<u64>)],
) -> Result<Vec<&'a str>, KerasError> {
    let mut chosen: Vec<Option<&str>> = vec![None; slots.len()];
    for (dataset, found) in datasets {
        let Some(index) = slot_of(slots, dataset) else {
            let dataset = (*dataset).to_owned();
            return Err(KerasError::Unexpected { path: file.to_owned(), dataset, found: found.clone() });
        };
        let Slot { layer, part, shape, .. } = &slots[index];
        if let Some(first) = chosen[index].replace(dataset) {
            return Err(KerasError::Duplicate {
                path: file.to_owned(),
                layer: layer.clone(),
                part,
                first: first.to_owned(),
                second: (*dataset).to_owned(),
            });
        }
        if !shape.iter().map(|&n| n as u64).eq(found.iter().copied()) {
            return Err(KerasError::Shape {
                path: file.to_owned(),
                layer: layer.clone(),
                part,
                expected: shape.clone(),
                found: found.clone(),
            });
        }
    }
    let missing = |slot: &Slot| KerasError::Missing {
        path: file.to_owned(),
        layer: slot.layer.clone(),
        part: slot.part,
        expected: slot.shape.clone(),
    };
    slots.iter().zip(chosen).map(|(slot, path)| path.ok_or_else(|| missing(slot))).collect()
}

/// The slot a dataset belongs to: its last name is the tensor's, and the outermost group with a layer's name is the
/// layer. (TensorFlow 1 numbers the inner of the two groups of a layer when a name is taken: `conv_1_1/conv_1_1_1`;
/// in the files of wrapped models only that inner one is left, so a number too many is forgiven.)
fn slot_of(slots: &[Slot], dataset: &str) -> Option<usize> {
    let (groups, name) = dataset.rsplit_once('/')?;
    let part = name.split_once(':').map_or(name, |(part, _)| part);
    let find = |layer: &str| slots.iter().position(|slot| slot.layer == layer && slot.part == part);
    let exact = groups.split('/').find_map(find);
    exact.or_else(|| groups.split('/').find_map(|group| find(group.rsplit_once('_')?.0)))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn slot(layer: &str, part: &'static str) -> Slot {
        Slot { layer: layer.to_owned(), part, shape: vec![2], tensor: String::new() }
    }

    #[test]
    fn layers_are_found_at_any_depth() {
        let slots = [slot("conv_1_1", "bias"), slot("conv_1_2", "bias"), slot("conv_8", "bias")];
        let cases = [
            ("conv_1_1/conv_1_1/bias:0", Some(0)),
            ("model_weights/conv_1_2/conv_1_2/bias:0", Some(1)),
            ("model_weights/model_1/conv_1_2/bias:0", Some(1)),
            ("model_1/model_1/conv_8/bias:0", Some(2)),
            ("conv_1_2/conv_1_2_1/bias:0", Some(1)),
            ("model_1/conv_1_1_1/bias:0", Some(0)),
            ("model_1/conv_8_3/bias", Some(2)),
            ("model_1/conv_2_1/bias:0", None),
            ("conv_1_1/conv_1_1/kernel:0", None),
            ("bias:0", None),
        ];
        for (path, expected) in cases {
            assert_eq!(slot_of(&slots, path), expected, "{path}");
        }
    }

    #[test]
    fn two_for_one_place_are_refused() {
        let slots = [slot("conv_1_1", "bias")];
        let datasets = [("a/conv_1_1/bias:0", vec![2]), ("b/conv_1_1/bias:0", vec![2])];
        let message = assign(Path::new("w.h5"), &slots, &datasets).unwrap_err().to_string();
        assert_eq!(
            message,
            "w.h5: layer conv_1_1 has more than one bias: a/conv_1_1/bias:0 and b/conv_1_1/bias:0"
        );
    }
}
