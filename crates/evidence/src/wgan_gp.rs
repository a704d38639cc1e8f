//! `wgan_gp`: twenty-five Gaussians on a grid, and the slope of the critic, in all variants of the penalty.
use crate::Result;
use crate::grid::{self, SEEDS};
use crate::record::{Evidence, round};
use crate::training::{Changes, at_the_end};

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

pub(crate) fn evidence() -> Result<Evidence> {
    let mut evidence = Evidence::of_seeds(&SEEDS);
    let mut paper = (vec![], vec![]);
    for (name, at, sided) in VARIANTS {
        // The bar is the paper's variant's; the others are shown once.
        let seeds = if name == "interpolated" {
            &SEEDS[..]
        } else {
            &SEEDS[..1]
        };
        let mut norms = vec![];
        let mut runs = vec![];
        for &seed in seeds {
            let changes = [TOY, &[("penalty_at", at), ("sided", sided)]].concat();
            let (covered, run) = grid::train(
                &mut evidence,
                "wgan_gp",
                &format!("wgan_gp-{name}"),
                &changes,
                seed,
                STEPS,
            )?;
            norms.push(at_the_end(&run, "gradient_norm.critic")?);
            runs.push(covered);
        }
        evidence.figure(name, grid::rows(&runs));
        evidence.figure(
            &format!("gradient_norm.{name}"),
            norms.iter().copied().map(round).collect::<Vec<_>>(),
        );
        if name == "interpolated" {
            paper = (runs, norms);
        }
    }
    let (runs, norms) = paper;
    let figure = grid::claims(&mut evidence, &runs);
    let off = |norm: &f64| (norm - 1.0).abs();
    let worst = norms
        .iter()
        .copied()
        .max_by(|a, b| off(a).total_cmp(&off(b)))
        .ok_or("no runs")?;
    evidence.check(
        "gradient norm of the critic, worst of 3 seeds",
        "within 1 +- 0.15",
        format!("{worst:.3}"),
        off(&worst) <= 0.15,
    );
    evidence.figure = format!("{figure}; gradient norm {worst:.3} (worst of 3)");
    Ok(evidence)
}
