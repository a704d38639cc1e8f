//! Values, first gradients and gradients of gradients of single operations are PyTorch's (`reference/ops.json`).
mod instruction_sets;
use gany_engine::{ConvOptions, DType, PadMode, Tensor, concat, evaluate, grad, select};
use serde_json::Value;

fn numbers(value: &Value) -> Vec<f64> {
    let list = value.as_array().expect("a list of numbers");
    list.iter().map(|x| x.as_f64().expect("a number")).collect()
}

fn counts(value: &Value) -> Vec<usize> {
    numbers(value).into_iter().map(|x| x as usize).collect()
}

fn array(dtype: DType, value: &Value) -> Tensor {
    Tensor::from_elements(dtype, &counts(&value["shape"]), &numbers(&value["data"]))
}

/// `(x - mean) / sqrt(variance + eps)` over some axes, then scaled and shifted where there are arguments for it.
fn normalised(inputs: &[Tensor], axes: &[usize], eps: f64) -> Tensor {
    let x = &inputs[0];
    let centred = x - x.mean_axes_kept(axes);
    let y = &centred * (centred.square().mean_axes_kept(axes) + eps).rsqrt();
    match inputs {
        [_] => y,
        [_, scale, shift] => y * scale + shift,
        _ => panic!("a normalisation of {} arguments", inputs.len()),
    }
}

fn conv_options(attributes: &Value) -> ConvOptions {
    fn per_axis(
        options: ConvOptions,
        list: &[usize],
        set: impl Fn(ConvOptions, [usize; 3], usize) -> ConvOptions,
    ) -> ConvOptions {
        let mut three = [0; 3];
        three[..list.len()].copy_from_slice(list);
        set(options, three, list.len())
    }
    macro_rules! set {
        ($options:ident, $name:ident) => {
            per_axis(
                $options,
                &counts(&attributes[stringify!($name)]),
                |options, [a, b, c], axes| match axes {
                    1 => options.$name([a]),
                    2 => options.$name([a, b]),
                    _ => options.$name([a, b, c]),
                },
            )
        };
    }
    let options = ConvOptions::new().groups(attributes["groups"].as_u64().expect("a number of groups") as usize);
    let options = set!(options, stride);
    let options = set!(options, padding);
    set!(options, dilation)
}

/// What a case computes, with our operations.
fn apply(op: &str, attributes: &Value, inputs: &[Tensor]) -> Tensor {
    let x = &inputs[0];
    let number = |name: &str| {
        attributes[name]
            .as_f64()
            .unwrap_or_else(|| panic!("{op} has no {name}"))
    };
    let count = |name: &str| number(name) as usize;
    let list = |name: &str| counts(&attributes[name]);
    let index = || {
        let rows = numbers(&attributes["indices"]);
        Tensor::from_elements(x.dtype(), &[rows.len()], &rows)
    };
    let kept = |kept: Tensor, vanished: Tensor| if attributes["keep"] == true { kept } else { vanished };
    let is_set = |name: &str| attributes[name] == true;
    match op {
        "neg" => -x,
        "abs" => x.abs(),
        "sign" => x.sign(),
        "exp" => x.exp(),
        "log" => x.log(),
        "sqrt" => x.sqrt(),
        "rsqrt" => x.rsqrt(),
        "recip" => x.recip(),
        "square" => x.square(),
        "tanh" => x.tanh(),
        "sigmoid" => x.sigmoid(),
        "softplus" => x.softplus(),
        "relu" => x.relu(),
        "sin" => x.sin(),
        "cos" => x.cos(),
        "floor" => x.floor(),
        "leaky_relu" => x.leaky_relu(number("slope")),
        "pow" => x.powf(number("exponent")),
        "add" => x + &inputs[1],
        "sub" => x - &inputs[1],
        "mul" => x * &inputs[1],
        "div" => x / &inputs[1],
        "maximum" => x.maximum(&inputs[1]),
        "minimum" => x.minimum(&inputs[1]),
        "lt" => x.lt(&inputs[1]),
        "le" => x.le(&inputs[1]),
        "eq" => x.equals(&inputs[1]),
        "select" => select(&array(x.dtype(), &attributes["condition"]), x, &inputs[1]),
        "reshape" => x.reshape(&list("shape")),
        "permute" => x.permute(&list("axes")),
        "slice" => {
            let (starts, ends, steps) = (list("starts"), list("ends"), list("steps"));
            (0..starts.len()).fold(x.clone(), |x, a| {
                x.slice_step(
                    a,
                    starts[a],
                    (ends[a] - starts[a]).div_ceil(steps[a]),
                    steps[a] as isize,
                )
            })
        }
        "flip" => list("axes").iter().fold(x.clone(), |x, &axis| x.flip(axis)),
        "concat" => concat(inputs, count("axis")),
        "pad" => {
            let mode = match attributes["mode"].as_str() {
                Some("zero") => PadMode::Zero,
                Some("reflect") => PadMode::Reflect,
                Some("replicate") => PadMode::Replicate,
                other => panic!("pad mode {other:?}"),
            };
            let pads = attributes["pads"].as_array().expect("pads").iter().map(counts);
            pads.enumerate()
                .fold(x.clone(), |x, (axis, pad)| x.pad(axis, pad[0], pad[1], mode))
        }
        "gather_rows" => x.gather(&index()),
        "scatter_add_rows" => x.scatter_add(&index(), count("rows")),
        "sum" => kept(x.sum_axes_kept(&list("axes")), x.sum_axes(&list("axes"))),
        "mean" => kept(x.mean_axes_kept(&list("axes")), x.mean_axes(&list("axes"))),
        "max" => x.max_axes(&list("axes")),
        "argmax" => x.argmax(count("axis")),
        "logsumexp" => match list("axes")[..] {
            [axis] => x.logsumexp(axis),
            _ => x.reshape(&[x.numel()]).logsumexp(0),
        },
        "softmax" => x.softmax(count("axis")),
        "log_softmax" => x.log_softmax(count("axis")),
        "matmul" => {
            let turned = |x: &Tensor, name: &str| if is_set(name) { x.transpose() } else { x.clone() };
            turned(x, "transpose_a").matmul(&turned(&inputs[1], "transpose_b"))
        }
        "conv" => x.conv(&inputs[1], &conv_options(attributes)),
        "conv_transpose" => {
            let options = conv_options(attributes);
            match list("output_padding")[..] {
                [a] => x.conv_transpose(&inputs[1], &options, [a]),
                [a, b] => x.conv_transpose(&inputs[1], &options, [a, b]),
                [a, b, c] => x.conv_transpose(&inputs[1], &options, [a, b, c]),
                _ => panic!("output padding of {attributes}"),
            }
        }
        "average_pool" => x.average_pool(count("size")),
        "upsample_nearest" => x.upsample_nearest(count("scale")),
        "resize_bilinear" => x.resize_linear(&list("size")),
        "batch_norm" => normalised(inputs, &(0..x.rank() - 1).collect::<Vec<_>>(), number("eps")),
        "instance_norm" => normalised(inputs, &(1..x.rank() - 1).collect::<Vec<_>>(), number("eps")),
        "layer_norm" => normalised(inputs, &list("axes"), number("eps")),
        "pixel_norm" => x * (x.square().mean_axes_kept(&[x.rank() - 1]) + number("eps")).rsqrt(),
        _ => panic!("ops.json has an operation `{op}` that this test does not know"),
    }
}

