//! `gan_r1r2`: a thousand modes of stacked digits, counted by `clf`, channel by channel.
use crate::Result;
use crate::judge::Judge;
use crate::record::{Evidence, median, picture, round};
use crate::training::{self, Changes, grid, order, samples, settings};
use ganymede::metrics::Coverage;
use serde_json::json;

const SEEDS: [u64; 3] = [0, 1, 2];
/// Narrower than the paper's networks, for two processor cores.
const CHANGES: Changes = &[
    ("batch", "64"),
    ("width", "24"),
    ("average_decay", "0.9995"),
    ("gamma", "0.1"),
    ("generator.learning_rate", "1e-3"),
    ("critic.learning_rate", "1e-3"),
];
const STEPS: u64 = 16_000;
/// As in the papers that count these modes.
const SAMPLES: usize = 26_000;

pub(crate) fn evidence() -> Result<Evidence> {
    let mut evidence = Evidence::of_seeds(&SEEDS);
    let mut judge = Judge::of("mnist")?;
    judge.record(&mut evidence, 0.99);
    let mut rows = vec![];
    let mut covered = vec![];
    for seed in SEEDS {
        let order = order("gan_r1r2", "stacked:mnist:train", CHANGES, seed, STEPS);
        let mut run = training::train(&format!("gan_r1r2-{seed}"), order)?;
        let x = samples(run.play(), SAMPLES);
        let channels = [0, 1, 2].map(|channel| {
            let one: Vec<f32> = x.iter().skip(channel).step_by(3).copied().collect();
            judge.clf.predict(&one)
        });
        let [red, green, blue] = &channels;
        let called: Vec<u32> = (0..SAMPLES).map(|i| 100 * red[i] + 10 * green[i] + blue[i]).collect();
        let coverage = Coverage::of_classes(&called, 1000);
        println!("      {} of 1000 modes, KL {:.3}", coverage.covered(), coverage.kl);
        covered.push(coverage.covered() as f64);
        rows.push(json!({"seed": seed, "covered": coverage.covered(), "kl": round(coverage.kl)}));
        evidence.settings("stacked", settings(&run)?);
        if seed == 0 {
            grid(&run, &x[..64 * 784 * 3], 8, &picture("gan_r1r2")?)?;
        }
    }
    evidence.figure("stacked.runs", rows);
    let modes = median(&covered);
    evidence.check(
        "modes of stacked MNIST in 26,000 samples, median of 3 seeds",
        "1000 of 1000",
        format!("{modes} of 1000"),
        modes == 1000.0,
    );
    evidence.figure = format!("{modes} of the 1000 modes of stacked MNIST (median of 3 seeds)");
    Ok(evidence)
}
