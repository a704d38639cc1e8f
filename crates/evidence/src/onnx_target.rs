//! Classifiers out of ONNX files, beside ONNX Runtime and PyTorch (`reference/onnx_networks.py`), and attacked; EfficientNet-Lite0 with its
//! real weights as ONNX, beside the project's own import of these weights.
use crate::Result;
use crate::attacks::{Changes, Ground, draw, median_of, run};
use crate::record::{Evidence, root};
use gany_engine::{Tensor, grad};
use ganymede::attacks::{Brought, Norm, Outcome, Target};
use ganymede::onnx::Network;
use serde_json::{Value, json};
use std::path::PathBuf;
use std::process::Command;

/// Classes of the networks in `reference/onnx`.
const CLASSES: usize = 10;

const PGD: Changes = &[("epsilon", "0.03137254901960784"), ("steps", "20")];

/// What attacks on EfficientNet-Lite0 are held against.
const SMALL_PGD: Changes = &[("epsilon", "0.00196078431372549"), ("step", "0.2"), ("steps", "10")];

pub(crate) fn evidence() -> Result<Evidence> {
    let mut evidence = Evidence::of_seeds(&[0]);
    evidence.settings("pgd", json!(PGD));
    evidence.settings("pgd on EfficientNet-Lite0", json!(SMALL_PGD));
    let worst = networks(&mut evidence)?;
    let lite0 = lite0(&mut evidence)?;
    evidence.figure = format!(
        "logits of {} networks within {worst:.1e} of ONNX Runtime's; EfficientNet-Lite0 within {lite0:.1e} of its own import",
        record()?["networks"].as_array().map_or(0, Vec::len)
    );
    Ok(evidence)
}

fn record() -> Result<Value> {
    Ok(serde_json::from_str(&std::fs::read_to_string(
        root().join("reference/onnx.json"),
    )?)?)
}

fn file(name: &str) -> PathBuf {
    root().join(format!("reference/onnx/{name}.onnx"))
}

fn numbers(value: &Value) -> Vec<f64> {
    value
        .as_array()
        .into_iter()
        .flatten()
        .filter_map(Value::as_f64)
        .collect()
}

/// The script's two pictures, `[2, h, w, 3]` in [0, 1].
fn pictures([height, width, channels]: [usize; 3]) -> Tensor {
    let byte = |at: usize| {
        let (c, x, y) = (at % channels, at / channels % width, at / channels / width % height);
        let i = at / channels / width / height;
        (i * 37 + y * 3 + x * 5 + c * 71 + x * y / 16) % 256
    };
    let count = 2 * height * width * channels;
    let numbers: Vec<f32> = (0..count).map(|at| byte(at) as f32 / 255.0).collect();
    Tensor::from_f32(&[2, height, width, channels], &numbers)
}

/// The largest difference, as a share of a size.
fn difference(ours: &[f64], theirs: &[f64], size: f64) -> Result<f64> {
    if ours.len() != theirs.len() {
        return Err(format!("{} numbers beside {}", ours.len(), theirs.len()).into());
    }
    let differences = ours.iter().zip(theirs).map(|(a, b)| (a - b).abs());
    Ok(differences.fold(0.0, f64::max) / size)
}

fn largest(numbers: &[f64]) -> f64 {
    numbers.iter().fold(0.0, |most, x| x.abs().max(most))
}

