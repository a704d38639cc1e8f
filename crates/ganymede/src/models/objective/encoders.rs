//! The networks that this chapter's systems have beside the two: from examples to features or to a code, and back.
use crate::data::Shape;
use crate::models::Given;
use crate::models::architecture::pyramid::Pyramid;
use crate::models::objective::networks::Networks;
use crate::nn::{Activation, Layer, Scope, Sequential, conv, dense, virtual_batch_norm};
use gany_engine::Tensor;

const RECTIFIER: Activation = Activation::LeakyRelu(0.2);

/// From examples to features, whose number is given beside: two dense layers, or convolutions that halve the sides while
/// both stay at least 4.
///
/// # Shapes
/// `[n, ..]` as the data are to `[n, features]`.
pub fn features(networks: Networks, scope: &Scope, given: &Given, width: usize) -> (Sequential, usize) {
    let layers = Sequential::new(scope);
    match given.sample {
        Shape::Picture {
            height,
            width: columns,
            channels,
        } if !networks.are_dense(given) => {
            let (levels, mut sides) = (Pyramid::of(&given.sample).levels, [height, columns]);
            let mut layers = layers.push(conv(channels, width, [3, 3]).padding(1)).push(RECTIFIER);
            for level in 1..=levels {
                let [c, wider] = [width * level, width * (level + 1)];
                layers = layers
                    .push(conv(c, c, [3, 3]).padding(1))
                    .push(RECTIFIER)
                    .push(conv(c, wider, [3, 3]).stride(2).padding(1))
                    .push(RECTIFIER);
                sides = sides.map(|side| side.div_ceil(2));
            }
            let count = sides[0] * sides[1] * width * (levels + 1);
            (layers.push(|x: &Tensor| x.flatten_from(1)), count)
        }
        sample => {
            let layers = layers
                .push(|x: &Tensor| x.flatten_from(1))
                .push(dense(sample.floats(), width))
                .push(RECTIFIER)
                .push(dense(width, width))
                .push(RECTIFIER);
            (layers, width)
        }
    }
}

/// From codes to examples, without a last nonlinearity: three dense layers, or a dense one and convolutions between which
/// the sides double. With virtual batch normalisation of hidden layers where there is a reference batch, whose codes are then
/// the first `reference` of what goes in.
///
/// # Shapes
/// `[n, code]` to `[n, ..]` as the data are.
pub fn decoder(
    networks: Networks,
    scope: &Scope,
    given: &Given,
    code: usize,
    width: usize,
    reference: usize,
) -> Sequential {
    let sample = given.sample;
    let is_plain = reference == 0;
    let hidden = |layers: Sequential| match reference {
        0 => layers.push(RECTIFIER),
        _ => layers.push(virtual_batch_norm(width, reference)).push(RECTIFIER),
    };
    let same = || conv(width, width, [3, 3]).padding(1).bias(is_plain);
    let layers = Sequential::new(scope);
    match sample {
        Shape::Picture {
            height,
            width: columns,
            channels,
        } if !networks.are_dense(given) => {
            let Pyramid {
                levels,
                smallest: [rows, least],
                ..
            } = Pyramid::of(&sample);
            let layers = layers.push(dense(code, rows * least * width));
            let mut layers = layers.push(move |x: &Tensor| x.reshape(&[x.extent(0), rows, least, width]));
            for level in 0..=levels {
                layers = hidden(hidden(layers.push(same())).push(same()));
                if level < levels {
                    layers = layers.push(|x: &Tensor| x.upsample_nearest(2));
                }
            }
            layers
                .push(conv(width, channels, [3, 3]).padding(1))
                .push(move |x: &Tensor| x.slice(1, 0, height).slice(2, 0, columns))
        }
        _ => {
            let layers = hidden(layers.push(dense(code, width).bias(is_plain)));
            hidden(layers.push(dense(width, width).bias(is_plain)))
                .push(dense(width, sample.floats()))
                .push(move |x: &Tensor| x.reshape(&sample.of_batch(x.extent(0))))
        }
    }
}

/// An encoder and a decoder, which between them judge an example by how well it goes through a code.
pub struct Autoencoder {
    encoder: Sequential,
    decoder: Sequential,
}

impl Autoencoder {
    /// With codes of so many numbers.
    pub fn new(networks: Networks, scope: &Scope, given: &Given, code: usize, width: usize) -> Autoencoder {
        let (features, count) = features(networks, &scope.at("encoder"), given, width);
        Autoencoder {
            encoder: features.push(dense(count, code)),
            decoder: decoder(networks, &scope.at("decoder"), given, code, width, 0),
        }
    }

    /// The codes `[n, code]` of examples `[n, ..]`.
    pub fn encode(&self, x: &Tensor) -> Tensor {
        self.encoder.forward(x)
    }

    /// What is left of examples `[n, ..]`.
    pub fn decode(&self, code: &Tensor) -> Tensor {
        self.decoder.forward(code)
    }
}
