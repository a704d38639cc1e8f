//! Trainings that are killed, again and again, beside the same training left alone: what must not differ, and when the kill
//! came.
//!
//! A kill is SIGKILL, which no program can see coming. Its moment is drawn: anywhere in the run, or aimed at what writes
//! (a checkpoint, a sample grid, the first files, the report), after the event that comes before and within about twice the
//! time that this took in the training that was left alone. With `strace` a kill comes before one certain system call.
use ganymede::run::checkpoint::{self, KEEP_LAST};
use ganymede::run::{Checkpoint, Event, RunFolder, events, read_events};
use std::collections::BTreeMap;
use std::error::Error;
use std::fs;
use std::io::{BufRead, BufReader};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::sync::mpsc::{Receiver, RecvTimeoutError, channel};
use std::time::{Duration, Instant};

/// Result of what can fail for many reasons.
pub type Result<T> = std::result::Result<T, Box<dyn Error>>;

/// A training of at most 200 steps, so that every step is recorded and can be aimed at.
#[derive(Clone, Copy, Debug)]
pub struct Order {
    /// What `gany train` is told: system, data, settings.
    pub words: &'static str,
    /// How many steps.
    pub steps: u64,
    /// Steps from one checkpoint to the next.
    pub checkpoint_every: u64,
    /// Steps from one sample grid to the next.
    pub sample_every: u64,
}

impl Order {
    /// The arguments of `gany` that begin it in a folder.
    pub fn line(&self) -> String {
        let Order {
            words,
            steps,
            checkpoint_every,
            sample_every,
        } = self;
        format!(
            "train {words} --steps {steps} --checkpoint-every {checkpoint_every} --sample-every {sample_every} --json"
        )
    }
}

/// What the process was doing when it was killed, by what it left.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Phase {
    /// Reading its data, writing the first files, planning its first step.
    Start,
    /// Training.
    Step,
    /// Writing a sample grid or saying so.
    Sample,
    /// Writing a checkpoint, saying so or removing older ones.
    Save,
    /// After the last checkpoint: the last sample grid, the report, the last word.
    Report,
}

impl Phase {
    /// Its name in records.
    pub fn name(self) -> &'static str {
        match self {
            Phase::Start => "start",
            Phase::Step => "step",
            Phase::Sample => "sample",
            Phase::Save => "save",
            Phase::Report => "report",
        }
    }

    /// The phase in which this folder's last process was killed.
    fn of(run: &Path, last_step: u64) -> Result<Phase> {
        let partial = partial_files(run)?;
        let half_written = |prefix: &str| partial.iter().any(|name| name.starts_with(prefix));
        if !run.join("config.json").exists() || half_written(".config") || half_written(".provenance") {
            return Ok(Phase::Start);
        }
        let folder = RunFolder::open(run)?;
        let said = read_events(&folder.events_file())?.events;
        let is_begun = said
            .iter()
            .any(|event| !matches!(event, Event::Started { .. } | Event::Warning { .. }));
        let is_planning = matches!(said.last(), Some(Event::Resumed { .. })) && partial.is_empty();
        if !is_begun || is_planning || half_written(".events") {
            return Ok(Phase::Start);
        }
        let sampled = |event: &Event| matches!(event, Event::Sample { .. });
        let saved = |event: &Event| matches!(event, Event::Checkpoint { .. });
        let said_of = |kind: &dyn Fn(&Event) -> bool| said.iter().filter(|event| kind(event)).map(Event::step).max();
        let checkpoints: Vec<u64> = checkpoint::list(&folder)?.into_iter().map(|(step, _)| step).collect();
        let pictures = steps_of_files(&folder.samples_folder())?;
        let is_half_saved = partial.iter().any(|name| name.ends_with(".safetensors.partial"));
        let is_final = checkpoints.last() == Some(&last_step);
        Ok(
            if is_half_saved || checkpoints.last().copied() > said_of(&saved) || checkpoints.len() > KEEP_LAST {
                Phase::Save
            } else if is_final {
                Phase::Report
            } else if half_written(".step") || pictures.last().copied() > said_of(&sampled) {
                Phase::Sample
            } else {
                Phase::Step
            },
        )
    }
}

