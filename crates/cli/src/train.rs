//! `gany train`: a system on data into a run folder.
use crate::classifier;
use crate::failure::{Failure, reason};
use crate::output::{COMMAND, DIM, STRONG, clock, grouped, print, print_json, quoted, try_print};
use crate::picture::Grid;
use crate::progress::{Progress, warning};
use crate::signals::{self, STOP};
use clap::ValueEnum;
use ganymede::data::absent::Absent;
use ganymede::data::tunes::STEPS;
use ganymede::data::{DataError, Dataset, Shape, Want};
use ganymede::engine::kernels::isa::Isa;
use ganymede::engine::{Precision, pool};
use ganymede::run::folder::name_for;
use ganymede::run::training::is_unfinished;
use ganymede::run::{Ending, EvalEvery, Forecast, Length, Order, Training};
use serde_json::json;
use std::path::{Path, PathBuf};
use std::process::ExitCode;

/// Train a system on pictures or points
///
/// Everything goes into one folder: settings, events, sample grids, checkpoints and `report.html`. Ctrl-C saves and says
/// how to go on; a run that is resumed ends bit for bit as if it had never been stopped.
#[derive(Clone, Default, PartialEq, clap::Args)]
#[command(after_help = "\
Examples:
  gany train                                            DCGAN on clothes, three minutes
  gany train gan --data ring --minutes 1                the first GAN of all, on points
  gany train --data photos/ --size 64 --minutes 60      your own pictures
  gany train cgan --data digits/ --steps 20000          a sub-folder a class
  gany train wgan_gp --set n_critic=3 --set critic.learning_rate=2e-4
  gany train --resume runs/dcgan-fashion-mnist          go on after Ctrl-C
  gany train --resume runs/dcgan-fashion-mnist --minutes 10
  gany train classifier --data mnist                    what samples are measured with, kept in the cache

`gany models` lists the systems, `gany models NAME` a system's settings, `gany data list` the data sets.")]
pub(crate) struct Args {
    /// The system, or `classifier` [default: dcgan]
    pub(crate) system: Option<String>,
    /// A data set, a folder of pictures (with a sub-folder a class, if labelled), an IDX file, or points:FILE
    /// [default: fashion-mnist]
    #[arg(long, value_name = "NAME|PATH")]
    pub(crate) data: Option<String>,
    #[command(flatten)]
    pub(crate) pictures: crate::pictures::Args,
    /// How long to train, in minutes [default: 3]
    #[arg(long, value_parser = minutes, allow_negative_numbers = true, conflicts_with = "steps")]
    pub(crate) minutes: Option<f64>,
    /// How long to train, in steps
    #[arg(long, value_name = "N")]
    pub(crate) steps: Option<u64>,
    /// Examples in a batch [default: the paper's]; the same as --set batch=N
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u64).range(1..))]
    pub(crate) batch: Option<u64>,
    /// What matrix products and convolutions compute in [default: f32]; the rest is f32 anyway
    #[arg(long, value_enum)]
    pub(crate) precision: Option<PrecisionName>,
    /// What all randomness follows from [default: 0]
    #[arg(long)]
    pub(crate) seed: Option<u64>,
    /// Change a setting of the system; may be given again
    #[arg(long = "set", value_name = "KEY=VALUE", value_parser = assignment)]
    pub(crate) changes: Vec<(String, String)>,
    /// The run's folder [default: runs/SYSTEM-DATA, numbered if taken]
    #[arg(long, value_name = "FOLDER")]
    pub(crate) out: Option<PathBuf>,
    /// Go on with a run, for its own length or the one given; without RUN, with the latest of this system and data
    #[arg(long, value_name = "RUN", num_args = 0..=1)]
    pub(crate) resume: Option<Option<PathBuf>>,
    /// Begin with the weights of another run of this system, to tune them to other data or settings
    #[arg(long, value_name = "RUN", conflicts_with = "resume")]
    pub(crate) from: Option<PathBuf>,
    /// Steps from one checkpoint to the next [default: about a minute's]
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u64).range(1..))]
    pub(crate) checkpoint_every: Option<u64>,
    /// Steps from one sample grid to the next [default: ever wider apart]
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u64).range(1..))]
    pub(crate) sample_every: Option<u64>,
    /// Steps from one measurement of samples to the next, or `auto`; the best state is kept as checkpoint `best`
    /// [default: never]
    #[arg(long, value_name = "N|auto")]
    pub(crate) eval_every: Option<EvalEvery>,
    /// Threads to compute with [default: one a core]; results do not depend on it
    #[arg(long, value_name = "N", value_parser = threads)]
    pub(crate) threads: Option<usize>,
    /// Say what it would take, in time, memory and disk, and train nothing
    #[arg(long, conflicts_with = "resume")]
    pub(crate) dry_run: bool,
    /// Go back to the last checkpoint before an alarm, apply its cure, and go on; three times at most
    #[arg(long)]
    pub(crate) heal: bool,
    /// Raise no alarms: about 2 % faster, bit for bit the same
    #[arg(long, conflicts_with = "heal")]
    pub(crate) no_doctor: bool,
    /// Open the studio beside it, to watch it in the browser
    #[arg(long, conflicts_with = "dry_run")]
    pub(crate) studio: bool,
    /// Print the run's events as JSON, one a line, and a summary as the last line
    #[arg(long)]
    pub(crate) json: bool,
}

