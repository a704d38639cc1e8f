//! The zoo: one system, one file. A line in [`systems!`](self) declares a file and registers what it holds; the registry
//! feeds the command line, the documents and the tests.
pub mod architecture;
pub mod conditional;
pub(crate) mod configure;
pub mod explicit;
pub mod faces;
pub(crate) mod help;
pub mod inference;
pub mod objective;
pub mod restoration;
pub mod sequence;
pub mod translation;

pub use crate::section::Section;
pub use configure::{ConfigError, Settings, resolve};

use crate::data::columns::Columns;
use crate::data::{Dataset, Extra, Field, Shape};
use crate::games::{BatchShape, System};
use crate::nn::Scope;
use gany_engine::DType;
use serde::{Serialize, de::DeserializeOwned};
use serde_json::Value;

/// What a system is built for: the data's examples and classes.
#[derive(Clone, Debug, PartialEq)]
pub struct Given {
    /// One example.
    pub sample: Shape,
    /// How many classes the examples are labelled with, if they are.
    pub classes: Option<usize>,
    /// What every example has beside x and y.
    pub extras: Vec<Extra>,
    /// What the numbers of an encoded row mean, of tables.
    pub columns: Option<Columns>,
}

impl Given {
    /// Of examples that have nothing beside x and, where there are classes, y.
    pub fn of(sample: Shape, classes: Option<usize>) -> Given {
        Given {
            sample,
            classes,
            extras: vec![],
            columns: None,
        }
    }

    /// Of these data.
    pub fn by(data: &(impl Dataset + ?Sized)) -> Given {
        Given {
            sample: data.shape(),
            classes: data.classes().map(<[String]>::len),
            extras: data.extras().to_vec(),
            columns: data.columns().cloned(),
        }
    }

    /// The shapes of a batch.
    pub fn of_batch(&self, batch: usize) -> BatchShape {
        let of = |extra: &Extra| (extra.field, [&[batch], &extra.shape[..]].concat());
        BatchShape {
            x: self.sample.of_batch(batch),
            extras: self.extras.iter().map(of).collect(),
        }
    }

    fn has(&self, field: Field) -> bool {
        match field {
            Field::X => true,
            Field::Y => self.classes.is_some(),
            _ => self.extras.iter().any(|extra| extra.field == field),
        }
    }
}

/// What a person should know of a system.
#[derive(Clone, Copy, Debug, Serialize)]
pub struct Card {
    /// The name on the command line, of the file, and of the evidence.
    pub id: &'static str,
    /// The chapter.
    pub section: Section,
    /// The name in prose.
    pub title: &'static str,
    /// Authors, year, title and where to find it.
    pub paper: &'static str,
    /// The idea in a sentence.
    pub idea: &'static str,
    /// What the players minimise, as formulas, a line each.
    pub equations: &'static [&'static str],
    /// What every example must have beside x.
    pub needs: &'static [Field],
    /// What it can learn from.
    pub takes: Takes,
    /// Data that show what it does, as they are written behind `--data`, with the size where they have none of their own.
    pub data: &'static str,
    /// The system of the zoo that it changes, if there is one: its parent in the family tree.
    pub over: Option<&'static str>,
}

/// The kinds of examples that a system can be built for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Takes {
    /// Pictures alone.
    Pictures,
    /// Pictures, and points of the plane.
    PicturesOrPoints,
    /// Volumes alone.
    Volumes,
    /// Sounds alone.
    Sounds,
    /// Bars of tunes on a grid alone.
    Rolls,
    /// Notes of tunes one after the other alone.
    Events,
    /// Messages: points of four coordinates or more, each -1 or 1.
    Messages,
    /// Rows of tables alone.
    Tables,
}

