//! How large a perturbation is, and the balls that attacks stay in.
//!
//! Perturbations are `[n, h, w, c]`, of pictures whose numbers lie in [0, 1]; each picture has a norm of its own.
use crate::named::named_enum;
use gany_engine::{Key, Tensor, select};

named_enum! {
    /// A norm of perturbations.
    "norm" Norm {
        /// How many pixels are changed, whatever their channels.
        L0 = "l0",
        /// The sum of all changes.
        L1 = "l1",
        /// The Euclidean length.
        L2 = "l2",
        /// The largest change of any number.
        Linf = "linf",
    }
}

/// Keeps a division by a norm of 0 from being one.
const TINY: f64 = 1e-12;

/// Updates of the threshold of a projection onto an L1 ball: it settles exactly after a few.
const THRESHOLD_UPDATES: usize = 16;

/// Halvings in search of the threshold that so many numbers reach.
const QUANTILE_HALVINGS: usize = 24;

/// Share of the numbers that a step of steepest ascent in L1 changes (Tramer and Boneh 2019, "Adversarial Training and Robustness
/// for Multiple Perturbations", arXiv:1904.13000, section 4).
const L1_SHARE: f64 = 0.01;

impl Norm {
    /// The norm of one perturbation `[.., channels]`.
    pub fn of(self, perturbation: &[f32], channels: usize) -> f64 {
        let sizes = perturbation.iter().map(|d| f64::from(d.abs()));
        match self {
            Norm::L0 => {
                let is_changed = |pixel: &&[f32]| pixel.iter().any(|d| *d != 0.0);
                perturbation.chunks(channels).filter(is_changed).count() as f64
            }
            Norm::L1 => sizes.sum(),
            Norm::L2 => sizes.map(|d| d * d).sum::<f64>().sqrt(),
            Norm::Linf => sizes.fold(0.0, f64::max),
        }
    }

    /// The direction, of norm 1, along which a linear function with these gradients `[n, h, w, c]` rises most: signs for Linf, the
    /// gradient itself for L2; for L1 the signs of the largest hundredth of its numbers (and one at least), of which the
    /// single largest would suffice if the function were linear.
    ///
    /// # Panics
    /// For L0, of which no ball is convex.
    pub fn steepest(self, gradient: &Tensor) -> Tensor {
        match self {
            Norm::L0 => panic!("steepest: no direction is steepest in L0"),
            Norm::L1 => {
                let sizes = gradient.abs();
                let largest = select(&sizes.ge(&quantile(&sizes)), &gradient.sign(), &gradient.zeros_like());
                &largest / (largest.abs().sum_axes_kept(&[1, 2, 3]) + TINY)
            }
            Norm::L2 => gradient * (gradient.square().sum_axes_kept(&[1, 2, 3]) + TINY * TINY).rsqrt(),
            Norm::Linf => gradient.sign(),
        }
    }

    /// The nearest perturbation to each of `[n, h, w, c]` whose norm is at most `epsilon`.
    ///
    /// # Panics
    /// For L0.
    pub fn project(self, perturbation: &Tensor, epsilon: f64) -> Tensor {
        match self {
            Norm::L0 => panic!("project: a ball of L0 has no nearest point"),
            Norm::L1 => {
                let sizes = perturbation.abs();
                let shrunk = (&sizes - threshold(&sizes, epsilon)).relu();
                // What rounding leaves above the radius is scaled away.
                within(
                    &(&shrunk * perturbation.sign()),
                    &shrunk.sum_axes_kept(&[1, 2, 3]),
                    epsilon,
                )
            }
            Norm::L2 => {
                let norm = perturbation.square().sum_axes_kept(&[1, 2, 3]).sqrt();
                within(perturbation, &norm, epsilon)
            }
            Norm::Linf => perturbation.clamp(-epsilon, epsilon),
        }
    }

