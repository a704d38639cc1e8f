//! A run that begins with weights which were trained elsewhere.
use super::folder::WeightsSource;
use super::training::{Length, Order, TrainError, Training};
use crate::data::absent::Absent;
use crate::data::{Shape, Want};
use crate::games::Play;
use crate::layouts::{self, Choice, Import, LayoutError};
use crate::weights::{Weights, WeightsError};
use gany_engine::Precision;
use std::path::PathBuf;
use std::sync::OnceLock;

/// What can keep weights from becoming a run.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum ImportError {
    /// What the file holds.
    #[error(transparent)]
    Layout(#[from] LayoutError),
    /// The run.
    #[error(transparent)]
    Train(#[from] TrainError),
    /// A setting that the file decides was to be changed.
    #[error("setting `{key}`: expected {value}, which the file's networks have, got `{got}`")]
    Decided {
        /// The setting.
        key: String,
        /// What the file says.
        value: String,
        /// What was wanted.
        got: String,
    },
}

impl From<WeightsError> for ImportError {
    fn from(error: WeightsError) -> ImportError {
        LayoutError::from(error).into()
    }
}

impl ImportError {
    /// The way out.
    pub fn hint(&self) -> Option<String> {
        match self {
            ImportError::Layout(error) => Some(error.hint()),
            ImportError::Train(error) => error.hint(),
            ImportError::Decided { key, .. } => Some(format!("leave out `--set {key}=..`")),
        }
    }
}

/// Everything that an import needs to know.
#[derive(Clone, Debug)]
pub struct ImportOrder {
    /// The file of weights.
    pub file: PathBuf,
    /// What is wanted of it.
    pub choice: Choice,
    /// Changes of the system's settings that the file does not decide: pairs of dotted key and text.
    pub changes: Vec<(String, String)>,
    /// Data to train on later: a name or a path. None where it is only to make samples.
    pub data: Option<String>,
    /// How pictures are brought to the file's size.
    pub want: Want,
    /// What all randomness of the run follows from.
    pub seed: u64,
    /// The command line, for the record.
    pub command: Vec<String>,
}

impl Training {
    /// Begins a run with the weights of a file in the folder that `place` gives for their system, saves it and draws its samples:
    /// a run like one that was trained here, which is finished until it is resumed for longer. Optimisers begin anew.
    ///
    /// # Errors
    /// [`ImportError`]; nothing is written where the weights cannot be taken over.
    pub fn import(order: ImportOrder, place: impl FnOnce(&'static str) -> PathBuf) -> Result<Training, ImportError> {
        let weights = Weights::read(&order.file)?;
        let import = layouts::read(&weights, &order.choice)?;
        for (key, value) in &import.settings {
            if let Some((_, got)) = order.changes.iter().find(|(changed, _)| changed == key) {
                return Err(ImportError::Decided {
                    key: key.clone(),
                    value: value.clone(),
                    got: got.clone(),
                });
            }
        }
        let source = WeightsSource {
            file: order.file.to_string_lossy().into_owned(),
            digest: format!("sha256:{}", weights.digest()),
            layout: import.layout.id.to_owned(),
        };
        let path = place(import.layout.system);
        let mut training = Training::begin_from(training_order(order, &import), &path, |play| {
            fill(play, &import);
            Ok(import.step)
        })?;
        let folder = training.folder();
        let mut provenance = folder.read_provenance().map_err(TrainError::from)?;
        provenance.weights = Some(source);
        folder.write_provenance(&provenance).map_err(TrainError::from)?;
        for note in import.notes {
            training.note(note)?;
        }
        let mut training = training.watched(false);
        training.run(&OnceLock::new(), &mut |_| {})?;
        Ok(training)
    }
}

/// The order of a training that has come to the step of the import.
fn training_order(order: ImportOrder, import: &Import) -> Order {
    let Shape::Picture {
        height,
        width,
        channels,
    } = import.sample
    else {
        unreachable!("layouts are of networks that make pictures")
    };
    let (data, want) = match order.data {
        Some(data) => {
            let want = Want {
                size: Some((height, width)),
                channels: Some(channels),
                ..order.want
            };
            (data, want)
        }
        None => {
            let absent = Absent::spec(import.sample).expect("it makes pictures");
            (absent, Want::default())
        }
    };
    Order {
        system: import.layout.system.to_owned(),
        changes: import.settings.iter().chain(&order.changes).cloned().collect(),
        data,
        want,
        seed: order.seed,
        precision: Precision::F32,
        length: Length::Steps(import.step),
        checkpoint_every: None,
        sample_every: None,
        eval_every: None,
        command: order.command,
    }
}

/// Puts the tensors of an import in their places.
fn fill(play: &mut Play, import: &Import) {
    let mut left = import.tensors.len();
    for position in 0..play.entries().len() {
        let entry = &play.entries()[position];
        let Some(array) = import.tensors.get(&entry.name) else {
            continue;
        };
        assert_eq!(entry.shape, array.shape(), "{} of {}", entry.name, import.layout.id);
        play.state_mut(position).as_f32_mut().copy_from_slice(array.values());
        left -= 1;
    }
    assert_eq!(left, 0, "tensors of {} that the system does not have", import.layout.id);
}
