//! SNGAN: every weight of the discriminator is divided by its largest singular value, which bounds its slope.
//!
//! Miyato et al. 2018, "Spectral Normalization for Generative Adversarial Networks", arXiv:1802.05957, algorithm 1.
//!
//! ```text
//! W of every layer of D becomes W / sigma(W),  sigma(W) = max |W h| / |h|, by power iteration
//! L_D = E_x[max(0, 1 - D(x))] + E_z[max(0, 1 + D(G(z)))]      equations 16 and 17; other objectives as one likes
//! L_G = -E_z[D(G(z))]
//! ```
//!
//! Over `hinge`: the normalisation. For pictures the discriminator is the paper's (table 3), for points the chapter's. The
//! paper's residual networks are left out.
use crate::data::Shape;
use crate::games::{Player, Step};
use crate::models::objective::networks::Networks;
use crate::models::objective::two_player::{Config, Rules, TwoPlayer, logits};
use crate::models::{Card, Given, Section, Takes};
use crate::nn::{Activation, Layer, Scope, Sequential, conv, dense, spectral};
use crate::objectives::Objective;
use crate::optimisers::OptimiserConfig;
use gany_engine::Tensor;
use serde::{Deserialize, Serialize};

/// The GAN with a spectrally normalised discriminator.
pub type Sngan = TwoPlayer<Spectral>;

/// Settings of [`Sngan`] beside those of every [`TwoPlayer`].
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Spectral {
    /// Moves of the discriminator to one of the generator.
    pub n_critic: usize,
    /// What is minimised; `hinge` and `non-saturating` are the paper's.
    pub objective: Objective,
    /// The discriminator's optimiser.
    pub discriminator: OptimiserConfig,
}

impl Rules for Spectral {
    const CARD: Card = Card {
        id: "sngan",
        section: Section::Objective,
        title: "Spectrally normalised GAN",
        paper: "Miyato et al. 2018, Spectral Normalization for Generative Adversarial Networks, arXiv:1802.05957",
        idea: "Every weight of the discriminator is divided by its largest singular value, which bounds its slope.",
        equations: &[
            "W of every layer of D becomes W / sigma(W), its largest singular value",
            "L_D = E_x[max(0, 1 - D(x))] + E_z[max(0, 1 + D(G(z)))]",
            "L_G = -E_z[D(G(z))]",
        ],
        needs: &[],
        takes: Takes::PicturesOrPoints,
        data: "grid",
        over: Some("hinge"),
    };

    fn defaults() -> Config<Self> {
        let adam = OptimiserConfig::adam(2e-4, [0.5, 0.999]);
        Config {
            batch: 64,
            z_dim: 128,
            width: 64,
            networks: Networks::Auto,
            average_decay: 0.0,
            generator: adam,
            rules: Spectral {
                n_critic: 1,
                objective: Objective::Hinge,
                discriminator: adam,
            },
        }
    }

    fn judge(&self) -> Player {
        Player::new("discriminator", self.discriminator)
    }

    fn n_critic(&self) -> usize {
        self.n_critic
    }

    fn network(&self, networks: Networks, scope: &Scope, given: &Given, width: usize) -> Sequential {
        match given.sample {
            Shape::Picture {
                height,
                width: columns,
                channels,
            } if !networks.are_dense(given) => convolutional(scope, [height, columns, channels], width),
            sample => dense_layers(scope, sample.floats(), width),
        }
    }

    fn judge_loss(&self, discriminator: &Sequential, x_fake: &Tensor, s: &Step) -> Tensor {
        let [real, fake] = logits(discriminator, x_fake, s);
        self.objective.discriminator(&real, &fake)
    }

    fn generator_loss(&self, discriminator: &Sequential, x_fake: &Tensor, _: &Step) -> Tensor {
        self.objective.generator(&discriminator.forward(x_fake))
    }
}

/// The chapter's dense discriminator, normalised.
///
/// # Shapes
/// `[n, ..]` of so many floats to `[n]`.
fn dense_layers(scope: &Scope, floats: usize, width: usize) -> Sequential {
    Sequential::new(scope)
        .push(|x: &Tensor| x.flatten_from(1))
        .push(spectral(dense(floats, width)))
        .push(Activation::LeakyRelu(0.2))
        .push(spectral(dense(width, width)))
        .push(Activation::LeakyRelu(0.2))
        .push(spectral(dense(width, 1)))
        .push(|x: &Tensor| x.reshape(&[x.extent(0)]))
}

