//! `gany explore RUN mix`: the styles of two samples, layer by layer.
use super::{Common, Samples, Walk};
use crate::failure::Failure;
use ganymede::explore::{CodeSpace, mixing};
use std::path::Path;
use std::process::ExitCode;

/// Mix the styles of samples: those on top lend some of their layers to those on the left
///
/// Coarse layers, those of the smallest pictures, decide pose and outline, fine ones colours and textures. Where both lists are
/// the same the diagonal shows the samples themselves.
#[derive(clap::Args)]
#[command(after_help = "\
Examples:
  gany explore runs/stylegan-emoji-google mix                            coarse layers of 5 to 9 on 0 to 4
  gany explore runs/stylegan-emoji-google mix --layers fine              their colours instead
  gany explore runs/stylegan-emoji-google mix --layers 4-5 --samples 0,7 --with 3,12")]
pub(super) struct Args {
    /// The samples on the left, which keep all other layers
    #[arg(long, value_name = "N,N-M,SEED:N", default_value = "0-4")]
    samples: Samples,
    /// The samples on top, which lend these layers
    #[arg(long, value_name = "N,N-M,SEED:N", default_value = "5-9")]
    with: Samples,
    /// Which layers: `coarse`, `middle`, `fine`, a number or a range from 0
    #[arg(long, value_name = "NAME|N-M", default_value = "coarse")]
    layers: String,
    #[command(flatten)]
    common: Common,
}

/// The level of the corner, in which there is no picture: that of the gutters.
const CORNER: f32 = -0.81;

pub(super) fn run(run: &Path, args: &Args) -> Result<ExitCode, Failure> {
    let mut walk = Walk::begin(run, "mix", &args.common, Some(CodeSpace::W))?;
    let layers = walk.explorer.layers(&args.layers)?;
    let shape = walk.explorer.shape();
    let [rows, columns] = [&args.samples, &args.with].map(|samples| walk.codes(samples));
    walk.said
        .push(("layers", serde_json::json!([layers.start, layers.end - 1])));
    if walk.moving.is_some() {
        return walk.end(&mixing::grid(&rows, &columns, &layers, shape), rows.len());
    }
    let mut pictures = vec![CORNER; walk.explorer.sampler().shape().floats()];
    pictures.extend(walk.explorer.pictures(&columns));
    for row in &rows {
        let mixed = mixing::grid(std::slice::from_ref(row), &columns, &layers, shape);
        pictures.extend(
            walk.explorer
                .pictures(&[std::slice::from_ref(row), &mixed[..]].concat()),
        );
    }
    walk.show(pictures, rows.len() + 1)
}
