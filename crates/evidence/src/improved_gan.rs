//! `improved_gan`: modes of the grid with and without minibatch discrimination; digits learned of a hundred labels.
use crate::Result;
use crate::grid::{self, Covered, SEEDS};
use crate::record::{Evidence, median, picture, round};
use crate::training::{self, Changes, order, samples, settings};
use ganymede::data::{self, Dataset};
use ganymede::run::Training;
use serde_json::json;

/// In smaller batches than other systems of the grid: nearness to all others of a batch is a sum over it, and the work its square.
const TOY: Changes = &[
    ("batch", "64"),
    ("reference_batch", "0"),
    ("real_target", "1"),
    ("average_decay", "0.999"),
    ("generator.learning_rate", "5e-4"),
    ("discriminator.learning_rate", "2e-4"),
];
const TOY_STEPS: u64 = 10_000;

/// Narrower than the paper's, for two processor cores. Noise is of pictures between -1 and 1, twice the paper's of 0 to 1.
const DIGITS: Changes = &[
    ("networks", "dense"),
    ("width", "500"),
    ("kernels", "0"),
    ("feature_matching", "true"),
    ("real_target", "1"),
    ("reference_batch", "100"),
    ("noise", "0.6"),
    ("hidden_noise", "0.5"),
    ("average_decay", "0.9995"),
    ("generator.learning_rate", "3e-3"),
    ("discriminator.learning_rate", "3e-3"),
];
const DIGITS_STEPS: u64 = 30_000;

pub(crate) fn evidence() -> Result<Evidence> {
    let mut evidence = Evidence::of_seeds(&SEEDS);
    let modes = modes(&mut evidence)?;
    let digits = digits(&mut evidence)?;
    evidence.figure = format!("{modes}; {digits}");
    Ok(evidence)
}

fn modes(evidence: &mut Evidence) -> Result<String> {
    let mut medians = vec![];
    for (name, kernels) in [("improved_gan-plain", "0"), ("improved_gan-minibatch", "4")] {
        let changes = [TOY, &[("kernels", kernels)]].concat();
        let runs: Vec<Covered> = SEEDS
            .iter()
            .map(|seed| Ok(grid::train(evidence, "improved_gan", name, &changes, *seed, TOY_STEPS)?.0))
            .collect::<Result<_>>()?;
        evidence.figure(name, grid::rows(&runs));
        medians.push(median(&runs.iter().map(|run| run.fairly as f64).collect::<Vec<_>>()));
    }
    let [plain, minibatch] = [medians[0], medians[1]];
    evidence.check(
        "modes fairly covered with minibatch discrimination, medians of 3 seeds",
        "more than without",
        format!("{minibatch} of 25, {plain} without"),
        minibatch > plain,
    );
    Ok(format!(
        "{minibatch} of 25 modes of the grid fairly covered with minibatch discrimination, {plain} without"
    ))
}

/// The share of held-out digits that a discriminator calls wrong which has seen ten labels of each.
fn digits(evidence: &mut Evidence) -> Result<String> {
    data::get("mnist", &mut |line| println!("      {line}"))?;
    let held_out = data::open("mnist:test", &Default::default())?;
    let mut errors = vec![];
    for seed in SEEDS {
        let order = order(
            "improved_gan",
            "unpaired:each:10:mnist,mnist",
            DIGITS,
            seed,
            DIGITS_STEPS,
        );
        let mut run = training::train(&format!("improved_gan-digits-{seed}"), order)?;
        evidence.settings("digits", settings(&run)?);
        errors.push(error(&mut run, &*held_out)?);
        println!("      error {:.2} %", 100.0 * errors[errors.len() - 1]);
        if seed == 0 {
            let x = samples(run.play(), 64);
            training::grid(&run, &x, 8, &picture("improved_gan-digits")?)?;
        }
    }
    evidence.figure(
        "digits.error_by_seed",
        json!(errors.iter().map(|e| round(*e)).collect::<Vec<_>>()),
    );
    let error = median(&errors);
    evidence.check(
        "error on MNIST's test digits with 100 labels, median of 3 seeds",
        "< 3 %",
        format!("{:.2} %", 100.0 * error),
        error < 0.03,
    );
    Ok(format!(
        "{:.2} % of held-out digits wrong with 100 labels",
        100.0 * error
    ))
}

fn error(run: &mut Training, held_out: &dyn Dataset) -> Result<f64> {
    const AT_ONCE: u64 = 500;
    let mut wrong = 0;
    let count = held_out.len().unwrap_or(0);
    for first in (0..count).step_by(AT_ONCE as usize) {
        let (mut x, mut y) = (vec![], vec![]);
        for index in first..first + AT_ONCE {
            let (picture, class) = held_out.example(index)?;
            x.extend(picture);
            y.push(class as usize);
        }
        let logits = run.play().apply("classify", &x);
        let largest = |row: &[f32]| (0..row.len()).max_by(|a, b| row[*a].total_cmp(&row[*b]));
        let called = logits.chunks_exact(logits.len() / y.len()).map(largest);
        wrong += called.zip(y).filter(|(called, y)| *called != Some(*y)).count();
    }
    Ok(wrong as f64 / count as f64)
}
