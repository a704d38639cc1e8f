//! What a run has said, in columns, and what of it fits on a screen.
//!
//! A million recorded steps are some ten columns of a million numbers. A curve on a screen has a thousand points: each stands
//! for a stretch of steps, with the mean of what was measured there and the least and largest of it, so that no spike is lost.
use ganymede::run::Event;
use serde::Serialize;
use std::collections::BTreeMap;
use std::ops::Range;

/// How a run stands, in a few words: what a list of runs shows.
#[derive(Clone, Debug, Default, PartialEq, Serialize)]
pub(crate) struct Digest {
    pub(crate) system: String,
    pub(crate) title: String,
    pub(crate) idea: String,
    pub(crate) started_at: String,
    /// Steps that are planned, where that is known.
    pub(crate) steps: Option<u64>,
    pub(crate) step: u64,
    pub(crate) seconds: f64,
    pub(crate) images: u64,
    /// Examples a second over the last stretch of training.
    pub(crate) images_per_second: f64,
    /// Why it ended, where it said so; `finished` is `None`.
    pub(crate) end: Option<End>,
    /// Steps of the sample grids.
    pub(crate) samples: Vec<u64>,
    pub(crate) latest_checkpoint: Option<u64>,
    pub(crate) alarms: usize,
    /// The figures measured last, and the best ones.
    pub(crate) figures: Option<Measured>,
    pub(crate) best: Option<Measured>,
    /// The latest losses and what else a step reports; what is not finite is missing.
    pub(crate) latest: BTreeMap<String, f64>,
}

/// How a run ended.
#[derive(Clone, Debug, PartialEq, Serialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum End {
    Finished,
    Stopped { reason: String },
}

/// Figures of samples after a step.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub(crate) struct Measured {
    pub(crate) step: u64,
    pub(crate) figures: BTreeMap<String, f64>,
}

/// All that a run has said.
#[derive(Debug, Default)]
pub(crate) struct Record {
    pub(crate) digest: Digest,
    steps: Vec<u64>,
    seconds: Vec<f64>,
    images: Vec<u64>,
    /// A column a name, each as long as `steps`; NaN where nothing was said.
    columns: BTreeMap<String, Vec<f32>>,
    /// Everything but steps, in the order it was said.
    pub(crate) others: Vec<Event>,
    /// Figures of samples, by name.
    metrics: BTreeMap<String, Vec<(u64, f64)>>,
}

/// Curves for a screen.
#[derive(Clone, Debug, Default, PartialEq, Serialize)]
pub(crate) struct Curves {
    /// The last step of each stretch.
    pub(crate) steps: Vec<u64>,
    /// Seconds of training until then.
    pub(crate) seconds: Vec<f64>,
    pub(crate) series: BTreeMap<String, Curve>,
    pub(crate) metrics: BTreeMap<String, Vec<(u64, f64)>>,
    /// How many recorded steps they stand for.
    pub(crate) recorded: usize,
}

/// A curve: what a stretch of steps has on average, at least, and at most. Where each stretch is one step, the mean is all.
#[derive(Clone, Debug, Default, PartialEq, Serialize)]
pub(crate) struct Curve {
    pub(crate) mean: Vec<Rounded>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub(crate) min: Vec<Rounded>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub(crate) max: Vec<Rounded>,
}

/// A number to five digits; `null` where it is not finite.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) struct Rounded(pub(crate) f64);

impl Serialize for Rounded {
    fn serialize<S: serde::Serializer>(&self, to: S) -> Result<S::Ok, S::Error> {
        if !self.0.is_finite() {
            return to.serialize_none();
        }
        if self.0 == 0.0 {
            return to.serialize_f64(0.0);
        }
        let digits = 4 - self.0.abs().log10().floor() as i32;
        // Powers of ten up to the twenty-second are exact, and what is divided by them or multiplied with them has a short text.
        let rounded = match digits {
            0..=22 => (self.0 * 10_f64.powi(digits)).round() / 10_f64.powi(digits),
            -22..0 => (self.0 / 10_f64.powi(-digits)).round() * 10_f64.powi(-digits),
            _ => format!("{:.4e}", self.0).parse().unwrap_or(self.0),
        };
        to.serialize_f64(rounded)
    }
}

