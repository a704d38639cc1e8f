//! `clf`: a small convolutional classifier of real pictures, by which samples are judged. No generator ever sees it, and
//! it never sees a generated picture before it judges it.
//!
//! Two convolutions of stride 2 and a dense layer, with batch normalisation; Adam with a learning rate that falls to 0.
//! What it finds out is used in two ways: the share of class-conditional samples that get the asked class (`acc@clf`), and
//! the Frechet distance between its features, the [`FEATURES`] numbers before the last layer (`FD(clf)`).
//!
//! ```no_run
//! use ganymede::metrics::Classifier;
//!
//! let mut clf = Classifier::of("fashion-mnist", &mut |progress| println!("epoch {}", progress.epoch))?;
//! println!("{:.2} % of held-out pictures", 100.0 * clf.record().accuracy.unwrap_or(0.0));
//! let classes = clf.predict(&[0.0; 28 * 28]);
//! # Ok::<(), ganymede::metrics::ClassifierError>(())
//! ```
use super::features::{Answer, FeatureNetwork};
use crate::data::{self, Batch, DataError, Dataset, Shape, Want, sha256_hex};
use crate::nn::{Activation, Declare, Dense, Layer, Parameter, Scope, Sequential, batch_norm, conv, dense, evaluating};
use crate::optimisers::{Adam, Optimiser};
use gany_engine::{Buffer, DType, Key, Program, Tensor, grad};
use safetensors::tensor::TensorView;
use safetensors::{Dtype, SafeTensors, serialize};
use serde::{Deserialize, Serialize};
use std::collections::{BTreeMap, HashMap};
use std::fs;
use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;

/// Numbers in a feature vector.
pub const FEATURES: usize = 128;

/// Epochs that [`Classifier::of`] trains for.
pub const EPOCHS: usize = 6;

const TRAINING_BATCH: usize = 128;
const ANSWERING_BATCH: usize = 100;
const LEARNING_RATE: f64 = 2e-3;
const WEIGHT_DECAY: f64 = 0.05;
const METADATA: &str = "ganymede.classifier";

/// What can keep a classifier from being trained, saved or loaded.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum ClassifierError {
    /// The data cannot be read.
    #[error(transparent)]
    Data(#[from] DataError),
    /// There is nothing to learn.
    #[error("a classifier needs labelled pictures: expected two or more classes of pictures, got {got} in `{name}`")]
    NotLabelledPictures {
        /// The data set.
        name: String,
        /// What it holds.
        got: String,
    },
    /// The file is not a classifier, or not a whole one.
    #[error("not a classifier: {reason}: {}", path.display())]
    Damaged {
        /// What is wrong.
        reason: String,
        /// The file.
        path: PathBuf,
    },
    /// The file cannot be read or written.
    #[error("cannot {action} the classifier: {source}: {}", path.display())]
    Io {
        /// What was tried.
        action: &'static str,
        /// Why it failed.
        source: io::Error,
        /// The file.
        path: PathBuf,
    },
}

impl ClassifierError {
    /// The way out.
    pub fn hint(&self) -> Option<String> {
        match self {
            ClassifierError::Data(error) => error.hint(),
            ClassifierError::NotLabelledPictures { .. } => {
                Some("put the pictures of each class into a sub-folder of its own".into())
            }
            ClassifierError::Damaged { .. } => Some("remove the file and train the classifier again".into()),
            ClassifierError::Io { .. } => {
                Some("check the permissions and free space, or set GANY_CACHE to another folder".into())
            }
        }
    }
}

/// Shorthand of this module.
pub type Result<T> = std::result::Result<T, ClassifierError>;

/// Where a classifier comes from and how good it is.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Record {
    /// The data it was trained on.
    pub data: String,
    /// Digest of those data.
    pub digest: String,
    /// Rows, columns and channels of a picture.
    pub shape: [usize; 3],
    /// The names of the classes, by class number.
    pub classes: Vec<String>,
    /// What all randomness of its training followed from.
    pub seed: u64,
    /// How often it saw every picture.
    pub epochs: usize,
    /// Share of held-out real pictures that it gives their class, once that was measured.
    pub accuracy: Option<f64>,
    /// The data that the accuracy was measured on.
    pub held_out: Option<String>,
    /// What it was taught to withstand, where it was.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub hardened: Option<Hardened>,
}

