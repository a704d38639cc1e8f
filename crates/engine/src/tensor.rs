//! A tensor is a cheap handle on a node of a lazy graph: building it checks shapes, asking for its value runs it.
use crate::buffer::{Buffer, DType};
use crate::kernels::loops::{Binary, ReduceKind, Unary};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, OnceLock};

/// A tensor: a handle on a node of the lazy graph. Cloning it is cheap and shares the node.
#[derive(Clone)]
pub struct Tensor(pub(crate) Arc<Node>);

pub(crate) struct Node {
    /// Grows with every node, so inputs always have smaller numbers than what is made of them.
    pub(crate) id: u64,
    pub(crate) op: Op,
    pub(crate) inputs: Vec<Tensor>,
    pub(crate) shape: Vec<usize>,
    pub(crate) dtype: DType,
    /// The elements, where they are known already.
    pub(crate) value: OnceLock<Buffer>,
}

impl Drop for Node {
    fn drop(&mut self) {
        // One after the other: a chain of a hundred thousand nodes would overflow the stack if each dropped the next.
        let mut orphans = std::mem::take(&mut self.inputs);
        while let Some(tensor) = orphans.pop() {
            if let Some(mut node) = Arc::into_inner(tensor.0) {
                orphans.append(&mut node.inputs);
            }
        }
    }
}

/// The closed set of operations: every gradient of one of these is written with these.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub(crate) enum Op {
    /// A leaf: a value that is known, or a place for one.
    Input,
    /// The same number everywhere; the bits of an f64.
    Constant(u64),
    /// The flat index of every element.
    Iota,
    /// Hides its argument from `grad`.
    Detach,
    Unary(Unary),
    Binary(Binary),
    /// x where positive, slope * x elsewhere; the bits of the slope. Its gradient needs its result only.
    LeakyRelu(u64),
    /// `[condition, a, b]`: a where the condition is not 0, b elsewhere.
    Select,
    Reshape,
    /// Repeats along axes of extent 1.
    Broadcast,
    Permute(Vec<usize>),
    /// Element i of an axis is element `start + i * step` of the argument.
    Slice {
        starts: Vec<usize>,
        steps: Vec<isize>,
    },
    /// The adjoint of `Slice`: zeros, with element i of the argument at `start + i * step`.
    Embed {
        starts: Vec<usize>,
        steps: Vec<isize>,
    },
    Concat(usize),
    /// `[table, index]`: rows of the table.
    Gather,
    /// `[values, index]`: the adjoint of `Gather`; rows that meet are added.
    ScatterAdd,
    /// Folds the axes to extent 1.
    Reduce(ReduceKind, Vec<usize>),
    /// Position of the first largest element along an axis, which gets extent 1.
    ArgMax(usize),
    /// `[b, m, k] x [b, k, n]`.
    MatMul,
    Conv(ConvKind, Geometry),
    /// `[key]`: counter-based random numbers of a stream.
    Random(Random, u64),
}

/// The three sister operations of a convolution; each is the others' derivative.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(crate) enum ConvKind {
    /// `[x, w] -> y`
    Forward,
    /// `[y, w] -> x`, which is also the transposed convolution
    Input,
    /// `[x, y] -> w`
    Weight,
}

/// How a convolution's kernel moves; always three spatial axes, the outer ones 1 where there are fewer.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub(crate) struct Geometry {
    pub(crate) stride: [usize; 3],
    pub(crate) padding: [usize; 3],
    pub(crate) dilation: [usize; 3],
    pub(crate) groups: usize,
}

/// Distributions of random numbers.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(crate) enum Random {
    /// On [0, 1).
    Uniform,
    /// Mean 0, variance 1.
    Normal,
}

impl Tensor {
    pub(crate) fn node(op: Op, inputs: Vec<Tensor>, shape: Vec<usize>, dtype: DType) -> Tensor {
        static NEXT: AtomicU64 = AtomicU64::new(0);
        let id = NEXT.fetch_add(1, Ordering::Relaxed);
        Tensor(Arc::new(Node {
            id,
            op,
            inputs,
            shape,
            dtype,
            value: OnceLock::new(),
        }))
    }

