//! `gany import`: a run of weights that others have trained.
use crate::failure::Failure;
use crate::output::{COMMAND, STRONG, print, print_json, quoted};
use crate::progress::warning;
use crate::train::{assignment, command, folder_for, size_and_colours};
use ganymede::data::Want;
use ganymede::layouts::Choice;
use ganymede::run::{ImportError, ImportOrder, Training};
use std::path::PathBuf;
use std::process::ExitCode;

/// Make a run of weights that others have trained
///
/// Read are StyleGAN2 as NVIDIA's stylegan2-ada-pytorch saves it (`network-snapshot-*.pkl`), and progressive growing as
/// Facebook's pytorch_GAN_zoo does (`.pth`, `.pt`); both also as safetensors of the same names. Nothing in a file is ever run.
/// What becomes of it is a run like one that was trained here: `gany sample` and the other verbs work on it.
#[derive(clap::Args)]
#[command(after_help = "\
Examples:
  gany import network-snapshot-025000.pkl -o runs/theirs     then: gany sample runs/theirs
  gany import celebaHQ_s6_i80000.pth                         the names in a file say its system
  gany import cifar10.pkl --class 3                          one class of a conditional generator
  gany import ffhq.pkl --set truncation=0.7                  fewer surprises, prettier pictures
  gany import ffhq.pkl --data photos/ -o runs/transfer       to train it further on your pictures:
  gany train --resume runs/transfer --minutes 60

The guide docs/guides/bigger-pictures.md says what is taken over and how it is checked.")]
pub(crate) struct Args {
    /// The file of weights
    file: PathBuf,
    /// The run's folder [default: runs/SYSTEM-FILE]
    #[arg(short, long, value_name = "FOLDER")]
    out: Option<PathBuf>,
    /// The system that the weights are meant for [default: the one that the names in the file belong to]
    #[arg(long = "as", value_name = "SYSTEM")]
    system: Option<String>,
    /// The class that a conditional generator is bound to, by its number from 0
    #[arg(long, value_name = "NUMBER")]
    class: Option<usize>,
    /// Data to train it on later: a name, or a folder of pictures, which are brought to the size of the file's
    #[arg(long, value_name = "NAME|PATH")]
    data: Option<String>,
    /// Change a setting of the system that the file does not decide; may be given again
    #[arg(long = "set", value_name = "KEY=VALUE", value_parser = assignment)]
    changes: Vec<(String, String)>,
    /// What all randomness follows from
    #[arg(long, default_value_t = 0)]
    seed: u64,
    /// Print what was made as JSON
    #[arg(long)]
    json: bool,
}

pub(crate) fn run(args: Args) -> Result<ExitCode, Failure> {
    let order = ImportOrder {
        file: args.file.clone(),
        choice: Choice {
            system: args.system,
            class: args.class,
        },
        changes: args.changes,
        data: args.data,
        want: Want::default(),
        seed: args.seed,
        command: command(),
    };
    let has_data = order.data.is_some();
    let stem = args.file.file_stem().unwrap_or_default().to_string_lossy().into_owned();
    let training = Training::import(order, |system| args.out.unwrap_or_else(|| folder_for(system, &stem)))?;
    let folder = training.folder().path();
    if args.json {
        print_json(&serde_json::json!({
            "run": folder, "system": training.entry().card.id, "step": training.step(), "notes": training.notes(),
        }));
        return Ok(ExitCode::SUCCESS);
    }
    let shape = training
        .data()
        .shape()
        .picture()
        .map(size_and_colours)
        .unwrap_or_default();
    training.notes().iter().for_each(|note| print(&warning(note)));
    let path = quoted(&folder.to_string_lossy());
    let mut text = format!(
        "{STRONG}{}{STRONG:#}, {shape}, in {}\n\n  more     {COMMAND}gany sample {path}{COMMAND:#}",
        training.entry().card.title,
        folder.display()
    );
    if has_data {
        text += &format!("\n  train    {COMMAND}gany train --resume {path} --minutes 60{COMMAND:#}");
    }
    print(&text);
    Ok(ExitCode::SUCCESS)
}

impl From<ImportError> for Failure {
    fn from(error: ImportError) -> Failure {
        match error.hint() {
            Some(hint) => Failure::new(error.to_string(), hint),
            None => Failure::without_hint(error.to_string()),
        }
    }
}
