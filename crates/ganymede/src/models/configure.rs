//! Settings by dotted key: a system's defaults, what the user sets over them, and the errors in between.
use super::Takes;
use crate::data::{Field, Shape};
use crate::optimisers::OptimiserConfig;
use serde::{Serialize, de::DeserializeOwned};
use serde_json::{Map, Value};
use std::collections::BTreeMap;

/// Settings by dotted key, `generator.learning_rate`, in the order of their names.
pub type Settings = BTreeMap<String, Value>;

/// What can be wrong with the choice of a system and its settings.
#[derive(Debug, thiserror::Error, PartialEq)]
#[non_exhaustive]
pub enum ConfigError {
    /// No system has this name.
    #[error("there is no system `{got}`")]
    UnknownSystem {
        /// The name that was given.
        got: String,
        /// The most similar name there is.
        nearest: Option<String>,
    },
    /// The system has no such setting.
    #[error("`{system}` has no setting `{got}`")]
    UnknownKey {
        /// The system.
        system: String,
        /// The key that was given.
        got: String,
        /// The most similar key there is.
        nearest: Option<String>,
    },
    /// The value is of another kind than the default.
    #[error("setting `{key}`: expected {expected} like `{default}`, got `{got}`")]
    WrongKind {
        /// The key.
        key: String,
        /// The kind of its default.
        expected: &'static str,
        /// Its default.
        default: String,
        /// The value that was given.
        got: String,
    },
    /// There is no optimiser of this name.
    #[error("`{key}`: expected adam, rmsprop or sgd, got `{got}`")]
    UnknownOptimiser {
        /// The key.
        key: String,
        /// The name that was given.
        got: String,
    },
    /// The value is of the right kind but not one that the system takes.
    #[error("settings of `{system}`: {reason}")]
    Invalid {
        /// The system.
        system: &'static str,
        /// What is wrong.
        reason: String,
    },
    /// The system needs something of each example that the data do not have.
    #[error("`{system}` needs {}", match field { Field::Y => "labelled data, and these have no labels", Field::Chords => "bars of tunes with their chords", _ => "pairs of pictures, and these are single ones" })]
    Lacks {
        /// The system.
        system: &'static str,
        /// What is not there.
        field: Field,
    },
    /// The system learns from examples of another kind.
    #[error("`{system}` needs {}, and these data are {}", match takes {
        Takes::Pictures => "pictures",
        Takes::PicturesOrPoints => "pictures or points",
        Takes::Volumes => "volumes",
        Takes::Sounds => "sounds",
        Takes::Rolls => "bars of tunes",
        Takes::Events => "notes of tunes one after the other",
        Takes::Messages => "messages of bits",
        Takes::Tables => "a table",
    }, match sample {
        Shape::Picture { .. } => "pictures",
        Shape::Point { .. } => "points",
        Shape::Volume { .. } => "volumes",
        Shape::Sound { .. } => "sounds",
        Shape::Roll { .. } => "bars of tunes",
        Shape::Events { .. } => "notes of tunes",
        Shape::Row { .. } => "rows of a table",
    })]
    Unfit {
        /// The system.
        system: &'static str,
        /// What it learns from.
        takes: Takes,
        /// What it got.
        sample: Shape,
    },
    /// Pictures are too small for a network that halves them.
    #[error("expected pictures of at least {smallest}x{smallest} pixels, got {width}x{height}")]
    TooSmall {
        /// Rows.
        height: usize,
        /// Columns.
        width: usize,
        /// The least side.
        smallest: usize,
    },
}

