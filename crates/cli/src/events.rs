//! `gany events`: what a run said, for other programs.
use crate::failure::{Failure, reason};
use crate::output::print;
use clap::ValueEnum;
use ganymede::run::export::tensorboard::{self, EventFile};
use ganymede::run::export::{csv, write_csv, write_tensorboard};
use ganymede::run::{Event, Follower, RunFolder, read_events};
use std::fs::File;
use std::io::{self, BufWriter, ErrorKind, Write};
use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::time::Duration;

/// Read what a run said: as JSON lines, as a table, or in TensorBoard
///
/// A run may be read while it goes on.
#[derive(clap::Args)]
#[command(after_help = "\
Examples:
  gany events runs/dcgan-fashion-mnist --format csv -o curves.csv    a row a step, a column a scalar
  gany events runs/dcgan-fashion-mnist --format tensorboard          then: tensorboard --logdir runs
  gany events runs/dcgan-fashion-mnist --follow                      JSON lines while it trains, until it ends")]
pub(crate) struct Args {
    /// The run's folder
    run: PathBuf,
    /// In which form
    #[arg(long, value_enum, default_value_t = Format::Jsonl)]
    format: Format,
    /// A file, for TensorBoard a folder [default: standard output, for TensorBoard the run's folder]
    #[arg(short, long, value_name = "FILE|FOLDER")]
    output: Option<PathBuf>,
    /// Go on with what the run says from now on, until it is finished or stopped
    #[arg(long)]
    follow: bool,
}

#[derive(Clone, Copy, PartialEq, Eq, ValueEnum)]
enum Format {
    /// An event a line, as the run wrote it
    Jsonl,
    /// Scalars: a row a recorded step, a column a scalar
    Csv,
    /// Scalars and sample grids, for `tensorboard --logdir`
    Tensorboard,
}

/// A run that is followed is looked at this often.
const LOOK_EVERY: Duration = Duration::from_millis(200);

pub(crate) fn run(args: &Args) -> Result<ExitCode, Failure> {
    let folder = RunFolder::open(&args.run)?;
    let made = match (args.format, &args.output) {
        (Format::Csv, _) if args.follow => {
            return Err(Failure::new(
                "a table cannot be followed: a step to come may bring a new column",
                "follow as JSON lines or in TensorBoard, or leave out `--follow`",
            ));
        }
        (Format::Csv, None) => {
            print(&csv::csv(&read_events(&folder.events_file())?.events));
            None
        }
        (Format::Csv, Some(file)) => {
            write_csv(&folder, file)?;
            Some(file.clone())
        }
        (Format::Jsonl, None) => {
            lines(
                &folder,
                args.follow,
                &mut anstream::stdout(),
                Path::new("standard output"),
            )?;
            None
        }
        (Format::Jsonl, Some(file)) => {
            lines(&folder, args.follow, &mut create(file)?, file)?;
            Some(file.clone())
        }
        (Format::Tensorboard, output) => {
            let into = output.as_deref().unwrap_or(&args.run);
            Some(if args.follow {
                follow_in_tensorboard(&folder, into)?
            } else {
                write_tensorboard(&folder, into)?
            })
        }
    };
    if let Some(made) = made {
        print(&made.display().to_string());
    }
    Ok(ExitCode::SUCCESS)
}

fn lines(folder: &RunFolder, is_followed: bool, to: &mut dyn Write, path: &Path) -> Result<(), Failure> {
    tell(folder, is_followed, path, &mut |events| {
        for event in events {
            serde_json::to_writer(&mut *to, event)?;
            to.write_all(b"\n")?;
        }
        to.flush()
    })
}

fn follow_in_tensorboard(folder: &RunFolder, into: &Path) -> Result<PathBuf, Failure> {
    let path = tensorboard::file_in(into)?;
    let mut file = EventFile::new(create(&path)?, folder.path());
    tell(folder, true, &path, &mut |events| {
        events.iter().try_for_each(|event| file.write(event))?;
        file.flush()
    })?;
    Ok(path)
}

/// Hands over what was said so far, and, where the run is followed, what it says from now on until its end.
fn tell(
    folder: &RunFolder,
    is_followed: bool,
    path: &Path,
    to: &mut dyn FnMut(&[Event]) -> io::Result<()>,
) -> Result<(), Failure> {
    let mut follower = Follower::new(folder);
    loop {
        let events = follower.look()?;
        match to(&events) {
            // Whoever read has seen enough.
            Err(error) if error.kind() == ErrorKind::BrokenPipe => return Ok(()),
            told => told.map_err(|error| cannot_write(path, &error))?,
        }
        let is_over = matches!(events.last(), Some(Event::Finished { .. } | Event::Stopped { .. }));
        if is_over || !is_followed {
            return Ok(());
        }
        std::thread::sleep(LOOK_EVERY);
    }
}

fn create(path: &Path) -> Result<BufWriter<File>, Failure> {
    let file = File::create(path).map_err(|error| cannot_write(path, &error))?;
    Ok(BufWriter::new(file))
}

fn cannot_write(path: &Path, error: &io::Error) -> Failure {
    Failure::new(
        format!("cannot write ({}): {}", reason(error), path.display()),
        "choose another place with `-o`",
    )
}
