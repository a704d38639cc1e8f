//! `began`: the global measure falls, and gamma trades diversity for it, on handwritten digits.
use crate::Result;
use crate::judge::Judge;
use crate::record::{Evidence, median, picture, round};
use crate::training::{self, Changes, curve, grid, order, samples, settings};
use serde_json::json;

const SEEDS: [u64; 3] = [0, 1, 2];
const GAMMAS: [&str; 2] = ["0.3", "0.7"];
/// Dense and narrow, for two processor cores.
const CHANGES: Changes = &[
    ("networks", "dense"),
    ("width", "256"),
    ("z_dim", "32"),
    ("batch", "32"),
    ("generator.learning_rate", "3e-4"),
    ("discriminator.learning_rate", "3e-4"),
];
const STEPS: u64 = 2_500;
const SAMPLES: usize = 2_000;

pub(crate) fn evidence() -> Result<Evidence> {
    let mut evidence = Evidence::of_seeds(&SEEDS);
    let mut judge = Judge::of("mnist")?;
    judge.record(&mut evidence, 0.99);
    let mut spreads = vec![];
    let mut falls = vec![];
    for gamma in GAMMAS {
        let mut rows = vec![];
        let mut spread = vec![];
        for seed in SEEDS {
            let changes = [CHANGES, &[("gamma", gamma)]].concat();
            let name = format!("began-{gamma}-{seed}");
            let mut run = training::train(&name, order("began", &judge.train, &changes, seed, STEPS))?;
            let x = samples(run.play(), SAMPLES);
            let measure = curve(&run, "convergence")?;
            let mean = |part: &[(u64, f64)]| part.iter().map(|(_, m)| m).sum::<f64>() / part.len() as f64;
            // Of the first steps, all of which are recorded, and of the last tenth.
            let late = measure.partition_point(|(step, _)| *step <= STEPS - STEPS / 10);
            let (first, last) = (mean(&measure[..20]), mean(&measure[late..]));
            falls.push(last / first);
            spread.push(distance(&x, &judge.clf.features(&x)));
            rows.push(json!({
                "seed": seed, "M.first": round(first), "M.last": round(last), "spread": round(spread[spread.len() - 1]),
                "fd_clf": round(judge.frechet(&x)), "digits": digits(&judge.clf.predict(&x)),
            }));
            println!("      {}", rows[rows.len() - 1]);
            evidence.settings(&format!("gamma {gamma}"), settings(&run)?);
            if seed == 0 {
                grid(&run, &x[..64 * 784], 8, &picture(&format!("began-{gamma}"))?)?;
            }
        }
        evidence.figure(&format!("gamma.{gamma}"), rows);
        spreads.push(median(&spread));
    }
    let worst = falls.iter().copied().fold(0.0, f64::max);
    evidence.check(
        "M at the end over M of the first 20 steps, worst of 6 runs",
        "< 0.5",
        format!("{worst:.2}"),
        worst < 0.5,
    );
    evidence.check(
        "mean distance of two samples in clf's features, gamma 0.7 over 0.3, medians of 3 seeds",
        "> 1",
        format!("{:.2} / {:.2} = {:.2}", spreads[1], spreads[0], spreads[1] / spreads[0]),
        spreads[1] > spreads[0],
    );
    evidence.figure = format!(
        "M falls to {:.0} % of its first value or less; two samples on MNIST lie {:.2} times as far apart with gamma 0.7 as with 0.3 (medians of 3 seeds)",
        100.0 * worst,
        spreads[1] / spreads[0]
    );
    Ok(evidence)
}

/// The mean distance between the features of one sample and of the next.
fn distance(pictures: &[f32], features: &[f32]) -> f64 {
    let count = pictures.len() / 784;
    let rows: Vec<&[f32]> = features.chunks_exact(features.len() / count).collect();
    let between = |pair: &[&[f32]]| {
        let squares = pair[0].iter().zip(pair[1]).map(|(a, b)| f64::from(a - b).powi(2));
        squares.sum::<f64>().sqrt()
    };
    rows.windows(2).map(between).sum::<f64>() / (count - 1) as f64
}

/// How many samples `clf` gives each digit.
fn digits(called: &[u32]) -> [usize; 10] {
    let mut hits = [0; 10];
    called.iter().for_each(|class| hits[*class as usize] += 1);
    hits
}
