//! How alike two pictures are: peak signal-to-noise ratio, structural similarity, and that on several scales. Pictures are
//! `[height, width, channels]` in [-1, 1].
//!
//! - SSIM: Wang et al. 2004, "Image Quality Assessment: From Error Visibility to Structural Similarity": an 11 x 11 Gaussian
//!   window of standard deviation 1.5, K_1 = 0.01, K_2 = 0.03, only where the window lies inside.
//! - MS-SSIM: Wang, Simoncelli and Bovik 2003, "Multi-scale Structural Similarity for Image Quality Assessment": five
//!   scales, each half of the one before. A picture that is too small for the window on all five has fewer, and the weights
//!   of those it has are brought to sum 1. Between samples of one generator it measures variety (Odena et al. 2017,
//!   arXiv:1610.09585): near 1, all look alike.

/// From black to white.
const RANGE: f64 = 2.0;
const WINDOW: usize = 11;
const SIGMA: f64 = 1.5;
const C_1: f64 = (0.01 * RANGE) * (0.01 * RANGE);
const C_2: f64 = (0.03 * RANGE) * (0.03 * RANGE);
const WEIGHTS: [f64; 5] = [0.0448, 0.2856, 0.3001, 0.2363, 0.1333];

/// Peak signal-to-noise ratio in decibels: `10 log10(range^2 / mean square error)`; infinite for equal pictures.
///
/// # Panics
/// Where the pictures differ in size.
pub fn psnr(a: &[f32], b: &[f32]) -> f64 {
    assert_eq!(a.len(), b.len(), "psnr: pictures of different size");
    let squares = a.iter().zip(b).map(|(a, b)| (f64::from(*a) - f64::from(*b)).powi(2));
    let error = squares.sum::<f64>() / a.len() as f64;
    10.0 * (RANGE * RANGE / error).log10()
}

/// The structural similarity of two pictures, mean over channels: at most 1, for equal pictures.
///
/// # Panics
/// Where a picture does not fit the shape or is smaller than the window.
pub fn ssim(a: &[f32], b: &[f32], shape: [usize; 3]) -> f64 {
    let [a, b] = [a, b].map(|picture| planes(picture, shape));
    let values = a.iter().zip(&b).map(|(a, b)| compared(a, b).0);
    values.sum::<f64>() / shape[2] as f64
}

/// On how many scales pictures of this size are compared; 0 where they are smaller than the window.
pub fn scales(height: usize, width: usize) -> usize {
    let sides = |scale: usize| (0..scale).fold([height, width], |sides, _| sides.map(|side| side.div_ceil(2)));
    (0..WEIGHTS.len())
        .take_while(|scale| sides(*scale).iter().all(|side| *side >= WINDOW))
        .count()
}

/// The structural similarity of two pictures on [`scales`] scales, mean over channels: 0 to 1.
///
/// # Panics
/// As [`ssim`].
pub fn ms_ssim(a: &[f32], b: &[f32], shape: [usize; 3]) -> f64 {
    let count = scales(shape[0], shape[1]);
    assert!(
        count > 0,
        "ssim: pictures of {}x{} are smaller than the window",
        shape[0],
        shape[1]
    );
    // The paper's five weights are taken as they are, though rounding has made their sum 1.0001.
    let total: f64 = if count == WEIGHTS.len() {
        1.0
    } else {
        WEIGHTS[..count].iter().sum()
    };
    let [a, b] = [a, b].map(|picture| planes(picture, shape));
    let of_channel = |(mut a, mut b): (Plane, Plane)| {
        let mut product = 1.0;
        for (scale, weight) in WEIGHTS[..count].iter().enumerate() {
            let (similarity, contrast) = compared(&a, &b);
            let factor = if scale + 1 == count { similarity } else { contrast };
            // Structure may be opposed, which no power is defined for.
            product *= factor.max(0.0).powf(weight / total);
            (a, b) = (a.halved(), b.halved());
        }
        product
    };
    a.into_iter().zip(b).map(of_channel).sum::<f64>() / shape[2] as f64
}

/// One channel of a picture.
struct Plane {
    height: usize,
    width: usize,
    values: Vec<f64>,
}

fn planes(picture: &[f32], [height, width, channels]: [usize; 3]) -> Vec<Plane> {
    assert_eq!(
        picture.len(),
        height * width * channels,
        "ssim: a picture does not fit its shape"
    );
    let plane = |channel| Plane {
        height,
        width,
        values: picture
            .iter()
            .skip(channel)
            .step_by(channels)
            .map(|x| f64::from(*x))
            .collect(),
    };
    (0..channels).map(plane).collect()
}

