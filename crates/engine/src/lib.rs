//! Lazy tensors with gradients of any order, whole-step plans and fast CPU kernels; knows nothing of GANs.
mod buffer;
mod cpu;
mod grad;
pub mod kernels;
mod ops;
mod plan;
pub mod pool;
mod program;
#[doc(hidden)]
pub mod reference;
mod tensor;
mod view;

pub use buffer::{Buffer, DType, OutOfMemory};
pub use grad::grad;
pub use kernels::arithmetic::Precision;
pub use ops::{ConvOptions, Key, PadMode, concat, select};
pub use plan::{Cost, plans_built};
pub use program::{Program, Timing, evaluate};
pub use tensor::Tensor;
