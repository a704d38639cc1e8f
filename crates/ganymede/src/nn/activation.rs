//! Elementwise nonlinearities.
use crate::nn::Layer;
use gany_engine::{Tensor, select};
use serde::{Deserialize, Serialize};

/// An elementwise nonlinearity; any shape.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Activation {
    /// x
    #[default]
    Identity,
    /// max(x, 0)
    Relu,
    /// x where positive, this slope times x elsewhere; DCGAN's slope is 0.2.
    LeakyRelu(f64),
    /// x where positive, exp(x) - 1 elsewhere (Clevert et al. 2016).
    Elu,
    /// x sigmoid(x) (Ramachandran et al. 2017).
    Silu,
    /// log(1 + exp(x))
    Softplus,
    /// Hyperbolic tangent.
    Tanh,
    /// 1 / (1 + exp(-x))
    Sigmoid,
}

impl Layer for Activation {
    fn forward(&self, x: &Tensor) -> Tensor {
        match *self {
            Activation::Identity => x.clone(),
            Activation::Relu => x.relu(),
            Activation::LeakyRelu(slope) => x.leaky_relu(slope),
            // The exponential is taken of what is not positive only, so that its gradient cannot overflow.
            Activation::Elu => select(&x.positive(), x, &((-(-x).relu()).exp() - 1.0)),
            Activation::Silu => x * x.sigmoid(),
            Activation::Softplus => x.softplus(),
            Activation::Tanh => x.tanh(),
            Activation::Sigmoid => x.sigmoid(),
        }
    }
}
