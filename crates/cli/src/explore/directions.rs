//! `gany explore RUN directions`: what varies most.
use super::{Common, Samples, Shift, Space, Walk};
use crate::failure::Failure;
use crate::output::{DIM, aligned, print, quoted};
use ganymede::explore::{Directions, ExploreError, Explorer, principal};
use std::path::Path;
use std::process::ExitCode;

/// Find the directions in which a generator's codes vary most (GANSpace), a row each
///
/// Of styles they are the principal components; of latent vectors, which vary equally in all directions, those of what the first
/// layer makes of them. The directions are written beside the picture, for `gany explore RUN edit`.
#[derive(clap::Args)]
#[command(after_help = "\
Examples:
  gany explore runs/stylegan-emoji-google directions                   six of them, from -3 to 3 deviations
  gany explore runs/stylegan-emoji-google directions --count 12 --sample 7
  gany explore runs/dcgan-fashion-mnist directions -o directions.gif   all of them at the same time
  gany explore runs/stylegan-emoji-google edit --along stylegan-emoji-google-directions.safetensors --number 2")]
pub(super) struct Args {
    #[command(flatten)]
    shown: Shown,
}

/// Flags of what finds directions and shows them.
#[derive(clap::Args)]
pub(super) struct Shown {
    /// The sample that is moved
    #[arg(long, value_name = "N|SEED:N", default_value = "0")]
    sample: Samples,
    /// How many directions
    #[arg(long, value_name = "N", default_value_t = 6, value_parser = clap::value_parser!(u32).range(1..=512))]
    count: u32,
    #[command(flatten)]
    shift: Shift,
    #[command(flatten)]
    space: Space,
    #[command(flatten)]
    common: Common,
}

pub(super) fn run(run: &Path, args: &Args) -> Result<ExitCode, Failure> {
    found(
        run,
        "directions",
        &args.shown,
        "of all variance",
        |explorer, count, _| principal::directions(explorer, count),
    )
}

/// Finds directions, shows them and writes them beside the picture; `share` says what a strength is a share of.
pub(super) fn found(
    run: &Path,
    what: &str,
    args: &Shown,
    share: &str,
    find: impl Fn(&mut Explorer, usize, &std::ops::Range<usize>) -> Result<Directions, ExploreError>,
) -> Result<ExitCode, Failure> {
    let mut walk = Walk::begin(run, what, &args.common, args.space.space)?;
    let layers = args.shift.layers(&walk)?;
    let directions = find(&mut walk.explorer, args.count as usize, &layers)?;
    let file = walk.keep(&directions)?;
    let samples = walk.codes(&args.sample);
    let amounts = walk.amounts(-args.shift.by, args.shift.by, 7);
    let codes = walk.moved(&directions, &samples, &amounts, &layers);
    if !args.common.json {
        let strength = |(number, strength): (usize, &f64)| {
            vec![format!("{}", number + 1), format!("{:.1}% {share}", 100.0 * strength)]
        };
        print(
            aligned(
                &directions
                    .strengths
                    .iter()
                    .enumerate()
                    .map(strength)
                    .collect::<Vec<_>>(),
            )
            .trim_end(),
        );
        let file = quoted(&file.to_string_lossy());
        print(&format!(
            "{DIM}move along one: gany explore {} edit --along {file} --number 2{DIM:#}",
            quoted(&run.to_string_lossy())
        ));
    }
    walk.end(&codes, directions.count() * samples.len())
}
