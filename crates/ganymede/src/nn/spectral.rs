//! Spectral normalisation of the layers that have a weight.
use crate::nn::{Conv, ConvTranspose, Declare, Dense, Embedding, Init, Layer, Parameter, Scope, is_evaluating};
use gany_engine::Tensor;

/// A layer that is linear in one weight, which something may rescale.
pub trait Weighted: Layer {
    /// The weight as it is stored.
    fn weight(&self) -> &Parameter;

    /// The layer's value at `x` with another weight of the same shape.
    fn forward_with(&self, x: &Tensor, weight: &Tensor) -> Tensor;

    /// The weight as a matrix with a column for every output, the outputs being the last axis unless the layer says
    /// otherwise.
    fn matrix(&self, weight: &Tensor) -> Tensor {
        let outputs = weight.extent(weight.rank() - 1);
        weight.reshape(&[weight.numel() / outputs.max(1), outputs])
    }
}

impl Weighted for Dense {
    fn weight(&self) -> &Parameter {
        &self.weight
    }

    fn forward_with(&self, x: &Tensor, weight: &Tensor) -> Tensor {
        Dense::forward_with(self, x, weight)
    }
}

impl Weighted for Conv {
    fn weight(&self) -> &Parameter {
        &self.weight
    }

    fn forward_with(&self, x: &Tensor, weight: &Tensor) -> Tensor {
        Conv::forward_with(self, x, weight)
    }
}

impl Weighted for ConvTranspose {
    fn weight(&self) -> &Parameter {
        &self.weight
    }

    fn forward_with(&self, x: &Tensor, weight: &Tensor) -> Tensor {
        ConvTranspose::forward_with(self, x, weight)
    }

    /// The outputs are the last axis but one, as in PyTorch also where there are groups.
    fn matrix(&self, weight: &Tensor) -> Tensor {
        let mut axes: Vec<usize> = (0..weight.rank()).collect();
        axes.swap(weight.rank() - 2, weight.rank() - 1);
        let outputs = weight.extent(weight.rank() - 2);
        weight
            .permute(&axes)
            .reshape(&[weight.numel() / outputs.max(1), outputs])
    }
}

impl Weighted for Embedding {
    fn weight(&self) -> &Parameter {
        &self.weight
    }

    fn forward_with(&self, y: &Tensor, weight: &Tensor) -> Tensor {
        weight.gather(y)
    }

    /// A column for every class, as in PyTorch.
    fn matrix(&self, weight: &Tensor) -> Tensor {
        weight.transpose()
    }
}

/// A layer whose weight is divided by an estimate of its largest singular value (Miyato et al. 2018, "Spectral
/// Normalization for Generative Adversarial Networks", algorithm 1): one step of power iteration each time the layer
/// runs, none while [`evaluating`](crate::nn::evaluating). The gradient passes through the estimate but not through
/// the iteration.
///
/// # Shapes
/// Those of the layer. `spectral_u` is `[outputs]`, `spectral_v` `[numbers in the weight / outputs]`.
#[derive(Clone, Debug)]
pub struct Spectral<L> {
    layer: L,
    u: Parameter,
    v: Parameter,
}

/// Describes a [`Spectral`].
#[derive(Clone, Copy, Debug)]
pub struct SpectralConfig<C>(C);

/// The layer that `config` describes, spectrally normalised; parameters keep their names.
pub fn spectral<C: Declare<Layer: Weighted>>(config: C) -> SpectralConfig<C> {
    SpectralConfig(config)
}

impl<C: Declare<Layer: Weighted>> Declare for SpectralConfig<C> {
    type Layer = Spectral<C::Layer>;
    fn declare(self, scope: &Scope) -> Self::Layer {
        let layer = self.0.declare(scope);
        let matrix = layer.matrix(&layer.weight().get());
        let normal = Init::Normal { mean: 0.0, std: 1.0 };
        let [v, u] = ["spectral_v", "spectral_u"].map(|name| {
            let extent = matrix.extent(usize::from(name == "spectral_u"));
            let vector = scope.random_buffer(name, &[extent], normal);
            vector.set(unit(&vector.get()));
            vector
        });
        Spectral { layer, u, v }
    }
}

impl<L: Weighted> Spectral<L> {
    /// The normalised weight; outside of evaluation, each call takes one step of power iteration.
    pub fn weight(&self) -> Tensor {
        let weight = self.layer.weight().get();
        let matrix = self.layer.matrix(&weight);
        let (mut u, mut v) = (self.u.get(), self.v.get());
        if !is_evaluating() {
            let matrix = matrix.detach();
            v = unit(&(&matrix * &u).sum_axes(&[1])).detach();
            u = unit(&product(&v, &matrix)).detach();
            self.v.set(v.clone());
            self.u.set(u.clone());
        }
        let sigma = (product(&v, &matrix) * u).sum();
        weight / sigma
    }
}

impl<L: Weighted> Layer for Spectral<L> {
    fn forward(&self, x: &Tensor) -> Tensor {
        self.layer.forward_with(x, &self.weight())
    }
}

/// `[rows] x [rows, columns]`
fn product(row: &Tensor, matrix: &Tensor) -> Tensor {
    let product = row.reshape(&[1, row.numel()]).matmul(matrix);
    product.reshape(&[product.numel()])
}

fn unit(vector: &Tensor) -> Tensor {
    vector / (vector.norm(0) + 1e-12)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::nn::{conv, conv_transpose, dense, embedding, evaluating};
    use crate::reference::assert_layer;
    use gany_engine::DType;

    #[test]
    fn values_gradients_and_vectors_are_pytorchs() {
        assert_layer("spectral_dense", |s| spectral(dense(3, 4)).declare(s));
        assert_layer("spectral_conv", |s| spectral(conv(2, 3, [2, 2]).bias(false)).declare(s));
        assert_layer("spectral_conv_transpose", |s| {
            spectral(conv_transpose(2, 3, [2, 2]).stride(2)).declare(s)
        });
        assert_layer("spectral_embedding", |s| spectral(embedding(4, 3)).declare(s));
    }

    #[test]
    fn iterations_approach_the_largest_singular_value_and_stop_while_evaluating() {
        let layer = spectral(dense(2, 2).bias(false)).declare(&Scope::new(DType::F64, 0));
        // The rotation by 30 degrees of diag(4, 1): largest singular value 4.
        let (sine, cosine) = (0.5, 0.75_f64.sqrt());
        let elements = [4.0 * cosine, 4.0 * sine, -sine, cosine];
        layer.layer.weight.set(Tensor::from_f64(&[2, 2], &elements));
        for _ in 0..12 {
            layer.weight();
        }
        let first = evaluating(|| layer.weight().to_f64());
        let second = evaluating(|| layer.weight().to_f64());
        assert_eq!(first, second);
        for (got, element) in first.iter().zip(elements) {
            assert!((got - element / 4.0).abs() < 1e-6, "{first:?}");
        }
    }
}
