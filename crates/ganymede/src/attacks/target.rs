//! What is attacked: a function from pictures to logits that can be differentiated.
//!
//! | name | what | where from |
//! |---|---|---|
//! | `effnet-lite0` | EfficientNet-Lite0, ImageNet's 1,000 classes, 224 x 224 pixels | `gany data get effnet-lite0` |
//! | an ONNX file | whatever classifier it holds, at its size | a user, who says what the file does not ([`Brought`]) |
//! | a data set, or another file | the project's own classifier of its labels, at its size | `gany train classifier --data NAME` |
use super::brought::is_onnx;
use super::{AttackError, Brought};
use crate::data::{self, Fit, Want, decode};
use crate::metrics::Classifier;
use crate::metrics::classifier::{cache_file, splits};
use crate::metrics::features::{efficientnet_lite0, fetched};
use crate::weights::Weights;
use gany_engine::{Buffer, DType, Program, Tensor};
use std::path::Path;

/// The names of ImageNet's classes, a line each, by number; the ways to say one with commas in between.
const IMAGENET: &str = include_str!("../../../../assets/imagenet/classes.txt");

/// A network is asked about at most this many pictures at a time.
const BATCH: usize = 16;

/// From pictures to features and logits.
type Function = Box<dyn Fn(&Tensor) -> [Tensor; 2]>;

/// What is attacked.
pub struct Target {
    name: String,
    shape: [usize; 3],
    classes: Vec<String>,
    /// Features and logits.
    function: Function,
}

impl Target {
    /// A differentiable function from pictures `[n, height, width, channels]` with numbers in [0, 1] to logits `[n, classes]`, in
    /// which all weights have values; `shape` is that of one picture, `classes` are names by number.
    pub fn new(
        name: impl Into<String>,
        shape: [usize; 3],
        classes: Vec<String>,
        logits: impl Fn(&Tensor) -> Tensor + 'static,
    ) -> Target {
        Target::with_features(name, shape, classes, move |x| {
            let logits = logits(x);
            [logits.clone(), logits]
        })
    }

    /// Likewise of a function that says features `[n, ..]` too: what the last layer makes logits of.
    pub fn with_features(
        name: impl Into<String>,
        shape: [usize; 3],
        classes: Vec<String>,
        function: impl Fn(&Tensor) -> [Tensor; 2] + 'static,
    ) -> Target {
        Target {
            name: name.into(),
            shape,
            classes,
            function: Box::new(function),
        }
    }

    /// `effnet-lite0`, the classifier in a file, or that of a labelled data set.
    ///
    /// # Errors
    /// [`AttackError`] where there is none of this name, or it is not on this computer yet.
    pub fn open(name: &str) -> Result<Target, AttackError> {
        Target::open_as(name, &Brought::default())
    }

    /// As [`open`](Target::open), with what is said of an ONNX file.
    ///
    /// # Errors
    /// As there, and those of [`of_onnx`](Target::of_onnx); [`AttackError::NotBrought`] where something is said of another target.
    pub fn open_as(name: &str, brought: &Brought) -> Result<Target, AttackError> {
        if is_onnx(name) {
            return Target::of_onnx(Path::new(name), brought);
        }
        if *brought != Brought::default() {
            return Err(AttackError::NotBrought {
                target: name.to_owned(),
            });
        }
        if name == EFFNET {
            let function = efficientnet_lite0::function(&Weights::read(&fetched(EFFNET)?)?)?;
            return Ok(Target::with_features(
                name,
                [224, 224, 3],
                imagenet_classes(),
                move |x| function(&(x * 255.0)),
            ));
        }
        if Path::new(name).is_file() {
            return Ok(Target::of_classifier(&Classifier::load(Path::new(name))?));
        }
        if data::registry::named_in(name).next().is_none() && !Path::new(name).is_dir() {
            let is_near = |known: &&str| strsim::jaro_winkler(name, known) > 0.8;
            return Err(AttackError::UnknownTarget {
                got: name.to_owned(),
                nearest: Some(EFFNET).filter(is_near).or_else(|| data::registry::nearest(name)),
            });
        }
        let path = cache_file(&*splits(name)?[0])?;
        if !path.exists() {
            return Err(AttackError::NotTrained { data: name.to_owned() });
        }
        Ok(Target::of_classifier(&Classifier::load(&path)?))
    }

    /// A trained classifier.
    pub fn of_classifier(classifier: &Classifier) -> Target {
        let (record, function) = (classifier.record(), classifier.function());
        // The part of the data that it was trained on says nothing of what it knows.
        let data = record.data.split(", ").next().unwrap_or_default();
        let hardened = record.hardened.as_ref().map(|hardened| format!(", {}", hardened.by));
        let name = format!(
            "clf of {}{}",
            data.strip_suffix(":train").unwrap_or(data),
            hardened.unwrap_or_default()
        );
        Target::with_features(name, record.shape, record.classes.clone(), move |x| {
            function(&(x * 2.0 - 1.0))
        })
    }

