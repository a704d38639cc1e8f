//! `bigan` and `ali`: what comes back of a picture, and what a linear probe reads from its code.
use crate::Result;
use crate::judge::Judge;
use crate::labelled::{Labelled, probe, share, square_error};
use crate::record::{Evidence, median, picture, round};
use crate::training::{self, Changes, applied, grid, order, samples, settings};
use ganymede::data::{self, Want};
use ganymede::games::Play;
use ganymede::models::{self, Built, Given};
use serde_json::json;

const SEEDS: [u64; 3] = [0, 1, 2];
const FLOATS: usize = 784;
/// Pictures that the probe learns from, and as many that it is held to.
const PROBED: u64 = 5_000;

/// Narrower than the papers', and with longer steps of generator and encoder, for two processor cores.
const NARROW: [(&str, &str); 5] = [
    ("width", "16"),
    ("batch", "64"),
    ("z_dim", "32"),
    ("generator.learning_rate", "1e-3"),
    ("discriminator.learning_rate", "4e-4"),
];
const STEPS: u64 = 8_000;

pub(crate) fn bigan() -> Result<Evidence> {
    evidence(
        "bigan",
        &[&NARROW[..], &[("networks", "convolutional")]].concat(),
        STEPS,
    )
}

pub(crate) fn ali() -> Result<Evidence> {
    evidence("ali", &NARROW, STEPS)
}

fn evidence(system: &str, changes: Changes, steps: u64) -> Result<Evidence> {
    let mut evidence = Evidence::of_seeds(&SEEDS);
    let mut judge = Judge::of("mnist")?;
    judge.record(&mut evidence, 0.99);
    let [train, test] = [
        Labelled::read("mnist:train", PROBED)?,
        Labelled::read("mnist:test", PROBED)?,
    ];
    let (mut learned, mut at_random, mut nearness, mut kept) = (vec![], vec![], vec![], vec![]);
    for seed in SEEDS {
        let probed = |play: &mut Play| {
            let [a, b] = [&train, &test].map(|set| applied(play, "encode", &set.x, FLOATS));
            probe((&a, &train.y), (&b, &test.y), 10)
        };
        let mut run = training::train(
            &format!("{system}-{seed}"),
            order(system, "mnist:train", changes, seed, steps),
        )?;
        learned.push(probed(run.play()));
        at_random.push(probed(&mut untrained(system, changes, seed)?));
        let there = applied(run.play(), "reconstruct", &test.x, FLOATS);
        let made = samples(run.play(), test.y.len());
        nearness.push(square_error(&there, &test.x) / square_error(&made, &test.x));
        kept.push(share(&judge.clf.predict(&there), test.y.iter().copied()));
        if seed == 0 {
            evidence.settings("mnist", settings(&run)?);
            // In pairs of rows: pictures, and what comes back; then samples.
            let row = |x: &[f32], row: usize| x[row * 12 * FLOATS..][..12 * FLOATS].to_vec();
            let shown = [
                row(&test.x, 0),
                row(&there, 0),
                row(&test.x, 1),
                row(&there, 1),
                row(&made, 0),
                row(&made, 1),
            ];
            grid(&run, &shown.concat(), 12, &picture(system)?)?;
        }
    }
    let rounded = |values: &[f64]| values.iter().copied().map(round).collect::<Vec<_>>();
    evidence.figure(
        "probe.accuracy",
        json!({"learned": rounded(&learned), "random": rounded(&at_random)}),
    );
    evidence.figure("reconstruction.mse_over_that_of_samples", rounded(&nearness));
    evidence.figure("reconstruction.digit_kept", rounded(&kept));
    let [learned, at_random, nearness, kept] = [&learned, &at_random, &nearness, &kept].map(|values| median(values));
    evidence.check(
        "linear probe on E(x) / on an untrained E(x), median",
        "> 1",
        format!("{:.1} % / {:.1} %", 100.0 * learned, 100.0 * at_random),
        learned > at_random,
    );
    evidence.check(
        "MSE of G(E(x)) / of samples at random, median",
        "< 1",
        format!("{nearness:.2}"),
        nearness < 1.0,
    );
    evidence.check(
        "G(E(x)) that clf gives the digit of x, median",
        ">= 5 times chance",
        format!("{:.1} %", 100.0 * kept),
        kept >= 0.5,
    );
    evidence.figure = format!(
        "linear probe on E(x) {:.1} % on MNIST, on an untrained E(x) {:.1} %; {:.1} % of G(E(x)) are the digit of x (medians of 3 seeds)",
        100.0 * learned,
        100.0 * at_random,
        100.0 * kept
    );
    Ok(evidence)
}

/// The system as it is drawn.
fn untrained(system: &str, changes: Changes, seed: u64) -> Result<Play> {
    let entry = models::find(system)?;
    let changes: Vec<_> = changes
        .iter()
        .map(|(key, value)| (key.to_string(), value.to_string()))
        .collect();
    let settings = models::resolve(system, &entry.defaults(), &changes)?;
    let given = Given::by(&*data::open("mnist:train", &Want::default())?);
    let Built { system, scope, batch } = entry.build(&settings, &given, seed)?;
    Ok(Play::new(system, scope, given.of_batch(batch), seed))
}