/// The names of half-written files in a run's folder.
fn partial_files(run: &Path) -> Result<Vec<String>> {
    let mut names = names_inside(run)?;
    names.retain(|name| name.ends_with(".partial"));
    let last = |name: String| name.rsplit('/').next().unwrap_or_default().to_owned();
    Ok(names.into_iter().map(last).collect())
}

/// All files of a run, as paths from its folder, sorted.
fn names_inside(run: &Path) -> Result<Vec<String>> {
    let mut found = vec![];
    for inside in ["", "samples", "checkpoints"] {
        for entry in fs::read_dir(run.join(inside)).into_iter().flatten() {
            let entry = entry?;
            if entry.file_type()?.is_file() {
                found.push(Path::new(inside).join(entry.file_name()).to_string_lossy().into_owned());
            }
        }
    }
    found.sort();
    Ok(found)
}

fn steps_of_files(folder: &Path) -> Result<Vec<u64>> {
    let mut steps = vec![];
    for entry in fs::read_dir(folder)? {
        let name = entry?.file_name().to_string_lossy().into_owned();
        let step = name.strip_prefix("step-").and_then(|name| name.strip_suffix(".png"));
        steps.extend(step.and_then(|step| step.parse::<u64>().ok()));
    }
    steps.sort_unstable();
    Ok(steps)
}

/// When a kill is to come.
#[derive(Clone, Copy, Debug)]
enum Aim {
    /// So long after the start of the process.
    After(Duration),
    /// So long after the first event of this kind, of at least this step.
    Event(fn(&Event) -> bool, u64, Duration),
    /// Before the call of this number of this system call.
    Call(&'static str, u64),
}

/// The system calls with which a run is written.
const CALLS: [&str; 8] = [
    "write",
    "openat",
    "fsync",
    "fdatasync",
    "rename",
    "unlink",
    "ftruncate",
    "mkdir",
];

/// What was done to a training and what came of it.
#[derive(Clone, Debug, Default)]
pub struct Toll {
    /// Processes that were killed.
    pub kills: usize,
    /// Trainings that came to their end at last and were compared.
    pub trainings: usize,
    /// Kills of a process that itself went on after a kill.
    pub in_a_row: usize,
    /// Kills that left a line of the events torn.
    pub torn_lines: usize,
    /// Kills that left a half-written file.
    pub half_written: usize,
    /// Kills by phase.
    pub phases: BTreeMap<Phase, usize>,
    /// What differed from the training that was left alone, or could not be read: nothing, if all is well.
    pub mismatches: Vec<String>,
}

impl Toll {
    /// Adds what was done to another training.
    pub fn add(&mut self, other: Toll) {
        self.kills += other.kills;
        self.trainings += other.trainings;
        self.in_a_row += other.in_a_row;
        self.torn_lines += other.torn_lines;
        self.half_written += other.half_written;
        self.mismatches.extend(other.mismatches);
        for (phase, kills) in other.phases {
            *self.phases.entry(phase).or_default() += kills;
        }
    }
}

/// What an order comes to when it is left alone, and how long its parts take.
pub struct Whole {
    gany: PathBuf,
    place: PathBuf,
    order: Order,
    events: Vec<Event>,
    checkpoints: Vec<(u64, Checkpoint<'static>)>,
    names: Vec<String>,
    took: Duration,
    until_first_step: Duration,
    sample: Duration,
    save: Duration,
    report: Duration,
}

impl Whole {
    /// Trains to the end with the program `gany`, in folders inside `place`.
    ///
    /// # Errors
    /// Where the training fails.
    pub fn new(gany: &Path, place: &Path, order: Order) -> Result<Whole> {
        let mut whole = Whole {
            gany: gany.to_owned(),
            place: place.to_owned(),
            order,
            events: vec![],
            checkpoints: vec![],
            names: vec![],
            took: Duration::ZERO,
            until_first_step: Duration::ZERO,
            sample: Duration::ZERO,
            save: Duration::ZERO,
            report: Duration::ZERO,
        };
        whole.fresh("whole")?;
        let start = Instant::now();
        let mut child = whole.command(None, "whole").stdout(Stdio::piped()).spawn()?;
        let heard = listen(child.stdout.take().expect("it was asked for"));
        // An event is heard when it has happened: what it took is the time since the event before.
        let mut before = start;
        while let Ok(event) = heard.recv() {
            let now = Instant::now();
            match event {
                Event::Step { step: 1, .. } => whole.until_first_step = now - start,
                Event::Sample { step, .. } if step > 0 => whole.sample = whole.sample.max(now - before),
                Event::Checkpoint { .. } => whole.save = whole.save.max(now - before),
                Event::Finished { .. } => whole.report = now - before,
                _ => {}
            }
            before = now;
        }
        if !child.wait()?.success() {
            return Err(format!("the training that was left alone failed: {}", whole.complaint()).into());
        }
        whole.took = start.elapsed();
        let folder = RunFolder::open(place.join("whole"))?;
        whole.events = events::without_wall_clock(&read_events(&folder.events_file())?.events);
        whole.names = names_inside(folder.path())?;
        for (step, path) in checkpoint::list(&folder)? {
            whole.checkpoints.push((step, checkpoint::load(&path)?));
        }
        Ok(whole)
    }

