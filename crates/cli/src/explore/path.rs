//! `gany explore RUN path`: from one sample to the next.
use super::{Common, Samples, Space, Walk};
use crate::failure::Failure;
use ganymede::explore::{Interpolation, path};
use std::path::Path;
use std::process::ExitCode;

/// Walk from one sample to the next: a row for each leg, or one film of the whole way
///
/// Latent vectors lie near a sphere, and the way is along its great circle (slerp); styles are joined by straight lines (lerp).
/// Of conditional runs the whole way is in one class, that of the first sample unless `--class` says another.
#[derive(clap::Args)]
#[command(after_help = "\
Examples:
  gany explore runs/dcgan-fashion-mnist path                                four samples and what lies between
  gany explore runs/dcgan-fashion-mnist path --samples 3,8,12 --by lerp     along straight lines
  gany explore runs/dcgan-fashion-mnist path --samples 3,8,12 --closed -o walk.gif
  gany explore runs/stylegan-emoji-google path --samples 0-9 --frames 30 -o walk.gif")]
pub(super) struct Args {
    /// The samples to visit, in order
    #[arg(long, value_name = "N,N-M,SEED:N", default_value = "0-3")]
    samples: Samples,
    /// The way between two of them [default: slerp for latent vectors, lerp for styles]
    #[arg(long, value_name = "lerp|slerp")]
    by: Option<Interpolation>,
    /// Come back to the first
    #[arg(long)]
    closed: bool,
    #[command(flatten)]
    space: Space,
    #[command(flatten)]
    common: Common,
}

pub(super) fn run(run: &Path, args: &Args) -> Result<ExitCode, Failure> {
    if args.samples.0.len() < 2 {
        return Err(Failure::new(
            "expected two samples or more to walk between, got one",
            "name them with `--samples`, such as `--samples 3,8`",
        ));
    }
    let walk = Walk::begin(run, "path", &args.common, args.space.space)?;
    between(walk, &args.samples, args.by, args.closed)
}

/// Comes through these samples and back to the first.
pub(super) fn through(run: &Path, samples: &Samples, common: &Common) -> Result<ExitCode, Failure> {
    between(Walk::begin(run, "path", common, None)?, samples, None, true)
}

fn between(mut walk: Walk, samples: &Samples, by: Option<Interpolation>, closed: bool) -> Result<ExitCode, Failure> {
    let stops = walk.codes(samples);
    let by = by.unwrap_or(Interpolation::natural(walk.explorer.space()));
    walk.said.push(("by", by.name().into()));
    let count = walk.frames(9, 24);
    if walk.moving.is_some() {
        let frames = path::frames(&stops, count, by, closed);
        return walk.end(&frames, 1);
    }
    let legs = path::legs(&stops, count, by, closed);
    walk.end(&legs.concat(), legs.len())
}
