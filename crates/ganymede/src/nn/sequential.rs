//! Layers one after another.
use crate::nn::{Declare, Layer, Scope};
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
        self.layers.iter().fold(x.clone(), |x, layer| layer.forward(&x))
    }
}

impl std::fmt::Debug for Sequential {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Sequential({:?}, {} layers)", self.scope, self.layers.len())
    }
}
