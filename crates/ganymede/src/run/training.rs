//! Training a system on data into a run folder, from the start or from where it stopped.
use super::best::{Best, EvalEvery};
use super::checkpoint::{self, Checkpoint, FORMAT_VERSION, KEEP_LAST, NamedTensor};
use super::error::RunError;
use super::evaluation::refuse_to_measure;
use super::events::{Event, EventWriter, read_events};
use super::folder::{DataSource, Machine, Provenance, RunFolder, Settings, WeightsSource, now_utc};
use super::grid::Stamp;
use super::report::{write_last_report, write_report};
use super::sampling::{Translation, translations};
use super::showing::{Showing, Shown};
use super::watching::{Watching, event_of, system_settings};
use crate::data::prefetch::Prefetcher;
use crate::data::{self, DataError, Dataset, Shape, Want};
use crate::doctor::{self, Diagnosis};
use crate::games::{NonFinite, Play};
use crate::models::{self, Built, ConfigError, Entry, Given};
use gany_engine::Precision;
use gany_engine::kernels::isa::Isa;
use serde::de::DeserializeOwned;
use serde_json::{Value, json};
use std::borrow::Cow;
use std::collections::btree_map;
use std::path::{Path, PathBuf};
use std::sync::{Arc, OnceLock};
use std::time::{Duration, Instant};

