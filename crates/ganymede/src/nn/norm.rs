//! Normalisation: batch, layer, instance, pixel; and the mode in which batch normalisation uses running statistics.
use crate::nn::{Declare, Init, Layer, Parameter, Scope};
use gany_engine::Tensor;
use std::cell::Cell;

thread_local! {
    static EVALUATING: Cell<bool> = const { Cell::new(false) };
}

/// Runs `body` in evaluation mode on this thread: [`BatchNorm`] normalises by its running statistics and leaves them
/// alone. Outside, it normalises by the batch and updates them.
pub fn evaluating<R>(body: impl FnOnce() -> R) -> R {
    struct Restore(bool);
    impl Drop for Restore {
        fn drop(&mut self) {
            EVALUATING.set(self.0);
        }
    }
    let _restore = Restore(EVALUATING.replace(true));
    body()
}

/// Whether this thread is inside [`evaluating`].
pub fn is_evaluating() -> bool {
    EVALUATING.get()
}

/// A learned gain and shift of every channel.
#[derive(Clone, Debug)]
pub struct Affine {
    /// `[c]`, 1 at first.
    pub weight: Parameter,
    /// `[c]`, 0 at first.
    pub bias: Parameter,
}

impl Affine {
    pub(super) fn declare(scope: &Scope, channels: usize, gain: Init) -> Affine {
        Affine {
            weight: scope.parameter("weight", &[channels], gain),
            bias: scope.parameter("bias", &[channels], Init::Zeros),
        }
    }
}

impl Layer for Affine {
    fn forward(&self, x: &Tensor) -> Tensor {
        x * self.weight.get() + self.bias.get()
    }
}

fn with_affine(x: Tensor, affine: Option<&Affine>) -> Tensor {
    affine.map_or(x.clone(), |affine| affine.forward(&x))
}

/// x less its mean over some axes; the mean; and the (biased) variance, both with those axes kept.
fn centred(x: &Tensor, axes: &[usize]) -> (Tensor, Tensor, Tensor) {
    let mean = x.mean_axes_kept(axes);
    let centred = x - &mean;
    let variance = centred.square().mean_axes_kept(axes);
    (centred, mean, variance)
}

fn standardised(x: &Tensor, axes: &[usize], epsilon: f64) -> Tensor {
    let (centred, _, variance) = centred(x, axes);
    centred * (variance + epsilon).rsqrt()
}

/// Batch normalisation (Ioffe and Szegedy 2015): every channel to mean 0 and variance 1 over the batch and all
/// positions, then gain and shift. Running statistics follow PyTorch: `running += momentum (batch - running)`, with
/// the unbiased variance of the batch.
///
/// # Shapes
/// x `[n, .., c]` and so is the result; weight, bias, `running_mean` and `running_variance` are `[c]`.
#[derive(Clone, Debug)]
pub struct BatchNorm {
    /// Gain and shift, unless switched off.
    pub affine: Option<Affine>,
    running_mean: Parameter,
    running_variance: Parameter,
    momentum: f64,
    epsilon: f64,
}

/// Describes a [`BatchNorm`].
#[derive(Clone, Copy, Debug)]
pub struct BatchNormConfig {
    channels: usize,
    momentum: f64,
    epsilon: f64,
    affine: bool,
    gain: Init,
}

/// Batch normalisation with gain and shift, momentum 0.1, epsilon 1e-5.
pub fn batch_norm(channels: usize) -> BatchNormConfig {
    BatchNormConfig {
        channels,
        momentum: 0.1,
        epsilon: 1e-5,
        affine: true,
        gain: Init::Ones,
    }
}

impl BatchNormConfig {
    /// How far running statistics move towards those of a batch, 0 to 1.
    pub fn momentum(mut self, momentum: f64) -> Self {
        self.momentum = momentum;
        self
    }

    /// What is added to the variance.
    pub fn epsilon(mut self, epsilon: f64) -> Self {
        self.epsilon = epsilon;
        self
    }

    /// Whether gain and shift are learned.
    pub fn affine(mut self, affine: bool) -> Self {
        self.affine = affine;
        self
    }

    /// How the gain is drawn; DCGAN's is normal of mean 1 and standard deviation 0.02.
    pub fn gain(mut self, gain: Init) -> Self {
        self.gain = gain;
        self
    }
}

impl Declare for BatchNormConfig {
    type Layer = BatchNorm;
    fn declare(self, scope: &Scope) -> BatchNorm {
        BatchNorm {
            affine: self.affine.then(|| Affine::declare(scope, self.channels, self.gain)),
            running_mean: scope.buffer("running_mean", &[self.channels], 0.0),
            running_variance: scope.buffer("running_variance", &[self.channels], 1.0),
            momentum: self.momentum,
            epsilon: self.epsilon,
        }
    }
}

impl BatchNorm {
    fn follow(&self, running: &Parameter, batch: &Tensor) {
        let (old, new) = (running.get(), batch.detach().reshape(running.shape()));
        running.set((&old + (new - &old) * self.momentum).detach());
    }
}

