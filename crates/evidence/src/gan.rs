//! `gan`: eight Gaussians on a ring; MNIST with its curves; and how the minimax game's gradient vanishes.
use crate::Result;
use crate::judge::Judge;
use crate::record::{Evidence, fairly_covered, median, picture, round};
use crate::training::{self, Changes, at_the_end, grid, order, pairs, samples, scatter, settings};
use gany_engine::{DType, Tensor, grad};
use ganymede::data::{self, Batch};
use ganymede::games::{Game, Play, Player, Step, System};
use ganymede::metrics::Coverage;
use ganymede::models::Given;
use ganymede::models::objective::networks::Networks;
use ganymede::nn::{Layer, Parameter, Scope, Sequential};
use ganymede::objectives::{minimax, non_saturating};
use ganymede::optimisers::OptimiserConfig;
use serde_json::json;

const SEEDS: [u64; 3] = [0, 1, 2];

const RING: Changes = &[
    ("batch", "256"),
    ("z_dim", "2"),
    ("width", "128"),
    ("generator.learning_rate", "5e-5"),
    ("discriminator.learning_rate", "5e-5"),
];
const RING_STEPS: u64 = 80_000;

const MNIST: Changes = &[];
const MNIST_STEPS: u64 = 12_000;

pub(crate) fn evidence() -> Result<Evidence> {
    let mut evidence = Evidence::of_seeds(&SEEDS);
    let ring = ring(&mut evidence)?;
    let mnist = mnist(&mut evidence)?;
    let vanishing = vanishing(&mut evidence)?;
    evidence.figure = format!("{ring}; {mnist}; {vanishing}");
    Ok(evidence)
}

/// Modes of the ring, over the seeds.
fn ring(evidence: &mut Evidence) -> Result<String> {
    let mut rows = vec![];
    let (mut covered, mut quality) = (vec![], vec![]);
    for seed in SEEDS {
        let mut run = training::train(
            &format!("gan-ring-{seed}"),
            order("gan", "ring", RING, seed, RING_STEPS),
        )?;
        let points = pairs(&samples(run.play(), 2500));
        let coverage = Coverage::of(&points, run.data().modes().ok_or("the ring has modes")?);
        let fairly = fairly_covered(&coverage, points.len());
        covered.push(fairly as f64);
        quality.push(coverage.high_quality);
        rows.push(json!({
            "seed": seed, "covered_fairly": fairly, "covered": coverage.covered(), "high_quality": round(coverage.high_quality),
            "kl": round(coverage.kl), "hits": coverage.hits,
        }));
        evidence.settings("ring", settings(&run)?);
        scatter(&mut run, &picture(&format!("gan-ring-{seed}"))?)?;
    }
    let good = covered
        .iter()
        .zip(&quality)
        .filter(|(c, q)| **c == 8.0 && **q >= 0.9)
        .count();
    evidence.figure("ring.runs", rows);
    evidence.figure("ring.runs_with_8_modes_and_90_percent", good);
    let (modes, share) = (median(&covered), median(&quality));
    evidence.check(
        "modes fairly covered, median of 3 seeds",
        "8 of 8",
        format!("{modes} of 8"),
        modes == 8.0,
    );
    evidence.check(
        "samples of high quality, median of 3 seeds",
        ">= 90 %",
        format!("{:.1} %", 100.0 * share),
        share >= 0.9,
    );
    Ok(format!(
        "ring {modes} of 8 modes, {:.1} % of high quality ({good} of 3 seeds reach both)",
        100.0 * share
    ))
}

/// Handwritten digits: what the curves of the run say, and which digits there are.
fn mnist(evidence: &mut Evidence) -> Result<String> {
    let mut judge = Judge::of("mnist")?;
    judge.record(evidence, 0.99);
    let mut run = training::train("gan-mnist", order("gan", &judge.train, MNIST, 0, MNIST_STEPS))?;
    evidence.settings("mnist", settings(&run)?);
    let report = std::fs::read_to_string(run.folder().report_file())?;
    // Names of recorded scalars, and what the report calls their curves.
    let curves = [
        ("probability.real", "D(x), real"),
        ("probability.fake", "D(G(z)), generated"),
        ("accuracy.real", "on real"),
        ("accuracy.fake", "on generated"),
    ];
    let plotted = curves.iter().filter(|(_, label)| report.contains(*label)).count();
    evidence.check(
        "D(x), D(G(z)) and accuracies in the run's report",
        "4 of 4",
        format!("{plotted} of 4"),
        plotted == 4,
    );
    for (name, _) in curves {
        let curve = training::curve(&run, name)?;
        evidence.figure(&format!("mnist.{name}.points"), curve.len());
        evidence.figure(&format!("mnist.{name}.at_the_end"), round(at_the_end(&run, name)?));
    }
    let (real, fake) = (
        at_the_end(&run, "probability.real")?,
        at_the_end(&run, "probability.fake")?,
    );
    let x = samples(run.play(), 5000);
    let mut hits = [0; 10];
    judge
        .clf
        .predict(&x)
        .iter()
        .for_each(|&class| hits[class as usize] += 1);
    let covered = hits.iter().filter(|&&hit| hit >= 50).count();
    evidence.check(
        "digits with 1 % of the samples or more",
        "10 of 10",
        format!("{covered} of 10"),
        covered == 10,
    );
    evidence.figure("mnist.digits_of_5000_samples", hits.to_vec());
    evidence.figure("mnist.fd_clf", round(judge.frechet(&x)));
    grid(&run, &x[..64 * 784], 8, &picture("gan-mnist")?)?;
    Ok(format!(
        "MNIST D(x) {real:.2}, D(G(z)) {fake:.2}, {covered} of 10 digits"
    ))
}