    /// Perturbations drawn uniformly from the ball of this radius, `[n, h, w, c]`.
    ///
    /// # Panics
    /// For L0.
    pub fn within(self, epsilon: f64, key: &Key, shape: &[usize]) -> Tensor {
        let floats: usize = shape[1..].iter().product();
        let uniform = |stream| key.uniform(stream, shape);
        // The radius of a point of a ball of d dimensions is the d-th root of a uniform number.
        let radius = || key.uniform(2, &[shape[0], 1, 1, 1]).powf(1.0 / floats as f64) * epsilon;
        match self {
            Norm::L0 => panic!("within: a ball of L0 has no uniform points"),
            Norm::L1 => {
                let sizes = -(1.0 - uniform(0)).log();
                let signs = (uniform(1) - 0.5).sign();
                &sizes * signs * (radius() / (sizes.sum_axes_kept(&[1, 2, 3]) + TINY))
            }
            Norm::L2 => Norm::L2.steepest(&key.normal(0, shape)) * radius(),
            Norm::Linf => (uniform(0) * 2.0 - 1.0) * epsilon,
        }
    }
}

/// Scaled down to `epsilon` where the norm is larger.
fn within(perturbation: &Tensor, norm: &Tensor, epsilon: f64) -> Tensor {
    perturbation * (epsilon / norm.maximum(&Tensor::full(norm.dtype(), norm.shape(), epsilon)))
}

/// The number that sizes `[n, ..]` are shrunk by in the projection onto the L1 ball of this radius, 0 where they lie inside: of
/// the numbers above it, the sum less the radius, over how many they are (Michelot 1986). It rises from update to update and
/// stays where it fits.
fn threshold(sizes: &Tensor, epsilon: f64) -> Tensor {
    let mean_above = |threshold: &Tensor| {
        let is_above = sizes.gt(threshold);
        let sum = (sizes * &is_above).sum_axes_kept(&[1, 2, 3]);
        let count = is_above.sum_axes_kept(&[1, 2, 3]);
        ((sum - epsilon) / count.maximum(&count.ones_like())).relu()
    };
    let none = Tensor::full(sizes.dtype(), &[sizes.extent(0), 1, 1, 1], 0.0);
    (0..THRESHOLD_UPDATES).fold(none, |threshold, _| mean_above(&threshold).maximum(&threshold))
}

/// About the number that the largest share [`L1_SHARE`] of the sizes `[n, ..]` of each picture reaches, and the largest at least.
fn quantile(sizes: &Tensor) -> Tensor {
    let floats: usize = sizes.shape()[1..].iter().product();
    let count = (L1_SHARE * floats as f64).floor().max(1.0);
    let largest = sizes.max_axes(&[1, 2, 3]).reshape(&[sizes.extent(0), 1, 1, 1]);
    let halved = |(low, high): (Tensor, Tensor)| {
        let middle = (&low + &high) * 0.5;
        let are_enough =
            (sizes.ge(&middle).sum_axes_kept(&[1, 2, 3]) + 0.5).gt(&Tensor::full(sizes.dtype(), middle.shape(), count));
        (select(&are_enough, &middle, &low), select(&are_enough, &high, &middle))
    };
    let (low, _) = (0..QUANTILE_HALVINGS).fold((largest.zeros_like(), largest.clone()), |bounds, _| halved(bounds));
    low
}

#[cfg(test)]
mod tests {
    use super::*;
    use gany_engine::DType;

    /// Perturbations of two pictures of 2 x 3 grey pixels.
    fn perturbation() -> Tensor {
        let elements = [0.5, -0.25, 0.0, 1.0, -2.0, 0.125, 0.01, 0.02, -0.03, 0.0, 0.01, -0.01];
        Tensor::from_f64(&[2, 2, 3, 1], &elements)
    }

