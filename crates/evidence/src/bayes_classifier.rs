//! `bayes_classifier`: held-out digits, told apart by which class would have made them.
use crate::Result;
use crate::cvae::CHANGES;
use crate::labelled::{Labelled, largest, share};
use crate::record::{Evidence, median, round};
use crate::training::{self, applied, order, settings};
use ganymede::data;

const SEEDS: [u64; 3] = [0, 1, 2];
/// What a picture would cost takes longer to learn than what it would look like.
const STEPS: u64 = 12_000;

pub(crate) fn evidence() -> Result<Evidence> {
    let mut evidence = Evidence::of_seeds(&SEEDS);
    data::get("mnist", &mut |line| println!("      {line}"))?;
    let test = Labelled::read("mnist:test", u64::MAX)?;
    let mut accuracies = vec![];
    for seed in SEEDS {
        let order = order("bayes_classifier", "mnist:train", CHANGES, seed, STEPS);
        let mut run = training::train(&format!("bayes_classifier-{seed}"), order)?;
        let posterior = applied(run.play(), "classify", &test.x, test.floats());
        accuracies.push(share(&largest(&posterior, 10), test.y.iter().copied()));
        evidence.settings("mnist", settings(&run)?);
    }
    evidence.figure(
        "accuracy_percent",
        accuracies.iter().map(|share| round(100.0 * share)).collect::<Vec<_>>(),
    );
    let accuracy = median(&accuracies);
    evidence.check(
        "accuracy on 10,000 held-out digits, median of 3 seeds",
        ">= 95 %",
        format!("{:.2} %", 100.0 * accuracy),
        accuracy >= 0.95,
    );
    evidence.figure = format!(
        "MNIST accuracy {:.2} % by Bayes' rule (median of 3 seeds)",
        100.0 * accuracy
    );
    Ok(evidence)
}
