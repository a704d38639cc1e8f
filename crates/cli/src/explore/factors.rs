//! `gany explore RUN factors`: what the generator's first weights stretch most.
use super::directions::{Shown, found};
use crate::failure::Failure;
use ganymede::explore::factors;
use std::path::Path;
use std::process::ExitCode;

/// Find the directions that a generator's first weights stretch most (SeFa), a row each; nothing is sampled
///
/// Of styles the weights are those that make something of them at all layers, or at those that `--layers` chooses. The directions
/// are written beside the picture, for `gany explore RUN edit`.
#[derive(clap::Args)]
#[command(after_help = "\
Examples:
  gany explore runs/stylegan-emoji-google factors                  six of them, from -3 to 3 deviations
  gany explore runs/stylegan-emoji-google factors --layers fine    of the layers that decide colours
  gany explore runs/dcgan-fashion-mnist factors --sample 5:7       on another sample")]
pub(super) struct Args {
    #[command(flatten)]
    shown: Shown,
}

pub(super) fn run(run: &Path, args: &Args) -> Result<ExitCode, Failure> {
    found(run, "factors", &args.shown, "of all stretching", factors::directions)
}
