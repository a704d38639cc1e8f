//! `acgan`: digits on demand, judged by `clf`, and as varied within a class as real ones.
use crate::Result;
use crate::judge::Judge;
use crate::labelled::{Labelled, share};
use crate::record::{Evidence, median, picture, round};
use crate::training::{self, Changes, grid, order, samples, settings};
use ganymede::metrics::ssim::ms_ssim;

const SEEDS: [u64; 3] = [0, 1, 2];
const SAMPLES: usize = 2_000;
/// Narrower than the paper's, and with longer steps, for two processor cores.
const CHANGES: Changes = &[
    ("width", "24"),
    ("batch", "64"),
    ("average_decay", "0.999"),
    ("generator.learning_rate", "1e-3"),
    ("discriminator.learning_rate", "3e-4"),
];
const STEPS: u64 = 12_000;
/// Pairs of pictures that are compared within each class.
const PAIRS: usize = 100;

pub(crate) fn evidence() -> Result<Evidence> {
    let mut evidence = Evidence::of_seeds(&SEEDS);
    let mut judge = Judge::of("mnist")?;
    judge.record(&mut evidence, 0.99);
    let real = alikeness(&Labelled::read("mnist:test", u64::MAX)?);
    let (mut shares, mut alike) = (vec![], vec![]);
    for seed in SEEDS {
        let mut run = training::train(
            &format!("acgan-{seed}"),
            order("acgan", &judge.train, CHANGES, seed, STEPS),
        )?;
        // Samples are of the classes 0 to 9 in turn.
        let x = samples(run.play(), SAMPLES);
        shares.push(share(&judge.clf.predict(&x), (0..10).cycle()));
        if seed == 0 {
            evidence.settings("mnist", settings(&run)?);
            grid(&run, &x[..80 * 784], 10, &picture("acgan")?)?;
        }
        let y = (0..10).cycle().take(SAMPLES).collect();
        alike.push(alikeness(&Labelled { x, y }));
    }
    evidence.figure("acc_clf", shares.iter().copied().map(round).collect::<Vec<_>>());
    evidence.figure(
        "ms_ssim.within_class",
        alike.iter().copied().map(round).collect::<Vec<_>>(),
    );
    evidence.figure("ms_ssim.within_class_real", round(real));
    let (accuracy, alike) = (median(&shares), median(&alike));
    evidence.check(
        "acc@clf over 2,000 samples, median of 3 seeds",
        ">= 97 %",
        format!("{:.2} %", 100.0 * accuracy),
        accuracy >= 0.97,
    );
    evidence.check(
        "MS-SSIM within classes, median of 3 seeds",
        "< real + 0.05",
        format!("{alike:.3}, real {real:.3}"),
        alike < real + 0.05,
    );
    evidence.figure = format!(
        "acc@clf {:.2} % on MNIST; MS-SSIM within classes {alike:.3}, of real pictures {real:.3} (medians of 3 seeds)",
        100.0 * accuracy
    );
    Ok(evidence)
}

/// The mean MS-SSIM of pairs of neighbours within the classes.
fn alikeness(pictures: &Labelled) -> f64 {
    let of_class = |class: u32| {
        let chosen = pictures.only(|_, y| y == class);
        let pairs: Vec<f64> = chosen
            .x
            .chunks_exact(2 * 784)
            .take(PAIRS)
            .map(|pair| ms_ssim(&pair[..784], &pair[784..], [28, 28, 1]))
            .collect();
        pairs.iter().sum::<f64>() / pairs.len() as f64
    };
    (0..10).map(of_class).sum::<f64>() / 10.0
}
