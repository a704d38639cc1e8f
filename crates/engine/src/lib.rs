//! Lazy tensors with gradients of any order, whole-step plans and fast CPU kernels; knows nothing of GANs.
pub mod kernels;
pub mod pool;
