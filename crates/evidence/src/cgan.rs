//! `cgan`: handwritten digits on demand, judged by `clf`.
use crate::Result;
use crate::judge::Judge;
use crate::record::{Evidence, picture, round};
use crate::training::{self, Changes, grid, order, samples, settings};

/// Narrower than the paper's 64 channels, for two processor cores.
const CHANGES: Changes = &[("width", "32")];
const STEPS: u64 = 6_000;
const SAMPLES: usize = 5_000;

pub(crate) fn evidence() -> Result<Evidence> {
    let mut evidence = Evidence::of_seeds(&[0]);
    let mut judge = Judge::of("mnist")?;
    judge.record(&mut evidence, 0.99);
    let mut run = training::train("cgan", order("cgan", &judge.train, CHANGES, 0, STEPS))?;
    evidence.settings("mnist", settings(&run)?);
    // Samples are of the classes 0 to 9 in turn.
    let x = samples(run.play(), SAMPLES);
    let got = judge.clf.predict(&x);
    let mut right = [0; 10];
    for (i, class) in got.iter().enumerate() {
        right[i % 10] += usize::from(*class as usize == i % 10);
    }
    let accuracy = right.iter().sum::<usize>() as f64 / SAMPLES as f64;
    evidence.check(
        "acc@clf over 5,000 samples",
        ">= 95 %",
        format!("{:.2} %", 100.0 * accuracy),
        accuracy >= 0.95,
    );
    let by_class: Vec<f64> = right.iter().map(|r| round(*r as f64 / (SAMPLES / 10) as f64)).collect();
    evidence.figure("acc_by_class", by_class);
    evidence.figure("fd_clf", round(judge.frechet(&x)));
    let real = judge.frechet_of_real(SAMPLES)?;
    evidence.figure("fd_clf.real_training_pictures", round(real));
    grid(&run, &x[..80 * 784], 10, &picture("cgan")?)?;
    evidence.figure = format!(
        "acc@clf {:.2} % on MNIST (clf {:.2} %)",
        100.0 * accuracy,
        100.0 * judge.clf.record().accuracy.unwrap_or(0.0)
    );
    Ok(evidence)
}