/// How a classifier was hardened.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Hardened {
    /// The defence's name.
    pub by: String,
    /// Its settings.
    pub settings: BTreeMap<String, serde_json::Value>,
}

/// What a classifier is taught at one update: the batch, and the network as it is before.
pub struct Lesson<'n> {
    network: &'n Network,
    /// Pictures `[n, height, width, channels]` in [-1, 1].
    pub x: Tensor,
    /// Class numbers `[n]`.
    pub y: Tensor,
    /// What the random numbers of this update follow from.
    pub key: Key,
}

impl Lesson<'_> {
    /// Logits `[n, classes]` of pictures, as the network learns: normalised by the batch.
    pub fn logits(&self, x: &Tensor) -> Tensor {
        let [_, logits] = self.network.forward(x);
        logits
    }

    /// Logits `[n, classes]` of pictures, as the network would answer: normalised by what it has seen so far.
    pub fn answer(&self, x: &Tensor) -> Tensor {
        evaluating(|| self.logits(x))
    }

    /// The mean cross-entropy of logits `[n, classes]`, in nats.
    pub fn cross_entropy(&self, logits: &Tensor) -> Tensor {
        let chosen = logits.log_softmax(1) * self.y.one_hot(logits.extent(1));
        -chosen.sum() / logits.extent(0) as f64
    }
}

/// How far a training is.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Progress {
    /// Epochs begun, from 1.
    pub epoch: usize,
    /// Epochs in all.
    pub epochs: usize,
    /// Updates done.
    pub update: u64,
    /// Updates in all.
    pub updates: u64,
    /// Cross-entropy of the last batch, in nats.
    pub loss: f64,
}

/// A trained classifier.
pub struct Classifier {
    record: Record,
    /// Of its parameters.
    digest: String,
    parameters: Vec<Parameter>,
    /// Pictures `[ANSWERING_BATCH, ..]` to features and logits; the parameters are its first inputs.
    answer: Program,
    /// The parameters' values, then room for pictures.
    buffers: Vec<Buffer>,
}

struct Network {
    scope: Scope,
    features: Sequential,
    head: Dense,
}

impl Network {
    fn new(record: &Record) -> Network {
        let scope = Scope::new(DType::F32, record.seed);
        let [height, width, channels] = record.shape;
        let smallest = [height, width].map(|side| side.div_ceil(2).div_ceil(2));
        let strided = |c_in, c_out| conv(c_in, c_out, [5, 5]).stride(2).padding(2).bias(false);
        Network {
            features: Sequential::new(&scope.at("features"))
                .push(strided(channels, 32))
                .push(batch_norm(32))
                .push(Activation::Relu)
                .push(strided(32, 64))
                .push(batch_norm(64))
                .push(Activation::Relu)
                .push(|x: &Tensor| x.flatten_from(1))
                .push(dense(smallest[0] * smallest[1] * 64, FEATURES).bias(false))
                .push(batch_norm(FEATURES))
                .push(Activation::Relu),
            head: dense(FEATURES, record.classes.len()).declare(&scope.at("head")),
            scope,
        }
    }

    /// Features `[n, FEATURES]` and logits `[n, classes]` of pictures `[n, height, width, channels]`.
    fn forward(&self, x: &Tensor) -> [Tensor; 2] {
        let features = self.features.forward(x);
        let logits = self.head.forward(&features);
        [features, logits]
    }
}

impl Classifier {
    /// The classifier of a data set, from the cache folder if it was trained before, else trained now on the data's
    /// `train` split and measured on its `test` split; where it has none, every tenth example is held out.
    ///
    /// # Errors
    /// [`ClassifierError`].
    pub fn of(name: &str, on_progress: &mut dyn FnMut(Progress)) -> Result<Classifier> {
        let [train, test] = splits(name)?;
        let path = cache_file(&*train)?;
        if path.exists() {
            return Classifier::load(&path);
        }
        let mut classifier = Classifier::train(&*train, 0, EPOCHS, on_progress)?;
        classifier.measure(&*test)?;
        classifier.save(&path)?;
        Ok(classifier)
    }

