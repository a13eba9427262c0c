use super::*;
use crate::unet::UNetSpec;

/// A card with a heart stage and a calcium stage of small networks.
fn example() -> Card {
    serde_json::from_str(include_str!("example-card.json")).unwrap()
}

fn random_weights(card: &Card) -> BTreeMap<Stage, UNetWeights> {
    card.method.networks().into_iter().map(|(stage, spec)| (stage, UNetWeights::random(&spec, 5))).collect()
}

fn written() -> (tempfile::TempDir, Bundle) {
    let card = example();
    let weights = random_weights(&card);
    let bundle = Bundle::new(card, weights).unwrap();
    let folder = tempfile::tempdir().unwrap();
    bundle.write(&folder.path().join("example")).unwrap();
    (folder, bundle)
}

#[test]
fn a_written_bundle_reads_back() {
    let (folder, bundle) = written();
    let path = folder.path().join("example");
    assert_eq!(Bundle::read(&path).unwrap(), bundle);
    let library = Library::at(folder.path());
    let listed = library.list().unwrap();
    assert_eq!(listed[0].name, "example");
    assert_eq!(listed[0].card.as_ref().unwrap(), bundle.card());
    assert_eq!(library.load("example").unwrap(), bundle);
    assert_eq!(library.load(path.to_str().unwrap()).unwrap(), bundle);
    let message = library.load("nobody").unwrap_err().to_string();
    assert!(message.starts_with("no network bundle is named \"nobody\"; there are: example"), "{message}");
}

#[test]
fn a_changed_or_missing_file_is_named() {
    let refusal = |change: fn(&Path)| {
        let (folder, _) = written();
        let path = folder.path().join("example");
        change(&path);
        Bundle::read(&path).unwrap_err().to_string()
    };
    let flipped = refusal(|path| {
        let file = path.join("heart.safetensors");
        let mut bytes = std::fs::read(&file).unwrap();
        *bytes.last_mut().unwrap() ^= 1;
        std::fs::write(file, bytes).unwrap();
    });
    assert!(flipped.starts_with("bundle \"example\": heart.safetensors has sha256 "), "{flipped}");
    let missing = refusal(|path| std::fs::remove_file(path.join("calcium.safetensors")).unwrap());
    assert!(missing.contains("calcium.safetensors"), "{missing}");
    let bare = refusal(|path| std::fs::remove_file(path.join("card.json")).unwrap());
    assert!(bare.contains("card.json"), "{bare}");
    let swapped = refusal(|path| {
        // The right hash of the wrong weights.
        let bytes = std::fs::read(path.join("calcium.safetensors")).unwrap();
        std::fs::write(path.join("heart.safetensors"), &bytes).unwrap();
        let card = std::fs::read_to_string(path.join("card.json")).unwrap();
        let mut card: Card = serde_json::from_str(&card).unwrap();
        for (_, file) in card.method.weight_files_mut() {
            file.sha256 = tensors::sha256(&bytes);
        }
        std::fs::write(path.join("card.json"), card.to_json().unwrap()).unwrap();
    });
    assert!(swapped.starts_with("bundle \"example\": heart.safetensors: weights: tensor "), "{swapped}");
}

#[test]
fn weights_must_be_those_of_the_card() {
    let card = example();
    let mut weights = random_weights(&card);
    let calcium = weights.remove(&Stage::Calcium).unwrap();
    let missing = Bundle::new(card.clone(), weights.clone()).unwrap_err();
    assert!(matches!(missing, BundleError::StageWithoutWeights { stage: Stage::Calcium, .. }), "{missing}");
    weights.insert(Stage::Calcium, calcium.clone());
    weights.insert(Stage::Locate, calcium.clone());
    let extra = Bundle::new(card.clone(), weights.clone()).unwrap_err();
    assert!(matches!(extra, BundleError::WeightsWithoutStage { stage: Stage::Locate, .. }), "{extra}");
    weights.remove(&Stage::Locate);
    weights.insert(Stage::Heart, UNetWeights::random(&UNetSpec::plain(8), 1));
    let other = Bundle::new(card, weights).unwrap_err();
    assert!(matches!(other, BundleError::Weights { stage: Stage::Heart, .. }), "{other}");
}