    /// Kills so many processes at moments drawn from a seed, lets every training come to its end at last and compares it.
    ///
    /// # Errors
    /// Where a process cannot be started, or no kill strikes.
    pub fn kill(&self, kills: usize, seed: u64) -> Result<Toll> {
        let (mut toll, mut draw) = (Toll::default(), Draw(seed));
        let mut tries = 0;
        while toll.kills < kills {
            tries += 1;
            if tries > 10 * kills + 100 {
                return Err(format!("after {tries} tries only {} processes were killed", toll.kills).into());
            }
            let run = self.fresh("killed")?;
            let most = draw.below(4) as usize + 1;
            let mut in_this = 0;
            while in_this < most && toll.kills < kills && !is_over(&run)? {
                let aim = self.aim(&mut draw);
                if !self.strike(&run, aim, &mut toll)? {
                    break;
                }
                toll.in_a_row += usize::from(in_this > 0);
                in_this += 1;
            }
            self.go_on_and_compare(&run, &mut toll)?;
        }
        Ok(toll)
    }

    /// Kills one process before each of the system calls with which a training writes, and then one before each of those of
    /// the process that goes on after a kill in the middle.
    ///
    /// # Errors
    /// Where a process cannot be started; where there is no `strace`, or it may not trace.
    pub fn kill_at_every_call(&self) -> Result<Toll> {
        let mut toll = Toll::default();
        self.before_every_call(None, &mut toll)?;
        let halfway = self.fresh("halfway")?;
        let in_the_middle = Aim::Event(
            |event| matches!(event, Event::Step { .. }),
            self.order.steps / 2,
            Duration::ZERO,
        );
        if !self.strike(&halfway, in_the_middle, &mut toll)? {
            return Err("the training was over before it could be killed".into());
        }
        self.before_every_call(Some(&halfway), &mut toll)?;
        Ok(toll)
    }

    fn before_every_call(&self, from: Option<&Path>, toll: &mut Toll) -> Result<()> {
        for name in CALLS {
            for number in 1.. {
                let run = self.fresh("killed")?;
                if let Some(from) = from {
                    copy(from, &run)?;
                }
                let is_struck = self.strike(&run, Aim::Call(name, number), toll)?;
                toll.in_a_row += usize::from(is_struck && from.is_some());
                self.go_on_and_compare(&run, toll)?;
                if !is_struck {
                    break;
                }
            }
        }
        Ok(())
    }

    /// Half of the kills come anywhere in the run, the others where something is written.
    fn aim(&self, draw: &mut Draw) -> Aim {
        let after_last_save = |event: &Event| matches!(event, Event::Checkpoint { .. });
        let after_step = |event: &Event| matches!(event, Event::Step { .. });
        let mut before = |period: u64| period * (1 + draw.below(self.order.steps / period));
        let (save_at, sample_at) = (before(self.order.checkpoint_every), before(self.order.sample_every));
        match draw.below(10) {
            0..5 => Aim::After(draw.within(self.took)),
            5..7 => Aim::Event(after_step, save_at, draw.within(2 * self.save)),
            7 => Aim::Event(after_step, sample_at, draw.within(2 * self.sample)),
            8 => Aim::After(draw.within(self.until_first_step)),
            _ => Aim::Event(after_last_save, self.order.steps, draw.within(2 * self.report)),
        }
    }