impl ConfigError {
    /// The way out.
    pub fn hint(&self) -> Option<String> {
        let suggest = |nearest: &Option<String>, list: &str| match nearest {
            Some(nearest) => format!("did you mean `{nearest}`? {list}"),
            None => list.to_owned(),
        };
        Some(match self {
            ConfigError::UnknownSystem { nearest, .. } => suggest(nearest, "`gany models` lists all of them"),
            ConfigError::UnknownKey { nearest, system, .. } => {
                suggest(nearest, &format!("`gany models {system}` lists all settings"))
            }
            ConfigError::WrongKind { key, default, .. } => format!("for example `--set {key}={default}`"),
            ConfigError::UnknownOptimiser { key, .. } => format!("for example `--set {key}=adam`"),
            ConfigError::Invalid { system, .. } => {
                format!("`gany models {system}` lists all settings and their defaults")
            }
            ConfigError::Lacks { field: Field::Y, .. } => {
                "put the pictures of each class into a sub-folder of its own, or take a labelled set: `gany data list`"
                    .into()
            }
            ConfigError::Lacks {
                field: Field::Chords, ..
            }
            | ConfigError::Unfit {
                takes: Takes::Rolls, ..
            } => "`gany data get tunes` fetches folk tunes; then `--data tunes`, or a folder of MIDI, ABC or MusicXML files".into(),
            ConfigError::Lacks { .. } => {
                "`--data paired:A,B`, `side-by-side:A` or `unpaired:A,B` make pairs of what you have: `gany data --help`".into()
            }
            ConfigError::Unfit {
                takes: Takes::Volumes, ..
            } => "`gany data get shapes` fetches solids; then `--data shapes`".into(),
            ConfigError::Unfit {
                takes: Takes::Sounds, ..
            } => "`gany data get drums` fetches sounds; then `--data drums`, or a folder of WAV, FLAC or Ogg files".into(),
            ConfigError::Unfit {
                takes: Takes::Events, ..
            } => "write `events:` before the tunes: `--data events:tunes`; `gany data get tunes` fetches some".into(),
            ConfigError::Unfit {
                takes: Takes::Messages, ..
            } => "`--data bits:16` draws messages of sixteen bits".into(),
            ConfigError::Unfit {
                takes: Takes::Tables, ..
            } => "`gany data get breast-cancer` fetches a table; then `--data breast-cancer`, or a file that ends in `.csv`".into(),
            ConfigError::Unfit {
                sample: Shape::Row { .. },
                ..
            } => "the system for tables is `tabular`".into(),
            ConfigError::Unfit {
                sample: Shape::Volume { .. },
                ..
            } => "the system for volumes is `gan3d`".into(),
            ConfigError::Unfit {
                sample: Shape::Sound { .. },
                ..
            } => "the system for sounds is `wavegan`".into(),
            ConfigError::Unfit {
                sample: Shape::Roll { .. },
                ..
            } => "the system for bars of tunes is `midinet`".into(),
            ConfigError::Unfit {
                sample: Shape::Events { .. },
                ..
            } => "the system for notes of tunes is `c_rnn_gan`".into(),
            ConfigError::Unfit { .. } => {
                "systems of the chapter `objective` take points, such as `gan`; `gany models` lists them".into()
            }
            ConfigError::TooSmall { smallest, .. } => format!("ask for a larger size: `--size {}`", smallest.max(&32)),
        })
    }
}

/// The defaults with `changes`, pairs of dotted key and text, set over them; of a player that gets another optimiser, the defaults of
/// that one.
///
/// # Errors
/// Where a key is unknown, or a value is of another kind than the default, or there is no such optimiser.
pub fn resolve(system: &str, defaults: &Settings, changes: &[(String, String)]) -> Result<Settings, ConfigError> {
    let mut settings = defaults.clone();
    for (key, name) in changes.iter().filter(|(key, _)| key.ends_with(".name")) {
        exchange(&mut settings, key, name)?;
    }
    let known = settings.clone();
    for (key, text) in changes {
        let Some(default) = known.get(key) else {
            return Err(ConfigError::UnknownKey {
                system: system.to_owned(),
                got: key.clone(),
                nearest: nearest(key, known.keys().map(String::as_str)),
            });
        };
        let value = parse_like(default, text).ok_or_else(|| ConfigError::WrongKind {
            key: key.clone(),
            expected: kind(default),
            default: shown(default),
            got: text.clone(),
        })?;
        settings.insert(key.clone(), value);
    }
    Ok(settings)
}

