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
