//! Tones: plucked strings by formula, drawn without end, each of a pitch that is known.

use std::f64::consts::TAU;

use super::error::{DataError, Result};
use super::order::{below, hash, unit};
use super::shaping::Want;
use super::sounds::{LENGTH, RATE_HZ, checked};
use super::{Dataset, Field, Shape, check_lengths, sha256_hex};

/// What tones are called: `tones:24`, of 24 pitches.
pub(crate) const KIND: &str = "tones";
/// The lowest pitch, 60 for middle C, and how many there may be.
const LOWEST: u64 = 60;
const PITCHES: std::ops::RangeInclusive<u64> = 2..=36;
const NAMES: [&str; 12] = ["C", "C#", "D", "D#", "E", "F", "F#", "G", "G#", "A", "A#", "B"];
/// Harmonics at most; none is as high as half the sample rate.
const HARMONICS: usize = 24;
/// Seconds in which a tone begins.
const ATTACK: f64 = 0.004;

/// Tones whose class is their pitch, semitones from middle C upwards. Reading by number draws with seed 0; batches with the run's seed.
///
/// ```text
/// x(t) = g (1 - exp(-t / 4 ms)) sum_h h^-s o_h exp(-d (1 + h / 4) t) sin(2 pi h f t + p_h)
/// ```
///
/// g, s, d, the phases p and the weight of even harmonics o are drawn for each: softer and louder, darker and brighter, longer and shorter,
/// fuller and hollower.
#[derive(Debug, Clone)]
pub struct Tones {
    name: String,
    digest: String,
    shape: Shape,
    rate_hz: u32,
    classes: Vec<String>,
}

impl Tones {
    /// Tones of so many pitches, as it is written behind `tones:`.
    ///
    /// # Errors
    /// [`DataError::ImpossibleTone`] where it is no number from 2 to 36; [`DataError::ImpossibleSound`] for a rate or a length that cannot
    /// be made.
    pub fn parse(text: &str, want: &Want) -> Result<Self> {
        let (rate_hz, length) = checked(want.rate_hz.unwrap_or(RATE_HZ), want.length.unwrap_or(LENGTH), want)?;
        let count: Option<u64> = text.parse().ok().filter(|count| PITCHES.contains(count));
        let count = count.ok_or_else(|| DataError::ImpossibleTone { got: text.into() })?;
        let name = format!("{KIND}:{count}");
        // The version is part of the digest: it must change with the formula.
        let digest = sha256_hex(&[b"ganymede tones, version 1: ", name.as_bytes()]);
        let class = |pitch: u64| format!("{}{}", NAMES[(pitch % 12) as usize], pitch / 12 - 1);
        Ok(Self {
            name,
            digest,
            shape: Shape::Sound {
                length,
                channels: 1,
                rate_hz,
            },
            rate_hz,
            classes: (LOWEST..LOWEST + count).map(class).collect(),
        })
    }

    fn draw(&self, seed: u64, k: u64, x: &mut [f32]) -> u32 {
        let word = |number: u64| hash(hash(seed, number), k);
        let between = |number: u64, low: f64, high: f64| low + (high - low) * unit(word(number));
        let class = below(word(0), self.classes.len() as u64);
        let rate = f64::from(self.rate_hz);
        let hz = frequency(LOWEST + class);
        let (gain, slope, decay, even) = (
            between(1, 0.4, 0.9),
            between(2, 0.8, 2.5),
            between(3, 1.5, 6.0),
            between(4, 0.0, 1.0),
        );
        let harmonics: Vec<[f64; 4]> = (1..=HARMONICS)
            .filter(|h| *h as f64 * hz < 0.45 * rate)
            .map(|h| {
                let n = h as f64;
                let weight = n.powf(-slope) * if h % 2 == 0 { even } else { 1.0 };
                [
                    n * hz / rate,
                    weight,
                    decay * (1.0 + n / 4.0) / rate,
                    unit(word(10 + h as u64)),
                ]
            })
            .collect();
        let full: f64 = harmonics.iter().map(|harmonic| harmonic[1]).sum();
        for (t, x) in x.iter_mut().enumerate() {
            let t = t as f64;
            let wave = |[turns, weight, decay, phase]: &[f64; 4]| {
                // A whole number of turns is taken away first, which keeps the last digits of the rest.
                weight * (-decay * t).exp() * (TAU * (turns * t + phase).fract()).sin()
            };
            let sum: f64 = harmonics.iter().map(wave).sum();
            *x = (gain * (1.0 - (-t / (ATTACK * rate)).exp()) * sum / full) as f32;
        }
        class as u32
    }
}

