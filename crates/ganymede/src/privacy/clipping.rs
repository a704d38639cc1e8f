//! The gradient of DP-SGD.
//!
//! Abadi et al. 2016, "Deep Learning with Differential Privacy", arXiv:1607.00133, algorithm 1.
//!
//! ```text
//! g = (1 / (q n)) (sum over taken i of g_i min(1, C / |g_i|)  +  s C N(0, 1))
//! ```
//!
//! Each example has a copy of the weights, which is no memory but a broadcast, so that the gradient by its copy is its own: exact
//! for every loss that does not mix examples, gradient penalties included, where the shortcuts by norms of activations are not.
use gany_engine::{Tensor, grad};

/// How gradients are clipped and noised.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Clipping {
    /// The length that an example's gradient is shortened to where it is longer.
    pub length: f64,
    /// The standard deviation of the noise, in these lengths.
    pub noise: f64,
    /// The probability that an example is taken.
    pub rate: f64,
}

impl Clipping {
    /// A scalar whose value is the mean loss and whose gradient by `weights` is the private one. `loss` is the mean over examples of
    /// what each loses with its own copy of the weights, `[n, ..]` each; `taken [n]` is 1 where an example is taken, else 0;
    /// `normal` draws numbers of a shape.
    ///
    /// # Panics
    /// Where `taken` is not `[n]`.
    pub fn loss(
        &self,
        weights: &[Tensor],
        taken: &Tensor,
        loss: impl Fn(&[Tensor]) -> Tensor,
        normal: impl Fn(&[usize]) -> Tensor,
    ) -> Tensor {
        let n = taken.extent(0);
        let copies: Vec<Tensor> = weights
            .iter()
            .map(|weight| {
                let one = [&[1], weight.shape()].concat();
                let all = [&[n], weight.shape()].concat();
                weight.detach().reshape(&one).broadcast_to(&all)
            })
            .collect();
        let mean = loss(&copies);
        // The gradient of the mean by a copy is that of its example, divided by their number.
        let own: Vec<Tensor> = grad(&mean, &copies.iter().collect::<Vec<_>>())
            .iter()
            .map(|gradient| gradient.flatten_from(1) * n as f64)
            .collect();
        let squares = own.iter().map(|gradient| gradient.square().sum_axes(&[1]));
        let length = squares.reduce(|a, b| a + b).expect("a network has weights").sqrt();
        // Where the length is 0, there is nothing to shorten.
        let kept = taken * (self.length / (length + 1e-12)).clamp(0.0, 1.0);
        let scale = 1.0 / (self.rate * n as f64);
        let surrogate = weights.iter().zip(&own).map(|(weight, own)| {
            let sum = kept.reshape(&[1, n]).matmul(own).reshape(weight.shape());
            let private = (sum + normal(weight.shape()) * (self.noise * self.length)) * scale;
            (weight * private.detach()).sum()
        });
        let surrogate = surrogate.reduce(|a, b| a + b).expect("a network has weights");
        &mean.detach() + (&surrogate - &surrogate.detach())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use gany_engine::DType;

    /// Losses w . x_i: the gradients are the rows (3, 4) and (0, 0.5), of lengths 5 and 1/2; a third is not taken.
    fn gradient(noise: f64) -> Vec<f64> {
        let x = Tensor::from_f64(&[3, 2], &[3.0, 4.0, 0.0, 0.5, 7.0, 7.0]);
        let weight = Tensor::from_f64(&[2], &[0.3, -0.2]);
        let taken = Tensor::from_f64(&[3], &[1.0, 1.0, 0.0]);
        let clipping = Clipping {
            length: 1.0,
            noise,
            rate: 0.5,
        };
        let loss = |copies: &[Tensor]| (&copies[0] * &x).sum() * (1.0 / 3.0);
        let noises = |shape: &[usize]| Tensor::full(DType::F64, shape, 1.0);
        let private = clipping.loss(std::slice::from_ref(&weight), &taken, loss, noises);
        let mean: f64 = [0.1, -0.1, 0.7].iter().sum::<f64>() / 3.0;
        assert!((private.to_f64()[0] - mean).abs() < 1e-12);
        grad(&private, &[&weight])[0].to_f64()
    }

    #[test]
    fn long_gradients_are_shortened_short_ones_kept_and_others_left_out() {
        for (got, expected) in gradient(0.0).iter().zip([0.6 / 1.5, (0.8 + 0.5) / 1.5]) {
            assert!((got - expected).abs() < 1e-9, "{got}");
        }
    }

    #[test]
    fn noise_is_added_once_in_clipped_lengths() {
        for (got, expected) in gradient(3.0).iter().zip([3.6 / 1.5, (1.3 + 3.0) / 1.5]) {
            assert!((got - expected).abs() < 1e-9, "{got}");
        }
    }
}
