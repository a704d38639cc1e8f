//! `wgan`: what the critic makes of held-out points against their exact distance, through training.
use crate::Result;
use crate::record::{Evidence, correlation, median, picture, round};
use crate::training::{Changes, held_out_points, order, samples, scatter, settings, train_in_parts};
use gany_engine::{DType, Tensor, evaluate};
use ganymede::games::Play;
use ganymede::metrics::wasserstein_1;
use ganymede::models::Given;
use ganymede::models::objective::networks::Networks;
use ganymede::nn::{Layer, Scope};
use ganymede::objectives::wasserstein;
use ganymede::run::Training;
use serde_json::json;

const SEEDS: [u64; 3] = [0, 1, 2];
const WIDTH: usize = 128;
const TOY: Changes = &[
    ("batch", "256"),
    ("z_dim", "2"),
    ("width", "128"),
    ("clip", "0.1"),
    ("n_critic", "5"),
    ("generator.learning_rate", "1e-4"),
    ("critic.learning_rate", "5e-4"),
];
const STEPS: u64 = 10_000;

/// Looks, evenly through training.
const LOOKS: u64 = 40;

/// Held-out points at each look.
const POINTS: usize = 600;

pub(crate) fn evidence() -> Result<Evidence> {
    let mut evidence = Evidence::of_seeds(&SEEDS);
    let stops: Vec<u64> = (1..=LOOKS).map(|k| STEPS / LOOKS * k).collect();
    let mut coefficients = vec![];
    let mut rows = vec![];
    for seed in SEEDS {
        let (mut gaps, mut exact) = (vec![], vec![]);
        let mut look = |run: &mut Training| {
            let real = held_out_points(run.data(), POINTS)?;
            let generated = samples(run.play(), POINTS);
            gaps.push(held_out_gap(run, &real, &generated));
            exact.push(wasserstein_1(&real, &generated, 2));
            Ok(())
        };
        let name = format!("wgan-{seed}");
        let mut run = train_in_parts(&name, order("wgan", "ring", TOY, seed, STEPS), &stops, &mut look)?;
        let r = correlation(&gaps, &exact);
        println!("      r = {r:.3}");
        coefficients.push(r);
        let pairs: Vec<_> = stops.iter().zip(gaps.iter().zip(&exact)).collect();
        let pairs: Vec<_> = pairs
            .into_iter()
            .map(|(step, (gap, w))| json!([step, gap, round(*w)]))
            .collect();
        rows.push(json!({"seed": seed, "r": round(r), "step_gap_distance": pairs}));
        evidence.settings("ring", settings(&run)?);
        scatter(&mut run, &picture(&format!("wgan-{seed}"))?)?;
    }
    evidence.figure("runs", rows);
    let r = median(&coefficients);
    evidence.check(
        "critic's gap against exact W1: Pearson r, median of 3 seeds",
        "> 0.9",
        format!("{r:.3}"),
        r > 0.9,
    );
    let least = coefficients.iter().copied().fold(f64::INFINITY, f64::min);
    evidence.figure = format!(
        "critic's gap follows the exact W1 distance with r = {r:.3} (median of 3 seeds, least {least:.3}; {} looks at {POINTS} held-out points)",
        stops.len()
    );
    Ok(evidence)
}

/// `E[D(x)] - E[D(G(z))]` of the run's critic, as it is now.
fn held_out_gap(run: &mut Training, real: &[f32], generated: &[f32]) -> f64 {
    let given = Given::of(run.data().shape(), None);
    let scope = Scope::new(DType::F32, 0);
    let critic = Networks::Auto.discriminator(&scope.at("critic"), &given, WIDTH);
    let play: &Play = run.play();
    for parameter in scope.parameters() {
        let place = play.entries().iter().position(|entry| entry.name == parameter.name());
        let value = play.state(place.expect("the run has the same critic"));
        parameter.set(Tensor::from_f32(parameter.shape(), value.as_f32()));
    }
    let points = |x: &[f32]| Tensor::from_f32(&[x.len() / 2, 2], x);
    let gap = -wasserstein::discriminator(&critic.forward(&points(real)), &critic.forward(&points(generated)));
    evaluate(&[&gap]);
    gap.to_f64()[0]
}