    /// Its name.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// Rows, columns and channels of a picture.
    pub fn shape(&self) -> [usize; 3] {
        self.shape
    }

    /// Numbers in a picture.
    pub fn floats(&self) -> usize {
        self.shape.iter().product()
    }

    /// The names of its classes, by number.
    pub fn classes(&self) -> &[String] {
        &self.classes
    }

    /// The first of the ways to say a class.
    pub fn class_name(&self, class: usize) -> &str {
        let all = &self.classes[class];
        all.split_once(", ").map_or(all, |(first, _)| first)
    }

    /// The number of the class that is called so: by one of its names, or by its number.
    ///
    /// # Errors
    /// [`AttackError::UnknownClass`], [`AttackError::AmbiguousClass`].
    pub fn class(&self, wanted: &str) -> Result<usize, AttackError> {
        let names = |class: &str| class.split(", ").map(str::to_lowercase).collect::<Vec<_>>();
        let wanted_name = wanted.trim().to_lowercase();
        let is_called = |class: &String| class.to_lowercase() == wanted_name || names(class).contains(&wanted_name);
        let found: Vec<usize> = (0..self.classes.len())
            .filter(|&i| is_called(&self.classes[i]))
            .collect();
        let numbered = |class: usize| format!("{} ({class})", self.class_name(class));
        match found[..] {
            [class] => return Ok(class),
            [] => {}
            _ => {
                return Err(AttackError::AmbiguousClass {
                    target: self.name.clone(),
                    got: wanted.to_owned(),
                    all: found.into_iter().map(numbered).collect(),
                });
            }
        }
        if let Some(class) = wanted.parse().ok().filter(|class| *class < self.classes.len()) {
            return Ok(class);
        }
        let likeness = |class: &str| {
            let likenesses = names(class).into_iter().map(|name| {
                strsim::jaro_winkler(&name, &wanted_name).max(f64::from(u8::from(name.contains(&wanted_name))))
            });
            likenesses.fold(0.0, f64::max)
        };
        let mut near: Vec<(f64, usize)> = (0..self.classes.len())
            .map(|i| (likeness(&self.classes[i]), i))
            .filter(|(likeness, _)| *likeness > 0.8)
            .collect();
        near.sort_by(|a, b| b.0.total_cmp(&a.0).then(a.1.cmp(&b.1)));
        Err(AttackError::UnknownClass {
            target: self.name.clone(),
            got: wanted.to_owned(),
            near: near.into_iter().take(5).map(|(_, i)| numbered(i)).collect(),
            classes: self.classes.len(),
        })
    }

    /// Logits `[n, classes]` of pictures `[n, height, width, channels]` in [0, 1], as part of a graph.
    pub fn logits(&self, pictures: &Tensor) -> Tensor {
        let [_, logits] = (self.function)(pictures);
        logits
    }

    /// Features `[n, ..]` of pictures `[n, height, width, channels]` in [0, 1], as part of a graph: what logits are made of, or
    /// the logits themselves where nothing else is known.
    pub fn features(&self, pictures: &Tensor) -> Tensor {
        let [features, _] = (self.function)(pictures);
        features
    }

    /// A picture from a file at its size, `[height, width, channels]` in [0, 1]: scaled to cover it, and cut at the longer side.
    ///
    /// # Errors
    /// [`AttackError::Data`] where it cannot be read.
    pub fn read(&self, path: &Path) -> Result<Vec<f32>, AttackError> {
        let [height, width, channels] = self.shape;
        let want = Want {
            size: Some((height, width)),
            channels: Some(channels),
            fit: Fit::CenterCrop,
            ..Want::default()
        };
        let picture = decode::read(path, &want)?;
        Ok(picture.into_iter().map(|x| ((x + 1.0) * 0.5).clamp(0.0, 1.0)).collect())
    }

    /// It, compiled to be asked about so many pictures, or more.
    pub fn judge(&self, count: usize) -> Judge {
        let batch = count.clamp(1, BATCH);
        let shape = [&[batch], &self.shape[..]].concat();
        let x = Tensor::placeholder(DType::F32, &shape);
        let logits = self.logits(&x);
        Judge {
            program: Program::compile(&[x], &[logits], &[None]),
            x: [Buffer::zeros(DType::F32, shape.iter().product())],
            batch,
            floats: self.floats(),
            classes: self.classes.len(),
        }
    }
}

