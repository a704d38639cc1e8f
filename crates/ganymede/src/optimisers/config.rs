//! The choice of an optimiser and its numbers, as a run's configuration stores it.
use crate::optimisers::{Adam, Optimiser, RmsProp, Sgd};
use serde::{Deserialize, Serialize};

/// An optimiser by name, with its learning rate and numbers as flat keys; what is left out takes PyTorch's default.
///
/// ```
/// use ganymede::optimisers::OptimiserConfig;
///
/// let config: OptimiserConfig = serde_json::from_str(r#"{"name": "adam", "learning_rate": 2e-4}"#).unwrap();
/// assert_eq!(config, OptimiserConfig::adam(2e-4, [0.9, 0.999]));
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
#[serde(tag = "name", rename_all = "kebab-case", deny_unknown_fields)]
pub enum OptimiserConfig {
    /// [`Adam`]
    Adam {
        /// Step size.
        #[serde(alias = "learning-rate")]
        learning_rate: f64,
        /// Decay rates of the two running means, each in [0, 1).
        #[serde(default = "betas")]
        betas: [f64; 2],
        /// What is added to the root.
        #[serde(default = "epsilon")]
        epsilon: f64,
        /// Share of the parameter that is taken off per unit of learning rate: with it, this is AdamW.
        #[serde(default, alias = "weight-decay")]
        weight_decay: f64,
    },
    /// [`RmsProp`]
    Rmsprop {
        /// Step size.
        #[serde(alias = "learning-rate")]
        learning_rate: f64,
        /// Decay rate of the running mean, in [0, 1).
        #[serde(default = "alpha")]
        alpha: f64,
        /// What is added to the root.
        #[serde(default = "epsilon")]
        epsilon: f64,
        /// Decay rate of the running step, in [0, 1).
        #[serde(default)]
        momentum: f64,
        /// Factor of the parameter that is added to the gradient.
        #[serde(default, alias = "weight-decay")]
        weight_decay: f64,
    },
    /// [`Sgd`]
    Sgd {
        /// Step size.
        #[serde(alias = "learning-rate")]
        learning_rate: f64,
        /// Decay rate of the running gradient, in [0, 1).
        #[serde(default)]
        momentum: f64,
        /// Whether the step looks ahead.
        #[serde(default)]
        nesterov: bool,
        /// Factor of the parameter that is added to the gradient.
        #[serde(default, alias = "weight-decay")]
        weight_decay: f64,
    },
}

fn betas() -> [f64; 2] {
    Adam::default().betas
}

fn epsilon() -> f64 {
    Adam::default().epsilon
}

fn alpha() -> f64 {
    RmsProp::default().alpha
}

impl OptimiserConfig {
    /// Adam with these decay rates.
    pub fn adam(learning_rate: f64, betas: [f64; 2]) -> OptimiserConfig {
        OptimiserConfig::Adam {
            learning_rate,
            betas,
            epsilon: epsilon(),
            weight_decay: 0.0,
        }
    }

    /// RMSProp without momentum.
    pub fn rmsprop(learning_rate: f64) -> OptimiserConfig {
        OptimiserConfig::Rmsprop {
            learning_rate,
            alpha: alpha(),
            epsilon: epsilon(),
            momentum: 0.0,
            weight_decay: 0.0,
        }
    }

    /// Gradient descent with this momentum.
    pub fn sgd(learning_rate: f64, momentum: f64) -> OptimiserConfig {
        OptimiserConfig::Sgd {
            learning_rate,
            momentum,
            nesterov: false,
            weight_decay: 0.0,
        }
    }

    /// The step size, before any schedule.
    pub fn learning_rate(&self) -> f64 {
        match *self {
            OptimiserConfig::Adam { learning_rate, .. }
            | OptimiserConfig::Rmsprop { learning_rate, .. }
            | OptimiserConfig::Sgd { learning_rate, .. } => learning_rate,
        }
    }

    /// The rule of updates.
    pub fn build(&self) -> Box<dyn Optimiser> {
        match *self {
            OptimiserConfig::Adam {
                betas,
                epsilon,
                weight_decay,
                ..
            } => Box::new(Adam {
                betas,
                epsilon,
                weight_decay,
            }),
            OptimiserConfig::Rmsprop {
                alpha,
                epsilon,
                momentum,
                weight_decay,
                ..
            } => Box::new(RmsProp {
                alpha,
                epsilon,
                momentum,
                weight_decay,
            }),
            OptimiserConfig::Sgd {
                momentum,
                nesterov,
                weight_decay,
                ..
            } => Box::new(Sgd {
                momentum,
                nesterov,
                weight_decay,
            }),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn stored_flat_and_read_again() {
        let json = r#"{"name":"adam","learning_rate":0.0002,"betas":[0.5,0.999],"epsilon":1e-8,"weight_decay":0.0}"#;
        assert_eq!(
            serde_json::to_string(&OptimiserConfig::adam(2e-4, [0.5, 0.999])).unwrap(),
            json
        );
        for config in [
            OptimiserConfig::adam(2e-4, [0.5, 0.999]),
            OptimiserConfig::rmsprop(5e-5),
            OptimiserConfig::sgd(0.1, 0.9),
        ] {
            let json = serde_json::to_string(&config).unwrap();
            assert_eq!(serde_json::from_str::<OptimiserConfig>(&json).unwrap(), config);
        }
    }

    #[test]
    fn mistakes_are_named() {
        let error = |json: &str| serde_json::from_str::<OptimiserConfig>(json).unwrap_err().to_string();
        assert!(error(r#"{"name": "adam", "learning_rate": 1.0, "beta": 1}"#).contains("unknown field `beta`"));
        assert!(error(r#"{"name": "adam"}"#).contains("missing field `learning_rate`"));
        assert!(error(r#"{"name": "adma", "learning_rate": 1.0}"#).contains("expected one of `adam`"));
    }
}
