//! Files that `reference/networks.py` writes, as the projects write theirs, against what PyTorch makes of them.
use super::*;
use crate::games::Play;
use crate::models::{self, ConfigError, Given};
use crate::nn::evaluating;
use gany_engine::{DType, Tensor};
use proptest::prelude::*;

fn fixture(name: &str) -> Vec<u8> {
    let path = format!("{}/../../reference/networks/{name}", env!("CARGO_MANIFEST_DIR"));
    std::fs::read(path).unwrap()
}

fn weights(name: &str) -> Weights {
    Weights::parse(fixture(name), name.as_ref()).unwrap()
}

fn of_class(class: Option<usize>) -> Choice {
    Choice { system: None, class }
}

fn import(name: &str, class: Option<usize>) -> Import {
    read(&weights(name), &of_class(class)).unwrap_or_else(|error| panic!("{error}"))
}

fn message(name: &str, choice: &Choice) -> String {
    let error = read(&weights(name), choice).err().expect("an error");
    error.to_string()
}

/// The system with the tensors of an import; the names of state tensors that the import does not have.
fn play(import: &Import, changes: &[(&str, &str)]) -> (Play, Vec<String>) {
    try_play(import, changes).unwrap_or_else(|error| panic!("{error}"))
}

fn try_play(import: &Import, changes: &[(&str, &str)]) -> std::result::Result<(Play, Vec<String>), ConfigError> {
    let entry = models::find(import.layout.system).unwrap();
    let changes = changes
        .iter()
        .map(|(key, value)| ((*key).to_owned(), (*value).to_owned()));
    let changes: Vec<_> = import.settings.iter().cloned().chain(changes).collect();
    let settings = models::resolve(entry.card.id, &entry.defaults(), &changes).unwrap();
    let given = Given::of(import.sample, None);
    let built = entry.build(&settings, &given, 0)?;
    let mut play = Play::new(built.system, built.scope, given.of_batch(4), 0);
    play.go_on_from(import.step);
    let mut missing = vec![];
    for position in 0..play.entries().len() {
        let entry = play.entries()[position].clone();
        match import.tensors.get(&entry.name) {
            Some(array) => {
                assert_eq!(entry.shape, array.shape(), "{}", entry.name);
                play.state_mut(position).as_f32_mut().copy_from_slice(array.values());
            }
            None => missing.push(entry.name),
        }
    }
    assert_eq!(play.entries().len() - missing.len(), import.tensors.len());
    Ok((play, missing))
}

/// What PyTorch made; pictures as samples are, held between -1 and 1.
fn expected(name: &str) -> Vec<f32> {
    let samples = weights("samples.safetensors");
    let shape = samples.shape(name).unwrap().to_vec();
    let values = samples.f32(name, &shape).unwrap();
    match shape.len() {
        4 => values.into_iter().map(|value| value.clamp(-1.0, 1.0)).collect(),
        _ => values,
    }
}

#[track_caller]
fn assert_close(what: &str, got: &[f32], expected: &[f32], tolerance: f32) {
    assert_eq!(got.len(), expected.len(), "{what}");
    let off = got.iter().zip(expected).map(|(a, b)| (a - b).abs()).fold(0.0, f32::max);
    assert!(off <= tolerance, "{what}: off by {off}");
}

/// Samples of the averaged and of the trained generator, and the judge's scores, are PyTorch's.
#[track_caller]
fn assert_same(name: &str, import: &Import, has_judge: bool) {
    let (mut average, missing) = play(import, &[]);
    let is_left_alone = |name: &String| {
        let is_judge = ["discriminator.", "critic."]
            .iter()
            .any(|judge| name.starts_with(judge));
        name.starts_with("optimiser.") || name == "mean_path_length" || (is_judge && !has_judge)
    };
    let forgotten: Vec<_> = missing.iter().filter(|name| !is_left_alone(name)).collect();
    assert!(forgotten.is_empty(), "{name}: {forgotten:?}");
    let pictures = average.sample(&expected("z"), None);
    assert_close(
        &format!("{name}: settled"),
        &pictures,
        &expected(&format!("{name}.settled")),
        1e-5,
    );

    let mut trained = play(import, &[]).0;
    for position in 0..trained.entries().len() {
        let entry = trained.entries()[position].name.clone();
        if let Some(name) = entry.strip_prefix("average.") {
            let array = &import.tensors[name];
            trained.state_mut(position).as_f32_mut().copy_from_slice(array.values());
        }
    }
    let pictures = trained.sample(&expected("z"), None);
    assert_close(
        &format!("{name}: trained"),
        &pictures,
        &expected(&format!("{name}.trained")),
        1e-5,
    );

    if has_judge {
        let seen = expected(&format!("{name}.settled"));
        assert_close(
            &format!("{name}: scores"),
            &scores(&average, import, &seen),
            &expected(&format!("{name}.scores")),
            1e-5,
        );
    }
}

