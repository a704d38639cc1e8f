//! `gany serve`: a trained system behind an HTTP interface.
use crate::failure::Failure;
use crate::studio::{DoorArgs, announce};
use ::studio::Service;
use std::path::PathBuf;
use std::process::ExitCode;
use std::time::Duration;

/// Serve a trained system over HTTP: samples, translations, interpolations, projections, classes
///
/// `/openapi.json` describes it, `/metrics` measures it in Prometheus' format, `/healthz` says that it is there. What waits at
/// the same time is made together. Asked to end, it finishes what was begun.
#[derive(clap::Args)]
#[command(after_help = "\
Examples:
  gany serve runs/dcgan-fashion-mnist
  curl -o one.png 'http://127.0.0.1:7878/v1/sample?seed=7'
  curl 'http://127.0.0.1:7878/v1/sample?seed=7&count=4&format=json'
  curl --data-binary @shoe.png -H 'content-type: image/png' http://127.0.0.1:7878/v1/project")]
pub(crate) struct Args {
    /// The run's folder
    run: PathBuf,
    #[command(flatten)]
    door: DoorArgs,
    /// The checkpoint, such as `best` [default: the latest]
    #[arg(long, value_name = "NAME")]
    checkpoint: Option<String>,
    /// Samples that are made together at the most; 1 for each alone
    #[arg(long, value_name = "N", default_value_t = 64, value_parser = clap::value_parser!(u16).range(1..=1024))]
    batch: u16,
    /// How long a sample waits for others where the last one was not alone, in milliseconds
    #[arg(long, value_name = "MS", default_value_t = 2, value_parser = clap::value_parser!(u64).range(0..=1000))]
    wait: u64,
    /// Requests that may wait; further ones are told to come back
    #[arg(long, value_name = "N", default_value_t = 256, value_parser = clap::value_parser!(u16).range(1..))]
    queue: u16,
    /// Print the address as JSON
    #[arg(long)]
    json: bool,
}

pub(crate) fn run(args: Args) -> Result<ExitCode, Failure> {
    let service = Service {
        run: args.run,
        checkpoint: args.checkpoint,
        door: args.door.door(),
        together: args.batch.into(),
        wait: Duration::from_millis(args.wait),
        queue: args.queue.into(),
    };
    let is_json = args.json;
    service.run(&mut |address| announce("serving", address, is_json))?;
    Ok(ExitCode::SUCCESS)
}
