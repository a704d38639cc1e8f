use super::*;
use safetensors::tensor::TensorView;
use serde_json::Value;
use std::sync::LazyLock;

/// The file that `reference/features.py` writes.
static NETWORKS_JSON: LazyLock<Value> = LazyLock::new(|| {
    let text = include_str!("../../../../../reference/features/networks.json");
    serde_json::from_str(text).unwrap()
});

/// Numbers on [-1, 1): SplitMix64 of `stream * 2^32 + i`, its upper 24 bits.
fn uniform(stream: usize, count: usize) -> impl Iterator<Item = f64> {
    (0..count as u64).map(move |i| {
        let z = ((stream as u64) << 32).wrapping_add(i).wrapping_add(0x9e37_79b9_7f4a_7c15);
        let z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        let z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        ((z ^ (z >> 31)) >> 40) as f64 / (1 << 23) as f64 - 1.0
    })
}

/// Weights of these names and shapes by the formula of `reference/features.py`.
pub(crate) fn generated(tensors: &Value, is_channels_last: bool) -> Weights {
    let tensors: Vec<(String, Vec<usize>)> = serde_json::from_value(tensors.clone()).unwrap();
    let bytes = tensors.iter().enumerate().map(|(stream, (name, shape))| {
        let inputs = if is_channels_last {
            &shape[..shape.len() - 1]
        } else {
            &shape[1..]
        };
        let scale = (6.0 / inputs.iter().product::<usize>() as f64).sqrt();
        let number = |u: f64| match name.as_str() {
            name if name.starts_with("lin") => u.abs(),
            _ if shape.len() > 1 => u * scale,
            name if ["running_mean", "bias", ".1"].iter().any(|end| name.ends_with(end)) => u / 8.0,
            _ => 1.0 + u / 2.0,
        };
        let numbers = uniform(stream, shape.iter().product()).map(number);
        numbers.flat_map(|x| (x as f32).to_le_bytes()).collect::<Vec<u8>>()
    });
    let bytes: Vec<Vec<u8>> = bytes.collect();
    let views = tensors.iter().zip(&bytes).map(|((name, shape), bytes)| {
        let view = TensorView::new(safetensors::Dtype::F32, shape.clone(), bytes).unwrap();
        (name.as_str(), view)
    });
    let file = safetensors::serialize(views, None).unwrap();
    Weights::parse(file, "generated".as_ref()).unwrap()
}

/// Pictures `[n, height, width, 3]` in [-1, 1], of the bytes that the script makes.
pub(crate) fn pictures(count: usize, height: usize, width: usize) -> Vec<f32> {
    let mut floats = vec![];
    for i in 0..count {
        for y in 0..height {
            for x in 0..width {
                let byte = |c: usize| (i * 37 + y * 3 + x * 5 + c * 71 + x * y / 16) % 256;
                floats.extend([0, 1, 2].map(|c| byte(c) as f32 / 127.5 - 1.0));
            }
        }
    }
    floats
}

/// Asserts that the network answers as the script's did: within 1e-4 of the numbers' own size.
fn assert_answers(network: &mut dyn FeatureNetwork, expected: &Value) {
    let answer = network.answer(&pictures(2, 40, 48), [40, 48, 3]);
    let width = |numbers: &[f32]| numbers.len() / 2;
    for (what, got) in [("features", &answer.features), ("logits", &answer.logits)] {
        let expected: [Vec<f32>; 2] = serde_json::from_value(expected[what].clone()).unwrap();
        let largest = expected.iter().flatten().fold(0.0, |m: f32, x| m.max(x.abs()));
        for (got, expected) in got.chunks_exact(width(got)).zip(&expected) {
            for (i, (got, expected)) in got.iter().zip(expected).enumerate() {
                let off = (got - expected).abs() / largest;
                assert!(off <= 1e-4, "{} {what} {i} is {got}, expected {expected}", network.name());
            }
        }
    }
}

#[test]
fn efficientnet_lite0_is_pytorchs() {
    let case = &NETWORKS_JSON["effnet-lite0"];
    let mut network = efficientnet_lite0::open(&generated(&case["tensors"], false)).unwrap();
    assert_eq!((network.dimension(), network.resize()), (1280, "bicubic-antialiased 224x224"));
    assert_answers(&mut network, &case["generated"]);
}

#[test]
fn squeezenet_is_pytorchs() {
    let case = &NETWORKS_JSON["squeezenet"];
    let mut network = squeezenet::open(&generated(&case["tensors"], true)).unwrap();
    assert_eq!((network.dimension(), network.resize()), (512, "bicubic-antialiased 227x227"));
    assert_answers(&mut network, &case["generated"]);
}