fn check(dtype: DType, tolerance: f64) {
    let path = concat!(env!("CARGO_MANIFEST_DIR"), "/../../reference/ops.json");
    let file: Value = serde_json::from_str(&std::fs::read_to_string(path).expect("ops.json is there")).expect("JSON");
    let cases = file["cases"].as_array().expect("cases");
    assert!(cases.len() > 100, "only {} cases", cases.len());
    for (number, case) in cases.iter().enumerate() {
        let op = case["op"].as_str().expect("a name");
        let list = |name: &str| case[name].as_array().map(|list| &list[..]).unwrap_or_default();
        let inputs: Vec<Tensor> = list("inputs").iter().map(|x| array(dtype, x)).collect();
        let wrt: Vec<&Tensor> = inputs.iter().collect();
        let output = apply(op, &case["attributes"], &inputs).reshape(&counts(&case["output"]["shape"]));
        let mut results = vec![("value", output.clone(), &case["output"])];
        if !list("gradients").is_empty() {
            let gradients = grad(&(&output * array(dtype, &case["cotangent"])).sum(), &wrt);
            if !list("second").is_empty() {
                let squares = gradients.iter().map(|g| g.square().sum()).reduce(|a, b| a + b);
                let second = grad(&squares.expect("an input"), &wrt);
                results.extend(
                    second
                        .into_iter()
                        .zip(list("second"))
                        .map(|(x, wanted)| ("second", x, wanted)),
                );
            }
            results.extend(
                gradients
                    .into_iter()
                    .zip(list("gradients"))
                    .map(|(x, wanted)| ("gradient", x, wanted)),
            );
        }
        evaluate(&results.iter().map(|(_, x, _)| x).collect::<Vec<_>>());
        for (what, result, wanted) in &results {
            assert_eq!(
                result.shape(),
                counts(&wanted["shape"]),
                "case {number}, {op}: shape of the {what}"
            );
            for (i, (x, wanted)) in result.to_f64().into_iter().zip(numbers(&wanted["data"])).enumerate() {
                let apart = (x - wanted).abs() / (1.0 + wanted.abs());
                assert!(
                    apart <= tolerance,
                    "case {number}, {op}: {what} {i} is {x}, PyTorch says {wanted}"
                );
            }
        }
    }
}

#[test]
fn in_f64() {
    check(DType::F64, 1e-9);
}

#[test]
fn in_f32() {
    check(DType::F32, 1e-4);
}

#[test]
fn on_every_instruction_set() {
    instruction_sets::run_the_others();
}