    /// Points of a ball of six dimensions, thousands of them, none of which may be nearer.
    fn nearest_by_force(norm: Norm, to: &[f64], epsilon: f64) -> f64 {
        let points = norm
            .within(epsilon, &Key::new(DType::F64, 7, 0), &[20_000, 2, 3, 1])
            .to_f64();
        let distance = |point: &[f64]| point.iter().zip(to).map(|(a, b)| (a - b).powi(2)).sum::<f64>();
        points
            .chunks_exact(6)
            .map(distance)
            .fold(f64::INFINITY, f64::min)
            .sqrt()
    }

    #[test]
    fn norms_by_hand() {
        let perturbation = [3.0, 0.0, 0.0, 0.0, -4.0, 0.0];
        let norms = [Norm::L0, Norm::L1, Norm::L2, Norm::Linf].map(|norm| norm.of(&perturbation, 3));
        assert_eq!(norms, [2.0, 7.0, 5.0, 4.0]);
    }

    #[test]
    fn a_projection_is_the_nearest_point_of_the_ball() {
        for (norm, epsilon) in [(Norm::L1, 1.5), (Norm::L2, 1.25), (Norm::Linf, 0.75)] {
            let (before, after) = (perturbation().to_f64(), norm.project(&perturbation(), epsilon).to_f64());
            let size: Vec<f32> = after[..6].iter().map(|d| *d as f32).collect();
            assert!((norm.of(&size, 1) - epsilon).abs() < 1e-6, "{norm}: {after:?}");
            let moved = before[..6]
                .iter()
                .zip(&after)
                .map(|(a, b)| (a - b).powi(2))
                .sum::<f64>()
                .sqrt();
            assert!(
                moved <= nearest_by_force(norm, &before[..6], epsilon),
                "{norm}: {after:?}"
            );
            // The second lies inside already.
            assert_eq!(before[6..], after[6..], "{norm}");
        }
        // By hand: what is left of 2 and 1 when 0.75 is taken off both is 1.25 and 0.25, 1.5 in all; 0.5 is less than 0.75.
        let shrunk = Norm::L1.project(&perturbation(), 1.5).to_f64();
        assert_eq!(shrunk[..6], [0.0, 0.0, 0.0, 0.25, -1.25, 0.0]);
    }

    #[test]
    fn no_direction_of_the_same_length_rises_more() {
        let gradient = perturbation();
        let rise = |direction: &[f64]| -> f64 { direction.iter().zip(gradient.to_f64()).map(|(a, b)| a * b).sum() };
        for norm in [Norm::L1, Norm::L2, Norm::Linf] {
            let steepest = norm.steepest(&gradient).to_f64();
            let others = norm
                .within(1.0, &Key::new(DType::F64, 3, 0), &[5_000, 2, 3, 1])
                .to_f64();
            let best = others.chunks_exact(6).map(rise).fold(0.0, f64::max);
            assert!(rise(&steepest[..6]) >= best, "{norm}: {steepest:?}");
        }
        // The dual norms: the largest number, the length, the sum.
        let rises = [Norm::L1, Norm::L2, Norm::Linf].map(|norm| rise(&norm.steepest(&gradient).to_f64()[..6]));
        let expected = [2.0, (0.25 + 0.0625 + 1.0 + 4.0 + 0.015_625_f64).sqrt(), 3.875];
        assert!(
            rises.iter().zip(expected).all(|(a, b)| (a - b).abs() < 1e-9),
            "{rises:?}"
        );
    }

    #[test]
    fn random_points_fill_the_ball() {
        for norm in [Norm::L1, Norm::L2, Norm::Linf] {
            let points = norm
                .within(0.5, &Key::new(DType::F32, 1, 0), &[4_000, 1, 2, 1])
                .to_f32();
            let sizes: Vec<f64> = points.chunks_exact(2).map(|point| norm.of(point, 1)).collect();
            assert!(sizes.iter().all(|size| *size <= 0.5 + 1e-6), "{norm}");
            // In the plane, a quarter of a ball lies within half of its radius.
            let share = sizes.iter().filter(|size| **size <= 0.25).count() as f64 / 4_000.0;
            assert!((share - 0.25).abs() < 0.03, "{norm}: {share}");
        }
    }
}
