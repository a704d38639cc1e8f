//! The sliced Wasserstein distance between patches of pictures, a level of the Laplacian pyramid at a time: whether details
//! of every size are distributed as in real pictures, without any network.
//!
//! Karras et al. 2018, "Progressive Growing of GANs", arXiv:1710.10196, section 5: patches of 7 x 7 pixels, each channel
//! brought to mean 0 and standard deviation 1; the mean over 512 random directions of the 1-Wasserstein distance between what
//! the patches project to, times 1,000. The first level is that of the finest details.
use super::estimate::Estimate;
use super::{matrix, random};
use rayon::prelude::*;

/// Rows and columns of a patch.
pub const PATCH: usize = 7;

/// No level has a shorter side than this, but that of a picture that is smaller itself.
pub const LEAST_SIDE: usize = 16;

/// Random directions, as in the paper.
pub const DIRECTIONS: usize = 512;

/// How a side of a level is halved and doubled: pixels beyond the border are those before it, mirrored.
const FILTER: [f64; 5] = [1.0 / 16.0, 4.0 / 16.0, 6.0 / 16.0, 4.0 / 16.0, 1.0 / 16.0];

/// A picture `[height, width, channels]` of any numbers.
#[derive(Clone, Debug, PartialEq)]
pub struct Level {
    /// Rows, columns, channels.
    pub shape: [usize; 3],
    /// The numbers, row-major.
    pub values: Vec<f32>,
}

/// Rows and columns of the levels of a picture's pyramid, finest first.
pub fn sizes(height: usize, width: usize) -> Vec<[usize; 2]> {
    let mut sizes = vec![[height, width]];
    while let Some(&[h, w]) = sizes.last()
        && h.div_ceil(2).min(w.div_ceil(2)) >= LEAST_SIDE
    {
        sizes.push([h.div_ceil(2), w.div_ceil(2)]);
    }
    sizes
}

/// The Laplacian pyramid of a picture: every level but the last holds what the next, coarser one lacks.
///
/// # Panics
/// Where the values do not fit the shape.
pub fn pyramid(picture: &[f32], [height, width, channels]: [usize; 3]) -> Vec<Level> {
    assert_eq!(
        picture.len(),
        height * width * channels,
        "pyramid: the picture does not fit its shape"
    );
    let mut levels = vec![Level {
        shape: [height, width, channels],
        values: picture.to_vec(),
    }];
    for size in &sizes(height, width)[1..] {
        let finer = levels.last_mut().expect("the picture itself");
        let coarser = halved(finer, *size);
        let back = doubled(&coarser, [finer.shape[0], finer.shape[1]]);
        finer.values.iter_mut().zip(&back.values).for_each(|(x, y)| *x -= y);
        levels.push(coarser);
    }
    levels
}

fn halved(level: &Level, size: [usize; 2]) -> Level {
    let taps = |i: usize, extent: usize| -> Vec<(usize, f64)> {
        let tap = |k: isize| (mirrored(2 * i as isize + k, extent), FILTER[(k + 2) as usize]);
        (-2..=2).map(tap).collect()
    };
    let rows = along(level, 0, size[0], |i| taps(i, level.shape[0]));
    along(&rows, 1, size[1], |i| taps(i, level.shape[1]))
}

/// Pixels are put between zeros and filtered with twice the filter along each axis.
fn doubled(level: &Level, size: [usize; 2]) -> Level {
    let source = |from: usize, to: usize, i: usize| {
        let mut taps = vec![];
        for k in -2..=2 {
            let place = mirrored(i as isize + k, to);
            if place.is_multiple_of(2) && place / 2 < from {
                taps.push((place / 2, 2.0 * FILTER[(k + 2) as usize]));
            }
        }
        taps
    };
    let rows = along(level, 0, size[0], |i| source(level.shape[0], size[0], i));
    along(&rows, 1, size[1], |i| source(level.shape[1], size[1], i))
}

/// The place that a place beyond the border is mirrored to; the border itself is not repeated.
fn mirrored(place: isize, extent: usize) -> usize {
    let last = extent as isize - 1;
    if last == 0 {
        return 0;
    }
    let place = place.rem_euclid(2 * last);
    place.min(2 * last - place) as usize
}

