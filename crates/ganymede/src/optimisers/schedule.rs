//! How the learning rate changes over a run.
use serde::{Deserialize, Serialize};

/// The factor of the learning rate as a function of the step, counted from 0.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(tag = "name", rename_all = "kebab-case", deny_unknown_fields)]
pub enum Schedule {
    /// 1 always.
    #[default]
    Constant,
    /// `from` until step `start`, then straight to `to` at step `end`, where it stays.
    Linear {
        /// Factor at first.
        from: f64,
        /// Factor at last.
        to: f64,
        /// The last step at `from`.
        start: u64,
        /// The first step at `to`.
        end: u64,
    },
    /// From 1 at step 0 along half a cosine to `floor` at step `end`, where it stays (Loshchilov and Hutter 2017,
    /// "SGDR", equation 5).
    Cosine {
        /// Factor at last.
        floor: f64,
        /// The first step at `floor`.
        end: u64,
    },
    /// Straight from 1 / `steps` at step 0 to 1 at step `steps - 1`, where it stays.
    Warmup {
        /// How many steps it takes.
        steps: u64,
    },
}

impl Schedule {
    /// The factor of the learning rate at a step, counted from 0.
    pub fn factor(&self, step: u64) -> f64 {
        // How far a step is along a range, 0 to 1; a range without length is passed at once.
        let along = |start: u64, end: u64| match step {
            _ if step >= end => 1.0,
            _ if step <= start => 0.0,
            _ => (step - start) as f64 / (end - start) as f64,
        };
        match *self {
            Schedule::Constant => 1.0,
            Schedule::Linear { from, to, start, end } => from + (to - from) * along(start, end),
            Schedule::Cosine { floor, end } => {
                floor + (1.0 - floor) * 0.5 * (1.0 + (std::f64::consts::PI * along(0, end)).cos())
            }
            Schedule::Warmup { steps } => ((step + 1) as f64 / steps.max(1) as f64).min(1.0),
        }
    }
}
