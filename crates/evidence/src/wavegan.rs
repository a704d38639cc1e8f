//! `wavegan`: an inception score of drum sounds, by a classifier of real ones' spectrograms.
use crate::Result;
use crate::labelled::Labelled;
use crate::made::Numbers;
use crate::record::{Evidence, median, picture, root, round};
use crate::training::{self, Changes, grid, order, samples, settings};
use ganymede::data::{self, Dataset, Shape, Want};
use ganymede::metrics::Classifier;
use ganymede::metrics::features::FeatureNetwork;
use ganymede::metrics::inception_score::inception_score;
use ganymede::run::{Sampler, wave};
use std::sync::Arc;

const SEEDS: [u64; 1] = [0];
const RATE_HZ: u32 = 8_000;
const LENGTH: usize = 4_096;
const STEPS: u64 = 1_500;
/// Narrower than the paper's and with a smaller batch, for a share of two processor cores.
const CHANGES: Changes = &[
    ("width", "16"),
    ("batch", "16"),
    ("generator.learning_rate", "2e-4"),
    ("critic.learning_rate", "2e-4"),
];
/// Sounds that are scored.
const COUNT: usize = 1_000;
/// Louder and softer, earlier and later: how often the classifier hears each training sound anew, and how often it goes through all.
const VARIANTS: usize = 16;
const EPOCHS: usize = 8;
/// Rows and columns of a spectrogram.
const SIDE: usize = 64;

pub(crate) fn evidence() -> Result<Evidence> {
    let mut evidence = Evidence::of_seeds(&SEEDS);
    data::get("drums", &mut |line| println!("      {line}"))?;
    let want = Want {
        rate_hz: Some(RATE_HZ),
        length: Some(LENGTH),
        ..Want::default()
    };
    let [train, test] = [data::open("drums:train", &want)?, data::open("drums:test", &want)?];
    let shape = train.shape();
    let (heard, real) = (varied(&train, VARIANTS)?, sounds(&train)?);
    let spec = Labelled {
        x: shape.drawn(&heard.x).into_owned(),
        y: heard.y,
    }
    .write("drums-heard", SIDE as u32)?;
    let mut clf = Classifier::train(&*data::open(&spec, &Want::default())?, 0, EPOCHS, &mut |progress| {
        if progress.update % 50 == 0 {
            println!(
                "      clf: update {} of {}, loss {:.3}",
                progress.update, progress.updates, progress.loss
            );
        }
    })?;
    let held_out = sounds(&test)?;
    let told = clf.predict(&shape.drawn(&held_out.x));
    let accuracy = crate::labelled::share(&told, held_out.y.iter().copied());
    let classes = train.classes().map_or(0, <[String]>::len);
    let commonest = (0..classes as u32)
        .map(|class| held_out.y.iter().filter(|y| **y == class).count())
        .max();
    let chance = commonest.unwrap_or(0) as f64 / held_out.y.len() as f64;
    evidence.figure("clf.accuracy", round(accuracy));
    evidence.figure("clf.chance", round(chance));
    evidence.check(
        "classifier on 20 held-out real sounds, of six kinds",
        &format!("> {chance:.2}, the commonest kind"),
        format!("{accuracy:.2}"),
        accuracy > chance,
    );

    let mut score = |values: &[f32]| -> f64 {
        let logits = clf.answer(&shape.drawn(values), [SIDE, SIDE, 1]).logits;
        inception_score(&logits, clf.record().classes.len(), 1).0.value
    };
    let bounds = [
        ("training_sounds", score(&real.x)),
        ("held_out_sounds", score(&held_out.x)),
        (
            "shuffled_sounds",
            score(&shuffled(&varied(&train, COUNT.div_ceil(real.y.len()))?.x)),
        ),
        ("noise", score(&noise(&real.x, COUNT))),
    ];
    let mut found = vec![];
    for seed in SEEDS {
        let mut order = order("wavegan", "drums:train", CHANGES, seed, STEPS);
        order.want = want.clone();
        let mut run = training::train(&format!("wavegan-{seed}"), order)?;
        let x = samples(run.play(), COUNT);
        found.push(score(&x));
        evidence.figure("seconds_per_step", round(training::seconds(&run)? / STEPS as f64));
        evidence.settings("wavegan", settings(&run)?);
        if seed == 0 {
            grid(&run, &x[..48 * LENGTH], 8, &picture("wavegan")?)?;
            grid(&run, &real.x[..48 * LENGTH], 8, &picture("wavegan-real")?)?;
            let sampler = Sampler::open(run.folder().path())?;
            let folder = root().join("docs/results/sounds");
            std::fs::create_dir_all(&folder)?;
            wave::write(
                &x[..24 * LENGTH],
                1,
                RATE_HZ,
                &sampler.stamp(),
                &folder.join("wavegan.wav"),
            )?;
        }
    }
    for (name, bound) in bounds {
        evidence.figure(&format!("score.{name}"), round(bound));
    }
    evidence.figure(
        "score.samples",
        found.iter().map(|score| round(*score)).collect::<Vec<_>>(),
    );
    let (samples, best) = (median(&found), bounds[0].1);
    let trivial = bounds[2].1.max(bounds[3].1);
    evidence.check(
        "inception-style score above noise and shuffled sounds",
        &format!("> {trivial:.2}"),
        format!("{samples:.2}"),
        samples > trivial,
    );
    evidence.figure = format!(
        "inception-style score {samples:.2} of drum sounds (real ones {best:.2}, shuffled {:.2}, noise {:.2}; the judge is right about {:.0} % of \
         held-out sounds)",
        bounds[2].1,
        bounds[3].1,
        100.0 * accuracy
    );
    Ok(evidence)
}