    /// Begins or goes on with a training and kills it; afterwards looks whether all that can be read is whole. Says whether
    /// the kill came before the end.
    fn strike(&self, run: &Path, aim: Aim, toll: &mut Toll) -> Result<bool> {
        let start = Instant::now();
        let mut child = self.command(Some(aim), &name_of(run)).stdout(Stdio::piped()).spawn()?;
        let heard = listen(child.stdout.take().expect("it was asked for"));
        match aim {
            Aim::After(delay) => pass(&heard, start + delay),
            Aim::Event(is_meant, step, delay) => {
                while heard
                    .recv()
                    .is_ok_and(|event| !(is_meant(&event) && event.step() >= step))
                {}
                pass(&heard, Instant::now() + delay);
            }
            Aim::Call(..) => while heard.recv().is_ok() {},
        }
        if !matches!(aim, Aim::Call(..)) {
            child.kill()?;
        }
        let status = child.wait()?;
        if let Some(code) = status.code() {
            if code != 0 {
                toll.mismatches
                    .push(format!("{aim:?}: ended with {code}: {}", self.complaint()));
            }
            return Ok(false);
        }
        toll.kills += 1;
        toll.half_written += usize::from(!partial_files(run)?.is_empty());
        let looked = Phase::of(run, self.order.steps).and_then(|phase| {
            *toll.phases.entry(phase).or_default() += 1;
            self.look_at(run, toll)
        });
        if let Err(error) = looked {
            toll.mismatches.push(format!("{aim:?}: {error}"));
        }
        Ok(true)
    }

    /// Whether everything that a reader would take for whole is what the training that was left alone has.
    fn look_at(&self, run: &Path, toll: &mut Toll) -> Result<()> {
        if !run.join("config.json").exists() {
            return Ok(());
        }
        let folder = RunFolder::open(run)?;
        folder.read_settings()?;
        for (step, path) in checkpoint::list(&folder)? {
            let saved = checkpoint::load(&path)?;
            let is_whole = self.checkpoints.iter().find(|(of, _)| *of == step);
            if is_whole.is_some_and(|(_, whole)| whole.tensors != saved.tensors) {
                return Err(format!("the checkpoint of step {step} differs").into());
            }
        }
        for step in steps_of_files(&folder.samples_folder())? {
            self.compare_file(run, &RunFolder::sample_name(step))?;
        }
        let log = read_events(&folder.events_file())?;
        toll.torn_lines += usize::from(log.torn.is_some());
        if !self.events.starts_with(&events::without_wall_clock(&log.events)) {
            return Err("the events are not a beginning of the whole".into());
        }
        for event in &log.events {
            if let Event::Sample { path, .. } = event {
                self.compare_file(run, path)?;
            }
        }
        match fs::read_to_string(folder.report_file()) {
            Ok(page) if !page.ends_with("</html>\n") => Err("the report is cut off".into()),
            _ => Ok(()),
        }
    }

    /// Goes on with a training until its end, undisturbed, and compares it with the one that was left alone.
    fn go_on_and_compare(&self, run: &Path, toll: &mut Toll) -> Result<()> {
        if !is_over(run)? {
            let ended = self.command(None, &name_of(run)).stdout(Stdio::null()).status()?;
            if !ended.success() {
                toll.mismatches.push(format!("it does not go on: {}", self.complaint()));
                return Ok(());
            }
        }
        toll.trainings += 1;
        if let Err(error) = self.compare(run) {
            toll.mismatches.push(format!("at the end: {error}"));
        }
        Ok(())
    }

    fn compare(&self, run: &Path) -> Result<()> {
        let folder = RunFolder::open(run)?;
        let said = events::without_wall_clock(&read_events(&folder.events_file())?.events);
        if said != self.events {
            let at = said.iter().zip(&self.events).position(|(one, other)| one != other);
            let at = at.unwrap_or(said.len().min(self.events.len()));
            return Err(format!("event {at} differs: {:?}, not {:?}", said.get(at), self.events.get(at)).into());
        }
        let names = names_inside(run)?;
        if names != self.names {
            return Err(format!("the files are {names:?}, not {:?}", self.names).into());
        }
        for (step, whole) in &self.checkpoints {
            let saved = checkpoint::load(&folder.checkpoint_file(*step))?;
            if (saved.step, &saved.tensors) != (whole.step, &whole.tensors) {
                return Err(format!("the state after step {step} differs").into());
            }
        }
        for name in names.iter().filter(|name| name.ends_with(".png")) {
            self.compare_file(run, name)?;
        }
        let page = fs::read_to_string(folder.report_file())?;
        match page.ends_with("</html>\n") && page.contains("<p class=\"status finished\">") {
            true => Ok(()),
            false => Err("the report does not say that the run is finished".into()),
        }
    }

