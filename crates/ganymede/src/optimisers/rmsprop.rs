//! RMSProp.
use crate::optimisers::{Optimiser, with_decay};
use gany_engine::Tensor;

/// RMSProp (Tieleman and Hinton 2012, lecture 6.5) as in PyTorch, epsilon outside of the root:
///
/// ```text
/// v <- alpha v + (1 - alpha) g^2
/// p <- p - lr g / (sqrt(v) + epsilon)
/// ```
///
/// With momentum mu: `b <- mu b + g / (sqrt(v) + epsilon)`, `p <- p - lr b`.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct RmsProp {
    /// Decay rate of the running mean, in [0, 1).
    pub alpha: f64,
    /// What is added to the root.
    pub epsilon: f64,
    /// Decay rate of the running step; 0 switches it and its slot off.
    pub momentum: f64,
    /// Factor of the parameter that is added to the gradient.
    pub weight_decay: f64,
}

impl Default for RmsProp {
    /// PyTorch's: 0.99, 1e-8, neither momentum nor decay.
    fn default() -> Self {
        RmsProp {
            alpha: 0.99,
            epsilon: 1e-8,
            momentum: 0.0,
            weight_decay: 0.0,
        }
    }
}

impl Optimiser for RmsProp {
    fn slots(&self) -> &'static [&'static str] {
        if self.momentum == 0.0 {
            &["v"]
        } else {
            &["v", "momentum"]
        }
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
        let [slot_v, slot_momentum @ ..] = slots else {
            panic!("rmsprop: no slots");
        };
        *slot_v = &*slot_v * self.alpha + gradient.square() * (1.0 - self.alpha);
        let mut direction = gradient / (slot_v.sqrt() + self.epsilon);
        if let [slot] = slot_momentum {
            *slot = &*slot * self.momentum + direction;
            direction = slot.clone();
        }
        parameter - learning_rate * direction
    }
}