#[test]
fn inception_v3_is_torch_fidelitys() {
    let case = &NETWORKS_JSON["inception-v3"];
    let weights = generated(&case["tensors"], false);
    let mut network = inception_v3::open(&weights, Resize::BilinearTensorFlow1).unwrap();
    assert_eq!((network.dimension(), network.resize()), (2048, "bilinear-tensorflow1 299x299"));
    assert_answers(&mut network, &case["generated"]);
}

/// Fetched weights; only where they are in the cache folder.
fn fetched_network(name: &'static str) -> Option<Box<dyn FeatureNetwork>> {
    match open(name, None) {
        Ok(network) => Some(network),
        Err(error) => {
            println!("skipped: {error}");
            None
        }
    }
}

#[test]
fn fetched_weights_answer_as_in_pytorch() {
    for name in ["effnet-lite0", "squeezenet"] {
        if let Some(mut network) = fetched_network(name) {
            assert_answers(&mut *network, &NETWORKS_JSON[name]["own"]);
        }
    }
}

/// Of the twenty pictures of ImageNet in `attack-images`, how many get their class first, and among the first five.
fn recognised(network: &mut dyn FeatureNetwork, folder: &Path) -> [usize; 2] {
    let mut counts = [0, 0];
    for file in folder.read_dir().unwrap() {
        let path = file.unwrap().path();
        let name = path.file_stem().unwrap().to_string_lossy().into_owned();
        let Some(class) = name.strip_prefix("imagenet_").and_then(|rest| rest.rsplit('_').next()) else {
            continue;
        };
        let class: usize = class.parse().unwrap();
        let picture = image::open(&path).unwrap().to_rgb8();
        let shape = [picture.height() as usize, picture.width() as usize, 3];
        let floats: Vec<f32> = picture.iter().map(|&byte| f32::from(byte) / 127.5 - 1.0).collect();
        let logits = network.answer(&floats, shape).logits;
        let larger = logits.iter().filter(|logit| **logit > logits[class]).count();
        counts[0] += usize::from(larger == 0);
        counts[1] += usize::from(larger < 5);
    }
    counts
}

#[test]
fn real_photographs_are_recognised() {
    let folder = data::get::cache_folder().unwrap().join("data/attack-images");
    if !folder.is_dir() {
        println!("skipped: `attack-images` is not on this computer");
        return;
    }
    for (name, expected) in [("effnet-lite0", [17, 20]), ("squeezenet", [13, 19])] {
        if let Some(mut network) = fetched_network(name) {
            assert_eq!(recognised(&mut *network, &folder), expected, "{name}: first, among the first five");
        }
    }
}

#[test]
fn grey_is_three_equal_channels_and_batches_do_not_matter() {
    let weights = generated(&NETWORKS_JSON["squeezenet"]["tensors"], true);
    let mut network = squeezenet::open(&weights).unwrap();
    let grey: Vec<f32> = pictures(BATCH + 1, 8, 8).chunks(3).map(|pixel| pixel[0]).collect();
    let three: Vec<f32> = grey.iter().flat_map(|&x| [x; 3]).collect();
    let together = network.answer(&grey, [8, 8, 1]);
    assert_eq!(network.answer(&three, [8, 8, 3]), together);
    assert_eq!(together.features.len(), (BATCH + 1) * 512);
    let last = network.answer(&grey[BATCH * 64..], [8, 8, 1]);
    assert_eq!(last.features, together.features[BATCH * 512..]);
    assert_eq!(last.logits.len(), 1000);
    assert_eq!(network.answer(&[], [8, 8, 1]), Answer::default());
}

#[test]
fn messages() {
    let message = |name, path: Option<&Path>| {
        let error = open(name, path).err().unwrap();
        format!("{error}\nhint: {}", error.hint().unwrap())
    };
    assert_eq!(
        message("resnet", None),
        "unknown feature network `resnet`: expected one of effnet-lite0, squeezenet, inception-v3, inception-v3-clean\nhint: `effnet-lite0` needs nothing but `gany data get effnet-lite0`"
    );
    assert_eq!(
        message("inception-v3", None),
        "`inception-v3` needs a file of weights: expected one, got none\nhint: give the file `pt_inception-2015-12-05-6726825d.pth` that pytorch-fid and torch-fidelity use"
    );
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("a.pth");
    std::fs::write(&path, b"\x80\x02}.").unwrap();
    assert!(message("squeezenet", Some(&path)).starts_with("no tensor `conv1.0` in these weights: "));
    let error = FeaturesError::NotFetched {
        name: "effnet-lite0",
        path: "a".into(),
    };
    assert_eq!(error.to_string(), "the weights of `effnet-lite0` are not on this computer: a");
    assert_eq!(error.hint().unwrap(), "fetch them once with `gany data get effnet-lite0`");
}
