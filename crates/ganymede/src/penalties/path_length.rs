//! The path-length penalty: a step of one length in style space changes the picture by one length, wherever it is taken.
//!
//! Karras et al. 2020, "Analyzing and Improving the Image Quality of StyleGAN", section 3.2 and equation 4:
//!
//! ```text
//! E_w,y[(|J_w^T y| - a)^2],   J_w = dG(w)/dw,   y normal pictures,   a the moving average of |J_w^T y|
//! ```
use gany_engine::{Tensor, grad};

/// How far the average moves to the lengths of a step.
const DECAY: f64 = 0.01;

/// The penalty and the average that it holds lengths to.
#[derive(Clone, Debug)]
pub struct PathLength {
    /// The penalty, unweighted; a scalar to be added to the generator's loss.
    pub value: Tensor,
    /// The moving average, detached; a scalar to be kept for the next step.
    pub mean: Tensor,
}

/// The penalty on `pictures [n, h, w, c]` that were made of `styles [n, layers, w_dim]`, with normal numbers `y` of the
/// pictures' shape, which are divided by the root of h w; lengths are root mean squares over the layers. `mean` is the
/// average so far, a scalar.
pub fn penalty(pictures: &Tensor, styles: &Tensor, y: &Tensor, mean: &Tensor) -> PathLength {
    let pixels = (pictures.extent(1) * pictures.extent(2)) as f64;
    let projected = (pictures * y).sum() * pixels.sqrt().recip();
    let gradient = grad(&projected, &[styles])[0].flatten_from(1);
    let lengths = gradient.norm(1) * (styles.extent(1) as f64).sqrt().recip();
    let mean = mean + (lengths.mean() - mean) * DECAY;
    PathLength {
        value: (lengths - &mean).square().mean(),
        mean: mean.detach(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A picture of four equal pixels, thrice the one style of two layers alike: its gradient by either layer is 3 times the sum
    /// of y over 2, here 6 and 12; lengths of both layers are that.
    #[test]
    fn values_by_hand() {
        let styles = Tensor::from_f64(&[2, 2, 1], &[1.0, 1.0, 5.0, 5.0]);
        let pictures = (&styles * 3.0)
            .sum_axes(&[1])
            .reshape(&[2, 1, 1, 1])
            .upsample_nearest(2);
        let y = Tensor::from_f64(&[2, 2, 2, 1], &[1.0, 1.0, 1.0, 1.0, -2.0, -2.0, -2.0, -2.0]);
        let got = penalty(&pictures, &styles, &y, &Tensor::from_f64(&[], &[1.0]));
        let mean = 1.0 + 0.01 * (9.0 - 1.0);
        assert!((got.mean.to_f64()[0] - mean).abs() < 1e-12);
        let expected = ((6.0 - mean) * (6.0 - mean) + (12.0 - mean) * (12.0 - mean)) / 2.0;
        assert!((got.value.to_f64()[0] - expected).abs() < 1e-9);
        // It can be differentiated, which takes gradients of gradients.
        let [slope] = grad(&got.value, &[&styles]).try_into().expect("one");
        assert_eq!(slope.to_f64(), [0.0; 4]);
    }
}
