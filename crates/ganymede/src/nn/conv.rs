//! Convolutions and transposed convolutions over one to three spatial axes.
use crate::nn::dense::{bias_init, with_bias};
use crate::nn::{Declare, Init, Layer, Parameter, Scope};
use gany_engine::{ConvOptions, Tensor};

/// One number per spatial axis, made of an array or of one number for all axes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct PerAxis<const N: usize>([usize; N]);

impl<const N: usize> From<usize> for PerAxis<N> {
    fn from(number: usize) -> Self {
        PerAxis([number; N])
    }
}

impl<const N: usize> From<[usize; N]> for PerAxis<N> {
    fn from(numbers: [usize; N]) -> Self {
        PerAxis(numbers)
    }
}

/// A convolution with zero padding.
///
/// # Shapes
/// x `[n, spatial.., c_in]`, weight `[taps.., c_in / groups, c_out]`, bias `[c_out]`; the result is
/// `[n, (spatial + 2 padding - dilation (taps - 1) - 1) / stride + 1 .., c_out]`.
#[derive(Clone, Debug)]
pub struct Conv {
    /// `[taps.., c_in / groups, c_out]`
    pub weight: Parameter,
    /// `[c_out]`, unless switched off.
    pub bias: Option<Parameter>,
    options: ConvOptions,
}

impl Conv {
    /// The convolution with another weight of the same shape: a modulated, normalised or rescaled one.
    pub fn forward_with(&self, x: &Tensor, weight: &Tensor) -> Tensor {
        with_bias(x.conv(weight, &self.options), self.bias.as_ref())
    }
}

impl Layer for Conv {
    fn forward(&self, x: &Tensor) -> Tensor {
        self.forward_with(x, &self.weight.get())
    }
}

/// A transposed ("fractionally strided") convolution: the gradient of a convolution with respect to its input.
///
/// # Shapes
/// x `[n, spatial.., c_in]`, weight `[taps.., c_out / groups, c_in]` (that of the convolution it transposes), bias
/// `[c_out]`; the result is
/// `[n, (spatial - 1) stride + dilation (taps - 1) + 1 - 2 padding + output_padding .., c_out]`.
#[derive(Clone, Debug)]
pub struct ConvTranspose {
    /// `[taps.., c_out / groups, c_in]`
    pub weight: Parameter,
    /// `[c_out]`, unless switched off.
    pub bias: Option<Parameter>,
    options: ConvOptions,
    output_padding: usize,
}

impl ConvTranspose {
    /// The transposed convolution with another weight of the same shape: a modulated, normalised or rescaled one.
    pub fn forward_with(&self, x: &Tensor, weight: &Tensor) -> Tensor {
        let y = x.conv_transpose(weight, &self.options, self.output_padding);
        with_bias(y, self.bias.as_ref())
    }
}

impl Layer for ConvTranspose {
    fn forward(&self, x: &Tensor) -> Tensor {
        self.forward_with(x, &self.weight.get())
    }
}

/// Describes a [`Conv`] over `N` spatial axes.
#[derive(Clone, Copy, Debug)]
pub struct ConvConfig<const N: usize> {
    c_in: usize,
    c_out: usize,
    taps: [usize; N],
    stride: [usize; N],
    padding: [usize; N],
    dilation: [usize; N],
    groups: usize,
    bias: bool,
    init: Init,
}

/// A convolution of stride 1 without padding, with bias, drawn as PyTorch does; as many spatial axes as `taps`.
pub fn conv<const N: usize>(c_in: usize, c_out: usize, taps: [usize; N]) -> ConvConfig<N> {
    ConvConfig {
        c_in,
        c_out,
        taps,
        stride: [1; N],
        padding: [0; N],
        dilation: [1; N],
        groups: 1,
        bias: true,
        init: Init::TorchDefault,
    }
}

impl<const N: usize> ConvConfig<N> {
    /// How far the kernel moves from one output to the next.
    pub fn stride(mut self, stride: impl Into<PerAxis<N>>) -> Self {
        self.stride = stride.into().0;
        self
    }

    /// Zeros on either side of every spatial axis.
    pub fn padding(mut self, padding: impl Into<PerAxis<N>>) -> Self {
        self.padding = padding.into().0;
        self
    }

    /// Distance between the taps of the kernel.
    pub fn dilation(mut self, dilation: impl Into<PerAxis<N>>) -> Self {
        self.dilation = dilation.into().0;
        self
    }

    /// Groups of channels that do not see one another; must divide `c_in` and `c_out`.
    pub fn groups(mut self, groups: usize) -> Self {
        self.groups = groups;
        self
    }

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

    fn options(&self) -> ConvOptions {
        ConvOptions::new()
            .stride(self.stride)
            .padding(self.padding)
            .dilation(self.dilation)
            .groups(self.groups)
    }

    #[track_caller]
    fn parameters(&self, scope: &Scope, channels: [usize; 2]) -> (Parameter, Option<Parameter>) {
        let divides = self.groups > 0 && [self.c_in, self.c_out].iter().all(|c| c.is_multiple_of(self.groups));
        assert!(
            divides,
            "conv: {} groups do not divide {} and {} channels",
            self.groups, self.c_in, self.c_out
        );
        let shape = [self.taps.as_slice(), &channels].concat();
        let weight = scope.parameter("weight", &shape, self.init);
        let bias_init = bias_init(self.init, &shape);
        let bias = self.bias.then(|| scope.parameter("bias", &[self.c_out], bias_init));
        (weight, bias)
    }
}

