//! Adaptive discriminator augmentation (Karras, Aittala, Hellsten, Laine, Lehtinen and Aila, "Training Generative
//! Adversarial Networks with Limited Data", NeurIPS 2020): each change is made with probability p, and p follows how much the
//! discriminator overfits, r_t = E[sign D(x)] (equation 1 and section 3).
//!
//! The pipeline is that of appendix B with the constants of its code: pixel blitting, geometry, colour. Simplification:
//! geometry samples bilinearly, where the paper's code samples twice as densely through a wavelet filter. Its filtering in
//! frequency bands and corruptions, which the paper finds harmful or of no use, are left out.
use super::Draw;
use super::sampling::{extents, flip, line, sample, translate};
use crate::nn::{Parameter, Scope};
use gany_engine::{Tensor, concat, select};
use std::f64::consts::{LN_2, PI, TAU};

/// How p is adjusted.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Config {
    /// The r_t that is aimed at; the paper's is 0.6.
    pub target: f64,
    /// Real pictures over which p can grow from 0 to 1; the paper's is 500,000.
    pub pictures: f64,
    /// Batches between two adjustments; the paper's is 4.
    pub period: usize,
}

impl Default for Config {
    fn default() -> Config {
        Config {
            target: 0.6,
            pictures: 500_000.0,
            period: 4,
        }
    }
}

/// The probability of a change, and what it follows, as state.
pub struct Ada {
    config: Config,
    p: Parameter,
    signs: Parameter,
    batches: Parameter,
}

impl Ada {
    /// Declares the state under `scope`: `p`, and the sum of the batches' mean signs with their number.
    pub fn new(scope: &Scope, config: Config) -> Ada {
        Ada {
            config,
            p: scope.buffer("p", &[], 0.0),
            signs: scope.buffer("signs", &[], 0.0),
            batches: scope.buffer("batches", &[], 0.0),
        }
    }

    /// The probability p, `[]`.
    pub fn p(&self) -> Tensor {
        self.p.get()
    }

    /// Takes in the discriminator's logits of a batch of real pictures. After every period p goes up where r_t is above the
    /// target and down where it is below, by the share of [`Config::pictures`] seen meanwhile, and never below 0.
    pub fn observe(&self, logits_real: &Tensor) {
        let logits = logits_real.detach();
        let signs = self.signs.get() + logits.sign().mean();
        let batches = self.batches.get() + 1.0;
        let seen = (logits.extent(0) * self.config.period) as f64;
        let r_t = &signs * (1.0 / self.config.period as f64);
        let step = (r_t - self.config.target).sign() * (seen / self.config.pictures);
        let is_due = batches.ge(&Tensor::full(batches.dtype(), &[], self.config.period as f64));
        let p = self.p.get();
        self.p.set(select(&is_due, &(&p + step).relu(), &p));
        self.signs.set(select(&is_due, &signs.zeros_like(), &signs));
        self.batches.set(select(&is_due, &batches.zeros_like(), &batches));
    }

    /// Pictures `[n, h, w, c]`, each changed with probability p by numbers of its own.
    pub fn apply(&self, x: &Tensor, uniform: Draw, normal: Draw) -> Tensor {
        apply(x, &self.p(), uniform, normal)
    }
}

/// The pipeline at probability `p`, `[]`.
pub fn apply(x: &Tensor, p: &Tensor, uniform: Draw, normal: Draw) -> Tensor {
    let chance = Chance {
        count: x.extent(0),
        p,
        uniform,
        normal,
    };
    colour(&geometry(&blit(x, &chance), &chance), &chance)
}

/// Random numbers of one pipeline, each `[n]`.
struct Chance<'a> {
    count: usize,
    p: &'a Tensor,
    uniform: Draw<'a>,
    normal: Draw<'a>,
}

impl Chance<'_> {
    fn uniform(&self) -> Tensor {
        (self.uniform)(&[self.count])
    }

    fn normal(&self) -> Tensor {
        (self.normal)(&[self.count])
    }

    /// `value` with probability `p`, else `otherwise`.
    fn at(&self, p: &Tensor, value: Tensor, otherwise: f64) -> Tensor {
        let nothing = value.zeros_like() + otherwise;
        select(&self.uniform().lt(&p.broadcast_to(&[self.count])), &value, &nothing)
    }

    fn maybe(&self, value: Tensor, otherwise: f64) -> Tensor {
        self.at(self.p, value, otherwise)
    }
}