#[derive(Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum PrecisionName {
    /// 32-bit floats
    F32,
    /// Operands of 16-bit brain floats, sums of 32-bit floats
    Bf16,
    /// Bf16 where this machine has instructions for it, else f32
    Auto,
}

impl PrecisionName {
    /// The precision that it means on this machine.
    pub(crate) fn on_this_machine(self) -> Precision {
        match self {
            PrecisionName::F32 => Precision::F32,
            PrecisionName::Bf16 => Precision::Bf16,
            PrecisionName::Auto if Isa::current().multiplies_bf16() => Precision::Bf16,
            PrecisionName::Auto => Precision::F32,
        }
    }

    /// What was taken, and why, where the user left that to the program.
    pub(crate) fn choice(self) -> Option<String> {
        let isa = Isa::current();
        let why = if isa.multiplies_bf16() {
            "multiplies"
        } else {
            "cannot multiply"
        };
        (self == PrecisionName::Auto).then(|| {
            let taken = self.on_this_machine().name();
            format!("precision {taken}: instruction set `{}` {why} bf16", isa.name())
        })
    }
}

/// Says so where a precision costs time instead of saving it.
pub(crate) fn slowness(precision: Precision) -> Option<String> {
    let isa = Isa::current();
    (precision == Precision::Bf16 && !isa.multiplies_bf16()).then(|| {
        format!(
            "instruction set `{}` cannot multiply bf16: it is emulated, slower than f32",
            isa.name()
        )
    })
}

/// What `gany train` alone does: pictures that can be recognised within three minutes on two cores. The paper's width
/// is meant for larger pictures.
const MAIN_JOB: [(&str, &str); 1] = [("width", "32")];
const MAIN_SYSTEM: &str = "dcgan";
const MAIN_DATA: &str = "fashion-mnist";
const MAIN_MINUTES: f64 = 3.0;

/// Steps after which something is to be seen.
const MANY_STEPS: u64 = 1000;

/// Where runs go by themselves.
const RUNS: &str = "runs";