/// Each of `extent` places along an axis as a weighted sum of places of the level.
fn along(level: &Level, axis: usize, extent: usize, taps: impl Fn(usize) -> Vec<(usize, f64)>) -> Level {
    let mut shape = level.shape;
    shape[axis] = extent;
    let inner: usize = level.shape[axis + 1..].iter().product();
    let outer: usize = level.shape[..axis].iter().product();
    let mut values = vec![0.0; shape.iter().product()];
    for i in 0..extent {
        let taps = taps(i);
        for o in 0..outer {
            let to = &mut values[(o * extent + i) * inner..][..inner];
            for (j, to) in to.iter_mut().enumerate() {
                let tap = |&(place, weight): &(usize, f64)| {
                    weight * f64::from(level.values[(o * level.shape[axis] + place) * inner + j])
                };
                *to = taps.iter().map(tap).sum::<f64>() as f32;
            }
        }
    }
    Level { shape, values }
}

/// Appends `count` random patches of a level, each `[PATCH, PATCH, channels]`; which, follows from the seed and the picture's
/// number.
///
/// # Panics
/// Where the level is smaller than a patch.
pub fn patches(level: &Level, count: usize, seed: u64, picture: u64, to: &mut Vec<f32>) {
    let [height, width, channels] = level.shape;
    assert!(
        height.min(width) >= PATCH,
        "patches: a level of {height}x{width} is smaller than a patch"
    );
    for patch in 0..count as u64 {
        let [top, left] = [(0, height), (1, width)]
            .map(|(axis, extent)| random::below(seed, 2 * patch + axis, picture, extent - PATCH + 1));
        for row in top..top + PATCH {
            to.extend_from_slice(&level.values[(row * width + left) * channels..][..PATCH * channels]);
        }
    }
}

/// The distance, times 1,000, between two sets of as many patches `[n, PATCH, PATCH, channels]`. The interval is that of
/// the mean over directions; it does not know of the choice of the pictures.
///
/// # Panics
/// Where the patches are not whole, or the sets of different size.
pub fn distance(a: &[f32], b: &[f32], channels: usize, seed: u64) -> Estimate {
    let dimension = PATCH * PATCH * channels;
    assert_eq!(a.len(), b.len(), "sliced wasserstein: sets of different size");
    let directions = directions(dimension, seed);
    let [a, b] = [a, b].map(|set| normalised(set, channels));
    let distances: Vec<f64> = along_directions(&a, &b, dimension, &directions)
        .into_iter()
        .map(|distance| 1e3 * distance)
        .collect();
    let mut estimate = Estimate::mean(&distances);
    if let Some(interval) = &mut estimate.interval {
        interval.method = "standard error over directions".into();
    }
    estimate
}

/// Unit vectors, `[DIRECTIONS, dimension]`.
fn directions(dimension: usize, seed: u64) -> Vec<f64> {
    let mut directions = matrix::wide(&random::normal(seed, 0, DIRECTIONS * dimension));
    for direction in directions.chunks_exact_mut(dimension) {
        let norm = direction.iter().map(|x| x * x).sum::<f64>().sqrt();
        direction.iter_mut().for_each(|x| *x /= norm);
    }
    directions
}

/// The 1-Wasserstein distance between what `a` and `b`, each `[n, dimension]`, project to along each of some directions
/// `[count, dimension]`.
///
/// # Panics
/// Where the sets differ in size or a number is not whole vectors.
pub fn along_directions(a: &[f64], b: &[f64], dimension: usize, directions: &[f64]) -> Vec<f64> {
    assert_eq!(a.len(), b.len(), "sliced wasserstein: sets of different size");
    let n = a.len() / dimension;
    // A portion of directions at a time, so that all projections are never held.
    let portion = 32 * dimension;
    directions
        .chunks(portion)
        .flat_map(|directions| {
            let count = directions.len() / dimension;
            let transposed: Vec<f64> = (0..count * dimension)
                .map(|ij| directions[ij % count * dimension + ij / count])
                .collect();
            let [a, b] = [a, b].map(|set| matrix::product(set, &transposed, [n, dimension, count]));
            let sorted = |projected: &[f64], direction: usize| {
                let mut line: Vec<f64> = projected.iter().skip(direction).step_by(count).copied().collect();
                line.sort_unstable_by(f64::total_cmp);
                line
            };
            let between = |direction| {
                let pairs = sorted(&a, direction).into_iter().zip(sorted(&b, direction));
                pairs.map(|(a, b)| (a - b).abs()).sum::<f64>() / n as f64
            };
            (0..count).into_par_iter().map(between).collect::<Vec<f64>>()
        })
        .collect()
}