/// Mirrors, quarter turns (half turns where pictures are not square) and shifts by whole pixels.
fn blit(x: &Tensor, chance: &Chance) -> Tensor {
    let [n, h, w, _] = extents(x);
    let x = flip(x, &chance.maybe((chance.uniform() * 2.0).floor(), 0.0));
    let turns = chance
        .maybe((chance.uniform() * 4.0).floor(), 0.0)
        .reshape(&[n, 1, 1, 1]);
    let half = x.flip(1).flip(2);
    let is = |quarters: f64| turns.equals(&(turns.zeros_like() + quarters));
    let x = if h == w {
        let quarter = x.permute(&[0, 2, 1, 3]);
        let (left, right) = (quarter.flip(1), quarter.flip(2));
        select(&is(1.0), &left, &select(&is(2.0), &half, &select(&is(3.0), &right, &x)))
    } else {
        select(&turns.ge(&(turns.zeros_like() + 2.0)), &half, &x)
    };
    let shift = |side: usize| ((chance.uniform() * 2.0 - 1.0) * (0.125 * side as f64) + 0.5).floor();
    let (down, right) = (shift(h), shift(w));
    // One chance for both directions.
    let moved = chance.maybe(Tensor::full(x.dtype(), &[n], 1.0), 0.0);
    translate(&x, &(down * &moved), &(right * moved))
}

/// Scaling, turning, stretching and shifting by parts of pixels, as one map from the places of the result to those of the
/// picture.
fn geometry(x: &Tensor, chance: &Chance) -> Tensor {
    let [n, h, w, _] = extents(x);
    let exp2 = |power: Tensor| (power * LN_2).exp();
    let scale = chance.maybe(exp2(chance.normal() * 0.2), 1.0);
    // A turn before and one after stretching, so that both together come with probability p.
    let p_turn = 1.0 - (1.0 - chance.p.clamp(0.0, 1.0)).sqrt();
    let turn = || chance.at(&p_turn, (chance.uniform() * 2.0 - 1.0) * PI, 0.0);
    let (before, stretch, after) = (turn(), chance.maybe(exp2(chance.normal() * 0.2), 1.0), turn());
    let moved = chance.maybe(Tensor::full(x.dtype(), &[n], 1.0), 0.0);
    let shift = |side: usize| chance.normal() * &moved * (0.125 * side as f64);
    let (down, right) = (shift(h), shift(w));

    let each = |numbers: &Tensor| numbers.reshape(&[n, 1, 1]);
    let centred = |side: usize, shape: &[usize]| line(x, side, shape) - (side as f64 - 1.0) / 2.0;
    let y = centred(h, &[1, h, 1]) - each(&down);
    let x_place = centred(w, &[1, 1, w]) - each(&right);
    let turned = |row: Tensor, column: Tensor, angle: &Tensor| {
        let (sin, cos) = (each(&angle.sin()), each(&angle.cos()));
        (&row * &cos - &column * &sin, row * sin + column * cos)
    };
    let (row, column) = turned(y, x_place, &after);
    let (row, column) = (row * each(&stretch), column * each(&stretch.recip()));
    let (row, column) = turned(row, column, &before);
    let shrink = each(&scale.recip());
    let full = [n, h, w];
    let rows = (row * &shrink).broadcast_to(&full) + (h as f64 - 1.0) / 2.0;
    let columns = (column * shrink).broadcast_to(&full) + (w as f64 - 1.0) / 2.0;
    sample(x, &rows, &columns)
}

