//! Sounds as pictures of how loud each frequency is and how its phase moves on, and back, within the graph.
//!
//! Engel et al. 2019 (arXiv:1902.08710, section 2): the phase of a steady tone turns at a steady rate, so that the turn from one window
//! to the next, the instantaneous frequency, is a number that stays, where the phase itself is one that looks random.
use gany_engine::{ConvOptions, DType, Tensor, concat, select};
use std::f64::consts::{PI, TAU};

/// Samples of a window, and by how many it moves: windows overlap by three quarters.
const WINDOW: usize = 256;
pub(super) const HOP: usize = 64;
/// Frequencies: all from 0 up to half the sample rate, which is left out.
pub(super) const BINS: usize = WINDOW / 2;
/// Windows stand over both ends by so much.
const PADDING: usize = (WINDOW - HOP) / 2;
/// The power of a tone of full scale, seen through Hann's window.
const FULL: f64 = (WINDOW / 4 * WINDOW / 4) as f64;
/// How much softer than full scale -1 is, in decibels.
const RANGE_DB: f64 = 80.0;

/// Hann's window, then the cosine and minus the sine of each frequency under it: `[WINDOW, 1, 2 BINS]`, each `scaled`.
fn waves(dtype: DType, scaled: impl Fn(usize) -> f64) -> Tensor {
    let wave = |i: usize| {
        let (t, part, bin) = (i / (2 * BINS), i / BINS % 2, i % BINS);
        // The product is taken modulo a whole turn, which keeps its last digits.
        let turn = TAU * (bin * t % WINDOW) as f64 / WINDOW as f64;
        scaled(bin) * hann(t) * if part == 0 { turn.cos() } else { -turn.sin() }
    };
    let numbers: Vec<f64> = (0..WINDOW * 2 * BINS).map(wave).collect();
    Tensor::from_elements(dtype, &[WINDOW, 1, 2 * BINS], &numbers)
}

fn hann(t: usize) -> f64 {
    0.5 - 0.5 * (TAU * t as f64 / WINDOW as f64).cos()
}

fn options() -> ConvOptions {
    ConvOptions::new().stride([HOP]).padding([PADDING])
}

/// The pictures of sounds: loudness in decibels, from -1 at eighty below full scale to 1 at full scale, and the turn of the phase since
/// the window before, from -1 to 1 for half a turn either way; for the first window, the phase.
///
/// # Shapes
/// `[n, length, 1]` to `[n, length / 64, 128, 2]`.
pub(super) fn of(x: &Tensor) -> Tensor {
    let both = x.conv(&waves(x.dtype(), |_| 1.0), &options());
    let [n, moments] = [both.extent(0), both.extent(1)];
    let (re, im) = (both.slice(2, 0, BINS), both.slice(2, BINS, 2 * BINS));
    let decibels = ((re.square() + im.square()) * (1.0 / FULL) + floor()).log() * (10.0 / 10_f64.ln());
    let loudness = (decibels * (2.0 / RANGE_DB) + 1.0).clamp(-1.0, 1.0);
    let before = |part: &Tensor, first: f64| {
        let first = Tensor::full(x.dtype(), &[n, 1, BINS], first);
        concat(&[first, part.slice(1, 0, moments - 1)], 1)
    };
    let (re_before, im_before) = (before(&re, 1.0), before(&im, 0.0));
    let turn = angle(
        &(&im * &re_before - &re * &im_before),
        &(&re * &re_before + &im * &im_before),
    );
    let plane = |part: Tensor| part.reshape(&[n, moments, BINS, 1]);
    concat(&[plane(loudness), plane(turn * (1.0 / PI))], 3)
}

/// The sounds of such pictures, windows added up where they overlap.
///
/// # Shapes
/// `[n, length / 64, 128, 2]` to `[n, length, 1]`.
pub(super) fn sound(pictures: &Tensor) -> Tensor {
    let [n, moments] = [pictures.extent(0), pictures.extent(1)];
    let part = |i: usize| pictures.slice(3, i, i + 1).reshape(&[n, moments, BINS]);
    let decibels = (part(0) - 1.0) * (RANGE_DB / 2.0);
    let power = (decibels * (10_f64.ln() / 10.0)).exp() - floor();
    let size = (power.relu() * FULL).sqrt();
    // All turns up to a moment, added up by a triangle of ones.
    let ones: Vec<f64> = (0..moments * moments)
        .map(|i| f64::from(i / moments <= i % moments))
        .collect();
    let triangle = Tensor::from_elements(pictures.dtype(), &[moments, moments], &ones);
    let phase = (part(1) * PI).permute(&[0, 2, 1]).matmul(&triangle).permute(&[0, 2, 1]);
    let both = concat(&[&size * phase.cos(), size * phase.sin()], 2);
    let scaled = |bin: usize| if bin == 0 { 1.0 } else { 2.0 } / WINDOW as f64;
    let added = both.conv_transpose(&waves(pictures.dtype(), scaled), &options(), [0]);
    added * Tensor::from_elements(pictures.dtype(), &[1, moments * HOP, 1], &overlaps(moments))
}

