//! The two networks that objectives are compared on: dense for points and small pictures, DCGAN's for pictures.
use crate::data::Shape;
use crate::models::Given;
use crate::models::architecture::dcgan;
use crate::named::named_enum;
use crate::nn::{Activation, Scope, Sequential, dense};
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
    fn are_dense(self, given: &Given) -> bool {
        match (self, given.sample) {
            (_, Shape::Point { .. } | Shape::Volume { .. }) | (Networks::Dense, _) => true,
            (Networks::Auto | Networks::Convolutional, Shape::Picture { .. }) => false,
        }
    }

    /// A generator of samples from `z [n, z_dim]`.
    pub fn generator(self, scope: &Scope, given: &Given, z_dim: usize, width: usize) -> Sequential {
        if self.are_dense(given) {
            generator(scope, given, z_dim, width)
        } else {
            dcgan::generator(scope, &given.sample, z_dim, width)
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
}

/// Three dense layers; tanh at the end for pictures, nothing for points.
///
/// # Shapes
/// `[n, z_dim]` to `[n, ..]` as the data are.
pub fn generator(scope: &Scope, given: &Given, z_dim: usize, width: usize) -> Sequential {
    let sample = given.sample;
    let hidden = Sequential::new(scope)
        .push(dense(z_dim, width))
        .push(Activation::LeakyRelu(0.2))
        .push(dense(width, width))
        .push(Activation::LeakyRelu(0.2))
        .push(dense(width, sample.floats()));
    match sample {
        Shape::Point { .. } => hidden,
        Shape::Picture { .. } | Shape::Volume { .. } => hidden
            .push(Activation::Tanh)
            .push(move |x: &Tensor| x.reshape(&sample.of_batch(x.extent(0)))),
    }
}

/// Three dense layers.
///
/// # Shapes
/// `[n, ..]` as the data are to logits `[n]`.
pub fn discriminator(scope: &Scope, given: &Given, width: usize) -> Sequential {
    Sequential::new(scope)
        .push(|x: &Tensor| x.flatten_from(1))
        .push(dense(given.sample.floats(), width))
        .push(Activation::LeakyRelu(0.2))
        .push(dense(width, width))
        .push(Activation::LeakyRelu(0.2))
        .push(dense(width, 1))
        .push(|x: &Tensor| x.reshape(&[x.extent(0)]))
}
