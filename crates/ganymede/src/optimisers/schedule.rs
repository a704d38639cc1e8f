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
    /// 1 until the first of these steps, then straight to 0 at the second; two zeros: 1 always.
    pub fn falling([start, end]: [u64; 2]) -> Schedule {
        match [start, end] {
            [0, 0] => Schedule::Constant,
            _ => Schedule::Linear {
                from: 1.0,
                to: 0.0,
                start,
                end,
            },
        }
    }

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
            Schedule::Linear { from, to, start, end } => {
                let along = along(start, end);
                from * (1.0 - along) + to * along
            }
            Schedule::Cosine { floor, end } => {
                floor + (1.0 - floor) * 0.5 * (1.0 + (std::f64::consts::PI * along(0, end)).cos())
            }
            Schedule::Warmup { steps } => ((step + 1) as f64 / steps.max(1) as f64).min(1.0),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn factors_at_the_ends_and_in_the_middle() {
        let linear = Schedule::Linear {
            from: 1.0,
            to: 0.2,
            start: 100,
            end: 200,
        };
        let factors = |schedule: Schedule, steps: &[u64]| steps.iter().map(|&s| schedule.factor(s)).collect::<Vec<_>>();
        assert_eq!(factors(Schedule::Constant, &[0, 9]), [1.0, 1.0]);
        assert_eq!(factors(linear, &[0, 100, 150, 200, 999]), [1.0, 1.0, 0.6, 0.2, 0.2]);
        let cosine = factors(Schedule::Cosine { floor: 0.5, end: 6 }, &[0, 2, 3, 6, 7]);
        let expected = [1.0, 0.875, 0.75, 0.5, 0.5];
        assert!(
            cosine.iter().zip(expected).all(|(a, b)| (a - b).abs() < 1e-15),
            "{cosine:?}"
        );
        assert_eq!(
            factors(Schedule::Warmup { steps: 4 }, &[0, 1, 3, 4]),
            [0.25, 0.5, 1.0, 1.0]
        );
    }

    #[test]
    fn ranges_without_length_are_passed_at_once() {
        let linear = Schedule::Linear {
            from: 1.0,
            to: 0.0,
            start: 5,
            end: 5,
        };
        assert_eq!([4, 5].map(|step| linear.factor(step)), [1.0, 0.0]);
        assert_eq!(Schedule::Warmup { steps: 0 }.factor(0), 1.0);
        assert_eq!(Schedule::Cosine { floor: 0.0, end: 0 }.factor(0), 0.0);
    }

    #[test]
    fn falls_where_it_is_told_to() {
        let factors = |falls: [u64; 2]| [0, 10, 15, 20, 30].map(|step| Schedule::falling(falls).factor(step));
        assert_eq!(factors([10, 20]), [1.0, 1.0, 0.5, 0.0, 0.0]);
        assert_eq!(factors([0, 0]), [1.0; 5]);
    }

    #[test]
    fn stored_flat_by_name() {
        let json = r#"{"name":"warmup","steps":10}"#;
        let schedule: Schedule = serde_json::from_str(json).unwrap();
        assert_eq!(schedule, Schedule::Warmup { steps: 10 });
        assert_eq!(serde_json::to_string(&schedule).unwrap(), json);
    }
}
