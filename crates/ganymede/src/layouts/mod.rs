//! Weights that other projects have trained, taken over by systems of the zoo: a file a layout.
//!
//! A layout knows the names, shapes and constants of a project's networks and says what each tensor becomes among ours: other
//! axes, another factor. Where a network of theirs and one of ours compute the same, it does so to the last bits that rounding
//! leaves; what they do not share is named in the layout's file, and refused or noted when it is met. A further layout is one
//! more file and a line in [`LAYOUTS`].
//!
//! ```no_run
//! use ganymede::layouts;
//! use ganymede::weights::Weights;
//!
//! let weights = Weights::read("network-snapshot-025000.pkl".as_ref())?;
//! let import = layouts::read(&weights, &layouts::Choice::default())?;
//! println!("{} for {:?}", import.layout.system, import.sample);
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```
mod array;
mod error;
mod gan_zoo;
mod source;
mod stylegan2_ada;

pub use array::Array;
pub use error::{LayoutError, Misfit};

use crate::data::Shape;
use crate::weights::Weights;
use error::Result;
use source::Source;
use std::cell::Cell;
use std::collections::BTreeMap;

/// How a project saves the weights of a system.
pub struct Layout {
    /// Its name, such as `stylegan2-ada`.
    pub id: &'static str,
    /// The system of the zoo that its networks become.
    pub system: &'static str,
    /// The project and its files, in a phrase.
    pub of: &'static str,
    has_generator: fn(Source) -> bool,
    has_discriminator: fn(Source) -> bool,
    read: fn(Source, &Choice) -> Result<Network>,
}

/// Every layout there is.
pub const LAYOUTS: &[Layout] = &[stylegan2_ada::LAYOUT, gan_zoo::LAYOUT];

/// What a person chooses of a file.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Choice {
    /// The system that the weights are meant for; the one that their names belong to where `None`.
    pub system: Option<String>,
    /// The class that a conditional generator is bound to.
    pub class: Option<usize>,
}

/// A network of others, as a system of the zoo has it.
pub struct Import {
    /// Whose it was.
    pub layout: &'static Layout,
    /// What the system is set to, beside its defaults: pairs of dotted key and text.
    pub settings: Vec<(String, String)>,
    /// What it makes.
    pub sample: Shape,
    /// The number of the step that its state is the one of.
    pub step: u64,
    /// Values of state tensors by their names in the state tree; those that are missing stay as they are drawn.
    pub tensors: BTreeMap<String, Array>,
    /// What a person should know of it, a sentence each.
    pub notes: Vec<String>,
}

/// What a layout reads, without the layout.
struct Network {
    settings: Vec<(String, String)>,
    sample: Shape,
    step: u64,
    tensors: BTreeMap<String, Array>,
    notes: Vec<String>,
}

/// Reads the networks of a file, whichever project's they are.
///
/// # Errors
/// [`LayoutError`]: the names are nobody's, a tensor is missing or of another shape, or the network was built otherwise.
pub fn read(weights: &Weights, choice: &Choice) -> Result<Import> {
    // Numbers of two bytes are the smallest that networks are saved in, and one network may serve as trained and as average.
    let left = Cell::new(2 * weights.bytes());
    let source = Source::new(weights, "", &left);
    let names = |layouts: &mut dyn Iterator<Item = String>| layouts.collect::<Vec<_>>().join(" or ");
    if let Some(asked) = &choice.system
        && LAYOUTS.iter().all(|layout| layout.system != asked)
    {
        return Err(source.unfit(Misfit::NoLayout {
            asked: asked.clone(),
            expected: names(&mut LAYOUTS.iter().map(|layout| format!("`{}`", layout.system))),
        }));
    }
    let Some(layout) = LAYOUTS.iter().find(|layout| (layout.has_generator)(source)) else {
        if LAYOUTS.iter().any(|layout| (layout.has_discriminator)(source)) {
            return Err(source.unfit(Misfit::DiscriminatorAlone));
        }
        return Err(source.unfit(Misfit::Unknown {
            expected: names(&mut LAYOUTS.iter().map(|layout| layout.of.to_owned())),
            got: some_of(source),
        }));
    };
    if let Some(asked) = choice.system.as_ref().filter(|asked| *asked != layout.system) {
        return Err(source.unfit(Misfit::OtherSystem {
            asked: asked.clone(),
            got: layout.system,
        }));
    }
    let Network {
        settings,
        sample,
        step,
        tensors,
        notes,
    } = (layout.read)(source, choice)?;
    Ok(Import {
        layout,
        settings,
        sample,
        step,
        tensors,
        notes,
    })
}

/// Some names of tensors, for a message.
fn some_of(source: Source) -> String {
    // What is not printable might do something to the terminal.
    let shown = |name: &str| {
        let name: String = name.chars().take(60).filter(|c| !c.is_control()).collect();
        format!("`{name}`")
    };
    let names: Vec<String> = source.names().take(3).map(shown).collect();
    match names.len() {
        0 => "no tensors".to_owned(),
        _ => format!("tensors named {}", names.join(", ")),
    }
}

/// Puts a layer's weight and bias under their names.
fn put(tensors: &mut BTreeMap<String, Array>, layer: impl std::fmt::Display, weight: Array, bias: Array) {
    tensors.insert(format!("{layer}.weight"), weight);
    tensors.insert(format!("{layer}.bias"), bias);
}

/// The same values as those of the average of the generator, which samples are made from.
fn as_average(tensors: BTreeMap<String, Array>) -> impl Iterator<Item = (String, Array)> {
    tensors
        .into_iter()
        .map(|(name, array)| (format!("average.{name}"), array))
}

/// A matrix or vector whose first axis runs over channels and the pixels of a grid, with the channels last.
fn channels_last(array: &Array, channels: usize, pixels: usize) -> Array {
    let rest = &array.shape()[1..];
    let apart = array.clone().reshaped(&[&[channels, pixels], rest].concat());
    let order: Vec<usize> = [1, 0].into_iter().chain(2..apart.shape().len()).collect();
    apart.permuted(&order).reshaped(array.shape())
}

/// PyTorch's weight of a convolution, `[c_out, c_in, rows, columns]`, as ours.
fn convolution(weight: &Array) -> Array {
    weight.permuted(&[2, 3, 1, 0])
}

#[cfg(test)]
mod tests;
