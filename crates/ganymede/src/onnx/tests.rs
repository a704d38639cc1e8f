//! Networks and single operators beside what ONNX Runtime and PyTorch make of them (`reference/onnx_networks.py`).
use super::graph::{Graph, Limits};
use super::*;
use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use gany_engine::grad;
use proptest::prelude::*;
use serde_json::Value as Json;
use std::sync::LazyLock;

static RECORD: LazyLock<Json> = LazyLock::new(|| {
    let text = include_str!("../../../../reference/onnx.json");
    serde_json::from_str(text).expect("onnx.json is JSON")
});

fn file(name: &str) -> Vec<u8> {
    let path = format!("{}/../../reference/onnx/{name}.onnx", env!("CARGO_MANIFEST_DIR"));
    fs::read(path).unwrap()
}

fn floats(value: &Json) -> Vec<f64> {
    value.as_array().unwrap().iter().map(|x| x.as_f64().unwrap()).collect()
}

fn extents(value: &Json) -> Vec<usize> {
    floats(value).into_iter().map(|x| x as usize).collect()
}

/// The script's pictures, `[n, h, w, 3]` in [0, 1].
fn pictures(count: usize, height: usize, width: usize) -> Tensor {
    let mut numbers = vec![];
    for i in 0..count {
        for y in 0..height {
            for x in 0..width {
                let byte = |c: usize| (i * 37 + y * 3 + x * 5 + c * 71 + x * y / 16) % 256;
                numbers.extend((0..3).map(|c| byte(c) as f32 / 255.0));
            }
        }
    }
    Tensor::from_f32(&[count, height, width, 3], &numbers)
}

/// Asserts that numbers differ by at most so much of the largest one.
#[track_caller]
fn assert_near(what: &str, got: &[f64], expected: &[f64], largest: f64, tolerance: f64) {
    assert_eq!(got.len(), expected.len(), "{what}: number of elements");
    for (i, (got, expected)) in got.iter().zip(expected).enumerate() {
        let off = (got - expected).abs() / largest;
        assert!(off <= tolerance, "{what}: element {i} is {got}, expected {expected}");
    }
}

fn largest(numbers: &[f64]) -> f64 {
    numbers.iter().fold(0.0, |most, x| x.abs().max(most))
}

#[test]
fn networks_say_what_onnx_runtime_says_with_the_gradients_of_pytorch() {
    let stride = RECORD["stride"].as_u64().unwrap() as usize;
    for case in RECORD["networks"].as_array().unwrap() {
        let name = case["name"].as_str().unwrap();
        let network = Network::parse(&file(name), Path::new(""), None).unwrap();
        assert_eq!(network.shape().to_vec(), extents(&case["shape"]), "{name}");
        assert_eq!(network.classes(), 10, "{name}");
        let [h, w, _] = network.shape();
        let x = pictures(2, h, w);
        let logits = network.forward(&x);
        let expected = floats(&case["logits"]);
        assert_near(name, &logits.to_f64(), &expected, largest(&expected), 1e-4);
        let cotangent: Vec<f32> = (0..20)
            .map(|at| (((at / 10 * 3 + at % 10 * 7) % 10) as f32 - 4.5) / 10.0)
            .collect();
        let loss = (logits * Tensor::from_f32(&[2, 10], &cotangent)).sum();
        let gradient = grad(&loss, &[&x]).remove(0).to_f64();
        let some: Vec<f64> = gradient.into_iter().step_by(stride).collect();
        let size = case["largest_gradient"].as_f64().unwrap();
        assert_near(
            &format!("gradient of {name}"),
            &some,
            &floats(&case["gradient"]),
            size,
            1e-3,
        );
    }
}

/// The script's numbers.
fn numbers(shape: &[usize]) -> Tensor {
    let count: usize = shape.iter().product();
    let numbers: Vec<f32> = (0..count).map(|i| ((i * 37 % 127) as f32 - 63.25) / 32.0).collect();
    Tensor::from_f32(shape, &numbers)
}

