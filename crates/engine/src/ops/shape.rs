//! Moving elements: reshape, permute, slice, pad, concatenate, gather.
use crate::tensor::{Op, Tensor};

/// What lies beyond the border of a padded tensor.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum PadMode {
    /// Zeros.
    Zero,
    /// The inside mirrored at the border element, which is not repeated.
    Reflect,
    /// The border element again and again.
    Replicate,
}

/// Joins tensors along one axis; the other extents must agree.
///
/// # Panics
/// Where there is no tensor, or shapes do not fit.
#[track_caller]
pub fn concat(tensors: &[Tensor], axis: usize) -> Tensor {
    let first = tensors.first().expect("concat: at least one tensor");
    let mut shape = first.shape().to_vec();
    assert!(axis < shape.len(), "concat: axis {axis} of shape {shape:?}");
    for tensor in &tensors[1..] {
        let fits = tensor.rank() == shape.len() && (0..shape.len()).all(|a| a == axis || tensor.shape()[a] == shape[a]);
        assert!(
            fits,
            "concat: shapes {:?} and {:?} differ outside axis {axis}",
            first.shape(),
            tensor.shape()
        );
        assert_eq!(tensor.dtype(), first.dtype(), "concat: dtypes differ");
        shape[axis] += tensor.shape()[axis];
    }
    if tensors.len() == 1 {
        return first.clone();
    }
    Tensor::derived(Op::Concat(axis), tensors.to_vec(), shape)
}

impl Tensor {
    /// The same elements in the same order under another shape.
    ///
    /// # Panics
    /// Where the shapes hold different numbers of elements.
    #[track_caller]
    pub fn reshape(&self, shape: &[usize]) -> Tensor {
        let fits = self.numel() == shape.iter().product::<usize>();
        assert!(fits, "reshape: {:?} does not fill {shape:?}", self.shape());
        if shape == self.shape() {
            return self.clone();
        }
        match self.constant() {
            Some(number) => Tensor::full(self.dtype(), shape, number),
            None => Tensor::derived(Op::Reshape, vec![self.clone()], shape.to_vec()),
        }
    }

    /// All axes from this one on as a single axis.
    #[track_caller]
    pub fn flatten_from(&self, axis: usize) -> Tensor {
        assert!(
            axis <= self.rank(),
            "flatten_from: axis {axis} of shape {:?}",
            self.shape()
        );
        let mut shape = self.shape()[..axis].to_vec();
        shape.push(self.shape()[axis..].iter().product());
        self.reshape(&shape)
    }

    /// Repeats the tensor to a larger shape, as numpy does: aligned at the last axis, extents of 1 are repeated.
    ///
    /// # Panics
    /// Where the shape cannot be reached.
    #[track_caller]
    pub fn broadcast_to(&self, shape: &[usize]) -> Tensor {
        if shape == self.shape() {
            return self.clone();
        }
        let message = || format!("broadcast_to: {:?} does not broadcast to {shape:?}", self.shape());
        let missing = shape
            .len()
            .checked_sub(self.rank())
            .unwrap_or_else(|| panic!("{}", message()));
        let aligned: Vec<usize> = std::iter::repeat_n(1, missing)
            .chain(self.shape().iter().copied())
            .collect();
        assert!(
            aligned.iter().zip(shape).all(|(a, b)| a == b || *a == 1),
            "{}",
            message()
        );
        match self.constant() {
            Some(number) => Tensor::full(self.dtype(), shape, number),
            None => {
                let aligned = self.reshape(&aligned);
                if aligned.shape() == shape {
                    return aligned;
                }
                Tensor::derived(Op::Broadcast, vec![aligned], shape.to_vec())
            }
        }
    }

    /// Reorders the axes: axis i of the result is axis `axes[i]` of this tensor.
    ///
    /// # Panics
    /// Where `axes` is not a permutation of all axes.
    #[track_caller]
    pub fn permute(&self, axes: &[usize]) -> Tensor {
        let mut sorted = axes.to_vec();
        sorted.sort_unstable();
        assert!(
            sorted.iter().copied().eq(0..self.rank()),
            "permute: {axes:?} is no order of the axes of {:?}",
            self.shape()
        );
        if axes.is_sorted() {
            return self.clone();
        }
        let shape = axes.iter().map(|&a| self.shape()[a]).collect();
        Tensor::derived(Op::Permute(axes.to_vec()), vec![self.clone()], shape)
    }

    /// Swaps the last two axes.
    #[track_caller]
    pub fn transpose(&self) -> Tensor {
        assert!(
            self.rank() >= 2,
            "transpose: shape {:?} has fewer than two axes",
            self.shape()
        );
        let mut axes: Vec<usize> = (0..self.rank()).collect();
        axes.swap(self.rank() - 2, self.rank() - 1);
        self.permute(&axes)
    }

