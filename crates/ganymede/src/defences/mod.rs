//! Defences: classifiers that are harder to fool. One defence, one file; a line in [`defences!`](self) declares a file and
//! registers what it holds, and the registry feeds the command line and the pages of the zoo.
//!
//! A defence is a struct of its settings. Some are a loss by which a classifier is trained ([`Training`]); others are wrapped
//! around any [`Target`] and leave it as it is. What a defence is worth is what the strongest attack leaves of it: [`robustness`]
//! runs one.
//!
//! ```no_run
//! use ganymede::attacks::{self, Target};
//! use ganymede::data::{Want, open};
//! use ganymede::defences;
//!
//! let data = open("fashion-mnist:train", &Want::default())?;
//! let trades = defences::find("trades")?.build(&[("epsilon".into(), "0.1".into())])?;
//! let classifier = trades.train(&*data, 0, 6, &mut |_| {})?;
//! let pgd = attacks::find("pgd")?.build(&[("epsilon".into(), "0.1".into())])?;
//! let held_out = open("fashion-mnist:test", &Want::default())?;
//! let left = defences::robustness(&Target::of_classifier(&classifier), &pgd, &*held_out, 200, 0)?;
//! println!("{} of {} are right under attack", left.robust, left.count);
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```
pub mod binomial;
mod error;

pub use error::DefenceError;

use crate::attacks::{self, Aim, AttackError, Target, Task};
use crate::data::{DataError, Dataset};
use crate::metrics::Classifier;
use crate::metrics::classifier::{Hardened, Lesson, Progress};
use crate::models::configure::{nearest, settled};
use crate::models::{ConfigError, Settings, help};
use crate::studies::Study;
use gany_engine::Tensor;
use serde::{Serialize, de::DeserializeOwned};
use serde_json::Value;
use std::collections::BTreeMap;

/// A defence that is a way of training.
pub trait Training {
    /// What is minimised at an update, a number.
    fn loss(&self, lesson: &Lesson) -> Tensor;

    /// Whether it can be.
    ///
    /// # Errors
    /// Where it cannot: what was expected, and what it got.
    fn check(&self) -> Result<(), String>;
}

/// A defence's file: its page and its settings, which are the defence itself.
pub trait Describe: Serialize + DeserializeOwned + Default + 'static {
    /// What a person should know of it.
    const PAGE: Study;
}

/// A registered defence.
pub struct Entry {
    /// What a person should know of it.
    pub page: Study,
    settings: fn() -> &'static str,
    defaults: fn() -> Value,
    build: Option<Build>,
}

type Build = fn(&'static str, &[(String, String)]) -> Result<(Box<dyn Training>, Settings), ConfigError>;

impl Entry {
    fn of<D: Describe>(build: Option<Build>) -> Entry {
        Entry {
            page: D::PAGE,
            settings: std::any::type_name::<D>,
            defaults: || serde_json::to_value(D::default()).expect("settings are plain values"),
            build,
        }
    }

    /// Every setting with its default.
    pub fn defaults(&self) -> Settings {
        crate::models::configure::flatten(&(self.defaults)())
    }

    /// What each setting means, by dotted key: the words that stand beside it in the source.
    pub fn help(&self) -> BTreeMap<String, String> {
        help::of((self.settings)(), &self.defaults())
    }

    /// Whether it is a way of training.
    pub fn is_training(&self) -> bool {
        self.build.is_some()
    }

    /// The way of training with changed settings, pairs of key and text.
    ///
    /// # Errors
    /// [`DefenceError::NotTrained`] where it is none, [`DefenceError::Config`] where a key is unknown or a value is not one that it
    /// takes.
    pub fn build(&self, changes: &[(String, String)]) -> Result<Built, DefenceError> {
        let id = self.page.id;
        let build = self.build.ok_or(DefenceError::NotTrained {
            id,
            command: self.page.command,
        })?;
        let (training, settings) = build(id, changes)?;
        training
            .check()
            .map_err(|reason| ConfigError::Invalid { system: id, reason })?;
        Ok(Built { id, training, settings })
    }
}

/// A way of training that is ready.
pub struct Built {
    /// The defence's name.
    pub id: &'static str,
    /// Itself.
    pub training: Box<dyn Training>,
    /// What it was built with.
    pub settings: Settings,
}

impl Built {
    /// Trains the project's classifier so, on all examples of `data`, `epochs` times.
    ///
    /// # Errors
    /// [`DefenceError::Classifier`].
    pub fn train(
        &self,
        data: &dyn Dataset,
        seed: u64,
        epochs: usize,
        on_progress: &mut dyn FnMut(Progress),
    ) -> Result<Classifier, DefenceError> {
        let hardened = Hardened {
            by: self.id.to_owned(),
            settings: self.settings.clone(),
        };
        let loss = |lesson: &Lesson| self.training.loss(lesson);
        Ok(Classifier::train_by(
            data,
            seed,
            epochs,
            Some(hardened),
            &loss,
            on_progress,
        )?)
    }
}

fn build_training<D: Describe + Training>(
    id: &'static str,
    changes: &[(String, String)],
) -> Result<(Box<dyn Training>, Settings), ConfigError> {
    let (training, settings) = settled::<D>(id, changes)?;
    Ok((Box::new(training), settings))
}

/// Declares the files of all defences and registers what they hold: ways of training, and what is wrapped around a classifier.
macro_rules! defences {
    (trained: $($file:ident::$type:ident),+; wrapped: $($wrap:ident::$wrapped:ident),+ $(,)?) => {
        $(pub mod $file;)+
        $(pub mod $wrap;)+

        /// Every defence there is.
        pub fn registry() -> &'static [Entry] {
            static REGISTRY: std::sync::OnceLock<Vec<Entry>> = std::sync::OnceLock::new();
            REGISTRY.get_or_init(|| vec![
                $(Entry::of::<$file::$type>(Some(build_training::<$file::$type>)),)+
                $(Entry::of::<$wrap::$wrapped>(None),)+
            ])
        }
    };
}

defences! {
    trained: adversarial_training::AdversarialTraining, trades::Trades, randomised_smoothing::RandomisedSmoothing;
    wrapped: defense_gan::DefenseGan, feature_squeezing::FeatureSqueezing,
}

/// The defence of this name.
///
/// # Errors
/// [`DefenceError::UnknownDefence`].
pub fn find(id: &str) -> Result<&'static Entry, DefenceError> {
    let found = registry().iter().find(|entry| entry.page.id == id);
    found.ok_or_else(|| DefenceError::UnknownDefence {
        got: id.to_owned(),
        nearest: nearest(id, registry().iter().map(|entry| entry.page.id)),
    })
}

/// Of so many pictures, how many a target is right about.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
pub struct Robustness {
    /// How many there are.
    pub count: usize,
    /// As they are.
    pub clean: usize,
    /// After an attack has done what it can.
    pub robust: usize,
}

/// The first `count` pictures of labelled data, in [0, 1], with their classes.
///
/// # Errors
/// [`DataError`] where they cannot be read.
pub fn first(data: &dyn Dataset, count: usize) -> Result<(Vec<f32>, Vec<usize>), DataError> {
    let count = data.len().map_or(count, |len| count.min(len as usize));
    let (mut pictures, mut classes) = (vec![], vec![]);
    for index in 0..count as u64 {
        let (x, y) = data.example(index)?;
        pictures.extend(x.into_iter().map(|x| (x + 1.0) * 0.5));
        classes.push(y as usize);
    }
    Ok((pictures, classes))
}

/// Pictures that are attacked together.
const TOGETHER: usize = 100;

/// What an attack leaves of a target's right answers on the first `count` pictures of labelled data, which is led away from the
/// true class of each.
///
/// # Errors
/// [`DefenceError::Shape`] where the data are not what the target sees, [`DefenceError::Data`], [`DefenceError::Attack`].
pub fn robustness(
    target: &Target,
    attack: &attacks::Built,
    data: &dyn Dataset,
    count: usize,
    seed: u64,
) -> Result<Robustness, DefenceError> {
    fits(target, data.shape().picture().unwrap_or_default())?;
    let (pictures, classes) = first(data, count)?;
    let mut left = Robustness {
        count: classes.len(),
        clean: 0,
        robust: 0,
    };
    for (pictures, classes) in pictures
        .chunks(TOGETHER * target.floats())
        .zip(classes.chunks(TOGETHER))
    {
        let task = Task {
            pictures: pictures.to_vec(),
            classes: classes.to_vec(),
            aim: Aim::Away,
            seed,
        };
        let outcomes = attack.run(target, &task)?.outcomes;
        left.clean += outcomes
            .iter()
            .zip(classes)
            .filter(|(outcome, class)| outcome.before.class == **class)
            .count();
        left.robust += outcomes.iter().filter(|outcome| !outcome.is_fooled).count();
    }
    Ok(left)
}

/// Whether pictures of these extents are what a target sees.
fn fits(target: &Target, got: [usize; 3]) -> Result<(), DefenceError> {
    if target.shape() == got {
        return Ok(());
    }
    Err(DefenceError::Shape {
        target: target.name().to_owned(),
        expected: target.shape(),
        got,
    })
}

#[cfg(test)]
mod tests;
