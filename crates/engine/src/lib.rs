//! Lazy tensors with gradients of any order, whole-step plans and fast CPU kernels; knows nothing of GANs.
mod buffer;
mod grad;
pub mod kernels;
mod ops;
pub mod pool;
pub mod reference;
mod tensor;
mod view;

pub use buffer::Buffer;
pub use grad::grad;
pub use ops::{ConvOptions, Key, PadMode, concat, select};
pub use tensor::{DType, Tensor};
