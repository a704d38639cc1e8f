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

#[cfg(test)]
mod tests {
    use super::*;
    use crate::reference::{BLOCKS, assert_close, stored};
    use gany_engine::DType;

    #[test]
    fn five_updates_are_pytorchs() {
        let file = &BLOCKS["optimisers"];
        for (dtype, tolerance) in [(DType::F64, 1e-13), (DType::F32, 1e-6)] {
            let gradients = stored(dtype, &file["gradients"]);
            for case in file["cases"].as_array().unwrap() {
                let config: OptimiserConfig = serde_json::from_value(case["config"].clone()).unwrap();
                let optimiser = config.build();
                let mut parameter = stored(dtype, &file["start"]);
                let mut slots = vec![parameter.zeros_like(); optimiser.slots().len()];
                let after = stored(DType::F64, &case["after"]);
                for step in 0..5 {
                    let at = |all: &Tensor| all.slice(0, step, step + 1).reshape(&[2, 3]);
                    let scalar = |number: f64| Tensor::from_elements(dtype, &[], &[number]);
                    let (t, rate) = (scalar(step as f64 + 1.0), scalar(config.learning_rate()));
                    parameter = optimiser.update(&parameter, &at(&gradients), &mut slots, &t, &rate);
                    let what = format!("{config:?}, update {step}");
                    assert_close(&what, &parameter, &at(&after).to_f64(), tolerance);
                }
                assert!(slots.iter().all(|slot| slot.shape() == [2, 3]));
            }
        }
    }
}