    /// Trains on all examples of `data`, `epochs` times; `on_progress` is called after every update. The same seed gives
    /// the same classifier.
    ///
    /// # Errors
    /// [`ClassifierError::NotLabelledPictures`], [`ClassifierError::Data`].
    pub fn train(
        data: &dyn Dataset,
        seed: u64,
        epochs: usize,
        on_progress: &mut dyn FnMut(Progress),
    ) -> Result<Classifier> {
        let loss = |lesson: &Lesson| lesson.cross_entropy(&lesson.logits(&lesson.x));
        Classifier::train_by(data, seed, epochs, None, &loss, on_progress)
    }

    /// Likewise, minimising another loss: a number that follows from a [`Lesson`]. The record will say what it was `hardened` by.
    ///
    /// # Errors
    /// As [`train`](Classifier::train).
    pub fn train_by(
        data: &dyn Dataset,
        seed: u64,
        epochs: usize,
        hardened: Option<Hardened>,
        loss: &dyn Fn(&Lesson) -> Tensor,
        on_progress: &mut dyn FnMut(Progress),
    ) -> Result<Classifier> {
        let (shape, classes, len) = labelled_pictures(data)?;
        let record = Record {
            data: data.name().to_owned(),
            digest: format!("sha256:{}", data.digest()),
            shape,
            classes,
            seed,
            epochs,
            accuracy: None,
            held_out: None,
            hardened,
        };
        let network = Network::new(&record);
        let batch = TRAINING_BATCH.min(len as usize);
        let mut step = TrainingStep::compile(&network, &record, batch, loss);
        let mut examples = Batch::of(data, batch);
        // Epochs are counted in whole batches; an example that the last one has room for is seen once more.
        let per_epoch = len.div_ceil(batch as u64);
        let updates = epochs as u64 * per_epoch;
        for update in 0..updates {
            examples.fill(data, seed, update * batch as u64)?;
            let loss = step.run(
                &examples,
                Key::elements(seed, update),
                1.0 - update as f64 / updates as f64,
            );
            on_progress(Progress {
                epoch: (update / per_epoch) as usize + 1,
                epochs,
                update: update + 1,
                updates,
                loss,
            });
        }
        Ok(Classifier::new(record, &network, step.into_parameters()))
    }

    fn new(record: Record, network: &Network, values: Vec<Buffer>) -> Classifier {
        let parameters = network.scope.parameters();
        let shape = Shape::of_batch(&picture(record.shape), ANSWERING_BATCH);
        let mut inputs = placeholders(&parameters);
        parameters
            .iter()
            .zip(&inputs)
            .for_each(|(p, input)| p.set(input.clone()));
        inputs.push(Tensor::placeholder(DType::F32, &shape));
        let outputs = evaluating(|| network.forward(&inputs[parameters.len()]));
        let answer = Program::compile(&inputs, &outputs, &[None, None]);
        let mut buffers = values;
        let digest = sha256_hex(&buffers.iter().map(Buffer::as_bytes).collect::<Vec<_>>());
        buffers.push(Buffer::zeros(DType::F32, shape.iter().product()));
        Classifier {
            record,
            digest,
            parameters,
            answer,
            buffers,
        }
    }

