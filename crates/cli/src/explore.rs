//! `gany explore`: walk through what a run's generator has learnt. A file a subcommand; what they share stands here.
mod directions;
mod dissect;
mod edit;
mod factors;
mod mix;
mod path;
mod project;
mod truncation;

use crate::failure::Failure;
use crate::making::{class_number, make_folder, show};
use crate::output::{grouped, print, print_json};
use crate::picture::Grid;
use clap::Subcommand;
use clap::builder::TypedValueParser;
use ganymede::explore::{Code, CodeSpace, Directions, Explorer, Pick, Sheet};
use ganymede::run::animation::Format;
use serde_json::{Value, json};
use std::ops::Range;
use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::str::FromStr;

/// Walk through what a run's generator has learnt: between its pictures, along its directions
///
/// A sample is named by its number: number 7 is what `gany sample RUN --seed 0` makes as its eighth picture (the first is 0), and
/// `5:7` the one of seed 5. Everything is written as one picture (`.png`), moving (`.gif`, `.apng`) or, in a build with
/// the feature `film`, as a film (`.mp4`), by the ending behind `-o`.
#[derive(clap::Args)]
#[command(
    subcommand_required = true,
    arg_required_else_help = true,
    after_help = "\
Examples:
  gany explore runs/dcgan-fashion-mnist path --samples 3,8,12 --closed -o walk.gif
  gany explore runs/stylegan-emoji-google truncation             what is gained and lost towards the mean style
  gany explore runs/stylegan-emoji-google mix --layers fine      colours of one on the outlines of another
  gany explore runs/stylegan-emoji-google directions             what varies most, a row each
  gany explore runs/dcgan-fashion-mnist factors                  the same from the weights alone
  gany explore runs/dcgan-fashion-mnist edit --to Sandal         make sandals of anything
  gany explore runs/stylegan-emoji-google project face.png       the styles that make a picture
  gany explore runs/dcgan-landscapes dissect                     which units make which colour

`gany explore RUN WHAT --help` teaches each of them."
)]
pub(crate) struct Args {
    /// The run's folder
    run: PathBuf,
    #[command(subcommand)]
    what: What,
}

#[derive(Subcommand)]
enum What {
    Path(path::Args),
    Truncation(truncation::Args),
    Mix(mix::Args),
    Directions(directions::Args),
    Factors(factors::Args),
    Edit(edit::Args),
    Project(project::Args),
    Dissect(dissect::Args),
}

pub(crate) fn run(args: &Args) -> Result<ExitCode, Failure> {
    let run = &args.run;
    match &args.what {
        What::Path(args) => path::run(run, args),
        What::Truncation(args) => truncation::run(run, args),
        What::Mix(args) => mix::run(run, args),
        What::Directions(args) => directions::run(run, args),
        What::Factors(args) => factors::run(run, args),
        What::Edit(args) => edit::run(run, args),
        What::Project(args) => project::run(run, args),
        What::Dissect(args) => dissect::run(run, args),
    }
}

/// The walk that `gany sample -o walk.gif` makes: through the first samples of a seed and back to the first of them.
pub(crate) fn walk(
    run: &Path,
    seed: u64,
    count: usize,
    class: Option<String>,
    output: Option<PathBuf>,
    json: bool,
) -> Result<ExitCode, Failure> {
    let common = Common {
        seed,
        class,
        output,
        json,
        ..Common::default()
    };
    path::through(
        run,
        &Samples((0..count).map(|number| (None, number)).collect()),
        &common,
    )
}

/// Flags of every subcommand.
#[derive(clap::Args)]
struct Common {
    /// What samples named by a number alone follow from
    #[arg(long, default_value_t = 0)]
    seed: u64,
    /// Of conditional runs, the class of all pictures: its name, or its number from 0 [default: the samples' own]
    #[arg(long, value_name = "NAME|NUMBER")]
    class: Option<String>,
    /// Where to: `.png` for one picture, `.gif` or `.apng` for one that moves, `.mp4` for a film [default: RUN-WHAT.png]
    #[arg(short, long, value_name = "FILE")]
    output: Option<PathBuf>,
    /// Pictures in a row; of what moves, frames [default: what suits]
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u32).range(1..=10_000).map(|n| n as usize))]
    frames: Option<usize>,
    /// Frames a second of what moves
    #[arg(long, value_name = "N", default_value_t = FPS, value_parser = clap::value_parser!(u32).range(1..=100))]
    fps: u32,
    /// Print what was made as JSON
    #[arg(long)]
    json: bool,
}