impl Layer for BatchNorm {
    fn forward(&self, x: &Tensor) -> Tensor {
        if is_evaluating() {
            let scale = (self.running_variance.get() + self.epsilon).rsqrt();
            return with_affine((x - self.running_mean.get()) * scale, self.affine.as_ref());
        }
        let axes: Vec<usize> = (0..x.rank() - 1).collect();
        let (centred, mean, variance) = centred(x, &axes);
        let count = (x.numel() / x.extent(x.rank() - 1).max(1)) as f64;
        self.follow(&self.running_mean, &mean);
        self.follow(&self.running_variance, &(&variance * (count / (count - 1.0).max(1.0))));
        with_affine(centred * (variance + self.epsilon).rsqrt(), self.affine.as_ref())
    }
}

/// Which axes [`LayerNorm`] normalises over.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum NormAxes {
    /// Each sample by itself, over all positions and channels.
    #[default]
    AllButFirst,
    /// Each position by itself, over its channels.
    Last,
}

/// Layer normalisation (Ba et al. 2016), with gain and shift of every channel.
///
/// # Shapes
/// x `[n, .., c]` and so is the result; weight and bias are `[c]`.
#[derive(Clone, Debug)]
pub struct LayerNorm {
    /// Gain and shift, unless switched off.
    pub affine: Option<Affine>,
    axes: NormAxes,
    epsilon: f64,
}

/// Describes a [`LayerNorm`].
#[derive(Clone, Copy, Debug)]
pub struct LayerNormConfig {
    channels: usize,
    axes: NormAxes,
    epsilon: f64,
    affine: bool,
}

/// Layer normalisation over all axes but the first, with gain and shift, epsilon 1e-5: what WGAN-GP puts in its critic.
pub fn layer_norm(channels: usize) -> LayerNormConfig {
    LayerNormConfig {
        channels,
        axes: NormAxes::AllButFirst,
        epsilon: 1e-5,
        affine: true,
    }
}

impl LayerNormConfig {
    /// Which axes are normalised over.
    pub fn axes(mut self, axes: NormAxes) -> Self {
        self.axes = axes;
        self
    }

    /// What is added to the variance.
    pub fn epsilon(mut self, epsilon: f64) -> Self {
        self.epsilon = epsilon;
        self
    }

    /// Whether gain and shift are learned.
    pub fn affine(mut self, affine: bool) -> Self {
        self.affine = affine;
        self
    }
}

impl Declare for LayerNormConfig {
    type Layer = LayerNorm;
    fn declare(self, scope: &Scope) -> LayerNorm {
        LayerNorm {
            affine: self.affine.then(|| Affine::declare(scope, self.channels, Init::Ones)),
            axes: self.axes,
            epsilon: self.epsilon,
        }
    }
}

impl Layer for LayerNorm {
    fn forward(&self, x: &Tensor) -> Tensor {
        let last = x.rank() - 1;
        let first = if self.axes == NormAxes::Last { last } else { 1 };
        let axes: Vec<usize> = (first..=last).collect();
        with_affine(standardised(x, &axes, self.epsilon), self.affine.as_ref())
    }
}

/// Instance normalisation (Ulyanov et al. 2016): every channel of every sample by itself, over all positions.
///
/// # Shapes
/// x `[n, spatial.., c]` and so is the result; weight and bias, where switched on, are `[c]`.
#[derive(Clone, Debug)]
pub struct InstanceNorm {
    /// Gain and shift, where switched on.
    pub affine: Option<Affine>,
    epsilon: f64,
}

/// Describes an [`InstanceNorm`].
#[derive(Clone, Copy, Debug)]
pub struct InstanceNormConfig {
    channels: usize,
    epsilon: f64,
    affine: bool,
}

/// Instance normalisation without gain and shift, epsilon 1e-5.
pub fn instance_norm(channels: usize) -> InstanceNormConfig {
    InstanceNormConfig {
        channels,
        epsilon: 1e-5,
        affine: false,
    }
}

impl InstanceNormConfig {
    /// What is added to the variance.
    pub fn epsilon(mut self, epsilon: f64) -> Self {
        self.epsilon = epsilon;
        self
    }

    /// Whether gain and shift are learned.
    pub fn affine(mut self, affine: bool) -> Self {
        self.affine = affine;
        self
    }
}

impl Declare for InstanceNormConfig {
    type Layer = InstanceNorm;
    fn declare(self, scope: &Scope) -> InstanceNorm {
        InstanceNorm {
            affine: self.affine.then(|| Affine::declare(scope, self.channels, Init::Ones)),
            epsilon: self.epsilon,
        }
    }
}

impl Layer for InstanceNorm {
    fn forward(&self, x: &Tensor) -> Tensor {
        let axes: Vec<usize> = (1..x.rank() - 1).collect();
        assert!(
            !axes.is_empty(),
            "instance_norm: shape {:?} has no spatial axis",
            x.shape()
        );
        with_affine(standardised(x, &axes, self.epsilon), self.affine.as_ref())
    }
}

/// Pixelwise feature vector normalisation (Karras et al. 2018, "Progressive Growing of GANs", section 4.2): the
/// channels of every position divided by the root of their mean square, to which 1e-8 is added.
///
/// # Shapes
/// x `[n, .., c]` and so is the result.
#[derive(Clone, Copy, Debug, Default)]
pub struct PixelNorm;