    /// Features `[n, FEATURES]` and logits `[n, classes]` of pictures `[n, height, width, channels]` in [-1, 1], as a function that
    /// can be differentiated, in which its parameters are constants.
    pub fn function(&self) -> impl Fn(&Tensor) -> [Tensor; 2] + 'static {
        let network = Network::new(&self.record);
        for (parameter, value) in network.scope.parameters().iter().zip(&self.buffers) {
            parameter.set(Tensor::from_f32(parameter.shape(), value.as_f32()));
        }
        move |x| evaluating(|| network.forward(x))
    }

    /// Where it comes from and how good it is.
    pub fn record(&self) -> &Record {
        &self.record
    }

    /// The class number of each of the pictures, `[n, height, width, channels]` in [-1, 1].
    ///
    /// # Panics
    /// Where the numbers are not whole pictures of the data's shape.
    pub fn predict(&mut self, pictures: &[f32]) -> Vec<u32> {
        let classes = self.record.classes.len();
        let [_, logits] = self.answers(pictures);
        logits.chunks_exact(classes).map(largest).collect()
    }

    /// The features of the pictures, `[n, FEATURES]`, pictures as for [`predict`](Classifier::predict).
    ///
    /// # Panics
    /// Where the numbers are not whole pictures of the data's shape.
    pub fn features(&mut self, pictures: &[f32]) -> Vec<f32> {
        let [features, _] = self.answers(pictures);
        features
    }

    /// Features and logits.
    fn answers(&mut self, pictures: &[f32]) -> [Vec<f32>; 2] {
        let floats = picture(self.record.shape).floats();
        assert!(
            pictures.len().is_multiple_of(floats),
            "classifier: {} numbers are not whole pictures of {floats}",
            pictures.len()
        );
        let mut answers = [vec![], vec![]];
        for part in pictures.chunks(ANSWERING_BATCH * floats) {
            let x = self.buffers.last_mut().expect("room for pictures").as_f32_mut();
            x[..part.len()].copy_from_slice(part);
            self.answer.run(&mut self.buffers);
            for (output, answers) in answers.iter_mut().enumerate() {
                let answer = self.answer.output(output);
                answers.extend_from_slice(&answer[..answer.len() / ANSWERING_BATCH * (part.len() / floats)]);
            }
        }
        answers
    }

    /// Share of the examples of `data` that it gives their class.
    ///
    /// # Errors
    /// [`ClassifierError::Data`], [`ClassifierError::NotLabelledPictures`].
    pub fn accuracy(&mut self, data: &dyn Dataset) -> Result<f64> {
        let (_, _, len) = labelled_pictures(data)?;
        let floats = data.shape().floats();
        let mut x = vec![0.0; ANSWERING_BATCH * floats];
        let mut right = 0;
        for first in (0..len).step_by(ANSWERING_BATCH) {
            let count = (len - first).min(ANSWERING_BATCH as u64) as usize;
            let mut y = vec![];
            for (i, x) in x[..count * floats].chunks_exact_mut(floats).enumerate() {
                y.push(data.read(first + i as u64, x)?);
            }
            let predicted = self.predict(&x[..count * floats]);
            right += predicted.iter().zip(&y).filter(|(a, b)| a == b).count();
        }
        Ok(right as f64 / len as f64)
    }

    /// Measures its [`accuracy`](Classifier::accuracy) on held-out data and records it.
    ///
    /// # Errors
    /// As [`accuracy`](Classifier::accuracy).
    pub fn measure(&mut self, held_out: &dyn Dataset) -> Result<f64> {
        let accuracy = self.accuracy(held_out)?;
        self.record.accuracy = Some(accuracy);
        self.record.held_out = Some(held_out.name().to_owned());
        Ok(accuracy)
    }

    /// Writes it to a safetensors file, whose metadata hold the [`Record`].
    ///
    /// # Errors
    /// [`ClassifierError::Io`].
    pub fn save(&self, path: &Path) -> Result<()> {
        let views = self.parameters.iter().zip(&self.buffers).map(|(parameter, value)| {
            let shape = parameter.shape().to_vec();
            let view = TensorView::new(Dtype::F32, shape, value.as_bytes()).expect("shape and bytes are its own");
            (parameter.name().to_owned(), view)
        });
        let record = serde_json::to_string(&self.record).expect("a plain value");
        let metadata = HashMap::from([(METADATA.to_owned(), record)]);
        let bytes = serialize(views, Some(metadata)).expect("tensors that are whole");
        let write = || {
            let partial = path.with_extension("partial");
            if let Some(folder) = path.parent() {
                fs::create_dir_all(folder)?;
            }
            fs::write(&partial, bytes)?;
            fs::rename(partial, path)
        };
        write().map_err(|source| ClassifierError::Io {
            action: "write",
            source,
            path: path.to_owned(),
        })
    }

    /// Reads what [`save`](Classifier::save) has written.
    ///
    /// # Errors
    /// [`ClassifierError::Io`], [`ClassifierError::Damaged`].
    pub fn load(path: &Path) -> Result<Classifier> {
        let bytes = fs::read(path).map_err(|source| ClassifierError::Io {
            action: "read",
            source,
            path: path.to_owned(),
        })?;
        let damaged = |reason: String| ClassifierError::Damaged {
            reason,
            path: path.to_owned(),
        };
        let (_, metadata) = SafeTensors::read_metadata(&bytes).map_err(|error| damaged(error.to_string()))?;
        let record = metadata.metadata().as_ref().and_then(|texts| texts.get(METADATA));
        let record = record.ok_or_else(|| damaged("it does not say where it comes from".into()))?;
        let record: Record = serde_json::from_str(record).map_err(|error| damaged(error.to_string()))?;
        let tensors = SafeTensors::deserialize(&bytes).map_err(|error| damaged(error.to_string()))?;
        let network = Network::new(&record);
        let mut values = vec![];
        for parameter in network.scope.parameters() {
            let tensor = tensors
                .tensor(parameter.name())
                .map_err(|error| damaged(error.to_string()))?;
            if tensor.shape() != parameter.shape() || tensor.dtype() != Dtype::F32 {
                return Err(damaged(format!("`{}` has another shape or type", parameter.name())));
            }
            let mut value = Buffer::zeros(DType::F32, parameter.shape().iter().product());
            value.as_bytes_mut().copy_from_slice(tensor.data());
            values.push(value);
        }
        Ok(Classifier::new(record, &network, values))
    }
}

