//! `f_gan`: a Gaussian fitted to a mixture of two by every divergence, against the best fits that quadrature finds.
use crate::Result;
use crate::record::{Evidence, median, round};
use ganymede::data::Shape;
use ganymede::engine::{DType, Tensor};
use ganymede::games::{Play, latent_vectors};
use ganymede::models::Given;
use ganymede::models::objective::f_gan::{Bound, FGan};
use ganymede::models::objective::two_player::Rules;
use ganymede::nn::{Activation, Scope, Sequential, dense};
use ganymede::objectives::f_divergence::Divergence;
use ganymede::optimisers::OptimiserConfig;
use serde_json::{Value, json};
use std::f64::consts::TAU;

const SEEDS: [u64; 3] = [0, 1, 2];
const BATCH: usize = 512;
const STEPS: u64 = 6_000;
/// Steps at the end over which the fitted numbers are averaged: they turn around their place.
const AVERAGED: u64 = 2_000;
/// Between Kullback and Leibler's divergence (1) and Pearson's (2).
const ALPHA: f64 = 1.5;

/// Weight, mean and standard deviation of each part of the mixture.
const MIXTURE: [[f64; 3]; 2] = [[0.7, -0.8, 0.6], [0.3, 1.2, 0.9]];

/// From covering all of the mixture to seeking its main mode, as the standard deviations of the best fits say.
const COVERING_TO_SEEKING: [Divergence; 5] = [
    Divergence::Pearson,
    Divergence::Kl,
    Divergence::JensenShannon,
    Divergence::ReverseKl,
    Divergence::Neyman,
];

/// Mean and standard deviation.
type Fit = [f64; 2];

pub(crate) fn evidence() -> Result<Evidence> {
    let mut evidence = Evidence::of_seeds(&SEEDS);
    evidence.settings(
        "mixture",
        json!({"weight, mean, standard deviation": MIXTURE, "batch": BATCH, "steps": STEPS, "alpha": ALPHA,
               "generator": "mean + deviation z, adam 1e-3 [0.5, 0.999]",
               "discriminator": "1-64-64-1, tanh, adam 5e-3 [0.5, 0.999]", "averaged over the last": AVERAGED}),
    );
    let mut rows: Vec<Value> = vec![];
    let mut fits: Vec<(Divergence, Fit)> = vec![];
    let mut worst = 0.0_f64;
    for &divergence in Divergence::ALL {
        let best = best_fit(divergence);
        let runs: Vec<Fit> = SEEDS.iter().map(|&seed| fitted(divergence, seed)).collect();
        let fit = [0, 1].map(|i| median(&runs.iter().map(|run| run[i]).collect::<Vec<_>>()));
        worst = worst.max((fit[0] - best[0]).abs()).max((fit[1] - best[1]).abs());
        println!("      {divergence}: fitted {fit:.3?}, best {best:.3?}");
        rows.push(json!({
            "divergence": divergence, "mean": round(fit[0]), "best_mean": round(best[0]), "deviation": round(fit[1]),
            "best_deviation": round(best[1]), "value": round(exact(divergence, fit)), "least": round(exact(divergence, best)),
            "by_seed": runs.iter().map(|run| run.map(round)).collect::<Vec<_>>(),
        }));
        fits.push((divergence, fit));
    }
    evidence.figure("fits", rows);
    evidence.check(
        "mean and deviation of each fit against its own optimum, worst",
        "within 0.11",
        format!("{worst:.3}"),
        worst <= 0.11,
    );
    let of = |divergence: Divergence| fits.iter().find(|(has, _)| *has == divergence).map(|(_, fit)| *fit);
    let deviations: Vec<f64> = COVERING_TO_SEEKING
        .iter()
        .filter_map(|d| of(*d))
        .map(|fit| fit[1])
        .collect();
    evidence.check(
        "deviations from Pearson over KL, JS, reverse KL to Neyman",
        "falling",
        format!("{deviations:.2?}"),
        deviations.is_sorted_by(|a, b| a > b),
    );
    // As in the paper's second table: whoever trained by a divergence does best by it.
    let is_least = |(divergence, fit): &&(Divergence, Fit)| {
        let own = exact(*divergence, *fit);
        fits.iter().all(|(_, other)| own <= exact(*divergence, *other) * 1.01)
    };
    let least = fits.iter().filter(is_least).count();
    evidence.check(
        "divergences that are least (within 1 %) for the fit trained by them",
        "7 of 7",
        format!("{least} of 7"),
        least == 7,
    );
    evidence.figure = format!(
        "all seven divergences fit a Gaussian within {worst:.3} of their own optimum; deviations {:.2} (Pearson, covering) to {:.2} (Neyman, seeking)",
        deviations[0], deviations[4]
    );
    Ok(evidence)
}