#[test]
fn operators_make_what_onnx_runtime_makes() {
    for case in RECORD["operators"].as_array().unwrap() {
        let name = case["name"].as_str().unwrap();
        let file = STANDARD.decode(case["model"].as_str().unwrap()).unwrap();
        let mut model = Model::parse(&file).unwrap();
        // The oldest case is of version 6, the last before the axes of a broadcast were NumPy's.
        model.version = model.version.max(7);
        let outputs: Vec<String> = model.outputs.iter().map(|port| port.name.clone()).collect();
        let graph = Graph::load(model, outputs, &file, Path::new("")).unwrap();
        let x = numbers(&extents(&case["shape"]));
        let rank = x.rank();
        // As it is written, and channels last.
        let last: Vec<usize> = std::iter::once(0).chain(2..rank).chain([1]).collect();
        for order in [(0..rank).collect(), last] {
            let value = Value::ordered(x.permute(&order), order.clone());
            let made = graph.run(vec![("x".into(), value)], &Limits::none());
            let made = made.unwrap_or_else(|problem| panic!("{name}: {problem}"));
            for (made, expected) in made.iter().zip(case["outputs"].as_array().unwrap()) {
                assert_eq!(made.shape(), extents(&expected["shape"]), "{name}: extents");
                let numbers = floats(&expected["data"]);
                let what = format!("{name} in the order {order:?}");
                assert_near(
                    &what,
                    &made.as_written().to_f64(),
                    &numbers,
                    largest(&numbers).max(1.0),
                    1e-5,
                );
            }
        }
    }
}

#[test]
fn a_picture_is_seen_alike_among_any_number_of_others() {
    let network = Network::parse(&file("resnet"), Path::new(""), None).unwrap();
    let all = pictures(3, 64, 64);
    let together = network.forward(&all).to_f64();
    let alone = network.forward(&all.slice(0, 2, 3)).to_f64();
    assert_near("the last", &alone, &together[20..], largest(&together), 1e-5);
}

/// A message of Protocol Buffers, of fields that are texts or messages.
fn message(fields: &[(u8, &[u8])]) -> Vec<u8> {
    let field = |(number, bytes): &(u8, &[u8])| {
        let length = bytes.len();
        let lengths = [(length % 128) as u8 | 0x80, (length / 128) as u8];
        [&[number << 3 | 2], &lengths[..], bytes].concat()
    };
    fields.iter().flat_map(field).collect()
}

/// An input or output of floats; 0 stands for an open extent.
fn port(name: &str, extents: &[u8]) -> Vec<u8> {
    let dimensions: Vec<Vec<u8>> = extents.iter().map(|extent| vec![8, *extent]).collect();
    let dimensions: Vec<(u8, &[u8])> = dimensions.iter().map(|dimension| (1, &dimension[..])).collect();
    let tensor = [&[8, 1][..], &message(&[(2, &message(&dimensions))])].concat();
    message(&[(1, name.as_bytes()), (2, &message(&[(1, &tensor)]))])
}

fn node(operator: &str, input: &str, output: &str) -> Vec<u8> {
    message(&[(1, input.as_bytes()), (2, output.as_bytes()), (4, operator.as_bytes())])
}

/// A model in version 17 of the operators.
fn model(graph: &[(u8, &[u8])]) -> Vec<u8> {
    [&[8, 8][..], &message(&[(7, &message(graph)), (8, &[16, 17])])].concat()
}

fn parse(file: &[u8], size: Option<[usize; 2]>) -> Result<Network> {
    Network::parse(file, Path::new(""), size)
}

/// The message and the hint of what is wrong.
fn wrong(file: &[u8], size: Option<[usize; 2]>) -> [String; 2] {
    let problem = parse(file, size).unwrap_err();
    [problem.to_string(), problem.hint()]
}

/// Flattened pictures of these extents.
fn flat(extents: &[u8]) -> Vec<u8> {
    model(&[
        (1, &node("Flatten", "x", "y")),
        (11, &port("x", extents)),
        (12, &port("y", &[0, 0])),
    ])
}

#[test]
fn what_a_file_leaves_open_or_takes_is_asked_for() {
    assert_eq!(parse(&flat(&[0, 3, 4, 5]), None).unwrap().classes(), 60);
    assert_eq!(parse(&flat(&[0, 3, 0, 0]), Some([2, 2])).unwrap().shape(), [2, 2, 3]);
    assert_eq!(parse(&flat(&[1, 4, 5, 1]), None).unwrap().shape(), [5, 1, 4]);
    assert_eq!(parse(&flat(&[1, 8, 5, 3]), None).unwrap().shape(), [8, 5, 3]);
    assert_eq!(
        wrong(&flat(&[0, 3, 0, 5]), None),
        [
            "the network takes pictures of any size: input `x` is [?, 3, ?, 5]",
            "say at which size it is to be attacked, such as `--shape 224x224`: that which it was trained at"
        ]
    );
    assert_eq!(
        wrong(&flat(&[0, 3, 4, 5]), Some([5, 5])),
        [
            "expected pictures of 5x4 pixels (width and height), since input `x` is [?, 3, 4, 5], got 5x5",
            "leave out `--shape`: the file says what the network takes"
        ]
    );
    assert_eq!(
        wrong(&flat(&[0, 9]), None),
        [
            "expected input `x` to be pictures [n, channels, height, width], got [?, 9]",
            "export a network that takes pictures as floats"
        ]
    );
}