#[test]
fn unfit_cards_are_refused_by_field() {
    let json = example().to_json().unwrap();
    let cases = [
        ("\"limits\"", "\"limitations\"", "unknown field `limitations`"),
        ("\"overlap\"", "\"overlaps\"", "unknown field `overlaps`"),
        ("opencac.bundle/1", "opencac.bundle/9", "unknown variant `opencac.bundle/9`"),
        ("\"name\": \"example\"", "\"name\": \"../example\"", "name is \"../example\""),
        ("\"file\": \"heart.safetensors\"", "\"file\": \"../heart.safetensors\"", "heart weights.file is"),
        (
            "\"threshold\": 0.7",
            "\"threshold\": 1.5",
            "heart output.threshold is 1.5, expected 0 or more, under 1",
        ),
        ("\"unit_hu\": 200.0", "\"unit_hu\": 0.0", "heart input.window is"),
        ("\"kind\": \"cascade\"", "\"kind\": \"magic\"", "unknown variant `magic`"),
        ("\"hu\": -500", "\"hu\": -500000", "invalid value"),
        ("\"lm\",", "\"lm\", \"lm\",", "calcium output.labels is"),
        ("\"sigmoid\"", "\"softmax\"", "heart network output is Softmax"),
    ];
    for (from, to, expected) in cases {
        assert!(json.contains(from), "{from}");
        let found = Card::parse(json.replacen(from, to, 1).as_bytes()).unwrap_err().to_string();
        assert!(found.contains(expected), "{found}");
    }
    type Change = fn(&mut StageCard);
    let changed = |change: Change| {
        let mut card = example();
        if let Method::Cascade { heart: Some(heart), .. } = &mut card.method {
            change(heart);
        }
        check::card(&card).unwrap_err().to_string()
    };
    let cases: [(Change, &str); 7] = [
        (
            |heart| heart.input.patch = [98; 3],
            "heart input.patch is [98, 98, 98], expected positive multiples",
        ),
        (|heart| heart.input.patch = [4096; 3], "at most 2^24 voxels"),
        (|heart| heart.input.overlap = [200; 3], "heart input.overlap is"),
        (|heart| heart.input.shifts = vec![[1, 16, 0]], "heart input.shifts is [[1, 16, 0]], expected less"),
        (|heart| heart.input.region = Region::Heart { margin_mm: 1.0 }, "heart input.region is"),
        (|heart| heart.input.channels.push(Channel::HeartLeft), "heart input.channels is 2, expected 1"),
        (|heart| heart.input.spacing_mm[0] = Some(f64::NAN), "heart input.spacing_mm is NaN"),
    ];
    for (change, expected) in cases {
        let found = changed(change);
        assert!(found.contains(expected), "{found}");
    }
}

#[test]
fn a_stage_with_another_threshold_is_another() {
    let bundle = |change: fn(&mut StageCard)| {
        let mut card = example();
        let Method::Cascade { heart: Some(heart), .. } = &mut card.method else { unreachable!() };
        change(heart);
        let networks = card.method.networks().into_iter();
        let weights = networks.map(|(stage, spec)| (stage, UNetWeights::random(&spec, 1)));
        Bundle::new(card, weights.collect()).unwrap()
    };
    let (one, other) = (bundle(|_| {}), bundle(|heart| heart.output.threshold = 0.6));
    assert_eq!(one.sha256(), other.sha256());
    for (stage, same) in [(Stage::Calcium, true), (Stage::Heart, false), (Stage::Locate, true)] {
        let [one, other] = [&one, &other].map(|bundle| bundle.stage_sha256(stage).unwrap());
        assert_eq!((one == other, one.is_some()), (same, stage != Stage::Locate), "{stage}");
    }
}
