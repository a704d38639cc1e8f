//! Fully connected layers.
use crate::nn::init::fans;
use crate::nn::{Declare, Init, Layer, Parameter, Scope};
use gany_engine::Tensor;

/// x W + b over the last axis.
///
/// # Shapes
/// x `[.., in]`, weight `[in, out]`, bias `[out]`; the result is `[.., out]`.
#[derive(Clone, Debug)]
pub struct Dense {
    /// `[in, out]`
    pub weight: Parameter,
    /// `[out]`, unless switched off.
    pub bias: Option<Parameter>,
}

/// Describes a [`Dense`] layer.
#[derive(Clone, Copy, Debug)]
pub struct DenseConfig {
    inputs: usize,
    outputs: usize,
    bias: bool,
    init: Init,
}

/// A fully connected layer with bias, drawn as PyTorch does.
pub fn dense(inputs: usize, outputs: usize) -> DenseConfig {
    DenseConfig {
        inputs,
        outputs,
        bias: true,
        init: Init::TorchDefault,
    }
}

impl DenseConfig {
    /// Whether a bias is added.
    pub fn bias(mut self, bias: bool) -> Self {
        self.bias = bias;
        self
    }

    /// How the weight is drawn; the bias starts at 0, save under [`Init::TorchDefault`], which draws it too.
    pub fn init(mut self, init: Init) -> Self {
        self.init = init;
        self
    }
}

impl Declare for DenseConfig {
    type Layer = Dense;
    fn declare(self, scope: &Scope) -> Dense {
        let shape = [self.inputs, self.outputs];
        let weight = scope.parameter("weight", &shape, self.init);
        let bias_init = bias_init(self.init, &shape);
        let bias = self.bias.then(|| scope.parameter("bias", &shape[1..], bias_init));
        Dense { weight, bias }
    }
}

impl Dense {
    /// The layer's value at `x` with another weight of the same shape: a normalised or rescaled one.
    pub fn forward_with(&self, x: &Tensor, weight: &Tensor) -> Tensor {
        let product = if x.rank() == 1 {
            let row = x.reshape(&[1, x.numel()]).matmul(weight);
            row.reshape(&[row.numel()])
        } else {
            x.matmul(weight)
        };
        with_bias(product, self.bias.as_ref())
    }
}

impl Layer for Dense {
    fn forward(&self, x: &Tensor) -> Tensor {
        self.forward_with(x, &self.weight.get())
    }
}

/// How a bias starts beside a weight of this shape.
pub(crate) fn bias_init(weight: Init, shape: &[usize]) -> Init {
    match weight {
        Init::TorchDefault => {
            let bound = fans(shape).0.recip().sqrt();
            Init::Uniform {
                low: -bound,
                high: bound,
            }
        }
        _ => Init::Zeros,
    }
}

pub(crate) fn with_bias(x: Tensor, bias: Option<&Parameter>) -> Tensor {
    bias.map_or(x.clone(), |bias| x + bias.get())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::reference::assert_layer;
    use gany_engine::DType;

    #[test]
    fn values_and_gradients_are_pytorchs() {
        assert_layer("dense", |scope| dense(3, 5).declare(scope));
        assert_layer("dense_without_bias", |scope| dense(3, 2).bias(false).declare(scope));
    }

    #[test]
    fn a_single_row_needs_no_batch() {
        let layer = dense(2, 2).declare(&Scope::new(DType::F64, 0));
        layer.weight.set(Tensor::from_f64(&[2, 2], &[1.0, 2.0, 3.0, 4.0]));
        layer.bias.as_ref().unwrap().set(Tensor::from_f64(&[2], &[0.5, 0.0]));
        let y = layer.forward(&Tensor::from_f64(&[2], &[1.0, 10.0]));
        assert_eq!((y.shape(), y.to_f64()), (&[2][..], vec![31.5, 42.0]));
    }

    #[test]
    fn the_bias_is_drawn_by_pytorchs_rule_only_with_the_weight() {
        let scope = Scope::new(DType::F64, 0);
        let bias = |layer: Dense| layer.bias.unwrap().get().to_f64();
        let drawn = bias(dense(16, 32).declare(&scope.at("a")));
        assert!(drawn.iter().all(|x| x.abs() <= 0.25) && drawn.iter().any(|x| x.abs() > 0.2));
        assert_eq!(bias(dense(16, 2).init(Init::DCGAN).declare(&scope.at("b"))), [0.0; 2]);
    }
}