pub(crate) fn run(args: Args) -> Result<ExitCode, Failure> {
    if args.system.as_deref() == Some("classifier") {
        return train_classifier(&args);
    }
    if let Some(threads) = args.threads {
        pool::set_threads(threads);
    }
    if args.dry_run {
        return dry_run(&args);
    }
    let mut training = match &args.resume {
        Some(run) => resume(&args, run.as_deref())?,
        None => begin(&args)?,
    }
    .watched(!args.no_doctor)
    .healed(args.heal);
    let is_resumed = args.resume.is_some();
    let page = args
        .studio
        .then(|| crate::studio::beside(training.folder().path()))
        .transpose()?;
    if !args.json {
        print(&heading(&training, is_resumed));
        let choice = args.precision.filter(|_| !is_resumed).and_then(PrecisionName::choice);
        choice.iter().for_each(|choice| print(choice));
        let slow = slowness(training.precision());
        slow.iter().for_each(|slow| print(&warning(slow)));
        training.notes().iter().for_each(|note| print(&warning(note)));
        print(&foretold(&training.forecast()?));
        page.iter()
            .for_each(|page| print(&format!("{DIM}studio:{DIM:#} {page}")));
        print("");
    }
    let grid = match training.data().shape().picture() {
        Some([height, width, _]) => Grid {
            columns: training.sample_columns() as u32,
            aspect: height as f64 / width as f64,
        },
        None => Grid {
            columns: 1,
            aspect: 1.0,
        },
    };
    let folder = training.folder().path().to_owned();
    let mut progress = Progress::new(training.length(), folder, grid, args.json);
    stop_on_signals(&progress);
    let ended = training.run(&STOP, &mut |event| progress.see(event));
    progress.end();
    let ending = ended?;
    if args.json {
        let _ = try_print(&summary(&training, &progress, ending).to_string());
    } else {
        let _ = try_print(&closing(&training, &progress, ending));
    }
    Ok(match ending {
        Ending::Finished => ExitCode::SUCCESS,
        Ending::Stopped => ExitCode::from(signals::exit_code()),
    })
}

/// `gany train --dry-run`: what the training would take, from steps in a folder that is removed again.
fn dry_run(args: &Args) -> Result<ExitCode, Failure> {
    let place = tempfile::tempdir().map_err(|error| {
        Failure::new(
            format!("cannot make a temporary folder ({})", reason(&error)),
            "set TMPDIR to a folder that can be written",
        )
    })?;
    let mut training = begin(&Args {
        out: Some(place.path().join("run")),
        ..args.clone()
    })?
    .watched(!args.no_doctor);
    let forecast = training.forecast()?;
    if args.json {
        print_json(&json!({
            "steps": forecast.steps,
            "step_seconds": forecast.step_seconds,
            "seconds": forecast.seconds,
            "memory_bytes": forecast.memory_bytes,
            "disk_bytes": forecast.disk_bytes,
        }));
    } else {
        print(&foretold(&forecast));
    }
    Ok(ExitCode::SUCCESS)
}

/// A forecast in a line.
fn foretold(forecast: &Forecast) -> String {
    let bytes = |bytes: u64| match bytes {
        0..1_000_000 => format!("{} kB", bytes.div_ceil(1_000)),
        1_000_000..1_000_000_000 => format!("{:.0} MB", bytes as f64 / 1e6),
        _ => format!("{:.1} GB", bytes as f64 / 1e9),
    };
    let memory = forecast
        .memory_bytes
        .map(|memory| format!(", {} of memory", bytes(memory)));
    format!(
        "{DIM}forecast:{DIM:#} {} steps in {}{}, {} on disk",
        grouped(forecast.steps),
        clock(forecast.seconds),
        memory.unwrap_or_default(),
        bytes(forecast.disk_bytes)
    )
}

/// `gany train classifier`, which is no system: it takes few of the flags.
fn train_classifier(args: &Args) -> Result<ExitCode, Failure> {
    if let Some(threads) = args.threads {
        pool::set_threads(threads);
    }
    let takes_no_more = Args {
        system: None,
        data: None,
        threads: None,
        json: false,
        ..args.clone()
    };
    if takes_no_more != Args::default() {
        return Err(Failure::new(
            "`gany train classifier` takes `--data`, `--threads` and `--json` only",
            "it learns the pictures as they are, and is kept in the cache folder",
        ));
    }
    classifier::run(args.data.as_deref().unwrap_or(MAIN_DATA), args.json)
}

