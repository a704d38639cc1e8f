//! `wgan_gp`: twenty-five Gaussians on a grid, and the slope of the critic, in all variants of the penalty.
use crate::Result;
use crate::record::{Evidence, fairly_covered, median, picture, round};
use crate::training::{self, Changes, at_the_end, order, pairs, samples, scatter, settings};
use ganymede::metrics::Coverage;
use serde_json::json;
use std::f64::consts::PI;

const SEEDS: [u64; 3] = [0, 1, 2];
/// A lighter penalty than the paper has for pictures; its authors, too, take a lighter one for toys.
const TOY: Changes = &[
    ("batch", "128"),
    ("z_dim", "2"),
    ("width", "128"),
    ("penalty_weight", "2"),
    ("generator.learning_rate", "3e-4"),
    ("critic.learning_rate", "1e-3"),
    ("generator.betas", "[0.0, 0.999]"),
    ("critic.betas", "[0.0, 0.999]"),
];
const STEPS: u64 = 60_000;

/// Name, where the slope is penalised, on how many sides; the first is the paper's and held to the bar.
const VARIANTS: [(&str, &str, &str); 4] = [
    ("interpolated", "interpolated", "two"),
    ("at-data", "data", "two"),
    ("at-samples", "samples", "two"),
    ("one-sided", "interpolated", "one"),
];

struct Outcome {
    fairly: usize,
    covered: usize,
    high_quality: f64,
    gradient_norm: f64,
}

pub(crate) fn evidence() -> Result<Evidence> {
    let mut evidence = Evidence::of_seeds(&SEEDS);
    let mut paper = vec![];
    for (name, at, sided) in VARIANTS {
        // The bar is the paper's variant's; the others are shown once.
        let seeds = if name == "interpolated" {
            &SEEDS[..]
        } else {
            &SEEDS[..1]
        };
        let mut rows = vec![];
        for &seed in seeds {
            let outcome = run(&mut evidence, name, at, sided, seed)?;
            rows.push(json!({
                "seed": seed, "covered_fairly": outcome.fairly, "covered": outcome.covered, "high_quality": round(outcome.high_quality),
                "gradient_norm": round(outcome.gradient_norm),
            }));
            if name == "interpolated" {
                paper.push(outcome);
            }
        }
        evidence.figure(name, rows);
    }
    let of = |f: &dyn Fn(&Outcome) -> f64| median(&paper.iter().map(f).collect::<Vec<_>>());
    let covered = of(&|outcome| outcome.covered as f64);
    let fairly = of(&|outcome| outcome.fairly as f64);
    let quality = of(&|outcome| outcome.high_quality);
    evidence.check(
        "modes covered, median of 3 seeds",
        "25 of 25",
        format!("{covered} of 25"),
        covered == 25.0,
    );
    // Points strewn evenly over the square of the modes would cover them too, by chance.
    let by_chance = 25.0 * PI * (3.0 * 0.05_f64).powi(2) / 64.0;
    let times = quality / by_chance;
    evidence.figure("fairly_covered.median", fairly);
    evidence.check(
        "share of high quality over that of even points",
        ">= 10",
        format!("{quality:.3} / {by_chance:.3} = {times:.1}"),
        times >= 10.0,
    );
    let off = |outcome: &Outcome| (outcome.gradient_norm - 1.0).abs();
    let worst = paper.iter().max_by(|a, b| off(a).total_cmp(&off(b))).ok_or("no runs")?;
    evidence.check(
        "gradient norm of the critic, worst of 3 seeds",
        "within 1 +- 0.15",
        format!("{:.3}", worst.gradient_norm),
        off(worst) <= 0.15,
    );
    evidence.figure = format!(
        "{covered} of 25 modes of the grid, {fairly} of them fairly, {:.0} % of samples of high quality (medians of 3 seeds); gradient norm {:.3} (worst of 3)",
        100.0 * quality,
        worst.gradient_norm
    );
    Ok(evidence)
}

fn run(evidence: &mut Evidence, name: &str, at: &str, sided: &str, seed: u64) -> Result<Outcome> {
    let changes = [TOY, &[("penalty_at", at), ("sided", sided)]].concat();
    let order = order("wgan_gp", "grid", &changes, seed, STEPS);
    let mut run = training::train(&format!("wgan_gp-{name}-{seed}"), order)?;
    let points = pairs(&samples(run.play(), 2500));
    let coverage = Coverage::of(&points, run.data().modes().ok_or("the grid has modes")?);
    evidence.settings(name, settings(&run)?);
    if seed == 0 {
        scatter(&mut run, &picture(&format!("wgan_gp-{name}"))?)?;
    }
    Ok(Outcome {
        fairly: fairly_covered(&coverage, points.len()),
        covered: coverage.covered(),
        high_quality: coverage.high_quality,
        gradient_norm: at_the_end(&run, "gradient_norm.critic")?,
    })
}
