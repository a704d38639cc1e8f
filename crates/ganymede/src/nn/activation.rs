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

    fn rectifies(&self) -> bool {
        matches!(
            self,
            Activation::Relu | Activation::LeakyRelu(_) | Activation::Elu | Activation::Silu
        )
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::reference::assert_layer;
    use gany_engine::{DType, grad};

    #[test]
    fn values_and_gradients_are_pytorchs() {
        assert_layer("relu", |_| Activation::Relu);
        assert_layer("leaky_relu", |_| Activation::LeakyRelu(0.2));
        assert_layer("elu", |_| Activation::Elu);
        assert_layer("silu", |_| Activation::Silu);
        assert_layer("softplus", |_| Activation::Softplus);
        assert_layer("tanh", |_| Activation::Tanh);
        assert_layer("sigmoid", |_| Activation::Sigmoid);
    }

    #[test]
    fn elu_does_not_overflow() {
        let x = Tensor::from_f32(&[2], &[1e4, -1e4]);
        let y = Activation::Elu.forward(&x);
        assert_eq!(y.to_f64(), [1e4, -1.0]);
        assert_eq!(grad(&y.sum(), &[&x])[0].to_f64(), [1.0, 0.0]);
    }

    #[test]
    fn names_are_kebab_case() {
        let json = serde_json::to_string(&[Activation::LeakyRelu(0.2), Activation::Relu]).unwrap();
        assert_eq!(json, r#"[{"leaky-relu":0.2},"relu"]"#);
    }

    #[test]
    fn identity_is_the_same_node() {
        let x = Tensor::full(DType::F32, &[2], 3.0);
        assert_eq!(Activation::Identity.forward(&x).to_f64(), [3.0, 3.0]);
    }
}