fn begin(args: &Args) -> Result<Training, Failure> {
    let is_main_job = args.system.is_none() && args.data.is_none();
    let system = args.system.clone().unwrap_or_else(|| MAIN_SYSTEM.to_owned());
    let data = args.data.clone().unwrap_or_else(|| MAIN_DATA.to_owned());
    let defaults = MAIN_JOB.iter().filter(|_| is_main_job);
    let mut changes: Vec<(String, String)> = defaults.map(|&(key, value)| (key.into(), value.into())).collect();
    changes.extend(wanted_changes(args));
    let order = Order {
        system,
        changes,
        data,
        want: args.pictures.want(Want::default()),
        seed: args.seed.unwrap_or(0),
        precision: args.precision.map_or(Precision::F32, PrecisionName::on_this_machine),
        length: length(args).unwrap_or(Length::Seconds(MAIN_MINUTES * 60.0)),
        checkpoint_every: args.checkpoint_every,
        sample_every: args.sample_every,
        eval_every: args.eval_every,
        command: command(),
    };
    let path = args
        .out
        .clone()
        .unwrap_or_else(|| folder_for(&order.system, &order.data));
    Ok(match &args.from {
        Some(from) => Training::begin_with(order, &path, from)?,
        None => Training::begin(order, &path)?,
    })
}

fn resume(args: &Args, run: Option<&Path>) -> Result<Training, Failure> {
    let path = match run.or(args.out.as_deref()) {
        Some(path) => path.to_owned(),
        None => latest(args)?,
    };
    let length = length(args);
    let mut order = Training::order_of(&path, length, command())?;
    if Absent::is(&order.data) {
        return Err(DataError::Absent { spec: order.data }.into());
    }
    if length.is_none() && !asks_for_changes(args) && !is_unfinished(&path)? {
        let longer = match order.length {
            // A run of imported weights has not been trained here at all.
            Length::Steps(0) => format!("--steps {MANY_STEPS}"),
            Length::Steps(steps) => format!("--steps {}", steps * 2),
            Length::Seconds(seconds) => format!("--minutes {}", seconds / 30.0),
        };
        let path = quoted(&path.to_string_lossy());
        return Err(Failure::new(
            format!("the run has reached its end: {path}"),
            format!("train it for longer, counted from its beginning: `gany train --resume {path} {longer}`"),
        ));
    }
    if let Some(system) = args.system.as_ref().filter(|system| **system != order.system) {
        // The settings of another system mean nothing to this one.
        order.changes.clear();
        order.system.clone_from(system);
    }
    order.changes.extend(wanted_changes(args));
    order.data = args.data.clone().unwrap_or(order.data);
    order.want = args.pictures.want(order.want);
    order.seed = args.seed.unwrap_or(order.seed);
    order.precision = match args.precision {
        // What was taken when the run began stays, whatever machine it goes on on.
        None | Some(PrecisionName::Auto) => order.precision,
        Some(name) => name.on_this_machine(),
    };
    order.checkpoint_every = args.checkpoint_every.or(order.checkpoint_every);
    order.sample_every = args.sample_every.or(order.sample_every);
    order.eval_every = args.eval_every.or(order.eval_every);
    Ok(Training::resume(order, &path)?)
}

/// Whether the order is to be another one than the run's; the library says which changes it refuses.
fn asks_for_changes(args: &Args) -> bool {
    let any = [args.system.is_some(), args.data.is_some(), args.pictures.is_given()];
    let other = [
        args.precision.is_some_and(|name| name != PrecisionName::Auto),
        args.seed.is_some(),
        args.checkpoint_every.is_some(),
        args.sample_every.is_some(),
        args.eval_every.is_some(),
    ];
    any.contains(&true) || other.contains(&true) || wanted_changes(args).next().is_some()
}

