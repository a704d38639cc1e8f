//! `gany explore RUN edit`: samples, moved along one direction.
use super::{Common, Samples, Shift, Space, Walk};
use crate::failure::Failure;
use crate::making::class_among;
use crate::output::print;
use ganymede::explore::{Directions, boundary, factors, principal};
use ganymede::metrics::Classifier;
use std::ops::Range;
use std::path::{Path, PathBuf};
use std::process::ExitCode;

/// Move samples along a direction: one that was found before, or from one class to another
///
/// `--to` asks the classifier of the data which samples are of that class and which of another, and moves at right angles to the
/// plane between their codes (InterFaceGAN). The classifier is trained once, on real pictures, and kept.
#[derive(clap::Args)]
#[command(after_help = "\
Examples:
  gany explore runs/dcgan-fashion-mnist edit --to Sandal                     from anything else to sandals
  gany explore runs/dcgan-fashion-mnist edit --to 'Ankle boot' --from Sneaker -o boots.gif
  gany explore runs/stylegan-emoji-google edit --along factors --number 3    the third factor
  gany explore runs/stylegan-emoji-google edit --along found.safetensors --layers fine")]
pub(super) struct Args {
    /// The samples, a row each
    #[arg(long, value_name = "N,N-M,SEED:N", default_value = "0-5")]
    samples: Samples,
    /// The direction: `principal`, `factors`, or a file that `directions`, `factors` or `edit` has written
    #[arg(
        long,
        value_name = "principal|factors|FILE",
        default_value = "principal",
        conflicts_with = "to"
    )]
    along: String,
    /// Which of them, from 1
    #[arg(long, value_name = "N", default_value_t = 1, value_parser = clap::value_parser!(u32).range(1..), conflicts_with = "to")]
    number: u32,
    /// Towards this class of the data: its name, or its number from 0
    #[arg(long, value_name = "CLASS")]
    to: Option<String>,
    /// Away from this class [default: from all others]
    #[arg(long, value_name = "CLASS", requires = "to")]
    from: Option<String>,
    /// The labelled data whose classifier tells samples apart [default: those of the run]
    #[arg(long, value_name = "NAME|PATH", requires = "to")]
    judge: Option<String>,
    #[command(flatten)]
    shift: Shift,
    #[command(flatten)]
    space: Space,
    #[command(flatten)]
    common: Common,
}

pub(super) fn run(run: &Path, args: &Args) -> Result<ExitCode, Failure> {
    let mut walk = Walk::begin(run, "edit", &args.common, args.space.space)?;
    let layers = args.shift.layers(&walk)?;
    let direction = match &args.to {
        Some(to) => {
            let direction = towards(&mut walk, to, args)?;
            let file = walk.keep(&direction)?;
            if !args.common.json {
                let share = 100.0 * direction.strengths[0];
                let file = file.display();
                print(&format!(
                    "the plane has {share:.1}% of samples on the right side; its direction is kept in {file}"
                ));
            }
            direction
        }
        None => found(&mut walk, args, &layers)?,
    };
    let samples = walk.codes(&args.samples);
    let amounts = walk.amounts(-args.shift.by, args.shift.by, 7);
    let codes = walk.moved(&direction, &samples, &amounts, &layers);
    walk.end(&codes, samples.len())
}

/// One of the directions that were found, or are now.
fn found(walk: &mut Walk, args: &Args, layers: &Range<usize>) -> Result<Directions, Failure> {
    let number = args.number as usize;
    let directions = match args.along.as_str() {
        "principal" => principal::directions(&mut walk.explorer, number)?,
        "factors" => factors::directions(&mut walk.explorer, number, layers)?,
        file => Directions::load(&PathBuf::from(file), &walk.explorer)?,
    };
    Ok(directions.only(number - 1)?)
}

/// The direction towards a class.
fn towards(walk: &mut Walk, to: &str, args: &Args) -> Result<Directions, Failure> {
    let of_run = walk.explorer.sampler().data();
    let of_run = of_run
        .strip_suffix(":train")
        .or(of_run.strip_suffix(":test"))
        .unwrap_or(of_run);
    let data = args.judge.as_deref().unwrap_or(of_run);
    let mut is_told = false;
    let mut classifier = Classifier::of(data, &mut |progress| {
        if !std::mem::replace(&mut is_told, true) {
            anstream::eprintln!(
                "Training the classifier of {data} first, once: {} updates.",
                progress.updates
            );
        }
    })?;
    let classes = &classifier.record().classes;
    let number = |wanted: &str| class_among(wanted, classes, classes.len(), &format!("`{data}`"));
    let to = number(to)?;
    let from = args.from.as_deref().map(number).transpose()?;
    if from == Some(to) {
        return Err(Failure::new(
            "expected two different classes behind `--to` and `--from`, got the same twice",
            "leave out `--from` to come from all others",
        ));
    }
    Ok(boundary::direction(&mut walk.explorer, &mut classifier, to, from)?)
}