impl Record {
    /// Takes in what was said next.
    pub(crate) fn hear(&mut self, event: Event) {
        let digest = &mut self.digest;
        match &event {
            Event::Started {
                system,
                title,
                idea,
                steps,
                at,
            } => {
                // A run that begins anew in the same folder has nothing of what was.
                *self = Record::default();
                self.digest = Digest {
                    system: system.clone(),
                    title: title.clone(),
                    idea: idea.clone(),
                    steps: *steps,
                    started_at: at.clone(),
                    ..Digest::default()
                };
            }
            Event::Resumed { step, .. } | Event::Healed { step, .. } => self.forget_after(*step),
            Event::Step {
                step,
                seconds,
                images,
                scalars,
            } => {
                (digest.step, digest.seconds, digest.images) = (*step, *seconds, *images);
                digest.end = None;
                digest.latest.clear();
                let finite = scalars.iter().filter(|(_, value)| value.is_finite());
                digest.latest.extend(finite.map(|(name, value)| (name.clone(), *value)));
                self.step(*step, *seconds, *images, scalars);
                return;
            }
            Event::Sample { step, .. } => digest.samples.push(*step),
            Event::Metric { step, figures, best } => {
                let measured = Measured {
                    step: *step,
                    figures: figures.clone(),
                };
                for (name, value) in figures {
                    self.metrics.entry(name.clone()).or_default().push((*step, *value));
                }
                if *best {
                    digest.best = Some(measured.clone());
                }
                digest.figures = Some(measured);
            }
            Event::Checkpoint { step, .. } => digest.latest_checkpoint = Some(*step),
            Event::Alarm { .. } => digest.alarms += 1,
            Event::Stopped { reason, .. } => digest.end = Some(End::Stopped { reason: reason.clone() }),
            Event::Finished { .. } => digest.end = Some(End::Finished),
            Event::Warning { .. } => {}
        }
        self.others.push(event);
    }

    fn step(&mut self, step: u64, seconds: f64, images: u64, scalars: &BTreeMap<String, f64>) {
        let known = self.steps.len();
        for (name, value) in scalars {
            if !self.columns.contains_key(name) {
                self.columns.insert(name.clone(), vec![f32::NAN; known]);
            }
            if let Some(column) = self.columns.get_mut(name) {
                column.push(*value as f32);
            }
        }
        self.steps.push(step);
        self.seconds.push(seconds);
        self.images.push(images);
        if self.columns.values().any(|column| column.len() != self.steps.len()) {
            self.columns
                .values_mut()
                .for_each(|column| column.resize(known + 1, f32::NAN));
        }
        self.digest.images_per_second = self.pace();
    }

    /// Examples a second over the last thirty seconds of training, or what there is of it.
    fn pace(&self) -> f64 {
        let (Some(now), Some(images)) = (self.seconds.last(), self.images.last()) else {
            return 0.0;
        };
        let first = self.seconds.partition_point(|seconds| *seconds < now - 30.0);
        match self.steps.len() - first {
            0 | 1 if *now > 0.0 => *images as f64 / now,
            0 | 1 => 0.0,
            _ => (images - self.images[first].min(*images)) as f64 / (now - self.seconds[first]).max(1e-6),
        }
    }

    /// The run went back to a step: what it said of later ones is void.
    fn forget_after(&mut self, step: u64) {
        let kept = self.steps.partition_point(|known| *known <= step);
        self.steps.truncate(kept);
        self.seconds.truncate(kept);
        self.images.truncate(kept);
        self.columns.values_mut().for_each(|column| column.truncate(kept));
        self.others
            .retain(|event| event.step() <= step && !matches!(event, Event::Finished { .. }));
        self.metrics
            .values_mut()
            .for_each(|of_name| of_name.retain(|(at, _)| *at <= step));
        let measured: Vec<(Measured, bool)> = self
            .others
            .iter()
            .filter_map(|event| match event {
                Event::Metric { step, figures, best } => Some((
                    Measured {
                        step: *step,
                        figures: figures.clone(),
                    },
                    *best,
                )),
                _ => None,
            })
            .collect();
        let is_alarm = |event: &&Event| matches!(event, Event::Alarm { .. });
        let alarms = self.others.iter().filter(is_alarm).count();
        let digest = &mut self.digest;
        digest.end = None;
        digest.alarms = alarms;
        digest.step = self.steps.last().copied().unwrap_or(step).max(step);
        digest.seconds = self.seconds.last().copied().unwrap_or(0.0);
        digest.images = self.images.last().copied().unwrap_or(0);
        digest.samples.retain(|at| *at <= step);
        digest.latest_checkpoint = digest.latest_checkpoint.filter(|at| *at <= step).or(Some(step));
        digest.best = measured
            .iter()
            .rev()
            .find(|(_, best)| *best)
            .map(|(figures, _)| figures.clone());
        digest.figures = measured.last().map(|(figures, _)| figures.clone());
    }

