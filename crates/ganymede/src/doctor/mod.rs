//! The doctor: reads what was measured of a training and says what is wrong with it, by which figures, and what to try.
//!
//! Every so many steps ([`is_looked_at`]) a [`Probe`](crate::games::Probe) looks at the state, and what it finds joins the
//! figures that the step reported. A diagnosis is a pure function of the figures so far and of the settings, so an alarm in
//! a training and one in its record agree, and a resumed run raises the alarms of the uninterrupted one.
//!
//! An [`Alarm`] is a name, what it means, when it fires and why there, and a function from a [`Case`] to a [`Finding`].
mod balance;
pub mod failures;
mod gradients;
mod layers;
mod samples;

use crate::models::Settings;
use serde::Serialize;
use std::collections::BTreeMap;

/// Figures of one step by dotted name: what the step reported, and
/// [what a look found](crate::games::Findings::figures).
pub type Figures = BTreeMap<String, f64>;

/// After which steps a run is looked at: often at first, as a function of the step alone; all of them are recorded.
pub fn is_looked_at(step: u64) -> bool {
    let period = match step {
        1 => 1,
        0..=200 => 25,
        201..=1_000 => 50,
        _ => 100,
    };
    step > 0 && step.is_multiple_of(period)
}

/// What the doctor knows of a run.
#[derive(Clone, Debug, Default)]
pub struct Case {
    /// The system's settings by dotted key.
    pub settings: Settings,
    /// Whether looks are few and far between, so that what there is has to do for what an alarm asks for in a row.
    pub is_sparse: bool,
    looks: Vec<(u64, Figures)>,
}

impl Case {
    /// Nothing yet of a run with these settings.
    pub fn new(settings: Settings) -> Case {
        Case {
            settings,
            ..Case::default()
        }
    }

    /// Adds the figures of a step that was looked at.
    pub fn see(&mut self, step: u64, figures: Figures) {
        self.looks.push((step, figures));
    }

    /// Steps and figures of all looks so far.
    pub fn looks(&self) -> &[(u64, Figures)] {
        &self.looks
    }

    /// The step of the latest look.
    pub fn step(&self) -> u64 {
        self.looks.last().map_or(0, |(step, _)| *step)
    }

    /// Who judges: `critic` or `discriminator`.
    pub fn judge(&self) -> &'static str {
        let is_critic = self.settings.keys().any(|key| key.starts_with("critic."));
        if is_critic { "critic" } else { "discriminator" }
    }

    /// Every value that a figure has had.
    fn values(&self, name: &str) -> Vec<f64> {
        self.looks
            .iter()
            .filter_map(|(_, figures)| figures.get(name).copied())
            .collect()
    }

    /// The latest `count` values of a figure; nothing where it has had fewer, unless looks are sparse: then those are repeated.
    fn latest(&self, name: &str, count: usize) -> Option<Vec<f64>> {
        let values = self.values(name);
        if self.is_sparse && !values.is_empty() && values.len() < count {
            return Some((0..count).map(|i| values[i * values.len() / count]).collect());
        }
        (values.len() >= count).then(|| values[values.len() - count..].to_vec())
    }

    /// A setting that is a number.
    fn number(&self, key: &str) -> Option<f64> {
        self.settings.get(key)?.as_f64()
    }

    /// A setting multiplied by a factor, as it is set on the command line; nothing where the system has no such setting.
    fn scaled(&self, key: &str, factor: f64) -> Vec<(String, String)> {
        let scaled = self.number(key).filter(|value| *value > 0.0).map(|value| value * factor);
        scaled
            .map(|value| (key.to_owned(), in_short(value)))
            .into_iter()
            .collect()
    }

    /// A setting with another value, where the system has it.
    fn changed(&self, key: &str, value: &str) -> Vec<(String, String)> {
        let is_other = self
            .settings
            .get(key)
            .is_some_and(|now| now.as_str().map_or(now.to_string(), str::to_owned) != value);
        if is_other {
            vec![(key.to_owned(), value.to_owned())]
        } else {
            vec![]
        }
    }
}

/// What to try.
#[derive(Clone, Debug, Default, PartialEq, Serialize)]
pub struct Cure {
    /// In a sentence without its full stop.
    pub advice: String,
    /// Settings that do it, as `--set KEY=VALUE` takes them; none where no setting helps.
    pub settings: Vec<(String, String)>,
}

impl Cure {
    fn new(advice: impl Into<String>, settings: Vec<(String, String)>) -> Cure {
        Cure {
            advice: advice.into(),
            settings,
        }
    }