/// Each channel with mean 0 and standard deviation 1 over all patches.
pub fn normalised(patches: &[f32], channels: usize) -> Vec<f64> {
    let mut values = matrix::wide(patches);
    let n = (values.len() / channels) as f64;
    for channel in 0..channels {
        let of_channel = || patches.iter().skip(channel).step_by(channels).map(|x| f64::from(*x));
        let mean = of_channel().sum::<f64>() / n;
        let deviation = (of_channel().map(|x| (x - mean).powi(2)).sum::<f64>() / n).sqrt();
        let scale = if deviation > 0.0 { 1.0 / deviation } else { 0.0 };
        let values = values.iter_mut().skip(channel).step_by(channels);
        values.for_each(|x| *x = (*x - mean) * scale);
    }
    values
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn places_beyond_the_border_are_mirrored() {
        assert_eq!([-2, -1, 0, 3, 4, 5].map(|place| mirrored(place, 4)), [2, 1, 0, 3, 2, 1]);
        assert_eq!(mirrored(-2, 1), 0);
    }

    #[test]
    fn levels_end_at_sixteen_pixels() {
        assert_eq!(sizes(64, 64), [[64, 64], [32, 32], [16, 16]]);
        assert_eq!(sizes(28, 28), [[28, 28]]);
        assert_eq!(sizes(33, 70), [[33, 70], [17, 35]]);
    }

    #[test]
    fn a_flat_picture_has_no_details() {
        for size in [[32, 32], [33, 47]] {
            let [height, width] = size;
            let levels = pyramid(&vec![0.5; height * width], [height, width, 1]);
            assert_eq!(levels.len(), 2);
            assert!(levels[1].values.iter().all(|x| (x - 0.5).abs() < 1e-6));
            assert!(levels[0].values.iter().all(|x| x.abs() < 1e-6));
        }
    }

    #[test]
    fn patches_are_cut_where_they_are() {
        let values: Vec<f32> = (0..8 * 9 * 2).map(|i| i as f32).collect();
        let level = Level {
            shape: [8, 9, 2],
            values,
        };
        let mut found = vec![];
        patches(&level, 20, 0, 3, &mut found);
        assert_eq!(found.len(), 20 * PATCH * PATCH * 2);
        for patch in found.chunks_exact(PATCH * PATCH * 2) {
            let first = patch[0] as usize / 2;
            assert!(first / 9 <= 1 && first % 9 <= 2);
            // One row down is 9 pixels of 2 channels on.
            assert_eq!(patch[PATCH * 2], patch[0] + 18.0);
        }
    }

    #[test]
    fn distances_along_directions_by_hand() {
        // Along x: 0, 1 against 1, 3; along y: 0, 0 against 2, 2.
        let found = along_directions(&[0.0, 0.0, 1.0, 0.0], &[3.0, 2.0, 1.0, 2.0], 2, &[1.0, 0.0, 0.0, 1.0]);
        assert_eq!(found, [1.5, 2.0]);
    }

    #[test]
    fn patches_like_each_other_are_near() {
        let noise = |stream, count| random::normal(9, stream, count);
        let patches = |stream| noise(stream, 800 * PATCH * PATCH);
        // As bright and as dark, but flat.
        let flat: Vec<f32> = noise(2, 800).into_iter().flat_map(|x| [x; PATCH * PATCH]).collect();
        let near = distance(&patches(0), &patches(1), 1, 0);
        let far = distance(&patches(0), &flat, 1, 0);
        assert!(far.value > 3.0 * near.value, "{near:?} {far:?}");
        assert_eq!(distance(&patches(0), &patches(0), 1, 0).value, 0.0);
    }
}