    /// Curves of at most `points` points over the steps `from..=to`.
    pub(crate) fn curves(&self, points: usize, from: Option<u64>, to: Option<u64>) -> Curves {
        let first = from.map_or(0, |from| self.steps.partition_point(|step| *step < from));
        let last = to.map_or(self.steps.len(), |to| self.steps.partition_point(|step| *step <= to));
        let stretches = stretches(first..last.max(first), points);
        let of_column = |column: &Vec<f32>| {
            let is_whole = stretches.iter().any(|stretch| stretch.len() > 1);
            let summed = stretches.iter().map(|stretch| summary(&column[stretch.clone()]));
            let mut curve = Curve::default();
            for [mean, min, max] in summed {
                curve.mean.push(Rounded(mean));
                if is_whole {
                    curve.min.push(Rounded(min));
                    curve.max.push(Rounded(max));
                }
            }
            curve
        };
        let within = |(step, _): &&(u64, f64)| from.is_none_or(|from| *step >= from) && to.is_none_or(|to| *step <= to);
        Curves {
            steps: stretches.iter().map(|stretch| self.steps[stretch.end - 1]).collect(),
            seconds: stretches.iter().map(|stretch| self.seconds[stretch.end - 1]).collect(),
            series: self
                .columns
                .iter()
                .map(|(name, column)| (name.clone(), of_column(column)))
                .collect(),
            metrics: self
                .metrics
                .iter()
                .map(|(name, of_name)| (name.clone(), of_name.iter().filter(within).copied().collect()))
                .collect(),
            recorded: last.saturating_sub(first),
        }
    }

    /// Keeps of the columns what the pace is told from, where the state alone is asked for.
    pub(crate) fn forget_columns(&mut self) {
        self.columns.clear();
        let kept = self.steps.len().saturating_sub(64);
        self.steps.drain(..kept);
        self.seconds.drain(..kept);
        self.images.drain(..kept);
    }
}

/// At most `points` stretches of a range, as alike in length as can be, none empty.
fn stretches(range: Range<usize>, points: usize) -> Vec<Range<usize>> {
    let (count, points) = (range.len(), points.max(1).min(range.len()));
    (0..points)
        .map(|i| range.start + i * count / points..range.start + (i + 1) * count / points)
        .collect()
}

