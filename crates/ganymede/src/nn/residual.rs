//! Pre-activation residual blocks of pictures, as WGAN-GP's ResNets stack them.
use crate::nn::{Activation, AnyNorm, Conv, Declare, Init, Layer, Norm, Scope, conv};
use gany_engine::Tensor;

/// How a block changes the extents of pictures.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Resample {
    /// Not at all.
    #[default]
    Keep,
    /// Doubles them, by repetition before the first convolution.
    Up,
    /// Halves them, by means of 2 x 2 after the second convolution.
    Down,
}

/// Norm, ReLU, 3 x 3 convolution, twice, plus a shortcut (Gulrajani et al. 2017, "Improved Training of Wasserstein
/// GANs", appendix F; He et al. 2016, "Identity Mappings in Deep Residual Networks"). The shortcut is x itself where
/// nothing changes, a resampled 1 x 1 convolution otherwise. Where the block halves, its first convolution keeps
/// `c_in` channels; otherwise it makes `c_out`.
///
/// # Shapes
/// x `[n, h, w, c_in]`; the result is `[n, h', w', c_out]` with extents kept, doubled or halved.
#[derive(Clone, Debug)]
pub struct Residual {
    norms: [AnyNorm; 2],
    convs: [Conv; 2],
    shortcut: Option<Conv>,
    activation: Activation,
    resample: Resample,
}

/// Describes a [`Residual`].
#[derive(Clone, Copy, Debug)]
pub struct ResidualConfig {
    c_in: usize,
    c_out: usize,
    norm: Norm,
    activation: Activation,
    resample: Resample,
    init: Init,
}

/// A residual block without normalisation that keeps extents; ReLU; weights drawn by He's rule.
pub fn residual(c_in: usize, c_out: usize) -> ResidualConfig {
    ResidualConfig {
        c_in,
        c_out,
        norm: Norm::None,
        activation: Activation::Relu,
        resample: Resample::Keep,
        init: Init::HeUniform,
    }
}

impl ResidualConfig {
    /// What stands before either activation.
    pub fn norm(mut self, norm: Norm) -> Self {
        self.norm = norm;
        self
    }

    /// The nonlinearity before either convolution.
    pub fn activation(mut self, activation: Activation) -> Self {
        self.activation = activation;
        self
    }

    /// Whether extents double, halve or stay.
    pub fn resample(mut self, resample: Resample) -> Self {
        self.resample = resample;
        self
    }

    /// How all weights are drawn.
    pub fn init(mut self, init: Init) -> Self {
        self.init = init;
        self
    }
}

impl Declare for ResidualConfig {
    type Layer = Residual;
    fn declare(self, scope: &Scope) -> Residual {
        let (c_in, c_out) = (self.c_in, self.c_out);
        let c_mid = if self.resample == Resample::Down { c_in } else { c_out };
        let conv3 = |name, from, to| {
            let config = conv(from, to, [3, 3]).padding(1).init(self.init);
            config.declare(&scope.at(name))
        };
        let changes = c_in != c_out || self.resample != Resample::Keep;
        Residual {
            norms: [
                self.norm.declare(&scope.at("norm_0"), c_in),
                self.norm.declare(&scope.at("norm_1"), c_mid),
            ],
            convs: [conv3("conv_0", c_in, c_mid), conv3("conv_1", c_mid, c_out)],
            shortcut: changes.then(|| {
                let config = conv(c_in, c_out, [1, 1]).init(self.init);
                config.declare(&scope.at("shortcut"))
            }),
            activation: self.activation,
            resample: self.resample,
        }
    }
}

impl Residual {
    /// A 1 x 1 convolution commutes with repetition and with means, so it runs where there are fewer pixels.
    fn shortcut(&self, x: &Tensor) -> Tensor {
        match (&self.shortcut, self.resample) {
            (None, _) => x.clone(),
            (Some(conv), Resample::Keep) => conv.forward(x),
            (Some(conv), Resample::Up) => conv.forward(x).upsample_nearest(2),
            (Some(conv), Resample::Down) => conv.forward(&x.average_pool(2)),
        }
    }
}

impl Layer for Residual {
    fn forward(&self, x: &Tensor) -> Tensor {
        let activated = |norm: &AnyNorm, x: &Tensor| self.activation.forward(&norm.forward(x));
        let mut h = activated(&self.norms[0], x);
        if self.resample == Resample::Up {
            h = h.upsample_nearest(2);
        }
        h = self.convs[0].forward(&h);
        h = self.convs[1].forward(&activated(&self.norms[1], &h));
        if self.resample == Resample::Down {
            h = h.average_pool(2);
        }
        h + self.shortcut(x)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::reference::assert_layer;

    #[test]
    fn values_and_gradients_are_pytorchs() {
        assert_layer("residual", |s| residual(2, 2).declare(s));
        assert_layer("residual_wider", |s| residual(2, 3).declare(s));
        assert_layer("residual_up", |s| {
            residual(2, 3).norm(Norm::Batch).resample(Resample::Up).declare(s)
        });
        assert_layer("residual_down", |s| {
            residual(2, 3).norm(Norm::Layer).resample(Resample::Down).declare(s)
        });
    }
}
