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
mod slope;

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
    /// Whether looks are few and far between, so that what there is has to do for what an alarm asks for in a row, and nothing
    /// is known of the beginning.
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
        let scaled = self
            .number(key)
            .filter(|value| *value > 0.0)
            .map(|value| value * factor);
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

/// Cases made up for tests.
#[cfg(test)]
mod cases {
    use super::*;
    use serde_json::json;

    /// A case of a `gan` in which figures take these values, look by look from step 50 on, 50 steps apart.
    pub(super) fn gan(series: &[(&str, &[f64])]) -> Case {
        let mut case = Case::new(
            [
                ("generator.learning_rate".to_owned(), json!(2e-4)),
                ("discriminator.learning_rate".to_owned(), json!(2e-4)),
                ("objective".to_owned(), json!("minimax")),
            ]
            .into(),
        );
        let looks = series.iter().map(|(_, values)| values.len()).max().unwrap_or(0);
        for look in 0..looks {
            let figures = series
                .iter()
                .filter_map(|(name, values)| Some(((*name).to_owned(), *values.get(look)?)));
            case.see(50 * (look as u64 + 1), figures.collect());
        }
        case
    }

    /// Whether an alarm fires where figures take these values.
    pub(super) fn fires(alarm: Alarm, series: &[(&str, &[f64])]) -> Option<bool> {
        alarm.examine(&gan(series)).map(|finding| finding.fires)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn looks_are_at_steps_that_are_recorded() {
        let first: Vec<u64> = (0..=400).filter(|step| is_looked_at(*step)).collect();
        assert_eq!(first, [1, 25, 50, 75, 100, 125, 150, 175, 200, 250, 300, 350, 400]);
        assert!(!is_looked_at(1_050) && is_looked_at(1_100) && is_looked_at(1_000_000));
    }

    #[test]
    fn names_are_unique_and_every_sentence_is_there() {
        let mut names: Vec<&str> = alarms().iter().map(|alarm| alarm.name).collect();
        names.push(NOT_A_NUMBER);
        names.sort_unstable();
        names.dedup();
        assert_eq!(names.len(), alarms().len() + 1);
        assert!(alarms().iter().all(
            |alarm| !alarm.meaning.ends_with('.') && alarm.threshold.contains("look")
                || alarm.threshold.contains("step")
        ));
    }

    #[test]
    fn nothing_is_diagnosed_of_nothing() {
        assert_eq!(diagnose(&Case::default()), []);
    }

    #[test]
    fn settings_are_written_in_short() {
        let numbers = [2e-4 * 0.25, 1e3, 0.05 * 0.1, 12_345.0, 1.0];
        assert_eq!(numbers.map(in_short), ["5e-5", "1000", "0.005", "1.23e4", "1"]);
        assert!("1.23e4".parse::<f64>().is_ok());
    }

    #[test]
    fn cures_are_changes_of_the_settings_there_are() {
        let case = cases::gan(&[]);
        assert_eq!(
            case.scaled("generator.learning_rate", 0.5),
            [("generator.learning_rate".to_owned(), "1e-4".to_owned())]
        );
        assert_eq!(case.scaled("clip", 0.5), []);
        assert_eq!(case.changed("objective", "minimax"), []);
        let cure = Cure::new("change the loss", case.changed("objective", "hinge"));
        assert_eq!(cure.in_words(), "change the loss: --set objective=hinge");
        let nan = not_a_number(&case.settings, 7, "generator", "matmul");
        assert_eq!(nan.finding.cure.settings[0].1, "2e-5");
    }

    #[test]
    fn sparse_looks_stand_for_those_between() {
        let mut case = cases::gan(&[("a", &[1.0, 2.0])]);
        assert_eq!(case.latest("a", 3), None);
        case.is_sparse = true;
        assert_eq!(case.latest("a", 3), Some(vec![1.0, 1.0, 2.0]));
        assert_eq!(case.latest("b", 3), None);
    }
}