/// What can end a training before its time.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum TrainError {
    /// The choice of system or settings.
    #[error(transparent)]
    Config(#[from] ConfigError),
    /// The data.
    #[error(transparent)]
    Data(#[from] DataError),
    /// The run folder.
    #[error(transparent)]
    Run(#[from] RunError),
    /// The measures that are taken meanwhile.
    #[error(transparent)]
    Evaluation(#[from] Box<super::EvalError>),
    /// A checkpoint does not hold the state that the run's settings describe.
    #[error("expected tensor `{expected}` in the checkpoint, got {got}: {}", path.display())]
    OtherState {
        /// Name and shape of what is missing.
        expected: String,
        /// What is there instead.
        got: String,
        /// The checkpoint.
        path: PathBuf,
    },
    /// Training made a number that is not finite.
    #[error("step {step} made a number that is not finite: first in a move of the {player}, in {operation}")]
    NonFinite {
        /// The step.
        step: u64,
        /// Whose move.
        player: String,
        /// Which operation.
        operation: String,
        /// The last checkpoint before.
        checkpoint: Option<PathBuf>,
    },
}

impl TrainError {
    /// The way out.
    pub fn hint(&self) -> Option<String> {
        match self {
            TrainError::Config(error) => error.hint(),
            TrainError::Data(error) => error.hint(),
            TrainError::Run(error) => error.hint(),
            TrainError::Evaluation(error) => error.hint(),
            TrainError::OtherState { .. } => {
                Some("the run was made by another version; begin a new one with another `--out`".into())
            }
            TrainError::NonFinite { checkpoint, player, .. } => {
                let kept = checkpoint
                    .as_ref()
                    .map(|path| format!("; the last good state is kept in {}", path.display()));
                Some(format!(
                    "try a lower learning rate: `--set {player}.learning_rate=...`{}",
                    kept.unwrap_or_default()
                ))
            }
        }
    }
}

/// How long to train.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Length {
    /// So many steps in all.
    Steps(u64),
    /// So many seconds of training in all; the clock stands still while the run is stopped.
    Seconds(f64),
}

impl Length {
    const KEYS: [&'static str; 2] = ["length.steps", "length.seconds"];

    /// As a run's settings have it.
    fn setting(self) -> (String, Value) {
        let (key, value) = match self {
            Length::Steps(steps) => (Self::KEYS[0], json!(steps)),
            Length::Seconds(seconds) => (Self::KEYS[1], json!(seconds)),
        };
        (key.to_owned(), value)
    }

    fn of(settings: &Settings) -> Option<Length> {
        let [steps, seconds] = Self::KEYS.map(|key| settings.get(key));
        let steps = steps.and_then(Value::as_u64).map(Length::Steps);
        steps.or_else(|| seconds?.as_f64().map(Length::Seconds))
    }
}

/// Everything that a training needs to know.
#[derive(Clone, Debug)]
pub struct Order {
    /// The system's name.
    pub system: String,
    /// Changes of its settings: pairs of dotted key and text.
    pub changes: Vec<(String, String)>,
    /// The data: a name or a path.
    pub data: String,
    /// Wanted size and channels; the data's own where `None`.
    pub want: Want,
    /// What all randomness of the run follows from.
    pub seed: u64,
    /// What matrix products and convolutions compute in.
    pub precision: Precision,
    /// How long.
    pub length: Length,
    /// Steps from one checkpoint to the next; about a minute where `None`.
    pub checkpoint_every: Option<u64>,
    /// Steps from one sample grid to the next; ever wider apart where `None`.
    pub sample_every: Option<u64>,
    /// When samples are measured and the best state kept; never where `None`.
    pub eval_every: Option<EvalEvery>,
    /// The command line, for the record.
    pub command: Vec<String>,
}

/// A training that is ready to go on.
pub struct Training {
    order: Order,
    entry: &'static Entry,
    folder: RunFolder,
    events: EventWriter,
    data: Arc<dyn Dataset>,
    play: Play,
    batch: usize,
    step: u64,
    seconds: f64,
    last_checkpoint: Option<(u64, PathBuf)>,
    best: Option<Best>,
    showing: Showing,
    /// The step of the sample grid that was said last.
    last_sample: Option<u64>,
    notes: Vec<String>,
    watching: Option<Watching>,
    is_watched: bool,
    is_healed: bool,
}

/// How often a run is healed at most: what three cures do not help needs a person.
const MOST_HEALS: usize = 3;

/// How a training ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Ending {
    /// As ordered.
    Finished,
    /// By the user, after saving.
    Stopped,
}

impl Training {
    /// Begins a new run in `path`.
    ///
    /// # Errors
    /// [`TrainError`] for an order that does not fit together, data that cannot be read, a folder that is in use.
    pub fn begin(order: Order, path: &Path) -> Result<Training, TrainError> {
        Training::begin_from(order, path, |_| Ok(0))
    }

    /// Begins a new run in `path` with the state that another run of the same system and networks has come to: to tune it to
    /// other data, or with other settings.
    ///
    /// # Errors
    /// As [`begin`](Training::begin); where the other run has no checkpoint, or its state is not that of these networks.
    pub fn begin_with(order: Order, path: &Path, from: &Path) -> Result<Training, TrainError> {
        let other = RunFolder::open(from)?;
        let saved = checkpoint::load_latest(&other)?;
        let file = other.checkpoint_file(saved.step);
        let training = Training::begin_from(order, path, |play| restore(play, &saved, &file).map(|()| 0))?;
        let bytes = std::fs::read(&file).map_err(|error| RunError::io("read", &file, error))?;
        let mut provenance = training.folder.read_provenance()?;
        provenance.weights = Some(WeightsSource {
            file: file.to_string_lossy().into_owned(),
            digest: format!("sha256:{}", crate::data::sha256_hex(&[&bytes])),
            layout: "ganymede".to_owned(),
        });
        training.folder.write_provenance(&provenance)?;
        Ok(training)
    }

    /// Begins a new run in `path` from a state that `fill` puts in place, and with the step that it gives.
    pub(super) fn begin_from(
        order: Order,
        path: &Path,
        fill: impl FnOnce(&mut Play) -> Result<u64, TrainError>,
    ) -> Result<Training, TrainError> {
        let entry = models::find(&order.system)?;
        let (mut settings, data, mut play, batch) = set_up(entry, &order)?;
        let step = fill(&mut play)?;
        play.go_on_from(step);
        settings.extend([order.length.setting()]);
        let best = Best::of(&order, &data, &[])?;
        let folder = RunFolder::create(path)?;
        folder.write_settings(&settings)?;
        let events = first_words(&folder, entry, &order, &*data)?;
        Ok(Training {
            notes: data.notes().to_vec(),
            showing: Showing::of(&order, &*data, &play)?,
            order,
            entry,
            folder,
            events,
            data,
            play,
            batch,
            step,
            seconds: 0.0,
            last_checkpoint: None,
            best,
            last_sample: None,
            watching: None,
            is_watched: true,
            is_healed: false,
        })
    }

    /// Goes on with the run in `path` from its latest checkpoint, from the start if it has none. Settings that the run's
    /// version did not know yet are at their defaults, which is noted.
    ///
    /// # Errors
    /// As [`begin`](Training::begin); where the order's settings are not those that the run began with; where the
    /// checkpoint is damaged.
    pub fn resume(order: Order, path: &Path) -> Result<Training, TrainError> {
        let entry = models::find(&order.system)?;
        let folder = RunFolder::open_to_write(path)?;
        let (mut settings, data, mut play, batch) = set_up(entry, &order)?;
        // How long a run goes on is the one thing that may change.
        let began_with = folder.read_settings()?;
        let mut in_this_version = began_with.clone();
        let added = add_defaults(&mut in_this_version, &order, &*data, folder.path())?;
        let length = |(key, _): &(&String, &Value)| Length::KEYS.contains(&key.as_str());
        settings.extend(
            began_with
                .iter()
                .filter(length)
                .map(|(key, value)| (key.clone(), value.clone())),
        );
        folder.refuse_changed_settings(&in_this_version, &settings)?;
        if Length::of(&settings) != Some(order.length) {
            settings.retain(|key, _| !Length::KEYS.contains(&key.as_str()));
            settings.extend([order.length.setting()]);
        }
        let (mut step, mut seconds, mut last_checkpoint) = (0, 0.0, None);
        let mut events = if checkpoint::list(&folder)?.is_empty() {
            folder.rewind(0)?;
            first_words(&folder, entry, &order, &*data)?
        } else {
            let saved = checkpoint::load_latest(&folder)?;
            let saved_path = folder.checkpoint_file(saved.step);
            restore(&mut play, &saved, &saved_path)?;
            step = saved.step;
            seconds = saved.meta.get("seconds").and_then(Value::as_f64).unwrap_or(0.0);
            last_checkpoint = Some((step, saved_path));
            checkpoint::keep_newest(&folder, step, KEEP_LAST)?;
            EventWriter::resume(&folder, step)?
        };
        let said = read_events(&folder.events_file())?.events;
        let best = best_so_far(&order, &data, &folder, &said, last_checkpoint.as_ref())?;
        let last_sample = last_sample(&said);
        events.append(&Event::Resumed { step, at: now_utc() })?;
        let notes: Vec<String> = added.into_iter().collect();
        for message in notes.iter().cloned() {
            events.append(&Event::Warning { step, message })?;
        }
        if settings != began_with {
            folder.write_settings(&settings)?;
        }
        Ok(Training {
            showing: Showing::of(&order, &*data, &play)?,
            order,
            entry,
            folder,
            events,
            data,
            play,
            batch,
            step,
            seconds,
            last_checkpoint,
            best,
            last_sample,
            notes,
            watching: None,
            is_watched: true,
            is_healed: false,
        })
    }

    /// The order that began the run in `path`, to be resumed, for another length if one is given.
    ///
    /// # Errors
    /// Where there is no run, or its settings cannot be understood.
    pub fn order_of(path: &Path, length: Option<Length>, command: Vec<String>) -> Result<Order, TrainError> {
        let settings = RunFolder::open(path)?.read_settings()?;
        let length = length.or_else(|| Length::of(&settings)).unwrap_or(Length::Steps(0));
        Ok(Order::of(&settings, path, length, command)?)
    }

    /// Whether the doctor looks at the run and raises alarms, as it does unless told otherwise. Not a bit of the training
    /// depends on it.
    #[must_use]
    pub fn watched(mut self, is_watched: bool) -> Training {
        self.is_watched = is_watched;
        self
    }

    /// Whether an alarm sends the run back to the last checkpoint before the trouble, or to its beginning, to go on with
    /// the settings of the cure; three times at most. It does not unless told so.
    #[must_use]
    pub fn healed(mut self, is_healed: bool) -> Training {
        self.is_healed = is_healed;
        self
    }

    /// The run's folder.
    pub fn folder(&self) -> &RunFolder {
        &self.folder
    }

    /// The system's registered entry.
    pub fn entry(&self) -> &'static Entry {
        self.entry
    }

    /// The data that it trains on.
    pub fn data(&self) -> &dyn Dataset {
        &*self.data
    }

    /// What a person should know before it goes on, a sentence each; the run's events say it too.
    pub fn notes(&self) -> &[String] {
        &self.notes
    }

    /// The state and the step function.
    pub fn play(&mut self) -> &mut Play {
        &mut self.play
    }

    /// Pictures in a row of the run's sample grids: a column a class where classes can be asked for.
    pub fn sample_columns(&self) -> usize {
        self.showing.columns(&self.play, &*self.data)
    }

    /// Whether samples can be made of its state.
    pub fn makes_samples(&self) -> bool {
        self.play.system().z_dim() > 0
    }

    /// The functions of its system that turn one picture into another.
    pub fn translations(&self) -> Vec<Translation> {
        translations(&self.play)
    }

    /// What its matrix products and convolutions compute in.
    pub fn precision(&self) -> Precision {
        self.order.precision
    }

    /// How long it is to go on, over all parts of a resumed run.
    pub fn length(&self) -> Length {
        self.order.length
    }

    /// Steps done so far.
    pub fn step(&self) -> u64 {
        self.step
    }

    /// Real examples that one step takes.
    pub fn examples_per_step(&self) -> u64 {
        (self.batch * self.play.batches()) as u64
    }

    /// Trains to the ordered length, or until `stop` holds a reason; either way the state is saved and the report written.
    /// `watch` sees every event that is recorded, and steps in between at least ten times a second.
    ///
    /// # Errors
    /// [`TrainError::NonFinite`], [`TrainError::Data`] for files that break meanwhile, [`TrainError::Run`] where the folder
    /// cannot be written: what was saved before is kept.
    pub fn run(&mut self, stop: &OnceLock<String>, watch: &mut dyn FnMut(&Event)) -> Result<Ending, TrainError> {
        let batches = self.play.batches();
        let examples = self.batch * batches;
        let mut prefetcher = Prefetcher::new(self.data.clone(), self.order.seed, examples, 3);
        let mut last_look = Instant::now() - Duration::from_secs(1);
        let mut last_save = Instant::now();
        if self.step == 0 && self.last_sample.is_none() {
            self.write_sample(watch)?;
        }
        self.begin_to_watch()?;
        let stopped = loop {
            let is_done = match self.order.length {
                Length::Steps(steps) => self.step >= steps,
                Length::Seconds(seconds) => self.seconds >= seconds,
            };
            if is_done {
                break None;
            }
            if let Some(reason) = stop.get() {
                break Some(reason);
            }
            let start = Instant::now();
            let n = self.step;
            self.fill(prefetcher.next(n)?);
            self.play.step(n);
            self.seconds += start.elapsed().as_secs_f64();
            let mut scalars = self.play.reports(n);
            if scalars.values().any(|value| !value.is_finite()) {
                let (error, diagnosis) = self.explain(n, &mut prefetcher)?;
                if self.heal(&diagnosis, watch)? {
                    continue;
                }
                return Err(self.end_with(error, &diagnosis, watch)?);
            }
            self.step += 1;
            let step = self.step;
            let alarms = match &mut self.watching {
                Some(doctor) if doctor::is_looked_at(step) => doctor.look(&mut self.play, step, &mut scalars),
                _ => vec![],
            };
            if is_logged(step) || last_look.elapsed() > Duration::from_millis(100) {
                let event = Event::Step {
                    step,
                    seconds: self.seconds,
                    images: step * self.examples_per_step(),
                    scalars,
                };
                if is_logged(step) {
                    self.events.append(&event)?;
                }
                watch(&event);
                last_look = Instant::now();
            }
            for diagnosis in &alarms {
                self.say(event_of(diagnosis), watch)?;
            }
            if let Some(diagnosis) = alarms.first()
                && self.heal(diagnosis, watch)?
            {
                continue;
            }
            if is_sampled(step, self.order.sample_every) {
                self.write_sample(watch)?;
            }
            if self.best.as_ref().is_some_and(|best| best.is_due(step)) {
                self.evaluate(watch)?;
            }
            let is_saved = match self.order.checkpoint_every {
                Some(period) => step.is_multiple_of(period.max(1)),
                None => last_save.elapsed() > Duration::from_secs(60),
            };
            if is_saved {
                self.save(watch)?;
                last_save = Instant::now();
            }
        };
        if self.last_checkpoint.as_ref().is_none_or(|(step, _)| *step != self.step) {
            self.save(watch)?;
        }
        let (step, ending) = (self.step, stopped.map_or(Ending::Finished, |_| Ending::Stopped));
        let event = match stopped {
            Some(reason) => Event::Stopped {
                step,
                reason: reason.clone(),
            },
            None => Event::Finished { step },
        };
        if ending == Ending::Finished && self.last_sample != Some(step) {
            self.write_sample(watch)?;
        }
        // A run that says that it is finished lacks nothing: whatever is killed before, resuming does it again.
        write_last_report(&self.folder, &event)?;
        self.say(event, watch)?;
        self.events.sync()?;
        Ok(ending)
    }

    /// Seconds of training so far.
    pub(super) fn seconds(&self) -> f64 {
        self.seconds
    }

    pub(super) fn sample_every(&self) -> Option<u64> {
        self.order.sample_every
    }

    /// How many checkpoints so many steps save, the last one included.
    pub(super) fn checkpoints(&self, steps: u64, step_seconds: f64) -> usize {
        let before = match self.order.checkpoint_every {
            Some(period) => steps / period.max(1),
            None => (steps as f64 * step_seconds / 60.0) as u64,
        };
        before.saturating_add(1) as usize
    }

    /// Puts the examples of step `n` where it reads them.
    pub(super) fn fill_for(&mut self, n: u64) -> Result<(), TrainError> {
        let mut batch = data::Batch::of(&*self.data, self.batch * self.play.batches());
        batch.fill(&*self.data, self.order.seed, n * batch.count() as u64)?;
        self.fill(&batch);
        Ok(())
    }

    /// Has the doctor look and forget: how many figures there would be.
    pub(super) fn look_for_nothing(&mut self) -> usize {
        self.watching
            .as_mut()
            .map_or(0, |doctor| doctor.figures(&mut self.play, self.step))
    }

    /// Notes something that a person should know before it goes on.
    pub(super) fn note(&mut self, message: String) -> Result<(), TrainError> {
        self.notes.push(message.clone());
        let step = self.step;
        Ok(self.events.append(&Event::Warning { step, message })?)
    }

    fn say(&mut self, event: Event, watch: &mut dyn FnMut(&Event)) -> Result<(), TrainError> {
        self.events.append(&event)?;
        watch(&event);
        Ok(())
    }

    /// Puts the examples of a step where the step reads them, a part to each of its batches.
    fn fill(&mut self, batch: &data::Batch) {
        let (floats, count) = (batch.x.len() / self.play.batches(), self.batch);
        for part in 0..self.play.batches() {
            let (x, y) = self.play.batch_mut(part);
            x.copy_from_slice(&batch.x[part * floats..][..floats]);
            y.copy_from_slice(&batch.y[part * count..][..count]);
            for (number, extra) in batch.extras.iter().enumerate() {
                let to = self.play.extra_mut(part, number);
                let floats = to.len();
                to.copy_from_slice(&extra[part * floats..][..floats]);
            }
        }
    }

    /// Saves the state, unless it holds a number that is not finite: what is saved is always good to go on from.
    fn save(&mut self, watch: &mut dyn FnMut(&Event)) -> Result<(), TrainError> {
        let is_finite = |position: usize| {
            self.play
                .state(position)
                .to_f64()
                .iter()
                .all(|number| number.is_finite())
        };
        if !(0..self.play.entries().len()).all(is_finite) {
            return Ok(());
        }
        let tensors = self.play.entries().iter().enumerate().map(|(position, entry)| {
            let state = self.play.state(position);
            let dtype = match state.dtype() {
                gany_engine::DType::F32 => checkpoint::Dtype::F32,
                gany_engine::DType::F64 => checkpoint::Dtype::F64,
            };
            NamedTensor {
                name: entry.name.clone(),
                dtype,
                shape: entry.shape.clone(),
                bytes: Cow::Borrowed(state.as_bytes()),
            }
        });
        let checkpoint = Checkpoint {
            format_version: FORMAT_VERSION,
            step: self.step,
            meta: [
                ("seconds".to_owned(), json!(self.seconds)),
                ("seed".to_owned(), json!(self.order.seed)),
                // The place in the data follows from the step; it is written down for whoever looks.
                ("examples".to_owned(), json!(self.step * self.examples_per_step())),
            ]
            .into(),
            tensors: tensors.collect(),
        };
        self.events.sync()?;
        let path = checkpoint::save(&self.folder, &checkpoint, KEEP_LAST)?;
        self.last_checkpoint = Some((self.step, path));
        self.say(
            Event::Checkpoint {
                step: self.step,
                path: RunFolder::checkpoint_name(self.step),
            },
            watch,
        )
    }

    /// Measures samples; where they are the best so far, keeps the state under the name `best`.
    fn evaluate(&mut self, watch: &mut dyn FnMut(&Event)) -> Result<(), TrainError> {
        let Some(best) = &mut self.best else { return Ok(()) };
        let event = best.evaluate(&mut self.play, self.data.shape(), self.order.seed, self.step);
        let is_best = matches!(event, Event::Metric { best: true, .. });
        self.say(event, watch)?;
        if is_best {
            // A numbered checkpoint comes first: a run that is killed goes on from it, and never from before its best.
            self.save(watch)?;
            if let (Some(best), Some((step, path))) = (&self.best, &self.last_checkpoint) {
                best.restore(&self.folder, *step, path)?;
            }
        }
        Ok(())
    }

    /// What a sample grid is drawn of.
    pub(super) fn shown(&mut self) -> Shown {
        self.showing.shown(&mut self.play, &*self.data)
    }

    /// Draws it as the run's grids are drawn.
    pub(super) fn draw(&self, shown: &Shown, path: &Path) -> Result<(), TrainError> {
        let stamp = Stamp {
            system: self.entry.card.id.to_owned(),
            seed: self.order.seed,
            step: self.step,
        };
        shown.draw(&*self.data, &stamp, path)
    }

    fn write_sample(&mut self, watch: &mut dyn FnMut(&Event)) -> Result<(), TrainError> {
        let shown = self.shown();
        self.draw(&shown, &self.folder.sample_file(self.step))?;
        self.last_sample = Some(self.step);
        self.say(
            Event::Sample {
                step: self.step,
                path: RunFolder::sample_name(self.step),
            },
            watch,
        )
    }

    /// Finds out where the first bad number came from. A step is a pure function, so the run is simply done again from
    /// the last good state, looking at every result.
    fn explain(&mut self, bad_step: u64, prefetcher: &mut Prefetcher) -> Result<(TrainError, Diagnosis), TrainError> {
        let checkpoint = self.last_checkpoint.clone();
        let first = match &checkpoint {
            Some((step, path)) => {
                restore(&mut self.play, &checkpoint::load(path)?, path)?;
                *step
            }
            None => {
                self.play = set_up(self.entry, &self.order)?.2;
                0
            }
        };
        let mut found = None;
        for n in first..=bad_step {
            self.fill(prefetcher.next(n)?);
            if let Some(cause) = self.play.step_checked(n) {
                found = Some((n, cause));
                break;
            }
        }
        let unknown = || {
            (
                bad_step,
                NonFinite {
                    player: "generator".into(),
                    operation: "an unknown operation".into(),
                },
            )
        };
        let (step, NonFinite { player, operation }) = found.unwrap_or_else(unknown);
        let settings = system_settings(&self.folder.read_settings()?);
        let diagnosis = doctor::not_a_number(&settings, step + 1, &player, &operation);
        let error = TrainError::NonFinite {
            step: step + 1,
            player,
            operation,
            checkpoint: checkpoint.map(|(_, path)| path),
        };
        Ok((error, diagnosis))
    }

    /// Ends the run with an error that training itself made.
    fn end_with(
        &mut self,
        error: TrainError,
        diagnosis: &Diagnosis,
        watch: &mut dyn FnMut(&Event),
    ) -> Result<TrainError, TrainError> {
        self.say(event_of(diagnosis), watch)?;
        let reason = error.to_string();
        let step = self.step;
        self.events.append(&Event::Stopped { step, reason })?;
        write_report(&self.folder)?;
        Ok(error)
    }

    /// Calls the doctor, who reads what was measured so far.
    pub(super) fn begin_to_watch(&mut self) -> Result<(), TrainError> {
        if self.is_watched && self.watching.is_none() {
            let settings = system_settings(&self.folder.read_settings()?);
            let events = read_events(&self.folder.events_file())?.events;
            self.watching = Watching::begin(&self.order, settings, &*self.data, &self.play, &events)?;
        }
        Ok(())
    }

    /// Goes back to before the trouble and on with the cure, where that is wanted, and there are settings that do it; says
    /// whether it did.
    fn heal(&mut self, diagnosis: &Diagnosis, watch: &mut dyn FnMut(&Event)) -> Result<bool, TrainError> {
        let cure = &diagnosis.finding.cure.settings;
        let events = read_events(&self.folder.events_file())?.events;
        let heals = events
            .iter()
            .filter(|event| matches!(event, Event::Healed { .. }))
            .count();
        if !self.is_healed || cure.is_empty() || heals >= MOST_HEALS {
            return Ok(false);
        }
        let is_finite = diagnosis.alarm != doctor::NOT_A_NUMBER;
        let before = self
            .watching
            .as_ref()
            .filter(|_| is_finite)
            .map(Watching::before_the_trouble);
        let saved = checkpoint::list(&self.folder)?
            .into_iter()
            .rfind(|(step, _)| before.is_none_or(|before| *step <= before));
        self.order.changes.extend(cure.iter().cloned());
        let (mut settings, _, play, _) = set_up(self.entry, &self.order)?;
        settings.extend([self.order.length.setting()]);
        (self.play, self.step, self.seconds) = (play, 0, 0.0);
        if let Some((step, path)) = &saved {
            let checkpoint = checkpoint::load(path)?;
            restore(&mut self.play, &checkpoint, path)?;
            self.seconds = checkpoint.meta.get("seconds").and_then(Value::as_f64).unwrap_or(0.0);
            self.step = *step;
        }
        self.last_checkpoint = saved;
        self.events = EventWriter::resume(&self.folder, self.step)?;
        let said = read_events(&self.folder.events_file())?.events;
        self.last_sample = last_sample(&said);
        self.best = best_so_far(
            &self.order,
            &self.data,
            &self.folder,
            &said,
            self.last_checkpoint.as_ref(),
        )?;
        self.folder.write_settings(&settings)?;
        let event = Event::Healed {
            step: self.step,
            alarm: diagnosis.alarm.to_owned(),
            raised_at: diagnosis.step,
            settings: cure.iter().cloned().collect(),
        };
        self.say(event, watch)?;
        self.watching = None;
        self.begin_to_watch()?;
        Ok(true)
    }
}

/// The step of the sample grid that was said last.
fn last_sample(said: &[Event]) -> Option<u64> {
    said.iter().rev().find_map(|event| match event {
        Event::Sample { step, .. } => Some(*step),
        _ => None,
    })
}

/// Writes where a run comes from, unless that was done before it was killed, and begins its events.
fn first_words(
    folder: &RunFolder,
    entry: &Entry,
    order: &Order,
    data: &dyn Dataset,
) -> Result<EventWriter, TrainError> {
    if !folder.provenance_file().exists() {
        folder.write_provenance(&Provenance {
            ganymede: env!("CARGO_PKG_VERSION").to_owned(),
            commit: option_env!("GANYMEDE_COMMIT").unwrap_or("unknown").to_owned(),
            command: order.command.clone(),
            seed: order.seed,
            weights: None,
            data: DataSource {
                name: data.name().to_owned(),
                digest: format!("sha256:{}", data.digest()),
            },
            machine: Machine::this(Isa::current().name()),
            started_at: now_utc(),
        })?;
    }
    let mut events = EventWriter::create(folder)?;
    events.append(&Event::Started {
        system: entry.card.id.to_owned(),
        title: entry.card.title.to_owned(),
        idea: entry.card.idea.to_owned(),
        steps: match order.length {
            Length::Steps(steps) => Some(steps),
            Length::Seconds(_) => None,
        },
        at: now_utc(),
    })?;
    for message in data.notes().iter().cloned() {
        events.append(&Event::Warning { step: 0, message })?;
    }
    Ok(events)
}

/// Everything that follows from an order: resolved settings, data, the system in its initial state, the batch.
pub(super) fn set_up(
    entry: &'static Entry,
    order: &Order,
) -> Result<(Settings, Arc<dyn Dataset>, Play, usize), TrainError> {
    let resolved = models::resolve(entry.card.id, &entry.defaults(), &order.changes)?;
    let data = data::open(&order.data, &order.want)?;
    let given = Given::by(&*data);
    let Built { system, scope, batch } = entry.build(&resolved, &given, order.seed)?;
    let play = Play::new(system, scope, given.of_batch(batch), order.seed).in_precision(order.precision);
    if order.eval_every.is_some() {
        refuse_to_measure(entry.card.id, &play)?;
    }
    Ok((settings_of(entry, order, resolved, &*data), data, play, batch))
}

/// The settings of a run, but for its length.
fn settings_of(entry: &Entry, order: &Order, resolved: models::Settings, data: &dyn Dataset) -> Settings {
    let mut settings: Settings = resolved
        .into_iter()
        .map(|(key, value)| (format!("settings.{key}"), value))
        .collect();
    settings.insert("system".into(), json!(entry.card.id));
    settings.insert("data".into(), json!(order.data));
    settings.insert("data.digest".into(), json!(format!("sha256:{}", data.digest())));
    settings.insert("data.shape".into(), json!(data.shape().of_batch(1)[1..]));
    if let Shape::Sound { rate_hz, .. } = data.shape() {
        settings.insert("data.rate_hz".into(), json!(rate_hz));
    }
    if let Shape::Roll { lowest, .. } = data.shape() {
        settings.insert("data.lowest_pitch".into(), json!(lowest));
    }
    if let Shape::Events { .. } = data.shape() {
        settings.insert("data.is_events".into(), json!(true));
    }
    settings.insert("data.classes".into(), json!(data.classes()));
    // Runs of earlier versions have no such setting.
    if !data.extras().is_empty() {
        settings.insert("data.extras".into(), json!(data.extras()));
    }
    if let Some(voxels) = data.voxels() {
        settings.insert("data.voxels".into(), json!(voxels));
    }
    if let Some(columns) = data.columns() {
        settings.insert("data.columns".into(), json!(columns));
    }
    settings.insert(
        "data.want".into(),
        serde_json::to_value(&order.want).expect("a plain value"),
    );
    settings.insert("seed".into(), json!(order.seed));
    settings.insert("precision".into(), json!(order.precision.name()));
    settings.insert("checkpoint_every".into(), json!(order.checkpoint_every));
    settings.insert("sample_every".into(), json!(order.sample_every));
    // Nor this one.
    if let Some(every) = order.eval_every {
        settings.insert("eval_every".into(), json!(every.to_string()));
    }
    settings
}

/// Adds what a run that an earlier version began does not say, and this version's settings have: the defaults, since that is
/// what the earlier version did. Says so where there are any.
fn add_defaults(
    began_with: &mut Settings,
    order: &Order,
    data: &dyn Dataset,
    path: &Path,
) -> Result<Option<String>, TrainError> {
    let own = Order::of(began_with, path, order.length, vec![])?;
    let entry = models::find(&own.system)?;
    let resolved = models::resolve(entry.card.id, &entry.defaults(), &own.changes)?;
    let mut added = vec![];
    for (key, value) in settings_of(entry, &own, resolved, data) {
        if let btree_map::Entry::Vacant(vacant) = began_with.entry(key) {
            added.push(format!("{} = {value}", vacant.key()));
            vacant.insert(value);
        }
    }
    Ok((!added.is_empty()).then(|| {
        let added = added.join(", ");
        format!("This version has settings that the run began without; it goes on with their defaults: {added}.")
    }))
}

impl Order {
    /// The order that settings were resolved from; errors name the folder `path`.
    ///
    /// # Errors
    /// [`RunError::Json`] for settings that are no run's.
    pub fn of(settings: &Settings, path: &Path, length: Length, command: Vec<String>) -> Result<Order, RunError> {
        fn understood<T: DeserializeOwned>(key: &str, value: &Value, path: &Path) -> Result<T, RunError> {
            serde_json::from_value(value.clone()).map_err(|error| RunError::Json {
                expected: "the settings of a run",
                reason: format!("`{key}`: {error}"),
                path: path.to_owned(),
            })
        }
        let value = |key: &str| settings.get(key).unwrap_or(&Value::Null);
        let text = |value: &Value| value.as_str().map_or_else(|| value.to_string(), str::to_owned);
        let changes = settings
            .iter()
            .filter_map(|(key, value)| Some((key.strip_prefix("settings.")?.to_owned(), text(value))));
        let period = |key| understood(key, value(key), path);
        let precision: Option<String> = understood("precision", value("precision"), path)?;
        let eval_every: Option<String> = understood("eval_every", value("eval_every"), path)?;
        Ok(Order {
            system: understood("system", value("system"), path)?,
            changes: changes.collect(),
            data: understood("data", value("data"), path)?,
            want: understood("data.want", value("data.want"), path)?,
            seed: understood("seed", value("seed"), path)?,
            precision: precision.as_deref().and_then(Precision::of_name).unwrap_or_default(),
            length,
            checkpoint_every: period("checkpoint_every")?,
            sample_every: period("sample_every")?,
            eval_every: eval_every.and_then(|every| every.parse().ok()),
            command,
        })
    }
}

/// What a run knows of its best state by its events; kept under its name again where it is the latest that is saved.
fn best_so_far(
    order: &Order,
    data: &Arc<dyn Dataset>,
    folder: &RunFolder,
    said: &[Event],
    latest: Option<&(u64, PathBuf)>,
) -> Result<Option<Best>, TrainError> {
    let best = Best::of(order, data, said)?;
    if let (Some(best), Some((step, path))) = (&best, latest) {
        best.restore(folder, *step, path)?;
    }
    Ok(best)
}

/// Fills a state from a checkpoint.
pub(super) fn restore(play: &mut Play, saved: &Checkpoint, path: &Path) -> Result<(), TrainError> {
    for position in 0..play.entries().len() {
        let entry = &play.entries()[position];
        let (expected, shape, name) = (
            format!("{} {:?}", entry.name, entry.shape),
            entry.shape.clone(),
            entry.name.clone(),
        );
        let mismatch = |got: String| TrainError::OtherState {
            expected: expected.clone(),
            got,
            path: path.to_owned(),
        };
        let tensor = saved
            .tensors
            .iter()
            .find(|tensor| tensor.name == name)
            .ok_or_else(|| mismatch("nothing of this name".into()))?;
        let state = play.state_mut(position);
        if tensor.shape != shape || tensor.bytes.len() != state.as_bytes().len() {
            return Err(mismatch(format!("{:?} of {:?}", tensor.shape, tensor.dtype)));
        }
        state.as_bytes_mut().copy_from_slice(&tensor.bytes);
    }
    play.go_on_from(saved.step);
    Ok(())
}

/// Which steps are recorded: all at first, then ever fewer, as a function of the step alone.
pub(super) fn is_logged(step: u64) -> bool {
    let period = match step {
        0..=200 => 1,
        201..=20_000 => 10,
        _ => 100,
    };
    step.is_multiple_of(period)
}

/// After which steps a sample grid is written: a fixed period, or about sixty times whatever the length, as a function of
/// the step alone.
pub(super) fn is_sampled(step: u64, every: Option<u64>) -> bool {
    if let Some(period) = every {
        return step.is_multiple_of(period.max(1));
    }
    // The period doubles with the steps: 32 of them to every doubling from 800 on.
    let period = 25
        << (step / 800)
            .checked_ilog2()
            .map_or(0, |doublings| doublings + 1)
            .min(32);
    step.is_multiple_of(period)
}

/// Whether the run in `path` has been stopped or killed before its end.
///
/// # Errors
/// Where there is no run.
pub fn is_unfinished(path: &Path) -> Result<bool, RunError> {
    let folder = RunFolder::open(path)?;
    let events = read_events(&folder.events_file())?.events;
    Ok(!matches!(events.last(), Some(Event::Finished { .. })))
}
