//! The doctor at a run: looks while it goes on, and an examination of what it left behind.
use super::checkpoint;
use super::events::{Event, read_events};
use super::folder::RunFolder;
use super::training::{Length, Order, TrainError, restore, set_up};
use crate::data::part::held_out;
use crate::data::{DataError, Dataset, Extra};
use crate::doctor::{self, Alarm, Case, Diagnosis, Figures, Finding, diagnose, is_looked_at};
use crate::games::{Findings, Play, Probe, Specimens};
use crate::models;
use std::collections::BTreeSet;
use std::path::Path;

/// Examples in the batch of a look.
const COUNT: u64 = 64;
/// The same where examples are points, of which more are needed and cost little.
const POINTS: u64 = 256;
/// Training examples that samples are compared with, at most, and floats of all of them.
const TRAINING: u64 = 1024;
const FLOATS: u64 = 4 << 20;
/// With fewer examples there is nothing to compare.
const FEWEST: u64 = 4;

/// The doctor beside a training.
pub(super) struct Watching {
    case: Case,
    raised: BTreeSet<String>,
    specimens: Specimens,
    probe: Probe,
}

impl Watching {
    /// Begins to watch a run, after what its `events` tell of the part that is done; nothing where there are too few
    /// examples to compare samples with.
    ///
    /// # Errors
    /// Where the data cannot be read.
    pub(super) fn begin(
        order: &Order,
        settings: models::Settings,
        data: &dyn Dataset,
        play: &Play,
        events: &[Event],
    ) -> Result<Option<Watching>, DataError> {
        let Some(specimens) = specimens(order, data)? else {
            return Ok(None);
        };
        let mut watching = Watching {
            case: Case::new(settings),
            raised: BTreeSet::new(),
            probe: Probe::new(play, &specimens),
            specimens,
        };
        watching.recall(events);
        Ok(Some(watching))
    }

    /// Knows what was measured and raised before.
    fn recall(&mut self, events: &[Event]) {
        for event in events {
            match event {
                Event::Step { step, scalars, .. } if is_looked_at(*step) => self.case.see(*step, scalars.clone()),
                Event::Alarm { name, .. } => _ = self.raised.insert(name.clone()),
                _ => {}
            }
        }
    }

    /// Looks at the state after `step`, adds what it finds to the step's figures, and says which alarms are new.
    pub(super) fn look(&mut self, play: &mut Play, step: u64, figures: &mut Figures) -> Vec<Diagnosis> {
        let findings = self.findings(play, step);
        figures.extend(findings.figures.clone());
        self.case.see(step, figures.clone());
        let mut new = diagnose(&self.case);
        new.retain(|diagnosis| self.raised.insert(diagnosis.alarm.to_owned()));
        new.iter_mut()
            .for_each(|diagnosis| name_the_layer(diagnosis, &findings));
        new
    }

    /// How many figures a look has.
    pub(super) fn figures(&mut self, play: &mut Play, step: u64) -> usize {
        self.findings(play, step).figures.len()
    }

    fn findings(&mut self, play: &mut Play, step: u64) -> Findings {
        if !self.probe.fits(play) {
            self.probe = Probe::new(play, &self.specimens);
        }
        self.probe.look(play, step)
    }

    /// The step before the looks that an alarm may rest on.
    pub(super) fn before_the_trouble(&self) -> u64 {
        const LOOKS: usize = 6;
        let looks = self.case.looks();
        looks.len().checked_sub(LOOKS).map_or(0, |index| looks[index].0)
    }
}

/// The alarm as an event.
pub(super) fn event_of(diagnosis: &Diagnosis) -> Event {
    let Finding {
        player, evidence, cure, ..
    } = &diagnosis.finding;
    Event::Alarm {
        step: diagnosis.step,
        name: diagnosis.alarm.to_owned(),
        meaning: diagnosis.meaning.to_owned(),
        player: player.clone(),
        evidence: evidence.iter().cloned().collect(),
        cure: cure.advice.clone(),
        settings: cure.settings.iter().cloned().collect(),
    }
}

/// Adds the layer in which a figure of layers is at its worst.
fn name_the_layer(diagnosis: &mut Diagnosis, findings: &Findings) {
    let player = &diagnosis.finding.player;
    let (figure, sign) = match diagnosis.alarm {
        "exploding-gradient" => (format!("gradient.{player}"), 1.0),
        "vanishing-gradient" => (format!("gradient.{player}"), -1.0),
        "dead-units" => (format!("dead.{player}"), 1.0),
        _ => return,
    };
    let parts = findings.layers.iter().filter(|(of, ..)| *of == figure);
    if let Some((_, layer, part)) = parts.max_by(|a, b| (sign * a.2).total_cmp(&(sign * b.2))) {
        diagnosis.finding.evidence.push((format!("in {layer}"), *part));
    }
}