/// Brightness, contrast, luma inversion, hue and saturation of the first three channels; of one or two channels brightness
/// and contrast of the first. Alpha stays.
fn colour(x: &Tensor, chance: &Chance) -> Tensor {
    let [n, _, _, c] = extents(x);
    let colours = if c >= 3 { 3 } else { 1 };
    let each = |numbers: &Tensor| numbers.reshape(&[n, 1, 1, 1]);
    let seen = x.slice(3, 0, colours);
    let brightness = chance.maybe(chance.normal() * 0.2, 0.0);
    let contrast = chance.maybe((chance.normal() * (0.5 * LN_2)).exp(), 1.0);
    let mut y = (seen + each(&brightness)) * each(&contrast);
    if colours == 3 {
        let inverted = chance.maybe((chance.uniform() * 2.0).floor(), 0.0);
        let hue = chance.maybe((chance.uniform() - 0.5) * TAU, 0.0);
        let saturation = chance.maybe((chance.normal() * LN_2).exp(), 1.0);
        // Along the axis of greys lies the mean; across it, hue turns and saturation scales.
        let grey = y.mean_axes_kept(&[3]);
        let across = &y - &grey;
        let next = |shift: usize| {
            let [head, tail] = [across.slice(3, shift, 3), across.slice(3, 0, shift)];
            concat(&[head, tail], 3)
        };
        // Rodrigues' formula for the axis (1, 1, 1) / sqrt(3): the cross product is a difference of neighbours.
        let cross = (next(2) - next(1)) * (1.0 / 3f64.sqrt());
        let turned = across * each(&hue.cos()) + cross * each(&hue.sin());
        y = grey * (1.0 - each(&inverted) * 2.0) + turned * each(&saturation);
    }
    if c > colours {
        y = concat(&[y, x.slice(3, colours, c)], 3);
    }
    y
}

#[cfg(test)]
mod tests {
    use super::*;
    use gany_engine::{DType, Key, grad};
    use std::cell::Cell;

    fn pictures(shape: &[usize]) -> Tensor {
        Key::new(DType::F64, 1, 2).uniform(3, shape) * 2.0 - 1.0
    }

    fn full(number: f64) -> Tensor {
        Tensor::full(DType::F64, &[], number)
    }

    /// The pipeline with numbers of a seed.
    fn applied(x: &Tensor, p: f64, seed: u64) -> Tensor {
        let (key, stream) = (Key::new(DType::F64, seed, 0), Cell::new(0));
        let next = || stream.replace(stream.get() + 1);
        apply(x, &full(p), &|shape| key.uniform(next(), shape), &|shape| {
            key.normal(next(), shape)
        })
    }

    fn furthest(a: &Tensor, b: &Tensor) -> f64 {
        a.to_f64()
            .iter()
            .zip(b.to_f64())
            .map(|(a, b)| (a - b).abs())
            .fold(0.0, f64::max)
    }

    #[test]
    fn nothing_changes_at_probability_zero() {
        for shape in [[3, 6, 6, 3], [2, 4, 8, 1], [2, 5, 5, 4]] {
            let x = pictures(&shape);
            assert!(furthest(&applied(&x, 0.0, 1), &x) < 1e-12, "{shape:?}");
            assert!(furthest(&applied(&x, 1.0, 1), &x) > 0.1, "{shape:?}");
        }
        // Alpha keeps its values; only where they lie may change.
        let x = concat(
            &[pictures(&[1, 4, 4, 3]), Tensor::full(DType::F64, &[1, 4, 4, 1], 0.25)],
            3,
        );
        let colours = colour(
            &x,
            &Chance {
                count: 1,
                p: &full(1.0),
                uniform: &|s| Tensor::full(DType::F64, s, 0.7),
                normal: &|s| Tensor::full(DType::F64, s, 1.0),
            },
        );
        assert_eq!(colours.slice(3, 3, 4).to_f64(), [0.25; 16]);
    }

    /// With every draw fixed, the colours of one pixel (0.5, -0.1, 0.2) by hand.
    #[test]
    fn colours_by_hand() {
        let x = Tensor::from_f64(&[1, 1, 1, 3], &[0.5, -0.1, 0.2]);
        let with = |uniform: f64, normal: f64| {
            let p = full(1.0);
            let chance = Chance {
                count: 1,
                p: &p,
                uniform: &|shape| Tensor::full(DType::F64, shape, uniform),
                normal: &|shape| Tensor::full(DType::F64, shape, normal),
            };
            colour(&x, &chance).to_f64()
        };
        let near =
            |a: Vec<f64>, b: [f64; 3]| assert!(a.iter().zip(b).all(|(a, b)| (a - b).abs() < 1e-9), "{a:?} {b:?}");
        // Uniform 0.5 inverts luma and leaves hue; normal 0 leaves the rest. The mean is 0.2: it becomes -0.2.
        near(with(0.5, 0.0), [0.1, -0.5, -0.2]);
        // Uniform 5/6 also turns hue by 120 degrees: every channel takes the value of the one before it.
        near(with(5.0 / 6.0, 0.0), [-0.2, 0.1, -0.5]);
        // Uniform 0.25 does not invert; it turns hue by -90 degrees, and normal 1 scales: across (0.3, -0.3, 0) by 2 sqrt(2) after
        // the brightness of 0.2; the mean is (0.2 + 0.2) * sqrt(2).
        let (grey, s) = (0.4 * 2f64.sqrt(), 2.0 * 2f64.sqrt() / 3f64.sqrt());
        near(with(0.25, 1.0), [grey - 0.3 * s, grey - 0.3 * s, grey + 0.6 * s]);
    }