    /// Elements `start..end` along one axis.
    ///
    /// # Panics
    /// Where the range leaves the axis.
    #[track_caller]
    pub fn slice(&self, axis: usize, start: usize, end: usize) -> Tensor {
        let extent = self.extent(axis);
        assert!(
            start <= end && end <= extent,
            "slice: {start}..{end} of axis {axis} of shape {:?}",
            self.shape()
        );
        self.slice_step(axis, start, end - start, 1)
    }

    /// `count` elements along one axis: `start`, `start + step`, ...; a negative step runs backwards.
    ///
    /// # Panics
    /// Where an element lies outside of the axis.
    #[track_caller]
    pub fn slice_step(&self, axis: usize, start: usize, count: usize, step: isize) -> Tensor {
        let extent = self.extent(axis) as isize;
        let last = start as isize + step * (count as isize - 1);
        assert!(
            count == 0 || ((start as isize) < extent && (0..extent).contains(&last)),
            "slice: {count} elements from {start} by {step} leave axis {axis} of shape {:?}",
            self.shape()
        );
        if start == 0 && step == 1 && count as isize == extent {
            return self.clone();
        }
        let mut shape = self.shape().to_vec();
        let (mut starts, mut steps) = (vec![0; shape.len()], vec![1; shape.len()]);
        (shape[axis], starts[axis], steps[axis]) = (count, start, step);
        // No element is read, so none may lie outside.
        if count == 0 {
            starts[axis] = 0;
        }
        match self.constant() {
            Some(number) => Tensor::full(self.dtype(), &shape, number),
            None => Tensor::derived(Op::Slice { starts, steps }, vec![self.clone()], shape),
        }
    }

    /// Reverses one axis.
    #[track_caller]
    pub fn flip(&self, axis: usize) -> Tensor {
        let extent = self.extent(axis);
        self.slice_step(axis, extent.saturating_sub(1), extent, -1)
    }

    /// Widens one axis by `low` elements before and `high` behind.
    ///
    /// # Panics
    /// Where reflection needs more elements than there are, or replication has none.
    #[track_caller]
    pub fn pad(&self, axis: usize, low: usize, high: usize, mode: PadMode) -> Tensor {
        let extent = self.extent(axis);
        if low == 0 && high == 0 {
            return self.clone();
        }
        let side = |count: usize, at_low: bool| match mode {
            PadMode::Reflect => {
                assert!(
                    count < extent,
                    "pad: cannot reflect {count} elements of axis {axis} of shape {:?}",
                    self.shape()
                );
                let start = if at_low { count } else { extent - 2 };
                self.slice_step(axis, if count == 0 { 0 } else { start }, count, -1)
            }
            _ => {
                assert!(
                    extent > 0,
                    "pad: nothing to replicate along axis {axis} of shape {:?}",
                    self.shape()
                );
                let mut shape = self.shape().to_vec();
                shape[axis] = count;
                self.slice_step(axis, if at_low { 0 } else { extent - 1 }, 1, 1)
                    .broadcast_to(&shape)
            }
        };
        if mode == PadMode::Zero {
            let mut shape = self.shape().to_vec();
            let mut starts = vec![0; shape.len()];
            shape[axis] += low + high;
            starts[axis] = low;
            let steps = vec![1; shape.len()];
            return Tensor::derived(Op::Embed { starts, steps }, vec![self.clone()], shape);
        }
        let parts = [
            (low > 0).then(|| side(low, true)),
            Some(self.clone()),
            (high > 0).then(|| side(high, false)),
        ];
        concat(&parts.into_iter().flatten().collect::<Vec<_>>(), axis)
    }

    /// Rows of this table `[rows, ..]` by their numbers: an index of shape `[n]` gives `[n, ..]`.
    /// Numbers are whole and exact in floating point up to 2^24; what is out of range reads the nearest row.
    #[track_caller]
    pub fn gather(&self, index: &Tensor) -> Tensor {
        assert!(
            self.rank() >= 1 && index.rank() == 1,
            "gather: table {:?}, index {:?}",
            self.shape(),
            index.shape()
        );
        assert!(
            self.extent(0) > 0 || index.numel() == 0,
            "gather: the table has no rows"
        );
        let mut shape = self.shape().to_vec();
        shape[0] = index.extent(0);
        Tensor::derived(Op::Gather, vec![self.clone(), index.clone()], shape)
    }

    /// Adds the rows of this tensor `[n, ..]` into zeros `[rows, ..]` at the row numbers of an index `[n]`.
    #[track_caller]
    pub fn scatter_add(&self, index: &Tensor, rows: usize) -> Tensor {
        let fits = self.rank() >= 1 && index.rank() == 1 && index.extent(0) == self.extent(0);
        assert!(
            fits,
            "scatter_add: values {:?}, index {:?}",
            self.shape(),
            index.shape()
        );
        assert!(
            rows > 0 || index.numel() == 0,
            "scatter_add: there are no rows to add to"
        );
        let mut shape = self.shape().to_vec();
        shape[0] = rows;
        Tensor::derived(Op::ScatterAdd, vec![self.clone(), index.clone()], shape)
    }
}