/// What states of a run are looked at with: the first training examples in the order of the seed, and held-out ones.
fn specimens(order: &Order, data: &dyn Dataset) -> Result<Option<Specimens>, DataError> {
    let floats = data.shape().floats();
    let len = data.len().unwrap_or(u64::MAX);
    let count = match data.shape() {
        crate::data::Shape::Point { .. } => POINTS,
        _ => COUNT,
    };
    let count = count.min(len);
    if count < FEWEST {
        return Ok(None);
    }
    let read = |data: &dyn Dataset, count: u64| {
        let (mut x, mut y) = (vec![0.0; count as usize * floats], vec![0.0; count as usize]);
        data.batch(order.seed, 0, count as usize, &mut x, &mut y)?;
        Ok::<_, DataError>((x, y))
    };
    let rest = TRAINING.min(FLOATS / floats as u64).clamp(count, len.max(count));
    let (training, mut y) = read(data, rest)?;
    y.truncate(count as usize);
    let extra = |(number, extra): (usize, &Extra)| {
        let mut values = vec![0.0; count as usize * extra.floats()];
        data.batch_extra(number, order.seed, 0, count as usize, &mut values)?;
        Ok::<_, DataError>(values)
    };
    let extras = data.extras().iter().enumerate().map(extra).collect::<Result<_, _>>()?;
    let held_out = held_out(data, &order.data, &order.want).filter(|other| other.len().is_some_and(|len| len >= count));
    Ok(Some(Specimens {
        training,
        y,
        extras,
        count: count as usize,
        held_out: held_out.map(|other| read(&*other, count)).transpose()?,
        has_end: data.len().is_some(),
        centres: data.modes().map(|modes| modes.centres.concat()),
    }))
}

/// What the doctor says of a run.
#[derive(Clone, Debug)]
pub struct Examination {
    /// After which step it was looked at last.
    pub step: u64,
    /// Looks that the examination rests on.
    pub looks: usize,
    /// Whether the record held no looks, so that the checkpoints that are left were looked at instead.
    pub is_of_checkpoints: bool,
    /// The alarms that the run raised while it went on: [`Event::Alarm`], in their order.
    pub raised: Vec<Event>,
    /// How the run was healed: [`Event::Healed`].
    pub healed: Vec<Event>,
    /// The alarms that fire by the latest looks.
    pub firing: Vec<Diagnosis>,
    /// Those that do not, with what they rest on.
    pub quiet: Vec<(Alarm, Finding)>,
    /// Those whose figures are not there, or too few.
    pub unmeasured: Vec<Alarm>,
}

impl Examination {
    /// Whether nothing is wrong.
    pub fn is_healthy(&self) -> bool {
        self.firing.is_empty() && !self.raised.iter().any(is_fatal)
    }
}

/// Whether the run cannot have gone on after this event.
fn is_fatal(event: &Event) -> bool {
    matches!(event, Event::Alarm { name, .. } if name == doctor::NOT_A_NUMBER)
}

/// Reads the record of the run in `path`, or looks at its checkpoints where it was not watched.
///
/// # Errors
/// Where there is no run, or its files cannot be read.
pub fn examine(path: &Path) -> Result<Examination, TrainError> {
    let folder = RunFolder::open(path)?;
    let settings = folder.read_settings()?;
    let mut case = Case::new(system_settings(&settings));
    let events = read_events(&folder.events_file())?.events;
    for event in &events {
        if let Event::Step { step, scalars, .. } = event
            && is_looked_at(*step)
            && scalars.keys().any(|name| name.starts_with("update."))
        {
            case.see(*step, scalars.clone());
        }
    }
    let is_of_checkpoints = case.looks().is_empty();
    if is_of_checkpoints {
        case.is_sparse = true;
        let order = Order::of(&settings, folder.path(), Length::Steps(0), vec![])?;
        look_at_checkpoints(&folder, &order, &mut case)?;
    }
    let found = doctor::alarms().iter().map(|alarm| (*alarm, alarm.examine(&case)));
    let (measured, unmeasured): (Vec<_>, Vec<_>) = found.partition(|(_, finding)| finding.is_some());
    let of_kind = |is_kind: fn(&Event) -> bool| events.iter().filter(|event| is_kind(event)).cloned().collect();
    Ok(Examination {
        step: case.step(),
        looks: case.looks().len(),
        is_of_checkpoints,
        raised: of_kind(|event| matches!(event, Event::Alarm { .. })),
        healed: of_kind(|event| matches!(event, Event::Healed { .. })),
        firing: diagnose(&case),
        quiet: measured
            .into_iter()
            .filter_map(|(alarm, finding)| Some((alarm, finding.filter(|finding| !finding.fires)?)))
            .collect(),
        unmeasured: unmeasured.into_iter().map(|(alarm, _)| alarm).collect(),
    })
}

fn look_at_checkpoints(folder: &RunFolder, order: &Order, case: &mut Case) -> Result<(), TrainError> {
    let (_, data, mut play, _) = set_up(models::find(&order.system)?, order)?;
    let Some(specimens) = specimens(order, &*data)? else {
        return Ok(());
    };
    let mut probe = Probe::new(&play, &specimens);
    for (step, path) in checkpoint::list(folder)? {
        restore(&mut play, &checkpoint::load(&path)?, &path)?;
        case.see(step, probe.look(&mut play, step).figures);
    }
    Ok(())
}

/// The system's own settings among those of a run.
pub(super) fn system_settings(settings: &super::Settings) -> models::Settings {
    let own = settings
        .iter()
        .filter_map(|(key, value)| Some((key.strip_prefix("settings.")?.to_owned(), value.clone())));
    own.collect()
}