/// Another optimiser has other numbers: those of the old one go, but for its learning rate.
fn exchange(settings: &mut Settings, key: &str, name: &str) -> Result<(), ConfigError> {
    let prefix = key.trim_end_matches("name").to_owned();
    let of_group = |(key, value): (&String, &Value)| Some((key.strip_prefix(&prefix)?.to_owned(), value.clone()));
    let group: Settings = settings.iter().filter_map(of_group).collect();
    let old: Result<OptimiserConfig, _> = serde_json::from_value(nest(&group));
    let Some(rate) = group
        .get("learning_rate")
        .and_then(Value::as_f64)
        .filter(|_| old.is_ok())
    else {
        return Ok(());
    };
    if group["name"] == name {
        return Ok(());
    }
    let optimiser = match name {
        "adam" => OptimiserConfig::adam(rate, [0.5, 0.999]),
        "rmsprop" => OptimiserConfig::rmsprop(rate),
        "sgd" => OptimiserConfig::sgd(rate, 0.0),
        _ => {
            return Err(ConfigError::UnknownOptimiser {
                key: key.to_owned(),
                got: name.chars().take(40).collect(),
            });
        }
    };
    settings.retain(|key, _| !key.starts_with(&prefix));
    let numbers = flatten(&serde_json::to_value(optimiser).expect("an optimiser is plain values"));
    settings.extend(numbers.into_iter().map(|(key, value)| (prefix.clone() + &key, value)));
    Ok(())
}

fn parse_like(default: &Value, text: &str) -> Option<Value> {
    match default {
        Value::String(_) => Some(Value::String(text.to_owned())),
        Value::Bool(_) => text.parse().ok().map(Value::Bool),
        Value::Number(number) if number.is_u64() => text.parse::<u64>().ok().map(Value::from),
        Value::Number(_) => text
            .parse::<f64>()
            .ok()
            .filter(|number| number.is_finite())
            .map(Value::from),
        _ => serde_json::from_str(text).ok(),
    }
}

fn kind(value: &Value) -> &'static str {
    match value {
        Value::String(_) => "a name",
        Value::Bool(_) => "true or false",
        Value::Number(number) if number.is_u64() => "a whole number",
        Value::Number(_) => "a number",
        _ => "a list",
    }
}

fn shown(value: &Value) -> String {
    value.as_str().map_or_else(|| value.to_string(), str::to_owned)
}

/// The settings of a kind with `changes`, pairs of dotted key and text, set over its defaults; and all of them by key.
///
/// # Errors
/// As [`resolve`], and [`ConfigError::Invalid`] where a value is not one that the kind takes.
pub(crate) fn settled<C: Default + Serialize + DeserializeOwned>(
    system: &'static str,
    changes: &[(String, String)],
) -> Result<(C, Settings), ConfigError> {
    let defaults = serde_json::to_value(C::default()).expect("settings are plain values");
    let settings = resolve(system, &flatten(&defaults), changes)?;
    let config: Result<C, _> = serde_json::from_value(nest(&settings));
    let config = config.map_err(|error| ConfigError::Invalid {
        system,
        reason: error.to_string(),
    })?;
    Ok((config, settings))
}

/// Objects in objects as dotted keys.
pub(crate) fn flatten(value: &Value) -> Settings {
    fn walk(prefix: &str, value: &Value, settings: &mut Settings) {
        match value {
            Value::Object(fields) => {
                for (name, value) in fields {
                    let key = if prefix.is_empty() {
                        name.clone()
                    } else {
                        format!("{prefix}.{name}")
                    };
                    walk(&key, value, settings);
                }
            }
            value => _ = settings.insert(prefix.to_owned(), value.clone()),
        }
    }
    let mut settings = Settings::new();
    walk("", value, &mut settings);
    settings
}

