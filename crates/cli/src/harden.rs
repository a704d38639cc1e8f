//! `gany harden`: classifiers that are harder to fool. A file a subcommand; what they share stands here.
mod certify;
mod detect;
mod purify;
mod train;

use crate::failure::Failure;
use clap::Subcommand;
use ganymede::attacks::{Said, Target};
use ganymede::defences::DefenceError;
use std::path::{Path, PathBuf};
use std::process::ExitCode;

/// Make a classifier harder to fool, or find out when it is being fooled
///
/// One way is another training; the others stand around a classifier that is trained already. What any of them is worth says
/// an attack: `gany attack pgd PICTURE --target FILE`.
#[derive(clap::Args)]
#[command(
    subcommand_required = true,
    arg_required_else_help = true,
    after_help = "\
Examples:
  gany harden train adversarial_training --data mnist -o hard.safetensors    learns from its worst cases
  gany harden train trades --data fashion-mnist --set epsilon=0.1            so much accuracy for so much robustness
  gany harden certify seven.png --target noisy.safetensors --sigma 0.5       how far no change can turn the answer
  gany harden purify seven.png --run runs/wgan_gp-mnist --target mnist       the nearest that a generator makes, instead
  gany harden detect seven.png --target mnist                                was the picture tampered with?

`gany harden WHAT --help` teaches each of them."
)]
pub(crate) struct Args {
    #[command(subcommand)]
    what: What,
}

#[derive(Subcommand)]
enum What {
    Train(train::Args),
    Certify(certify::Args),
    Purify(purify::Args),
    Detect(detect::Args),
}

pub(crate) fn run(args: &Args) -> Result<ExitCode, Failure> {
    match &args.what {
        What::Train(args) => train::run(args),
        What::Certify(args) => certify::run(args),
        What::Purify(args) => purify::run(args),
        What::Detect(args) => detect::run(args),
    }
}

impl From<DefenceError> for Failure {
    fn from(error: DefenceError) -> Failure {
        match error.hint() {
            Some(hint) => Failure::new(error.to_string(), hint),
            None => Failure::without_hint(error.to_string()),
        }
    }
}

/// Pictures that are looked at, and the classifier.
#[derive(clap::Args)]
struct Looked {
    /// Pictures; they are brought to the classifier's size
    #[arg(required = true, value_name = "PICTURE")]
    pictures: Vec<PathBuf>,
    /// The classifier: a labelled data set whose classifier was trained, a file of one, or `effnet-lite0`
    #[arg(long, value_name = "NAME|FILE")]
    target: String,
}

impl Looked {
    /// The classifier, and the pictures as it sees them.
    fn open(&self) -> Result<(Target, Vec<f32>), Failure> {
        let target = Target::open(&self.target)?;
        let read: Result<Vec<_>, _> = self.pictures.iter().map(|path| target.read(path)).collect();
        let pictures = read?.concat();
        Ok((target, pictures))
    }

    /// The names of the pictures' files.
    fn files(&self) -> impl Iterator<Item = String> {
        let name = |path: &PathBuf| Path::file_name(path).unwrap_or_default().to_string_lossy().into_owned();
        self.pictures.iter().map(name)
    }
}

/// What a classifier says, in a cell of a table.
fn said(target: &Target, said: &Said) -> String {
    format!("{} {:.1}%", target.class_name(said.class), 100.0 * said.confidence)
}
