//! Twenty-five Gaussians on a grid: the check of the objectives that are there to cover them.
use crate::Result;
use crate::record::{Evidence, fairly_covered, median, picture, round};
use crate::training::{self, Changes, order, pairs, samples, scatter, settings};
use ganymede::metrics::Coverage;
use ganymede::run::Training;
use serde_json::json;
use std::f64::consts::PI;

pub(crate) const SEEDS: [u64; 3] = [0, 1, 2];

/// What all systems on the grid have in common.
const TOY: Changes = &[("batch", "256"), ("z_dim", "2"), ("width", "128")];
/// Steps of the systems that are measured here.
const STEPS: u64 = 40_000;

pub(crate) fn lsgan() -> Result<Evidence> {
    measure("lsgan", UNHURRIED)
}

pub(crate) fn hinge() -> Result<Evidence> {
    measure("hinge", FASTER)
}

pub(crate) fn sngan() -> Result<Evidence> {
    measure("sngan", BOUNDED)
}

pub(crate) fn geometric_gan() -> Result<Evidence> {
    measure("geometric_gan", WIDER)
}

pub(crate) fn dragan() -> Result<Evidence> {
    measure("dragan", LIGHTER)
}

/// A generator that learns faster than its judge, and samples of averaged weights, since it circles around where it should be.
const FASTER: Changes = &[
    ("generator.learning_rate", "5e-4"),
    ("discriminator.learning_rate", "2e-4"),
    ("average_decay", "0.999"),
];
/// The same with networks twice as wide: a hyperplane in more features.
const WIDER: Changes = &[
    ("width", "256"),
    ("generator.learning_rate", "5e-4"),
    ("discriminator.learning_rate", "2e-4"),
    ("average_decay", "0.999"),
];
/// As wide, and without momentum: with it least squares left out three or four modes.
const UNHURRIED: Changes = &[
    ("width", "256"),
    ("generator.learning_rate", "5e-4"),
    ("discriminator.learning_rate", "2e-4"),
    ("generator.betas", "[0.0,0.999]"),
    ("discriminator.betas", "[0.0,0.999]"),
    ("average_decay", "0.999"),
];
/// A penalty of the papers' weight would hold the slope at 1 where modes so narrow need a steeper one.
const LIGHTER: Changes = &[
    ("generator.learning_rate", "2e-4"),
    ("discriminator.learning_rate", "2e-4"),
    ("average_decay", "0.999"),
    ("penalty_weight", "1"),
];
/// A discriminator whose slope is bounded everywhere needs more moves.
const BOUNDED: Changes = &[
    ("generator.learning_rate", "5e-4"),
    ("discriminator.learning_rate", "5e-4"),
    ("average_decay", "0.999"),
    ("n_critic", "5"),
];

/// What samples of one training make of the modes.
pub(crate) struct Covered {
    /// Modes with one sample of high quality or more.
    pub(crate) covered: usize,
    /// Modes with a tenth of their share or more.
    pub(crate) fairly: usize,
    /// Share of samples of high quality.
    pub(crate) high_quality: f64,
}

/// Trains on the grid and counts the modes of 2,500 samples; the first seed's are plotted as `name`.
pub(crate) fn train(
    evidence: &mut Evidence,
    system: &str,
    name: &str,
    changes: Changes,
    seed: u64,
    steps: u64,
) -> Result<(Covered, Training)> {
    let changes = [TOY, changes].concat();
    let order = order(system, "grid", &changes, seed, steps);
    let mut run = training::train(&format!("{name}-{seed}"), order)?;
    let points = pairs(&samples(run.play(), 2500));
    let coverage = Coverage::of(&points, run.data().modes().ok_or("the grid has modes")?);
    evidence.settings(name, settings(&run)?);
    if seed == 0 {
        scatter(&mut run, &picture(name)?)?;
    }
    let covered = Covered {
        covered: coverage.covered(),
        fairly: fairly_covered(&coverage, points.len()),
        high_quality: coverage.high_quality,
    };
    println!(
        "      {} of 25 modes, {} fairly, {:.1} % of high quality",
        covered.covered,
        covered.fairly,
        100.0 * covered.high_quality
    );
    Ok((covered, run))
}

/// The figures of several trainings as rows.
pub(crate) fn rows(runs: &[Covered]) -> Vec<serde_json::Value> {
    let row = |(seed, run): (&u64, &Covered)| {
        json!({
            "seed": seed, "covered": run.covered, "covered_fairly": run.fairly, "high_quality": round(run.high_quality),
        })
    };
    SEEDS.iter().zip(runs).map(row).collect()
}

fn measure(system: &str, changes: Changes) -> Result<Evidence> {
    let mut evidence = Evidence::of_seeds(&SEEDS);
    let mut runs = vec![];
    for seed in SEEDS {
        runs.push(train(&mut evidence, system, system, changes, seed, STEPS)?.0);
    }
    evidence.figure("runs", rows(&runs));
    evidence.figure = claims(&mut evidence, &runs);
    Ok(evidence)
}

/// Adds the claims of three trainings on the grid, and gives their outcome in words.
pub(crate) fn claims(evidence: &mut Evidence, runs: &[Covered]) -> String {
    let of = |f: &dyn Fn(&Covered) -> f64| median(&runs.iter().map(f).collect::<Vec<_>>());
    let covered = of(&|run| run.covered as f64);
    let fairly = of(&|run| run.fairly as f64);
    let quality = of(&|run| run.high_quality);
    evidence.check(
        "modes covered, median of 3 seeds",
        "25 of 25",
        format!("{covered} of 25"),
        covered == 25.0,
    );
    // Points strewn evenly over the square of the modes would cover them too, by chance.
    let by_chance = 25.0 * PI * (3.0 * 0.05_f64).powi(2) / 64.0;
    let times = quality / by_chance;
    evidence.check(
        "share of high quality over that of even points",
        ">= 10",
        format!("{quality:.3} / {by_chance:.3} = {times:.1}"),
        times >= 10.0,
    );
    format!(
        "{covered} of 25 modes of the grid, {fairly} of them fairly, {:.0} % of samples of high quality (medians of 3 seeds)",
        100.0 * quality
    )
}