/// What the judge says of pictures.
fn scores(play: &Play, import: &Import, pictures: &[f32]) -> Vec<f32> {
    for parameter in play.scope().parameters() {
        let position = play.entries().iter().position(|entry| entry.name == parameter.name());
        let state = play.state(position.expect("a parameter is in the state")).to_f64();
        parameter.set(Tensor::from_elements(DType::F32, parameter.shape(), &state));
    }
    let stage = play.scope().stage();
    stage.set(play.phase(), Tensor::full(DType::F32, &[], 0.0));
    let pictures: Vec<f64> = pictures.iter().map(|value| f64::from(*value)).collect();
    let x = Tensor::from_elements(DType::F32, &import.sample.of_batch(4), &pictures);
    evaluating(|| play.system().judge(&x, None).expect("a judge").to_f32())
}

#[test]
fn stylegan2_makes_and_judges_as_pytorch() {
    let import = import("ada.pkl", None);
    assert_eq!(import.layout.id, "stylegan2-ada");
    let settings: Vec<String> = import
        .settings
        .iter()
        .map(|(key, value)| format!("{key}={value}"))
        .collect();
    assert_eq!(
        settings.join(" "),
        "generation=second z_dim=6 w_dim=5 mapping_layers=2 mapping_learning_rate=0.01 width=3 max_width=6 clamp=1.2"
    );
    assert!(import.notes.is_empty(), "{:?}", import.notes);
    assert_same("ada", &import, true);
    let mut truncated = play(&import, &[("truncation", "0.5")]).0;
    let pictures = truncated.sample(&expected("z"), None);
    assert_close("truncated", &pictures, &expected("ada.truncated"), 1e-5);
}

/// With a class bound to it, without noise, without colour; from a pickle and from safetensors.
#[test]
fn a_stylegan2_of_classes_becomes_one_of_a_class() {
    let pickled = import("labelled.pkl", Some(2));
    assert_same("labelled", &pickled, false);
    assert_eq!(
        pickled.notes,
        [
            "The discriminator is built otherwise and was left out, so it is a new one (no tensor `D.b8.skip.weight` in these \
             weights: labelled.pkl).",
            "The generator had classes; this one makes class 2 alone."
        ]
    );
    let plain = import("labelled.safetensors", Some(2));
    let pictures = play(&plain, &[]).0.sample(&expected("z"), None);
    assert_close("safetensors", &pictures, &expected("labelled.settled"), 1e-5);
    assert_eq!(plain.notes[0], "The file has no discriminator: it is a new one.");
    let other = import("labelled.safetensors", Some(1));
    let pictures = play(&other, &[]).0.sample(&expected("z"), None);
    let off = pictures
        .iter()
        .zip(expected("labelled.settled"))
        .map(|(a, b)| (a - b).abs());
    assert!(off.fold(0.0, f32::max) > 0.01, "another class makes the same");
}

#[test]
fn progressive_growing_makes_and_judges_as_pytorch() {
    let import = import("zoo.pth", None);
    let settings: Vec<String> = import
        .settings
        .iter()
        .map(|(key, value)| format!("{key}={value}"))
        .collect();
    assert_eq!(settings.join(" "), "z_dim=6 width=3 max_width=6 images_per_phase=0");
    assert_eq!(import.step, 4);
    assert!(import.notes.is_empty(), "{:?}", import.notes);
    assert_same("zoo", &import, true);
}

/// Other names of weights, the legacy format, without the channel of the minibatch's deviation.
#[test]
fn progressive_growing_of_the_first_year_too() {
    assert_same("old", &import("zoo-old.pth", None), true);
}

#[test]
fn files_that_do_not_fit_are_refused() {
    assert_eq!(
        message("labelled.pkl", &Choice::default()),
        "a generator of 3 classes: expected a choice of one, got none: labelled.pkl"
    );
    assert_eq!(
        message("labelled.pkl", &of_class(Some(3))),
        "a generator of 3 classes: expected a choice of one, got class 3: labelled.pkl"
    );
    assert_eq!(
        message("ada.pkl", &of_class(Some(0))),
        "a generator without classes: expected no choice of one: ada.pkl"
    );
    let as_system = |system: &str| Choice {
        system: Some(system.to_owned()),
        class: None,
    };
    assert_eq!(
        message("ada.pkl", &as_system("progressive")),
        "not weights of `progressive`: expected a network of that system, got one of `stylegan`: ada.pkl"
    );
    assert_eq!(
        message("ada.pkl", &as_system("gan")),
        "no weights are read into `gan`: expected one of `stylegan` or `progressive`: ada.pkl"
    );
    assert_eq!(
        message("samples.safetensors", &Choice::default()),
        "not weights of a known project: expected those of StyleGAN2 (`network-snapshot-*.pkl` of stylegan2-ada-pytorch) or \
         progressive growing (`.pth` of pytorch_GAN_zoo), got tensors named `ada.scores`, `ada.settled`, `ada.trained`: \
         samples.safetensors"
    );
}