    fn compare_file(&self, run: &Path, name: &str) -> Result<()> {
        match fs::read(run.join(name))? == fs::read(self.place.join("whole").join(name))? {
            true => Ok(()),
            false => Err(format!("{name} differs").into()),
        }
    }

    /// Goes on with the run of this name, or begins it where it is none yet.
    fn command(&self, aim: Option<Aim>, name: &str) -> Command {
        let mut command = match aim {
            Some(Aim::Call(name, number)) => {
                let (trace, inject) = (
                    format!("trace={name}"),
                    format!("inject={name}:signal=SIGKILL:when={number}"),
                );
                let mut strace = Command::new("strace");
                strace
                    .args(["-f", "-qq", "-o", "/dev/null", "-e", &trace, "-e", &inject])
                    .arg(&self.gany);
                strace
            }
            _ => Command::new(&self.gany),
        };
        if self.place.join(name).join("config.json").exists() {
            command.args(["train", "--resume", name, "--json"]);
        } else {
            command.args(self.order.line().split_whitespace()).args(["--out", name]);
        }
        let complaints = fs::File::create(self.place.join("stderr")).map_or_else(|_| Stdio::null(), Stdio::from);
        command.current_dir(&self.place).stdin(Stdio::null()).stderr(complaints);
        command
    }

    /// What the latest process said on standard error.
    fn complaint(&self) -> String {
        fs::read_to_string(self.place.join("stderr"))
            .unwrap_or_default()
            .trim()
            .to_owned()
    }

    /// A folder in which nothing is.
    fn fresh(&self, name: &str) -> Result<PathBuf> {
        let path = self.place.join(name);
        if path.exists() {
            fs::remove_dir_all(&path)?;
        }
        Ok(path)
    }
}

fn name_of(run: &Path) -> String {
    run.file_name().unwrap_or_default().to_string_lossy().into_owned()
}

/// Whether the run has said its last word.
fn is_over(run: &Path) -> Result<bool> {
    let last = read_events(&run.join("events.jsonl"))?.events.pop();
    Ok(matches!(last, Some(Event::Finished { .. })))
}

fn copy(from: &Path, to: &Path) -> Result<()> {
    for inside in ["samples", "checkpoints"] {
        fs::create_dir_all(to.join(inside))?;
    }
    for name in names_inside(from)? {
        fs::copy(from.join(&name), to.join(&name))?;
    }
    Ok(())
}

/// The events that a process prints, as they come.
fn listen(stdout: std::process::ChildStdout) -> Receiver<Event> {
    let (say, heard) = channel();
    std::thread::spawn(move || {
        for line in BufReader::new(stdout).lines().map_while(std::io::Result::ok) {
            if let Ok(event) = serde_json::from_str(&line) {
                let _ = say.send(event);
            }
        }
    });
    heard
}

/// Waits for a moment, or until the process says no more.
fn pass(heard: &Receiver<Event>, until: Instant) {
    while Instant::now() < until {
        match heard.recv_timeout(until.saturating_duration_since(Instant::now())) {
            Err(RecvTimeoutError::Disconnected) => return,
            Ok(_) | Err(RecvTimeoutError::Timeout) => {}
        }
    }
}

/// Numbers that follow from a seed: SplitMix64.
struct Draw(u64);

impl Draw {
    fn bits(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mixed = (self.0 ^ (self.0 >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        let mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        mixed ^ (mixed >> 31)
    }

    /// A whole number from 0 to `end - 1`.
    fn below(&mut self, end: u64) -> u64 {
        self.bits() % end.max(1)
    }

    fn within(&mut self, longest: Duration) -> Duration {
        longest.mul_f64((self.bits() >> 11) as f64 / (1_u64 << 53) as f64)
    }
}