    /// The advice, and its settings as a command takes them.
    pub fn in_words(&self) -> String {
        let settings: Vec<String> = self
            .settings
            .iter()
            .map(|(key, value)| format!("--set {key}={value}"))
            .collect();
        if settings.is_empty() {
            self.advice.clone()
        } else {
            format!("{}: {}", self.advice, settings.join(" "))
        }
    }
}

/// What an alarm found in a case that has its figures.
#[derive(Clone, Debug, PartialEq)]
pub struct Finding {
    /// Whether it is wrong.
    pub fires: bool,
    /// Whose trouble it is.
    pub player: String,
    /// The figures it rests on, in words.
    pub evidence: Vec<(String, f64)>,
    /// What to try.
    pub cure: Cure,
}

/// Something that can be wrong with a training.
#[derive(Clone, Copy, Debug)]
pub struct Alarm {
    /// Its name, such as `mode-collapse`.
    pub name: &'static str,
    /// What it means, in a sentence.
    pub meaning: &'static str,
    /// When it fires, and why there.
    pub threshold: &'static str,
    examine: fn(&Case) -> Option<Finding>,
}

impl Alarm {
    /// What it finds; nothing where the case lacks its figures, or has too few yet.
    pub fn examine(&self, case: &Case) -> Option<Finding> {
        (self.examine)(case)
    }
}

/// An alarm that has fired, as it is said and recorded.
#[derive(Clone, Debug, PartialEq)]
pub struct Diagnosis {
    /// The alarm's name.
    pub alarm: &'static str,
    /// What it means.
    pub meaning: &'static str,
    /// After which step.
    pub step: u64,
    /// What it found.
    pub finding: Finding,
}

/// The name of the alarm that a number which is not finite raises; it is no function of figures.
pub const NOT_A_NUMBER: &str = "not-a-number";

/// Every alarm, those first whose cause is nearest to the root.
pub fn alarms() -> &'static [Alarm] {
    const ALL: &[Alarm] = &[
        gradients::INITIALISATION,
        gradients::LEARNING_RATE,
        gradients::EXPLODING,
        gradients::VANISHING,
        balance::LIPSCHITZ,
        balance::DISCRIMINATOR_WON,
        balance::DISCRIMINATOR_GAVE_UP,
        balance::OVERFITTING,
        samples::MODE_COLLAPSE,
        samples::MEMORISATION,
        samples::OSCILLATION,
        layers::DEAD_UNITS,
        layers::BATCH_NORM_DRIFT,
    ];
    ALL
}

/// The alarms that fire in a case, in the order of [`alarms`].
pub fn diagnose(case: &Case) -> Vec<Diagnosis> {
    let diagnosis = |alarm: &Alarm| {
        let finding = alarm.examine(case).filter(|finding| finding.fires)?;
        Some(Diagnosis {
            alarm: alarm.name,
            meaning: alarm.meaning,
            step: case.step(),
            finding,
        })
    };
    alarms().iter().filter_map(diagnosis).collect()
}

/// What a number that is not finite means for a run, whose `player` made it first in `operation`.
pub fn not_a_number(settings: &Settings, step: u64, player: &str, operation: &str) -> Diagnosis {
    let case = Case::new(settings.clone());
    Diagnosis {
        alarm: NOT_A_NUMBER,
        meaning: "a number is infinite or none at all, and from there it spreads to every weight",
        step,
        finding: Finding {
            fires: true,
            player: player.to_owned(),
            evidence: vec![],
            cure: Cure::new(
                format!("take smaller steps: the first such number came out of {operation} in a move of the {player}"),
                case.scaled(&format!("{player}.learning_rate"), 0.1),
            ),
        },
    }
}

/// A number in at most three digits, as settings are written.
fn in_short(value: f64) -> String {
    let rounded: f64 = format!("{value:.2e}").parse().unwrap_or(value);
    if rounded != 0.0 && !(1e-3..1e4).contains(&rounded.abs()) {
        format!("{rounded:e}")
    } else {
        rounded.to_string()
    }
}

fn median(values: &[f64]) -> f64 {
    let mut sorted = values.to_vec();
    sorted.sort_by(f64::total_cmp);
    sorted.get(sorted.len() / 2).copied().unwrap_or(f64::NAN)
}

fn largest(values: &[f64]) -> f64 {
    values.iter().copied().fold(f64::NEG_INFINITY, f64::max)
}

fn smallest(values: &[f64]) -> f64 {
    values.iter().copied().fold(f64::INFINITY, f64::min)
}
