//! What the tests of the blocks share: PyTorch's values, comparison, finite differences.
use crate::nn::{Layer, Scope};
use gany_engine::{DType, Tensor, evaluate, grad};
use serde_json::Value;
use std::sync::LazyLock;

/// The file that `reference/blocks.py` writes.
pub(crate) static BLOCKS: LazyLock<Value> = LazyLock::new(|| {
    let text = include_str!("../../../reference/blocks.json");
    serde_json::from_str(text).expect("blocks.json is JSON")
});

fn numbers(value: &Value) -> Vec<f64> {
    let numbers = value.as_array().expect("an array of numbers").iter();
    numbers.map(|x| x.as_f64().expect("a number")).collect()
}

/// An array of the file.
pub(crate) fn stored(dtype: DType, value: &Value) -> Tensor {
    let shape: Vec<usize> = numbers(&value["shape"]).iter().map(|&x| x as usize).collect();
    Tensor::from_elements(dtype, &shape, &numbers(&value["data"]))
}

/// Asserts that a tensor's elements are these, within `tolerance` times the larger of 1 and their size.
#[track_caller]
pub(crate) fn assert_close(what: &str, got: &Tensor, expected: &[f64], tolerance: f64) {
    let got = got.to_f64();
    assert_eq!(got.len(), expected.len(), "{what}: number of elements");
    for (i, (got, expected)) in got.iter().zip(expected).enumerate() {
        let off = (got - expected).abs() / expected.abs().max(1.0);
        assert!(off <= tolerance, "{what}: element {i} is {got}, expected {expected}");
    }
}

#[track_caller]
pub(crate) fn assert_stored(what: &str, got: &Tensor, expected: &Value, tolerance: f64) {
    let expected = stored(DType::F64, expected);
    assert_eq!(got.shape(), expected.shape(), "{what}: shape");
    assert_close(what, got, &expected.to_f64(), tolerance);
}

/// Binds every parameter of a scope to the file's array of its name.
#[track_caller]
pub(crate) fn bind(scope: &Scope, parameters: &Value) {
    let declared = scope.parameters();
    let trainable: Vec<_> = declared.iter().filter(|p| p.is_trainable()).collect();
    let count = parameters.as_object().expect("parameters by name").len();
    assert_eq!(trainable.len(), count, "number of parameters");
    for parameter in trainable {
        parameter.set(stored(scope.dtype(), &parameters[parameter.name()]));
    }
}

/// Asserts value and gradients of a layer against the file, in both precisions.
#[track_caller]
pub(crate) fn assert_layer<L: Layer>(name: &str, declare: impl Fn(&Scope) -> L) {
    let case = &BLOCKS["layers"][name];
    assert!(case.is_object(), "no layer {name} in blocks.json");
    for (dtype, tolerance) in [(DType::F64, 1e-10), (DType::F32, 2e-4)] {
        let scope = Scope::new(dtype, 0);
        let layer = declare(&scope);
        bind(&scope, &case["parameters"]);
        let buffers: Vec<_> = scope.parameters().into_iter().filter(|p| !p.is_trainable()).collect();
        for buffer in buffers.iter().filter(|b| case["buffers"].get(b.name()).is_some()) {
            buffer.set(stored(dtype, &case["buffers"][buffer.name()]));
        }
        let x = stored(dtype, &case["x"]);
        let y = layer.forward(&x);
        assert_stored(&format!("{name}: output"), &y, &case["output"], tolerance);
        for buffer in buffers.iter().filter(|b| case["buffers_after"].get(b.name()).is_some()) {
            assert_stored(
                buffer.name(),
                &buffer.get(),
                &case["buffers_after"][buffer.name()],
                tolerance,
            );
        }
        let parameters: Vec<_> = scope.parameters().into_iter().filter(|p| p.is_trainable()).collect();
        let values: Vec<Tensor> = parameters.iter().map(|p| p.get()).collect();
        let mut wrt: Vec<(&str, &Tensor)> = parameters.iter().map(|p| p.name()).zip(&values).collect();
        if case["gradients"]["x"].is_object() {
            wrt.push(("x", &x));
        }
        let loss = (y * stored(dtype, &case["cotangent"])).sum();
        let gradients = grad(&loss, &wrt.iter().map(|(_, value)| *value).collect::<Vec<_>>());
        evaluate(&gradients.iter().collect::<Vec<_>>());
        for ((wrt, _), gradient) in wrt.iter().zip(&gradients) {
            let what = format!("{name}: gradient of {wrt} in {dtype:?}");
            assert_stored(&what, gradient, &case["gradients"][wrt], tolerance);
        }
    }
}

/// The gradient of a scalar function by central differences; f64 only.
pub(crate) fn central_differences(f: impl Fn(&Tensor) -> Tensor, at: &Tensor, step: f64) -> Vec<f64> {
    let elements = at.to_f64();
    let value = |i: usize, change: f64| {
        let mut moved = elements.clone();
        moved[i] += change;
        f(&Tensor::from_f64(at.shape(), &moved)).to_f64()[0]
    };
    (0..elements.len())
        .map(|i| (value(i, step) - value(i, -step)) / (2.0 * step))
        .collect()
}
