//! Matrix products, convolutions, and resampling, which is a product with a small matrix along each axis.
use crate::buffer::DType;
use crate::tensor::{ConvKind, Geometry, Op, Tensor};

/// How a convolution's kernel moves over the spatial axes; one number per axis, or one for all of them.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ConvOptions {
    stride: Vec<usize>,
    padding: Vec<usize>,
    dilation: Vec<usize>,
    groups: usize,
}

impl Default for ConvOptions {
    fn default() -> Self {
        ConvOptions {
            stride: vec![1],
            padding: vec![0],
            dilation: vec![1],
            groups: 1,
        }
    }
}

impl ConvOptions {
    /// Stride 1, no padding, no dilation, one group.
    pub fn new() -> Self {
        ConvOptions::default()
    }

    /// How far the kernel moves from one output to the next.
    pub fn stride(mut self, stride: impl Into<PerAxis>) -> Self {
        self.stride = stride.into().0;
        self
    }

    /// Zeros on either side of every spatial axis.
    pub fn padding(mut self, padding: impl Into<PerAxis>) -> Self {
        self.padding = padding.into().0;
        self
    }

    /// Distance between the taps of the kernel.
    pub fn dilation(mut self, dilation: impl Into<PerAxis>) -> Self {
        self.dilation = dilation.into().0;
        self
    }

    /// Groups of channels that do not see one another.
    pub fn groups(mut self, groups: usize) -> Self {
        self.groups = groups;
        self
    }

    #[track_caller]
    fn geometry(&self, axes: usize) -> Geometry {
        let geometry = Geometry {
            stride: three("stride", &self.stride, 1, axes),
            padding: three("padding", &self.padding, 0, axes),
            dilation: three("dilation", &self.dilation, 1, axes),
            groups: self.groups,
        };
        let moves = geometry.stride.iter().chain(&geometry.dilation).all(|&x| x > 0) && self.groups > 0;
        assert!(
            moves,
            "conv: stride, dilation and groups must be at least 1 in {self:?}"
        );
        geometry
    }
}

/// Numbers for all three spatial axes, from those of the last `axes` or the one for all of them.
#[track_caller]
fn three(name: &str, given: &[usize], rest: usize, axes: usize) -> [usize; 3] {
    assert!(
        given.len() == 1 || given.len() == axes,
        "conv: {name} {given:?} for {axes} spatial axes"
    );
    let first = 3 - axes;
    std::array::from_fn(|axis| match axis.checked_sub(first) {
        None => rest,
        Some(_) if given.len() == 1 => given[0],
        Some(axis) => given[axis],
    })
}

/// One number per spatial axis, or one for all.
pub struct PerAxis(Vec<usize>);

impl From<usize> for PerAxis {
    fn from(number: usize) -> Self {
        PerAxis(vec![number])
    }
}

impl<const N: usize> From<[usize; N]> for PerAxis {
    fn from(numbers: [usize; N]) -> Self {
        PerAxis(numbers.to_vec())
    }
}

/// `[batch, spatial.., channels]` as `[batch, d, h, w, channels]`; a weight likewise, its first axis the first tap axis.
fn with_three_axes(shape: &[usize], leading: usize) -> Vec<usize> {
    let spatial = shape.len() - 2;
    let mut full = shape[..leading].to_vec();
    full.extend(std::iter::repeat_n(1, 3 - spatial));
    full.extend(&shape[leading..]);
    full
}

impl Tensor {
    /// Matrix product over the last two axes: `[.., m, k] x [.., k, n]`; leading axes are equal, or absent in one of
    /// the two.
    ///
    /// # Panics
    /// Where the shapes do not fit.
    #[track_caller]
    pub fn matmul(&self, other: &Tensor) -> Tensor {
        let (a, b) = (self, other);
        let message = || format!("matmul: shapes {:?} and {:?} do not fit", a.shape(), b.shape());
        assert!(a.rank() >= 2 && b.rank() >= 2, "{}", message());
        assert_eq!(a.dtype(), b.dtype(), "matmul: dtypes differ");
        let (lead_a, lead_b) = (&a.shape()[..a.rank() - 2], &b.shape()[..b.rank() - 2]);
        let (m, k) = (a.shape()[a.rank() - 2], a.shape()[a.rank() - 1]);
        let n = b.shape()[b.rank() - 1];
        assert!(b.shape()[b.rank() - 2] == k, "{}", message());
        assert!(
            lead_a == lead_b || lead_a.is_empty() || lead_b.is_empty(),
            "{}",
            message()
        );
        let shape_with = |lead: &[usize], rows: usize| [lead, &[rows, n]].concat();
        if lead_b.is_empty() {
            // One matrix for the whole batch: a single taller product.
            let rows = lead_a.iter().product::<usize>() * m;
            let product = matmul_batched(&a.reshape(&[1, rows, k]), &b.reshape(&[1, k, n]));
            return product.reshape(&shape_with(lead_a, m));
        }
        let batch = lead_b.iter().product::<usize>();
        let a = if lead_a.is_empty() {
            a.reshape(&[1, m, k]).broadcast_to(&[batch, m, k])
        } else {
            a.reshape(&[batch, m, k])
        };
        matmul_batched(&a, &b.reshape(&[batch, k, n])).reshape(&shape_with(lead_b, m))
    }