impl Default for Common {
    fn default() -> Common {
        Common {
            seed: 0,
            class: None,
            output: None,
            frames: None,
            fps: FPS,
            json: false,
        }
    }
}

/// Frames a second, where nothing else is said.
const FPS: u32 = 20;

/// The flag that says what is explored.
#[derive(clap::Args)]
struct Space {
    /// Where to walk: `z`, latent vectors, or `w`, styles [default: styles where the system has them]
    #[arg(long, value_name = "z|w")]
    space: Option<CodeSpace>,
}

/// How codes are moved along a direction.
#[derive(clap::Args)]
struct Shift {
    /// How far, in deviations of the codes along it
    #[arg(long, value_name = "K", default_value_t = 3.0, allow_negative_numbers = true)]
    by: f64,
    /// At which layers styles are moved: `coarse`, `middle`, `fine`, a number or a range from 0 [default: all]
    #[arg(long, value_name = "NAME|N-M")]
    layers: Option<String>,
}

impl Shift {
    /// The layers that are meant.
    fn layers(&self, walk: &Walk) -> Result<Range<usize>, Failure> {
        Ok(match &self.layers {
            Some(text) => walk.explorer.layers(text)?,
            None => 0..walk.explorer.shape().layers,
        })
    }
}

/// Samples as people name them: `3`, `0-5`, `5:7`, several with commas in between.
#[derive(Clone)]
struct Samples(Vec<(Option<u64>, usize)>);

/// So many samples can be named at a time.
const MOST: usize = 1000;

impl FromStr for Samples {
    type Err = String;

    fn from_str(text: &str) -> Result<Samples, String> {
        let number = |text: &str| text.parse::<u32>().ok();
        let named = |item: &str| -> Option<Vec<(Option<u64>, usize)>> {
            let (seed, numbers) = match item.split_once(':') {
                Some((seed, numbers)) => (Some(seed.parse().ok()?), numbers),
                None => (None, item),
            };
            let (first, last) = numbers.split_once('-').unwrap_or((numbers, numbers));
            let range = number(first)?..=number(last)?;
            (!range.is_empty() && range.end() - range.start() < MOST as u32)
                .then(|| range.map(|number| (seed, number as usize)).collect())
        };
        let all: Option<Vec<_>> = text.split(',').map(|item| named(item.trim())).collect();
        let all = all.map(|all| all.concat()).filter(|all| all.len() <= MOST);
        all.map(Samples).ok_or_else(|| {
            format!("expected samples such as `3`, `0-5`, `3,8,12` or `5:7`, number 7 of seed 5; {MOST} at most")
        })
    }
}

/// A run on the way through it.
struct Walk<'a> {
    explorer: Explorer,
    common: &'a Common,
    class: Option<usize>,
    output: PathBuf,
    moving: Option<(Format, u32)>,
    /// What is said of it in JSON, beside what is said of everything.
    said: Vec<(&'static str, Value)>,
}

