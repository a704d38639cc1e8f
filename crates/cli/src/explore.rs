//! `gany explore`: looking into the generator of a run, a file a thing to do.
mod dissect;
mod project;

use crate::failure::Failure;
use clap::Subcommand;
use std::path::PathBuf;
use std::process::ExitCode;

/// Look into the generator of a run: where a picture lies in it, and what its units make
#[derive(clap::Args)]
#[command(after_help = "\
Examples:
  gany explore runs/stylegan-emoji-google project face.png -o found.png   the styles that make a picture
  gany explore runs/dcgan-landscapes dissect -o units.png                 which units make which colour")]
pub(crate) struct Args {
    /// The run's folder
    run: PathBuf,
    #[command(subcommand)]
    what: What,
}

#[derive(Subcommand)]
enum What {
    Project(project::Args),
    Dissect(dissect::Args),
}

pub(crate) fn run(args: &Args) -> Result<ExitCode, Failure> {
    match &args.what {
        What::Project(what) => project::run(&args.run, what),
        What::Dissect(what) => dissect::run(&args.run, what),
    }
}