impl FeatureNetwork for Classifier {
    fn name(&self) -> &str {
        "clf"
    }

    fn digest(&self) -> &str {
        &self.digest
    }

    fn dimension(&self) -> usize {
        FEATURES
    }

    fn resize(&self) -> &str {
        "none"
    }

    /// It knows pictures of its own data's shape alone.
    ///
    /// # Panics
    /// For pictures of another.
    fn answer(&mut self, pictures: &[f32], shape: [usize; 3]) -> Answer {
        assert_eq!(
            shape, self.record.shape,
            "classifier: pictures of another shape than it was trained on"
        );
        let [features, logits] = self.answers(pictures);
        Answer { features, logits }
    }
}

/// The number of the largest logit.
pub(crate) fn largest(logits: &[f32]) -> u32 {
    let largest = (0..logits.len()).max_by(|&a, &b| logits[a].total_cmp(&logits[b]));
    largest.expect("two or more classes") as u32
}

/// One update as a program over parameters, what Adam remembers of them, and a batch.
struct TrainingStep {
    program: Program,
    /// Parameters; two slots of every trainable one; the number of updates; the learning rate; the key; x; y.
    buffers: Vec<Buffer>,
    parameters: usize,
}

impl TrainingStep {
    fn compile(network: &Network, record: &Record, batch: usize, loss: &dyn Fn(&Lesson) -> Tensor) -> TrainingStep {
        let parameters = network.scope.parameters();
        let mut buffers: Vec<Buffer> = parameters.iter().map(|p| Buffer::from_f32(&p.get().to_f32())).collect();
        let mut inputs = placeholders(&parameters);
        parameters
            .iter()
            .zip(&inputs)
            .for_each(|(p, input)| p.set(input.clone()));
        let mut input = |shape: &[usize]| {
            buffers.push(Buffer::zeros(DType::F32, shape.iter().product()));
            inputs.push(Tensor::placeholder(DType::F32, shape));
            inputs[inputs.len() - 1].clone()
        };
        let trainable: Vec<&Parameter> = parameters.iter().filter(|p| p.is_trainable()).collect();
        let values: Vec<Tensor> = trainable.iter().map(|p| p.get()).collect();
        let mut slots: Vec<[Tensor; 2]> = values.iter().map(|v| [input(v.shape()), input(v.shape())]).collect();
        let [t, rate, key] = [input(&[]), input(&[]), input(&[Key::EXTENT])];
        let x = input(&picture(record.shape).of_batch(batch));
        let y = input(&[batch]);
        let key = Key::from_tensor(&key);
        let loss = loss(&Lesson { network, x, y, key });
        let adam = Adam {
            weight_decay: WEIGHT_DECAY,
            ..Adam::default()
        };
        let t = t + 1.0;
        let gradients = grad(&loss, &values.iter().collect::<Vec<_>>());
        for (((parameter, value), gradient), slots) in trainable.iter().zip(&values).zip(&gradients).zip(&mut slots) {
            parameter.set(adam.update(value, gradient, slots, &t, &rate));
        }
        // The state's places come first among the inputs, in this order.
        let mut outputs: Vec<Tensor> = parameters.iter().map(Parameter::get).collect();
        outputs.extend(slots.into_iter().flatten());
        outputs.push(t);
        let mut donations: Vec<Option<usize>> = (0..outputs.len()).map(Some).collect();
        outputs.push(loss);
        donations.push(None);
        TrainingStep {
            program: Program::compile(&inputs, &outputs, &donations),
            buffers,
            parameters: parameters.len(),
        }
    }

