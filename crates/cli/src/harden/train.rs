//! `gany harden train`: a classifier that has learnt to withstand.
use crate::failure::Failure;
use crate::making::{cannot_write, make_folder};
use crate::output::{COMMAND, DIM, STRONG, aligned, print, print_json};
use crate::progress::bar;
use crate::train::assignment;
use ganymede::attacks::{self, Target};
use ganymede::defences::{self, Robustness};
use ganymede::metrics::classifier::{EPOCHS, splits};
use serde_json::json;
use std::io::IsTerminal;
use std::path::PathBuf;
use std::process::ExitCode;

/// Train the classifier of a labelled data set so that it withstands attacks, and attack it
///
/// It is trained on the data's `train` split and measured on its `test` split, as `gany train classifier` does; where there is
/// none, every tenth example is held out.
#[derive(clap::Args)]
#[command(after_help = examples())]
pub(crate) struct Args {
    /// Which way of training, such as `trades`
    defence: String,
    /// A labelled data set; the settings' own radii are for digits
    #[arg(long, value_name = "NAME|PATH", default_value = "mnist")]
    data: String,
    /// Change a setting; `gany models DEFENCE` lists them
    #[arg(long = "set", value_name = "KEY=VALUE", value_parser = assignment)]
    changes: Vec<(String, String)>,
    /// How often it sees every picture
    #[arg(long, value_name = "N", default_value_t = EPOCHS as u32, value_parser = clap::value_parser!(u32).range(1..=10_000))]
    epochs: u32,
    /// What all randomness follows from
    #[arg(long, default_value_t = 0)]
    seed: u64,
    /// Held-out pictures that pgd attacks at the end
    #[arg(long, value_name = "N", default_value_t = 200, value_parser = clap::value_parser!(u32).range(1..=1_000_000))]
    attacked: u32,
    /// Where the classifier goes, a `.safetensors`
    #[arg(short, long, value_name = "FILE", default_value = "hard.safetensors")]
    output: PathBuf,
    /// Print what came of it as JSON
    #[arg(long)]
    json: bool,
}

fn examples() -> String {
    let defences: Vec<Vec<String>> = defences::registry()
        .iter()
        .filter(|entry| entry.is_training())
        .map(|entry| vec![entry.page.id.to_owned(), entry.page.idea.to_owned()])
        .collect();
    format!(
        "\
Examples:
  gany harden train adversarial_training --data mnist
  gany harden train trades --data mnist --set beta=1 -o trades.safetensors
  gany harden train randomised_smoothing --data mnist --set sigma=0.5 -o noisy.safetensors
  gany attack pgd seven.png --target hard.safetensors --eps 0.3        what an attack leaves of it

Ways of training:
{}",
        aligned(&defences)
    )
}

pub(crate) fn run(args: &Args) -> Result<ExitCode, Failure> {
    let built = defences::find(&args.defence)?.build(&args.changes)?;
    let [train, test] = splits(&args.data)?;
    let bar = (!args.json && std::io::stderr().is_terminal()).then(bar);
    let mut classifier = built.train(&*train, args.seed, args.epochs as usize, &mut |progress| {
        if let Some(bar) = &bar {
            bar.set_position(progress.update * bar.length().unwrap_or(0) / progress.updates.max(1));
            bar.set_prefix(format!("epoch {} of {}", progress.epoch, progress.epochs));
            bar.set_message(format!("loss {:.3}", progress.loss));
        }
    })?;
    if let Some(bar) = bar {
        bar.finish_and_clear();
    }
    let accuracy = classifier.measure(&*test)?;
    if let Some(parent) = args.output.parent() {
        make_folder(parent)?;
    }
    classifier.save(&args.output).map_err(|error| match error {
        ganymede::metrics::ClassifierError::Io { source, .. } => cannot_write(&args.output, &source),
        other => other.into(),
    })?;
    // In the ball that it was trained for, where it was trained for one.
    let own = |key: &str| {
        built
            .settings
            .get(key)
            .map(|value| (key.to_owned(), value.as_str().map_or(value.to_string(), str::to_owned)))
    };
    let changes = ["norm", "epsilon"]
        .into_iter()
        .filter_map(own)
        .chain([("steps".to_owned(), "20".to_owned())]);
    let pgd = attacks::find("pgd")?.build(&changes.collect::<Vec<_>>())?;
    let target = Target::of_classifier(&classifier);
    let left = defences::robustness(&target, &pgd, &*test, args.attacked as usize, args.seed)?;
    let Robustness { count, clean, robust } = left;
    let (norm, epsilon) = pgd.attack.ball().unwrap_or((attacks::Norm::Linf, 0.0));
    if args.json {
        print_json(&json!({
            "record": classifier.record(), "output": args.output,
            "attack": {"id": pgd.id, "settings": pgd.settings, "left": left},
        }));
        return Ok(ExitCode::SUCCESS);
    }
    print(&format!(
        "{STRONG}{}{STRONG:#}: {:.2}% right on {}\npgd of 20 steps within {epsilon} in {norm} leaves {robust} of {count}, of which {clean} were right before\n\
         {DIM}{}{DIM:#}\n{DIM}attack it:{DIM:#} {COMMAND}gany attack pgd PICTURE --target {}{COMMAND:#}",
        target.name(),
        100.0 * accuracy,
        test.name(),
        args.output.display(),
        args.output.display(),
    ));
    Ok(ExitCode::SUCCESS)
}
