//! `can`: pictures that pass for real as often as a DCGAN's and are of no class that `clf` knows.
use crate::Result;
use crate::judge::Judge;
use crate::record::{Evidence, median, picture, round};
use crate::training::{self, Changes, at_the_end, grid, order, samples, settings};
use ganymede::metrics::{Classifier, FeatureNetwork};

const SEEDS: [u64; 3] = [0, 1, 2];
const SAMPLES: usize = 2_000;
const STEPS: u64 = 1_500;
/// Both alike; narrower than the papers', for two processor cores.
const BOTH: [(&str, &str); 4] = [
    ("width", "16"),
    ("batch", "64"),
    ("generator.learning_rate", "2e-4"),
    ("discriminator.learning_rate", "2e-4"),
];

pub(crate) fn evidence() -> Result<Evidence> {
    let mut evidence = Evidence::of_seeds(&SEEDS);
    let mut judge = Judge::of("fashion-mnist")?;
    judge.record(&mut evidence, 0.9);
    let mut passing = [vec![], vec![]];
    let mut entropies = [vec![], vec![]];
    for seed in SEEDS {
        for (which, system) in ["can", "dcgan"].into_iter().enumerate() {
            let changes: Changes = &BOTH;
            let order = order(system, &judge.train, changes, seed, STEPS);
            let mut run = training::train(&format!("can-{system}-{seed}"), order)?;
            passing[which].push(1.0 - at_the_end(&run, "accuracy.fake")?);
            let x = samples(run.play(), SAMPLES);
            entropies[which].push(entropy(&mut judge.clf, &x));
            if seed == 0 {
                evidence.settings(system, settings(&run)?);
                grid(&run, &x[..64 * 784], 8, &picture(["can", "can-dcgan"][which])?)?;
            }
        }
    }
    for (which, system) in ["can", "dcgan"].into_iter().enumerate() {
        let rounded = |values: &[f64]| values.iter().copied().map(round).collect::<Vec<_>>();
        evidence.figure(&format!("judged_real.{system}"), rounded(&passing[which]));
        evidence.figure(&format!("style_entropy_nats.{system}"), rounded(&entropies[which]));
    }
    let [own, dcgan] = [median(&passing[0]), median(&passing[1])];
    let least = passing[1].iter().copied().fold(f64::INFINITY, f64::min);
    evidence.check(
        "samples that its D takes for real, median",
        "as dcgan's 3 seeds",
        format!(
            "{:.1} %, dcgan {:.1} % (least {:.1} %)",
            100.0 * own,
            100.0 * dcgan,
            100.0 * least
        ),
        own >= least,
    );
    let [undecided, decided] = [median(&entropies[0]), median(&entropies[1])];
    let factor = undecided / decided;
    evidence.check(
        "entropy of clf's classes / of dcgan's samples, median",
        ">= 1.3",
        format!("{undecided:.3} / {decided:.3} = {factor:.2}"),
        factor >= 1.3,
    );
    evidence.figure = format!(
        "on Fashion-MNIST its D takes {:.1} % of samples for real, dcgan's {:.1} %; clf's entropy over classes is {factor:.2} times as large (medians of 3 seeds)",
        100.0 * own,
        100.0 * dcgan
    );
    Ok(evidence)
}

/// The mean entropy of what the classifier says of pictures, in nats.
fn entropy(clf: &mut Classifier, pictures: &[f32]) -> f64 {
    let logits = clf.answer(pictures, [28, 28, 1]).logits;
    let of_row = |row: &[f32]| {
        let largest = row.iter().copied().fold(f32::NEG_INFINITY, f32::max);
        let powers: Vec<f64> = row.iter().map(|logit| f64::from(logit - largest).exp()).collect();
        let sum: f64 = powers.iter().sum();
        -powers.iter().map(|p| p / sum * (p / sum).max(1e-300).ln()).sum::<f64>()
    };
    logits.chunks_exact(10).map(of_row).sum::<f64>() / (logits.len() / 10) as f64
}