impl Layer for PixelNorm {
    fn forward(&self, x: &Tensor) -> Tensor {
        x * (x.square().mean_axes_kept(&[x.rank() - 1]) + 1e-8).rsqrt()
    }
}

/// A choice of normalisation, for blocks and configurations that leave it open.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Norm {
    /// None.
    #[default]
    None,
    /// [`BatchNorm`]
    Batch,
    /// [`LayerNorm`] over all axes but the first
    Layer,
    /// [`InstanceNorm`]
    Instance,
    /// [`PixelNorm`]
    Pixel,
}

impl Norm {
    /// Declares the chosen normalisation of this many channels, with its defaults, directly under `scope`.
    pub fn declare(self, scope: &Scope, channels: usize) -> AnyNorm {
        match self {
            Norm::None => AnyNorm::None,
            Norm::Batch => AnyNorm::Batch(batch_norm(channels).declare(scope)),
            Norm::Layer => AnyNorm::Layer(layer_norm(channels).declare(scope)),
            Norm::Instance => AnyNorm::Instance(instance_norm(channels).declare(scope)),
            Norm::Pixel => AnyNorm::Pixel(PixelNorm),
        }
    }
}

/// The normalisation that a [`Norm`] chose.
#[derive(Clone, Debug)]
pub enum AnyNorm {
    /// None: x itself.
    None,
    /// Batch normalisation.
    Batch(BatchNorm),
    /// Layer normalisation.
    Layer(LayerNorm),
    /// Instance normalisation.
    Instance(InstanceNorm),
    /// Pixel normalisation.
    Pixel(PixelNorm),
}

impl Layer for AnyNorm {
    fn forward(&self, x: &Tensor) -> Tensor {
        match self {
            AnyNorm::None => x.clone(),
            AnyNorm::Batch(norm) => norm.forward(x),
            AnyNorm::Layer(norm) => norm.forward(x),
            AnyNorm::Instance(norm) => norm.forward(x),
            AnyNorm::Pixel(norm) => norm.forward(x),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::reference::{BLOCKS, assert_layer, assert_stored, bind, stored};
    use gany_engine::DType;

    #[test]
    fn values_and_gradients_are_pytorchs() {
        assert_layer("batch_norm", |s| batch_norm(3).declare(s));
        assert_layer("batch_norm_of_features", |s| batch_norm(3).declare(s));
        assert_layer("layer_norm", |s| layer_norm(3).declare(s));
        assert_layer("layer_norm_last", |s| layer_norm(4).axes(NormAxes::Last).declare(s));
        assert_layer("instance_norm", |s| instance_norm(2).declare(s));
        assert_layer("instance_norm_affine", |s| instance_norm(2).affine(true).declare(s));
        assert_layer("pixel_norm", |_| PixelNorm);
    }

    #[test]
    fn running_statistics_follow_training_and_serve_evaluation() {
        let case = &BLOCKS["batch_norm_running"];
        let scope = Scope::new(DType::F64, 0);
        let layer = batch_norm(3).declare(&scope);
        bind(&scope, &case["parameters"]);
        for batch in case["batches"].as_array().unwrap() {
            layer.forward(&stored(DType::F64, batch));
        }
        let y = evaluating(|| layer.forward(&stored(DType::F64, &case["x"])));
        assert_stored("output", &y, &case["output"], 1e-12);
        for running in scope.parameters().iter().filter(|p| !p.is_trainable()) {
            assert_stored(running.name(), &running.get(), &case["running"][running.name()], 1e-12);
        }
    }

    #[test]
    fn running_statistics_of_one_number_stay_finite() {
        let layer = batch_norm(1).momentum(0.5).declare(&Scope::new(DType::F64, 0));
        layer.forward(&Tensor::from_f64(&[1, 1], &[4.0]));
        assert_eq!(layer.running_mean.get().to_f64(), [2.0]);
        assert_eq!(layer.running_variance.get().to_f64(), [0.5]);
    }

    #[test]
    fn evaluation_ends_with_its_scope_even_by_panic() {
        assert!(!is_evaluating());
        evaluating(|| {
            evaluating(|| assert!(is_evaluating()));
            assert!(is_evaluating());
        });
        std::panic::catch_unwind(|| evaluating(|| panic!("out"))).unwrap_err();
        assert!(!is_evaluating());
    }

    #[test]
    fn every_choice_of_norm_declares_under_the_scope() {
        let names = |norm: Norm| {
            let scope = Scope::new(DType::F32, 0);
            norm.declare(&scope, 2);
            let parameters = scope.parameters();
            parameters.iter().map(|p| p.name().to_owned()).collect::<Vec<_>>()
        };
        assert_eq!(
            names(Norm::Batch),
            ["weight", "bias", "running_mean", "running_variance"]
        );
        assert_eq!(names(Norm::Layer), ["weight", "bias"]);
        assert!(
            [Norm::None, Norm::Instance, Norm::Pixel]
                .map(names)
                .iter()
                .all(Vec::is_empty)
        );
    }
}
