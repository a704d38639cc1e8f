//! Folding axes: sums, means, extremes, and what is made of them.
use crate::kernels::loops::ReduceKind;
use crate::tensor::{Op, Tensor};

impl Tensor {
    /// Folds axes to extent 1.
    #[track_caller]
    pub(crate) fn reduce_kept(&self, kind: ReduceKind, axes: &[usize]) -> Tensor {
        let mut axes = axes.to_vec();
        axes.sort_unstable();
        axes.dedup();
        assert!(
            axes.iter().all(|&a| a < self.rank()),
            "reduce: axes {axes:?} of shape {:?}",
            self.shape()
        );
        if axes.iter().all(|&a| self.shape()[a] == 1) {
            return self.clone();
        }
        let mut shape = self.shape().to_vec();
        axes.iter().for_each(|&a| shape[a] = 1);
        Tensor::derived(Op::Reduce(kind, axes), vec![self.clone()], shape)
    }

    /// The tensor without these axes, whose extents are 1.
    #[track_caller]
    pub(crate) fn without(&self, axes: &[usize]) -> Tensor {
        let kept = (0..self.rank()).filter(|a| !axes.contains(a)).map(|a| self.shape()[a]);
        self.reshape(&kept.collect::<Vec<_>>())
    }

    fn all_axes(&self) -> Vec<usize> {
        (0..self.rank()).collect()
    }

    /// Sum of all elements, a scalar.
    pub fn sum(&self) -> Tensor {
        self.sum_axes(&self.all_axes())
    }

    /// Sum over some axes, which vanish.
    #[track_caller]
    pub fn sum_axes(&self, axes: &[usize]) -> Tensor {
        self.reduce_kept(ReduceKind::Sum, axes).without(axes)
    }

    /// Sum over some axes, which stay with extent 1.
    #[track_caller]
    pub fn sum_axes_kept(&self, axes: &[usize]) -> Tensor {
        self.reduce_kept(ReduceKind::Sum, axes)
    }

    /// Mean of all elements, a scalar.
    pub fn mean(&self) -> Tensor {
        self.mean_axes(&self.all_axes())
    }

    /// Mean over some axes, which vanish.
    #[track_caller]
    pub fn mean_axes(&self, axes: &[usize]) -> Tensor {
        self.mean_axes_kept(axes).without(axes)
    }

    /// Mean over some axes, which stay with extent 1.
    #[track_caller]
    pub fn mean_axes_kept(&self, axes: &[usize]) -> Tensor {
        let sum = self.sum_axes_kept(axes);
        let folded = self.numel() as f64 / sum.numel().max(1) as f64;
        sum * (1.0 / folded)
    }

    /// Largest elements over some axes, which vanish; equal largest elements share the gradient.
    #[track_caller]
    pub fn max_axes(&self, axes: &[usize]) -> Tensor {
        self.reduce_kept(ReduceKind::Max, axes).without(axes)
    }

    /// Smallest elements over some axes, which vanish; equal smallest elements share the gradient.
    #[track_caller]
    pub fn min_axes(&self, axes: &[usize]) -> Tensor {
        self.reduce_kept(ReduceKind::Min, axes).without(axes)
    }

    /// Position of the first largest element along one axis, which vanishes; NaN counts as the largest.
    #[track_caller]
    pub fn argmax(&self, axis: usize) -> Tensor {
        assert!(
            self.extent(axis) > 0,
            "argmax: axis {axis} of shape {:?} is empty",
            self.shape()
        );
        let mut shape = self.shape().to_vec();
        shape[axis] = 1;
        Tensor::derived(Op::ArgMax(axis), vec![self.clone()], shape).without(&[axis])
    }

    /// log(sum(exp(x))) along one axis, which vanishes; without overflow.
    #[track_caller]
    pub fn logsumexp(&self, axis: usize) -> Tensor {
        self.logsumexp_kept(axis).without(&[axis])
    }

    fn logsumexp_kept(&self, axis: usize) -> Tensor {
        // The largest element only shifts the exponent, so no gradient need pass through it.
        let largest = self.reduce_kept(ReduceKind::Max, &[axis]).detach();
        (self - &largest).exp().sum_axes_kept(&[axis]).log() + largest
    }

    /// exp(x) / sum(exp(x)) along one axis.
    #[track_caller]
    pub fn softmax(&self, axis: usize) -> Tensor {
        self.log_softmax(axis).exp()
    }

    /// Logarithm of [`softmax`](Tensor::softmax).
    #[track_caller]
    pub fn log_softmax(&self, axis: usize) -> Tensor {
        self - self.logsumexp_kept(axis)
    }

    /// Euclidean length along one axis, which vanishes; the gradient at length 0 is 0.
    #[track_caller]
    pub fn norm(&self, axis: usize) -> Tensor {
        let squared = self.square().sum_axes(&[axis]);
        // Equal to 0 rather than not above it: NaN must stay NaN.
        let is_zero = squared.equals(&squared.zeros_like());
        let safe = crate::select(&is_zero, &squared.ones_like(), &squared);
        safe.sqrt() * (1.0 - is_zero)
    }
}