/// The inverse of [`flatten`].
pub(crate) fn nest(settings: &Settings) -> Value {
    let mut root = Value::Object(Map::new());
    for (key, value) in settings {
        let mut at = &mut root;
        for name in key.split('.') {
            at = at
                .as_object_mut()
                .expect("no key is a prefix of another")
                .entry(name)
                .or_insert_with(|| Value::Object(Map::new()));
        }
        *at = value.clone();
    }
    root
}

/// The most similar of some names, if one is similar at all.
pub(crate) fn nearest<'a>(got: &str, names: impl Iterator<Item = &'a str>) -> Option<String> {
    let closeness = |name: &str| {
        // The last part of a dotted key is what people remember.
        let last = name.rsplit('.').next().unwrap_or(name);
        strsim::jaro_winkler(got, name).max(strsim::jaro_winkler(got, last))
    };
    let scored = names
        .map(|name| (closeness(name), name))
        .filter(|(score, _)| *score > 0.75);
    scored
        .max_by(|a, b| a.0.total_cmp(&b.0))
        .map(|(_, name)| name.to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn defaults() -> Settings {
        flatten(&json!({"width": 64, "generator": {"name": "adam", "learning_rate": 2e-4, "betas": [0.5, 0.999]}}))
    }

    fn set(key: &str, value: &str) -> Result<Settings, ConfigError> {
        resolve("dcgan", &defaults(), &[(key.into(), value.into())])
    }

    #[test]
    fn settings_are_flat_and_nest_again() {
        assert_eq!(
            defaults().keys().collect::<Vec<_>>(),
            ["generator.betas", "generator.learning_rate", "generator.name", "width"]
        );
        assert_eq!(flatten(&nest(&defaults())), defaults());
    }

    #[test]
    fn a_change_is_parsed_like_the_default() {
        assert_eq!(set("width", "32").unwrap()["width"], json!(32));
        assert_eq!(
            set("generator.learning_rate", "1e-4").unwrap()["generator.learning_rate"],
            json!(1e-4)
        );
        assert_eq!(
            set("generator.betas", "[0.0, 0.9]").unwrap()["generator.betas"],
            json!([0.0, 0.9])
        );
    }

    #[test]
    fn another_optimiser_brings_its_own_numbers() {
        let set = |changes: &[(&str, &str)]| {
            let text = |(key, text): &(&str, &str)| (key.to_string(), text.to_string());
            resolve("dcgan", &defaults(), &changes.iter().map(text).collect::<Vec<_>>())
        };
        // In whatever order it is asked for; what is not asked for is as that optimiser has it, but for the learning rate.
        let sgd = set(&[("generator.momentum", "0.9"), ("generator.name", "sgd")]).unwrap();
        let group =
            json!({"name": "sgd", "learning_rate": 2e-4, "momentum": 0.9, "nesterov": false, "weight_decay": 0.0});
        assert_eq!(nest(&sgd), json!({"width": 64, "generator": group}));
        assert_eq!(set(&[("generator.name", "adam")]).unwrap(), defaults());
        // Its numbers are no more those of Adam, and Adam's are not its.
        for refused in [
            &[("generator.momentum", "0.9")][..],
            &[("generator.name", "sgd"), ("generator.betas", "[0,0]")],
        ] {
            assert!(set(refused).unwrap_err().to_string().contains("has no setting"));
        }
        let error = set(&[("generator.name", "lion")]).unwrap_err();
        assert_eq!(
            error.to_string(),
            "`generator.name`: expected adam, rmsprop or sgd, got `lion`"
        );
    }

    #[test]
    fn errors_say_what_and_how() {
        let error = set("width", "wide").unwrap_err();
        assert_eq!(
            error.to_string(),
            "setting `width`: expected a whole number like `64`, got `wide`"
        );
        assert_eq!(error.hint().unwrap(), "for example `--set width=64`");
        let error = set("learning_rate", "1").unwrap_err();
        assert_eq!(error.to_string(), "`dcgan` has no setting `learning_rate`");
        assert_eq!(
            error.hint().unwrap(),
            "did you mean `generator.learning_rate`? `gany models dcgan` lists all settings"
        );
    }
}