    /// One update at this share of the learning rate; the loss before it.
    fn run(&mut self, examples: &Batch, key: [f64; Key::EXTENT], rate: f64) -> f64 {
        let [.., to_rate, to_key, x, y] = self.buffers.as_mut_slice() else {
            unreachable!("a step has a learning rate, a key, x and y")
        };
        to_key.as_f32_mut().copy_from_slice(&key.map(|element| element as f32));
        to_rate.as_f32_mut()[0] = (LEARNING_RATE * rate) as f32;
        x.as_f32_mut().copy_from_slice(&examples.x);
        y.as_f32_mut().copy_from_slice(&examples.y);
        self.program.run(&mut self.buffers);
        // Of the outputs, only the loss has no input to live in: it is the last.
        self.program.output_f64(self.buffers.len() - 4)[0]
    }

    fn into_parameters(mut self) -> Vec<Buffer> {
        self.buffers.truncate(self.parameters);
        self.buffers
    }
}

fn placeholders(parameters: &[Parameter]) -> Vec<Tensor> {
    let placeholder = |p: &Parameter| Tensor::placeholder(DType::F32, p.shape());
    parameters.iter().map(placeholder).collect()
}

fn picture([height, width, channels]: [usize; 3]) -> Shape {
    Shape::Picture {
        height,
        width,
        channels,
    }
}

/// Shape, classes and number of the examples.
fn labelled_pictures(data: &dyn Dataset) -> Result<([usize; 3], Vec<String>, u64)> {
    let error = |got: &str| ClassifierError::NotLabelledPictures {
        name: data.name().to_owned(),
        got: got.to_owned(),
    };
    match (data.shape(), data.classes(), data.len()) {
        (Shape::Point { .. }, _, _) | (_, _, None) => Err(error("points")),
        (Shape::Volume { .. }, _, _) => Err(error("volumes")),
        (Shape::Sound { .. }, _, _) => Err(error("sounds")),
        (Shape::Roll { .. } | Shape::Events { .. }, _, _) => Err(error("tunes")),
        (Shape::Row { .. }, _, _) => Err(error("rows of a table")),
        (_, None, _) => Err(error("pictures without labels")),
        (_, Some([_]), _) => Err(error("one class")),
        (
            Shape::Picture {
                height,
                width,
                channels,
            },
            Some(classes),
            Some(len),
        ) => Ok(([height, width, channels], classes.to_vec(), len)),
    }
}

/// What to train on and what to measure on: the data's own splits, or all but every tenth example and every tenth.
///
/// # Errors
/// [`DataError`] where there are no such data.
pub fn splits(name: &str) -> std::result::Result<[Arc<dyn Dataset>; 2], DataError> {
    let split = |split: &str| data::open(&format!("{name}:{split}"), &Want::default());
    if let (Ok(train), Ok(test)) = (split("train"), split("test")) {
        return Ok([train, test]);
    }
    let all = data::open(name, &Want::default())?;
    let part = |is_held_out| -> Arc<dyn Dataset> { Arc::new(Part::new(all.clone(), is_held_out)) };
    Ok([part(false), part(true)])
}

/// Every tenth example, or all the others.
#[derive(Debug)]
struct Part {
    all: Arc<dyn Dataset>,
    is_held_out: bool,
    name: String,
}

impl Part {
    fn new(all: Arc<dyn Dataset>, is_held_out: bool) -> Part {
        let which = if is_held_out {
            "every tenth"
        } else {
            "all but every tenth"
        };
        Part {
            name: format!("{}, {which}", all.name()),
            all,
            is_held_out,
        }
    }
}

impl Dataset for Part {
    fn name(&self) -> &str {
        &self.name
    }

    fn digest(&self) -> &str {
        self.all.digest()
    }

    fn len(&self) -> Option<u64> {
        let held_out = self.all.len()? / 10;
        Some(if self.is_held_out {
            held_out
        } else {
            self.all.len()? - held_out
        })
    }

    fn shape(&self) -> Shape {
        self.all.shape()
    }

    fn classes(&self) -> Option<&[String]> {
        self.all.classes()
    }