/// Every network beside the runtimes, and attacked on twenty photographs; the largest difference of logits.
fn networks(evidence: &mut Evidence) -> Result<f64> {
    let record = record()?;
    let stride = record["stride"].as_u64().ok_or("no stride in the record")? as usize;
    let (mut worst, mut worst_gradient, mut fooled, mut of) = (0.0_f64, 0.0_f64, 0, 0);
    for case in record["networks"].as_array().ok_or("no networks in the record")? {
        let name = case["name"].as_str().ok_or("a network without a name")?;
        let network = Network::read(&file(name), None)?;
        let x = pictures(network.shape());
        let logits = network.forward(&x);
        let expected = numbers(&case["logits"]);
        let off = difference(&logits.to_f64(), &expected, largest(&expected))?;
        let cotangent = |at: usize| (((at / CLASSES * 3 + at % CLASSES * 7) % 10) as f32 - 4.5) / 10.0;
        let cotangent: Vec<f32> = (0..2 * CLASSES).map(cotangent).collect();
        let loss = (logits * Tensor::from_f32(&[2, CLASSES], &cotangent)).sum();
        let gradient = grad(&loss, &[&x]).remove(0).to_f64();
        let some: Vec<f64> = gradient.into_iter().step_by(stride).collect();
        let size = case["largest_gradient"]
            .as_f64()
            .ok_or("a network without a gradient")?;
        let gradient_off = difference(&some, &numbers(&case["gradient"]), size)?;
        let ground = Ground::of(target(name)?)?;
        let (outcomes, _, _) = run("pgd", PGD, &ground, &ground.task())?;
        let count = is_fooled(&outcomes);
        evidence.figure(
            name,
            json!({
                "exporter": case["exporter"], "opset": case["opset"], "shape": case["shape"], "operators": network.operators(),
                "logits_off": off, "gradient_off": gradient_off, "fooled": count, "of": outcomes.len(),
            }),
        );
        (worst, worst_gradient) = (worst.max(off), worst_gradient.max(gradient_off));
        (fooled, of) = (fooled + count, of + outcomes.len());
    }
    evidence.figure("versions", record["versions"].clone());
    let as_text = |off: f64| format!("{off:.1e}");
    evidence.check(
        "logits beside ONNX Runtime's, of the largest",
        "<= 1e-4",
        as_text(worst),
        worst <= 1e-4,
    );
    evidence.check(
        "gradients beside PyTorch's, of the largest",
        "<= 1e-3",
        as_text(worst_gradient),
        worst_gradient <= 1e-3,
    );
    let share = fooled as f64 / of as f64;
    evidence.check(
        "photographs that pgd 8/255 makes them see as something else",
        ">= 90 %",
        format!("{fooled} of {of}"),
        share >= 0.9,
    );
    Ok(worst)
}

fn is_fooled(outcomes: &[Outcome]) -> usize {
    outcomes.iter().filter(|outcome| outcome.is_fooled).count()
}

fn target(name: &str) -> Result<Target> {
    let brought = Brought {
        normalisation: Some("none".parse()?),
        ..Brought::default()
    };
    Ok(Target::of_onnx(&file(name), &brought)?)
}

/// The real network by both ways, on twenty photographs: its logits, and what an attack makes of them. `PEER_PYTHON` names a Python that
/// has what the script needs.
fn lite0(evidence: &mut Evidence) -> Result<f64> {
    let python =
        std::env::var("PEER_PYTHON").map_err(|_| "PEER_PYTHON has to name a Python with torch and torchvision")?;
    let ours = Ground::imagenet()?;
    let weights = ganymede::data::get::cache_folder()?.join("data/effnet-lite0/efficientnet-lite0-57934424.pth");
    let exported = root().join("target/evidence/effnet-lite0.onnx");
    std::fs::create_dir_all(exported.with_file_name(""))?;
    let script = root().join("reference/onnx_networks.py");
    let status = Command::new(python)
        .arg(script)
        .arg("--lite0")
        .args([&weights, &exported])
        .status()?;
    if !status.success() {
        return Err("the script could not write the network".into());
    }
    let brought = Brought {
        normalisation: Some("lite".parse()?),
        ..Brought::default()
    };
    let theirs = Ground::of(Target::of_onnx(&exported, &brought)?)?;
    let logits = |ground: &Ground| -> Vec<f64> {
        let logits = ground.target.judge(20).logits(&ground.pictures);
        logits.into_iter().map(f64::from).collect()
    };
    let (own, onnx) = (logits(&ours), logits(&theirs));
    let off = difference(&onnx, &own, largest(&own))?;
    evidence.figure("effnet-lite0.logits_off", off);
    evidence.check(
        "EfficientNet-Lite0's logits beside its own import, of the largest",
        "<= 1e-4",
        format!("{off:.1e}"),
        off <= 1e-4,
    );
    let mut both = vec![];
    for ground in [&ours, &theirs] {
        let (outcomes, pictures, seconds) = run("pgd", SMALL_PGD, ground, &ground.task())?;
        both.push((is_fooled(&outcomes), median_of(&outcomes, Norm::L2), pictures, seconds));
    }
    let [own, onnx] = &both[..] else {
        unreachable!("two grounds")
    };
    evidence.figure(
        "effnet-lite0.pgd",
        json!({"own": {"fooled": own.0, "median_l2": own.1, "seconds": own.3}, "onnx": {"fooled": onnx.0, "median_l2": onnx.1, "seconds": onnx.3}}),
    );
    evidence.check(
        "pgd 0.5/255 on EfficientNet-Lite0, as ONNX",
        &format!("{} of 20, median l2 {:.4} +-1 %", own.0, own.1),
        format!("{} of 20, {:.4}", onnx.0, onnx.1),
        own.0 == onnx.0 && (onnx.1 / own.1 - 1.0).abs() <= 0.01,
    );
    draw("onnx_target", &theirs, &onnx.2)?;
    Ok(off)
}