impl Plane {
    /// Means of two by two pixels; beyond an odd side they are taken with zeros on both sides, as PyTorch's average pooling
    /// pads.
    fn halved(&self) -> Plane {
        let [height, width] = [self.height, self.width].map(|side| side.div_ceil(2));
        let offset = [self.height % 2, self.width % 2];
        let at = |row: usize, column: usize| {
            let row = row.checked_sub(offset[0]).filter(|row| *row < self.height);
            let column = column.checked_sub(offset[1]).filter(|column| *column < self.width);
            row.zip(column)
                .map_or(0.0, |(row, column)| self.values[row * self.width + column])
        };
        let pixel = |i: usize| {
            let (row, column) = (2 * (i / width), 2 * (i % width));
            let square = [(0, 0), (0, 1), (1, 0), (1, 1)];
            square
                .iter()
                .map(|(down, right)| at(row + down, column + right))
                .sum::<f64>()
                / 4.0
        };
        Plane {
            height,
            width,
            values: (0..height * width).map(pixel).collect(),
        }
    }
}

/// Weighted means over all windows that lie inside, row-major.
fn windowed(height: usize, width: usize, value: impl Fn(usize) -> f64) -> Vec<f64> {
    let bell: [f64; WINDOW] = std::array::from_fn(|i| {
        let off = i as f64 - (WINDOW / 2) as f64;
        (-off * off / (2.0 * SIGMA * SIGMA)).exp()
    });
    let total: f64 = bell.iter().sum();
    let bell = bell.map(|weight| weight / total);
    let inner = width - WINDOW + 1;
    let values: Vec<f64> = (0..height * width).map(value).collect();
    let mut rows = vec![0.0; height * inner];
    for (i, to) in rows.iter_mut().enumerate() {
        let from = &values[i / inner * width + i % inner..][..WINDOW];
        *to = from.iter().zip(&bell).map(|(x, weight)| x * weight).sum();
    }
    let mut means = vec![0.0; (height - WINDOW + 1) * inner];
    for (i, to) in means.iter_mut().enumerate() {
        *to = bell
            .iter()
            .enumerate()
            .map(|(k, weight)| rows[i + k * inner] * weight)
            .sum();
    }
    means
}

/// Mean similarity, and mean of its part that compares contrast and structure.
fn compared(a: &Plane, b: &Plane) -> (f64, f64) {
    let (height, width) = (a.height, a.width);
    assert!(
        height.min(width) >= WINDOW,
        "ssim: a picture of {height}x{width} is smaller than the window"
    );
    let means = |value: &dyn Fn(usize) -> f64| windowed(height, width, value);
    let (x, y) = (&a.values, &b.values);
    let (mean_x, mean_y) = (means(&|i| x[i]), means(&|i| y[i]));
    let (squares_x, squares_y) = (means(&|i| x[i] * x[i]), means(&|i| y[i] * y[i]));
    let products = means(&|i| x[i] * y[i]);
    let (mut similarity, mut contrast) = (0.0, 0.0);
    for i in 0..products.len() {
        let (variances, covariance) = (
            squares_x[i] - mean_x[i].powi(2) + squares_y[i] - mean_y[i].powi(2),
            products[i] - mean_x[i] * mean_y[i],
        );
        let structure = (2.0 * covariance + C_2) / (variances + C_2);
        let light = (2.0 * mean_x[i] * mean_y[i] + C_1) / (mean_x[i].powi(2) + mean_y[i].powi(2) + C_1);
        similarity += light * structure;
        contrast += structure;
    }
    let n = products.len() as f64;
    (similarity / n, contrast / n)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn noise_in_decibels() {
        // An error of 0.2 everywhere: 10 log10(4 / 0.04).
        let off = psnr(&[0.5, -0.5], &[0.3, -0.3]);
        assert!((off - 20.0).abs() < 1e-5, "{off}");
        assert_eq!(psnr(&[0.5], &[0.5]), f64::INFINITY);
    }

    #[test]
    fn flat_pictures_differ_in_light_alone() {
        let shape = [16, 12, 3];
        let [dark, bright] = [0.1_f32, 0.4].map(|level| vec![level; 16 * 12 * 3]);
        let (x, y) = (f64::from(0.1_f32), f64::from(0.4_f32));
        let expected = (2.0 * x * y + C_1) / (x * x + y * y + C_1);
        assert!((ssim(&dark, &bright, shape) - expected).abs() < 1e-9);
        // One scale only.
        assert!((ms_ssim(&dark, &bright, shape) - expected).abs() < 1e-9);
        assert!((ssim(&dark, &dark, shape) - 1.0).abs() < 1e-12);
    }

    #[test]
    fn scales_are_those_that_the_window_fits() {
        assert_eq!(
            [scales(28, 28), scales(64, 64), scales(176, 300), scales(10, 64)],
            [2, 3, 5, 0]
        );
    }

    #[test]
    fn an_opposed_picture_is_not_like_it() {
        let picture: Vec<f32> = (0..32 * 32).map(|i| ((i * 7919) % 101) as f32 / 101.0).collect();
        let opposed: Vec<f32> = picture.iter().map(|x| 1.0 - x).collect();
        assert!(ssim(&picture, &opposed, [32, 32, 1]) < -0.5);
        assert_eq!(ms_ssim(&picture, &opposed, [32, 32, 1]), 0.0);
        assert!((ms_ssim(&picture, &picture, [32, 32, 1]) - 1.0).abs() < 1e-9);
    }
}
