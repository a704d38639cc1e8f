//! The networks that objectives are compared on: dense for points and small pictures, DCGAN's for pictures.
use crate::data::Shape;
use crate::models::Given;
use crate::models::architecture::dcgan;
use crate::named::named_enum;
use crate::nn::{Activation, Layer, Scope, Sequential, beside, dense};
use gany_engine::Tensor;

named_enum! {
    /// Which networks play.
    #[derive(Default)]
    "networks" Networks {
        /// Convolutional for pictures, dense for points.
        #[default]
        Auto = "auto",
        /// Three dense layers each.
        Dense = "dense",
        /// DCGAN's, for pictures.
        Convolutional = "convolutional",
    }
}

impl Networks {
    pub(in crate::models) fn are_dense(self, given: &Given) -> bool {
        !matches!(
            (self, given.sample),
            (Networks::Auto | Networks::Convolutional, Shape::Picture { .. })
        )
    }

    /// A generator of samples from `z [n, z_dim]`.
    pub fn generator(self, scope: &Scope, given: &Given, z_dim: usize, width: usize) -> Sequential {
        let decoder = self.decoder(scope, given, z_dim, width);
        match given.sample {
            Shape::Point { .. } => decoder,
            _ => decoder.push(Activation::Tanh),
        }
    }

    /// The generator before its last nonlinearity: numbers without bounds, as many as a sample has.
    pub fn decoder(self, scope: &Scope, given: &Given, z_dim: usize, width: usize) -> Sequential {
        if self.are_dense(given) {
            decoder(scope, given, z_dim, width)
        } else {
            dcgan::decoder(scope, &given.sample, z_dim, width)
        }
    }

    /// A discriminator that gives one logit a sample, `[n]`; without batch normalisation, under which samples of a batch
    /// would not be judged apart.
    pub fn discriminator(self, scope: &Scope, given: &Given, width: usize) -> Sequential {
        if self.are_dense(given) {
            discriminator(scope, given, width)
        } else {
            dcgan::discriminator(scope, &given.sample, width, false)
        }
    }

    /// A network that reads an example, and `more` numbers that stand beside it, and gives `outputs` numbers; with batch
    /// normalisation where it is convolutional.
    pub fn encoder(self, scope: &Scope, given: &Given, more: usize, outputs: usize, width: usize) -> Encoder {
        let is_dense = self.are_dense(given);
        Encoder {
            network: if is_dense {
                three_layers(Sequential::new(scope), given.sample.floats() + more, outputs, width)
            } else {
                dcgan::encoder(scope, &given.sample.beside(more), outputs, width, true)
            },
            is_dense,
        }
    }
}

/// A network that reads examples, alone or with something beside them: a class, a latent vector.
pub struct Encoder {
    network: Sequential,
    is_dense: bool,
}

impl Encoder {
    /// What it makes of examples, and of the numbers beside them where it was declared with some.
    ///
    /// # Shapes
    /// x `[n, ..]` as the data are and numbers `[n, more]`; the result is `[n, outputs]`.
    pub fn forward(&self, x: &Tensor, numbers: Option<&Tensor>) -> Tensor {
        let x = if self.is_dense { x.flatten_from(1) } else { x.clone() };
        self.network
            .forward(&numbers.map_or(x.clone(), |numbers| beside(&x, numbers)))
    }
}

/// Three dense layers behind others.
fn three_layers(behind: Sequential, inputs: usize, outputs: usize, width: usize) -> Sequential {
    behind
        .push(dense(inputs, width))
        .push(Activation::LeakyRelu(0.2))
        .push(dense(width, width))
        .push(Activation::LeakyRelu(0.2))
        .push(dense(width, outputs))
}

/// From `[n, z_dim]` to `[n, ..]` as the data are.
fn decoder(scope: &Scope, given: &Given, z_dim: usize, width: usize) -> Sequential {
    let sample = given.sample;
    three_layers(Sequential::new(scope), z_dim, sample.floats(), width)
        .push(move |x: &Tensor| x.reshape(&sample.of_batch(x.extent(0))))
}

/// From `[n, ..]` as the data are to logits `[n]`.
fn discriminator(scope: &Scope, given: &Given, width: usize) -> Sequential {
    let flat = Sequential::new(scope).push(|x: &Tensor| x.flatten_from(1));
    three_layers(flat, given.sample.floats(), 1, width).push(|x: &Tensor| x.reshape(&[x.extent(0)]))
}