    /// Convolution over 1 to 3 spatial axes: x `[batch, spatial.., channels_in]`, weight
    /// `[taps.., channels_in / groups, channels_out]` give `[batch, spatial.., channels_out]`.
    ///
    /// # Panics
    /// Where the shapes do not fit.
    #[track_caller]
    pub fn conv(&self, weight: &Tensor, options: &ConvOptions) -> Tensor {
        let spatial = self.spatial_axes("conv", weight);
        let geometry = options.geometry(spatial);
        let (channels_in, channels_out) = (self.shape()[spatial + 1], weight.shape()[spatial + 1]);
        let fits = weight.shape()[spatial] * geometry.groups == channels_in && channels_out % geometry.groups == 0;
        assert!(
            fits,
            "conv: input {:?}, weight {:?}, groups {}",
            self.shape(),
            weight.shape(),
            geometry.groups
        );
        let x = self.reshape(&with_three_axes(self.shape(), 1));
        let w = weight.reshape(&with_three_axes(weight.shape(), 0));
        let mut shape = vec![x.shape()[0]];
        for axis in 0..3 {
            let reach = geometry.dilation[axis] * w.shape()[axis].saturating_sub(1) + 1;
            let room = x.shape()[axis + 1] + 2 * geometry.padding[axis];
            assert!(
                w.shape()[axis] > 0 && room >= reach,
                "conv: weight {:?} is larger than input {:?}",
                weight.shape(),
                self.shape()
            );
            shape.push((room - reach) / geometry.stride[axis] + 1);
        }
        shape.push(channels_out);
        let y = Tensor::derived(Op::Conv(ConvKind::Forward, geometry), vec![x, w], shape);
        y.reshape(&[&[y.shape()[0]], &y.shape()[4 - spatial..]].concat())
    }

    /// Transposed convolution, the gradient of [`conv`](Tensor::conv) with respect to its input: x
    /// `[batch, spatial.., channels_in]`, weight `[taps.., channels_out / groups, channels_in]` (that of the
    /// convolution it transposes) give `[batch, (spatial - 1) * stride + reach - 2 * padding + output_padding .., channels_out]`.
    ///
    /// # Panics
    /// Where the shapes do not fit.
    #[track_caller]
    pub fn conv_transpose(&self, weight: &Tensor, options: &ConvOptions, output_padding: impl Into<PerAxis>) -> Tensor {
        let spatial = self.spatial_axes("conv_transpose", weight);
        let geometry = options.geometry(spatial);
        let output_padding = three("output padding", &output_padding.into().0, 0, spatial);
        let fits = weight.shape()[spatial + 1] == self.shape()[spatial + 1]
            && self.shape()[spatial + 1].is_multiple_of(geometry.groups);
        assert!(
            fits,
            "conv_transpose: input {:?}, weight {:?}, groups {}",
            self.shape(),
            weight.shape(),
            geometry.groups
        );
        let y = self.reshape(&with_three_axes(self.shape(), 1));
        let w = weight.reshape(&with_three_axes(weight.shape(), 0));
        let mut shape = vec![y.shape()[0]];
        for (axis, &extra) in output_padding.iter().enumerate() {
            let reach = geometry.dilation[axis] * w.shape()[axis].saturating_sub(1) + 1;
            let full = (y.shape()[axis + 1].saturating_sub(1)) * geometry.stride[axis] + reach + extra;
            let extent = full.checked_sub(2 * geometry.padding[axis]);
            let extent =
                extent.filter(|extent| *extent > 0 && extra < geometry.stride[axis].max(geometry.dilation[axis]));
            shape.push(extent.unwrap_or_else(|| {
                panic!(
                    "conv_transpose: input {:?}, weight {:?} and {options:?} leave no output",
                    self.shape(),
                    weight.shape()
                )
            }));
        }
        shape.push(weight.shape()[spatial] * geometry.groups);
        let x = Tensor::derived(Op::Conv(ConvKind::Input, geometry), vec![y, w], shape);
        x.reshape(&[&[x.shape()[0]], &x.shape()[4 - spatial..]].concat())
    }