#[test]
fn a_fixed_number_of_pictures_is_asked_in_turn() {
    // One row for all that there is: for two pictures, of twice the length.
    // Two whole numbers of eight bytes, called `to`.
    let numbers = [1_i64.to_le_bytes(), 12_i64.to_le_bytes()].concat();
    let shape = [&[8, 2, 16, 7][..], &message(&[(8, b"to"), (9, &numbers)])].concat();
    let reshape = [node("Reshape", "x", "y"), message(&[(1, b"to")])].concat();
    let file = model(&[
        (1, &reshape),
        (5, &shape),
        (11, &port("x", &[1, 3, 2, 2])),
        (12, &port("y", &[1, 12])),
    ]);
    let network = parse(&file, None).unwrap();
    assert_eq!((network.batch, network.classes()), (Some(1), 12));
    let x = pictures(3, 2, 2);
    let written = x.permute(&[0, 3, 1, 2]).reshape(&[3, 12]);
    assert_eq!(network.forward(&x).to_f32(), written.to_f32());
}

#[test]
fn logits_are_what_comes_before_a_softmax() {
    let file = model(&[
        (1, &node("Flatten", "x", "f")),
        (1, &node("Softmax", "f", "s")),
        (1, &node("Identity", "s", "y")),
        (11, &port("x", &[0, 1, 1, 2])),
        (12, &port("y", &[0, 2])),
    ]);
    let network = parse(&file, None).unwrap();
    assert_eq!(network.operators().into_keys().collect::<Vec<_>>(), ["Flatten"]);
    let x = Tensor::from_f32(&[1, 1, 2, 1], &[3.0, -7.0]);
    assert_eq!(network.forward(&x).to_f32(), [3.0, -7.0]);
}

#[test]
fn what_is_no_classifier_is_said() {
    let unknown = model(&[
        (1, &node("Loop", "x", "a")),
        (1, &node("TopK", "a", "b")),
        (1, &node("TopK", "b", "y")),
        (1, &node("NonZero", "x", "unread")),
        (11, &port("x", &[0, 3, 4, 4])),
        (12, &port("y", &[0, 2])),
    ]);
    assert_eq!(
        wrong(&unknown, None),
        [
            "the network needs operators that are not known here: Loop (1), TopK (2)",
            "export the network in evaluation mode, without what prepares pictures or looks for boxes; `onnxsim` may rewrite the rest"
        ]
    );
    let two = model(&[
        (1, &node("Flatten", "x", "y")),
        (11, &port("x", &[0, 3, 4, 4])),
        (11, &port("z", &[1])),
        (12, &port("y", &[0])),
    ]);
    assert_eq!(
        wrong(&two, None)[0],
        "expected a network with one input, pictures, got 2: `x`, `z`"
    );
    let none = model(&[(11, &port("x", &[0, 3, 4, 4]))]);
    assert_eq!(
        wrong(&none, None)[0],
        "expected a network with one output, a number for each class, got none"
    );
    let picture = model(&[
        (1, &node("Relu", "x", "y")),
        (11, &port("x", &[0, 3, 4, 4])),
        (12, &port("y", &[0])),
    ]);
    assert_eq!(
        wrong(&picture, None),
        [
            "expected output `y` to be [n, classes], got [2, 3, 4, 4] for 2 pictures",
            "export the network with its logits as the output: a number for each class"
        ]
    );
    let unfit = model(&[
        (1, &node("Gemm", "x", "y")),
        (11, &port("x", &[0, 3, 4, 4])),
        (12, &port("y", &[0])),
    ]);
    assert_eq!(
        wrong(&unfit, None),
        [
            "cannot compute Gemm `y`: input 1 is missing",
            "the file may be damaged, or made for pictures of another size"
        ]
    );
    let unmade = model(&[
        (1, &node("Relu", "z", "y")),
        (11, &port("x", &[0, 3, 4, 4])),
        (12, &port("y", &[0])),
    ]);
    assert_eq!(
        wrong(&unmade, None)[0],
        "damaged ONNX file: node `y` reads `z`, which nothing before it makes"
    );
    let old = [
        &[8, 3][..],
        &message(&[
            (
                7,
                &message(&[
                    (1, &node("Relu", "x", "y")),
                    (11, &port("x", &[0, 3, 4, 4])),
                    (12, &port("y", &[0])),
                ]),
            ),
            (8, &[16, 6]),
        ]),
    ]
    .concat();
    assert_eq!(
        wrong(&old, None),
        [
            "expected operators of version 7 or later, got version 6",
            "bring it up to date with `onnx.version_converter.convert_version(model, 17)` in Python"
        ]
    );
}

