//! Adam and AdamW.
use crate::optimisers::Optimiser;
use gany_engine::Tensor;

/// Adam (Kingma and Ba 2015, "Adam: A Method for Stochastic Optimization", algorithm 1), in PyTorch's order of
/// operations:
///
/// ```text
/// m <- beta_1 m + (1 - beta_1) g        v <- beta_2 v + (1 - beta_2) g^2
/// p <- p - lr / (1 - beta_1^t) m / (sqrt(v) / sqrt(1 - beta_2^t) + epsilon)
/// ```
///
/// With `weight_decay` it is AdamW (Loshchilov and Hutter 2019, "Decoupled Weight Decay Regularization", algorithm 2):
/// p is first multiplied by `1 - lr weight_decay`. Where beta_1 is 0, m is g and takes no slot.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Adam {
    /// Decay rates of the two running means, each in [0, 1).
    pub betas: [f64; 2],
    /// What is added to the root.
    pub epsilon: f64,
    /// Share of the parameter that is taken off per unit of learning rate.
    pub weight_decay: f64,
}

impl Default for Adam {
    /// The paper's: 0.9, 0.999, 1e-8, no decay.
    fn default() -> Self {
        Adam {
            betas: [0.9, 0.999],
            epsilon: 1e-8,
            weight_decay: 0.0,
        }
    }
}

impl Optimiser for Adam {
    fn slots(&self) -> &'static [&'static str] {
        if self.betas[0] == 0.0 { &["v"] } else { &["m", "v"] }
    }

    fn update(
        &self,
        parameter: &Tensor,
        gradient: &Tensor,
        slots: &mut [Tensor],
        t: &Tensor,
        learning_rate: &Tensor,
    ) -> Tensor {
        let [beta_1, beta_2] = self.betas;
        let [slot_m @ .., slot_v] = slots else {
            panic!("adam: no slots");
        };
        let m = match slot_m {
            [slot] => {
                *slot = &*slot + (gradient - &*slot) * (1.0 - beta_1);
                slot.clone()
            }
            _ => gradient.clone(),
        };
        *slot_v = &*slot_v * beta_2 + gradient.square() * (1.0 - beta_2);
        // Scalars first: the loop over the parameter sees two numbers.
        let step = learning_rate / bias_correction(beta_1, t);
        let root = slot_v.sqrt() * bias_correction(beta_2, t).rsqrt() + self.epsilon;
        let decayed = if self.weight_decay == 0.0 {
            parameter.clone()
        } else {
            parameter * (1.0 - learning_rate * self.weight_decay)
        };
        decayed - step * m / root
    }
}

/// `1 - beta^t`, without the cancellation that costs single precision half its digits at first: with y = -t log(beta),
/// it is `1 - exp(-y) = 2 tanh(y / 2) / (1 + tanh(y / 2))`.
fn bias_correction(beta: f64, t: &Tensor) -> Tensor {
    if beta == 0.0 {
        return t.ones_like();
    }
    let tanh = (t * (-0.5 * beta.ln())).tanh();
    &tanh * 2.0 / (tanh + 1.0)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn bias_corrections_keep_their_digits_in_single_precision() {
        for (beta, t) in [
            (0.999, 1.0),
            (0.999, 1000.0),
            (0.5, 1.0),
            (0.9, 3.0),
            (0.0, 1.0),
            (0.999, 1e6),
        ] {
            let got = bias_correction(beta, &Tensor::from_f32(&[], &[t])).to_f64()[0];
            let expected = -f64::exp_m1(f64::from(t) * beta.ln());
            assert!(
                (got / expected - 1.0).abs() < 4e-7,
                "{beta}, {t}: {got}, not {expected}"
            );
        }
    }

    #[test]
    fn without_a_running_mean_there_is_no_slot_for_it() {
        let adam = Adam {
            betas: [0.0, 0.9],
            ..Adam::default()
        };
        assert_eq!(adam.slots(), ["v"]);
        assert_eq!(Adam::default().slots(), ["m", "v"]);
    }
}
