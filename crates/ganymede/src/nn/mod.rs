//! Network blocks. Channels are last everywhere: pictures are `[n, h, w, c]`, volumes `[n, d, h, w, c]`, sequences
//! `[n, t, c]`, features `[n, c]`.
//!
//! A layer is described first (`dense(100, 128)`, `conv(3, 64, [4, 4]).stride(2)`) and then declared under a
//! [`Scope`], which draws and names its parameters:
//!
//! ```
//! use ganymede::nn::*;
//! use gany_engine::{DType, Tensor};
//!
//! let scope = Scope::new(DType::F32, 0);
//! let discriminator = Sequential::new(&scope.at("discriminator"))
//!     .push(conv(1, 64, [4, 4]).stride(2).padding(1).init(Init::DCGAN))
//!     .push(Activation::LeakyRelu(0.2))
//!     .push(|x: &Tensor| x.flatten_from(1))
//!     .push(dense(14 * 14 * 64, 1));
//! let logits = discriminator.forward(&Tensor::full(DType::F32, &[8, 28, 28, 1], 0.5));
//! assert_eq!(logits.shape(), [8, 1]);
//! assert_eq!(scope.parameters()[0].name(), "discriminator.0.weight");
//! ```
mod activation;
mod adain;
mod beside;
mod conv;
mod dense;
mod embedding;
mod equalised;
mod fir;
mod init;
mod lstm;
mod minibatch_deviation;
mod minibatch_discrimination;
mod modulated;
mod noise;
mod norm;
mod observe;
mod residual;
mod scope;
mod sequential;
mod shuffle;
mod spectral;
mod stage;
mod stretch;
mod virtual_batch_norm;
mod weight_norm;

pub use activation::Activation;
pub use adain::AdaIn;
pub use beside::beside;
pub use conv::{Conv, ConvConfig, ConvTranspose, ConvTransposeConfig, PerAxis, conv, conv_transpose};
pub use dense::{Dense, DenseConfig, dense};
pub use embedding::{Embedding, EmbeddingConfig, embedding};
pub use equalised::{Drawn, Equalised, EqualisedConfig, equalised};
pub use fir::Fir;
pub use init::Init;
pub use lstm::{Lstm, LstmConfig, Memory, lstm};
pub use minibatch_deviation::MinibatchDeviation;
pub use minibatch_discrimination::{MinibatchDiscrimination, MinibatchDiscriminationConfig, minibatch_discrimination};
pub use modulated::Modulated;
pub use noise::{NoiseInjection, NoiseInjectionConfig, noise_injection};
pub use norm::{
    Affine, AnyNorm, BatchNorm, BatchNormConfig, InstanceNorm, InstanceNormConfig, LayerNorm, LayerNormConfig, Norm,
    NormAxes, PixelNorm, batch_norm, evaluating, instance_norm, is_evaluating, layer_norm,
};
pub use observe::{intervening, observed, observing, observing_first_affine};
pub use residual::{Resample, Residual, ResidualConfig, residual};
pub use scope::{Parameter, Scope};
pub use sequential::Sequential;
pub use shuffle::pixel_shuffle;
pub use spectral::{Spectral, SpectralConfig, Weighted, spectral};
pub use stage::Stage;
pub use stretch::stretch;
pub use virtual_batch_norm::{VirtualBatchNorm, VirtualBatchNormConfig, virtual_batch_norm};
pub use weight_norm::{WeightNorm, WeightNormConfig, weight_norm};

use gany_engine::Tensor;

/// A function of one tensor. Closures are layers too.
pub trait Layer: Send + Sync {
    /// The layer's value at `x`; shapes are the layer's own and a misfit panics where the operation is written.
    fn forward(&self, x: &Tensor) -> Tensor;

    /// Whether it is a rectifier, whose units can fall silent.
    fn rectifies(&self) -> bool {
        false
    }
}

impl<F: Fn(&Tensor) -> Tensor + Send + Sync> Layer for F {
    fn forward(&self, x: &Tensor) -> Tensor {
        self(x)
    }
}

/// A description of a layer that becomes the layer once its parameters are declared.
pub trait Declare {
    /// The layer that this describes.
    type Layer: Layer + 'static;
    /// Declares the parameters directly under `scope`.
    fn declare(self, scope: &Scope) -> Self::Layer;
}

/// What is a layer already declares nothing: functions, activations, layers that share their parameters.
impl<L: Layer + 'static> Declare for L {
    type Layer = L;
    fn declare(self, _: &Scope) -> L {
        self
    }
}
