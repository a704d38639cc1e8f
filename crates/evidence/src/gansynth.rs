//! `gansynth`: whether its tones have the pitch that is asked for, and whether phases hold together as they do not in `wavegan`'s.
use crate::Result;
use crate::made::Numbers;
use crate::record::{Evidence, median, picture, root, round};
use crate::training::{self, Changes, grid, order, samples, settings};
use ganymede::data::{self, Want};
use ganymede::run::{Sampler, wave};
use std::f64::consts::TAU;

const SEEDS: [u64; 1] = [0];
const RATE_HZ: u32 = 8_000;
const LENGTH: usize = 4_096;
const PITCHES: usize = 24;
const DATA: &str = "tones:24";
const STEPS: u64 = 8_000;
/// Narrower than the papers', for a share of two processor cores; both see as many sounds.
const CHANGES: Changes = &[
    ("width", "12"),
    ("z_dim", "64"),
    ("generator.learning_rate", "6e-4"),
    ("critic.learning_rate", "6e-4"),
];
const WAVEGAN: Changes = &[
    ("width", "16"),
    ("batch", "8"),
    ("n_critic", "1"),
    ("generator.learning_rate", "2e-4"),
    ("critic.learning_rate", "2e-4"),
];
/// Sounds that are heard, all pitches in turn.
const COUNT: usize = 480;
/// The lowest pitch, 60 for middle C.
const LOWEST: f64 = 60.0;
/// The stretch of a sound that its pitch is told by, behind its attack.
const HEARD: std::ops::Range<usize> = 200..2_200;

pub(crate) fn evidence() -> Result<Evidence> {
    let mut evidence = Evidence::of_seeds(&SEEDS);
    let want = Want {
        rate_hz: Some(RATE_HZ),
        length: Some(LENGTH),
        ..Want::default()
    };
    let data = data::open(DATA, &want)?;
    let (mut real, mut labels) = (vec![0.0; COUNT * LENGTH], vec![0.0; COUNT]);
    data.batch(training::HELD_OUT_SEED, 0, COUNT, &mut real, &mut labels)?;
    let asked: Vec<f32> = (0..COUNT).map(|i| (i % PITCHES) as f32).collect();
    let known = accuracy(&real, &labels);
    evidence.figure("pitch_accuracy.real", round(known));
    evidence.figure("phase_coherence.real", round(coherence(&real)));
    let mut numbers = Numbers(1);
    let noise: Vec<f32> = (0..COUNT * LENGTH).map(|_| 2.0 * numbers.draw() - 1.0).collect();
    evidence.figure("phase_coherence.noise", round(coherence(&noise)));
    let (mut right, mut held, mut waves) = (vec![], vec![], vec![]);
    for seed in SEEDS {
        let run = |system: &str, changes, steps| {
            let mut order = order(system, DATA, changes, seed, steps);
            order.want = want.clone();
            training::train(&format!("{system}-tones-{seed}"), order)
        };
        let mut own = run("gansynth", CHANGES, STEPS)?;
        let x = samples(own.play(), COUNT);
        right.push(accuracy(&x, &asked));
        held.push(coherence(&x));
        evidence.figure("seconds_per_step", round(training::seconds(&own)? / STEPS as f64));
        evidence.settings("gansynth", settings(&own)?);
        if seed == 0 {
            grid(&own, &x[..48 * LENGTH], 8, &picture("gansynth")?)?;
            grid(&own, &real[..48 * LENGTH], 8, &picture("gansynth-real")?)?;
            let folder = root().join("docs/results/sounds");
            std::fs::create_dir_all(&folder)?;
            let stamp = Sampler::open(own.folder().path())?.stamp();
            wave::write(&x[..PITCHES * LENGTH], 1, RATE_HZ, &stamp, &folder.join("gansynth.wav"))?;
        }
        let mut other = run("wavegan", WAVEGAN, STEPS)?;
        let x = samples(other.play(), COUNT);
        waves.push(coherence(&x));
        evidence.settings("wavegan", settings(&other)?);
    }
    let [right, held, waves] = [&right, &held, &waves].map(|found| median(found));
    evidence.figure("pitch_accuracy.samples", round(right));
    evidence.figure("phase_coherence.samples", round(held));
    evidence.figure("phase_coherence.wavegan", round(waves));
    evidence.check(
        "share of tones whose pitch, by autocorrelation, is the one asked for, of 24",
        "> 0.8",
        format!("{right:.3}"),
        right > 0.8,
    );
    evidence.check(
        "phase coherence above that of wavegan on the same tones",
        &format!("> {waves:.3}"),
        format!("{held:.3}"),
        held > waves,
    );
    evidence.figure = format!(
        "{:.0} % of its tones have the pitch that is asked for, one of 24 (real tones {:.0} % by the same estimate); phase coherence {held:.3} \
         (wavegan {waves:.3}, real tones {:.3})",
        100.0 * right,
        100.0 * known,
        coherence(&real)
    );
    Ok(evidence)
}

