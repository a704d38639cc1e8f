//! Learned vectors of classes.
use crate::nn::{Declare, Init, Layer, Parameter, Scope};
use gany_engine::Tensor;

/// A learned vector for every class.
///
/// # Shapes
/// Class numbers `[n]`, whole numbers in floating point; weight `[classes, features]`; the result is `[n, features]`.
/// A number out of range reads the nearest class.
#[derive(Clone, Debug)]
pub struct Embedding {
    /// `[classes, features]`
    pub weight: Parameter,
}

/// Describes an [`Embedding`].
#[derive(Clone, Copy, Debug)]
pub struct EmbeddingConfig {
    classes: usize,
    features: usize,
    init: Init,
}

/// Vectors drawn from a standard normal.
pub fn embedding(classes: usize, features: usize) -> EmbeddingConfig {
    EmbeddingConfig {
        classes,
        features,
        init: Init::Normal { mean: 0.0, std: 1.0 },
    }
}

impl EmbeddingConfig {
    /// How the vectors are drawn.
    pub fn init(mut self, init: Init) -> Self {
        self.init = init;
        self
    }
}

impl Declare for EmbeddingConfig {
    type Layer = Embedding;
    fn declare(self, scope: &Scope) -> Embedding {
        Embedding {
            weight: scope.parameter("weight", &[self.classes, self.features], self.init),
        }
    }
}

impl Embedding {
    /// The vectors of classes that are known when the graph is built.
    ///
    /// # Panics
    /// Where there is no such class.
    #[track_caller]
    pub fn of_classes(&self, classes: &[usize]) -> Tensor {
        let (weight, rows) = (self.weight.get(), self.weight.shape()[0]);
        assert!(
            classes.iter().all(|&class| class < rows),
            "embedding: class numbers {classes:?} of {rows} classes"
        );
        let numbers: Vec<f64> = classes.iter().map(|&class| class as f64).collect();
        weight.gather(&Tensor::from_elements(weight.dtype(), &[classes.len()], &numbers))
    }
}

impl Layer for Embedding {
    fn forward(&self, y: &Tensor) -> Tensor {
        self.weight.get().gather(y)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::reference::assert_layer;
    use gany_engine::DType;

    #[test]
    fn values_and_gradients_are_pytorchs() {
        assert_layer("embedding", |scope| embedding(4, 3).declare(scope));
    }

    #[test]
    fn known_classes_give_the_same_vectors() {
        let layer = embedding(3, 2).declare(&Scope::new(DType::F32, 0));
        let numbers = Tensor::from_f32(&[3], &[2.0, 0.0, 2.0]);
        assert_eq!(layer.of_classes(&[2, 0, 2]).to_f64(), layer.forward(&numbers).to_f64());
    }

    #[test]
    #[should_panic(expected = "embedding: class numbers [3] of 3 classes")]
    fn unknown_classes_are_refused() {
        embedding(3, 2).declare(&Scope::new(DType::F32, 0)).of_classes(&[3]);
    }
}
