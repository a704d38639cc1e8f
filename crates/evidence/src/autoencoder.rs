//! `autoencoder`: Fashion-MNIST through a bottleneck, against the best linear one of the same rank.
use crate::Result;
use crate::labelled::{Labelled, square_error};
use crate::record::{Evidence, median, picture, round};
use crate::training::{self, Changes, applied, grid, order, settings};
use ganymede::data;
use ganymede::metrics::PrincipalComponents;
use serde_json::json;

const SEEDS: [u64; 3] = [0, 1, 2];
const RANK: usize = 30;
const STEPS: u64 = 2_000;
const FLOATS: usize = 784;

/// Narrower than the paper's 1000 units, for two processor cores.
const DENSE: [(&str, &str); 2] = [("networks", "dense"), ("width", "256")];
const CONVOLUTIONAL: [(&str, &str); 2] = [("networks", "convolutional"), ("width", "16")];

pub(crate) fn evidence() -> Result<Evidence> {
    let mut evidence = Evidence::of_seeds(&SEEDS);
    data::get("fashion-mnist", &mut |line| println!("      {line}"))?;
    let train = Labelled::read("fashion-mnist:train", u64::MAX)?;
    let test = Labelled::read("fashion-mnist:test", u64::MAX)?;
    let linear = PrincipalComponents::of(&train.x, FLOATS, RANK).reconstruct(&test.x);
    let linear = square_error(&linear, &test.x);
    evidence.figure("mse.principal_components", round_fine(linear));
    let mut said = vec![];
    for (name, networks, claim) in [
        ("dense", DENSE, "test MSE of the dense one / of PCA, median"),
        (
            "convolutional",
            CONVOLUTIONAL,
            "test MSE of the convolutional one / of PCA, median",
        ),
    ] {
        let mut errors = vec![];
        for seed in SEEDS {
            errors.push(error(&mut evidence, name, &networks, "gaussian", &test, seed)?);
        }
        let cross_entropy = error(&mut evidence, name, &networks, "bernoulli", &test, SEEDS[0])?;
        let rows: Vec<f64> = errors.iter().copied().map(round_fine).collect();
        evidence.figure(
            &format!("mse.{name}"),
            json!({"trained_by_mse": rows, "trained_by_bce": round_fine(cross_entropy)}),
        );
        let ratio = median(&errors) / linear;
        evidence.check(
            claim,
            "< 1",
            format!("{:.5} / {linear:.5} = {ratio:.3}", median(&errors)),
            ratio < 1.0,
        );
        said.push(format!("{name} {ratio:.2}"));
    }
    evidence.figure = format!(
        "test MSE on Fashion-MNIST over that of PCA, {RANK} numbers each: {} (medians of 3 seeds)",
        said.join(", ")
    );
    Ok(evidence)
}

/// The mean square error of held-out pixels.
fn error(
    evidence: &mut Evidence,
    name: &str,
    networks: Changes,
    likelihood: &str,
    test: &Labelled,
    seed: u64,
) -> Result<f64> {
    let changes = [networks, &[("likelihood", likelihood)]].concat();
    let order = order("autoencoder", "fashion-mnist:train", &changes, seed, STEPS);
    let mut run = training::train(&format!("autoencoder-{name}-{likelihood}-{seed}"), order)?;
    let there = applied(run.play(), "reconstruct", &test.x, FLOATS);
    if seed == 0 && likelihood == "gaussian" {
        evidence.settings(name, settings(&run)?);
        // In pairs of rows: pictures, and what comes back.
        let rows = [&test.x, &there, &test.x, &there].into_iter().enumerate();
        let shown: Vec<f32> = rows
            .flat_map(|(row, x)| x[row / 2 * 10 * FLOATS..][..10 * FLOATS].to_vec())
            .collect();
        grid(&run, &shown, 10, &picture(&format!("autoencoder-{name}"))?)?;
    }
    Ok(square_error(&there, &test.x))
}

fn round_fine(number: f64) -> f64 {
    round(number * 1e2) / 1e2
}