/// The last of the folders that runs of this system and data go into by themselves.
fn latest(args: &Args) -> Result<PathBuf, Failure> {
    let system = args.system.as_deref().unwrap_or(MAIN_SYSTEM);
    let data = args.data.as_deref().unwrap_or(MAIN_DATA);
    let mut known = names(system, data).into_iter().take_while(|path| is_taken(path));
    let first = known.next().ok_or_else(|| {
        let path = default_name(system, data);
        Failure::new(
            format!("nothing to resume: there is no run in {}", path.display()),
            "say which run, as in `gany train --resume runs/NAME`",
        )
    })?;
    Ok(known.last().unwrap_or(first))
}

/// The folder that a new run of this system and data goes into by itself.
pub(crate) fn folder_for(system: &str, data: &str) -> PathBuf {
    let mut names = names(system, data).into_iter();
    names.find(|path| !is_taken(path)).expect("the names do not end")
}

fn default_name(system: &str, data: &str) -> PathBuf {
    Path::new(RUNS).join(name_for(system, data))
}

/// `runs/SYSTEM-DATA`, `runs/SYSTEM-DATA-2`, `runs/SYSTEM-DATA-3` and so on.
fn names(system: &str, data: &str) -> impl IntoIterator<Item = PathBuf> + use<> {
    let first = default_name(system, data);
    std::iter::once(first.clone()).chain((2..).map(move |n| {
        let mut name = first.clone().into_os_string();
        name.push(format!("-{n}"));
        name.into()
    }))
}

fn is_taken(path: &Path) -> bool {
    path.is_file() || path.read_dir().is_ok_and(|mut entries| entries.next().is_some())
}

fn wanted_changes(args: &Args) -> impl Iterator<Item = (String, String)> {
    let batch = args.batch.map(|batch| ("batch".to_owned(), batch.to_string()));
    args.changes.iter().cloned().chain(batch)
}

fn length(args: &Args) -> Option<Length> {
    let seconds = args.minutes.map(|minutes| Length::Seconds(minutes * 60.0));
    args.steps.map(Length::Steps).or(seconds)
}

/// The command line as a person would type it.
pub(crate) fn command() -> Vec<String> {
    std::iter::once("gany".to_owned())
        .chain(std::env::args().skip(1))
        .collect()
}

/// A number of threads.
pub(crate) fn threads(text: &str) -> Result<usize, String> {
    let number = text.parse().ok().filter(|threads| (1..=1024).contains(threads));
    number.ok_or_else(|| "expected a number from 1 to 1024".into())
}

/// A length in minutes.
pub(crate) fn minutes(text: &str) -> Result<f64, String> {
    let number = text
        .parse()
        .ok()
        .filter(|minutes: &f64| minutes.is_finite() && *minutes > 0.0);
    number.ok_or_else(|| "expected a number above 0, such as `3` or `0.5`".into())
}

pub(crate) fn assignment(text: &str) -> Result<(String, String), String> {
    let parts = text.split_once('=').filter(|(key, _)| !key.is_empty());
    let parts = parts.ok_or("expected KEY=VALUE, such as `batch=32`")?;
    Ok((parts.0.trim().to_owned(), parts.1.trim().to_owned()))
}

fn stop_on_signals(progress: &Progress) {
    let bar = progress.bar();
    signals::stop_on_signals(move |text| match &bar {
        Some(bar) => bar.println(format!("  {text}")),
        None => {
            use std::io::Write;
            _ = writeln!(anstream::stderr(), "{text}");
        }
    });
}

/// What is about to be trained on what.
fn heading(training: &Training, is_resumed: bool) -> String {
    let (card, data, precision) = (training.entry().card, training.data(), training.precision());
    let verb = if is_resumed {
        format!(
            "Going on with {STRONG}{}{STRONG:#} from step {}",
            card.title,
            grouped(training.step())
        )
    } else {
        format!("Training {STRONG}{}{STRONG:#}", card.title)
    };
    let threads = match pool::threads() {
        1 => "1 thread".to_owned(),
        threads => format!("{threads} threads"),
    };
    let length = match training.length() {
        Length::Steps(steps) => format!("{} steps", grouped(steps)),
        Length::Seconds(seconds) => format!("{} of training", clock(seconds)),
    };
    let precision = match precision {
        Precision::F32 => "",
        Precision::Bf16 => " in bf16",
    };
    let folder = training.folder().path().display();
    format!(
        "{verb} on {}\n{DIM}{}{DIM:#}\n{length} on {threads}{precision}, in {folder}",
        described(data),
        card.idea
    )
}