/// The names of ImageNet's classes, by number.
pub(super) fn imagenet_classes() -> Vec<String> {
    IMAGENET.lines().map(str::to_owned).collect()
}

/// The one network with a name.
const EFFNET: &str = "effnet-lite0";

/// A target that is compiled to be asked about pictures, and no more: what an attack on a black box sees.
pub struct Judge {
    program: Program,
    x: [Buffer; 1],
    batch: usize,
    floats: usize,
    classes: usize,
}

impl Judge {
    /// Logits `[n, classes]` of pictures `[n, height, width, channels]` in [0, 1].
    ///
    /// # Panics
    /// Where the numbers are not whole pictures.
    pub fn logits(&mut self, pictures: &[f32]) -> Vec<f32> {
        assert!(
            pictures.len().is_multiple_of(self.floats),
            "judge: {} numbers are not whole pictures of {}",
            pictures.len(),
            self.floats
        );
        let mut logits = vec![];
        for part in pictures.chunks(self.batch * self.floats) {
            self.x[0].as_f32_mut()[..part.len()].copy_from_slice(part);
            self.program.run(&mut self.x);
            logits.extend_from_slice(&self.program.output(0)[..part.len() / self.floats * self.classes]);
        }
        logits
    }

    /// What it says of each: the class, and how sure it is of it.
    ///
    /// # Panics
    /// As [`logits`](Judge::logits).
    pub fn says(&mut self, pictures: &[f32]) -> Vec<Said> {
        self.logits(pictures).chunks_exact(self.classes).map(Said::by).collect()
    }
}

/// What a target says of a picture.
#[derive(Clone, Copy, Debug, PartialEq, serde::Serialize)]
pub struct Said {
    /// The number of the class.
    pub class: usize,
    /// Its share of the softmax, from 0 to 1.
    pub confidence: f64,
}

impl Said {
    /// By these logits; of equal ones the first.
    fn by(logits: &[f32]) -> Said {
        let class = (0..logits.len())
            .rev()
            .max_by(|&a, &b| logits[a].total_cmp(&logits[b]))
            .unwrap_or(0);
        let confidence = confidence(logits, class);
        Said { class, confidence }
    }
}

/// The share of a class in the softmax of logits.
pub(super) fn confidence(logits: &[f32], class: usize) -> f64 {
    let sum: f64 = logits.iter().map(|logit| f64::from(logit - logits[class]).exp()).sum();
    1.0 / sum
}

#[cfg(test)]
mod tests {
    use super::super::linear::target;
    use super::*;

    #[test]
    fn imagenet_has_a_thousand_classes() {
        let names: Vec<&str> = IMAGENET.lines().collect();
        assert_eq!(
            (names.len(), names[949], names[265]),
            (1000, "strawberry", "toy poodle")
        );
    }

    #[test]
    fn classes_are_found_by_name_and_number() {
        let classes = ["tench, Tinca tinca", "crane", "toy poodle", "crane, derrick"].map(str::to_owned);
        let target = Target::new("zoo", [1, 1, 1], classes.to_vec(), Tensor::clone);
        assert_eq!(target.class("Tinca tinca").unwrap(), 0);
        assert_eq!(target.class("Toy Poodle").unwrap(), 2);
        assert_eq!(target.class("crane, derrick").unwrap(), 3);
        assert_eq!(target.class("1").unwrap(), 1);
        let error = target.class("poodle").unwrap_err();
        assert_eq!(error.to_string(), "`zoo` knows no class `poodle`");
        assert_eq!(
            error.hint().unwrap(),
            "near it are `toy poodle (2)`; a number from 0 to 3 will do"
        );
        let error = target.class("crane").unwrap_err();
        assert_eq!(
            error.hint().unwrap(),
            "give the number of one of `crane (1)`, `crane (3)`"
        );
    }

    #[test]
    fn confidence_is_the_softmax() {
        // Of 3 and 1: e^3 / (e^3 + e).
        let said = Said::by(&[1.0, 3.0]);
        assert_eq!(said.class, 1);
        assert!((said.confidence - 1.0 / (1.0 + (-2.0_f64).exp())).abs() < 1e-12);
        assert_eq!(Said::by(&[2.0, 2.0]).class, 0);
    }

    #[test]
    fn answers_do_not_depend_on_the_batch() {
        let target = target();
        let pictures: Vec<f32> = (0..21 * target.floats()).map(|i| (i % 7) as f32 / 7.0).collect();
        let mut judge = target.judge(21);
        let all = judge.logits(&pictures);
        assert_eq!(all.len(), 21 * 2);
        let last = judge.logits(&pictures[20 * target.floats()..]);
        assert_eq!(last, all[40..]);
    }
}
