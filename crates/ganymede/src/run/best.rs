//! Measures taken while a run goes on, and the best state kept.
//!
//! Samples at a step are a pure function of the state and the run's seed, and so are their measures: a resumed run finds
//! the same figures at the same steps. What is the best so far follows from the events.
use super::checkpoint;
use super::error::Result as RunResult;
use super::evaluation::{EvalError, own_network, statistics_folder};
use super::events::Event;
use super::folder::RunFolder;
use super::sampling::Drawn;
use super::training::Order;
use crate::data::{Dataset, Shape};
use crate::games::Play;
use crate::metrics::Evaluator;
use crate::metrics::evaluation::{Given, Plan};
use std::path::Path;
use std::sync::Arc;

/// The name of the checkpoint of the best state.
const BEST: &str = "best";

/// Pictures, real and made, that are compared.
const PICTURES: usize = 1000;

/// Points, fewer, since their transport plan is exact.
const POINTS: usize = 500;

/// When samples are measured.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum EvalEvery {
    /// Ever wider apart: four times to every doubling of the steps, eight times up to step 800.
    Auto,
    /// After so many steps each.
    Steps(u64),
}

impl EvalEvery {
    /// Whether samples are measured after this step: a function of the step alone.
    pub fn is_due(self, step: u64) -> bool {
        let period = match self {
            EvalEvery::Steps(period) => period.max(1),
            EvalEvery::Auto => {
                100 << (step / 800)
                    .checked_ilog2()
                    .map_or(0, |doublings| doublings + 1)
                    .min(32)
            }
        };
        step.is_multiple_of(period)
    }
}

impl std::fmt::Display for EvalEvery {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            EvalEvery::Auto => f.write_str("auto"),
            EvalEvery::Steps(steps) => write!(f, "{steps}"),
        }
    }
}

impl std::str::FromStr for EvalEvery {
    type Err = String;

    fn from_str(text: &str) -> Result<EvalEvery, String> {
        if text == "auto" {
            return Ok(EvalEvery::Auto);
        }
        let steps = text.parse().ok().filter(|steps| *steps > 0);
        steps
            .map(EvalEvery::Steps)
            .ok_or_else(|| "expected `auto` or a number of steps".into())
    }
}

/// What a run is measured by, and the best so far.
pub(super) struct Best {
    every: EvalEvery,
    evaluator: Evaluator,
    /// The step of the best figure, and the figure.
    so_far: Option<(u64, f64)>,
}

impl Best {
    /// For the run of an order, where it is to be measured, after these events.
    pub(super) fn of(order: &Order, data: &Arc<dyn Dataset>, events: &[Event]) -> Result<Option<Best>, Box<EvalError>> {
        let Some(every) = order.eval_every else { return Ok(None) };
        let network = own_network(&order.data, &**data, None, &mut |_| {})?;
        // Of a few samples, a covariance of many features is no use.
        let has_many = network
            .as_ref()
            .is_some_and(|network| 4 * network.dimension() > PICTURES);
        let metrics: &[&str] = match data.shape() {
            Shape::Volume { .. }
            | Shape::Sound { .. }
            | Shape::Roll { .. }
            | Shape::Events { .. }
            | Shape::Row { .. } => {
                return Ok(None);
            }
            Shape::Point { .. } => &["w1", "modes"],
            Shape::Picture { .. } if has_many => &["kid", "precision-recall", "swd", "ms-ssim"],
            Shape::Picture { .. } => &["fd", "precision-recall", "swd", "ms-ssim"],
        };
        let plan = Plan {
            metrics: metrics.iter().map(ToString::to_string).collect(),
            count: match data.shape() {
                Shape::Point { .. } => POINTS,
                _ => PICTURES,
            },
            seed: order.seed,
        };
        let cache = statistics_folder();
        let given = Given {
            data: data.clone(),
            want: &order.want,
            held_out: None,
            network,
            cache: cache.as_deref(),
        };
        let evaluator = Evaluator::new(plan, given).map_err(EvalError::from)?;
        let mut best = Best {
            every,
            evaluator,
            so_far: None,
        };
        for event in events {
            if let Event::Metric {
                step,
                figures,
                best: true,
            } = event
            {
                let lead = best.evaluator.lead().and_then(|lead| figures.get(lead));
                best.so_far = lead.map(|value| (*step, *value));
            }
        }
        Ok(Some(best))
    }

    pub(super) fn is_due(&self, step: u64) -> bool {
        self.every.is_due(step)
    }

    /// Measures samples of a state.
    pub(super) fn evaluate(&mut self, play: &mut Play, shape: Shape, seed: u64, step: u64) -> Event {
        let found = self.evaluator.evaluate(&mut Drawn { play, shape, seed });
        // Only a number that is smaller is better: one that is not a number never is.
        let lead = self.evaluator.lead();
        let lead = found.figures.iter().find(|figure| lead == Some(&figure.metric));
        let lead = lead.map(|figure| figure.value);
        let is_best = lead.is_some_and(|value| self.so_far.map_or(value.is_finite(), |(_, best)| value < best));
        if let Some(value) = lead.filter(|_| is_best) {
            self.so_far = Some((step, value));
        }
        Event::Metric {
            step,
            figures: found
                .figures
                .into_iter()
                .map(|figure| (figure.metric, figure.value))
                .collect(),
            best: is_best,
        }
    }

    /// Keeps the numbered checkpoint of `step` as the best, if it is that of the best figure.
    pub(super) fn restore(&self, folder: &RunFolder, step: u64, numbered: &Path) -> RunResult<()> {
        if self.so_far.is_some_and(|(best, _)| best == step) {
            checkpoint::save_named(folder, BEST, &checkpoint::load(numbered)?)?;
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn periods_double_with_the_steps() {
        let due = |every: EvalEvery, range: std::ops::RangeInclusive<u64>| range.filter(|s| every.is_due(*s)).count();
        assert_eq!(due(EvalEvery::Auto, 1..=800), 8);
        assert_eq!(due(EvalEvery::Auto, 801..=1600), 4);
        assert_eq!(due(EvalEvery::Auto, 1601..=3200), 4);
        assert_eq!(due(EvalEvery::Steps(30), 1..=100), 3);
        assert_eq!("auto".parse(), Ok(EvalEvery::Auto));
        assert_eq!("50".parse(), Ok(EvalEvery::Steps(50)));
        assert!("0".parse::<EvalEvery>().is_err() && "often".parse::<EvalEvery>().is_err());
    }
}