/// The discriminator of the paper's table 3: three times a window of 3 with stride 1 and one of 4 with stride 2, then a
/// window of 3.
///
/// # Shapes
/// `[n, height, width, channels]` to `[n]`.
fn convolutional(scope: &Scope, [height, columns, channels]: [usize; 3], width: usize) -> Sequential {
    let mut layers = Sequential::new(scope);
    let mut c = channels;
    for level in 0..3 {
        let [same, wider] = [width << level, width << (level + 1)];
        layers = layers
            .push(spectral(conv(c, same, [3, 3]).padding(1)))
            .push(Activation::LeakyRelu(0.1))
            .push(spectral(conv(same, wider, [4, 4]).stride(2).padding(1)))
            .push(Activation::LeakyRelu(0.1));
        c = wider;
    }
    layers
        .push(spectral(conv(c, c, [3, 3]).padding(1)))
        .push(Activation::LeakyRelu(0.1))
        .push(|x: &Tensor| x.flatten_from(1))
        .push(spectral(dense((height >> 3) * (columns >> 3) * c, 1)))
        .push(|x: &Tensor| x.reshape(&[x.extent(0)]))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::nn::{Declare, evaluating};
    use gany_engine::DType;

    /// Lets the power iteration come to rest.
    fn settle(scope: &Scope, run: impl Fn() -> Tensor) {
        for _ in 0..200 {
            run();
            for vector in scope.parameters().iter().filter(|p| !p.is_trainable()) {
                vector.set(Tensor::from_f64(vector.shape(), &vector.get().to_f64()));
            }
        }
    }

    /// The largest singular value of every normalised weight is 1 within 1e-3, whatever the weight was, by a power iteration
    /// of the test's own on what a layer does to the unit vectors.
    #[test]
    fn largest_singular_values_are_1() {
        let scope = Scope::new(DType::F64, 0);
        let layer = spectral(dense(7, 5).bias(false)).declare(&scope);
        let weight = &scope.parameters()[0];
        weight.set(weight.get() * 50.0);
        settle(&scope, || layer.weight());
        let w = evaluating(|| layer.weight()).to_f64();
        let (mut v, mut sigma) = ([1.0; 5], 0.0_f64);
        for _ in 0..300 {
            let u: Vec<f64> = (0..7).map(|i| (0..5).map(|j| w[5 * i + j] * v[j]).sum()).collect();
            let back: Vec<f64> = (0..5).map(|j| (0..7).map(|i| w[5 * i + j] * u[i]).sum()).collect();
            let length = back.iter().map(|x| x * x).sum::<f64>().sqrt();
            sigma = length.sqrt();
            (0..5).for_each(|j| v[j] = back[j] / length);
        }
        assert!((sigma - 1.0).abs() < 1e-3, "{sigma}");
    }

    /// Hence no two points are judged further apart than they lie.
    #[test]
    fn the_slope_is_1_at_most() {
        let scope = Scope::new(DType::F64, 0);
        let given = Given::of(Shape::Point { dimension: 2 }, None);
        let discriminator = Spectral::defaults().rules.network(Networks::Auto, &scope, &given, 16);
        for weight in scope.parameters().iter().filter(|p| p.name().ends_with("weight")) {
            weight.set(weight.get() * 50.0);
        }
        let x = (Tensor::arange(DType::F64, 400).reshape(&[200, 2]) * 12.9898).sin() * 3.0;
        settle(&scope, || discriminator.forward(&x));
        let (points, scores) = (x.to_f64(), evaluating(|| discriminator.forward(&x)).to_f64());
        let mut steepest = 0.0_f64;
        for i in 0..200 {
            for j in 0..i {
                let [a, b] = [0, 1].map(|axis| points[2 * i + axis] - points[2 * j + axis]);
                steepest = steepest.max((scores[i] - scores[j]).abs() / a.hypot(b));
            }
        }
        assert!(steepest <= 1.001 && steepest > 0.05, "{steepest}");
    }
}
