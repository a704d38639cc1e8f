//! Minibatch standard deviation: a discriminator sees how much the examples of a batch differ.
use crate::nn::Layer;
use gany_engine::{Tensor, concat};

/// Adds a channel that says how much the examples of a group differ: the standard deviation over the group of every number
/// of an example, averaged to one number (Karras et al. 2018, "Progressive Growing of GANs", section 3). The batch is cut
/// into groups of at most this many examples, as large as divide it; example i is in the group i modulo their number, as in
/// the authors' code.
///
/// # Shapes
/// x `[n, .., c]`; the result is `[n, .., c + 1]`.
#[derive(Clone, Copy, Debug)]
pub struct MinibatchDeviation {
    /// Examples in a group, at most.
    pub group: usize,
}

impl Layer for MinibatchDeviation {
    fn forward(&self, x: &Tensor) -> Tensor {
        let n = x.extent(0);
        let group = (1..=self.group.min(n)).rev().find(|group| n.is_multiple_of(*group));
        let group = group.unwrap_or(1);
        let groups = n / group;
        let grouped = x.reshape(&[group, groups, x.numel() / n]);
        let centred = &grouped - grouped.mean_axes_kept(&[0]);
        let deviations = (centred.square().mean_axes_kept(&[0]) + 1e-8).sqrt();
        let mut plane = x.shape().to_vec();
        plane[x.rank() - 1] = 1;
        let area = plane[1..].iter().product();
        let planes = deviations.mean_axes_kept(&[2]).broadcast_to(&[group, groups, area]);
        concat(&[x.clone(), planes.reshape(&plane)], x.rank() - 1)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// In groups of two of four, 0 goes with 2 and 1 with 3: deviations 1 and 3 of the first channel, 0 and 1 of the second.
    #[test]
    fn values_by_hand() {
        let x = Tensor::from_f64(&[4, 1, 2], &[1.0, 5.0, 0.0, 1.0, 3.0, 5.0, 6.0, 3.0]);
        let y = MinibatchDeviation { group: 2 }.forward(&x).to_f64();
        for (i, expected) in [0.5, 2.0, 0.5, 2.0].into_iter().enumerate() {
            assert_eq!(y[3 * i..3 * i + 2], x.to_f64()[2 * i..2 * i + 2]);
            assert!((y[3 * i + 2] - expected).abs() < 1e-4, "{y:?}");
        }
    }

    /// Six do not go into groups of four but of three: 1, 3 and 5 deviate by the root of 8/3.
    #[test]
    fn groups_divide_the_batch() {
        let x = Tensor::from_f64(&[6, 1], &[1.0, 0.0, 3.0, 0.0, 5.0, 0.0]);
        let y = MinibatchDeviation { group: 4 }.forward(&x).to_f64();
        assert!(
            (y[1] - (8_f64 / 3.0).sqrt()).abs() < 1e-6 && (y[3] - 1e-4).abs() < 1e-12,
            "{y:?}"
        );
    }
}