#[test]
fn other_files_are_told_from_onnx() {
    let said = |file: &[u8]| wrong(file, None)[0].clone();
    assert_eq!(
        said(b""),
        "not an ONNX file: expected a model with a graph, got an empty file"
    );
    assert_eq!(
        said(b"PK\x03\x04rest"),
        "not an ONNX file: expected a model with a graph, got a ZIP archive, as PyTorch's `.pth`"
    );
    assert_eq!(
        said(b"\x08\x08"),
        "not an ONNX file: expected a model with a graph, got a model without one"
    );
    let error = Network::read("nowhere.onnx".as_ref(), None).unwrap_err();
    assert_eq!(
        (error.to_string(), error.hint()),
        (
            "cannot read a network (entity not found): nowhere.onnx".into(),
            "check the spelling, and that you may read it (`ls -l`)".into()
        )
    );
    let cut = &file("squeezenet")[..30_000];
    assert_eq!(
        said(cut),
        "damaged ONNX file: a field that is longer than what holds it"
    );
}

#[test]
fn a_file_that_asks_for_too_much_is_refused() {
    // Twelve concatenations of a value with itself are 4,096 times as many elements; thirty are too many.
    let names: Vec<String> = (0..=30)
        .map(|i| if i == 0 { "x".into() } else { format!("v{i}") })
        .collect();
    let doubling = |pair: &[String]| {
        let inputs = [
            &message(&[(1, pair[0].as_bytes())])[..],
            &node("Concat", &pair[0], &pair[1]),
        ]
        .concat();
        // The attribute `axis` is 1.
        [
            &inputs[..],
            &message(&[(5, &[&message(&[(1, b"axis")])[..], &[24, 1, 160, 1, 2]].concat())]),
        ]
        .concat()
    };
    let mut nodes: Vec<Vec<u8>> = names.windows(2).map(doubling).collect();
    nodes.push(node("Flatten", "v30", "y"));
    let (x, y) = (port("x", &[0, 3, 4, 4]), port("y", &[0, 0]));
    let mut graph: Vec<(u8, &[u8])> = nodes.iter().map(|node| (1, &node[..])).collect();
    graph.extend([(11, &x[..]), (12, &y[..])]);
    let said = wrong(&model(&graph), None)[0].clone();
    assert!(said.ends_with("is too large"), "{said}");
}

fn small() -> impl Strategy<Value = Vec<u8>> {
    let operators = RECORD["operators"].as_array().unwrap().iter();
    let mut files: Vec<Vec<u8>> = operators
        .map(|case| STANDARD.decode(case["model"].as_str().unwrap()).unwrap())
        .collect();
    files.extend([file("squeezenet"), file("vit"), file("mobilenet_v3")]);
    prop::sample::select(files)
}

/// Whatever becomes of it: nothing panics, and nothing is computed for long.
fn look(file: &[u8]) {
    drop(parse(file, Some([32, 32])));
    // The small files have one operator and an output of any extents.
    if let Ok(mut model) = Model::parse(file) {
        let outputs: Vec<String> = model.outputs.iter().map(|port| port.name.clone()).collect();
        model.version = model.version.max(7);
        let x = Value::plain(numbers(&[2, 4, 6, 5]));
        if let Ok(graph) = Graph::load(model, outputs, file, Path::new("")) {
            drop(graph.run(vec![("x".into(), x)], &Limits::strict()));
        }
    }
}

proptest! {
    #[test]
    fn changed_files_do_no_harm(mut file in small(), changes in prop::collection::vec((any::<prop::sample::Index>(), any::<u8>()), 1..8)) {
        for (place, byte) in changes {
            let place = place.index(file.len());
            file[place] = byte;
        }
        look(&file);
    }

    #[test]
    fn shortened_files_do_no_harm(mut file in small(), length: prop::sample::Index) {
        file.truncate(length.index(file.len()));
        look(&file);
    }

    #[test]
    fn anything_behind_a_first_byte_does_no_harm(mut file in prop::collection::vec(any::<u8>(), 0..200)) {
        file.insert(0, 8);
        look(&file);
    }
}