fn normal(x: f64, [mean, deviation]: Fit) -> f64 {
    (-0.5 * ((x - mean) / deviation).powi(2)).exp() / (deviation * TAU.sqrt())
}

/// D_f(P | Q) by the trapezoidal rule.
fn exact(divergence: Divergence, fit: Fit) -> f64 {
    const STEP: f64 = 0.005;
    let at = |i: i32| {
        let x = f64::from(i) * STEP;
        let p: f64 = MIXTURE
            .iter()
            .map(|[weight, mean, deviation]| weight * normal(x, [*mean, *deviation]))
            .sum();
        let q = normal(x, fit);
        q * divergence.f(ALPHA, p / q)
    };
    // Beyond 8 both densities are nothing, and within they are no less than numbers can be.
    (-1600..=1600).map(at).sum::<f64>() * STEP
}

/// The Gaussian of the least divergence, by a search along the axes with a falling stride.
fn best_fit(divergence: Divergence) -> Fit {
    let mut fit: Fit = [0.0, 1.0];
    let mut stride = 0.2;
    while stride > 1e-5 {
        let neighbours = [[stride, 0.0], [-stride, 0.0], [0.0, stride], [0.0, -stride]];
        let moved = neighbours.map(|[a, b]| [fit[0] + a, (fit[1] + b).max(0.4)]);
        let best = moved
            .into_iter()
            .min_by(|a, b| exact(divergence, *a).total_cmp(&exact(divergence, *b)));
        match best.filter(|best| exact(divergence, *best) < exact(divergence, fit)) {
            Some(best) => fit = best,
            None => stride *= 0.5,
        }
    }
    fit
}

/// What the game fits.
fn fitted(divergence: Divergence, seed: u64) -> Fit {
    let mut config = Bound::defaults();
    (config.batch, config.z_dim) = (BATCH, 1);
    config.generator = OptimiserConfig::adam(1e-3, [0.5, 0.999]);
    config.rules = Bound {
        divergence,
        alpha: ALPHA,
        non_saturating: false,
        discriminator: OptimiserConfig::adam(5e-3, [0.5, 0.999]),
    };
    let given = Given::of(Shape::Point { dimension: 1 }, None);
    let scope = Scope::new(DType::F32, seed);
    let generator = Sequential::new(&scope.at("generator")).push(dense(1, 1));
    for (parameter, value) in scope.parameters().iter().zip([1.0, 0.0]) {
        parameter.set(Tensor::full(DType::F32, parameter.shape(), value));
    }
    let discriminator = Sequential::new(&scope.at("discriminator"))
        .push(dense(1, 64))
        .push(Activation::Tanh)
        .push(dense(64, 64))
        .push(Activation::Tanh)
        .push(dense(64, 1))
        .push(|x: &Tensor| x.reshape(&[x.extent(0)]));
    let system = FGan::on(config, generator, discriminator);
    let mut play = Play::new(Box::new(system), scope, given.of_batch(BATCH), seed);
    let mut sum = [0.0; 2];
    for n in 0..STEPS {
        draw(seed, n, play.batch_mut(0).0);
        play.step(n);
        if n >= STEPS - AVERAGED {
            let number = |name: &str| {
                let place = play.entries().iter().position(|entry| entry.name == name);
                play.state(place.expect("the generator has it")).to_f64()[0]
            };
            sum[0] += number("generator.0.bias");
            sum[1] += number("generator.0.weight").abs();
        }
    }
    sum.map(|sum| sum / AVERAGED as f64)
}

/// Points of the mixture: a share of them, by their number, of each part.
fn draw(seed: u64, n: u64, x: &mut [f32]) {
    let [[weight, ..], _] = MIXTURE;
    let first = (weight * x.len() as f64).round() as usize;
    let z = latent_vectors(seed + 1000, n as usize * x.len(), x.len(), 1);
    for (i, (x, z)) in x.iter_mut().zip(z).enumerate() {
        let [_, mean, deviation] = MIXTURE[usize::from(i >= first)];
        *x = (mean + deviation * f64::from(z)) as f32;
    }
}
