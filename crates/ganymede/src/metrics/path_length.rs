//! Perceptual path length: how fast a picture changes as its latent vector moves. Smooth generators have short paths.
//!
//! Karras et al. 2019, "A Style-Based Generator Architecture", arXiv:1812.04948, section 4.1, equation 2, for Z:
//!
//! ```text
//! mean of d(G(slerp(z_1, z_2; t)), G(slerp(z_1, z_2; t + e))) / e^2,   z normal, t uniform in [0, 1]
//! ```
//!
//! without the lowest and the highest hundredth. The distance is the caller's: LPIPS in the paper.
use super::estimate::Estimate;
use super::random;

/// How far apart the two latent vectors of a pair are, as a share of the path.
pub const EPSILON: f64 = 1e-4;

/// Paths that are walked at a time.
const PORTION: usize = 50;

/// The path length over `count` random paths. `make` turns latent vectors `[n, z_dim]` into pictures; `distance` compares
/// the pictures of two such calls, one by one.
///
/// # Panics
/// Where there are no paths, or not one distance for each.
pub fn path_length(
    count: usize,
    z_dim: usize,
    seed: u64,
    mut make: impl FnMut(&[f32]) -> Vec<f32>,
    mut distance: impl FnMut(&[f32], &[f32]) -> Vec<f64>,
) -> Estimate {
    let ends = random::normal(seed, 0, 2 * count * z_dim);
    let point = |path: usize, offset: f64| {
        let [from, to] = [0, 1].map(|end| &ends[(2 * path + end) * z_dim..][..z_dim]);
        slerp(from, to, random::unit(seed, 1, path as u64) + offset)
    };
    let mut lengths = vec![];
    for first in (0..count).step_by(PORTION) {
        let paths = first..(first + PORTION).min(count);
        let points = |offset| -> Vec<f32> { paths.clone().flat_map(|path| point(path, offset)).collect() };
        let [here, there] = [make(&points(0.0)), make(&points(EPSILON))];
        lengths.extend(distance(&here, &there).into_iter().map(|d| d / (EPSILON * EPSILON)));
    }
    assert_eq!(lengths.len(), count, "path length: one distance for each path");
    lengths.sort_by(f64::total_cmp);
    let cut = count / 100;
    Estimate::mean(&lengths[cut..count - cut])
}

/// The point at share `t` of the way from one vector to another on the sphere (Shoemake 1985), the lengths in between too.
pub fn slerp(from: &[f32], to: &[f32], t: f64) -> Vec<f32> {
    let dot = |a: &[f32], b: &[f32]| a.iter().zip(b).map(|(a, b)| f64::from(*a) * f64::from(*b)).sum::<f64>();
    let [length_from, length_to] = [from, to].map(|v| dot(v, v).sqrt());
    let angle = (dot(from, to) / (length_from * length_to)).clamp(-1.0, 1.0).acos();
    // Between parallel vectors the way is straight.
    let [a, b] = if angle.sin() > 1e-9 {
        [((1.0 - t) * angle).sin() / angle.sin(), (t * angle).sin() / angle.sin()]
    } else {
        [1.0 - t, t]
    };
    let mixed = from
        .iter()
        .zip(to)
        .map(|(from, to)| (a * f64::from(*from) + b * f64::from(*to)) as f32);
    mixed.collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn half_way_between_two_axes() {
        let middle = slerp(&[1.0, 0.0], &[0.0, 1.0], 0.5);
        let expected = 0.5_f32.sqrt();
        assert!(middle.iter().all(|x| (x - expected).abs() < 1e-6));
        assert_eq!(slerp(&[2.0], &[4.0], 0.25), [2.5]);
    }

    #[test]
    fn a_generator_that_scales_has_a_length_that_scales() {
        let square = |a: &[f32], b: &[f32]| -> Vec<f64> {
            let pairs = a.chunks_exact(8).zip(b.chunks_exact(8));
            let distance = |(a, b): (&[f32], &[f32])| a.iter().zip(b).map(|(a, b)| f64::from(a - b).powi(2)).sum();
            pairs.map(distance).collect()
        };
        let length = |scale: f32| path_length(300, 8, 0, |z| z.iter().map(|x| scale * x).collect(), square).value;
        // Of 8 dimensions, a path turns by a right angle or so: its squared speed is about (pi / 2)^2 |z|^2, |z|^2 about 8.
        let one = length(1.0);
        assert!((10.0..30.0).contains(&one), "{one}");
        assert!((length(3.0) / one - 9.0).abs() < 0.5);
    }
}