/// One over the squares of all windows at each sample.
fn overlaps(moments: usize) -> Vec<f64> {
    let mut squares = vec![0.0; (moments - 1) * HOP + WINDOW];
    for moment in 0..moments {
        (0..WINDOW).for_each(|t| squares[moment * HOP + t] += hann(t) * hann(t));
    }
    squares[PADDING..][..moments * HOP]
        .iter()
        .map(|square: &f64| square.recip())
        .collect()
}

/// What is added to powers: that of the softest loudness.
fn floor() -> f64 {
    10_f64.powf(-RANGE_DB / 10.0)
}

/// The angle of the point (x, y), from -pi to pi; 0 of the origin.
///
/// Abramowitz and Stegun 1964, "Handbook of Mathematical Functions", equation 4.4.49: within 2e-8 on [0, 1].
fn angle(y: &Tensor, x: &Tensor) -> Tensor {
    let (across, up) = (x.abs(), y.abs());
    let least = Tensor::full(x.dtype(), x.shape(), 1e-30);
    let ratio = across.minimum(&up) / across.maximum(&up).maximum(&least);
    let square = ratio.square();
    let coefficients = [
        0.002_866_225_7,
        -0.016_165_736_7,
        0.042_909_613_8,
        -0.075_289_640_0,
        0.106_562_639_3,
        -0.142_088_994_4,
        0.199_935_508_5,
        -0.333_331_452_8,
        1.0,
    ];
    let start = Tensor::full(x.dtype(), x.shape(), 0.0);
    let polynomial = coefficients.into_iter().fold(start, |sum, c| sum * &square + c);
    let within = polynomial * ratio;
    let steep = select(&(up - across).positive(), &(PI / 2.0 - &within), &within);
    let whole = select(&(-x).positive(), &(PI - &steep), &steep);
    whole * y.sign()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn angles_go_all_the_way_round() {
        let points: Vec<f64> = (0..64).map(|i| TAU * (i as f64 + 0.5) / 64.0 - PI).collect();
        let of = |f: fn(f64) -> f64| Tensor::from_f64(&[64], &points.iter().map(|a| 3.0 * f(*a)).collect::<Vec<_>>());
        let found = angle(&of(f64::sin), &of(f64::cos)).to_f64();
        assert!(found.iter().zip(&points).all(|(a, b)| (a - b).abs() < 1e-7));
        let zero = Tensor::from_f64(&[1], &[0.0]);
        assert_eq!(angle(&zero, &zero).to_f64(), [0.0]);
    }

    fn tone(bins: f64) -> Tensor {
        let numbers: Vec<f64> = (0..1024)
            .map(|t| (TAU * bins * f64::from(t) / WINDOW as f64).cos())
            .collect();
        Tensor::from_f64(&[1, 1024, 1], &numbers)
    }

    /// A tone of full scale in bin 16.25 turns by 16.25 / 4 = 4 + 1/16 whole turns from window to window.
    #[test]
    fn a_tone_is_a_line_that_turns_steadily() {
        let picture = of(&tone(16.25));
        assert_eq!(picture.shape(), [1, 16, 128, 2]);
        let at = |moment: usize, bin: usize, part: usize| picture.to_f64()[(moment * BINS + bin) * 2 + part];
        for moment in 3..14 {
            assert!((at(moment, 16, 1) - 0.125).abs() < 1e-3, "{}", at(moment, 16, 1));
            assert!(at(moment, 16, 0) > 0.98 && at(moment, 60, 0) < -0.5);
        }
        let exact = of(&tone(16.0)).to_f64();
        assert!((exact[(8 * BINS + 16) * 2] - 1.0).abs() < 1e-3);
    }

    #[test]
    fn a_sound_comes_back() {
        let x: Vec<f64> = (0..1024)
            .map(|t| {
                let t = f64::from(t);
                (-t / 400.0).exp() * (0.5 * (0.3 * t).sin() + 0.3 * (0.71 * t + 1.0).sin())
            })
            .collect();
        let back = sound(&of(&Tensor::from_f64(&[1, 1024, 1], &x))).to_f64();
        let (mut error, mut power) = (0.0, 0.0);
        for (a, b) in x.iter().zip(&back) {
            error += (a - b) * (a - b);
            power += a * a;
        }
        // What is eighty decibels below full scale is lost, and so is the frequency of half the rate.
        assert!(error < 1e-4 * power, "{}", error / power);
    }
}
