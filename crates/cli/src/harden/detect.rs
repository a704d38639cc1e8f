//! `gany harden detect`: whether a classifier is being lied to.
use super::{Looked, said};
use crate::failure::Failure;
use crate::output::{STRONG, aligned, print, print_json};
use ganymede::data::registry::named_in;
use ganymede::data::{Want, open};
use ganymede::defences::feature_squeezing::FeatureSqueezing;
use ganymede::defences::first;
use serde_json::{Value, json};
use std::path::Path;
use std::process::ExitCode;

/// Tell pictures that were changed to fool a classifier: it changes its mind when detail is taken away
///
/// How far it may change its mind is learnt from honest pictures.
#[derive(clap::Args)]
#[command(after_help = "\
Examples:
  gany harden detect seven.png fooled/*.png --target mnist
  gany harden detect seven.png --target hard.safetensors --data mnist:test --false-alarms 0.01")]
pub(crate) struct Args {
    #[command(flatten)]
    looked: Looked,
    /// Honest pictures, labelled [default: the target's own, where it is named after a data set]
    #[arg(long, value_name = "NAME|PATH")]
    data: Option<String>,
    /// How many of them are looked at
    #[arg(long, value_name = "N", default_value_t = 500, value_parser = clap::value_parser!(u32).range(10..=1_000_000))]
    honest: u32,
    /// Bits that are left of each number
    #[arg(long, value_name = "N", default_value_t = 1)]
    bits: u32,
    /// Pixels a side of the window that medians are taken of
    #[arg(long, value_name = "N", default_value_t = 2)]
    window: usize,
    /// The share of honest pictures that may be called changed
    #[arg(long, value_name = "P", default_value_t = 0.05)]
    false_alarms: f64,
    /// Print what was found as JSON
    #[arg(long)]
    json: bool,
}

pub(crate) fn run(args: &Args) -> Result<ExitCode, Failure> {
    let squeezing = FeatureSqueezing {
        bits: args.bits,
        window: args.window,
        false_alarms: args.false_alarms,
    };
    let (target, pictures) = args.looked.open()?;
    let wrong = |reason| Failure::new(reason, "`gany harden detect --help` says what the flags mean");
    squeezing.check(&target).map_err(wrong)?;
    let [height, width, channels] = target.shape();
    let named_after_data = named_in(&args.looked.target).next().is_some() || Path::new(&args.looked.target).is_dir();
    let name = match &args.data {
        Some(data) => data,
        None if named_after_data => &args.looked.target,
        None => {
            return Err(Failure::new(
                format!(
                    "expected honest pictures to compare with: `{}` names no data",
                    args.looked.target
                ),
                "say which with `--data`, such as `--data mnist:test`",
            ));
        }
    };
    let honest = open(name, &Want::picture(height, width, channels))?;
    let (honest, _) = first(&*honest, args.honest as usize)?;
    let threshold = squeezing.threshold(&squeezing.scores(&target, &honest));
    let scores = squeezing.scores(&target, &pictures);
    let answers = target.judge(scores.len()).says(&pictures);
    let rows = args.looked.files().zip(answers.iter().zip(&scores));
    if args.json {
        let described: Vec<Value> = rows
            .map(|(file, (said, score))| json!({"picture": file, "said": said, "score": score, "is_adversarial": *score > threshold}))
            .collect();
        print_json(
            &json!({"target": target.name(), "settings": squeezing, "threshold": threshold, "pictures": described}),
        );
        return Ok(ExitCode::SUCCESS);
    }
    let head = ["picture", "says", "changes its mind by", ""]
        .map(str::to_owned)
        .to_vec();
    let row = |(file, (answer, score)): (String, (_, &f64))| {
        let verdict = if *score > threshold { "adversarial" } else { "honest" };
        vec![file, said(&target, answer), format!("{score:.3}"), verdict.to_owned()]
    };
    let table: Vec<Vec<String>> = [head].into_iter().chain(rows.map(row)).collect();
    print(&format!(
        "{STRONG}feature squeezing{STRONG:#} of {}: {:.0}% of honest pictures are above {threshold:.3}, of at most 2\n\n{}",
        target.name(),
        100.0 * args.false_alarms,
        aligned(&table)
    ));
    Ok(ExitCode::SUCCESS)
}
