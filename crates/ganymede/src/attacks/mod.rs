//! Attacks: pictures that are changed so little that a person sees the same, and a classifier something else. One attack, one file;
//! a line in [`attacks!`](self) declares a file and registers what it holds, and the registry feeds the command line, the pages
//! of the zoo and the tests.
//!
//! An attack is a struct of its settings with the paper's values as defaults. It is given a [`Target`] and a [`Task`]: pictures
//! with numbers in [0, 1], and the class that each is to get away from or to. Its steps are one compiled program each
//! (`iteration.rs`): the forward pass, the gradient with respect to the pictures, the step, the projection into the ball and the
//! clipping, written into the place of what was there before.
//!
//! ```
//! use ganymede::attacks::{self, Aim, Target, Task};
//! use ganymede::engine::Tensor;
//!
//! // A picture of two grey pixels is of class 1 where the first is brighter.
//! let logits = |x: &Tensor| x.reshape(&[1, 2]).flip(1);
//! let target = Target::new("brighter", [1, 2, 1], vec!["right".into(), "left".into()], logits);
//! let fgsm = attacks::find("fgsm")?.build(&[("epsilon".into(), "0.1".into())])?;
//! let task = Task { pictures: vec![0.55, 0.45], classes: vec![1], aim: Aim::Away, seed: 0 };
//! let done = fgsm.run(&target, &task)?;
//! assert!(done.outcomes[0].is_fooled);
//! assert!((done.pictures[0] - 0.45).abs() < 1e-6 && (done.pictures[1] - 0.55).abs() < 1e-6);
//! # Ok::<(), attacks::AttackError>(())
//! ```
mod brought;
mod descent;
mod draws;
mod error;
pub(crate) mod iteration;
#[cfg(test)]
pub(crate) mod linear;
mod loss;
pub mod norm;
pub mod target;

pub use brought::{Brought, Normalisation};
pub use descent::Descent;
pub use error::AttackError;
pub use norm::Norm;
pub use target::{Judge, Said, Target};

use crate::models::configure::{flatten, nearest, settled};
use crate::models::{ConfigError, Settings, help};
use crate::studies::Study;
use serde::{Serialize, de::DeserializeOwned};
use serde_json::Value;
use std::collections::BTreeMap;

/// What an attack wants of a picture's class.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Aim {
    /// Any other.
    Away,
    /// This one.
    To,
}

impl Aim {
    /// Up or down: what multiplies a number that grows away from the class.
    fn sign(self) -> f64 {
        match self {
            Aim::Away => 1.0,
            Aim::To => -1.0,
        }
    }

    /// Whether a picture that the target gives class `said` has what is wanted with `class`.
    pub fn is_met(self, said: usize, class: usize) -> bool {
        (said == class) == (self == Aim::To)
    }
}

/// What is to be done.
#[derive(Clone, Debug)]
pub struct Task {
    /// Pictures `[n, height, width, channels]`, numbers in [0, 1].
    pub pictures: Vec<f32>,
    /// A class for each.
    pub classes: Vec<usize>,
    /// What is wanted of the class.
    pub aim: Aim,
    /// What all randomness follows from.
    pub seed: u64,
}

impl Task {
    /// How many pictures there are.
    pub fn count(&self) -> usize {
        self.classes.len()
    }

    /// The extents of all pictures together.
    fn shape(&self, target: &Target) -> [usize; 4] {
        let [height, width, channels] = target.shape();
        [self.count(), height, width, channels]
    }

    /// Class numbers as programs take them.
    fn numbers(&self) -> Vec<f32> {
        self.classes.iter().map(|class| *class as f32).collect()
    }
}

/// What an attack has made.
#[derive(Clone, Debug, PartialEq)]
pub struct Made {
    /// Pictures `[n, height, width, channels]`, numbers in [0, 1].
    pub pictures: Vec<f32>,
    /// For each, how often the target was differentiated there.
    pub gradients: Vec<u64>,
    /// For each, how often the target was asked about it without being differentiated.
    pub queries: Vec<u64>,
}