    #[test]
    fn quarter_turns_and_mirrors_move_pixels_only() {
        let x = pictures(&[4, 6, 6, 1]);
        let sorted = |t: &Tensor| {
            let mut values = t.to_f64();
            values.sort_by(f64::total_cmp);
            values
        };
        // Uniform numbers that turn but do not shift: (2u - 1) / 8 of 6 pixels rounds to 0.
        for turn in [0.3, 0.51, 0.8] {
            let p = full(1.0);
            let chance = Chance {
                count: 4,
                p: &p,
                uniform: &|shape| Tensor::full(DType::F64, shape, turn),
                normal: &|shape| Tensor::full(DType::F64, shape, 0.0),
            };
            let turned = blit(&x, &chance);
            assert_eq!(sorted(&turned), sorted(&x));
            assert!(furthest(&turned, &x) > 0.1);
        }
    }

    #[test]
    fn a_turn_by_half_a_circle_is_a_flip_of_both_axes() {
        let x = pictures(&[1, 5, 4, 2]);
        let p = full(1.0);
        // Both turns by -180 / 2 degrees: (2u - 1) pi = -pi / 2.
        let chance = Chance {
            count: 1,
            p: &p,
            uniform: &|shape| Tensor::full(DType::F64, shape, 0.25),
            normal: &|shape| Tensor::full(DType::F64, shape, 0.0),
        };
        assert!(furthest(&geometry(&x, &chance), &x.flip(1).flip(2)) < 1e-9);
    }

    #[test]
    fn gradients_are_what_finite_differences_say() {
        let key = Key::new(DType::F64, 5, 6);
        let shape = [2, 6, 6, 3];
        let (direction, weight) = (key.normal(1, &shape), key.normal(2, &shape));
        let x = pictures(&shape);
        for seed in 0..3 {
            let loss = |x: &Tensor| (applied(x, 0.8, seed).square() * &weight).sum();
            let slope = (grad(&loss(&x), &[&x])[0].clone() * &direction).sum().to_f64()[0];
            let at = |t: f64| loss(&(&x + &direction * t)).to_f64()[0];
            let difference = (at(1e-4) - at(-1e-4)) / 2e-4;
            assert!(
                (slope - difference).abs() < 1e-6 * slope.abs().max(1.0),
                "{slope} {difference}"
            );
        }
    }

    #[test]
    fn p_follows_the_sign_of_the_logits_every_fourth_batch() {
        let scope = Scope::new(DType::F64, 0);
        let ada = Ada::new(
            &scope.at("ada"),
            Config {
                pictures: 400.0,
                ..Config::default()
            },
        );
        let logits = |positive: usize| {
            let values: Vec<f64> = (0..10).map(|i| if i < positive { 2.0 } else { -0.5 }).collect();
            Tensor::from_f64(&[10], &values)
        };
        let mut seen = vec![];
        // r_t of the first four batches is (1 + 1 + 0.6 + 0.2) / 4 = 0.7, above 0.6; of the second 0.4; then 0.8 twice.
        for positive in [10, 10, 8, 6, 7, 7, 7, 7, 9, 9, 9, 9, 9, 9, 9, 9] {
            ada.observe(&logits(positive));
            seen.push((ada.p().to_f64()[0] * 1e9).round() / 1e9);
        }
        assert_eq!(
            seen,
            [
                0.0, 0.0, 0.0, 0.1, 0.1, 0.1, 0.1, 0.0, 0.0, 0.0, 0.0, 0.1, 0.1, 0.1, 0.1, 0.2
            ]
        );
        ada.observe(&logits(0));
        assert!(
            ada.p().to_f64()[0] > 0.0,
            "never below 0 and only at the end of a period"
        );
    }
}
