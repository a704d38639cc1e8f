//! A discriminator of pairs of example and code, as `bigan` and `ali` have it.
use crate::models::Given;
use crate::models::architecture::dcgan;
use crate::models::objective::networks::Networks;
use crate::nn::{Activation, Layer, Scope, Sequential, beside, dense};
use gany_engine::Tensor;

const RECTIFIER: Activation = Activation::LeakyRelu(0.2);

/// Reads an example and a code: convolutional networks by a network for each before the two meet, dense ones at once. Without
/// batch normalisation, under which pairs of a batch would not be judged apart.
pub(super) struct Joint {
    of_x: Sequential,
    of_z: Sequential,
    of_both: Sequential,
}

impl Joint {
    pub(super) fn new(networks: Networks, scope: &Scope, given: &Given, z_dim: usize, width: usize) -> Joint {
        let part = |name: &str| Sequential::new(&scope.at(name));
        let (of_x, of_z, inputs, hidden) = if networks.are_dense(given) {
            let of_x = part("x").push(|x: &Tensor| x.flatten_from(1));
            (of_x, part("z"), given.sample.floats() + z_dim, width)
        } else {
            let features = 8 * width;
            let of_x = dcgan::encoder(&scope.at("x"), &given.sample, features, width, false).push(RECTIFIER);
            let of_z = part("z").push(dense(z_dim, features)).push(RECTIFIER);
            (of_x, of_z, 2 * features, features)
        };
        let mut of_both = part("both").push(dense(inputs, hidden)).push(RECTIFIER);
        if networks.are_dense(given) {
            of_both = of_both.push(dense(hidden, hidden)).push(RECTIFIER);
        }
        Joint {
            of_x,
            of_z,
            of_both: of_both
                .push(dense(hidden, 1))
                .push(|x: &Tensor| x.reshape(&[x.extent(0)])),
        }
    }

    /// Logits of pairs of examples `[n, ..]` and codes `[n, z_dim]`, `[n]`.
    pub(super) fn forward(&self, x: &Tensor, z: &Tensor) -> Tensor {
        let both = beside(&self.of_x.forward(x), &self.of_z.forward(z));
        self.of_both.forward(&both)
    }

    /// The same where `change` has been at work on what hidden layers give.
    pub(super) fn changed(&self, x: &Tensor, z: &Tensor, change: impl Fn(Tensor) -> Tensor) -> Tensor {
        let both = beside(&self.of_x.changed(x, &change), &self.of_z.changed(z, &change));
        self.of_both.changed(&both, &change)
    }
}
