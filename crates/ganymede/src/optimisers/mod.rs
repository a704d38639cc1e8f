//! How a player's parameters follow their gradients: pure functions of parameter, gradient and slots, so that a whole
//! step stays one function of the state.
mod adam;
pub mod average;
mod config;
mod rmsprop;
mod schedule;
mod sgd;

pub use adam::Adam;
pub use config::OptimiserConfig;
pub use rmsprop::RmsProp;
pub use schedule::Schedule;
pub use sgd::Sgd;

use gany_engine::Tensor;

/// A rule that updates one parameter at a time.
pub trait Optimiser: Send + Sync {
    /// The names of what the rule remembers of every parameter; each slot has the parameter's shape and starts at 0.
    fn slots(&self) -> &'static [&'static str];

    /// The parameter after one update; `slots`, in the order of [`slots`](Optimiser::slots), are replaced by what is to
    /// be remembered. `t` is the number of this update, from 1, and `learning_rate` its factor, both scalars.
    fn update(
        &self,
        parameter: &Tensor,
        gradient: &Tensor,
        slots: &mut [Tensor],
        t: &Tensor,
        learning_rate: &Tensor,
    ) -> Tensor;
}

/// The gradient of the loss plus half `weight_decay` times the parameter's square.
fn with_decay(gradient: &Tensor, parameter: &Tensor, weight_decay: f64) -> Tensor {
    if weight_decay == 0.0 {
        gradient.clone()
    } else {
        gradient + parameter * weight_decay
    }
}