impl<'a> Walk<'a> {
    /// Opens a run, to write what was found under a name after the run and `what`, where no other is given.
    fn begin(run: &Path, what: &str, common: &'a Common, space: Option<CodeSpace>) -> Result<Walk<'a>, Failure> {
        let output = common.output.clone().unwrap_or_else(|| {
            let full = run.canonicalize().unwrap_or_else(|_| run.to_owned());
            let name = full.file_name().unwrap_or("run".as_ref()).to_string_lossy();
            PathBuf::from(format!("{name}-{what}.png"))
        });
        let moving = Format::of(&output).map(|format| (format, common.fps));
        let is_png = output
            .extension()
            .is_some_and(|ending| ending.eq_ignore_ascii_case("png"));
        if moving.is_none() && !is_png {
            let got = output.display();
            return Err(Failure::new(
                format!("expected a file that ends in `.png`, `.gif`, `.apng` or `.mp4`, got {got}"),
                "`.png` is one picture, `.gif` and `.apng` move, `.mp4` is a film",
            ));
        }
        let explorer = Explorer::open(run, space)?;
        let class = match &common.class {
            Some(wanted) => Some(class_number(wanted, explorer.sampler())?),
            None => None,
        };
        Ok(Walk {
            explorer,
            common,
            class,
            output,
            moving,
            said: vec![],
        })
    }

    /// The codes of samples.
    fn codes(&mut self, samples: &Samples) -> Vec<Code> {
        let pick = |(seed, number): &(Option<u64>, usize)| Pick {
            seed: seed.unwrap_or(self.common.seed),
            number: *number,
        };
        let picks: Vec<Pick> = samples.0.iter().map(pick).collect();
        self.explorer.codes(&picks, self.class)
    }

    /// How many pictures are in a row, or how many frames there are, unless it is said.
    fn frames(&self, still: usize, moving: usize) -> usize {
        let suits = if self.moving.is_some() { moving } else { still };
        self.common.frames.unwrap_or(suits)
    }

    /// Amounts from one to another: in even steps, or, for what moves, there and back.
    fn amounts(&self, from: f64, to: f64, still: usize) -> Vec<f64> {
        let count = self.frames(still, 48);
        let share = |i: usize| match self.moving {
            Some(_) => (1.0 - (std::f64::consts::TAU * i as f64 / count as f64).cos()) / 2.0,
            None if count == 1 => 1.0,
            None => i as f64 / (count - 1) as f64,
        };
        (0..count).map(|i| from + (to - from) * share(i)).collect()
    }

    /// A row for each sample, whose columns are the sample moved along direction number `number` by amounts.
    fn moved(&self, directions: &Directions, codes: &[Code], amounts: &[f64], layers: &Range<usize>) -> Vec<Code> {
        let rows = codes
            .iter()
            .flat_map(|code| (0..directions.count()).map(move |number| (code, number)));
        rows.flat_map(|(code, number)| {
            amounts
                .iter()
                .map(move |by| directions.moved(code, number, *by, layers))
        })
        .collect()
    }

    /// Writes directions beside the picture.
    fn keep(&mut self, directions: &Directions) -> Result<PathBuf, Failure> {
        let path = self.output.with_extension("safetensors");
        if let Some(parent) = path.parent() {
            make_folder(parent)?;
        }
        directions.save(&path)?;
        self.said.push(("directions", json!(path)));
        self.said.push(("strengths", json!(directions.strengths)));
        Ok(path)
    }

    /// Makes the pictures of codes, in so many rows, and writes and shows them.
    fn end(mut self, codes: &[Code], rows: usize) -> Result<ExitCode, Failure> {
        let values = self.explorer.pictures(codes);
        self.show(values, rows)
    }

    /// Writes and shows pictures in so many rows.
    fn show(self, values: Vec<f32>, rows: usize) -> Result<ExitCode, Failure> {
        let sampler = self.explorer.sampler();
        let sheet = Sheet {
            values,
            shape: sampler.shape(),
            rows,
        };
        if let Some(parent) = self.output.parent() {
            make_folder(parent)?;
        }
        sheet.write(self.moving, &sampler.stamp(), &self.output)?;
        let columns = sheet.columns();
        if self.common.json {
            let mut said = json!({
                "output": self.output, "rows": rows, "columns": columns, "space": self.explorer.space(),
                "class": self.class, "step": sampler.stamp().step,
            });
            for (name, value) in self.said {
                said[name] = value;
            }
            print_json(&said);
            return Ok(ExitCode::SUCCESS);
        }
        let [height, width, _] = sampler.shape().picture().unwrap_or([1; 3]);
        let (count, what) = match self.moving {
            Some(_) => (columns, "frames"),
            None => (rows * columns, "pictures"),
        };
        print(&format!(
            "{} {what} in {}",
            grouped(count as u64),
            self.output.display()
        ));
        if self.moving.is_none() {
            let grid = Grid {
                columns: columns as u32,
                aspect: height as f64 / width as f64,
            };
            show(&self.output, &grid, false);
        }
        Ok(ExitCode::SUCCESS)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn samples_are_named_by_numbers_ranges_and_seeds() {
        let named = |text: &str| text.parse::<Samples>().map(|samples| samples.0);
        assert_eq!(
            named("3, 5-6,9:0-1"),
            Ok(vec![(None, 3), (None, 5), (None, 6), (Some(9), 0), (Some(9), 1)])
        );
        for wrong in ["", "a", "3,", "5-3", "-1", "1:", "0-1000", "99999999999"] {
            assert!(named(wrong).is_err(), "{wrong}");
        }
    }
}
