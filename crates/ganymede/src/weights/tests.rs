use super::*;
use proptest::prelude::*;
use serde_json::Value;

fn fixture(name: &str) -> Vec<u8> {
    let path = format!("{}/../../reference/weights/{name}", env!("CARGO_MANIFEST_DIR"));
    fs::read(path).unwrap()
}

fn parsed(name: &str) -> std::result::Result<Weights, Problem> {
    Weights::parse(fixture(name), name.as_ref())
}

fn message(file: &[u8]) -> String {
    Weights::parse(file.to_vec(), "a.pth".as_ref()).err().unwrap().to_string()
}

fn dtype(name: &str) -> DType {
    match name {
        "float64" => DType::F64,
        "float32" => DType::F32,
        "float16" => DType::F16,
        "bfloat16" => DType::BF16,
        "int64" => DType::I64,
        "int32" => DType::I32,
        "int16" => DType::I16,
        "int8" => DType::I8,
        "uint8" => DType::U8,
        "bool" => DType::Bool,
        _ => panic!("no type {name}"),
    }
}

#[test]
fn files_of_pytorch_numpy_and_safetensors_are_read() {
    let expected: Value = serde_json::from_slice(&fixture("tensors.json")).unwrap();
    for (name, what) in [
        ("zip.pth", "tensors"),
        ("legacy.pth", "tensors"),
        ("plain.safetensors", "tensors"),
        ("arrays-2.pkl", "arrays"),
        ("arrays-3.pkl", "arrays"),
        ("arrays-4.pkl", "arrays"),
        ("arrays-5.pkl", "arrays"),
    ] {
        let weights = parsed(name).unwrap();
        let expected = expected[what].as_object().unwrap();
        assert_eq!(weights.names().count(), expected.len(), "{name}");
        for (tensor, expected) in expected {
            let shape: Vec<usize> = serde_json::from_value(expected["shape"].clone()).unwrap();
            let values = weights.f32(tensor, &shape).unwrap();
            let number = |x: &Value| x.as_f64().map_or_else(|| x.as_str().unwrap().parse().unwrap(), |x| x as f32);
            let numbers: Vec<f32> = expected["data"].as_array().unwrap().iter().map(number).collect();
            assert_eq!(values, numbers, "{name}: {tensor}");
            let kind = dtype(expected["type"].as_str().unwrap());
            assert_eq!(weights.dtype(tensor), Some(kind), "{name}: {tensor}");
        }
    }
}

#[test]
fn modules_and_programs_are_refused() {
    assert_eq!(
        parsed("module.pth").err().unwrap().to_string(),
        "refused to read weights: expected plain tensors, got a pickle that asks for `torch.nn.modules.linear.Linear`"
    );
    assert!(matches!(parsed("script.pt"), Err(Problem::TorchScript)));
}

#[test]
fn other_files_are_told_apart() {
    for (file, got) in [
        (b"".as_slice(), "an empty file"),
        (b"\x89HDF\r\n\x1a\n", "an HDF5 file"),
        (b"(dp0\n.", "something else (or a pickle of protocol 0 or 1)"),
        (b"hello", "something else"),
    ] {
        assert!(message(file).ends_with(&format!("got {got}")), "{}", message(file));
    }
    assert!(message(b"PK\x03\x04").starts_with("damaged weights: not a whole ZIP archive ("));
    let error = Weights::read("no/such.pth".as_ref()).err().unwrap();
    assert_eq!(error.to_string(), "cannot read weights (entity not found): no/such.pth");
}

#[test]
fn what_is_asked_for_must_be_there() {
    let weights = parsed("zip.pth").unwrap();
    let error = |name: &str, shape: &[usize]| weights.f32(name, shape).unwrap_err();
    assert_eq!(error("transposed", &[4, 6]).to_string(), "tensor `transposed`: expected shape [4, 6], got [6, 4]: zip.pth");
    let missing = error("model.0.weights", &[2, 3]);
    assert_eq!(missing.to_string(), "no tensor `model.0.weights` in these weights: zip.pth");
    assert!(missing.hint().contains("`model.0.weight`"), "{}", missing.hint());
    // SHA-256 of nothing would begin with e3b0c442.
    assert_eq!(weights.digest(), hex(&Sha256::digest(fixture("zip.pth"))));
}

#[test]
fn a_storage_that_is_cut_short_is_damage() {
    let mut legacy = fixture("legacy.pth");
    legacy.truncate(legacy.len() - 1);
    assert!(message(&legacy).contains("is cut short"), "{}", message(&legacy));
    let mut zip = fixture("zip.pth");
    // A longer storage than the archive has: the pickle's count of elements of the first tensor.
    let count = zip.windows(4).position(|four| four == b"q\x0bK\x06").map(|at| at + 3);
    if let Some(at) = count {
        zip[at] = 200;
        assert!(message(&zip).contains("shorter than its tensors say"), "{}", message(&zip));
    }
}

#[test]
fn shared_containers_do_not_multiply() {
    // A list of 0 that is put twice into a list, sixty times over: 2^60 ways to the same number, one list each.
    let mut pickle = b"\x80\x02]q\x00".to_vec();
    for place in 0..60 {
        pickle.extend([b']', b'q', place + 1, b'(', b'h', place, b'h', place, b'e']);
    }
    pickle.push(b'.');
    assert_eq!(
        message(&pickle),
        "refused to read weights: expected at most 16 containers within one another"
    );
    pickle.drain(5 + 9 * 15..pickle.len() - 1);
    assert_eq!(Weights::parse(pickle, "a".as_ref()).unwrap().names().count(), 0);
}

/// Files to change a little.
fn valid() -> impl Strategy<Value = Vec<u8>> {
    prop::sample::select(vec!["zip.pth", "legacy.pth", "plain.safetensors", "arrays-2.pkl", "arrays-5.pkl"]).prop_map(fixture)
}

/// Reads every tensor of what can be read.
fn read_all(file: Vec<u8>) {
    let Ok(weights) = Weights::parse(file, "fuzz".as_ref()) else {
        return;
    };
    for name in weights.names() {
        let shape = weights.shape(name).unwrap();
        assert_eq!(weights.f32(name, shape).unwrap().len(), shape.iter().product::<usize>());
    }
}

proptest! {
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

    #[test]
    fn anything_behind_a_first_byte_does_no_harm(mut file in prop::collection::vec(any::<u8>(), 0..200)) {
        file.splice(0..0, [0x80, 2]);
        read_all(file);
    }
}