    fn read(&self, index: u64, x: &mut [f32]) -> data::Result<u32> {
        let of_all = if self.is_held_out {
            10 * index + 9
        } else {
            index + index / 9
        };
        self.all.read(of_all, x)
    }
}

/// Where the classifier of these data lies in the cache folder.
///
/// # Errors
/// [`DataError::NoCacheFolder`].
pub fn cache_file(data: &dyn Dataset) -> std::result::Result<PathBuf, DataError> {
    let name: String = data
        .name()
        .chars()
        .map(|c| if c.is_alphanumeric() { c } else { '-' })
        .collect();
    let file = format!("{name}-{}.safetensors", &data.digest()[..12]);
    Ok(data::get::cache_folder()?.join("classifiers").join(file))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::data::toys::{Formula, Toy};

    /// Bright above or below the middle, by class, under noise.
    #[derive(Debug)]
    struct Halves {
        classes: Vec<String>,
    }

    impl Halves {
        fn new() -> Halves {
            Halves {
                classes: ["above", "below"].map(String::from).to_vec(),
            }
        }
    }

    impl Dataset for Halves {
        fn name(&self) -> &str {
            "halves"
        }

        fn digest(&self) -> &str {
            "0123456789abcdef"
        }

        fn len(&self) -> Option<u64> {
            Some(205)
        }

        fn shape(&self) -> Shape {
            picture([8, 8, 1])
        }

        fn classes(&self) -> Option<&[String]> {
            Some(&self.classes)
        }

        fn read(&self, index: u64, x: &mut [f32]) -> data::Result<u32> {
            for (i, x) in x.iter_mut().enumerate() {
                let noise = data::order::nth(index, 1000, i as u64) as f32 / 500.0 - 1.0;
                let is_bright = (i < 32) == index.is_multiple_of(2);
                *x = 0.5 * noise + if is_bright { 0.4 } else { -0.4 };
            }
            Ok((index % 2) as u32)
        }
    }

    #[test]
    fn it_learns_is_saved_and_comes_back() {
        let mut losses = vec![];
        let mut clf = Classifier::train(&Halves::new(), 1, 4, &mut |progress| losses.push(progress)).unwrap();
        assert_eq!(losses.len(), 8);
        assert_eq!(losses[7].epoch, 4);
        assert!(losses[7].loss < losses[0].loss / 2.0, "{losses:?}");
        assert!(clf.measure(&Halves::new()).unwrap() > 0.98);

        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("deep").join("halves.safetensors");
        clf.save(&path).unwrap();
        let mut again = Classifier::load(&path).unwrap();
        assert_eq!(again.record(), clf.record());
        let pictures: Vec<f32> = (0..130).flat_map(|i| Halves::new().example(i).unwrap().0).collect();
        let features = clf.features(&pictures);
        assert_eq!(features.len(), 130 * FEATURES);
        assert_eq!(again.features(&pictures), features);
        assert_eq!(again.predict(&pictures).len(), 130);

        let mut bytes = fs::read(&path).unwrap();
        bytes.truncate(1000);
        fs::write(&path, bytes).unwrap();
        assert!(matches!(Classifier::load(&path), Err(ClassifierError::Damaged { .. })));
    }

    #[test]
    fn parts_are_disjoint_and_together_everything() {
        let all: Arc<dyn Dataset> = Arc::new(Halves::new());
        let [rest, held_out] = [false, true].map(|is_held_out| Part::new(all.clone(), is_held_out));
        assert_eq!((rest.len(), held_out.len()), (Some(185), Some(20)));
        let bits = |data: &dyn Dataset| -> Vec<Vec<u32>> {
            let example = |i| data.example(i).unwrap().0.into_iter().map(f32::to_bits).collect();
            (0..data.len().unwrap()).map(example).collect()
        };
        let mut together = [bits(&rest), bits(&held_out)].concat();
        let mut expected = bits(&*all);
        together.sort();
        expected.sort();
        assert_eq!(together, expected);
    }

    #[test]
    fn points_are_no_pictures() {
        let error = Classifier::train(&Toy::new(Formula::Ring), 0, 1, &mut |_| {})
            .err()
            .unwrap();
        assert_eq!(
            error.to_string(),
            "a classifier needs labelled pictures: expected two or more classes of pictures, got points in `ring`"
        );
    }
}