    /// A node of the same dtype as its first input.
    pub(crate) fn derived(op: Op, inputs: Vec<Tensor>, shape: Vec<usize>) -> Tensor {
        let dtype = inputs[0].dtype();
        Tensor::node(op, inputs, shape, dtype)
    }

    fn with_value(shape: &[usize], value: Buffer) -> Tensor {
        let tensor = Tensor::node(Op::Input, vec![], shape.to_vec(), value.dtype());
        tensor.0.value.set(value).ok();
        tensor
    }

    /// An f32 tensor of these elements in row-major order.
    ///
    /// # Panics
    /// Where the number of elements is not the product of the extents.
    #[track_caller]
    pub fn from_f32(shape: &[usize], elements: &[f32]) -> Tensor {
        assert_eq!(
            shape.iter().product::<usize>(),
            elements.len(),
            "from_f32: elements do not fill shape {shape:?}"
        );
        Tensor::with_value(shape, Buffer::from_f32(elements))
    }

    /// An f64 tensor of these elements in row-major order.
    ///
    /// # Panics
    /// Where the number of elements is not the product of the extents.
    #[track_caller]
    pub fn from_f64(shape: &[usize], elements: &[f64]) -> Tensor {
        assert_eq!(
            shape.iter().product::<usize>(),
            elements.len(),
            "from_f64: elements do not fill shape {shape:?}"
        );
        Tensor::with_value(shape, Buffer::from_f64(elements))
    }

    /// A tensor of this dtype from f64 elements in row-major order, rounded where need be.
    ///
    /// # Panics
    /// Where the number of elements is not the product of the extents.
    #[track_caller]
    pub fn from_elements(dtype: DType, shape: &[usize], elements: &[f64]) -> Tensor {
        match dtype {
            DType::F64 => Tensor::from_f64(shape, elements),
            DType::F32 => Tensor::from_f32(shape, &elements.iter().map(|&x| x as f32).collect::<Vec<_>>()),
        }
    }

    /// A place for a value that is given when a [`Program`](crate::Program) runs.
    pub fn placeholder(dtype: DType, shape: &[usize]) -> Tensor {
        Tensor::node(Op::Input, vec![], shape.to_vec(), dtype)
    }

    /// The same number everywhere; takes no memory.
    pub fn full(dtype: DType, shape: &[usize], number: f64) -> Tensor {
        Tensor::node(Op::Constant(number.to_bits()), vec![], shape.to_vec(), dtype)
    }

    /// 0 everywhere, in the shape and dtype of this tensor.
    pub fn zeros_like(&self) -> Tensor {
        Tensor::full(self.dtype(), self.shape(), 0.0)
    }

    /// 1 everywhere, in the shape and dtype of this tensor.
    pub fn ones_like(&self) -> Tensor {
        Tensor::full(self.dtype(), self.shape(), 1.0)
    }

    /// 0, 1, 2, ... along one axis of this extent.
    pub fn arange(dtype: DType, extent: usize) -> Tensor {
        Tensor::node(Op::Iota, vec![], vec![extent], dtype)
    }

    /// The number of this node: tensors that are made later have larger ones.
    pub fn id(&self) -> u64 {
        self.0.id
    }

    /// Extents, outermost first; empty for a scalar.
    pub fn shape(&self) -> &[usize] {
        &self.0.shape
    }

    /// How many axes.
    pub fn rank(&self) -> usize {
        self.0.shape.len()
    }

    /// The extent of one axis.
    ///
    /// # Panics
    /// Where there is no such axis.
    #[track_caller]
    pub fn extent(&self, axis: usize) -> usize {
        assert!(
            axis < self.rank(),
            "extent: axis {axis} of a tensor of shape {:?}",
            self.shape()
        );
        self.0.shape[axis]
    }

    /// How many elements.
    pub fn numel(&self) -> usize {
        self.0.shape.iter().product()
    }

    /// What the elements are.
    pub fn dtype(&self) -> DType {
        self.0.dtype
    }

    /// The number that fills this tensor, where that is known without computing it.
    pub(crate) fn constant(&self) -> Option<f64> {
        match self.0.op {
            Op::Constant(bits) => Some(f64::from_bits(bits)),
            _ => None,
        }
    }
}

impl std::fmt::Debug for Tensor {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Tensor({:?}, {:?}, {:?})", self.0.op, self.shape(), self.dtype())
    }
}