/// A file of safetensors with empty tensors of these names and shapes, all zeros.
fn safetensors_of(tensors: &[(&str, &[usize])]) -> Weights {
    let most = tensors.iter().map(|(_, shape)| shape.iter().product::<usize>()).max();
    let zeros = vec![0; 4 * most.unwrap_or(0)];
    let views = tensors.iter().map(|(name, shape)| {
        let bytes = &zeros[..4 * shape.iter().product::<usize>()];
        let view = safetensors::tensor::TensorView::new(safetensors::Dtype::F32, shape.to_vec(), bytes);
        (*name, view.unwrap())
    });
    let file = safetensors::serialize(views, None).unwrap();
    Weights::parse(file, "a.safetensors".as_ref()).unwrap()
}

#[test]
fn networks_that_were_built_otherwise_are_named() {
    let said = |tensors: &[(&str, &[usize])]| {
        read(&safetensors_of(tensors), &Choice::default())
            .err()
            .unwrap()
            .to_string()
    };
    let constant: (&str, &[usize]) = ("synthesis.b4.const", &[2, 4, 4]);
    assert_eq!(
        said(&[("b4.out.weight", &[1, 2])]),
        "no generator in these weights: expected one, got a discriminator alone: a.safetensors"
    );
    assert_eq!(
        said(&[("decisionLayer.module.weight", &[1, 2])]),
        "no generator in these weights: expected one, got a discriminator alone: a.safetensors"
    );
    assert_eq!(
        said(&[constant, ("synthesis.b12.conv1.weight", &[2, 2, 3, 3])]),
        "grids of the generator: expected sides of 4, 8, 16 and so on, powers of two up to 2048, got 4, 12: a.safetensors"
    );
    assert_eq!(
        said(&[("synthesis.b4.const", &[2, 4, 7])]),
        "smallest grid of the generator: expected 4 x 4 pixels, got 4 x 7: a.safetensors"
    );
    assert_eq!(
        said(&[constant, ("synthesis.b4.resample_filter", &[4, 4])]),
        "filter of the generator: expected that of [1, 3, 3, 1], got another: a.safetensors"
    );
    assert_eq!(
        said(&[constant]),
        "no tensor `synthesis.b4.conv1.weight` in these weights: a.safetensors"
    );
    assert_eq!(
        said(&[]),
        "not weights of a known project: expected those of StyleGAN2 (`network-snapshot-*.pkl` of \
        stylegan2-ada-pytorch) or progressive growing (`.pth` of pytorch_GAN_zoo), got no tensors: a.safetensors"
    );
    let other_widths: Vec<(&str, &[usize])> = vec![
        constant,
        ("synthesis.b4.conv1.weight", &[2, 2, 3, 3]),
        ("synthesis.b4.torgb.weight", &[3, 2, 1, 1]),
        ("synthesis.b8.conv1.weight", &[3, 3, 3, 3]),
        ("mapping.fc0.weight", &[5, 6]),
    ];
    assert_eq!(
        said(&other_widths),
        "channels of the levels: expected that double with every halving of the sides, up to a most, got 3, 2: a.safetensors"
    );
}

#[test]
fn a_level_in_the_middle_of_a_fade_is_refused() {
    // The only fraction 0 of the settings, `alpha`, made 0.25 (of the level before).
    let mut file = fixture("zoo.pth");
    let key = file.windows(5).position(|five| five == b"alpha").unwrap();
    let zero = key + file[key..].iter().position(|byte| *byte == b'G').unwrap() + 1;
    file[zero..zero + 8].copy_from_slice(&0.25_f64.to_be_bytes());
    let weights = Weights::parse(file, "zoo.pth".as_ref()).unwrap();
    let error = read(&weights, &Choice::default()).err().unwrap();
    assert_eq!(
        error.to_string(),
        "a level is being faded in: expected all of it, got 75 %: zoo.pth"
    );
}

/// Files to change a little.
fn valid() -> impl Strategy<Value = Vec<u8>> {
    prop::sample::select(vec![
        "ada.pkl",
        "labelled.pkl",
        "labelled.safetensors",
        "zoo.pth",
        "zoo-old.pth",
    ])
    .prop_map(fixture)
}

/// Reads what can be read, as a system if it is one; never more numbers than twice the bytes of the file and its average.
fn read_all(file: Vec<u8>) {
    let bytes = file.len();
    let Ok(weights) = Weights::parse(file, "fuzz".as_ref()) else {
        return;
    };
    for class in [None, Some(2)] {
        if let Ok(import) = read(&weights, &of_class(class)) {
            let numbers: usize = import.tensors.values().map(|array| array.values().len()).sum();
            assert!(numbers <= 4 * bytes, "{numbers} numbers of {bytes} bytes");
            // Pictures of 4 x 4 pixels are all that may be wrong now.
            if let Err(error) = try_play(&import, &[]) {
                assert!(matches!(error, ConfigError::TooSmall { .. }), "{error}");
            }
        }
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    #[test]
    fn changed_files_do_no_harm(mut file in valid(), changes in prop::collection::vec((any::<prop::sample::Index>(), any::<u8>()), 1..8)) {
        for (place, byte) in changes {
            let place = place.index(file.len());
            file[place] = byte;
        }
        read_all(file);
    }

    #[test]
    fn shortened_files_do_no_harm(mut file in valid(), length: prop::sample::Index) {
        file.truncate(length.index(file.len()));
        read_all(file);
    }
}
