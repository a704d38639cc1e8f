//! What a lab follows from, and what of it is refused.
use super::{DISTRIBUTIONS, Distribution, Painted};
use crate::data::Shape;
use crate::models::configure::nearest;
use crate::models::{self, ConfigError, Entry, Given, Settings, Takes, resolve};
use crate::objectives::Objective;
use crate::objectives::f_divergence::Divergence;
use crate::penalties::gradient::{Sided, Where};
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;

/// All that a lab follows from.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Setup {
    /// A system of the zoo that takes points.
    pub system: String,
    /// The name of a distribution, or `painted`.
    pub data: String,
    /// The density that was painted, as [`Painted::parse`] reads it; read where `data` is `painted`.
    #[serde(skip_serializing_if = "String::is_empty")]
    pub painted: String,
    /// What all randomness follows from.
    pub seed: u64,
    /// Settings over those that a lab begins with, by dotted key.
    pub settings: BTreeMap<String, String>,
}

impl Default for Setup {
    fn default() -> Setup {
        Setup {
            system: "gan".to_owned(),
            data: "ring".to_owned(),
            painted: String::new(),
            seed: 0,
            settings: BTreeMap::new(),
        }
    }
}

/// What is wrong with a setup.
#[derive(Debug, thiserror::Error, PartialEq)]
#[non_exhaustive]
pub enum LabError {
    /// The system or its settings are not to be had.
    #[error(transparent)]
    Config(#[from] ConfigError),
    /// No distribution has this name.
    #[error("there is no distribution `{got}`")]
    UnknownData {
        /// The name that was given.
        got: String,
        /// The most similar name there is.
        nearest: Option<String>,
    },
    /// A number that a page may not have to wait for.
    #[error("`{key}`: expected {least} to {most} in the lab, got {got}")]
    OutOfBounds {
        /// The key.
        key: String,
        /// The least.
        least: u64,
        /// The most.
        most: u64,
        /// What was given.
        got: u64,
    },
    /// The painting is none.
    #[error("the painted density cannot be read: {reason}")]
    Painted {
        /// What is wrong with it.
        reason: &'static str,
    },
}

impl LabError {
    /// The way out.
    pub fn hint(&self) -> Option<String> {
        match self {
            LabError::Config(error) => error.hint(),
            LabError::UnknownData { nearest, .. } => {
                let all = DISTRIBUTIONS
                    .iter()
                    .map(|known| known.id)
                    .collect::<Vec<_>>()
                    .join(", ");
                let suggestion = nearest
                    .as_ref()
                    .map(|nearest| format!("did you mean `{nearest}`? "))
                    .unwrap_or_default();
                Some(format!("{suggestion}there are {all}, and what you paint"))
            }
            LabError::OutOfBounds { .. } => Some("`gany train` has no such bounds".to_owned()),
            LabError::Painted { .. } => Some("paint again; the address may have been cut off".to_owned()),
        }
    }
}

/// What settings that are whole numbers may be, as (key, least, most); others are 1,024 at most.
pub const LIMITS: &[(&str, u64, u64)] = &[
    ("batch", 8, 256),
    ("z_dim", 1, 64),
    ("width", 1, 256),
    ("n_critic", 1, 10),
    ("kernels", 0, 16),
    ("code", 1, 64),
    ("reference_batch", 0, 256),
];
const MOST: u64 = 1_024;

/// What settings that are names may be, as (last part of the key, names).
pub const CHOICES: &[(&str, &[&str])] = &[
    ("name", &["adam", "rmsprop", "sgd"]),
    ("objective", Objective::NAMES),
    ("divergence", Divergence::NAMES),
    ("penalty_at", Where::NAMES),
    ("sided", Sided::NAMES),
];

/// What a lab begins with where the paper's settings are for pictures.
const SMALL: &[(&str, &str)] = &[("batch", "128"), ("z_dim", "2"), ("width", "64"), ("networks", "dense")];
/// Likewise, of systems whose pace is another one; of two lines of a key the last one holds.
const PACES: &[(&str, &[(&str, &str)])] = &[
    (
        "wgan",
        &[
            ("clip", "0.1"),
            ("generator.learning_rate", "5e-4"),
            ("critic.learning_rate", "1e-3"),
        ],
    ),
    (
        "wgan_gp",
        &[
            ("penalty_weight", "0.5"),
            ("generator.learning_rate", "1e-3"),
            ("critic.learning_rate", "2e-3"),
        ],
    ),
    ("gan_r1r2", &[("gamma", "0.1"), ("average_decay", "0")]),
    ("dragan", &[("penalty_weight", "0.5")]),
    ("improved_gan", &[("kernels", "0"), ("reference_batch", "0")]),
    ("began", &[("gain", "0.01"), ("gamma", "0.7")]),
    ("ebgan", &[("code", "8")]),
];
/// The pace of both players otherwise.
const LEARNING_RATE: &str = "1e-3";

/// The systems that a lab can play.
pub fn systems() -> impl Iterator<Item = &'static Entry> {
    models::registry()
        .iter()
        .filter(|entry| entry.card.takes == Takes::PicturesOrPoints)
}

/// What systems are built for.
pub(super) fn given() -> Given {
    Given::of(Shape::Point { dimension: 2 }, None)
}

