//! What sounds look like: how loud each frequency is from moment to moment.

use std::f32::consts::{PI, TAU};
use std::sync::OnceLock;

use rayon::prelude::*;

/// Rows and columns of a picture of a sound: frequencies from half the sample rate down to 0, moments from the left.
pub(super) const EXTENTS: [usize; 3] = [64, 64, 1];
const ROWS: usize = EXTENTS[0];
const COLUMNS: usize = EXTENTS[1];
/// Samples that are heard at a moment.
const WINDOW: usize = 256;
/// Frequencies to a row.
const BESIDE: usize = WINDOW / 2 / ROWS;
/// How much softer than a tone of full scale what is drawn black is, in decibels.
const RANGE_DB: f32 = 80.0;

/// Hann's window times the cosine and the sine of each frequency, `[WINDOW / 2, 2, WINDOW]`.
fn waves() -> &'static [f32] {
    static WAVES: OnceLock<Vec<f32>> = OnceLock::new();
    WAVES.get_or_init(|| {
        let wave = |i: usize| {
            let (frequency, t) = (i / (2 * WINDOW), i % WINDOW);
            let window = 0.5 - 0.5 * (TAU * t as f32 / WINDOW as f32).cos();
            // The product is taken modulo a whole turn, which keeps its last digits.
            let turn = TAU * (frequency * t % WINDOW) as f32 / WINDOW as f32;
            let shift = if (i / WINDOW).is_multiple_of(2) { 0.5 * PI } else { 0.0 };
            window * (turn + shift).sin()
        };
        (0..WINDOW / 2 * 2 * WINDOW).map(wave).collect()
    })
}

/// The pictures of sounds `[n, length, channels]`, of which the first channel is drawn: `[n, 64, 64, 1]`, from -1, eighty decibels below
/// full scale or softer, to 1, a tone of full scale.
pub(super) fn of(values: &[f32], length: usize, channels: usize) -> Vec<f32> {
    let sounds: Vec<&[f32]> = values.chunks_exact(length * channels).collect();
    let pictures: Vec<Vec<f32>> = sounds
        .par_iter()
        .map(|sound| picture(sound, length, channels))
        .collect();
    pictures.concat()
}

fn picture(sound: &[f32], length: usize, channels: usize) -> Vec<f32> {
    let mut picture = vec![-1.0; ROWS * COLUMNS];
    for column in 0..COLUMNS {
        let begin = length.saturating_sub(WINDOW) * column / (COLUMNS - 1);
        let heard: Vec<f32> = (begin..(begin + WINDOW).min(length))
            .map(|t| sound[t * channels])
            .collect();
        let power = |frequency: usize| -> f32 {
            let waves = waves()[frequency * 2 * WINDOW..][..2 * WINDOW].chunks_exact(WINDOW);
            let parts = waves.map(|wave| wave.iter().zip(&heard).map(|(a, b)| a * b).sum::<f32>());
            parts.map(|part| part * part).sum()
        };
        for row in 0..ROWS {
            let loudest = (0..BESIDE).map(|i| power(row * BESIDE + i)).fold(0.0, f32::max);
            // A tone of full scale, seen through the window, adds up to a quarter of its length.
            let decibels = 10.0 * (loudest / (WINDOW as f32 / 4.0).powi(2)).max(f32::MIN_POSITIVE).log10();
            picture[(ROWS - 1 - row) * COLUMNS + column] = (1.0 + 2.0 * decibels / RANGE_DB).clamp(-1.0, 1.0);
        }
    }
    picture
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A tone of an eighth of the sample rate and a tenth of full scale lies in the middle of the lower half, twenty decibels below white.
    #[test]
    fn a_tone_is_a_line() {
        let tone: Vec<f32> = (0..1000).map(|t| 0.1 * (TAU * t as f32 / 8.0).sin()).collect();
        let picture = of(&tone, 1000, 1);
        for column in 0..COLUMNS {
            let at = |row: usize| picture[row * COLUMNS + column];
            // Row 16 from the bottom begins with a quarter of all frequencies.
            assert!((at(ROWS - 1 - 16) - 0.5).abs() < 1e-3, "{}", at(ROWS - 1 - 16));
            assert!(at(10) < -0.9 && at(60) < -0.9);
        }
        assert!(of(&[0.0; 300], 300, 1).iter().all(|x| *x == -1.0));
    }

    #[test]
    fn the_first_channel_is_drawn_and_short_sounds_are() {
        let two: Vec<f32> = (0..100).flat_map(|t| [(t % 8) as f32 / 8.0, 1.0]).collect();
        let one: Vec<f32> = (0..100).map(|t| (t % 8) as f32 / 8.0).collect();
        assert_eq!(of(&two, 100, 2), of(&one, 100, 1));
    }
}