/// A data set in a phrase.
fn described(data: &dyn Dataset) -> String {
    let (things, shape) = match data.shape() {
        Shape::Picture {
            height,
            width,
            channels,
        } => ("pictures", size_and_colours([height, width, channels])),
        Shape::Volume {
            depth, height, width, ..
        } => ("volumes", format!("{width}x{height}x{depth}")),
        Shape::Sound { length, rate_hz, .. } => ("sounds", format!("{length} samples at {rate_hz} Hz")),
        Shape::Roll { steps, pitches, .. } => ("tunes", format!("{} bars, {pitches} pitches", steps / STEPS)),
        Shape::Events { count } => ("tunes", format!("{count} notes")),
        Shape::Point { dimension } => ("points", format!("in {dimension} dimensions")),
        Shape::Row { floats } => {
            let columns = data.columns().map_or(0, |columns| columns.columns.len());
            ("rows", format!("{columns} columns, encoded in {floats} numbers"))
        }
    };
    match data.len() {
        Some(count) => format!("{}: {} {things}, {shape}", data.name(), grouped(count)),
        None => format!("{}: {things} {shape}", data.name()),
    }
}

/// Pictures of these extents in a phrase.
pub(crate) fn size_and_colours([height, width, channels]: [usize; 3]) -> String {
    let colours = ["grey", "grey and alpha", "colour", "colour and alpha"][channels.clamp(1, 4) - 1];
    format!("{width}x{height} {colours}")
}

/// What was made, and what can be done now.
fn closing(training: &Training, progress: &Progress, ending: Ending) -> String {
    let folder = training.folder();
    let path = quoted(&folder.path().to_string_lossy());
    let did = format!("{} steps in {}", grouped(training.step()), clock(progress.seconds));
    let mut text = match ending {
        Ending::Finished => format!("\n{STRONG}Done:{STRONG:#} {did}.\n\n"),
        Ending::Stopped => format!("\n{STRONG}Stopped{STRONG:#} and saved: {did}.\n\n"),
    };
    if let Some((_, sample)) = &progress.latest_sample {
        text += &format!("  samples  {}\n", folder.path().join(sample).display());
    }
    text += &format!("  report   {}\n", folder.report_file().display());
    let more = match (training.makes_samples(), training.translations().is_empty()) {
        (true, _) => Some(format!("gany sample {path}")),
        (false, false) => Some(format!("gany translate {path} PICTURES OUT")),
        (false, true) => None,
    };
    if let Some(more) = more {
        text += &format!("  more     {COMMAND}{more}{COMMAND:#}\n");
    }
    let go_on = match (ending, training.length()) {
        (Ending::Stopped, _) => format!("gany train --resume {path}"),
        (Ending::Finished, Length::Steps(steps)) => format!("gany train --resume {path} --steps {}", steps * 2),
        (Ending::Finished, Length::Seconds(seconds)) => {
            format!("gany train --resume {path} --minutes {}", seconds / 30.0)
        }
    };
    text + &format!("  go on    {COMMAND}{go_on}{COMMAND:#}")
}

fn summary(training: &Training, progress: &Progress, ending: Ending) -> serde_json::Value {
    let folder = training.folder();
    json!({
        "summary": match ending { Ending::Finished => "finished", Ending::Stopped => "stopped" },
        "run": folder.path(),
        "step": training.step(),
        "precision": training.precision().name(),
        "seconds": progress.seconds,
        "images": progress.images,
        "report": folder.report_file(),
        "sample": progress.latest_sample.as_ref().map(|(_, sample)| folder.path().join(sample)),
    })
}