/// What a lab begins with, of a system's settings.
pub(super) fn defaults(entry: &Entry) -> Settings {
    let known = entry.defaults();
    let rates = known.keys().filter(|key| key.ends_with(".learning_rate"));
    let mut changes: Vec<(&str, &str)> = rates.map(|key| (key.as_str(), LEARNING_RATE)).collect();
    let own = PACES.iter().find(|(id, _)| *id == entry.card.id);
    changes.extend(SMALL.iter().chain(own.map_or(&[][..], |(_, own)| own)));
    changes.retain(|(key, _)| known.contains_key(*key));
    let changes: Vec<_> = changes
        .iter()
        .map(|(key, value)| ((*key).to_owned(), (*value).to_owned()))
        .collect();
    resolve(entry.card.id, &known, &changes).expect("what a lab begins with are settings")
}

impl Setup {
    /// What a lab begins with where nothing is changed.
    ///
    /// # Errors
    /// [`LabError::Config`] where there is no such system, or it takes no points.
    pub fn defaults(&self) -> Result<Settings, LabError> {
        self.entry().map(defaults)
    }

    fn entry(&self) -> Result<&'static Entry, LabError> {
        let entry = models::find(&self.system)?;
        let sample = given().sample;
        if entry.card.takes == Takes::PicturesOrPoints {
            return Ok(entry);
        }
        Err(LabError::Config(ConfigError::Unfit {
            system: entry.card.id,
            takes: entry.card.takes,
            sample,
        }))
    }

    /// The system and all of its settings.
    pub(super) fn settings(&self) -> Result<(&'static Entry, Settings), LabError> {
        let entry = self.entry()?;
        let changes: Vec<(String, String)> = self.settings.clone().into_iter().collect();
        let settings = resolve(entry.card.id, &defaults(entry), &changes)?;
        for (key, value) in &settings {
            let limit = LIMITS.iter().find(|(limited, ..)| limited == key);
            let (least, most) = limit.map_or((0, MOST), |(_, least, most)| (*least, *most));
            if let Some(got) = value.as_u64().filter(|got| !(least..=most).contains(got)) {
                let key = key.clone();
                return Err(LabError::OutOfBounds { key, least, most, got });
            }
        }
        Ok((entry, settings))
    }

    /// What is learnt.
    pub(super) fn distribution(&self) -> Result<Distribution, LabError> {
        if self.data == "painted" {
            return Painted::parse(&self.painted).map(Distribution::painted);
        }
        Distribution::named(&self.data).ok_or_else(|| LabError::UnknownData {
            got: self.data.chars().take(40).collect(),
            nearest: nearest(&self.data, DISTRIBUTIONS.iter().map(|known| known.id)),
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn setup(system: &str, changes: &[(&str, &str)]) -> Setup {
        Setup {
            system: system.to_owned(),
            settings: changes
                .iter()
                .map(|(key, value)| (key.to_string(), value.to_string()))
                .collect(),
            ..Setup::default()
        }
    }

    fn message(system: &str, changes: &[(&str, &str)]) -> String {
        let error = setup(system, changes).settings().err().expect("it is refused");
        format!("{error}; {}", error.hint().unwrap_or_default())
    }

    /// A name that can be anything would be a text field without help.
    #[test]
    fn every_name_has_its_choices() {
        for (key, value) in systems()
            .flat_map(defaults)
            .filter(|(key, value)| value.is_string() && key != "networks")
        {
            let last = key.rsplit('.').next().unwrap();
            let choices = CHOICES
                .iter()
                .find(|(known, _)| *known == last)
                .map(|(_, names)| *names);
            assert!(
                choices.is_some_and(|names| names.contains(&value.as_str().unwrap())),
                "{key}"
            );
        }
    }

    #[test]
    fn every_system_of_points_is_there_and_can_be_set_up() {
        assert!(systems().count() >= 14);
        for entry in systems() {
            let (_, settings) = setup(entry.card.id, &[]).settings().unwrap();
            assert_eq!(settings["width"], 64, "{}", entry.card.id);
        }
    }

    #[test]
    fn what_a_lab_cannot_have_is_refused_with_a_hint() {
        assert_eq!(
            message("gan", &[("batch", "100000")]),
            "`batch`: expected 8 to 256 in the lab, got 100000; `gany train` has no such bounds"
        );
        assert!(message("dcgan", &[]).starts_with("`dcgan` needs pictures, and these data are points;"));
        assert!(message("gann", &[]).starts_with("there is no system `gann`; did you mean `gan`?"));
        let data = Setup {
            data: "rings".into(),
            ..Setup::default()
        };
        let error = data.distribution().unwrap_err();
        assert_eq!(error.to_string(), "there is no distribution `rings`");
        assert!(
            error
                .hint()
                .unwrap()
                .starts_with("did you mean `ring`? there are gaussian, ")
        );
    }

    #[test]
    fn a_setup_is_read_back_and_unknown_fields_are_refused() {
        let setup = setup("wgan", &[("clip", "0.2")]);
        let text = serde_json::to_string(&setup).unwrap();
        assert_eq!(serde_json::from_str::<Setup>(&text).unwrap(), setup);
        assert!(serde_json::from_str::<Setup>(r#"{"systen": "gan"}"#).is_err());
    }
}