impl Takes {
    /// Whether these examples will do.
    pub fn fits(self, sample: Shape) -> bool {
        match sample {
            Shape::Picture { .. } => matches!(self, Takes::Pictures | Takes::PicturesOrPoints),
            Shape::Point { dimension } => match self {
                Takes::Messages => dimension >= SHORTEST_MESSAGE,
                takes => takes == Takes::PicturesOrPoints,
            },
            Shape::Volume { .. } => self == Takes::Volumes,
            Shape::Sound { .. } => self == Takes::Sounds,
            Shape::Roll { .. } => self == Takes::Rolls,
            Shape::Events { .. } => self == Takes::Events,
            Shape::Row { .. } => self == Takes::Tables,
        }
    }
}

/// A system's file: its card, its settings, its networks.
pub trait Describe: System + Sized + 'static {
    /// The settings with the paper's values as defaults.
    type Config: Serialize + DeserializeOwned + Default;

    /// What a person should know of it.
    const CARD: Card;

    /// Whether it can be built with these settings for these data.
    ///
    /// # Errors
    /// Where it cannot: what was expected, and what it got.
    fn check(_config: &Self::Config, _given: &Given) -> Result<(), String> {
        Ok(())
    }

    /// Declares the networks for this data in `scope`.
    fn build(config: Self::Config, given: &Given, scope: &Scope) -> Self;
}

type Builder = fn(&Value, &Given, &Scope) -> Result<Box<dyn System>, ConfigError>;

/// A system that is ready to be played.
pub struct Built {
    /// The system.
    pub system: Box<dyn System>,
    /// The state tree in which its networks are declared.
    pub scope: Scope,
    /// Examples in a batch: the setting `batch`, which every system has.
    pub batch: usize,
}

/// A registered system.
pub struct Entry {
    /// What a person should know of it.
    pub card: Card,
    defaults: fn() -> Value,
    settings: fn() -> &'static str,
    build: Builder,
}

impl Entry {
    fn of<S: Describe>() -> Entry {
        Entry {
            card: S::CARD,
            defaults: || serde_json::to_value(S::Config::default()).expect("settings are plain values"),
            settings: std::any::type_name::<S::Config>,
            build: |settings, given, scope| {
                let invalid = |reason| ConfigError::Invalid {
                    system: S::CARD.id,
                    reason,
                };
                let config: S::Config =
                    serde_json::from_value(settings.clone()).map_err(|source| invalid(source.to_string()))?;
                S::check(&config, given).map_err(invalid)?;
                Ok(Box::new(S::build(config, given, scope)))
            },
        }
    }

    /// Every setting with its default, as dotted keys.
    pub fn defaults(&self) -> Settings {
        configure::flatten(&(self.defaults)())
    }

    /// What each setting means, by dotted key: the words that stand beside it in the source.
    pub fn help(&self) -> std::collections::BTreeMap<String, String> {
        help::of((self.settings)(), &self.defaults())
    }

    /// The names that can be chosen from, by dotted key, of settings that are one of a few.
    pub fn choices(&self) -> std::collections::BTreeMap<String, Vec<&'static str>> {
        help::choices((self.settings)(), &self.defaults())
    }

    /// Builds the system from settings that [`resolve`] has made.
    ///
    /// # Errors
    /// Where the settings do not fit, or the data lack what the system needs.
    pub fn build(&self, settings: &Settings, given: &Given, seed: u64) -> Result<Built, ConfigError> {
        if let Some(field) = self.card.needs.iter().find(|field| !given.has(**field)) {
            return Err(ConfigError::Lacks {
                system: self.card.id,
                field: *field,
            });
        }
        if !self.card.takes.fits(given.sample) {
            return Err(ConfigError::Unfit {
                system: self.card.id,
                takes: self.card.takes,
                sample: given.sample,
            });
        }
        if let Shape::Picture { height, width, .. } = given.sample
            && height.min(width) < SMALLEST_SIDE
        {
            return Err(ConfigError::TooSmall {
                height,
                width,
                smallest: SMALLEST_SIDE,
            });
        }
        let batch = settings.get("batch").and_then(Value::as_u64).filter(|batch| *batch > 0);
        let batch = batch.ok_or_else(|| ConfigError::Invalid {
            system: self.card.id,
            reason: "a batch has at least one example".to_owned(),
        })? as usize;
        let scope = Scope::new(DType::F32, seed);
        let system = (self.build)(&configure::nest(settings), given, &scope)?;
        Ok(Built { system, scope, batch })
    }
}