/// An attack with its settings.
pub trait Attack {
    /// Changes the pictures of a task. Their number and the classes fit the target.
    fn run(&self, target: &Target, task: &Task) -> Made;

    /// The norm and the radius of the ball around each picture that it stays in, if it stays in one.
    fn ball(&self) -> Option<(Norm, f64)> {
        None
    }

    /// Whether it looks for one change for all pictures, so that what is found of one depends on the others.
    fn is_universal(&self) -> bool {
        false
    }

    /// Whether it can be run so.
    ///
    /// # Errors
    /// Where it cannot: what was expected, and what it got.
    fn check(&self, _target: &Target, _task: &Task) -> Result<(), String> {
        Ok(())
    }
}

/// An attack's file: its page and its settings, which are the attack itself.
pub trait Describe: Attack + Serialize + DeserializeOwned + Default + 'static {
    /// What a person should know of it.
    const PAGE: Study;
}

/// Settings that were asked for made into an attack, and all that it has.
type Build = fn(&'static str, &[(String, String)]) -> Result<(Box<dyn Attack>, Settings), ConfigError>;

/// A registered attack.
pub struct Entry {
    /// What a person should know of it.
    pub page: Study,
    settings: fn() -> &'static str,
    defaults: fn() -> Value,
    build: Build,
}

impl Entry {
    fn of<A: Describe>() -> Entry {
        Entry {
            page: A::PAGE,
            settings: std::any::type_name::<A>,
            defaults: || serde_json::to_value(A::default()).expect("settings are plain values"),
            build: |id, changes| {
                let (attack, settings) = settled::<A>(id, changes)?;
                Ok((Box::new(attack), settings))
            },
        }
    }

    /// Every setting with its default.
    pub fn defaults(&self) -> Settings {
        flatten(&(self.defaults)())
    }

    /// What each setting means, by dotted key: the words that stand beside it in the source.
    pub fn help(&self) -> BTreeMap<String, String> {
        help::of((self.settings)(), &self.defaults())
    }

    /// The attack with changed settings, pairs of key and text.
    ///
    /// # Errors
    /// [`AttackError::Config`] where a key is unknown or a value is not one that it takes.
    pub fn build(&self, changes: &[(String, String)]) -> Result<Built, AttackError> {
        let id = self.page.id;
        let (attack, settings) = (self.build)(id, changes)?;
        Ok(Built { id, attack, settings })
    }
}

/// An attack that is ready to be run.
pub struct Built {
    /// Its name.
    pub id: &'static str,
    /// Itself.
    pub attack: Box<dyn Attack>,
    /// What it was built with.
    pub settings: Settings,
}

impl Built {
    /// Runs it, and asks the target what it says of the pictures before and after.
    ///
    /// # Errors
    /// [`AttackError::Config`] where it cannot be run so.
    ///
    /// # Panics
    /// Where the task's pictures are not as many of the target's shape as there are classes, or a class is none of the target's.
    pub fn run(&self, target: &Target, task: &Task) -> Result<Done, AttackError> {
        let fits = task.pictures.len() == task.count() * target.floats() && task.count() > 0;
        let classes = target.classes().len();
        assert!(
            fits && task.classes.iter().all(|class| *class < classes),
            "attack: pictures and classes do not fit the target"
        );
        let invalid = |reason| ConfigError::Invalid {
            system: self.id,
            reason,
        };
        self.attack.check(target, task).map_err(invalid)?;
        let made = self.attack.run(target, task);
        let outcomes = outcomes(target, task, &made);
        Ok(Done {
            pictures: made.pictures,
            outcomes,
        })
    }
}

/// Declares the files of all attacks and registers what they hold.
macro_rules! attacks {
    ($($file:ident::$type:ident),+ $(,)?) => {
        $(pub mod $file;)+

        /// Every attack there is.
        pub fn registry() -> &'static [Entry] {
            static REGISTRY: std::sync::OnceLock<Vec<Entry>> = std::sync::OnceLock::new();
            REGISTRY.get_or_init(|| vec![$(Entry::of::<$file::$type>()),+])
        }
    };
}