/// The share of sounds whose pitch is that of their class.
fn accuracy(sounds: &[f32], classes: &[f32]) -> f64 {
    let right = sounds
        .chunks_exact(LENGTH)
        .zip(classes)
        .filter(|(sound, class)| pitch(sound) == Some(**class as usize));
    right.count() as f64 / classes.len() as f64
}

/// The class of the pitch of a sound: that of whose period the sound, shifted by one, two and three of it, is most like itself. An octave
/// above is refused by the single period, an octave below by the higher pitch being tried first.
fn pitch(sound: &[f32]) -> Option<usize> {
    let power = |shift: usize| {
        let product = |range: std::ops::Range<usize>| {
            range
                .map(|t| f64::from(sound[t]) * f64::from(sound[t + shift]))
                .sum::<f64>()
        };
        product(HEARD)
    };
    let whole = power(0);
    let of = |class: usize| -> f64 {
        let period = f64::from(RATE_HZ) / (440.0 * ((LOWEST + class as f64 - 69.0) / 12.0).exp2());
        // Between whole samples the product is taken along a straight line.
        let at = |periods: f64| {
            let (low, part) = ((period * periods).floor(), (period * periods).fract());
            power(low as usize) * (1.0 - part) + power(low as usize + 1) * part
        };
        (at(1.0) + at(2.0) + at(8.0) + at(13.0)) / 4.0 / whole.max(f64::MIN_POSITIVE)
    };
    let likeness: Vec<f64> = (0..PITCHES).map(of).collect();
    let best = likeness.iter().copied().fold(f64::MIN, f64::max);
    // Twice a period is one as well: of pitches that fit about as well the highest is meant.
    (0..PITCHES)
        .rev()
        .find(|class| likeness[*class] > 0.9 * best && best > 0.1)
}

/// Samples of a window. Windows do not overlap: of those that do, the spectra of noise are alike too.
const WINDOW: usize = 256;

/// How steadily phases turn: for each frequency, the length of the sum of the products of neighbouring windows' spectra over the sum of
/// their lengths, weighted by these; 1 where every phase turns at one rate.
fn coherence(sounds: &[f32]) -> f64 {
    let (mut sums, mut lengths) = (0.0, 0.0);
    let waves: Vec<[f64; 2]> = (0..WINDOW)
        .map(|t| TAU * t as f64 / WINDOW as f64)
        .map(|turn| [turn.cos(), -turn.sin()])
        .collect();
    let hann: Vec<f64> = waves.iter().map(|[cos, _]| 0.5 - 0.5 * cos).collect();
    for sound in sounds.chunks_exact(LENGTH).take(COHERENT) {
        for bin in 1..WINDOW / 2 {
            let part = |moment: usize| {
                let mut sum = [0.0; 2];
                for t in 0..WINDOW {
                    let x = hann[t] * f64::from(sound[moment * WINDOW + t]);
                    let wave = waves[bin * t % WINDOW];
                    sum = [sum[0] + x * wave[0], sum[1] + x * wave[1]];
                }
                sum
            };
            let parts: Vec<[f64; 2]> = (0..LENGTH / WINDOW).map(part).collect();
            let mut turned = [0.0; 2];
            for pair in parts.windows(2) {
                let [[a, b], [c, d]] = [pair[0], pair[1]];
                let product = [c * a + d * b, d * a - c * b];
                turned = [turned[0] + product[0], turned[1] + product[1]];
                lengths += product[0].hypot(product[1]);
            }
            sums += turned[0].hypot(turned[1]);
        }
    }
    sums / lengths
}

/// Sounds whose coherence is measured.
const COHERENT: usize = 48;

#[cfg(test)]
mod tests {
    use super::*;

    fn tones() -> (Vec<f32>, Vec<f32>) {
        let want = Want {
            rate_hz: Some(RATE_HZ),
            length: Some(LENGTH),
            ..Want::default()
        };
        let data = data::open(DATA, &want).unwrap();
        let (mut x, mut y) = (vec![0.0; 48 * LENGTH], vec![0.0; 48]);
        data.batch(7, 0, 48, &mut x, &mut y).unwrap();
        (x, y)
    }

    #[test]
    fn the_pitch_of_real_tones_is_told() {
        let (x, y) = tones();
        assert!(accuracy(&x, &y) > 0.95, "{}", accuracy(&x, &y));
        let silence = vec![0.0; LENGTH];
        assert_eq!(pitch(&silence), None);
    }

    #[test]
    fn steady_tones_hold_together_and_noise_does_not() {
        let steady: Vec<f32> = (0..LENGTH).map(|t| (0.4 * t as f32).sin()).collect();
        assert!(coherence(&steady) > 0.99, "{}", coherence(&steady));
        let mut numbers = Numbers(1);
        let noise: Vec<f32> = (0..LENGTH).map(|_| 2.0 * numbers.draw() - 1.0).collect();
        assert!(coherence(&noise) < 0.5, "{}", coherence(&noise));
    }
}
