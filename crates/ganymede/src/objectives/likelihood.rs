//! What examples cost to tell under a model, in nats: negative logarithms of probabilities, a number each, `[n]`.
//!
//! - Kingma and Welling 2014, "Auto-Encoding Variational Bayes", arXiv:1312.6114, appendices B and C
use crate::named::named_enum;
use gany_engine::Tensor;
use std::f64::consts::PI;

named_enum! {
    /// What a decoder's numbers say of pixels.
    #[derive(Default)]
    "likelihood" Likelihood {
        /// A pixel is white with a probability that is the sigmoid of its number; grey is so much of a white pixel. Its
        /// negative logarithm is the binary cross-entropy (BCE).
        #[default]
        Bernoulli = "bernoulli",
        /// A pixel is normal of variance 1/2 around the tanh of half its number. Its negative logarithm is the square error
        /// (MSE), and what makes no difference is left out.
        Gaussian = "gaussian",
    }
}

impl Likelihood {
    /// What pictures x cost under a decoder's numbers, summed over pixels.
    ///
    /// # Shapes
    /// Both `[n, ..]`, x in [-1, 1]; the result is `[n]`.
    pub fn cost(self, numbers: &Tensor, x: &Tensor) -> Tensor {
        let of_pixels = match self {
            Likelihood::Bernoulli => numbers.softplus() - numbers * ((x + 1.0) * 0.5),
            Likelihood::Gaussian => (self.picture(numbers) - x).square(),
        };
        of_pixels.flatten_from(1).sum_axes(&[1])
    }

    /// The mean picture, in [-1, 1]; the same under both, since `2 sigmoid(a) - 1 = tanh(a / 2)`.
    pub fn picture(self, numbers: &Tensor) -> Tensor {
        (numbers * 0.5).tanh()
    }
}

/// What classes y `[n]` cost under logits `[n, classes]`: the cross-entropy of each.
#[track_caller]
pub fn categorical(logits: &Tensor, y: &Tensor) -> Tensor {
    let chosen = logits.log_softmax(1) * y.one_hot(logits.extent(1));
    -chosen.sum_axes(&[1])
}

/// How much more classes cost under logits q than under logits p, where they come as p says: the Kullback-Leibler divergence
/// `sum p (log p - log q)` of each.
///
/// # Shapes
/// Both `[n, classes]`; the result is `[n]`.
pub fn relative_entropy(p: &Tensor, q: &Tensor) -> Tensor {
    let log_p = p.log_softmax(1);
    (log_p.exp() * (&log_p - q.log_softmax(1))).sum_axes(&[1])
}

/// Normal distributions of vectors, `[n, k]`, whose numbers are independent.
pub struct Normal {
    /// `[n, k]`
    pub mean: Tensor,
    /// `[n, k]`
    pub log_variance: Tensor,
}

impl Normal {
    /// The one that a network says with `[n, 2 k]` numbers: means, and logarithms of variances.
    #[track_caller]
    pub fn said_by(numbers: &Tensor) -> Normal {
        let k = numbers.extent(1) / 2;
        Normal {
            mean: numbers.slice(1, 0, k),
            log_variance: numbers.slice(1, k, 2 * k),
        }
    }

    /// The reparameterised sample: `mean + sigma epsilon`, for epsilon `[n, k]` standard normal.
    pub fn at(&self, epsilon: &Tensor) -> Tensor {
        &self.mean + (&self.log_variance * 0.5).exp() * epsilon
    }

    /// What vectors `[n, k]` cost.
    pub fn cost(&self, vectors: &Tensor) -> Tensor {
        let squares = (vectors - &self.mean).square() * (-&self.log_variance).exp();
        (squares + &self.log_variance + (2.0 * PI).ln()).sum_axes(&[1]) * 0.5
    }

    /// The Kullback-Leibler divergence from the standard normal: `-1/2 sum(1 + log sigma^2 - mean^2 - sigma^2)`.
    pub fn divergence(&self) -> Tensor {
        let of_numbers = self.mean.square() + self.log_variance.exp() - 1.0 - &self.log_variance;
        of_numbers.sum_axes(&[1]) * 0.5
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::reference::assert_close;

    fn rows(elements: &[f64]) -> Tensor {
        Tensor::from_f64(&[1, elements.len()], elements)
    }

    #[test]
    fn pixels_by_hand() {
        // White with probability 3/4: a white pixel costs log 4/3, a black one log 4, a grey one half of each.
        let numbers = rows(&[3.0_f64.ln(); 3]);
        let (white, black) = ((4.0_f64 / 3.0).ln(), 4.0_f64.ln());
        let cost = Likelihood::Bernoulli.cost(&numbers, &rows(&[1.0, -1.0, 0.0]));
        assert_close("bernoulli", &cost, &[(white + black) * 1.5], 1e-12);
        for likelihood in Likelihood::ALL {
            assert_close("picture", &likelihood.picture(&numbers), &[0.5; 3], 1e-12);
        }
        let cost = Likelihood::Gaussian.cost(&numbers, &rows(&[1.0, -1.0, 0.0]));
        assert_close("gaussian", &cost, &[0.25 + 2.25 + 0.25], 1e-12);
    }

    #[test]
    fn classes_by_hand() {
        let logits = Tensor::from_f64(&[2, 2], &[3.0_f64.ln(), 0.0, 0.0, 0.0]);
        let cost = categorical(&logits, &Tensor::from_f64(&[2], &[0.0, 1.0]));
        assert_close("categorical", &cost, &[(4.0_f64 / 3.0).ln(), 2.0_f64.ln()], 1e-12);
        // Of (3/4, 1/4) from (1/2, 1/2), and of itself.
        let [from, even] = [&logits, &Tensor::from_f64(&[2, 2], &[5.0, 5.0, 0.0, 0.0])];
        let expected = 0.75 * 1.5_f64.ln() + 0.25 * 0.5_f64.ln();
        assert_close(
            "relative entropy",
            &relative_entropy(from, even),
            &[expected, 0.0],
            1e-12,
        );
    }

    #[test]
    fn normals_by_hand() {
        let normal = Normal::said_by(&rows(&[1.0, -2.0, 4.0_f64.ln(), 0.0]));
        assert_close("sample", &normal.at(&rows(&[0.5, 3.0])), &[2.0, 1.0], 1e-12);
        // Each costs log sigma + log(2 pi) / 2 + (x - mean)^2 / (2 sigma^2).
        let expected = 2.0_f64.ln() + (2.0 * PI).ln() + 4.0 / 8.0 + 1.0 / 2.0;
        assert_close("cost", &normal.cost(&rows(&[3.0, -1.0])), &[expected], 1e-12);
        let expected = 0.5 * (1.0 + 4.0 - 1.0 - 4.0_f64.ln()) + 0.5 * 4.0;
        assert_close("divergence", &normal.divergence(), &[expected], 1e-12);
    }
}
