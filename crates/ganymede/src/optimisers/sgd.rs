//! Gradient descent, with momentum.
use crate::optimisers::{Optimiser, with_decay};
use gany_engine::Tensor;

/// Gradient descent as in PyTorch: `b <- mu b + g`, `p <- p - lr b`; with Nesterov's momentum (Sutskever et al. 2013,
/// "On the importance of initialization and momentum in deep learning") `p <- p - lr (g + mu b)`.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct Sgd {
    /// mu, in [0, 1); 0 switches momentum and its slot off.
    pub momentum: f64,
    /// Whether the step looks ahead.
    pub nesterov: bool,
    /// Factor of the parameter that is added to the gradient.
    pub weight_decay: f64,
}

impl Optimiser for Sgd {
    fn slots(&self) -> &'static [&'static str] {
        if self.momentum == 0.0 { &[] } else { &["momentum"] }
    }

    fn update(
        &self,
        parameter: &Tensor,
        gradient: &Tensor,
        slots: &mut [Tensor],
        _: &Tensor,
        learning_rate: &Tensor,
    ) -> Tensor {
        let gradient = with_decay(gradient, parameter, self.weight_decay);
        let direction = match slots {
            [slot] => {
                *slot = &*slot * self.momentum + &gradient;
                if self.nesterov {
                    gradient + &*slot * self.momentum
                } else {
                    slot.clone()
                }
            }
            _ => gradient,
        };
        parameter - learning_rate * direction
    }
}
