//! `tabular`: biopsies that nobody had: what a classifier learns from them, how near they are to real ones, and what a private
//! training costs.
use crate::Result;
use crate::labelled::probe;
use crate::record::{Evidence, median, picture, round};
use crate::tables::Rows;
use crate::training::{self, Changes, curve, order, samples, scatter, settings};
use ganymede::data;
use serde_json::json;

const SEEDS: [u64; 3] = [0, 1, 2];
const TABLE: &str = "breast-cancer";
const STEPS: u64 = 5_000;
/// Narrower than the paper's and with a smaller batch, for a share of two processor cores, and with longer steps.
const CHANGES: Changes = &[
    ("batch", "100"),
    ("width", "128"),
    ("z_dim", "64"),
    ("generator.learning_rate", "5e-4"),
    ("critic.learning_rate", "5e-4"),
];
const PRIVATE_STEPS: u64 = 1_000;
/// The whole table is a batch, of which a move takes a tenth.
const PRIVATE: Changes = &[
    ("batch", "455"),
    ("packed", "1"),
    ("width", "64"),
    ("z_dim", "32"),
    ("privacy.noise", "1.5"),
    ("privacy.rate", "0.1"),
    ("privacy.delta", "1e-3"),
    ("generator.learning_rate", "5e-4"),
    ("critic.learning_rate", "1e-3"),
];

pub(crate) fn evidence() -> Result<Evidence> {
    let mut evidence = Evidence::of_seeds(&SEEDS);
    data::get(TABLE, &mut |line| println!("      {line}"))?;
    let (train, columns) = Rows::read(&format!("{TABLE}:train"))?;
    let (test, _) = Rows::read(&format!("{TABLE}:test"))?;
    let taught = |rows: &Rows| {
        let [rows, test] = [rows, &test].map(|rows| rows.standardised(&train));
        probe((&rows.x, &rows.y), (&test.x, &test.y), 2)
    };
    let near = |rows: &Rows| rows.standardised(&train).distances(&train.standardised(&train));
    let commonest = test.y.iter().filter(|y| **y == 1).count() as f64 / test.y.len() as f64;
    let (real, independent) = (taught(&train), taught(&train.independently(7)));
    let held_out = median(&near(&test));
    let [mut accuracy, mut distance] = [vec![], vec![]];
    let mut copies: Vec<usize> = vec![];
    for seed in SEEDS {
        let spec = format!("{TABLE}:train");
        let mut run = training::train(
            &format!("tabular-{seed}"),
            order("tabular", &spec, CHANGES, seed, STEPS),
        )?;
        let made = Rows::decoded(&columns, &samples(run.play(), train.y.len()));
        let distances = near(&made);
        accuracy.push(taught(&made));
        distance.push(median(&distances) / held_out);
        copies.push(distances.iter().filter(|distance| **distance < 1e-3).count());
        println!(
            "      accuracy {:.3}, distance {:.2}",
            accuracy[accuracy.len() - 1],
            distance[distance.len() - 1]
        );
        evidence.settings("tabular", settings(&run)?);
        if seed == 0 {
            scatter(&mut run, &picture("tabular")?)?;
        }
    }
    let [mut private, mut epsilons, mut private_distance] = [vec![], vec![], vec![]];
    for seed in SEEDS {
        let spec = format!("{TABLE}:train");
        let order = order("tabular", &spec, PRIVATE, seed, PRIVATE_STEPS);
        let mut run = training::train(&format!("tabular-private-{seed}"), order)?;
        let made = Rows::decoded(&columns, &samples(run.play(), train.y.len()));
        private.push(taught(&made));
        private_distance.push(median(&near(&made)) / held_out);
        epsilons.push(curve(&run, "epsilon")?.last().map_or(f64::NAN, |(_, epsilon)| *epsilon));
        println!(
            "      private: accuracy {:.3}, epsilon {:.2}",
            private[private.len() - 1],
            epsilons[epsilons.len() - 1]
        );
        evidence.settings("private", settings(&run)?);
    }
    let list = |numbers: &[f64]| json!(numbers.iter().map(|number| round(*number)).collect::<Vec<_>>());
    evidence.figure("accuracy.trained_on_made", list(&accuracy));
    evidence.figure("accuracy.trained_on_real", round(real));
    evidence.figure("accuracy.trained_on_independent_columns", round(independent));
    evidence.figure("accuracy.commonest_class", round(commonest));
    evidence.figure("nearest_record.made_over_held_out", list(&distance));
    evidence.figure("nearest_record.held_out", round(held_out));
    evidence.figure("copies", json!(copies));
    evidence.figure("private.accuracy", list(&private));
    evidence.figure("private.epsilon", list(&epsilons));
    evidence.figure("private.delta", 1e-3);
    evidence.figure("private.nearest_record", list(&private_distance));
    let [accuracy, distance, private] = [&accuracy, &distance, &private].map(|numbers| median(numbers));
    let epsilon = epsilons[0];
    evidence.check(
        "accuracy on held-out real rows of a classifier taught by made ones, median of 3 seeds",
        &format!(">= {:.3}, that of real ones less 0.05", real - 0.05),
        format!("{accuracy:.3}"),
        accuracy >= real - 0.05,
    );
    evidence.check(
        "distance of made rows to the nearest training row over that of held-out rows, median of 3 seeds",
        ">= 0.8",
        format!("{distance:.2}"),
        distance >= 0.8,
    );
    evidence.check(
        "made rows that are a training row, of 3 seeds",
        "0",
        copies.iter().sum::<usize>().to_string(),
        copies.iter().all(|copies| *copies == 0),
    );
    evidence.check(
        "accuracy likewise of a private training, median of 3 seeds",
        &format!("> {commonest:.3}, the commonest class"),
        format!("{private:.3} at epsilon {epsilon:.2}, delta 0.001"),
        private > commonest,
    );
    evidence.figure = format!(
        "a classifier taught by made biopsies is right about {:.1} % of held-out real ones (by real ones {:.1} %, by independent columns {:.1} %); \
         made rows are {distance:.2} times as far from the nearest training row as held-out ones; private at epsilon {epsilon:.2}, delta 0.001: {:.1} %",
        100.0 * accuracy,
        100.0 * real,
        100.0 * independent,
        100.0 * private
    );
    Ok(evidence)
}
