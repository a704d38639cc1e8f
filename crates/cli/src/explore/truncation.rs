//! `gany explore RUN truncation`: samples, drawn towards the mean one.
use super::{Common, Samples, Space, Walk};
use crate::failure::Failure;
use ganymede::explore::Code;
use std::path::Path;
use std::process::ExitCode;

/// Draw samples towards the mean one: a row a sample, from psi 0, where all are the same, to psi 1, the samples themselves
///
/// Styles are drawn towards the mean style, w' = mean + psi (w - mean); latent vectors towards 0. What is nearer to the mean is
/// more typical, and there is less of a difference between two of them.
#[derive(clap::Args)]
#[command(after_help = "\
Examples:
  gany explore runs/stylegan-emoji-google truncation                 eight samples, psi 0, 0.2, .. 1
  gany explore runs/stylegan-emoji-google truncation --from -1       to the opposite of each
  gany explore runs/stylegan-emoji-google truncation -o breathe.gif  there and back")]
pub(super) struct Args {
    /// The samples, a row each
    #[arg(long, value_name = "N,N-M,SEED:N", default_value = "0-7")]
    samples: Samples,
    /// The first psi
    #[arg(long, value_name = "PSI", default_value_t = 0.0, allow_negative_numbers = true)]
    from: f64,
    /// The last psi
    #[arg(long, value_name = "PSI", default_value_t = 1.0, allow_negative_numbers = true)]
    to: f64,
    #[command(flatten)]
    space: Space,
    #[command(flatten)]
    common: Common,
}

pub(super) fn run(run: &Path, args: &Args) -> Result<ExitCode, Failure> {
    let mut walk = Walk::begin(run, "truncation", &args.common, args.space.space)?;
    let samples = walk.codes(&args.samples);
    let amounts = walk.amounts(args.from, args.to, 6);
    let columns: Vec<Vec<Code>> = amounts
        .iter()
        .map(|psi| walk.explorer.truncated(&samples, *psi))
        .collect();
    let row = |number: usize| columns.iter().map(move |column| column[number].clone());
    let codes: Vec<Code> = (0..samples.len()).flat_map(row).collect();
    walk.said.push(("psi", serde_json::json!(amounts)));
    walk.end(&codes, samples.len())
}