/// All sounds of a set with their classes.
fn sounds(data: &Arc<dyn Dataset>) -> Result<Labelled> {
    varied(data, 1)
}

/// Every sound of a set so many times, the first time as it is, then softer and later.
fn varied(data: &Arc<dyn Dataset>, variants: usize) -> Result<Labelled> {
    let Shape::Sound { length, .. } = data.shape() else {
        return Err("sounds were expected".into());
    };
    let (mut numbers, mut varied) = (Numbers(0), Labelled::default());
    for variant in 0..variants {
        for index in 0..data.len().unwrap_or(0) {
            let (x, y) = data.example(index)?;
            let [gain, late] = match variant {
                0 => [1.0, 0.0],
                _ => [0.3 + 0.7 * numbers.draw(), 0.1 * numbers.draw()],
            };
            let late = (late * length as f32) as usize;
            varied.x.extend(std::iter::repeat_n(0.0, late));
            varied.x.extend(x[..length - late].iter().map(|x| gain * x));
            varied.y.push(y);
        }
    }
    Ok(varied)
}

/// Sounds whose samples are in a random order: as loud, and nothing else of them.
fn shuffled(values: &[f32]) -> Vec<f32> {
    let (mut numbers, mut values) = (Numbers(2), values.to_vec());
    for sound in values.chunks_exact_mut(LENGTH) {
        for last in (1..LENGTH).rev() {
            sound.swap(last, (numbers.draw() * (last + 1) as f32) as usize);
        }
    }
    values
}

/// White noise as strong as the sounds are on average.
fn noise(values: &[f32], count: usize) -> Vec<f32> {
    let power = values.iter().map(|x| x * x).sum::<f32>() / values.len() as f32;
    let mut numbers = Numbers(1);
    // A uniform number on [-1, 1] has the power 1/3.
    (0..count * LENGTH)
        .map(|_| (3.0 * power).sqrt() * (2.0 * numbers.draw() - 1.0))
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn shuffling_keeps_every_sample() {
        let sound: Vec<f32> = (0..LENGTH).map(|t| t as f32).collect();
        let mut other = shuffled(&sound);
        assert_ne!(other, sound);
        other.sort_by(f32::total_cmp);
        assert_eq!(other, sound);
    }

    #[test]
    fn noise_is_as_strong() {
        let noise = noise(&[0.5, -0.5], 4);
        let power = noise.iter().map(|x| x * x).sum::<f32>() / noise.len() as f32;
        assert!((power - 0.25).abs() < 0.01, "{power}");
    }
}
