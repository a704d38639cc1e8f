//! `gany harden certify`: how far no change, of whatever kind, can turn a classifier's answer.
use super::Looked;
use crate::failure::Failure;
use crate::output::{STRONG, aligned, print, print_json};
use ganymede::defences::Training;
use ganymede::defences::randomised_smoothing::RandomisedSmoothing;
use serde_json::{Value, json};
use std::process::ExitCode;

/// Ask a classifier about pictures under noise, a thousand times each, and promise what no small change can turn
///
/// A classifier that was trained under the same noise can promise most: `gany harden train randomised_smoothing`.
#[derive(clap::Args)]
#[command(after_help = "\
Examples:
  gany harden certify seven.png --target noisy.safetensors --sigma 0.5
  gany harden certify *.png --target mnist --sigma 0.25 --samples 10000    more draws, larger promises")]
pub(crate) struct Args {
    #[command(flatten)]
    looked: Looked,
    /// The noise's deviation, where numbers of pictures go from 0 to 1
    #[arg(long, value_name = "S", default_value_t = 0.5)]
    sigma: f64,
    /// Draws for each picture
    #[arg(long, value_name = "N", default_value_t = 1000, value_parser = clap::value_parser!(u32).range(1..=10_000_000))]
    samples: u32,
    /// How likely a promise may be wrong
    #[arg(long, value_name = "A", default_value_t = 0.001)]
    alpha: f64,
    /// What all randomness follows from
    #[arg(long, default_value_t = 0)]
    seed: u64,
    /// Print what can be promised as JSON
    #[arg(long)]
    json: bool,
}

pub(crate) fn run(args: &Args) -> Result<ExitCode, Failure> {
    let smoothing = RandomisedSmoothing {
        sigma: args.sigma,
        samples: args.samples as usize,
        alpha: args.alpha,
        ..RandomisedSmoothing::default()
    };
    let wrong = |reason| Failure::new(reason, "`gany harden certify --help` says what the flags mean");
    smoothing.check().map_err(wrong)?;
    let (target, pictures) = args.looked.open()?;
    let certificates = smoothing.certify(&target, &pictures, args.seed);
    let rows = args.looked.files().zip(&certificates);
    if args.json {
        let described: Vec<Value> = rows
            .map(|(file, certificate)| {
                json!({"picture": file, "class": certificate.class, "name": target.class_name(certificate.class), "radius": certificate.radius})
            })
            .collect();
        print_json(&json!({"target": target.name(), "smoothing": smoothing, "seed": args.seed, "pictures": described}));
        return Ok(ExitCode::SUCCESS);
    }
    let head = ["picture", "says", "promise"].map(str::to_owned).to_vec();
    let row = |(file, certificate): (String, &ganymede::defences::randomised_smoothing::Certificate)| {
        let promise = match certificate.radius {
            Some(radius) => format!("whatever changes by less than {radius:.3} in l2"),
            None => "none: the draws do not agree".to_owned(),
        };
        vec![file, target.class_name(certificate.class).to_owned(), promise]
    };
    let table: Vec<Vec<String>> = [head].into_iter().chain(rows.map(row)).collect();
    print(&format!(
        "{STRONG}randomised smoothing{STRONG:#} of {}, sigma {}, wrong with probability {} at most\n\n{}",
        target.name(),
        args.sigma,
        args.alpha,
        aligned(&table)
    ));
    Ok(ExitCode::SUCCESS)
}