impl<const N: usize> Declare for ConvConfig<N> {
    type Layer = Conv;
    fn declare(self, scope: &Scope) -> Conv {
        let (weight, bias) = self.parameters(scope, [self.c_in / self.groups.max(1), self.c_out]);
        let options = self.options();
        Conv { weight, bias, options }
    }
}

/// Describes a [`ConvTranspose`] over `N` spatial axes.
#[derive(Clone, Copy, Debug)]
pub struct ConvTransposeConfig<const N: usize> {
    conv: ConvConfig<N>,
    output_padding: usize,
}

/// A transposed convolution of stride 1 without padding, with bias, drawn as PyTorch does (which counts the fan-in of
/// the convolution that it transposes); as many spatial axes as `taps`.
pub fn conv_transpose<const N: usize>(c_in: usize, c_out: usize, taps: [usize; N]) -> ConvTransposeConfig<N> {
    ConvTransposeConfig {
        conv: conv(c_in, c_out, taps),
        output_padding: 0,
    }
}

impl<const N: usize> ConvTransposeConfig<N> {
    /// Distance between the places of two inputs in the output.
    pub fn stride(mut self, stride: impl Into<PerAxis<N>>) -> Self {
        self.conv = self.conv.stride(stride);
        self
    }

    /// What is cut off on either side of every spatial axis of the output.
    pub fn padding(mut self, padding: impl Into<PerAxis<N>>) -> Self {
        self.conv = self.conv.padding(padding);
        self
    }

    /// Distance between the taps of the kernel.
    pub fn dilation(mut self, dilation: impl Into<PerAxis<N>>) -> Self {
        self.conv = self.conv.dilation(dilation);
        self
    }

    /// Groups of channels that do not see one another; must divide `c_in` and `c_out`.
    pub fn groups(mut self, groups: usize) -> Self {
        self.conv = self.conv.groups(groups);
        self
    }

    /// Whether a bias is added.
    pub fn bias(mut self, bias: bool) -> Self {
        self.conv = self.conv.bias(bias);
        self
    }

    /// How the weight is drawn; the bias starts at 0, save under [`Init::TorchDefault`], which draws it too.
    pub fn init(mut self, init: Init) -> Self {
        self.conv = self.conv.init(init);
        self
    }

    /// What is added at the far end of every spatial axis of the output; less than the stride or the dilation.
    pub fn output_padding(mut self, output_padding: usize) -> Self {
        self.output_padding = output_padding;
        self
    }
}

impl<const N: usize> Declare for ConvTransposeConfig<N> {
    type Layer = ConvTranspose;
    fn declare(self, scope: &Scope) -> ConvTranspose {
        let groups = self.conv.groups;
        let (weight, bias) = self
            .conv
            .parameters(scope, [self.conv.c_out / groups.max(1), self.conv.c_in]);
        ConvTranspose {
            weight,
            bias,
            options: self.conv.options(),
            output_padding: self.output_padding,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::reference::assert_layer;
    use gany_engine::DType;

    #[test]
    fn convolutions_are_pytorchs() {
        assert_layer("conv_1d", |s| conv(2, 3, [3]).stride(2).padding(1).declare(s));
        assert_layer("conv_2d", |s| {
            conv(2, 3, [4, 4]).stride(2).padding(1).bias(false).declare(s)
        });
        assert_layer("conv_2d_grouped", |s| {
            let config = conv(4, 4, [3, 2]).groups(2).dilation([1, 2]).padding([1, 0]);
            config.declare(s)
        });
        assert_layer("conv_3d", |s| conv(1, 2, [2, 2, 2]).padding(1).declare(s));
    }

    #[test]
    fn transposed_convolutions_are_pytorchs() {
        assert_layer("conv_transpose_1d", |s| {
            conv_transpose(2, 3, [4]).stride(2).padding(1).declare(s)
        });
        assert_layer("conv_transpose_2d", |s| {
            let config = conv_transpose(3, 2, [4, 4]).stride(2).padding(1).bias(false);
            config.declare(s)
        });
        assert_layer("conv_transpose_2d_grouped", |s| {
            let config = conv_transpose(4, 2, [3, 3]).stride(2).padding(1);
            config.output_padding(1).groups(2).declare(s)
        });
        assert_layer("conv_transpose_3d", |s| {
            conv_transpose(1, 2, [2, 2, 2]).stride(2).declare(s)
        });
    }

    #[test]
    fn another_weight_can_be_lent() {
        let layer = conv(1, 1, [1, 1]).bias(false).declare(&Scope::new(DType::F64, 0));
        let (x, weight) = (
            Tensor::from_f64(&[1, 1, 2, 1], &[1.0, 2.0]),
            Tensor::full(DType::F64, &[1, 1, 1, 1], 3.0),
        );
        assert_eq!(layer.forward_with(&x, &weight).to_f64(), [3.0, 6.0]);
    }

    #[test]
    #[should_panic(expected = "conv: 2 groups do not divide 3 and 4 channels")]
    fn groups_must_divide_channels() {
        conv(3, 4, [3, 3]).groups(2).declare(&Scope::new(DType::F32, 0));
    }
}