/// Mean, least and largest of the finite numbers; NaN where there are none.
fn summary(values: &[f32]) -> [f64; 3] {
    let (mut sum, mut count, mut min, mut max) = (0.0, 0_u32, f64::INFINITY, f64::NEG_INFINITY);
    for value in values.iter().filter(|value| value.is_finite()) {
        let value = f64::from(*value);
        (sum, count, min, max) = (sum + value, count + 1, min.min(value), max.max(value));
    }
    match count {
        0 => [f64::NAN; 3],
        _ => [sum / f64::from(count), min, max],
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn step(step: u64, loss: f64) -> Event {
        Event::Step {
            step,
            seconds: step as f64 * 0.5,
            images: step * 64,
            scalars: [("loss.generator".to_owned(), loss)].into(),
        }
    }

    fn record(losses: &[f64]) -> Record {
        let mut record = Record::default();
        let events = losses.iter().enumerate().map(|(i, loss)| step(i as u64 + 1, *loss));
        events.for_each(|event| record.hear(event));
        record
    }

    fn numbers(values: &[Rounded]) -> Vec<f64> {
        values.iter().map(|value| value.0).collect()
    }

    #[test]
    fn a_spike_is_seen_however_few_points_there_are() {
        let mut losses = vec![1.0; 1000];
        losses[517] = 101.0;
        let curves = record(&losses).curves(10, None, None);
        assert_eq!(curves.steps, (1..=10).map(|i| i * 100).collect::<Vec<u64>>());
        let loss = &curves.series["loss.generator"];
        assert_eq!(numbers(&loss.max), [1.0, 1.0, 1.0, 1.0, 1.0, 101.0, 1.0, 1.0, 1.0, 1.0]);
        assert_eq!(loss.mean[5], Rounded(2.0), "(99 + 101) / 100");
        assert_eq!(numbers(&loss.min), [1.0; 10]);
        assert_eq!(curves.recorded, 1000);
    }

    #[test]
    fn a_part_is_shown_in_full_where_it_fits() {
        let curves = record(&[5.0, 4.0, f64::NAN, 2.0, 1.0]).curves(10, Some(2), Some(4));
        assert_eq!(curves.steps, [2, 3, 4]);
        let loss = &curves.series["loss.generator"];
        assert_eq!(serde_json::to_string(loss).unwrap(), r#"{"mean":[4.0,null,2.0]}"#);
        assert!(record(&[]).curves(10, None, None).steps.is_empty());
        assert!(record(&[1.0]).curves(10, Some(7), Some(3)).steps.is_empty());
    }

    #[test]
    fn numbers_are_written_to_five_digits() {
        let text = |value| serde_json::to_string(&Rounded(value)).unwrap();
        assert_eq!(
            [0.693_147_18, -12_345.678, 1e-9 / 3.0, 0.0, f64::INFINITY].map(text),
            ["0.69315", "-12346.0", "3.3333e-10", "0.0", "null"]
        );
        assert_eq!(text(f64::from(f32::MAX)), "3.4028e+38");
    }

    #[test]
    fn names_that_come_later_have_gaps_before() {
        let mut record = record(&[1.0, 2.0]);
        record.hear(Event::Step {
            step: 3,
            seconds: 1.5,
            images: 192,
            scalars: [("penalty".to_owned(), 7.0)].into(),
        });
        let curves = record.curves(10, None, None);
        let json = serde_json::to_value(&curves.series).unwrap();
        assert_eq!(json["penalty"]["mean"], serde_json::json!([null, null, 7.0]));
        assert_eq!(json["loss.generator"]["mean"], serde_json::json!([1.0, 2.0, null]));
    }

    #[test]
    fn a_run_that_goes_back_forgets_what_came_after() {
        let mut record = record(&[1.0, 2.0, 3.0, 4.0]);
        let figures = |step, best| Event::Metric {
            step,
            figures: [("fd".to_owned(), step as f64)].into(),
            best,
        };
        record.hear(figures(2, true));
        record.hear(figures(4, true));
        record.hear(Event::Stopped {
            step: 4,
            reason: "Ctrl-C".into(),
        });
        assert_eq!(
            record.digest.end,
            Some(End::Stopped {
                reason: "Ctrl-C".into()
            })
        );
        record.hear(Event::Resumed {
            step: 2,
            at: "t".into(),
        });
        assert_eq!((record.digest.step, record.digest.end.clone()), (2, None));
        assert_eq!(record.digest.best.as_ref().map(|best| best.step), Some(2));
        record.hear(step(3, 9.0));
        let curves = record.curves(10, None, None);
        assert_eq!(numbers(&curves.series["loss.generator"].mean), [1.0, 2.0, 9.0]);
        assert_eq!(curves.metrics["fd"], [(2, 2.0)]);
    }

    #[test]
    fn the_pace_is_that_of_the_last_half_minute() {
        let mut record = Record::default();
        for (seconds, images) in [(0.0, 0), (100.0, 1000), (110.0, 2000), (120.0, 3000)] {
            record.hear(Event::Step {
                step: images,
                seconds,
                images,
                scalars: [].into(),
            });
        }
        assert_eq!(record.digest.images_per_second, 100.0);
    }
}