    #[track_caller]
    fn spatial_axes(&self, name: &str, weight: &Tensor) -> usize {
        let fits = self.rank() == weight.rank() && (3..=5).contains(&self.rank());
        assert!(
            fits,
            "{name}: input {:?} and weight {:?} do not have 1 to 3 spatial axes each",
            self.shape(),
            weight.shape()
        );
        assert_eq!(self.dtype(), weight.dtype(), "{name}: dtypes differ");
        self.rank() - 2
    }

    /// Means over blocks of `factor` along every spatial axis of `[batch, spatial.., channels]`.
    ///
    /// # Panics
    /// Where an extent is not a multiple of the factor.
    #[track_caller]
    pub fn average_pool(&self, factor: usize) -> Tensor {
        let spatial = self.rank() - 2;
        assert!(
            self.shape()[1..=spatial].iter().all(|e| e % factor == 0),
            "average_pool: {factor} does not divide {:?}",
            self.shape()
        );
        let (split, shape) = self.split_spatial(|extent| (extent / factor, factor));
        self.reshape(&split)
            .mean_axes(&(0..spatial).map(|a| 2 * a + 2).collect::<Vec<_>>())
            .reshape(&shape)
    }

    /// Every element of `[batch, spatial.., channels]` repeated `factor` times along every spatial axis.
    #[track_caller]
    pub fn upsample_nearest(&self, factor: usize) -> Tensor {
        let (split, _) = self.split_spatial(|extent| (extent, 1));
        let (wide, _) = self.split_spatial(|extent| (extent, factor));
        let shape: Vec<usize> = (0..self.rank())
            .map(|a| self.shape()[a] * if (1..self.rank() - 1).contains(&a) { factor } else { 1 })
            .collect();
        self.reshape(&split).broadcast_to(&wide).reshape(&shape)
    }

    fn split_spatial(&self, split: impl Fn(usize) -> (usize, usize)) -> (Vec<usize>, Vec<usize>) {
        let last = self.rank() - 1;
        let (mut both, mut outer) = (vec![self.shape()[0]], vec![self.shape()[0]]);
        for &extent in &self.shape()[1..last] {
            let (blocks, within) = split(extent);
            both.extend([blocks, within]);
            outer.push(blocks);
        }
        both.push(self.shape()[last]);
        outer.push(self.shape()[last]);
        (both, outer)
    }

    /// Bilinear (linear, trilinear) resampling of the spatial axes of `[batch, spatial.., channels]` to these extents;
    /// pixel centres at halves, as PyTorch with `align_corners=False`.
    #[track_caller]
    pub fn resize_linear(&self, extents: &[usize]) -> Tensor {
        assert!(
            extents.len() + 2 == self.rank(),
            "resize_linear: extents {extents:?} for shape {:?}",
            self.shape()
        );
        let mut x = self.clone();
        for (axis, &extent) in extents.iter().enumerate() {
            if x.extent(axis + 1) != extent {
                x = x.product_along(axis + 1, &linear_weights(x.dtype(), x.extent(axis + 1), extent));
            }
        }
        x
    }

    /// The product of a matrix `[new, old]` with every line of elements along one axis.
    #[track_caller]
    pub fn product_along(&self, axis: usize, matrix: &Tensor) -> Tensor {
        let shape = self.shape();
        let (before, behind) = (shape[..axis].iter().product(), shape[axis + 1..].iter().product());
        let mut result = shape.to_vec();
        result[axis] = matrix.extent(0);
        matrix
            .matmul(&self.reshape(&[before, shape[axis], behind]))
            .reshape(&result)
    }
}

/// The matrix `[new, old]` that resamples a line linearly.
fn linear_weights(dtype: DType, old: usize, new: usize) -> Tensor {
    let mut weights = vec![0.0; new * old];
    for i in 0..new {
        let position = ((i as f64 + 0.5) * old as f64 / new as f64 - 0.5).max(0.0);
        let low = (position.floor() as usize).min(old - 1);
        let high = (low + 1).min(old - 1);
        let fraction = position - low as f64;
        weights[i * old + low] += 1.0 - fraction;
        weights[i * old + high] += fraction;
    }
    Tensor::from_elements(dtype, &[new, old], &weights)
}

fn matmul_batched(a: &Tensor, b: &Tensor) -> Tensor {
    let shape = vec![a.shape()[0], a.shape()[1], b.shape()[2]];
    Tensor::derived(Op::MatMul, vec![a.clone(), b.clone()], shape)
}
