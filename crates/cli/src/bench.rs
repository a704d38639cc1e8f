//! `gany bench`.
use crate::failure::Failure;
use std::process::ExitCode;
use std::time::Instant;

/// Measure this machine, or a training step
#[derive(clap::Args)]
pub(crate) struct Args {}

pub(crate) fn run(_: Args, _: Instant) -> Result<ExitCode, Failure> {
    Err(Failure::new("not yet", "wait"))
}