/// Shorter messages are known by guessing.
const SHORTEST_MESSAGE: usize = 4;

/// Pictures with a shorter side leave a convolutional network nothing to halve.
pub const SMALLEST_SIDE: usize = 8;

/// Declares the files of all systems and registers what they hold: `chapter: file::Type, ...;`.
macro_rules! systems {
    ($($chapter:ident: $($file:ident::$type:ident),+;)+) => {
        /// Every system there is, in the order of the chapters.
        pub fn registry() -> &'static [Entry] {
            static REGISTRY: std::sync::OnceLock<Vec<Entry>> = std::sync::OnceLock::new();
            REGISTRY.get_or_init(|| vec![$($(
                Entry::of::<$chapter::$file::$type>(),
            )+)+])
        }
    };
}

systems! {
    explicit: autoencoder::Autoencoder, vae::Vae, cvae::Cvae, bayes_classifier::BayesClassifier;
    objective: gan::Gan, lsgan::Lsgan, hinge::Hinge, sngan::Sngan, geometric_gan::GeometricGan, wgan::Wgan, wgan_gp::WganGp,
        f_gan::FGan, ebgan::Ebgan, began::Began, dragan::Dragan, gan_r1r2::GanR1R2, improved_gan::ImprovedGan;
    architecture: dcgan::Dcgan, gan3d::Gan3d, medical3d::Medical3d, lapgan::LapGan, progressive::Progressive, stylegan::StyleGan;
    conditional: cgan::Cgan, acgan::Acgan, age_cgan::AgeCgan, infogan::Infogan, can::Can;
    inference: bigan::Bigan, ali::Ali, anogan::Anogan;
    translation: pix2pix::Pix2pix, cyclegan::Cyclegan, cogan::Cogan, adda::Adda, defog::Defog;
    restoration: srgan::Srgan, context_encoder::ContextEncoder;
    sequence: crypto::Crypto, wavegan::Wavegan, gansynth::Gansynth, midinet::Midinet, c_rnn_gan::CRnnGan, tabular::Tabular;
    faces: faceswap::Faceswap, talking_head::TalkingHead, puppetry::Puppetry;
}

/// The system of this name.
///
/// # Errors
/// Where there is none; the message suggests the nearest name.
pub fn find(id: &str) -> Result<&'static Entry, ConfigError> {
    registry()
        .iter()
        .find(|entry| entry.card.id == id)
        .ok_or_else(|| ConfigError::UnknownSystem {
            got: id.to_owned(),
            nearest: configure::nearest(id, registry().iter().map(|entry| entry.card.id)),
        })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ids_are_unique_and_snake_case() {
        let mut ids: Vec<_> = registry().iter().map(|entry| entry.card.id).collect();
        assert!(ids.iter().all(|id| {
            id.chars()
                .all(|c| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '_')
        }));
        ids.sort_unstable();
        ids.dedup();
        assert_eq!(ids.len(), registry().len());
    }

    #[test]
    fn parents_are_systems_that_are_no_descendants() {
        for entry in registry() {
            let mut ancestor = entry.card.over;
            for _ in registry() {
                ancestor = ancestor.and_then(|id| find(id).unwrap().card.over);
            }
            assert_eq!(ancestor, None, "{} descends from itself", entry.card.id);
        }
    }

    #[test]
    fn an_unknown_system_suggests_the_nearest() {
        let error = find("dcgam").err().expect("no such system");
        assert_eq!(error.to_string(), "there is no system `dcgam`");
        assert_eq!(
            error.hint().as_deref(),
            Some("did you mean `dcgan`? `gany models` lists all of them")
        );
    }
}
