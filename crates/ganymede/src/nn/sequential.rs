//! Layers one after another.
use crate::nn::observe::{before_rectifier, observed};
use crate::nn::{Declare, Layer, Parameter, Scope};
use gany_engine::Tensor;
use std::sync::Arc;

/// Layers one after another; the parameters of the layer at position i are named under `i`. Cloning shares the layers.
#[derive(Clone)]
pub struct Sequential {
    scope: Scope,
    layers: Vec<Arc<dyn Layer>>,
}

impl Sequential {
    /// No layers yet; parameters will be named under `scope`.
    pub fn new(scope: &Scope) -> Sequential {
        Sequential {
            scope: scope.clone(),
            layers: Vec::new(),
        }
    }

    /// Declares one more layer behind the others: a description, a ready layer, or a function of a tensor.
    #[must_use]
    pub fn push(mut self, layer: impl Declare) -> Sequential {
        let layer = layer.declare(&self.scope.at(self.layers.len()));
        self.layers.push(Arc::new(layer));
        self
    }

    /// How many layers.
    pub fn len(&self) -> usize {
        self.layers.len()
    }

    /// Whether there is no layer.
    pub fn is_empty(&self) -> bool {
        self.layers.is_empty()
    }

    /// What the last rectifier gives: the features that the layers behind it decide by.
    pub fn features(&self, x: &Tensor) -> Tensor {
        let end = self.layers.iter().rposition(|layer| layer.rectifies());
        let hidden = &self.layers[..end.map_or(0, |last| last + 1)];
        hidden.iter().fold(x.clone(), |x, layer| layer.forward(&x))
    }

    /// Its value at x where `change` has been at work on what every rectifier gives.
    pub fn changed(&self, x: &Tensor, change: impl Fn(Tensor) -> Tensor) -> Tensor {
        let run = |x: Tensor, layer: &Arc<dyn Layer>| {
            let y = layer.forward(&x);
            if layer.rectifies() { change(y) } else { y }
        };
        self.layers.iter().fold(x.clone(), run)
    }

    /// Everything declared under it, in order of declaration.
    pub fn parameters(&self) -> Vec<Parameter> {
        self.scope.parameters()
    }

    /// What every layer gives, first to last: the features that matching losses compare.
    pub fn activations(&self, x: &Tensor) -> Vec<Tensor> {
        let mut x = x.clone();
        let run = |layer: &Arc<dyn Layer>| {
            x = layer.forward(&x);
            x.clone()
        };
        self.layers.iter().map(run).collect()
    }
}

impl Layer for Sequential {
    fn forward(&self, x: &Tensor) -> Tensor {
        let run = |x: Tensor, (i, layer): (usize, &Arc<dyn Layer>)| {
            if !layer.rectifies() {
                return layer.forward(&x);
            }
            let name = || self.scope.at(i).path().to_owned();
            observed(name, layer.forward(&before_rectifier(name, x)))
        };
        self.layers.iter().enumerate().fold(x.clone(), run)
    }
}

impl std::fmt::Debug for Sequential {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Sequential({:?}, {} layers)", self.scope, self.layers.len())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::nn::{Activation, dense};
    use gany_engine::DType;

    #[test]
    fn layers_run_in_order_and_are_named_by_position() {
        let scope = Scope::new(DType::F64, 0);
        let network = Sequential::new(&scope.at("critic"))
            .push(dense(2, 2).bias(false))
            .push(Activation::Relu)
            .push(|x: &Tensor| x * 2.0)
            .push(dense(2, 1).bias(false));
        let [first, last] = scope.parameters().try_into().unwrap();
        assert_eq!((first.name(), last.name()), ("critic.0.weight", "critic.3.weight"));
        first.set(Tensor::from_f64(&[2, 2], &[1.0, -1.0, 0.0, 0.0]));
        last.set(Tensor::from_f64(&[2, 1], &[10.0, 100.0]));
        let x = Tensor::from_f64(&[2, 2], &[1.0, 5.0, -1.0, 5.0]);
        assert_eq!(network.forward(&x).to_f64(), [20.0, 200.0]);
        let features = network.activations(&x);
        assert_eq!((features.len(), network.len()), (4, 4));
        assert_eq!(features[1].to_f64(), [1.0, 0.0, 0.0, 1.0]);
        assert_eq!(features[3].to_f64(), [20.0, 200.0]);
        assert_eq!(network.features(&x).to_f64(), features[1].to_f64());
    }

    #[test]
    fn a_ready_layer_shares_its_parameters() {
        let scope = Scope::new(DType::F64, 0);
        let shared = dense(2, 2).declare(&scope.at("shared"));
        let network = Sequential::new(&scope.at("critic")).push(shared.clone()).push(shared);
        assert_eq!(scope.parameters().len(), 2);
        assert_eq!(network.forward(&Tensor::full(DType::F64, &[1, 2], 1.0)).shape(), [1, 2]);
    }

    #[test]
    fn nothing_is_the_identity() {
        let network = Sequential::new(&Scope::new(DType::F64, 0));
        assert!(network.is_empty());
        assert_eq!(network.forward(&Tensor::from_f64(&[1], &[3.0])).to_f64(), [3.0]);
    }
}
