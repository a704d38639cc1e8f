//! `cogan`: digits and the edges of other digits, of which it makes pairs that belong together.
use crate::Result;
use crate::made::{Set, show};
use crate::record::{Evidence, correlation, median, round};
use crate::training::{self, Changes, HELD_OUT_SEED, applied, order, samples, settings};
use ganymede::data::{self, Want};
use ganymede::games::latent_vectors;

const SEEDS: [u64; 3] = [0, 1, 2];
const STEPS: u64 = 16_000;
const PAIRS: usize = 1_000;
/// Narrower than the paper's, for two processor cores.
const CHANGES: Changes = &[
    ("width", "16"),
    ("batch", "32"),
    ("generator.learning_rate", "1e-3"),
    ("discriminator.learning_rate", "4e-4"),
];

pub(crate) fn evidence() -> Result<Evidence> {
    let mut evidence = Evidence::of_seeds(&SEEDS);
    data::get("mnist", &mut |line| println!("      {line}"))?;
    let digits = Set::of(&data::open("first:40000:mnist:train", &Want::default())?)?;
    // No digit is in both sets.
    let a = digits.those(|i| i < 20_000);
    let b = digits.those(|i| i >= 20_000).each(edges);
    let data = format!("unpaired:{},{}", a.write("digits")?, b.write("edges")?);
    let (mut agreements, mut of_others) = (vec![], vec![]);
    for seed in SEEDS {
        let mut run = training::train(&format!("cogan-{seed}"), order("cogan", &data, CHANGES, seed, STEPS))?;
        evidence.settings("mnist", settings(&run)?);
        let z_dim = run.play().system().z_dim();
        let z = latent_vectors(HELD_OUT_SEED, 0, PAIRS, z_dim);
        let first = a.like(samples(run.play(), PAIRS));
        let second = a.like(applied(run.play(), "partner", &z, z_dim));
        let drawn = first.each(edges);
        let agreement = |shift: usize| {
            let others = second.pictures().skip(shift).chain(second.pictures().take(shift));
            let all = drawn.pictures().zip(others).map(|(a, b)| {
                let [a, b] = [a, b].map(|picture| picture.iter().map(|v| f64::from(*v)).collect::<Vec<_>>());
                correlation(&a, &b)
            });
            // A picture without any edge agrees with nothing.
            all.map(|r| if r.is_finite() { r } else { 0.0 }).sum::<f64>() / PAIRS as f64
        };
        agreements.push(agreement(0));
        of_others.push(agreement(1));
        println!("      agreement {:.3}, of others {:.3}", agreement(0), agreement(1));
        if seed == 0 {
            show("cogan", &[&first, &second], 96)?;
        }
    }
    let (got, by_chance) = (median(&agreements), median(&of_others));
    evidence.figure("agreement", agreements.iter().map(|r| round(*r)).collect::<Vec<_>>());
    evidence.figure(
        "agreement.of_other_pairs",
        of_others.iter().map(|r| round(*r)).collect::<Vec<_>>(),
    );
    evidence.check(
        "edges of the digit and its edge picture correlate, median of 3 seeds",
        ">= 0.8",
        format!("{got:.3}"),
        got >= 0.8,
    );
    evidence.check(
        "and those of other pairs do not",
        "<= half of it",
        format!("{by_chance:.3}"),
        by_chance <= 0.5 * got,
    );
    evidence.figure = format!(
        "digit and edge picture of one z: correlation {got:.3} of the digit's edges with the picture ({by_chance:.3} of another z)"
    );
    Ok(evidence)
}

/// White where a digit ends: the largest of the 3 x 3 pixels around, less the pixel.
fn edges(digit: &[f32]) -> Vec<f32> {
    let side = digit.len().isqrt();
    let pixel = |i: usize| {
        let around = |at: usize| at.saturating_sub(1)..(at + 2).min(side);
        let rows = around(i / side).flat_map(|y| around(i % side).map(move |x| digit[y * side + x]));
        rows.fold(-1.0, f32::max) - digit[i] - 1.0
    };
    (0..digit.len()).map(pixel).collect()
}