/// Vibrations in a second of a pitch, 69 for the A of 440.
fn frequency(pitch: u64) -> f64 {
    440.0 * ((pitch as f64 - 69.0) / 12.0).exp2()
}

impl Dataset for Tones {
    fn name(&self) -> &str {
        &self.name
    }

    fn digest(&self) -> &str {
        &self.digest
    }

    fn len(&self) -> Option<u64> {
        None
    }

    fn shape(&self) -> Shape {
        self.shape
    }

    fn classes(&self) -> Option<&[String]> {
        Some(&self.classes)
    }

    fn has(&self) -> &[Field] {
        &[Field::X, Field::Y]
    }

    fn read(&self, index: u64, x: &mut [f32]) -> Result<u32> {
        check_lengths(self.shape.floats(), 1, x, &[]);
        Ok(self.draw(0, index, x))
    }

    fn batch(&self, seed: u64, first: u64, count: usize, x: &mut [f32], y: &mut [f32]) -> Result<()> {
        check_lengths(self.shape.floats(), count, x, y);
        for (i, x) in x.chunks_exact_mut(self.shape.floats()).enumerate() {
            let class = self.draw(seed, first + i as u64, x);
            if let Some(y) = y.get_mut(i) {
                *y = class as f32;
            }
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn tones(text: &str) -> Result<Tones> {
        let want = Want {
            rate_hz: Some(8_000),
            length: Some(1_600),
            ..Want::default()
        };
        Tones::parse(text, &want)
    }

    /// A tone goes on for a fifth of a second with the period of its pitch: shifted by it, it is nearly itself, but for its decay.
    #[test]
    fn a_tone_has_the_period_of_its_class() {
        let tones = tones("24").unwrap();
        assert_eq!(
            (
                tones.classes().unwrap()[0].as_str(),
                tones.classes().unwrap()[21].as_str()
            ),
            ("C4", "A5")
        );
        assert!((frequency(LOWEST + 21) - 880.0).abs() < 1e-9);
        for k in 0..20 {
            let (x, class) = tones.example(k).unwrap();
            let period = 8_000.0 / frequency(LOWEST + u64::from(class));
            // Of many periods at once, so that the rounding to whole samples is small.
            let periods = (400.0 / period).floor();
            let shift = (periods * period).round() as usize;
            let product = |shift: usize| {
                x[100..1_000]
                    .iter()
                    .zip(&x[100 + shift..])
                    .map(|(a, b)| a * b)
                    .sum::<f32>()
            };
            assert!(product(shift) > 0.5 * product(0), "{k}: {class}");
            assert!(x.iter().all(|x| x.abs() <= 0.9) && x.iter().any(|x| x.abs() > 0.05));
        }
    }

    #[test]
    fn a_batch_is_a_pure_function_of_seed_and_number() {
        let tones = tones("5").unwrap();
        let batch = |seed, first, count: usize| {
            let (mut x, mut y) = (vec![0.0; 1_600 * count], vec![0.0; count]);
            tones.batch(seed, first, count, &mut x, &mut y).unwrap();
            (x, y)
        };
        let (x, y) = batch(1, 0, 64);
        assert_eq!(batch(1, 3, 1), (x[3 * 1_600..4 * 1_600].to_vec(), y[3..4].to_vec()));
        assert_ne!(batch(2, 0, 1).0, x[..1_600]);
        assert!((0..5).all(|class| y.contains(&(class as f32))));
    }

    #[test]
    fn numbers_of_pitches_are_checked() {
        for text in ["", "1", "37", "many"] {
            let error = tones(text).unwrap_err();
            assert_eq!(
                error.to_string(),
                format!("impossible tones: expected 2 to 36 pitches, got `{text}`")
            );
            assert_eq!(
                error.hint().unwrap(),
                "write the number of pitches behind the colon: `--data tones:24`"
            );
        }
        let pictures = Want::picture(8, 8, 1);
        assert!(Tones::parse("24", &pictures).is_err());
    }
}