attacks! {
    fgsm::Fgsm, bim::Bim, pgd::Pgd, mim::Mim, deepfool::Deepfool, cw::Cw, jsma::Jsma,
    square::Square, one_pixel::OnePixel, uap::Uap, patch::Patch,
    eyeglasses::Eyeglasses, advgan::Advgan, backdoor::Backdoor, feature_collision::FeatureCollision,
}

/// The attack of this name.
///
/// # Errors
/// [`AttackError::UnknownAttack`].
pub fn find(id: &str) -> Result<&'static Entry, AttackError> {
    let found = registry().iter().find(|entry| entry.page.id == id);
    found.ok_or_else(|| AttackError::UnknownAttack {
        got: id.to_owned(),
        nearest: nearest(id, registry().iter().map(|entry| entry.page.id)),
    })
}

/// What came of an attack on one picture.
#[derive(Clone, Copy, Debug, PartialEq, Serialize)]
pub struct Outcome {
    /// What the target said of the picture as it was.
    pub before: Said,
    /// What it says now.
    pub after: Said,
    /// Whether that is what was wanted.
    pub is_fooled: bool,
    /// Pixels that were changed.
    pub l0: f64,
    /// The sum of all changes.
    pub l1: f64,
    /// The Euclidean length of the change.
    pub l2: f64,
    /// The largest change of any number.
    pub linf: f64,
    /// How often the target was differentiated.
    pub gradients: u64,
    /// How often it was asked without being differentiated.
    pub queries: u64,
}

/// What came of an attack.
#[derive(Clone, Debug)]
pub struct Done {
    /// The pictures after it.
    pub pictures: Vec<f32>,
    /// What came of each.
    pub outcomes: Vec<Outcome>,
}

/// What came of pictures that an attack has made.
fn outcomes(target: &Target, task: &Task, made: &Made) -> Vec<Outcome> {
    let mut judge = target.judge(task.count());
    let (before, after) = (judge.says(&task.pictures), judge.says(&made.pictures));
    let (floats, [_, _, channels]) = (target.floats(), target.shape());
    let differences = task
        .pictures
        .chunks_exact(floats)
        .zip(made.pictures.chunks_exact(floats));
    let outcome = |(i, (was, is)): (usize, (&[f32], &[f32]))| {
        let change: Vec<f32> = is.iter().zip(was).map(|(is, was)| is - was).collect();
        let norm = |norm: Norm| norm.of(&change, channels);
        Outcome {
            before: before[i],
            after: after[i],
            is_fooled: task.aim.is_met(after[i].class, task.classes[i]),
            l0: norm(Norm::L0),
            l1: norm(Norm::L1),
            l2: norm(Norm::L2),
            linf: norm(Norm::Linf),
            gradients: made.gradients[i],
            queries: made.queries[i],
        }
    };
    differences.enumerate().map(outcome).collect()
}

/// Whether a radius is one: a number above 0.
fn check_radius(epsilon: f64) -> Result<(), String> {
    if epsilon > 0.0 {
        return Ok(());
    }
    Err(format!("expected an epsilon above 0, got {epsilon}"))
}

/// Whether a norm is among those that an attack knows.
fn check_norm(norm: Norm, known: &[Norm]) -> Result<(), String> {
    if known.contains(&norm) {
        return Ok(());
    }
    let names: Vec<&str> = known.iter().map(|norm| norm.name()).collect();
    Err(format!("expected a norm of {}, got {norm}", names.join(", ")))
}

#[cfg(test)]
mod tests;
