//! `anogan`: each digit in turn is what the GAN has never seen.
use crate::Result;
use crate::labelled::Labelled;
use crate::record::{Evidence, picture, round};
use crate::training::{self, Changes, grid, order, samples_at, settings};
use ganymede::data;
use ganymede::games::{Search, latent_vectors};
use ganymede::metrics::auroc;
use ganymede::optimisers::OptimiserConfig;
use serde_json::json;

/// Ten trainings, one without each digit.
const SEED: u64 = 0;
const FLOATS: usize = 784;
const TRAINED: u64 = 20_000;
/// Held-out pictures of the digit, and as many of the others.
const EACH: usize = 50;
/// Narrower than the paper's, and with longer steps, for two processor cores.
const CHANGES: Changes = &[
    ("width", "16"),
    ("z_dim", "32"),
    ("generator.learning_rate", "5e-4"),
    ("discriminator.learning_rate", "5e-4"),
];
const STEPS: u64 = 1_000;
const SEARCH_STEPS: usize = 100;

pub(crate) fn evidence() -> Result<Evidence> {
    let mut evidence = Evidence::of_seeds(&[SEED]);
    data::get("mnist", &mut |line| println!("      {line}"))?;
    let train = Labelled::read("mnist:train", TRAINED)?;
    let test = Labelled::read("mnist:test", u64::MAX)?;
    let mut areas = vec![];
    for digit in 0..10 {
        let spec = train
            .only(|_, y| y != digit)
            .write(&format!("digits-but-{digit}"), 28)?;
        let mut run = training::train(&format!("anogan-{digit}"), order("anogan", &spec, CHANGES, SEED, STEPS))?;
        let [normal, anomalous] =
            [false, true].map(|is_it| test.only(|_, y| (y == digit) == is_it).x[..EACH * FLOATS].to_vec());
        let x = [normal, anomalous].concat();
        let z_dim = run.play().system().z_dim();
        let mut search = Search::new(run.play(), 2 * EACH, false, OptimiserConfig::adam(0.05, [0.9, 0.999]));
        let begin = latent_vectors(SEED, 0, 2 * EACH, z_dim);
        let found = search.find(run.play(), &x, None, &begin, SEARCH_STEPS);
        areas.push(auroc(&found.misfit[..EACH], &found.misfit[EACH..]));
        println!("      without {digit}: {:.3}", areas[areas.len() - 1]);
        if digit == 0 {
            evidence.settings("digits_but_0", settings(&run)?);
            evidence.settings(
                "search",
                json!({"steps": SEARCH_STEPS, "optimiser": "adam 0.05 [0.9, 0.999]", "each": EACH}),
            );
            // In pairs of rows: pictures, and the nearest that the generator makes; others first, then what it never saw.
            let near = samples_at(run.play(), &found.codes);
            let row = |x: &[f32], first: usize| x[first * FLOATS..][..12 * FLOATS].to_vec();
            let shown = [row(&x, 0), row(&near, 0), row(&x, EACH), row(&near, EACH)].concat();
            grid(&run, &shown, 12, &picture("anogan")?)?;
        }
    }
    evidence.figure(
        "auroc.without_each_digit",
        areas.iter().copied().map(round).collect::<Vec<_>>(),
    );
    let mean = areas.iter().sum::<f64>() / areas.len() as f64;
    evidence.check(
        "AUROC of the digit left out, mean over the ten",
        ">= 0.6",
        format!("{mean:.3}"),
        mean >= 0.6,
    );
    evidence.figure = format!(
        "leave-one-digit-out AUROC {mean:.3} on MNIST (mean over ten digits, {:.3} to {:.3})",
        areas.iter().copied().fold(f64::INFINITY, f64::min),
        areas.iter().copied().fold(0.0, f64::max)
    );
    Ok(evidence)
}