/// A discriminator that trains alone against a generator that stands still, and what either loss would tell the generator.
struct OnlyDiscriminator {
    scope: Scope,
    generator: Sequential,
    discriminator: Sequential,
}

impl OnlyDiscriminator {
    const Z_DIM: usize = 100;

    fn new(given: &Given) -> OnlyDiscriminator {
        let scope = Scope::new(DType::F32, 0);
        OnlyDiscriminator {
            generator: Networks::Dense.generator(&scope.at("generator"), given, Self::Z_DIM, 512),
            discriminator: Networks::Dense.discriminator(&scope.at("discriminator"), given, 512),
            scope,
        }
    }
}

impl System for OnlyDiscriminator {
    fn game(&self) -> Game {
        Game::step(
            Player::new("discriminator", OptimiserConfig::adam(2e-4, [0.5, 0.999])),
            1,
        )
    }

    fn loss(&self, _: &str, s: &Step) -> Tensor {
        let x_fake = self.generator.forward(&s.normal(&[s.batch(), Self::Z_DIM]));
        let weights: Vec<Tensor> = self
            .scope
            .at("generator")
            .parameters()
            .iter()
            .map(Parameter::get)
            .collect();
        let logits_fake = self.discriminator.forward(&x_fake);
        let gradient_norm = |loss: &Tensor| {
            let gradients = grad(loss, &weights.iter().collect::<Vec<_>>());
            let squares = gradients.iter().map(|g| g.square().sum());
            squares.reduce(|a, b| a + b).expect("a generator has weights").sqrt()
        };
        s.report("minimax", &gradient_norm(&minimax::generator(&logits_fake)));
        s.report(
            "non_saturating",
            &gradient_norm(&non_saturating::generator(&logits_fake)),
        );
        s.report("probability", &logits_fake.sigmoid().mean());
        let logits_real = self.discriminator.forward(s.x());
        // Nothing passes to the generator: it is no player.
        minimax::discriminator(&logits_real, &logits_fake)
    }

    fn z_dim(&self) -> usize {
        Self::Z_DIM
    }

    fn sample(&self, z: &Tensor, _: Option<&Tensor>) -> Tensor {
        self.generator.forward(z)
    }
}

/// The length of the generator's gradient under both losses while the discriminator goes on learning alone.
fn vanishing(evidence: &mut Evidence) -> Result<String> {
    const BATCH: usize = 256;
    const LOOKS: [u64; 8] = [0, 10, 20, 50, 100, 200, 500, 1000];
    let data = data::open("mnist:train", &Default::default())?;
    let given = Given::of(data.shape(), None);
    let system = OnlyDiscriminator::new(&given);
    let scope = system.scope.clone();
    let mut play = Play::new(Box::new(system), scope, given.of_batch(BATCH), 0);
    let mut batch = Batch::of(&*data, BATCH);
    let mut rows = vec![];
    let (mut first, mut last) = ([0.0; 2], [0.0; 2]);
    for n in 0..=LOOKS[LOOKS.len() - 1] {
        batch.fill(&*data, 0, n * BATCH as u64)?;
        play.batch_mut(0).0.copy_from_slice(&batch.x);
        play.step(n);
        if LOOKS.contains(&n) {
            // Reported by a step before its update: of a discriminator that has learned n times.
            let reports = play.reports(n);
            last = ["minimax", "non_saturating"].map(|name| reports[name]);
            if n == 0 {
                first = last;
            }
            rows.push(json!({
                "updates": n, "D(G(z))": reports["probability"], "minimax": last[0], "non_saturating": last[1],
            }));
        }
    }
    evidence.figure("vanishing.gradient_norm_of_the_generator", rows);
    evidence.settings(
        "vanishing",
        json!({"data": "mnist:train", "networks": "dense", "width": 512, "z_dim": 100, "batch": BATCH,
               "discriminator": "adam 2e-4 [0.5, 0.999]", "generator": "as drawn, not trained"}),
    );
    let fall = first[0] / last[0];
    evidence.check(
        "minimax gradient, before / after D learned alone",
        ">= 10",
        format!("{fall:.0}"),
        fall >= 10.0,
    );
    let ratio = last[1] / last[0];
    evidence.check(
        "non-saturating / minimax gradient against that D",
        ">= 10",
        format!("{ratio:.0}"),
        ratio >= 10.0,
    );
    let kept = last[1] / first[1];
    evidence.check(
        "non-saturating gradient, after / before",
        ">= 1",
        format!("{kept:.1}"),
        kept >= 1.0,
    );
    Ok(format!(
        "minimax gradient falls {fall:.0}-fold where the non-saturating one grows {kept:.1}-fold"
    ))
}
